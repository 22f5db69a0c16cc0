/* api_dialect_test.c - a family of paths that speaks its own way, on a server that also has ours.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/api_fixture.h"

/* Paths below /own, with one slash at their end or none. */
static bool owns(char *path)
{
    size_t path_bytes = strlen(path);
    if (strncmp(path, "/own", 4) != 0)
        return false;
    if (path[path_bytes - 1] == '/')
        path[path_bytes - 1] = '\0';
    return true;
}

static void answer_error(struct fy_exchange *x, const struct fy_err *err)
{
    struct fy_buf json;
    fy_buf_init(&json, 1024);
    fy_buf_printf(&json, "%s", err->text);
    fy_answer_error_status(x, err->code == FY_EBUSY ? 503 : 499, err, &json);
}

static bool keeps_alive(struct fy_exchange *x)
{
    return fy_request_header(x, "x-stay") != NULL;
}

static const struct fy_dialect dialect = {owns, answer_error, keeps_alive};

static void on_thing(struct fy_exchange *x)
{
    api_say(x, fy_query_raw(x));
}

static void on_empty(struct fy_exchange *x)
{
    fy_answer_empty(x, 204);
}

static void on_busy(struct fy_exchange *x)
{
    fy_answer_fail(x, FY_EBUSY, "busy");
}

static void on_ours(struct fy_exchange *x)
{
    api_say(x, "ours");
}

static void on_room(struct fy_exchange *x)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%zu", fy_answer_room(x));
    api_say(x, text);
}

/* As many headers as there is room for. */
static void on_full(struct fy_exchange *x)
{
    char value[64];
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    while (fy_answer_room(x) >= strlen("x-full") + sizeof value + 4)
        fy_answer_header(x, "x-full", value);
    api_say(x, "full");
}

#define OWN(verb, path, handler)                                                                   \
    {                                                                                              \
        .method = (verb), .pattern = (path), .module = "OWN", .dialect = &dialect,                 \
        .handle = (handler)                                                                        \
    }
static const struct fy_route routes[] = {
    FY_ROUTE("GET", "/ours", "FERRY", on_ours),
    FY_ROUTE("GET", "/own/ours", "FERRY", on_ours), /* shadowed by the family */
    OWN("GET", "/own/thing", on_thing),
    OWN("GET", "/own/empty", on_empty),
    OWN("GET", "/own/busy", on_busy),
    OWN("GET", "/own/room", on_room),
    OWN("GET", "/own/full", on_full),
    {.method = "POST",
     .pattern = "/own/echo",
     .module = "OWN",
     .dialect = &dialect,
     .body = FY_BODY_WHOLE,
     .body_max = FY_JSON_BODY_BYTES_MAX,
     .handle = api_echo},
};
static const struct fy_route_table table = {routes, FY_COUNT_OF(routes)};
static const struct fy_route_table *const tables[] = {&table};

static int set_up(void **state)
{
    *state = api_fixture_new(tables, 1, 0);
    return 0;
}

static void expect(struct api_fixture *f, const char *method, const char *path, const char *headers,
                   int status, const char *body)
{
    struct http_answer answer = http_call(f->port, method, path, headers, NULL);
    assert_int_equal(answer.status, status);
    if (body != NULL)
        assert_string_equal(answer.body, body);
    assert_null(http_header(&answer, "x-clonecloudstore-op-id"));
    assert_null(http_header(&answer, "x-clonecloudstore-module"));
    assert_null(http_header(&answer, "x-clonecloudstore-error"));
    assert_null(http_header(&answer, "x-ferry-version"));
    assert_null(http_header(&answer, "Allow"));
    http_answer_free(&answer);
}

static void its_answers_carry_nothing_of_ours(void **state)
{
    struct api_fixture *f = *state;
    expect(f, "GET", "/own/thing?a=%zz&b", NULL, 200, "a=%zz&b");
    expect(f, "GET", "/own/thing/", NULL, 200, "");
    expect(f, "GET", "/own/thing", "x-clonecloudstore-client-id: \x01\r\n", 200, "");
    struct http_answer answer = http_call(f->port, "GET", "/ours", NULL, NULL);
    assert_non_null(http_header(&answer, "x-clonecloudstore-op-id"));
    assert_null(http_header(&answer, "Connection"));
    http_answer_free(&answer);
}

static void what_is_no_route_of_it_is_said_in_its_words(void **state)
{
    struct api_fixture *f = *state;
    expect(f, "GET", "/own/nothing", NULL, 499, "No handler found");
    expect(f, "POST", "/own/thing", NULL, 499, "No handler found");
    expect(f, "HEAD", "/own/thing", NULL, 499, NULL);
    expect(f, "GET", "/own/ours", NULL, 499, "No handler found");
    expect(f, "GET", "/own/thing", "Content-Encoding: gzip\r\n", 499, NULL);
    struct http_answer answer = http_call(f->port, "GET", "/own/busy", NULL, NULL);
    assert_int_equal(answer.status, 503);
    assert_string_equal(http_header(&answer, "Retry-After"), "1");
    http_answer_free(&answer);
}

static void a_body_over_its_bound_is_refused_in_its_words(void **state)
{
    struct api_fixture *f = *state;
    int fd = http_connect(f->port);
    assert_true(http_send(fd, "POST /own/echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
                          FY_JSON_BODY_BYTES_MAX * 4));
    char *bytes = fy_alloc(FY_JSON_BODY_BYTES_MAX);
    for (int i = 0; i < 4; i++)
        (void)http_send_bytes(fd, bytes, FY_JSON_BODY_BYTES_MAX); /* it may be cut on the way */
    free(bytes);
    struct http_answer answer;
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(answer.status, 499);
    assert_null(http_header(&answer, "x-ferry-version"));
    http_answer_free(&answer);
    (void)close(fd);
}

static void a_connection_ends_unless_the_family_keeps_it(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer;
    int fd = http_connect(f->port);
    for (int i = 0; i < 2; i++) {
        assert_true(http_send(fd, "GET /own/empty HTTP/1.1\r\nHost: x\r\nx-stay: 1\r\n\r\n"));
        assert_true(http_read(fd, false, &answer));
        assert_int_equal(answer.status, 204);
        assert_string_equal(http_header(&answer, "Content-Length"), "0");
        assert_string_equal(http_header(&answer, "Connection"), "Keep-Alive");
        assert_null(http_header(&answer, "Content-Type"));
        http_answer_free(&answer);
    }
    assert_true(http_send(fd, "GET /own/thing HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(http_read(fd, false, &answer));
    assert_string_equal(http_header(&answer, "Content-Length"), "0");
    assert_string_equal(http_header(&answer, "Connection"), "close");
    http_answer_free(&answer);
    assert_true(http_closed(fd));
    (void)close(fd);
}

/* The library has one piece of memory for both heads: what a handler is told that there is room for
 * always goes out, however long the request was. */
static void headers_that_fit_by_our_count_fit(void **state)
{
    struct api_fixture *f = *state;
    static const int fills[] = {1, 1000, 8000, 12000, 15000, 17000};
    char *path = fy_alloc(32 << 10);
    long least = LONG_MAX;
    for (size_t i = 0; i < FY_COUNT_OF(fills); i++) {
        (void)snprintf(path, 32 << 10, "/own/full?%0*d", fills[i], 0);
        struct http_answer answer = http_call(f->port, "GET", path, NULL, NULL);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "full");
        http_answer_free(&answer);
        (void)snprintf(path, 32 << 10, "/own/room?%0*d", fills[i], 0);
        answer = http_call(f->port, "GET", path, NULL, NULL);
        long room = strtol(answer.body, NULL, 10);
        assert_true(room <= least);
        assert_true(room > 0 || fills[i] > 15000);
        least = room;
        http_answer_free(&answer);
    }
    free(path);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_answers_carry_nothing_of_ours),
        TEST(what_is_no_route_of_it_is_said_in_its_words),
        TEST(a_body_over_its_bound_is_refused_in_its_words),
        TEST(a_connection_ends_unless_the_family_keeps_it),
        TEST(headers_that_fit_by_our_count_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
