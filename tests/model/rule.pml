/* rule.pml - three sites, one bucket and its objects: do they end equal, whatever arrives when?
 *
 * A site's step is one transaction of its catalogue:
 *   local    catalogue_sql_object.c: checks of core/rule.c, a stamp from core/stamp.c, row and order
 *   deliver  catalogue_sql_apply.c under worker/intake.c (EXPIRED) and worker/pull.c (what the source
 *            answers: the object, a newer stamp, or 404; and the bucket's description)
 *   purge    catalogue_sql_sweep.c, purge_tombstone and purge_container
 *   restart  catalogue_sql.c, stamps_save and catalogue_lease_open
 *
 * Abstracted: between the sites there is no order and no memory. Each order awaits each other site
 * once; until then and ever after it may be delivered, so every shuffling and repeating is there. A
 * transfer may have begun before its source changed, so what is older than the source's row may be
 * applied or settled. A body is its stamp: one change has one body. Buckets do not touch each other,
 * so there is one. An upload is one step. Days are what a tombstone's age is counted in; all sites
 * agree on the day, and within it their clocks are as they like.
 */
#define SITES 3
#ifndef NAMES
#define NAMES 1 /* objects of the bucket */
#endif
#ifndef CHANGES
#define CHANGES 4 /* local operations, of all sites together */
#endif
#ifndef TIMES
#define TIMES CHANGES /* times of stamps: one for each change gives every order of them */
#endif
#ifndef DAYS
#define DAYS 1
#endif
#ifndef RESTARTS
#define RESTARTS 0
#endif
#ifndef TIMES_OF_DAY
#define TIMES_OF_DAY (TIMES + 1)
#endif
#define DAY_OF(stamp) (TIME_OF(stamp) / TIMES_OF_DAY)
#define KEEP 1 /* days, of tombstones */
#include "stamp.pml"

#define BUCKET 0 /* keys: the bucket, then its objects */
#define KEYS (NAMES + 1)
#define STAMPS ((TIMES + 1) * SITES + SITES)

typedef site_rows {
    byte stamp[KEYS]; /* 0: no row */
    bit ready[KEYS];
    byte seen[KEYS]; /* greatest that ever applied: what the properties know and the site need not */
};
site_rows at[SITES];
byte last_time[SITES];

/* Orders, by their stamp. */
byte key_of[STAMPS]; /* 1 + key; 0: no such order */
bit creates[STAMPS];
byte ordered_on[STAMPS]; /* day */
byte awaits[STAMPS];     /* set of sites */

byte today, changes, orders, restarts;
byte under_way; /* orders times sites that they await */
bit refused;    /* a dead letter stands somewhere: a person must look before all are equal */

/* What must always hold, by name. */
bit sites_are_equal = true, nothing_comes_back = true, a_stamp_names_one_change = true,
    a_bucket_shows_with_its_objects = true, applying_writes_no_order = true,
    a_source_has_its_object = true;

inline look_there(s)
{
    there = at[s].ready[BUCKET];
#ifndef BUCKET_BY_REGISTER_ALONE
    for (k : 1 .. NAMES) {
        there = there || at[s].ready[k];
    }
#endif
}

inline look_vacant(s)
{
    vacant = true;
    for (k : 1 .. NAMES) {
        vacant = vacant && !at[s].ready[k];
    }
}

/* When all is quiet all sites are equal, bucket visibility included (each site's bucket is there by
 * its register and its objects, which are equal). And no object is in a bucket that is not there. */
inline judge()
{
    d_step {
        if
        :: under_way == 0 && !refused ->
            for (k : 0 .. NAMES) {
                sites_are_equal =
                    at[0].ready[k] == at[1].ready[k] && at[1].ready[k] == at[2].ready[k] &&
                    (!at[0].ready[k] || (at[0].stamp[k] == at[1].stamp[k] &&
                                         at[1].stamp[k] == at[2].stamp[k]));
                assert(sites_are_equal)
            }
        :: else
        fi;
        look_there(me);
        look_vacant(me);
        a_bucket_shows_with_its_objects = vacant || there;
        assert(a_bucket_shows_with_its_objects);
        k = 0;
        there = 0;
        vacant = 0
    }
}

/* stamp: the least time of this site above now, its last one and the row's. */
inline take_stamp(key)
{
    time = today * TIMES_OF_DAY;
    if
    :: DAYS == 1 ->
        do
        :: time < TIMES -> time++ /* the site's clock is where it likes */
        :: break
        od
    :: else
    fi;
    if
    :: time <= last_time[me] -> time = last_time[me] + 1
    :: else
    fi;
#ifndef STAMP_BELOW_THE_ROW
    if
    :: time <= TIME_OF(at[me].stamp[key]) -> time = TIME_OF(at[me].stamp[key]) + 1
    :: else
    fi;
#endif
    if
    :: time == 0 -> time = 1
    :: else
    fi;
    stamp = STAMP(time, me)
}

inline write_order(key)
{
    d_step {
        key_of[stamp] = key + 1;
        creates[stamp] = create;
        ordered_on[stamp] = today;
        orders++;
        for (k : 0 .. SITES - 1) {
            if
            :: k != me && !(awaits[stamp] & (1 << k)) ->
                awaits[stamp] = awaits[stamp] | (1 << k);
                under_way++
            :: else
            fi
        }
    }
}

inline change(key)
{
    take_stamp(key);
    if
    :: time <= TIMES ->
        a_stamp_names_one_change = (key_of[stamp] == 0);
        assert(a_stamp_names_one_change);
        last_time[me] = time;
        at[me].stamp[key] = stamp;
        at[me].ready[key] = create;
        at[me].seen[key] = stamp;
        write_order(key);
        printf("site %d: stamp %d, key %d, create %d\n", me, stamp, key, create);
        changes++;
        judge()
    :: else /* out of the model's time */
    fi;
    time = 0;
    stamp = 0;
    create = 0
}

inline apply(key)
{
    printf("site %d: applies %d\n", me, stamp);
    nothing_comes_back = stamp > at[me].seen[key]; /* what was overwritten or deleted */
    assert(nothing_comes_back);
    at[me].stamp[key] = stamp;
    at[me].ready[key] = creates[stamp];
    at[me].seen[key] = stamp;
    if
    :: key != BUCKET && creates[stamp] && at[me].stamp[BUCKET] == 0 &&
       at[SITE_OF(stamp)].stamp[BUCKET] != 0 -> /* the source describes the bucket */
        at[me].stamp[BUCKET] = at[SITE_OF(stamp)].stamp[BUCKET];
#ifdef DESCRIBED_AS_PRESENT
        at[me].ready[BUCKET] = true
#else
        at[me].ready[BUCKET] = at[SITE_OF(stamp)].ready[BUCKET]
#endif
    :: else
    fi;
#ifdef APPLY_WRITES_ORDER
    create = creates[stamp];
    write_order(key);
    create = 0
#endif
}

#ifdef BUCKET_TOMBSTONE_OUTRANKS
#define OUTRANKED(key)                                                                             \
    (key != BUCKET && creates[stamp] && !at[me].ready[BUCKET] && at[me].stamp[BUCKET] > stamp)
#else
#define OUTRANKED(key) false
#endif
#ifdef EXPIRED_ORDER_APPLIED
#define EXPIRED false
#elif defined(ORDERED_WHEN_ROUTED) /* a day later than its stamp */
#define EXPIRED (ordered_on[stamp] + 1 + KEEP < today)
#else
#define EXPIRED (ordered_on[stamp] + KEEP < today)
#endif
#ifdef TOMBSTONE_PURGED_EARLY
#define AGED(key) (DAY_OF(at[me].stamp[key]) < today)
#else
#define AGED(key) (DAY_OF(at[me].stamp[key]) + KEEP < today)
#endif

/* What is delivered again and changes nothing is no step. */
#define WORTH_DELIVERING                                                                           \
    (key_of[stamp] != 0 && SITE_OF(stamp) != me &&                                                 \
     ((awaits[stamp] & (1 << me)) || APPLIES(stamp, at[me].stamp[key_of[stamp] - 1])))

inline deliver(key, source)
{
    if
    :: EXPIRED -> refused = true
    :: !EXPIRED && !APPLIES(stamp, at[me].stamp[key]) /* duplicate or superseded */
    :: !EXPIRED && APPLIES(stamp, at[me].stamp[key]) && OUTRANKED(key)
    :: !EXPIRED && APPLIES(stamp, at[me].stamp[key]) && !OUTRANKED(key) ->
        if
        :: key == BUCKET || !creates[stamp] -> apply(key)
        :: key != BUCKET && creates[stamp] && at[source].stamp[key] == 0 ->
            refused = true; /* 404 without a stamp: SRC_NOT_FOUND, */
            a_source_has_its_object = (today > KEEP); /* and only of what was purged */
            assert(a_source_has_its_object)
        :: key != BUCKET && creates[stamp] && at[source].stamp[key] != 0 -> apply(key)
        :: key != BUCKET && creates[stamp] && at[source].stamp[key] > stamp /* settled: newer there */
        fi
    fi;
    if
    :: awaits[stamp] & (1 << me) ->
        awaits[stamp] = awaits[stamp] & ~(1 << me);
        under_way--
    :: else
    fi;
    judge()
}

inline purge(key)
{
    at[me].stamp[key] = 0;
    judge()
}

proctype site(byte me)
{
    byte k, key, stamp, time;
    bit create, there, vacant;
end:
    do
    :: atomic {
        changes < CHANGES ->
        look_there(me);
        look_vacant(me);
        if
        :: !there -> create = true; change(BUCKET)
        :: there && vacant -> change(BUCKET)
        :: there ->
            key = 1;
            do
            :: key < NAMES -> key++
            :: break
            od;
            create = !at[me].ready[key];
            change(key)
        fi;
        key = 0;
        applying_writes_no_order = (orders == changes);
        assert(applying_writes_no_order)
    }
    :: atomic {
        orders > 0 ->
        stamp = 1;
        do
        :: stamp < STAMPS -> stamp++
        :: stamp < STAMPS && WORTH_DELIVERING -> break
        :: stamp == STAMPS -> break
        od;
        if
        :: stamp < STAMPS ->
            key = key_of[stamp] - 1;
            deliver(key, SITE_OF(stamp))
        :: else
        fi;
        key = 0;
        stamp = 0
    }
#ifdef NO_TOMBSTONE
#define MAY_PURGE(key) true
#else
#define MAY_PURGE(key) (AGED(key) && (key != BUCKET || vacant))
#endif
    :: atomic {
        DAYS > 1 ->
        look_vacant(me);
        k = 0;
        do
        :: key < NAMES -> key++
        :: break
        od;
        if
        :: at[me].stamp[key] != 0 && !at[me].ready[key] && MAY_PURGE(key) -> purge(key)
        :: else
        fi;
        key = 0;
        there = 0;
        vacant = 0
    }
    :: atomic {
        restarts < RESTARTS ->
        restarts++;
#ifdef STAMPS_NOT_SAVED
        last_time[me] = 0 /* and the clock may have been set back */
#endif
    }
    od
}

proctype calendar()
{
end:
    do
    :: today < DAYS - 1 -> today++
    od
}

init
{
    atomic {
        run site(0);
        run site(1);
        run site(2);
        if
        :: DAYS > 1 -> run calendar()
        :: else
        fi
    }
}
