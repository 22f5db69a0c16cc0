/* queue_sqlite_file.c - the file: its lock, connections, schema, statements, SQLite errors. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/adapters/queue_sqlite_impl.h"

#define SCHEMA_VERSION 2

static const char schema_sql[] =
    "CREATE TABLE schema(version INTEGER NOT NULL);"
    "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " partition_count INTEGER NOT NULL);"
    /* Kept beside the records, which may all be trimmed while offsets go on. */
    "CREATE TABLE partitions(topic INTEGER NOT NULL, partition INTEGER NOT NULL,"
    " start_offset INTEGER NOT NULL, end_offset INTEGER NOT NULL,"
    " PRIMARY KEY(topic, partition)) WITHOUT ROWID;"
    "CREATE TABLE progress(group_name TEXT NOT NULL, topic INTEGER NOT NULL,"
    " partition INTEGER NOT NULL, committed INTEGER NOT NULL, epoch INTEGER NOT NULL, text TEXT,"
    " PRIMARY KEY(group_name, topic, partition)) WITHOUT ROWID;"
    /* id: topic << 54 | partition << 46 | offset, see queue_sqlite_impl.h. */
    "CREATE TABLE records(id INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, key BLOB,"
    " value BLOB, headers BLOB);"
    /* For people with a shell; Ferry does not use it. */
    "CREATE VIEW records_readable AS SELECT topics.name AS topic, (records.id >> 46) & 255 AS"
    " partition, records.id & ((1 << 46) - 1) AS offset, timestamp_ms, key, value, headers"
    " FROM records JOIN topics ON topics.id = records.id >> 54;"
    "INSERT INTO schema VALUES(2);";

static_assert(FY_SQLQ_OFFSET_BITS == 46, "the view knows the bits");
static_assert(FY_SQLQ_PARTITION_BITS == 8, "the view knows the bits");
static_assert(FY_SQLQ_FREE_MARK == '/', "the search for a free place knows the mark");
static_assert(SCHEMA_VERSION == 2, "the schema's last line knows the version");

/* Append only: the n-th brings a file of version n + 1 to the next. */
static const char *const upgrade_sql[] = {
    "BEGIN IMMEDIATE; ALTER TABLE progress ADD COLUMN text TEXT; UPDATE schema SET version = 2;"
    "COMMIT",
};
static_assert(FY_COUNT_OF(upgrade_sql) == SCHEMA_VERSION - 1, "every older file has its way up");

static const char *const statement_sql[FY_SQLQ_STATEMENT_COUNT] = {
    [FY_SQLQ_BEGIN] = "BEGIN IMMEDIATE",
    [FY_SQLQ_COMMIT] = "COMMIT",
    [FY_SQLQ_ROLLBACK] = "ROLLBACK",
    [FY_SQLQ_RECORD_ADD] = "INSERT INTO records(id, timestamp_ms, key, value, headers)"
                           " VALUES(?, ?, ?, ?, ?)",
    [FY_SQLQ_RECORDS_REMOVE] = "DELETE FROM records WHERE id >= ? AND id < ?",
    [FY_SQLQ_RECORD_FIND_YOUNG] = "SELECT id FROM records WHERE id >= ? AND id < ?"
                                  " AND timestamp_ms >= ? ORDER BY id LIMIT 1",
    [FY_SQLQ_PARTITION_SAVE] = "INSERT INTO partitions(topic, partition, start_offset, end_offset)"
                               " VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                               " start_offset = excluded.start_offset,"
                               " end_offset = excluded.end_offset",
    [FY_SQLQ_TOPIC_FIND] = "SELECT id FROM topics WHERE name = ?",
    [FY_SQLQ_TOPIC_ADD] = "INSERT INTO topics(id, name, partition_count) VALUES(?, ?, ?)",
    [FY_SQLQ_TOPIC_FIND_FREE] = "SELECT id FROM topics WHERE name GLOB '/*' AND"
                                " partition_count = ? LIMIT 1",
    [FY_SQLQ_TOPIC_NAME] = "UPDATE topics SET name = ? WHERE id = ?",
    [FY_SQLQ_PROGRESS_REMOVE] = "DELETE FROM progress WHERE topic = ?",
    [FY_SQLQ_PROGRESS_SAVE] = "INSERT INTO progress(group_name, topic, partition, committed, epoch,"
                              " text) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                              " committed = excluded.committed, epoch = excluded.epoch,"
                              " text = excluded.text",
    [FY_SQLQ_PAGE_COUNT] = "PRAGMA page_count",
    [FY_SQLQ_FREE_COUNT] = "PRAGMA freelist_count",
};

/* The errno of the last failed system call on the log, else on the file itself. The connection's
 * own (sqlite3_system_errno) is not set by a COMMIT that fails. */
static int last_errno(sqlite3 *db)
{
    sqlite3_file *log = NULL;
    int number = 0;
    /* A file that cannot tell leaves 0. */
    (void)sqlite3_file_control(db, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log != NULL && log->pMethods != NULL)
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &number);
    if (number == 0)
        (void)sqlite3_file_control(db, NULL, SQLITE_FCNTL_LAST_ERRNO, &number);
    return number;
}

/* A full disk hides behind several codes: SQLITE_FULL for ENOSPC, a failed write with EDQUOT at a
 * quota or EFBIG at a resource limit, and shared memory beside the file that cannot grow. */
static bool is_full(sqlite3 *db)
{
    int code = sqlite3_extended_errcode(db);
    if ((code & 0xff) == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE)
        return true;
    if (code != SQLITE_IOERR_WRITE && code != SQLITE_IOERR_TRUNCATE)
        return false;
    int number = last_errno(db);
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

enum fy_code fy_sqlq_failed(sqlite3 *db, const char *doing, struct fy_err *err)
{
    if (is_full(db))
        return fy_err_set(err, FY_EFULL, "%s: no space for the queue: %s", doing,
                          sqlite3_errmsg(db));
    int code = sqlite3_errcode(db) & 0xff;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return fy_err_set(err, FY_EBUSY, "%s: another program holds the queue's file: %s", doing,
                          sqlite3_errmsg(db));
    return fy_err_set(err, FY_EIO, "%s: %s (SQLite code %d, errno %d)", doing, sqlite3_errmsg(db),
                      sqlite3_extended_errcode(db), last_errno(db));
}

sqlite3_stmt *fy_sqlq_statement(struct fy_sqlq_file *file, enum fy_sqlq_statement statement)
{
    FY_ASSERT(file->statements[statement] != NULL);
    return file->statements[statement];
}

enum fy_code fy_sqlq_run(struct fy_sqlq_file *file, enum fy_sqlq_statement statement,
                         const char *doing, struct fy_err *err)
{
    sqlite3_stmt *prepared = fy_sqlq_statement(file, statement);
    enum fy_code code = FY_OK;
    if (sqlite3_step(prepared) != SQLITE_DONE)
        code = fy_sqlq_failed(file->db, doing, err);
    (void)sqlite3_reset(prepared); /* repeats the code of step */
    return code;
}

enum fy_code fy_sqlq_ask(struct fy_sqlq_file *file, enum fy_sqlq_statement statement,
                         const char *doing, int64_t *value, bool *found, struct fy_err *err)
{
    sqlite3_stmt *prepared = fy_sqlq_statement(file, statement);
    enum fy_code code = FY_OK;
    int step = sqlite3_step(prepared);
    *found = step == SQLITE_ROW;
    if (step == SQLITE_ROW)
        *value = sqlite3_column_int64(prepared, 0);
    else if (step != SQLITE_DONE)
        code = fy_sqlq_failed(file->db, doing, err);
    (void)sqlite3_reset(prepared); /* repeats the code of step */
    return code;
}

void fy_sqlq_bind_i64(sqlite3_stmt *statement, int index, int64_t value)
{
    int code = sqlite3_bind_int64(statement, index, value);
    FY_ASSERT(code == SQLITE_OK);
}

void fy_sqlq_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    int code = sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    FY_ASSERT(code == SQLITE_OK);
}

void fy_sqlq_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, size_t size_bytes)
{
    int code = sqlite3_bind_blob64(statement, index, bytes, size_bytes, SQLITE_STATIC);
    FY_ASSERT(code == SQLITE_OK);
}

/* Says who holds the lock, as far as the file tells. */
static enum fy_code lock_held(int fd, const char *path, struct fy_err *err)
{
    char holder[32] = "";
    ssize_t size_bytes = pread(fd, holder, sizeof(holder) - 1, 0);
    holder[size_bytes > 0 ? size_bytes : 0] = '\0';
    holder[strspn(holder, "0123456789")] = '\0';
    return fy_err_set(err, FY_EEXISTS, "%s is in use by another process%s%s", path,
                      holder[0] == '\0' ? "" : ", pid ", holder);
}

/* flock belongs to the open file, so it ends with the process however that dies; and it keeps a
 * second opening in the same process out too. A side file, since SQLite locks the queue's own. */
static enum fy_code lock_take(struct fy_sqlq_file *file, const char *path, struct fy_err *err)
{
    char name[4096];
    int size = snprintf(name, sizeof(name), "%s.lock", path);
    if (size < 0 || (size_t)size >= sizeof(name))
        return fy_err_set(err, FY_EIO, "the path of the queue is too long: %s", path);
    file->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->lock_fd < 0)
        return fy_err_set(err, FY_EIO, "cannot open %s: %s", name, strerror(errno));
    if (flock(file->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return lock_held(file->lock_fd, path, err);
        return fy_err_set(err, FY_EIO, "cannot lock %s: %s", name, strerror(errno));
    }
    char pid[32];
    int digits = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    /* Only a help for lock_held: on a full disk we do without. */
    if (ftruncate(file->lock_fd, 0) == 0)
        (void)!pwrite(file->lock_fd, pid, (size_t)digits, 0);
    return FY_OK;
}

static enum fy_code run_text(sqlite3 *db, const char *sql, const char *doing, struct fy_err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fy_sqlq_failed(db, doing, err);
    return FY_OK;
}

/* The first column of the first row; 0 when there is none. */
static enum fy_code ask_text(sqlite3 *db, const char *sql, int64_t *value, struct fy_err *err)
{
    sqlite3_stmt *statement = NULL;
    enum fy_code code = FY_OK;
    int step = SQLITE_ERROR;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK)
        step = sqlite3_step(statement);
    if (step == SQLITE_ROW)
        *value = sqlite3_column_int64(statement, 0);
    else if (step == SQLITE_DONE)
        *value = 0;
    else
        code = fy_sqlq_failed(db, "read the queue's file", err);
    (void)sqlite3_finalize(statement); /* repeats the code of step */
    return code;
}

/* Told after every commit, on the writer thread. */
static int on_wal(void *arg, sqlite3 *db, const char *schema, int pages)
{
    struct fy_sqlq_file *file = arg;
    (void)db;
    (void)schema;
    file->wal_pages = pages;
    return SQLITE_OK;
}

static enum fy_code configure_writer(struct fy_sqlq_file *file, int64_t bytes_max,
                                     struct fy_err *err)
{
    enum fy_code code = ask_text(file->db, "PRAGMA page_size", &file->page_bytes, err);
    if (code != FY_OK)
        return code;
    FY_ASSERT(file->page_bytes > 0);
    char pragmas[512];
    int size =
        snprintf(pragmas, sizeof(pragmas),
                 "PRAGMA mmap_size=0; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                 "PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY;"
                 "PRAGMA cache_size=-%d; PRAGMA journal_size_limit=%lld;"
                 "PRAGMA max_page_count=%lld",
                 FY_QUEUE_WRITER_CACHE_KIB, (long long)(FY_QUEUE_WAL_PAGES * file->page_bytes),
                 (long long)((bytes_max + FY_QUEUE_RESERVE_BYTES) / file->page_bytes));
    FY_ASSERT(size > 0);
    FY_ASSERT((size_t)size < sizeof(pragmas));
    int64_t is_wal = 0;
    code = run_text(file->db, pragmas, "set up the queue's file", err);
    if (code == FY_OK)
        code = ask_text(file->db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is_wal,
                        err);
    if (code != FY_OK)
        return code;
    if (is_wal == 0)
        return fy_err_set(err, FY_EIO, "the file system of the queue cannot do SQLite's WAL mode");
    (void)sqlite3_wal_hook(file->db, on_wal, file);         /* gives the former hook: none */
    (void)sqlite3_busy_timeout(file->db, FY_QUEUE_BUSY_MS); /* cannot fail */
    return FY_OK;
}

static enum fy_code schema_ensure(sqlite3 *db, struct fy_err *err)
{
    int64_t tables = 0;
    int64_t version = 0;
    enum fy_code code = ask_text(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (code != FY_OK)
        return code;
    if (tables == 0) {
        code = run_text(db, "BEGIN IMMEDIATE", "make the queue's file", err);
        if (code == FY_OK)
            code = run_text(db, schema_sql, "make the queue's file", err);
        if (code == FY_OK)
            code = run_text(db, "COMMIT", "make the queue's file", err);
        return code; /* the connection is closed on failure, which rolls back */
    }
    code = ask_text(db, "SELECT version FROM schema", &version, err);
    if (code != FY_OK)
        return fy_err_add(err, "not a queue of Ferry");
    for (; code == FY_OK && version >= 1 && version < SCHEMA_VERSION; version++)
        code = run_text(db, upgrade_sql[version - 1], "upgrade the queue's file", err);
    if (code == FY_OK && version != SCHEMA_VERSION)
        return fy_err_set(err, FY_EINTERNAL,
                          "the queue's file has schema %lld and this program knows up to %d: it was"
                          " written by a newer Ferry, use that one",
                          (long long)version, SCHEMA_VERSION);
    return code;
}

static enum fy_code prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement,
                            struct fy_err *err)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK)
        return fy_sqlq_failed(db, "prepare a statement of the queue", err);
    return FY_OK;
}

static enum fy_code connect_to(const char *path, int flags, sqlite3 **db, struct fy_err *err)
{
    int code = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    FY_ASSERT(*db != NULL);                      /* NULL only for want of memory */
    (void)sqlite3_extended_result_codes(*db, 1); /* cannot fail */
    if (code != SQLITE_OK)
        return fy_sqlq_failed(*db, "open the queue's file", err);
    return FY_OK;
}

enum fy_code fy_sqlq_file_open(struct fy_sqlq_file *file, const char *path, int64_t bytes_max,
                               struct fy_err *err)
{
    enum fy_code code = lock_take(file, path, err);
    if (code == FY_OK)
        code = connect_to(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &file->db, err);
    if (code == FY_OK)
        code = configure_writer(file, bytes_max, err);
    if (code == FY_OK)
        code = schema_ensure(file->db, err);
    for (size_t i = 0; i < FY_SQLQ_STATEMENT_COUNT && code == FY_OK; i++)
        code = prepare(file->db, statement_sql[i], &file->statements[i], err);
    return code;
}

void fy_sqlq_file_close(struct fy_sqlq_file *file)
{
    for (size_t i = 0; i < FY_SQLQ_STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(file->statements[i]); /* repeats an old code; NULL is fine */
    int code = sqlite3_close(file->db); /* the last connection: checkpoints and removes the log */
    FY_ASSERT(code == SQLITE_OK);       /* all its statements are finalized */
    if (file->lock_fd >= 0)
        (void)close(file->lock_fd); /* lets go of the lock; nothing to do about an error */
    *file = (struct fy_sqlq_file){.lock_fd = -1};
}

static enum fy_code configure_reader(sqlite3 *db, struct fy_err *err)
{
    char pragmas[128];
    int size = snprintf(pragmas, sizeof(pragmas),
                        "PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-%d",
                        FY_QUEUE_READER_CACHE_KIB);
    FY_ASSERT(size > 0);
    FY_ASSERT((size_t)size < sizeof(pragmas));
    int code = sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    FY_ASSERT(code == SQLITE_OK);
    (void)sqlite3_busy_timeout(db, FY_QUEUE_BUSY_MS); /* cannot fail */
    return run_text(db, pragmas, "set up a reader of the queue", err);
}

enum fy_code fy_sqlq_reader_open(const char *path, const char *sql, sqlite3 **db,
                                 sqlite3_stmt **statement, struct fy_err *err)
{
    enum fy_code code = connect_to(path, SQLITE_OPEN_READONLY, db, err);
    if (code == FY_OK)
        code = configure_reader(*db, err);
    if (code == FY_OK)
        code = prepare(*db, sql, statement, err);
    if (code != FY_OK)
        fy_sqlq_reader_close(db, statement);
    return code;
}

void fy_sqlq_reader_close(sqlite3 **db, sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats an old code; NULL is fine */
    *statement = NULL;
    int code = sqlite3_close(*db);
    FY_ASSERT(code == SQLITE_OK); /* its one statement is finalized */
    *db = NULL;
}
