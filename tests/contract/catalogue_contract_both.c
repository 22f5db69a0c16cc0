/* catalogue_contract_both.c - one catalogue, two APIs: what is a bucket for CCS is a container for
 * OpenIO. */
#include <string.h>

#include "tests/contract/catalogue_contract.h"

static enum fy_code set(struct contract *c, const char *key, const char *value)
{
    return contract_set(c, "client-1", "bucket-1", key, value);
}

static void container_whose_names_fit_is_a_bucket(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, "client-1", "bucket-1"), FY_OK);
    struct fy_container_row row = contract_container(c, "", "bucket-1");
    assert_string_equal(row.account, "client-1");
    assert_true(row.ccs_visible);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), FY_RIGHT_OWNER);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_EEXISTS);
    assert_int_equal(contract_mkbucket(c, "client-2", "bucket-1"), FY_EEXISTS);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "other"), FY_EEXISTS);
    assert_int_equal(contract_put(c, "client-2", "bucket-1", "p", "bytes"), FY_EFORBIDDEN);
    assert_int_equal(contract_info(c, "client-1", "bucket-1").objects, 1);
    assert_int_equal(contract_destroy(c, "client-1", "bucket-1"), FY_ENOTACCEPT);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);

    assert_int_equal(contract_destroy(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_container(c, "", "bucket-1").status, FY_STATUS_DELETED);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), -1);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_EGONE);
}

static void bucket_is_a_container_of_its_client(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_make(c, "client-1", "bucket-1"), FY_EEXISTS);
    assert_int_equal(set(c, "user.a", "1"), FY_OK);
    assert_int_equal(contract_put_in(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_READY);
    assert_int_equal(contract_rm_in(c, "client-1", "bucket-1", "o"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_destroy(c, "client-1", "bucket-1"), FY_ENOTFOUND);
    assert_int_equal(set(c, "user.a", "1"), FY_ENOTFOUND);
}

/* Whoever makes it anew says what it is. */
static void container_that_is_made_as_a_bucket_again_has_no_rules(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(set(c, "sys.m2.policy.version", "-1"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    struct fy_container_rules rules = contract_info(c, "client-1", "bucket-1").row.rules;
    assert_false(rules.versioned);
    assert_true(rules.policy == FY_UNSET);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_make(c, "client-1", "bucket-1"), FY_OK);
    assert_true(contract_info(c, "client-1", "bucket-1").row.rules.versioned);
}

static void first_of_a_name_is_seen_by_ccs_whoever_made_it(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_make(c, "client-2", "bucket-1"), FY_OK);
    assert_string_equal(contract_container(c, "", "bucket-1").account, "client-1");
    assert_false(contract_container(c, "client-2", "bucket-1").ccs_visible);
    assert_int_equal(contract_right(c, "client-2", "bucket-1"), -1);
    assert_int_equal(contract_put_in(c, "client-2", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_UNKNOWN);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK); /* it is empty */

    /* The name has passed on. */
    assert_string_equal(contract_container(c, "", "bucket-1").account, "client-2");
    assert_int_equal(contract_right(c, "client-2", "bucket-1"), FY_RIGHT_OWNER);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_READY);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_EEXISTS);
    assert_int_equal(contract_make(c, "client-1", "bucket-1"), FY_OK);
    assert_string_equal(contract_container(c, "", "bucket-1").account, "client-2");
}

static void container_whose_names_do_not_fit_is_no_bucket(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, "Client One", "bucket-1"), FY_OK);
    assert_int_equal(contract_make(c, "client-1", "Bucket/1"), FY_OK);
    assert_int_equal(contract_container_code(c, "", "bucket-1"), FY_ENOTFOUND);
    assert_int_equal(contract_container_code(c, "", "Bucket/1"), FY_ENOTFOUND);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_string_equal(contract_container(c, "", "bucket-1").account, "client-1");
    assert_int_equal(contract_destroy(c, "Client One", "bucket-1"), FY_OK);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), FY_RIGHT_OWNER);
}

/* They would be nobody's. */
static void bucket_with_old_versions_or_delete_markers_is_not_empty(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put_in(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_rm_in(c, "client-1", "bucket-1", "o"), FY_OK);
    contract_close(c);
    c->factory->exec(c->place, "UPDATE object SET marker = 1");
    contract_open(c);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_DELETED);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_ENOTACCEPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_both(void)
{
    const struct CMUnitTest tests[] = {
        TEST(container_whose_names_fit_is_a_bucket),
        TEST(bucket_is_a_container_of_its_client),
        TEST(container_that_is_made_as_a_bucket_again_has_no_rules),
        TEST(first_of_a_name_is_seen_by_ccs_whoever_made_it),
        TEST(container_whose_names_do_not_fit_is_no_bucket),
        TEST(bucket_with_old_versions_or_delete_markers_is_not_empty),
    };
    return cmocka_run_group_tests_name("catalogue of two APIs", tests, NULL, NULL);
}
