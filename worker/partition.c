/* partition.c - what the group gave us: assignment, polling, and the offsets to commit
 * (ENGINE 1.5, 1.6). */
#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "worker/engine.h"

static const char *const topics[] = {FY_TOPIC_ACTION};

enum fy_code fy_partitions_open(struct fy_engine *engine, struct fy_err *err)
{
    struct fy_queue *queue = engine->node->queue;
    engine->partitions = fy_alloc(FY_PARTITIONS_MAX * sizeof(*engine->partitions));
    engine->commit_list = fy_alloc(FY_PARTITIONS_MAX * sizeof(*engine->commit_list));
    engine->commit_texts = fy_alloc(FY_PARTITIONS_MAX * sizeof(*engine->commit_texts));
    enum fy_code code = fy_queue_topic_ensure(queue, FY_TOPIC_ACTION, err);
    if (code == FY_OK)
        code = fy_queue_topic_ensure(queue, FY_TOPIC_DEAD, err);
    if (code == FY_OK)
        code = fy_consumer_open(queue, FY_GROUP_WORKER, topics, FY_COUNT_OF(topics),
                                &engine->consumer, err);
    engine->ownerless_since_ms = fy_mono_ms(engine->node->clock);
    return code == FY_OK ? FY_OK : fy_err_add(err, "join the group of %s", FY_TOPIC_ACTION);
}

void fy_partitions_close(struct fy_engine *engine)
{
    fy_consumer_close(engine->node->queue, engine->consumer);
    engine->consumer = NULL;
    for (size_t i = 0; i < engine->partition_count; i++)
        if (engine->partitions[i].ours)
            fy_ledger_free(&engine->partitions[i].ledger);
    free(engine->partitions);
    free(engine->commit_list);
    free(engine->commit_texts);
}

static struct fy_partition *find(struct fy_engine *engine, int32_t number)
{
    for (size_t i = 0; i < engine->partition_count; i++)
        if (engine->partitions[i].partition == number)
            return &engine->partitions[i];
    return NULL;
}

bool fy_job_in_limbo(const struct fy_job *job)
{
    if (job->partition < 0)
        return false;
    const struct fy_partition *partition = find(job->engine, job->partition);
    return partition == NULL || !partition->ours || partition->ledger.epoch != job->epoch;
}

/* ------------------------------------------------------------------ assignment */

static void take(struct fy_engine *engine, const struct fy_topic_partition *given)
{
    struct fy_partition *partition = find(engine, given->partition);
    if (partition == NULL) {
        FY_ASSERT(engine->partition_count < FY_PARTITIONS_MAX);
        partition = &engine->partitions[engine->partition_count++];
        partition->partition = given->partition;
    }
    if (partition->ours) /* given again without a revoke: what is known of the old one is void */
        fy_ledger_free(&partition->ledger);
    partition->ours = true;
    partition->blocked = false;
    partition->changed = false;
    partition->committed = given->offset;
    fy_ledger_init(&partition->ledger, engine->epoch, given->offset);
}

static void give_back(struct fy_engine *engine, const struct fy_topic_partition *taken)
{
    struct fy_partition *partition = find(engine, taken->partition);
    if (partition == NULL || !partition->ours)
        return;
    partition->ours = false;
    fy_ledger_free(&partition->ledger);
}

/* Runs on a revoke and on a loss. Jobs that have not begun will be delivered to whoever has the
 * partition next. Those on their way go on in limbo: should their offset come back to us they are
 * adopted, else the stamp makes them harmless. */
static void revoke(struct fy_engine *engine, const struct fy_consumer_event *event)
{
    if (event->kind == FY_CONSUMER_REVOKE)
        fy_partitions_commit(engine, true);
    for (size_t i = 0; i < event->partition_count; i++)
        give_back(engine, &event->partitions[i]);
    fy_consumer_revoked(engine->node->queue, engine->consumer);
    fy_drop_idle(engine, false);
}

/* From joining, or from giving the last set back, until the next is here nobody of this process
 * takes orders: what a rebalance costs. */
static void note_owner(struct fy_engine *engine, bool owns)
{
    int64_t now_ms = fy_mono_ms(engine->node->clock);
    if (!owns) {
        engine->ownerless_since_ms = now_ms;
        return;
    }
    if (engine->ownerless_since_ms == 0)
        return; /* given again without a revoke */
    engine->ownerless_ms += now_ms - engine->ownerless_since_ms;
    engine->ownerless_count++;
    engine->ownerless_since_ms = 0;
}

static void handle(struct fy_engine *engine, const struct fy_consumer_event *event)
{
    engine->rebalances[event->kind]++;
    switch (event->kind) {
    case FY_CONSUMER_NONE:
        break;
    case FY_CONSUMER_ASSIGN:
        note_owner(engine, true);
        engine->epoch++; /* our own count: it rises even if the queue's should not */
        fy_running_look(engine->running);
        for (size_t i = 0; i < event->partition_count; i++)
            take(engine, &event->partitions[i]);
        fy_log(NULL, FY_INFO, "queue.assigned", fy_kv_i64("partitions", event->partition_count),
               fy_kv_i64("epoch", engine->epoch),
               fy_kv_i64("ownerless_ms_total", engine->ownerless_ms));
        break;
    case FY_CONSUMER_REVOKE:
    case FY_CONSUMER_LOST:
        fy_log(NULL, FY_INFO, "queue.revoked", fy_kv_i64("partitions", event->partition_count),
               fy_kv_i64("lost", event->kind == FY_CONSUMER_LOST));
        revoke(engine, event);
        note_owner(engine, false);
        break;
    }
}

void fy_partitions_events(struct fy_engine *engine)
{
    for (;;) {
        struct fy_consumer_event event = {.kind = FY_CONSUMER_NONE};
        struct fy_err err = {0};
        if (fy_consumer_event(engine->node->queue, engine->consumer, &event, &err) != FY_OK) {
            fy_log(NULL, FY_WARN, "queue.event_failed", fy_kv_err(&err));
            return;
        }
        if (event.kind == FY_CONSUMER_NONE)
            return;
        handle(engine, &event);
    }
}

/* ------------------------------------------------------------------ polling */

struct polling {
    struct fy_engine *engine;
    struct fy_partition *partition;
    size_t taken;
};

static bool visit(void *arg, const struct fy_record *record)
{
    struct polling *polling = arg;
    if (!fy_intake_record(polling->engine, polling->partition, record)) {
        polling->partition->blocked = true;
        return false;
    }
    polling->taken++;
    return true;
}

/* true: the partition may have more. */
static bool poll_one(struct fy_engine *engine, struct fy_partition *partition)
{
    struct polling polling = {.engine = engine, .partition = partition};
    struct fy_err err = {0};
    partition->blocked = false;
    enum fy_code code =
        fy_consumer_poll(engine->node->queue, engine->consumer, FY_TOPIC_ACTION,
                         partition->partition, FY_POLL_RECORDS, visit, &polling, &err);
    if (code != FY_OK) {
        partition->blocked = true; /* tried again at a later turn */
        fy_log(NULL, FY_WARN, "queue.poll_failed", fy_kv_i64("partition", partition->partition),
               fy_kv_err(&err));
    }
    return partition->blocked || polling.taken == FY_POLL_RECORDS;
}

bool fy_partitions_poll(struct fy_engine *engine)
{
    bool more = false;
    size_t count = engine->partition_count;
    for (size_t i = 0; i < count; i++) {
        struct fy_partition *partition = &engine->partitions[(engine->next_partition + i) % count];
        if (!partition->ours)
            continue;
        if (!fy_engine_has_room(engine, false))
            return true;
        if (poll_one(engine, partition))
            more = true;
    }
    if (count > 0)
        engine->next_partition = (engine->next_partition + 1) % count;
    return more;
}

/* ------------------------------------------------------------------ commits */

/* Orders that are done above the committed offsets: what a kill would make us do again. */
static void show_uncommitted(struct fy_engine *engine)
{
    int64_t done = 0;
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct fy_partition *partition = &engine->partitions[i];
        if (partition->ours)
            done += partition->ledger.next - partition->committed - partition->ledger.incomplete;
    }
    atomic_store_explicit(&engine->stages[FY_STAGE_COMMIT].orders, done, memory_order_relaxed);
}

/* Offset and map from one look at the ledger: a map is of the offset that it is committed with. */
static void fill_entry(const struct fy_ledger *ledger, struct fy_topic_partition *entry,
                       struct fy_commit_text *text)
{
    struct fy_done_map map;
    fy_ledger_map(ledger, &map);
    *entry = (struct fy_topic_partition){.offset = map.base};
    FY_ASSERT(fy_text_copy(entry->topic, sizeof(entry->topic), FY_TOPIC_ACTION));
    if (map.done_end == map.base)
        return; /* the offset says it all */
    fy_done_map_write(&map, text->text);
    entry->text = text->text;
}

static size_t fill_commit(struct fy_engine *engine)
{
    size_t count = 0;
    for (size_t i = 0; i < engine->partition_count; i++) {
        const struct fy_partition *partition = &engine->partitions[i];
        if (!partition->ours ||
            (partition->ledger.base == partition->committed && !partition->changed))
            continue;
        fill_entry(&partition->ledger, &engine->commit_list[count], &engine->commit_texts[count]);
        engine->commit_list[count++].partition = partition->partition;
    }
    return count;
}

/* A broker that is away fails one each second: the first is told, and the one that succeeds again.
 */
static void note_commit(struct fy_engine *engine, enum fy_code code, const struct fy_err *err)
{
    bool stuck = code != FY_OK;
    if (stuck != engine->commits_stuck)
        fy_log(NULL, stuck ? FY_WARN : FY_INFO, stuck ? "commits.stuck" : "commits.flow",
               fy_kv_err(err));
    engine->commits_stuck = stuck;
}

void fy_partitions_commit(struct fy_engine *engine, bool now)
{
    bool due =
        engine->uncommitted >= FY_COMMIT_EVERY_ORDERS ||
        (engine->uncommitted > 0 && engine->now_ms - engine->committed_ms >= FY_COMMIT_EVERY_MS);
    if (!due && !now)
        return;
    engine->uncommitted = 0;
    engine->committed_ms = engine->now_ms;
    size_t count = fill_commit(engine);
    if (count == 0)
        return;
    struct fy_err err = {0};
    enum fy_code code =
        fy_consumer_commit(engine->node->queue, engine->consumer, engine->commit_list, count, &err);
    note_commit(engine, code, &err);
    if (code != FY_OK) {
        engine->uncommitted = 1; /* again in a second: until then a kill costs redo, nothing else */
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct fy_partition *partition = find(engine, engine->commit_list[i].partition);
        if (partition == NULL)
            continue;
        partition->committed = engine->commit_list[i].offset;
        partition->changed = false;
    }
    show_uncommitted(engine);
}

void fy_partitions_finish(struct fy_engine *engine, const struct fy_job *job)
{
    if (job->partition < 0)
        return;
    /* In limbo: its next owner does it again, and finds it done. That may be us; but an offset
     * alone does not say that it is the same record, since a topic may have been made anew. */
    struct fy_partition *partition = find(engine, job->partition);
    if (partition == NULL || fy_job_in_limbo(job))
        return;
    fy_ledger_finish(&partition->ledger, job->offset);
    partition->changed = true;
    engine->uncommitted++;
    atomic_fetch_add_explicit(&engine->stages[FY_STAGE_COMMIT].orders, 1, memory_order_relaxed);
}
