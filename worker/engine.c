/* engine.c - the engine thread: one owner of consumer, ledgers, lanes and timers (ENGINE 1.1). */
#include "worker/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/core/log.h"

#define TURN_MS     500 /* longest sleep: the consumer must be served so often in any state */
#define BLOCKED_MS  20  /* when a partition could not be taken from: look again so soon */
#define SNAPSHOT_MS 200 /* the metrics thread sees the engine as it was so long ago at most */

#define SPOOL_THREADS (2 * FY_BIG_WRITERS_MAX) /* a body's two wait for each other */

enum { WATCH_CONSUMER, WATCH_BOX, WATCH_BELL, WATCH_COUNT };

void fy_engine_post(struct fy_engine *engine, struct fy_letter *letter)
{
    fy_mailbox_put(&engine->box, &letter->mail);
}

bool fy_engine_is_here(struct fy_engine *engine)
{
    return pthread_equal(pthread_self(), engine->self) != 0;
}

/* xorshift: jitter needs no better. */
uint32_t fy_engine_random(struct fy_engine *engine)
{
    engine->random ^= engine->random << 13;
    engine->random ^= engine->random >> 17;
    engine->random ^= engine->random << 5;
    return engine->random;
}

/* ------------------------------------------------------------------ one turn */

static void open_letters(struct fy_engine *engine)
{
    struct fy_mail *mail = fy_mailbox_take(&engine->box);
    while (mail != NULL) {
        struct fy_mail *next = mail->next; /* opening may post or free it */
        struct fy_letter *letter = (struct fy_letter *)(void *)mail;
        letter->open(engine, letter);
        mail = next;
    }
}

static void wake_jobs(struct fy_engine *engine)
{
    struct fy_job *job;
    while ((job = fy_timers_take(&engine->timers, engine->now_ms)) != NULL)
        fy_job_become(job, job->state == FY_JOB_PAUSED ? FY_JOB_QUEUED : FY_JOB_BURY);
}

static void cancel_transfers(struct fy_engine *engine)
{
    if (engine->cancelled || engine->now_ms < atomic_load(&engine->cancel_at_ms))
        return;
    engine->cancelled = true;
    atomic_store(&engine->cancelling, true);
    for (struct fy_job *job = engine->oldest; job != NULL; job = job->younger)
        if (job->flight != NULL)
            fy_transfer_cancel(job);
    for (struct fy_site *site = engine->sites; site != NULL; site = site->next)
        fy_site_cancel(site);
}

/* true: nothing is in hand any more. */
static bool wind_down(struct fy_engine *engine)
{
    fy_drop_idle(engine, true);
    cancel_transfers(engine);
    return engine->job_count == 0 && engine->async_count == 0 && engine->burying == 0;
}

static void show(struct fy_engine *engine)
{
    struct fy_metrics *metrics = fy_engine_numbers(engine);
    fy_metric_set(metrics, FY_M_LANES, (int64_t)engine->lanes.lane_count);
    fy_metric_set(metrics, FY_M_LANE_ORDERS, (int64_t)engine->lanes.node_count);
    fy_metric_set(metrics, FY_M_RETRY_MEMORY, engine->timers.count);
    fy_metric_set(metrics, FY_M_GATE_TOKENS, engine->gate.tokens);
    if (engine->now_ms - engine->snapshot_ms < SNAPSHOT_MS)
        return;
    engine->snapshot_ms = engine->now_ms;
    fy_engine_snapshot_take(engine);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* All that depends on time; returns when time matters next. */
static int64_t turn_timers(struct fy_engine *engine, bool rung)
{
    wake_jobs(engine);
    int64_t next_ms = fy_pauses_turn(engine);
    next_ms = least(next_ms, fy_sites_turn(engine, engine->now_ms));
    next_ms = least(next_ms, fy_claim_turn(engine, rung));
    next_ms = least(next_ms, fy_timers_next(&engine->timers));
    fy_partitions_commit(engine, false);
    if (engine->uncommitted > 0)
        next_ms = least(next_ms, engine->committed_ms + FY_COMMIT_EVERY_MS);
    return next_ms;
}

/* ------------------------------------------------------------------ sleeping */

/* The consumer's descriptor stays readable while it has records: unwatched while we take none. */
static void arm_consumer(struct fy_engine *engine, bool armed)
{
    if (armed == engine->consumer_armed)
        return;
    struct epoll_event event = {.events = armed ? EPOLLIN : 0, .data.u32 = WATCH_CONSUMER};
    FY_ASSERT(epoll_ctl(engine->epoll_fd, EPOLL_CTL_MOD,
                        fy_consumer_fd(engine->node->queue, engine->consumer), &event) == 0);
    engine->consumer_armed = armed;
}

static bool watch_sleep(struct fy_engine *engine, int64_t timeout_ms, bool seen[static WATCH_COUNT])
{
    struct epoll_event events[WATCH_COUNT];
    int count = epoll_wait(engine->epoll_fd, events, WATCH_COUNT, (int)timeout_ms);
    for (int i = 0; i < WATCH_COUNT; i++)
        seen[i] = false;
    for (int i = 0; i < count; i++)
        seen[events[i].data.u32] = true;
    if (!seen[WATCH_BELL])
        return false;
    return fy_bell_wait(&engine->node->waiting_bell, -1, 0); /* clears it */
}

static int64_t sleep_ms(const struct fy_engine *engine, int64_t next_ms, bool more)
{
    int64_t now_ms = fy_mono_ms(engine->node->clock);
    int64_t timeout_ms = least(next_ms - now_ms, more ? BLOCKED_MS : TURN_MS);
    return timeout_ms < 0 ? 0 : timeout_ms;
}

static void engine_loop(struct fy_engine *engine)
{
    bool seen[WATCH_COUNT] = {true, true, true};
    bool rung = false;
    bool more = true; /* the consumer may have records that were not taken */
    for (;;) {
        engine->now_ms = fy_mono_ms(engine->node->clock);
        atomic_store(&engine->node->loop_turn_ms, engine->now_ms);
        open_letters(engine);
        fy_partitions_events(engine);
        bool stopping = fy_engine_stopping(engine);
        more = more || seen[WATCH_CONSUMER];
        if (more && !stopping && fy_engine_has_room(engine, false))
            more = fy_partitions_poll(engine);
        int64_t next_ms = turn_timers(engine, rung);
        fy_dispatch(engine);
        show(engine);
        if (stopping && wind_down(engine))
            return;
        arm_consumer(engine, !more && !stopping);
        rung = watch_sleep(engine, sleep_ms(engine, next_ms, more || stopping), seen);
    }
}

static void *engine_main(void *arg)
{
    struct fy_engine *engine = arg;
    engine->self = pthread_self();
    engine_loop(engine);
    fy_partitions_commit(engine, true);
    fy_engine_snapshot_take(engine);
    return NULL;
}

/* ------------------------------------------------------------------ open, close */

static enum fy_code watch(struct fy_engine *engine, int fd, uint32_t what, struct fy_err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};
    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return fy_err_set(err, FY_EINTERNAL, "epoll: %s", strerror(errno));
    return FY_OK;
}

static enum fy_code open_watches(struct fy_engine *engine, struct fy_err *err)
{
    struct fy_node *node = engine->node;
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll_fd < 0)
        return fy_err_set(err, FY_EINTERNAL, "epoll: %s", strerror(errno));
    engine->consumer_armed = true;
    enum fy_code code =
        watch(engine, fy_consumer_fd(node->queue, engine->consumer), WATCH_CONSUMER, err);
    if (code == FY_OK)
        code = watch(engine, fy_mailbox_fd(&engine->box), WATCH_BOX, err);
    if (code == FY_OK)
        code = watch(engine, node->waiting_bell.event_fd, WATCH_BELL, err);
    return code;
}

static void fill_limits(struct fy_engine *engine)
{
    const struct fy_config *config = engine->node->config;
    engine->policy = fy_retry_policy_of(config);
    engine->inflight_max = config->worker_inflight;
    engine->inflight_site_max = config->worker_inflight_site;
    engine->inflight_bytes_max = config->worker_inflight_bytes;
    FY_ASSERT(engine->inflight_max >= 1);
}

/* Who was running when the last process died. Without it a poison order is not found out, and that
 * is all: no reason not to start. */
static void open_running(struct fy_engine *engine)
{
    const char *folder = engine->node->config->data;
    struct fy_err err = {0};
    if (folder[0] == '\0')
        return;
    if (fy_running_open(folder, &engine->running, &err) != FY_OK)
        fy_log(NULL, FY_WARN, "worker.running_unknown", fy_kv_err(&err));
    size_t suspects = fy_running_suspects(engine->running);
    if (suspects > 0)
        fy_log(NULL, FY_WARN, "worker.died", fy_kv_i64("orders_running", (int64_t)suspects));
}

/* Everything the engine thread uses, in the order of use; undone by engine_free, half-made too. */
static enum fy_code open_parts(struct fy_engine *engine, struct fy_err *err)
{
    const struct fy_config *config = engine->node->config;
    enum fy_code code = fy_mailbox_init(&engine->box, err);
    if (code == FY_OK)
        code = fy_pool_open("sync", config->sync_threads, FY_INFLIGHT_ORDERS_MAX,
                            &engine->sync_pool, err);
    if (code == FY_OK)
        code = fy_pool_open("spool", SPOOL_THREADS, SPOOL_THREADS, &engine->spool_pool, err);
    if (code == FY_OK)
        code = fy_look_open(engine, &engine->look, err);
    if (code == FY_OK)
        code = fy_claim_open(engine, &engine->claim, err);
    if (code == FY_OK)
        code = fy_partitions_open(engine, err);
    if (code == FY_OK)
        code = open_watches(engine, err);
    return code;
}

static void free_spares(struct fy_engine *engine)
{
    while (engine->spare_jobs != NULL) {
        struct fy_job *job = engine->spare_jobs;
        engine->spare_jobs = job->next;
        free(job);
    }
    while (engine->spare_flights != NULL) {
        struct fy_flight *flight = engine->spare_flights;
        engine->spare_flights = flight->next_spare;
        pthread_mutex_destroy(&flight->mutex);
        free(flight);
    }
}

static void engine_free(struct fy_engine *engine, bool clean)
{
    fy_look_close(engine->look);
    fy_pool_close(engine->sync_pool);
    fy_pool_close(engine->spool_pool);
    fy_partitions_close(engine);
    fy_claim_close(engine->claim);
    fy_sites_free(engine);
    fy_lanes_done(&engine->lanes);
    fy_timers_done(&engine->timers);
    fy_mailbox_done(&engine->box);
    if (engine->epoll_fd >= 0)
        (void)close(engine->epoll_fd); /* nothing to flush */
    free_spares(engine);
    fy_running_close(engine->running, clean);
    pthread_mutex_destroy(&engine->snapshot_mutex);
    free(engine->snapshot);
    free(engine);
}

enum fy_code fy_engine_open(struct fy_node *node, struct fy_engine **engine, struct fy_err *err)
{
    FY_ASSERT(*engine == NULL);
    struct fy_engine *opened = fy_alloc(sizeof(*opened));
    opened->node = node;
    opened->epoll_fd = -1;
    opened->box.event_fd = -1;
    opened->snapshot = fy_alloc(sizeof(*opened->snapshot));
    opened->random = (uint32_t)fy_mono_ms(node->clock) | 1;
    opened->now_ms = fy_mono_ms(node->clock);
    FY_ASSERT(pthread_mutex_init(&opened->snapshot_mutex, NULL) == 0);
    fy_lanes_init(&opened->lanes);
    fy_timers_init(&opened->timers, FY_LANES_ORDERS_MAX);
    fy_gate_init(&opened->gate, opened->now_ms);
    fill_limits(opened);
    open_running(opened);
    enum fy_code code = open_parts(opened, err);
    if (code == FY_OK)
        code = fy_thread_start(&opened->thread, "engine", engine_main, opened, err);
    if (code != FY_OK) {
        engine_free(opened, false);
        return fy_err_add(err, "open the engine");
    }
    *engine = opened;
    return FY_OK;
}

static void engine_nudge(struct fy_engine *engine, struct fy_letter *letter)
{
    (void)engine;
    (void)letter; /* waking the loop was all it had to do */
}

void fy_engine_close(struct fy_engine *engine, int64_t drain_ms)
{
    if (engine == NULL)
        return;
    struct fy_letter nudge = {.open = engine_nudge};
    atomic_store(&engine->cancel_at_ms, fy_mono_ms(engine->node->clock) + drain_ms);
    atomic_store(&engine->stopping, true);
    fy_engine_post(engine, &nudge);
    FY_ASSERT(pthread_join(engine->thread, NULL) == 0);
    (void)fy_mailbox_take(&engine->box); /* the nudge, when the loop had already ended */
    engine_free(engine, true);
}

void fy_engine_crashed(struct fy_engine *engine)
{
    fy_running_crashed(engine->running);
}
