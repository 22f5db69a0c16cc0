/* base.c - assertion, memory that is there or ends the process, and fixed text fields. */
#include "common/core/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fy_assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "ferry: assertion failed: %s (%s:%d)\n", condition, file, line);
    abort();
}

void *fy_alloc(size_t size_bytes)
{
    FY_ASSERT(size_bytes > 0);
    void *block = calloc(1, size_bytes);
    FY_ASSERT(block != NULL);
    return block;
}

void *fy_realloc(void *old, size_t size_bytes)
{
    FY_ASSERT(size_bytes > 0);
    void *block = realloc(old, size_bytes);
    FY_ASSERT(block != NULL);
    return block;
}

char *fy_strdup(const char *text)
{
    return fy_memdup(text, strlen(text) + 1);
}

void *fy_memdup(const void *bytes, size_t size_bytes)
{
    void *block = fy_alloc(size_bytes > 0 ? size_bytes : 1);
    if (size_bytes > 0)
        memcpy(block, bytes, size_bytes);
    return block;
}

bool fy_text_copy(char *field, size_t field_bytes, const char *text)
{
    FY_ASSERT(field_bytes > 0);
    size_t size_bytes = strnlen(text, field_bytes);
    if (size_bytes == field_bytes) {
        field[0] = '\0';
        return false;
    }
    memmove(field, text, size_bytes);
    field[size_bytes] = '\0';
    return true;
}
