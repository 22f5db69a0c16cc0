/* catalogue_op.h - the writes of the catalogue port: one struct each. */
/*
 * Writes are operations (struct fy_cat_op) that the process's one catalogue thread hands over in
 * batches: fy_catalogue_write (catalogue.h) runs them in order as ONE transaction, so hundreds
 * share a commit. An operation that is refused (a code in op->code) has changed nothing and does
 * not disturb its neighbours.
 */
#ifndef FY_PORTS_CATALOGUE_OP_H
#define FY_PORTS_CATALOGUE_OP_H

#include "common/ports/catalogue_row.h"

enum fy_cat_kind {
    FY_CAT_BUCKET_CREATE,
    FY_CAT_BUCKET_DELETE,
    FY_CAT_UPLOAD_BEGIN,
    FY_CAT_UPLOAD_FINISH,
    FY_CAT_UPLOAD_FAIL,
    FY_CAT_OBJECT_DELETE,
    FY_CAT_UNDELETE,
    FY_CAT_APPLY,
    FY_CAT_WAIT,
    FY_CAT_WAIT_CLAIM,
    FY_CAT_WAIT_EDIT,
    FY_CAT_SETTLE,
    FY_CAT_CONFLICT_DROP,
    FY_CAT_OUTBOX_DONE,
    FY_CAT_EVENTS_DONE,
    FY_CAT_EVENTS_TRIM,
    FY_CAT_STATES_TELL,
    FY_CAT_SITE,
    FY_CAT_TARGETS,
    FY_CAT_RIGHT,
    FY_CAT_BACKFILL,
    FY_CAT_LEASE_RENEW,
    FY_CAT_SWEEP,
    FY_CAT_TRASH_DONE,
    FY_CAT_PURGE,
    FY_CAT_SCAN,
    FY_CAT_DAMAGE,
    FY_CAT_MEND,
    FY_CAT_JOURNAL_DONE,
    FY_CAT_RESTORE,
    FY_CAT_FORGET,
    FY_CAT_RESTORED,
    FY_CAT_CONTAINER_MAKE,
    FY_CAT_CONTAINER_DESTROY,
    FY_CAT_PROPERTIES,
    FY_CAT_CONTAINER_STATE,
    FY_CAT_TOUCH,
    FY_CAT_FLUSH,
    FY_CAT_VERSIONS_PURGE,
    FY_CAT_SNAPSHOT,
    FY_CAT_REGISTER,
    FY_CAT_OBJECT_PROPERTIES,
    FY_CAT_KIND_COUNT
};

/* First member of each operation below. The caller fills kind and done, the catalogue code and err.
 */
struct fy_cat_op {
    enum fy_cat_kind kind;
    enum fy_code code; /* out; FY_OK, or why it was refused */
    struct fy_err err; /* out */
    /* Called by the catalogue thread (runtime/catalogue_writer.h) after the commit. NULL: the
     * submitter waits. */
    void (*done)(struct fy_cat_op *op);
    void *arg;              /* the submitter's */
    struct fy_cat_op *next; /* the writer's list */
};

/* Who asked for a change, as the events that tell of it repeat it; borrowed texts, NULL none. */
struct fy_cat_asker {
    const char *request_id, *origin;
};

/* A client's bucket (container whose account is the client). Writes: register with a new stamp,
 * OWNER for the client, one CREATE order to the outbox. FY_EEXISTS: there, or its CCS name is
 * another's. FY_ENOTFOUND: a target is not known. */
struct fy_cat_bucket_create {
    struct fy_cat_op op;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    const char *targets;         /* as in fy_cat_targets; NULL all */
    struct fy_container_row row; /* out */
};
/* By its CCS name. FY_ENOTFOUND, FY_EFORBIDDEN not the owner, FY_ENOTACCEPT a READY object is
 * inside, FY_EGONE. Removes all rights on it; one DELETE order. */
struct fy_cat_bucket_delete {
    struct fy_cat_op op;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char account[FY_CLIENT_BYTES_MAX + 1]; /* "" : by CCS name */
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
};

/* Which object: account "" means the CCS-visible container of that name. */
struct fy_object_key {
    char account[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char object[FY_OBJECT_BYTES_MAX + 1];
};
/* Row UPLOAD with this process's boot id, stamp as before. FY_ENOTFOUND bucket, FY_EFORBIDDEN no
 * WRITE right, FY_ENOTACCEPT another upload is alive, FY_EEXISTS. The token names this attempt. */
struct fy_cat_upload_begin {
    struct fy_cat_op op;
    struct fy_object_key key;
    char client[FY_CLIENT_BYTES_MAX + 1];
    bool by_rules; /* the container's rules say whether a name that is there is written again;
                      else never. FY_EFROZEN, FY_EQUOTA */
    int64_t token; /* out; 0: no row was taken, since the name is not blocked meanwhile */
};
/* Row READY with a new stamp above the row's, one CREATE order with size and hash. blob_ref was
 * stored by this boot id, whose lease must be alive (else FY_ECANCELLED). A body of the same digest
 * and size that is here already is stored at blob_ref from now on, for all its objects; the older
 * copy goes to trash, whether or not it was still whole. FY_EEXISTS: an order made the object READY
 * meanwhile; FY_ENOTFOUND bucket gone. Without a begin (token 0), for a body that was there whole
 * before anything was written: refused for begin's reasons as well. */
struct fy_cat_upload_finish {
    struct fy_cat_op op;
    struct fy_object_key key;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    int64_t token;   /* of its begin; 0 there was none */
    bool by_rules;   /* as of its begin */
    int64_t version; /* 0: now; FY_EEXISTS when that one is there */
    struct fy_cat_asker asker;
    struct fy_object_facts facts; /* hash: given by the client and verified, or "" */
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    int64_t size;
    struct fy_digest digest;
    enum fy_proof proof;
    struct fy_object_row row; /* out */
};
/* Row ERR_UPL, or what it was before (a tombstone stays one). No order. Never refused. */
struct fy_cat_upload_fail {
    struct fy_cat_op op;
    struct fy_object_key key;
    int64_t token;
};
/* Tombstone with a new stamp, one DELETE order with the hash of what was deleted. FY_ENOTFOUND,
 * FY_EFORBIDDEN no DELETE right. already: it was deleted before, nothing written, FY_OK. */
struct fy_cat_object_delete {
    struct fy_cat_op op;
    struct fy_object_key key;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    int64_t version; /* only this one, whatever the rules say, and a next older one comes back; 0:
                        the newest by the rules, which may leave a delete marker */
    bool newest_by_rules; /* version goes as with 0, if it is the newest then; one right below
                             a delete marker is deleted already */
    struct fy_cat_asker asker;
    bool already;        /* out */
    bool marker;         /* out: a delete marker was left */
    int64_t gone;        /* out: version that is there no more, or the marker's */
    bool rights_changed; /* out: the bucket went with its last object, and the rights on it */
};

/* The object as it was before it was deleted, READY with a new stamp, and one CREATE order: its
 * body and facts were kept (trash.keep), or a delete marker hides it, which is removed then.
 * FY_ENOTFOUND bucket, or nothing of it is kept, or its body is damaged; FY_EFORBIDDEN no WRITE
 * right; FY_EEXISTS it is there; FY_ENOTACCEPT it is being uploaded.
 */
struct fy_cat_undelete {
    struct fy_cat_op op;
    struct fy_object_key key;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    int64_t size; /* out */
};

/* The description of a container as its source gave it; applied by the register rule beside an
 * object that comes before its bucket. */
struct fy_bucket_facts {
    bool known;
    bool present; /* its register's own word, not "there by objects" */
    struct fy_stamp stamp;
    int64_t creation_ms;
    int64_t expires_ms;
};
/*
 * Applies a stamped order (objects and buckets): never writes an order. One guarded statement:
 * verdict says what it did; a lower or equal stamp changes nothing but the outcome row and
 * waiting_id. CREATE of an object needs a body: blob_ref with size and digest (stored by this boot
 * id; it replaces an older copy, as an upload does), or link_body_id. FY_ENOTFOUND: the linked body
 * is gone (pull instead); FY_ECANCELLED: our lease is dead; FY_EEXISTS: an invisible container
 * (reason CONFLICT); FY_EFORBIDDEN: no right (reason RIGHTS); FY_EFROZEN: a snapshot reads or makes
 * the container (reason NOT_APPLIED). Rights: the container's owner needs none unless the
 * administration took them away.
 */
struct fy_cat_apply {
    struct fy_cat_op op;
    struct fy_order order;        /* stamp set; account resolved ("" = fy_order_account) */
    struct fy_object_facts facts; /* of a CREATE of an object */
    struct fy_bucket_facts bucket;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1]; /* "" when linking, or nothing to store */
    int64_t link_body_id;                     /* 0 none */
    int64_t size;
    struct fy_digest digest;
    enum fy_proof proof;
    int64_t waiting_id;      /* row to remove in the same transaction; 0 none */
    enum fy_verdict verdict; /* out */
    bool conflict;           /* out: the losing body is kept in `conflicts` */
    bool rights_changed;     /* out: rights on the bucket's name came or went with this */
};
/*
 * Moves an order to `waiting` (state WAITING) or ends it (state DEAD), with its outcome row. id 0:
 * new, or delivered again (same key, stamp and opId), which finds its row and keeps its age. A row
 * that was removed meanwhile (dropped by a person) stays removed.
 * Of each kind (given ones, and those that a change wrote) one order per (direction, key, target
 * site) is WAITING: the one with the greatest stamp, the others of its kind are superseded by it;
 * of equal ones the first, the others are duplicates. A DEAD order displaces none and is displaced
 * by none: each has its row until a person or a newer change of the key ends it. So no order ends
 * but by its own failure, a newer order that is alive, or a person.
 */
struct fy_cat_wait {
    struct fy_cat_op op;
    struct fy_waiting_row row; /* in; id out */
    bool superseded;           /* out: it has no row, another order of the key does what it would */
};
/* Claims due rows of direction IN for this boot id until now + hold_ms; lowest due first. None of
 * them failed for a reason of FY_CLASS_POISON. */
struct fy_cat_wait_claim {
    struct fy_cat_op op;
    int64_t now_ms, hold_ms;
    struct fy_waiting_row *rows; /* caller's array of capacity */
    size_t capacity;
    size_t count;        /* out */
    int64_t next_due_ms; /* out: when the next one is due; INT64_MAX none */
};
enum fy_wait_action { FY_WAIT_RETRY, FY_WAIT_DROP, FY_WAIT_WAKE };
/*
 * A person's hand. RETRY: state WAITING, due now, attempts and age begin anew (OUT: back into the
 * outbox). What came in and failed for a reason of FY_CLASS_POISON stays as it is, since no retry
 * heals it; a dead order that is older than the one of its kind that waits for its key is
 * superseded by it. DROP: removed, outcome DROPPED. Or the worker's, whose breaker of a site
 * closed: WAKE: rows of direction IN and state WAITING that match become due now (a later due only;
 * nothing else changes). Bounded by filter.limit; repeat until matched < limit.
 */
struct fy_cat_wait_edit {
    struct fy_cat_op op;
    enum fy_wait_action action;
    struct fy_waiting_filter filter;
    bool dry_run;
    int64_t matched;    /* out: of these RETRY has */
    int64_t superseded; /* out: ended, for a newer order of their key waits */
    int64_t incurable;  /* out: left dead */
    int64_t last_id;    /* out: greatest id matched, for after_id */
};
/* Says what became of an order and does nothing else (SETTLED; or a poison message with its waiting
 * row: use FY_CAT_WAIT for that). waiting_id is removed too. */
struct fy_cat_settle {
    struct fy_cat_op op;
    struct fy_order order;
    enum fy_direction direction;
    enum fy_outcome outcome;
    int64_t waiting_id;
};
/* A person needs the losing bodies that match no longer: the sweep has what only they held. Bounded
 * by filter.limit; repeat until matched < limit. */
struct fy_cat_conflict_drop {
    struct fy_cat_op op;
    struct fy_conflict_filter filter;
    bool dry_run;
    int64_t matched; /* out */
    int64_t last_id; /* out: greatest id matched, for after_id */
};
/* Rows of the outbox, or of events (FY_CAT_EVENTS_DONE), that are where they should go. */
struct fy_cat_outbox_done {
    struct fy_cat_op op;
    const int64_t *ids; /* borrowed */
    size_t count;
};
enum fy_site_action { FY_SITE_INSERT, FY_SITE_UPDATE, FY_SITE_REMOVE, FY_SITE_PAUSE };
struct fy_cat_site {
    struct fy_cat_op op;
    enum fy_site_action action;
    struct fy_site_row
        row; /* REMOVE, PAUSE: id (and paused) only; INSERT EEXISTS; others ENOTFOUND */
};
/* The sites a bucket's changes made here are replicated to: a setting of this site, which no order
 * carries. It stays while the bucket is deleted, so that the DELETE goes where the CREATE went.
 * FY_ENOTFOUND bucket, or a site of them is not known; FY_EFORBIDDEN not the owner. */
struct fy_cat_targets {
    struct fy_cat_op op;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char account[FY_CLIENT_BYTES_MAX + 1]; /* "" : by CCS name */
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    const char *targets; /* borrowed; fy_targets_check has passed it (core/targets.h) */
};
enum fy_right_action { FY_RIGHT_INSERT, FY_RIGHT_FUSE, FY_RIGHT_REMOVE, FY_RIGHT_REMOVE_BUCKET };
struct fy_cat_right {
    struct fy_cat_op op;
    enum fy_right_action action;
    struct fy_right_row row; /* FUSE: out rights are the fusion; INSERT EEXISTS; others ENOTFOUND */
};
enum fy_backfill_action { FY_BACKFILL_BEGIN, FY_BACKFILL_SAVE, FY_BACKFILL_CANCEL };
/*
 * BEGIN: a new row, whose id and times are out; ended ones beyond FY_BACKFILLS_KEPT are forgotten.
 * FY_ENOTFOUND the site is not known; FY_EEXISTS one that runs does this already; FY_ETOOBIG
 * FY_BACKFILLS_MAX of them run. SAVE: state, at, counts and note of the row with this id.
 * FY_ECANCELLED: it runs no more, and stays as it is. CANCEL: one that runs ends; one that has
 * ended stays as it is. FY_ENOTFOUND no such row.
 */
struct fy_cat_backfill {
    struct fy_cat_op op;
    enum fy_backfill_action action;
    struct fy_backfill_row row;
};
/* Saves the greatest stamp time given out and keeps the lease alive. bury: also marks expired
 * leases of others dead (never in an exclusive engine: it did so at open), once this process has
 * watched them for long enough to know that they are and the engine was not merely away; then it
 * has to look after the bodies they left. FY_ECANCELLED: ours was marked dead. */
struct fy_cat_lease_renew {
    struct fy_cat_op op;
    uint64_t saved_time;
    bool bury;
    uint32_t buried; /* out: leases of others that were marked dead */
};
/* Moves up to limit body rows that nothing references to trash, due now + grace_ms. */
struct fy_cat_sweep {
    struct fy_cat_op op;
    uint32_t limit;
    int64_t now_ms, grace_ms;
    uint32_t moved; /* out */
};
struct fy_cat_trash_done {
    struct fy_cat_op op;
    const char *const *blob_refs; /* borrowed; their files are gone */
    size_t count;
};
/* Forgets what has aged out: tombstones, outcomes, conflicts and what is kept of objects deleted
 * before that time, oldest first (bodies of both become unreferenced). */
struct fy_cat_purge {
    struct fy_cat_op op;
    int64_t tombstones_before_ms, outcomes_before_ms, conflicts_before_ms, kept_before_ms;
    uint32_t limit;
    uint32_t purged; /* out */
};
enum fy_scan_action {
    FY_SCAN_START, /* row: its scope and mends. FY_EEXISTS: another one runs; FY_OK for the same,
                      and row is how far it is */
    FY_SCAN_TAKE,  /* row is what runs, ours to go on with. FY_ENOTFOUND nothing runs; FY_EEXISTS
                      another process that lives has it */
    FY_SCAN_SAVE,  /* row: its progress, and its state. FY_ECANCELLED: it was stopped meanwhile,
                      and not changed */
    FY_SCAN_STOP,  /* whoever has it; FY_ENOTFOUND nothing runs */
};
/* The one scan of stored bodies that a site runs at a time. */
struct fy_cat_scan {
    struct fy_cat_op op;
    enum fy_scan_action action;
    struct fy_scan_row row; /* in and out */
};
/* What somebody who has hashed the body found, at body.blob_ref: nothing is marked when it is
 * stored elsewhere by now, or gone. A damaged body is linked to by nobody, and its objects are
 * answered as if they were not here. DAMAGE_NONE: it is well (again). */
struct fy_cat_damage {
    struct fy_cat_op op;
    struct fy_body_row body; /* id, digest, blob_ref */
    enum fy_damage damage;
    int64_t scan; /* 0: a reader's */
    bool stale;   /* out: that copy is not the body's any more */
    bool news;    /* out: it was not marked before, and is now */
};
/* A body that another site gave again, stored by this boot id: it takes the place of the one that
 * is here, for all its objects; no stamp, no row of theirs changes. FY_ENOTFOUND: nobody needs it
 * any more, and blob_ref is trash; FY_ECANCELLED: our lease is dead. */
struct fy_cat_mend {
    struct fy_cat_op op;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    int64_t size;
    struct fy_digest digest;
    char from[FY_SITE_BYTES_MAX + 1];
};
/* Rows of the journal that are safe elsewhere, or are given up: then everything may have changed
 * (anew). And before a file of an export is begun, its number (exporting). Only while this
 * process's lease lives, since another one may have taken over: FY_ECANCELLED. */
struct fy_cat_journal_done {
    struct fy_cat_op op;
    const int64_t *ids; /* borrowed */
    size_t count;
    bool anew;
    int64_t exporting; /* 0 none */
};
/*
 * Takes a line of an export back. In any order and again, as orders are: the greater stamp wins.
 * What has none (rights, sites, targets, where a body is stored) is as the last line says. Nothing
 * is written to outbox, outcomes or journal. For a catalogue that is blank, whose site does not
 * run.
 */
struct fy_cat_restore {
    struct fy_cat_op op;
    struct fy_export_line line; /* borrows its texts; no HEAD, no END */
};
/* Removes the row of an object, as if it had never been here: its stamp is forgotten, so that an
 * order for it applies. Of an object whose body is lost, in a catalogue that is being restored; or
 * of another version of its name. */
struct fy_cat_forget {
    struct fy_cat_op op;
    struct fy_object_key key; /* with its account */
    int64_t version;          /* 0 the object itself */
};
/* The end of it: the catalogue has the identity of the lost one, stamps of all processes to come
 * are above saved_time, and everything may have changed. */
struct fy_cat_restored {
    struct fy_cat_op op;
    char identity[FY_GUID_DIGITS + 1];
    int64_t exported; /* greatest number of a file that it was restored from */
    uint64_t saved_time;
};
/* ------------------------------------------------------------------ containers by OpenIO's rules.
 * Accounts and names are exact. Each of them refuses with FY_ENOTFOUND what is not here. */

/* A container that follows a version policy, with its properties; register, right and order as of
 * fy_cat_bucket_create. FY_EEXISTS: it is there, and stays as it is; FY_EINPUT, FY_ETOOBIG
 * properties. Another owner's CCS name is no obstacle: CCS does not see it then. */
struct fy_cat_container_make {
    struct fy_cat_op op;
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    struct fy_cat_asker asker;
    const struct fy_property *properties; /* borrowed */
    size_t count;
};
/* Its properties go with it. FY_ENOTACCEPT: a version or a delete marker is in it; FY_EDISABLED. */
struct fy_cat_container_destroy {
    struct fy_cat_op op;
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    struct fy_cat_asker asker;
};
/* Sets properties, or removes those whose value is NULL or "". Those that rules are made of change
 * the rules, and sys.m2.objects and sys.m2.usage the sums. FY_EINPUT a value or key that cannot be
 * (nothing is changed); FY_ETOOBIG: more than FY_PROPERTIES_MAX or FY_PROPERTIES_BYTES_MAX then. */
struct fy_cat_properties {
    struct fy_cat_op op;
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    struct fy_cat_asker asker;
    bool flush;                           /* first remove all that begin with "user." */
    const struct fy_property *properties; /* borrowed */
    size_t count;
};
/* FY_EFROZEN: it is that already; FY_EEXISTS: it is enabled already. */
struct fy_cat_container_state {
    struct fy_cat_op op;
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    struct fy_cat_asker asker;
    enum fy_container_state state; /* ENABLED or FROZEN */
};
/* What fy_catalogue_container_count has found, for a touch. */
struct fy_cat_count {
    int64_t container_id;   /* 0: nothing is counted yet, the operation does it */
    int64_t objects, bytes; /* that the rows have more than the sums */
    int64_t corrections;    /* of the sums until then */
};
/* Tells of its sums; recount: they are made what its rows say. That is what was counted before, so
 * that no writer waits for it, unless the sums were corrected meanwhile. */
struct fy_cat_touch {
    struct fy_cat_op op;
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    struct fy_cat_asker asker;
    bool recount;
    struct fy_cat_count count;
    bool stale; /* out: nothing was corrected, count again */
};
/* Removes up to limit versions and delete markers, by name; orders for the other sites with them.
 * Repeat until more is false. FY_EDISABLED. */
struct fy_cat_flush {
    struct fy_cat_op op;
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    struct fy_cat_asker asker;
    uint32_t limit;   /* 1..FY_FLUSH_ROWS_MAX */
    uint32_t removed; /* out */
    bool more;        /* out */
    bool gone;        /* out: only its objects had kept it, and it is not there any more */
};
/* Removes versions that are more than a name may have, and deleted names that were kept long
 * enough; of limit names above `after`, which moves on. Repeat until more is false. FY_EFROZEN,
 * FY_EDISABLED. */
struct fy_cat_versions_purge {
    struct fy_cat_op op;
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    struct fy_cat_asker asker;
    int64_t policy;                      /* FY_UNSET: the container's, or the site's */
    char after[FY_OBJECT_BYTES_MAX + 1]; /* in and out */
    uint32_t limit;
    uint32_t removed;                   /* out */
    bool more;                          /* out */
    char last[FY_OBJECT_BYTES_MAX + 1]; /* the catalogue's: what `after` is once it is committed */
};
enum fy_snapshot_step {
    FY_SNAPSHOT_BEGIN, /* the target is begun, which nobody sees; the source takes no changes from
                          now on (FY_EBUSY; orders FY_EFROZEN). FY_EEXISTS there is one of its name;
                          FY_EBUSY: or it is being made, or the source is being read. In any state
                          of the source */
    FY_SNAPSHOT_COPY,  /* up to limit rows above `after`, which moves on; repeat until more is false
                        */
    FY_SNAPSHOT_SHOW,  /* the target is there, the source takes changes again. Whatever becomes of
                          this process, the orders for its objects will be written */
    FY_SNAPSHOT_ORDER, /* up to limit of them; repeat until more is false */
    FY_SNAPSHOT_UNDO   /* instead of SHOW: up to limit rows of what BEGIN and COPY made are removed;
                          repeat until more is false. With to_name "": what dead processes left, the
                          rows of those that have shown nothing and the orders of those that have;
                          FY_ENOTFOUND there is nothing of it */
};
/* A copy of a container with all its versions and properties, onto the same bodies, in steps that
 * hold nobody else up. FY_ECANCELLED: it is not under way, or our lease is dead. */
struct fy_cat_snapshot {
    struct fy_cat_op op;
    enum fy_snapshot_step step;
    char account[FY_CLIENT_BYTES_MAX + 1]; /* source */
    char name[FY_BUCKET_BYTES_MAX + 1];
    char to_account[FY_CLIENT_BYTES_MAX + 1];
    char to_name[FY_BUCKET_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    struct fy_cat_asker asker;
    char after[FY_OBJECT_BYTES_MAX + 1]; /* of COPY, in and out: "" and 0 at first */
    int64_t after_version;
    uint32_t limit;
    bool more;                          /* out */
    char last[FY_OBJECT_BYTES_MAX + 1]; /* the catalogue's: what `after` is once it is committed */
    int64_t last_version;
    int64_t copy_id; /* the catalogue's. Not 0 after a BEGIN that failed: maybe it has happened, and
                        UNDO takes that one back */
};
/* A version of a name by its description, without a body: it is listed and counted, and goes when
 * its body comes (or is deleted); what was there before can be read until then. FY_EEXISTS that
 * version is there, or by_rules of the container nothing may be written again; FY_EFROZEN,
 * FY_EDISABLED, FY_EQUOTA. */
struct fy_cat_register {
    struct fy_cat_op op;
    struct fy_object_key key;
    char client[FY_CLIENT_BYTES_MAX + 1];
    struct fy_cat_asker asker;
    int64_t version; /* 0: now; out */
    int64_t size;
    struct fy_object_facts facts;
    char id[FY_GUID_DIGITS + 1]; /* "" : a new one; out */
};
/* Properties of an object are its metadata. A READY newest version gets a new stamp, and an order
 * goes out. FY_ETOOBIG: over FY_METADATA_BYTES_MAX then. */
struct fy_cat_object_properties {
    struct fy_cat_op op;
    struct fy_object_key key;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    struct fy_cat_asker asker;
    int64_t version;                      /* 0 the newest */
    bool flush;                           /* first remove all */
    const struct fy_property *properties; /* borrowed; value NULL removes */
    size_t count;
};

/* Drops the oldest events of a stream, as far as more than so many wait; their rows whole, limit of
 * them at most. Repeat until dropped is 0. */
struct fy_cat_events_trim {
    struct fy_cat_op op;
    enum fy_event_stream stream;
    int64_t events_max;
    uint32_t limit;
    int64_t dropped; /* out: events */
};
/* Writes the events of containers whose sums have changed a second ago (FY_STREAM_OIO), one for
 * each, limit of them at most; a catalogue that tells nobody forgets what was due. Repeat until
 * told is 0. */
struct fy_cat_states_tell {
    struct fy_cat_op op;
    uint32_t limit; /* 1..FY_OIO_STATES_MAX */
    uint32_t told;  /* out: containers */
};

#endif
