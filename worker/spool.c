/* spool.c - a big body's own threads: one hashes and one writes beside the loop that receives
 * (DESIGN 12). */
/*
 * A ring with one writer (the loop) and two readers, each of which sees every byte. The loop never
 * waits: a full ring pauses the call, and the slower reader resumes it once half of the ring is
 * free. The writing thread has the last word on the job, since only it knows when the store has let
 * go.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/engine.h"

/* One reader of the ring: a thread of the spool pool. Mutex held, but for the task. */
struct spool_side {
    uint64_t done; /* bytes since the beginning that it is through with */
    bool waiting;  /* at wake, for more bytes or the end */
    bool over;     /* it has seen the end */
    pthread_cond_t wake;
    struct fy_task task;
};

struct fy_spool {
    /* Constant once the hash side runs. */
    struct fy_job *job;
    struct fy_store *store;
    struct fy_writer *writer; /* NULL: the store did not begin */
    uint8_t *ring;

    /* Mutex held. */
    pthread_mutex_t mutex;
    uint64_t received; /* bytes since the beginning */
    struct spool_side hash, write;
    bool paused; /* the loop waits for room */
    bool failed; /* the store failed: nothing more is taken */
    bool ended;  /* the transfer is over... */
    bool whole;  /* ...and complete */
};

static void hash_run(struct fy_task *task);
static void write_run(struct fy_task *task);

static void side_init(struct spool_side *side, void (*run)(struct fy_task *task))
{
    FY_ASSERT(pthread_cond_init(&side->wake, NULL) == 0);
    side->task.run = run;
}

struct fy_spool *fy_spool_open(struct fy_job *job)
{
    struct fy_spool *spool = fy_alloc(sizeof(*spool));
    spool->job = job;
    spool->store = job->engine->node->store;
    spool->ring = fy_alloc(FY_SPOOL_BYTES);
    FY_ASSERT(pthread_mutex_init(&spool->mutex, NULL) == 0);
    side_init(&spool->hash, hash_run);
    side_init(&spool->write, write_run);
    fy_pool_give(job->engine->spool_pool, &spool->write.task); /* begins, then starts the other */
    return spool;
}

static void spool_free(struct fy_spool *spool)
{
    pthread_cond_destroy(&spool->hash.wake);
    pthread_cond_destroy(&spool->write.wake);
    pthread_mutex_destroy(&spool->mutex);
    free(spool->ring);
    free(spool);
}

/* ------------------------------------------------------------------ the loop's side */

/* Mutex held. What the slower reader has not seen yet. */
static uint64_t held_bytes(const struct fy_spool *spool)
{
    uint64_t free_up_to =
        spool->hash.done < spool->write.done ? spool->hash.done : spool->write.done;
    return spool->received - free_up_to;
}

/* Mutex held. Small steps are left to gather: to wake a thread costs more than to hash 16 KiB. */
static bool has_work(const struct fy_spool *spool, const struct spool_side *side)
{
    return spool->ended || spool->received - side->done >= FY_SPOOL_STEP_BYTES;
}

/* Mutex held. */
static void wake_side(const struct fy_spool *spool, struct spool_side *side)
{
    if (side->waiting && has_work(spool, side))
        pthread_cond_signal(&side->wake);
}

/* Mutex held; there is room. */
static void copy_in(struct fy_spool *spool, const uint8_t *bytes, size_t size_bytes)
{
    size_t at = spool->received % FY_SPOOL_BYTES;
    size_t first = size_bytes < FY_SPOOL_BYTES - at ? size_bytes : FY_SPOOL_BYTES - at;
    memcpy(spool->ring + at, bytes, first);
    memcpy(spool->ring, bytes + first, size_bytes - first);
    spool->received += size_bytes;
    wake_side(spool, &spool->hash);
    wake_side(spool, &spool->write);
}

enum fy_peer_flow fy_spool_put(struct fy_spool *spool, const void *bytes, size_t size_bytes)
{
    FY_ASSERT(size_bytes <= FY_SPOOL_BYTES - FY_SPOOL_STEP_BYTES); /* or both would wait */
    enum fy_peer_flow flow = FY_PEER_TAKEN;
    pthread_mutex_lock(&spool->mutex);
    if (spool->failed) {
        flow = FY_PEER_STOP;
    } else if (FY_SPOOL_BYTES - held_bytes(spool) < size_bytes) {
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
    wake_side(spool, &spool->hash);
    wake_side(spool, &spool->write);
    pthread_mutex_unlock(&spool->mutex);
}

/* ------------------------------------------------------------------ what both readers do */

/* The next contiguous piece; 0: the transfer is over. */
static size_t wait_piece(struct fy_spool *spool, struct spool_side *side, const uint8_t **bytes)
{
    pthread_mutex_lock(&spool->mutex);
    side->waiting = true;
    while (!has_work(spool, side))
        FY_ASSERT(pthread_cond_wait(&side->wake, &spool->mutex) == 0);
    side->waiting = false;
    size_t at = side->done % FY_SPOOL_BYTES;
    size_t size_bytes = (size_t)(spool->received - side->done);
    pthread_mutex_unlock(&spool->mutex);
    if (size_bytes > FY_SPOOL_BYTES - at)
        size_bytes = FY_SPOOL_BYTES - at;
    if (size_bytes > FY_SPOOL_PIECE_BYTES)
        size_bytes = FY_SPOOL_PIECE_BYTES;
    *bytes = spool->ring + at;
    return size_bytes;
}

/* The call is resumed under the flight's mutex: on_done needs it too. */
static void resume_call(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    pthread_mutex_lock(&flight->mutex);
    if (flight->call_live)
        fy_peer_resume(job->engine->node->peer, &flight->call);
    pthread_mutex_unlock(&flight->mutex);
}

/* Gives the piece's room back, as far as the other side has seen it too. */
static void free_piece(struct fy_spool *spool, struct spool_side *side, size_t size_bytes,
                       bool failed)
{
    pthread_mutex_lock(&spool->mutex);
    side->done += size_bytes;
    spool->failed = spool->failed || failed;
    bool resume = spool->paused && (spool->failed || held_bytes(spool) <= FY_SPOOL_BYTES / 2);
    if (resume)
        spool->paused = false;
    pthread_mutex_unlock(&spool->mutex);
    if (resume)
        resume_call(spool->job);
}

/* ------------------------------------------------------------------ the hashing thread */

static void hash_run(struct fy_task *task)
{
    struct fy_spool *spool = FY_CONTAINER_OF(task, struct fy_spool, hash.task);
    const uint8_t *bytes = NULL;
    size_t size_bytes;
    while ((size_bytes = wait_piece(spool, &spool->hash, &bytes)) > 0) {
        fy_store_hash(spool->store, spool->writer, bytes, size_bytes);
        free_piece(spool, &spool->hash, size_bytes, false);
    }
    pthread_mutex_lock(&spool->mutex);
    spool->hash.over = true; /* from the unlock on the spool may be gone */
    pthread_cond_signal(&spool->write.wake);
    pthread_mutex_unlock(&spool->mutex);
}

/* ------------------------------------------------------------------ the writing thread */

/* Mutex not held. Starts the other thread; without a writer there is nothing for it to do. */
static void start_hashing(struct fy_spool *spool, bool begun)
{
    if (begun) {
        fy_pool_give(spool->job->engine->spool_pool, &spool->hash.task);
        return;
    }
    pthread_mutex_lock(&spool->mutex);
    spool->hash.done = UINT64_MAX; /* holds no room */
    spool->hash.over = true;
    pthread_mutex_unlock(&spool->mutex);
}

/* Writes all that comes. After a failure of the store the rest is dropped unread. */
static void write_all(struct fy_spool *spool, struct fy_err *err)
{
    enum fy_code code = fy_store_begin(spool->store, spool->job->order.size, &spool->writer, err);
    start_hashing(spool, code == FY_OK);
    const uint8_t *bytes = NULL;
    size_t size_bytes;
    while ((size_bytes = wait_piece(spool, &spool->write, &bytes)) > 0) {
        if (code == FY_OK)
            code = fy_store_write(spool->store, spool->writer, bytes, size_bytes, err);
        free_piece(spool, &spool->write, size_bytes, code != FY_OK);
    }
}

static void wait_hash(struct fy_spool *spool)
{
    pthread_mutex_lock(&spool->mutex);
    while (!spool->hash.over)
        FY_ASSERT(pthread_cond_wait(&spool->write.wake, &spool->mutex) == 0);
    pthread_mutex_unlock(&spool->mutex);
}

static void write_run(struct fy_task *task)
{
    struct fy_spool *spool = FY_CONTAINER_OF(task, struct fy_spool, write.task);
    struct fy_job *job = spool->job;
    struct fy_store *store = spool->store;
    struct fy_err err = {0};
    write_all(spool, &err);
    wait_hash(spool);

    bool whole = spool->whole; /* ended: nobody else touches the spool any more */
    struct fy_writer *writer = spool->writer;
    job->flight->spool = NULL;
    spool_free(spool);
    if (err.code != FY_OK)
        fy_store_failed(job, &err);
    if (whole && err.code == FY_OK) {
        fy_body_finish(job, writer);
        return;
    }
    fy_store_abort(store, writer);
    if (job->flight->superseded)
        fy_job_become(job, FY_JOB_RECORD);
    else
        fy_job_fail(job);
}
