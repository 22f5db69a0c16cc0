/* catalogue_sql_texts_version.c - statements about versions of names, and containers of them. */
#include "common/adapters/catalogue_sql_texts.h"

/* As FY_CS_OBJECT_COLUMNS; in lists both are followed by whether it is registered. */
#define VERSION_COLUMNS                                                                            \
    "v.name, v.number, CASE v.kind WHEN 1 THEN 1 ELSE 0 END, v.id, CASE v.kind WHEN 0 THEN 200 "   \
    "WHEN 1 THEN 204 ELSE 100 END, v.stamp_time, v.stamp_site, v.size, v.hash, v.changed_ms, "     \
    "v.expires_ms, v.metadata, v.proof, NULL, v.body_id, b.sha, b.blob_ref, b.damaged, 0"
#define VERSION_OF_NAME                                                                            \
    "SELECT " VERSION_COLUMNS                                                                      \
    ", v.kind FROM version v LEFT JOIN body b ON b.id = v.body_id WHERE "                          \
    "v.container_id = ? AND v.name = ? "
/* Parameters: container, the least name, the end of names, limit. */
#define VERSION_LIST_OF_OBJECTS(index, and_which)                                                  \
    "SELECT " FY_CS_OBJECT_COLUMNS ", 0 FROM object o INDEXED BY " index                           \
    " LEFT JOIN body b ON b.id = o.body_id WHERE o.container_id = ?1 AND o.name >= ?2 AND "        \
    "o.name < ?3 AND " and_which " ORDER BY o.name, o.version LIMIT ?4"
#define VERSION_LIST(index, and_which, order)                                                      \
    "SELECT " VERSION_COLUMNS ", CASE v.kind WHEN 2 THEN 1 ELSE 0 END FROM version v " index       \
    "LEFT JOIN body b ON b.id = v.body_id WHERE v.container_id = ?1 AND " and_which                \
    " ORDER BY " order " LIMIT ?4"

const char *const fy_cs_version_texts[FY_CS_SQL_COUNT] = {
    [FY_CS_VERSION_GET] = VERSION_OF_NAME "AND v.number = ?",
    [FY_CS_VERSION_NEWER] = VERSION_OF_NAME "AND v.number > ? ORDER BY v.number LIMIT 1",
    [FY_CS_VERSION_TOP] = VERSION_OF_NAME "ORDER BY v.number DESC LIMIT 1",
    [FY_CS_VERSION_OLDER] = VERSION_OF_NAME "AND v.kind <> 2 ORDER BY v.number DESC LIMIT 1",
    [FY_CS_VERSION_OLDEST] = VERSION_OF_NAME "ORDER BY v.number LIMIT 1",
    /* Parameters: container, name, how many are passed over. */
    [FY_CS_VERSION_BEYOND] =
        "SELECT number FROM version WHERE container_id = ? AND name = ? AND kind <> 1 ORDER BY "
        "number DESC LIMIT 1 OFFSET ?",
    [FY_CS_VERSION_UP_TO] =
        VERSION_OF_NAME "AND v.number <= ? AND v.kind <> 1 ORDER BY v.number DESC LIMIT 1",
    [FY_CS_VERSION_ADD] =
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof) VALUES(?, ?, ?, 0, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?)",
    [FY_CS_VERSION_ADD_REGISTERED] =
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof) VALUES(?, ?, ?, 2, ?, ?, ?, ?, ?, "
        "?, ?, ?, NULL, 0)",
    [FY_CS_VERSION_KEEP] =
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof) SELECT container_id, name, ?, 0, "
        "id, stamp_time, stamp_site, size, hash, changed_ms, expires_ms, metadata, body_id, proof "
        "FROM object WHERE container_id = ? AND name = ? AND version = 0",
    /* What it deleted is a version of its own. */
    [FY_CS_VERSION_KEEP_MARKER] =
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof) SELECT container_id, name, ?, 1, "
        "id, stamp_time, stamp_site, 0, '', changed_ms, 0, '', NULL, 0 FROM object WHERE "
        "container_id = ? AND name = ? AND version = 0",
    [FY_CS_VERSION_METADATA] =
        "UPDATE version SET metadata = ? WHERE container_id = ? AND name = ? AND number = ?",
    [FY_CS_VERSION_LIST_READY] = VERSION_LIST_OF_OBJECTS("object_ready", "o.status = 200"),
    [FY_CS_VERSION_LIST_MARKER] =
        VERSION_LIST_OF_OBJECTS("object_marker", "o.marker = 1 AND o.status <> 200"),
    /* Those that are the newest version of their name, but for a READY object. The subqueries are
     * of one row each: as EXISTS they would be joined, in an order of the planner's. */
    [FY_CS_VERSION_LIST_REGISTERED] = VERSION_LIST(
        "INDEXED BY version_registered ",
        "v.name >= ?2 AND v.name < ?3 AND v.kind = 2 AND (SELECT w.number FROM version w WHERE "
        "w.container_id = v.container_id AND w.name = v.name AND w.kind = 2 AND w.number > "
        "v.number LIMIT 1) IS NULL AND (SELECT o.name FROM object o WHERE o.container_id = "
        "v.container_id AND o.name = v.name AND o.marker = 1 AND o.status <> 200 "
        "AND " FY_CS_OBJECT_NUMBER " > v.number LIMIT 1) IS NULL",
        "v.name"),
    [FY_CS_VERSION_LIST] =
        VERSION_LIST("", "v.name >= ?2 AND v.name < ?3", "v.name, v.number DESC"),
    [FY_CS_VERSION_LIST_NAME] = VERSION_LIST("", "v.name = ?2 AND v.number < ?3", "v.number DESC"),

    [FY_CS_FLUSH_READY] =
        "SELECT name FROM object INDEXED BY object_ready WHERE container_id = ? AND name > ? AND "
        "status = 200 ORDER BY name, version LIMIT ?",
    [FY_CS_FLUSH_MARKERS] =
        "SELECT name FROM object INDEXED BY object_marker WHERE container_id = ? AND name > ? AND "
        "marker = 1 ORDER BY name, version LIMIT ?",
    [FY_CS_FLUSH_VERSIONS] = "SELECT name FROM version WHERE container_id = ? AND name > ? ORDER "
                             "BY name, number DESC LIMIT ?",
    /* What is hidden has no account, and the id of the row for which it is hidden as its name. */
    [FY_CS_SNAPSHOT_MAKE] =
        "INSERT INTO container(account, name, created_ms, status, stamp_time, stamp_site, "
        "deleted_ms, expires_ms, there, ccs_visible, targets, versioned, policy, delete_exceeding, "
        "keep_deleted_s, quota, state, frozen_until_ms, has_registered, hidden_by) SELECT '', ?2, "
        "created_ms, 0, 0, '', 0, expires_ms, 0, 0, targets, versioned, policy, delete_exceeding, "
        "keep_deleted_s, quota, state, frozen_until_ms, has_registered, ?3 FROM container WHERE id "
        "= ?1",
    [FY_CS_SNAPSHOT_PROPERTIES] = "INSERT INTO property(container_id, key, value) SELECT ?1, key, "
                                  "value FROM property WHERE container_id = ?2",
    [FY_CS_SNAPSHOT_COPIED] = "UPDATE container SET copied_by = nullif(?, '') WHERE id = ?",
    [FY_CS_SNAPSHOT_HIDDEN] = "UPDATE container SET hidden_by = nullif(?, '') WHERE id = ?",
    [FY_CS_SNAPSHOT_HELD] =
        "SELECT s.id, p.id, f.id FROM container p CROSS JOIN container f ON f.account = '' AND "
        "f.name = CAST(p.id AS TEXT) CROSS JOIN container s ON s.account = ?1 AND s.name = ?2 AND "
        "s.copied_by = ?5 WHERE p.account = ?3 AND p.name = ?4 AND p.hidden_by = ?5",
    [FY_CS_SNAPSHOT_FLOOR] =
        "SELECT max((SELECT t.stamp_time FROM object t WHERE t.container_id = ?4 AND t.name = "
        "o.name AND t.version = 0)) FROM object o WHERE o.container_id = ?1 AND o.name > ?2 AND "
        "o.name <= ?3",
    [FY_CS_SNAPSHOT_OBJECTS] =
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof, number, marker) SELECT ?4, "
        "o.name, 0, o.id, CASE WHEN o.status = 200 THEN 200 ELSE 204 END, ?5, ?6, CASE WHEN "
        "o.status = 200 THEN o.size ELSE 0 END, o.hash, o.changed_ms, o.expires_ms, o.metadata, "
        "CASE WHEN o.status = 200 THEN o.body_id END, o.proof, " FY_CS_OBJECT_NUMBER
        ", o.marker FROM object o WHERE o.container_id = ?1 AND o.name > ?2 AND o.name <= ?3 AND "
        "(o.status = 200 OR o.marker = 1)",
    /* Erased, whatever they were: it is another container now. */
    [FY_CS_SNAPSHOT_TOMBSTONES] =
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof, number, marker) SELECT ?4, "
        "o.name, 0, o.id, 204, o.stamp_time, o.stamp_site, 0, o.hash, o.changed_ms, 0, '', NULL, "
        "0, " FY_CS_OBJECT_NUMBER ", 0 FROM object o WHERE o.container_id = ?1 AND o.name > ?2 AND "
        "o.name <= ?3 AND o.stamp_time > 0 ON CONFLICT DO NOTHING",
    [FY_CS_SNAPSHOT_VERSIONS] =
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof) SELECT ?5, v.name, v.number, "
        "v.kind, v.id, v.stamp_time, v.stamp_site, v.size, v.hash, v.changed_ms, v.expires_ms, "
        "v.metadata, v.body_id, v.proof FROM version v WHERE v.container_id = ?1 AND v.name >= ?2 "
        "AND (v.name > ?2 OR v.number < ?3) ORDER BY v.name, v.number DESC LIMIT ?4",
    [FY_CS_SNAPSHOT_HIDES] =
        "UPDATE container SET account = '', name = ?, cid = NULL, ccs_visible = 0, hidden_by = '', "
        "orders_by = NULL WHERE id = ?",
    [FY_CS_SNAPSHOT_RENAME] =
        "UPDATE container SET account = ?1, name = ?2, cid = ?3, hidden_by = NULL, orders_by = ?4, "
        "orders_after = '' WHERE id = ?5",
    [FY_CS_SNAPSHOT_OWED] = "SELECT " FY_CS_CONTAINER_COLUMNS
                            ", c.orders_after FROM container c WHERE c.account = ? AND "
                            "c.name = ? AND c.orders_by = ?",
    /* Of this process as well: whoever began them may have given up. */
    [FY_CS_SNAPSHOT_OWED_ANY] =
        "SELECT " FY_CS_CONTAINER_COLUMNS
        ", c.orders_after FROM container c INDEXED BY container_owing WHERE c.id > 0 AND "
        "c.orders_by IS NOT NULL AND (c.orders_by = ? OR (SELECT slot FROM lease WHERE "
        "lease.boot_id = c.orders_by AND lease.alive = 1) IS NULL) ORDER BY c.id LIMIT 1",
    [FY_CS_SNAPSHOT_OWES] =
        "UPDATE container SET orders_by = nullif(?, ''), orders_after = ? WHERE id = ?",
    [FY_CS_SNAPSHOT_PLACE] =
        "SELECT id FROM container WHERE account = ? AND name = ? AND hidden_by = ?",
    [FY_CS_SNAPSHOT_LEAVE] =
        "UPDATE container SET copied_by = NULL WHERE account = ? AND name = ? AND copied_by = ?",
    [FY_CS_SNAPSHOT_DEAD] =
        "SELECT c.id, c.account FROM container c INDEXED BY container_hidden WHERE c.account >= '' "
        "AND c.hidden_by IS NOT NULL AND (SELECT slot FROM lease WHERE lease.boot_id = c.hidden_by "
        "AND lease.alive = 1) IS NULL ORDER BY c.account, c.id LIMIT 1",
    [FY_CS_SNAPSHOT_ROWS] =
        "SELECT name, status, size, body_id, kept_body FROM object WHERE container_id = ? ORDER BY "
        "name, version LIMIT ?",
    [FY_CS_SNAPSHOT_ROWS_OF_VERSION] = "SELECT name, number, body_id FROM version WHERE "
                                       "container_id = ? ORDER BY name, number DESC LIMIT ?",
    [FY_CS_SNAPSHOT_ROWS_DELETE] = "DELETE FROM object WHERE container_id = ? AND name <= ?",
    [FY_CS_SNAPSHOT_VERSIONS_DELETE] = "DELETE FROM version WHERE container_id = ?1 AND name <= ?2 "
                                       "AND (name < ?2 OR number >= ?3)",
};
