/* catalogue_sql_page.c - lists of versions, with groups. */
#include "common/adapters/catalogue_sql_internal.h"

enum fy_code fy_cs_version_list(struct fy_catalogue *port, const struct fy_version_query *query,
                                fy_version_visit_fn *visit, void *arg, struct fy_err *err)
{
    (void)port, (void)query, (void)visit, (void)arg;
    return fy_err_set(err, FY_EINTERNAL, "not built yet");
}
