/* catalogue_contract_registered.c - what is said of a version: before its body comes, and later. */
#include "tests/contract/catalogue_contract_story.h"

/* ------------------------------------------------------------------ versions without a body */

static void registered_version_is_listed_and_what_was_there_is_read(void **state)
{
    struct contract *c = *state;
    story_setup(c, "1");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    contract_outbox_clear(c);
    struct fy_cat_register op = story_register(c, "o", "22", 0);
    assert_int_equal(op.op.code, FY_OK);
    assert_string_not_equal(op.id, "");
    story_expect(c, "R2 B1");
    story_expect_orders(c, "");
    assert_int_equal(story_seen(c, "o"), 1);
    const struct fy_object_row row = story_version(c, "o", 0);
    assert_true(row.registered);
    assert_int_equal(row.version, op.version);
    assert_string_equal(row.id, op.id);

    /* Where one version is there, the next description takes its place. */
    assert_int_equal(story_register(c, "o", "333", 0).op.code, FY_OK);
    story_expect(c, "R3 B1");
    assert_int_equal(story_register(c, "o", "333", 1).op.code, FY_EEXISTS);
}

static void body_fills_the_version_that_was_registered(void **state)
{
    struct contract *c = *state;
    story_setup(c, "1");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    struct fy_cat_register op = story_register(c, "o", "22", 0);
    contract_outbox_clear(c);
    assert_int_equal(story_put(c, "o", "333"), FY_ECORRUPT);
    assert_int_equal(story_put(c, "o", "2x"), FY_ECORRUPT);
    struct fy_cat_upload_finish finish = story_upload(c, "o", "22", 0);
    assert_int_equal(finish.op.code, FY_OK);
    assert_int_equal(finish.row.version, op.version);
    assert_string_equal(finish.row.id, op.id);
    assert_string_equal(finish.row.facts.metadata, "{\"color\":\"red\"}");
    story_expect(c, "B2");
    story_expect_orders(c, "CREATE2");

    story_set(c, "sys.m2.policy.version", "-1");
    assert_int_equal(story_register(c, "o", "4444", 0).op.code, FY_OK);
    assert_int_equal(story_put(c, "o", "4444"), FY_OK);
    story_expect(c, "B4 B2");
}

static void name_may_be_registered_before_anything_is_there(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, STORY_ACCOUNT, STORY_NAME), FY_OK);
    assert_int_equal(story_register(c, "o", "22", 5).op.code, FY_OK);
    assert_int_equal(story_register(c, "o", "22", 0).op.code, FY_EEXISTS);
    story_expect(c, "R2");
    assert_int_equal(story_seen(c, "o"), -1);
    assert_int_equal(story_put_as_ccs(c, "o", "333"), FY_ECORRUPT);
    assert_int_equal(story_put_as_ccs(c, "o", "22"), FY_OK);
    story_expect(c, "B2");
    assert_int_equal(story_of(c).numbers[0], 5);
    assert_int_equal(story_register(c, "o", "22", 0).op.code, FY_EEXISTS);

    assert_int_equal(story_register(c, "p", "1", 0).op.code, FY_OK);
    assert_int_equal(story_rm(c, "p", 0), FY_OK);
    story_expect(c, "B2");
}

static void older_version_may_be_registered_and_filled(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    contract_outbox_clear(c);
    assert_int_equal(story_register(c, "o", "22", 1000).op.code, FY_OK);
    story_expect(c, "B1 R2");
    assert_int_equal(story_upload(c, "o", "333", 1000).op.code, FY_ECORRUPT);
    assert_int_equal(story_upload(c, "o", "22", 1000).op.code, FY_OK);
    story_expect(c, "B1 B2");
    story_expect_orders(c, "");
}

static void registered_version_is_no_longer_than_a_body_can_be(void **state)
{
    struct contract *c = *state;
    struct fy_cat_register op = {.op.kind = FY_CAT_REGISTER,
                                 .key = story_key("o"),
                                 .client = STORY_ACCOUNT,
                                 .size = FY_OBJECT_SIZE_MAX + 1};
    story_setup(c, "-1");
    assert_int_equal(contract_run(c, &op.op), FY_ETOOBIG);
    op.size = FY_OBJECT_SIZE_MAX;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_int_equal(contract_info(c, STORY_ACCOUNT, STORY_NAME).bytes, FY_OBJECT_SIZE_MAX);
}

static void delete_of_a_registered_version_follows_the_rules(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(story_register(c, "o", "22", 0).op.code, FY_OK);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    story_expect(c, "M R2");
    story_expect_orders(c, "DELETE");
    assert_int_equal(story_register(c, "o", "333", 0).op.code, FY_OK);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    story_expect(c, "M R3 M R2");
    story_set(c, "sys.m2.policy.version", "1");
    assert_int_equal(story_register(c, "o", "4444", 0).op.code, FY_OK);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    story_expect(c, "M R3 M R2");
}

static void order_fills_the_version_that_was_registered(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    struct fy_cat_register op = story_register(c, "o", "22", 0);
    story_apply(c, FY_ACTION_CREATE, "22");
    story_expect(c, "B2");
    assert_int_equal(story_of(c).numbers[0], op.version);
    assert_int_equal(story_register(c, "o", "333", 0).op.code, FY_OK);
    story_apply(c, FY_ACTION_CREATE, "4444");
    story_expect(c, "B4 R3 B2");
}

/* ------------------------------------------------------------------ properties */

static enum fy_code say(struct contract *c, int64_t version, bool flush, const char *key,
                        const char *value)
{
    const struct fy_property property = {key, value};
    struct fy_cat_object_properties op = {.op.kind = FY_CAT_OBJECT_PROPERTIES,
                                          .key = story_key("o"),
                                          .client = STORY_ACCOUNT,
                                          .op_id = "say",
                                          .version = version,
                                          .flush = flush,
                                          .properties = &property,
                                          .count = key[0] != '\0'};
    c->clock.now_ms += 10;
    return contract_run(c, &op.op);
}

static void properties_of_the_newest_version_travel_and_it_stays_the_same(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(say(c, 0, false, "a", "1"), FY_ENOTFOUND);
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    const struct fy_object_row before = story_object(c, "o");
    contract_outbox_clear(c);
    assert_int_equal(say(c, 0, false, "a", "1"), FY_OK);
    assert_int_equal(say(c, before.version, false, "b", "2"), FY_OK);
    story_expect(c, "B1");
    story_expect_orders(c, "CREATE1 CREATE1");
    struct fy_object_row row = story_object(c, "o");
    assert_string_equal(row.facts.metadata, "{\"a\":\"1\",\"b\":\"2\"}");
    assert_int_equal(row.version, before.version);
    assert_string_equal(row.id, before.id);
    assert_int_equal(row.body_id, before.body_id);
    assert_int_equal(row.facts.creation_ms, before.facts.creation_ms);
    assert_true(fy_stamp_compare(&row.reg.stamp, &before.reg.stamp) > 0);
    assert_int_equal(say(c, 0, false, "a", NULL), FY_OK);
    assert_int_equal(say(c, 0, true, "", NULL), FY_OK);
    row = story_object(c, "o");
    assert_string_equal(row.facts.metadata, "{}");
    assert_int_equal(say(c, 0, false, "", "x"), FY_OK); /* nothing to say */
    assert_int_equal(say(c, 0, false, "a\n", "x"), FY_EINPUT);
}

static void properties_of_other_versions_stay_here(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    struct fy_cat_upload_finish first = story_upload(c, "o", "1", 0);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    contract_outbox_clear(c);
    assert_int_equal(say(c, first.row.version, false, "a", "1"), FY_OK);
    struct fy_object_row row = story_version(c, "o", first.row.version);
    assert_string_equal(row.facts.metadata, "{\"a\":\"1\"}");
    struct fy_cat_register op = story_register(c, "o", "333", 0);
    assert_int_equal(say(c, 0, false, "a", "1"), FY_OK);
    row = story_version(c, "o", op.version);
    assert_string_equal(row.facts.metadata, "{\"a\":\"1\",\"color\":\"red\"}");
    story_expect_orders(c, "");
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    assert_int_equal(say(c, 0, false, "a", "1"), FY_ENOTFOUND); /* a delete marker has none */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_registered(void)
{
    const struct CMUnitTest tests[] = {
        TEST(registered_version_is_no_longer_than_a_body_can_be),
        TEST(registered_version_is_listed_and_what_was_there_is_read),
        TEST(body_fills_the_version_that_was_registered),
        TEST(name_may_be_registered_before_anything_is_there),
        TEST(older_version_may_be_registered_and_filled),
        TEST(delete_of_a_registered_version_follows_the_rules),
        TEST(properties_of_the_newest_version_travel_and_it_stays_the_same),
        TEST(properties_of_other_versions_stay_here),
        TEST(order_fills_the_version_that_was_registered),
    };
    return cmocka_run_group_tests_name("catalogue registered versions", tests, NULL, NULL);
}
