/* catalogue_contract_version.c - numbers of versions. */
#include <string.h>

#include "tests/contract/catalogue_contract.h"

static struct fy_object_row object(struct contract *c, const char *name)
{
    return contract_object(c, "bucket-1", name);
}

/* The microsecond in which it was made, whatever the clock does. */
static void version_of_an_upload_is_its_stamp_and_above_those_before(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "one"), FY_OK);
    struct fy_object_row first = object(c, "o");
    assert_int_equal(first.version, fy_stamp_version(&first.reg.stamp));
    assert_int_equal(first.version / 1000, CONTRACT_T0);
    assert_false(first.marker);
    assert_false(first.registered);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    assert_int_equal(object(c, "o").version, first.version);
    assert_false(object(c, "o").marker);
    c->clock.now_ms -= 1000;
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "two"), FY_OK);
    assert_true(object(c, "o").version > first.version);
}

/* A newer change with the same bytes changed what is said of them. */
static void version_of_the_same_bytes_stays_when_an_order_says_more_of_them(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "one", 10),
                     FY_OK);
    struct fy_object_row first = object(c, "o");
    assert_int_equal(first.version, fy_stamp_version(&first.reg.stamp));
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "one", 20),
                     FY_OK);
    struct fy_object_row again = object(c, "o");
    assert_int_equal(again.version, first.version);
    assert_string_equal(again.id, first.id);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "two", 30),
                     FY_OK);
    struct fy_object_row other = object(c, "o");
    assert_int_equal(other.version, fy_stamp_version(&other.reg.stamp));
    assert_string_not_equal(other.id, first.id);
}

static void what_is_undeleted_is_the_version_that_it_was(void **state)
{
    struct contract *c = *state;
    struct fy_cat_undelete undelete = {
        .op.kind = FY_CAT_UNDELETE, .key = contract_key("", "bucket-1", "o"), .client = "client-1"};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "one"), FY_OK);
    struct fy_object_row before = object(c, "o");
    c->clock.now_ms += 1000;
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    c->clock.now_ms += 1000;
    assert_int_equal(contract_run(c, &undelete.op), FY_OK);
    struct fy_object_row after = object(c, "o");
    assert_int_equal(after.version, before.version);
    assert_true(fy_stamp_compare(&after.reg.stamp, &before.reg.stamp) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_version(void)
{
    const struct CMUnitTest tests[] = {
        TEST(version_of_an_upload_is_its_stamp_and_above_those_before),
        TEST(version_of_the_same_bytes_stays_when_an_order_says_more_of_them),
        TEST(what_is_undeleted_is_the_version_that_it_was),
    };
    return cmocka_run_group_tests_name("catalogue versions", tests, NULL, NULL);
}
