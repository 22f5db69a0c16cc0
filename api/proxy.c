/* proxy.c - a pull on one side, a streamed answer on the other, a small buffer between them. */
/*
 * The peer's loop thread fills the buffer and is paused when it is full; the connection thread
 * empties it and waits when it is empty. Both sides hold the proxy; the last to let go frees it.
 */
#include "api/proxy.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct proxy {
    struct fy_peer_call call;
    struct fy_exchange *x; /* valid until the answer's side lets go */
    struct fy_node *node;

    /* Peer thread only. */
    bool answered; /* the head has come and fy_answer_* was called */

    pthread_mutex_t mutex; /* guards all below */
    char *bytes;           /* FY_PROXY_BYTES_MAX */
    size_t begin, end;     /* what is in it */
    bool paused;           /* the call waits for room */
    bool call_done;
    bool failed;      /* ended before its clean end */
    bool answer_done; /* the client's side has let go */
    unsigned held;    /* by the two sides */
};

static void proxy_free(struct proxy *proxy)
{
    pthread_mutex_destroy(&proxy->mutex);
    free(proxy->bytes);
    free(proxy);
}

/* Mutex held; gives it back. */
static void let_go(struct proxy *proxy)
{
    bool last = --proxy->held == 0;
    pthread_mutex_unlock(&proxy->mutex);
    if (last)
        proxy_free(proxy);
}

/* ---- the client's side */

static ssize_t answer_read(void *state, char *bytes, size_t capacity)
{
    struct proxy *proxy = state;
    ssize_t result;
    pthread_mutex_lock(&proxy->mutex);
    size_t size_bytes = proxy->end - proxy->begin;
    if (size_bytes > 0) {
        if (size_bytes > capacity)
            size_bytes = capacity;
        memcpy(bytes, proxy->bytes + proxy->begin, size_bytes);
        proxy->begin += size_bytes;
        if (proxy->begin == proxy->end)
            proxy->begin = proxy->end = 0;
        result = (ssize_t)size_bytes;
    } else if (proxy->call_done) {
        result = proxy->failed ? FY_STREAM_FAIL : 0;
    } else {
        result = FY_STREAM_WAIT;
    }
    bool resume = proxy->paused && proxy->end == 0 && !proxy->call_done;
    if (resume) {
        proxy->paused = false;
        fy_peer_resume(proxy->node->peer, &proxy->call);
    }
    pthread_mutex_unlock(&proxy->mutex);
    return result;
}

static void answer_drop(void *state)
{
    struct proxy *proxy = state;
    pthread_mutex_lock(&proxy->mutex);
    proxy->answer_done = true;
    if (!proxy->call_done)
        fy_peer_cancel(proxy->node->peer, &proxy->call);
    let_go(proxy);
}

/* ---- the site's side. Called on the peer's loop thread. */

static void pass_headers(struct fy_exchange *x, const char *site, const struct fy_peer_head *head)
{
    char text[32];
    const char *const names[] = {"x-clonecloudstore-id", "x-clonecloudstore-site",
                                 "x-clonecloudstore-bucket", "x-clonecloudstore-name"};
    const char *const values[] = {head->id, head->site, head->bucket, head->name};
    for (size_t i = 0; i < FY_COUNT_OF(names); i++)
        if (values[i] != NULL && values[i][0] != '\0')
            fy_answer_header(x, names[i], values[i]);
    if (head->size >= 0) {
        (void)snprintf(text, sizeof(text), "%lld", (long long)head->size);
        fy_answer_header(x, "x-clonecloudstore-size", text);
    }
    if (head->facts.hash[0] != '\0')
        fy_answer_header(x, "x-clonecloudstore-hash", head->facts.hash);
    fy_answer_header(x, "x-clonecloudstore-status", fy_status_name(head->status));
    if (head->facts.creation_ms != 0) {
        fy_instant_print(head->facts.creation_ms, text);
        fy_answer_header(x, "x-clonecloudstore-creation", text);
    }
    if (head->facts.expires_ms != 0) {
        fy_instant_print(head->facts.expires_ms, text);
        fy_answer_header(x, "x-clonecloudstore-expires", text);
    }
    if (head->facts.metadata[0] != '\0' && strcmp(head->facts.metadata, "{}") != 0)
        fy_answer_header(x, "x-clonecloudstore-metadata", head->facts.metadata);
    fy_answer_header(x, "x-clonecloudstore-target-id", site);
}

static bool on_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct proxy *proxy = call->arg;
    struct fy_exchange *x = proxy->x;
    proxy->answered = true;
    if (head->http_status == 200 || head->http_status == 206) {
        if (head->has_facts)
            pass_headers(x, call->site, head);
        pthread_mutex_lock(&proxy->mutex);
        proxy->held++; /* the answer's side */
        pthread_mutex_unlock(&proxy->mutex);
        fy_answer_stream(x, 200, "application/octet-stream", fy_accepts_zstd(x), answer_read, proxy,
                         answer_drop);
        return true;
    }
    fy_answer_header(x, "x-clonecloudstore-target-id", call->site);
    fy_answer_header(x, "x-clonecloudstore-error",
                     head->error[0] != '\0' ? head->error : "REPLICATOR - the remote site refused");
    fy_answer_empty(x, head->http_status >= 400 ? head->http_status : 500);
    return false;
}

static enum fy_peer_flow on_data(struct fy_peer_call *call, const void *bytes, size_t size_bytes)
{
    struct proxy *proxy = call->arg;
    enum fy_peer_flow flow = FY_PEER_TAKEN;
    bool wake = false;
    pthread_mutex_lock(&proxy->mutex);
    if (proxy->answer_done || size_bytes > FY_PROXY_BYTES_MAX) {
        flow = FY_PEER_STOP;
    } else if (proxy->end + size_bytes > FY_PROXY_BYTES_MAX) {
        proxy->paused = true;
        flow = FY_PEER_PAUSE;
    } else {
        memcpy(proxy->bytes + proxy->end, bytes, size_bytes);
        proxy->end += size_bytes;
        wake = true;
    }
    /* With the mutex held: the exchange lives as long as its side has not let go. */
    if (wake)
        fy_stream_wake(proxy->x);
    pthread_mutex_unlock(&proxy->mutex);
    return flow;
}

static void on_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                    const struct fy_err *err)
{
    (void)reason;
    struct proxy *proxy = call->arg;
    if (!proxy->answered)
        fy_answer_fail(proxy->x, FY_EINTERNAL, "%s", err != NULL ? err->text : "the site is away");
    pthread_mutex_lock(&proxy->mutex);
    proxy->call_done = true;
    proxy->failed = code != FY_OK;
    if (proxy->held > 1) /* the answer's side is there */
        fy_stream_wake(proxy->x);
    let_go(proxy);
}

void fy_proxy_object(struct fy_exchange *x, const struct fy_site_row *site,
                     const struct fy_object_key *key)
{
    struct proxy *proxy = fy_alloc(sizeof(*proxy));
    proxy->x = x;
    proxy->node = fy_node_of(x);
    proxy->held = 1;
    proxy->bytes = fy_alloc(FY_PROXY_BYTES_MAX);
    pthread_mutex_init(&proxy->mutex, NULL);
    proxy->call = (struct fy_peer_call){.verb = FY_PEER_PULL,
                                        .on_head = on_head,
                                        .on_data = on_data,
                                        .on_done = on_done,
                                        .arg = proxy};
    fy_peer_call_to(&proxy->call, site->id, site->uri);
    FY_ASSERT(fy_text_copy(proxy->call.client, sizeof(proxy->call.client), fy_client(x)));
    FY_ASSERT(fy_text_copy(proxy->call.op_id, sizeof(proxy->call.op_id), fy_op_id(x)));
    FY_ASSERT(fy_text_copy(proxy->call.bucket, sizeof(proxy->call.bucket), key->bucket));
    FY_ASSERT(fy_text_copy(proxy->call.object, sizeof(proxy->call.object), key->object));
    fy_defer(x);
    fy_peer_start(proxy->node->peer, &proxy->call);
}
