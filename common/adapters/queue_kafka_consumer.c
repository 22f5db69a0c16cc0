/* queue_kafka_consumer.c - groups: reading, waking, leaving. */
#include "common/adapters/queue_kafka_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/core/log.h"

#define CLOSE_POLL_MS 100

/* ------------------------------------------------------------------ the descriptor */

static const uint64_t one = 1;

/* Neither can fail but for a counter at its end, which is readable too. */
static void fd_set_readable(struct fy_consumer *self)
{
    if (write(self->fd, &one, sizeof(one)) < 0)
        FY_ASSERT(errno == EAGAIN);
}

static void fd_clear(struct fy_consumer *self)
{
    uint64_t count;
    if (read(self->fd, &count, sizeof(count)) < 0)
        FY_ASSERT(errno == EAGAIN);
}

static bool something_waits(const struct fy_consumer *self)
{
    if (rd_kafka_queue_length(self->events) > 0)
        return true;
    for (size_t i = 0; i < self->part_count; i++)
        if (self->parts[i].held != NULL || rd_kafka_queue_length(self->parts[i].queue) > 0)
            return true;
    return false;
}

/* The library writes to the descriptor when a queue that was empty gets something. Clearing comes
 * first and looking second, so that what arrives in between is seen by one of them. */
void fy_kq_consumer_quiet(struct fy_consumer *self)
{
    fd_clear(self);
    if (something_waits(self))
        fd_set_readable(self);
}

int fy_kq_consumer_fd(struct fy_consumer *self)
{
    return self->fd;
}

/* ------------------------------------------------------------------ reading */

static struct fy_kq_part *find_part(struct fy_consumer *self, const char *topic, int32_t partition)
{
    for (size_t n = 0; n < self->part_count; n++) {
        size_t i = (self->next_part + n) % self->part_count;
        struct fy_kq_part *part = &self->parts[i];
        if (part->id.partition == partition && strcmp(part->id.topic, topic) == 0) {
            self->next_part = i + 1; /* callers go through them in order */
            return part;
        }
    }
    return NULL;
}

/* Headers beyond the bound are left out: only a foreign producer writes so many. */
static size_t take_headers(const rd_kafka_message_t *message,
                           struct fy_header headers[static FY_HEADERS_MAX])
{
    rd_kafka_headers_t *found = NULL;
    size_t count = 0;
    if (rd_kafka_message_headers(message, &found) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    while (count < FY_HEADERS_MAX &&
           rd_kafka_header_get_all(found, count, &headers[count].name, &headers[count].value,
                                   &headers[count].value_bytes) == RD_KAFKA_RESP_ERR_NO_ERROR)
        count++;
    return count;
}

static size_t block_bytes(const struct fy_record *record)
{
    size_t size_bytes = sizeof(*record) + record->header_count * sizeof(*record->headers) +
                        record->key_bytes + record->value_bytes;
    for (size_t i = 0; i < record->header_count; i++)
        size_bytes += strlen(record->headers[i].name) + 1 + record->headers[i].value_bytes;
    return size_bytes;
}

/* Copies bytes to *end and moves it on; NULL stays NULL. */
static const void *put(char **end, const void *bytes, size_t size_bytes)
{
    char *at = *end;
    if (bytes == NULL)
        return NULL;
    if (size_bytes > 0)
        memcpy(at, bytes, size_bytes);
    *end += size_bytes;
    return at;
}

/* A copy in one block: a message of the library would keep its whole fetch in memory, and its
 * partition from being let go. */
static struct fy_record *record_copy(const struct fy_record *record)
{
    struct fy_record *copy = fy_alloc(block_bytes(record) + 1);
    struct fy_header *headers = (struct fy_header *)(copy + 1);
    char *end = (char *)(headers + record->header_count);
    *copy = *record;
    copy->headers = headers;
    for (size_t i = 0; i < record->header_count; i++) {
        const struct fy_header *from = &record->headers[i];
        headers[i].name = put(&end, from->name, strlen(from->name) + 1);
        headers[i].value = put(&end, from->value, from->value_bytes);
        headers[i].value_bytes = from->value_bytes;
    }
    copy->key = put(&end, record->key, record->key_bytes);
    copy->value = put(&end, record->value, record->value_bytes);
    return copy;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* false: visit has refused it, and it is held for the next poll. What a foreign producer made
 * longer than ours may be is cut: it is poison either way. */
static bool give_message(struct fy_kq_part *part, const rd_kafka_message_t *message,
                         fy_record_visit_fn *visit, void *arg)
{
    struct fy_header headers[FY_HEADERS_MAX];
    rd_kafka_timestamp_type_t kind;
    size_t key_bytes = smaller(message->key_len, FY_RECORD_BYTES_MAX);
    const struct fy_record record = {
        .topic = part->id.topic,
        .partition = part->id.partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, &kind),
        .key = message->key,
        .key_bytes = key_bytes,
        .value = message->payload,
        .value_bytes = smaller(message->len, FY_RECORD_BYTES_MAX - key_bytes),
        .headers = headers,
        .header_count = take_headers(message, headers),
    };
    if (visit(arg, &record))
        return true;
    part->held = record_copy(&record);
    return false;
}

static bool give_held(struct fy_kq_part *part, fy_record_visit_fn *visit, void *arg)
{
    if (part->held == NULL)
        return true;
    if (!visit(arg, part->held))
        return false;
    free(part->held);
    part->held = NULL;
    return true;
}

enum step { STEP_GIVEN, STEP_REFUSED, STEP_EMPTY, STEP_NOTHING, STEP_FAILED };

/* The next of a partition's own queue. */
static enum step step(struct fy_consumer *self, struct fy_kq_part *part, fy_record_visit_fn *visit,
                      void *arg, struct fy_err *err)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(part->queue, 0);
    enum step result = STEP_NOTHING;
    if (event == NULL)
        return STEP_EMPTY;
    const rd_kafka_message_t *message = rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH
                                            ? rd_kafka_event_message_next(event)
                                            : NULL;
    rd_kafka_resp_err_t error = message != NULL ? message->err : rd_kafka_event_error(event);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)fy_kq_failed(err, error, NULL, "read");
        result = STEP_FAILED;
    } else if (message != NULL) {
        fy_kq_gap_first(self, part, message->offset);
        result = give_message(part, message, visit, arg) ? STEP_GIVEN : STEP_REFUSED;
    }
    rd_kafka_event_destroy(event);
    return result;
}

/* Every partition was empty in its turn: the descriptor may rest. */
static void found_empty(struct fy_consumer *self)
{
    if (++self->empty_count < self->part_count)
        return;
    self->empty_count = 0;
    fy_kq_consumer_quiet(self);
}

static enum fy_code poll_part(struct fy_consumer *self, struct fy_kq_part *part, size_t records_max,
                              fy_record_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fy_err failure = {0};
    size_t count = part->held != NULL;
    if (!give_held(part, visit, arg))
        return FY_OK;
    while (count < records_max) {
        switch (step(self, part, visit, arg, &failure)) {
        case STEP_GIVEN:
            self->empty_count = 0;
            count++;
            break;
        case STEP_NOTHING:
            break;
        case STEP_REFUSED:
            self->empty_count = 0;
            return FY_OK;
        case STEP_EMPTY:
            found_empty(self);
            return FY_OK;
        case STEP_FAILED:
            return fy_err_set(err, FY_EBUSY, "%s", failure.text);
        }
    }
    return FY_OK;
}

enum fy_code fy_kq_consumer_poll(struct fy_consumer *self, const char *topic, int32_t partition,
                                 size_t records_max, fy_record_visit_fn *visit, void *arg,
                                 struct fy_err *err)
{
    FY_ASSERT(!self->polling); /* visit must not poll */
    struct fy_kq_part *part = find_part(self, topic, partition);
    if (part == NULL)
        return fy_err_set(err, FY_EINPUT, "topic %s, partition %d: not assigned", topic,
                          (int)partition);
    self->polling = true;
    enum fy_code code = poll_part(self, part, records_max, visit, arg, err);
    self->polling = false;
    return code;
}

/* ------------------------------------------------------------------ joining and leaving */

static rd_kafka_topic_partition_list_t *subscription(struct fy_consumer *self)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)self->topic_count);
    for (size_t i = 0; i < self->topic_count; i++) {
        char full[FY_TOPIC_BYTES_MAX + 1];
        fy_kq_name(self->queue, self->topics[i], full);
        rd_kafka_topic_partition_list_add(list, full, RD_KAFKA_PARTITION_UA);
    }
    return list;
}

enum fy_code fy_kq_consumer_join(struct fy_consumer *self, struct fy_err *err)
{
    enum fy_code code = fy_kq_handle_new(self->queue, FY_KQ_CONSUMER, self->group,
                                         RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR |
                                             RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_FETCH,
                                         &self->rk, err);
    if (code != FY_OK)
        return code;
    rd_kafka_poll_set_consumer(self->rk); /* one queue for errors and assignments */
    self->events = rd_kafka_queue_get_consumer(self->rk);
    self->replies = rd_kafka_queue_new(self->rk);
    rd_kafka_queue_io_event_enable(self->events, self->fd, &one, sizeof(one));
    rd_kafka_topic_partition_list_t *list = subscription(self);
    rd_kafka_resp_err_t error = rd_kafka_subscribe(self->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return FY_OK;
    fy_kq_consumer_leave(self);
    return fy_kq_failed(err, error, NULL, "subscribe");
}

/* A plain close would wait for ever for the answer to a last revoke, which is ours to give. */
static bool close_handle(struct fy_consumer *self)
{
    int64_t deadline_ms = fy_kq_now_ms() + FY_KAFKA_CLOSE_MS;
    if (self->revoking)
        fy_kq_consumer_revoked(self);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(self->rk, self->events);
    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return false;
    }
    while (!rd_kafka_consumer_closed(self->rk)) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(self->events, CLOSE_POLL_MS);
        if (event != NULL && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
            fy_kq_parts_free(self);
            (void)rd_kafka_assign(self->rk, NULL); /* it fails when there is nothing to give back */
        }
        if (event != NULL)
            rd_kafka_event_destroy(event);
        if (fy_kq_now_ms() > deadline_ms)
            return false;
    }
    return true;
}

void fy_kq_consumer_leave(struct fy_consumer *self)
{
    if (self->rk == NULL)
        return;
    bool closed = close_handle(self);
    if (!closed)
        fy_log(NULL, FY_WARN, "kafka.group_not_left", fy_kv_str("group", self->group));
    fy_kq_parts_free(self);
    if (self->given != NULL)
        rd_kafka_topic_partition_list_destroy(self->given);
    self->given = NULL;
    rd_kafka_queue_io_event_enable(self->events, -1, NULL, 0);
    rd_kafka_queue_destroy(self->events);
    rd_kafka_queue_destroy(self->replies);
    /* Whoever could not leave is missed after session.timeout.ms. */
    rd_kafka_destroy_flags(self->rk, closed ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    self->rk = NULL;
    self->commit_owed = false;
}

static enum fy_code check_topics(struct fy_consumer *self, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    for (size_t i = 0; code == FY_OK && i < self->topic_count; i++) {
        char full[FY_TOPIC_BYTES_MAX + 1];
        uint32_t count = 0;
        fy_kq_name(self->queue, self->topics[i], full);
        code = fy_kq_ask_partitions(self->queue, full, FY_KAFKA_ADMIN_MS, &count, err);
    }
    return code;
}

enum fy_code fy_kq_consumer_open(struct fy_queue *port, const char *group,
                                 const char *const *topics, size_t topic_count,
                                 struct fy_consumer **consumer, struct fy_err *err)
{
    struct fy_kafka *queue = fy_kq_from(port);
    struct fy_consumer *self = fy_alloc(sizeof(*self));
    char full[FY_TOPIC_BYTES_MAX + 1];
    fy_kq_name(queue, group, full);
    self->queue = queue;
    self->group = fy_strdup(full);
    self->topic_count = topic_count;
    for (size_t i = 0; i < topic_count; i++)
        FY_ASSERT(fy_text_copy(self->topics[i], sizeof(self->topics[i]), topics[i]));
    self->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); /* blocking, it would hang the library */
    enum fy_code code = FY_OK;
    if (self->fd < 0)
        code = fy_err_set(err, FY_EINTERNAL, "eventfd: %s", strerror(errno));
    if (code == FY_OK)
        code = check_topics(self, err);
    if (code == FY_OK)
        code = fy_kq_consumer_join(self, err);
    if (code != FY_OK) {
        fy_kq_consumer_close(self);
        return code;
    }
    *consumer = self;
    return FY_OK;
}

void fy_kq_consumer_close(struct fy_consumer *self)
{
    fy_kq_consumer_leave(self);
    if (self->fd >= 0)
        (void)close(self->fd); /* an eventfd has nothing to lose */
    free(self->partitions);
    free(self->group);
    free(self);
}
