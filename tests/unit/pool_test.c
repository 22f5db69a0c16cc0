/* pool_test.c - every task runs once, the bound refuses, closing runs what waits. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/runtime/pool.h"

#define TASKS 5000

/* A gate that tasks wait at, so that the test decides when they go on. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t arrived;
    bool open;
};

static void gate_init(struct gate *gate)
{
    *gate = (struct gate){.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
}

static void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->arrived++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static void gate_wait_for(struct gate *gate, uint32_t arrived)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->arrived < arrived)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

struct counted {
    struct fy_task task; /* first */
    atomic_uint *runs;
    struct gate *gate; /* NULL: none */
};

static void run_counted(struct fy_task *task)
{
    struct counted *counted = (struct counted *)task;
    if (counted->gate != NULL)
        gate_pass(counted->gate);
    atomic_fetch_add(counted->runs, 1);
}

static struct fy_pool *open_pool(uint32_t threads, uint32_t queue_max)
{
    struct fy_pool *pool = NULL;
    struct fy_err err = {0};
    assert_int_equal(fy_pool_open("test", threads, queue_max, &pool, &err), FY_OK);
    return pool;
}

static void closing_runs_every_task_that_was_given(void **state)
{
    (void)state;
    atomic_uint runs = 0;
    struct fy_pool *pool = open_pool(4, 1);
    struct counted *tasks = fy_alloc(TASKS * sizeof *tasks);
    for (size_t i = 0; i < TASKS; i++) {
        tasks[i] = (struct counted){.task.run = run_counted, .runs = &runs};
        fy_pool_give(pool, &tasks[i].task); /* over queue_max: giving is never refused */
    }
    fy_pool_close(pool);
    assert_int_equal(atomic_load(&runs), TASKS);
    free(tasks);
}

static void a_full_queue_refuses_and_takes_nothing(void **state)
{
    (void)state;
    atomic_uint runs = 0;
    struct gate gate;
    gate_init(&gate);
    struct fy_pool *pool = open_pool(1, 2);
    struct counted busy = {.task.run = run_counted, .runs = &runs, .gate = &gate};
    struct counted waits[3];
    for (size_t i = 0; i < 3; i++)
        waits[i] = (struct counted){.task.run = run_counted, .runs = &runs};

    assert_true(fy_pool_try(pool, &busy.task));
    gate_wait_for(&gate, 1); /* the only thread is busy now */
    assert_true(fy_pool_try(pool, &waits[0].task));
    assert_true(fy_pool_try(pool, &waits[1].task));
    assert_false(fy_pool_try(pool, &waits[2].task));
    gate_open(&gate);
    fy_pool_close(pool);
    assert_int_equal(atomic_load(&runs), 3);
}

static void all_threads_work_at_once(void **state)
{
    (void)state;
    atomic_uint runs = 0;
    struct gate gate;
    gate_init(&gate);
    struct fy_pool *pool = open_pool(8, 8);
    struct counted tasks[8];
    for (size_t i = 0; i < 8; i++) {
        tasks[i] = (struct counted){.task.run = run_counted, .runs = &runs, .gate = &gate};
        fy_pool_give(pool, &tasks[i].task);
    }
    gate_wait_for(&gate, 8); /* hangs unless eight run side by side */
    gate_open(&gate);
    fy_pool_close(pool);
    assert_int_equal(atomic_load(&runs), 8);
}

struct chained {
    struct fy_task task; /* first */
    struct fy_pool *pool;
    struct counted *next;
    struct gate *gate;
};

static void run_chained(struct fy_task *task)
{
    struct chained *chained = (struct chained *)task;
    gate_pass(chained->gate);
    fy_pool_give(chained->pool, &chained->next->task);
}

static void a_task_given_by_a_task_while_closing_still_runs(void **state)
{
    (void)state;
    atomic_uint runs = 0;
    struct gate gate;
    gate_init(&gate);
    struct fy_pool *pool = open_pool(1, 1);
    struct counted last = {.task.run = run_counted, .runs = &runs};
    struct chained first = {{.run = run_chained}, pool, &last, &gate};
    fy_pool_give(pool, &first.task);
    gate_wait_for(&gate, 1);
    gate_open(&gate);
    fy_pool_close(pool);
    assert_int_equal(atomic_load(&runs), 1);
}

struct seen {
    char name[16];
    bool signals_blocked;
};

static void *look_around(void *arg)
{
    struct seen *seen = arg;
    sigset_t mask;
    (void)pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    seen->signals_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1;
    return NULL;
}

static void a_thread_has_its_name_and_leaves_signals_to_main(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct fy_err err = {0};
    pthread_t thread;
    assert_int_equal(fy_thread_start(&thread, "a-name-that-is-too-long", look_around, &seen, &err),
                     FY_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(seen.name, "a-name-that-is-");
    assert_true(seen.signals_blocked);

    sigset_t mask;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGTERM), 0); /* ours is as it was */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_runs_every_task_that_was_given),
        cmocka_unit_test(a_full_queue_refuses_and_takes_nothing),
        cmocka_unit_test(all_threads_work_at_once),
        cmocka_unit_test(a_task_given_by_a_task_while_closing_still_runs),
        cmocka_unit_test(a_thread_has_its_name_and_leaves_signals_to_main),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
