/* queue_kafka_told_test.c - the topic that is for others: kept by time, and trimmed by nobody. */
#include "tests/contract/queue_kafka_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/adapters/queue_kafka.h"

#define KEEP_MS 7200000

static int setup(void **state)
{
    *state = queue_kafka_fixture_new();
    return 0;
}

static int teardown(void **state)
{
    queue_fixture_free(*state);
    return 0;
}

/* A queue on the fixture's prefix, to which topic "told" is for others. */
static struct fy_queue *telling(struct queue_fixture *f, bool manage)
{
    char prefix[128];
    struct fy_queue *queue = NULL;
    static const char *const told[] = {"other", "told"};
    queue_kafka_name(f, "", prefix);
    const struct fy_queue_kafka_settings settings = {.brokers = queue_kafka_brokers(),
                                                     .prefix = prefix,
                                                     .client_id = "ferry-tests",
                                                     .clock = &f->clock.port,
                                                     .partition_count = QUEUE_CONTRACT_PARTITIONS,
                                                     .manage = manage,
                                                     .told_topics = told,
                                                     .told_count = FY_COUNT_OF(told),
                                                     .told_keep_ms = KEEP_MS};
    assert_int_equal(fy_queue_kafka_open(&settings, &queue, NULL), FY_OK);
    return queue;
}

static void it_is_made_to_be_kept_for_so_long_and_that_is_right(void **state)
{
    struct queue_fixture *f = *state;
    struct fy_queue *queue = telling(f, true);
    struct fy_kafka_topic_state topic;
    assert_int_equal(fy_queue_topic_ensure(queue, "told", NULL), FY_OK);
    assert_int_equal(fy_queue_topic_ensure(queue, "told", NULL), FY_OK); /* it is there now */
    assert_int_equal(fy_queue_topic_ensure(queue, "done", NULL), FY_OK);
    assert_int_equal(fy_queue_kafka_topic_state(queue, "told", &topic, NULL), FY_OK);
    assert_int_equal(topic.retention_ms, KEEP_MS);
    assert_int_equal(topic.retention_bytes, -1);
    assert_int_equal(fy_queue_kafka_topic_state(queue, "done", &topic, NULL), FY_OK);
    assert_int_equal(topic.retention_ms, -1);
    /* One that has orders in it would be refused for the same. */
    assert_int_equal(fy_queue_topic_ensure(f->queue, "told", NULL), FY_EINPUT);
    fy_queue_close(queue);
}

static void the_command_that_makes_it_says_so(void **state)
{
    struct fy_queue *queue = telling(*state, false);
    struct fy_buf command;
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "--config retention.ms=%d ", KEEP_MS);
    fy_buf_init(&command, 1024);
    fy_queue_kafka_topic_command(queue, "told", &command);
    assert_non_null(strstr(command.bytes, wanted));
    fy_buf_clear(&command);
    fy_queue_kafka_topic_command(queue, "done", &command);
    assert_non_null(strstr(command.bytes, "--config retention.ms=-1 "));
    fy_buf_done(&command);
    fy_queue_close(queue);
}

/* Whose group has read what of it is no matter of ours, even if its name begins as ours do. */
static void trim_leaves_it_alone(void **state)
{
    struct queue_fixture *f = *state;
    struct fy_queue *plain = f->queue;
    static const char *const topics[] = {"told", "done"};
    f->queue = telling(f, true);
    for (size_t i = 0; i < FY_COUNT_OF(topics); i++) {
        assert_int_equal(fy_queue_topic_ensure(f->queue, topics[i], NULL), FY_OK);
        for (int record = 0; record < 5; record++)
            queue_publish_text(f->queue, topics[i], 0, NULL, "x");
        struct fy_consumer *reader = queue_consumer_open(f, "reader", topics[i], NULL);
        queue_consumer_commit(f->queue, reader, topics[i], 0, 5);
        queue_consumer_close(f, reader);
    }
    assert_int_equal(fy_queue_trim(f->queue, INT64_MAX - 1, NULL), FY_OK);
    assert_int_equal(queue_lag_of(f->queue, "reader", "told", 0).start_offset, 0);
    assert_int_equal(queue_lag_of(f->queue, "reader", "done", 0).start_offset, 5);
    fy_queue_close(f->queue);
    f->queue = plain;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_made_to_be_kept_for_so_long_and_that_is_right),
        TEST(the_command_that_makes_it_says_so),
        TEST(trim_leaves_it_alone),
    };
    return cmocka_run_group_tests_name("kafka, what is told", tests, NULL, NULL);
}
