/* oio_json.h - the bodies of OpenIO's requests (openio-container 6). */
/*
 * Each function takes a body as it came, of at most FY_OIO_BODY_BYTES_MAX bytes, and says FY_EINPUT
 * of one that is not JSON, or not of the form that its operation takes. What it gives out is
 * borrowed from a tree that fy_oio_body_done frees; on failure there is nothing to free.
 * Thread: any.
 */
#ifndef FY_ADAPTERS_OIO_JSON_H
#define FY_ADAPTERS_OIO_JSON_H

#include "common/core/buf.h"
#include "common/core/oio.h"
#include "common/ports/catalogue.h"

struct fy_oio_body {
    void *tree;
    char *keys;                     /* those with a prefix that was not in the body */
    struct fy_property *properties; /* NULL values: none (any more) */
    size_t count;
};
void fy_oio_body_done(struct fy_oio_body *body);

/* Empty, or any JSON. */
FY_MUST_CHECK enum fy_code fy_oio_json_check(const char *bytes, size_t size_bytes,
                                             struct fy_err *err);
/* {"system":{KEY:VALUE},"properties":{KEY:VALUE}}, null or nothing. Keys of `properties` get the
 * prefix "user."; values are texts or null.
 *   checked  keys of `system` must begin with "sys." or "user." */
FY_MUST_CHECK enum fy_code fy_oio_json_properties(const char *bytes, size_t size_bytes,
                                                  bool checked, struct fy_oio_body *body,
                                                  struct fy_err *err);
/* [KEY,...], prefixed likewise, without values. */
FY_MUST_CHECK enum fy_code fy_oio_json_keys(const char *bytes, size_t size_bytes,
                                            struct fy_oio_body *body, struct fy_err *err);

/* {"containers":[{"name":TEXT,"system":{},"properties":{}},...]}: FY_ETOOBIG over FY_OIO_MANY_MAX
 * of them. */
struct fy_oio_many {
    void *tree;
    struct fy_oio_item {
        const char *name;
        struct fy_oio_body body; /* without a tree of its own */
    } * items;
    size_t count;
};
void fy_oio_many_done(struct fy_oio_many *many);
FY_MUST_CHECK enum fy_code fy_oio_json_many(const char *bytes, size_t size_bytes,
                                            struct fy_oio_many *many, struct fy_err *err);

/* {"account":TEXT,"container":TEXT}: copied. FY_EINPUT also when one is longer than its field. */
FY_MUST_CHECK enum fy_code fy_oio_json_target(const char *bytes, size_t size_bytes,
                                              char account[static FY_CLIENT_BYTES_MAX + 1],
                                              char container[static FY_BUCKET_BYTES_MAX + 1],
                                              struct fy_err *err);

/* Of an object. {"chunks":[...],"properties":{KEY:VALUE}}, or the array of chunks alone, or
 * nothing: its properties and a mime type ("" none) as the metadata of an object, in its one form.
 * FY_ETOOBIG: over FY_METADATA_BYTES_MAX. */
FY_MUST_CHECK enum fy_code fy_oio_json_content(const char *bytes, size_t size_bytes,
                                               const char *mime_type,
                                               char metadata[static FY_METADATA_BYTES_MAX + 1],
                                               struct fy_err *err);
/* {"properties":{KEY:VALUE}}: keys as they are; values texts, or null and "" for none. */
FY_MUST_CHECK enum fy_code fy_oio_json_content_set(const char *bytes, size_t size_bytes,
                                                   struct fy_oio_body *body, struct fy_err *err);
/* [KEY,...] or {"properties":[KEY,...]}: keys as they are. */
FY_MUST_CHECK enum fy_code fy_oio_json_content_del(const char *bytes, size_t size_bytes,
                                                   struct fy_oio_body *body, struct fy_err *err);

/* An object's metadata taken apart: its properties as one JSON object (NULL: not wanted), and the
 * mime type, "" none. false: it has no properties. */
bool fy_oio_metadata_print(const char *metadata, struct fy_buf *properties, char *mime_type,
                           size_t mime_type_bytes);

#endif
