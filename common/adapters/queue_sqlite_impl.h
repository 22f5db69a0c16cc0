/* queue_sqlite_impl.h - what the files of the SQLite queue share; nobody else includes it.
 *
 *   queue_sqlite.c           open, close, topics, lag: the port's table
 *   queue_sqlite_file.c      the file: lock, connections, schema, statements, SQLite's errors
 *   queue_sqlite_load.c      what the file says, brought into memory at open
 *   queue_sqlite_writer.c    the one thread that writes: group commits and checkpoints
 *   queue_sqlite_publish.c   records on their way in
 *   queue_sqlite_consumer.c  groups: reading, committing, waking
 *   queue_sqlite_trim.c      done records on their way out
 *   queue_sqlite_headers.c   headers as bytes
 *
 * Who may touch what: the file is written by the writer thread alone, through one connection that
 * also checkpoints (SQLite up to 3.51.2 can damage a WAL that two connections write or checkpoint
 * at once). Memory follows the file: what is marked "mutex held" is changed by the writer thread
 * alone, after COMMIT and under the mutex; the writer reads it without, everybody else with the
 * mutex. */
#ifndef FY_ADAPTERS_QUEUE_SQLITE_IMPL_H
#define FY_ADAPTERS_QUEUE_SQLITE_IMPL_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "common/adapters/queue_sqlite.h"

/* A row's id is topic, partition and offset in one integer: a partition is one range of the table,
 * and an append needs no second index. */
#define FY_SQLQ_PARTITION_BITS 8
#define FY_SQLQ_OFFSET_BITS    46 /* 22 years of 100,000 records a second in one partition */
#define FY_SQLQ_OFFSET_MAX     (INT64_C(1) << FY_SQLQ_OFFSET_BITS)
#define FY_SQLQ_TOPIC_ID_MAX   (1 << (63 - FY_SQLQ_PARTITION_BITS - FY_SQLQ_OFFSET_BITS))

static_assert(FY_PARTITIONS_MAX <= 1 << FY_SQLQ_PARTITION_BITS, "a partition fits its bits");
static_assert(FY_QUEUE_TOPICS_MAX < FY_SQLQ_TOPIC_ID_MAX, "a topic's id fits its bits");

struct fy_sqlq;
struct fy_sqlq_op;

struct fy_sqlq_partition {
    int64_t first_id; /* row id of offset 0 */
    struct fy_sqlq_topic *topic;
    int32_t index;

    /* Writer thread only: as the transaction in progress has it. */
    int64_t writer_start;
    int64_t writer_end;
    bool dirty;
    struct fy_sqlq_partition *dirty_next;

    /* Mutex held: as the file has it. */
    int64_t start; /* oldest record kept */
    int64_t end;   /* offset the next record will get */
};

/* What a group has committed of a partition. */
struct fy_sqlq_mark {
    int64_t committed; /* see fy_sqlq_committed */
    char *text;        /* kept beside it; NULL: none */
};

/* What one group has done of one topic. From the first opening of a consumer on, its rows in the
 * file keep its undone records from being trimmed. */
struct fy_sqlq_progress {
    struct fy_sqlq_progress *next; /* of the same topic */
    char group[FY_TOPIC_BYTES_MAX + 1];
    struct fy_sqlq_topic *topic;

    /* Mutex held. */
    int32_t epoch;
    struct fy_sqlq_mark marks[]; /* by partition */
};

/* Never removed, so pointers to it stay good until close. One that was found empty when the queue
 * was opened may be free (queue_sqlite_slots.c): it has no name until a new topic takes it. */
struct fy_sqlq_topic {
    int64_t id;        /* its row, and its place in fy_sqlq.topics plus one */
    atomic_bool named; /* name is set for good */
    char name[FY_TOPIC_BYTES_MAX + 1];
    uint32_t partition_count;
    atomic_uint round_robin;           /* for records without key */
    bool grew;                         /* writer thread: since consumers were last woken */
    struct fy_sqlq_progress *progress; /* mutex held */
    struct fy_sqlq_partition partitions[];
};

enum fy_sqlq_statement {
    FY_SQLQ_BEGIN,
    FY_SQLQ_COMMIT,
    FY_SQLQ_ROLLBACK,
    FY_SQLQ_RECORD_ADD,
    FY_SQLQ_RECORDS_REMOVE,
    FY_SQLQ_RECORD_FIND_YOUNG,
    FY_SQLQ_PARTITION_SAVE,
    FY_SQLQ_TOPIC_FIND,
    FY_SQLQ_TOPIC_ADD,
    FY_SQLQ_TOPIC_FIND_FREE,
    FY_SQLQ_TOPIC_NAME,
    FY_SQLQ_PROGRESS_REMOVE,
    FY_SQLQ_PROGRESS_SAVE,
    FY_SQLQ_PAGE_COUNT,
    FY_SQLQ_FREE_COUNT,
    FY_SQLQ_STATEMENT_COUNT
};

struct fy_sqlq_file {
    int lock_fd; /* holds the flock while we live; the kernel lets go of it when we die */
    sqlite3 *db; /* the only connection that writes or checkpoints */
    sqlite3_stmt *statements[FY_SQLQ_STATEMENT_COUNT];
    int64_t page_bytes;
    int wal_pages; /* in the log after the last commit */
};

/* A consumer; its fields belong to the thread that uses it unless said otherwise. */
struct fy_consumer {
    struct fy_sqlq *queue;
    struct fy_consumer *next; /* mutex held */
    char group[FY_TOPIC_BYTES_MAX + 1];
    size_t topic_count;
    struct fy_sqlq_topic *topics[FY_CONSUMER_TOPICS];
    int64_t *positions[FY_CONSUMER_TOPICS]; /* next to give, by partition; mutex held to change */
    int fd;        /* eventfd: readable while records or the assignment may wait */
    bool assigned; /* the ASSIGN event was given */
    bool polling;  /* inside visit */
    int32_t epoch;
    size_t partition_count; /* of the event */
    struct fy_topic_partition *partitions;
    sqlite3 *db; /* read only */
    sqlite3_stmt *read;
};

struct fy_sqlq {
    struct fy_queue port; /* first, so that a struct fy_queue * converts back */

    /* Written once by fy_queue_sqlite_open, then read by any thread. */
    struct fy_clock *clock;
    char *path;
    uint32_t partition_count; /* of new topics */
    int64_t bytes_max;
    int64_t moves_bytes; /* above bytes_max, for records that take the place of others */
    pthread_t writer;

    /* Any thread: the writer appends and releases the count after it. */
    struct fy_sqlq_topic *topics[FY_QUEUE_TOPICS_MAX];
    atomic_size_t topic_count;

    /* Writer thread only. */
    struct fy_sqlq_file file;
    struct fy_sqlq_partition *dirty; /* changed by the transaction in progress */
    int64_t writer_used_bytes;
    int checkpoint_at_pages;
    bool checkpoint_wanted;  /* the disk was full: make the log reusable */
    bool checkpoint_failing; /* logged already */
    bool trim_wanted;        /* nearly full, and the last step of trimming found something */
    size_t company;          /* ops of the last group commit */

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t work;    /* to the writer, on the monotonic clock */
    pthread_cond_t settled; /* to threads that wait for their op */
    struct fy_sqlq_op *first;
    struct fy_sqlq_op **last; /* where the next op is hung */
    size_t waiting_ops;
    size_t waiting_records;
    size_t wake_at_ops;     /* the writer wants to be woken when so many wait */
    size_t pending_records; /* reserved by publishes that are not settled */
    size_t pending_bytes;
    bool stopping;
    bool room_wanted;     /* a publish did not fit: trim, however full the file is */
    int64_t used_bytes;   /* live pages of the file */
    size_t topics_free;   /* of topic_count, with as many partitions as new ones get */
    size_t topics_coming; /* asked for by threads that wait, so that together they keep the bound */
    size_t progress_count;
    size_t progress_coming;
    struct fy_consumer *consumers;
    size_t consumer_count;

    /* Any thread, lag mutex held. */
    pthread_mutex_t lag_mutex;
    sqlite3 *lag_db; /* read only */
    sqlite3_stmt *lag_read;
};

/* Something for the writer thread. It may be applied twice, since a transaction that failed is
 * rolled back and its other half tried again: apply changes the file and the op alone, adopt
 * changes memory. */
struct fy_sqlq_op_kind {
    const char *name; /* in error sentences */
    /* Writer thread, in a transaction. */
    enum fy_code (*apply)(struct fy_sqlq *self, struct fy_sqlq_op *op, struct fy_err *err);
    /* Writer thread, after COMMIT, mutex held. May be NULL. */
    void (*adopt)(struct fy_sqlq *self, struct fy_sqlq_op *op);
    /* Writer thread, no lock: tells the outcome and frees the op. NULL: a thread waits for it in
     * fy_sqlq_writer_run and owns it. Publishes alone have one, and only they may fail for want of
     * space without the others. */
    void (*settle)(struct fy_sqlq_op *op, enum fy_code code, const struct fy_err *err);
};

struct fy_sqlq_op {
    const struct fy_sqlq_op_kind *kind;
    struct fy_sqlq_op *next;
    size_t record_count; /* reserved, given back when settled */
    size_t size_bytes;
    bool settled; /* mutex held; when a thread waits */
    enum fy_code code;
    struct fy_err err;
};

static inline struct fy_sqlq *fy_sqlq_from(struct fy_queue *port)
{
    return FY_CONTAINER_OF(port, struct fy_sqlq, port);
}

/* queue_sqlite_file.c */

/* Takes the lock, opens the writer's connection, makes or checks the schema, prepares. On failure
 * what was opened is still to be closed. Errors: as fy_queue_sqlite_open. */
FY_MUST_CHECK enum fy_code fy_sqlq_file_open(struct fy_sqlq_file *file, const char *path,
                                             int64_t bytes_max, struct fy_err *err);
void fy_sqlq_file_close(struct fy_sqlq_file *file); /* accepts what a failed open left */
/* A read-only connection that never checkpoints, and its statement. On failure both are NULL. */
FY_MUST_CHECK enum fy_code fy_sqlq_reader_open(const char *path, const char *sql, sqlite3 **db,
                                               sqlite3_stmt **statement, struct fy_err *err);
void fy_sqlq_reader_close(sqlite3 **db, sqlite3_stmt **statement);
/* The connection's last failure as ours, with SQLite's text: FY_EFULL, FY_EBUSY or FY_EIO. */
enum fy_code fy_sqlq_failed(sqlite3 *db, const char *doing, struct fy_err *err);
/* Runs a statement without result to its end and resets it. */
FY_MUST_CHECK enum fy_code fy_sqlq_run(struct fy_sqlq_file *file, enum fy_sqlq_statement statement,
                                       const char *doing, struct fy_err *err);
/* Runs a statement that gives one integer or no row; then *found is false and *value left alone. */
FY_MUST_CHECK enum fy_code fy_sqlq_ask(struct fy_sqlq_file *file, enum fy_sqlq_statement statement,
                                       const char *doing, int64_t *value, bool *found,
                                       struct fy_err *err);
/* The statement, ready to be bound. */
sqlite3_stmt *fy_sqlq_statement(struct fy_sqlq_file *file, enum fy_sqlq_statement statement);
/* Binding fails only by our mistake or for want of memory. Borrowed bytes stay until the reset. */
void fy_sqlq_bind_i64(sqlite3_stmt *statement, int index, int64_t value);
void fy_sqlq_bind_text(sqlite3_stmt *statement, int index, const char *text);
void fy_sqlq_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, size_t size_bytes);

/* queue_sqlite_load.c */

/* Brings topics, extents and progress from the file into memory; before the writer starts. */
FY_MUST_CHECK enum fy_code fy_sqlq_load(struct fy_sqlq *self, struct fy_err *err);
#define FY_SQLQ_FREE_MARK '/' /* a topic's name begins with it in the file: its place is free */
/* Takes their names from empty topics in the file, when places run short; only once all is loaded,
 * before the writer starts. true: load again. A failure changes nothing. */
bool fy_sqlq_slots_free(struct fy_sqlq *self);
/* Writer thread, in a transaction: renames a topic in the file. */
FY_MUST_CHECK enum fy_code fy_sqlq_topic_name(struct fy_sqlq *self, int64_t id, const char *name,
                                              struct fy_err *err);
/* Writer thread, mutex held: a free place in memory becomes the topic that the file has there. */
void fy_sqlq_topic_take(struct fy_sqlq *self, int64_t id, const char *name);
/* A topic as the file has it just after its making; not yet in any list. name NULL: a free place.
 */
struct fy_sqlq_topic *fy_sqlq_topic_new(int64_t id, const char *name, uint32_t partition_count);
void fy_sqlq_topic_free(struct fy_sqlq_topic *topic); /* and its progress */
void fy_sqlq_topic_append(struct fy_sqlq *self, struct fy_sqlq_topic *topic);
/* NULL when there is none of that name. Thread: any, no lock. */
struct fy_sqlq_topic *fy_sqlq_topic_find(struct fy_sqlq *self, const char *name);
/* New progress at the start of every partition, hung to its topic. Writer thread, mutex held. */
struct fy_sqlq_progress *fy_sqlq_progress_new(struct fy_sqlq *self, struct fy_sqlq_topic *topic,
                                              const char *group);
/* Mutex held, or writer thread. */
struct fy_sqlq_progress *fy_sqlq_progress_find(const struct fy_sqlq_topic *topic,
                                               const char *group);

/* Next to read of the group. A group that went back may find those records trimmed meanwhile. Mutex
 * held, or writer thread. */
int64_t fy_sqlq_committed(const struct fy_sqlq_progress *progress, uint32_t partition);

/* Sets what the group has committed of a partition; text is copied. Writer thread, mutex held. */
void fy_sqlq_mark(struct fy_sqlq_progress *progress, int32_t partition, int64_t committed,
                  const char *text);

/* queue_sqlite_writer.c */

FY_MUST_CHECK enum fy_code fy_sqlq_writer_start(struct fy_sqlq *self, struct fy_err *err);
/* Commits all that waits, then ends the thread. */
void fy_sqlq_writer_stop(struct fy_sqlq *self);
/* Hands the op over; its kind settles it. Thread: any. */
void fy_sqlq_writer_give(struct fy_sqlq *self, struct fy_sqlq_op *op);
/* Hands the op over and waits for its outcome; the op stays the caller's. Any thread but the
 * writer's. Errors: those of apply and COMMIT; FY_ECANCELLED the queue is closing. */
FY_MUST_CHECK enum fy_code fy_sqlq_writer_run(struct fy_sqlq *self, struct fy_sqlq_op *op,
                                              struct fy_err *err);
/* Marks a partition changed by the transaction in progress. Writer thread. */
void fy_sqlq_writer_touch(struct fy_sqlq *self, struct fy_sqlq_partition *partition);

/* queue_sqlite_publish.c */
enum fy_code fy_sqlq_publish(struct fy_queue *port, const struct fy_record *records, size_t count,
                             fy_publish_done_fn *done, void *arg, struct fy_err *err);

/* Shows how much waits for the writer, in the numbers. Mutex held. */
void fy_sqlq_show_fill(struct fy_sqlq *self);

/* queue_sqlite_consumer.c */
enum fy_code fy_sqlq_consumer_open(struct fy_queue *port, const char *group,
                                   const char *const *topics, size_t topic_count,
                                   struct fy_consumer **consumer, struct fy_err *err);
int fy_sqlq_consumer_fd(struct fy_consumer *self);
enum fy_code fy_sqlq_consumer_event(struct fy_consumer *self, struct fy_consumer_event *event,
                                    struct fy_err *err);
void fy_sqlq_consumer_revoked(struct fy_consumer *self);
enum fy_code fy_sqlq_consumer_poll(struct fy_consumer *self, const char *topic, int32_t partition,
                                   size_t records_max, fy_record_visit_fn *visit, void *arg,
                                   struct fy_err *err);
enum fy_code fy_sqlq_consumer_commit(struct fy_consumer *self,
                                     const struct fy_topic_partition *offsets, size_t count,
                                     struct fy_err *err);
void fy_sqlq_consumer_close(struct fy_consumer *self);
/* Wakes the consumers of topics that grew. Writer thread, mutex held. */
void fy_sqlq_consumers_wake(struct fy_sqlq *self);

/* queue_sqlite_trim.c */
enum fy_code fy_sqlq_trim(struct fy_queue *port, int64_t older_than_ms, struct fy_err *err);

/* One step of trimming. */
struct fy_sqlq_trim_op {
    struct fy_sqlq_op op;
    int64_t older_than_ms; /* INT64_MAX: whatever the age */
    size_t trimmed_count;
};
void fy_sqlq_trim_op_init(struct fy_sqlq_trim_op *trim, int64_t older_than_ms);

/* queue_sqlite_headers.c: name, zero byte, varint of the value's size plus one (0 for a NULL
 * value), value; one after the other, to the end of the blob. */

/* Bytes that packing takes. Errors: FY_EINPUT over FY_HEADERS_MAX headers, or one without a name;
 * FY_ETOOBIG over FY_QUEUE_HEADERS_BYTES_MAX. */
FY_MUST_CHECK enum fy_code fy_sqlq_headers_size(const struct fy_header *headers, size_t count,
                                                size_t *size_bytes, struct fy_err *err);
/* Writes exactly fy_sqlq_headers_size bytes; returns the end. */
uint8_t *fy_sqlq_headers_pack(const struct fy_header *headers, size_t count, uint8_t *out);
/* Headers that borrow texts and values from bytes. false: the bytes are not what pack writes. */
FY_MUST_CHECK bool fy_sqlq_headers_unpack(const void *bytes, size_t size_bytes,
                                          struct fy_header headers[static FY_HEADERS_MAX],
                                          size_t *count);

#endif
