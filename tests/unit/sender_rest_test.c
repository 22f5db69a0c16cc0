/* sender_rest_test.c - a site that is paused or removed is sent nothing more, though the manager,
 * which tells senders of it, says nothing: it may be at the opening of another's, or the pause was
 * answered by another process. */
#include "tests/support/sender_site.h"

#include <unistd.h>

static bool rests(struct fy_sender *sender)
{
    pthread_mutex_lock(&sender->mutex);
    bool resting = sender->resting;
    pthread_mutex_unlock(&sender->mutex);
    return resting;
}

/* The sender has found out by itself, and nothing went to the site before. */
static void expect_held(struct sender_site *self, size_t told_count)
{
    for (int i = 0; i < SENDER_WAIT_S * 100 && !rests(self->sender); i++)
        (void)usleep(10000); /* nothing rings when a sender rests */
    assert_true(rests(self->sender));
    pthread_mutex_lock(&self->target.mutex);
    size_t told = self->target.told_count;
    pthread_mutex_unlock(&self->target.mutex);
    assert_int_equal(told, told_count);
}

static void resume(struct sender_site *self)
{
    const struct fy_site_row up = {.id = SENDER_TARGET, .uri = SENDER_URI, .status = FY_SITE_UP};
    sender_topology(self, FY_SITE_PAUSE, false);
    fy_sender_update(self->sender, &up);
}

static void what_comes_after_a_pause_is_held(void **state)
{
    struct sender_site *self = *state;
    self->target.ferry = self->target.post_ferry = true;
    sender_give(self, FY_ACTION_CREATE, "");
    sender_start(self);
    sender_wait_sent(self);
    sender_topology(self, FY_SITE_PAUSE, true);
    sender_give(self, FY_ACTION_CREATE, "o");
    expect_held(self, 1);
    assert_int_equal(sender_lag(self), 1);
    resume(self);
    sender_wait_sent(self);
    assert_int_equal(self->target.told_count, 2);
}

/* As above, of what was set aside for a CCS site. */
static void what_is_due_after_a_pause_is_held(void **state)
{
    struct sender_site *self = *state;
    struct sender_target *target = &self->target;
    target_name(target->there[target->there_count++], "bucket-1", "o");
    sender_change_here(self, FY_ACTION_CREATE, "");
    sender_change_here(self, FY_ACTION_DELETE, "o");
    sender_start(self);
    sender_topology(self, FY_SITE_PAUSE, true);
    sender_set_aside(self, FY_ACTION_DELETE, "o");
    expect_held(self, 0);
    resume(self);
    pthread_mutex_lock(&target->mutex);
    WAIT_FOR(target, told_count, 1);
    target_expect_told(target, 0, FY_ACTION_DELETE, "bucket-1/o");
    pthread_mutex_unlock(&target->mutex);
}

static void what_comes_after_a_removal_is_held(void **state)
{
    struct sender_site *self = *state;
    self->target.ferry = self->target.post_ferry = true;
    sender_give(self, FY_ACTION_CREATE, "");
    sender_start(self);
    sender_wait_sent(self);
    sender_topology(self, FY_SITE_REMOVE, false);
    sender_give(self, FY_ACTION_CREATE, "o");
    expect_held(self, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, sender_setup, sender_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_comes_after_a_pause_is_held),
        TEST(what_is_due_after_a_pause_is_held),
        TEST(what_comes_after_a_removal_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
