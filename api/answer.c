/* answer.c - what every answer carries, and the ways to give one. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/exchange.h"
#include "common/core/log.h"

#define RETRY_AFTER_S        "1"  /* a full queue or a busy pool has moved on by then */
#define ERROR_BODY_BYTES     2048 /* sentence and frame of the JSON body */
#define SMALL_BODY_BYTES_MAX 4096 /* what an early answer may repeat */
#define REQUEST_HEADER_BYTES 96   /* the library's record of a header of the request */
#define HEAD_FRAME_BYTES     2048 /* status line, the library's own headers, frames of ours */
#define EARLY_BYTES_MAX      (FY_ANSWER_HEAD_BYTES_MAX + SMALL_BODY_BYTES_MAX + 1024)

void fy_answer_header(struct fy_exchange *x, const char *name, const char *value)
{
    FY_ASSERT(!x->answered);
    fy_buf_add(&x->out_headers, name, strlen(name) + 1);
    fy_buf_add(&x->out_headers, value, strlen(value) + 1);
}

/* Of the request, in the library's memory: the line, and each header with its frame and the record
 * the library keeps of it. */
static size_t request_bytes(const struct fy_exchange *x)
{
    size_t bytes = strlen(x->uri);
    for (size_t i = 0; i < x->header_count; i++)
        bytes += strlen(x->headers[i].name) + strlen(x->headers[i].value) + REQUEST_HEADER_BYTES;
    return bytes;
}

size_t fy_answer_room(struct fy_exchange *x)
{
    size_t taken_bytes = request_bytes(x) + x->out_headers.size_bytes + HEAD_FRAME_BYTES;
    size_t library_bytes =
        FY_CONNECTION_BYTES > taken_bytes ? FY_CONNECTION_BYTES - taken_bytes : 0;
    size_t ours_bytes = FY_ANSWER_HEAD_BYTES_MAX - x->out_headers.size_bytes;
    return library_bytes < ours_bytes ? library_bytes : ours_bytes;
}

/* libmicrohttpd refuses empty values and line breaks; a header of that kind says nothing anyway. */
static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    if (strpbrk(value, "\r\n\t") == NULL) {
        FY_ASSERT(MHD_add_response_header(response, name, value) == MHD_YES);
        return;
    }
    char *clean = fy_strdup(value);
    for (char *at = clean; (at = strpbrk(at, "\r\n\t")) != NULL;)
        *at = ' ';
    FY_ASSERT(MHD_add_response_header(response, name, clean) == MHD_YES);
    free(clean);
}

/* A dialect says in every answer what becomes of the connection, and how long the body is; the
 * library leaves out what HTTP/1.1 does not need. true: this answer is the connection's last. */
static bool add_needless(struct fy_exchange *x, int http_status, struct MHD_Response *response)
{
    bool stays = x->dialect->keeps_alive(x);
    int flags = stays ? MHD_RF_SEND_KEEP_ALIVE_HEADER : MHD_RF_NONE;
    if (http_status == 204)
        flags |= MHD_RF_INSANITY_HEADER_CONTENT_LENGTH;
    FY_ASSERT(MHD_set_response_options(response, (enum MHD_ResponseFlags)flags, MHD_RO_END) ==
              MHD_YES);
    if (http_status == 204)
        add_header(response, "Content-Length", "0");
    return !stays;
}

static void add_headers(struct fy_exchange *x, int http_status, struct MHD_Response *response)
{
    bool last = atomic_load(&x->server->draining) || x->conn->surplus;
    if (x->dialect != NULL) {
        last |= add_needless(x, http_status, response);
    } else {
        add_header(response, "x-clonecloudstore-op-id", x->op_id);
        add_header(response, "x-clonecloudstore-module", x->module);
        add_header(response, "x-ferry-version", FY_VERSION);
    }
    const char *end = x->out_headers.bytes + x->out_headers.size_bytes;
    for (const char *name = x->out_headers.bytes; name < end;) {
        const char *value = name + strlen(name) + 1;
        add_header(response, name, value);
        name = value + strlen(value) + 1;
    }
    if (last)
        add_header(response, "Connection", "close");
}

void fy_answer_give(struct fy_exchange *x, int http_status, struct MHD_Response *response)
{
    FY_ASSERT(response != NULL);
    if (x->out_headers.overflow) {
        MHD_destroy_response(response);
        fy_buf_clear(&x->out_headers);
        fy_answer_fail(x, FY_EINTERNAL, "the answer's headers are over %d bytes",
                       FY_ANSWER_HEAD_BYTES_MAX);
        return;
    }
    add_headers(x, http_status, response);
    fy_turn_give(x);
    if (http_status >= 500)
        fy_metric_add(&x->server->node->metrics, FY_M_HTTP_ERRORS, 1);

    pthread_mutex_lock(&x->mutex);
    FY_ASSERT(!x->answered);
    x->http_status = http_status;
    x->response = response;
    x->answered = true;
    bool resume = x->suspended && !x->hop;
    pthread_mutex_unlock(&x->mutex);
    if (resume)
        fy_exchange_resume(x);
}

/* ------------------------------------------------------------------ plain answers */

/* A body over SMALL_BODY_BYTES_MAX, in memory until its reader has taken it, which may be long. */
struct large_body {
    struct fy_server *server;
    char *bytes;
    size_t size_bytes;
};

static void free_large_body(void *arg)
{
    struct large_body *body = arg;
    atomic_fetch_sub(&body->server->answer_bytes, body->size_bytes);
    free(body->bytes);
    free(body);
}

/* Counts the body; false: too many wait for their readers already. One alone may be of any size. */
static bool may_hold(struct fy_exchange *x, size_t size_bytes)
{
    if (size_bytes <= SMALL_BODY_BYTES_MAX)
        return true;
    size_t max_bytes = FY_ANSWERS_BYTES_MAX + (x->route->vital ? FY_ANSWERS_VITAL_BYTES : 0);
    size_t held_bytes = atomic_fetch_add(&x->server->answer_bytes, size_bytes);
    if (held_bytes == 0 || held_bytes + size_bytes <= max_bytes)
        return true;
    atomic_fetch_sub(&x->server->answer_bytes, size_bytes);
    return false;
}

/* Of bytes that may_hold has let through. */
static struct MHD_Response *response_of_bytes(struct fy_exchange *x, char *bytes, size_t size_bytes)
{
    if (size_bytes <= SMALL_BODY_BYTES_MAX) {
        x->small_body = bytes; /* lives as long as the response */
        x->small_body_bytes = size_bytes;
        return MHD_create_response_from_buffer(size_bytes, bytes, MHD_RESPMEM_MUST_FREE);
    }
    struct large_body *body = fy_alloc(sizeof *body);
    *body = (struct large_body){x->server, bytes, size_bytes};
    return MHD_create_response_from_buffer_with_free_callback_cls(size_bytes, bytes,
                                                                  free_large_body, body);
}

void fy_answer_empty(struct fy_exchange *x, int http_status)
{
    static char nothing[1];
    fy_answer_give(x, http_status,
                   MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT));
}

void fy_answer_bytes(struct fy_exchange *x, int http_status, const char *content_type,
                     struct fy_buf *bytes)
{
    if (bytes->overflow) {
        size_t max_bytes = bytes->max_bytes;
        fy_buf_done(bytes);
        fy_answer_fail(x, FY_EINTERNAL, "the answer's body is over %zu bytes", max_bytes);
        return;
    }
    if (!may_hold(x, bytes->size_bytes)) {
        fy_buf_done(bytes);
        fy_answer_fail(x, FY_EBUSY, "answers fill %d bytes of memory already",
                       FY_ANSWERS_BYTES_MAX);
        return;
    }
    fy_answer_header(x, "Content-Type", content_type);
    size_t size_bytes = 0;
    char *taken = fy_buf_take(bytes, &size_bytes);
    fy_answer_give(x, http_status, response_of_bytes(x, taken, size_bytes));
}

void fy_answer_static(struct fy_exchange *x, int http_status, const char *content_type,
                      const char *bytes, size_t size_bytes)
{
    fy_answer_header(x, "Content-Type", content_type);
    /* The library takes no const, but does not write to what is persistent. */
    fy_answer_give(x, http_status,
                   MHD_create_response_from_buffer(size_bytes, (void *)(uintptr_t)bytes,
                                                   MHD_RESPMEM_PERSISTENT));
}

void fy_answer_json(struct fy_exchange *x, int http_status, struct fy_buf *json)
{
    fy_answer_bytes(x, http_status, "application/json", json);
}

void fy_answer_type(struct fy_exchange *x, const char *type)
{
    fy_answer_header(x, "x-clonecloudstore-type", type);
    fy_answer_empty(x, 204);
}

/* ------------------------------------------------------------------ errors */

/* One line of printable ASCII (spec 1.8). */
static void add_error_header(struct fy_exchange *x, const char *text)
{
    char value[FY_ERR_TEXT_BYTES + 64];
    (void)snprintf(value, sizeof value, "%s - %s", x->module, text);
    for (char *at = value; *at != '\0'; at++) {
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
    }
    fy_answer_header(x, "x-clonecloudstore-error", value);
}

void fy_answer_none(struct fy_exchange *x, const char *why)
{
    add_error_header(x, why);
    fy_answer_header(x, "x-clonecloudstore-type", "NONE");
    fy_answer_empty(x, 404);
}

static void log_failure(struct fy_exchange *x, int http_status, const struct fy_err *err)
{
    if (http_status < 500)
        return;
    /* These may come by the thousand while something is full, or a container is closed; the
     * metrics count them. */
    bool usual = http_status == 503 || http_status == 507 || err->code == FY_EDISABLED ||
                 err->code == FY_EQUOTA || err->code == FY_EEXISTS;
    enum fy_log_level level = usual ? FY_DEBUG : FY_WARN;
    fy_log(x->op_id, level, "http.failed", fy_kv_str("method", x->method),
           fy_kv_str("path", x->path), fy_kv_i64("status", http_status), fy_kv_err(err));
}

void fy_answer_error_status(struct fy_exchange *x, int http_status, const struct fy_err *err,
                            struct fy_buf *json)
{
    log_failure(x, http_status, err);
    if (http_status == 503)
        fy_answer_header(x, "Retry-After", RETRY_AFTER_S);
    fy_answer_json(x, http_status, json);
}

void fy_answer_error_json(struct fy_exchange *x, const struct fy_err *err, struct fy_buf *json)
{
    add_error_header(x, err->text);
    fy_answer_error_status(x, fy_code_http_status(err->code), err, json);
}

void fy_answer_error(struct fy_exchange *x, const struct fy_err *err)
{
    if (x->dialect != NULL) {
        x->dialect->answer_error(x, err);
        return;
    }
    struct fy_buf json;
    fy_buf_init(&json, ERROR_BODY_BYTES);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "code", fy_code_name(err->code));
    fy_buf_json_str(&json, "error", err->text);
    fy_buf_text(&json, "}");
    fy_answer_error_json(x, err, &json);
}

void fy_answer_fail(struct fy_exchange *x, enum fy_code code, const char *format, ...)
{
    char text[FY_ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct fy_err err;
    fy_err_set(&err, code, "%s", text);
    fy_answer_error(x, &err);
}

void fy_answer_result(struct fy_exchange *x, enum fy_code code, struct fy_buf *json,
                      const struct fy_err *err)
{
    if (code == FY_OK) {
        fy_answer_json(x, 200, json);
        return;
    }
    fy_buf_done(json);
    fy_answer_error(x, err);
}

/* ------------------------------------------------------------------ past libmicrohttpd */

static enum MHD_Result print_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    (void)kind;
    if (strcasecmp(name, "Connection") != 0 && strcasecmp(name, "Content-Length") != 0)
        fy_buf_printf(arg, "%s: %s\r\n", name, value);
    return MHD_YES;
}

/*
 * libmicrohttpd 0.9.75 takes no answer while it reads a body, so this one goes to the socket
 * directly. Nothing else is being sent then: the library has only sent "100 Continue", whole. The
 * socket's buffer is empty but for an earlier answer the client has not read; when ours does not
 * fit, it is cut.
 */
bool fy_answer_write_early(struct fy_exchange *x)
{
    struct fy_buf text;
    fy_buf_init(&text, EARLY_BYTES_MAX);
    fy_buf_printf(&text, "HTTP/1.1 %d %s\r\n", x->http_status,
                  MHD_get_reason_phrase_for((unsigned)x->http_status));
    (void)MHD_get_response_headers(x->response, print_header, &text);
    fy_buf_printf(&text, "Content-Length: %zu\r\nConnection: close\r\n\r\n", x->small_body_bytes);
    if (!fy_is_head(x) && x->small_body_bytes > 0)
        fy_buf_add(&text, x->small_body, x->small_body_bytes);
    ssize_t sent = send(x->conn->fd, text.bytes, text.size_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    bool good = !text.overflow && sent == (ssize_t)text.size_bytes;
    fy_buf_done(&text);
    (void)shutdown(x->conn->fd, SHUT_WR); /* fails when the client is gone: then nobody minds */
    return good;
}
