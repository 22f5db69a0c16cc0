/* engine_suspect_test.c - orders that were running whenever the process died. */
/*
 * A death is played by copying the file of running orders while the engine is in the middle of them
 * and giving the copy to the next one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fake_node.h"
#include "tests/support/temp.h"
#include "worker/running.h"

#define PATH_BYTES (TEMP_BYTES + 16)

struct place {
    struct fake_node node;
    char folder[TEMP_BYTES];
};

/* The files that outlive a worker. */
static const char *const files[] = {"running", "suspects"};

static const char *path_of(const struct place *self, const char *name, const char *suffix,
                           char path[static PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "%s/%s%s", self->folder, name, suffix);
    return path;
}

static int setup(void **state)
{
    struct place *self = fy_alloc(sizeof(*self));
    temp_folder("suspect", self->folder);
    fake_node_init(&self->node);
    (void)snprintf(self->node.config.data, sizeof(self->node.config.data), "%s", self->folder);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct place *self = *state;
    fake_node_done(&self->node);
    temp_remove(self->folder);
    free(self);
    return 0;
}

static void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 20];
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    size_t size_bytes = fread(bytes, 1, sizeof(bytes), in);
    assert_int_equal(fwrite(bytes, 1, size_bytes, out), size_bytes);
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

/* The process dies as it is now, and the next one starts. */
static void die(struct place *self, bool crashed)
{
    char path[PATH_BYTES];
    char copy[PATH_BYTES];
    if (crashed)
        fy_engine_crashed(self->node.engine);
    for (size_t i = 0; i < FY_COUNT_OF(files); i++)
        copy_file(path_of(self, files[i], "", path), path_of(self, files[i], ".copy", copy));
    fake_node_stop(&self->node, 0);
    for (size_t i = 0; i < FY_COUNT_OF(files); i++)
        assert_int_equal(
            rename(path_of(self, files[i], ".copy", copy), path_of(self, files[i], "", path)), 0);
    fake_node_start(&self->node);
}

static void expect_hanging(struct place *self, int count)
{
    fake_peer_wait_hanging(self->node.peer, count);
    assert_int_equal(fake_peer_hanging(self->node.peer), count);
}

static void hang(struct place *self, const char *object)
{
    fake_peer_rule(self->node.peer, object, FAKE_HANG, 0, -1);
    (void)fake_node_create(&self->node, object);
}

static void retry(struct place *self, const char *object)
{
    fake_catalogue_retry(self->node.catalogue, object);
    fy_bell_ring(&self->node.node.waiting_bell);
}

/* Three deaths in company make suspects of all who were there. Each then runs alone: the innocent
 * ends well, the one the process crashes with is dead, and those who wait come through. */
static void only_the_order_that_crashes_alone_is_dead(void **state)
{
    struct place *self = *state;
    struct fy_waiting_row row = {0};
    hang(self, "killer");
    hang(self, "bystander");
    fake_node_start(&self->node);
    for (int death = 0; death < FY_SUSPECT_DEATHS; death++) {
        expect_hanging(self, 2);
        die(self, true);
    }
    (void)fake_node_create(&self->node, "another");
    expect_hanging(self, 1); /* one of the two, and nobody beside it */
    assert_false(fake_catalogue_object(self->node.catalogue, "another").exists);
    die(self, true);
    expect_hanging(self, 1); /* the other one's turn */
    fake_peer_release(self->node.peer);
    assert_true(fake_node_wait_ready_count(&self->node, 2));
    assert_true(fake_node_wait_ready(&self->node, "another"));
    assert_true(fake_node_wait_waiting(&self->node, FY_DEAD, 1));
    bool killer = fake_catalogue_waiting_row(self->node.catalogue, "killer", &row);
    assert_true(killer || fake_catalogue_waiting_row(self->node.catalogue, "bystander", &row));
    assert_int_equal(row.reason, FY_INTERNAL);
    assert_non_null(strstr(row.detail, "the worker died 4 times"));
    assert_int_equal(fake_queue_count(self->node.queue, FY_TOPIC_DEAD), 1);
    assert_true(fake_node_wait_committed(&self->node));
}

/* kill -9 by an operator, again and again with many orders under way: nothing is dead. */
static void kills_from_outside_make_no_dead_letters(void **state)
{
    struct place *self = *state;
    char name[32];
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof(name), "innocent/%d", i);
        hang(self, name);
    }
    fake_node_start(&self->node);
    for (int death = 0; death < FY_SUSPECT_KILLS; death++) {
        expect_hanging(self, 20);
        die(self, false);
    }
    for (int death = 0; death < 5; death++) {
        expect_hanging(self, 1);
        die(self, false);
    }
    fake_peer_release(self->node.peer);
    assert_true(fake_node_wait_ready_count(&self->node, 20));
    assert_int_equal(fake_catalogue_waiting(self->node.catalogue, FY_DEAD), 0);
    assert_true(fake_node_wait_committed(&self->node));
}

/* Deletes and orders out of `waiting` have their turn, too. */
static void a_row_that_crashes_alone_is_dead(void **state)
{
    struct place *self = *state;
    struct fy_waiting_row row = {0};
    self->node.config.retry_memory_ms = 0;
    self->node.config.retry_first_ms = 100;
    fake_peer_rule(self->node.peer, "killer", FAKE_STATUS, 503, 1);
    fake_peer_rule(self->node.peer, "killer", FAKE_HANG, 0, -1);
    fake_node_start(&self->node);
    (void)fake_node_create(&self->node, "killer");
    assert_true(fake_node_wait_metric(&self->node, FY_M_ORDERS_WAITING, 1));
    for (int death = 0; death <= FY_SUSPECT_DEATHS; death++) {
        expect_hanging(self, 1);
        die(self, true);
        retry(self, "killer"); /* its claim need not run out first */
    }
    assert_true(fake_node_wait_waiting(&self->node, FY_DEAD, 1));
    assert_true(fake_catalogue_waiting_row(self->node.catalogue, "killer", &row));
    assert_int_equal(row.reason, FY_INTERNAL);
    /* A person who knows better gets it tried again. */
    fake_peer_release(self->node.peer);
    retry(self, "killer");
    assert_true(fake_node_wait_ready(&self->node, "killer"));
}

static void a_restart_in_order_makes_nobody_a_suspect(void **state)
{
    struct place *self = *state;
    hang(self, "one");
    hang(self, "two");
    fake_node_start(&self->node);
    for (int restart = 0; restart <= FY_SUSPECT_DEATHS; restart++) {
        expect_hanging(self, 2);
        fake_node_stop(&self->node, 0);
        fake_node_start(&self->node);
    }
    expect_hanging(self, 2);
    fake_peer_release(self->node.peer);
    assert_true(fake_node_wait_ready_count(&self->node, 2));
}

/* Of the only record there is. */
static uint64_t identity_of_first(struct place *self)
{
    const struct fy_record *record = fake_queue_record(self->node.queue, FY_TOPIC_ACTION, 0);
    int32_t partition = 0;
    while (fake_queue_end(self->node.queue, FY_TOPIC_ACTION, partition) == 0)
        partition++;
    return fy_running_identity((uint64_t)partition, 0, (uint64_t)record->timestamp_ms);
}

/* A worker of the same folder, while it ran this order and nothing else. */
static void another_dies_of(struct place *self, uint64_t identity)
{
    struct fy_running *other = NULL;
    struct fy_err err = {0};
    assert_int_equal(fy_running_open(self->folder, &other, &err), FY_OK);
    (void)fy_running_begin(other, identity, true);
    fy_running_crashed(other);
    fy_running_close(other, false);
}

/* Nobody has started in the dead one's place: whoever is given its partitions counts its deaths. */
static void an_order_that_another_worker_has_died_of_is_not_run(void **state)
{
    struct place *self = *state;
    struct fy_waiting_row row = {0};
    fake_node_start(&self->node);
    fake_queue_revoke(self->node.queue, FAKE_ALL);
    fake_queue_settle(self->node.queue);
    (void)fake_node_create(&self->node, "killer");
    another_dies_of(self, identity_of_first(self));
    fake_queue_assign(self->node.queue, FAKE_ALL);
    assert_true(fake_node_wait_waiting(&self->node, FY_DEAD, 1));
    assert_true(fake_catalogue_waiting_row(self->node.catalogue, "killer", &row));
    assert_int_equal(row.reason, FY_INTERNAL);
    assert_int_equal(fake_peer_calls(self->node.peer, FY_PEER_PULL), 0);
}

/* The same of a row: it is claimed when the dead one's claim has run out. */
static void a_row_that_another_worker_has_died_of_is_not_run(void **state)
{
    struct place *self = *state;
    struct fy_waiting_row row = {0};
    self->node.config.retry_memory_ms = 0;
    fake_peer_rule(self->node.peer, "killer", FAKE_STATUS, 503, 1);
    fake_node_start(&self->node);
    (void)fake_node_create(&self->node, "killer");
    assert_true(fake_node_wait_waiting(&self->node, FY_WAITING, 1));
    assert_true(fake_catalogue_waiting_row(self->node.catalogue, "killer", &row));
    another_dies_of(self, fy_running_identity(UINT64_MAX, (uint64_t)row.id, row.order.stamp.time));
    retry(self, "killer");
    assert_true(fake_node_wait_waiting(&self->node, FY_DEAD, 1));
    assert_true(fake_catalogue_waiting_row(self->node.catalogue, "killer", &row));
    assert_int_equal(row.reason, FY_INTERNAL);
    assert_int_equal(fake_peer_calls(self->node.peer, FY_PEER_PULL), 1);
}

/* Its reader dies with it, before anything can be known of it: it is not read a fourth time. */
static void a_record_that_kills_its_reader_is_not_read_again(void **state)
{
    struct place *self = *state;
    struct fy_running *running = NULL;
    struct fy_err err = {0};
    (void)fake_node_create(&self->node, "unreadable"); /* the first record of its partition */
    const struct fy_record *record = fake_queue_record(self->node.queue, FY_TOPIC_ACTION, 0);
    uint64_t identity = identity_of_first(self);
    for (int death = 0; death < FY_SUSPECT_DEATHS; death++) {
        assert_int_equal(fy_running_open(self->folder, &running, &err), FY_OK);
        fy_running_read_begin(running, identity);
        fy_running_close(running, false);
        running = NULL;
    }
    fake_node_start(&self->node);
    assert_true(fake_node_wait_waiting(&self->node, FY_DEAD, 1));
    assert_int_equal(fake_queue_count(self->node.queue, FY_TOPIC_DEAD), 1);
    const struct fy_record *letter = fake_queue_record(self->node.queue, FY_TOPIC_DEAD, 0);
    assert_int_equal(letter->value_bytes, record->value_bytes);
    assert_memory_equal(letter->value, record->value, record->value_bytes);
    assert_string_equal(fake_header(letter, "ferry-dlq-reason"), "BAD_ORDER");
    assert_int_equal(fake_catalogue_ready(self->node.catalogue), 0);
    assert_true(fake_node_wait_committed(&self->node));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_the_order_that_crashes_alone_is_dead),
        TEST(kills_from_outside_make_no_dead_letters),
        TEST(a_row_that_crashes_alone_is_dead),
        TEST(a_restart_in_order_makes_nobody_a_suspect),
        TEST(an_order_that_another_worker_has_died_of_is_not_run),
        TEST(a_row_that_another_worker_has_died_of_is_not_run),
        TEST(a_record_that_kills_its_reader_is_not_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
