/* job.c - the state table of an order, and its one driver. */
#include "worker/engine.h"

#define TO(state) (1u << FY_JOB_##state)

typedef void job_enter_fn(struct fy_job *job);

static const struct job_row {
    const char *name;    /* as logged */
    job_enter_fn *enter; /* begins the state; may go on to the next one itself */
    bool engine_only;    /* entered on the engine thread, wherever the job comes from */
    enum fy_stage stage; /* gauge and histogram; FY_STAGE_COUNT: none */
    unsigned may_become; /* set of states */
} job_table[FY_JOB_STATE_COUNT] = {
    [FY_JOB_BORN] = {"born", NULL, true, FY_STAGE_COUNT, TO(QUEUED) | TO(BURY)},
    [FY_JOB_QUEUED] = {"queued", fy_enter_queued, true, FY_STAGE_WAIT,
                       TO(LOOK) | TO(RECORD) | TO(PARK) | TO(BURY) | TO(ENDED)},
    [FY_JOB_LOOK] = {"look", fy_enter_look, false, FY_STAGE_LOOK,
                     TO(PROBE) | TO(DESCRIBE) | TO(FACTS) | TO(PULL) | TO(RECORD) | TO(FAILED)},
    [FY_JOB_PROBE] = {"probe", fy_enter_probe, true, FY_STAGE_TRANSFER,
                      TO(PROBE) | TO(DESCRIBE) | TO(FACTS) | TO(PULL) | TO(FAILED)},
    [FY_JOB_DESCRIBE] = {"describe", fy_enter_describe, false, FY_STAGE_TRANSFER,
                         TO(FACTS) | TO(PULL) | TO(FAILED)},
    [FY_JOB_FACTS] = {"facts", fy_enter_facts, false, FY_STAGE_TRANSFER,
                      TO(PULL) | TO(SYNC) | TO(RECORD) | TO(FAILED)},
    /* Back to itself: a big body goes on from where it broke off. */
    [FY_JOB_PULL] = {"pull", fy_enter_pull, false, FY_STAGE_TRANSFER,
                     TO(PULL) | TO(SYNC) | TO(RECORD) | TO(FAILED)},
    /* To PULL: the body that was to be linked is not in the store. */
    [FY_JOB_SYNC] = {"sync", fy_enter_sync, false, FY_STAGE_SYNC,
                     TO(PULL) | TO(RECORD) | TO(FAILED)},
    /* To PULL: the body that was to be linked has gone meanwhile. */
    [FY_JOB_RECORD] = {"record", fy_enter_record, false, FY_STAGE_CATALOGUE,
                       TO(ENDED) | TO(PULL) | TO(FAILED)},
    [FY_JOB_FAILED] = {"failed", fy_enter_failed, true, FY_STAGE_COUNT,
                       TO(QUEUED) | TO(PAUSED) | TO(HELD) | TO(BURY) | TO(PARK) | TO(ENDED)},
    [FY_JOB_PAUSED] = {"paused", fy_enter_paused, true, FY_STAGE_COUNT, TO(QUEUED) | TO(ENDED)},
    [FY_JOB_HELD] = {"held", fy_enter_held, true, FY_STAGE_CATALOGUE,
                     TO(RECORD) | TO(PARK) | TO(ENDED)},
    [FY_JOB_BURY] = {"bury", fy_enter_bury, true, FY_STAGE_COUNT,
                     TO(QUEUED) | TO(BURY) | TO(ENDED)},
    [FY_JOB_PARK] = {"park", fy_enter_park, false, FY_STAGE_CATALOGUE, TO(ENDED) | TO(FAILED)},
    [FY_JOB_ENDED] = {"ended", fy_enter_ended, true, FY_STAGE_COUNT, 0},
};

const char *fy_job_state_name(enum fy_job_state state)
{
    return job_table[state].name;
}

/* Gauges move with the job; what it spent in the stage it leaves goes to the histogram. */
static void move_stage(struct fy_job *job, enum fy_job_state state)
{
    struct fy_engine *engine = job->engine;
    enum fy_stage from = job_table[job->state].stage;
    enum fy_stage to = job_table[state].stage;
    if (from == to)
        return;
    int64_t now_ms = fy_mono_ms(engine->node->clock);
    if (from != FY_STAGE_COUNT) {
        atomic_fetch_sub_explicit(&engine->stages[from].orders, 1, memory_order_relaxed);
        fy_stage_observe(&engine->stages[from], now_ms - job->since_ms);
    }
    if (to != FY_STAGE_COUNT)
        atomic_fetch_add_explicit(&engine->stages[to].orders, 1, memory_order_relaxed);
    job->since_ms = now_ms;
}

static void enter(struct fy_job *job, enum fy_job_state state)
{
    move_stage(job, state);
    job->state = state;
    if (job_table[state].engine_only)
        job->home = true;
    else if (job->home) /* only the engine's thread finds it so: it is about to give the job away */
        job->home = false;
    job_table[state].enter(job);
}

static void job_arrived(struct fy_engine *engine, struct fy_letter *letter)
{
    (void)engine;
    struct fy_job *job = (struct fy_job *)letter;
    enter(job, job->next_state);
}

void fy_job_become(struct fy_job *job, enum fy_job_state state)
{
    FY_ASSERT((job_table[job->state].may_become & (1u << state)) != 0);
    if (!job_table[state].engine_only || fy_engine_is_here(job->engine)) {
        enter(job, state);
        return;
    }
    job->next_state = state;
    job->letter.open = job_arrived;
    fy_engine_post(job->engine, &job->letter);
}

void fy_job_fail(struct fy_job *job)
{
    FY_ASSERT(job->flight != NULL);
    FY_ASSERT(job->flight->failure.reason != FY_REASON_NONE);
    job->flight->failed_in = job->state;
    fy_job_become(job, FY_JOB_FAILED);
}
