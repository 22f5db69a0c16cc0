/* damage.h - whoever finds a damaged body says so, without waiting. */
#ifndef FY_RUNTIME_DAMAGE_H
#define FY_RUNTIME_DAMAGE_H

#include "common/runtime/node.h"

/* The log and the catalogue learn that the body is not what it was stored as (not DAMAGE_NONE):
 * from then on nobody links to it, and its objects are answered as if they were not here. A
 * catalogue that is away learns it from the next reader. Thread: any; never blocks. */
void fy_damage_found(struct fy_node *node, const struct fy_body_row *body, enum fy_damage damage);

/* What the row of a READY object, or of one that lost a conflict, says of its body. */
void fy_body_of_object(const struct fy_object_row *object, struct fy_body_row *body);

#endif
