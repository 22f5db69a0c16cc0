/* unicode_utf8proc.c - accents removed over utf8proc. */
#include "common/adapters/unicode_utf8proc.h"

#include <string.h>
#include <utf8proc.h>

/* A canonical decomposition has at most four code points (Unicode, annex 15); room for twice that.
 */
#define DECOMPOSED_MAX 8

#define L_STROKE_UPPER 0x141
#define L_STROKE_LOWER 0x142

/* The barred l is a letter of its own for Unicode; CCS's library lists it as an exception. */
static utf8proc_int32_t unbar(utf8proc_int32_t point)
{
    if (point == L_STROKE_UPPER)
        return 'L';
    return point == L_STROKE_LOWER ? 'l' : point;
}

/* The base characters of one character; returns how many, 0 for a mark. */
static size_t strip_point(utf8proc_int32_t point, utf8proc_int32_t base[static DECOMPOSED_MAX])
{
    int last_class = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        unbar(point), base, DECOMPOSED_MAX, UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK, &last_class);
    FY_ASSERT(count >= 0);
    FY_ASSERT(count <= DECOMPOSED_MAX);
    return (size_t)count;
}

enum fy_code fy_unicode_strip_marks(const char *in, char *out, size_t out_bytes)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)in;
    size_t left = strlen(in);
    FY_ASSERT(out_bytes > 4 * left);
    size_t filled = 0;
    while (left > 0) {
        utf8proc_int32_t point;
        utf8proc_ssize_t step = utf8proc_iterate(at, (utf8proc_ssize_t)left, &point);
        if (step <= 0)
            return FY_EINPUT;
        at += step;
        left -= (size_t)step;

        utf8proc_int32_t base[DECOMPOSED_MAX];
        size_t count = strip_point(point, base);
        for (size_t i = 0; i < count; i++) {
            FY_ASSERT(out_bytes - filled > 4); /* a character and the zero byte */
            filled += (size_t)utf8proc_encode_char(base[i], (utf8proc_uint8_t *)out + filled);
        }
    }
    out[filled] = '\0';
    return FY_OK;
}
