/* oio_entry.h - a version of an object as OpenIO's clients read it: an entry of a list, headers,
 * chunks (openio-container 7 and 10). */
#ifndef FY_API_OIO_ENTRY_H
#define FY_API_OIO_ENTRY_H

#include "api/oio.h"

/* Of one entry at most, its metadata and its chunk with every byte escaped. */
#define FY_OIO_ENTRY_BYTES_MAX                                                                     \
    (6 * (FY_OBJECT_BYTES_MAX + FY_METADATA_BYTES_MAX) + 2 * FY_OIO_URL_BYTES_MAX + 2048)
/* Where a body is: this site, and three names percent-encoded. */
#define FY_OIO_URL_BYTES_MAX                                                                       \
    (FY_URI_BYTES_MAX + 3 * (FY_CLIENT_BYTES_MAX + FY_BUCKET_BYTES_MAX + FY_OBJECT_BYTES_MAX) + 96)

/* Upper-case hexadecimal digits; "" unknown. */
#define FY_OIO_HASH_BYTES (FY_HASH_BYTES_MAX + 1)
void fy_oio_entry_hash(const struct fy_object_row *row, char text[static FY_OIO_HASH_BYTES]);

/* What entries of one answer have in common. */
struct fy_oio_entries {
    const char *account, *container; /* borrowed */
    char site_uri[FY_URI_BYTES_MAX + 1];
    bool properties, chunks; /* wanted */
};
/* One entry, as a JSON object. */
void fy_oio_entry_json(const struct fy_oio_entries *entries, const struct fy_object_row *row,
                       struct fy_buf *json);
/* The array of its chunks: its body is one, a delete marker has none. */
void fy_oio_entry_chunks(const struct fy_oio_entries *entries, const struct fy_object_row *row,
                         struct fy_buf *json);
/* x-oio-content-meta-... FY_EINPUT: the request's head leaves no room for them. */
FY_MUST_CHECK enum fy_code fy_oio_entry_headers(struct fy_oio *oio, const struct fy_object_row *row,
                                                struct fy_err *err);
/* This site, as others reach it; "" when its row is missing. */
FY_MUST_CHECK enum fy_code
fy_oio_site_uri(struct fy_node *node, char uri[static FY_URI_BYTES_MAX + 1], struct fy_err *err);

#endif
