/* sim_client.c - clients of a site: what api/put.c and the routes do, on a fiber of its process;
 * and the history of what they changed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/orders.h"
#include "common/adapters/order_json.h"
#include "tests/sim/sim_plant.h"
#include "tests/sim/sim_world.h"

#define CLIENT      "client-1"
#define OUTBOX_ROWS 10000

/* ------------------------------------------------------------------ history */

struct sim_world *sim_world_of(struct sim_site *site)
{
    return site->world;
}

static bool is_known(struct sim_world *world, const struct fy_order *order)
{
    for (size_t i = world->history_count; i-- > 0;) {
        const struct fy_order *known = &world->history[i].order;
        if (fy_stamp_compare(&known->stamp, &order->stamp) != 0)
            continue;
        if (strcmp(known->op_id, order->op_id) != 0)
            sim_fail(world, "%s and %s have the same stamp", known->op_id, order->op_id);
        return true;
    }
    return false;
}

static bool note_order(void *arg, const struct fy_outbox_row *row)
{
    struct sim_site *site = arg;
    struct sim_world *world = sim_world_of(site);
    struct fy_order order;
    struct fy_err err = {0};
    enum fy_code code = fy_order_json_parse(row->json, row->json_bytes, &order, &err);
    FY_ASSERT(code == FY_OK);
    if (is_known(world, &order))
        return true;
    FY_ASSERT(world->history_count < SIM_HISTORY_MAX);
    struct sim_change *change = &world->history[world->history_count++];
    *change = (struct sim_change){.site = (int)(site - world->sites), .order = order};
    fiber_trace("change: %s %s/%s %016" PRIx64 "@%s", fy_action_name(order.action), order.bucket,
                order.object, order.stamp.time, order.stamp.site);
    return true;
}

void sim_client_note(struct sim_site *site, struct fy_catalogue *rows)
{
    struct fy_err err = {0};
    enum fy_code code = fy_catalogue_outbox_read(rows, OUTBOX_ROWS, note_order, site, &err);
    FY_ASSERT(code == FY_OK);
}

static void on_ordered_again(void *arg, enum fy_code code, size_t accepted,
                             const struct fy_err *err)
{
    (void)arg;
    (void)code;
    (void)accepted;
    (void)err;
}

/* A planted bug: what was applied is told to the others. */
static void order_again(struct sim_site *site, const struct fy_order *order)
{
    char key[FY_KEY_BYTES_MAX + 1];
    struct fy_buf json;
    struct fy_err err = {0};
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    fy_order_json_write(order, &json);
    const struct fy_record record = {.topic = FY_TOPIC_REPLICATION,
                                     .partition = -1,
                                     .key = key,
                                     .key_bytes = fy_order_key(order, key),
                                     .value = json.bytes,
                                     .value_bytes = json.size_bytes};
    if (fy_queue_publish(site->run->node.queue, &record, 1, on_ordered_again, NULL, &err) != FY_OK)
        fiber_trace("not ordered again: %s", err.text);
    fy_buf_done(&json);
}

void sim_client_see(void *arg, struct fy_cat_op *op)
{
    struct sim_site *site = arg;
    if (sim_planted(SIM_APPLY_ORDERS) && op->kind == FY_CAT_APPLY && op->code == FY_OK &&
        ((struct fy_cat_apply *)(void *)op)->verdict == FY_VERDICT_APPLY)
        order_again(site, &((struct fy_cat_apply *)(void *)op)->order);
    bool local = op->kind == FY_CAT_BUCKET_CREATE || op->kind == FY_CAT_BUCKET_DELETE ||
                 op->kind == FY_CAT_UPLOAD_FINISH || op->kind == FY_CAT_OBJECT_DELETE;
    if (!local || op->code != FY_OK)
        return;
    if (op->kind == FY_CAT_OBJECT_DELETE && ((struct fy_cat_object_delete *)(void *)op)->already)
        return;
    sim_world_of(site)->local_operations++;
    sim_client_note(site, site->run->rows);
}

/* ------------------------------------------------------------------ operations */

enum client_kind { MAKE_BUCKET, DROP_BUCKET, UPLOAD, DROP_OBJECT, ORDER_COPY, RETRY_DEAD, KINDS };

struct client {
    struct sim_world *world;
    struct sim_run *run;
    enum client_kind kind;
    struct fy_object_key key;
    uint32_t value;
    bool without_begin, gives_up;
    char op_id[32];
    struct fy_order copy;
};

char *sim_value(uint32_t value, size_t *size_bytes)
{
    static const size_t sizes[SIM_VALUES] = {0, 7, 100, 5000, 20000, 40000};
    *size_bytes = sizes[value];
    char *bytes = fy_alloc(*size_bytes + 1);
    for (size_t i = 0; i < *size_bytes; i++)
        bytes[i] = (char)('a' + (i * 7 + value + i / 26) % 26);
    return bytes;
}

static enum fy_code store_value(struct client *self, struct fy_stored *stored)
{
    struct fy_store *store = self->run->node.store;
    struct fy_writer *writer = NULL;
    struct fy_err err = {0};
    size_t size_bytes = 0;
    char *bytes = sim_value(self->value, &size_bytes);
    enum fy_code code = fy_store_begin(store, (int64_t)size_bytes, &writer, &err);
    if (code == FY_OK && size_bytes > 0)
        code = fy_store_append(store, writer, bytes, size_bytes, &err);
    free(bytes);
    if (code == FY_OK)
        return fy_store_finish(store, writer, stored, &err);
    fy_store_abort(store, writer);
    return code;
}

static enum fy_code run(struct client *self, struct fy_cat_op *op)
{
    return fy_catalogue_writer_run(self->run->node.writer, op, NULL);
}

static void upload_fail(struct client *self, int64_t token)
{
    struct fy_cat_upload_fail fail = {
        .op = {.kind = FY_CAT_UPLOAD_FAIL}, .key = self->key, .token = token};
    (void)run(self, &fail.op); /* else the next one counts */
}

static void upload_finish(struct client *self, int64_t token, const struct fy_stored *stored)
{
    struct fy_node *node = &self->run->node;
    struct fy_err err = {0};
    struct fy_cat_upload_finish *finish = fy_alloc(sizeof(*finish));
    finish->op.kind = FY_CAT_UPLOAD_FINISH;
    finish->key = self->key;
    memcpy(finish->client, CLIENT, sizeof(CLIENT));
    memcpy(finish->op_id, self->op_id, sizeof(self->op_id));
    finish->token = token;
    finish->size = stored->size;
    finish->digest = stored->digest;
    finish->proof = FY_PROOF_TRANSPORT;
    memcpy(finish->blob_ref, stored->blob_ref, sizeof(finish->blob_ref));
    enum fy_code code = fy_catalogue_writer_run(node->writer, &finish->op, NULL);
    bool unknown = code == FY_EBUSY || code == FY_EIO;
    if (code == FY_OK)
        fy_bell_ring(&node->outbox_bell);
    else if (!unknown) /* refused: nobody can name it */
        fiber_trace("discard: %s",
                    fy_code_name(fy_store_remove(node->store, stored->blob_ref, &err)));
    if (code != FY_OK && !unknown && token != 0)
        upload_fail(self, token);
    free(finish);
}

static void upload(struct client *self)
{
    struct fy_stored stored = {0};
    int64_t token = 0;
    if (!self->without_begin) {
        struct fy_cat_upload_begin begin = {.op = {.kind = FY_CAT_UPLOAD_BEGIN}, .key = self->key};
        memcpy(begin.client, CLIENT, sizeof(CLIENT));
        if (fy_catalogue_writer_run(self->run->node.writer, &begin.op, NULL) != FY_OK)
            return;
        token = begin.token;
    }
    if (store_value(self, &stored) == FY_OK && !self->gives_up)
        upload_finish(self, token, &stored);
    else if (token != 0)
        upload_fail(self, token);
}

static void make_bucket(struct client *self)
{
    struct fy_cat_bucket_create create = {.op = {.kind = FY_CAT_BUCKET_CREATE}, .client = CLIENT};
    memcpy(create.bucket, self->key.bucket, sizeof(create.bucket));
    memcpy(create.op_id, self->op_id, sizeof(self->op_id));
    (void)run(self, &create.op); /* history has what was */
    fy_bell_ring(&self->run->node.outbox_bell);
}

static void drop_bucket(struct client *self)
{
    struct fy_cat_bucket_delete drop = {.op = {.kind = FY_CAT_BUCKET_DELETE}, .client = CLIENT};
    memcpy(drop.bucket, self->key.bucket, sizeof(drop.bucket));
    memcpy(drop.op_id, self->op_id, sizeof(self->op_id));
    (void)run(self, &drop.op); /* history has what was */
    fy_bell_ring(&self->run->node.outbox_bell);
}

static void drop_object(struct client *self)
{
    struct fy_cat_object_delete drop = {
        .op = {.kind = FY_CAT_OBJECT_DELETE}, .key = self->key, .client = CLIENT};
    memcpy(drop.op_id, self->op_id, sizeof(self->op_id));
    (void)run(self, &drop.op); /* history has what was */
    fy_bell_ring(&self->run->node.outbox_bell);
}

/* CCS's way: at the target, the source named. */
static void order_copy(struct client *self)
{
    struct sim_world *world = self->world;
    struct fy_err err = {0};
    struct fy_buf json;
    size_t accepted = 0;
    struct fy_order_batch *batch = fy_order_batch_new(&self->run->node, self->op_id, FY_DOOR_CCS);
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    fy_order_json_write(&self->copy, &json);
    enum fy_code code = fy_order_batch_add(batch, json.bytes, json.size_bytes, -1, &err);
    FY_ASSERT(code == FY_OK);
    if (fy_order_batch_publish_wait(batch, &accepted, &err) == FY_OK) {
        struct sim_posted *posted = &world->posted[world->posted_count++];
        FY_ASSERT(world->posted_count < SIM_POSTED_MAX);
        posted->site = (int)(self->run->site - world->sites);
        memcpy(posted->op_id, self->op_id, sizeof(self->op_id));
    }
    fy_buf_done(&json);
    fy_order_batch_free(batch);
}

static void retry_dead(struct client *self)
{
    struct fy_cat_wait_edit edit = {
        .op = {.kind = FY_CAT_WAIT_EDIT},
        .action = FY_WAIT_RETRY,
        .filter = {.id = -1, .state = FY_DEAD, .direction = -1, .limit = FY_LIST_PAGE_MAX}};
    if (fy_catalogue_writer_run(self->run->node.writer, &edit.op, NULL) == FY_OK)
        fiber_trace("retried %lld dead orders", (long long)edit.matched);
    fy_bell_ring(&self->run->node.waiting_bell);
    fy_bell_ring(&self->run->node.outbox_bell);
}

static void *client_main(void *arg)
{
    static void (*const acts[KINDS])(struct client * self) = {
        [MAKE_BUCKET] = make_bucket, [DROP_BUCKET] = drop_bucket, [UPLOAD] = upload,
        [DROP_OBJECT] = drop_object, [ORDER_COPY] = order_copy,   [RETRY_DEAD] = retry_dead};
    struct client *self = arg;
    acts[self->kind](self);
    self->run->busy--;
    free(self);
    return NULL;
}

/* ------------------------------------------------------------------ what clients want */

/* Any change of an object elsewhere may be ordered again, by hand. */
static bool choose_copy(struct sim_world *world, struct client *client)
{
    if (world->history_count == 0)
        return false;
    const struct sim_change *change = &world->history[fiber_below((uint32_t)world->history_count)];
    int target = (int)(client->run->site - world->sites);
    if (change->order.action != FY_ACTION_CREATE || change->order.object[0] == '\0' ||
        change->site == target)
        return false;
    client->copy = change->order;
    if (fiber_chance(2)) { /* nobody's change: the API that accepts it gives it a stamp */
        client->copy.stamp = (struct fy_stamp){0};
        client->copy.ordered_at_ms = 0;
    }
    memcpy(client->copy.op_id, client->op_id, sizeof(client->op_id));
    memcpy(client->copy.to_site, client->run->site->id, sizeof(client->run->site->id));
    return true;
}

static void client_start(struct client *client)
{
    client->run->busy++;
    (void)fiber_start(&client->run->group, "client", client_main, client, 0);
}

void sim_client_retry_dead(struct sim_site *site)
{
    struct client *client = fy_alloc(sizeof(*client));
    *client = (struct client){.run = site->run, .kind = RETRY_DEAD};
    client_start(client);
}

void sim_client_step(struct sim_world *world)
{
    static const enum client_kind wishes[] = {
        MAKE_BUCKET, MAKE_BUCKET, DROP_BUCKET, UPLOAD,      UPLOAD,     UPLOAD,    UPLOAD,
        UPLOAD,      DROP_OBJECT, DROP_OBJECT, DROP_OBJECT, ORDER_COPY, RETRY_DEAD};
    struct sim_site *site = &world->sites[fiber_below(SIM_SITES)];
    if (site->run == NULL || !site->run->up)
        return;
    struct client *client = fy_alloc(sizeof(*client));
    client->world = world;
    client->run = site->run;
    client->kind = wishes[fiber_below(FY_COUNT_OF(wishes))];
    (void)snprintf(client->key.bucket, sizeof(client->key.bucket), "bucket-%u",
                   fiber_below(SIM_BUCKETS));
    (void)snprintf(client->key.object, sizeof(client->key.object), "dir/%c",
                   (char)('x' + (char)fiber_below(SIM_NAMES)));
    client->value = fiber_below(SIM_VALUES);
    client->without_begin = fiber_chance(4);
    client->gives_up = fiber_chance(10);
    (void)snprintf(client->op_id, sizeof(client->op_id), "op-%" PRIu64, ++world->operations);
    if (client->kind == ORDER_COPY && !choose_copy(world, client)) {
        free(client);
        return;
    }
    client_start(client);
}
