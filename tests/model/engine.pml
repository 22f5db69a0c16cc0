/* engine.pml - one partition of request-action, two workers: does every order get its outcome?
 *
 *   worker       worker/partition.c (assign, revoke, commit), ledger.c, lane.c, intake.c (adoption),
 *                dispatch.c, pull.c, sync.c, record.c, failed.c, bury.c, claim.c: one process, since
 *                one thread owns all of it and what other threads do is one step each
 *   catalogue    the transactions of catalogue_sql_apply.c and catalogue_sql_waiting.c, one step each
 *   coordinator  the broker's: gives the partition, takes it back (REVOKE), or lets it go to another
 *                while its worker sleeps (LOST)
 *
 * Abstracted: an order's source always has what it promises, or fails as often as FAILURES says; a
 * failure is one that waits or one that is dead. Claims may run out at any moment, so a row may be
 * claimed by both workers at once. Tries in memory and orders that are held while the catalogue is
 * away change nothing that lasts, and are no steps. A commit is refused when the partition is
 * another's. A worker that is killed starts again with nothing.
 */
#define SITES 1
#include "stamp.pml"
#define WORKERS 2
#define ORDERS 3 /* three are named one by one below */
#ifndef REBALANCES
#define REBALANCES 1
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef FAILURES
#define FAILURES 1
#endif
#define KEYS 2
#define NOBODY WORKERS
#define HAS(set, i) (((set) >> (i)) & 1)
#define ALONE(i) (1 << (i))

/* The orders, by their offsets: two of key 0, and what is newer may come first. */
#ifdef NEWER_FIRST
#define STAMP_OF(o) (3 - (o))
#else
#define STAMP_OF(o) ((o) + 1)
#endif
#define KEY_OF(o) ((o) == 1)
#ifdef ALL_CREATES
#define CREATES(o) true
#else
#define CREATES(o) ((o) != 2)
#endif

/* A job's states, of worker/job.c those that differ in what may happen next. */
#define NONE 0
#define QUEUED 1
#define TRANSFER 2
#define RECORD 3 /* its body, if it has one, is durable */
#define BURY 4
#define PARK 5
#define PARK_DEAD 6
#define ENDED 7 /* committed in the catalogue; the engine has not heard of it yet */
#define DROPPED 8 /* of a mutant: judged on another thread than the engine's */

/* Durable. */
byte committed;          /* the group's offset */
byte owner = 0;          /* of the partition, as the coordinator has it */
byte row_stamp[KEYS];    /* of the catalogue */
byte seen_stamp[KEYS];   /* greatest that ever applied */
byte bodies;             /* sets of orders from here on */
byte applied, superseded;
byte waiting, dead;      /* rows of `waiting` */
byte copied;             /* to request-action.dead */
#ifdef CLAIMS_NEVER_END
byte claimed;
#endif

/* Of a worker, and gone when it is killed. */
typedef memory {
    bit ours;
    byte base, next, done; /* the ledger */
    byte job[ORDERS];      /* of records */
    byte limbo;            /* jobs of an older assignment */
    byte row_job[ORDERS];  /* of rows */
};
memory w[WORKERS];
byte rebalances, kills, failures;

/* What must always hold, by name. */
bit no_order_is_lost = true, dead_has_its_copy = true, applied_once = true,
    nothing_comes_back = true, ready_has_its_body = true, everything_has_an_outcome = true,
    superseded_by_a_newer = true, all_is_committed = true;

inline judge()
{
    d_step {
        no_order_is_lost = true;
        for (i : 0 .. ORDERS - 1) {
            no_order_is_lost = no_order_is_lost &&
                               (i >= committed || HAS(applied | superseded | waiting | dead, i))
        }
        i = 0;
        assert(no_order_is_lost);
        dead_has_its_copy = ((dead & ~copied) == 0);
        assert(dead_has_its_copy)
    }
}

/* ---- the ledger */

inline advance(m)
{
    do
    :: m.base < m.next && HAS(m.done, m.base) ->
        m.done = m.done & ~ALONE(m.base);
        m.base++
    :: else -> break
    od
}

#ifdef OLD_COMPLETIONS_IGNORED
#define COUNTS(m, o) (!HAS(m.limbo, o))
#else
#define COUNTS(m, o) true
#endif

/* fy_partitions_finish: a completion counts whatever assignment it began in. */
inline finish(m, o)
{
    if
    :: m.ours && o >= m.base && COUNTS(m, o) ->
        m.done = m.done | ALONE(o);
        advance(m)
    :: else
    fi
}

inline end_job(m, o)
{
    m.job[o] = NONE;
    m.limbo = m.limbo & ~ALONE(o)
}

/* Idle jobs are dropped; what is on its way goes on in limbo. */
inline give_back(m)
{
    m.ours = false;
#ifndef LEDGER_KEPT
    m.base = 0;
    m.next = 0;
    m.done = 0;
#endif
    for (i : 0 .. ORDERS - 1) {
        if
        :: m.job[i] == QUEUED -> end_job(m, i)
        :: m.job[i] != QUEUED && m.job[i] != NONE -> m.limbo = m.limbo | ALONE(i)
        :: else
        fi
    }
    i = 0
}

inline take(m)
{
#ifndef LEDGER_KEPT
    give_back(m);
    m.base = committed;
    m.next = committed;
#else
    if
    :: m.base < committed ->
        m.base = committed;
        m.next = committed
    :: else
    fi;
#endif
    m.ours = true
}

#if defined(COMMIT_HIGHEST_SEEN)
#define TO_COMMIT(m) (m.next)
#elif defined(COMMIT_HIGHEST_DONE)
#define TO_COMMIT(m)                                                                               \
    (HAS(m.done, 2) -> 3 : (HAS(m.done, 1) -> 2 : m.base))
#else
#define TO_COMMIT(m) (m.base)
#endif
#ifdef ZOMBIE_COMMITS
#define MAY_COMMIT(me) true
#else
#define MAY_COMMIT(me) (owner == me)
#endif

inline commit(m)
{
    if
    :: MAY_COMMIT(me) -> committed = TO_COMMIT(m)
    :: else
    fi;
    judge()
}

/* ---- the catalogue's transactions */

#ifdef SUPERSEDES_NEWER
#define STANDS_ASIDE(i, o) (KEY_OF(i) == KEY_OF(o))
#else
#define STANDS_ASIDE(i, o) (KEY_OF(i) == KEY_OF(o) && STAMP_OF(i) <= STAMP_OF(o))
#endif

/* fy_cs_apply: what waits or is dead and is not newer is over with it. */
inline apply(o)
{
    if
    :: APPLIES(STAMP_OF(o), row_stamp[KEY_OF(o)]) ->
        applied_once = !HAS(applied, o);
        assert(applied_once);
        nothing_comes_back = STAMP_OF(o) > seen_stamp[KEY_OF(o)];
        assert(nothing_comes_back);
        ready_has_its_body = !CREATES(o) || HAS(bodies, o);
        assert(ready_has_its_body);
        row_stamp[KEY_OF(o)] = STAMP_OF(o);
        seen_stamp[KEY_OF(o)] = STAMP_OF(o);
        applied = applied | ALONE(o)
    :: else -> superseded = superseded | (ALONE(o) & ~applied) /* of a duplicate APPLIED stays */
    fi;
    for (i : 0 .. ORDERS - 1) {
        if
        :: HAS(waiting | dead, i) && STANDS_ASIDE(i, o) ->
            if
            :: i != o -> superseded = superseded | (ALONE(i) & ~applied)
            :: else
            fi;
            waiting = waiting & ~ALONE(i);
            dead = dead & ~ALONE(i)
        :: else
        fi
    }
    i = 0;
#ifdef NO_TOMBSTONE
    if
    :: !CREATES(o) -> row_stamp[KEY_OF(o)] = 0
    :: else
    fi;
#endif
    judge()
}

#ifdef OLDER_TAKES_THE_ROW
#define OUTRANKS(i, o) false
#else
#define OUTRANKS(i, o) (STAMP_OF(i) > STAMP_OF(o))
#endif

/* fy_cs_wait: overtaken, or of those that wait for a key the newest goes on. */
inline park(o, is_dead, from_row)
{
    if
    :: from_row && !HAS(waiting | dead, o) /* removed meanwhile, and its outcome said so */
    :: else ->
        waiting = waiting & ~ALONE(o);
        dead = dead & ~ALONE(o);
        over = STAMP_OF(o) <= row_stamp[KEY_OF(o)];
        for (i : 0 .. ORDERS - 1) {
            if
            :: !over && !is_dead && HAS(waiting, i) && KEY_OF(i) == KEY_OF(o) ->
                if
                :: OUTRANKS(i, o) -> over = true
                :: else ->
                    waiting = waiting & ~ALONE(i);
                    superseded = superseded | (ALONE(i) & ~applied)
                fi
            :: else
            fi
        }
        i = 0;
        if
        :: over -> superseded = superseded | (ALONE(o) & ~applied)
        :: !over && is_dead -> dead = dead | ALONE(o)
        :: !over && !is_dead -> waiting = waiting | ALONE(o)
        fi;
        over = false
    fi;
    judge()
}

/* ---- a job's steps, the same for records and for rows */

#ifdef ROW_BEFORE_BODY
#define BODY_IS_DURABLE(state) (state == TRANSFER)
#else
#define BODY_IS_DURABLE(state) (state == RECORD)
#endif

/* Of a record nothing of its key stands before it, and nothing of its key is under way here. */
#define LETS_GO(i, o)                                                                              \
    (KEY_OF(i) != KEY_OF(o) || (w[me].job[i] <= QUEUED && w[me].row_job[i] <= QUEUED &&            \
                                (i >= o || w[me].job[i] == NONE)))
#define MAY_START(o) (LETS_GO(0, o) && LETS_GO(1, o) && LETS_GO(2, o))
#define MOVES(state, o)                                                                            \
    (state != NONE && state < ENDED && (state != QUEUED || MAY_START(o)))

inline done_early(o, from_row)
{
    if
    :: !from_row -> finish(w[me], o)
    :: else
    fi
}

inline step(state, o, from_row)
{
    if
    :: state == QUEUED ->
        state = (CREATES(o) -> TRANSFER : RECORD)
    :: state == TRANSFER ->
#ifndef ROW_BEFORE_BODY
        bodies = bodies | ALONE(o);
#endif
        state = RECORD
    :: (state == TRANSFER || state == RECORD) && failures < FAILURES ->
        failures++;
        if
        :: !from_row && HAS(w[me].limbo, o) -> /* it will be delivered again, here or elsewhere */
#ifdef LIMBO_JUDGED_EARLY
            state = DROPPED
#else
            end_job(w[me], o)
#endif
        :: else ->
            if
            :: state = PARK;
#ifdef DONE_BEFORE_WAITING_ROW
                done_early(o, from_row)
#endif
            :: state = BURY
            fi
        fi
    :: state == BURY ->
#ifdef DONE_BEFORE_DEAD_LETTER
        done_early(o, from_row);
#endif
#ifdef DEAD_BEFORE_ITS_COPY
        park(o, true, from_row);
#endif
        state = PARK_DEAD
    :: state == PARK_DEAD && !HAS(copied, o) -> copied = copied | ALONE(o)
    :: state == PARK_DEAD && HAS(copied, o) ->
        park(o, true, from_row);
        state = ENDED
    :: state == PARK ->
        park(o, false, from_row);
        state = ENDED
    :: state == RECORD ->
        apply(o);
        state = ENDED
#ifdef DONE_BEFORE_RECORD
    :: state == RECORD -> done_early(o, from_row)
#endif
    fi
}

#ifdef CLAIMS_NEVER_END
#define MAY_CLAIM(o) (!HAS(claimed, o))
#else
#define MAY_CLAIM(o) true
#endif
#define DUE(o) (HAS(waiting, o) && w[me].row_job[o] == NONE && MAY_CLAIM(o))

proctype worker(byte me)
{
    byte i, o;
    bit over;
end:
    do
    :: atomic { /* a record */
        w[me].ours && w[me].next < ORDERS ->
        o = w[me].next;
        w[me].next++;
        if
        :: HAS(w[me].done, o) -> advance(w[me]) /* it was done before it came again */
        :: !HAS(w[me].done, o) && w[me].job[o] != NONE ->
#ifdef NOT_ADOPTED
            skip /* there is a job for it: taken for a repeat */
#else
            w[me].limbo = w[me].limbo & ~ALONE(o)
#endif
        :: !HAS(w[me].done, o) && w[me].job[o] == NONE -> w[me].job[o] = QUEUED
        fi;
        o = 0
    }
    :: atomic { /* a due row */
        if
        :: DUE(0) -> o = 0
        :: DUE(1) -> o = 1
        :: DUE(2) -> o = 2
        fi;
        w[me].row_job[o] = QUEUED;
#ifdef CLAIMS_NEVER_END
        claimed = claimed | ALONE(o);
#endif
        o = 0
    }
    :: atomic {
        if
        :: MOVES(w[me].job[0], 0) -> o = 0
        :: MOVES(w[me].job[1], 1) -> o = 1
        :: MOVES(w[me].job[2], 2) -> o = 2
        fi;
        step(w[me].job[o], o, false);
        o = 0
    }
    :: atomic {
        if
        :: MOVES(w[me].row_job[0], 0) -> o = 0
        :: MOVES(w[me].row_job[1], 1) -> o = 1
        :: MOVES(w[me].row_job[2], 2) -> o = 2
        fi;
        step(w[me].row_job[o], o, true);
        o = 0
    }
    :: atomic { /* the engine hears what became of a job */
        if
        :: w[me].job[0] >= ENDED -> o = 0
        :: w[me].job[1] >= ENDED -> o = 1
        :: w[me].job[2] >= ENDED -> o = 2
        fi;
        if
        :: w[me].job[o] == ENDED -> finish(w[me], o)
        :: else
        fi;
        end_job(w[me], o);
        o = 0
    }
    :: atomic {
        if
        :: w[me].row_job[0] == ENDED -> o = 0
        :: w[me].row_job[1] == ENDED -> o = 1
        :: w[me].row_job[2] == ENDED -> o = 2
        fi;
        w[me].row_job[o] = NONE;
        o = 0
    }
    :: atomic {
        w[me].ours && TO_COMMIT(w[me]) != committed && MAY_COMMIT(me) ->
        commit(w[me])
    }
    :: atomic { /* REVOKE: answered at once */
        owner == me && rebalances < REBALANCES ->
        rebalances++;
        if
        :: commit(w[me])
        :: true /* it failed */
        fi;
        give_back(w[me]);
        owner = NOBODY
    }
    :: atomic { /* LOST: noticed late */
        w[me].ours && owner != me ->
        give_back(w[me])
    }
    :: atomic {
        owner == NOBODY ->
        owner = me;
        take(w[me])
    }
    :: atomic {
        kills < KILLS ->
        kills++;
        w[me].limbo = 0;
        for (i : 0 .. ORDERS - 1) {
            w[me].job[i] = NONE;
            w[me].row_job[i] = NONE
        }
        give_back(w[me]);
        if
        :: owner == me -> owner = NOBODY
        :: else
        fi
    }
    od
}

proctype world()
{
    byte i, j;
end:
    do
    :: atomic { /* its worker sleeps: the partition goes elsewhere */
        owner != NOBODY && rebalances < REBALANCES ->
        rebalances++;
        owner = NOBODY
    }
    :: atomic {
        timeout ->
        everything_has_an_outcome =
            waiting == 0 && (applied | superseded | dead) == ALONE(ORDERS) - 1;
        assert(everything_has_an_outcome);
        all_is_committed = (committed == ORDERS);
        assert(all_is_committed);
        for (i : 0 .. ORDERS - 1) {
            superseded_by_a_newer = !HAS(superseded, i) || HAS(applied, i);
            for (j : 0 .. ORDERS - 1) {
                superseded_by_a_newer =
                    superseded_by_a_newer || (KEY_OF(i) == KEY_OF(j) && STAMP_OF(j) > STAMP_OF(i) &&
                                              (HAS(applied | dead, j) || HAS(superseded, j)))
            }
            assert(superseded_by_a_newer)
        }
        break
    }
    od
}

init
{
    atomic {
        w[0].ours = true; /* the workers are alike: which is the first makes no difference */
        run worker(0);
        run worker(1);
        run world()
    }
}
