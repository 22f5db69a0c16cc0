/* intake.c - records of request-action and rows of `waiting` become jobs in their lanes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/order_json.h"
#include "common/core/names.h"
#include "worker/deadletter.h"
#include "worker/engine.h"

static_assert(FY_RECORD_BYTES_MAX <= FY_POISON_BYTES_MAX, "any one record has room");

#define EXPIRED_TEXT "the order is older than the tombstones that might defeat it"
#define CULPRIT_TEXT "the worker died %u times while it ran, the last time while it ran alone"

/* ------------------------------------------------------------------ reading */

/* What is wrong with the record for good; NONE when nothing is. */
static enum fy_reason read_order(struct fy_engine *engine, const struct fy_record *record,
                                 struct fy_job *job, struct fy_err *err)
{
    struct fy_node *node = engine->node;
    struct fy_order *order = &job->order;
    int64_t now_ms = fy_wall_ms(node->clock);
    if (fy_order_json_parse(record->value, record->value_bytes, order, err) != FY_OK)
        return FY_BAD_ORDER;
    bool stamped = !fy_stamp_is_zero(&order->stamp);
    if (fy_order_check(order, FY_DOOR_QUEUE, node->site, now_ms, err) != FY_OK)
        return FY_BAD_ORDER;
    if (order->to_site[0] != '\0' && strcmp(order->to_site, node->site) != 0) {
        (void)fy_err_set(err, FY_EINPUT, "toSite '%s' is not this site", order->to_site);
        return FY_BAD_ORDER;
    }
    if (order->client[0] == '\0' &&
        (order->action == FY_ACTION_CREATE || order->action == FY_ACTION_DELETE)) {
        (void)fy_err_set(err, FY_EINPUT, "clientId is missing: nobody's right can be looked up");
        return FY_BAD_ORDER;
    }
    if (!stamped && record->timestamp_ms > now_ms + FY_STAMP_AHEAD_MS_MAX) {
        (void)fy_err_set(err, FY_EINPUT, "the record's timestamp is in the future");
        return FY_BAD_ORDER;
    }
    if (!stamped)
        fy_order_stamp_of_record(order, record->timestamp_ms, record->offset);
    /* Written to the queue by CCS or an application: no API said when. */
    if (order->ordered_at_ms == 0 && record->timestamp_ms > 0)
        order->ordered_at_ms = record->timestamp_ms;
    if (fy_rule_expired(order, now_ms, node->config->tombstones_keep_ms)) {
        (void)fy_err_set(err, FY_EGONE, EXPIRED_TEXT);
        return FY_EXPIRED;
    }
    return FY_REASON_NONE;
}

/* A record that killed whoever touched it is dead; read only if it was not the reading. */
static enum fy_reason condemn(struct fy_job *job, const struct fy_record *record,
                              enum fy_suspicion suspicion, struct fy_err *err)
{
    struct fy_engine *engine = job->engine;
    uint32_t deaths = fy_running_deaths(engine->running, job->identity);
    if (suspicion == FY_CULPRIT_UNREADABLE) {
        (void)fy_err_set(err, FY_EINPUT, "reading it has killed the worker %u times", deaths);
        return FY_BAD_ORDER;
    }
    enum fy_reason reason = read_order(engine, record, job, err);
    if (reason != FY_REASON_NONE)
        return reason;
    (void)fy_err_set(err, FY_EINTERNAL, CULPRIT_TEXT, deaths);
    return FY_INTERNAL;
}

static enum fy_reason judge(struct fy_job *job, const struct fy_record *record, struct fy_err *err)
{
    struct fy_engine *engine = job->engine;
    enum fy_suspicion suspicion = fy_running_ask(engine->running, job->identity);
    if (suspicion == FY_CULPRIT || suspicion == FY_CULPRIT_UNREADABLE)
        return condemn(job, record, suspicion, err);
    job->suspect = suspicion == FY_SUSPECT;
    fy_running_read_begin(engine->running, job->identity);
    enum fy_reason reason = read_order(engine, record, job, err);
    fy_running_read_end(engine->running);
    return reason;
}

static void make_poison(struct fy_job *job, const struct fy_record *record, enum fy_reason reason,
                        const struct fy_err *err)
{
    struct fy_poison *poison = fy_alloc(sizeof(*poison) + record->key_bytes + record->value_bytes);
    poison->key_bytes = record->key_bytes;
    poison->value_bytes = record->value_bytes;
    if (record->key_bytes > 0)
        memcpy(poison->bytes, record->key, record->key_bytes);
    if (record->value_bytes > 0)
        memcpy(poison->bytes + record->key_bytes, record->value, record->value_bytes);
    job->poison = poison;
    job->engine->poison_count++;
    job->engine->poison_bytes += record->key_bytes + record->value_bytes;

    int64_t now_ms = fy_wall_ms(job->engine->node->clock);
    job->trouble = fy_alloc(sizeof(*job->trouble));
    fy_failure_set(&job->trouble->last, reason, "%s", err->text);
    job->trouble->first_failed_ms = job->trouble->last_failed_ms = now_ms;
    job->trouble->tries = 1;
    job->dead = true;
    job->plan = FY_PLAN_PARK;
    /* Without a stamp that can be believed, its place in the queue tells it apart from others. */
    if (fy_stamp_is_zero(&job->order.stamp) ||
        fy_stamp_ms(&job->order.stamp) > now_ms + FY_STAMP_AHEAD_MS_MAX) {
        fy_stamp_of_record(&job->order.stamp, record->timestamp_ms, record->offset,
                           fy_site_is_valid(job->order.from_site) ? job->order.from_site
                                                                  : job->engine->node->site);
        job->order.given = true;
    }
    /* Nor does an opId name a record that could not be read: its place does. */
    if (job->order.op_id[0] == '\0')
        fy_dead_letter_name(&job->order, FY_TOPIC_ACTION, record->partition, record->offset);
}

/* ------------------------------------------------------------------ standing in line */

/* Attaches a good order to its source. false: no entry is free for it. */
static bool plan(struct fy_job *job)
{
    if (!fy_job_has_body(job)) {
        job->plan = FY_PLAN_RECORD;
        return true;
    }
    job->site = fy_site_get(job->engine, job->order.from_site);
    if (job->site == NULL)
        return false;
    job->site->job_count++;
    job->plan = FY_PLAN_TRANSFER;
    job->big = job->order.size >= FY_BIG_BYTES;
    return true;
}

/* A job of an older epoch that is still at work on this very record. */
static struct fy_job *find_resident(struct fy_engine *engine, const struct fy_job *job)
{
    for (struct fy_lane_node *node = fy_lanes_find(&engine->lanes, job->lane_hash); node != NULL;
         node = node->behind) {
        struct fy_job *other = FY_CONTAINER_OF(node, struct fy_job, lane_node);
        if (other->partition == job->partition && other->identity == job->identity)
            return other;
    }
    return NULL;
}

static void join(struct fy_job *job)
{
    (void)fy_lanes_join(&job->engine->lanes, job->lane_hash, &job->lane_node);
    if (job->dead)
        fy_job_log_dead(job);
    fy_job_become(job, job->dead ? FY_JOB_BURY : FY_JOB_QUEUED);
}

static bool has_poison_room(const struct fy_engine *engine, const struct fy_record *record)
{
    size_t bytes = engine->poison_bytes + record->key_bytes + record->value_bytes;
    return engine->poison_count < FY_POISON_MAX && bytes <= FY_POISON_BYTES_MAX;
}

/* Reads the record into the job and lines it up. false: not now. */
static bool admit(struct fy_job *job, struct fy_partition *partition,
                  const struct fy_record *record)
{
    struct fy_engine *engine = job->engine;
    struct fy_err err = {0};
    enum fy_reason reason = judge(job, record, &err);
    if (reason != FY_REASON_NONE) {
        if (!has_poison_room(engine, record))
            return false;
        make_poison(job, record, reason, &err);
        job->lane_hash = fy_lane_hash_of((uint64_t)record->partition, (uint64_t)record->offset);
    } else {
        job->lane_hash = fy_lane_hash(&job->order);
        struct fy_job *resident = find_resident(engine, job);
        if (resident != NULL) {
            resident->epoch = job->epoch; /* adopted: never a second job, never a dropped record */
            FY_ASSERT(fy_ledger_receive(&partition->ledger, record->offset) == FY_LEDGER_NEW);
            fy_job_free(job);
            return true;
        }
        if (!plan(job))
            return false;
    }
    FY_ASSERT(fy_ledger_receive(&partition->ledger, record->offset) == FY_LEDGER_NEW);
    fy_metric_add(fy_engine_numbers(engine), FY_M_ORDERS_RECEIVED, 1);
    join(job);
    return true;
}

bool fy_intake_record(struct fy_engine *engine, struct fy_partition *partition,
                      const struct fy_record *record)
{
    if (!fy_engine_has_room(engine, false))
        return false;
    switch (fy_ledger_peek(&partition->ledger, record->offset)) {
    case FY_LEDGER_FULL:
        return false;
    case FY_LEDGER_OVER:
    case FY_LEDGER_AGAIN:
        return true;
    case FY_LEDGER_NEW:
        break;
    }
    struct fy_job *job = fy_job_new(engine);
    job->partition = partition->partition;
    job->epoch = partition->ledger.epoch;
    job->offset = record->offset;
    job->timestamp_ms = record->timestamp_ms;
    job->identity = fy_running_identity((uint64_t)record->partition, (uint64_t)record->offset,
                                        (uint64_t)record->timestamp_ms);
    if (admit(job, partition, record))
        return true;
    fy_job_free(job);
    return false;
}

/* ------------------------------------------------------------------ rows of `waiting` */

static bool row_is_here(struct fy_engine *engine, uint64_t lane_hash, int64_t waiting_id)
{
    for (struct fy_lane_node *node = fy_lanes_find(&engine->lanes, lane_hash); node != NULL;
         node = node->behind)
        if (FY_CONTAINER_OF(node, struct fy_job, lane_node)->waiting_id == waiting_id)
            return true;
    return false;
}

static void remember_trouble(struct fy_job *job, const struct fy_waiting_row *row)
{
    struct fy_trouble *trouble = fy_alloc(sizeof(*trouble));
    fy_failure_set(&trouble->last, row->reason, "%s", row->detail);
    trouble->last.http_status = row->http_status;
    trouble->first_failed_ms = row->first_failed_ms;
    trouble->last_failed_ms = row->last_failed_ms;
    trouble->rounds = row->attempts;
    trouble->from_row = true;
    job->trouble = trouble;
}

/* A row's number may come to stand for a newer order of its object: the stamp tells. */
static uint64_t identity_of(const struct fy_waiting_row *row)
{
    return fy_running_identity(UINT64_MAX, (uint64_t)row->id, row->order.stamp.time);
}

static void condemn_row(struct fy_job *job, bool expired)
{
    struct fy_failure *failure = &job->trouble->last;
    if (expired)
        fy_failure_set(failure, FY_EXPIRED, EXPIRED_TEXT);
    else
        fy_failure_set(failure, FY_INTERNAL, CULPRIT_TEXT,
                       fy_running_deaths(job->engine->running, job->identity));
    job->trouble->last_failed_ms = fy_wall_ms(job->engine->node->clock);
}

bool fy_intake_row(struct fy_engine *engine, const struct fy_waiting_row *row)
{
    uint64_t identity = identity_of(row);
    enum fy_suspicion suspicion = fy_running_ask(engine->running, identity);
    /* It may have been dead for months before a person retried it: applied, it would undo what its
     * tombstones stood for. */
    bool expired = fy_rule_expired(&row->order, fy_wall_ms(engine->node->clock),
                                   engine->node->config->tombstones_keep_ms);
    bool dead = expired || suspicion == FY_CULPRIT;
    /* A dead one has a lane of its own, as poison has: it waits for nobody, and nobody for it. */
    uint64_t lane_hash =
        dead ? fy_lane_hash_of(UINT64_MAX, (uint64_t)row->id) : fy_lane_hash(&row->order);
    if (row_is_here(engine, lane_hash, row->id))
        return true; /* claimed again because it took longer than the claim holds */
    struct fy_job *job = fy_job_new(engine);
    job->order = row->order;
    job->lane_hash = lane_hash;
    job->partition = -1;
    job->offset = row->id;
    job->waiting_id = row->id;
    job->timestamp_ms = row->first_failed_ms;
    job->identity = identity;
    job->suspect = suspicion == FY_SUSPECT;
    job->dead = dead;
    if (!dead && !plan(job)) {
        fy_job_free(job);
        return false;
    }
    remember_trouble(job, row);
    if (dead)
        condemn_row(job, expired);
    join(job);
    return true;
}
