/* dispatch.c - from the lane into the air: who may go, what it holds meanwhile, and how it ends. */
#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "worker/engine.h"

#define TURN_JOBS 16 /* jobs one site may start before the next has its turn */

/* ------------------------------------------------------------------ jobs and flights */

struct fy_job *fy_job_new(struct fy_engine *engine)
{
    struct fy_job *job = engine->spare_jobs;
    if (job != NULL) {
        engine->spare_jobs = job->next;
        memset(job, 0, sizeof(*job));
    } else {
        job = fy_alloc(sizeof(*job));
    }
    job->engine = engine;
    job->since_ms = engine->now_ms;
    job->older = engine->youngest;
    if (engine->youngest != NULL)
        engine->youngest->younger = job;
    else
        engine->oldest = job;
    engine->youngest = job;
    engine->job_count++;
    return job;
}

void fy_job_free(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    FY_ASSERT(job->flight == NULL);
    FY_ASSERT(job->lane_node.lane == NULL);
    FY_ASSERT(job->heap_index == 0);
    if (job->older != NULL)
        job->older->younger = job->younger;
    else
        engine->oldest = job->younger;
    if (job->younger != NULL)
        job->younger->older = job->older;
    else
        engine->youngest = job->older;
    if (job->site != NULL)
        job->site->job_count--;
    if (job->poison != NULL) {
        engine->poison_count--;
        engine->poison_bytes -= job->poison->key_bytes + job->poison->value_bytes;
    }
    free(job->poison);
    free(job->trouble);
    engine->job_count--;
    job->next = engine->spare_jobs;
    engine->spare_jobs = job;
}

bool fy_engine_has_room(const struct fy_engine *engine, bool for_rows)
{
    uint32_t reserve = for_rows ? 0 : FY_LANES_CLAIM_RESERVE;
    return engine->job_count + reserve < FY_LANES_ORDERS_MAX;
}

static struct fy_flight *flight_new(struct fy_engine *engine)
{
    struct fy_flight *flight = engine->spare_flights;
    if (flight == NULL) {
        flight = fy_alloc(sizeof(*flight));
        FY_ASSERT(pthread_mutex_init(&flight->mutex, NULL) == 0);
        return flight;
    }
    engine->spare_flights = flight->next_spare;
    pthread_mutex_t mutex = flight->mutex;
    memset(flight, 0, sizeof(*flight));
    flight->mutex = mutex;
    return flight;
}

static void take_permits(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    job->flight = flight_new(engine);
    job->flight->job = job;
    engine->inflight++;
    if (job->plan != FY_PLAN_PARK) /* writing down what became of it kills nobody */
        job->flight->running =
            fy_running_begin(engine->running, job->identity, engine->alone == job);
    if (job->plan == FY_PLAN_TRANSFER) {
        job->flight->permit_bytes = fy_job_bytes(job);
        engine->inflight_bytes += job->flight->permit_bytes;
        engine->inflight_big += job->big ? 1 : 0;
        job->site->inflight++;
        job->site->inflight_bytes += job->flight->permit_bytes;
    }
    fy_metric_set(fy_engine_numbers(engine), FY_M_INFLIGHT_ORDERS, engine->inflight);
    fy_metric_set(fy_engine_numbers(engine), FY_M_INFLIGHT_BYTES, engine->inflight_bytes);
}

void fy_flight_land(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    struct fy_flight *flight = job->flight;
    FY_ASSERT(!flight->call_live);
    FY_ASSERT(flight->writer == NULL);
    FY_ASSERT(flight->spool == NULL);
    engine->inflight--;
    if (flight->permit_bytes > 0) {
        engine->inflight_bytes -= flight->permit_bytes;
        engine->inflight_big -= job->big ? 1 : 0;
        job->site->inflight--;
        job->site->inflight_bytes -= flight->permit_bytes;
    }
    fy_running_end(engine->running, flight->running);
    if (engine->alone == job)
        engine->alone = NULL;
    fy_buf_done(&flight->description);
    job->flight = NULL;
    flight->next_spare = engine->spare_flights;
    engine->spare_flights = flight;
    fy_metric_set(fy_engine_numbers(engine), FY_M_INFLIGHT_ORDERS, engine->inflight);
    fy_metric_set(fy_engine_numbers(engine), FY_M_INFLIGHT_BYTES, engine->inflight_bytes);
}

/* ------------------------------------------------------------------ in line */

static struct fy_jobs *ready_list(struct fy_job *job)
{
    if (job->suspect && job->plan != FY_PLAN_PARK)
        return &job->engine->suspects;
    if (job->plan != FY_PLAN_TRANSFER)
        return &job->engine->ready_direct;
    return job->big ? &job->site->ready_big : &job->site->ready;
}

void fy_enter_queued(struct fy_job *job)
{
    if (!fy_lane_is_head(&job->lane_node))
        return;
    if (job->front)
        fy_jobs_push_front(ready_list(job), job);
    else
        fy_jobs_push(ready_list(job), job);
    job->front = false;
}

static enum fy_metric outcome_of(const struct fy_job *job)
{
    static const enum fy_metric applied[] = {
        [FY_VERDICT_APPLY] = FY_M_ORDERS_APPLIED,
        [FY_VERDICT_DUPLICATE] = FY_M_ORDERS_DUPLICATE,
        [FY_VERDICT_SUPERSEDED] = FY_M_ORDERS_SUPERSEDED,
    };
    const union fy_job_write *write = &job->flight->write;
    if (write->op.kind == FY_CAT_APPLY)
        return applied[write->apply.verdict];
    if (write->op.kind == FY_CAT_SETTLE)
        return job->flight->superseded ? FY_M_ORDERS_SUPERSEDED : FY_M_ORDERS_SETTLED;
    FY_ASSERT(write->op.kind == FY_CAT_WAIT);
    if (write->wait.superseded)
        return FY_M_ORDERS_SUPERSEDED;
    return job->dead ? FY_M_ORDERS_DEAD : FY_M_ORDERS_WAITING;
}

/* Its source has done its part. */
static void served(struct fy_job *job)
{
    fy_site_outcome(job, FY_REASON_NONE);
    fy_gate_earn(&job->engine->gate, job->engine->now_ms);
}

/* The order's write has been committed: only now is its offset done. */
static void settle(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    const union fy_job_write *write = &job->flight->write;
    enum fy_metric outcome = outcome_of(job);
    fy_metric_add(fy_engine_numbers(engine), outcome, 1);
    fy_metric_set(fy_engine_numbers(engine), FY_M_PROGRESS_MS, fy_wall_ms(engine->node->clock));
    if (outcome == FY_M_ORDERS_APPLIED && write->apply.link_body_id != 0)
        fy_metric_add(fy_engine_numbers(engine), FY_M_BODIES_LINKED, 1);
    if (write->op.kind == FY_CAT_APPLY && write->apply.blob_ref[0] != '\0')
        fy_store_trust(engine, true);
    if (outcome == FY_M_ORDERS_WAITING)
        fy_claim_due(engine, job->due_ms);
    else if (job->flight->asked && write->op.kind != FY_CAT_WAIT)
        served(job);
    fy_pause_end(engine, FY_LOCAL_CATALOGUE);
    fy_partitions_finish(engine, job);
}

void fy_enter_ended(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    if (!job->dropped)
        settle(job);
    if (job->flight != NULL)
        fy_flight_land(job);
    if (!job->dropped)
        fy_running_forget(engine->running, job->identity);
    struct fy_lane_node *node = fy_lanes_leave(&engine->lanes, &job->lane_node);
    if (node != NULL) {
        struct fy_job *head = FY_CONTAINER_OF(node, struct fy_job, lane_node);
        FY_ASSERT(head->state == FY_JOB_QUEUED);
        fy_enter_queued(head); /* it has been in this state, out of every list, until now */
    }
    fy_job_free(job);
}

/* ------------------------------------------------------------------ who may go */

static bool site_has_room(const struct fy_engine *engine, const struct fy_site *site,
                          const struct fy_job *job)
{
    int64_t bytes = fy_job_bytes(job);
    /* One that is larger than the whole share still goes when it is alone. */
    bool bytes_left =
        engine->inflight_bytes == 0 || engine->inflight_bytes + bytes <= engine->inflight_bytes_max;
    /* Half of the bytes: a site that stalls leaves the others something. */
    bool share_left =
        site->inflight_bytes == 0 || site->inflight_bytes + bytes <= engine->inflight_bytes_max / 2;
    bool writer_left = !job->big || engine->inflight_big < FY_BIG_WRITERS_MAX;
    return site->inflight < engine->inflight_site_max && bytes_left && share_left && writer_left;
}

static void launch(struct fy_job *job)
{
    static const enum fy_job_state first[] = {
        [FY_PLAN_TRANSFER] = FY_JOB_LOOK,
        [FY_PLAN_RECORD] = FY_JOB_RECORD,
        [FY_PLAN_PARK] = FY_JOB_PARK,
    };
    take_permits(job);
    fy_job_become(job, first[job->plan]);
}

static bool launch_direct(struct fy_engine *engine)
{
    uint32_t started = 0;
    while (started < TURN_JOBS && engine->inflight < engine->inflight_max) {
        struct fy_job *job = fy_jobs_pop(&engine->ready_direct);
        if (job == NULL)
            break;
        launch(job);
        started++;
    }
    return started > 0;
}

static void shun(struct fy_job *job)
{
    const struct fy_site *site = job->site;
    struct fy_failure failure = {0};
    fy_failure_set(&failure, site->breaker.reason,
                   "not tried: site %s has failed too often of late", site->id);
    fy_job_shun(job, &failure);
}

/* A site that does not answer: its orders are not tried, they go to `waiting`. */
static bool shun_site(struct fy_site *site, struct fy_jobs *ready)
{
    struct fy_engine *engine = site->engine;
    uint32_t shunned = 0;
    while (shunned < TURN_JOBS && engine->inflight < engine->inflight_max) {
        struct fy_job *job = fy_jobs_pop(ready);
        if (job == NULL)
            break;
        shun(job);
        shunned++;
    }
    return shunned > 0;
}

static bool launch_list(struct fy_site *site, struct fy_jobs *ready)
{
    struct fy_engine *engine = site->engine;
    uint32_t started = 0;
    while (started < TURN_JOBS && engine->inflight < engine->inflight_max && ready->first != NULL &&
           site_has_room(engine, site, ready->first)) {
        launch(fy_jobs_pop(ready));
        started++;
    }
    return started > 0;
}

static bool launch_site(struct fy_site *site)
{
    if (!fy_breaker_is_closed(&site->breaker)) {
        bool small = shun_site(site, &site->ready);
        return shun_site(site, &site->ready_big) || small;
    }
    if (fy_store_is_away(site->engine))
        return false;
    bool small = launch_list(site, &site->ready);
    return launch_list(site, &site->ready_big) || small;
}

/* One has run alone for as long as that may hold up the others. */
static bool alone_is_over(struct fy_engine *engine)
{
    if (engine->now_ms - engine->alone_since_ms < FY_ALONE_MS_MAX)
        return false;
    fy_running_join(engine->running, engine->alone->flight->running);
    engine->alone = NULL;
    return true;
}

/* The first suspect that may go now; NULL: none. */
static struct fy_job *next_suspect(struct fy_engine *engine)
{
    struct fy_job *job = engine->suspects.first;
    while (job != NULL && job->site != NULL && !fy_breaker_is_closed(&job->site->breaker)) {
        shun(fy_jobs_pop(&engine->suspects));
        job = engine->suspects.first;
    }
    bool away = job != NULL && job->plan == FY_PLAN_TRANSFER && fy_store_is_away(engine);
    return away ? NULL : job;
}

/*
 * A suspect begins when nothing else is under way, and nothing else begins beside it. What has been
 * under way for FY_ALONE_DRAIN_MS is no likely killer: the suspect joins it, and only its being
 * alone, and so its being condemned, is left for another time. true: nobody else may go now.
 */
static bool dispatch_suspect(struct fy_engine *engine)
{
    if (engine->alone != NULL && !alone_is_over(engine))
        return true;
    struct fy_job *job = next_suspect(engine);
    if (job == NULL) {
        engine->alone_since_ms = 0;
        return false;
    }
    if (engine->alone_since_ms == 0)
        engine->alone_since_ms = engine->now_ms;
    bool drained = engine->inflight == 0;
    if (!drained && engine->now_ms - engine->alone_since_ms < FY_ALONE_DRAIN_MS)
        return true;
    if (!drained && job->site != NULL && !site_has_room(engine, job->site, job))
        return false;
    engine->alone = drained ? job : NULL;
    engine->alone_since_ms = drained ? engine->now_ms : 0;
    fy_log(job->order.op_id, FY_WARN, "order.suspect", fy_kv_str("bucket", job->order.bucket),
           fy_kv_str("object", job->order.object), fy_kv_i64("alone", drained ? 1 : 0),
           fy_kv_i64("deaths", fy_running_deaths(engine->running, job->identity)));
    launch(fy_jobs_pop(&engine->suspects));
    return drained;
}

void fy_dispatch(struct fy_engine *engine)
{
    if (fy_engine_stopping(engine) || engine->pauses[FY_LOCAL_CATALOGUE].on)
        return;
    if (dispatch_suspect(engine))
        return;
    bool moved = true;
    while (moved && engine->inflight < engine->inflight_max) {
        moved = launch_direct(engine);
        for (struct fy_site *site = engine->sites; site != NULL; site = site->next)
            if (launch_site(site))
                moved = true;
    }
}

static void drop(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    job->dropped = true;
    switch ((int)job->state) {
    case FY_JOB_QUEUED:
        if (fy_lane_is_head(&job->lane_node))
            fy_jobs_remove(ready_list(job), job);
        break;
    case FY_JOB_PAUSED:
        fy_timers_remove(&engine->timers, job);
        break;
    case FY_JOB_HELD:
        fy_jobs_remove(&engine->held, job);
        break;
    default:
        FY_ASSERT(job->state == FY_JOB_BURY);
        fy_timers_remove(&engine->timers, job);
    }
    fy_job_become(job, FY_JOB_ENDED);
}

static bool is_idle(const struct fy_job *job)
{
    return job->home &&
           (job->state == FY_JOB_QUEUED || job->state == FY_JOB_PAUSED ||
            job->state == FY_JOB_HELD || (job->state == FY_JOB_BURY && job->heap_index != 0));
}

void fy_drop_idle(struct fy_engine *engine, bool all)
{
    struct fy_job *younger = NULL;
    for (struct fy_job *job = engine->oldest; job != NULL; job = younger) {
        younger = job->younger;
        if (is_idle(job) && (all || fy_job_in_limbo(job)))
            drop(job);
    }
}
