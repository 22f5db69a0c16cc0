/* metadata_json.c - metadata checked and written in one form, over jansson. */
#include "common/adapters/metadata_json.h"

#include <jansson.h>
#include <string.h>

#include "common/core/json_cut.h"
#include "common/core/oio.h"

/* A text may shrink when it loses its escapes and spaces; one of over four times the bound is not
 * looked at. */
#define TEXT_BYTES_MAX ((size_t)4 * FY_METADATA_BYTES_MAX)

static enum fy_code check_pair(const char *key, const json_t *value, bool ccs, struct fy_err *err)
{
    if (ccs && !fy_ccs_metadata_key_is_valid(key))
        return fy_err_set(
            err, FY_EINPUT,
            "metadata key '%.80s' is not of letters, digits and '_', a digit not first", key);
    if (!ccs && (key[0] == '\0' || !fy_ccs_text_is_sane(key)))
        return fy_err_set(err, FY_EINPUT,
                          "metadata key '%.80s' is empty or holds what is not allowed", key);
    if (!json_is_string(value))
        return fy_err_set(err, FY_EINPUT, "metadata '%.80s' is not a text", key);
    if (!fy_ccs_text_is_sane(json_string_value(value)))
        return fy_err_set(err, FY_EINPUT,
                          "metadata '%.80s' holds a control character, ';', or markup", key);
    return FY_OK;
}

static enum fy_code check_tree(json_t *tree, bool ccs, struct fy_err *err)
{
    if (!json_is_object(tree))
        return fy_err_set(err, FY_EINPUT, "metadata is not a JSON object");
    const char *key;
    json_t *value;
    json_object_foreach(tree, key, value)
    {
        enum fy_code code = check_pair(key, value, ccs, err);
        if (code != FY_OK)
            return code;
    }
    return FY_OK;
}

enum fy_code fy_metadata_json_clean(const char *text, bool ccs,
                                    char out[static FY_METADATA_BYTES_MAX + 1], struct fy_err *err)
{
    if (text[0] == '\0')
        text = "{}";
    size_t text_bytes = strnlen(text, TEXT_BYTES_MAX + 1);
    if (text_bytes > TEXT_BYTES_MAX)
        return fy_err_set(err, FY_EINPUT, "metadata of over %zu bytes", TEXT_BYTES_MAX);
    if (fy_json_depth_check(text, text_bytes, err) != FY_OK)
        return fy_err_add(err, "metadata");

    json_error_t why;
    json_auto_t *tree =
        json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (tree == NULL)
        return fy_err_set(err, FY_EINPUT, "metadata is not JSON: %s at byte %d", why.text,
                          why.position);
    enum fy_code code = check_tree(tree, ccs, err);
    if (code != FY_OK)
        return code;

    char clean[FY_METADATA_BYTES_MAX];
    size_t clean_bytes = json_dumpb(tree, clean, sizeof(clean), JSON_COMPACT | JSON_SORT_KEYS);
    FY_ASSERT(clean_bytes >= 2); /* 0 would be a tree that cannot be written; the least is "{}" */
    if (clean_bytes > sizeof(clean))
        return fy_err_set(err, FY_EINPUT, "metadata of %zu bytes, more than %d", clean_bytes,
                          FY_METADATA_BYTES_MAX);
    memcpy(out, clean, clean_bytes);
    out[clean_bytes] = '\0';
    return FY_OK;
}

/* ------------------------------------------------------------------ set */

static void remove_all(json_t *tree)
{
    json_auto_t *mime_type = json_incref(json_object_get(tree, FY_OIO_MIME_KEY));
    FY_ASSERT(json_object_clear(tree) == 0);
    if (mime_type != NULL)
        FY_ASSERT(json_object_set(tree, FY_OIO_MIME_KEY, mime_type) == 0);
}

static enum fy_code set_pair(json_t *tree, const struct fy_property *property, struct fy_err *err)
{
    if (strcmp(property->key, FY_OIO_MIME_KEY) == 0)
        return fy_err_set(err, FY_EINPUT, "%s is no property", FY_OIO_MIME_KEY);
    if (property->value == NULL) {
        (void)json_object_del(tree, property->key); /* it may be absent */
        return FY_OK;
    }
    json_auto_t *value = json_string(property->value);
    if (value == NULL)
        return fy_err_set(err, FY_EINPUT, "property '%.80s' is no UTF-8", property->key);
    enum fy_code code = check_pair(property->key, value, false, err);
    if (code == FY_OK && json_object_set(tree, property->key, value) != 0)
        code = fy_err_set(err, FY_EINPUT, "a property's name is no UTF-8");
    return code;
}

enum fy_code fy_metadata_json_set(char metadata[static FY_METADATA_BYTES_MAX + 1], bool flush,
                                  const struct fy_property *properties, size_t count,
                                  struct fy_err *err)
{
    json_auto_t *tree = metadata[0] != '\0' ? json_loads(metadata, 0, NULL) : json_object();
    if (tree == NULL)
        return fy_err_set(err, FY_EIO, "the metadata that is stored is not JSON");
    if (flush)
        remove_all(tree);
    for (size_t i = 0; i < count; i++) {
        enum fy_code code = set_pair(tree, &properties[i], err);
        if (code != FY_OK)
            return code;
    }
    char text[FY_METADATA_BYTES_MAX];
    size_t text_bytes = json_dumpb(tree, text, sizeof(text), JSON_COMPACT | JSON_SORT_KEYS);
    if (text_bytes > sizeof(text))
        return fy_err_set(err, FY_ETOOBIG, "properties of %zu bytes, more than %d", text_bytes,
                          FY_METADATA_BYTES_MAX);
    memcpy(metadata, text, text_bytes);
    metadata[text_bytes] = '\0';
    return FY_OK;
}
