/* catalogue_sql_make.c - containers by OpenIO's rules: made and destroyed. */
/*
 * Register, stamp, name, rights and order are those of a bucket; what is more are the rules, of
 * which the order says that there are some: the container's copies follow a version policy, too.
 * Properties stay here.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"
#include "common/core/container_rules.h"

static void order_add(struct fy_cs *self, const struct fy_cs_container *container,
                      enum fy_action action, const char *op_id)
{
    const struct fy_container_row *row = &container->row;
    struct fy_order order;
    fy_cs_order_begin(&order, action, &row->reg.stamp, op_id, row->account, row->name);
    order.overwrites = action == FY_ACTION_CREATE;
    fy_cs_outbox_local(self, &order, row->account);
}

/* May it be made, and with these properties? */
static enum fy_code make_check(struct fy_cs *self, struct fy_cat_container_make *make,
                               struct fy_cs_container *container,
                               struct fy_container_change *change)
{
    struct fy_err *err = &make->op.err;
    (void)fy_cs_container_find(self, make->account, make->name, container);
    if (container->hidden)
        return fy_err_set(err, FY_EBUSY, "container %.100s is being made", make->name);
    if (container->there)
        return fy_err_set(err, FY_EEXISTS, "container %.100s is there already", make->name);
    enum fy_code code = fy_cs_left_check(self, container, FY_EBUSY, err);
    if (code != FY_OK)
        return code;
    fy_container_rules_init(&change->rules);
    change->rules.versioned = true;
    code = fy_container_change(change, make->properties, make->count, true, err);
    if (code != FY_OK)
        return code;
    return fy_cs_properties_fit(self, 0, make->properties, make->count, false, err);
}

enum fy_code fy_cs_container_make(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_container_make *make = (struct fy_cat_container_make *)(void *)op;
    struct fy_cs_container container;
    struct fy_container_change change;
    enum fy_code code = make_check(self, make, &container, &change);
    if (code != FY_OK)
        return code;
    struct fy_stamp stamp = fy_cs_stamp_next(self, &container.row.reg.stamp);
    fy_cs_left_clear(self, &container);
    fy_cs_container_need(self, &container, fy_stamp_ms(&stamp));
    fy_cs_rules_put(self, &container, &change.rules);
    fy_cs_container_register(self, &container, FY_STATUS_READY, &stamp, fy_stamp_ms(&stamp), 0);
    fy_cs_container_settle(self, &container);
    fy_cs_properties_put(self, &container, make->properties, make->count);
    fy_cs_containers_forget(self); /* the bucket it belongs to is in its row */
    order_add(self, &container, FY_ACTION_CREATE, make->op_id);
    return FY_OK;
}

enum fy_code fy_cs_container_destroy(struct fy_cs *self, struct fy_cat_op *op)
{
    const struct fy_cat_container_destroy *destroy =
        (const struct fy_cat_container_destroy *)(void *)op;
    struct fy_cs_container container;
    if (!fy_cs_container_find(self, destroy->account, destroy->name, &container) ||
        !container.there)
        return fy_err_set(&op->err, FY_ENOTFOUND, "container %.100s is not here", destroy->name);
    enum fy_code code = fy_cs_may_go(self, &container, &op->err);
    if (code != FY_OK)
        return code;
    if (fy_cs_container_filled(self->writer, &container))
        return fy_err_set(&op->err, FY_ENOTACCEPT, "container %.100s is not empty", destroy->name);
    struct fy_stamp stamp = fy_cs_stamp_next(self, &container.row.reg.stamp);
    fy_cs_container_register(self, &container, FY_STATUS_DELETED, &stamp, 0, 0);
    fy_cs_container_settle(self, &container);
    order_add(self, &container, FY_ACTION_DELETE, destroy->op_id);
    return FY_OK;
}
