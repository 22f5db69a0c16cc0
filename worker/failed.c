/* failed.c - an order that failed: who is to blame, and what becomes of it. One log line each time.
 */
#include <string.h>

#include "common/core/log.h"
#include "worker/engine.h"

/* ------------------------------------------------------------------ decisions */

static enum fy_job_state failed_in(const struct fy_job *job)
{
    return job->flight != NULL ? job->flight->failed_in : job->state;
}

static void log_decision(const struct fy_job *job, enum fy_log_level level, const char *event,
                         int64_t wait_ms)
{
    const struct fy_trouble *trouble = job->trouble;
    fy_log(job->order.op_id, level, event, fy_kv_str("site", job->order.from_site),
           fy_kv_str("bucket", job->order.bucket), fy_kv_str("object", job->order.object),
           fy_kv_str("reason", fy_reason_name(trouble->last.reason)),
           fy_kv_str("in", fy_job_state_name(failed_in(job))), fy_kv_i64("tries", trouble->tries),
           fy_kv_i64("rounds", trouble->rounds), fy_kv_i64("wait_ms", wait_ms),
           fy_kv_str("detail", trouble->last.detail));
}

void fy_job_log_dead(const struct fy_job *job)
{
    log_decision(job, FY_ERROR, "order.dead", 0);
}

static struct fy_trouble *trouble_of(struct fy_job *job)
{
    if (job->trouble == NULL)
        job->trouble = fy_alloc(sizeof(*job->trouble));
    return job->trouble;
}

/* A newer order of the object stands behind: it should not wait for this one's minute in memory. */
static bool newer_behind(const struct fy_job *job)
{
    struct fy_lane_node *node = job->lane_node.behind;
    if (node == NULL)
        return false;
    const struct fy_job *behind = FY_CONTAINER_OF(node, struct fy_job, lane_node);
    return fy_stamp_compare(&behind->order.stamp, &job->order.stamp) > 0;
}

static struct fy_moment moment_of(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    return (struct fy_moment){
        .wall_ms = fy_wall_ms(engine->node->clock),
        .mono_ms = fy_mono_ms(engine->node->clock),
        .memory_free = engine->timers.count < FY_RETRY_MEMORY_MAX && !newer_behind(job),
        .gate_shut = !fy_gate_is_open(&engine->gate, engine->now_ms),
        .jitter = fy_engine_random(engine),
    };
}

static bool is_sites_fault(const struct fy_failure *failure)
{
    return fy_failure_class(failure->reason, failure->http_status) == FY_CLASS_SITE;
}

/* Its row in `waiting` needs permits: those it has, or, coming from its lane, those it gets. */
static void follow(struct fy_job *job, struct fy_next next, const struct fy_moment *moment)
{
    struct fy_engine *engine = job->engine;
    switch (next.kind) {
    case FY_NEXT_RETRY:
        log_decision(job, FY_DEBUG, "order.retry", next.at_ms - moment->mono_ms);
        job->wake_ms = next.at_ms;
        fy_flight_land(job);
        fy_job_become(job, FY_JOB_PAUSED);
        return;
    case FY_NEXT_WAIT:
        log_decision(job, FY_WARN, "order.waiting", next.at_ms - moment->wall_ms);
        job->due_ms = next.at_ms;
        if (job->flight != NULL) {
            fy_job_become(job, FY_JOB_PARK);
            return;
        }
        job->plan = FY_PLAN_PARK;
        fy_enter_queued(job); /* it is QUEUED already, taken out of its site's list */
        return;
    case FY_NEXT_DEAD:
        if (is_sites_fault(&job->trouble->last))
            fy_gate_pass(&engine->gate);
        fy_job_log_dead(job);
        job->dead = true;
        if (job->flight != NULL)
            fy_flight_land(job);
        fy_job_become(job, FY_JOB_BURY);
        return;
    case FY_NEXT_HOLD:
        FY_ASSERT(false); /* local failures are not charged */
    }
}

void fy_job_shun(struct fy_job *job, const struct fy_failure *failure)
{
    struct fy_moment moment = moment_of(job);
    follow(job, fy_verdict_shunned(&job->engine->policy, trouble_of(job), failure, &moment),
           &moment);
}

/* ------------------------------------------------------------------ FAILED */

/* The source's part in it, for its breaker. What time may heal is not always the source's: the site
 * may be unknown here, or our own container takes no orders now. */
static void tell_breaker(struct fy_job *job)
{
    enum fy_reason reason = job->flight->failure.reason;
    if (!job->flight->asked || reason == FY_CANCELLED)
        return;
    bool site = is_sites_fault(&job->flight->failure) && reason != FY_TOPOLOGY_UNKNOWN &&
                reason != FY_NOT_APPLIED;
    const struct fy_trouble *trouble = job->trouble;
    if (site && trouble != NULL && trouble->tries > 0)
        return; /* a few bad objects that are tried again and again are not a bad site */
    fy_site_outcome(job, site ? reason : FY_REASON_NONE);
}

/* Ours to mend: the order keeps its place and is charged nothing. */
static void hold(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    struct fy_failure why = job->flight->failure;
    if (why.reason != FY_CATALOGUE_ERROR) {
        fy_pause_begin(engine, FY_LOCAL_STORE, &why);
    } else {
        fy_pause_begin(engine, FY_LOCAL_CATALOGUE, &why);
        if (job->flight->failed_in != FY_JOB_LOOK) { /* it holds a body, or a row to write */
            fy_job_become(job, FY_JOB_HELD);
            return;
        }
    }
    fy_flight_land(job);
    job->front = true;
    fy_job_become(job, FY_JOB_QUEUED);
}

void fy_enter_failed(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    const struct fy_failure failure = job->flight->failure;
    tell_breaker(job);
    if (failure.reason == FY_HASH_MISMATCH)
        fy_metric_add(fy_engine_numbers(engine), FY_M_HASH_MISMATCH, 1);
    if (failure.reason == FY_CANCELLED || fy_job_in_limbo(job)) {
        job->dropped = true; /* delivered again, here or elsewhere */
        fy_job_become(job, FY_JOB_ENDED);
        return;
    }
    if (fy_reason_class(failure.reason) == FY_CLASS_LOCAL) {
        if (job->flight->too_big)
            fy_job_shun(job, &failure);
        else
            hold(job);
        return;
    }
    struct fy_moment moment = moment_of(job);
    follow(job, fy_verdict_next(&engine->policy, trouble_of(job), &failure, &moment), &moment);
}

/* ------------------------------------------------------------------ PAUSED, HELD */

void fy_enter_paused(struct fy_job *job)
{
    struct fy_engine *engine = job->engine;
    fy_metric_add(fy_engine_numbers(engine), FY_M_RETRIES, 1);
    fy_timers_add(&engine->timers, job);
}

void fy_enter_held(struct fy_job *job)
{
    fy_jobs_push(&job->engine->held, job);
}
