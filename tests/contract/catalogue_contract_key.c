/* catalogue_contract_key.c - several orders of one key: which waits, which is dead, and that none
 * is lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

/* An order from site-b with that stamp, as the worker moves it away; its opId is "name-stamp". */
static struct fy_cat_wait failed(struct contract *c, const char *object, int64_t stamp_ms,
                                 enum fy_wait_state state)
{
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", object, "12345", stamp_ms);
    struct fy_cat_wait wait = {
        .op.kind = FY_CAT_WAIT,
        .row = {.direction = FY_IN,
                .state = state,
                .reason = state == FY_DEAD ? FY_SRC_NOT_FOUND : FY_SRC_UNREACHABLE,
                .order = apply.order,
                .detail = "it did not work",
                .attempts = 1,
                .first_failed_ms = c->clock.now_ms,
                .last_failed_ms = c->clock.now_ms,
                .due_ms = c->clock.now_ms},
    };
    (void)snprintf(wait.row.order.op_id, sizeof wait.row.order.op_id, "%s-%lld", object,
                   (long long)stamp_ms);
    return wait;
}

static struct fy_cat_wait put(struct contract *c, const char *object, int64_t stamp_ms,
                              enum fy_wait_state state)
{
    struct fy_cat_wait wait = failed(c, object, stamp_ms, state);
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    return wait;
}

#define ROWS_MAX 256
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

/* Valid until the next call: too large to hand about. */
static const struct rows *all_rows(struct contract *c)
{
    static struct rows rows;
    struct fy_waiting_filter filter = {
        .id = -1, .state = -1, .direction = -1, .limit = FY_LIST_PAGE_MAX};
    rows.count = 0;
    assert_int_equal(fy_catalogue_waiting_list(c->catalogue, &filter, row_step, &rows, &c->err),
                     FY_OK);
    return &rows;
}

static struct fy_cat_wait_edit edit(struct contract *c, enum fy_wait_action action, int64_t id)
{
    struct fy_cat_wait_edit edit = {
        .op.kind = FY_CAT_WAIT_EDIT,
        .action = action,
        .filter = {.id = id, .state = -1, .direction = -1, .limit = FY_LIST_PAGE_MAX}};
    assert_int_equal(contract_run(c, &edit.op), FY_OK);
    return edit;
}

/* ------------------------------------------------------------------ the dead and the waiting */

static void dead_order_displaces_none_that_waits(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait older = put(c, "o", 10, FY_WAITING);
    struct fy_cat_wait dead = put(c, "o", 20, FY_DEAD);
    assert_false(dead.superseded);
    assert_int_equal(all_rows(c)->count, 2);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_WAITING);
    assert_int_equal(contract_outcome(c, "o-20"), FY_OUTCOME_DEAD);

    struct fy_waiting_row rows[2];
    struct fy_cat_wait_claim claim = {.op.kind = FY_CAT_WAIT_CLAIM,
                                      .now_ms = c->clock.now_ms,
                                      .hold_ms = 1000,
                                      .rows = rows,
                                      .capacity = 2};
    assert_int_equal(contract_run(c, &claim.op), FY_OK);
    assert_int_equal(claim.count, 1);
    assert_int_equal(claim.rows[0].id, older.row.id);
}

static void order_older_than_a_dead_one_waits(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait dead = put(c, "o", 20, FY_DEAD), older = put(c, "o", 10, FY_WAITING);
    assert_false(older.superseded);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_WAITING);
    struct fy_cat_wait newer = put(c, "o", 30, FY_WAITING); /* nor does it end the dead one */
    assert_int_equal(all_rows(c)->count, 2);
    assert_int_equal(all_rows(c)->row[0].id, dead.row.id);
    assert_int_equal(all_rows(c)->row[1].id, newer.row.id);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_SUPERSEDED);
}

static void each_dead_order_of_a_key_has_its_row(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait first = put(c, "o", 10, FY_DEAD);
    (void)put(c, "o", 20, FY_DEAD);
    struct fy_cat_wait again = put(c, "o", 10, FY_DEAD); /* delivered again */
    assert_int_equal(again.row.id, first.row.id);
    assert_int_equal(all_rows(c)->count, 2);
    struct fy_cat_wait other = failed(c, "o", 10, FY_DEAD); /* the same change, ordered twice */
    memcpy(other.row.order.op_id, "other", sizeof "other");
    assert_int_equal(contract_run(c, &other.op), FY_OK);
    assert_int_equal(all_rows(c)->count, 3);
    assert_int_equal(contract_totals(c).dead_orders, 3);
}

static void waiting_order_dies_and_leaves_its_place(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait wait = put(c, "o", 20, FY_WAITING);
    wait.row.state = FY_DEAD;
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    assert_false(put(c, "o", 10, FY_WAITING).superseded);
    assert_int_equal(contract_outcome(c, "o-20"), FY_OUTCOME_DEAD);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_WAITING);
}

static void same_change_ordered_twice_waits_once(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait first = put(c, "o", 10, FY_WAITING), other = failed(c, "o", 10, FY_WAITING);
    memcpy(other.row.order.op_id, "other", sizeof "other");
    assert_int_equal(contract_run(c, &other.op), FY_OK);
    assert_true(other.superseded);
    assert_int_equal(contract_outcome(c, "other"), FY_OUTCOME_DUPLICATE);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_WAITING);
    assert_int_equal(all_rows(c)->count, 1);
    assert_int_equal(all_rows(c)->row[0].id, first.row.id);
}

static void applying_ends_all_that_is_not_newer(void **state)
{
    struct contract *c = *state;
    (void)put(c, "o", 10, FY_DEAD);
    (void)put(c, "o", 20, FY_WAITING);
    (void)put(c, "o", 30, FY_DEAD);
    struct fy_cat_wait newer = put(c, "o", 40, FY_DEAD);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 30),
                     FY_OK);
    assert_int_equal(all_rows(c)->count, 1);
    assert_int_equal(all_rows(c)->row[0].id, newer.row.id);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(contract_outcome(c, "o-20"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(contract_outcome(c, "o-30"), FY_OUTCOME_DUPLICATE);
    assert_int_equal(contract_outcome(c, "o-40"), FY_OUTCOME_DEAD);
}

/* ------------------------------------------------------------------ given orders */

/* Stamped when somebody gave it: above every change before that. */
static struct fy_cat_wait put_given(struct contract *c, const char *object, int64_t stamp_ms,
                                    enum fy_wait_state state)
{
    struct fy_cat_wait wait = failed(c, object, stamp_ms, state);
    wait.row.order.given = true;
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
    return wait;
}

/* Its source may refuse it what the change's own order would get: then that must still be there. */
static void given_order_waits_beside_that_of_a_change(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait change = put(c, "o", 10, FY_WAITING);
    struct fy_cat_wait given = put_given(c, "o", 20, FY_WAITING);
    assert_false(given.superseded);
    assert_int_equal(all_rows(c)->count, 2);
    assert_int_equal(all_rows(c)->row[0].id, change.row.id);
    assert_false(all_rows(c)->row[0].order.given);
    assert_true(all_rows(c)->row[1].order.given);
    given.row.state = FY_DEAD;
    assert_int_equal(contract_run(c, &given.op), FY_OK);
    assert_int_equal(contract_outcome(c, "o-20"), FY_OUTCOME_DEAD);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_WAITING);
}

static void of_given_orders_the_newest_waits(void **state)
{
    struct contract *c = *state;
    (void)put(c, "o", 30, FY_WAITING);
    (void)put_given(c, "o", 10, FY_WAITING);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_WAITING); /* older than the change */
    (void)put_given(c, "o", 20, FY_WAITING);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(contract_outcome(c, "o-20"), FY_OUTCOME_WAITING);
    assert_int_equal(contract_outcome(c, "o-30"), FY_OUTCOME_WAITING);
    assert_true(put_given(c, "o", 15, FY_WAITING).superseded);
}

static void retried_order_leaves_the_other_kind_alone(void **state)
{
    struct contract *c = *state;
    (void)put(c, "o", 10, FY_WAITING);
    struct fy_cat_wait given = put_given(c, "o", 20, FY_DEAD);
    (void)put(c, "p", 10, FY_DEAD);
    (void)put_given(c, "p", 20, FY_WAITING);
    assert_int_equal(edit(c, FY_WAIT_RETRY, given.row.id).superseded, 0);
    assert_int_equal(edit(c, FY_WAIT_RETRY, -1).superseded, 0);
    assert_int_equal(contract_totals(c).waiting_orders, 4);
}

/* What is applied has done what either kind would. */
static void applying_ends_older_orders_of_both_kinds(void **state)
{
    struct contract *c = *state;
    (void)put(c, "o", 10, FY_WAITING);
    (void)put_given(c, "o", 15, FY_WAITING);
    struct fy_cat_wait later = put_given(c, "p", 30, FY_WAITING);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 20),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "p", "x", 20),
                     FY_OK);
    assert_int_equal(all_rows(c)->count, 1);
    assert_int_equal(all_rows(c)->row[0].id, later.row.id);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(contract_outcome(c, "o-15"), FY_OUTCOME_SUPERSEDED);
}

/* ------------------------------------------------------------------ retries */

static void retried_order_gives_way_to_a_newer_one_that_waits(void **state)
{
    struct contract *c = *state;
    struct fy_cat_wait dead = put(c, "o", 10, FY_DEAD), newer = put(c, "o", 20, FY_WAITING);
    struct fy_cat_wait_edit retry = edit(c, FY_WAIT_RETRY, dead.row.id);
    assert_int_equal(retry.matched, 1);
    assert_int_equal(retry.superseded, 1);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(all_rows(c)->count, 1);
    assert_int_equal(all_rows(c)->row[0].id, newer.row.id);
}

static void retried_order_takes_the_place_of_an_older_one(void **state)
{
    struct contract *c = *state;
    (void)put(c, "o", 10, FY_WAITING);
    struct fy_cat_wait dead = put(c, "o", 20, FY_DEAD);
    struct fy_cat_wait_edit retry = edit(c, FY_WAIT_RETRY, dead.row.id);
    assert_int_equal(retry.superseded, 0);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(contract_outcome(c, "o-20"), FY_OUTCOME_WAITING);
    assert_int_equal(all_rows(c)->count, 1);
}

static void of_all_that_are_retried_the_newest_of_a_key_waits(void **state)
{
    struct contract *c = *state;
    (void)put(c, "o", 30, FY_DEAD);
    (void)put(c, "o", 10, FY_DEAD);
    (void)put(c, "o", 40, FY_DEAD);
    (void)put(c, "o", 20, FY_DEAD);
    (void)put(c, "p", 10, FY_DEAD);
    struct fy_cat_wait_edit retry = edit(c, FY_WAIT_RETRY, -1);
    assert_int_equal(retry.matched, 5);
    assert_int_equal(contract_totals(c).dead_orders, 0);
    assert_int_equal(contract_totals(c).waiting_orders, 2);
    assert_int_equal(contract_outcome(c, "o-40"), FY_OUTCOME_WAITING);
    assert_int_equal(contract_outcome(c, "o-30"), FY_OUTCOME_SUPERSEDED);
    assert_int_equal(contract_outcome(c, "p-10"), FY_OUTCOME_WAITING);
}

/* It would be dead again at once, and a good order would have made room for it. */
static void poison_is_beyond_any_retry(void **state)
{
    struct contract *c = *state;
    static const enum fy_reason reasons[] = {FY_EXPIRED, FY_BAD_ORDER};
    (void)put(c, "o", 10, FY_WAITING);
    for (size_t index = 0; index < FY_COUNT_OF(reasons); index++) {
        struct fy_cat_wait poison = failed(c, "o", 20 + (int64_t)index, FY_DEAD);
        poison.row.reason = reasons[index];
        assert_int_equal(contract_run(c, &poison.op), FY_OK);
    }
    struct fy_cat_wait_edit retry = edit(c, FY_WAIT_RETRY, -1);
    assert_int_equal(retry.matched, 3);
    assert_int_equal(retry.incurable, 2);
    assert_int_equal(contract_totals(c).dead_orders, 2);
    assert_int_equal(contract_outcome(c, "o-10"), FY_OUTCOME_WAITING);
    assert_int_equal(contract_outcome(c, "o-20"), FY_OUTCOME_DEAD);
}

/* ------------------------------------------------------------------ no order is lost */

/* What came so far: at random, to two keys, of either kind. */
struct came {
    struct fy_order order;
    bool waited;  /* it may end older orders of its kind */
    bool applied; /* it may end all older orders */
};
struct story {
    struct contract *c;
    uint32_t seed;
    size_t count;
    struct came came[ROWS_MAX];
};

static uint32_t pick(struct story *story, uint32_t below)
{
    story->seed = story->seed * 1664525u + 1013904223u;
    return (story->seed >> 8) % below;
}

static struct came *come(struct story *story, const struct fy_order *order)
{
    for (size_t index = 0; index < story->count; index++)
        if (strcmp(story->came[index].order.op_id, order->op_id) == 0)
            return &story->came[index];
    assert_true(story->count < ROWS_MAX);
    story->came[story->count] = (struct came){.order = *order};
    return &story->came[story->count++];
}

/* A new order, or, one time in three, one that is delivered again. */
static struct fy_cat_wait some_order(struct story *story, enum fy_wait_state state)
{
    static const char *const objects[] = {"a", "b"};
    struct fy_cat_wait wait = failed(story->c, objects[pick(story, 2)], 1 + pick(story, 40), state);
    wait.row.order.given = pick(story, 2) == 0;
    if (story->count > 0 && pick(story, 3) == 0)
        wait.row.order = story->came[pick(story, (uint32_t)story->count)].order;
    else
        (void)snprintf(wait.row.order.op_id, sizeof wait.row.order.op_id, "order-%zu",
                       story->count);
    if (state == FY_DEAD && pick(story, 2) == 0)
        wait.row.reason = FY_EXPIRED;
    return wait;
}

static void step_wait(struct story *story, enum fy_wait_state state)
{
    struct fy_cat_wait wait = some_order(story, state);
    come(story, &wait.row.order)->waited |= state == FY_WAITING;
    assert_int_equal(contract_run(story->c, &wait.op), FY_OK);
}

/* A worker comes back with a row it had claimed; it may be gone. */
static void step_fail_again(struct story *story)
{
    const struct rows *rows = all_rows(story->c);
    struct fy_cat_wait wait = {.op.kind = FY_CAT_WAIT};
    if (rows->count == 0)
        return;
    wait.row = rows->row[pick(story, (uint32_t)rows->count)];
    if (wait.row.state != FY_WAITING)
        return;
    wait.row.state = pick(story, 2) == 0 ? FY_WAITING : FY_DEAD;
    if (pick(story, 4) == 0)
        (void)edit(story->c, FY_WAIT_DROP, wait.row.id);
    assert_int_equal(contract_run(story->c, &wait.op), FY_OK);
}

static void step_apply(struct story *story)
{
    struct fy_cat_wait wait = some_order(story, FY_WAITING);
    struct fy_cat_apply apply = contract_order(story->c, FY_ACTION_CREATE, "client-1", "bucket-1",
                                               wait.row.order.object, "12345", 1);
    apply.order = wait.row.order;
    come(story, &apply.order)->applied = true;
    assert_int_equal(contract_run(story->c, &apply.op), FY_OK);
}

static void step_edit(struct story *story)
{
    const struct rows *rows = all_rows(story->c);
    int64_t id = rows->count == 0 ? 1 : rows->row[pick(story, (uint32_t)rows->count)].id;
    enum fy_wait_action action = pick(story, 3) == 0 ? FY_WAIT_DROP : FY_WAIT_RETRY;
    if (action == FY_WAIT_RETRY && pick(story, 3) == 0)
        id = -1;
    for (size_t index = 0; action == FY_WAIT_RETRY && index < rows->count; index++)
        if ((id == -1 || rows->row[index].id == id) &&
            fy_reason_class(rows->row[index].reason) != FY_CLASS_POISON)
            come(story, &rows->row[index].order)->waited = true;
    (void)edit(story->c, action, id);
}

/* Whether an order that was alive, of the same key and not older, can have ended this one. */
static bool has_heir(const struct story *story, const struct came *ended)
{
    for (size_t index = 0; index < story->count; index++) {
        const struct came *other = &story->came[index];
        bool rival = other->waited && other->order.given == ended->order.given;
        if (other != ended && (other->applied || rival) &&
            strcmp(other->order.object, ended->order.object) == 0 &&
            fy_stamp_compare(&other->order.stamp, &ended->order.stamp) >= 0)
            return true;
    }
    return false;
}

static size_t rows_with(const struct rows *rows, const char *op_id, enum fy_wait_state state)
{
    size_t count = 0;
    for (size_t index = 0; index < rows->count; index++)
        count +=
            strcmp(rows->row[index].order.op_id, op_id) == 0 && rows->row[index].state == state;
    return count;
}

/* Every order has an outcome that is true, and what it says of a row is so. */
static void check_story(const struct story *story)
{
    const struct rows *rows = all_rows(story->c);
    size_t known = 0;
    for (size_t index = 0; index < story->count; index++) {
        const struct came *came = &story->came[index];
        const char *op_id = came->order.op_id;
        enum fy_outcome outcome = contract_outcome(story->c, op_id);
        size_t waiting = rows_with(rows, op_id, FY_WAITING), dead = rows_with(rows, op_id, FY_DEAD);
        assert_int_equal(waiting, outcome == FY_OUTCOME_WAITING);
        assert_int_equal(dead, outcome == FY_OUTCOME_DEAD);
        if (outcome == FY_OUTCOME_SUPERSEDED || outcome == FY_OUTCOME_DUPLICATE)
            assert_true(has_heir(story, came));
        else
            assert_int_not_equal(outcome, 0);
        known += waiting + dead;
    }
    assert_int_equal(known, rows->count);
    for (size_t index = 0; index < rows->count; index++)
        for (size_t other = 0; other < index; other++)
            if (rows->row[index].state == FY_WAITING && rows->row[other].state == FY_WAITING &&
                rows->row[index].order.given == rows->row[other].order.given)
                assert_string_not_equal(rows->row[index].order.object,
                                        rows->row[other].order.object);
}

static void no_order_ends_but_for_a_reason(void **state)
{
    static struct story story;
    for (uint32_t round = 1; round <= 8; round++) {
        story = (struct story){.c = *state, .seed = round * 7919};
        for (unsigned step = 0; step < 150; step++) {
            switch (pick(&story, 12)) {
            case 0:
            case 1:
            case 2:
            case 3:
                step_wait(&story, FY_WAITING);
                break;
            case 4:
            case 5:
            case 6:
                step_wait(&story, FY_DEAD);
                break;
            case 7:
            case 8:
                step_fail_again(&story);
                break;
            case 9:
                step_apply(&story);
                break;
            default:
                step_edit(&story);
                break;
            }
            check_story(&story);
        }
        (void)contract_teardown(state); /* the next round begins with nothing */
        assert_int_equal(contract_setup(state), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_key(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dead_order_displaces_none_that_waits),
        TEST(order_older_than_a_dead_one_waits),
        TEST(each_dead_order_of_a_key_has_its_row),
        TEST(waiting_order_dies_and_leaves_its_place),
        TEST(same_change_ordered_twice_waits_once),
        TEST(applying_ends_all_that_is_not_newer),
        TEST(given_order_waits_beside_that_of_a_change),
        TEST(of_given_orders_the_newest_waits),
        TEST(retried_order_leaves_the_other_kind_alone),
        TEST(applying_ends_older_orders_of_both_kinds),
        TEST(retried_order_gives_way_to_a_newer_one_that_waits),
        TEST(retried_order_takes_the_place_of_an_older_one),
        TEST(of_all_that_are_retried_the_newest_of_a_key_waits),
        TEST(poison_is_beyond_any_retry),
        TEST(no_order_ends_but_for_a_reason),
    };
    return cmocka_run_group_tests_name("catalogue orders of a key", tests, NULL, NULL);
}
