/* names.h - which names are good, and how CCS cleans the ones in its paths (spec 2.1, 2.2). */
#ifndef FY_CORE_NAMES_H
#define FY_CORE_NAMES_H

#include "common/core/err.h"

/* ^[0-9A-Za-z.-]{1,64}$ (DESIGN 7). */
bool fy_site_is_valid(const char *site);
/* CCS patterns as they are, without cleaning (spec 2.2 step 9): what an unstamped order may name.
 */
bool fy_ccs_bucket_is_valid(const char *bucket);    /* ^[0-9a-z-]{3,63}$ */
bool fy_ccs_object_is_valid(const char *object);    /* ^[0-9a-zA-Z_./-]{1,1024}$ */
bool fy_ccs_client_is_valid(const char *client);    /* ^[0-9a-z-]{3,63}$ */
bool fy_ccs_metadata_key_is_valid(const char *key); /* ^[a-zA-Z_][0-9a-zA-Z_]*$ */
/* The sanity check of spec 2.2 step 2 (control characters, script, CDATA, ENTITY, ';'). */
bool fy_ccs_text_is_sane(const char *text);
/* Exact names between Ferry sites: 1-1023 bytes of valid UTF-8, any content but the zero byte, or
 * the 1024 of the longest CCS name. */
bool fy_exact_object_is_valid(const char *object, size_t size_bytes);
bool fy_exact_bucket_is_valid(const char *bucket, size_t size_bytes); /* 1-1023 bytes, likewise */
/* 1-255 bytes UTF-8 without control characters, since it travels in a header. */
bool fy_exact_client_is_valid(const char *client, size_t size_bytes);
bool fy_utf8_is_valid(const void *bytes, size_t size_bytes);

/* Removes accents: canonical decomposition, combining marks dropped. out is at least 4*in+1 bytes.
 * Given by adapters/unicode_utf8proc.c; core takes it as a function so that it stays free of it. */
typedef enum fy_code fy_strip_marks_fn(const char *in, char *out, size_t out_bytes);

/*
 * The CCS sanitiser, steps 1-9 of spec 2.2, on a path part that routing has percent-decoded once.
 *   in     zero-terminated; out has FY_OBJECT_BYTES_MAX + 1 bytes, untouched on failure
 * Errors: FY_EINPUT the name is invalid.
 */
FY_MUST_CHECK enum fy_code fy_ccs_clean_object(const char *in, fy_strip_marks_fn *strip, char *out,
                                               struct fy_err *err);
FY_MUST_CHECK enum fy_code fy_ccs_clean_bucket(const char *in, fy_strip_marks_fn *strip, char *out,
                                               struct fy_err *err);

/* One percent-decoding of size bytes (RFC 3986); plus_is_space for query and form texts. The result
 * may hold any byte but zero. Errors: FY_EINPUT broken escape, a zero byte, or does not fit. */
FY_MUST_CHECK enum fy_code fy_percent_decode(const char *in, size_t in_bytes, bool plus_is_space,
                                             char *out, size_t out_bytes, struct fy_err *err);
/* Percent-encodes all but unreserved characters (and '/' when keep_slash). Returns false when out
 * is too small (3*in+1 always suffices). */
FY_MUST_CHECK bool fy_percent_encode(const char *in, bool keep_slash, char *out, size_t out_bytes);

/* The base URI of a site as CCS reads it (spec 1.7): missing scheme http, host 127.0.0.1, port
 * 8081; a path is kept as prefix without its closing slash. out like "http://h:8081/prefix".
 * FY_EINPUT. */
FY_MUST_CHECK enum fy_code fy_uri_normalise(const char *in, char out[static FY_URI_BYTES_MAX + 1],
                                            struct fy_err *err);
/* HOST:PORT of a base URI, read as above. false: it is none, and host is not written. */
bool fy_uri_host(const char *uri, char host[static FY_URI_BYTES_MAX + 1]);

#endif
