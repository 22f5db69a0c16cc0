/* catalogue_sql_outcome.c - what became of orders, and the outbox of those that were written
 * here. */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/adapters/order_json.h"

/* ------------------------------------------------------------------ outcomes */

static void write_row(struct fy_cs *self, const struct fy_cs_end *end)
{
    char clean[FY_ERR_TEXT_BYTES];
    const struct fy_order *order = end->order;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OUTCOME_PUT);
    fy_cs_text(&use, order->op_id);
    fy_cs_text(&use, order->bucket);
    fy_cs_text(&use, order->object);
    fy_cs_i64(&use, order->action);
    fy_cs_stamp(&use, &order->stamp);
    fy_cs_i64(&use, end->outcome);
    fy_cs_i64(&use, end->reason);
    fy_cs_prose(&use, end->detail == NULL ? "" : end->detail, clean);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_send(&use); /* none changed: what is known already says more */
}

void fy_cs_outcome_put(struct fy_cs *self, const struct fy_cs_end *end)
{
    if (end->order->op_id[0] != '\0') /* else nobody can ask for it */
        write_row(self, end);
    fy_cs_event_add(self, end);
}

enum fy_code fy_cs_settle(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_settle *settle = (struct fy_cat_settle *)(void *)op;
    fy_cs_outcome_put(self, &(struct fy_cs_end){.order = &settle->order,
                                                .direction = settle->direction,
                                                .outcome = settle->outcome});
    if (settle->waiting_id != 0)
        fy_cs_waiting_remove(self, settle->waiting_id);
    return FY_OK;
}

/* ------------------------------------------------------------------ outbox */

void fy_cs_outbox_add(struct fy_cs *self, const struct fy_order *order)
{
    char key[FY_KEY_BYTES_MAX + 1];
    size_t key_bytes = fy_order_key(order, key);
    fy_buf_clear(&self->json);
    fy_order_json_write(order, &self->json);
    FY_ASSERT(!self->json.overflow); /* an order has room for all its fields */
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OUTBOX_ADD);
    fy_cs_blob(&use, key, key_bytes);
    fy_cs_text(&use, self->json.bytes);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_send(&use);
    self->counters.outbox++;
}

void fy_cs_outbox_local(struct fy_cs *self, struct fy_order *order, const char *account)
{
    memcpy(order->from_site, self->site, sizeof order->from_site);
    order->ordered_at_ms = self->now_ms;
    /* Always: without it, a site where another owner holds the CCS name would take that one's
     * container. CCS readers ignore the key. */
    memcpy(order->account, account, strlen(account) + 1);
    fy_cs_outbox_add(self, order);
    fy_cs_outcome_put(self, &(struct fy_cs_end){
                                .order = order, .direction = FY_OUT, .outcome = FY_OUTCOME_LOCAL});
}

enum fy_code fy_cs_outbox_done(struct fy_cs *self, struct fy_cat_op *op)
{
    const struct fy_cat_outbox_done *done = (const struct fy_cat_outbox_done *)(void *)op;
    if (self->engine->outbox_delete != NULL) {
        self->counters.outbox -= self->engine->outbox_delete(self, done->ids, done->count);
        return FY_OK;
    }
    for (size_t index = 0; index < done->count; index++) {
        struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OUTBOX_DELETE);
        fy_cs_i64(&use, done->ids[index]);
        self->counters.outbox -= fy_cs_run(&use); /* 0: acknowledged before */
    }
    return FY_OK;
}
