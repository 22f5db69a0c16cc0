/* queue_sqlite_writer.c - the one thread that writes the file: group commits, checkpoints. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "common/adapters/queue_sqlite_impl.h"
#include "common/core/log.h"

/* wake_at_ops while the writer is at work and looks for itself when it is done. */
#define NEVER SIZE_MAX

void fy_sqlq_writer_touch(struct fy_sqlq *self, struct fy_sqlq_partition *partition)
{
    if (partition->dirty)
        return;
    partition->dirty = true;
    partition->dirty_next = self->dirty;
    self->dirty = partition;
}

static struct fy_sqlq_partition *dirty_take(struct fy_sqlq *self)
{
    struct fy_sqlq_partition *partition = self->dirty;
    if (partition == NULL)
        return NULL;
    FY_ASSERT(partition->dirty);
    self->dirty = partition->dirty_next;
    partition->dirty = false;
    return partition;
}

/* After a rollback: the partitions are again as the file has them. */
static void dirty_undo(struct fy_sqlq *self)
{
    struct fy_sqlq_partition *partition = NULL;
    while ((partition = dirty_take(self)) != NULL) {
        partition->writer_start = partition->start;
        partition->writer_end = partition->end;
    }
}

/* After COMMIT, mutex held: everybody sees the partitions as the file has them now. */
static void dirty_adopt(struct fy_sqlq *self)
{
    struct fy_sqlq_partition *partition = NULL;
    while ((partition = dirty_take(self)) != NULL) {
        if (partition->writer_end > partition->end)
            partition->topic->grew = true;
        partition->start = partition->writer_start;
        partition->end = partition->writer_end;
    }
}

static enum fy_code dirty_save(struct fy_sqlq *self, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    for (struct fy_sqlq_partition *partition = self->dirty; partition != NULL && code == FY_OK;
         partition = partition->dirty_next) {
        sqlite3_stmt *save = fy_sqlq_statement(&self->file, FY_SQLQ_PARTITION_SAVE);
        fy_sqlq_bind_i64(save, 1, partition->topic->id);
        fy_sqlq_bind_i64(save, 2, partition->index);
        fy_sqlq_bind_i64(save, 3, partition->writer_start);
        fy_sqlq_bind_i64(save, 4, partition->writer_end);
        code = fy_sqlq_run(&self->file, FY_SQLQ_PARTITION_SAVE, "save the end of a partition", err);
    }
    return code;
}

/* Pages that hold something; the free ones in the file are used before it grows. */
static enum fy_code measure(struct fy_sqlq *self, struct fy_err *err)
{
    int64_t pages = 0;
    int64_t free_pages = 0;
    bool found = false;
    enum fy_code code =
        fy_sqlq_ask(&self->file, FY_SQLQ_PAGE_COUNT, "measure the queue", &pages, &found, err);
    if (code == FY_OK)
        code = fy_sqlq_ask(&self->file, FY_SQLQ_FREE_COUNT, "measure the queue", &free_pages,
                           &found, err);
    if (code == FY_OK)
        self->writer_used_bytes = (pages - free_pages) * self->file.page_bytes;
    return code;
}

/* One transaction over a list of ops, all or nothing. Returns when it is on the disk. */
static enum fy_code transact(struct fy_sqlq *self, struct fy_sqlq_op *ops, struct fy_err *err)
{
    FY_ASSERT(self->dirty == NULL);
    enum fy_code code = fy_sqlq_run(&self->file, FY_SQLQ_BEGIN, "begin", err);
    if (code != FY_OK)
        return code;
    for (struct fy_sqlq_op *op = ops; op != NULL && code == FY_OK; op = op->next) {
        code = op->kind->apply(self, op, err);
        if (code != FY_OK)
            (void)fy_err_add(err, "%s", op->kind->name);
    }
    if (code == FY_OK)
        code = dirty_save(self, err);
    if (code == FY_OK)
        code = measure(self, err);
    if (code == FY_OK)
        code = fy_sqlq_run(&self->file, FY_SQLQ_COMMIT, "commit", err);
    if (code != FY_OK) {
        /* A full disk has often rolled back by itself; and no failure here leaves one open. */
        if (sqlite3_get_autocommit(self->file.db) == 0)
            (void)!fy_sqlq_run(&self->file, FY_SQLQ_ROLLBACK, "roll back", NULL);
        FY_ASSERT(sqlite3_get_autocommit(self->file.db) != 0);
        dirty_undo(self);
    }
    return code;
}

/* Tells the outcome of ops that have one. Those a thread waits for are its own again as soon as the
 * mutex is let go, so the list is taken apart under it. */
static void settle(struct fy_sqlq *self, struct fy_sqlq_op *ops, enum fy_code code,
                   const struct fy_err *err)
{
    struct fy_sqlq_op *publishes = NULL;
    struct fy_sqlq_op **publishes_end = &publishes;
    struct fy_sqlq_op *next = NULL;

    pthread_mutex_lock(&self->mutex);
    if (code == FY_OK) {
        dirty_adopt(self);
        self->used_bytes = self->writer_used_bytes;
    }
    for (struct fy_sqlq_op *op = ops; op != NULL; op = next) {
        next = op->next;
        op->next = NULL;
        if (code == FY_OK && op->kind->adopt != NULL)
            op->kind->adopt(self, op);
        FY_ASSERT(self->pending_records >= op->record_count);
        FY_ASSERT(self->pending_bytes >= op->size_bytes);
        self->pending_records -= op->record_count;
        self->pending_bytes -= op->size_bytes;
        if (op->kind->settle != NULL) {
            *publishes_end = op;
            publishes_end = &op->next;
            continue;
        }
        op->code = code;
        op->err = *err;
        op->settled = true;
        pthread_cond_broadcast(&self->settled);
    }
    if (code == FY_OK)
        fy_sqlq_consumers_wake(self);
    fy_sqlq_show_fill(self);
    pthread_mutex_unlock(&self->mutex);

    for (struct fy_sqlq_op *op = publishes; op != NULL; op = next) {
        next = op->next;
        op->kind->settle(op, code, err);
    }
}

/* Moves the publishes out of a list; what is left in *ops keeps its order. */
static struct fy_sqlq_op *split_publishes(struct fy_sqlq_op **ops)
{
    struct fy_sqlq_op *publishes = NULL;
    struct fy_sqlq_op **publishes_end = &publishes;
    while (*ops != NULL) {
        struct fy_sqlq_op *op = *ops;
        if (op->kind->settle == NULL) {
            ops = &op->next;
            continue;
        }
        *ops = op->next;
        op->next = NULL;
        *publishes_end = op;
        publishes_end = &op->next;
    }
    return publishes;
}

static bool nearly_full(const struct fy_sqlq *self)
{
    return self->writer_used_bytes >= self->bytes_max / 100 * FY_QUEUE_TRIM_AT_PERCENT;
}

/* When a group does not fit, its publishes are refused and the rest is tried alone: offsets that
 * are committed and records that are trimmed are what makes room again. */
static void commit_group(struct fy_sqlq *self, struct fy_sqlq_op *ops)
{
    struct fy_err err = {0};
    enum fy_code code = transact(self, ops, &err);
    bool full = code == FY_EFULL;
    if (code != FY_OK) {
        struct fy_sqlq_op *publishes = split_publishes(&ops);
        if (publishes != NULL)
            settle(self, publishes, code, &err);
        if (publishes != NULL && ops != NULL) {
            err = (struct fy_err){0};
            code = transact(self, ops, &err);
        }
    }
    if (ops != NULL)
        settle(self, ops, code, &err);
    self->checkpoint_wanted = full;
    self->trim_wanted |= full || nearly_full(self);
}

/* One step; further ones between the next group commits, while they find something. */
static void make_room(struct fy_sqlq *self)
{
    struct fy_err err = {0};
    struct fy_sqlq_trim_op trim;
    fy_sqlq_trim_op_init(&trim, INT64_MAX);
    enum fy_code code = transact(self, &trim.op, &err);
    settle(self, &trim.op, code, &err);
    self->trim_wanted = code == FY_OK && trim.trimmed_count > 0 && nearly_full(self);
}

static void checkpoint_log(struct fy_sqlq *self, int code)
{
    bool failing = code != SQLITE_OK && code != SQLITE_BUSY;
    if (failing && !self->checkpoint_failing)
        fy_log(NULL, FY_WARN, "queue.checkpoint_failed", fy_kv_str("file", self->path),
               fy_kv_str("error", sqlite3_errmsg(self->file.db)),
               fy_kv_i64("wal_pages", self->file.wal_pages));
    if (!failing && self->checkpoint_failing)
        fy_log(NULL, FY_INFO, "queue.checkpoint_recovered", fy_kv_str("file", self->path));
    self->checkpoint_failing = failing;
}

/* Copies the log back into the file when it has grown by so much, or cannot grow: a log that was
 * copied back is written from its beginning and needs no space. Usually nobody reads it at that
 * moment and SQLite begins it anew at the next commit; when readers held that up for long, we wait
 * for them. */
static void checkpoint_when_due(struct fy_sqlq *self)
{
    int pages = self->file.wal_pages;
    if (pages < self->checkpoint_at_pages - FY_QUEUE_WAL_PAGES)
        self->checkpoint_at_pages = FY_QUEUE_WAL_PAGES; /* it was begun anew */
    if (pages < self->checkpoint_at_pages && !self->checkpoint_wanted)
        return;
    self->checkpoint_wanted = false;
    int mode =
        pages >= 4 * FY_QUEUE_WAL_PAGES ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    checkpoint_log(self, sqlite3_wal_checkpoint_v2(self->file.db, NULL, mode, NULL, NULL));
    self->checkpoint_at_pages = pages + FY_QUEUE_WAL_PAGES;
}

static struct timespec linger_deadline(void)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_MONOTONIC, &deadline); /* cannot fail */
    deadline.tv_nsec += FY_QUEUE_LINGER_US * 1000L;
    if (deadline.tv_nsec >= 1000000000L) {
        deadline.tv_nsec -= 1000000000L;
        deadline.tv_sec++;
    }
    return deadline;
}

/* The last group had company and its publishers are likely to come again: a moment's wait spares
 * them an fsync each. Not for a single one, nor after idling. Mutex held. */
static void linger(struct fy_sqlq *self)
{
    struct timespec deadline = linger_deadline();
    self->wake_at_ops = self->company;
    while (!self->stopping && self->waiting_ops < self->company &&
           self->waiting_records < FY_QUEUE_GROUP_RECORDS) {
        if (pthread_cond_timedwait(&self->work, &self->mutex, &deadline) == ETIMEDOUT)
            break;
    }
    self->wake_at_ops = NEVER;
}

/* Takes ops up to the size of a group, at least one. Mutex held. */
static struct fy_sqlq_op *take_group(struct fy_sqlq *self)
{
    struct fy_sqlq_op *ops = self->first;
    struct fy_sqlq_op **end = &ops;
    size_t records = 0;
    size_t count = 0;
    while (*end != NULL && records < FY_QUEUE_GROUP_RECORDS) {
        records += (*end)->record_count;
        end = &(*end)->next;
        count++;
    }
    self->first = *end;
    if (self->first == NULL)
        self->last = &self->first;
    *end = NULL;
    self->waiting_ops -= count;
    self->waiting_records -= records;
    self->company = count;
    return ops;
}

/* A publish that was admitted is on its way to us even when it does not wait yet. Mutex held. */
static bool drained(const struct fy_sqlq *self)
{
    return self->stopping && self->first == NULL && self->pending_records == 0;
}

/* Waits for work. false: the queue closes and nothing waits any more. *ops may stay NULL when there
 * is trimming to do. */
static bool next_group(struct fy_sqlq *self, struct fy_sqlq_op **ops)
{
    pthread_mutex_lock(&self->mutex);
    if (self->first != NULL && self->waiting_ops < self->company)
        linger(self);
    while (self->first == NULL && !drained(self) && !self->trim_wanted && !self->room_wanted) {
        self->wake_at_ops = 1;
        pthread_cond_wait(&self->work, &self->mutex);
        self->wake_at_ops = NEVER;
    }
    bool more = self->first != NULL || !drained(self);
    self->trim_wanted |= self->room_wanted;
    self->room_wanted = false;
    *ops = self->first == NULL ? NULL : take_group(self);
    pthread_mutex_unlock(&self->mutex);
    return more;
}

static void *writer_main(void *arg)
{
    struct fy_sqlq *self = arg;
    struct fy_sqlq_op *ops = NULL;
    while (next_group(self, &ops)) {
        if (ops != NULL)
            commit_group(self, ops);
        checkpoint_when_due(self);
        if (self->trim_wanted)
            make_room(self);
    }
    return NULL;
}

enum fy_code fy_sqlq_writer_start(struct fy_sqlq *self, struct fy_err *err)
{
    self->checkpoint_at_pages = FY_QUEUE_WAL_PAGES;
    self->wake_at_ops = NEVER;
    enum fy_code code = measure(self, err);
    if (code != FY_OK)
        return code;
    self->used_bytes = self->writer_used_bytes;

    /* Signals are for the thread that main has chosen. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all); /* cannot fail, nor can the two masks */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&self->writer, NULL, writer_main, self);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return fy_err_set(err, FY_EIO, "cannot start the queue's writer: %s", strerror(failed));
    (void)pthread_setname_np(self->writer, "queue-writer"); /* only for debuggers */
    return FY_OK;
}

void fy_sqlq_writer_stop(struct fy_sqlq *self)
{
    pthread_mutex_lock(&self->mutex);
    self->stopping = true;
    pthread_cond_signal(&self->work);
    pthread_mutex_unlock(&self->mutex);
    int code = pthread_join(self->writer, NULL);
    FY_ASSERT(code == 0);
    FY_ASSERT(self->first == NULL);
    FY_ASSERT(self->pending_records == 0);
}

/* Mutex held. */
static void give(struct fy_sqlq *self, struct fy_sqlq_op *op)
{
    op->next = NULL;
    *self->last = op;
    self->last = &op->next;
    self->waiting_ops++;
    self->waiting_records += op->record_count;
    if (self->wake_at_ops == NEVER)
        return;
    if (self->waiting_ops >= self->wake_at_ops || self->waiting_records >= FY_QUEUE_GROUP_RECORDS)
        pthread_cond_signal(&self->work);
}

void fy_sqlq_writer_give(struct fy_sqlq *self, struct fy_sqlq_op *op)
{
    FY_ASSERT(op->kind->settle != NULL);
    pthread_mutex_lock(&self->mutex);
    give(self, op);
    pthread_mutex_unlock(&self->mutex);
}

enum fy_code fy_sqlq_writer_run(struct fy_sqlq *self, struct fy_sqlq_op *op, struct fy_err *err)
{
    FY_ASSERT(op->kind->settle == NULL);
    FY_ASSERT(!pthread_equal(pthread_self(), self->writer));
    op->settled = false;
    pthread_mutex_lock(&self->mutex);
    if (self->stopping) {
        pthread_mutex_unlock(&self->mutex);
        return fy_err_set(err, FY_ECANCELLED, "the queue is closing");
    }
    give(self, op);
    while (!op->settled)
        pthread_cond_wait(&self->settled, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
    if (op->code != FY_OK && err != NULL)
        *err = op->err;
    return op->code;
}
