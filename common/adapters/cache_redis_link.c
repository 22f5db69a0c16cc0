/* cache_redis_link.c - the pool of connections, its breaker, and the thread that mends it. */
/* One failure of any kind opens the breaker: all connections go, and look-ups go straight to their
 * fills. The link's own thread then tries, so that no caller ever waits for a Redis that is known
 * to be away. Nothing that was cached before it is back counts: what others dropped meanwhile may
 * not have reached it, and it may have come back with an old dump. */
/* The thread also asks Redis every FY_REDIS_PULSE_MS whether it is there. So when it hangs, every
 * process knows after a pulse and a time-out, whether it has looked up anything or not: whoever
 * could not tell a change waits for that, and then nobody trusts what was cached before. Others may
 * have found Redis back before us, so a change that comes while it is away has it tried at once. */
#include "common/adapters/cache_redis_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/clock.h"
#include "common/core/log.h"
#include "common/runtime/pool.h"

struct fy_redis_link {
    /* Written once by fy_redis_link_open. */
    struct fy_redis_url url;
    const char *forget;
    struct fy_metrics *metrics;
    pthread_t thread;

    /* The thread that mends (before it starts: who opens). */
    int64_t pause_ms;
    int64_t up_since_ms;
    struct fy_redis_conn *pulse; /* its own connection; NULL while Redis is away */

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a connection came back, up or closing changed; on CLOCK_MONOTONIC */
    struct fy_redis_conn *idle[FY_REDIS_CONNECTIONS];
    size_t idle_count;
    uint64_t term;   /* counts the times it came up: a connection of an earlier one is not kept */
    uint64_t probes; /* begun so far: the last one has this number */
    uint64_t probe_wanted;  /* the number of one that is to begin without a pause */
    uint64_t probe_good;    /* the last one that came through, and made all forgotten */
    uint64_t probe_refused; /* the last one that failed at once: Redis does not hang */
    bool up;
    bool away_logged;
    bool closing;
};

static void set_up(struct fy_redis_link *link, bool up)
{
    link->up = up;
    fy_metric_set(link->metrics, FY_M_CACHE_AWAY, up ? 0 : 1);
}

/* Mutex held. Until deadline_ms, or something changed. */
static void wait_changed(struct fy_redis_link *link, int64_t deadline_ms)
{
    const struct timespec until = fy_mono_timespec(deadline_ms);
    (void)pthread_cond_timedwait(&link->changed, &link->mutex, &until); /* the caller looks */
}

/* ---- the breaker */

/* Mutex held. */
static void idle_close(struct fy_redis_link *link)
{
    while (link->idle_count > 0)
        fy_redis_conn_close(link->idle[--link->idle_count]);
}

/* Mutex held. Told once for each time away. */
static void away_log(struct fy_redis_link *link, const struct fy_err *err)
{
    if (!link->away_logged)
        fy_log(NULL, FY_WARN, "cache.away", fy_kv_err(err));
    link->away_logged = true;
}

/* Mutex held. */
static void breaker_open(struct fy_redis_link *link, const struct fy_err *err)
{
    if (!link->up)
        return;
    set_up(link, false);
    idle_close(link);
    fy_metric_add(link->metrics, FY_M_CACHE_FAILURES, 1);
    away_log(link, err);
    pthread_cond_broadcast(&link->changed);
}

#define PULSE_AND_POOL (1 + FY_REDIS_CONNECTIONS)

/* All of them or none: half a Redis is away. */
static size_t connections_open(struct fy_redis_link *link, struct fy_redis_conn **conns,
                               struct fy_err *err)
{
    for (size_t i = 0; i < PULSE_AND_POOL; i++)
        if (fy_redis_conn_open(&link->url, i == 0 ? link->forget : NULL, &conns[i], err) != FY_OK) {
            while (i > 0)
                fy_redis_conn_close(conns[--i]);
            return 0;
        }
    return PULSE_AND_POOL;
}

/* The half-open probe. Called on the thread that mends, without the mutex. */
static void link_mend(struct fy_redis_link *link)
{
    struct fy_err err = {0};
    struct fy_redis_conn *conns[PULSE_AND_POOL] = {0};
    pthread_mutex_lock(&link->mutex);
    uint64_t number = ++link->probes;
    pthread_mutex_unlock(&link->mutex);
    size_t count = connections_open(link, conns, &err);
    pthread_mutex_lock(&link->mutex);
    if (count == 0) {
        away_log(link, &err);
        if (err.code != FY_ETIMEOUT)
            link->probe_refused = number;
    } else {
        link->probe_good = number;
        link->pulse = conns[0];
        memcpy(link->idle, conns + 1, sizeof(link->idle));
        link->idle_count = FY_REDIS_CONNECTIONS;
        link->term++;
        link->up_since_ms = fy_redis_now_ms();
        set_up(link, true);
        if (link->away_logged)
            fy_log(NULL, FY_INFO, "cache.back", fy_kv_str("host", link->url.host));
        link->away_logged = false;
    }
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->mutex);
}

/* One that fails right after each probe is tried ever more rarely, too. */
static void pause_before_mending(struct fy_redis_link *link)
{
    int64_t now_ms = fy_redis_now_ms();
    bool healed = link->up_since_ms > 0 && now_ms - link->up_since_ms >= FY_REDIS_STEADY_MS;
    if (link->pause_ms == 0 || healed)
        link->pause_ms = FY_REDIS_PROBE_MS;
    else if (link->pause_ms < FY_REDIS_PROBE_MS_MAX / 2)
        link->pause_ms *= 2;
    else
        link->pause_ms = FY_REDIS_PROBE_MS_MAX;
    link->up_since_ms = 0;
    while (!link->closing && link->probes >= link->probe_wanted &&
           fy_redis_now_ms() < now_ms + link->pause_ms)
        wait_changed(link, now_ms + link->pause_ms);
}

/* Whether Redis still answers. Mutex held, let go while it is asked. */
static void pulse_look(struct fy_redis_link *link)
{
    static const struct fy_redis_word ping = {"PING", 4};
    redisReply *reply = NULL;
    struct fy_err err = {0};
    int64_t next_ms = fy_redis_now_ms() + FY_REDIS_PULSE_MS;
    while (link->up && !link->closing && fy_redis_now_ms() < next_ms)
        wait_changed(link, next_ms);
    if (!link->up || link->closing)
        return;
    pthread_mutex_unlock(&link->mutex);
    enum fy_code code = fy_redis_conn_run(link->pulse, &ping, 1, &reply, &err);
    if (code == FY_OK)
        freeReplyObject(reply);
    pthread_mutex_lock(&link->mutex);
    if (code != FY_OK)
        breaker_open(link, &err);
}

static void *link_main(void *arg)
{
    struct fy_redis_link *link = arg;
    pthread_mutex_lock(&link->mutex);
    while (!link->closing) {
        if (link->up) {
            pulse_look(link);
            continue;
        }
        fy_redis_conn_close(link->pulse);
        link->pulse = NULL;
        pause_before_mending(link);
        if (link->closing)
            break;
        pthread_mutex_unlock(&link->mutex);
        link_mend(link);
        pthread_mutex_lock(&link->mutex);
    }
    pthread_mutex_unlock(&link->mutex);
    return NULL;
}

/* ---- the pool */

static struct fy_redis_conn *conn_take(struct fy_redis_link *link, uint64_t *term)
{
    int64_t deadline_ms = fy_redis_now_ms() + link->url.timeout_ms;
    struct fy_redis_conn *conn = NULL;
    pthread_mutex_lock(&link->mutex);
    while (link->up && link->idle_count == 0 && fy_redis_now_ms() < deadline_ms)
        wait_changed(link, deadline_ms);
    if (link->up && link->idle_count > 0) {
        conn = link->idle[--link->idle_count];
        *term = link->term;
    }
    pthread_mutex_unlock(&link->mutex);
    return conn;
}

static void conn_give(struct fy_redis_link *link, struct fy_redis_conn *conn, uint64_t term,
                      const struct fy_err *err)
{
    pthread_mutex_lock(&link->mutex);
    if (term == link->term && err->code != FY_OK)
        breaker_open(link, err);
    if (term == link->term && link->up) {
        FY_ASSERT(link->idle_count < FY_REDIS_CONNECTIONS);
        link->idle[link->idle_count++] = conn;
        conn = NULL;
        pthread_cond_broadcast(&link->changed);
    }
    pthread_mutex_unlock(&link->mutex);
    fy_redis_conn_close(conn);
}

bool fy_redis_link_run(struct fy_redis_link *link, const struct fy_redis_word *words,
                       size_t word_count, redisReply **reply)
{
    uint64_t term = 0;
    struct fy_err err = {0};
    struct fy_redis_conn *conn = conn_take(link, &term);
    if (conn == NULL)
        return false;
    enum fy_code code = fy_redis_conn_run(conn, words, word_count, reply, &err);
    conn_give(link, conn, term, &err);
    return code == FY_OK;
}

void fy_redis_link_renew(struct fy_redis_link *link)
{
    struct fy_err err = {0};
    (void)fy_err_set(&err, FY_ETIMEOUT, "a change could not be told");
    int64_t known_ms = fy_redis_now_ms() + FY_REDIS_PULSE_MS + 3 * link->url.timeout_ms;
    pthread_mutex_lock(&link->mutex);
    uint64_t probe = link->probes + 1; /* one that is under way may have begun too early */
    while (link->probe_good < probe && link->probe_refused < probe && !link->closing &&
           fy_redis_now_ms() < known_ms) {
        breaker_open(link, &err);
        if (link->probe_wanted < probe) {
            link->probe_wanted = probe;
            pthread_cond_broadcast(&link->changed);
        }
        wait_changed(link, known_ms);
    }
    pthread_mutex_unlock(&link->mutex);
}

/* ---- life */

static void link_free(struct fy_redis_link *link)
{
    idle_close(link);
    fy_redis_conn_close(link->pulse);
    pthread_cond_destroy(&link->changed);
    pthread_mutex_destroy(&link->mutex);
    free(link);
}

enum fy_code fy_redis_link_open(const struct fy_redis_url *url, const char *forget,
                                struct fy_metrics *metrics, struct fy_redis_link **out,
                                struct fy_err *err)
{
    pthread_condattr_t monotonic;
    struct fy_redis_link *link = fy_alloc(sizeof(*link));
    link->url = *url;
    link->forget = forget;
    link->metrics = metrics;
    pthread_mutex_init(&link->mutex, NULL); /* none fails on Linux with these attributes */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&link->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    set_up(link, false);
    link_mend(link);
    enum fy_code code = fy_thread_start(&link->thread, "cache-redis", link_main, link, err);
    if (code == FY_OK)
        *out = link;
    else
        link_free(link);
    return code;
}

void fy_redis_link_close(struct fy_redis_link *link)
{
    pthread_mutex_lock(&link->mutex);
    link->closing = true;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->mutex);
    (void)pthread_join(link->thread, NULL); /* fails only for a thread that is not ours */
    link_free(link);
}
