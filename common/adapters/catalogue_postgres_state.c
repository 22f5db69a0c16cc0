/* catalogue_postgres_state.c - how a server and its database stand, asked without changing them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_postgres_internal.h"
#include "common/core/base.h"

/* In the order of take_settings. Settings that every user may see. */
static const char settings_sql[] =
    "SELECT pg_backend_pid(), current_setting('server_version'), "
    "current_setting('server_encoding'), pg_is_in_recovery(), current_setting('fsync'), "
    "current_setting('full_page_writes'), current_setting('max_connections'), "
    "current_setting('superuser_reserved_connections'), "
    "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), "
    "current_setting('max_locks_per_transaction')::bigint * "
    "(current_setting('max_connections')::bigint + "
    "current_setting('max_prepared_transactions')::bigint), "
    "(extract(epoch FROM clock_timestamp()) * 1000)::bigint, "
    "to_regclass('ferry_schema') IS NOT NULL";

static bool is_on(const PGresult *result, int column)
{
    const char *text = PQgetvalue(result, 0, column);
    return strcmp(text, "on") == 0 || strcmp(text, "t") == 0;
}

static int64_t number(const PGresult *result, int column)
{
    return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

static void take_text(char *field, size_t field_bytes, const PGresult *result, int column)
{
    (void)snprintf(field, field_bytes, "%s", PQgetvalue(result, 0, column)); /* it may be cut */
}

static void take_settings(const PGresult *result, const PGconn *pg, struct fy_postgres_state *state)
{
    state->pooled = number(result, 0) != PQbackendPID(pg);
    take_text(state->version, sizeof(state->version), result, 1);
    take_text(state->encoding, sizeof(state->encoding), result, 2);
    state->standby = is_on(result, 3);
    state->fsync = is_on(result, 4);
    state->full_page_writes = is_on(result, 5);
    state->connections_max = number(result, 6) - number(result, 7);
    state->connections_used = number(result, 8);
    state->locks_max = number(result, 9);
    state->now_ms = number(result, 10);
    state->schema = is_on(result, 11) ? 0 : -1;
}

static PGresult *ask(PGconn *pg, const char *sql, struct fy_err *err)
{
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        return result;
    (void)fy_err_set(err, FY_EBUSY, "PostgreSQL: %.*s", (int)strcspn(PQerrorMessage(pg), "\n"),
                     PQerrorMessage(pg));
    PQclear(result);
    return NULL;
}

static enum fy_code ask_all(PGconn *pg, struct fy_postgres_state *state, struct fy_err *err)
{
    state->too_old = PQserverVersion(pg) < FY_PG_VERSION_MIN;
    PGresult *result = ask(pg, settings_sql, err);
    if (result == NULL)
        return err->code;
    take_settings(result, pg, state);
    PQclear(result);
    if (state->schema < 0)
        return FY_OK;
    result = ask(pg, "SELECT coalesce(max(version), 0) FROM ferry_schema", err);
    if (result == NULL)
        return err->code;
    state->schema = number(result, 0);
    PQclear(result);
    return FY_OK;
}

static enum fy_code look(const struct fy_pg *home, struct fy_postgres_state *state,
                         struct fy_err *err)
{
    char password[FY_PG_SECRET_BYTES];
    enum fy_code code = fy_pg_password(home->password_file, password, err);
    if (code != FY_OK)
        return code;
    PGconn *pg = fy_pg_open(home, password, true);
    explicit_bzero(password, sizeof(password));
    if (PQstatus(pg) == CONNECTION_OK)
        code = ask_all(pg, state, err);
    else
        code = fy_err_set(err, FY_EBUSY, "PostgreSQL is away, or does not let us in: %.*s",
                          (int)strcspn(PQerrorMessage(pg), "\n"), PQerrorMessage(pg));
    PQfinish(pg);
    return code;
}

enum fy_code fy_catalogue_postgres_state(const struct fy_catalogue_postgres_settings *settings,
                                         struct fy_postgres_state *state, struct fy_err *err)
{
    *state = (struct fy_postgres_state){.schema_known = fy_pg_schema_version()};
    enum fy_code code = fy_catalogue_postgres_check(settings, err);
    if (code != FY_OK)
        return code;
    struct fy_pg *home = fy_alloc(sizeof *home); /* no more of it than who we are */
    home->url = fy_strdup(settings->url);
    home->password_file = fy_strdup(settings->password_file == NULL ? "" : settings->password_file);
    (void)snprintf(home->name, sizeof home->name, "ferry %s", settings->common.site);
    code = look(home, state, err);
    free(home->password_file);
    free(home->url);
    free(home);
    return code;
}
