/* peer_contract.c - what the tests of the peer port share: a fixture, and a call that is watched.
 */
#include "tests/contract/peer_contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct peer_limits peer_limits_patient = {2, 16, 10000, 20000};
const struct peer_limits peer_limits_hasty = {2, 16, 10000, 1000};

/* ------------------------------------------------------------------ fixture */

struct peer_fixture *peer_fixture_open(void **state, const struct peer_limits *limits,
                                       peer_play_fn *play)
{
    const struct peer_adapter *adapter = *state;
    struct peer_fixture *f = fy_alloc(sizeof(*f));
    struct fy_err err = {0};
    peer_gate_init(&f->gate);
    if (adapter->open(limits, &f->peer, &err) != FY_OK)
        fail_msg("open %s: %s", adapter->name, err.text);
    if (play != NULL)
        f->server = peer_server_open(play, f);
    return f;
}

void peer_fixture_done(struct peer_fixture *f)
{
    peer_gate_open(&f->gate);
    fy_peer_close(f->peer);
    if (f->server != NULL)
        peer_server_close(f->server);
    free(f);
}

/* ------------------------------------------------------------------ callbacks, on the loop thread
 */

static void count_up(struct peer_trial *trial, unsigned *counter)
{
    pthread_mutex_lock(&trial->mutex);
    (*counter)++;
    pthread_cond_broadcast(&trial->changed);
    pthread_mutex_unlock(&trial->mutex);
}

static bool on_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct peer_trial *trial = (struct peer_trial *)call;
    trial->head = *head;
    (void)snprintf(trial->type, sizeof(trial->type), "%s", head->type);
    (void)snprintf(trial->target, sizeof(trial->target), "%s", head->target);
    (void)snprintf(trial->error, sizeof(trial->error), "%s", head->error);
    (void)snprintf(trial->content_type, sizeof(trial->content_type), "%s", head->content_type);
    bool refuse = trial->refuse_head;
    count_up(trial, &trial->heads);
    return !refuse;
}

static enum fy_peer_flow on_data(struct fy_peer_call *call, const void *bytes, size_t size_bytes)
{
    struct peer_trial *trial = (struct peer_trial *)call;
    if (size_bytes > trial->largest_chunk)
        trial->largest_chunk = size_bytes;
    if (trial->stop_at > 0 && trial->size_bytes + size_bytes > trial->stop_at)
        return FY_PEER_STOP;
    if (trial->pause_every > 0 && trial->since_pause >= trial->pause_every) {
        trial->since_pause = 0;
        count_up(trial, &trial->pauses);
        return FY_PEER_PAUSE;
    }
    if (trial->size_bytes + size_bytes > trial->capacity_bytes) {
        trial->capacity_bytes = 2 * (trial->size_bytes + size_bytes);
        trial->bytes = fy_realloc(trial->bytes, trial->capacity_bytes);
    }
    memcpy(trial->bytes + trial->size_bytes, bytes, size_bytes);
    trial->size_bytes += size_bytes;
    trial->since_pause += size_bytes;
    count_up(trial, &trial->chunks);
    return FY_PEER_TAKEN;
}

static void on_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                    const struct fy_err *err)
{
    struct peer_trial *trial = (struct peer_trial *)call;
    trial->code = code;
    trial->reason = reason;
    if (err != NULL)
        trial->err = *err;
    if (trial->then != NULL)
        trial->then(trial);
    count_up(trial, &trial->ends);
}

/* ------------------------------------------------------------------ trials */

struct peer_trial *peer_trial_new(struct peer_fixture *f, enum fy_peer_verb verb)
{
    struct peer_trial *trial = fy_alloc(sizeof(*trial));
    trial->peer = f->peer;
    trial->call = (struct fy_peer_call){.verb = verb,
                                        .ferry = true,
                                        .site = "site-b",
                                        .client = "client-1",
                                        .account = "account-1",
                                        .bucket = "bucket-1",
                                        .object = "dir/o1",
                                        .path = "/x",
                                        .on_head = on_head,
                                        .on_data = on_data,
                                        .on_done = on_done};
    if (f->server != NULL)
        assert_true(
            fy_text_copy(trial->call.uri, sizeof(trial->call.uri), peer_server_uri(f->server)));
    assert_int_equal(pthread_mutex_init(&trial->mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&trial->changed, NULL), 0);
    return trial;
}

void peer_trial_free(struct peer_trial *trial)
{
    pthread_cond_destroy(&trial->changed);
    pthread_mutex_destroy(&trial->mutex);
    free(trial->bytes);
    free(trial);
}

void peer_trial_start(struct peer_trial *trial)
{
    fy_peer_start(trial->peer, &trial->call);
}

void peer_trial_await(struct peer_trial *trial, const unsigned *counter, unsigned least)
{
    pthread_mutex_lock(&trial->mutex);
    while (*counter < least && trial->ends == 0)
        pthread_cond_wait(&trial->changed, &trial->mutex);
    bool reached = *counter >= least;
    pthread_mutex_unlock(&trial->mutex);
    if (!reached)
        fail_msg("the call ended first: %s %s: %s", fy_code_name(trial->code),
                 fy_reason_name(trial->reason), trial->err.text);
}

void peer_trial_await_end(struct peer_trial *trial)
{
    peer_trial_await(trial, &trial->ends, 1);
}

void peer_trial_run(struct peer_trial *trial)
{
    peer_trial_start(trial);
    peer_trial_await_end(trial);
}

void peer_trial_expect(const struct peer_trial *trial, enum fy_code code, enum fy_reason reason)
{
    if (trial->code != code || trial->reason != reason)
        fail_msg("ended with %s %s (%s), expected %s %s", fy_code_name(trial->code),
                 fy_reason_name(trial->reason), trial->err.text, fy_code_name(code),
                 fy_reason_name(reason));
    assert_int_equal(trial->ends, 1);
    if (code != FY_OK)
        assert_int_not_equal(trial->err.text[0], '\0'); /* the person on call gets a sentence */
}

void peer_trial_expect_ok(const struct peer_trial *trial, int http_status)
{
    peer_trial_expect(trial, FY_OK, FY_REASON_NONE);
    assert_int_equal(trial->heads, 1);
    assert_int_equal(trial->head.http_status, http_status);
}

static uint8_t pattern_at(size_t index)
{
    uint32_t mixed = (uint32_t)index * 2654435761u;
    return (uint8_t)(mixed >> 24 ^ mixed >> 11);
}

uint8_t *peer_pattern(size_t size_bytes)
{
    uint8_t *bytes = fy_alloc(size_bytes);
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = pattern_at(i);
    return bytes;
}

void peer_trial_expect_pattern(const struct peer_trial *trial, size_t size_bytes)
{
    assert_int_equal(trial->size_bytes, size_bytes);
    for (size_t i = 0; i < size_bytes; i++) {
        if (trial->bytes[i] != pattern_at(i))
            fail_msg("byte %zu of %zu is wrong", i, size_bytes);
    }
}

/* ------------------------------------------------------------------ the suite */

int peer_contract_run(const struct peer_adapter *adapter)
{
    struct peer_adapter copy = *adapter; /* cmocka's state is not const */
    return peer_contract_request(&copy) + peer_contract_answer(&copy) +
           peer_contract_failure(&copy) + peer_contract_life(&copy);
}
