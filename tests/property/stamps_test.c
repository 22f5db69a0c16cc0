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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/property/stamps_world.h"
#include "tests/support/temp.h"

#define SEEDS_DEFAULT 3000
#define EPOCH_MS      1700000000000LL
#define LATE_EVERY    16 /* seeds: each takes a quarter of a year, and a stamp has room for 4,000 */
#define LATE_MS       (FY_TOMBSTONE_KEEP_MS + 24LL * 3600 * 1000)

/* ------------------------------------------------------------------ the oracle, from the history
 * alone */

static const struct change *last_change(struct world *world, int bucket, int name)
{
    const struct change *last = NULL;
    for (size_t i = 0; i < world->history_count; i++) {
        const struct change *change = &world->history[i];
        if (change->bucket == bucket && change->name == name &&
            (last == NULL || fy_stamp_compare(&change->stamp, &last->stamp) > 0))
            last = change;
    }
    return last;
}

static bool oracle_bucket_there(struct world *world, int bucket)
{
    const struct change *last = last_change(world, bucket, -1);
    bool there = last != NULL && last->value >= 0;
    for (int name = 0; name < NAMES; name++) {
        const struct change *object = last_change(world, bucket, name);
        there = there || (object != NULL && object->value >= 0);
    }
    return there;
}

static void check_object(struct site *site, int bucket, int name)
{
    struct world *world = site->world;
    const struct change *last = last_change(world, bucket, name);
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    struct fy_object_key key;
    struct fy_digest digest;
    struct fy_err err = {0};
    world_key(world, bucket, name, &key);
    memcpy(key.account, CLIENT, sizeof(CLIENT));
    enum fy_code code = fy_catalogue_object_get(site->catalogue, &key, row, &err);
    bool there = code == FY_OK && row->reg.status == FY_STATUS_READY;
    bool wanted = last != NULL && last->value >= 0;
    if (there != wanted)
        fail_msg("seed %llu: %s has %s/%s: %d, the history says %d",
                 (unsigned long long)world->seed, site->name, key.bucket, key.object, there,
                 wanted);
    if (wanted) {
        world_digest(last->value, &digest);
        if (!fy_digest_equal(&digest, &row->reg.digest) ||
            fy_stamp_compare(&row->reg.stamp, &last->stamp) != 0)
            fail_msg("seed %llu: %s has other bytes or another stamp at %s/%s",
                     (unsigned long long)world->seed, site->name, key.bucket, key.object);
    }
    free(row);
}

static void check_bucket(struct site *site, int bucket)
{
    struct world *world = site->world;
    char name[FY_BUCKET_BYTES_MAX + 1];
    struct fy_container_row row;
    struct fy_err err = {0};
    world_bucket_name(world, bucket, name);
    enum fy_code code = fy_catalogue_container_get(site->catalogue, CLIENT, name, &row, &err);
    bool there = code == FY_OK && row.status == FY_STATUS_READY;
    if (there != oracle_bucket_there(world, bucket))
        fail_msg("seed %llu: %s has bucket %s: %d, the history says %d",
                 (unsigned long long)world->seed, site->name, name, there,
                 oracle_bucket_there(world, bucket));
}

static void check_all(struct world *world)
{
    for (int i = 0; i < SITES; i++) {
        struct site *site = &world->sites[i];
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
static void replay_the_past(struct world *world)
{
    world->now_ms += LATE_MS;
    for (int i = 0; i < SITES; i++) {
        struct site *site = &world->sites[i];
        struct fy_cat_purge purge = {.op = {.kind = FY_CAT_PURGE},
                                     .tombstones_before_ms = world->now_ms - FY_TOMBSTONE_KEEP_MS,
                                     .outcomes_before_ms = world->now_ms,
                                     .conflicts_before_ms = world->now_ms,
                                     .limit = 1000};
        assert_int_equal(world_run(site, &purge.op), FY_OK);
    }
    for (size_t i = 0; i < world->sent_count; i++)
        world_deliver(world, &world->sent[i]);
}

static void end_uploads(struct world *world)
{
    for (int i = 0; i < SITES; i++)
        for (int bucket = 0; bucket < BUCKETS; bucket++)
            for (int name = 0; name < NAMES; name++)
                world_upload_end(&world->sites[i], bucket, name);
}

static void run_seed(struct world *world, uint64_t seed)
{
    world->seed = seed;
    world->random = seed * 0x9E3779B97F4A7C15ULL + 1;
    world->wire_count = world->sent_count = world->history_count = 0;
    for (int i = 0; i < SITES; i++) {
        world->sites[i].local_changes = world->sites[i].orders_written = 0;
        world->sites[i].clock.skew_ms = (int64_t)world_below(world, 3) * 20;
    }
    uint32_t steps = 5 + world_below(world, STEPS_MAX - 5);
    for (uint32_t step = 0; step < steps; step++) {
        world_step(world);
        while (world->wire_count > 0 && world_below(world, 2) == 0)
            world_deliver_any(world);
    }
    end_uploads(world);
    while (world->wire_count > 0)
        world_deliver_any(world);
    check_all(world);
    if (seed % LATE_EVERY == 0) {
        replay_the_past(world);
        check_all(world);
    }
}

/* ------------------------------------------------------------------ the run */

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
    struct world *world = fy_alloc(sizeof(*world));
    world->now_ms = EPOCH_MS;
    world->wire = fy_alloc(WIRE_MAX * sizeof(*world->wire));
    world->sent = fy_alloc(WIRE_MAX * sizeof(*world->sent));
    for (int i = 0; i < SITES; i++)
        world_site_open(world, i, made);

    uint64_t only = number_from("FERRY_SEED", 0);
    uint64_t first = only != 0 ? only : 1;
    uint64_t last = only != 0 ? only : number_from("FERRY_SEEDS", SEEDS_DEFAULT);
    for (uint64_t seed = first; seed <= last; seed++)
        run_seed(world, seed);
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
        audit(&world->sites[i]);
        fy_catalogue_close(world->sites[i].catalogue);
        fy_hlc_done(&world->sites[i].hlc);
    }
    free(world->wire);
    free(world->sent);
    free(world);
    temp_remove(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sites_end_equal_to_what_the_history_alone_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
