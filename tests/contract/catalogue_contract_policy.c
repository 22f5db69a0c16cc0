/* catalogue_contract_policy.c - names that are written again and deleted: what becomes of their
 * versions, by the rules of their container. */
#include "tests/contract/catalogue_contract_story.h"

/* ------------------------------------------------------------------ writing */

static void name_is_written_again_and_one_version_is_there(void **state)
{
    struct contract *c = *state;
    story_setup(c, "");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    const struct fy_object_row first = story_object(c, "o");
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    const struct fy_object_row second = story_object(c, "o");
    assert_true(second.version > first.version);
    assert_string_not_equal(second.id, first.id);
    story_expect(c, "B2");
    story_expect_orders(c, "CREATE1 CREATE2");
    assert_int_equal(contract_sweep(c), 1);
    assert_int_equal(contract_info(c, STORY_ACCOUNT, STORY_NAME).changes, 2 + 1 /* the recount */);
}

/* Its readers never miss it: the upload takes no row before it has ended. */
static void object_is_seen_while_it_is_written_again(void **state)
{
    struct contract *c = *state;
    story_setup(c, "");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    struct fy_cat_upload_begin begin = {.op.kind = FY_CAT_UPLOAD_BEGIN,
                                        .key = story_key("o"),
                                        .client = STORY_ACCOUNT,
                                        .by_rules = true};
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(begin.token, 0);
    assert_int_equal(story_seen(c, "o"), 1);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "22");
    finish.by_rules = true;
    assert_int_equal(contract_run(c, &finish.op), FY_OK);
    assert_int_equal(story_seen(c, "o"), 2);
}

static void ccs_never_writes_a_name_again(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    assert_int_equal(story_put_as_ccs(c, "o", "22"), FY_EEXISTS);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    assert_int_equal(story_put_as_ccs(c, "o", "22"), FY_OK);
    story_expect(c, "B2 M B1");
}

static void bucket_of_ccs_is_written_once_by_rules_too(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, STORY_ACCOUNT, STORY_NAME), FY_OK);
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    assert_int_equal(story_put(c, "o", "22"), FY_EEXISTS);
    story_set(c, "sys.m2.policy.version", "1");
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    story_expect(c, "B2");
}

static void versions_are_kept_with_all_that_is_known_of_them(void **state)
{
    struct contract *c = *state;
    struct fy_object_row row;
    struct fy_object_key key = story_key("o");
    story_setup(c, "-1");
    struct fy_cat_upload_finish first = story_upload(c, "o", "1", 0);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    assert_int_equal(story_put(c, "o", "333"), FY_OK);
    story_expect(c, "B3 B2 B1");
    story_expect_orders(c, "CREATE1 CREATE2 CREATE3");
    assert_int_equal(contract_sweep(c), 0);
    assert_int_equal(contract_totals(c).objects, 1);
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, first.row.version, &row, &c->err),
                     FY_OK);
    assert_memory_equal(&row, &first.row, sizeof row);
    row = story_version(c, "o", 0);
    assert_int_equal(row.size, 3);
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, 7, &row, &c->err), FY_ENOTFOUND);
}

static void number_that_is_given_is_the_versions(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(story_upload(c, "o", "1", 1000).op.code, FY_OK);
    assert_int_equal(story_upload(c, "o", "22", 1000).op.code, FY_EEXISTS);
    assert_int_equal(story_upload(c, "o", "22", 3000).op.code, FY_OK);
    story_expect_orders(c, "CREATE1 CREATE2");
    assert_int_equal(story_upload(c, "o", "22", 1000).op.code, FY_EEXISTS);
    /* An older one is nobody's news. */
    assert_int_equal(story_upload(c, "o", "333", 2000).op.code, FY_OK);
    story_expect(c, "B2 B3 B1");
    story_expect_orders(c, "");
    assert_int_equal(story_seen(c, "o"), 2);
    assert_int_equal(story_of(c).numbers[1], 2000);
    story_set(c, "sys.m2.policy.version", "1");
    assert_int_equal(story_upload(c, "o", "55555", 1500).op.code, FY_EEXISTS);
    assert_int_equal(story_put(c, "o", "4444"), FY_OK);
    story_expect(c, "B4 B3 B1");
}

static void number_is_above_one_that_lies_in_the_future(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(story_upload(c, "o", "1", INT64_C(9000000000000000)).op.code, FY_OK);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    assert_int_equal(story_of(c).numbers[0], INT64_C(9000000000000001));
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    assert_int_equal(story_of(c).numbers[0], INT64_C(9000000000000002));
}

/* What comes next is above it, and fits. */
static void number_that_leaves_no_room_is_refused(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(story_upload(c, "o", "1", FY_VERSION_MAX + 1).op.code, FY_EINPUT);
    assert_int_equal(story_register(c, "o", "1", INT64_MAX).op.code, FY_EINPUT);
    assert_int_equal(story_upload(c, "o", "1", FY_VERSION_MAX).op.code, FY_OK);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    story_expect(c, "M B2 B1");
    assert_true(story_of(c).numbers[0] == FY_VERSION_MAX + 2);
}

static void what_exceeds_the_policy_goes_when_the_container_says_so(void **state)
{
    struct contract *c = *state;
    story_setup(c, "2");
    for (unsigned count = 1; count <= 3; count++)
        assert_int_equal(story_put(c, "o", &"7777777"[7 - count]), FY_OK);
    story_expect(c, "B3 B2 B1");
    story_set(c, "sys.m2.policy.version.delete_exceeding", "1");
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    assert_int_equal(story_put(c, "o", "4444"), FY_OK);
    story_expect(c, "B4 M B3");
    assert_int_equal(contract_sweep(c), 2);
}

/* ------------------------------------------------------------------ deleting */

static void delete_leaves_a_marker_where_versions_are_kept(void **state)
{
    struct contract *c = *state;
    story_setup(c, "3");
    struct fy_cat_upload_finish first = story_upload(c, "o", "1", 0);
    struct fy_cat_object_delete gone = story_delete(c, "o", 0);
    assert_int_equal(gone.op.code, FY_OK);
    assert_true(gone.marker);
    assert_int_equal(gone.gone, first.row.version + 1);
    assert_int_equal(story_seen(c, "o"), -1);
    story_expect(c, "M B1");
    story_expect_orders(c, "CREATE1 DELETE");
    const struct fy_object_row row = story_version(c, "o", 0);
    assert_true(row.marker);
    assert_int_equal(contract_sweep(c), 0);
    assert_int_equal(contract_totals(c).kept_objects, 0);

    gone = story_delete(c, "o", 0);
    assert_int_equal(gone.op.code, FY_OK);
    assert_true(gone.already);
    story_expect_orders(c, "");
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    story_expect(c, "M B2 M B1");
    /* CCS deletes go by the rules, too. */
    assert_int_equal(story_put(c, "o", "333"), FY_OK);
    story_expect_orders(c, "CREATE2 DELETE CREATE3");
}

static void erased_newest_version_gives_way_to_the_next_older_one(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    struct fy_cat_upload_finish first = story_upload(c, "o", "1", 0);
    struct fy_cat_upload_finish second = story_upload(c, "o", "22", 0);
    const struct fy_object_row before = story_object(c, "o");
    contract_outbox_clear(c);
    assert_int_equal(story_rm(c, "o", second.row.version), FY_OK);
    story_expect(c, "B1");
    story_expect_orders(c, "CREATE1");
    const struct fy_object_row after = story_object(c, "o");
    assert_true(fy_stamp_compare(&after.reg.stamp, &before.reg.stamp) > 0);
    assert_int_equal(after.version, first.row.version);
    assert_string_equal(after.id, first.row.id);
    assert_int_equal(after.body_id, first.row.body_id);
    assert_int_equal(contract_sweep(c), 1);

    assert_int_equal(story_rm(c, "o", first.row.version), FY_OK);
    story_expect(c, "");
    story_expect_orders(c, "DELETE");
    assert_int_equal(story_rm(c, "o", first.row.version), FY_ENOTFOUND);
}

static void erased_older_version_is_nobodys_news(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    struct fy_cat_upload_finish first = story_upload(c, "o", "1", 0);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    contract_outbox_clear(c);
    struct fy_cat_object_delete gone = story_delete(c, "o", first.row.version);
    assert_int_equal(gone.op.code, FY_OK);
    assert_int_equal(gone.gone, first.row.version);
    story_expect(c, "B2");
    story_expect_orders(c, "");
    assert_int_equal(contract_sweep(c), 1);
}

static void erased_marker_shows_what_it_deleted(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    assert_int_equal(story_rm(c, "o", story_of(c).numbers[0]), FY_OK);
    story_expect(c, "B1");
    story_expect_orders(c, "CREATE1 DELETE CREATE1");

    /* Under a marker that is the newest there may be another. */
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    story_expect(c, "M B2 M B1");
    story_expect_orders(c, "DELETE CREATE2 DELETE");
    struct story story = story_of(c);
    assert_int_equal(story_rm(c, "o", story.numbers[1]), FY_OK);
    story_expect_orders(c, "");
    assert_int_equal(story_rm(c, "o", story.numbers[0]), FY_OK);
    story_expect(c, "M B1");
    story_expect_orders(c, "");
    assert_int_equal(story_rm(c, "o", story.numbers[3]), FY_OK);
    assert_int_equal(story_rm(c, "o", story.numbers[2]), FY_OK);
    story_expect(c, "");
    story_expect_orders(c, "");
    assert_int_equal(story_rm(c, "o", 0), FY_OK); /* it was deleted before */
}

static struct fy_cat_object_delete delete_by_id(struct contract *c, int64_t version)
{
    struct fy_cat_object_delete op = {.op.kind = FY_CAT_OBJECT_DELETE,
                                      .key = story_key("o"),
                                      .client = STORY_ACCOUNT,
                                      .version = version,
                                      .newest_by_rules = true};
    c->clock.now_ms += 10;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op;
}

static void version_that_is_deleted_again_by_its_id_is_not_erased(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    struct story story = story_of(c);
    int64_t second = story.numbers[0], first = story.numbers[1];
    assert_false(delete_by_id(c, first).already); /* an older one goes alone */
    story_expect(c, "B2");
    assert_true(delete_by_id(c, second).marker);
    contract_outbox_clear(c);
    assert_true(delete_by_id(c, second).already);
    story_expect(c, "M B2");
    assert_int_equal(story_put(c, "o", "333"), FY_OK);
    assert_true(delete_by_id(c, second).already); /* whatever was written since */
    story_expect(c, "B3 M B2");
    assert_true(delete_by_id(c, story_of(c).numbers[0]).marker);
    assert_true(delete_by_id(c, second).already);
    story_expect(c, "M B3 M B2");
    story_expect_orders(c, "CREATE3 DELETE");
    assert_int_equal(story_rm(c, "o", second), FY_OK);
    story_expect(c, "M B3 M");
}

static void delete_erases_where_no_version_is_kept(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    story_set(c, "sys.m2.policy.version", "1");
    contract_outbox_clear(c);
    struct fy_cat_object_delete gone = story_delete(c, "o", 0);
    assert_int_equal(gone.op.code, FY_OK);
    assert_false(gone.marker);
    story_expect(c, "B1");
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    story_expect(c, "");
    story_expect_orders(c, "CREATE1 DELETE");
    assert_int_equal(contract_totals(c).kept_objects, 1);
}

static void where_versions_are_disabled_none_can_be_named(void **state)
{
    struct contract *c = *state;
    story_setup(c, "0");
    struct fy_cat_upload_finish first = story_upload(c, "o", "1", 0);
    assert_int_equal(story_put(c, "o", "22"), FY_OK);
    story_expect(c, "B2");
    assert_int_equal(story_rm(c, "o", first.row.version), FY_EINPUT);
    assert_int_equal(story_rm(c, "o", 0), FY_OK);
    story_expect(c, "");
}

/* ------------------------------------------------------------------ bounds and states */

static void quota_bounds_what_comes_and_not_what_replaces(void **state)
{
    struct contract *c = *state;
    story_setup(c, "1");
    story_set(c, "sys.m2.quota", "5");
    assert_int_equal(story_put(c, "o", "123"), FY_OK);
    assert_int_equal(story_put(c, "p", "123"), FY_EQUOTA);
    assert_int_equal(story_register(c, "p", "123", 0).op.code, FY_EQUOTA);
    assert_int_equal(story_put(c, "p", "12"), FY_OK);
    assert_int_equal(story_put(c, "q", ""), FY_EQUOTA); /* there is no room for a byte */
    assert_int_equal(story_put(c, "o", "abc"), FY_OK);
    assert_int_equal(story_put(c, "o", "abcd"), FY_EQUOTA);
    story_set(c, "sys.m2.policy.version", "-1");
    assert_int_equal(story_put(c, "o", "x"), FY_EQUOTA);
    assert_int_equal(story_rm(c, "p", 0), FY_OK); /* a version of it is there still */
    assert_int_equal(story_put(c, "o", "x"), FY_EQUOTA);
    assert_int_equal(contract_info(c, STORY_ACCOUNT, STORY_NAME).bytes, 5);
    /* What other sites have is had here. */
    story_apply(c, FY_ACTION_CREATE, "abcdefgh");
    assert_int_equal(contract_info(c, STORY_ACCOUNT, STORY_NAME).bytes, 13);
}

static void frozen_container_takes_orders_and_no_changes(void **state)
{
    struct contract *c = *state;
    story_setup(c, "1");
    assert_int_equal(story_put(c, "o", "1"), FY_OK);
    story_set(c, "sys.status", "4294967295");
    assert_int_equal(story_put(c, "o", "22"), FY_EFROZEN);
    assert_int_equal(story_rm(c, "o", 0), FY_EFROZEN);
    assert_int_equal(story_register(c, "o", "22", 0).op.code, FY_EFROZEN);
    story_apply(c, FY_ACTION_CREATE, "333");
    assert_int_equal(story_seen(c, "o"), 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_policy(void)
{
    const struct CMUnitTest tests[] = {
        TEST(name_is_written_again_and_one_version_is_there),
        TEST(object_is_seen_while_it_is_written_again),
        TEST(ccs_never_writes_a_name_again),
        TEST(bucket_of_ccs_is_written_once_by_rules_too),
        TEST(versions_are_kept_with_all_that_is_known_of_them),
        TEST(number_that_is_given_is_the_versions),
        TEST(number_is_above_one_that_lies_in_the_future),
        TEST(number_that_leaves_no_room_is_refused),
        TEST(what_exceeds_the_policy_goes_when_the_container_says_so),
        TEST(delete_leaves_a_marker_where_versions_are_kept),
        TEST(erased_newest_version_gives_way_to_the_next_older_one),
        TEST(erased_older_version_is_nobodys_news),
        TEST(erased_marker_shows_what_it_deleted),
        TEST(version_that_is_deleted_again_by_its_id_is_not_erased),
        TEST(delete_erases_where_no_version_is_kept),
        TEST(where_versions_are_disabled_none_can_be_named),
        TEST(quota_bounds_what_comes_and_not_what_replaces),
        TEST(frozen_container_takes_orders_and_no_changes),
    };
    return cmocka_run_group_tests_name("catalogue policy", tests, NULL, NULL);
}
