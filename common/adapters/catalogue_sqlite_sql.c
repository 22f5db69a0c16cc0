/* catalogue_sqlite_sql.c - every statement of the catalogue, and how they are run. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/adapters/catalogue_sqlite_internal.h"

/* Columns as fy_cs_take_container, fy_cs_take_object_row and take_waiting read them. */
#define CONTAINER_COLUMNS                                                                          \
    "c.id, c.account, c.name, c.status, c.stamp_time, c.stamp_site, c.created_ms, c.deleted_ms, "  \
    "c.expires_ms, c.there, c.ccs_visible, (SELECT a.rights FROM access a WHERE a.client = "       \
    "c.account AND a.bucket = c.name)"
#define OBJECT_COLUMNS                                                                             \
    "o.name, o.version, o.id, o.status, o.stamp_time, o.stamp_site, o.size, o.hash, "              \
    "o.changed_ms, o.expires_ms, o.metadata, o.proof, o.upload_boot, o.body_id, b.sha, b.blob_ref"
#define WAITING_COLUMNS                                                                            \
    "id, direction, state, reason, bucket, object, to_site, stamp_time, stamp_site, action, "      \
    "size, ordered_at_ms, op_id, from_site, client, order_account, hash, detail, http_status, "    \
    "attempts, first_failed_ms, last_failed_ms, due_ms, of_record"
#define OUTCOME_COLUMNS                                                                            \
    "op_id, bucket, object, action, stamp_time, stamp_site, outcome, reason, detail, at_ms"
/* The loser's are OBJECT_COLUMNS, of a row that was READY. */
#define CONFLICT_COLUMNS                                                                           \
    "k.id, k.account, k.bucket, k.winner_time, k.winner_site, k.action, k.at_ms, k.object, "       \
    "k.version, k.object_id, 200, k.loser_time, k.loser_site, b.size, k.hash, k.changed_ms, "      \
    "k.expires_ms, k.metadata, k.proof, NULL, k.body_id, b.sha, b.blob_ref"
/* Parameters: container, the least name (the prefix, or the name to go on after, whichever is
 * greater), the name to go on after, the end of the prefix, limit. Without a prefix the end is a
 * blob, which is above every text. */
#define OBJECT_LIST(index, and_status)                                                             \
    "SELECT " OBJECT_COLUMNS " FROM object o " index " LEFT JOIN body b ON b.id = o.body_id "      \
    "WHERE o.container_id = ?1 AND o.name >= ?2 AND o.name <> ?3 AND o.name < ?4 " and_status      \
    "ORDER BY o.name, o.version LIMIT ?5"
/* Parameters: state, direction, reason, site, bucket, after, limit; absent ones -1, 0 and "". The
 * texts differ in the index that leads; all end in ascending ids. */
#define WAITING_LIST(lead)                                                                         \
    "SELECT " WAITING_COLUMNS " FROM waiting WHERE " lead "id > ?6 AND (?1 = -1 OR state = ?1) "   \
    "AND (?2 = -1 OR direction = ?2) AND (?3 = 0 OR reason = ?3) AND (?4 = '' OR site = ?4) AND "  \
    "(?5 = '' OR bucket = ?5) ORDER BY id LIMIT ?7"
/* Parameters: id, site, bucket, after, limit; absent ones -1 and "". */
#define CONFLICT_LIST(lead)                                                                        \
    "SELECT " CONFLICT_COLUMNS                                                                     \
    " FROM conflict k CROSS JOIN body b ON b.id = k.body_id WHERE " lead                           \
    "k.id > ?4 AND (?1 = -1 OR k.id = ?1) AND (?2 = '' OR k.winner_site = ?2) AND "                \
    "(?3 = '' OR k.bucket = ?3) ORDER BY k.id LIMIT ?5"

static const char *const sql_texts[FY_CS_SQL_COUNT] = {
    [FY_CS_BEGIN_READ] = "BEGIN",
    [FY_CS_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [FY_CS_COMMIT] = "COMMIT",
    [FY_CS_ROLLBACK] = "ROLLBACK",

    [FY_CS_LEASE_ALL_DEAD] = "UPDATE lease SET alive = 0 WHERE alive = 1",
    [FY_CS_CLAIMS_FREE] = "UPDATE waiting SET turn_ms = due_ms, claimed_by = NULL WHERE claimed_by "
                          "IS NOT NULL",
    [FY_CS_LEASE_DEAD_SLOT] =
        "SELECT slot, saved_time FROM lease WHERE alive = 0 ORDER BY slot LIMIT 1",
    [FY_CS_LEASE_COUNT] = "SELECT count(*) FROM lease",
    [FY_CS_LEASE_TAKE] = "INSERT OR REPLACE INTO lease(slot, boot_id, alive, saved_time, "
                         "renewed_ms) VALUES(?, ?, 1, ?, ?)",
    [FY_CS_LEASE_ALIVE] = "SELECT count(*) FROM lease WHERE boot_id = ? AND alive = 1",
    [FY_CS_LEASE_RENEW] = "UPDATE lease SET saved_time = max(saved_time, ?), renewed_ms = ? WHERE "
                          "slot = ? AND boot_id = ? AND alive = 1",
    [FY_CS_LEASE_SAVE] = "UPDATE lease SET saved_time = max(saved_time, ?) WHERE slot = ?",
    [FY_CS_LEASE_RELEASE] = "UPDATE lease SET alive = 0, saved_time = max(saved_time, ?) WHERE "
                            "slot = ? AND boot_id = ?",
    [FY_CS_COUNTERS_ADD] =
        "UPDATE counters SET containers = containers + ?, objects = objects + ?, bytes = bytes + "
        "?, outbox = outbox + ?, conflicts = conflicts + ? WHERE id = 1",
    [FY_CS_COUNTERS_GET] =
        "SELECT containers, objects, bytes, outbox, conflicts FROM counters WHERE id = 1",

    [FY_CS_CONTAINER_BY_KEY] =
        "SELECT " CONTAINER_COLUMNS " FROM container c WHERE c.account = ? AND c.name = ?",
    [FY_CS_CONTAINER_BY_CCS_NAME] =
        "SELECT " CONTAINER_COLUMNS " FROM container c WHERE c.name = ? AND c.ccs_visible = 1",
    [FY_CS_CONTAINER_TARGETS] = "SELECT targets FROM container WHERE id = ?",
    [FY_CS_CONTAINER_SET_TARGETS] = "UPDATE container SET targets = ? WHERE id = ?",
    [FY_CS_CONTAINER_INSERT] =
        "INSERT INTO container(account, name, created_ms, status, stamp_time, stamp_site, "
        "deleted_ms, expires_ms, there, ccs_visible) VALUES(?, ?, ?, 0, 0, '', 0, 0, 0, 0)",
    [FY_CS_CONTAINER_REGISTER] =
        "UPDATE container SET status = ?1, stamp_time = ?2, stamp_site = ?3, created_ms = ?4, "
        "deleted_ms = ?5, expires_ms = ?6 WHERE id = ?7 AND (stamp_time, stamp_site) < (?2, ?3)",
    [FY_CS_CONTAINER_DESCRIBE] =
        "UPDATE container SET created_ms = ?, expires_ms = ? WHERE id = ? AND stamp_time = 0",
    [FY_CS_CONTAINER_THERE] = "UPDATE container SET there = ?, deleted_ms = ? WHERE id = ?",
    [FY_CS_CONTAINER_VISIBLE] = "UPDATE container SET ccs_visible = ? WHERE id = ?",
    [FY_CS_CONTAINER_HAS_READY] = "SELECT 1 FROM object INDEXED BY object_ready WHERE container_id "
                                  "= ? AND status = 200 LIMIT 1",
    [FY_CS_CONTAINER_LIST] =
        "SELECT " CONTAINER_COLUMNS " FROM container c WHERE c.account = ? AND c.name > ? AND "
        "(c.there = 1 OR c.stamp_time > 0) AND (? = 0 OR c.ccs_visible = 1) ORDER BY c.name LIMIT "
        "?",
    [FY_CS_CONTAINER_AGED] =
        "SELECT c.id, c.account, c.name FROM container c WHERE c.there = 0 AND c.deleted_ms < ? "
        "AND "
        "NOT EXISTS(SELECT 1 FROM object o WHERE o.container_id = c.id) ORDER BY c.deleted_ms "
        "LIMIT ?",
    [FY_CS_CONTAINER_DELETE] = "DELETE FROM container WHERE id = ?",

    [FY_CS_RIGHT_GET] = "SELECT rights, revoked FROM access WHERE client = ? AND bucket = ?",
    [FY_CS_RIGHT_PUT] =
        "INSERT OR REPLACE INTO access(client, bucket, rights, revoked) VALUES(?, ?, ?, ?)",
    [FY_CS_RIGHT_DELETE] = "DELETE FROM access WHERE client = ? AND bucket = ?",
    [FY_CS_RIGHT_DELETE_BUCKET] = "DELETE FROM access WHERE bucket = ?",
    [FY_CS_RIGHT_COUNT_BUCKET] =
        "SELECT count(*) FROM (SELECT 1 FROM access WHERE bucket = ? AND revoked = 0 LIMIT 1)",
    [FY_CS_RIGHT_LIST] =
        "SELECT client, bucket, rights FROM access WHERE client = ? AND bucket > ? "
        "AND revoked = 0 ORDER BY bucket LIMIT ?",

    [FY_CS_OBJECT_REGISTER] =
        "SELECT o.status, o.stamp_time, o.stamp_site, o.size, o.hash, o.upload_boot, "
        "o.upload_token, o.upload_prior, o.body_id, b.sha FROM object o LEFT JOIN body b ON b.id = "
        "o.body_id WHERE o.container_id = ? AND o.name = ? AND o.version = 0",
    [FY_CS_OBJECT_READY] =
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof) VALUES(?, ?, 0, ?, 200, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET id = CASE WHEN object.status = 200 AND "
        "object.body_id = excluded.body_id THEN object.id ELSE excluded.id END, "
        "status = 200, stamp_time = "
        "excluded.stamp_time, stamp_site = excluded.stamp_site, size = excluded.size, hash = "
        "excluded.hash, changed_ms = excluded.changed_ms, expires_ms = excluded.expires_ms, "
        "metadata = excluded.metadata, body_id = excluded.body_id, proof = excluded.proof, "
        "upload_boot = NULL, upload_token = NULL, upload_prior = NULL WHERE "
        "(stamp_time, stamp_site) < (excluded.stamp_time, excluded.stamp_site)",
    [FY_CS_OBJECT_TOMBSTONE] =
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof) VALUES(?, ?, 0, ?, 204, ?, ?, 0, "
        "?, ?, 0, '', NULL, 0) ON CONFLICT DO UPDATE SET status = 204, stamp_time = "
        "excluded.stamp_time, stamp_site = excluded.stamp_site, hash = excluded.hash, changed_ms = "
        "excluded.changed_ms, body_id = NULL, upload_boot = NULL, upload_token = NULL, "
        "upload_prior = NULL WHERE (stamp_time, stamp_site) < (excluded.stamp_time, "
        "excluded.stamp_site)",
    [FY_CS_OBJECT_UPLOAD] =
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof, upload_boot, upload_token, "
        "upload_prior) VALUES(?, ?, 0, ?, 100, 0, '', 0, '', ?, 0, '', NULL, 0, ?, ?, 0)",
    [FY_CS_OBJECT_UPLOAD_OVER] =
        "UPDATE object SET status = 100, upload_boot = ?, upload_token = ?, upload_prior = ? WHERE "
        "container_id = ? AND name = ? AND version = 0",
    [FY_CS_OBJECT_STATUS] = "UPDATE object SET status = ?, upload_boot = NULL, upload_token = "
                            "NULL, upload_prior = NULL "
                            "WHERE container_id = ? AND name = ? AND version = 0",
    [FY_CS_OBJECT_GET] = "SELECT " OBJECT_COLUMNS " FROM object o LEFT JOIN body b ON b.id = "
                         "o.body_id WHERE o.container_id = ? AND o.name = ? AND o.version = 0",
    [FY_CS_OBJECT_LIST] = OBJECT_LIST("", ""),
    [FY_CS_OBJECT_LIST_READY] = OBJECT_LIST("INDEXED BY object_ready", "AND o.status = 200 "),
    [FY_CS_OBJECT_LIST_REST] = OBJECT_LIST("INDEXED BY object_rest", "AND o.status <> 200 "),
    [FY_CS_OBJECT_PREFIX_READY] =
        "SELECT 1 FROM object INDEXED BY object_ready WHERE container_id = ? AND name >= ? AND "
        "name < ? AND status = 200 LIMIT 1",
    [FY_CS_OBJECT_AGED] = "SELECT container_id, name, version FROM object WHERE status = 204 AND "
                          "changed_ms < ? ORDER BY changed_ms LIMIT ?",
    [FY_CS_OBJECT_DELETE] =
        "DELETE FROM object WHERE container_id = ? AND name = ? AND version = ?",

    [FY_CS_BODY_INSERT] = "INSERT INTO body(sha, size, blob_ref, ref_hash) VALUES(?, ?, ?, ?) ON "
                          "CONFLICT(sha, size) DO "
                          "NOTHING",
    [FY_CS_BODY_MOVE] = "UPDATE body SET blob_ref = ?, ref_hash = ? WHERE id = ?",
    [FY_CS_BODY_FIND] = "SELECT id, blob_ref FROM body WHERE sha = ? AND size = ?",
    [FY_CS_BODY_GET] = "SELECT size, sha, blob_ref FROM body WHERE id = ?",
    [FY_CS_BODY_BY_REF] = "SELECT id FROM body WHERE blob_ref = ? AND ref_hash = ?",
    [FY_CS_BODY_USED] = "SELECT EXISTS(SELECT 1 FROM object WHERE body_id = ?1) OR EXISTS(SELECT 1 "
                        "FROM conflict WHERE body_id = ?1)",
    [FY_CS_BODY_DELETE] = "DELETE FROM body WHERE id = ?",
    [FY_CS_LOOSE_ADD] = "INSERT OR IGNORE INTO loose(body_id) VALUES(?)",
    [FY_CS_LOOSE_LIST] = "SELECT body_id FROM loose WHERE body_id > 0 ORDER BY body_id LIMIT ?",
    [FY_CS_LOOSE_DELETE] = "DELETE FROM loose WHERE body_id = ?",
    [FY_CS_TRASH_ADD] = "INSERT OR IGNORE INTO trash(blob_ref, due_ms) VALUES(?, ?)",
    [FY_CS_TRASH_GET] = "SELECT due_ms FROM trash WHERE blob_ref = ?",
    [FY_CS_TRASH_DUE] = "SELECT due_ms, blob_ref FROM trash WHERE due_ms <= ? AND (due_ms, "
                        "blob_ref) > (?, ?) ORDER BY due_ms, blob_ref LIMIT ?",
    [FY_CS_TRASH_DELETE] = "DELETE FROM trash WHERE blob_ref = ?",

    [FY_CS_CONFLICT_ADD] =
        "INSERT INTO conflict(account, bucket, winner_time, winner_site, action, at_ms, object, "
        "version, object_id, loser_time, loser_site, hash, changed_ms, expires_ms, metadata, "
        "proof, body_id) SELECT ?, ?, ?, ?, ?, ?, name, version, id, stamp_time, stamp_site, hash, "
        "changed_ms, expires_ms, metadata, proof, body_id FROM object WHERE container_id = ? AND "
        "name = ? AND version = 0",
    [FY_CS_CONFLICT_AGED] = "SELECT id FROM conflict WHERE at_ms < ? ORDER BY at_ms LIMIT ?",
    [FY_CS_CONFLICT_BODY] = "SELECT body_id FROM conflict WHERE id = ?",
    [FY_CS_CONFLICT_DELETE] = "DELETE FROM conflict WHERE id = ?",
    [FY_CS_CONFLICT_LIST_ID] = CONFLICT_LIST("k.id = ?1 AND "),
    [FY_CS_CONFLICT_LIST_BUCKET] = CONFLICT_LIST("k.bucket = ?3 AND "),
    [FY_CS_CONFLICT_LIST_SITE] = CONFLICT_LIST("k.winner_site = ?2 AND "),
    [FY_CS_CONFLICT_LIST] = CONFLICT_LIST(""),

    [FY_CS_OUTBOX_ADD] = "INSERT INTO outbox(key, json, written_ms) VALUES(?, ?, ?)",
    [FY_CS_OUTBOX_READ] =
        "SELECT id, key, json, written_ms FROM outbox WHERE id > ? ORDER BY id LIMIT ?",
    [FY_CS_OUTBOX_DELETE] = "DELETE FROM outbox WHERE id = ?",
    [FY_CS_OUTBOX_OLDEST] = "SELECT written_ms FROM outbox WHERE id > 0 ORDER BY id LIMIT 1",

    /* Kept as they are: a newer order of the same name, and what is final and true (APPLIED and
     * LOCAL) when the same change comes again and finds its own work. */
    [FY_CS_OUTCOME_PUT] =
        "INSERT INTO outcome(" OUTCOME_COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT "
        "DO UPDATE SET stamp_time = excluded.stamp_time, stamp_site = excluded.stamp_site, outcome "
        "= excluded.outcome, reason = excluded.reason, detail = excluded.detail, at_ms = "
        "excluded.at_ms WHERE (excluded.stamp_time, excluded.stamp_site) > (stamp_time, "
        "stamp_site) "
        "OR (excluded.stamp_time = stamp_time AND excluded.stamp_site = stamp_site AND NOT "
        "(outcome IN (1, 8) AND excluded.outcome IN (2, 3)))",
    [FY_CS_OUTCOME_EXACT] =
        "SELECT " OUTCOME_COLUMNS " FROM outcome WHERE op_id = ?1 AND (bucket, object, action) > "
        "(?2, ?3, ?4) ORDER BY bucket, object, action LIMIT ?5",
    /* The orders of an array: '-' and digits; '.' is the byte after '-'. */
    [FY_CS_OUTCOME_ARRAY] =
        "SELECT " OUTCOME_COLUMNS " FROM outcome WHERE op_id >= max(?2, ?1 || '-') AND op_id < ?1 "
        "|| '.' AND (op_id, bucket, object, action) > (?2, ?3, ?4, ?5) ORDER BY op_id, bucket, "
        "object, action LIMIT ?6",
    [FY_CS_OUTCOME_PURGE] =
        "DELETE FROM outcome WHERE (op_id, bucket, object, action) IN (SELECT op_id, bucket, "
        "object, action FROM outcome WHERE at_ms < ? ORDER BY at_ms LIMIT ?)",

    [FY_CS_WAITING_BY_KEY] = "SELECT " WAITING_COLUMNS
                             " FROM waiting WHERE direction = ? AND account = ? AND bucket = ? "
                             "AND object = ? AND to_site = ? AND bucket <> '' AND state = 0",
    [FY_CS_WAITING_BY_ORDER] = "SELECT " WAITING_COLUMNS
                               " FROM waiting WHERE direction = ? AND account = ? AND bucket = ? "
                               "AND object = ? AND to_site = ? AND stamp_time = ? AND stamp_site = "
                               "? AND op_id = ? AND bucket <> ''",
    [FY_CS_WAITING_POISON] =
        "SELECT " WAITING_COLUMNS " FROM waiting WHERE stamp_time = ? AND stamp_site = ? AND "
        "direction = ? AND op_id = ? AND bucket = '' AND stamp_time > 0",
    [FY_CS_WAITING_GET] = "SELECT " WAITING_COLUMNS " FROM waiting WHERE id = ?",
    [FY_CS_WAITING_INSERT] =
        "INSERT INTO waiting(direction, state, reason, site, account, bucket, object, to_site, "
        "stamp_time, stamp_site, action, size, ordered_at_ms, op_id, from_site, client, "
        "order_account, hash, detail, http_status, attempts, first_failed_ms, last_failed_ms, "
        "due_ms, of_record, turn_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?, ?, ?)",
    [FY_CS_WAITING_UPDATE] =
        "UPDATE waiting SET state = ?2, reason = ?3, detail = ?4, http_status = ?5, attempts = ?6, "
        "last_failed_ms = ?7, due_ms = ?8, turn_ms = ?8, claimed_by = NULL WHERE id = ?1",
    [FY_CS_WAITING_DELETE] = "DELETE FROM waiting WHERE id = ?",
    [FY_CS_WAITING_OLDER] =
        "SELECT " WAITING_COLUMNS
        " FROM waiting WHERE direction = 0 AND account = ? AND bucket = ? "
        "AND object = ? AND bucket <> '' AND (stamp_time, stamp_site) <= (?, ?) LIMIT 1",
    [FY_CS_WAITING_DUE] =
        "SELECT " WAITING_COLUMNS " FROM waiting INDEXED BY waiting_turn WHERE direction = 0 AND "
        "state = 0 AND turn_ms <= ? "
        "ORDER BY turn_ms LIMIT ?",
    [FY_CS_WAITING_CLAIM] = "UPDATE waiting SET turn_ms = ?, claimed_by = ? WHERE id = ?",
    [FY_CS_WAITING_NEXT] = "SELECT turn_ms FROM waiting INDEXED BY waiting_turn WHERE direction = "
                           "0 AND state = 0 AND turn_ms >= 0 ORDER BY turn_ms LIMIT 1",
    /* A row that a worker holds stays claimed: its outcome comes first. */
    [FY_CS_WAITING_RETRY] =
        "UPDATE waiting SET state = 0, attempts = 0, first_failed_ms = ?1, due_ms = ?1, turn_ms = "
        "CASE WHEN claimed_by IS NULL THEN ?1 ELSE turn_ms END WHERE id = ?2",
    [FY_CS_WAITING_WAKE] =
        "UPDATE waiting SET due_ms = ?1, turn_ms = ?1 WHERE id = ?2 AND direction = 0 "
        "AND state = 0 AND due_ms > ?1 AND claimed_by IS NULL",
    [FY_CS_WAITING_LIST_BUCKET] = WAITING_LIST("bucket = ?5 AND "),
    [FY_CS_WAITING_LIST_SITE] = WAITING_LIST("site = ?4 AND "),
    [FY_CS_WAITING_LIST_REASON] = WAITING_LIST("reason = ?3 AND "),
    [FY_CS_WAITING_LIST_STATE] = WAITING_LIST("state = ?1 AND "),
    [FY_CS_WAITING_LIST] = WAITING_LIST(""),
    [FY_CS_WAITING_COUNTS] =
        "SELECT c.direction, c.state, c.reason, c.site, c.orders, c.bytes, (SELECT "
        "w.first_failed_ms FROM waiting w WHERE w.direction = c.direction AND w.state = c.state "
        "AND "
        "w.reason = c.reason AND w.site = c.site ORDER BY w.first_failed_ms LIMIT 1) FROM "
        "waiting_count c WHERE (c.direction, c.state, c.reason, c.site) > (?, ?, ?, ?) ORDER BY "
        "c.direction, c.state, c.reason, c.site LIMIT ?",
    [FY_CS_WAITING_TOTALS] =
        /* total, not sum: sizes are what clients promised, and sum fails when it overflows. */
    "SELECT state, sum(orders), CAST(total(bytes) AS INTEGER) FROM waiting_count GROUP BY "
    "state",
    [FY_CS_WAITING_ANY_IN] = "SELECT EXISTS(SELECT 1 FROM waiting_count WHERE direction = 0)",

    [FY_CS_SITE_INSERT] = "INSERT INTO site(id, name, uri, status, paused) VALUES(?, ?, ?, ?, ?)",
    [FY_CS_SITE_UPDATE] = "UPDATE site SET name = ?, uri = ?, status = ? WHERE id = ?",
    [FY_CS_SITE_DELETE] = "DELETE FROM site WHERE id = ?",
    [FY_CS_SITE_PAUSE] = "UPDATE site SET paused = ? WHERE id = ?",
    [FY_CS_SITE_COUNT] = "SELECT count(*) FROM site",
    [FY_CS_SITE_GET] = "SELECT seq, id, name, uri, status, paused FROM site WHERE id = ?",
    [FY_CS_SITE_LIST] =
        "SELECT seq, id, name, uri, status, paused FROM site WHERE seq > ? ORDER BY seq LIMIT ?",
};

const char *fy_cs_sql_text(enum fy_cs_sql sql)
{
    return sql_texts[sql];
}

/* ------------------------------------------------------------------ connections */

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct fy_cs_conn *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

static int conn_settings(struct fy_cs_conn *conn, bool writer)
{
    char pragmas[640];
    int size = snprintf(
        pragmas, sizeof pragmas,
        "%sPRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; "
        "PRAGMA secure_delete = OFF; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 0; "
        "PRAGMA journal_size_limit = %d; PRAGMA cache_size = -%d; PRAGMA trusted_schema = OFF;",
        writer ? "PRAGMA journal_mode = WAL; " : "", FY_CS_WAL_KEPT_BYTES,
        writer ? FY_CS_WRITER_KIB : FY_CS_READER_KIB);
    FY_ASSERT(size > 0);
    FY_ASSERT((size_t)size < sizeof pragmas);
    return sqlite3_exec(conn->db, pragmas, NULL, NULL, NULL);
}

enum fy_code fy_cs_conn_open(struct fy_cs_conn *conn, const char *path, bool writer,
                             struct fy_err *err)
{
    /* NOMUTEX: one thread at a time, which our own locks see to. A reader can neither write nor
     * checkpoint: with this SQLite, two connections that do may corrupt the file (ENGINE 5). */
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    errno = 0;
    int result = sqlite3_open_v2(path, &conn->db, flags, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(conn->db, FY_CS_BUSY_MS);
    /* Plans that do not depend on bound values: else each binding may parse the statement again. */
    if (result == SQLITE_OK)
        result = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    if (result == SQLITE_OK)
        result = conn_settings(conn, writer);
    if (result != SQLITE_OK) {
        fy_cs_conn_fail(conn, result);
        return fy_err_set(err, conn->err.code, "open %s: %s", path, conn->err.text);
    }
    if (writer)
        (void)sqlite3_wal_hook(conn->db, on_wal, conn); /* gives the previous hook back: none */
    return FY_OK;
}

void fy_cs_conn_close(struct fy_cs_conn *conn)
{
    for (size_t index = 0; index < FY_COUNT_OF(conn->statements); index++)
        (void)sqlite3_finalize(conn->statements[index]); /* repeats the last failure of its run */
    (void)sqlite3_close(conn->db); /* nothing is left open that could refuse it */
    *conn = (struct fy_cs_conn){.db = NULL};
}

void fy_cs_conn_clear(struct fy_cs_conn *conn)
{
    conn->err.code = FY_OK;
    conn->err.text[0] = '\0';
}

static bool is_full(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/*
 * What a failure of SQLite means to the caller:
 *   FY_ENOSPACE   the disk, the quota or the file size limit is full; heals by itself
 *   FY_EBUSY      locked or out of memory; again later
 *   FY_EIO        the disk or the file is broken
 *   FY_EINTERNAL  this one statement is wrong (a constraint, a type): its neighbours are not to
 * blame
 */
static enum fy_code code_of_result(struct fy_cs_conn *conn, int result)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
        return FY_ENOSPACE;
    case SQLITE_IOERR: /* a failing COMMIT forgets to keep the system's word, errno still has it */
        return is_full(errno) || (conn->db != NULL && is_full(sqlite3_system_errno(conn->db)))
                   ? FY_ENOSPACE
                   : FY_EIO;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM:
        return FY_EBUSY;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return FY_EIO;
    default:
        return FY_EINTERNAL;
    }
}

void fy_cs_conn_fail(struct fy_cs_conn *conn, int result)
{
    if (fy_cs_conn_failed(conn))
        return; /* the first failure is the cause of the others */
    (void)fy_err_set(&conn->err, code_of_result(conn, result), "SQLite: %s (%s, %d)",
                     conn->db == NULL ? "no handle" : sqlite3_errmsg(conn->db),
                     sqlite3_errstr(result), result);
}

/* ------------------------------------------------------------------ statements */

struct fy_cs_use fy_cs_use(struct fy_cs_conn *conn, enum fy_cs_sql sql)
{
    struct fy_cs_use use = {.conn = conn};
    if (fy_cs_conn_failed(conn))
        return use;
    if (conn->statements[sql] == NULL) {
        errno = 0;
        int result = sqlite3_prepare_v3(conn->db, sql_texts[sql], -1, SQLITE_PREPARE_PERSISTENT,
                                        &conn->statements[sql], NULL);
        if (result != SQLITE_OK) {
            fy_cs_conn_fail(conn, result);
            return use;
        }
    }
    use.statement = conn->statements[sql];
    FY_ASSERT(sqlite3_stmt_busy(use.statement) == 0); /* used twice at once: end is missing */
    return use;
}

static void bound(struct fy_cs_use *use, int result)
{
    if (result != SQLITE_OK)
        fy_cs_conn_fail(use->conn, result);
}

void fy_cs_text(struct fy_cs_use *use, const char *text)
{
    if (use->statement != NULL)
        bound(use, sqlite3_bind_text(use->statement, ++use->parameter, text, -1, SQLITE_STATIC));
}

void fy_cs_blob(struct fy_cs_use *use, const void *bytes, size_t size_bytes)
{
    if (use->statement != NULL)
        bound(use, sqlite3_bind_blob64(use->statement, ++use->parameter, bytes, size_bytes,
                                       SQLITE_STATIC));
}

void fy_cs_i64(struct fy_cs_use *use, int64_t value)
{
    if (use->statement != NULL)
        bound(use, sqlite3_bind_int64(use->statement, ++use->parameter, value));
}

void fy_cs_stamp(struct fy_cs_use *use, const struct fy_stamp *stamp)
{
    /* SQLite's integers are signed. Times that far ahead (the year 4429) are never applied; as dead
     * letters they are kept at the greatest there is. */
    fy_cs_i64(use, stamp->time <= INT64_MAX ? (int64_t)stamp->time : INT64_MAX);
    fy_cs_text(use, stamp->site);
}

bool fy_cs_row(struct fy_cs_use *use)
{
    if (use->statement == NULL || fy_cs_conn_failed(use->conn))
        return false;
    use->column = 0;
    errno = 0; /* what is in it after a failure is of this step */
    int result = sqlite3_step(use->statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        fy_cs_conn_fail(use->conn, result);
    return result == SQLITE_ROW;
}

int64_t fy_cs_take_i64(struct fy_cs_use *use)
{
    return sqlite3_column_int64(use->statement, use->column++);
}

bool fy_cs_take_null(struct fy_cs_use *use)
{
    if (sqlite3_column_type(use->statement, use->column) != SQLITE_NULL)
        return false;
    use->column++;
    return true;
}

void fy_cs_take_text(struct fy_cs_use *use, char *field, size_t field_bytes)
{
    const char *text = (const char *)sqlite3_column_text(use->statement, use->column++);
    if (!fy_text_copy(field, field_bytes, text == NULL ? "" : text))
        fy_cs_conn_fail(use->conn, SQLITE_CORRUPT);
}

bool fy_cs_take_digest(struct fy_cs_use *use, struct fy_digest *digest)
{
    size_t size_bytes = 0;
    const void *bytes = fy_cs_take_blob(use, &size_bytes);
    if (bytes == NULL || size_bytes != sizeof digest->bytes)
        return false;
    memcpy(digest->bytes, bytes, sizeof digest->bytes);
    return true;
}

void fy_cs_take_stamp(struct fy_cs_use *use, struct fy_stamp *stamp)
{
    stamp->time = (uint64_t)fy_cs_take_i64(use);
    fy_cs_take_text(use, stamp->site, sizeof stamp->site);
}

const void *fy_cs_take_blob(struct fy_cs_use *use, size_t *size_bytes)
{
    const void *bytes = sqlite3_column_blob(use->statement, use->column);
    *size_bytes = (size_t)sqlite3_column_bytes(use->statement, use->column);
    use->column++;
    return bytes;
}

void fy_cs_end(struct fy_cs_use *use)
{
    if (use->statement != NULL)
        (void)sqlite3_reset(use->statement); /* repeats the failure of the step, if there was one */
    use->statement = NULL;
}

int64_t fy_cs_run(struct fy_cs_use *use)
{
    if (use->statement == NULL)
        return 0;
    bool row = fy_cs_row(use);
    FY_ASSERT(!row);
    fy_cs_end(use);
    return fy_cs_conn_failed(use->conn) ? 0 : sqlite3_changes64(use->conn->db);
}

void fy_cs_exec(struct fy_cs_conn *conn, enum fy_cs_sql sql)
{
    struct fy_cs_use use = fy_cs_use(conn, sql);
    (void)fy_cs_run(&use); /* nobody counts the rows of these */
}
