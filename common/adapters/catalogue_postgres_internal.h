/* catalogue_postgres_internal.h - what the files of the PostgreSQL catalogue share; nobody else
 * includes it. */
/*
 * catalogue_postgres.c         open, close, the lease, the pump, the table of the engine
 * catalogue_postgres_write.c   batches: locks, commit, what became of a commit nobody answered
 * catalogue_postgres_ahead.c   answers fetched before somebody asks
 * catalogue_postgres_conn.c    connections, pipelines, time limits, reconnecting
 * catalogue_postgres_fail.c    what the server's error codes mean to us
 * catalogue_postgres_use.c     statements bound, sent, read
 * catalogue_postgres_text.c    statements of this dialect
 * catalogue_postgres_schema.c  tables and migrations
 *
 * Names that leave a file begin with fy_pg_.
 */
#ifndef FY_ADAPTERS_CATALOGUE_POSTGRES_INTERNAL_H
#define FY_ADAPTERS_CATALOGUE_POSTGRES_INTERNAL_H

#include <libpq-fe.h>

#include "common/adapters/catalogue_postgres.h"
#include "common/adapters/catalogue_sql_internal.h"

#define FY_PG_PARAMETERS_MAX 32
#define FY_PG_PENDING_MAX    256 /* statements on their way; their answers fit libpq's buffer */
#define FY_PG_SCAN_ROWS      128 /* an answer of so many rows is held in memory */
#define FY_PG_TEXT_BYTES     4096
#define FY_PG_SECRET_BYTES   1024 /* of a password: what PostgreSQL's own programs take */
#define FY_PG_CONNECT_S      "5"
/* The server gives up first, and says so; beyond our own limit the connection is given up. */
#define FY_PG_LOCK_MS        4000
#define FY_PG_STATEMENT_MS   10000
#define FY_PG_ANSWER_MS      15000
#define FY_PG_IDLE_MS        5000 /* a transaction of ours that says nothing: we are gone */
#define FY_PG_VERSION_MIN    130000
#define FY_PG_REFUSED_MS     2000 /* to find out why a first connection failed */
#define FY_PG_BACKOFF_MIN_MS 50
#define FY_PG_BACKOFF_MAX_MS 2000
#define FY_PG_RESOLVE_MS     8000 /* how long to ask what became of a commit */
#define FY_PG_PUMP_RENEW_MS  1000
#define FY_PG_DELTAS_MAX     64 /* rows of sums, before they are folded into one */
/* Rows of containers' sums folded at once, each second: what a process commits meanwhile, some rows
 * a transaction. */
#define FY_PG_SUMS_FOLDED 10000
/* Whoever waits for what a stopped process has locked renews its own lease in time all the same. */
static_assert(FY_PG_IDLE_MS + FY_PG_LOCK_MS < FY_LEASE_DEAD_MS, "one that stops ends no other");
/* Names, objects and bodies of a batch, each of which may be locked. */
#define FY_PG_LOCKS_MAX (3 * FY_CAT_BATCH_MAX + 1)

/* Statements of this engine alone, after the common ones. */
enum fy_pg_sql {
    FY_PG_SETTINGS = FY_CS_SQL_COUNT, /* of one transaction, behind a pooler */
    FY_PG_LOCK,
    FY_PG_LEASE_MARK,
    FY_PG_LEASE_BATCH,
    FY_PG_LEASES,
    FY_PG_LEASE_EXPIRED,
    FY_PG_LEASE_EXPIRE,
    FY_PG_CLAIMS_FREE,
    FY_PG_OUTBOX_DELETE,
    FY_PG_BODY_IDS,
    FY_PG_PUMP_GET,
    FY_PG_PUMP_TAKE,
    FY_PG_FOLD_COUNTERS,
    FY_PG_FOLD_WAITING,
    FY_PG_FOLD_SUMS,
    FY_PG_SQL_COUNT
};

enum fy_pg_wish {
    FY_PG_NOTHING, /* of a statement whose effect nobody waits for */
    FY_PG_ONE_ROW, /* must change exactly one */
    FY_PG_ANSWER,  /* its answer is waited for */
    FY_PG_AHEAD,   /* its answer is kept until somebody asks */
    FY_PG_PREPARED
};
struct fy_pg_memo; /* of catalogue_postgres_ahead.c */
struct fy_pg_pending {
    uint16_t sql;
    uint8_t wish;  /* enum fy_pg_wish */
    uint32_t slot; /* of what is asked ahead */
};

/* One connection. Where it is not connected, using it connects (a reader) or fails (the writer,
 * within a transaction). */
struct fy_pg_conn {
    struct fy_cs_conn conn; /* first, so that a struct fy_cs_conn * converts back */
    const struct fy_pg *home;
    bool writer;
    PGconn *pg;  /* in pipeline mode; NULL: not connected */
    bool pooled; /* by another backend in each transaction */
    bool prepared[FY_PG_SQL_COUNT];
    bool in_block;       /* a reader's transaction has begun */
    bool block_answered; /* and has had an answer */
    int64_t retry_at_ms; /* of our monotonic clock: not before, after a failure to connect */
    uint32_t backoff_ms;

    /* The statement in use. */
    int sql;   /* -1 none */
    bool sent; /* and its answer, if it was wished for, is here */
    int parameter_count;
    const char *values[FY_PG_PARAMETERS_MAX];
    int sizes[FY_PG_PARAMETERS_MAX];
    int formats[FY_PG_PARAMETERS_MAX];
    Oid types[FY_PG_PARAMETERS_MAX];
    uint64_t numbers[FY_PG_PARAMETERS_MAX]; /* in network order */
    PGresult *answer;
    bool answer_is_kept; /* by memo */
    int row;             /* the one that is read */
    struct fy_pg_memo *memo;
    uint32_t ahead_slot;

    struct fy_pg_pending pending[FY_PG_PENDING_MAX];
    uint32_t pending_count;
};

struct fy_pg_lock {
    int64_t key;
    bool shared;
};

struct fy_pg {
    struct fy_cs cs; /* first */

    /* Written once by open, then read by any thread. */
    char *url;
    char *password_file;               /* "" none */
    char name[32 + FY_SITE_BYTES_MAX]; /* as the server lists us */
    uint32_t reader_count;
    uint32_t dead_ms;

    /* Writing thread, write_mutex held. */
    int64_t batch;      /* number of the transaction, marked in the lease row */
    bool own_all_names; /* the last attempt lacked one */
    struct fy_pg_lock locks[FY_PG_LOCKS_MAX]; /* of the transaction, by key */
    size_t lock_count;
    int64_t renewed_ms; /* monotonic: when the lease was renewed last; 0 never */
    struct {
        int64_t renewed_ms;             /* as its row says */
        int64_t since_ms;               /* monotonic: when it was first seen to */
    } seen[FY_CS_SLOTS];                /* leases, all the while we renewed ours; by slot */
    struct fy_buf arrays[2];            /* reused for array parameters */
    int64_t body_ids[FY_CAT_BATCH_MAX]; /* of bodies to come */
    size_t body_id_count;

    struct fy_pg_conn writer;
    struct fy_pg_conn readers[FY_CS_READERS_MAX];
};

extern const struct fy_cs_engine fy_pg_engine;
extern const char *const fy_pg_texts[FY_CS_SQL_COUNT];

static inline struct fy_pg_conn *fy_pg_conn_from(struct fy_cs_conn *conn)
{
    return FY_CONTAINER_OF(conn, struct fy_pg_conn, conn);
}
static inline struct fy_pg *fy_pg_from(struct fy_cs *cs)
{
    return FY_CONTAINER_OF(cs, struct fy_pg, cs);
}

/* catalogue_postgres_conn.c. Failures are recorded in conn->conn. */
/* Connects, unless it is or tried a moment ago. */
bool fy_pg_connect(struct fy_pg_conn *conn);
/* A connection, or what is left of an attempt; PQfinish. wait: until it is one, or never will be.
 * password: "" none. */
PGconn *fy_pg_open(const struct fy_pg *home, const char *password, bool wait);
/* After a connection failed: whether the server is there and will never let us in with these
 * settings. true: *err says so, as FY_EINPUT. Blocks for FY_PG_REFUSED_MS at most. */
bool fy_pg_refused(const struct fy_pg *home, struct fy_err *err);
/* The password as it is in its file now; "" when file is NULL or "". */
FY_MUST_CHECK enum fy_code
fy_pg_password(const char *file, char password[static FY_PG_SECRET_BYTES], struct fy_err *err);
void fy_pg_disconnect(struct fy_pg_conn *conn);
/* Puts the statement in use on its way; waits when too many are. */
void fy_pg_dispatch(struct fy_pg_conn *conn, enum fy_pg_wish wish);
bool fy_pg_is_planned(int sql); /* each time, with its values */
/* Waits for all that is on its way. false: the connection has failed. */
bool fy_pg_sync(struct fy_pg_conn *conn);
/* Ends a transaction that has failed, or the connection. */
void fy_pg_rollback(struct fy_pg_conn *conn);
int64_t fy_pg_now_ms(void); /* monotonic */

/* catalogue_postgres_fail.c */
/* Records what the server said, or that it is away (result NULL). The first failure counts. */
void fy_pg_fail(struct fy_pg_conn *conn, const PGresult *result);

/* catalogue_postgres_text.c: the statement as the server takes it. */
void fy_pg_text_of(const struct fy_pg_conn *conn, int sql, char text[static FY_PG_TEXT_BYTES]);

/* catalogue_postgres_use.c: the verbs of struct fy_cs_engine. */
void fy_pg_start(struct fy_cs_use *use, enum fy_cs_sql sql);
void fy_pg_text(struct fy_cs_use *use, const char *text);
void fy_pg_blob(struct fy_cs_use *use, const void *bytes, size_t size_bytes);
void fy_pg_i64(struct fy_cs_use *use, int64_t value);
/* An array as PostgreSQL writes it, "{1,2}", of elements of that type's array type. */
void fy_pg_array(struct fy_cs_use *use, const char *text, Oid type);
bool fy_pg_row(struct fy_cs_use *use);
int64_t fy_pg_take_i64(struct fy_cs_use *use);
bool fy_pg_take_null(struct fy_cs_use *use);
const void *fy_pg_take_blob(struct fy_cs_use *use, size_t *size_bytes);
int64_t fy_pg_run(struct fy_cs_use *use);
void fy_pg_send(struct fy_cs_use *use, bool exactly_one);
void fy_pg_end(struct fy_cs_use *use);
struct fy_cs_use fy_pg_use(struct fy_cs_conn *conn, enum fy_pg_sql sql);
#define FY_PG_BOOL_ARRAY ((Oid)1000)
#define FY_PG_I64_ARRAY  ((Oid)1016)

/* catalogue_postgres_ahead.c. take and keep are about the statement in use. */
/* Whether its answer is here already. */
bool fy_pg_memo_take(struct fy_pg_conn *conn);
/* Its answer may be good for whoever asks again, in a reader's snapshot. */
void fy_pg_memo_keep(struct fy_pg_conn *conn);
void fy_pg_memo_answer(struct fy_pg_conn *conn, uint32_t slot, PGresult *answer);
void fy_pg_memo_clear(struct fy_pg_conn *conn);
void fy_pg_memo_free(struct fy_pg_conn *conn);
/* Sends what the operations, or the looks, will read, and waits for it. */
void fy_pg_write_ahead(struct fy_cs *cs, struct fy_cat_op *const *ops, size_t count);
void fy_pg_look_ahead(struct fy_cs *cs, struct fy_cs_conn *reader, struct fy_cat_look *looks,
                      size_t count);

/* catalogue_postgres_write.c */
void fy_pg_write_begin(struct fy_cs *cs, struct fy_cat_op *const *ops, size_t count);
enum fy_code fy_pg_write_end(struct fy_cs *cs, struct fy_err *err);
bool fy_pg_own_name(struct fy_cs *cs, const char *name);
int64_t fy_pg_body_id(struct fy_cs *cs);

/* catalogue_postgres_schema.c. Brings the database to the newest schema. Errors: FY_EINTERNAL it is
 * newer than this program. */
FY_MUST_CHECK enum fy_code fy_pg_schema_migrate(struct fy_pg_conn *writer, struct fy_err *err);
/* What migrate brings it to. */
int64_t fy_pg_schema_version(void);
/* What brings it from the version before to this one; the last is NULL. */
const char *const *fy_pg_schema_statements(int64_t version);

#endif
