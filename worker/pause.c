/* pause.c - a dependency of our own that fails: dispatch stops, a probe finds out (ENGINE 1.8). */
/*
 * No order is the probe: one might wait for its source for hours, and there may be none at hand.
 * The catalogue is read and written once, by an errand of the look thread and a renewal of our
 * lease; the house-keeper measures the disk.
 */
#include "common/core/log.h"
#include "worker/engine.h"

static const char *const local_names[FY_LOCAL_COUNT] = {
    [FY_LOCAL_CATALOGUE] = "catalogue",
    [FY_LOCAL_STORE] = "store",
};

bool fy_store_is_away(const struct fy_engine *engine)
{
    return engine->pauses[FY_LOCAL_STORE].on || !atomic_load(&engine->node->store_ok);
}

void fy_store_trust(struct fy_engine *engine, bool wrote)
{
    const struct fy_pause *pause = &engine->pauses[FY_LOCAL_STORE];
    if (!pause->on && (wrote || engine->now_ms - pause->ended_ms >= FY_LOCAL_PROBE_MS_MAX))
        atomic_store(&engine->node->store_fails, false);
}

static void show_paused(struct fy_engine *engine)
{
    bool paused = engine->pauses[FY_LOCAL_CATALOGUE].on || fy_store_is_away(engine);
    fy_metric_set(fy_engine_numbers(engine), FY_M_WORKER_PAUSED, paused ? 1 : 0);
}

void fy_pause_begin(struct fy_engine *engine, enum fy_local local, const struct fy_failure *why)
{
    struct fy_pause *pause = &engine->pauses[local];
    if (pause->on)
        return; /* late news of what began before */
    /* One that failed again right after it was well is asked less and less often. */
    bool again = engine->now_ms - pause->ended_ms < FY_LOCAL_PROBE_MS_MAX;
    pause->pause_ms = again && pause->pause_ms > 0 ? pause->pause_ms * 2 : FY_LOCAL_PROBE_MS;
    if (pause->pause_ms > FY_LOCAL_PROBE_MS_MAX)
        pause->pause_ms = FY_LOCAL_PROBE_MS_MAX;
    fy_log(NULL, FY_ERROR, "worker.paused", fy_kv_str("by", local_names[local]),
           fy_kv_str("reason", fy_reason_name(why->reason)), fy_kv_str("detail", why->detail));
    pause->on = true;
    pause->probe_at_ms = engine->now_ms + pause->pause_ms;
    if (local == FY_LOCAL_STORE)
        atomic_store(&engine->node->store_fails, true);
    show_paused(engine);
}

void fy_pause_end(struct fy_engine *engine, enum fy_local local)
{
    struct fy_pause *pause = &engine->pauses[local];
    if (!pause->on)
        return;
    pause->on = false;
    pause->ended_ms = engine->now_ms;
    fy_log(NULL, FY_INFO, "worker.resumed", fy_kv_str("by", local_names[local]));
    show_paused(engine);
    if (local != FY_LOCAL_CATALOGUE)
        return;
    struct fy_jobs held = engine->held;
    engine->held = (struct fy_jobs){0};
    struct fy_job *job;
    while ((job = fy_jobs_pop(&held)) != NULL) {
        /* What held it is over: should it have to pull yet, that must not be taken for failed. */
        job->flight->failure = (struct fy_failure){0};
        fy_job_become(job, job->flight->failed_in);
    }
}

/* ------------------------------------------------------------------ the catalogue's probe */

static void probe_answered(struct fy_engine *engine, struct fy_letter *letter)
{
    (void)letter;
    struct fy_pause *pause = &engine->pauses[FY_LOCAL_CATALOGUE];
    engine->async_count--;
    engine->probe.busy = false;
    if (engine->probe.renew.op.code == FY_OK)
        fy_pause_end(engine, FY_LOCAL_CATALOGUE);
    else
        pause->probe_at_ms = engine->now_ms + pause->pause_ms;
}

/* On the catalogue thread, or the look thread when not even reading went well. */
static void probe_done(struct fy_cat_op *op)
{
    struct fy_engine *engine = op->arg;
    engine->probe.letter.open = probe_answered;
    fy_engine_post(engine, &engine->probe.letter);
}

/* Runs on the look thread: a read, then a write. */
static void probe_run(struct fy_engine *engine, struct fy_letter *letter)
{
    (void)letter;
    struct fy_node *node = engine->node;
    struct fy_site_row row = {0};
    engine->probe.renew = (struct fy_cat_lease_renew){
        .op = {.kind = FY_CAT_LEASE_RENEW, .done = probe_done, .arg = engine},
        .saved_time = fy_hlc_last(&node->hlc)};
    struct fy_cat_op *op = &engine->probe.renew.op;
    op->code = fy_catalogue_site_get(node->catalogue, node->site, &row, &op->err);
    if (op->code == FY_OK || op->code == FY_ENOTFOUND)
        fy_catalogue_writer_submit(node->writer, op);
    else
        probe_done(op);
}

static void probe_catalogue(struct fy_engine *engine)
{
    engine->probe.busy = true;
    engine->async_count++;
    engine->probe.letter.open = probe_run;
    fy_look_errand(engine, &engine->probe.letter);
}

/* ------------------------------------------------------------------ when it is time */

/* Whether its probe may run now; else *next_ms is when. */
static bool is_due(const struct fy_engine *engine, enum fy_local local, int64_t *next_ms)
{
    const struct fy_pause *pause = &engine->pauses[local];
    if (!pause->on || engine->now_ms >= pause->probe_at_ms)
        return pause->on;
    if (pause->probe_at_ms < *next_ms)
        *next_ms = pause->probe_at_ms;
    return false;
}

int64_t fy_pauses_turn(struct fy_engine *engine)
{
    int64_t next_ms = INT64_MAX;
    show_paused(engine);
    fy_store_trust(engine, false);
    /* Whether writes succeed again only writing tells: what is ready goes, and may fail. */
    if (is_due(engine, FY_LOCAL_STORE, &next_ms) && atomic_load(&engine->node->store_ok))
        fy_pause_end(engine, FY_LOCAL_STORE);
    if (!engine->probe.busy && is_due(engine, FY_LOCAL_CATALOGUE, &next_ms) &&
        !fy_engine_stopping(engine))
        probe_catalogue(engine);
    return next_ms;
}
