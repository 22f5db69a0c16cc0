/* catalogue_postgres_ahead.c - answers that are fetched before somebody asks for them. */
/*
 * An operation of the catalogue reads a row or two and then writes, and what it reads can be told
 * from the operation alone. So before a batch runs, all those statements are sent at once and their
 * answers kept, by statement and parameters; when the operation comes to ask, the answer is there.
 * A batch of hundreds costs a handful of round trips so.
 *
 * The writer uses an answer once: an operation reads before it writes, so the next one that wants
 * the same row asks the server, and sees what was written. Operations that change rows they have
 * not read so (a sweep, a bucket) keep their batch from being read ahead. In a reader's snapshot
 * nothing changes, and an answer is good until the transaction ends.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_postgres_internal.h"
#include "common/core/hash.h"

#define MEMO_SLOTS 4096 /* a power of two, above three answers for each of a batch */
static_assert(MEMO_SLOTS > 5 * FY_CAT_BATCH_MAX, "the table stays sparse");
#define KEY_BYTES_MAX (4 << 20)

struct slot {
    uint64_t hash; /* 0 free */
    size_t key, key_bytes;
    PGresult *answer; /* NULL: on its way, or used up */
};

struct fy_pg_memo {
    size_t count;
    struct fy_buf keys;
    struct slot slots[MEMO_SLOTS];
};

/* ------------------------------------------------------------------ the table */

static struct fy_pg_memo *memo_of(struct fy_pg_conn *conn)
{
    if (conn->memo == NULL) {
        conn->memo = fy_alloc(sizeof *conn->memo);
        fy_buf_init(&conn->memo->keys, KEY_BYTES_MAX);
    }
    return conn->memo;
}

/* Appends the key of the statement in use; where it begins. */
static size_t key_add(const struct fy_pg_conn *conn, struct fy_buf *keys)
{
    size_t start = keys->size_bytes;
    fy_buf_add(keys, &conn->sql, sizeof conn->sql);
    for (int index = 0; index < conn->parameter_count; index++) {
        fy_buf_add(keys, &conn->sizes[index], sizeof conn->sizes[index]);
        fy_buf_add(keys, conn->values[index], (size_t)conn->sizes[index]);
    }
    return start;
}

/* The slot of the statement in use, or where it would go; NULL: there is no room. *made: it is new,
 * and its key stays. */
static struct slot *slot_find(struct fy_pg_conn *conn, bool *made)
{
    struct fy_pg_memo *memo = memo_of(conn);
    size_t start = key_add(conn, &memo->keys);
    *made = false;
    if (memo->keys.overflow || memo->count > MEMO_SLOTS / 2)
        return NULL;
    size_t size = memo->keys.size_bytes - start;
    uint64_t hash = fy_hash_bytes(FY_HASH_START, memo->keys.bytes + start, size) | 1;
    for (size_t at = hash / 2 % MEMO_SLOTS;; at = (at + 1) % MEMO_SLOTS) {
        struct slot *slot = &memo->slots[at];
        if (slot->hash == 0) {
            *slot = (struct slot){.hash = hash, .key = start, .key_bytes = size};
            memo->count++;
            *made = true;
            return slot;
        }
        if (slot->hash == hash && slot->key_bytes == size &&
            memcmp(memo->keys.bytes + slot->key, memo->keys.bytes + start, size) == 0) {
            memo->keys.size_bytes = start; /* it is in there once */
            return slot;
        }
    }
}

void fy_pg_memo_clear(struct fy_pg_conn *conn)
{
    struct fy_pg_memo *memo = conn->memo;
    if (memo == NULL || (memo->count == 0 && memo->keys.size_bytes == 0))
        return;
    for (size_t index = 0; memo->count > 0 && index < MEMO_SLOTS; index++) {
        PQclear(memo->slots[index].answer);
        memo->slots[index] = (struct slot){.hash = 0};
    }
    memo->count = 0;
    fy_buf_done(&memo->keys); /* an overflow, too, is forgotten */
    fy_buf_init(&memo->keys, KEY_BYTES_MAX);
}

void fy_pg_memo_free(struct fy_pg_conn *conn)
{
    fy_pg_memo_clear(conn);
    if (conn->memo != NULL)
        fy_buf_done(&conn->memo->keys);
    free(conn->memo);
    conn->memo = NULL;
}

void fy_pg_memo_answer(struct fy_pg_conn *conn, uint32_t slot, PGresult *answer)
{
    FY_ASSERT(conn->memo != NULL);
    FY_ASSERT(slot < MEMO_SLOTS);
    PQclear(conn->memo->slots[slot].answer);
    conn->memo->slots[slot].answer = answer;
}

bool fy_pg_memo_take(struct fy_pg_conn *conn)
{
    bool made = false;
    if (conn->memo == NULL || conn->memo->count == 0)
        return false;
    struct slot *slot = slot_find(conn, &made);
    if (slot == NULL || slot->answer == NULL)
        return false;
    conn->answer = slot->answer;
    conn->answer_is_kept = !conn->writer;
    if (conn->writer)
        slot->answer = NULL;
    return true;
}

void fy_pg_memo_keep(struct fy_pg_conn *conn)
{
    bool made = false;
    /* Nobody asks for a page of an audit again, and all its pages would be all its rows. */
    if (conn->writer || !conn->in_block ||
        (conn->sql >= FY_CS_AUDIT_ENGINE && conn->sql <= FY_CS_AUDIT_EVENTS))
        return;
    struct slot *slot = slot_find(conn, &made);
    if (slot == NULL || slot->answer != NULL)
        return;
    slot->answer = conn->answer;
    conn->answer_is_kept = true;
}

/* Sends the statement, unless it has been; its answer comes with the next sync. */
static void ahead(struct fy_cs_use *use)
{
    struct fy_pg_conn *conn = use->statement;
    bool made = false;
    if (conn != NULL && !fy_cs_conn_failed(use->conn)) {
        const struct slot *slot = slot_find(conn, &made);
        if (slot != NULL && made) {
            conn->ahead_slot = (uint32_t)(slot - conn->memo->slots);
            fy_pg_dispatch(conn, FY_PG_AHEAD);
        }
    }
    fy_cs_end(use);
}

/* ------------------------------------------------------------------ what will be asked */

static void ahead_object(struct fy_cs_conn *conn, int64_t container_id, const char *name)
{
    if (container_id == 0 || name[0] == '\0')
        return;
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_OBJECT_REGISTER);
    fy_cs_i64(&use, container_id);
    fy_cs_text(&use, name);
    ahead(&use);
}

static void ahead_body(struct fy_cs_conn *conn, const struct fy_digest *digest, int64_t size)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_BODY_FIND);
    fy_cs_blob(&use, digest->bytes, sizeof digest->bytes);
    fy_cs_i64(&use, size);
    ahead(&use);
}

static void ahead_link(struct fy_cs_conn *conn, int64_t body_id)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_BODY_GET);
    fy_cs_i64(&use, body_id);
    ahead(&use);
}

static void ahead_apply(struct fy_cs *cs, const struct fy_cat_apply *apply)
{
    struct fy_cs_container container;
    bool invisible = false;
    fy_cs_container_of_order(cs, cs->writer, &apply->order, &container, &invisible);
    ahead_object(cs->writer, container.id, apply->order.object);
    if (apply->blob_ref[0] != '\0')
        ahead_body(cs->writer, &apply->digest, apply->size);
    if (apply->link_body_id != 0)
        ahead_link(cs->writer, apply->link_body_id);
}

static void ahead_key(struct fy_cs *cs, const struct fy_object_key *key)
{
    struct fy_cs_container container;
    if (fy_cs_container_find(cs, key->account, key->bucket, &container))
        ahead_object(cs->writer, container.id, key->object);
}

static void ahead_op(struct fy_cs *cs, const struct fy_cat_op *op)
{
    const void *as = op;
    const struct fy_cat_upload_finish *finish = as;
    if (op->kind == FY_CAT_APPLY)
        ahead_apply(cs, as);
    else if (op->kind == FY_CAT_UPLOAD_BEGIN)
        ahead_key(cs, &((const struct fy_cat_upload_begin *)as)->key);
    else if (op->kind == FY_CAT_OBJECT_DELETE)
        ahead_key(cs, &((const struct fy_cat_object_delete *)as)->key);
    else if (op->kind == FY_CAT_UNDELETE)
        ahead_key(cs, &((const struct fy_cat_undelete *)as)->key);
    else if (op->kind == FY_CAT_UPLOAD_FINISH) {
        ahead_key(cs, &finish->key);
        ahead_body(cs->writer, &finish->digest, finish->size);
    }
}

/* Whether the operation changes objects and bodies that it has read itself, or none. */
static bool is_calm(const struct fy_cat_op *op)
{
    switch (op->kind) {
    case FY_CAT_APPLY:
        return ((const struct fy_cat_apply *)(const void *)op)->order.object[0] != '\0';
    case FY_CAT_UPLOAD_BEGIN:
    case FY_CAT_UPLOAD_FINISH:
    case FY_CAT_UPLOAD_FAIL:
    case FY_CAT_OBJECT_DELETE:
    case FY_CAT_UNDELETE:
    case FY_CAT_WAIT:
    case FY_CAT_WAIT_CLAIM:
    case FY_CAT_SETTLE:
    case FY_CAT_OUTBOX_DONE:
    case FY_CAT_EVENTS_DONE:
    case FY_CAT_EVENTS_TRIM:
    case FY_CAT_STATES_TELL:
    case FY_CAT_JOURNAL_DONE:
    case FY_CAT_LEASE_RENEW:
    case FY_CAT_SITE:
    case FY_CAT_SCAN:
    case FY_CAT_REGISTER:
    case FY_CAT_OBJECT_PROPERTIES:
        return true;
    case FY_CAT_BUCKET_CREATE:
    case FY_CAT_BUCKET_DELETE:
    case FY_CAT_WAIT_EDIT:
    case FY_CAT_CONFLICT_DROP:
    case FY_CAT_TARGETS:
    case FY_CAT_RIGHT:
    case FY_CAT_BACKFILL:
    case FY_CAT_SWEEP:
    case FY_CAT_TRASH_DONE:
    case FY_CAT_PURGE:
    case FY_CAT_DAMAGE:
    case FY_CAT_MEND:
    case FY_CAT_RESTORE:
    case FY_CAT_FORGET:
    case FY_CAT_RESTORED:
    case FY_CAT_CONTAINER_MAKE:
    case FY_CAT_CONTAINER_DESTROY:
    case FY_CAT_PROPERTIES:
    case FY_CAT_CONTAINER_STATE:
    case FY_CAT_TOUCH:
    case FY_CAT_FLUSH:
    case FY_CAT_VERSIONS_PURGE:
    case FY_CAT_SNAPSHOT:
    case FY_CAT_KIND_COUNT:
        return false;
    }
    return false;
}

void fy_pg_write_ahead(struct fy_cs *cs, struct fy_cat_op *const *ops, size_t count)
{
    struct fy_pg_conn *writer = fy_pg_conn_from(cs->writer);
    fy_pg_memo_clear(writer);
    bool calm = count > 1;
    for (size_t index = 0; index < count; index++)
        calm = calm && is_calm(ops[index]);
    for (size_t index = 0; calm && index < count; index++)
        ahead_op(cs, ops[index]);
    if (calm)
        (void)fy_pg_sync(writer); /* a failure sticks */
}

/* The containers first, one by one: many looks share a few. Their ids lead to the rest. */
void fy_pg_look_ahead(struct fy_cs *cs, struct fy_cs_conn *reader, struct fy_cat_look *looks,
                      size_t count)
{
    struct fy_cs_container container;
    struct fy_digest promised;
    bool invisible = false;
    for (size_t index = 0; index < count; index++)
        fy_cs_container_of_order(cs, reader, looks[index].order, &container, &invisible);
    for (size_t index = 0; index < count && !fy_cs_conn_failed(reader); index++) {
        const struct fy_order *order = looks[index].order;
        fy_cs_container_of_order(cs, reader, order, &container, &invisible);
        ahead_object(reader, container.id, order->object);
        if (order->action == FY_ACTION_CREATE && fy_order_digest(order, &promised))
            ahead_body(reader, &promised, order->size);
    }
    (void)fy_pg_sync(fy_pg_conn_from(reader));
}
