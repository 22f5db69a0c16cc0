/* engine_outage_test.c - the engine over fakes: a site that is away, and what is ours that is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/runtime/knowledge.h"
#include "tests/support/fake_node.h"

static enum fy_reason reason_of(struct fake_node *self, const char *object)
{
    struct fy_waiting_row row = {0};
    return fake_catalogue_waiting_row(self->catalogue, object, &row) ? row.reason : FY_REASON_NONE;
}

/* ------------------------------------------------------------------ a site that is down */

static bool breaker_shown(void *arg)
{
    struct fake_node *self = arg;
    struct fy_buf text;
    fy_buf_init(&text, 1 << 20);
    fy_engine_metrics(self->engine, &text);
    bool open = strstr(text.bytes, "ferry_breaker_state{site=\"site-a\"} 0") == NULL &&
                strstr(text.bytes, "ferry_breaker_state{site=\"site-a\"}") != NULL;
    fy_buf_done(&text);
    return open;
}

/* Its orders go to `waiting`, others are not held up; healed, all of them arrive without anybody's
 * help though they were due in an hour. */
static void a_dead_site_fills_waiting_and_a_healed_one_empties_it(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    char name[32];
    self->config.retry_first_ms = self->config.retry_second_ms = 3600 * 1000;
    fake_peer_down(self->peer, "site-a");
    fake_node_start(self);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof(name), "down/%d", i);
        (void)fake_node_create(self, name);
    }
    fake_order(self, &order, FY_ACTION_CREATE, "elsewhere");
    (void)snprintf(order.from_site, sizeof(order.from_site), "site-c");
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_ready(self, "elsewhere"));
    assert_true(fake_node_wait_waiting(self, FY_WAITING, 300));
    assert_int_equal(reason_of(self, "down/299"), FY_SRC_UNREACHABLE);
    assert_true(fake_catalogue_wait(self->catalogue, breaker_shown, self));
    assert_true(fake_node_wait_committed(self));
    fake_peer_down(self->peer, "");
    assert_true(fake_node_wait_ready_count(self, 301));
    assert_true(fake_node_wait_waiting(self, FY_WAITING, 0));
    assert_true(fake_catalogue_wakes(self->catalogue) >= 1);
}

/* Its URI was wrong: once the topology says where it really is, the breaker finds it there. */
static void a_site_that_moves_while_its_breaker_is_open_is_found(void **state)
{
    struct fake_node *self = *state;
    char name[32];
    self->config.retry_first_ms = self->config.retry_second_ms = 3600 * 1000;
    fake_peer_down(self->peer, "http://site-a:1");
    fake_node_start(self);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "moved/%d", i);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_waiting(self, FY_WAITING, 100));
    assert_true(fake_catalogue_wait(self->catalogue, breaker_shown, self));
    fake_catalogue_site(self->catalogue, "site-a", "http://site-a:2");
    fy_know_sites_changed(&self->node);
    assert_true(fake_node_wait_ready_count(self, 100));
}

/* A handful of orders that fail for themselves, however often they are tried, are not a dead site.
 */
static void retries_of_a_few_do_not_condemn_their_site(void **state)
{
    struct fake_node *self = *state;
    char name[32];
    fake_node_start(self);
    for (int i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof(name), "bad/%d", i);
        fake_peer_rule(self->peer, name, FAKE_STATUS, 500, -1);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_metric(self, FY_M_RETRIES, 40));
    (void)fake_node_create(self, "good");
    assert_true(fake_node_wait_ready(self, "good"));
    assert_false(breaker_shown(self));
    assert_int_equal(fake_catalogue_outcomes(self->catalogue, FY_OUTCOME_WAITING), 0);
}

/* Pitfall 15. With retry.max_age short, orders that were never even tried die with the reason of
 * their site: as many as an outage may cost. The others wait on, and come when it is over. */
static void an_outage_makes_few_dead_letters_and_the_rest_waits_for_its_end(void **state)
{
    struct fake_node *self = *state;
    char name[32];
    self->config.retry_max_age_ms = 800;
    self->config.retry_later_ms = 300;
    fake_peer_down(self->peer, "site-a");
    fake_node_start(self);
    for (int i = 0; i < 60; i++) {
        (void)snprintf(name, sizeof(name), "down/%d", i);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_waiting(self, FY_DEAD, FY_GATE_FREE));
    assert_true(fake_node_wait_waiting(self, FY_WAITING, 60 - FY_GATE_FREE));
    for (int i = 0; i < 60; i++) {
        (void)snprintf(name, sizeof(name), "down/%d", i);
        assert_int_equal(reason_of(self, name), FY_SRC_UNREACHABLE);
    }
    /* Each has been tried, or shunned, beyond its age. */
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_WAITING, 3 * 60));
    fake_peer_down(self->peer, "");
    assert_true(fake_node_wait_ready_count(self, 60 - FY_GATE_FREE));
    assert_int_equal(fake_catalogue_waiting(self->catalogue, FY_DEAD), FY_GATE_FREE);
}

/* It finds fault with these requests, not with being asked: the others are served all the while. */
static void requests_that_a_site_refuses_do_not_open_its_breaker(void **state)
{
    struct fake_node *self = *state;
    char name[32];
    static const int statuses[] = {400, 409, 414, 431};
    self->config.retry_memory_ms = 0;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "bad/%d", i);
        fake_peer_rule(self->peer, name, FAKE_STATUS, statuses[i % 4], -1);
        (void)fake_node_create(self, name);
    }
    fake_node_start(self);
    assert_true(fake_node_wait_waiting(self, FY_WAITING, 100));
    assert_int_equal(reason_of(self, "bad/99"), FY_SRC_REFUSED);
    assert_false(breaker_shown(self));
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 100); /* none was shunned */
    (void)fake_node_create(self, "good");
    assert_true(fake_node_wait_ready(self, "good"));
}

/* A site that hangs takes its share of the permits and no more. */
static void a_hanging_site_leaves_permits_to_others(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    char name[32];
    self->config.worker_inflight = 20;
    self->config.worker_inflight_site = 10;
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "hang/%d", i);
        fake_peer_rule(self->peer, name, FAKE_HANG, 0, 1);
        (void)fake_node_create(self, name);
    }
    fake_node_start(self);
    fake_peer_wait_hanging(self->peer, 10);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof(name), "other/%d", i);
        fake_order(self, &order, FY_ACTION_CREATE, name);
        (void)snprintf(order.from_site, sizeof(order.from_site), "site-c");
        (void)fake_node_give(self, &order);
    }
    assert_true(fake_node_wait_ready_count(self, 50));
    assert_int_equal(fake_peer_hanging(self->peer), 10);
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_ready_count(self, 150));
}

/* ------------------------------------------------------------------ what is ours */

/* The catalogue goes away in the middle: nothing is charged, nothing is lost, and it resumes by
 * itself. */
static void a_catalogue_that_is_away_charges_nobody(void **state)
{
    struct fake_node *self = *state;
    char name[32];
    fake_node_start(self);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof(name), "before/%d", i);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_ready_count(self, 50));
    fake_catalogue_fail_writes(self->catalogue, FY_EBUSY, -1, false);
    for (int i = 0; i < 700; i++) {
        (void)snprintf(name, sizeof(name), "while/%d", i);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_metric(self, FY_M_WORKER_PAUSED, 1));
    assert_int_equal(fake_catalogue_ready(self->catalogue), 50);
    fake_catalogue_fail_writes(self->catalogue, FY_OK, 0, false);
    assert_true(fake_node_wait_ready_count(self, 750));
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_node_metric(self, FY_M_WORKER_PAUSED), 0);
    assert_int_equal(fake_node_metric(self, FY_M_RETRIES), 0);
    assert_int_equal(fake_catalogue_outcomes(self->catalogue, FY_OUTCOME_WAITING), 0);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 750); /* stored bodies waited */
}

/* The reply to COMMIT is lost: the write is made again, and the row keeps the body it names. */
static void a_lost_commit_reply_loses_nothing(void **state)
{
    struct fake_node *self = *state;
    struct fy_digest digest;
    fake_node_start(self);
    (void)fake_node_create(self, "first");
    assert_true(fake_node_wait_ready(self, "first"));
    fake_catalogue_fail_writes(self->catalogue, FY_EIO, 1, true);
    (void)fake_node_create(self, "unknown");
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_DUPLICATE, 1));
    struct fake_object row = fake_catalogue_object(self->catalogue, "unknown");
    assert_int_equal(row.applied, 1);
    assert_true(fake_store_has(self->store, row.blob_ref, &digest));
    assert_true(fake_node_wait_committed(self));
}

/* Held for the catalogue with a body to link, which was swept when it came back: the bytes travel
 * after all, and the failure that is over is not taken for theirs. */
static void a_body_that_is_swept_during_an_outage_is_pulled(void **state)
{
    struct fake_node *self = *state;
    int64_t id = fake_node_body(self, "linked");
    fake_catalogue_sweep(self->catalogue, id);
    fake_catalogue_fail_writes(self->catalogue, FY_EBUSY, 1, false);
    fake_node_start(self);
    (void)fake_node_create(self, "linked");
    assert_true(fake_node_wait_ready(self, "linked"));
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 1);
    assert_false(fake_catalogue_object(self->catalogue, "linked").linked);
}

static void looks_that_fail_are_asked_again(void **state)
{
    struct fake_node *self = *state;
    fake_catalogue_fail_looks(self->catalogue, FY_EBUSY, 2);
    fake_node_start(self);
    (void)fake_node_create(self, "o");
    assert_true(fake_node_wait_ready(self, "o"));
    assert_int_equal(fake_node_metric(self, FY_M_RETRIES), 0);
}

/* The order whose look-up failed then hangs at its source: that holds up nobody. */
static void a_catalogue_that_is_back_is_found_so_whatever_orders_do(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_catalogue_fail_looks(self->catalogue, FY_EBUSY, 1);
    fake_peer_rule(self->peer, "hang", FAKE_HANG, 0, -1);
    fake_node_start(self);
    (void)fake_node_create(self, "hang");
    assert_true(fake_node_wait_metric(self, FY_M_WORKER_PAUSED, 1));
    fake_order(self, &order, FY_ACTION_CREATE, "other");
    (void)snprintf(order.from_site, sizeof(order.from_site), "site-c");
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_ready(self, "other"));
    assert_false(fake_catalogue_object(self->catalogue, "hang").exists);
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_ready(self, "hang"));
}

static bool not_paused(void *arg)
{
    return fake_node_metric(arg, FY_M_WORKER_PAUSED) == 0;
}

/* No order is left that could find out: it is found out all the same. */
static void a_catalogue_that_is_back_is_found_so_without_orders(void **state)
{
    struct fake_node *self = *state;
    fake_catalogue_fail_looks(self->catalogue, FY_EBUSY, 1);
    fake_catalogue_fail_writes(self->catalogue, FY_EBUSY, 2, false);
    fake_node_start(self);
    (void)fake_node_create(self, "gone");
    assert_true(fake_node_wait_metric(self, FY_M_WORKER_PAUSED, 1));
    fake_queue_revoke(self->queue, FAKE_ALL);
    fake_queue_settle(self->queue);
    assert_true(fake_node_wait_metric(self, FY_M_WORKER_PAUSED, 1));
    assert_true(fake_catalogue_wait(self->catalogue, not_paused, self));
    assert_false(fake_catalogue_object(self->catalogue, "gone").exists);
    fake_queue_assign(self->queue, FAKE_ALL);
    assert_true(fake_node_wait_ready(self, "gone"));
}

/* Disk full: creates rest, deletes go on, and it resumes by itself. */
static void a_full_disk_stops_creates_and_not_deletes(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_store_fail(self->store, FAKE_FINISH, FY_ENOSPACE, 3);
    fake_node_start(self);
    for (int i = 0; i < 20; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "full/%d", i);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_metric(self, FY_M_WORKER_PAUSED, 1));
    assert_true(atomic_load(&self->node.store_fails));
    atomic_store(&self->node.store_ok, false); /* the house-keeper has seen it too */
    fake_order(self, &order, FY_ACTION_DELETE, "old");
    (void)fake_node_give(self, &order);
    fake_order(self, &order, FY_ACTION_CREATE, "rests");
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_deleted(self, "old"));
    assert_false(fake_catalogue_object(self->catalogue, "rests").exists);
    atomic_store(&self->node.store_ok, true);
    assert_true(fake_node_wait_ready_count(self, 21));
    assert_int_equal(fake_node_metric(self, FY_M_RETRIES), 0);
    assert_int_equal(fake_catalogue_outcomes(self->catalogue, FY_OUTCOME_WAITING), 0);
    assert_true(fake_node_wait_committed(self));
    assert_false(atomic_load(&self->node.store_fails));
}

/* The machine's time, and more when a test says so. */
struct jumping_clock {
    struct fy_clock port;
    _Atomic int64_t ahead_ms;
};

static int64_t jumping_wall_ms(struct fy_clock *port)
{
    struct jumping_clock *self = FY_CONTAINER_OF(port, struct jumping_clock, port);
    return fy_wall_ms(fy_clock_system()) + atomic_load(&self->ahead_ms);
}

static int64_t jumping_mono_ms(struct fy_clock *port)
{
    struct jumping_clock *self = FY_CONTAINER_OF(port, struct jumping_clock, port);
    return fy_mono_ms(fy_clock_system()) + atomic_load(&self->ahead_ms);
}

static bool store_is_trusted(void *arg)
{
    struct fake_node *self = arg;
    return !atomic_load(&self->node.store_fails);
}

/* Its pause is over, but nothing is there to be written: some time without a failure must do. */
static void a_store_that_nobody_writes_to_is_trusted_again_in_time(void **state)
{
    struct fake_node *self = *state;
    /* static: should an assertion fail, the engine goes on until the teardown */
    static struct jumping_clock clock = {.port = {jumping_wall_ms, jumping_mono_ms}};
    self->node.clock = &clock.port;
    fake_store_fail(self->store, FAKE_FINISH, FY_EIO, 1);
    fake_node_start(self);
    (void)fake_node_create(self, "gone");
    assert_true(fake_node_wait_metric(self, FY_M_WORKER_PAUSED, 1));
    fake_peer_rule(self->peer, "gone", FAKE_STATUS, 503, -1); /* so that it is not written again */
    atomic_store(&clock.ahead_ms, FY_LOCAL_PROBE_MS);
    assert_true(fake_node_wait_metric(self, FY_M_RETRIES, 1));
    assert_int_equal(fake_node_metric(self, FY_M_WORKER_PAUSED), 0);
    assert_true(atomic_load(&self->node.store_fails));
    atomic_store(&clock.ahead_ms, FY_LOCAL_PROBE_MS + FY_LOCAL_PROBE_MS_MAX);
    assert_true(fake_catalogue_wait(self->catalogue, store_is_trusted, self));
}

static void every_step_of_the_store_may_fail(void **state)
{
    struct fake_node *self = *state;
    fake_store_fail(self->store, FAKE_BEGIN, FY_EIO, 1);
    fake_store_fail(self->store, FAKE_APPEND, FY_EIO, 1);
    fake_store_fail(self->store, FAKE_FINISH, FY_EIO, 1);
    fake_node_start(self);
    (void)fake_node_create(self, "small");
    (void)fake_node_create(self, "big size=9000000");
    assert_true(fake_node_wait_ready(self, "small"));
    assert_true(fake_node_wait_ready(self, "big size=9000000"));
    assert_int_equal(fake_store_writers(self->store), 0);
    assert_int_equal(fake_node_metric(self, FY_M_RETRIES), 0);
}

/* Its writing thread fails while its hashing thread goes on. */
static void a_big_body_whose_write_fails_is_pulled_again(void **state)
{
    struct fake_node *self = *state;
    fake_store_fail(self->store, FAKE_APPEND, FY_EIO, 2);
    fake_node_start(self);
    (void)fake_node_create(self, "big size=30000000");
    assert_true(fake_node_wait_ready(self, "big size=30000000"));
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 3);
    assert_int_equal(fake_store_writers(self->store), 0);
    assert_int_equal(fake_store_bodies(self->store), 1);
}

/* Others fit, this one does not: it waits alone. */
static void a_body_too_big_for_the_disk_waits_alone(void **state)
{
    struct fake_node *self = *state;
    fake_store_fail(self->store, FAKE_BEGIN, FY_ENOSPACE, 1);
    fake_node_start(self);
    (void)fake_node_create(self, "huge size=9000000");
    assert_true(fake_node_wait_waiting(self, FY_WAITING, 1));
    assert_int_equal(reason_of(self, "huge size=9000000"), FY_STORE_FULL);
    assert_int_equal(fake_node_metric(self, FY_M_WORKER_PAUSED), 0);
    (void)fake_node_create(self, "small");
    assert_true(fake_node_wait_ready(self, "small"));
}

/* No space for anybody: all creates rest, the big one with them, and none is charged. */
static void a_big_body_on_a_full_disk_rests_with_the_others(void **state)
{
    struct fake_node *self = *state;
    fake_store_full(self->store, true);
    fake_store_fail(self->store, FAKE_BEGIN, FY_ENOSPACE, -1);
    fake_node_start(self);
    (void)fake_node_create(self, "huge size=9000000");
    assert_true(fake_node_wait_metric(self, FY_M_WORKER_PAUSED, 1));
    fake_store_full(self->store, false);
    fake_store_fail(self->store, FAKE_BEGIN, FY_OK, 0);
    assert_true(fake_node_wait_ready(self, "huge size=9000000"));
    assert_int_equal(fake_catalogue_outcomes(self->catalogue, FY_OUTCOME_WAITING), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_node_setup, fake_node_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_dead_site_fills_waiting_and_a_healed_one_empties_it),
        TEST(a_site_that_moves_while_its_breaker_is_open_is_found),
        TEST(retries_of_a_few_do_not_condemn_their_site),
        TEST(an_outage_makes_few_dead_letters_and_the_rest_waits_for_its_end),
        TEST(requests_that_a_site_refuses_do_not_open_its_breaker),
        TEST(a_hanging_site_leaves_permits_to_others),
        TEST(a_catalogue_that_is_away_charges_nobody),
        TEST(a_lost_commit_reply_loses_nothing),
        TEST(a_body_that_is_swept_during_an_outage_is_pulled),
        TEST(looks_that_fail_are_asked_again),
        TEST(a_catalogue_that_is_back_is_found_so_whatever_orders_do),
        TEST(a_catalogue_that_is_back_is_found_so_without_orders),
        TEST(a_full_disk_stops_creates_and_not_deletes),
        TEST(a_store_that_nobody_writes_to_is_trusted_again_in_time),
        TEST(every_step_of_the_store_may_fail),
        TEST(a_big_body_whose_write_fails_is_pulled_again),
        TEST(a_body_too_big_for_the_disk_waits_alone),
        TEST(a_big_body_on_a_full_disk_rests_with_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
