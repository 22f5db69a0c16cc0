/* api_stream_test.c - answers of any length: byte for byte, compressed, cut when they fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/api_fixture.h"
#include "tests/support/body_bytes.h"

/* ------------------------------------------------------------------ a source */

struct source {
    struct fy_exchange *x;
    size_t bytes, at;
    size_t fail_at;    /* 0 never */
    _Atomic int waits; /* reads answered WAIT; the test wakes */
    bool wait_each;
    bool may_go;
};
static struct source source;
static _Atomic int drops;

static ssize_t source_read(void *state, char *bytes, size_t capacity)
{
    struct source *self = state;
    if (self->fail_at > 0 && self->at >= self->fail_at)
        return FY_STREAM_FAIL;
    if (self->wait_each && !self->may_go && self->at < self->bytes) {
        self->may_go = true;
        atomic_fetch_add(&self->waits, 1);
        return FY_STREAM_WAIT;
    }
    self->may_go = false;
    size_t left = self->bytes - self->at;
    size_t given = left < capacity ? left : capacity;
    if (self->wait_each && given > 100)
        given = 100;
    for (size_t i = 0; i < given; i++)
        bytes[i] = byte_at(self->at + i);
    self->at += given;
    return (ssize_t)given;
}

static void source_drop(void *state)
{
    (void)state;
    atomic_fetch_add(&drops, 1);
}

static void on_stream(struct fy_exchange *x)
{
    source.x = x;
    fy_answer_stream(x, 200, "application/x-test", fy_accepts_zstd(x), source_read, &source,
                     source_drop);
}

/* Without end and without memory, for many readers at once. */
static ssize_t endless_read(void *state, char *bytes, size_t capacity)
{
    (void)state;
    for (size_t i = 0; i < capacity; i++)
        bytes[i] = byte_at(i);
    return (ssize_t)capacity;
}

static void on_endless(struct fy_exchange *x)
{
    fy_answer_stream(x, 200, "application/x-test", fy_accepts_zstd(x), endless_read, NULL,
                     source_drop);
}

/* ------------------------------------------------------------------ bodies in memory */

enum { HUGE_BYTES = FY_ANSWERS_BYTES_MAX - (1 << 20), LARGE_BYTES = 3 << 19 };

static void answer_bytes(struct fy_exchange *x, size_t size_bytes)
{
    struct fy_buf body;
    fy_buf_init(&body, size_bytes);
    char *bytes = fy_alloc(size_bytes);
    fy_buf_add(&body, bytes, size_bytes);
    free(bytes);
    fy_answer_bytes(x, 200, "application/x-test", &body);
}

static void on_huge(struct fy_exchange *x)
{
    answer_bytes(x, HUGE_BYTES);
}

static void on_large(struct fy_exchange *x)
{
    answer_bytes(x, LARGE_BYTES);
}

static void on_static(struct fy_exchange *x)
{
    fy_answer_static(x, 200, "application/x-test", "stays", 5);
}

static const struct fy_route routes[] = {
    {.method = "GET", .pattern = "/huge", .module = "ACCESSOR", .handle = on_huge},
    {.method = "GET", .pattern = "/large", .module = "ACCESSOR", .handle = on_large},
    {.method = "GET", .pattern = "/vital", .module = "ACCESSOR", .vital = true, .handle = on_large},
    {.method = "GET", .pattern = "/static", .module = "ACCESSOR", .handle = on_static},
    {.method = "GET", .pattern = "/stream", .module = "ACCESSOR", .handle = on_stream},
    {.method = "GET", .pattern = "/endless", .module = "ACCESSOR", .handle = on_endless},
};
static const struct fy_route_table table = {routes, FY_COUNT_OF(routes)};
static const struct fy_route_table *const tables[] = {&table};

static int set_up(void **state)
{
    source = (struct source){.bytes = BODY_BYTES};
    *state = api_fixture_new(tables, 1, 0);
    return 0;
}

/* ------------------------------------------------------------------ tests */

static void a_stream_is_chunked_and_arrives_byte_for_byte(void **state)
{
    struct api_fixture *f = *state;
    int before = atomic_load(&drops);
    struct http_answer answer = http_call(f->port, "GET", "/stream", NULL, NULL);
    assert_int_equal(answer.status, 200);
    assert_true(answer.chunked);
    assert_null(http_header(&answer, "Content-Length"));
    assert_null(http_header(&answer, "Content-Encoding"));
    assert_string_equal(http_header(&answer, "Content-Type"), "application/x-test");
    assert_false(answer.cut);
    expect_bytes(answer.body, answer.body_bytes, 0, BODY_BYTES);
    http_answer_free(&answer);
    while (atomic_load(&drops) == before)
        (void)usleep(1000);
    assert_int_equal(atomic_load(&drops), before + 1);
}

static void a_stream_may_wait_for_more_and_is_woken(void **state)
{
    struct api_fixture *f = *state;
    source.wait_each = true;
    source.bytes = 5000;
    int fd = http_connect(f->port);
    assert_true(http_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
    for (int i = 1; i <= 50; i++) {
        while (atomic_load(&source.waits) < i)
            (void)usleep(100);
        fy_stream_wake(source.x); /* before it sleeps, or after */
    }
    struct http_answer answer;
    assert_true(http_read(fd, false, &answer));
    assert_false(answer.cut);
    expect_bytes(answer.body, answer.body_bytes, 0, 5000);
    http_answer_free(&answer);
    (void)close(fd);
}

static void a_stream_that_waits_for_ever_does_not_stop_the_server_from_closing(void **state)
{
    struct api_fixture *f = *state;
    source.wait_each = true;
    int before = atomic_load(&drops);
    int fd = http_connect(f->port);
    assert_true(http_send(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (atomic_load(&source.waits) < 1)
        (void)usleep(1000);
    fy_server_close(f->server, 50);
    f->server = NULL;
    assert_int_equal(atomic_load(&drops), before + 1);
    struct http_answer answer;
    assert_true(http_read(fd, false, &answer));
    assert_true(answer.cut);
    http_answer_free(&answer);
    (void)close(fd);
}

static void a_stream_that_fails_is_cut_so_that_the_reader_notices(void **state)
{
    struct api_fixture *f = *state;
    source.fail_at = BODY_BYTES / 2;
    struct http_answer answer = http_call(f->port, "GET", "/stream", NULL, NULL);
    assert_true(answer.cut);
    http_answer_free(&answer);
}

static void a_stream_is_dropped_when_its_reader_leaves(void **state)
{
    struct api_fixture *f = *state;
    int before = atomic_load(&drops);
    int fd = http_connect(f->port);
    assert_true(http_send(fd, "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"));
    char some[1000];
    assert_true(read(fd, some, sizeof some) > 0);
    (void)close(fd);
    while (atomic_load(&drops) == before)
        (void)usleep(1000);
}

static void a_head_of_a_stream_reads_nothing_and_drops_it(void **state)
{
    struct api_fixture *f = *state;
    int before = atomic_load(&drops);
    struct http_answer answer =
        http_call(f->port, "HEAD", "/stream", "Accept-Encoding: zstd\r\n", NULL);
    assert_int_equal(answer.status, 200);
    http_answer_free(&answer);
    while (atomic_load(&drops) == before)
        (void)usleep(1000);
    assert_int_equal(source.at, 0);
}

static void zstd_is_sent_when_it_is_asked_for(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer =
        http_call(f->port, "GET", "/stream", "Accept-Encoding: gzip, zstd\r\n", NULL);
    assert_true(answer.chunked);
    expect_zstd(&answer);
    http_answer_free(&answer);
}

static void an_empty_stream_is_a_clean_end_in_both_forms(void **state)
{
    struct api_fixture *f = *state;
    source.bytes = 0;
    struct http_answer answer = http_call(f->port, "GET", "/stream", NULL, NULL);
    assert_false(answer.cut);
    assert_int_equal(answer.body_bytes, 0);
    http_answer_free(&answer);
    source.at = 0;
    answer = http_call(f->port, "GET", "/stream", "Accept-Encoding: zstd\r\n", NULL);
    assert_false(answer.cut);
    assert_true(answer.body_bytes > 0); /* an empty frame */
    http_answer_free(&answer);
}

/* More readers than slots: the rest get the bytes as they are, and the slots come back. */
static void zstd_slots_are_bounded_and_given_back(void **state)
{
    struct api_fixture *f = *state;
    int fds[FY_ZSTD_ANSWERS_MAX];
    for (int round = 0; round < 2; round++) {
        int before = atomic_load(&drops);
        for (int i = 0; i < FY_ZSTD_ANSWERS_MAX; i++) {
            char some[64];
            fds[i] = http_connect(f->port);
            assert_true(http_send(
                fds[i], "GET /endless HTTP/1.1\r\nHost: x\r\nAccept-Encoding: zstd\r\n\r\n"));
            assert_true(read(fds[i], some, sizeof some) > 0);
        }
        source.at = 0;
        struct http_answer answer =
            http_call(f->port, "GET", "/stream", "Accept-Encoding: zstd\r\n", NULL);
        assert_null(http_header(&answer, "Content-Encoding"));
        expect_bytes(answer.body, answer.body_bytes, 0, BODY_BYTES);
        http_answer_free(&answer);
        for (int i = 0; i < FY_ZSTD_ANSWERS_MAX; i++)
            (void)close(fds[i]);
        while (atomic_load(&drops) < before + FY_ZSTD_ANSWERS_MAX)
            (void)usleep(1000);
    }
}

/* CCS's readers want it chunked and without a length (spec 1.5). */
static int status_of(struct api_fixture *f, const char *path)
{
    struct http_answer answer = http_call(f->port, "GET", path, NULL, NULL);
    int status = answer.status;
    if (status == 503)
        assert_non_null(http_header(&answer, "Retry-After"));
    http_answer_free(&answer);
    return status;
}

/* A reader that does not read holds its answer in memory: of those there is a bound, beyond which
 * only who asks how Ferry is gets large answers, until the memory comes back. */
static void large_answers_that_are_not_read_have_a_common_bound(void **state)
{
    struct api_fixture *f = *state;
    for (int round = 0; round < 2; round++) {
        int fd = http_connect(f->port), least = 1;
        char some[64];
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least), 0);
        assert_true(http_send(fd, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_true(read(fd, some, sizeof some) > 0);
        assert_int_equal(status_of(f, "/huge"), 503);
        assert_int_equal(status_of(f, "/large"), 503);
        assert_int_equal(status_of(f, "/vital"), 200);
        assert_int_equal(status_of(f, "/static"), 200);
        (void)close(fd);
        while (status_of(f, "/huge") == 503) /* until it is noticed */
            (void)usleep(1000);
    }
    assert_int_equal(status_of(f, "/large"), 200);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stream_is_chunked_and_arrives_byte_for_byte),
        TEST(a_stream_may_wait_for_more_and_is_woken),
        TEST(a_stream_that_waits_for_ever_does_not_stop_the_server_from_closing),
        TEST(a_stream_that_fails_is_cut_so_that_the_reader_notices),
        TEST(a_stream_is_dropped_when_its_reader_leaves),
        TEST(a_head_of_a_stream_reads_nothing_and_drops_it),
        TEST(zstd_is_sent_when_it_is_asked_for),
        TEST(an_empty_stream_is_a_clean_end_in_both_forms),
        TEST(zstd_slots_are_bounded_and_given_back),
        TEST(large_answers_that_are_not_read_have_a_common_bound),
    };
    return cmocka_run_group_tests_name("api_stream", tests, NULL, NULL);
}
