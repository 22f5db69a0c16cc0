/* ledger_test.c - the ledger against a naive model, with completions in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "worker/ledger.h"

static void base_never_passes_an_open_offset(void **state)
{
    (void)state;
    struct fy_ledger ledger;
    fy_ledger_init(&ledger, 1, 100);
    for (int64_t offset = 100; offset < 110; offset++)
        assert_int_equal(fy_ledger_receive(&ledger, offset), FY_LEDGER_NEW);
    for (int64_t offset = 101; offset < 110; offset++)
        fy_ledger_finish(&ledger, offset);
    assert_int_equal(ledger.base, 100);
    assert_int_equal(ledger.done_end, 110);
    assert_int_equal(ledger.incomplete, 1);
    fy_ledger_finish(&ledger, 100);
    assert_int_equal(ledger.base, 110);
    assert_int_equal(ledger.incomplete, 0);
    fy_ledger_free(&ledger);
}

static void offsets_that_never_come_count_as_done(void **state)
{
    (void)state;
    struct fy_ledger ledger;
    fy_ledger_init(&ledger, 1, 0);
    assert_int_equal(fy_ledger_receive(&ledger, 5), FY_LEDGER_NEW);
    assert_int_equal(ledger.base, 5);
    assert_int_equal(fy_ledger_receive(&ledger, 9), FY_LEDGER_NEW);
    fy_ledger_finish(&ledger, 9);
    assert_int_equal(ledger.base, 5);
    assert_int_equal(fy_ledger_receive(&ledger, 7), FY_LEDGER_OVER);
    fy_ledger_finish(&ledger, 5);
    assert_int_equal(ledger.base, 10);
    fy_ledger_free(&ledger);
}

/* Topics are trimmed: the first record may be millions above the committed offset. */
static void a_jump_over_more_than_the_window_is_taken_when_nothing_is_open(void **state)
{
    (void)state;
    struct fy_ledger ledger;
    fy_ledger_init(&ledger, 1, 7);
    assert_int_equal(fy_ledger_receive(&ledger, 5000000), FY_LEDGER_NEW);
    assert_int_equal(ledger.base, 5000000);
    assert_int_equal(fy_ledger_receive(&ledger, 5000000 + FY_LEDGER_WINDOW), FY_LEDGER_FULL);
    fy_ledger_finish(&ledger, 5000000);
    assert_int_equal(fy_ledger_receive(&ledger, 5000000 + FY_LEDGER_WINDOW), FY_LEDGER_NEW);
    assert_int_equal(ledger.base, 5000000 + FY_LEDGER_WINDOW);
    fy_ledger_free(&ledger);
}

static void the_window_bounds_how_far_ahead_it_goes(void **state)
{
    (void)state;
    struct fy_ledger ledger;
    fy_ledger_init(&ledger, 1, 3);
    for (int64_t i = 0; i < FY_LEDGER_WINDOW; i++) {
        assert_int_equal(fy_ledger_receive(&ledger, 3 + i), FY_LEDGER_NEW);
        if (i > 1)
            fy_ledger_finish(&ledger, 3 + i);
    }
    assert_int_equal(fy_ledger_receive(&ledger, 3 + FY_LEDGER_WINDOW), FY_LEDGER_FULL);
    fy_ledger_finish(&ledger, 4);
    assert_int_equal(fy_ledger_peek(&ledger, 3 + FY_LEDGER_WINDOW), FY_LEDGER_FULL);
    fy_ledger_finish(&ledger, 3);
    assert_int_equal(ledger.base, 3 + FY_LEDGER_WINDOW);
    assert_int_equal(fy_ledger_receive(&ledger, 3 + FY_LEDGER_WINDOW), FY_LEDGER_NEW);
    fy_ledger_free(&ledger);
}

/* A record that comes again and again changes nothing. */
static void what_is_done_or_open_is_not_received_again(void **state)
{
    (void)state;
    struct fy_ledger ledger;
    fy_ledger_init(&ledger, 2, 10);
    assert_int_equal(fy_ledger_receive(&ledger, 10), FY_LEDGER_NEW);
    assert_int_equal(fy_ledger_receive(&ledger, 11), FY_LEDGER_NEW);
    fy_ledger_finish(&ledger, 11);
    assert_int_equal(fy_ledger_receive(&ledger, 10), FY_LEDGER_AGAIN);
    assert_int_equal(fy_ledger_receive(&ledger, 11), FY_LEDGER_OVER);
    assert_int_equal(ledger.incomplete, 1);
    fy_ledger_finish(&ledger, 10);
    fy_ledger_finish(&ledger, 10); /* twice is harmless */
    assert_int_equal(fy_ledger_receive(&ledger, 10), FY_LEDGER_OVER);
    assert_int_equal(ledger.base, 12);
    assert_int_equal(ledger.incomplete, 0);
    fy_ledger_free(&ledger);
}

/* However far it is ahead of its base: all that is open must fit beside a committed offset. */
static void only_so_many_orders_are_open_at_once(void **state)
{
    (void)state;
    struct fy_ledger ledger;
    fy_ledger_init(&ledger, 1, 0);
    for (int64_t offset = 0; offset < FY_INCOMPLETES_MAX; offset++)
        assert_int_equal(fy_ledger_receive(&ledger, offset), FY_LEDGER_NEW);
    assert_int_equal(fy_ledger_receive(&ledger, FY_INCOMPLETES_MAX), FY_LEDGER_FULL);
    assert_int_equal(fy_ledger_receive(&ledger, 0), FY_LEDGER_AGAIN);
    fy_ledger_finish(&ledger, 500);
    assert_int_equal(fy_ledger_receive(&ledger, FY_INCOMPLETES_MAX), FY_LEDGER_NEW);
    assert_int_equal(fy_ledger_receive(&ledger, FY_INCOMPLETES_MAX + 1), FY_LEDGER_FULL);
    fy_ledger_free(&ledger);
}

static void the_map_tells_what_is_done_above_the_base(void **state)
{
    (void)state;
    struct fy_ledger ledger;
    struct fy_done_map map;
    fy_ledger_init(&ledger, 9, 100);
    fy_ledger_map(&ledger, &map);
    assert_int_equal(map.done_end, 100);
    for (int64_t offset = 100; offset < 110; offset++)
        assert_int_equal(fy_ledger_receive(&ledger, offset), FY_LEDGER_NEW);
    for (int64_t offset = 101; offset < 107; offset += 2)
        fy_ledger_finish(&ledger, offset);
    fy_ledger_map(&ledger, &map);
    assert_int_equal(map.generation, 9);
    assert_int_equal(map.base, 100);
    assert_int_equal(map.done_end, 106);
    assert_int_equal(map.incomplete_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(map.incomplete[i], 100 + 2 * (int64_t)i);
    assert_int_equal(fy_done_map_left(&map, 110), 7);
    fy_ledger_free(&ledger);
}

static void a_hundred_thousand_done_behind_one_are_not_left(void **state)
{
    (void)state;
    struct fy_ledger ledger;
    struct fy_done_map map;
    int64_t end = 77 + 100001;
    fy_ledger_init(&ledger, 1, 77);
    assert_int_equal(fy_ledger_receive(&ledger, 77), FY_LEDGER_NEW);
    for (int64_t offset = 78; offset < end; offset++) {
        assert_int_equal(fy_ledger_receive(&ledger, offset), FY_LEDGER_NEW);
        fy_ledger_finish(&ledger, offset);
    }
    fy_ledger_map(&ledger, &map);
    assert_int_equal(map.base, 77);
    assert_int_equal(map.done_end, end);
    assert_int_equal(map.incomplete_count, 1);
    assert_int_equal(fy_done_map_left(&map, end + 1), 2);
    fy_ledger_free(&ledger);
}

/* As many as may be open at all are in it. */
static void the_map_has_room_for_all_that_may_be_open(void **state)
{
    (void)state;
    struct fy_ledger ledger;
    struct fy_done_map map;
    fy_ledger_init(&ledger, 1, 0);
    for (int64_t offset = 0; offset < FY_INCOMPLETES_MAX; offset++)
        assert_int_equal(fy_ledger_receive(&ledger, offset), FY_LEDGER_NEW);
    fy_ledger_finish(&ledger, 500);
    assert_int_equal(fy_ledger_receive(&ledger, FY_INCOMPLETES_MAX), FY_LEDGER_NEW);
    fy_ledger_finish(&ledger, FY_INCOMPLETES_MAX);
    assert_int_equal(fy_ledger_receive(&ledger, FY_INCOMPLETES_MAX + 1), FY_LEDGER_NEW);
    fy_ledger_map(&ledger, &map);
    assert_int_equal(map.done_end, FY_INCOMPLETES_MAX + 1);
    assert_int_equal(map.incomplete_count, FY_INCOMPLETES_MAX - 1);
    fy_ledger_free(&ledger);
}

/* ------------------------------------------------------------------ the model */

#define SPAN (3 * FY_LEDGER_WINDOW)

struct model {
    uint8_t *received, *done;
    int64_t base, next;
};

static int64_t model_base(struct model *model)
{
    while (model->base < model->next && (model->done[model->base] || !model->received[model->base]))
        model->base++;
    return model->base;
}

static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Receives with gaps, finishes at random among what is open; base and count must agree at each
 * step. */
static void run_against_model(uint64_t seed)
{
    struct fy_ledger ledger;
    struct model model = {.received = fy_alloc(SPAN), .done = fy_alloc(SPAN)};
    int64_t *open = fy_alloc(SPAN * sizeof(*open));
    size_t open_count = 0;
    size_t depth = 1 + (size_t)(random_next(&seed) % 3000);
    fy_ledger_init(&ledger, 1, 0);
    while (model.next < SPAN - 64 || open_count > 0) {
        bool receive = model.next < SPAN - 64 && open_count < depth && random_next(&seed) % 2 == 0;
        if (receive) {
            int64_t offset =
                model.next +
                (random_next(&seed) % 16 == 0 ? (int64_t)(random_next(&seed) % 20) : 0);
            enum fy_ledger_receipt receipt = fy_ledger_receive(&ledger, offset);
            assert_true(receipt == FY_LEDGER_NEW || receipt == FY_LEDGER_FULL);
            if (receipt == FY_LEDGER_FULL) {
                assert_true(offset - model_base(&model) >= FY_LEDGER_WINDOW ||
                            open_count == FY_INCOMPLETES_MAX);
                depth = open_count; /* let it catch up */
                continue;
            }
            model.received[offset] = 1;
            model.next = offset + 1;
            open[open_count++] = offset;
        } else if (open_count > 0) {
            size_t which = (size_t)(random_next(&seed) % open_count);
            int64_t offset = open[which];
            open[which] = open[--open_count];
            model.done[offset] = 1;
            fy_ledger_finish(&ledger, offset);
            if (open_count == 0)
                depth = 1 + (size_t)(random_next(&seed) % 3000);
        }
        assert_int_equal(ledger.base, model_base(&model));
        assert_int_equal(ledger.incomplete, open_count);
        assert_int_equal(ledger.next, model.next);
    }
    fy_ledger_free(&ledger);
    free(model.received);
    free(model.done);
    free(open);
}

static void any_order_of_completion_agrees_with_the_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        run_against_model(seed * UINT64_C(0x9e3779b97f4a7c15));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_never_passes_an_open_offset),
        cmocka_unit_test(offsets_that_never_come_count_as_done),
        cmocka_unit_test(a_jump_over_more_than_the_window_is_taken_when_nothing_is_open),
        cmocka_unit_test(the_window_bounds_how_far_ahead_it_goes),
        cmocka_unit_test(what_is_done_or_open_is_not_received_again),
        cmocka_unit_test(only_so_many_orders_are_open_at_once),
        cmocka_unit_test(the_map_tells_what_is_done_above_the_base),
        cmocka_unit_test(a_hundred_thousand_done_behind_one_are_not_left),
        cmocka_unit_test(the_map_has_room_for_all_that_may_be_open),
        cmocka_unit_test(any_order_of_completion_agrees_with_the_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
