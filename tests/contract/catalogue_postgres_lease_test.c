/* catalogue_postgres_lease_test.c - processes on one PostgreSQL catalogue that start, stop, are
 * silent or stand still. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/adapters/catalogue_postgres_internal.h"
#include "tests/contract/catalogue_postgres_pair.h"

/* ------------------------------------------------------------------ leases */

/* How many processes it found dead. */
static uint32_t buried_by(struct contract *c)
{
    struct fy_cat_lease_renew op = {.op.kind = FY_CAT_LEASE_RENEW, .bury = true};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.buried;
}

/* Renews its lease for so long that it may call others dead. */
static void watch(struct contract *c)
{
    const struct timespec pause = {.tv_nsec = CATALOGUE_POSTGRES_DEAD_MS / 10 * 1000000L};
    for (int i = 0; i < 11; i++) {
        assert_int_equal(pair_renew(c), FY_OK);
        (void)nanosleep(&pause, NULL);
    }
}

/* As time goes by for the lease of one process alone. */
static void let_lease_age(struct contract *c)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "UPDATE lease SET renewed_ms = renewed_ms - %d WHERE slot = %d",
                   CATALOGUE_POSTGRES_DEAD_MS + 1000, c->slot);
    catalogue_postgres_exec(c->place, sql);
}

static void process_that_was_silent_too_long_may_publish_no_more(void **state)
{
    struct pair *pair = pair_of(state);
    assert_int_equal(contract_mkbucket(pair->one, "client-1", "bucket-1"), FY_OK);
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(&pair->two, &begin.op), FY_OK);
    pair_wait_many(pair->one, 3);
    struct fy_waiting_row rows[3];
    struct fy_cat_wait_claim claim = {.op.kind = FY_CAT_WAIT_CLAIM,
                                      .now_ms = CONTRACT_T0,
                                      .hold_ms = 60000,
                                      .rows = rows,
                                      .capacity = 3};
    assert_int_equal(contract_run(&pair->two, &claim.op), FY_OK);
    assert_int_equal(claim.count, 3);
    /* Both live: the upload is alive, its claims are held, its bodies are not orphans. */
    assert_int_equal(contract_status(pair->one, "bucket-1", "o"), FY_STATUS_UPLOAD);
    enum fy_blob_standing standing = FY_BLOB_NAMED;
    assert_int_equal(fy_catalogue_blob_standing(pair->one->catalogue, "file:x", pair->two.boot_id,
                                                &standing, &pair->one->err),
                     FY_OK);
    assert_int_equal(standing, FY_BLOB_LIVING);

    let_lease_age(&pair->two);
    assert_int_equal(buried_by(pair->one), 0); /* perhaps the server was away */
    watch(pair->one);                          /* as one does that does not bury */
    assert_int_equal(contract_status(pair->one, "bucket-1", "o"), FY_STATUS_UPLOAD);
    /* Whoever is told so looks after its bodies. On a busy machine watching may have had a gap. */
    uint32_t buried = 0;
    for (int tries = 0; buried == 0 && tries < 10; tries++, watch(pair->one))
        buried = buried_by(pair->one);
    assert_int_equal(buried, 1);
    assert_int_equal(buried_by(pair->one), 0);
    assert_int_equal(contract_status(pair->one, "bucket-1", "o"), FY_STATUS_ERR_UPL);
    assert_int_equal(contract_run(pair->one, &claim.op), FY_OK);
    assert_int_equal(claim.count, 3);
    assert_int_equal(fy_catalogue_blob_standing(pair->one->catalogue, "file:x", pair->two.boot_id,
                                                &standing, &pair->one->err),
                     FY_OK);
    assert_int_equal(standing, FY_BLOB_ORPHAN);
    struct fy_cat_upload_finish finish = contract_finish(&pair->two, &begin, "bytes");
    assert_int_equal(contract_run(&pair->two, &finish.op), FY_ECANCELLED);
    struct fy_cat_apply apply =
        contract_order(&pair->two, FY_ACTION_CREATE, "client-1", "bucket-1", "other", "bytes", 10);
    assert_int_equal(contract_run(&pair->two, &apply.op), FY_ECANCELLED);
    assert_int_equal(pair_renew(&pair->two), FY_ECANCELLED);
    /* Nor does it learn that a body is nobody's: the catalogue may be another one by now. */
    assert_int_equal(fy_catalogue_blob_standing(pair->two.catalogue, "file:x", "of-nobody",
                                                &standing, &pair->two.err),
                     FY_ECANCELLED);
    pair_end(pair);
}

/* All are silent then: whoever comes back first must not take the others for dead. */
static void nobody_is_called_dead_when_the_server_was_away(void **state)
{
    struct pair *pair = pair_of(state);
    const struct timespec away = {.tv_sec = CATALOGUE_POSTGRES_DEAD_MS / 1000 + 1};
    watch(pair->one);
    (void)nanosleep(&away, NULL); /* the leases live by the server's clock */
    assert_int_equal(buried_by(pair->one), 0);
    assert_int_equal(pair_renew(&pair->two), FY_OK);
    pair_end(pair);
}

/* As if the server's clock had been set: to it, all leases were renewed at another time. */
static void shift_leases(struct contract *c, int64_t ms)
{
    char sql[96];
    (void)snprintf(sql, sizeof sql, "UPDATE lease SET renewed_ms = renewed_ms + %lld",
                   (long long)ms);
    catalogue_postgres_exec(c->place, sql);
}

static void nobody_is_called_dead_when_the_servers_clock_is_set_forward(void **state)
{
    struct pair *pair = pair_of(state);
    const struct timespec pause = {.tv_nsec = CATALOGUE_POSTGRES_DEAD_MS / 10 * 1000000L};
    for (int i = 0; i < 12; i++) {
        assert_int_equal(buried_by(pair->one), 0);
        assert_int_equal(pair_renew(&pair->two), FY_OK);
        (void)nanosleep(&pause, NULL);
    }
    shift_leases(pair->one, -3600000);
    assert_int_equal(buried_by(pair->one), 0);
    assert_int_equal(pair_renew(&pair->two), FY_OK);
    pair_end(pair);
}

static void process_that_is_silent_is_dead_though_the_servers_clock_is_set_back(void **state)
{
    struct pair *pair = pair_of(state);
    const struct timespec pause = {.tv_nsec = CATALOGUE_POSTGRES_DEAD_MS / 10 * 1000000L};
    uint32_t buried = 0;
    shift_leases(pair->one, 3600000);
    for (int tries = 0; buried == 0 && tries < 100; tries++) {
        buried = buried_by(pair->one);
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(buried, 1);
    assert_int_equal(pair_renew(&pair->two), FY_ECANCELLED);
    pair_end(pair);
}

/* Stopped, or cut off from the server: what it has locked is free before those who wait for it are
 * themselves late for their leases. */
static void process_that_stops_in_a_transaction_holds_nobody_up_for_long(void **state)
{
    struct pair *pair = pair_of(state);
    struct fy_cs *stopped = fy_cs_from(pair->two.catalogue);
    struct fy_cat_bucket_create op = {
        .op.kind = FY_CAT_BUCKET_CREATE, .client = "client-2", .bucket = "bucket-1"};
    struct fy_cat_op *ops[] = {&op.op};
    fy_cs_write_begin(stopped, ops, 1);
    int64_t begun_ms = fy_mono_ms(fy_clock_system());
    assert_int_equal(contract_mkbucket(pair->one, "client-1", "bucket-1"), FY_OK);
    assert_true(fy_mono_ms(fy_clock_system()) - begun_ms < FY_LEASE_DEAD_MS);
    assert_int_not_equal(fy_cs_write_end(stopped, &pair->two.err), FY_OK);
    /* It goes on, and finds what has become of the name. */
    assert_int_equal(contract_run(&pair->two, &op.op), FY_EEXISTS);
    pair_end(pair);
}

/* Whatever the server does by itself: an order that was accepted is on its disk. */
static void commits_wait_for_the_disk_behind_a_pooler_too(void **state)
{
    struct pair *pair = pair_of(state);
    struct fy_pg *self = fy_pg_from(fy_cs_from(pair->two.catalogue));
    catalogue_postgres_exec(
        pair->one->place,
        "CREATE FUNCTION must_wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
        "current_setting('synchronous_commit') <> 'on' THEN RAISE 'it does not wait'; END IF; "
        "RETURN new; END $$; CREATE TRIGGER must_wait BEFORE INSERT ON outbox FOR EACH ROW "
        "EXECUTE FUNCTION must_wait(); ALTER ROLE ferry SET synchronous_commit = off");
    assert_int_equal(contract_mkbucket(pair->one, "client-1", "bucket-1"), FY_OK);
    fy_pg_disconnect(&self->writer);
    assert_true(fy_pg_connect(&self->writer));
    self->writer.pooled = true; /* as if it had met another backend */
    assert_int_equal(PQexitPipelineMode(self->writer.pg), 1);
    PQclear(PQexec(self->writer.pg, "RESET synchronous_commit"));
    assert_int_equal(PQenterPipelineMode(self->writer.pg), 1);
    enum fy_code code = contract_mkbucket(&pair->two, "client-1", "bucket-2");
    catalogue_postgres_exec(pair->one->place, "ALTER ROLE ferry RESET synchronous_commit");
    assert_int_equal(code, FY_OK);
    pair_end(pair);
}

/* ------------------------------------------------------------------ the pump */

static bool count_order(void *arg, const struct fy_outbox_row *row)
{
    (void)row;
    ++*(unsigned *)arg;
    return true;
}

static unsigned pumped(struct contract *c)
{
    unsigned count = 0;
    assert_int_equal(fy_catalogue_outbox_read(c->catalogue, 100, count_order, &count, &c->err),
                     FY_OK);
    return count;
}

/* It is told that it need not look so often. */
static void assert_other_pumps(struct contract *c)
{
    unsigned count = 0;
    assert_int_equal(fy_catalogue_outbox_read(c->catalogue, 100, count_order, &count, &c->err),
                     FY_EEXISTS);
    assert_int_equal(count, 0);
}

static void one_process_pumps_until_it_is_gone(void **state)
{
    struct pair *pair = pair_of(state);
    assert_int_equal(contract_mkbucket(pair->one, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(pumped(&pair->two), 1);
    assert_other_pumps(pair->one);
    assert_int_equal(pumped(&pair->two), 1);
    contract_close(&pair->two); /* gives its lease back */
    assert_int_equal(pumped(pair->one), 1);
    contract_open(&pair->two);
    assert_other_pumps(&pair->two);
    pair_end(pair);
}

/* ------------------------------------------------------------------ starting together */

enum { STARTERS = 10 };

static void *start_one(void *arg)
{
    struct contract *c = arg;
    enum fy_code code =
        c->factory->open(c->place, &c->clock.port, CONTRACT_SITE, &c->catalogue, &c->err);
    fy_guid_new(&c->clock.port, c->boot_id);
    if (code == FY_OK)
        code = fy_catalogue_lease_open(c->catalogue, c->boot_id, &c->slot, &c->start_time, &c->err);
    if (code != FY_OK)
        print_message("%s\n", c->err.text);
    return NULL;
}

static void ten_processes_start_at_once_on_an_empty_database(void **state)
{
    struct contract *c = *state;
    pthread_t threads[STARTERS];
    struct contract *starters = fy_alloc(STARTERS * sizeof *starters);
    bool taken[256] = {false};
    contract_close(c);
    c->factory->place_free(c->place);
    c->place = c->factory->place_new();
    for (size_t index = 0; index < STARTERS; index++) {
        starters[index] =
            (struct contract){.factory = c->factory, .place = c->place, .clock = c->clock};
        assert_int_equal(pthread_create(&threads[index], NULL, start_one, &starters[index]), 0);
    }
    for (size_t index = 0; index < STARTERS; index++)
        assert_int_equal(pthread_join(threads[index], NULL), 0);
    for (size_t index = 0; index < STARTERS; index++) {
        assert_int_equal(starters[index].err.code, FY_OK);
        assert_false(taken[starters[index].slot]);
        taken[starters[index].slot] = true;
        fy_catalogue_close(starters[index].catalogue);
    }
    free(starters);
    contract_open(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(process_that_was_silent_too_long_may_publish_no_more),
        TEST(nobody_is_called_dead_when_the_server_was_away),
        TEST(nobody_is_called_dead_when_the_servers_clock_is_set_forward),
        TEST(process_that_is_silent_is_dead_though_the_servers_clock_is_set_back),
        TEST(process_that_stops_in_a_transaction_holds_nobody_up_for_long),
        TEST(commits_wait_for_the_disk_behind_a_pooler_too),
        TEST(one_process_pumps_until_it_is_gone),
        TEST(ten_processes_start_at_once_on_an_empty_database),
    };
    (void)catalogue_postgres_begin();
    catalogue_contract_use(&catalogue_postgres_factory);
    int failed =
        cmocka_run_group_tests_name("processes that come and go on PostgreSQL", tests, NULL, NULL);
    catalogue_postgres_end();
    return failed;
}
