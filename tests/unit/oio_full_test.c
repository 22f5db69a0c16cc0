/* oio_full_test.c - when OpenIO's routes take no more changes, over a catalogue that says what it
 * is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "common/runtime/oio_full.h"

struct fixture {
    struct fy_config config;
    struct fy_node node;
    struct fy_clock clock;
    struct fy_catalogue catalogue;
    int64_t now_ms, events;
    int looks;
    bool away;
};

static int64_t mono(struct fy_clock *clock)
{
    return FY_CONTAINER_OF(clock, struct fixture, clock)->now_ms;
}

static enum fy_code totals(struct fy_catalogue *catalogue, struct fy_catalogue_totals *out,
                           struct fy_err *err)
{
    struct fixture *f = FY_CONTAINER_OF(catalogue, struct fixture, catalogue);
    f->looks++;
    if (f->away)
        return fy_err_set(err, FY_EBUSY, "away");
    *out = (struct fy_catalogue_totals){.events = 1000000000, .oio_events = f->events};
    return FY_OK;
}

static const struct fy_catalogue_ops catalogue_ops = {.name = "double", .totals = totals};

static int setup(void **state)
{
    struct fixture *f = fy_alloc(sizeof *f);
    struct fy_err err = {0};
    fy_config_init(&f->config);
    assert_int_equal(fy_config_set(&f->config, "queue", "kafka://h:9092", &err), FY_OK);
    f->catalogue.ops = &catalogue_ops;
    f->clock.mono_ms = mono;
    f->now_ms = 5000;
    f->node = (struct fy_node){
        .config = &f->config, .clock = &f->clock, .catalogue = &f->catalogue, .site = "site-a"};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void it_is_full_over_the_bound_and_again_not_when_it_has_drained(void **state)
{
    struct fixture *f = *state;
    f->events = FY_OIO_WAITING_MAX;
    assert_false(fy_oio_is_full(&f->node));
    f->events++;
    f->now_ms += FY_OIO_LOOK_MS;
    assert_true(fy_oio_is_full(&f->node));
    f->events = 0;
    f->now_ms += FY_OIO_LOOK_MS;
    assert_false(fy_oio_is_full(&f->node));
}

static void it_is_looked_at_once_a_second_however_many_ask(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++)
        assert_false(fy_oio_is_full(&f->node));
    assert_int_equal(f->looks, 1);
    f->now_ms += FY_OIO_LOOK_MS - 1;
    f->events = FY_OIO_WAITING_MAX + 1;
    assert_false(fy_oio_is_full(&f->node));
    f->now_ms++;
    assert_true(fy_oio_is_full(&f->node));
    assert_int_equal(f->looks, 2);
}

static void it_stays_as_it_was_while_the_catalogue_is_away(void **state)
{
    struct fixture *f = *state;
    f->events = FY_OIO_WAITING_MAX + 1;
    assert_true(fy_oio_is_full(&f->node));
    f->away = true;
    f->now_ms += FY_OIO_LOOK_MS;
    assert_true(fy_oio_is_full(&f->node));
    assert_int_equal(f->looks, 2);
}

static void a_site_that_tells_nobody_is_never_full(void **state)
{
    struct fixture *f = *state;
    struct fy_err err = {0};
    f->events = FY_OIO_WAITING_MAX + 1;
    assert_int_equal(fy_config_set(&f->config, "oio.events", "off", &err), FY_OK);
    assert_false(fy_oio_is_full(&f->node));
    assert_int_equal(f->looks, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_full_over_the_bound_and_again_not_when_it_has_drained),
        TEST(it_is_looked_at_once_a_second_however_many_ask),
        TEST(it_stays_as_it_was_while_the_catalogue_is_away),
        TEST(a_site_that_tells_nobody_is_never_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
