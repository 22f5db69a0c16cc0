/* catalogue_postgres_conn.c - connections to PostgreSQL: pipelines, time limits, reconnecting. */
/*
 * A connection is in pipeline mode from its first moment: statements are sent without waiting for
 * the ones before them, and a sync waits for all. Outside BEGIN the statements up to a sync are one
 * transaction. After an error the server skips what follows up to the sync, so the first failure is
 * the one that counts, here as in every engine.
 *
 * Nothing waits for ever: the server ends statements and waits for locks that take too long, and a
 * server that does not answer at all is given up a little later. Whether a statement is prepared or
 * sent whole depends on who is at the other end: behind a pooler each transaction may meet another
 * backend, which the backend's number tells from the one the connection was greeted with.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/adapters/catalogue_postgres_internal.h"
#include "common/core/secret.h"

#define TEXT_OF(number)  TEXT_OF_(number)
#define TEXT_OF_(number) #number
#define STATEMENT_MS     TEXT_OF(FY_PG_STATEMENT_MS)
#define LOCK_MS          TEXT_OF(FY_PG_LOCK_MS)
#define IDLE_MS          TEXT_OF(FY_PG_IDLE_MS)

int64_t fy_pg_now_ms(void)
{
    return fy_mono_ms(fy_clock_system());
}

/* ------------------------------------------------------------------ connecting */

void fy_pg_disconnect(struct fy_pg_conn *conn)
{
    PQfinish(conn->pg);
    fy_pg_memo_clear(conn);
    conn->pg = NULL;
    conn->pending_count = 0;
    conn->in_block = false;
    memset(conn->prepared, 0, sizeof conn->prepared);
}

static bool refuse(struct fy_pg_conn *conn, const char *why)
{
    (void)fy_err_set(&conn->conn.err, FY_EINPUT, "this database does not do: %s", why);
    return false;
}

/* What the connection is good for; before it enters pipeline mode. */
static bool inspect(struct fy_pg_conn *conn)
{
    PGresult *result = PQexec(
        conn->pg, "SELECT pg_backend_pid(), current_setting('server_encoding'), "
                  "pg_is_in_recovery(), current_setting('server_version_num')::int >= " TEXT_OF(
                      FY_PG_VERSION_MIN));
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (!good) {
        fy_pg_fail(conn, PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL ? NULL : result);
    } else {
        char own[16];
        (void)snprintf(own, sizeof own, "%d", PQbackendPID(conn->pg));
        conn->pooled = strcmp(PQgetvalue(result, 0, 0), own) != 0;
        if (strcmp(PQgetvalue(result, 0, 1), "UTF8") != 0)
            good = refuse(conn, "its encoding is not UTF8");
        else if (PQgetvalue(result, 0, 3)[0] != 't')
            good = refuse(conn, "PostgreSQL 13 is the oldest that Ferry knows");
        else if (PQgetvalue(result, 0, 2)[0] == 't') {
            (void)fy_err_set(&conn->conn.err, FY_EBUSY, "PostgreSQL is a standby");
            good = false;
        }
    }
    PQclear(result);
    return good;
}

/*
 * Every statement has an index made for it, and tables may grow by millions before the server looks
 * at their sizes: walking over one is never right. The few tables of some rows are walked over all
 * the same, at a cost that then looks worth compiling each time: 0.15 s for microseconds of work.
 * Behind a pooler settings must not outlive the transaction, see FY_PG_SETTINGS.
 */
static const char settings_sql[] = "SET statement_timeout = " STATEMENT_MS "; "
                                   "SET lock_timeout = " LOCK_MS "; "
                                   "SET idle_in_transaction_session_timeout = " IDLE_MS "; "
                                   "SET enable_seqscan = off; "
                                   "SET jit = off; "
                                   "SET synchronous_commit = on";

static bool settle(struct fy_pg_conn *conn)
{
    if (conn->pooled)
        return true;
    PGresult *result = PQexec(conn->pg, settings_sql);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!good)
        fy_pg_fail(conn, PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL ? NULL : result);
    PQclear(result);
    return good;
}

enum fy_code fy_pg_password(const char *file, char password[static FY_PG_SECRET_BYTES],
                            struct fy_err *err)
{
    password[0] = '\0';
    if (file == NULL || file[0] == '\0')
        return FY_OK;
    return fy_secret_read("catalogue.password_file", file, password, FY_PG_SECRET_BYTES, err);
}

/* The user's own URL may say otherwise, but for the encoding and the password. */
PGconn *fy_pg_open(const struct fy_pg *home, const char *password, bool wait)
{
    const char *const keys[] = {"connect_timeout",  "tcp_user_timeout",
                                "keepalives_idle",  "keepalives_interval",
                                "keepalives_count", "application_name",
                                "dbname",           "client_encoding",
                                "password",         NULL};
    const char *const values[] = {FY_PG_CONNECT_S,
                                  TEXT_OF(FY_PG_ANSWER_MS),
                                  "10",
                                  "3",
                                  "3",
                                  home->name,
                                  home->url,
                                  "UTF8",
                                  password,
                                  NULL};
    return wait ? PQconnectdbParams(keys, values, 1) : PQconnectStartParams(keys, values, 1);
}

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg; /* "there is already a transaction": nothing that a person must know */
    (void)result;
}

/* conn->pg, or an error of conn: a file that is being replaced is there again in a moment. */
static void open_with_password(struct fy_pg_conn *conn)
{
    char password[FY_PG_SECRET_BYTES];
    if (fy_pg_password(conn->home->password_file, password, &conn->conn.err) == FY_OK)
        conn->pg = fy_pg_open(conn->home, password, true);
    else
        conn->conn.err.code = FY_EBUSY;
    explicit_bzero(password, sizeof(password));
}

bool fy_pg_connect(struct fy_pg_conn *conn)
{
    FY_ASSERT(conn->pg == NULL);
    if (fy_pg_now_ms() < conn->retry_at_ms) {
        (void)fy_err_set(&conn->conn.err, FY_EBUSY, "PostgreSQL was away a moment ago");
        return false;
    }
    open_with_password(conn);
    if (PQstatus(conn->pg) == CONNECTION_OK) {
        (void)PQsetNoticeReceiver(conn->pg, ignore_notice, NULL); /* gives the previous one back */
        if (inspect(conn) && settle(conn) && PQenterPipelineMode(conn->pg) == 1 &&
            PQsetnonblocking(conn->pg, 1) == 0) {
            conn->backoff_ms = 0;
            return true;
        }
    } else {
        fy_pg_fail(conn, NULL);
    }
    FY_ASSERT(fy_cs_conn_failed(&conn->conn));
    fy_pg_disconnect(conn);
    conn->backoff_ms = conn->backoff_ms == 0 ? FY_PG_BACKOFF_MIN_MS : 2 * conn->backoff_ms;
    if (conn->backoff_ms > FY_PG_BACKOFF_MAX_MS)
        conn->backoff_ms = FY_PG_BACKOFF_MAX_MS;
    conn->retry_at_ms = fy_pg_now_ms() + conn->backoff_ms;
    return false;
}

/* Goes through the steps of connecting, for a while. */
static void connect_by_steps(PGconn *pg)
{
    const int64_t deadline_ms = fy_pg_now_ms() + FY_PG_REFUSED_MS;
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    while (step == PGRES_POLLING_WRITING || step == PGRES_POLLING_READING) {
        struct pollfd ready = {.fd = PQsocket(pg),
                               .events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int64_t left_ms = deadline_ms - fy_pg_now_ms();
        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
            return;
        step = PQconnectPoll(pg); /* interrupted by a signal it asks for the same again */
    }
}

/* No role, no database, no right to either: nothing that waiting heals. */
static bool is_refusal(const char *sentence)
{
    static const char *const states[] = {":  28000:", ":  28P01:", ":  3D000:", ":  42501:"};
    for (size_t index = 0; index < FY_COUNT_OF(states); index++)
        if (strstr(sentence, states[index]) != NULL)
            return true;
    return false;
}

/* The SQLSTATE of a connection that failed is in no field, only in the sentence, and only when the
 * connection was told to be verbose before it was greeted. */
bool fy_pg_refused(const struct fy_pg *home, struct fy_err *err)
{
    char password[FY_PG_SECRET_BYTES];
    struct fy_err none = {0};
    if (fy_pg_password(home->password_file, password, &none) != FY_OK)
        return false;
    PGconn *pg = fy_pg_open(home, password, false);
    explicit_bzero(password, sizeof(password));
    if (PQstatus(pg) != CONNECTION_BAD) {
        (void)PQsetErrorVerbosity(pg, PQERRORS_VERBOSE); /* gives the old one back */
        connect_by_steps(pg);
    }
    const char *sentence = PQerrorMessage(pg);
    bool refused = PQstatus(pg) == CONNECTION_BAD && is_refusal(sentence);
    if (refused)
        (void)fy_err_set(err, FY_EINPUT, "PostgreSQL does not let us in: %.*s",
                         (int)strcspn(sentence, "\n"), sentence);
    PQfinish(pg);
    return refused;
}

/* The connection is of no use any more. Within a transaction of the writer nothing has happened,
 * unless its commit was under way, which only fy_pg_write_end knows. */
static bool lost(struct fy_pg_conn *conn)
{
    fy_pg_fail(conn, NULL);
    fy_pg_disconnect(conn);
    return false;
}

/* ------------------------------------------------------------------ waiting */

/* Waits until the server has something to say, or takes more when flush is set. */
static bool wait_for(struct fy_pg_conn *conn, bool flush, int64_t deadline_ms)
{
    struct pollfd ready = {.fd = PQsocket(conn->pg),
                           .events = (short)(flush ? POLLIN | POLLOUT : POLLIN)};
    int64_t left_ms = deadline_ms - fy_pg_now_ms();
    int count = left_ms <= 0 ? 0 : poll(&ready, 1, (int)left_ms);
    if (count == 0) {
        (void)fy_err_set(&conn->conn.err, FY_EBUSY, "PostgreSQL did not answer for %d ms",
                         FY_PG_ANSWER_MS);
        return lost(conn);
    }
    if ((ready.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(conn->pg) != 1)
        return lost(conn);
    return true; /* a signal, too: the caller looks again */
}

static bool flush_all(struct fy_pg_conn *conn, int64_t deadline_ms)
{
    for (;;) {
        int left = PQflush(conn->pg);
        if (left == 0)
            return true;
        if (left < 0)
            return lost(conn);
        if (!wait_for(conn, true, deadline_ms))
            return false;
    }
}

/* false: the connection is lost. *result is NULL at the end of a statement's answers. */
static bool next_result(struct fy_pg_conn *conn, int64_t deadline_ms, PGresult **result)
{
    while (PQisBusy(conn->pg) != 0)
        if (!wait_for(conn, false, deadline_ms))
            return false;
    *result = PQgetResult(conn->pg);
    if (PQstatus(conn->pg) == CONNECTION_OK)
        return true;
    if (*result != NULL)
        fy_pg_fail(conn, PQresultErrorField(*result, PG_DIAG_SQLSTATE) != NULL ? *result : NULL);
    PQclear(*result);
    return lost(conn);
}

/* ------------------------------------------------------------------ pipelines */

/* A server that ends says so whenever it likes, in place of what is expected next. Takes result. */
static bool interrupted(struct fy_pg_conn *conn, PGresult *result)
{
    fy_pg_fail(conn, PQresultErrorField(result, PG_DIAG_SQLSTATE) != NULL ? result : NULL);
    PQclear(result);
    return lost(conn);
}

/* The answer to one statement; ownership of result is taken. */
static void judge(struct fy_pg_conn *conn, const struct fy_pg_pending *pending, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good && pending->wish == FY_PG_PREPARED)
        conn->prepared[pending->sql] = false;
    if (!good && status != PGRES_PIPELINE_ABORTED)
        fy_pg_fail(conn, result);
    if (good && pending->wish == FY_PG_ONE_ROW && strcmp(PQcmdTuples(result), "1") != 0 &&
        !fy_cs_conn_failed(&conn->conn)) {
        (void)fy_err_set(&conn->conn.err, FY_EBUSY, "another process changed the row first");
        conn->conn.again = true;
    }
    if (good && pending->wish == FY_PG_ANSWER)
        conn->answer = result;
    else if (good && pending->wish == FY_PG_AHEAD)
        fy_pg_memo_answer(conn, pending->slot, result);
    else
        PQclear(result);
}

static bool collect(struct fy_pg_conn *conn, int64_t deadline_ms)
{
    PGresult *result = NULL;
    for (uint32_t index = 0; index < conn->pending_count; index++) {
        if (!next_result(conn, deadline_ms, &result))
            return false;
        judge(conn, &conn->pending[index], result);
        if (!next_result(conn, deadline_ms, &result))
            return false;
        if (result != NULL)
            return interrupted(conn, result);
    }
    if (!next_result(conn, deadline_ms, &result))
        return false;
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
        return interrupted(conn, result);
    PQclear(result);
    return true;
}

bool fy_pg_sync(struct fy_pg_conn *conn)
{
    if (conn->pg == NULL)
        return false;
    const int64_t deadline_ms = fy_pg_now_ms() + FY_PG_ANSWER_MS;
    if (PQpipelineSync(conn->pg) != 1)
        return lost(conn);
    if (!flush_all(conn, deadline_ms) || !collect(conn, deadline_ms))
        return false;
    conn->pending_count = 0;
    return !fy_cs_conn_failed(&conn->conn);
}

static void note(struct fy_pg_conn *conn, enum fy_pg_wish wish)
{
    FY_ASSERT(conn->pending_count < FY_PG_PENDING_MAX);
    conn->pending[conn->pending_count++] = (struct fy_pg_pending){
        .sql = (uint16_t)conn->sql, .wish = (uint8_t)wish, .slot = conn->ahead_slot};
}

static bool prepare(struct fy_pg_conn *conn, const char *name)
{
    char text[FY_PG_TEXT_BYTES];
    fy_pg_text_of(conn, conn->sql, text);
    if (PQsendPrepare(conn->pg, name, text, conn->parameter_count, conn->types) != 1)
        return lost(conn);
    conn->prepared[conn->sql] = true;
    note(conn, FY_PG_PREPARED);
    return true;
}

static bool send_whole(struct fy_pg_conn *conn)
{
    char text[FY_PG_TEXT_BYTES];
    fy_pg_text_of(conn, conn->sql, text);
    return PQsendQueryParams(conn->pg, text, conn->parameter_count, conn->types, conn->values,
                             conn->sizes, conn->formats, 1) == 1;
}

/* Which index is best for a person's list depends on what the filter names: planned each time. */
bool fy_pg_is_planned(int sql)
{
    switch (sql) {
    case FY_CS_WAITING_LIST_BUCKET:
    case FY_CS_WAITING_LIST_SITE:
    case FY_CS_WAITING_LIST_REASON:
    case FY_CS_WAITING_LIST_STATE:
    case FY_CS_WAITING_LIST:
    case FY_CS_CONFLICT_LIST_BUCKET:
    case FY_CS_CONFLICT_LIST_SITE:
    case FY_CS_CONFLICT_LIST:
        return true;
    default:
        return false;
    }
}

void fy_pg_dispatch(struct fy_pg_conn *conn, enum fy_pg_wish wish)
{
    char name[16];
    (void)snprintf(name, sizeof name, "f%d", conn->sql);
    if (conn->pending_count + 2 > FY_PG_PENDING_MAX && !fy_pg_sync(conn))
        return;
    if (conn->pg == NULL)
        return;
    bool whole = conn->pooled || fy_pg_is_planned(conn->sql);
    if (!whole && !conn->prepared[conn->sql] && !prepare(conn, name))
        return;
    bool sent = whole ? send_whole(conn)
                      : PQsendQueryPrepared(conn->pg, name, conn->parameter_count, conn->values,
                                            conn->sizes, conn->formats, 1) == 1;
    if (!sent) {
        (void)lost(conn);
        return;
    }
    note(conn, wish);
}

void fy_pg_rollback(struct fy_pg_conn *conn)
{
    if (conn->pg == NULL)
        return;
    if (conn->pending_count > 0)
        (void)fy_pg_sync(conn); /* what was on its way when the failure was noticed on our side */
    fy_cs_conn_clear(&conn->conn);
    FY_ASSERT(conn->sql == -1); /* whoever used a statement has ended it */
    fy_pg_memo_clear(conn);
    if (conn->pg == NULL || PQtransactionStatus(conn->pg) == PQTRANS_IDLE)
        return;
    struct fy_cs_use use = fy_cs_use(&conn->conn, FY_CS_ROLLBACK);
    (void)fy_cs_run(&use);
    if (conn->pg != NULL && PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        fy_pg_disconnect(conn);
    conn->in_block = false;
    fy_cs_conn_clear(&conn->conn);
}
