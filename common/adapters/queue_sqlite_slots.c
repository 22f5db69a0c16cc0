/* queue_sqlite_slots.c - topics of sites that are gone give their places to new ones. */
/*
 * A topic's number stands in the ids of its records and is its place in memory, so that a topic is
 * never removed: an empty one loses its name, and the next new topic goes on with its offsets. This
 * happens only when the queue is opened, while nobody can have found the topic, and only when more
 * than half of the places are taken, since those that use an empty topic make it again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/adapters/queue_sqlite_impl.h"

static bool is_empty(const struct fy_sqlq_topic *topic)
{
    for (uint32_t i = 0; i < topic->partition_count; i++)
        if (topic->partitions[i].start < topic->partitions[i].end)
            return false;
    return true;
}

static enum fy_code unname(struct fy_sqlq *self, const struct fy_sqlq_topic *topic,
                           struct fy_err *err)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "%c%lld", FY_SQLQ_FREE_MARK, (long long)topic->id);
    enum fy_code code = fy_sqlq_topic_name(self, topic->id, name, err);
    if (code != FY_OK)
        return code;
    fy_sqlq_bind_i64(fy_sqlq_statement(&self->file, FY_SQLQ_PROGRESS_REMOVE), 1, topic->id);
    return fy_sqlq_run(&self->file, FY_SQLQ_PROGRESS_REMOVE, "forget a topic's groups", err);
}

static size_t count_named(const struct fy_sqlq *self)
{
    size_t count = 0;
    for (size_t i = 0; i < atomic_load(&self->topic_count); i++)
        count += atomic_load(&self->topics[i]->named);
    return count;
}

bool fy_sqlq_slots_free(struct fy_sqlq *self)
{
    struct fy_err ignored = {0}; /* a full disk: then at another start */
    struct fy_err *err = &ignored;
    if (count_named(self) <= FY_QUEUE_TOPICS_MAX / 2)
        return false;
    enum fy_code code = fy_sqlq_run(&self->file, FY_SQLQ_BEGIN, "begin", err);
    for (size_t i = 0; i < atomic_load(&self->topic_count) && code == FY_OK; i++)
        if (atomic_load(&self->topics[i]->named) && is_empty(self->topics[i]))
            code = unname(self, self->topics[i], err);
    if (code == FY_OK)
        code = fy_sqlq_run(&self->file, FY_SQLQ_COMMIT, "commit", err);
    if (code != FY_OK)
        (void)!fy_sqlq_run(&self->file, FY_SQLQ_ROLLBACK, "roll back", err);
    return code == FY_OK;
}

enum fy_code fy_sqlq_topic_name(struct fy_sqlq *self, int64_t id, const char *name,
                                struct fy_err *err)
{
    sqlite3_stmt *statement = fy_sqlq_statement(&self->file, FY_SQLQ_TOPIC_NAME);
    fy_sqlq_bind_text(statement, 1, name);
    fy_sqlq_bind_i64(statement, 2, id);
    return fy_sqlq_run(&self->file, FY_SQLQ_TOPIC_NAME, "name a topic", err);
}

void fy_sqlq_topic_take(struct fy_sqlq *self, int64_t id, const char *name)
{
    struct fy_sqlq_topic *topic = self->topics[id - 1];
    FY_ASSERT(!atomic_load(&topic->named));
    bool fits = fy_text_copy(topic->name, sizeof(topic->name), name);
    FY_ASSERT(fits);
    self->topics_free--;
    atomic_store_explicit(&topic->named, true, memory_order_release);
}
