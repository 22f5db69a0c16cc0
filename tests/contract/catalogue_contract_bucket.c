/* catalogue_contract_bucket.c - buckets: local operations, registers, the name that CCS sees,
 * rights. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

static void created_bucket_is_there_with_its_owner_and_one_order(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);

    struct fy_container_row row = contract_container(c, "", "bucket-1");
    assert_string_equal(row.account, "client-1");
    assert_int_equal(row.status, FY_STATUS_READY);
    assert_int_equal(row.reg.status, FY_STATUS_READY);
    assert_string_equal(row.reg.stamp.site, CONTRACT_SITE);
    assert_int_equal(row.creation_ms, CONTRACT_T0);
    assert_true(row.ccs_visible);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), FY_RIGHT_OWNER);
    assert_int_equal(contract_outbox_count(c), 1);
    assert_int_equal(contract_outcome(c, "mk"), FY_OUTCOME_LOCAL);
    assert_int_equal(contract_totals(c).containers, 1);

    char *json = contract_outbox(c, 0);
    char stamp[FY_STAMP_TEXT_BYTES];
    fy_stamp_print(&row.reg.stamp, stamp);
    assert_non_null(strstr(json, "\"action\":\"CREATE\""));
    assert_non_null(strstr(json, "\"fromSite\":\"site-a\""));
    assert_non_null(strstr(json, "\"toSite\":null"));
    assert_non_null(strstr(json, "\"objectName\":null"));
    assert_non_null(strstr(json, stamp));
    assert_non_null(strstr(json, "orderedAt"));
    assert_non_null(strstr(json, "\"account\":\"client-1\"")); /* whoever acts */
    free(json);
}

static void bucket_that_is_there_is_refused_to_everyone(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_EEXISTS);
    assert_int_equal(contract_mkbucket(c, "client-2", "bucket-1"), FY_EEXISTS);
    assert_int_equal(contract_outbox_count(c), 1);
    assert_int_equal(contract_container_code(c, "client-2", "bucket-1"), FY_ENOTFOUND);
}

static void bucket_delete_is_refused_as_the_accessor_refuses_it(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_ENOTFOUND);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    contract_outbox_clear(c);
    assert_int_equal(contract_rmbucket(c, "client-2", "bucket-1"), FY_EFORBIDDEN);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_ENOTACCEPT);
    assert_int_equal(contract_outbox_count(c), 0);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_EGONE);
}

static void deleted_bucket_is_a_tombstone_without_rights(void **state)
{
    struct contract *c = *state;
    struct fy_cat_right right = {.op.kind = FY_CAT_RIGHT,
                                 .action = FY_RIGHT_INSERT,
                                 .row = {"client-2", "bucket-1", FY_RIGHT_READ}};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_run(c, &right.op), FY_OK);
    contract_outbox_clear(c);
    c->clock.now_ms += 5000;
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);

    struct fy_container_row row = contract_container(c, "", "bucket-1");
    assert_int_equal(row.status, FY_STATUS_DELETED);
    assert_int_equal(row.creation_ms, CONTRACT_T0 + 5000);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), -1);
    assert_int_equal(contract_right(c, "client-2", "bucket-1"), -1);
    assert_int_equal(contract_totals(c).containers, 0);
    char *json = contract_outbox(c, 0);
    assert_non_null(strstr(json, "\"action\":\"DELETE\""));
    free(json);
}

static void deleted_name_belongs_to_whoever_creates_it_next(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-2", "bucket-1"), FY_OK);
    assert_string_equal(contract_container(c, "", "bucket-1").account, "client-2");
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), -1);
    assert_int_equal(contract_right(c, "client-2", "bucket-1"), FY_RIGHT_OWNER);
    assert_false(contract_container(c, "client-1", "bucket-1").ccs_visible);
}

static void recreated_bucket_has_a_stamp_above_its_tombstone(void **state)
{
    struct contract *c = *state;
    /* A tombstone from a site whose clock is ahead. */
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "", NULL, 60000),
                     FY_OK);
    assert_int_equal(contract_container(c, "", "bucket-1").status, FY_STATUS_DELETED);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    struct fy_stamp tombstone = contract_stamp(60000, CONTRACT_OTHER);
    struct fy_container_row row = contract_container(c, "", "bucket-1");
    assert_true(fy_stamp_compare(&row.reg.stamp, &tombstone) > 0);
    assert_int_equal(row.status, FY_STATUS_READY);
}

static void bucket_orders_apply_by_stamp_and_write_no_order(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply create =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "", NULL, 10);
    struct fy_cat_apply delete =
        contract_order(c, FY_ACTION_DELETE, "client-1", "bucket-1", "", NULL, 20);
    assert_int_equal(contract_run(c, &create.op), FY_OK);
    assert_int_equal(create.verdict, FY_VERDICT_APPLY);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), FY_RIGHT_OWNER);
    assert_int_equal(contract_run(c, &delete.op), FY_OK);
    assert_int_equal(delete.verdict, FY_VERDICT_APPLY);
    assert_int_equal(contract_run(c, &delete.op), FY_OK);
    assert_int_equal(delete.verdict, FY_VERDICT_DUPLICATE);
    assert_int_equal(contract_run(c, &create.op), FY_OK);
    assert_int_equal(create.verdict, FY_VERDICT_SUPERSEDED);
    assert_int_equal(contract_container(c, "", "bucket-1").status, FY_STATUS_DELETED);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), -1);
    assert_int_equal(contract_outbox_count(c), 0);
}

static void deleted_bucket_stays_while_an_object_is_in_it(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "2"), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "", NULL, 60000),
                     FY_OK);
    struct fy_container_row row = contract_container(c, "", "bucket-1");
    assert_int_equal(row.status, FY_STATUS_READY);
    assert_int_equal(row.reg.status, FY_STATUS_DELETED);
    assert_int_equal(row.creation_ms, CONTRACT_T0);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), FY_RIGHT_OWNER);

    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o1"), FY_OK);
    assert_int_equal(contract_container(c, "", "bucket-1").status, FY_STATUS_READY);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o2"), FY_OK);
    assert_int_equal(contract_container(c, "", "bucket-1").status, FY_STATUS_DELETED);
    assert_int_equal(contract_container(c, "", "bucket-1").creation_ms, CONTRACT_T0 + 60000);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), -1);
    assert_int_equal(contract_totals(c).containers, 0);
}

static void object_before_its_bucket_makes_the_bucket_be_there(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 30);
    apply.bucket = (struct fy_bucket_facts){.known = true,
                                            .present = true,
                                            .stamp = contract_stamp(5, CONTRACT_OTHER),
                                            .creation_ms = CONTRACT_T0 - 77,
                                            .expires_ms = CONTRACT_T0 + 99};
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    struct fy_container_row row = contract_container(c, "", "bucket-1");
    assert_int_equal(row.status, FY_STATUS_READY);
    assert_int_equal(row.creation_ms, CONTRACT_T0 - 77);
    assert_int_equal(row.expires_ms, CONTRACT_T0 + 99);
    assert_int_equal(row.reg.stamp.time, apply.bucket.stamp.time);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), FY_RIGHT_OWNER);

    /* Its own order comes at last and says nothing new. */
    struct fy_cat_apply create =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "", NULL, 5);
    assert_int_equal(contract_run(c, &create.op), FY_OK);
    assert_int_equal(create.verdict, FY_VERDICT_DUPLICATE);
}

static void object_without_a_description_makes_the_bucket_be_there_too(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 30),
                     FY_OK);
    assert_int_equal(contract_container(c, "", "bucket-1").status, FY_STATUS_READY);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", NULL, 40),
                     FY_OK);
    assert_int_equal(contract_container_code(c, "", "bucket-1"), FY_ENOTFOUND);
    assert_int_equal(contract_totals(c).containers, 0);
}

static void older_description_does_not_win_over_the_register(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "", NULL, 50),
                     FY_OK);
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 30);
    apply.bucket = (struct fy_bucket_facts){
        .known = true, .present = true, .stamp = contract_stamp(5, CONTRACT_OTHER)};
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    struct fy_container_row row = contract_container(c, "", "bucket-1");
    assert_int_equal(row.status, FY_STATUS_READY); /* by the object */
    assert_int_equal(row.reg.status, FY_STATUS_DELETED);
}

static void tombstone_of_an_object_alone_shows_no_bucket(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", NULL, 30),
                     FY_OK);
    assert_int_equal(contract_container_code(c, "", "bucket-1"), FY_ENOTFOUND);
    assert_int_equal(contract_container_code(c, "client-1", "bucket-1"), FY_ENOTFOUND);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
}

/* Whoever keeps rights for a while must hear of it: the name may be another owner's next. */
static void rights_that_come_and_go_with_an_object_are_told(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply comes =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10);
    assert_int_equal(contract_run(c, &comes.op), FY_OK);
    assert_true(comes.rights_changed);
    struct fy_cat_apply more =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "p", "bytes", 11);
    more.rights_changed = true;
    assert_int_equal(contract_run(c, &more.op), FY_OK);
    assert_false(more.rights_changed);
    struct fy_cat_object_delete gone = {.op.kind = FY_CAT_OBJECT_DELETE, .client = "client-1"};
    gone.key = contract_key("client-1", "bucket-1", "p");
    assert_int_equal(contract_run(c, &gone.op), FY_OK);
    assert_false(gone.rights_changed);
    gone.key = contract_key("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &gone.op), FY_OK);
    assert_true(gone.rights_changed);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), -1);
}

/* Two owners, one name: the first is visible, the other replicates all the same. */
static void second_owner_of_a_name_stays_invisible(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-2", "bucket-1", "", NULL, 10),
                     FY_OK);
    assert_string_equal(contract_container(c, "", "bucket-1").account, "client-1");
    struct fy_container_row row = contract_container(c, "client-2", "bucket-1");
    assert_int_equal(row.status, FY_STATUS_READY);
    assert_false(row.ccs_visible);
    assert_int_equal(contract_right(c, "client-2", "bucket-1"), -1);
    assert_int_equal(contract_totals(c).containers, 2);

    /* Its going takes none of the visible one's rights. */
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-2", "bucket-1", "", NULL, 20),
                     FY_OK);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), FY_RIGHT_OWNER);
}

static void order_that_names_no_account_into_an_invisible_container_is_a_conflict(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-2", "bucket-1", "", NULL, 10),
                     FY_OK);
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-2", "bucket-1", "o", "bytes", 20);
    struct fy_cat_look look = {.order = &apply.order};
    assert_int_equal(fy_catalogue_look(c->catalogue, &look, 1, &c->err), FY_OK);
    assert_true(look.invisible);
    assert_int_equal(contract_run(c, &apply.op), FY_EEXISTS);
    assert_int_equal(contract_totals(c).objects, 0);

    memcpy(apply.order.account, "client-2", sizeof "client-2");
    assert_int_equal(fy_catalogue_look(c->catalogue, &look, 1, &c->err), FY_OK);
    assert_false(look.invisible);
    assert_true(look.allowed);
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    struct fy_object_row row;
    struct fy_object_key key = contract_key("client-2", "bucket-1", "o");
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_UNKNOWN);
}

/* Whoever's order is applied first: the sites end alike. */
static void name_that_falls_free_passes_to_the_oldest_that_is_there(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-2", "bucket-1", "", NULL, 10),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-3", "bucket-1", "", NULL, 30),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "Client Four", "bucket-1", "", NULL, 5),
                     FY_OK); /* older, and nothing that CCS can see */
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_string_equal(contract_container(c, "", "bucket-1").account, "client-2");
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), -1);
    assert_int_equal(contract_right(c, "client-2", "bucket-1"), FY_RIGHT_OWNER);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-2", "bucket-1", "", NULL, 40),
                     FY_OK);
    assert_string_equal(contract_container(c, "", "bucket-1").account, "client-3");
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-3", "bucket-1", "", NULL, 50),
                     FY_OK);
    /* Nobody is left that CCS could see: the last one's tombstone answers. */
    assert_int_equal(contract_container(c, "", "bucket-1").status, FY_STATUS_DELETED);
    assert_int_equal(contract_mkbucket(c, "client-5", "bucket-1"), FY_OK);
    assert_string_equal(contract_container(c, "", "bucket-1").account, "client-5");
    assert_int_equal(contract_right(c, "client-5", "bucket-1"), FY_RIGHT_OWNER);
}

static void exact_names_are_never_visible_to_ccs(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "Client One", "Bucket é"), FY_OK);
    assert_int_equal(contract_container_code(c, "", "Bucket é"), FY_ENOTFOUND);
    struct fy_container_row row = contract_container(c, "Client One", "Bucket é");
    assert_false(row.ccs_visible);
    assert_int_equal(row.status, FY_STATUS_READY);
    assert_int_equal(contract_right(c, "Client One", "Bucket é"), -1);
    /* Two accounts may have the same such name. */
    assert_int_equal(contract_mkbucket(c, "Client Two", "Bucket é"), FY_OK);
}

struct names {
    char text[256];
    uint32_t left;
};

static bool collect(void *arg, const struct fy_container_row *row)
{
    struct names *names = arg;
    size_t used = strlen(names->text);
    (void)snprintf(names->text + used, sizeof names->text - used, "%s%s ", row->name,
                   row->status == FY_STATUS_READY ? "+" : "-");
    return --names->left > 0;
}

static void containers_are_listed_by_name_in_all_statuses(void **state)
{
    struct contract *c = *state;
    static const char *const buckets[] = {"bucket-3", "bucket-1", "bucket-2"};
    for (size_t index = 0; index < FY_COUNT_OF(buckets); index++)
        assert_int_equal(contract_mkbucket(c, "client-1", buckets[index]), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "Exact"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-2", "bucket-4"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-2"), FY_OK);

    struct names all = {.left = 99}, ccs = {.left = 99}, page = {.left = 99}, two = {.left = 2};
    assert_int_equal(fy_catalogue_container_list(c->catalogue, "client-1", false, "", 99, collect,
                                                 &all, &c->err),
                     FY_OK);
    assert_string_equal(all.text, "Exact+ bucket-1+ bucket-2- bucket-3+ ");
    assert_int_equal(
        fy_catalogue_container_list(c->catalogue, "client-1", true, "", 99, collect, &ccs, &c->err),
        FY_OK);
    assert_string_equal(ccs.text, "bucket-1+ bucket-2- bucket-3+ ");
    assert_int_equal(fy_catalogue_container_list(c->catalogue, "client-1", false, "bucket-1", 1,
                                                 collect, &page, &c->err),
                     FY_OK);
    assert_string_equal(page.text, "bucket-2- ");
    assert_int_equal(fy_catalogue_container_list(c->catalogue, "client-1", false, "", 99, collect,
                                                 &two, &c->err),
                     FY_OK);
    assert_string_equal(two.text, "Exact+ bucket-1+ ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_bucket(void)
{
    const struct CMUnitTest tests[] = {
        TEST(created_bucket_is_there_with_its_owner_and_one_order),
        TEST(bucket_that_is_there_is_refused_to_everyone),
        TEST(bucket_delete_is_refused_as_the_accessor_refuses_it),
        TEST(deleted_bucket_is_a_tombstone_without_rights),
        TEST(deleted_name_belongs_to_whoever_creates_it_next),
        TEST(recreated_bucket_has_a_stamp_above_its_tombstone),
        TEST(bucket_orders_apply_by_stamp_and_write_no_order),
        TEST(deleted_bucket_stays_while_an_object_is_in_it),
        TEST(object_before_its_bucket_makes_the_bucket_be_there),
        TEST(object_without_a_description_makes_the_bucket_be_there_too),
        TEST(older_description_does_not_win_over_the_register),
        TEST(tombstone_of_an_object_alone_shows_no_bucket),
        TEST(rights_that_come_and_go_with_an_object_are_told),
        TEST(second_owner_of_a_name_stays_invisible),
        TEST(order_that_names_no_account_into_an_invisible_container_is_a_conflict),
        TEST(name_that_falls_free_passes_to_the_oldest_that_is_there),
        TEST(exact_names_are_never_visible_to_ccs),
        TEST(containers_are_listed_by_name_in_all_statuses),
    };
    return cmocka_run_group_tests_name("catalogue buckets", tests, NULL, NULL);
}
