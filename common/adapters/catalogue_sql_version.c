/* catalogue_sql_version.c - versions of a name: kept, erased, brought back, registered. */
#include "common/adapters/catalogue_sql_internal.h"

enum fy_code fy_cs_register(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_object_properties(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_version_get(struct fy_catalogue *port, const struct fy_object_key *key,
                               int64_t version, struct fy_object_row *row, struct fy_err *err)
{
    (void)port, (void)key, (void)version, (void)row;
    return fy_err_set(err, FY_EINTERNAL, "not built yet");
}
