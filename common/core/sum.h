/* sum.h - the sum of a set of hashes: the same in whatever order they are added. */
/*
 * Two sets whose sums of 128 bits are equal are the same set, but for chance (1 in 2^128) or
 * malice: whoever can choose millions of members can make two sets meet. It finds faults, it proves
 * nothing to an enemy.
 */
#ifndef FY_CORE_SUM_H
#define FY_CORE_SUM_H

#include "common/core/digest.h"

#define FY_SUM_DIGITS 32 /* lower-case hexadecimal */

struct fy_sum { /* the empty set is all zero */
    uint64_t high, low;
};

/* Adds a member by its hash, of which the first 16 bytes count. Thread: any. */
void fy_sum_add_digest(struct fy_sum *sum, const struct fy_digest *digest);
/* The sum of both sets, which have no member in common. */
void fy_sum_add(struct fy_sum *sum, const struct fy_sum *other);
bool fy_sum_equal(const struct fy_sum *a, const struct fy_sum *b);
void fy_sum_print(const struct fy_sum *sum, char text[static FY_SUM_DIGITS + 1]);
/* false: it is not what fy_sum_print writes, and *sum stays. */
FY_MUST_CHECK bool fy_sum_parse(const char *text, struct fy_sum *sum);

#endif
