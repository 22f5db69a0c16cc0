/* diff_json.c - answers of other sites to a comparison, read with jansson. */
#include "common/adapters/diff_json.h"

#include <jansson.h>
#include <string.h>

#include "common/core/json_cut.h"
#include "common/core/rule.h"

static enum fy_code nonsense(const char *what, struct fy_err *err)
{
    return fy_err_set(err, FY_EPEER, "the answer is not what a site says: %s", what);
}

/* NULL: err is set. */
static json_t *load(const char *bytes, size_t size_bytes, struct fy_err *err)
{
    struct fy_err depth;
    json_error_t why;
    if (fy_json_depth_check(bytes, size_bytes, &depth) != FY_OK) {
        (void)nonsense(depth.text, err);
        return NULL;
    }
    json_t *root = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        (void)nonsense(why.text, err);
    return root;
}

/* A text that may be absent or null: then "". */
static bool take_text(const json_t *object, const char *key, char *field, size_t field_bytes)
{
    const json_t *value = json_object_get(object, key);
    field[0] = '\0';
    if (value == NULL || json_is_null(value))
        return true;
    return json_is_string(value) && fy_text_copy(field, field_bytes, json_string_value(value));
}

/* A name, which must be there. */
static bool take_name(const json_t *object, const char *key, char *field, size_t field_bytes)
{
    return take_text(object, key, field, field_bytes) && field[0] != '\0';
}

static bool take_count(const json_t *object, const char *key, int64_t *count)
{
    const json_t *value = json_object_get(object, key);
    *count = json_integer_value(value);
    return json_is_integer(value) && *count >= 0;
}

/* ---- parts */

static bool take_part(const json_t *object, struct fy_diff_part *part)
{
    char sum[FY_SUM_DIGITS + 1];
    const json_t *until = json_object_get(object, "until");
    part->until[0] = '\0';
    return (json_is_null(until) || take_name(object, "until", part->until, sizeof(part->until))) &&
           take_count(object, "count", &part->count) &&
           take_text(object, "sum", sum, sizeof(sum)) && fy_sum_parse(sum, &part->sum);
}

enum fy_code fy_diff_json_parts(const char *bytes, size_t size_bytes, struct fy_diff_parts *out,
                                struct fy_err *err)
{
    json_auto_t *root = load(bytes, size_bytes, err);
    if (root == NULL)
        return err->code;
    const json_t *list = json_object_get(root, "parts");
    if (json_array_size(list) < 1 || json_array_size(list) > FY_DIFF_PARTS)
        return nonsense("no parts, or too many", err);
    out->count = json_array_size(list);
    for (size_t index = 0; index < out->count; index++) {
        struct fy_diff_part *part = &out->parts[index];
        if (!take_part(json_array_get(list, index), part))
            return nonsense("a part is none", err);
        if (part->until[0] == '\0' && index + 1 < out->count)
            return nonsense("parts behind the end", err);
    }
    return FY_OK;
}

/* ---- rows */

static bool take_status(const json_t *object, bool *ready)
{
    char word[32];
    enum fy_status status;
    if (!take_text(object, "status", word, sizeof(word)) || !fy_status_parse(word, &status))
        return false;
    *ready = status == FY_STATUS_READY;
    return true;
}

static bool take_stamp(const json_t *object, struct fy_stamp *stamp)
{
    char text[FY_STAMP_TEXT_BYTES];
    struct fy_err err;
    *stamp = (struct fy_stamp){0};
    return take_text(object, "stamp", text, sizeof(text)) &&
           (text[0] == '\0' || fy_stamp_parse(text, stamp, &err) == FY_OK);
}

static bool take_row(const json_t *object, struct fy_diff_row *row)
{
    row->changed_ms = 0;
    return take_name(object, "name", row->name, sizeof(row->name)) &&
           take_text(object, "hash", row->hash, sizeof(row->hash)) &&
           take_count(object, "size", &row->size) && take_status(object, &row->ready) &&
           take_stamp(object, &row->stamp);
}

enum fy_code fy_diff_json_rows(const char *bytes, size_t size_bytes, struct fy_diff_rows *out,
                               struct fy_err *err)
{
    json_auto_t *root = load(bytes, size_bytes, err);
    if (root == NULL)
        return err->code;
    const json_t *list = json_object_get(root, "objects");
    if (!json_is_array(list) || json_array_size(list) > FY_DIFF_ROWS)
        return nonsense("no objects, or too many", err);
    out->count = json_array_size(list);
    out->more = json_is_string(json_object_get(root, "next"));
    for (size_t index = 0; index < out->count; index++)
        if (!take_row(json_array_get(list, index), &out->rows[index]))
            return nonsense("an object is none", err);
    return FY_OK;
}

/* ---- a line of a CCS listing */

static bool take_instant(const json_t *object, const char *key, int64_t *wall_ms)
{
    char text[64];
    *wall_ms = 0;
    return take_text(object, key, text, sizeof(text)) &&
           (text[0] == '\0' || fy_instant_parse(text, wall_ms) == FY_OK);
}

enum fy_code fy_diff_json_listed(const char *bytes, size_t size_bytes, struct fy_diff_row *row,
                                 char site[static FY_SITE_BYTES_MAX + 1], struct fy_err *err)
{
    json_auto_t *root = load(bytes, size_bytes, err);
    if (root == NULL)
        return err->code;
    if (!take_row(root, row) || !take_instant(root, "creation", &row->changed_ms) ||
        !take_text(root, "site", site, FY_SITE_BYTES_MAX + 1))
        return nonsense("an object is none", err);
    row->stamp = (struct fy_stamp){0}; /* no word of CCS's */
    return FY_OK;
}
