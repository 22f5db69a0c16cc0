/* engine.h - what the engine's files share; nobody else includes it. */
/*
 * engine.c     open, close, the loop of the engine thread
 * partition.c  assignment, polling, offsets to commit
 * intake.c     records and rows become jobs
 * dispatch.c   lanes, permits; a job's first and last step
 * pause.c      catalogue or disk away
 * job.c        the state table
 * look.c  pull.c  spool.c  sync.c  record.c  failed.c  bury.c   the stages
 * claim.c      due rows of `waiting`
 * ledger.c  lane.c  breaker.c  verdict.c  gate.c  timers.c  site_table.c  running.c   alone
 * engine_metrics.c
 */
#ifndef FY_WORKER_ENGINE_H
#define FY_WORKER_ENGINE_H

#include <stdatomic.h>

#include "worker/gate.h"
#include "worker/ledger.h"
#include "worker/running.h"
#include "worker/site_table.h"
#include "worker/worker.h"

/* ------------------------------------------------------------------ timers: pauses in memory */

struct fy_timers {
    struct fy_job **heap; /* [1..count], least wake_ms first */
    uint32_t count, capacity;
};
void fy_timers_init(struct fy_timers *timers, uint32_t capacity);
void fy_timers_done(struct fy_timers *timers);
void fy_timers_add(struct fy_timers *timers, struct fy_job *job); /* wake_ms is set */
void fy_timers_remove(struct fy_timers *timers, struct fy_job *job);
/* The job that is due, taken out; NULL when none is. */
struct fy_job *fy_timers_take(struct fy_timers *timers, int64_t now_ms);
int64_t fy_timers_next(const struct fy_timers *timers); /* INT64_MAX when empty */

/* ------------------------------------------------------------------ local dependencies */

enum fy_local { FY_LOCAL_CATALOGUE, FY_LOCAL_STORE, FY_LOCAL_COUNT };
struct fy_pause {
    bool on;
    int64_t probe_at_ms;
    int64_t pause_ms;
    int64_t ended_ms;
};

/* ------------------------------------------------------------------ metrics */

/* Where work is: each gauge counts jobs in that stage. The names are read by the crash tests. */
enum fy_stage {
    FY_STAGE_WAIT, /* for its lane and permits */
    FY_STAGE_LOOK,
    FY_STAGE_TRANSFER,
    FY_STAGE_SYNC,
    FY_STAGE_CATALOGUE,
    FY_STAGE_COMMIT, /* done, its offset not yet committed */
    FY_STAGE_COUNT
};
#define FY_STAGE_BUCKETS 8
struct fy_stage_numbers {
    _Atomic int64_t orders; /* gauge */
    _Atomic int64_t buckets[FY_STAGE_BUCKETS];
    _Atomic int64_t sum_ms;
};
void fy_stage_observe(struct fy_stage_numbers *stage, int64_t ms);

struct fy_partition_numbers {
    int32_t partition;
    int64_t base, next, done_end, committed;
    uint32_t incomplete;
};
struct fy_site_numbers {
    char id[FY_SITE_BYTES_MAX + 1];
    enum fy_breaker_state breaker;
    uint32_t inflight;
};
/* What only the engine thread can see, copied for the metrics thread. */
struct fy_engine_snapshot {
    size_t partition_count, site_count;
    int64_t oldest_ms; /* wall; 0: nothing is incomplete */
    int32_t epoch;
    size_t lane_max_depth;
    int64_t rebalances[4]; /* by enum fy_consumer_event_kind */
    int64_t ownerless_ms, ownerless_count;
    struct fy_partition_numbers partitions[FY_PARTITIONS_MAX];
    struct fy_site_numbers sites[FY_SITE_TABLE_MAX];
};

/* ------------------------------------------------------------------ the engine */

struct fy_partition {
    int32_t partition;
    bool ours;
    bool blocked;      /* the last poll was stopped by its window or by memory */
    int64_t committed; /* last offset that was committed */
    bool changed;      /* orders were done since: what is kept beside it is behind */
    struct fy_ledger ledger;
};

struct fy_commit_text {
    char text[FY_COMMIT_TEXT_BYTES_MAX + 1];
};

struct fy_look;
struct fy_claim;

struct fy_engine {
    /* Constant once open. */
    struct fy_node *node;
    struct fy_retry_policy policy;
    uint32_t inflight_max, inflight_site_max;
    int64_t inflight_bytes_max;
    pthread_t thread; /* the opener's, to join it */
    struct fy_look *look;
    struct fy_pool *sync_pool;
    struct fy_pool *spool_pool; /* two threads for each big body */
    struct fy_running *running; /* NULL: without a data folder, or it has no room for the file */

    /* Guard themselves. */
    struct fy_mailbox box;
    struct fy_stage_numbers stages[FY_STAGE_COUNT];
    _Atomic bool stopping;          /* nothing new is taken */
    _Atomic bool cancelling;        /* transfers end at their next step */
    _Atomic int64_t cancel_at_ms;   /* monotonic: when the drain is over */
    pthread_mutex_t snapshot_mutex; /* guards snapshot */
    struct fy_engine_snapshot *snapshot;

    /* Engine thread only, from here on. */
    pthread_t self; /* written by it before any other thread can ask */
    int epoll_fd;
    bool consumer_armed;
    bool cancelled; /* calls were told to end */
    int64_t now_ms; /* monotonic: of this turn */
    int64_t snapshot_ms;
    struct fy_consumer *consumer;
    int64_t rebalances[4];
    int64_t ownerless_since_ms;            /* monotonic: without partitions since; 0: it has them */
    int64_t ownerless_ms, ownerless_count; /* sum of such times that ended, and how many */
    int32_t epoch;
    struct fy_partition *partitions;
    size_t partition_count;
    size_t next_partition; /* where polling begins, so that none starves another */
    uint32_t uncommitted;  /* orders done since the last commit */
    bool commits_stuck;    /* the last one failed */
    int64_t committed_ms;
    struct fy_topic_partition *commit_list; /* partition_count of them, for one commit */
    struct fy_commit_text *commit_texts;    /* beside them: which orders above are done */

    struct fy_lanes lanes;
    struct fy_job *oldest, *youngest; /* all jobs */
    uint32_t job_count;
    uint32_t poison_count;
    size_t poison_bytes;
    uint32_t async_count; /* calls and writes of our own that will send a letter */
    struct fy_job *spare_jobs;
    struct fy_flight *spare_flights;

    struct fy_site *sites;
    size_t site_count;
    struct fy_jobs ready_direct; /* need no source: only the count of orders bounds them */
    struct fy_jobs held;
    struct fy_jobs suspects; /* ready, each to run alone */
    struct fy_job *alone;    /* the one that does; NULL: none */
    int64_t alone_since_ms;  /* monotonic: when it began to, or the first suspect to wait for it */
    uint32_t inflight;
    int64_t inflight_bytes;
    uint32_t inflight_big;
    uint32_t burying;
    struct fy_pause pauses[FY_LOCAL_COUNT];
    struct { /* of the catalogue; on its way while busy, then not ours to touch */
        struct fy_letter letter;
        struct fy_cat_lease_renew renew;
        bool busy;
    } probe;
    struct fy_timers timers;
    struct fy_gate gate;
    struct fy_claim *claim;
    struct fy_buf scratch; /* JSON and headers of dead letters */
    uint32_t random;
};

static inline bool fy_engine_stopping(struct fy_engine *engine)
{
    return atomic_load_explicit(&engine->stopping, memory_order_relaxed);
}
static inline bool fy_engine_cancelling(struct fy_engine *engine)
{
    return atomic_load_explicit(&engine->cancelling, memory_order_relaxed);
}
static inline struct fy_metrics *fy_engine_numbers(struct fy_engine *engine)
{
    return &engine->node->metrics;
}
/* For the engine's mailbox. Thread: any. */
void fy_engine_post(struct fy_engine *engine, struct fy_letter *letter);
bool fy_engine_is_here(struct fy_engine *engine); /* called on the engine thread */
uint32_t fy_engine_random(struct fy_engine *engine);

/* partition.c */
enum fy_code fy_partitions_open(struct fy_engine *engine, struct fy_err *err);
void fy_partitions_close(struct fy_engine *engine);
void fy_partitions_events(struct fy_engine *engine); /* assign, revoke, lost */
/* Takes records while memory allows. true: some partition may have more that it did not take. */
bool fy_partitions_poll(struct fy_engine *engine);
void fy_partitions_commit(struct fy_engine *engine, bool now);
/* The job's offset is done. */
void fy_partitions_finish(struct fy_engine *engine, const struct fy_job *job);
/* Its partition was taken away since the job was made, and nobody has adopted it. */
bool fy_job_in_limbo(const struct fy_job *job);

/* intake.c */
/* A record becomes a job in its lane. false: not now (no memory, no room in the ledger). */
bool fy_intake_record(struct fy_engine *engine, struct fy_partition *partition,
                      const struct fy_record *record);
/* A claimed row of `waiting`. false: no memory for its site. */
bool fy_intake_row(struct fy_engine *engine, const struct fy_waiting_row *row);

/* dispatch.c */
struct fy_job *fy_job_new(struct fy_engine *engine);
void fy_job_free(struct fy_job *job); /* in no lane, without a flight */
bool fy_engine_has_room(const struct fy_engine *engine, bool for_rows);
/* Lets ready jobs go while permits last. */
void fy_dispatch(struct fy_engine *engine);
/* Gives permits and flight back. */
void fy_flight_land(struct fy_job *job);
/* Ends jobs that have not begun; all of them, or those of partitions that are not ours any more. */
void fy_drop_idle(struct fy_engine *engine, bool all);

/* pause.c */
void fy_pause_begin(struct fy_engine *engine, enum fy_local local, const struct fy_failure *why);
void fy_pause_end(struct fy_engine *engine, enum fy_local local);
/* Probes of local dependencies that are due; returns when the next one is, or INT64_MAX. */
int64_t fy_pauses_turn(struct fy_engine *engine);
bool fy_store_is_away(const struct fy_engine *engine); /* no body can be stored just now */
/* The end of a pause proves nothing: readiness stays red until a write has succeeded (wrote), or
 * until so much time has passed without a failure that there seems to be nothing to write. */
void fy_store_trust(struct fy_engine *engine, bool wrote);

/* look.c */
enum fy_code fy_look_open(struct fy_engine *engine, struct fy_look **look, struct fy_err *err);
void fy_look_close(struct fy_look *look); /* accepts NULL */
/* Opens the letter on the look thread, which may block on the catalogue as the engine's must not.
 */
void fy_look_errand(struct fy_engine *engine, struct fy_letter *letter);

/* pull.c */
/* After LOOK, or once the site is known: which transfer comes first. */
void fy_transfer_begin(struct fy_job *job);
/* Asks the job's call to end, if it has one that runs. Thread: engine. */
void fy_transfer_cancel(struct fy_job *job);

/* spool.c: hashes and writes a big body on two threads of the spool pool. */
struct fy_spool *fy_spool_open(struct fy_job *job);
enum fy_peer_flow fy_spool_put(struct fy_spool *spool, const void *bytes, size_t size_bytes);
/* The transfer is over. whole: the body is there; the spool's threads take the job from SYNC on.
 * Otherwise it drops what it has and fails the job. */
void fy_spool_end(struct fy_spool *spool, bool whole);

/* sync.c */
/* The store failed on the job's body: sets its failure. Thread: any that may block. */
void fy_store_failed(struct fy_job *job, const struct fy_err *err);
/* Removes a stored body that no row can name: refused, or never asked for. May block. */
void fy_body_discard(struct fy_engine *engine, const char *blob_ref);
/* Makes the body durable, compares it with the promise, and moves the job on. May block. */
void fy_body_finish(struct fy_job *job, struct fy_writer *writer);

/* claim.c */
enum fy_code fy_claim_open(struct fy_engine *engine, struct fy_claim **claim, struct fy_err *err);
void fy_claim_close(struct fy_claim *claim); /* accepts NULL */
/* Looks for due rows when it is time; returns when the next look is. rung: a person retried. */
int64_t fy_claim_turn(struct fy_engine *engine, bool rung);
void fy_claim_due(struct fy_engine *engine,
                  int64_t due_ms); /* a row was written that is due then */

/* failed.c */
/* The job's way out into `waiting` or DEAD without having been tried. */
void fy_job_shun(struct fy_job *job, const struct fy_failure *failure);
/* Says of a job that it is dead; once each, whoever has decided so. */
void fy_job_log_dead(const struct fy_job *job);

/* engine_metrics.c */
void fy_engine_snapshot_take(struct fy_engine *engine);

#endif
