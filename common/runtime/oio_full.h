/* oio_full.h - whether changes of containers wait for their topic in such numbers that OpenIO's
 * routes take no more. */
#ifndef FY_RUNTIME_OIO_FULL_H
#define FY_RUNTIME_OIO_FULL_H

#include "common/runtime/node.h"

/* Over FY_OIO_WAITING_MAX of them wait: a change by OpenIO's API is answered 503. Looked at by
 * whoever asks, FY_OIO_LOOK_MS after the last look; as it was before while the catalogue is away.
 * Never of a site that tells nobody. Thread: any that may block. */
bool fy_oio_is_full(struct fy_node *node);

#endif
