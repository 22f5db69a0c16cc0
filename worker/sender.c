/* sender.c - one target site: its topic in batches to its POST
 * /replicator/remote/orders[/multiple]. */
/*
 * A batch is tried for ever: 5xx, 429, timeouts and refused connections are the site's trouble and
 * only make its topic grow. 400 and 413 are an order's: the batch is halved until one order is
 * refused alone, which becomes a dead letter (direction=out) while the topic flows on. Offsets are
 * committed after the target's 201; a crash between the two sends the batch again, which is
 * harmless.
 *
 * All that is true of a Ferry. A real CCS site, known by its answers' lack of x-ferry-version, is
 * told by sender_ccs.c. What the site is counts from its last answer: it may be upgraded any time,
 * so a 201 that no Ferry gave is none, no order dies of a 400 that no Ferry gave, and nothing goes
 * to a site before it has said what it is.
 *
 * Whether the site is to be sent to is asked of the catalogue with the batch in hand. What is made
 * after a pause was answered comes into a batch after that, so it stays here, whichever process
 * answered, and however long the manager (senders.c) is at the opening of another site's sender.
 */
#include "worker/sender.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/order_json.h"
#include "common/core/log.h"
#include "common/runtime/pool.h"
#include "worker/deadletter.h"
#include "worker/sender_internal.h"

#define SENDER_PAUSE_MS 200 /* after a first failure, doubled up to ... */
#define SENDER_PAUSE_MS_MAX                                                                        \
    15000 /* ... this: how long a site may be back before its orders flow                          \
           */

/* ---- the sender's thread */

/* Also where the site is now; at another URI there may be another kind of site. */
static bool resting(struct fy_sender *sender)
{
    pthread_mutex_lock(&sender->mutex);
    bool rests = sender->resting;
    if (strcmp(sender->target, sender->uri) != 0)
        sender->is_ferry = false;
    memcpy(sender->target, sender->uri, sizeof(sender->target));
    pthread_mutex_unlock(&sender->mutex);
    return rests;
}

enum fy_code fy_sender_look(struct fy_sender *sender, bool *rests, struct fy_err *err)
{
    struct fy_site_row row = {0};
    enum fy_code code = fy_catalogue_site_get(sender->node->catalogue, sender->site, &row, err);
    if (code != FY_OK && code != FY_ENOTFOUND)
        return code;
    if (code == FY_OK) {
        fy_sender_update(sender, &row);
    } else { /* removed: the manager is about to close us */
        pthread_mutex_lock(&sender->mutex);
        sender->resting = true;
        pthread_mutex_unlock(&sender->mutex);
    }
    *rests = resting(sender);
    return FY_OK;
}

/* Orders first to first+count of the batch as one request. */
static enum fy_code post(struct fy_sender *sender, size_t first, size_t count, struct fy_err *err)
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
    return fy_sender_post(sender, err);
}

enum fy_code fy_sender_bury(struct fy_sender *sender, size_t i, const struct fy_failure *failure,
                            struct fy_err *err)
{
    const struct fy_batch_record *record = &sender->batch.records[i];
    struct fy_order order = {0};
    char topic[FY_TOPIC_BYTES_MAX + 1];
    fy_topic_of_site(sender->site, topic);
    enum fy_code code =
        fy_order_json_parse(fy_batch_value(&sender->batch, i), record->value_bytes, &order, NULL);
    struct fy_dead_letter letter = {
        .direction = FY_OUT,
        .reason = failure->reason,
        .order = code == FY_OK ? &order : NULL,
        .key = fy_batch_key(&sender->batch, i),
        .key_bytes = record->key_bytes,
        .value = fy_batch_value(&sender->batch, i),
        .value_bytes = record->value_bytes,
        .topic = topic,
        .partition = record->partition,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .http_status = failure->http_status,
        .detail = failure->detail,
    };
    return fy_dead_letter_write(sender->node, &letter, err);
}

/* The whole of a range is safe at the target, or buried, when this returns FY_OK. Orders keep their
 * order: the first half of a refused range goes before the second. */
static enum fy_code deliver(struct fy_sender *sender, size_t first, size_t count,
                            struct fy_err *err)
{
    enum fy_code code = post(sender, first, count, err);
    if (code != FY_OK)
        return code;
    const struct fy_sender_answer *answer = &sender->answer;
    int status = answer->http_status;
    /* Anything else good, or a 201 that is not a Ferry's, is said by a CCS site or by something
     * that is no site (a proxy's page, another program at that port): the orders are not safe. */
    if (status == 201 && answer->ferry) {
        fy_metric_add(&sender->node->metrics, FY_M_SENT, (int64_t)count);
        return FY_OK;
    }
    /* Whose 400 it is matters once an order stands alone: a proxy's bound on bodies is met by
     * halving. */
    bool refused = (status == 400 || status == 413) && (answer->ferry || count > 1);
    if (!refused)
        return fy_err_set(err, FY_EPEER, "site '%s' answered %d%s: %s", sender->site, status,
                          answer->ferry ? "" : ", not as a Ferry", answer->error);
    if (count == 1) {
        struct fy_failure failure = {0};
        fy_failure_set(&failure, FY_BAD_ORDER, "site '%s' refused it with %d: %.200s", sender->site,
                       status, answer->error);
        failure.http_status = status;
        return fy_sender_bury(sender, first, &failure, err);
    }
    code = deliver(sender, first, count / 2, err);
    if (code != FY_OK)
        return code;
    return deliver(sender, first + count / 2, count - count / 2, err);
}

/* Whether the topology says something else than this turn went by. */
static bool has_changed(struct fy_sender *sender)
{
    pthread_mutex_lock(&sender->mutex);
    bool changed = sender->resting || strcmp(sender->target, sender->uri) != 0;
    pthread_mutex_unlock(&sender->mutex);
    return changed;
}

/* A change of the topology ends a pause early: the site may be elsewhere now. So does the loss of
 * the batch, when there was one: another may be sent at once. A ring alone does not: the failed
 * call may have left one. */
static void pause_after_failure(struct fy_sender *sender)
{
    uint32_t doublings = sender->failures < 8 ? sender->failures : 8;
    int64_t pause_ms = (int64_t)SENDER_PAUSE_MS << doublings;
    if (sender->answer.retry_after_s * 1000 > pause_ms)
        pause_ms = sender->answer.retry_after_s * 1000;
    if (pause_ms > SENDER_PAUSE_MS_MAX)
        pause_ms = SENDER_PAUSE_MS_MAX;
    int64_t until_ms = fy_mono_ms(sender->node->clock) + pause_ms;
    struct fy_err err = {0};
    bool had_batch = sender->batch.count > 0;
    while (!atomic_load(&sender->stopping) && (sender->batch.count > 0 || !had_batch) &&
           !has_changed(sender)) {
        int64_t left_ms = until_ms - fy_mono_ms(sender->node->clock);
        if (left_ms <= 0)
            break;
        (void)fy_bell_wait(&sender->bell, -1,
                           left_ms < SENDER_IDLE_MS ? (int)left_ms : SENDER_IDLE_MS);
        if (fy_batch_idle(&sender->batch, &err) != FY_OK)
            continue; /* it shows again at the next take */
    }
}

static enum fy_code send_batch(struct fy_sender *sender, struct fy_err *err)
{
    enum fy_code code = sender->is_ferry ? FY_OK : fy_sender_probe(sender, err);
    if (code != FY_OK)
        return code;
    if (!sender->is_ferry)
        return fy_sender_ccs(sender, err);
    code = deliver(sender, 0, sender->batch.count, err);
    return code == FY_OK ? fy_batch_commit(&sender->batch, err) : code;
}

void fy_sender_note(struct fy_sender *sender, enum fy_code code, const struct fy_err *err)
{
    bool up = code == FY_OK;
    bool was_up = atomic_exchange(&sender->up, up);
    if (was_up != up && !atomic_load(&sender->stopping))
        fy_log(NULL, up ? FY_INFO : FY_WARN, up ? "site.flows" : "site.stuck",
               fy_kv_str("site", sender->site), fy_kv_err(err));
}

/* One batch, held by the last turn or taken now; what waits for the site goes before a new one.
 * *got: there was something. A site that turns out to rest leaves it held. */
static enum fy_code turn(struct fy_sender *sender, bool held, bool *got, struct fy_err *err)
{
    bool rests = false;
    enum fy_code code = held ? fy_batch_idle(&sender->batch, err) : fy_sender_due(sender, err);
    if (code == FY_OK && !held)
        code = fy_batch_take(&sender->batch, err);
    *got = sender->batch.count > 0;
    if (code == FY_OK && *got)
        code = fy_sender_look(sender, &rests, err);
    if (code == FY_OK && *got && !rests) {
        code = send_batch(sender, err);
        fy_sender_note(sender, code, err);
    }
    return code;
}

static void *sender_main(void *arg)
{
    struct fy_sender *sender = arg;
    while (!atomic_load(&sender->stopping)) {
        struct fy_err err = {0};
        bool got = false;
        bool rests = resting(sender);
        bool held = sender->batch.count > 0; /* a commit empties it, and so does its loss */
        enum fy_code code =
            rests ? fy_batch_idle(&sender->batch, &err) : turn(sender, held, &got, &err);
        if (rests) {
            (void)fy_bell_wait(&sender->bell, -1, SENDER_IDLE_MS);
            continue;
        }
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
    fy_gate_init(&self->gate, fy_mono_ms(node->clock));
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
