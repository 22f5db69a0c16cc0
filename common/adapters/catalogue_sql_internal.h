/* catalogue_sql_internal.h - what the catalogues on SQL engines share; nobody else includes it. */
/*
 * The catalogue's rules are written once, over a handful of verbs (`use` a statement, take its
 * columns) that an engine provides:
 *
 * catalogue_sql.c            batches of operations, readers, the lease, the table of the port
 * catalogue_sql_port.h       the operations and reads of the port, and lists
 * catalogue_sql_use.c, .h    statements by name, run through the engine
 * catalogue_sql_texts*.c     the statements that all engines have in common
 * catalogue_sql_container.c  containers: register, "is it there", the name that CCS sees, rights
 * catalogue_sql_row.c        object and body rows
 * catalogue_sql_object.c     local operations of clients: buckets, deletes
 * catalogue_sql_upload.c     uploads
 * catalogue_sql_apply.c      orders applied by the stamp rule; what look answers
 * catalogue_sql_conflict.c   losing bodies of conflicts
 * catalogue_sql_waiting.c    waiting and dead orders
 * catalogue_sql_outcome.c    what became of orders; the outbox
 * catalogue_sql_event.c      what became of orders, to be told
 * catalogue_sql_oio.c        changes of containers, to be told
 * catalogue_sql_admin.c      sites, rights, lease
 * catalogue_sql_backfill.c   backfills
 * catalogue_sql_sweep.c      unreferenced bodies, trash, what ages out
 * catalogue_sql_damage.c     damaged bodies, and the scan that looks for them
 * catalogue_sql_read.c       reads of one row, sums
 * catalogue_sql_list.c       lists of objects, containers, rights, sites, trash
 * catalogue_sql_mark.c       objects of a range, light
 * catalogue_sql_journal.c    what transactions changed, as lines of an export
 * catalogue_sql_export.c     all rows as such lines
 * catalogue_sql_restore.c    those lines taken back
 * catalogue_sql_queue.c      lists of orders: outbox, waiting, outcomes
 * catalogue_sql_audit.c      all rows held against each other
 * catalogue_sql_rules.c      what a container's rules let happen in it
 * catalogue_sql_sum.c        what is in each container: kept, and counted
 * catalogue_sql_property.c   properties of containers
 * catalogue_sql_make.c       containers by OpenIO's rules: made and destroyed
 * catalogue_sql_version.c    versions of a name beside the newest one: their rows
 * catalogue_sql_left.c       what is left in a container that is gone
 * catalogue_sql_newest.c     which version of a name is the newest
 * catalogue_sql_describe.c   what is said of versions: registered, properties
 * catalogue_sql_page.c       lists of versions, with groups
 * catalogue_sql_flush.c      versions removed by the thousand
 * catalogue_sql_snapshot.c   containers copied
 * catalogue_sql_snapshot_end.c  copies removed, and ordered from the other sites
 *
 * Engines: catalogue_sqlite*.c (one process, one writer), catalogue_postgres*.c (any number).
 * Names that leave a file begin with fy_cs_ (catalogue, SQL).
 *
 * Errors are sticky in the connection: after one, every further statement on it does nothing and
 * reads as "no row". So a sequence of statements is written straight down and checked once, by the
 * batch or by the read that owns the connection; nothing of it is kept.
 */
#ifndef FY_ADAPTERS_CATALOGUE_SQL_INTERNAL_H
#define FY_ADAPTERS_CATALOGUE_SQL_INTERNAL_H

#include <pthread.h>

#include "common/adapters/catalogue_settings.h"
#include "common/adapters/catalogue_sql_port.h"
#include "common/adapters/catalogue_sql_use.h"
#include "common/adapters/event_json.h"
#include "common/adapters/export_json.h"
#include "common/adapters/oio_event_json.h"
#include "common/core/buf.h"
#include "common/core/clock.h"
#include "common/ports/catalogue.h"

#define FY_CS_MAGIC           0x46594353u /* "FYCS" */
#define FY_CS_READERS_MAX     32
#define FY_CS_PAGE_ROWS       16  /* rows read ahead of a visitor; an object row is 6 KiB */
#define FY_CS_MARKS_ROWS      256 /* marks read ahead; one is 1.2 KiB */
#define FY_CS_CONTAINERS_KEPT 16  /* container rows the writer remembers between operations */
#define FY_CS_SUMS_MAX        64  /* containers whose sums a transaction adds to before it writes */
#define FY_CS_TRIES_MAX       5   /* of a batch that other processes disturb, after the first */
#define FY_CS_SLOTS           256 /* 8 bits of a stamp */
/* At which a sum ends, above zero and below: 2^62 - 1, so that two of them can be added. */
#define FY_CS_SUM_MAX 4611686018427387903

/* ------------------------------------------------------------------ rows inside a transaction */

/* A container row. Not there: id 0, the rest zero but for account and name. */
struct fy_cs_container {
    int64_t id;
    struct fy_container_row row; /* status is what clients see */
    int64_t created_ms, deleted_ms;
    bool there;            /* as stored; changed by fy_cs_container_settle alone */
    bool has_owner_right;  /* a row for (account, name), a revoked one included */
    unsigned owner_rights; /* of that row */
    bool has_registered;   /* rows of `version` may be in it, whether it follows a policy or not */
    bool copied;           /* a snapshot reads it, whose process lives: it takes no changes */
    char bucket[FY_OIO_BUCKET_BYTES + 1]; /* that it belongs to, as OpenIO's events say */
    bool hidden;                          /* a snapshot makes it, or died over it: nobody sees it */
};

/* What a decision needs of an object row. */
struct fy_cs_object {
    bool exists;
    struct fy_register reg; /* an upload whose process died reads as ERR_UPL */
    enum fy_status stored;  /* as the row says */
    enum fy_status prior;   /* before the upload in progress */
    bool ours;              /* the upload in progress is this process's */
    int64_t token;          /* of the upload in progress */
    int64_t size;
    int64_t body_id;      /* 0 none */
    int64_t kept_body_id; /* of a deleted one; 0 none */
    int64_t number;       /* of its version; of a tombstone that was erased, of what it was */
    bool body_stays;      /* another row has the body from now on */
    bool stays;           /* it is an older version from now on */
    bool marker;          /* the tombstone is a delete marker, also while an upload is under way */
    char id[FY_GUID_DIGITS + 1];
    char hash[FY_HASH_BYTES_MAX + 1];
};

/* What is in a container: versions that are no delete markers, their bytes; and how often that
 * changed. Or what a transaction adds to it. */
struct fy_cs_sum {
    int64_t container_id, objects, bytes, changes;
};

/* What a transaction adds to the counters, written once at its end. */
struct fy_cs_counters {
    int64_t containers, objects, bytes, outbox, conflicts, kept_objects, kept_bytes;
    int64_t events[FY_STREAM_COUNT];
};

/* Events of the transaction under way, packed, as far as not written. */
struct fy_cs_told {
    struct fy_buf packed;
    size_t count;
};

/* First member of an engine's own. */
struct fy_cs {
    struct fy_catalogue port; /* first, so that a struct fy_catalogue * converts back */
    unsigned magic;

    /* Written once by open, then read by any thread. */
    const struct fy_cs_engine *engine;
    struct fy_clock *clock;
    char site[FY_SITE_BYTES_MAX + 1];
    bool tells;                                  /* outcomes are written down as events, */
    bool tells_oio;                              /* and changes of containers, */
    char oio_namespace[FY_OIO_NS_BYTES_MAX + 1]; /* with this in them */
    bool keeps;              /* what deleted objects were, until a purge forgets it */
    int64_t trash_grace_ms;  /* the file of a body that gave way to a copy stays so long */
    int64_t versions;        /* policy of containers that set none */
    int64_t keep_deleted_ms; /* likewise, before a purge takes a deleted name */

    /* Written by lease_open and attach, before the threads that read them start. */
    char boot_id[FY_GUID_DIGITS + 1]; /* "" before the lease */
    uint8_t slot;
    struct fy_hlc *hlc;

    /* Writing thread, write_mutex held. */
    pthread_mutex_t write_mutex;
    struct fy_cs_conn *writer;
    bool again;          /* the last transaction failed by another process's doing alone */
    int64_t now_ms;      /* of the transaction */
    bool lease_alive;    /* as read in the transaction */
    bool stamped;        /* a stamp was given out in it: the lease row is saved with it */
    bool waiting_in;     /* rows of direction IN may exist */
    bool rights_changed; /* by the operation under way */
    int64_t last_token;  /* of the uploads of this process */
    struct fy_cs_counters counters;
    struct fy_cs_sum sums[FY_CS_SUMS_MAX]; /* that the transaction adds, as far as not written */
    size_t sum_count;
    struct fy_cs_container
        kept[FY_CS_CONTAINERS_KEPT]; /* committed or written by this transaction */
    struct fy_buf json;              /* reused for outbox rows */
    struct fy_cs_told told[FY_STREAM_COUNT];
    struct fy_cat_asker asker;       /* of the operation under way; borrowed from it */
    const struct fy_property *given; /* and what it makes a container with */
    size_t given_count;
    int64_t told_us; /* `when` of the last event of a container */
    struct {
        char account[FY_CLIENT_BYTES_MAX + 1], name[FY_BUCKET_BYTES_MAX + 1];
        char text[FY_HEX_DIGITS + 1];
    } told_cid;            /* of the last container that was told of; "" none */
    struct fy_buf journal; /* lines of the transaction, as far as not written */
    bool restoring;        /* the operation under way takes rows back as they were */
    char linked_ref[FY_BLOB_REF_BYTES_MAX + 1]; /* of the body that the apply under way links to */

    /* Any thread, reader_mutex held. */
    pthread_mutex_t reader_mutex;
    pthread_cond_t reader_freed;
    struct fy_cs_conn *free_readers[FY_CS_READERS_MAX]; /* each belongs to whoever took it */
    uint32_t free_count;
};

/* What engines open and close a catalogue with. init leaves the writer to the engine. */
void fy_cs_init(struct fy_cs *self, const struct fy_cs_engine *engine,
                const struct fy_catalogue_settings *settings);
void fy_cs_done(struct fy_cs *self);
void fy_cs_reader_add(struct fy_cs *self, struct fy_cs_conn *reader);
/* Gives the lease back; before the writer closes. */
void fy_cs_lease_release(struct fy_cs *self);
/* Whether a process could take a lease now. Within a transaction. */
bool fy_cs_slot_is_free(struct fy_cs *self);
/* A write of the engine's own, without operations; write_mutex held or no other thread yet. */
void fy_cs_write_begin(struct fy_cs *self, struct fy_cat_op *const *ops, size_t count);
FY_MUST_CHECK enum fy_code fy_cs_write_end(struct fy_cs *self, struct fy_err *err);

struct fy_cs *fy_cs_from(struct fy_catalogue *port); /* checks the magic */

/* A reading connection, waiting for one if all are out; give puts it back and tells in *err what
 * went wrong on it meanwhile. */
struct fy_cs_conn *fy_cs_reader_take(struct fy_cs *self);
FY_MUST_CHECK enum fy_code fy_cs_reader_give(struct fy_cs *self, struct fy_cs_conn *reader,
                                             struct fy_err *err);

/* The next stamp of this process, above floor (NULL none). */
struct fy_stamp fy_cs_stamp_next(struct fy_cs *self, const struct fy_stamp *floor);

/* catalogue_sql_container.c */
bool fy_cs_container_read(struct fy_cs_conn *conn, const char *account, const char *name,
                          struct fy_cs_container *container);
bool fy_cs_container_by_name(struct fy_cs_conn *conn, const char *name,
                             struct fy_cs_container *container);
void fy_cs_take_container(struct fy_cs_use *use, struct fy_cs_container *container);
bool fy_cs_container_known(const struct fy_cs_container *container);
/* The writer's: through the rows it keeps. account "": by the CCS name. */
bool fy_cs_container_find(struct fy_cs *self, const char *account, const char *name,
                          struct fy_cs_container *container);
/* A container that is about to change: made when there is none. */
void fy_cs_container_need(struct fy_cs *self, struct fy_cs_container *container,
                          int64_t created_ms);
/* Its register becomes status (READY or DELETED) with stamp, if that is greater. */
void fy_cs_container_register(struct fy_cs *self, struct fy_cs_container *container,
                              enum fy_status status, const struct fy_stamp *stamp,
                              int64_t created_ms, int64_t expires_ms);
bool fy_cs_container_has_ready(struct fy_cs_conn *conn, const struct fy_cs_container *container);
/* Whether a version or a delete marker is in it. */
bool fy_cs_container_filled(struct fy_cs_conn *conn, const struct fy_cs_container *container);
/* The writer's, kept as it is from now on: its caller has changed the row. */
void fy_cs_container_keep(struct fy_cs *self, const struct fy_cs_container *container);
/* Called after whatever may have brought the container or made it go: rights, visibility, counter.
 */
void fy_cs_container_settle(struct fy_cs *self, struct fy_cs_container *container);
void fy_cs_containers_forget(struct fy_cs *self);
bool fy_cs_container_fits_ccs(const struct fy_cs_container *container);
/* Whose container an order means, see the head of catalogue_sql_container.c. */
void fy_cs_container_of_order(struct fy_cs *self, struct fy_cs_conn *conn,
                              const struct fy_order *order, struct fy_cs_container *container,
                              bool *invisible);
/* Whether client may act on the container's objects with that right. */
bool fy_cs_allowed(struct fy_cs_conn *conn, const struct fy_cs_container *container,
                   const char *client, unsigned right);
/* Whether the order's client may do what it says. */
bool fy_cs_order_allowed(struct fy_cs_conn *conn, const struct fy_cs_container *container,
                         const struct fy_order *order);

/* catalogue_sql_rules.c */
/* As RULES_COLUMNS says; of the row that fy_cs_take_container reads. */
void fy_cs_take_rules(struct fy_cs_use *use, struct fy_cs_container *container);
/* Makes these the container's rules. */
void fy_cs_rules_put(struct fy_cs *self, struct fy_cs_container *container,
                     const struct fy_container_rules *rules);
/* The row's rules as they are now: a freeze may have ended since it was read. */
void fy_cs_rules_now(struct fy_cs *self, struct fy_container_row *row);
/* Whether a client may change objects in the container. FY_EFROZEN it is frozen or disabled;
 * FY_EBUSY a snapshot reads it. */
FY_MUST_CHECK enum fy_code fy_cs_takes_changes(struct fy_cs *self,
                                               const struct fy_cs_container *container,
                                               struct fy_err *err);
/* Whether a client may delete the container. FY_EDISABLED; FY_EBUSY as above. */
FY_MUST_CHECK enum fy_code fy_cs_may_go(struct fy_cs *self, const struct fy_cs_container *container,
                                        struct fy_err *err);
/* Whether orders of other sites may be applied in it. FY_EFROZEN: a snapshot reads or makes it;
 * FY_EBUSY would say that the catalogue is away, and stop the orders of all others. */
FY_MUST_CHECK enum fy_code fy_cs_takes_orders(const struct fy_cs_container *container,
                                              struct fy_err *err);

/* catalogue_sql_property.c */
/* Whether a container can have these properties, besides those it has (all but those of users, when
 * they are flushed). FY_ETOOBIG. */
FY_MUST_CHECK enum fy_code fy_cs_properties_fit(struct fy_cs *self, int64_t container_id,
                                                const struct fy_property *properties, size_t count,
                                                bool flush, struct fy_err *err);
/* Writes them, as far as they are texts. */
void fy_cs_properties_put(struct fy_cs *self, const struct fy_cs_container *container,
                          const struct fy_property *properties, size_t count);
/* Removes all, and what they have said: the container is gone. */
void fy_cs_properties_drop(struct fy_cs *self, struct fy_cs_container *container);

/* catalogue_sql_sum.c */
/* Adds to what is in the container; written at the end of the transaction. objects: versions that
 * are no delete markers, registered ones with them; changes: 1 for each committed change. */
void fy_cs_sum_add(struct fy_cs *self, int64_t container_id, int64_t objects, int64_t bytes,
                   int64_t changes);
/* The same of what is set, so that nothing that was counted before corrects it again. */
void fy_cs_sum_correct(struct fy_cs *self, int64_t container_id, int64_t objects, int64_t bytes,
                       int64_t changes);
/* What is in it now; the writer's own additions too. */
struct fy_cs_sum fy_cs_sum_get(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id);
/* Where a walk over the rows of a container is. */
struct fy_cs_cursor {
    char name[FY_OBJECT_BYTES_MAX + 1];
    int64_t number; /* of `version` alone; there INT64_MAX before the first row */
};
/* Adds a page of a container's rows behind that place, which moves on; how many there were.
 * sql: FY_CS_AUDIT_SUM_OBJECTS or FY_CS_AUDIT_SUM_VERSIONS. */
int64_t fy_cs_sum_page(struct fy_cs_conn *conn, enum fy_cs_sql sql, int64_t row_count,
                       struct fy_cs_cursor *after, struct fy_cs_sum *sum);
/* Objects and bytes counted from its rows; changes are 0. */
struct fy_cs_sum fy_cs_sum_count(struct fy_cs_conn *conn, int64_t container_id);
/* Writes what the transaction adds, and forgets it. */
void fy_cs_sums_save(struct fy_cs *self);

/* catalogue_sql_row.c */
void fy_cs_object_read(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                       const char *name, struct fy_cs_object *object);
void fy_cs_take_object_row(struct fy_cs *self, struct fy_cs_use *use, struct fy_object_row *row);
/* All of it; false: there is no such row. */
bool fy_cs_object_row(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                      const char *name, struct fy_object_row *row);
/* Writes READY or a tombstone over whatever is there, guarded by the stamp as the rule was before.
 * The old body, if it is another, is let go, unless another row has it. marker: the tombstone is
 * the delete marker of that number; 0 it is none. */
struct fy_cs_ready {
    const struct fy_stamp *stamp;
    const struct fy_object_facts *facts;
    int64_t body_id, size;
    enum fy_proof proof;
    const struct fy_digest *digest; /* of the body, and where it is: for the journal */
    const char *blob_ref;
    /* Of the version, in and out. 0 and "": of the next version of its name; or, if the bytes are
     * the same, of the one that is there. */
    int64_t number;
    char id[FY_GUID_DIGITS + 1];
};
/* The number of a version that is made with this stamp: above the greatest one of its name. */
int64_t fy_cs_number_next(int64_t greatest, const struct fy_stamp *stamp);
void fy_cs_object_ready(struct fy_cs *self, struct fy_cs_container *container, const char *name,
                        const struct fy_cs_object *old, struct fy_cs_ready *ready);
void fy_cs_object_tombstone(struct fy_cs *self, struct fy_cs_container *container, const char *name,
                            const struct fy_cs_object *old, const struct fy_stamp *stamp,
                            int64_t marker);
/* What was kept of a deleted object is not, from now on; the row says so already. */
void fy_cs_kept_let_go(struct fy_cs *self, int64_t body_id, int64_t size);
/* The body row of these bytes, stored at blob_ref from now on: made, or the one that is here, whose
 * older copy goes to trash. Of two copies the newer one has been proven just now; nobody has looked
 * whether the older one is still whole. */
int64_t fy_cs_body_put(struct fy_cs *self, const struct fy_digest *digest, int64_t size,
                       const char *blob_ref);
/* The body of that id is stored at blob_ref from now on, and whole. from: as fy_cs_damage_mended
 * has it. */
void fy_cs_body_move(struct fy_cs *self, int64_t id, const char *blob_ref, const char *from);
/* 0: there is none. damaged may be NULL. */
int64_t fy_cs_body_find(struct fy_cs_conn *conn, const struct fy_digest *digest, int64_t size,
                        bool *damaged);
/* As the statements of bodies begin: BODY_COLUMNS. */
void fy_cs_take_body(struct fy_cs_use *use, struct fy_body_row *row);
/* false: there is no such row. */
bool fy_cs_body_get(struct fy_cs_conn *conn, int64_t id, struct fy_body_row *row);
/* Whether a body row is stored there. */
bool fy_cs_body_names(struct fy_cs_conn *conn, const char *blob_ref);
/* To trash, unless a body row names it. */
void fy_cs_blob_discard(struct fy_cs *self, const char *blob_ref);
void fy_cs_trash_add(struct fy_cs *self, const char *blob_ref, int64_t due_ms);
void fy_cs_body_let_go(struct fy_cs *self, int64_t body_id);

/* catalogue_sql_read.c */
/* A process that has none ("") does not live. */
bool fy_cs_lease_lives(struct fy_cs_conn *conn, const char *boot_id);
/* The sums that transactions keep, and those of waiting orders; other members stay. */
void fy_cs_sums_kept(struct fy_cs_conn *conn, struct fy_catalogue_totals *totals);

/* catalogue_sql_damage.c */
/* A damaged body is whole again; from: the site that gave it, "" none did. */
void fy_cs_damage_mended(struct fy_cs *self, int64_t body_id, const char *from);

/* catalogue_sql_conflict.c */
/* Keeps the object's body as the loser against this order, which is about to change the row. */
void fy_cs_conflict_add(struct fy_cs *self, const struct fy_cs_container *container,
                        const struct fy_order *order);
/* Forgets the oldest one if it lost before that time; false: there is none. */
bool fy_cs_conflict_purge(struct fy_cs *self, int64_t before_ms);

/* catalogue_sql_object.c */
/* The order of a local change, all but what is particular to it. */
void fy_cs_order_begin(struct fy_order *order, enum fy_action action, const struct fy_stamp *stamp,
                       const char *op_id, const char *client, const char *bucket);

/* catalogue_sql_outcome.c */
/* What has become of an order: its row, for who asks, and if it is final an event, for who is told.
 */
struct fy_cs_end {
    const struct fy_order *order;
    enum fy_direction direction;
    enum fy_outcome outcome;
    enum fy_reason reason;
    const char *detail; /* NULL none */
};
void fy_cs_outcome_put(struct fy_cs *self, const struct fy_cs_end *end);
void fy_cs_outbox_add(struct fy_cs *self, const struct fy_order *order);
/* An order of a client's own operation here: to the outbox, with its outcome row. */
void fy_cs_outbox_local(struct fy_cs *self, struct fy_order *order, const char *account);

/* catalogue_sql_event.c */
void fy_cs_event_add(struct fy_cs *self, const struct fy_cs_end *end);
/* Begins an event with its key; what is added to the buffer then is its JSON, up to
 * fy_cs_event_end, which takes *record. */
struct fy_buf *fy_cs_event_begin(struct fy_cs *self, enum fy_event_stream stream, const void *key,
                                 size_t key_bytes, size_t *record);
void fy_cs_event_end(struct fy_cs *self, enum fy_event_stream stream, size_t record);
/* Writes what the transaction has to tell, and forgets it: one that has failed tells nothing. */
void fy_cs_events_save(struct fy_cs *self);

/* catalogue_sql_oio.c: what is told of containers, on topic oio; nothing where nobody is told. */
/* Whose change it is from now on, and what a container is made with, as the operation says. */
void fy_cs_asker_set(struct fy_cs *self, const struct fy_cat_op *op);
/* The container is there from now on, made with these properties (0 none), or it is there no more.
 * fy_cs_container_settle tells it. */
void fy_cs_tell_container_made(struct fy_cs *self, const struct fy_cs_container *container,
                               const struct fy_property *properties, size_t count);
void fy_cs_tell_container_gone(struct fy_cs *self, const struct fy_cs_container *container);
/* Its properties are about to change: these are set, cleared by a set (""), or deleted (NULL);
 * flush: clients' others go. */
void fy_cs_tell_container_changes(struct fy_cs *self, const struct fy_cs_container *container,
                                  const struct fy_property *properties, size_t count, bool flush);
/* Its sums are told within FY_OIO_STATE_MS. fy_cs_sum_add sees to it; asker, NULL none, is for who
 * only wants them told. */
void fy_cs_tell_state(struct fy_cs *self, int64_t container_id, const struct fy_cat_asker *asker);
/* A version was written (a delete marker too), changed or erased: FY_OIO_CONTENT_*. */
void fy_cs_tell_content(struct fy_cs *self, enum fy_oio_kind kind,
                        const struct fy_cs_container *container,
                        const struct fy_oio_content *content);
/* The same of what fy_cs_object_ready has written; old is what was there. */
void fy_cs_tell_written(struct fy_cs *self, const struct fy_cs_container *container,
                        const char *name, const struct fy_cs_object *old,
                        const struct fy_cs_ready *ready);
/* The name is deleted. marker: number of the delete marker that is there now; 0 none. */
void fy_cs_tell_deleted(struct fy_cs *self, const struct fy_cs_container *container,
                        const char *name, const struct fy_cs_object *old, int64_t marker,
                        const struct fy_stamp *stamp);
/* The version or delete marker that the object row was is erased, unless it stays as another row.
 */
void fy_cs_tell_erased(struct fy_cs *self, const struct fy_cs_container *container,
                       const char *name, const struct fy_cs_object *old);
void fy_cs_tell_version(struct fy_cs *self, enum fy_oio_kind kind,
                        const struct fy_cs_container *container, const char *name,
                        const struct fy_object_row *row);

/* catalogue_sql_export.c */
/* Texts that the line of a version borrows. */
struct fy_cs_version_texts {
    char name[FY_OBJECT_BYTES_MAX + 1];
    char id[FY_GUID_DIGITS + 1];
    char hash[FY_HASH_BYTES_MAX + 1];
    char metadata[FY_METADATA_BYTES_MAX + 1];
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
};
/* VERSION_LINE_COLUMNS; the container's names are the caller's. */
void fy_cs_take_version_line(struct fy_cs_use *use, struct fy_cs_version_texts *texts,
                             struct fy_export_line *record);
/* The value of a property in as many lines as it takes: false when all of it is in some. */
struct fy_cs_property_cut {
    const char *rest; /* of the value */
    int64_t characters;
    bool begun;
    char piece[FY_EXPORT_VALUE_BYTES + 1];
};
bool fy_cs_property_next(struct fy_cs_property_cut *cut, struct fy_export_line *record);

/* catalogue_sql_journal.c */
/* Notes what the transaction has changed, as its row is from now on. */
void fy_cs_journal_add(struct fy_cs *self, const struct fy_export_line *record);
void fy_cs_journal_bucket(struct fy_cs *self, const struct fy_cs_container *container);
/* Of a READY object that was changed where it is. */
void fy_cs_journal_object(struct fy_cs *self, const struct fy_cs_container *container,
                          const struct fy_object_row *row);
/* Of a version in the table of versions that was made, changed or removed: as it is now, or that
 * there is none of that number. */
void fy_cs_journal_version(struct fy_cs *self, const struct fy_cs_container *container,
                           const char *name, int64_t number);
/* As above, of one that is known to be removed: nothing is read for it. */
void fy_cs_journal_version_gone(struct fy_cs *self, const struct fy_cs_container *container,
                                const char *name, int64_t number);
/* Of a container's property; value NULL: it is not set any more. */
void fy_cs_journal_property(struct fy_cs *self, const struct fy_cs_container *container,
                            const char *key, const char *value);
/* No property whose key begins with prefix is set any more; "" none at all. */
void fy_cs_journal_properties_gone(struct fy_cs *self, const struct fy_cs_container *container,
                                   const char *prefix);
/* Of a container whose row's rules have changed. What a freeze that ended by itself was is not
 * told. */
void fy_cs_journal_rules(struct fy_cs *self, const struct fy_cs_container *container);
/* Writes what the transaction has noted, and forgets it. */
void fy_cs_journal_save(struct fy_cs *self);
/* Notes that anything may have changed: all is written down anew. Also of changes that are too many
 * for lines (a container that a snapshot has made, when it is shown). */
void fy_cs_journal_all(struct fy_cs *self);
/* Gives a catalogue without identity one; when it is opened. */
void fy_cs_identity_make(struct fy_cs *self);

/* catalogue_sql_waiting.c */
void fy_cs_waiting_remove(struct fy_cs *self, int64_t id);
/* Orders of the key that wait here with a stamp up to this one have nothing left to do. The order
 * itself may be among them: its outcome is the caller's to tell. */
void fy_cs_waiting_supersede(struct fy_cs *self, const struct fy_order *order);
/* Notices that nothing of direction IN waits, so that applying need not look. */
void fy_cs_waiting_refresh(struct fy_cs *self);
void fy_cs_take_waiting(struct fy_cs_use *use, struct fy_waiting_row *row);
bool fy_cs_waiting_get(struct fy_cs_conn *conn, int64_t id, struct fy_waiting_row *row);
/* The list a filter asks for, all but its id: the statement whose index leads, and its parameters.
 */
enum fy_cs_sql fy_cs_waiting_list_sql(const struct fy_waiting_filter *filter);
void fy_cs_waiting_list_bind(struct fy_cs_use *use, const struct fy_waiting_filter *filter,
                             int64_t after_id, int64_t row_count);
bool fy_cs_waiting_passes(const struct fy_waiting_filter *filter, const struct fy_waiting_row *row);

/* Target sites. FY_ENOTFOUND: one of them is not known here. */
enum fy_code fy_cs_targets_known(struct fy_cs *self, const char *targets, struct fy_err *err);
void fy_cs_targets_put(struct fy_cs *self, const struct fy_cs_container *container,
                       const char *targets);
void fy_cs_right_put(struct fy_cs *self, const char *client, const char *bucket, unsigned rights,
                     bool revoked);
/* client "": all on the bucket. */
void fy_cs_right_delete(struct fy_cs *self, const char *client, const char *bucket);
bool fy_cs_site_is_known(struct fy_cs *self, const char *id);
/* Inserts the site, or makes it what the row says. */
void fy_cs_site_put(struct fy_cs *self, const struct fy_site_row *row);
void fy_cs_site_delete(struct fy_cs *self, const char *id);
void fy_cs_set_visible(struct fy_cs *self, const struct fy_cs_container *container, bool visible);

/* catalogue_sql_snapshot.c and _end.c */
#define FY_CS_COPY_NAME_BYTES 21 /* of an id in decimal */
/* The name of the container without account into which one is copied that will have the name of the
 * one with this id. */
void fy_cs_snapshot_name(int64_t place_id, char name[static FY_CS_COPY_NAME_BYTES]);
enum fy_code fy_cs_snapshot_order(struct fy_cs *self, struct fy_cat_snapshot *snapshot);
enum fy_code fy_cs_snapshot_undo(struct fy_cs *self, struct fy_cat_snapshot *snapshot);

#endif
