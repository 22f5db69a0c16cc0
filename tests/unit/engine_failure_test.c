/* engine_failure_test.c - the engine over fakes: orders that fail, by their source or by
 * themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime/publish_wait.h"
#include "tests/support/fake_node.h"

static enum fy_reason reason_of(struct fake_node *self, const char *object)
{
    struct fy_waiting_row row = {0};
    return fake_catalogue_waiting_row(self->catalogue, object, &row) ? row.reason : FY_REASON_NONE;
}

/* ------------------------------------------------------------------ every way a source can fail */

static const struct bad {
    const char *object;
    enum fake_answer answer;
    int value;
    enum fy_reason reason;
} bad_sources[] = {
    {"bad/404", FAKE_STATUS, 404, FY_SRC_NOT_FOUND},
    {"bad/410", FAKE_STATUS, 410, FY_SRC_NOT_FOUND},
    {"bad/403", FAKE_STATUS, 403, FY_RIGHTS},
    {"bad/500", FAKE_STATUS, 500, FY_SRC_REFUSED},
    {"bad/401", FAKE_STATUS, 401, FY_SRC_REFUSED},
    {"bad/429", FAKE_STATUS, 429, FY_SRC_REFUSED},
    {"bad/refused", FAKE_REFUSED, 0, FY_SRC_UNREACHABLE},
    {"bad/reset", FAKE_RESET, 0, FY_SRC_UNREACHABLE},
    {"bad/stall", FAKE_STALL, 0, FY_STALLED},
    {"bad/short", FAKE_SHORT, 0, FY_SIZE_MISMATCH},
    {"bad/short-clean", FAKE_SHORT_CLEAN, 0, FY_SIZE_MISMATCH},
    {"bad/long", FAKE_LONG, 0, FY_SIZE_MISMATCH},
    {"bad/cut", FAKE_CUT_ZSTD, 0, FY_SIZE_MISMATCH},
    {"bad/other", FAKE_OTHER, 0, FY_HASH_MISMATCH},
    {"bad/hash-header", FAKE_WRONG_HASH, 0, FY_SRC_CHANGED},
    {"bad/size-header", FAKE_WRONG_SIZE, 0, FY_SRC_CHANGED},
    {"bad/long size=9000000", FAKE_LONG, 0, FY_SIZE_MISMATCH},
    {"bad/other size=9000000", FAKE_OTHER, 0, FY_HASH_MISMATCH},
    {"bad/404 size=9000000", FAKE_STATUS, 404, FY_SRC_NOT_FOUND},
};

static void break_sources(struct fake_node *self)
{
    for (size_t i = 0; i < FY_COUNT_OF(bad_sources); i++)
        fake_peer_rule(self->peer, bad_sources[i].object, bad_sources[i].answer,
                       bad_sources[i].value, -1);
}

/* retry.max_age is short: each ends DEAD with exactly its reason, copied for Kafka's tools, and
 * nothing of it is READY or left in the store. */
static void bad_sources_end_dead_with_their_own_reason(void **state)
{
    struct fake_node *self = *state;
    self->config.retry_max_age_ms = 700;
    break_sources(self);
    fake_node_start(self);
    for (size_t i = 0; i < FY_COUNT_OF(bad_sources); i++) {
        struct fy_order order;
        fake_order(self, &order, FY_ACTION_CREATE, bad_sources[i].object);
        /* What counts against a whole site must not shun the orders that fail for themselves. */
        if (fy_reason_class(bad_sources[i].reason) == FY_CLASS_SITE)
            (void)snprintf(order.from_site, sizeof(order.from_site), "site-c");
        (void)fake_node_give(self, &order);
    }
    assert_true(fake_node_wait_waiting(self, FY_DEAD, FY_COUNT_OF(bad_sources)));
    for (size_t i = 0; i < FY_COUNT_OF(bad_sources); i++)
        assert_string_equal(fy_reason_name(reason_of(self, bad_sources[i].object)),
                            fy_reason_name(bad_sources[i].reason));
    assert_int_equal(fake_catalogue_ready(self->catalogue), 0);
    assert_int_equal(fake_store_bodies(self->store), 0);
    assert_int_equal(fake_queue_count(self->queue, FY_TOPIC_DEAD), FY_COUNT_OF(bad_sources));
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_node_metric(self, FY_M_ORDERS_DEAD), FY_COUNT_OF(bad_sources));
    assert_int_equal(fake_store_writers(self->store), 0);
}

/* The promise of "1,000 other orders are READY before the first bad one has left memory". */
static void others_pass_while_bad_ones_are_tried_in_memory(void **state)
{
    struct fake_node *self = *state;
    char name[32];
    break_sources(self);
    fake_node_start(self);
    for (int i = 0; i < 1000; i++) {
        if ((size_t)i < FY_COUNT_OF(bad_sources))
            (void)fake_node_create(self, bad_sources[i].object);
        (void)snprintf(name, sizeof(name), "good/%d", i);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_ready_count(self, 1000));
    assert_int_equal(fake_catalogue_waiting(self->catalogue, FY_WAITING), 0);
    assert_int_equal(fake_catalogue_waiting(self->catalogue, FY_DEAD), 0);
    assert_true(fake_node_metric(self, FY_M_RETRY_MEMORY) > 0);
}

static void a_source_that_recovers_in_memory_costs_no_row(void **state)
{
    struct fake_node *self = *state;
    fake_peer_rule(self->peer, "once", FAKE_STATUS, 503, 2);
    fake_node_start(self);
    (void)fake_node_create(self, "once");
    assert_true(fake_node_wait_ready(self, "once"));
    assert_int_equal(fake_node_metric(self, FY_M_RETRIES), 2);
    assert_int_equal(fake_catalogue_outcomes(self->catalogue, FY_OUTCOME_WAITING), 0);
}

static void a_mismatch_is_tried_again_on_a_fresh_connection(void **state)
{
    struct fake_node *self = *state;
    self->config.retry_max_age_ms = 300; /* the pause after a mismatch is cut to what is left */
    fake_peer_rule(self->peer, "odd", FAKE_OTHER, 0, 1);
    fake_node_start(self);
    (void)fake_node_create(self, "odd");
    assert_true(fake_node_wait_ready(self, "odd"));
    assert_int_equal(fake_peer_fresh(self->peer), 1);
    assert_int_equal(fake_node_metric(self, FY_M_HASH_MISMATCH), 1);
}

/* After its time in memory the order is a row; its offset is done, and it comes back when it is
 * due. */
static void an_order_waits_in_the_catalogue_and_returns(void **state)
{
    struct fake_node *self = *state;
    self->config.retry_memory_ms = 0;
    self->config.retry_first_ms = 200;
    fake_peer_rule(self->peer, "later", FAKE_STATUS, 404, 1);
    fake_node_start(self);
    (void)fake_node_create(self, "later");
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_WAITING, 1));
    assert_true(fake_node_wait_ready(self, "later"));
    assert_true(fake_node_wait_waiting(self, FY_WAITING, 0));
    assert_true(fake_node_wait_committed(self));
}

/* 404: again after the first and the second pause, then it is over, long before retry.max_age. */
static void a_missing_object_is_dead_after_three_rounds(void **state)
{
    struct fake_node *self = *state;
    self->config.retry_memory_ms = 0;
    self->config.retry_first_ms = 100;
    self->config.retry_second_ms = 100;
    fake_peer_rule(self->peer, "missing", FAKE_STATUS, 404, -1);
    fake_node_start(self);
    (void)fake_node_create(self, "missing");
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 1));
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 3);
    assert_int_equal(reason_of(self, "missing"), FY_SRC_NOT_FOUND);
}

static void a_person_brings_a_dead_order_back(void **state)
{
    struct fake_node *self = *state;
    self->config.retry_max_age_ms = 100;
    fake_peer_rule(self->peer, "healed", FAKE_STATUS, 500, 2);
    fake_node_start(self);
    (void)fake_node_create(self, "healed");
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 1));
    fake_catalogue_retry(self->catalogue, "healed");
    fy_bell_ring(&self->node.waiting_bell);
    assert_true(fake_node_wait_ready(self, "healed"));
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 0));
}

/* Its stamp is only its record's: what is newer at the source is what it is to copy, and does not
 * make it history. */
static void an_unstamped_order_that_waited_takes_the_stamp_of_its_source(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    struct fy_waiting_row row;
    self->config.retry_memory_ms = 0;
    self->config.retry_first_ms = 3600 * 1000;
    fake_order(self, &order, FY_ACTION_CREATE, "plain");
    struct fy_stamp source = order.stamp;
    source.time += UINT64_C(300000) << 16;
    order.stamp = (struct fy_stamp){0};
    fake_peer_stamp(self->peer, &source);
    fake_peer_rule(self->peer, "plain", FAKE_STATUS, 500, 1);
    fake_node_start(self);
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_waiting(self, FY_WAITING, 1));
    assert_true(fake_catalogue_waiting_row(self->catalogue, "plain", &row));
    assert_true(row.order.given);
    fake_catalogue_retry(self->catalogue, "plain");
    fy_bell_ring(&self->node.waiting_bell);
    assert_true(fake_node_wait_ready(self, "plain"));
    struct fake_object object = fake_catalogue_object(self->catalogue, "plain");
    assert_int_equal(fy_stamp_compare(&object.stamp, &source), 0);
}

/* The first order of the object fails; the next one need not wait for its minute of tries. */
static void a_failing_order_makes_way_for_a_newer_one(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_peer_rule(self->peer, "o", FAKE_HANG, 404, 1);
    fake_node_start(self);
    (void)fake_node_create(self, "o");
    fake_peer_wait_hanging(self->peer, 1);
    fake_order(self, &order, FY_ACTION_DELETE, "o");
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_metric(self, FY_M_LANE_ORDERS, 2));
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_deleted(self, "o"));
    assert_int_equal(fake_catalogue_outcomes(self->catalogue, FY_OUTCOME_WAITING), 1);
    assert_int_equal(fake_node_metric(self, FY_M_RETRIES), 0);
}

static void rights_and_conflicts_have_their_reasons(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    self->config.retry_max_age_ms = 100;
    fake_catalogue_forbid(self->catalogue, "client-2");
    fake_catalogue_hide(self->catalogue, "bucket-2");
    fake_node_start(self);
    fake_order(self, &order, FY_ACTION_CREATE, "forbidden");
    (void)snprintf(order.client, sizeof(order.client), "client-2");
    (void)fake_node_give(self, &order);
    fake_order(self, &order, FY_ACTION_DELETE, "forbidden-delete");
    (void)snprintf(order.client, sizeof(order.client), "client-2");
    (void)fake_node_give(self, &order);
    fake_order(self, &order, FY_ACTION_CREATE, "hidden");
    (void)snprintf(order.bucket, sizeof(order.bucket), "bucket-2");
    (void)fake_node_give(self, &order);
    fake_order(self, &order, FY_ACTION_CREATE, "nowhere");
    (void)snprintf(order.from_site, sizeof(order.from_site), "site-x");
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 4));
    assert_int_equal(reason_of(self, "forbidden"), FY_RIGHTS);
    assert_int_equal(reason_of(self, "forbidden-delete"), FY_RIGHTS);
    assert_int_equal(reason_of(self, "hidden"), FY_CONFLICT);
    assert_int_equal(reason_of(self, "nowhere"), FY_TOPOLOGY_UNKNOWN);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 0);
}

/* The write of a stored body is refused: no row will ever name it, so it goes at once. */
static void a_refused_write_leaves_no_body(void **state)
{
    struct fake_node *self = *state;
    self->config.retry_max_age_ms = 100;
    fake_catalogue_forbid_late(self->catalogue, "client-1");
    fake_node_start(self);
    (void)fake_node_create(self, "refused");
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 1));
    assert_int_equal(reason_of(self, "refused"), FY_RIGHTS);
    assert_int_equal(fake_store_bodies(self->store), 0);
}

/* A snapshot reads it: its orders wait, whose source is not to blame, and all others go on. */
static void bucket_that_takes_no_orders_now_stops_no_other(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_catalogue_freeze(self->catalogue, "bucket-2");
    fake_node_start(self);
    fake_order(self, &order, FY_ACTION_CREATE, "late");
    (void)snprintf(order.bucket, sizeof(order.bucket), "bucket-2");
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_metric(self, FY_M_RETRIES, 1));
    assert_int_equal(fake_store_bodies(self->store), 0); /* no row names what was stored for it */
    (void)fake_node_create(self, "other");
    assert_true(fake_node_wait_ready(self, "other"));
    assert_int_equal(fake_node_metric(self, FY_M_WORKER_PAUSED), 0);
    fake_catalogue_freeze(self->catalogue, "no-bucket-at-all");
    assert_true(fake_node_wait_ready_count(self, 2));
}

static void a_stop_in_the_middle_of_everything_is_clean(void **state)
{
    struct fake_node *self = *state;
    char name[48];
    fake_peer_rule(self->peer, "hang size=9000000", FAKE_HANG, 0, -1);
    break_sources(self);
    fake_node_start(self);
    (void)fake_node_create(self, "hang size=9000000");
    fake_peer_wait_hanging(self->peer, 1);
    for (size_t i = 0; i < FY_COUNT_OF(bad_sources); i++)
        (void)fake_node_create(self, bad_sources[i].object);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(name, sizeof(name), "stop/%d%s", i, i % 50 == 0 ? " size=8400000" : "");
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_ready_count(self, 20));
    fake_node_stop(self, 50);
    assert_int_equal(fake_store_writers(self->store), 0);
    assert_int_equal(fake_peer_hanging(self->peer), 0);
    assert_int_equal(fake_node_metric(self, FY_M_INFLIGHT_ORDERS), 0);
    fake_peer_release(self->peer);
    fake_node_start(self);
    assert_true(fake_node_wait_ready_count(self, 501));
}

/* ------------------------------------------------------------------ poison */

static void give_text(struct fake_node *self, const char *text)
{
    (void)fake_queue_put(self->queue, FY_TOPIC_ACTION, 1, "k\"ey", text, strlen(text));
}

static void poison_is_one_dead_letter_and_the_rest_goes_on(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_node_start(self);
    give_text(self, "{\"bucketName\":");
    give_text(self, "{\"action\":\"FROB\",\"bucketName\":\"bucket-1\"}");
    fake_order(self, &order, FY_ACTION_CREATE, "foreign");
    (void)snprintf(order.to_site, sizeof(order.to_site), "site-z");
    (void)fake_node_give(self, &order);
    fake_order(self, &order, FY_ACTION_CREATE, "ahead");
    order.stamp.time = UINT64_MAX - 1;
    (void)fake_node_give(self, &order);
    fake_order(self, &order, FY_ACTION_DELETE, "expired");
    order.ordered_at_ms = 1000;
    (void)fake_node_give(self, &order);
    (void)fake_node_create(self, "fine");
    assert_true(fake_node_wait_ready(self, "fine"));
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 5));
    assert_int_equal(reason_of(self, "foreign"), FY_BAD_ORDER);
    assert_int_equal(reason_of(self, "ahead"), FY_BAD_ORDER);
    assert_int_equal(reason_of(self, "expired"), FY_EXPIRED);
    assert_true(fake_node_wait_committed(self));

    assert_int_equal(fake_queue_count(self->queue, FY_TOPIC_DEAD), 5);
    bool found = false;
    for (size_t i = 0; i < 5; i++) {
        const struct fy_record *record = fake_queue_record(self->queue, FY_TOPIC_DEAD, i);
        assert_string_not_equal(fake_header(record, "ferry-origin"), "");
        assert_string_not_equal(fake_header(record, "ferry-attempts"), "");
        if (record->value_bytes != 14 || memcmp(record->value, "{\"bucketName\":", 14) != 0)
            continue;
        found = true; /* byte for byte, key and value */
        assert_int_equal(record->key_bytes, 4);
        assert_memory_equal(record->key, "k\"ey", 4);
        assert_string_equal(fake_header(record, "ferry-dlq-reason"), "BAD_ORDER");
        assert_string_equal(fake_header(record, "ferry-dlq-class"), "poison");
    }
    assert_true(found);
}

/* Written by CCS or an application, without stamp and orderedAt: its record's time is both. */
static void an_order_that_says_no_time_expires_by_its_records(void **state)
{
    static const char text[] =
        "{\"action\":\"CREATE\",\"clientId\":\"client-1\",\"bucketName\":\"bucket-1\","
        "\"objectName\":\"late\",\"fromSite\":\"" FAKE_SOURCE "\"}";
    struct fake_node *self = *state;
    struct fy_record record = {.topic = FY_TOPIC_ACTION,
                               .partition = -1,
                               .value = text,
                               .value_bytes = sizeof(text) - 1,
                               .timestamp_ms = fy_wall_ms(fy_clock_system()) -
                                               self->config.tombstones_keep_ms - 60000};
    struct fy_err err = {0};
    assert_int_equal(fy_publish_wait(self->node.queue, &record, 1, NULL, &err), FY_OK);
    fake_node_start(self);
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 1));
    assert_int_equal(reason_of(self, "late"), FY_EXPIRED);
    assert_false(fake_catalogue_object(self->catalogue, "late").exists);
}

/* Far over what an order may have: its copy is still the record, byte for byte, and its headers say
 * what became of it. */
static void a_long_poison_is_copied_whole(void **state)
{
    struct fake_node *self = *state;
    char *text = fy_alloc(FY_RECORD_BYTES_MAX - 100);
    memset(text, 'x', FY_RECORD_BYTES_MAX - 100);
    text[300000] = '\0';
    fake_node_start(self);
    (void)fake_queue_put(self->queue, FY_TOPIC_ACTION, 1, "key", text, FY_RECORD_BYTES_MAX - 100);
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 1));
    const struct fy_record *record = fake_queue_record(self->queue, FY_TOPIC_DEAD, 0);
    assert_non_null(record);
    assert_int_equal(record->value_bytes, FY_RECORD_BYTES_MAX - 100);
    assert_memory_equal(record->value, text, FY_RECORD_BYTES_MAX - 100);
    assert_int_equal(record->key_bytes, 3);
    assert_memory_equal(record->key, "key", 3);
    static const char *const names[] = {
        "ferry-dlq-v",    "ferry-dlq-class",       "ferry-dlq-reason", "ferry-dlq-detail",
        "ferry-origin",   "ferry-stamp",           "ferry-dead-at",    "ferry-direction",
        "ferry-attempts", "ferry-first-failed-at", "ferry-site",       "ferry-worker",
        "ferry-version"};
    for (size_t i = 0; i < FY_COUNT_OF(names); i++)
        assert_string_not_equal(fake_header(record, names[i]), "");
    free(text);
}

/* An order may be dead for months before a person retries it: applied then, it would undo what its
 * tombstones stood for. */
static void a_retried_order_that_has_expired_meanwhile_is_dead_again(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    self->config.retry_max_age_ms = 100;
    fake_peer_rule(self->peer, "old", FAKE_STATUS, 404, 2);
    fake_node_start(self);
    fake_order(self, &order, FY_ACTION_CREATE, "old");
    order.ordered_at_ms = fy_wall_ms(self->node.clock);
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 1));
    assert_int_equal(reason_of(self, "old"), FY_SRC_NOT_FOUND);
    fake_catalogue_age(self->catalogue, "old", 1000);
    fake_catalogue_retry(self->catalogue, "old");
    fy_bell_ring(&self->node.waiting_bell);
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_DEAD, 2));
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 1));
    assert_int_equal(reason_of(self, "old"), FY_EXPIRED);
    assert_false(fake_catalogue_object(self->catalogue, "old").exists);
}

/* A dead letter is not done before its copy is safe. */
static void a_dead_letter_waits_until_its_copy_is_acknowledged(void **state)
{
    struct fake_node *self = *state;
    fake_queue_refuse_publishes(self->queue, 1);
    fake_queue_fail_publishes(self->queue, 1);
    fake_node_start(self);
    give_text(self, "poison");
    (void)fake_node_create(self, "fine");
    assert_true(fake_node_wait_ready(self, "fine"));
    assert_int_equal(fake_catalogue_waiting(self->catalogue, FY_DEAD), 0);
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 1));
    assert_int_equal(fake_queue_count(self->queue, FY_TOPIC_DEAD), 1);
    assert_true(fake_node_wait_committed(self));
}

static void a_flood_of_poison_stays_within_its_bound(void **state)
{
    struct fake_node *self = *state;
    fake_queue_refuse_publishes(self->queue, INT32_MAX);
    fake_node_start(self);
    for (int i = 0; i < 1000; i++)
        give_text(self, "poison");
    assert_true(fake_node_wait_metric(self, FY_M_LANE_ORDERS, FY_POISON_MAX));
    for (int i = 0; i < 50; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "fine/%d", i);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_ready_count(self, 30)); /* those not behind it in its partition */
    assert_true(fake_node_metric(self, FY_M_LANE_ORDERS) < 2 * FY_POISON_MAX);
    fake_queue_refuse_publishes(self->queue, 0);
    assert_true(fake_node_wait_waiting(self, FY_DEAD, 1000));
    assert_true(fake_node_wait_ready_count(self, 50));
    assert_true(fake_node_wait_committed(self));
}

/* A proxy answers in the place of a site that is a Ferry: neither its 200, which would do for an
 * empty object, nor its 404 says anything of the object. */
static void a_page_in_front_of_a_ferry_is_no_answer_of_its(void **state)
{
    struct fake_node *self = *state;
    fake_peer_rule(self->peer, "empty size=0", FAKE_PAGE, 200, 1);
    fake_peer_rule(self->peer, "whole", FAKE_PAGE, 404, 1);
    fake_node_start(self);
    (void)fake_node_create(self, "empty size=0");
    (void)fake_node_create(self, "whole");
    assert_true(fake_node_wait_ready(self, "empty size=0"));
    assert_true(fake_node_wait_ready(self, "whole"));
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_FACTS), 2);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_node_setup, fake_node_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_page_in_front_of_a_ferry_is_no_answer_of_its),
        TEST(bad_sources_end_dead_with_their_own_reason),
        TEST(others_pass_while_bad_ones_are_tried_in_memory),
        TEST(a_source_that_recovers_in_memory_costs_no_row),
        TEST(a_mismatch_is_tried_again_on_a_fresh_connection),
        TEST(an_order_waits_in_the_catalogue_and_returns),
        TEST(a_missing_object_is_dead_after_three_rounds),
        TEST(a_person_brings_a_dead_order_back),
        TEST(an_unstamped_order_that_waited_takes_the_stamp_of_its_source),
        TEST(a_failing_order_makes_way_for_a_newer_one),
        TEST(rights_and_conflicts_have_their_reasons),
        TEST(bucket_that_takes_no_orders_now_stops_no_other),
        TEST(a_refused_write_leaves_no_body),
        TEST(a_stop_in_the_middle_of_everything_is_clean),
        TEST(poison_is_one_dead_letter_and_the_rest_goes_on),
        TEST(an_order_that_says_no_time_expires_by_its_records),
        TEST(a_long_poison_is_copied_whole),
        TEST(a_retried_order_that_has_expired_meanwhile_is_dead_again),
        TEST(a_dead_letter_waits_until_its_copy_is_acknowledged),
        TEST(a_flood_of_poison_stays_within_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
