/* pull.c - what travels: a container's description, an object's facts, an object's bytes. */
/*
 * All callbacks run on the loop of the job's call and never block: bytes go to the store's writer
 * (which keeps small bodies in memory until they are made durable on the sync pool), those of big
 * bodies to a ring with a thread of its own behind it. on_done is where the job moves on.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/container_json.h"
#include "worker/engine.h"

static struct fy_job *job_of(struct fy_peer_call *call)
{
    return call->arg;
}

/* ------------------------------------------------------------------ which transfer */

static void choose_next(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    bool bytes_known = flight->link && !flight->unconfirmed;
    /* Of an empty object there is nothing to pull but its headers. */
    bool facts_suffice = bytes_known || flight->promise.size == 0;
    fy_job_become(job, facts_suffice ? FY_JOB_FACTS : FY_JOB_PULL);
}

void fy_transfer_begin(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    enum fy_site_kind kind = fy_site_kind(job->site, flight->call.uri);
    if (kind == FY_KIND_UNKNOWN) {
        fy_job_become(job, FY_JOB_PROBE);
        return;
    }
    flight->call.ferry = kind == FY_KIND_FERRY;
    if (!flight->look.container_known && !flight->described)
        fy_job_become(job, FY_JOB_DESCRIBE);
    else
        choose_next(job);
}

/* ------------------------------------------------------------------ the call */

/* The transfer has failed: what it left is dropped where that may block. */
static void give_up(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    if (flight->spool != NULL) {
        fy_spool_end(flight->spool, false); /* its thread fails the job when it has let go */
        return;
    }
    fy_store_abort(job->engine->node->store, flight->writer);
    flight->writer = NULL;
    fy_job_fail(job);
}

static void start_call(struct fy_job *job, enum fy_peer_verb verb)
{
    struct fy_flight *flight = job->flight;
    struct fy_peer_call *call = &flight->call;
    const struct fy_order *order = &job->order;
    call->verb = verb;
    call->arg = job;
    call->zstd = job->engine->node->config->pull_zstd;
    call->fresh = job->trouble != NULL && job->trouble->mismatches > 0;
    call->size_hint = order->size;
    call->deadline_ms = verb == FY_PEER_PULL ? 0 : FY_SMALL_CALL_MS;
    memcpy(call->site, order->from_site, sizeof(call->site));
    memcpy(call->op_id, order->op_id, sizeof(call->op_id));
    /* The owner asks: whoever may write here need not be known at the source (spec 4.2). */
    const char *owner =
        flight->look.account[0] != '\0' ? flight->look.account : fy_order_account(order);
    memcpy(call->client, owner, strlen(owner) + 1);
    memcpy(call->account, owner, strlen(owner) + 1);
    memcpy(call->bucket, order->bucket, sizeof(call->bucket));
    memcpy(call->object, order->object, sizeof(call->object));
    pthread_mutex_lock(&flight->mutex);
    bool start = !fy_engine_cancelling(job->engine); /* set before calls are cancelled one by one */
    if (start) {
        flight->asked = true;
        flight->call_live = true;
        fy_peer_start(job->engine->node->peer, call); /* inside: what has not begun has no cancel */
    }
    pthread_mutex_unlock(&flight->mutex);
    if (!start) {
        fy_failure_set(&flight->failure, FY_CANCELLED, "the engine is stopping");
        give_up(job);
    }
}

static void call_over(struct fy_flight *flight)
{
    pthread_mutex_lock(&flight->mutex);
    flight->call_live = false;
    pthread_mutex_unlock(&flight->mutex);
}

void fy_transfer_cancel(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    pthread_mutex_lock(&flight->mutex);
    if (flight->call_live)
        fy_peer_cancel(job->engine->node->peer, &flight->call);
    pthread_mutex_unlock(&flight->mutex);
}

/* What a call that did not end well says; a failure found on the way outranks it. */
static void fail_call(struct fy_job *job, enum fy_reason reason, const struct fy_err *err)
{
    struct fy_flight *flight = job->flight;
    bool stopping = fy_engine_cancelling(job->engine);
    if (stopping)
        reason = FY_CANCELLED;
    /* A call that we ended because of a failure ends as cancelled, too. */
    if (flight->failure.reason == FY_REASON_NONE || stopping)
        fy_failure_set(&flight->failure, reason == FY_REASON_NONE ? FY_INTERNAL : reason, "%s",
                       err->text);
}

/* ------------------------------------------------------------------ DESCRIBE */

static bool describe_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct fy_job *job = job_of(call);
    struct fy_flight *flight = job->flight;
    if (head->http_status == 200)
        return true;
    flight->refused = true; /* 404 and the like: the object's own answer will tell */
    if (fy_verdict_is_refusal(head->http_status))
        (void)fy_verdict_head(&job->order, &flight->promise, head, &flight->failure);
    return true;
}

static enum fy_peer_flow describe_data(struct fy_peer_call *call, const void *bytes,
                                       size_t size_bytes)
{
    struct fy_flight *flight = job_of(call)->flight;
    fy_buf_add(&flight->description, bytes, size_bytes);
    return flight->description.overflow ? FY_PEER_STOP : FY_PEER_TAKEN;
}

/* Stamps over ten minutes ahead are let in nowhere (DESIGN 3): nothing could ever change after
 * them. */
static bool is_far_ahead(const struct fy_job *job, const struct fy_stamp *stamp)
{
    return fy_stamp_ms(stamp) > fy_wall_ms(job->engine->node->clock) + FY_STAMP_AHEAD_MS_MAX;
}

/* A text that cannot be read leaves the container undescribed: it is there by its object. */
static void take_description(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    struct fy_container_json seen = {0};
    struct fy_err err = {0};
    if (flight->refused || flight->description.overflow || flight->description.bytes == NULL ||
        fy_container_json_parse(flight->description.bytes, flight->description.size_bytes, &seen,
                                &err) != FY_OK ||
        is_far_ahead(job, &seen.stamp))
        return;
    struct fy_bucket_facts *facts = &flight->write.apply.bucket;
    facts->known = true;
    facts->present = seen.has_register ? seen.present : seen.status == FY_STATUS_READY;
    facts->stamp = seen.stamp;
    facts->creation_ms = seen.creation_ms;
    facts->expires_ms = seen.expires_ms;
    /* A CCS order names who acted; the bucket's owner stands in its description. */
    if (job->order.account[0] == '\0' && seen.account[0] != '\0') {
        memcpy(job->order.account, seen.account, sizeof(job->order.account));
        memcpy(flight->look.account, seen.account, sizeof(flight->look.account));
    }
}

static void describe_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                          const struct fy_err *err)
{
    struct fy_job *job = job_of(call);
    struct fy_flight *flight = job->flight;
    call_over(flight);
    if (code != FY_OK && !flight->description.overflow)
        fail_call(job, reason, err);
    if (flight->failure.reason != FY_REASON_NONE) {
        fy_job_fail(job);
        return;
    }
    take_description(job);
    fy_buf_done(&flight->description);
    flight->refused = false;
    flight->described = true;
    choose_next(job);
}

void fy_enter_describe(struct fy_job *job)
{
    struct fy_peer_call *call = &job->flight->call;
    fy_buf_init(&job->flight->description, FY_DESCRIPTION_BYTES_MAX);
    call->on_head = describe_head;
    call->on_data = describe_data;
    call->on_done = describe_done;
    start_call(job, FY_PEER_DESCRIBE);
}

/* ------------------------------------------------------------------ heads of objects */

/* Keeps what the source says of the object besides its bytes. */
static void keep_facts(struct fy_job *job, const struct fy_peer_head *head)
{
    struct fy_flight *flight = job->flight;
    if (head->has_facts)
        flight->write.apply.facts = head->facts;
    if (head->has_stamp) {
        flight->source_stamp = head->stamp;
        /* An order that no site's change wrote (a given one, or one with a stamp above its
         * source's) takes the stamp of the change it copies: the copies of one change have one
         * stamp everywhere, and such an order given twice is a duplicate. */
        bool fits = job->order.given && !is_far_ahead(job, &head->stamp);
        if (fits || fy_stamp_compare(&head->stamp, &job->order.stamp) < 0)
            flight->taken_stamp = head->stamp;
    }
    fy_promise_complete(&flight->promise, head);
}

/* Of a site that is a Ferry, something else answers in its place: a proxy's page, another program.
 * Whatever it says, good or bad, it says nothing of the object. */
static bool is_not_its_own(struct fy_flight *flight, const struct fy_peer_head *head)
{
    if (!flight->call.ferry || head->ferry)
        return false;
    fy_failure_set(&flight->failure, FY_SRC_REFUSED, "the source answered %d, not as a Ferry",
                   head->http_status);
    return true;
}

/* true: the body may come. */
static bool judge_head(struct fy_job *job, const struct fy_peer_head *head)
{
    struct fy_flight *flight = job->flight;
    struct fy_promise own;
    if (is_not_its_own(flight, head)) {
        flight->refused = true;
        return false;
    }
    fy_promise_of_order(&own, &job->order);
    switch (fy_verdict_head(&job->order, &own, head, &flight->failure)) {
    case FY_HEAD_GO:
        keep_facts(job, head);
        return true;
    case FY_HEAD_EMPTY:
        keep_facts(job, head);
        break;
    case FY_HEAD_SUPERSEDED:
        flight->superseded = true;
        break;
    case FY_HEAD_FAILED:
        break;
    }
    flight->refused = true; /* what follows is the text of an error page */
    return false;
}

/* ------------------------------------------------------------------ FACTS */

static bool facts_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct fy_job *job = job_of(call);
    struct fy_flight *flight = job->flight;
    struct fy_promise own;
    fy_promise_of_order(&own, &job->order);
    if (judge_head(job, head) && flight->link && !fy_verdict_confirms(&own, head))
        flight->unconfirmed = true; /* no hash in its headers: only the bytes can prove it */
    return true;
}

static void facts_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                       const struct fy_err *err)
{
    struct fy_job *job = job_of(call);
    struct fy_flight *flight = job->flight;
    call_over(flight);
    if (code != FY_OK)
        fail_call(job, reason, err);
    if (flight->failure.reason != FY_REASON_NONE) {
        fy_job_fail(job);
        return;
    }
    if (flight->superseded) {
        fy_job_become(job, FY_JOB_RECORD);
        return;
    }
    flight->refused = false;
    bool linked = flight->link && !flight->unconfirmed;
    fy_job_become(job, linked || flight->promise.size == 0 ? FY_JOB_SYNC : FY_JOB_PULL);
}

void fy_enter_facts(struct fy_job *job)
{
    struct fy_peer_call *call = &job->flight->call;
    call->on_head = facts_head;
    call->on_data = NULL;
    call->on_done = facts_done;
    start_call(job, FY_PEER_FACTS);
}

/* ------------------------------------------------------------------ PULL */

/* Whether the answer goes on exactly where the last one broke off. */
static bool continues(const struct fy_flight *flight, const struct fy_peer_head *head)
{
    return head->http_status == 206 && head->has_stamp &&
           fy_stamp_compare(&head->stamp, &flight->source_stamp) == 0;
}

static bool pull_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct fy_job *job = job_of(call);
    struct fy_flight *flight = job->flight;
    if (flight->received > 0) {
        if (continues(flight, head))
            return true;
        flight->resumes = FY_PULL_RESUMES_MAX; /* not in this attempt any more */
        fy_failure_set(&flight->failure, FY_SRC_UNREACHABLE,
                       "the source broke off and answered %d when asked for the rest",
                       head->http_status);
        return false;
    }
    (void)judge_head(job, head);
    return true;
}

/* An error page is read for its connection's sake, within reason. */
static enum fy_peer_flow drop_data(struct fy_flight *flight, size_t size_bytes)
{
    flight->dropped += (int64_t)size_bytes;
    return flight->dropped > FY_ERROR_BODY_BYTES_MAX ? FY_PEER_STOP : FY_PEER_TAKEN;
}

/* Small bodies: to the store's own buffer, or in pieces to its file. */
static enum fy_peer_flow store_data(struct fy_job *job, const void *bytes, size_t size_bytes)
{
    struct fy_flight *flight = job->flight;
    struct fy_store *store = job->engine->node->store;
    struct fy_err err = {0};
    enum fy_code code = FY_OK;
    if (flight->writer == NULL)
        code = fy_store_begin(store, flight->promise.size, &flight->writer, &err);
    if (code == FY_OK)
        code = fy_store_append(store, flight->writer, bytes, size_bytes, &err);
    if (code == FY_OK)
        return FY_PEER_TAKEN;
    fy_store_failed(job, &err);
    return FY_PEER_STOP;
}

static enum fy_peer_flow pull_data(struct fy_peer_call *call, const void *bytes, size_t size_bytes)
{
    struct fy_job *job = job_of(call);
    struct fy_flight *flight = job->flight;
    if (fy_engine_cancelling(job->engine))
        return FY_PEER_STOP;
    if (flight->refused)
        return drop_data(flight, size_bytes);
    int64_t received = flight->received + (int64_t)size_bytes;
    if (flight->promise.size >= 0 && received > flight->promise.size) {
        fy_failure_set(&flight->failure, FY_SIZE_MISMATCH,
                       "the source sends more than the %lld bytes that were promised",
                       (long long)flight->promise.size);
        return FY_PEER_STOP;
    }
    enum fy_peer_flow flow = flight->spool != NULL ? fy_spool_put(flight->spool, bytes, size_bytes)
                                                   : store_data(job, bytes, size_bytes);
    if (flow == FY_PEER_TAKEN)
        flight->received = received;
    return flow;
}

/* A big body whose source broke off goes on from there, as long as it is the same version. */
static bool may_resume(const struct fy_job *job)
{
    const struct fy_flight *flight = job->flight;
    return flight->spool != NULL && flight->call.ferry && !flight->call.zstd &&
           flight->received > 0 && !fy_stamp_is_zero(&flight->source_stamp) &&
           flight->failure.reason == FY_REASON_NONE && flight->resumes < FY_PULL_RESUMES_MAX &&
           !fy_engine_cancelling(job->engine);
}

static void pull_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                      const struct fy_err *err)
{
    struct fy_job *job = job_of(call);
    struct fy_flight *flight = job->flight;
    call_over(flight);
    fy_metric_add(fy_engine_numbers(job->engine), FY_M_BYTES_PULLED,
                  flight->received - call->offset);
    if (code != FY_OK && !(flight->refused && flight->dropped > FY_ERROR_BODY_BYTES_MAX)) {
        if (may_resume(job)) {
            flight->resumes++;
            fy_job_become(job, FY_JOB_PULL);
            return;
        }
        if (!flight->superseded)
            fail_call(job, reason, err);
    }
    if (flight->failure.reason != FY_REASON_NONE)
        give_up(job);
    else if (flight->superseded && flight->spool != NULL)
        fy_spool_end(flight->spool, false);
    else
        fy_job_become(job, flight->superseded ? FY_JOB_RECORD : FY_JOB_SYNC);
}

void fy_enter_pull(struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    struct fy_peer_call *call = &flight->call;
    call->on_head = pull_head;
    call->on_data = pull_data;
    call->on_done = pull_done;
    call->offset = flight->received;
    if (job->big && flight->spool == NULL)
        flight->spool = fy_spool_open(job);
    start_call(job, FY_PEER_PULL);
}
