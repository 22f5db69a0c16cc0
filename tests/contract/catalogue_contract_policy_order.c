/* catalogue_contract_policy_order.c - orders of other sites, in containers whose names are written
 * again. */
#include "tests/contract/catalogue_contract_story.h"

/* ------------------------------------------------------------------ objects */

static void orders_keep_versions_where_the_container_does(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    story_apply(c, FY_ACTION_CREATE, "1");
    story_apply(c, FY_ACTION_CREATE, "22");
    story_apply(c, FY_ACTION_DELETE, "22");
    story_expect(c, "M B2 B1");
    int64_t number = story_of(c).numbers[0];
    story_apply(c, FY_ACTION_DELETE, "22");
    assert_int_equal(story_of(c).numbers[0], number);
    story_apply(c, FY_ACTION_CREATE, "333");
    story_expect(c, "B3 M B2 B1");
    story_apply(c, FY_ACTION_CREATE, "333"); /* only what is said of it is new */
    story_expect(c, "B3 M B2 B1");
    story_expect_orders(c, "");
    assert_int_equal(contract_sweep(c), 0);
    assert_int_equal(contract_totals(c).conflicts, 0);

    /* Older versions do not come to light under another policy. */
    story_set(c, "sys.m2.policy.version", "1");
    story_apply(c, FY_ACTION_DELETE, "333");
    story_expect(c, "M M B2 B1");
    assert_int_equal(story_seen(c, "o"), -1);
}

static void orders_replace_without_a_conflict_where_names_are_written_again(void **state)
{
    struct contract *c = *state;
    story_setup(c, "1");
    story_apply(c, FY_ACTION_CREATE, "1");
    story_apply(c, FY_ACTION_CREATE, "22");
    story_apply(c, FY_ACTION_DELETE, "333"); /* it overtook what it deletes */
    story_expect(c, "");
    assert_int_equal(contract_totals(c).conflicts, 0);

    struct fy_cat_apply first = story_order(c, FY_ACTION_CREATE, "1");
    struct fy_cat_apply other = story_order(c, FY_ACTION_CREATE, "22");
    assert_int_equal(contract_run(c, &first.op), FY_OK);
    assert_int_equal(contract_run(c, &other.op), FY_OK);
    assert_true(other.conflict); /* their source does not say so */
}

static void order_of_a_container_says_that_names_are_written_again(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply op =
        contract_order(c, FY_ACTION_CREATE, STORY_ACCOUNT, STORY_NAME, "", NULL, 10);
    op.order.overwrites = true;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_true(contract_container(c, STORY_ACCOUNT, STORY_NAME).rules.versioned);
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    story_expect(c, "B2");
}

/* The description came with an object, and then the container's own order is a duplicate. */
static void order_of_an_object_may_be_the_first_to_say_so(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply first =
        contract_order(c, FY_ACTION_CREATE, STORY_ACCOUNT, STORY_NAME, "o", "1", 20);
    struct fy_cat_apply own =
        contract_order(c, FY_ACTION_CREATE, STORY_ACCOUNT, STORY_NAME, "", NULL, 10);
    first.order.overwrites = own.order.overwrites = true;
    first.bucket = (struct fy_bucket_facts){
        .known = true, .present = true, .stamp = own.order.stamp, .creation_ms = CONTRACT_T0 + 10};
    assert_int_equal(contract_run(c, &first.op), FY_OK);
    assert_int_equal(contract_run(c, &own.op), FY_OK);
    assert_int_equal(own.verdict, FY_VERDICT_DUPLICATE);
    assert_true(contract_container(c, STORY_ACCOUNT, STORY_NAME).rules.versioned);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    story_expect(c, "B2");
}

/* ------------------------------------------------------------------ containers that come again */

/* A container with two versions and a delete marker in it, which another site's delete takes away,
 * that knew of none of them. */
static void setup_gone(struct contract *c)
{
    story_setup(c, "-1");
    story_apply(c, FY_ACTION_CREATE, "1");
    story_apply(c, FY_ACTION_CREATE, "22");
    story_apply(c, FY_ACTION_DELETE, "22");
    struct fy_cat_apply gone = story_order(c, FY_ACTION_DELETE, NULL);
    gone.order.object[0] = '\0';
    assert_int_equal(contract_run(c, &gone.op), FY_OK);
    assert_int_equal(contract_container(c, STORY_ACCOUNT, STORY_NAME).status, FY_STATUS_DELETED);
    c->clock.now_ms += 10;
}

static enum fy_code make_again(struct contract *c)
{
    return contract_make(c, STORY_ACCOUNT, STORY_NAME);
}
static enum fy_code make_bucket_again(struct contract *c)
{
    return contract_mkbucket(c, STORY_ACCOUNT, STORY_NAME);
}
static enum fy_code order_again(struct contract *c)
{
    struct fy_cat_apply again = story_order(c, FY_ACTION_CREATE, NULL);
    again.order.object[0] = '\0';
    again.order.overwrites = true;
    return contract_run(c, &again.op);
}

/* Whoever makes it again. */
static void container_that_comes_again_has_nothing_of_the_one_before(void **state)
{
    struct contract *c = *state;
    static enum fy_code (*const ways[])(struct contract *) = {make_again, make_bucket_again,
                                                              order_again};
    for (size_t way = 0; way < FY_COUNT_OF(ways); way++) {
        setup_gone(c);
        assert_int_equal(ways[way](c), FY_OK);
        story_expect(c, "");
        assert_int_equal(contract_sweep(c), 2);
        assert_int_equal(story_put(c, "p", "333"), FY_OK);
        story_expect(c, "B3");
        assert_int_equal(story_rm(c, "p", 0), FY_OK);
        story_expect(c, "");
        assert_int_equal(contract_destroy(c, STORY_ACCOUNT, STORY_NAME), FY_OK);
    }
}

/* An object written elsewhere brings it back, too. */
static void container_that_an_object_brings_back_has_nothing_of_the_one_before(void **state)
{
    struct contract *c = *state;
    setup_gone(c);
    story_apply(c, FY_ACTION_CREATE, "333");
    story_expect(c, "B3");
    assert_int_equal(contract_sweep(c), 2);
}

static void what_a_container_left_is_purged_at_once(void **state)
{
    struct contract *c = *state;
    setup_gone(c);
    struct fy_cat_purge purge = {.op.kind = FY_CAT_PURGE, .limit = 99};
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(purge.purged, 2 + 1 + 1); /* bodies, the marker, and that nothing is left */
    assert_int_equal(contract_sweep(c), 2);
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(purge.purged, 0);
    c->clock.now_ms += 10;
    struct fy_cat_apply late = story_order(c, FY_ACTION_CREATE, "22");
    late.order.stamp = contract_stamp(0, CONTRACT_OTHER);
    assert_int_equal(contract_run(c, &late.op), FY_OK);
    assert_int_equal(late.verdict, FY_VERDICT_SUPERSEDED); /* the tombstone is there */
    assert_int_equal(contract_mkbucket(c, STORY_ACCOUNT, STORY_NAME), FY_OK);
    story_expect(c, "");
    assert_int_equal(story_put_as_ccs(c, "o", "333"), FY_OK);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    story_expect(c, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_policy_order(void)
{
    const struct CMUnitTest tests[] = {
        TEST(orders_keep_versions_where_the_container_does),
        TEST(orders_replace_without_a_conflict_where_names_are_written_again),
        TEST(order_of_a_container_says_that_names_are_written_again),
        TEST(order_of_an_object_may_be_the_first_to_say_so),
        TEST(container_that_comes_again_has_nothing_of_the_one_before),
        TEST(container_that_an_object_brings_back_has_nothing_of_the_one_before),
        TEST(what_a_container_left_is_purged_at_once),
    };
    return cmocka_run_group_tests_name("catalogue orders by policy", tests, NULL, NULL);
}
