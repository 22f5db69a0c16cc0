/* peer_contract_answer.c - the peer port: what it makes of the answers of peers that behave. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "tests/contract/peer_contract.h"

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
    assert_non_null(strcasestr(peer_server_head(f->server, 0), "\r\nRange: bytes=3-\r\n"));
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

int peer_contract_answer(struct peer_adapter *adapter)
{
    const struct CMUnitTest tests[] = {
        PEER_TEST(a_head_is_read_whole),
        PEER_TEST(a_bare_head_leaves_everything_unknown),
        PEER_TEST(object_headers_that_are_wrong_are_none),
        PEER_TEST(any_status_is_an_answer),
        PEER_TEST(a_chunked_body_is_joined_and_its_length_unknown),
        PEER_TEST(a_large_body_comes_whole_in_bounded_chunks),
        PEER_TEST(a_zstd_body_is_plain_whether_asked_for_or_not),
        PEER_TEST(a_pull_goes_on_from_its_offset),
        PEER_TEST(facts_of_a_ccs_do_not_wait_for_the_body),
        PEER_TEST(facts_of_a_ferry_keep_the_connection),
        PEER_TEST(a_body_nobody_wants_is_dropped),
    };
    return _cmocka_run_group_tests(adapter->name, tests, FY_COUNT_OF(tests), NULL, NULL);
}
