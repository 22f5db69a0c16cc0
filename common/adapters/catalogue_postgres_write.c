/* catalogue_postgres_write.c - a batch of operations as one transaction among those of others. */
/*
 * Locks. Before a batch reads anything it locks what it is about, in one statement and in one order
 * for all processes, so that batches wait for each other but never in a ring: the names of its
 * buckets, the keys of its objects and the digests of the bodies it brings. These are advisory
 * locks of the transaction, by the hash of the name: unlike rows they are there before the row is,
 * and writing one costs no page. What a batch has read under them stays true until it commits.
 *
 * A bucket's name is locked shared by whoever changes objects in it, and alone by whoever changes
 * the container, its visibility or the rights on it. An object may do that too, when it brings or
 * empties a container that has no register; that is found out on the way (fy_pg_own_name), and the
 * batch runs again with its names locked alone.
 *
 * What is not locked so is guarded where it is written: a statement that must change one row and
 * does not, a broken key, a deadlock make the batch run again, a bounded number of times
 * (catalogue_sql.c).
 *
 * Commit. The transaction's first statement marks the process's lease row with its number. When a
 * COMMIT is not answered, the row says after reconnecting whether it happened; reading it for
 * update waits for a transaction that is still under way.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/adapters/catalogue_postgres_internal.h"
#include "common/core/hash.h"

/* ------------------------------------------------------------------ locks */

enum lock_kind { LOCK_NAME = 1, LOCK_OBJECT, LOCK_BODY, LOCK_LEASES, LOCK_SITES, LOCK_SCAN };

/* Of processes of other versions, too: what is hashed must not change. */
static int64_t key_of(enum lock_kind kind, const char *name, const void *bytes, size_t size_bytes)
{
    unsigned char first = (unsigned char)kind;
    uint64_t hash = fy_hash_bytes(FY_HASH_START, &first, 1);
    hash = fy_hash_text(hash, name);
    return (int64_t)fy_hash_bytes(hash, bytes, size_bytes);
}

static void lock_add(struct fy_pg *self, int64_t key, bool shared)
{
    FY_ASSERT(self->lock_count < FY_PG_LOCKS_MAX);
    self->locks[self->lock_count++] = (struct fy_pg_lock){.key = key, .shared = shared};
}

static void lock_name(struct fy_pg *self, const char *name, bool shared)
{
    lock_add(self, key_of(LOCK_NAME, name, "", 0), shared && !self->own_all_names);
}

/* An operation on an object; "" is the bucket itself. */
static void lock_object(struct fy_pg *self, const char *bucket, const char *object)
{
    lock_name(self, bucket, object[0] != '\0');
    if (object[0] != '\0')
        lock_add(self, key_of(LOCK_OBJECT, bucket, object, strlen(object)), false);
}

/* Shared: it stays where it is. */
static void lock_body(struct fy_pg *self, const struct fy_digest *digest, bool shared)
{
    lock_add(self, key_of(LOCK_BODY, "", digest->bytes, sizeof digest->bytes), shared);
}

static void lock_apply(struct fy_pg *self, const struct fy_cat_apply *apply)
{
    struct fy_digest linked;
    lock_object(self, apply->order.bucket, apply->order.object);
    if (apply->blob_ref[0] != '\0')
        lock_body(self, &apply->digest, false);
    else if (apply->link_body_id != 0 && fy_order_digest(&apply->order, &linked))
        lock_body(self, &linked, true); /* its line says where the body is stored */
}

static void lock_finish(struct fy_pg *self, const struct fy_cat_upload_finish *finish)
{
    lock_object(self, finish->key.bucket, finish->key.object);
    lock_body(self, &finish->digest, false);
}

static void locks_of(struct fy_pg *self, const struct fy_cat_op *op)
{
    const void *as = op;
    const struct fy_object_key *key = NULL;
    switch (op->kind) {
    case FY_CAT_BUCKET_CREATE:
        lock_name(self, ((const struct fy_cat_bucket_create *)as)->bucket, false);
        break;
    case FY_CAT_BUCKET_DELETE:
        lock_name(self, ((const struct fy_cat_bucket_delete *)as)->bucket, false);
        break;
    case FY_CAT_RESTORE: /* nobody else writes: only for what own_name asks */
        if (((const struct fy_cat_restore *)as)->line.bucket != NULL)
            lock_name(self, ((const struct fy_cat_restore *)as)->line.bucket, false);
        break;
    case FY_CAT_FORGET:
        lock_name(self, ((const struct fy_cat_forget *)as)->key.bucket, false);
        break;
    case FY_CAT_CONTAINER_MAKE:
        lock_name(self, ((const struct fy_cat_container_make *)as)->name, false);
        break;
    case FY_CAT_CONTAINER_DESTROY:
        lock_name(self, ((const struct fy_cat_container_destroy *)as)->name, false);
        break;
    case FY_CAT_PROPERTIES:
        lock_name(self, ((const struct fy_cat_properties *)as)->name, false);
        break;
    case FY_CAT_CONTAINER_STATE:
        lock_name(self, ((const struct fy_cat_container_state *)as)->name, false);
        break;
    case FY_CAT_TOUCH:
        lock_name(self, ((const struct fy_cat_touch *)as)->name, false);
        break;
    case FY_CAT_FLUSH:
        lock_name(self, ((const struct fy_cat_flush *)as)->name, false);
        break;
    case FY_CAT_VERSIONS_PURGE:
        lock_name(self, ((const struct fy_cat_versions_purge *)as)->name, false);
        break;
    case FY_CAT_SNAPSHOT:
        lock_name(self, ((const struct fy_cat_snapshot *)as)->name, false);
        lock_name(self, ((const struct fy_cat_snapshot *)as)->to_name, false);
        break;
    case FY_CAT_TARGETS:
        lock_name(self, ((const struct fy_cat_targets *)as)->bucket, false);
        break;
    case FY_CAT_RIGHT:
        lock_name(self, ((const struct fy_cat_right *)as)->row.bucket, false);
        break;
    case FY_CAT_SITE: /* they are counted: one comes or goes at a time */
    case FY_CAT_BACKFILL:
        lock_add(self, key_of(LOCK_SITES, "", "", 0), false);
        break;
    case FY_CAT_SCAN: /* read first, written then */
        lock_add(self, key_of(LOCK_SCAN, "", "", 0), false);
        break;
    case FY_CAT_DAMAGE:
        lock_body(self, &((const struct fy_cat_damage *)as)->body.digest, false);
        break;
    case FY_CAT_MEND:
        lock_body(self, &((const struct fy_cat_mend *)as)->digest, false);
        break;
    case FY_CAT_UPLOAD_BEGIN:
        key = &((const struct fy_cat_upload_begin *)as)->key;
        break;
    case FY_CAT_UPLOAD_FAIL:
        key = &((const struct fy_cat_upload_fail *)as)->key;
        break;
    case FY_CAT_OBJECT_DELETE:
        key = &((const struct fy_cat_object_delete *)as)->key;
        break;
    case FY_CAT_REGISTER:
        key = &((const struct fy_cat_register *)as)->key;
        break;
    case FY_CAT_OBJECT_PROPERTIES:
        key = &((const struct fy_cat_object_properties *)as)->key;
        break;
    case FY_CAT_UNDELETE:
        key = &((const struct fy_cat_undelete *)as)->key;
        break;
    case FY_CAT_UPLOAD_FINISH:
        lock_finish(self, as);
        break;
    case FY_CAT_APPLY:
        lock_apply(self, as);
        break;
    case FY_CAT_WAIT: {
        const struct fy_order *order = &((const struct fy_cat_wait *)as)->row.order;
        lock_object(self, order->bucket, order->object);
        break;
    }
    case FY_CAT_WAIT_CLAIM:
    case FY_CAT_WAIT_EDIT:
    case FY_CAT_SETTLE:
    case FY_CAT_CONFLICT_DROP:
    case FY_CAT_OUTBOX_DONE:
    case FY_CAT_EVENTS_DONE:
    case FY_CAT_EVENTS_TRIM:
    case FY_CAT_STATES_TELL:
    case FY_CAT_LEASE_RENEW:
    case FY_CAT_SWEEP:
    case FY_CAT_TRASH_DONE:
    case FY_CAT_PURGE:
    case FY_CAT_JOURNAL_DONE:
    case FY_CAT_RESTORED:
    case FY_CAT_KIND_COUNT:
        break; /* rows that are found by other ways: locked as they are read */
    }
    if (key != NULL)
        lock_object(self, key->bucket, key->object);
}

static int lock_compare(const void *left, const void *right)
{
    const struct fy_pg_lock *a = left, *b = right;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return (int)a->shared - (int)b->shared; /* alone comes first, and stays */
}

static void locks_sort(struct fy_pg *self)
{
    size_t kept = 0;
    qsort(self->locks, self->lock_count, sizeof self->locks[0], lock_compare);
    for (size_t index = 0; index < self->lock_count; index++)
        if (kept == 0 || self->locks[kept - 1].key != self->locks[index].key)
            self->locks[kept++] = self->locks[index];
    self->lock_count = kept;
}

static void locks_take(struct fy_pg *self)
{
    struct fy_buf *keys = &self->arrays[0], *shared = &self->arrays[1];
    if (self->lock_count == 0)
        return;
    fy_buf_clear(keys);
    fy_buf_clear(shared);
    for (size_t index = 0; index < self->lock_count; index++) {
        const struct fy_pg_lock *lock = &self->locks[index];
        fy_buf_printf(keys, "%s%" PRId64, index == 0 ? "{" : ",", lock->key);
        fy_buf_printf(shared, "%s%c", index == 0 ? "{" : ",", lock->shared ? 't' : 'f');
    }
    fy_buf_printf(keys, "}");
    fy_buf_printf(shared, "}");
    FY_ASSERT(!keys->overflow);
    struct fy_cs_use use = fy_pg_use(self->cs.writer, FY_PG_LOCK);
    fy_pg_array(&use, keys->bytes, FY_PG_I64_ARRAY);
    fy_pg_array(&use, shared->bytes, FY_PG_BOOL_ARRAY);
    fy_cs_send(&use);
}

bool fy_pg_own_name(struct fy_cs *cs, const char *name)
{
    struct fy_pg *self = fy_pg_from(cs);
    const struct fy_pg_lock wanted = {.key = key_of(LOCK_NAME, name, "", 0), .shared = false};
    for (size_t low = 0, high = self->lock_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (self->locks[middle].key == wanted.key) {
            if (!self->locks[middle].shared)
                return true;
            break;
        }
        if (self->locks[middle].key < wanted.key)
            low = middle + 1;
        else
            high = middle;
    }
    self->own_all_names = true;
    if (!fy_cs_conn_failed(cs->writer)) {
        (void)fy_err_set(&cs->writer->err, FY_EBUSY, "bucket %s changes with its object", name);
        cs->writer->again = true;
    }
    return false;
}

/* ------------------------------------------------------------------ begin */

static void lease_mark(struct fy_pg *self)
{
    struct fy_cs *cs = &self->cs;
    if (cs->boot_id[0] == '\0')
        return;
    struct fy_cs_use use = fy_pg_use(cs->writer, FY_PG_LEASE_MARK);
    fy_cs_i64(&use, ++self->batch);
    fy_cs_i64(&use, cs->slot);
    fy_cs_text(&use, cs->boot_id);
    if (fy_cs_row(&use)) {
        cs->lease_alive = fy_cs_take_i64(&use) != 0;
        /* Of the keys that are locked by now: nobody can add one that concerns this batch. */
        cs->waiting_in = fy_cs_take_i64(&use) != 0;
    }
    fy_cs_end(&use);
}

void fy_pg_write_begin(struct fy_cs *cs, struct fy_cat_op *const *ops, size_t count)
{
    struct fy_pg *self = fy_pg_from(cs);
    struct fy_pg_conn *writer = &self->writer;
    fy_cs_conn_clear(&writer->conn);
    self->lock_count = 0;
    if (count == 0) /* leases are given out and taken back */
        lock_add(self, key_of(LOCK_LEASES, "", "", 0), false);
    for (size_t index = 0; index < count; index++)
        locks_of(self, ops[index]);
    locks_sort(self);
    if (writer->pg == NULL && !fy_pg_connect(writer))
        return;
    fy_cs_exec(&writer->conn, FY_CS_BEGIN_WRITE);
    if (writer->pooled)
        fy_cs_exec(&writer->conn, (enum fy_cs_sql)FY_PG_SETTINGS);
    locks_take(self);
    lease_mark(self);
    fy_pg_write_ahead(cs, ops, count);
}

/* Numbers of a sequence are nobody else's, whatever becomes of this transaction. */
int64_t fy_pg_body_id(struct fy_cs *cs)
{
    struct fy_pg *self = fy_pg_from(cs);
    if (self->body_id_count == 0) {
        struct fy_cs_use use = fy_pg_use(cs->writer, FY_PG_BODY_IDS);
        fy_cs_i64(&use, FY_CAT_BATCH_MAX);
        while (self->body_id_count < FY_CAT_BATCH_MAX && fy_cs_row(&use))
            self->body_ids[self->body_id_count++] = fy_cs_take_i64(&use);
        fy_cs_end(&use);
    }
    return self->body_id_count == 0 ? 0 : self->body_ids[--self->body_id_count];
}

/* ------------------------------------------------------------------ end */

static void pause_ms(long ms)
{
    struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&wait, NULL); /* cut short by a signal: then it was shorter */
}

/* The number of the process's last transaction that committed; false: nobody said. */
static bool committed_batch(struct fy_pg *self, int64_t *batch)
{
    struct fy_cs *cs = &self->cs;
    fy_cs_conn_clear(cs->writer);
    if (self->writer.pg == NULL && !fy_pg_connect(&self->writer))
        return false;
    fy_cs_exec(cs->writer, FY_CS_BEGIN_WRITE);
    struct fy_cs_use use = fy_pg_use(cs->writer, FY_PG_LEASE_BATCH);
    fy_cs_i64(&use, cs->slot);
    fy_cs_text(&use, cs->boot_id);
    bool found = fy_cs_row(&use);
    if (found)
        *batch = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    fy_pg_rollback(&self->writer);
    return found;
}

/* The connection was lost with a COMMIT under way. */
static enum fy_code resolve(struct fy_pg *self, struct fy_err *err)
{
    struct fy_err failure = self->cs.writer->err;
    int64_t batch = 0;
    bool known = false;
    const int64_t deadline_ms = fy_pg_now_ms() + FY_PG_RESOLVE_MS;
    while (self->cs.boot_id[0] != '\0' && !known && fy_pg_now_ms() < deadline_ms) {
        known = committed_batch(self, &batch);
        if (!known)
            pause_ms(FY_PG_BACKOFF_MIN_MS);
    }
    fy_cs_conn_clear(self->cs.writer);
    if (!known)
        return fy_err_set(err, FY_EBUSY, "whether the catalogue committed is not known: %s",
                          failure.text);
    if (batch == self->batch)
        return FY_OK;
    self->cs.again = true; /* it is known that nothing happened */
    return fy_err_set(err, FY_EBUSY, "write the catalogue: %s", failure.text);
}

enum fy_code fy_pg_write_end(struct fy_cs *cs, struct fy_err *err)
{
    struct fy_pg *self = fy_pg_from(cs);
    struct fy_pg_conn *writer = &self->writer;
    /* All is known to be well before the COMMIT: what was sent may have changed no row. */
    if (!fy_cs_conn_failed(cs->writer) && fy_pg_sync(writer)) {
        fy_cs_exec(cs->writer, FY_CS_COMMIT);
        if (fy_pg_sync(writer)) {
            self->own_all_names = false;
            return FY_OK;
        }
        if (writer->pg == NULL)
            return resolve(self, err);
    }
    struct fy_err failure = cs->writer->err;
    /* Cut off before the COMMIT: nothing has happened, and a new connection may do better. */
    cs->again = cs->writer->again || (writer->pg == NULL && writer->backoff_ms == 0);
    fy_pg_rollback(writer);
    fy_cs_conn_clear(cs->writer);
    return fy_err_set(err, failure.code, "write the catalogue: %s", failure.text);
}
