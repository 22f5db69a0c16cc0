/* queue.h - port: topics with partitions, keys, headers, offsets, consumer groups and lag; Kafka's
 * words. */
/* Adapters: queue_sqlite.c (embedded), queue_kafka.c. Contract: tests/contract/queue_contract.c */
#ifndef FY_PORTS_QUEUE_H
#define FY_PORTS_QUEUE_H

#include <string.h>

#include "common/core/queue_numbers.h"

#define FY_HEADERS_MAX     24    /* headers of a record */
#define FY_CONSUMER_TOPICS 8     /* topics one consumer subscribes to */
#define FY_PUBLISH_MAX     10000 /* records of one publish */
#define FY_RECORD_BYTES_MAX                                                                        \
    (1 << 20) /* key and value of a record: what a Kafka broker takes unless told otherwise */

struct fy_queue;
struct fy_consumer;

struct fy_header {
    const char *name;  /* zero-terminated */
    const void *value; /* borrowed */
    size_t value_bytes;
};

/* A record. All pointers are borrowed: for publish until it returns (the queue copies), for poll
 * until visit returns. */
struct fy_record {
    const char *topic;
    int32_t partition;    /* publish: -1 = by key (murmur2), or by round robin without a key */
    int64_t offset;       /* poll only */
    int64_t timestamp_ms; /* publish: 0 = now */
    /* publish: this record takes the place of one that is in the queue already (a copy for a site,
     * a dead letter). A queue with a limit of its own keeps room for such: full, it must be able to
     * empty itself. */
    bool moves;
    const void *key; /* NULL = no key */
    size_t key_bytes;
    const void *value;
    size_t value_bytes;
    const struct fy_header *headers;
    size_t header_count;
};

/* One call for a whole publish, once every record is durable or has failed: FY_OK only when all are
 * safe. accepted: how many are safe (any of them: resending all is harmless). Runs on a thread of
 * the queue: it must not block, nor call publish. */
typedef void fy_publish_done_fn(void *arg, enum fy_code code, size_t accepted,
                                const struct fy_err *err);

struct fy_topic_partition {
    char topic[FY_TOPIC_BYTES_MAX + 1];
    int32_t partition;
    int64_t offset; /* meaning depends on the call */
    /* Commits only: kept beside the offset, for whoever asks how far behind the group is; up to
     * FY_COMMIT_TEXT_BYTES_MAX of printable ASCII; borrowed; NULL: none. Nobody is given it back
     * with an assignment, so that it is never committed again with another offset. */
    const char *text;
};

enum fy_consumer_event_kind {
    FY_CONSUMER_NONE,
    FY_CONSUMER_ASSIGN, /* the set is now ours, from the committed offset of each (field offset) */
    FY_CONSUMER_REVOKE, /* hand it back: answer at once with fy_consumer_revoked */
    FY_CONSUMER_LOST,   /* it is gone already: no commit; answer the same way */
};
struct fy_consumer_event {
    enum fy_consumer_event_kind kind;
    int32_t epoch; /* counts assignments of this consumer */
    size_t partition_count;
    struct fy_topic_partition *partitions; /* borrowed until the next call on this consumer */
};

/* Called for each record of a poll, in offset order, at most FY_RECORD_BYTES_MAX long: what others
 * have made longer an adapter cuts. false: stop, and give this record again at the
 * next poll (back-pressure). */
typedef bool fy_record_visit_fn(void *arg, const struct fy_record *record);

struct fy_partition_lag {
    char topic[FY_TOPIC_BYTES_MAX + 1];
    int32_t partition;
    int64_t start_offset;     /* oldest kept */
    int64_t end_offset;       /* offset the next record will get */
    int64_t committed_offset; /* next to read of the group; start_offset when none was committed */
    int64_t oldest_ms;        /* timestamp of the record at committed_offset; 0 when lag is 0 */
    const char *text;         /* as the last commit kept it, "" none; whoever wrote that: a hint at
                                 most. Until visit returns */
};
typedef bool fy_lag_visit_fn(void *arg, const struct fy_partition_lag *lag);

struct fy_queue_ops {
    const char *name;
    enum fy_code (*topic_ensure)(struct fy_queue *self, const char *topic, struct fy_err *err);
    enum fy_code (*publish)(struct fy_queue *self, const struct fy_record *records, size_t count,
                            fy_publish_done_fn *done, void *arg, struct fy_err *err);
    enum fy_code (*consumer_open)(struct fy_queue *self, const char *group,
                                  const char *const *topics, size_t topic_count,
                                  struct fy_consumer **consumer, struct fy_err *err);
    int (*consumer_fd)(struct fy_consumer *consumer);
    enum fy_code (*consumer_event)(struct fy_consumer *consumer, struct fy_consumer_event *event,
                                   struct fy_err *err);
    void (*consumer_revoked)(struct fy_consumer *consumer);
    enum fy_code (*consumer_poll)(struct fy_consumer *consumer, const char *topic,
                                  int32_t partition, size_t records_max, fy_record_visit_fn *visit,
                                  void *arg, struct fy_err *err);
    enum fy_code (*consumer_commit)(struct fy_consumer *consumer,
                                    const struct fy_topic_partition *offsets, size_t count,
                                    struct fy_err *err);
    void (*consumer_close)(struct fy_consumer *consumer);
    enum fy_code (*lag)(struct fy_queue *self, const char *group, const char *topic,
                        fy_lag_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*trim)(struct fy_queue *self, int64_t older_than_ms, struct fy_err *err);
    void (*fill)(struct fy_queue *self, int64_t *used_bytes, int64_t *max_bytes);
    enum fy_code (*health)(struct fy_queue *self, struct fy_err *err);
    void (*close)(struct fy_queue *self);
};
struct fy_queue {
    const struct fy_queue_ops *ops;
    struct fy_queue_numbers numbers; /* counted here and by the adapter; zero when it opens */
};

/* Creates the topic with its partitions when absent; existing is FY_OK. A process does so for every
 * topic that it publishes to, before it does. May block. Errors: FY_EBUSY no answer; FY_ENOTFOUND
 * absent, and not to be made here; FY_EINPUT it is kept in a way that loses orders. Thread: any. */
FY_MUST_CHECK static inline enum fy_code
fy_queue_topic_ensure(struct fy_queue *self, const char *topic, struct fy_err *err)
{
    return self->ops->topic_ensure(self, topic, err);
}
/*
 * Publishes 1..FY_PUBLISH_MAX records as one batch; two records of one key keep their order. When
 * the process dies, the embedded queue has all of them or none; Kafka may have some.
 *   FY_OK: done will be called exactly once, with the outcome. Otherwise it is never called.
 * Errors: FY_EFULL the queue is at its limit (nothing was taken); FY_ENOTFOUND no such topic;
 * FY_ETOOBIG a record is over FY_RECORD_BYTES_MAX, or it could never be held, send it in parts;
 * FY_EINPUT no such partition, or headers over FY_HEADERS_MAX; FY_EBUSY; FY_ECANCELLED closing. A
 * full disk is reported through done as FY_EFULL, a failing one as FY_EIO, brokers that do not
 * acknowledge as FY_EBUSY: the records may be there all the same. Thread: any; never blocks.
 */
FY_MUST_CHECK static inline enum fy_code fy_queue_publish(struct fy_queue *self,
                                                          const struct fy_record *records,
                                                          size_t count, fy_publish_done_fn *done,
                                                          void *arg, struct fy_err *err)
{
    FY_ASSERT(count > 0);
    FY_ASSERT(count <= FY_PUBLISH_MAX);
    enum fy_code code = self->ops->publish(self, records, count, done, arg, err);
    if (code != FY_OK)
        atomic_fetch_add_explicit(&self->numbers.publish_errors[code], 1, memory_order_relaxed);
    return code;
}
/* Joins the group; the topics are there. The first event is an ASSIGN. Embedded: one consumer a
 * group and topic (FY_EEXISTS for a second). All other consumer calls belong to one thread, the
 * opener's or the one it hands to. */
FY_MUST_CHECK static inline enum fy_code
fy_consumer_open(struct fy_queue *self, const char *group, const char *const *topics,
                 size_t topic_count, struct fy_consumer **consumer, struct fy_err *err)
{
    FY_ASSERT(*consumer == NULL);
    FY_ASSERT(topic_count >= 1);
    FY_ASSERT(topic_count <= FY_CONSUMER_TOPICS);
    return self->ops->consumer_open(self, group, topics, topic_count, consumer, err);
}
/* A descriptor that polls readable when events or records may wait. It stays readable until poll
 * has found every assigned partition empty (level-triggered on "maybe"); callers epoll it and read
 * nothing from it. The queue clears it inside event and poll. */
static inline int fy_consumer_fd(struct fy_queue *self, struct fy_consumer *consumer)
{
    return self->ops->consumer_fd(consumer);
}
/* The next assignment event, or kind NONE. Must be called at least every 500 ms. Kafka: an ASSIGN
 * waits for the offsets it tells, FY_KAFKA_ASSIGN_MS at most, and is tried again when it fails. */
FY_MUST_CHECK static inline enum fy_code fy_consumer_event(struct fy_queue *self,
                                                           struct fy_consumer *consumer,
                                                           struct fy_consumer_event *event,
                                                           struct fy_err *err)
{
    return self->ops->consumer_event(consumer, event, err);
}
/* Answers a REVOKE or LOST. */
static inline void fy_consumer_revoked(struct fy_queue *self, struct fy_consumer *consumer)
{
    self->ops->consumer_revoked(consumer);
}
/* Gives up to records_max records of one assigned partition, continuing after the last one taken.
 * A partition that is not polled holds nobody else back. Errors: FY_EIO, FY_EBUSY (tried again). */
FY_MUST_CHECK static inline enum fy_code
fy_consumer_poll(struct fy_queue *self, struct fy_consumer *consumer, const char *topic,
                 int32_t partition, size_t records_max, fy_record_visit_fn *visit, void *arg,
                 struct fy_err *err)
{
    return self->ops->consumer_poll(consumer, topic, partition, records_max, visit, arg, err);
}
/* Commits "next to read" offsets for partitions, and what is to be kept beside them in place of
 * what was; durable when it returns FY_OK. One at a time. May
 * block for one group commit (a millisecond or so; FY_KAFKA_COMMIT_MS when the broker is away).
 * Errors: FY_EINPUT not ours; FY_EBUSY, FY_EIO tried again later. */
FY_MUST_CHECK static inline enum fy_code
fy_consumer_commit(struct fy_queue *self, struct fy_consumer *consumer,
                   const struct fy_topic_partition *offsets, size_t count, struct fy_err *err)
{
    for (size_t i = 0; i < count; i++)
        FY_ASSERT(offsets[i].text == NULL || strlen(offsets[i].text) <= FY_COMMIT_TEXT_BYTES_MAX);
    enum fy_code code = self->ops->consumer_commit(consumer, offsets, count, err);
    if (code != FY_OK)
        atomic_fetch_add_explicit(&self->numbers.commit_errors[code], 1, memory_order_relaxed);
    return code;
}
/* Leaves the group; accepts NULL. */
static inline void fy_consumer_close(struct fy_queue *self, struct fy_consumer *consumer)
{
    if (consumer != NULL)
        self->ops->consumer_close(consumer);
}
/* Visits each partition of the topic with the group's position. Thread: any. Errors: FY_ENOTFOUND.
 */
FY_MUST_CHECK static inline enum fy_code fy_queue_lag(struct fy_queue *self, const char *group,
                                                      const char *topic, fy_lag_visit_fn *visit,
                                                      void *arg, struct fy_err *err)
{
    return self->ops->lag(self, group, topic, visit, arg, err);
}
/* Deletes records below every group's committed offset that are older than wall time older_than_ms;
 * never what is undone; a topic no group has committed on is kept whole. Bounded work per call. */
FY_MUST_CHECK static inline enum fy_code fy_queue_trim(struct fy_queue *self, int64_t older_than_ms,
                                                       struct fy_err *err)
{
    return self->ops->trim(self, older_than_ms, err);
}
/* How full it is; max_bytes 0 when the queue has no limit of its own. Near the limit done records
 * are trimmed whatever their age. */
static inline void fy_queue_fill(struct fy_queue *self, int64_t *used_bytes, int64_t *max_bytes)
{
    self->ops->fill(self, used_bytes, max_bytes);
}
/* Whether it takes records and answers questions now, as far as it knows without asking: a moment
 * old at most. Errors: FY_EBUSY no broker answers, or acknowledges, and why; FY_EFORBIDDEN none
 * lets us in. Both may pass by themselves. Thread: any; never blocks. */
FY_MUST_CHECK static inline enum fy_code fy_queue_health(struct fy_queue *self, struct fy_err *err)
{
    return self->ops->health(self, err);
}
/* Ends the queue: every publish has had its done. Consumers are closed before. Accepts NULL. */
static inline void fy_queue_close(struct fy_queue *self)
{
    if (self != NULL)
        self->ops->close(self);
}

#endif
