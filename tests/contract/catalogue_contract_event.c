/* catalogue_contract_event.c - what became of orders, written down to be told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/pack.h"
#include "tests/contract/catalogue_contract.h"

#define EVENTS_MAX 1200
#define LINE_BYTES 96

/* All that waits to be told: "opId outcome" of each, in order, and the JSON of the last. */
struct told {
    size_t rows, count;
    int64_t ids[EVENTS_MAX];
    char lines[EVENTS_MAX][LINE_BYTES];
    char json[2048];
    char key[FY_KEY_BYTES_MAX + 1];
    size_t key_bytes;
};

/* A text of the JSON, which our own names do not escape; "null" of one that is null. */
static void field(const char *json, const char *name, char value[static LINE_BYTES])
{
    char wanted[64];
    int size = snprintf(wanted, sizeof wanted, "\"%s\":", name);
    const char *at = strstr(json, wanted);
    assert_non_null(at);
    at += size;
    size_t value_bytes = at[0] == '"' ? strcspn(++at, "\"") : strcspn(at, ",}");
    assert_true(value_bytes < LINE_BYTES);
    memcpy(value, at, value_bytes);
    value[value_bytes] = '\0';
}

static void take_event(struct told *told, const struct fy_packed *event)
{
    char op_id[LINE_BYTES], outcome[LINE_BYTES];
    assert_true(told->count < EVENTS_MAX);
    assert_true(event->value_bytes < sizeof told->json);
    memcpy(told->json, event->value, event->value_bytes);
    told->json[event->value_bytes] = '\0';
    memcpy(told->key, event->key, event->key_bytes);
    told->key_bytes = event->key_bytes;
    field(told->json, "opId", op_id);
    field(told->json, "outcome", outcome);
    (void)snprintf(told->lines[told->count++], LINE_BYTES, "%.60s %.30s", op_id, outcome);
}

static bool take_row(void *arg, const struct fy_event_row *row)
{
    struct told *told = arg;
    struct fy_packed event;
    size_t at = 0, before = told->count;
    while (fy_pack_next(row->packed, row->packed_bytes, &at, &event))
        take_event(told, &event);
    assert_int_equal(at, row->packed_bytes);
    assert_int_equal(told->count - before, row->count);
    told->ids[told->rows++] = row->id;
    return true;
}

static struct told *told_of(struct contract *c)
{
    struct told *told = test_malloc(sizeof *told);
    told->rows = told->count = 0;
    assert_int_equal(fy_catalogue_events_read(c->catalogue, FY_STREAM_ORDERS, EVENTS_MAX, take_row,
                                              told, &c->err),
                     FY_OK);
    assert_int_equal(contract_totals(c).events, told->count);
    return told;
}

/* expected: "opId outcome" of each, with commas between. */
static void expect_told(struct contract *c, const char *expected)
{
    struct told *told = told_of(c);
    char all[1024] = "";
    for (size_t index = 0; index < told->count; index++) {
        size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", index == 0 ? "" : ", ",
                       told->lines[index]);
    }
    test_free(told);
    assert_string_equal(all, expected);
}

static void expect_field(const struct told *told, const char *name, const char *expected)
{
    char value[LINE_BYTES];
    field(told->json, name, value);
    assert_string_equal(value, expected);
}

static void done(struct contract *c, const int64_t *ids, size_t count)
{
    struct fy_cat_outbox_done op = {.op.kind = FY_CAT_EVENTS_DONE, .ids = ids, .count = count};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static struct fy_cat_apply order(struct contract *c, const char *op_id, const char *object,
                                 int64_t offset_ms)
{
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", object, op_id, offset_ms);
    assert_true(fy_text_copy(apply.order.op_id, sizeof apply.order.op_id, op_id));
    return apply;
}

static void apply(struct contract *c, const char *op_id, const char *object, int64_t offset_ms)
{
    struct fy_cat_apply op = order(c, op_id, object, offset_ms);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

/* The order failed: it waits, or is dead. Returns its row's id. */
static int64_t fails(struct contract *c, const struct fy_order *failed, enum fy_direction direction,
                     enum fy_wait_state state)
{
    struct fy_cat_wait wait = {.op.kind = FY_CAT_WAIT,
                               .row = {.direction = direction,
                                       .state = state,
                                       .reason = FY_SRC_NOT_FOUND,
                                       .order = *failed,
                                       .detail = "site-b: 404",
                                       .attempts = 1,
                                       .first_failed_ms = c->clock.now_ms,
                                       .last_failed_ms = c->clock.now_ms,
                                       .due_ms = c->clock.now_ms + 60000}};
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    return wait.row.id;
}

static void person(struct contract *c, enum fy_wait_action action, int64_t id)
{
    struct fy_cat_wait_edit edit = {.op.kind = FY_CAT_WAIT_EDIT,
                                    .action = action,
                                    .filter = {.id = id, .state = -1, .direction = -1, .limit = 1}};
    assert_int_equal(contract_run(c, &edit.op), FY_OK);
    assert_int_equal(edit.matched, 1);
}

/* ------------------------------------------------------------------ what is told */

static void an_applied_order_is_told_with_all_that_tells_it_apart(void **state)
{
    struct contract *c = *state;
    apply(c, "op-1", "o", 10);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 1);
    expect_field(told, "opId", "op-1");
    expect_field(told, "site", CONTRACT_SITE);
    expect_field(told, "direction", "in");
    expect_field(told, "outcome", "applied");
    expect_field(told, "reason", "null");
    expect_field(told, "detail", "null");
    expect_field(told, "fromSite", CONTRACT_OTHER);
    expect_field(told, "clientId", "client-1");
    expect_field(told, "bucketName", "bucket-1");
    expect_field(told, "objectName", "o");
    expect_field(told, "action", "CREATE");
    char stamp_text[FY_STAMP_TEXT_BYTES];
    struct fy_stamp stamp = contract_stamp(10, CONTRACT_OTHER);
    fy_stamp_print(&stamp, stamp_text);
    expect_field(told, "stamp", stamp_text);
    expect_field(told, "at", "2023-11-14T22:13:20Z");
    assert_int_equal(told->key_bytes, sizeof "bucket-1" + 1);
    assert_memory_equal(told->key, "bucket-1\0o", told->key_bytes);
    test_free(told);
}

static void success_has_three_forms_and_each_is_told(void **state)
{
    struct contract *c = *state;
    apply(c, "new", "o", 10);
    apply(c, "same", "o", 10);
    apply(c, "older", "o", 5);
    struct fy_cat_apply update = order(c, "update", "o", 20);
    struct fy_cat_settle settle = {
        .op.kind = FY_CAT_SETTLE, .order = update.order, .outcome = FY_OUTCOME_SETTLED};
    assert_int_equal(contract_run(c, &settle.op), FY_OK);
    expect_told(c, "new applied, same duplicate, older superseded, update settled");
}

static void accepting_a_clients_own_change_is_no_outcome(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    expect_told(c, "");
}

static void what_waits_is_not_told_before_its_end(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply late = order(c, "late", "o", 10);
    late.waiting_id = fails(c, &late.order, FY_IN, FY_WAITING);
    (void)fails(c, &late.order, FY_IN, FY_WAITING);
    expect_told(c, "");
    assert_int_equal(contract_run(c, &late.op), FY_OK);
    expect_told(c, "late applied"); /* once, though its row was in its own way */
}

static void a_newer_order_ends_those_that_wait(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply older = order(c, "older", "o", 10), newer = order(c, "newer", "o", 20);
    (void)fails(c, &older.order, FY_IN, FY_WAITING);
    (void)fails(c, &newer.order, FY_IN, FY_WAITING);
    expect_told(c, "older superseded");
    apply(c, "newest", "o", 30);
    expect_told(c, "older superseded, newer superseded, newest applied");
}

static void a_dead_order_is_told_with_its_reason_and_again_when_a_person_revives_it(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply dead = order(c, "dead", "o", 10);
    dead.waiting_id = fails(c, &dead.order, FY_IN, FY_DEAD);
    struct told *told = told_of(c);
    expect_field(told, "outcome", "dead");
    expect_field(told, "reason", "SRC_NOT_FOUND");
    expect_field(told, "detail", "site-b: 404");
    test_free(told);
    person(c, FY_WAIT_RETRY, dead.waiting_id);
    assert_int_equal(contract_run(c, &dead.op), FY_OK);
    expect_told(c, "dead dead, dead applied");
    told = told_of(c);
    expect_field(told, "reason", "null"); /* it did not fail in the end */
    test_free(told);
}

static void what_a_person_drops_is_told(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply dropped = order(c, "dropped", "o", 10);
    person(c, FY_WAIT_DROP, fails(c, &dropped.order, FY_IN, FY_WAITING));
    expect_told(c, "dropped dropped");
}

static void an_order_another_site_would_not_take_is_told_as_going_out(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply out = order(c, "out", "o", 10);
    assert_true(fy_text_copy(out.order.to_site, sizeof out.order.to_site, CONTRACT_OTHER));
    int64_t id = fails(c, &out.order, FY_OUT, FY_DEAD);
    struct told *told = told_of(c);
    expect_field(told, "direction", "out");
    expect_field(told, "toSite", CONTRACT_OTHER);
    test_free(told);
    person(c, FY_WAIT_RETRY, id); /* it begins anew: no outcome */
    expect_told(c, "out dead");
}

/* Nobody can ask for it, and somebody may wait for the object all the same. */
static void an_order_without_op_id_is_told_by_its_object_and_stamp(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply op = order(c, "x", "o", 10);
    op.order.op_id[0] = '\0';
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    expect_told(c, "null applied");
}

static void a_record_that_could_not_be_read_is_told_without_a_key(void **state)
{
    struct contract *c = *state;
    struct fy_order poison = {.op_id = "request-action/3/17",
                              .stamp = contract_stamp(10, CONTRACT_SITE)};
    (void)fails(c, &poison, FY_IN, FY_DEAD);
    struct told *told = told_of(c);
    assert_string_equal(told->lines[0], "request-action/3/17 dead");
    expect_field(told, "bucketName", "null");
    assert_int_equal(told->key_bytes, 0);
    test_free(told);
}

static void a_refused_operation_tells_nothing(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply good = order(c, "good", "o", 10), bad = order(c, "bad", "p", 10);
    bad.order.action = FY_ACTION_UPDATE;
    struct fy_cat_op *ops[] = {&bad.op, &good.op};
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, 2, &c->err), FY_OK);
    assert_int_equal(bad.op.code, FY_EINPUT);
    expect_told(c, "good applied");
}

/* ------------------------------------------------------------------ until it is done */

static void events_stay_over_a_restart_until_they_are_done(void **state)
{
    struct contract *c = *state;
    apply(c, "a", "o", 10);
    apply(c, "b", "o", 20);
    contract_reopen(c);
    struct told *told = told_of(c);
    assert_int_equal(told->rows, 2);
    done(c, told->ids, 1);
    expect_told(c, "b applied");
    done(c, told->ids, 2); /* the first was acknowledged before */
    expect_told(c, "");
    test_free(told);
}

/* A row for each would cost an order as much again. */
static void events_of_a_transaction_are_one_row_and_a_long_one_is_cut(void **state)
{
    struct contract *c = *state;
    const size_t count = FY_EVENTS_ROW_MAX + 10;
    struct fy_cat_settle *settles = test_calloc(count, sizeof *settles);
    struct fy_cat_op *ops[FY_EVENTS_ROW_MAX + 10];
    for (size_t index = 0; index < count; index++) {
        settles[index] =
            (struct fy_cat_settle){.op.kind = FY_CAT_SETTLE, .outcome = FY_OUTCOME_SETTLED};
        (void)snprintf(settles[index].order.op_id, sizeof settles[index].order.op_id, "op-%zu",
                       index);
        memcpy(settles[index].order.bucket, "b", sizeof "b");
        ops[index] = &settles[index].op;
    }
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, 3, &c->err), FY_OK);
    struct told *told = told_of(c);
    assert_int_equal(told->rows, 1);
    assert_string_equal(told->lines[2], "op-2 settled");
    done(c, told->ids, told->rows);
    test_free(told);

    assert_int_equal(fy_catalogue_write(c->catalogue, ops, count, &c->err), FY_OK);
    told = told_of(c);
    assert_true(told->rows >= 2);
    assert_int_equal(told->count, count);
    for (size_t index = 0; index < count; index++) {
        char expected[LINE_BYTES];
        (void)snprintf(expected, sizeof expected, "op-%zu settled", index);
        assert_string_equal(told->lines[index], expected);
    }
    test_free(told);
    test_free(settles);
}

static void the_oldest_are_dropped_when_too_many_wait(void **state)
{
    struct contract *c = *state;
    for (unsigned index = 0; index < 5; index++) {
        char op_id[8];
        (void)snprintf(op_id, sizeof op_id, "op-%u", index);
        apply(c, op_id, "o", 10 + (int64_t)index);
    }
    struct fy_cat_events_trim trim = {.op.kind = FY_CAT_EVENTS_TRIM, .events_max = 2, .limit = 2};
    assert_int_equal(contract_run(c, &trim.op), FY_OK);
    assert_int_equal(trim.dropped, 2);
    assert_int_equal(contract_run(c, &trim.op), FY_OK);
    assert_int_equal(trim.dropped, 1);
    assert_int_equal(contract_run(c, &trim.op), FY_OK);
    assert_int_equal(trim.dropped, 0);
    expect_told(c, "op-3 applied, op-4 applied");
}

static void the_age_of_the_oldest_is_known(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_totals(c).events_oldest_ms, 0);
    c->clock.now_ms += 5;
    apply(c, "a", "o", 10);
    c->clock.now_ms += 5;
    apply(c, "b", "o", 20);
    assert_int_equal(contract_totals(c).events_oldest_ms, CONTRACT_T0 + 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_event(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_applied_order_is_told_with_all_that_tells_it_apart),
        TEST(success_has_three_forms_and_each_is_told),
        TEST(accepting_a_clients_own_change_is_no_outcome),
        TEST(what_waits_is_not_told_before_its_end),
        TEST(a_newer_order_ends_those_that_wait),
        TEST(a_dead_order_is_told_with_its_reason_and_again_when_a_person_revives_it),
        TEST(what_a_person_drops_is_told),
        TEST(an_order_another_site_would_not_take_is_told_as_going_out),
        TEST(an_order_without_op_id_is_told_by_its_object_and_stamp),
        TEST(a_record_that_could_not_be_read_is_told_without_a_key),
        TEST(a_refused_operation_tells_nothing),
        TEST(events_stay_over_a_restart_until_they_are_done),
        TEST(events_of_a_transaction_are_one_row_and_a_long_one_is_cut),
        TEST(the_oldest_are_dropped_when_too_many_wait),
        TEST(the_age_of_the_oldest_is_known),
    };
    return cmocka_run_group_tests_name("catalogue events", tests, NULL, NULL);
}
