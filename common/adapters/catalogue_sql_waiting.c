/* catalogue_sql_waiting.c - orders that failed: they wait here, or are dead until a person
 * looks. */
/*
 * Of each (direction, account, bucket, object, target site) one order that a change wrote and one
 * given one wait at most, and any number may be dead; an order has one row at most. Neither kind
 * takes the other's place: a given order may end without having done what the change would, and has
 * no say in whether the change comes. One that is applied has done it, for both. An order whose
 * bucket could not even be read has no such key: it is told apart by the stamp of its record and
 * its opId, which names the record's place (records of one publish share their time, and their
 * offset in each partition), and never waits. A row that makes room for another order is deleted
 * and the other gets an id of its own, so that whoever still works on the old row cannot touch the
 * new one.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

/* ------------------------------------------------------------------ rows */

void fy_cs_take_waiting(struct fy_cs_use *use, struct fy_waiting_row *row)
{
    struct fy_order *order = &row->order;
    memset(row, 0, sizeof *row);
    row->id = fy_cs_take_i64(use);
    row->direction = (enum fy_direction)fy_cs_take_i64(use);
    row->state = (enum fy_wait_state)fy_cs_take_i64(use);
    row->reason = (enum fy_reason)fy_cs_take_i64(use);
    fy_cs_take_text(use, order->bucket, sizeof order->bucket);
    fy_cs_take_text(use, order->object, sizeof order->object);
    fy_cs_take_text(use, order->to_site, sizeof order->to_site);
    fy_cs_take_stamp(use, &order->stamp);
    order->action = (enum fy_action)fy_cs_take_i64(use);
    order->size = fy_cs_take_i64(use);
    order->ordered_at_ms = fy_cs_take_i64(use);
    fy_cs_take_text(use, order->op_id, sizeof order->op_id);
    fy_cs_take_text(use, order->from_site, sizeof order->from_site);
    fy_cs_take_text(use, order->client, sizeof order->client);
    fy_cs_take_text(use, order->account, sizeof order->account);
    fy_cs_take_text(use, order->hash, sizeof order->hash);
    fy_cs_take_text(use, row->detail, sizeof row->detail);
    row->http_status = (int)fy_cs_take_i64(use);
    row->attempts = (uint32_t)fy_cs_take_i64(use);
    row->first_failed_ms = fy_cs_take_i64(use);
    row->last_failed_ms = fy_cs_take_i64(use);
    row->due_ms = fy_cs_take_i64(use);
    order->given = fy_cs_take_i64(use) != 0;
    order->overwrites = fy_cs_take_i64(use) != 0;
}

static bool take_one(struct fy_cs_use *use, struct fy_waiting_row *row)
{
    bool found = fy_cs_row(use);
    if (found)
        fy_cs_take_waiting(use, row);
    fy_cs_end(use);
    return found && !fy_cs_conn_failed(use->conn);
}

bool fy_cs_waiting_get(struct fy_cs_conn *conn, int64_t id, struct fy_waiting_row *row)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_WAITING_GET);
    fy_cs_i64(&use, id);
    return take_one(&use, row);
}

static void bind_key(struct fy_cs_use *use, const struct fy_waiting_row *row)
{
    fy_cs_i64(use, row->direction);
    fy_cs_text(use, fy_order_account(&row->order));
    fy_cs_text(use, row->order.bucket);
    fy_cs_text(use, row->order.object);
    fy_cs_text(use, row->order.to_site);
}

/* The row of this very order, delivered before. */
static bool find_same_order(struct fy_cs *self, const struct fy_waiting_row *row,
                            struct fy_waiting_row *found)
{
    const struct fy_order *order = &row->order;
    struct fy_cs_use use;
    if (order->bucket[0] == '\0') {
        use = fy_cs_use(self->writer, FY_CS_WAITING_POISON);
        fy_cs_stamp(&use, &order->stamp);
        fy_cs_i64(&use, row->direction);
    } else {
        use = fy_cs_use(self->writer, FY_CS_WAITING_BY_ORDER);
        bind_key(&use, row);
        fy_cs_stamp(&use, &order->stamp);
    }
    fy_cs_text(&use, order->op_id);
    return take_one(&use, found);
}

/* The order of the row's kind that waits for its key. */
static bool find_waiting(struct fy_cs *self, const struct fy_waiting_row *row,
                         struct fy_waiting_row *found)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_BY_KEY);
    bind_key(&use, row);
    fy_cs_i64(&use, row->order.given);
    return take_one(&use, found);
}

void fy_cs_waiting_remove(struct fy_cs *self, int64_t id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_DELETE);
    fy_cs_i64(&use, id);
    fy_cs_send(&use); /* 0: a person dropped it meanwhile */
}

static void insert(struct fy_cs *self, struct fy_waiting_row *row)
{
    char detail[FY_ERR_TEXT_BYTES];
    const struct fy_order *order = &row->order;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_INSERT);
    fy_cs_i64(&use, row->direction);
    fy_cs_i64(&use, row->state);
    fy_cs_i64(&use, row->reason);
    fy_cs_text(&use, row->direction == FY_IN ? order->from_site : order->to_site);
    fy_cs_text(&use, fy_order_account(order));
    fy_cs_text(&use, order->bucket);
    fy_cs_text(&use, order->object);
    fy_cs_text(&use, order->to_site);
    fy_cs_stamp(&use, &order->stamp);
    fy_cs_i64(&use, order->action);
    fy_cs_i64(&use, order->size);
    fy_cs_i64(&use, order->ordered_at_ms);
    fy_cs_text(&use, order->op_id);
    fy_cs_text(&use, order->from_site);
    fy_cs_text(&use, order->client);
    fy_cs_text(&use, order->account);
    fy_cs_text(&use, order->hash);
    fy_cs_prose(&use, row->detail, detail);
    fy_cs_i64(&use, row->http_status);
    fy_cs_i64(&use, row->attempts);
    fy_cs_i64(&use, row->first_failed_ms);
    fy_cs_i64(&use, row->last_failed_ms);
    fy_cs_i64(&use, row->due_ms);
    fy_cs_i64(&use, order->given);
    fy_cs_i64(&use, row->due_ms); /* turn_ms */
    fy_cs_i64(&use, order->overwrites);
    if (fy_cs_row(&use))
        row->id = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    self->waiting_in |= row->direction == FY_IN;
}

/* The same order failed again. */
static void update(struct fy_cs *self, int64_t id, const struct fy_waiting_row *row)
{
    char detail[FY_ERR_TEXT_BYTES];
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_UPDATE);
    fy_cs_i64(&use, id);
    fy_cs_i64(&use, row->state);
    fy_cs_i64(&use, row->reason);
    fy_cs_prose(&use, row->detail, detail);
    fy_cs_i64(&use, row->http_status);
    fy_cs_i64(&use, row->attempts);
    fy_cs_i64(&use, row->last_failed_ms);
    fy_cs_i64(&use, row->due_ms);
    fy_cs_send(&use);
}

/* ------------------------------------------------------------------ wait */

/* Has the key moved on to this order's stamp or past it? A dead letter that names what is wrong
 * with the order itself is shown all the same. */
static bool overtaken(struct fy_cs *self, const struct fy_waiting_row *row)
{
    const struct fy_order *order = &row->order;
    struct fy_cs_container container;
    struct fy_cs_object object;
    bool invisible = false;
    if (row->direction != FY_IN || order->bucket[0] == '\0' || fy_stamp_is_zero(&order->stamp) ||
        fy_reason_class(row->reason) == FY_CLASS_POISON)
        return false;
    fy_cs_container_of_order(self, self->writer, order, &container, &invisible);
    if (order->object[0] == '\0')
        return fy_stamp_compare(&order->stamp, &container.row.reg.stamp) <= 0;
    fy_cs_object_read(self, self->writer, container.id, order->object, &object);
    return fy_stamp_compare(&order->stamp, &object.reg.stamp) <= 0;
}

static void outcome_of_row(struct fy_cs *self, const struct fy_waiting_row *row,
                           enum fy_outcome outcome)
{
    fy_cs_outcome_put(self, &(struct fy_cs_end){.order = &row->order,
                                                .direction = row->direction,
                                                .outcome = outcome,
                                                .reason = row->reason,
                                                .detail = row->detail});
}

/* What becomes of an order whose row is about to say state: of those of its kind that wait for a
 * key the newest goes on waiting, whichever came first. Its own row may be there already. */
static enum fy_outcome stand_in_line(struct fy_cs *self, const struct fy_waiting_row *row)
{
    struct fy_waiting_row other;
    if (row->state == FY_DEAD)
        return FY_OUTCOME_DEAD;
    if (!find_waiting(self, row, &other) || other.id == row->id)
        return FY_OUTCOME_WAITING;
    int order = fy_stamp_compare(&row->order.stamp, &other.order.stamp);
    if (order <= 0)
        return order < 0 ? FY_OUTCOME_SUPERSEDED : FY_OUTCOME_DUPLICATE;
    outcome_of_row(self, &other, FY_OUTCOME_SUPERSEDED);
    fy_cs_waiting_remove(self, other.id);
    return FY_OUTCOME_WAITING;
}

enum fy_code fy_cs_wait(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_wait *wait = (struct fy_cat_wait *)(void *)op;
    struct fy_waiting_row *row = &wait->row;
    struct fy_waiting_row stored;
    bool is_new = row->id == 0;
    bool found = is_new ? find_same_order(self, row, &stored)
                        : fy_cs_waiting_get(self->writer, row->id, &stored);
    wait->superseded = !is_new && !found; /* removed meanwhile, and its outcome said so */
    if (wait->superseded)
        return FY_OK;
    if (found)
        row->id = stored.id;
    enum fy_outcome outcome =
        overtaken(self, row) ? FY_OUTCOME_SUPERSEDED : stand_in_line(self, row);
    wait->superseded = outcome != FY_OUTCOME_WAITING && outcome != FY_OUTCOME_DEAD;
    if (wait->superseded)
        fy_cs_waiting_remove(self, row->id);
    else if (found)
        update(self, row->id, row);
    else
        insert(self, row);
    outcome_of_row(self, row, outcome);
    return FY_OK;
}

void fy_cs_waiting_refresh(struct fy_cs *self)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_ANY_IN);
    self->waiting_in = fy_cs_row(&use) && fy_cs_take_i64(&use) != 0;
    fy_cs_end(&use);
}

void fy_cs_waiting_supersede(struct fy_cs *self, const struct fy_order *order)
{
    struct fy_waiting_row row;
    while (self->waiting_in) {
        struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_OLDER);
        fy_cs_text(&use, fy_order_account(order));
        fy_cs_text(&use, order->bucket);
        fy_cs_text(&use, order->object);
        fy_cs_stamp(&use, &order->stamp);
        if (!take_one(&use, &row))
            return;
        bool same = fy_stamp_compare(&row.order.stamp, &order->stamp) == 0;
        if (!same || strcmp(row.order.op_id, order->op_id) != 0)
            outcome_of_row(self, &row, same ? FY_OUTCOME_DUPLICATE : FY_OUTCOME_SUPERSEDED);
        fy_cs_waiting_remove(self, row.id);
    }
}

/* ------------------------------------------------------------------ claims */

static size_t read_due(struct fy_cs *self, struct fy_cat_wait_claim *claim)
{
    size_t count = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_DUE);
    fy_cs_i64(&use, claim->now_ms);
    fy_cs_i64(&use, (int64_t)claim->capacity);
    while (count < claim->capacity && fy_cs_row(&use))
        fy_cs_take_waiting(&use, &claim->rows[count++]);
    fy_cs_end(&use);
    return count;
}

enum fy_code fy_cs_wait_claim(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_wait_claim *claim = (struct fy_cat_wait_claim *)(void *)op;
    size_t count = read_due(self, claim);
    for (size_t index = 0; index < count; index++) {
        struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_CLAIM);
        fy_cs_i64(&use, claim->now_ms + claim->hold_ms);
        fy_cs_text(&use, self->boot_id);
        fy_cs_i64(&use, claim->rows[index].id);
        fy_cs_send(&use);
    }
    claim->count = count;
    claim->next_due_ms = INT64_MAX;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_NEXT);
    if (fy_cs_row(&use))
        claim->next_due_ms = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return FY_OK;
}

/* ------------------------------------------------------------------ a person's hand */

enum fy_cs_sql fy_cs_waiting_list_sql(const struct fy_waiting_filter *filter)
{
    if (filter->bucket[0] != '\0')
        return FY_CS_WAITING_LIST_BUCKET;
    if (filter->site[0] != '\0')
        return FY_CS_WAITING_LIST_SITE;
    if (filter->reason != FY_REASON_NONE)
        return FY_CS_WAITING_LIST_REASON;
    return filter->state != -1 ? FY_CS_WAITING_LIST_STATE : FY_CS_WAITING_LIST;
}

void fy_cs_waiting_list_bind(struct fy_cs_use *use, const struct fy_waiting_filter *filter,
                             int64_t after_id, int64_t row_count)
{
    fy_cs_i64(use, filter->state);
    fy_cs_i64(use, filter->direction);
    fy_cs_i64(use, filter->reason);
    fy_cs_text(use, filter->site);
    fy_cs_text(use, filter->bucket);
    fy_cs_i64(use, after_id);
    fy_cs_i64(use, row_count);
}

bool fy_cs_waiting_passes(const struct fy_waiting_filter *filter, const struct fy_waiting_row *row)
{
    const struct fy_order *order = &row->order;
    const char *site = row->direction == FY_IN ? order->from_site : order->to_site;
    return (filter->id == -1 || filter->id == row->id) && row->id > filter->after_id &&
           (filter->state == -1 || filter->state == (int)row->state) &&
           (filter->direction == -1 || filter->direction == (int)row->direction) &&
           (filter->reason == FY_REASON_NONE || filter->reason == row->reason) &&
           (filter->site[0] == '\0' || strcmp(filter->site, site) == 0) &&
           (filter->bucket[0] == '\0' || strcmp(filter->bucket, order->bucket) == 0);
}

/* The ids the filter matches, at most its limit. */
static size_t edit_ids(struct fy_cs *self, const struct fy_waiting_filter *filter,
                       int64_t ids[static FY_LIST_PAGE_MAX])
{
    struct fy_waiting_row row;
    if (filter->id != -1) {
        bool matches =
            fy_cs_waiting_get(self->writer, filter->id, &row) && fy_cs_waiting_passes(filter, &row);
        ids[0] = filter->id;
        return matches ? 1 : 0;
    }
    size_t count = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, fy_cs_waiting_list_sql(filter));
    fy_cs_waiting_list_bind(&use, filter, filter->after_id, filter->limit);
    while (count < filter->limit && fy_cs_row(&use))
        ids[count++] = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return count;
}

/* Begins anew, from the outbox, to this site alone. */
static void retry_out(struct fy_cs *self, const struct fy_waiting_row *row)
{
    fy_cs_outbox_add(self, &row->order);
    fy_cs_outcome_put(self, &(struct fy_cs_end){.order = &row->order,
                                                .direction = FY_OUT,
                                                .outcome = FY_OUTCOME_LOCAL});
    fy_cs_waiting_remove(self, row->id);
}

static void retry_in(struct fy_cs *self, struct fy_cat_wait_edit *edit, struct fy_waiting_row *row)
{
    if (fy_reason_class(row->reason) == FY_CLASS_POISON) {
        edit->incurable++;
        return;
    }
    row->state = FY_WAITING;
    enum fy_outcome outcome = stand_in_line(self, row);
    outcome_of_row(self, row, outcome);
    if (outcome != FY_OUTCOME_WAITING) {
        edit->superseded++;
        fy_cs_waiting_remove(self, row->id);
        return;
    }
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_RETRY);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_i64(&use, row->id);
    fy_cs_send(&use);
}

/* Only a later due time moves; a row that a worker holds is being tried already. */
static void edit_wake(struct fy_cs *self, const struct fy_waiting_row *row)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_WAITING_WAKE);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_i64(&use, row->id);
    fy_cs_send(&use);
}

static void edit_row(struct fy_cs *self, struct fy_cat_wait_edit *edit, struct fy_waiting_row *row)
{
    switch (edit->action) {
    case FY_WAIT_RETRY:
        if (row->direction == FY_OUT)
            retry_out(self, row);
        else
            retry_in(self, edit, row);
        break;
    case FY_WAIT_WAKE:
        edit_wake(self, row);
        break;
    case FY_WAIT_DROP:
        outcome_of_row(self, row, FY_OUTCOME_DROPPED);
        fy_cs_waiting_remove(self, row->id);
        break;
    }
}

enum fy_code fy_cs_wait_edit(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_wait_edit *edit = (struct fy_cat_wait_edit *)(void *)op;
    int64_t ids[FY_LIST_PAGE_MAX];
    struct fy_waiting_row row;
    FY_ASSERT(edit->filter.limit >= 1);
    FY_ASSERT(edit->filter.limit <= FY_LIST_PAGE_MAX);
    size_t count = edit_ids(self, &edit->filter, ids);
    edit->matched = (int64_t)count;
    edit->superseded = edit->incurable = 0;
    edit->last_id = count == 0 ? edit->filter.after_id : ids[count - 1];
    if (edit->dry_run)
        return FY_OK;
    /* Since it was listed a newer order may have ended it, or another process changed it. */
    for (size_t index = 0; index < count; index++)
        if (fy_cs_waiting_get(self->writer, ids[index], &row) &&
            fy_cs_waiting_passes(&edit->filter, &row))
            edit_row(self, edit, &row);
    return FY_OK;
}
