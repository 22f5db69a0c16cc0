/* queue_kafka_health_test.c - the Kafka queue says by itself whether its brokers are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/queue_kafka_impl.h"
#include "common/core/bounds.h"
#include "common/core/clock.h"
#include "tests/contract/queue_kafka_help.h"
#include "tests/support/temp.h"

#define SPARE_MS   5000  /* on a loaded machine, above what is promised */
#define LOOK_US    20000 /* between two looks at what nobody announces */
#define RESTART_MS 15000 /* from the broker's port to its first answer; alone it is 2 s */

struct health {
    struct kafka_cluster *cluster;
    struct fy_queue *queue;
};

static int setup(void **state)
{
    struct health *h = fy_alloc(sizeof(*h));
    struct fy_err err = {0};
    h->cluster = kafka_cluster_new(1);
    assert_int_equal(
        queue_kafka_open(h->cluster->brokers, "h.", fy_clock_system(), NULL, &h->queue, &err),
        FY_OK);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct health *h = *state;
    fy_queue_close(h->queue);
    kafka_cluster_free(h->cluster);
    free(h);
    return 0;
}

/* Waits until the queue says so; how long it took. */
static int64_t await_health(struct fy_queue *queue, enum fy_code wanted, int64_t within_ms)
{
    struct fy_err err = {0};
    int64_t began_ms = queue_kafka_now_ms();
    while (fy_queue_health(queue, &err) != wanted) {
        if (queue_kafka_now_ms() - began_ms > within_ms)
            fail_msg("not %d after %lld ms: %s", (int)wanted, (long long)within_ms, err.text);
        (void)usleep(LOOK_US); /* shorter when interrupted: it only looks again sooner */
    }
    return queue_kafka_now_ms() - began_ms;
}

static void reason_is(struct fy_queue *queue, const char *part)
{
    struct fy_err err = {0};
    assert_int_equal(fy_queue_health(queue, &err), FY_EBUSY);
    if (strstr(err.text, part) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, part);
}

static enum fy_code publish_to(struct fy_queue *queue, const char *topic)
{
    const struct fy_record record = {
        .topic = topic, .partition = 0, .value = "v", .value_bytes = 1};
    struct queue_outcome outcome;
    struct fy_err err = {0};
    queue_outcome_init(&outcome);
    assert_int_equal(fy_queue_publish(queue, &record, 1, queue_outcome_done, &outcome, &err),
                     FY_OK);
    queue_contract_wait(&outcome.done);
    return outcome.code;
}

/* ------------------------------------------------------------------ */

/* Killed: the connection ends. Nobody publishes, and it is known all the same, both ways; a
 * question meanwhile costs nothing. */
static void a_killed_broker_is_noticed_and_so_is_its_return(void **state)
{
    struct health *h = *state;
    struct fy_err err = {0};
    (void)await_health(h->queue, FY_OK, FY_KAFKA_PULSE_ANSWER_MS + SPARE_MS);
    kafka_cluster_signal(h->cluster, 1, "KILL");
    (void)await_health(h->queue, FY_EBUSY, FY_KAFKA_PULSE_MS + FY_KAFKA_PULSE_ANSWER_MS + SPARE_MS);
    reason_is(h->queue, "kafka: no broker answers: ");
    int64_t began_ms = queue_kafka_now_ms();
    assert_int_equal(fy_queue_lag(h->queue, "g", "orders", NULL, NULL, &err), FY_EBUSY);
    assert_true(queue_kafka_now_ms() - began_ms < FY_KAFKA_ASK_MS / 2);
    kafka_cluster_restart(h->cluster, 1);
    (void)await_health(h->queue, FY_OK, RESTART_MS);
}

/* Hanging: the connection stays. */
static void a_hanging_broker_is_noticed_when_it_has_been_silent(void **state)
{
    struct health *h = *state;
    (void)await_health(h->queue, FY_OK, RESTART_MS);
    kafka_cluster_signal(h->cluster, 1, "STOP");
    int64_t took_ms = await_health(h->queue, FY_EBUSY, 2 * FY_KAFKA_SILENT_MS + SPARE_MS);
    kafka_cluster_signal(h->cluster, 1, "CONT");
    assert_true(took_ms >= FY_KAFKA_SILENT_MS - FY_KAFKA_PULSE_MS - FY_KAFKA_PULSE_ANSWER_MS);
    (void)await_health(h->queue, FY_OK, RESTART_MS);
}

/* Before anything was ever answered: not healthy, and says where it looks. */
static void a_queue_that_never_met_a_broker_is_not_healthy(void **state)
{
    struct fy_queue *queue = NULL;
    struct fy_err err = {0};
    (void)state;
    assert_int_equal(queue_kafka_open("127.0.0.1:1", "h.", fy_clock_system(), NULL, &queue, &err),
                     FY_OK);
    assert_int_equal(fy_queue_health(queue, &err), FY_EBUSY);
    int64_t until_ms = queue_kafka_now_ms() + FY_KAFKA_PULSE_ANSWER_MS + SPARE_MS;
    while (strstr(err.text, "127.0.0.1:1") == NULL && queue_kafka_now_ms() < until_ms) {
        (void)usleep(LOOK_US); /* shorter when interrupted: it only looks again sooner */
        assert_int_equal(fy_queue_health(queue, &err), FY_EBUSY);
    }
    assert_non_null(strstr(err.text, "127.0.0.1:1"));
    assert_non_null(strstr(err.text, "Connection refused"));
    assert_null(strstr(err.text, "(after"));
    fy_queue_close(queue);
}

/* A broker that hangs is given time, but orders should go elsewhere: until one is taken again, or
 * nothing has failed for a while. */
static void what_is_not_acknowledged_makes_it_unhealthy_for_a_while(void **state)
{
    struct health *h = *state;
    struct fy_queue *queue = NULL;
    struct fy_err err = {0};
    const char *const properties[] = {"message.timeout.ms=2000", NULL};
    assert_int_equal(
        queue_kafka_open(h->cluster->brokers, "u.", fy_clock_system(), properties, &queue, &err),
        FY_OK);
    assert_int_equal(fy_queue_topic_ensure(queue, "orders", &err), FY_OK);
    (void)await_health(queue, FY_OK, RESTART_MS);
    assert_int_equal(publish_to(queue, "orders"), FY_OK);
    kafka_cluster_signal(h->cluster, 1, "STOP");
    assert_int_equal(publish_to(queue, "orders"), FY_EBUSY);
    reason_is(queue, "kafka: brokers do not acknowledge");
    kafka_cluster_signal(h->cluster, 1, "CONT");
    int64_t until_ms = queue_kafka_now_ms() + RESTART_MS;
    while (publish_to(queue, "orders") != FY_OK) /* the first ones may still time out */
        assert_true(queue_kafka_now_ms() < until_ms);
    (void)await_health(queue, FY_OK, RESTART_MS); /* a long hang was noticed on its own, too */
    fy_kq_health_published(fy_kq_from(queue), false);
    reason_is(queue, "kafka: brokers do not acknowledge");
    atomic_fetch_sub(&fy_kq_from(queue)->health.failed_ms, FY_KAFKA_FAILED_MS); /* time passes */
    assert_int_equal(fy_queue_health(queue, &err), FY_OK);
    fy_queue_close(queue);
}

/* Many handles and tries, one cause: what the library says of it comes once. */
static void the_log_says_the_same_once_a_minute(void **state)
{
    struct health *h = *state;
    struct fy_kafka *queue = fy_kq_from(h->queue);
    char path[TEMP_BYTES];
    int file = temp_file("log", path);
    int kept = dup(STDERR_FILENO);
    assert_true(kept >= 0);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    for (int i = 0; i < 5; i++) {
        fy_kq_on_log(queue->control, 3, "FAIL", "[thrd:a]: b/1: refused (after 2ms in state UP)");
        fy_kq_on_log(queue->producer->rk, 3, "FAIL", "[thrd:b]: b/1: refused (after 7ms in it)");
        fy_kq_on_log(queue->control, 3, "FAIL", "[thrd:a]: b/2: refused (after 2ms in state UP)");
    }
    for (size_t i = 0; i < FY_KAFKA_LOG_LINES; i++)
        queue->lines[i].said_ms -= FY_KAFKA_LOG_MS; /* a minute later */
    fy_kq_on_log(queue->control, 3, "FAIL", "[thrd:a]: b/1: refused (after 2ms in state UP)");
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept); /* a copy */
    char said[2048] = "";
    assert_true(pread(file, said, sizeof(said) - 1, 0) > 0);
    (void)close(file); /* read */
    (void)unlink(path);
    size_t lines = 0;
    for (const char *at = said; *at != '\0'; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 3);
    assert_non_null(strstr(said, "\"text\":\"b/1: refused\",\"left_out\":0"));
    assert_non_null(strstr(said, "\"text\":\"b/1: refused\",\"left_out\":9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_broker_is_noticed_and_so_is_its_return),
        cmocka_unit_test(a_hanging_broker_is_noticed_when_it_has_been_silent),
        cmocka_unit_test(a_queue_that_never_met_a_broker_is_not_healthy),
        cmocka_unit_test(what_is_not_acknowledged_makes_it_unhealthy_for_a_while),
        cmocka_unit_test(the_log_says_the_same_once_a_minute),
    };
    return cmocka_run_group_tests_name("kafka, health", tests, setup, teardown);
}
