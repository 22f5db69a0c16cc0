/* sha256.h - hashing as a port. Adapter: adapters/sha256_openssl.c (libcrypto, EVP_MD fetched
 * once). */
#ifndef FY_PORTS_SHA256_H
#define FY_PORTS_SHA256_H

#include "common/core/digest.h"

struct fy_sha256; /* one running hash */

/* Thread: any; a running hash stays with one thread at a time. */
FY_MUST_CHECK struct fy_sha256 *fy_sha256_new(void); /* ready for the first update */
void fy_sha256_free(struct fy_sha256 *hash);         /* accepts NULL */
void fy_sha256_reset(struct fy_sha256 *hash);        /* begins anew */
void fy_sha256_update(struct fy_sha256 *hash, const void *bytes, size_t size_bytes);
void fy_sha256_final(struct fy_sha256 *hash,
                     struct fy_digest *digest); /* then reset before reuse */
void fy_sha256_of(const void *bytes, size_t size_bytes, struct fy_digest *digest);

#endif
