/* sum_test.c - sums of sets of hashes, and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/sum.h"

static struct fy_digest digest_of(uint8_t first, uint8_t last)
{
    struct fy_digest digest = {.bytes = {[0] = first, [15] = last, [16] = 77}};
    return digest;
}

static void sum_is_the_same_in_any_order(void **state)
{
    (void)state;
    struct fy_sum forth = {0}, back = {0};
    for (uint8_t index = 0; index < 100; index++) {
        struct fy_digest one = digest_of((uint8_t)(index * 7), index);
        struct fy_digest other = digest_of((uint8_t)((99 - index) * 7), (uint8_t)(99 - index));
        fy_sum_add_digest(&forth, &one);
        fy_sum_add_digest(&back, &other);
    }
    assert_true(fy_sum_equal(&forth, &back));
    struct fy_digest more = digest_of(0, 1);
    fy_sum_add_digest(&back, &more);
    assert_false(fy_sum_equal(&forth, &back));
}

static void sum_of_parts_is_that_of_the_whole_with_its_carry(void **state)
{
    (void)state;
    struct fy_sum sum = {.high = 1, .low = UINT64_MAX};
    fy_sum_add(&sum, &(struct fy_sum){.high = 2, .low = 2});
    assert_true(fy_sum_equal(&sum, &(struct fy_sum){.high = 4, .low = 1}));
    fy_sum_add(&sum, &(struct fy_sum){.high = UINT64_MAX, .low = UINT64_MAX});
    assert_true(fy_sum_equal(&sum, &(struct fy_sum){.high = 4, .low = 0}));
}

static void text_is_read_back_and_nothing_else_is(void **state)
{
    (void)state;
    static const char *const broken[] = {"", "00", "0123456789ABCDEF0123456789abcdef",
                                         "0123456789abcdef0123456789abcdef0",
                                         " 123456789abcdef0123456789abcdef"};
    struct fy_sum sum = {.high = 0x0123456789abcdef, .low = 42}, read = {0};
    char text[FY_SUM_DIGITS + 1];
    fy_sum_print(&sum, text);
    assert_string_equal(text, "0123456789abcdef000000000000002a");
    assert_true(fy_sum_parse(text, &read));
    assert_true(fy_sum_equal(&sum, &read));
    for (size_t index = 0; index < FY_COUNT_OF(broken); index++)
        assert_false(fy_sum_parse(broken[index], &read));
    assert_true(fy_sum_equal(&sum, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sum_is_the_same_in_any_order),
        cmocka_unit_test(sum_of_parts_is_that_of_the_whole_with_its_carry),
        cmocka_unit_test(text_is_read_back_and_nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
