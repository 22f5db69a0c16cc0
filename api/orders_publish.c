/* orders_publish.c - orders made whole, kept as records, published as one batch. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/orders.h"
#include "common/adapters/order_json.h"

/* The order that fills a batch is in it whole. */
#define BATCH_BYTES_MAX (FY_ORDERS_GROUP_BYTES + FY_KEY_BYTES_MAX + FY_ORDER_JSON_BYTES)
#define BATCH_FIRST     16 /* records; doubled */

enum { TO_ACTION = 1, TO_REPLICATION = 2 };

struct batch_record {
    uint32_t offset; /* of the key in texts; the value follows it */
    uint32_t key_bytes, value_bytes;
    bool to_action; /* else request-replication */
};

struct fy_order_batch {
    struct fy_node *node;
    const char *op_id;
    enum fy_order_door door;
    size_t order_count;
    struct fy_buf texts;
    struct batch_record *records;
    size_t record_count, record_capacity;

    /* While publishing: any thread, mutex held. */
    pthread_mutex_t mutex;
    size_t calls_open; /* publishes without their done, and one for the publisher itself */
    size_t accepted;   /* records */
    enum fy_code code;
    struct fy_err err;
    fy_orders_done_fn *done;
    void *done_arg;
};
static_assert(BATCH_BYTES_MAX < UINT32_MAX, "offsets fit");

struct fy_order_batch *fy_order_batch_new(struct fy_node *node, const char *op_id,
                                          enum fy_order_door door)
{
    struct fy_order_batch *batch = fy_alloc(sizeof *batch);
    batch->node = node;
    batch->op_id = op_id;
    batch->door = door;
    fy_buf_init(&batch->texts, BATCH_BYTES_MAX);
    FY_ASSERT(pthread_mutex_init(&batch->mutex, NULL) == 0);
    return batch;
}

/* What was gathered; the counts stay for who still reports them. */
static void free_records(struct fy_order_batch *batch)
{
    fy_buf_done(&batch->texts);
    free(batch->records);
    batch->records = NULL;
    batch->record_count = batch->record_capacity = 0;
}

void fy_order_batch_free(struct fy_order_batch *batch)
{
    if (batch == NULL)
        return;
    FY_ASSERT(batch->calls_open == 0);
    free_records(batch);
    pthread_mutex_destroy(&batch->mutex);
    free(batch);
}

void fy_order_batch_clear(struct fy_order_batch *batch)
{
    FY_ASSERT(batch->calls_open == 0);
    free_records(batch);
    batch->order_count = 0;
}

size_t fy_order_batch_count(const struct fy_order_batch *batch)
{
    return batch->order_count;
}

size_t fy_order_batch_bytes(const struct fy_order_batch *batch)
{
    return batch->texts.capacity_bytes + batch->record_capacity * sizeof *batch->records;
}

bool fy_order_batch_full(const struct fy_order_batch *batch)
{
    return batch->texts.size_bytes >= FY_ORDERS_GROUP_BYTES;
}

/* ------------------------------------------------------------------ one order */

/* Where an order goes. At the CCS door always to our own worker, whatever toSite says: a foreign
 * one becomes a dead letter there (DESIGN 7). */
static enum fy_code route(const struct fy_order_batch *batch, const struct fy_order *order,
                          unsigned *topics, struct fy_err *err)
{
    const char *own = batch->node->site;
    *topics = TO_ACTION;
    if (batch->door == FY_DOOR_CCS)
        return FY_OK;
    bool from_here = strcmp(order->from_site, own) == 0;
    if (order->to_site[0] == '\0') /* all sites but the source: us too when it is another */
        *topics = from_here ? TO_REPLICATION : TO_REPLICATION | TO_ACTION;
    else if (strcmp(order->to_site, order->from_site) == 0)
        return fy_err_set(err, FY_EINPUT, "fromSite and toSite are the same, %s", order->to_site);
    else if (strcmp(order->to_site, own) != 0)
        *topics = TO_REPLICATION;
    return FY_OK;
}

static void fill(const struct fy_order_batch *batch, struct fy_order *order, int64_t index,
                 int64_t now_ms)
{
    if (order->op_id[0] == '\0') {
        char suffix[24] = "";
        if (index >= 0)
            (void)snprintf(suffix, sizeof suffix, "-%" PRId64, index);
        int length = snprintf(order->op_id, sizeof order->op_id, "%s%s", batch->op_id, suffix);
        FY_ASSERT(length > 0 && (size_t)length < sizeof order->op_id); /* request.c leaves room */
    }
    if (fy_stamp_is_zero(&order->stamp)) {
        /* Our time and slot, so that no two orders get the same; the source as origin (DESIGN 3).
         */
        order->stamp.time = fy_hlc_next(&batch->node->hlc, NULL).time;
        FY_ASSERT(fy_text_copy(order->stamp.site, sizeof order->stamp.site, order->from_site));
        order->given = true;
    }
    if (order->ordered_at_ms == 0)
        order->ordered_at_ms = now_ms;
}

static void append_record(struct fy_order_batch *batch, const struct batch_record *record)
{
    if (batch->record_count == batch->record_capacity) {
        batch->record_capacity =
            batch->record_capacity > 0 ? 2 * batch->record_capacity : BATCH_FIRST;
        batch->records =
            fy_realloc(batch->records, batch->record_capacity * sizeof *batch->records);
    }
    batch->records[batch->record_count++] = *record;
}

static void append(struct fy_order_batch *batch, const struct fy_order *order, unsigned topics)
{
    char key[FY_KEY_BYTES_MAX + 1];
    struct batch_record record = {.offset = (uint32_t)batch->texts.size_bytes};
    record.key_bytes = (uint32_t)fy_order_key(order, key);
    fy_buf_add(&batch->texts, key, record.key_bytes);
    fy_order_json_write(order, &batch->texts);
    FY_ASSERT(!batch->texts.overflow);
    record.value_bytes = (uint32_t)batch->texts.size_bytes - record.offset - record.key_bytes;
    for (unsigned topic = TO_ACTION; topic <= TO_REPLICATION; topic++) {
        record.to_action = topic == TO_ACTION;
        if ((topics & topic) != 0)
            append_record(batch, &record);
    }
    batch->order_count++;
}

enum fy_code fy_order_batch_add(struct fy_order_batch *batch, const char *json, size_t json_bytes,
                                int64_t index, struct fy_err *err)
{
    FY_ASSERT(!fy_order_batch_full(batch));
    const char *own = batch->node->site;
    int64_t now_ms = fy_wall_ms(batch->node->clock);
    struct fy_order order;
    unsigned topics = 0;
    enum fy_code code = fy_order_json_parse(json, json_bytes, &order, err);
    if (code == FY_OK)
        code = fy_order_check(&order, batch->door, own, now_ms, err);
    if (code != FY_OK)
        return code;
    if (order.from_site[0] == '\0')
        FY_ASSERT(fy_text_copy(order.from_site, sizeof order.from_site, own));
    code = route(batch, &order, &topics, err);
    if (code != FY_OK)
        return code;
    fill(batch, &order, index, now_ms);
    append(batch, &order, topics);
    return FY_OK;
}

/* ------------------------------------------------------------------ publishing */

/* One of the batch's calls has ended, or the publisher has made all of them. */
static void call_done(struct fy_order_batch *batch, enum fy_code code, size_t accepted,
                      const struct fy_err *err)
{
    pthread_mutex_lock(&batch->mutex);
    batch->accepted += accepted;
    if (code != FY_OK && batch->code == FY_OK) {
        batch->code = code;
        batch->err = *err;
    }
    FY_ASSERT(batch->calls_open > 0);
    batch->calls_open--;
    bool last = batch->calls_open == 0;
    pthread_mutex_unlock(&batch->mutex);
    if (!last)
        return;
    size_t orders = batch->code == FY_OK ? batch->order_count : batch->accepted;
    if (orders > batch->order_count)
        orders = batch->order_count; /* some became two records */
    fy_metric_add(&batch->node->metrics, FY_M_ORDERS_ACCEPTED, (int64_t)orders);
    batch->done(batch->done_arg, batch->code, orders, &batch->err);
}

/* Called on a thread of the queue. */
static void on_published(void *arg, enum fy_code code, size_t accepted, const struct fy_err *err)
{
    call_done(arg, code, accepted, err);
}

static void publish_some(struct fy_order_batch *batch, const struct fy_record *records,
                         size_t count)
{
    pthread_mutex_lock(&batch->mutex);
    batch->calls_open++;
    pthread_mutex_unlock(&batch->mutex);
    struct fy_err err;
    enum fy_code code =
        fy_queue_publish(batch->node->queue, records, count, on_published, batch, &err);
    if (code != FY_OK)
        call_done(batch, code, 0, &err);
}

void fy_order_batch_publish(struct fy_order_batch *batch, fy_orders_done_fn *done, void *arg)
{
    FY_ASSERT(batch->record_count > 0);
    FY_ASSERT(batch->calls_open == 0);
    batch->done = done;
    batch->done_arg = arg;
    batch->accepted = 0;
    batch->code = FY_OK;
    batch->calls_open = 1;
    struct fy_record *records = fy_alloc(batch->record_count * sizeof *records);
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct batch_record *from = &batch->records[i];
        const char *key = batch->texts.bytes + from->offset;
        records[i] = (struct fy_record){
            .topic = from->to_action ? FY_TOPIC_ACTION : FY_TOPIC_REPLICATION,
            .partition = -1,
            .key = key,
            .key_bytes = from->key_bytes,
            .value = key + from->key_bytes,
            .value_bytes = from->value_bytes,
        };
    }
    size_t count = batch->record_count;
    for (size_t at = 0; at < count; at += FY_PUBLISH_MAX)
        publish_some(batch, records + at,
                     count - at < FY_PUBLISH_MAX ? count - at : FY_PUBLISH_MAX);
    free(records);
    free_records(batch);              /* the queue has copied them */
    call_done(batch, FY_OK, 0, NULL); /* after which the batch may be gone */
}

struct publish_wait {
    pthread_mutex_t mutex;
    pthread_cond_t over_cond;
    bool over;
    enum fy_code code;
    size_t accepted;
    struct fy_err err;
};

/* Signals with the mutex held: the waiter's frame is gone as soon as it sees over. */
static void on_waited(void *arg, enum fy_code code, size_t accepted, const struct fy_err *err)
{
    struct publish_wait *wait = arg;
    pthread_mutex_lock(&wait->mutex);
    wait->code = code;
    wait->accepted = accepted;
    wait->err = *err;
    wait->over = true;
    pthread_cond_signal(&wait->over_cond);
    pthread_mutex_unlock(&wait->mutex);
}

enum fy_code fy_order_batch_publish_wait(struct fy_order_batch *batch, size_t *accepted,
                                         struct fy_err *err)
{
    struct publish_wait wait = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                .over_cond = PTHREAD_COND_INITIALIZER};
    fy_order_batch_publish(batch, on_waited, &wait);
    pthread_mutex_lock(&wait.mutex);
    while (!wait.over)
        FY_ASSERT(pthread_cond_wait(&wait.over_cond, &wait.mutex) == 0);
    pthread_mutex_unlock(&wait.mutex);
    fy_order_batch_clear(batch);
    *accepted += wait.accepted;
    if (wait.code != FY_OK)
        *err = wait.err;
    return wait.code;
}
