/* breaker_test.c - when a site is shunned, and when it is believed again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/breaker.h"

#define START 1000000

static bool feed(struct fy_breaker *breaker, int bad, int good, int64_t now_ms)
{
    bool opened = false;
    for (int i = 0; i < good; i++)
        opened |= fy_breaker_outcome(breaker, FY_REASON_NONE, now_ms);
    for (int i = 0; i < bad; i++)
        opened |= fy_breaker_outcome(breaker, FY_STALLED, now_ms);
    return opened;
}

static void it_opens_at_half_failures_of_twenty(void **state)
{
    (void)state;
    struct fy_breaker breaker;
    fy_breaker_init(&breaker);
    assert_false(feed(&breaker, 19, 0, START));
    assert_true(feed(&breaker, 1, 0, START));
    assert_int_equal(breaker.reason, FY_STALLED);
    fy_breaker_init(&breaker);
    assert_false(feed(&breaker, 9, 11, START));
    assert_true(feed(&breaker, 2, 0, START)); /* 11 of 22 */
}

static void a_site_that_mostly_answers_stays_in_favour(void **state)
{
    (void)state;
    struct fy_breaker breaker;
    fy_breaker_init(&breaker);
    for (int i = 0; i < 100; i++)
        assert_false(feed(&breaker, 1, 2, START + i * 10));
}

static void old_failures_are_forgotten(void **state)
{
    (void)state;
    struct fy_breaker breaker;
    fy_breaker_init(&breaker);
    assert_false(feed(&breaker, 19, 0, START));
    assert_false(feed(&breaker, 5, 0, START + 2 * FY_BREAKER_WINDOW_MS + 1));
}

static void a_burst_over_the_border_of_two_windows_still_counts(void **state)
{
    (void)state;
    struct fy_breaker breaker;
    fy_breaker_init(&breaker);
    assert_false(feed(&breaker, 1, 0, START));
    assert_false(feed(&breaker, 15, 0, START + FY_BREAKER_WINDOW_MS - 1));
    assert_true(feed(&breaker, 15, 0, START + FY_BREAKER_WINDOW_MS + 1));
}

static void one_probe_at_a_time_decides(void **state)
{
    (void)state;
    struct fy_breaker breaker;
    fy_breaker_init(&breaker);
    assert_true(feed(&breaker, 20, 0, START));
    assert_false(fy_breaker_is_closed(&breaker));
    assert_false(fy_breaker_probe_due(&breaker, START + FY_BREAKER_PROBE_MS - 1));
    assert_true(fy_breaker_probe_due(&breaker, START + FY_BREAKER_PROBE_MS));
    assert_false(fy_breaker_probe_due(&breaker, START + FY_BREAKER_PROBE_MS)); /* it is under way */
    assert_false(feed(&breaker, 50, 0, START)); /* late news change nothing */
    assert_false(fy_breaker_probed(&breaker, false, START + FY_BREAKER_PROBE_MS));
    assert_false(fy_breaker_probe_due(&breaker, START + 3 * FY_BREAKER_PROBE_MS - 1));
    assert_true(fy_breaker_probe_due(&breaker, START + 3 * FY_BREAKER_PROBE_MS));
    assert_true(fy_breaker_probed(&breaker, true, START + 3 * FY_BREAKER_PROBE_MS));
    assert_true(fy_breaker_is_closed(&breaker));
    assert_false(feed(&breaker, 19, 0, START + 3 * FY_BREAKER_PROBE_MS)); /* it starts clean */
}

static void a_site_that_relapses_is_probed_less_often_within_bounds(void **state)
{
    (void)state;
    struct fy_breaker breaker;
    int64_t now_ms = START;
    int64_t last_pause_ms = 0;
    fy_breaker_init(&breaker);
    for (int i = 0; i < 10; i++) {
        assert_true(feed(&breaker, 20, 0, now_ms));
        int64_t pause_ms = breaker.probe_at_ms - now_ms;
        assert_true(pause_ms >= last_pause_ms);
        assert_true(pause_ms <= FY_BREAKER_PROBE_MS_MAX);
        last_pause_ms = pause_ms;
        now_ms = breaker.probe_at_ms;
        assert_true(fy_breaker_probe_due(&breaker, now_ms));
        assert_true(fy_breaker_probed(&breaker, true, now_ms));
    }
    assert_int_equal(last_pause_ms, FY_BREAKER_PROBE_MS_MAX);
    now_ms += 2 * FY_BREAKER_PROBE_MS_MAX; /* well for a while: believed anew */
    assert_true(feed(&breaker, 20, 0, now_ms));
    assert_int_equal(breaker.probe_at_ms - now_ms, FY_BREAKER_PROBE_MS);
}

/* Its Retry-After says when: no probe before that, however short the pause would have been. */
static void a_site_that_asks_to_be_left_alone_is(void **state)
{
    (void)state;
    struct fy_breaker breaker;
    fy_breaker_init(&breaker);
    fy_breaker_stay_away(&breaker, START + 100000); /* closed: nobody has to stay away */
    assert_true(feed(&breaker, 20, 0, START));
    assert_int_equal(breaker.probe_at_ms, START + FY_BREAKER_PROBE_MS);
    fy_breaker_stay_away(&breaker, START + 100000);
    fy_breaker_stay_away(&breaker, START + 50000);
    assert_false(fy_breaker_probe_due(&breaker, START + 99999));
    assert_true(fy_breaker_probe_due(&breaker, START + 100000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_at_half_failures_of_twenty),
        cmocka_unit_test(a_site_that_mostly_answers_stays_in_favour),
        cmocka_unit_test(old_failures_are_forgotten),
        cmocka_unit_test(a_burst_over_the_border_of_two_windows_still_counts),
        cmocka_unit_test(one_probe_at_a_time_decides),
        cmocka_unit_test(a_site_that_relapses_is_probed_less_often_within_bounds),
        cmocka_unit_test(a_site_that_asks_to_be_left_alone_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
