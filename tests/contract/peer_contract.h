/* peer_contract.h - the suite that every adapter of common/ports/peer.h must pass. */
#ifndef FY_TESTS_CONTRACT_PEER_CONTRACT_H
#define FY_TESTS_CONTRACT_PEER_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/ports/peer.h"
#include "tests/contract/peer_server.h"

struct peer_limits {
    uint32_t loop_count;
    uint32_t connections_max; /* per loop and host */
    uint32_t connect_timeout_ms;
    uint32_t stall_timeout_ms;
};
struct peer_adapter {
    const char *name;
    enum fy_code (*open)(const struct peer_limits *limits, struct fy_peer **peer,
                         struct fy_err *err);
};

/* Runs the whole suite; returns the number of failed tests. */
int peer_contract_run(const struct peer_adapter *adapter);

/* ------------------------------------------------------------------ for its files */

int peer_contract_request(struct peer_adapter *adapter);
int peer_contract_answer(struct peer_adapter *adapter);
int peer_contract_failure(struct peer_adapter *adapter);
int peer_contract_life(struct peer_adapter *adapter);
#define PEER_TEST(function) cmocka_unit_test_prestate(function, adapter)

/* Patient enough for any machine; for tests of what else ends a call. */
extern const struct peer_limits peer_limits_patient;
/* A stall after a second; for tests that wait for one. */
extern const struct peer_limits peer_limits_hasty;

struct peer_fixture {
    struct fy_peer *peer;
    struct peer_server *server; /* NULL: opened without a play */
    struct peer_gate gate;      /* for plays; opened by peer_fixture_done at the latest */
};
/* state: the test's, which holds the adapter. play's arg is the fixture. */
struct peer_fixture *peer_fixture_open(void **state, const struct peer_limits *limits,
                                       peer_play_fn *play);
void peer_fixture_done(struct peer_fixture *f);

/* A call, what to do with its answer, and what came of it. */
struct peer_trial {
    struct fy_peer_call call; /* first */

    /* Set before the start. */
    size_t pause_every; /* pause once so many bytes were taken since the last pause; 0 never */
    size_t stop_at;     /* stop once so many bytes were taken; 0 never */
    bool refuse_head;
    void (*then)(struct peer_trial *trial); /* on the loop thread, at the end of on_done; NULL */
    struct fy_peer *peer;

    /* Loop thread; the test's after it waited. */
    struct fy_peer_head head;
    char type[32], target[96], error[FY_ERR_TEXT_BYTES], content_type[64];
    uint8_t *bytes;
    size_t size_bytes, capacity_bytes;
    size_t since_pause;
    size_t largest_chunk;
    enum fy_code code;
    enum fy_reason reason;
    struct fy_err err;

    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t changed;
    unsigned heads, pauses, chunks, ends;
};
struct peer_trial *peer_trial_new(struct peer_fixture *f, enum fy_peer_verb verb);
void peer_trial_free(struct peer_trial *trial);
void peer_trial_start(struct peer_trial *trial);
/* Waits until the counter is at least so high; fails the test when the call ends instead. */
void peer_trial_await(struct peer_trial *trial, const unsigned *counter, unsigned least);
void peer_trial_await_end(struct peer_trial *trial);
/* Start, and wait for the end. */
void peer_trial_run(struct peer_trial *trial);
/* Ends that tests expect. */
void peer_trial_expect(const struct peer_trial *trial, enum fy_code code, enum fy_reason reason);
void peer_trial_expect_ok(const struct peer_trial *trial, int http_status);

/* Bytes of a body that is different at every place and compresses badly; free()d by the caller. */
uint8_t *peer_pattern(size_t size_bytes);
void peer_trial_expect_pattern(const struct peer_trial *trial, size_t size_bytes);

#endif
