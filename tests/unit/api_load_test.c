/* api_load_test.c - many clients at once, slow ones, greedy ones: everybody served, memory flat. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/api_fixture.h"

#define SLOW_COUNT   1000
#define SLOW_IDLE_MS 1500
#define BODY_IDLE_MS 6000 /* on a busy machine a body of 2 MiB takes longer than SLOW_IDLE_MS */
/* What the process may grow by. A body or a thread per connection would be ten times as much. */
#if defined(__SANITIZE_THREAD__)
#define SLOW_GROWTH_BYTES (512L << 20) /* each byte has several of shadow */
#elif defined(__SANITIZE_ADDRESS__)
#define SLOW_GROWTH_BYTES (64L << 20)
#else
#define SLOW_GROWTH_BYTES (24L << 20)
#endif

static void on_literal(struct fy_exchange *x)
{
    api_say(x, "literal");
}

static ssize_t endless_read(void *state, char *bytes, size_t capacity)
{
    (void)state;
    memset(bytes, 'x', capacity);
    return (ssize_t)capacity;
}

static void on_endless(struct fy_exchange *x)
{
    fy_answer_stream(x, 200, "text/plain", false, endless_read, NULL, NULL);
}

static void on_nothing(struct fy_exchange *x)
{
    (void)x;
}

static enum fy_code on_data(struct fy_exchange *x, const void *bytes, size_t size_bytes,
                            struct fy_err *err)
{
    (void)x;
    (void)bytes;
    (void)size_bytes;
    (void)err;
    return FY_OK;
}

static const struct fy_route routes[] = {
    {.method = "GET", .pattern = "/fast", .module = "ACCESSOR", .fast = true, .handle = on_literal},
    {.method = "GET", .pattern = "/pool", .module = "ACCESSOR", .handle = on_literal},
    {.method = "GET",
     .pattern = "/vital",
     .module = "ACCESSOR",
     .vital = true,
     .handle = on_literal},
    {.method = "GET", .pattern = "/endless", .module = "ACCESSOR", .handle = on_endless},
    {.method = "POST",
     .pattern = "/whole",
     .module = "ACCESSOR",
     .body = FY_BODY_WHOLE,
     .body_max = FY_ORDERS_BODY_BYTES_MAX,
     .handle = on_literal},
    {.method = "POST",
     .pattern = "/up",
     .module = "ACCESSOR",
     .body = FY_BODY_STREAM,
     .stream_begin = on_nothing,
     .stream_data = on_data,
     .stream_abort = on_nothing,
     .handle = on_literal},
};
static const struct fy_route_table table = {routes, FY_COUNT_OF(routes)};
static const struct fy_route_table *const tables[] = {&table};

static int set_up(void **state)
{
    *state = api_fixture_new(tables, 1, 0);
    return 0;
}

static int set_up_impatient(void **state)
{
    *state = api_fixture_new(tables, 1, SLOW_IDLE_MS);
    return 0;
}

static int set_up_for_bodies(void **state)
{
    *state = api_fixture_new(tables, 1, BODY_IDLE_MS);
    return 0;
}

static int64_t now_ms(void)
{
    return fy_mono_ms(fy_clock_system());
}

static long resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    (void)fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void expect_served(struct api_fixture *f)
{
    static const char *const paths[] = {"/fast", "/pool"};
    for (size_t i = 0; i < FY_COUNT_OF(paths); i++) {
        int64_t before_ms = now_ms();
        struct http_answer answer = http_call(f->port, "GET", paths[i], NULL, NULL);
        assert_int_equal(answer.status, 200);
        http_answer_free(&answer);
        assert_true(now_ms() - before_ms < 5000);
    }
}

/* ------------------------------------------------------------------ tests */

/* libmicrohttpd's epoll thread stalls when a multiple of 128 events are ready; its poll thread must
 * not. All send before anybody reads, so that all are ready at once. */
static void every_one_of_many_connections_gets_its_answer_each_time(void **state)
{
    struct api_fixture *f = *state;
    static const size_t counts[] = {128, 256, 512};
    static const char *const paths[] = {"/fast", "/pool"};
    for (size_t c = 0; c < FY_COUNT_OF(counts); c++) {
        int *fds = fy_alloc(counts[c] * sizeof *fds);
        for (size_t i = 0; i < counts[c]; i++)
            fds[i] = http_connect(f->port);
        for (int round = 0; round < 10; round++) {
            for (size_t i = 0; i < counts[c]; i++)
                assert_true(
                    http_send(fds[i], "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", paths[round % 2]));
            for (size_t i = 0; i < counts[c]; i++) {
                struct http_answer answer;
                assert_true(http_read(fds[i], false, &answer));
                assert_int_equal(answer.status, 200);
                assert_string_equal(answer.body, "literal");
                http_answer_free(&answer);
            }
        }
        for (size_t i = 0; i < counts[c]; i++)
            (void)close(fds[i]);
        free(fds);
    }
}

/* Each sends its request a byte at a time, always in time for an idle time-out and never to its
 * end. */
static void a_thousand_slow_clients_cost_little_and_are_cut_in_the_end(void **state)
{
    struct api_fixture *f = *state;
    static const char head[] =
        "GET /fast HTTP/1.1\r\nHost: x\r\nx-slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    expect_served(f);
    long before = resident_bytes();
    struct pollfd *slow = fy_alloc(SLOW_COUNT * sizeof *slow);
    for (size_t i = 0; i < SLOW_COUNT; i++)
        slow[i] = (struct pollfd){.fd = http_connect(f->port), .events = POLLIN};
    int64_t until_ms = now_ms() + 8 * SLOW_IDLE_MS;
    size_t cut = 0, byte = 0;
    bool measured = false;
    while (cut < SLOW_COUNT && now_ms() < until_ms) {
        for (size_t i = 0; i < SLOW_COUNT; i++) {
            if (slow[i].fd >= 0)
                (void)http_send_bytes(slow[i].fd, head + byte, 1);
        }
        byte += byte + 2 < sizeof head;
        if (byte == 3) {
            expect_served(f);
            assert_true(resident_bytes() - before < SLOW_GROWTH_BYTES);
            measured = true;
        }
        assert_true(poll(slow, SLOW_COUNT, SLOW_IDLE_MS / 10) >= 0);
        for (size_t i = 0; i < SLOW_COUNT; i++) {
            if (slow[i].fd < 0 || slow[i].revents == 0)
                continue;
            assert_true(http_closed(slow[i].fd));
            (void)close(slow[i].fd);
            slow[i].fd = -1;
            cut++;
        }
    }
    assert_true(measured);
    assert_int_equal(cut, SLOW_COUNT);
    free(slow);
    expect_served(f);
}

static void a_silent_connection_and_a_dawdling_body_are_cut(void **state)
{
    struct api_fixture *f = *state;
    int silent = http_connect(f->port);
    int dawdling = http_connect(f->port);
    int kept = http_connect(f->port);
    assert_true(
        http_send(dawdling, "POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"));
    for (int64_t until_ms = now_ms() + 4 * SLOW_IDLE_MS; now_ms() < until_ms;) {
        (void)http_send(dawdling, "x");
        /* One that asks now and then lives on. */
        struct http_answer answer;
        assert_true(http_send(kept, "GET /fast HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_true(http_read(kept, false, &answer));
        http_answer_free(&answer);
        (void)usleep(SLOW_IDLE_MS * 1000 / 5);
    }
    assert_true(http_closed(silent));
    assert_true(http_closed(dawdling));
    (void)close(silent);
    (void)close(dawdling);
    (void)close(kept);
}

/* Readers that do not read hold no more than a buffer each. */
static void clients_that_do_not_read_hold_nobody_up(void **state)
{
    struct api_fixture *f = *state;
    enum { COUNT = 200 };
    expect_served(f);
    long before = resident_bytes();
    int fds[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fds[i] = http_connect(f->port);
        assert_true(http_send(fds[i], "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"));
    }
    expect_served(f);
    assert_true(resident_bytes() - before < SLOW_GROWTH_BYTES / 2);
    for (int i = 0; i < COUNT; i++)
        (void)close(fds[i]);
}

/* ------------------------------------------------------------------ too many connections */

enum { SEATS = 8 };

static void reopen_with_few_seats(struct api_fixture *f)
{
    struct fy_err err;
    struct fy_server_settings settings = {.listen = "127.0.0.1:0",
                                          .tables = tables,
                                          .table_count = 1,
                                          .threads = 2,
                                          .pool_threads = 2,
                                          .connections_max = SEATS};
    fy_server_close(f->server, 0);
    f->server = NULL;
    assert_int_equal(fy_server_open(&settings, &f->node, &f->server, &err), FY_OK);
    f->port = fy_server_port(f->server);
}

static int ask(int fd, const char *path)
{
    struct http_answer answer;
    assert_true(http_send(fd, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path));
    assert_true(http_read(fd, false, &answer));
    int status = answer.status;
    if (status == 503) {
        assert_non_null(http_header(&answer, "Retry-After"));
        assert_string_equal(http_header(&answer, "Connection"), "close");
    }
    http_answer_free(&answer);
    return status;
}

static int ask_anew(struct api_fixture *f, const char *path)
{
    int fd = http_connect(f->port);
    int status = ask(fd, path);
    (void)close(fd);
    return status;
}

/* Who has a connection and works keeps it; who only holds one makes room for who comes to work. */
static void connections_that_ask_nothing_make_room_for_those_that_do(void **state)
{
    struct api_fixture *f = *state;
    static const char *const silent[] = {"", "GET /fa", "GET /fast HTTP/1.1\r\nx-slow: "};
    reopen_with_few_seats(f);
    int kept = http_connect(f->port), fds[4 * SEATS];
    assert_int_equal(ask(kept, "/fast"), 200);
    for (size_t i = 0; i < FY_COUNT_OF(fds); i++) {
        fds[i] = http_connect(f->port);
        assert_true(http_send(fds[i], "%s", silent[i % FY_COUNT_OF(silent)]));
    }
    int64_t until_ms = now_ms() + 3 * FY_SEAT_SILENT_MS;
    int status = 503;
    while (status == 503 && now_ms() < until_ms) {
        assert_int_equal(ask(kept, "/pool"), 200);
        status = ask_anew(f, "/fast");
        (void)usleep(20000);
    }
    assert_int_equal(status, 200);
    assert_int_equal(ask(kept, "/pool"), 200);
    for (size_t i = 0; i < FY_COUNT_OF(fds); i++)
        (void)close(fds[i]);
    (void)close(kept);
}

/* All are at work: one more is told so at once, but may ask how the site is. */
static void one_connection_too_many_is_503_and_closed(void **state)
{
    struct api_fixture *f = *state;
    reopen_with_few_seats(f);
    int busy[SEATS];
    for (int i = 0; i < SEATS; i++) {
        char some[16];
        busy[i] = http_connect(f->port);
        assert_true(http_send(busy[i], "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_true(read(busy[i], some, sizeof some) > 0);
    }
    int64_t began_ms = now_ms();
    int fd = http_connect(f->port);
    assert_int_equal(ask(fd, "/fast"), 503);
    assert_true(http_closed(fd));
    (void)close(fd);
    assert_int_equal(ask_anew(f, "/vital"), 200);
    int silent = http_connect(f->port);
    assert_true(http_closed(silent)); /* soon, not after an idle time-out */
    (void)close(silent);
    assert_true(now_ms() - began_ms < 4 * FY_SEAT_SILENT_MS);
    (void)close(busy[0]);
    int status = 503;
    while (status == 503) /* until it is noticed */
        status = ask_anew(f, "/fast");
    assert_int_equal(status, 200);
    for (int i = 1; i < SEATS; i++)
        (void)close(busy[i]);
}

/* ------------------------------------------------------------------ memory for bodies */

enum { PIECE = 1 << 20, FIT = FY_BODIES_BYTES_MAX / PIECE, WHOLE = 2 * PIECE };

/* Sends the head of a body of WHOLE bytes, and so many of them. */
static int begin_body(struct api_fixture *f, const char *path, const char *bytes, size_t count)
{
    int fd = http_connect(f->port);
    assert_true(
        http_send(fd, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", path, WHOLE));
    (void)http_send_bytes(fd, bytes, count);
    return fd;
}

static int read_status(int fd)
{
    struct http_answer answer;
    assert_true(http_read(fd, false, &answer));
    int status = answer.status;
    if (status == 503)
        assert_non_null(http_header(&answer, "Retry-After"));
    http_answer_free(&answer);
    (void)close(fd);
    return status;
}

struct sender {
    struct api_fixture *f;
    char *bytes;
    int status;
};

static void *send_body(void *arg)
{
    struct sender *sender = arg;
    sender->status = read_status(begin_body(sender->f, "/whole", sender->bytes, WHOLE));
    return NULL;
}

/* Far more at once than there is memory for: each waits for its turn and gets its answer. */
static void bodies_that_find_no_memory_wait_for_it(void **state)
{
    enum { COUNT = 8 * FIT };
    struct api_fixture *f = *state;
    char *bytes = fy_alloc(WHOLE);
    struct sender senders[COUNT];
    pthread_t threads[COUNT];
    for (int i = 0; i < COUNT; i++) {
        senders[i] = (struct sender){.f = f, .bytes = bytes};
        assert_int_equal(pthread_create(&threads[i], NULL, send_body, &senders[i]), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(senders[i].status, 200);
    }
    free(bytes);
}

/* More bodies than there is memory for do not go on. Small ones and streams are served beside them,
 * who waits in vain is told to come again, and once they are gone everybody is served. */
static void bodies_that_do_not_end_hold_nobody_up_for_ever(void **state)
{
    enum { COUNT = FIT + 3 };
    struct api_fixture *f = *state;
    char *bytes = fy_alloc(WHOLE);
    struct pollfd stalled[COUNT];
    int64_t began_ms = now_ms();
    for (int i = 0; i < COUNT; i++)
        stalled[i] =
            (struct pollfd){.fd = begin_body(f, "/whole", bytes, PIECE + 1), .events = POLLIN};
    struct http_answer answer = http_call(f->port, "POST", "/whole", NULL, "x");
    assert_int_equal(answer.status, 200);
    http_answer_free(&answer);
    assert_int_equal(read_status(begin_body(f, "/up", bytes, WHOLE)), 200);

    assert_true(poll(stalled, COUNT, HTTP_WAIT_S * 1000) > 0);
    assert_true(now_ms() - began_ms >= BODY_IDLE_MS / FY_ROOM_WAIT_PARTS);
    bool refused = false;
    for (int i = 0; i < COUNT; i++) {
        if (stalled[i].revents != 0 && !refused)
            refused = read_status(stalled[i].fd) == 503;
        else
            (void)close(stalled[i].fd);
    }
    assert_true(refused);
    int status = 503;
    while (status == 503) /* until it has noticed that they left */
        status = read_status(begin_body(f, "/whole", bytes, WHOLE));
    assert_int_equal(status, 200);
    free(bytes);
}

/* Nobody in line is left behind when the server closes. */
static void a_server_closes_while_bodies_wait_for_memory(void **state)
{
    enum { COUNT = FIT + 3 };
    struct api_fixture *f = *state;
    char *bytes = fy_alloc(WHOLE);
    int stalled[COUNT];
    for (int i = 0; i < COUNT; i++)
        stalled[i] = begin_body(f, "/whole", bytes, PIECE + 1);
    int64_t began_ms = now_ms();
    fy_server_close(f->server, 100);
    f->server = NULL;
    assert_true(now_ms() - began_ms < 5000);
    for (int i = 0; i < COUNT; i++)
        (void)close(stalled[i]);
    free(bytes);
}

#define TEST(t)      cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)
#define BODIES(t)    cmocka_unit_test_setup_teardown(t, set_up_for_bodies, api_fixture_tear_down)
#define IMPATIENT(t) cmocka_unit_test_setup_teardown(t, set_up_impatient, api_fixture_tear_down)

int main(void)
{
    struct rlimit files; /* both ends of every connection are ours */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    const struct CMUnitTest tests[] = {
        TEST(every_one_of_many_connections_gets_its_answer_each_time),
        IMPATIENT(a_thousand_slow_clients_cost_little_and_are_cut_in_the_end),
        IMPATIENT(a_silent_connection_and_a_dawdling_body_are_cut),
        TEST(clients_that_do_not_read_hold_nobody_up),
        TEST(connections_that_ask_nothing_make_room_for_those_that_do),
        TEST(one_connection_too_many_is_503_and_closed),
        TEST(bodies_that_find_no_memory_wait_for_it),
        BODIES(bodies_that_do_not_end_hold_nobody_up_for_ever),
        TEST(a_server_closes_while_bodies_wait_for_memory),
    };
    return cmocka_run_group_tests_name("api_load", tests, NULL, NULL);
}
