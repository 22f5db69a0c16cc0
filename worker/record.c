/* record.c - what the catalogue is told: an order's effect and outcome, or a row in `waiting`. */
#include <string.h>

#include "common/runtime/knowledge.h"
#include "worker/engine.h"

static struct fy_job *job_of(struct fy_cat_op *op)
{
    return op->arg;
}

/* ------------------------------------------------------------------ RECORD */

/* Runs on the sync pool: the write was refused, so no row names the body that was stored for it. */
static void discard_run(struct fy_task *task)
{
    struct fy_flight *flight = FY_CONTAINER_OF(task, struct fy_flight, task);
    fy_body_discard(flight->job->engine, flight->write.apply.blob_ref);
    flight->write.apply.blob_ref[0] = '\0';
    fy_job_fail(flight->job);
}

static void refuse(struct fy_job *job, const struct fy_cat_op *op)
{
    struct fy_flight *flight = job->flight;
    fy_failure_set(&flight->failure, fy_verdict_catalogue(op->code), "%s", op->err.text);
    /* Of a failed transaction nobody knows whether it happened: the body stays, and so does its
     * write, which is made again as it is. Only these codes are an operation's alone. */
    bool refused = op->code == FY_EEXISTS || op->code == FY_EFORBIDDEN || op->code == FY_EFROZEN;
    if (refused && op->kind == FY_CAT_APPLY && flight->write.apply.blob_ref[0] != '\0') {
        flight->task.run = discard_run;
        fy_pool_give(job->engine->sync_pool, &flight->task);
        return;
    }
    fy_job_fail(job);
}

/* Called on the catalogue thread after the commit. */
static void record_done(struct fy_cat_op *op)
{
    struct fy_job *job = job_of(op);
    struct fy_flight *flight = job->flight;
    if (op->code == FY_OK) {
        bool of_bucket = job->order.object[0] == '\0'; /* one that comes again, too */
        if (op->kind == FY_CAT_APPLY && (of_bucket || flight->write.apply.rights_changed))
            fy_know_rights_changed(job->engine->node, job->order.bucket); /* made or gone with it */
        fy_job_become(job, FY_JOB_ENDED);
        return;
    }
    if (op->code == FY_ENOTFOUND && op->kind == FY_CAT_APPLY &&
        flight->write.apply.link_body_id != 0) {
        flight->write.apply.link_body_id = 0; /* swept meanwhile: the bytes must travel after all */
        flight->unconfirmed = true;
        fy_job_become(job, FY_JOB_PULL);
        return;
    }
    refuse(job, op);
}

/* An order without an effect of its own, and one that the source itself calls history. */
static void fill_settle(struct fy_job *job, enum fy_outcome outcome)
{
    struct fy_cat_settle *settle = &job->flight->write.settle;
    memset(settle, 0, sizeof(*settle));
    settle->op.kind = FY_CAT_SETTLE;
    settle->order = job->order;
    settle->direction = FY_IN;
    settle->outcome = outcome;
    settle->waiting_id = job->waiting_id;
}

/* What the transfer has filled in stays: facts, description, body. */
static void fill_apply(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    struct fy_cat_apply *apply = &flight->write.apply;
    apply->op.kind = FY_CAT_APPLY;
    apply->order = job->order;
    /* Not before: what fails is known by its own stamp, in `waiting` and by its outcomes. */
    if (!fy_stamp_is_zero(&flight->taken_stamp))
        apply->order.stamp = flight->taken_stamp;
    apply->waiting_id = job->waiting_id;
    apply->proof = fy_promise_proof(&flight->promise);
    bool link = flight->link && !flight->unconfirmed && apply->blob_ref[0] == '\0';
    apply->link_body_id = link ? flight->look.body_id : 0;
}

static bool has_effect(enum fy_action action)
{
    return action == FY_ACTION_CREATE || action == FY_ACTION_DELETE;
}

void fy_enter_record(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    if (flight->superseded)
        fill_settle(job, FY_OUTCOME_SUPERSEDED);
    else if (!has_effect(job->order.action))
        fill_settle(job, FY_OUTCOME_SETTLED);
    else
        fill_apply(job);
    flight->write.op.done = record_done;
    flight->write.op.arg = job;
    fy_catalogue_writer_submit(job->engine->node->writer, &flight->write.op);
}

/* ------------------------------------------------------------------ PARK */

/* Called on the catalogue thread. Whatever refuses this row, the order must not be let go of. */
static void park_done(struct fy_cat_op *op)
{
    struct fy_job *job = job_of(op);
    if (op->code == FY_OK) {
        fy_job_become(job, FY_JOB_ENDED);
        return;
    }
    fy_failure_set(&job->flight->failure, FY_CATALOGUE_ERROR, "%s", op->err.text);
    fy_job_fail(job);
}

void fy_enter_park(struct fy_job *job)
{
    struct fy_cat_wait *wait = &job->flight->write.wait;
    const struct fy_trouble *trouble = job->trouble;
    memset(wait, 0, sizeof(*wait));
    wait->op.kind = FY_CAT_WAIT;
    wait->op.done = park_done;
    wait->op.arg = job;
    struct fy_waiting_row *row = &wait->row;
    row->id = job->waiting_id;
    row->direction = FY_IN;
    row->state = job->dead ? FY_DEAD : FY_WAITING;
    row->reason = trouble->last.reason;
    row->order = job->order;
    memcpy(row->detail, trouble->last.detail, sizeof(row->detail));
    row->http_status = trouble->last.http_status;
    row->attempts = trouble->rounds;
    row->first_failed_ms = trouble->first_failed_ms;
    row->last_failed_ms = trouble->last_failed_ms;
    row->due_ms = job->due_ms;
    fy_catalogue_writer_submit(job->engine->node->writer, &wait->op);
}
