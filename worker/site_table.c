/* site_table.c - source sites: what they are, whether they answer, and waking their orders then. */
#include "worker/site_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/hash.h"
#include "common/core/log.h"
#include "common/runtime/knowledge.h"
#include "worker/engine.h"

/* ------------------------------------------------------------------ lists of jobs */

void fy_jobs_push(struct fy_jobs *jobs, struct fy_job *job)
{
    job->next = NULL;
    if (jobs->last != NULL)
        jobs->last->next = job;
    else
        jobs->first = job;
    jobs->last = job;
    jobs->count++;
}

void fy_jobs_push_front(struct fy_jobs *jobs, struct fy_job *job)
{
    job->next = jobs->first;
    jobs->first = job;
    if (jobs->last == NULL)
        jobs->last = job;
    jobs->count++;
}

struct fy_job *fy_jobs_pop(struct fy_jobs *jobs)
{
    struct fy_job *job = jobs->first;
    if (job == NULL)
        return NULL;
    jobs->first = job->next;
    if (jobs->first == NULL)
        jobs->last = NULL;
    job->next = NULL;
    jobs->count--;
    return job;
}

void fy_jobs_remove(struct fy_jobs *jobs, struct fy_job *job)
{
    struct fy_job *before = NULL;
    struct fy_job **at = &jobs->first;
    while (*at != job) {
        FY_ASSERT(*at != NULL);
        before = *at;
        at = &before->next;
    }
    *at = job->next;
    if (jobs->last == job)
        jobs->last = before;
    job->next = NULL;
    jobs->count--;
}

/* ------------------------------------------------------------------ entries */

static bool is_idle(const struct fy_site *site)
{
    return site->job_count == 0 && !site->calling && !site->waking;
}

/* Takes the idle entry that was used least recently out of the table; NULL: all are in use. */
static struct fy_site *forget_one(struct fy_engine *engine)
{
    struct fy_site **found = NULL;
    for (struct fy_site **at = &engine->sites; *at != NULL; at = &(*at)->next)
        if (is_idle(*at) && (found == NULL || (*at)->used_ms < (*found)->used_ms))
            found = at;
    if (found == NULL)
        return NULL;
    struct fy_site *site = *found;
    *found = site->next;
    engine->site_count--;
    return site;
}

static void site_free(struct fy_site *site)
{
    pthread_mutex_destroy(&site->mutex);
    free(site);
}

static struct fy_site *site_new(struct fy_engine *engine, const char *id)
{
    struct fy_site *site = NULL;
    if (engine->site_count >= FY_SITE_TABLE_MAX) {
        site = forget_one(engine);
        if (site == NULL)
            return NULL;
        site_free(site);
    }
    site = fy_alloc(sizeof(*site));
    FY_ASSERT(pthread_mutex_init(&site->mutex, NULL) == 0);
    FY_ASSERT(fy_text_copy(site->id, sizeof(site->id), id));
    site->engine = engine;
    fy_breaker_init(&site->breaker);
    site->next = engine->sites;
    engine->sites = site;
    engine->site_count++;
    return site;
}

struct fy_site *fy_site_get(struct fy_engine *engine, const char *id)
{
    struct fy_site *site = engine->sites;
    while (site != NULL && strcmp(site->id, id) != 0)
        site = site->next;
    if (site == NULL)
        site = site_new(engine, id);
    if (site != NULL)
        site->used_ms = engine->now_ms;
    return site;
}

void fy_sites_free(struct fy_engine *engine)
{
    while (engine->sites != NULL) {
        struct fy_site *site = engine->sites;
        FY_ASSERT(is_idle(site));
        engine->sites = site->next;
        site_free(site);
    }
    engine->site_count = 0;
}

/* The URI's hash with the low bits left free for the kind. */
static uint64_t uri_mark(const char *uri)
{
    return fy_hash_text(FY_HASH_START, uri) << 2;
}

enum fy_site_kind fy_site_kind(const struct fy_site *site, const char *uri)
{
    uint64_t known = atomic_load_explicit(&site->known, memory_order_acquire);
    if (known == 0 || (known & ~UINT64_C(3)) != uri_mark(uri))
        return FY_KIND_UNKNOWN;
    return (enum fy_site_kind)(known & 3);
}

/* ------------------------------------------------------------------ its one call: HELLO or CHECK
 */

/* The loop's thread: only numbers are kept, the texts are borrowed. */
static bool call_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct fy_site *site = call->arg;
    site->answered = true;
    site->head.http_status = head->http_status;
    site->head.ferry = head->ferry;
    site->head.retry_after_s = head->retry_after_s;
    return true;
}

static void call_answered(struct fy_engine *engine, struct fy_letter *letter);

static void call_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                      const struct fy_err *err)
{
    struct fy_site *site = call->arg;
    if (site->answered && fy_verdict_is_refusal(site->head.http_status)) {
        fy_failure_set(&site->failure, FY_SRC_REFUSED,
                       "the source answered %d when asked what it is", site->head.http_status);
        site->failure.http_status = site->head.http_status;
        site->failure.retry_after_ms = site->head.retry_after_s * 1000;
    } else if (!site->answered) {
        enum fy_reason why = reason == FY_REASON_NONE ? FY_SRC_UNREACHABLE : reason;
        fy_failure_set(&site->failure, code == FY_OK ? FY_INTERNAL : why, "%s", err->text);
    }
    pthread_mutex_lock(&site->mutex);
    site->call_live = false;
    pthread_mutex_unlock(&site->mutex);
    site->letter.open = call_answered;
    fy_engine_post(site->engine, &site->letter);
}

static void call_start(struct fy_site *site, enum fy_peer_verb verb)
{
    FY_ASSERT(!site->calling);
    struct fy_peer_call *call = &site->call;
    *call = (struct fy_peer_call){
        .verb = verb,
        .ferry = fy_site_kind(site, site->uri) == FY_KIND_FERRY,
        .deadline_ms = FY_SMALL_CALL_MS,
        .on_head = call_head,
        .on_done = call_done,
        .arg = site,
    };
    fy_peer_call_to(call, site->id, site->uri);
    memcpy(call->client, site->check_client, sizeof(call->client));
    memcpy(call->bucket, site->check_bucket, sizeof(call->bucket));
    site->calling = true;
    site->answered = false;
    site->failure = (struct fy_failure){0};
    site->engine->async_count++;
    pthread_mutex_lock(&site->mutex);
    site->call_live = true;
    fy_peer_start(site->engine->node->peer, call);
    pthread_mutex_unlock(&site->mutex);
}

void fy_site_cancel(struct fy_site *site)
{
    pthread_mutex_lock(&site->mutex);
    if (site->call_live)
        fy_peer_cancel(site->engine->node->peer, &site->call);
    pthread_mutex_unlock(&site->mutex);
}

/* Everybody who waits for the answer fails with the same. */
static void fail_asking(struct fy_site *site, const struct fy_failure *failure)
{
    struct fy_job *job;
    while ((job = fy_jobs_pop(&site->asking)) != NULL) {
        job->flight->failure = *failure;
        fy_job_fail(job);
    }
}

static void hello_next(struct fy_site *site)
{
    struct fy_job *job = site->asking.first;
    if (job == NULL || site->calling)
        return;
    if (fy_engine_cancelling(site->engine)) {
        struct fy_failure failure = {0};
        fy_failure_set(&failure, FY_CANCELLED, "the engine is stopping");
        fail_asking(site, &failure);
        return;
    }
    memcpy(site->uri, job->flight->call.uri, sizeof(site->uri));
    site->asked_ms = site->engine->now_ms;
    call_start(site, FY_PEER_HELLO);
}

static void hello_answered(struct fy_site *site)
{
    struct fy_job *job;
    for (job = site->asking.first; job != NULL; job = job->next)
        job->flight->asked = true;
    if (site->failure.reason != FY_REASON_NONE) {
        fail_asking(site, &site->failure);
        return;
    }
    bool ferry = site->head.ferry && site->head.http_status == 200;
    uint64_t kind = ferry ? FY_KIND_FERRY : FY_KIND_CCS;
    atomic_store_explicit(&site->known, uri_mark(site->call.uri) | kind, memory_order_release);
    struct fy_jobs asking = site->asking;
    site->asking = (struct fy_jobs){0};
    while ((job = fy_jobs_pop(&asking)) != NULL)
        fy_transfer_begin(job); /* comes back here when its URI is another */
}

void fy_enter_probe(struct fy_job *job)
{
    if (fy_site_kind(job->site, job->flight->call.uri) != FY_KIND_UNKNOWN) {
        fy_transfer_begin(job); /* the answer came while the job was in the mailbox */
        return;
    }
    fy_jobs_push(&job->site->asking, job);
    hello_next(job->site);
}

/* ------------------------------------------------------------------ waking what waits */

static void wake_page(struct fy_site *site);

static void wake_opened(struct fy_engine *engine, struct fy_letter *letter)
{
    struct fy_site *site = FY_CONTAINER_OF(letter, struct fy_site, wake_letter);
    engine->async_count--;
    site->waking = false;
    if (site->wake.op.code != FY_OK || fy_engine_stopping(engine))
        return; /* the rows keep their own due time */
    if (site->wake.matched > 0)
        fy_claim_due(engine, 0);
    if (site->wake.matched >= (int64_t)site->wake.filter.limit)
        wake_page(site);
}

static void wake_done(struct fy_cat_op *op)
{
    struct fy_site *site = op->arg;
    site->wake_letter.open = wake_opened;
    fy_engine_post(site->engine, &site->wake_letter);
}

static void wake_page(struct fy_site *site)
{
    struct fy_cat_wait_edit *wake = &site->wake;
    int64_t after_id = wake->last_id;
    *wake = (struct fy_cat_wait_edit){
        .op = {.kind = FY_CAT_WAIT_EDIT, .done = wake_done, .arg = site},
        .action = FY_WAIT_WAKE,
        .filter = {.id = -1,
                   .state = FY_WAITING,
                   .direction = FY_IN,
                   .after_id = after_id,
                   .limit = FY_WAKE_ROWS},
    };
    memcpy(wake->filter.site, site->id, sizeof(wake->filter.site));
    site->waking = true;
    site->engine->async_count++;
    fy_catalogue_writer_submit(site->engine->node->writer, &wake->op);
}

/* Its orders would come by themselves, but up to an hour later. */
static void healed(struct fy_site *site)
{
    fy_log(NULL, FY_INFO, "site.breaker_closed", fy_kv_str("site", site->id));
    if (site->waking)
        return;
    site->wake.last_id = 0;
    wake_page(site);
}

/* ------------------------------------------------------------------ the breaker */

static void check_answered(struct fy_site *site)
{
    bool well = site->failure.reason == FY_REASON_NONE;
    int64_t now_ms = site->engine->now_ms;
    if (fy_breaker_probed(&site->breaker, well, now_ms))
        healed(site);
    fy_breaker_stay_away(&site->breaker, now_ms + site->failure.retry_after_ms);
}

static void call_answered(struct fy_engine *engine, struct fy_letter *letter)
{
    struct fy_site *site = FY_CONTAINER_OF(letter, struct fy_site, letter);
    engine->async_count--;
    site->calling = false;
    if (site->call.verb == FY_PEER_HELLO)
        hello_answered(site);
    else
        check_answered(site);
    hello_next(site);
}

void fy_site_outcome(struct fy_job *job, enum fy_reason reason)
{
    struct fy_site *site = job->site;
    int64_t now_ms = site->engine->now_ms;
    if (reason != FY_REASON_NONE) {
        memcpy(site->uri, job->flight->call.uri, sizeof(site->uri));
        memcpy(site->check_client, job->flight->call.client, sizeof(site->check_client));
        memcpy(site->check_bucket, job->flight->call.bucket, sizeof(site->check_bucket));
        if (now_ms - site->asked_ms > FY_REPROBE_MS) /* it may have become another */
            atomic_store_explicit(&site->known, 0, memory_order_release);
    }
    bool opened = fy_breaker_outcome(&site->breaker, reason, now_ms);
    fy_breaker_stay_away(&site->breaker, now_ms + job->flight->failure.retry_after_ms);
    if (opened)
        fy_log(NULL, FY_WARN, "site.breaker_open", fy_kv_str("site", site->id),
               fy_kv_str("reason", fy_reason_name(reason)),
               fy_kv_str("detail", job->flight->failure.detail));
}

static void check_found(struct fy_engine *engine, struct fy_letter *letter)
{
    struct fy_site *site = FY_CONTAINER_OF(letter, struct fy_site, letter);
    engine->async_count--;
    site->calling = false;
    if (fy_engine_stopping(engine)) {
        hello_next(site); /* nobody is left to wait for an answer */
        return;
    }
    if (site->found_uri[0] != '\0')
        memcpy(site->uri, site->found_uri, sizeof(site->uri));
    call_start(site, FY_PEER_CHECK);
}

/* Runs on the look thread. */
static void check_look_up(struct fy_engine *engine, struct fy_letter *letter)
{
    struct fy_site *site = FY_CONTAINER_OF(letter, struct fy_site, letter);
    struct fy_site_row row = {0};
    struct fy_err err = {0};
    site->found_uri[0] = '\0';
    if (fy_know_site(engine->node, site->id, &row, &err) == FY_OK)
        memcpy(site->found_uri, row.uri, sizeof(site->found_uri));
    site->letter.open = check_found;
    fy_engine_post(engine, &site->letter);
}

/* While the breaker is open no order looks the site up, so the probe does: a site that was down
 * because its URI was wrong, or that has moved, is asked where it is now. */
static void check_begin(struct fy_site *site)
{
    site->calling = true;
    site->engine->async_count++;
    site->letter.open = check_look_up;
    fy_look_errand(site->engine, &site->letter);
}

int64_t fy_sites_turn(struct fy_engine *engine, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    for (struct fy_site *site = engine->sites; site != NULL; site = site->next) {
        if (!site->calling && !fy_engine_stopping(engine) &&
            fy_breaker_probe_due(&site->breaker, now_ms))
            check_begin(site);
        if (site->breaker.state == FY_BREAKER_OPEN && !site->calling &&
            site->breaker.probe_at_ms < next_ms)
            next_ms = site->breaker.probe_at_ms;
    }
    return next_ms;
}
