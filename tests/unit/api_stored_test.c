/* api_stored_test.c - stored bodies as answers: ranges, and no whole one with another hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ports/sha256.h"
#include "tests/support/api_fixture.h"
#include "tests/support/body_bytes.h"

static char *blob_ref;
static struct fy_digest digest; /* of the bytes that belong there */

/* As its row says, with so many bytes. */
static void answer_stored(struct fy_exchange *x, struct fy_reader *reader, int64_t size)
{
    struct fy_body_row body = {.id = 7, .size = size, .digest = digest};
    assert_true(fy_text_copy(body.blob_ref, sizeof(body.blob_ref), blob_ref));
    fy_answer_stored(x, reader, &body);
}

static void on_stored(struct fy_exchange *x)
{
    struct fy_err err;
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    assert_int_equal(fy_store_open(fy_node_of(x)->store, blob_ref, &reader, &size, &err), FY_OK);
    fy_answer_header(x, "x-clonecloudstore-name", "dir/\xc3\xa9");
    answer_stored(x, reader, size);
}

static const struct fy_route routes[] = {
    {.method = "GET", .pattern = "/stored", .module = "ACCESSOR", .handle = on_stored},
};
static const struct fy_route_table table = {routes, FY_COUNT_OF(routes)};
static const struct fy_route_table *const tables[] = {&table};

static int set_up_with(void **state, struct api_fixture *f)
{
    char *bytes = body_bytes(BODY_BYTES);
    blob_ref = api_fixture_store(f, bytes, BODY_BYTES);
    fy_sha256_of(bytes, BODY_BYTES, &digest);
    free(bytes);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, api_fixture_new(tables, 1, 0));
}

/* With a catalogue, which is told of damage. */
static int set_up_full(void **state)
{
    return set_up_with(state, api_fixture_full(tables, 1, API_SITE));
}

static int tear_down(void **state)
{
    api_fixture_free(*state);
    free(blob_ref);
    return 0;
}

/* ------------------------------------------------------------------ tests */

static void a_stored_body_without_range_is_chunked_octets(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer = http_call(f->port, "GET", "/stored", NULL, NULL);
    assert_int_equal(answer.status, 200);
    assert_true(answer.chunked);
    assert_null(http_header(&answer, "Content-Length"));
    assert_string_equal(http_header(&answer, "Content-Type"), "application/octet-stream");
    assert_string_equal(http_header(&answer, "x-clonecloudstore-name"), "dir/\xc3\xa9");
    expect_bytes(answer.body, answer.body_bytes, 0, BODY_BYTES);
    http_answer_free(&answer);
}

static void zstd_is_sent_when_it_is_asked_for(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer =
        http_call(f->port, "GET", "/stored", "Accept-Encoding: zstd\r\n", NULL);
    expect_zstd(&answer);
    http_answer_free(&answer);
}

static void ranges_are_exact(void **state)
{
    struct api_fixture *f = *state;
    static const struct {
        const char *range;
        int status;
        size_t first, count;
        const char *content_range; /* NULL none */
    } rows[] = {
        {"bytes=0-", 206, 0, BODY_BYTES, "bytes 0-1000002/1000003"},
        {"bytes=0-0", 206, 0, 1, "bytes 0-0/1000003"},
        {"bytes=5-14", 206, 5, 10, "bytes 5-14/1000003"},
        {"bytes=999999-2000000", 206, 999999, 4, "bytes 999999-1000002/1000003"},
        {"bytes=1000002-", 206, 1000002, 1, "bytes 1000002-1000002/1000003"},
        {"bytes=-3", 206, 1000000, 3, "bytes 1000000-1000002/1000003"},
        {"bytes=-99999999999999999999999", 206, 0, BODY_BYTES, "bytes 0-1000002/1000003"},
        {"bytes=1000003-", 416, 0, 0, "bytes */1000003"},
        {"bytes=99999999999999999999999-", 416, 0, 0, "bytes */1000003"},
        {"bytes=-0", 416, 0, 0, "bytes */1000003"},
        {"bytes=5-4", 200, 0, BODY_BYTES, NULL},
        {"bytes=1-2,5-6", 200, 0, BODY_BYTES, NULL},
        {"bytes=-", 200, 0, BODY_BYTES, NULL},
        {"bytes=a-b", 200, 0, BODY_BYTES, NULL},
        {"octets=0-1", 200, 0, BODY_BYTES, NULL},
        {"bytes=", 200, 0, BODY_BYTES, NULL},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        char headers[128];
        (void)snprintf(headers, sizeof headers, "Range: %s\r\nAccept-Encoding: %s\r\n",
                       rows[i].range, rows[i].status == 206 ? "zstd" : "gzip");
        struct http_answer answer = http_call(f->port, "GET", "/stored", headers, NULL);
        assert_int_equal(answer.status, rows[i].status);
        const char *content_range = http_header(&answer, "Content-Range");
        if (rows[i].content_range == NULL)
            assert_null(content_range);
        else
            assert_string_equal(content_range, rows[i].content_range);
        if (rows[i].status == 206) {
            assert_int_equal(atol(http_header(&answer, "Content-Length")), rows[i].count);
            assert_false(answer.chunked);
            assert_null(http_header(&answer, "Content-Encoding"));
        }
        if (rows[i].status != 416)
            expect_bytes(answer.body, answer.body_bytes, rows[i].first, rows[i].count);
        http_answer_free(&answer);
    }
}

/* What covers the whole body is never received whole when its hash is another: neither by its end
 * nor by its length, whatever the framing. Parts prove nothing, and are given as they are. */
static void a_body_with_another_hash_is_never_given_whole(void **state)
{
    struct api_fixture *f = *state;
    static const struct {
        const char *headers;
        bool whole;
    } rows[] = {
        {"", true},
        {"Accept-Encoding: zstd\r\n", true},
        {"Range: bytes=0-\r\n", true},
        {"Range: bytes=0-1000002\r\n", true},
        {"Range: bytes=-1000003\r\n", true},
        {"Range: bytes=0-1000001\r\n", false},
        {"Range: bytes=1-\r\n", false},
    };
    digest.bytes[31] ^= 1;
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        struct http_answer answer = http_call(f->port, "GET", "/stored", rows[i].headers, NULL);
        assert_int_equal(answer.cut, rows[i].whole);
        assert_true(answer.body_bytes < BODY_BYTES);
        http_answer_free(&answer);
    }
}

/* It will see for itself, and spares us the hash. Only where its own range says what it wants. */
static void a_site_that_proves_the_hash_itself_is_given_what_is_there(void **state)
{
    struct api_fixture *f = *state;
    digest.bytes[31] ^= 1;
    struct http_answer answer =
        http_call(f->port, "GET", "/stored", "Range: bytes=0-\r\nx-ferry-proves: hash\r\n", NULL);
    assert_false(answer.cut);
    assert_int_equal(answer.body_bytes, BODY_BYTES);
    http_answer_free(&answer);
    answer = http_call(f->port, "GET", "/stored", "x-ferry-proves: hash\r\n", NULL);
    assert_true(answer.cut);
    http_answer_free(&answer);
}

static void a_small_body_with_another_hash_gives_no_byte(void **state)
{
    struct api_fixture *f = *state;
    free(blob_ref);
    blob_ref = api_fixture_store(f, "hello", 5);
    static const char *const headers[] = {"", "Range: bytes=0-\r\n"};
    for (size_t i = 0; i < FY_COUNT_OF(headers); i++) {
        struct http_answer answer = http_call(f->port, "GET", "/stored", headers[i], NULL);
        assert_true(answer.cut);
        assert_int_equal(answer.body_bytes, 0);
        http_answer_free(&answer);
    }
}

/* A reader of HTTP/1.0 knows the end by the connection's alone: it has less than all. */
static void a_body_with_another_hash_is_short_for_old_readers(void **state)
{
    struct api_fixture *f = *state;
    static char bytes[2 * BODY_BYTES];
    size_t received = 0;
    digest.bytes[0] ^= 0x80;
    int fd = http_connect(f->port);
    assert_true(http_send(fd, "GET /stored HTTP/1.0\r\n\r\n"));
    for (ssize_t got = 1; got > 0; received += (size_t)got) {
        got = read(fd, bytes + received, sizeof bytes - received);
        assert_true(got >= 0);
    }
    close(fd);
    const char *body = memmem(bytes, received, "\r\n\r\n", 4);
    assert_non_null(body);
    assert_true(received - (size_t)(body + 4 - bytes) < BODY_BYTES);
}

static void if_range_makes_it_whole_since_we_give_no_validators(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer =
        http_call(f->port, "GET", "/stored", "Range: bytes=0-1\r\nIf-Range: \"e\"\r\n", NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_bytes, BODY_BYTES);
    http_answer_free(&answer);
}

static void a_range_of_an_empty_body_is_the_whole_of_it(void **state)
{
    struct api_fixture *f = *state;
    free(blob_ref);
    blob_ref = api_fixture_store(f, "", 0);
    struct http_answer answer = http_call(f->port, "GET", "/stored", "Range: bytes=0-\r\n", NULL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_bytes, 0);
    assert_false(answer.cut);
    http_answer_free(&answer);
}

/* Several requests on one connection: nothing of one answer is left for the next. */
static void ranges_and_whole_bodies_share_a_connection(void **state)
{
    struct api_fixture *f = *state;
    int fd = http_connect(f->port);
    for (int i = 0; i < 5; i++) {
        struct http_answer answer;
        assert_true(
            http_send(fd, "GET /stored HTTP/1.1\r\nHost: x\r\nRange: bytes=7-1006\r\n\r\n"));
        assert_true(http_read(fd, false, &answer));
        expect_bytes(answer.body, answer.body_bytes, 7, 1000);
        http_answer_free(&answer);
        assert_true(http_send(fd, "GET /stored HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_true(http_read(fd, false, &answer));
        expect_bytes(answer.body, answer.body_bytes, 0, BODY_BYTES);
        http_answer_free(&answer);
    }
    (void)close(fd);
}

/* A store without descriptors, as an object service: the bytes are read and sent. */
static const struct fy_store_ops *real_ops;
static int reader_has_no_fd(struct fy_reader *reader)
{
    (void)reader;
    return -1;
}

static void a_store_without_descriptors_serves_ranges_too(void **state)
{
    struct api_fixture *f = *state;
    real_ops = f->node.store->ops;
    struct fy_store_ops ops = *real_ops;
    ops.reader_fd = reader_has_no_fd;
    f->node.store->ops = &ops;
    struct http_answer answer =
        http_call(f->port, "GET", "/stored", "Range: bytes=100-700000\r\n", NULL);
    assert_int_equal(answer.status, 206);
    expect_bytes(answer.body, answer.body_bytes, 100, 699901);
    http_answer_free(&answer);
    fy_server_close(f->server, 1000);
    f->server = NULL;
    f->node.store->ops = real_ops;
}

/* A row that says more than the disk has: the reader must not take the body as whole. */
static void on_short(struct fy_exchange *x)
{
    struct fy_err err;
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    assert_int_equal(fy_store_open(fy_node_of(x)->store, blob_ref, &reader, &size, &err), FY_OK);
    answer_stored(x, reader, size + 1);
}

static void a_body_shorter_than_its_row_is_cut(void **state)
{
    struct api_fixture *f = *state;
    fy_server_close(f->server, 1000);
    static const struct fy_route short_routes[] = {
        {.method = "GET", .pattern = "/short", .module = "ACCESSOR", .handle = on_short}};
    static const struct fy_route_table short_table = {short_routes, 1};
    static const struct fy_route_table *const short_tables[] = {&short_table};
    struct fy_err err;
    struct fy_server_settings settings = {.listen = "127.0.0.1:0",
                                          .tables = short_tables,
                                          .table_count = 1,
                                          .threads = 2,
                                          .pool_threads = 2,
                                          .connections_max = 10};
    f->server = NULL;
    assert_int_equal(fy_server_open(&settings, &f->node, &f->server, &err), FY_OK);
    static const char *const headers[] = {NULL, "Range: bytes=0-\r\n", "Accept-Encoding: zstd\r\n"};
    int64_t before_ms = fy_mono_ms(f->node.clock);
    for (size_t i = 0; i < FY_COUNT_OF(headers); i++) {
        struct http_answer answer =
            http_call(fy_server_port(f->server), "GET", "/short", headers[i], NULL);
        assert_true(answer.cut);
        http_answer_free(&answer);
    }
    assert_true(fy_mono_ms(f->node.clock) - before_ms <
                HTTP_WAIT_S * 1000 / 2); /* cut, not silent */
}

#define TEST(t)      cmocka_unit_test_setup_teardown(t, set_up, tear_down)
#define FULL_TEST(t) cmocka_unit_test_setup_teardown(t, set_up_full, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stored_body_without_range_is_chunked_octets),
        TEST(zstd_is_sent_when_it_is_asked_for),
        TEST(ranges_are_exact),
        FULL_TEST(a_body_with_another_hash_is_never_given_whole),
        FULL_TEST(a_site_that_proves_the_hash_itself_is_given_what_is_there),
        FULL_TEST(a_small_body_with_another_hash_gives_no_byte),
        FULL_TEST(a_body_with_another_hash_is_short_for_old_readers),
        TEST(if_range_makes_it_whole_since_we_give_no_validators),
        TEST(a_range_of_an_empty_body_is_the_whole_of_it),
        TEST(ranges_and_whole_bodies_share_a_connection),
        TEST(a_store_without_descriptors_serves_ranges_too),
        TEST(a_body_shorter_than_its_row_is_cut),
    };
    return cmocka_run_group_tests_name("api_stored", tests, NULL, NULL);
}
