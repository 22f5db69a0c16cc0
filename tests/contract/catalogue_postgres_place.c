/* catalogue_postgres_place.c - schemas for the tests of the PostgreSQL catalogue, and a way around
 * the port. */
#include "tests/contract/catalogue_postgres_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "common/adapters/catalogue_postgres.h"

/* cmocka's fixtures have no argument: one server for the program. */
static struct postgres_server server;
static unsigned place_count;

struct postgres_server *catalogue_postgres_begin(void)
{
    postgres_server_new(&server);
    return &server;
}

void catalogue_postgres_end(void)
{
    postgres_server_free(&server);
}

void catalogue_postgres_url(const void *place, char url[static PLACE_URL_BYTES])
{
    char base[128];
    postgres_server_url(&server, base);
    int size =
        snprintf(url, PLACE_URL_BYTES, "%s?options=-csearch_path%%3D%s", base, (const char *)place);
    assert_true(size > 0 && size < PLACE_URL_BYTES);
}

static PGconn *raw_open(const char *url)
{
    PGconn *pg = PQconnectdb(url);
    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s: %s", url, PQerrorMessage(pg));
    return pg;
}

static PGresult *raw_run(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    return result;
}

void catalogue_postgres_exec(const void *place, const char *sql)
{
    char url[PLACE_URL_BYTES];
    catalogue_postgres_url(place, url);
    PGconn *pg = raw_open(url);
    PQclear(raw_run(pg, "SET client_min_messages = warning"));
    PQclear(raw_run(pg, sql));
    PQfinish(pg);
}

int64_t catalogue_postgres_number(const void *place, const char *sql)
{
    char url[PLACE_URL_BYTES];
    catalogue_postgres_url(place, url);
    PGconn *pg = raw_open(url);
    PGresult *result = raw_run(pg, sql);
    assert_int_equal(PQntuples(result), 1);
    int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    PQfinish(pg);
    return number;
}

static void *place_new(void)
{
    char name[32], sql[64];
    (void)snprintf(name, sizeof name, "place_%u", ++place_count);
    (void)snprintf(sql, sizeof sql, "CREATE SCHEMA %s", name);
    catalogue_postgres_exec("public", sql);
    return fy_strdup(name);
}

static void place_free(void *place)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE", (const char *)place);
    catalogue_postgres_exec("public", sql);
    free(place);
}

static enum fy_code place_open(void *place, struct fy_clock *clock, const char *site,
                               struct fy_catalogue **catalogue, struct fy_err *err)
{
    char url[PLACE_URL_BYTES];
    catalogue_postgres_url(place, url);
    struct fy_catalogue_postgres_settings settings = {.url = url,
                                                      .dead_ms = CATALOGUE_POSTGRES_DEAD_MS};
    settings.common = contract_settings(clock, site);
    return fy_catalogue_postgres_open(&settings, catalogue, err);
}

const struct catalogue_factory catalogue_postgres_factory = {
    .name = "postgres",
    .place_new = place_new,
    .place_free = place_free,
    .exec = catalogue_postgres_exec,
    .open = place_open,
};
