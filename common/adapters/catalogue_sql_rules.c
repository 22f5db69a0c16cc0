/* catalogue_sql_rules.c - what a container's rules let happen in it. */
#include "common/adapters/catalogue_sql_internal.h"
#include "common/core/container_rules.h"

void fy_cs_take_rules(struct fy_cs_use *use, struct fy_cs_container *container)
{
    struct fy_container_rules *rules = &container->row.rules;
    rules->versioned = fy_cs_take_i64(use) != 0;
    rules->policy = fy_cs_take_null(use) ? FY_UNSET : fy_cs_take_i64(use);
    rules->delete_exceeding = fy_cs_take_i64(use) != 0;
    rules->keep_deleted_s = fy_cs_take_null(use) ? FY_UNSET : fy_cs_take_i64(use);
    rules->quota = fy_cs_take_i64(use);
    rules->state = (enum fy_container_state)fy_cs_take_i64(use);
    rules->frozen_until_ms = fy_cs_take_i64(use);
    container->has_registered = fy_cs_take_i64(use) != 0;
    container->copied = fy_cs_take_i64(use) != 0;
    container->hidden = fy_cs_take_i64(use) != 0;
    if (!fy_cs_take_null(use))
        fy_cs_take_text(use, container->bucket, sizeof container->bucket);
}

void fy_cs_rules_put(struct fy_cs *self, struct fy_cs_container *container,
                     const struct fy_container_rules *rules)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_RULES);
    fy_cs_i64(&use, container->id);
    fy_cs_i64(&use, rules->versioned);
    fy_cs_i64(&use, rules->policy);
    fy_cs_i64(&use, rules->delete_exceeding);
    fy_cs_i64(&use, rules->keep_deleted_s);
    fy_cs_i64(&use, rules->quota);
    fy_cs_i64(&use, rules->state);
    fy_cs_i64(&use, rules->frozen_until_ms);
    fy_cs_i64(&use, FY_UNSET);
    fy_cs_expect(&use); /* read in this transaction, under its lock */
    container->row.rules = *rules;
    fy_cs_container_keep(self, container);
    fy_cs_journal_rules(self, container);
}

void fy_cs_rules_now(struct fy_cs *self, struct fy_container_row *row)
{
    row->rules.state = fy_container_state_at(&row->rules, fy_wall_ms(self->clock));
}

static enum fy_code is_copied(const struct fy_cs_container *container, struct fy_err *err)
{
    return fy_err_set(err, FY_EBUSY, "a snapshot of bucket %s is being made", container->row.name);
}

enum fy_code fy_cs_takes_changes(struct fy_cs *self, const struct fy_cs_container *container,
                                 struct fy_err *err)
{
    if (container->copied)
        return is_copied(container, err);
    enum fy_container_state state = fy_container_state_at(&container->row.rules, self->now_ms);
    if (state == FY_CONTAINER_ENABLED)
        return FY_OK;
    return fy_container_refuses(&container->row, state, FY_EFROZEN, err);
}

enum fy_code fy_cs_may_go(struct fy_cs *self, const struct fy_cs_container *container,
                          struct fy_err *err)
{
    if (container->copied)
        return is_copied(container, err);
    if (fy_container_state_at(&container->row.rules, self->now_ms) == FY_CONTAINER_DISABLED)
        return fy_container_refuses(&container->row, FY_CONTAINER_DISABLED, FY_EDISABLED, err);
    return FY_OK;
}

enum fy_code fy_cs_takes_orders(const struct fy_cs_container *container, struct fy_err *err)
{
    if (!container->hidden && !container->copied)
        return FY_OK;
    return fy_err_set(err, FY_EFROZEN, "a snapshot %s bucket %s",
                      container->hidden ? "makes" : "reads", container->row.name);
}

/* ------------------------------------------------------------------ frozen, and enabled again */

enum fy_code fy_cs_container_state(struct fy_cs *self, struct fy_cat_op *op)
{
    const struct fy_cat_container_state *change = (const struct fy_cat_container_state *)(void *)op;
    struct fy_cs_container container;
    FY_ASSERT(change->state != FY_CONTAINER_DISABLED); /* that is set as a property */
    if (!fy_cs_container_find(self, change->account, change->name, &container) || !container.there)
        return fy_err_set(&op->err, FY_ENOTFOUND, "container %.100s is not here", change->name);
    struct fy_container_rules rules = container.row.rules;
    if (fy_container_state_at(&rules, self->now_ms) == change->state) {
        bool frozen = change->state == FY_CONTAINER_FROZEN;
        return fy_err_set(&op->err, frozen ? FY_EFROZEN : FY_EEXISTS, "container %.100s is %s",
                          change->name, frozen ? "frozen already" : "enabled already");
    }
    rules.state = change->state;
    rules.frozen_until_ms = 0;
    fy_cs_rules_put(self, &container, &rules);
    return FY_OK;
}
