/* queue_kafka_topics_test.c - topics on a real broker: made, kept, refused. */
#include <librdkafka/rdkafka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/adapters/queue_kafka.h"
#include "common/core/buf.h"
#include "tests/contract/queue_kafka_help.h"

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

static void make_topic(const struct queue_fixture *f, const char *name, const char *setting,
                       const char *value)
{
    char full[128];
    char text[256];
    rd_kafka_t *rk = queue_kafka_foreign(f);
    queue_kafka_name(f, name, full);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(full, 1, 1, text, sizeof(text));
    assert_int_equal(rd_kafka_NewTopic_set_config(topic, setting, value),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, QUEUE_CONTRACT_WAIT_MS);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(rk);
}

static void expect_ensure(struct fy_queue *queue, const char *topic, enum fy_code wanted,
                          const char *sentence)
{
    struct fy_err err = {0};
    assert_int_equal(fy_queue_topic_ensure(queue, topic, &err), wanted);
    if (strstr(err.text, sentence) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void topics_that_forget_orders_are_refused_unless_accepted(void **state)
{
    struct queue_fixture *f = *state;
    struct fy_queue *tolerant = NULL;
    struct fy_err err = {0};
    char prefix[128];
    make_topic(f, "aging", "retention.ms", "3600000");
    make_topic(f, "shrinking", "retention.bytes", "1000000");
    expect_ensure(f->queue, "aging", FY_EINPUT, "retention.ms=3600000");
    expect_ensure(f->queue, "shrinking", FY_EINPUT, "retention.bytes=1000000");

    queue_kafka_name(f, "", prefix);
    struct fy_queue_kafka_settings settings = {.brokers = queue_kafka_brokers(),
                                               .prefix = prefix,
                                               .client_id = "ferry-tests",
                                               .clock = &f->clock.port,
                                               .partition_count = 1,
                                               .manage = true,
                                               .accept_retention_ms = 3600000};
    assert_int_equal(fy_queue_kafka_open(&settings, &tolerant, &err), FY_OK);
    expect_ensure(tolerant, "aging", FY_OK, "");
    fy_queue_close(tolerant);
    tolerant = NULL;
    settings.accept_retention_ms = 7200000;
    assert_int_equal(fy_queue_kafka_open(&settings, &tolerant, &err), FY_OK);
    expect_ensure(tolerant, "aging", FY_EINPUT, "retention.ms=3600000");
    fy_queue_close(tolerant);
}

static void topics_are_made_to_keep_what_they_get(void **state)
{
    struct queue_fixture *f = *state;
    struct fy_kafka_topic_state topic;
    struct fy_err err = {0};
    assert_int_equal(fy_queue_kafka_topic_state(f->queue, "orders", &topic, &err), FY_OK);
    assert_true(topic.exists);
    assert_int_equal(topic.partition_count, QUEUE_CONTRACT_PARTITIONS);
    assert_int_equal(topic.replication, 1);
    assert_int_equal(topic.min_insync, 1);
    assert_int_equal(topic.retention_ms, -1);
    assert_int_equal(topic.retention_bytes, -1);
    assert_int_equal(fy_queue_kafka_topic_state(f->queue, "no-such", &topic, &err), FY_OK);
    assert_false(topic.exists);
}

/* The broker would make any topic that is asked for; ours asks so that it does not. */
static void asking_for_a_topic_does_not_make_it(void **state)
{
    struct queue_fixture *f = *state;
    static const char *const topic = "typo";
    struct fy_kafka_topic_state found;
    struct fy_consumer *consumer = NULL;
    struct fy_err err = {0};
    const struct fy_record record = {.topic = topic, .partition = -1};
    assert_int_equal(fy_consumer_open(f->queue, "g", &topic, 1, &consumer, &err), FY_ENOTFOUND);
    assert_int_equal(queue_publish_wait(f->queue, &record, 1), FY_ENOTFOUND);
    assert_int_equal(fy_queue_kafka_topic_state(f->queue, topic, &found, &err), FY_OK);
    assert_false(found.exists);
    assert_int_equal(fy_queue_kafka_topic_state(f->queue, topic, &found, &err), FY_OK);
    assert_false(found.exists);
}

static void where_topics_are_not_ours_to_make_the_command_is_told(void **state)
{
    struct queue_fixture *f = *state;
    struct fy_queue *queue = NULL;
    struct fy_err err = {0};
    const struct fy_queue_kafka_settings settings = {.brokers = queue_kafka_brokers(),
                                                     .prefix = "unmanaged.",
                                                     .client_id = "ferry-tests",
                                                     .clock = &f->clock.port,
                                                     .partition_count = 24,
                                                     .replication = 3};
    assert_int_equal(fy_queue_kafka_open(&settings, &queue, &err), FY_OK);
    expect_ensure(queue, "orders", FY_ENOTFOUND, "ferry topics ensure");
    struct fy_buf command;
    fy_buf_init(&command, 1024);
    fy_queue_kafka_topic_command(queue, "orders", &command);
    assert_non_null(strstr(command.bytes, "--create --topic unmanaged.orders --partitions 24 "
                                          "--replication-factor 3"));
    assert_non_null(strstr(command.bytes, "retention.ms=-1"));
    assert_non_null(strstr(command.bytes, "min.insync.replicas=2"));
    fy_buf_done(&command);
    assert_int_equal(fy_queue_trim(queue, INT64_MAX - 1, &err), FY_OK); /* leaves all alone */
    fy_queue_close(queue);
}

#define TOPIC_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOPIC_TEST(topics_that_forget_orders_are_refused_unless_accepted),
        TOPIC_TEST(topics_are_made_to_keep_what_they_get),
        TOPIC_TEST(asking_for_a_topic_does_not_make_it),
        TOPIC_TEST(where_topics_are_not_ours_to_make_the_command_is_told),
    };
    return cmocka_run_group_tests_name("kafka, topics", tests, NULL, NULL);
}
