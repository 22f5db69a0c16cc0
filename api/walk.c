/* walk.c - few walks over many rows at once: whoever lives on the catalogue finds it free. */
#include "api/exchange.h"

bool fy_walk_begin(struct fy_exchange *x, struct fy_err *err)
{
    _Atomic int *walks = &x->server->walks;
    if (atomic_fetch_add(walks, 1) < FY_WALKS_MAX)
        return true;
    atomic_fetch_sub(walks, 1);
    (void)fy_err_set(err, FY_EBUSY, "%d walks over many objects are being worked on already",
                     FY_WALKS_MAX);
    return false;
}

void fy_walk_end(struct fy_exchange *x)
{
    int before = atomic_fetch_sub(&x->server->walks, 1);
    FY_ASSERT(before > 0);
}
