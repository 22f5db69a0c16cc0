/* sender.c - one target site: its topic in batches to its POST
 * /replicator/remote/orders[/multiple]. */
/*
 * A batch is tried for ever: 5xx, 429, timeouts and refused connections are the site's trouble and
 * only make its topic grow. 400 and 413 are an order's: the batch is halved until one order is
 * refused alone, which becomes a dead letter (direction=out) while the topic flows on. Offsets are
 * committed after the target's 201; a crash between the two sends the batch again, which is
 * harmless.
 */
#include "worker/sender.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/order_json.h"
#include "common/core/log.h"
#include "common/runtime/pool.h"
#include "worker/batch.h"
#include "worker/deadletter.h"

#define SENDER_IDLE_MS  500
#define SENDER_PAUSE_MS 200 /* after a first failure, doubled up to ... */
#define SENDER_PAUSE_MS_MAX                                                                        \
    15000 /* ... this: how long a site may be back before its orders flow                          \
           */

struct fy_sender {
    struct fy_node *node;
    char site[FY_SITE_BYTES_MAX + 1];
    pthread_t thread;
    struct fy_bell bell; /* a call ended, the topology changed, or stop */
    _Atomic bool stopping;
    _Atomic bool up;

    pthread_mutex_t mutex; /* guards the next two, and the end of a call */
    char uri[FY_URI_BYTES_MAX + 1];
    bool resting; /* paused or DOWN */

    /* Sender thread only. */
    struct fy_batch batch;
    struct fy_buf body;
    uint32_t failures; /* in a row */

    /* One call at a time: the loop thread writes, then sets call_done and rings. */
    struct fy_peer_call call;
    _Atomic bool call_done;
    int http_status;
    int64_t retry_after_s;
    enum fy_code call_code;
    struct fy_err call_err;
    char call_error[FY_ERR_TEXT_BYTES]; /* the target's own words */
};

/* ---- one call. Called on the peer's loop thread. */

static bool on_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct fy_sender *sender = call->arg;
    sender->http_status = head->http_status;
    sender->retry_after_s = head->retry_after_s;
    (void)snprintf(sender->call_error, sizeof(sender->call_error), "%s", head->error);
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

/* ---- the sender's thread */

static bool resting(struct fy_sender *sender, char *uri)
{
    pthread_mutex_lock(&sender->mutex);
    bool rests = sender->resting;
    memcpy(uri, sender->uri, sizeof(sender->uri));
    pthread_mutex_unlock(&sender->mutex);
    return rests;
}

/* Orders first to first+count of the batch as one request; waits for its answer, serving the
 * consumer meanwhile. FY_OK: http_status is set. FY_ECANCELLED: we stop. */
static enum fy_code post(struct fy_sender *sender, size_t first, size_t count, const char *uri,
                         struct fy_err *err)
{
    fy_buf_clear(&sender->body);
    if (count > 1)
        fy_buf_text(&sender->body, "[");
    for (size_t i = first; i < first + count; i++) {
        if (i > first)
            fy_buf_text(&sender->body, ",");
        fy_buf_add(&sender->body, fy_batch_value(&sender->batch, i),
                   sender->batch.records[i].value_bytes);
    }
    if (count > 1)
        fy_buf_text(&sender->body, "]");
    FY_ASSERT(!sender->body.overflow);

    sender->call = (struct fy_peer_call){.verb = FY_PEER_ORDERS,
                                         .body = sender->body.bytes,
                                         .body_bytes = sender->body.size_bytes,
                                         .deadline_ms = sender->node->config->sender_timeout_ms,
                                         .on_head = on_head,
                                         .on_done = on_done,
                                         .arg = sender};
    FY_ASSERT(fy_text_copy(sender->call.site, sizeof(sender->call.site), sender->site));
    FY_ASSERT(fy_text_copy(sender->call.uri, sizeof(sender->call.uri), uri));
    sender->http_status = 0;
    sender->retry_after_s = 0;
    sender->call_err = (struct fy_err){0};
    atomic_store(&sender->call_done, false);
    fy_peer_start(sender->node->peer, &sender->call);
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
    if (sender->call_code != FY_OK)
        *err = sender->call_err;
    return sender->call_code;
}

static enum fy_code bury(struct fy_sender *sender, size_t i, enum fy_reason reason,
                         const char *detail, struct fy_err *err)
{
    const struct fy_batch_record *record = &sender->batch.records[i];
    struct fy_order order = {0};
    char topic[FY_TOPIC_BYTES_MAX + 1];
    fy_topic_of_site(sender->site, topic);
    enum fy_code code =
        fy_order_json_parse(fy_batch_value(&sender->batch, i), record->value_bytes, &order, NULL);
    struct fy_dead_letter letter = {
        .direction = FY_OUT,
        .reason = reason,
        .order = code == FY_OK ? &order : NULL,
        .key = fy_batch_key(&sender->batch, i),
        .key_bytes = record->key_bytes,
        .value = fy_batch_value(&sender->batch, i),
        .value_bytes = record->value_bytes,
        .topic = topic,
        .partition = record->partition,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .http_status = sender->http_status,
        .detail = detail,
    };
    return fy_dead_letter_write(sender->node, &letter, err);
}

/* The whole of a range is safe at the target, or buried, when this returns FY_OK. Orders keep their
 * order: the first half of a refused range goes before the second. */
static enum fy_code deliver(struct fy_sender *sender, size_t first, size_t count, const char *uri,
                            struct fy_err *err)
{
    enum fy_code code = post(sender, first, count, uri, err);
    if (code != FY_OK)
        return code;
    int status = sender->http_status;
    /* Both kinds of site say 201. Anything else good is said by something that is no site (a
     * proxy's page, another program at that port), which has not taken the orders. */
    if (status == 201) {
        fy_metric_add(&sender->node->metrics, FY_M_SENT, (int64_t)count);
        return FY_OK;
    }
    if (status != 400 && status != 413)
        return fy_err_set(err, FY_EPEER, "site '%s' answered %d: %s", sender->site, status,
                          sender->call_error);
    if (count == 1) {
        char detail[FY_ERR_TEXT_BYTES];
        (void)snprintf(detail, sizeof(detail), "site '%s' refused it with %d: %.200s", sender->site,
                       status, sender->call_error);
        return bury(sender, first, FY_BAD_ORDER, detail, err);
    }
    code = deliver(sender, first, count / 2, uri, err);
    if (code != FY_OK)
        return code;
    return deliver(sender, first + count / 2, count - count / 2, uri, err);
}

/* Rings of the bell end a pause early: the topology changed, so the site may be elsewhere now. So
 * does the loss of the batch, when there was one: another may be sent at once. */
static void pause_after_failure(struct fy_sender *sender)
{
    uint32_t doublings = sender->failures < 8 ? sender->failures : 8;
    int64_t pause_ms = (int64_t)SENDER_PAUSE_MS << doublings;
    if (sender->retry_after_s * 1000 > pause_ms)
        pause_ms = sender->retry_after_s * 1000;
    if (pause_ms > SENDER_PAUSE_MS_MAX)
        pause_ms = SENDER_PAUSE_MS_MAX;
    int64_t until_ms = fy_mono_ms(sender->node->clock) + pause_ms;
    struct fy_err err = {0};
    bool had_batch = sender->batch.count > 0;
    while (!atomic_load(&sender->stopping) && (sender->batch.count > 0 || !had_batch)) {
        int64_t left_ms = until_ms - fy_mono_ms(sender->node->clock);
        if (left_ms <= 0)
            break;
        if (fy_bell_wait(&sender->bell, -1,
                         left_ms < SENDER_IDLE_MS ? (int)left_ms : SENDER_IDLE_MS))
            break;
        if (fy_batch_idle(&sender->batch, &err) != FY_OK)
            continue; /* it shows again at the next take */
    }
}

static enum fy_code send_batch(struct fy_sender *sender, const char *uri, struct fy_err *err)
{
    enum fy_code code = deliver(sender, 0, sender->batch.count, uri, err);
    if (code == FY_OK)
        code = fy_batch_commit(&sender->batch, err);
    bool was_up = atomic_exchange(&sender->up, code == FY_OK);
    if (was_up != (code == FY_OK) && !atomic_load(&sender->stopping))
        fy_log(NULL, code == FY_OK ? FY_INFO : FY_WARN, code == FY_OK ? "site.flows" : "site.stuck",
               fy_kv_str("site", sender->site), fy_kv_err(err));
    return code;
}

static void *sender_main(void *arg)
{
    struct fy_sender *sender = arg;
    bool held = false;
    while (!atomic_load(&sender->stopping)) {
        struct fy_err err = {0};
        char uri[FY_URI_BYTES_MAX + 1];
        bool rests = resting(sender, uri);
        enum fy_code code = held || rests ? fy_batch_idle(&sender->batch, &err)
                                          : fy_batch_take(&sender->batch, &err);
        if (rests) {
            held = sender->batch.count > 0;
            (void)fy_bell_wait(&sender->bell, -1, SENDER_IDLE_MS);
            continue;
        }
        bool got = sender->batch.count > 0;
        if (code == FY_OK && got)
            code = send_batch(sender, uri, &err);
        held = code != FY_OK && sender->batch.count > 0;
        if (code != FY_OK) {
            fy_metric_add(&sender->node->metrics, FY_M_SEND_RETRIES, 1);
            pause_after_failure(sender);
            sender->failures++;
            continue;
        }
        sender->failures = 0;
        if (!got)
            (void)fy_bell_wait(&sender->bell,
                               fy_consumer_fd(sender->node->queue, sender->batch.consumer),
                               SENDER_IDLE_MS);
    }
    return NULL;
}

/* ---- life */

enum fy_code fy_sender_open(struct fy_node *node, const struct fy_site_row *site,
                            struct fy_sender **sender, struct fy_err *err)
{
    char topic[FY_TOPIC_BYTES_MAX + 1];
    fy_topic_of_site(site->id, topic);
    struct fy_sender *self = fy_alloc(sizeof(*self));
    self->node = node;
    FY_ASSERT(fy_text_copy(self->site, sizeof(self->site), site->id));
    atomic_store(&self->up, true);
    pthread_mutex_init(&self->mutex, NULL);
    fy_buf_init(&self->body, FY_BATCH_BYTES + 2 * FY_ORDER_JSON_BYTES + FY_BATCH_ORDERS + 2);
    fy_sender_update(self, site);
    self->bell.event_fd = -1;
    enum fy_code code = fy_queue_topic_ensure(node->queue, topic, err);
    if (code == FY_OK)
        code = fy_bell_init(&self->bell, err);
    if (code == FY_OK)
        code = fy_batch_open(&self->batch, node->queue, FY_GROUP_SENDER, topic, FY_BATCH_ORDERS,
                             FY_BATCH_BYTES, err);
    if (code == FY_OK) {
        code = fy_thread_start(&self->thread, "sender", sender_main, self, err);
        if (code != FY_OK)
            fy_batch_close(&self->batch);
    }
    if (code != FY_OK) {
        fy_bell_done(&self->bell);
        fy_buf_done(&self->body);
        pthread_mutex_destroy(&self->mutex);
        free(self);
        return fy_err_add(err, "sender of site '%s'", site->id);
    }
    *sender = self;
    return FY_OK;
}

void fy_sender_update(struct fy_sender *sender, const struct fy_site_row *site)
{
    bool rests = site->paused || site->status != FY_SITE_UP;
    pthread_mutex_lock(&sender->mutex);
    bool changed = sender->resting != rests || strcmp(sender->uri, site->uri) != 0;
    sender->resting = rests;
    memcpy(sender->uri, site->uri, sizeof(sender->uri));
    pthread_mutex_unlock(&sender->mutex);
    if (changed && sender->bell.event_fd > 0)
        fy_bell_ring(&sender->bell);
}

const char *fy_sender_site(const struct fy_sender *sender)
{
    return sender->site;
}

bool fy_sender_up(struct fy_sender *sender)
{
    return atomic_load(&sender->up);
}

void fy_sender_stop(struct fy_sender *sender)
{
    atomic_store(&sender->stopping, true);
    fy_bell_ring(&sender->bell);
}

void fy_sender_close(struct fy_sender *sender)
{
    fy_sender_stop(sender);
    pthread_join(sender->thread, NULL);
    fy_batch_close(&sender->batch);
    fy_bell_done(&sender->bell);
    fy_buf_done(&sender->body);
    pthread_mutex_destroy(&sender->mutex);
    free(sender);
}
