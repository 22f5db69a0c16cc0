/* container_cid.c - the id of a container. */
#include "common/adapters/container_cid.h"

#include <string.h>

void fy_container_cid(const char *account, const char *name, struct fy_digest *cid)
{
    struct fy_sha256 *hash = fy_sha256_new();
    fy_sha256_update(hash, account, strlen(account) + 1);
    fy_sha256_update(hash, name, strlen(name));
    fy_sha256_final(hash, cid);
    fy_sha256_free(hash);
}
