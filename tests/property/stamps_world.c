/* stamps_world.c - three sites over real catalogues, and the wire between them. */
#include "tests/property/stamps_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sqlite.h"
#include "common/adapters/order_json.h"
#include "common/ports/sha256.h"
#include "tests/support/version_query.h"

#define VALUES 6 /* few, so that two sites sometimes write the same bytes */

/* The second bucket follows a version policy, which each site has its own of. */
static const char *const policies[SITES] = {"1", "2", "-1"};
static bool is_versioned(int bucket)
{
    return bucket == BUCKETS - 1;
}

static int64_t site_wall_ms(struct fy_clock *clock)
{
    struct site_clock *self = (struct site_clock *)clock;
    return *self->now_ms + self->skew_ms;
}

uint32_t world_below(struct world *world, uint32_t bound)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (uint32_t)((world->random >> 16) % bound);
}

void world_bucket_name(struct world *world, int bucket, char text[static FY_BUCKET_BYTES_MAX + 1])
{
    (void)snprintf(text, FY_BUCKET_BYTES_MAX + 1, "p%llu-%d", (unsigned long long)world->seed,
                   bucket);
}

void world_key(struct world *world, int bucket, int name, struct fy_object_key *key)
{
    memset(key, 0, sizeof(*key));
    world_bucket_name(world, bucket, key->bucket);
    if (name >= 0)
        (void)snprintf(key->object, sizeof(key->object), "dir/%c", 'x' + name);
}

void world_digest(int value, struct fy_digest *digest)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "value %d", value);
    fy_sha256_of(text, strlen(text), digest);
}

static void new_blob(struct world *world, char ref[static FY_BLOB_REF_BYTES_MAX + 1])
{
    (void)snprintf(ref, FY_BLOB_REF_BYTES_MAX + 1, "file:00/boot.%llu",
                   (unsigned long long)++world->blobs);
}

enum fy_code world_run(struct site *site, struct fy_cat_op *op)
{
    struct fy_err err = {0};
    struct fy_cat_op *const ops[] = {op};
    enum fy_code code = fy_catalogue_write(site->catalogue, ops, 1, &err);
    if (code != FY_OK)
        fail_msg("seed %llu: write: %s", (unsigned long long)site->world->seed, err.text);
    return op->code;
}

void world_site_open(struct world *world, int i, const char *folder)
{
    struct site *site = &world->sites[i];
    char path[256];
    uint8_t slot = 0;
    uint64_t start_time = 0;
    struct fy_err err = {0};
    site->world = world;
    (void)snprintf(site->name, sizeof(site->name), "site-%c", 'a' + i);
    (void)snprintf(path, sizeof(path), "%s/%s.db", folder, site->name);
    site->clock = (struct site_clock){.port = {.wall_ms = site_wall_ms, .mono_ms = site_wall_ms},
                                      .now_ms = &world->now_ms};
    const struct fy_catalogue_sqlite_settings settings = {.path = path,
                                                          .common.clock = &site->clock.port,
                                                          .common.site = site->name,
                                                          .common.reader_count = 1};
    if (fy_catalogue_sqlite_open(&settings, &site->catalogue, &err) != FY_OK)
        fail_msg("%s", err.text);
    assert_int_equal(fy_catalogue_lease_open(site->catalogue, "boot", &slot, &start_time, &err),
                     FY_OK);
    fy_hlc_init(&site->hlc, &site->clock.port, site->name, slot, start_time);
    fy_catalogue_attach(site->catalogue, &site->hlc);
}

/* ------------------------------------------------------------------ from the outbox to the wire */

struct outbox_copy {
    struct site *site;
    int64_t ids[8];
    size_t count;
};

static bool copy_order(void *arg, const struct fy_outbox_row *row)
{
    struct outbox_copy *copy = arg;
    struct world *world = copy->site->world;
    struct fy_order order;
    struct fy_err err = {0};
    if (fy_order_json_parse(row->json, row->json_bytes, &order, &err) != FY_OK)
        fail_msg("an order of the outbox does not parse: %s", err.text);
    for (int target = 0; target < SITES; target++) {
        if (&world->sites[target] == copy->site)
            continue;
        assert_true(world->wire_count < WIRE_MAX);
        assert_true(world->sent_count < WIRE_MAX);
        world->wire[world->wire_count++] = (struct message){.order = order, .target = target};
        world->sent[world->sent_count++] = (struct message){.order = order, .target = target};
    }
    copy->ids[copy->count++] = row->id;
    copy->site->orders_written++;
    return copy->count < FY_COUNT_OF(copy->ids);
}

static void drain_outbox(struct site *site)
{
    struct outbox_copy copy = {.site = site};
    struct fy_err err = {0};
    assert_int_equal(
        fy_catalogue_outbox_read(site->catalogue, FY_COUNT_OF(copy.ids), copy_order, &copy, &err),
        FY_OK);
    if (copy.count == 0)
        return;
    struct fy_cat_outbox_done done = {
        .op = {.kind = FY_CAT_OUTBOX_DONE}, .ids = copy.ids, .count = copy.count};
    assert_int_equal(world_run(site, &done.op), FY_OK);
}

static bool note_order(void *arg, const struct fy_outbox_row *row)
{
    (void)row;
    *(bool *)arg = true;
    return false;
}

static bool has_order(struct site *site)
{
    bool found = false;
    struct fy_err err = {0};
    assert_int_equal(fy_catalogue_outbox_read(site->catalogue, 1, note_order, &found, &err), FY_OK);
    return found;
}

/* ------------------------------------------------------------------ local operations */

static void remember(struct site *site, int bucket, int name, int value)
{
    struct world *world = site->world;
    size_t before = world->sent_count;
    site->local_changes++;
    drain_outbox(site);
    /* The stamp of the operation is the one its order carries: exactly one order was written. */
    assert_int_equal(world->sent_count, before + SITES - 1);
    assert_true(world->history_count < FY_COUNT_OF(world->history));
    world->history[world->history_count++] = (struct change){
        .bucket = bucket, .name = name, .value = value, .stamp = world->sent[before].order.stamp};
}

static void container_make(struct site *site, int bucket)
{
    struct world *world = site->world;
    const struct fy_property properties[] = {
        {"sys.m2.policy.version", policies[site - world->sites]},
        {"sys.m2.policy.version.delete_exceeding", "1"},
    };
    struct fy_cat_container_make op = {.op = {.kind = FY_CAT_CONTAINER_MAKE},
                                       .account = CLIENT,
                                       .properties = properties,
                                       .count = FY_COUNT_OF(properties)};
    world_bucket_name(world, bucket, op.name);
    if (world_run(site, &op.op) == FY_OK)
        remember(site, bucket, -1, 1);
}

static void local_bucket_create(struct site *site, int bucket)
{
    if (is_versioned(bucket)) {
        container_make(site, bucket);
        return;
    }
    struct fy_cat_bucket_create op = {.op = {.kind = FY_CAT_BUCKET_CREATE}, .client = CLIENT};
    world_bucket_name(site->world, bucket, op.bucket);
    if (world_run(site, &op.op) == FY_OK)
        remember(site, bucket, -1, 1);
}

static void local_bucket_delete(struct site *site, int bucket)
{
    struct fy_cat_bucket_delete op = {.op = {.kind = FY_CAT_BUCKET_DELETE}, .client = CLIENT};
    world_bucket_name(site->world, bucket, op.bucket);
    if (world_run(site, &op.op) == FY_OK)
        remember(site, bucket, -1, -1);
}

static void upload_begin(struct site *site, int bucket, int name)
{
    struct world *world = site->world;
    struct fy_cat_upload_begin op = {.op = {.kind = FY_CAT_UPLOAD_BEGIN}, .client = CLIENT};
    op.by_rules = world_below(world, 4) != 0; /* or as CCS does it */
    world_key(world, bucket, name, &op.key);
    enum fy_code code = world_run(site, &op.op);
    if (code != FY_OK)
        return;
    /* Over an upload that is still open: an order has deleted the row under it meanwhile. The new
     * one counts; the old one is forgotten like that of a client that went away. */
    site->uploads[bucket][name] = (struct upload){.open = true,
                                                  .token = op.token,
                                                  .by_rules = op.by_rules,
                                                  .value = (int)world_below(world, VALUES)};
}

void world_upload_end(struct site *site, int bucket, int name)
{
    struct world *world = site->world;
    struct upload *upload = &site->uploads[bucket][name];
    if (!upload->open)
        return;
    upload->open = false;
    struct fy_cat_upload_finish *finish = fy_alloc(sizeof(*finish));
    finish->op.kind = FY_CAT_UPLOAD_FINISH;
    world_key(world, bucket, name, &finish->key);
    memcpy(finish->client, CLIENT, sizeof(CLIENT));
    finish->token = upload->token;
    finish->by_rules = upload->by_rules;
    finish->size = 7;
    finish->proof = FY_PROOF_TRANSPORT;
    world_digest(upload->value, &finish->digest);
    new_blob(world, finish->blob_ref);
    bool dies = world_below(world, 8) == 0; /* the client went away */
    if (!dies && world_run(site, &finish->op) == FY_OK) {
        remember(site, bucket, name, upload->value);
    } else {
        struct fy_cat_upload_fail undo = {
            .op = {.kind = FY_CAT_UPLOAD_FAIL}, .key = finish->key, .token = upload->token};
        assert_int_equal(world_run(site, &undo.op), FY_OK);
    }
    free(finish);
}

/* What the site's own object row says: an older version may have come back. */
static int value_at(struct site *site, const struct fy_object_key *key)
{
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    struct fy_digest digest;
    struct fy_err err = {0};
    int value = -1;
    enum fy_code code = fy_catalogue_object_get(site->catalogue, key, row, &err);
    for (int i = 0; code == FY_OK && row->reg.status == FY_STATUS_READY && i < VALUES; i++) {
        world_digest(i, &digest);
        if (fy_digest_equal(&digest, &row->reg.digest))
            value = i;
    }
    free(row);
    return value;
}

/* The number of a version of the name, any; 0: there is none. */
struct pick {
    struct world *world;
    uint32_t seen;
    int64_t number;
};
static bool pick_one(void *arg, const struct fy_version_entry *entry)
{
    struct pick *pick = arg;
    if (world_below(pick->world, ++pick->seen) == 0)
        pick->number = entry->row->version;
    return true;
}

static int64_t pick_version(struct site *site, const struct fy_object_key *key)
{
    struct pick pick = {.world = site->world};
    struct fy_err err = {0};
    const struct fy_version_query query = version_query(CLIENT, key->bucket, true, 100);
    enum fy_code code = fy_catalogue_version_list(site->catalogue, &query, pick_one, &pick, &err);
    assert_true(code == FY_OK || code == FY_ENOTFOUND);
    return pick.number;
}

/* Of a name, or of one version of it. What changes nothing for others is no part of the history. */
static void local_delete(struct site *site, int bucket, int name)
{
    struct world *world = site->world;
    struct fy_cat_object_delete op = {.op = {.kind = FY_CAT_OBJECT_DELETE}, .client = CLIENT};
    world_key(world, bucket, name, &op.key);
    memcpy(op.key.account, CLIENT, sizeof(CLIENT));
    if (is_versioned(bucket) && world_below(world, 2) == 0)
        op.version = pick_version(site, &op.key);
    size_t before = world->sent_count;
    enum fy_code code = world_run(site, &op.op);
    if (!has_order(site))
        assert_true(code != FY_OK || op.already || op.version != 0);
    else
        remember(site, bucket, name, value_at(site, &op.key));
    assert_true(world->sent_count <= before + SITES - 1);
}

void world_step(struct world *world)
{
    static const int pauses_ms[] = {0, 0, 0, 1, 5};
    struct site *site = &world->sites[world_below(world, SITES)];
    int bucket = (int)world_below(world, BUCKETS);
    int name = (int)world_below(world, NAMES);
    world->now_ms += pauses_ms[world_below(world, FY_COUNT_OF(pauses_ms))];
    switch (world_below(world, 8)) {
    case 0:
        local_bucket_create(site, bucket);
        break;
    case 1:
        local_bucket_delete(site, bucket);
        break;
    case 2:
        upload_begin(site, bucket, name);
        break;
    case 3:
        world_upload_end(site, bucket, name);
        break;
    case 4:
    case 5:
        upload_begin(site, bucket, name);
        world_upload_end(site, bucket, name);
        break;
    default:
        local_delete(site, bucket, name);
        break;
    }
}

/* ------------------------------------------------------------------ orders applied, as the worker
 * does */

static struct site *site_by_name(struct world *world, const char *name)
{
    for (int i = 0; i < SITES; i++)
        if (strcmp(world->sites[i].name, name) == 0)
            return &world->sites[i];
    fail_msg("an order names site '%s'", name);
    return NULL;
}

/* What the source says of the object now. false: its word settles the order (it is newer there). */
static bool ask_source(struct world *world, struct fy_cat_apply *apply, struct fy_object_row *row)
{
    struct site *source = site_by_name(world, apply->order.from_site);
    struct fy_object_key key = {0};
    struct fy_err err = {0};
    memcpy(key.account, CLIENT, sizeof(CLIENT));
    memcpy(key.bucket, apply->order.bucket, sizeof(key.bucket));
    memcpy(key.object, apply->order.object, sizeof(key.object));
    assert_int_equal(fy_catalogue_object_get(source->catalogue, &key, row, &err), FY_OK);
    int order = fy_stamp_compare(&row->reg.stamp, &apply->order.stamp);
    assert_true(order >= 0); /* the source knows what it ordered */
    if (order > 0)
        return false;
    assert_int_equal(row->reg.status, FY_STATUS_READY);
    return true;
}

static void describe_bucket(struct world *world, struct fy_cat_apply *apply)
{
    struct site *source = site_by_name(world, apply->order.from_site);
    struct fy_container_row row;
    struct fy_err err = {0};
    enum fy_code code =
        fy_catalogue_container_get(source->catalogue, CLIENT, apply->order.bucket, &row, &err);
    assert_int_equal(code, FY_OK);
    apply->bucket = (struct fy_bucket_facts){.known = true,
                                             .present = row.reg.status == FY_STATUS_READY,
                                             .stamp = row.reg.stamp,
                                             .creation_ms = row.creation_ms};
}

static void deliver_create(struct site *site, struct fy_cat_apply *apply,
                           const struct fy_cat_look *look)
{
    struct world *world = site->world;
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    if (ask_source(world, apply, row)) {
        apply->size = row->size;
        apply->digest = row->reg.digest;
        apply->facts = row->facts;
        apply->proof = FY_PROOF_PROMISE;
        if (!look->container_known)
            describe_bucket(world, apply);
        if (look->body_id != 0)
            apply->link_body_id = look->body_id;
        else
            new_blob(world, apply->blob_ref);
        assert_int_equal(world_run(site, &apply->op), FY_OK);
    }
    free(row);
}

void world_deliver(struct world *world, const struct message *message)
{
    struct site *site = &world->sites[message->target];
    struct fy_err err = {0};
    if (fy_rule_expired(&message->order, site->clock.port.wall_ms(&site->clock.port),
                        FY_TOMBSTONE_KEEP_MS))
        return; /* a dead letter */
    struct fy_cat_apply *apply = fy_alloc(sizeof(*apply));
    apply->op.kind = FY_CAT_APPLY;
    apply->order = message->order;
    struct fy_cat_look look = {.order = &apply->order};
    assert_int_equal(fy_catalogue_look(site->catalogue, &look, 1, &err), FY_OK);
    assert_true(look.allowed);
    memcpy(apply->order.account, look.account, sizeof(apply->order.account));
    if (look.verdict == FY_VERDICT_APPLY && message->order.object[0] != '\0' &&
        message->order.action == FY_ACTION_CREATE)
        deliver_create(site, apply, &look);
    else
        assert_int_equal(world_run(site, &apply->op), FY_OK);
    free(apply);
    /* Applying never writes an order: that is the loop prevention. */
    uint64_t before = site->orders_written;
    drain_outbox(site);
    assert_int_equal(site->orders_written, before);
}

void world_deliver_any(struct world *world)
{
    size_t i = world_below(world, (uint32_t)world->wire_count);
    struct message message = world->wire[i];
    if (world_below(world, 5) != 0)
        world->wire[i] = world->wire[--world->wire_count];
    world_deliver(world, &message);
}
