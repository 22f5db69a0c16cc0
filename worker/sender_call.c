/* sender_call.c - one call at a time from a sender to its site, made and waited for. */
#include <stdio.h>
#include <string.h>

#include "worker/sender_internal.h"

#define PROBE_NAME "ferry" /* of client and bucket: good CCS names, and nobody need have them */

/* ---- Called on the peer's loop thread. */

static bool on_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct fy_sender *sender = call->arg;
    struct fy_sender_answer *answer = &sender->answer;
    answer->http_status = head->http_status;
    answer->ferry = head->ferry;
    answer->retry_after_s = head->retry_after_s;
    answer->size = head->size;
    /* Longer texts are cut: a type that long is none, a hash that long is no digest. */
    (void)snprintf(answer->type, sizeof(answer->type), "%s", head->type);
    (void)snprintf(answer->hash, sizeof(answer->hash), "%s", head->facts.hash);
    (void)snprintf(answer->error, sizeof(answer->error), "%s", head->error);
    return true;
}

static void on_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                    const struct fy_err *err)
{
    (void)reason;
    struct fy_sender *sender = call->arg;
    sender->call_code = code;
    if (err != NULL)
        sender->call_err = *err;
    /* Mutex held: the waiter takes it once more before it goes, and the bell with it. */
    pthread_mutex_lock(&sender->mutex);
    atomic_store(&sender->call_done, true);
    fy_bell_ring(&sender->bell);
    pthread_mutex_unlock(&sender->mutex);
}

/* ---- Called on the sender's thread. */

static void await(struct fy_sender *sender)
{
    bool cancelled = false;
    while (!atomic_load(&sender->call_done)) {
        (void)fy_bell_wait(&sender->bell, -1, SENDER_IDLE_MS);
        if (atomic_load(&sender->stopping) && !cancelled && !atomic_load(&sender->call_done)) {
            fy_peer_cancel(sender->node->peer, &sender->call);
            cancelled = true;
        }
    }
    pthread_mutex_lock(&sender->mutex); /* the loop's thread has let go of us */
    pthread_mutex_unlock(&sender->mutex);
}

/* sender->call is filled but for what is the same in all. */
static enum fy_code run(struct fy_sender *sender, struct fy_err *err)
{
    struct fy_peer_call *call = &sender->call;
    call->on_head = on_head;
    call->on_done = on_done;
    call->arg = sender;
    fy_peer_call_to(call, sender->site, sender->target);
    sender->answer = (struct fy_sender_answer){.size = -1};
    sender->call_err = (struct fy_err){0};
    atomic_store(&sender->call_done, false);
    fy_peer_start(sender->node->peer, call);
    await(sender);
    sender->is_ferry = sender->call_code == FY_OK && sender->answer.ferry;
    if (sender->call_code != FY_OK)
        *err = sender->call_err;
    return sender->call_code;
}

enum fy_code fy_sender_post(struct fy_sender *sender, struct fy_err *err)
{
    FY_ASSERT(!sender->body.overflow);
    sender->call = (struct fy_peer_call){.verb = FY_PEER_ORDERS,
                                         .body = sender->body.bytes,
                                         .body_bytes = sender->body.size_bytes,
                                         .deadline_ms = sender->node->config->sender_timeout_ms};
    return run(sender, err);
}

enum fy_code fy_sender_ask(struct fy_sender *sender, enum fy_peer_verb verb,
                           const struct fy_order *about, struct fy_err *err)
{
    struct fy_peer_call *call = &sender->call;
    *call =
        (struct fy_peer_call){.verb = verb, .full_check = true, .deadline_ms = FY_SMALL_CALL_MS};
    memcpy(call->client, about->client, sizeof(call->client));
    memcpy(call->bucket, about->bucket, sizeof(call->bucket));
    memcpy(call->object, about->object, sizeof(call->object));
    return run(sender, err);
}

enum fy_code fy_sender_probe(struct fy_sender *sender, struct fy_err *err)
{
    struct fy_order about = {.client = PROBE_NAME, .bucket = PROBE_NAME};
    enum fy_code code = fy_sender_ask(sender, FY_PEER_CHECK, &about, err);
    if (code != FY_OK || sender->is_ferry)
        return code;
    const struct fy_sender_answer *answer = &sender->answer;
    bool answers_head = answer->http_status / 100 == 2 || answer->http_status == 404;
    if (answers_head && answer->type[0] != '\0')
        return FY_OK;
    return fy_err_set(err, FY_EPEER, "site '%s' answered %d as neither Ferry nor CCS: %s",
                      sender->site, answer->http_status, answer->error);
}
