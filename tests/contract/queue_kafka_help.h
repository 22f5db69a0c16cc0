/* queue_kafka_help.h - the Kafka queue as a factory of the queue's suite, and brokers for it. */
#ifndef FY_TESTS_CONTRACT_QUEUE_KAFKA_HELP_H
#define FY_TESTS_CONTRACT_QUEUE_KAFKA_HELP_H

#include <librdkafka/rdkafka.h>

#include "tests/contract/queue_contract.h"
#include "tests/support/temp.h"

/* On the broker that all contract programs share: each folder is a prefix of its own. */
extern const struct queue_contract_factory queue_kafka_factory;

/* The shared broker's "host:port"; fails the test when there is none. */
const char *queue_kafka_brokers(void);
/* A queue on these brokers, with properties given ("name=value", ended by NULL). */
enum fy_code queue_kafka_open(const char *brokers, const char *prefix, struct fy_clock *clock,
                              const char *const *properties, struct fy_queue **queue,
                              struct fy_err *err);
/* Properties of members that hear of each other at once, and not up to three seconds later. */
extern const char *const queue_kafka_brisk[];
/* On the suite's fixture: opened, with topic "orders". */
struct queue_fixture *queue_kafka_fixture_new(void);
/* A broker's name of a topic of the fixture's. */
void queue_kafka_name(const struct queue_fixture *fixture, const char *topic,
                      char name[static 128]);

/* A consumer of somebody else's in group "worker" of the fixture, straight from the library; ended
 * with rd_kafka_destroy. */
rd_kafka_t *queue_kafka_foreign(const struct queue_fixture *fixture);

/* Brokers of a test's own, which it may stop and kill. */
struct kafka_cluster {
    char dir[TEMP_BYTES];
    char brokers[256];
};
struct kafka_cluster *kafka_cluster_new(int count); /* asserts that all answer */
void kafka_cluster_free(struct kafka_cluster *cluster);
/* STOP, CONT, KILL or TERM to broker 1 and up. */
void kafka_cluster_signal(struct kafka_cluster *cluster, int broker, const char *name);
void kafka_cluster_restart(struct kafka_cluster *cluster, int broker);

int64_t queue_kafka_now_ms(void); /* monotonic */

#endif
