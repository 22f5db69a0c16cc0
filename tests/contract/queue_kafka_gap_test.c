/* queue_kafka_gap_test.c - orders that a real broker has deleted before their group read them. */
#include <librdkafka/rdkafka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/adapters/queue_kafka_impl.h"
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

static int64_t gaps(const struct queue_fixture *f)
{
    return atomic_load(&f->queue->numbers.offset_gaps);
}

static int64_t gap_orders(const struct queue_fixture *f)
{
    return atomic_load(&f->queue->numbers.offset_gap_orders);
}

/* A producer of somebody else; transactional when it has an id. */
static rd_kafka_t *foreign_producer(const char *transactional_id)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(
        rd_kafka_conf_set(conf, "bootstrap.servers", queue_kafka_brokers(), text, sizeof(text)),
        RD_KAFKA_CONF_OK);
    if (transactional_id != NULL)
        assert_int_equal(
            rd_kafka_conf_set(conf, "transactional.id", transactional_id, text, sizeof(text)),
            RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    assert_non_null(rk);
    return rk;
}

/* As a person does with Kafka's tools, or a retention: whatever the groups have done. */
static void delete_below(const struct queue_fixture *f, int32_t partition, int64_t offset)
{
    char topic[128];
    queue_kafka_name(f, "orders", topic);
    rd_kafka_t *rk = foreign_producer(NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *wanted = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, QUEUE_CONTRACT_WAIT_MS);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    const rd_kafka_topic_partition_list_t *done =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    assert_int_equal(done->elems[0].err, RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(wanted);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

static void orders_deleted_above_the_committed_offset_are_counted_once(void **state)
{
    struct queue_fixture *f = *state;
    struct fy_consumer_event event;
    for (int i = 0; i < 10; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 0, 2);
    queue_consumer_close(f, consumer);
    delete_below(f, 0, 5);

    consumer = queue_consumer_open(f, "worker", "orders", &event);
    assert_int_equal(event.partitions[0].offset, 5);
    assert_int_equal(gaps(f), 1);
    assert_int_equal(gap_orders(f), 3);
    queue_consumer_read_partition(f, consumer, "orders", 0, 5, NULL, NULL);
    queue_consumer_close(f, consumer);

    consumer = queue_consumer_open(f, "worker", "orders", &event); /* nothing was committed since */
    assert_int_equal(event.partitions[0].offset, 5);
    queue_consumer_read_partition(f, consumer, "orders", 0, 5, NULL, NULL);
    assert_int_equal(gaps(f), 1);
    queue_consumer_close(f, consumer);
}

/* They go after the offsets of the assignment were asked for: the first record that comes tells. */
static void orders_deleted_before_the_first_record_comes_are_counted(void **state)
{
    struct queue_fixture *f = *state;
    for (int i = 0; i < 10; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    struct fy_kq_part part = {.id = {.topic = "orders", .partition = 0, .offset = 2}};
    delete_below(f, 0, 6);
    fy_kq_gap_first(consumer, &part, 6);
    assert_int_equal(gaps(f), 1);
    assert_int_equal(gap_orders(f), 4);
    fy_kq_gap_first(consumer, &part, 8); /* only the first record of an assignment tells */
    assert_int_equal(gaps(f), 1);
    queue_consumer_close(f, consumer);
}

/* A new group has missed nothing; nor has one whose done records were trimmed. */
static void what_a_group_has_done_or_never_knew_is_no_gap(void **state)
{
    struct queue_fixture *f = *state;
    for (int i = 0; i < 10; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 0, 7);
    queue_consumer_close(f, consumer);
    delete_below(f, 0, 6);
    consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_read_partition(f, consumer, "orders", 0, 3, NULL, NULL);
    queue_consumer_close(f, consumer);
    consumer = queue_consumer_open(f, "another", "orders", NULL);
    queue_consumer_read_partition(f, consumer, "orders", 0, 4, NULL, NULL);
    queue_consumer_close(f, consumer);
    assert_int_equal(gaps(f), 0);
}

static void must(rd_kafka_error_t *error)
{
    if (error != NULL)
        fail_msg("%s", rd_kafka_error_string(error));
}

static void produce_in_a_transaction(rd_kafka_t *rk, const char *topic)
{
    char value[] = "x";
    must(rd_kafka_begin_transaction(rk));
    assert_int_equal(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                       RD_KAFKA_V_VALUE(value, 1), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    must(rd_kafka_commit_transaction(rk, QUEUE_CONTRACT_WAIT_MS));
}

/* Each transaction ends with an offset that holds no record. */
static void the_marks_of_a_foreign_transaction_are_no_gap(void **state)
{
    struct queue_fixture *f = *state;
    char topic[128];
    queue_kafka_name(f, "orders", topic);
    rd_kafka_t *rk = foreign_producer(topic);
    must(rd_kafka_init_transactions(rk, QUEUE_CONTRACT_WAIT_MS));
    produce_in_a_transaction(rk, topic);
    produce_in_a_transaction(rk, topic);
    rd_kafka_destroy(rk);

    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_read_partition(f, consumer, "orders", 0, 2, NULL, NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 0, 1); /* where the first one's mark is */
    queue_consumer_close(f, consumer);
    consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_read_partition(f, consumer, "orders", 0, 1, NULL, NULL);
    queue_consumer_close(f, consumer);
    assert_int_equal(gaps(f), 0);
}

#define GAP_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GAP_TEST(orders_deleted_above_the_committed_offset_are_counted_once),
        GAP_TEST(orders_deleted_before_the_first_record_comes_are_counted),
        GAP_TEST(what_a_group_has_done_or_never_knew_is_no_gap),
        GAP_TEST(the_marks_of_a_foreign_transaction_are_no_gap),
    };
    return cmocka_run_group_tests_name("kafka, gaps", tests, NULL, NULL);
}
