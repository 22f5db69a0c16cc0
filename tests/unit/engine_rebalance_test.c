/* engine_rebalance_test.c - partitions come and go under the engine (ENGINE 1.6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/adapters/order_json.h"
#include "common/core/done_map.h"
#include "tests/support/fake_node.h"

/* A CREATE into a partition of the test's choice. */
static void put(struct fake_node *self, int32_t partition, const char *object)
{
    struct fy_order order;
    struct fy_buf json;
    fake_order(self, &order, FY_ACTION_CREATE, object);
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    fy_order_json_write(&order, &json);
    (void)fake_queue_put(self->queue, FY_TOPIC_ACTION, partition, NULL, json.bytes,
                         json.size_bytes);
    fy_buf_done(&json);
}

static void hang(struct fake_node *self, const char *object)
{
    fake_peer_rule(self->peer, object, FAKE_HANG, 0, 1);
}

/* The engine runs, and the only order's bytes do not come. */
static void start_with_a_pull_that_hangs(struct fake_node *self)
{
    hang(self, "slow");
    fake_node_start(self);
    put(self, 0, "slow");
    fake_peer_wait_hanging(self->peer, 1);
}

/* Everything is handed back while it runs. */
static void lose_partitions(struct fake_node *self)
{
    fake_queue_revoke(self->queue, FAKE_ALL);
    fake_queue_settle(self->queue);
}

/* Transfers that stand still do not hold up the group: the revoke is answered, and what is done is
 * committed first. */
static void a_revoke_is_answered_at_once(void **state)
{
    struct fake_node *self = *state;
    hang(self, "slow");
    fake_node_start(self);
    put(self, 0, "first");
    assert_true(fake_node_wait_committed(self)); /* the next would come a second later */
    put(self, 0, "done");
    put(self, 0, "slow");
    fake_peer_wait_hanging(self->peer, 1);
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_APPLIED, 2));
    fake_queue_revoke(self->queue, FAKE_ALL);
    fake_queue_settle(self->queue);
    assert_int_equal(fake_peer_hanging(self->peer), 1);
    assert_int_equal(fake_queue_committed(self->queue, 0), 2);
    fake_peer_release(self->peer);
}

/* One order takes long and many behind it are done: the commit tells others so, though its offset
 * stays where it is. */
static void a_commit_tells_what_is_done_above_its_offset(void **state)
{
    struct fake_node *self = *state;
    char text[FY_COMMIT_TEXT_BYTES_MAX + 1];
    struct fy_done_map map;
    start_with_a_pull_that_hangs(self);
    for (int i = 0; i < 50; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "behind/%d", i);
        put(self, 0, name);
    }
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_APPLIED, 50));
    fake_queue_revoke(self->queue, FAKE_ALL); /* commits at once, as a second's passing does */
    fake_queue_settle(self->queue);
    fake_queue_text(self->queue, 0, text);
    assert_int_equal(fake_queue_committed(self->queue, 0), 0);
    assert_true(fy_done_map_read(text, 0, &map));
    assert_int_equal(fy_done_map_left(&map, 51), 1);

    fake_queue_assign(self->queue, FAKE_ALL); /* the others come again, and are found done */
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_ready(self, "slow"));
    assert_true(fake_node_wait_committed(self));
    fake_queue_text(self->queue, 0, text);
    assert_string_equal(text, "");
}

/* The partition comes back while its order is still being pulled: one job, one transfer. */
static void a_redelivered_order_is_adopted_not_started_twice(void **state)
{
    struct fake_node *self = *state;
    start_with_a_pull_that_hangs(self);
    for (int i = 0; i < 20; i++) {
        fake_queue_revoke(self->queue, FAKE_ALL);
        fake_queue_assign(self->queue, FAKE_ALL);
        fake_queue_settle(self->queue);
    }
    put(self, 0, "next");
    assert_true(fake_node_wait_ready(self, "next"));
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_ready(self, "slow"));
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 2);
    assert_int_equal(fake_node_metric(self, FY_M_ORDERS_DUPLICATE), 0);
    assert_int_equal(fake_catalogue_object(self->catalogue, "slow").applied, 1);
}

/* It ends while nobody of us owns the partition, which then comes back: the order is found done. */
static void what_ends_in_limbo_is_done_for_whoever_comes(void **state)
{
    struct fake_node *self = *state;
    start_with_a_pull_that_hangs(self);
    lose_partitions(self);
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_ready(self, "slow"));
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_APPLIED, 1));
    assert_int_equal(fake_queue_committed(self->queue, 0), 0);
    fake_queue_assign(self->queue, FAKE_ALL);
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_node_metric(self, FY_M_ORDERS_DUPLICATE), 1);
}

/* What an older assignment began says nothing of a record that has its offset now. */
static void a_topic_made_anew_loses_nothing_by_what_ends_in_limbo(void **state)
{
    struct fake_node *self = *state;
    start_with_a_pull_that_hangs(self);
    lose_partitions(self);
    fake_queue_remake(self->queue, FY_TOPIC_ACTION);
    fake_queue_assign(self->queue, FAKE_ALL);
    fake_queue_settle(self->queue);
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_ready(self, "slow"));
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_APPLIED, 1));
    put(self, 0, "other"); /* at its offset */
    assert_true(fake_node_wait_ready(self, "other"));
    assert_true(fake_node_wait_committed(self));
}

static void a_record_at_an_old_offset_is_not_taken_for_the_old_one(void **state)
{
    struct fake_node *self = *state;
    start_with_a_pull_that_hangs(self);
    lose_partitions(self);
    fake_queue_remake(self->queue, FY_TOPIC_ACTION);
    put(self, 0, "slow"); /* a newer order for the same object */
    fake_queue_assign(self->queue, FAKE_ALL);
    fake_queue_settle(self->queue);
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_RECEIVED, 2));
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_catalogue_object(self->catalogue, "slow").applied, 2);
}

/* Its new owner will fail for itself: no row of ours, no dead letter. */
static void what_fails_in_limbo_leaves_no_trace(void **state)
{
    struct fake_node *self = *state;
    self->config.retry_memory_ms = 0;
    fake_peer_rule(self->peer, "slow", FAKE_HANG, 500, 1);
    fake_node_start(self);
    put(self, 1, "slow");
    fake_peer_wait_hanging(self->peer, 1);
    fake_queue_revoke(self->queue, 1u << 1);
    fake_queue_settle(self->queue);
    fake_peer_release(self->peer);
    put(self, 0, "other");
    assert_true(fake_node_wait_ready(self, "other"));
    fake_queue_assign(self->queue, 1u << 1);
    assert_true(fake_node_wait_ready(self, "slow"));
    assert_int_equal(fake_catalogue_outcomes(self->catalogue, FY_OUTCOME_WAITING), 0);
    assert_true(fake_node_wait_committed(self));
}

/* As the metrics say it, which see the engine as it was a moment ago. */
static bool ownerless_is_shown(struct fake_node *self, int count, double least_s)
{
    struct fy_buf text;
    char line[64];
    (void)snprintf(line, sizeof(line), "\nferry_rebalance_seconds_count %d\n", count);
    fy_buf_init(&text, 1 << 20);
    fy_engine_metrics(self->engine, &text);
    const char *sum = strstr(text.bytes, "\nferry_rebalance_seconds_sum ");
    assert_non_null(sum);
    bool shown = strstr(text.bytes, line) != NULL && strtod(strchr(sum, ' '), NULL) >= least_s;
    fy_buf_done(&text);
    return shown;
}

static bool joined(void *arg)
{
    return ownerless_is_shown(arg, 1, 0);
}

static bool rebalanced(void *arg)
{
    return ownerless_is_shown(arg, 2, 0.05);
}

/* Nobody of this process takes orders meanwhile: what a rebalance costs is told. */
static void the_time_without_partitions_is_recorded(void **state)
{
    struct fake_node *self = *state;
    fake_node_start(self);
    assert_true(fake_catalogue_wait(self->catalogue, joined, self));
    fake_queue_revoke(self->queue, FAKE_ALL);
    fake_queue_settle(self->queue);
    (void)usleep(60000); /* the time that is to be told */
    fake_queue_assign(self->queue, FAKE_ALL);
    assert_true(fake_catalogue_wait(self->catalogue, rebalanced, self));
}

static void a_lost_assignment_commits_nothing(void **state)
{
    struct fake_node *self = *state;
    hang(self, "slow");
    fake_node_start(self);
    put(self, 0, "first");
    assert_true(fake_node_wait_committed(self)); /* the next would come a second later */
    put(self, 0, "done");
    put(self, 0, "slow");
    fake_peer_wait_hanging(self->peer, 1);
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_APPLIED, 2));
    fake_queue_lose(self->queue, FAKE_ALL); /* the fake asserts that no commit comes now */
    fake_queue_settle(self->queue);
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_ready(self, "slow"));
    fake_queue_assign(self->queue, FAKE_ALL);
    assert_true(fake_node_wait_committed(self));
}

/* Orders in their pause between tries are given up with their partition, and begin anew with it. */
static void pauses_do_not_outlive_their_partition(void **state)
{
    struct fake_node *self = *state;
    fake_peer_rule(self->peer, "flaky", FAKE_STATUS, 500, 3);
    fake_node_start(self);
    put(self, 3, "flaky");
    assert_true(fake_node_wait_metric(self, FY_M_RETRIES, 1));
    fake_queue_revoke(self->queue, FAKE_ALL);
    fake_queue_settle(self->queue);
    put(self, 3, "behind");
    fake_queue_assign(self->queue, FAKE_ALL);
    assert_true(fake_node_wait_ready(self, "flaky"));
    assert_true(fake_node_wait_ready(self, "behind"));
    assert_true(fake_node_wait_committed(self));
}

static void failed_commits_are_made_again(void **state)
{
    struct fake_node *self = *state;
    fake_queue_fail_commits(self->queue, 2);
    fake_node_start(self);
    put(self, 0, "o");
    assert_true(fake_node_wait_committed(self));
}

/* Everything at once, at random: afterwards no offset is stuck and no order is lost (pitfall 5). */
static void nothing_is_lost_in_a_storm_of_rebalances(void **state)
{
    struct fake_node *self = *state;
    unsigned seed = 20240221;
    unsigned owned = FAKE_ALL;
    int created = 0;
    char name[48];
    fake_node_start(self);
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 10; i++) {
            (void)snprintf(name, sizeof(name), "storm/%d", created++);
            if (rand_r(&seed) % 50 == 0)
                fake_peer_rule(self->peer, name, FAKE_STATUS, 503, 1);
            put(self, (int32_t)(rand_r(&seed) % FAKE_PARTITIONS), name);
        }
        unsigned bits = 1u + (unsigned)rand_r(&seed) % FAKE_ALL;
        switch (rand_r(&seed) % 5) {
        case 0:
            if ((owned & bits) != 0)
                fake_queue_revoke(self->queue, owned & bits);
            owned &= ~bits;
            break;
        case 1:
            if ((owned & bits) != 0)
                fake_queue_lose(self->queue, owned & bits);
            owned &= ~bits;
            break;
        case 2:
        case 3:
            if ((bits & ~owned) != 0)
                fake_queue_assign(self->queue, bits & ~owned);
            owned |= bits;
            break;
        default:
            fake_queue_redeliver(self->queue, (int32_t)(rand_r(&seed) % FAKE_PARTITIONS));
        }
        if (round % 3 == 0)
            fake_queue_settle(self->queue);
    }
    if (owned != FAKE_ALL)
        fake_queue_assign(self->queue, FAKE_ALL & ~owned);
    fake_queue_settle(self->queue);
    assert_true(fake_node_wait_ready_count(self, (size_t)created));
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_catalogue_waiting(self->catalogue, FY_DEAD), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_node_setup, fake_node_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_revoke_is_answered_at_once),
        TEST(the_time_without_partitions_is_recorded),
        TEST(a_commit_tells_what_is_done_above_its_offset),
        TEST(a_redelivered_order_is_adopted_not_started_twice),
        TEST(what_ends_in_limbo_is_done_for_whoever_comes),
        TEST(a_topic_made_anew_loses_nothing_by_what_ends_in_limbo),
        TEST(a_record_at_an_old_offset_is_not_taken_for_the_old_one),
        TEST(what_fails_in_limbo_leaves_no_trace),
        TEST(a_lost_assignment_commits_nothing),
        TEST(pauses_do_not_outlive_their_partition),
        TEST(failed_commits_are_made_again),
        TEST(nothing_is_lost_in_a_storm_of_rebalances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
