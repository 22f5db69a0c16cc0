/* catalogue_contract_waiting.c - orders that wait or are dead, and what became of orders. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

/* An order from site-b that failed with SRC_UNREACHABLE and is due a second after it was written.
 */
static struct fy_cat_wait waiting(struct contract *c, const char *object, int64_t offset_ms)
{
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", object, "12345", offset_ms);
    struct fy_cat_wait wait = {
        .op.kind = FY_CAT_WAIT,
        .row = {.direction = FY_IN,
                .state = FY_WAITING,
                .reason = FY_SRC_UNREACHABLE,
                .order = apply.order,
                .detail = "connect: refused",
                .http_status = 0,
                .attempts = 1,
                .first_failed_ms = c->clock.now_ms,
                .last_failed_ms = c->clock.now_ms,
                .due_ms = c->clock.now_ms + 1000},
    };
    (void)snprintf(wait.row.order.op_id, sizeof wait.row.order.op_id, "%s-%lld", object,
                   (long long)offset_ms);
    return wait;
}

static struct fy_waiting_filter any(void)
{
    return (struct fy_waiting_filter){
        .id = -1, .state = -1, .direction = -1, .limit = FY_LIST_PAGE_MAX};
}

struct rows {
    size_t count;
    struct fy_waiting_row row[8]; /* the first of them */
};

static bool row_step(void *arg, const struct fy_waiting_row *row)
{
    struct rows *rows = arg;
    if (rows->count < FY_COUNT_OF(rows->row))
        rows->row[rows->count] = *row;
    rows->count++;
    return true;
}

static struct rows rows_of(struct contract *c, const struct fy_waiting_filter *filter)
{
    struct rows rows = {.count = 0};
    assert_int_equal(fy_catalogue_waiting_list(c->catalogue, filter, row_step, &rows, &c->err),
                     FY_OK);
    return rows;
}

static struct rows all_rows(struct contract *c)
{
    struct fy_waiting_filter filter = any();
    return rows_of(c, &filter);
}

static void waiting_order_is_kept_whole(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait wait = waiting(c, "o", 10);
    memcpy(wait.row.order.account, "client-9", sizeof "client-9");
    wait.row.order.given = wait.row.order.overwrites = true;
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    assert_false(wait.superseded);
    assert_true(wait.row.id > 0);
    struct rows rows = all_rows(c);
    assert_int_equal(rows.count, 1);
    assert_memory_equal(&rows.row[0].order, &wait.row.order, sizeof wait.row.order);
    assert_int_equal(rows.row[0].reason, FY_SRC_UNREACHABLE);
    assert_string_equal(rows.row[0].detail, "connect: refused");
    assert_int_equal(rows.row[0].due_ms, CONTRACT_T0 + 1000);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_WAITING);
    struct fy_catalogue_totals totals = contract_totals(c);
    assert_int_equal(totals.waiting_orders, 1);
    assert_int_equal(totals.waiting_bytes, 5);
    assert_int_equal(totals.dead_orders, 0);
}

/* Pitfall 14: a waiting order that was overtaken must not come back and win. */
static void newer_order_of_a_key_supersedes_the_waiting_one(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait old = waiting(c, "o", 10), new = waiting(c, "o", 20);
    assert_int_equal(contract_run(c, &old.op), FY_OK);
    assert_int_equal(contract_run(c, &new.op), FY_OK);
    assert_false(new.superseded);
    assert_int_not_equal(new.row.id, old.row.id);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(all_rows(c).count, 1);

    /* Whoever still worked on the old row finds it gone. */
    assert_int_equal(contract_run(c, &old.op), FY_OK);
    assert_true(old.superseded);
    struct fy_cat_wait late = waiting(c, "o", 15);
    assert_int_equal(contract_run(c, &late.op), FY_OK);
    assert_true(late.superseded);
    assert_int_equal(contract_outcome(c, "o-15"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(all_rows(c).row[0].id, new.row.id);
}

static void same_order_again_keeps_its_row_and_age(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait wait = waiting(c, "o", 10);
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    c->clock.now_ms += 500;
    struct fy_cat_wait again = waiting(c, "o", 10);
    again.row.attempts = 2;
    assert_int_equal(contract_run(c, &again.op), FY_OK);
    assert_int_equal(again.row.id, wait.row.id);
    struct rows rows = all_rows(c);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.row[0].attempts, 2);
    assert_int_equal(rows.row[0].first_failed_ms, CONTRACT_T0);
    assert_int_equal(rows.row[0].last_failed_ms, CONTRACT_T0 + 500);
}

static void each_target_site_has_its_own_row(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait in = waiting(c, "o", 10), out = waiting(c, "o", 10),
                       far = waiting(c, "o", 10);
    out.row.direction = far.row.direction = FY_OUT;
    memcpy(out.row.order.to_site, "site-c", sizeof "site-c");
    memcpy(far.row.order.to_site, "site-d", sizeof "site-d");
    assert_int_equal(contract_run(c, &in.op), FY_OK);
    assert_int_equal(contract_run(c, &out.op), FY_OK);
    assert_int_equal(contract_run(c, &far.op), FY_OK);
    assert_int_equal(all_rows(c).count, 3);
}

static void poison_has_a_row_for_each_record(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait wait = {
        .op.kind = FY_CAT_WAIT,
        .row = {
            .direction = FY_IN, .state = FY_DEAD, .reason = FY_BAD_ORDER, .detail = "not JSON"}};
    wait.row.order.stamp = contract_stamp(1, CONTRACT_OTHER);
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    wait.row.id = 0;
    assert_int_equal(contract_run(c, &wait.op), FY_OK); /* delivered again */
    assert_int_equal(all_rows(c).count, 1);
    wait.row.id = 0;
    wait.row.order.stamp = contract_stamp(2, CONTRACT_OTHER);
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    assert_int_equal(all_rows(c).count, 2);
    assert_int_equal(contract_totals(c).dead_orders, 2);
    wait.row.id = 0;
    wait.row.order.stamp.time = UINT64_MAX; /* whatever it says of itself */
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    assert_int_equal(contract_totals(c).dead_orders, 3);
    /* Of one publish: the same time, and the same offset in another partition. */
    wait.row.id = 0;
    memcpy(wait.row.order.op_id, "topic/1/0", sizeof "topic/1/0");
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    assert_int_equal(contract_totals(c).dead_orders, 4);
}

/* What an order waited under is what people ask for, also when it then took a lower stamp: that of
 * the change it copies. */
static void outcome_of_a_waiting_order_follows_it_to_a_lower_stamp(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait wait = waiting(c, "o", 20);
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    assert_int_equal(contract_outcome(c, "o-20"), FY_OUTCOME_WAITING);
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "12345", 10);
    memcpy(apply.order.op_id, wait.row.order.op_id, sizeof apply.order.op_id);
    apply.waiting_id = wait.row.id;
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    assert_int_equal(contract_outcome(c, "o-20"), FY_OUTCOME_APPLIED);
    assert_int_equal(all_rows(c).count, 0);
}

/* Sizes are what clients promised: their sum may be more than a number holds. */
static void promised_sizes_beyond_all_numbers_can_be_summed(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait a = waiting(c, "a", 10), b = waiting(c, "b", 10), d = waiting(c, "d", 10);
    a.row.order.size = b.row.order.size = d.row.order.size = INT64_MAX;
    b.row.reason = FY_STALLED;
    assert_int_equal(contract_run(c, &a.op), FY_OK);
    assert_int_equal(contract_run(c, &b.op), FY_OK);
    assert_int_equal(contract_totals(c).waiting_orders, 2);
    assert_true(contract_totals(c).waiting_bytes > 0);
    assert_int_equal(contract_run(c, &d.op), FY_OK);
    assert_int_equal(contract_totals(c).waiting_orders, 3);
    assert_true(contract_totals(c).waiting_bytes > 0);
}

static void order_that_the_key_has_passed_does_not_wait(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 20),
                     FY_OK);
    struct fy_cat_wait wait = waiting(c, "o", 10);
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    assert_true(wait.superseded);
    assert_int_equal(all_rows(c).count, 0);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_SUPERSEDED);
}

static void applying_removes_what_waits_of_the_key(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait own = waiting(c, "o", 10), older = waiting(c, "p", 10),
                       newer = waiting(c, "q", 30);
    assert_int_equal(contract_run(c, &own.op), FY_OK);
    assert_int_equal(contract_run(c, &older.op), FY_OK);
    assert_int_equal(contract_run(c, &newer.op), FY_OK);
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "12345", 10);
    apply.order = own.row.order;
    apply.waiting_id = own.row.id;
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_APPLIED);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "p", "x", 20),
                     FY_OK);
    assert_int_equal(contract_outcome(c, "p-10"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "q", "x", 20),
                     FY_OK);
    struct rows rows = all_rows(c);
    assert_int_equal(rows.count, 1); /* q waits for its newer order */
    assert_int_equal(rows.row[0].id, newer.row.id);
}

static size_t claimed(struct contract *c, size_t capacity, struct fy_cat_wait_claim *claim)
{
    static struct fy_waiting_row rows[8];
    assert_true(capacity <= FY_COUNT_OF(rows));
    *claim = (struct fy_cat_wait_claim){.op.kind = FY_CAT_WAIT_CLAIM,
                                        .now_ms = c->clock.now_ms,
                                        .hold_ms = 60000,
                                        .rows = rows,
                                        .capacity = capacity};
    assert_int_equal(contract_run(c, &claim->op), FY_OK);
    return claim->count;
}

static void due_orders_are_claimed_once_lowest_due_first(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait_claim claim;
    struct fy_cat_wait late = waiting(c, "late", 10), soon = waiting(c, "soon", 10),
                       dead = waiting(c, "dead", 10), out = waiting(c, "out", 10);
    late.row.due_ms += 500;
    dead.row.state = FY_DEAD;
    out.row.direction = FY_OUT;
    struct fy_cat_op *ops[] = {&late.op, &soon.op, &dead.op, &out.op};
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, FY_COUNT_OF(ops), &c->err), FY_OK);
    assert_int_equal(claimed(c, 8, &claim), 0);
    assert_int_equal(claim.next_due_ms, CONTRACT_T0 + 1000);
    assert_int_equal(contract_totals(c).due_orders, 0);

    c->clock.now_ms += 2000;
    assert_int_equal(contract_totals(c).due_orders, 2);
    assert_int_equal(claimed(c, 1, &claim), 1);
    assert_string_equal(claim.rows[0].order.object, "soon");
    assert_int_equal(contract_totals(c).due_orders, 1);
    assert_int_equal(claimed(c, 8, &claim), 1);
    assert_string_equal(claim.rows[0].order.object, "late");
    assert_int_equal(claimed(c, 8, &claim), 0);
    assert_int_equal(claim.next_due_ms, c->clock.now_ms + 60000);

    c->clock.now_ms += 60000; /* who claimed them never came back */
    assert_int_equal(claimed(c, 8, &claim), 2);
}

static void claims_of_a_dead_process_are_free(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait_claim claim;
    struct fy_cat_wait wait = waiting(c, "o", 10);
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    c->clock.now_ms += 2000;
    assert_int_equal(claimed(c, 8, &claim), 1);
    contract_reopen(c);
    assert_int_equal(claimed(c, 8, &claim), 1);
    assert_int_equal(claim.rows[0].id, wait.row.id);
}

static void failing_again_moves_the_due_time(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait_claim claim;
    struct fy_cat_wait wait = waiting(c, "o", 10);
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    c->clock.now_ms += 2000;
    assert_int_equal(claimed(c, 8, &claim), 1);
    wait.row = claim.rows[0];
    wait.row.attempts = 2;
    wait.row.due_ms = c->clock.now_ms + 10;
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    assert_int_equal(claimed(c, 8, &claim), 0);
    c->clock.now_ms += 10;
    assert_int_equal(claimed(c, 8, &claim), 1);
    assert_int_equal(claim.rows[0].attempts, 2);
    wait.row.state = FY_DEAD;
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    assert_int_equal(claimed(c, 8, &claim), 0);
    assert_int_equal(claim.next_due_ms, INT64_MAX);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_DEAD);
}

static void filters_find_what_they_say(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait a = waiting(c, "a", 10), b = waiting(c, "b", 10), d = waiting(c, "d", 10);
    b.row.state = FY_DEAD;
    b.row.reason = FY_HASH_MISMATCH;
    d.row.direction = FY_OUT;
    memcpy(d.row.order.to_site, "site-c", sizeof "site-c");
    memcpy(d.row.order.bucket, "bucket-2", sizeof "bucket-2");
    struct fy_cat_op *ops[] = {&a.op, &b.op, &d.op};
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, FY_COUNT_OF(ops), &c->err), FY_OK);

    struct fy_waiting_filter filter = any();
    filter.state = FY_DEAD;
    assert_int_equal(rows_of(c, &filter).row[0].id, b.row.id);
    assert_int_equal(rows_of(c, &filter).count, 1);
    filter = any();
    filter.direction = FY_OUT;
    assert_int_equal(rows_of(c, &filter).row[0].id, d.row.id);
    assert_int_equal(rows_of(c, &filter).count, 1);
    filter = any();
    filter.reason = FY_SRC_UNREACHABLE;
    assert_int_equal(rows_of(c, &filter).count, 2);
    memcpy(filter.bucket, "bucket-1", sizeof "bucket-1");
    assert_int_equal(rows_of(c, &filter).row[0].id, a.row.id);
    filter = any();
    memcpy(filter.site, "site-c", sizeof "site-c");
    assert_int_equal(rows_of(c, &filter).row[0].id, d.row.id);
    memcpy(filter.site, CONTRACT_OTHER, sizeof CONTRACT_OTHER);
    assert_int_equal(rows_of(c, &filter).count, 2);
    filter = any();
    filter.id = b.row.id;
    assert_int_equal(rows_of(c, &filter).count, 1);
    filter.state = FY_WAITING;
    assert_int_equal(rows_of(c, &filter).count, 0);
    filter = any();
    filter.limit = 1;
    filter.after_id = a.row.id;
    assert_int_equal(rows_of(c, &filter).count, 1);
    assert_int_equal(rows_of(c, &filter).row[0].id, b.row.id);
}

struct counts {
    size_t count;
    struct fy_waiting_count row[8];
};

static bool count_step(void *arg, const struct fy_waiting_count *row)
{
    struct counts *counts = arg;
    assert_true(counts->count < FY_COUNT_OF(counts->row));
    counts->row[counts->count++] = *row;
    return true;
}

static void counts_follow_every_change(void **state)
{
    struct contract *c = *state;
    struct counts counts = {.count = 0};
    struct fy_cat_wait a = waiting(c, "a", 10), b = waiting(c, "b", 10);
    assert_int_equal(contract_run(c, &a.op), FY_OK);
    c->clock.now_ms += 5;
    b.row.first_failed_ms += 5;
    assert_int_equal(contract_run(c, &b.op), FY_OK);
    assert_int_equal(fy_catalogue_waiting_counts(c->catalogue, count_step, &counts, &c->err),
                     FY_OK);
    assert_int_equal(counts.count, 1);
    assert_int_equal(counts.row[0].orders, 2);
    assert_int_equal(counts.row[0].bytes, 10);
    assert_int_equal(counts.row[0].oldest_ms, CONTRACT_T0);
    assert_string_equal(counts.row[0].site, CONTRACT_OTHER);

    b.row.state = FY_DEAD;
    b.row.reason = FY_STALLED;
    assert_int_equal(contract_run(c, &b.op), FY_OK);
    counts.count = 0;
    assert_int_equal(fy_catalogue_waiting_counts(c->catalogue, count_step, &counts, &c->err),
                     FY_OK);
    assert_int_equal(counts.count, 2);
    assert_int_equal(counts.row[0].orders, 1);
    assert_int_equal(counts.row[1].state, FY_DEAD);
    assert_int_equal(counts.row[1].reason, FY_STALLED);
    assert_int_equal(contract_totals(c).dead_orders, 1);
    assert_int_equal(contract_totals(c).waiting_orders, 1);
}

static struct fy_cat_wait_edit edit(bool retry, bool dry_run)
{
    return (struct fy_cat_wait_edit){.op.kind = FY_CAT_WAIT_EDIT,
                                     .action = retry ? FY_WAIT_RETRY : FY_WAIT_DROP,
                                     .filter = any(),
                                     .dry_run = dry_run};
}

static void retried_order_begins_anew(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait_claim claim;
    struct fy_cat_wait wait = waiting(c, "o", 10);
    wait.row.state = FY_DEAD;
    wait.row.attempts = 9;
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    c->clock.now_ms += 5000;
    struct fy_cat_wait_edit dry = edit(true, true), retry = edit(true, false);
    assert_int_equal(contract_run(c, &dry.op), FY_OK);
    assert_int_equal(dry.matched, 1);
    assert_int_equal(contract_totals(c).dead_orders, 1);
    assert_int_equal(contract_run(c, &retry.op), FY_OK);
    assert_int_equal(retry.matched, 1);
    assert_int_equal(retry.last_id, wait.row.id);
    assert_int_equal(claimed(c, 8, &claim), 1);
    assert_int_equal(claim.rows[0].attempts, 0);
    assert_int_equal(claim.rows[0].first_failed_ms, c->clock.now_ms);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_WAITING);
}

static void retried_outgoing_order_goes_back_to_the_outbox(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait wait = waiting(c, "o", 10);
    wait.row.direction = FY_OUT;
    wait.row.state = FY_DEAD;
    memcpy(wait.row.order.to_site, "site-c", sizeof "site-c");
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    struct fy_cat_wait_edit retry = edit(true, false);
    assert_int_equal(contract_run(c, &retry.op), FY_OK);
    assert_int_equal(all_rows(c).count, 0);
    assert_int_equal(contract_outbox_count(c), 1);
    char *json = contract_outbox(c, 0);
    assert_non_null(strstr(json, "\"toSite\":\"site-c\""));
    free(json);
}

static void dropped_order_stays_dropped(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait a = waiting(c, "a", 10), b = waiting(c, "b", 10);
    assert_int_equal(contract_run(c, &a.op), FY_OK);
    assert_int_equal(contract_run(c, &b.op), FY_OK);
    struct fy_cat_wait_edit drop = edit(false, false);
    drop.filter.limit = 1;
    assert_int_equal(contract_run(c, &drop.op), FY_OK);
    assert_int_equal(drop.matched, 1);
    assert_int_equal(contract_outcome(c, "a-10"), FY_OUTCOME_DROPPED);
    assert_int_equal(contract_run(c, &a.op), FY_OK); /* its worker comes back */
    assert_true(a.superseded);
    assert_int_equal(all_rows(c).count, 1);
    drop.filter.id = b.row.id;
    assert_int_equal(contract_run(c, &drop.op), FY_OK);
    assert_int_equal(all_rows(c).count, 0);
    drop.filter.id = b.row.id;
    assert_int_equal(contract_run(c, &drop.op), FY_OK);
    assert_int_equal(drop.matched, 0);
    assert_int_equal(contract_totals(c).waiting_orders, 0);
}

/* ------------------------------------------------------------------ outcomes */

struct outcomes {
    char text[256];
    size_t count;
};

static bool outcome_step(void *arg, const struct fy_outcome_row *row)
{
    struct outcomes *outcomes = arg;
    size_t used = strlen(outcomes->text);
    (void)snprintf(outcomes->text + used, sizeof outcomes->text - used, "%s:%s:%s ", row->op_id,
                   row->object, fy_outcome_name(row->outcome));
    outcomes->count++;
    return true;
}

static struct outcomes outcomes_of(struct contract *c, const char *op_id)
{
    struct outcomes outcomes = {.count = 0};
    assert_int_equal(
        fy_catalogue_outcome_list(c->catalogue, op_id, outcome_step, &outcomes, &c->err), FY_OK);
    return outcomes;
}

static void settle(struct contract *c, const char *op_id, const char *object,
                   enum fy_outcome outcome)
{
    struct fy_cat_settle op = {
        .op.kind = FY_CAT_SETTLE, .order.action = FY_ACTION_UPDATE, .outcome = outcome};
    assert_true(fy_text_copy(op.order.op_id, sizeof op.order.op_id, op_id));
    assert_true(fy_text_copy(op.order.bucket, sizeof op.order.bucket, "bucket-1"));
    assert_true(fy_text_copy(op.order.object, sizeof op.order.object, object));
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static void outcomes_of_an_array_come_with_its_op_id(void **state)
{
    struct contract *c = *state;
    static const char *const op_ids[] = {"a-b",    "a-b-0", "a-b-1", "a-b-x",
                                         "a-b-1x", "a-b-",  "a-c",   "a"};
    for (size_t index = 0; index < FY_COUNT_OF(op_ids); index++)
        settle(c, op_ids[index], "o", FY_OUTCOME_SETTLED);
    settle(c, "a-b", "p", FY_OUTCOME_SETTLED);
    settle(c, "", "o", FY_OUTCOME_SETTLED);
    assert_string_equal(outcomes_of(c, "a-b").text,
                        "a-b:o:settled a-b:p:settled a-b-0:o:settled a-b-1:o:settled ");
    assert_string_equal(outcomes_of(c, "a-b-1").text, "a-b-1:o:settled ");
    assert_string_equal(outcomes_of(c, "a").text, "a:o:settled ");
    assert_int_equal(outcomes_of(c, "nope").count, 0);
    settle(c, "a", "o", FY_OUTCOME_DROPPED); /* the newest state, once */
    assert_string_equal(outcomes_of(c, "a").text, "a:o:dropped ");
}

static void many_outcomes_of_one_op_id_are_all_listed(void **state)
{
    struct contract *c = *state;
    char op_id[32];
    for (unsigned index = 0; index < 150; index++) {
        (void)snprintf(op_id, sizeof op_id, "many-%u", index);
        settle(c, op_id, "o", FY_OUTCOME_SETTLED);
    }
    assert_int_equal(outcomes_of(c, "many").count, 150);
}

static void settling_removes_its_waiting_row(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait wait = waiting(c, "o", 10);
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    struct fy_cat_settle op = {.op.kind = FY_CAT_SETTLE,
                               .order = wait.row.order,
                               .outcome = FY_OUTCOME_SETTLED,
                               .waiting_id = wait.row.id};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_int_equal(all_rows(c).count, 0);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_SETTLED);
}

static void outcomes_age_out(void **state)
{
    struct contract *c = *state;
    settle(c, "old", "o", FY_OUTCOME_SETTLED);
    c->clock.now_ms += 10;
    settle(c, "new", "o", FY_OUTCOME_SETTLED);
    struct fy_cat_purge purge = {
        .op.kind = FY_CAT_PURGE, .outcomes_before_ms = CONTRACT_T0 + 5, .limit = 9};
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(purge.purged, 1);
    assert_int_equal(contract_outcome(c, "old"), 0);
    assert_int_equal(contract_outcome(c, "new"), FY_OUTCOME_SETTLED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_waiting(void)
{
    const struct CMUnitTest tests[] = {
        TEST(waiting_order_is_kept_whole),
        TEST(newer_order_of_a_key_supersedes_the_waiting_one),
        TEST(same_order_again_keeps_its_row_and_age),
        TEST(each_target_site_has_its_own_row),
        TEST(poison_has_a_row_for_each_record),
        TEST(outcome_of_a_waiting_order_follows_it_to_a_lower_stamp),
        TEST(promised_sizes_beyond_all_numbers_can_be_summed),
        TEST(order_that_the_key_has_passed_does_not_wait),
        TEST(applying_removes_what_waits_of_the_key),
        TEST(due_orders_are_claimed_once_lowest_due_first),
        TEST(claims_of_a_dead_process_are_free),
        TEST(failing_again_moves_the_due_time),
        TEST(filters_find_what_they_say),
        TEST(counts_follow_every_change),
        TEST(retried_order_begins_anew),
        TEST(retried_outgoing_order_goes_back_to_the_outbox),
        TEST(dropped_order_stays_dropped),
        TEST(outcomes_of_an_array_come_with_its_op_id),
        TEST(many_outcomes_of_one_op_id_are_all_listed),
        TEST(settling_removes_its_waiting_row),
        TEST(outcomes_age_out),
    };
    return cmocka_run_group_tests_name("catalogue waiting", tests, NULL, NULL);
}
