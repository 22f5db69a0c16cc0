/* words.c - BUCKET/NAME, IDs, numbers and times out of the command line. */
#include "cli/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/paths.h"
#include "common/core/names.h"

#define TIME_MAX_MS (365LL * 24 * 3600 * 1000)

static enum fy_code take_bucket(const char *text, size_t size_bytes, struct fy_object_word *object,
                                struct fy_err *err)
{
    if (!fy_exact_bucket_is_valid(text, size_bytes))
        return fy_err_set(err, FY_EINPUT, "'%.80s': a bucket's name is 1-1023 bytes of UTF-8",
                          text);
    memcpy(object->bucket, text, size_bytes);
    object->bucket[size_bytes] = '\0';
    return FY_OK;
}

enum fy_code fy_object_word(const char *word, struct fy_object_word *object, struct fy_err *err)
{
    const char *slash = strchr(word, '/');
    size_t bucket_bytes = slash != NULL ? (size_t)(slash - word) : strlen(word);
    object->account = NULL;
    object->name = slash != NULL ? slash + 1 : word + bucket_bytes;
    return take_bucket(word, bucket_bytes, object, err);
}

static enum fy_code require_name(const char *word, const struct fy_object_word *object,
                                 struct fy_err *err)
{
    if (object->name[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "'%.80s' names no object; BUCKET/NAME does",
                          word != NULL ? word : object->bucket);
    if (!fy_exact_object_is_valid(object->name, strlen(object->name)))
        return fy_err_set(err, FY_EINPUT, "'%.80s': an object's name is 1-1023 bytes of UTF-8",
                          object->name);
    return FY_OK;
}

enum fy_code fy_place_word(const struct fy_command_line *line, const char *word,
                           struct fy_object_word *object, struct fy_err *err)
{
    const char *account = fy_option(line, "account");
    const char *container = fy_option(line, "container");
    enum fy_code code = FY_OK;
    if (account != NULL && !fy_exact_client_is_valid(account, strlen(account)))
        return fy_err_set(err, FY_EINPUT,
                          "--account: not 1-%d bytes of UTF-8 without control characters",
                          FY_CLIENT_BYTES_MAX);
    if (container != NULL)
        code = take_bucket(container, strlen(container), object, err);
    else if (word != NULL)
        code = fy_object_word(word, object, err);
    else
        code = fy_err_set(err, FY_EINPUT, "%s: which bucket? BUCKET/NAME, or --container",
                          line->command->name);
    if (container != NULL)
        object->name = word != NULL ? word : "";
    object->account = account;
    return code;
}

bool fy_place_given(const struct fy_command_line *line)
{
    return line->word_count > 0 || fy_option(line, "account") != NULL ||
           fy_option(line, "container") != NULL;
}

enum fy_code fy_place_word_whole(const struct fy_command_line *line, const char *word,
                                 struct fy_object_word *object, struct fy_err *err)
{
    enum fy_code code = fy_place_word(line, word, object, err);
    return code == FY_OK ? require_name(word, object, err) : code;
}

void fy_place_query(struct fy_buf *path, const struct fy_command_line *line,
                    const struct fy_object_word *place, const char *name)
{
    if (place->account == NULL) {
        fy_path_names(path, line->config.client, place->bucket, name);
        return;
    }
    fy_path_query(path, "acct", place->account);
    fy_path_query(path, "ref", place->bucket);
    fy_path_query(path, "path", name);
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

enum fy_code fy_version_option(const struct fy_command_line *line, int64_t *version,
                               struct fy_err *err)
{
    *version = 0;
    return fy_count_word("--version", fy_option(line, "version"), 1, INT64_MAX, version, err);
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
