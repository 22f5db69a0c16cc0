/* base.h - attributes, assertion and small helpers that every file of Ferry may use. */
#ifndef FY_CORE_BASE_H
#define FY_CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/bounds.h"

#define FY_MUST_CHECK     __attribute__((warn_unused_result))
#define FY_PRINTF(fmt, a) __attribute__((format(printf, fmt, a)))
#define FY_COUNT_OF(a)    (sizeof(a) / sizeof((a)[0]))
/* Ends a local by `void end(T **)` when its block is left; it accepts a local that is NULL. */
#define FY_AUTO(end) __attribute__((cleanup(end)))
#define FY_CONTAINER_OF(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Stays on in release. For our own mistakes only, never for what the world gets wrong. */
#define FY_ASSERT(condition)                                                                       \
    ((condition) ? (void)0 : fy_assert_failed(#condition, __FILE__, __LINE__))

/* Where a switch over our enums has returned in every case. */
#define FY_UNREACHABLE() fy_assert_failed("unreachable", __FILE__, __LINE__)

/* Prints one line to stderr and aborts. Thread: any. */
__attribute__((noreturn)) void fy_assert_failed(const char *condition, const char *file, int line);

/* Heap memory or death: Ferry's own small allocations are bounded, so failing them is a bug or an
 * OOM kill. Size 0 is a bug. Freed with free(). Thread: any. */
FY_MUST_CHECK void *fy_alloc(size_t size_bytes); /* zeroed */
FY_MUST_CHECK void *fy_realloc(void *old, size_t size_bytes);
FY_MUST_CHECK char *fy_strdup(const char *text);
FY_MUST_CHECK void *fy_memdup(const void *bytes,
                              size_t size_bytes); /* size 0 gives a 1-byte block */

/* Copies text with its zero byte into a fixed field; false (and the field empty) when it does not
 * fit in field_bytes. Thread: any. */
FY_MUST_CHECK bool fy_text_copy(char *field, size_t field_bytes, const char *text);

#endif
