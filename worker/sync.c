/* sync.c - the blocking tail of a body: durable, then compared with its promise; or, of one that is
 * to be linked, whether it is there. */
#include <string.h>

#include "common/core/log.h"
#include "worker/engine.h"

void fy_store_failed(struct fy_job *job, const struct fy_err *err)
{
    struct fy_flight *flight = job->flight;
    fy_failure_set(&flight->failure, fy_verdict_store(err->code), "%s", err->text);
    if (err->code != FY_ENOSPACE)
        return;
    /* Space for others, but not for this one: its own trouble, and no reason to stop for all. */
    int64_t free_bytes = 0;
    bool above_floor = false;
    struct fy_err ignored = {0};
    flight->too_big =
        fy_store_space(job->engine->node->store, &free_bytes, &above_floor, &ignored) == FY_OK &&
        above_floor && job->big;
}

void fy_body_discard(struct fy_engine *engine, const char *blob_ref)
{
    struct fy_err err = {0};
    if (fy_store_remove(engine->node->store, blob_ref, &err) != FY_OK)
        fy_log(NULL, FY_WARN, "body.left_behind", fy_kv_str("blob", blob_ref), fy_kv_err(&err));
    /* Left behind it is an orphan of this boot id, which the sweeper of the next one finds. */
}

static void fail_store(struct fy_job *job, const struct fy_err *err)
{
    if (err->code == FY_EIO)
        fy_metric_add(fy_engine_numbers(job->engine), FY_M_FSYNC_ERRORS, 1);
    fy_store_failed(job, err);
    fy_job_fail(job);
}

void fy_body_finish(struct fy_job *job, struct fy_writer *writer)
{
    struct fy_flight *flight = job->flight;
    struct fy_store *store = job->engine->node->store;
    struct fy_cat_apply *apply = &flight->write.apply;
    struct fy_stored stored = {0};
    struct fy_err err = {0};
    if (writer == NULL && fy_store_begin(store, 0, &writer, &err) != FY_OK) {
        fail_store(job, &err); /* no byte had come: an empty object */
        return;
    }
    /* Compared before it costs a sync and gets a name. */
    fy_store_seal(store, writer, &stored);
    if (!fy_verdict_stored(&flight->promise, stored.size, &stored.digest, &flight->failure)) {
        fy_store_abort(store, writer);
        fy_job_fail(job);
        return;
    }
    if (fy_store_finish(store, writer, &stored, &err) != FY_OK) {
        fail_store(job, &err);
        return;
    }
    memcpy(apply->blob_ref, stored.blob_ref, sizeof(apply->blob_ref));
    apply->size = stored.size;
    apply->digest = stored.digest;
    fy_job_become(job, FY_JOB_RECORD);
}

/* The catalogue's word is not enough: a file may have been lost, or cut short by a disk. */
static bool is_stored(struct fy_job *job)
{
    struct fy_store *store = job->engine->node->store;
    struct fy_reader *reader = NULL;
    struct fy_err err = {0};
    int64_t size = -1;
    enum fy_code code = fy_store_open(store, job->flight->look.blob_ref, &reader, &size, &err);
    fy_store_reader_close(store, reader);
    if (code == FY_OK && size == job->order.size)
        return true;
    if (code == FY_OK)
        (void)fy_err_set(&err, FY_ECORRUPT, "it has %lld bytes instead of %lld", (long long)size,
                         (long long)job->order.size);
    fy_log(job->order.op_id, FY_ERROR, "body.lost", fy_kv_str("blob", job->flight->look.blob_ref),
           fy_kv_err(&err));
    return false;
}

/* Pulled again, its bytes take the place of the lost ones for all objects that have them. */
static void link_run(struct fy_task *task)
{
    struct fy_flight *flight = FY_CONTAINER_OF(task, struct fy_flight, task);
    struct fy_job *job = flight->job;
    if (is_stored(job)) {
        fy_job_become(job, FY_JOB_RECORD);
        return;
    }
    flight->unconfirmed = true;
    if (flight->promise.size == 0)
        fy_body_finish(job, NULL);
    else
        fy_job_become(job, FY_JOB_PULL);
}

static void sync_run(struct fy_task *task)
{
    struct fy_flight *flight = FY_CONTAINER_OF(task, struct fy_flight, task);
    struct fy_writer *writer = flight->writer;
    flight->writer = NULL;
    fy_body_finish(flight->job, writer);
}

void fy_enter_sync(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    if (flight->spool != NULL) {
        fy_spool_end(flight->spool, true); /* its thread goes on */
        return;
    }
    flight->task.run = flight->link && !flight->unconfirmed ? link_run : sync_run;
    fy_pool_give(job->engine->sync_pool, &flight->task);
}
