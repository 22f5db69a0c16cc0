/* catalogue_sqlite_sql.c - connections and statements of SQLite. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/adapters/catalogue_sqlite_internal.h"
#include "common/adapters/container_cid.h"

/* ------------------------------------------------------------------ statements of this dialect */

#define OUTCOME_COLUMNS                                                                            \
    "op_id, bucket, object, action, stamp_time, stamp_site, outcome, reason, detail, at_ms"

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number
#define SUM_MAX          TEXT_OF(FY_CS_SUM_MAX)
/* Over 2^63 it would be no integer any more. */
#define SUM_FROM "max(min("
#define SUM_TO   ", " SUM_MAX "), -" SUM_MAX ")"

/* Designators tell where a text begins; each goes over several lines on purpose. */
/* NOLINTBEGIN(bugprone-suspicious-missing-comma) */
const char *const fy_csl_texts[FY_CS_SQL_COUNT] = {
    [FY_CS_BEGIN_READ] = "BEGIN",
    [FY_CS_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [FY_CS_COMMIT] = "COMMIT",
    [FY_CS_ROLLBACK] = "ROLLBACK",

    [FY_CS_LEASE_ALL_DEAD] = "UPDATE lease SET alive = 0 WHERE alive = 1",
    [FY_CS_CLAIMS_FREE] = ("UPDATE waiting SET turn_ms = due_ms, claimed_by = NULL WHERE "
                           "claimed_by IS NOT NULL"),
    [FY_CS_LEASE_TAKE] = "INSERT OR REPLACE INTO lease(slot, boot_id, alive, saved_time, "
                         "renewed_ms) VALUES(?, ?, 1, ?, unixepoch() * 1000)",
    [FY_CS_LEASE_RENEW] = "UPDATE lease SET saved_time = max(saved_time, ?), renewed_ms = "
                          "unixepoch() * 1000 WHERE "
                          "slot = ? AND boot_id = ? AND alive = 1",
    [FY_CS_LEASE_SAVE] = "UPDATE lease SET saved_time = max(saved_time, ?) WHERE slot = ?",
    [FY_CS_LEASE_RELEASE] = "UPDATE lease SET alive = 0, saved_time = max(saved_time, ?) WHERE "
                            "slot = ? AND boot_id = ?",
    [FY_CS_COUNTERS_ADD] =
        "UPDATE counters SET containers = containers + ?, objects = objects + ?, bytes = " SUM_FROM
        "bytes + ?" SUM_TO ", outbox = outbox + ?, conflicts = conflicts + ?, events = events + "
        "?, oio_events = oio_events + ?, kept_objects = kept_objects + ?, kept_bytes = " SUM_FROM
        "kept_bytes + ?" SUM_TO " WHERE id = 1",
    [FY_CS_COUNTERS_GET] =
        "SELECT containers, objects, bytes, outbox, conflicts, events, oio_events, kept_objects, "
        "kept_bytes "
        "FROM counters WHERE id = 1",

    [FY_CS_PROPERTY_SIZES] = "SELECT key, length(CAST(value AS BLOB)) FROM property WHERE "
                             "container_id = ? ORDER BY key LIMIT ?",
    [FY_CS_SUM_ADD] =
        "INSERT INTO container_count(container_id, objects, bytes, changes) VALUES(?, ?, ?, ?) ON "
        "CONFLICT(container_id) DO UPDATE SET objects = " SUM_FROM
        "objects + excluded.objects" SUM_TO ", bytes = " SUM_FROM "bytes + excluded.bytes" SUM_TO
        ", changes = " SUM_FROM "changes + excluded.changes" SUM_TO,
    [FY_CS_SUM_GET] = "SELECT objects, bytes, changes FROM container_count WHERE container_id = ?",

    [FY_CS_STATE_DUE_PUT] =
        "INSERT INTO state_due(container_id, due_ms, request_id, origin) VALUES(?, ?, ?, ?) ON "
        "CONFLICT(container_id) DO UPDATE SET request_id = excluded.request_id, origin = "
        "excluded.origin WHERE excluded.request_id <> '' OR excluded.origin <> ''",
    /* The orders of an array: '-' and digits; '.' is the byte after '-'. */
    [FY_CS_OUTCOME_ARRAY] =
        "SELECT " OUTCOME_COLUMNS " FROM outcome WHERE op_id >= max(?2, ?1 || '-') AND op_id < ?1 "
        "|| '.' AND (op_id, bucket, object, action) > (?2, ?3, ?4, ?5) ORDER BY op_id, bucket, "
        "object, action LIMIT ?6",
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
    [FY_CS_AUDIT_ENGINE] = "PRAGMA integrity_check",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

/* ------------------------------------------------------------------ connections */

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct fy_csl_conn *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

static int conn_settings(struct fy_csl_conn *conn, bool writer)
{
    char pragmas[640];
    int size = snprintf(
        pragmas, sizeof pragmas,
        "%sPRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; "
        "PRAGMA secure_delete = OFF; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 0; "
        "PRAGMA journal_size_limit = %d; PRAGMA cache_size = -%d; PRAGMA trusted_schema = OFF;",
        writer ? "PRAGMA journal_mode = WAL; " : "", FY_CSL_WAL_KEPT_BYTES,
        writer ? FY_CSL_WRITER_KIB : FY_CSL_READER_KIB);
    FY_ASSERT(size > 0);
    FY_ASSERT((size_t)size < sizeof pragmas);
    return sqlite3_exec(conn->db, pragmas, NULL, NULL, NULL);
}

/* ferry_cid(account, name) */
static void cid_of(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct fy_digest cid;
    FY_ASSERT(count == 2);
    fy_container_cid((const char *)sqlite3_value_text(values[0]),
                     (const char *)sqlite3_value_text(values[1]), &cid);
    sqlite3_result_blob(context, cid.bytes, (int)sizeof cid.bytes, SQLITE_TRANSIENT);
}

enum fy_code fy_csl_conn_open(struct fy_csl_conn *conn, const char *path, bool writer,
                              struct fy_err *err)
{
    /* NOMUTEX: one thread at a time, which our own locks see to. A reader can neither write nor
     * checkpoint: with this SQLite, two connections that do may corrupt the file (ENGINE 5). */
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    conn->conn.engine = &fy_csl_engine;
    errno = 0;
    int result = sqlite3_open_v2(path, &conn->db, flags, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(conn->db, FY_CSL_BUSY_MS);
    /* Plans that do not depend on bound values: else each binding may parse the statement again. */
    if (result == SQLITE_OK)
        result = sqlite3_db_config(conn->db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
    if (result == SQLITE_OK)
        result = conn_settings(conn, writer);
    if (result == SQLITE_OK && writer) /* for migrations */
        result = sqlite3_create_function(conn->db, "ferry_cid", 2,
                                         SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                         NULL, cid_of, NULL, NULL);
    if (result != SQLITE_OK) {
        fy_csl_conn_fail(conn, result);
        return fy_err_set(err, conn->conn.err.code, "open %s: %s", path, conn->conn.err.text);
    }
    if (writer)
        (void)sqlite3_wal_hook(conn->db, on_wal, conn); /* gives the previous hook back: none */
    return FY_OK;
}

void fy_csl_conn_close(struct fy_csl_conn *conn)
{
    for (size_t index = 0; index < FY_COUNT_OF(conn->statements); index++)
        (void)sqlite3_finalize(conn->statements[index]); /* repeats the last failure of its run */
    (void)sqlite3_close(conn->db); /* nothing is left open that could refuse it */
    *conn = (struct fy_csl_conn){.db = NULL};
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
static enum fy_code code_of_result(struct fy_csl_conn *conn, int result)
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

void fy_csl_conn_fail(struct fy_csl_conn *conn, int result)
{
    if (fy_cs_conn_failed(&conn->conn))
        return; /* the first failure is the cause of the others */
    (void)fy_err_set(&conn->conn.err, code_of_result(conn, result), "SQLite: %s (%s, %d)",
                     conn->db == NULL ? "no handle" : sqlite3_errmsg(conn->db),
                     sqlite3_errstr(result), result);
}

/* ------------------------------------------------------------------ statements */

static void failed(struct fy_cs_use *use, int result)
{
    fy_csl_conn_fail(fy_csl_conn_from(use->conn), result);
}

void fy_csl_start(struct fy_cs_use *use, enum fy_cs_sql sql)
{
    struct fy_csl_conn *conn = fy_csl_conn_from(use->conn);
    if (conn->statements[sql] == NULL) {
        errno = 0;
        int result = sqlite3_prepare_v3(conn->db, fy_cs_sql_text(&fy_csl_engine, sql), -1,
                                        SQLITE_PREPARE_PERSISTENT, &conn->statements[sql], NULL);
        if (result != SQLITE_OK) {
            failed(use, result);
            return;
        }
    }
    use->statement = conn->statements[sql];
    FY_ASSERT(sqlite3_stmt_busy(use->statement) == 0); /* used twice at once: end is missing */
}

static void bound(struct fy_cs_use *use, int result)
{
    if (result != SQLITE_OK)
        failed(use, result);
}

void fy_csl_text(struct fy_cs_use *use, const char *text)
{
    bound(use, sqlite3_bind_text(use->statement, ++use->parameter, text, -1, SQLITE_STATIC));
}

void fy_csl_blob(struct fy_cs_use *use, const void *bytes, size_t size_bytes)
{
    bound(use,
          sqlite3_bind_blob64(use->statement, ++use->parameter, bytes, size_bytes, SQLITE_STATIC));
}

void fy_csl_i64(struct fy_cs_use *use, int64_t value)
{
    bound(use, sqlite3_bind_int64(use->statement, ++use->parameter, value));
}

bool fy_csl_row(struct fy_cs_use *use)
{
    errno = 0; /* what is in it after a failure is of this step */
    int result = sqlite3_step(use->statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        failed(use, result);
    return result == SQLITE_ROW;
}

int64_t fy_csl_take_i64(struct fy_cs_use *use)
{
    return sqlite3_column_int64(use->statement, use->column++);
}

bool fy_csl_take_null(struct fy_cs_use *use)
{
    if (sqlite3_column_type(use->statement, use->column) != SQLITE_NULL)
        return false;
    use->column++;
    return true;
}

const void *fy_csl_take_blob(struct fy_cs_use *use, size_t *size_bytes)
{
    const void *bytes = sqlite3_column_blob(use->statement, use->column);
    *size_bytes = (size_t)sqlite3_column_bytes(use->statement, use->column);
    use->column++;
    return bytes;
}

int64_t fy_csl_run(struct fy_cs_use *use)
{
    bool row = fy_csl_row(use);
    FY_ASSERT(!row);
    return sqlite3_changes64(fy_csl_conn_from(use->conn)->db);
}

void fy_csl_send(struct fy_cs_use *use, bool exactly_one)
{
    int64_t changed = fy_csl_run(use);
    FY_ASSERT(!exactly_one || changed == 1 || fy_cs_conn_failed(use->conn)); /* one writer */
}

void fy_csl_end(struct fy_cs_use *use)
{
    (void)sqlite3_reset(use->statement); /* repeats the failure of the step, if there was one */
}
