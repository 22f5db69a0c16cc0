/* filter_json.c - a listing's filter out of headers, over jansson. */
#include "common/adapters/filter_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/core/json_cut.h"

#define HEADER_PREFIX "x-clonecloudstore-"

typedef enum fy_code header_fn(struct fy_filter *filter, size_t offset, const char *value,
                               fy_strip_marks_fn *strip, struct fy_err *err);

/* A JSON value of a header. NULL: err is set. */
static json_t *load(const char *value, struct fy_err *err)
{
    size_t size_bytes = strlen(value);
    if (fy_json_depth_check(value, size_bytes, err) != FY_OK)
        return NULL;
    json_error_t why;
    json_t *tree = json_loadb(value, size_bytes, JSON_REJECT_DUPLICATES, &why);
    if (tree == NULL)
        (void)fy_err_set(err, FY_EINPUT, "not JSON: %s at byte %d", why.text, why.position);
    return tree;
}

static enum fy_code take_prefix(struct fy_filter *filter, size_t offset, const char *value,
                                fy_strip_marks_fn *strip, struct fy_err *err)
{
    (void)offset;
    return fy_ccs_clean_object(value, strip, filter->name_prefix, err);
}

static enum fy_code take_statuses(struct fy_filter *filter, size_t offset, const char *value,
                                  fy_strip_marks_fn *strip, struct fy_err *err)
{
    (void)offset;
    (void)strip;
    json_auto_t *tree = load(value, err);
    if (tree == NULL)
        return FY_EINPUT;
    if (!json_is_array(tree))
        return fy_err_set(err, FY_EINPUT, "not an array of status names");
    unsigned statuses = 0;
    size_t index;
    json_t *word;
    json_array_foreach(tree, index, word)
    {
        enum fy_status status;
        if (!json_is_string(word) || !fy_status_parse(json_string_value(word), &status))
            return fy_err_set(err, FY_EINPUT, "entry %zu is no status name", index);
        statuses |= fy_filter_status_bit(status);
    }
    filter->statuses = statuses;
    return FY_OK;
}

static enum fy_code take_instant(struct fy_filter *filter, size_t offset, const char *value,
                                 fy_strip_marks_fn *strip, struct fy_err *err)
{
    (void)strip;
    int64_t wall_ms;
    if (fy_instant_parse(value, &wall_ms) != FY_OK)
        return fy_err_set(err, FY_EINPUT, "'%.60s' is not an instant like 2024-02-21T11:27:52Z",
                          value);
    memcpy((char *)filter + offset, &wall_ms, sizeof(wall_ms));
    return FY_OK;
}

static enum fy_code take_size(struct fy_filter *filter, size_t offset, const char *value,
                              fy_strip_marks_fn *strip, struct fy_err *err)
{
    (void)strip;
    char *rest;
    errno = 0;
    long long size = strtoll(value, &rest, 10);
    bool starts_with_digit = value[0] >= '0' && value[0] <= '9';
    if (!starts_with_digit || *rest != '\0' || errno != 0)
        return fy_err_set(err, FY_EINPUT, "'%.60s' is not a number of bytes", value);
    int64_t bound = size;
    memcpy((char *)filter + offset, &bound, sizeof(bound));
    return FY_OK;
}

static enum fy_code take_metadata(struct fy_filter *filter, size_t offset, const char *value,
                                  fy_strip_marks_fn *strip, struct fy_err *err)
{
    (void)offset;
    (void)strip;
    json_auto_t *tree = load(value, err);
    if (tree == NULL)
        return FY_EINPUT;
    if (!json_is_object(tree))
        return fy_err_set(err, FY_EINPUT, "not an object of texts");
    const char *key;
    json_t *text;
    json_object_foreach(tree, key, text)
    {
        if (!json_is_string(text))
            return fy_err_set(err, FY_EINPUT, "the value of '%.80s' is not a text", key);
        enum fy_code code = fy_filter_pair_add(filter, key, json_string_value(text), err);
        if (code != FY_OK)
            return code;
    }
    return FY_OK;
}

static const struct header_row {
    const char *name; /* behind the prefix, as CCS spells it */
    header_fn *take;
    size_t offset; /* of the int64_t that it fills */
} header_table[] = {
    {"namePrefix", take_prefix, 0},
    {"statuses", take_statuses, 0},
    {"creationBefore", take_instant, offsetof(struct fy_filter, creation_before_ms)},
    {"creationAfter", take_instant, offsetof(struct fy_filter, creation_after_ms)},
    {"expiresBefore", take_instant, offsetof(struct fy_filter, expires_before_ms)},
    {"expiresAfter", take_instant, offsetof(struct fy_filter, expires_after_ms)},
    {"sizeLT", take_size, offsetof(struct fy_filter, size_less)},
    {"sizeGT", take_size, offsetof(struct fy_filter, size_greater)},
    {"metadataEq", take_metadata, 0},
};

enum fy_code fy_filter_header(struct fy_filter *filter, const char *name, const char *value,
                              fy_strip_marks_fn *strip, struct fy_err *err)
{
    if (strncasecmp(name, HEADER_PREFIX, strlen(HEADER_PREFIX)) != 0)
        return FY_OK;
    name += strlen(HEADER_PREFIX);
    if (value[strspn(value, " \t")] == '\0')
        return FY_OK;
    for (size_t i = 0; i < FY_COUNT_OF(header_table); i++) {
        const struct header_row *row = &header_table[i];
        if (strcasecmp(name, row->name) != 0)
            continue;
        if (row->take(filter, row->offset, value, strip, err) == FY_OK)
            return FY_OK;
        return fy_err_add(err, "header %s%s", HEADER_PREFIX, row->name);
    }
    return FY_OK;
}

static bool metadata_matches(const struct fy_filter *filter, const char *metadata)
{
    /* Ours was checked before it was stored (metadata_json.h), so depth and size are bounded. */
    json_auto_t *tree = json_loads(metadata[0] != '\0' ? metadata : "{}", 0, NULL);
    for (size_t i = 0; i < filter->pair_count; i++) {
        const char *text = json_string_value(json_object_get(tree, fy_filter_pair_key(filter, i)));
        if (text == NULL || strcmp(text, fy_filter_pair_value(filter, i)) != 0)
            return false;
    }
    return true;
}

bool fy_filter_matches(const struct fy_filter *filter, enum fy_status status, const char *name,
                       int64_t creation_ms, int64_t expires_ms, int64_t size, const char *metadata)
{
    if (!fy_filter_matches_columns(filter, status, name, creation_ms, expires_ms, size))
        return false;
    return filter->pair_count == 0 || metadata_matches(filter, metadata);
}
