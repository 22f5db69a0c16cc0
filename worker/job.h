/* job.h - one order on its way through the engine: its states, and what it holds on each leg. */
/*
 * A job belongs to one thread at a time: the engine's while it is QUEUED, PAUSED, HELD, BURY or
 * FAILED, else the stage's that has it (look, a loop of the peer, the pools, the catalogue).
 * fy_job_become hands it on; a state that the engine must enter goes through its mailbox. Every
 * step may run twice, since orders are delivered at least once: nothing becomes real but by the
 * guarded write of RECORD.
 */
#ifndef FY_WORKER_JOB_H
#define FY_WORKER_JOB_H

#include "common/core/buf.h"
#include "common/runtime/mailbox.h"
#include "common/runtime/pool.h"
#include "worker/lane.h"
#include "worker/verdict.h"

struct fy_engine;
struct fy_site;
struct fy_spool;

/* What other threads put into the engine's mailbox. */
struct fy_letter {
    struct fy_mail mail; /* first, so that a struct fy_mail * converts back */
    void (*open)(struct fy_engine *engine, struct fy_letter *letter); /* on the engine thread */
};

enum fy_job_state {
    FY_JOB_BORN,     /* read, in no lane yet */
    FY_JOB_QUEUED,   /* in its lane; at its head: ready, until permits let it go */
    FY_JOB_LOOK,     /* asking the catalogue: still needed? allowed? are the bytes here? */
    FY_JOB_PROBE,    /* until it is known whether the source is a Ferry or a CCS */
    FY_JOB_DESCRIBE, /* fetching the description of a container we do not know */
    FY_JOB_FACTS,    /* fetching the headers of an object whose bytes are here */
    FY_JOB_PULL,     /* fetching the bytes */
    FY_JOB_SYNC,     /* making them durable, or looking whether those to be linked are there */
    FY_JOB_RECORD,   /* in the catalogue's hands: the order's effect and outcome */
    FY_JOB_FAILED,   /* deciding what comes next */
    FY_JOB_PAUSED,   /* between two tries in memory, without permits */
    FY_JOB_HELD,     /* the catalogue is away: keeps its permits and its stored body */
    FY_JOB_BURY,     /* its copy is on the way to request-action.dead */
    FY_JOB_PARK,     /* in the catalogue's hands: a row in `waiting`, or DEAD */
    FY_JOB_ENDED,
    FY_JOB_STATE_COUNT
};
const char *fy_job_state_name(enum fy_job_state state);

/* What dispatch does with a job once it may go. */
enum fy_job_plan {
    FY_PLAN_TRANSFER, /* LOOK and on */
    FY_PLAN_RECORD,   /* RECORD at once: no bytes are needed */
    FY_PLAN_PARK,     /* write its row in `waiting` */
};

/* The write that ends a job, or moves it to `waiting`; which one is told by op.kind. */
union fy_job_write {
    struct fy_cat_op op;
    struct fy_cat_apply apply;
    struct fy_cat_settle settle;
    struct fy_cat_wait wait;
};

/* What a job holds while it has permits; large, so there are as many as permits. */
struct fy_flight {
    struct fy_job *job;
    struct fy_flight *next_spare;
    int64_t permit_bytes;

    /* Guards call_live: cancel and resume may come from other threads than the call's loop. */
    pthread_mutex_t mutex;
    bool call_live;
    struct fy_peer_call call;

    struct fy_cat_look look;
    struct fy_promise promise; /* the order's own, completed from the source's headers */
    struct fy_failure failure;
    enum fy_job_state failed_in;
    bool asked;       /* the source was asked: the outcome counts for its breaker */
    bool refused;     /* the answer's head ended it: failure or superseded says how */
    bool superseded;  /* by the source's own stamp */
    bool link;        /* the bytes are here: only facts travel */
    bool unconfirmed; /* facts did not prove the bytes, or the body is gone: pull */
    bool described;   /* DESCRIBE has been done */
    bool too_big;     /* it does not fit the store, though others do */
    uint32_t resumes;
    uint32_t running;             /* its slot among the running orders; 0 none */
    int64_t received;             /* bytes of the body so far */
    int64_t dropped;              /* bytes of refusals, read for the connection's sake */
    struct fy_stamp source_stamp; /* zero: none given */
    struct fy_stamp taken_stamp;  /* of the change it copies; zero: the order's own counts */
    struct fy_writer *writer;     /* small bodies: on the loop, then the sync pool */
    struct fy_spool *spool;       /* big bodies */
    struct fy_task task;
    struct fy_buf description;
    union fy_job_write write;
};

/* A record that could not be read, byte for byte. */
struct fy_poison {
    size_t key_bytes, value_bytes;
    uint8_t bytes[]; /* key, then value */
};

struct fy_job {
    struct fy_letter letter; /* first */
    struct fy_lane_node lane_node;
    struct fy_job *older, *younger; /* all jobs, by arrival */
    struct fy_job *next; /* of whatever list it stands in: ready, look, probe, held, spare */
    struct fy_engine *engine;
    struct fy_site *site;       /* of plan TRANSFER; NULL else */
    struct fy_flight *flight;   /* NULL without permits */
    struct fy_trouble *trouble; /* NULL: nothing failed so far */
    struct fy_poison *poison;   /* NULL: a good record */
    enum fy_job_state state;
    enum fy_job_state next_state; /* while it is in the engine's mailbox */
    enum fy_job_plan plan;
    bool home; /* the engine's thread has it, so that this thread may look at its state */
    bool big;
    bool dropped;        /* by a revoke or the end: it ends without having done its order */
    bool dead;           /* plan PARK: DEAD, not waiting */
    bool front;          /* it had permits and lost them by our fault: first in line again */
    bool suspect;        /* the process has died too often while it ran: it runs alone */
    enum fy_code buried; /* how its publish ended */
    uint32_t heap_index; /* in the timers; 0 not there */
    int64_t wake_ms;     /* monotonic */
    int64_t due_ms;      /* wall: plan PARK */
    int32_t partition;   /* -1: from a row of `waiting` */
    int32_t epoch;
    int64_t offset;
    int64_t timestamp_ms; /* of its record, or its row's first failure */
    int64_t waiting_id;   /* 0: none */
    int64_t since_ms;     /* monotonic: when it entered its state */
    uint64_t lane_hash;
    uint64_t identity; /* among the running orders, over restarts */
    struct fy_order order;
};

/* Moves the job to its next state and enters it; on the engine's mailbox when the state is the
 * engine's and this is another thread. The caller does not touch the job any more. Thread: the
 * job's. */
void fy_job_become(struct fy_job *job, enum fy_job_state state);
/* flight->failure is set: remembers where, and becomes FAILED. */
void fy_job_fail(struct fy_job *job);
/* Whether the order's bytes must come from its source. */
static inline bool fy_job_has_body(const struct fy_job *job)
{
    return job->order.action == FY_ACTION_CREATE && job->order.object[0] != '\0';
}
/* What its body counts in the permits: a big one no more than its ring. */
static inline int64_t fy_job_bytes(const struct fy_job *job)
{
    if (job->big)
        return FY_SPOOL_BYTES;
    return job->order.size > 0 ? job->order.size : FY_CHUNK_BYTES;
}

/* The entries of the state table, one per state, each in the file of its stage. */
void fy_enter_queued(struct fy_job *job);   /* dispatch.c */
void fy_enter_look(struct fy_job *job);     /* look.c */
void fy_enter_probe(struct fy_job *job);    /* site_table.c */
void fy_enter_describe(struct fy_job *job); /* pull.c */
void fy_enter_facts(struct fy_job *job);    /* pull.c */
void fy_enter_pull(struct fy_job *job);     /* pull.c */
void fy_enter_sync(struct fy_job *job);     /* sync.c */
void fy_enter_record(struct fy_job *job);   /* record.c */
void fy_enter_failed(struct fy_job *job);   /* failed.c */
void fy_enter_paused(struct fy_job *job);   /* failed.c */
void fy_enter_held(struct fy_job *job);     /* failed.c */
void fy_enter_bury(struct fy_job *job);     /* bury.c */
void fy_enter_park(struct fy_job *job);     /* record.c */
void fy_enter_ended(struct fy_job *job);    /* dispatch.c */

#endif
