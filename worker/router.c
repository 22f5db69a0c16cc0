/* router.c - request-replication to request-replication.<site>: one copy of an order per target
 * site. */
/*
 * One thread. The topology comes from the catalogue at every batch, never from a cache: a site
 * added a second ago gets its copies (DESIGN 4). A batch is committed once all its copies are
 * acknowledged; a crash between the two writes them again, which is harmless. An order that names
 * its target goes there; of the others a bucket's target sites get their copies (DESIGN 4).
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/order_json.h"
#include "common/core/log.h"
#include "common/core/targets.h"
#include "common/runtime/pool.h"
#include "common/runtime/publish_wait.h"
#include "common/runtime/sites.h"
#include "worker/batch.h"
#include "worker/deadletter.h"
#include "worker/worker.h"

#define ROUTER_ORDERS_MAX 200 /* of one batch; times FY_SITES_MAX copies, given out in groups */
#define ROUTER_COPIES_MAX 1000
#define ROUTER_IDLE_MS    500
#define ROUTER_PAUSE_MS   250

struct fy_router {
    struct fy_node *node;
    pthread_t thread;
    struct fy_bell stop_bell;
    _Atomic bool stopping;

    /* Router thread only. */
    struct fy_batch batch;
    struct fy_site_row sites[FY_SITES_MAX];
    size_t site_count;
    char ensured[FY_SITES_MAX][FY_SITE_BYTES_MAX + 1]; /* sites whose topic is there */
    size_t ensured_count;
    /* Target sites of the bucket that was asked for last: those of one batch are mostly one's. */
    char targets_account[FY_CLIENT_BYTES_MAX + 1];
    char targets_bucket[FY_BUCKET_BYTES_MAX + 1]; /* "" none yet */
    char targets[FY_TARGETS_BYTES_MAX + 1];
    struct fy_buf json; /* the copies' orders */
    struct copy {
        char topic[FY_TOPIC_BYTES_MAX + 1];
        size_t key_at, key_bytes; /* in batch.bytes */
        size_t json_at, json_bytes;
    } copies[ROUTER_COPIES_MAX];
    size_t copy_count;
    struct fy_record records[ROUTER_COPIES_MAX];
};

/* Publishes the copies gathered so far and begins anew. */
static enum fy_code flush(struct fy_router *router, struct fy_err *err)
{
    if (router->copy_count == 0)
        return FY_OK;
    for (size_t i = 0; i < router->copy_count; i++) {
        const struct copy *copy = &router->copies[i];
        router->records[i] = (struct fy_record){
            .topic = copy->topic,
            .partition = -1,
            .moves = true,
            .key = copy->key_bytes > 0 ? router->batch.bytes.bytes + copy->key_at : NULL,
            .key_bytes = copy->key_bytes,
            .value = router->json.bytes + copy->json_at,
            .value_bytes = copy->json_bytes,
        };
    }
    enum fy_code code =
        fy_publish_wait(router->node->queue, router->records, router->copy_count, NULL, err);
    if (code != FY_OK)
        return fy_err_add(err, "route %zu copies", router->copy_count);
    fy_metric_add(&router->node->metrics, FY_M_ROUTED, (int64_t)router->copy_count);
    router->copy_count = 0;
    fy_buf_clear(&router->json);
    return FY_OK;
}

static enum fy_code ensure_topic(struct fy_router *router, const char *site, struct fy_err *err)
{
    for (size_t i = 0; i < router->ensured_count; i++)
        if (strcmp(router->ensured[i], site) == 0)
            return FY_OK;
    char topic[FY_TOPIC_BYTES_MAX + 1];
    fy_topic_of_site(site, topic);
    enum fy_code code = fy_queue_topic_ensure(router->node->queue, topic, err);
    if (code != FY_OK)
        return code;
    if (router->ensured_count == FY_SITES_MAX)
        router->ensured_count = 0; /* sites came and went: asking again is only slower */
    FY_ASSERT(fy_text_copy(router->ensured[router->ensured_count], FY_SITE_BYTES_MAX + 1, site));
    router->ensured_count++;
    return FY_OK;
}

/* One copy of the order for one target; our own site's copy goes to its worker at once. */
static enum fy_code copy_to(struct fy_router *router, size_t i, struct fy_order *order,
                            const char *site, struct fy_err *err)
{
    enum fy_code code;
    if (router->copy_count == ROUTER_COPIES_MAX ||
        router->json.size_bytes + (size_t)2 * FY_ORDER_JSON_BYTES > router->json.max_bytes) {
        code = flush(router, err);
        if (code != FY_OK)
            return code;
    }
    struct copy *copy = &router->copies[router->copy_count];
    if (strcmp(site, router->node->site) == 0) {
        FY_ASSERT(fy_text_copy(copy->topic, sizeof(copy->topic), FY_TOPIC_ACTION));
    } else {
        code = ensure_topic(router, site, err);
        if (code != FY_OK)
            return code;
        fy_topic_of_site(site, copy->topic);
    }
    FY_ASSERT(fy_text_copy(order->to_site, sizeof(order->to_site), site));
    copy->key_at = router->batch.records[i].key_at;
    copy->key_bytes = router->batch.records[i].key_bytes;
    copy->json_at = router->json.size_bytes;
    fy_order_json_write(order, &router->json);
    copy->json_bytes = router->json.size_bytes - copy->json_at;
    FY_ASSERT(!router->json.overflow);
    router->copy_count++;
    return FY_OK;
}

static enum fy_code refuse(struct fy_router *router, size_t i, const struct fy_order *order,
                           enum fy_reason reason, const char *detail, struct fy_err *err)
{
    const struct fy_batch_record *record = &router->batch.records[i];
    struct fy_dead_letter letter = {
        .direction = FY_OUT,
        .reason = reason,
        .order = order,
        .key = fy_batch_key(&router->batch, i),
        .key_bytes = record->key_bytes,
        .value = fy_batch_value(&router->batch, i),
        .value_bytes = record->value_bytes,
        .topic = FY_TOPIC_REPLICATION,
        .partition = record->partition,
        .offset = record->offset,
        .timestamp_ms = record->timestamp_ms,
        .detail = detail,
    };
    return fy_dead_letter_write(router->node, &letter, err);
}

/* Where the changes of the order's bucket go: our own setting, which other sites do not know. */
static enum fy_code ask_targets(struct fy_router *router, const struct fy_order *order,
                                struct fy_err *err)
{
    struct fy_catalogue *catalogue = router->node->catalogue;
    const char *account = fy_order_account(order);
    if (strcmp(router->targets_bucket, order->bucket) == 0 &&
        strcmp(router->targets_account, account) == 0)
        return FY_OK;
    router->targets_bucket[0] = router->targets[0] = '\0';
    enum fy_code code =
        fy_catalogue_targets_get(catalogue, account, order->bucket, router->targets, err);
    if (code == FY_ENOTFOUND && order->account[0] == '\0') /* of another's bucket */
        code = fy_catalogue_targets_get(catalogue, "", order->bucket, router->targets, err);
    if (code != FY_OK && code != FY_ENOTFOUND)
        return code;
    FY_ASSERT(fy_text_copy(router->targets_account, sizeof(router->targets_account), account));
    memcpy(router->targets_bucket, order->bucket, sizeof(router->targets_bucket));
    return FY_OK;
}

static enum fy_code route_one(struct fy_router *router, size_t i, struct fy_err *err)
{
    struct fy_node *node = router->node;
    const struct fy_batch_record *record = &router->batch.records[i];
    struct fy_order order = {0};
    struct fy_err why = {0};
    enum fy_code code =
        fy_order_json_parse(fy_batch_value(&router->batch, i), record->value_bytes, &order, &why);
    if (code != FY_OK)
        return refuse(router, i, NULL, FY_BAD_ORDER, why.text, err);
    if (order.from_site[0] == '\0')
        FY_ASSERT(fy_text_copy(order.from_site, sizeof(order.from_site), node->site));
    code = fy_order_check(&order, FY_DOOR_FERRY, node->site, fy_wall_ms(node->clock), &why);
    if (code != FY_OK)
        return refuse(router, i, &order, FY_BAD_ORDER, why.text, err);
    /* Written here by an application or by CCS: every copy must carry the same stamp. */
    if (fy_stamp_is_zero(&order.stamp) &&
        record->timestamp_ms > fy_wall_ms(node->clock) + FY_STAMP_AHEAD_MS_MAX)
        return refuse(router, i, &order, FY_BAD_ORDER, "the record's timestamp is in the future",
                      err);
    if (fy_stamp_is_zero(&order.stamp))
        fy_order_stamp_of_record(&order, record->timestamp_ms, record->offset);
    if (order.ordered_at_ms == 0 && record->timestamp_ms > 0)
        order.ordered_at_ms = record->timestamp_ms;

    if (order.to_site[0] != '\0') {
        if (strcmp(order.to_site, node->site) != 0 &&
            fy_sites_find(router->sites, router->site_count, order.to_site) == NULL)
            return refuse(router, i, &order, FY_TOPOLOGY_UNKNOWN, "toSite is not in the topology",
                          err);
        char target[FY_SITE_BYTES_MAX + 1];
        FY_ASSERT(fy_text_copy(target, sizeof(target), order.to_site));
        return copy_to(router, i, &order, target, err);
    }
    code = ask_targets(router, &order, err);
    if (code != FY_OK)
        return code;
    char from_site[FY_SITE_BYTES_MAX + 1];
    FY_ASSERT(fy_text_copy(from_site, sizeof(from_site), order.from_site));
    /* An order given here about a third site's object concerns us too: the API has seen to that. */
    for (size_t s = 0; s < router->site_count; s++) {
        const char *target = router->sites[s].id;
        if (strcmp(target, node->site) == 0 || strcmp(target, from_site) == 0 ||
            !fy_targets_include(router->targets, target))
            continue;
        code = copy_to(router, i, &order, target, err);
        if (code != FY_OK)
            return code;
    }
    return FY_OK;
}

/* The first count orders of the batch: copied, safe, committed. */
static enum fy_code route_first(struct fy_router *router, size_t count, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    router->copy_count = 0;
    fy_buf_clear(&router->json);
    for (size_t i = 0; code == FY_OK && i < count; i++)
        code = route_one(router, i, err);
    if (code == FY_OK)
        code = flush(router, err);
    if (code == FY_OK)
        code = fy_batch_commit_first(&router->batch, count, err);
    return code;
}

/* A queue that is nearly full may have room for the copies of a few orders, and each that is done
 * makes room for more: the step is halved until it fits. */
static enum fy_code route_batch(struct fy_router *router, struct fy_err *err)
{
    size_t step = router->batch.count;
    router->targets_bucket[0] = '\0'; /* asked anew: they may have been set meanwhile */
    enum fy_code code =
        fy_sites_read(router->node->catalogue, false, router->sites, &router->site_count, err);
    while (code == FY_OK && router->batch.count > 0) {
        size_t count = step < router->batch.count ? step : router->batch.count;
        code = route_first(router, count, err);
        if (code == FY_EFULL && step > 1) {
            step /= 2;
            code = FY_OK;
        }
    }
    return code;
}

static void *router_main(void *arg)
{
    struct fy_router *router = arg;
    bool failing = false;
    bool held = false; /* the batch in hand must be tried again before another is taken */
    while (!atomic_load(&router->stopping)) {
        struct fy_err err = {0};
        enum fy_code code =
            held ? fy_batch_idle(&router->batch, &err) : fy_batch_take(&router->batch, &err);
        bool got = router->batch.count > 0;
        if (code == FY_OK && got)
            code = route_batch(router, &err);
        held = code != FY_OK && router->batch.count > 0;
        if ((code != FY_OK) != failing) {
            failing = code != FY_OK;
            fy_log(NULL, failing ? FY_WARN : FY_INFO, failing ? "router.stuck" : "router.flows",
                   fy_kv_err(&err));
        }
        if (code != FY_OK)
            (void)fy_bell_wait(&router->stop_bell, -1, ROUTER_PAUSE_MS);
        else if (!got)
            (void)fy_bell_wait(&router->stop_bell,
                               fy_consumer_fd(router->node->queue, router->batch.consumer),
                               ROUTER_IDLE_MS);
    }
    return NULL;
}

enum fy_code fy_router_open(struct fy_node *node, struct fy_router **router, struct fy_err *err)
{
    struct fy_router *self = fy_alloc(sizeof(*self));
    self->node = node;
    self->stop_bell.event_fd = -1;
    fy_buf_init(&self->json, (size_t)2 * FY_BATCH_BYTES);
    enum fy_code code = fy_queue_topic_ensure(node->queue, FY_TOPIC_REPLICATION, err);
    if (code == FY_OK)
        code = fy_queue_topic_ensure(node->queue, FY_TOPIC_DEAD, err);
    if (code == FY_OK)
        code = fy_bell_init(&self->stop_bell, err);
    if (code == FY_OK)
        code = fy_batch_open(&self->batch, node->queue, FY_GROUP_ROUTER, FY_TOPIC_REPLICATION,
                             ROUTER_ORDERS_MAX, FY_BATCH_BYTES, err);
    if (code == FY_OK) {
        code = fy_thread_start(&self->thread, "router", router_main, self, err);
        if (code != FY_OK)
            fy_batch_close(&self->batch);
    }
    if (code != FY_OK) {
        fy_bell_done(&self->stop_bell);
        fy_buf_done(&self->json);
        free(self);
        return code;
    }
    *router = self;
    return FY_OK;
}

void fy_router_close(struct fy_router *router)
{
    if (router == NULL)
        return;
    atomic_store(&router->stopping, true);
    fy_bell_ring(&router->stop_bell);
    pthread_join(router->thread, NULL);
    fy_batch_close(&router->batch);
    fy_bell_done(&router->stop_bell);
    fy_buf_done(&router->json);
    free(router);
}
