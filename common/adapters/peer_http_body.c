/* peer_http_body.c - body bytes on their way to on_data: zstd removed, pauses kept. */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/peer_http_internal.h"

/* A decompression cannot be stopped midway, so what follows a pause is held. Fed in steps so small
 * that this stays near 2 MiB even for a hostile stream, whose blocks give 128 KiB for 4 bytes. */
#define ZSTD_STEP_BYTES 64

void peer_held_clear(struct peer_held *held)
{
    free(held->bytes);
    *held = (struct peer_held){0};
}

static void hold(struct peer_held *held, const uint8_t *bytes, size_t size_bytes)
{
    held->bytes = fy_realloc(held->bytes, held->size_bytes + size_bytes);
    memcpy(held->bytes + held->size_bytes, bytes, size_bytes);
    held->size_bytes += size_bytes;
}

/* Gives plain bytes in pieces until all are taken, the job is paused, or stopped. Returns how many
 * were taken. */
static size_t give(struct peer_job *job, const uint8_t *bytes, size_t size_bytes)
{
    size_t taken = 0;
    while (taken < size_bytes) {
        size_t left = size_bytes - taken;
        size_t piece = left < FY_PEER_CHUNK_BYTES ? left : FY_PEER_CHUNK_BYTES;
        switch (job->call->on_data(job->call, bytes + taken, piece)) {
        case FY_PEER_TAKEN:
            taken += piece;
            continue;
        case FY_PEER_PAUSE:
            job->paused = true;
            return taken;
        case FY_PEER_STOP:
            peer_job_judge(job, FY_ECANCELLED, FY_CANCELLED, "the receiver wants no more");
            return taken;
        }
    }
    return taken;
}

bool peer_body_give_held(struct peer_job *job)
{
    struct peer_held *held = &job->held;
    if (held->bytes == NULL)
        return true;
    held->taken_bytes +=
        give(job, held->bytes + held->taken_bytes, held->size_bytes - held->taken_bytes);
    if (held->taken_bytes < held->size_bytes)
        return false;
    peer_held_clear(held);
    return true;
}

/* fy_unzstd_sink_fn */
static enum fy_code take_plain(void *arg, const void *bytes, size_t size_bytes, struct fy_err *err)
{
    struct peer_job *job = arg;
    size_t taken = job->paused ? 0 : give(job, bytes, size_bytes);
    if (job->verdict.code != FY_OK)
        return fy_err_set(err, job->verdict.code, "%s", job->verdict.text);
    if (taken < size_bytes)
        hold(&job->held, (const uint8_t *)bytes + taken, size_bytes - taken);
    return FY_OK;
}

/* As give, of compressed bytes: those count as taken whose plain bytes are held. */
static size_t give_zstd(struct peer_job *job, const uint8_t *bytes, size_t size_bytes)
{
    size_t taken = 0;
    while (taken < size_bytes && !job->paused) {
        size_t left = size_bytes - taken;
        size_t step = left < ZSTD_STEP_BYTES ? left : ZSTD_STEP_BYTES;
        struct fy_err err = {0};
        enum fy_code code = fy_unzstd_feed(job->unzstd, bytes + taken, step, take_plain, job, &err);
        if (code != FY_OK) { /* the sink's own verdict came first and stays */
            peer_job_judge(job, code, code == FY_EBUSY ? FY_INTERNAL : FY_SIZE_MISMATCH, err.text);
            return taken;
        }
        taken += step;
    }
    return taken;
}

size_t peer_body_bytes(char *bytes, size_t one, size_t size_bytes, void *arg)
{
    struct peer_job *job = ((struct peer_seat *)arg)->job;
    FY_ASSERT(one == 1);
    FY_ASSERT(!job->paused);
    job->last_byte_ms = job->loop->now_ms;
    if (job->call->on_data == NULL)
        return size_bytes;

    /* After a pause libcurl begins again with the first byte that it gave last. */
    size_t taken = job->skip_bytes < size_bytes ? job->skip_bytes : size_bytes;
    job->skip_bytes -= taken;
    const uint8_t *at = (const uint8_t *)bytes + taken;
    taken += job->unzstd != NULL ? give_zstd(job, at, size_bytes - taken)
                                 : give(job, at, size_bytes - taken);
    if (job->verdict.code != FY_OK)
        return CURL_WRITEFUNC_ERROR;
    if (job->paused) {
        job->skip_bytes = taken;
        return CURL_WRITEFUNC_PAUSE;
    }
    FY_ASSERT(taken == size_bytes);
    return size_bytes;
}
