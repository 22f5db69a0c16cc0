/* verdict_test.c - what answers, bodies and failures mean (DESIGN 3 and 6, ENGINE 1.10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/peer_head.h"
#include "worker/gate.h"
#include "worker/verdict.h"

#define HELLO_HASH "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i0" /* of "hello" */
#define EMPTY_HASH "seoc8gkovge196nruj49irtp4gjqsgf4cidp6j54imchmu2in1ag" /* of nothing */

static struct fy_order order_of(const char *hash, int64_t size)
{
    struct fy_order order = {.action = FY_ACTION_CREATE, .size = size};
    order.stamp = (struct fy_stamp){.time = 1000, .site = "site-a"};
    (void)snprintf(order.hash, sizeof(order.hash), "%s", hash);
    return order;
}

static struct fy_peer_head head_of(int http_status, const char *hash, int64_t size)
{
    struct fy_peer_head head = peer_head(http_status);
    head.ferry = true;
    head.has_facts = true;
    head.size = size;
    (void)snprintf(head.facts.hash, sizeof(head.facts.hash), "%s", hash);
    return head;
}

static enum fy_head_verdict judge(const struct fy_order *order, const struct fy_peer_head *head,
                                  enum fy_reason *reason)
{
    struct fy_promise promise;
    struct fy_failure failure = {0};
    fy_promise_of_order(&promise, order);
    enum fy_head_verdict verdict = fy_verdict_head(order, &promise, head, &failure);
    *reason = failure.reason;
    assert_int_equal(verdict == FY_HEAD_FAILED, failure.reason != FY_REASON_NONE);
    return verdict;
}

/* ------------------------------------------------------------------ promises */

static void a_promise_is_a_digest_and_a_size_that_counts(void **state)
{
    (void)state;
    static const struct {
        const char *hash;
        int64_t size;
        bool has_digest;
        int64_t promised;
    } cases[] = {
        {HELLO_HASH, 5, true, 5}, {HELLO_HASH, 0, true, -1}, {EMPTY_HASH, 0, true, 0},
        {"", 5, false, 5},        {"", 0, false, -1},        {"opaque", 7, false, 7},
        {"opaque", 0, false, -1},
    };
    for (size_t i = 0; i < FY_COUNT_OF(cases); i++) {
        struct fy_order order = order_of(cases[i].hash, cases[i].size);
        struct fy_promise promise;
        fy_promise_of_order(&promise, &order);
        assert_int_equal(promise.has_digest, cases[i].has_digest);
        assert_int_equal(promise.size, cases[i].promised);
    }
}

static void the_source_completes_what_the_order_left_open(void **state)
{
    (void)state;
    struct fy_order order = order_of("", 0);
    struct fy_peer_head head = head_of(200, HELLO_HASH, 5);
    struct fy_promise promise;
    fy_promise_of_order(&promise, &order);
    assert_int_equal(fy_promise_proof(&promise), FY_PROOF_TRANSPORT);
    fy_promise_complete(&promise, &head);
    assert_true(promise.has_digest);
    assert_int_equal(promise.size, 5);
    assert_int_equal(fy_promise_proof(&promise), FY_PROOF_PROMISE);
    order = order_of(EMPTY_HASH, 0); /* but never changes what it said */
    fy_promise_of_order(&promise, &order);
    fy_promise_complete(&promise, &head);
    assert_int_equal(promise.size, 0);
}

static void only_equal_hash_and_size_confirm_a_link(void **state)
{
    (void)state;
    struct fy_order order = order_of(HELLO_HASH, 5);
    struct fy_promise promise;
    fy_promise_of_order(&promise, &order);
    struct fy_peer_head head = head_of(200, HELLO_HASH, 5);
    assert_true(fy_verdict_confirms(&promise, &head));
    head = head_of(200, "", 5);
    assert_false(fy_verdict_confirms(&promise, &head));
    head = head_of(200, HELLO_HASH, 6);
    assert_false(fy_verdict_confirms(&promise, &head));
    head = head_of(200, HELLO_HASH, 5);
    head.has_facts = false;
    assert_false(fy_verdict_confirms(&promise, &head));
}

static void stored_bytes_must_be_those_promised(void **state)
{
    (void)state;
    struct fy_order order = order_of(HELLO_HASH, 5);
    struct fy_promise promise;
    struct fy_failure failure = {0};
    struct fy_digest other = {{1}};
    fy_promise_of_order(&promise, &order);
    assert_true(fy_verdict_stored(&promise, 5, &promise.digest, &failure));
    assert_false(fy_verdict_stored(&promise, 4, &promise.digest, &failure));
    assert_int_equal(failure.reason, FY_SIZE_MISMATCH);
    assert_false(fy_verdict_stored(&promise, 5, &other, &failure));
    assert_int_equal(failure.reason, FY_HASH_MISMATCH);
    assert_non_null(strstr(failure.detail, HELLO_HASH)); /* both digests stand in the sentence */
    promise = (struct fy_promise){.size = -1};
    assert_true(fy_verdict_stored(&promise, 77, &other, &failure));
}

/* ------------------------------------------------------------------ answers */

static void every_status_has_its_reason(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum fy_head_verdict verdict;
        enum fy_reason reason;
    } cases[] = {
        {200, FY_HEAD_GO, FY_REASON_NONE},       {206, FY_HEAD_GO, FY_REASON_NONE},
        {404, FY_HEAD_FAILED, FY_SRC_NOT_FOUND}, {410, FY_HEAD_FAILED, FY_SRC_NOT_FOUND},
        {403, FY_HEAD_FAILED, FY_RIGHTS},        {401, FY_HEAD_FAILED, FY_SRC_REFUSED},
        {408, FY_HEAD_FAILED, FY_SRC_REFUSED},   {429, FY_HEAD_FAILED, FY_SRC_REFUSED},
        {500, FY_HEAD_FAILED, FY_SRC_REFUSED},   {503, FY_HEAD_FAILED, FY_SRC_REFUSED},
        {301, FY_HEAD_FAILED, FY_SRC_REFUSED},   {418, FY_HEAD_FAILED, FY_SRC_REFUSED},
        {416, FY_HEAD_FAILED, FY_SRC_CHANGED},
    };
    struct fy_order order = order_of(HELLO_HASH, 5);
    for (size_t i = 0; i < FY_COUNT_OF(cases); i++) {
        enum fy_reason reason;
        struct fy_peer_head head = head_of(cases[i].status, "", -1);
        assert_int_equal(judge(&order, &head, &reason), cases[i].verdict);
        assert_int_equal(reason, cases[i].reason);
    }
}

static void an_empty_object_answers_416_to_bytes_from_0(void **state)
{
    (void)state;
    enum fy_reason reason;
    struct fy_peer_head head = head_of(416, EMPTY_HASH, 0);
    struct fy_order order = order_of(EMPTY_HASH, 0);
    assert_int_equal(judge(&order, &head, &reason), FY_HEAD_EMPTY);
    order = order_of("", 0);
    assert_int_equal(judge(&order, &head, &reason), FY_HEAD_EMPTY);
}

static void headers_that_are_not_the_promise_are_a_changed_source(void **state)
{
    (void)state;
    enum fy_reason reason;
    struct fy_order order = order_of(HELLO_HASH, 5);
    struct fy_peer_head head = head_of(200, EMPTY_HASH, 5);
    assert_int_equal(judge(&order, &head, &reason), FY_HEAD_FAILED);
    assert_int_equal(reason, FY_SRC_CHANGED);
    head = head_of(200, HELLO_HASH, 6);
    assert_int_equal(judge(&order, &head, &reason), FY_HEAD_FAILED);
    assert_int_equal(reason, FY_SRC_CHANGED);
    head = head_of(200, "what ever", 0); /* CCS: opaque, and 0 means unknown */
    assert_int_equal(judge(&order, &head, &reason), FY_HEAD_GO);
}

static void a_newer_stamp_at_the_source_supersedes(void **state)
{
    (void)state;
    enum fy_reason reason;
    struct fy_order order = order_of(HELLO_HASH, 5);
    struct fy_peer_head gone = head_of(404, "", -1);
    struct fy_peer_head changed = head_of(200, EMPTY_HASH, 0);
    gone.has_stamp = changed.has_stamp = true;
    gone.stamp = changed.stamp = (struct fy_stamp){.time = 1001, .site = "site-a"};
    assert_int_equal(judge(&order, &gone, &reason), FY_HEAD_SUPERSEDED);
    assert_int_equal(judge(&order, &changed, &reason), FY_HEAD_SUPERSEDED);
    gone.stamp = changed.stamp = order.stamp;
    assert_int_equal(judge(&order, &gone, &reason), FY_HEAD_FAILED);
    assert_int_equal(reason, FY_SRC_NOT_FOUND);
    gone.stamp.time = 1001;
    gone.ferry = false; /* the header of somebody who is no Ferry says nothing */
    assert_int_equal(judge(&order, &gone, &reason), FY_HEAD_FAILED);
}

/* Its stamp is only when it was given: what is there now is what it asks for, if that fits. */
static void a_given_order_copies_what_is_newer_unless_it_promised_else(void **state)
{
    (void)state;
    enum fy_reason reason;
    struct fy_order order = order_of(HELLO_HASH, 5);
    struct fy_peer_head same = head_of(200, HELLO_HASH, 5);
    struct fy_peer_head changed = head_of(200, EMPTY_HASH, 0);
    struct fy_peer_head gone = head_of(404, "", -1);
    order.given = true;
    same.has_stamp = changed.has_stamp = gone.has_stamp = true;
    same.stamp = changed.stamp = gone.stamp = (struct fy_stamp){.time = 1001, .site = "site-a"};
    assert_int_equal(judge(&order, &same, &reason), FY_HEAD_GO);
    assert_int_equal(judge(&order, &changed, &reason), FY_HEAD_SUPERSEDED);
    assert_int_equal(judge(&order, &gone, &reason), FY_HEAD_SUPERSEDED);
    changed.stamp.time = 999;
    assert_int_equal(judge(&order, &changed, &reason), FY_HEAD_FAILED);
    assert_int_equal(reason, FY_SRC_CHANGED);
}

/* ------------------------------------------------------------------ what next */

static const struct fy_retry_policy policy = {.memory_ms = 60000,
                                              .max_age_ms = 24 * 3600 * 1000,
                                              .first_ms = 60000,
                                              .second_ms = 600000,
                                              .later_ms = 3600000};

struct life {
    int64_t now_ms;
    int tries_in_memory;
    int rounds;
    bool dead;
    int64_t left_memory_ms;
    int64_t died_ms;
};

/* Lives an order that fails with reason every time, from 0 until it is dead or two days are over.
 */
static struct life live(const struct fy_retry_policy *given, enum fy_reason reason, uint32_t jitter)
{
    struct life life = {.left_memory_ms = -1};
    struct fy_trouble trouble = {0};
    const int64_t start_ms = 5000000;
    while (!life.dead && life.now_ms < 48 * 3600 * 1000LL) {
        struct fy_failure failure = {.reason = reason};
        struct fy_moment moment = {.wall_ms = start_ms + life.now_ms,
                                   .mono_ms = 77 + life.now_ms,
                                   .memory_free = true,
                                   .jitter = jitter};
        struct fy_next next = fy_verdict_next(given, &trouble, &failure, &moment);
        life.tries_in_memory += trouble.from_row ? 0 : 1;
        if (next.kind == FY_NEXT_RETRY) {
            life.now_ms = next.at_ms - 77;
        } else if (next.kind == FY_NEXT_WAIT) {
            if (life.left_memory_ms < 0)
                life.left_memory_ms = life.now_ms;
            life.rounds++;
            life.now_ms = next.at_ms - start_ms;
            trouble.from_row = true;
        } else {
            assert_int_equal(next.kind, FY_NEXT_DEAD);
            life.dead = true;
            life.died_ms = life.now_ms;
        }
    }
    return life;
}

static void a_minute_of_tries_in_memory_then_waiting(void **state)
{
    (void)state;
    for (uint32_t jitter = 0; jitter < 100000; jitter += 997) {
        struct life life = live(&policy, FY_SRC_UNREACHABLE, jitter);
        assert_true(life.tries_in_memory >= 7);
        assert_true(life.tries_in_memory <= 12);
        assert_true(life.left_memory_ms <= 60000);
        assert_true(life.left_memory_ms >= 20000);
        assert_true(life.dead);
        assert_int_equal(life.died_ms, 24 * 3600 * 1000); /* not before, not by a count */
    }
}

static void an_orders_own_failure_ends_after_one_and_ten_minutes(void **state)
{
    (void)state;
    static const enum fy_reason reasons[] = {FY_SRC_NOT_FOUND, FY_SRC_CHANGED,   FY_CONFLICT,
                                             FY_HASH_MISMATCH, FY_SIZE_MISMATCH, FY_INTERNAL};
    for (size_t i = 0; i < FY_COUNT_OF(reasons); i++) {
        struct life life = live(&policy, reasons[i], 50);
        assert_true(life.dead);
        assert_int_equal(life.rounds, 2);
        assert_int_equal(life.died_ms, life.left_memory_ms + 60000 + 600000);
    }
    struct life life = live(&policy, FY_RIGHTS, 50);
    assert_int_equal(life.rounds, 1);
    assert_int_equal(life.died_ms, life.left_memory_ms + 600000);
}

static void wrong_bytes_are_downloaded_three_times_in_memory(void **state)
{
    (void)state;
    struct life life = live(&policy, FY_HASH_MISMATCH, 50);
    assert_int_equal(life.tries_in_memory, FY_MISMATCH_TRIES);
    assert_true(life.left_memory_ms >= 10000); /* thousands of others pass meanwhile */
}

/* A source that is killed in the middle of bodies must not make dead letters. */
static void mismatches_count_in_a_row_only(void **state)
{
    (void)state;
    struct fy_trouble trouble = {0};
    struct fy_moment moment = {.wall_ms = 1000, .mono_ms = 1000, .memory_free = true};
    for (int i = 0; i < 3; i++) {
        struct fy_failure cut = {.reason = FY_SIZE_MISMATCH};
        struct fy_failure away = {.reason = FY_SRC_UNREACHABLE};
        assert_int_equal(fy_verdict_next(&policy, &trouble, &cut, &moment).kind, FY_NEXT_RETRY);
        moment.mono_ms += 10;
        assert_int_equal(fy_verdict_next(&policy, &trouble, &away, &moment).kind, FY_NEXT_RETRY);
        moment.mono_ms += 10;
    }
}

static void retry_max_age_ends_everything_with_its_own_reason(void **state)
{
    (void)state;
    struct fy_retry_policy brief = policy;
    brief.max_age_ms = 2000;
    for (int reason = FY_REASON_NONE + 1; reason < FY_REASON_COUNT; reason++) {
        enum fy_reason_class class = fy_reason_class((enum fy_reason)reason);
        if (class != FY_CLASS_ORDER && class != FY_CLASS_SITE)
            continue;
        struct life life = live(&brief, (enum fy_reason)reason, 12345);
        assert_true(life.dead);
        assert_int_equal(life.died_ms, 2000);
        assert_int_equal(life.rounds, 0); /* it never outlasts its age in memory, nor leaves it */
    }
}

static void local_failures_charge_nothing_and_poison_waits_for_nothing(void **state)
{
    (void)state;
    static const enum fy_reason ours[] = {FY_STORE_FULL, FY_STORE_ERROR, FY_CATALOGUE_ERROR};
    struct fy_trouble trouble = {0};
    struct fy_moment moment = {.wall_ms = 1000, .mono_ms = 1000, .memory_free = true};
    for (size_t i = 0; i < FY_COUNT_OF(ours); i++) {
        struct fy_failure failure = {.reason = ours[i]};
        assert_int_equal(fy_verdict_next(&policy, &trouble, &failure, &moment).kind, FY_NEXT_HOLD);
    }
    assert_int_equal(trouble.tries, 0);
    assert_int_equal(trouble.first_failed_ms, 0);
    struct fy_failure poison = {.reason = FY_BAD_ORDER};
    assert_int_equal(fy_verdict_next(&policy, &trouble, &poison, &moment).kind, FY_NEXT_DEAD);
}

static void a_full_memory_sends_orders_to_waiting_at_once(void **state)
{
    (void)state;
    struct fy_trouble trouble = {0};
    struct fy_failure failure = {.reason = FY_STALLED};
    struct fy_moment moment = {.wall_ms = 1000, .mono_ms = 1000, .memory_free = false};
    struct fy_next next = fy_verdict_next(&policy, &trouble, &failure, &moment);
    assert_int_equal(next.kind, FY_NEXT_WAIT);
    assert_int_equal(next.at_ms, 61000);
}

static void retry_after_is_honoured(void **state)
{
    (void)state;
    struct fy_trouble trouble = {0};
    struct fy_failure failure = {.reason = FY_SRC_REFUSED, .retry_after_ms = 7000};
    struct fy_moment moment = {.wall_ms = 1000, .mono_ms = 1000, .memory_free = true};
    struct fy_next next = fy_verdict_next(&policy, &trouble, &failure, &moment);
    assert_int_equal(next.kind, FY_NEXT_RETRY);
    assert_int_equal(next.at_ms, 8000);
    failure.retry_after_ms = 120000; /* more than the minute in memory */
    next = fy_verdict_next(&policy, &trouble, &failure, &moment);
    assert_int_equal(next.kind, FY_NEXT_WAIT);
    assert_int_equal(next.at_ms, 121000);
}

static void a_shunned_order_keeps_its_reason_and_its_tries(void **state)
{
    (void)state;
    struct fy_trouble trouble = {
        .last = {.reason = FY_SRC_NOT_FOUND}, .first_failed_ms = 1000, .rounds = 2};
    struct fy_failure site = {.reason = FY_STALLED};
    struct fy_moment moment = {.wall_ms = 2000, .mono_ms = 2000};
    struct fy_next next = fy_verdict_shunned(&policy, &trouble, &site, &moment);
    assert_int_equal(next.kind, FY_NEXT_WAIT);
    assert_int_equal(trouble.last.reason, FY_SRC_NOT_FOUND);
    assert_int_equal(trouble.rounds, 2);
    struct fy_trouble fresh = {0};
    next = fy_verdict_shunned(&policy, &fresh, &site, &moment);
    assert_int_equal(fresh.last.reason, FY_STALLED);
    assert_int_equal(next.at_ms, 62000);
    moment.wall_ms += policy.max_age_ms;
    assert_int_equal(fy_verdict_shunned(&policy, &fresh, &site, &moment).kind, FY_NEXT_DEAD);
}

/* 400 and the like find fault with this one request: few tries, and nobody else suffers. */
static void a_refused_request_is_its_orders_own_failure(void **state)
{
    (void)state;
    static const int own[] = {400, 409, 413, 414, 422, 431};
    static const int sites[] = {0, 301, 401, 408, 429, 500, 503, 599};
    for (size_t i = 0; i < FY_COUNT_OF(own); i++)
        assert_int_equal(fy_failure_class(FY_SRC_REFUSED, own[i]), FY_CLASS_ORDER);
    for (size_t i = 0; i < FY_COUNT_OF(sites); i++)
        assert_int_equal(fy_failure_class(FY_SRC_REFUSED, sites[i]), FY_CLASS_SITE);
    assert_int_equal(fy_failure_class(FY_STALLED, 400), FY_CLASS_SITE);
    struct fy_trouble trouble = {.from_row = true, .rounds = 2};
    struct fy_failure failure = {.reason = FY_SRC_REFUSED, .http_status = 400};
    struct fy_moment moment = {.wall_ms = 1000, .mono_ms = 1000, .memory_free = true};
    assert_int_equal(fy_verdict_next(&policy, &trouble, &failure, &moment).kind, FY_NEXT_DEAD);
    trouble = (struct fy_trouble){.from_row = true, .rounds = 2};
    failure.http_status = 503;
    assert_int_equal(fy_verdict_next(&policy, &trouble, &failure, &moment).kind, FY_NEXT_WAIT);
}

/* An outage is nobody's death: without a token what its site has failed waits on, tried as ever. */
static void behind_a_shut_gate_only_orders_own_failures_die(void **state)
{
    (void)state;
    struct fy_trouble trouble = {.first_failed_ms = 1000, .rounds = 30, .from_row = true};
    struct fy_failure failure = {.reason = FY_SRC_UNREACHABLE};
    struct fy_moment moment = {
        .wall_ms = 1000 + policy.max_age_ms, .mono_ms = 1000, .gate_shut = true};
    struct fy_next next = fy_verdict_next(&policy, &trouble, &failure, &moment);
    assert_int_equal(next.kind, FY_NEXT_WAIT);
    assert_int_equal(next.at_ms, moment.wall_ms + policy.later_ms);
    assert_int_equal(trouble.rounds, 31);
    next = fy_verdict_shunned(&policy, &trouble, &failure, &moment);
    assert_int_equal(next.kind, FY_NEXT_WAIT);
    assert_int_equal(next.at_ms, moment.wall_ms + policy.later_ms);
    failure.reason = FY_SRC_NOT_FOUND;
    assert_int_equal(fy_verdict_next(&policy, &trouble, &failure, &moment).kind, FY_NEXT_DEAD);
    failure.reason = FY_SRC_UNREACHABLE;
    moment.gate_shut = false;
    assert_int_equal(fy_verdict_next(&policy, &trouble, &failure, &moment).kind, FY_NEXT_DEAD);
}

static void the_gate_has_a_few_free_tokens_a_window_and_one_for_each_success(void **state)
{
    (void)state;
    struct fy_gate gate;
    fy_gate_init(&gate, 0);
    for (int i = 0; i < FY_GATE_FREE; i++) {
        assert_true(fy_gate_is_open(&gate, i));
        fy_gate_pass(&gate);
    }
    assert_false(fy_gate_is_open(&gate, FY_GATE_WINDOW_MS - 1));
    fy_gate_earn(&gate, FY_GATE_WINDOW_MS - 1);
    assert_true(fy_gate_is_open(&gate, FY_GATE_WINDOW_MS - 1));
    for (int i = 0; i < 1000; i++)
        fy_gate_earn(&gate, FY_GATE_WINDOW_MS - 1);
    assert_true(fy_gate_is_open(&gate, FY_GATE_WINDOW_MS)); /* a new window: the old ones lapse */
    assert_int_equal(gate.tokens, FY_GATE_FREE);
}

static void refusals_of_the_catalogue_are_told_from_its_absence(void **state)
{
    (void)state;
    assert_int_equal(fy_verdict_catalogue(FY_EEXISTS), FY_CONFLICT);
    assert_int_equal(fy_verdict_catalogue(FY_EFORBIDDEN), FY_RIGHTS);
    assert_int_equal(fy_verdict_catalogue(FY_EFROZEN), FY_NOT_APPLIED);
    assert_int_equal(fy_verdict_catalogue(FY_EINPUT), FY_INTERNAL);
    assert_int_equal(fy_verdict_catalogue(FY_EBUSY), FY_CATALOGUE_ERROR);
    assert_int_equal(fy_verdict_catalogue(FY_EIO), FY_CATALOGUE_ERROR);
    assert_int_equal(fy_verdict_catalogue(FY_ENOSPACE), FY_CATALOGUE_ERROR);
    assert_int_equal(fy_verdict_catalogue(FY_ECANCELLED), FY_CATALOGUE_ERROR);
    assert_int_equal(fy_verdict_store(FY_ENOSPACE), FY_STORE_FULL);
    assert_int_equal(fy_verdict_store(FY_EIO), FY_STORE_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_promise_is_a_digest_and_a_size_that_counts),
        cmocka_unit_test(the_source_completes_what_the_order_left_open),
        cmocka_unit_test(only_equal_hash_and_size_confirm_a_link),
        cmocka_unit_test(stored_bytes_must_be_those_promised),
        cmocka_unit_test(every_status_has_its_reason),
        cmocka_unit_test(an_empty_object_answers_416_to_bytes_from_0),
        cmocka_unit_test(headers_that_are_not_the_promise_are_a_changed_source),
        cmocka_unit_test(a_newer_stamp_at_the_source_supersedes),
        cmocka_unit_test(a_given_order_copies_what_is_newer_unless_it_promised_else),
        cmocka_unit_test(a_minute_of_tries_in_memory_then_waiting),
        cmocka_unit_test(an_orders_own_failure_ends_after_one_and_ten_minutes),
        cmocka_unit_test(wrong_bytes_are_downloaded_three_times_in_memory),
        cmocka_unit_test(mismatches_count_in_a_row_only),
        cmocka_unit_test(retry_max_age_ends_everything_with_its_own_reason),
        cmocka_unit_test(local_failures_charge_nothing_and_poison_waits_for_nothing),
        cmocka_unit_test(a_full_memory_sends_orders_to_waiting_at_once),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(a_shunned_order_keeps_its_reason_and_its_tries),
        cmocka_unit_test(a_refused_request_is_its_orders_own_failure),
        cmocka_unit_test(behind_a_shut_gate_only_orders_own_failures_die),
        cmocka_unit_test(the_gate_has_a_few_free_tokens_a_window_and_one_for_each_success),
        cmocka_unit_test(refusals_of_the_catalogue_are_told_from_its_absence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
