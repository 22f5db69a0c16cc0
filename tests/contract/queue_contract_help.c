/* queue_contract_help.c - fixture and shorthands of the queue's tests. */
#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/contract/queue_contract.h"

static int64_t clock_wall_ms(struct fy_clock *port)
{
    return FY_CONTAINER_OF(port, struct queue_contract_clock, port)->wall_ms;
}

void queue_contract_clock_init(struct queue_contract_clock *clock)
{
    clock->port.wall_ms = clock_wall_ms;
    clock->port.mono_ms = clock_wall_ms;
    clock->wall_ms = 1700000000000;
}

void queue_contract_remove(const char *dir)
{
    DIR *handle = opendir(dir);
    assert_non_null(handle);
    const struct dirent *entry = NULL;
    while ((entry = readdir(handle)) != NULL) {
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(handle), entry->d_name, 0), 0);
    }
    assert_int_equal(closedir(handle), 0);
    assert_int_equal(rmdir(dir), 0);
}

void queue_fixture_open(struct queue_fixture *fixture)
{
    struct fy_err err = {0};
    enum fy_code code =
        fixture->factory->open(fixture->dir, &fixture->clock.port, &fixture->queue, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(code, FY_OK);
    for (size_t i = 0; i < fixture->topic_count; i++)
        assert_int_equal(fy_queue_topic_ensure(fixture->queue, fixture->topics[i], &err), FY_OK);
}

void queue_fixture_close(struct queue_fixture *fixture)
{
    for (size_t i = 0; i < FY_COUNT_OF(fixture->consumers); i++)
        queue_consumer_close(fixture, fixture->consumers[i]);
    fy_queue_close(fixture->queue);
    fixture->queue = NULL;
}

struct queue_fixture *queue_fixture_new(const struct queue_contract_factory *factory)
{
    struct queue_fixture *fixture = fy_alloc(sizeof(*fixture));
    fixture->factory = factory;
    queue_contract_clock_init(&fixture->clock);
    temp_folder("queue", fixture->dir);
    return fixture;
}

void queue_fixture_free(struct queue_fixture *fixture)
{
    queue_fixture_close(fixture);
    queue_contract_remove(fixture->dir);
    free(fixture);
}

void queue_fixture_topic(struct queue_fixture *fixture, const char *topic)
{
    struct fy_err err = {0};
    enum fy_code code = fy_queue_topic_ensure(fixture->queue, topic, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(code, FY_OK);
    if (!fixture->factory->anew)
        return;
    for (size_t i = 0; i < fixture->topic_count; i++)
        if (strcmp(fixture->topics[i], topic) == 0)
            return;
    assert_in_range(fixture->topic_count, 0, QUEUE_CONTRACT_TOPICS - 1);
    assert_true(fy_text_copy(fixture->topics[fixture->topic_count++], 64, topic));
}

void queue_outcome_init(struct queue_outcome *outcome)
{
    memset(outcome, 0, sizeof(*outcome));
    assert_int_equal(sem_init(&outcome->done, 0, 0), 0);
}

void queue_outcome_done(void *arg, enum fy_code code, size_t accepted, const struct fy_err *err)
{
    struct queue_outcome *outcome = arg;
    outcome->code = code;
    outcome->accepted = accepted;
    if (code != FY_OK)
        outcome->err = *err;
    atomic_fetch_add(&outcome->calls_count, 1);
    (void)sem_post(&outcome->done); /* fails only at INT_MAX */
}

void queue_contract_wait(sem_t *semaphore)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_REALTIME, &deadline); /* cannot fail */
    deadline.tv_sec += QUEUE_CONTRACT_WAIT_MS / 1000;
    assert_int_equal(sem_timedwait(semaphore, &deadline), 0);
}

enum fy_code queue_publish_wait(struct fy_queue *queue, const struct fy_record *records,
                                size_t count)
{
    struct queue_outcome outcome;
    struct fy_err err = {0};
    queue_outcome_init(&outcome);
    enum fy_code code = fy_queue_publish(queue, records, count, queue_outcome_done, &outcome, &err);
    if (code != FY_OK) {
        assert_string_not_equal(err.text, "");
        assert_int_equal(err.code, code);
        return code;
    }
    queue_contract_wait(&outcome.done);
    assert_int_equal(atomic_load(&outcome.calls_count), 1);
    if (outcome.code == FY_OK)
        assert_int_equal(outcome.accepted, count);
    else
        assert_string_not_equal(outcome.err.text, "");
    (void)sem_destroy(&outcome.done); /* nobody waits */
    return outcome.code;
}

void queue_publish_text(struct fy_queue *queue, const char *topic, int32_t partition,
                        const char *key, const char *value)
{
    struct fy_record record = {.topic = topic,
                               .partition = partition,
                               .key = key,
                               .key_bytes = key == NULL ? 0 : strlen(key),
                               .value = value,
                               .value_bytes = strlen(value)};
    assert_int_equal(queue_publish_wait(queue, &record, 1), FY_OK);
}

/* Puts a consumer in the place of another, or of none. */
static void replace_consumer(struct queue_fixture *fixture, const struct fy_consumer *old,
                             struct fy_consumer *new)
{
    size_t i = 0;
    while (i < FY_COUNT_OF(fixture->consumers) && fixture->consumers[i] != old)
        i++;
    assert_in_range(i, 0, FY_COUNT_OF(fixture->consumers) - 1);
    fixture->consumers[i] = new;
}

struct fy_consumer *queue_consumer_open(struct queue_fixture *fixture, const char *group,
                                        const char *topic, struct fy_consumer_event *event_out)
{
    struct fy_consumer *consumer = NULL;
    struct fy_consumer_event event;
    struct fy_err err = {0};
    assert_int_equal(fy_consumer_open(fixture->queue, group, &topic, 1, &consumer, &err), FY_OK);
    replace_consumer(fixture, NULL, consumer);
    queue_consumer_await(fixture, consumer, FY_CONSUMER_ASSIGN, &event);
    assert_int_equal(event.partition_count, QUEUE_CONTRACT_PARTITIONS);
    if (event_out != NULL)
        *event_out = event;
    return consumer;
}

void queue_consumer_close(struct queue_fixture *fixture, struct fy_consumer *consumer)
{
    if (consumer == NULL)
        return;
    fy_consumer_close(fixture->queue, consumer);
    replace_consumer(fixture, consumer, NULL);
}

bool queue_consumer_readable(struct fy_queue *queue, struct fy_consumer *consumer, int wait_ms)
{
    struct pollfd readable = {.fd = fy_consumer_fd(queue, consumer), .events = POLLIN};
    int count = poll(&readable, 1, wait_ms);
    assert_in_range(count, 0, 1);
    return count == 1;
}

struct counting {
    fy_record_visit_fn *visit;
    void *arg;
    size_t count;
};

static bool count_visit(void *arg, const struct fy_record *record)
{
    struct counting *counting = arg;
    if (counting->visit != NULL)
        assert_true(counting->visit(counting->arg, record));
    counting->count++;
    return true;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void queue_consumer_await(struct queue_fixture *fixture, struct fy_consumer *consumer,
                          enum fy_consumer_event_kind kind, struct fy_consumer_event *event)
{
    struct fy_err err = {0};
    int64_t deadline_ms = now_ms() + QUEUE_CONTRACT_WAIT_MS;
    do {
        (void)queue_consumer_readable(fixture->queue, consumer, QUEUE_CONTRACT_TURN_MS);
        assert_int_equal(fy_consumer_event(fixture->queue, consumer, event, &err), FY_OK);
    } while (event->kind == FY_CONSUMER_NONE && now_ms() < deadline_ms);
    assert_int_equal(event->kind, kind);
}

/* One turn of an engine; what it polls it counts. */
static void turn(struct queue_fixture *fixture, struct fy_consumer *consumer, const char *topic,
                 struct counting *counting)
{
    struct fy_err err = {0};
    struct fy_consumer_event event;
    assert_int_equal(fy_consumer_event(fixture->queue, consumer, &event, &err), FY_OK);
    assert_int_equal(event.kind, FY_CONSUMER_NONE);
    for (int32_t i = 0; i < QUEUE_CONTRACT_PARTITIONS; i++)
        assert_int_equal(
            fy_consumer_poll(fixture->queue, consumer, topic, i, 1000, count_visit, counting, &err),
            FY_OK);
}

/* Reads until `count` records have come and nothing more does. Returns how many came. */
static size_t read_until_quiet(struct queue_fixture *fixture, struct fy_consumer *consumer,
                               const char *topic, size_t count, fy_record_visit_fn *visit,
                               void *arg)
{
    struct counting counting = {visit, arg, 0};
    int64_t deadline_ms = now_ms() + QUEUE_CONTRACT_WAIT_MS;
    turn(fixture, consumer, topic, &counting);
    while (counting.count < count && now_ms() < deadline_ms) {
        (void)queue_consumer_readable(fixture->queue, consumer, QUEUE_CONTRACT_TURN_MS);
        turn(fixture, consumer, topic, &counting);
    }
    do
        turn(fixture, consumer, topic, &counting);
    while (queue_consumer_readable(fixture->queue, consumer, fixture->factory->settle_ms) &&
           now_ms() < deadline_ms);
    assert_false(queue_consumer_readable(fixture->queue, consumer, 0));
    return counting.count;
}

void queue_consumer_read(struct queue_fixture *fixture, struct fy_consumer *consumer,
                         const char *topic, size_t count, fy_record_visit_fn *visit, void *arg)
{
    assert_int_equal(read_until_quiet(fixture, consumer, topic, count, visit, arg), count);
}

void queue_consumer_read_least(struct queue_fixture *fixture, struct fy_consumer *consumer,
                               const char *topic, size_t count, fy_record_visit_fn *visit,
                               void *arg)
{
    assert_true(read_until_quiet(fixture, consumer, topic, count, visit, arg) >= count);
}

void queue_consumer_read_partition(struct queue_fixture *fixture, struct fy_consumer *consumer,
                                   const char *topic, int32_t partition, size_t count,
                                   fy_record_visit_fn *visit, void *arg)
{
    struct counting counting = {visit, arg, 0};
    struct fy_err err = {0};
    int64_t deadline_ms = now_ms() + QUEUE_CONTRACT_WAIT_MS;
    while (counting.count < count && now_ms() < deadline_ms) {
        (void)queue_consumer_readable(fixture->queue, consumer, QUEUE_CONTRACT_TURN_MS);
        assert_int_equal(fy_consumer_poll(fixture->queue, consumer, topic, partition, 1000,
                                          count_visit, &counting, &err),
                         FY_OK);
    }
    assert_int_equal(counting.count, count);
}

size_t queue_consumer_take(struct fy_queue *queue, struct fy_consumer *consumer, const char *topic,
                           int32_t partition)
{
    struct counting counting = {0};
    struct fy_err err = {0};
    enum fy_code code =
        fy_consumer_poll(queue, consumer, topic, partition, 1000, count_visit, &counting, &err);
    assert_true(code == FY_OK || code == FY_EINPUT || code == FY_EBUSY);
    return counting.count;
}

void queue_consumer_commit(struct fy_queue *queue, struct fy_consumer *consumer, const char *topic,
                           int32_t partition, int64_t offset)
{
    struct fy_topic_partition next = {.partition = partition, .offset = offset};
    struct fy_err err = {0};
    assert_true(fy_text_copy(next.topic, sizeof(next.topic), topic));
    assert_int_equal(fy_consumer_commit(queue, consumer, &next, 1, &err), FY_OK);
}

struct lag_wanted {
    int32_t partition;
    struct fy_partition_lag lag;
    size_t count;
};

static bool lag_visit(void *arg, const struct fy_partition_lag *lag)
{
    struct lag_wanted *wanted = arg;
    wanted->count++;
    if (lag->partition == wanted->partition)
        wanted->lag = *lag;
    wanted->lag.text = NULL; /* ours no longer than now */
    return true;
}

struct fy_partition_lag queue_lag_of(struct fy_queue *queue, const char *group, const char *topic,
                                     int32_t partition)
{
    struct lag_wanted wanted = {.partition = partition};
    struct fy_err err = {0};
    enum fy_code code = fy_queue_lag(queue, group, topic, lag_visit, &wanted, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(code, FY_OK);
    assert_int_equal(wanted.count, QUEUE_CONTRACT_PARTITIONS);
    assert_string_equal(wanted.lag.topic, topic);
    return wanted.lag;
}

static bool add_lag(void *arg, const struct fy_partition_lag *lag)
{
    size_t *sum = arg;
    *sum += (size_t)(lag->end_offset - lag->committed_offset);
    return true;
}

size_t queue_lag_sum(struct fy_queue *queue, const char *group, const char *topic)
{
    size_t sum = 0;
    struct fy_err err = {0};
    assert_int_equal(fy_queue_lag(queue, group, topic, add_lag, &sum, &err), FY_OK);
    return sum;
}
