/* backfill_internal.h - one step of a backfill, shared by the files of backfill*.c. */
/*
 * backfill.c          which backfills there are, when each is due, what is published and saved
 * backfill_turn.c     the orders of a step
 * backfill_walk.c     containers, and all that is in one
 * backfill_compare.c  only what another site lacks of one
 * backfill_ask.c      what another site is asked
 *
 * A step reads the catalogue from where the row stands, gathers orders, has them published, and
 * only then saves where it has come. So a kill anywhere gives some orders twice, and none never;
 * two workers that both believe it theirs do no worse.
 */
#ifndef FY_WORKER_BACKFILL_INTERNAL_H
#define FY_WORKER_BACKFILL_INTERNAL_H

#include "common/core/diff.h"
#include "common/runtime/node.h"

/* A step, gathered. Backfill thread only. */
struct fy_backfill_turn {
    struct fy_node *node;
    struct fy_backfill_row *row;    /* goes ahead as orders are added */
    const struct fy_site_row *site; /* the target */
    bool ferry;                     /* it is one: it can be asked what it has */
    bool overwrites;                /* the container under way follows a version policy */
    size_t limit; /* orders, 1..FY_BACKFILL_STEP; a container's own comes on top */
    size_t span;  /* names to compare at once, 1..FY_BACKFILL_SPAN; moves */

    struct fy_buf bytes; /* keys and orders one after the other */
    size_t count;
    struct {
        size_t key_at, key_bytes, value_at, value_bytes;
    } places[FY_BACKFILL_STEP + 1];
    int64_t size; /* what these orders promise, in bytes: over FY_BACKFILL_STEP_BYTES it is full */
};

/* ---- backfill_turn.c */
void fy_backfill_turn_init(struct fy_backfill_turn *turn, struct fy_node *node);
void fy_backfill_turn_done(struct fy_backfill_turn *turn);
/* Empty, for the next step. */
void fy_backfill_turn_clear(struct fy_backfill_turn *turn);
static inline bool fy_backfill_turn_full(const struct fy_backfill_turn *turn)
{
    return turn->count >= turn->limit || turn->size >= FY_BACKFILL_STEP_BYTES;
}
/* Adds an order for what row->at names, in its container; name "": the container itself. A CCS site
 * is not told what it cannot name: that is left. hash "" none. */
struct fy_backfill_change {
    enum fy_action action;
    const char *object;
    const struct fy_stamp *stamp;
    int64_t size;
    const char *hash;
};
void fy_backfill_add(struct fy_backfill_turn *turn, const struct fy_backfill_change *change);
void fy_backfill_add_mark(struct fy_backfill_turn *turn, const struct fy_object_mark *mark);
/* Publishes them to the site's topic and waits for the acknowledgement. Errors: of the queue. */
FY_MUST_CHECK enum fy_code fy_backfill_publish(struct fy_backfill_turn *turn, struct fy_err *err);

/* ---- backfill_walk.c */
/* Gathers the next orders; row->state is DONE when there is nothing after them. Errors: of the
 * catalogue and the site; FY_EEXISTS: of fy_backfill_guard. Row and turn are worth nothing then. */
FY_MUST_CHECK enum fy_code fy_backfill_step(struct fy_backfill_turn *turn, struct fy_err *err);

/* ---- backfill_compare.c */
/* Gathers orders of what the site lacks of the container under way. *over: all of it was compared.
 * Errors: as fy_backfill_step. */
FY_MUST_CHECK enum fy_code fy_backfill_compare(struct fy_backfill_turn *turn, bool *over,
                                               struct fy_err *err);

/* ---- backfill_ask.c: all block for FY_SMALL_CALL_MS at most. */
/* Orders on their way to the site: in our topic, and not done there. *ferry: whether it is one; of
 * any other only our topic is known. Errors: it does not answer, or as neither Ferry nor CCS; of
 * the queue. */
FY_MUST_CHECK enum fy_code fy_backfill_lag(struct fy_node *node, const struct fy_site_row *site,
                                           int64_t *orders, bool *ferry, struct fy_err *err);
/* Whether a Ferry has us in its topology: of one that does not, each order would wait there,
 * and then die. Errors: FY_EPEER it does not; as above. */
FY_MUST_CHECK enum fy_code
fy_backfill_ask_known(struct fy_node *node, const struct fy_site_row *site, struct fy_err *err);
/* The stamp of the container's register there; zero: it has none. */
FY_MUST_CHECK enum fy_code fy_backfill_ask_container(const struct fy_backfill_turn *turn,
                                                     struct fy_stamp *stamp, struct fy_err *err);
/* What it has of a range of the container's READY objects, of which ours have the sum `wanted`. */
enum fy_backfill_has {
    FY_BACKFILL_SAME,
    FY_BACKFILL_NONE,
    FY_BACKFILL_SOME, /* others, or it could not sum up all of them */
};
FY_MUST_CHECK enum fy_code fy_backfill_ask_sum(const struct fy_backfill_turn *turn,
                                               const struct fy_diff_range *range,
                                               const struct fy_sum *wanted,
                                               enum fy_backfill_has *has, struct fy_err *err);
/* Rows of that range in any status, from its begin; room for FY_DIFF_ROWS. */
FY_MUST_CHECK enum fy_code fy_backfill_ask_rows(const struct fy_backfill_turn *turn,
                                                const struct fy_diff_range *range,
                                                struct fy_diff_rows *rows, struct fy_err *err);

#endif
