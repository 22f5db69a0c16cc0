/* catalogue_postgres_fail.c - what PostgreSQL's errors mean to the catalogue. */
#include <string.h>

#include "common/adapters/catalogue_postgres_internal.h"

/*
 * By the beginning of the five letters of SQLSTATE, the first that fits:
 *   FY_EBUSY      away, locked, full or overloaded; later
 *   FY_EIO        its data are broken
 *   FY_EINTERNAL  this one statement is wrong: its neighbours are not to blame
 * again: another transaction was in the way; the same batch may find it gone.
 */
static const struct meaning {
    const char *state;
    enum fy_code code;
    bool again;
} meanings[] = {
    {"40", FY_EBUSY, true},        /* serialisation, deadlock */
    {"55P03", FY_EBUSY, true},     /* a lock was not given in time */
    {"23505", FY_EINTERNAL, true}, /* a row that was not there a moment ago */
    {"23503", FY_EINTERNAL, true}, /* a body swept while we linked to it */
    {"53200", FY_EBUSY, true},     /* no room for so many locks: fewer may do */
    {"53", FY_EBUSY, false},       /* its disk is full (it is not ours), memory, connections */
    {"57", FY_EBUSY, false},       /* stopped, starting, time limit */
    {"08", FY_EBUSY, false},       {"25006", FY_EBUSY, false}, /* a standby */
    {"58", FY_EBUSY, false},                                   /* its disk or system */
    {"XX001", FY_EIO, false},      {"XX002", FY_EIO, false},   {"", FY_EINTERNAL, false},
};

static const struct meaning *meaning_of(const char *state)
{
    const struct meaning *meaning = meanings;
    while (strncmp(meaning->state, state, strlen(meaning->state)) != 0)
        meaning++; /* the last fits all */
    return meaning;
}

/* libpq ends its sentences with a newline, and goes on with details. */
static int first_line(const char *text)
{
    return (int)strcspn(text, "\n");
}

void fy_pg_fail(struct fy_pg_conn *conn, const PGresult *result)
{
    if (fy_cs_conn_failed(&conn->conn))
        return; /* the first failure is the cause of the others */
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = result == NULL ? PQerrorMessage(conn->pg) : PQresultErrorMessage(result);
    if (state == NULL) {
        (void)fy_err_set(&conn->conn.err, FY_EBUSY, "PostgreSQL is away: %.*s", first_line(text),
                         text);
        return;
    }
    const struct meaning *meaning = meaning_of(state);
    (void)fy_err_set(&conn->conn.err, meaning->code, "PostgreSQL: %.*s (%s)", first_line(text),
                     text, state);
    conn->conn.again = meaning->again;
}
