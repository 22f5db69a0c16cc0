/* oio.c - ids and hashes in the form of OpenIO's API. */
#include "common/core/oio.h"

#include <ctype.h>
#include <string.h>

#include "common/core/digest.h"
#include "common/core/names.h"

static unsigned base32hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (unsigned)(digit - '0');
    return digit >= 'a' && digit <= 'v' ? (unsigned)(digit - 'a' + 10) : 0;
}

void fy_oio_id_print(const char *guid, char text[static FY_OIO_ID_DIGITS + 1])
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned pending = 0, pending_bits = 0;
    size_t out = 0;
    while (out < FY_OIO_ID_DIGITS) {
        pending = (pending << 5 | base32hex_value(*guid)) & 0xff;
        guid += *guid != '\0'; /* a short one goes on with zeros */
        for (pending_bits += 5; pending_bits >= 4 && out < FY_OIO_ID_DIGITS; pending_bits -= 4)
            text[out++] = digits[pending >> (pending_bits - 4) & 15];
    }
    text[FY_OIO_ID_DIGITS] = '\0';
}

void fy_oio_hash_print(const char *hash, char text[static FY_HASH_BYTES_MAX + 1])
{
    struct fy_digest digest;
    if (fy_digest_parse(hash, &digest)) {
        fy_digest_print_hex(&digest, true, text);
        return;
    }
    size_t size = strnlen(hash, FY_HASH_BYTES_MAX);
    memcpy(text, hash, size);
    text[size] = '\0';
    for (char *at = text; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
}

void fy_oio_mime_print(const char *kept, char *out, size_t out_bytes)
{
    bool fits = fy_percent_decode(kept, strlen(kept), false, out, out_bytes, NULL) == FY_OK ||
                fy_text_copy(out, out_bytes, kept);
    if (!fits)
        out[0] = '\0';
}
