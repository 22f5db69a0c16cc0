/* catalogue_postgres_fault_test.c - the PostgreSQL catalogue when connections are cut and the
 * server comes and goes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/adapters/catalogue_postgres.h"
#include "common/adapters/catalogue_postgres_internal.h"
#include "tests/contract/catalogue_old.h"
#include "tests/contract/catalogue_postgres_place.h"
#include "tests/support/cut_proxy.h"

static struct postgres_server *server;
static struct cut_proxy *proxy; /* in front of it, for the catalogue under test */

/* The factory's catalogue, but over the proxy. */
static enum fy_code open_cut(void *place, struct fy_clock *clock, const char *site,
                             struct fy_catalogue **catalogue, struct fy_err *err)
{
    char url[PLACE_URL_BYTES];
    int size = snprintf(url, sizeof url,
                        "postgres://ferry@127.0.0.1:%d/postgres?options=-csearch_path%%3D%s",
                        cut_proxy_port(proxy), (const char *)place);
    assert_true(size > 0 && (size_t)size < sizeof url);
    const struct fy_catalogue_postgres_settings settings = {.url = url,
                                                            .common.clock = clock,
                                                            .common.site = site,
                                                            .common.reader_count = 2,
                                                            .dead_ms = 60000};
    return fy_catalogue_postgres_open(&settings, catalogue, err);
}

static int setup(void **state)
{
    static struct catalogue_factory factory;
    factory = catalogue_postgres_factory;
    factory.open = open_cut;
    catalogue_contract_use(&factory);
    return contract_setup(state);
}

/* ------------------------------------------------------------------ the COMMIT */

/* How the execution of a prepared COMMIT begins: an unnamed portal of this statement. */
static size_t commit_bytes(char bytes[static 16])
{
    int size = snprintf(bytes + 1, 14, "f%d", FY_CS_COMMIT);
    bytes[0] = '\0';
    return (size_t)size + 2;
}

static void write_with_a_cut(struct contract *c, enum cut_moment moment, const char *bucket)
{
    char bytes[16];
    size_t size = commit_bytes(bytes);
    unsigned cuts = cut_proxy_cuts(proxy);
    cut_proxy_arm(proxy, moment, bytes, size);
    assert_int_equal(contract_mkbucket(c, "client-1", bucket), FY_OK);
    assert_int_equal(cut_proxy_cuts(proxy), cuts + 1);
}

static void commit_that_nobody_answered_is_looked_up(void **state)
{
    struct contract *c = *state;
    for (unsigned round = 0; round < 8; round++) {
        char bucket[32];
        (void)snprintf(bucket, sizeof bucket, "bucket-%u", round);
        write_with_a_cut(c, CUT_AFTER, bucket);
        assert_int_equal(contract_outbox_count(c), round + 1);
        assert_int_equal(contract_container(c, "", bucket).status, FY_STATUS_READY);
    }
}

/* A server that is told to end says so when it likes, also between an answer and its end. */
static void server_that_ends_in_the_middle_of_an_answer_is_away(void **state)
{
    struct contract *c = *state;
    for (unsigned round = 0; round < 8; round++) {
        char bucket[32];
        (void)snprintf(bucket, sizeof bucket, "bucket-%u", round);
        write_with_a_cut(c, CUT_ENDING, bucket);
        assert_int_equal(contract_outbox_count(c), round + 1);
        assert_int_equal(contract_container(c, "", bucket).status, FY_STATUS_READY);
    }
}

static struct fy_cat_snapshot snapshot_of(const char *target)
{
    struct fy_cat_snapshot op = {.op.kind = FY_CAT_SNAPSHOT, .limit = 100};
    assert_true(fy_text_copy(op.account, sizeof op.account, "client-1"));
    assert_true(fy_text_copy(op.name, sizeof op.name, "bucket-1"));
    assert_true(fy_text_copy(op.to_account, sizeof op.to_account, "client-1"));
    assert_true(fy_text_copy(op.to_name, sizeof op.to_name, target));
    return op;
}

static enum fy_code step(struct contract *c, struct fy_cat_snapshot *op, enum fy_snapshot_step step)
{
    op->step = step;
    return contract_run(c, &op->op);
}

/* The COMMIT of the snapshot's first step is not answered, nor does the lease row say what became
 * of it. Whoever began it can take it back, and no other one of the same name. */
static void snapshot_that_began_unheard_is_taken_back(void **state)
{
    struct contract *c = *state;
    char bytes[16];
    size_t size = commit_bytes(bytes);
    struct fy_cat_snapshot op = snapshot_of("bucket-2"), another = op;
    struct fy_cat_op *ops[] = {&op.op};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    catalogue_postgres_exec(
        c->place, "CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE "
                  "lease SET boot_id = 'away-' || boot_id; RETURN NULL; END $$; CREATE TRIGGER "
                  "away AFTER UPDATE OF copied_by ON container FOR EACH STATEMENT EXECUTE "
                  "FUNCTION away()");
    cut_proxy_arm(proxy, CUT_AFTER, bytes, size);
    op.step = FY_SNAPSHOT_BEGIN;
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, 1, &c->err), FY_EBUSY);
    catalogue_postgres_exec(c->place, "DROP TRIGGER away ON container; UPDATE lease SET boot_id = "
                                      "substr(boot_id, 6) WHERE boot_id LIKE 'away-%'");

    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "1"), FY_EBUSY);
    assert_true(op.copy_id != 0);
    assert_int_equal(step(c, &another, FY_SNAPSHOT_BEGIN), FY_EBUSY);
    assert_true(another.copy_id == 0);
    assert_int_equal(step(c, &op, FY_SNAPSHOT_UNDO), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "1"), FY_OK);

    assert_int_equal(step(c, &another, FY_SNAPSHOT_BEGIN), FY_OK);
    assert_int_equal(step(c, &op, FY_SNAPSHOT_UNDO), FY_ENOTFOUND);
    assert_int_equal(step(c, &another, FY_SNAPSHOT_COPY), FY_OK);
}

/* The operation whose first COMMIT does not arrive runs twice. */
static void run_twice(struct contract *c, struct fy_cat_op *op)
{
    char bytes[16];
    size_t size = commit_bytes(bytes);
    unsigned cuts = cut_proxy_cuts(proxy);
    cut_proxy_arm(proxy, CUT_BEFORE, bytes, size);
    assert_int_equal(contract_run(c, op), FY_OK);
    assert_int_equal(cut_proxy_cuts(proxy), cuts + 1);
}

/* The number that it was given in the first run is none that it asks for in the second. */
static void version_that_is_registered_twice_over_replaces_what_was_registered(void **state)
{
    struct contract *c = *state;
    struct fy_object_key key = contract_key("client-1", "bucket-1", "o");
    struct fy_cat_register op = {.op.kind = FY_CAT_REGISTER,
                                 .key = key,
                                 .client = "client-1",
                                 .size = 3,
                                 .facts.hash = "HASH"};
    assert_int_equal(contract_make(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    op.version = 0;
    op.size = 5;
    c->clock.now_ms += 10;
    run_twice(c, &op.op);
    struct fy_container_info info = contract_info(c, "client-1", "bucket-1");
    assert_int_equal(info.objects, 1);
    assert_int_equal(info.bytes, 5);
}

/* What the registered version says is taken over in each run. */
static void body_that_fills_a_version_twice_over_has_what_was_said_of_it(void **state)
{
    struct contract *c = *state;
    struct fy_object_key key = contract_key("client-1", "bucket-1", "o");
    struct fy_cat_register op = {.op.kind = FY_CAT_REGISTER,
                                 .key = key,
                                 .client = "client-1",
                                 .size = 5,
                                 .facts = {.hash = "HASH", .metadata = "{\"colour\":\"red\"}"}};
    assert_int_equal(contract_make(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    const struct fy_cat_upload_begin begin = {.key = key, .client = "client-1"};
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "12345");
    finish.by_rules = true;
    run_twice(c, &finish.op);
    struct fy_object_row row;
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    assert_int_equal(row.version, op.version);
    assert_string_equal(row.facts.metadata, "{\"colour\":\"red\"}");
    assert_int_equal(contract_info(c, "client-1", "bucket-1").objects, 1);
}

static void batch_cut_off_before_its_commit_runs_again(void **state)
{
    struct contract *c = *state;
    for (unsigned round = 0; round < 8; round++) {
        char bucket[32];
        (void)snprintf(bucket, sizeof bucket, "bucket-%u", round);
        write_with_a_cut(c, CUT_BEFORE, bucket);
        assert_int_equal(contract_outbox_count(c), round + 1);
    }
}

/* ------------------------------------------------------------------ coming and going */

static void reads_and_writes_go_on_after_all_connections_were_cut(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-0"), FY_OK);
    for (unsigned round = 1; round < 6; round++) {
        char bucket[32];
        (void)contract_container(c, "", "bucket-0"); /* the reader is connected */
        cut_proxy_cut_all(proxy);
        assert_int_equal(contract_container(c, "", "bucket-0").status, FY_STATUS_READY);
        assert_int_equal(contract_totals(c).containers, round); /* in a transaction of its own */
        (void)snprintf(bucket, sizeof bucket, "bucket-%u", round);
        assert_int_equal(contract_mkbucket(c, "client-1", bucket), FY_OK);
    }
}

static void backends_that_an_administrator_ends_are_replaced(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-0"), FY_OK);
    (void)contract_totals(c);
    catalogue_postgres_exec(c->place,
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                            "application_name LIKE 'ferry %'");
    assert_int_equal(contract_container(c, "", "bucket-0").status, FY_STATUS_READY);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
}

static enum fy_code try_bucket(struct contract *c, const char *bucket)
{
    struct fy_cat_bucket_create op = {.op.kind = FY_CAT_BUCKET_CREATE, .client = "client-1"};
    struct fy_cat_op *ops[] = {&op.op};
    assert_true(fy_text_copy(op.bucket, sizeof op.bucket, bucket));
    enum fy_code code = fy_catalogue_write(c->catalogue, ops, 1, &c->err);
    assert_true(code == FY_OK || op.op.code == code);
    return code == FY_OK ? op.op.code : code;
}

static int64_t seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* A crash, not a stop: what was committed is there when it has recovered. */
static void server_that_is_away_is_busy_and_comes_back(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-0"), FY_OK);
    postgres_server_stop(server, SIGQUIT);
    struct fy_container_row row;
    for (int tries = 0; tries < 3; tries++) {
        assert_int_equal(try_bucket(c, "bucket-1"), FY_EBUSY);
        assert_int_equal(fy_catalogue_container_get(c->catalogue, "", "bucket-0", &row, &c->err),
                         FY_EBUSY);
        assert_non_null(strstr(c->err.text, "PostgreSQL"));
    }
    postgres_server_start(server);
    int64_t begun = seconds();
    enum fy_code code = FY_EBUSY;
    while (code == FY_EBUSY && seconds() - begun < 30) {
        (void)usleep(20000); /* until the backoff lets it try */
        code = try_bucket(c, "bucket-1");
    }
    assert_int_equal(code, FY_OK);
    while (fy_catalogue_container_get(c->catalogue, "", "bucket-0", &row, &c->err) == FY_EBUSY)
        assert_true(seconds() - begun < 30);
    assert_int_equal(contract_container(c, "", "bucket-0").status, FY_STATUS_READY);
    assert_int_equal(contract_outbox_count(c), 2);
}

/* A transaction of somebody else sits on the rows: the batch waits, gives up, and says so. */
static void row_that_is_held_too_long_is_busy(void **state)
{
    struct contract *c = *state;
    char url[PLACE_URL_BYTES];
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-0"), FY_OK);
    catalogue_postgres_url(c->place, url);
    PGconn *other = PQconnectdb(url);
    PQclear(PQexec(other, "BEGIN"));
    PQclear(PQexec(other, "LOCK TABLE container IN ACCESS EXCLUSIVE MODE"));
    struct fy_container_row row;
    int64_t begun = seconds();
    assert_int_equal(fy_catalogue_container_get(c->catalogue, "", "bucket-0", &row, &c->err),
                     FY_EBUSY);
    assert_true(seconds() - begun < 10);
    PQfinish(other);
    assert_int_equal(contract_container(c, "", "bucket-0").status, FY_STATUS_READY);
}

/* ------------------------------------------------------------------ one bad operation */

static void broken_operation_does_not_hurt_its_neighbours(void **state)
{
    struct contract *c = *state;
    catalogue_postgres_exec(
        c->place,
        "CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.name = 'boom' "
        "THEN RAISE 'out of the blue'; END IF; RETURN new; END $$; CREATE TRIGGER boom BEFORE "
        "INSERT ON object FOR EACH ROW EXECUTE FUNCTION boom()");
    struct fy_cat_apply first =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o1", "1", 10);
    struct fy_cat_apply broken =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-2", "boom", "2", 10);
    struct fy_cat_apply bytes =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "no \xff text", "3", 10);
    struct fy_cat_apply last =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o3", "3", 10);
    struct fy_cat_wait wait = {
        .op.kind = FY_CAT_WAIT,
        .row = {.state = FY_WAITING, .reason = FY_SRC_UNREACHABLE, .detail = "a source said \xff"}};
    wait.row.order =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o4", "4", 10).order;
    struct fy_cat_op *ops[] = {&first.op, &wait.op, &broken.op, &bytes.op, &last.op};
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, FY_COUNT_OF(ops), &c->err), FY_OK);
    assert_int_equal(first.op.code, FY_OK);
    assert_int_equal(broken.op.code, FY_EINTERNAL);
    assert_non_null(strstr(broken.op.err.text, "out of the blue"));
    assert_int_equal(bytes.op.code, FY_EINTERNAL);
    assert_int_equal(last.op.code, FY_OK);
    assert_false(wait.superseded);
    assert_int_equal(contract_totals(c).waiting_orders, 1);
    assert_int_equal(contract_totals(c).objects, 2);
    assert_int_equal(contract_container_code(c, "", "bucket-2"), FY_ENOTFOUND);
}

/* ------------------------------------------------------------------ databases that do not do */

static void newer_schema_is_refused(void **state)
{
    struct contract *c = *state;
    contract_close(c);
    catalogue_postgres_exec(c->place, "INSERT INTO ferry_schema VALUES(99)");
    assert_int_equal(
        c->factory->open(c->place, &c->clock.port, CONTRACT_SITE, &c->catalogue, &c->err),
        FY_EINTERNAL);
    assert_non_null(strstr(c->err.text, "99"));
    catalogue_postgres_exec(c->place, "DELETE FROM ferry_schema WHERE version = 99");
    contract_open(c);
}

/* As the program of schema 8 left it. */
static void old_database_has_ids_sums_and_numbers(void **state)
{
    struct contract *c = *state;
    contract_close(c);
    c->factory->place_free(c->place);
    c->place = c->factory->place_new();
    catalogue_postgres_exec(c->place, "CREATE TABLE ferry_schema(version BIGINT PRIMARY KEY)");
    for (int64_t version = 1; version <= 8; version++)
        for (const char *const *sql = fy_pg_schema_statements(version); *sql != NULL; sql++)
            catalogue_postgres_exec(c->place, *sql);
    catalogue_postgres_exec(c->place, "INSERT INTO ferry_schema SELECT generate_series(1, 8)");
    catalogue_old_fill(c, "decode(repeat('00', 32), 'hex')");
    contract_open(c);
    catalogue_old_check(c);
}

static void half_made_schema_is_begun_again(void **state)
{
    struct contract *c = *state;
    contract_close(c);
    c->factory->place_free(c->place);
    c->place = c->factory->place_new();
    catalogue_postgres_exec(c->place, "CREATE TABLE lease(other INTEGER)"); /* in the way */
    assert_int_not_equal(
        c->factory->open(c->place, &c->clock.port, CONTRACT_SITE, &c->catalogue, &c->err), FY_OK);
    assert_int_equal(catalogue_postgres_number(c->place,
                                               "SELECT count(*) FROM pg_tables WHERE schemaname = "
                                               "current_schema()"),
                     1);
    catalogue_postgres_exec(c->place, "DROP TABLE lease");
    contract_open(c);
}

static void assert_refused(struct contract *c, const char *url, const char *why)
{
    struct fy_catalogue *catalogue = NULL;
    const struct fy_catalogue_postgres_settings settings = {.url = url,
                                                            .common.clock = &c->clock.port,
                                                            .common.site = CONTRACT_SITE,
                                                            .common.reader_count = 1,
                                                            .dead_ms = 60000};
    assert_int_equal(fy_catalogue_postgres_open(&settings, &catalogue, &c->err), FY_EINPUT);
    assert_null(catalogue);
    if (strstr(c->err.text, why) == NULL)
        fail_msg("%s", c->err.text);
}

static void urls_and_databases_that_do_not_do_are_refused(void **state)
{
    struct contract *c = *state;
    char url[PLACE_URL_BYTES];
    (void)snprintf(url, sizeof url, "postgres://ferry:secret@127.0.0.1:%d/postgres", server->port);
    assert_refused(c, url, "password");
    assert_null(strstr(c->err.text, "secret"));
    assert_refused(c, "postgres://ferry@127.0.0.1/postgres?nonsense=1", "nonsense");
    catalogue_postgres_exec(c->place, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE "
                                      "template0");
    (void)snprintf(url, sizeof url, "postgres://ferry@127.0.0.1:%d/latin", server->port);
    assert_refused(c, url, "UTF8");
}

/* ------------------------------------------------------------------ the password */

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* From now on the user `keyed` needs its password, and all others still none. */
static void ask_for_password(void)
{
    char path[sizeof server->folder + 32];
    (void)snprintf(path, sizeof path, "%s/data/pg_hba.conf", server->folder);
    write_text(path, "host all keyed 127.0.0.1/32 scram-sha-256\n"
                     "host all all 127.0.0.1/32 trust\n");
    postgres_server_stop(server, SIGINT);
    postgres_server_start(server);
}

static enum fy_code open_keyed(struct contract *c, const char *file,
                               struct fy_catalogue **catalogue)
{
    char url[PLACE_URL_BYTES];
    (void)snprintf(url, sizeof url,
                   "postgres://keyed@127.0.0.1:%d/postgres?options=-csearch_path%%3D%s",
                   server->port, (const char *)c->place);
    const struct fy_catalogue_postgres_settings settings = {.url = url,
                                                            .password_file = file,
                                                            .common.clock = &c->clock.port,
                                                            .common.site = CONTRACT_SITE,
                                                            .common.reader_count = 1,
                                                            .dead_ms = 60000};
    return fy_catalogue_postgres_open(&settings, catalogue, &c->err);
}

/* Read for each connection: whoever changes a password need not restart anything of ours. */
static void password_is_read_from_its_file_for_each_connection(void **state)
{
    struct contract *c = *state;
    struct fy_catalogue *catalogue = NULL;
    struct fy_site_row row;
    char file[sizeof server->folder + 32];
    (void)snprintf(file, sizeof file, "%s/password", server->folder);
    catalogue_postgres_exec("public", "CREATE ROLE keyed LOGIN SUPERUSER PASSWORD 'first-1'");
    ask_for_password();
    assert_int_equal(open_keyed(c, file, &catalogue), FY_EIO); /* there is none yet */
    write_text(file, "other-0\n");
    assert_int_equal(open_keyed(c, file, &catalogue), FY_EINPUT); /* no waiting heals it */
    assert_non_null(strstr(c->err.text, "password authentication failed"));
    assert_null(strstr(c->err.text, "other-0"));
    write_text(file, "first-1\n");
    assert_int_equal(open_keyed(c, file, &catalogue), FY_OK);

    catalogue_postgres_exec("public", "ALTER ROLE keyed PASSWORD 'second-2'");
    write_text(file, "second-2");
    postgres_server_stop(server, SIGINT);
    postgres_server_start(server);
    assert_int_equal(fy_catalogue_site_get(catalogue, "nowhere", &row, &c->err), FY_ENOTFOUND);
    fy_catalogue_close(catalogue);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, contract_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commit_that_nobody_answered_is_looked_up),
        TEST(snapshot_that_began_unheard_is_taken_back),
        TEST(version_that_is_registered_twice_over_replaces_what_was_registered),
        TEST(body_that_fills_a_version_twice_over_has_what_was_said_of_it),
        TEST(server_that_ends_in_the_middle_of_an_answer_is_away),
        TEST(batch_cut_off_before_its_commit_runs_again),
        TEST(reads_and_writes_go_on_after_all_connections_were_cut),
        TEST(backends_that_an_administrator_ends_are_replaced),
        TEST(row_that_is_held_too_long_is_busy),
        TEST(broken_operation_does_not_hurt_its_neighbours),
        TEST(newer_schema_is_refused),
        TEST(old_database_has_ids_sums_and_numbers),
        TEST(half_made_schema_is_begun_again),
        TEST(urls_and_databases_that_do_not_do_are_refused),
        TEST(server_that_is_away_is_busy_and_comes_back),
        TEST(password_is_read_from_its_file_for_each_connection),
    };
    server = catalogue_postgres_begin();
    proxy = cut_proxy_open(server->port);
    assert_non_null(proxy);
    int failed = cmocka_run_group_tests_name("PostgreSQL comes and goes", tests, NULL, NULL);
    cut_proxy_close(proxy);
    catalogue_postgres_end();
    return failed;
}
