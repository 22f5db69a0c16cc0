/* outbox.pml - from a client's change to the target's queue: is an order ever lost on its way?
 *
 *   client    catalogue_sql_object.c and catalogue_sql_queue.c: the change and its outbox row, one
 *             transaction; ids are given out before transactions commit
 *   pump      worker/pump.c; two, since on PostgreSQL two processes may both believe to be the one
 *   router    worker/router.c over worker/batch.c
 *   sender    worker/sender.c, one for each target: halves what is refused, buries what is refused
 *             alone (worker/deadletter.c), repeats all else
 *   target    api/orders_publish.c of the other site
 *   trouble   a kill of this site's process, of a target's, and topology changed by api/sites.c
 *
 * Abstracted: a topic is one partition, never trimmed (what is trimmed is below the committed offset).
 * A broker keeps what it has acknowledged; what it has not it may keep, too. An order is a number. A
 * target is the set of orders that its queue has durably: repeats are harmless there (rule.pml).
 */
#ifndef ORDERS
#define ORDERS 2
#endif
#ifndef TROUBLES
#define TROUBLES 1
#endif
#ifndef PUMPS
#define PUMPS 1
#endif
#ifndef TARGETS
#define TARGETS 1
#endif
#define BATCH 2
#define ALL ((1 << ORDERS) - 1)
#ifndef RECORDS
#define RECORDS 12 /* of a topic: enough for every repeat that the troubles can cause */
#endif
#ifndef BAD
#define BAD 1 /* the order that target 0 refuses */
#endif

typedef topic {
    byte record[RECORDS];
    byte end;
    byte committed;
};

/* Durable, at the source. */
byte changed;   /* set of orders whose change has been committed */
byte answered;  /* likewise, and those that were rolled back */
byte outbox;    /* set of orders with a row; an order is its row's id */
topic routed;   /* request-replication */
topic outbound[TARGETS];
byte topology = 1;           /* set of targets */
byte must_reach[ORDERS];     /* targets there were when the change was committed */
byte dead[TARGETS];          /* orders with a dead letter */
/* Durable, at the targets. */
byte accepted[TARGETS];

byte life;                 /* of this site's process: a kill changes it */
byte target_life[TARGETS]; /* likewise */
byte troubles;

/* What must always hold, by name. */
bit no_order_is_lost = true, the_outbox_empties = true, everything_arrives = true;

#define HAS(set, i) (((set) >> (i)) & 1)

inline append(topic_, order)
{
    topic_.record[topic_.end] = order;
    topic_.end++
}

/* found: an order is in a topic at or above its committed offset. */
inline seek(topic_, order)
{
    found = false;
    for (i : 0 .. RECORDS - 1) {
        found = found || (i >= topic_.committed && i < topic_.end && topic_.record[i] == order)
    }
}

/* Called whenever something is let go of: each change is held somewhere for each of its targets. */
inline judge()
{
    d_step {
        for (o : 0 .. ORDERS - 1) {
            for (t : 0 .. TARGETS - 1) {
                if
                :: HAS(changed, o) && HAS(must_reach[o], t) && !HAS(outbox, o) &&
                   !HAS(accepted[t], o) && !HAS(dead[t], o) ->
                    seek(routed, o);
                    if
                    :: !found -> seek(outbound[t], o)
                    :: else
                    fi;
                    no_order_is_lost = found;
                    assert(no_order_is_lost)
                :: else
                fi
            }
        }
        i = 0;
        o = 0;
        t = 0;
        found = 0
    }
}

/* Ids are given out before transactions commit: rows may come to be seen in any order. */
proctype client()
{
    byte id, i, o, t;
    bit found;
end:
    do
    :: atomic {
        answered != ALL ->
        do
        :: id < ORDERS - 1 -> id++
        :: break
        od;
        if
        :: HAS(answered, id)
        :: !HAS(answered, id) /* rolled back: no 201 */
        :: !HAS(answered, id) ->
            changed = changed | (1 << id);
            must_reach[id] = topology;
#ifdef ORDER_AFTER_ITS_CHANGE
            if
            :: outbox = outbox | (1 << id)
            :: troubles < TROUBLES -> troubles++ /* killed between two transactions */
            fi;
#else
            outbox = outbox | (1 << id);
#endif
            judge()
        fi;
        answered = answered | (1 << id);
        id = 0
    }
    od
}

#ifdef OUTBOX_CURSOR
#define FROM cursor
#else
#define FROM 0
#endif

/* The lowest rows that can be seen: a later id may be committed before an earlier one. */
inline read_outbox()
{
    d_step {
        rows = 0;
        o = 0;
        count = 0;
        do
        :: o < ORDERS && count < BATCH ->
            if
            :: HAS(outbox, o) && o >= FROM -> rows = rows | (1 << o);
                count++
            :: else
            fi;
            o++
        :: else -> break
        od;
        o = 0;
        count = 0
    }
}

#define KILLED (my_life != life)

proctype pump()
{
    byte my_life, rows, o, i, t, count;
    bit found;
#ifdef OUTBOX_CURSOR
    byte cursor;
#endif
again:
    atomic {
        rows = 0;
        o = 0;
        my_life = life
    }
end:
    outbox >> FROM != 0;
    read_outbox();
#ifdef OUTBOX_DELETED_BEFORE_ACK
    outbox = outbox & ~rows;
#endif
    atomic {
        if
        :: KILLED -> goto again
        :: else
        fi;
        do
        :: o < ORDERS ->
            if
            :: HAS(rows, o) -> append(routed, o)
            :: else
            fi;
            o++
        :: troubles < TROUBLES -> /* not acknowledged, some or all: again */
            troubles++;
            goto again
        :: o == ORDERS -> break
        od;
        o = 0
    }
    atomic {
        if
        :: KILLED
        :: else ->
            outbox = outbox & ~rows;
#ifdef OUTBOX_CURSOR
            o = ORDERS;
            do
            :: o > 0 && !HAS(rows, o - 1) -> o--
            :: else -> break
            od;
            cursor = o;
            o = 0;
#endif
            o = 0;
            judge()
        fi
    }
    goto again
}

proctype router()
{
    byte my_life, at, upto, sites, t, i, o;
    bit found;
#ifdef TOPOLOGY_CACHED
    sites = topology;
#endif
again:
    atomic {
#ifndef TOPOLOGY_CACHED
        sites = 0;
#endif
        my_life = life;
        at = 0;
        upto = 0;
        t = 0
    }
end:
    atomic {
        routed.committed < routed.end ->
        at = routed.committed;
        upto = at + 1;
        do /* what is there when it looks */
        :: upto < routed.end && upto < at + BATCH -> upto++
        :: break
        od;
#ifndef TOPOLOGY_CACHED
        sites = topology
#endif
    }
#ifdef ROUTER_COMMITS_FIRST
    atomic {
        routed.committed = upto;
        judge()
    }
#endif
    atomic {
        if
        :: KILLED -> goto again
        :: else
        fi;
        do
        :: at < upto && t < TARGETS ->
            if
            :: HAS(sites, t) -> append(outbound[t], routed.record[at])
            :: else
            fi;
            t++
        :: at < upto && t == TARGETS ->
            at++;
            t = 0
        :: at < upto && troubles < TROUBLES -> /* some copies, and no acknowledgement */
            troubles++;
            goto again
        :: at == upto -> break
        od
    }
    atomic {
        if
        :: KILLED
        :: else ->
            routed.committed = upto;
            t = 0;
            judge()
        fi
    }
    goto again
}

/* One request: answer is 201, 400 or nothing. Whole or not at all: it is checked before anything is
 * published, and published as one batch. */
inline post(first, last)
{
    atomic {
        answer = 0;
        their_life = target_life[me];
        bad = false;
        for (i : first .. last - 1) {
            bad = bad || (me == 0 && outbound[me].record[i] == BAD)
        }
        i = 0;
        wanted = 0;
        for (i : first .. last - 1) {
            wanted = wanted | (1 << outbound[me].record[i])
        }
        i = 0
    }
    if
    :: bad -> answer = 4
    :: !bad ->
#ifdef ANSWERED_BEFORE_DURABLE
        answer = 2; /* 201 */
        if
        :: their_life == target_life[me] -> accepted[me] = accepted[me] | wanted
        :: their_life != target_life[me]
        fi
#else
        atomic {
            if
            :: their_life == target_life[me] ->
                accepted[me] = accepted[me] | wanted;
                answer = 2
            :: their_life != target_life[me] /* killed before */
            fi
        }
        if
        :: true
        :: answer == 2 && their_life != target_life[me] -> answer = 0 /* killed before it answered */
        :: answer == 2 && troubles < TROUBLES -> /* or the answer was lost */
            troubles++;
            answer = 0
        fi
#endif
    fi;
    atomic {
        wanted = 0;
        bad = 0;
        their_life = 0
    }
}

inline bury(at_)
{
#ifdef DONE_BEFORE_DEAD_LETTER
    atomic {
        outbound[me].committed = at_ + 1;
        judge()
    }
#endif
    dead[me] = dead[me] | (1 << outbound[me].record[at_])
}

proctype sender(byte me)
{
    byte my_life, first, last, upto, answer, their_life, wanted, i, o, t;
    bit bad, found;
again:
    atomic {
        my_life = life;
        first = 0;
        last = 0;
        upto = 0;
        answer = 0
    }
end:
    atomic {
        outbound[me].committed < outbound[me].end ->
        first = outbound[me].committed;
        upto = first + 1;
        do
        :: upto < outbound[me].end && upto < first + BATCH -> upto++
        :: break
        od;
        last = upto
    }
#ifdef SENDER_COMMITS_FIRST
    atomic {
        outbound[me].committed = upto;
        judge()
    }
#endif
    do
    :: first == upto -> break
    :: first < upto ->
        post(first, last);
        if
        :: KILLED -> goto again
        :: !KILLED && answer == 0 -> goto again /* repeated for ever */
        :: !KILLED && answer == 2 ->
            first = last;
            last = upto
        :: !KILLED && answer == 4 && last == first + 1 ->
            bury(first);
            first = last;
            last = upto
        :: !KILLED && answer == 4 && last > first + 1 -> last = first + 1 /* halved */
        fi
    od;
    atomic {
        if
        :: KILLED
        :: else ->
            outbound[me].committed = upto;
            judge()
        fi
    }
    goto again
}

proctype world()
{
    byte i, o, t;
    bit found;
end:
    do
    :: atomic {
        troubles < TROUBLES ->
        troubles++;
        life = 1 - life; /* two in a row look like none: there are steps between any two */
        judge()
    }
    :: atomic {
        troubles < TROUBLES ->
        troubles++;
        target_life[0] = 1 - target_life[0];
        judge()
    }
    :: TARGETS > 1 && topology == 1 -> topology = 3 /* a site is added */
    :: atomic {
        timeout ->
        the_outbox_empties = (outbox == 0);
        assert(the_outbox_empties);
        for (o : 0 .. ORDERS - 1) {
            for (t : 0 .. TARGETS - 1) {
                everything_arrives = !HAS(changed, o) || !HAS(must_reach[o], t) ||
                                     HAS(accepted[t] | dead[t], o);
                assert(everything_arrives)
            }
        }
        break
    }
    od
}

init
{
    atomic {
        run client();
        run pump();
        if
        :: PUMPS > 1 -> run pump()
        :: else
        fi;
        run router();
        run sender(0);
        if
        :: TARGETS > 1 -> run sender(1)
        :: else
        fi;
        run world()
    }
}
