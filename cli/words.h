/* words.h - what the words and option values of a command line mean. */
#ifndef FY_CLI_WORDS_H
#define FY_CLI_WORDS_H

#include "cli/command.h"

/* BUCKET[/NAME], cut at its first slash. */
struct fy_object_word {
    const char *account; /* whose the bucket is, exactly; NULL: as the client-id sees it */
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    const char *name; /* points into the word; "" when there is none */
};

/* Errors: FY_EINPUT the bucket is not 1-1023 bytes of UTF-8. The name is as given, any bytes. */
FY_MUST_CHECK enum fy_code fy_object_word(const char *word, struct fy_object_word *object,
                                          struct fy_err *err);
/*
 * The same for commands that have --account and --container: with --container it is the bucket's
 * exact name, slashes too, and the word (NULL: none) is the object's name alone.
 * Errors: also FY_EINPUT the account is no account, or nothing names a bucket.
 */
FY_MUST_CHECK enum fy_code fy_place_word(const struct fy_command_line *line, const char *word,
                                         struct fy_object_word *object, struct fy_err *err);
/* The same, with a name of 1-1023 bytes of UTF-8 required. */
FY_MUST_CHECK enum fy_code fy_place_word_whole(const struct fy_command_line *line, const char *word,
                                               struct fy_object_word *object, struct fy_err *err);
/* Whether a word or an option names a bucket at all. */
bool fy_place_given(const struct fy_command_line *line);
/* The query that names it: the object `name` in its bucket, or with NULL the bucket. */
void fy_place_query(struct fy_buf *path, const struct fy_command_line *line,
                    const struct fy_object_word *place, const char *name);
/* --version: of the object, 0 none is given. */
FY_MUST_CHECK enum fy_code fy_version_option(const struct fy_command_line *line, int64_t *version,
                                             struct fy_err *err);
/* The ID of a body that lost a conflict, as `failed ls` prints it: c and a number, c12. false: it
 * is none, and *id stays. */
FY_MUST_CHECK bool fy_conflict_word(const char *word, int64_t *id);
/* A whole number from min to max. *value stays when text is NULL. FY_EINPUT with the option. */
FY_MUST_CHECK enum fy_code fy_count_word(const char *option, const char *text, int64_t min,
                                         int64_t max, int64_t *value, struct fy_err *err);
/* A time above 0 like 500ms, 10s, 5m, 24h, 7d, up to a year. *ms stays when text is NULL. */
FY_MUST_CHECK enum fy_code fy_time_word(const char *option, const char *text, int64_t *ms,
                                        struct fy_err *err);

#endif
