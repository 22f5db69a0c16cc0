/* catalogue_sql_texts.c - the statements that all engines have in common. */
/*
 * In SQLite's words where engines differ: what is particular to it, its hints for the planner, an
 * engine takes out before it prepares (catalogue_postgres_text.c). A statement that is absent here
 * is in catalogue_sql_texts_version.c, or in the engine's own table, which comes first.
 */
#include "common/adapters/catalogue_sql_texts.h"

#define BODY_COLUMNS "b.id, b.size, b.sha, b.blob_ref, b.damaged"
#define SCAN_COLUMNS                                                                               \
    "number, state, mends, account, bucket, prefix, after_name, after_id, bodies, bytes, "         \
    "damaged, mended, started_ms, ended_ms, boot_id"
/* Of a version, as its line says it. */
#define VERSION_LINE_COLUMNS                                                                       \
    "v.name, v.number, v.kind, v.id, v.stamp_time, v.stamp_site, v.size, v.hash, v.changed_ms, "   \
    "v.expires_ms, v.metadata, v.proof, b.sha, b.blob_ref"
#define MARK_COLUMNS "o.name, o.stamp_time, o.stamp_site, o.size, b.sha"
/* As take_waiting reads them; of_record: the order is a given one. */
#define WAITING_COLUMNS                                                                            \
    "id, direction, state, reason, bucket, object, to_site, stamp_time, stamp_site, action, "      \
    "size, ordered_at_ms, op_id, from_site, client, order_account, hash, detail, http_status, "    \
    "attempts, first_failed_ms, last_failed_ms, due_ms, of_record, overwrites"
#define OUTCOME_COLUMNS                                                                            \
    "op_id, bucket, object, action, stamp_time, stamp_site, outcome, reason, detail, at_ms"
/* The loser's are FY_CS_OBJECT_COLUMNS, of a row that was READY. */
#define CONFLICT_COLUMNS                                                                           \
    "k.id, k.account, k.bucket, k.winner_time, k.winner_site, k.action, k.at_ms, k.object, "       \
    "k.version, 0, k.object_id, 200, k.loser_time, k.loser_site, b.size, k.hash, k.changed_ms, "   \
    "k.expires_ms, k.metadata, k.proof, NULL, k.body_id, b.sha, b.blob_ref, b.damaged, 0"
#define BACKFILL_COLUMNS                                                                           \
    "id, state, op_id, site, account, bucket, prefix, rate, whole, forced, dry_run, begun_ms, "    \
    "changed_ms, at_account, at_bucket, at_object, looked, ordered, bytes, remaining, note"
/* Parameters: container, the least name (the prefix, or the name to go on after, whichever is
 * greater), the name to go on after, the end of the prefix, limit. Without a prefix the end is a
 * blob, which is above every text. */
#define OBJECT_LIST(columns, index, and_status)                                                    \
    "SELECT " columns " FROM object o " index " LEFT JOIN body b ON b.id = o.body_id "             \
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

static const char *const common_texts[FY_CS_SQL_COUNT] = {
    [FY_CS_LEASE_DEAD_SLOT] =
        "SELECT slot, saved_time FROM lease WHERE alive = 0 ORDER BY slot LIMIT 1",
    [FY_CS_LEASE_COUNT] = "SELECT count(*) FROM lease",
    [FY_CS_LEASE_ALIVE] = "SELECT count(*) FROM lease WHERE boot_id = ? AND alive = 1",
    [FY_CS_CONTAINER_BY_KEY] =
        "SELECT " FY_CS_CONTAINER_COLUMNS " FROM container c WHERE c.account = ? AND c.name = ?",
    [FY_CS_CONTAINER_BY_CCS_NAME] = "SELECT " FY_CS_CONTAINER_COLUMNS
                                    " FROM container c WHERE c.name = ? AND c.ccs_visible = 1",
    [FY_CS_CONTAINER_BY_ID] = "SELECT " FY_CS_CONTAINER_COLUMNS " FROM container c WHERE c.id = ?",
    [FY_CS_CONTAINER_BY_CID] =
        "SELECT " FY_CS_CONTAINER_COLUMNS " FROM container c WHERE c.cid = ?",
    [FY_CS_CONTAINER_TARGETS] = "SELECT targets FROM container WHERE id = ?",
    [FY_CS_CONTAINER_SET_TARGETS] = "UPDATE container SET targets = ? WHERE id = ?",
    [FY_CS_CONTAINER_INSERT] =
        "INSERT INTO container(account, name, created_ms, cid, status, stamp_time, stamp_site, "
        "deleted_ms, expires_ms, there, ccs_visible) VALUES(?, ?, ?, ?, 0, 0, '', 0, 0, 0, 0)",
    [FY_CS_CONTAINER_REGISTER] =
        "UPDATE container SET status = ?1, stamp_time = ?2, stamp_site = ?3, created_ms = ?4, "
        "deleted_ms = ?5, expires_ms = ?6 WHERE id = ?7 AND (stamp_time, stamp_site) < (?2, ?3)",
    [FY_CS_CONTAINER_DESCRIBE] =
        "UPDATE container SET created_ms = ?, expires_ms = ? WHERE id = ? AND stamp_time = 0",
    [FY_CS_CONTAINER_THERE] = "UPDATE container SET there = ?, deleted_ms = ? WHERE id = ?",
    [FY_CS_CONTAINER_VISIBLE] = "UPDATE container SET ccs_visible = ? WHERE id = ?",
    [FY_CS_CONTAINER_HAS_READY] = "SELECT 1 FROM object INDEXED BY object_ready WHERE container_id "
                                  "= ? AND status = 200 LIMIT 1",
    /* The last parameter stands for what is not set. */
    [FY_CS_CONTAINER_RULES] =
        "UPDATE container SET versioned = ?2, policy = nullif(?3, CAST(?9 AS BIGINT)), "
        "delete_exceeding = ?4, keep_deleted_s = nullif(?5, CAST(?9 AS BIGINT)), quota = ?6, "
        "state = ?7, frozen_until_ms = ?8 WHERE id = ?1",
    [FY_CS_CONTAINER_FILLED] =
        "SELECT EXISTS(SELECT 1 FROM object INDEXED BY object_ready WHERE container_id = ?1 AND "
        "status = 200) OR EXISTS(SELECT 1 FROM object INDEXED BY object_marker WHERE container_id "
        "= ?1 AND marker = 1) OR EXISTS(SELECT 1 FROM version WHERE container_id = ?1)",
    [FY_CS_CONTAINER_HEIRS] =
        "SELECT " FY_CS_CONTAINER_COLUMNS " FROM container c WHERE c.name = ? AND c.there = 1 AND "
        "c.ccs_visible = 0 ORDER BY c.created_ms, c.account LIMIT ?",
    [FY_CS_CONTAINER_LIST] =
        "SELECT " FY_CS_CONTAINER_COLUMNS
        " FROM container c WHERE c.account = ? AND c.name > ? AND "
        "(c.there = 1 OR c.stamp_time > 0) AND c.hidden_by IS NULL AND (? = 0 OR c.ccs_visible = "
        "1) ORDER BY c.name LIMIT ?",
    [FY_CS_CONTAINER_WALK] =
        "SELECT " FY_CS_CONTAINER_COLUMNS
        " FROM container c WHERE (c.account, c.name) > (?, ?) AND "
        "(c.there = 1 OR c.stamp_time > 0) AND c.hidden_by IS NULL ORDER BY c.account, c.name "
        "LIMIT ?",
    [FY_CS_CONTAINER_AGED] =
        "SELECT c.id, c.account, c.name FROM container c WHERE c.there = 0 AND c.deleted_ms < ? "
        "AND c.hidden_by IS NULL AND NOT EXISTS(SELECT 1 FROM object o WHERE o.container_id = "
        "c.id) AND NOT EXISTS(SELECT 1 FROM version v WHERE v.container_id = c.id) ORDER BY "
        "c.deleted_ms LIMIT ?",
    /* With versions or delete markers still in it. As EXISTS the subqueries would be joined. */
    [FY_CS_CONTAINER_LEFT] =
        "SELECT c.id, c.account, c.name FROM container c INDEXED BY container_left WHERE "
        "c.id > 0 AND c.has_registered = 1 AND c.there = 0 AND c.hidden_by IS NULL ORDER BY c.id "
        "LIMIT ?",
    [FY_CS_CONTAINER_EMPTIED] = "UPDATE container SET has_registered = 0 WHERE id = ?",
    [FY_CS_MARKER_IN] = "SELECT name, number FROM object INDEXED BY object_marker WHERE "
                        "container_id = ? AND marker = 1 AND status = 204 ORDER BY name LIMIT ?",
    [FY_CS_VERSION_IN] = "SELECT name, number, kind, size, body_id FROM version WHERE container_id "
                         "= ? ORDER BY name, number DESC LIMIT ?",
    [FY_CS_CONTAINER_DELETE] = "DELETE FROM container WHERE id = ?",
    [FY_CS_PROPERTY_LIST] =
        "SELECT key, value FROM property WHERE container_id = ? ORDER BY key LIMIT ?",
    [FY_CS_PROPERTY_PUT] =
        "INSERT INTO property(container_id, key, value) VALUES(?, ?, ?) ON CONFLICT(container_id, "
        "key) DO UPDATE SET value = excluded.value",
    [FY_CS_PROPERTY_DELETE] = "DELETE FROM property WHERE container_id = ? AND key = ?",
    /* '/' is the byte after '.'. */
    [FY_CS_PROPERTY_DELETE_USER] =
        "DELETE FROM property WHERE container_id = ? AND key >= 'user.' AND key < 'user/'",
    [FY_CS_PROPERTY_DELETE_ALL] = "DELETE FROM property WHERE container_id = ?",
    [FY_CS_SUM_DELETE] = "DELETE FROM container_count WHERE container_id = ?",
    [FY_CS_SUM_CORRECTIONS] = "SELECT corrections FROM container WHERE id = ?",
    [FY_CS_SUM_CORRECTED] = "UPDATE container SET corrections = corrections + 1 WHERE id = ?",

    [FY_CS_RIGHT_GET] = "SELECT rights, revoked FROM access WHERE client = ? AND bucket = ?",
    [FY_CS_RIGHT_PUT] =
        "INSERT INTO access(client, bucket, rights, revoked) VALUES(?, ?, ?, ?) ON "
        "CONFLICT(client, "
        "bucket) DO UPDATE SET rights = excluded.rights, revoked = excluded.revoked",
    [FY_CS_RIGHT_DELETE] = "DELETE FROM access WHERE client = ? AND bucket = ?",
    [FY_CS_RIGHT_DELETE_BUCKET] = "DELETE FROM access WHERE bucket = ?",
    [FY_CS_RIGHT_COUNT_BUCKET] =
        "SELECT EXISTS(SELECT 1 FROM access WHERE bucket = ? AND revoked = 0)",
    [FY_CS_RIGHT_LIST] =
        "SELECT client, bucket, rights FROM access WHERE client = ? AND bucket > ? "
        "AND revoked = 0 ORDER BY bucket LIMIT ?",

    [FY_CS_OBJECT_REGISTER] =
        "SELECT o.status, o.stamp_time, o.stamp_site, o.size, o.hash, o.upload_boot, "
        "o.upload_token, o.upload_prior, o.body_id, b.sha, o.kept_body, o.number, o.marker, o.id "
        "FROM object o LEFT JOIN body b ON b.id = o.body_id WHERE o.container_id = ? AND o.name = "
        "? AND o.version = 0",
    [FY_CS_OBJECT_READY] =
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof, number, marker) VALUES(?, ?, 0, "
        "?, 200, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT(container_id, name, version) DO "
        "UPDATE SET id = excluded.id, number = excluded.number, marker = 0, status = 200, "
        "stamp_time = excluded.stamp_time, stamp_site = excluded.stamp_site, size = excluded.size, "
        "hash = "
        "excluded.hash, changed_ms = excluded.changed_ms, expires_ms = excluded.expires_ms, "
        "metadata = excluded.metadata, body_id = excluded.body_id, proof = excluded.proof, "
        "upload_boot = NULL, upload_token = NULL, upload_prior = NULL, kept_body = NULL WHERE "
        "(object.stamp_time, object.stamp_site) < (excluded.stamp_time, excluded.stamp_site)",
    /* What it was stays in the row; of a row that was deleted before, what it was before that. */
    [FY_CS_OBJECT_TOMBSTONE] =
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof, number, marker) VALUES(?1, ?2, 0, "
        "?3, 204, ?4, ?5, 0, ?6, ?7, 0, '', NULL, 0, ?9, ?10) ON CONFLICT(container_id, name, "
        "version) DO UPDATE SET number = excluded.number, marker = excluded.marker, status = 204, "
        "stamp_time = excluded.stamp_time, stamp_site = excluded.stamp_site, hash = "
        "excluded.hash, changed_ms = excluded.changed_ms, kept_body = CASE WHEN object.status <> "
        "200 THEN object.kept_body WHEN ?8 <> 0 THEN object.body_id END, kept_ms = CASE WHEN "
        "object.status <> 200 THEN object.kept_ms ELSE object.changed_ms END, body_id = NULL, "
        "upload_boot = NULL, upload_token = NULL, upload_prior = NULL WHERE (object.stamp_time, "
        "object.stamp_site) < (excluded.stamp_time, excluded.stamp_site)",
    [FY_CS_OBJECT_UNDELETE] =
        "UPDATE object SET number = ?5, marker = 0, status = 200, stamp_time = ?1, stamp_site = "
        "?2, changed_ms = kept_ms, "
        "body_id = kept_body, kept_body = NULL, upload_boot = NULL, upload_token = NULL, "
        "upload_prior = NULL WHERE container_id = ?3 AND name = ?4 AND version = 0 AND kept_body "
        "IS NOT NULL AND (stamp_time, stamp_site) < (?1, ?2)",
    [FY_CS_OBJECT_LET_GO] =
        "UPDATE object SET kept_body = NULL WHERE container_id = ? AND name = ? AND version = ?",
    [FY_CS_OBJECT_KEPT_AGED] =
        "SELECT container_id, name, version, kept_body, size FROM object WHERE kept_body IS NOT "
        "NULL AND changed_ms < ? ORDER BY changed_ms LIMIT ?",
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
    [FY_CS_OBJECT_GET] = "SELECT " FY_CS_OBJECT_COLUMNS " FROM object o LEFT JOIN body b ON b.id = "
                         "o.body_id WHERE o.container_id = ? AND o.name = ? AND o.version = 0",
    [FY_CS_OBJECT_LIST] = OBJECT_LIST(FY_CS_OBJECT_COLUMNS, "", ""),
    [FY_CS_OBJECT_LIST_READY] =
        OBJECT_LIST(FY_CS_OBJECT_COLUMNS, "INDEXED BY object_ready", "AND o.status = 200 "),
    [FY_CS_OBJECT_LIST_REST] =
        OBJECT_LIST(FY_CS_OBJECT_COLUMNS, "INDEXED BY object_rest", "AND o.status <> 200 "),
    [FY_CS_OBJECT_MARKS] =
        OBJECT_LIST(MARK_COLUMNS, "INDEXED BY object_ready", "AND o.status = 200 "),
    [FY_CS_OBJECT_PREFIX_READY] =
        "SELECT 1 FROM object INDEXED BY object_ready WHERE container_id = ? AND name >= ? AND "
        "name < ? AND status = 200 LIMIT 1",
    [FY_CS_OBJECT_AGED] = "SELECT container_id, name, version, kept_body, size FROM object WHERE "
                          "status = 204 AND marker = 0 AND changed_ms < ? ORDER BY changed_ms "
                          "LIMIT ?",
    [FY_CS_OBJECT_DELETE] =
        "DELETE FROM object WHERE container_id = ? AND name = ? AND version = ?",

    [FY_CS_OBJECT_MARKER] = "UPDATE object SET number = ?, marker = ? WHERE container_id = ? AND "
                            "name = ? AND version = 0",

    [FY_CS_CONTAINER_REGISTERED] = "UPDATE container SET has_registered = 1 WHERE id = ?",
    [FY_CS_BODY_INSERT] =
        "INSERT INTO body(sha, size, blob_ref, ref_hash) VALUES(?, ?, ?, ?) RETURNING id",
    [FY_CS_BODY_INSERT_AS] =
        "INSERT INTO body(sha, size, blob_ref, ref_hash, id) VALUES(?, ?, ?, ?, ?)",
    [FY_CS_BODY_MOVE] = "UPDATE body SET blob_ref = ?, ref_hash = ? WHERE id = ?",
    [FY_CS_BODY_FIND] = "SELECT id, damaged FROM body WHERE sha = ? AND size = ?",
    [FY_CS_BODY_GET] = "SELECT " BODY_COLUMNS " FROM body b WHERE b.id = ?",
    [FY_CS_BODY_BY_REF] = "SELECT id FROM body WHERE blob_ref = ? AND ref_hash = ?",
    [FY_CS_BODY_USED] = "SELECT EXISTS(SELECT 1 FROM object WHERE body_id = ?1) OR EXISTS(SELECT 1 "
                        "FROM conflict WHERE body_id = ?1) OR EXISTS(SELECT 1 FROM object WHERE "
                        "kept_body = ?1) OR EXISTS(SELECT 1 FROM version WHERE body_id = ?1)",
    [FY_CS_BODY_DELETE] = "DELETE FROM body WHERE id = ?",
    [FY_CS_BODY_LIST] = "SELECT " BODY_COLUMNS " FROM body b WHERE b.id > ? ORDER BY b.id LIMIT ?",
    [FY_CS_BODY_OBJECTS] =
        "SELECT (SELECT c.account FROM container c WHERE c.id = o.container_id), (SELECT c.name "
        "FROM container c WHERE c.id = o.container_id), o.name, 0 FROM object o WHERE o.body_id = "
        "?1 UNION ALL SELECT (SELECT c.account FROM container c WHERE c.id = v.container_id), "
        "(SELECT c.name FROM container c WHERE c.id = v.container_id), v.name, v.number FROM "
        "version v WHERE v.body_id = ?1 LIMIT ?2",
    [FY_CS_BODY_MARK] = "UPDATE body SET damaged = ? WHERE id = ?",
    [FY_CS_LOOSE_ADD] = "INSERT INTO loose(body_id) VALUES(?) ON CONFLICT DO NOTHING",
    [FY_CS_LOOSE_LIST] = "SELECT body_id FROM loose WHERE body_id > 0 ORDER BY body_id LIMIT ?",
    [FY_CS_LOOSE_DELETE] = "DELETE FROM loose WHERE body_id = ?",
    [FY_CS_TRASH_ADD] = "INSERT INTO trash(blob_ref, due_ms) VALUES(?, ?) ON CONFLICT DO NOTHING",
    [FY_CS_TRASH_GET] = "SELECT due_ms FROM trash WHERE blob_ref = ?",
    [FY_CS_TRASH_DUE] = "SELECT due_ms, blob_ref FROM trash WHERE due_ms <= ? AND (due_ms, "
                        "blob_ref) > (?, ?) ORDER BY due_ms, blob_ref LIMIT ?",
    [FY_CS_TRASH_DELETE] = "DELETE FROM trash WHERE blob_ref = ?",

    [FY_CS_DAMAGE_PUT] =
        "INSERT INTO damage(body_id, kind, scan, found_ms, mended_ms, mended_from) VALUES(?, ?, ?, "
        "?, 0, '') ON CONFLICT(body_id) DO UPDATE SET kind = excluded.kind, scan = CASE WHEN "
        "excluded.scan = 0 THEN damage.scan ELSE excluded.scan END, found_ms = CASE WHEN "
        "damage.mended_ms = 0 THEN damage.found_ms ELSE excluded.found_ms END, mended_ms = 0, "
        "mended_from = ''",
    [FY_CS_DAMAGE_MENDED] =
        "UPDATE damage SET mended_ms = ?, mended_from = ? WHERE body_id = ? AND mended_ms = 0",
    [FY_CS_DAMAGE_LIST] =
        "SELECT " BODY_COLUMNS ", d.kind, d.scan, d.found_ms, d.mended_ms, d.mended_from FROM "
        "damage d CROSS JOIN body b ON b.id = d.body_id WHERE (?1 = -1 OR d.scan = ?1) AND "
        "d.body_id > ?2 ORDER BY d.body_id LIMIT ?3",
    [FY_CS_DAMAGE_COUNT] = "SELECT count(*) FROM body WHERE damaged > 0",
    [FY_CS_SCAN_GET] = "SELECT " SCAN_COLUMNS " FROM scan WHERE id = 1",
    [FY_CS_SCAN_PUT] =
        "INSERT INTO scan(id, " SCAN_COLUMNS ") VALUES(1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?) ON CONFLICT(id) DO UPDATE SET number = excluded.number, state = excluded.state, "
        "mends = excluded.mends, account = excluded.account, bucket = excluded.bucket, prefix = "
        "excluded.prefix, after_name = excluded.after_name, after_id = excluded.after_id, bodies "
        "= excluded.bodies, bytes = excluded.bytes, damaged = excluded.damaged, mended = "
        "excluded.mended, started_ms = excluded.started_ms, ended_ms = excluded.ended_ms, boot_id "
        "= excluded.boot_id",

    [FY_CS_CONFLICT_ADD] =
        "INSERT INTO conflict(account, bucket, winner_time, winner_site, action, at_ms, object, "
        "version, object_id, loser_time, loser_site, hash, changed_ms, expires_ms, metadata, "
        "proof, body_id) SELECT ?, ?, ?, ?, ?, ?, name, number, id, stamp_time, stamp_site, hash, "
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

    [FY_CS_EVENT_ADD] = "INSERT INTO event(stream, events, written_ms, packed) VALUES(?, ?, ?, ?)",
    [FY_CS_EVENT_READ] = "SELECT id, events, written_ms, packed FROM event WHERE stream = ? AND id "
                         "> ? ORDER BY id LIMIT ?",
    [FY_CS_EVENT_OLDEST] = "SELECT id, written_ms FROM event WHERE stream = ? ORDER BY id LIMIT 1",
    [FY_CS_EVENT_DELETE] = "DELETE FROM event WHERE id = ? RETURNING events, stream",
    [FY_CS_EVENT_COUNT] =
        "SELECT CAST(sum(events) AS BIGINT), CAST(sum(oio_events) AS BIGINT) FROM counters",
    [FY_CS_STATE_DUE_LIST] =
        "SELECT container_id FROM state_due WHERE due_ms <= ? ORDER BY due_ms LIMIT ?",
    [FY_CS_STATE_DUE_TAKE] =
        "DELETE FROM state_due WHERE container_id = ? RETURNING request_id, origin",

    /* Kept as they are: a newer order of the same name, and what is final and true (APPLIED and
     * LOCAL) when the same change comes again and finds its own work. */
    [FY_CS_OUTCOME_PUT] =
        "INSERT INTO outcome(" OUTCOME_COLUMNS ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT"
        "(op_id, bucket, object, action) DO UPDATE SET stamp_time = excluded.stamp_time, "
        "stamp_site = excluded.stamp_site, outcome "
        "= excluded.outcome, reason = excluded.reason, detail = excluded.detail, at_ms = "
        "excluded.at_ms WHERE (excluded.stamp_time, excluded.stamp_site) > "
        "(outcome.stamp_time, outcome.stamp_site) OR (excluded.stamp_time = outcome.stamp_time "
        "AND excluded.stamp_site = outcome.stamp_site AND NOT (outcome.outcome IN (1, 8) AND "
        "excluded.outcome IN (2, 3)))",
    [FY_CS_OUTCOME_EXACT] =
        "SELECT " OUTCOME_COLUMNS " FROM outcome WHERE op_id = ?1 AND (bucket, object, action) > "
        "(?2, ?3, ?4) ORDER BY bucket, object, action LIMIT ?5",
    [FY_CS_OUTCOME_PURGE] =
        "DELETE FROM outcome WHERE (op_id, bucket, object, action) IN (SELECT op_id, bucket, "
        "object, action FROM outcome WHERE at_ms < ? ORDER BY at_ms LIMIT ?)",

    [FY_CS_WAITING_BY_KEY] = "SELECT " WAITING_COLUMNS
                             " FROM waiting WHERE direction = ? AND account = ? AND bucket = ? "
                             "AND object = ? AND to_site = ? AND of_record = ? AND bucket <> '' "
                             "AND state = 0",
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
        "due_ms, of_record, turn_ms, overwrites) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
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
    [FY_CS_WAITING_DUE_COUNT] =
        "SELECT count(*) FROM (SELECT 1 FROM waiting INDEXED BY waiting_turn WHERE direction = 0 "
        "AND state = 0 AND turn_ms <= ? LIMIT ?) few_due",
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
    [FY_CS_WAITING_ANY_IN] = "SELECT EXISTS(SELECT 1 FROM waiting_count WHERE direction = 0)",

    [FY_CS_SITE_INSERT] = "INSERT INTO site(id, name, uri, status, paused) VALUES(?, ?, ?, ?, ?)",
    [FY_CS_SITE_UPDATE] = "UPDATE site SET name = ?, uri = ?, status = ? WHERE id = ?",
    [FY_CS_SITE_DELETE] = "DELETE FROM site WHERE id = ?",
    [FY_CS_SITE_PAUSE] = "UPDATE site SET paused = ? WHERE id = ?",
    [FY_CS_SITE_COUNT] = "SELECT count(*) FROM site",
    [FY_CS_SITE_GET] = "SELECT seq, id, name, uri, status, paused FROM site WHERE id = ?",
    [FY_CS_SITE_LIST] =
        "SELECT seq, id, name, uri, status, paused FROM site WHERE seq > ? ORDER BY seq LIMIT ?",

    [FY_CS_IDENTITY_GET] =
        "SELECT id, exported, EXISTS(SELECT 1 FROM container WHERE id > 0) OR EXISTS("
        "SELECT 1 FROM body WHERE id > 0) FROM identity WHERE one = 1",
    [FY_CS_IDENTITY_ADD] = "INSERT INTO identity(one, id) VALUES(1, ?) ON CONFLICT DO NOTHING",
    [FY_CS_IDENTITY_SET] = "UPDATE identity SET id = ?, exported = ? WHERE one = 1",
    [FY_CS_IDENTITY_EXPORTING] =
        "UPDATE identity SET exported = ?1 WHERE one = 1 AND exported < ?1",
    [FY_CS_JOURNAL_ADD] = "INSERT INTO journal(written_ms, lines) VALUES(?, ?)",
    [FY_CS_JOURNAL_READ] =
        "SELECT id, written_ms, lines FROM journal WHERE id > ? ORDER BY id LIMIT ?",
    [FY_CS_JOURNAL_DELETE] = "DELETE FROM journal WHERE id = ?",
    [FY_CS_EXPORT_CONTAINERS] = "SELECT c.id, c.targets, " FY_CS_CONTAINER_COLUMNS
                                " FROM container c WHERE c.id > ? ORDER BY "
                                "c.id LIMIT ?",
    /* What has no stamp is an upload that has begun, or failed, where nothing was before. What a
     * snapshot makes is written down when it is shown. */
    [FY_CS_EXPORT_OBJECTS] =
        "SELECT o.container_id, (c.hidden_by IS NOT NULL), c.account, c.name, o.name, o.version, "
        "o.status, o.stamp_time, o.stamp_site, o.number, o.marker, o.id, o.size, o.hash, "
        "o.changed_ms, o.expires_ms, o.metadata, o.proof, b.sha, b.blob_ref FROM object o CROSS "
        "JOIN container c ON c.id = o.container_id LEFT JOIN body b "
        "ON b.id = o.body_id WHERE (o.container_id, o.name, o.version) > (?, ?, ?) ORDER BY "
        "o.container_id, o.name, o.version LIMIT ?",
    /* Two that follow each other: the key has numbers of a name falling, and names rising. */
    [FY_CS_EXPORT_VERSIONS] =
        "SELECT v.container_id, (c.hidden_by IS NOT NULL), c.account, c.name, " VERSION_LINE_COLUMNS
        " FROM version v CROSS JOIN container c ON c.id = v.container_id LEFT "
        "JOIN body b ON b.id = v.body_id WHERE (v.container_id, v.name) > (?, ?) ORDER BY "
        "v.container_id, v.name, v.number DESC LIMIT ?",
    [FY_CS_EXPORT_VERSIONS_OF_NAME] =
        "SELECT v.container_id, (c.hidden_by IS NOT NULL), c.account, c.name, " VERSION_LINE_COLUMNS
        " FROM version v CROSS JOIN container c ON c.id = v.container_id LEFT "
        "JOIN body b ON b.id = v.body_id WHERE v.container_id = ? AND v.name = ? AND v.number < ? "
        "ORDER BY v.number DESC LIMIT ?",
    [FY_CS_EXPORT_VERSION] =
        "SELECT " VERSION_LINE_COLUMNS ", v.body_id FROM version v LEFT JOIN body b ON b.id = "
        "v.body_id WHERE v.container_id = ? AND v.name = ? AND v.number = ?",
    [FY_CS_EXPORT_PROPERTIES] =
        "SELECT p.container_id, (c.hidden_by IS NOT NULL), c.account, c.name, p.key, p.value FROM "
        "property p CROSS JOIN container c ON c.id = p.container_id WHERE (p.container_id, p.key) "
        "> (?, ?) ORDER BY p.container_id, p.key LIMIT ?",
    [FY_CS_EXPORT_RIGHTS] =
        "SELECT client, bucket, rights, revoked FROM access WHERE (client, bucket) > (?, ?) ORDER "
        "BY client, bucket LIMIT ?",
    [FY_CS_CONTAINER_RESTORE] =
        "UPDATE container SET status = ?1, stamp_time = ?2, stamp_site = ?3, created_ms = ?4, "
        "deleted_ms = ?5, expires_ms = ?6 WHERE id = ?7 AND (stamp_time, stamp_site) <= (?2, ?3)",
    /* The last parameter: so many characters of it came before. */
    [FY_CS_PROPERTY_RESTORE] =
        "INSERT INTO property(container_id, key, value) VALUES(?1, ?2, ?3) ON "
        "CONFLICT(container_id, key) DO UPDATE SET value = substr(property.value, 1, CAST(?4 AS "
        "INTEGER)) || excluded.value",
    [FY_CS_PROPERTY_REMOVE_PREFIX] = "DELETE FROM property WHERE container_id = ?1 AND "
                                     "substr(key, 1, length(?2)) = ?2",
    [FY_CS_OBJECT_RESTORE] =
        "UPDATE object SET number = ?1, marker = ?2, id = CASE WHEN ?3 = '' THEN id ELSE ?3 END, "
        "changed_ms = CASE WHEN ?4 = 0 THEN changed_ms ELSE ?4 END WHERE container_id = ?5 AND "
        "name = ?6 AND version = 0",
    [FY_CS_VERSION_RESTORE] =
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof) VALUES(?1, ?2, ?3, ?4, ?5, ?6, "
        "?7, ?8, ?9, ?10, ?11, ?12, nullif(?13, 0), ?14) ON CONFLICT(container_id, name, number) "
        "DO UPDATE SET kind = excluded.kind, id = excluded.id, stamp_time = excluded.stamp_time, "
        "stamp_site = excluded.stamp_site, size = excluded.size, hash = excluded.hash, changed_ms "
        "= excluded.changed_ms, expires_ms = excluded.expires_ms, metadata = excluded.metadata, "
        "body_id = excluded.body_id, proof = excluded.proof",
    [FY_CS_VERSION_REMOVE] =
        "DELETE FROM version WHERE container_id = ? AND name = ? AND number = ?",

    [FY_CS_AUDIT_CONTAINERS] =
        "SELECT c.id, c.account, c.name, c.status, c.there, (c.hidden_by IS NOT NULL), "
        "EXISTS(SELECT 1 FROM object o WHERE o.container_id = c.id AND o.status = 200), "
        "EXISTS(SELECT 1 FROM version v WHERE v.container_id = c.id) FROM container c WHERE c.id "
        "> ? ORDER BY c.id LIMIT ?",
    /* A page of rows: how many, those that count, their bytes, and the last one. */
    [FY_CS_AUDIT_SUM_OBJECTS] =
        "SELECT count(*), CAST(sum(CASE WHEN few_rows.status = 200 THEN 1 ELSE 0 END) AS BIGINT), "
        "CAST(sum(CASE WHEN few_rows.status = 200 THEN few_rows.size ELSE 0 END) AS BIGINT), "
        "max(few_rows.name), 0 FROM (SELECT name, status, size FROM object WHERE container_id = ?1 "
        "AND (name, version) > (?2, ?3) ORDER BY name, version LIMIT ?4) few_rows",
    /* Newest first, as the key has them: the last is the least number of the greatest name. */
    [FY_CS_AUDIT_SUM_VERSIONS] =
        "WITH few_rows AS (SELECT name, number, kind, size FROM version WHERE container_id = ?1 "
        "AND name >= ?2 AND (name > ?2 OR number < ?3) ORDER BY name, number DESC LIMIT ?4) SELECT "
        "count(*), CAST(sum(CASE WHEN few_rows.kind <> 1 THEN 1 ELSE 0 END) AS BIGINT), "
        "CAST(sum(CASE WHEN few_rows.kind <> 1 THEN few_rows.size ELSE 0 END) AS BIGINT), "
        "max(few_rows.name), (SELECT min(number) FROM few_rows WHERE name = (SELECT max(name) FROM "
        "few_rows)) FROM few_rows",
    [FY_CS_AUDIT_OBJECTS] =
        "SELECT o.container_id, o.name, o.version, o.status, o.marker, o.size, o.body_id, "
        "o.kept_body, b.size, c.account, c.name FROM object o LEFT JOIN body b ON b.id = o.body_id "
        "LEFT JOIN container c ON c.id = "
        "o.container_id WHERE (o.container_id, o.name, o.version) > (?, ?, ?) ORDER BY "
        "o.container_id, o.name, o.version LIMIT ?",
    /* With whether the object is the version of that number as well. */
    [FY_CS_AUDIT_VERSIONS] =
        "SELECT v.container_id, v.name, v.number, v.kind, v.size, CASE WHEN v.body_id IS NULL THEN "
        "0 ELSE 1 END, CASE WHEN (o.status = 200 OR o.marker = 1) AND " FY_CS_OBJECT_NUMBER
        " = v.number "
        "THEN 1 ELSE 0 END, b.size, c.account, c.name FROM version v LEFT JOIN body b ON b.id = "
        "v.body_id LEFT JOIN container c ON c.id = v.container_id LEFT JOIN object o ON "
        "o.container_id = v.container_id AND o.name = v.name AND o.version = 0 WHERE "
        "(v.container_id, v.name) >= (?1, ?2) AND ((v.container_id, v.name) > (?1, ?2) OR v.number "
        "< ?3) ORDER BY v.container_id, v.name, v.number DESC LIMIT ?4",
    [FY_CS_AUDIT_BODIES] =
        "SELECT b.id, b.blob_ref, EXISTS(SELECT 1 FROM object o WHERE o.body_id = b.id) OR "
        "EXISTS(SELECT 1 FROM object o WHERE o.kept_body = b.id) OR EXISTS(SELECT 1 FROM conflict "
        "k "
        "WHERE k.body_id = b.id) OR EXISTS(SELECT 1 FROM version v WHERE v.body_id = b.id) OR "
        "EXISTS(SELECT 1 FROM loose l WHERE l.body_id = b.id), "
        "EXISTS(SELECT 1 FROM trash t WHERE t.blob_ref = b.blob_ref) FROM "
        "body b WHERE b.id > ? ORDER BY b.id LIMIT ?",
    /* An id, and a number to be added up. */
    [FY_CS_AUDIT_CONFLICTS] = "SELECT k.id, EXISTS(SELECT 1 FROM body b WHERE b.id = k.body_id) "
                              "FROM conflict k WHERE k.id > ? ORDER BY k.id LIMIT ?",
    [FY_CS_AUDIT_WAITING] = "SELECT id, state FROM waiting WHERE id > ? ORDER BY id LIMIT ?",
    [FY_CS_AUDIT_OUTBOX] = "SELECT id, 1 FROM outbox WHERE id > ? ORDER BY id LIMIT ?",
    [FY_CS_AUDIT_EVENTS] = "SELECT id, events, stream FROM event WHERE id > ? ORDER BY id LIMIT ?",
    [FY_CS_BACKFILL_INSERT] =
        "INSERT INTO backfill(state, op_id, site, account, bucket, prefix, rate, whole, forced, "
        "dry_run, begun_ms, changed_ms) VALUES(0, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10) "
        "RETURNING id",
    [FY_CS_BACKFILL_SAVE] =
        "UPDATE backfill SET state = ?1, changed_ms = ?2, at_account = ?3, at_bucket = ?4, "
        "at_object = ?5, looked = ?6, ordered = ?7, bytes = ?8, remaining = ?9, note = ?10 WHERE "
        "id = ?11 AND state = 0",
    [FY_CS_BACKFILL_CANCEL] =
        "UPDATE backfill SET state = 2, changed_ms = ? WHERE id = ? AND state = 0",
    [FY_CS_BACKFILL_GET] = "SELECT " BACKFILL_COLUMNS " FROM backfill WHERE id = ?",
    [FY_CS_BACKFILL_LIST] =
        "SELECT " BACKFILL_COLUMNS " FROM backfill WHERE id > ? ORDER BY id LIMIT ?",
    [FY_CS_BACKFILL_LIST_RUNNING] =
        "SELECT " BACKFILL_COLUMNS " FROM backfill WHERE state = 0 AND id > ? ORDER BY id LIMIT ?",
    [FY_CS_BACKFILL_COUNT_RUNNING] = "SELECT count(*) FROM backfill WHERE state = 0",
    [FY_CS_BACKFILL_SAME] =
        "SELECT id FROM backfill WHERE state = 0 AND site = ? AND account = ? AND bucket = ? AND "
        "prefix = ? AND dry_run = ? ORDER BY id LIMIT 1",
    [FY_CS_BACKFILL_FORGET] = "DELETE FROM backfill WHERE id IN (SELECT id FROM backfill WHERE id "
                              "> 0 AND state > 0 ORDER "
                              "BY id DESC LIMIT 1000 OFFSET ?)",
};

const char *fy_cs_sql_text(const struct fy_cs_engine *engine, enum fy_cs_sql sql)
{
    const char *own = engine->texts[sql];
    if (own != NULL)
        return own;
    return common_texts[sql] != NULL ? common_texts[sql] : fy_cs_version_texts[sql];
}
