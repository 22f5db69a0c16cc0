/* queue_sqlite_trim.c - done records on their way out. */
#include "common/adapters/queue_sqlite_impl.h"

/* Below it every group of the topic is done; the start when there is no group. Writer thread. */
static int64_t done_below(const struct fy_sqlq_partition *partition)
{
    const struct fy_sqlq_progress *progress = partition->topic->progress;
    if (progress == NULL)
        return partition->start;
    int64_t least = partition->end;
    for (; progress != NULL; progress = progress->next) {
        if (progress->marks[partition->index].committed < least)
            least = progress->marks[partition->index].committed;
    }
    return least;
}

/* Moves *until down to the first record from the start on that is young enough to be kept. */
static enum fy_code stop_at_young(struct fy_sqlq *self, const struct fy_sqlq_partition *partition,
                                  int64_t older_than_ms, int64_t *until, struct fy_err *err)
{
    int64_t young_id = 0;
    bool found = false;
    sqlite3_stmt *find = fy_sqlq_statement(&self->file, FY_SQLQ_RECORD_FIND_YOUNG);
    fy_sqlq_bind_i64(find, 1, partition->first_id + partition->writer_start);
    fy_sqlq_bind_i64(find, 2, partition->first_id + *until);
    fy_sqlq_bind_i64(find, 3, older_than_ms);
    enum fy_code code = fy_sqlq_ask(&self->file, FY_SQLQ_RECORD_FIND_YOUNG, "look for old records",
                                    &young_id, &found, err);
    if (code == FY_OK && found)
        *until = young_id - partition->first_id;
    return code;
}

static enum fy_code trim_partition(struct fy_sqlq *self, struct fy_sqlq_trim_op *trim,
                                   struct fy_sqlq_partition *partition, struct fy_err *err)
{
    int64_t budget = FY_QUEUE_TRIM_ROWS - (int64_t)trim->trimmed_count;
    int64_t until = done_below(partition);
    if (until > partition->writer_start + budget)
        until = partition->writer_start + budget;
    if (until <= partition->writer_start)
        return FY_OK;
    enum fy_code code = FY_OK;
    if (trim->older_than_ms != INT64_MAX)
        code = stop_at_young(self, partition, trim->older_than_ms, &until, err);
    if (code != FY_OK || until <= partition->writer_start)
        return code;

    sqlite3_stmt *erase = fy_sqlq_statement(&self->file, FY_SQLQ_RECORDS_REMOVE);
    fy_sqlq_bind_i64(erase, 1, partition->first_id + partition->writer_start);
    fy_sqlq_bind_i64(erase, 2, partition->first_id + until);
    code = fy_sqlq_run(&self->file, FY_SQLQ_RECORDS_REMOVE, "remove done records", err);
    if (code != FY_OK)
        return code;
    trim->trimmed_count += (size_t)(until - partition->writer_start);
    fy_sqlq_writer_touch(self, partition);
    partition->writer_start = until;
    return FY_OK;
}

static enum fy_code trim_apply(struct fy_sqlq *self, struct fy_sqlq_op *op, struct fy_err *err)
{
    struct fy_sqlq_trim_op *trim = FY_CONTAINER_OF(op, struct fy_sqlq_trim_op, op);
    size_t topic_count = atomic_load_explicit(&self->topic_count, memory_order_relaxed);
    trim->trimmed_count = 0;
    for (size_t i = 0; i < topic_count; i++) {
        struct fy_sqlq_topic *topic = self->topics[i];
        for (uint32_t j = 0; j < topic->partition_count; j++) {
            enum fy_code code = trim_partition(self, trim, &topic->partitions[j], err);
            if (code != FY_OK)
                return code;
        }
    }
    FY_ASSERT(trim->trimmed_count <= FY_QUEUE_TRIM_ROWS);
    return FY_OK;
}

static const struct fy_sqlq_op_kind trim_kind = {"trim", trim_apply, NULL, NULL};

void fy_sqlq_trim_op_init(struct fy_sqlq_trim_op *trim, int64_t older_than_ms)
{
    *trim = (struct fy_sqlq_trim_op){.op.kind = &trim_kind, .older_than_ms = older_than_ms};
}

/* Step by step, so that publishes go on between. */
enum fy_code fy_sqlq_trim(struct fy_queue *port, int64_t older_than_ms, struct fy_err *err)
{
    struct fy_sqlq *self = fy_sqlq_from(port);
    for (size_t step = 0; step < FY_QUEUE_TRIM_STEPS; step++) {
        struct fy_sqlq_trim_op trim;
        fy_sqlq_trim_op_init(&trim, older_than_ms);
        enum fy_code code = fy_sqlq_writer_run(self, &trim.op, err);
        if (code != FY_OK)
            return code;
        if (trim.trimmed_count < FY_QUEUE_TRIM_ROWS)
            return FY_OK;
    }
    return FY_OK;
}
