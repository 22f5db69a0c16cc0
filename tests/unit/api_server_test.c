/* api_server_test.c - how requests find their route, what every answer carries, which are refused.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
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

/* ------------------------------------------------------------------ routes under test */

static _Atomic(struct fy_exchange *) deferred; /* of /defer: the test answers it */
static _Atomic int drops;

static void on_literal(struct fy_exchange *x)
{
    api_say(x, "literal");
}

static void on_names(struct fy_exchange *x)
{
    char text[2048];
    (void)snprintf(text, sizeof text, "b=%s o=%s q=%s raw=%s", fy_path_value(x, "bucket"),
                   fy_path_value(x, "object"), fy_query(x, "q") != NULL ? fy_query(x, "q") : "none",
                   fy_path_raw(x));
    api_say(x, text);
}

static void on_bucket(struct fy_exchange *x)
{
    api_say(x, fy_path_value(x, "bucket"));
}

static void on_client(struct fy_exchange *x)
{
    api_say(x, fy_client(x));
}

static void on_forget(struct fy_exchange *x)
{
    (void)x;
}

static void on_defer(struct fy_exchange *x)
{
    fy_defer(x);
    atomic_store(&deferred, x);
}

static void on_second_thread(struct fy_exchange *x)
{
    api_say(x, "went on");
}

static void on_go_on(struct fy_exchange *x)
{
    fy_go_on(x, on_second_thread);
}

static void count_drop(void *state)
{
    (void)state;
    atomic_fetch_add(&drops, 1);
}

static void on_refuse(struct fy_exchange *x)
{
    fy_state_set(x, x, count_drop);
    fy_answer_fail(x, FY_EFULL, "line one\nand a café");
}

static void on_type(struct fy_exchange *x)
{
    fy_answer_type(x, "BUCKET");
}

static void on_none(struct fy_exchange *x)
{
    fy_answer_none(x, "no such bucket");
}

static void on_accept(struct fy_exchange *x)
{
    char text[64];
    (void)snprintf(text, sizeof text, "json=%d zstd=%d type=%d", fy_accepts(x, "application/json"),
                   fy_accepts_zstd(x), fy_content_is(x, "application/json"));
    api_say(x, text);
}

#define GET(p, h) .method = "GET", .pattern = p, .module = "REPLICATOR", .handle = h
static const struct fy_route routes[] = {
    {GET("/r/buckets/{bucket}", on_bucket)},
    {GET("/r/buckets/{bucket}/{object*}", on_names)},
    {GET("/r/buckets/{bucket}/fixed", on_literal)},
    {GET("/client", on_client), .client_required = true},
    {GET("/fast", on_literal), .fast = true},
    {GET("/forget", on_forget)},
    {GET("/defer", on_defer), .fast = true},
    {GET("/defer-pool", on_defer)},
    {GET("/go-on", on_go_on), .fast = true},
    {GET("/refuse", on_refuse)},
    {GET("/accept", on_accept)},
    FY_ROUTE("HEAD", "/type", "REPLICATOR", on_type),
    FY_ROUTE("HEAD", "/none", "REPLICATOR", on_none),
    FY_JSON_ROUTE("POST", "/echo", "ACCESSOR", api_echo),
    FY_ROUTE("DELETE", "/echo", "ACCESSOR", on_literal),
};
static const struct fy_route_table table = {routes, FY_COUNT_OF(routes)};
static const struct fy_route_table *const tables[] = {&table};

static int set_up(void **state)
{
    *state = api_fixture_new(tables, 1, 0);
    return 0;
}

/* The answer's status; its body must be the text when one is given. */
static int get_status(struct api_fixture *f, const char *method, const char *path,
                      const char *headers, const char *expected_body)
{
    struct http_answer answer = http_call(f->port, method, path, headers, NULL);
    if (expected_body != NULL)
        assert_string_equal(answer.body, expected_body);
    int status = answer.status;
    http_answer_free(&answer);
    return status;
}

/* ------------------------------------------------------------------ tests */

static void a_path_is_decoded_once_and_its_rest_keeps_its_slashes(void **state)
{
    struct api_fixture *f = *state;
    get_status(f, "GET", "/r/buckets/b%2D1/dir/a%2Fb%20c+d?q=x%20y+z&z", NULL,
               "b=b-1 o=dir/a/b c+d q=x y z raw=/r/buckets/b%2D1/dir/a%2Fb%20c+d");
    get_status(f, "GET", "/r/buckets/b/a%252Fb?q=", NULL,
               "b=b o=a%2Fb q= raw=/r/buckets/b/a%252Fb");
    get_status(f, "GET", "/r/buckets/b/../x//y/", NULL,
               "b=b o=../x//y/ q=none raw=/r/buckets/b/../x//y/");
    get_status(f, "GET", "/r/buckets/a%2Fb", NULL, "a/b");
    /* What cannot be decoded comes as it was sent. */
    get_status(f, "GET", "/r/buckets/a%2", NULL, "a%2");
    get_status(f, "GET", "/r/buckets/a%00b", NULL, "a%00b");
    /* A client that encodes nothing. */
    get_status(f, "GET", "/r/buckets/b/a b", NULL, "b=b o=a b q=none raw=/r/buckets/b/a b");
    /* The form a proxy would send. */
    get_status(f, "GET", "http://host:1/r/buckets/b", NULL, "b");
}

static void a_literal_segment_wins_over_a_variable(void **state)
{
    struct api_fixture *f = *state;
    get_status(f, "GET", "/r/buckets/b/fixed", NULL, "literal");
    get_status(f, "GET", "/%72/buckets/b/f%69xed", NULL, "literal");
    get_status(f, "GET", "/r/buckets/b/fixed/", NULL,
               "b=b o=fixed/ q=none raw=/r/buckets/b/fixed/");
}

static void an_unknown_path_is_404_and_a_wrong_method_405_with_allow(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer = http_call(f->port, "GET", "/r/nothing", NULL, NULL);
    assert_int_equal(answer.status, 404);
    assert_string_equal(http_header(&answer, "x-clonecloudstore-module"), "REPLICATOR");
    assert_string_equal(http_header(&answer, "x-clonecloudstore-error"),
                        "REPLICATOR - no such path");
    assert_string_equal(answer.body, "{\"code\":\"not_found\",\"error\":\"no such path\"}");
    http_answer_free(&answer);

    assert_int_equal(get_status(f, "GET", "/", NULL, NULL), 404);
    assert_int_equal(get_status(f, "GET", "/r/buckets/", NULL, NULL), 404);

    answer = http_call(f->port, "PUT", "/echo", NULL, NULL);
    assert_int_equal(answer.status, 405);
    assert_string_equal(http_header(&answer, "Allow"), "POST, DELETE");
    http_answer_free(&answer);
    answer = http_call(f->port, "POST", "/fast", NULL, "x");
    assert_int_equal(answer.status, 405);
    assert_string_equal(http_header(&answer, "Allow"), "GET, HEAD");
    http_answer_free(&answer);
}

/* CCS replaces the method of a POST by this header; a proxy in front of Ferry would not see it. */
static void a_method_override_is_not_honoured(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer =
        http_call(f->port, "POST", "/echo", "X-HTTP-Method-Override: DELETE\r\n", "body");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "body");
    http_answer_free(&answer);
}

static void every_answer_carries_op_id_module_and_version(void **state)
{
    struct api_fixture *f = *state;
    static const char *const paths[] = {"/fast", "/r/buckets/b", "/nope", "/client", "/forget"};
    for (size_t i = 0; i < FY_COUNT_OF(paths); i++) {
        struct http_answer answer =
            http_call(f->port, "GET", paths[i], "x-clonecloudstore-op-id: abc d\r\n", NULL);
        assert_string_equal(http_header(&answer, "x-clonecloudstore-op-id"), "abc d");
        assert_non_null(http_header(&answer, "x-clonecloudstore-module"));
        assert_string_equal(http_header(&answer, "x-ferry-version"), FY_VERSION);
        http_answer_free(&answer);
    }
}

static void an_op_id_is_made_when_none_was_given(void **state)
{
    struct api_fixture *f = *state;
    char long_id[400];
    memset(long_id, 'x', sizeof long_id);
    (void)snprintf(long_id, 32, "x-clonecloudstore-op-id: ");
    long_id[25] = 'y';
    memcpy(long_id + sizeof long_id - 3, "\r\n", 3);
    const char *const headers[] = {NULL, "x-clonecloudstore-op-id:  \r\n", long_id};
    for (size_t i = 0; i < FY_COUNT_OF(headers); i++) {
        struct http_answer answer = http_call(f->port, "GET", "/fast", headers[i], NULL);
        const char *op_id = http_header(&answer, "x-clonecloudstore-op-id");
        assert_int_equal(strlen(op_id), FY_GUID_DIGITS);
        assert_int_equal(strspn(op_id, "0123456789abcdefghijklmnopqrstuv"), FY_GUID_DIGITS);
        http_answer_free(&answer);
    }
}

static void a_client_id_is_required_where_the_route_says_so(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer = http_call(f->port, "GET", "/client", NULL, NULL);
    assert_int_equal(answer.status, 401);
    assert_non_null(strstr(http_header(&answer, "x-clonecloudstore-error"), "client-id"));
    http_answer_free(&answer);
    assert_int_equal(get_status(f, "GET", "/client", "x-clonecloudstore-client-id:  \r\n", NULL),
                     401);
    assert_int_equal(
        get_status(f, "GET", "/client", "X-CloneCloudStore-Client-Id: client-1\r\n", "client-1"),
        200);
}

static void an_error_is_one_printable_line_with_retry_after_when_it_may_heal(void **state)
{
    struct api_fixture *f = *state;
    int before = atomic_load(&drops);
    struct http_answer answer = http_call(f->port, "GET", "/refuse", NULL, NULL);
    assert_int_equal(answer.status, 503);
    assert_string_equal(http_header(&answer, "Retry-After"), "1");
    const char *line = http_header(&answer, "x-clonecloudstore-error");
    for (const char *at = line; *at != '\0'; at++)
        assert_in_range((unsigned char)*at, 0x20, 0x7e);
    assert_non_null(strstr(line, "REPLICATOR - line one?and a caf"));
    assert_non_null(strstr(answer.body, "\"code\":\"full\""));
    http_answer_free(&answer);
    api_fixture_free(f); /* the exchange has ended for sure */
    assert_int_equal(atomic_load(&drops), before + 1);
    *state = api_fixture_new(tables, 1, 0);
}

static void head_has_no_body_and_may_use_the_route_of_get(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer = http_call(f->port, "HEAD", "/type", NULL, NULL);
    assert_int_equal(answer.status, 204);
    assert_string_equal(http_header(&answer, "x-clonecloudstore-type"), "BUCKET");
    http_answer_free(&answer);
    answer = http_call(f->port, "HEAD", "/none", NULL, NULL);
    assert_int_equal(answer.status, 404);
    assert_string_equal(http_header(&answer, "x-clonecloudstore-type"), "NONE");
    assert_string_equal(http_header(&answer, "x-clonecloudstore-error"),
                        "REPLICATOR - no such bucket");
    http_answer_free(&answer);
    /* Two on one connection: a stray body would be read as the second answer. */
    int fd = http_connect(f->port);
    for (int i = 0; i < 2; i++) {
        assert_true(http_send(fd, "HEAD /fast HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_true(http_read(fd, true, &answer));
        assert_int_equal(answer.status, 200);
        http_answer_free(&answer);
    }
    (void)close(fd);
}

static void a_handler_that_forgets_its_answer_is_answered_500(void **state)
{
    assert_int_equal(get_status(*state, "GET", "/forget", NULL, NULL), 500);
}

static void a_deferred_exchange_is_answered_by_another_thread(void **state)
{
    struct api_fixture *f = *state;
    static const char *const paths[] = {"/defer", "/defer-pool"};
    for (size_t i = 0; i < FY_COUNT_OF(paths); i++) {
        int fd = http_connect(f->port);
        assert_true(http_send(fd, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[i]));
        struct fy_exchange *x = NULL;
        while ((x = atomic_exchange(&deferred, NULL)) == NULL)
            (void)usleep(1000);
        api_say(x, "later");
        struct http_answer answer;
        assert_true(http_read(fd, false, &answer));
        assert_string_equal(answer.body, "later");
        http_answer_free(&answer);
        (void)close(fd);
    }
}

static void a_fast_handler_may_go_on_on_the_pool(void **state)
{
    for (int i = 0; i < 50; i++)
        assert_int_equal(get_status(*state, "GET", "/go-on", NULL, "went on"), 200);
}

static void accept_lists_are_understood(void **state)
{
    struct api_fixture *f = *state;
    static const struct {
        const char *headers, *expected;
    } rows[] = {
        {NULL, "json=1 zstd=0 type=0"},
        {"Accept: */*\r\nAccept-Encoding: gzip\r\n", "json=1 zstd=0 type=0"},
        {"Accept: application/octet-stream\r\n", "json=0 zstd=0 type=0"},
        {"Accept: application/*;q=0.5\r\nAccept-Encoding: ZSTD\r\n", "json=1 zstd=1 type=0"},
        {"Accept: */*, application/json;q=0\r\n", "json=0 zstd=0 type=0"},
        {"Accept: text/html, application/json ; q=0.1\r\n", "json=1 zstd=0 type=0"},
        {"Accept-Encoding: gzip;q=1, zstd ; q=0.3\r\n", "json=1 zstd=1 type=0"},
        {"Accept-Encoding: zstd;q=0.000, *\r\n", "json=1 zstd=0 type=0"},
        {"Content-Type: Application/JSON ; charset=utf-8\r\n", "json=1 zstd=0 type=1"},
        {"Content-Type: application/jsonx\r\n", "json=1 zstd=0 type=0"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++)
        get_status(f, "GET", "/accept", rows[i].headers, rows[i].expected);
}

static void a_query_that_cannot_be_decoded_is_400(void **state)
{
    struct api_fixture *f = *state;
    assert_int_equal(get_status(f, "GET", "/fast?a=%2", NULL, NULL), 400);
    assert_int_equal(get_status(f, "GET", "/fast?a=%00", NULL, NULL), 400);
    char path[256] = "/fast?";
    for (int i = 0; i < FY_QUERY_PAIRS_MAX; i++)
        strcat(path, "a=b&");
    assert_int_equal(get_status(f, "GET", path, NULL, NULL), 400);
}

static void only_loopback_is_served(void **state)
{
    struct api_fixture *f = *state;
    static const char *const bad[] = {
        "0.0.0.0:0", "192.0.2.1:80", "[::]:0",      "127.0.0.1",
        ":80",       "127.0.0.1:x",  "host.test:1", "127.0.0.1:99999"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        struct fy_err err;
        struct fy_server *server = NULL;
        struct fy_server_settings settings = {.listen = bad[i],
                                              .tables = tables,
                                              .table_count = 1,
                                              .threads = 1,
                                              .pool_threads = 1,
                                              .connections_max = 9};
        assert_int_equal(fy_server_open(&settings, &f->node, &server, &err), FY_EINPUT);
        assert_null(server);
    }
    static const char *const good[] = {"127.3.2.1:0", "localhost:0"};
    for (size_t i = 0; i < FY_COUNT_OF(good); i++) {
        struct fy_err err;
        struct fy_server *server = NULL;
        struct fy_server_settings settings = {.listen = good[i],
                                              .tables = tables,
                                              .table_count = 1,
                                              .threads = 1,
                                              .pool_threads = 1,
                                              .connections_max = 9};
        assert_int_equal(fy_server_open(&settings, &f->node, &server, &err), FY_OK);
        fy_server_close(server, 0);
    }
}

/* An address that no machine has: the system refuses it, and not we. */
static void other_addresses_are_served_where_that_is_accepted(void **state)
{
    struct api_fixture *f = *state;
    struct fy_err err;
    struct fy_server *server = NULL;
    struct fy_server_settings settings = {.listen = "192.0.2.1:80",
                                          .accept_unauthenticated = true,
                                          .tables = tables,
                                          .table_count = 1,
                                          .threads = 1,
                                          .pool_threads = 1,
                                          .connections_max = 9};
    assert_int_equal(fy_server_open(&settings, &f->node, &server, &err), FY_EIO);
    settings.listen = "host.test:80";
    assert_int_equal(fy_server_open(&settings, &f->node, &server, &err), FY_EINPUT);
    assert_null(server);
}

static bool is_refused(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool refused = connect(fd, (struct sockaddr *)&address, sizeof address) != 0;
    (void)close(fd);
    return refused;
}

static void *answer_soon(void *arg)
{
    struct fy_exchange *x = NULL;
    while ((x = atomic_exchange(&deferred, NULL)) == NULL)
        (void)usleep(1000);
    while (!is_refused(*(uint16_t *)arg)) /* until the close below has begun */
        (void)usleep(1000);
    api_say(x, "in the end");
    return NULL;
}

/* Closing waits for what our own handlers have in hand, however short the drain. */
static void closing_answers_what_was_taken(void **state)
{
    struct api_fixture *f = *state;
    int fd = http_connect(f->port);
    int idle = http_connect(f->port);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer_soon, &f->port), 0);
    assert_true(http_send(fd, "GET /defer HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (fy_metric_get(&f->node.metrics, FY_M_HTTP_REQUESTS) == 0)
        (void)usleep(1000);
    fy_server_close(f->server, 5000);
    f->server = NULL;
    struct http_answer answer;
    assert_true(http_read(fd, false, &answer));
    assert_string_equal(answer.body, "in the end");
    assert_non_null(http_header(&answer, "Connection"));
    assert_string_equal(http_header(&answer, "Connection"), "close");
    http_answer_free(&answer);
    assert_true(http_closed(fd));
    assert_true(http_closed(idle));
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(fd);
    (void)close(idle);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_is_decoded_once_and_its_rest_keeps_its_slashes),
        TEST(a_literal_segment_wins_over_a_variable),
        TEST(an_unknown_path_is_404_and_a_wrong_method_405_with_allow),
        TEST(a_method_override_is_not_honoured),
        TEST(every_answer_carries_op_id_module_and_version),
        TEST(an_op_id_is_made_when_none_was_given),
        TEST(a_client_id_is_required_where_the_route_says_so),
        TEST(an_error_is_one_printable_line_with_retry_after_when_it_may_heal),
        TEST(head_has_no_body_and_may_use_the_route_of_get),
        TEST(a_handler_that_forgets_its_answer_is_answered_500),
        TEST(a_deferred_exchange_is_answered_by_another_thread),
        TEST(a_fast_handler_may_go_on_on_the_pool),
        TEST(accept_lists_are_understood),
        TEST(a_query_that_cannot_be_decoded_is_400),
        TEST(only_loopback_is_served),
        TEST(other_addresses_are_served_where_that_is_accepted),
        TEST(closing_answers_what_was_taken),
    };
    return cmocka_run_group_tests_name("api_server", tests, NULL, NULL);
}
