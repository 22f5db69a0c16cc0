/* metrics_page.c - lag, backlog, waiting orders and sites as Prometheus gauges (ENGINE 7, DESIGN
 * 10). */
#include "api/metrics_page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime/sites.h"

/* One series a partition: the bound of labels is FY_PARTITIONS_MAX by (2 + FY_SITES_MAX) topics. */
struct lag_page {
    const char *group;
    int64_t now_ms;
    int64_t oldest_age_ms; /* of the topic at hand */
    struct fy_buf lag, backlog, seconds, headroom;
};

struct page {
    struct fy_node *node;
    struct fy_buf *text;
    struct lag_page lags;
    size_t site_count;
    struct fy_site_row *sites;
    unsigned errors;
    /* waiting[direction][state][reason] */
    int64_t waiting[2][2][FY_REASON_COUNT];
};

#define PAGE_PART_BYTES_MAX (256 << 10)

static void head(struct fy_buf *text, const char *name, const char *help)
{
    fy_buf_printf(text, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void number(struct fy_buf *text, const char *name, const char *help, int64_t value)
{
    head(text, name, help);
    fy_buf_printf(text, "%s %" PRId64 "\n", name, value);
}

/* ------------------------------------------------------------------ lag */

static bool on_lag(void *arg, const struct fy_partition_lag *lag)
{
    struct lag_page *page = arg;
    int64_t orders = lag->end_offset - lag->committed_offset;
    double age_s = orders > 0 && lag->oldest_ms > 0 && page->now_ms > lag->oldest_ms
                       ? (double)(page->now_ms - lag->oldest_ms) / 1000.0
                       : 0.0;
    if ((int64_t)(age_s * 1000.0) > page->oldest_age_ms)
        page->oldest_age_ms = (int64_t)(age_s * 1000.0);
    fy_buf_printf(&page->lag,
                  "ferry_consumer_lag{topic=\"%s\",partition=\"%" PRId32 "\",group=\"%s\"} %" PRId64
                  "\n",
                  lag->topic, lag->partition, page->group, orders);
    fy_buf_printf(&page->backlog,
                  "ferry_backlog_orders{topic=\"%s\",partition=\"%" PRId32 "\"} %" PRId64 "\n",
                  lag->topic, lag->partition, orders);
    fy_buf_printf(&page->seconds,
                  "ferry_lag_seconds{topic=\"%s\",partition=\"%" PRId32 "\"} %.3f\n", lag->topic,
                  lag->partition, age_s);
    return true;
}

static void add_lag(struct page *page, const char *group, const char *topic)
{
    int64_t accepted_ms = page->node->config->accept_retention_ms;
    page->lags.group = group;
    page->lags.oldest_age_ms = 0;
    enum fy_code code = fy_queue_lag(page->node->queue, group, topic, on_lag, &page->lags, NULL);
    if (code != FY_OK && code != FY_ENOTFOUND) /* a topic comes with its first order */
        page->errors++;
    else if (accepted_ms > 0)
        fy_buf_printf(&page->lags.headroom,
                      "ferry_retention_headroom_seconds{topic=\"%s\"} %" PRId64 "\n", topic,
                      (accepted_ms - page->lags.oldest_age_ms) / 1000);
}

static void print_lags(struct page *page)
{
    struct lag_page *lags = &page->lags;
    lags->now_ms = fy_wall_ms(page->node->clock);
    fy_buf_init(&lags->lag, PAGE_PART_BYTES_MAX);
    fy_buf_init(&lags->backlog, PAGE_PART_BYTES_MAX);
    fy_buf_init(&lags->seconds, PAGE_PART_BYTES_MAX);
    fy_buf_init(&lags->headroom, PAGE_PART_BYTES_MAX);
    head(&lags->lag, "ferry_consumer_lag", "Records above the committed offset.");
    head(&lags->backlog, "ferry_backlog_orders", "Orders not done yet; scale on its sum.");
    head(&lags->seconds, "ferry_lag_seconds",
         "Age of the oldest record above the committed offset.");
    if (page->node->config->accept_retention_ms > 0)
        head(&lags->headroom, "ferry_retention_headroom_seconds",
             "Until the oldest undone order is older than accept_retention: then it may be lost.");

    add_lag(page, FY_GROUP_ROUTER, FY_TOPIC_REPLICATION);
    add_lag(page, FY_GROUP_WORKER, FY_TOPIC_ACTION);
    for (size_t i = 0; i < page->site_count; i++) {
        char topic[FY_TOPIC_BYTES_MAX + 1];
        fy_topic_of_site(page->sites[i].id, topic);
        if (strcmp(page->sites[i].id, page->node->site) != 0)
            add_lag(page, FY_GROUP_SENDER, topic);
    }
    struct fy_buf *parts[] = {&lags->lag, &lags->backlog, &lags->seconds, &lags->headroom};
    for (size_t i = 0; i < FY_COUNT_OF(parts); i++) {
        page->errors += parts[i]->overflow;
        fy_buf_add(page->text, parts[i]->bytes, parts[i]->size_bytes);
        fy_buf_done(parts[i]);
    }
}

/* ------------------------------------------------------------------ sites */

static void read_sites(struct page *page)
{
    page->sites = fy_alloc(FY_SITES_MAX * sizeof *page->sites);
    if (fy_sites_read(page->node->catalogue, false, page->sites, &page->site_count, NULL) != FY_OK)
        page->errors++;
}

static void print_sites(struct page *page)
{
    head(page->text, "ferry_site_up", "1 when the topology says that the site is UP.");
    for (size_t i = 0; i < page->site_count; i++)
        fy_buf_printf(page->text, "ferry_site_up{site=\"%s\"} %d\n", page->sites[i].id,
                      page->sites[i].status == FY_SITE_UP);
    head(page->text, "ferry_site_paused", "1 while a person has paused sending to the site.");
    for (size_t i = 0; i < page->site_count; i++)
        fy_buf_printf(page->text, "ferry_site_paused{site=\"%s\"} %d\n", page->sites[i].id,
                      page->sites[i].paused);
}

/* ------------------------------------------------------------------ waiting and totals */

/* Sites are no label here: reasons times sites would be a lot of series. */
static bool on_waiting(void *arg, const struct fy_waiting_count *count)
{
    struct page *page = arg;
    page->waiting[count->direction][count->state][count->reason] += count->orders;
    return true;
}

static void print_waiting(struct page *page)
{
    static const char *const directions[] = {[FY_IN] = "in", [FY_OUT] = "out"};
    static const char *const states[] = {[FY_WAITING] = "waiting", [FY_DEAD] = "dead"};
    if (fy_catalogue_waiting_counts(page->node->catalogue, on_waiting, page, NULL) != FY_OK) {
        page->errors++;
        return;
    }
    head(page->text, "ferry_waiting_orders",
         "Orders set aside, with the reason of their last failure.");
    for (int direction = FY_IN; direction <= FY_OUT; direction++)
        for (int state = FY_WAITING; state <= FY_DEAD; state++)
            for (int reason = 0; reason < FY_REASON_COUNT; reason++) {
                if (page->waiting[direction][state][reason] == 0)
                    continue;
                fy_buf_printf(page->text,
                              "ferry_waiting_orders{state=\"%s\",reason=\"%s\",direction=\"%s\"} "
                              "%" PRId64 "\n",
                              states[state], fy_reason_name((enum fy_reason)reason),
                              directions[direction], page->waiting[direction][state][reason]);
            }
}

static void print_totals(struct page *page)
{
    struct fy_node *node = page->node;
    struct fy_buf *text = page->text;
    struct fy_catalogue_totals totals;
    if (fy_catalogue_totals(node->catalogue, &totals, NULL) != FY_OK) {
        page->errors++;
        return;
    }
    int64_t outbox_age_ms =
        totals.outbox_orders > 0 ? page->lags.now_ms - totals.outbox_oldest_ms : 0;
    number(text, "ferry_dead_letters", "Orders that need a person.", totals.dead_orders);
    number(text, "ferry_bytes_pending", "Promised bytes of orders in work or waiting.",
           totals.waiting_bytes + fy_metric_get(&node->metrics, FY_M_INFLIGHT_BYTES));
    number(text, "ferry_outbox_orders", "Orders of local changes not in the queue yet.",
           totals.outbox_orders);
    number(text, "ferry_outbox_oldest_seconds", "Age of the oldest of them.", outbox_age_ms / 1000);
    number(text, "ferry_objects", "Objects READY here.", totals.objects);
    number(text, "ferry_object_bytes", "Their bytes.", totals.bytes);
    number(text, "ferry_containers", "Buckets and containers here.", totals.containers);
    number(text, "ferry_conflicts", "Losing bodies of conflicts kept for a person.",
           totals.conflicts);
}

void fy_metrics_page(struct fy_node *node, struct fy_buf *text)
{
    struct page *page = fy_alloc(sizeof *page); /* pool stacks are small */
    page->node = node;
    page->text = text;
    read_sites(page);
    print_lags(page);
    print_sites(page);
    print_waiting(page);
    print_totals(page);
    int64_t used_bytes = 0, max_bytes = 0;
    fy_queue_fill(node->queue, &used_bytes, &max_bytes);
    number(text, "ferry_queue_bytes", "Size of the queue.", used_bytes);
    number(text, "ferry_queue_bytes_max", "At this size it takes no more; 0: it has no limit.",
           max_bytes);
    number(text, "ferry_scrape_errors", "Parts missing above, since a port did not answer.",
           page->errors);
    free(page->sites);
    free(page);
}
