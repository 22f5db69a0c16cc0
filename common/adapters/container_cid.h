/* container_cid.h - the id of a container, which OpenIO's API and topics know it by. */
#ifndef FY_ADAPTERS_CONTAINER_CID_H
#define FY_ADAPTERS_CONTAINER_CID_H

#include "common/ports/sha256.h"

/* SHA-256 of the account, a zero byte and the name (openio-container 2). Thread: any. */
void fy_container_cid(const char *account, const char *name, struct fy_digest *cid);

#endif
