/* sim_queue.c - the broker's memory: topics, publishes, lag, trim. */
#include "tests/sim/sim_queue_impl.h"

#include <stdlib.h>

#include "common/core/order.h"

/* ------------------------------------------------------------------ topics and records */

struct sim_topic *sim_topic_find(struct sim_broker *broker, const char *name)
{
    for (size_t i = 0; i < broker->topic_count; i++)
        if (strcmp(broker->topics[i].name, name) == 0)
            return &broker->topics[i];
    return NULL;
}

static enum fy_code topic_ensure(struct fy_queue *port, const char *name, struct fy_err *err)
{
    struct sim_broker *broker = sim_queue_from(port)->broker;
    fiber_yield();
    if (sim_topic_find(broker, name) != NULL)
        return FY_OK;
    if (broker->topic_count == SIM_TOPICS_MAX)
        return fy_err_set(err, FY_ETOOBIG, "%d topics are taken", SIM_TOPICS_MAX);
    struct sim_topic *topic = &broker->topics[broker->topic_count++];
    FY_ASSERT(fy_text_copy(topic->name, sizeof(topic->name), name));
    return FY_OK;
}

/* Absent, empty and given are three things, of keys, values and headers alike. */
static void *copy_bytes(const void *bytes, size_t size_bytes)
{
    return bytes == NULL ? NULL : fy_memdup(bytes, size_bytes);
}

static struct sim_record *record_new(const struct fy_record *from, int64_t now_ms)
{
    struct sim_record *made = fy_alloc(sizeof(*made));
    made->record = *from;
    struct fy_record *record = &made->record;
    record->topic = NULL;
    record->key = copy_bytes(from->key, from->key_bytes);
    record->value = copy_bytes(from->value, from->value_bytes);
    if (record->timestamp_ms == 0)
        record->timestamp_ms = now_ms;
    struct fy_header *headers = fy_alloc((from->header_count + 1) * sizeof(*headers));
    for (size_t i = 0; i < from->header_count; i++)
        headers[i] = (struct fy_header){
            .name = fy_strdup(from->headers[i].name),
            .value = copy_bytes(from->headers[i].value, from->headers[i].value_bytes),
            .value_bytes = from->headers[i].value_bytes};
    record->headers = headers;
    return made;
}

static int32_t choose_partition(struct sim_broker *broker, const struct fy_record *record)
{
    if (record->partition >= 0)
        return record->partition;
    if (record->key == NULL)
        return broker->round_robin++ % broker->partition_count;
    return (int32_t)fy_murmur2_partition(record->key, record->key_bytes,
                                         (uint32_t)broker->partition_count);
}

static void append(struct sim_broker *broker, struct sim_topic *topic, struct sim_record *made)
{
    struct fy_record *record = &made->record;
    record->topic = topic->name;
    record->partition = choose_partition(broker, record);
    struct sim_partition *partition = &topic->partitions[record->partition];
    if (partition->end == partition->capacity) {
        partition->capacity = partition->capacity > 0 ? 2 * partition->capacity : 64;
        partition->records = fy_realloc(partition->records,
                                        (size_t)partition->capacity * sizeof(struct sim_record *));
    }
    record->offset = partition->end;
    partition->records[partition->end++] = made;
    sim_consumers_notice(broker, topic);
}

/* ------------------------------------------------------------------ publishing */

static size_t headers_bytes(const struct fy_record *record)
{
    size_t bytes = 0;
    for (size_t i = 0; i < record->header_count; i++)
        bytes += strlen(record->headers[i].name) + record->headers[i].value_bytes;
    return bytes;
}

static enum fy_code check(struct sim_broker *broker, const struct fy_record *record,
                          struct fy_err *err)
{
    if (sim_topic_find(broker, record->topic) == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "no topic '%s'", record->topic);
    if (record->key_bytes + record->value_bytes > FY_RECORD_BYTES_MAX ||
        headers_bytes(record) > FY_QUEUE_HEADERS_BYTES_MAX)
        return fy_err_set(err, FY_ETOOBIG, "a record is too long");
    if (record->header_count > FY_HEADERS_MAX || record->partition >= broker->partition_count)
        return fy_err_set(err, FY_EINPUT, "too many headers, or no such partition");
    return FY_OK;
}

static enum fy_code publish(struct fy_queue *port, const struct fy_record *records, size_t count,
                            fy_publish_done_fn *done, void *arg, struct fy_err *err)
{
    struct sim_queue *self = sim_queue_from(port);
    struct sim_broker *broker = self->broker;
    for (size_t i = 0; i < count; i++)
        if (check(broker, &records[i], err) != FY_OK)
            return err->code;
    if (self->closing)
        return fy_err_set(err, FY_ECANCELLED, "the queue is closing");
    if (fiber_chance(broker->faults.refuse_one_of))
        return fy_err_set(err, fiber_chance(2) ? FY_EFULL : FY_EBUSY, "sim: refused");
    struct sim_publish *publish = fy_alloc(sizeof(*publish));
    *publish = (struct sim_publish){
        .count = count, .done = done, .arg = arg, .since_us = fy_queue_numbers_now_us()};
    publish->records = fy_alloc(count * sizeof(struct sim_record *));
    publish->topics = fy_alloc(count * sizeof(struct sim_topic *));
    for (size_t i = 0; i < count; i++) {
        publish->records[i] = record_new(&records[i], fy_wall_ms(broker->clock));
        publish->topics[i] = sim_topic_find(broker, records[i].topic);
    }
    *self->last_next = publish;
    self->last_next = &publish->next;
    fiber_wake(self);
    return FY_OK;
}

/* The first count records are with the broker from now on. */
static void arrive(struct sim_broker *broker, struct sim_publish *publish, size_t count)
{
    for (size_t i = 0; i < count; i++)
        append(broker, publish->topics[i], publish->records[i]);
}

static void publish_run(struct sim_queue *self, struct sim_publish *publish)
{
    struct sim_broker *broker = self->broker;
    struct fy_err err = {0};
    size_t accepted = publish->count;
    if (broker->faults.delay_us_max > 0)
        fiber_sleep_us(fiber_some(broker->faults.delay_us_max));
    enum fy_code code = FY_OK;
    if (fiber_chance(broker->faults.fail_one_of)) {
        code = fy_err_set(&err, fiber_chance(3) ? FY_EIO : FY_EBUSY, "sim: not acknowledged");
        accepted = fiber_below((uint32_t)publish->count + 1);
        arrive(broker, publish, fiber_chance(2) ? publish->count : accepted);
    } else {
        arrive(broker, publish, publish->count);
    }
    fiber_trace("queue: %zu records, first to %s: %s", publish->count, publish->topics[0]->name,
                fy_code_name(code));
    publish->arrived = true;
    fiber_yield(); /* a kill here leaves them there, and nobody knows */
    fy_queue_published(&self->port.numbers, publish->since_us, code);
    publish->done(publish->arg, code, accepted, &err);
}

static struct sim_publish *publish_take(struct sim_queue *self)
{
    struct sim_publish *publish = self->first;
    self->first = publish->next;
    if (self->first == NULL)
        self->last_next = &self->first;
    return publish;
}

static void publish_free(struct sim_publish *publish)
{
    free(publish->records); /* the records are the broker's, or forgotten */
    free(publish->topics);
    free(publish);
}

/* The process's thread that takes the broker's acknowledgements. */
static void *reports_main(void *arg)
{
    struct sim_queue *self = arg;
    for (;;) {
        while (self->first == NULL && !self->closing)
            (void)fiber_wait(self, FIBER_FOREVER);
        if (self->first == NULL)
            return NULL;
        publish_run(self, self->first);
        publish_free(publish_take(self));
    }
}

void sim_queue_died(struct fy_queue *port)
{
    struct sim_queue *self = sim_queue_from(port);
    bool flows = true;
    while (self->first != NULL) {
        struct sim_publish *publish = publish_take(self);
        flows = flows && fiber_chance(2);
        if (flows && !publish->arrived)
            arrive(self->broker, publish, fiber_below((uint32_t)publish->count + 1));
        publish_free(publish);
    }
    sim_consumers_died(self);
}

/* ------------------------------------------------------------------ lag, trim, fill, health */

int64_t sim_committed(const struct sim_group *group, const struct sim_topic *topic,
                      int32_t partition)
{
    const struct sim_offset *offset =
        group == NULL ? NULL : &group->offsets[topic->number][partition];
    return offset == NULL || !offset->known ? -1 : offset->offset;
}

static enum fy_code lag(struct fy_queue *port, const char *group_name, const char *name,
                        fy_lag_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct sim_broker *broker = sim_queue_from(port)->broker;
    const struct sim_topic *topic = sim_topic_find(broker, name);
    const struct sim_group *group = sim_group_find(broker, group_name, false);
    if (topic == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "no topic '%s'", name);
    for (int32_t i = 0; i < broker->partition_count; i++) {
        const struct sim_partition *partition = &topic->partitions[i];
        int64_t committed = sim_committed(group, topic, i);
        struct fy_partition_lag row = {
            .partition = i,
            .start_offset = partition->start,
            .end_offset = partition->end,
            .committed_offset = committed < partition->start ? partition->start : committed,
            .text = ""};
        FY_ASSERT(fy_text_copy(row.topic, sizeof(row.topic), name));
        if (committed >= 0)
            row.text = group->offsets[topic->number][i].text;
        if (row.committed_offset < row.end_offset)
            row.oldest_ms = partition->records[row.committed_offset]->record.timestamp_ms;
        if (!visit(arg, &row))
            return FY_OK;
    }
    return FY_OK;
}

/* Below it no group has anything to do; -1: no group has committed here. */
static int64_t done_below(const struct sim_broker *broker, const struct sim_topic *topic, int32_t i)
{
    int64_t least = -1;
    for (size_t g = 0; g < broker->group_count; g++) {
        int64_t committed = sim_committed(&broker->groups[g], topic, i);
        if (committed >= 0 && (least < 0 || committed < least))
            least = committed;
    }
    return least;
}

static enum fy_code trim(struct fy_queue *port, int64_t older_than_ms, struct fy_err *err)
{
    struct sim_broker *broker = sim_queue_from(port)->broker;
    (void)err;
    for (size_t t = 0; t < broker->topic_count; t++) {
        struct sim_topic *topic = &broker->topics[t];
        for (int32_t i = 0; i < broker->partition_count; i++) {
            struct sim_partition *partition = &topic->partitions[i];
            int64_t done = done_below(broker, topic, i);
            while (partition->start < done &&
                   partition->records[partition->start]->record.timestamp_ms < older_than_ms)
                partition->start++;
        }
    }
    return FY_OK;
}

static void fill(struct fy_queue *port, int64_t *used_bytes, int64_t *max_bytes)
{
    (void)port;
    *used_bytes = 0;
    *max_bytes = 0;
}

static enum fy_code health(struct fy_queue *port, struct fy_err *err)
{
    (void)port;
    (void)err;
    return FY_OK;
}

/* ------------------------------------------------------------------ from outside */

int64_t sim_broker_undone(struct sim_broker *broker)
{
    int64_t undone = 0;
    for (size_t t = 0; t < broker->topic_count; t++) {
        const struct sim_topic *topic = &broker->topics[t];
        for (int32_t i = 0; i < broker->partition_count; i++) {
            int64_t done = done_below(broker, topic, i);
            if (done >= 0)
                undone += topic->partitions[i].end - done;
        }
    }
    return undone;
}

void sim_broker_walk(struct sim_broker *broker, const char *name, fy_record_visit_fn *visit,
                     void *arg)
{
    const struct sim_topic *topic = sim_topic_find(broker, name);
    if (topic == NULL)
        return;
    for (int32_t i = 0; i < broker->partition_count; i++)
        for (int64_t at = 0; at < topic->partitions[i].end; at++)
            if (!visit(arg, &topic->partitions[i].records[at]->record))
                return;
}

const char *sim_broker_topic(struct sim_broker *broker, size_t index)
{
    return index < broker->topic_count ? broker->topics[index].name : NULL;
}

/* ------------------------------------------------------------------ life */

static void queue_close(struct fy_queue *port)
{
    struct sim_queue *self = sim_queue_from(port);
    self->closing = true;
    fiber_wake(self);
    fiber_join(self->reports, NULL);
    free(self);
}

static const struct fy_queue_ops sim_queue_ops = {.name = "sim",
                                                  .topic_ensure = topic_ensure,
                                                  .publish = publish,
                                                  .consumer_open = sim_consumer_open,
                                                  .consumer_fd = sim_consumer_fd,
                                                  .consumer_event = sim_consumer_event,
                                                  .consumer_revoked = sim_consumer_revoked,
                                                  .consumer_poll = sim_consumer_poll,
                                                  .consumer_commit = sim_consumer_commit,
                                                  .consumer_close = sim_consumer_close,
                                                  .lag = lag,
                                                  .trim = trim,
                                                  .fill = fill,
                                                  .health = health,
                                                  .close = queue_close};

struct fy_queue *sim_queue_open(struct sim_broker *broker)
{
    struct sim_queue *self = fy_alloc(sizeof(*self));
    self->port.ops = &sim_queue_ops;
    self->broker = broker;
    self->last_next = &self->first;
    self->reports = fiber_start(fiber_group_here(), "queue", reports_main, self, 0);
    return &self->port;
}

struct sim_broker *sim_broker_new(struct fy_clock *clock, int32_t partition_count)
{
    FY_ASSERT(partition_count <= SIM_PARTITIONS_MAX);
    struct sim_broker *broker = fy_alloc(sizeof(*broker));
    broker->clock = clock;
    broker->partition_count = partition_count;
    for (size_t i = 0; i < SIM_TOPICS_MAX; i++)
        broker->topics[i].number = i;
    return broker;
}

void sim_broker_faults(struct sim_broker *broker, const struct sim_queue_faults *faults)
{
    broker->faults = *faults;
}
