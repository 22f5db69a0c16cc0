/* queue_kafka_coordinator_test.c - a group's offsets are asked for while its coordinator goes. */
/* On the library's own brokers, of which one can be sent away. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/adapters/queue_kafka_impl.h"
#include "common/core/clock.h"
#include "tests/contract/queue_kafka_help.h"

#define BROKERS     3
#define COORDINATOR 2     /* of the group, to begin with */
#define SHORT_MS    300   /* for a question that has no answer */
#define LONG_MS     15000 /* for one that has; alone it takes milliseconds, or a reconnect of 2 s */

struct coordinator {
    rd_kafka_t *rk; /* that the brokers live in */
    rd_kafka_mock_cluster_t *cluster;
    struct fy_queue *queue;
};

static int setup(void **state)
{
    struct coordinator *c = fy_alloc(sizeof(*c));
    struct fy_err err = {0};
    char text[256];
    c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
    assert_non_null(c->rk);
    c->cluster = rd_kafka_mock_cluster_new(c->rk, BROKERS);
    assert_non_null(c->cluster);
    assert_int_equal(rd_kafka_mock_topic_create(c->cluster, "c.orders", 1, BROKERS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_mock_coordinator_set(c->cluster, "group", "c.worker", COORDINATOR),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(queue_kafka_open(rd_kafka_mock_cluster_bootstraps(c->cluster), "c.",
                                      fy_clock_system(), NULL, &c->queue, &err),
                     FY_OK);
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    struct coordinator *c = *state;
    fy_queue_close(c->queue);
    rd_kafka_mock_cluster_destroy(c->cluster);
    rd_kafka_destroy(c->rk);
    free(c);
    return 0;
}

static enum fy_code ask(struct coordinator *c, int timeout_ms)
{
    struct fy_kafka *self = fy_kq_from(c->queue);
    struct fy_err err = {0};
    rd_kafka_topic_partition_list_t *list = fy_kq_list_new("c.orders", 1, RD_KAFKA_OFFSET_INVALID);
    pthread_mutex_lock(&self->control_mutex);
    enum fy_code code = fy_kq_ask_committed(self, "c.worker", list, timeout_ms, &err);
    pthread_mutex_unlock(&self->control_mutex);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static void is_answered(struct coordinator *c)
{
    int64_t until_ms = queue_kafka_now_ms() + LONG_MS;
    while (ask(c, FY_KAFKA_ASK_MS) != FY_OK)
        assert_true(queue_kafka_now_ms() < until_ms);
}

/* Nobody waits any more when it is back: the library must have forgotten the question by then. */
static void a_coordinator_is_away_for_longer_than_a_question_waits(void **state)
{
    struct coordinator *c = *state;
    is_answered(c);
    for (int i = 0; i < 2; i++) {
        rd_kafka_mock_broker_set_down(c->cluster, COORDINATOR);
        assert_int_equal(ask(c, SHORT_MS), FY_EBUSY);
        assert_int_equal(ask(c, SHORT_MS), FY_EBUSY);
        rd_kafka_mock_broker_set_up(c->cluster, COORDINATOR);
        is_answered(c);
    }
}

/* The broker that is asked says that it is another, as after an election. */
static void a_broker_that_is_the_coordinator_no_more_is_asked_again(void **state)
{
    enum { OFFSET_FETCH = 9 }; /* the request's number in Kafka's protocol */
    struct coordinator *c = *state;
    is_answered(c);
    rd_kafka_mock_push_request_errors(c->cluster, OFFSET_FETCH, 1,
                                      RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
    assert_int_equal(ask(c, FY_KAFKA_ASK_MS), FY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_coordinator_is_away_for_longer_than_a_question_waits),
        TEST(a_broker_that_is_the_coordinator_no_more_is_asked_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
