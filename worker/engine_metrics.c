/* engine_metrics.c - the engine's labelled numbers in Prometheus' text format (ENGINE 7). */
#include <string.h>

#include "worker/engine.h"

static const char *const stage_names[FY_STAGE_COUNT] = {
    [FY_STAGE_WAIT] = "wait", [FY_STAGE_LOOK] = "look",           [FY_STAGE_TRANSFER] = "transfer",
    [FY_STAGE_SYNC] = "sync", [FY_STAGE_CATALOGUE] = "catalogue", [FY_STAGE_COMMIT] = "commit",
};

/* Upper bounds in ms; the last bucket takes the rest. */
static const int64_t bucket_ms[FY_STAGE_BUCKETS - 1] = {1, 5, 20, 100, 500, 2500, 10000};

void fy_stage_observe(struct fy_stage_numbers *stage, int64_t ms)
{
    size_t bucket = 0;
    while (bucket < FY_COUNT_OF(bucket_ms) && ms > bucket_ms[bucket])
        bucket++;
    atomic_fetch_add_explicit(&stage->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&stage->sum_ms, ms, memory_order_relaxed);
}

/* ------------------------------------------------------------------ the snapshot, engine thread */

static void copy_partitions(const struct fy_engine *engine, struct fy_engine_snapshot *snapshot)
{
    snapshot->partition_count = 0;
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct fy_partition *partition = &engine->partitions[i];
        if (!partition->ours)
            continue; /* its series are dropped at once (pitfall 20) */
        snapshot->partitions[snapshot->partition_count++] = (struct fy_partition_numbers){
            .partition = partition->partition,
            .base = partition->ledger.base,
            .next = partition->ledger.next,
            .done_end = partition->ledger.done_end,
            .committed = partition->committed,
            .incomplete = partition->ledger.incomplete,
        };
    }
}

static void copy_sites(const struct fy_engine *engine, struct fy_engine_snapshot *snapshot)
{
    snapshot->site_count = 0;
    for (const struct fy_site *site = engine->sites; site != NULL; site = site->next) {
        struct fy_site_numbers *numbers = &snapshot->sites[snapshot->site_count++];
        memcpy(numbers->id, site->id, sizeof(numbers->id));
        numbers->breaker = site->breaker.state;
        numbers->inflight = site->inflight;
    }
}

void fy_engine_snapshot_take(struct fy_engine *engine)
{
    struct fy_engine_snapshot *snapshot = engine->snapshot;
    pthread_mutex_lock(&engine->snapshot_mutex);
    copy_partitions(engine, snapshot);
    copy_sites(engine, snapshot);
    snapshot->oldest_ms = engine->oldest != NULL ? engine->oldest->timestamp_ms : 0;
    snapshot->epoch = engine->epoch;
    snapshot->lane_max_depth = fy_lanes_depth(&engine->lanes);
    snapshot->ownerless_ms = engine->ownerless_ms;
    snapshot->ownerless_count = engine->ownerless_count;
    memcpy(snapshot->rebalances, engine->rebalances, sizeof(snapshot->rebalances));
    pthread_mutex_unlock(&engine->snapshot_mutex);
}

/* ------------------------------------------------------------------ printing, any thread */

static void head(struct fy_buf *buf, const char *name, const char *type, const char *help)
{
    fy_buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_stages(struct fy_engine *engine, struct fy_buf *buf)
{
    head(buf, "ferry_stage_orders", "gauge", "Orders in each stage of the engine.");
    for (int i = 0; i < FY_STAGE_COUNT; i++)
        fy_buf_printf(buf, "ferry_stage_orders{stage=\"%s\"} %lld\n", stage_names[i],
                      (long long)atomic_load(&engine->stages[i].orders));
    head(buf, "ferry_stage_seconds", "histogram", "Time orders spent in each stage.");
    for (int i = 0; i < FY_STAGE_COMMIT; i++) { /* commits are of offsets, not of single orders */
        struct fy_stage_numbers *stage = &engine->stages[i];
        int64_t count = 0;
        for (size_t j = 0; j < FY_STAGE_BUCKETS; j++) {
            count += atomic_load(&stage->buckets[j]);
            if (j < FY_COUNT_OF(bucket_ms))
                fy_buf_printf(buf, "ferry_stage_seconds_bucket{stage=\"%s\",le=\"%g\"} %lld\n",
                              stage_names[i], (double)bucket_ms[j] / 1000, (long long)count);
        }
        fy_buf_printf(buf, "ferry_stage_seconds_bucket{stage=\"%s\",le=\"+Inf\"} %lld\n",
                      stage_names[i], (long long)count);
        fy_buf_printf(buf, "ferry_stage_seconds_sum{stage=\"%s\"} %g\n", stage_names[i],
                      (double)atomic_load(&stage->sum_ms) / 1000);
        fy_buf_printf(buf, "ferry_stage_seconds_count{stage=\"%s\"} %lld\n", stage_names[i],
                      (long long)count);
    }
}

static void print_ledger(const struct fy_engine_snapshot *snapshot, struct fy_buf *buf,
                         const char *name, const char *help, size_t offset)
{
    head(buf, name, "gauge", help);
    for (size_t i = 0; i < snapshot->partition_count; i++) {
        int64_t value = 0;
        memcpy(&value, (const char *)&snapshot->partitions[i] + offset, sizeof(value));
        fy_buf_printf(buf, "%s{topic=\"" FY_TOPIC_ACTION "\",partition=\"%d\"} %lld\n", name,
                      snapshot->partitions[i].partition, (long long)value);
    }
}

static void print_partitions(const struct fy_engine_snapshot *snapshot, struct fy_buf *buf)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } marks[] = {
        {"ferry_ledger_base_offset", "Lowest offset that is not done.",
         offsetof(struct fy_partition_numbers, base)},
        {"ferry_ledger_highest_received_offset", "One above the highest offset received.",
         offsetof(struct fy_partition_numbers, next)},
        {"ferry_ledger_highest_done_offset", "One above the highest offset done.",
         offsetof(struct fy_partition_numbers, done_end)},
        {"ferry_ledger_committed_offset", "Offset that was committed last.",
         offsetof(struct fy_partition_numbers, committed)},
    };
    for (size_t i = 0; i < FY_COUNT_OF(marks); i++)
        print_ledger(snapshot, buf, marks[i].name, marks[i].help, marks[i].offset);
    head(buf, "ferry_ledger_incomplete", "gauge", "Orders received and not done.");
    for (size_t i = 0; i < snapshot->partition_count; i++)
        fy_buf_printf(
            buf, "ferry_ledger_incomplete{topic=\"" FY_TOPIC_ACTION "\",partition=\"%d\"} %u\n",
            snapshot->partitions[i].partition, snapshot->partitions[i].incomplete);
}

static void print_sites(const struct fy_engine_snapshot *snapshot, struct fy_buf *buf)
{
    head(buf, "ferry_breaker_state", "gauge",
         "Source sites: 0 answers, 1 shunned, 2 being probed.");
    for (size_t i = 0; i < snapshot->site_count; i++)
        fy_buf_printf(buf, "ferry_breaker_state{site=\"%s\"} %d\n", snapshot->sites[i].id,
                      (int)snapshot->sites[i].breaker);
    head(buf, "ferry_site_inflight_orders", "gauge", "Transfers under way from each source site.");
    for (size_t i = 0; i < snapshot->site_count; i++)
        fy_buf_printf(buf, "ferry_site_inflight_orders{site=\"%s\"} %u\n", snapshot->sites[i].id,
                      snapshot->sites[i].inflight);
}

static void print_rest(const struct fy_engine_snapshot *snapshot, int64_t now_ms,
                       struct fy_buf *buf)
{
    int64_t age_ms = snapshot->oldest_ms > 0 ? now_ms - snapshot->oldest_ms : 0;
    head(buf, "ferry_oldest_incomplete_seconds", "gauge", "Age of the oldest order in memory.");
    fy_buf_printf(buf, "ferry_oldest_incomplete_seconds %g\n",
                  (double)(age_ms > 0 ? age_ms : 0) / 1000);
    head(buf, "ferry_lane_max_depth", "gauge", "Orders in the longest lane.");
    fy_buf_printf(buf, "ferry_lane_max_depth %zu\n", snapshot->lane_max_depth);
    head(buf, "ferry_rebalance_total", "counter", "Assignments of partitions and their ends.");
    static const char *const kinds[] = {"", "assign", "revoke", "lost"};
    for (int i = 1; i < 4; i++)
        fy_buf_printf(buf, "ferry_rebalance_total{kind=\"%s\"} %lld\n", kinds[i],
                      (long long)snapshot->rebalances[i]);
    head(buf, "ferry_rebalance_seconds", "summary",
         "Time without partitions, from losing them (or joining) to the next assignment.");
    fy_buf_printf(buf, "ferry_rebalance_seconds_sum %g\nferry_rebalance_seconds_count %lld\n",
                  (double)snapshot->ownerless_ms / 1000, (long long)snapshot->ownerless_count);
    head(buf, "ferry_assignment_epoch", "gauge", "Count of assignments so far.");
    fy_buf_printf(buf, "ferry_assignment_epoch %d\n", snapshot->epoch);
}

void fy_engine_metrics(struct fy_engine *engine, struct fy_buf *buf)
{
    print_stages(engine, buf);
    pthread_mutex_lock(&engine->snapshot_mutex);
    print_partitions(engine->snapshot, buf);
    print_sites(engine->snapshot, buf);
    print_rest(engine->snapshot, fy_wall_ms(engine->node->clock), buf);
    pthread_mutex_unlock(&engine->snapshot_mutex);
}
