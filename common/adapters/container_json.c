/* container_json.c - container descriptions, read with jansson. */
#include "common/adapters/container_json.h"

#include <jansson.h>
#include <string.h>

#include "common/core/json_cut.h"

/* The first of two keys that holds a text; absent and null give "". */
static enum fy_code text_get(const json_t *object, const char *key, const char *other, char *out,
                             size_t out_bytes, struct fy_err *err)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL && other != NULL)
        value = json_object_get(object, other);
    out[0] = '\0';
    if (value == NULL || json_is_null(value))
        return FY_OK;
    if (!json_is_string(value))
        return fy_err_set(err, FY_EINPUT, "container: %s is not a text", key);
    if (!fy_text_copy(out, out_bytes, json_string_value(value)))
        return fy_err_set(err, FY_EINPUT, "container: %s is too long", key);
    return FY_OK;
}

static enum fy_code instant_get(const json_t *object, const char *key, int64_t *wall_ms,
                                struct fy_err *err)
{
    char text[64];
    enum fy_code code = text_get(object, key, NULL, text, sizeof(text), err);
    *wall_ms = 0;
    if (code != FY_OK || text[0] == '\0')
        return code;
    if (fy_instant_parse(text, wall_ms) != FY_OK)
        return fy_err_set(err, FY_EINPUT, "container: %s is not an instant", key);
    return FY_OK;
}

static enum fy_code status_get(const json_t *object, enum fy_status *status, struct fy_err *err)
{
    char text[32];
    enum fy_code code = text_get(object, "status", NULL, text, sizeof(text), err);
    *status = FY_STATUS_UNKNOWN;
    if (code != FY_OK || text[0] == '\0')
        return code;
    if (!fy_status_parse(text, status))
        return fy_err_set(err, FY_EINPUT, "container: status '%s' is unknown", text);
    return FY_OK;
}

static enum fy_code register_get(const json_t *object, struct fy_container_json *row,
                                 struct fy_err *err)
{
    char text[FY_STAMP_TEXT_BYTES];
    enum fy_code code = text_get(object, "stamp", NULL, text, sizeof(text), err);
    if (code != FY_OK || text[0] == '\0')
        return code;
    const json_t *present = json_object_get(object, "present");
    if (!json_is_boolean(present))
        return fy_err_set(err, FY_EINPUT, "container: a stamp without `present`");
    row->has_register = true;
    row->present = json_is_true(present);
    return fy_stamp_parse(text, &row->stamp, err);
}

static enum fy_code fields_get(const json_t *object, struct fy_container_json *row,
                               struct fy_err *err)
{
    enum fy_code code =
        text_get(object, "account", "clientId", row->account, sizeof(row->account), err);
    if (code == FY_OK)
        code = text_get(object, "name", "id", row->name, sizeof(row->name), err);
    if (code == FY_OK)
        code = text_get(object, "site", NULL, row->site, sizeof(row->site), err);
    if (code == FY_OK)
        code = status_get(object, &row->status, err);
    if (code == FY_OK)
        code = register_get(object, row, err);
    if (code == FY_OK)
        code = instant_get(object, "creation", &row->creation_ms, err);
    if (code == FY_OK)
        code = instant_get(object, "expires", &row->expires_ms, err);
    if (code == FY_OK && row->name[0] == '\0')
        code = fy_err_set(err, FY_EINPUT, "container: it has no name");
    return code;
}

enum fy_code fy_container_json_parse(const char *bytes, size_t size_bytes,
                                     struct fy_container_json *out, struct fy_err *err)
{
    if (fy_json_depth_check(bytes, size_bytes, err) != FY_OK)
        return fy_err_add(err, "container");
    json_error_t why;
    json_auto_t *root = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        return fy_err_set(err, FY_EINPUT, "container: not JSON: %s", why.text);
    const json_t *wrapped = json_object_get(root, "response");
    const json_t *object = json_is_object(wrapped) ? wrapped : root;
    if (!json_is_object(object))
        return fy_err_set(err, FY_EINPUT, "container: not a JSON object");
    struct fy_container_json row = {0};
    enum fy_code code = fields_get(object, &row, err);
    if (code == FY_OK)
        *out = row;
    return code;
}
