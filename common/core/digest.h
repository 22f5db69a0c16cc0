/* digest.h - SHA-256 values and their two texts (DESIGN 7, spec 2.5). No hashing here:
 * ports/sha256.h. */
#ifndef FY_CORE_DIGEST_H
#define FY_CORE_DIGEST_H

#include "common/core/err.h"

#define FY_SHA256_BYTES     32
#define FY_BASE32HEX_DIGITS 52 /* lower case 0-9a-v, no padding */
#define FY_HEX_DIGITS       64

struct fy_digest {
    uint8_t bytes[FY_SHA256_BYTES];
};

void fy_digest_print_base32hex(const struct fy_digest *digest,
                               char text[static FY_BASE32HEX_DIGITS + 1]);
/* upper: OpenIO's form. */
void fy_digest_print_hex(const struct fy_digest *digest, bool upper,
                         char text[static FY_HEX_DIGITS + 1]);
/* true when text is 52 base32hex digits (any case; the 4 spare bits zero) or 64 hexadecimal digits;
 * any other text is an opaque hash and promises nothing (DESIGN 3). */
bool fy_digest_parse(const char *text, struct fy_digest *digest);
bool fy_digest_equal(const struct fy_digest *a, const struct fy_digest *b);

/* base32hex of any bytes, lower case, no padding; out needs (size*8+4)/5+1 bytes. */
void fy_base32hex(const uint8_t *bytes, size_t size_bytes, char *out);

#endif
