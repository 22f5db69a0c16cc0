/* api_body_test.c - bodies that are gathered whole, and the bounds of bodies and heads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/api_fixture.h"

static void on_literal(struct fy_exchange *x)
{
    api_say(x, "literal");
}

static const struct fy_route routes[] = {
    {.method = "GET", .pattern = "/fast", .module = "ACCESSOR", .fast = true, .handle = on_literal},
    FY_JSON_ROUTE("POST", "/echo", "ACCESSOR", api_echo),
    {.method = "POST",
     .pattern = "/small",
     .module = "ACCESSOR",
     .body = FY_BODY_WHOLE,
     .body_max = 100,
     .fast = true,
     .handle = api_echo},
    FY_ROUTE("DELETE", "/echo", "ACCESSOR", on_literal),
};
static const struct fy_route_table table = {routes, FY_COUNT_OF(routes)};
static const struct fy_route_table *const tables[] = {&table};

static int set_up(void **state)
{
    *state = api_fixture_new(tables, 1, 0);
    return 0;
}

static void a_body_over_its_bound_is_413_at_whatever_point(void **state)
{
    struct api_fixture *f = *state;
    char big[200];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    struct http_answer answer = http_call(f->port, "POST", "/small", NULL, big);
    assert_int_equal(answer.status, 413);
    http_answer_free(&answer);

    /* Chunked: the bound is met in the middle, the rest is endless; the answer comes all the same.
     */
    int fd = http_connect(f->port);
    assert_true(
        http_send(fd, "POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 3; i++)
        assert_true(http_send(fd, "32\r\n%.50s\r\n", big));
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(answer.status, 413);
    assert_non_null(strstr(answer.body, "too_big"));
    assert_string_equal(http_header(&answer, "Connection"), "close");
    assert_string_equal(http_header(&answer, "x-clonecloudstore-module"), "ACCESSOR");
    http_answer_free(&answer);
    assert_true(http_closed(fd));
    (void)close(fd);

    /* Announced: refused before a byte of it is read. */
    fd = http_connect(f->port);
    assert_true(
        http_send(fd, "POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"));
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(answer.status, 413);
    http_answer_free(&answer);
    (void)close(fd);

    /* A route that wants no body. */
    fd = http_connect(f->port);
    assert_true(
        http_send(fd, "DELETE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"));
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(answer.status, 200);
    http_answer_free(&answer);
    assert_true(http_send(fd, "DELETE /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n"));
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(answer.status, 413);
    http_answer_free(&answer);
    (void)close(fd);
}

/* The rest of a small refused body is read, so that the connection can go on. */
static void a_small_refused_body_does_not_cost_the_connection(void **state)
{
    struct api_fixture *f = *state;
    int fd = http_connect(f->port);
    for (int i = 0; i < 3; i++) {
        struct http_answer answer;
        assert_true(
            http_send(fd, "POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello"));
        assert_true(http_send(fd, " world"));
        assert_true(http_read(fd, false, &answer));
        assert_int_equal(answer.status, 404);
        http_answer_free(&answer);
    }
    (void)close(fd);
}

static void whole_bodies_come_in_pieces_and_chunks(void **state)
{
    struct api_fixture *f = *state;
    char body[3001];
    for (size_t i = 0; i < sizeof body - 1; i++)
        body[i] = (char)('a' + i % 26);
    body[sizeof body - 1] = '\0';
    int fd = http_connect(f->port);
    for (int round = 0; round < 2; round++) {
        struct http_answer answer;
        assert_true(
            http_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n"));
        for (size_t at = 0; at < 3000; at += 750)
            assert_true(http_send_bytes(fd, body + at, 750));
        assert_true(http_read(fd, false, &answer));
        assert_string_equal(answer.body, body);
        http_answer_free(&answer);

        assert_true(
            http_send(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
        for (size_t at = 0; at < 3000; at += 7)
            assert_true(http_send(fd, "%zx\r\n%.*s\r\n", 3000 - at < 7 ? 3000 - at : 7,
                                  3000 - at < 7 ? (int)(3000 - at) : 7, body + at));
        assert_true(http_send(fd, "0\r\n\r\n"));
        assert_true(http_read(fd, false, &answer));
        assert_string_equal(answer.body, body);
        http_answer_free(&answer);
    }
    (void)close(fd);
}

static void an_oversized_head_gets_a_clean_answer(void **state)
{
    struct api_fixture *f = *state;
    size_t bytes = 2 * FY_CONNECTION_BYTES;
    char *big = fy_alloc(bytes + 1);
    memset(big, 'a', bytes);
    struct http_answer answer;
    int fd = http_connect(f->port);
    (void)http_send(fd, "GET /fast HTTP/1.1\r\nHost: x\r\nx-big: %s\r\n\r\n", big);
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(answer.status, 431);
    http_answer_free(&answer);
    (void)close(fd);
    fd = http_connect(f->port);
    (void)http_send(fd, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", big);
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(answer.status, 414);
    http_answer_free(&answer);
    (void)close(fd);
    free(big);
    answer = http_call(f->port, "GET", "/fast", NULL, NULL);
    assert_string_equal(answer.body, "literal");
    http_answer_free(&answer);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_over_its_bound_is_413_at_whatever_point),
        TEST(a_small_refused_body_does_not_cost_the_connection),
        TEST(whole_bodies_come_in_pieces_and_chunks),
        TEST(an_oversized_head_gets_a_clean_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
