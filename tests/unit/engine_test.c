/* engine_test.c - the engine over fakes: what becomes of orders when nothing is wrong with anybody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/adapters/order_json.h"
#include "tests/support/fake_node.h"

static void assert_body_is_right(struct fake_node *self, const char *object)
{
    struct fake_object row = fake_catalogue_object(self->catalogue, object);
    struct fy_digest promised;
    struct fy_digest stored;
    fake_content_digest(object, &promised);
    assert_int_equal(row.status, FY_STATUS_READY);
    assert_true(fake_store_has(self->store, row.blob_ref, &stored));
    assert_true(fy_digest_equal(&promised, &stored));
    assert_true(fy_digest_equal(&promised, &row.digest));
    assert_int_equal(row.size, fake_content_size(object));
}

/* ------------------------------------------------------------------ objects */

static void an_ordered_object_becomes_ready_with_its_stamp_and_its_bytes(void **state)
{
    struct fake_node *self = *state;
    fake_node_start(self);
    struct fy_stamp stamp = fake_node_create(self, "dir/o1");
    assert_true(fake_node_wait_ready(self, "dir/o1"));
    assert_body_is_right(self, "dir/o1");
    struct fake_object row = fake_catalogue_object(self->catalogue, "dir/o1");
    assert_int_equal(fy_stamp_compare(&row.stamp, &stamp), 0);
    assert_int_equal(row.proof, FY_PROOF_PROMISE);
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_node_metric(self, FY_M_ORDERS_APPLIED), 1);
    assert_int_equal(fake_node_metric(self, FY_M_INFLIGHT_ORDERS), 0);
}

static void thousands_of_objects_arrive_and_every_offset_is_committed(void **state)
{
    struct fake_node *self = *state;
    char name[32];
    fake_node_start(self);
    for (int i = 0; i < 6000; i++) {
        (void)snprintf(name, sizeof(name), "many/%d", i);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_ready_count(self, 6000));
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_node_metric(self, FY_M_ORDERS_APPLIED), 6000);
    assert_int_equal(fake_store_bodies(self->store), 6000);
    assert_true(fake_peer_most(self->peer) <= FY_INFLIGHT_SITE_MAX);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_HELLO), 1);
    assert_body_is_right(self, "many/4711");
}

static void a_big_body_passes_through_its_own_threads(void **state)
{
    struct fake_node *self = *state;
    static const char *const names[] = {"big/1 size=20000000", "big/2 size=9000000",
                                        "big/3 size=8388608",  "big/4 size=12000001",
                                        "big/5 size=8500000",  "small"};
    fake_node_start(self);
    for (size_t i = 0; i < FY_COUNT_OF(names); i++)
        (void)fake_node_create(self, names[i]);
    for (size_t i = 0; i < FY_COUNT_OF(names); i++) {
        assert_true(fake_node_wait_ready(self, names[i]));
        assert_body_is_right(self, names[i]);
    }
}

/* Writing runs ahead of hashing, and no byte is overwritten that one of them has not seen. */
static void a_big_body_is_pulled_no_faster_than_its_slower_thread(void **state)
{
    struct fake_node *self = *state;
    fake_store_hold_hashes(self->store, true);
    fake_node_start(self);
    (void)fake_node_create(self, "big/slow size=30000000");
    fake_peer_wait_paused(self->peer);
    fake_store_hold_hashes(self->store, false);
    assert_true(fake_node_wait_ready(self, "big/slow size=30000000"));
    assert_body_is_right(self, "big/slow size=30000000");
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 1);
}

/* The source breaks off again and again, but it is always the same version: nothing is pulled
 * twice. */
static void a_big_body_goes_on_where_it_broke_off(void **state)
{
    struct fake_node *self = *state;
    const char *name = "big/broken size=30000000";
    struct fy_order order;
    fake_order(self, &order, FY_ACTION_CREATE, name);
    fake_peer_stamp(self->peer, &order.stamp);
    fake_peer_rule(self->peer, name, FAKE_BREAK, 10000000, 1);
    fake_peer_rule(self->peer, name, FAKE_BREAK, 20000001, 1);
    fake_node_start(self);
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_ready(self, name));
    assert_body_is_right(self, name);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 3);
    assert_int_equal(fake_node_metric(self, FY_M_RETRIES), 0);
}

static void an_empty_object_is_made_from_its_headers_alone(void **state)
{
    struct fake_node *self = *state;
    fake_node_start(self);
    (void)fake_node_create(self, "empty size=0");
    assert_true(fake_node_wait_ready(self, "empty size=0"));
    assert_body_is_right(self, "empty size=0");
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 0);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_FACTS), 1);
}

static void nothing_is_pulled_whose_bytes_are_here(void **state)
{
    struct fake_node *self = *state;
    (void)fake_node_body(self, "twin");
    fake_node_start(self);
    (void)fake_node_create(self, "twin");
    assert_true(fake_node_wait_ready(self, "twin"));
    assert_true(fake_catalogue_object(self->catalogue, "twin").linked);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_FACTS), 1);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 0);
    assert_true(fake_node_wait_metric(self, FY_M_BODIES_LINKED, 1));
}

/* The headers must confirm hash and size; a CCS may leave the hash out. */
static void unconfirmed_bytes_are_pulled_after_all(void **state)
{
    struct fake_node *self = *state;
    (void)fake_node_body(self, "twin");
    fake_peer_rule(self->peer, "twin", FAKE_NO_HASH, 0, -1);
    fake_node_start(self);
    (void)fake_node_create(self, "twin");
    assert_true(fake_node_wait_ready(self, "twin"));
    assert_false(fake_catalogue_object(self->catalogue, "twin").linked);
    assert_body_is_right(self, "twin");
}

static void a_body_that_was_swept_meanwhile_is_pulled(void **state)
{
    struct fake_node *self = *state;
    int64_t id = fake_node_body(self, "swept");
    fake_catalogue_sweep(self->catalogue, id);
    fake_node_start(self);
    (void)fake_node_create(self, "swept");
    assert_true(fake_node_wait_ready(self, "swept"));
    assert_body_is_right(self, "swept");
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 1);
    assert_int_equal(fake_node_metric(self, FY_M_RETRIES), 0);
}

/* The catalogue knows a body whose file is lost, or not all there: its word is not enough. */
static void a_body_that_the_store_has_lost_is_pulled(void **state)
{
    struct fake_node *self = *state;
    static const char *const names[] = {"lost", "cut", "cut/empty size=0", "lost size=9000000"};
    for (size_t i = 0; i < FY_COUNT_OF(names); i++) {
        struct fy_digest digest;
        char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
        int64_t size = fake_content_size(names[i]);
        fake_content_digest(names[i], &digest);
        int64_t id = fake_catalogue_body(self->catalogue, &digest, size);
        (void)snprintf(blob_ref, sizeof(blob_ref), FAKE_BODY_REF, (long long)id);
        if (names[i][0] == 'c')
            fake_store_place(self->store, blob_ref, &digest, size == 0 ? 1 : size - 1);
    }
    fake_node_start(self);
    for (size_t i = 0; i < FY_COUNT_OF(names); i++)
        (void)fake_node_create(self, names[i]);
    for (size_t i = 0; i < FY_COUNT_OF(names); i++) {
        assert_true(fake_node_wait_ready(self, names[i]));
        assert_body_is_right(self, names[i]);
        assert_false(fake_catalogue_object(self->catalogue, names[i]).linked);
    }
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 3); /* nothing of the empty one */
    assert_int_equal(fake_node_metric(self, FY_M_RETRIES), 0);
}

static void an_object_before_its_bucket_brings_the_description(void **state)
{
    struct fake_node *self = *state;
    fake_catalogue_know_containers(self->catalogue, false);
    fake_node_start(self);
    (void)fake_node_create(self, "early");
    assert_true(fake_node_wait_ready(self, "early"));
    assert_true(fake_catalogue_object(self->catalogue, "early").described);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_DESCRIBE), 1);
}

/* CCS says nothing of stamps and hashes need not be digests: the transport vouches. */
static void an_order_without_a_promise_is_ready_by_its_transport(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_order(self, &order, FY_ACTION_CREATE, "plain");
    order.hash[0] = '\0';
    order.size = 0;
    order.stamp = (struct fy_stamp){0};
    fake_peer_hello(self->peer, 404, false);
    fake_peer_rule(self->peer, "plain", FAKE_NO_FACTS, 0, -1);
    fake_node_start(self);
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_ready(self, "plain"));
    assert_body_is_right(self, "plain");
    assert_int_equal(fake_catalogue_object(self->catalogue, "plain").proof, FY_PROOF_TRANSPORT);
}

static void an_unstamped_order_takes_the_stamp_of_its_source(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_order(self, &order, FY_ACTION_CREATE, "plain");
    struct fy_stamp source = order.stamp;
    source.time += UINT64_C(600000) << 16; /* even one above the record's own */
    order.stamp = (struct fy_stamp){0};
    fake_peer_stamp(self->peer, &source);
    fake_node_start(self);
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_ready(self, "plain"));
    struct fake_object row = fake_catalogue_object(self->catalogue, "plain");
    assert_int_equal(fy_stamp_compare(&row.stamp, &source), 0);
}

/* An API stamped it when it took it, and another site's API sent it on. */
static void a_given_order_takes_the_stamp_of_its_source(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_order(self, &order, FY_ACTION_CREATE, "plain");
    struct fy_stamp source = order.stamp;
    source.time += UINT64_C(300000) << 16;
    order.given = true;
    fake_peer_stamp(self->peer, &source);
    fake_node_start(self);
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_ready(self, "plain"));
    struct fake_object row = fake_catalogue_object(self->catalogue, "plain");
    assert_int_equal(fy_stamp_compare(&row.stamp, &source), 0);
}

/* ------------------------------------------------------------------ other orders */

static void deletes_and_buckets_need_no_source(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_peer_hello(self->peer, 0, false);
    fake_node_start(self);
    fake_order(self, &order, FY_ACTION_DELETE, "gone");
    (void)fake_node_give(self, &order);
    fake_order(self, &order, FY_ACTION_CREATE, "");
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_APPLIED, 2));
    assert_int_equal(fake_catalogue_object(self->catalogue, "gone").status, FY_STATUS_DELETED);
    assert_int_equal(fake_catalogue_object(self->catalogue, "/bucket-1").status, FY_STATUS_READY);
    assert_true(fake_node_wait_committed(self));
}

static void updates_settle_without_effect(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_node_start(self);
    fake_order(self, &order, FY_ACTION_UPDATE, "o");
    (void)fake_node_give(self, &order);
    fake_order(self, &order, FY_ACTION_UNKNOWN, "o");
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_SETTLED, 2));
    assert_int_equal(fake_catalogue_outcomes(self->catalogue, FY_OUTCOME_SETTLED), 2);
    assert_false(fake_catalogue_object(self->catalogue, "o").exists);
    assert_true(fake_node_wait_committed(self));
}

static void a_repeated_order_is_a_duplicate_and_moves_nothing(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_order(self, &order, FY_ACTION_CREATE, "twice");
    fake_node_start(self);
    (void)fake_node_give(self, &order);
    (void)fake_node_give(self, &order);
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_DUPLICATE, 1));
    assert_int_equal(fake_catalogue_object(self->catalogue, "twice").applied, 1);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 1);
}

static void a_late_order_is_superseded_and_moves_nothing(void **state)
{
    struct fake_node *self = *state;
    struct fy_order first;
    struct fy_order second;
    fake_order(self, &first, FY_ACTION_CREATE, "race");
    fake_order(self, &second, FY_ACTION_DELETE, "race");
    fake_node_start(self);
    (void)fake_node_give(self, &second);
    (void)fake_node_give(self, &first);
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_SUPERSEDED, 1));
    assert_int_equal(fake_catalogue_object(self->catalogue, "race").status, FY_STATUS_DELETED);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), 0);
}

static void the_source_itself_may_supersede_an_order(void **state)
{
    struct fake_node *self = *state;
    fake_peer_rule(self->peer, "newer", FAKE_NEWER, 0, -1);
    fake_peer_rule(self->peer, "deleted", FAKE_GONE, 0, -1);
    fake_peer_rule(self->peer, "newer size=9000000", FAKE_NEWER, 0, -1);
    fake_node_start(self);
    (void)fake_node_create(self, "newer");
    (void)fake_node_create(self, "deleted");
    (void)fake_node_create(self, "newer size=9000000");
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_SUPERSEDED, 3));
    assert_int_equal(fake_catalogue_outcomes(self->catalogue, FY_OUTCOME_SUPERSEDED), 3);
    assert_int_equal(fake_catalogue_ready(self->catalogue), 0);
    assert_int_equal(fake_store_writers(self->store), 0);
    assert_true(fake_node_wait_committed(self));
}

/* ------------------------------------------------------------------ lanes */

/* CREATE, DELETE, CREATE of one name, with its first source call standing still: nothing overtakes.
 */
static void orders_of_one_object_run_one_after_the_other(void **state)
{
    struct fake_node *self = *state;
    struct fy_order order;
    fake_peer_rule(self->peer, "o", FAKE_HANG, 0, 1);
    fake_node_start(self);
    (void)fake_node_create(self, "o");
    fake_order(self, &order, FY_ACTION_DELETE, "o");
    (void)fake_node_give(self, &order);
    struct fy_stamp last = fake_node_create(self, "o");
    (void)fake_node_create(self, "other");
    fake_peer_wait_hanging(self->peer, 1);
    assert_true(fake_node_wait_ready(self, "other")); /* a hot lane is not a stuck partition */
    assert_int_equal(fake_catalogue_object(self->catalogue, "o").applied, 0);
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_metric(self, FY_M_ORDERS_APPLIED, 4));
    struct fake_object row = fake_catalogue_object(self->catalogue, "o");
    assert_int_equal(row.applied, 3);
    assert_int_equal(fy_stamp_compare(&row.stamp, &last), 0);
}

/* One order holds its offset for as long as it needs; what is done above it is not committed. */
static void nothing_is_committed_beyond_an_open_order(void **state)
{
    struct fake_node *self = *state;
    struct fy_buf json;
    struct fy_order order;
    char name[32];
    fake_peer_rule(self->peer, "held", FAKE_HANG, 0, 1);
    fake_node_start(self);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof(name), "free/%d", i);
        fake_order(self, &order, FY_ACTION_CREATE, i == 20 ? "held" : name);
        fy_buf_init(&json, FY_ORDER_JSON_BYTES);
        fy_order_json_write(&order, &json);
        (void)fake_queue_put(self->queue, FY_TOPIC_ACTION, 2, NULL, json.bytes, json.size_bytes);
        fy_buf_done(&json);
    }
    assert_true(fake_node_wait_ready_count(self, 49));
    fake_node_stop(self, 0);
    assert_int_equal(fake_queue_committed(self->queue, 2), 20);
    /* The next process does the held one, and finds the others done. */
    fake_node_start(self);
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_ready(self, "held"));
    assert_true(fake_node_wait_committed(self));
    assert_int_equal(fake_node_metric(self, FY_M_ORDERS_DUPLICATE), 29);
}

static void a_drain_lets_what_is_under_way_end(void **state)
{
    struct fake_node *self = *state;
    fake_node_start(self);
    for (int i = 0; i < 300; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "drain/%d", i);
        (void)fake_node_create(self, name);
    }
    assert_true(fake_node_wait_ready_count(self, 1));
    fake_node_stop(self, 20000);
    int64_t committed = 0;
    for (int32_t i = 0; i < FAKE_PARTITIONS; i++)
        committed += fake_queue_committed(self->queue, i);
    assert_true(committed > 0);
    assert_true(committed <= (int64_t)fake_catalogue_ready(self->catalogue));
    fake_node_start(self);
    assert_true(fake_node_wait_ready_count(self, 300));
}

static void the_metrics_tell_where_orders_are(void **state)
{
    struct fake_node *self = *state;
    struct fy_buf text;
    fake_peer_rule(self->peer, "held", FAKE_HANG, 0, 1);
    fake_node_start(self);
    (void)fake_node_create(self, "held");
    fake_peer_wait_hanging(self->peer, 1);
    fy_buf_init(&text, 1 << 20);
    fy_engine_metrics(self->engine, &text);
    assert_non_null(strstr(text.bytes, "ferry_stage_orders{stage=\"transfer\"} 1\n"));
    assert_non_null(strstr(text.bytes, "ferry_stage_orders{stage=\"sync\"} 0\n"));
    fy_buf_done(&text);
    fake_peer_release(self->peer);
    assert_true(fake_node_wait_ready(self, "held"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_node_setup, fake_node_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_ordered_object_becomes_ready_with_its_stamp_and_its_bytes),
        TEST(thousands_of_objects_arrive_and_every_offset_is_committed),
        TEST(a_big_body_passes_through_its_own_threads),
        TEST(a_big_body_is_pulled_no_faster_than_its_slower_thread),
        TEST(a_big_body_goes_on_where_it_broke_off),
        TEST(an_empty_object_is_made_from_its_headers_alone),
        TEST(nothing_is_pulled_whose_bytes_are_here),
        TEST(unconfirmed_bytes_are_pulled_after_all),
        TEST(a_body_that_was_swept_meanwhile_is_pulled),
        TEST(a_body_that_the_store_has_lost_is_pulled),
        TEST(an_object_before_its_bucket_brings_the_description),
        TEST(an_order_without_a_promise_is_ready_by_its_transport),
        TEST(an_unstamped_order_takes_the_stamp_of_its_source),
        TEST(a_given_order_takes_the_stamp_of_its_source),
        TEST(deletes_and_buckets_need_no_source),
        TEST(updates_settle_without_effect),
        TEST(a_repeated_order_is_a_duplicate_and_moves_nothing),
        TEST(a_late_order_is_superseded_and_moves_nothing),
        TEST(the_source_itself_may_supersede_an_order),
        TEST(orders_of_one_object_run_one_after_the_other),
        TEST(nothing_is_committed_beyond_an_open_order),
        TEST(a_drain_lets_what_is_under_way_end),
        TEST(the_metrics_tell_where_orders_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
