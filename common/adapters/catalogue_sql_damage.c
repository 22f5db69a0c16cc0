/* catalogue_sql_damage.c - bodies that are not what they were stored as, and the scan that looks
 * for them. */
/*
 * Whether a body is damaged is a column of its row, so that whoever reads an object's row knows it;
 * what was found and what became of it is a row of `damage` for as long as the body has one.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

/* ------------------------------------------------------------------ marks */

static void body_mark(struct fy_cs *self, int64_t body_id, enum fy_damage damage)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_BODY_MARK);
    fy_cs_i64(&use, damage);
    fy_cs_i64(&use, body_id);
    fy_cs_send(&use);
}

void fy_cs_damage_mended(struct fy_cs *self, int64_t body_id, const char *from)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_DAMAGE_MENDED);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_text(&use, from);
    fy_cs_i64(&use, body_id);
    fy_cs_send(&use);
    body_mark(self, body_id, FY_DAMAGE_NONE);
}

static void damage_put(struct fy_cs *self, const struct fy_cat_damage *op)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_DAMAGE_PUT);
    fy_cs_i64(&use, op->body.id);
    fy_cs_i64(&use, op->damage);
    fy_cs_i64(&use, op->scan);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_send(&use);
    body_mark(self, op->body.id, op->damage);
}

enum fy_code fy_cs_damage(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_damage *damage = (struct fy_cat_damage *)(void *)op;
    struct fy_body_row body;
    damage->news = false;
    damage->stale = !fy_cs_body_get(self->writer, damage->body.id, &body) ||
                    strcmp(body.blob_ref, damage->body.blob_ref) != 0;
    if (damage->stale)
        return FY_OK; /* swept, or another copy has taken its place: nobody has looked at that */
    if (damage->damage != FY_DAMAGE_NONE) {
        damage->news = !body.damaged;
        damage_put(self, damage);
    } else if (body.damaged) {
        fy_cs_damage_mended(self, body.id, "");
    }
    return FY_OK;
}

enum fy_code fy_cs_mend(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_mend *mend = (struct fy_cat_mend *)(void *)op;
    FY_ASSERT(mend->blob_ref[0] != '\0');
    if (!self->lease_alive) /* the sweeper may be after the new copy */
        return fy_err_set(&op->err, FY_ECANCELLED, "this process has no lease any more");
    int64_t id = fy_cs_body_find(self->writer, &mend->digest, mend->size, NULL);
    if (id == 0) {
        fy_cs_blob_discard(self, mend->blob_ref);
        return fy_err_set(&op->err, FY_ENOTFOUND, "the body was swept meanwhile");
    }
    fy_cs_body_move(self, id, mend->blob_ref, mend->from);
    return FY_OK;
}

/* ------------------------------------------------------------------ the scan */

/* boot_id: whose it is. A row that is absent reads as scan 0. */
static void scan_read(struct fy_cs_conn *conn, struct fy_scan_row *row,
                      char boot_id[static FY_GUID_DIGITS + 1])
{
    memset(row, 0, sizeof *row);
    boot_id[0] = '\0';
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_SCAN_GET);
    if (fy_cs_row(&use)) {
        row->number = fy_cs_take_i64(&use);
        row->state = (enum fy_scan_state)fy_cs_take_i64(&use);
        row->mends = fy_cs_take_i64(&use) != 0;
        fy_cs_take_text(&use, row->account, sizeof row->account);
        fy_cs_take_text(&use, row->bucket, sizeof row->bucket);
        fy_cs_take_text(&use, row->prefix, sizeof row->prefix);
        fy_cs_take_text(&use, row->after_name, sizeof row->after_name);
        row->after_id = fy_cs_take_i64(&use);
        row->bodies = fy_cs_take_i64(&use);
        row->bytes = fy_cs_take_i64(&use);
        row->damaged = fy_cs_take_i64(&use);
        row->mended = fy_cs_take_i64(&use);
        row->started_ms = fy_cs_take_i64(&use);
        row->ended_ms = fy_cs_take_i64(&use);
        fy_cs_take_text(&use, boot_id, FY_GUID_DIGITS + 1);
    }
    fy_cs_end(&use);
}

static void scan_put(struct fy_cs *self, const struct fy_scan_row *row, const char *boot_id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SCAN_PUT);
    fy_cs_i64(&use, row->number);
    fy_cs_i64(&use, row->state);
    fy_cs_i64(&use, row->mends);
    fy_cs_text(&use, row->account);
    fy_cs_text(&use, row->bucket);
    fy_cs_text(&use, row->prefix);
    fy_cs_text(&use, row->after_name);
    fy_cs_i64(&use, row->after_id);
    fy_cs_i64(&use, row->bodies);
    fy_cs_i64(&use, row->bytes);
    fy_cs_i64(&use, row->damaged);
    fy_cs_i64(&use, row->mended);
    fy_cs_i64(&use, row->started_ms);
    fy_cs_i64(&use, row->ended_ms);
    fy_cs_text(&use, boot_id);
    fy_cs_send(&use);
}

static bool same_scope(const struct fy_scan_row *a, const struct fy_scan_row *b)
{
    return a->mends == b->mends && strcmp(a->account, b->account) == 0 &&
           strcmp(a->bucket, b->bucket) == 0 && strcmp(a->prefix, b->prefix) == 0;
}

static enum fy_code scan_start(struct fy_cs *self, struct fy_cat_scan *scan,
                               const struct fy_scan_row *last)
{
    struct fy_scan_row *row = &scan->row;
    if (last->state == FY_SCAN_RUNNING) {
        if (!same_scope(last, row))
            return fy_err_set(&scan->op.err, FY_EEXISTS, "scan %lld runs: stop it first",
                              (long long)last->number);
        *row = *last;
        return FY_OK;
    }
    row->number = last->number + 1;
    row->state = FY_SCAN_RUNNING;
    row->after_name[0] = '\0';
    row->after_id = row->bodies = row->bytes = row->damaged = row->mended = row->ended_ms = 0;
    row->started_ms = self->now_ms;
    scan_put(self, row, "");
    return FY_OK;
}

static enum fy_code scan_take(struct fy_cs *self, struct fy_cat_scan *scan,
                              const struct fy_scan_row *last, const char *boot_id)
{
    if (strcmp(boot_id, self->boot_id) != 0 && fy_cs_lease_lives(self->writer, boot_id))
        return fy_err_set(&scan->op.err, FY_EEXISTS, "another process does it");
    scan->row = *last;
    scan_put(self, last, self->boot_id);
    return FY_OK;
}

static enum fy_code scan_save(struct fy_cs *self, struct fy_cat_scan *scan,
                              const struct fy_scan_row *last, const char *boot_id)
{
    struct fy_scan_row *row = &scan->row;
    if (last->number != row->number || strcmp(boot_id, self->boot_id) != 0)
        return fy_err_set(&scan->op.err, FY_ECANCELLED, "the scan is not ours any more");
    if (row->state != FY_SCAN_RUNNING)
        row->ended_ms = self->now_ms;
    scan_put(self, row, boot_id);
    return FY_OK;
}

enum fy_code fy_cs_scan(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_scan *scan = (struct fy_cat_scan *)(void *)op;
    struct fy_scan_row last;
    char boot_id[FY_GUID_DIGITS + 1];
    scan_read(self->writer, &last, boot_id);
    if (scan->action == FY_SCAN_START)
        return scan_start(self, scan, &last);
    if (last.state != FY_SCAN_RUNNING)
        return fy_err_set(&op->err, scan->action == FY_SCAN_SAVE ? FY_ECANCELLED : FY_ENOTFOUND,
                          "no scan runs");
    if (scan->action == FY_SCAN_TAKE)
        return scan_take(self, scan, &last, boot_id);
    if (scan->action == FY_SCAN_SAVE)
        return scan_save(self, scan, &last, boot_id);
    last.state = FY_SCAN_STOPPED;
    last.ended_ms = self->now_ms;
    scan->row = last;
    scan_put(self, &last, boot_id);
    return FY_OK;
}

/* ------------------------------------------------------------------ reads */

enum fy_code fy_cs_scan_get(struct fy_catalogue *port, struct fy_scan_row *row, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    char boot_id[FY_GUID_DIGITS + 1];
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    scan_read(reader, row, boot_id);
    return fy_cs_reader_give(self, reader, err);
}

enum fy_code fy_cs_body_objects(struct fy_catalogue *port, int64_t body_id, uint32_t limit,
                                fy_key_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_BODY_OBJECTS);
    fy_cs_i64(&use, body_id);
    fy_cs_i64(&use, limit);
    for (bool wanted = true; wanted && fy_cs_row(&use);) {
        struct fy_object_key key;
        fy_cs_take_text(&use, key.account, sizeof key.account);
        fy_cs_take_text(&use, key.bucket, sizeof key.bucket);
        fy_cs_take_text(&use, key.object, sizeof key.object);
        wanted = visit(arg, &key, fy_cs_take_i64(&use));
    }
    fy_cs_end(&use);
    return fy_cs_reader_give(self, reader, err);
}

struct body_list {
    struct fy_cs_list list;
    int64_t after_id;
    fy_body_visit_fn *visit;
    void *arg;
};

static void body_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    fy_cs_i64(use, ((const struct body_list *)(void *)list)->after_id);
    fy_cs_i64(use, row_count);
}

static bool body_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct fy_body_row *row = out;
    fy_cs_take_body(use, row);
    ((struct body_list *)(void *)list)->after_id = row->id;
    return true;
}

static bool body_visit(struct fy_cs_list *list, const void *row)
{
    const struct body_list *self = (const struct body_list *)(void *)list;
    return self->visit(self->arg, row);
}

enum fy_code fy_cs_body_list(struct fy_catalogue *port, int64_t after_id, uint32_t limit,
                             fy_body_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct body_list self = {
        .list = {.sql = FY_CS_BODY_LIST,
                 .row_bytes = sizeof(struct fy_body_row),
                 .limit = limit,
                 .bind = body_bind,
                 .take = body_take,
                 .visit = body_visit,
                 .self = fy_cs_from(port)},
        .after_id = after_id,
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

struct damage_list {
    struct fy_cs_list list;
    int64_t scan, after_id;
    fy_damage_visit_fn *visit;
    void *arg;
};

static void damage_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct damage_list *self = (const struct damage_list *)(void *)list;
    fy_cs_i64(use, self->scan);
    fy_cs_i64(use, self->after_id);
    fy_cs_i64(use, row_count);
}

static bool damage_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct fy_damage_row *row = out;
    fy_cs_take_body(use, &row->body);
    row->damage = (enum fy_damage)fy_cs_take_i64(use);
    row->scan = fy_cs_take_i64(use);
    row->found_ms = fy_cs_take_i64(use);
    row->mended_ms = fy_cs_take_i64(use);
    fy_cs_take_text(use, row->from, sizeof row->from);
    ((struct damage_list *)(void *)list)->after_id = row->body.id;
    return true;
}

static bool damage_visit(struct fy_cs_list *list, const void *row)
{
    const struct damage_list *self = (const struct damage_list *)(void *)list;
    return self->visit(self->arg, row);
}

enum fy_code fy_cs_damage_list(struct fy_catalogue *port, const struct fy_damage_filter *filter,
                               fy_damage_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct damage_list self = {
        .list = {.sql = FY_CS_DAMAGE_LIST,
                 .row_bytes = sizeof(struct fy_damage_row),
                 .limit = filter->limit,
                 .bind = damage_bind,
                 .take = damage_take,
                 .visit = damage_visit,
                 .self = fy_cs_from(port)},
        .scan = filter->scan,
        .after_id = filter->after_id,
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}
