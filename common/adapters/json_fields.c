/* json_fields.c - flat objects, read with jansson. */
#include "common/adapters/json_fields.h"

#include <jansson.h>
#include <string.h>

#include "common/core/json_cut.h"

static enum fy_code read_text(const json_t *value, const struct fy_json_field *field, char *out,
                              struct fy_err *err)
{
    if (!json_is_string(value))
        return fy_err_set(err, FY_EINPUT, "%s: not a text", field->name);
    const char *text = json_string_value(value);
    if (strlen(text) != json_string_length(value))
        return fy_err_set(err, FY_EINPUT, "%s: holds a zero byte", field->name);
    if (!fy_text_copy(out, field->size_bytes, text))
        return fy_err_set(err, FY_EINPUT, "%s: over %zu bytes", field->name, field->size_bytes - 1);
    if ((field->required || field->kind == FY_JSON_WORD) && out[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "%s: blank", field->name);
    return FY_OK;
}

static enum fy_code read_field(const json_t *object, const struct fy_json_field *field, void *out,
                               struct fy_err *err)
{
    const json_t *value = json_object_get(object, field->name);
    char *member = (char *)out + field->offset;
    if (value == NULL || json_is_null(value))
        return field->required ? fy_err_set(err, FY_EINPUT, "%s: missing", field->name) : FY_OK;
    int64_t number;
    bool flag;
    switch (field->kind) {
    case FY_JSON_TEXT:
    case FY_JSON_WORD:
        return read_text(value, field, member, err);
    case FY_JSON_I64:
    case FY_JSON_ID:
        if (!json_is_integer(value))
            return fy_err_set(err, FY_EINPUT, "%s: not a whole number", field->name);
        number = json_integer_value(value);
        if (field->kind == FY_JSON_ID && number < 1)
            return fy_err_set(err, FY_EINPUT, "%s: below 1", field->name);
        memcpy(member, &number, sizeof(number));
        return FY_OK;
    case FY_JSON_BOOL:
        if (!json_is_boolean(value))
            return fy_err_set(err, FY_EINPUT, "%s: neither true nor false", field->name);
        flag = json_is_true(value);
        memcpy(member, &flag, sizeof(flag));
        return FY_OK;
    }
    return fy_err_set(err, FY_EINTERNAL, "%s: unknown kind", field->name);
}

static enum fy_code check_keys(json_t *object, const struct fy_json_field *fields, size_t count,
                               struct fy_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (i < count && strcmp(fields[i].name, key) != 0)
            i++;
        if (i == count)
            return fy_err_set(err, FY_EINPUT, "'%.80s' is no key of this", key);
    }
    return FY_OK;
}

static enum fy_code read_all(const char *bytes, size_t size_bytes, bool only,
                             const struct fy_json_field *fields, size_t count, void *out,
                             struct fy_err *err)
{
    /* Its parser recurses, and the threads of the pools have small stacks. */
    if (fy_json_depth_check(bytes, size_bytes, err) != FY_OK)
        return FY_EINPUT;
    json_error_t why;
    json_auto_t *object = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES, &why);
    if (object == NULL)
        return fy_err_set(err, FY_EINPUT, "not JSON: %s", why.text);
    if (!json_is_object(object))
        return fy_err_set(err, FY_EINPUT, "not a JSON object");
    enum fy_code code = only ? check_keys(object, fields, count, err) : FY_OK;
    for (size_t i = 0; code == FY_OK && i < count; i++)
        code = read_field(object, &fields[i], out, err);
    return code;
}

enum fy_code fy_json_fields_read(const char *bytes, size_t size_bytes,
                                 const struct fy_json_field *fields, size_t count, void *out,
                                 struct fy_err *err)
{
    return read_all(bytes, size_bytes, false, fields, count, out, err);
}

enum fy_code fy_json_fields_read_only(const char *bytes, size_t size_bytes,
                                      const struct fy_json_field *fields, size_t count, void *out,
                                      struct fy_err *err)
{
    return read_all(bytes, size_bytes, true, fields, count, out, err);
}
