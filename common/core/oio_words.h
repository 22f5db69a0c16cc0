/* oio_words.h - the words of OpenIO's API: its query, numbers and flags, the ids of containers and
 * objects, the names of headers (openio-container 2, 3, 5, 10). */
#ifndef FY_CORE_OIO_WORDS_H
#define FY_CORE_OIO_WORDS_H

#include "common/core/digest.h"
#include "common/core/oio.h"

/* A query, cut and decoded. Memory of its own. */
struct fy_oio_query {
    char *pieces; /* count zero-terminated texts, one behind the other; NULL none */
    size_t count;
};
/* Cuts raw (borrowed; what follows the '?', "" none) at '&'; in each piece '+' becomes a space, and
 * escapes are decoded once. FY_EINPUT: a malformed escape, or one of a zero byte; then *query holds
 * nothing. Thread: any. */
FY_MUST_CHECK enum fy_code fy_oio_query_parse(const char *raw, struct fy_oio_query *query,
                                              struct fy_err *err);
void fy_oio_query_done(struct fy_oio_query *query);
/* What follows "name=" in the first piece that begins so; NULL when none does. Borrowed. */
const char *fy_oio_query_get(const struct fy_oio_query *query, const char *name);

/* yes, true, on, enable, enabled, 1 and yeah, in any case; every other text is false. */
bool fy_oio_bool(const char *text);
/* Decimal digits with an optional minus sign, and nothing else; false: not that, or beyond 64 bits.
 */
FY_MUST_CHECK bool fy_oio_integer(const char *text, int64_t *value);
/* Whether a header of words between commas, in any case, has the word; header may be NULL. */
bool fy_oio_words_have(const char *header, const char *word);

/* The id of a container as clients give it: 64 hexadecimal digits in any case, perhaps with a dot
 * and a number behind them; 1 to 4 digits are filled up with zeros. false: neither. */
FY_MUST_CHECK bool fy_oio_cid_parse(const char *text, struct fy_digest *cid);

/* The GUID of a content id (core/oio.h), in either case. false: not 32 hexadecimal digits. */
FY_MUST_CHECK bool fy_oio_id_parse(const char *text, char guid[static FY_GUID_DIGITS + 1]);

/* Whether it may be the hash of a body: hexadecimal digits as MD5, SHA-1, SHA-256 or SHA-512 have
 * them. */
bool fy_oio_hash_is_valid(const char *text);

/* The header that tells of a container's property. key: "sys.x", "user.x" or any other. false: out
 * is too small; key and FY_OIO_PROPERTY_HEADER_BYTES always fit. */
#define FY_OIO_PROPERTY_HEADER_BYTES 32 /* "x-oio-container-meta-user-" and a zero byte */
FY_MUST_CHECK bool fy_oio_property_header(const char *key, char *out, size_t out_bytes);

#define FY_OIO_PATH_BYTES_MAX 2048 /* a longer one matches nothing */
/* Whether a path, as it was sent, is of OpenIO's API: its first segment is a version, "v3.0". Then
 * it is brought into the form that routes have: without slashes more at its start and one at its
 * end. One over FY_OIO_PATH_BYTES_MAX is cut to its version, which is no route. */
bool fy_oio_path(char *path);

#endif
