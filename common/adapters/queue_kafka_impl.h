/* queue_kafka_impl.h - what the files of the Kafka queue share. */
/*   queue_kafka.c            open, close, topics we know: the port's table
 *   queue_kafka_settings.c   properties of the library, and its errors as ours
 *   queue_kafka_log.c        the lines it logs as ours
 *   queue_kafka_producer.c   the producer's life: reports, fatal errors, a new handle
 *   queue_kafka_publish.c    records on their way in
 *   queue_kafka_consumer.c   groups: reading, waking, leaving
 *   queue_kafka_assign.c     groups: what is given and taken back
 *   queue_kafka_gap.c        groups: orders that were gone before they were read
 *   queue_kafka_commit.c     groups: offsets
 *   queue_kafka_control.c    questions to the cluster: metadata, offsets, administration
 *   queue_kafka_topics.c     topics are made, and looked at
 *   queue_kafka_lag.c        where a group stands, of any topic
 *   queue_kafka_trim.c       done records on their way out
 *   queue_kafka_health.c     whether the brokers answer
 *
 * Handles: one producer for all; one for each consumer; one for questions, which joins no group.
 * Library 2.0.2 has defects that decide much here (ENGINE 2): eager `range`, one queue a partition,
 * never pause, explicit commits on a queue of their own, no rd_kafka_poll of a consumer. */
#ifndef FY_ADAPTERS_QUEUE_KAFKA_IMPL_H
#define FY_ADAPTERS_QUEUE_KAFKA_IMPL_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/adapters/queue_kafka.h"

#define FY_KQ_PAUSE_MS 20 /* between two looks at something that is about to come */

static_assert(FY_RECORD_BYTES_MAX + (128 << 10) <= FY_KAFKA_MESSAGE_BYTES,
              "the longest record and its headers fit a message");

/* A topic that this process has ensured. Never removed, so pointers to it stay good until close. */
struct fy_kq_topic {
    char name[FY_TOPIC_BYTES_MAX + 1]; /* ours, without the prefix */
    _Atomic uint32_t partition_count;  /* when it was last ensured */
    atomic_uint round_robin;           /* for records without key */
};

/* The producer's handle, or one that failed fatally and still owes reports. */
struct fy_kq_producer {
    struct fy_kq_producer *next; /* reports thread: of those that are retired */
    rd_kafka_t *rk;
    rd_kafka_queue_t *events;
    atomic_size_t owed;                            /* records without report */
    rd_kafka_topic_t *topics[FY_QUEUE_TOPICS_MAX]; /* beside fy_kafka.topics */
};

struct fy_kq_publish;

/* A line of the library's log that was said. */
struct fy_kq_line {
    uint64_t hash;
    int64_t said_ms;   /* 0: the place is free */
    uint32_t left_out; /* times it came again since */
};

/* When a record stands at an offset never changes. */
struct fy_kq_age {
    uint64_t topic_hash;
    int64_t offset;
    int64_t timestamp_ms;
    int32_t partition;
};

/* What is known of the brokers without asking them. */
struct fy_kq_health {
    bool started;
    pthread_t thread;

    /* Any thread. */
    _Atomic int64_t failed_ms; /* when a publish was last not acknowledged; 0: the last one was */

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
    bool asked;                    /* away is an answer, not an expectation */
    bool answered;                 /* the last time */
    bool lost;                     /* the last connection has gone since */
    bool refused;                  /* a broker does not let us in */
    int64_t answered_ms;           /* when a broker last did; before that: when we began */
    struct fy_err away;            /* FY_OK: a broker answers */
    char cause[FY_ERR_TEXT_BYTES]; /* what the library said last of a connection */
};

struct fy_kafka {
    struct fy_queue port; /* first, so that a struct fy_queue * converts back */

    /* Written once by open, then read by any thread. */
    struct fy_clock *clock;
    char *brokers;
    char prefix[FY_KAFKA_PREFIX_BYTES_MAX + 1];
    uint32_t partition_count;
    uint32_t replication;
    bool manage;
    int64_t accept_retention_ms;
    char told[FY_KAFKA_TOLD_MAX][FY_TOPIC_BYTES_MAX + 1]; /* "" none */
    int64_t told_keep_ms;
    rd_kafka_conf_t *base_conf; /* what every handle's settings begin with */
    size_t records_max;         /* of publishes in flight: FY_KAFKA_FULL_PERCENT of the library's */
    size_t bytes_max;
    int64_t publish_ms; /* after which the library reports every record */
    rd_kafka_t *control;
    pthread_t reports;

    /* Any thread: ensure appends and releases the count after it. */
    struct fy_kq_topic *topics[FY_QUEUE_TOPICS_MAX];
    atomic_size_t topic_count;

    /* Any thread. Publishers hold it to read, whoever changes the handle or its topics to write. */
    pthread_rwlock_t producer_lock;
    struct fy_kq_producer *producer;

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t settled;
    size_t pending_records; /* of publishes that are not settled */
    size_t pending_bytes;
    struct fy_kq_publish *unsent; /* whose last part is for the reports thread to settle */

    struct fy_kq_health health; /* guards itself */

    /* Threads of the library, mutex held. */
    pthread_mutex_t lines_mutex;
    struct fy_kq_line lines[FY_KAFKA_LOG_LINES];

    atomic_bool stopping;           /* the reports thread ends */
    struct fy_kq_producer *retired; /* reports thread only */

    /* Any thread, control mutex held: one question at a time. */
    pthread_mutex_t control_mutex;
    rd_kafka_t *asker;     /* for committed offsets; NULL: not asked yet, or in vain */
    int64_t held_until_ms; /* monotonic of the machine: no broker answered a moment ago */
    struct fy_kq_age ages[FY_KAFKA_AGES_MAX];
};

/* A partition that is ours. */
struct fy_kq_part {
    struct fy_topic_partition id;
    rd_kafka_queue_t *queue;
    bool begun;             /* its first record has come */
    struct fy_record *held; /* a record that visit refused, in a block of its own */
};

struct fy_consumer {
    struct fy_kafka *queue;
    char *group; /* with prefix */
    size_t topic_count;
    char topics[FY_CONSUMER_TOPICS][FY_TOPIC_BYTES_MAX + 1];
    int fd; /* eventfd: readable while events or records may wait */
    rd_kafka_t *rk;
    rd_kafka_queue_t *events;  /* assignments and errors */
    rd_kafka_queue_t *replies; /* to commits */
    bool commit_owed;          /* one is under way whose reply nobody waits for any more */
    bool fatal;                /* the handle is lost: a new one joins */
    bool revoking;             /* a REVOKE or LOST was given and is not answered */
    bool polling;              /* inside visit */
    int32_t epoch;
    rd_kafka_topic_partition_list_t *given; /* whose offsets are still to be asked for */
    size_t part_count;
    struct fy_kq_part *parts;
    size_t next_part;                      /* where the next poll looks first */
    size_t empty_count;                    /* polls in a row that found nothing */
    struct fy_topic_partition *partitions; /* of the last event */
};

static inline struct fy_kafka *fy_kq_from(struct fy_queue *port)
{
    return FY_CONTAINER_OF(port, struct fy_kafka, port);
}

/* queue_kafka.c */

/* The cluster's name of a topic or group of ours. */
void fy_kq_name(const struct fy_kafka *self, const char *name,
                char full[static FY_TOPIC_BYTES_MAX + 1]);
/* NULL: this process has not ensured it. Thread: any, no lock. */
struct fy_kq_topic *fy_kq_topic_find(struct fy_kafka *self, const char *name, size_t *index);
/* Milliseconds of the machine's monotonic clock: the port's clock may stand still in tests. */
int64_t fy_kq_now_ms(void);

/* queue_kafka_settings.c */

/* Settings that all handles share, with what a person gave. Errors: as fy_queue_kafka_open. */
FY_MUST_CHECK enum fy_code fy_kq_conf_base(const struct fy_queue_kafka_settings *settings,
                                           rd_kafka_conf_t **conf, struct fy_err *err);
enum fy_kq_role {
    FY_KQ_PRODUCER,
    FY_KQ_CONSUMER,
    FY_KQ_CONTROL, /* questions */
    FY_KQ_ASKER    /* those for groups' committed offsets */
};
/* A handle of the role. group: of a consumer, else NULL; events: of enum rd_kafka_event_t, to be
 * given as such. Errors: FY_EINPUT the library refuses the settings. */
FY_MUST_CHECK enum fy_code fy_kq_handle_new(struct fy_kafka *self, enum fy_kq_role role,
                                            const char *group, int events, rd_kafka_t **rk,
                                            struct fy_err *err);
/* The library's error as ours: "doing: text". Returns the code. */
enum fy_code fy_kq_failed(struct fy_err *err, rd_kafka_resp_err_t error, const char *detail,
                          const char *doing);

/* queue_kafka_log.c */

/* Called on threads of the library, with the handle's opaque our queue. */
void fy_kq_on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text);
/* Cuts off the end of the library's sentences, in which it counts: "broker: why (after 2ms in state
 * CONNECT, 3 identical error(s) suppressed)". */
void fy_kq_cut_counts(char *text);

/* queue_kafka_producer.c */

FY_MUST_CHECK enum fy_code fy_kq_producer_open(struct fy_kafka *self, struct fy_err *err);
/* Every publish has been answered when it returns. */
void fy_kq_producer_close(struct fy_kafka *self);
/* A topic of fy_kafka.topics may be published to from now on. */
FY_MUST_CHECK enum fy_code fy_kq_producer_topic(struct fy_kafka *self, size_t index,
                                                struct fy_err *err);

/* queue_kafka_publish.c */

enum fy_code fy_kq_publish(struct fy_queue *port, const struct fy_record *records, size_t count,
                           fy_publish_done_fn *done, void *arg, struct fy_err *err);
/* One record's report. Reports thread. */
void fy_kq_reported(struct fy_kq_publish *publish, rd_kafka_resp_err_t error);
/* Settles publishes whose last record never went out. Reports thread. */
void fy_kq_settle_unsent(struct fy_kafka *self);

/* queue_kafka_consumer.c */

enum fy_code fy_kq_consumer_open(struct fy_queue *port, const char *group,
                                 const char *const *topics, size_t topic_count,
                                 struct fy_consumer **consumer, struct fy_err *err);
int fy_kq_consumer_fd(struct fy_consumer *self);
enum fy_code fy_kq_consumer_poll(struct fy_consumer *self, const char *topic, int32_t partition,
                                 size_t records_max, fy_record_visit_fn *visit, void *arg,
                                 struct fy_err *err);
void fy_kq_consumer_close(struct fy_consumer *self);
/* Joins, and leaves, with a handle of its own. */
FY_MUST_CHECK enum fy_code fy_kq_consumer_join(struct fy_consumer *self, struct fy_err *err);
void fy_kq_consumer_leave(struct fy_consumer *self);
/* Makes the descriptor unreadable, unless something waits. */
void fy_kq_consumer_quiet(struct fy_consumer *self);

/* queue_kafka_assign.c */

enum fy_code fy_kq_consumer_event(struct fy_consumer *self, struct fy_consumer_event *event,
                                  struct fy_err *err);
void fy_kq_consumer_revoked(struct fy_consumer *self);
/* Lets go of all partitions. */
void fy_kq_parts_free(struct fy_consumer *self);
/* The port's name of a topic of this consumer's; NULL: none of its. */
const char *fy_kq_consumer_topic(const struct fy_consumer *self, const char *full);

/* queue_kafka_gap.c */

/* Counts and tells that the offsets [wanted, found) are gone. full: the cluster's name. */
void fy_kq_gap(struct fy_consumer *self, const char *full, int32_t partition, int64_t wanted,
               int64_t found);
/* A record has come; of the first of an assignment it is looked whether those before it are gone.
 * Blocks for FY_KAFKA_COMMIT_MS at most, and only if it is not the one that was wanted. */
void fy_kq_gap_first(struct fy_consumer *self, struct fy_kq_part *part, int64_t offset);

/* queue_kafka_commit.c */

enum fy_code fy_kq_consumer_commit(struct fy_consumer *self,
                                   const struct fy_topic_partition *offsets, size_t count,
                                   struct fy_err *err);
/* Offsets under the cluster's names, durable when it returns FY_OK. */
FY_MUST_CHECK enum fy_code fy_kq_commit_list(struct fy_consumer *self,
                                             rd_kafka_topic_partition_list_t *list,
                                             struct fy_err *err);

/* queue_kafka_control.c: any thread; those that say so with the control mutex held. */

/* Milliseconds until a time of fy_kq_now_ms; 0 when it is over. */
int fy_kq_left_ms(int64_t deadline_ms);
/* true, after FY_KQ_PAUSE_MS: a question that failed with this code (FY_EBUSY: a broker is away, or
 * changing its role) is worth asking once more before the deadline. FY_OK is not. */
bool fy_kq_ask_again(enum fy_code code, int64_t deadline_ms);
/* How many partitions the topic has. Errors: FY_ENOTFOUND; FY_EBUSY no broker answers. */
FY_MUST_CHECK enum fy_code fy_kq_ask_partitions(struct fy_kafka *self, const char *full,
                                                int timeout_ms, uint32_t *count,
                                                struct fy_err *err);
/* The same on a given handle, as the library has it; freed with rd_kafka_metadata_destroy. */
FY_MUST_CHECK enum fy_code fy_kq_ask_metadata(rd_kafka_t *rk, const char *full, int timeout_ms,
                                              const struct rd_kafka_metadata **metadata,
                                              struct fy_err *err);
/* A list of all partitions of a topic, each with this offset. */
rd_kafka_topic_partition_list_t *fy_kq_list_new(const char *full, uint32_t partition_count,
                                                int64_t offset);
/* The first failure of a list's partitions, or FY_OK. */
FY_MUST_CHECK enum fy_code fy_kq_list_failed(const rd_kafka_topic_partition_list_t *list,
                                             const char *doing, struct fy_err *err);
/* Offsets by time, in the list itself: where it says RD_KAFKA_OFFSET_BEGINNING or _END, or a
 * timestamp; RD_KAFKA_OFFSET_END where no record is so young. */
FY_MUST_CHECK enum fy_code fy_kq_ask_offsets(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                             int timeout_ms, struct fy_err *err);
/* The list as the group has committed it, with what was kept beside each as zero-terminated text in
 * metadata (NULL: nothing); RD_KAFKA_OFFSET_INVALID where it has not. group: with prefix. */
FY_MUST_CHECK enum fy_code fy_kq_ask_committed(struct fy_kafka *self, const char *group,
                                               rd_kafka_topic_partition_list_t *list,
                                               int timeout_ms, struct fy_err *err);
/* Ends the handle that committed offsets are asked by, and what it is asked; the next question
 * opens another. */
void fy_kq_asker_close(struct fy_kafka *self);
/* Begins and ends a question; FY_EBUSY when no broker answered a moment ago. */
FY_MUST_CHECK enum fy_code fy_kq_control_begin(struct fy_kafka *self, struct fy_err *err);
void fy_kq_control_end(struct fy_kafka *self, enum fy_code code);
/* An administrative call: begun, handed to the library with its options and its queue, and ended.
 */
struct fy_kq_call {
    rd_kafka_queue_t *queue;
    rd_kafka_AdminOptions_t *options;
    int timeout_ms;
    const char *doing; /* for its errors */
    bool answered;     /* set by the end: the library has done with it, well or not */
};
struct fy_kq_call fy_kq_call_begin(rd_kafka_t *rk, rd_kafka_admin_op_t op, int timeout_ms,
                                   const char *doing);
/* Waits for the call's one result and frees what it had. NULL: *err says why. Freed with
 * rd_kafka_event_destroy. */
rd_kafka_event_t *fy_kq_call_end(struct fy_kq_call *call, struct fy_err *err);

/* queue_kafka_topics.c */
/* Whether the topic is for others than us. */
bool fy_kq_is_told(const struct fy_kafka *self, const char *name);
enum fy_code fy_kq_topic_ensure(struct fy_queue *port, const char *topic, struct fy_err *err);

/* queue_kafka_health.c */

FY_MUST_CHECK enum fy_code fy_kq_health_open(struct fy_kafka *self, struct fy_err *err);
void fy_kq_health_close(struct fy_kafka *self); /* before the handle for questions goes */
enum fy_code fy_kq_health(struct fy_queue *port, struct fy_err *err);
/* FY_OK: a broker answers. Waits FY_KAFKA_ADMIN_MS for one. Errors: FY_EBUSY none does;
 * FY_EFORBIDDEN none lets us in, which is told at once. Any thread. */
FY_MUST_CHECK enum fy_code fy_kq_await_answer(struct fy_kafka *self, struct fy_err *err);
/* true: no broker answered when last asked; *err says so, as FY_EBUSY. Any thread. */
bool fy_kq_is_away(struct fy_kafka *self, struct fy_err *err);
/* What the library says of a handle. Any thread. */
void fy_kq_health_error(struct fy_kafka *self, rd_kafka_resp_err_t error, const char *text);
/* A publish has its answer. Any thread. */
void fy_kq_health_published(struct fy_kafka *self, bool acknowledged);

/* queue_kafka_lag.c */
enum fy_code fy_kq_lag(struct fy_queue *port, const char *group, const char *topic,
                       fy_lag_visit_fn *visit, void *arg, struct fy_err *err);

/* queue_kafka_trim.c */
enum fy_code fy_kq_trim(struct fy_queue *port, int64_t older_than_ms, struct fy_err *err);

#endif
