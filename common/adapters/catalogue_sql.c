/* catalogue_sql.c - the catalogue port on an SQL engine: batches of operations, readers, the lease.
 */
#include <string.h>
#include <time.h>

#include "common/adapters/catalogue_sql_internal.h"

struct fy_cs *fy_cs_from(struct fy_catalogue *port)
{
    struct fy_cs *self = FY_CONTAINER_OF(port, struct fy_cs, port);
    FY_ASSERT(self->magic == FY_CS_MAGIC);
    return self;
}

/* ------------------------------------------------------------------ readers */

void fy_cs_reader_add(struct fy_cs *self, struct fy_cs_conn *reader)
{
    FY_ASSERT(self->free_count < FY_CS_READERS_MAX);
    self->free_readers[self->free_count++] = reader;
}

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
        self->engine->reader_heal(reader);
        fy_cs_conn_clear(reader);
    }
    (void)pthread_mutex_lock(&self->reader_mutex);
    fy_cs_reader_add(self, reader);
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
    [FY_CAT_UNDELETE] = fy_cs_undelete,
    [FY_CAT_APPLY] = fy_cs_apply,
    [FY_CAT_WAIT] = fy_cs_wait,
    [FY_CAT_WAIT_CLAIM] = fy_cs_wait_claim,
    [FY_CAT_WAIT_EDIT] = fy_cs_wait_edit,
    [FY_CAT_SETTLE] = fy_cs_settle,
    [FY_CAT_CONFLICT_DROP] = fy_cs_conflict_drop,
    [FY_CAT_OUTBOX_DONE] = fy_cs_outbox_done,
    [FY_CAT_EVENTS_DONE] = fy_cs_events_done,
    [FY_CAT_EVENTS_TRIM] = fy_cs_events_trim,
    [FY_CAT_STATES_TELL] = fy_cs_states_tell,
    [FY_CAT_SITE] = fy_cs_site,
    [FY_CAT_TARGETS] = fy_cs_targets,
    [FY_CAT_RIGHT] = fy_cs_right,
    [FY_CAT_BACKFILL] = fy_cs_backfill,
    [FY_CAT_LEASE_RENEW] = fy_cs_lease_renew,
    [FY_CAT_SWEEP] = fy_cs_sweep,
    [FY_CAT_TRASH_DONE] = fy_cs_trash_done,
    [FY_CAT_PURGE] = fy_cs_purge,
    [FY_CAT_SCAN] = fy_cs_scan,
    [FY_CAT_DAMAGE] = fy_cs_damage,
    [FY_CAT_MEND] = fy_cs_mend,
    [FY_CAT_JOURNAL_DONE] = fy_cs_journal_done,
    [FY_CAT_RESTORE] = fy_cs_restore,
    [FY_CAT_FORGET] = fy_cs_forget,
    [FY_CAT_RESTORED] = fy_cs_restored,
    [FY_CAT_CONTAINER_MAKE] = fy_cs_container_make,
    [FY_CAT_CONTAINER_DESTROY] = fy_cs_container_destroy,
    [FY_CAT_PROPERTIES] = fy_cs_properties,
    [FY_CAT_CONTAINER_STATE] = fy_cs_container_state,
    [FY_CAT_TOUCH] = fy_cs_touch,
    [FY_CAT_FLUSH] = fy_cs_flush,
    [FY_CAT_VERSIONS_PURGE] = fy_cs_versions_purge,
    [FY_CAT_SNAPSHOT] = fy_cs_snapshot,
    [FY_CAT_REGISTER] = fy_cs_register,
    [FY_CAT_OBJECT_PROPERTIES] = fy_cs_object_properties,
};

struct fy_stamp fy_cs_stamp_next(struct fy_cs *self, const struct fy_stamp *floor)
{
    FY_ASSERT(self->hlc != NULL); /* attach comes before the first local operation */
    self->stamped = true;
    return fy_hlc_next(self->hlc, floor);
}

void fy_cs_write_begin(struct fy_cs *self, struct fy_cat_op *const *ops, size_t count)
{
    self->counters = (struct fy_cs_counters){.containers = 0};
    self->sum_count = 0;
    self->stamped = false;
    self->now_ms = fy_wall_ms(self->clock);
    self->lease_alive = false;
    self->again = false;
    if (self->engine->shared) { /* what we remember, others may have changed */
        fy_cs_containers_forget(self);
        self->waiting_in = true;
    }
    self->engine->write_begin(self, ops, count);
}

static void counters_save(struct fy_cs *self)
{
    const struct fy_cs_counters *add = &self->counters;
    if (add->containers == 0 && add->objects == 0 && add->bytes == 0 && add->outbox == 0 &&
        add->conflicts == 0 && add->events[FY_STREAM_ORDERS] == 0 &&
        add->events[FY_STREAM_OIO] == 0 && add->kept_objects == 0 && add->kept_bytes == 0)
        return;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_COUNTERS_ADD);
    fy_cs_i64(&use, add->containers);
    fy_cs_i64(&use, add->objects);
    fy_cs_i64(&use, add->bytes);
    fy_cs_i64(&use, add->outbox);
    fy_cs_i64(&use, add->conflicts);
    fy_cs_i64(&use, add->events[FY_STREAM_ORDERS]);
    fy_cs_i64(&use, add->events[FY_STREAM_OIO]);
    fy_cs_i64(&use, add->kept_objects);
    fy_cs_i64(&use, add->kept_bytes);
    fy_cs_send(&use);
}

/* Stamps that are in rows are in the lease row as well: the next process starts above them. */
static void stamps_save(struct fy_cs *self)
{
    if (!self->stamped)
        return;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_LEASE_SAVE);
    fy_cs_i64(&use, (int64_t)fy_hlc_last(self->hlc));
    fy_cs_i64(&use, self->slot);
    fy_cs_send(&use);
}

enum fy_code fy_cs_write_end(struct fy_cs *self, struct fy_err *err)
{
    fy_cs_events_save(self);
    fy_cs_journal_save(self);
    fy_cs_sums_save(self);
    counters_save(self);
    stamps_save(self);
    enum fy_code code = self->engine->write_end(self, err);
    if (code == FY_OK)
        return FY_OK;
    fy_cs_containers_forget(self); /* they may hold what was rolled back */
    self->waiting_in = true;       /* likewise: until the next renewal of the lease looks */
    return code;
}

static enum fy_code run_once(struct fy_cs *self, struct fy_cat_op *const *ops, size_t count,
                             struct fy_err *err)
{
    fy_cs_write_begin(self, ops, count);
    for (size_t index = 0; index < count && !fy_cs_conn_failed(self->writer); index++) {
        struct fy_cat_op *op = ops[index];
        FY_ASSERT((unsigned)op->kind < FY_CAT_KIND_COUNT);
        op->err = (struct fy_err){.code = FY_OK};
        fy_cs_asker_set(self, op);
        op->code = op_table[op->kind](self, op);
        FY_ASSERT(op->code == op->err.code);
    }
    return fy_cs_write_end(self, err);
}

static void refuse(struct fy_cat_op *op, enum fy_code code, const struct fy_err *err)
{
    op->code = code;
    op->err = *err;
}

/* What goes in and comes out of the same field: run again after a rollback it must go in as it did.
 * Else a WAIT with the id it was given would be taken for one whose row was removed, and be lost,
 * and a REGISTER with its number for one that asks for that, which replaces nothing. */
static int64_t given(struct fy_cat_op *op)
{
    if (op->kind == FY_CAT_WAIT)
        return ((const struct fy_cat_wait *)(void *)op)->row.id;
    if (op->kind == FY_CAT_REGISTER)
        return ((const struct fy_cat_register *)(void *)op)->version;
    return op->kind == FY_CAT_RIGHT ? ((const struct fy_cat_right *)(void *)op)->row.rights : 0;
}

static void give_again(struct fy_cat_op *op, int64_t value)
{
    if (op->kind == FY_CAT_WAIT)
        ((struct fy_cat_wait *)(void *)op)->row.id = value;
    else if (op->kind == FY_CAT_REGISTER)
        ((struct fy_cat_register *)(void *)op)->version = value;
    else if (op->kind == FY_CAT_RIGHT)
        ((struct fy_cat_right *)(void *)op)->row.rights = (unsigned)value;
}

/* What goes on where the last page ended does so once that one is committed. */
static void move_on(struct fy_cat_op *op)
{
    if (op->code == FY_OK && op->kind == FY_CAT_SNAPSHOT) {
        struct fy_cat_snapshot *snapshot = (struct fy_cat_snapshot *)(void *)op;
        memcpy(snapshot->after, snapshot->last, sizeof snapshot->after);
        snapshot->after_version = snapshot->last_version;
    } else if (op->code == FY_OK && op->kind == FY_CAT_VERSIONS_PURGE) {
        struct fy_cat_versions_purge *purge = (struct fy_cat_versions_purge *)(void *)op;
        memcpy(purge->after, purge->last, sizeof purge->after);
    }
}

/* Other processes back off by different times, so that the same two do not meet again. */
static void back_off(struct fy_cs *self, unsigned attempt)
{
    long wait_us = 1000L * (1L << attempt) + 137L * self->slot;
    struct timespec wait = {.tv_nsec = wait_us * 1000L};
    (void)nanosleep(&wait, NULL); /* cut short by a signal: then it was shorter */
}

/* Until it is not another process's doing that it fails, a bounded number of times. */
static enum fy_code run_all(struct fy_cs *self, struct fy_cat_op *const *ops, size_t count,
                            const int64_t *givens, struct fy_err *err)
{
    for (unsigned attempt = 0;; attempt++) {
        for (size_t index = 0; index < count; index++)
            give_again(ops[index], givens[index]);
        enum fy_code code = run_once(self, ops, count, err);
        for (size_t index = 0; code == FY_OK && index < count; index++)
            move_on(ops[index]);
        if (code == FY_OK || !self->again || attempt == FY_CS_TRIES_MAX)
            return code;
        back_off(self, attempt);
    }
}

/* Some operation of the batch broke a statement, and no environment is to blame: each runs alone,
 * so that it fails alone. */
static void run_one_by_one(struct fy_cs *self, struct fy_cat_op *const *ops, size_t count,
                           const int64_t *givens)
{
    for (size_t index = 0; index < count; index++) {
        struct fy_err failure = {.code = FY_OK};
        enum fy_code code = run_all(self, &ops[index], 1, &givens[index], &failure);
        if (code != FY_OK)
            refuse(ops[index], code, &failure);
    }
}

static enum fy_code catalogue_write(struct fy_catalogue *port, struct fy_cat_op *const *ops,
                                    size_t count, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_err failure = {.code = FY_OK};
    int64_t givens[FY_CAT_BATCH_MAX] = {0};
    for (size_t index = 0; index < count; index++)
        givens[index] = given(ops[index]);
    (void)pthread_mutex_lock(&self->write_mutex);
    enum fy_code code = run_all(self, ops, count, givens, &failure);
    if (code == FY_EINTERNAL || (code != FY_OK && self->again && count > 1)) {
        run_one_by_one(self, ops, count, givens);
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
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_LEASE_DEAD_SLOT);
    bool found = fy_cs_row(&use);
    if (found) {
        *slot = fy_cs_take_i64(&use);
        *saved_time = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    if (found)
        return true;
    use = fy_cs_use(self->writer, FY_CS_LEASE_COUNT); /* slots are used in order, without gaps */
    if (fy_cs_row(&use))
        *slot = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    *saved_time = 0;
    return *slot < FY_CS_SLOTS;
}

bool fy_cs_slot_is_free(struct fy_cs *self)
{
    int64_t slot = 0, saved_time = 0;
    return slot_find(self, &slot, &saved_time);
}

static enum fy_code lease_take(struct fy_cs *self, const char *boot_id, int64_t *slot,
                               int64_t *saved_time, struct fy_err *err)
{
    fy_cs_write_begin(self, NULL, 0);
    bool found = slot_find(self, slot, saved_time);
    if (found) {
        struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_LEASE_TAKE);
        fy_cs_i64(&use, *slot);
        fy_cs_text(&use, boot_id);
        fy_cs_i64(&use, *saved_time);
        fy_cs_send(&use);
    }
    enum fy_code code = fy_cs_write_end(self, err);
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

void fy_cs_lease_release(struct fy_cs *self)
{
    if (self->boot_id[0] == '\0')
        return;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_LEASE_RELEASE);
    fy_cs_i64(&use, self->hlc == NULL ? 0 : (int64_t)fy_hlc_last(self->hlc));
    fy_cs_i64(&use, self->slot);
    fy_cs_text(&use, self->boot_id);
    (void)fy_cs_run(&use); /* if it fails, the next process declares it dead */
}

/* ------------------------------------------------------------------ open and close */

static void catalogue_close(struct fy_catalogue *port)
{
    struct fy_cs *self = fy_cs_from(port);
    self->engine->close(self);
}

static const struct fy_catalogue_ops catalogue_sql_ops = {
    .name = "sql",
    .lease_open = catalogue_lease_open,
    .attach = catalogue_attach,
    .write = catalogue_write,
    .look = fy_cs_look,
    .container_get = fy_cs_container_get,
    .container_list = fy_cs_container_list,
    .container_walk = fy_cs_container_walk,
    .container_count = fy_cs_container_count,
    .container_info = fy_cs_container_info,
    .version_get = fy_cs_version_get,
    .version_list = fy_cs_version_list,
    .targets_get = fy_cs_targets_get,
    .object_get = fy_cs_object_get,
    .object_list = fy_cs_object_list,
    .object_marks = fy_cs_object_marks,
    .prefix_ready = fy_cs_prefix_ready,
    .site_list = fy_cs_site_list,
    .site_get = fy_cs_site_get,
    .right_get = fy_cs_right_get,
    .right_list = fy_cs_right_list,
    .outbox_read = fy_cs_outbox_read,
    .events_read = fy_cs_events_read,
    .waiting_list = fy_cs_waiting_list,
    .waiting_counts = fy_cs_waiting_counts,
    .conflict_list = fy_cs_conflict_list,
    .outcome_list = fy_cs_outcome_list,
    .backfill_list = fy_cs_backfill_list,
    .backfill_running = fy_cs_backfill_running,
    .trash_due = fy_cs_trash_due,
    .blob_standing = fy_cs_blob_standing,
    .scan_get = fy_cs_scan_get,
    .body_list = fy_cs_body_list,
    .body_objects = fy_cs_body_objects,
    .damage_list = fy_cs_damage_list,
    .audit = fy_cs_audit,
    .identity = fy_cs_identity,
    .journal_read = fy_cs_journal_read,
    .export_rows = fy_cs_export_rows,
    .totals = fy_cs_totals,
    .close = catalogue_close,
};

void fy_cs_init(struct fy_cs *self, const struct fy_cs_engine *engine,
                const struct fy_catalogue_settings *settings)
{
    const char *oio = settings->oio_namespace;
    self->port.ops = &catalogue_sql_ops;
    self->magic = FY_CS_MAGIC;
    self->engine = engine;
    self->clock = settings->clock;
    self->keeps = settings->keeps;
    self->trash_grace_ms = settings->trash_grace_ms;
    self->versions = settings->versions;
    self->keep_deleted_ms = settings->keep_deleted_ms;
    self->tells = settings->tells;
    self->tells_oio = oio != NULL;
    bool fit =
        fy_text_copy(self->site, sizeof self->site, settings->site) &&
        fy_text_copy(self->oio_namespace, sizeof self->oio_namespace, oio != NULL ? oio : "");
    FY_ASSERT(fit); /* the configuration checked them */
    (void)pthread_mutex_init(&self->write_mutex, NULL);
    (void)pthread_mutex_init(&self->reader_mutex, NULL);
    (void)pthread_cond_init(&self->reader_freed, NULL);
    fy_buf_init(&self->json, FY_ORDER_JSON_BYTES);
    fy_buf_init(&self->journal, FY_JOURNAL_ROW_BYTES + 2 * FY_EXPORT_LINE_BYTES);
    fy_buf_init(&self->told[FY_STREAM_ORDERS].packed,
                FY_EVENTS_ROW_BYTES + 2 * FY_ORDER_JSON_BYTES);
    fy_buf_init(&self->told[FY_STREAM_OIO].packed,
                FY_EVENTS_ROW_BYTES + 2 * FY_OIO_EVENT_BYTES_MAX);
}

void fy_cs_done(struct fy_cs *self)
{
    fy_buf_done(&self->journal);
    for (enum fy_event_stream stream = 0; stream < FY_STREAM_COUNT; stream++)
        fy_buf_done(&self->told[stream].packed);
    fy_buf_done(&self->json);
    (void)pthread_cond_destroy(&self->reader_freed);
    (void)pthread_mutex_destroy(&self->reader_mutex);
    (void)pthread_mutex_destroy(&self->write_mutex);
    self->magic = 0;
}
