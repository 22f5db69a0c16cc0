/* catalogue_postgres_text.c - the catalogue's statements in PostgreSQL's dialect. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/adapters/catalogue_postgres_internal.h"

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number
#define STATEMENT_MS     TEXT_OF(FY_PG_STATEMENT_MS)
#define LOCK_MS          TEXT_OF(FY_PG_LOCK_MS)
#define IDLE_MS          TEXT_OF(FY_PG_IDLE_MS)
#define SUMS_FOLDED      TEXT_OF(FY_PG_SUMS_FOLDED)
#define SUM_MAX          TEXT_OF(FY_CS_SUM_MAX)

/* Leases live by the server's clock: the processes' may differ. */
#define NOW "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
/* A sum of numbers is of any size here. */
#define SUM_FROM "greatest(least("
#define SUM_TO   ", " SUM_MAX "), -" SUM_MAX ")::bigint"
#define OUTCOME_COLUMNS                                                                            \
    "op_id, bucket, object, action, stamp_time, stamp_site, outcome, reason, detail, at_ms"

/* Designators tell where a text begins; each goes over several lines on purpose. */
/* NOLINTBEGIN(bugprone-suspicious-missing-comma) */
const char *const fy_pg_texts[FY_CS_SQL_COUNT] = {
    [FY_CS_BEGIN_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    [FY_CS_BEGIN_WRITE] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    [FY_CS_COMMIT] = "COMMIT",
    [FY_CS_ROLLBACK] = "ROLLBACK",

    /* Never sent: others may be alive, see FY_PG_LEASE_EXPIRE. */
    [FY_CS_LEASE_ALL_DEAD] = "",
    [FY_CS_CLAIMS_FREE] = "",
    [FY_CS_LEASE_TAKE] =
        "INSERT INTO lease(slot, boot_id, alive, saved_time, renewed_ms, batch) VALUES(?, ?, 1, "
        "?, " NOW ", 0) ON CONFLICT(slot) DO UPDATE SET boot_id = excluded.boot_id, alive = 1, "
        "saved_time = excluded.saved_time, renewed_ms = excluded.renewed_ms, batch = 0",
    [FY_CS_LEASE_RENEW] =
        ("UPDATE lease SET saved_time = greatest(saved_time, ?), renewed_ms = " NOW
         " WHERE slot = ? AND boot_id = ? AND alive = 1"),
    [FY_CS_LEASE_SAVE] = "UPDATE lease SET saved_time = greatest(saved_time, ?) WHERE slot = ?",
    [FY_CS_LEASE_RELEASE] = ("UPDATE lease SET alive = 0, saved_time = greatest(saved_time, ?) "
                             "WHERE slot = ? AND boot_id = ?"),
    [FY_CS_COUNTERS_ADD] =
        "INSERT INTO counters(containers, objects, bytes, outbox, conflicts, events, oio_events, "
        "kept_objects, kept_bytes) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [FY_CS_COUNTERS_GET] =
        "SELECT coalesce(sum(containers), 0)::bigint, coalesce(sum(objects), 0)::bigint, " SUM_FROM
        "coalesce(sum(bytes), 0)" SUM_TO ", coalesce(sum(outbox), 0)::bigint, "
        "coalesce(sum(conflicts), 0)::bigint, coalesce(sum(events), 0)::bigint, "
        "coalesce(sum(oio_events), 0)::bigint, "
        "coalesce(sum(kept_objects), 0)::bigint, " SUM_FROM "coalesce(sum(kept_bytes), 0)" SUM_TO
        " FROM counters",

    [FY_CS_PROPERTY_SIZES] =
        "SELECT key, octet_length(value) FROM property WHERE container_id = ? ORDER BY key LIMIT ?",
    [FY_CS_SUM_ADD] =
        "INSERT INTO container_count(container_id, objects, bytes, changes) VALUES(?, ?, ?, ?)",
    [FY_CS_SUM_GET] =
        "SELECT " SUM_FROM "coalesce(sum(objects), 0)" SUM_TO ", " SUM_FROM
        "coalesce(sum(bytes), 0)" SUM_TO ", " SUM_FROM "coalesce(sum(changes), 0)" SUM_TO
        " FROM container_count WHERE container_id = ?",

    [FY_CS_STATE_DUE_PUT] =
        "INSERT INTO state_due(container_id, due_ms, request_id, origin) VALUES(?, ?, ?, ?)",

    /* Takes the row's lock even if it is there: a sweep that has just found the body in use, by
     * the very reference that goes here, must not forget it. */
    [FY_CS_LOOSE_ADD] = "INSERT INTO loose(body_id) VALUES(?) ON CONFLICT(body_id) DO UPDATE SET "
                        "body_id = excluded.body_id",
    /* The orders of an array: '-' and digits; '.' is the byte after '-'. */
    [FY_CS_OUTCOME_ARRAY] =
        "SELECT " OUTCOME_COLUMNS " FROM outcome WHERE op_id >= greatest(?2 COLLATE \"C\", (?1 || "
        "'-') COLLATE \"C\") AND op_id < ?1 || '.' AND (op_id, bucket, object, action) > (?2, ?3, "
        "?4, ?5) ORDER BY op_id, bucket, object, action LIMIT ?6",
    [FY_CS_WAITING_COUNTS] =
        "SELECT c.direction, c.state, c.reason, c.site, c.orders, c.bytes, (SELECT "
        "w.first_failed_ms FROM waiting w WHERE w.direction = c.direction AND w.state = c.state "
        "AND w.reason = c.reason AND w.site = c.site ORDER BY w.first_failed_ms LIMIT 1) FROM "
        "(SELECT direction, state, reason, site, sum(orders)::bigint AS orders, "
        "least(sum(bytes), 9223372036854775807)::bigint AS bytes FROM waiting_count GROUP BY "
        "direction, state, reason, site) c WHERE c.orders > 0 AND (c.direction, c.state, c.reason, "
        "c.site) > (?, ?, ?, ?) ORDER BY c.direction, c.state, c.reason, c.site LIMIT ?",
    [FY_CS_WAITING_TOTALS] =
        "SELECT state, sum(orders)::bigint, least(sum(bytes), 9223372036854775807)::bigint FROM "
        "waiting_count GROUP BY state",
    [FY_CS_AUDIT_ENGINE] = "", /* never sent: the server looks after its pages (amcheck) */
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

static const char *const own_texts[FY_PG_SQL_COUNT - FY_CS_SQL_COUNT] = {
#define OWN(name) [FY_PG_##name - FY_CS_SQL_COUNT]
    OWN(SETTINGS) = "SELECT set_config('statement_timeout', '" STATEMENT_MS "', true), "
                    "set_config('lock_timeout', '" LOCK_MS "', true), "
                    "set_config('idle_in_transaction_session_timeout', '" IDLE_MS "', true), "
                    "set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true), "
                    "set_config('synchronous_commit', 'on', true)",
    /* In the order of the arrays. */
    OWN(LOCK) = "SELECT CASE WHEN shared THEN pg_advisory_xact_lock_shared(key) ELSE "
                "pg_advisory_xact_lock(key) END FROM unnest(?1, ?2) AS t(key, shared)",
    OWN(LEASE_MARK) = "UPDATE lease SET batch = ? WHERE slot = ? AND boot_id = ? RETURNING alive, "
                      "EXISTS(SELECT 1 FROM waiting_count WHERE direction = 0)",
    /* Waits for the transaction that has marked it. */
    OWN(LEASE_BATCH) = "SELECT batch FROM lease WHERE slot = ? AND boot_id = ? FOR UPDATE",
    OWN(LEASES) = "SELECT slot, renewed_ms FROM lease WHERE alive = 1",
    OWN(LEASE_EXPIRED) =
        "SELECT slot, renewed_ms FROM lease WHERE alive = 1 AND renewed_ms < " NOW " - ?",
    /* One whose transaction is under way is no dead one. */
    OWN(LEASE_EXPIRE) = "UPDATE lease SET alive = 0 WHERE slot IN (SELECT slot FROM lease WHERE "
                        "slot = ?1 AND renewed_ms = ?2 AND alive = 1 FOR UPDATE SKIP LOCKED)",
    OWN(CLAIMS_FREE) = "UPDATE waiting SET turn_ms = due_ms, claimed_by = NULL WHERE id IN (SELECT "
                       "id FROM waiting "
                       "WHERE claimed_by IS NOT NULL AND NOT EXISTS(SELECT 1 FROM lease WHERE "
                       "boot_id = claimed_by "
                       "AND alive = 1) FOR UPDATE SKIP LOCKED)",
    OWN(OUTBOX_DELETE) = "DELETE FROM outbox WHERE id = ANY(?)",
    OWN(BODY_IDS) =
        "SELECT nextval(pg_get_serial_sequence('body', 'id')) FROM generate_series(1, ?)",
    OWN(PUMP_GET) = "SELECT boot_id = ?1, held_ms > " NOW " - ?2 FROM pump WHERE id = 1",
    OWN(PUMP_TAKE) =
        "UPDATE pump SET boot_id = ?1, held_ms = " NOW " WHERE id = 1 AND (boot_id = ?1 OR held_ms "
        "< " NOW " - ?2 OR NOT EXISTS(SELECT 1 FROM lease WHERE lease.boot_id = pump.boot_id AND "
        "alive = 1))",
    /* Rows another transaction folds are left to it. */
    OWN(FOLD_COUNTERS) =
        "WITH gone AS (DELETE FROM counters WHERE id IN (SELECT id FROM counters WHERE (SELECT "
        "count(*) FROM (SELECT 1 FROM counters LIMIT ?1) t) >= ?1 ORDER BY id LIMIT 1000 FOR "
        "UPDATE "
        "SKIP LOCKED) RETURNING *) INSERT INTO counters(containers, objects, bytes, outbox, "
        "conflicts, events, oio_events, kept_objects, kept_bytes) SELECT sum(containers), "
        "sum(objects), " SUM_FROM "sum(bytes)" SUM_TO ", sum(outbox), sum(conflicts), sum(events), "
        "sum(oio_events), sum(kept_objects), " SUM_FROM "sum(kept_bytes)" SUM_TO
        " FROM gone HAVING count(*) > 0",
    OWN(FOLD_WAITING) =
        "WITH gone AS (DELETE FROM waiting_count WHERE id IN (SELECT id FROM waiting_count WHERE "
        "(SELECT count(*) FROM (SELECT 1 FROM waiting_count LIMIT ?1) t) >= ?1 ORDER BY id LIMIT "
        "1000 FOR UPDATE SKIP LOCKED) RETURNING *) INSERT INTO waiting_count(direction, state, "
        "reason, site, orders, bytes) SELECT direction, state, reason, site, sum(orders), " SUM_FROM
        "sum(bytes)" SUM_TO
        " FROM gone GROUP BY direction, state, reason, site HAVING sum(orders) <> 0 "
        "OR sum(bytes) <> 0",
    /* Two that fold at once take different rows, and one after the other adds to a sum. */
    OWN(FOLD_SUMS) =
        "WITH gone AS (DELETE FROM container_count WHERE id = ANY(ARRAY(SELECT id FROM "
        "container_count WHERE folded = 0 AND (SELECT count(*) FROM (SELECT 1 FROM container_count "
        "WHERE folded = 0 LIMIT ?1) t) >= ?1 ORDER BY id LIMIT " SUMS_FOLDED
        " FOR UPDATE SKIP LOCKED)) RETURNING container_id, objects, bytes, changes) INSERT INTO "
        "container_count(container_id, objects, bytes, changes, folded) SELECT "
        "container_id, " SUM_FROM "sum(objects)" SUM_TO ", " SUM_FROM "sum(bytes)" SUM_TO
        ", " SUM_FROM "sum(changes)" SUM_TO
        ", 1 FROM gone GROUP BY container_id ORDER BY container_id ON CONFLICT(container_id) WHERE "
        "folded = 1 DO UPDATE SET objects = " SUM_FROM
        "container_count.objects + excluded.objects" SUM_TO ", bytes = " SUM_FROM
        "container_count.bytes + excluded.bytes" SUM_TO ", changes = " SUM_FROM
        "container_count.changes + excluded.changes" SUM_TO,
#undef OWN
};

/* What the writer locks while it reads, besides the names it has locked before: rows that are found
 * by other ways, and bodies against the sweep. */
static const char *lock_of(int sql)
{
    switch (sql) {
    case FY_CS_WAITING_DUE:
    case FY_CS_LOOSE_LIST:
    case FY_CS_OBJECT_AGED:
    case FY_CS_OBJECT_KEPT_AGED:
    case FY_CS_CONFLICT_AGED:
        return " FOR UPDATE SKIP LOCKED";
    case FY_CS_CONTAINER_AGED:
    case FY_CS_CONTAINER_LEFT:
        return " FOR UPDATE OF c SKIP LOCKED";
    case FY_CS_WAITING_BY_KEY:
    case FY_CS_WAITING_BY_ORDER:
    case FY_CS_WAITING_POISON:
    case FY_CS_WAITING_GET:
    case FY_CS_WAITING_OLDER:
    case FY_CS_CONFLICT_BODY:
    case FY_CS_SITE_GET:
        return " FOR UPDATE";
    case FY_CS_BODY_FIND:
    case FY_CS_BODY_GET:
        return " FOR KEY SHARE";
    default:
        return "";
    }
}

/* ------------------------------------------------------------------ translation */

/* What the common texts say in SQLite's words. Longer ones first where they begin alike. */
static const struct word {
    const char *theirs, *ours;
} words[] = {
    {"INDEXED BY object_ready", ""},
    {"INDEXED BY object_rest", ""},
    {"INDEXED BY object_marker", ""},
    {"INDEXED BY version_registered", ""},
    {"INDEXED BY container_hidden", ""},
    {"INDEXED BY container_owing", ""},
    {"INDEXED BY waiting_turn", ""},
    {"INDEXED BY container_left", ""},
    {"CROSS JOIN", "JOIN"}, /* there it fixes the order of the loops */
    /* Of a process that lives; the uploads of the dead are over. */
    {"o.upload_boot",
     "(SELECT l.boot_id FROM lease l WHERE l.boot_id = o.upload_boot AND l.alive = 1)"},
};

static const struct word *word_at(const char *text)
{
    for (size_t index = 0; index < FY_COUNT_OF(words); index++)
        if (strncmp(text, words[index].theirs, strlen(words[index].theirs)) == 0)
            return &words[index];
    return NULL;
}

static void append(char text[static FY_PG_TEXT_BYTES], const char *bytes, size_t size)
{
    size_t used = strlen(text);
    FY_ASSERT(used + size < FY_PG_TEXT_BYTES); /* the texts are ours */
    memcpy(text + used, bytes, size);
    text[used + size] = '\0';
}

/* A parameter: "?" is the next one, "?3" the third. */
static void append_parameter(char text[static FY_PG_TEXT_BYTES], const char **at, int *next)
{
    char number[16] = "";
    (*at)++;
    if (isdigit((unsigned char)**at) == 0)
        (void)snprintf(number, sizeof number, "%d", ++*next);
    append(text, "$", 1);
    append(text, number, strlen(number)); /* an explicit one follows by itself */
}

void fy_pg_text_of(const struct fy_pg_conn *conn, int sql, char text[static FY_PG_TEXT_BYTES])
{
    const char *at = sql < FY_CS_SQL_COUNT ? fy_cs_sql_text(&fy_pg_engine, (enum fy_cs_sql)sql)
                                           : own_texts[sql - FY_CS_SQL_COUNT];
    int next = 0;
    text[0] = '\0';
    while (*at != '\0') {
        const struct word *word = word_at(at);
        if (word != NULL) {
            append(text, word->ours, strlen(word->ours));
            at += strlen(word->theirs);
        } else if (*at == '?') {
            append_parameter(text, &at, &next);
        } else {
            append(text, at++, 1);
        }
    }
    const char *lock = conn->writer ? lock_of(sql) : "";
    append(text, lock, strlen(lock));
}
