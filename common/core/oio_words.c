/* oio_words.c - the words of OpenIO's API. */
#include "common/core/oio_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/core/names.h"

/* ---- the query */

enum fy_code fy_oio_query_parse(const char *raw, struct fy_oio_query *query, struct fy_err *err)
{
    *query = (struct fy_oio_query){0};
    if (raw[0] == '\0')
        return FY_OK;
    char *pieces = fy_alloc(strlen(raw) + 1);
    char *at = pieces;
    size_t count = 0;
    for (const char *piece = raw;; count++) {
        size_t raw_bytes = strcspn(piece, "&");
        if (fy_percent_decode(piece, raw_bytes, true, at, raw_bytes + 1, err) != FY_OK) {
            free(pieces);
            return fy_err_add(err, "query");
        }
        at += strlen(at) + 1;
        if (piece[raw_bytes] == '\0')
            break;
        piece += raw_bytes + 1;
    }
    *query = (struct fy_oio_query){.pieces = pieces, .count = count + 1};
    return FY_OK;
}

void fy_oio_query_done(struct fy_oio_query *query)
{
    free(query->pieces);
    *query = (struct fy_oio_query){0};
}

const char *fy_oio_query_get(const struct fy_oio_query *query, const char *name)
{
    size_t name_bytes = strlen(name);
    const char *piece = query->pieces;
    for (size_t i = 0; i < query->count; i++, piece += strlen(piece) + 1) {
        if (strncmp(piece, name, name_bytes) == 0 && piece[name_bytes] == '=')
            return piece + name_bytes + 1;
    }
    return NULL;
}

/* ---- values */

bool fy_oio_bool(const char *text)
{
    static const char *const words[] = {"yes", "true", "on", "enable", "enabled", "1", "yeah"};
    for (size_t i = 0; i < FY_COUNT_OF(words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

bool fy_oio_integer(const char *text, int64_t *value)
{
    const char *digits = text + (text[0] == '-');
    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    *value = number;
    return true;
}

bool fy_oio_words_have(const char *header, const char *word)
{
    size_t word_bytes = strlen(word);
    for (const char *at = header; at != NULL && *at != '\0';) {
        at += strspn(at, ", \t");
        size_t bytes = strcspn(at, ", \t");
        if (bytes == word_bytes && strncasecmp(at, word, word_bytes) == 0)
            return true;
        at += bytes;
    }
    return false;
}

/* ---- ids */

static bool is_hex(const char *text, size_t digits)
{
    for (size_t i = 0; i < digits; i++)
        if (!isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

static uint8_t hex_value(char digit)
{
    if (digit <= '9')
        return (uint8_t)(digit - '0');
    return (uint8_t)((digit | 0x20) - 'a' + 10);
}

/* digits of them, a pair a byte; a last one alone is the higher half. */
static void hex_read(const char *text, size_t digits, uint8_t *bytes)
{
    for (size_t i = 0; i < digits; i++) {
        uint8_t value = hex_value(text[i]);
        if (i % 2 == 0)
            bytes[i / 2] = (uint8_t)(value << 4);
        else
            bytes[i / 2] |= value;
    }
}

bool fy_oio_cid_parse(const char *text, struct fy_digest *cid)
{
    size_t digits = strcspn(text, ".");
    const char *rest = text + digits;
    bool numbered =
        rest[0] == '.' && rest[1] != '\0' && rest[1 + strspn(rest + 1, "0123456789")] == '\0';
    bool whole = digits == FY_HEX_DIGITS && (rest[0] == '\0' || numbered);
    bool shortened = digits >= 1 && digits <= 4 && rest[0] == '\0';
    if ((!whole && !shortened) || !is_hex(text, digits))
        return false;
    memset(cid, 0, sizeof(*cid));
    hex_read(text, digits, cid->bytes);
    return true;
}

bool fy_oio_id_parse(const char *text, char guid[static FY_GUID_DIGITS + 1])
{
    uint8_t bytes[FY_OIO_ID_DIGITS / 2];
    if (strlen(text) != FY_OIO_ID_DIGITS || !is_hex(text, FY_OIO_ID_DIGITS))
        return false;
    hex_read(text, FY_OIO_ID_DIGITS, bytes);
    fy_base32hex(bytes, sizeof(bytes), guid);
    return true;
}

bool fy_oio_hash_is_valid(const char *text)
{
    size_t digits = strlen(text);
    bool known = digits == 32 || digits == 40 || digits == 64 || digits == 128;
    return known && is_hex(text, digits);
}

/* ---- headers */

bool fy_oio_property_header(const char *key, char *out, size_t out_bytes)
{
    const char *part = "x-";
    if (strncmp(key, "sys.", 4) == 0)
        part = "sys-";
    else if (strncmp(key, "user.", 5) == 0)
        part = "user-";
    if (part[0] != 'x')
        key += strlen(part); /* as long as what it stands for */
    static const char prefix[] = "x-oio-container-meta-";
    size_t before_bytes = strlen(prefix) + strlen(part);
    int length = snprintf(out, out_bytes, "%s%s%s", prefix, part, key);
    if (length < 0 || (size_t)length >= out_bytes)
        return false;
    for (char *at = out + before_bytes; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte >= 0x80 || (!isalnum(byte) && byte != '-'))
            *at = '-';
    }
    return true;
}

/* ---- the path */

/* A version as a segment of a path, which ends where the text or the segment does: v3, v3.0. It may
 * be escaped where it need not be, as any segment. */
static bool is_version(const char *segment, size_t segment_bytes)
{
    char text[16];
    if (segment_bytes > 3 * sizeof(text) ||
        fy_percent_decode(segment, segment_bytes, false, text, sizeof(text), NULL) != FY_OK)
        return false;
    const char *at = text;
    if (*at++ != 'v' || !isdigit((unsigned char)*at))
        return false;
    at += strspn(at, "0123456789");
    if (*at == '.' && isdigit((unsigned char)at[1]))
        at += 1 + strspn(at + 1, "0123456789");
    return *at == '\0';
}

bool fy_oio_path(char *path)
{
    size_t slashes = strspn(path, "/");
    size_t version_bytes = strcspn(path + slashes, "/");
    if (slashes == 0 || !is_version(path + slashes, version_bytes))
        return false;
    size_t path_bytes = strlen(path);
    size_t kept_bytes = path_bytes - slashes;
    if (path_bytes > FY_OIO_PATH_BYTES_MAX)
        kept_bytes = version_bytes;
    else if (path[path_bytes - 1] == '/')
        kept_bytes--;
    memmove(path + 1, path + slashes, kept_bytes);
    path[1 + kept_bytes] = '\0';
    return true;
}
