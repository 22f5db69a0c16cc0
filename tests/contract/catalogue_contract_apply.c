/* catalogue_contract_apply.c - orders of other sites by the stamp rule; batches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

static enum fy_verdict applied(struct contract *c, enum fy_action action, const char *object,
                               const char *bytes, int64_t offset_ms)
{
    struct fy_cat_apply op =
        contract_order(c, action, "client-1", "bucket-1", object, bytes, offset_ms);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.verdict;
}

static void greater_stamp_wins_whatever_comes_when(void **state)
{
    struct contract *c = *state;
    assert_int_equal(applied(c, FY_ACTION_CREATE, "o", "20", 20), FY_VERDICT_APPLY);
    assert_int_equal(applied(c, FY_ACTION_CREATE, "o", "10", 10), FY_VERDICT_SUPERSEDED);
    assert_int_equal(applied(c, FY_ACTION_DELETE, "o", NULL, 15), FY_VERDICT_SUPERSEDED);
    assert_int_equal(applied(c, FY_ACTION_CREATE, "o", "20", 20), FY_VERDICT_DUPLICATE);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    assert_int_equal(row.reg.status, FY_STATUS_READY);
    assert_int_equal(row.reg.stamp.time, contract_stamp(20, "").time);
    assert_int_equal(applied(c, FY_ACTION_DELETE, "o", NULL, 30), FY_VERDICT_APPLY);
    assert_int_equal(applied(c, FY_ACTION_CREATE, "o", "25", 25), FY_VERDICT_SUPERSEDED);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_DELETED);
    assert_int_equal(contract_outbox_count(c), 0);
}

static void equal_times_are_decided_by_the_site(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply b =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "b", 10);
    struct fy_cat_apply d =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "d", 10);
    d.order.stamp = contract_stamp(10, "site-d");
    assert_int_equal(contract_run(c, &d.op), FY_OK);
    assert_int_equal(contract_run(c, &b.op), FY_OK);
    assert_int_equal(b.verdict, FY_VERDICT_SUPERSEDED);
    assert_string_equal(contract_object(c, "bucket-1", "o").reg.stamp.site, "site-d");
}

static void delete_before_its_create_keeps_the_create_out(void **state)
{
    struct contract *c = *state;
    assert_int_equal(applied(c, FY_ACTION_DELETE, "o", NULL, 30), FY_VERDICT_APPLY);
    assert_int_equal(applied(c, FY_ACTION_CREATE, "o", "x", 20), FY_VERDICT_SUPERSEDED);
    struct fy_object_key key = contract_key("client-1", "bucket-1", "o");
    struct fy_object_row row;
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    assert_int_equal(row.reg.status, FY_STATUS_DELETED);
}

static void facts_of_the_source_are_kept(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply op =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "hello", 10);
    op.facts = (struct fy_object_facts){.creation_ms = 777, .expires_ms = 888, .metadata = "{}"};
    op.proof = FY_PROOF_TRANSPORT;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    assert_int_equal(row.facts.creation_ms, 777);
    assert_int_equal(row.facts.expires_ms, 888);
    assert_string_equal(row.facts.metadata, "{}");
    assert_int_equal(row.proof, FY_PROOF_TRANSPORT);
    assert_string_equal(row.facts.hash, op.order.hash);
}

static void outcome_of_an_order_stays_applied_when_it_comes_again(void **state)
{
    struct contract *c = *state;
    assert_int_equal(applied(c, FY_ACTION_CREATE, "o", "x", 10), FY_VERDICT_APPLY);
    assert_int_equal(contract_outcome(c, "order"), FY_OUTCOME_APPLIED);
    assert_int_equal(applied(c, FY_ACTION_CREATE, "o", "x", 10), FY_VERDICT_DUPLICATE);
    assert_int_equal(contract_outcome(c, "order"), FY_OUTCOME_APPLIED);
    struct fy_cat_apply other =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 10);
    memcpy(other.order.op_id, "again", sizeof "again");
    assert_int_equal(contract_run(c, &other.op), FY_OK);
    assert_int_equal(contract_outcome(c, "again"), FY_OUTCOME_DUPLICATE);
    other.order.stamp = contract_stamp(5, CONTRACT_OTHER);
    memcpy(other.order.op_id, "older", sizeof "older");
    assert_int_equal(contract_run(c, &other.op), FY_OK);
    assert_int_equal(contract_outcome(c, "older"), FY_OUTCOME_SUPERSEDED);
}

static void replacing_other_bytes_is_a_conflict_that_keeps_the_body(void **state)
{
    struct contract *c = *state;
    struct fy_cat_sweep sweep = {.op.kind = FY_CAT_SWEEP, .limit = 9, .now_ms = CONTRACT_T0};
    struct fy_cat_apply first =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "one", 10);
    struct fy_cat_apply second =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "two", 20);
    assert_int_equal(contract_run(c, &first.op), FY_OK);
    assert_false(first.conflict);
    assert_int_equal(contract_run(c, &second.op), FY_OK);
    assert_true(second.conflict);
    assert_int_equal(contract_totals(c).conflicts, 1);
    assert_int_equal(contract_run(c, &sweep.op), FY_OK);
    assert_int_equal(sweep.moved, 0);

    struct fy_cat_purge purge = {
        .op.kind = FY_CAT_PURGE, .conflicts_before_ms = CONTRACT_T0 + 1, .limit = 99};
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(purge.purged, 1);
    assert_int_equal(contract_totals(c).conflicts, 0);
    assert_int_equal(contract_run(c, &sweep.op), FY_OK);
    assert_int_equal(sweep.moved, 1);
}

static void same_bytes_and_known_deletes_are_no_conflict(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply op =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "one", 10);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    op = contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "one", 20);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_false(op.conflict);
    op = contract_order(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", "one", 30);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_false(op.conflict);
    op = contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "two", 40);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    op = contract_order(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", "one", 50);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_true(op.conflict); /* it knew of other bytes */
    op = contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "three", 60);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    op = contract_order(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", NULL, 70);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_false(op.conflict); /* it knew none */
}

static void order_without_a_right_changes_nothing(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    struct fy_cat_apply op =
        contract_order(c, FY_ACTION_CREATE, "client-2", "bucket-1", "o", "x", 10);
    struct fy_cat_look look = {.order = &op.order};
    assert_int_equal(fy_catalogue_look(c->catalogue, &look, 1, &c->err), FY_OK);
    assert_false(look.allowed);
    assert_string_equal(look.account, "client-1");
    assert_int_equal(contract_run(c, &op.op), FY_EFORBIDDEN);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_UNKNOWN);
    assert_int_equal(contract_outcome(c, "order"), 0);

    struct fy_cat_right right = {.op.kind = FY_CAT_RIGHT,
                                 .action = FY_RIGHT_INSERT,
                                 .row = {"client-2", "bucket-1", FY_RIGHT_WRITE}};
    assert_int_equal(contract_run(c, &right.op), FY_OK);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_READY);
    op = contract_order(c, FY_ACTION_DELETE, "client-2", "bucket-1", "o", "x", 20);
    assert_int_equal(contract_run(c, &op.op), FY_EFORBIDDEN);
    op = contract_order(c, FY_ACTION_DELETE, "client-2", "bucket-1", "", NULL, 20);
    assert_int_equal(contract_run(c, &op.op), FY_EFORBIDDEN);
}

static void owner_needs_no_right_until_the_administration_takes_it(void **state)
{
    struct contract *c = *state;
    struct fy_cat_right right = {.op.kind = FY_CAT_RIGHT,
                                 .action = FY_RIGHT_REMOVE,
                                 .row = {.client = "client-1", .bucket = "bucket-1"}};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_run(c, &right.op), FY_OK);
    assert_int_equal(contract_right(c, "client-1", "bucket-1"), -1);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 10),
                     FY_EFORBIDDEN);
    assert_int_equal(contract_run(c, &right.op), FY_ENOTFOUND);
    right.action = FY_RIGHT_INSERT;
    right.row.rights = FY_RIGHT_WRITE;
    assert_int_equal(contract_run(c, &right.op), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 10),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", "x", 20),
                     FY_EFORBIDDEN);
}

static void malformed_orders_are_refused(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply op =
        contract_order(c, FY_ACTION_UPDATE, "client-1", "bucket-1", "o", NULL, 10);
    assert_int_equal(contract_run(c, &op.op), FY_EINPUT);
    op = contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 10);
    op.order.stamp.time = 0;
    assert_int_equal(contract_run(c, &op.op), FY_EINPUT);
    op.order.stamp.time = UINT64_MAX;
    assert_int_equal(contract_run(c, &op.op), FY_EINPUT);
    assert_int_equal(contract_totals(c).objects, 0);
}

static void look_tells_what_applying_would_do(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "hello", 20),
                     FY_OK);
    struct fy_cat_apply ops[] = {
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "p", "hello", 10),
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "hello", 20),
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "hello", 10),
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "p", "other", 10),
        contract_order(c, FY_ACTION_CREATE, "client-9", "bucket-9", "p", "hello", 10),
        contract_order(c, FY_ACTION_DELETE, "client-1", "bucket-1", "", NULL, 10),
    };
    struct fy_cat_look looks[FY_COUNT_OF(ops)];
    for (size_t index = 0; index < FY_COUNT_OF(ops); index++)
        looks[index] = (struct fy_cat_look){.order = &ops[index].order};
    assert_int_equal(fy_catalogue_look(c->catalogue, looks, FY_COUNT_OF(looks), &c->err), FY_OK);

    assert_int_equal(looks[0].verdict, FY_VERDICT_APPLY);
    assert_true(looks[0].container_known);
    assert_true(looks[0].allowed);
    assert_int_equal(looks[0].body_id, contract_object(c, "bucket-1", "o").body_id);
    assert_int_equal(looks[1].verdict, FY_VERDICT_DUPLICATE);
    assert_int_equal(looks[2].verdict, FY_VERDICT_SUPERSEDED);
    assert_int_equal(looks[3].verdict, FY_VERDICT_APPLY);
    assert_int_equal(looks[3].body_id, 0);
    assert_false(looks[4].container_known);
    assert_true(looks[4].allowed);
    assert_string_equal(looks[4].account, "client-9");
    assert_int_equal(looks[5].verdict, FY_VERDICT_APPLY); /* its register was never written */
}

/* ------------------------------------------------------------------ batches */

/* Pitfall 18. */
static void same_key_twice_in_a_batch_runs_in_order(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply create =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 10);
    struct fy_cat_apply delete =
        contract_order(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", "x", 20);
    struct fy_cat_apply again =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 15);
    struct fy_cat_op *ops[] = {&create.op, &delete.op, &again.op};
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, FY_COUNT_OF(ops), &c->err), FY_OK);
    assert_int_equal(create.verdict, FY_VERDICT_APPLY);
    assert_int_equal(delete.verdict, FY_VERDICT_APPLY);
    assert_int_equal(again.verdict, FY_VERDICT_SUPERSEDED);
    assert_int_equal(contract_totals(c).objects, 0);
}

static void refused_operation_leaves_its_neighbours_alone(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    struct fy_cat_apply first =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o1", "1", 10);
    struct fy_cat_apply refused =
        contract_order(c, FY_ACTION_CREATE, "client-2", "bucket-1", "o2", "2", 10);
    struct fy_cat_apply last =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o3", "3", 10);
    struct fy_cat_op *ops[] = {&first.op, &refused.op, &last.op};
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, FY_COUNT_OF(ops), &c->err), FY_OK);
    assert_int_equal(first.op.code, FY_OK);
    assert_int_equal(refused.op.code, FY_EFORBIDDEN);
    assert_true(refused.op.err.text[0] != '\0');
    assert_int_equal(last.op.code, FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "o2"), FY_STATUS_UNKNOWN);
    assert_int_equal(contract_totals(c).objects, 2);
}

static void full_batch_commits_together(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply *ops = fy_alloc(FY_CAT_BATCH_MAX * sizeof *ops);
    struct fy_cat_op *pointers[FY_CAT_BATCH_MAX];
    for (unsigned index = 0; index < FY_CAT_BATCH_MAX; index++) {
        char name[32];
        (void)snprintf(name, sizeof name, "o%u", index);
        ops[index] =
            contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", name, name, 10 + index);
        pointers[index] = &ops[index].op;
    }
    assert_int_equal(fy_catalogue_write(c->catalogue, pointers, FY_CAT_BATCH_MAX, &c->err), FY_OK);
    assert_int_equal(contract_totals(c).objects, FY_CAT_BATCH_MAX);
    contract_reopen(c);
    assert_int_equal(contract_totals(c).objects, FY_CAT_BATCH_MAX);
    free(ops);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

/* An order that names no client has nobody's right: it must not be applied to whatever has no name,
 * either. */
static void order_of_nobody_is_refused(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "", "bucket-1", "", NULL, 10),
                     FY_EFORBIDDEN);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "", "bucket-1", "o", NULL, 10),
                     FY_EFORBIDDEN);
    assert_int_equal(contract_totals(c).containers, 0);
}

int catalogue_contract_apply(void)
{
    const struct CMUnitTest tests[] = {
        TEST(greater_stamp_wins_whatever_comes_when),
        TEST(order_of_nobody_is_refused),
        TEST(equal_times_are_decided_by_the_site),
        TEST(delete_before_its_create_keeps_the_create_out),
        TEST(facts_of_the_source_are_kept),
        TEST(outcome_of_an_order_stays_applied_when_it_comes_again),
        TEST(replacing_other_bytes_is_a_conflict_that_keeps_the_body),
        TEST(same_bytes_and_known_deletes_are_no_conflict),
        TEST(order_without_a_right_changes_nothing),
        TEST(owner_needs_no_right_until_the_administration_takes_it),
        TEST(malformed_orders_are_refused),
        TEST(look_tells_what_applying_would_do),
        TEST(same_key_twice_in_a_batch_runs_in_order),
        TEST(refused_operation_leaves_its_neighbours_alone),
        TEST(full_batch_commits_together),
    };
    return cmocka_run_group_tests_name("catalogue orders", tests, NULL, NULL);
}
