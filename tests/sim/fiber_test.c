/* fiber_test.c - threads, locks, descriptors and time as the simulator has them. */
/* Each test is a world of its own, so each runs in a child. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sim/fiber.h"

#define SEEDS 50

/* The world's answer, 0..250, by the child's exit status; above that it failed. */
static int run(uint64_t seed, void (*world)(void *answer))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int answer = 0;
        fiber_world_run(seed, world, &answer);
        _exit(answer);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ------------------------------------------------------------------ locks */

struct counter {
    pthread_mutex_t mutex;
    pthread_cond_t full;
    int count;
};

static void *count_up(void *arg)
{
    struct counter *counter = arg;
    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(&counter->mutex);
        int seen = counter->count;
        fiber_yield(); /* whoever else had the lock now would be lost */
        counter->count = seen + 1;
        if (counter->count == 60)
            pthread_cond_signal(&counter->full);
        pthread_mutex_unlock(&counter->mutex);
    }
    return NULL;
}

static void count_in_three_threads(void *answer)
{
    struct counter counter = {.mutex = PTHREAD_MUTEX_INITIALIZER, .full = PTHREAD_COND_INITIALIZER};
    pthread_t threads[3];
    fiber_mood_set(&(struct fiber_mood){.yield_one_of = 2, .spurious_one_of = 2});
    for (size_t i = 0; i < FY_COUNT_OF(threads); i++)
        FY_ASSERT(pthread_create(&threads[i], NULL, count_up, &counter) == 0);
    pthread_mutex_lock(&counter.mutex);
    while (counter.count < 60)
        pthread_cond_wait(&counter.full, &counter.mutex);
    pthread_mutex_unlock(&counter.mutex);
    for (size_t i = 0; i < FY_COUNT_OF(threads); i++)
        FY_ASSERT(pthread_join(threads[i], NULL) == 0);
    *(int *)answer = counter.count;
}

static void a_lock_is_held_by_one(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        assert_int_equal(run(seed, count_in_three_threads), 60);
}

/* ------------------------------------------------------------------ interleavings */

static void *note_turn(void *arg)
{
    int *turns = arg;
    for (int i = 0; i < 3; i++) {
        *turns = *turns * 3 % 251 + (int)(strcmp(fiber_name(fiber_self()), "b") == 0);
        fiber_yield();
    }
    return NULL;
}

static void two_take_turns(void *answer)
{
    struct fiber *a = fiber_start(NULL, "a", note_turn, answer, 0);
    struct fiber *b = fiber_start(NULL, "b", note_turn, answer, 0);
    fiber_join(a, NULL);
    fiber_join(b, NULL);
}

static void a_seed_is_one_interleaving_and_another_seed_another(void **state)
{
    (void)state;
    int different = 0;
    int first = run(1, two_take_turns);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        int once = run(seed, two_take_turns);
        assert_int_equal(run(seed, two_take_turns), once);
        different += once != first;
    }
    assert_true(different > SEEDS / 2);
}

/* ------------------------------------------------------------------ descriptors and time */

static void *ring_later(void *arg)
{
    const struct timespec wait = {.tv_sec = 3600};
    const uint64_t one = 1;
    (void)nanosleep(&wait, NULL);
    FY_ASSERT(write(*(int *)arg, &one, sizeof(one)) == (ssize_t)sizeof(one));
    return NULL;
}

static void wait_for_a_bell(void *answer)
{
    int fd = eventfd(0, EFD_NONBLOCK);
    pthread_t thread;
    struct pollfd look = {.fd = fd, .events = POLLIN};
    uint64_t rings = 0;
    FY_ASSERT(pthread_create(&thread, NULL, ring_later, &fd) == 0);
    FY_ASSERT(poll(&look, 1, 1000) == 0);
    FY_ASSERT(fiber_now_us() >= 1000000);
    FY_ASSERT(fiber_now_us() < 2000000);
    FY_ASSERT(poll(&look, 1, -1) == 1);
    FY_ASSERT(fiber_now_us() >= 3600000000LL);
    FY_ASSERT(read(fd, &rings, sizeof(rings)) == (ssize_t)sizeof(rings));
    FY_ASSERT(read(fd, &rings, sizeof(rings)) < 0);
    FY_ASSERT(pthread_join(thread, NULL) == 0);
    FY_ASSERT(close(fd) == 0);
    *(int *)answer = (int)rings;
}

/* An hour goes by at once, and a time-out comes when it should. */
static void time_passes_when_all_wait(void **state)
{
    (void)state;
    assert_int_equal(run(1, wait_for_a_bell), 1);
}

/* ------------------------------------------------------------------ kills */

static void *step_for_ever(void *arg)
{
    for (;;) {
        (*(int *)arg)++;
        fiber_sleep_us(1000000);
    }
    return NULL;
}

static void kill_one_group(void *answer)
{
    struct fiber_group killed = {.name = "killed"};
    struct fiber_group other = {.name = "other"};
    int killed_steps = 0;
    int other_steps = 0;
    (void)fiber_start(&killed, "k", step_for_ever, &killed_steps, 0);
    (void)fiber_start(&other, "o", step_for_ever, &other_steps, 0);
    fiber_sleep_us(5500000);
    fiber_kill(&killed);
    fiber_sleep_us(5000000);
    FY_ASSERT(killed_steps <= 6);
    FY_ASSERT(other_steps >= 10);
    *(int *)answer = killed.dead && !other.dead ? 1 : 0;
}

static void a_killed_group_runs_no_more_and_others_go_on(void **state)
{
    (void)state;
    assert_int_equal(run(1, kill_one_group), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_is_held_by_one),
        cmocka_unit_test(a_seed_is_one_interleaving_and_another_seed_another),
        cmocka_unit_test(time_passes_when_all_wait),
        cmocka_unit_test(a_killed_group_runs_no_more_and_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
