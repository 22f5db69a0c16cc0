/* catalogue_sqlite_internal.h - what the files of the SQLite catalogue share; nobody else includes
 * it. */
/*
 * catalogue_sqlite.c         open, lock, transactions, the table of the engine
 * catalogue_sqlite_schema.c  tables and migrations
 * catalogue_sqlite_sql.c     connections; statements prepared, bound, read; errors
 *
 * Names that leave a file begin with fy_csl_.
 */
#ifndef FY_ADAPTERS_CATALOGUE_SQLITE_INTERNAL_H
#define FY_ADAPTERS_CATALOGUE_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/adapters/catalogue_sqlite.h"

/* Page caches. The writer's holds what a batch of FY_CAT_BATCH_MAX changes: beyond it pages go to
 * the WAL and come back within one transaction. Readers live on the kernel's cache of the file. */
#define FY_CSL_WRITER_KIB 8192
#define FY_CSL_READER_KIB 512
#define FY_CSL_BUSY_MS    2000 /* a checkpoint waits so long for readers, a reader for recovery */
/* WAL pages after which the writer moves them home (32 MB), and after which it waits for readers to
 * let go of them (128 MB). Between two moves a page that changes often is written home once. */
#define FY_CSL_CHECKPOINT      8000
#define FY_CSL_CHECKPOINT_HARD 32000
#define FY_CSL_WAL_KEPT_BYTES  (64 << 20) /* a longer WAL is cut to this once it is home */
#define FY_CSL_SCAN_ROWS       1024

/* One connection with its prepared statements. */
struct fy_csl_conn {
    struct fy_cs_conn conn; /* first, so that a struct fy_cs_conn * converts back */
    sqlite3 *db;
    sqlite3_stmt *statements[FY_CS_SQL_COUNT]; /* prepared when first used */
    int wal_pages;                             /* the writer's: in the WAL after the last commit */
};

struct fy_csl {
    struct fy_cs cs; /* first */

    /* Written once by open, then read by any thread. */
    char *path;
    int lock_fd;
    uint32_t reader_count;

    struct fy_csl_conn writer;
    struct fy_csl_conn readers[FY_CS_READERS_MAX];
};

extern const struct fy_cs_engine fy_csl_engine;
extern const char *const fy_csl_texts[FY_CS_SQL_COUNT];

static inline struct fy_csl_conn *fy_csl_conn_from(struct fy_cs_conn *conn)
{
    return FY_CONTAINER_OF(conn, struct fy_csl_conn, conn);
}
/* Opens a connection with our settings; the writer creates the file. Errors: FY_EIO, FY_EBUSY. */
FY_MUST_CHECK enum fy_code fy_csl_conn_open(struct fy_csl_conn *conn, const char *path, bool writer,
                                            struct fy_err *err);
void fy_csl_conn_close(struct fy_csl_conn *conn); /* half-opened too */
/* Records what SQLite said; see the table of codes there. */
void fy_csl_conn_fail(struct fy_csl_conn *conn, int result);

/* Brings the file to that schema, unless it is past it; 0 is the newest, another only for tests of
 * old files. Errors: FY_EINTERNAL it is newer than this program; others as SQLite's. */
FY_MUST_CHECK enum fy_code fy_csl_schema_migrate(struct fy_csl_conn *writer, int wanted,
                                                 struct fy_err *err);

/* The verbs of struct fy_cs_engine. */
void fy_csl_start(struct fy_cs_use *use, enum fy_cs_sql sql);
void fy_csl_text(struct fy_cs_use *use, const char *text);
void fy_csl_blob(struct fy_cs_use *use, const void *bytes, size_t size_bytes);
void fy_csl_i64(struct fy_cs_use *use, int64_t value);
bool fy_csl_row(struct fy_cs_use *use);
int64_t fy_csl_take_i64(struct fy_cs_use *use);
bool fy_csl_take_null(struct fy_cs_use *use);
const void *fy_csl_take_blob(struct fy_cs_use *use, size_t *size_bytes);
int64_t fy_csl_run(struct fy_cs_use *use);
void fy_csl_send(struct fy_cs_use *use, bool exactly_one);
void fy_csl_end(struct fy_cs_use *use);

#endif
