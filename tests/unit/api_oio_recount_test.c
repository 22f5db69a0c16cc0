/* api_oio_recount_test.c - recounts of containers leave connections to those who read. */
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

#define CREATE  "/v3.0/OPENIO/container/create?acct=A&ref=c"
#define TOUCH   "/v3.0/OPENIO/container/touch?acct=A&ref=c"
#define RECOUNT TOUCH "&recompute=true"

/* The fixture's catalogue, in which the first counts wait while they are held. */
struct counts {
    struct fy_catalogue_ops ops; /* first: the catalogue's, from now on */
    const struct fy_catalogue_ops *real;
    struct counter {
        pthread_mutex_t mutex; /* all below */
        pthread_cond_t changed;
        bool held;
        int counting;
    } * counter;
};

static enum fy_code container_count(struct fy_catalogue *port, const char *account,
                                    const char *name, struct fy_cat_count *count,
                                    struct fy_err *err)
{
    const struct counts *counts = (const void *)port->ops;
    struct counter *counter = counts->counter;
    pthread_mutex_lock(&counter->mutex);
    counter->counting++;
    pthread_cond_broadcast(&counter->changed);
    while (counter->held && counter->counting <= FY_WALKS_MAX)
        pthread_cond_wait(&counter->changed, &counter->mutex);
    pthread_mutex_unlock(&counter->mutex);
    return counts->real->container_count(port, account, name, count, err);
}

static void hold(struct counter *counter, bool held)
{
    pthread_mutex_lock(&counter->mutex);
    counter->held = held;
    pthread_cond_broadcast(&counter->changed);
    pthread_mutex_unlock(&counter->mutex);
}

static void wait_counting(struct counter *counter, int count)
{
    pthread_mutex_lock(&counter->mutex);
    while (counter->counting < count)
        pthread_cond_wait(&counter->changed, &counter->mutex);
    pthread_mutex_unlock(&counter->mutex);
}

static int post(struct api_fixture *f, const char *path)
{
    struct http_answer answer = http_call(f->port, "POST", path, NULL, NULL);
    int status = answer.status;
    assert_int_equal(http_header(&answer, "Retry-After") != NULL, status == 503);
    http_answer_free(&answer);
    return status;
}

static void *recount(void *arg)
{
    return post(arg, RECOUNT) == 204 ? arg : NULL;
}

static int set_up(void **state)
{
    struct api_fixture *f = api_fixture_full(fy_tables_api, fy_tables_api_count, API_SITE);
    strcpy(f->config->oio_namespace, "OPENIO");
    *state = f;
    return 0;
}

static void beyond_a_few_at_once_they_are_refused_for_now(void **state)
{
    struct api_fixture *f = *state;
    struct fy_catalogue *port = f->node.catalogue;
    struct counter counter = {
        .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .held = true};
    struct counts counts = {.ops = *port->ops, .real = port->ops, .counter = &counter};
    pthread_t threads[FY_WALKS_MAX];
    assert_int_equal(post(f, CREATE), 201);
    counts.ops.container_count = container_count;
    port->ops = &counts.ops;
    for (int i = 0; i < FY_WALKS_MAX; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, recount, f), 0);
    wait_counting(&counter, FY_WALKS_MAX);
    int another = post(f, RECOUNT), plain = post(f, TOUCH);
    hold(&counter, false);
    for (int i = 0; i < FY_WALKS_MAX; i++) {
        void *answered = NULL;
        assert_int_equal(pthread_join(threads[i], &answered), 0);
        assert_non_null(answered);
    }
    port->ops = counts.real;
    assert_int_equal(another, 503);
    assert_int_equal(plain, 204);
    assert_int_equal(post(f, RECOUNT), 204);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(beyond_a_few_at_once_they_are_refused_for_now, set_up,
                                        api_fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
