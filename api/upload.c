/* upload.c - bodies that are streamed to their route: gathered into chunks here, taken on the pool.
 */
/*
 * The connection thread fills a chunk; when more comes than fits, it suspends the connection and
 * hops to a pool thread, which gives the chunk to the route and resumes. So a route may block on
 * its disk, a small upload costs one hop with everything in it, and a slow client holds a chunk and
 * no thread.
 */
#include <stdlib.h>
#include <string.h>

#include "api/exchange.h"

#define UPLOAD_FIRST_BYTES (16 << 10) /* first chunk of a body of unknown length */
#define UPLOAD_LEAST_BYTES 4096       /* a chunk when the memory for bodies is used up */

/* ------------------------------------------------------------------ on the pool */

static enum fy_code to_route(void *arg, const void *bytes, size_t size_bytes, struct fy_err *err)
{
    struct fy_exchange *x = arg;
    return x->route->stream_data(x, bytes, size_bytes, err);
}

/* A slot for one more running decompression of the process. */
static enum fy_code unzstd_open(struct fy_exchange *x, struct fy_err *err)
{
    if (x->upload.unzstd != NULL)
        return FY_OK;
    if (atomic_fetch_add(&x->server->zstd_bodies, 1) >= FY_ZSTD_BODIES_MAX) {
        atomic_fetch_sub(&x->server->zstd_bodies, 1);
        return fy_err_set(err, FY_EBUSY, "%d zstd bodies come in already", FY_ZSTD_BODIES_MAX);
    }
    x->upload.unzstd = fy_unzstd_new();
    return FY_OK;
}

static void unzstd_close(struct fy_exchange *x)
{
    if (x->upload.unzstd == NULL)
        return;
    fy_unzstd_free(x->upload.unzstd);
    x->upload.unzstd = NULL;
    atomic_fetch_sub(&x->server->zstd_bodies, 1);
}

/* What a client sends is its fault when it is broken, not ours. */
static enum fy_code blame_client(enum fy_code code, struct fy_err *err)
{
    if (code == FY_ECORRUPT)
        err->code = code = FY_EINPUT;
    return code;
}

static enum fy_code feed(struct fy_exchange *x, fy_unzstd_sink_fn *sink, void *arg,
                         struct fy_err *err)
{
    if (x->body.size == 0)
        return FY_OK;
    if (!x->body_zstd)
        return sink(arg, x->body.bytes, x->body.size, err);
    enum fy_code code = unzstd_open(x, err);
    if (code == FY_OK)
        code = fy_unzstd_feed(x->upload.unzstd, x->body.bytes, x->body.size, sink, arg, err);
    return code;
}

static enum fy_code check_frame_end(struct fy_exchange *x, struct fy_err *err)
{
    if (x->upload.unzstd == NULL || fy_unzstd_at_frame_end(x->upload.unzstd))
        return FY_OK;
    return fy_err_set(err, FY_EINPUT, "the zstd body ends within a frame");
}

/* Begins when it was not, gives the chunk, checks the end. false: answered, nothing more is wanted.
 */
static bool advance(struct fy_exchange *x, bool last)
{
    if (!x->upload.begun) {
        x->upload.whole = last && !x->body_zstd;
        x->route->stream_begin(x);
        if (x->answered)
            return false;
        x->upload.begun = true;
    }
    struct fy_err err;
    enum fy_code code = blame_client(feed(x, to_route, x, &err), &err);
    x->body.size = 0;
    if (code == FY_OK && last)
        code = check_frame_end(x, &err);
    if (code == FY_OK && !x->answered)
        return true;
    x->upload.ended = true;
    x->route->stream_abort(x);
    if (!x->answered)
        fy_answer_error(x, &err);
    return false;
}

bool fy_body_is_whole(const struct fy_exchange *x)
{
    return x->upload.whole;
}

static void set_hop(struct fy_exchange *x, bool hop)
{
    pthread_mutex_lock(&x->mutex);
    x->hop = hop;
    pthread_mutex_unlock(&x->mutex);
}

static void run_hop(struct fy_task *task)
{
    struct fy_exchange *x = FY_CONTAINER_OF(task, struct fy_exchange, task);
    if (!advance(x, false))
        unzstd_close(x);
    set_hop(x, false);
    fy_exchange_resume(x);
    fy_exchange_task_end(x);
}

void fy_upload_handle(struct fy_exchange *x)
{
    set_hop(x,
            true); /* an answer given in here must not resume before we are done with the upload */
    bool good = advance(x, true);
    unzstd_close(x);
    set_hop(x, false);
    if (!good) {
        fy_exchange_resume(x);
        return;
    }
    fy_body_drop(x);
    x->upload.ended = true;
    x->route->handle(x);
}

static void run_abort(struct fy_task *task)
{
    struct fy_exchange *x = FY_CONTAINER_OF(task, struct fy_exchange, task);
    unzstd_close(x);
    x->route->stream_abort(x);
    fy_exchange_task_end(x);
}

void fy_upload_abort(struct fy_exchange *x)
{
    fy_exchange_task(x, x->server->pool, run_abort);
}

/* ------------------------------------------------------------------ on the connection thread */

static enum MHD_Result hop(struct fy_exchange *x)
{
    if (!fy_server_hold(x->server))
        return MHD_NO;
    set_hop(x, true);
    fy_exchange_suspend(x);
    fy_exchange_task(x, x->server->pool, run_hop);
    return MHD_YES;
}

enum MHD_Result fy_upload_begin(struct fy_exchange *x)
{
    x->phase = FY_PHASE_BEGIN;
    return hop(x);
}

/* Room for the next bytes: the chunk grows to FY_CHUNK_BYTES while there is memory for bodies. */
static size_t room(struct fy_exchange *x)
{
    struct fy_gather *chunk = &x->body;
    if (chunk->size < chunk->capacity)
        return chunk->capacity - chunk->size;
    if (chunk->capacity >= FY_CHUNK_BYTES)
        return 0;
    size_t wanted = chunk->capacity > 0 ? 2 * chunk->capacity : UPLOAD_FIRST_BYTES;
    if (x->body_promised > 0)
        wanted = x->body_promised < FY_CHUNK_BYTES ? (size_t)x->body_promised : FY_CHUNK_BYTES;
    if (fy_gather_reserve(x->server, chunk, wanted, FY_BODIES_BYTES_MAX / 2))
        return chunk->capacity - chunk->size;
    if (chunk->capacity > 0)
        return 0;
    (void)fy_gather_reserve(x->server, chunk, UPLOAD_LEAST_BYTES, SIZE_MAX);
    return chunk->capacity;
}

enum MHD_Result fy_upload_take(struct fy_exchange *x, const char *data, size_t *data_bytes)
{
    size_t space = room(x);
    size_t taken = *data_bytes < space ? *data_bytes : space;
    if (taken > 0) {
        memcpy(x->body.bytes + x->body.size, data, taken);
        x->body.size += taken;
        x->body_seen += (int64_t)taken;
        *data_bytes -= taken;
    }
    /* With a byte left over, so that libmicrohttpd calls again right after the hop. */
    return *data_bytes > 0 ? hop(x) : MHD_YES;
}

/* ------------------------------------------------------------------ WHOLE bodies as zstd */

struct whole {
    struct fy_exchange *x;
    struct fy_gather plain;
};

/* It cannot wait for memory here: with its compressed bytes it holds some that others wait for. */
static bool grow_plain(struct whole *whole, size_t capacity)
{
    struct fy_server *server = whole->x->server;
    size_t all_max_bytes = capacity <= FY_BODY_SMALL_BYTES ? SIZE_MAX : FY_BODIES_BYTES_MAX;
    return fy_gather_reserve(server, &whole->plain, capacity, all_max_bytes) ||
           (fy_room_favour(whole->x) &&
            fy_gather_reserve(server, &whole->plain, capacity, SIZE_MAX));
}

static enum fy_code to_gather(void *arg, const void *bytes, size_t size_bytes, struct fy_err *err)
{
    struct whole *whole = arg;
    struct fy_gather *plain = &whole->plain;
    size_t max_bytes = whole->x->route->body_max;
    if (size_bytes > max_bytes - plain->size)
        return fy_err_set(err, FY_ETOOBIG, "body over %zu bytes", max_bytes);
    size_t capacity = fy_gather_capacity(plain, plain->size + size_bytes, max_bytes);
    if (capacity != plain->capacity && !grow_plain(whole, capacity))
        return fy_err_set(err, FY_EBUSY, "request bodies fill %d bytes of memory already",
                          FY_BODIES_BYTES_MAX);
    fy_gather_append(plain, bytes, size_bytes);
    return FY_OK;
}

enum fy_code fy_upload_decode_whole(struct fy_exchange *x, struct fy_err *err)
{
    struct whole whole = {.x = x};
    enum fy_code code = blame_client(feed(x, to_gather, &whole, err), err);
    if (code == FY_OK)
        code = check_frame_end(x, err);
    unzstd_close(x);
    fy_gather_free(x->server, &x->body); /* its place in room.c is the plain one's now */
    x->body = whole.plain;
    return code;
}
