/* fiber_wrap.c - libc's threads, locks, clocks and randomness, as the linker's --wrap finds them.
 */
/* Outside of a fiber each is what it always was. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/random.h>
#include <time.h>

#include "tests/sim/fiber.h"

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
#define WRAP(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

/* ------------------------------------------------------------------ threads */

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes,
     void *(*main)(void *), void *arg)
{
    if (fiber_self() == NULL)
        return __real_pthread_create(thread, attributes, main, arg);
    struct fiber *fiber = fiber_start(fiber_group_here(), "thread", main, arg, 0);
    *thread = (pthread_t)fiber;
    return 0;
}

WRAP(int, pthread_join, pthread_t thread, void **result)
{
    if (fiber_self() == NULL)
        return __real_pthread_join(thread, result);
    fiber_join((struct fiber *)thread, result); /* NOLINT(performance-no-int-to-ptr) */
    return 0;
}

WRAP(pthread_t, pthread_self, void)
{
    struct fiber *self = fiber_self();
    return self != NULL ? (pthread_t)self : __real_pthread_self();
}

WRAP(int, pthread_setname_np, pthread_t thread, const char *name)
{
    if (fiber_self() == NULL)
        return __real_pthread_setname_np(thread, name);
    fiber_rename((struct fiber *)thread, name); /* NOLINT(performance-no-int-to-ptr) */
    return 0;
}

/* ------------------------------------------------------------------ mutexes and conditions */

/* In the memory of the pthread_mutex_t, whose static initialiser is all zeroes. */
struct lock {
    struct fiber *owner;
};
static_assert(sizeof(struct lock) <= sizeof(pthread_mutex_t), "it fits");

static struct lock *lock_of(pthread_mutex_t *mutex)
{
    return (struct lock *)(void *)mutex;
}

WRAP(int, pthread_mutex_init, pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    if (fiber_self() == NULL)
        return __real_pthread_mutex_init(mutex, attributes);
    *lock_of(mutex) = (struct lock){0};
    return 0;
}

WRAP(int, pthread_mutex_destroy, pthread_mutex_t *mutex)
{
    if (fiber_self() == NULL)
        return __real_pthread_mutex_destroy(mutex);
    FY_ASSERT(lock_of(mutex)->owner == NULL);
    return 0;
}

WRAP(int, pthread_mutex_lock, pthread_mutex_t *mutex)
{
    if (fiber_self() == NULL)
        return __real_pthread_mutex_lock(mutex);
    if (fiber_chance(fiber_mood()->yield_one_of))
        fiber_yield();
    FY_ASSERT(lock_of(mutex)->owner != fiber_self());
    while (lock_of(mutex)->owner != NULL)
        (void)fiber_wait(mutex, FIBER_FOREVER);
    lock_of(mutex)->owner = fiber_self();
    return 0;
}

WRAP(int, pthread_mutex_unlock, pthread_mutex_t *mutex)
{
    if (fiber_self() == NULL)
        return __real_pthread_mutex_unlock(mutex);
    FY_ASSERT(lock_of(mutex)->owner == fiber_self());
    lock_of(mutex)->owner = NULL;
    fiber_wake(mutex);
    return 0;
}

WRAP(int, pthread_cond_init, pthread_cond_t *cond, const pthread_condattr_t *attributes)
{
    return fiber_self() == NULL ? __real_pthread_cond_init(cond, attributes) : 0;
}

WRAP(int, pthread_cond_destroy, pthread_cond_t *cond)
{
    return fiber_self() == NULL ? __real_pthread_cond_destroy(cond) : 0;
}

WRAP(int, pthread_cond_wait, pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    if (fiber_self() == NULL)
        return __real_pthread_cond_wait(cond, mutex);
    FY_ASSERT(lock_of(mutex)->owner == fiber_self());
    lock_of(mutex)->owner = NULL;
    fiber_wake(mutex);
    if (fiber_chance(fiber_mood()->spurious_one_of))
        fiber_yield();
    else
        (void)fiber_wait(cond, FIBER_FOREVER);
    return __wrap_pthread_mutex_lock(mutex);
}

WRAP(int, pthread_cond_signal, pthread_cond_t *cond)
{
    if (fiber_self() == NULL)
        return __real_pthread_cond_signal(cond);
    fiber_wake_one(cond);
    return 0;
}

WRAP(int, pthread_cond_broadcast, pthread_cond_t *cond)
{
    if (fiber_self() == NULL)
        return __real_pthread_cond_broadcast(cond);
    fiber_wake(cond);
    return 0;
}

/* ------------------------------------------------------------------ semaphores, of tests */

struct count {
    unsigned value;
};
static_assert(sizeof(struct count) <= sizeof(sem_t), "it fits");

static struct count *count_of(sem_t *semaphore)
{
    return (struct count *)(void *)semaphore;
}

WRAP(int, sem_init, sem_t *semaphore, int shared, unsigned value)
{
    if (fiber_self() == NULL)
        return __real_sem_init(semaphore, shared, value);
    count_of(semaphore)->value = value;
    return 0;
}

WRAP(int, sem_destroy, sem_t *semaphore)
{
    return fiber_self() == NULL ? __real_sem_destroy(semaphore) : 0;
}

WRAP(int, sem_post, sem_t *semaphore)
{
    if (fiber_self() == NULL)
        return __real_sem_post(semaphore);
    count_of(semaphore)->value++;
    fiber_wake(semaphore);
    return 0;
}

static int sem_take(sem_t *semaphore, int64_t until_us)
{
    while (count_of(semaphore)->value == 0) {
        if (fiber_now_us() >= until_us) {
            errno = ETIMEDOUT;
            return -1;
        }
        (void)fiber_wait(semaphore, until_us);
    }
    count_of(semaphore)->value--;
    return 0;
}

WRAP(int, sem_wait, sem_t *semaphore)
{
    return fiber_self() == NULL ? __real_sem_wait(semaphore) : sem_take(semaphore, FIBER_FOREVER);
}

WRAP(int, sem_timedwait, sem_t *semaphore, const struct timespec *until)
{
    if (fiber_self() == NULL)
        return __real_sem_timedwait(semaphore, until);
    return sem_take(semaphore, (int64_t)until->tv_sec * 1000000 + until->tv_nsec / 1000);
}

/* ------------------------------------------------------------------ time and randomness */

WRAP(int, nanosleep, const struct timespec *wait, struct timespec *left)
{
    if (fiber_self() == NULL)
        return __real_nanosleep(wait, left);
    fiber_sleep_us((int64_t)wait->tv_sec * 1000000 + wait->tv_nsec / 1000);
    return 0;
}

WRAP(int, sched_yield, void)
{
    if (fiber_self() == NULL)
        return __real_sched_yield();
    fiber_sleep_us(1); /* whoever is waited for must get its turn */
    return 0;
}

WRAP(int, clock_gettime, clockid_t clock, struct timespec *now)
{
    if (fiber_self() == NULL)
        return __real_clock_gettime(clock, now);
    now->tv_sec = fiber_now_us() / 1000000;
    now->tv_nsec = fiber_now_us() % 1000000 * 1000;
    return 0;
}

WRAP(ssize_t, getrandom, void *bytes, size_t size_bytes, unsigned flags)
{
    if (fiber_self() == NULL)
        return __real_getrandom(bytes, size_bytes, flags);
    for (size_t i = 0; i < size_bytes; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)fiber_below(256);
    return (ssize_t)size_bytes;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
