/* queue_contract.h - what every queue adapter must do; an adapter lists itself and runs it. */
#ifndef FY_TESTS_CONTRACT_QUEUE_CONTRACT_H
#define FY_TESTS_CONTRACT_QUEUE_CONTRACT_H

#include <semaphore.h>
#include <stdatomic.h>

#include "common/core/clock.h"
#include "common/ports/queue.h"
#include "tests/support/temp.h"

#define QUEUE_CONTRACT_PARTITIONS 4     /* of the topics that a factory's queue makes */
#define QUEUE_CONTRACT_CONSUMERS  4     /* open at once in one test */
#define QUEUE_CONTRACT_TOPICS     8     /* of one test */
#define QUEUE_CONTRACT_TURN_MS    100   /* a consumer is served so often while it waits */
#define QUEUE_CONTRACT_WAIT_MS    30000 /* longest a test waits for anything before it fails */

/* Opens the queue that lives in dir, as it was left there; clock outlives it. */
typedef enum fy_code queue_contract_open_fn(const char *dir, struct fy_clock *clock,
                                            struct fy_queue **queue, struct fy_err *err);
struct queue_contract_factory {
    const char *name;
    queue_contract_open_fn *open;
    bool anew;      /* each process ensures its topics anew */
    bool whole;     /* a publish whose process dies is there as a whole or not at all */
    int settle_ms;  /* quiet for so long, there is nothing more to come; 0: a poll sees all there is
                     */
    bool in_memory; /* nothing outlives the program: no test kills one */
};

/* Runs the suite; returns how many tests failed. */
int queue_contract_run(const struct queue_contract_factory *factory);

/* For the suite and for an adapter's own tests. */

/* A clock that stands still until it is moved. */
struct queue_contract_clock {
    struct fy_clock port;
    _Atomic int64_t wall_ms;
};
void queue_contract_clock_init(struct queue_contract_clock *clock);

/* A queue in a folder of its own; asserts that it opens. */
struct queue_fixture {
    const struct queue_contract_factory *factory;
    struct queue_contract_clock clock;
    char dir[TEMP_BYTES];
    struct fy_queue *queue;
    struct fy_consumer *consumers[QUEUE_CONTRACT_CONSUMERS]; /* open; a failed test leaves them */
    size_t topic_count;
    char topics[QUEUE_CONTRACT_TOPICS]
               [64]; /* ensured again when it is opened, where that is needed */
};
struct queue_fixture *queue_fixture_new(const struct queue_contract_factory *factory);
void queue_fixture_free(struct queue_fixture *fixture); /* closes and removes the folder */
void queue_fixture_open(struct queue_fixture *fixture);
void queue_fixture_close(struct queue_fixture *fixture); /* and its consumers */
void queue_fixture_topic(struct queue_fixture *fixture, const char *topic);
/* Removes a folder and the files in it. */
void queue_contract_remove(const char *dir);

/* The outcome of a publish, to be waited for. */
struct queue_outcome {
    sem_t done;
    atomic_int calls_count;
    enum fy_code code;
    size_t accepted;
    struct fy_err err;
};
void queue_outcome_init(struct queue_outcome *outcome);
/* The fy_publish_done_fn; arg is a struct queue_outcome. */
void queue_outcome_done(void *arg, enum fy_code code, size_t accepted, const struct fy_err *err);
void queue_contract_wait(sem_t *semaphore); /* asserts that it comes */
/* Publishes and waits; the answer is publish's or the outcome's. */
enum fy_code queue_publish_wait(struct fy_queue *queue, const struct fy_record *records,
                                size_t count);
/* One record "value" of a key (NULL: none), published and acknowledged; asserts FY_OK. */
void queue_publish_text(struct fy_queue *queue, const char *topic, int32_t partition,
                        const char *key, const char *value);

/* Opens a consumer of one topic and takes its assignment; *event_out may be NULL. */
struct fy_consumer *queue_consumer_open(struct queue_fixture *fixture, const char *group,
                                        const char *topic, struct fy_consumer_event *event_out);
void queue_consumer_close(struct queue_fixture *fixture, struct fy_consumer *consumer);
/* true when the consumer's descriptor becomes readable within wait_ms. */
bool queue_consumer_readable(struct fy_queue *queue, struct fy_consumer *consumer, int wait_ms);
/* Waits for the next event of the consumer, which must be of the kind. */
void queue_consumer_await(struct queue_fixture *fixture, struct fy_consumer *consumer,
                          enum fy_consumer_event_kind kind, struct fy_consumer_event *event);
/* Polls the topic's partitions until count records have come and then no more; asserts FY_OK.
 * Afterwards the descriptor is not readable. visit may be NULL. */
void queue_consumer_read(struct queue_fixture *fixture, struct fy_consumer *consumer,
                         const char *topic, size_t count, fy_record_visit_fn *visit, void *arg);
/* The same where more than count may come: a server still takes in what a dead process had sent. */
void queue_consumer_read_least(struct queue_fixture *fixture, struct fy_consumer *consumer,
                               const char *topic, size_t count, fy_record_visit_fn *visit,
                               void *arg);
/* Polls one partition until count records have come. */
void queue_consumer_read_partition(struct queue_fixture *fixture, struct fy_consumer *consumer,
                                   const char *topic, int32_t partition, size_t count,
                                   fy_record_visit_fn *visit, void *arg);
/* One poll of one partition; how many records came. 0 too when it is not assigned. */
size_t queue_consumer_take(struct fy_queue *queue, struct fy_consumer *consumer, const char *topic,
                           int32_t partition);
/* Records of the topic above the group's offsets. */
size_t queue_lag_sum(struct fy_queue *queue, const char *group, const char *topic);
/* Commits one offset; asserts FY_OK. */
void queue_consumer_commit(struct fy_queue *queue, struct fy_consumer *consumer, const char *topic,
                           int32_t partition, int64_t offset);
/* Start, end, committed of one partition; asserts FY_OK. */
struct fy_partition_lag queue_lag_of(struct fy_queue *queue, const char *group, const char *topic,
                                     int32_t partition);

#endif
