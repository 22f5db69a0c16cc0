/* ccs_slice.h - some orders for a CCS site, told and seen through together: its one batch in
 * flight. */
#ifndef FY_WORKER_CCS_SLICE_H
#define FY_WORKER_CCS_SLICE_H

#include "worker/ccs_rule.h"
#include "worker/sender_internal.h"
#include "worker/verdict.h"

struct fy_ccs_item {
    struct fy_order order; /* as it came; it may be history by now */
    struct fy_order want;  /* what the site shall show, as sender_ccs.c settled on */
    bool unsure;           /* fy_ccs_next */
    bool ours;             /* nobody ordered it: the bucket of an object */
    size_t bucket;         /* of the CREATE of an object: the item that makes sure of its bucket */

    /* Where the order came from. */
    int64_t waiting_id; /* row of `waiting`; 0: the batch in hand */
    uint32_t rounds;    /* its moves to `waiting` so far */
    int64_t first_failed_ms;
    size_t record; /* of the batch in hand */

    /* The talk. */
    enum fy_ccs_step step;
    uint32_t told;
    struct fy_failure failure; /* of an item that is ASIDE */
};

struct fy_ccs_slice {
    size_t count;
    size_t not_for_ccs;                                /* orders that were left out */
    struct fy_ccs_item items[2 * FY_CCS_SLICE_ORDERS]; /* each order may need its bucket */
};

/*
 * Tells the site what it does not show yet and waits until it does. Every item is DONE or ASIDE
 * (failure says why) when this returns FY_OK; an item that makes no progress holds the others up
 * for FY_CCS_HOLD_MS at most. Errors: the site's own (it is away, refuses, is a Ferry now), and
 * FY_ECANCELLED: we stop, or the batch in hand is no longer ours. All of it may then be done again.
 * Thread: the sender's.
 */
FY_MUST_CHECK enum fy_code fy_ccs_slice_run(struct fy_sender *sender, struct fy_ccs_slice *slice,
                                            struct fy_err *err);

#endif
