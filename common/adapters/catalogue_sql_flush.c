/* catalogue_sql_flush.c - versions removed by the thousand. */
#include "common/adapters/catalogue_sql_internal.h"

enum fy_code fy_cs_flush(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_versions_purge(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}
