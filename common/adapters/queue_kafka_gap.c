/* queue_kafka_gap.c - orders that were gone before their group had read them: somebody, or a
 * retention, has deleted them. Nothing brings them back; a person must know. */
#include "common/adapters/queue_kafka_impl.h"

#include "common/core/log.h"

void fy_kq_gap(struct fy_consumer *self, const char *full, int32_t partition, int64_t wanted,
               int64_t found)
{
    struct fy_queue_numbers *numbers = &self->queue->port.numbers;
    FY_ASSERT(found > wanted);
    atomic_fetch_add_explicit(&numbers->offset_gaps, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&numbers->offset_gap_orders, found - wanted, memory_order_relaxed);
    fy_log(NULL, FY_ERROR, "kafka.offset_gap", fy_kv_str("group", self->group),
           fy_kv_str("topic", full), fy_kv_i64("partition", partition), fy_kv_i64("wanted", wanted),
           fy_kv_i64("found", found), fy_kv_i64("gap", found - wanted));
}

/* A transaction of a foreign producer leaves marks that nobody is given, and so offsets without a
 * record: the broker tells whether the partition still begins below. One that does not answer is
 * taken for a loss. */
void fy_kq_gap_first(struct fy_consumer *self, struct fy_kq_part *part, int64_t offset)
{
    char full[FY_TOPIC_BYTES_MAX + 1];
    int64_t low = offset;
    int64_t high = 0;
    int64_t wanted = part->id.offset;
    bool is_first = !part->begun;
    part->begun = true;
    if (!is_first || offset <= wanted)
        return;
    fy_kq_name(self->queue, part->id.topic, full);
    if (rd_kafka_query_watermark_offsets(self->rk, full, part->id.partition, &low, &high,
                                         FY_KAFKA_COMMIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        low = offset;
    if (low > wanted)
        fy_kq_gap(self, full, part->id.partition, wanted, low < offset ? low : offset);
}
