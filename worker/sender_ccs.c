/* sender_ccs.c - a real CCS site as target: what it gets of the orders, and what becomes of those
 * it does not do. */
/*
 * The batch in hand goes in slices, each done at the site before the next is told. An order only
 * says which name to look at: what the site shall show is the newest state that our catalogue
 * knows, since the site pulls what is here now and has no stamps to put two orders right by. What
 * the site does not do in time waits as a row of `waiting` (direction out), is tried when due like
 * any order there, and is DEAD after retry.max_age; the others flow meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/order_json.h"
#include "common/core/log.h"
#include "worker/ccs_slice.h"
#include "worker/deadletter.h"

/* ------------------------------------------------------------------ what the site shall show */

enum fate {
    FATE_TELL,
    FATE_NOT_FOR_CCS,
    FATE_NOTHING, /* no effect, or history: done */
};

/* The container the order means here (DESIGN 8); *known false: none. */
static enum fy_code find_container(struct fy_node *node, const struct fy_order *order,
                                   struct fy_container_row *row, bool *known, struct fy_err *err)
{
    enum fy_code code = fy_catalogue_container_get(node->catalogue, fy_order_account(order),
                                                   order->bucket, row, err);
    if (code == FY_ENOTFOUND && order->account[0] == '\0')
        code = fy_catalogue_container_get(node->catalogue, "", order->bucket, row, err);
    *known = code == FY_OK;
    return code == FY_ENOTFOUND ? FY_OK : code;
}

/* Of our own object the newest state; of another site's, whether the order is history. */
static enum fy_code newest_object(struct fy_node *node, struct fy_order *order, enum fate *fate,
                                  struct fy_err *err)
{
    struct fy_object_key key = {0};
    struct fy_object_row row;
    memcpy(key.account, order->account, sizeof(key.account));
    memcpy(key.bucket, order->bucket, sizeof(key.bucket));
    memcpy(key.object, order->object, sizeof(key.object));
    enum fy_code code = fy_catalogue_object_get(node->catalogue, &key, &row, err);
    if (code == FY_ENOTFOUND)
        return FY_OK;
    if (code != FY_OK)
        return code;
    int newer = fy_stamp_compare(&row.reg.stamp, &order->stamp);
    if (newer > 0 && strcmp(order->from_site, node->site) != 0)
        *fate = FATE_NOTHING; /* the newer change has an order of its own, from where it was made */
    else if (newer >= 0 && row.reg.status == FY_STATUS_READY) {
        order->action = FY_ACTION_CREATE;
        order->stamp = row.reg.stamp;
        order->size = row.size;
        fy_digest_print_base32hex(&row.reg.digest, order->hash);
    } else if (newer > 0 && row.reg.status == FY_STATUS_DELETED) {
        order->action = FY_ACTION_DELETE;
        order->stamp = row.reg.stamp;
    }
    return FY_OK;
}

static enum fy_code settle_on(struct fy_node *node, struct fy_order *order, enum fate *fate,
                              struct fy_err *err)
{
    struct fy_container_row container;
    bool known = false;
    *fate = FATE_NOTHING;
    if (order->action != FY_ACTION_CREATE && order->action != FY_ACTION_DELETE)
        return FY_OK;
    enum fy_code code = find_container(node, order, &container, &known, err);
    if (code != FY_OK)
        return code;
    const char *account = known ? container.account : fy_order_account(order);
    if (account != order->account)
        memmove(order->account, account, strlen(account) + 1);
    bool there = known && container.status == FY_STATUS_READY;
    *fate = FATE_NOT_FOR_CCS;
    if (!fy_ccs_can_name(order) || (there && !container.ccs_visible))
        return FY_OK;
    *fate = FATE_TELL;
    if (order->object[0] != '\0')
        return known ? newest_object(node, order, fate, err) : FY_OK;
    if (known && strcmp(order->from_site, node->site) == 0)
        order->action = there ? FY_ACTION_CREATE : FY_ACTION_DELETE;
    return FY_OK;
}

/* ------------------------------------------------------------------ filling a slice */

static bool same_name(const struct fy_order *a, const struct fy_order *b)
{
    return strcmp(a->object, b->object) == 0 && strcmp(a->bucket, b->bucket) == 0 &&
           strcmp(a->account, b->account) == 0;
}

static struct fy_ccs_item *find_item(struct fy_ccs_slice *slice, const struct fy_order *order)
{
    for (size_t i = 0; i < slice->count; i++)
        if (same_name(&slice->items[i].want, order))
            return &slice->items[i];
    return NULL;
}

/* One item a name. Of more than one change of an object an older one may have been told before, by
 * a run that was killed. A bucket is not made sure of by its DELETE: CCS refuses it for the objects
 * that are in it. */
static void add_item(struct fy_ccs_slice *slice, struct fy_ccs_item *item)
{
    struct fy_ccs_item *other = find_item(slice, &item->want);
    item->unsure = fy_stamp_compare(&item->order.stamp, &item->want.stamp) != 0;
    if (other == NULL) {
        other = &slice->items[slice->count++];
        *other = *item;
    } else {
        bool unsure = item->unsure || other->unsure ||
                      fy_stamp_compare(&item->order.stamp, &other->order.stamp) != 0;
        if (fy_stamp_compare(&item->want.stamp, &other->want.stamp) >= 0)
            *other = *item;
        other->unsure = unsure;
    }
    if (other->want.object[0] == '\0')
        other->unsure = false;
}

/* Settles on what an order comes to and adds it, unless there is nothing to tell. */
static enum fy_code add_order(struct fy_sender *sender, struct fy_ccs_slice *slice,
                              struct fy_ccs_item *item, enum fate *fate, struct fy_err *err)
{
    item->want = item->order;
    enum fy_code code = settle_on(sender->node, &item->want, fate, err);
    if (code != FY_OK)
        return code;
    if (*fate == FATE_NOT_FOR_CCS)
        slice->not_for_ccs++;
    if (*fate == FATE_TELL)
        add_item(slice, item);
    return FY_OK;
}

/* The bucket of an object that is to be created is made sure of first: its own order may be behind
 * us, or was before the site was here. */
static size_t bucket_of(struct fy_ccs_slice *slice, const struct fy_order *order)
{
    struct fy_ccs_item made = {.want = *order, .ours = true};
    made.want.object[0] = made.want.hash[0] = '\0';
    made.want.size = 0;
    struct fy_ccs_item *bucket = find_item(slice, &made.want);
    if (bucket == NULL) {
        bucket = &slice->items[slice->count++];
        *bucket = made;
    }
    bucket->want.action = FY_ACTION_CREATE;
    return (size_t)(bucket - slice->items);
}

static void add_buckets(struct fy_ccs_slice *slice)
{
    size_t count = slice->count;
    FY_ASSERT(count <= FY_CCS_SLICE_ORDERS);
    for (size_t i = 0; i < count; i++) {
        const struct fy_order *order = &slice->items[i].want;
        if (order->object[0] != '\0' && order->action == FY_ACTION_CREATE)
            slice->items[i].bucket = bucket_of(slice, order);
    }
}

/* ------------------------------------------------------------------ what became of it */

static struct fy_next next_of(struct fy_sender *sender, const struct fy_ccs_item *item,
                              struct fy_trouble *trouble)
{
    const struct fy_retry_policy policy = fy_retry_policy_of(sender->node->config);
    int64_t mono_ms = fy_mono_ms(sender->node->clock);
    const struct fy_moment moment = {.wall_ms = fy_wall_ms(sender->node->clock),
                                     .mono_ms = mono_ms,
                                     .gate_shut = !fy_gate_is_open(&sender->gate, mono_ms)};
    *trouble = (struct fy_trouble){.from_row = true, /* its tries in memory were the slice's */
                                   .rounds = item->rounds,
                                   .first_failed_ms = item->first_failed_ms};
    return fy_verdict_next(&policy, trouble, &item->failure, &moment);
}

static enum fy_code write_waiting(struct fy_sender *sender, const struct fy_ccs_item *item,
                                  const struct fy_trouble *trouble, int64_t due_ms,
                                  struct fy_err *err)
{
    struct fy_cat_wait *wait = fy_alloc(sizeof(*wait));
    wait->op.kind = FY_CAT_WAIT;
    wait->row = (struct fy_waiting_row){.id = item->waiting_id,
                                        .direction = FY_OUT,
                                        .state = FY_WAITING,
                                        .reason = trouble->last.reason,
                                        .order = item->order,
                                        .http_status = trouble->last.http_status,
                                        .attempts = trouble->rounds,
                                        .first_failed_ms = trouble->first_failed_ms,
                                        .last_failed_ms = trouble->last_failed_ms,
                                        .due_ms = due_ms};
    memcpy(wait->row.detail, trouble->last.detail, sizeof(wait->row.detail));
    enum fy_code code = fy_catalogue_writer_run(sender->node->writer, &wait->op, err);
    free(wait);
    return code;
}

/* An order out of `waiting` that is dead now. */
static enum fy_code write_dead(struct fy_sender *sender, const struct fy_ccs_item *item,
                               const struct fy_trouble *trouble, struct fy_err *err)
{
    char key[FY_KEY_BYTES_MAX + 1];
    struct fy_buf json;
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    fy_order_json_write(&item->order, &json);
    struct fy_dead_letter letter = {
        .direction = FY_OUT,
        .reason = item->failure.reason,
        .order = &item->order,
        .key = key,
        .key_bytes = fy_order_key(&item->order, key),
        .value = json.bytes,
        .value_bytes = json.size_bytes,
        .topic = "waiting",
        .partition = -1,
        .offset = -1,
        .http_status = item->failure.http_status,
        .attempts = trouble->rounds,
        .first_failed_ms = trouble->first_failed_ms,
        .detail = item->failure.detail,
    };
    enum fy_code code = fy_dead_letter_write(sender->node, &letter, err);
    fy_buf_done(&json);
    return code;
}

/* Its row goes; the order counts as any other of ours that is on its way. */
static enum fy_code remove_waiting(struct fy_sender *sender, const struct fy_ccs_item *item,
                                   struct fy_err *err)
{
    struct fy_cat_settle *settle = fy_alloc(sizeof(*settle));
    settle->op.kind = FY_CAT_SETTLE;
    settle->order = item->order;
    settle->direction = FY_OUT;
    settle->outcome = FY_OUTCOME_LOCAL;
    settle->waiting_id = item->waiting_id;
    enum fy_code code = fy_catalogue_writer_run(sender->node->writer, &settle->op, err);
    free(settle);
    return code;
}

static enum fy_code die(struct fy_sender *sender, const struct fy_ccs_item *item,
                        const struct fy_trouble *trouble, struct fy_err *err)
{
    if (fy_failure_class(item->failure.reason, item->failure.http_status) == FY_CLASS_SITE)
        fy_gate_pass(&sender->gate);
    if (item->waiting_id == 0)
        return fy_sender_bury(sender, item->record, &item->failure, err);
    return write_dead(sender, item, trouble, err);
}

static enum fy_code put_aside(struct fy_sender *sender, const struct fy_ccs_item *item,
                              struct fy_err *err)
{
    struct fy_trouble trouble;
    struct fy_next next = next_of(sender, item, &trouble);
    if (next.kind == FY_NEXT_DEAD)
        return die(sender, item, &trouble, err);
    FY_ASSERT(next.kind == FY_NEXT_WAIT);
    enum fy_code code = write_waiting(sender, item, &trouble, next.at_ms, err);
    if (code == FY_OK)
        fy_log(item->order.op_id, FY_WARN, "order.waiting", fy_kv_str("direction", "out"),
               fy_kv_str("site", sender->site), fy_kv_str("bucket", item->order.bucket),
               fy_kv_str("object", item->order.object),
               fy_kv_str("reason", fy_reason_name(item->failure.reason)),
               fy_kv_str("detail", item->failure.detail));
    return code;
}

/* Runs the slice; all of its orders are safe when this returns FY_OK. */
static enum fy_code run(struct fy_sender *sender, struct fy_ccs_slice *slice, struct fy_err *err)
{
    add_buckets(slice);
    enum fy_code code = fy_ccs_slice_run(sender, slice, err);
    for (size_t i = 0; code == FY_OK && i < slice->count; i++) {
        const struct fy_ccs_item *item = &slice->items[i];
        if (item->ours)
            continue;
        if (item->step == FY_CCS_ASIDE)
            code = put_aside(sender, item, err);
        else if (item->waiting_id != 0)
            code = remove_waiting(sender, item, err);
        if (code == FY_OK && item->step == FY_CCS_DONE) {
            fy_metric_add(&sender->node->metrics, FY_M_SENT, 1);
            fy_gate_earn(&sender->gate, fy_mono_ms(sender->node->clock));
        }
    }
    if (code == FY_OK)
        fy_metric_add(&sender->node->metrics, FY_M_NOT_FOR_CCS, (int64_t)slice->not_for_ccs);
    return code;
}

/* ------------------------------------------------------------------ the batch in hand */

static enum fy_code add_record(struct fy_sender *sender, struct fy_ccs_slice *slice, size_t i,
                               struct fy_err *err)
{
    struct fy_ccs_item item = {.record = i};
    struct fy_err why = {0};
    const struct fy_batch_record *record = &sender->batch.records[i];
    enum fate fate;
    if (fy_order_json_parse(fy_batch_value(&sender->batch, i), record->value_bytes, &item.order,
                            &why) == FY_OK)
        return add_order(sender, slice, &item, &fate, err);
    fy_failure_set(&item.failure, FY_BAD_ORDER, "%s", why.text);
    return fy_sender_bury(sender, i, &item.failure, err);
}

enum fy_code fy_sender_ccs(struct fy_sender *sender, struct fy_err *err)
{
    struct fy_ccs_slice *slice = fy_alloc(sizeof(*slice));
    enum fy_code code = FY_OK;
    while (code == FY_OK && sender->batch.count > 0) {
        size_t count =
            sender->batch.count < FY_CCS_SLICE_ORDERS ? sender->batch.count : FY_CCS_SLICE_ORDERS;
        slice->count = slice->not_for_ccs = 0;
        for (size_t i = 0; code == FY_OK && i < count; i++)
            code = add_record(sender, slice, i, err);
        if (code == FY_OK)
            code = run(sender, slice, err);
        if (code == FY_OK)
            code = fy_batch_commit_first(&sender->batch, count, err);
    }
    free(slice);
    return code;
}

/* ------------------------------------------------------------------ what waits */

struct due_page {
    struct fy_sender *sender;
    struct fy_ccs_slice *slice; /* its items have no more than the row's order yet */
    int64_t now_ms;
    uint32_t seen;
};

static bool take_due(void *arg, const struct fy_waiting_row *row)
{
    struct due_page *page = arg;
    page->seen++;
    page->sender->due_cursor = row->id;
    if (row->due_ms > page->now_ms && !page->sender->is_ferry)
        return true; /* a Ferry can take at once whatever was set aside */
    struct fy_ccs_item *item = &page->slice->items[page->slice->count++];
    *item = (struct fy_ccs_item){.order = row->order,
                                 .waiting_id = row->id,
                                 .rounds = row->attempts,
                                 .first_failed_ms = row->first_failed_ms};
    return page->slice->count < FY_CCS_SLICE_ORDERS;
}

/* Rows in turn, a page a look, so that a look costs the same however many wait. */
static enum fy_code read_due(struct fy_sender *sender, struct fy_ccs_slice *slice,
                             struct fy_err *err)
{
    struct fy_waiting_filter filter = {.id = -1,
                                       .state = FY_WAITING,
                                       .direction = FY_OUT,
                                       .after_id = sender->due_cursor,
                                       .limit = FY_CLAIM_ROWS};
    memcpy(filter.site, sender->site, sizeof(filter.site));
    struct due_page page = {
        .sender = sender, .slice = slice, .now_ms = fy_wall_ms(sender->node->clock)};
    enum fy_code code =
        fy_catalogue_waiting_list(sender->node->catalogue, &filter, take_due, &page, err);
    if (page.seen < filter.limit && slice->count < FY_CCS_SLICE_ORDERS)
        sender->due_cursor = 0;
    return code;
}

/* A site that has become a Ferry takes them as any order: out of `waiting`, through the outbox. */
static enum fy_code send_anew(struct fy_sender *sender, struct fy_err *err)
{
    struct fy_cat_wait_edit edit = {
        .op.kind = FY_CAT_WAIT_EDIT,
        .action = FY_WAIT_RETRY,
        .filter = {.id = -1, .state = FY_WAITING, .direction = FY_OUT, .limit = FY_LIST_PAGE_MAX}};
    memcpy(edit.filter.site, sender->site, sizeof(edit.filter.site));
    enum fy_code code = fy_catalogue_writer_run(sender->node->writer, &edit.op, err);
    if (code == FY_OK)
        fy_bell_ring(&sender->node->outbox_bell);
    return code;
}

static enum fy_code try_due(struct fy_sender *sender, struct fy_ccs_slice *slice,
                            struct fy_err *err)
{
    struct fy_ccs_slice *due = fy_alloc(sizeof(*due));
    enum fy_code code = FY_OK;
    for (size_t i = 0; code == FY_OK && i < slice->count; i++) {
        enum fate fate = FATE_TELL;
        code = add_order(sender, due, &slice->items[i], &fate, err);
        if (code == FY_OK && fate != FATE_TELL)
            code = remove_waiting(sender, &slice->items[i], err);
    }
    if (code == FY_OK)
        code = run(sender, due, err);
    free(due);
    return code;
}

/* There is something for the site that is due. */
static enum fy_code send_due(struct fy_sender *sender, struct fy_ccs_slice *slice,
                             struct fy_err *err)
{
    bool rests = false;
    enum fy_code code = fy_sender_look(sender, &rests, err);
    if (code != FY_OK || rests)
        return code;
    if (!sender->is_ferry)
        code = fy_sender_probe(sender, err);
    if (code == FY_OK)
        code = sender->is_ferry ? send_anew(sender, err) : try_due(sender, slice, err);
    fy_sender_note(sender, code, err); /* there may be nothing else for the site */
    return code;
}

enum fy_code fy_sender_due(struct fy_sender *sender, struct fy_err *err)
{
    int64_t now_ms = fy_mono_ms(sender->node->clock);
    if (now_ms < sender->due_at_ms)
        return FY_OK;
    if (!fy_batch_holds(&sender->batch, 0)) /* of the site's workers one looks after the rows */
        return FY_OK;
    sender->due_at_ms = now_ms + FY_CLAIM_EVERY_MS;
    struct fy_ccs_slice *slice = fy_alloc(sizeof(*slice));
    enum fy_code code = read_due(sender, slice, err);
    if (code == FY_OK && slice->count > 0)
        code = send_due(sender, slice, err);
    free(slice);
    return code;
}
