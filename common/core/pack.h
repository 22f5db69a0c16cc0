/* pack.h - records as bytes, one after the other, so that many of them are one row. */
/* Of each: size of the key and of the value (four bytes, the lowest first), the key, the value. */
#ifndef FY_CORE_PACK_H
#define FY_CORE_PACK_H

#include "common/core/buf.h"

struct fy_packed {
    const char *key; /* borrowed from the packed bytes */
    size_t key_bytes;
    const char *value;
    size_t value_bytes;
};

/* Begins a record with its key; what is added to the buffer then is its value, up to fy_pack_end,
 * which takes what this returns. */
FY_MUST_CHECK size_t fy_pack_begin(struct fy_buf *buf, const void *key, size_t key_bytes);
void fy_pack_end(struct fy_buf *buf, size_t record);
/* Takes the record at *at and moves it on; false: there is none, or what is left is no record
 * (*at < size_bytes). */
FY_MUST_CHECK bool fy_pack_next(const char *bytes, size_t size_bytes, size_t *at,
                                struct fy_packed *packed);

#endif
