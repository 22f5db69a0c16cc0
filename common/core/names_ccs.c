/* names_ccs.c - the CCS sanitiser: from what stands in a path to the name it means (spec 2.2). */
#include <stdlib.h>
#include <string.h>

#include "common/core/names.h"

static void free_text(char **text)
{
    free(*text);
}

/* White space as Java's \s and trim know it among printable names: control characters that a second
 * decoding brings in are deleted in step 6, these are not. */
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_blank(const char *text)
{
    while (is_space(*text))
        text++;
    return *text == '\0';
}

/* Step 3: back-slashes turn, then each pair of slashes becomes one, from left to right, once. */
static void fold_slashes(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        char c = *from;
        if (c == '\\')
            c = '/';
        if (c == '/' && (from[1] == '/' || from[1] == '\\'))
            from++;
        *to++ = c;
    }
    *to = '\0';
}

/* Steps 5 and 7: a run of white space and '_' becomes one `joint`. */
static void join_spaces(char *text, char joint)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (!is_space(*from) && *from != '_')
            *to++ = *from;
        else if (to == text || to[-1] != joint)
            *to++ = joint;
    }
    *to = '\0';
}

/* Step 6. */
static void drop_foreign(char *text)
{
    static const char kept[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_ .-";
    char *to = text;
    for (const char *from = text; *from != '\0'; from++)
        if (strchr(kept, *from) != NULL)
            *to++ = *from;
    *to = '\0';
}

/* Step 7, first part. */
static void join_dashes(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++)
        if (*from != '-' || to == text || to[-1] != '-')
            *to++ = *from;
    *to = '\0';
}

static void trim(char *text)
{
    const char *start = text;
    while (is_space(*start))
        start++;
    size_t size_bytes = strlen(start);
    while (size_bytes > 0 && is_space(start[size_bytes - 1]))
        size_bytes--;
    memmove(text, start, size_bytes);
    text[size_bytes] = '\0';
}

/* Steps 1-8. On FY_OK *clean is the caller's (free()). */
static enum fy_code clean_name(const char *in, fy_strip_marks_fn *strip, char **clean,
                               struct fy_err *err)
{
    size_t in_bytes = strnlen(in, FY_PATH_PART_BYTES_MAX + 1);
    if (in_bytes > FY_PATH_PART_BYTES_MAX)
        return fy_err_set(err, FY_EINPUT, "a name of over %d bytes", FY_PATH_PART_BYTES_MAX);
    if (is_blank(in))
        return fy_err_set(err, FY_EINPUT, "a blank name");
    if (!fy_ccs_text_is_sane(in))
        return fy_err_set(err, FY_EINPUT,
                          "the name '%.80s' holds a control character, ';', or markup", in);

    FY_AUTO(free_text) char *decoded = fy_alloc(in_bytes + 1);
    if (fy_percent_decode(in, in_bytes, true, decoded, in_bytes + 1, err) != FY_OK)
        return fy_err_add(err, "name '%.80s'", in);
    fold_slashes(decoded);

    size_t plain_capacity = 4 * strlen(decoded) + 1;
    FY_AUTO(free_text) char *plain = fy_alloc(plain_capacity);
    if (strip(decoded, plain, plain_capacity) != FY_OK)
        return fy_err_set(err, FY_EINPUT, "the name '%.80s' is not UTF-8", in);

    join_spaces(plain, ' ');
    drop_foreign(plain);
    join_dashes(plain);
    trim(plain);
    join_spaces(plain, '_');
    if (plain[0] == '/')
        memmove(plain, plain + 1, strlen(plain));
    *clean = plain;
    plain = NULL;
    return FY_OK;
}

/* Step 9. */
static enum fy_code clean_and_match(const char *in, fy_strip_marks_fn *strip,
                                    bool (*is_valid)(const char *), const char *what, char *out,
                                    struct fy_err *err)
{
    FY_AUTO(free_text) char *clean = NULL;
    enum fy_code code = clean_name(in, strip, &clean, err);
    if (code != FY_OK)
        return code;
    FY_ASSERT(clean != NULL);
    if (!is_valid(clean))
        return fy_err_set(err, FY_EINPUT, "'%.80s' is no valid %s name", in, what);
    memcpy(out, clean, strlen(clean) + 1);
    return FY_OK;
}

enum fy_code fy_ccs_clean_object(const char *in, fy_strip_marks_fn *strip, char *out,
                                 struct fy_err *err)
{
    return clean_and_match(in, strip, fy_ccs_object_is_valid, "object", out, err);
}

enum fy_code fy_ccs_clean_bucket(const char *in, fy_strip_marks_fn *strip, char *out,
                                 struct fy_err *err)
{
    return clean_and_match(in, strip, fy_ccs_bucket_is_valid, "bucket", out, err);
}
