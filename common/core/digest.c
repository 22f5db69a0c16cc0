/* digest.c - the texts of a SHA-256 value. */
#include "common/core/digest.h"

#include <string.h>

static const char base32hex_digits[] = "0123456789abcdefghijklmnopqrstuv";

void fy_base32hex(const uint8_t *bytes, size_t size_bytes, char *out)
{
    unsigned pending = 0; /* bits not yet written, in the low end */
    unsigned pending_bits = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        pending = pending << 8 | bytes[i];
        pending_bits += 8;
        while (pending_bits >= 5) {
            pending_bits -= 5;
            *out++ = base32hex_digits[pending >> pending_bits & 31];
        }
        pending &= (1u << pending_bits) - 1;
    }
    if (pending_bits > 0)
        *out++ = base32hex_digits[pending << (5 - pending_bits) & 31];
    *out = '\0';
}

void fy_digest_print_base32hex(const struct fy_digest *digest,
                               char text[static FY_BASE32HEX_DIGITS + 1])
{
    fy_base32hex(digest->bytes, FY_SHA256_BYTES, text);
}

void fy_digest_print_hex(const struct fy_digest *digest, bool upper,
                         char text[static FY_HEX_DIGITS + 1])
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (size_t i = 0; i < FY_SHA256_BYTES; i++) {
        text[2 * i] = digits[digest->bytes[i] >> 4];
        text[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    text[FY_HEX_DIGITS] = '\0';
}

/* Value of a digit in any case, or -1. Serves base 16 and base 32: both go 0-9 and on from a. */
static int digit_value(char c, int base)
{
    int value = -1;
    if (c >= '0' && c <= '9')
        value = c - '0';
    else if (c >= 'a' && c <= 'v')
        value = c - 'a' + 10;
    else if (c >= 'A' && c <= 'V')
        value = c - 'A' + 10;
    return value < base ? value : -1;
}

static bool parse_digits(const char *text, size_t digits, unsigned bits, struct fy_digest *digest)
{
    struct fy_digest parsed = {{0}};
    unsigned pending = 0;
    unsigned pending_bits = 0;
    size_t filled = 0;
    for (size_t i = 0; i < digits; i++) {
        int value = digit_value(text[i], 1 << bits);
        if (value < 0)
            return false;
        pending = pending << bits | (unsigned)value;
        pending_bits += bits;
        if (pending_bits >= 8) {
            pending_bits -= 8;
            FY_ASSERT(filled < FY_SHA256_BYTES);
            parsed.bytes[filled++] = (uint8_t)(pending >> pending_bits);
            pending &= (1u << pending_bits) - 1;
        }
    }
    FY_ASSERT(filled == FY_SHA256_BYTES);
    if (pending != 0) /* spare bits: such a text is not the form of any digest */
        return false;
    *digest = parsed;
    return true;
}

bool fy_digest_parse(const char *text, struct fy_digest *digest)
{
    size_t digits = strnlen(text, FY_HEX_DIGITS + 1);
    if (digits == FY_BASE32HEX_DIGITS)
        return parse_digits(text, digits, 5, digest);
    if (digits == FY_HEX_DIGITS)
        return parse_digits(text, digits, 4, digest);
    return false;
}

bool fy_digest_equal(const struct fy_digest *a, const struct fy_digest *b)
{
    return memcmp(a->bytes, b->bytes, FY_SHA256_BYTES) == 0;
}
