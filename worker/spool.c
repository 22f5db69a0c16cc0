/* spool.c - a big body's own thread: hashing and writing beside the loop that receives (DESIGN 12).
 */
/*
 * A ring between the two. The loop never waits: a full ring pauses the call, and the thread resumes
 * it once half of the ring is free. The thread has the last word on the job, since only it knows
 * when the store has let go.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/engine.h"

struct fy_spool {
    /* Constant. */
    struct fy_job *job;
    struct fy_store *store;
    uint8_t *ring;
    struct fy_task task;

    /* Mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    uint64_t written, read; /* bytes since the beginning; their difference is what the ring holds */
    bool paused;            /* the loop waits for room */
    bool failed;            /* the store failed: nothing more is taken */
    bool ended;             /* the transfer is over... */
    bool whole;             /* ...and complete */
};

static void spool_run(struct fy_task *task);

struct fy_spool *fy_spool_open(struct fy_job *job)
{
    struct fy_spool *spool = fy_alloc(sizeof(*spool));
    spool->job = job;
    spool->store = job->engine->node->store;
    spool->ring = fy_alloc(FY_SPOOL_BYTES);
    FY_ASSERT(pthread_mutex_init(&spool->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&spool->wake, NULL) == 0);
    spool->task.run = spool_run;
    fy_pool_give(job->engine->spool_pool, &spool->task); /* as many threads as big permits */
    return spool;
}

static void spool_free(struct fy_spool *spool)
{
    pthread_cond_destroy(&spool->wake);
    pthread_mutex_destroy(&spool->mutex);
    free(spool->ring);
    free(spool);
}

/* ------------------------------------------------------------------ the loop's side */

/* Mutex held; there is room. */
static void copy_in(struct fy_spool *spool, const uint8_t *bytes, size_t size_bytes)
{
    size_t at = spool->written % FY_SPOOL_BYTES;
    size_t first = size_bytes < FY_SPOOL_BYTES - at ? size_bytes : FY_SPOOL_BYTES - at;
    memcpy(spool->ring + at, bytes, first);
    memcpy(spool->ring, bytes + first, size_bytes - first);
    spool->written += size_bytes;
    pthread_cond_signal(&spool->wake);
}

enum fy_peer_flow fy_spool_put(struct fy_spool *spool, const void *bytes, size_t size_bytes)
{
    FY_ASSERT(size_bytes <= FY_SPOOL_BYTES); /* a loop's chunk is a fraction of it */
    enum fy_peer_flow flow = FY_PEER_TAKEN;
    pthread_mutex_lock(&spool->mutex);
    if (spool->failed) {
        flow = FY_PEER_STOP;
    } else if (FY_SPOOL_BYTES - (spool->written - spool->read) < size_bytes) {
        spool->paused = true;
        flow = FY_PEER_PAUSE;
    } else {
        copy_in(spool, bytes, size_bytes);
    }
    pthread_mutex_unlock(&spool->mutex);
    return flow;
}

void fy_spool_end(struct fy_spool *spool, bool whole)
{
    pthread_mutex_lock(&spool->mutex);
    spool->ended = true;
    spool->whole = whole;
    pthread_cond_signal(&spool->wake);
    pthread_mutex_unlock(&spool->mutex);
}

/* ------------------------------------------------------------------ the thread's side */

/* The next contiguous piece, at most a quarter of the ring so that room comes back in steps; 0: the
 * transfer is over. */
static size_t wait_piece(struct fy_spool *spool, const uint8_t **bytes)
{
    pthread_mutex_lock(&spool->mutex);
    while (spool->written == spool->read && !spool->ended)
        FY_ASSERT(pthread_cond_wait(&spool->wake, &spool->mutex) == 0);
    size_t at = spool->read % FY_SPOOL_BYTES;
    size_t size_bytes = (size_t)(spool->written - spool->read);
    pthread_mutex_unlock(&spool->mutex);
    if (size_bytes > FY_SPOOL_BYTES - at)
        size_bytes = FY_SPOOL_BYTES - at;
    if (size_bytes > FY_SPOOL_BYTES / 4)
        size_bytes = FY_SPOOL_BYTES / 4;
    *bytes = spool->ring + at;
    return size_bytes;
}

/* Gives the piece's room back. The call is resumed under the flight's mutex: on_done needs it too.
 */
static void free_piece(struct fy_spool *spool, size_t size_bytes, bool failed)
{
    pthread_mutex_lock(&spool->mutex);
    spool->read += size_bytes;
    spool->failed = spool->failed || failed;
    bool resume =
        spool->paused && (spool->failed || spool->written - spool->read <= FY_SPOOL_BYTES / 2);
    if (resume)
        spool->paused = false;
    pthread_mutex_unlock(&spool->mutex);
    if (!resume)
        return;
    struct fy_flight *flight = spool->job->flight;
    pthread_mutex_lock(&flight->mutex);
    if (flight->call_live)
        fy_peer_resume(spool->job->engine->node->peer, &flight->call);
    pthread_mutex_unlock(&flight->mutex);
}

/* Writes all that comes. After a failure of the store the rest is dropped unread. */
static void write_all(struct fy_spool *spool, struct fy_writer **writer, struct fy_err *err)
{
    enum fy_code code = fy_store_begin(spool->store, spool->job->order.size, writer, err);
    const uint8_t *bytes = NULL;
    size_t size_bytes;
    while ((size_bytes = wait_piece(spool, &bytes)) > 0) {
        if (code == FY_OK)
            code = fy_store_append(spool->store, *writer, bytes, size_bytes, err);
        free_piece(spool, size_bytes, code != FY_OK);
    }
}

static void spool_run(struct fy_task *task)
{
    struct fy_spool *spool = FY_CONTAINER_OF(task, struct fy_spool, task);
    struct fy_job *job = spool->job;
    struct fy_writer *writer = NULL;
    struct fy_err err = {0};
    write_all(spool, &writer, &err);

    bool whole = spool->whole; /* ended: nobody else touches the spool any more */
    job->flight->spool = NULL;
    if (err.code != FY_OK)
        fy_store_failed(job, &err);
    if (whole && err.code == FY_OK) {
        spool_free(spool);
        fy_body_finish(job, writer);
        return;
    }
    fy_store_abort(spool->store, writer);
    spool_free(spool);
    if (job->flight->superseded)
        fy_job_become(job, FY_JOB_RECORD);
    else
        fy_job_fail(job);
}
