/* query.c - numbers, words and names out of the query and the path. */
#include "api/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/names.h"

static bool parse_i64(const char *text, int64_t min, int64_t max, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool starts_well = (text[0] >= '0' && text[0] <= '9') || text[0] == '-';
    if (!starts_well || errno != 0 || *end != '\0' || number < min || number > max)
        return false;
    *value = number;
    return true;
}

enum fy_code fy_query_i64(struct fy_exchange *x, const char *name, int64_t min, int64_t max,
                          int64_t *value, struct fy_err *err)
{
    const char *text = fy_query(x, name);
    if (text == NULL || parse_i64(text, min, max, value))
        return FY_OK;
    return fy_err_set(err, FY_EINPUT, "%s: '%.40s' is not a whole number from %lld to %lld", name,
                      text, (long long)min, (long long)max);
}

enum fy_code fy_path_id(struct fy_exchange *x, const char *name, int64_t *id, struct fy_err *err)
{
    const char *text = fy_path_value(x, name);
    if (parse_i64(text, 1, INT64_MAX, id))
        return FY_OK;
    return fy_err_set(err, FY_ENOTFOUND, "'%.40s' is no %s", text, name);
}

enum fy_code fy_query_word(struct fy_exchange *x, const char *name, char *out, size_t out_bytes,
                           struct fy_err *err)
{
    const char *text = fy_query(x, name);
    if (text != NULL && text[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "%s: blank", name);
    if (text != NULL && !fy_text_copy(out, out_bytes, text))
        return fy_err_set(err, FY_EINPUT, "%s: '%.40s' is too long", name, text);
    return FY_OK;
}

enum fy_code fy_query_limit(struct fy_exchange *x, uint32_t *limit, struct fy_err *err)
{
    int64_t value = FY_LIST_PAGE_MAX;
    enum fy_code code = fy_query_i64(x, "limit", 1, FY_LIST_PAGE_MAX, &value, err);
    if (code == FY_OK)
        *limit = (uint32_t)value;
    return code;
}

enum fy_code fy_query_container(struct fy_exchange *x, struct fy_object_key *key,
                                struct fy_err *err)
{
    const char *account = fy_query(x, "acct");
    const char *container = fy_query(x, "ref");
    memset(key, 0, sizeof(*key));
    if (container == NULL || !fy_exact_bucket_is_valid(container, strlen(container)))
        return fy_err_set(err, FY_EINPUT, "ref: 1-1023 bytes of UTF-8");
    if (account != NULL && account[0] != '\0' &&
        !fy_exact_client_is_valid(account, strlen(account)))
        return fy_err_set(err, FY_EINPUT, "acct: 1-255 bytes of UTF-8");
    FY_ASSERT(fy_text_copy(key->bucket, sizeof(key->bucket), container));
    if (account != NULL)
        FY_ASSERT(fy_text_copy(key->account, sizeof(key->account), account));
    return FY_OK;
}

enum fy_code fy_query_object(struct fy_exchange *x, struct fy_object_key *key, struct fy_err *err)
{
    const char *path = fy_query(x, "path");
    enum fy_code code = fy_query_container(x, key, err);
    if (code != FY_OK)
        return code;
    if (path == NULL || !fy_exact_object_is_valid(path, strlen(path)))
        return fy_err_set(err, FY_EINPUT, "path: 1-1023 bytes of UTF-8");
    FY_ASSERT(fy_text_copy(key->object, sizeof(key->object), path));
    return FY_OK;
}

enum fy_code fy_query_bound(struct fy_exchange *x, const char *name, const char **value,
                            struct fy_err *err)
{
    const char *text = fy_query(x, name);
    *value = text != NULL ? text : "";
    size_t size_bytes = strlen(*value);
    if (size_bytes > FY_OBJECT_BYTES_MAX)
        return fy_err_set(err, FY_EINPUT, "%s: too long", name);
    if (size_bytes > 0 && !fy_utf8_is_valid(*value, size_bytes))
        return fy_err_set(err, FY_EINPUT, "%s: no UTF-8", name);
    return FY_OK;
}
