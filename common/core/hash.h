/* hash.h - FNV-1a of 64 bits: for tables in memory and for names of locks. It is quick and the same
 * on every machine, and no defence against somebody who chooses what is hashed. */
#ifndef FY_CORE_HASH_H
#define FY_CORE_HASH_H

#include "common/core/base.h"

#define FY_HASH_START UINT64_C(0xcbf29ce484222325) /* the hash of nothing */

/* The hash of what `hash` stands for, followed by these bytes. bytes: borrowed. Thread: any. */
uint64_t fy_hash_bytes(uint64_t hash, const void *bytes, size_t size_bytes);
/* The same with a text and the zero byte that ends it, so that "a" "bc" is not "ab" "c". */
uint64_t fy_hash_text(uint64_t hash, const char *text);

#endif
