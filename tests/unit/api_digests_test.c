/* api_digests_test.c - what GET /ferry/v1/digests takes from others: few at once, and not long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "tests/support/api_fixture.h"

#define PATH    "/ferry/v1/digests?acct=client-1&ref=bucket-1"
#define HEADERS "x-clonecloudstore-client-id: client-1\r\n"
#define MARKS   1000
#define ROW_MS  100 /* that each takes */

static const struct fy_route_table *const tables[] = {&fy_routes_digests};

/* MARKS objects of one container, each of which takes its time; walks wait while they are held. */
struct rows {
    struct fy_catalogue port;
    struct fy_clock clock;
    _Atomic int64_t now_ms;

    pthread_mutex_t mutex; /* all below */
    pthread_cond_t changed;
    bool held;
    int walking;
};

static void walk_in(struct rows *rows)
{
    pthread_mutex_lock(&rows->mutex);
    rows->walking++;
    pthread_cond_broadcast(&rows->changed);
    while (rows->held)
        pthread_cond_wait(&rows->changed, &rows->mutex);
    pthread_mutex_unlock(&rows->mutex);
}

static enum fy_code object_marks(struct fy_catalogue *port, const char *account, const char *bucket,
                                 const char *prefix, const char *after, fy_mark_visit_fn *visit,
                                 void *arg, struct fy_err *err)
{
    struct rows *rows = FY_CONTAINER_OF(port, struct rows, port);
    bool more = true;
    (void)account, (void)bucket, (void)prefix, (void)after, (void)err;
    walk_in(rows);
    for (unsigned index = 0; more && index < MARKS; index++) {
        struct fy_object_mark mark = {.stamp = {.time = 1 + index, .site = "site-a"}};
        (void)snprintf(mark.name, sizeof(mark.name), "o%04u", index);
        atomic_fetch_add(&rows->now_ms, ROW_MS);
        more = visit(arg, &mark);
    }
    return FY_OK;
}

/* An enabled one. */
static enum fy_code container_get(struct fy_catalogue *port, const char *account, const char *name,
                                  struct fy_container_row *row, struct fy_err *err)
{
    (void)port, (void)account, (void)name, (void)err;
    *row = (struct fy_container_row){.status = FY_STATUS_READY};
    return FY_OK;
}

static const struct fy_catalogue_ops rows_ops = {.container_get = container_get,
                                                 .object_marks = object_marks};

static int64_t now_ms(struct fy_clock *clock)
{
    return atomic_load(&FY_CONTAINER_OF(clock, struct rows, clock)->now_ms);
}

struct fixture {
    struct rows rows;
    struct api_fixture *api;
};

static int set_up(void **state)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    f->rows.port.ops = &rows_ops;
    f->rows.clock = (struct fy_clock){.wall_ms = now_ms, .mono_ms = now_ms};
    assert_int_equal(pthread_mutex_init(&f->rows.mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&f->rows.changed, NULL), 0);
    f->api = api_fixture_new(tables, FY_COUNT_OF(tables), 0);
    f->api->node.catalogue = &f->rows.port;
    f->api->node.clock = &f->rows.clock;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    f->api->node.catalogue = NULL;
    f->api->node.clock = fy_clock_system();
    api_fixture_free(f->api);
    pthread_cond_destroy(&f->rows.changed);
    pthread_mutex_destroy(&f->rows.mutex);
    free(f);
    return 0;
}

static int get(struct fixture *f, char *body, size_t body_bytes)
{
    struct http_answer answer = http_call(f->api->port, "GET", PATH, HEADERS, NULL);
    int status = answer.status;
    assert_int_equal(http_header(&answer, "Retry-After") != NULL, status == 503);
    (void)snprintf(body, body_bytes, "%s", answer.body);
    http_answer_free(&answer);
    return status;
}

/* It ends at a name, so that whoever asks can go on behind it. */
static void an_answer_ends_after_some_seconds_with_what_it_has(void **state)
{
    struct fixture *f = *state;
    char body[512];
    assert_int_equal(get(f, body, sizeof body), 200);
    assert_non_null(strstr(body, "{\"parts\":[{\"until\":\"o0255\",\"count\":256,"));
    assert_null(strstr(body, "\"until\":null"));
}

static void *get_one(void *arg)
{
    char body[512];
    return get(arg, body, sizeof body) == 200 ? arg : NULL;
}

static void hold(struct rows *rows, bool held)
{
    pthread_mutex_lock(&rows->mutex);
    rows->held = held;
    pthread_cond_broadcast(&rows->changed);
    pthread_mutex_unlock(&rows->mutex);
}

static void wait_walking(struct rows *rows, int count)
{
    pthread_mutex_lock(&rows->mutex);
    while (rows->walking < count)
        pthread_cond_wait(&rows->changed, &rows->mutex);
    pthread_mutex_unlock(&rows->mutex);
}

static void beyond_a_few_at_once_they_are_refused_for_now(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[FY_WALKS_MAX];
    char body[512];
    hold(&f->rows, true);
    for (int i = 0; i < FY_WALKS_MAX; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_one, f), 0);
    wait_walking(&f->rows, FY_WALKS_MAX);
    assert_int_equal(get(f, body, sizeof body), 503);
    assert_int_equal(f->rows.walking, FY_WALKS_MAX);
    hold(&f->rows, false);
    for (int i = 0; i < FY_WALKS_MAX; i++) {
        void *answered = NULL;
        assert_int_equal(pthread_join(threads[i], &answered), 0);
        assert_non_null(answered);
    }
    assert_int_equal(get(f, body, sizeof body), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_ends_after_some_seconds_with_what_it_has),
        TEST(beyond_a_few_at_once_they_are_refused_for_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
