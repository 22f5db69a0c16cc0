/* verdict.h - what an answer, a body or a failure means for its order (ENGINE 1.10). */
/* Pure functions: everything they know comes in as arguments, so that tests can ask them anything.
 */
#ifndef FY_WORKER_VERDICT_H
#define FY_WORKER_VERDICT_H

#include "common/ports/peer.h"

/* ------------------------------------------------------------------ promises */

/* What the bytes must be. With no digest and no size only the transport vouches for them. */
struct fy_promise {
    bool has_digest;
    struct fy_digest digest;
    int64_t size; /* -1: not promised */
};
/* The order's own promise. A size counts when it is above 0, or when the digest is that of no
 * bytes: a 0 beside any other digest means "not given" (JSON's missing number), and the digest
 * proves enough. */
void fy_promise_of_order(struct fy_promise *promise, const struct fy_order *order);
/* Fills from the source's headers what the order left open. */
void fy_promise_complete(struct fy_promise *promise, const struct fy_peer_head *head);
static inline enum fy_proof fy_promise_proof(const struct fy_promise *promise)
{
    return promise->has_digest ? FY_PROOF_PROMISE : FY_PROOF_TRANSPORT;
}

/* ------------------------------------------------------------------ failures */

struct fy_failure {
    enum fy_reason reason;  /* NONE: nothing failed */
    int http_status;        /* 0: no answer was involved */
    int64_t retry_after_ms; /* what the source asked for; 0 nothing */
    char detail[FY_ERR_TEXT_BYTES];
};
void fy_failure_set(struct fy_failure *failure, enum fy_reason reason, const char *format, ...)
    FY_PRINTF(3, 4);

enum fy_head_verdict {
    FY_HEAD_GO,         /* the body is what we want */
    FY_HEAD_EMPTY,      /* there are no bytes (416 of bytes=0-): the body is empty */
    FY_HEAD_SUPERSEDED, /* the source has a newer stamp: our order is history, success */
    FY_HEAD_FAILED,     /* *failure says why */
};
/*
 * The head of a source's answer for an object's bytes or facts.
 *   order    a newer stamp at the source supersedes it; but of a given order, whose stamp is taken
 *            over from there, only when the bytes are gone or are not what it promised
 *   promise  the order's own
 * Failures: 404/410 SRC_NOT_FOUND, 403 RIGHTS, 401/408/429/5xx and the unheard of SRC_REFUSED,
 * headers that are not the promise SRC_CHANGED.
 */
enum fy_head_verdict fy_verdict_head(const struct fy_order *order, const struct fy_promise *promise,
                                     const struct fy_peer_head *head, struct fy_failure *failure);
/* Whether facts alone prove that the source still has exactly the promised bytes (linking). */
bool fy_verdict_confirms(const struct fy_promise *promise, const struct fy_peer_head *head);
/* A body that is stored. false: SIZE_MISMATCH or HASH_MISMATCH with both values in the sentence. */
FY_MUST_CHECK bool fy_verdict_stored(const struct fy_promise *promise, int64_t size,
                                     const struct fy_digest *digest, struct fy_failure *failure);
/* A status that is no answer about the object (401, 408, 429, 5xx): the site's failure. */
bool fy_verdict_is_refusal(int http_status);
/* What becomes of an order that failed so. SRC_REFUSED is a site's failure, but for the statuses
 * that find fault with this very request (400, 409, 414, 431 and the like): those are the order's.
 */
enum fy_reason_class fy_failure_class(enum fy_reason reason, int http_status);

/* What the catalogue refused an order with; its other codes are CATALOGUE_ERROR (class LOCAL). */
enum fy_reason fy_verdict_catalogue(enum fy_code code);
/* What the store failed with: ENOSPACE STORE_FULL, else STORE_ERROR. */
enum fy_reason fy_verdict_store(enum fy_code code);

/* ------------------------------------------------------------------ what next */

/* The failures of one order so far. */
struct fy_trouble {
    struct fy_failure last;
    int64_t first_failed_ms; /* wall */
    int64_t last_failed_ms;  /* wall */
    uint32_t rounds;         /* moves to `waiting` so far */
    bool from_row;           /* it came out of `waiting`: one try, no pauses in memory */
    uint32_t tries;          /* failures in memory */
    uint32_t mismatches; /* wrong bytes in a row: a site that went away in between explains them */
    int64_t memory_since_ms; /* monotonic: first failure in memory */
    int64_t pause_ms;        /* last pause in memory before jitter */
};

struct fy_retry_policy {
    int64_t memory_ms, max_age_ms, first_ms, second_ms, later_ms;
};
struct fy_config;
/* The settings retry.*, as a policy. */
struct fy_retry_policy fy_retry_policy_of(const struct fy_config *config);

struct fy_moment {
    int64_t wall_ms, mono_ms;
    bool memory_free; /* fewer than FY_RETRY_MEMORY_MAX orders pause in memory */
    bool gate_shut;   /* no more orders may die of their sites' faults just now */
    uint32_t jitter;  /* any number: the pause varies by 20 % with it */
};

enum fy_next_kind {
    FY_NEXT_RETRY, /* in memory, at_ms monotonic */
    FY_NEXT_WAIT,  /* to `waiting`, due at_ms wall */
    FY_NEXT_DEAD,
    FY_NEXT_HOLD, /* the failure is ours: nothing is charged, the order keeps its place */
};
struct fy_next {
    enum fy_next_kind kind;
    int64_t at_ms;
};
/* Charges a failure to the order's trouble and says what becomes of it. */
struct fy_next fy_verdict_next(const struct fy_retry_policy *policy, struct fy_trouble *trouble,
                               const struct fy_failure *failure, const struct fy_moment *moment);
/* The same for an order that is not tried because its site's breaker is open: it keeps the reason
 * it had, else takes the breaker's. Never RETRY. */
struct fy_next fy_verdict_shunned(const struct fy_retry_policy *policy, struct fy_trouble *trouble,
                                  const struct fy_failure *failure, const struct fy_moment *moment);

#endif
