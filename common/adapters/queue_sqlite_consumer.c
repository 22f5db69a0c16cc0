/* queue_sqlite_consumer.c - consumers: joining a group, reading, committing, and being woken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/adapters/queue_sqlite_impl.h"

static const char read_sql[] = "SELECT id, timestamp_ms, key, value, headers FROM records"
                               " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?";

/* Waking. The descriptor is written and cleared under the mutex, where the ends are moved too: a
 * record that comes while it is cleared is seen by whoever takes the mutex second. */

static void wake(struct fy_consumer *self)
{
    /* Fails only when 2^64 wake-ups wait: then it is readable already. */
    (void)!eventfd_write(self->fd, 1);
}

/* Mutex held. */
static bool may_have_more(const struct fy_consumer *self)
{
    if (!self->assigned)
        return true;
    for (size_t i = 0; i < self->topic_count; i++) {
        const struct fy_sqlq_topic *topic = self->topics[i];
        for (uint32_t j = 0; j < topic->partition_count; j++) {
            if (self->positions[i][j] < topic->partitions[j].end)
                return true;
        }
    }
    return false;
}

/* Mutex held. */
static void clear_when_empty(struct fy_consumer *self)
{
    eventfd_t count = 0;
    if (!may_have_more(self))
        (void)!eventfd_read(self->fd, &count); /* EAGAIN: it was clear */
}

static bool consumes_what_grew(const struct fy_consumer *self)
{
    for (size_t i = 0; i < self->topic_count; i++) {
        if (self->topics[i]->grew)
            return true;
    }
    return false;
}

void fy_sqlq_consumers_wake(struct fy_sqlq *self)
{
    for (struct fy_consumer *consumer = self->consumers; consumer != NULL;
         consumer = consumer->next) {
        if (consumes_what_grew(consumer))
            wake(consumer);
    }
    size_t count = atomic_load_explicit(&self->topic_count, memory_order_relaxed);
    for (size_t i = 0; i < count; i++)
        self->topics[i]->grew = false;
}

/* Joining: a row of progress for each partition, with the next epoch. */

struct join_op {
    struct fy_sqlq_op op;
    struct fy_consumer *consumer;
    int32_t epoch;
};

static enum fy_code progress_save(struct fy_sqlq *self, const char *group,
                                  const struct fy_sqlq_partition *partition, int64_t committed,
                                  const char *text, int32_t epoch, struct fy_err *err)
{
    sqlite3_stmt *save = fy_sqlq_statement(&self->file, FY_SQLQ_PROGRESS_SAVE);
    fy_sqlq_bind_text(save, 1, group);
    fy_sqlq_bind_i64(save, 2, partition->topic->id);
    fy_sqlq_bind_i64(save, 3, partition->index);
    fy_sqlq_bind_i64(save, 4, committed);
    fy_sqlq_bind_i64(save, 5, epoch);
    fy_sqlq_bind_text(save, 6, text);
    return fy_sqlq_run(&self->file, FY_SQLQ_PROGRESS_SAVE, "save the offset of a group", err);
}

static enum fy_code join_topic(struct fy_sqlq *self, const struct join_op *join,
                               const struct fy_sqlq_topic *topic, struct fy_err *err)
{
    const char *group = join->consumer->group;
    const struct fy_sqlq_progress *progress = fy_sqlq_progress_find(topic, group);
    enum fy_code code = FY_OK;
    for (uint32_t i = 0; i < topic->partition_count && code == FY_OK; i++) {
        const struct fy_sqlq_partition *partition = &topic->partitions[i];
        int64_t committed =
            progress == NULL ? partition->writer_start : fy_sqlq_committed(progress, i);
        const char *text = progress == NULL ? NULL : progress->marks[i].text;
        code = progress_save(self, group, partition, committed, text, join->epoch, err);
    }
    return code;
}

static enum fy_code join_apply(struct fy_sqlq *self, struct fy_sqlq_op *op, struct fy_err *err)
{
    struct join_op *join = FY_CONTAINER_OF(op, struct join_op, op);
    const struct fy_consumer *consumer = join->consumer;
    join->epoch = 0;
    for (size_t i = 0; i < consumer->topic_count; i++) {
        const struct fy_sqlq_progress *progress =
            fy_sqlq_progress_find(consumer->topics[i], consumer->group);
        if (progress != NULL && progress->epoch > join->epoch)
            join->epoch = progress->epoch;
    }
    join->epoch++;
    enum fy_code code = FY_OK;
    for (size_t i = 0; i < consumer->topic_count && code == FY_OK; i++)
        code = join_topic(self, join, consumer->topics[i], err);
    return code;
}

static void join_adopt(struct fy_sqlq *self, struct fy_sqlq_op *op)
{
    struct join_op *join = FY_CONTAINER_OF(op, struct join_op, op);
    struct fy_consumer *consumer = join->consumer;
    for (size_t i = 0; i < consumer->topic_count; i++) {
        struct fy_sqlq_topic *topic = consumer->topics[i];
        struct fy_sqlq_progress *progress = fy_sqlq_progress_find(topic, consumer->group);
        if (progress == NULL)
            progress = fy_sqlq_progress_new(self, topic, consumer->group);
        progress->epoch = join->epoch;
        for (uint32_t j = 0; j < topic->partition_count; j++)
            consumer->positions[i][j] = fy_sqlq_committed(progress, j);
    }
    consumer->epoch = join->epoch;
}

static const struct fy_sqlq_op_kind join_kind = {"join", join_apply, join_adopt, NULL};

/* Topics of the group that it never had before. Mutex held. */
static size_t count_new(const struct fy_consumer *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->topic_count; i++)
        count += fy_sqlq_progress_find(self->topics[i], self->group) == NULL;
    return count;
}

static bool shares_topic(const struct fy_consumer *a, const struct fy_consumer *b)
{
    for (size_t i = 0; i < a->topic_count; i++) {
        for (size_t j = 0; j < b->topic_count; j++) {
            if (a->topics[i] == b->topics[j])
                return true;
        }
    }
    return false;
}

/* Puts the consumer into the queue's list, where a second one of its group finds it. Mutex held. */
static enum fy_code enlist(struct fy_sqlq *queue, struct fy_consumer *self, struct fy_err *err)
{
    for (const struct fy_consumer *other = queue->consumers; other != NULL; other = other->next) {
        if (strcmp(other->group, self->group) == 0 && shares_topic(other, self))
            return fy_err_set(err, FY_EEXISTS, "group %s has a consumer of that topic already",
                              self->group);
    }
    if (queue->consumer_count >= FY_QUEUE_CONSUMERS_MAX)
        return fy_err_set(err, FY_ETOOBIG, "%zu consumers are open, no more fit",
                          queue->consumer_count);
    if (queue->progress_count + queue->progress_coming + count_new(self) > FY_QUEUE_GROUPS_MAX)
        return fy_err_set(err, FY_ETOOBIG, "the queue knows %zu groups and topics, no more fit",
                          queue->progress_count);
    self->next = queue->consumers;
    queue->consumers = self;
    queue->consumer_count++;
    return FY_OK;
}

/* Mutex held; a consumer that is not in the list is left alone. */
static void delist(struct fy_sqlq *queue, const struct fy_consumer *self)
{
    for (struct fy_consumer **link = &queue->consumers; *link != NULL; link = &(*link)->next) {
        if (*link == self) {
            *link = self->next;
            queue->consumer_count--;
            return;
        }
    }
}

static enum fy_code join(struct fy_consumer *self, struct fy_err *err)
{
    struct fy_sqlq *queue = self->queue;
    pthread_mutex_lock(&queue->mutex);
    enum fy_code code = enlist(queue, self, err);
    size_t coming = code == FY_OK ? count_new(self) : 0;
    queue->progress_coming += coming;
    pthread_mutex_unlock(&queue->mutex);
    if (code != FY_OK)
        return code;

    struct join_op join = {.op.kind = &join_kind, .consumer = self};
    code = fy_sqlq_writer_run(queue, &join.op, err);
    pthread_mutex_lock(&queue->mutex);
    queue->progress_coming -= coming;
    pthread_mutex_unlock(&queue->mutex);
    return code;
}

/* The consumer's topics, with room for its positions. */
static enum fy_code subscribe(struct fy_consumer *self, const char *const *topics,
                              size_t topic_count, struct fy_err *err)
{
    for (size_t i = 0; i < topic_count; i++) {
        struct fy_sqlq_topic *topic = fy_sqlq_topic_find(self->queue, topics[i]);
        if (topic == NULL)
            return fy_err_set(err, FY_ENOTFOUND, "there is no topic %s", topics[i]);
        for (size_t j = 0; j < i; j++) {
            if (self->topics[j] == topic)
                return fy_err_set(err, FY_EINPUT, "topic %s is named twice", topics[i]);
        }
        self->topics[i] = topic;
        self->positions[i] = fy_alloc(topic->partition_count * sizeof(int64_t));
        self->topic_count = i + 1;
        self->partition_count += topic->partition_count;
    }
    self->partitions = fy_alloc(self->partition_count * sizeof(*self->partitions));
    return FY_OK;
}

static enum fy_code consumer_init(struct fy_consumer *self, const char *group,
                                  const char *const *topics, size_t topic_count, struct fy_err *err)
{
    if (group[0] == '\0' || !fy_text_copy(self->group, sizeof(self->group), group))
        return fy_err_set(err, FY_EINPUT, "a group's name has 1 to %d bytes", FY_TOPIC_BYTES_MAX);
    enum fy_code code = subscribe(self, topics, topic_count, err);
    if (code != FY_OK)
        return code;
    self->fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC); /* readable: the assignment waits */
    if (self->fd < 0)
        return fy_err_set(err, FY_EBUSY, "no descriptor for a consumer: %s", strerror(errno));
    code = fy_sqlq_reader_open(self->queue->path, read_sql, &self->db, &self->read, err);
    if (code == FY_OK)
        code = join(self, err);
    return code;
}

enum fy_code fy_sqlq_consumer_open(struct fy_queue *port, const char *group,
                                   const char *const *topics, size_t topic_count,
                                   struct fy_consumer **consumer, struct fy_err *err)
{
    struct fy_consumer *self = fy_alloc(sizeof(*self));
    self->queue = fy_sqlq_from(port);
    self->fd = -1;
    enum fy_code code = consumer_init(self, group, topics, topic_count, err);
    if (code != FY_OK) {
        fy_sqlq_consumer_close(self);
        return fy_err_add(err, "open a consumer of group %s", group);
    }
    *consumer = self;
    return FY_OK;
}

/* Takes half-opened ones too. */
void fy_sqlq_consumer_close(struct fy_consumer *self)
{
    FY_ASSERT(!self->polling);
    pthread_mutex_lock(&self->queue->mutex);
    delist(self->queue, self);
    pthread_mutex_unlock(&self->queue->mutex);
    fy_sqlq_reader_close(&self->db, &self->read);
    if (self->fd >= 0)
        (void)close(self->fd); /* nothing was written to it that could be lost */
    for (size_t i = 0; i < self->topic_count; i++)
        free(self->positions[i]);
    free(self->partitions);
    free(self);
}

int fy_sqlq_consumer_fd(struct fy_consumer *self)
{
    return self->fd;
}

/* The file lock is the membership: one assignment of everything while the consumer lives. */
enum fy_code fy_sqlq_consumer_event(struct fy_consumer *self, struct fy_consumer_event *event,
                                    struct fy_err *err)
{
    (void)err; /* nothing can fail */
    *event = (struct fy_consumer_event){.kind = FY_CONSUMER_NONE, .epoch = self->epoch};
    if (self->assigned)
        return FY_OK;
    size_t count = 0;
    for (size_t i = 0; i < self->topic_count; i++) {
        for (uint32_t j = 0; j < self->topics[i]->partition_count; j++) {
            struct fy_topic_partition *partition = &self->partitions[count++];
            bool fits =
                fy_text_copy(partition->topic, sizeof(partition->topic), self->topics[i]->name);
            FY_ASSERT(fits);
            partition->partition = (int32_t)j;
            partition->offset = self->positions[i][j];
        }
    }
    FY_ASSERT(count == self->partition_count);
    event->kind = FY_CONSUMER_ASSIGN;
    event->partition_count = count;
    event->partitions = self->partitions;
    pthread_mutex_lock(&self->queue->mutex);
    self->assigned = true;
    clear_when_empty(self);
    pthread_mutex_unlock(&self->queue->mutex);
    return FY_OK;
}

/* Never asked for: nothing is ever revoked here. */
void fy_sqlq_consumer_revoked(struct fy_consumer *self)
{
    FY_ASSERT(self->assigned);
}

/* Index of one of the consumer's topics, or topic_count. */
static size_t topic_index(const struct fy_consumer *self, const char *topic)
{
    size_t i = 0;
    while (i < self->topic_count && strcmp(self->topics[i]->name, topic) != 0)
        i++;
    return i;
}

/* SQLite gives NULL for a blob of no bytes; here NULL means absent, so that one gets a pointer. */
static const void *column_bytes(sqlite3_stmt *row, int column, size_t *size_bytes)
{
    if (sqlite3_column_type(row, column) == SQLITE_NULL) {
        *size_bytes = 0;
        return NULL;
    }
    const void *bytes = sqlite3_column_blob(row, column);
    *size_bytes = (size_t)sqlite3_column_bytes(row, column);
    return bytes == NULL ? "" : bytes;
}

/* The row as a record; it borrows the row's bytes and the headers. */
static bool record_of_row(sqlite3_stmt *row, const struct fy_sqlq_partition *partition,
                          struct fy_header headers[static FY_HEADERS_MAX], struct fy_record *record)
{
    *record = (struct fy_record){.topic = partition->topic->name,
                                 .partition = partition->index,
                                 .offset = sqlite3_column_int64(row, 0) - partition->first_id,
                                 .timestamp_ms = sqlite3_column_int64(row, 1),
                                 .headers = headers};
    record->key = column_bytes(row, 2, &record->key_bytes);
    record->value = column_bytes(row, 3, &record->value_bytes);
    size_t packed_bytes = 0;
    const void *packed = column_bytes(row, 4, &packed_bytes);
    return fy_sqlq_headers_unpack(packed, packed_bytes, headers, &record->header_count);
}

/* What one poll reads. */
struct range {
    const struct fy_sqlq_partition *partition;
    int64_t *position; /* moved behind each record that was taken */
    int64_t end;
    size_t records_max;
};

static enum fy_code read_rows(struct fy_consumer *self, const struct range *range,
                              fy_record_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fy_header headers[FY_HEADERS_MAX];
    struct fy_record record;
    size_t count = 0;
    int step = sqlite3_step(self->read);
    for (; step == SQLITE_ROW; step = sqlite3_step(self->read)) {
        if (!record_of_row(self->read, range->partition, headers, &record))
            return fy_err_set(err, FY_EIO, "headers of record %lld are damaged",
                              (long long)record.offset);
        FY_ASSERT(record.offset >= *range->position);
        if (!visit(arg, &record))
            return FY_OK;
        *range->position = record.offset + 1;
        count++;
    }
    if (step != SQLITE_DONE)
        return fy_sqlq_failed(self->db, "read records", err);
    if (count == 0)
        return fy_err_set(err, FY_EIO, "the queue's file is damaged: records from %lld on are gone",
                          (long long)*range->position);
    return FY_OK;
}

static enum fy_code read_range(struct fy_consumer *self, const struct range *range,
                               fy_record_visit_fn *visit, void *arg, struct fy_err *err)
{
    fy_sqlq_bind_i64(self->read, 1, range->partition->first_id + *range->position);
    fy_sqlq_bind_i64(self->read, 2, range->partition->first_id + range->end);
    fy_sqlq_bind_i64(self->read, 3, (int64_t)range->records_max);
    self->polling = true;
    enum fy_code code = read_rows(self, range, visit, arg, err);
    self->polling = false;
    (void)sqlite3_reset(self->read); /* repeats the code of step; ends the read transaction */
    if (code != FY_OK)
        return fy_err_add(err, "poll %s/%d", range->partition->topic->name,
                          range->partition->index);
    return FY_OK;
}

enum fy_code fy_sqlq_consumer_poll(struct fy_consumer *self, const char *topic, int32_t partition,
                                   size_t records_max, fy_record_visit_fn *visit, void *arg,
                                   struct fy_err *err)
{
    FY_ASSERT(self->assigned);
    FY_ASSERT(!self->polling);
    FY_ASSERT(records_max > 0);
    size_t index = topic_index(self, topic);
    if (index == self->topic_count || partition < 0 ||
        partition >= (int32_t)self->topics[index]->partition_count)
        return fy_err_set(err, FY_EINPUT, "%s/%d is not assigned to this consumer", topic,
                          partition);
    struct range range = {.partition = &self->topics[index]->partitions[partition],
                          .position = &self->positions[index][partition],
                          .records_max = records_max};
    enum fy_code code = FY_OK;

    pthread_mutex_lock(&self->queue->mutex);
    range.end = range.partition->end;
    /* A commit ahead of what was polled lets the records between be trimmed. */
    if (*range.position < range.partition->start)
        *range.position = range.partition->start;
    pthread_mutex_unlock(&self->queue->mutex);

    if (*range.position < range.end)
        code = read_range(self, &range, visit, arg, err);

    pthread_mutex_lock(&self->queue->mutex);
    clear_when_empty(self);
    pthread_mutex_unlock(&self->queue->mutex);
    return code;
}

/* Committing. */

struct commit_op {
    struct fy_sqlq_op op;
    const struct fy_consumer *consumer;
    const struct fy_topic_partition *offsets;
    size_t count;
};

/* The progress an offset belongs to. Writer thread. */
static struct fy_sqlq_progress *progress_of(const struct commit_op *commit, size_t index)
{
    const struct fy_consumer *consumer = commit->consumer;
    size_t topic = topic_index(consumer, commit->offsets[index].topic);
    FY_ASSERT(topic < consumer->topic_count);
    struct fy_sqlq_progress *progress =
        fy_sqlq_progress_find(consumer->topics[topic], consumer->group);
    FY_ASSERT(progress != NULL);
    return progress;
}

static enum fy_code commit_apply(struct fy_sqlq *self, struct fy_sqlq_op *op, struct fy_err *err)
{
    struct commit_op *commit = FY_CONTAINER_OF(op, struct commit_op, op);
    enum fy_code code = FY_OK;
    for (size_t i = 0; i < commit->count && code == FY_OK; i++) {
        const struct fy_topic_partition *offset = &commit->offsets[i];
        const struct fy_sqlq_progress *progress = progress_of(commit, i);
        code = progress_save(self, progress->group, &progress->topic->partitions[offset->partition],
                             offset->offset, offset->text, progress->epoch, err);
    }
    return code;
}

static void commit_adopt(struct fy_sqlq *self, struct fy_sqlq_op *op)
{
    struct commit_op *commit = FY_CONTAINER_OF(op, struct commit_op, op);
    (void)self;
    for (size_t i = 0; i < commit->count; i++)
        fy_sqlq_mark(progress_of(commit, i), commit->offsets[i].partition,
                     commit->offsets[i].offset, commit->offsets[i].text);
}

static const struct fy_sqlq_op_kind commit_kind = {"commit offsets", commit_apply, commit_adopt,
                                                   NULL};

/* Mutex held. */
static enum fy_code check_offset(const struct fy_consumer *self,
                                 const struct fy_topic_partition *offset, struct fy_err *err)
{
    size_t index = topic_index(self, offset->topic);
    if (index == self->topic_count || offset->partition < 0 ||
        offset->partition >= (int32_t)self->topics[index]->partition_count)
        return fy_err_set(err, FY_EINPUT, "%s/%d is not assigned to this consumer", offset->topic,
                          offset->partition);
    const struct fy_sqlq_partition *partition = &self->topics[index]->partitions[offset->partition];
    if (offset->offset < partition->start || offset->offset > partition->end)
        return fy_err_set(err, FY_EINPUT, "%s/%d holds %lld to %lld, not %lld", offset->topic,
                          offset->partition, (long long)partition->start, (long long)partition->end,
                          (long long)offset->offset);
    return FY_OK;
}

enum fy_code fy_sqlq_consumer_commit(struct fy_consumer *self,
                                     const struct fy_topic_partition *offsets, size_t count,
                                     struct fy_err *err)
{
    enum fy_code code = FY_OK;
    pthread_mutex_lock(&self->queue->mutex);
    for (size_t i = 0; i < count && code == FY_OK; i++)
        code = check_offset(self, &offsets[i], err);
    pthread_mutex_unlock(&self->queue->mutex);
    if (code != FY_OK || count == 0)
        return code;
    struct commit_op commit = {
        .op.kind = &commit_kind, .consumer = self, .offsets = offsets, .count = count};
    return fy_sqlq_writer_run(self->queue, &commit.op, err);
}
