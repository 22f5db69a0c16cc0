/* utf8.h - one character of UTF-8 at a time; whole texts: fy_utf8_is_valid in names.h. */
#ifndef FY_CORE_UTF8_H
#define FY_CORE_UTF8_H

#include "common/core/base.h"

/* Size in bytes (1-4) of the character at the start of bytes, or 0 when there is none: cut,
 * overlong, a surrogate, over U+10FFFF (RFC 3629). size_bytes is at least 1. Thread: any. */
size_t fy_utf8_step(const char *bytes, size_t size_bytes);

#endif
