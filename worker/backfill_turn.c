/* backfill_turn.c - the orders of one step of a backfill. */
#include <string.h>

#include "common/adapters/order_json.h"
#include "common/runtime/publish_wait.h"
#include "worker/backfill_internal.h"
#include "worker/ccs_rule.h"

static_assert(FY_BACKFILL_STEP < FY_BACKFILL_AHEAD, "a step is never too much");

void fy_backfill_turn_init(struct fy_backfill_turn *turn, struct fy_node *node)
{
    *turn = (struct fy_backfill_turn){.node = node, .span = FY_BACKFILL_STEP};
    fy_buf_init(&turn->bytes,
                (size_t)(FY_BACKFILL_STEP + 1) * (FY_KEY_BYTES_MAX + FY_ORDER_JSON_BYTES));
}

void fy_backfill_turn_done(struct fy_backfill_turn *turn)
{
    fy_buf_done(&turn->bytes);
}

void fy_backfill_turn_clear(struct fy_backfill_turn *turn)
{
    fy_buf_clear(&turn->bytes);
    turn->count = 0;
    turn->size = 0;
}

/* As an order that the change itself would have written; but now. */
static void make_order(const struct fy_backfill_turn *turn, const struct fy_backfill_change *change,
                       struct fy_order *order)
{
    const struct fy_backfill_row *row = turn->row;
    *order = (struct fy_order){.action = change->action,
                               .size = change->size,
                               .stamp = *change->stamp,
                               .overwrites = turn->overwrites,
                               .ordered_at_ms = fy_wall_ms(turn->node->clock)};
    memcpy(order->op_id, row->op_id, sizeof(order->op_id));
    memcpy(order->to_site, row->site, sizeof(order->to_site));
    memcpy(order->client, row->at.account, sizeof(order->client));
    memcpy(order->account, row->at.account, sizeof(order->account));
    memcpy(order->bucket, row->at.bucket, sizeof(order->bucket));
    FY_ASSERT(fy_text_copy(order->from_site, sizeof(order->from_site), turn->node->site));
    FY_ASSERT(fy_text_copy(order->object, sizeof(order->object), change->object));
    FY_ASSERT(fy_text_copy(order->hash, sizeof(order->hash), change->hash));
}

void fy_backfill_add(struct fy_backfill_turn *turn, const struct fy_backfill_change *change)
{
    struct fy_order order;
    char key[FY_KEY_BYTES_MAX + 1];
    make_order(turn, change, &order);
    if (!turn->ferry && !fy_ccs_can_name(&order)) {
        turn->row->left++;
        return;
    }
    FY_ASSERT(turn->count < FY_COUNT_OF(turn->places));
    size_t index = turn->count++;
    turn->places[index].key_at = turn->bytes.size_bytes;
    turn->places[index].key_bytes = fy_order_key(&order, key);
    fy_buf_add(&turn->bytes, key, turn->places[index].key_bytes);
    turn->places[index].value_at = turn->bytes.size_bytes;
    fy_order_json_write(&order, &turn->bytes);
    turn->places[index].value_bytes = turn->bytes.size_bytes - turn->places[index].value_at;
    FY_ASSERT(!turn->bytes.overflow);
    turn->size += order.size;
    turn->row->ordered++;
    turn->row->bytes += order.size;
}

void fy_backfill_add_mark(struct fy_backfill_turn *turn, const struct fy_object_mark *mark)
{
    char hash[FY_BASE32HEX_DIGITS + 1] = "";
    if (mark->has_digest)
        fy_digest_print_base32hex(&mark->digest, hash);
    fy_backfill_add(turn, &(struct fy_backfill_change){.action = FY_ACTION_CREATE,
                                                       .object = mark->name,
                                                       .stamp = &mark->stamp,
                                                       .size = mark->size,
                                                       .hash = hash});
}

enum fy_code fy_backfill_publish(struct fy_backfill_turn *turn, struct fy_err *err)
{
    struct fy_record records[FY_COUNT_OF(turn->places)];
    char topic[FY_TOPIC_BYTES_MAX + 1];
    struct fy_queue *queue = turn->node->queue;
    if (turn->count == 0 || turn->row->dry_run)
        return FY_OK;
    fy_topic_of_site(turn->site->id, topic);
    enum fy_code code = fy_queue_topic_ensure(queue, topic, err);
    if (code != FY_OK)
        return code;
    for (size_t i = 0; i < turn->count; i++)
        records[i] = (struct fy_record){
            .topic = topic,
            .partition = -1,
            .key = turn->bytes.bytes + turn->places[i].key_at,
            .key_bytes = turn->places[i].key_bytes,
            .value = turn->bytes.bytes + turn->places[i].value_at,
            .value_bytes = turn->places[i].value_bytes,
        };
    return fy_publish_wait(queue, records, turn->count, NULL, err);
}
