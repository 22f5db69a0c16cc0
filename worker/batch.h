/* batch.h - records taken from a consumer, copied, with the offsets to commit once they are safe.
 */
/* Router and senders take a batch, do with it what makes it safe, then commit it; never more than
 * one. */
#ifndef FY_WORKER_BATCH_H
#define FY_WORKER_BATCH_H

#include "common/core/buf.h"
#include "common/ports/queue.h"
#include "common/runtime/bell.h"

struct fy_batch_record {
    size_t key_at, key_bytes;     /* in bytes; key_bytes 0: no key */
    size_t value_at, value_bytes; /* in bytes */
    int32_t partition;
    int64_t offset, timestamp_ms;
};

struct fy_batch {
    struct fy_queue *queue;
    struct fy_consumer *consumer;
    size_t records_max, bytes_max; /* a first record may exceed bytes_max alone */
    struct fy_buf bytes;
    struct fy_batch_record *records; /* records_max of them */
    size_t count;

    /* What the group gave us. */
    struct fy_topic_partition *assigned; /* offset: next to commit */
    size_t assigned_count;
    size_t next_assigned; /* where the next take begins, so that no partition starves another */
    size_t taking;        /* index of the partition being polled */
};

/* Joins the group on one topic. Errors: those of fy_consumer_open. */
FY_MUST_CHECK enum fy_code fy_batch_open(struct fy_batch *batch, struct fy_queue *queue,
                                         const char *group, const char *topic, size_t records_max,
                                         size_t bytes_max, struct fy_err *err);
void fy_batch_close(struct fy_batch *batch);
/* Serves assignment events and takes what is there; count 0 when there is nothing. Never blocks. A
 * revoke or loss drops the batch in hand (count 0): its records come again to whoever has them now.
 */
FY_MUST_CHECK enum fy_code fy_batch_take(struct fy_batch *batch, struct fy_err *err);
/* Only serves events, for a consumer at rest (a paused site); to be called every 500 ms. */
FY_MUST_CHECK enum fy_code fy_batch_idle(struct fy_batch *batch, struct fy_err *err);
/* Commits all of the batch: its records are done. */
FY_MUST_CHECK enum fy_code fy_batch_commit(struct fy_batch *batch, struct fy_err *err);
/* Commits the first count records: those are done, the others stay in hand. */
FY_MUST_CHECK enum fy_code fy_batch_commit_first(struct fy_batch *batch, size_t count,
                                                 struct fy_err *err);
/* Whether the group gave us this partition: of all members one has it. */
static inline bool fy_batch_holds(const struct fy_batch *batch, int32_t partition)
{
    for (size_t i = 0; i < batch->assigned_count; i++)
        if (batch->assigned[i].partition == partition)
            return true;
    return false;
}
static inline const char *fy_batch_value(const struct fy_batch *batch, size_t i)
{
    return batch->bytes.bytes + batch->records[i].value_at;
}
static inline const char *fy_batch_key(const struct fy_batch *batch, size_t i)
{
    return batch->bytes.bytes + batch->records[i].key_at;
}

#endif
