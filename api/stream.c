/* stream.c - answers of unknown length: read piece by piece on the connection thread, zstd on the
 * way. */
#include <stdlib.h>
#include <string.h>

#include "api/exchange.h"

#define STREAM_PLAIN_BYTES (64 << 10) /* read at once for the compressor */
#define STREAM_BLOCK_BYTES 4096       /* only readers of HTTP/1.0 get pieces of this size */

struct answer_stream {
    struct fy_server *server;
    struct fy_exchange *x; /* valid while libmicrohttpd reads */
    fy_stream_read_fn *read;
    void *state;
    void (*drop)(void *state);

    /* zstd only. */
    struct fy_rezstd *rezstd;
    uint8_t *plain;
    const uint8_t *at;
    size_t at_bytes;
    bool source_ended, frame_ended;
};

/* ------------------------------------------------------------------ waiting for more */

/* server mutex held. */
static void link_waiting(struct fy_exchange *x)
{
    struct fy_server *server = x->server;
    x->stream_prev = NULL;
    x->stream_next = server->waiting_streams;
    if (x->stream_next != NULL)
        x->stream_next->stream_prev = x;
    server->waiting_streams = x;
}

/* server mutex held. */
static void unlink_waiting(struct fy_exchange *x)
{
    if (x->stream_prev != NULL)
        x->stream_prev->stream_next = x->stream_next;
    else
        x->server->waiting_streams = x->stream_next;
    if (x->stream_next != NULL)
        x->stream_next->stream_prev = x->stream_prev;
}

/* Sleeps until fy_stream_wake. false: it was woken already, or the server is closing. */
static bool sleep_until_wake(struct fy_exchange *x)
{
    if (!fy_server_hold(x->server))
        return false;
    pthread_mutex_lock(&x->server->mutex);
    bool sleep = !x->wake_pending && !atomic_load(&x->server->closing);
    x->wake_pending = false;
    if (sleep) {
        x->stream_waiting = true;
        link_waiting(x);
        fy_exchange_suspend(x);
    }
    pthread_mutex_unlock(&x->server->mutex);
    if (!sleep)
        fy_server_release(x->server);
    return sleep;
}

void fy_stream_wake(struct fy_exchange *x)
{
    struct fy_server *server = x->server;
    pthread_mutex_lock(&server->mutex);
    bool sleeps = x->stream_waiting;
    x->stream_waiting = false;
    x->wake_pending = !sleeps;
    if (sleeps)
        unlink_waiting(x);
    pthread_mutex_unlock(&server->mutex);
    if (sleeps)
        fy_exchange_resume(x);
}

void fy_streams_wake_all(struct fy_server *server)
{
    for (;;) {
        pthread_mutex_lock(&server->mutex);
        struct fy_exchange *x = server->waiting_streams;
        if (x != NULL) {
            x->stream_waiting = false;
            unlink_waiting(x);
        }
        pthread_mutex_unlock(&server->mutex);
        if (x == NULL)
            return;
        fy_exchange_resume(x);
    }
}

/* ------------------------------------------------------------------ the pieces */

/* One step of the compressor; 0 bytes written is no end. */
static ssize_t read_zstd(struct answer_stream *stream, char *bytes, size_t capacity)
{
    size_t written = 0;
    while (written == 0 && !stream->frame_ended) {
        if (stream->at_bytes == 0 && !stream->source_ended) {
            ssize_t got = stream->read(stream->state, (char *)stream->plain, STREAM_PLAIN_BYTES);
            if (got < 0)
                return got;
            stream->source_ended = got == 0;
            stream->at = stream->plain;
            stream->at_bytes = (size_t)got;
        }
        written =
            fy_rezstd_step(stream->rezstd, &stream->at, &stream->at_bytes, stream->source_ended,
                           (uint8_t *)bytes, capacity, &stream->frame_ended);
    }
    return (ssize_t)written;
}

/* Called by libmicrohttpd on the connection thread. 0: nothing now; it calls again after the
 * resume. */
static ssize_t on_read(void *arg, uint64_t position, char *bytes, size_t capacity)
{
    (void)position;
    struct answer_stream *stream = arg;
    for (;;) {
        ssize_t got = stream->rezstd != NULL ? read_zstd(stream, bytes, capacity)
                                             : stream->read(stream->state, bytes, capacity);
        FY_ASSERT(got <= (ssize_t)capacity);
        if (got > 0)
            return got;
        if (got == 0)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (got == FY_STREAM_FAIL || atomic_load(&stream->server->closing))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (sleep_until_wake(stream->x))
            return 0;
    }
}

static void on_drop(void *arg)
{
    struct answer_stream *stream = arg;
    if (stream->rezstd != NULL) {
        fy_rezstd_free(stream->rezstd);
        atomic_fetch_sub(&stream->server->zstd_answers, 1);
    }
    if (stream->drop != NULL)
        stream->drop(stream->state);
    free(stream->plain);
    free(stream);
}

/* Compression is a favour: when all slots are taken, the bytes go as they are. */
static void begin_zstd(struct answer_stream *stream)
{
    struct fy_server *server = stream->server;
    if (atomic_fetch_add(&server->zstd_answers, 1) >= FY_ZSTD_ANSWERS_MAX) {
        atomic_fetch_sub(&server->zstd_answers, 1);
        return;
    }
    stream->rezstd = fy_rezstd_new();
    stream->plain = fy_alloc(STREAM_PLAIN_BYTES);
    fy_answer_header(stream->x, "Content-Encoding", "zstd");
}

void fy_answer_stream(struct fy_exchange *x, int http_status, const char *content_type, bool zstd,
                      fy_stream_read_fn *read, void *state, void (*drop)(void *state))
{
    struct answer_stream *stream = fy_alloc(sizeof *stream);
    *stream = (struct answer_stream){
        .server = x->server, .x = x, .read = read, .state = state, .drop = drop};
    if (content_type != NULL)
        fy_answer_header(x, "Content-Type", content_type);
    if (zstd && !fy_is_head(x))
        begin_zstd(stream);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, on_read, stream, on_drop);
    fy_answer_give(x, http_status, response);
}
