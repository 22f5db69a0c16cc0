/* keeper.c - what must happen every so often: free space, trim, sweep, purge, what dead processes
 * left of snapshots, clock skew, verify. */
/*
 * Three threads, each walking its part of one table of chores. `keeper` has what is quick and must
 * be on time, `sweeper` what may take minutes or wait for peers, `verifier` what may take days.
 * Every worker of a site does them all: each is harmless when another does it at the same moment.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "common/runtime/pool.h"
#include "common/runtime/sites.h"
#include "worker/batch.h"
#include "worker/sweep.h"
#include "worker/verify.h"
#include "worker/worker.h"

#define SPACE_EVERY_MS 1000
#define TRIM_EVERY_MS  10000
#define DEAD_EVERY_MS  500 /* a consumer must be served so often */
#define DEAD_RECORDS   100 /* of one take */
#define PURGE_EVERY_MS 60000
#define PURGE_ROWS     1000
#define EVENT_ROWS     100 /* dropped in one transaction */
#define UNDO_EVERY_MS  5000
#define SKEW_EVERY_MS  60000
#define SCAN_EVERY_MS  1000 /* whether somebody wants stored bodies looked at */
/* Whoever sees a process die looks after its bodies; this is for one that died unseen, between the
 * start of another and that one's look. */
#define ORPHANS_EVERY_MS (24LL * 3600 * 1000)
#define SKEW_CALL_MS     5000
#define LOOK_EVERY_MS    1000 /* longest sleep of a thread between two looks at the table */

struct fy_keeper;
enum keeper_thread { THREAD_KEEPER, THREAD_SWEEPER, THREAD_VERIFIER, THREAD_COUNT };
static const char *const thread_names[THREAD_COUNT] = {"keeper", "sweeper", "verifier"};

struct chore {
    const char *name;
    enum keeper_thread thread;
    int64_t every_ms; /* 0: sweep_every of the configuration */
    enum fy_code (*run)(struct fy_keeper *keeper, struct fy_err *err);
};

enum {
    CHORE_SPACE,
    CHORE_DEAD,
    CHORE_TRIM,
    CHORE_SWEEP,
    CHORE_PURGE,
    CHORE_EVENTS,
    CHORE_SNAPSHOTS,
    CHORE_SKEW,
    CHORE_SCAN,
    CHORE_COUNT
};

struct walker { /* one thread */
    struct fy_keeper *keeper;
    enum keeper_thread which;
    pthread_t thread;
    struct fy_bell stop_bell;
};

struct fy_keeper {
    struct fy_node *node;
    struct walker walkers[THREAD_COUNT];
    size_t walker_count; /* started */
    _Atomic bool stopping;

    /* The thread of each chore only. */
    int64_t next_ms[CHORE_COUNT]; /* monotonic */
    bool failing[CHORE_COUNT]; /* one log line when a chore begins to fail, one when it is well */
    int64_t orphans_ms;        /* monotonic: when the whole store is looked through next */
    struct fy_batch dead;      /* queue NULL until it could be opened */
};

static enum fy_code keep_space(struct fy_keeper *keeper, struct fy_err *err)
{
    int64_t free_bytes = 0;
    bool above_floor = false;
    enum fy_code code = fy_store_space(keeper->node->store, &free_bytes, &above_floor, err);
    if (code != FY_OK)
        return code;
    bool was = atomic_exchange(&keeper->node->store_ok, above_floor);
    if (was != above_floor)
        fy_log(NULL, above_floor ? FY_INFO : FY_ERROR, above_floor ? "store.space" : "store.full",
               fy_kv_i64("free_bytes", free_bytes));
    return FY_OK;
}

/* Nobody reads request-action.dead but people with Kafka's tools: the rows of the catalogue are
 * what counts. Our own group calls its records done, so that they are trimmed when they are old. */
static enum fy_code keep_dead(struct fy_keeper *keeper, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    if (keeper->dead.queue == NULL)
        code = fy_batch_open(&keeper->dead, keeper->node->queue, FY_GROUP_KEEPER, FY_TOPIC_DEAD,
                             DEAD_RECORDS, FY_BATCH_BYTES, err);
    while (code == FY_OK && !atomic_load(&keeper->stopping)) {
        code = fy_batch_take(&keeper->dead, err);
        if (code != FY_OK || keeper->dead.count == 0)
            break;
        code = fy_batch_commit(&keeper->dead, err);
    }
    return code;
}

static enum fy_code keep_queue(struct fy_keeper *keeper, struct fy_err *err)
{
    struct fy_node *node = keeper->node;
    return fy_queue_trim(node->queue, fy_wall_ms(node->clock) - node->config->queue_keep_done_ms,
                         err);
}

/* At the start, for the processes before us, and whenever another one has died. */
static enum fy_code keep_orphans(struct fy_keeper *keeper, struct fy_err *err)
{
    struct fy_node *node = keeper->node;
    int64_t now_ms = fy_mono_ms(node->clock);
    if (!atomic_exchange(&node->others_died, false) && now_ms < keeper->orphans_ms)
        return FY_OK;
    enum fy_code code = fy_sweep_orphans(node, &keeper->stopping, err);
    keeper->orphans_ms = code == FY_OK ? now_ms + ORPHANS_EVERY_MS : now_ms;
    return code;
}

static enum fy_code keep_store(struct fy_keeper *keeper, struct fy_err *err)
{
    enum fy_code code = keep_orphans(keeper, err);
    if (code == FY_OK)
        code = fy_sweep_unreferenced(keeper->node, &keeper->stopping, err);
    return code;
}

/* What was deleted longer ago than this is kept no more. A disk that is full matters more than what
 * a person may want back. */
static int64_t kept_before_ms(struct fy_node *node, int64_t now_ms)
{
    return atomic_load(&node->store_ok) ? now_ms - node->config->trash_keep_ms : INT64_MAX;
}

static enum fy_code keep_rows(struct fy_keeper *keeper, struct fy_err *err)
{
    struct fy_node *node = keeper->node;
    int64_t now_ms = fy_wall_ms(node->clock);
    struct fy_cat_purge purge;
    do {
        purge =
            (struct fy_cat_purge){.op = {.kind = FY_CAT_PURGE},
                                  .tombstones_before_ms = now_ms - node->config->tombstones_keep_ms,
                                  .outcomes_before_ms = now_ms - node->config->orders_keep_ms,
                                  .conflicts_before_ms = now_ms - node->config->conflicts_keep_ms,
                                  .kept_before_ms = kept_before_ms(node, now_ms),
                                  .limit = PURGE_ROWS};
        enum fy_code code = fy_catalogue_writer_run(node->writer, &purge.op, err);
        if (code != FY_OK)
            return code;
        /* On a full disk a page is enough until the next round: its files have to go first. */
    } while (purge.purged == PURGE_ROWS && atomic_load(&node->store_ok) &&
             !atomic_load(&keeper->stopping));
    return FY_OK;
}

/* What waits for a topic that takes nothing is bounded, and so is what a site that told once left:
 * the oldest are dropped. Of containers an event is no more than a hint, which a touch repairs, and
 * no object waits for a topic. */
static enum fy_code trim_stream(struct fy_keeper *keeper, enum fy_event_stream stream, bool tells,
                                int64_t *dropped, struct fy_err *err)
{
    struct fy_cat_events_trim trim;
    do {
        trim = (struct fy_cat_events_trim){.op = {.kind = FY_CAT_EVENTS_TRIM},
                                           .stream = stream,
                                           .events_max = tells ? FY_EVENTS_WAITING_MAX : 0,
                                           .limit = EVENT_ROWS};
        enum fy_code code = fy_catalogue_writer_run(keeper->node->writer, &trim.op, err);
        if (code != FY_OK)
            return code;
        *dropped += trim.dropped;
    } while (trim.dropped > 0 && !atomic_load(&keeper->stopping));
    return FY_OK;
}

static enum fy_code keep_stream(struct fy_keeper *keeper, enum fy_event_stream stream, bool tells,
                                enum fy_metric metric, struct fy_err *err)
{
    int64_t dropped = 0;
    enum fy_code code = trim_stream(keeper, stream, tells, &dropped, err);
    if (dropped > 0)
        fy_log(NULL, FY_ERROR, stream == FY_STREAM_OIO ? "oio.dropped" : "events.dropped",
               fy_kv_i64("events", dropped));
    fy_metric_add(&keeper->node->metrics, metric, dropped);
    return code;
}

/* Sums of containers that a site which tells nobody any more would have told. */
static enum fy_code forget_states(struct fy_keeper *keeper, struct fy_err *err)
{
    struct fy_cat_states_tell tell;
    do {
        tell = (struct fy_cat_states_tell){.op = {.kind = FY_CAT_STATES_TELL},
                                           .limit = FY_OIO_STATES_MAX};
        enum fy_code code = fy_catalogue_writer_run(keeper->node->writer, &tell.op, err);
        if (code != FY_OK)
            return code;
    } while (tell.told > 0 && !atomic_load(&keeper->stopping));
    return FY_OK;
}

static enum fy_code keep_events(struct fy_keeper *keeper, struct fy_err *err)
{
    const struct fy_config *config = keeper->node->config;
    bool tells_oio = fy_config_tells_oio(config);
    enum fy_code code =
        keep_stream(keeper, FY_STREAM_ORDERS, fy_config_tells(config), FY_M_EVENTS_DROPPED, err);
    if (code == FY_OK && !tells_oio)
        code = forget_states(keeper, err);
    return code == FY_OK ? keep_stream(keeper, FY_STREAM_OIO, tells_oio, FY_M_OIO_DROPPED, err)
                         : code;
}

/* Snapshots of processes that died: what they had not shown goes, what they owe is ordered. */
static enum fy_code keep_snapshots(struct fy_keeper *keeper, struct fy_err *err)
{
    struct fy_node *node = keeper->node;
    enum fy_code code = FY_OK;
    struct fy_err failure = {0};
    while (code == FY_OK && !atomic_load(&keeper->stopping)) {
        struct fy_cat_snapshot undo = {
            .op = {.kind = FY_CAT_SNAPSHOT}, .step = FY_SNAPSHOT_UNDO, .limit = FY_SNAPSHOT_ROWS};
        fy_guid_new(node->clock, undo.op_id);
        code = fy_catalogue_writer_run(node->writer, &undo.op, &failure);
        if (code == FY_OK)
            fy_bell_ring(&node->outbox_bell);
    }
    if (code == FY_OK || code == FY_ENOTFOUND)
        return FY_OK;
    return fy_err_set(err, code, "%s", failure.text);
}

/* ---- clock skew: how far a peer's Date is from ours, beyond the second it is rounded to */

/* 0: it does not say. */
static int64_t skew_of(struct fy_node *node, const struct fy_site_row *site)
{
    struct fy_peer_head head = {0};
    enum fy_code code = fy_peer_hello(node->peer, site->id, site->uri, SKEW_CALL_MS, &head, NULL);
    if (code != FY_OK || head.date_ms == 0)
        return 0;
    return llabs(fy_wall_ms(node->clock) - head.date_ms);
}

static enum fy_code keep_time(struct fy_keeper *keeper, struct fy_err *err)
{
    struct fy_node *node = keeper->node;
    struct fy_site_row *sites = fy_alloc(FY_SITES_MAX * sizeof(*sites));
    size_t count = 0;
    int64_t worst_ms = 0;
    enum fy_code code = fy_sites_read(node->catalogue, false, sites, &count, err);
    for (size_t i = 0; i < count && !atomic_load(&node->stopping); i++) {
        if (sites[i].status != FY_SITE_UP || strcmp(sites[i].id, node->site) == 0)
            continue;
        int64_t skew_ms = skew_of(node, &sites[i]);
        if (skew_ms > worst_ms)
            worst_ms = skew_ms;
        if (skew_ms > FY_SKEW_ALARM_MS)
            fy_log(NULL, FY_ERROR, "clock.skew", fy_kv_str("site", sites[i].id),
                   fy_kv_i64("skew_ms", skew_ms));
    }
    free(sites);
    if (code == FY_OK)
        fy_metric_set(&node->metrics, FY_M_CLOCK_SKEW_MS, worst_ms);
    return code;
}

static enum fy_code keep_bodies(struct fy_keeper *keeper, struct fy_err *err)
{
    return fy_verify(keeper->node, &keeper->stopping, err);
}

/* ---- the table and who walks it */

static const struct chore chores[CHORE_COUNT] = {
    [CHORE_SPACE] = {"space", THREAD_KEEPER, SPACE_EVERY_MS, keep_space},
    [CHORE_DEAD] = {"dead", THREAD_KEEPER, DEAD_EVERY_MS, keep_dead},
    [CHORE_TRIM] = {"trim", THREAD_KEEPER, TRIM_EVERY_MS, keep_queue},
    [CHORE_SWEEP] = {"sweep", THREAD_SWEEPER, 0, keep_store},
    [CHORE_PURGE] = {"purge", THREAD_SWEEPER, PURGE_EVERY_MS, keep_rows},
    [CHORE_EVENTS] = {"events", THREAD_SWEEPER, PURGE_EVERY_MS, keep_events},
    [CHORE_SNAPSHOTS] = {"snapshots", THREAD_SWEEPER, UNDO_EVERY_MS, keep_snapshots},
    [CHORE_SKEW] = {"skew", THREAD_SWEEPER, SKEW_EVERY_MS, keep_time},
    [CHORE_SCAN] = {"scan", THREAD_VERIFIER, SCAN_EVERY_MS, keep_bodies},
};

static void run_chore(struct fy_keeper *keeper, size_t i)
{
    struct fy_err err = {0};
    bool fails = chores[i].run(keeper, &err) != FY_OK;
    if (fails != keeper->failing[i])
        fy_log(NULL, fails ? FY_WARN : FY_INFO, fails ? "keeper.failing" : "keeper.well",
               fy_kv_str("chore", chores[i].name), fy_kv_err(&err));
    keeper->failing[i] = fails;
}

/* Runs what is due on this thread; returns the time until the next look. */
static int64_t run_due(struct walker *walker)
{
    struct fy_keeper *keeper = walker->keeper;
    int64_t soonest_ms = LOOK_EVERY_MS;
    for (size_t i = 0; i < CHORE_COUNT && !atomic_load(&keeper->stopping); i++) {
        if (chores[i].thread != walker->which)
            continue;
        int64_t now_ms = fy_mono_ms(keeper->node->clock);
        if (keeper->next_ms[i] <= now_ms) {
            run_chore(keeper, i);
            keeper->next_ms[i] =
                now_ms + (chores[i].every_ms != 0 ? chores[i].every_ms
                                                  : keeper->node->config->sweep_every_ms);
        }
        if (keeper->next_ms[i] - now_ms < soonest_ms)
            soonest_ms = keeper->next_ms[i] - now_ms;
    }
    return soonest_ms;
}

static void *walker_main(void *arg)
{
    struct walker *walker = arg;
    while (!atomic_load(&walker->keeper->stopping))
        (void)fy_bell_wait(&walker->stop_bell, -1, (int)run_due(walker));
    return NULL;
}

/* ---- life */

static enum fy_code walker_open(struct fy_keeper *keeper, enum keeper_thread which,
                                struct fy_err *err)
{
    struct walker *walker = &keeper->walkers[which];
    *walker = (struct walker){.keeper = keeper, .which = which};
    enum fy_code code = fy_bell_init(&walker->stop_bell, err);
    if (code != FY_OK)
        return code;
    code = fy_thread_start(&walker->thread, thread_names[which], walker_main, walker, err);
    if (code != FY_OK)
        fy_bell_done(&walker->stop_bell);
    else
        keeper->walker_count++;
    return code;
}

enum fy_code fy_keeper_open(struct fy_node *node, struct fy_keeper **keeper, struct fy_err *err)
{
    struct fy_keeper *self = fy_alloc(sizeof(*self));
    self->node = node;
    enum fy_code code = keep_space(self, err); /* readiness must know before the first request */
    if (code == FY_OK)
        code = fy_queue_topic_ensure(node->queue, FY_TOPIC_DEAD, err);
    for (enum keeper_thread i = 0; code == FY_OK && i < THREAD_COUNT; i++)
        code = walker_open(self, i, err);
    if (code != FY_OK) {
        fy_keeper_close(self);
        return code;
    }
    *keeper = self;
    return FY_OK;
}

void fy_keeper_close(struct fy_keeper *keeper)
{
    if (keeper == NULL)
        return;
    atomic_store(&keeper->stopping, true);
    for (size_t i = 0; i < keeper->walker_count; i++) {
        fy_bell_ring(&keeper->walkers[i].stop_bell);
        pthread_join(keeper->walkers[i].thread, NULL);
        fy_bell_done(&keeper->walkers[i].stop_bell);
    }
    if (keeper->dead.queue != NULL)
        fy_batch_close(&keeper->dead);
    free(keeper);
}
