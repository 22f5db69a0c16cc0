/* stamps_test.c - the stamp rule (DESIGN 3) on the real catalogue: three sites, random local
 * operations, orders shuffled, repeated and late; in the end all equal what the history alone says.
 */
/*
 * Each seed has buckets of its own in three SQLite catalogues that live for the whole run. Time is
 * one fake clock, with a skew for each site. The oracle is a list of the local operations that
 * succeeded, each with its stamp: the greatest stamp of a key decides. It knows nothing of sites or
 * orders.
 *
 * FERRY_SEEDS=N runs that many seeds; FERRY_SEED=S only that one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/catalogue_sqlite.h"
#include "common/adapters/order_json.h"
#include "common/ports/sha256.h"
#include "tests/support/temp.h"
#include "tests/support/version_query.h"

#define SEEDS_DEFAULT 3000
#define SITES         3
#define BUCKETS       2
#define NAMES         2
#define VALUES        6 /* few, so that two sites sometimes write the same bytes */
#define STEPS_MAX     60
#define WIRE_MAX      4096
#define CLIENT        "client-1"
#define EPOCH_MS      1700000000000LL
#define LATE_EVERY    16 /* seeds: each takes a quarter of a year, and a stamp has room for 4,000 */
#define LATE_MS       (FY_TOMBSTONE_KEEP_MS + 24LL * 3600 * 1000)

/* ------------------------------------------------------------------ the world */

struct site_clock {
    struct fy_clock port;
    int64_t *now_ms;
    int64_t skew_ms;
};

/* The second bucket follows a version policy, which each site has its own of. */
static const char *const policies[SITES] = {"1", "2", "-1"};
static bool is_versioned(int bucket)
{
    return bucket == BUCKETS - 1;
}

struct upload { /* begun, not finished */
    bool open;
    int64_t token;
    bool by_rules;
    int value;
};

struct site {
    char name[FY_SITE_BYTES_MAX + 1];
    struct site_clock clock;
    struct fy_catalogue *catalogue;
    struct fy_hlc hlc;
    struct upload uploads[BUCKETS][NAMES];
    uint64_t local_changes; /* that must each have written one order */
    uint64_t orders_written;
};

struct message {
    struct fy_order order;
    int target;
};

struct change {       /* of the history: one local operation that succeeded */
    int bucket, name; /* name -1: the bucket itself */
    struct fy_stamp stamp;
    int value; /* -1: a delete */
};

struct world {
    int64_t now_ms;
    uint64_t random;
    uint64_t seed;
    uint64_t blobs;
    struct site sites[SITES];
    struct message *wire; /* WIRE_MAX */
    size_t wire_count;
    struct message *sent; /* one copy of all that was ever on the wire in this seed */
    size_t sent_count;
    struct change history[STEPS_MAX * 2];
    size_t history_count;
};

static struct world world;

static int64_t site_wall_ms(struct fy_clock *clock)
{
    struct site_clock *self = (struct site_clock *)clock;
    return *self->now_ms + self->skew_ms;
}

static uint32_t below(uint32_t bound)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 7;
    world.random ^= world.random << 17;
    return (uint32_t)((world.random >> 16) % bound);
}

static void bucket_name(int bucket, char text[static FY_BUCKET_BYTES_MAX + 1])
{
    (void)snprintf(text, FY_BUCKET_BYTES_MAX + 1, "p%llu-%d", (unsigned long long)world.seed,
                   bucket);
}

static void key_of(int bucket, int name, struct fy_object_key *key)
{
    memset(key, 0, sizeof(*key));
    bucket_name(bucket, key->bucket);
    if (name >= 0)
        (void)snprintf(key->object, sizeof(key->object), "dir/%c", 'x' + name);
}

static void digest_of(int value, struct fy_digest *digest)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "value %d", value);
    fy_sha256_of(text, strlen(text), digest);
}

static void new_blob(char ref[static FY_BLOB_REF_BYTES_MAX + 1])
{
    (void)snprintf(ref, FY_BLOB_REF_BYTES_MAX + 1, "file:00/boot.%llu",
                   (unsigned long long)++world.blobs);
}

static enum fy_code run(struct site *site, struct fy_cat_op *op)
{
    struct fy_err err = {0};
    struct fy_cat_op *const ops[] = {op};
    enum fy_code code = fy_catalogue_write(site->catalogue, ops, 1, &err);
    if (code != FY_OK)
        fail_msg("seed %llu: write: %s", (unsigned long long)world.seed, err.text);
    return op->code;
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
    struct fy_order order;
    struct fy_err err = {0};
    if (fy_order_json_parse(row->json, row->json_bytes, &order, &err) != FY_OK)
        fail_msg("an order of the outbox does not parse: %s", err.text);
    for (int target = 0; target < SITES; target++) {
        if (&world.sites[target] == copy->site)
            continue;
        assert_true(world.wire_count < WIRE_MAX);
        assert_true(world.sent_count < WIRE_MAX);
        world.wire[world.wire_count++] = (struct message){.order = order, .target = target};
        world.sent[world.sent_count++] = (struct message){.order = order, .target = target};
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
    assert_int_equal(run(site, &done.op), FY_OK);
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
    size_t before = world.sent_count;
    site->local_changes++;
    drain_outbox(site);
    /* The stamp of the operation is the one its order carries: exactly one order was written. */
    assert_int_equal(world.sent_count, before + SITES - 1);
    assert_true(world.history_count < FY_COUNT_OF(world.history));
    world.history[world.history_count++] = (struct change){
        .bucket = bucket, .name = name, .value = value, .stamp = world.sent[before].order.stamp};
}

static void container_make(struct site *site, int bucket)
{
    const struct fy_property properties[] = {
        {"sys.m2.policy.version", policies[site - world.sites]},
        {"sys.m2.policy.version.delete_exceeding", "1"},
    };
    struct fy_cat_container_make op = {.op = {.kind = FY_CAT_CONTAINER_MAKE},
                                       .account = CLIENT,
                                       .properties = properties,
                                       .count = FY_COUNT_OF(properties)};
    bucket_name(bucket, op.name);
    if (run(site, &op.op) == FY_OK)
        remember(site, bucket, -1, 1);
}

static void local_bucket_create(struct site *site, int bucket)
{
    if (is_versioned(bucket)) {
        container_make(site, bucket);
        return;
    }
    struct fy_cat_bucket_create op = {.op = {.kind = FY_CAT_BUCKET_CREATE}, .client = CLIENT};
    bucket_name(bucket, op.bucket);
    if (run(site, &op.op) == FY_OK)
        remember(site, bucket, -1, 1);
}

static void local_bucket_delete(struct site *site, int bucket)
{
    struct fy_cat_bucket_delete op = {.op = {.kind = FY_CAT_BUCKET_DELETE}, .client = CLIENT};
    bucket_name(bucket, op.bucket);
    if (run(site, &op.op) == FY_OK)
        remember(site, bucket, -1, -1);
}

static void upload_begin(struct site *site, int bucket, int name)
{
    struct fy_cat_upload_begin op = {.op = {.kind = FY_CAT_UPLOAD_BEGIN}, .client = CLIENT};
    op.by_rules = below(4) != 0; /* or as CCS does it */
    key_of(bucket, name, &op.key);
    enum fy_code code = run(site, &op.op);
    if (code != FY_OK)
        return;
    /* Over an upload that is still open: an order has deleted the row under it meanwhile. The new
     * one counts; the old one is forgotten like that of a client that went away. */
    site->uploads[bucket][name] = (struct upload){
        .open = true, .token = op.token, .by_rules = op.by_rules, .value = (int)below(VALUES)};
}

static void upload_end(struct site *site, int bucket, int name)
{
    struct upload *upload = &site->uploads[bucket][name];
    if (!upload->open)
        return;
    upload->open = false;
    struct fy_cat_upload_finish *finish = fy_alloc(sizeof(*finish));
    finish->op.kind = FY_CAT_UPLOAD_FINISH;
    key_of(bucket, name, &finish->key);
    memcpy(finish->client, CLIENT, sizeof(CLIENT));
    finish->token = upload->token;
    finish->by_rules = upload->by_rules;
    finish->size = 7;
    finish->proof = FY_PROOF_TRANSPORT;
    digest_of(upload->value, &finish->digest);
    new_blob(finish->blob_ref);
    bool dies = below(8) == 0; /* the client went away */
    if (!dies && run(site, &finish->op) == FY_OK) {
        remember(site, bucket, name, upload->value);
    } else {
        struct fy_cat_upload_fail undo = {
            .op = {.kind = FY_CAT_UPLOAD_FAIL}, .key = finish->key, .token = upload->token};
        assert_int_equal(run(site, &undo.op), FY_OK);
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
        digest_of(i, &digest);
        if (fy_digest_equal(&digest, &row->reg.digest))
            value = i;
    }
    free(row);
    return value;
}

/* The number of a version of the name, any; 0: there is none. */
struct pick {
    uint32_t seen;
    int64_t number;
};
static bool pick_one(void *arg, const struct fy_version_entry *entry)
{
    struct pick *pick = arg;
    if (below(++pick->seen) == 0)
        pick->number = entry->row->version;
    return true;
}

static int64_t pick_version(struct site *site, const struct fy_object_key *key)
{
    struct pick pick = {.number = 0};
    struct fy_err err = {0};
    const struct fy_version_query query = version_query(CLIENT, key->bucket, true, 100);
    enum fy_code code = fy_catalogue_version_list(site->catalogue, &query, pick_one, &pick, &err);
    assert_true(code == FY_OK || code == FY_ENOTFOUND);
    return pick.number;
}

/* Of a name, or of one version of it. What changes nothing for others is no part of the history. */
static void local_delete(struct site *site, int bucket, int name)
{
    struct fy_cat_object_delete op = {.op = {.kind = FY_CAT_OBJECT_DELETE}, .client = CLIENT};
    key_of(bucket, name, &op.key);
    memcpy(op.key.account, CLIENT, sizeof(CLIENT));
    if (is_versioned(bucket) && below(2) == 0)
        op.version = pick_version(site, &op.key);
    size_t before = world.sent_count;
    enum fy_code code = run(site, &op.op);
    if (!has_order(site))
        assert_true(code != FY_OK || op.already || op.version != 0);
    else
        remember(site, bucket, name, value_at(site, &op.key));
    assert_true(world.sent_count <= before + SITES - 1);
}

static void local_step(void)
{
    static const int pauses_ms[] = {0, 0, 0, 1, 5};
    struct site *site = &world.sites[below(SITES)];
    int bucket = (int)below(BUCKETS);
    int name = (int)below(NAMES);
    world.now_ms += pauses_ms[below(FY_COUNT_OF(pauses_ms))];
    switch (below(8)) {
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
        upload_end(site, bucket, name);
        break;
    case 4:
    case 5:
        upload_begin(site, bucket, name);
        upload_end(site, bucket, name);
        break;
    default:
        local_delete(site, bucket, name);
        break;
    }
}

/* ------------------------------------------------------------------ orders applied, as the worker
 * does */

static struct site *site_by_name(const char *name)
{
    for (int i = 0; i < SITES; i++)
        if (strcmp(world.sites[i].name, name) == 0)
            return &world.sites[i];
    fail_msg("an order names site '%s'", name);
    return NULL;
}

/* What the source says of the object now. false: its word settles the order (it is newer there). */
static bool ask_source(struct fy_cat_apply *apply, struct fy_object_row *row)
{
    struct site *source = site_by_name(apply->order.from_site);
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

static void describe_bucket(struct fy_cat_apply *apply)
{
    struct site *source = site_by_name(apply->order.from_site);
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
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    if (ask_source(apply, row)) {
        apply->size = row->size;
        apply->digest = row->reg.digest;
        apply->facts = row->facts;
        apply->proof = FY_PROOF_PROMISE;
        if (!look->container_known)
            describe_bucket(apply);
        if (look->body_id != 0)
            apply->link_body_id = look->body_id;
        else
            new_blob(apply->blob_ref);
        assert_int_equal(run(site, &apply->op), FY_OK);
    }
    free(row);
}

static void deliver(const struct message *message)
{
    struct site *site = &world.sites[message->target];
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
        assert_int_equal(run(site, &apply->op), FY_OK);
    free(apply);
    /* Applying never writes an order: that is the loop prevention. */
    uint64_t before = site->orders_written;
    drain_outbox(site);
    assert_int_equal(site->orders_written, before);
}

/* One message, any; four times of five it is the last time. */
static void deliver_any(void)
{
    size_t i = below((uint32_t)world.wire_count);
    struct message message = world.wire[i];
    if (below(5) != 0)
        world.wire[i] = world.wire[--world.wire_count];
    deliver(&message);
}

/* ------------------------------------------------------------------ the oracle, from the history
 * alone */

static const struct change *last_change(int bucket, int name)
{
    const struct change *last = NULL;
    for (size_t i = 0; i < world.history_count; i++) {
        const struct change *change = &world.history[i];
        if (change->bucket == bucket && change->name == name &&
            (last == NULL || fy_stamp_compare(&change->stamp, &last->stamp) > 0))
            last = change;
    }
    return last;
}

static bool oracle_bucket_there(int bucket)
{
    const struct change *last = last_change(bucket, -1);
    bool there = last != NULL && last->value >= 0;
    for (int name = 0; name < NAMES; name++) {
        const struct change *object = last_change(bucket, name);
        there = there || (object != NULL && object->value >= 0);
    }
    return there;
}

static void check_object(struct site *site, int bucket, int name)
{
    const struct change *last = last_change(bucket, name);
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    struct fy_object_key key;
    struct fy_digest digest;
    struct fy_err err = {0};
    key_of(bucket, name, &key);
    memcpy(key.account, CLIENT, sizeof(CLIENT));
    enum fy_code code = fy_catalogue_object_get(site->catalogue, &key, row, &err);
    bool there = code == FY_OK && row->reg.status == FY_STATUS_READY;
    bool wanted = last != NULL && last->value >= 0;
    if (there != wanted)
        fail_msg("seed %llu: %s has %s/%s: %d, the history says %d", (unsigned long long)world.seed,
                 site->name, key.bucket, key.object, there, wanted);
    if (wanted) {
        digest_of(last->value, &digest);
        if (!fy_digest_equal(&digest, &row->reg.digest) ||
            fy_stamp_compare(&row->reg.stamp, &last->stamp) != 0)
            fail_msg("seed %llu: %s has other bytes or another stamp at %s/%s",
                     (unsigned long long)world.seed, site->name, key.bucket, key.object);
    }
    free(row);
}

static void check_bucket(struct site *site, int bucket)
{
    char name[FY_BUCKET_BYTES_MAX + 1];
    struct fy_container_row row;
    struct fy_err err = {0};
    bucket_name(bucket, name);
    enum fy_code code = fy_catalogue_container_get(site->catalogue, CLIENT, name, &row, &err);
    bool there = code == FY_OK && row.status == FY_STATUS_READY;
    if (there != oracle_bucket_there(bucket))
        fail_msg("seed %llu: %s has bucket %s: %d, the history says %d",
                 (unsigned long long)world.seed, site->name, name, there,
                 oracle_bucket_there(bucket));
}

static void check_all(void)
{
    for (int i = 0; i < SITES; i++) {
        struct site *site = &world.sites[i];
        assert_int_equal(site->orders_written, site->local_changes);
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            check_bucket(site, bucket);
            for (int name = 0; name < NAMES; name++)
                check_object(site, bucket, name);
        }
    }
}

/* ------------------------------------------------------------------ one seed */

/* Orders from before the tombstones were forgotten must not be applied any more, whatever they say.
 */
static void replay_the_past(void)
{
    world.now_ms += LATE_MS;
    for (int i = 0; i < SITES; i++) {
        struct site *site = &world.sites[i];
        struct fy_cat_purge purge = {.op = {.kind = FY_CAT_PURGE},
                                     .tombstones_before_ms = world.now_ms - FY_TOMBSTONE_KEEP_MS,
                                     .outcomes_before_ms = world.now_ms,
                                     .conflicts_before_ms = world.now_ms,
                                     .limit = 1000};
        assert_int_equal(run(site, &purge.op), FY_OK);
    }
    for (size_t i = 0; i < world.sent_count; i++)
        deliver(&world.sent[i]);
}

static void end_uploads(void)
{
    for (int i = 0; i < SITES; i++)
        for (int bucket = 0; bucket < BUCKETS; bucket++)
            for (int name = 0; name < NAMES; name++)
                upload_end(&world.sites[i], bucket, name);
}

static void run_seed(uint64_t seed)
{
    world.seed = seed;
    world.random = seed * 0x9E3779B97F4A7C15ULL + 1;
    world.wire_count = world.sent_count = world.history_count = 0;
    for (int i = 0; i < SITES; i++) {
        world.sites[i].local_changes = world.sites[i].orders_written = 0;
        world.sites[i].clock.skew_ms = (int64_t)below(3) * 20;
    }
    uint32_t steps = 5 + below(STEPS_MAX - 5);
    for (uint32_t step = 0; step < steps; step++) {
        local_step();
        while (world.wire_count > 0 && below(2) == 0)
            deliver_any();
    }
    end_uploads();
    while (world.wire_count > 0)
        deliver_any();
    check_all();
    if (seed % LATE_EVERY == 0) {
        replay_the_past();
        check_all();
    }
}

/* ------------------------------------------------------------------ the run */

static void open_site(struct site *site, int i, const char *folder)
{
    char path[256];
    uint8_t slot = 0;
    uint64_t start_time = 0;
    struct fy_err err = {0};
    (void)snprintf(site->name, sizeof(site->name), "site-%c", 'a' + i);
    (void)snprintf(path, sizeof(path), "%s/%s.db", folder, site->name);
    site->clock = (struct site_clock){.port = {.wall_ms = site_wall_ms, .mono_ms = site_wall_ms},
                                      .now_ms = &world.now_ms};
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

static bool contradiction(void *arg, const char *check, const char *about, const char *text)
{
    const struct site *site = arg;
    fail_msg("%s: %s: %s: %s", site->name, check, about, text);
    return false;
}

/* Rows and sums agree at each site, whatever its policy made of the history. */
static void audit(struct site *site)
{
    struct fy_catalogue_totals counted;
    struct fy_err err = {0};
    if (fy_catalogue_audit(site->catalogue, &counted, contradiction, site, &err) != FY_OK)
        fail_msg("%s: %s", site->name, err.text);
}

static uint64_t number_from(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

/* Three sites that hear of each other's changes in any order, any number of times, end as the
 * history says, whatever the seed; and the seeds together reach every branch of the rule. */
static void sites_end_equal_to_what_the_history_alone_says(void **state)
{
    (void)state;
    /* Memory when there is some: the rule is tested here, not the disk. */
    char folder[] = "/dev/shm/ferry-stamps-XXXXXX";
    char on_disk[TEMP_BYTES];
    const char *made = mkdtemp(folder);
    if (made == NULL) {
        temp_folder("stamps", on_disk);
        made = on_disk;
    }
    world.now_ms = EPOCH_MS;
    world.wire = fy_alloc(WIRE_MAX * sizeof(*world.wire));
    world.sent = fy_alloc(WIRE_MAX * sizeof(*world.sent));
    for (int i = 0; i < SITES; i++)
        open_site(&world.sites[i], i, made);

    uint64_t only = number_from("FERRY_SEED", 0);
    uint64_t first = only != 0 ? only : 1;
    uint64_t last = only != 0 ? only : number_from("FERRY_SEEDS", SEEDS_DEFAULT);
    for (uint64_t seed = first; seed <= last; seed++)
        run_seed(seed);
    printf("seeds %llu to %llu: all sites equal the history\n", (unsigned long long)first,
           (unsigned long long)last);
    for (int branch = 0; branch < FY_BRANCH_COUNT; branch++) {
        uint64_t visits = fy_rule_branch_visits((enum fy_rule_branch)branch);
        printf("%12llu %s\n", (unsigned long long)visits,
               fy_rule_branch_name((enum fy_rule_branch)branch));
        if (only == 0 && visits == 0)
            fail_msg("no seed reached the branch %s",
                     fy_rule_branch_name((enum fy_rule_branch)branch));
    }

    for (int i = 0; i < SITES; i++) {
        audit(&world.sites[i]);
        fy_catalogue_close(world.sites[i].catalogue);
        fy_hlc_done(&world.sites[i].hlc);
    }
    free(world.wire);
    free(world.sent);
    temp_remove(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sites_end_equal_to_what_the_history_alone_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
