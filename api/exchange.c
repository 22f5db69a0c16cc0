/* exchange.c - the life of one request: its phases on the connection thread, its hand-overs to
 * others. */
#include "api/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/names.h"

/* ------------------------------------------------------------------ birth and death */

/* Called on a connection thread when a request line is in; the rest of the head may never come. */
void *fy_exchange_uri(void *server, const char *uri, struct MHD_Connection *connection)
{
    struct fy_server *self = server;
    if (uri == NULL)
        uri = "";
    size_t uri_bytes = strlen(uri) + 1;
    struct fy_exchange *x = fy_alloc(sizeof *x + uri_bytes);
    memcpy(x->uri, uri, uri_bytes);
    x->server = self;
    x->connection = connection;
    x->module = "UNKNOWN";
    fy_buf_init(&x->out_headers, FY_ANSWER_HEAD_BYTES_MAX);
    FY_ASSERT(pthread_mutex_init(&x->mutex, NULL) == 0);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info != NULL)
        x->conn = info->socket_context;
    FY_ASSERT(x->conn != NULL);
    atomic_fetch_add(&self->exchange_count, 1);
    fy_metric_add(&self->node->metrics, FY_M_HTTP_REQUESTS, 1);
    return x;
}

static void exchange_free(struct fy_exchange *x)
{
    struct fy_server *server = x->server;
    FY_ASSERT(!x->suspended);
    if (x->response != NULL)
        MHD_destroy_response(x->response);
    if (x->state_drop != NULL)
        x->state_drop(x->state);
    FY_ASSERT(fy_body_keep(x, 0));
    fy_body_drop(x);
    FY_ASSERT(x->upload.unzstd == NULL);
    for (size_t i = 0; i < x->value_count; i++)
        free(
            (void *)(uintptr_t)x->values[i].name); /* allocated by take_values, const for readers */
    fy_buf_done(&x->out_headers);
    free(x->query_text);
    free(x->texts);
    pthread_mutex_destroy(&x->mutex);
    free(x);
    /* Safe to touch the server: its closer joins this thread before it goes. */
    if (atomic_fetch_sub(&server->exchange_count, 1) == 1 && atomic_load(&server->draining)) {
        pthread_mutex_lock(&server->mutex);
        pthread_cond_broadcast(&server->calmer);
        pthread_mutex_unlock(&server->mutex);
    }
}

void fy_exchange_completed(void *server, struct MHD_Connection *connection, void **exchange,
                           enum MHD_RequestTerminationCode code)
{
    (void)server;
    (void)connection;
    (void)code;
    struct fy_exchange *x = *exchange;
    if (x == NULL)
        return;
    *exchange = NULL;
    int64_t now_ms = fy_mono_ms(fy_clock_system());
    atomic_store(&x->conn->deadline_ms, now_ms + x->server->idle_ms); /* for the next request */
    atomic_store(&x->conn->served, true);
    atomic_store(&x->conn->waits_since_ms, now_ms);
    if (x->upload.begun && !x->upload.ended) {
        x->upload.ended = true;
        fy_upload_abort(x);
    }
    pthread_mutex_lock(&x->mutex);
    x->gone = true;
    bool last = x->task_count == 0;
    pthread_mutex_unlock(&x->mutex);
    if (last)
        exchange_free(x);
}

/* ------------------------------------------------------------------ hand-overs */

void fy_exchange_task(struct fy_exchange *x, struct fy_pool *pool,
                      void (*run)(struct fy_task *task))
{
    pthread_mutex_lock(&x->mutex);
    x->task_count++;
    pthread_mutex_unlock(&x->mutex);
    x->task.run = run;
    fy_pool_give(pool, &x->task);
}

void fy_exchange_task_end(struct fy_exchange *x)
{
    pthread_mutex_lock(&x->mutex);
    FY_ASSERT(x->task_count > 0);
    x->task_count--;
    bool last = x->gone && x->task_count == 0;
    pthread_mutex_unlock(&x->mutex);
    if (last)
        exchange_free(x);
}

bool fy_server_hold(struct fy_server *server)
{
    pthread_mutex_lock(&server->mutex);
    bool leave = !server->closing;
    server->held_count += leave;
    pthread_mutex_unlock(&server->mutex);
    return leave;
}

void fy_server_release(struct fy_server *server)
{
    pthread_mutex_lock(&server->mutex);
    FY_ASSERT(server->held_count > 0);
    server->held_count--;
    if (server->held_count == 0)
        pthread_cond_broadcast(&server->calmer);
    pthread_mutex_unlock(&server->mutex);
}

void fy_exchange_suspend(struct fy_exchange *x)
{
    pthread_mutex_lock(&x->mutex);
    x->suspended = true;
    MHD_suspend_connection(x->connection);
    pthread_mutex_unlock(&x->mutex);
}

void fy_exchange_resume(struct fy_exchange *x)
{
    struct fy_server *server = x->server;
    struct MHD_Connection *connection = x->connection;
    pthread_mutex_lock(&x->mutex);
    FY_ASSERT(x->suspended);
    x->suspended = false;
    pthread_mutex_unlock(&x->mutex);
    MHD_resume_connection(connection);
    fy_server_release(server); /* only now: resuming touches the daemon to its last line */
}

/* ------------------------------------------------------------------ running handlers */

/* Makes sure that it answers. Any thread. */
static void call_handler(struct fy_exchange *x, void (*handle)(struct fy_exchange *x))
{
    handle(x);
    pthread_mutex_lock(&x->mutex);
    FY_ASSERT(x->promises > 0);
    x->promises--;
    bool forgotten = x->promises == 0 && !x->answered;
    pthread_mutex_unlock(&x->mutex);
    if (forgotten)
        fy_answer_fail(x, FY_EINTERNAL, "the handler of %s gave no answer", x->route->pattern);
}

static void run_handle(struct fy_task *task)
{
    struct fy_exchange *x = FY_CONTAINER_OF(task, struct fy_exchange, task);
    call_handler(x, x->next_handle);
    fy_exchange_task_end(x);
}

static void promise(struct fy_exchange *x)
{
    pthread_mutex_lock(&x->mutex);
    FY_ASSERT(!x->answered);
    x->promises++;
    pthread_mutex_unlock(&x->mutex);
}

void fy_defer(struct fy_exchange *x)
{
    promise(x);
}

static void go_on(struct fy_exchange *x, struct fy_pool *pool,
                  void (*handle)(struct fy_exchange *x))
{
    promise(x);
    x->next_handle = handle;
    fy_exchange_task(x, pool, run_handle);
}

void fy_go_on(struct fy_exchange *x, void (*handle)(struct fy_exchange *x))
{
    go_on(x, x->server->pool, handle);
}

void fy_go_on_in_turn(struct fy_exchange *x, void (*handle)(struct fy_exchange *x))
{
    go_on(x, x->server->turns, handle);
}

/* ------------------------------------------------------------------ phases, connection thread */

static enum MHD_Result queue_answer(struct fy_exchange *x)
{
    FY_ASSERT(x->answered);
    FY_ASSERT(x->response != NULL);
    x->phase = FY_PHASE_ANSWER;
    atomic_store(&x->conn->deadline_ms, 0);
    /* libmicrohttpd takes a reference of its own, and refuses only when it is shutting down. */
    enum MHD_Result result =
        MHD_queue_response(x->connection, (unsigned)x->http_status, x->response);
    MHD_destroy_response(x->response);
    x->response = NULL;
    return result;
}

/* How much of the body is still to come; INT64_MAX when nobody knows. */
static int64_t body_left(const struct fy_exchange *x)
{
    return x->body_promised < 0 ? INT64_MAX : x->body_promised - x->body_seen;
}

/* Answered before the body is in. libmicrohttpd takes an answer before the body or after it: a
 * small rest is read first, and a client that waits for "100 Continue" gets the answer in its
 * place. Any other gets it at once, past the library, and is given time to notice while its bytes
 * are dropped: closing right away would reset the connection and could destroy the answer on its
 * way. */
static enum MHD_Result refuse(struct fy_exchange *x, bool at_head)
{
    fy_body_drop(x);
    if (at_head && fy_request_wants_continue(x))
        return queue_answer(x);
    if (body_left(x) <= FY_BODY_DROP_BYTES_MAX) {
        x->phase = FY_PHASE_DROP;
        return MHD_YES;
    }
    if (!fy_answer_write_early(x))
        return MHD_NO;
    x->phase = FY_PHASE_LINGER;
    x->body_seen = 0;
    atomic_store(&x->conn->deadline_ms, fy_mono_ms(fy_clock_system()) + FY_LINGER_MS);
    return MHD_YES;
}

enum MHD_Result fy_exchange_refuse(struct fy_exchange *x)
{
    return refuse(x, true);
}

/* Bytes of a body that nobody wants. */
static enum MHD_Result drop_body(struct fy_exchange *x, size_t *data_bytes)
{
    x->body_seen += (int64_t)*data_bytes;
    *data_bytes = 0;
    bool over = x->phase == FY_PHASE_LINGER && x->body_seen > FY_LINGER_BYTES_MAX;
    return over ? MHD_NO : MHD_YES;
}

static bool head_is_good(struct fy_exchange *x, const char *method)
{
    struct fy_err err;
    enum fy_code code = fy_request_read(x, method, &err);
    if (code == FY_OK && !fy_route_find(x))
        return false;
    if (code == FY_OK && x->client[0] != '\0' &&
        !fy_exact_client_is_valid(x->client, strlen(x->client)))
        code = fy_err_set(&err, FY_EINPUT,
                          "header x-clonecloudstore-client-id is not 1-%d bytes of UTF-8 without "
                          "control characters",
                          FY_CLIENT_BYTES_MAX);
    if (code == FY_OK && x->route->client_required && x->client[0] == '\0')
        code = fy_err_set(&err, FY_EUNAUTH, "header x-clonecloudstore-client-id is missing");
    if (code == FY_OK && x->conn->surplus && !x->route->vital)
        code = fy_err_set(&err, FY_EBUSY, "all %zu connections are at work",
                          x->server->connections_max);
    if (code != FY_OK)
        fy_answer_error(x, &err);
    return code == FY_OK;
}

static enum MHD_Result on_head(struct fy_exchange *x, const char *method)
{
    atomic_store(&x->conn->waits_since_ms, 0);
    if (!head_is_good(x, method))
        return fy_exchange_refuse(x);
    return fy_body_begin(x);
}

enum MHD_Result fy_exchange_serve(struct fy_exchange *x, bool fast,
                                  void (*handle)(struct fy_exchange *x))
{
    x->phase = FY_PHASE_HANDLE;
    atomic_store(&x->conn->deadline_ms, 0);
    if (!fy_server_hold(x->server))
        return MHD_NO;
    x->promises = 1;
    if (!fast) {
        fy_exchange_suspend(x);
        x->next_handle = handle;
        fy_exchange_task(x, x->server->pool, run_handle);
        return MHD_YES;
    }
    call_handler(x, handle);
    pthread_mutex_lock(&x->mutex);
    bool answered = x->answered;
    if (!answered) {
        x->suspended = true;
        MHD_suspend_connection(x->connection);
    }
    pthread_mutex_unlock(&x->mutex);
    if (!answered)
        return MHD_YES;
    fy_server_release(x->server);
    return queue_answer(x);
}

enum MHD_Result fy_exchange_refuse_rest(struct fy_exchange *x, size_t *data_bytes)
{
    enum MHD_Result result = refuse(x, false);
    return result == MHD_YES ? drop_body(x, data_bytes) : result;
}

static enum MHD_Result on_body(struct fy_exchange *x, const char *data, size_t *data_bytes)
{
    if (*data_bytes == 0)
        return x->answered ? queue_answer(x) : fy_body_end(x);
    return x->answered ? fy_exchange_refuse_rest(x, data_bytes) : fy_body_take(x, data, data_bytes);
}

/*
 * Called by libmicrohttpd: once with the head, for each piece of the body (*data_bytes > 0), once
 * more with all of it, and again for the same step after each resume.
 */
enum MHD_Result fy_exchange_call(void *server, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_bytes, void **exchange)
{
    (void)connection;
    (void)url; /* cut at its first '?': uri has it whole */
    (void)version;
    struct fy_server *self = server;
    struct fy_exchange *x = *exchange;
    FY_ASSERT(x != NULL);

    switch (x->phase) {
    case FY_PHASE_HEAD:
        return atomic_load(&self->closing) ? MHD_NO : on_head(x, method);
    case FY_PHASE_BEGIN:
        x->phase = FY_PHASE_BODY;
        return x->answered ? fy_exchange_refuse(x) : MHD_YES;
    case FY_PHASE_BODY:
        return on_body(x, data, data_bytes);
    case FY_PHASE_DROP:
        return *data_bytes > 0 ? drop_body(x, data_bytes) : queue_answer(x);
    case FY_PHASE_LINGER:
        return *data_bytes > 0 ? drop_body(x, data_bytes) : MHD_NO;
    case FY_PHASE_HANDLE:
    case FY_PHASE_ANSWER:
        break;
    }
    FY_ASSERT(x->phase == FY_PHASE_HANDLE);
    return queue_answer(x);
}

bool fy_run_task(struct fy_exchange *x, struct fy_task *task)
{
    return fy_pool_try(x->server->pool, task);
}
