/* api_upload_test.c - streamed bodies: every byte in order, refusals in good time, clients that
 * leave. */
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

#include "common/ports/zstd.h"
#include "tests/support/api_fixture.h"

/* ------------------------------------------------------------------ the route under test */

/* What the route has seen, over all exchanges of one test. */
static struct {
    _Atomic int begins, aborts, handles;
    _Atomic int wholes; /* begins that had all of their body */
    _Atomic int firsts; /* exchanges whose first byte was seen */
    _Atomic size_t data_calls;
} seen;
static const char *begin_error; /* stream_begin answers it */
static size_t data_error_at;    /* stream_data fails from this byte on; 0 never */
static bool data_answers;       /* with an answer of its own */

struct upload {
    size_t bytes;
    uint64_t sum; /* depends on every byte and its place */
};

static uint64_t sum_of(uint64_t sum, const void *bytes, size_t size_bytes)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size_bytes; i++)
        sum = (sum ^ at[i]) * 1099511628211u;
    return sum;
}

static void on_begin(struct fy_exchange *x)
{
    atomic_fetch_add(&seen.begins, 1);
    atomic_fetch_add(&seen.wholes, fy_body_is_whole(x));
    if (begin_error != NULL) {
        fy_answer_fail(x, FY_EEXISTS, "%s", begin_error);
        return;
    }
    fy_state_set(x, fy_alloc(sizeof(struct upload)), free);
}

static enum fy_code on_data(struct fy_exchange *x, const void *bytes, size_t size_bytes,
                            struct fy_err *err)
{
    struct upload *upload = fy_state(x);
    assert_true(size_bytes > 0);
    atomic_fetch_add(&seen.data_calls, 1);
    atomic_fetch_add(&seen.firsts, upload->bytes == 0);
    upload->sum = sum_of(upload->sum, bytes, size_bytes);
    upload->bytes += size_bytes;
    if (data_error_at == 0 || upload->bytes < data_error_at)
        return FY_OK;
    (void)fy_err_set(err, FY_ENOSPACE, "no space");
    if (data_answers) {
        struct fy_buf json;
        fy_buf_init(&json, 100);
        fy_buf_text(&json, "{\"mine\":true}");
        fy_answer_error_json(x, err, &json);
    }
    return FY_ENOSPACE;
}

static void on_abort(struct fy_exchange *x)
{
    (void)x;
    atomic_fetch_add(&seen.aborts, 1);
}

static void on_handle(struct fy_exchange *x)
{
    struct upload *upload = fy_state(x);
    atomic_fetch_add(&seen.handles, 1);
    struct fy_buf text;
    fy_buf_init(&text, 100);
    fy_buf_printf(&text, "%zu %llu", upload->bytes, (unsigned long long)upload->sum);
    fy_answer_bytes(x, 201, "text/plain", &text);
}

static const struct fy_route routes[] = {
    {.method = "POST",
     .pattern = "/up",
     .module = "ACCESSOR",
     .body = FY_BODY_STREAM,
     .stream_begin = on_begin,
     .stream_data = on_data,
     .stream_abort = on_abort,
     .handle = on_handle},
    {.method = "POST",
     .pattern = "/whole",
     .module = "ACCESSOR",
     .body = FY_BODY_WHOLE,
     .body_max = 50000,
     .handle = api_echo},
};
static const struct fy_route_table table = {routes, FY_COUNT_OF(routes)};
static const struct fy_route_table *const tables[] = {&table};

static int set_up(void **state)
{
    memset(&seen, 0, sizeof seen);
    begin_error = NULL;
    data_error_at = 0;
    data_answers = false;
    *state = api_fixture_new(tables, 1, 0);
    return 0;
}

/* Bytes that no compressor makes smaller. */
static char *test_bytes(size_t bytes)
{
    char *text = fy_alloc(bytes + 1);
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < bytes; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        text[i] = (char)(random >> 24);
    }
    return text;
}

static void expect_stored(const struct http_answer *answer, const char *bytes, size_t size_bytes)
{
    char expected[100];
    (void)snprintf(expected, sizeof expected, "%zu %llu", size_bytes,
                   (unsigned long long)sum_of(0, bytes, size_bytes));
    assert_int_equal(answer->status, 201);
    assert_string_equal(answer->body, expected);
}

/* Compressed in one frame (free()). */
static char *compress(const char *bytes, size_t size_bytes, size_t *out_bytes)
{
    size_t capacity = size_bytes + 100000;
    uint8_t *out = fy_alloc(capacity);
    const uint8_t *in = (const uint8_t *)bytes;
    struct fy_rezstd *rezstd = fy_rezstd_new();
    bool ended = false;
    *out_bytes = 0;
    while (!ended)
        *out_bytes += fy_rezstd_step(rezstd, &in, &size_bytes, true, out + *out_bytes,
                                     capacity - *out_bytes, &ended);
    fy_rezstd_free(rezstd);
    return (char *)out;
}

static struct http_answer post(struct api_fixture *f, const char *path, const char *headers,
                               const char *bytes, size_t size_bytes)
{
    struct http_answer answer;
    int fd = http_connect(f->port);
    assert_true(http_send(fd, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", path,
                          headers, size_bytes));
    (void)http_send_bytes(fd, bytes, size_bytes);
    assert_true(http_read(fd, false, &answer));
    (void)close(fd);
    return answer;
}

/* ------------------------------------------------------------------ tests */

static void bodies_of_all_sizes_arrive_in_order(void **state)
{
    struct api_fixture *f = *state;
    static const size_t sizes[] = {0,     1,      4095,   4096,   4097,       16384,
                                   16385, 131071, 131072, 131073, 3 * 131072, 5000011};
    char *bytes = test_bytes(5000011);
    for (size_t i = 0; i < FY_COUNT_OF(sizes); i++) {
        struct http_answer answer = post(f, "/up", "", bytes, sizes[i]);
        expect_stored(&answer, bytes, sizes[i]);
        http_answer_free(&answer);
    }
    assert_int_equal(atomic_load(&seen.begins), FY_COUNT_OF(sizes));
    assert_int_equal(atomic_load(&seen.aborts), 0);
    free(bytes);
}

/* What decides it is whether more could come, not the length that was announced. */
static void small_plain_bodies_are_whole_when_their_route_begins(void **state)
{
    struct api_fixture *f = *state;
    char *bytes = test_bytes(FY_CHUNK_BYTES + 1);
    static const struct {
        size_t size_bytes;
        const char *headers;
        int wholes;
    } rows[] = {
        {0, "", 1},
        {100, "", 1},
        {FY_CHUNK_BYTES, "", 1},
        {FY_CHUNK_BYTES + 1, "", 0},
        {100, "Expect: 100-continue\r\n", 0}, /* begin comes before the first byte */
        {100, "Content-Encoding: zstd\r\n", 0},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        size_t size_bytes = rows[i].size_bytes;
        bool zstd = strstr(rows[i].headers, "zstd") != NULL;
        char *sent = zstd ? compress(bytes, size_bytes, &size_bytes) : bytes;
        int before = atomic_load(&seen.wholes);
        struct http_answer answer = post(f, "/up", rows[i].headers, sent, size_bytes);
        expect_stored(&answer, bytes, rows[i].size_bytes);
        assert_int_equal(atomic_load(&seen.wholes) - before, rows[i].wholes);
        http_answer_free(&answer);
        if (zstd)
            free(sent);
    }
    free(bytes);
}

static void chunked_bodies_of_odd_chunks_arrive_in_order(void **state)
{
    struct api_fixture *f = *state;
    size_t size_bytes = 700001;
    char *bytes = test_bytes(size_bytes);
    static const size_t pieces[] = {100000, 65536, 997, 33};
    int fd = http_connect(f->port);
    for (size_t i = 0; i < FY_COUNT_OF(pieces); i++) {
        size_t total = pieces[i] < 1000 ? 70001 : size_bytes;
        assert_true(
            http_send(fd, "POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
        for (size_t at = 0; at < total; at += pieces[i]) {
            size_t piece = total - at < pieces[i] ? total - at : pieces[i];
            assert_true(http_send(fd, "%zx\r\n", piece));
            assert_true(http_send_bytes(fd, bytes + at, piece));
            assert_true(http_send(fd, "\r\n"));
        }
        assert_true(http_send(fd, "0\r\n\r\n"));
        struct http_answer answer;
        assert_true(http_read(fd, false, &answer));
        expect_stored(&answer, bytes, total);
        http_answer_free(&answer);
    }
    (void)close(fd);
    free(bytes);
}

/* A small upload costs the route one visit with everything in it. */
static void a_small_body_is_given_in_one_piece(void **state)
{
    struct api_fixture *f = *state;
    char *bytes = test_bytes(4096);
    struct http_answer answer = post(f, "/up", "", bytes, 4096);
    expect_stored(&answer, bytes, 4096);
    http_answer_free(&answer);
    assert_int_equal(atomic_load(&seen.data_calls), 1);
    free(bytes);
}

static void a_client_that_waits_for_100_gets_it_or_the_refusal_instead(void **state)
{
    struct api_fixture *f = *state;
    int fd = http_connect(f->port);
    const char *head = "POST /up HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                       "Content-Length: 5\r\n\r\n";
    assert_true(http_send(fd, "%s", head));
    char line[64] = "";
    assert_int_equal(recv(fd, line, 25, MSG_WAITALL), 25);
    assert_string_equal(line, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(atomic_load(&seen.begins), 1); /* before the body */
    assert_true(http_send(fd, "hello"));
    struct http_answer answer;
    assert_true(http_read(fd, false, &answer));
    expect_stored(&answer, "hello", 5);
    http_answer_free(&answer);
    (void)close(fd);

    begin_error = "it is there";
    fd = http_connect(f->port);
    assert_true(http_send(fd, "%s", head));
    assert_int_equal(recv(fd, line, 12, MSG_WAITALL), 12);
    assert_memory_equal(line, "HTTP/1.1 409", 12);
    (void)close(fd);
    assert_int_equal(atomic_load(&seen.data_calls), 1);
    assert_int_equal(atomic_load(&seen.aborts), 0); /* it never began */
}

/* The client is still sending when the answer comes, and must get it whole; then the rest of its
 * body is not read for ever. */
static void a_refusal_in_the_middle_reaches_the_client_at_once(void **state)
{
    struct api_fixture *f = *state;
    data_error_at = 200000;
    char *bytes = test_bytes(1 << 20);
    for (int own = 0; own < 2; own++) {
        data_answers = own == 1;
        int fd = http_connect(f->port);
        assert_true(http_send(fd, "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: %lld\r\n\r\n",
                              10LL << 30));
        assert_true(http_send_bytes(fd, bytes, 1 << 20));
        struct http_answer answer;
        assert_true(http_read(fd, false, &answer));
        assert_int_equal(answer.status, 507);
        assert_non_null(http_header(&answer, "x-clonecloudstore-error"));
        assert_string_equal(http_header(&answer, "Connection"), "close");
        assert_non_null(strstr(answer.body, own == 1 ? "{\"mine\":true}" : "no space"));
        http_answer_free(&answer);
        assert_int_equal(atomic_load(&seen.aborts), own + 1);
        assert_true(http_closed(fd));
        (void)close(fd);
    }
    assert_int_equal(atomic_load(&seen.handles), 0);
    free(bytes);
}

/* Of a body that is almost in, the rest is read and the connection lives on. */
static void a_refusal_near_the_end_keeps_the_connection(void **state)
{
    struct api_fixture *f = *state;
    data_error_at = 1;
    char *bytes = test_bytes(150000);
    int fd = http_connect(f->port);
    for (int i = 0; i < 3; i++) {
        assert_true(
            http_send(fd, "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 150000\r\n\r\n"));
        assert_true(http_send_bytes(fd, bytes, 150000));
        struct http_answer answer;
        assert_true(http_read(fd, false, &answer));
        assert_int_equal(answer.status, 507);
        http_answer_free(&answer);
    }
    (void)close(fd);
    assert_int_equal(atomic_load(&seen.aborts), 3);
    free(bytes);
}

static void begin_may_refuse_a_body_that_comes_anyway(void **state)
{
    struct api_fixture *f = *state;
    begin_error = "it is there";
    char *bytes = test_bytes(1 << 20);
    struct http_answer answer = post(f, "/up", "", bytes, 100);
    assert_int_equal(answer.status, 409);
    http_answer_free(&answer);
    answer = post(f, "/up", "", bytes, 1 << 20);
    assert_int_equal(answer.status, 409);
    http_answer_free(&answer);
    assert_int_equal(atomic_load(&seen.aborts), 0);
    assert_int_equal(atomic_load(&seen.data_calls), 0);
    free(bytes);
}

static void a_client_that_leaves_is_an_abort(void **state)
{
    struct api_fixture *f = *state;
    char *bytes = test_bytes(300000);
    for (int i = 0; i < 5; i++) {
        int fd = http_connect(f->port);
        assert_true(
            http_send(fd, "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"));
        assert_true(http_send_bytes(fd, bytes, 300000));
        while (atomic_load(&seen.begins) <= i)
            (void)usleep(1000);
        (void)close(fd);
        while (atomic_load(&seen.aborts) <= i)
            (void)usleep(1000);
    }
    /* One that leaves before a chunk is full never began. */
    int fd = http_connect(f->port);
    assert_true(
        http_send(fd, "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc"));
    (void)close(fd);
    api_fixture_free(f);
    *state = api_fixture_new(tables, 1, 0);
    assert_int_equal(atomic_load(&seen.begins), 5);
    assert_int_equal(atomic_load(&seen.aborts), 5);
    assert_int_equal(atomic_load(&seen.handles), 0);
    free(bytes);
}

/* The server closes while an upload is under way: it is aborted, not left half done. */
static void closing_the_server_aborts_uploads(void **state)
{
    struct api_fixture *f = *state;
    char *bytes = test_bytes(300000);
    int fd = http_connect(f->port);
    assert_true(http_send(fd, "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"));
    assert_true(http_send_bytes(fd, bytes, 300000));
    while (atomic_load(&seen.begins) == 0)
        (void)usleep(1000);
    fy_server_close(f->server, 20);
    f->server = NULL;
    assert_int_equal(atomic_load(&seen.aborts), 1);
    (void)close(fd);
    free(bytes);
}

static void zstd_bodies_arrive_plain(void **state)
{
    struct api_fixture *f = *state;
    char *bytes = test_bytes(1000003);
    size_t packed_bytes = 0;
    char *packed = compress(bytes, 1000003, &packed_bytes);
    struct http_answer answer = post(f, "/up", "Content-Encoding: zstd\r\n", packed, packed_bytes);
    expect_stored(&answer, bytes, 1000003);
    http_answer_free(&answer);
    free(packed);

    packed = compress("hello", 5, &packed_bytes);
    answer = post(f, "/up", "Content-Encoding: zstd\r\n", packed, packed_bytes);
    expect_stored(&answer, "hello", 5);
    http_answer_free(&answer);
    answer = post(f, "/whole", "Content-Encoding: zstd\r\n", packed, packed_bytes);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "hello");
    http_answer_free(&answer);
    free(packed);
    free(bytes);
}

static void broken_zstd_is_the_clients_fault(void **state)
{
    struct api_fixture *f = *state;
    char *bytes = test_bytes(30000);
    size_t packed_bytes = 0;
    char *packed = compress(bytes, 30000, &packed_bytes);
    static const char *const paths[] = {"/up", "/whole"};
    for (size_t i = 0; i < 2; i++) {
        struct http_answer answer =
            post(f, paths[i], "Content-Encoding: zstd\r\n", packed, packed_bytes - 1);
        assert_int_equal(answer.status, 400);
        http_answer_free(&answer);
        answer = post(f, paths[i], "Content-Encoding: zstd\r\n", "not zstd at all", 15);
        assert_int_equal(answer.status, 400);
        http_answer_free(&answer);
    }
    assert_int_equal(atomic_load(&seen.handles), 0);
    assert_int_equal(atomic_load(&seen.aborts), 2);
    /* 300,000 bytes in: more than the route takes, however few came over the wire. */
    char *zeros = fy_alloc(300000);
    free(packed);
    packed = compress(zeros, 300000, &packed_bytes);
    assert_true(packed_bytes < 50000);
    struct http_answer answer =
        post(f, "/whole", "Content-Encoding: zstd\r\n", packed, packed_bytes);
    assert_int_equal(answer.status, 413);
    http_answer_free(&answer);
    answer = post(f, "/up", "Content-Encoding: gzip\r\n", "x", 1);
    assert_int_equal(answer.status, 415);
    http_answer_free(&answer);
    free(zeros);
    free(packed);
    free(bytes);
}

/* With all slots taken an upload is told to come again; ended ones give theirs back. */
static void zstd_uploads_are_bounded(void **state)
{
    struct api_fixture *f = *state;
    char *bytes = test_bytes(600000);
    size_t packed_bytes = 0;
    char *packed = compress(bytes, 600000, &packed_bytes);
    int fds[FY_ZSTD_BODIES_MAX];
    for (int i = 0; i < FY_ZSTD_BODIES_MAX; i++) {
        fds[i] = http_connect(f->port);
        assert_true(http_send(fds[i],
                              "POST /up HTTP/1.1\r\nHost: x\r\nContent-Encoding: zstd\r\n"
                              "Content-Length: %zu\r\n\r\n",
                              packed_bytes));
        assert_true(http_send_bytes(fds[i], packed, packed_bytes - 1));
        while (atomic_load(&seen.firsts) <= i)
            (void)usleep(1000);
    }
    struct http_answer answer = post(f, "/up", "Content-Encoding: zstd\r\n", packed, packed_bytes);
    assert_int_equal(answer.status, 503);
    http_answer_free(&answer);
    for (int i = 0; i < FY_ZSTD_BODIES_MAX; i++)
        (void)close(fds[i]);
    while (atomic_load(&seen.aborts) < FY_ZSTD_BODIES_MAX + 1)
        (void)usleep(1000);
    answer = post(f, "/up", "Content-Encoding: zstd\r\n", packed, packed_bytes);
    expect_stored(&answer, bytes, 600000);
    http_answer_free(&answer);
    free(packed);
    free(bytes);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bodies_of_all_sizes_arrive_in_order),
        TEST(small_plain_bodies_are_whole_when_their_route_begins),
        TEST(chunked_bodies_of_odd_chunks_arrive_in_order),
        TEST(a_small_body_is_given_in_one_piece),
        TEST(a_client_that_waits_for_100_gets_it_or_the_refusal_instead),
        TEST(a_refusal_in_the_middle_reaches_the_client_at_once),
        TEST(a_refusal_near_the_end_keeps_the_connection),
        TEST(begin_may_refuse_a_body_that_comes_anyway),
        TEST(a_client_that_leaves_is_an_abort),
        TEST(closing_the_server_aborts_uploads),
        TEST(zstd_bodies_arrive_plain),
        TEST(broken_zstd_is_the_clients_fault),
        TEST(zstd_uploads_are_bounded),
    };
    return cmocka_run_group_tests_name("api_upload", tests, NULL, NULL);
}
