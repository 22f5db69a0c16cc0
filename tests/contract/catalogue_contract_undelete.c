/* catalogue_contract_undelete.c - deleted objects: kept for a while, brought back, let go of. */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

static enum fy_code undelete(struct contract *c, const char *client, const char *object)
{
    struct fy_cat_undelete op = {.op.kind = FY_CAT_UNDELETE,
                                 .key = contract_key("", "bucket-1", object)};
    assert_true(fy_text_copy(op.client, sizeof op.client, client));
    assert_true(fy_text_copy(op.op_id, sizeof op.op_id, "op-undelete"));
    return contract_run(c, &op.op);
}

static void forget_before(struct contract *c, int64_t before_ms)
{
    struct fy_cat_purge op = {.op.kind = FY_CAT_PURGE, .kept_before_ms = before_ms, .limit = 99};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

/* An object with all there is to know of it, as an order brought it. */
static void setup_object(struct contract *c, const char *object, const char *bytes)
{
    struct fy_cat_apply op =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", object, bytes, 10);
    op.facts = (struct fy_object_facts){
        .creation_ms = 777, .expires_ms = 888, .metadata = "{\"color\":\"red\"}"};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static void setup_deleted(struct contract *c, const char *object, const char *bytes)
{
    setup_object(c, object, bytes);
    c->clock.now_ms += 100;
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", object), FY_OK);
}

static void deleted_object_comes_back_as_it_was_with_a_newer_stamp(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    setup_object(c, "o", "hello");
    struct fy_object_row before = contract_object(c, "bucket-1", "o");
    c->clock.now_ms += 100;
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    struct fy_object_row deleted = contract_object(c, "bucket-1", "o");
    assert_true(deleted.kept);
    assert_int_equal(deleted.size, 5);
    assert_int_equal(contract_totals(c).kept_objects, 1);
    assert_int_equal(contract_totals(c).kept_bytes, 5);
    assert_int_equal(contract_sweep(c), 0);
    contract_outbox_clear(c);

    assert_int_equal(undelete(c, "client-1", "o"), FY_OK);
    struct fy_object_row after = contract_object(c, "bucket-1", "o");
    assert_int_equal(after.reg.status, FY_STATUS_READY);
    assert_true(fy_stamp_compare(&after.reg.stamp, &deleted.reg.stamp) > 0);
    assert_string_equal(after.reg.stamp.site, CONTRACT_SITE);
    assert_int_equal(after.body_id, before.body_id);
    assert_int_equal(after.size, 5);
    assert_int_equal(after.facts.creation_ms, 777);
    assert_int_equal(after.facts.expires_ms, 888);
    assert_string_equal(after.facts.metadata, "{\"color\":\"red\"}");
    assert_string_equal(after.facts.hash, before.facts.hash);
    assert_int_equal(after.proof, before.proof);
    assert_false(after.kept);
    assert_int_equal(contract_totals(c).kept_objects, 0);
    assert_int_equal(contract_totals(c).kept_bytes, 0);
    assert_int_equal(contract_totals(c).objects, 1);
    assert_int_equal(contract_totals(c).bytes, 5);
}

static void undelete_is_told_to_the_other_sites_as_an_upload_is(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    setup_deleted(c, "o", "hello");
    contract_outbox_clear(c);
    assert_int_equal(undelete(c, "client-1", "o"), FY_OK);
    assert_int_equal(contract_outbox_count(c), 1);
    char *json = contract_outbox(c, 0);
    assert_non_null(strstr(json, "\"CREATE\""));
    assert_non_null(strstr(json, contract_object(c, "bucket-1", "o").facts.hash));
    free(json);
    assert_int_equal(contract_outcome(c, "op-undelete"), FY_OUTCOME_LOCAL);
}

static void object_that_an_order_deleted_comes_back_as_well(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    setup_object(c, "o", "hello");
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", "hello", 20),
                     FY_OK);
    /* And again by a newer one: what it was before is what is kept. */
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", "hello", 30),
                     FY_OK);
    assert_int_equal(contract_totals(c).kept_objects, 1);
    assert_int_equal(undelete(c, "client-1", "o"), FY_OK);
    assert_int_equal(contract_object(c, "bucket-1", "o").facts.creation_ms, 777);
}

/* An order for the bytes that are kept moves none: they are here. */
static void body_that_is_kept_is_there_to_be_linked_to(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    setup_deleted(c, "o", "hello");
    struct fy_cat_apply link =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "hello", 5000);
    struct fy_cat_look look = {.order = &link.order};
    assert_int_equal(fy_catalogue_look(c->catalogue, &look, 1, &c->err), FY_OK);
    assert_int_not_equal(look.body_id, 0);
    link.blob_ref[0] = '\0';
    link.link_body_id = look.body_id;
    assert_int_equal(contract_run(c, &link.op), FY_OK);
    assert_int_equal(contract_totals(c).kept_objects, 0);
    assert_int_equal(contract_sweep(c), 0);
    assert_int_equal(undelete(c, "client-1", "o"), FY_EEXISTS);
}

static void what_is_made_anew_lets_go_of_what_was_kept(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    setup_deleted(c, "o", "hello");
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "other"), FY_OK);
    assert_int_equal(contract_totals(c).kept_objects, 0);
    assert_int_equal(contract_totals(c).kept_bytes, 0);
    assert_int_equal(contract_sweep(c), 1);
    /* Deleted once more, it is this one that comes back. */
    c->clock.now_ms += 100;
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    assert_int_equal(undelete(c, "client-1", "o"), FY_OK);
    struct fy_digest digest;
    contract_digest("other", &digest);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    assert_true(fy_digest_equal(&row.reg.digest, &digest));
}

static void what_was_deleted_too_long_ago_is_gone(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    setup_deleted(c, "old", "1");
    int64_t deleted_ms = c->clock.now_ms;
    setup_deleted(c, "new", "22");
    forget_before(c, deleted_ms + 1);
    assert_int_equal(contract_totals(c).kept_objects, 1);
    assert_int_equal(contract_totals(c).kept_bytes, 2);
    assert_int_equal(contract_sweep(c), 1);
    assert_int_equal(undelete(c, "client-1", "old"), FY_ENOTFOUND);
    assert_false(contract_object(c, "bucket-1", "old").kept);
    assert_int_equal(undelete(c, "client-1", "new"), FY_OK);
}

/* A tombstone that ages out takes what it keeps with it, whichever time is the longer. */
static void tombstone_that_is_forgotten_lets_go(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    setup_deleted(c, "o", "hello");
    struct fy_cat_purge op = {
        .op.kind = FY_CAT_PURGE, .tombstones_before_ms = INT64_MAX, .limit = 1};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_int_equal(op.purged, 1);
    assert_int_equal(contract_totals(c).kept_objects, 0);
    assert_int_equal(contract_sweep(c), 1);
}

static void undelete_needs_what_an_upload_needs(void **state)
{
    struct contract *c = *state;
    assert_int_equal(undelete(c, "client-1", "o"), FY_ENOTFOUND); /* the bucket */
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(undelete(c, "client-1", "o"), FY_ENOTFOUND);
    setup_object(c, "o", "hello");
    assert_int_equal(undelete(c, "client-1", "o"), FY_EEXISTS);
    c->clock.now_ms += 100;
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    assert_int_equal(undelete(c, "client-2", "o"), FY_EFORBIDDEN);
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(undelete(c, "client-1", "o"), FY_ENOTACCEPT);
    assert_int_equal(contract_fail(c, &begin), FY_OK);
    assert_int_equal(undelete(c, "client-1", "o"), FY_OK); /* the upload changed nothing */
}

static void damaged_body_is_not_brought_back(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    setup_object(c, "o", "hello");
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    c->clock.now_ms += 100;
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    struct fy_cat_damage damage = {.op.kind = FY_CAT_DAMAGE, .damage = FY_DAMAGE_HASH};
    damage.body.id = row.body_id;
    damage.body.digest = row.reg.digest;
    memcpy(damage.body.blob_ref, row.blob_ref, sizeof damage.body.blob_ref);
    assert_int_equal(contract_run(c, &damage.op), FY_OK);
    assert_int_equal(undelete(c, "client-1", "o"), FY_ENOTFOUND);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_DELETED);
}

static enum fy_code undelete_in(struct contract *c, const char *object, int64_t *size)
{
    struct fy_cat_undelete op = {.op.kind = FY_CAT_UNDELETE,
                                 .key = contract_key("A", "c", object),
                                 .client = "A",
                                 .op_id = "un"};
    enum fy_code code = contract_run(c, &op.op);
    *size = op.size;
    return code;
}

/* Nothing was thrown away: without the marker the version behind it is there again. */
static void object_that_a_delete_marker_hides_is_brought_back(void **state)
{
    struct contract *c = *state;
    int64_t size = 0;
    struct fy_object_key key = contract_key("A", "c", "o");
    struct fy_object_row before, row;
    assert_int_equal(contract_make(c, "A", "c"), FY_OK);
    assert_int_equal(contract_set(c, "A", "c", "sys.m2.policy.version", "-1"), FY_OK);
    assert_int_equal(contract_put_in(c, "A", "c", "o", "one"), FY_OK);
    assert_int_equal(contract_put_in(c, "A", "c", "o", "newer"), FY_OK);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &before, &c->err), FY_OK);
    assert_int_equal(undelete_in(c, "o", &size), FY_EEXISTS);
    assert_int_equal(contract_rm_in(c, "A", "c", "o"), FY_OK);
    contract_outbox_clear(c);

    assert_int_equal(undelete_in(c, "o", &size), FY_OK);
    assert_int_equal(size, strlen("newer"));
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    assert_int_equal(row.reg.status, FY_STATUS_READY);
    assert_int_equal(row.version, before.version);
    assert_string_equal(row.id, before.id);
    assert_true(fy_stamp_compare(&row.reg.stamp, &before.reg.stamp) > 0);
    assert_int_equal(contract_outbox_count(c), 1); /* the other sites have it again, too */
    assert_int_equal(undelete_in(c, "o", &size), FY_EEXISTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_undelete(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deleted_object_comes_back_as_it_was_with_a_newer_stamp),
        TEST(undelete_is_told_to_the_other_sites_as_an_upload_is),
        TEST(object_that_an_order_deleted_comes_back_as_well),
        TEST(body_that_is_kept_is_there_to_be_linked_to),
        TEST(what_is_made_anew_lets_go_of_what_was_kept),
        TEST(what_was_deleted_too_long_ago_is_gone),
        TEST(tombstone_that_is_forgotten_lets_go),
        TEST(undelete_needs_what_an_upload_needs),
        TEST(damaged_body_is_not_brought_back),
        TEST(object_that_a_delete_marker_hides_is_brought_back),
    };
    return cmocka_run_group_tests_name("catalogue undelete", tests, NULL, NULL);
}
