/* done_map_test.c - what is done above a committed offset, as a text beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/done_map.h"

#define TEXT_BYTES (FY_COMMIT_TEXT_BYTES_MAX + 1)

/* Three of [1000, 1010) are not done. */
static const struct fy_done_map small = {.generation = 7,
                                         .base = 1000,
                                         .done_end = 1010,
                                         .incomplete_count = 3,
                                         .incomplete = {1000, 1001, 1008}};

static void expect_same(const struct fy_done_map *a, const struct fy_done_map *b)
{
    assert_int_equal(a->generation, b->generation);
    assert_int_equal(a->base, b->base);
    assert_int_equal(a->done_end, b->done_end);
    assert_int_equal(a->incomplete_count, b->incomplete_count);
    for (size_t i = 0; i < a->incomplete_count; i++)
        assert_int_equal(a->incomplete[i], b->incomplete[i]);
}

static void a_map_is_read_as_it_was_written(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    struct fy_done_map map;
    fy_done_map_write(&small, text);
    assert_string_equal(text, "F1.AQfoBwoAAAbX4cai"); /* others may read it: it never changes */
    assert_true(fy_done_map_read(text, 1000, &map));
    expect_same(&map, &small);
}

static void what_is_left_is_what_is_above_and_the_gaps(void **state)
{
    (void)state;
    struct fy_done_map nothing = {.base = 5, .done_end = 5};
    assert_int_equal(fy_done_map_left(&small, 1010), 3);
    assert_int_equal(fy_done_map_left(&small, 1020), 13);
    assert_int_equal(fy_done_map_left(&small, 1), 3); /* a topic made anew */
    assert_int_equal(fy_done_map_left(&nothing, 9), 4);
}

static void the_greatest_numbers_are_kept(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    struct fy_done_map read;
    const struct fy_done_map far = {.generation = UINT32_MAX,
                                    .base = 0,
                                    .done_end = INT64_MAX,
                                    .incomplete_count = 2,
                                    .incomplete = {0, INT64_MAX - 1}};
    const struct fy_done_map last = {.base = INT64_MAX, .done_end = INT64_MAX};
    fy_done_map_write(&far, text);
    assert_true(fy_done_map_read(text, 0, &read));
    expect_same(&read, &far);
    fy_done_map_write(&last, text);
    assert_true(fy_done_map_read(text, INT64_MAX, &read));
    expect_same(&read, &last);
}

/* As many gaps as a partition may have, each as wide as its window lets them be on average. */
static void every_map_of_a_partition_fits_whole(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    struct fy_done_map read;
    struct fy_done_map map = {.generation = UINT32_MAX, .base = INT64_MAX / 2};
    int64_t step = FY_LEDGER_WINDOW / FY_INCOMPLETES_MAX;
    for (; map.incomplete_count < FY_INCOMPLETES_MAX; map.incomplete_count++)
        map.incomplete[map.incomplete_count] = map.base + (int64_t)map.incomplete_count * step;
    map.done_end = map.base + FY_LEDGER_WINDOW;
    fy_done_map_write(&map, text);
    assert_true(fy_done_map_read(text, map.base, &read));
    expect_same(&read, &map);
}

/* Wider gaps: the map says less, and all that it says is true. */
static void a_map_that_does_not_fit_ends_earlier(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    struct fy_done_map read;
    struct fy_done_map map = {.base = 3, .done_end = INT64_MAX};
    for (; map.incomplete_count < FY_INCOMPLETES_MAX; map.incomplete_count++)
        map.incomplete[map.incomplete_count] = 3 + ((int64_t)map.incomplete_count << 40);
    fy_done_map_write(&map, text);
    assert_true(strlen(text) <= FY_COMMIT_TEXT_BYTES_MAX);
    assert_true(strlen(text) > FY_COMMIT_TEXT_BYTES_MAX - 16);
    assert_true(fy_done_map_read(text, 3, &read));
    assert_true(read.incomplete_count > 0);
    assert_true(read.incomplete_count < FY_INCOMPLETES_MAX);
    assert_int_equal(read.done_end, map.incomplete[read.incomplete_count]);
    for (size_t i = 0; i < read.incomplete_count; i++)
        assert_int_equal(read.incomplete[i], map.incomplete[i]);
}

static void the_map_of_another_offset_is_ignored(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    struct fy_done_map map;
    fy_done_map_write(&small, text);
    assert_false(fy_done_map_read(text, 999, &map));
    assert_false(fy_done_map_read(text, 1001, &map));
}

static void what_is_no_map_is_ignored(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "F1.",
        "F1.AAAAAAA",          /* version 0, and a sum of it that is wrong */
        "F2.AQfoBwoAAAbX4cai", /* another format */
        "f1.AQfoBwoAAAbX4cai",
        "AQfoBwoAAAbX4cai",
        "F1.AQfoBwoAAAbX4cai=", /* padded */
        "F1.AQfoBwoAAAbX+cai",  /* the other base64 */
        "F1.AQfoBwoAAAbX4ca",   /* cut off */
        "F1.AQfoBwoAAAbX4caiA", /* one too many */
        "NO METADATA",
    };
    struct fy_done_map map;
    for (size_t i = 0; i < FY_COUNT_OF(texts); i++)
        if (fy_done_map_read(texts[i], 1000, &map))
            fail_msg("taken for a map: %s", texts[i]);
}

/* The sum finds any one letter that was changed, also where it would still be a map. */
static void a_damaged_map_is_ignored(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    struct fy_done_map map;
    fy_done_map_write(&small, text);
    for (size_t i = 0; text[i] != '\0'; i++) {
        char was = text[i];
        for (int byte = 1; byte < 256; byte++) {
            text[i] = (char)byte;
            if (text[i] != was)
                assert_false(fy_done_map_read(text, 1000, &map));
        }
        text[i] = was;
    }
    assert_true(fy_done_map_read(text, 1000, &map));
}

static void a_text_of_any_length_is_no_harm(void **state)
{
    (void)state;
    struct fy_done_map map;
    char *text = fy_alloc((1 << 20) + 1);
    memset(text, 'A', 1 << 20);
    text[0] = 'F';
    text[1] = '1';
    text[2] = '.';
    assert_false(fy_done_map_read(text, 0, &map));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_is_read_as_it_was_written),
        cmocka_unit_test(what_is_left_is_what_is_above_and_the_gaps),
        cmocka_unit_test(the_greatest_numbers_are_kept),
        cmocka_unit_test(every_map_of_a_partition_fits_whole),
        cmocka_unit_test(a_map_that_does_not_fit_ends_earlier),
        cmocka_unit_test(the_map_of_another_offset_is_ignored),
        cmocka_unit_test(what_is_no_map_is_ignored),
        cmocka_unit_test(a_damaged_map_is_ignored),
        cmocka_unit_test(a_text_of_any_length_is_no_harm),
    };
    return cmocka_run_group_tests_name("done_map", tests, NULL, NULL);
}
