/* peer_contract_failure.c - the peer port with peers that do not behave: each failure has its name.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zstd.h>

#include "tests/contract/peer_contract.h"

/* Runs one pull against the play and expects its end. */
static void expect_end(void **state, const struct peer_limits *limits, peer_play_fn *play,
                       enum fy_code code, enum fy_reason reason)
{
    struct peer_fixture *f = peer_fixture_open(state, limits, play);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    peer_trial_run(trial);
    peer_trial_expect(trial, code, reason);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ broken off */

static bool play_short(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello");
    return false;
}

static void a_body_shorter_than_its_length_is_a_size_mismatch(void **state)
{
    expect_end(state, &peer_limits_patient, play_short, FY_ENET, FY_SIZE_MISMATCH);
}

static bool play_short_chunk(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhel");
    return false;
}

static bool play_no_last_chunk(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    return false;
}

static bool play_garbage_chunk(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x,
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n");
    return false;
}

static void chunks_that_do_not_end_well_are_a_size_mismatch(void **state)
{
    expect_end(state, &peer_limits_patient, play_short_chunk, FY_ENET, FY_SIZE_MISMATCH);
    expect_end(state, &peer_limits_patient, play_no_last_chunk, FY_ENET, FY_SIZE_MISMATCH);
    expect_end(state, &peer_limits_patient, play_garbage_chunk, FY_ENET, FY_SIZE_MISMATCH);
}

static bool play_reset_midway(struct peer_exchange *x, void *arg)
{
    struct peer_fixture *f = arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello");
    peer_gate_wait(&f->gate); /* until the bytes have arrived: a reset may overtake them */
    peer_reset(x);
    return false;
}

static void a_reset_midway_is_an_unreachable_source(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_reset_midway);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    peer_trial_start(trial);
    peer_trial_await(trial, &trial->chunks, 1);
    peer_gate_open(&f->gate);
    peer_trial_await_end(trial);
    peer_trial_expect(trial, FY_ENET, FY_SRC_UNREACHABLE);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

static bool play_reset_at_once(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_reset(x);
    return false;
}

static bool play_hang_up(struct peer_exchange *x, void *arg)
{
    (void)x;
    (void)arg;
    return false;
}

static bool play_half_head(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Len");
    peer_reset(x);
    return false;
}

static void no_answer_at_all_is_an_unreachable_source(void **state)
{
    expect_end(state, &peer_limits_patient, play_reset_at_once, FY_ENET, FY_SRC_UNREACHABLE);
    expect_end(state, &peer_limits_patient, play_hang_up, FY_ENET, FY_SRC_UNREACHABLE);
    expect_end(state, &peer_limits_patient, play_half_head, FY_ENET, FY_SRC_UNREACHABLE);
}

/* A port that is bound but does not listen refuses, and nobody else can take it meanwhile. */
static int bound_socket(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t address_bytes = sizeof(address);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &address_bytes), 0);
    *port = ntohs(address.sin_port);
    return descriptor;
}

static void a_refused_connection_is_an_unreachable_source(void **state)
{
    uint16_t port;
    int descriptor = bound_socket(&port);
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, NULL);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_CHECK);
    (void)snprintf(trial->call.uri, sizeof(trial->call.uri), "127.0.0.1:%u", port);
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_ENET, FY_SRC_UNREACHABLE);
    assert_non_null(strstr(trial->err.text, "check at site-b: "));
    peer_trial_free(trial);
    peer_fixture_done(f);
    (void)close(descriptor);
}

/* A listener whose backlog is full drops what comes: the kernel never answers the connect. */
static int deaf_listener(uint16_t *port, int fillers[static 2])
{
    int descriptor = bound_socket(port);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(*port),
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    assert_int_equal(listen(descriptor, 0), 0);
    for (int i = 0; i < 2; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    struct pollfd first = {.fd = fillers[0], .events = POLLOUT};
    assert_int_equal(poll(&first, 1, 5000), 1);
    return descriptor;
}

static void a_connect_that_nobody_answers_ends_by_its_own_timeout(void **state)
{
    uint16_t port;
    int fillers[2];
    int descriptor = deaf_listener(&port, fillers);
    struct peer_limits limits = {1, 4, 200, 60000};
    struct peer_fixture *f = peer_fixture_open(state, &limits, NULL);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    (void)snprintf(trial->call.uri, sizeof(trial->call.uri), "127.0.0.1:%u", port);
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_ENET, FY_SRC_UNREACHABLE);
    peer_trial_free(trial);
    peer_fixture_done(f);
    (void)close(fillers[0]);
    (void)close(fillers[1]);
    (void)close(descriptor);
}

/* ------------------------------------------------------------------ silent */

static bool play_silent(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_await_hangup(x);
    return false;
}

static bool play_silent_midway(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello");
    peer_await_hangup(x);
    return false;
}

static void silence_is_a_stall(void **state)
{
    expect_end(state, &peer_limits_hasty, play_silent, FY_ETIMEOUT, FY_STALLED);
    expect_end(state, &peer_limits_hasty, play_silent_midway, FY_ETIMEOUT, FY_STALLED);
}

#define DEAF_BODY_BYTES (64u << 20)

/* Larger than all socket buffers between us, to a socket that is never read. */
static void a_peer_that_does_not_read_our_orders_is_a_stall(void **state)
{
    uint16_t port;
    int descriptor = bound_socket(&port);
    assert_int_equal(listen(descriptor, 4), 0);
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_hasty, NULL);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_ORDERS);
    (void)snprintf(trial->call.uri, sizeof(trial->call.uri), "127.0.0.1:%u", port);
    char *body = fy_alloc(DEAF_BODY_BYTES);
    memset(body, ' ', DEAF_BODY_BYTES);
    trial->call.body = body;
    trial->call.body_bytes = DEAF_BODY_BYTES;
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_ETIMEOUT, FY_STALLED);
    peer_trial_free(trial);
    free(body);
    peer_fixture_done(f);
    (void)close(descriptor);
}

#define DRIPS   20
#define DRIP_MS 60 /* far below the stall timeout; all drips together are far above it */

/* Time itself is what is tested here, so this one waits for time. */
static void drip(struct peer_exchange *x, const char *text)
{
    for (; *text != '\0'; text++) {
        peer_say_bytes(x, text, 1);
        struct pollfd hangup = {.fd = x->descriptor, .events = POLLRDHUP};
        (void)poll(&hangup, 1, DRIP_MS);
    }
}

static bool play_drip(struct peer_exchange *x, void *arg)
{
    (void)arg;
    drip(x, "HTTP/1.1 200 OK\r\nX: 1");
    peer_say_format(x, "\r\nContent-Length: %d\r\n\r\n", DRIPS);
    drip(x, "01234567890123456789");
    return true;
}

static void a_slow_drip_is_no_stall(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_hasty, play_drip);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    peer_trial_run(trial);
    peer_trial_expect_ok(trial, 200);
    assert_int_equal(trial->size_bytes, DRIPS);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

static void a_deadline_ends_even_a_drip(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_hasty, play_drip);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    trial->call.deadline_ms = 400;
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_ETIMEOUT, FY_STALLED);
    assert_non_null(strstr(trial->err.text, "400 ms"));
    peer_trial_free(trial);
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ not what HTTP says */

static bool play_long(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more");
    return true;
}

/* What follows the length belongs to no answer; it must not be taken for the next one either. */
static void bytes_beyond_the_length_are_not_of_the_body(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_long);
    for (int i = 0; i < 2; i++) {
        struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
        peer_trial_run(trial);
        peer_trial_expect_ok(trial, 200);
        assert_int_equal(trial->size_bytes, 5);
        assert_memory_equal(trial->bytes, "hello", 5);
        peer_trial_free(trial);
    }
    peer_fixture_done(f);
}

static bool play_garbage(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "SSH-2.0-OpenSSH_9.2 and so on\r\n\r\n");
    return false;
}

static bool play_many_headers(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 4000; i++)
        peer_say_format(x, "X-Header-%04d: 0123456789\r\n", i);
    peer_say(x, "\r\n");
    peer_await_hangup(x);
    return false;
}

static bool play_long_header(struct peer_exchange *x, void *arg)
{
    (void)arg;
    char *long_line = fy_alloc(400001);
    memset(long_line, 'x', 400000);
    peer_say(x, "HTTP/1.1 200 OK\r\nX: ");
    peer_say(x, long_line);
    free(long_line);
    peer_await_hangup(x);
    return false;
}

static bool play_endless_trailer(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    for (int i = 0; i < 4000; i++)
        peer_say_format(x, "X-Trailer-%04d: 0123456789\r\n", i);
    peer_await_hangup(x);
    return false;
}

static bool play_gzip(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello");
    return true;
}

static bool play_impossible_length(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello");
    return false;
}

static void an_answer_that_cannot_be_taken_is_refused(void **state)
{
    expect_end(state, &peer_limits_patient, play_garbage, FY_EPEER, FY_SRC_REFUSED);
    expect_end(state, &peer_limits_patient, play_many_headers, FY_EPEER, FY_SRC_REFUSED);
    expect_end(state, &peer_limits_patient, play_long_header, FY_EPEER, FY_SRC_REFUSED);
    expect_end(state, &peer_limits_patient, play_endless_trailer, FY_EPEER, FY_SRC_REFUSED);
    expect_end(state, &peer_limits_patient, play_gzip, FY_EPEER, FY_SRC_REFUSED);
    expect_end(state, &peer_limits_patient, play_impossible_length, FY_EPEER, FY_SRC_REFUSED);
}

static bool play_other_range(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x,
             "HTTP/1.1 206 Part\r\nContent-Range: bytes 4-8/9\r\nContent-Length: 5\r\n\r\nhello");
    return true;
}

static void another_range_than_asked_for_is_not_taken(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_other_range);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    trial->call.offset = 3;
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_ECORRUPT, FY_SIZE_MISMATCH);
    assert_int_equal(trial->heads, 0);
    assert_int_equal(trial->size_bytes, 0);
    peer_trial_free(trial);
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ zstd */

#define ZSTD_PLAIN_BYTES 100000u

static void say_zstd(struct peer_exchange *x, size_t cut_bytes)
{
    uint8_t *bytes = peer_pattern(ZSTD_PLAIN_BYTES);
    size_t capacity = ZSTD_compressBound(ZSTD_PLAIN_BYTES);
    uint8_t *packed = fy_alloc(capacity);
    size_t size = ZSTD_compress(packed, capacity, bytes, ZSTD_PLAIN_BYTES, 1) - cut_bytes;
    peer_say_format(x,
                    "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
                    size);
    peer_say_bytes(x, packed, size);
    peer_say(x, "\r\n0\r\n\r\n");
    free(packed);
    free(bytes);
}

/* Real CCS readers take this for a whole body (spec 1.5). */
static bool play_cut_frame(struct peer_exchange *x, void *arg)
{
    (void)arg;
    say_zstd(x, 1);
    return true;
}

static bool play_not_zstd(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 5\r\n\r\nhello");
    return true;
}

static bool play_half_frame_head(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 2\r\n\r\n\x28\xb5");
    return true;
}

/* Magic, a descriptor without anything, a window of 2^(10+14) = 16 MiB. */
static bool play_wide_window(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 9\r\n\r\n");
    peer_say_bytes(x, "\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00", 9);
    return true;
}

static void a_zstd_body_that_is_not_whole_is_corrupt(void **state)
{
    expect_end(state, &peer_limits_patient, play_cut_frame, FY_ECORRUPT, FY_SIZE_MISMATCH);
    expect_end(state, &peer_limits_patient, play_not_zstd, FY_ECORRUPT, FY_SIZE_MISMATCH);
    expect_end(state, &peer_limits_patient, play_half_frame_head, FY_ECORRUPT, FY_SIZE_MISMATCH);
    expect_end(state, &peer_limits_patient, play_wide_window, FY_ECORRUPT, FY_SIZE_MISMATCH);
}

static bool play_zstd_then_gone(struct peer_exchange *x, void *arg)
{
    (void)arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\n\r\n"); /* ends with the connection */
    peer_say_bytes(x, "\x28\xb5\x2f\xfd\x00\x48\x01", 7);
    return false;
}

static void a_zstd_body_without_length_still_has_its_frame_to_end(void **state)
{
    expect_end(state, &peer_limits_patient, play_zstd_then_gone, FY_ECORRUPT, FY_SIZE_MISMATCH);
}

/* A frame with a window of 2 MiB, its first block given, its last block behind the gate. */
static bool play_big_window(struct peer_exchange *x, void *arg)
{
    struct peer_fixture *f = arg;
    peer_say(x, "HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 14\r\n\r\n");
    peer_say_bytes(x, "\x28\xb5\x2f\xfd\x00\x58\x20\x00\x00hell", 13);
    if (x->connection < FY_ZSTD_BIG_WINDOWS_MAX)
        peer_gate_wait(&f->gate);
    return false;
}

static void a_window_too_many_may_be_tried_again(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_big_window);
    struct peer_trial *holders[FY_ZSTD_BIG_WINDOWS_MAX];
    for (size_t i = 0; i < FY_COUNT_OF(holders); i++) {
        holders[i] = peer_trial_new(f, FY_PEER_PULL);
        peer_trial_start(holders[i]);
        peer_trial_await(holders[i], &holders[i]->chunks, 1);
    }
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_EBUSY, FY_INTERNAL);
    peer_trial_free(trial);
    peer_gate_open(&f->gate);
    for (size_t i = 0; i < FY_COUNT_OF(holders); i++) {
        peer_trial_await_end(holders[i]);
        peer_trial_expect(holders[i], FY_ENET, FY_SIZE_MISMATCH);
        peer_trial_free(holders[i]);
    }
    peer_fixture_done(f);
}

/* ------------------------------------------------------------------ calls that cannot be sent */

static void a_call_that_makes_no_request_says_why(void **state)
{
    struct peer_fixture *f = peer_fixture_open(state, &peer_limits_patient, play_hang_up);
    struct peer_trial *trial = peer_trial_new(f, FY_PEER_PULL);
    strcpy(trial->call.client, "one\r\nx-evil: yes");
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_EINPUT, FY_BAD_ORDER);
    peer_trial_free(trial);

    trial = peer_trial_new(f, FY_PEER_PULL);
    strcpy(trial->call.uri, "http://no where:8081");
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_EINPUT, FY_TOPOLOGY_UNKNOWN);
    peer_trial_free(trial);

    trial = peer_trial_new(f, FY_PEER_GET);
    char *path = fy_alloc(FY_PEER_URL_BYTES_MAX + 1);
    memset(path, '/', FY_PEER_URL_BYTES_MAX);
    trial->call.path = path;
    peer_trial_run(trial);
    peer_trial_expect(trial, FY_EINPUT, FY_BAD_ORDER);
    peer_trial_free(trial);
    free(path);
    assert_int_equal(peer_server_connections(f->server), 0);
    peer_fixture_done(f);
}

int peer_contract_failure(struct peer_adapter *adapter)
{
    const struct CMUnitTest tests[] = {
        PEER_TEST(a_body_shorter_than_its_length_is_a_size_mismatch),
        PEER_TEST(chunks_that_do_not_end_well_are_a_size_mismatch),
        PEER_TEST(a_reset_midway_is_an_unreachable_source),
        PEER_TEST(no_answer_at_all_is_an_unreachable_source),
        PEER_TEST(a_refused_connection_is_an_unreachable_source),
        PEER_TEST(a_connect_that_nobody_answers_ends_by_its_own_timeout),
        PEER_TEST(silence_is_a_stall),
        PEER_TEST(a_peer_that_does_not_read_our_orders_is_a_stall),
        PEER_TEST(a_slow_drip_is_no_stall),
        PEER_TEST(a_deadline_ends_even_a_drip),
        PEER_TEST(bytes_beyond_the_length_are_not_of_the_body),
        PEER_TEST(an_answer_that_cannot_be_taken_is_refused),
        PEER_TEST(another_range_than_asked_for_is_not_taken),
        PEER_TEST(a_zstd_body_that_is_not_whole_is_corrupt),
        PEER_TEST(a_zstd_body_without_length_still_has_its_frame_to_end),
        PEER_TEST(a_window_too_many_may_be_tried_again),
        PEER_TEST(a_call_that_makes_no_request_says_why),
    };
    return _cmocka_run_group_tests(adapter->name, tests, FY_COUNT_OF(tests), NULL, NULL);
}
