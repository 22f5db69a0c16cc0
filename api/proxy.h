/* proxy.h - another site's object, streamed through to our client (spec 1.2, op 3). */
#ifndef FY_API_PROXY_H
#define FY_API_PROXY_H

#include "api/http.h"

/* Pulls bucket/object from the site's /replicator/remote with the request's client-id and op-id,
 * and answers x: its object headers unchanged, its error status passed on. Defers; answers on the
 * peer's thread. Memory: at most FY_PROXY_BYTES_MAX a request. Thread: pool. */
#define FY_PROXY_BYTES_MAX (512 << 10)
void fy_proxy_object(struct fy_exchange *x, const struct fy_site_row *site,
                     const struct fy_object_key *key);

#endif
