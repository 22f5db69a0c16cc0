/* catalogue_sqlite_test.c - the SQLite catalogue: the contract, its schema, its query plans. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sqlite_internal.h"
#include "tests/contract/catalogue_old.h"
#include "tests/contract/catalogue_sqlite_place.h"
#include "tests/support/version_query.h"

/* ------------------------------------------------------------------ opening */

static void second_opener_is_refused(void **state)
{
    struct contract *c = *state;
    struct fy_catalogue *second = NULL;
    assert_int_equal(c->factory->open(c->place, &c->clock.port, CONTRACT_SITE, &second, &c->err),
                     FY_EEXISTS);
    assert_null(second);
    assert_non_null(strstr(c->err.text, "another process"));
    contract_reopen(c); /* closing lets go of the lock */
}

static void newer_schema_is_refused(void **state)
{
    struct contract *c = *state;
    contract_close(c);
    catalogue_sqlite_exec(c->place, "PRAGMA user_version = 99");
    assert_int_equal(
        c->factory->open(c->place, &c->clock.port, CONTRACT_SITE, &c->catalogue, &c->err),
        FY_EINTERNAL);
    assert_non_null(strstr(c->err.text, "99"));
    assert_null(c->catalogue);
}

static void empty_file_is_migrated_and_then_left_alone(void **state)
{
    struct contract *c = *state;
    contract_close(c);
    catalogue_sqlite_exec(c->place, "PRAGMA user_version = 1"); /* as it is */
    c->factory->place_free(c->place);
    c->place = c->factory->place_new();
    catalogue_sqlite_exec(c->place, "PRAGMA user_version = 0");
    contract_open(c);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    contract_reopen(c);
    assert_int_equal(contract_container(c, "", "bucket-1").status, FY_STATUS_READY);
    contract_close(c);
    assert_true(catalogue_sqlite_number(c->place, "PRAGMA user_version") >= 1);
    contract_open(c);
}

/* Makes the place's file as the program of that schema left it. */
static void make_old_file(struct contract *c, int version)
{
    char path[PLACE_PATH_BYTES];
    struct fy_csl_conn conn = {.db = NULL};
    contract_close(c);
    c->factory->place_free(c->place);
    c->place = c->factory->place_new();
    catalogue_sqlite_path(c->place, "c.db", path);
    assert_int_equal(fy_csl_conn_open(&conn, path, true, &c->err), FY_OK);
    assert_int_equal(fy_csl_schema_migrate(&conn, version, &c->err), FY_OK);
    fy_csl_conn_close(&conn);
    assert_int_equal(catalogue_sqlite_number(c->place, "PRAGMA user_version"), version);
}

static bool keep_conflict(void *arg, const struct fy_conflict_row *row)
{
    *(struct fy_conflict_row *)arg = *row;
    return true;
}

static void conflicts_of_an_old_file_are_kept(void **state)
{
    struct contract *c = *state;
    make_old_file(c, 1);
    catalogue_sqlite_exec(
        c->place, "INSERT INTO body VALUES(5, zeroblob(32), 3, 'blob', 1); "
                  "INSERT INTO conflict VALUES(7, 'client-1', 'bucket-1', 'o', 5, 1000, 12, 655360,"
                  " 'site-a', 1310720, 'site-b'); UPDATE counters SET conflicts = 1");
    contract_open(c);
    struct fy_conflict_row row = {0};
    struct fy_conflict_filter filter = {.id = -1, .limit = 1};
    assert_int_equal(
        fy_catalogue_conflict_list(c->catalogue, &filter, keep_conflict, &row, &c->err), FY_OK);
    assert_int_equal(row.id, 7);
    assert_string_equal(row.bucket, "bucket-1");
    assert_string_equal(row.winner.site, "site-b");
    assert_int_equal(row.action, FY_ACTION_UNKNOWN);
    assert_string_equal(row.loser.name, "o");
    assert_int_equal(row.loser.size, 3);
    assert_int_equal(row.loser.facts.creation_ms, 10);
    assert_string_equal(row.loser.blob_ref, "blob");
    assert_int_equal(contract_totals(c).conflicts, 1);
}

static void old_file_has_ids_sums_and_numbers(void **state)
{
    struct contract *c = *state;
    make_old_file(c, 12);
    catalogue_old_fill(c, "zeroblob(32)");
    contract_open(c);
    catalogue_old_check(c);
}

static void half_made_schema_is_begun_again(void **state)
{
    struct contract *c = *state;
    contract_close(c);
    c->factory->place_free(c->place);
    c->place = c->factory->place_new();
    /* What stands in the way makes the migration fail: nothing of it may stay. */
    catalogue_sqlite_exec(c->place, "CREATE TABLE lease(other)");
    assert_int_not_equal(
        c->factory->open(c->place, &c->clock.port, CONTRACT_SITE, &c->catalogue, &c->err), FY_OK);
    assert_int_equal(catalogue_sqlite_number(c->place, "SELECT count(*) FROM sqlite_schema"), 1);
    catalogue_sqlite_exec(c->place, "DROP TABLE lease");
    contract_open(c);
}

static void file_of_something_else_is_refused(void **state)
{
    struct contract *c = *state;
    char path[PLACE_PATH_BYTES];
    contract_close(c);
    catalogue_sqlite_path(c->place, "c.db", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("This is no database, but a letter of some length to somebody.", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(
        c->factory->open(c->place, &c->clock.port, CONTRACT_SITE, &c->catalogue, &c->err), FY_EIO);
}

static void path_that_cannot_be_is_refused(void **state)
{
    struct contract *c = *state;
    struct fy_catalogue *catalogue = NULL;
    struct fy_catalogue_sqlite_settings settings = {.path = "/nonexistent/c.db",
                                                    .common.clock = &c->clock.port,
                                                    .common.site = CONTRACT_SITE,
                                                    .common.reader_count = 1};
    assert_int_equal(fy_catalogue_sqlite_open(&settings, &catalogue, &c->err), FY_EIO);
}

static void a_site_that_tells_nobody_writes_no_events(void **state)
{
    struct contract *c = *state;
    char path[PLACE_PATH_BYTES];
    catalogue_sqlite_path(c->place, "c.db", path);
    const struct fy_catalogue_sqlite_settings settings = {.path = path,
                                                          .common.clock = &c->clock.port,
                                                          .common.site = CONTRACT_SITE,
                                                          .common.reader_count = 1};
    contract_close(c);
    assert_int_equal(fy_catalogue_sqlite_open(&settings, &c->catalogue, &c->err), FY_OK);
    struct fy_cat_settle settle = {
        .op.kind = FY_CAT_SETTLE, .order.op_id = "op", .outcome = FY_OUTCOME_SETTLED};
    assert_int_equal(contract_run(c, &settle.op), FY_OK);
    assert_int_equal(contract_outcome(c, "op"), FY_OUTCOME_SETTLED);
    assert_int_equal(contract_totals(c).events, 0);
    assert_int_equal(catalogue_sqlite_number(c->place, "SELECT count(*) FROM event"), 0);
}

/* ------------------------------------------------------------------ batches */

/* One operation meets an error that nobody foresaw: it fails alone. */
static void broken_operation_does_not_hurt_its_neighbours(void **state)
{
    struct contract *c = *state;
    contract_close(c);
    catalogue_sqlite_exec(c->place,
                          "CREATE TRIGGER boom BEFORE INSERT ON object WHEN new.name = 'boom' "
                          "BEGIN SELECT RAISE(ABORT, 'out of the blue'); END");
    contract_open(c);
    struct fy_cat_apply first =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o1", "1", 10);
    struct fy_cat_apply broken =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-2", "boom", "2", 10);
    struct fy_cat_apply last =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o3", "3", 10);
    /* Written, rolled back, written again: its row must not be taken for one that was removed. */
    struct fy_cat_wait wait = {.op.kind = FY_CAT_WAIT,
                               .row = {.state = FY_WAITING, .reason = FY_SRC_UNREACHABLE}};
    wait.row.order =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o4", "4", 10).order;
    struct fy_cat_op *ops[] = {&first.op, &wait.op, &broken.op, &last.op};
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, FY_COUNT_OF(ops), &c->err), FY_OK);
    assert_int_equal(first.op.code, FY_OK);
    assert_int_equal(broken.op.code, FY_EINTERNAL);
    assert_non_null(strstr(broken.op.err.text, "out of the blue"));
    assert_int_equal(last.op.code, FY_OK);
    assert_false(wait.superseded);
    assert_int_equal(contract_totals(c).waiting_orders, 1);
    assert_int_equal(contract_totals(c).objects, 2);
    assert_int_equal(contract_totals(c).containers, 1);
    assert_int_equal(contract_totals(c).events, 2); /* what was rolled back is told of once */
    assert_int_equal(contract_container_code(c, "", "bucket-2"), FY_ENOTFOUND);
    /* The writer is as good as before. */
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-2"), FY_OK);
}

/* ------------------------------------------------------------------ plans */

/* The statements that may walk over a table: it has a bounded number of rows. */
static bool may_scan(const char *detail)
{
    static const char *const small[] = {"SCAN lease",    "SCAN site",         "SCAN waiting_count",
                                        "SCAN counters", "SCAN CONSTANT ROW", "SCAN few_due",
                                        "SCAN few_rows"};
    for (size_t index = 0; index < FY_COUNT_OF(small); index++)
        if (strncmp(detail, small[index], strlen(small[index])) == 0)
            return true;
    return strstr(detail, "SCAN (subquery") != NULL || strstr(detail, "SCAN SUBQUERY") != NULL;
}

struct plan {
    char text[2048]; /* a line a step */
    bool walks;      /* over a table that grows, or sorts */
};

static struct plan plan_of(sqlite3 *db, const char *sql)
{
    struct plan plan = {.walks = false};
    char explain[4096];
    sqlite3_stmt *statement = NULL;
    (void)snprintf(explain, sizeof explain, "EXPLAIN QUERY PLAN %s", sql);
    assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(statement, 3);
        size_t used = strlen(plan.text);
        (void)snprintf(plan.text + used, sizeof plan.text - used, "  %s\n", detail);
        if (strstr(detail, "USE TEMP B-TREE FOR ORDER BY") != NULL ||
            (strncmp(detail, "SCAN", 4) == 0 && !may_scan(detail)))
            plan.walks = true;
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return plan;
}

static sqlite3 *plans_open(struct contract *c)
{
    char path[PLACE_PATH_BYTES];
    sqlite3 *db = NULL;
    catalogue_sqlite_path(c->place, "c.db", path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL), SQLITE_OK);
    return db;
}

/* Ten million objects: every statement finds its rows by an index, and in the order it wants them.
 */
static void no_statement_walks_over_a_table_that_grows(void **state)
{
    struct contract *c = *state;
    sqlite3 *db = plans_open(c);
    for (int sql = 0; sql < FY_CS_SQL_COUNT; sql++) {
        assert_non_null(fy_cs_sql_text(&fy_csl_engine, (enum fy_cs_sql)sql));
        struct plan plan = plan_of(db, fy_cs_sql_text(&fy_csl_engine, (enum fy_cs_sql)sql));
        if (plan.walks)
            fail_msg("%s\n%s", fy_cs_sql_text(&fy_csl_engine, (enum fy_cs_sql)sql), plan.text);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Where more than one index would do, the right one. */
static void growing_statements_use_the_index_made_for_them(void **state)
{
    static const struct {
        enum fy_cs_sql sql;
        const char *plan;
    } wanted[] = {
        {FY_CS_OBJECT_REGISTER, "SEARCH o USING PRIMARY KEY (container_id=? AND name=? AND"},
        {FY_CS_OBJECT_LIST, "SEARCH o USING PRIMARY KEY (container_id=? AND name>? AND name<?)"},
        {FY_CS_OBJECT_LIST_READY, "INDEX object_ready (container_id=? AND name>? AND name<?)"},
        {FY_CS_OBJECT_MARKS, "INDEX object_ready (container_id=? AND name>? AND name<?)"},
        {FY_CS_OBJECT_LIST_REST, "INDEX object_rest (container_id=? AND name>? AND name<?)"},
        {FY_CS_OBJECT_PREFIX_READY, "INDEX object_ready (container_id=? AND name>? AND name<?)"},
        {FY_CS_CONTAINER_HAS_READY, "INDEX object_ready (container_id=?)"},
        {FY_CS_CONTAINER_FILLED, "INDEX object_marker (container_id=?)"},
        {FY_CS_CONTAINER_FILLED, "SEARCH version USING PRIMARY KEY (container_id=?)"},
        {FY_CS_PROPERTY_SIZES, "PRIMARY KEY (container_id=?)"},
        {FY_CS_PROPERTY_DELETE_USER, "PRIMARY KEY (container_id=? AND key>? AND key<?)"},
        {FY_CS_OBJECT_AGED, "INDEX object_tombstone (changed_ms<?)"},
        {FY_CS_VERSION_LIST_READY, "INDEX object_ready (container_id=? AND name>? AND name<?)"},
        {FY_CS_VERSION_LIST_MARKER, "INDEX object_marker (container_id=? AND name>? AND name<?)"},
        {FY_CS_VERSION_LIST_REGISTERED, "INDEX version_registered (container_id=? AND name>? AND"},
        {FY_CS_VERSION_LIST, "SEARCH v USING PRIMARY KEY (container_id=? AND name>? AND name<?)"},
        {FY_CS_VERSION_LIST_NAME, "v USING PRIMARY KEY (container_id=? AND name=? AND number<?)"},
        {FY_CS_BODY_FIND, "(sha=? AND size=?)"},
        {FY_CS_BODY_BY_REF, "INDEX body_ref (ref_hash=?)"},
        {FY_CS_TRASH_DUE, "INDEX trash_due ((due_ms,blob_ref)>(?,?) AND due_ms<?)"},
        {FY_CS_OUTBOX_READ, "INTEGER PRIMARY KEY (rowid>?)"},
        {FY_CS_OUTCOME_ARRAY, "PRIMARY KEY (op_id>? AND op_id<?)"},
        {FY_CS_WAITING_BY_KEY, "waiting_key (direction=? AND account=? AND bucket=? AND object=?"},
        {FY_CS_WAITING_BY_ORDER, "waiting_order (direction=? AND account=? AND bucket=? AND"},
        {FY_CS_WAITING_OLDER, "waiting_order (direction=? AND account=? AND bucket=? AND object=?"},
        {FY_CS_WAITING_DUE, "INDEX waiting_turn (turn_ms<?)"},
        {FY_CS_AUDIT_SUM_OBJECTS, "PRIMARY KEY (container_id=? AND (name,version)>(?,?))"},
        {FY_CS_AUDIT_SUM_VERSIONS, "PRIMARY KEY (container_id=? AND name>?)"},
        {FY_CS_CONTAINER_BY_CID, "INDEX container_cid (cid=?)"},
        {FY_CS_PROPERTY_LIST, "PRIMARY KEY (container_id=?)"},
        {FY_CS_WAITING_LIST_BUCKET, "INDEX waiting_bucket (bucket=? AND rowid>?)"},
        {FY_CS_WAITING_LIST_SITE, "INDEX waiting_site (site=? AND rowid>?)"},
        {FY_CS_WAITING_LIST_REASON, "INDEX waiting_reason (reason=? AND rowid>?)"},
        {FY_CS_WAITING_LIST_STATE, "INDEX waiting_state (state=? AND rowid>?)"},
        {FY_CS_WAITING_LIST, "INTEGER PRIMARY KEY (rowid>?)"},
        {FY_CS_CONFLICT_LIST_BUCKET, "INDEX conflict_bucket (bucket=? AND rowid>?)"},
        {FY_CS_CONFLICT_LIST_SITE, "INDEX conflict_site (winner_site=? AND rowid>?)"},
        {FY_CS_CONFLICT_LIST, "INTEGER PRIMARY KEY (rowid>?)"},
    };
    struct contract *c = *state;
    sqlite3 *db = plans_open(c);
    for (size_t index = 0; index < FY_COUNT_OF(wanted); index++) {
        struct plan plan = plan_of(db, fy_cs_sql_text(&fy_csl_engine, wanted[index].sql));
        if (strstr(plan.text, wanted[index].plan) == NULL)
            fail_msg("%s\n%s\nwanted: %s", fy_cs_sql_text(&fy_csl_engine, wanted[index].sql),
                     plan.text, wanted[index].plan);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ------------------------------------------------------------------ pages */

static void fill_container(struct contract *c, const char *name, long long objects)
{
    char sql[1024];
    (void)snprintf(
        sql, sizeof sql,
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %lld) INSERT "
        "INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, hash, "
        "changed_ms, expires_ms, metadata, proof, number, marker) SELECT (SELECT id FROM container "
        "WHERE name = '%s'), printf('%%03d/%%06d', i * 1000 / %lld, i), 0, 'id', CASE WHEN i %% 2 "
        "THEN 200 ELSE 204 END, 1, 'site-a', 1, '', 1, 0, '', 1, i + 1, i %% 4 = 0 FROM n",
        objects, name, objects);
    catalogue_sqlite_exec(c->place, sql);
}

static bool count_entry(void *arg, const struct fy_version_entry *entry)
{
    (void)entry;
    (*(uint32_t *)arg)++;
    return true;
}

/* What SQLite's machine did for a page of 100. */
static int steps_of(struct contract *c, struct fy_version_query *query, const char *bucket)
{
    struct fy_csl *csl = (struct fy_csl *)(void *)fy_cs_from(c->catalogue);
    uint32_t count = 0;
    int steps = 0;
    query->bucket = bucket;
    assert_int_equal(fy_catalogue_version_list(c->catalogue, query, count_entry, &count, &c->err),
                     FY_OK);
    assert_int_equal(count, query->limit);
    for (uint32_t reader = 0; reader < csl->reader_count; reader++)
        for (int sql = 0; sql < FY_CS_SQL_COUNT; sql++)
            if (csl->readers[reader].statements[sql] != NULL)
                steps += sqlite3_stmt_status(csl->readers[reader].statements[sql],
                                             SQLITE_STMTSTATUS_VM_STEP, 1);
    return steps;
}

/* Of ten thousand names or ten times as many, half of them deleted, in a thousand groups. */
static void page_costs_the_same_however_many_objects_there_are(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "small"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "large"), FY_OK);
    contract_close(c);
    fill_container(c, "small", 10000);
    fill_container(c, "large", 100000);
    contract_open(c);
    const struct fy_version_query whole = version_query("client-1", "", false, 100);
    struct fy_version_query queries[6] = {whole, whole, whole, whole, whole, whole};
    queries[1].after = "500/zzz";
    queries[2].delimiter = queries[3].delimiter = queries[4].delimiter = "/";
    queries[3].after = "500/";
    queries[3].deleted = true;
    queries[4].prefix = "5";
    queries[5].all = true;
    queries[5].after = "700/";
    for (size_t index = 0; index < FY_COUNT_OF(queries); index++) {
        int small = steps_of(c, &queries[index], "small");
        int large = steps_of(c, &queries[index], "large");
        assert_true(small > 0);
        if (large > 2 * small)
            fail_msg("query %zu: %d steps for 10,000 objects, %d for 100,000", index, small, large);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(second_opener_is_refused),
        TEST(newer_schema_is_refused),
        TEST(empty_file_is_migrated_and_then_left_alone),
        TEST(old_file_has_ids_sums_and_numbers),
        TEST(half_made_schema_is_begun_again),
        TEST(conflicts_of_an_old_file_are_kept),
        TEST(file_of_something_else_is_refused),
        TEST(path_that_cannot_be_is_refused),
        TEST(a_site_that_tells_nobody_writes_no_events),
        TEST(broken_operation_does_not_hurt_its_neighbours),
        TEST(no_statement_walks_over_a_table_that_grows),
        TEST(growing_statements_use_the_index_made_for_them),
        TEST(page_costs_the_same_however_many_objects_there_are),
    };
    int failed = catalogue_contract(&catalogue_sqlite_factory);
    return failed + cmocka_run_group_tests_name("catalogue on SQLite", tests, NULL, NULL);
}
