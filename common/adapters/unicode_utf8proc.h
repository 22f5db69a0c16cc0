/* unicode_utf8proc.h - accents removed, as the CCS sanitiser wants it (names.h, spec 2.2 step 4).
 */
#ifndef FY_ADAPTERS_UNICODE_UTF8PROC_H
#define FY_ADAPTERS_UNICODE_UTF8PROC_H

#include "common/core/names.h"

/* A fy_strip_marks_fn: canonical decomposition, marks dropped, and what Unicode does not decompose
 * but CCS does: U+0142 to l, U+0141 to L. out has room for 4 * strlen(in) + 1 bytes; on failure its
 * content is unspecified. Errors: FY_EINPUT in is not UTF-8. Thread: any. */
FY_MUST_CHECK enum fy_code fy_unicode_strip_marks(const char *in, char *out, size_t out_bytes);

#endif
