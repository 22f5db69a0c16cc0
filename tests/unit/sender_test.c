/* sender_test.c - what a sender tells a CCS site and a Ferry, and when. */
#include "tests/support/sender_site.h"

#include <stdio.h>
#include <unistd.h>

/* ------------------------------------------------------------------ CCS targets */

/* CCS drops an object whose bucket is not there; its bucket's order may come later, or never. */
static void an_object_is_told_when_its_bucket_shows(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    sender_give(self, FY_ACTION_CREATE, "o");
    sender_start(self);
    target_enter(target);
    WAIT_FOR(target, told_count, 1);
    target_expect_told(target, 0, FY_ACTION_CREATE, "bucket-1");
    target_expect_patience(target);
    target_apply(target);
    WAIT_FOR(target, told_count, 2);
    target_expect_told(target, 1, FY_ACTION_CREATE, "bucket-1/o");
    target_expect_patience(target);
    target_apply(target);
    target_leave(target);
    sender_wait_sent(self);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_SENT), 1);
}

/* CCS ignores a CREATE over what it has. */
static void a_create_over_something_else_follows_when_that_is_gone(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    target_name(target->there[target->there_count++], "bucket-1", "");
    target_name(target->there[target->there_count++], "bucket-1", "o");
    sender_give(self, FY_ACTION_CREATE, "o");
    sender_start(self);
    target_enter(target);
    WAIT_FOR(target, told_count, 1);
    target_expect_told(target, 0, FY_ACTION_DELETE, "bucket-1/o");
    target_expect_patience(target);
    target_apply(target);
    WAIT_FOR(target, told_count, 2);
    target_expect_told(target, 1, FY_ACTION_CREATE, "bucket-1/o");
    target_apply(target);
    target_leave(target);
    sender_wait_sent(self);
}

/* One batch in flight: its 201 says nothing, so the rest stays where it is safe. */
static void the_next_orders_wait_until_the_site_shows_the_last(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    char object[16];
    target_name(target->there[target->there_count++], "bucket-1", "");
    for (int i = 0; i < FY_CCS_SLICE_ORDERS + 8; i++) {
        (void)snprintf(object, sizeof(object), "o-%d", i);
        sender_give(self, FY_ACTION_CREATE, object);
    }
    sender_start(self);
    target_enter(target);
    WAIT_FOR(target, told_count, FY_CCS_SLICE_ORDERS);
    target_expect_patience(target);
    assert_int_equal(target->requests, 1);
    assert_int_equal(sender_lag(self), FY_CCS_SLICE_ORDERS + 8);
    target_apply(target);
    WAIT_FOR(target, told_count, FY_CCS_SLICE_ORDERS + 8);
    target_apply(target);
    target_leave(target);
    sender_wait_sent(self);
}

/* Of several orders of a name the newest counts; the bucket goes when its objects are gone. */
static void a_bucket_is_deleted_after_its_objects(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    target_name(target->there[target->there_count++], "bucket-1", "");
    target_name(target->there[target->there_count++], "bucket-1", "o");
    sender_give(self, FY_ACTION_CREATE, "o");
    sender_give(self, FY_ACTION_DELETE, "o");
    sender_give(self, FY_ACTION_DELETE, "");
    sender_start(self);
    target_enter(target);
    WAIT_FOR(target, told_count, 1);
    target_expect_told(target, 0, FY_ACTION_DELETE, "bucket-1/o");
    target_expect_patience(target);
    target_apply(target);
    WAIT_FOR(target, told_count, 2);
    target_expect_told(target, 1, FY_ACTION_DELETE, "bucket-1");
    target_apply(target);
    target_leave(target);
    sender_wait_sent(self);
    assert_int_equal(target->there_count, 0);
}

/* Left out, counted, committed: not a dead letter, not a word to the site. */
static void a_name_that_ccs_cannot_have_is_left_out(void **state)
{
    struct sender_site *self = *state;
    sender_give(self, FY_ACTION_CREATE, "with space");
    sender_give(self, FY_ACTION_UPDATE, "o");
    sender_start(self);
    sender_wait_sent(self);
    assert_int_equal(self->target.told_count, 0);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_NOT_FOR_CCS), 1);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_ORDERS_DEAD), 0);
}

static bool count_row(void *arg, const struct fy_waiting_row *row)
{
    ((int *)arg)[row->state]++;
    return true;
}

/* Its row is dead, though what it came to was a newer change: no other is left that waits. */
static void what_was_set_aside_and_is_refused_is_dead_once(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    const struct fy_waiting_filter all = {.id = -1, .state = -1, .direction = -1, .limit = 10};
    int counts[] = {[FY_WAITING] = 0, [FY_DEAD] = 0};
    struct fy_err err = {0};
    target_name(target->there[target->there_count++], "bucket-1", "o");
    target->post_status = 400;
    sender_set_aside(self, FY_ACTION_CREATE, "o");
    sender_change_here(self, FY_ACTION_CREATE, "");
    sender_change_here(self, FY_ACTION_DELETE, "o");
    sender_start(self);
    pthread_mutex_lock(&target->mutex);
    WAIT_FOR(target, told_count, 1);
    target_expect_told(target, 0, FY_ACTION_DELETE, "bucket-1/o");
    pthread_mutex_unlock(&target->mutex);
    for (int i = 0;
         i < SENDER_WAIT_S * 100 && fy_metric_get(&self->node.metrics, FY_M_ORDERS_DEAD) == 0; i++)
        (void)usleep(10000);
    sender_must(fy_catalogue_waiting_list(self->node.catalogue, &all, count_row, counts, &err),
                &err);
    assert_int_equal(counts[FY_DEAD], 1);
    assert_int_equal(counts[FY_WAITING], 0);
}

/* ------------------------------------------------------------------ what a target is */

static void a_ferry_is_told_all_at_once(void **state)
{
    struct sender_site *self = *state;
    self->target.ferry = self->target.post_ferry = true;
    sender_give(self, FY_ACTION_CREATE, "with space");
    sender_give(self, FY_ACTION_CREATE, "");
    sender_start(self);
    sender_wait_sent(self);
    assert_int_equal(self->target.told_count, 2);
    assert_int_equal(self->target.checks, 1);
}

/* It was a Ferry when it was asked, and CCS when it got the orders, whose 201 is no promise. */
static void a_201_that_no_ferry_gave_is_none(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    target->ferry = true;
    sender_give(self, FY_ACTION_CREATE, "o");
    sender_start(self);
    target_enter(target);
    WAIT_FOR(target, requests, 2);
    assert_int_equal(sender_lag(self), 1);
    assert_true(target->checks >= target->requests); /* asked anew each time */
    target->post_ferry = true;
    target_leave(target);
    sender_wait_sent(self);
}

/* Another program at a Ferry's port refuses all it does not know; that says nothing of the orders.
 */
static void no_order_dies_of_a_400_that_no_ferry_gave(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    target->ferry = true;
    target->post_status = 400;
    sender_give(self, FY_ACTION_CREATE, "o");
    sender_give(self, FY_ACTION_CREATE, "p");
    sender_start(self);
    pthread_mutex_lock(&target->mutex);
    WAIT_FOR(target, requests, 4); /* both together, then the first alone; and once more */
    assert_int_equal(sender_lag(self), 2);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_ORDERS_DEAD), 0);
    target->post_status = 0;
    target->post_ferry = true;
    pthread_mutex_unlock(&target->mutex);
    sender_wait_sent(self);
}

/* A CCS site is a Ferry when it is looked at next: all of the batch goes to it, as to a Ferry. */
static void what_was_left_out_goes_to_a_site_that_turns_out_to_be_a_ferry(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    sender_give(self, FY_ACTION_CREATE, "o");
    sender_give(self, FY_ACTION_CREATE, "with space");
    sender_start(self);
    target_enter(target);
    WAIT_FOR(target, told_count, 1);
    target_expect_told(target, 0, FY_ACTION_CREATE, "bucket-1");
    target->ferry = target->post_ferry = true;
    WAIT_FOR(target, told_count, 3);
    target_leave(target);
    sender_wait_sent(self);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_NOT_FOR_CCS), 0);
}

/* A proxy's page without any word of CCS or Ferry. */
static void nothing_is_told_to_what_is_neither(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    target->check_status = 404;
    sender_give(self, FY_ACTION_CREATE, "o");
    sender_start(self);
    target_enter(target);
    WAIT_FOR(target, checks, 2);
    assert_int_equal(target->told_count, 0);
    target_leave(target);
    assert_int_equal(sender_lag(self), 1);
}

static int64_t now_ms(void)
{
    return fy_mono_ms(fy_clock_system());
}

/* However fast it fails: 0.2 s, then 0.4 s. */
static void a_failing_target_is_given_time(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    target->ferry = true;
    target->post_status = 503;
    sender_give(self, FY_ACTION_CREATE, "o");
    pthread_mutex_lock(&target->mutex);
    sender_start(self);
    WAIT_FOR(target, requests, 1);
    int64_t first_ms = now_ms();
    WAIT_FOR(target, requests, 3);
    pthread_mutex_unlock(&target->mutex);
    assert_true(now_ms() - first_ms >= 500); /* this thread may have seen the first late */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, sender_setup, sender_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_object_is_told_when_its_bucket_shows),
        TEST(a_create_over_something_else_follows_when_that_is_gone),
        TEST(the_next_orders_wait_until_the_site_shows_the_last),
        TEST(a_bucket_is_deleted_after_its_objects),
        TEST(a_name_that_ccs_cannot_have_is_left_out),
        TEST(what_was_set_aside_and_is_refused_is_dead_once),
        TEST(a_ferry_is_told_all_at_once),
        TEST(a_201_that_no_ferry_gave_is_none),
        TEST(no_order_dies_of_a_400_that_no_ferry_gave),
        TEST(what_was_left_out_goes_to_a_site_that_turns_out_to_be_a_ferry),
        TEST(nothing_is_told_to_what_is_neither),
        TEST(a_failing_target_is_given_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
