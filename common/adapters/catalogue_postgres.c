/* catalogue_postgres.c - the catalogue port on PostgreSQL: opening, the lease, the pump. */
/*
 * Any number of processes share it. Each has one connection that writes (one thread, as with every
 * engine) and a bounded pool that reads. Whose uploads, claims and pump are alive is told by the
 * lease rows, which a process renews every second by the server's clock; whoever renews buries
 * those that did not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_postgres_internal.h"

/* ------------------------------------------------------------------ leases */

/* Marks the lease dead unless it was renewed after that time; 1: it was. */
static int64_t bury(struct fy_pg *self, int64_t slot, int64_t renewed_ms)
{
    struct fy_cs_use use = fy_pg_use(self->cs.writer, FY_PG_LEASE_EXPIRE);
    fy_cs_i64(&use, slot);
    fy_cs_i64(&use, renewed_ms);
    return fy_cs_run(&use);
}

/* All slots are taken, and nobody may be there to bury the dead: their own times must do. */
static void bury_the_expired(struct fy_pg *self)
{
    int64_t slots[FY_CS_SLOTS], renewed_ms[FY_CS_SLOTS];
    size_t count = 0;
    struct fy_cs_use use = fy_pg_use(self->cs.writer, FY_PG_LEASE_EXPIRED);
    fy_cs_i64(&use, self->dead_ms);
    for (; count < FY_CS_SLOTS && fy_cs_row(&use); count++) {
        slots[count] = fy_cs_take_i64(&use);
        renewed_ms[count] = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    for (size_t index = 0; index < count; index++)
        (void)bury(self, slots[index], renewed_ms[index]);
}

/* Whoever comes back first after the server was away would find all others dead. So what a process
 * has seen of the others counts only while it renews its own lease all the time. */
static void watch(struct fy_pg *self)
{
    int64_t now_ms = fy_pg_now_ms();
    if (self->renewed_ms == 0 || now_ms - self->renewed_ms > self->dead_ms / 2)
        memset(self->seen, 0, sizeof self->seen);
    self->renewed_ms = now_ms;
}

/* Looks at the leases of the others. One that has stood still for dead_ms of our own clock is dead:
 * the server's may be set to another time, which must not end all processes but one. */
static size_t look_for_the_dead(struct fy_pg *self, int64_t slots[static FY_CS_SLOTS])
{
    size_t count = 0;
    int64_t now_ms = fy_pg_now_ms();
    struct fy_cs_use use = fy_pg_use(self->cs.writer, FY_PG_LEASES);
    while (fy_cs_row(&use)) {
        int64_t slot = fy_cs_take_i64(&use), renewed_ms = fy_cs_take_i64(&use);
        FY_ASSERT(slot >= 0);
        FY_ASSERT(slot < FY_CS_SLOTS);
        if (self->seen[slot].renewed_ms != renewed_ms) {
            self->seen[slot].renewed_ms = renewed_ms;
            self->seen[slot].since_ms = now_ms;
        } else if (slot != self->cs.slot && now_ms - self->seen[slot].since_ms >= self->dead_ms) {
            slots[count++] = slot;
        }
    }
    fy_cs_end(&use);
    return count;
}

static uint32_t bury_the_dead(struct fy_pg *self)
{
    int64_t slots[FY_CS_SLOTS], buried = 0;
    size_t count = look_for_the_dead(self, slots);
    for (size_t index = 0; index < count; index++)
        buried += bury(self, slots[index], self->seen[slots[index]].renewed_ms);
    return (uint32_t)buried;
}

static void fold(struct fy_pg *self, enum fy_pg_sql sql)
{
    struct fy_cs_use use = fy_pg_use(self->cs.writer, sql);
    fy_cs_i64(&use, FY_PG_DELTAS_MAX);
    fy_cs_send(&use);
}

static uint32_t renewed(struct fy_cs *cs, bool works)
{
    struct fy_pg *self = fy_pg_from(cs);
    watch(self);
    uint32_t buried = works ? bury_the_dead(self) : 0;
    fy_cs_exec(cs->writer, (enum fy_cs_sql)FY_PG_CLAIMS_FREE);
    fold(self, FY_PG_FOLD_COUNTERS);
    fold(self, FY_PG_FOLD_WAITING);
    fold(self, FY_PG_FOLD_SUMS);
    return buried;
}

/* ------------------------------------------------------------------ the outbox */

static int64_t outbox_delete(struct fy_cs *cs, const int64_t *ids, size_t count)
{
    struct fy_buf *array = &fy_pg_from(cs)->arrays[0];
    int64_t deleted = 0;
    for (size_t done = 0; done < count;) {
        size_t end = count - done < FY_CAT_BATCH_MAX ? count : done + FY_CAT_BATCH_MAX;
        fy_buf_clear(array);
        for (size_t index = done; index < end; index++)
            fy_buf_printf(array, "%s%" PRId64, index == done ? "{" : ",", ids[index]);
        fy_buf_printf(array, "}");
        FY_ASSERT(!array->overflow);
        struct fy_cs_use use = fy_pg_use(cs->writer, FY_PG_OUTBOX_DELETE);
        fy_pg_array(&use, array->bytes, FY_PG_I64_ARRAY);
        deleted += fy_cs_run(&use);
        done = end;
    }
    return deleted;
}

/*
 * One process pumps: the one whose boot id the row has. It says so once a second; when it has not
 * for dead_ms, or its lease is dead, another takes over. Two that believe it at once (one slept)
 * publish orders twice, which stamps make harmless. A row and not a lock of the session, since
 * behind a pooler there is none.
 */
static bool may_pump(struct fy_cs *cs, struct fy_cs_conn *reader)
{
    struct fy_pg *self = fy_pg_from(cs);
    bool ours = false, fresh = false;
    if (cs->boot_id[0] == '\0')
        return true; /* not a running process: somebody looks */
    struct fy_cs_use use = fy_pg_use(reader, FY_PG_PUMP_GET);
    fy_cs_text(&use, cs->boot_id);
    fy_cs_i64(&use, FY_PG_PUMP_RENEW_MS);
    if (fy_cs_row(&use)) {
        ours = fy_cs_take_i64(&use) != 0;
        fresh = fy_cs_take_i64(&use) != 0;
    }
    fy_cs_end(&use);
    if (ours && fresh)
        return true;
    use = fy_pg_use(reader, FY_PG_PUMP_TAKE);
    fy_cs_text(&use, cs->boot_id);
    fy_cs_i64(&use, self->dead_ms);
    return fy_cs_run(&use) == 1;
}

/* ------------------------------------------------------------------ open and close */

static void reader_heal(struct fy_cs_conn *reader)
{
    fy_pg_rollback(fy_pg_conn_from(reader));
}

static void conn_init(struct fy_pg *self, struct fy_pg_conn *conn, bool writer)
{
    conn->conn.engine = &fy_pg_engine;
    conn->home = self;
    conn->writer = writer;
    conn->sql = -1;
}

static void catalogue_close(struct fy_cs *cs)
{
    struct fy_pg *self = fy_pg_from(cs);
    fy_cs_conn_clear(cs->writer);
    if (self->writer.pg != NULL) {
        fy_cs_lease_release(cs);
        fy_cs_conn_clear(cs->writer);
    }
    for (uint32_t index = 0; index < self->reader_count; index++) {
        fy_pg_disconnect(&self->readers[index]);
        fy_pg_memo_free(&self->readers[index]);
    }
    fy_pg_disconnect(&self->writer);
    fy_pg_memo_free(&self->writer);
    for (size_t index = 0; index < FY_COUNT_OF(self->arrays); index++)
        fy_buf_done(&self->arrays[index]);
    fy_cs_done(cs);
    free(self->url);
    free(self->password_file);
    free(self);
}

const struct fy_cs_engine fy_pg_engine = {
    .texts = fy_pg_texts,
    .scan_rows = FY_PG_SCAN_ROWS,
    .shared = true,
    .start = fy_pg_start,
    .text = fy_pg_text,
    .blob = fy_pg_blob,
    .i64 = fy_pg_i64,
    .row = fy_pg_row,
    .take_i64 = fy_pg_take_i64,
    .take_null = fy_pg_take_null,
    .take_blob = fy_pg_take_blob,
    .run = fy_pg_run,
    .send = fy_pg_send,
    .end = fy_pg_end,
    .reader_heal = reader_heal,
    .write_begin = fy_pg_write_begin,
    .write_end = fy_pg_write_end,
    .own_name = fy_pg_own_name,
    .body_id = fy_pg_body_id,
    .look_ahead = fy_pg_look_ahead,
    .may_pump = may_pump,
    .outbox_delete = outbox_delete,
    .renewed = renewed,
    .close = catalogue_close,
};

static struct fy_pg *catalogue_new(const struct fy_catalogue_postgres_settings *settings)
{
    struct fy_pg *self = fy_alloc(sizeof *self);
    fy_cs_init(&self->cs, &fy_pg_engine, &settings->common);
    self->cs.writer = &self->writer.conn;
    self->url = fy_strdup(settings->url);
    self->password_file = fy_strdup(settings->password_file != NULL ? settings->password_file : "");
    self->dead_ms = settings->dead_ms;
    (void)snprintf(self->name, sizeof self->name, "ferry %s", settings->common.site);
    for (size_t index = 0; index < FY_COUNT_OF(self->arrays); index++)
        fy_buf_init(&self->arrays[index], (size_t)FY_PG_LOCKS_MAX * 24);
    conn_init(self, &self->writer, true);
    self->reader_count = settings->common.reader_count;
    for (uint32_t index = 0; index < self->reader_count; index++) {
        conn_init(self, &self->readers[index], false);
        fy_cs_reader_add(&self->cs, &self->readers[index].conn);
    }
    return self;
}

/* Processes that died leave their slots to those who come, when nobody is there to bury them; and
 * those that ended leave their claims. */
static enum fy_code first_write(struct fy_pg *self, struct fy_err *err)
{
    fy_cs_write_begin(&self->cs, NULL, 0);
    if (!fy_cs_slot_is_free(&self->cs))
        bury_the_expired(self);
    fy_cs_exec(self->cs.writer, (enum fy_cs_sql)FY_PG_CLAIMS_FREE);
    fy_cs_identity_make(&self->cs);
    return fy_cs_write_end(&self->cs, err);
}

/* Secrets come from files: what is in the URL is in every list of processes. */
static enum fy_code check_url(const char *url, struct fy_err *err)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &message);
    enum fy_code code = FY_OK;
    if (options == NULL)
        code = fy_err_set(err, FY_EINPUT, "the catalogue's URL: %s",
                          message == NULL ? "no memory" : message);
    for (const PQconninfoOption *option = options;
         code == FY_OK && option != NULL && option->keyword != NULL; option++)
        if (strcmp(option->keyword, "password") == 0 && option->val != NULL)
            code = fy_err_set(err, FY_EINPUT,
                              "the catalogue's URL has a password: put it into a file, and "
                              "name that in catalogue.password_file");
    PQfreemem(message);
    PQconninfoFree(options);
    return code;
}

/* Later a password's file that cannot be read counts as a server that is away; now it is a wrong
 * setting. */
enum fy_code fy_catalogue_postgres_check(const struct fy_catalogue_postgres_settings *settings,
                                         struct fy_err *err)
{
    char password[FY_PG_SECRET_BYTES];
    enum fy_code code = check_url(settings->url, err);
    if (code == FY_OK)
        code = fy_pg_password(settings->password_file, password, err);
    explicit_bzero(password, sizeof(password));
    return code;
}

enum fy_code fy_catalogue_postgres_open(const struct fy_catalogue_postgres_settings *settings,
                                        struct fy_catalogue **catalogue, struct fy_err *err)
{
    FY_ASSERT(settings->common.reader_count >= 1);
    FY_ASSERT(settings->common.reader_count <= FY_CS_READERS_MAX);
    enum fy_code code = fy_catalogue_postgres_check(settings, err);
    if (code != FY_OK)
        return code;
    struct fy_pg *self = catalogue_new(settings);
    code = fy_pg_schema_migrate(&self->writer, err);
    if (code == FY_OK)
        code = first_write(self, err);
    if (code == FY_EBUSY && fy_pg_refused(self, err))
        code = FY_EINPUT;
    if (code != FY_OK) {
        catalogue_close(&self->cs);
        return code;
    }
    *catalogue = &self->cs.port;
    return FY_OK;
}
