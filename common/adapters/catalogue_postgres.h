/* catalogue_postgres.h - the catalogue port on PostgreSQL, shared by any number of processes. */
#ifndef FY_ADAPTERS_CATALOGUE_POSTGRES_H
#define FY_ADAPTERS_CATALOGUE_POSTGRES_H

#include "common/core/clock.h"
#include "common/ports/catalogue.h"

struct fy_catalogue_postgres_settings {
    const char *url;           /* as libpq takes it: postgres://user@host:port/database?options */
    const char *password_file; /* its first line is the password; NULL or "": none */
    struct fy_clock *clock;
    const char *site;      /* own site id: origin of local orders */
    uint32_t reader_count; /* read connections; 1..32 */
    bool tells;            /* writes events: what became of orders, until they are done */
    uint32_t dead_ms;      /* a process that has not renewed its lease for so long is dead */
};
/*
 * Connects, and makes or migrates the schema; other processes may do so at the same moment. The
 * database must be UTF-8 and the user may create tables in the first schema of its search_path.
 * A password comes from a file: password_file, which is read for each connection, so that it may
 * change; or the passfile of libpq (in the URL, PGPASSFILE). One in the URL is refused.
 *
 * Behind a pooler (PgBouncer in transaction mode) it works as well: that is noticed when it
 * connects, and then nothing is prepared and no setting outlives its transaction.
 *
 * Errors: FY_EBUSY the server is away; FY_EINPUT the URL, the password or the database does not do;
 * FY_EIO the password's file; FY_EINTERNAL schema too new.
 */
FY_MUST_CHECK enum fy_code
fy_catalogue_postgres_open(const struct fy_catalogue_postgres_settings *settings,
                           struct fy_catalogue **catalogue, struct fy_err *err);
/* Whether url and password would do, as far as can be said without asking anybody. Errors:
 * FY_EINPUT, FY_EIO as above. */
FY_MUST_CHECK enum fy_code
fy_catalogue_postgres_check(const struct fy_catalogue_postgres_settings *settings,
                            struct fy_err *err);

#endif
