/* queue_sqlite_publish.c - records on their way in: admitted, copied, group-committed. */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/queue_sqlite_impl.h"
#include "common/core/order.h"

/* One record, copied: its key, value and packed headers lie one after the other at bytes. */
struct packed {
    struct fy_sqlq_partition *partition;
    int64_t timestamp_ms;
    const uint8_t *bytes;
    uint32_t key_bytes;
    uint32_t value_bytes;
    uint32_t headers_bytes;
    bool has_key;
    bool has_value;
};

/* One publish: this, then its records, then their bytes, in one block. */
struct publish_op {
    struct fy_sqlq_op op;
    struct fy_queue_numbers *numbers;
    int64_t since_us;
    fy_publish_done_fn *done;
    void *arg;
    struct packed records[];
};

static struct publish_op *publish_from(struct fy_sqlq_op *op)
{
    return FY_CONTAINER_OF(op, struct publish_op, op);
}

static const void *bytes_or_null(bool present, const uint8_t *bytes)
{
    return present ? bytes : NULL;
}

static enum fy_code record_add(struct fy_sqlq *self, const struct packed *record,
                               struct fy_err *err)
{
    struct fy_sqlq_partition *partition = record->partition;
    FY_ASSERT(partition->writer_end < FY_SQLQ_OFFSET_MAX);
    const uint8_t *value = record->bytes + record->key_bytes;
    const uint8_t *headers = value + record->value_bytes;

    sqlite3_stmt *add = fy_sqlq_statement(&self->file, FY_SQLQ_RECORD_ADD);
    fy_sqlq_bind_i64(add, 1, partition->first_id + partition->writer_end);
    fy_sqlq_bind_i64(add, 2, record->timestamp_ms);
    fy_sqlq_bind_blob(add, 3, bytes_or_null(record->has_key, record->bytes), record->key_bytes);
    fy_sqlq_bind_blob(add, 4, bytes_or_null(record->has_value, value), record->value_bytes);
    fy_sqlq_bind_blob(add, 5, bytes_or_null(record->headers_bytes > 0, headers),
                      record->headers_bytes);
    enum fy_code code = fy_sqlq_run(&self->file, FY_SQLQ_RECORD_ADD, "add a record", err);
    if (code == FY_OK) {
        fy_sqlq_writer_touch(self, partition);
        partition->writer_end++;
    }
    return code;
}

static enum fy_code publish_apply(struct fy_sqlq *self, struct fy_sqlq_op *op, struct fy_err *err)
{
    struct publish_op *publish = publish_from(op);
    enum fy_code code = FY_OK;
    for (size_t i = 0; i < op->record_count && code == FY_OK; i++)
        code = record_add(self, &publish->records[i], err);
    return code;
}

static void publish_settle(struct fy_sqlq_op *op, enum fy_code code, const struct fy_err *err)
{
    struct publish_op *publish = publish_from(op);
    fy_queue_published(publish->numbers, publish->since_us, code);
    publish->done(publish->arg, code, code == FY_OK ? op->record_count : 0, err);
    free(publish);
}

static const struct fy_sqlq_op_kind publish_kind = {"publish", publish_apply, NULL, publish_settle};

/* Checks one record and adds what it will take in memory. */
static enum fy_code measure_one(struct fy_sqlq *self, const struct fy_record *record,
                                size_t *size_bytes, struct fy_err *err)
{
    const struct fy_sqlq_topic *topic = fy_sqlq_topic_find(self, record->topic);
    if (topic == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "there is no topic %s", record->topic);
    if (record->partition < -1 || record->partition >= (int32_t)topic->partition_count)
        return fy_err_set(err, FY_EINPUT, "topic %s has %u partitions, there is no %d",
                          record->topic, topic->partition_count, record->partition);
    if (record->key_bytes > FY_RECORD_BYTES_MAX ||
        record->value_bytes > FY_RECORD_BYTES_MAX - record->key_bytes)
        return fy_err_set(err, FY_ETOOBIG, "a record of topic %s is over %d bytes", record->topic,
                          FY_RECORD_BYTES_MAX);
    size_t headers_bytes = 0;
    enum fy_code code =
        fy_sqlq_headers_size(record->headers, record->header_count, &headers_bytes, err);
    if (code == FY_OK)
        *size_bytes += sizeof(struct packed) + headers_bytes +
                       (record->key == NULL ? 0 : record->key_bytes) +
                       (record->value == NULL ? 0 : record->value_bytes);
    return code;
}

static enum fy_code measure_all(struct fy_sqlq *self, const struct fy_record *records, size_t count,
                                size_t *size_bytes, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    *size_bytes = sizeof(struct publish_op);
    for (size_t i = 0; i < count && code == FY_OK; i++) {
        code = measure_one(self, &records[i], size_bytes, err);
        if (code == FY_OK && *size_bytes > FY_QUEUE_PENDING_BYTES_MAX)
            code = fy_err_set(err, FY_ETOOBIG, "a publish is over %d bytes, send it in parts",
                              FY_QUEUE_PENDING_BYTES_MAX);
    }
    return code;
}

void fy_sqlq_show_fill(struct fy_sqlq *self)
{
    size_t records = self->pending_records * 1000 / FY_QUEUE_PENDING_RECORDS_MAX;
    size_t bytes = self->pending_bytes * 1000 / FY_QUEUE_PENDING_BYTES_MAX;
    atomic_store_explicit(&self->port.numbers.publish_permille,
                          (int64_t)(records > bytes ? records : bytes), memory_order_relaxed);
}

/* Takes the room that the publish needs, in memory and in the file, or nothing. */
static enum fy_code reserve(struct fy_sqlq *self, size_t count, size_t size_bytes, bool moves,
                            struct fy_err *err)
{
    enum fy_code code = FY_OK;
    int64_t limit_bytes = self->bytes_max + (moves ? self->moves_bytes : 0);
    pthread_mutex_lock(&self->mutex);
    if (self->stopping)
        code = fy_err_set(err, FY_ECANCELLED, "the queue is closing");
    else if (self->pending_records + count > FY_QUEUE_PENDING_RECORDS_MAX ||
             self->pending_bytes + size_bytes > FY_QUEUE_PENDING_BYTES_MAX)
        code =
            fy_err_set(err, FY_EFULL, "%zu records (%zu bytes) wait for the queue's disk already",
                       self->pending_records, self->pending_bytes);
    else if (self->used_bytes + (int64_t)(self->pending_bytes + size_bytes) > limit_bytes) {
        code = fy_err_set(err, FY_EFULL, "the queue holds %lld of %lld bytes",
                          (long long)self->used_bytes, (long long)self->bytes_max);
        /* It will be tried again: a large publish must not wait for the file to become fuller. */
        self->room_wanted = true;
        pthread_cond_signal(&self->work);
    }
    if (code == FY_OK) {
        self->pending_records += count;
        self->pending_bytes += size_bytes;
    }
    fy_sqlq_show_fill(self);
    pthread_mutex_unlock(&self->mutex);
    return code;
}

static struct fy_sqlq_partition *choose_partition(struct fy_sqlq_topic *topic,
                                                  const struct fy_record *record)
{
    if (record->partition >= 0)
        return &topic->partitions[record->partition];
    if (record->key != NULL)
        return &topic->partitions[fy_murmur2_partition(record->key, record->key_bytes,
                                                       topic->partition_count)];
    unsigned turn = atomic_fetch_add_explicit(&topic->round_robin, 1, memory_order_relaxed);
    return &topic->partitions[turn % topic->partition_count];
}

/* Copies one record to out; returns the end. */
static uint8_t *pack_one(struct fy_sqlq *self, const struct fy_record *record, int64_t now_ms,
                         struct packed *packed, uint8_t *out)
{
    packed->partition = choose_partition(fy_sqlq_topic_find(self, record->topic), record);
    packed->timestamp_ms = record->timestamp_ms == 0 ? now_ms : record->timestamp_ms;
    packed->bytes = out;
    packed->has_key = record->key != NULL;
    packed->has_value = record->value != NULL;
    packed->key_bytes = packed->has_key ? (uint32_t)record->key_bytes : 0;
    packed->value_bytes = packed->has_value ? (uint32_t)record->value_bytes : 0;
    if (packed->key_bytes > 0)
        out = mempcpy(out, record->key, packed->key_bytes);
    if (packed->value_bytes > 0)
        out = mempcpy(out, record->value, packed->value_bytes);
    uint8_t *end = fy_sqlq_headers_pack(record->headers, record->header_count, out);
    packed->headers_bytes = (uint32_t)(end - out);
    return end;
}

enum fy_code fy_sqlq_publish(struct fy_queue *port, const struct fy_record *records, size_t count,
                             fy_publish_done_fn *done, void *arg, struct fy_err *err)
{
    struct fy_sqlq *self = fy_sqlq_from(port);
    size_t size_bytes = 0;
    enum fy_code code = measure_all(self, records, count, &size_bytes, err);
    if (code == FY_OK)
        code = reserve(self, count, size_bytes, records[0].moves, err);
    if (code != FY_OK)
        return code;

    struct publish_op *publish = fy_alloc(size_bytes);
    publish->op =
        (struct fy_sqlq_op){.kind = &publish_kind, .record_count = count, .size_bytes = size_bytes};
    publish->numbers = &port->numbers;
    publish->since_us = fy_queue_numbers_now_us();
    publish->done = done;
    publish->arg = arg;
    int64_t now_ms = fy_wall_ms(self->clock);
    uint8_t *out = (uint8_t *)&publish->records[count];
    for (size_t i = 0; i < count; i++)
        out = pack_one(self, &records[i], now_ms, &publish->records[i], out);
    FY_ASSERT(out <= (uint8_t *)publish + size_bytes);
    fy_sqlq_writer_give(self, &publish->op);
    return FY_OK;
}
