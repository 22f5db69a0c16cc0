/* cache_redis_fault_test.c - what only speaks like Redis at first: every answer is right all the
 * same, and nobody waits. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/cache_redis.h"
#include "common/core/clock.h"

#define CONNECTIONS_MAX 64
#define EPOCH           "ABCDEFGHIJKLMNOPQRSTUVWXYZ" /* 26 bytes, as a token has */
#define EARLIER         "ABCDEFGHIJKLMNOPQRSTUVWXYY"
#define REPLY_BYTES     200000
#define LATE_MS         1000 /* slack of a busy machine */
#define PATIENT_MS      5000 /* where a late answer is not what the test is about */
#define LOOKS           100
#define ASKED_MS                                                                                   \
    5000 /* for the first of them that is asked: one that fails to connect tries again */

/* A server of one thread: it introduces itself well, and then says one thing whatever it is asked.
 */
struct fake_redis {
    int listen_fd;
    int stop_fds[2];
    char url[64];
    const char *says; /* bytes of every reply after the introduction; NULL: it closes */
    size_t says_bytes;
    bool drips; /* one byte every 20 ms, without an end */
    atomic_int asked_count;
    pthread_t thread;
};

static void fake_answer(struct fake_redis *fake, int *fd)
{
    static const char pong[] = "+PONG\r\n";
    char request[4096];
    ssize_t size = recv(*fd, request, sizeof(request) - 1, 0);
    if (size > 0)
        request[size] = '\0';
    const char *says = fake->says;
    size_t says_bytes = fake->says_bytes;
    if (size > 0 && strstr(request, "SELECT") != NULL) {
        says = strstr(request, "DEL") != NULL ? "+OK\r\n:1\r\n" : "+OK\r\n";
        says_bytes = strlen(says);
    } else if (size > 0 && strstr(request, "PING") != NULL) {
        says = pong;
        says_bytes = strlen(pong);
    } else if (size > 0) {
        atomic_fetch_add(&fake->asked_count, 1);
    }
    /* A client that has closed meanwhile is no matter. */
    if (size <= 0 || says == NULL || send(*fd, says, says_bytes, MSG_NOSIGNAL) < 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

static void *fake_main(void *arg)
{
    struct fake_redis *fake = arg;
    struct pollfd polled[CONNECTIONS_MAX] = {{.fd = fake->stop_fds[0], .events = POLLIN},
                                             {.fd = fake->listen_fd, .events = POLLIN}};
    nfds_t count = 2;
    while (poll(polled, count, fake->drips ? 20 : -1) >= 0 && polled[0].revents == 0) {
        for (nfds_t i = 2; i < count; i++) {
            if (polled[i].fd >= 0 && polled[i].revents != 0)
                fake_answer(fake, &polled[i].fd);
            else if (polled[i].fd >= 0 && fake->drips && atomic_load(&fake->asked_count) > 0)
                (void)send(polled[i].fd, "1", 1, MSG_NOSIGNAL); /* it may have closed */
        }
        if (polled[1].revents != 0 && count < CONNECTIONS_MAX)
            polled[count++] =
                (struct pollfd){.fd = accept(fake->listen_fd, NULL, NULL), .events = POLLIN};
    }
    for (nfds_t i = 2; i < count; i++)
        if (polled[i].fd >= 0)
            (void)close(polled[i].fd);
    return NULL;
}

static void fake_start(struct fake_redis *fake, const char *says, size_t says_bytes, bool drips)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof(address);
    *fake = (struct fake_redis){.says = says, .says_bytes = says_bytes, .drips = drips};
    fake->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fake->listen_fd >= 0);
    assert_int_equal(bind(fake->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fake->listen_fd, (struct sockaddr *)&address, &address_bytes), 0);
    assert_int_equal(listen(fake->listen_fd, CONNECTIONS_MAX), 0);
    assert_int_equal(pipe(fake->stop_fds), 0);
    (void)snprintf(fake->url, sizeof(fake->url), "redis://127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&fake->thread, NULL, fake_main, fake), 0);
}

static void fake_stop(struct fake_redis *fake)
{
    assert_int_equal(write(fake->stop_fds[1], "", 1), 1);
    assert_int_equal(pthread_join(fake->thread, NULL), 0);
    assert_int_equal(close(fake->listen_fd), 0);
    assert_int_equal(close(fake->stop_fds[0]), 0);
    assert_int_equal(close(fake->stop_fds[1]), 0);
}

static enum fy_code fill_right(void *arg, const char *key, void *value, size_t capacity,
                               size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    (void)arg;
    (void)key;
    (void)capacity;
    (void)err;
    memcpy(value, "right", 5);
    *size_bytes = 5;
    *life_ms = FY_CACHE_LIFE_MS;
    return FY_OK;
}

static void look_up(struct fy_cache *cache)
{
    char value[64];
    size_t size_bytes = 0;
    struct fy_err err = {0};
    assert_int_equal(
        fy_cache_get(cache, "key", value, sizeof(value), &size_bytes, fill_right, NULL, &err),
        FY_OK);
    assert_int_equal(size_bytes, 5);
    assert_memory_equal(value, "right", 5);
}

/* Looks up through a server that says this; gives how often the cache gave it up. */
static int64_t expect_right(const char *says, size_t says_bytes, bool drips, int64_t timeout_ms)
{
    struct fake_redis fake;
    struct fy_metrics metrics = {0};
    struct fy_cache *cache = NULL;
    struct fy_err err = {0};
    fake_start(&fake, says, says_bytes, drips);
    const struct fy_cache_redis_settings settings = {.url = fake.url,
                                                     .password_file = "",
                                                     .site = "site-a",
                                                     .timeout_ms = timeout_ms,
                                                     .metrics = &metrics};
    assert_int_equal(fy_cache_redis_open(&settings, &cache, &err), FY_OK);
    int64_t begun_ms = fy_mono_ms(fy_clock_system());
    for (int i = 0; i < LOOKS; i++)
        look_up(cache);
    assert_true(fy_mono_ms(fy_clock_system()) - begun_ms < 4 * timeout_ms + LATE_MS);
    while (atomic_load(&fake.asked_count) == 0 &&
           fy_mono_ms(fy_clock_system()) - begun_ms < ASKED_MS)
        look_up(cache);
    assert_true(atomic_load(&fake.asked_count) > 0); /* it has really been asked */
    int64_t failures = fy_metric_get(&metrics, FY_M_CACHE_FAILURES);
    fy_cache_close(cache);
    fake_stop(&fake);
    return failures;
}

/* Not the language of Redis, or not a reply to what was asked. */
static void what_is_no_reply_ends_the_connection(void **state)
{
    static const char *const replies[] = {
        "hello\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "*1000000000\r\n",
        "*2147483648\r\n",
        "*-7\r\n",
        "$-7\r\n",
        "$99999999999999999999\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        ":12x\r\n",
        "+OK\r\n+OK\r\n",
        "-ERR not today\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n",
    };
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(replies); i++)
        assert_true(expect_right(replies[i], strlen(replies[i]), false, FY_REDIS_TIMEOUT_MS) > 0);
}

/* Somebody else's keys, another version's, or half of ours. */
static void what_is_no_record_of_ours_is_not_used(void **state)
{
    static const char *const replies[] = {
        "+OK\r\n",
        ":1\r\n",
        "$-1\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*2\r\n$-1\r\n$-1\r\n",
        "*2\r\n:1\r\n:2\r\n",
        "*2\r\n*1\r\n:1\r\n*1\r\n:1\r\n",
        "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
        "$5\r\nwrong\r\n",
        "$0\r\n\r\n",
        "*2\r\n$26\r\n" EPOCH "\r\n$27\r\n1" EPOCH "\r\n",         /* cut short */
        "*2\r\n$26\r\n" EPOCH "\r\n$33\r\n2" EPOCH "Vwrong\r\n",   /* another format */
        "*2\r\n$26\r\n" EPOCH "\r\n$33\r\n1" EPOCH "Lwrong\r\n",   /* a lease */
        "*2\r\n$26\r\n" EPOCH "\r\n$33\r\n1" EARLIER "Vwrong\r\n", /* another epoch */
        "*2\r\n$-1\r\n$33\r\n1" EPOCH "Vwrong\r\n",                /* no epoch */
        "*2\r\n$33\r\n1" EPOCH "Vwrong\r\n$26\r\n" EPOCH "\r\n",   /* the other way round */
    };
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(replies); i++)
        assert_int_equal(expect_right(replies[i], strlen(replies[i]), false, PATIENT_MS), 0);
}

static void a_reply_without_end_is_cut_off(void **state)
{
    char *reply = fy_alloc(REPLY_BYTES);
    (void)state;
    memset(reply, 'x', REPLY_BYTES);
    memcpy(reply, "$500000000\r\n", 12);
    assert_true(expect_right(reply, REPLY_BYTES, false, FY_REDIS_TIMEOUT_MS) > 0);
    free(reply);
}

/* Each byte comes before a time-out for each read would end. */
static void a_reply_that_drips_ends_in_time(void **state)
{
    (void)state;
    assert_true(expect_right("$100\r\n", 6, true, FY_REDIS_TIMEOUT_MS) > 0);
}

static void a_connection_that_is_closed_is_no_matter(void **state)
{
    (void)state;
    assert_true(expect_right(NULL, 0, false, FY_REDIS_TIMEOUT_MS) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_reply_ends_the_connection),
        cmocka_unit_test(what_is_no_record_of_ours_is_not_used),
        cmocka_unit_test(a_reply_without_end_is_cut_off),
        cmocka_unit_test(a_reply_that_drips_ends_in_time),
        cmocka_unit_test(a_connection_that_is_closed_is_no_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
