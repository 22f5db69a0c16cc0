/* catalogue_postgres_pair_test.c - two processes on one PostgreSQL catalogue, at the same moment.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/adapters/catalogue_postgres_internal.h"
#include "tests/contract/catalogue_postgres_place.h"

/* A second process on the place of the first: a catalogue of its own, a lease of its own. */
struct pair {
    struct contract *one;
    struct contract two;
    unsigned meetings;
};

static struct pair *pair_of(void **state)
{
    struct pair *pair = fy_alloc(sizeof *pair);
    pair->one = *state;
    pair->two = (struct contract){
        .factory = pair->one->factory, .place = pair->one->place, .clock = pair->one->clock};
    contract_open(&pair->two);
    assert_int_not_equal(pair->one->slot, pair->two.slot);
    return pair;
}

static void pair_end(struct pair *pair)
{
    contract_close(&pair->two);
    free(pair);
}

/* ------------------------------------------------------------------ at the same moment */

#define ROUNDS 20

struct side {
    struct contract *c;
    struct fy_cat_op *op;
    pthread_barrier_t *barrier;
    long late_us;
    enum fy_code code;
};

static void *run_side(void *arg)
{
    struct side *side = arg;
    const struct timespec late = {.tv_nsec = side->late_us * 1000L};
    (void)pthread_barrier_wait(side->barrier);
    (void)nanosleep(&late, NULL);
    side->code = fy_catalogue_write(side->c->catalogue, &side->op, 1, &side->c->err);
    return NULL;
}

/* Runs both, each on its own connection, and now the one, now the other a little later, so that
 * they meet at different places. Whoever comes first: the test holds. */
static void run_both(struct pair *pair, struct fy_cat_op *first, struct fy_cat_op *second)
{
    pthread_barrier_t barrier;
    struct side sides[] = {{.c = pair->one, .op = first, .barrier = &barrier},
                           {.c = &pair->two, .op = second, .barrier = &barrier}};
    pthread_t threads[2];
    unsigned meeting = pair->meetings++;
    sides[meeting % 2].late_us = 500L * (meeting / 2 % 8);
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    for (size_t index = 0; index < 2; index++)
        assert_int_equal(pthread_create(&threads[index], NULL, run_side, &sides[index]), 0);
    for (size_t index = 0; index < 2; index++) {
        assert_int_equal(pthread_join(threads[index], NULL), 0);
        if (sides[index].code != FY_OK)
            fail_msg("side %zu: %s", index, sides[index].c->err.text);
    }
    assert_int_equal(pthread_barrier_destroy(&barrier), 0);
}

/* What is derived agrees with what it is derived from. */
static void check_sums(struct contract *c)
{
    struct fy_catalogue_totals totals = contract_totals(c);
    assert_int_equal(
        totals.objects,
        catalogue_postgres_number(c->place, "SELECT count(*) FROM object WHERE status = 200"));
    assert_int_equal(
        totals.bytes,
        catalogue_postgres_number(
            c->place, "SELECT coalesce(sum(size), 0)::bigint FROM object WHERE status = 200"));
    assert_int_equal(
        totals.containers,
        catalogue_postgres_number(c->place, "SELECT count(*) FROM container WHERE there = 1"));
    assert_int_equal(totals.outbox_orders,
                     catalogue_postgres_number(c->place, "SELECT count(*) FROM outbox"));
    /* A container is there while its register says so or an object is in it. */
    assert_int_equal(
        catalogue_postgres_number(
            c->place, "SELECT count(*) FROM container c WHERE there <> (CASE WHEN status = 200 OR "
                      "EXISTS(SELECT 1 FROM object o WHERE o.container_id = c.id AND o.status = "
                      "200) THEN 1 ELSE 0 END)"),
        0);
    assert_int_equal(catalogue_postgres_number(
                         c->place, "SELECT count(*) FROM object WHERE status = 200 AND body_id IS "
                                   "NULL"),
                     0);
}

static void name_of(char name[static 32], unsigned round)
{
    (void)snprintf(name, 32, "o%u", round);
}

static void of_two_uploads_of_a_name_one_begins(void **state)
{
    struct pair *pair = pair_of(state);
    assert_int_equal(contract_mkbucket(pair->one, "client-1", "bucket-1"), FY_OK);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char name[32];
        name_of(name, round);
        struct fy_cat_upload_begin a = contract_begin("client-1", "bucket-1", name);
        struct fy_cat_upload_begin b = a;
        run_both(pair, &a.op, &b.op);
        assert_int_equal((a.op.code == FY_OK) + (b.op.code == FY_OK), 1);
        assert_int_equal((a.op.code == FY_ENOTACCEPT) + (b.op.code == FY_ENOTACCEPT), 1);
    }
    pair_end(pair);
}

static void of_two_buckets_of_a_name_one_is_made(void **state)
{
    struct pair *pair = pair_of(state);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct fy_cat_bucket_create a = {.op.kind = FY_CAT_BUCKET_CREATE, .client = "client-1"};
        (void)snprintf(a.bucket, sizeof a.bucket, "bucket-%u", round);
        struct fy_cat_bucket_create b = a;
        b.client[sizeof "client-1" - 2] = round % 2 == 0 ? '1' : '2';
        run_both(pair, &a.op, &b.op);
        assert_int_equal((a.op.code == FY_OK) + (b.op.code == FY_OK), 1);
        assert_int_equal((a.op.code == FY_EEXISTS) + (b.op.code == FY_EEXISTS), 1);
    }
    check_sums(pair->one);
    pair_end(pair);
}

static void orders_for_one_name_end_at_the_greatest_stamp(void **state)
{
    struct pair *pair = pair_of(state);
    assert_int_equal(contract_mkbucket(pair->one, "client-1", "bucket-1"), FY_OK);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char name[32];
        name_of(name, round % 5);
        bool deletes = round % 3 == 0;
        struct fy_cat_apply a = contract_order(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1",
                                               name, "older", 10 + 2 * round);
        struct fy_cat_apply b =
            contract_order(&pair->two, deletes ? FY_ACTION_DELETE : FY_ACTION_CREATE, "client-1",
                           "bucket-1", name, deletes ? NULL : "newer", 11 + 2 * round);
        run_both(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
        assert_int_equal(b.verdict, FY_VERDICT_APPLY);
        assert_int_equal(contract_status(pair->one, "bucket-1", name),
                         deletes ? FY_STATUS_DELETED : FY_STATUS_READY);
        check_sums(pair->one);
    }
    pair_end(pair);
}

/* A bucket that its objects alone hold: the last one goes as another comes. */
static void bucket_held_by_objects_is_there_exactly_while_one_is(void **state)
{
    struct pair *pair = pair_of(state);
    assert_int_equal(
        contract_apply(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1", "o-a", "x", 1), FY_OK);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const char *going = round % 2 == 0 ? "o-a" : "o-b";
        const char *coming = round % 2 == 0 ? "o-b" : "o-a";
        struct fy_cat_apply a = contract_order(pair->one, FY_ACTION_DELETE, "client-1", "bucket-1",
                                               going, "x", 10 + round);
        struct fy_cat_apply b =
            contract_order(&pair->two, round % 5 == 4 ? FY_ACTION_DELETE : FY_ACTION_CREATE,
                           "client-1", "bucket-1", coming, "x", 10 + round);
        run_both(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
        check_sums(pair->one);
    }
    pair_end(pair);
}

static void bucket_is_deleted_or_gets_its_object_never_both(void **state)
{
    struct pair *pair = pair_of(state);
    unsigned deleted = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct fy_cat_bucket_delete a = {.op.kind = FY_CAT_BUCKET_DELETE, .client = "client-1"};
        (void)snprintf(a.bucket, sizeof a.bucket, "bucket-%u", round);
        assert_int_equal(contract_mkbucket(pair->one, "client-1", a.bucket), FY_OK);
        struct fy_cat_upload_begin begin = contract_begin("client-1", a.bucket, "o");
        assert_int_equal(contract_run(&pair->two, &begin.op), FY_OK);
        struct fy_cat_upload_finish b = contract_finish(&pair->two, &begin, "bytes");
        run_both(pair, &a.op, &b.op);
        if (a.op.code == FY_OK)
            assert_int_equal(b.op.code, FY_ENOTFOUND);
        else
            assert_int_equal(a.op.code, FY_ENOTACCEPT);
        assert_int_equal(b.op.code == FY_OK, a.op.code != FY_OK);
        deleted += a.op.code == FY_OK;
        check_sums(pair->one);
    }
    print_message("%u of %u buckets were deleted first\n", deleted, ROUNDS);
    pair_end(pair);
}

static void the_same_bytes_brought_twice_are_one_body(void **state)
{
    struct pair *pair = pair_of(state);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char name[32];
        name_of(name, round);
        struct fy_cat_apply a = contract_order(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1",
                                               name, name, 10 + round);
        struct fy_cat_apply b = contract_order(&pair->two, FY_ACTION_CREATE, "client-1", "bucket-2",
                                               name, name, 10 + round);
        run_both(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
    }
    assert_int_equal(catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM body"),
                     ROUNDS);
    assert_int_equal(catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM trash"),
                     ROUNDS);
    check_sums(pair->one);
    pair_end(pair);
}

/* A body that nobody names is swept, or linked to again, never both. */
static void body_is_swept_or_linked_never_both(void **state)
{
    struct pair *pair = pair_of(state);
    unsigned linked = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        char name[32], other[32];
        name_of(name, round);
        (void)snprintf(other, sizeof other, "link-%u", round);
        int64_t offset = 10LL * (round + 1);
        assert_int_equal(
            contract_apply(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1", name, name, offset),
            FY_OK);
        int64_t body_id = contract_object(pair->one, "bucket-1", name).body_id;
        assert_int_equal(contract_apply(pair->one, FY_ACTION_DELETE, "client-1", "bucket-1", name,
                                        name, offset + 1),
                         FY_OK);
        struct fy_cat_sweep a = {.op.kind = FY_CAT_SWEEP, .limit = 10, .now_ms = CONTRACT_T0};
        struct fy_cat_apply b = contract_order(&pair->two, FY_ACTION_CREATE, "client-1", "bucket-1",
                                               other, name, offset + 2);
        b.blob_ref[0] = '\0';
        b.link_body_id = body_id;
        run_both(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_true(b.op.code == FY_OK || b.op.code == FY_ENOTFOUND);
        assert_int_equal(a.moved, b.op.code == FY_OK ? 0 : 1);
        linked += b.op.code == FY_OK;
        check_sums(pair->one);
    }
    print_message("%u of %u bodies were linked first\n", linked, ROUNDS);
    /* Whatever is let go of from now on is found: nothing was forgotten. */
    for (unsigned round = 0; round < ROUNDS; round++) {
        char other[32], name[32];
        name_of(name, round);
        (void)snprintf(other, sizeof other, "link-%u", round);
        assert_int_equal(contract_apply(pair->one, FY_ACTION_DELETE, "client-1", "bucket-1", other,
                                        name, 10LL * (ROUNDS + 2)),
                         FY_OK);
    }
    struct fy_cat_sweep rest = {.op.kind = FY_CAT_SWEEP, .limit = 99, .now_ms = CONTRACT_T0};
    assert_int_equal(contract_run(pair->one, &rest.op), FY_OK);
    assert_int_equal(rest.moved, linked);
    assert_int_equal(catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM body"), 0);
    pair_end(pair);
}

/* ------------------------------------------------------------------ waiting */

static void wait_many(struct contract *c, unsigned count)
{
    for (unsigned index = 0; index < count; index++) {
        char name[32];
        name_of(name, index);
        struct fy_cat_wait wait = {.op.kind = FY_CAT_WAIT,
                                   .row = {.state = FY_WAITING, .reason = FY_SRC_UNREACHABLE}};
        wait.row.order =
            contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", name, name, 10).order;
        wait.row.due_ms = CONTRACT_T0;
        assert_int_equal(contract_run(c, &wait.op), FY_OK);
    }
}

static void two_workers_claim_each_row_once(void **state)
{
    enum { ROWS = 40 };
    struct pair *pair = pair_of(state);
    struct fy_waiting_row *rows = fy_alloc(sizeof *rows * 2 * ROWS);
    bool seen[10 * ROWS] = {false};
    unsigned claimed = 0;
    wait_many(pair->one, ROWS);
    while (claimed < ROWS) {
        struct fy_cat_wait_claim a = {.op.kind = FY_CAT_WAIT_CLAIM,
                                      .now_ms = CONTRACT_T0,
                                      .hold_ms = 60000,
                                      .rows = rows,
                                      .capacity = 7};
        struct fy_cat_wait_claim b = a;
        b.rows = rows + ROWS;
        run_both(pair, &a.op, &b.op);
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
    for (unsigned round = 0; round < ROUNDS; round++) {
        char name[32];
        name_of(name, round);
        struct fy_cat_wait a = {.op.kind = FY_CAT_WAIT,
                                .row = {.state = FY_WAITING, .reason = FY_SRC_UNREACHABLE}};
        struct fy_cat_wait b = a;
        a.row.order =
            contract_order(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1", name, "1", 10)
                .order;
        b.row.order =
            contract_order(pair->one, FY_ACTION_CREATE, "client-1", "bucket-1", name, "2", 11)
                .order;
        run_both(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
        assert_false(b.superseded);
        assert_int_equal(contract_totals(pair->one).waiting_orders, round + 1);
    }
    assert_int_equal(catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM waiting"),
                     ROUNDS);
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
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct fy_cat_site a = site_op(FY_SITE_INSERT, "lyon");
        struct fy_cat_site b = site_op(FY_SITE_INSERT, "oslo");
        run_both(pair, &a.op, &b.op);
        assert_int_equal((a.op.code == FY_OK) + (b.op.code == FY_OK), 1);
        assert_int_equal((a.op.code == FY_ETOOBIG) + (b.op.code == FY_ETOOBIG), 1);
        struct fy_cat_site gone = site_op(FY_SITE_REMOVE, a.op.code == FY_OK ? "lyon" : "oslo");
        assert_int_equal(contract_run(pair->one, &gone.op), FY_OK);
    }
    pair_end(pair);
}

/* ------------------------------------------------------------------ leases and the pump */

static enum fy_code renew(struct contract *c)
{
    struct fy_cat_lease_renew op = {.op.kind = FY_CAT_LEASE_RENEW};
    return contract_run(c, &op.op);
}

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
        assert_int_equal(renew(c), FY_OK);
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
    wait_many(pair->one, 3);
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
    bool orphan = true;
    assert_int_equal(fy_catalogue_blob_orphan(pair->one->catalogue, "file:x", pair->two.boot_id,
                                              &orphan, &pair->one->err),
                     FY_OK);
    assert_false(orphan);

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
    assert_int_equal(fy_catalogue_blob_orphan(pair->one->catalogue, "file:x", pair->two.boot_id,
                                              &orphan, &pair->one->err),
                     FY_OK);
    assert_true(orphan);
    struct fy_cat_upload_finish finish = contract_finish(&pair->two, &begin, "bytes");
    assert_int_equal(contract_run(&pair->two, &finish.op), FY_ECANCELLED);
    struct fy_cat_apply apply =
        contract_order(&pair->two, FY_ACTION_CREATE, "client-1", "bucket-1", "other", "bytes", 10);
    assert_int_equal(contract_run(&pair->two, &apply.op), FY_ECANCELLED);
    assert_int_equal(renew(&pair->two), FY_ECANCELLED);
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
    assert_int_equal(renew(&pair->two), FY_OK);
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
        assert_int_equal(renew(c), FY_OK);
        assert_int_equal(contract_totals(c).waiting_orders, 1);
        assert_int_equal(contract_totals(c).waiting_bytes, 10);
    }
    assert_true(catalogue_postgres_number(c->place, "SELECT count(*) FROM waiting_count") < 10);
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
        assert_int_equal(renew(&pair->two), FY_OK);
        (void)nanosleep(&pause, NULL);
    }
    shift_leases(pair->one, -3600000);
    assert_int_equal(buried_by(pair->one), 0);
    assert_int_equal(renew(&pair->two), FY_OK);
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
    assert_int_equal(renew(&pair->two), FY_ECANCELLED);
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
        TEST(of_two_uploads_of_a_name_one_begins),
        TEST(of_two_buckets_of_a_name_one_is_made),
        TEST(orders_for_one_name_end_at_the_greatest_stamp),
        TEST(bucket_held_by_objects_is_there_exactly_while_one_is),
        TEST(bucket_is_deleted_or_gets_its_object_never_both),
        TEST(the_same_bytes_brought_twice_are_one_body),
        TEST(body_is_swept_or_linked_never_both),
        TEST(two_workers_claim_each_row_once),
        TEST(of_two_orders_that_wait_for_a_key_the_newer_goes_on),
        TEST(of_two_sites_that_come_for_the_last_place_one_gets_it),
        TEST(process_that_was_silent_too_long_may_publish_no_more),
        TEST(nobody_is_called_dead_when_the_server_was_away),
        TEST(nobody_is_called_dead_when_the_servers_clock_is_set_forward),
        TEST(process_that_is_silent_is_dead_though_the_servers_clock_is_set_back),
        TEST(process_that_stops_in_a_transaction_holds_nobody_up_for_long),
        TEST(commits_wait_for_the_disk_behind_a_pooler_too),
        TEST(order_that_is_retried_while_the_dead_are_dropped_stays),
        TEST(bytes_that_wait_are_right_however_they_are_folded),
        TEST(one_process_pumps_until_it_is_gone),
        TEST(ten_processes_start_at_once_on_an_empty_database),
    };
    (void)catalogue_postgres_begin();
    catalogue_contract_use(&catalogue_postgres_factory);
    int failed = cmocka_run_group_tests_name("two processes on PostgreSQL", tests, NULL, NULL);
    catalogue_postgres_end();
    return failed;
}
