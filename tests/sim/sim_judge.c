/* sim_judge.c - what must hold when all is quiet, from the history alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/order_json.h"
#include "common/ports/sha256.h"
#include "tests/sim/sim_world.h"

#define CLIENT "client-1"

/* ------------------------------------------------------------------ quiet */

bool sim_is_quiet(struct sim_world *world, char why[static 128])
{
    for (size_t i = 0; i < SIM_SITES; i++) {
        const struct sim_site *site = &world->sites[i];
        struct fy_catalogue_totals totals;
        struct fy_err err = {0};
        (void)snprintf(why, 128, "%s is not up", site->id);
        if (site->run == NULL || !site->run->up)
            return false;
        enum fy_code code = fy_catalogue_totals(site->run->rows, &totals, &err);
        FY_ASSERT(code == FY_OK);
        int64_t undone = sim_broker_undone(site->broker);
        (void)snprintf(why, 128, "%s: %lld in the outbox, %lld wait, %lld in topics", site->id,
                       (long long)totals.outbox_orders, (long long)totals.waiting_orders,
                       (long long)undone);
        if (totals.outbox_orders > 0 || totals.waiting_orders > 0 || undone > 0)
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------ what the history says */

static bool same_key(const struct fy_order *a, const struct fy_order *b)
{
    return strcmp(a->bucket, b->bucket) == 0 && strcmp(a->object, b->object) == 0;
}

/* The change that decides a key, once: by the place of its first change. NULL for the others. */
static const struct fy_order *winner_of(const struct sim_world *world, size_t first)
{
    const struct fy_order *winner = &world->history[first].order;
    for (size_t i = 0; i < world->history_count; i++) {
        const struct fy_order *order = &world->history[i].order;
        if (!same_key(order, &world->history[first].order))
            continue;
        if (i < first)
            return NULL;
        if (fy_stamp_compare(&order->stamp, &winner->stamp) > 0)
            winner = order;
    }
    return winner;
}

static void judge_body(struct sim_world *world, const struct sim_site *site,
                       const struct fy_object_row *row)
{
    const struct sim_body *body = sim_disk_body(site->disk, row->blob_ref);
    struct fy_digest digest;
    if (body == NULL) {
        sim_fail(world, "%s: the body of %s is gone: %s", site->id, row->name, row->blob_ref);
        return;
    }
    fy_sha256_of(body->bytes != NULL ? body->bytes : "", (size_t)body->size, &digest);
    if (body->size != row->size || !fy_digest_equal(&digest, &row->reg.digest))
        sim_fail(world, "%s: the body of %s has other bytes: %s", site->id, row->name,
                 row->blob_ref);
}

static void judge_object(struct sim_world *world, const struct sim_site *site,
                         const struct fy_order *winner)
{
    struct fy_object_key key = {.account = CLIENT};
    struct fy_err err = {0};
    struct fy_digest digest = {0};
    char got[FY_STAMP_TEXT_BYTES];
    char wanted[FY_STAMP_TEXT_BYTES];
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    memcpy(key.bucket, winner->bucket, sizeof(key.bucket));
    memcpy(key.object, winner->object, sizeof(key.object));
    enum fy_code code = fy_catalogue_object_get(site->run->rows, &key, row, &err);
    fy_stamp_print(&row->reg.stamp, got);
    fy_stamp_print(&winner->stamp, wanted);
    bool ready = row->reg.status == FY_STATUS_READY;
    if (code != FY_OK || strcmp(got, wanted) != 0)
        sim_fail(world, "%s: %s/%s has stamp %s instead of %s", site->id, key.bucket, key.object,
                 code == FY_OK ? got : "-", wanted);
    else if (ready != (winner->action == FY_ACTION_CREATE))
        sim_fail(world, "%s: %s/%s is %s after %s", site->id, key.bucket, key.object,
                 fy_status_name(row->reg.status), fy_action_name(winner->action));
    else if (ready &&
             (!fy_order_digest(winner, &digest) || !fy_digest_equal(&digest, &row->reg.digest)))
        sim_fail(world, "%s: %s/%s has another hash", site->id, key.bucket, key.object);
    else if (ready)
        judge_body(world, site, row);
    free(row);
}

static bool holds_ready(const struct sim_world *world, const char *bucket)
{
    for (size_t i = 0; i < world->history_count; i++) {
        const struct fy_order *winner = winner_of(world, i);
        if (winner != NULL && winner->object[0] != '\0' && winner->action == FY_ACTION_CREATE &&
            strcmp(winner->bucket, bucket) == 0)
            return true;
    }
    return false;
}

static void judge_bucket(struct sim_world *world, const struct sim_site *site,
                         const struct fy_order *winner)
{
    struct fy_container_row row = {0};
    struct fy_err err = {0};
    enum fy_code code =
        fy_catalogue_container_get(site->run->rows, CLIENT, winner->bucket, &row, &err);
    if (code != FY_OK || fy_stamp_compare(&row.reg.stamp, &winner->stamp) != 0)
        sim_fail(world, "%s: bucket %s has another stamp", site->id, winner->bucket);
    else if ((row.reg.status == FY_STATUS_READY) != (winner->action == FY_ACTION_CREATE))
        sim_fail(world, "%s: bucket %s is %s after %s", site->id, winner->bucket,
                 fy_status_name(row.reg.status), fy_action_name(winner->action));
    else if ((row.status == FY_STATUS_READY) !=
             (winner->action == FY_ACTION_CREATE || holds_ready(world, winner->bucket)))
        sim_fail(world, "%s: bucket %s shows as %s", site->id, winner->bucket,
                 fy_status_name(row.status));
}

/* ------------------------------------------------------------------ outcomes */

struct outcomes {
    size_t count;
    bool open; /* the last word is WAITING */
};

static bool note_outcome(void *arg, const struct fy_outcome_row *row)
{
    struct outcomes *outcomes = arg;
    outcomes->count++;
    outcomes->open = outcomes->open || row->outcome == FY_OUTCOME_WAITING;
    return true;
}

static void judge_outcome(struct sim_world *world, const struct sim_site *site, const char *op_id)
{
    struct outcomes outcomes = {0};
    struct fy_err err = {0};
    enum fy_code code =
        fy_catalogue_outcome_list(site->run->rows, op_id, note_outcome, &outcomes, &err);
    if (code != FY_OK || outcomes.count == 0)
        sim_fail(world, "%s: nobody knows what became of %s", site->id, op_id);
    else if (outcomes.open)
        sim_fail(world, "%s: %s still waits", site->id, op_id);
}

/* ------------------------------------------------------------------ topics */

struct topic_walk {
    struct sim_world *world;
    const struct sim_site *site;
};

/* What goes out is what clients of this very site have changed. */
static bool judge_record(void *arg, const struct fy_record *record)
{
    const struct topic_walk *walk = arg;
    struct sim_world *world = walk->world;
    struct fy_order order;
    struct fy_err err = {0};
    if (fy_order_json_parse(record->value, record->value_bytes, &order, &err) != FY_OK) {
        sim_fail(world, "%s: %s has a record that is no order", walk->site->id, record->topic);
        return false;
    }
    for (size_t i = 0; i < world->history_count; i++)
        if (&world->sites[world->history[i].site] == walk->site &&
            fy_stamp_compare(&world->history[i].order.stamp, &order.stamp) == 0)
            return true;
    sim_fail(world, "%s: %s has an order that no client's change wrote: %s", walk->site->id,
             record->topic, order.op_id);
    return false;
}

static void judge_topics(struct sim_world *world, const struct sim_site *site)
{
    struct topic_walk walk = {.world = world, .site = site};
    const char *topic = NULL;
    for (size_t i = 0; (topic = sim_broker_topic(site->broker, i)) != NULL; i++)
        if (strncmp(topic, FY_TOPIC_REPLICATION, strlen(FY_TOPIC_REPLICATION)) == 0)
            sim_broker_walk(site->broker, topic, judge_record, &walk);
}

static bool judge_waiting(void *arg, const struct fy_waiting_row *row)
{
    struct sim_world *world = arg;
    if (row->reason == FY_INTERNAL || row->reason == FY_BAD_ORDER || row->reason == FY_EXPIRED)
        sim_fail(world, "a dead order without a cause: %s %s: %s", fy_reason_name(row->reason),
                 row->order.op_id, row->detail);
    return true;
}

static void judge_site(struct sim_world *world, struct sim_site *site)
{
    const struct fy_waiting_filter all = {
        .id = -1, .state = -1, .direction = -1, .limit = FY_LIST_PAGE_MAX};
    struct fy_err err = {0};
    for (size_t i = 0; i < world->history_count; i++) {
        judge_outcome(world, site, world->history[i].order.op_id);
        const struct fy_order *winner = winner_of(world, i);
        if (winner != NULL && winner->object[0] != '\0')
            judge_object(world, site, winner);
        else if (winner != NULL)
            judge_bucket(world, site, winner);
    }
    judge_topics(world, site);
    for (size_t i = 0; i < world->posted_count; i++)
        if (&world->sites[world->posted[i].site] == site)
            judge_outcome(world, site, world->posted[i].op_id);
    if (fy_catalogue_waiting_list(site->run->rows, &all, judge_waiting, world, &err) != FY_OK)
        sim_fail(world, "%s: waiting orders cannot be read", site->id);
}

void sim_judge(struct sim_world *world)
{
    if (world->local_operations != world->history_count)
        sim_fail(world, "%llu local operations wrote %zu orders",
                 (unsigned long long)world->local_operations, world->history_count);
    for (size_t i = 0; i < SIM_SITES; i++)
        judge_site(world, &world->sites[i]);
}
