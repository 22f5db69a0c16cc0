/* lookup.h - which other site has it: all are asked at once, the first yes wins (DESIGN 7,
 * spec 5.4). */
#ifndef FY_API_LOOKUP_H
#define FY_API_LOOKUP_H

#include "common/runtime/node.h"

struct fy_lookup {
    const char *client, *op_id;
    const char *target; /* ask this site only, whatever its status; "" all UP sites but our own */
    const char *bucket;
    const char *object; /* NULL: the bucket */
    bool full_check;
};
/* Blocks for at most FY_LOOKUP_MS. Errors: FY_ENOTFOUND no site has it (or no such target);
 * FY_EPEER no site said yes and one could not answer. Thread: pool. */
#define FY_LOOKUP_MS 5000
FY_MUST_CHECK enum fy_code fy_lookup_site(struct fy_node *node, const struct fy_lookup *lookup,
                                          struct fy_site_row *site, struct fy_err *err);

#endif
