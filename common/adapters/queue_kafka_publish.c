/* queue_kafka_publish.c - records on their way in: one answer for a publish, from its reports. */
#include "common/adapters/queue_kafka_impl.h"

#include <stdlib.h>
#include <string.h>

/* One call of publish, until its last record is reported. */
struct fy_kq_publish {
    struct fy_kafka *queue;
    struct fy_kq_publish *next; /* of those that the reports thread is to settle */
    fy_publish_done_fn *done;
    void *arg;
    size_t record_count;
    size_t size_bytes;
    int64_t since_us;
    atomic_size_t open; /* records without report, and the publisher itself */
    atomic_size_t accepted;

    /* The queue's mutex held. */
    enum fy_code code;
    struct fy_err err;
};

static size_t record_bytes(const struct fy_record *record)
{
    size_t size_bytes = record->key_bytes + record->value_bytes;
    for (size_t i = 0; i < record->header_count; i++)
        size_bytes += strlen(record->headers[i].name) + record->headers[i].value_bytes;
    return size_bytes;
}

/* ------------------------------------------------------------------ taking */

static enum fy_code check(struct fy_kafka *self, const struct fy_record *record, struct fy_err *err)
{
    size_t index = 0;
    const struct fy_kq_topic *topic = fy_kq_topic_find(self, record->topic, &index);
    if (topic == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "topic %s: not ensured by this process",
                          record->topic);
    if (record->partition < -1 ||
        record->partition >= (int32_t)atomic_load(&topic->partition_count))
        return fy_err_set(err, FY_EINPUT, "topic %s has no partition %d", record->topic,
                          (int)record->partition);
    if (record->key_bytes > FY_RECORD_BYTES_MAX ||
        record->value_bytes > FY_RECORD_BYTES_MAX - record->key_bytes)
        return fy_err_set(err, FY_ETOOBIG, "a record of over %d bytes", FY_RECORD_BYTES_MAX);
    if (record->header_count > FY_HEADERS_MAX)
        return fy_err_set(err, FY_EINPUT, "a record with over %d headers", FY_HEADERS_MAX);
    return FY_OK;
}

static enum fy_code check_all(struct fy_kafka *self, const struct fy_record *records, size_t count,
                              size_t *size_bytes, struct fy_err *err)
{
    *size_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        enum fy_code code = check(self, &records[i], err);
        if (code != FY_OK)
            return code;
        *size_bytes += record_bytes(&records[i]);
    }
    if (count > self->records_max || *size_bytes > self->bytes_max)
        return fy_err_set(err, FY_ETOOBIG, "%zu records of %zu bytes: over the producer's queue",
                          count, *size_bytes);
    return FY_OK;
}

/* The fuller of both. Mutex held. */
static void show_fill(struct fy_kafka *self)
{
    size_t records = self->pending_records * 1000 / self->records_max;
    size_t bytes = self->pending_bytes * 1000 / self->bytes_max;
    atomic_store_explicit(&self->port.numbers.publish_permille,
                          (int64_t)(records > bytes ? records : bytes), memory_order_relaxed);
}

/* Room for a publish, below what the library itself would refuse. */
static enum fy_code reserve(struct fy_kafka *self, size_t count, size_t size_bytes,
                            struct fy_err *err)
{
    pthread_mutex_lock(&self->mutex);
    bool fits = self->pending_records + count <= self->records_max &&
                self->pending_bytes + size_bytes <= self->bytes_max;
    if (fits) {
        self->pending_records += count;
        self->pending_bytes += size_bytes;
    }
    size_t waiting = self->pending_records;
    show_fill(self);
    pthread_mutex_unlock(&self->mutex);
    if (!fits)
        return fy_err_set(err, FY_EFULL, "%zu records wait for the brokers' acknowledgement",
                          waiting);
    return FY_OK;
}

/* ------------------------------------------------------------------ answering */

/* The first failure is what is told. Whatever it is, sending again is right, and later: a topic
 * that is gone or a right that was taken away are for a person to see to, not for the client. */
static void fail(struct fy_kq_publish *publish, rd_kafka_resp_err_t error)
{
    struct fy_err err = {0};
    enum fy_code code = fy_kq_failed(&err, error, NULL, "kafka: publish");
    if (code != FY_ETOOBIG && code != FY_EFULL)
        code = fy_err_set(&err, FY_EBUSY, "kafka: publish: %s", rd_kafka_err2str(error));
    pthread_mutex_lock(&publish->queue->mutex);
    if (publish->code == FY_OK) {
        publish->code = code;
        publish->err = err;
    }
    pthread_mutex_unlock(&publish->queue->mutex);
}

/* Reports thread. */
static void settle(struct fy_kq_publish *publish)
{
    struct fy_kafka *self = publish->queue;
    size_t record_count = publish->record_count;
    size_t size_bytes = publish->size_bytes;
    if (publish->code == FY_OK || publish->code == FY_EBUSY)
        fy_kq_health_published(self, publish->code == FY_OK);
    fy_queue_published(&self->port.numbers, publish->since_us, publish->code);
    publish->done(publish->arg, publish->code, atomic_load(&publish->accepted), &publish->err);
    free(publish);
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(self->pending_records >= record_count);
    FY_ASSERT(self->pending_bytes >= size_bytes);
    self->pending_records -= record_count;
    self->pending_bytes -= size_bytes;
    show_fill(self);
    if (self->pending_records == 0)
        pthread_cond_broadcast(&self->settled);
    pthread_mutex_unlock(&self->mutex);
}

void fy_kq_reported(struct fy_kq_publish *publish, rd_kafka_resp_err_t error)
{
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        atomic_fetch_add(&publish->accepted, 1);
    else
        fail(publish, error);
    if (atomic_fetch_sub(&publish->open, 1) == 1)
        settle(publish);
}

void fy_kq_settle_unsent(struct fy_kafka *self)
{
    pthread_mutex_lock(&self->mutex);
    struct fy_kq_publish *publish = self->unsent;
    self->unsent = NULL;
    pthread_mutex_unlock(&self->mutex);
    while (publish != NULL) {
        struct fy_kq_publish *next = publish->next;
        settle(publish);
        publish = next;
    }
}

/* ------------------------------------------------------------------ giving to the library */

static rd_kafka_headers_t *headers_new(const struct fy_record *record)
{
    if (record->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct fy_header *header = &record->headers[i];
        rd_kafka_resp_err_t error = rd_kafka_header_add(headers, header->name, -1, header->value,
                                                        (ssize_t)header->value_bytes);
        FY_ASSERT(error == RD_KAFKA_RESP_ERR_NO_ERROR); /* only a list given away is read-only */
    }
    return headers;
}

/* Records of a key go where Java would put them; the library knows how many partitions there are.
 * Those without take turns. */
static int32_t choose_partition(struct fy_kq_topic *topic, const struct fy_record *record)
{
    if (record->partition >= 0 || record->key != NULL)
        return record->partition >= 0 ? record->partition : RD_KAFKA_PARTITION_UA;
    unsigned turn = atomic_fetch_add_explicit(&topic->round_robin, 1, memory_order_relaxed);
    return (int32_t)(turn % atomic_load(&topic->partition_count));
}

/* The library copies key and value; it borrows neither, and takes the headers when it succeeds. */
static rd_kafka_resp_err_t produce(struct fy_kafka *self, struct fy_kq_producer *producer,
                                   const struct fy_record *record, struct fy_kq_publish *publish)
{
    size_t index = 0;
    struct fy_kq_topic *topic = fy_kq_topic_find(self, record->topic, &index);
    int64_t now_ms = record->timestamp_ms != 0 ? record->timestamp_ms : fy_wall_ms(self->clock);
    rd_kafka_headers_t *headers = headers_new(record);
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = producer->topics[index]},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = choose_partition(topic, record)},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = now_ms},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)record->key, record->key_bytes}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)record->value, record->value_bytes}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = publish},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    size_t count = FY_COUNT_OF(parts) - (headers == NULL);
    atomic_fetch_add(&producer->owed, 1);
    rd_kafka_error_t *error = rd_kafka_produceva(producer->rk, parts, count);
    if (error == NULL)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    atomic_fetch_sub(&producer->owed, 1);
    return code;
}

/* The publisher's own part of a publish is over. A publish whose every record has its report by now
 * is settled by the reports thread, as all are. */
static void publisher_done(struct fy_kafka *self, struct fy_kq_publish *publish)
{
    if (atomic_fetch_sub(&publish->open, 1) != 1)
        return;
    pthread_mutex_lock(&self->mutex);
    publish->next = self->unsent;
    self->unsent = publish;
    pthread_mutex_unlock(&self->mutex);
    rd_kafka_queue_yield(self->producer->events);
}

static void produce_all(struct fy_kafka *self, const struct fy_record *records, size_t count,
                        struct fy_kq_publish *publish)
{
    pthread_rwlock_rdlock(&self->producer_lock);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t error = produce(self, self->producer, &records[i], publish);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        fail(publish, error);
        atomic_fetch_sub(&publish->open, 1); /* never the last: the publisher's own is open */
    }
    publisher_done(self, publish);
    pthread_rwlock_unlock(&self->producer_lock);
}

enum fy_code fy_kq_publish(struct fy_queue *port, const struct fy_record *records, size_t count,
                           fy_publish_done_fn *done, void *arg, struct fy_err *err)
{
    struct fy_kafka *self = fy_kq_from(port);
    size_t size_bytes = 0;
    enum fy_code code = check_all(self, records, count, &size_bytes, err);
    if (code == FY_OK)
        code = reserve(self, count, size_bytes, err);
    if (code != FY_OK)
        return code;
    struct fy_kq_publish *publish = fy_alloc(sizeof(*publish));
    publish->queue = self;
    publish->done = done;
    publish->arg = arg;
    publish->record_count = count;
    publish->size_bytes = size_bytes;
    publish->since_us = fy_queue_numbers_now_us();
    atomic_init(&publish->open, count + 1);
    produce_all(self, records, count, publish);
    return FY_OK;
}
