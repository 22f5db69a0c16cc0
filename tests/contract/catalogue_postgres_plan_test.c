/* catalogue_postgres_plan_test.c - how PostgreSQL finds the rows of each statement. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_postgres_internal.h"
#include "tests/contract/catalogue_postgres_place.h"

#define PLAN_BYTES 8192

/* Enough that the planner would rather not walk; the statistics are fresh. */
static const char *const fill[] = {
    "INSERT INTO container SELECT n, 'client-1', 'bucket-' || n, 200, 1, 'site-a', 1, 0, 0, 1, 1 "
    "FROM generate_series(1, 3000) n",
    "INSERT INTO container SELECT n, 'client-1', 'gone-' || n, 204, 1, 'site-a', 1, n, 0, 0, 0 "
    "FROM generate_series(3001, 6000) n",
    "INSERT INTO access SELECT 'client-' || n % 50, 'bucket-' || n, 7, 0 "
    "FROM generate_series(1, 6000) n",
    "INSERT INTO body SELECT n, sha256(n::text::bytea), n, 'blob-' || n, n "
    "FROM generate_series(1, 20000) n",
    "UPDATE body SET damaged = 3 WHERE id % 10 = 0",
    "INSERT INTO damage SELECT n, 3, n % 5, n, 0, '' FROM generate_series(1, 20000) n",
    "INSERT INTO scan VALUES(1, 1, 1, 0, '', '', '', '', 0, 0, 0, 0, 0, 0, 0, 'boot')",
    "INSERT INTO loose SELECT n FROM generate_series(1, 3000) n",
    "INSERT INTO trash SELECT 'blob-' || n, n FROM generate_series(1, 5000) n",
    "INSERT INTO object SELECT 1 + n % 20, 'o' || n, 0, 'id', CASE WHEN n % 4 = 0 THEN 204 ELSE "
    "200 END, n, 'site-a', n, '', n, 0, '', CASE WHEN n % 4 = 0 THEN NULL ELSE n END, 1 "
    "FROM generate_series(1, 20000) n",
    "UPDATE object SET marker = 1 WHERE status = 204 AND container_id % 2 = 0",
    "INSERT INTO version SELECT 1 + n % 20, 'o' || n % 9000, n, n % 3, 'id', n, 'site-a', n, '', "
    "n, 0, '', CASE WHEN n % 3 = 0 THEN n END, 1 FROM generate_series(1, 20000) n",
    "INSERT INTO conflict(account, bucket, winner_time, winner_site, action, at_ms, object, "
    "version, object_id, loser_time, loser_site, hash, changed_ms, expires_ms, metadata, proof, "
    "body_id) SELECT 'client-1', 'bucket-' || n % 50, n, 'site-' || n % 9, 1, n, 'o' || n, 0, "
    "'id', n, 'site-a', '', 0, 0, '', 1, n FROM generate_series(1, 5000) n",
    "INSERT INTO outbox(key, json, written_ms) SELECT 'key', '{}', n "
    "FROM generate_series(1, 10000) n",
    "INSERT INTO event(events, written_ms, packed) SELECT 1, n, 'x' FROM generate_series(1, 10000) "
    "n",
    "INSERT INTO outcome SELECT 'op-' || n, 'bucket-1', 'o' || n, 1, n, 'site-a', 1, 0, '', n "
    "FROM generate_series(1, 10000) n",
    "INSERT INTO waiting(direction, state, reason, site, account, bucket, object, to_site, "
    "stamp_time, stamp_site, action, size, ordered_at_ms, op_id, from_site, client, "
    "order_account, hash, detail, http_status, attempts, first_failed_ms, last_failed_ms, due_ms, "
    "turn_ms, claimed_by) SELECT n % 2, n / 2 % 2, n % 9, 'site-' || n % 7, 'client-1', "
    "CASE WHEN n % 100 = 99 THEN '' ELSE 'bucket-' || n % 30 END, 'o' || n, '', n, 'site-b', 1, n, "
    "n, 'op', 'site-b', 'client-1', '', '', '', 0, 0, n, n, n, n, CASE WHEN n % 50 = 0 THEN "
    "'boot' END FROM generate_series(1, 10000) n",
    "INSERT INTO backfill(state, op_id, site, account, bucket, prefix, rate, whole, forced, "
    "dry_run, "
    "begun_ms, changed_ms) SELECT CASE WHEN n % 50 = 0 THEN 0 ELSE 1 END, 'op', 'site-' || n % 7, "
    "'', '', '', 0, 0, 0, 0, n, n FROM generate_series(1, 1000) n",
    "INSERT INTO container_count(container_id, objects, bytes, changes, folded) SELECT n, 1, 1, 1, "
    "1 FROM generate_series(1, 6000) n",
    "INSERT INTO container_count(container_id, objects, bytes, changes) SELECT n, 1, 1, 1 FROM "
    "generate_series(1, 1000) n",
    "INSERT INTO property SELECT 1 + n % 3000, 'user.' || n, 'value' FROM generate_series(1, "
    "20000) n",
    "UPDATE container SET cid = sha256(name::bytea)",
    "VACUUM ANALYZE",
};

static PGconn *filled(struct contract *c)
{
    char url[PLACE_URL_BYTES];
    for (size_t index = 0; index < FY_COUNT_OF(fill); index++)
        catalogue_postgres_exec(c->place, fill[index]);
    catalogue_postgres_url(c->place, url);
    PGconn *pg = PQconnectdb(url);
    assert_int_equal(PQstatus(pg), CONNECTION_OK);
    /* As every connection of the catalogue is set. */
    PQclear(PQexec(pg, "SET enable_seqscan = off"));
    return pg;
}

/* The greatest number of a parameter. */
static unsigned parameters_of(const char *text)
{
    unsigned count = 0;
    for (const char *at = strchr(text, '$'); at != NULL; at = strchr(at + 1, '$')) {
        unsigned number = (unsigned)strtoul(at + 1, NULL, 10);
        count = number > count ? number : count;
    }
    return count;
}

static void append(char *text, size_t text_bytes, const char *more)
{
    size_t used = strlen(text);
    int size = snprintf(text + used, text_bytes - used, "%s", more);
    assert_true(size >= 0 && (size_t)size < text_bytes - used);
}

/* values: of its parameters, planned with; NULL: for any. */
static void plan_of(PGconn *pg, const char *text, const char *values, char plan[static PLAN_BYTES])
{
    char sql[FY_PG_TEXT_BYTES + 64];
    PQclear(PQexec(pg, values == NULL ? "SET plan_cache_mode = force_generic_plan"
                                      : "SET plan_cache_mode = force_custom_plan"));
    (void)snprintf(sql, sizeof sql, "PREPARE p AS %s", text);
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", text, PQerrorMessage(pg));
    PQclear(result);
    unsigned count = parameters_of(text);
    (void)snprintf(sql, sizeof sql, "EXPLAIN (COSTS OFF) EXECUTE p");
    append(sql, sizeof sql, values != NULL ? values : "");
    for (unsigned index = 0; values == NULL && index < count; index++)
        append(sql, sizeof sql, index == 0 ? "(NULL" : ", NULL");
    append(sql, sizeof sql, values == NULL && count > 0 ? ")" : "");
    result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    plan[0] = '\0';
    for (int row = 0; row < PQntuples(result); row++) {
        size_t used = strlen(plan);
        (void)snprintf(plan + used, PLAN_BYTES - used, "  %s\n", PQgetvalue(result, row, 0));
    }
    PQclear(result);
    PQclear(PQexec(pg, "DEALLOCATE p"));
}

/* A bounded number of rows, or folded to one. */
static bool walks(const char *plan)
{
    static const char *const small[] = {"lease",         "site", "counters",
                                        "waiting_count", "pump", "scan"};
    for (const char *at = strstr(plan, "Seq Scan on "); at != NULL;
         at = strstr(at + 1, "Seq Scan on ")) {
        bool allowed = false;
        for (size_t index = 0; index < FY_COUNT_OF(small); index++)
            allowed |=
                strncmp(at + strlen("Seq Scan on "), small[index], strlen(small[index])) == 0;
        if (!allowed)
            return true;
    }
    return false;
}

/* BEGIN and its like have no plan; the lock has no table. */
static bool has_plan(const char *text)
{
    return text[0] != '\0' && strncmp(text, "BEGIN", 5) != 0 && strcmp(text, "COMMIT") != 0 &&
           strcmp(text, "ROLLBACK") != 0 && strstr(text, "unnest") == NULL;
}

/* Of statements that are planned each time: a name that is rare where others are many. */
static const char *values_of(int sql)
{
    if (!fy_pg_is_planned(sql))
        return NULL;
    switch (sql) {
    case FY_CS_WAITING_LIST_BUCKET:
        return "(-1, -1, 0, '', 'rare', 0, 32)";
    case FY_CS_WAITING_LIST_SITE:
        return "(-1, -1, 0, 'rare', '', 0, 32)";
    case FY_CS_WAITING_LIST_REASON:
        return "(-1, -1, 99, '', '', 0, 32)";
    case FY_CS_WAITING_LIST_STATE:
        return "(2, -1, 0, '', '', 0, 32)";
    case FY_CS_WAITING_LIST:
        return "(-1, -1, 0, '', '', 0, 32)";
    case FY_CS_CONFLICT_LIST_BUCKET:
        return "(-1, '', 'rare', 0, 32)";
    case FY_CS_CONFLICT_LIST_SITE:
        return "(-1, 'rare', '', 0, 32)";
    default:
        return "(-1, '', '', 0, 32)";
    }
}

static void each_statement(PGconn *pg, bool writer)
{
    struct fy_pg_conn conn = {.writer = writer};
    char text[FY_PG_TEXT_BYTES], plan[PLAN_BYTES];
    for (int sql = 0; sql < FY_PG_SQL_COUNT; sql++) {
        fy_pg_text_of(&conn, sql, text);
        if (!has_plan(text))
            continue;
        const char *values = values_of(sql);
        plan_of(pg, text, values, plan);
        if (walks(plan))
            fail_msg("%s\n%s", text, plan);
        /* What sorts reads all it could list before it gives the first. */
        bool sums = sql == FY_CS_WAITING_COUNTS || sql == FY_CS_WAITING_TOTALS ||
                    sql == FY_PG_FOLD_WAITING || sql == FY_PG_FOLD_COUNTERS ||
                    sql == FY_PG_FOLD_SUMS;
        if (!sums && values == NULL && strstr(plan, "Sort") != NULL)
            fail_msg("%s\n%s", text, plan);
    }
}

static void no_statement_walks_over_a_table_that_grows(void **state)
{
    PGconn *pg = filled(*state);
    each_statement(pg, false);
    each_statement(pg, true);
    PQfinish(pg);
}

/* Where more than one index would do, the right one. */
static void growing_statements_use_the_index_made_for_them(void **state)
{
    static const struct {
        enum fy_cs_sql sql;
        const char *index;
    } wanted[] = {
        {FY_CS_CONTAINER_BY_KEY, "container_account_name_key"},
        {FY_CS_CONTAINER_BY_CCS_NAME, "container_ccs"},
        {FY_CS_CONTAINER_HEIRS, "container_name"},
        {FY_CS_CONTAINER_LIST, "container_account_name_key"},
        {FY_CS_CONTAINER_WALK, "container_account_name_key"},
        {FY_CS_CONTAINER_AGED, "container_gone"},
        {FY_CS_OBJECT_REGISTER, "object_pkey"},
        {FY_CS_OBJECT_LIST, "object_pkey"},
        {FY_CS_OBJECT_LIST_READY, "object_ready"},
        {FY_CS_OBJECT_MARKS, "object_ready"},
        {FY_CS_OBJECT_LIST_REST, "object_rest"},
        {FY_CS_OBJECT_PREFIX_READY, "object_ready"},
        {FY_CS_CONTAINER_HAS_READY, "object_ready"},
        {FY_CS_CONTAINER_FILLED, "object_marker"},
        {FY_CS_PROPERTY_SIZES, "property_pkey"},
        {FY_CS_PROPERTY_DELETE_USER, "property_pkey"},
        {FY_CS_OBJECT_AGED, "object_tombstone"},
        {FY_CS_VERSION_LIST_READY, "object_ready"},
        {FY_CS_VERSION_LIST_MARKER, "object_marker"},
        {FY_CS_VERSION_LIST_REGISTERED, "version_registered"},
        {FY_CS_VERSION_LIST, "version_key"},
        {FY_CS_VERSION_LIST_NAME, "version_key"},
        {FY_CS_VERSION_BEYOND, "version_key"},
        {FY_CS_VERSION_UP_TO, "version_key"},
        {FY_CS_BODY_FIND, "body_sha_size_key"},
        {FY_CS_BODY_BY_REF, "body_ref"},
        {FY_CS_BODY_LIST, "body_pkey"},
        {FY_CS_BODY_OBJECTS, "object_body"},
        {FY_CS_DAMAGE_LIST, "damage_pkey"},
        {FY_CS_DAMAGE_COUNT, "body_damaged"},
        {FY_CS_TRASH_DUE, "trash_due"},
        {FY_CS_OUTBOX_READ, "outbox_pkey"},
        {FY_CS_EVENT_READ, "event_pkey"},
        {FY_CS_EVENT_OLDEST, "event_pkey"},
        {FY_CS_EVENT_DELETE, "event_pkey"},
        {FY_CS_OUTCOME_EXACT, "outcome_pkey"},
        {FY_CS_OUTCOME_ARRAY, "outcome_pkey"},
        {FY_CS_WAITING_BY_KEY, "waiting_key"},
        {FY_CS_WAITING_BY_ORDER, "waiting_order"},
        {FY_CS_WAITING_OLDER, "waiting_order"},
        {FY_CS_WAITING_DUE, "waiting_turn"},
        {FY_CS_WAITING_DUE_COUNT, "waiting_turn"},
        {FY_CS_WAITING_LIST_BUCKET, "waiting_bucket"},
        {FY_CS_WAITING_LIST_SITE, "waiting_site"},
        {FY_CS_WAITING_LIST_REASON, "waiting_reason"},
        {FY_CS_WAITING_LIST_STATE, "waiting_state"},
        {FY_CS_WAITING_LIST, "waiting_pkey"},
        {FY_CS_CONFLICT_LIST_BUCKET, "conflict_bucket"},
        {FY_CS_CONFLICT_LIST_SITE, "conflict_site"},
        {FY_CS_CONFLICT_LIST, "conflict_pkey"},
        {FY_CS_AUDIT_CONTAINERS, "container_pkey"},
        {FY_CS_AUDIT_OBJECTS, "object_pkey"},
        {FY_CS_AUDIT_SUM_OBJECTS, "object_pkey"},
        {FY_CS_AUDIT_SUM_VERSIONS, "version_key"},
        {FY_CS_CONTAINER_BY_CID, "container_cid"},
        {FY_CS_PROPERTY_LIST, "property_pkey"},
        {FY_CS_SUM_GET, "container_count_of"},
        {(enum fy_cs_sql)FY_PG_FOLD_SUMS, "Index Cond: (id = ANY ($"},
        {FY_CS_AUDIT_BODIES, "body_pkey"},
        {FY_CS_BACKFILL_LIST, "backfill_pkey"},
        {FY_CS_BACKFILL_LIST_RUNNING, "backfill_state"},
    };
    PGconn *pg = filled(*state);
    struct fy_pg_conn conn = {.writer = false};
    for (size_t index = 0; index < FY_COUNT_OF(wanted); index++) {
        char text[FY_PG_TEXT_BYTES], plan[PLAN_BYTES];
        fy_pg_text_of(&conn, (int)wanted[index].sql, text);
        plan_of(pg, text, values_of((int)wanted[index].sql), plan);
        if (strstr(plan, wanted[index].index) == NULL)
            fail_msg("%s\n%swanted: %s", text, plan, wanted[index].index);
    }
    PQfinish(pg);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_statement_walks_over_a_table_that_grows),
        TEST(growing_statements_use_the_index_made_for_them),
    };
    (void)catalogue_postgres_begin();
    catalogue_contract_use(&catalogue_postgres_factory);
    int failed = cmocka_run_group_tests_name("plans of PostgreSQL", tests, NULL, NULL);
    catalogue_postgres_end();
    return failed;
}
