/* oio_event_json.h - changes of containers and of what is in them, as OpenIO tells them
 * (broker-schemas, oio-*.v1). */
#ifndef FY_ADAPTERS_OIO_EVENT_JSON_H
#define FY_ADAPTERS_OIO_EVENT_JSON_H

#include "common/core/buf.h"
#include "common/ports/catalogue_row.h"

enum fy_oio_kind {
    FY_OIO_CONTAINER_NEW,
    FY_OIO_CONTAINER_DELETED,
    FY_OIO_CONTAINER_STATE,
    FY_OIO_CONTAINER_UPDATE,
    FY_OIO_SERVICES,
    FY_OIO_CONTENT_NEW,
    FY_OIO_CONTENT_UPDATE,
    FY_OIO_CONTENT_DELETED,
    FY_OIO_KIND_COUNT
};

/* A version of an object. Texts are borrowed. */
struct fy_oio_content {
    const char *name;
    int64_t version;
    const char *id; /* of the object, as FY_GUID_DIGITS */
    bool marker;    /* a delete marker: no more is known of it than its times */
    int64_t created_ms, changed_ms;
    int64_t size;
    const struct fy_digest *digest; /* NULL: then hash */
    const char *hash;               /* in any form; "" or NULL unknown */
    const char *metadata;           /* JSON object of texts; "" none; NULL unknown */
};

/* The envelope. Texts are borrowed; NULL or "": not known, and not told. */
struct fy_oio_event {
    enum fy_oio_kind kind;
    int64_t when_us;
    const char *ns, *account, *container;
    const char *cid;                      /* upper-case hexadecimal */
    const char *bucket;                   /* that the container belongs to */
    const struct fy_oio_content *content; /* of FY_OIO_CONTENT_*; else NULL */
    const char *request_id, *origin;
};

/* Each of these appends one event, of FY_OIO_EVENT_BYTES_MAX at most. */

/* CONTAINER_STATE, CONTAINER_DELETED. */
void fy_oio_state_write(const struct fy_oio_event *event, int64_t created_ms, int64_t objects,
                        int64_t bytes, struct fy_buf *buf);
/* SERVICES. service: who serves the container; NULL: nobody does any more. */
void fy_oio_services_write(const struct fy_oio_event *event, const char *service,
                           struct fy_buf *buf);
/*
 * CONTAINER_NEW, with its service, and CONTAINER_UPDATE: the properties from that index on, as many
 * as an event has room for; returns where the next event goes on, count when none is needed. One
 * that no event has room for is left out. Keys are those of struct fy_property.
 */
FY_MUST_CHECK size_t fy_oio_properties_write(const struct fy_oio_event *event, const char *service,
                                             const struct fy_property *properties, size_t count,
                                             size_t from, struct fy_buf *buf);
/* CONTENT_*: of an object with many properties several, by part. */
FY_MUST_CHECK size_t fy_oio_content_parts(const struct fy_oio_content *content);
void fy_oio_content_write(const struct fy_oio_event *event, size_t part, size_t parts,
                          struct fy_buf *buf);

#endif
