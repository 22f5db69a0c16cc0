/* peer_http.c - the peer port over libcurl: what any thread may call, and opening and closing. */
#include "common/adapters/peer_http.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/adapters/peer_http_internal.h"
#include "common/core/clock.h"
#include "common/runtime/pool.h"

static struct peer_http *peer_from(struct fy_peer *port)
{
    return (struct peer_http *)port;
}

/* mutex held. The least busy one, the first of equals: at a low rate the same connections stay
 * warm. */
static struct peer_loop *choose_loop(struct peer_http *peer)
{
    struct peer_loop *chosen = &peer->loops[0];
    for (uint32_t i = 1; i < peer->loop_count; i++) {
        if (peer->loops[i].calls_open < chosen->calls_open)
            chosen = &peer->loops[i];
    }
    return chosen;
}

static void peer_http_start(struct fy_peer *port, struct fy_peer_call *call)
{
    struct peer_http *peer = peer_from(port);
    struct peer_job *job = fy_alloc(sizeof(*job));
    job->call = call;
    job->asks = PEER_ASK_START;
    job->mailed = true;
    job->started_ms = fy_mono_ms(fy_clock_system());

    pthread_mutex_lock(&peer->mutex);
    struct peer_loop *loop = choose_loop(peer);
    job->loop = loop;
    loop->calls_open++;
    peer->calls_open++;
    call->adapter = job;
    pthread_mutex_unlock(&peer->mutex);
    fy_mailbox_put(&loop->box, &job->mail); /* the job may be over before this returns */
}

/* Safe at any time while the call's memory is there: a call that is over has no job. */
static void ask(struct peer_http *peer, struct fy_peer_call *call, enum peer_ask what)
{
    pthread_mutex_lock(&peer->mutex);
    struct peer_job *job = call->adapter;
    struct peer_loop *loop = NULL; /* of a job whose mail we put */
    if (job != NULL) {
        job->asks |= (unsigned)what;
        if (!job->mailed)
            loop = job->loop;
        job->mailed = true;
    }
    pthread_mutex_unlock(&peer->mutex);
    if (loop != NULL)
        fy_mailbox_put(&loop->box, &job->mail); /* mailed: the loop keeps it until it took this */
}

static void peer_http_resume(struct fy_peer *port, struct fy_peer_call *call)
{
    ask(peer_from(port), call, PEER_ASK_RESUME);
}

static void peer_http_cancel(struct fy_peer *port, struct fy_peer_call *call)
{
    ask(peer_from(port), call, PEER_ASK_CANCEL);
}

unsigned peer_job_take_asks(struct peer_job *job)
{
    struct peer_http *peer = job->loop->peer;
    pthread_mutex_lock(&peer->mutex);
    FY_ASSERT(job->mailed);
    unsigned asks = job->asks;
    job->asks = 0;
    job->mailed = false;
    pthread_mutex_unlock(&peer->mutex);
    return asks;
}

void peer_job_over(struct peer_job *job, enum fy_code code, enum fy_reason reason,
                   const struct fy_err *err)
{
    struct peer_loop *loop = job->loop;
    struct peer_http *peer = loop->peer;
    struct fy_peer_call *call = job->call;
    FY_ASSERT(!job->over);
    FY_ASSERT(job->seat == NULL);

    pthread_mutex_lock(&peer->mutex);
    call->adapter = NULL; /* from here cancel and resume find nothing */
    bool mailed = job->mailed;
    job->over = true;
    FY_ASSERT(loop->calls_open > 0);
    loop->calls_open--; /* what follows upon on_done finds this loop free, and its connection warm
                         */
    pthread_mutex_unlock(&peer->mutex);
    call->on_done(call, code, reason, err); /* which may free the call, or start it again */

    pthread_mutex_lock(&peer->mutex);
    peer->calls_open--; /* after on_done: close waits for it */
    if (peer->calls_open == 0)
        pthread_cond_signal(&peer->all_over);
    pthread_mutex_unlock(&peer->mutex);
    if (!mailed)
        free(job);
}

/* mutex of the share: libcurl's shared tables, used by all loops. */
static void share_lock(CURL *easy, curl_lock_data data, curl_lock_access access, void *arg)
{
    (void)easy;
    (void)access;
    pthread_mutex_lock(&((struct peer_http *)arg)->share_mutexes[data]);
}

static void share_unlock(CURL *easy, curl_lock_data data, void *arg)
{
    (void)easy;
    pthread_mutex_unlock(&((struct peer_http *)arg)->share_mutexes[data]);
}

static void share_open(struct peer_http *peer)
{
    for (size_t i = 0; i < FY_COUNT_OF(peer->share_mutexes); i++)
        FY_ASSERT(pthread_mutex_init(&peer->share_mutexes[i], NULL) == 0);
    peer->share = curl_share_init();
    FY_ASSERT(peer->share != NULL); /* fails for want of memory only */
    FY_ASSERT(curl_share_setopt(peer->share, CURLSHOPT_LOCKFUNC, share_lock) == CURLSHE_OK);
    FY_ASSERT(curl_share_setopt(peer->share, CURLSHOPT_UNLOCKFUNC, share_unlock) == CURLSHE_OK);
    FY_ASSERT(curl_share_setopt(peer->share, CURLSHOPT_USERDATA, peer) == CURLSHE_OK);
    FY_ASSERT(curl_share_setopt(peer->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK);
    FY_ASSERT(curl_share_setopt(peer->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) ==
              CURLSHE_OK);
}

static void stop_all(struct peer_http *peer)
{
    for (uint32_t i = 0; i < peer->loop_count; i++)
        fy_mailbox_put(&peer->loops[i].box, &peer->loops[i].stop);
    pthread_mutex_lock(&peer->mutex);
    while (peer->calls_open > 0)
        FY_ASSERT(pthread_cond_wait(&peer->all_over, &peer->mutex) == 0);
    pthread_mutex_unlock(&peer->mutex);
    /* Only now, for an on_done of one loop may have started a call on another. */
    for (uint32_t i = 0; i < peer->loop_count; i++)
        fy_mailbox_put(&peer->loops[i].box, &peer->loops[i].exit);
    for (uint32_t i = 0; i < peer->loop_count; i++)
        FY_ASSERT(pthread_join(peer->loops[i].thread, NULL) == 0);
}

static void peer_http_close(struct fy_peer *port)
{
    struct peer_http *peer = peer_from(port);
    stop_all(peer);
    for (uint32_t i = 0; i < peer->loop_count; i++)
        peer_loop_done(&peer->loops[i]);
    FY_ASSERT(curl_share_cleanup(peer->share) == CURLSHE_OK); /* else a handle still uses it */
    for (size_t i = 0; i < FY_COUNT_OF(peer->share_mutexes); i++)
        pthread_mutex_destroy(&peer->share_mutexes[i]);
    pthread_cond_destroy(&peer->all_over);
    pthread_mutex_destroy(&peer->mutex);
    curl_global_cleanup();
    free(peer);
}

static const struct fy_peer_ops peer_http_ops = {
    .name = "http",
    .start = peer_http_start,
    .resume = peer_http_resume,
    .cancel = peer_http_cancel,
    .close = peer_http_close,
};

static enum fy_code loops_open(struct peer_http *peer, uint32_t loop_count, struct fy_err *err)
{
    while (peer->loop_count < loop_count) {
        struct peer_loop *loop = &peer->loops[peer->loop_count];
        char name[16];
        (void)snprintf(name, sizeof(name), "xfer-%u", peer->loop_count % FY_PEER_LOOPS_MAX);
        if (peer_loop_open(peer, loop, err) != FY_OK)
            return err->code;
        if (fy_thread_start(&loop->thread, name, peer_loop_main, loop, err) != FY_OK) {
            peer_loop_done(loop);
            return err->code;
        }
        peer->loop_count++; /* from here stop_all joins it */
    }
    return FY_OK;
}

enum fy_code fy_peer_http_open(const struct fy_peer_http_settings *settings, struct fy_peer **peer,
                               struct fy_err *err)
{
    FY_ASSERT(settings->loop_count >= 1);
    FY_ASSERT(settings->loop_count <= FY_PEER_LOOPS_MAX);
    FY_ASSERT(settings->stall_timeout_ms > 0);
    struct fy_err unheard; /* err may be NULL */
    err = err != NULL ? err : &unheard;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fy_err_set(err, FY_EINTERNAL, "libcurl does not start");

    struct peer_http *opened = fy_alloc(sizeof(*opened));
    opened->port.ops = &peer_http_ops;
    opened->connections_max = settings->connections_max;
    opened->connect_timeout_ms = settings->connect_timeout_ms;
    opened->stall_timeout_ms = settings->stall_timeout_ms;
    (void)snprintf(opened->user_agent, sizeof(opened->user_agent), "ferry/%s (%s)", FY_VERSION,
                   settings->site);
    FY_ASSERT(pthread_mutex_init(&opened->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&opened->all_over, NULL) == 0);
    share_open(opened);
    if (loops_open(opened, settings->loop_count, err) != FY_OK) {
        peer_http_close(&opened->port);
        return fy_err_add(err, "open the loops to other sites");
    }
    *peer = &opened->port;
    return FY_OK;
}
