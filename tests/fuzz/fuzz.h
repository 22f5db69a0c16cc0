/* fuzz.h - what the fuzz targets share: the entry libFuzzer calls, and cutting an input in parts.
 */
#ifndef FY_TESTS_FUZZ_H
#define FY_TESTS_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "common/core/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* One byte off the front of an input, 0 when it is used up: a choice for the target to make. */
static inline uint8_t fuzz_byte(const uint8_t **data, size_t *size_bytes)
{
    if (*size_bytes == 0)
        return 0;
    uint8_t byte = **data;
    (*data)++;
    (*size_bytes)--;
    return byte;
}

/* The input as text, for the functions that take one, on the heap so that a read past its end is
 * seen. The caller frees it; it ends at the first zero byte of the input, if there is one. */
static inline char *fuzz_text(const uint8_t *data, size_t size_bytes)
{
    char *text = fy_alloc(size_bytes + 1);
    memcpy(text, data, size_bytes);
    return text;
}

/* A copy with nothing readable behind it, for the functions that take bytes and a size. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size_bytes)
{
    uint8_t *copy = malloc(size_bytes > 0 ? size_bytes : 1);
    FY_ASSERT(copy != NULL);
    memcpy(copy, data, size_bytes);
    return copy;
}

#endif
