/* queue_contract_load.c - the queue's suite under threads, and under SIGKILL. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/contract/queue_contract.h"
#include "tests/contract/queue_contract_load.h"

#define PUBLISHERS_COUNT 8
#define EACH_COUNT       400 /* records of one publisher */
#define LANES_COUNT      (PUBLISHERS_COUNT * 2)

/* A value of the load: whose record it is, and which. */
struct load_value {
    uint32_t lane; /* also the key */
    uint32_t number;
};

/* A publisher thread; nothing here may assert, since cmocka jumps. */
struct publisher {
    struct fy_queue *queue;
    uint32_t lane;
    bool failed;
};

static bool publish_one(struct fy_queue *queue, const struct load_value *value,
                        struct queue_outcome *outcome)
{
    const struct fy_record record = {.topic = "orders",
                                     .partition = -1,
                                     .key = &value->lane,
                                     .key_bytes = sizeof(value->lane),
                                     .value = value,
                                     .value_bytes = sizeof(*value)};
    struct fy_err err = {0};
    return fy_queue_publish(queue, &record, 1, queue_outcome_done, outcome, &err) == FY_OK;
}

/* Every other record is not waited for, so that publishes overtake none of their key in flight. */
static void *publisher_main(void *arg)
{
    struct publisher *self = arg;
    struct queue_outcome outcome;
    queue_outcome_init(&outcome);
    for (uint32_t i = 1; i <= EACH_COUNT; i++) {
        struct load_value value = {self->lane, i};
        self->failed |= !publish_one(self->queue, &value, &outcome);
        if (i % 2 == 0) {
            (void)sem_wait(&outcome.done); /* not interrupted: no handlers here */
            (void)sem_wait(&outcome.done);
        }
    }
    self->failed |= atomic_load(&outcome.calls_count) != EACH_COUNT || outcome.code != FY_OK;
    (void)sem_destroy(&outcome.done); /* nobody waits */
    return NULL;
}

static void publishers_start(struct fy_queue *queue, struct publisher *publishers,
                             pthread_t *threads)
{
    for (uint32_t i = 0; i < PUBLISHERS_COUNT; i++) {
        publishers[i] = (struct publisher){.queue = queue, .lane = i};
        assert_int_equal(pthread_create(&threads[i], NULL, publisher_main, &publishers[i]), 0);
    }
}

static void publishers_join(struct publisher *publishers, const pthread_t *threads)
{
    for (uint32_t i = 0; i < PUBLISHERS_COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(publishers[i].failed);
    }
}

/* What a consumer has seen of the load. */
struct load_seen {
    uint32_t last[LANES_COUNT];
    size_t count;
    bool broken; /* a record is missing, or out of order */
    bool gaps;   /* of a lane are no fault: a process died between two records of a publish */
    int64_t next[QUEUE_CONTRACT_PARTITIONS];
};

static bool load_visit(void *arg, const struct fy_record *record)
{
    struct load_seen *seen = arg;
    struct load_value value = {0};
    if (record->value_bytes != sizeof(value)) {
        seen->broken = true;
        return true;
    }
    memcpy(&value, record->value, sizeof(value));
    seen->broken |= seen->gaps ? value.number <= seen->last[value.lane]
                               : value.number != seen->last[value.lane] + 1;
    seen->broken |= record->offset != seen->next[record->partition];
    seen->last[value.lane] = value.number;
    seen->next[record->partition] = record->offset + 1;
    seen->count++;
    return true;
}

/* One round of an engine that sleeps on the descriptor and nothing else. */
static void consume_when_readable(struct fy_queue *queue, struct fy_consumer *consumer,
                                  struct load_seen *seen)
{
    struct fy_err err = {0};
    assert_true(queue_consumer_readable(queue, consumer, QUEUE_CONTRACT_WAIT_MS));
    for (int32_t i = 0; i < QUEUE_CONTRACT_PARTITIONS; i++)
        assert_int_equal(fy_consumer_poll(queue, consumer, "orders", i, 7, load_visit, seen, &err),
                         FY_OK);
}

void no_wake_up_is_lost_between_publishers_and_a_sleeping_consumer(void **state)
{
    struct queue_fixture *f = *state;
    struct publisher publishers[PUBLISHERS_COUNT];
    pthread_t threads[PUBLISHERS_COUNT];
    struct load_seen seen = {0};
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    publishers_start(f->queue, publishers, threads);
    while (seen.count < (size_t)PUBLISHERS_COUNT * EACH_COUNT)
        consume_when_readable(f->queue, consumer, &seen);
    publishers_join(publishers, threads);
    assert_false(seen.broken);
    queue_consumer_read(f, consumer, "orders", 0, NULL, NULL);
    queue_consumer_close(f, consumer);
}

struct housekeeper {
    struct fy_queue *queue;
    atomic_bool stop;
    bool failed;
};

static bool lag_is_sane(void *arg, const struct fy_partition_lag *lag)
{
    struct housekeeper *self = arg;
    self->failed |= lag->start_offset > lag->committed_offset;
    self->failed |= lag->committed_offset > lag->end_offset;
    return true;
}

static void *housekeeper_main(void *arg)
{
    struct housekeeper *self = arg;
    struct fy_err err = {0};
    while (!atomic_load(&self->stop)) {
        self->failed |= fy_queue_trim(self->queue, INT64_MAX - 1, &err) != FY_OK;
        self->failed |=
            fy_queue_lag(self->queue, "worker", "orders", lag_is_sane, self, &err) != FY_OK;
        self->failed |= fy_queue_topic_ensure(self->queue, "more", &err) != FY_OK;
    }
    return NULL;
}

/* Everything at once: publishers, a consumer that commits as it goes, trimming and lag. */
void many_publishers_a_consumer_trim_and_lag_agree(void **state)
{
    struct queue_fixture *f = *state;
    struct publisher publishers[PUBLISHERS_COUNT];
    pthread_t threads[PUBLISHERS_COUNT];
    struct housekeeper housekeeper = {.queue = f->queue};
    pthread_t housekeeper_thread;
    struct load_seen seen = {0};
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    assert_int_equal(pthread_create(&housekeeper_thread, NULL, housekeeper_main, &housekeeper), 0);
    publishers_start(f->queue, publishers, threads);
    while (seen.count < (size_t)PUBLISHERS_COUNT * EACH_COUNT) {
        consume_when_readable(f->queue, consumer, &seen);
        for (int32_t i = 0; i < QUEUE_CONTRACT_PARTITIONS; i++)
            queue_consumer_commit(f->queue, consumer, "orders", i, seen.next[i]);
    }
    publishers_join(publishers, threads);
    atomic_store(&housekeeper.stop, true);
    assert_int_equal(pthread_join(housekeeper_thread, NULL), 0);
    assert_false(housekeeper.failed);
    assert_false(seen.broken);
    for (int32_t i = 0; i < QUEUE_CONTRACT_PARTITIONS; i++)
        assert_int_equal(queue_lag_of(f->queue, "worker", "orders", i).end_offset, seen.next[i]);
    queue_consumer_close(f, consumer);
}

/* The process that is killed. Its done callbacks tell the parent what was acknowledged. */

#define KILLED_BATCH      5
#define KILL_AFTER_COUNT  300 /* acknowledged batches */
#define KILLED_RUNS_COUNT 3

struct killed_batch {
    int pipe_fd;
    struct load_value values[KILLED_BATCH];
};

/* On the queue's thread. A failed write would look like a record that was not acknowledged. */
static void killed_done(void *arg, enum fy_code code, size_t accepted, const struct fy_err *err)
{
    struct killed_batch *batch = arg;
    (void)err;
    if (code == FY_OK && accepted == KILLED_BATCH &&
        write(batch->pipe_fd, batch->values, sizeof(batch->values)) < 0)
        _exit(3);
    free(batch);
}

/* Publishes until it is killed; each lane's numbers go up from first_number. */
static void killed_publish(struct fy_queue *queue, uint32_t first_number, int pipe_fd)
{
    struct fy_err err = {0};
    for (uint32_t number = first_number;; number++) {
        struct killed_batch *batch = fy_alloc(sizeof(*batch));
        struct fy_record records[KILLED_BATCH];
        batch->pipe_fd = pipe_fd;
        for (uint32_t i = 0; i < KILLED_BATCH; i++) {
            batch->values[i] = (struct load_value){i, number};
            records[i] = (struct fy_record){.topic = "orders",
                                            .partition = -1,
                                            .key = &batch->values[i].lane,
                                            .key_bytes = sizeof(uint32_t),
                                            .value = &batch->values[i],
                                            .value_bytes = sizeof(struct load_value)};
        }
        enum fy_code code =
            fy_queue_publish(queue, records, KILLED_BATCH, killed_done, batch, &err);
        if (code == FY_EFULL) {
            free(batch); /* too much waits: the same numbers again */
            number--;
        } else if (code != FY_OK) {
            _exit(4);
        }
    }
}

/* Forks a publisher, kills it in full flight, and returns the last number acknowledged. */
static uint32_t run_and_kill(struct queue_fixture *f, uint32_t first_number)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fy_err err = {0};
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no process */
        (void)close(ends[0]);                   /* the parent's */
        if (f->factory->open(f->dir, &f->clock.port, &f->queue, &err) != FY_OK)
            _exit(2);
        if (fy_queue_topic_ensure(f->queue, "orders", &err) != FY_OK)
            _exit(5);
        killed_publish(f->queue, first_number, ends[1]);
    }
    assert_int_equal(close(ends[1]), 0);
    struct load_value values[KILLED_BATCH];
    uint32_t last = first_number - 1;
    for (int count = 0; read(ends[0], values, sizeof(values)) == (ssize_t)sizeof(values);) {
        last = values[0].number;
        if (++count == KILL_AFTER_COUNT)
            assert_int_equal(kill(child, SIGKILL), 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_true(last >= first_number + KILL_AFTER_COUNT - 1);
    assert_int_equal(close(ends[0]), 0);
    return last;
}

/* The process dies between any two instructions. What it had acknowledged is there, whole and in
 * order; what it had not may be there too, in some queues only as a whole; and the next process
 * goes on. */
void what_was_acknowledged_survives_sigkill(void **state)
{
    struct queue_fixture *f = *state;
    uint32_t next_number = 1;
    for (int run = 0; run < KILLED_RUNS_COUNT; run++) {
        queue_fixture_close(f);
        uint32_t acknowledged = run_and_kill(f, next_number);
        queue_fixture_open(f);
        char group[32];
        (void)snprintf(group, sizeof(group), "after-%d", run);
        struct fy_consumer *consumer = queue_consumer_open(f, group, "orders", NULL);
        struct load_seen seen = {.gaps = !f->factory->whole};
        queue_consumer_read_least(f, consumer, "orders", queue_lag_sum(f->queue, group, "orders"),
                                  load_visit, &seen);
        queue_consumer_close(f, consumer);
        assert_false(seen.broken);
        for (size_t i = 0; i < KILLED_BATCH; i++) {
            assert_true(seen.last[i] >= acknowledged);
            assert_true(seen.last[i] == seen.last[0] || !f->factory->whole);
            if (seen.last[i] >= next_number)
                next_number = seen.last[i] + 1;
        }
    }
}
