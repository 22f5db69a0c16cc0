/* catalogue_sql_use.c - statements of the catalogue, run through its engine. */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/core/utf8.h"

void fy_cs_conn_clear(struct fy_cs_conn *conn)
{
    conn->err.code = FY_OK;
    conn->err.text[0] = '\0';
    conn->again = false;
}

struct fy_cs_use fy_cs_use(struct fy_cs_conn *conn, enum fy_cs_sql sql)
{
    struct fy_cs_use use = {.conn = conn};
    if (!fy_cs_conn_failed(conn))
        conn->engine->start(&use, sql);
    return use;
}

void fy_cs_text(struct fy_cs_use *use, const char *text)
{
    if (use->statement != NULL)
        use->conn->engine->text(use, text);
}

void fy_cs_blob(struct fy_cs_use *use, const void *bytes, size_t size_bytes)
{
    if (use->statement != NULL)
        use->conn->engine->blob(use, bytes, size_bytes);
}

void fy_cs_i64(struct fy_cs_use *use, int64_t value)
{
    if (use->statement != NULL)
        use->conn->engine->i64(use, value);
}

void fy_cs_stamp(struct fy_cs_use *use, const struct fy_stamp *stamp)
{
    /* SQL's integers are signed. Times that far ahead (the year 4429) are never applied; as dead
     * letters they are kept at the greatest there is. */
    fy_cs_i64(use, stamp->time <= INT64_MAX ? (int64_t)stamp->time : INT64_MAX);
    fy_cs_text(use, stamp->site);
}

void fy_cs_prose(struct fy_cs_use *use, const char *text, char clean[static FY_ERR_TEXT_BYTES])
{
    size_t left = strnlen(text, FY_ERR_TEXT_BYTES - 1);
    size_t size = 0;
    while (left > 0) {
        size_t step = fy_utf8_step(text, left);
        if (step == 0)
            clean[size++] = '?';
        else
            memcpy(clean + size, text, step);
        size += step;
        step += step == 0;
        text += step;
        left -= step;
    }
    clean[size] = '\0';
    fy_cs_text(use, clean);
}

bool fy_cs_row(struct fy_cs_use *use)
{
    if (use->statement == NULL || fy_cs_conn_failed(use->conn))
        return false;
    use->column = 0;
    return use->conn->engine->row(use);
}

int64_t fy_cs_take_i64(struct fy_cs_use *use)
{
    return use->conn->engine->take_i64(use);
}

bool fy_cs_take_null(struct fy_cs_use *use)
{
    return use->conn->engine->take_null(use);
}

const void *fy_cs_take_blob(struct fy_cs_use *use, size_t *size_bytes)
{
    return use->conn->engine->take_blob(use, size_bytes);
}

void fy_cs_take_text(struct fy_cs_use *use, char *field, size_t field_bytes)
{
    size_t size = 0;
    const void *text = fy_cs_take_blob(use, &size);
    field[0] = '\0';
    if (size >= field_bytes) {
        (void)fy_err_set(&use->conn->err, FY_EIO, "a text of the catalogue has %zu bytes, %zu fit",
                         size, field_bytes - 1);
        return;
    }
    if (size > 0)
        memcpy(field, text, size);
    field[size] = '\0';
}

bool fy_cs_take_digest(struct fy_cs_use *use, struct fy_digest *digest)
{
    size_t size_bytes = 0;
    const void *bytes = fy_cs_take_blob(use, &size_bytes);
    if (bytes == NULL || size_bytes != sizeof digest->bytes)
        return false;
    memcpy(digest->bytes, bytes, sizeof digest->bytes);
    return true;
}

void fy_cs_take_stamp(struct fy_cs_use *use, struct fy_stamp *stamp)
{
    stamp->time = (uint64_t)fy_cs_take_i64(use);
    fy_cs_take_text(use, stamp->site, sizeof stamp->site);
}

void fy_cs_end(struct fy_cs_use *use)
{
    if (use->statement != NULL)
        use->conn->engine->end(use);
    use->statement = NULL;
}

int64_t fy_cs_run(struct fy_cs_use *use)
{
    if (use->statement == NULL || fy_cs_conn_failed(use->conn)) {
        fy_cs_end(use);
        return 0;
    }
    int64_t changed = use->conn->engine->run(use);
    fy_cs_end(use);
    return fy_cs_conn_failed(use->conn) ? 0 : changed;
}

static void send(struct fy_cs_use *use, bool exactly_one)
{
    if (use->statement != NULL && !fy_cs_conn_failed(use->conn))
        use->conn->engine->send(use, exactly_one);
    fy_cs_end(use);
}

void fy_cs_send(struct fy_cs_use *use)
{
    send(use, false);
}

void fy_cs_expect(struct fy_cs_use *use)
{
    send(use, true);
}

void fy_cs_exec(struct fy_cs_conn *conn, enum fy_cs_sql sql)
{
    struct fy_cs_use use = fy_cs_use(conn, sql);
    fy_cs_send(&use);
}
