/* catalogue_contract_upload.c - the life of an upload, and of an object that clients delete. */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

static int upload_setup(void **state)
{
    (void)contract_setup(state); /* asserts by itself */
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    contract_outbox_clear(c);
    return 0;
}

static void finished_upload_is_ready_with_one_order(void **state)
{
    struct contract *c = *state;
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "dir/o1");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "dir/o1"), FY_STATUS_UPLOAD);
    assert_int_equal(contract_outbox_count(c), 0);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "hello");
    memcpy(finish.facts.metadata, "{\"a\":\"b\"}", sizeof "{\"a\":\"b\"}");
    finish.facts.expires_ms = CONTRACT_T0 + 5;
    assert_int_equal(contract_run(c, &finish.op), FY_OK);

    struct fy_object_row row = contract_object(c, "bucket-1", "dir/o1");
    assert_int_equal(row.reg.status, FY_STATUS_READY);
    assert_int_equal(row.size, 5);
    assert_int_equal(strlen(row.id), FY_GUID_DIGITS);
    assert_string_equal(row.facts.hash, "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i0");
    assert_string_equal(row.facts.metadata, "{\"a\":\"b\"}");
    assert_int_equal(row.facts.creation_ms, CONTRACT_T0);
    assert_int_equal(row.facts.expires_ms, CONTRACT_T0 + 5);
    assert_string_equal(row.blob_ref, finish.blob_ref);
    assert_int_equal(row.proof, FY_PROOF_PROMISE);
    assert_memory_equal(&row, &finish.row, sizeof row);

    char *json = contract_outbox(c, 0);
    assert_int_equal(contract_outbox_count(c), 1);
    assert_non_null(strstr(json, "\"objectName\":\"dir/o1\""));
    assert_non_null(strstr(json, "\"size\":5"));
    assert_non_null(strstr(json, row.facts.hash));
    free(json);
    struct fy_catalogue_totals totals = contract_totals(c);
    assert_int_equal(totals.objects, 1);
    assert_int_equal(totals.bytes, 5);
    assert_int_equal(contract_outcome(c, "put"), FY_OUTCOME_LOCAL);
}

static void given_hash_and_creation_are_kept(void **state)
{
    struct contract *c = *state;
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "hello");
    memcpy(finish.facts.hash, "opaque", sizeof "opaque");
    finish.facts.creation_ms = 12345;
    assert_int_equal(contract_run(c, &finish.op), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    assert_string_equal(row.facts.hash, "opaque");
    assert_int_equal(row.facts.creation_ms, 12345);
    char *json = contract_outbox(c, 0); /* promises what was computed, not what was said */
    assert_non_null(strstr(json, "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i0"));
    free(json);
}

static void upload_is_refused_as_the_accessor_refuses_it(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_put(c, "client-1", "bucket-2", "o", "x"), FY_ENOTFOUND);
    assert_int_equal(contract_put(c, "client-2", "bucket-1", "o", "x"), FY_EFORBIDDEN);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_UNKNOWN);
    struct fy_cat_upload_begin first = contract_begin("client-1", "bucket-1", "o");
    struct fy_cat_upload_begin second = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &first.op), FY_OK);
    assert_int_equal(contract_run(c, &second.op), FY_ENOTACCEPT);
    struct fy_cat_upload_finish finish = contract_finish(c, &first, "x");
    assert_int_equal(contract_run(c, &finish.op), FY_OK);
    assert_int_equal(contract_run(c, &second.op), FY_EEXISTS);
}

static void client_with_a_right_writes_and_its_order_names_the_account(void **state)
{
    struct contract *c = *state;
    struct fy_cat_right right = {.op.kind = FY_CAT_RIGHT,
                                 .action = FY_RIGHT_INSERT,
                                 .row = {"client-2", "bucket-1", FY_RIGHT_WRITE}};
    assert_int_equal(contract_run(c, &right.op), FY_OK);
    assert_int_equal(contract_put(c, "client-2", "bucket-1", "o", "x"), FY_OK);
    char *json = contract_outbox(c, 0);
    assert_non_null(strstr(json, "\"clientId\":\"client-2\""));
    assert_non_null(strstr(json, "\"account\":\"client-1\""));
    free(json);
    assert_int_equal(contract_rm(c, "client-2", "bucket-1", "o"), FY_EFORBIDDEN);
}

/* An upload that never was begun: token 0. */
static enum fy_code put_at_once(struct contract *c, const char *client, const char *bucket,
                                const char *object, const char *bytes)
{
    struct fy_cat_upload_begin never = contract_begin(client, bucket, object);
    struct fy_cat_upload_finish finish = contract_finish(c, &never, bytes);
    return contract_run(c, &finish.op);
}

static void upload_without_a_begin_is_ready_with_one_order(void **state)
{
    struct contract *c = *state;
    assert_int_equal(put_at_once(c, "client-1", "bucket-1", "o", "hello"), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    assert_int_equal(row.reg.status, FY_STATUS_READY);
    assert_int_equal(row.size, 5);
    assert_int_equal(contract_outbox_count(c), 1);
    assert_int_equal(contract_totals(c).objects, 1);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    assert_int_equal(put_at_once(c, "client-1", "bucket-1", "o", "again"), FY_OK);
    assert_true(contract_object(c, "bucket-1", "o").reg.stamp.time > row.reg.stamp.time);
}

static void upload_without_a_begin_is_refused_as_a_begin_is(void **state)
{
    struct contract *c = *state;
    assert_int_equal(put_at_once(c, "client-1", "bucket-2", "o", "x"), FY_ENOTFOUND);
    assert_int_equal(put_at_once(c, "client-2", "bucket-1", "o", "x"), FY_EFORBIDDEN);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_UNKNOWN);
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(put_at_once(c, "client-1", "bucket-1", "o", "x"), FY_ENOTACCEPT);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "y");
    assert_int_equal(contract_run(c, &finish.op), FY_OK);
    assert_int_equal(put_at_once(c, "client-1", "bucket-1", "o", "x"), FY_EEXISTS);
    assert_int_equal(contract_object(c, "bucket-1", "o").size, 1);
    assert_int_equal(contract_outbox_count(c), 1);
}

/* What a dead process began counts as an error, which an upload may replace. */
static void upload_without_a_begin_replaces_one_of_a_dead_process(void **state)
{
    struct contract *c = *state;
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    contract_reopen(c);
    assert_int_equal(put_at_once(c, "client-1", "bucket-1", "o", "x"), FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_READY);
}

static void failed_upload_of_a_new_name_is_an_error_that_may_be_replaced(void **state)
{
    struct contract *c = *state;
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(contract_fail(c, &begin), FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_ERR_UPL);
    assert_int_equal(contract_outbox_count(c), 0);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "x"), FY_OK);
    assert_int_equal(contract_fail(c, &begin), FY_OK); /* late, and no longer its row */
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_READY);
}

static void failed_upload_over_a_tombstone_leaves_the_tombstone(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "x"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    struct fy_object_row before = contract_object(c, "bucket-1", "o");
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    struct fy_object_row during = contract_object(c, "bucket-1", "o");
    assert_int_equal(during.reg.status, FY_STATUS_UPLOAD);
    assert_int_equal(during.reg.stamp.time, before.reg.stamp.time);
    assert_int_equal(contract_fail(c, &begin), FY_OK);
    struct fy_object_row after = contract_object(c, "bucket-1", "o");
    assert_memory_equal(&before, &after, sizeof before);
}

static void upload_of_a_dead_process_is_an_error_everywhere(void **state)
{
    struct contract *c = *state;
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    contract_reopen(c);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    assert_int_equal(row.reg.status, FY_STATUS_ERR_UPL);
    assert_false(row.reg.upload_alive);
    struct fy_cat_upload_finish late = contract_finish(c, &begin, "x");
    assert_int_equal(contract_run(c, &late.op), FY_ECANCELLED);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "x"), FY_OK);
}

static void dead_upload_over_a_tombstone_keeps_the_tombstones_stamp(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", NULL, 500),
                     FY_OK);
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    contract_reopen(c);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 400),
                     FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_ERR_UPL);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 600),
                     FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_READY);
}

static void order_that_makes_the_object_ready_wins_over_the_upload(void **state)
{
    struct contract *c = *state;
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "far", 10),
                     FY_OK);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "near");
    assert_int_equal(contract_run(c, &finish.op), FY_EEXISTS);
    assert_int_equal(contract_fail(c, &begin), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    assert_int_equal(row.reg.status, FY_STATUS_READY);
    assert_int_equal(row.size, 3);
    assert_int_equal(contract_outbox_count(c), 0);
}

static void upload_goes_on_over_a_tombstone_that_an_order_wrote(void **state)
{
    struct contract *c = *state;
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", NULL, 9000),
                     FY_OK);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "near");
    assert_int_equal(contract_run(c, &finish.op), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    struct fy_stamp tombstone = contract_stamp(9000, CONTRACT_OTHER);
    assert_true(fy_stamp_compare(&row.reg.stamp, &tombstone) > 0);
    assert_int_equal(row.reg.status, FY_STATUS_READY);
}

static void upload_into_a_bucket_that_went_is_refused(void **state)
{
    struct contract *c = *state;
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "x");
    assert_int_equal(contract_run(c, &finish.op), FY_ENOTFOUND);
    assert_int_equal(contract_totals(c).objects, 0);
}

static void deleted_object_is_a_tombstone_and_its_order_says_what_it_was(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "hello"), FY_OK);
    struct fy_object_row ready = contract_object(c, "bucket-1", "o");
    contract_outbox_clear(c);
    c->clock.now_ms += 9;
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);

    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    assert_int_equal(row.reg.status, FY_STATUS_DELETED);
    assert_false(row.reg.has_digest);
    assert_string_equal(row.blob_ref, "");
    assert_int_equal(row.facts.creation_ms, CONTRACT_T0 + 9);
    assert_string_equal(row.facts.hash, ready.facts.hash);
    assert_true(fy_stamp_compare(&row.reg.stamp, &ready.reg.stamp) > 0);
    char *json = contract_outbox(c, 0);
    assert_non_null(strstr(json, "\"action\":\"DELETE\""));
    assert_non_null(strstr(json, ready.facts.hash));
    free(json);
    assert_int_equal(contract_totals(c).objects, 0);
    assert_int_equal(contract_totals(c).bytes, 0);
}

static void deleting_again_writes_nothing(void **state)
{
    struct contract *c = *state;
    struct fy_cat_object_delete op = {.op.kind = FY_CAT_OBJECT_DELETE,
                                      .key = contract_key("", "bucket-1", "o"),
                                      .client = "client-1"};
    assert_int_equal(contract_run(c, &op.op), FY_ENOTFOUND);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "x"), FY_OK);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_false(op.already);
    contract_outbox_clear(c);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_true(op.already);
    assert_int_equal(contract_outbox_count(c), 0);
}

static void exact_names_are_reached_by_their_account(void **state)
{
    struct contract *c = *state;
    struct fy_cat_upload_begin begin = contract_begin("Client One", "Bucket é", "../a\nb?");
    struct fy_object_row row;
    memcpy(begin.key.account, "Client One", sizeof "Client One");
    assert_int_equal(contract_mkbucket(c, "Client One", "Bucket é"), FY_OK);
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "x");
    assert_int_equal(contract_run(c, &finish.op), FY_OK);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &begin.key, &row, &c->err), FY_OK);
    assert_string_equal(row.name, "../a\nb?");
}

static void stamps_are_above_those_of_the_process_before(void **state)
{
    struct contract *c = *state;
    c->clock.now_ms += 3600LL * 1000; /* a clock that will be set back */
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "x"), FY_OK);
    struct fy_object_row before = contract_object(c, "bucket-1", "o1");
    c->clock.now_ms = CONTRACT_T0;
    contract_reopen(c);
    assert_true(c->start_time > before.reg.stamp.time);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "x"), FY_OK);
    struct fy_object_row after = contract_object(c, "bucket-1", "o2");
    assert_true(fy_stamp_compare(&after.reg.stamp, &before.reg.stamp) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, upload_setup, contract_teardown)

int catalogue_contract_upload(void)
{
    const struct CMUnitTest tests[] = {
        TEST(finished_upload_is_ready_with_one_order),
        TEST(given_hash_and_creation_are_kept),
        TEST(upload_is_refused_as_the_accessor_refuses_it),
        TEST(client_with_a_right_writes_and_its_order_names_the_account),
        TEST(upload_without_a_begin_is_ready_with_one_order),
        TEST(upload_without_a_begin_is_refused_as_a_begin_is),
        TEST(upload_without_a_begin_replaces_one_of_a_dead_process),
        TEST(failed_upload_of_a_new_name_is_an_error_that_may_be_replaced),
        TEST(failed_upload_over_a_tombstone_leaves_the_tombstone),
        TEST(upload_of_a_dead_process_is_an_error_everywhere),
        TEST(dead_upload_over_a_tombstone_keeps_the_tombstones_stamp),
        TEST(order_that_makes_the_object_ready_wins_over_the_upload),
        TEST(upload_goes_on_over_a_tombstone_that_an_order_wrote),
        TEST(upload_into_a_bucket_that_went_is_refused),
        TEST(deleted_object_is_a_tombstone_and_its_order_says_what_it_was),
        TEST(deleting_again_writes_nothing),
        TEST(exact_names_are_reached_by_their_account),
        TEST(stamps_are_above_those_of_the_process_before),
    };
    return cmocka_run_group_tests_name("catalogue uploads", tests, NULL, NULL);
}
