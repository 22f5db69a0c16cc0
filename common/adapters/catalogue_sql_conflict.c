/* catalogue_sql_conflict.c - losing bodies of conflicts: kept, listed, dropped, aged out. */
/*
 * A row holds a reference to its body, as an object does: the sweep leaves the body alone until the
 * row is gone.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

void fy_cs_conflict_add(struct fy_cs *self, const struct fy_cs_container *container,
                        const struct fy_order *order)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONFLICT_ADD);
    fy_cs_text(&use, container->row.account);
    fy_cs_text(&use, container->row.name);
    fy_cs_stamp(&use, &order->stamp);
    fy_cs_i64(&use, order->action);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, order->object);
    fy_cs_expect(&use); /* the loser's row is there */
    self->counters.conflicts++;
}

/* false: somebody dropped it before. */
static bool forget(struct fy_cs *self, int64_t id)
{
    int64_t body_id = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONFLICT_BODY);
    fy_cs_i64(&use, id);
    if (fy_cs_row(&use))
        body_id = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    if (body_id == 0)
        return false;
    use = fy_cs_use(self->writer, FY_CS_CONFLICT_DELETE);
    fy_cs_i64(&use, id);
    fy_cs_send(&use); /* in the transaction that has just seen it */
    fy_cs_body_let_go(self, body_id);
    self->counters.conflicts--;
    return true;
}

bool fy_cs_conflict_purge(struct fy_cs *self, int64_t before_ms)
{
    int64_t id = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONFLICT_AGED);
    fy_cs_i64(&use, before_ms);
    fy_cs_i64(&use, 1);
    if (fy_cs_row(&use))
        id = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return id != 0 && forget(self, id);
}

/* ------------------------------------------------------------------ lists */

/* The statement whose index holds the least of what the filter does not want. */
static enum fy_cs_sql list_sql(const struct fy_conflict_filter *filter)
{
    if (filter->id != -1)
        return FY_CS_CONFLICT_LIST_ID;
    if (filter->bucket[0] != '\0')
        return FY_CS_CONFLICT_LIST_BUCKET;
    return filter->site[0] != '\0' ? FY_CS_CONFLICT_LIST_SITE : FY_CS_CONFLICT_LIST;
}

static void list_bind(struct fy_cs_use *use, const struct fy_conflict_filter *filter,
                      int64_t after_id, int64_t row_count)
{
    fy_cs_i64(use, filter->id);
    fy_cs_text(use, filter->site);
    fy_cs_text(use, filter->bucket);
    fy_cs_i64(use, after_id);
    fy_cs_i64(use, row_count);
}

struct conflict_list {
    struct fy_cs_list list;
    const struct fy_conflict_filter *filter;
    int64_t after;
    fy_conflict_visit_fn *visit;
    void *arg;
};

static void conflict_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct conflict_list *self = (const struct conflict_list *)(void *)list;
    list_bind(use, self->filter, self->after, row_count);
}

static bool conflict_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct fy_conflict_row *row = out;
    row->id = fy_cs_take_i64(use);
    fy_cs_take_text(use, row->account, sizeof row->account);
    fy_cs_take_text(use, row->bucket, sizeof row->bucket);
    fy_cs_take_stamp(use, &row->winner);
    row->action = (enum fy_action)fy_cs_take_i64(use);
    row->at_ms = fy_cs_take_i64(use);
    fy_cs_take_object_row(list->self, use, &row->loser);
    ((struct conflict_list *)(void *)list)->after = row->id;
    return true;
}

static bool conflict_visit(struct fy_cs_list *list, const void *row)
{
    const struct conflict_list *self = (const struct conflict_list *)(void *)list;
    return self->visit(self->arg, row);
}

enum fy_code fy_cs_conflict_list(struct fy_catalogue *port, const struct fy_conflict_filter *filter,
                                 fy_conflict_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct conflict_list self = {
        .list = {.sql = list_sql(filter),
                 .row_bytes = sizeof(struct fy_conflict_row),
                 .limit = filter->limit,
                 .bind = conflict_bind,
                 .take = conflict_take,
                 .visit = conflict_visit,
                 .self = fy_cs_from(port)},
        .filter = filter,
        .after = filter->after_id,
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

/* ------------------------------------------------------------------ drop */

enum fy_code fy_cs_conflict_drop(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_conflict_drop *drop = (struct fy_cat_conflict_drop *)(void *)op;
    const struct fy_conflict_filter *filter = &drop->filter;
    int64_t ids[FY_LIST_PAGE_MAX];
    size_t count = 0;
    FY_ASSERT(filter->limit >= 1);
    FY_ASSERT(filter->limit <= FY_LIST_PAGE_MAX);
    struct fy_cs_use use = fy_cs_use(self->writer, list_sql(filter));
    list_bind(&use, filter, filter->after_id, filter->limit);
    while (count < filter->limit && fy_cs_row(&use))
        ids[count++] = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    drop->matched = (int64_t)count;
    drop->last_id = count == 0 ? filter->after_id : ids[count - 1];
    for (size_t index = 0; !drop->dry_run && index < count; index++)
        (void)forget(self, ids[index]); /* seen by this transaction: it is there */
    return FY_OK;
}
