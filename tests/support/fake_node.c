/* fake_node.c - builds and takes down what cli/node_open.c builds in the real program. */
#include "tests/support/fake_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/cache_local.h"
#include "common/adapters/order_json.h"
#include "common/core/log.h"

static void must(enum fy_code code, const struct fy_err *err)
{
    if (code != FY_OK)
        (void)fprintf(stderr, "fake_node: %s\n", err->text);
    FY_ASSERT(code == FY_OK);
}

static void init_config(struct fake_node *self)
{
    fy_config_init(&self->config);
    FY_ASSERT(fy_text_copy(self->config.site, sizeof(self->config.site), FAKE_SITE));
    self->config.retry_memory_ms = 60 * 1000;
    self->config.retry_max_age_ms = 3600 * 1000;
    self->config.retry_first_ms = 60 * 1000;
    self->config.retry_second_ms = 600 * 1000;
    self->config.retry_later_ms = 3600 * 1000;
    self->config.sync_threads = 4;
}

void fake_node_init(struct fake_node *self)
{
    memset(self, 0, sizeof(*self));
    fy_log_level_set(FY_ERROR + 1); /* failures are what these tests are about */
    init_config(self);
    self->queue = fake_queue_new();
    self->catalogue = fake_catalogue_new();
    self->store = fake_store_new();
    self->peer = fake_peer_new();
    fake_catalogue_site(self->catalogue, "site-a", "http://site-a:1");
    fake_catalogue_site(self->catalogue, "site-b", "http://site-b:1");
    fake_catalogue_site(self->catalogue, "site-c", "http://site-c:1");

    struct fy_node *node = &self->node;
    struct fy_err err = {0};
    node->config = &self->config;
    node->clock = fy_clock_system();
    node->site = self->config.site;
    fy_guid_new(node->clock, node->boot_id);
    node->catalogue = fake_catalogue_port(self->catalogue);
    node->queue = fake_queue_port(self->queue);
    node->store = fake_store_port(self->store);
    node->peer = fake_peer_port(self->peer);
    node->cache = fy_cache_local_new(node->clock, 1000);
    fy_hlc_init(&node->hlc, node->clock, node->site, 1, 0);
    must(fy_bell_init(&node->outbox_bell, &err), &err);
    must(fy_bell_init(&node->waiting_bell, &err), &err);
    must(fy_bell_init(&node->sites_bell, &err), &err);
    must(fy_bell_init(&node->stop_bell, &err), &err);
    must(fy_catalogue_writer_open(node->catalogue, &node->writer, &err), &err);
    atomic_store(&node->store_ok, true);
}

void fake_node_start(struct fake_node *self)
{
    struct fy_err err = {0};
    must(fy_engine_open(&self->node, &self->engine, &err), &err);
    fake_queue_assign(self->queue, FAKE_ALL);
    fake_queue_settle(self->queue);
}

void fake_node_stop(struct fake_node *self, int64_t drain_ms)
{
    fy_engine_close(self->engine, drain_ms);
    self->engine = NULL;
}

void fake_node_done(struct fake_node *self)
{
    struct fy_node *node = &self->node;
    fake_node_stop(self, 0);
    fy_catalogue_writer_close(node->writer);
    fy_bell_done(&node->outbox_bell);
    fy_bell_done(&node->waiting_bell);
    fy_bell_done(&node->sites_bell);
    fy_bell_done(&node->stop_bell);
    fy_cache_close(node->cache);
    fy_hlc_done(&node->hlc);
    fake_peer_free(self->peer);
    fake_queue_free(self->queue);
    fake_catalogue_free(self->catalogue);
    fake_store_free(self->store);
}

int fake_node_setup(void **state)
{
    struct fake_node *self = fy_alloc(sizeof(*self));
    fake_node_init(self);
    *state = self;
    return 0;
}

int fake_node_teardown(void **state)
{
    struct fake_node *self = *state;
    fake_node_done(self);
    free(self);
    return 0;
}

/* ------------------------------------------------------------------ orders */

void fake_order(struct fake_node *self, struct fy_order *order, enum fy_action action,
                const char *object)
{
    *order = (struct fy_order){.action = action};
    int64_t now_ms = fy_wall_ms(fy_clock_system());
    order->stamp.time = ((uint64_t)now_ms << 16) + ++self->stamps;
    order->ordered_at_ms = now_ms;
    FY_ASSERT(fy_text_copy(order->stamp.site, sizeof(order->stamp.site), FAKE_SOURCE));
    FY_ASSERT(fy_text_copy(order->from_site, sizeof(order->from_site), FAKE_SOURCE));
    FY_ASSERT(fy_text_copy(order->to_site, sizeof(order->to_site), FAKE_SITE));
    FY_ASSERT(fy_text_copy(order->client, sizeof(order->client), "client-1"));
    FY_ASSERT(fy_text_copy(order->bucket, sizeof(order->bucket), "bucket-1"));
    FY_ASSERT(fy_text_copy(order->object, sizeof(order->object), object));
    (void)snprintf(order->op_id, sizeof(order->op_id), "op-%llu", (unsigned long long)self->stamps);
    if (action != FY_ACTION_CREATE || object[0] == '\0')
        return;
    struct fy_digest digest;
    fake_content_digest(object, &digest);
    fy_digest_print_base32hex(&digest, order->hash);
    order->size = fake_content_size(object);
}

struct fy_stamp fake_node_give(struct fake_node *self, const struct fy_order *order)
{
    char key[FY_KEY_BYTES_MAX + 1];
    size_t key_bytes = fy_order_key(order, key);
    struct fy_buf json;
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    fy_order_json_write(order, &json);
    int32_t partition = (int32_t)fy_murmur2_partition(key, key_bytes, FAKE_PARTITIONS);
    (void)fake_queue_put(self->queue, FY_TOPIC_ACTION, partition, NULL, json.bytes,
                         json.size_bytes);
    fy_buf_done(&json);
    return order->stamp;
}

struct fy_stamp fake_node_create(struct fake_node *self, const char *object)
{
    struct fy_order order;
    fake_order(self, &order, FY_ACTION_CREATE, object);
    return fake_node_give(self, &order);
}

int64_t fake_node_body(struct fake_node *self, const char *object)
{
    struct fy_digest digest;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    int64_t size = fake_content_size(object);
    fake_content_digest(object, &digest);
    int64_t id = fake_catalogue_body(self->catalogue, &digest, size);
    (void)snprintf(blob_ref, sizeof(blob_ref), FAKE_BODY_REF, (long long)id);
    fake_store_place(self->store, blob_ref, &digest, size);
    return id;
}

/* ------------------------------------------------------------------ waiting */

struct wish {
    struct fake_node *self;
    const char *object;
    enum fy_wait_state state;
    enum fy_metric metric;
    size_t count;
    int64_t least;
};

static bool object_ready(void *arg)
{
    const struct wish *wish = arg;
    return fake_catalogue_object(wish->self->catalogue, wish->object).status == FY_STATUS_READY;
}

static bool object_deleted(void *arg)
{
    const struct wish *wish = arg;
    return fake_catalogue_object(wish->self->catalogue, wish->object).status == FY_STATUS_DELETED;
}

static bool count_ready(void *arg)
{
    const struct wish *wish = arg;
    return fake_catalogue_ready(wish->self->catalogue) >= wish->count;
}

static bool count_waiting(void *arg)
{
    const struct wish *wish = arg;
    return fake_catalogue_waiting(wish->self->catalogue, wish->state) == wish->count;
}

static bool metric_reached(void *arg)
{
    const struct wish *wish = arg;
    return fake_node_metric(wish->self, wish->metric) >= wish->least;
}

static bool all_committed(void *arg)
{
    const struct wish *wish = arg;
    for (int32_t i = 0; i < FAKE_PARTITIONS; i++)
        if (fake_queue_committed(wish->self->queue, i) !=
            fake_queue_end(wish->self->queue, FY_TOPIC_ACTION, i))
            return false;
    return true;
}

bool fake_node_wait_ready(struct fake_node *self, const char *object)
{
    struct wish wish = {.self = self, .object = object};
    return fake_catalogue_wait(self->catalogue, object_ready, &wish);
}

bool fake_node_wait_deleted(struct fake_node *self, const char *object)
{
    struct wish wish = {.self = self, .object = object};
    return fake_catalogue_wait(self->catalogue, object_deleted, &wish);
}

bool fake_node_wait_ready_count(struct fake_node *self, size_t count)
{
    struct wish wish = {.self = self, .count = count};
    return fake_catalogue_wait(self->catalogue, count_ready, &wish);
}

bool fake_node_wait_waiting(struct fake_node *self, enum fy_wait_state state, size_t count)
{
    struct wish wish = {.self = self, .state = state, .count = count};
    return fake_catalogue_wait(self->catalogue, count_waiting, &wish);
}

bool fake_node_wait_metric(struct fake_node *self, enum fy_metric metric, int64_t least)
{
    struct wish wish = {.self = self, .metric = metric, .least = least};
    return fake_catalogue_wait(self->catalogue, metric_reached, &wish);
}

bool fake_node_wait_committed(struct fake_node *self)
{
    struct wish wish = {.self = self};
    return fake_catalogue_wait(self->catalogue, all_committed, &wish);
}

int64_t fake_node_metric(struct fake_node *self, enum fy_metric metric)
{
    return fy_metric_get(&self->node.metrics, metric);
}
