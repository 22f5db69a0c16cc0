/* stamp_test.c - stamps are ordered, strict as text, and the clock that makes them never repeats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/core/stamp.h"

struct clock_double {
    struct fy_clock port;
    _Atomic int64_t now_ms;
};

static int64_t double_ms(struct fy_clock *port)
{
    return atomic_load(&FY_CONTAINER_OF(port, struct clock_double, port)->now_ms);
}

static void clock_double_init(struct clock_double *clock, int64_t now_ms)
{
    clock->port = (struct fy_clock){.wall_ms = double_ms, .mono_ms = double_ms};
    atomic_init(&clock->now_ms, now_ms);
}

static struct fy_stamp stamp_of(uint64_t time, const char *site)
{
    struct fy_stamp stamp = {.time = time};
    assert_true(fy_text_copy(stamp.site, sizeof(stamp.site), site));
    return stamp;
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void stamps_compare_by_time_and_then_by_site_as_bytes(void **state)
{
    (void)state;
    const struct fy_stamp rising[] = {
        {0},
        stamp_of(1, "z"),
        stamp_of(2, "A"),
        stamp_of(2, "Z"),
        stamp_of(2, "a"),
        stamp_of(2, "a-"),
        stamp_of(2, "a.b"),
        stamp_of(2, "aa"),
        stamp_of(UINT64_MAX, "-"),
    };
    for (int i = 0; i < (int)FY_COUNT_OF(rising); i++)
        for (int j = 0; j < (int)FY_COUNT_OF(rising); j++)
            assert_int_equal(sign(fy_stamp_compare(&rising[i], &rising[j])), sign(i - j));
}

static void a_stamp_reads_back_as_it_was_printed(void **state)
{
    (void)state;
    char site[FY_SITE_BYTES_MAX + 1];
    memset(site, 's', FY_SITE_BYTES_MAX);
    site[FY_SITE_BYTES_MAX] = '\0';
    const struct fy_stamp stamps[] = {
        stamp_of(0x00018f3a5b6c0001, "site-a"),
        stamp_of(1, "A"),
        stamp_of(UINT64_MAX, site),
    };
    for (size_t i = 0; i < FY_COUNT_OF(stamps); i++) {
        char text[FY_STAMP_TEXT_BYTES];
        fy_stamp_print(&stamps[i], text);
        struct fy_stamp back = {0};
        assert_int_equal(fy_stamp_parse(text, &back, NULL), FY_OK);
        assert_int_equal(fy_stamp_compare(&back, &stamps[i]), 0);
    }
    char text[FY_STAMP_TEXT_BYTES];
    fy_stamp_print(&stamps[0], text);
    assert_string_equal(text, "00018f3a5b6c0001@site-a");
    fy_stamp_print(&(struct fy_stamp){0}, text);
    assert_string_equal(text, "");
}

static void no_other_text_is_a_stamp(void **state)
{
    (void)state;
    char long_site[120];
    memset(long_site, 'a', sizeof(long_site) - 1);
    memcpy(long_site, "00018f3a5b6c0001@", 17);
    long_site[17 + FY_SITE_BYTES_MAX + 1] = '\0';
    const char *const texts[] = {
        "",
        "@",
        "@site-a",
        "00018f3a5b6c0001",
        "00018f3a5b6c0001@",
        "00018f3a5b6c0001 site-a",
        "00018F3A5B6C0001@site-a",
        "18f3a5b6c0001@site-a",
        "0x018f3a5b6c0001@site-a",
        "000018f3a5b6c0001@site-a",
        "0000000000000000@site-a",
        " 0018f3a5b6c0001@site-a",
        "00018f3a5b6c0001@site a",
        "00018f3a5b6c0001@site_a",
        "00018f3a5b6c0001@s\xc3\xa9",
        "00018f3a5b6c0001@site-a ",
        "00018f3a5b6c0001@@site-a",
        long_site,
    };
    for (size_t i = 0; i < FY_COUNT_OF(texts); i++) {
        struct fy_stamp stamp = stamp_of(7, "kept");
        struct fy_err err = {0};
        if (fy_stamp_parse(texts[i], &stamp, &err) != FY_EINPUT)
            fail_msg("'%s' was taken", texts[i]);
        assert_int_equal(err.code, FY_EINPUT);
        assert_string_not_equal(err.text, "");
        assert_int_equal(stamp.time, 7);
        assert_string_equal(stamp.site, "kept");
    }
}

static void an_unstamped_record_gets_the_same_stamp_at_every_delivery(void **state)
{
    (void)state;
    struct fy_stamp stamp;
    fy_stamp_of_record(&stamp, 1708514872867, 0x12345, "site-b");
    assert_int_equal(stamp.time, (uint64_t)1708514872867 << 16 | 0x2345);
    assert_string_equal(stamp.site, "site-b");
    assert_int_equal(fy_stamp_ms(&stamp), 1708514872867);
    assert_int_equal(fy_stamp_version(&stamp), 1708514872867035);

    struct fy_stamp next;
    fy_stamp_of_record(&next, 1708514872867, 0x12346, "site-b");
    assert_true(fy_stamp_compare(&next, &stamp) > 0);
}

static void a_record_without_a_timestamp_is_still_above_never_touched(void **state)
{
    (void)state;
    struct fy_stamp stamp;
    fy_stamp_of_record(&stamp, -1, 0, "site-b");
    assert_false(fy_stamp_is_zero(&stamp));
    fy_stamp_of_record(&stamp, INT64_MAX, 5, "site-b");
    assert_int_equal(stamp.time, UINT64_C(0xffffffffffff0005));
}

static void every_stamp_is_above_now_above_the_last_and_above_the_floor(void **state)
{
    (void)state;
    struct clock_double clock;
    clock_double_init(&clock, 1000);
    struct fy_hlc hlc;
    fy_hlc_init(&hlc, &clock.port, "site-a", 7, 0);

    struct fy_stamp stamp = fy_hlc_next(&hlc, NULL);
    assert_int_equal(stamp.time, UINT64_C(1000) << 16 | 7);
    assert_string_equal(stamp.site, "site-a");
    stamp = fy_hlc_next(&hlc, NULL); /* same moment: the counter */
    assert_int_equal(stamp.time, UINT64_C(1000) << 16 | 0x100 | 7);

    struct fy_stamp ahead = stamp_of(UINT64_C(5000) << 16 | 0x308, "site-z");
    stamp = fy_hlc_next(&hlc, &ahead); /* a row from a site whose clock is ahead */
    assert_int_equal(stamp.time, UINT64_C(5000) << 16 | 0x407);
    ahead.time = UINT64_C(6000) << 16 | 0x306;
    stamp = fy_hlc_next(&hlc, &ahead);
    assert_int_equal(stamp.time, UINT64_C(6000) << 16 | 0x307);

    atomic_store(&clock.now_ms, 900); /* the clock goes back: stamps do not */
    stamp = fy_hlc_next(&hlc, NULL);
    assert_int_equal(stamp.time, UINT64_C(6000) << 16 | 0x407);
    atomic_store(&clock.now_ms, 7000);
    stamp = fy_hlc_next(&hlc, &ahead);
    assert_int_equal(stamp.time, UINT64_C(7000) << 16 | 7);
    assert_int_equal(fy_hlc_last(&hlc), stamp.time);
    fy_hlc_done(&hlc);
}

static void the_least_stamp_that_is_allowed_is_taken(void **state)
{
    (void)state;
    struct clock_double clock;
    clock_double_init(&clock, 0);
    for (unsigned slot = 0; slot < 256; slot++) {
        for (uint64_t below = 0x10f0; below < 0x1210; below += 7) {
            struct fy_hlc hlc;
            fy_hlc_init(&hlc, &clock.port, "s", (uint8_t)slot, below);
            uint64_t time = fy_hlc_next(&hlc, NULL).time;
            assert_int_equal(time & 0xff, slot);
            assert_true(time > below);
            assert_true(time - below <= 0x100);
            fy_hlc_done(&hlc);
        }
    }
}

static void a_process_starts_above_what_its_lease_row_saved(void **state)
{
    (void)state;
    struct clock_double clock;
    clock_double_init(&clock, 1000);
    struct fy_hlc hlc;
    uint64_t saved = UINT64_C(9000) << 16 | 0xff00;
    fy_hlc_init(&hlc, &clock.port, "site-a", 3, saved);
    assert_int_equal(fy_hlc_last(&hlc), saved);
    assert_true(fy_hlc_next(&hlc, NULL).time > saved);
    fy_hlc_done(&hlc);
}

#define CALLERS           4
#define STAMPS_PER_CALLER 5000

struct caller {
    struct fy_hlc *hlc;
    uint64_t times[STAMPS_PER_CALLER];
};

static void *take_stamps(void *arg)
{
    struct caller *caller = arg;
    struct fy_stamp floor = {0};
    for (size_t i = 0; i < STAMPS_PER_CALLER; i++) {
        struct fy_stamp stamp = fy_hlc_next(caller->hlc, i % 3 == 0 ? &floor : NULL);
        caller->times[i] = stamp.time;
        floor.time = stamp.time + (i % 5) * 0x80; /* a row that somebody else took further */
    }
    return NULL;
}

static int compare_times(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

/* Four threads, one moment: the counter overflows into the milliseconds many times. */
static void concurrent_callers_never_get_the_same_stamp_and_each_sees_them_rise(void **state)
{
    (void)state;
    struct clock_double clock;
    clock_double_init(&clock, 1708514872867);
    struct fy_hlc hlc;
    fy_hlc_init(&hlc, &clock.port, "site-a", 0x2a, 0);

    struct caller *callers = fy_alloc(CALLERS * sizeof(*callers));
    pthread_t threads[CALLERS];
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i].hlc = &hlc;
        assert_int_equal(pthread_create(&threads[i], NULL, take_stamps, &callers[i]), 0);
    }
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);

    uint64_t *all = fy_alloc(CALLERS * STAMPS_PER_CALLER * sizeof(*all));
    for (size_t i = 0; i < CALLERS; i++) {
        for (size_t j = 0; j < STAMPS_PER_CALLER; j++) {
            assert_int_equal(callers[i].times[j] & 0xff, 0x2a);
            assert_true(j == 0 || callers[i].times[j] > callers[i].times[j - 1]);
            all[i * STAMPS_PER_CALLER + j] = callers[i].times[j];
        }
    }
    qsort(all, CALLERS * STAMPS_PER_CALLER, sizeof(*all), compare_times);
    for (size_t i = 1; i < CALLERS * STAMPS_PER_CALLER; i++)
        assert_true(all[i] > all[i - 1]);
    assert_int_equal(fy_hlc_last(&hlc), all[CALLERS * STAMPS_PER_CALLER - 1]);
    free(all);
    free(callers);
    fy_hlc_done(&hlc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_compare_by_time_and_then_by_site_as_bytes),
        cmocka_unit_test(a_stamp_reads_back_as_it_was_printed),
        cmocka_unit_test(no_other_text_is_a_stamp),
        cmocka_unit_test(an_unstamped_record_gets_the_same_stamp_at_every_delivery),
        cmocka_unit_test(a_record_without_a_timestamp_is_still_above_never_touched),
        cmocka_unit_test(every_stamp_is_above_now_above_the_last_and_above_the_floor),
        cmocka_unit_test(the_least_stamp_that_is_allowed_is_taken),
        cmocka_unit_test(a_process_starts_above_what_its_lease_row_saved),
        cmocka_unit_test(concurrent_callers_never_get_the_same_stamp_and_each_sees_them_rise),
    };
    return cmocka_run_group_tests_name("stamp", tests, NULL, NULL);
}
