/* utf8.c - which bytes are UTF-8 (RFC 3629, the table of section 4). */
#include "common/core/utf8.h"

#include "common/core/names.h"

static bool in_range(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

size_t fy_utf8_step(const char *bytes, size_t size_bytes)
{
    FY_ASSERT(size_bytes > 0);
    const unsigned char *at = (const unsigned char *)bytes;
    unsigned char first = at[0];
    if (first < 0x80)
        return 1;
    if (!in_range(first, 0xc2, 0xf4)) /* a middle byte, or only good for overlong forms */
        return 0;

    size_t step = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size_bytes < step)
        return 0;
    /* The second byte decides about overlong forms, surrogates and the end of the code space. */
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (!in_range(at[1], low, high))
        return 0;
    for (size_t i = 2; i < step; i++)
        if (!in_range(at[i], 0x80, 0xbf))
            return 0;
    return step;
}

bool fy_utf8_is_valid(const void *bytes, size_t size_bytes)
{
    const char *at = bytes;
    while (size_bytes > 0) {
        size_t step = fy_utf8_step(at, size_bytes);
        if (step == 0)
            return false;
        at += step;
        size_bytes -= step;
    }
    return true;
}
