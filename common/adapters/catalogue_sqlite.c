/* catalogue_sqlite.c - the catalogue port on one SQLite file. */
/*
 * One process has the file (a lock on a file beside it), one thread of it writes. The writing
 * connection alone moves the WAL home; readers have connections of their own that can do neither
 * (ENGINE 5, pitfall 19). A batch is one transaction with one fsync of the WAL.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/adapters/catalogue_sqlite_internal.h"
#include "common/core/log.h"

static struct fy_csl *csl_from(struct fy_cs *cs)
{
    return FY_CONTAINER_OF(cs, struct fy_csl, cs);
}

/* ------------------------------------------------------------------ transactions */

static bool in_transaction(const struct fy_csl_conn *conn)
{
    return sqlite3_get_autocommit(conn->db) == 0;
}

static void reader_heal(struct fy_cs_conn *reader)
{
    if (in_transaction(fy_csl_conn_from(reader)))
        fy_cs_exec(reader, FY_CS_ROLLBACK);
}

static bool lease_is_alive(struct fy_cs *cs)
{
    bool alive = false;
    if (cs->boot_id[0] == '\0')
        return false;
    struct fy_cs_use use = fy_cs_use(cs->writer, FY_CS_LEASE_ALIVE);
    fy_cs_text(&use, cs->boot_id);
    if (fy_cs_row(&use))
        alive = fy_cs_take_i64(&use) > 0;
    fy_cs_end(&use);
    return alive;
}

static void write_begin(struct fy_cs *cs, struct fy_cat_op *const *ops, size_t count)
{
    (void)ops; /* one writer needs no plan */
    (void)count;
    FY_ASSERT(!in_transaction(fy_csl_conn_from(cs->writer)));
    fy_cs_exec(cs->writer, FY_CS_BEGIN_WRITE);
    cs->lease_alive = lease_is_alive(cs);
}

/* Moves the WAL home once it is long. Busy readers leave it to the next time, until it is too long.
 */
static void checkpoint(struct fy_csl *self)
{
    int pages = self->writer.wal_pages;
    if (pages < FY_CSL_CHECKPOINT)
        return;
    int mode =
        pages < FY_CSL_CHECKPOINT_HARD ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_RESTART;
    /* A failure loses nothing: what is committed is in the WAL, and the next commit tries again. */
    int result = sqlite3_wal_checkpoint_v2(self->writer.db, NULL, mode, NULL, NULL);
    if (result != SQLITE_OK && result != SQLITE_BUSY)
        fy_log(NULL, FY_WARN, "catalogue.checkpoint_failed",
               fy_kv_str("error", sqlite3_errmsg(self->writer.db)), fy_kv_i64("pages", pages));
}

static enum fy_code write_end(struct fy_cs *cs, struct fy_err *err)
{
    struct fy_csl *self = csl_from(cs);
    fy_cs_exec(cs->writer, FY_CS_COMMIT);
    if (!fy_cs_conn_failed(cs->writer)) {
        checkpoint(self);
        return FY_OK;
    }
    struct fy_err failure = cs->writer->err;
    fy_cs_conn_clear(cs->writer);
    if (in_transaction(&self->writer))
        fy_cs_exec(cs->writer, FY_CS_ROLLBACK);
    fy_cs_conn_clear(cs->writer);
    return fy_err_set(err, failure.code, "write the catalogue: %s", failure.text);
}

/* ------------------------------------------------------------------ open and close */

static enum fy_code lock_file(struct fy_csl *self, struct fy_err *err)
{
    size_t size = strlen(self->path) + sizeof ".lock";
    char *path = fy_alloc(size);
    (void)snprintf(path, size, "%s.lock", self->path);
    enum fy_code code = FY_OK;
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (self->lock_fd < 0)
        code = fy_err_set(err, FY_EIO, "open %s: %s", path, strerror(errno));
    else if (flock(self->lock_fd, LOCK_EX | LOCK_NB) != 0)
        code = errno == EWOULDBLOCK
                   ? fy_err_set(err, FY_EEXISTS,
                                "another process has the catalogue %s: stop that one first",
                                self->path)
                   : fy_err_set(err, FY_EIO, "lock %s: %s", path, strerror(errno));
    free(path);
    return code;
}

/* Whoever had the file before us is dead, and so is what it held. */
static enum fy_code bury_the_dead(struct fy_csl *self, struct fy_err *err)
{
    struct fy_cs *cs = &self->cs;
    fy_cs_write_begin(cs, NULL, 0);
    fy_cs_exec(cs->writer, FY_CS_LEASE_ALL_DEAD);
    fy_cs_exec(cs->writer, FY_CS_CLAIMS_FREE);
    fy_cs_identity_make(cs);
    fy_cs_waiting_refresh(cs);
    return fy_cs_write_end(cs, err);
}

static enum fy_code readers_open(struct fy_csl *self, struct fy_err *err)
{
    for (uint32_t index = 0; index < self->reader_count; index++) {
        enum fy_code code = fy_csl_conn_open(&self->readers[index], self->path, false, err);
        if (code != FY_OK)
            return code;
        fy_cs_reader_add(&self->cs, &self->readers[index].conn);
    }
    return FY_OK;
}

static void catalogue_close(struct fy_cs *cs)
{
    struct fy_csl *self = csl_from(cs);
    if (self->writer.db != NULL && self->lock_fd >= 0)
        fy_cs_lease_release(cs);
    /* Readers first: the last connection to go, the writer, moves the WAL home and removes it. */
    for (uint32_t index = 0; index < self->reader_count; index++)
        fy_csl_conn_close(&self->readers[index]);
    fy_csl_conn_close(&self->writer);
    if (self->lock_fd >= 0)
        (void)close(self->lock_fd); /* nothing was written to it */
    fy_cs_done(cs);
    free(self->path);
    free(self);
}

const struct fy_cs_engine fy_csl_engine = {
    .texts = fy_csl_texts,
    .scan_rows = FY_CSL_SCAN_ROWS,
    .start = fy_csl_start,
    .text = fy_csl_text,
    .blob = fy_csl_blob,
    .i64 = fy_csl_i64,
    .row = fy_csl_row,
    .take_i64 = fy_csl_take_i64,
    .take_null = fy_csl_take_null,
    .take_blob = fy_csl_take_blob,
    .run = fy_csl_run,
    .send = fy_csl_send,
    .end = fy_csl_end,
    .reader_heal = reader_heal,
    .write_begin = write_begin,
    .write_end = write_end,
    .close = catalogue_close,
};

static struct fy_csl *catalogue_new(const struct fy_catalogue_sqlite_settings *settings)
{
    struct fy_csl *self = fy_alloc(sizeof *self);
    fy_cs_init(&self->cs, &fy_csl_engine, &settings->common);
    self->cs.writer = &self->writer.conn;
    self->path = fy_strdup(settings->path);
    self->lock_fd = -1;
    self->reader_count = settings->common.reader_count;
    return self;
}

enum fy_code fy_catalogue_sqlite_open(const struct fy_catalogue_sqlite_settings *settings,
                                      struct fy_catalogue **catalogue, struct fy_err *err)
{
    FY_ASSERT(settings->common.reader_count >= 1);
    FY_ASSERT(settings->common.reader_count <= FY_CS_READERS_MAX);
    struct fy_csl *self = catalogue_new(settings);
    enum fy_code code = lock_file(self, err);
    if (code == FY_OK)
        code = fy_csl_conn_open(&self->writer, self->path, true, err);
    if (code == FY_OK)
        code = fy_csl_schema_migrate(&self->writer, 0, err);
    if (code == FY_OK)
        code = bury_the_dead(self, err);
    if (code == FY_OK)
        code = readers_open(self, err);
    if (code != FY_OK) {
        catalogue_close(&self->cs);
        return code;
    }
    *catalogue = &self->cs.port;
    return FY_OK;
}
