/* metrics.c - the names of the process's numbers, and how they are printed. */
#include "common/core/metrics.h"

#include <inttypes.h>
#include <string.h>

enum metric_kind {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_GAUGE_MS, /* kept in ms, shown in seconds as Prometheus wants them */
};

/* In the order of the enum: samples of one name stand together, as the text format requires. */
static const struct metric_row {
    const char *name;   /* shown; dashboards and alarms know it: never renamed */
    const char *labels; /* "" none */
    enum metric_kind kind;
    const char *help;
} metric_rows[FY_METRIC_COUNT] = {
    [FY_M_ORDERS_ACCEPTED] = {"ferry_orders_accepted_total", "", METRIC_COUNTER,
                              "Orders the API has put safely into the queue."},
    [FY_M_ORDERS_RECEIVED] = {"ferry_orders_received_total", "", METRIC_COUNTER,
                              "Orders the worker has taken from the queue, repeats included."},
#define COMPLETED(word)                                                                            \
    {                                                                                              \
        "ferry_orders_completed_total", "{outcome=\"" word "\"}", METRIC_COUNTER,                  \
            "Orders the worker is done with, by what became of them."                              \
    }
    [FY_M_ORDERS_APPLIED] = COMPLETED("applied"),
    [FY_M_ORDERS_DUPLICATE] = COMPLETED("duplicate"),
    [FY_M_ORDERS_SUPERSEDED] = COMPLETED("superseded"),
    [FY_M_ORDERS_SETTLED] = COMPLETED("settled"),
    [FY_M_ORDERS_WAITING] = COMPLETED("waiting"),
    [FY_M_ORDERS_DEAD] = COMPLETED("dead"),
#undef COMPLETED
    [FY_M_RETRIES] = {"ferry_retry_total", "", METRIC_COUNTER,
                      "Tries in memory after the first one of an order."},
    [FY_M_BYTES_PULLED] = {"ferry_bytes_pulled_total", "", METRIC_COUNTER,
                           "Plain bytes of bodies received from other sites."},
    [FY_M_BODIES_LINKED] = {"ferry_bodies_linked_total", "", METRIC_COUNTER,
                            "Objects made of a body that was here already."},
    [FY_M_HASH_MISMATCH] = {"ferry_hash_mismatch_total", "", METRIC_COUNTER,
                            "Bodies received whose SHA-256 was not the promised one."},
    [FY_M_FSYNC_ERRORS] = {"ferry_fsync_errors_total", "", METRIC_COUNTER,
                           "Bodies the disk refused to make durable."},
    [FY_M_INFLIGHT_ORDERS] = {"ferry_inflight_orders", "", METRIC_GAUGE,
                              "Orders being worked on now."},
    [FY_M_INFLIGHT_BYTES] = {"ferry_inflight_bytes", "", METRIC_GAUGE,
                             "Promised bytes of the orders being worked on."},
    [FY_M_LANES] = {"ferry_lanes", "", METRIC_GAUGE, "Objects that have an order in memory."},
    [FY_M_LANE_ORDERS] = {"ferry_lane_orders", "", METRIC_GAUGE, "Orders held in memory."},
    [FY_M_RETRY_MEMORY] = {"ferry_retry_memory_orders", "", METRIC_GAUGE,
                           "Orders between two tries in memory."},
    [FY_M_OUTBOX_PUBLISHED] = {"ferry_outbox_published_total", "", METRIC_COUNTER,
                               "Orders of local changes put into the queue."},
    [FY_M_EVENTS_PUBLISHED] = {"ferry_events_published_total", "", METRIC_COUNTER,
                               "Outcomes of orders put into the topic object-events."},
    [FY_M_EVENTS_DROPPED] = {"ferry_events_dropped_total", "", METRIC_COUNTER,
                             "Outcomes that were not told, since too many waited."},
    [FY_M_OIO_PUBLISHED] = {"ferry_oio_events_published_total", "", METRIC_COUNTER,
                            "Changes of containers put into the topic oio."},
    [FY_M_OIO_DROPPED] = {"ferry_oio_events_dropped_total", "", METRIC_COUNTER,
                          "Changes of containers that nobody was told: too many waited."},
    [FY_M_ROUTED] = {"ferry_orders_routed_total", "", METRIC_COUNTER,
                     "Copies of orders written to the topics of target sites."},
    [FY_M_SENT] = {"ferry_orders_sent_total", "", METRIC_COUNTER,
                   "Orders that target sites have accepted."},
    [FY_M_BACKFILLS] = {"ferry_backfills", "", METRIC_GAUGE,
                        "Backfills that this worker is working on."},
    [FY_M_BACKFILL_LOOKED] = {"ferry_backfill_looked_total", "", METRIC_COUNTER,
                              "Objects that backfills have looked at."},
    [FY_M_BACKFILL_ORDERED] = {"ferry_backfill_orders_total", "", METRIC_COUNTER,
                               "Orders that backfills have given."},
    [FY_M_NOT_FOR_CCS] = {"ferry_orders_not_for_ccs_total", "", METRIC_COUNTER,
                          "Orders not sent to a CCS site, which cannot name what they are about."},
    [FY_M_SEND_RETRIES] = {"ferry_send_retry_total", "", METRIC_COUNTER,
                           "Requests to target sites that had to be repeated."},
    [FY_M_BODIES_SWEPT] = {"ferry_bodies_swept_total", "", METRIC_COUNTER,
                           "Bodies removed because nothing names them."},
    [FY_M_VERIFIED_BYTES] = {"ferry_verified_bytes_total", "", METRIC_COUNTER,
                             "Bytes of stored bodies that scans have read again and hashed."},
    [FY_M_BODIES_MENDED] = {"ferry_bodies_mended_total", "", METRIC_COUNTER,
                            "Damaged bodies whose bytes another site gave again."},
    [FY_M_PROGRESS_MS] = {"ferry_progress_timestamp_seconds", "", METRIC_GAUGE_MS,
                          "When the last order ended here, since 1970."},
    [FY_M_HTTP_REQUESTS] = {"ferry_http_requests_total", "", METRIC_COUNTER, "Requests received."},
    [FY_M_HTTP_ERRORS] = {"ferry_http_errors_total", "", METRIC_COUNTER,
                          "Answers of status 500 and above."},
    [FY_M_CLOCK_SKEW_MS] = {"ferry_clock_skew_ms", "", METRIC_GAUGE,
                            "Greatest clock difference seen against another site."},
    [FY_M_WORKER_PAUSED] = {"ferry_worker_paused", "", METRIC_GAUGE,
                            "1 while the worker waits for its own disk or catalogue."},
    [FY_M_GATE_TOKENS] = {"ferry_dlq_tokens", "", METRIC_GAUGE,
                          "Orders that may become dead letters by a site's fault now."},
    [FY_M_CACHE_HITS] = {"ferry_cache_hits_total", "", METRIC_COUNTER,
                         "Look-ups that the shared cache has answered."},
    [FY_M_CACHE_MISSES] = {"ferry_cache_misses_total", "", METRIC_COUNTER,
                           "Look-ups beside the shared cache that asked the catalogue."},
    [FY_M_CACHE_FAILURES] = {"ferry_cache_failures_total", "", METRIC_COUNTER,
                             "Times the shared cache was found to be away."},
    [FY_M_CACHE_AWAY] = {"ferry_cache_away", "", METRIC_GAUGE,
                         "1 while the shared cache is away and the catalogue is asked instead."},
};

static const bool of_worker[FY_METRIC_COUNT] = {
    [FY_M_ORDERS_RECEIVED] = true,
    [FY_M_ORDERS_APPLIED] = true,
    [FY_M_ORDERS_DUPLICATE] = true,
    [FY_M_ORDERS_SUPERSEDED] = true,
    [FY_M_ORDERS_SETTLED] = true,
    [FY_M_ORDERS_WAITING] = true,
    [FY_M_ORDERS_DEAD] = true,
    [FY_M_RETRIES] = true,
    [FY_M_BYTES_PULLED] = true,
    [FY_M_BODIES_LINKED] = true,
    [FY_M_HASH_MISMATCH] = true,
    [FY_M_INFLIGHT_ORDERS] = true,
    [FY_M_INFLIGHT_BYTES] = true,
    [FY_M_LANES] = true,
    [FY_M_LANE_ORDERS] = true,
    [FY_M_RETRY_MEMORY] = true,
    [FY_M_OUTBOX_PUBLISHED] = true,
    [FY_M_ROUTED] = true,
    [FY_M_SENT] = true,
    [FY_M_BACKFILLS] = true,
    [FY_M_BACKFILL_LOOKED] = true,
    [FY_M_BACKFILL_ORDERED] = true,
    [FY_M_NOT_FOR_CCS] = true,
    [FY_M_SEND_RETRIES] = true,
    [FY_M_BODIES_SWEPT] = true,
    [FY_M_VERIFIED_BYTES] = true,
    [FY_M_BODIES_MENDED] = true,
    [FY_M_PROGRESS_MS] = true,
    [FY_M_CLOCK_SKEW_MS] = true,
    [FY_M_WORKER_PAUSED] = true,
    [FY_M_GATE_TOKENS] = true,
};

void fy_metrics_print(struct fy_metrics *metrics, bool worker, struct fy_buf *buf)
{
    const char *last_name = "";
    for (int i = 0; i < FY_METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        FY_ASSERT(row->name != NULL); /* a metric without its row */
        if (of_worker[i] && !worker)
            continue;
        if (strcmp(row->name, last_name) != 0)
            fy_buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                          row->kind == METRIC_COUNTER ? "counter" : "gauge");
        last_name = row->name;
        int64_t value = fy_metric_get(metrics, (enum fy_metric)i);
        if (row->kind == METRIC_GAUGE_MS)
            fy_buf_printf(buf, "%s%s %" PRId64 ".%03" PRId64 "\n", row->name, row->labels,
                          value / 1000, value % 1000);
        else
            fy_buf_printf(buf, "%s%s %" PRId64 "\n", row->name, row->labels, value);
    }
}
