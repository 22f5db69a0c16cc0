/* bodies.pml - files, body rows and object rows: does what is READY always have its bytes?
 *
 *   publisher  worker/sync.c and record.c, api/put.c: a file under a name of its own, durable, then one
 *              transaction (fy_cs_body_put, fy_cs_object_ready); a COMMIT that was not heard of is made
 *              again as it is
 *   linker     worker/look.c, sync.c (is_stored), record.c: bytes that are here are not fetched
 *   deleter    a client's delete or an order's: the row lets go of its body (fy_cs_body_let_go)
 *   sweeper    worker/sweep.c over catalogue_sql_sweep.c: loose body rows to `trash`, files after the
 *              grace, then their rows; two, since processes may share a catalogue
 *   orphans    worker/sweep.c: files of a dead boot id that nothing names (fy_cs_blob_orphan)
 *   reader     store_dir.c: reads the row, then opens the file
 *   world      a lease that runs out while its process sleeps, or is killed; a power cut
 *
 * Abstracted: the publishers have the same bytes for keys of their own (with SAME_ORDER both try one
 * order, with OTHER_BYTES their bytes differ). The grace is longer than it takes from
 * a row to its open file. Rows of conflicts hold bodies as objects do, and are not told apart.
 */
#ifndef PUBLISHERS
#define PUBLISHERS 2
#endif
#define KEYS 4
#define LINKED_KEY 3
#ifndef READERS
#define READERS 1
#endif
#ifndef LINKERS
#define LINKERS 1
#endif
#ifndef DELETES
#define DELETES 2
#endif
#ifndef SWEEPERS
#define SWEEPERS 1
#endif
#define IDS 5 /* of body rows; 0: none */
#define HAS(set, i) (((set) >> (i)) & 1)
#define ALONE(i) (1 << (i))

#ifdef SAME_ORDER
#define KEY_OF(b) ((b) == 2)
#else
#define KEY_OF(b) (b)
#endif
#ifdef OTHER_BYTES
#define DIGEST_OF(b) ((b) == 1)
#else
#define DIGEST_OF(b) 0
#endif
#define BOOT_OF(b) ((b) != 0)
#define BOOTS 2

/* A file, an attempt and a publisher have one number. */
byte files, durable;   /* sets of files */
byte blob_of[IDS];     /* body rows: 1 + file; 0: no row */
bit digest_of[IDS];
byte next_id = 1;
byte object[KEYS];     /* object rows: their body's id */
byte stamp[KEYS];      /* 0 no row, 1 published, 2 deleted */
byte loose;            /* set of ids */
byte trash, trash_now; /* sets of files: after the grace, at once */
byte alive = ALONE(BOOTS) - 1; /* leases, of boot ids */
byte running = ALONE(BOOTS) - 1; /* processes */
byte deletes, reading;
bit misheard, power_cut;

/* What must always hold, by name. */
bit ready_has_its_body = true, bytes_are_those_promised = true, a_reader_finds_its_file = true,
    nothing_is_left_behind = true;

inline judge()
{
    d_step {
        for (k : 0 .. KEYS - 1) {
            if
            :: object[k] != 0 ->
                ready_has_its_body =
                    blob_of[object[k]] != 0 && HAS(files, blob_of[object[k]] - 1);
                assert(ready_has_its_body);
                bytes_are_those_promised =
                    digest_of[object[k]] == (k == LINKED_KEY -> 0 : DIGEST_OF(k));
                assert(bytes_are_those_promised)
            :: else
            fi
        }
        k = 0
    }
}

/* id: of the body row with these bytes. */
inline find_body(digest)
{
    id = 1;
    do
    :: id < IDS && (blob_of[id] == 0 || digest_of[id] != digest) -> id++
    :: else -> break
    od;
    if
    :: id == IDS -> id = 0
    :: else
    fi
}

/* named: a body row says so. */
inline look_named(b)
{
    named = false;
    for (k : 1 .. IDS - 1) {
        named = named || blob_of[k] == (b) + 1
    }
    k = 0
}

inline let_go(key)
{
    if
    :: object[key] != 0 -> loose = loose | ALONE(object[key])
    :: else
    fi
}

/* ---- publish */

#ifdef NO_LEASE_CHECK_AT_PUBLISH
#define LEASE_LIVES true
#else
#define LEASE_LIVES HAS(alive, BOOT_OF(me))
#endif

inline put_body()
{
    find_body(DIGEST_OF(me));
    if
    :: id != 0 && blob_of[id] != me + 1 -> /* the newer copy stays: body_move */
        trash = trash | ALONE(blob_of[id] - 1);
        blob_of[id] = me + 1
    :: id != 0 && blob_of[id] == me + 1
    :: id == 0 ->
#ifdef BODY_ID_REUSED
        id = 1;
        do
        :: blob_of[id] != 0 -> id++
        :: else -> break
        od;
#else
        id = next_id;
        next_id++;
#endif
        blob_of[id] = me + 1;
        digest_of[id] = DIGEST_OF(me)
    fi
}

inline discard()
{
#ifdef PUBLISHER_UNLINKS
    files = files & ~ALONE(me);
#else
    look_named(me);
    if
#ifdef DISCARDED_UNASKED
    :: true
#else
    :: !named && !HAS(trash, me)
#endif
        -> trash_now = trash_now | ALONE(me)
    :: else
    fi;
    named = false;
#endif
    judge()
}

inline publish()
{
    if
    :: stamp[KEY_OF(me)] != 0 -> discard()
    :: stamp[KEY_OF(me)] == 0 && !LEASE_LIVES /* refused; its file is an orphan */
    :: stamp[KEY_OF(me)] == 0 && LEASE_LIVES ->
        put_body();
        object[KEY_OF(me)] = id;
        stamp[KEY_OF(me)] = 1;
        judge()
    fi;
    id = 0
}

#define RUNS HAS(running, BOOT_OF(me))

proctype publisher(byte me)
{
    byte id, k;
    bit named;
    if
    :: RUNS -> files = files | ALONE(me)
    :: !RUNS -> goto over
    fi;
#ifndef ROW_BEFORE_BODY
    if
    :: atomic { RUNS -> durable = durable | ALONE(me) }
    :: !RUNS -> goto over
    fi;
#endif
again:
    if
    :: atomic {
        RUNS ->
        if
        :: publish()
        :: !misheard -> /* rolled back, and not heard of */
            misheard = true;
            goto again
        :: !misheard ->
            misheard = true;
            publish();
            goto again
        fi
    }
    :: !RUNS -> goto over
    fi;
#ifdef ROW_BEFORE_BODY
    if
    :: atomic { RUNS -> durable = durable | ALONE(me) }
    :: !RUNS
    fi;
#endif
over:
    skip
}

/* ---- link */

proctype linker()
{
    byte id, k, blob;
    atomic {
        find_body(0);
        if
        :: id == 0 -> goto over
        :: else
        fi;
        blob = blob_of[id] - 1
    }
    if
    :: HAS(files, blob)
    :: else -> goto over /* lost: it is pulled */
    fi;
    atomic {
        if
#ifdef LINKED_UNASKED
        :: true ->
#else
        :: blob_of[id] != 0 ->
#endif
            object[LINKED_KEY] = id;
            stamp[LINKED_KEY] = 1;
            judge()
        :: else /* swept meanwhile: it is pulled */
        fi
    }
over:
    atomic {
        id = 0;
        blob = 0
    }
}

proctype deleter()
{
    byte k;
end:
    do
    :: atomic {
        deletes < DELETES && (object[0] | object[1] | object[2] | object[3]) != 0 ->
        do
        :: k < KEYS - 1 -> k++
        :: break
        od;
        if
        :: object[k] != 0 ->
            let_go(k);
            object[k] = 0;
            stamp[k] = 2;
            deletes++
        :: else
        fi;
        k = 0
    }
    od
}

proctype reader()
{
    byte k, blob;
end:
    atomic {
        object[0] != 0 || deletes > 0 ->
        if
        :: object[0] != 0 ->
            blob = blob_of[object[0]];
            reading++
        :: else
        fi
    }
    atomic {
        if
        :: blob != 0 ->
            a_reader_finds_its_file = HAS(files, blob - 1);
            assert(a_reader_finds_its_file);
            reading--
        :: else
        fi;
        blob = 0
    }
}

/* ---- sweep */

inline look_used(id_)
{
    used = false;
    for (k : 0 .. KEYS - 1) {
        used = used || object[k] == id_
    }
    k = 0
}

#ifdef NO_GRACE
#define DUE (trash | trash_now)
#else
#define DUE (trash_now | (reading == 0 -> trash : 0))
#endif

proctype sweeper()
{
    byte id, k, gone;
    bit used;
end:
    do
    :: atomic {
        loose != 0 ->
        id = 1;
        do
        :: !HAS(loose, id) -> id++
        :: else -> break
        od;
        loose = loose & ~ALONE(id);
        look_used(id);
#ifdef SWEPT_IN_TWO_STEPS
    }
    atomic {
#endif
        if
        :: !used && blob_of[id] != 0 ->
            trash = trash | ALONE(blob_of[id] - 1);
            blob_of[id] = 0
        :: else
        fi;
        id = 0;
        used = false;
        judge()
    }
    :: atomic { DUE != 0 -> gone = DUE }
        atomic {
            files = files & ~gone;
            durable = durable & ~gone;
            judge()
        }
        atomic {
            trash = trash & ~gone;
            trash_now = trash_now & ~gone;
            gone = 0
        }
    od
}

#define NAMED(b)                                                                                   \
    (blob_of[1] == (b) + 1 || blob_of[2] == (b) + 1 || blob_of[3] == (b) + 1 ||                    \
     blob_of[4] == (b) + 1)
#define UNNAMED(b) (HAS(files, b) && !NAMED(b) && !HAS(trash | trash_now, b))
#define DEAD(b) (!HAS(alive, BOOT_OF(b)))
#if defined(SWEPT_OF_LIVE_BOOT)
#define ORPHAN(b) UNNAMED(b)
#define STILL_ORPHAN true
#elif defined(ORPHAN_NAMES_READ_FIRST)
#define ORPHAN(b) UNNAMED(b)
#define STILL_ORPHAN DEAD(orphan)
#else
#define ORPHAN(b) (UNNAMED(b) && DEAD(b)) /* one snapshot */
#define STILL_ORPHAN true
#endif

/* The process of another boot, which has started after these. */
proctype orphans()
{
    byte orphan, k;
end:
    do
    :: atomic {
        ORPHAN(0) || ORPHAN(1) || ORPHAN(2) ->
        if
        :: ORPHAN(0) -> orphan = 0
        :: ORPHAN(1) -> orphan = 1
        :: ORPHAN(2) -> orphan = 2
        fi
    }
        atomic {
            if
            :: STILL_ORPHAN ->
                files = files & ~ALONE(orphan);
                durable = durable & ~ALONE(orphan);
                judge()
            :: else
            fi;
            orphan = 0
        }
    od
}

proctype world()
{
    byte k;
end:
    do
    :: alive != 0 -> /* of one that sleeps, or was killed */
        if
        :: HAS(alive, 0) -> alive = alive & ~1
        :: HAS(alive, 1) -> alive = alive & ~2
        fi
    :: atomic { HAS(running, 0) && !HAS(alive, 0) -> running = running & ~1 }
    :: atomic {
        !power_cut ->
        power_cut = true;
        running = 0;
        files = files & durable;
        judge()
    }
    :: atomic {
        timeout ->
        nothing_is_left_behind = (loose == 0 && (trash | trash_now) == 0);
        for (k : 1 .. IDS - 1) {
            nothing_is_left_behind =
                nothing_is_left_behind &&
                (blob_of[k] == 0 || object[0] == k || object[1] == k || object[2] == k ||
                 object[3] == k)
        }
        for (k : 0 .. PUBLISHERS - 1) {
            nothing_is_left_behind = nothing_is_left_behind && (!HAS(files, k) || NAMED(k))
        }
        assert(nothing_is_left_behind);
        break
    }
    od
}

init
{
    atomic {
        run publisher(0);
        run publisher(1);
        if
        :: PUBLISHERS > 2 -> run publisher(2)
        :: else
        fi;
        if
        :: LINKERS -> run linker()
        :: else
        fi;
        run deleter();
        if
        :: READERS -> run reader()
        :: else
        fi;
        run sweeper();
        if
        :: SWEEPERS > 1 -> run sweeper()
        :: else
        fi;
        run orphans();
        run world()
    }
}
