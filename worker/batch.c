/* batch.c - one batch at a time out of a consumer. */
#include "worker/batch.h"

#include <stdlib.h>
#include <string.h>

static_assert(FY_RECORD_BYTES_MAX <= FY_BATCH_BYTES, "a sender's request takes any one record");

enum fy_code fy_batch_open(struct fy_batch *batch, struct fy_queue *queue, const char *group,
                           const char *topic, size_t records_max, size_t bytes_max,
                           struct fy_err *err)
{
    *batch = (struct fy_batch){.queue = queue, .records_max = records_max, .bytes_max = bytes_max};
    enum fy_code code = fy_consumer_open(queue, group, &topic, 1, &batch->consumer, err);
    if (code != FY_OK) {
        *batch = (struct fy_batch){0};
        return fy_err_add(err, "join group %s", group);
    }
    fy_buf_init(&batch->bytes, bytes_max + FY_RECORD_BYTES_MAX);
    batch->records = fy_alloc(records_max * sizeof(*batch->records));
    return FY_OK;
}

void fy_batch_close(struct fy_batch *batch)
{
    fy_consumer_close(batch->queue, batch->consumer);
    fy_buf_done(&batch->bytes);
    free(batch->records);
    free(batch->assigned);
    *batch = (struct fy_batch){0};
}

static void batch_clear(struct fy_batch *batch)
{
    batch->count = 0;
    fy_buf_clear(&batch->bytes);
}

static void assign(struct fy_batch *batch, const struct fy_consumer_event *event)
{
    free(batch->assigned);
    batch->assigned = NULL;
    batch->assigned_count = event->partition_count;
    batch->next_assigned = 0;
    if (event->partition_count > 0)
        batch->assigned =
            fy_memdup(event->partitions, event->partition_count * sizeof(*event->partitions));
}

enum fy_code fy_batch_idle(struct fy_batch *batch, struct fy_err *err)
{
    for (;;) {
        struct fy_consumer_event event = {0};
        enum fy_code code = fy_consumer_event(batch->queue, batch->consumer, &event, err);
        if (code != FY_OK)
            return code;
        switch (event.kind) {
        case FY_CONSUMER_NONE:
            return FY_OK;
        case FY_CONSUMER_ASSIGN:
            batch_clear(batch);
            assign(batch, &event);
            break;
        case FY_CONSUMER_REVOKE:
        case FY_CONSUMER_LOST:
            batch_clear(batch);
            batch->assigned_count = 0;
            fy_consumer_revoked(batch->queue, batch->consumer);
            break;
        }
    }
}

static bool take(void *arg, const struct fy_record *record)
{
    struct fy_batch *batch = arg;
    /* Whole, however long: what turns out to be poison is copied byte for byte. */
    size_t size_bytes = record->key_bytes + record->value_bytes;
    FY_ASSERT(size_bytes <= FY_RECORD_BYTES_MAX);
    if (batch->count == batch->records_max)
        return false;
    if (batch->count > 0 && batch->bytes.size_bytes + size_bytes > batch->bytes_max)
        return false;
    struct fy_batch_record *taken = &batch->records[batch->count++];
    *taken = (struct fy_batch_record){.key_at = batch->bytes.size_bytes,
                                      .key_bytes = record->key_bytes,
                                      .value_at = batch->bytes.size_bytes + record->key_bytes,
                                      .value_bytes = record->value_bytes,
                                      .partition = record->partition,
                                      .offset = record->offset,
                                      .timestamp_ms = record->timestamp_ms};
    fy_buf_add(&batch->bytes, record->key, record->key_bytes);
    fy_buf_add(&batch->bytes, record->value, record->value_bytes);
    FY_ASSERT(!batch->bytes.overflow);
    batch->assigned[batch->taking].offset = record->offset + 1;
    return true;
}

enum fy_code fy_batch_take(struct fy_batch *batch, struct fy_err *err)
{
    batch_clear(batch);
    enum fy_code code = fy_batch_idle(batch, err);
    for (size_t n = 0; code == FY_OK && n < batch->assigned_count; n++) {
        if (batch->count == batch->records_max)
            break;
        batch->taking = (batch->next_assigned + n) % batch->assigned_count;
        const struct fy_topic_partition *from = &batch->assigned[batch->taking];
        code = fy_consumer_poll(batch->queue, batch->consumer, from->topic, from->partition,
                                batch->records_max - batch->count, take, batch, err);
    }
    if (batch->assigned_count > 0)
        batch->next_assigned = (batch->next_assigned + 1) % batch->assigned_count;
    /* What was taken before a failing poll is a good batch; the failure comes again. */
    return batch->count > 0 ? FY_OK : code;
}

enum fy_code fy_batch_commit(struct fy_batch *batch, struct fy_err *err)
{
    if (batch->assigned_count == 0)
        return FY_OK;
    enum fy_code code = fy_consumer_commit(batch->queue, batch->consumer, batch->assigned,
                                           batch->assigned_count, err);
    if (code == FY_OK)
        batch_clear(batch);
    return code;
}

/* The offset to commit for one partition once the first count records are done; -1: none of them.
 */
static int64_t done_offset(const struct fy_batch *batch, size_t count, int32_t partition)
{
    int64_t offset = -1;
    for (size_t i = 0; i < count; i++)
        if (batch->records[i].partition == partition && batch->records[i].offset >= offset)
            offset = batch->records[i].offset + 1;
    return offset;
}

enum fy_code fy_batch_commit_first(struct fy_batch *batch, size_t count, struct fy_err *err)
{
    FY_ASSERT(count <= batch->count);
    if (count == batch->count)
        return fy_batch_commit(batch, err);
    struct fy_topic_partition *offsets = fy_alloc(batch->assigned_count * sizeof(*offsets));
    size_t offset_count = 0;
    for (size_t i = 0; i < batch->assigned_count; i++) {
        int64_t offset = done_offset(batch, count, batch->assigned[i].partition);
        if (offset < 0)
            continue;
        offsets[offset_count] = batch->assigned[i];
        offsets[offset_count++].offset = offset;
    }
    enum fy_code code =
        fy_consumer_commit(batch->queue, batch->consumer, offsets, offset_count, err);
    free(offsets);
    if (code != FY_OK)
        return code;
    batch->count -= count;
    memmove(batch->records, batch->records + count, batch->count * sizeof(*batch->records));
    return FY_OK;
}
