/* peer_contract_life.c - the peer port over time: pauses, cancelling, many at once, closing,
 * waiting. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "tests/contract/peer_contract.h"

#define BODY_BYTES (1u << 20)

static bool play_pattern(struct peer_exchange *x, void *arg)
{
    (void)arg;
    uint8_t *bytes = peer_pattern(BODY_BYTES);
    peer_say_format(x, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", BODY_BYTES);
    peer_say_bytes(x, bytes, BODY_BYTES);
    free(bytes);
    return true;
}

static bool play_zstd_pattern(struct peer_exchange *x, void *arg)
{
    (void)arg;
    uint8_t *bytes = peer_pattern(BODY_BYTES);
    size_t capacity = ZSTD_compressBound(BODY_BYTES);
    uint8_t *packed = fy_alloc(capacity);
    size_t size = ZSTD_compress(packed, capacity, bytes, BODY_BYTES, 1);
    peer_say_format(x, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n",
                    size);
    peer_say_bytes(x, packed, size);
    free(packed);
    free(bytes);
    return true;
}

/* Zeros pack into four bytes a block: one read of the socket holds them all. */
static bool play_bomb(struct peer_exchange *x, void *arg)
{
    (void)arg;
    uint8_t *bytes = fy_alloc(BODY_BYTES);
    size_t capacity = ZSTD_compressBound(BODY_BYTES);
    uint8_t *packed = fy_alloc(capacity);
    size_t size = ZSTD_compress(packed, capacity, bytes, BODY_BYTES, 19);
    peer_say_format(x, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n",
                    size);
    peer_say_bytes(x, packed, size);
    free(packed);
    free(bytes);
    return true;
}

static bool play_silent(struct peer_exchange *x, void *arg)
{
    struct peer_fixture *f = arg;
    peer_gate_wait(&f->gate);
    (void)x;
    return false;
}

static bool play_half(struct peer_exchange *x, void *arg)
{
    struct peer_fixture *f = arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    peer_gate_wait(&f->gate);
    peer_say(x, "world");
    return true;
}

static bool play_gated(struct peer_exchange *x, void *arg)
{
    struct peer_fixture *f = arg;
    peer_gate_wait(&f->gate);
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    return true;
}

static bool play_quick(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    return true;
}

/* ------------------------------------------------------------------ pauses */

/* Resumes at each pause until the end. */
static void resume_to_the_end(struct peer_trial *trial)
{
    unsigned resumed = 0;
    pthread_mutex_lock(&trial->mutex);
    while (trial->ends == 0) {
        if (trial->pauses > resumed) {
            resumed++;
            pthread_mutex_unlock(&trial->mutex);
            fy_peer_resume(trial->peer, &trial->call);
            pthread_mutex_lock(&trial->mutex);
        } else {
            pthread_cond_wait(&trial->changed, &trial->mutex);
        }
    }
    pthread_mutex_unlock(&trial->mutex);
}

static void pause_through(void **state, peer_play_fn *play, size_t pause_every, unsigned least)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    trial->pause_every = pause_every;
    peer_trial_start(trial);
    resume_to_the_end(trial);
    peer_trial_expect_ok(trial, 200);
    assert_true(trial->pauses >= least);
    assert_true(trial->largest_chunk <= FY_PEER_CHUNK_BYTES);
    if (play == play_bomb) {
        assert_int_equal(trial->size_bytes, BODY_BYTES);
        for (size_t i = 0; i < BODY_BYTES; i++)
            assert_int_equal(trial->bytes[i], 0);
    } else {
        peer_trial_expect_pattern(trial, BODY_BYTES);
    }
    peer_trial_free(trial);
    peer_fixture_done(f);
}

static void nothing_is_lost_or_repeated_over_pauses(void **state)
{
    pause_through(state, play_pattern, 1, BODY_BYTES / FY_PEER_CHUNK_BYTES / 2);
    pause_through(state, play_pattern, 100000, 5);
}

static void nothing_is_lost_or_repeated_over_pauses_of_zstd(void **state)
{
    pause_through(state, play_zstd_pattern, 1, BODY_BYTES / FY_PEER_CHUNK_BYTES / 2);
    pause_through(state, play_zstd_pattern, 100000, 5);
    pause_through(state, play_bomb, 1, BODY_BYTES / FY_PEER_CHUNK_BYTES / 2);
}

/* A receiver may rest as long as it likes; the call of the next one stalls meanwhile, as a clock.
 */
static void a_pause_is_no_stall(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_hasty, play_pattern);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    trial->pause_every = 500000;
    peer_trial_start(trial);
    peer_trial_await(trial, &trial->pauses, 1);
    struct peer_server *silent = peer_server_open(play_silent, f);
    for (int i = 0; i < 3; i++) {
        struct peer_trial *clock = peer_trial_new(f, FY_PEER_PULL);
        strcpy(clock->call.uri, peer_server_uri(silent));
        peer_trial_run(clock);
        peer_trial_expect(clock, FY_ETIMEOUT, FY_STALLED);
        peer_trial_free(clock);
    }
    assert_int_equal(trial->ends, 0);
    fy_peer_resume(f->peer, &trial->call);
    resume_to_the_end(trial);
    peer_trial_expect_ok(trial, 200);
    peer_trial_expect_pattern(trial, BODY_BYTES);
    peer_trial_free(trial);
    peer_gate_open(&f->gate);
    peer_server_close(silent);
    peer_fixture_done(f);
}

static void a_resume_too_many_does_nothing(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_half);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    peer_trial_start(trial);
    fy_peer_resume(f->peer, &trial->call);
    peer_trial_await(trial, &trial->chunks, 1);
    fy_peer_resume(f->peer, &trial->call);
    fy_peer_resume(f->peer, &trial->call);
    peer_gate_open(&f->gate);
    peer_trial_await_end(trial);
    peer_trial_expect_ok(trial, 200);
    assert_int_equal(trial->size_bytes, 10);
    fy_peer_resume(f->peer, &trial->call);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ ending early */

static void a_receiver_may_refuse_the_head(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_half);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    trial->refuse_head = true;
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_ECANCELLED, FY_CANCELLED);
    assert_int_equal(trial->size_bytes, 0);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

static void a_receiver_may_stop_at_a_byte_too_many(void **state)
{
    peer_play_fn *const plays[] = {play_pattern, play_zstd_pattern, play_bomb};
    for (size_t i = 0; i < FY_COUNT_OF(plays); i++) {
        struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, plays[i]);
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
        trial->stop_at = 50000;
        peer_trial_run(trial);
        peer_trial_expect(trial, FY_ECANCELLED, FY_CANCELLED);
        assert_true(trial->size_bytes <= 50000);
        peer_trial_free(trial);
        peer_fixture_done(f);
    }
}

static void a_receiver_may_stop_after_a_pause(void **state)
{
    peer_play_fn *const plays[] = {play_pattern, play_zstd_pattern, play_bomb};
    for (size_t i = 0; i < FY_COUNT_OF(plays); i++) {
        struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, plays[i]);
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
        trial->pause_every = 20000;
        peer_trial_start(trial);
        peer_trial_await(trial, &trial->pauses, 1);
        trial->stop_at = 1; /* the loop thread rests until the resume */
        fy_peer_resume(f->peer, &trial->call);
        peer_trial_await_end(trial);
        peer_trial_expect(trial, FY_ECANCELLED, FY_CANCELLED);
        peer_trial_free(trial);
        peer_fixture_done(f);
    }
}

static void a_call_can_be_cancelled_at_every_stage(void **state)
{
    struct peer_limits limits = {1, 1, 10000, 20000};
    struct peer_fixture *f = peer_fixture_open(state, &limits, play_half);
    struct peer_trial *running = peer_trial_new(f, FY_PEER_PULL);
    struct peer_trial *queued = peer_trial_new(f, FY_PEER_PULL);
    struct peer_trial *unborn = peer_trial_new(f, FY_PEER_PULL);
    peer_trial_start(running);
    peer_trial_await(running, &running->chunks, 1);

    peer_trial_start(unborn);
    fy_peer_cancel(f->peer, &unborn->call); /* perhaps before its loop has seen it */
    peer_trial_await_end(unborn);
    peer_trial_expect(unborn, FY_ECANCELLED, FY_CANCELLED);

    peer_trial_start(queued); /* the only connection is taken */
    fy_peer_resume(f->peer, &queued->call);
    fy_peer_cancel(f->peer, &queued->call);
    fy_peer_cancel(f->peer, &queued->call);
    peer_trial_await_end(queued);
    peer_trial_expect(queued, FY_ECANCELLED, FY_CANCELLED);

    fy_peer_cancel(f->peer, &running->call); /* in the middle of its body */
    peer_trial_await_end(running);
    peer_trial_expect(running, FY_ECANCELLED, FY_CANCELLED);
    assert_int_equal(running->size_bytes, 5);
    fy_peer_cancel(f->peer, &running->call); /* too late: nothing happens */

    peer_trial_free(unborn);
    peer_trial_free(queued);
    peer_trial_free(running);
    peer_fixture_done(f);
}

static void a_call_can_be_cancelled_before_its_head_and_while_paused(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_silent);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    peer_trial_start(trial);
    peer_gate_await(&f->gate, 1); /* the request has arrived */
    fy_peer_cancel(f->peer, &trial->call);
    peer_trial_await_end(trial);
    peer_trial_expect(trial, FY_ECANCELLED, FY_CANCELLED);
    peer_trial_free(trial);
    peer_fixture_done(f);

    peer_play_fn *const plays[] = {play_pattern, play_zstd_pattern};
    for (size_t i = 0; i < FY_COUNT_OF(plays); i++) {
        f = peer_fixture_open(state, &peer_limits_patient, plays[i]);
        trial = peer_trial_new(f, FY_PEER_PULL);
        trial->pause_every = 1;
        peer_trial_start(trial);
        peer_trial_await(trial, &trial->pauses, 1);
        fy_peer_cancel(f->peer, &trial->call);
        peer_trial_await_end(trial);
        peer_trial_expect(trial, FY_ECANCELLED, FY_CANCELLED);
        peer_trial_free(trial);
        peer_fixture_done(f);
    }
}

#define RACES 300

/* Cancels fall before, into and after the ends of calls; each call ends once, and nothing is
 * touched that is gone (the sanitizers look). */
static void cancelling_may_race_with_the_end(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_quick);
    for (int i = 0; i < RACES; i++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
        peer_trial_start(trial);
        if (i % 3 == 0)
            peer_trial_await(trial, &trial->heads, 1);
        fy_peer_cancel(f->peer, &trial->call);
        fy_peer_resume(f->peer, &trial->call);
        peer_trial_await_end(trial);
        assert_true(trial->code == FY_OK || trial->code == FY_ECANCELLED);
        assert_int_equal(trial->ends, 1);
        peer_trial_free(trial);
    }
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ many */

#define MANY 100

static void a_hundred_calls_run_at_once(void **state)
{
    struct peer_limits limits = {2, MANY, 10000, 20000};
    struct peer_fixture *f = peer_fixture_open(state, &limits, play_gated);
    struct peer_trial *trials[MANY];
    for (size_t i = 0; i < MANY; i++) {
        trials[i] = peer_trial_new(f, FY_PEER_PULL);
        peer_trial_start(trials[i]);
    }
    peer_gate_await(&f->gate, MANY); /* hangs unless all of them are under way */
    peer_gate_open(&f->gate);
    for (size_t i = 0; i < MANY; i++) {
        peer_trial_await_end(trials[i]);
        peer_trial_expect_ok(trials[i], 200);
        assert_int_equal(trials[i]->size_bytes, 4);
        peer_trial_free(trials[i]);
    }
    peer_fixture_done(f);
}

/* Waiting for a connection is not the peer's silence: no stall may come of it. */
static void calls_beyond_the_connections_wait_their_turn(void **state)
{
    struct peer_limits limits = {2, 2, 10000, 2000};
    struct peer_fixture *f = peer_fixture_open(state, &limits, play_pattern);
    struct peer_trial *first[4];
    for (size_t i = 0; i < 4; i++) { /* two on each loop, paused until their time has come */
        first[i] = peer_trial_new(f, FY_PEER_PULL);
        first[i]->pause_every = 1;
        peer_trial_start(first[i]);
        peer_trial_await(first[i], &first[i]->pauses, 1);
    }
    struct peer_trial *later[MANY];
    for (size_t i = 0; i < MANY; i++) {
        later[i] = peer_trial_new(f, FY_PEER_PULL);
        peer_trial_start(later[i]);
    }
    struct peer_server *silent = peer_server_open(play_silent, f);
    for (int i = 0; i < 2; i++) { /* a clock of two stalls */
        struct peer_trial *clock = peer_trial_new(f, FY_PEER_PULL);
        strcpy(clock->call.uri, peer_server_uri(silent));
        peer_trial_run(clock);
        peer_trial_expect(clock, FY_ETIMEOUT, FY_STALLED);
        peer_trial_free(clock);
    }
    assert_int_equal(peer_server_connections(f->server), 4);
    for (size_t i = 0; i < 4; i++) {
        fy_peer_resume(f->peer, &first[i]->call);
        resume_to_the_end(first[i]);
        peer_trial_expect_ok(first[i], 200);
        peer_trial_free(first[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        peer_trial_await_end(later[i]);
        peer_trial_expect_ok(later[i], 200);
        peer_trial_expect_pattern(later[i], BODY_BYTES);
        peer_trial_free(later[i]);
    }
    assert_int_equal(peer_server_connections(f->server), 4);
    peer_gate_open(&f->gate);
    peer_server_close(silent);
    peer_fixture_done(f);
}

static void start_next(struct peer_trial *trial)
{
    struct peer_trial *next = trial->call.arg;
    if (next != NULL)
        peer_trial_start(next);
}

static void an_end_may_start_the_next_call(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_quick);
    struct peer_trial *trials[20];
    for (size_t i = FY_COUNT_OF(trials); i > 0; i--) {
        trials[i - 1] = peer_trial_new(f, FY_PEER_PULL);
        trials[i - 1]->then = start_next;
        trials[i - 1]->call.arg = i < FY_COUNT_OF(trials) ? trials[i] : NULL;
    }
    peer_trial_start(trials[0]);
    for (size_t i = 0; i < FY_COUNT_OF(trials); i++) {
        peer_trial_await_end(trials[i]);
        peer_trial_expect_ok(trials[i], 200);
    }
    for (size_t i = 0; i < FY_COUNT_OF(trials); i++)
        peer_trial_free(trials[i]);
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ closing */

static void closing_ends_every_call_once(void **state)
{
    struct peer_limits limits = {3, 4, 10000, 20000};
    struct peer_fixture *f = peer_fixture_open(state, &limits, play_half);
    struct peer_trial *trials[40];
    for (size_t i = 0; i < FY_COUNT_OF(trials); i++) {
        trials[i] = peer_trial_new(f, FY_PEER_PULL);
        if (i % 5 == 0)
            trials[i]->pause_every = 1;
        trials[i]->then = start_next; /* ten of them start another, while closing */
        trials[i]->call.arg = i < 10 ? peer_trial_new(f, FY_PEER_CHECK) : NULL;
        peer_trial_start(trials[i]);
    }
    peer_gate_await(&f->gate, 12); /* as many as have connections are in their body */
    fy_peer_close(f->peer);
    f->peer = NULL;
    for (size_t i = 0; i < FY_COUNT_OF(trials); i++) {
        struct peer_trial *next = trials[i]->call.arg;
        peer_trial_expect(trials[i], FY_ECANCELLED, FY_CANCELLED);
        if (next != NULL) {
            peer_trial_expect(next, FY_ECANCELLED, FY_CANCELLED);
            peer_trial_free(next);
        }
        peer_trial_free(trials[i]);
    }
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ waiting (runtime/peer_wait.c)
 */

static bool play_answer(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 403 No\r\nContent-Length: 5\r\nx-ferry-version: 1\r\n"
                "x-clonecloudstore-error: not yours\r\nx-clonecloudstore-type: BUCKET\r\n\r\n");
    if (strncmp(x->head, "HEAD", 4) != 0)
        peer_say(x, "hello");
    return true;
}

static void a_waited_call_brings_its_answer(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_answer);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_DESCRIBE);
    struct fy_peer_answer answer = {0};
    enum fy_reason reason = FY_INTERNAL;
    struct fy_err err = {0};

    assert_int_equal(fy_peer_wait(f->peer, &trial->call, 5, &answer, &reason, &err), FY_OK);
    assert_int_equal(reason, FY_REASON_NONE);
    assert_int_equal(answer.http_status, 403);
    assert_true(answer.ferry);
    assert_string_equal(answer.type, "BUCKET");
    assert_string_equal(answer.error, "not yours");
    assert_int_equal(answer.body_bytes, 5);
    assert_string_equal(answer.body, "hello");
    free(answer.body);

    trial->call.verb = FY_PEER_CHECK;
    answer = (struct fy_peer_answer){0};
    assert_int_equal(fy_peer_wait(f->peer, &trial->call, 5, &answer, &reason, &err), FY_OK);
    assert_null(answer.body);

    trial->call.verb = FY_PEER_HELLO;
    assert_int_equal(fy_peer_wait(f->peer, &trial->call, 0, &answer, &reason, &err), FY_OK);
    assert_null(answer.body);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

static void a_waited_call_fails_with_a_sentence(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_hasty, play_answer);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_DESCRIBE);
    struct fy_peer_answer answer = {0};
    enum fy_reason reason = FY_REASON_NONE;
    struct fy_err err = {0};

    assert_int_equal(fy_peer_wait(f->peer, &trial->call, 4, &answer, &reason, &err), FY_ETOOBIG);
    assert_non_null(strstr(err.text, "4 bytes"));
    assert_null(answer.body);

    struct peer_server *silent = peer_server_open(play_silent, f);
    strcpy(trial->call.uri, peer_server_uri(silent));
    assert_int_equal(fy_peer_wait(f->peer, &trial->call, 4, &answer, &reason, &err), FY_ETIMEOUT);
    assert_int_equal(reason, FY_STALLED);
    assert_non_null(strstr(err.text, "describe at site-b: no byte for "));
    peer_trial_free(trial);
    peer_gate_open(&f->gate);
    peer_server_close(silent);
    peer_fixture_done(f);
}

int peer_contract_life(struct peer_adapter *adapter)
{
    const struct CMUnitTest tests[] = {
        PEER_TEST(nothing_is_lost_or_repeated_over_pauses),
        PEER_TEST(nothing_is_lost_or_repeated_over_pauses_of_zstd),
        PEER_TEST(a_pause_is_no_stall),
        PEER_TEST(a_resume_too_many_does_nothing),
        PEER_TEST(a_receiver_may_refuse_the_head),
        PEER_TEST(a_receiver_may_stop_at_a_byte_too_many),
        PEER_TEST(a_receiver_may_stop_after_a_pause),
        PEER_TEST(a_call_can_be_cancelled_at_every_stage),
        PEER_TEST(a_call_can_be_cancelled_before_its_head_and_while_paused),
        PEER_TEST(cancelling_may_race_with_the_end),
        PEER_TEST(a_hundred_calls_run_at_once),
        PEER_TEST(calls_beyond_the_connections_wait_their_turn),
        PEER_TEST(an_end_may_start_the_next_call),
        PEER_TEST(closing_ends_every_call_once),
        PEER_TEST(a_waited_call_brings_its_answer),
        PEER_TEST(a_waited_call_fails_with_a_sentence),
    };
    return _cmocka_run_group_tests(adapter->name, tests, FY_COUNT_OF(tests), NULL, NULL);
}
