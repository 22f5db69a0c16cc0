/* catalogue_contract_conflict.c - bodies that lost a conflict: kept, listed, dropped, aged out. */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

/* The object's bytes `loser` are replaced by an order of site-b that did not know of them; NULL
 * deletes them. */
static void conflict(struct contract *c, const char *bucket, const char *object, const char *loser,
                     const char *winner)
{
    struct fy_cat_apply op =
        contract_order(c, FY_ACTION_CREATE, "client-1", bucket, object, loser, 10);
    op.facts = (struct fy_object_facts){
        .creation_ms = 777, .expires_ms = 888, .metadata = "{\"color\":\"red\"}"};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    op = contract_order(c, winner == NULL ? FY_ACTION_DELETE : FY_ACTION_CREATE, "client-1", bucket,
                        object, winner == NULL ? "others" : winner, 20);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_true(op.conflict);
}

static struct fy_conflict_filter any(void)
{
    return (struct fy_conflict_filter){.id = -1, .limit = FY_LIST_PAGE_MAX};
}

struct rows {
    size_t count;
    struct fy_conflict_row row[4]; /* the first of them */
};

static bool row_step(void *arg, const struct fy_conflict_row *row)
{
    struct rows *rows = arg;
    if (rows->count < FY_COUNT_OF(rows->row))
        rows->row[rows->count] = *row;
    rows->count++;
    return true;
}

/* Valid until the next call: a row is too large to hand about. */
static const struct rows *rows_of(struct contract *c, const struct fy_conflict_filter *filter)
{
    static struct rows rows;
    rows.count = 0;
    assert_int_equal(fy_catalogue_conflict_list(c->catalogue, filter, row_step, &rows, &c->err),
                     FY_OK);
    return &rows;
}

static size_t count_of(struct contract *c, const char *bucket, const char *site)
{
    struct fy_conflict_filter filter = any();
    assert_true(fy_text_copy(filter.bucket, sizeof filter.bucket, bucket));
    assert_true(fy_text_copy(filter.site, sizeof filter.site, site));
    return rows_of(c, &filter)->count;
}

static void the_object_that_lost_is_kept_as_it_was(void **state)
{
    struct contract *c = *state;
    conflict(c, "bucket-1", "o", "one", "two");
    c->clock.now_ms += 5;
    conflict(c, "bucket-1", "p", "three", NULL);

    struct fy_conflict_filter filter = any();
    const struct rows *rows = rows_of(c, &filter);
    assert_int_equal(rows->count, 2);
    const struct fy_conflict_row *first = &rows->row[0];
    struct fy_stamp stamp = contract_stamp(10, CONTRACT_OTHER);
    struct fy_digest digest;
    contract_digest("one", &digest);
    assert_true(first->id > 0);
    assert_string_equal(first->account, "client-1");
    assert_string_equal(first->bucket, "bucket-1");
    assert_int_equal(first->action, FY_ACTION_CREATE);
    assert_int_equal(first->at_ms, CONTRACT_T0);
    assert_string_equal(first->loser.name, "o");
    assert_int_equal(first->loser.reg.status, FY_STATUS_READY);
    assert_int_equal(fy_stamp_compare(&first->loser.reg.stamp, &stamp), 0);
    assert_true(fy_digest_equal(&first->loser.reg.digest, &digest));
    assert_int_equal(first->loser.size, 3);
    assert_int_equal(first->loser.facts.creation_ms, 777);
    assert_int_equal(first->loser.facts.expires_ms, 888);
    assert_string_equal(first->loser.facts.metadata, "{\"color\":\"red\"}");
    assert_string_not_equal(first->loser.blob_ref, "");
    stamp = contract_stamp(20, CONTRACT_OTHER);
    assert_int_equal(fy_stamp_compare(&first->winner, &stamp), 0);

    assert_int_equal(rows->row[1].action, FY_ACTION_DELETE);
    assert_int_equal(rows->row[1].at_ms, CONTRACT_T0 + 5);
    assert_int_equal(rows->row[1].loser.size, 5);
    /* The object itself is what won. */
    assert_int_equal(contract_object(c, "bucket-1", "o").size, 3);
    assert_string_not_equal(contract_object(c, "bucket-1", "o").blob_ref, first->loser.blob_ref);
    assert_int_equal(contract_status(c, "bucket-1", "p"), FY_STATUS_DELETED);
}

static void filters_and_pages_find_what_they_say(void **state)
{
    struct contract *c = *state;
    conflict(c, "bucket-1", "o", "1", "11");
    conflict(c, "bucket-2", "o", "2", "22");
    conflict(c, "bucket-1", "p", "3", "33");
    struct fy_conflict_filter filter = any();
    int64_t ids[3];
    for (size_t index = 0; index < 3; index++)
        ids[index] = rows_of(c, &filter)->row[index].id;
    assert_true(ids[0] < ids[1]);
    assert_true(ids[1] < ids[2]);

    assert_int_equal(count_of(c, "bucket-1", ""), 2);
    assert_int_equal(count_of(c, "bucket-2", CONTRACT_OTHER), 1);
    assert_int_equal(count_of(c, "bucket-3", ""), 0);
    assert_int_equal(count_of(c, "", CONTRACT_OTHER), 3);
    assert_int_equal(count_of(c, "", CONTRACT_SITE), 0);

    filter.id = ids[1];
    assert_int_equal(rows_of(c, &filter)->count, 1);
    assert_string_equal(rows_of(c, &filter)->row[0].bucket, "bucket-2");
    memcpy(filter.bucket, "bucket-1", sizeof "bucket-1");
    assert_int_equal(rows_of(c, &filter)->count, 0);

    filter.id = -1;
    filter.limit = 1;
    assert_int_equal(rows_of(c, &filter)->row[0].id, ids[0]);
    filter.after_id = ids[0];
    assert_int_equal(rows_of(c, &filter)->count, 1);
    assert_int_equal(rows_of(c, &filter)->row[0].id, ids[2]);
    filter.after_id = ids[2];
    assert_int_equal(rows_of(c, &filter)->count, 0);
}

static bool stop_at_once(void *arg, const struct fy_conflict_row *row)
{
    (void)row;
    ++*(unsigned *)arg;
    return false;
}

static void a_visitor_may_stop(void **state)
{
    struct contract *c = *state;
    unsigned seen = 0;
    conflict(c, "bucket-1", "o", "1", "11");
    conflict(c, "bucket-1", "p", "2", "22");
    struct fy_conflict_filter filter = any();
    assert_int_equal(
        fy_catalogue_conflict_list(c->catalogue, &filter, stop_at_once, &seen, &c->err), FY_OK);
    assert_int_equal(seen, 1);
}

static uint32_t swept(struct contract *c)
{
    struct fy_cat_sweep sweep = {.op.kind = FY_CAT_SWEEP, .limit = 9, .now_ms = c->clock.now_ms};
    contract_forget_deleted(c);
    assert_int_equal(contract_run(c, &sweep.op), FY_OK);
    return sweep.moved;
}

static void dropped_body_is_let_go_of(void **state)
{
    struct contract *c = *state;
    conflict(c, "bucket-1", "o", "1", "11");
    conflict(c, "bucket-1", "p", "2", "22");
    struct fy_conflict_filter all = any();
    int64_t second = rows_of(c, &all)->row[1].id;
    struct fy_cat_conflict_drop drop = {
        .op.kind = FY_CAT_CONFLICT_DROP, .filter = any(), .dry_run = true};
    drop.filter.limit = 1;
    assert_int_equal(contract_run(c, &drop.op), FY_OK);
    assert_int_equal(drop.matched, 1);
    assert_int_equal(contract_totals(c).conflicts, 2);

    drop.dry_run = false;
    assert_int_equal(contract_run(c, &drop.op), FY_OK);
    assert_int_equal(drop.matched, 1);
    assert_int_equal(contract_totals(c).conflicts, 1);
    assert_int_equal(rows_of(c, &all)->row[0].id, second);
    assert_int_equal(swept(c), 1);

    drop.filter.after_id = drop.last_id;
    assert_int_equal(contract_run(c, &drop.op), FY_OK);
    assert_int_equal(drop.last_id, second);
    assert_int_equal(contract_run(c, &drop.op), FY_OK); /* nothing is left above it */
    assert_int_equal(drop.matched, 0);
    assert_int_equal(contract_totals(c).conflicts, 0);
    assert_int_equal(swept(c), 1);
}

/* Who listed it yesterday must not drop another one today. */
static void id_of_a_dropped_one_is_never_given_again(void **state)
{
    struct contract *c = *state;
    struct fy_conflict_filter all = any();
    conflict(c, "bucket-1", "o", "1", "11");
    struct fy_cat_conflict_drop drop = {.op.kind = FY_CAT_CONFLICT_DROP, .filter = any()};
    int64_t first = rows_of(c, &all)->row[0].id;
    assert_int_equal(contract_run(c, &drop.op), FY_OK);
    conflict(c, "bucket-1", "p", "2", "22");
    assert_true(rows_of(c, &all)->row[0].id > first);
}

/* Putting the fetched bytes again restores them, whether or not the body was still kept. */
static void bytes_that_are_put_again_outlive_their_conflict(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    conflict(c, "bucket-1", "o", "one", NULL);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "one"), FY_OK);
    struct fy_cat_purge purge = {
        .op.kind = FY_CAT_PURGE, .conflicts_before_ms = INT64_MAX, .limit = 99};
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(contract_totals(c).conflicts, 0);
    assert_int_equal(swept(c), 0);
    assert_int_equal(contract_object(c, "bucket-1", "o").size, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_conflict(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_object_that_lost_is_kept_as_it_was),
        TEST(filters_and_pages_find_what_they_say),
        TEST(a_visitor_may_stop),
        TEST(dropped_body_is_let_go_of),
        TEST(id_of_a_dropped_one_is_never_given_again),
        TEST(bytes_that_are_put_again_outlive_their_conflict),
    };
    return cmocka_run_group_tests_name("catalogue conflicts", tests, NULL, NULL);
}
