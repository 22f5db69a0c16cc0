/* lag.h - how far behind each topic of the site is: one computation for metrics, API and commands.
 */
/* Whoever asks gets the same figures, of whichever process: they are the queue's, not ours. */
#ifndef FY_RUNTIME_LAG_H
#define FY_RUNTIME_LAG_H

#include "common/runtime/node.h"

/* Rows of fy_lag_all at most: three topics of a site's own, and one for each other. */
#define FY_LAG_ROWS_MAX ((size_t)FY_PARTITIONS_MAX * (3 + FY_SITES_MAX))

/* One partition as its group has left it. */
struct fy_lag_row {
    const char *topic;
    const char *group;
    const char *site; /* whose orders they are: the target of a site's topic, else our own */
    int32_t partition;
    int64_t committed; /* next to read */
    int64_t end;       /* offset the next record will get */
    int64_t orders;    /* end - committed: what Kafka's tools call lag */
    int64_t backlog;   /* of those, not done yet: one order that takes long keeps all behind it in
                          orders, but not here */
    int64_t oldest_ms; /* age of the record at committed; 0 when nothing is behind */
};
typedef void fy_lag_row_fn(void *arg, const struct fy_lag_row *row);

/* Sums of rows. */
struct fy_lag_sum {
    int64_t orders;
    int64_t backlog;
    int64_t oldest_ms; /* the greatest */
};
void fy_lag_add(struct fy_lag_sum *sum, const struct fy_lag_row *row);

/*
 * Visits each partition of one topic; a topic that nobody has written to yet has none.
 *   group, topic  borrowed
 *   site          borrowed; given back in the rows
 * Errors: those of fy_queue_lag but FY_ENOTFOUND. Blocks as that does. Thread: any.
 */
FY_MUST_CHECK enum fy_code fy_lag_topic(struct fy_node *node, const char *group, const char *topic,
                                        const char *site, fy_lag_row_fn *visit, void *arg,
                                        struct fy_err *err);

/* A topic is over: how its look ended. May be NULL. */
typedef void fy_lag_topic_fn(void *arg, const char *topic, enum fy_code code);

/*
 * Visits each partition of every topic of this site with the group that reads it: orders to be
 * routed, to be worked on, dead, and those for each site given.
 *   sites  the topology, our own site included or not; borrowed
 *   done   called after each topic, also one that could not be looked at; NULL: nobody asks
 * A topic that fails leaves the others as they are, but once the queue does not answer it is asked
 * no more, and none is after FY_LAG_ALL_MS: their codes are FY_EBUSY. Errors: the first topic's
 * that failed; the others were visited. Thread: any that may block.
 */
FY_MUST_CHECK enum fy_code fy_lag_all(struct fy_node *node, const struct fy_site_row *sites,
                                      size_t site_count, fy_lag_row_fn *visit,
                                      fy_lag_topic_fn *done, void *arg, struct fy_err *err);

#endif
