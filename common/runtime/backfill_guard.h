/* backfill_guard.h - whether ordering old objects anew could bring back what was deleted. */
/*
 * A site that applied a delete forgets its tombstone after tombstones.keep. Whoever never applied
 * that delete still has the object: ordered anew, it would come back there. Older than that, a
 * delete is a dead letter here, EXPIRED as a rule, so it is known that there is one.
 */
#ifndef FY_RUNTIME_BACKFILL_GUARD_H
#define FY_RUNTIME_BACKFILL_GUARD_H

#include "common/runtime/node.h"

/*
 * Looks for deletes that came to this site too late to be applied.
 *   account, bucket  in this container; both "": in any
 * Errors: FY_EEXISTS there is one, and the sentence what to do; those of fy_catalogue_waiting_list.
 * Thread: any that may block.
 */
FY_MUST_CHECK enum fy_code fy_backfill_guard(struct fy_node *node, const char *account,
                                             const char *bucket, struct fy_err *err);

#endif
