/* queue_kafka_fault_test.c - the Kafka queue while its broker is stopped, killed or in trouble. */
#include <dlfcn.h>
#include <librdkafka/rdkafka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/adapters/queue_kafka.h"
#include "common/adapters/queue_kafka_impl.h"
#include "common/core/clock.h"
#include "tests/contract/queue_kafka_help.h"

#define SPARE_MS 5000 /* on a loaded machine, above what is promised */
#define RECOVERY_MS                                                                                \
    15000 /* from the broker's port to the first acknowledgement; alone it is 2 s                  \
           */

struct fault {
    struct kafka_cluster *cluster;
    struct fy_queue *queue;
    char prefix[32];
};

static int cluster_setup(void **state)
{
    struct fault *fault = fy_alloc(sizeof(*fault));
    fault->cluster = kafka_cluster_new(1);
    *state = fault;
    return 0;
}

static int cluster_teardown(void **state)
{
    struct fault *fault = *state;
    kafka_cluster_free(fault->cluster);
    free(fault);
    return 0;
}

/* Where a broker that does not come is waited for, less than people are made to. */
#define PATIENCE_MS 3000
static const char *const impatient[] = {"message.timeout.ms=3000", NULL};

static void reopen(struct fault *f, const char *const *properties)
{
    struct fy_err err = {0};
    fy_queue_close(f->queue);
    f->queue = NULL;
    enum fy_code code = queue_kafka_open(f->cluster->brokers, f->prefix, fy_clock_system(),
                                         properties, &f->queue, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(code, FY_OK);
    code = fy_queue_topic_ensure(f->queue, "orders", &err);
    assert_string_equal(err.text, "");
    assert_int_equal(code, FY_OK);
}

/* A prefix, and so topics and groups, of the test's own. */
static int setup(void **state)
{
    static int number;
    struct fault *f = *state;
    (void)snprintf(f->prefix, sizeof(f->prefix), "t%d.", ++number);
    reopen(f, NULL);
    return 0;
}

static int teardown(void **state)
{
    struct fault *f = *state;
    fy_queue_close(f->queue);
    f->queue = NULL;
    return 0;
}

static enum fy_code publish_number(struct fault *f, int64_t *number, struct queue_outcome *outcome)
{
    const struct fy_record record = {.topic = "orders",
                                     .partition = -1,
                                     .key = number,
                                     .key_bytes = sizeof(*number),
                                     .value = number,
                                     .value_bytes = sizeof(*number)};
    struct fy_err err = {0};
    queue_outcome_init(outcome);
    return fy_queue_publish(f->queue, &record, 1, queue_outcome_done, outcome, &err);
}

/* ------------------------------------------------------------------ publishing */

static void a_publish_without_a_broker_is_answered_busy_in_its_time(void **state)
{
    struct fault *f = *state;
    struct queue_outcome outcome;
    int64_t number = 1;
    reopen(f, impatient);
    kafka_cluster_signal(f->cluster, 1, "KILL");
    int64_t began_ms = queue_kafka_now_ms();
    assert_int_equal(publish_number(f, &number, &outcome), FY_OK);
    queue_contract_wait(&outcome.done);
    int64_t took_ms = queue_kafka_now_ms() - began_ms;
    kafka_cluster_restart(f->cluster, 1);
    assert_int_equal(outcome.code, FY_EBUSY);
    assert_int_equal(outcome.accepted, 0);
    assert_string_not_equal(outcome.err.text, "");
    assert_in_range(took_ms, PATIENCE_MS / 2, PATIENCE_MS + SPARE_MS);
    queue_publish_text(f->queue, "orders", -1, NULL, "and the next is taken");
}

#define BATCH_COUNT 1000

/* Pitfall 13. The broker hangs: what waits for it is bounded, whoever comes on top is told at once,
 * and all that waited is written when it wakes. */
static void a_hanging_broker_fills_the_queue_to_its_bound_and_no_further(void **state)
{
    struct fault *f = *state;
    enum { MOST = FY_KAFKA_PUBLISH_RECORDS / 100 * FY_KAFKA_FULL_PERCENT / BATCH_COUNT };
    static struct queue_outcome outcomes[MOST + 1];
    static struct fy_record records[BATCH_COUNT];
    struct fy_err err = {0};
    size_t taken = 0;
    for (size_t i = 0; i < BATCH_COUNT; i++)
        records[i] = (struct fy_record){
            .topic = "orders", .partition = (int32_t)(i % 4), .value = "v", .value_bytes = 1};
    kafka_cluster_signal(f->cluster, 1, "STOP");
    for (enum fy_code code = FY_OK; code == FY_OK && taken <= MOST; taken += code == FY_OK) {
        queue_outcome_init(&outcomes[taken]);
        code = fy_queue_publish(f->queue, records, BATCH_COUNT, queue_outcome_done,
                                &outcomes[taken], &err);
    }
    assert_int_equal(taken, MOST);
    assert_int_equal(err.code, FY_EFULL);
    kafka_cluster_signal(f->cluster, 1, "CONT");
    int64_t woke_ms = queue_kafka_now_ms();
    for (size_t i = 0; i < taken; i++) {
        queue_contract_wait(&outcomes[i].done);
        assert_int_equal(outcomes[i].code, FY_OK);
        assert_int_equal(outcomes[i].accepted, BATCH_COUNT);
    }
    assert_in_range(queue_kafka_now_ms() - woke_ms, 0, SPARE_MS);
    assert_int_equal(queue_lag_sum(f->queue, "nobody", "orders"), taken * BATCH_COUNT);
}

static void bytes_are_bounded_too(void **state)
{
    struct fault *f = *state;
    enum { BYTES = 512 << 10 };
    char *value = fy_alloc(BYTES);
    static struct queue_outcome outcomes[64];
    const struct fy_record record = {
        .topic = "orders", .partition = 0, .value = value, .value_bytes = BYTES};
    struct fy_err err = {0};
    size_t taken = 0;
    kafka_cluster_signal(f->cluster, 1, "STOP");
    for (enum fy_code code = FY_OK; code == FY_OK && taken < 64; taken += code == FY_OK) {
        queue_outcome_init(&outcomes[taken]);
        code = fy_queue_publish(f->queue, &record, 1, queue_outcome_done, &outcomes[taken], &err);
    }
    kafka_cluster_signal(f->cluster, 1, "CONT");
    assert_int_equal(taken, FY_KAFKA_PUBLISH_KIB / 512 * FY_KAFKA_FULL_PERCENT / 100);
    for (size_t i = 0; i < taken; i++)
        queue_contract_wait(&outcomes[i].done);
    free(value);
}

/* Pitfall 12: an idempotent producer whose sequence is broken: the library ends it, we go on with
 * another. */
static void a_fatal_error_of_the_producer_is_survived(void **state)
{
    struct fault *f = *state;
    struct fy_kafka *queue = fy_kq_from(f->queue);
    for (int round = 0; round < 3; round++) {
        struct queue_outcome outcome;
        int64_t number = round;
        assert_int_equal(rd_kafka_test_fatal_error(queue->producer->rk,
                                                   RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                                   "said by the test"),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
        int64_t deadline_ms = queue_kafka_now_ms() + QUEUE_CONTRACT_WAIT_MS;
        do { /* those given to the old handle fail, and none is forgotten */
            assert_int_equal(publish_number(f, &number, &outcome), FY_OK);
            queue_contract_wait(&outcome.done);
            assert_true(outcome.code == FY_OK || outcome.code == FY_EBUSY);
        } while (outcome.code != FY_OK && queue_kafka_now_ms() < deadline_ms);
        assert_int_equal(outcome.code, FY_OK);
    }
}

/* ------------------------------------------------------------------ what was acknowledged */

#define KILLS_COUNT   2
#define NUMBERS_COUNT 4000

static bool mark_number(void *arg, const struct fy_record *record)
{
    bool *seen = arg;
    int64_t number = -1;
    assert_int_equal(record->value_bytes, sizeof(number));
    memcpy(&number, record->value, sizeof(number));
    assert_in_range(number, 0, NUMBERS_COUNT - 1);
    seen[number] = true;
    return true;
}

/* The broker is back: the producer must find out by itself, and soon. */
static void await_acknowledgement(struct fault *f)
{
    struct queue_outcome outcome = {.code = FY_EBUSY};
    int64_t number = 0;
    int64_t deadline_ms = queue_kafka_now_ms() + RECOVERY_MS;
    while (outcome.code == FY_EBUSY && queue_kafka_now_ms() < deadline_ms) {
        assert_int_equal(publish_number(f, &number, &outcome), FY_OK);
        queue_contract_wait(&outcome.done);
    }
    assert_int_equal(outcome.code, FY_OK);
}

/* Orders flow in while the broker is killed and comes back: whatever was acknowledged is there. */
static void no_acknowledged_record_is_missing_after_kills_of_the_broker(void **state)
{
    struct fault *f = *state;
    struct queue_outcome *outcomes = fy_alloc(NUMBERS_COUNT * sizeof(*outcomes));
    int64_t *numbers = fy_alloc(NUMBERS_COUNT * sizeof(*numbers));
    bool *seen = fy_alloc(NUMBERS_COUNT);
    reopen(f, impatient);
    for (int64_t i = 0; i < NUMBERS_COUNT; i++) {
        numbers[i] = i;
        if (i % (NUMBERS_COUNT / KILLS_COUNT) == NUMBERS_COUNT / KILLS_COUNT / 2)
            kafka_cluster_signal(f->cluster, 1, "KILL");
        if (i % (NUMBERS_COUNT / KILLS_COUNT) == NUMBERS_COUNT / KILLS_COUNT / 2 + 500) {
            kafka_cluster_restart(f->cluster, 1);
            await_acknowledgement(f);
        }
        assert_int_equal(publish_number(f, &numbers[i], &outcomes[i]), FY_OK);
    }
    size_t acknowledged = 0;
    for (int64_t i = 0; i < NUMBERS_COUNT; i++) {
        queue_contract_wait(&outcomes[i].done);
        assert_true(outcomes[i].code == FY_OK || outcomes[i].code == FY_EBUSY);
        acknowledged += outcomes[i].code == FY_OK;
    }
    assert_in_range(acknowledged, NUMBERS_COUNT / 2, NUMBERS_COUNT);

    reopen(f, NULL);
    struct queue_fixture fixture = {.factory = &queue_kafka_factory, .queue = f->queue};
    size_t kept = queue_lag_sum(f->queue, "reader", "orders");
    struct fy_consumer *consumer = queue_consumer_open(&fixture, "reader", "orders", NULL);
    queue_consumer_read(&fixture, consumer, "orders", kept, mark_number, seen);
    queue_consumer_close(&fixture, consumer);
    for (int64_t i = 0; i < NUMBERS_COUNT; i++)
        assert_true(seen[i] || outcomes[i].code != FY_OK);
    free(outcomes);
    free(numbers);
    free(seen);
}

/* ------------------------------------------------------------------ consumers and questions */

/* A commit is waited for a second and no more; the next is not sent before the first is answered.
 */
static void a_commit_to_a_hanging_broker_is_busy_and_then_goes_on(void **state)
{
    struct fault *f = *state;
    struct queue_fixture fixture = {.factory = &queue_kafka_factory, .queue = f->queue};
    struct fy_topic_partition next = {.topic = "orders", .partition = 0, .offset = 1};
    struct fy_err err = {0};
    for (int i = 0; i < 2; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(&fixture, "worker", "orders", NULL);
    kafka_cluster_signal(f->cluster, 1, "STOP");
    int64_t began_ms = queue_kafka_now_ms();
    assert_int_equal(fy_consumer_commit(f->queue, consumer, &next, 1, &err), FY_EBUSY);
    assert_int_equal(fy_consumer_commit(f->queue, consumer, &next, 1, &err), FY_EBUSY);
    assert_in_range(queue_kafka_now_ms() - began_ms, FY_KAFKA_COMMIT_MS / 2,
                    FY_KAFKA_COMMIT_MS * 2);
    kafka_cluster_signal(f->cluster, 1, "CONT");
    next.offset = 2;
    int64_t deadline_ms = queue_kafka_now_ms() + QUEUE_CONTRACT_WAIT_MS;
    enum fy_code code = FY_EBUSY;
    while (code == FY_EBUSY && queue_kafka_now_ms() < deadline_ms) {
        struct fy_consumer_event event;
        (void)queue_consumer_readable(f->queue, consumer, QUEUE_CONTRACT_TURN_MS);
        assert_int_equal(fy_consumer_event(f->queue, consumer, &event, &err), FY_OK);
        code = fy_consumer_commit(f->queue, consumer, &next, 1, &err);
    }
    assert_int_equal(code, FY_OK);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).committed_offset, 2);
    queue_consumer_close(&fixture, consumer);
}

/* The broker hangs from the first request for a topic on until there is a second. */
static struct kafka_cluster *hangs;
static unsigned creates;

typedef void create_topics_fn(rd_kafka_t *, rd_kafka_NewTopic_t **, size_t,
                              const rd_kafka_AdminOptions_t *, rd_kafka_queue_t *);

/* In front of the library's. */
void rd_kafka_CreateTopics(rd_kafka_t *rk, rd_kafka_NewTopic_t **topics, size_t count,
                           const rd_kafka_AdminOptions_t *options, rd_kafka_queue_t *queue)
{
    union {
        void *data;
        create_topics_fn *function;
    } library = {.data = dlsym(RTLD_NEXT, "rd_kafka_CreateTopics")};
    if (hangs != NULL && creates < 2)
        kafka_cluster_signal(hangs, 1, creates++ == 0 ? "STOP" : "CONT");
    library.function(rk, topics, count, options, queue);
}

static void a_topic_is_made_though_the_broker_hung_when_it_was_asked(void **state)
{
    struct fault *f = *state;
    struct fy_err err = {0};
    hangs = f->cluster;
    enum fy_code code = fy_queue_topic_ensure(f->queue, "more", &err);
    kafka_cluster_signal(f->cluster, 1, "CONT");
    hangs = NULL;
    assert_string_equal(err.text, "");
    assert_int_equal(code, FY_OK);
    assert_int_equal(creates, 2);
    queue_publish_text(f->queue, "more", 0, NULL, "x");
}

static bool never(void *arg, const struct fy_partition_lag *lag)
{
    (void)arg;
    (void)lag;
    fail();
    return false;
}

/* A page of metrics asks for dozens of topics: only the first of them waits for a dead broker. */
static void lag_of_a_dead_broker_is_refused_soon_and_then_at_once(void **state)
{
    struct fault *f = *state;
    struct fy_err err = {0};
    kafka_cluster_signal(f->cluster, 1, "KILL");
    int64_t began_ms = queue_kafka_now_ms();
    assert_int_equal(fy_queue_lag(f->queue, "g", "orders", never, NULL, &err), FY_EBUSY);
    assert_in_range(queue_kafka_now_ms() - began_ms, 0, FY_KAFKA_ASK_MS + SPARE_MS / 5);
    began_ms = queue_kafka_now_ms();
    for (int i = 0; i < 60; i++)
        assert_int_equal(fy_queue_lag(f->queue, "g", "orders", never, NULL, &err), FY_EBUSY);
    assert_in_range(queue_kafka_now_ms() - began_ms, 0, FY_KAFKA_ASK_MS / 2);
    kafka_cluster_restart(f->cluster, 1);
}

/* The same consumer reads on: what came before the kill, and what came after. */
static void a_consumer_outlives_its_broker(void **state)
{
    struct fault *f = *state;
    struct queue_fixture fixture = {.factory = &queue_kafka_factory, .queue = f->queue};
    struct fy_consumer_event event = {.kind = FY_CONSUMER_NONE};
    struct fy_err err = {0};
    queue_publish_text(f->queue, "orders", 1, NULL, "before");
    struct fy_consumer *consumer = queue_consumer_open(&fixture, "worker", "orders", NULL);
    queue_consumer_read_partition(&fixture, consumer, "orders", 1, 1, NULL, NULL);
    kafka_cluster_signal(f->cluster, 1, "KILL");
    kafka_cluster_restart(f->cluster, 1);
    queue_publish_text(f->queue, "orders", 1, NULL, "after");

    size_t seen = 0;
    int64_t deadline_ms = queue_kafka_now_ms() + QUEUE_CONTRACT_WAIT_MS;
    while (seen == 0 && queue_kafka_now_ms() < deadline_ms) {
        (void)queue_consumer_readable(f->queue, consumer, QUEUE_CONTRACT_TURN_MS);
        if (fy_consumer_event(f->queue, consumer, &event, &err) != FY_OK)
            continue; /* an assignment whose offsets are not known yet */
        if (event.kind == FY_CONSUMER_REVOKE || event.kind == FY_CONSUMER_LOST)
            fy_consumer_revoked(f->queue, consumer);
        seen += queue_consumer_take(f->queue, consumer, "orders", 1);
    }
    assert_true(seen > 0);
    queue_consumer_close(&fixture, consumer);
}

#define FAULT_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULT_TEST(a_hanging_broker_fills_the_queue_to_its_bound_and_no_further),
        FAULT_TEST(bytes_are_bounded_too),
        FAULT_TEST(a_fatal_error_of_the_producer_is_survived),
        FAULT_TEST(a_commit_to_a_hanging_broker_is_busy_and_then_goes_on),
        FAULT_TEST(a_consumer_outlives_its_broker),
        FAULT_TEST(a_topic_is_made_though_the_broker_hung_when_it_was_asked),
        FAULT_TEST(lag_of_a_dead_broker_is_refused_soon_and_then_at_once),
        FAULT_TEST(a_publish_without_a_broker_is_answered_busy_in_its_time),
        FAULT_TEST(no_acknowledged_record_is_missing_after_kills_of_the_broker),
    };
    return cmocka_run_group_tests_name("kafka, faults", tests, cluster_setup, cluster_teardown);
}
