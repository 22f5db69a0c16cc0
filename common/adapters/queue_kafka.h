/* queue_kafka.h - the queue port over Kafka (librdkafka). */
#ifndef FY_ADAPTERS_QUEUE_KAFKA_H
#define FY_ADAPTERS_QUEUE_KAFKA_H

#include "common/core/clock.h"
#include "common/core/config.h"
#include "common/ports/queue.h"

struct fy_queue_kafka_settings {
    const char *brokers;      /* "host:port,host:port" */
    const char *prefix;       /* before every topic and group, so that sites share a cluster; "" */
    const char *client_id;    /* shown in the brokers' logs and quotas */
    struct fy_clock *clock;   /* borrowed; outlives the queue */
    uint32_t partition_count; /* of topics made from now on */
    uint32_t replication;     /* of topics made from now on; 0: the cluster's default */
    bool manage;              /* false: topics are neither made nor trimmed here */
    int64_t accept_retention_ms; /* finite retention of at least so long is put up with; 0: none */
    /* "name=value", any property of the library; "name_file=path" takes the value from a file, and
     * is the only way to give a secret. */
    const char *const *properties;
    size_t property_count;
    /* Topics that are for others than us: kept for so long, and never trimmed; up to
     * FY_KAFKA_TOLD_MAX. */
    const char *const *told_topics;
    size_t told_count;
    int64_t told_keep_ms;
};

/*
 * Opens the queue; no broker need answer yet. A process ensures the topics that it publishes to:
 * that also makes the first record as fast as the next.
 *   settings  borrowed for the call, but for the clock
 * Errors: FY_EINPUT the prefix or a property is wrong, or one that Ferry's promises rest on; FY_EIO
 * a secret's file cannot be read; FY_EINTERNAL no memory or threads.
 */
FY_MUST_CHECK enum fy_code fy_queue_kafka_open(const struct fy_queue_kafka_settings *settings,
                                               struct fy_queue **queue, struct fy_err *err);
/* Whether these settings would do, as far as can be said without asking anybody. Errors: FY_EINPUT,
 * FY_EIO as above. */
FY_MUST_CHECK enum fy_code fy_queue_kafka_check(const struct fy_queue_kafka_settings *settings,
                                                struct fy_err *err);

/* How a topic stands in the cluster, for `ferry topics` and `ferry doctor`. */
struct fy_kafka_topic_state {
    bool exists;
    uint32_t partition_count;
    uint32_t replication;    /* least of its partitions */
    int64_t min_insync;      /* -1: may not be asked */
    int64_t retention_ms;    /* -1: kept until trimmed; INT64_MIN: may not be asked */
    int64_t retention_bytes; /* -1: no limit; INT64_MIN: may not be asked */
};
/* Asks the cluster. queue: from fy_queue_kafka_open. Blocks for FY_KAFKA_ADMIN_MS at most. Thread:
 * any. Errors: FY_EBUSY no broker answers; FY_EFORBIDDEN. */
FY_MUST_CHECK enum fy_code fy_queue_kafka_topic_state(struct fy_queue *queue, const char *topic,
                                                      struct fy_kafka_topic_state *state,
                                                      struct fy_err *err);
/* The kafka-topics command that makes the topic as topic_ensure would. */
void fy_queue_kafka_topic_command(struct fy_queue *queue, const char *topic,
                                  struct fy_buf *command);

#endif
