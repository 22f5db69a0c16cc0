/* put.h - an object coming in from a client, for the CCS route and the exact-name route alike
 * (spec 6.3). */
/*
 * Row UPLOAD before the first byte, so that a second uploader is told; body to the store while it
 * is hashed; hash verified; row READY with stamp and order in one transaction. Whatever ends it
 * early leaves no visible object and no order.
 */
#ifndef FY_API_PUT_H
#define FY_API_PUT_H

#include "api/http.h"

/* From stream_begin: reads the headers -size -hash -metadata -expires, takes the row (fy_put_end
 * does, of a body that is here whole), begins the body; answers an error itself.
 *   ccs      metadata keys by the CCS rule, and a name that is there is never written again; else
 *            the container's rules say
 *   version  0: now
 * Thread: pool. */
void fy_put_begin(struct fy_exchange *x, const struct fy_object_key *key, bool ccs,
                  int64_t version);
/* The route's stream_data, handle and stream_abort. handle answers 201 with AccessorObject; where
 * the container's rules count, x-ferry-version-id says which version it is. */
FY_MUST_CHECK enum fy_code fy_put_data(struct fy_exchange *x, const void *bytes, size_t size_bytes,
                                       struct fy_err *err);
void fy_put_end(struct fy_exchange *x);
void fy_put_abort(struct fy_exchange *x);

/* A route that takes an object in; begin names it and calls fy_put_begin. */
#define FY_PUT_ROUTE(verb, path, unit, begin)                                                      \
    {                                                                                              \
        .method = (verb), .pattern = (path), .module = (unit), .client_required = true,            \
        .body = FY_BODY_STREAM, .handle = fy_put_end, .stream_begin = (begin),                     \
        .stream_data = fy_put_data, .stream_abort = fy_put_abort                                   \
    }

#endif
