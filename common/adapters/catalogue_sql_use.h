/* catalogue_sql_use.h - statements by name, and what an engine does with them. */
#ifndef FY_ADAPTERS_CATALOGUE_SQL_USE_H
#define FY_ADAPTERS_CATALOGUE_SQL_USE_H

#include "common/ports/catalogue.h"

/* Every statement by name; the texts are in catalogue_sql_texts.c and, where dialects differ, in
 * the engine's table. */
enum fy_cs_sql {
    FY_CS_BEGIN_READ,
    FY_CS_BEGIN_WRITE,
    FY_CS_COMMIT,
    FY_CS_ROLLBACK,

    FY_CS_LEASE_ALL_DEAD,
    FY_CS_CLAIMS_FREE,
    FY_CS_LEASE_DEAD_SLOT,
    FY_CS_LEASE_COUNT,
    FY_CS_LEASE_TAKE,
    FY_CS_LEASE_ALIVE,
    FY_CS_LEASE_RENEW,
    FY_CS_LEASE_SAVE,
    FY_CS_LEASE_RELEASE,
    FY_CS_COUNTERS_ADD,
    FY_CS_COUNTERS_GET,

    FY_CS_CONTAINER_BY_KEY,
    FY_CS_CONTAINER_BY_CCS_NAME,
    FY_CS_CONTAINER_BY_CID,
    FY_CS_CONTAINER_BY_ID,
    FY_CS_CONTAINER_TARGETS,
    FY_CS_CONTAINER_SET_TARGETS,
    FY_CS_CONTAINER_INSERT,
    FY_CS_CONTAINER_REGISTER,
    FY_CS_CONTAINER_DESCRIBE,
    FY_CS_CONTAINER_THERE,
    FY_CS_CONTAINER_VISIBLE,
    FY_CS_CONTAINER_HAS_READY,
    FY_CS_CONTAINER_RULES,
    FY_CS_CONTAINER_FILLED,
    FY_CS_CONTAINER_HEIRS,
    FY_CS_CONTAINER_LIST,
    FY_CS_CONTAINER_WALK,
    FY_CS_CONTAINER_AGED,
    FY_CS_CONTAINER_LEFT,
    FY_CS_CONTAINER_EMPTIED,
    FY_CS_MARKER_IN,
    FY_CS_VERSION_IN,
    FY_CS_CONTAINER_DELETE,
    FY_CS_PROPERTY_LIST,
    FY_CS_PROPERTY_SIZES,
    FY_CS_PROPERTY_PUT,
    FY_CS_PROPERTY_DELETE,
    FY_CS_PROPERTY_DELETE_USER,
    FY_CS_PROPERTY_DELETE_ALL,
    FY_CS_SUM_ADD,
    FY_CS_SUM_GET,
    FY_CS_SUM_DELETE,
    FY_CS_SUM_CORRECTIONS,
    FY_CS_SUM_CORRECTED,

    FY_CS_RIGHT_GET,
    FY_CS_RIGHT_PUT,
    FY_CS_RIGHT_DELETE,
    FY_CS_RIGHT_DELETE_BUCKET,
    FY_CS_RIGHT_COUNT_BUCKET,
    FY_CS_RIGHT_LIST,

    FY_CS_OBJECT_REGISTER,
    FY_CS_OBJECT_READY,
    FY_CS_OBJECT_TOMBSTONE,
    FY_CS_OBJECT_UPLOAD,
    FY_CS_OBJECT_UPLOAD_OVER,
    FY_CS_OBJECT_STATUS,
    FY_CS_OBJECT_GET,
    FY_CS_OBJECT_LIST,
    FY_CS_OBJECT_LIST_READY,
    FY_CS_OBJECT_LIST_REST,
    FY_CS_OBJECT_MARKS,
    FY_CS_OBJECT_PREFIX_READY,
    FY_CS_OBJECT_UNDELETE,
    FY_CS_OBJECT_LET_GO,
    FY_CS_OBJECT_KEPT_AGED,
    FY_CS_OBJECT_AGED,
    FY_CS_OBJECT_DELETE,

    FY_CS_OBJECT_MARKER,

    FY_CS_CONTAINER_REGISTERED,
    FY_CS_VERSION_GET,
    FY_CS_VERSION_NEWER,
    FY_CS_VERSION_TOP,
    FY_CS_VERSION_OLDER,
    FY_CS_VERSION_OLDEST,
    FY_CS_VERSION_BEYOND,
    FY_CS_VERSION_UP_TO,
    FY_CS_VERSION_ADD,
    FY_CS_VERSION_ADD_REGISTERED,
    FY_CS_VERSION_KEEP,
    FY_CS_VERSION_KEEP_MARKER,
    FY_CS_VERSION_METADATA,
    FY_CS_VERSION_LIST_READY,
    FY_CS_VERSION_LIST_MARKER,
    FY_CS_VERSION_LIST_REGISTERED,
    FY_CS_VERSION_LIST,
    FY_CS_VERSION_LIST_NAME,

    FY_CS_FLUSH_READY,
    FY_CS_FLUSH_MARKERS,
    FY_CS_FLUSH_VERSIONS,

    FY_CS_SNAPSHOT_MAKE,
    FY_CS_SNAPSHOT_PROPERTIES,
    FY_CS_SNAPSHOT_COPIED,
    FY_CS_SNAPSHOT_HIDDEN,
    FY_CS_SNAPSHOT_HELD,
    FY_CS_SNAPSHOT_FLOOR,
    FY_CS_SNAPSHOT_OBJECTS,
    FY_CS_SNAPSHOT_TOMBSTONES,
    FY_CS_SNAPSHOT_VERSIONS,
    FY_CS_SNAPSHOT_HIDES,
    FY_CS_SNAPSHOT_RENAME,
    FY_CS_SNAPSHOT_OWED,
    FY_CS_SNAPSHOT_OWED_ANY,
    FY_CS_SNAPSHOT_OWES,
    FY_CS_SNAPSHOT_PLACE,
    FY_CS_SNAPSHOT_LEAVE,
    FY_CS_SNAPSHOT_DEAD,
    FY_CS_SNAPSHOT_ROWS,
    FY_CS_SNAPSHOT_ROWS_OF_VERSION,
    FY_CS_SNAPSHOT_ROWS_DELETE,
    FY_CS_SNAPSHOT_VERSIONS_DELETE,

    FY_CS_BODY_INSERT,
    FY_CS_BODY_INSERT_AS,
    FY_CS_BODY_MOVE,
    FY_CS_BODY_FIND,
    FY_CS_BODY_GET,
    FY_CS_BODY_BY_REF,
    FY_CS_BODY_USED,
    FY_CS_BODY_DELETE,
    FY_CS_BODY_LIST,
    FY_CS_BODY_OBJECTS,
    FY_CS_BODY_MARK,
    FY_CS_LOOSE_ADD,
    FY_CS_LOOSE_LIST,
    FY_CS_LOOSE_DELETE,
    FY_CS_TRASH_ADD,
    FY_CS_TRASH_GET,
    FY_CS_TRASH_DUE,
    FY_CS_TRASH_DELETE,

    FY_CS_DAMAGE_PUT,
    FY_CS_DAMAGE_MENDED,
    FY_CS_DAMAGE_LIST,
    FY_CS_DAMAGE_COUNT,
    FY_CS_SCAN_GET,
    FY_CS_SCAN_PUT,

    FY_CS_CONFLICT_ADD,
    FY_CS_CONFLICT_AGED,
    FY_CS_CONFLICT_BODY,
    FY_CS_CONFLICT_DELETE,
    FY_CS_CONFLICT_LIST_ID,
    FY_CS_CONFLICT_LIST_BUCKET,
    FY_CS_CONFLICT_LIST_SITE,
    FY_CS_CONFLICT_LIST,

    FY_CS_OUTBOX_ADD,
    FY_CS_OUTBOX_READ,
    FY_CS_OUTBOX_DELETE,
    FY_CS_OUTBOX_OLDEST,

    FY_CS_EVENT_ADD,
    FY_CS_EVENT_READ,
    FY_CS_EVENT_OLDEST,
    FY_CS_EVENT_DELETE,
    FY_CS_EVENT_COUNT,
    FY_CS_STATE_DUE_PUT,
    FY_CS_STATE_DUE_LIST,
    FY_CS_STATE_DUE_TAKE,

    FY_CS_OUTCOME_PUT,
    FY_CS_OUTCOME_EXACT,
    FY_CS_OUTCOME_ARRAY,
    FY_CS_OUTCOME_PURGE,

    FY_CS_WAITING_BY_KEY,
    FY_CS_WAITING_BY_ORDER,
    FY_CS_WAITING_POISON,
    FY_CS_WAITING_GET,
    FY_CS_WAITING_INSERT,
    FY_CS_WAITING_UPDATE,
    FY_CS_WAITING_DELETE,
    FY_CS_WAITING_OLDER,
    FY_CS_WAITING_DUE,
    FY_CS_WAITING_DUE_COUNT,
    FY_CS_WAITING_CLAIM,
    FY_CS_WAITING_NEXT,
    FY_CS_WAITING_RETRY,
    FY_CS_WAITING_WAKE,
    FY_CS_WAITING_LIST_BUCKET,
    FY_CS_WAITING_LIST_SITE,
    FY_CS_WAITING_LIST_REASON,
    FY_CS_WAITING_LIST_STATE,
    FY_CS_WAITING_LIST,
    FY_CS_WAITING_COUNTS,
    FY_CS_WAITING_TOTALS,
    FY_CS_WAITING_ANY_IN,

    FY_CS_SITE_INSERT,
    FY_CS_SITE_UPDATE,
    FY_CS_SITE_DELETE,
    FY_CS_SITE_PAUSE,
    FY_CS_SITE_COUNT,
    FY_CS_SITE_GET,
    FY_CS_SITE_LIST,

    FY_CS_IDENTITY_GET,
    FY_CS_IDENTITY_ADD,
    FY_CS_IDENTITY_SET,
    FY_CS_IDENTITY_EXPORTING,
    FY_CS_JOURNAL_ADD,
    FY_CS_JOURNAL_READ,
    FY_CS_JOURNAL_DELETE,
    FY_CS_EXPORT_CONTAINERS,
    FY_CS_EXPORT_OBJECTS,
    FY_CS_EXPORT_VERSIONS,
    FY_CS_EXPORT_VERSIONS_OF_NAME,
    FY_CS_EXPORT_VERSION,
    FY_CS_EXPORT_PROPERTIES,
    FY_CS_EXPORT_RIGHTS,
    FY_CS_CONTAINER_RESTORE,
    FY_CS_PROPERTY_RESTORE,
    FY_CS_PROPERTY_REMOVE_PREFIX,
    FY_CS_OBJECT_RESTORE,
    FY_CS_VERSION_RESTORE,
    FY_CS_VERSION_REMOVE,

    /* Pages of an audit, to the last: each is asked for once. */
    FY_CS_AUDIT_ENGINE,
    FY_CS_AUDIT_CONTAINERS,
    FY_CS_AUDIT_SUM_OBJECTS,
    FY_CS_AUDIT_SUM_VERSIONS,
    FY_CS_AUDIT_OBJECTS,
    FY_CS_AUDIT_VERSIONS,
    FY_CS_AUDIT_BODIES,
    FY_CS_AUDIT_CONFLICTS,
    FY_CS_AUDIT_WAITING,
    FY_CS_AUDIT_OUTBOX,
    FY_CS_AUDIT_EVENTS,
    FY_CS_BACKFILL_INSERT,
    FY_CS_BACKFILL_SAVE,
    FY_CS_BACKFILL_CANCEL,
    FY_CS_BACKFILL_GET,
    FY_CS_BACKFILL_LIST,
    FY_CS_BACKFILL_LIST_RUNNING,
    FY_CS_BACKFILL_COUNT_RUNNING,
    FY_CS_BACKFILL_SAME,
    FY_CS_BACKFILL_FORGET,
    FY_CS_SQL_COUNT
};

struct fy_cs;
struct fy_cs_engine;

/* One connection; first member of an engine's own. One thread at a time. */
struct fy_cs_conn {
    const struct fy_cs_engine *engine;
    struct fy_err err; /* code FY_OK, or the first failure since clear */
    bool again;        /* the failure is another process's doing: the batch may simply run again */
};

/* One use of a statement; parameters and columns are taken in the order of its text. One at a time
 * on a connection. */
struct fy_cs_use {
    struct fy_cs_conn *conn;
    void *statement; /* the engine's; NULL after a failure of the connection */
    int parameter;
    int column;
};

/* What an engine does. Not called on a connection that has failed. */
struct fy_cs_engine {
    const char *const *texts; /* its own statements; NULL: the common one */
    uint32_t scan_rows;       /* rows a page looks at for its filter, in one statement */
    bool shared;              /* other processes may have the same catalogue */

    /* Statements. start sets use->statement or fails the connection. */
    void (*start)(struct fy_cs_use *use, enum fy_cs_sql sql);
    void (*text)(struct fy_cs_use *use, const char *text);
    void (*blob)(struct fy_cs_use *use, const void *bytes, size_t size_bytes);
    void (*i64)(struct fy_cs_use *use, int64_t value);
    bool (*row)(struct fy_cs_use *use);
    int64_t (*take_i64)(struct fy_cs_use *use);
    bool (*take_null)(struct fy_cs_use *use);
    const void *(*take_blob)(struct fy_cs_use *use, size_t *size_bytes); /* texts as well */
    int64_t (*run)(struct fy_cs_use *use);                               /* rows changed */
    void (*send)(struct fy_cs_use *use, bool exactly_one); /* nobody waits for what it did */
    void (*end)(struct fy_cs_use *use);

    /* A reader after a failure: as good as new, or failing again when it is next used. */
    void (*reader_heal)(struct fy_cs_conn *reader);
    /* Transactions of the writer. begin reads lease_alive; end commits, or rolls back what failed,
     * and tells. */
    void (*write_begin)(struct fy_cs *self, struct fy_cat_op *const *ops, size_t count);
    enum fy_code (*write_end)(struct fy_cs *self, struct fy_err *err);
    /* Whether this transaction alone decides about containers of that name; else it fails to be
     * run again, as one that does. NULL: always. */
    bool (*own_name)(struct fy_cs *self, const char *name);
    /* An id for a body that is about to be made, 0 none: its row tells. NULL: never. */
    int64_t (*body_id)(struct fy_cs *self);
    /* Before so many looks are answered one after the other. May be NULL. */
    void (*look_ahead)(struct fy_cs *self, struct fy_cs_conn *reader, struct fy_cat_look *looks,
                       size_t count);
    /* Whether this process pumps the outbox and the events now; a failure is the reader's. NULL:
     * always. */
    bool (*may_pump)(struct fy_cs *self, struct fy_cs_conn *reader);
    /* Deletes rows of the outbox at once; how many there were. NULL: one after the other. */
    int64_t (*outbox_delete)(struct fy_cs *self, const int64_t *ids, size_t count);
    /* Once a second, in the transaction that renews the lease; bury: as struct fy_cat_lease_renew
     * has it, the result too. May be NULL. */
    uint32_t (*renewed)(struct fy_cs *self, bool bury);
    void (*close)(struct fy_cs *self); /* frees everything */
};

/* Forgets a failure, so that the next statement runs. */
void fy_cs_conn_clear(struct fy_cs_conn *conn);
static inline bool fy_cs_conn_failed(const struct fy_cs_conn *conn)
{
    return conn->err.code != FY_OK;
}

struct fy_cs_use fy_cs_use(struct fy_cs_conn *conn, enum fy_cs_sql sql);
/* Texts and blobs are borrowed until fy_cs_end. */
void fy_cs_text(struct fy_cs_use *use, const char *text);
void fy_cs_blob(struct fy_cs_use *use, const void *bytes, size_t size_bytes);
void fy_cs_i64(struct fy_cs_use *use, int64_t value);
void fy_cs_stamp(struct fy_cs_use *use, const struct fy_stamp *stamp); /* two parameters */
/* A sentence for people, cut and cleaned of what is no UTF-8. */
void fy_cs_prose(struct fy_cs_use *use, const char *text, char clean[static FY_ERR_TEXT_BYTES]);
/* Steps; true on a row. The columns are then taken in order. */
bool fy_cs_row(struct fy_cs_use *use);
int64_t fy_cs_take_i64(struct fy_cs_use *use); /* NULL reads as 0 */
bool fy_cs_take_null(struct fy_cs_use *use);   /* true, and the column taken, when it is NULL */
/* Too long for the field reads as "" and fails the connection: the row is not one of ours. */
void fy_cs_take_text(struct fy_cs_use *use, char *field, size_t field_bytes);
bool fy_cs_take_digest(struct fy_cs_use *use, struct fy_digest *digest); /* false: NULL */
void fy_cs_take_stamp(struct fy_cs_use *use, struct fy_stamp *stamp);    /* two columns */
const void *fy_cs_take_blob(struct fy_cs_use *use, size_t *size_bytes);  /* borrowed until end */
void fy_cs_end(struct fy_cs_use *use);
/* Runs a statement without rows and ends it; rows changed, 0 after a failure. */
int64_t fy_cs_run(struct fy_cs_use *use);
/* Like run, but what it changed is nobody's business: an engine may leave it on its way. */
void fy_cs_send(struct fy_cs_use *use);
/* Like send, of a statement that changes exactly one row by what this transaction has read. If it
 * does not, another process was faster, and the batch runs again. */
void fy_cs_expect(struct fy_cs_use *use);
/* A statement without parameters and rows. */
void fy_cs_exec(struct fy_cs_conn *conn, enum fy_cs_sql sql);
const char *fy_cs_sql_text(const struct fy_cs_engine *engine, enum fy_cs_sql sql);

#endif
