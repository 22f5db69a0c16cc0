/* catalogue_sqlite.c - the catalogue port on one SQLite file: opening, the lease, batches of
 * operations. */
/*
 * One process has the file (a lock on a file beside it), one thread of it writes. The writing
 * connection alone moves the WAL home; readers have connections of their own that can do neither
 * (ENGINE 5, pitfall 19). A batch is one transaction with one fsync of the WAL.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/adapters/catalogue_sqlite_internal.h"
#include "common/core/log.h"

struct fy_cs *fy_cs_from(struct fy_catalogue *port)
{
    struct fy_cs *self = FY_CONTAINER_OF(port, struct fy_cs, port);
    FY_ASSERT(self->magic == FY_CS_MAGIC);
    return self;
}

/* ------------------------------------------------------------------ readers */

struct fy_cs_conn *fy_cs_reader_take(struct fy_cs *self)
{
    (void)pthread_mutex_lock(
        &self->reader_mutex); /* a plain mutex held by nobody of us: cannot fail */
    while (self->free_count == 0)
        (void)pthread_cond_wait(&self->reader_freed, &self->reader_mutex);
    struct fy_cs_conn *reader = self->free_readers[--self->free_count];
    (void)pthread_mutex_unlock(&self->reader_mutex);
    return reader;
}

enum fy_code fy_cs_reader_give(struct fy_cs *self, struct fy_cs_conn *reader, struct fy_err *err)
{
    struct fy_err failure = reader->err;
    if (fy_cs_conn_failed(reader)) {
        fy_cs_conn_clear(reader);
        if (sqlite3_get_autocommit(reader->db) == 0)
            fy_cs_exec(reader, FY_CS_ROLLBACK);
        fy_cs_conn_clear(reader);
    }
    FY_ASSERT(sqlite3_get_autocommit(reader->db) != 0 || failure.code != FY_OK);
    (void)pthread_mutex_lock(&self->reader_mutex);
    self->free_readers[self->free_count++] = reader;
    (void)pthread_cond_signal(&self->reader_freed);
    (void)pthread_mutex_unlock(&self->reader_mutex);
    if (failure.code == FY_OK)
        return FY_OK;
    return fy_err_set(err, failure.code, "read the catalogue: %s", failure.text);
}

/* ------------------------------------------------------------------ transactions */

static fy_cs_op_fn *const op_table[FY_CAT_KIND_COUNT] = {
    [FY_CAT_BUCKET_CREATE] = fy_cs_bucket_create,
    [FY_CAT_BUCKET_DELETE] = fy_cs_bucket_delete,
    [FY_CAT_UPLOAD_BEGIN] = fy_cs_upload_begin,
    [FY_CAT_UPLOAD_FINISH] = fy_cs_upload_finish,
    [FY_CAT_UPLOAD_FAIL] = fy_cs_upload_fail,
    [FY_CAT_OBJECT_DELETE] = fy_cs_object_delete,
    [FY_CAT_APPLY] = fy_cs_apply,
    [FY_CAT_WAIT] = fy_cs_wait,
    [FY_CAT_WAIT_CLAIM] = fy_cs_wait_claim,
    [FY_CAT_WAIT_EDIT] = fy_cs_wait_edit,
    [FY_CAT_SETTLE] = fy_cs_settle,
    [FY_CAT_CONFLICT_DROP] = fy_cs_conflict_drop,
    [FY_CAT_OUTBOX_DONE] = fy_cs_outbox_done,
    [FY_CAT_SITE] = fy_cs_site,
    [FY_CAT_TARGETS] = fy_cs_targets,
    [FY_CAT_RIGHT] = fy_cs_right,
    [FY_CAT_LEASE_RENEW] = fy_cs_lease_renew,
    [FY_CAT_SWEEP] = fy_cs_sweep,
    [FY_CAT_TRASH_DONE] = fy_cs_trash_done,
    [FY_CAT_PURGE] = fy_cs_purge,
};

struct fy_stamp fy_cs_stamp_next(struct fy_cs *self, const struct fy_stamp *floor)
{
    FY_ASSERT(self->hlc != NULL); /* attach comes before the first local operation */
    self->stamped = true;
    return fy_hlc_next(self->hlc, floor);
}

static bool lease_is_alive(struct fy_cs *self)
{
    bool alive = false;
    if (self->boot_id[0] == '\0')
        return false;
    struct fy_cs_use use = fy_cs_use(&self->writer, FY_CS_LEASE_ALIVE);
    fy_cs_text(&use, self->boot_id);
    if (fy_cs_row(&use))
        alive = fy_cs_take_i64(&use) > 0;
    fy_cs_end(&use);
    return alive;
}

static void transaction_begin(struct fy_cs *self)
{
    FY_ASSERT(sqlite3_get_autocommit(self->writer.db) != 0);
    self->counters = (struct fy_cs_counters){.containers = 0};
    self->stamped = false;
    self->now_ms = fy_wall_ms(self->clock);
    fy_cs_exec(&self->writer, FY_CS_BEGIN_WRITE);
    self->lease_alive = lease_is_alive(self);
}

static void counters_save(struct fy_cs *self)
{
    const struct fy_cs_counters *add = &self->counters;
    if (add->containers == 0 && add->objects == 0 && add->bytes == 0 && add->outbox == 0 &&
        add->conflicts == 0)
        return;
    struct fy_cs_use use = fy_cs_use(&self->writer, FY_CS_COUNTERS_ADD);
    fy_cs_i64(&use, add->containers);
    fy_cs_i64(&use, add->objects);
    fy_cs_i64(&use, add->bytes);
    fy_cs_i64(&use, add->outbox);
    fy_cs_i64(&use, add->conflicts);
    (void)fy_cs_run(&use);
}

/* Stamps that are in rows are in the lease row as well: the next process starts above them. */
static void stamps_save(struct fy_cs *self)
{
    if (!self->stamped)
        return;
    struct fy_cs_use use = fy_cs_use(&self->writer, FY_CS_LEASE_SAVE);
    fy_cs_i64(&use, (int64_t)fy_hlc_last(self->hlc));
    fy_cs_i64(&use, self->slot);
    (void)fy_cs_run(&use);
}

/* Moves the WAL home once it is long. Busy readers leave it to the next time, until it is too long.
 */
static void checkpoint(struct fy_cs *self)
{
    int pages = self->writer.wal_pages;
    if (pages < FY_CS_CHECKPOINT)
        return;
    int mode =
        pages < FY_CS_CHECKPOINT_HARD ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_RESTART;
    /* A failure loses nothing: what is committed is in the WAL, and the next commit tries again. */
    int result = sqlite3_wal_checkpoint_v2(self->writer.db, NULL, mode, NULL, NULL);
    if (result != SQLITE_OK && result != SQLITE_BUSY)
        fy_log(NULL, FY_WARN, "catalogue.checkpoint_failed",
               fy_kv_str("error", sqlite3_errmsg(self->writer.db)), fy_kv_i64("pages", pages));
}

static enum fy_code transaction_end(struct fy_cs *self, struct fy_err *err)
{
    counters_save(self);
    stamps_save(self);
    fy_cs_exec(&self->writer, FY_CS_COMMIT);
    if (!fy_cs_conn_failed(&self->writer)) {
        checkpoint(self);
        return FY_OK;
    }
    struct fy_err failure = self->writer.err;
    fy_cs_conn_clear(&self->writer);
    if (sqlite3_get_autocommit(self->writer.db) == 0)
        fy_cs_exec(&self->writer, FY_CS_ROLLBACK);
    fy_cs_conn_clear(&self->writer);
    fy_cs_containers_forget(self); /* they may hold what was rolled back */
    self->waiting_in = true;       /* likewise: until the next renewal of the lease looks */
    return fy_err_set(err, failure.code, "write the catalogue: %s", failure.text);
}

static enum fy_code run_all(struct fy_cs *self, struct fy_cat_op *const *ops, size_t count,
                            struct fy_err *err)
{
    transaction_begin(self);
    for (size_t index = 0; index < count && !fy_cs_conn_failed(&self->writer); index++) {
        struct fy_cat_op *op = ops[index];
        FY_ASSERT((unsigned)op->kind < FY_CAT_KIND_COUNT);
        op->err = (struct fy_err){.code = FY_OK};
        op->code = op_table[op->kind](self, op);
        FY_ASSERT(op->code == op->err.code);
    }
    return transaction_end(self, err);
}

static void refuse(struct fy_cat_op *op, enum fy_code code, const struct fy_err *err)
{
    op->code = code;
    op->err = *err;
}

/* row.id of a WAIT goes in and comes out: run again after a rollback it must go in as it did, else
 * the order would be taken for one whose row was removed, and be lost. */
static int64_t *waiting_id_of(struct fy_cat_op *op)
{
    return op->kind == FY_CAT_WAIT ? &((struct fy_cat_wait *)(void *)op)->row.id : NULL;
}

static void waiting_ids_keep(struct fy_cat_op *const *ops, size_t count, int64_t *ids)
{
    for (size_t index = 0; index < count; index++)
        ids[index] = waiting_id_of(ops[index]) != NULL ? *waiting_id_of(ops[index]) : 0;
}

/* Some operation of the batch broke a statement, and no environment is to blame: each runs alone,
 * so that it fails alone. */
static void run_one_by_one(struct fy_cs *self, struct fy_cat_op *const *ops, size_t count,
                           const int64_t *waiting_ids)
{
    for (size_t index = 0; index < count; index++) {
        struct fy_err failure = {.code = FY_OK};
        if (waiting_id_of(ops[index]) != NULL)
            *waiting_id_of(ops[index]) = waiting_ids[index];
        enum fy_code code = run_all(self, &ops[index], 1, &failure);
        if (code != FY_OK)
            refuse(ops[index], code, &failure);
    }
}

static enum fy_code catalogue_write(struct fy_catalogue *port, struct fy_cat_op *const *ops,
                                    size_t count, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_err failure = {.code = FY_OK};
    int64_t waiting_ids[FY_CAT_BATCH_MAX];
    waiting_ids_keep(ops, count, waiting_ids);
    (void)pthread_mutex_lock(&self->write_mutex);
    enum fy_code code = run_all(self, ops, count, &failure);
    if (code == FY_EINTERNAL) {
        run_one_by_one(self, ops, count, waiting_ids);
        code = FY_OK;
    }
    (void)pthread_mutex_unlock(&self->write_mutex);
    if (code == FY_OK)
        return FY_OK;
    for (size_t index = 0; index < count; index++)
        refuse(ops[index], code, &failure);
    return fy_err_set(err, code, "%s", failure.text);
}

/* ------------------------------------------------------------------ lease */

/* The lowest slot of a process that is dead, else the next that was never used. */
static bool slot_find(struct fy_cs *self, int64_t *slot, int64_t *saved_time)
{
    struct fy_cs_use use = fy_cs_use(&self->writer, FY_CS_LEASE_DEAD_SLOT);
    bool found = fy_cs_row(&use);
    if (found) {
        *slot = fy_cs_take_i64(&use);
        *saved_time = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    if (found)
        return true;
    use = fy_cs_use(&self->writer, FY_CS_LEASE_COUNT); /* slots are used in order, without gaps */
    if (fy_cs_row(&use))
        *slot = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    *saved_time = 0;
    return *slot < FY_CS_SLOTS;
}

static enum fy_code lease_take(struct fy_cs *self, const char *boot_id, int64_t *slot,
                               int64_t *saved_time, struct fy_err *err)
{
    transaction_begin(self);
    bool found = slot_find(self, slot, saved_time);
    if (found) {
        struct fy_cs_use use = fy_cs_use(&self->writer, FY_CS_LEASE_TAKE);
        fy_cs_i64(&use, *slot);
        fy_cs_text(&use, boot_id);
        fy_cs_i64(&use, *saved_time);
        fy_cs_i64(&use, self->now_ms);
        (void)fy_cs_run(&use);
    }
    enum fy_code code = transaction_end(self, err);
    if (code == FY_OK && !found)
        return fy_err_set(err, FY_EBUSY, "all %d slots of stamps are in use", FY_CS_SLOTS);
    return code;
}

static enum fy_code catalogue_lease_open(struct fy_catalogue *port, const char *boot_id,
                                         uint8_t *slot, uint64_t *start_time, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    int64_t taken = 0, saved_time = 0;
    FY_ASSERT(self->boot_id[0] == '\0');
    (void)pthread_mutex_lock(&self->write_mutex);
    enum fy_code code = lease_take(self, boot_id, &taken, &saved_time, err);
    if (code == FY_OK && !fy_text_copy(self->boot_id, sizeof self->boot_id, boot_id))
        code = fy_err_set(err, FY_EINPUT, "a boot id has at most %d bytes", FY_BOOT_ID_BYTES);
    if (code == FY_OK)
        self->slot = (uint8_t)taken;
    (void)pthread_mutex_unlock(&self->write_mutex);
    if (code != FY_OK)
        return code;
    *slot = (uint8_t)taken;
    /* The last second of a process that was killed may not have been saved. */
    *start_time = saved_time == 0 ? 0 : (uint64_t)saved_time + ((uint64_t)FY_LEASE_RENEW_MS << 16);
    return FY_OK;
}

static void catalogue_attach(struct fy_catalogue *port, struct fy_hlc *hlc)
{
    fy_cs_from(port)->hlc = hlc;
}

static void lease_release(struct fy_cs *self)
{
    if (self->boot_id[0] == '\0')
        return;
    struct fy_cs_use use = fy_cs_use(&self->writer, FY_CS_LEASE_RELEASE);
    fy_cs_i64(&use, self->hlc == NULL ? 0 : (int64_t)fy_hlc_last(self->hlc));
    fy_cs_i64(&use, self->slot);
    fy_cs_text(&use, self->boot_id);
    (void)fy_cs_run(&use); /* if it fails, the next process declares it dead */
}

/* ------------------------------------------------------------------ open and close */

static enum fy_code lock_file(struct fy_cs *self, struct fy_err *err)
{
    size_t size = strlen(self->path) + sizeof ".lock";
    char *path = fy_alloc(size);
    (void)snprintf(path, size, "%s.lock", self->path);
    enum fy_code code = FY_OK;
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (self->lock_fd < 0)
        code = fy_err_set(err, FY_EIO, "open %s: %s", path, strerror(errno));
    else if (flock(self->lock_fd, LOCK_EX | LOCK_NB) != 0)
        code = fy_err_set(err, errno == EWOULDBLOCK ? FY_EEXISTS : FY_EIO,
                          "another process has the catalogue %s (%s)", self->path, strerror(errno));
    free(path);
    return code;
}

/* Whoever had the file before us is dead, and so is what it held. */
static enum fy_code bury_the_dead(struct fy_cs *self, struct fy_err *err)
{
    transaction_begin(self);
    fy_cs_exec(&self->writer, FY_CS_LEASE_ALL_DEAD);
    fy_cs_exec(&self->writer, FY_CS_CLAIMS_FREE);
    fy_cs_waiting_refresh(self);
    return transaction_end(self, err);
}

static enum fy_code readers_open(struct fy_cs *self, struct fy_err *err)
{
    for (uint32_t index = 0; index < self->reader_count; index++) {
        enum fy_code code = fy_cs_conn_open(&self->readers[index], self->path, false, err);
        if (code != FY_OK)
            return code;
        self->free_readers[self->free_count++] = &self->readers[index];
    }
    return FY_OK;
}

static void catalogue_close(struct fy_catalogue *port)
{
    struct fy_cs *self = fy_cs_from(port);
    if (self->writer.db != NULL && self->lock_fd >= 0)
        lease_release(self);
    /* Readers first: the last connection to go, the writer, moves the WAL home and removes it. */
    for (uint32_t index = 0; index < self->reader_count; index++)
        fy_cs_conn_close(&self->readers[index]);
    fy_cs_conn_close(&self->writer);
    if (self->lock_fd >= 0)
        (void)close(self->lock_fd); /* nothing was written to it */
    fy_buf_done(&self->json);
    (void)pthread_cond_destroy(&self->reader_freed);
    (void)pthread_mutex_destroy(&self->reader_mutex);
    (void)pthread_mutex_destroy(&self->write_mutex);
    self->magic = 0;
    free(self->path);
    free(self);
}

static const struct fy_catalogue_ops catalogue_sqlite_ops = {
    .name = "sqlite",
    .lease_open = catalogue_lease_open,
    .attach = catalogue_attach,
    .write = catalogue_write,
    .look = fy_cs_look,
    .container_get = fy_cs_container_get,
    .container_list = fy_cs_container_list,
    .targets_get = fy_cs_targets_get,
    .object_get = fy_cs_object_get,
    .object_list = fy_cs_object_list,
    .prefix_ready = fy_cs_prefix_ready,
    .site_list = fy_cs_site_list,
    .site_get = fy_cs_site_get,
    .right_get = fy_cs_right_get,
    .right_list = fy_cs_right_list,
    .outbox_read = fy_cs_outbox_read,
    .waiting_list = fy_cs_waiting_list,
    .waiting_counts = fy_cs_waiting_counts,
    .conflict_list = fy_cs_conflict_list,
    .outcome_list = fy_cs_outcome_list,
    .trash_due = fy_cs_trash_due,
    .blob_orphan = fy_cs_blob_orphan,
    .totals = fy_cs_totals,
    .close = catalogue_close,
};

static struct fy_cs *catalogue_new(const struct fy_catalogue_sqlite_settings *settings)
{
    struct fy_cs *self = fy_alloc(sizeof *self);
    self->port.ops = &catalogue_sqlite_ops;
    self->magic = FY_CS_MAGIC;
    self->clock = settings->clock;
    self->path = fy_strdup(settings->path);
    bool fits = fy_text_copy(self->site, sizeof self->site, settings->site);
    FY_ASSERT(fits); /* the configuration checked it */
    self->lock_fd = -1;
    self->reader_count = settings->reader_count;
    (void)pthread_mutex_init(&self->write_mutex, NULL);
    (void)pthread_mutex_init(&self->reader_mutex, NULL);
    (void)pthread_cond_init(&self->reader_freed, NULL);
    fy_buf_init(&self->json, FY_ORDER_JSON_BYTES);
    return self;
}

enum fy_code fy_catalogue_sqlite_open(const struct fy_catalogue_sqlite_settings *settings,
                                      struct fy_catalogue **catalogue, struct fy_err *err)
{
    FY_ASSERT(settings->reader_count >= 1);
    FY_ASSERT(settings->reader_count <= FY_CS_READERS_MAX);
    struct fy_cs *self = catalogue_new(settings);
    enum fy_code code = lock_file(self, err);
    if (code == FY_OK)
        code = fy_cs_conn_open(&self->writer, self->path, true, err);
    if (code == FY_OK)
        code = fy_cs_schema_migrate(&self->writer, 0, err);
    if (code == FY_OK)
        code = bury_the_dead(self, err);
    if (code == FY_OK)
        code = readers_open(self, err);
    if (code != FY_OK) {
        catalogue_close(&self->port);
        return code;
    }
    *catalogue = &self->port;
    return FY_OK;
}
