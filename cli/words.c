/* words.c - BUCKET/NAME, IDs, numbers and times out of the command line. */
#include "cli/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/names.h"

#define TIME_MAX_MS (365LL * 24 * 3600 * 1000)

enum fy_code fy_object_word(const char *word, struct fy_object_word *object, struct fy_err *err)
{
    const char *slash = strchr(word, '/');
    size_t bucket_bytes = slash != NULL ? (size_t)(slash - word) : strlen(word);
    if (!fy_exact_bucket_is_valid(word, bucket_bytes))
        return fy_err_set(err, FY_EINPUT, "'%.80s': a bucket's name is 1-1023 bytes of UTF-8",
                          word);
    memcpy(object->bucket, word, bucket_bytes);
    object->bucket[bucket_bytes] = '\0';
    object->name = slash != NULL ? slash + 1 : word + bucket_bytes;
    return FY_OK;
}

enum fy_code fy_object_word_whole(const char *word, struct fy_object_word *object,
                                  struct fy_err *err)
{
    enum fy_code code = fy_object_word(word, object, err);
    if (code != FY_OK)
        return code;
    if (object->name[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "'%.80s' names no object; BUCKET/NAME does", word);
    if (!fy_exact_object_is_valid(object->name, strlen(object->name)))
        return fy_err_set(err, FY_EINPUT, "'%.80s': an object's name is 1-1023 bytes of UTF-8",
                          object->name);
    return FY_OK;
}

static bool read_number(const char *text, const char **end, int64_t *value)
{
    if (text[0] < '0' || text[0] > '9')
        return false;
    char *stop;
    errno = 0;
    *value = strtoll(text, &stop, 10);
    *end = stop;
    return errno == 0;
}

bool fy_conflict_word(const char *word, int64_t *id)
{
    const char *end;
    int64_t number;
    if (word[0] != 'c' || !read_number(word + 1, &end, &number) || *end != '\0' || number < 1)
        return false;
    *id = number;
    return true;
}

enum fy_code fy_count_word(const char *option, const char *text, int64_t min, int64_t max,
                           int64_t *value, struct fy_err *err)
{
    const char *end;
    int64_t number;
    if (text == NULL)
        return FY_OK;
    if (!read_number(text, &end, &number) || *end != '\0' || number < min || number > max)
        return fy_err_set(err, FY_EINPUT, "%s: '%.40s' is not a whole number from %lld to %lld",
                          option, text, (long long)min, (long long)max);
    *value = number;
    return FY_OK;
}

enum fy_code fy_time_word(const char *option, const char *text, int64_t *ms, struct fy_err *err)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 24LL * 3600000}};
    const char *unit;
    int64_t number;
    if (text == NULL)
        return FY_OK;
    if (read_number(text, &unit, &number) && number > 0)
        for (size_t i = 0; i < FY_COUNT_OF(units); i++)
            if (strcmp(unit, units[i].name) == 0 && number <= TIME_MAX_MS / units[i].ms) {
                *ms = number * units[i].ms;
                return FY_OK;
            }
    return fy_err_set(err, FY_EINPUT, "%s: '%.40s' is not a time like 500ms, 10s, 5m, 24h or 7d",
                      option, text);
}
