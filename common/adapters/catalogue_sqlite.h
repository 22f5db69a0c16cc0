/* catalogue_sqlite.h - the catalogue port on one SQLite file. */
#ifndef FY_ADAPTERS_CATALOGUE_SQLITE_H
#define FY_ADAPTERS_CATALOGUE_SQLITE_H

#include "common/core/clock.h"
#include "common/ports/catalogue.h"

struct fy_catalogue_sqlite_settings {
    const char *path;
    struct fy_clock *clock;
    const char *site;      /* own site id: origin of local orders */
    uint32_t reader_count; /* read connections; 1..32 */
    bool keeps; /* deleted objects can be undeleted, until they are purged: trash.keep above 0 */
    int64_t trash_grace_ms;    /* of a body's file that gave way to another copy: trash.grace */
    bool tells;                /* writes events: what became of orders, until they are done */
    const char *oio_namespace; /* and changes of containers, in that namespace; NULL: not those */
    int64_t versions; /* of a name, in containers that set no policy of versions: oio.versions */
    int64_t keep_deleted_ms; /* likewise for purges of deleted names: oio.keep_deleted */
};
/* Makes or migrates the schema. Errors: FY_EEXISTS another process has the file; FY_EIO;
 * FY_EINTERNAL schema too new. */
FY_MUST_CHECK enum fy_code
fy_catalogue_sqlite_open(const struct fy_catalogue_sqlite_settings *settings,
                         struct fy_catalogue **catalogue, struct fy_err *err);

#endif
