/* queue_sqlite_load.c - topics, extents and progress of groups: from the file into memory. */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/queue_sqlite_impl.h"

struct fy_sqlq_topic *fy_sqlq_topic_new(int64_t id, const char *name, uint32_t partition_count)
{
    FY_ASSERT(id >= 1);
    FY_ASSERT(id <= FY_QUEUE_TOPICS_MAX);
    FY_ASSERT(partition_count >= 1);
    FY_ASSERT(partition_count <= FY_PARTITIONS_MAX);
    struct fy_sqlq_topic *topic =
        fy_alloc(sizeof(*topic) + partition_count * sizeof(struct fy_sqlq_partition));
    topic->id = id;
    topic->partition_count = partition_count;
    bool fits = fy_text_copy(topic->name, sizeof(topic->name), name != NULL ? name : "");
    FY_ASSERT(fits);
    atomic_init(&topic->named, name != NULL);
    for (uint32_t i = 0; i < partition_count; i++) {
        topic->partitions[i].topic = topic;
        topic->partitions[i].index = (int32_t)i;
        topic->partitions[i].first_id =
            (((id << FY_SQLQ_PARTITION_BITS) | (int64_t)i) << FY_SQLQ_OFFSET_BITS);
    }
    return topic;
}

void fy_sqlq_topic_free(struct fy_sqlq_topic *topic)
{
    while (topic->progress != NULL) {
        struct fy_sqlq_progress *progress = topic->progress;
        topic->progress = progress->next;
        for (uint32_t i = 0; i < topic->partition_count; i++)
            free(progress->marks[i].text);
        free(progress);
    }
    free(topic);
}

void fy_sqlq_topic_append(struct fy_sqlq *self, struct fy_sqlq_topic *topic)
{
    size_t count = atomic_load_explicit(&self->topic_count, memory_order_relaxed);
    FY_ASSERT(count < FY_QUEUE_TOPICS_MAX);
    FY_ASSERT((int64_t)count + 1 == topic->id);
    self->topics[count] = topic;
    atomic_store_explicit(&self->topic_count, count + 1, memory_order_release);
}

struct fy_sqlq_topic *fy_sqlq_topic_find(struct fy_sqlq *self, const char *name)
{
    size_t count = atomic_load_explicit(&self->topic_count, memory_order_acquire);
    for (size_t i = 0; i < count; i++) {
        struct fy_sqlq_topic *topic = self->topics[i];
        if (atomic_load_explicit(&topic->named, memory_order_acquire) &&
            strcmp(topic->name, name) == 0)
            return topic;
    }
    return NULL;
}

struct fy_sqlq_progress *fy_sqlq_progress_new(struct fy_sqlq *self, struct fy_sqlq_topic *topic,
                                              const char *group)
{
    FY_ASSERT(self->progress_count < FY_QUEUE_GROUPS_MAX);
    struct fy_sqlq_progress *progress =
        fy_alloc(sizeof(*progress) + topic->partition_count * sizeof(progress->marks[0]));
    bool fits = fy_text_copy(progress->group, sizeof(progress->group), group);
    FY_ASSERT(fits);
    progress->topic = topic;
    for (uint32_t i = 0; i < topic->partition_count; i++)
        progress->marks[i].committed = topic->partitions[i].start;
    progress->next = topic->progress;
    topic->progress = progress;
    self->progress_count++;
    return progress;
}

struct fy_sqlq_progress *fy_sqlq_progress_find(const struct fy_sqlq_topic *topic, const char *group)
{
    struct fy_sqlq_progress *progress = topic->progress;
    while (progress != NULL && strcmp(progress->group, group) != 0)
        progress = progress->next;
    return progress;
}

void fy_sqlq_mark(struct fy_sqlq_progress *progress, int32_t partition, int64_t committed,
                  const char *text)
{
    struct fy_sqlq_mark *mark = &progress->marks[partition];
    free(mark->text);
    mark->committed = committed;
    mark->text = text != NULL && text[0] != '\0' ? fy_strdup(text) : NULL;
}

int64_t fy_sqlq_committed(const struct fy_sqlq_progress *progress, uint32_t partition)
{
    int64_t start = progress->topic->partitions[partition].start;
    int64_t committed = progress->marks[partition].committed;
    return committed < start ? start : committed;
}

/* One row brought into memory. Errors: FY_EIO the row makes no sense. */
typedef enum fy_code load_row_fn(struct fy_sqlq *self, sqlite3_stmt *row, struct fy_err *err);

static enum fy_code load_rows(struct fy_sqlq *self, const char *sql, load_row_fn *load,
                              struct fy_err *err)
{
    sqlite3_stmt *statement = NULL;
    enum fy_code code = FY_OK;
    if (sqlite3_prepare_v2(self->file.db, sql, -1, &statement, NULL) != SQLITE_OK)
        return fy_sqlq_failed(self->file.db, "read the queue's file", err);
    int step = sqlite3_step(statement);
    for (; step == SQLITE_ROW && code == FY_OK; step = sqlite3_step(statement))
        code = load(self, statement, err);
    if (code == FY_OK && step != SQLITE_DONE)
        code = fy_sqlq_failed(self->file.db, "read the queue's file", err);
    (void)sqlite3_finalize(statement); /* repeats the code of step */
    return code;
}

static enum fy_code damaged(struct fy_err *err, const char *table)
{
    return fy_err_set(err, FY_EIO,
                      "the queue's file is damaged: a row of %s makes no sense; restore it, or move"
                      " it away to begin anew",
                      table);
}

/* id, name, partition_count; in order of id. */
static enum fy_code load_topic(struct fy_sqlq *self, sqlite3_stmt *row, struct fy_err *err)
{
    int64_t id = sqlite3_column_int64(row, 0);
    const char *name = (const char *)sqlite3_column_text(row, 1);
    int64_t partition_count = sqlite3_column_int64(row, 2);
    if (id != (int64_t)atomic_load(&self->topic_count) + 1 || id > FY_QUEUE_TOPICS_MAX)
        return damaged(err, "topics");
    if (name == NULL || strlen(name) > FY_TOPIC_BYTES_MAX)
        return damaged(err, "topics");
    if (partition_count < 1 || partition_count > FY_PARTITIONS_MAX)
        return damaged(err, "topics");
    bool is_free = name[0] == FY_SQLQ_FREE_MARK;
    self->topics_free += is_free && partition_count == (int64_t)self->partition_count;
    fy_sqlq_topic_append(self,
                         fy_sqlq_topic_new(id, is_free ? NULL : name, (uint32_t)partition_count));
    return FY_OK;
}

/* NULL when the file names a topic or partition that is not there. */
static struct fy_sqlq_partition *partition_of(struct fy_sqlq *self, int64_t topic_id,
                                              int64_t partition)
{
    if (topic_id < 1 || topic_id > (int64_t)atomic_load(&self->topic_count))
        return NULL;
    struct fy_sqlq_topic *topic = self->topics[topic_id - 1];
    if (partition < 0 || partition >= (int64_t)topic->partition_count)
        return NULL;
    return &topic->partitions[partition];
}

/* topic, partition, start_offset, end_offset */
static enum fy_code load_partition(struct fy_sqlq *self, sqlite3_stmt *row, struct fy_err *err)
{
    struct fy_sqlq_partition *partition =
        partition_of(self, sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1));
    int64_t start = sqlite3_column_int64(row, 2);
    int64_t end = sqlite3_column_int64(row, 3);
    if (partition == NULL || start < 0 || end < start || end >= FY_SQLQ_OFFSET_MAX)
        return damaged(err, "partitions");
    partition->start = partition->writer_start = start;
    partition->end = partition->writer_end = end;
    return FY_OK;
}

/* group_name, topic, partition, committed, epoch, text */
static enum fy_code load_progress(struct fy_sqlq *self, sqlite3_stmt *row, struct fy_err *err)
{
    const char *group = (const char *)sqlite3_column_text(row, 0);
    struct fy_sqlq_partition *partition =
        partition_of(self, sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2));
    int64_t committed = sqlite3_column_int64(row, 3);
    const char *text = (const char *)sqlite3_column_text(row, 5);
    if (group == NULL || strlen(group) > FY_TOPIC_BYTES_MAX || partition == NULL)
        return damaged(err, "progress");
    if (committed < 0 || committed > partition->end)
        return damaged(err, "progress");
    if (text != NULL && strlen(text) > FY_COMMIT_TEXT_BYTES_MAX)
        return damaged(err, "progress");
    struct fy_sqlq_progress *progress = fy_sqlq_progress_find(partition->topic, group);
    if (progress == NULL) {
        if (self->progress_count >= FY_QUEUE_GROUPS_MAX)
            return damaged(err, "progress");
        progress = fy_sqlq_progress_new(self, partition->topic, group);
    }
    fy_sqlq_mark(progress, partition->index, committed, text);
    progress->epoch = (int32_t)sqlite3_column_int64(row, 4);
    return FY_OK;
}

static enum fy_code load_all(struct fy_sqlq *self, struct fy_err *err)
{
    static const struct {
        const char *sql;
        load_row_fn *load;
    } tables[] = {
        {"SELECT id, name, partition_count FROM topics ORDER BY id", load_topic},
        {"SELECT topic, partition, start_offset, end_offset FROM partitions", load_partition},
        {"SELECT group_name, topic, partition, committed, epoch, text FROM progress",
         load_progress},
    };
    enum fy_code code = FY_OK;
    for (size_t i = 0; i < FY_COUNT_OF(tables) && code == FY_OK; i++)
        code = load_rows(self, tables[i].sql, tables[i].load, err);
    return code;
}

static void unload(struct fy_sqlq *self)
{
    for (size_t i = 0; i < atomic_load(&self->topic_count); i++)
        fy_sqlq_topic_free(self->topics[i]);
    atomic_store(&self->topic_count, 0);
    self->topics_free = 0;
    self->progress_count = 0;
}

enum fy_code fy_sqlq_load(struct fy_sqlq *self, struct fy_err *err)
{
    enum fy_code code = load_all(self, err);
    if (code != FY_OK || !fy_sqlq_slots_free(self))
        return code;
    unload(self);
    return load_all(self, err);
}
