/* catalogue_postgres.h - the catalogue port on PostgreSQL, shared by any number of processes. */
#ifndef FY_ADAPTERS_CATALOGUE_POSTGRES_H
#define FY_ADAPTERS_CATALOGUE_POSTGRES_H

#include "common/adapters/catalogue_settings.h"
#include "common/ports/catalogue.h"

struct fy_catalogue_postgres_settings {
    const char *url;           /* as libpq takes it: postgres://user@host:port/database?options */
    const char *password_file; /* its first line is the password; NULL or "": none */
    struct fy_catalogue_settings common;
    uint32_t dead_ms; /* a process that has not renewed its lease for so long is dead */
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

/* How a server and its database stand, for `ferry doctor`. */
struct fy_postgres_state {
    char version[64];
    bool too_old; /* Ferry does not work with it */
    char encoding[32];
    bool standby;
    bool pooled;                  /* each transaction may meet another backend */
    bool fsync, full_page_writes; /* a crash loses nothing, and breaks nothing */
    int64_t schema;               /* -1: no tables of Ferry's yet */
    int64_t schema_known;         /* what this program would make of it */
    int64_t connections_max;      /* for users like us */
    int64_t connections_used;     /* ours included */
    int64_t locks_max;            /* of all transactions together */
    int64_t now_ms;               /* its clock */
};
/* Asks the server; nothing is made or changed. settings: of fy_catalogue_postgres_open; no more of
 * them than url, password_file and common.site is looked at. Blocks. Thread: any. Errors: FY_EBUSY
 * away, or it does not let us in; FY_EINPUT, FY_EIO as open. */
FY_MUST_CHECK enum fy_code
fy_catalogue_postgres_state(const struct fy_catalogue_postgres_settings *settings,
                            struct fy_postgres_state *state, struct fy_err *err);

#endif
