/* catalogue_sqlite.h - the catalogue port on one SQLite file. */
#ifndef FY_ADAPTERS_CATALOGUE_SQLITE_H
#define FY_ADAPTERS_CATALOGUE_SQLITE_H

#include "common/adapters/catalogue_settings.h"
#include "common/ports/catalogue.h"

struct fy_catalogue_sqlite_settings {
    const char *path;
    struct fy_catalogue_settings common;
};
/* Makes or migrates the schema. Errors: FY_EEXISTS another process has the file; FY_EIO;
 * FY_EINTERNAL schema too new. */
FY_MUST_CHECK enum fy_code
fy_catalogue_sqlite_open(const struct fy_catalogue_sqlite_settings *settings,
                         struct fy_catalogue **catalogue, struct fy_err *err);

#endif
