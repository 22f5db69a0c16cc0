/* catalogue_postgres_use.c - statements of the catalogue bound, sent and read over libpq. */
#include <endian.h>
#include <string.h>

#include "common/adapters/catalogue_postgres_internal.h"
#include "common/core/names.h"

/* Types by their fixed numbers in the server's catalogue (pg_type.dat). */
#define OID_BYTEA ((Oid)17)
#define OID_INT8  ((Oid)20)
#define OID_TEXT  ((Oid)25)

void fy_pg_start(struct fy_cs_use *use, enum fy_cs_sql sql)
{
    struct fy_pg_conn *conn = fy_pg_conn_from(use->conn);
    FY_ASSERT(conn->sql == -1); /* used twice at once: end is missing */
    if (conn->pg == NULL && !fy_pg_connect(conn))
        return;
    conn->sql = (int)sql;
    conn->sent = false;
    conn->parameter_count = 0;
    use->statement = conn;
}

struct fy_cs_use fy_pg_use(struct fy_cs_conn *conn, enum fy_pg_sql sql)
{
    return fy_cs_use(conn, (enum fy_cs_sql)sql);
}

static void bind(struct fy_cs_use *use, const void *value, size_t size_bytes, int format, Oid type)
{
    struct fy_pg_conn *conn = use->statement;
    int index = conn->parameter_count++;
    FY_ASSERT(index < FY_PG_PARAMETERS_MAX);
    conn->values[index] = value;
    conn->sizes[index] = (int)size_bytes;
    conn->formats[index] = format;
    conn->types[index] = type;
}

void fy_pg_text(struct fy_cs_use *use, const char *text)
{
    const struct fy_pg_conn *conn = use->statement;
    size_t size = strlen(text);
    if (!fy_utf8_is_valid(text, size)) /* the server would refuse it, and the batch with it */
        (void)fy_err_set(&use->conn->err, conn->writer ? FY_EINTERNAL : FY_EINPUT,
                         "a name is not UTF-8");
    bind(use, text, size, 1, OID_TEXT);
}

void fy_pg_blob(struct fy_cs_use *use, const void *bytes, size_t size_bytes)
{
    bind(use, bytes, size_bytes, 1, OID_BYTEA);
}

void fy_pg_i64(struct fy_cs_use *use, int64_t value)
{
    struct fy_pg_conn *conn = use->statement;
    uint64_t *number = &conn->numbers[conn->parameter_count];
    *number = htobe64((uint64_t)value);
    bind(use, number, sizeof *number, 1, OID_INT8);
}

void fy_pg_array(struct fy_cs_use *use, const char *text, Oid type)
{
    if (use->statement != NULL)
        bind(use, text, strlen(text), 0, type);
}

/* ------------------------------------------------------------------ running */

/* Sends the statement and waits. A reader whose connection was cut since it was last used has seen
 * nothing yet, and asks again over a new one. */
static bool ask(struct fy_pg_conn *conn)
{
    bool first = !conn->writer && !(conn->in_block && conn->block_answered);
    bool begin_again = conn->in_block;
    int sql = conn->sql;
    fy_pg_dispatch(conn, FY_PG_ANSWER);
    if (fy_pg_sync(conn)) {
        conn->block_answered = conn->in_block;
        return true;
    }
    if (!first || conn->pg != NULL)
        return false;
    fy_cs_conn_clear(&conn->conn);
    if (!fy_pg_connect(conn))
        return false;
    if (begin_again) {
        int parameters = conn->parameter_count;
        conn->sql = FY_CS_BEGIN_READ;
        conn->parameter_count = 0;
        fy_pg_dispatch(conn, FY_PG_NOTHING);
        conn->parameter_count = parameters;
        conn->in_block = true;
    }
    conn->sql = sql;
    fy_pg_dispatch(conn, FY_PG_ANSWER);
    bool answered = fy_pg_sync(conn);
    conn->block_answered = conn->in_block;
    return answered;
}

bool fy_pg_row(struct fy_cs_use *use)
{
    struct fy_pg_conn *conn = use->statement;
    if (!conn->sent) {
        conn->sent = true;
        conn->row = -1;
        if (!fy_pg_memo_take(conn)) {
            if (!ask(conn))
                return false;
            fy_pg_memo_keep(conn);
        }
    }
    conn->row++;
    return conn->answer != NULL && conn->row < PQntuples(conn->answer);
}

int64_t fy_pg_run(struct fy_cs_use *use)
{
    struct fy_pg_conn *conn = use->statement;
    FY_ASSERT(!conn->sent);
    conn->sent = true;
    if (!ask(conn))
        return 0;
    int64_t changed = 0;
    for (const char *digit = PQcmdTuples(conn->answer); *digit != '\0'; digit++)
        changed = changed * 10 + (*digit - '0');
    return changed;
}

void fy_pg_send(struct fy_cs_use *use, bool exactly_one)
{
    struct fy_pg_conn *conn = use->statement;
    int sql = conn->sql;
    fy_pg_dispatch(conn, exactly_one ? FY_PG_ONE_ROW : FY_PG_NOTHING);
    if (conn->writer)
        return;
    if (sql == FY_CS_BEGIN_READ) {
        conn->in_block = true;
        conn->block_answered = false;
        return;
    }
    (void)fy_pg_sync(conn); /* the end of a reader's transaction: nothing comes after it */
    conn->in_block = false;
    fy_pg_memo_clear(conn);
}

void fy_pg_end(struct fy_cs_use *use)
{
    struct fy_pg_conn *conn = use->statement;
    if (!conn->answer_is_kept)
        PQclear(conn->answer);
    conn->answer = NULL;
    conn->answer_is_kept = false;
    conn->sql = -1;
}

/* ------------------------------------------------------------------ columns */

/* Numbers come in the size of their type: bool, integer and bigint. */
int64_t fy_pg_take_i64(struct fy_cs_use *use)
{
    struct fy_pg_conn *conn = use->statement;
    int column = use->column++;
    if (PQgetisnull(conn->answer, conn->row, column))
        return 0;
    const char *value = PQgetvalue(conn->answer, conn->row, column);
    uint64_t wide = 0;
    uint32_t narrow = 0;
    switch (PQgetlength(conn->answer, conn->row, column)) {
    case sizeof wide:
        memcpy(&wide, value, sizeof wide);
        return (int64_t)be64toh(wide);
    case sizeof narrow:
        memcpy(&narrow, value, sizeof narrow);
        return (int32_t)be32toh(narrow);
    default:
        return value[0] != 0;
    }
}

bool fy_pg_take_null(struct fy_cs_use *use)
{
    const struct fy_pg_conn *conn = use->statement;
    if (!PQgetisnull(conn->answer, conn->row, use->column))
        return false;
    use->column++;
    return true;
}

const void *fy_pg_take_blob(struct fy_cs_use *use, size_t *size_bytes)
{
    const struct fy_pg_conn *conn = use->statement;
    int column = use->column++;
    *size_bytes = (size_t)PQgetlength(conn->answer, conn->row, column);
    return PQgetisnull(conn->answer, conn->row, column)
               ? NULL
               : PQgetvalue(conn->answer, conn->row, column);
}
