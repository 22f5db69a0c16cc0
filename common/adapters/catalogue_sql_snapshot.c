/* catalogue_sql_snapshot.c - containers copied. */
#include "common/adapters/catalogue_sql_internal.h"

enum fy_code fy_cs_snapshot(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}
