/* fake_queue.c - arrays of records under one mutex. */
#include "tests/support/fake_queue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/core/order.h"

#define TOPICS_MAX 8
#define EVENTS_MAX 64

struct slot {
    struct fy_record record;
    size_t sequence; /* order of publishing over the topic */
};
struct log {
    struct slot **slots;
    size_t count, capacity;
};
struct topic {
    char name[FY_TOPIC_BYTES_MAX + 1];
    struct log logs[FAKE_PARTITIONS];
    size_t sequence;
};
struct event {
    enum fy_consumer_event_kind kind;
    unsigned bits;
};

struct fy_consumer {
    struct fake_queue *queue;
    struct topic *topic;
    int64_t position[FAKE_PARTITIONS];
    struct fy_topic_partition list[FAKE_PARTITIONS];
    bool open;
};

struct fake_queue {
    struct fy_queue port;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct topic topics[TOPICS_MAX];
    size_t topic_count;
    struct fy_consumer consumer;
    int64_t committed[FAKE_PARTITIONS];
    char texts[FAKE_PARTITIONS][FY_COMMIT_TEXT_BYTES_MAX + 1];
    unsigned owned; /* bits */
    int32_t epoch;
    struct event events[EVENTS_MAX];
    size_t event_first, event_count;
    bool unanswered; /* a revoke or loss was taken and waits for its answer */
    bool lost;       /* it is a loss: nothing may be committed */
    int refuse_publishes, fail_publishes, fail_commits;
    int64_t last_ms; /* of the records */
    int fd;
};

static struct fake_queue *from(struct fy_queue *port)
{
    return FY_CONTAINER_OF(port, struct fake_queue, port);
}

static void ring(struct fake_queue *self)
{
    (void)!eventfd_write(self->fd, 1);
}

static struct topic *topic_of(struct fake_queue *self, const char *name)
{
    for (size_t i = 0; i < self->topic_count; i++)
        if (strcmp(self->topics[i].name, name) == 0)
            return &self->topics[i];
    FY_ASSERT(self->topic_count < TOPICS_MAX);
    struct topic *topic = &self->topics[self->topic_count++];
    FY_ASSERT(fy_text_copy(topic->name, sizeof(topic->name), name));
    return topic;
}

static struct slot *slot_new(const struct fy_record *record)
{
    struct slot *slot = fy_alloc(sizeof(*slot));
    slot->record = *record;
    if (record->key != NULL)
        slot->record.key = fy_memdup(record->key, record->key_bytes);
    slot->record.value = fy_memdup(record->value, record->value_bytes);
    struct fy_header *headers = NULL;
    if (record->header_count > 0) {
        headers = fy_alloc(record->header_count * sizeof(*headers));
        for (size_t i = 0; i < record->header_count; i++) {
            headers[i].name = fy_strdup(record->headers[i].name);
            headers[i].value = fy_memdup(record->headers[i].value, record->headers[i].value_bytes);
            headers[i].value_bytes = record->headers[i].value_bytes;
        }
    }
    slot->record.headers = headers;
    return slot;
}

static void free_const(const void *memory)
{
    union {
        const void *borrowed;
        void *owned;
    } both = {.borrowed = memory};
    free(both.owned);
}

static void slot_free(struct slot *slot)
{
    for (size_t i = 0; i < slot->record.header_count; i++) {
        free_const(slot->record.headers[i].name);
        free_const(slot->record.headers[i].value);
    }
    free_const(slot->record.headers);
    free_const(slot->record.key);
    free_const(slot->record.value);
    free(slot);
}

/* Mutex held. No two records of the same millisecond: a record's time is part of what it is. */
static int64_t next_ms(struct fake_queue *self)
{
    int64_t now_ms = fy_wall_ms(fy_clock_system());
    self->last_ms = now_ms > self->last_ms ? now_ms : self->last_ms + 1;
    return self->last_ms;
}

/* Mutex held. */
static int64_t append(struct fake_queue *self, const struct fy_record *record)
{
    struct topic *topic = topic_of(self, record->topic);
    int32_t partition = record->partition;
    if (partition < 0)
        partition =
            record->key == NULL
                ? (int32_t)(topic->sequence % FAKE_PARTITIONS)
                : (int32_t)fy_murmur2_partition(record->key, record->key_bytes, FAKE_PARTITIONS);
    struct log *log = &topic->logs[partition];
    if (log->count == log->capacity) {
        log->capacity = log->capacity == 0 ? 64 : log->capacity * 2;
        log->slots = fy_realloc(log->slots, log->capacity * sizeof(struct slot *));
    }
    struct slot *slot = slot_new(record);
    slot->record.topic = topic->name;
    slot->record.partition = partition;
    slot->record.offset = (int64_t)log->count;
    if (slot->record.timestamp_ms == 0)
        slot->record.timestamp_ms = next_ms(self);
    slot->sequence = topic->sequence++;
    log->slots[log->count++] = slot;
    ring(self);
    return slot->record.offset;
}

/* ------------------------------------------------------------------ the port */

static enum fy_code topic_ensure(struct fy_queue *port, const char *topic, struct fy_err *err)
{
    (void)err;
    struct fake_queue *self = from(port);
    pthread_mutex_lock(&self->mutex);
    (void)topic_of(self, topic);
    pthread_mutex_unlock(&self->mutex);
    return FY_OK;
}

static enum fy_code publish(struct fy_queue *port, const struct fy_record *records, size_t count,
                            fy_publish_done_fn *done, void *arg, struct fy_err *err)
{
    struct fake_queue *self = from(port);
    struct fy_err why = {0};
    pthread_mutex_lock(&self->mutex);
    if (self->refuse_publishes > 0) {
        self->refuse_publishes--;
        pthread_mutex_unlock(&self->mutex);
        return fy_err_set(err, FY_EFULL, "the queue is full");
    }
    bool fail = self->fail_publishes > 0;
    if (fail) {
        self->fail_publishes--;
        (void)fy_err_set(&why, FY_EFULL, "the queue's disk is full");
    }
    for (size_t i = 0; i < count && !fail; i++)
        (void)append(self, &records[i]);
    pthread_mutex_unlock(&self->mutex);
    done(arg, fail ? FY_EFULL : FY_OK, fail ? 0 : count, &why);
    return FY_OK;
}

static enum fy_code consumer_open(struct fy_queue *port, const char *group,
                                  const char *const *topics, size_t topic_count,
                                  struct fy_consumer **consumer, struct fy_err *err)
{
    (void)group;
    struct fake_queue *self = from(port);
    FY_ASSERT(topic_count == 1);
    if (self->consumer.open)
        return fy_err_set(err, FY_EEXISTS, "one consumer is open");
    pthread_mutex_lock(&self->mutex);
    self->consumer =
        (struct fy_consumer){.queue = self, .topic = topic_of(self, topics[0]), .open = true};
    pthread_mutex_unlock(&self->mutex);
    *consumer = &self->consumer;
    return FY_OK;
}

static int consumer_fd(struct fy_consumer *consumer)
{
    return consumer->queue->fd;
}

static void take_event(struct fake_queue *self, struct fy_consumer_event *event)
{
    struct fy_consumer *consumer = &self->consumer;
    struct event next = self->events[self->event_first++ % EVENTS_MAX];
    self->event_count--;
    memset(consumer->list, 0, sizeof(consumer->list));
    event->kind = next.kind;
    event->partitions = consumer->list;
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        if ((next.bits >> i & 1) == 0)
            continue;
        struct fy_topic_partition *entry = &consumer->list[event->partition_count++];
        *entry = (struct fy_topic_partition){.partition = i, .offset = self->committed[i]};
        FY_ASSERT(fy_text_copy(entry->topic, sizeof(entry->topic), consumer->topic->name));
        if (next.kind == FY_CONSUMER_ASSIGN)
            consumer->position[i] = self->committed[i];
    }
    if (next.kind == FY_CONSUMER_ASSIGN) {
        self->owned |= next.bits;
        self->epoch++;
    } else {
        self->unanswered = true;
        self->lost = next.kind == FY_CONSUMER_LOST;
    }
    event->epoch = self->epoch;
}

static enum fy_code consumer_event(struct fy_consumer *consumer, struct fy_consumer_event *event,
                                   struct fy_err *err)
{
    (void)err;
    struct fake_queue *self = consumer->queue;
    *event = (struct fy_consumer_event){.kind = FY_CONSUMER_NONE};
    pthread_mutex_lock(&self->mutex);
    if (self->event_count > 0 && !self->unanswered)
        take_event(self, event);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    return FY_OK;
}

static void consumer_revoked(struct fy_consumer *consumer)
{
    struct fake_queue *self = consumer->queue;
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(self->unanswered);
    self->unanswered = false;
    for (int i = 0; i < FAKE_PARTITIONS; i++)
        for (size_t j = 0; j < FAKE_PARTITIONS; j++)
            if (consumer->list[j].topic[0] != '\0' && consumer->list[j].partition == i)
                self->owned &= ~(1u << i);
    memset(consumer->list, 0, sizeof(consumer->list));
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

/* Mutex held. */
static void clear_when_empty(struct fake_queue *self)
{
    eventfd_t count;
    for (int i = 0; i < FAKE_PARTITIONS; i++)
        if ((self->owned >> i & 1) != 0 &&
            self->consumer.position[i] < (int64_t)self->consumer.topic->logs[i].count)
            return;
    if (self->event_count == 0)
        (void)!eventfd_read(self->fd, &count);
}

static enum fy_code consumer_poll(struct fy_consumer *consumer, const char *topic,
                                  int32_t partition, size_t records_max, fy_record_visit_fn *visit,
                                  void *arg, struct fy_err *err)
{
    (void)topic;
    (void)err;
    struct fake_queue *self = consumer->queue;
    for (size_t i = 0; i < records_max; i++) {
        pthread_mutex_lock(&self->mutex);
        FY_ASSERT((self->owned >> partition & 1) !=
                  0); /* a partition that is not ours is not polled */
        const struct log *log = &consumer->topic->logs[partition];
        int64_t position = consumer->position[partition];
        const struct fy_record *record =
            position < (int64_t)log->count ? &log->slots[position]->record : NULL;
        if (record == NULL)
            clear_when_empty(self);
        pthread_mutex_unlock(&self->mutex);
        if (record == NULL || !visit(arg, record))
            break;
        pthread_mutex_lock(&self->mutex);
        if (consumer->position[partition] == position) /* not rewound meanwhile */
            consumer->position[partition]++;
        pthread_mutex_unlock(&self->mutex);
    }
    return FY_OK;
}

static enum fy_code consumer_commit(struct fy_consumer *consumer,
                                    const struct fy_topic_partition *offsets, size_t count,
                                    struct fy_err *err)
{
    struct fake_queue *self = consumer->queue;
    enum fy_code code = FY_OK;
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(!self->unanswered || !self->lost);
    if (self->fail_commits > 0) {
        self->fail_commits--;
        code = fy_err_set(err, FY_EBUSY, "the broker is away");
    } else {
        for (size_t i = 0; i < count; i++) {
            FY_ASSERT(offsets[i].offset >= self->committed[offsets[i].partition]);
            self->committed[offsets[i].partition] = offsets[i].offset;
            FY_ASSERT(fy_text_copy(self->texts[offsets[i].partition], sizeof(self->texts[0]),
                                   offsets[i].text != NULL ? offsets[i].text : ""));
        }
    }
    pthread_mutex_unlock(&self->mutex);
    return code;
}

static void consumer_close(struct fy_consumer *consumer)
{
    consumer->open = false;
}

static enum fy_code lag(struct fy_queue *port, const char *group, const char *topic,
                        fy_lag_visit_fn *visit, void *arg, struct fy_err *err)
{
    (void)port, (void)group, (void)topic, (void)visit, (void)arg;
    return fy_err_set(err, FY_ENOTFOUND, "the fake counts no lag");
}

static enum fy_code trim(struct fy_queue *port, int64_t older_than_ms, struct fy_err *err)
{
    (void)port, (void)older_than_ms, (void)err;
    return FY_OK;
}

static void fill(struct fy_queue *port, int64_t *used_bytes, int64_t *max_bytes)
{
    (void)port;
    *used_bytes = *max_bytes = 0;
}

static enum fy_code health(struct fy_queue *port, struct fy_err *err)
{
    (void)port;
    (void)err;
    return FY_OK;
}

static void port_close(struct fy_queue *port)
{
    (void)port;
}

static const struct fy_queue_ops fake_ops = {
    .name = "fake",
    .topic_ensure = topic_ensure,
    .publish = publish,
    .consumer_open = consumer_open,
    .consumer_fd = consumer_fd,
    .consumer_event = consumer_event,
    .consumer_revoked = consumer_revoked,
    .consumer_poll = consumer_poll,
    .consumer_commit = consumer_commit,
    .consumer_close = consumer_close,
    .lag = lag,
    .trim = trim,
    .fill = fill,
    .health = health,
    .close = port_close,
};

/* ------------------------------------------------------------------ the test's side */

struct fake_queue *fake_queue_new(void)
{
    struct fake_queue *self = fy_alloc(sizeof(*self));
    self->port.ops = &fake_ops;
    FY_ASSERT(pthread_mutex_init(&self->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&self->changed, NULL) == 0);
    self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    FY_ASSERT(self->fd >= 0);
    return self;
}

static void empty(struct topic *topic)
{
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        struct log *log = &topic->logs[i];
        for (size_t k = 0; k < log->count; k++)
            slot_free(log->slots[k]);
        free(log->slots);
        *log = (struct log){0};
    }
}

void fake_queue_free(struct fake_queue *self)
{
    for (size_t i = 0; i < self->topic_count; i++)
        empty(&self->topics[i]);
    (void)close(self->fd);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

struct fy_queue *fake_queue_port(struct fake_queue *self)
{
    return &self->port;
}

int64_t fake_queue_put(struct fake_queue *self, const char *topic, int32_t partition,
                       const char *key, const void *value, size_t value_bytes)
{
    struct fy_record record = {.topic = topic,
                               .partition = partition,
                               .key = key,
                               .key_bytes = key != NULL ? strlen(key) : 0,
                               .value = value,
                               .value_bytes = value_bytes};
    pthread_mutex_lock(&self->mutex);
    int64_t offset = append(self, &record);
    pthread_mutex_unlock(&self->mutex);
    return offset;
}

void fake_queue_remake(struct fake_queue *self, const char *topic)
{
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(self->owned == 0);
    empty(topic_of(self, topic));
    memset(self->committed, 0, sizeof(self->committed));
    memset(self->texts, 0, sizeof(self->texts));
    pthread_mutex_unlock(&self->mutex);
}

static void push_event(struct fake_queue *self, enum fy_consumer_event_kind kind, unsigned bits)
{
    pthread_mutex_lock(&self->mutex);
    FY_ASSERT(self->event_count < EVENTS_MAX);
    self->events[(self->event_first + self->event_count++) % EVENTS_MAX] =
        (struct event){.kind = kind, .bits = bits};
    ring(self);
    pthread_mutex_unlock(&self->mutex);
}

void fake_queue_assign(struct fake_queue *self, unsigned bits)
{
    push_event(self, FY_CONSUMER_ASSIGN, bits);
}

void fake_queue_revoke(struct fake_queue *self, unsigned bits)
{
    push_event(self, FY_CONSUMER_REVOKE, bits);
}

void fake_queue_lose(struct fake_queue *self, unsigned bits)
{
    push_event(self, FY_CONSUMER_LOST, bits);
}

void fake_queue_settle(struct fake_queue *self)
{
    pthread_mutex_lock(&self->mutex);
    while (self->event_count > 0 || self->unanswered)
        pthread_cond_wait(&self->changed, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
}

void fake_queue_redeliver(struct fake_queue *self, int32_t partition)
{
    pthread_mutex_lock(&self->mutex);
    self->consumer.position[partition] = self->committed[partition];
    ring(self);
    pthread_mutex_unlock(&self->mutex);
}

void fake_queue_refuse_publishes(struct fake_queue *self, int count)
{
    pthread_mutex_lock(&self->mutex);
    self->refuse_publishes = count;
    pthread_mutex_unlock(&self->mutex);
}

void fake_queue_fail_publishes(struct fake_queue *self, int count)
{
    pthread_mutex_lock(&self->mutex);
    self->fail_publishes = count;
    pthread_mutex_unlock(&self->mutex);
}

void fake_queue_fail_commits(struct fake_queue *self, int count)
{
    pthread_mutex_lock(&self->mutex);
    self->fail_commits = count;
    pthread_mutex_unlock(&self->mutex);
}

int64_t fake_queue_committed(struct fake_queue *self, int32_t partition)
{
    pthread_mutex_lock(&self->mutex);
    int64_t offset = self->committed[partition];
    pthread_mutex_unlock(&self->mutex);
    return offset;
}

void fake_queue_text(struct fake_queue *self, int32_t partition,
                     char text[static FY_COMMIT_TEXT_BYTES_MAX + 1])
{
    pthread_mutex_lock(&self->mutex);
    memcpy(text, self->texts[partition], sizeof(self->texts[0]));
    pthread_mutex_unlock(&self->mutex);
}

int64_t fake_queue_end(struct fake_queue *self, const char *topic, int32_t partition)
{
    pthread_mutex_lock(&self->mutex);
    int64_t end = (int64_t)topic_of(self, topic)->logs[partition].count;
    pthread_mutex_unlock(&self->mutex);
    return end;
}

size_t fake_queue_count(struct fake_queue *self, const char *topic)
{
    pthread_mutex_lock(&self->mutex);
    size_t count = topic_of(self, topic)->sequence;
    pthread_mutex_unlock(&self->mutex);
    return count;
}

const struct fy_record *fake_queue_record(struct fake_queue *self, const char *name, size_t n)
{
    const struct fy_record *found = NULL;
    pthread_mutex_lock(&self->mutex);
    struct topic *topic = topic_of(self, name);
    for (int i = 0; i < FAKE_PARTITIONS; i++)
        for (size_t j = 0; j < topic->logs[i].count; j++)
            if (topic->logs[i].slots[j]->sequence == n)
                found = &topic->logs[i].slots[j]->record;
    pthread_mutex_unlock(&self->mutex);
    return found;
}

const char *fake_header(const struct fy_record *record, const char *name)
{
    static _Thread_local char text[1024];
    text[0] = '\0';
    for (size_t i = 0; i < record->header_count; i++)
        if (strcmp(record->headers[i].name, name) == 0)
            (void)snprintf(text, sizeof(text), "%.*s", (int)record->headers[i].value_bytes,
                           (const char *)record->headers[i].value);
    return text;
}
