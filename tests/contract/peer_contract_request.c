/* peer_contract_request.c - the peer port: what it asks for, and the connections it asks on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/contract/peer_contract.h"

/* ------------------------------------------------------------------ requests */

static bool play_empty(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return true;
}

static void expect_header(const char *head, const char *line)
{
    if (strcasestr(head, line) == NULL)
        fail_msg("\"%s\" is missing in:\n%s", line, head);
}

static void expect_no_header(const char *head, const char *line)
{
    if (strcasestr(head, line) != NULL)
        fail_msg("\"%s\" is too much in:\n%s", line, head);
}

static void expect_request(struct peer_fixture *f, unsigned index, const char *line)
{
    const char *head = peer_server_head(f->server, index);
    if (strncmp(head, line, strlen(line)) != 0)
        fail_msg("expected %s, got:\n%s", line, head);
}

/* Runs the call for its request alone. */
static void send_call(struct peer_fixture *f, enum fy_peer_verb verb, bool ferry,
                      void (*change)(struct fy_peer_call *call))
{
    struct peer_trial *trial = peer_trial_new(f, verb);
    trial->call.ferry = ferry;
    if (change != NULL)
        change(&trial->call);
    peer_trial_run(trial);
    peer_trial_expect_ok(trial, 200);
    peer_trial_free(trial);
}

static void name_oddly(struct fy_peer_call *call)
{
    assert_true(fy_text_copy(call->account, sizeof(call->account), "a&b"));
    assert_true(fy_text_copy(call->bucket, sizeof(call->bucket), "b c"));
    assert_true(fy_text_copy(call->object, sizeof(call->object), "../\xc3\xa9?#%+"));
}

static void ask_fully(struct fy_peer_call *call)
{
    call->full_check = true;
    call->object[0] = '\0';
}

static void dot_dot(struct fy_peer_call *call)
{
    assert_true(fy_text_copy(call->object, sizeof(call->object), ".."));
}

static void each_verb_takes_its_route_at_a_ferry(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_empty);
    send_call(f, FY_PEER_HELLO, true, NULL);
    send_call(f, FY_PEER_CHECK, true, NULL);
    send_call(f, FY_PEER_DESCRIBE, true, NULL);
    send_call(f, FY_PEER_FACTS, true, NULL);
    send_call(f, FY_PEER_PULL, true, name_oddly);
    send_call(f, FY_PEER_GET, true, NULL);
    expect_request(f, 0, "GET /ferry/v1/hello HTTP/1.1\r\n");
    expect_request(f, 1, "HEAD /replicator/remote/buckets/bucket-1/dir%2Fo1?fullCheck=false HTTP");
    expect_request(f, 2, "GET /ferry/v1/container?acct=account-1&ref=bucket-1 HTTP/1.1\r\n");
    expect_request(f, 3, "HEAD /ferry/v1/content?acct=account-1&ref=bucket-1&path=dir%2Fo1 HTTP");
    expect_request(f, 4,
                   "GET /ferry/v1/content?acct=a%26b&ref=b%20c&path=..%2F%C3%A9%3F%23%25%2B HTTP");
    expect_request(f, 5, "GET /x HTTP/1.1\r\n");
    peer_fixture_done(f);
}

static void each_verb_takes_its_route_at_a_ccs(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_empty);
    send_call(f, FY_PEER_CHECK, false, ask_fully);
    send_call(f, FY_PEER_DESCRIBE, false, NULL);
    send_call(f, FY_PEER_FACTS, false, NULL);
    send_call(f, FY_PEER_PULL, false, NULL);
    send_call(f, FY_PEER_PULL, false, dot_dot);
    expect_request(f, 0, "HEAD /replicator/remote/buckets/bucket-1?fullCheck=true HTTP");
    expect_request(f, 1, "GET /replicator/remote/buckets/bucket-1 HTTP/1.1\r\n");
    expect_request(f, 2, "GET /replicator/remote/buckets/bucket-1/dir%2Fo1 HTTP/1.1\r\n");
    expect_request(f, 3, "GET /replicator/remote/buckets/bucket-1/dir%2Fo1 HTTP/1.1\r\n");
    expect_request(f, 4, "GET /replicator/remote/buckets/bucket-1/.. HTTP/1.1\r\n");
    peer_fixture_done(f);
}

static void say_who_asks(struct fy_peer_call *call)
{
    assert_true(fy_text_copy(call->op_id, sizeof(call->op_id), "op-7"));
}

static void offer_zstd(struct fy_peer_call *call)
{
    call->zstd = true;
    call->client[0] = '\0';
}

static void from_nine(struct fy_peer_call *call)
{
    call->offset = 9;
}

static void headers_say_what_the_api_reads(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_empty);
    send_call(f, FY_PEER_PULL, true, say_who_asks);
    send_call(f, FY_PEER_PULL, false, offer_zstd);
    send_call(f, FY_PEER_PULL, false, from_nine);
    send_call(f, FY_PEER_DESCRIBE, true, NULL);

    const char *head = peer_server_head(f->server, 0);
    expect_header(head, "\r\nAccept: application/octet-stream\r\n");
    expect_header(head, "\r\nx-clonecloudstore-client-id: client-1\r\n");
    expect_header(head, "\r\nx-clonecloudstore-op-id: op-7\r\n");
    expect_header(head, "\r\nRange: bytes=0-\r\n"); /* sendfile at the source, DESIGN 7 */
    expect_header(head, "\r\nUser-Agent: ferry/");
    expect_no_header(head, "Accept-Encoding");
    head = peer_server_head(f->server, 1);
    expect_header(head, "\r\nAccept-Encoding: zstd\r\n");
    expect_no_header(head, "Range:");
    expect_no_header(head, "x-clonecloudstore-client-id");
    expect_no_header(head, "x-clonecloudstore-op-id");
    expect_header(peer_server_head(f->server, 2), "\r\nRange: bytes=9-\r\n");
    expect_header(peer_server_head(f->server, 3), "\r\nAccept: application/json\r\n");
    peer_fixture_done(f);
}

#define LARGE_BODY_BYTES (2u << 20)

static void orders_go_whole_to_the_route_of_one_or_many(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_empty);
    char *large = fy_alloc(LARGE_BODY_BYTES + 1);
    memset(large, ' ', LARGE_BODY_BYTES);
    large[0] = '[';
    large[LARGE_BODY_BYTES - 1] = ']';
    const char *bodies[] = {"{\"opId\":\"1\"}", " \n[{\"opId\":\"1\"}]", large};
    for (size_t i = 0; i < FY_COUNT_OF(bodies); i++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_ORDERS);
        trial->call.body = bodies[i];
        trial->call.body_bytes = strlen(bodies[i]);
        peer_trial_run(trial);
        peer_trial_expect_ok(trial, 200);
        peer_trial_free(trial);
        const char *head = peer_server_head(f->server, (unsigned)i);
        expect_header(head, "\r\nContent-Type: application/json\r\n");
        expect_no_header(head, "Expect:");
        assert_string_equal(peer_server_body(f->server, (unsigned)i), bodies[i]);
    }
    expect_request(f, 0, "POST /replicator/remote/orders HTTP/1.1\r\n");
    expect_request(f, 1, "POST /replicator/remote/orders/multiple HTTP/1.1\r\n");
    expect_request(f, 2, "POST /replicator/remote/orders/multiple HTTP/1.1\r\n");
    assert_int_equal(peer_server_connections(f->server), 1);
    send_call(f, FY_PEER_HELLO, true, NULL);
    expect_request(f, 3, "GET /ferry/v1/hello HTTP/1.1\r\n");
    assert_string_equal(peer_server_body(f->server, 3), "");
    free(large);
    peer_fixture_done(f);
}

static void one_order(struct fy_peer_call *call)
{
    call->body = "{}";
    call->body_bytes = 2;
}

static void no_method_or_range_leaks_into_the_next_call(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_empty);
    send_call(f, FY_PEER_CHECK, true, NULL);
    send_call(f, FY_PEER_ORDERS, true, one_order);
    send_call(f, FY_PEER_PULL, true, from_nine);
    send_call(f, FY_PEER_CHECK, true, NULL);
    send_call(f, FY_PEER_HELLO, true, NULL);
    expect_request(f, 1, "POST /replicator/remote/orders HTTP/1.1\r\n");
    assert_string_equal(peer_server_body(f->server, 1), "{}");
    expect_request(f, 2, "GET /ferry/v1/content?");
    expect_no_header(peer_server_head(f->server, 2), "Content-Type");
    expect_request(f, 3, "HEAD /replicator/remote/buckets/bucket-1/dir%2Fo1?fullCheck=false HTTP");
    expect_no_header(peer_server_head(f->server, 3), "Range:");
    expect_request(f, 4, "GET /ferry/v1/hello HTTP/1.1\r\n");
    assert_int_equal(peer_server_connections(f->server), 1);
    peer_fixture_done(f);
}

static void a_base_uri_may_have_a_prefix(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_empty);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_HELLO);
    strcat(trial->call.uri, "/sub/path/");
    peer_trial_run(trial);
    peer_trial_expect_ok(trial, 200);
    peer_trial_free(trial);
    expect_request(f, 0, "GET /sub/path/ferry/v1/hello HTTP/1.1\r\n");
    peer_fixture_done(f);
}

static void a_host_may_have_a_name(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_empty);
    for (int i = 0; i < 2; i++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_HELLO);
        const char *port = strrchr(peer_server_uri(f->server), ':');
        (void)snprintf(trial->call.uri, sizeof(trial->call.uri), "localhost%s", port);
        peer_trial_run(trial);
        peer_trial_expect_ok(trial, 200);
        peer_trial_free(trial);
    }
    assert_int_equal(peer_server_connections(f->server), 1);
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ connections */

static void calls_one_after_another_share_a_connection(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_empty);
    for (int i = 0; i < 50; i++)
        send_call(f, (enum fy_peer_verb)(i % 2 == 0 ? FY_PEER_PULL : FY_PEER_CHECK), true, NULL);
    assert_int_equal(peer_server_connections(f->server), 1);
    peer_fixture_done(f);
}

static void freshly(struct fy_peer_call *call)
{
    call->fresh = true;
}

static void a_fresh_call_has_a_connection_of_its_own(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_empty);
    send_call(f, FY_PEER_PULL, true, NULL);
    send_call(f, FY_PEER_PULL, true, freshly);
    assert_int_equal(peer_server_connections(f->server), 2);
    send_call(f, FY_PEER_PULL, true, NULL);
    assert_int_equal(peer_server_connections(f->server), 2);
    peer_fixture_done(f);
}

static bool play_close_silently(struct peer_exchange *x, void *arg)
{
    (void)arg;
    if (x->request == 0)
        peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return x->request == 0 &&
           x->connection % 2 == 0; /* else the FIN comes at once, or for a request */
}

/* Keep-alive is a race: the peer may close at the moment we ask. That is not a failure of the call.
 */
static void a_kept_connection_that_was_closed_is_replaced(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_close_silently);
    for (int i = 0; i < 6; i++)
        send_call(f, FY_PEER_PULL, true, NULL);
    peer_fixture_done(f);
}

static bool play_last_answer(struct peer_exchange *x, void *arg)
{
    struct peer_fixture *f = arg;
    if (x->connection == 0) {
        peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        return false; /* the FIN comes unannounced */
    }
    peer_gate_wait(&f->gate);
    return false;
}

static int64_t cpu_ms(void)
{
    struct timespec used;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Its end stays readable for ever, which must not keep the loop awake. */
static void an_idle_connection_that_ended_costs_nothing(void **state)
{
    struct peer_limits limits = {1, 4, 10000, 1000};
    struct peer_fixture *f = peer_fixture_open(state, &limits, play_last_answer);
    send_call(f, FY_PEER_PULL, true, NULL);
    int64_t before_ms = cpu_ms();
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    trial->call.fresh = true;
    peer_trial_run(trial); /* a second of silence */
    peer_trial_expect(trial, FY_ETIMEOUT, FY_STALLED);
    assert_true(cpu_ms() - before_ms < 300);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

int peer_contract_request(struct peer_adapter *adapter)
{
    const struct CMUnitTest tests[] = {
        PEER_TEST(each_verb_takes_its_route_at_a_ferry),
        PEER_TEST(each_verb_takes_its_route_at_a_ccs),
        PEER_TEST(headers_say_what_the_api_reads),
        PEER_TEST(orders_go_whole_to_the_route_of_one_or_many),
        PEER_TEST(no_method_or_range_leaks_into_the_next_call),
        PEER_TEST(a_base_uri_may_have_a_prefix),
        PEER_TEST(a_host_may_have_a_name),
        PEER_TEST(calls_one_after_another_share_a_connection),
        PEER_TEST(a_fresh_call_has_a_connection_of_its_own),
        PEER_TEST(a_kept_connection_that_was_closed_is_replaced),
        PEER_TEST(an_idle_connection_that_ended_costs_nothing),
    };
    return _cmocka_run_group_tests(adapter->name, tests, FY_COUNT_OF(tests), NULL, NULL);
}
