/* peer_contract_talk.c - the peer port with peers that behave: requests, heads, bodies,
 * connections. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

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

/* ------------------------------------------------------------------ heads */

static bool play_full_head(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 103 Early Hints\r\nx-clonecloudstore-error: not this one\r\n\r\n"
                "HTTP/1.1 200 Fine\r\n"
                "Content-Length: 5\r\n"
                "Content-Type:application/octet-stream\r\n"
                "Date: Wed, 21 Feb 2024 11:27:52 GMT\r\n"
                "X-Ferry-Version: 1\r\n"
                "x-ferry-stamp: 00018f3a5b6c0001@site-b\r\n"
                "x-clonecloudstore-id: 7\r\n"
                "x-clonecloudstore-site: site-b\r\n"
                "x-clonecloudstore-bucket: bucket-1\r\n"
                "x-clonecloudstore-name: dir/o1\r\n"
                "x-clonecloudstore-size: 5\r\n"
                "x-clonecloudstore-status: READY\r\n"
                "x-clonecloudstore-hash: opaque\r\n"
                "x-clonecloudstore-creation: 2024-02-21T11:27:52.867Z\r\n"
                "x-clonecloudstore-expires: 2024-02-21T11:27:53Z\r\n"
                "X-CloneCloudStore-Metadata:   {\"a\":\"b\"}  \r\n"
                "x-clonecloudstore-type: OBJECT\r\n"
                "x-clonecloudstore-target-id: site-c\r\n"
                "x-clonecloudstore-error: REPLICATOR - so so\r\n"
                "\r\nhello");
    return true;
}

static void a_head_is_read_whole(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_full_head);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    peer_trial_run(trial);
    peer_trial_expect_ok(trial, 200);
    const struct fy_peer_head *head = &trial->head;
    assert_true(head->ferry);
    assert_true(head->has_stamp);
    assert_true(head->stamp.time == 0x00018f3a5b6c0001);
    assert_string_equal(head->stamp.site, "site-b");
    assert_int_equal(head->content_length, 5);
    assert_true(head->date_ms == 1708514872000);
    assert_true(head->has_facts);
    assert_int_equal(head->size, 5);
    assert_int_equal(head->status, FY_STATUS_READY);
    assert_true(head->facts.creation_ms == 1708514872867);
    assert_true(head->facts.expires_ms == 1708514873000);
    assert_string_equal(head->facts.hash, "opaque");
    assert_string_equal(head->facts.metadata, "{\"a\":\"b\"}");
    assert_string_equal(trial->type, "OBJECT");
    assert_string_equal(trial->target, "site-c");
    assert_string_equal(trial->error, "REPLICATOR - so so");
    assert_string_equal(trial->content_type, "application/octet-stream");
    assert_int_equal(trial->size_bytes, 5);
    assert_memory_equal(trial->bytes, "hello", 5);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

static bool play_bare_head(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.0 404 \r\n\r\n"); /* the body ends with the connection */
    return false;
}

static void a_bare_head_leaves_everything_unknown(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_bare_head);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    peer_trial_run(trial);
    peer_trial_expect_ok(trial, 404);
    assert_false(trial->head.ferry);
    assert_false(trial->head.has_stamp);
    assert_false(trial->head.has_facts);
    assert_int_equal(trial->head.content_length, -1);
    assert_int_equal(trial->head.size, -1);
    assert_int_equal(trial->head.retry_after_s, 0);
    assert_int_equal(trial->head.date_ms, 0);
    assert_string_equal(trial->type, "");
    assert_string_equal(trial->error, "");
    peer_trial_free(trial);
    peer_fixture_done(f);
}

/* One line of the object headers that cannot be right makes all of them worth nothing. */
static const char *const broken_facts[] = {
    "x-clonecloudstore-site:  \r\n",
    "x-clonecloudstore-site: s\r\nx-clonecloudstore-status: SHINY\r\n",
    "x-clonecloudstore-site: s\r\nx-clonecloudstore-creation: yesterday\r\n",
    "x-clonecloudstore-site: s\r\nx-clonecloudstore-expires: 12\r\n",
    "x-clonecloudstore-site: s\r\nx-clonecloudstore-size: -5\r\n",
    "x-clonecloudstore-site: s\r\nx-clonecloudstore-size: 99999999999999999999\r\n",
    "x-clonecloudstore-hash: h\r\n",
};

static bool play_broken_facts(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    if (x->request < FY_COUNT_OF(broken_facts)) {
        peer_say(x, broken_facts[x->request]);
    } else {
        char metadata[FY_METADATA_BYTES_MAX + 2] = {0};
        memset(metadata, 'm', sizeof(metadata) - 1);
        peer_say(x, "x-clonecloudstore-site: s\r\nx-clonecloudstore-metadata: ");
        peer_say(x, metadata);
        peer_say(x, "\r\n");
    }
    peer_say(x, "x-ferry-stamp: 00018F3A5B6C0001@site-b\r\n\r\n"); /* upper case: not ours */
    return true;
}

static void object_headers_that_are_wrong_are_none(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_broken_facts);
    for (size_t i = 0; i <= FY_COUNT_OF(broken_facts); i++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_FACTS);
        peer_trial_run(trial);
        peer_trial_expect_ok(trial, 200);
        if (trial->head.has_facts)
            fail_msg("case %zu gave facts", i);
        assert_false(trial->head.has_stamp);
        peer_trial_free(trial);
    }
    peer_fixture_done(f);
}

static const struct status_case {
    const char *answer;
    int status;
    int64_t retry_after_s;
} status_cases[] = {
    {"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", 500, 0},
    {"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", 503, 7},
    {"HTTP/1.1 302 There\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 302, 0},
    {"HTTP/1.1 204 None\r\n\r\n", 204, 0},
    {"HTTP/1.1 416 Range\r\nContent-Length: 0\r\n\r\n", 416, 0},
    {"HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", 401, 0},
};

static bool play_status(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, status_cases[x->request].answer);
    return true;
}

static void any_status_is_an_answer(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_status);
    for (size_t i = 0; i < FY_COUNT_OF(status_cases); i++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
        peer_trial_run(trial);
        peer_trial_expect_ok(trial, status_cases[i].status);
        assert_int_equal(trial->head.retry_after_s, status_cases[i].retry_after_s);
        peer_trial_free(trial);
    }
    assert_int_equal(peer_server_requests(f->server), FY_COUNT_OF(status_cases)); /* no redirect */
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ bodies */

static bool play_chunks_with_trailer(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nx-clonecloudstore-site: late\r\n\r\n");
    return true;
}

static void a_chunked_body_is_joined_and_its_length_unknown(void **state)
{
    struct peer_fixture *f =
        peer_fixture_open(state, &peer_limits_patient, play_chunks_with_trailer);
    for (int i = 0; i < 2; i++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
        peer_trial_run(trial);
        peer_trial_expect_ok(trial, 200);
        assert_int_equal(trial->head.content_length, -1);
        assert_false(trial->head.has_facts);
        assert_int_equal(trial->size_bytes, 11);
        assert_memory_equal(trial->bytes, "hello world", 11);
        peer_trial_free(trial);
    }
    assert_int_equal(peer_server_connections(f->server), 1);
    peer_fixture_done(f);
}

#define BIG_BYTES (3u << 20)

static bool play_pattern(struct peer_exchange *x, void *arg)
{
    (void)arg;
    uint8_t *bytes = peer_pattern(BIG_BYTES);
    peer_say_format(x, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", BIG_BYTES);
    peer_say_bytes(x, bytes, BIG_BYTES);
    free(bytes);
    return true;
}

static void a_large_body_comes_whole_in_bounded_chunks(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_pattern);
    for (int hinted = 0; hinted < 2; hinted++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
        trial->call.size_hint = hinted * (int64_t)BIG_BYTES;
        peer_trial_run(trial);
        peer_trial_expect_ok(trial, 200);
        peer_trial_expect_pattern(trial, BIG_BYTES);
        assert_true(trial->largest_chunk <= FY_PEER_CHUNK_BYTES);
        peer_trial_free(trial);
    }
    peer_fixture_done(f);
}

static bool play_zstd(struct peer_exchange *x, void *arg)
{
    (void)arg;
    uint8_t *bytes = peer_pattern(BIG_BYTES);
    size_t capacity = ZSTD_compressBound(BIG_BYTES);
    uint8_t *packed = fy_alloc(2 * capacity);
    size_t first = ZSTD_compress(packed, capacity, bytes, BIG_BYTES / 3, 1);
    size_t second = ZSTD_compress(packed + first, capacity, bytes + BIG_BYTES / 3,
                                  BIG_BYTES - BIG_BYTES / 3, 1);
    peer_say_format(x, "HTTP/1.1 200 OK\r\nContent-Encoding: ZSTD\r\nContent-Length: %zu\r\n\r\n",
                    first + second);
    peer_say_bytes(x, packed, first + second);
    free(packed);
    free(bytes);
    return true;
}

/* CCS closes a frame at each flush, and sends zstd unasked when it keeps its objects compressed. */
static void a_zstd_body_is_plain_whether_asked_for_or_not(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_zstd);
    for (int asked = 0; asked < 2; asked++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
        trial->call.zstd = asked == 1;
        peer_trial_run(trial);
        peer_trial_expect_ok(trial, 200);
        assert_int_equal(trial->head.content_length, -1);
        peer_trial_expect_pattern(trial, BIG_BYTES);
        assert_true(trial->largest_chunk <= FY_PEER_CHUNK_BYTES);
        peer_trial_free(trial);
    }
    peer_fixture_done(f);
}

static bool play_range(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 206 Part\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 2\r\n\r\nlo");
    return true;
}

static void a_pull_goes_on_from_its_offset(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_range);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    trial->call.offset = 3;
    peer_trial_run(trial);
    peer_trial_expect_ok(trial, 206);
    assert_int_equal(trial->size_bytes, 2);
    assert_memory_equal(trial->bytes, "lo", 2);
    peer_trial_free(trial);
    expect_header(peer_server_head(f->server, 0), "\r\nRange: bytes=3-\r\n");
    peer_fixture_done(f);
}

static bool play_endless(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nx-clonecloudstore-site: b\r\n\r\n");
    peer_await_hangup(x); /* no byte of the body ever comes */
    return false;
}

static void facts_of_a_ccs_do_not_wait_for_the_body(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_endless);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_FACTS);
    trial->call.ferry = false;
    peer_trial_run(trial);
    peer_trial_expect_ok(trial, 200);
    assert_true(trial->head.has_facts);
    assert_int_equal(trial->size_bytes, 0);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

static bool play_head_only(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nContent-Encoding: zstd\r\n"
                "x-clonecloudstore-site: b\r\nx-clonecloudstore-size: 9\r\n\r\n");
    return true;
}

static void facts_of_a_ferry_keep_the_connection(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_head_only);
    for (int i = 0; i < 3; i++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_FACTS);
        peer_trial_run(trial);
        peer_trial_expect_ok(trial, 200);
        assert_true(trial->head.has_facts);
        assert_int_equal(trial->head.size, 9);
        assert_int_equal(trial->head.content_length, -1);
        peer_trial_free(trial);
    }
    assert_int_equal(peer_server_connections(f->server), 1);
    peer_fixture_done(f);
}

static void a_body_nobody_wants_is_dropped(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_pattern);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    trial->call.on_data = NULL;
    trial->call.on_head = NULL;
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_OK, FY_REASON_NONE);
    peer_trial_free(trial);
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

const struct CMUnitTest peer_talk_tests[] = {
    cmocka_unit_test(each_verb_takes_its_route_at_a_ferry),
    cmocka_unit_test(each_verb_takes_its_route_at_a_ccs),
    cmocka_unit_test(headers_say_what_the_api_reads),
    cmocka_unit_test(orders_go_whole_to_the_route_of_one_or_many),
    cmocka_unit_test(no_method_or_range_leaks_into_the_next_call),
    cmocka_unit_test(a_base_uri_may_have_a_prefix),
    cmocka_unit_test(a_host_may_have_a_name),
    cmocka_unit_test(a_head_is_read_whole),
    cmocka_unit_test(a_bare_head_leaves_everything_unknown),
    cmocka_unit_test(object_headers_that_are_wrong_are_none),
    cmocka_unit_test(any_status_is_an_answer),
    cmocka_unit_test(a_chunked_body_is_joined_and_its_length_unknown),
    cmocka_unit_test(a_large_body_comes_whole_in_bounded_chunks),
    cmocka_unit_test(a_zstd_body_is_plain_whether_asked_for_or_not),
    cmocka_unit_test(a_pull_goes_on_from_its_offset),
    cmocka_unit_test(facts_of_a_ccs_do_not_wait_for_the_body),
    cmocka_unit_test(facts_of_a_ferry_keep_the_connection),
    cmocka_unit_test(a_body_nobody_wants_is_dropped),
    cmocka_unit_test(calls_one_after_another_share_a_connection),
    cmocka_unit_test(a_fresh_call_has_a_connection_of_its_own),
    cmocka_unit_test(a_kept_connection_that_was_closed_is_replaced),
    cmocka_unit_test(an_idle_connection_that_ended_costs_nothing),
};
const size_t peer_talk_test_count = FY_COUNT_OF(peer_talk_tests);
