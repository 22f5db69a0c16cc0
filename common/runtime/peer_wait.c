/* peer_wait.c - a call to a peer made and waited for, for threads that may block. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/buf.h"
#include "common/ports/peer.h"

#define HELLO_BYTES 4096

/* Loop thread until over, then the waiter's. */
struct waited {
    struct fy_peer_answer answer;
    struct fy_buf body;
    size_t body_max;
    bool too_big;
    enum fy_code code;
    enum fy_reason reason;
    struct fy_err err;

    pthread_mutex_t mutex;
    pthread_cond_t over_cond;
    bool over; /* mutex held */
};

/* Called on the loop thread. */
static bool on_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct waited *waited = call->arg;
    struct fy_peer_answer *answer = &waited->answer;
    answer->http_status = head->http_status;
    answer->ferry = head->ferry;
    answer->head = *head;
    answer->head.id = answer->head.site = answer->head.bucket = answer->head.name = "";
    answer->head.type = answer->head.target = answer->head.error = "";
    answer->head.content_type = "";
    (void)snprintf(answer->type, sizeof answer->type, "%s",
                   head->type); /* a longer one is no type */
    (void)snprintf(answer->error, sizeof answer->error, "%s", head->error);
    return true;
}

/* Called on the loop thread. */
static enum fy_peer_flow on_data(struct fy_peer_call *call, const void *bytes, size_t size_bytes)
{
    struct waited *waited = call->arg;
    if (waited->body_max == 0)
        return FY_PEER_TAKEN; /* only the head is of interest */
    fy_buf_add(&waited->body, bytes, size_bytes);
    waited->too_big = waited->body.overflow;
    return waited->too_big ? FY_PEER_STOP : FY_PEER_TAKEN;
}

/* Called on the loop thread, which does not touch the call after it. */
static void on_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                    const struct fy_err *err)
{
    struct waited *waited = call->arg;
    waited->code = code;
    waited->reason = reason;
    if (err != NULL)
        waited->err = *err;
    pthread_mutex_lock(&waited->mutex);
    waited->over = true;
    pthread_cond_signal(&waited->over_cond); /* mutex held: the waiter frees it all next */
    pthread_mutex_unlock(&waited->mutex);
}

static void wait_until_over(struct waited *waited)
{
    pthread_mutex_lock(&waited->mutex);
    while (!waited->over)
        FY_ASSERT(pthread_cond_wait(&waited->over_cond, &waited->mutex) == 0);
    pthread_mutex_unlock(&waited->mutex);
    pthread_cond_destroy(&waited->over_cond);
    pthread_mutex_destroy(&waited->mutex);
}

enum fy_code fy_peer_wait(struct fy_peer *self, struct fy_peer_call *call, size_t body_max,
                          struct fy_peer_answer *answer, enum fy_reason *reason, struct fy_err *err)
{
    struct waited *waited = fy_alloc(sizeof *waited); /* some KiB, and pool stacks are small */
    waited->body_max = body_max;
    fy_buf_init(&waited->body, body_max > 0 ? body_max : 1);
    FY_ASSERT(pthread_mutex_init(&waited->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&waited->over_cond, NULL) == 0);
    call->on_head = on_head;
    call->on_data = on_data;
    call->on_done = on_done;
    call->arg = waited;
    fy_peer_start(self, call);
    wait_until_over(waited);

    enum fy_code code = waited->code;
    *reason = waited->reason;
    if (waited->too_big) {
        *reason = FY_SRC_REFUSED;
        code = fy_err_set(err, FY_ETOOBIG, "the answer has over %zu bytes", body_max);
    } else if (code != FY_OK && err != NULL) {
        *err = waited->err;
    }
    if (code == FY_OK) {
        *answer = waited->answer;
        if (waited->body.size_bytes > 0)
            answer->body = fy_buf_take(&waited->body, &answer->body_bytes);
    }
    fy_buf_done(&waited->body);
    free(waited);
    return code;
}

enum fy_code fy_peer_hello(struct fy_peer *self, const char *site, const char *uri,
                           int64_t deadline_ms, struct fy_peer_head *head, struct fy_err *err)
{
    struct fy_peer_call *call = fy_alloc(sizeof *call); /* some KiB, as above */
    struct fy_peer_answer answer = {0};
    enum fy_reason reason = FY_REASON_NONE;
    *call = (struct fy_peer_call){.verb = FY_PEER_HELLO, .deadline_ms = deadline_ms};
    fy_peer_call_to(call, site, uri);
    enum fy_code code = fy_peer_wait(self, call, HELLO_BYTES, &answer, &reason, err);
    if (code == FY_OK)
        *head = answer.head;
    free(answer.body);
    free(call);
    return code;
}
