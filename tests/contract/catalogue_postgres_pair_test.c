/* catalogue_postgres_pair_test.c - two processes on one PostgreSQL catalogue, at the same moment.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/contract/catalogue_postgres_pair.h"

/* ------------------------------------------------------------------ at the same moment */

static void of_two_uploads_of_a_name_one_begins(void **state)
{
    struct pair *pair = pair_of(state);
    assert_int_equal(contract_mkbucket(pair->one, "client-1", "bucket-1"), FY_OK);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        char name[32];
        pair_name(name, round);
        struct fy_cat_upload_begin a = contract_begin("client-1", "bucket-1", name);
        struct fy_cat_upload_begin b = a;
        pair_run(pair, &a.op, &b.op);
        assert_int_equal((a.op.code == FY_OK) + (b.op.code == FY_OK), 1);
        assert_int_equal((a.op.code == FY_ENOTACCEPT) + (b.op.code == FY_ENOTACCEPT), 1);
    }
    pair_end(pair);
}

static void of_two_buckets_of_a_name_one_is_made(void **state)
{
    struct pair *pair = pair_of(state);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_bucket_create a = {.op.kind = FY_CAT_BUCKET_CREATE, .client = "client-1"};
        (void)snprintf(a.bucket, sizeof a.bucket, "bucket-%u", round);
        struct fy_cat_bucket_create b = a;
        b.client[sizeof "client-1" - 2] = round % 2 == 0 ? '1' : '2';
        pair_run(pair, &a.op, &b.op);
        assert_int_equal((a.op.code == FY_OK) + (b.op.code == FY_OK), 1);
        assert_int_equal((a.op.code == FY_EEXISTS) + (b.op.code == FY_EEXISTS), 1);
    }
    pair_check_sums(pair->one);
    pair_end(pair);
}

static void orders_for_one_name_end_at_the_greatest_stamp(void **state)
{
    struct pair *pair = pair_of(state);
    assert_int_equal(contract_mkbucket(pair->one, "client-1", "bucket-1"), FY_OK);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        char name[32];
        pair_name(name, round % 5);
        bool deletes = round % 3 == 0;
        struct fy_cat_apply a = contract_order(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1",
                                               name, "older", 10 + 2 * round);
        struct fy_cat_apply b =
            contract_order(&pair->two, deletes ? FY_ACTION_DELETE : FY_ACTION_CREATE, "client-1",
                           "bucket-1", name, deletes ? NULL : "newer", 11 + 2 * round);
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
        assert_int_equal(b.verdict, FY_VERDICT_APPLY);
        assert_int_equal(contract_status(pair->one, "bucket-1", name),
                         deletes ? FY_STATUS_DELETED : FY_STATUS_READY);
        pair_check_sums(pair->one);
    }
    pair_end(pair);
}

/* A bucket that its objects alone hold: the last one goes as another comes. */
static void bucket_held_by_objects_is_there_exactly_while_one_is(void **state)
{
    struct pair *pair = pair_of(state);
    assert_int_equal(
        contract_apply(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1", "o-a", "x", 1), FY_OK);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        const char *going = round % 2 == 0 ? "o-a" : "o-b";
        const char *coming = round % 2 == 0 ? "o-b" : "o-a";
        struct fy_cat_apply a = contract_order(pair->one, FY_ACTION_DELETE, "client-1", "bucket-1",
                                               going, "x", 10 + round);
        struct fy_cat_apply b =
            contract_order(&pair->two, round % 5 == 4 ? FY_ACTION_DELETE : FY_ACTION_CREATE,
                           "client-1", "bucket-1", coming, "x", 10 + round);
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
        pair_check_sums(pair->one);
    }
    pair_end(pair);
}

static void bucket_is_deleted_or_gets_its_object_never_both(void **state)
{
    struct pair *pair = pair_of(state);
    unsigned deleted = 0;
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_bucket_delete a = {.op.kind = FY_CAT_BUCKET_DELETE, .client = "client-1"};
        (void)snprintf(a.bucket, sizeof a.bucket, "bucket-%u", round);
        assert_int_equal(contract_mkbucket(pair->one, "client-1", a.bucket), FY_OK);
        struct fy_cat_upload_begin begin = contract_begin("client-1", a.bucket, "o");
        assert_int_equal(contract_run(&pair->two, &begin.op), FY_OK);
        struct fy_cat_upload_finish b = contract_finish(&pair->two, &begin, "bytes");
        pair_run(pair, &a.op, &b.op);
        if (a.op.code == FY_OK)
            assert_int_equal(b.op.code, FY_ENOTFOUND);
        else
            assert_int_equal(a.op.code, FY_ENOTACCEPT);
        assert_int_equal(b.op.code == FY_OK, a.op.code != FY_OK);
        deleted += a.op.code == FY_OK;
        pair_check_sums(pair->one);
    }
    print_message("%u of %u buckets were deleted first\n", deleted, PAIR_ROUNDS);
    pair_end(pair);
}

static void the_same_bytes_brought_twice_are_one_body(void **state)
{
    struct pair *pair = pair_of(state);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        char name[32];
        pair_name(name, round);
        struct fy_cat_apply a = contract_order(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1",
                                               name, name, 10 + round);
        struct fy_cat_apply b = contract_order(&pair->two, FY_ACTION_CREATE, "client-1", "bucket-2",
                                               name, name, 10 + round);
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
    }
    assert_int_equal(catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM body"),
                     PAIR_ROUNDS);
    assert_int_equal(catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM trash"),
                     PAIR_ROUNDS);
    pair_check_sums(pair->one);
    pair_end(pair);
}

/* A body that nobody names is swept, or linked to again, never both. */
static void body_is_swept_or_linked_never_both(void **state)
{
    struct pair *pair = pair_of(state);
    unsigned linked = 0;
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        char name[32], other[32];
        pair_name(name, round);
        (void)snprintf(other, sizeof other, "link-%u", round);
        int64_t offset = 10LL * (round + 1);
        assert_int_equal(
            contract_apply(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1", name, name, offset),
            FY_OK);
        int64_t body_id = contract_object(pair->one, "bucket-1", name).body_id;
        assert_int_equal(contract_apply(pair->one, FY_ACTION_DELETE, "client-1", "bucket-1", name,
                                        name, offset + 1),
                         FY_OK);
        contract_forget_deleted(pair->one);
        struct fy_cat_sweep a = {.op.kind = FY_CAT_SWEEP, .limit = 10, .now_ms = CONTRACT_T0};
        struct fy_cat_apply b = contract_order(&pair->two, FY_ACTION_CREATE, "client-1", "bucket-1",
                                               other, name, offset + 2);
        b.blob_ref[0] = '\0';
        b.link_body_id = body_id;
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_true(b.op.code == FY_OK || b.op.code == FY_ENOTFOUND);
        assert_int_equal(a.moved, b.op.code == FY_OK ? 0 : 1);
        linked += b.op.code == FY_OK;
        pair_check_sums(pair->one);
    }
    print_message("%u of %u bodies were linked first\n", linked, PAIR_ROUNDS);
    /* Whatever is let go of from now on is found: nothing was forgotten. */
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        char other[32], name[32];
        pair_name(name, round);
        (void)snprintf(other, sizeof other, "link-%u", round);
        assert_int_equal(contract_apply(pair->one, FY_ACTION_DELETE, "client-1", "bucket-1", other,
                                        name, 10LL * (PAIR_ROUNDS + 2)),
                         FY_OK);
    }
    contract_forget_deleted(pair->one);
    struct fy_cat_sweep rest = {.op.kind = FY_CAT_SWEEP, .limit = 99, .now_ms = CONTRACT_T0};
    assert_int_equal(contract_run(pair->one, &rest.op), FY_OK);
    assert_int_equal(rest.moved, linked);
    assert_int_equal(catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM body"), 0);
    pair_end(pair);
}

/* Whoever reads the journal from its start ends where the body is, or a rebuild would not find it.
 */
static void body_that_moves_and_is_linked_to_is_where_the_last_line_says(void **state)
{
    struct pair *pair = pair_of(state);
    char sql[256];
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        char name[32], link[32], anew[32];
        pair_name(name, round);
        (void)snprintf(link, sizeof link, "link-%u", round);
        (void)snprintf(anew, sizeof anew, "anew-%u", round);
        int64_t offset = 10LL * (round + 1);
        assert_int_equal(
            contract_apply(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1", name, name, offset),
            FY_OK);
        int64_t body_id = contract_object(pair->one, "bucket-1", name).body_id;
        struct fy_cat_apply a = contract_order(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1",
                                               link, name, offset + 1);
        struct fy_cat_apply b = contract_order(&pair->two, FY_ACTION_CREATE, "client-1", "bucket-1",
                                               anew, name, offset + 2);
        a.blob_ref[0] = '\0';
        a.link_body_id = body_id;
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
        (void)snprintf(sql, sizeof sql,
                       "SELECT strpos(convert_from(lines, 'UTF8'), (SELECT blob_ref FROM body "
                       "WHERE id = %lld)) FROM journal ORDER BY id DESC LIMIT 1",
                       (long long)body_id);
        assert_true(catalogue_postgres_number(pair->one->place, sql) > 0);
    }
    pair_end(pair);
}

/* ------------------------------------------------------------------ waiting */

static void two_workers_claim_each_row_once(void **state)
{
    enum { ROWS = 40 };
    struct pair *pair = pair_of(state);
    struct fy_waiting_row *rows = fy_alloc(sizeof *rows * 2 * ROWS);
    bool seen[10 * ROWS] = {false};
    unsigned claimed = 0;
    pair_wait_many(pair->one, ROWS);
    while (claimed < ROWS) {
        struct fy_cat_wait_claim a = {.op.kind = FY_CAT_WAIT_CLAIM,
                                      .now_ms = CONTRACT_T0,
                                      .hold_ms = 60000,
                                      .rows = rows,
                                      .capacity = 7};
        struct fy_cat_wait_claim b = a;
        b.rows = rows + ROWS;
        pair_run(pair, &a.op, &b.op);
        assert_true(a.count + b.count > 0);
        for (size_t index = 0; index < a.count + b.count; index++) {
            const struct fy_waiting_row *row =
                index < a.count ? &a.rows[index] : &b.rows[index - a.count];
            assert_true(row->id < (int64_t)FY_COUNT_OF(seen));
            assert_false(seen[row->id]);
            seen[row->id] = true;
            claimed++;
        }
    }
    assert_int_equal(claimed, ROWS);
    free(rows);
    pair_end(pair);
}

static void of_two_orders_that_wait_for_a_key_the_newer_goes_on(void **state)
{
    struct pair *pair = pair_of(state);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        char name[32];
        pair_name(name, round);
        struct fy_cat_wait a = {.op.kind = FY_CAT_WAIT,
                                .row = {.state = FY_WAITING, .reason = FY_SRC_UNREACHABLE}};
        struct fy_cat_wait b = a;
        a.row.order =
            contract_order(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1", name, "1", 10)
                .order;
        b.row.order =
            contract_order(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1", name, "2", 11)
                .order;
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
        assert_false(b.superseded);
        assert_int_equal(contract_totals(pair->one).waiting_orders, round + 1);
    }
    assert_int_equal(catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM waiting"),
                     PAIR_ROUNDS);
    pair_end(pair);
}

/* ------------------------------------------------------------------ the topology */

static struct fy_cat_site site_op(enum fy_site_action action, const char *id)
{
    struct fy_cat_site op = {.op.kind = FY_CAT_SITE, .action = action};
    op.row.status = FY_SITE_UP;
    assert_true(fy_text_copy(op.row.id, sizeof op.row.id, id));
    assert_true(fy_text_copy(op.row.uri, sizeof op.row.uri, "http://h"));
    return op;
}

/* All that read the topology have room for FY_SITES_MAX of them, and no more. */
static void of_two_sites_that_come_for_the_last_place_one_gets_it(void **state)
{
    struct pair *pair = pair_of(state);
    for (int index = 1; index < FY_SITES_MAX; index++) {
        char id[16];
        (void)snprintf(id, sizeof id, "s%d", index);
        struct fy_cat_site op = site_op(FY_SITE_INSERT, id);
        assert_int_equal(contract_run(pair->one, &op.op), FY_OK);
    }
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_site a = site_op(FY_SITE_INSERT, "lyon");
        struct fy_cat_site b = site_op(FY_SITE_INSERT, "oslo");
        pair_run(pair, &a.op, &b.op);
        assert_int_equal((a.op.code == FY_OK) + (b.op.code == FY_OK), 1);
        assert_int_equal((a.op.code == FY_ETOOBIG) + (b.op.code == FY_ETOOBIG), 1);
        struct fy_cat_site gone = site_op(FY_SITE_REMOVE, a.op.code == FY_OK ? "lyon" : "oslo");
        assert_int_equal(contract_run(pair->one, &gone.op), FY_OK);
    }
    pair_end(pair);
}

/* ------------------------------------------------------------------ a person beside a worker */

struct holder {
    const void *place;
    const char *sql; /* what it holds until somebody waits for it */
};

static void *hold(void *arg)
{
    const struct holder *holder = arg;
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "DO $$ BEGIN %s; FOR i IN 1..1000 LOOP EXIT WHEN EXISTS(SELECT 1 FROM pg_locks "
                   "WHERE NOT granted); PERFORM pg_sleep(0.005); END LOOP; END $$",
                   holder->sql);
    catalogue_postgres_exec(holder->place, sql);
    return NULL;
}

/* It has what it holds, and sleeps. */
static void await_holder(const void *place)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int tries = 0; catalogue_postgres_number(place, "SELECT count(*) FROM pg_stat_activity "
                                                         "WHERE wait_event = 'PgSleep'") == 0;
         tries++) {
        assert_true(tries < 1000);
        (void)nanosleep(&pause, NULL);
    }
}

static void order_that_is_retried_while_the_dead_are_dropped_stays(void **state)
{
    struct contract *c = *state;
    struct holder retry = {.place = c->place, .sql = "UPDATE waiting SET state = 0"};
    struct fy_cat_wait wait = {.op.kind = FY_CAT_WAIT,
                               .row = {.state = FY_DEAD, .reason = FY_SRC_NOT_FOUND}};
    wait.row.order =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10).order;
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    struct fy_cat_wait_edit drop = {.op.kind = FY_CAT_WAIT_EDIT, .action = FY_WAIT_DROP};
    drop.filter =
        (struct fy_waiting_filter){.id = -1, .state = FY_DEAD, .direction = -1, .limit = 10};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hold, &retry), 0);
    await_holder(c->place);
    assert_int_equal(contract_run(c, &drop.op), FY_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(drop.matched, 1); /* it was dead when it was found */
    assert_int_equal(catalogue_postgres_number(c->place, "SELECT count(*) FROM waiting"), 1);
}

/* ------------------------------------------------------------------ sums */

/* What is folded together need not be what belongs together: an order that goes in one fold and
 * came in another leaves its bytes. */
static void bytes_that_wait_are_right_however_they_are_folded(void **state)
{
    struct contract *c = *state;
    catalogue_postgres_exec(
        c->place,
        "INSERT INTO waiting_count(direction, state, reason, site, orders, bytes) SELECT 0, 0, 1, "
        "'lyon', v.orders, v.bytes FROM (VALUES(1, 10), (-1, -20)) AS v(orders, bytes);"
        "INSERT INTO waiting_count(direction, state, reason, site, orders, bytes) SELECT 0, 0, 1, "
        "'oslo', 1 - 2 * (i % 2), 0 FROM generate_series(1, 998) i;"
        "INSERT INTO waiting_count(direction, state, reason, site, orders, bytes) VALUES(0, 0, 1, "
        "'lyon', 1, 20)");
    assert_int_equal(contract_totals(c).waiting_bytes, 10);
    for (int folds = 0; folds < 3; folds++) {
        assert_int_equal(pair_renew(c), FY_OK);
        assert_int_equal(contract_totals(c).waiting_orders, 1);
        assert_int_equal(contract_totals(c).waiting_bytes, 10);
    }
    assert_true(catalogue_postgres_number(c->place, "SELECT count(*) FROM waiting_count") < 10);
}

/* Each transaction adds a row; who folds them first, and who again, changes no sum. */
static void sums_of_containers_are_right_however_they_are_folded(void **state)
{
    enum { OBJECTS = 100 };
    struct pair *pair = pair_of(state);
    static const char *const buckets[] = {"bucket-1", "bucket-2", "bucket-3"};
    for (int64_t round = 1; round <= 2; round++) {
        for (unsigned index = 0; index < OBJECTS; index++) {
            char name[32];
            pair_name(name, index);
            assert_int_equal(contract_apply(index % 2 == 0 ? pair->one : &pair->two,
                                            FY_ACTION_CREATE, "client-1", buckets[index % 3], name,
                                            round == 1 ? "1" : "12", 10 * round),
                             FY_OK);
        }
        struct fy_cat_lease_renew a = {.op.kind = FY_CAT_LEASE_RENEW}, b = a;
        pair_run(pair, &a.op, &b.op);
        struct fy_container_info info = contract_info(pair->one, "client-1", "bucket-1");
        assert_int_equal(info.objects, (OBJECTS + 2) / 3);
        assert_int_equal(info.bytes, round * info.objects);
        assert_int_equal(info.changes, round * info.objects);
        assert_int_equal(
            catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM container_count"),
            FY_COUNT_OF(buckets));
    }
    pair_end(pair);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_two_uploads_of_a_name_one_begins),
        TEST(of_two_buckets_of_a_name_one_is_made),
        TEST(orders_for_one_name_end_at_the_greatest_stamp),
        TEST(bucket_held_by_objects_is_there_exactly_while_one_is),
        TEST(bucket_is_deleted_or_gets_its_object_never_both),
        TEST(the_same_bytes_brought_twice_are_one_body),
        TEST(body_is_swept_or_linked_never_both),
        TEST(body_that_moves_and_is_linked_to_is_where_the_last_line_says),
        TEST(two_workers_claim_each_row_once),
        TEST(of_two_orders_that_wait_for_a_key_the_newer_goes_on),
        TEST(of_two_sites_that_come_for_the_last_place_one_gets_it),
        TEST(order_that_is_retried_while_the_dead_are_dropped_stays),
        TEST(bytes_that_wait_are_right_however_they_are_folded),
        TEST(sums_of_containers_are_right_however_they_are_folded),
    };
    (void)catalogue_postgres_begin();
    catalogue_contract_use(&catalogue_postgres_factory);
    int failed = cmocka_run_group_tests_name("two processes on PostgreSQL", tests, NULL, NULL);
    catalogue_postgres_end();
    return failed;
}
