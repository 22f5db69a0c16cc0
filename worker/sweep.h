/* sweep.h - the only code that deletes bodies (DESIGN 5). */
#ifndef FY_WORKER_SWEEP_H
#define FY_WORKER_SWEEP_H

#include "common/runtime/node.h"

/* Files that no row names, written by process runs whose lease is dead: removed at once. Walks the
 * whole store; *stop ends it early with FY_OK. */
FY_MUST_CHECK enum fy_code fy_sweep_orphans(struct fy_node *node, const _Atomic bool *stop,
                                            struct fy_err *err);
/* Body rows that nothing references go to trash in one transaction; files in trash past their grace
 * are removed, then forgotten. In small steps, so that creates do not suffer (DESIGN 12). */
FY_MUST_CHECK enum fy_code fy_sweep_unreferenced(struct fy_node *node, const _Atomic bool *stop,
                                                 struct fy_err *err);

#endif
