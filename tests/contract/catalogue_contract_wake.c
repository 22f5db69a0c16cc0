/* catalogue_contract_wake.c - FY_WAIT_WAKE: a site is back, and what waits for it is due. */
#include <stdio.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

#define DUE_MS   60000 /* when an order is due after it was written */
#define HOLD_MS  30000
#define ROWS_MAX 8

/* An order from site-b that waits for it; its due time is its own, so that they can be told apart.
 */
static struct fy_cat_wait waiting(struct contract *c, unsigned number)
{
    char object[16];
    (void)snprintf(object, sizeof object, "o-%u", number);
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", object, "12345", 10);
    struct fy_cat_wait wait = {
        .op.kind = FY_CAT_WAIT,
        .row = {.direction = FY_IN,
                .state = FY_WAITING,
                .reason = FY_SRC_UNREACHABLE,
                .order = apply.order,
                .detail = "connect: refused",
                .attempts = 3,
                .first_failed_ms = c->clock.now_ms - 1000,
                .last_failed_ms = c->clock.now_ms,
                .due_ms = c->clock.now_ms + DUE_MS + number},
    };
    (void)snprintf(wait.row.order.op_id, sizeof wait.row.order.op_id, "op-%u", number);
    return wait;
}

static void give(struct contract *c, struct fy_cat_wait *wait)
{
    assert_int_equal(contract_run(c, &wait->op), FY_OK);
    assert_false(wait->superseded);
}

/* One page of waking what waits for a site, from after_id on. */
static struct fy_cat_wait_edit wake(struct contract *c, const char *site, int64_t after_id,
                                    uint32_t limit)
{
    struct fy_cat_wait_edit edit = {
        .op.kind = FY_CAT_WAIT_EDIT,
        .action = FY_WAIT_WAKE,
        .filter = {.id = -1, .state = -1, .direction = -1, .after_id = after_id, .limit = limit}};
    assert_true(fy_text_copy(edit.filter.site, sizeof edit.filter.site, site));
    assert_int_equal(contract_run(c, &edit.op), FY_OK);
    return edit;
}

/* What a worker gets now; only the numbers of it are looked at. */
static struct fy_cat_wait_claim claim(struct contract *c)
{
    struct fy_waiting_row rows[ROWS_MAX];
    struct fy_cat_wait_claim claim = {.op.kind = FY_CAT_WAIT_CLAIM,
                                      .now_ms = c->clock.now_ms,
                                      .hold_ms = HOLD_MS,
                                      .rows = rows,
                                      .capacity = ROWS_MAX};
    assert_int_equal(contract_run(c, &claim.op), FY_OK);
    claim.rows = NULL;
    return claim;
}

struct rows {
    size_t count;
    struct fy_waiting_row row[ROWS_MAX];
};

static bool row_step(void *arg, const struct fy_waiting_row *row)
{
    struct rows *rows = arg;
    assert_true(rows->count < ROWS_MAX);
    rows->row[rows->count++] = *row;
    return true;
}

static struct rows all_rows(struct contract *c)
{
    struct rows rows = {.count = 0};
    const struct fy_waiting_filter filter = {
        .id = -1, .state = -1, .direction = -1, .limit = FY_LIST_PAGE_MAX};
    assert_int_equal(fy_catalogue_waiting_list(c->catalogue, &filter, row_step, &rows, &c->err),
                     FY_OK);
    return rows;
}

static void waking_changes_the_due_time_and_nothing_else(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait wait = waiting(c, 1);
    give(c, &wait);
    struct fy_waiting_row before = all_rows(c).row[0];
    assert_int_equal(before.due_ms, wait.row.due_ms);
    c->clock.now_ms += 5000;
    assert_int_equal(wake(c, CONTRACT_OTHER, 0, FY_LIST_PAGE_MAX).matched, 1);

    struct fy_waiting_row after = all_rows(c).row[0];
    assert_int_equal(after.due_ms, c->clock.now_ms);
    after.due_ms = before.due_ms;
    assert_memory_equal(&after, &before, sizeof after);
    assert_int_equal(contract_outcome(c, "op-1"), FY_OUTCOME_WAITING);
    assert_int_equal(contract_totals(c).waiting_orders, 1);
}

/* Who was due before stays at the head of the line. */
static void a_row_that_is_due_already_keeps_its_place(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait first = waiting(c, 1), later = waiting(c, 2);
    first.row.due_ms = c->clock.now_ms + 1;
    give(c, &first);
    give(c, &later);
    c->clock.now_ms += 1000;
    (void)wake(c, CONTRACT_OTHER, 0, FY_LIST_PAGE_MAX);
    struct rows rows = all_rows(c);
    assert_int_equal(rows.row[0].due_ms, CONTRACT_T0 + 1);
    assert_int_equal(rows.row[1].due_ms, CONTRACT_T0 + 1000);
}

static void other_sites_dead_orders_and_those_on_their_way_out_sleep_on(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait ours = waiting(c, 1), other = waiting(c, 2), dead = waiting(c, 3),
                       out = waiting(c, 4);
    memcpy(other.row.order.from_site, "site-c", sizeof "site-c");
    dead.row.state = FY_DEAD;
    out.row.direction = FY_OUT;
    memcpy(out.row.order.to_site, CONTRACT_OTHER, sizeof CONTRACT_OTHER);
    struct fy_cat_wait *const all[] = {&ours, &other, &dead, &out};
    for (size_t index = 0; index < FY_COUNT_OF(all); index++)
        give(c, all[index]);
    (void)wake(c, CONTRACT_OTHER, 0, FY_LIST_PAGE_MAX);
    struct rows rows = all_rows(c);
    assert_int_equal(rows.count, FY_COUNT_OF(all));
    for (size_t index = 0; index < FY_COUNT_OF(all); index++) {
        bool woken = rows.row[index].id == ours.row.id;
        assert_int_equal(rows.row[index].due_ms, woken ? c->clock.now_ms : all[index]->row.due_ms);
    }
}

/* A claimed row is being tried: made due, it would be tried twice at once. Its due time is past,
 * but the machine's clock may be set back. */
static void a_claimed_row_stays_with_its_worker(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait wait = waiting(c, 1);
    give(c, &wait);
    (void)wake(c, CONTRACT_OTHER, 0, FY_LIST_PAGE_MAX);
    assert_int_equal(claim(c).count, 1);
    c->clock.now_ms -= 5000;
    (void)wake(c, CONTRACT_OTHER, 0, FY_LIST_PAGE_MAX);
    struct fy_cat_wait_claim again = claim(c);
    assert_int_equal(again.count, 0);
    assert_int_equal(again.next_due_ms, CONTRACT_T0 + HOLD_MS);
}

/* A site that was away for a day has left more rows than one transaction should touch. */
static void many_rows_are_woken_in_pages(void **state)
{
    struct contract *c = *state;
    for (unsigned number = 0; number < 5; number++) {
        struct fy_cat_wait wait = waiting(c, number);
        give(c, &wait);
    }
    c->clock.now_ms += 1000;
    int64_t after_id = 0;
    for (size_t page = 1; page <= 3; page++) {
        struct fy_cat_wait_edit edit = wake(c, CONTRACT_OTHER, after_id, 2);
        after_id = edit.last_id;
        assert_int_equal(edit.matched, page < 3 ? 2 : 1);
        struct rows rows = all_rows(c);
        size_t due = 0;
        for (size_t index = 0; index < rows.count; index++)
            due += rows.row[index].due_ms == c->clock.now_ms ? 1 : 0;
        assert_int_equal(due, page < 3 ? 2 * page : 5);
    }
    assert_int_equal(wake(c, CONTRACT_OTHER, after_id, 2).matched, 0);
    assert_int_equal(claim(c).count, 5);
}

int catalogue_contract_wake(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)
    const struct CMUnitTest tests[] = {
        TEST(waking_changes_the_due_time_and_nothing_else),
        TEST(a_row_that_is_due_already_keeps_its_place),
        TEST(other_sites_dead_orders_and_those_on_their_way_out_sleep_on),
        TEST(a_claimed_row_stays_with_its_worker),
        TEST(many_rows_are_woken_in_pages),
    };
    return cmocka_run_group_tests_name("catalogue wake", tests, NULL, NULL);
}
