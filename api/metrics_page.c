/* metrics_page.c - lag, backlog, waiting orders and sites as Prometheus gauges (ENGINE 7, DESIGN
 * 10). */
#include "api/metrics_page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime/sites.h"

/* One series a partition: the bound of labels is FY_PARTITIONS_MAX by (3 + FY_SITES_MAX) topics. */
struct lag_page {
    int64_t accepted_ms;     /* retention that a person accepts; 0: none */
    struct fy_lag_sum topic; /* the one at hand */
    unsigned errors;
    struct fy_buf lag, backlog, seconds, headroom;
};

struct page {
    struct fy_node *node;
    struct fy_buf *text;
    int64_t now_ms;
    size_t site_count;
    struct fy_site_row *sites;
    unsigned errors;
    /* waiting[direction][state][reason] */
    int64_t waiting[2][2][FY_REASON_COUNT];
};

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

static void on_lag(void *arg, const struct fy_lag_row *row)
{
    struct lag_page *page = arg;
    fy_lag_add(&page->topic, row);
    fy_buf_printf(&page->lag,
                  "ferry_consumer_lag{topic=\"%s\",partition=\"%" PRId32 "\",group=\"%s\"} %" PRId64
                  "\n",
                  row->topic, row->partition, row->group, row->orders);
    fy_buf_printf(&page->backlog,
                  "ferry_backlog_orders{topic=\"%s\",partition=\"%" PRId32 "\"} %" PRId64 "\n",
                  row->topic, row->partition, row->backlog);
    fy_buf_printf(&page->seconds,
                  "ferry_lag_seconds{topic=\"%s\",partition=\"%" PRId32 "\"} %.3f\n", row->topic,
                  row->partition, (double)row->oldest_ms / 1000.0);
}

static void on_topic(void *arg, const char *topic, enum fy_code code)
{
    struct lag_page *page = arg;
    if (code != FY_OK)
        page->errors++;
    else if (page->accepted_ms > 0)
        fy_buf_printf(&page->headroom,
                      "ferry_retention_headroom_seconds{topic=\"%s\"} %" PRId64 "\n", topic,
                      (page->accepted_ms - page->topic.oldest_ms) / 1000);
    page->topic = (struct fy_lag_sum){0};
}

static void print_lags(struct page *page)
{
    struct lag_page lags = {.accepted_ms = page->node->config->accept_retention_ms};
    struct fy_buf *parts[FY_METRICS_LAGS] = {&lags.lag, &lags.backlog, &lags.seconds,
                                             &lags.headroom};
    for (size_t i = 0; i < FY_COUNT_OF(parts); i++)
        fy_buf_init(parts[i], FY_METRICS_LAG_BYTES_MAX);
    head(&lags.lag, "ferry_consumer_lag", "Records above the committed offset.");
    head(&lags.backlog, "ferry_backlog_orders",
         "Orders not done yet, also behind one that takes long; scale on its sum.");
    head(&lags.seconds, "ferry_lag_seconds",
         "Age of the oldest record above the committed offset.");
    if (lags.accepted_ms > 0)
        head(&lags.headroom, "ferry_retention_headroom_seconds",
             "Until the oldest undone order is older than accept_retention: then it may be lost.");
    if (fy_lag_all(page->node, page->sites, page->site_count, on_lag, on_topic, &lags, NULL) !=
        FY_OK)
        page->errors += lags.errors;
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
    int64_t outbox_age_ms = totals.outbox_orders > 0 ? page->now_ms - totals.outbox_oldest_ms : 0;
    number(text, "ferry_dead_letters", "Orders that need a person.", totals.dead_orders);
    number(
        text, "ferry_waiting_due_orders",
        "Orders of waiting that a worker may take now, counted up to 10,000; scale on these, too.",
        totals.due_orders);
    number(text, "ferry_bytes_pending", "Promised bytes of orders in work or waiting.",
           totals.waiting_bytes + fy_metric_get(&node->metrics, FY_M_INFLIGHT_BYTES));
    number(text, "ferry_outbox_orders", "Orders of local changes not in the queue yet.",
           totals.outbox_orders);
    number(text, "ferry_outbox_oldest_seconds", "Age of the oldest of them.", outbox_age_ms / 1000);
    number(text, "ferry_events_waiting", "Outcomes of orders that applications were not told yet.",
           totals.events);
    number(text, "ferry_events_oldest_seconds", "Age of the oldest of them.",
           totals.events > 0 ? (page->now_ms - totals.events_oldest_ms) / 1000 : 0);
    number(text, "ferry_oio_events_waiting", "Changes of containers that are not in topic oio yet.",
           totals.oio_events);
    number(text, "ferry_oio_events_oldest_seconds", "Age of the oldest of them.",
           totals.oio_events > 0 ? (page->now_ms - totals.oio_events_oldest_ms) / 1000 : 0);
    number(text, "ferry_objects", "Objects READY here.", totals.objects);
    number(text, "ferry_object_bytes", "Their bytes.", totals.bytes);
    number(text, "ferry_deleted_objects_kept",
           "Deleted objects that `ferry undelete` can bring back.", totals.kept_objects);
    number(text, "ferry_deleted_bytes_kept",
           "Their bytes; what other objects have as well is counted, too.", totals.kept_bytes);
    number(text, "ferry_bodies_damaged", "Stored bodies known to be damaged: `ferry verify`.",
           totals.damaged_bodies);
    number(text, "ferry_containers", "Buckets and containers here.", totals.containers);
    number(text, "ferry_conflicts", "Losing bodies of conflicts kept for a person.",
           totals.conflicts);
}

void fy_metrics_page(struct fy_node *node, struct fy_buf *text)
{
    struct page *page = fy_alloc(sizeof *page); /* pool stacks are small */
    page->node = node;
    page->text = text;
    page->now_ms = fy_wall_ms(node->clock);
    read_sites(page);
    print_lags(page);
    print_sites(page);
    print_waiting(page);
    print_totals(page);
    int64_t used_bytes = 0, max_bytes = 0;
    fy_queue_fill(node->queue, &used_bytes, &max_bytes);
    number(text, "ferry_queue_up",
           "1 while the queue answers and takes records; while it is 0 lag may be missing above.",
           fy_queue_health(node->queue, NULL) == FY_OK);
    number(text, "ferry_queue_bytes", "Size of the queue.", used_bytes);
    number(text, "ferry_queue_bytes_max", "At this size it takes no more; 0: it has no limit.",
           max_bytes);
    number(text, "ferry_scrape_errors", "Parts missing above, since a port did not answer.",
           page->errors);
    free(page->sites);
    free(page);
}
