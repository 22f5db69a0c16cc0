/* engine_log_test.c - one failure, one log line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/log.h"
#include "tests/support/fake_node.h"

struct place {
    struct fake_node node;
    FILE *log;
    int saved_fd;
};

/* What is logged from here on goes to a file. */
static int setup(void **state)
{
    struct place *self = fy_alloc(sizeof(*self));
    fake_node_init(&self->node);
    self->log = tmpfile();
    self->saved_fd = dup(STDERR_FILENO);
    assert_non_null(self->log);
    assert_true(dup2(fileno(self->log), STDERR_FILENO) >= 0);
    fy_log_level_set(FY_ERROR);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct place *self = *state;
    fake_node_done(&self->node);
    assert_true(dup2(self->saved_fd, STDERR_FILENO) >= 0);
    fy_log_level_set(FY_ERROR + 1);
    assert_int_equal(fclose(self->log), 0);
    assert_int_equal(close(self->saved_fd), 0);
    free(self);
    return 0;
}

/* Lines of the log that have all these words ("" : any). */
static int lines_with(struct place *self, const char *event, const char *reason)
{
    char line[FY_LOG_LINE_BYTES + 1];
    int count = 0;
    rewind(self->log);
    while (fgets(line, sizeof(line), self->log) != NULL)
        count += strstr(line, event) != NULL && strstr(line, reason) != NULL ? 1 : 0;
    return count;
}

static void every_death_has_one_line_with_its_reason(void **state)
{
    struct place *self = *state;
    struct fake_node *node = &self->node;
    struct fy_order order;
    node->config.retry_max_age_ms = 100;
    fake_peer_rule(node->peer, "missing", FAKE_STATUS, 404, -1);
    fake_queue_fail_publishes(node->queue, 1); /* a copy that is made again is no second death */
    fake_node_start(node);
    (void)fake_queue_put(node->queue, FY_TOPIC_ACTION, 1, "k", "{", 1);
    fake_order(node, &order, FY_ACTION_DELETE, "expired");
    order.ordered_at_ms = 1000;
    (void)fake_node_give(node, &order);
    (void)fake_node_create(node, "missing");
    assert_true(fake_node_wait_waiting(node, FY_DEAD, 3));
    assert_int_equal(lines_with(self, "\"order.dead\"", ""), 3);
    assert_int_equal(lines_with(self, "\"order.dead\"", "\"BAD_ORDER\""), 1);
    assert_int_equal(lines_with(self, "\"order.dead\"", "\"EXPIRED\""), 1);
    assert_int_equal(lines_with(self, "\"order.dead\"", "\"SRC_NOT_FOUND\""), 1);
    assert_int_equal(lines_with(self, "request-action/1/0", ""), 1); /* what names it */
}

#define LOOK_US  10000 /* between two looks at what nobody announces */
#define LOOK_MAX 1000  /* on a loaded machine; alone the line is there at the first */

static void await_lines(struct place *self, const char *event, int count)
{
    for (int looks = 0; lines_with(self, event, "") < count; looks++) {
        assert_true(looks < LOOK_MAX);
        (void)usleep(LOOK_US); /* shorter when interrupted: it only looks again sooner */
    }
}

/* A broker is away for some seconds: one line when it begins, and one when it is over. */
static void commits_that_fail_again_and_again_are_told_once(void **state)
{
    struct place *self = *state;
    fy_log_level_set(FY_INFO);
    fake_node_start(&self->node);
    for (int outage = 1; outage <= 2; outage++) {
        char object[32];
        (void)snprintf(object, sizeof(object), "object-%d", outage);
        fake_queue_fail_commits(self->node.queue, 2);
        (void)fake_node_create(&self->node, object);
        assert_true(fake_node_wait_committed(&self->node));
        await_lines(self, "\"commits.flow\"", outage);
        assert_int_equal(lines_with(self, "\"commits.flow\"", ""), outage);
        assert_int_equal(lines_with(self, "\"commits.stuck\"", "the broker is away"), outage);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_death_has_one_line_with_its_reason),
        TEST(commits_that_fail_again_and_again_are_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
