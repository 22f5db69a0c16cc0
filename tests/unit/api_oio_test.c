/* api_oio_test.c - OpenIO's paths, queries, headers and errors, before any container is there. What
 * its operations do is tests/integration/test_oio_cases_*.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/api_fixture.h"

static int set_up(void **state)
{
    struct api_fixture *f = api_fixture_full(fy_tables_api, fy_tables_api_count, API_SITE);
    strcpy(f->config->oio_namespace, "OPENIO");
    strcpy(f->config->oio_region, "eu");
    *state = f;
    return 0;
}

/* The answer is this error and nothing else: two keys, the exact type, no header of ours. */
static void expect_error(struct api_fixture *f, const char *method, const char *path,
                         const char *headers, const char *body, int status, int code)
{
    char start[32];
    struct http_answer answer = http_call(f->port, method, path, headers, body);
    if (answer.status != status)
        fail_msg("%s %s: %d %s", method, path, answer.status, answer.body);
    assert_string_equal(http_header(&answer, "Content-Type"), "application/json");
    assert_null(http_header(&answer, "x-clonecloudstore-op-id"));
    assert_null(http_header(&answer, "x-ferry-version"));
    assert_null(http_header(&answer, "Allow"));
    if (status == 503)
        assert_string_equal(http_header(&answer, "Retry-After"), "1");
    if (strcmp(method, "HEAD") != 0) {
        (void)snprintf(start, sizeof start, "{\"status\":%d,\"message\":\"", code);
        assert_memory_equal(answer.body, start, strlen(start));
        assert_string_equal(strchr(answer.body + strlen(start), '"'), "\"}");
    }
    http_answer_free(&answer);
}

#define C "/v3.0/OPENIO/container/"

static void other_versions_operations_and_methods_are_404(void **state)
{
    static const char *const calls[][2] = {
        {"GET", "/v3.1/OPENIO/container/show?acct=A&ref=c"},
        {"GET", "/v2.0/m2/OPENIO/A/c"},
        {"GET", "/v1.0/account/show"},
        {"GET", "/v3.0"},
        {"GET", "/v3.0/OPENIO/container"},
        {"POST", C "nothing?acct=A&ref=c"},
        {"POST", C "drain?acct=A&ref=c"},
        {"POST", C "Create?acct=A&ref=c"},
        {"GET", C "create?acct=A&ref=c"},
        {"POST", C "list?acct=A&ref=c"},
        {"PUT", C "show?acct=A&ref=c"},
        {"HEAD", C "show?acct=A&ref=c"},
        {"DELETE", C "destroy?acct=A&ref=c"},
        {"GET", "/v3.0/OPENIO//container/show?acct=A&ref=c"},
        {"GET", "/v3.0/OPENIO/container/show//?acct=A&ref=c"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(calls); i++)
        expect_error(*state, calls[i][0], calls[i][1], NULL, NULL, 404, 404);
}

static void a_path_over_2048_bytes_is_404(void **state)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "/v3.0/%02040d/container/show", 0);
    expect_error(*state, "GET", path, NULL, NULL, 404, 404);
    (void)snprintf(path, sizeof path, "/v3.0/%02020d/container/show", 0);
    expect_error(*state, "GET", path, NULL, NULL, 400, 400); /* only another namespace */
}

/* Extra slashes at the start and one at the end do no harm, nor do escapes where none is needed. */
static void paths_are_compared_segment_by_segment(void **state)
{
    static const char *const paths[] = {
        "//v3.0/OPENIO/container/show?acct=A&ref=c",
        "/v3.0/OPENIO/container/show/?acct=A&ref=c",
        "/%763.0/OPEN%49O/%63ontainer/sho%77?acct=A&ref=c",
    };
    for (size_t i = 0; i < FY_COUNT_OF(paths); i++)
        expect_error(*state, "GET", paths[i], NULL, NULL, 404, 431);
}

static void another_namespace_is_400(void **state)
{
    expect_error(*state, "POST", "/v3.0/OTHER/container/create?acct=A&ref=c", NULL, NULL, 400, 400);
    expect_error(*state, "POST", "/v3.0/openio/container/create?acct=A&ref=c", NULL, NULL, 400,
                 400);
}

static void a_container_needs_a_good_address(void **state)
{
    static const char *const queries[] = {
        "",
        "acct=A",
        "ref=c",
        "acct&ref=c",
        "acct=&ref=c",
        "acct=A&ref=",
        "acct=A&ref=%ff",
        "acct=A%01&ref=c",
        "acct=A&ref=%zz",
        "acct=A&ref=c&x=%",
        "cid=xyz-not-hex",
        "cid=",
        "acct=A&ref=c&cid=12345",
        "acct=A&ref=c&cid=12.1",
        "acct=0123456789012345678901234567890123456789012345678901234567890123&ref=c",
        "properties=False%max=2&acct=A&ref=c"};
    for (size_t i = 0; i < FY_COUNT_OF(queries); i++) {
        char path[256];
        (void)snprintf(path, sizeof path, C "show?%s", queries[i]);
        expect_error(*state, "GET", path, NULL, NULL, 400, 400);
    }
    expect_error(*state, "GET",
                 C "show?acct=012345678901234567890123456789012345678901234567890123456789012"
                   "&ref=c",
                 NULL, NULL, 404, 431);
    expect_error(*state, "GET", C "show?cid=ABCD", NULL, NULL, 404, 431);
}

static void names_have_their_bounds(void **state)
{
    char path[4096];
    (void)snprintf(path, sizeof path, C "show?acct=A&ref=%01023d", 0);
    expect_error(*state, "GET", path, NULL, NULL, 404, 431);
    (void)snprintf(path, sizeof path, C "show?acct=A&ref=%01024d", 0);
    expect_error(*state, "GET", path, NULL, NULL, 400, 400);
    (void)snprintf(path, sizeof path, C "list?acct=A&ref=c&prefix=%01087d", 0);
    expect_error(*state, "GET", path, NULL, NULL, 404, 431);
    (void)snprintf(path, sizeof path, C "list?acct=A&ref=c&prefix=%01088d", 0);
    expect_error(*state, "GET", path, NULL, NULL, 400, 400);
}

static void objects_need_a_path_and_a_good_version(void **state)
{
#define O "/v3.0/OPENIO/content/show?acct=A&ref=c"
    expect_error(*state, "GET", O, NULL, NULL, 400, 400);
    expect_error(*state, "GET", O "&path=", NULL, NULL, 400, 400);
    expect_error(*state, "GET", O "&path=o&version=x", NULL, NULL, 400, 400);
    expect_error(*state, "GET", O "&path=o&version=-1", NULL, NULL, 400, 400);
    expect_error(*state, "GET", O "&path=o&version=null", NULL, NULL, 404, 431);
    expect_error(*state, "GET", O "&path=o&version=12", NULL, NULL, 404, 431);
}

static void numbers_and_bodies_are_checked_first(void **state)
{
    static const struct {
        const char *path, *body;
    } bad[] = {
        {C "create?acct=A&ref=c", "[1]"},
        {C "create?acct=A&ref=c", "{"},
        {C "create?acct=A&ref=c", "{\"properties\":{\"n\":1}}"},
        {C "create_many?acct=A", ""},
        {C "create_many?acct=A", "{\"containers\":[{\"properties\":{}}]}"},
        {C "create_many?acct=A", "{\"containers\":[{\"name\":\"\"}]}"},
        {C "create_many", "{\"containers\":[]}"},
        {C "get_properties?acct=A&ref=c", "{"},
        {C "set_properties?acct=A&ref=c", ""},
        {C "set_properties?acct=A&ref=c", "{}"},
        {C "set_properties?acct=A&ref=c", "{\"system\":{\"quota\":\"1\"}}"},
        {C "del_properties?acct=A&ref=c", ""},
        {C "del_properties?acct=A&ref=c", "{\"a\":1}"},
        {C "del_properties?acct=A&ref=c", "[1]"},
        {C "touch?acct=A&ref=c", "{"},
        {C "dedup?acct=A&ref=c", "{"},
        {C "purge?acct=A&ref=c", "{"},
        {C "purge?acct=A&ref=c&maxvers=x", ""},
        {C "flush?acct=A&ref=c", "{"},
        {C "flush?acct=A&ref=c&limit=x", ""},
        {C "snapshot?acct=A&ref=c", ""},
        {C "snapshot?acct=A&ref=c", "{\"account\":\"A\"}"},
        {C "snapshot?acct=A&ref=c", "{\"account\":1,\"container\":\"d\"}"},
        {C "snapshot?acct=A&ref=c", "{\"account\":\"A\",\"container\":\"c\"}"},
        {"/v3.0/OPENIO/content/create?acct=A&ref=c&path=o", "{}"}, /* no length */
        {"/v3.0/OPENIO/content/set_properties?acct=A&ref=c&path=o", "[]"},
        {"/v3.0/OPENIO/content/del_properties?acct=A&ref=c&path=o", "{}"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        expect_error(*state, "POST", bad[i].path, NULL, bad[i].body, 400, 400);
    static const char *const lists[] = {"max=x", "version_marker=x", "version=x", "prefix=%ff"};
    for (size_t i = 0; i < FY_COUNT_OF(lists); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, C "list?acct=A&ref=c&%s", lists[i]);
        expect_error(*state, "GET", path, NULL, NULL, 400, 400);
    }
    expect_error(*state, "GET", C "list?acct=A&ref=c", "x-oio-list-content-hash: abc\r\n", NULL,
                 400, 400);
}

static void a_region_and_a_policy_that_are_not_ours_are_refused(void **state)
{
    expect_error(*state, "POST", C "create?acct=A&ref=c", "x-oio-region: us\r\n", NULL, 400, 400);
    expect_error(*state, "POST", C "create?acct=A&ref=c", NULL,
                 "{\"system\":{\"sys.m2.policy.storage\":\"GOLD\"}}", 400, 480);
    expect_error(*state, "POST", C "create_many?acct=A", NULL,
                 "{\"containers\":[{\"name\":\"c\",\"system\":{\"sys.m2.policy.storage\":\"X\"}}]}",
                 400, 480);
}

static void over_a_hundred_containers_at_once_are_413(void **state)
{
    struct fy_buf body;
    fy_buf_init(&body, 4096);
    fy_buf_text(&body, "{\"containers\":[{\"name\":\"c\"}");
    for (int i = 0; i < FY_OIO_MANY_MAX; i++)
        fy_buf_text(&body, ",{\"name\":\"c\"}");
    fy_buf_text(&body, "]}");
    expect_error(*state, "POST", C "create_many?acct=A", NULL, body.bytes, 413, 413);
    fy_buf_done(&body);
}

static void a_body_over_a_mebibyte_is_413(void **state)
{
    char *body = fy_alloc(FY_OIO_BODY_BYTES_MAX + 2);
    memset(body, ' ', FY_OIO_BODY_BYTES_MAX + 1);
    expect_error(*state, "POST", C "set_properties?acct=A&ref=c", NULL, body, 413, 413);
    free(body);
}

/* One that needs its turn, since its tree may be large, is served like any other. */
static void a_large_body_is_read(void **state)
{
    char *body = fy_alloc((4 << 16) + 1);
    memset(body, ' ', 4 << 16);
    body[0] = '[';
    body[(4 << 16) - 1] = ']';
    expect_error(*state, "POST", C "get_properties?acct=A&ref=c", NULL, body, 404, 431);
    expect_error(*state, "POST", C "del_properties?acct=A&ref=c&cid=nope", NULL, body, 400, 400);
    free(body);
}

static void a_request_without_time_is_503(void **state)
{
    expect_error(*state, "GET", C "show?acct=A&ref=c", "x-oio-timeout: 0\r\n", NULL, 503, 504);
    expect_error(*state, "GET", C "show?acct=A&ref=c", "x-oio-timeout: soon\r\n", NULL, 404, 431);
    expect_error(*state, "GET", C "show?acct=A&ref=c", "X-OIO-Timeout: 60000000\r\n", NULL, 404,
                 431);
}

static void a_connection_stays_when_keep_alive_is_asked_for(void **state)
{
    struct api_fixture *f = *state;
    static const char *const words[] = {"keep-alive", "Keep-Alive", "TE, keep-alive"};
    struct http_answer answer;
    int fd = http_connect(f->port);
    for (size_t i = 0; i < FY_COUNT_OF(words); i++) {
        assert_true(http_send(fd,
                              "GET " C "show?acct=A&ref=c HTTP/1.1\r\nHost: x\r\nConnection: "
                              "%s\r\n\r\n",
                              words[i]));
        assert_true(http_read(fd, false, &answer));
        assert_int_equal(answer.status, 404);
        assert_string_equal(http_header(&answer, "Connection"), "Keep-Alive");
        http_answer_free(&answer);
    }
    assert_true(http_send(fd, "GET /v3.1 HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(strcasecmp(http_header(&answer, "Connection"), "close"), 0);
    http_answer_free(&answer);
    assert_true(http_closed(fd));
    (void)close(fd);
}

/* Snapshots' clients call touch on what is not there: it is 403. */
static void what_is_not_there_is_404_but_for_touch(void **state)
{
    static const char *const posts[] = {"destroy", "destroy?force=1", "dedup",
                                        "purge",   "flush",           "get_properties"};
    for (size_t i = 0; i < FY_COUNT_OF(posts); i++) {
        char path[128];
        bool query = strchr(posts[i], '?') != NULL;
        (void)snprintf(path, sizeof path, C "%s%sacct=A&ref=c", posts[i], query ? "&" : "?");
        expect_error(*state, "POST", path, NULL, NULL, 404, 431);
    }
    expect_error(*state, "POST", C "touch?acct=A&ref=c", NULL, NULL, 403, 431);
    expect_error(*state, "POST", C "set_properties?acct=A&ref=c", NULL,
                 "{\"properties\":{\"a\":\"1\"}}", 404, 431);
    expect_error(*state, "POST", C "snapshot?acct=A&ref=c", NULL,
                 "{\"account\":\"A\",\"container\":\"d\"}", 404, 431);
    expect_error(*state, "POST", "/v3.0/OPENIO/admin/freeze?acct=A&ref=c", NULL, NULL, 404, 431);
    expect_error(*state, "POST", "/v3.0/OPENIO/content/delete?acct=A&ref=c&path=o", NULL, NULL, 404,
                 431);
    expect_error(*state, "POST", "/v3.0/OPENIO/content/create?acct=A&ref=c&path=o",
                 "x-oio-content-meta-length: 1\r\n", "{}", 404, 431);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(other_versions_operations_and_methods_are_404),
        TEST(a_path_over_2048_bytes_is_404),
        TEST(paths_are_compared_segment_by_segment),
        TEST(another_namespace_is_400),
        TEST(a_container_needs_a_good_address),
        TEST(names_have_their_bounds),
        TEST(objects_need_a_path_and_a_good_version),
        TEST(numbers_and_bodies_are_checked_first),
        TEST(a_region_and_a_policy_that_are_not_ours_are_refused),
        TEST(over_a_hundred_containers_at_once_are_413),
        TEST(a_body_over_a_mebibyte_is_413),
        TEST(a_large_body_is_read),
        TEST(a_request_without_time_is_503),
        TEST(a_connection_stays_when_keep_alive_is_asked_for),
        TEST(what_is_not_there_is_404_but_for_touch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
