/* diff.h - which objects of a container two sites have differently, found by sums of ranges. */
/*
 * A side answers with the parts of a range of names: how many READY objects are in it, and the sum
 * of their marks. It cuts a range by itself, behind each name whose hash ends in so many zero bits:
 * two sides with the same names make the same cuts, and a name that only one has makes one cut
 * more there and changes nothing elsewhere. So nobody sends bounds, a side's answer may end
 * anywhere (its last part is then added to the next), and of equal sides one part each is all that
 * moves. Ranges that differ are asked for again, cut finer, until both sides' rows are few enough
 * to read.
 */
#ifndef FY_CORE_DIFF_H
#define FY_CORE_DIFF_H

#include "common/core/stamp.h"
#include "common/core/sum.h"

#define FY_DIFF_PARTS 64 /* of one answer: a range is asked for in some 16 */
#define FY_DIFF_ROWS  64 /* of one answer */
#define FY_DIFF_FEW   16 /* so many rows or fewer are read rather than cut finer */
#define FY_DIFF_BITS  48 /* no range has a name whose hash ends in so many zero bits */

/* Names from after (left out) to until (included); until "": to the last. Borrowed. */
struct fy_diff_range {
    const char *after, *until;
};
struct fy_diff_part {
    char until[FY_OBJECT_BYTES_MAX + 1]; /* "" : to the end of the range */
    int64_t count;
    struct fy_sum sum;
};
struct fy_diff_parts {
    size_t count; /* 1..FY_DIFF_PARTS; the last is `to the end`, or there is more behind it */
    struct fy_diff_part parts[FY_DIFF_PARTS];
};
struct fy_diff_row {
    char name[FY_OBJECT_BYTES_MAX + 1];
    bool ready;            /* else there is no object: deleted, or never whole */
    struct fy_stamp stamp; /* of the last change; zero unknown: then the body alone counts */
    int64_t changed_ms;    /* wall time, where the stamp is not known; 0 unknown, too */
    int64_t size;
    char hash[FY_HASH_BYTES_MAX + 1]; /* "" unknown: then the sizes decide */
};
struct fy_diff_rows {
    size_t count;
    bool more; /* in the range, behind the last row */
    struct fy_diff_row rows[FY_DIFF_ROWS];
};

/* What answers for a site. Errors end the comparison. */
struct fy_diff_side {
    void *arg;
    /* The parts of the range, from its begin; not for fy_diff_lists. bits: of the hash that are
     * zero where it is cut. */
    enum fy_code (*parts)(void *arg, const struct fy_diff_range *range, unsigned bits,
                          struct fy_diff_parts *parts, struct fy_err *err);
    /* Its rows by name, from its begin, whatever their status. */
    enum fy_code (*rows)(void *arg, const struct fy_diff_range *range, struct fy_diff_rows *rows,
                         struct fy_err *err);
};

enum fy_diff_kind { FY_DIFF_HERE = '<', FY_DIFF_THERE = '>', FY_DIFF_CHANGED = '!' };
/* here, there: NULL where the side has no object. false: that is enough. */
typedef bool fy_diff_visit_fn(void *arg, enum fy_diff_kind kind, const struct fy_diff_row *here,
                              const struct fy_diff_row *there);
struct fy_diff {
    struct fy_diff_side here, there;
    int64_t older_ms; /* names that either side changed after this wall time are left out */
    fy_diff_visit_fn *visit;
    void *arg;
};

/* Whether a range that is cut at so many zero bits is cut behind this name. Thread: any. */
bool fy_diff_is_cut(const char *name, unsigned bits);
/* Tells visit of every difference in the range, by name. Memory: some 300 KiB for each level of
 * cuts. Errors: of the sides; FY_EPEER one that answers out of order. */
FY_MUST_CHECK enum fy_code fy_diff_sums(const struct fy_diff *diff,
                                        const struct fy_diff_range *range, struct fy_err *err);
/* The same by reading every row of both sides: for one that has no sums. Memory: two pages. */
FY_MUST_CHECK enum fy_code fy_diff_lists(const struct fy_diff *diff,
                                         const struct fy_diff_range *range, struct fy_err *err);

#endif
