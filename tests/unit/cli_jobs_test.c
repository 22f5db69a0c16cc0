/* cli_jobs_test.c - every job is run once or dropped whole, however many threads there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cli/jobs.h"
#include <cmocka.h>

#define JOBS 5000

struct fixture {
    struct fy_command_line *line;
    struct fy_jobs *jobs;
    atomic_int runs[JOBS];
    atomic_int total;
    atomic_int stop_after; /* INT_MAX: never */
};

static int setup(void **state)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    f->line = fy_alloc(sizeof(*f->line));
    fy_config_init(&f->line->config);
    f->stop_after = INT32_MAX;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->line);
    free(f);
    return 0;
}

static void run(void *arg, struct fy_client *client, void *job)
{
    struct fixture *f = arg;
    size_t index;
    assert_non_null(client);
    memcpy(&index, job, sizeof(index));
    f->runs[index]++;
    if (++f->total >= f->stop_after)
        fy_jobs_stop(f->jobs);
}

static size_t give_all(struct fixture *f)
{
    for (size_t i = 0; i < JOBS; i++)
        if (!fy_jobs_give(f->jobs, fy_memdup(&i, sizeof(i))))
            return i;
    return JOBS;
}

static void each_job_is_run_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fy_jobs_open(f->line, 8, run, f, &f->jobs, NULL), FY_OK);
    assert_int_equal(give_all(f), JOBS);
    fy_jobs_close(f->jobs);
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(f->runs[i], 1);
}

/* The rest is neither run nor leaked, and the giver is told. */
static void after_a_stop_the_rest_is_dropped(void **state)
{
    struct fixture *f = *state;
    f->stop_after = 100;
    assert_int_equal(fy_jobs_open(f->line, 4, run, f, &f->jobs, NULL), FY_OK);
    assert_true(give_all(f) < JOBS);
    fy_jobs_close(f->jobs);
    assert_true(f->total >= 100);
    assert_true(f->total < 100 + 4); /* those that were running already */
    for (size_t i = 0; i < JOBS; i++)
        assert_true(f->runs[i] <= 1);
}

static void without_a_job_the_threads_end(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fy_jobs_open(f->line, FY_JOBS_THREADS_MAX, run, f, &f->jobs, NULL), FY_OK);
    fy_jobs_close(f->jobs);
    assert_int_equal(f->total, 0);
}

static void a_url_that_is_none_opens_nothing(void **state)
{
    struct fixture *f = *state;
    struct fy_err err = {0};
    strcpy(f->line->config.url, "ftp://somewhere");
    assert_int_equal(fy_jobs_open(f->line, 4, run, f, &f->jobs, &err), FY_EINPUT);
    assert_non_null(strstr(err.text, "url: "));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(each_job_is_run_once),
        TEST(after_a_stop_the_rest_is_dropped),
        TEST(without_a_job_the_threads_end),
        TEST(a_url_that_is_none_opens_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
