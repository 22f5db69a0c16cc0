/* catalogue_sql_backfill.c - backfills: which there are, and how far each is. */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

/* ------------------------------------------------------------------ begin */

/* The id of one that runs and does the same, 0 none. */
static int64_t find_same(struct fy_cs *self, const struct fy_backfill_row *row)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_BACKFILL_SAME);
    fy_cs_text(&use, row->site);
    fy_cs_text(&use, row->account);
    fy_cs_text(&use, row->bucket);
    fy_cs_text(&use, row->prefix);
    fy_cs_i64(&use, row->dry_run);
    int64_t id = fy_cs_row(&use) ? fy_cs_take_i64(&use) : 0;
    fy_cs_end(&use);
    return id;
}

static int64_t count_running(struct fy_cs *self)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_BACKFILL_COUNT_RUNNING);
    int64_t count = fy_cs_row(&use) ? fy_cs_take_i64(&use) : 0;
    fy_cs_end(&use);
    return count;
}

static void forget_ended(struct fy_cs *self)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_BACKFILL_FORGET);
    fy_cs_i64(&use, FY_BACKFILLS_KEPT);
    fy_cs_send(&use);
}

static void insert(struct fy_cs *self, struct fy_backfill_row *row)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_BACKFILL_INSERT);
    row->begun_ms = row->changed_ms = self->now_ms;
    fy_cs_text(&use, row->op_id);
    fy_cs_text(&use, row->site);
    fy_cs_text(&use, row->account);
    fy_cs_text(&use, row->bucket);
    fy_cs_text(&use, row->prefix);
    fy_cs_i64(&use, row->rate);
    fy_cs_i64(&use, row->whole);
    fy_cs_i64(&use, row->forced);
    fy_cs_i64(&use, row->dry_run);
    fy_cs_i64(&use, row->begun_ms);
    if (fy_cs_row(&use))
        row->id = fy_cs_take_i64(&use);
    fy_cs_end(&use);
}

static enum fy_code begin(struct fy_cs *self, struct fy_cat_backfill *backfill)
{
    struct fy_backfill_row *row = &backfill->row;
    struct fy_err *err = &backfill->op.err;
    if (!fy_cs_site_is_known(self, row->site))
        return fy_err_set(err, FY_ENOTFOUND, "site %s is not known", row->site);
    int64_t same = find_same(self, row);
    if (same != 0)
        return fy_err_set(err, FY_EEXISTS, "backfill %lld does that already", (long long)same);
    if (count_running(self) >= FY_BACKFILLS_MAX)
        return fy_err_set(err, FY_ETOOBIG, "%d backfills run, no more at once", FY_BACKFILLS_MAX);
    forget_ended(self);
    insert(self, row);
    return FY_OK;
}

/* ------------------------------------------------------------------ save and cancel */

static enum fy_code save(struct fy_cs *self, struct fy_cat_backfill *backfill)
{
    const struct fy_backfill_row *row = &backfill->row;
    char clean[FY_ERR_TEXT_BYTES];
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_BACKFILL_SAVE);
    fy_cs_i64(&use, row->state);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_text(&use, row->at.account);
    fy_cs_text(&use, row->at.bucket);
    fy_cs_text(&use, row->at.object);
    fy_cs_i64(&use, row->looked);
    fy_cs_i64(&use, row->ordered);
    fy_cs_i64(&use, row->bytes);
    fy_cs_i64(&use, row->left);
    fy_cs_prose(&use, row->note, clean);
    fy_cs_i64(&use, row->id);
    if (fy_cs_run(&use) == 1)
        return FY_OK;
    return fy_err_set(&backfill->op.err, FY_ECANCELLED, "backfill %lld runs no more",
                      (long long)row->id);
}

static enum fy_code cancel(struct fy_cs *self, struct fy_cat_backfill *backfill)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_BACKFILL_CANCEL);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_i64(&use, backfill->row.id);
    if (fy_cs_run(&use) == 1)
        return FY_OK;
    use = fy_cs_use(self->writer, FY_CS_BACKFILL_GET);
    fy_cs_i64(&use, backfill->row.id);
    bool found = fy_cs_row(&use);
    fy_cs_end(&use);
    if (found)
        return FY_OK;
    return fy_err_set(&backfill->op.err, FY_ENOTFOUND, "there is no backfill %lld",
                      (long long)backfill->row.id);
}

enum fy_code fy_cs_backfill(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_backfill *backfill = (struct fy_cat_backfill *)(void *)op;
    switch (backfill->action) {
    case FY_BACKFILL_BEGIN:
        return begin(self, backfill);
    case FY_BACKFILL_SAVE:
        return save(self, backfill);
    case FY_BACKFILL_CANCEL:
        return cancel(self, backfill);
    }
    return fy_err_set(&op->err, FY_EINTERNAL, "no such action of a backfill");
}

/* ------------------------------------------------------------------ lists */

struct backfill_list {
    struct fy_cs_list list;
    int64_t after;
    fy_backfill_visit_fn *visit;
    void *arg;
};

static void backfill_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    fy_cs_i64(use, ((const struct backfill_list *)(void *)list)->after);
    fy_cs_i64(use, row_count);
}

/* The columns BACKFILL_COLUMNS of catalogue_sql_texts.c. */
static bool backfill_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct fy_backfill_row *row = out;
    row->id = fy_cs_take_i64(use);
    row->state = (enum fy_backfill_state)fy_cs_take_i64(use);
    fy_cs_take_text(use, row->op_id, sizeof row->op_id);
    fy_cs_take_text(use, row->site, sizeof row->site);
    fy_cs_take_text(use, row->account, sizeof row->account);
    fy_cs_take_text(use, row->bucket, sizeof row->bucket);
    fy_cs_take_text(use, row->prefix, sizeof row->prefix);
    row->rate = fy_cs_take_i64(use);
    row->whole = fy_cs_take_i64(use) != 0;
    row->forced = fy_cs_take_i64(use) != 0;
    row->dry_run = fy_cs_take_i64(use) != 0;
    row->begun_ms = fy_cs_take_i64(use);
    row->changed_ms = fy_cs_take_i64(use);
    fy_cs_take_text(use, row->at.account, sizeof row->at.account);
    fy_cs_take_text(use, row->at.bucket, sizeof row->at.bucket);
    fy_cs_take_text(use, row->at.object, sizeof row->at.object);
    row->looked = fy_cs_take_i64(use);
    row->ordered = fy_cs_take_i64(use);
    row->bytes = fy_cs_take_i64(use);
    row->left = fy_cs_take_i64(use);
    fy_cs_take_text(use, row->note, sizeof row->note);
    ((struct backfill_list *)(void *)list)->after = row->id;
    return true;
}

static bool backfill_visit(struct fy_cs_list *list, const void *row)
{
    const struct backfill_list *self = (const struct backfill_list *)(void *)list;
    return self->visit(self->arg, row);
}

static enum fy_code run_list(struct fy_cs *cs, enum fy_cs_sql sql, int64_t after, uint32_t limit,
                             fy_backfill_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct backfill_list self = {
        .list = {.sql = sql,
                 .row_bytes = sizeof(struct fy_backfill_row),
                 .limit = limit,
                 .bind = backfill_bind,
                 .take = backfill_take,
                 .visit = backfill_visit,
                 .self = cs},
        .after = after,
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

enum fy_code fy_cs_backfill_list(struct fy_catalogue *port, int64_t after_id, uint32_t limit,
                                 fy_backfill_visit_fn *visit, void *arg, struct fy_err *err)
{
    return run_list(fy_cs_from(port), FY_CS_BACKFILL_LIST, after_id, limit, visit, arg, err);
}

enum fy_code fy_cs_backfill_running(struct fy_catalogue *port, fy_backfill_visit_fn *visit,
                                    void *arg, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    enum fy_code code = fy_cs_may_pump(self, err);
    if (code != FY_OK)
        return code;
    return run_list(self, FY_CS_BACKFILL_LIST_RUNNING, 0, FY_BACKFILLS_MAX, visit, arg, err);
}
