/* catalogue.h - port: what a site knows. Containers, objects, bodies, sites, rights, outbox,
 * waiting. */
/* Adapters: catalogue_sqlite*.c, later catalogue_postgres*.c. Contract:
 * tests/contract/catalogue_contract.c */
/*
 * Writes are operations (struct fy_cat_op) that the process's one catalogue thread hands over in
 * batches: fy_catalogue_write runs them in order as ONE transaction, so hundreds share a commit. An
 * operation that is refused (a code in op->code) has changed nothing and does not disturb its
 * neighbours. Reads may run on any thread, beside the writer, and see committed states only.
 *
 * A bucket of CCS is a container whose account is its owner's client-id (DESIGN 8).
 */
#ifndef FY_PORTS_CATALOGUE_H
#define FY_PORTS_CATALOGUE_H

#include "common/core/filter.h"
#include "common/core/guid.h"
#include "common/core/order.h"
#include "common/core/rule.h"

#define FY_BOOT_ID_BYTES 26 /* a GUID: which process run wrote a body or holds an upload */

/* ------------------------------------------------------------------ rows */

struct fy_container_row {
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    struct fy_register reg; /* its own register */
    enum fy_status
        status;          /* what a client sees: READY while it is there (DESIGN 3), else DELETED */
    int64_t creation_ms; /* creation, or deletion when DELETED */
    int64_t expires_ms;  /* 0 none */
    bool ccs_visible;    /* its name fits CCS and it was first to have that name here */
};

/* What a source or a client says of an object besides its bytes. */
struct fy_object_facts {
    int64_t creation_ms;                      /* 0 unknown: now is taken */
    int64_t expires_ms;                       /* 0 none */
    char hash[FY_HASH_BYTES_MAX + 1];         /* "" : the computed one, base32hex */
    char metadata[FY_METADATA_BYTES_MAX + 1]; /* JSON object text, "" or "{}" when empty */
};

enum fy_proof { FY_PROOF_PROMISE = 1, /* matched a promised hash */ FY_PROOF_TRANSPORT = 2 };

struct fy_object_row {
    char id[FY_GUID_DIGITS + 1];
    char name[FY_OBJECT_BYTES_MAX + 1];
    int64_t version;        /* 0 in containers without versioning */
    struct fy_register reg; /* status, stamp, digest */
    int64_t size;
    struct fy_object_facts facts; /* creation_ms: creation or last change */
    int64_t body_id;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1]; /* of a READY object; "" else */
    enum fy_proof proof;
};

enum fy_site_status {
    FY_SITE_UNKNOWN = 0,
    FY_SITE_UP = 100,
    FY_SITE_DOWN = 200,
    FY_SITE_DELETED = 300
};
struct fy_site_row {
    char id[FY_SITE_BYTES_MAX + 1];
    char name[FY_SITE_BYTES_MAX + 1];
    char uri[FY_URI_BYTES_MAX + 1];
    enum fy_site_status status;
    bool paused; /* ours alone, not in CCS: the sender rests */
};

/* Bits of spec 3.6. */
enum { FY_RIGHT_READ = 1, FY_RIGHT_WRITE = 2, FY_RIGHT_DELETE = 4, FY_RIGHT_OWNER = 7 };
struct fy_right_row {
    char client[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    unsigned rights; /* 0..7 */
};

struct fy_outbox_row {
    int64_t id;
    size_t key_bytes;
    char key[FY_KEY_BYTES_MAX + 1];
    const char *json; /* the order, borrowed until visit returns */
    size_t json_bytes;
    int64_t written_ms;
};

enum fy_direction { FY_IN = 0, FY_OUT = 1 };
enum fy_wait_state { FY_WAITING = 0, FY_DEAD = 1 };
struct fy_waiting_row {
    int64_t id;
    enum fy_direction direction;
    enum fy_wait_state state;
    enum fy_reason reason;
    struct fy_order order;
    char detail[FY_ERR_TEXT_BYTES]; /* the sentence of the last failure */
    int http_status;                /* of the last failure; 0 none */
    uint32_t attempts;              /* moves to `waiting` so far */
    int64_t first_failed_ms;
    int64_t last_failed_ms;
    int64_t due_ms;
};
struct fy_waiting_filter {            /* absent texts are "", absent numbers -1 */
    int64_t id;                       /* exactly this row; -1 any */
    int state;                        /* enum fy_wait_state or -1 */
    int direction;                    /* enum fy_direction or -1 */
    enum fy_reason reason;            /* FY_REASON_NONE any */
    char site[FY_SITE_BYTES_MAX + 1]; /* from_site when IN, to_site when OUT */
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    int64_t after_id; /* page: ids above it, ascending; 0 first page */
    uint32_t limit;   /* 1..FY_LIST_PAGE_MAX */
};
struct fy_waiting_count {
    enum fy_direction direction;
    enum fy_wait_state state;
    enum fy_reason reason;
    char site[FY_SITE_BYTES_MAX + 1];
    int64_t orders;
    int64_t bytes;     /* sum of promised sizes */
    int64_t oldest_ms; /* least first_failed_ms */
};

/* What became of an order here. */
enum fy_outcome {
    FY_OUTCOME_APPLIED = 1,
    FY_OUTCOME_DUPLICATE,
    FY_OUTCOME_SUPERSEDED,
    FY_OUTCOME_SETTLED, /* UPDATE, UNKNOWN: nothing to do */
    FY_OUTCOME_WAITING,
    FY_OUTCOME_DEAD,
    FY_OUTCOME_DROPPED, /* by a person */
    FY_OUTCOME_LOCAL,   /* a client's own operation here that wrote an order */
};
const char *fy_outcome_name(enum fy_outcome outcome); /* "applied"; static; in core */
struct fy_outcome_row {
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char object[FY_OBJECT_BYTES_MAX + 1];
    enum fy_action action;
    enum fy_outcome outcome;
    enum fy_reason reason;
    char detail[FY_ERR_TEXT_BYTES];
    struct fy_stamp stamp;
    int64_t at_ms;
};

struct fy_catalogue_totals {
    int64_t containers, objects, bytes; /* there; READY; sum of READY sizes */
    int64_t outbox_orders, outbox_oldest_ms;
    int64_t waiting_orders, waiting_bytes, dead_orders, conflicts;
};

/* ------------------------------------------------------------------ write operations */

enum fy_cat_kind {
    FY_CAT_BUCKET_CREATE,
    FY_CAT_BUCKET_DELETE,
    FY_CAT_UPLOAD_BEGIN,
    FY_CAT_UPLOAD_FINISH,
    FY_CAT_UPLOAD_FAIL,
    FY_CAT_OBJECT_DELETE,
    FY_CAT_APPLY,
    FY_CAT_WAIT,
    FY_CAT_WAIT_CLAIM,
    FY_CAT_WAIT_EDIT,
    FY_CAT_SETTLE,
    FY_CAT_OUTBOX_DONE,
    FY_CAT_SITE,
    FY_CAT_RIGHT,
    FY_CAT_LEASE_RENEW,
    FY_CAT_SWEEP,
    FY_CAT_TRASH_DONE,
    FY_CAT_PURGE,
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

/* A client's bucket (container whose account is the client). Writes: register with a new stamp,
 * OWNER for the client, one CREATE order to the outbox. FY_EEXISTS: there, or its CCS name is
 * another's. */
struct fy_cat_bucket_create {
    struct fy_cat_op op;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
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
    int64_t token; /* out */
};
/* Row READY with a new stamp above the row's, one CREATE order with size and hash. blob_ref was
 * stored by this boot id, whose lease must be alive (else FY_ECANCELLED). A body of the same digest
 * and size that is here already is linked instead and blob_ref goes to trash. FY_EEXISTS: an order
 * made the object READY meanwhile; FY_ENOTFOUND bucket gone. */
struct fy_cat_upload_finish {
    struct fy_cat_op op;
    struct fy_object_key key;
    char client[FY_CLIENT_BYTES_MAX + 1];
    char op_id[FY_OP_ID_BYTES_MAX + 1];
    int64_t token;
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
    bool already; /* out */
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
 * id), or link_body_id. FY_ENOTFOUND: the linked body is gone (pull instead); FY_ECANCELLED: our
 * lease is dead; FY_EEXISTS: an invisible container (reason CONFLICT); FY_EFORBIDDEN: no right
 * (reason RIGHTS). Rights: the container's owner needs none unless the administration took them
 * away.
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
};
/* Moves an order to `waiting` (state WAITING) or ends it (state DEAD), with its outcome row. id 0:
 * new. One row per (direction, key, target site): a newer stamp replaces an older one, whose order
 * becomes superseded; an older one is superseded by the row that is there. A row that was removed
 * meanwhile (dropped by a person) stays removed. */
struct fy_cat_wait {
    struct fy_cat_op op;
    struct fy_waiting_row row; /* in; id out */
    bool superseded;           /* out */
};
/* Claims due rows of direction IN for this boot id until now + hold_ms; lowest due first. */
struct fy_cat_wait_claim {
    struct fy_cat_op op;
    int64_t now_ms, hold_ms;
    struct fy_waiting_row *rows; /* caller's array of capacity */
    size_t capacity;
    size_t count;        /* out */
    int64_t next_due_ms; /* out: when the next one is due; INT64_MAX none */
};
/* A person's hand. RETRY: state WAITING, due now, attempts and age begin anew (OUT: back into the
 * outbox). DROP: removed, outcome DROPPED. Or the worker's, whose breaker of a site closed: WAKE:
 * rows of direction IN and state WAITING that match become due now (a later due only; nothing else
 * changes). Bounded by filter.limit; repeat until matched < limit. */
struct fy_cat_wait_edit {
    struct fy_cat_op op;
    enum { FY_WAIT_RETRY, FY_WAIT_DROP, FY_WAIT_WAKE } action;
    struct fy_waiting_filter filter;
    bool dry_run;
    int64_t matched; /* out */
    int64_t last_id; /* out: greatest id matched, for after_id */
};
/* Writes an outcome row and nothing else (SETTLED; or a poison message with its waiting row: use
 * FY_CAT_WAIT for that). waiting_id is removed too. */
struct fy_cat_settle {
    struct fy_cat_op op;
    struct fy_outcome_row row;
    int64_t waiting_id;
};
struct fy_cat_outbox_done {
    struct fy_cat_op op;
    const int64_t *ids; /* borrowed */
    size_t count;
};
struct fy_cat_site {
    struct fy_cat_op op;
    enum { FY_SITE_INSERT, FY_SITE_UPDATE, FY_SITE_REMOVE, FY_SITE_PAUSE } action;
    struct fy_site_row
        row; /* REMOVE, PAUSE: id (and paused) only; INSERT EEXISTS; others ENOTFOUND */
};
struct fy_cat_right {
    struct fy_cat_op op;
    enum { FY_RIGHT_INSERT, FY_RIGHT_FUSE, FY_RIGHT_REMOVE, FY_RIGHT_REMOVE_BUCKET } action;
    struct fy_right_row row; /* FUSE: out rights are the fusion; INSERT EEXISTS; others ENOTFOUND */
};
/* Saves the greatest stamp time given out and keeps the lease alive; marks expired leases of others
 * dead (never in an exclusive engine: it did so at open). FY_ECANCELLED: ours was marked dead. */
struct fy_cat_lease_renew {
    struct fy_cat_op op;
    uint64_t saved_time;
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
/* Forgets what has aged out: tombstones, outcomes, conflicts (whose bodies become unreferenced). */
struct fy_cat_purge {
    struct fy_cat_op op;
    int64_t tombstones_before_ms, outcomes_before_ms, conflicts_before_ms;
    uint32_t limit;
    uint32_t purged; /* out */
};

/* ------------------------------------------------------------------ reads */

/* What the worker asks before it moves anything, for many orders in one read. */
struct fy_cat_look {
    const struct fy_order *order; /* in, stamped */
    enum fy_verdict verdict;      /* against the row's stamp */
    bool container_known;         /* a row of the container exists (present or tombstone) */
    bool allowed;                 /* order->client may do it (owner, or WRITE / DELETE right) */
    bool invisible;               /* unstamped door: the CCS name belongs to another owner */
    char account[FY_CLIENT_BYTES_MAX + 1]; /* resolved owner of the container */
    int64_t body_id;                       /* body with the promised digest and size, or 0 */
};

typedef bool fy_container_visit_fn(void *arg, const struct fy_container_row *row);
typedef bool fy_object_visit_fn(void *arg, const struct fy_object_row *row);
typedef bool fy_site_visit_fn(void *arg, const struct fy_site_row *row);
typedef bool fy_right_visit_fn(void *arg, const struct fy_right_row *row);
typedef bool fy_outbox_visit_fn(void *arg, const struct fy_outbox_row *row);
typedef bool fy_waiting_visit_fn(void *arg, const struct fy_waiting_row *row);
typedef bool fy_waiting_count_visit_fn(void *arg, const struct fy_waiting_count *count);
typedef bool fy_outcome_visit_fn(void *arg, const struct fy_outcome_row *row);
typedef bool fy_blob_visit_fn(void *arg, const char *blob_ref);

struct fy_catalogue;
struct fy_catalogue_ops {
    const char *name;
    enum fy_code (*lease_open)(struct fy_catalogue *self, const char *boot_id, uint8_t *slot,
                               uint64_t *start_time, struct fy_err *err);
    void (*attach)(struct fy_catalogue *self, struct fy_hlc *hlc);
    enum fy_code (*write)(struct fy_catalogue *self, struct fy_cat_op *const *ops, size_t count,
                          struct fy_err *err);
    enum fy_code (*look)(struct fy_catalogue *self, struct fy_cat_look *looks, size_t count,
                         struct fy_err *err);
    enum fy_code (*container_get)(struct fy_catalogue *self, const char *account, const char *name,
                                  struct fy_container_row *row, struct fy_err *err);
    enum fy_code (*container_list)(struct fy_catalogue *self, const char *account, bool ccs_only,
                                   const char *after, uint32_t limit, fy_container_visit_fn *visit,
                                   void *arg, struct fy_err *err);
    enum fy_code (*object_get)(struct fy_catalogue *self, const struct fy_object_key *key,
                               struct fy_object_row *row, struct fy_err *err);
    enum fy_code (*object_list)(struct fy_catalogue *self, const char *account, const char *bucket,
                                const struct fy_filter *filter, const char *after, uint32_t limit,
                                fy_object_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*prefix_ready)(struct fy_catalogue *self, const struct fy_object_key *prefix,
                                 bool *found, struct fy_err *err);
    enum fy_code (*site_list)(struct fy_catalogue *self, fy_site_visit_fn *visit, void *arg,
                              struct fy_err *err);
    enum fy_code (*site_get)(struct fy_catalogue *self, const char *id, struct fy_site_row *row,
                             struct fy_err *err);
    enum fy_code (*right_get)(struct fy_catalogue *self, const char *client, const char *bucket,
                              unsigned *rights, struct fy_err *err);
    enum fy_code (*right_list)(struct fy_catalogue *self, const char *client,
                               fy_right_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*outbox_read)(struct fy_catalogue *self, uint32_t limit,
                                fy_outbox_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*waiting_list)(struct fy_catalogue *self, const struct fy_waiting_filter *filter,
                                 fy_waiting_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*waiting_counts)(struct fy_catalogue *self, fy_waiting_count_visit_fn *visit,
                                   void *arg, struct fy_err *err);
    enum fy_code (*outcome_list)(struct fy_catalogue *self, const char *op_id,
                                 fy_outcome_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*trash_due)(struct fy_catalogue *self, int64_t now_ms, uint32_t limit,
                              fy_blob_visit_fn *visit, void *arg, struct fy_err *err);
    enum fy_code (*blob_orphan)(struct fy_catalogue *self, const char *blob_ref,
                                const char *boot_id, bool *orphan, struct fy_err *err);
    enum fy_code (*totals)(struct fy_catalogue *self, struct fy_catalogue_totals *totals,
                           struct fy_err *err);
    void (*close)(struct fy_catalogue *self);
};
struct fy_catalogue {
    const struct fy_catalogue_ops *ops;
};

/* Takes a lease for this boot id: a slot of its own, and the time its stamps must start above (the
 * greatest saved in the slot plus one second). Once, before attach. Errors: FY_EBUSY no slot free.
 */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_lease_open(struct fy_catalogue *self,
                                                                 const char *boot_id, uint8_t *slot,
                                                                 uint64_t *start_time,
                                                                 struct fy_err *err)
{
    return self->ops->lease_open(self, boot_id, slot, start_time, err);
}
/* Gives the process's stamps to the local operations; before the first of them. hlc is borrowed. */
static inline void fy_catalogue_attach(struct fy_catalogue *self, struct fy_hlc *hlc)
{
    self->ops->attach(self, hlc);
}
/*
 * Runs 1..FY_CAT_BATCH_MAX operations in order in one transaction and returns after its commit.
 *   FY_OK: each op->code says what became of it. Otherwise nothing of the batch is known to have
 *   happened (every op->code is set to the code returned): submitters re-read before they act
 * again. Errors: FY_EBUSY the engine is away or locked; FY_ENOSPACE; FY_EIO. Thread: the catalogue
 * thread.
 */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_write(struct fy_catalogue *self,
                                                            struct fy_cat_op *const *ops,
                                                            size_t count, struct fy_err *err)
{
    FY_ASSERT(count >= 1);
    FY_ASSERT(count <= FY_CAT_BATCH_MAX);
    return self->ops->write(self, ops, count, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_look(struct fy_catalogue *self,
                                                           struct fy_cat_look *looks, size_t count,
                                                           struct fy_err *err)
{
    return self->ops->look(self, looks, count, err);
}
/* account "": the CCS-visible container of that name. FY_ENOTFOUND when there is no row at all (a
 * deleted one is found, status DELETED). */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_container_get(struct fy_catalogue *self, const char *account, const char *name,
                           struct fy_container_row *row, struct fy_err *err)
{
    return self->ops->container_get(self, account, name, row, err);
}
/* Containers of the account by name (bytes), all statuses, after that name ("" first). */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_container_list(struct fy_catalogue *self, const char *account, bool ccs_only,
                            const char *after, uint32_t limit, fy_container_visit_fn *visit,
                            void *arg, struct fy_err *err)
{
    return self->ops->container_list(self, account, ccs_only, after, limit, visit, arg, err);
}
/* The row in any status (tombstones too); FY_ENOTFOUND when there is none. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_object_get(struct fy_catalogue *self,
                                                                 const struct fy_object_key *key,
                                                                 struct fy_object_row *row,
                                                                 struct fy_err *err)
{
    return self->ops->object_get(self, key, row, err);
}
/* Objects by name (bytes) after that name, at most limit that pass the filter (NULL: all statuses).
 * The prefix and statuses of the filter use the index. visit may be slow: no lock is held that
 * would stop the writer. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_object_list(struct fy_catalogue *self, const char *account, const char *bucket,
                         const struct fy_filter *filter, const char *after, uint32_t limit,
                         fy_object_visit_fn *visit, void *arg, struct fy_err *err)
{
    return self->ops->object_list(self, account, bucket, filter, after, limit, visit, arg, err);
}
/* Whether any READY name starts with prefix->object (DIRECTORY of spec 6.2). */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_prefix_ready(struct fy_catalogue *self, const struct fy_object_key *prefix,
                          bool *found, struct fy_err *err)
{
    return self->ops->prefix_ready(self, prefix, found, err);
}
/* In insertion order. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_site_list(struct fy_catalogue *self,
                                                                fy_site_visit_fn *visit, void *arg,
                                                                struct fy_err *err)
{
    return self->ops->site_list(self, visit, arg, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_site_get(struct fy_catalogue *self,
                                                               const char *id,
                                                               struct fy_site_row *row,
                                                               struct fy_err *err)
{
    return self->ops->site_get(self, id, row, err);
}
/* FY_ENOTFOUND when the client has no row for the bucket. */
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_right_get(struct fy_catalogue *self, const char *client, const char *bucket,
                       unsigned *rights, struct fy_err *err)
{
    return self->ops->right_get(self, client, bucket, rights, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_right_list(struct fy_catalogue *self,
                                                                 const char *client,
                                                                 fy_right_visit_fn *visit,
                                                                 void *arg, struct fy_err *err)
{
    return self->ops->right_list(self, client, visit, arg, err);
}
/* Lowest ids first; rows stay until FY_CAT_OUTBOX_DONE. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_outbox_read(struct fy_catalogue *self,
                                                                  uint32_t limit,
                                                                  fy_outbox_visit_fn *visit,
                                                                  void *arg, struct fy_err *err)
{
    return self->ops->outbox_read(self, limit, visit, arg, err);
}
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_waiting_list(struct fy_catalogue *self, const struct fy_waiting_filter *filter,
                          fy_waiting_visit_fn *visit, void *arg, struct fy_err *err)
{
    return self->ops->waiting_list(self, filter, visit, arg, err);
}
FY_MUST_CHECK static inline enum fy_code
fy_catalogue_waiting_counts(struct fy_catalogue *self, fy_waiting_count_visit_fn *visit, void *arg,
                            struct fy_err *err)
{
    return self->ops->waiting_counts(self, visit, arg, err);
}
/* Outcomes of exactly this opId, and of the orders of its array ("opId-0", "opId-1", ...); newest
 * state of each order once. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_outcome_list(struct fy_catalogue *self,
                                                                   const char *op_id,
                                                                   fy_outcome_visit_fn *visit,
                                                                   void *arg, struct fy_err *err)
{
    return self->ops->outcome_list(self, op_id, visit, arg, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_trash_due(struct fy_catalogue *self,
                                                                int64_t now_ms, uint32_t limit,
                                                                fy_blob_visit_fn *visit, void *arg,
                                                                struct fy_err *err)
{
    return self->ops->trash_due(self, now_ms, limit, visit, arg, err);
}
/* Whether a stored body may be removed at once: no row and no trash row names it, and its boot id
 * has no lease that lives. */
FY_MUST_CHECK static inline enum fy_code fy_catalogue_blob_orphan(struct fy_catalogue *self,
                                                                  const char *blob_ref,
                                                                  const char *boot_id, bool *orphan,
                                                                  struct fy_err *err)
{
    return self->ops->blob_orphan(self, blob_ref, boot_id, orphan, err);
}
FY_MUST_CHECK static inline enum fy_code fy_catalogue_totals(struct fy_catalogue *self,
                                                             struct fy_catalogue_totals *totals,
                                                             struct fy_err *err)
{
    return self->ops->totals(self, totals, err);
}
/* Accepts NULL. The lease is released (dead at once). */
static inline void fy_catalogue_close(struct fy_catalogue *self)
{
    if (self != NULL)
        self->ops->close(self);
}

#endif
