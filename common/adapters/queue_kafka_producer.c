/* queue_kafka_producer.c - the producer's life: one thread takes the reports, and makes a new
 * handle when the library gives the old one up. */
#include "common/adapters/queue_kafka_impl.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "common/runtime/pool.h"

#define REPORTS_POLL_MS 100 /* longest until a retired handle or a stop is looked at */
#define CLOSE_SPARE_MS                                                                             \
    2000 /* above message.timeout.ms, after which every record has its report                      \
          */

static void producer_free(struct fy_kq_producer *producer)
{
    if (producer == NULL)
        return;
    for (size_t i = 0; i < FY_QUEUE_TOPICS_MAX; i++)
        if (producer->topics[i] != NULL)
            rd_kafka_topic_destroy(producer->topics[i]);
    if (producer->events != NULL)
        rd_kafka_queue_destroy(producer->events);
    if (producer->rk != NULL)
        rd_kafka_destroy(producer->rk);
    free(producer);
}

static enum fy_code add_topic(struct fy_kafka *self, struct fy_kq_producer *producer, size_t index,
                              struct fy_err *err)
{
    char full[FY_TOPIC_BYTES_MAX + 1];
    fy_kq_name(self, self->topics[index]->name, full);
    if (producer->topics[index] == NULL)
        producer->topics[index] = rd_kafka_topic_new(producer->rk, full, NULL);
    if (producer->topics[index] == NULL)
        return fy_kq_failed(err, rd_kafka_last_error(), NULL, full);
    return FY_OK;
}

static enum fy_code producer_new(struct fy_kafka *self, struct fy_kq_producer **producer,
                                 struct fy_err *err)
{
    struct fy_kq_producer *new = fy_alloc(sizeof(*new));
    enum fy_code code = fy_kq_handle_new(self, FY_KQ_PRODUCER, NULL,
                                         RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR, &new->rk, err);
    if (code == FY_OK)
        new->events = rd_kafka_queue_get_main(new->rk);
    size_t count = atomic_load(&self->topic_count);
    for (size_t i = 0; code == FY_OK && i < count; i++)
        code = add_topic(self, new, i, err);
    if (code != FY_OK) {
        producer_free(new);
        return code;
    }
    *producer = new;
    return FY_OK;
}

enum fy_code fy_kq_producer_topic(struct fy_kafka *self, size_t index, struct fy_err *err)
{
    pthread_rwlock_wrlock(&self->producer_lock);
    enum fy_code code = add_topic(self, self->producer, index, err);
    pthread_rwlock_unlock(&self->producer_lock);
    return code;
}

/* ------------------------------------------------------------------ reports */

/* The library does not go on after a fatal error (an idempotent producer whose numbers the broker
 * does not know any more): another handle does. Records of the old one all fail, and whoever
 * ordered them is told to send them again. */
static void replace(struct fy_kafka *self)
{
    struct fy_kq_producer *new = NULL;
    struct fy_kq_producer *old = self->producer; /* only this thread changes it */
    struct fy_err err = {0};
    pthread_rwlock_wrlock(&self->producer_lock);
    enum fy_code code = producer_new(self, &new, &err);
    if (code == FY_OK)
        self->producer = new;
    pthread_rwlock_unlock(&self->producer_lock);
    if (code != FY_OK) { /* the same settings were good before: memory, or threads */
        fy_log(NULL, FY_ERROR, "kafka.producer_not_replaced", fy_kv_err(&err));
        return; /* tried again at the next turn */
    }
    (void)rd_kafka_purge(old->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                      RD_KAFKA_PURGE_F_NON_BLOCKING); /* what it is made for */
    old->next = self->retired;
    self->retired = old;
}

static void replace_if_fatal(struct fy_kafka *self)
{
    char text[FY_ERR_TEXT_BYTES] = "";
    rd_kafka_resp_err_t error = rd_kafka_fatal_error(self->producer->rk, text, sizeof(text));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    fy_log(NULL, FY_WARN, "kafka.producer_replaced", fy_kv_str("error", text),
           fy_kv_str("code", rd_kafka_err2name(error)));
    replace(self);
}

/* A fatal error is asked for at every turn; others the library has logged. */
static void take_event(struct fy_kafka *self, struct fy_kq_producer *producer,
                       rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message = NULL;
    size_t count = 0;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
        fy_kq_health_error(self, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR)
        return;
    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        fy_kq_reported(message->_private, message->err);
        count++;
    }
    atomic_fetch_sub(&producer->owed, count);
}

/* false: nothing came in time. */
static bool take_reports(struct fy_kafka *self, struct fy_kq_producer *producer, int timeout_ms)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(producer->events, timeout_ms);
    if (event == NULL)
        return false;
    take_event(self, producer, event);
    rd_kafka_event_destroy(event);
    return true;
}

static void take_retired(struct fy_kafka *self)
{
    for (struct fy_kq_producer **at = &self->retired; *at != NULL;) {
        struct fy_kq_producer *old = *at;
        while (take_reports(self, old, 0))
            continue;
        if (atomic_load(&old->owed) > 0) {
            at = &old->next;
            continue;
        }
        *at = old->next;
        producer_free(old);
    }
}

static void *reports_main(void *arg)
{
    struct fy_kafka *self = arg;
    while (!atomic_load(&self->stopping)) {
        (void)take_reports(self, self->producer, REPORTS_POLL_MS);
        fy_kq_settle_unsent(self);
        replace_if_fatal(self);
        take_retired(self);
    }
    return NULL;
}

/* ------------------------------------------------------------------ life */

enum fy_code fy_kq_producer_open(struct fy_kafka *self, struct fy_err *err)
{
    enum fy_code code = producer_new(self, &self->producer, err);
    if (code == FY_OK)
        code = fy_thread_start(&self->reports, "kafka-reports", reports_main, self, err);
    if (code != FY_OK) {
        producer_free(self->producer);
        self->producer = NULL;
    }
    return code;
}

/* true: every publish has been answered within the time. */
static bool await_settled(struct fy_kafka *self, int64_t timeout_ms)
{
    const struct timespec deadline = fy_mono_timespec(fy_kq_now_ms() + timeout_ms);
    int timed_out = 0;
    pthread_mutex_lock(&self->mutex);
    while (self->pending_records > 0 && timed_out == 0)
        timed_out = pthread_cond_timedwait(&self->settled, &self->mutex, &deadline);
    bool settled = self->pending_records == 0;
    pthread_mutex_unlock(&self->mutex);
    return settled;
}

void fy_kq_producer_close(struct fy_kafka *self)
{
    while (!await_settled(self, self->publish_ms + CLOSE_SPARE_MS)) {
        pthread_rwlock_rdlock(&self->producer_lock); /* it has taken longer than it may */
        (void)rd_kafka_purge(self->producer->rk,
                             RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        pthread_rwlock_unlock(&self->producer_lock);
    }
    atomic_store(&self->stopping, true);
    rd_kafka_queue_yield(self->producer->events);
    pthread_join(self->reports, NULL);
    while (self->retired != NULL)
        take_retired(self);
    producer_free(self->producer);
}
