/* queue_kafka_lag.c - where a group stands, of any topic: asked of the brokers, so that it is right
 * for topics that this process does not read. */
#include "common/adapters/queue_kafka_impl.h"

#include <string.h>

#include "common/core/hash.h"

/* What one look found; lists of all partitions in order. */
struct look {
    int64_t deadline_ms;
    rd_kafka_topic_partition_list_t *committed, *starts, *ends;
    int64_t oldest_ms[FY_PARTITIONS_MAX];
};

static int left_ms(const struct look *look)
{
    return fy_kq_left_ms(look->deadline_ms);
}

static void free_lists(struct look *look)
{
    rd_kafka_topic_partition_list_t *const lists[] = {look->committed, look->starts, look->ends};
    for (size_t i = 0; i < FY_COUNT_OF(lists); i++)
        if (lists[i] != NULL)
            rd_kafka_topic_partition_list_destroy(lists[i]);
}

/* Committed first and ends last: what moves meanwhile only makes the lag a little too great. */
static enum fy_code ask(struct fy_kafka *self, const char *group, const char *full,
                        struct look *look, struct fy_err *err)
{
    char full_group[FY_TOPIC_BYTES_MAX + 1];
    uint32_t count = 0;
    fy_kq_name(self, group, full_group);
    enum fy_code code = fy_kq_ask_partitions(self, full, left_ms(look), &count, err);
    if (code != FY_OK)
        return code;
    look->committed = fy_kq_list_new(full, count, RD_KAFKA_OFFSET_INVALID);
    look->starts = fy_kq_list_new(full, count, RD_KAFKA_OFFSET_BEGINNING);
    look->ends = fy_kq_list_new(full, count, RD_KAFKA_OFFSET_END);
    code = fy_kq_ask_committed(self, full_group, look->committed, left_ms(look), err);
    if (code == FY_OK)
        code = fy_kq_ask_offsets(self->control, look->starts, left_ms(look), err);
    if (code == FY_OK)
        code = fy_kq_ask_offsets(self->control, look->ends, left_ms(look), err);
    for (int i = 0; code == FY_OK && i < look->committed->cnt; i++)
        if (look->committed->elems[i].offset < look->starts->elems[i].offset)
            look->committed->elems[i].offset = look->starts->elems[i].offset;
    return code;
}

/* ------------------------------------------------------------------ the oldest record's age */

static struct fy_kq_age *age_slot(struct fy_kafka *self, uint64_t topic_hash, int32_t partition)
{
    uint64_t mixed = (topic_hash ^ (uint64_t)(uint32_t)partition) * UINT64_C(0x9e3779b97f4a7c15);
    return &self->ages[(mixed >> 32) % FY_KAFKA_AGES_MAX];
}

static void remember(struct fy_kafka *self, uint64_t topic_hash, int32_t partition, int64_t offset,
                     int64_t timestamp_ms)
{
    *age_slot(self, topic_hash, partition) = (struct fy_kq_age){.topic_hash = topic_hash,
                                                                .offset = offset,
                                                                .timestamp_ms = timestamp_ms,
                                                                .partition = partition};
}

/* The partitions that are behind and whose oldest record is not remembered. */
static rd_kafka_topic_partition_list_t *unknown_ages(struct fy_kafka *self, struct look *look)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(0);
    for (int i = 0; i < look->committed->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &look->committed->elems[i];
        if (at->offset >= look->ends->elems[i].offset)
            continue;
        uint64_t topic_hash = fy_hash_text(FY_HASH_START, at->topic);
        const struct fy_kq_age *age = age_slot(self, topic_hash, at->partition);
        if (age->topic_hash == topic_hash && age->partition == at->partition &&
            age->offset == at->offset)
            look->oldest_ms[i] = age->timestamp_ms;
        else
            rd_kafka_topic_partition_list_add(list, at->topic, at->partition)->offset = at->offset;
    }
    return list;
}

/* One record of a partition whose age was not known yet; others may be of partitions that are. */
static bool take_age(struct fy_kafka *self, struct look *look, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t kind;
    int32_t i = message->partition;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || i < 0 || i >= look->committed->cnt ||
        look->oldest_ms[i] != 0)
        return false;
    look->oldest_ms[i] = rd_kafka_message_timestamp(message, &kind);
    remember(self, fy_hash_text(FY_HASH_START, rd_kafka_topic_name(message->rkt)), i,
             look->committed->elems[i].offset, look->oldest_ms[i]);
    return true;
}

static void stop_all(rd_kafka_topic_t *topic, const rd_kafka_topic_partition_list_t *list,
                     int count)
{
    for (int i = 0; i < count; i++)
        (void)rd_kafka_consume_stop(topic, list->elems[i].partition); /* it was started */
}

/* Begins to fetch each of the list's partitions at its offset; how many were begun. */
static int start_all(rd_kafka_topic_t *topic, const rd_kafka_topic_partition_list_t *list,
                     rd_kafka_queue_t *queue)
{
    for (int i = 0; i < list->cnt; i++)
        if (rd_kafka_consume_start_queue(topic, list->elems[i].partition, list->elems[i].offset,
                                         queue) != 0)
            return i;
    return list->cnt;
}

/* Reads the first record of each, outside any group. An age that does not come in time is told as
 * none. */
static enum fy_code read_ages(struct fy_kafka *self, struct look *look,
                              const rd_kafka_topic_partition_list_t *list, struct fy_err *err)
{
    if (list->cnt == 0)
        return FY_OK;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(self->control, list->elems[0].topic, NULL);
    if (topic == NULL)
        return fy_kq_failed(err, rd_kafka_last_error(), NULL, "read the oldest records");
    rd_kafka_queue_t *queue = rd_kafka_queue_new(self->control);
    int started = start_all(topic, list, queue);
    int missing = started;
    while (missing > 0 && left_ms(look) > 0) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, left_ms(look));
        if (message == NULL)
            break;
        missing -= take_age(self, look, message);
        rd_kafka_message_destroy(message);
    }
    stop_all(topic, list, started);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(topic);
    return FY_OK;
}

/* ------------------------------------------------------------------ the port */

static const char *text_of(const rd_kafka_topic_partition_t *committed)
{
    return committed->metadata != NULL ? committed->metadata : "";
}

static void visit_all(const struct look *look, const char *topic, fy_lag_visit_fn *visit, void *arg)
{
    for (int i = 0; i < look->committed->cnt; i++) {
        int64_t end = look->ends->elems[i].offset;
        int64_t committed = look->committed->elems[i].offset;
        struct fy_partition_lag lag = {.partition = look->committed->elems[i].partition,
                                       .start_offset = look->starts->elems[i].offset,
                                       .end_offset = end,
                                       .committed_offset = committed < end ? committed : end,
                                       .oldest_ms = look->oldest_ms[i],
                                       .text = text_of(&look->committed->elems[i])};
        FY_ASSERT(fy_text_copy(lag.topic, sizeof(lag.topic), topic));
        if (!visit(arg, &lag))
            return;
    }
}

static enum fy_code look_at(struct fy_kafka *self, const char *group, const char *topic,
                            struct look *look, struct fy_err *err)
{
    char full[FY_TOPIC_BYTES_MAX + 1];
    fy_kq_name(self, topic, full);
    enum fy_code code = fy_kq_control_begin(self, err);
    if (code != FY_OK)
        return code;
    look->deadline_ms = fy_kq_now_ms() + FY_KAFKA_ASK_MS;
    code = ask(self, group, full, look, err);
    if (code == FY_OK) {
        rd_kafka_topic_partition_list_t *list = unknown_ages(self, look);
        code = read_ages(self, look, list, err);
        rd_kafka_topic_partition_list_destroy(list);
    }
    fy_kq_control_end(self, code);
    return code;
}

enum fy_code fy_kq_lag(struct fy_queue *port, const char *group, const char *topic,
                       fy_lag_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fy_err own = {0};
    struct look look = {0};
    enum fy_code code = look_at(fy_kq_from(port), group, topic, &look, &own);
    if (code == FY_OK)
        visit_all(&look, topic, visit, arg);
    else
        code = fy_err_set(err, code, "kafka: lag of %s: %s", topic, own.text);
    free_lists(&look);
    return code;
}
