/* catalogue_sql_property.c - containers by OpenIO's rules: made, destroyed, properties, sums. */
#include "common/adapters/catalogue_sql_internal.h"

enum fy_code fy_cs_container_make(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_container_destroy(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_properties(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_container_state(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_touch(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_container_info(struct fy_catalogue *port, const struct fy_container_ref *ref,
                                  struct fy_container_info *info, fy_property_visit_fn *visit,
                                  void *arg, struct fy_err *err)
{
    (void)port, (void)ref, (void)info, (void)visit, (void)arg;
    return fy_err_set(err, FY_EINTERNAL, "not built yet");
}
