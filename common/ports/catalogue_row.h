/* catalogue_row.h - the rows of the catalogue port: what a site knows, one struct each. */
#ifndef FY_PORTS_CATALOGUE_ROW_H
#define FY_PORTS_CATALOGUE_ROW_H

#include "common/core/guid.h"
#include "common/core/order.h"
#include "common/core/rule.h"

#define FY_BOOT_ID_BYTES 26 /* a GUID: which process run wrote a body or holds an upload */

/* OpenIO's sys.status. Stored: never renumbered. */
enum fy_container_state {
    FY_CONTAINER_ENABLED = 0,
    FY_CONTAINER_FROZEN = 1,  /* nothing is added, deleted or purged */
    FY_CONTAINER_DISABLED = 2 /* nor listed, nor destroyed */
};
#define FY_UNSET INT64_MIN /* of a number that may be absent and may be any other */
/* What clients' properties make a container do: those of its properties that changes of objects
 * hang on, kept beside them. */
struct fy_container_rules {
    bool versioned; /* a name that is there may be written again, by `policy`; else never (CCS) */
    int64_t policy; /* sys.m2.policy.version: 0, 1 the newest version is replaced; n > 1, n of them
                       outlive a purge; < 0 all. FY_UNSET: as the site is configured */
    bool delete_exceeding;  /* what is more than n goes at once */
    int64_t keep_deleted_s; /* a deleted name is safe from purge so long; < 0 always. FY_UNSET */
    int64_t quota;          /* bytes; 0 none */
    enum fy_container_state state;
    int64_t frozen_until_ms; /* FROZEN ends by itself then; 0 never */
};
/* Its state at that time, since a freeze may have ended. In core. */
enum fy_container_state fy_container_state_at(const struct fy_container_rules *rules,
                                              int64_t now_ms);

struct fy_container_row {
    char account[FY_CLIENT_BYTES_MAX + 1];
    char name[FY_BUCKET_BYTES_MAX + 1];
    struct fy_register reg; /* its own register */
    enum fy_status
        status;          /* what a client sees: READY while it is there (DESIGN 3), else DELETED */
    int64_t creation_ms; /* creation, or deletion when DELETED */
    int64_t expires_ms;  /* 0 none */
    bool ccs_visible;    /* its name fits CCS and it was first to have that name here */
    struct fy_container_rules rules;
};

/* A property of a container or an object; borrowed. */
struct fy_property {
    const char *key;   /* of a container with "user." or "sys." */
    const char *value; /* NULL: none (any more) */
};
/* By name, or by its id. */
struct fy_container_ref {
    const char *account, *name;  /* exactly; unused when cid is there */
    const struct fy_digest *cid; /* SHA-256 of account, 0, name; NULL none */
};
struct fy_container_info {
    struct fy_container_row row;
    int64_t objects; /* versions that are no delete markers */
    int64_t bytes;   /* theirs */
    int64_t changes; /* committed changes of its objects */
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
    int64_t version; /* microseconds since 1970 when it was made, unless given; of its name no
                        other has it, and greater ones are newer */
    bool marker;     /* a delete marker: the DELETED newest version, or an older one */
    bool registered; /* known by its description alone: its body has not come yet */
    struct fy_register reg; /* status, stamp, digest */
    int64_t size;
    struct fy_object_facts facts; /* creation_ms: creation or last change */
    int64_t body_id;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1]; /* of a READY object; "" else */
    bool damaged;                             /* its body here is known to be damaged */
    bool kept; /* a DELETED one whose body and facts are kept: it can be undeleted */
    enum fy_proof proof;
};

/* What a list of versions asks for; texts are borrowed UTF-8 of any length, absent ones "". */
struct fy_version_query {
    const char *account, *bucket; /* exactly */
    const char *prefix;
    const char *after;     /* names above it only; with `all` and version_after versions of that
                              name below that number as well */
    int64_t version_after; /* FY_UNSET none */
    const char *before;    /* names below it only; "" none */
    const char *delimiter; /* names are rolled up to its first place behind the prefix; a group that
                              `after` is in is over */
    bool all;              /* every version, delete markers too */
    bool deleted;          /* also names whose newest version is a delete marker */
    int64_t version;       /* any version of this number, but a delete marker only with `all` or
                              `deleted`; FY_UNSET any */
    uint32_t limit;        /* versions and groups, 1 and more */
};
/* One of them: a version, or a group of names. */
struct fy_version_entry {
    const char *group;               /* NULL, or the names' common beginning, delimiter included */
    const struct fy_object_row *row; /* NULL of a group */
};

/* Versions of a name beside the one that its object row is. Stored: never renumbered. */
enum fy_version_kind {
    FY_VERSION_BODY = 0,
    FY_VERSION_MARKER = 1,    /* a delete marker */
    FY_VERSION_REGISTERED = 2 /* its body has not come */
};

/* What tells a READY object from another of its name. */
struct fy_object_mark {
    char name[FY_OBJECT_BYTES_MAX + 1];
    struct fy_stamp stamp;
    int64_t size;
    bool has_digest;
    struct fy_digest digest; /* of the body */
};

/* A stored body, which objects and conflicts point at: what its bytes have to be, and where they
 * are. */
struct fy_body_row {
    int64_t id;
    int64_t size;
    struct fy_digest digest;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    bool damaged;
};
/* Who answers for a file of the store; the first that is true. */
enum fy_blob_standing {
    FY_BLOB_NAMED,  /* a body row names it */
    FY_BLOB_TRASH,  /* nothing references it any more; it goes when its grace is over */
    FY_BLOB_LIVING, /* nobody names it yet: the process that wrote it lives */
    FY_BLOB_ORPHAN  /* nobody ever will; it may be removed at once */
};

/* What is wrong with a body. Stored: never renumbered. */
enum fy_damage {
    FY_DAMAGE_NONE = 0,
    FY_DAMAGE_MISSING = 1,    /* the store has nothing there */
    FY_DAMAGE_SIZE = 2,       /* too short or too long */
    FY_DAMAGE_HASH = 3,       /* other bytes */
    FY_DAMAGE_UNREADABLE = 4, /* the store fails to read it */
};
const char *fy_damage_name(enum fy_damage damage); /* "HASH"; static; in core */
struct fy_damage_row {
    struct fy_body_row body;
    enum fy_damage damage;            /* as it was found */
    int64_t scan;                     /* by which scan, the last one that met it; 0 by a reader */
    int64_t found_ms;                 /* first */
    int64_t mended_ms;                /* 0: it still is */
    char from[FY_SITE_BYTES_MAX + 1]; /* which site gave its bytes again; "" an upload, an order */
};
struct fy_damage_filter {
    int64_t scan;     /* found by this scan; -1 any */
    int64_t after_id; /* page: bodies above it, ascending; 0 first page */
    uint32_t limit;   /* 1..FY_LIST_PAGE_MAX */
};

/* The scan of stored bodies: the one that runs, or the last. */
enum fy_scan_state { FY_SCAN_NONE = 0, FY_SCAN_RUNNING = 1, FY_SCAN_DONE = 2, FY_SCAN_STOPPED = 3 };
struct fy_scan_row {
    int64_t number; /* 1 and up; 0: there was none */
    enum fy_scan_state state;
    bool mends;                               /* damaged bodies are fetched from other sites */
    char account[FY_CLIENT_BYTES_MAX + 1];    /* of a scan of one bucket; else "" */
    char bucket[FY_BUCKET_BYTES_MAX + 1];     /* "": all bodies of the store */
    char prefix[FY_OBJECT_BYTES_MAX + 1];     /* of names in the bucket */
    char after_name[FY_OBJECT_BYTES_MAX + 1]; /* how far it is: in a bucket, */
    int64_t after_id;                         /* or in all bodies */
    int64_t bodies, bytes, damaged, mended;   /* so far */
    int64_t started_ms, ended_ms;             /* ended: 0 while it runs */
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

/* What is told, each in a topic of its own. Stored: never renumbered. */
enum fy_event_stream {
    FY_STREAM_ORDERS = 0, /* what became of orders (topic object-events) */
    FY_STREAM_OIO = 1,    /* changes of containers and their objects (topic oio) */
    FY_STREAM_COUNT
};
/* Events of one stream, until applications have been told: those of one transaction, or a part of
 * them. */
struct fy_event_row {
    int64_t id;
    size_t count;       /* of events */
    const char *packed; /* key and JSON of each (core/pack.h); borrowed until visit returns */
    size_t packed_bytes;
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

/* A body that lost a conflict (DESIGN 3), kept for a person. */
struct fy_conflict_row {
    int64_t id;
    char account[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    struct fy_object_row loser; /* the object as it was, READY */
    struct fy_stamp winner;     /* of the change that won */
    enum fy_action action;      /* of that change: CREATE, DELETE; UNKNOWN of old rows */
    int64_t at_ms;              /* when it lost */
};
struct fy_conflict_filter {           /* absent texts are "" */
    int64_t id;                       /* exactly this row; -1 any */
    char site[FY_SITE_BYTES_MAX + 1]; /* whose change won */
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    int64_t after_id; /* page: ids above it, ascending; 0 first page */
    uint32_t limit;   /* 1..FY_LIST_PAGE_MAX */
};

/*
 * One line of an export: a row of the catalogue as it was when it was written down. Texts are
 * borrowed; NULL or "" where a kind has none.
 */
enum fy_export_kind {
    FY_EXPORT_HEAD,     /* first line: format, number, full, catalogue, site_id, at_ms */
    FY_EXPORT_END,      /* last line: count */
    FY_EXPORT_BUCKET,   /* account, bucket, status, stamp, created_ms, deleted_ms, expires_ms, flag
                           (CCS sees it); status UNKNOWN: it has no register of its own */
    FY_EXPORT_TARGETS,  /* account, bucket, targets */
    FY_EXPORT_RULES,    /* account, bucket, rules */
    FY_EXPORT_PROPERTY, /* account, bucket, key, value; number: bytes of the value that an earlier
                           line had. gone: not set; with flag: nor is any that begins with key */
    FY_EXPORT_OBJECT,   /* READY: all of an object, number (0: the stamp's) and id ("" any) of its
                           version; DELETED: its key, stamp, hash and number; flag: it is a delete
                           marker, created_ms if that is another time than the stamp's */
    FY_EXPORT_VERSION,  /* of a name, not the one its object has: number, version_kind, id; stamp,
                           created_ms, size, hash, metadata, and of a body what an object has. gone:
                           that number is none */
    FY_EXPORT_BODY,     /* digest, size, blob_ref: a body that is here is stored there now */
    FY_EXPORT_RIGHT,    /* client, bucket, rights, flag (revoked); gone: no row; gone and client "":
                           none on the bucket */
    FY_EXPORT_SITE,     /* site_id, site_name, uri, number (status), flag (paused); gone: no row */
    FY_EXPORT_TRASH,    /* blob_ref, deleted_ms (due); never in a file */
    FY_EXPORT_KIND_COUNT
};
struct fy_export_line {
    enum fy_export_kind kind;
    bool gone, flag, full;
    enum fy_status status;
    enum fy_proof proof;
    unsigned rights;
    struct fy_stamp stamp;
    struct fy_digest digest;
    int64_t created_ms, deleted_ms, expires_ms, at_ms;
    int64_t size, format, number, count;
    enum fy_version_kind version_kind;
    struct fy_container_rules rules;
    const char *key, *value, *id;
    const char *account, *client, *bucket, *object, *targets;
    const char *blob_ref, *hash, *metadata;
    const char *catalogue, *site_id, *site_name, *uri;
};
/* Whose an export is, and how far it is. */
struct fy_identity_row {
    char id[FY_GUID_DIGITS + 1]; /* a name that no other catalogue has, given when its tables were
                                    made */
    bool blank;                  /* neither a bucket nor a body is in it */
    int64_t exported; /* greatest number that a file of its export may have; -1 it does not know */
};
/* What transactions changed, in lines, until somebody has written it down. */
struct fy_journal_row {
    int64_t id;
    const char *lines; /* borrowed until visit returns; none: everything may have changed */
    size_t lines_bytes;
    int64_t written_ms;
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

/* Orders for what is here and not at a site yet, given in the background; stored by number. */
enum fy_backfill_state {
    FY_BACKFILL_RUNNING = 0,
    FY_BACKFILL_DONE,
    FY_BACKFILL_CANCELLED, /* by a person */
    FY_BACKFILL_STOPPED,   /* it cannot go on; note says why */
};
struct fy_backfill_row {
    int64_t id;
    enum fy_backfill_state state;
    char op_id[FY_OP_ID_BYTES_MAX + 1]; /* of each of its orders */
    char site[FY_SITE_BYTES_MAX + 1];   /* that shall have it */
    char account[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1]; /* "" and account "": every container */
    char prefix[FY_OBJECT_BYTES_MAX + 1]; /* "" all objects */
    int64_t rate;                         /* orders a second at most; 0 any */
    bool whole;                           /* all is ordered, whatever the site has */
    bool forced;  /* a person knows the dangers (runtime/backfill_guard.h) */
    bool dry_run; /* nothing is ordered, only counted */
    int64_t begun_ms, changed_ms;

    /* How far it is: all up to `at` is ordered, containers by (account, bucket). A container whose
     * own order is given is in there with object "". */
    struct {
        char account[FY_CLIENT_BYTES_MAX + 1];
        char bucket[FY_BUCKET_BYTES_MAX + 1]; /* "" : nothing is */
        char object[FY_OBJECT_BYTES_MAX + 1];
    } at;
    int64_t looked, ordered;      /* objects and tombstones; orders */
    int64_t bytes;                /* that the orders promise */
    int64_t left;                 /* differ, but no order of ours would change that */
    char note[FY_ERR_TEXT_BYTES]; /* why it waits or has stopped; "" it goes on */
};

struct fy_catalogue_totals {
    int64_t containers, objects, bytes; /* there; READY; sum of READY sizes */
    int64_t outbox_orders, outbox_oldest_ms;
    int64_t waiting_orders, waiting_bytes, dead_orders, conflicts;
    int64_t events, events_oldest_ms;         /* of orders, not told yet */
    int64_t oio_events, oio_events_oldest_ms; /* of containers */
    int64_t damaged_bodies;                   /* known to be */
    int64_t kept_objects, kept_bytes;         /* deleted, and kept for undelete */
    int64_t due_orders; /* incoming ones in waiting_orders that a worker may claim now; counted up
                           to FY_DUE_COUNTED */
};

#endif
