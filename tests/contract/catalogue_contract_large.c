/* catalogue_contract_large.c - containers whose numbers are large. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/contract/catalogue_contract.h"

#define ACCOUNT "Account A"
#define NAME    "c"
#define SUM_MAX 4611686018427387903 /* 2^62 - 1 */

/* Runs SQL on the closed place. */
static void change(struct contract *c, const char *sql)
{
    contract_close(c);
    c->factory->exec(c->place, sql);
    contract_open(c);
}

static void set_sums(struct contract *c, int64_t objects, int64_t bytes)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO container_count(container_id, objects, bytes, changes) SELECT id, "
                   "%lld, %lld, 1 FROM container",
                   (long long)objects, (long long)bytes);
    change(c, "DELETE FROM container_count");
    change(c, sql);
}

static void assert_sums(struct contract *c, int64_t objects, int64_t bytes)
{
    struct fy_container_info info = contract_info(c, ACCOUNT, NAME);
    assert_true(info.objects == objects);
    assert_true(info.bytes == bytes);
}

static enum fy_code add(struct contract *c, const char *object, int64_t size)
{
    struct fy_cat_register op = {.op.kind = FY_CAT_REGISTER,
                                 .key = contract_key(ACCOUNT, NAME, object),
                                 .client = ACCOUNT,
                                 .size = size,
                                 .facts.hash = "HASH"};
    c->clock.now_ms += 10;
    return contract_run(c, &op.op);
}

static void recount(struct contract *c)
{
    struct fy_cat_touch touch = {
        .op.kind = FY_CAT_TOUCH, .account = ACCOUNT, .name = NAME, .recount = true};
    assert_int_equal(contract_run(c, &touch.op), FY_OK);
}

/* What folds sums, where they are kept as what was added to them. */
static void fold(struct contract *c)
{
    struct fy_cat_lease_renew renew = {.op.kind = FY_CAT_LEASE_RENEW};
    assert_int_equal(contract_run(c, &renew.op), FY_OK);
}

/* ------------------------------------------------------------------ sums */

/* The size of a version whose body is yet to come is but said, and would take sums anywhere. */
static void versions_without_a_body_promise_a_bounded_number_of_bytes(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    set_sums(c, 0, FY_PROMISED_BYTES_MAX - FY_OBJECT_SIZE_MAX - 1);
    assert_int_equal(add(c, "o1", FY_OBJECT_SIZE_MAX), FY_OK);
    assert_int_equal(add(c, "o2", 2), FY_EQUOTA);
    assert_int_equal(add(c, "o2", 1), FY_OK);
    assert_int_equal(add(c, "o3", 1), FY_EQUOTA);
    assert_int_equal(add(c, "o4", 0), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o5", "12345"), FY_OK); /* it has come */
    assert_sums(c, 4, FY_PROMISED_BYTES_MAX + 5);
}

/* By clients who set a sum below what is there: the transaction goes on, and so does what folds. */
static void sum_that_would_be_too_large_for_a_number_ends_there(void **state)
{
    enum { OBJECTS = 70 }; /* transactions: enough to be folded */
    struct contract *c = *state;
    char name[16];
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    set_sums(c, SUM_MAX, SUM_MAX - 3);
    for (int index = 0; index < OBJECTS; index++) {
        (void)snprintf(name, sizeof name, "o%d", index);
        assert_int_equal(contract_put_in(c, ACCOUNT, NAME, name, "12345"), FY_OK);
        assert_sums(c, SUM_MAX, SUM_MAX);
    }
    fold(c);
    assert_sums(c, SUM_MAX, SUM_MAX);
    recount(c);
    assert_sums(c, OBJECTS, 5LL * OBJECTS);

    set_sums(c, -SUM_MAX, -SUM_MAX);
    assert_int_equal(contract_rm_in(c, ACCOUNT, NAME, "o0"), FY_OK);
    assert_sums(c, -SUM_MAX, -SUM_MAX);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o0", "12345"), FY_OK);
}

static void sum_that_is_counted_ends_there_as_well(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o1", "12345"), FY_OK);
    assert_int_equal(add(c, "o2", 1), FY_OK);
    change(c, "UPDATE object SET size = 4611686018427387904");
    change(c, "UPDATE version SET size = 4611686018427387904");
    recount(c);
    assert_sums(c, 2, SUM_MAX);
}

/* ------------------------------------------------------------------ recounts */

static struct fy_cat_touch counted(struct contract *c)
{
    struct fy_cat_touch touch = {
        .op.kind = FY_CAT_TOUCH, .account = ACCOUNT, .name = NAME, .recount = true};
    assert_int_equal(
        fy_catalogue_container_count(c->catalogue, ACCOUNT, NAME, &touch.count, &c->err), FY_OK);
    return touch;
}

static void set_usage(struct contract *c, const char *value)
{
    const struct fy_property property = {"sys.m2.usage", value};
    struct fy_cat_properties op = {.op.kind = FY_CAT_PROPERTIES,
                                   .account = ACCOUNT,
                                   .name = NAME,
                                   .properties = &property,
                                   .count = 1};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

/* Touches until nothing was stale; how often. */
static int touch_exactly(struct contract *c, struct fy_cat_touch touch)
{
    for (int times = 1;; times++) {
        assert_int_equal(contract_run(c, &touch.op), FY_OK);
        if (!touch.stale)
            return times;
        assert_true(times < 3);
        touch = counted(c);
    }
}

/* The rows are counted before the transaction: what is written in between is in the sums. */
static void recount_is_exact_whatever_is_written_meanwhile(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o1", "12345"), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o2", "12"), FY_OK);
    set_usage(c, "77");
    struct fy_cat_touch touch = counted(c);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o3", "123"), FY_OK);
    assert_int_equal(contract_rm_in(c, ACCOUNT, NAME, "o1"), FY_OK);
    assert_sums(c, 2, 75);
    assert_int_equal(touch_exactly(c, touch), 1);
    assert_sums(c, 2, 5);
}

static void what_was_counted_before_a_correction_corrects_nothing(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o1", "12345"), FY_OK);
    set_usage(c, "77");
    struct fy_cat_touch first = counted(c), second = first;
    assert_int_equal(touch_exactly(c, first), 1);
    assert_int_equal(touch_exactly(c, second), 2);
    assert_sums(c, 1, 5);
    struct fy_cat_touch third = counted(c);
    set_usage(c, "99");
    assert_int_equal(touch_exactly(c, third), 2);
    assert_sums(c, 1, 5);

    third = counted(c); /* and another container has the name then */
    assert_int_equal(contract_rm_in(c, ACCOUNT, NAME, "o1"), FY_OK);
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(
        fy_catalogue_container_count(c->catalogue, ACCOUNT, NAME, &third.count, &c->err),
        FY_ENOTFOUND);
    assert_int_equal(contract_run(c, &third.op), FY_ENOTFOUND);
}

/* ------------------------------------------------------------------ versions of one name */

#define VERSIONS 20000
#define KEPT     10000
#define TRIM_MS  15000 /* it takes a second; looking anew for each that goes, half a minute */

static int64_t elapsed_ms(const struct timespec *begin)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begin->tv_sec) * 1000LL + (now.tv_nsec - begin->tv_nsec) / 1000000;
}

/* Those that are kept are walked over once a transaction, not once for each that goes. */
static void purge_of_a_name_takes_as_long_as_it_has_versions(void **state)
{
    struct contract *c = *state;
    struct timespec begin;
    char sql[512];
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(add(c, "o", 3), FY_OK); /* the container has registered versions */
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE counted(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM counted "
                   "WHERE i < %d) INSERT INTO version(container_id, name, number, kind, id, "
                   "stamp_time, stamp_site, size, hash, changed_ms, expires_ms, metadata, proof) "
                   "SELECT container_id, name, i, 2, id, stamp_time, stamp_site, size, hash, "
                   "changed_ms, 0, '', 0 FROM counted CROSS JOIN version",
                   VERSIONS - 1);
    change(c, sql);
    recount(c);
    assert_sums(c, VERSIONS, 3LL * VERSIONS);
    struct fy_cat_versions_purge op = {.op.kind = FY_CAT_VERSIONS_PURGE,
                                       .account = ACCOUNT,
                                       .name = NAME,
                                       .policy = KEPT,
                                       .limit = 1000};
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        assert_int_equal(contract_run(c, &op.op), FY_OK);
        assert_true(elapsed_ms(&begin) < TRIM_MS);
    } while (op.more);
    print_message("%d versions beyond %d went in %lld ms\n", VERSIONS - KEPT, KEPT,
                  (long long)elapsed_ms(&begin));
    assert_sums(c, KEPT, 3LL * KEPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_large(void)
{
    const struct CMUnitTest tests[] = {
        TEST(versions_without_a_body_promise_a_bounded_number_of_bytes),
        TEST(sum_that_would_be_too_large_for_a_number_ends_there),
        TEST(sum_that_is_counted_ends_there_as_well),
        TEST(recount_is_exact_whatever_is_written_meanwhile),
        TEST(what_was_counted_before_a_correction_corrects_nothing),
        TEST(purge_of_a_name_takes_as_long_as_it_has_versions),
    };
    return cmocka_run_group_tests_name("catalogue of large numbers", tests, NULL, NULL);
}
