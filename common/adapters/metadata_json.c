/* metadata_json.c - metadata checked and written in one form, over jansson. */
#include "common/adapters/metadata_json.h"

#include <jansson.h>
#include <string.h>

#include "common/core/json_cut.h"

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
