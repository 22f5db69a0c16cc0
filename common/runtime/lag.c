/* lag.c - the topics of a site, the group of each, and how far behind it is. */
#include "common/runtime/lag.h"

#include <string.h>

#include "common/core/done_map.h"

/* ------------------------------------------------------------------ one topic */

struct topic_look {
    const char *group, *site;
    int64_t now_ms;
    fy_lag_row_fn *visit;
    void *arg;
};

/* Without a map, as of groups that do one order after the other: all above the offset. Offsets that
 * a compaction or a transaction has left out are in either. */
static int64_t backlog_of(const struct fy_partition_lag *lag)
{
    struct fy_done_map map;
    if (fy_done_map_read(lag->text, lag->committed_offset, &map))
        return fy_done_map_left(&map, lag->end_offset);
    return lag->end_offset - lag->committed_offset;
}

static bool on_partition(void *arg, const struct fy_partition_lag *lag)
{
    const struct topic_look *look = arg;
    struct fy_lag_row row = {.topic = lag->topic,
                             .group = look->group,
                             .site = look->site,
                             .partition = lag->partition,
                             .committed = lag->committed_offset,
                             .end = lag->end_offset,
                             .orders = lag->end_offset - lag->committed_offset,
                             .backlog = backlog_of(lag)};
    /* A clock that was set back makes nothing younger than now. */
    if (row.orders > 0 && lag->oldest_ms > 0 && lag->oldest_ms < look->now_ms)
        row.oldest_ms = look->now_ms - lag->oldest_ms;
    look->visit(look->arg, &row);
    return true;
}

enum fy_code fy_lag_topic(struct fy_node *node, const char *group, const char *topic,
                          const char *site, fy_lag_row_fn *visit, void *arg, struct fy_err *err)
{
    struct topic_look look = {.group = group,
                              .site = site,
                              .now_ms = fy_wall_ms(node->clock),
                              .visit = visit,
                              .arg = arg};
    struct fy_err own = {0}; /* a topic that is not there yet is no error of the caller's */
    enum fy_code code = fy_queue_lag(node->queue, group, topic, on_partition, &look, &own);
    if (code == FY_OK || code == FY_ENOTFOUND)
        return FY_OK;
    return fy_err_set(err, code, "%s", own.text);
}

void fy_lag_add(struct fy_lag_sum *sum, const struct fy_lag_row *row)
{
    sum->orders += row->orders;
    sum->backlog += row->backlog;
    if (row->oldest_ms > sum->oldest_ms)
        sum->oldest_ms = row->oldest_ms;
}

/* ------------------------------------------------------------------ all topics */

struct all_look {
    struct fy_node *node;
    int64_t deadline_ms; /* monotonic */
    fy_lag_row_fn *visit;
    fy_lag_topic_fn *done;
    void *arg;
    enum fy_code code; /* of the first topic that failed */
    bool away;         /* the queue does not answer: it is not asked again */
    struct fy_err *err;
};

static void look_at(struct all_look *all, const char *group, const char *topic, const char *site)
{
    struct fy_err err = {0};
    enum fy_code code = FY_EBUSY;
    if (!all->away && fy_mono_ms(all->node->clock) >= all->deadline_ms) {
        all->away = true;
        (void)fy_err_set(&err, code, "the queue takes over %d ms to tell the lag of all topics",
                         FY_LAG_ALL_MS);
    } else if (!all->away) {
        code = fy_lag_topic(all->node, group, topic, site, all->visit, all->arg, &err);
        all->away = code == FY_EBUSY;
    }
    if (code != FY_OK && all->code == FY_OK)
        all->code = fy_err_set(all->err, code, "%s", err.text);
    if (all->done != NULL)
        all->done(all->arg, topic, code);
}

enum fy_code fy_lag_all(struct fy_node *node, const struct fy_site_row *sites, size_t site_count,
                        fy_lag_row_fn *visit, fy_lag_topic_fn *done, void *arg, struct fy_err *err)
{
    static const struct {
        const char *group, *topic;
    } own[] = {
        {FY_GROUP_ROUTER, FY_TOPIC_REPLICATION},
        {FY_GROUP_WORKER, FY_TOPIC_ACTION},
        {FY_GROUP_KEEPER, FY_TOPIC_DEAD},
    };
    struct all_look all = {.node = node,
                           .deadline_ms = fy_mono_ms(node->clock) + FY_LAG_ALL_MS,
                           .visit = visit,
                           .done = done,
                           .arg = arg,
                           .err = err};
    for (size_t i = 0; i < FY_COUNT_OF(own); i++)
        look_at(&all, own[i].group, own[i].topic, node->site);
    for (size_t i = 0; i < site_count; i++) {
        char topic[FY_TOPIC_BYTES_MAX + 1];
        if (strcmp(sites[i].id, node->site) == 0)
            continue; /* nothing is sent to ourselves */
        fy_topic_of_site(sites[i].id, topic);
        look_at(&all, FY_GROUP_SENDER, topic, sites[i].id);
    }
    return all.code;
}
