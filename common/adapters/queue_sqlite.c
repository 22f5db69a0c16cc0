/* queue_sqlite.c - the queue port on one SQLite file: open, close, topics, lag, the table. */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/queue_sqlite_impl.h"

static const char lag_sql[] =
    "SELECT timestamp_ms FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT 1";

/* Making a topic. */

struct topic_op {
    struct fy_sqlq_op op;
    const char *name;
    uint32_t partition_count;
    int64_t id; /* 0: it was there already */
    bool taken; /* the place of one that is gone */
};

static enum fy_code topic_add(struct fy_sqlq *self, struct topic_op *making, struct fy_err *err)
{
    /* The next number, which is also its place in memory: the rows are never deleted. */
    sqlite3_stmt *add = fy_sqlq_statement(&self->file, FY_SQLQ_TOPIC_ADD);
    (void)sqlite3_clear_bindings(add); /* the id; never fails */
    fy_sqlq_bind_text(add, 2, making->name);
    fy_sqlq_bind_i64(add, 3, making->partition_count);
    enum fy_code code = fy_sqlq_run(&self->file, FY_SQLQ_TOPIC_ADD, "add a topic", err);
    if (code == FY_OK)
        making->id = sqlite3_last_insert_rowid(self->file.db);
    return code;
}

static enum fy_code topic_apply(struct fy_sqlq *self, struct fy_sqlq_op *op, struct fy_err *err)
{
    struct topic_op *making = FY_CONTAINER_OF(op, struct topic_op, op);
    bool exists = false;
    int64_t id = 0;
    making->id = 0;
    /* Another thread may have asked for it in this very group commit. */
    fy_sqlq_bind_text(fy_sqlq_statement(&self->file, FY_SQLQ_TOPIC_FIND), 1, making->name);
    enum fy_code code =
        fy_sqlq_ask(&self->file, FY_SQLQ_TOPIC_FIND, "look for a topic", &id, &exists, err);
    if (code != FY_OK || exists)
        return code;
    fy_sqlq_bind_i64(fy_sqlq_statement(&self->file, FY_SQLQ_TOPIC_FIND_FREE), 1,
                     making->partition_count);
    code = fy_sqlq_ask(&self->file, FY_SQLQ_TOPIC_FIND_FREE, "look for a free place", &id,
                       &making->taken, err);
    if (code != FY_OK)
        return code;
    if (!making->taken)
        return topic_add(self, making, err);
    making->id = id;
    return fy_sqlq_topic_name(self, id, making->name, err);
}

static void topic_adopt(struct fy_sqlq *self, struct fy_sqlq_op *op)
{
    const struct topic_op *making = FY_CONTAINER_OF(op, struct topic_op, op);
    if (making->id == 0)
        return;
    if (making->taken)
        fy_sqlq_topic_take(self, making->id, making->name);
    else
        fy_sqlq_topic_append(self,
                             fy_sqlq_topic_new(making->id, making->name, making->partition_count));
}

static const struct fy_sqlq_op_kind topic_kind = {"make a topic", topic_apply, topic_adopt, NULL};

static enum fy_code topic_ensure(struct fy_queue *port, const char *topic, struct fy_err *err)
{
    struct fy_sqlq *self = fy_sqlq_from(port);
    if (topic[0] == '\0' || topic[0] == FY_SQLQ_FREE_MARK || strlen(topic) > FY_TOPIC_BYTES_MAX)
        return fy_err_set(err, FY_EINPUT,
                          "a topic's name has 1 to %d bytes and does not begin with '%c'",
                          FY_TOPIC_BYTES_MAX, FY_SQLQ_FREE_MARK);
    if (fy_sqlq_topic_find(self, topic) != NULL)
        return FY_OK;

    pthread_mutex_lock(&self->mutex);
    bool fits = atomic_load(&self->topic_count) - self->topics_free + self->topics_coming <
                FY_QUEUE_TOPICS_MAX;
    self->topics_coming += fits;
    pthread_mutex_unlock(&self->mutex);
    if (!fits)
        return fy_err_set(err, FY_ETOOBIG,
                          "the queue has %d topics, no more fit; a restart gives back the places of"
                          " empty ones",
                          FY_QUEUE_TOPICS_MAX);
    struct topic_op making = {
        .op.kind = &topic_kind, .name = topic, .partition_count = self->partition_count};
    enum fy_code code = fy_sqlq_writer_run(self, &making.op, err);
    pthread_mutex_lock(&self->mutex);
    self->topics_coming--;
    pthread_mutex_unlock(&self->mutex);
    return code;
}

/* Lag. */

/* Where the group stands in each partition, but for the ages. texts: copies for the caller, NULL
 * where none is kept. */
static void lag_snapshot(struct fy_sqlq *self, const struct fy_sqlq_topic *topic, const char *group,
                         struct fy_partition_lag *lags, char **texts)
{
    pthread_mutex_lock(&self->mutex);
    const struct fy_sqlq_progress *progress = fy_sqlq_progress_find(topic, group);
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        const struct fy_sqlq_partition *partition = &topic->partitions[i];
        lags[i].partition = partition->index;
        lags[i].start_offset = partition->start;
        lags[i].end_offset = partition->end;
        lags[i].committed_offset =
            progress == NULL ? partition->start : fy_sqlq_committed(progress, i);
        if (progress != NULL && progress->marks[i].text != NULL)
            texts[i] = fy_strdup(progress->marks[i].text);
    }
    pthread_mutex_unlock(&self->mutex);
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        lags[i].text = texts[i] != NULL ? texts[i] : "";
        bool fits = fy_text_copy(lags[i].topic, sizeof(lags[i].topic), topic->name);
        FY_ASSERT(fits);
    }
}

static enum fy_code lag_oldest(struct fy_sqlq *self, const struct fy_sqlq_partition *partition,
                               struct fy_partition_lag *lag, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    pthread_mutex_lock(&self->lag_mutex);
    fy_sqlq_bind_i64(self->lag_read, 1, partition->first_id + lag->committed_offset);
    fy_sqlq_bind_i64(self->lag_read, 2, partition->first_id + lag->end_offset);
    int step = sqlite3_step(self->lag_read);
    if (step == SQLITE_ROW)
        lag->oldest_ms = sqlite3_column_int64(self->lag_read, 0);
    else if (step != SQLITE_DONE) /* no row: done and trimmed since the snapshot */
        code = fy_sqlq_failed(self->lag_db, "read the oldest record", err);
    (void)sqlite3_reset(self->lag_read); /* repeats the code of step */
    pthread_mutex_unlock(&self->lag_mutex);
    return code;
}

static enum fy_code queue_lag(struct fy_queue *port, const char *group, const char *topic_name,
                              fy_lag_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fy_sqlq *self = fy_sqlq_from(port);
    const struct fy_sqlq_topic *topic = fy_sqlq_topic_find(self, topic_name);
    if (topic == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "there is no topic %s", topic_name);
    struct fy_partition_lag *lags = fy_alloc(topic->partition_count * sizeof(*lags));
    char **texts = fy_alloc(topic->partition_count * sizeof(*texts));
    lag_snapshot(self, topic, group, lags, texts);
    enum fy_code code = FY_OK;
    for (uint32_t i = 0; i < topic->partition_count && code == FY_OK; i++) {
        if (lags[i].committed_offset < lags[i].end_offset)
            code = lag_oldest(self, &topic->partitions[i], &lags[i], err);
        if (code == FY_OK && !visit(arg, &lags[i]))
            break;
    }
    for (uint32_t i = 0; i < topic->partition_count; i++)
        free(texts[i]);
    free(texts);
    free(lags);
    return code;
}

static void queue_fill(struct fy_queue *port, int64_t *used_bytes, int64_t *max_bytes)
{
    struct fy_sqlq *self = fy_sqlq_from(port);
    pthread_mutex_lock(&self->mutex);
    *used_bytes = self->used_bytes;
    pthread_mutex_unlock(&self->mutex);
    *max_bytes = self->bytes_max;
}

/* All but the writer thread; takes half-opened ones too. Readers go first: the writer's connection
 * is the last and so the one that checkpoints. */
static void queue_free(struct fy_sqlq *self)
{
    FY_ASSERT(self->consumers == NULL);
    fy_sqlq_reader_close(&self->lag_db, &self->lag_read);
    fy_sqlq_file_close(&self->file);
    size_t topic_count = atomic_load(&self->topic_count);
    for (size_t i = 0; i < topic_count; i++)
        fy_sqlq_topic_free(self->topics[i]);
    pthread_cond_destroy(&self->work);
    pthread_cond_destroy(&self->settled);
    pthread_mutex_destroy(&self->mutex);
    pthread_mutex_destroy(&self->lag_mutex);
    free(self->path);
    free(self);
}

static void queue_close(struct fy_queue *port)
{
    struct fy_sqlq *self = fy_sqlq_from(port);
    fy_sqlq_writer_stop(self);
    queue_free(self);
}

/* Its file is open. A disk that fails or is full is told by each publish, and by the store. */
static enum fy_code queue_health(struct fy_queue *port, struct fy_err *err)
{
    (void)port;
    (void)err;
    return FY_OK;
}

static const struct fy_queue_ops queue_ops = {
    .name = "sqlite",
    .topic_ensure = topic_ensure,
    .publish = fy_sqlq_publish,
    .consumer_open = fy_sqlq_consumer_open,
    .consumer_fd = fy_sqlq_consumer_fd,
    .consumer_event = fy_sqlq_consumer_event,
    .consumer_revoked = fy_sqlq_consumer_revoked,
    .consumer_poll = fy_sqlq_consumer_poll,
    .consumer_commit = fy_sqlq_consumer_commit,
    .consumer_close = fy_sqlq_consumer_close,
    .lag = queue_lag,
    .trim = fy_sqlq_trim,
    .fill = queue_fill,
    .health = queue_health,
    .close = queue_close,
};

static struct fy_sqlq *queue_new(const struct fy_queue_sqlite_settings *settings)
{
    struct fy_sqlq *self = fy_alloc(sizeof(*self));
    pthread_condattr_t monotonic;
    self->port.ops = &queue_ops;
    self->clock = settings->clock;
    self->path = fy_strdup(settings->path);
    self->partition_count = settings->partition_count;
    self->bytes_max = settings->bytes_max == 0 ? FY_QUEUE_BYTES_DEFAULT : settings->bytes_max;
    self->moves_bytes = self->bytes_max / FY_QUEUE_MOVES_PART;
    if (self->moves_bytes < FY_QUEUE_MOVES_BYTES_MIN)
        self->moves_bytes = FY_QUEUE_MOVES_BYTES_MIN;
    self->file.lock_fd = -1;
    self->last = &self->first;
    /* None of these fails on Linux with plain attributes. */
    pthread_mutex_init(&self->mutex, NULL);
    pthread_mutex_init(&self->lag_mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->work, &monotonic);
    pthread_cond_init(&self->settled, NULL);
    pthread_condattr_destroy(&monotonic);
    return self;
}

enum fy_code fy_queue_sqlite_open(const struct fy_queue_sqlite_settings *settings,
                                  struct fy_queue **queue, struct fy_err *err)
{
    FY_ASSERT(settings->partition_count >= 1);
    FY_ASSERT(settings->partition_count <= FY_PARTITIONS_MAX);
    FY_ASSERT(settings->bytes_max >= 0);
    struct fy_sqlq *self = queue_new(settings);
    enum fy_code code =
        fy_sqlq_file_open(&self->file, self->path, self->bytes_max + self->moves_bytes, err);
    if (code == FY_OK)
        code = fy_sqlq_load(self, err);
    if (code == FY_OK)
        code = fy_sqlq_reader_open(self->path, lag_sql, &self->lag_db, &self->lag_read, err);
    if (code == FY_OK)
        code = fy_sqlq_writer_start(self, err);
    if (code != FY_OK) {
        queue_free(self);
        return fy_err_add(err, "open the queue %s", settings->path);
    }
    *queue = &self->port;
    return FY_OK;
}
