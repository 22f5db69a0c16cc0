/* body.c - what becomes of a request's body by its kind. */
#include "api/exchange.h"

enum MHD_Result fy_body_begin(struct fy_exchange *x)
{
    const struct fy_route *route = x->route;
    x->phase = FY_PHASE_BODY;
    x->body_kind = route->body_choose != NULL ? route->body_choose(x) : route->body;
    if (x->answered)
        return fy_exchange_refuse(x);
    if (x->body_kind == FY_BODY_STREAM) {
        /* Any length may come; a silent client is cut by the idle time-out. */
        atomic_store(&x->conn->deadline_ms, 0);
        return fy_request_wants_continue(x) ? fy_upload_begin(x) : MHD_YES;
    }
    size_t max_bytes = x->body_kind == FY_BODY_WHOLE ? route->body_max : FY_BODY_DROP_BYTES_MAX;
    if (x->body_promised > (int64_t)max_bytes) {
        fy_answer_fail(x, FY_ETOOBIG, "body of %lld bytes, at most %zu are taken here",
                       (long long)x->body_promised, max_bytes);
        return fy_exchange_refuse(x);
    }
    if (x->body_promised != 0) /* bodies held in memory must come in good time */
        atomic_store(&x->conn->deadline_ms, fy_mono_ms(fy_clock_system()) + 2 * x->server->idle_ms);
    return MHD_YES;
}

static enum MHD_Result take_none(struct fy_exchange *x, size_t *data_bytes)
{
    if (x->body_seen + (int64_t)*data_bytes > FY_BODY_DROP_BYTES_MAX) {
        fy_answer_fail(x, FY_ETOOBIG, "no body is wanted here");
        return fy_exchange_refuse_rest(x, data_bytes);
    }
    x->body_seen += (int64_t)*data_bytes;
    *data_bytes = 0;
    return MHD_YES;
}

static enum MHD_Result take_whole(struct fy_exchange *x, const char *data, size_t *data_bytes)
{
    if (*data_bytes > x->route->body_max - x->body.size) {
        fy_answer_fail(x, FY_ETOOBIG, "body over %zu bytes", x->route->body_max);
        return fy_exchange_refuse_rest(x, data_bytes);
    }
    switch (fy_room_for(x, *data_bytes)) {
    case FY_ROOM_GIVEN:
        break;
    case FY_ROOM_LATER:
        return MHD_YES;
    case FY_ROOM_CLOSED:
        return MHD_NO;
    case FY_ROOM_NONE:
        fy_answer_fail(x, FY_EBUSY, "request bodies fill %d bytes of memory already",
                       FY_BODIES_BYTES_MAX);
        return fy_exchange_refuse_rest(x, data_bytes);
    }
    fy_gather_append(&x->body, data, *data_bytes);
    x->body_seen += (int64_t)*data_bytes;
    *data_bytes = 0;
    return MHD_YES;
}

enum MHD_Result fy_body_take(struct fy_exchange *x, const char *data, size_t *data_bytes)
{
    switch (x->body_kind) {
    case FY_BODY_NONE:
        return take_none(x, data_bytes);
    case FY_BODY_WHOLE:
        return take_whole(x, data, data_bytes);
    case FY_BODY_STREAM:
        return fy_upload_take(x, data, data_bytes);
    }
    FY_UNREACHABLE();
}

static void decode_and_handle(struct fy_exchange *x)
{
    struct fy_err err;
    if (fy_upload_decode_whole(x, &err) == FY_OK) {
        x->route->handle(x);
        return;
    }
    fy_body_drop(x); /* before the answer: its client comes again at once */
    fy_answer_error(x, &err);
}

enum MHD_Result fy_body_end(struct fy_exchange *x)
{
    if (x->body_kind == FY_BODY_STREAM)
        return fy_exchange_serve(x, false, fy_upload_handle);
    if (x->body_kind == FY_BODY_WHOLE && x->body_zstd)
        return fy_exchange_serve(x, false, decode_and_handle);
    return fy_exchange_serve(x, x->route->fast, x->route->handle);
}

const char *fy_body(struct fy_exchange *x, size_t *size_bytes)
{
    *size_bytes = x->body.size;
    return x->body.bytes != NULL ? x->body.bytes : "";
}

bool fy_body_keep(struct fy_exchange *x, size_t size_bytes)
{
    atomic_fetch_sub(&x->server->body_bytes, x->kept_bytes);
    x->kept_bytes = 0;
    if (size_bytes == 0)
        return true;
    size_t all_bytes = atomic_fetch_add(&x->server->body_bytes, size_bytes) + size_bytes;
    if (all_bytes > FY_BODIES_BYTES_MAX / 2) { /* as the chunks of uploads */
        atomic_fetch_sub(&x->server->body_bytes, size_bytes);
        return false;
    }
    x->kept_bytes = size_bytes;
    return true;
}

void fy_body_drop(struct fy_exchange *x)
{
    fy_gather_free(x->server, &x->body);
    fy_room_freed(x);
}
