/* oio.h - what OpenIO's API says of objects where Ferry has its own way. */
#ifndef FY_CORE_OIO_H
#define FY_CORE_OIO_H

#include "common/core/guid.h"

#define FY_OIO_POLICY       "NONE" /* the storage policy of every object */
#define FY_OIO_CHUNK_METHOD "plain/nb_copy=1"
#define FY_OIO_MARKER_ID    "44454C45544544" /* content id of every delete marker */
#define FY_OIO_MIME_KEY                                                                            \
    "mime-type" /* in an object's metadata, percent-encoded, and no property of it */
#define FY_OIO_MIME_DEFAULT "application/octet-stream" /* of an object without it */
#define FY_OIO_ID_DIGITS    32

/* Content id of an object: the 16 bytes of its id in upper-case hexadecimal. What is no digit of an
 * id counts as 0: of objects of old catalogues the id may be absent. */
void fy_oio_id_print(const char *guid, char text[static FY_OIO_ID_DIGITS + 1]);
/* A hash as OpenIO has it: upper-case hexadecimal of SHA-256 in either of its forms; any other text
 * as it is, but for the case of its letters. */
void fy_oio_hash_print(const char *hash, char text[static FY_HASH_BYTES_MAX + 1]);
/* The mime type that is kept so; what does not fit is "". */
void fy_oio_mime_print(const char *kept, char *out, size_t out_bytes);

#endif
