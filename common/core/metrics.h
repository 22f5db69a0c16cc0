/* metrics.h - the process's counters and gauges, in one table, printed in Prometheus' text format.
 */
#ifndef FY_CORE_METRICS_H
#define FY_CORE_METRICS_H

#include <stdatomic.h>

#include "common/core/buf.h"
#include "common/core/err.h"

/* Plain numbers of the process, no labels. The table in metrics.c gives each its name, type and
 * help. */
enum fy_metric {
    FY_M_ORDERS_ACCEPTED,   /* ferry_orders_accepted_total */
    FY_M_ORDERS_RECEIVED,   /* ferry_orders_received_total */
    FY_M_ORDERS_APPLIED,    /* ferry_orders_completed_total{outcome="applied"} */
    FY_M_ORDERS_DUPLICATE,  /* ... {outcome="duplicate"} */
    FY_M_ORDERS_SUPERSEDED, /* ... {outcome="superseded"} */
    FY_M_ORDERS_SETTLED,    /* ... {outcome="settled"} */
    FY_M_ORDERS_WAITING,    /* ... {outcome="waiting"}: moved to `waiting` */
    FY_M_ORDERS_DEAD,       /* ... {outcome="dead"} */
    FY_M_RETRIES,           /* ferry_retry_total: tries in memory after the first */
    FY_M_BYTES_PULLED,      /* ferry_bytes_pulled_total */
    FY_M_BODIES_LINKED,     /* ferry_bodies_linked_total */
    FY_M_HASH_MISMATCH,     /* ferry_hash_mismatch_total */
    FY_M_FSYNC_ERRORS,      /* ferry_fsync_errors_total */
    FY_M_INFLIGHT_ORDERS,   /* gauge ferry_inflight_orders */
    FY_M_INFLIGHT_BYTES,    /* gauge */
    FY_M_LANES,             /* gauge */
    FY_M_LANE_ORDERS,       /* gauge: orders held in lanes */
    FY_M_RETRY_MEMORY,      /* gauge: orders between tries in memory */
    FY_M_OUTBOX_PUBLISHED,  /* ferry_outbox_published_total */
    FY_M_EVENTS_PUBLISHED,  /* ferry_events_published_total */
    FY_M_EVENTS_DROPPED,    /* ferry_events_dropped_total: too many waited */
    FY_M_OIO_PUBLISHED,     /* ferry_oio_events_published_total */
    FY_M_OIO_DROPPED,       /* ferry_oio_events_dropped_total: too many waited */
    FY_M_ROUTED,            /* ferry_orders_routed_total: copies written to site topics */
    FY_M_SENT,              /* ferry_orders_sent_total: accepted by target sites */
    FY_M_BACKFILLS,         /* gauge ferry_backfills: that run, at the worker that works on them */
    FY_M_BACKFILL_LOOKED,   /* ferry_backfill_looked_total: objects */
    FY_M_BACKFILL_ORDERED,  /* ferry_backfill_orders_total */
    FY_M_NOT_FOR_CCS,       /* ferry_orders_not_for_ccs_total: names CCS sites cannot have */
    FY_M_SEND_RETRIES,      /* ferry_send_retry_total */
    FY_M_BODIES_SWEPT,      /* ferry_bodies_swept_total */
    FY_M_VERIFIED_BYTES,    /* ferry_verified_bytes_total */
    FY_M_BODIES_MENDED,     /* ferry_bodies_mended_total */
    FY_M_PROGRESS_MS,       /* gauge ferry_progress_timestamp_seconds: last order that ended */
    FY_M_HTTP_REQUESTS,     /* ferry_http_requests_total */
    FY_M_HTTP_ERRORS,       /* ferry_http_errors_total: answers of 500 and above */
    FY_M_CLOCK_SKEW_MS,     /* gauge ferry_clock_skew_ms: greatest seen against a peer */
    FY_M_WORKER_PAUSED,     /* gauge 0/1: dispatch stopped by a local dependency */
    FY_M_GATE_TOKENS,       /* gauge ferry_dlq_tokens: orders that may die of their sites' faults */
    FY_M_CACHE_HITS,        /* ferry_cache_hits_total: look-ups the shared cache answered */
    FY_M_CACHE_MISSES,      /* ferry_cache_misses_total: those the catalogue answered */
    FY_M_CACHE_FAILURES,    /* ferry_cache_failures_total: times its breaker opened */
    FY_M_CACHE_AWAY,        /* gauge ferry_cache_away 0/1: its breaker is open */
    FY_METRIC_COUNT
};

struct fy_metrics {
    _Atomic int64_t values[FY_METRIC_COUNT];
};

static inline void fy_metric_add(struct fy_metrics *metrics, enum fy_metric metric, int64_t delta)
{
    atomic_fetch_add_explicit(&metrics->values[metric], delta, memory_order_relaxed);
}
static inline void fy_metric_set(struct fy_metrics *metrics, enum fy_metric metric, int64_t value)
{
    atomic_store_explicit(&metrics->values[metric], value, memory_order_relaxed);
}
static inline int64_t fy_metric_get(struct fy_metrics *metrics, enum fy_metric metric)
{
    return atomic_load_explicit(&metrics->values[metric], memory_order_relaxed);
}
/* All of them with # HELP and # TYPE lines. worker: also what only a worker counts; of a process
 * that has none a 0 would be a lie ("not paused", "no order may die"). */
void fy_metrics_print(struct fy_metrics *metrics, bool worker, struct fy_buf *buf);

#endif
