/* mark_sum.h - what an object adds to the sum of its range, by which sites are compared. */
#ifndef FY_ADAPTERS_MARK_SUM_H
#define FY_ADAPTERS_MARK_SUM_H

#include "common/core/sum.h"
#include "common/ports/catalogue_row.h"
#include "common/ports/sha256.h"

/* The same on every site and in every release. hash: any running one, which is reset. Thread: any.
 */
void fy_mark_sum(struct fy_sum *sum, struct fy_sha256 *hash, const struct fy_object_mark *mark);

#endif
