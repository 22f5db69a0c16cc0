/* catalogue_sql_queue.c - lists of orders: the outbox, waiting ones, outcomes. */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

/* ------------------------------------------------------------------ outbox */

struct outbox_list {
    struct fy_cs_list list;
    int64_t after;
    fy_outbox_visit_fn *visit;
    void *arg;
};

static void outbox_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    fy_cs_i64(use, ((const struct outbox_list *)(void *)list)->after);
    fy_cs_i64(use, row_count);
}

static bool outbox_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct fy_outbox_row *row = out;
    row->id = fy_cs_take_i64(use);
    const void *key = fy_cs_take_blob(use, &row->key_bytes);
    FY_ASSERT(row->key_bytes <= FY_KEY_BYTES_MAX);
    memcpy(row->key, key == NULL ? "" : key, row->key_bytes);
    row->key[row->key_bytes] = '\0';
    const void *json = fy_cs_take_blob(use, &row->json_bytes);
    char *copy = fy_alloc(row->json_bytes + 1); /* zero-terminated, for whoever prints it */
    if (json != NULL)
        memcpy(copy, json, row->json_bytes);
    row->json = copy;
    row->written_ms = fy_cs_take_i64(use);
    ((struct outbox_list *)(void *)list)->after = row->id;
    return true;
}

static bool outbox_visit(struct fy_cs_list *list, const void *row)
{
    const struct outbox_list *self = (const struct outbox_list *)(void *)list;
    return self->visit(self->arg, row);
}

static void outbox_drop(void *row)
{
    free((void *)(uintptr_t)((struct fy_outbox_row *)row)->json); /* ours; const for visitors */
}

enum fy_code fy_cs_may_pump(struct fy_cs *self, struct fy_err *err)
{
    if (self->engine->may_pump == NULL)
        return FY_OK;
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    bool pumps = self->engine->may_pump(self, reader);
    enum fy_code code = fy_cs_reader_give(self, reader, err);
    if (code == FY_OK && !pumps)
        return fy_err_set(err, FY_EEXISTS, "another process reads the outbox");
    return code;
}

enum fy_code fy_cs_outbox_read(struct fy_catalogue *port, uint32_t limit, fy_outbox_visit_fn *visit,
                               void *arg, struct fy_err *err)
{
    struct fy_cs *cs = fy_cs_from(port);
    enum fy_code code = fy_cs_may_pump(cs, err);
    if (code != FY_OK)
        return code;
    struct outbox_list self = {
        .list = {.sql = FY_CS_OUTBOX_READ,
                 .row_bytes = sizeof(struct fy_outbox_row),
                 .limit = limit,
                 .bind = outbox_bind,
                 .take = outbox_take,
                 .visit = outbox_visit,
                 .drop = outbox_drop,
                 .self = cs},
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

/* ------------------------------------------------------------------ waiting */

struct waiting_list {
    struct fy_cs_list list;
    const struct fy_waiting_filter *filter;
    int64_t after;
    fy_waiting_visit_fn *visit;
    void *arg;
};

static void waiting_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct waiting_list *self = (const struct waiting_list *)(void *)list;
    fy_cs_waiting_list_bind(use, self->filter, self->after, row_count);
}

static bool waiting_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct fy_waiting_row *row = out;
    fy_cs_take_waiting(use, row);
    ((struct waiting_list *)(void *)list)->after = row->id;
    return true;
}

static bool waiting_visit(struct fy_cs_list *list, const void *row)
{
    const struct waiting_list *self = (const struct waiting_list *)(void *)list;
    return self->visit(self->arg, row);
}

static enum fy_code waiting_one(struct fy_cs *cs, const struct fy_waiting_filter *filter,
                                fy_waiting_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fy_waiting_row row;
    struct fy_cs_conn *reader = fy_cs_reader_take(cs);
    bool found = fy_cs_waiting_get(reader, filter->id, &row);
    enum fy_code code = fy_cs_reader_give(cs, reader, err);
    if (code == FY_OK && found && fy_cs_waiting_passes(filter, &row))
        (void)visit(arg, &row); /* there is no second one to stop before */
    return code;
}

enum fy_code fy_cs_waiting_list(struct fy_catalogue *port, const struct fy_waiting_filter *filter,
                                fy_waiting_visit_fn *visit, void *arg, struct fy_err *err)
{
    if (filter->id != -1)
        return waiting_one(fy_cs_from(port), filter, visit, arg, err);
    struct waiting_list self = {
        .list = {.sql = fy_cs_waiting_list_sql(filter),
                 .row_bytes = sizeof(struct fy_waiting_row),
                 .limit = filter->limit,
                 .bind = waiting_bind,
                 .take = waiting_take,
                 .visit = waiting_visit,
                 .self = fy_cs_from(port)},
        .filter = filter,
        .after = filter->after_id,
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

struct count_list {
    struct fy_cs_list list;
    struct fy_waiting_count after;
    bool begun;
    fy_waiting_count_visit_fn *visit;
    void *arg;
};

static void count_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct count_list *self = (const struct count_list *)(void *)list;
    const struct fy_waiting_count *after = &self->after;
    fy_cs_i64(use, self->begun ? (int64_t)after->direction : -1);
    fy_cs_i64(use, after->state);
    fy_cs_i64(use, after->reason);
    fy_cs_text(use, after->site);
    fy_cs_i64(use, row_count);
}

static bool count_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct fy_waiting_count *count = out;
    count->direction = (enum fy_direction)fy_cs_take_i64(use);
    count->state = (enum fy_wait_state)fy_cs_take_i64(use);
    count->reason = (enum fy_reason)fy_cs_take_i64(use);
    fy_cs_take_text(use, count->site, sizeof count->site);
    count->orders = fy_cs_take_i64(use);
    count->bytes = fy_cs_take_i64(use);
    count->oldest_ms = fy_cs_take_i64(use);
    struct count_list *self = (struct count_list *)(void *)list;
    self->after = *count;
    self->begun = true;
    return true;
}

static bool count_visit(struct fy_cs_list *list, const void *row)
{
    const struct count_list *self = (const struct count_list *)(void *)list;
    return self->visit(self->arg, row);
}

enum fy_code fy_cs_waiting_counts(struct fy_catalogue *port, fy_waiting_count_visit_fn *visit,
                                  void *arg, struct fy_err *err)
{
    struct count_list self = {
        .list = {.sql = FY_CS_WAITING_COUNTS,
                 .row_bytes = sizeof(struct fy_waiting_count),
                 .limit = UINT32_MAX,
                 .bind = count_bind,
                 .take = count_take,
                 .visit = count_visit,
                 .self = fy_cs_from(port)},
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

/* ------------------------------------------------------------------ outcomes */

struct outcome_list {
    struct fy_cs_list list;
    const char *op_id;
    struct fy_outcome_row after; /* its key columns */
    bool begun;
    bool stopped;
    fy_outcome_visit_fn *visit;
    void *arg;
};

static void outcome_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct outcome_list *self = (const struct outcome_list *)(void *)list;
    fy_cs_text(use, self->op_id);
    if (list->sql == FY_CS_OUTCOME_ARRAY)
        fy_cs_text(use, self->after.op_id);
    fy_cs_text(use, self->after.bucket);
    fy_cs_text(use, self->after.object);
    fy_cs_i64(use, self->begun ? (int64_t)self->after.action : -1);
    fy_cs_i64(use, row_count);
}

/* "opId-12": an order of the array, not another opId that begins alike. */
static bool is_of_array(const char *op_id, const char *row_op_id)
{
    const char *index = row_op_id + strlen(op_id) + 1;
    return index[0] != '\0' && index[strspn(index, "0123456789")] == '\0';
}

static bool outcome_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct outcome_list *self = (struct outcome_list *)(void *)list;
    struct fy_outcome_row *row = out;
    fy_cs_take_text(use, row->op_id, sizeof row->op_id);
    fy_cs_take_text(use, row->bucket, sizeof row->bucket);
    fy_cs_take_text(use, row->object, sizeof row->object);
    row->action = (enum fy_action)fy_cs_take_i64(use);
    fy_cs_take_stamp(use, &row->stamp);
    row->outcome = (enum fy_outcome)fy_cs_take_i64(use);
    row->reason = (enum fy_reason)fy_cs_take_i64(use);
    fy_cs_take_text(use, row->detail, sizeof row->detail);
    row->at_ms = fy_cs_take_i64(use);
    self->after = *row;
    self->begun = true;
    return list->sql == FY_CS_OUTCOME_EXACT || is_of_array(self->op_id, row->op_id);
}

static bool outcome_visit(struct fy_cs_list *list, const void *row)
{
    struct outcome_list *self = (struct outcome_list *)(void *)list;
    self->stopped = !self->visit(self->arg, row);
    return !self->stopped;
}

enum fy_code fy_cs_outcome_list(struct fy_catalogue *port, const char *op_id,
                                fy_outcome_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct outcome_list self = {
        .list = {.sql = FY_CS_OUTCOME_EXACT,
                 .row_bytes = sizeof(struct fy_outcome_row),
                 .limit = UINT32_MAX,
                 .bind = outcome_bind,
                 .take = outcome_take,
                 .visit = outcome_visit,
                 .self = fy_cs_from(port)},
        .op_id = op_id,
        .visit = visit,
        .arg = arg,
    };
    enum fy_code code = fy_cs_list_run(&self.list, err);
    if (code != FY_OK || self.stopped)
        return code;
    self.list.sql = FY_CS_OUTCOME_ARRAY;
    self.begun = false;
    memset(&self.after, 0, sizeof self.after);
    return fy_cs_list_run(&self.list, err);
}
