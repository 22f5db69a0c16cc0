/* ccs_rule.h - what a real CCS site can be told, and what it is told next: pure functions. */
/*
 * CCS's 201 promises nothing: its worker takes orders later, one by one, and drops what it cannot
 * do: an object whose bucket is not there, a CREATE over an object it has, names outside its rule.
 * It knows no stamps and cannot fetch a bucket's description. So an order for a CCS site is done
 * when the site shows its effect, and what is to be shown is the newest state we know of the name.
 */
#ifndef FY_WORKER_CCS_RULE_H
#define FY_WORKER_CCS_RULE_H

#include "common/core/order.h"

/* Whether CCS's routes can name what the order is about: account and bucket by its patterns, bucket
 * and object as its sanitiser leaves them (spec 2.2), since it cleans the names it pulls by. */
bool fy_ccs_can_name(const struct fy_order *order);

/* Whether hash (a digest in either form, or any text) and size say what the order promises. */
bool fy_ccs_is_promised(const struct fy_order *order, const char *hash, int64_t size);

enum fy_ccs_step {
    FY_CCS_LOOK,   /* nothing said yet */
    FY_CCS_GOING,  /* told to delete, until it is gone */
    FY_CCS_COMING, /* told to create, until it is there */
    FY_CCS_DONE,
    FY_CCS_ASIDE, /* not within the time, or refused: the caller moves it out of the way */
    FY_CCS_STEP_COUNT
};
/* What the site shows of a bucket or object. */
enum fy_ccs_shows {
    FY_CCS_UNCLEAR, /* its answer said nothing about it */
    FY_CCS_NOTHING,
    FY_CCS_PROMISED, /* what the order promises; of a bucket: that it is there */
    FY_CCS_OTHER,    /* something else under that name */
};
struct fy_ccs_move {
    enum fy_ccs_step step;
    enum fy_action tell; /* CREATE or DELETE to be sent now; UNKNOWN: nothing */
};
/*
 * The next step of an order that wants the name created or deleted.
 *   unsure  an older order of the name may still be on its way inside the site: what it shows now
 * is no proof, so a CREATE begins with a DELETE. Its topic keeps their order. A DELETE is always
 * told, whatever is shown: a CREATE may be on its way. Twice is harmless: the site ignores what is
 * so already.
 */
struct fy_ccs_move fy_ccs_next(enum fy_ccs_step step, enum fy_action want, bool unsure,
                               enum fy_ccs_shows shows);

/*
 * The order as the site is told it: the owner acts, for the acting client need not be known there
 * nor may read here. A DELETE that makes room for a CREATE has a stamp just below it, so that even
 * a Ferry, should one answer there meanwhile, ends with the CREATE.
 */
void fy_ccs_tell(const struct fy_order *order, enum fy_action action, struct fy_order *told);

#endif
