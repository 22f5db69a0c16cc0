/* oio_facts.h - what a container is, as OpenIO's clients read it: properties, in JSON and in
 * headers (openio-container 5). */
#ifndef FY_API_OIO_FACTS_H
#define FY_API_OIO_FACTS_H

#include "api/oio.h"

/* One container as of one moment. */
struct fy_oio_facts {
    struct fy_container_info info;
    struct fy_buf user, system; /* JSON objects, but for their last brace; of system what clients
                                   have set */
    struct fy_buf headers;      /* the same properties for headers: key 0 value 0, those of system
                                   first; the first ones of each, as many as a head could hold */
    struct fy_buf user_headers;
};
/* facts: zeroed, on the heap; fy_oio_facts_free ends it, whatever is said here. */
FY_MUST_CHECK enum fy_code fy_oio_facts_read(struct fy_oio *oio, struct fy_oio_facts *facts,
                                             struct fy_err *err);
/* For FY_AUTO: it is too large for a pool thread's stack. */
void fy_oio_facts_free(struct fy_oio_facts **facts);

/* The values of `properties` and `system`. all: with keys that begin with neither "sys." nor
 * "user.". */
void fy_oio_facts_user_json(struct fy_oio_facts *facts, struct fy_buf *json);
void fy_oio_facts_system_json(struct fy_oio *oio, struct fy_oio_facts *facts, bool all,
                              struct fy_buf *json);
/* One header for each property. What does not fit the head of an answer is left out, users'
 * properties first: bodies have them all.
 *   users  with those of users, and without those that are neither "sys." nor "user." */
void fy_oio_facts_headers(struct fy_oio *oio, struct fy_oio_facts *facts, bool users);

#define FY_OIO_FACTS_BYTES_MAX                                                                     \
    (6 * FY_PROPERTIES_BYTES_MAX + 8 * FY_PROPERTIES_MAX + (32 << 10)) /* every byte escaped */

#endif
