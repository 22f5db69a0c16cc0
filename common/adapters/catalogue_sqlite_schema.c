/* catalogue_sqlite_schema.c - the tables, as numbered migrations. */
/*
 * PRAGMA user_version is the number of the last migration that ran. Each runs in one transaction
 * with its number, so a crash between two of them is resumed. A file from a newer program is
 * refused.
 *
 * Times are ms since 1970, statuses and actions the numbers of our enums (which are never
 * renumbered). A stamp is two columns, compared as a pair; texts compare as bytes (SQLite's
 * BINARY).
 */
#include <stdio.h>

#include "common/adapters/catalogue_sqlite_internal.h"

static const char *const schema_1[] = {
    /* One row a container. status 0: only its objects are known, no order or client made it. there:
     * the answer of fy_rule_bucket_there, kept in the transaction that changes it. A row that was
     * there keeps ccs_visible as a tombstone, until another container of the name is there. */
    "CREATE TABLE container("
    " id INTEGER PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, status INTEGER NOT NULL,"
    " stamp_time INTEGER NOT NULL, stamp_site TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " deleted_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, there INTEGER NOT NULL,"
    " ccs_visible INTEGER NOT NULL, UNIQUE(account, name));",
    "CREATE UNIQUE INDEX container_ccs ON container(name) WHERE ccs_visible = 1;",
    "CREATE INDEX container_gone ON container(deleted_ms) WHERE there = 0;",

    /* One row a (client, bucket). revoked: the administration took the owner's right away; reads as
     * not found, and keeps orders of the owner out. */
    "CREATE TABLE access("
    " client TEXT NOT NULL, bucket TEXT NOT NULL, rights INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL, PRIMARY KEY(client, bucket)) WITHOUT ROWID;",
    "CREATE INDEX access_bucket ON access(bucket);",

    /* Bodies of the store. Ids are never given twice, since a look hands them out. ref_hash is of
     * blob_ref (fy_cs_ref_hash): references are long and random, an index of them would be the
     * largest of all and is asked only for files of dead processes. */
    "CREATE TABLE body("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, sha BLOB NOT NULL, size INTEGER NOT NULL,"
    " blob_ref TEXT NOT NULL, ref_hash INTEGER NOT NULL, UNIQUE(sha, size));",
    "CREATE INDEX body_ref ON body(ref_hash);",
    /* Bodies that lost a reference: the only ones the sweep has to look at. */
    "CREATE TABLE loose(body_id INTEGER PRIMARY KEY);",
    "CREATE TABLE trash(blob_ref TEXT PRIMARY KEY, due_ms INTEGER NOT NULL) WITHOUT ROWID;",
    "CREATE INDEX trash_due ON trash(due_ms);",

    /* One row a version of a name. body_id: of a READY row only. An upload in progress keeps the
     * stamp and the facts of the row before it, and its status in upload_prior. */
    "CREATE TABLE object("
    " container_id INTEGER NOT NULL REFERENCES container(id), name TEXT NOT NULL,"
    " version INTEGER NOT NULL, id TEXT NOT NULL, status INTEGER NOT NULL,"
    " stamp_time INTEGER NOT NULL, stamp_site TEXT NOT NULL, size INTEGER NOT NULL,"
    " hash TEXT NOT NULL, changed_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " metadata TEXT NOT NULL, body_id INTEGER REFERENCES body(id), proof INTEGER NOT NULL,"
    " upload_boot TEXT, upload_token INTEGER, upload_prior INTEGER,"
    " PRIMARY KEY(container_id, name, version)) WITHOUT ROWID;",
    /* Each row is in exactly one of these two. */
    "CREATE INDEX object_ready ON object(container_id, name) WHERE status = 200;",
    "CREATE INDEX object_rest ON object(container_id, name) WHERE status <> 200;",
    "CREATE INDEX object_tombstone ON object(changed_ms) WHERE status = 204;",
    "CREATE INDEX object_body ON object(body_id) WHERE body_id IS NOT NULL;",

    /* Losing bodies of conflicts, kept for a week. */
    "CREATE TABLE conflict("
    " id INTEGER PRIMARY KEY, account TEXT NOT NULL, bucket TEXT NOT NULL, object TEXT NOT NULL,"
    " body_id INTEGER NOT NULL REFERENCES body(id), at_ms INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, loser_time INTEGER NOT NULL, loser_site TEXT NOT NULL,"
    " winner_time INTEGER NOT NULL, winner_site TEXT NOT NULL);",
    "CREATE INDEX conflict_body ON conflict(body_id);",
    "CREATE INDEX conflict_at ON conflict(at_ms);",

    /* seq: the order of insertion. */
    "CREATE TABLE site("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
    " uri TEXT NOT NULL, status INTEGER NOT NULL, paused INTEGER NOT NULL);",

    /* Ids are never given twice: a late acknowledgement must not remove another order. */
    "CREATE TABLE outbox("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL, json TEXT NOT NULL,"
    " written_ms INTEGER NOT NULL);",

    /* Orders that failed. turn_ms: when the row may be claimed, its due time or the end of a claim.
     * account: the resolved one; order_account: the order's own key. */
    "CREATE TABLE waiting("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, direction INTEGER NOT NULL, state INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, site TEXT NOT NULL, account TEXT NOT NULL, bucket TEXT NOT NULL,"
    " object TEXT NOT NULL, to_site TEXT NOT NULL, stamp_time INTEGER NOT NULL,"
    " stamp_site TEXT NOT NULL, action INTEGER NOT NULL, size INTEGER NOT NULL,"
    " ordered_at_ms INTEGER NOT NULL, op_id TEXT NOT NULL, from_site TEXT NOT NULL,"
    " client TEXT NOT NULL, order_account TEXT NOT NULL, hash TEXT NOT NULL, detail TEXT NOT NULL,"
    " http_status INTEGER NOT NULL, attempts INTEGER NOT NULL, first_failed_ms INTEGER NOT NULL,"
    " last_failed_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, turn_ms INTEGER NOT NULL,"
    " claimed_by TEXT);",
    "CREATE UNIQUE INDEX waiting_key ON waiting(direction, account, bucket, object, to_site)"
    " WHERE bucket <> '';",
    "CREATE INDEX waiting_poison ON waiting(stamp_time) WHERE bucket = '';",
    "CREATE INDEX waiting_turn ON waiting(turn_ms) WHERE direction = 0 AND state = 0;",
    "CREATE INDEX waiting_claimed ON waiting(claimed_by) WHERE claimed_by IS NOT NULL;",
    "CREATE INDEX waiting_bucket ON waiting(bucket);",
    "CREATE INDEX waiting_site ON waiting(site);",
    "CREATE INDEX waiting_reason ON waiting(reason);",
    "CREATE INDEX waiting_state ON waiting(state);",
    "CREATE INDEX waiting_group ON waiting(direction, state, reason, site, first_failed_ms);",
    /* Counts by group, kept by the triggers below: failures are rare beside everything else. */
    "CREATE TABLE waiting_count("
    " direction INTEGER NOT NULL, state INTEGER NOT NULL, reason INTEGER NOT NULL,"
    " site TEXT NOT NULL, orders INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " PRIMARY KEY(direction, state, reason, site)) WITHOUT ROWID;",
    "CREATE TRIGGER waiting_added AFTER INSERT ON waiting BEGIN"
    " INSERT INTO waiting_count VALUES(new.direction, new.state, new.reason, new.site, 1, new.size)"
    " ON CONFLICT DO UPDATE SET orders = orders + 1, bytes = bytes + excluded.bytes; END;",
    "CREATE TRIGGER waiting_removed AFTER DELETE ON waiting BEGIN"
    " UPDATE waiting_count SET orders = orders - 1, bytes = bytes - old.size WHERE direction ="
    " old.direction AND state = old.state AND reason = old.reason AND site = old.site;"
    " DELETE FROM waiting_count WHERE direction = old.direction AND state = old.state AND"
    " reason = old.reason AND site = old.site AND orders = 0; END;",
    "CREATE TRIGGER waiting_changed AFTER UPDATE OF direction, state, reason, site, size ON waiting"
    " BEGIN"
    " INSERT INTO waiting_count VALUES(new.direction, new.state, new.reason, new.site, 1, new.size)"
    " ON CONFLICT DO UPDATE SET orders = orders + 1, bytes = bytes + excluded.bytes;"
    " UPDATE waiting_count SET orders = orders - 1, bytes = bytes - old.size WHERE direction ="
    " old.direction AND state = old.state AND reason = old.reason AND site = old.site;"
    " DELETE FROM waiting_count WHERE direction = old.direction AND state = old.state AND"
    " reason = old.reason AND site = old.site AND orders = 0; END;",

    /* What became of orders, the newest state of each. */
    "CREATE TABLE outcome("
    " op_id TEXT NOT NULL, bucket TEXT NOT NULL, object TEXT NOT NULL, action INTEGER NOT NULL,"
    " stamp_time INTEGER NOT NULL, stamp_site TEXT NOT NULL, outcome INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, detail TEXT NOT NULL, at_ms INTEGER NOT NULL,"
    " PRIMARY KEY(op_id, bucket, object, action)) WITHOUT ROWID;",
    "CREATE INDEX outcome_at ON outcome(at_ms);",

    "CREATE TABLE lease("
    " slot INTEGER PRIMARY KEY, boot_id TEXT NOT NULL, alive INTEGER NOT NULL,"
    " saved_time INTEGER NOT NULL, renewed_ms INTEGER NOT NULL);",

    /* Sums that would take a walk over the tables; one row. */
    "CREATE TABLE counters("
    " id INTEGER PRIMARY KEY CHECK(id = 1), containers INTEGER NOT NULL, objects INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, outbox INTEGER NOT NULL, conflicts INTEGER NOT NULL);",
    "INSERT INTO counters VALUES(1, 0, 0, 0, 0, 0);",
    NULL,
};

/* Conflicts keep the whole row of the object that lost, and have ids that are never given twice: a
 * person lists them first and names one later. action: of the change that won, 0 where schema 1 did
 * not note it. */
static const char *const schema_2[] = {
    "CREATE TABLE lost("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, bucket TEXT NOT NULL,"
    " winner_time INTEGER NOT NULL, winner_site TEXT NOT NULL, action INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, object TEXT NOT NULL, version INTEGER NOT NULL,"
    " object_id TEXT NOT NULL, loser_time INTEGER NOT NULL, loser_site TEXT NOT NULL,"
    " hash TEXT NOT NULL, changed_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " metadata TEXT NOT NULL, proof INTEGER NOT NULL,"
    " body_id INTEGER NOT NULL REFERENCES body(id));",
    "INSERT INTO lost SELECT id, account, bucket, winner_time, winner_site, 0, at_ms, object, 0,"
    " '', loser_time, loser_site, '', loser_time >> 16, 0, '', 2, body_id FROM conflict;",
    "DROP TABLE conflict;",
    "ALTER TABLE lost RENAME TO conflict;",
    "CREATE INDEX conflict_body ON conflict(body_id);",
    "CREATE INDEX conflict_at ON conflict(at_ms);",
    "CREATE INDEX conflict_bucket ON conflict(bucket);",
    "CREATE INDEX conflict_site ON conflict(winner_site);",
    NULL,
};

/* Of each key one order waits, and beside it any number may be dead: a dead one took the place of
 * one that waited as long as schema 1 had one row a key. Poison is never retried. */
static const char *const schema_3[] = {
    "UPDATE waiting SET state = 1 WHERE state = 0 AND direction = 0 AND reason IN (14, 16);",
    "DROP INDEX waiting_key;",
    "CREATE UNIQUE INDEX waiting_key ON waiting(direction, account, bucket, object, to_site)"
    " WHERE state = 0 AND bucket <> '';",
    "CREATE UNIQUE INDEX waiting_order ON waiting(direction, account, bucket, object, to_site,"
    " stamp_time, stamp_site, op_id) WHERE bucket <> '';",
    NULL,
};

static const char *const schema_4[] = {
    "ALTER TABLE waiting ADD COLUMN of_record INTEGER NOT NULL DEFAULT 0;",
    NULL,
};

/* targets: site ids with commas between, '' all (core/targets.h). */
static const char *const schema_5[] = {
    "ALTER TABLE container ADD COLUMN targets TEXT NOT NULL DEFAULT '';",
    NULL,
};

/* What became of orders, until applications have been told: a row for all events of a transaction,
 * or for as many as make it long. Ids are never given twice, as in the outbox. */
static const char *const schema_6[] = {
    "CREATE TABLE event("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, events INTEGER NOT NULL, written_ms INTEGER NOT NULL,"
    " packed BLOB NOT NULL);",
    "ALTER TABLE counters ADD COLUMN events INTEGER NOT NULL DEFAULT 0;",
    NULL,
};

/* Who may take the name of a container that goes. */
static const char *const schema_7[] = {
    "CREATE INDEX container_name ON container(name, created_ms, account) WHERE there = 1 AND"
    " ccs_visible = 0;",
    NULL,
};

/* of_record means a given order now, whoever stamped it; renamed, it would stop the processes of an
 * older program beside us in PostgreSQL, whose column is the same. */
static const char *const schema_8[] = {
    "DROP INDEX waiting_key;",
    "CREATE UNIQUE INDEX waiting_key ON waiting(direction, account, bucket, object, to_site,"
    " of_record) WHERE state = 0 AND bucket <> '';",
    NULL,
};

/* Backfills (struct fy_backfill_row); remaining is what it calls left. */
static const char *const schema_9[] = {
    "CREATE TABLE backfill("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, op_id TEXT NOT NULL,"
    " site TEXT NOT NULL, account TEXT NOT NULL, bucket TEXT NOT NULL, prefix TEXT NOT NULL,"
    " rate INTEGER NOT NULL, whole INTEGER NOT NULL, forced INTEGER NOT NULL,"
    " dry_run INTEGER NOT NULL, begun_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL,"
    " at_account TEXT NOT NULL DEFAULT '', at_bucket TEXT NOT NULL DEFAULT '',"
    " at_object TEXT NOT NULL DEFAULT '', looked INTEGER NOT NULL DEFAULT 0,"
    " ordered INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,"
    " remaining INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT '');",
    "CREATE INDEX backfill_state ON backfill(state, id);",
    NULL,
};

/* damaged: what is wrong with the bytes in the store (enum fy_damage), 0 nothing that is known. A
 * row of damage is what was found last, and stays when the body is mended. One row of scan: the
 * scan that runs, or the last; boot_id: of the process that does it. */
static const char *const schema_10[] = {
    "ALTER TABLE body ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0;",
    "CREATE INDEX body_damaged ON body(damaged) WHERE damaged > 0;",
    "CREATE TABLE damage("
    " body_id INTEGER PRIMARY KEY REFERENCES body(id) ON DELETE CASCADE, kind INTEGER NOT NULL,"
    " scan INTEGER NOT NULL, found_ms INTEGER NOT NULL, mended_ms INTEGER NOT NULL,"
    " mended_from TEXT NOT NULL);",
    "CREATE TABLE scan("
    " id INTEGER PRIMARY KEY CHECK(id = 1), number INTEGER NOT NULL, state INTEGER NOT NULL,"
    " mends INTEGER NOT NULL, account TEXT NOT NULL, bucket TEXT NOT NULL, prefix TEXT NOT NULL,"
    " after_name TEXT NOT NULL, after_id INTEGER NOT NULL, bodies INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, damaged INTEGER NOT NULL, mended INTEGER NOT NULL,"
    " started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, boot_id TEXT NOT NULL);",
    NULL,
};

/* kept_body: of a deleted object, until it is undeleted, made anew or too old; its facts stay in
 * the row as they were, but for its creation, which is kept_ms. */
static const char *const schema_11[] = {
    "ALTER TABLE object ADD COLUMN kept_body INTEGER REFERENCES body(id);",
    "ALTER TABLE object ADD COLUMN kept_ms INTEGER NOT NULL DEFAULT 0;",
    "CREATE INDEX object_kept ON object(kept_body) WHERE kept_body IS NOT NULL;",
    "CREATE INDEX object_kept_at ON object(changed_ms) WHERE kept_body IS NOT NULL;",
    "ALTER TABLE counters ADD COLUMN kept_objects INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE counters ADD COLUMN kept_bytes INTEGER NOT NULL DEFAULT 0;",
    NULL,
};

/* What transactions changed, as lines of an export, until it is written beside the bodies; a row
 * without lines: everything may have changed. identity: whose export it is. */
static const char *const schema_12[] = {
    "CREATE TABLE journal("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, written_ms INTEGER NOT NULL, lines BLOB NOT NULL);",
    "INSERT INTO journal(written_ms, lines) VALUES(0, x'');",
    "CREATE TABLE identity(one INTEGER PRIMARY KEY CHECK(one = 1), id TEXT NOT NULL);",
    NULL,
};

/* Containers by OpenIO's rules. cid: SHA-256 of account, 0 and name. policy, keep_deleted_s: NULL
 * not set. copied_by: boot id of the snapshot that reads it, hidden_by: of the one that makes it;
 * orders_by: of who has orders to write of its objects, behind the name orders_after.
 * property: what clients have set. container_count: its sums. version: versions of a name beside
 * the newest one, which object has; kind 0 with its body, 1 a delete marker, 2 registered, whose
 * body has not come (it may be newer than the object's row); lists read them newest first. number:
 * of that row; 0 its stamp says. marker: of a tombstone alone, one that lists show.
 * overwrites: of an order. stream: 0 what became of orders, 1 changes of containers, whose sums
 * that changed wait in state_due to be told. exported: greatest number of a file of the export, -1
 * not known. */
static const char *const schema_13[] = {
    "ALTER TABLE container ADD COLUMN cid BLOB;",
    "UPDATE container SET cid = ferry_cid(account, name);",
    "CREATE UNIQUE INDEX container_cid ON container(cid);",
    "ALTER TABLE container ADD COLUMN versioned INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE container ADD COLUMN policy INTEGER;"
    "ALTER TABLE container ADD COLUMN delete_exceeding INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE container ADD COLUMN keep_deleted_s INTEGER;"
    "ALTER TABLE container ADD COLUMN quota INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE container ADD COLUMN state INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE container ADD COLUMN frozen_until_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE container ADD COLUMN has_registered INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE container ADD COLUMN copied_by TEXT;"
    "ALTER TABLE container ADD COLUMN hidden_by TEXT;"
    "ALTER TABLE container ADD COLUMN orders_by TEXT;"
    "ALTER TABLE container ADD COLUMN orders_after TEXT;",
    "CREATE INDEX container_hidden ON container(account, id) WHERE hidden_by IS NOT NULL;",
    "CREATE INDEX container_left ON container(id) WHERE has_registered = 1 AND there = 0 AND"
    " hidden_by IS NULL;",
    "CREATE INDEX container_owing ON container(id) WHERE orders_by IS NOT NULL;",
    "CREATE TABLE property("
    " container_id INTEGER NOT NULL REFERENCES container(id), key TEXT NOT NULL,"
    " value TEXT NOT NULL, PRIMARY KEY(container_id, key)) WITHOUT ROWID;",
    "CREATE TABLE container_count("
    " container_id INTEGER PRIMARY KEY, objects INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " changes INTEGER NOT NULL);",
    "INSERT INTO container_count SELECT container_id, count(*), sum(size), 0 FROM object WHERE"
    " status = 200 GROUP BY container_id;",
    "CREATE TABLE version("
    " container_id INTEGER NOT NULL REFERENCES container(id), name TEXT NOT NULL,"
    " number INTEGER NOT NULL, kind INTEGER NOT NULL, id TEXT NOT NULL,"
    " stamp_time INTEGER NOT NULL, stamp_site TEXT NOT NULL, size INTEGER NOT NULL,"
    " hash TEXT NOT NULL, changed_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " metadata TEXT NOT NULL, body_id INTEGER REFERENCES body(id), proof INTEGER NOT NULL,"
    " PRIMARY KEY(container_id, name, number DESC)) WITHOUT ROWID;",
    "CREATE INDEX version_body ON version(body_id) WHERE body_id IS NOT NULL;",
    "CREATE INDEX version_registered ON version(container_id, name) WHERE kind = 2;",
    "ALTER TABLE object ADD COLUMN number INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE object ADD COLUMN marker INTEGER NOT NULL DEFAULT 0;",
    /* Delete markers stay until somebody removes them, and would be looked at again and again. */
    "DROP INDEX object_tombstone;",
    "CREATE INDEX object_tombstone ON object(changed_ms) WHERE status = 204 AND marker = 0;",
    "CREATE INDEX object_marker ON object(container_id, name) WHERE marker = 1;",
    "ALTER TABLE waiting ADD COLUMN overwrites INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE event ADD COLUMN stream INTEGER NOT NULL DEFAULT 0;",
    "CREATE INDEX event_stream ON event(stream, id);",
    "ALTER TABLE counters ADD COLUMN oio_events INTEGER NOT NULL DEFAULT 0;",
    "CREATE TABLE state_due("
    " container_id INTEGER PRIMARY KEY, due_ms INTEGER NOT NULL, request_id TEXT NOT NULL,"
    " origin TEXT NOT NULL);",
    "CREATE INDEX state_due_at ON state_due(due_ms);",
    "ALTER TABLE identity ADD COLUMN exported INTEGER NOT NULL DEFAULT -1;",
    NULL,
};

/* corrections: how often a container's sums were set, and not added to. */
static const char *const schema_14[] = {
    "ALTER TABLE container ADD COLUMN corrections INTEGER NOT NULL DEFAULT 0;",
    NULL,
};

/* Append only: the n-th brings a file from version n to n + 1. Statements up to NULL. */
static const char *const *const migrations[] = {
    schema_1, schema_2, schema_3,  schema_4,  schema_5,  schema_6,  schema_7,
    schema_8, schema_9, schema_10, schema_11, schema_12, schema_13, schema_14};

static int schema_version(struct fy_csl_conn *writer)
{
    sqlite3_stmt *statement = NULL;
    int version = -1;
    int result = sqlite3_prepare_v2(writer->db, "PRAGMA user_version", -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        if (result == SQLITE_ROW)
            version = sqlite3_column_int(statement, 0);
    }
    if (version < 0)
        fy_csl_conn_fail(writer, result);
    sqlite3_finalize(statement);
    return version;
}

static bool schema_exec(struct fy_csl_conn *writer, const char *sql)
{
    int result = sqlite3_exec(writer->db, sql, NULL, NULL, NULL);
    if (result != SQLITE_OK)
        fy_csl_conn_fail(writer, result);
    return result == SQLITE_OK;
}

/* Brings the file from version to version + 1, or leaves it as it was. */
static bool schema_step(struct fy_csl_conn *writer, int version)
{
    char number[64];
    (void)snprintf(number, sizeof number, "PRAGMA user_version = %d", version + 1);
    bool good = schema_exec(writer, "BEGIN IMMEDIATE");
    for (const char *const *sql = migrations[version]; good && *sql != NULL; sql++)
        good = schema_exec(writer, *sql);
    if (good && schema_exec(writer, number) && schema_exec(writer, "COMMIT"))
        return true;
    /* The failure is recorded; a transaction that SQLite has ended itself needs no end. */
    (void)sqlite3_exec(writer->db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

enum fy_code fy_csl_schema_migrate(struct fy_csl_conn *writer, int wanted, struct fy_err *err)
{
    const int newest = (int)FY_COUNT_OF(migrations);
    if (wanted == 0)
        wanted = newest;
    FY_ASSERT(wanted >= 1);
    FY_ASSERT(wanted <= newest);
    int version = schema_version(writer);
    if (version > newest)
        return fy_err_set(err, FY_EINTERNAL,
                          "the catalogue has schema %d, this program knows up to %d: start the "
                          "newer program",
                          version, newest);
    while (version >= 0 && version < wanted && schema_step(writer, version))
        version++;
    if (!fy_cs_conn_failed(&writer->conn))
        return FY_OK;
    return fy_err_set(err, writer->conn.err.code, "migrate the catalogue: %s",
                      writer->conn.err.text);
}
