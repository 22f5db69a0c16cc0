/* verdict.c - classification: answers, bodies and failures, and the schedule of tries. */
#include "worker/verdict.h"

#include "common/core/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* SHA-256 of no bytes. */
static const struct fy_digest empty_digest = {{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                               0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                               0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                               0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

/* ------------------------------------------------------------------ promises */

static int64_t promised_size(int64_t size, bool has_digest, const struct fy_digest *digest)
{
    if (size > 0 || (size == 0 && has_digest && fy_digest_equal(digest, &empty_digest)))
        return size;
    return -1;
}

void fy_promise_of_order(struct fy_promise *promise, const struct fy_order *order)
{
    *promise = (struct fy_promise){0};
    promise->has_digest = fy_order_digest(order, &promise->digest);
    promise->size = promised_size(order->size, promise->has_digest, &promise->digest);
}

static void promise_of_head(struct fy_promise *promise, const struct fy_peer_head *head)
{
    *promise = (struct fy_promise){0};
    promise->has_digest = head->has_facts && fy_digest_parse(head->facts.hash, &promise->digest);
    promise->size = promised_size(head->size, promise->has_digest, &promise->digest);
}

void fy_promise_complete(struct fy_promise *promise, const struct fy_peer_head *head)
{
    struct fy_promise source;
    promise_of_head(&source, head);
    if (!promise->has_digest) {
        promise->has_digest = source.has_digest;
        promise->digest = source.digest;
    }
    if (promise->size < 0)
        promise->size = source.size;
}

/* ------------------------------------------------------------------ answers */

void fy_failure_set(struct fy_failure *failure, enum fy_reason reason, const char *format, ...)
{
    failure->reason = reason;
    failure->http_status = 0;
    failure->retry_after_ms = 0;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(failure->detail, sizeof(failure->detail), format,
                    arguments); /* cut when long */
    va_end(arguments);
}

bool fy_verdict_is_refusal(int http_status)
{
    return http_status == 401 || http_status == 408 || http_status == 429 || http_status >= 500;
}

enum fy_reason_class fy_failure_class(enum fy_reason reason, int http_status)
{
    bool own = http_status >= 400 && !fy_verdict_is_refusal(http_status);
    return reason == FY_SRC_REFUSED && own ? FY_CLASS_ORDER : fy_reason_class(reason);
}

static enum fy_head_verdict fail_status(const struct fy_peer_head *head, enum fy_reason reason,
                                        struct fy_failure *failure)
{
    fy_failure_set(failure, reason, "the source answered %d%s%.200s", head->http_status,
                   head->error[0] != '\0' ? ": " : "", head->error);
    failure->http_status = head->http_status;
    if (fy_verdict_is_refusal(head->http_status))
        failure->retry_after_ms = head->retry_after_s * 1000;
    return FY_HEAD_FAILED;
}

static enum fy_head_verdict fail_changed(const struct fy_peer_head *head,
                                         struct fy_failure *failure, const char *what,
                                         const char *source, const char *promise)
{
    fy_failure_set(failure, FY_SRC_CHANGED, "the source's %s is %.130s, the order's %.130s", what,
                   source, promise);
    failure->http_status = head->http_status;
    return FY_HEAD_FAILED;
}

/* Headers of a good answer against the order's promise. */
static enum fy_head_verdict compare_promise(const struct fy_order *order,
                                            const struct fy_promise *promise,
                                            const struct fy_peer_head *head,
                                            struct fy_failure *failure)
{
    struct fy_promise source;
    promise_of_head(&source, head);
    if (promise->has_digest && source.has_digest &&
        !fy_digest_equal(&promise->digest, &source.digest))
        return fail_changed(head, failure, "hash", head->facts.hash, order->hash);
    if (promise->size >= 0 && source.size >= 0 && promise->size != source.size) {
        char theirs[24];
        char ours[24];
        (void)snprintf(theirs, sizeof(theirs), "%lld", (long long)source.size);
        (void)snprintf(ours, sizeof(ours), "%lld", (long long)promise->size);
        return fail_changed(head, failure, "size", theirs, ours);
    }
    return FY_HEAD_GO;
}

static bool is_newer(const struct fy_order *order, const struct fy_peer_head *head)
{
    return head->ferry && head->has_stamp && fy_stamp_compare(&head->stamp, &order->stamp) > 0;
}

/* There is something. Newer than the order, it is history, unless that only asks for a copy of what
 * is there, and promised nothing else. */
static enum fy_head_verdict judge_good(const struct fy_order *order,
                                       const struct fy_promise *promise,
                                       const struct fy_peer_head *head, struct fy_failure *failure)
{
    bool newer = is_newer(order, head);
    if (newer && !order->given)
        return FY_HEAD_SUPERSEDED;
    enum fy_head_verdict verdict = compare_promise(order, promise, head, failure);
    if (!newer || verdict == FY_HEAD_GO)
        return verdict;
    *failure = (struct fy_failure){0};
    return FY_HEAD_SUPERSEDED;
}

enum fy_head_verdict fy_verdict_head(const struct fy_order *order, const struct fy_promise *promise,
                                     const struct fy_peer_head *head, struct fy_failure *failure)
{
    switch (head->http_status) {
    case 200:
    case 204: /* a HEAD's answer, as Ferry gives it for buckets */
    case 206:
        return judge_good(order, promise, head, failure);
    case 416:
        if (promise->size > 0)
            return fail_status(head, FY_SRC_CHANGED, failure);
        return FY_HEAD_EMPTY;
    case 404:
    case 410:
        if (is_newer(order, head))
            return FY_HEAD_SUPERSEDED;
        return fail_status(head, FY_SRC_NOT_FOUND, failure);
    case 403:
        return fail_status(head, FY_RIGHTS, failure);
    default:
        return fail_status(head, FY_SRC_REFUSED, failure);
    }
}

bool fy_verdict_confirms(const struct fy_promise *promise, const struct fy_peer_head *head)
{
    struct fy_promise source;
    promise_of_head(&source, head);
    return promise->has_digest && source.has_digest && promise->size == source.size &&
           fy_digest_equal(&promise->digest, &source.digest);
}

bool fy_verdict_stored(const struct fy_promise *promise, int64_t size,
                       const struct fy_digest *digest, struct fy_failure *failure)
{
    if (promise->size >= 0 && promise->size != size) {
        fy_failure_set(failure, FY_SIZE_MISMATCH, "got %lld bytes, promised were %lld",
                       (long long)size, (long long)promise->size);
        return false;
    }
    if (promise->has_digest && !fy_digest_equal(&promise->digest, digest)) {
        char got[FY_BASE32HEX_DIGITS + 1];
        char promised[FY_BASE32HEX_DIGITS + 1];
        fy_digest_print_base32hex(digest, got);
        fy_digest_print_base32hex(&promise->digest, promised);
        fy_failure_set(failure, FY_HASH_MISMATCH, "got bytes of SHA-256 %s, promised was %s", got,
                       promised);
        return false;
    }
    return true;
}

enum fy_reason fy_verdict_catalogue(enum fy_code code)
{
    switch ((int)code) { /* the codes an operation is refused with; the rest mean "it is away" */
    case FY_EEXISTS:
        return FY_CONFLICT;
    case FY_EFORBIDDEN:
        return FY_RIGHTS;
    case FY_EFROZEN:
        return FY_NOT_APPLIED;
    case FY_EINPUT:
    case FY_ETOOBIG:
    case FY_EINTERNAL:
        return FY_INTERNAL;
    default:
        return FY_CATALOGUE_ERROR;
    }
}

enum fy_reason fy_verdict_store(enum fy_code code)
{
    return code == FY_ENOSPACE ? FY_STORE_FULL : FY_STORE_ERROR;
}

/* ------------------------------------------------------------------ what next */

static bool is_mismatch(enum fy_reason reason)
{
    return reason == FY_SIZE_MISMATCH || reason == FY_HASH_MISMATCH;
}

struct fy_retry_policy fy_retry_policy_of(const struct fy_config *config)
{
    return (struct fy_retry_policy){
        .memory_ms = config->retry_memory_ms,
        .max_age_ms = config->retry_max_age_ms,
        .first_ms = config->retry_first_ms,
        .second_ms = config->retry_second_ms,
        .later_ms = config->retry_later_ms,
    };
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void charge(struct fy_trouble *trouble, const struct fy_failure *failure,
                   const struct fy_moment *moment)
{
    if (trouble->first_failed_ms == 0)
        trouble->first_failed_ms = moment->wall_ms;
    if (trouble->tries == 0)
        trouble->memory_since_ms = moment->mono_ms;
    trouble->last_failed_ms = moment->wall_ms;
    trouble->last = *failure;
    trouble->tries++;
    trouble->mismatches = is_mismatch(failure->reason) ? trouble->mismatches + 1 : 0;
}

/* Wall time at which retry.max_age ends the order. */
static int64_t end_ms(const struct fy_retry_policy *policy, const struct fy_trouble *trouble)
{
    return trouble->first_failed_ms + policy->max_age_ms;
}

/* The pause before the next try in memory, or -1 when the minute of tries is over. */
static int64_t memory_pause(const struct fy_retry_policy *policy, struct fy_trouble *trouble,
                            const struct fy_moment *moment)
{
    if (trouble->from_row || !moment->memory_free || trouble->mismatches >= FY_MISMATCH_TRIES)
        return -1;
    int64_t first_ms = is_mismatch(trouble->last.reason) ? FY_MISMATCH_PAUSE_MS : FY_RETRY_FIRST_MS;
    trouble->pause_ms = trouble->pause_ms == 0 ? first_ms : trouble->pause_ms * 2;
    if (trouble->pause_ms < first_ms)
        trouble->pause_ms = first_ms;
    trouble->pause_ms = least(trouble->pause_ms, FY_RETRY_PAUSE_MS_MAX);
    int64_t fifth = trouble->pause_ms / 5;
    int64_t pause_ms = trouble->pause_ms - fifth + (int64_t)(moment->jitter % (2 * fifth + 1));
    if (pause_ms < trouble->last.retry_after_ms)
        pause_ms = trouble->last.retry_after_ms;
    /* The last try is made when the order's time is up, not just before. */
    pause_ms = least(pause_ms, end_ms(policy, trouble) - moment->wall_ms);
    if (moment->mono_ms + pause_ms - trouble->memory_since_ms > policy->memory_ms)
        return -1;
    return pause_ms;
}

/* Due after the first, the second, then every later pause; never after the order's time is up. */
static int64_t due_ms(const struct fy_retry_policy *policy, const struct fy_trouble *trouble,
                      const struct fy_moment *moment)
{
    int64_t pause_ms = trouble->rounds == 0   ? policy->first_ms
                       : trouble->rounds == 1 ? policy->second_ms
                                              : policy->later_ms;
    if (trouble->last.reason == FY_RIGHTS && trouble->rounds == 0)
        pause_ms = policy->second_ms; /* rights do not come within a minute */
    if (pause_ms < trouble->last.retry_after_ms)
        pause_ms = trouble->last.retry_after_ms;
    return least(moment->wall_ms + pause_ms, end_ms(policy, trouble));
}

static enum fy_reason_class class_of(const struct fy_failure *failure)
{
    return fy_failure_class(failure->reason, failure->http_status);
}

/* Again after a minute and after ten (RIGHTS: after ten), then it is over. */
static bool rounds_are_over(const struct fy_trouble *trouble)
{
    if (class_of(&trouble->last) != FY_CLASS_ORDER)
        return false;
    return trouble->rounds >= (trouble->last.reason == FY_RIGHTS ? 1u : 2u);
}

static struct fy_next wait(const struct fy_retry_policy *policy, struct fy_trouble *trouble,
                           const struct fy_moment *moment)
{
    struct fy_next next = {FY_NEXT_WAIT, due_ms(policy, trouble, moment)};
    trouble->rounds++;
    return next;
}

/* The order's time is up. Many whose site is to blame are an outage, and wait on for its end. */
static struct fy_next expire(const struct fy_retry_policy *policy, struct fy_trouble *trouble,
                             const struct fy_moment *moment)
{
    if (class_of(&trouble->last) != FY_CLASS_SITE || !moment->gate_shut)
        return (struct fy_next){FY_NEXT_DEAD, 0};
    trouble->rounds++;
    return (struct fy_next){FY_NEXT_WAIT, moment->wall_ms + policy->later_ms};
}

struct fy_next fy_verdict_next(const struct fy_retry_policy *policy, struct fy_trouble *trouble,
                               const struct fy_failure *failure, const struct fy_moment *moment)
{
    enum fy_reason_class class = class_of(failure);
    if (class == FY_CLASS_LOCAL)
        return (struct fy_next){FY_NEXT_HOLD, 0};
    charge(trouble, failure, moment);
    if (class == FY_CLASS_POISON)
        return (struct fy_next){FY_NEXT_DEAD, 0};
    if (moment->wall_ms >= end_ms(policy, trouble))
        return expire(policy, trouble, moment);
    int64_t pause_ms = memory_pause(policy, trouble, moment);
    if (pause_ms >= 0)
        return (struct fy_next){FY_NEXT_RETRY, moment->mono_ms + pause_ms};
    if (rounds_are_over(trouble))
        return (struct fy_next){FY_NEXT_DEAD, 0};
    return wait(policy, trouble, moment);
}

struct fy_next fy_verdict_shunned(const struct fy_retry_policy *policy, struct fy_trouble *trouble,
                                  const struct fy_failure *failure, const struct fy_moment *moment)
{
    if (trouble->last.reason == FY_REASON_NONE)
        trouble->last = *failure;
    if (trouble->first_failed_ms == 0)
        trouble->first_failed_ms = moment->wall_ms;
    trouble->last_failed_ms = moment->wall_ms;
    if (moment->wall_ms >= end_ms(policy, trouble))
        return expire(policy, trouble, moment);
    uint32_t rounds = trouble->rounds;
    struct fy_next next = wait(policy, trouble, moment);
    if (class_of(&trouble->last) == FY_CLASS_ORDER)
        trouble->rounds = rounds; /* its few tries are for trying */
    return next;
}
