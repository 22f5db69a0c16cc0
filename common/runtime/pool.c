/* pool.c - a bounded pool of threads for what may block, and how every thread of Ferry is started.
 */
#include "common/runtime/pool.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POOL_STACK_BYTES (512 << 10) /* red zones and shadow calls need about twice the room */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define POOL_STACK_BYTES (512 << 10)
#endif
#endif
#ifndef POOL_STACK_BYTES
#define POOL_STACK_BYTES (256 << 10) /* libcurl with OpenSSL and SQLite stay below 100 KiB */
#endif

#define THREAD_NAME_BYTES 16 /* what the kernel keeps, with its zero byte */
#define POOL_NAME_BYTES   11 /* leaves room for "-n" and the zero byte */

struct fy_pool {
    char name[POOL_NAME_BYTES + 1];
    uint32_t queue_max;
    pthread_t *threads;
    uint32_t thread_count; /* those that were started */

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct fy_task *first;
    struct fy_task **last_next; /* where the next task is hung */
    uint32_t queued_count;
    uint32_t idle_count;
    bool closing;
};

struct thread_start {
    char name[THREAD_NAME_BYTES];
    void *(*main)(void *);
    void *arg;
};

/* Names the thread from within, since the creator may be too late for a tool that looks at once. */
static void *thread_main(void *arg)
{
    struct thread_start start = *(struct thread_start *)arg;
    free(arg);
    (void)pthread_setname_np(pthread_self(), start.name); /* a missing name costs only comfort */
    return start.main(start.arg);
}

enum fy_code fy_thread_start(pthread_t *thread, const char *name, void *(*main)(void *), void *arg,
                             struct fy_err *err)
{
    struct thread_start *start = fy_alloc(sizeof *start);
    (void)snprintf(start->name, sizeof start->name, "%s", name);
    start->main = main;
    start->arg = arg;

    pthread_attr_t attributes;
    FY_ASSERT(pthread_attr_init(&attributes) == 0);
    FY_ASSERT(pthread_attr_setstacksize(&attributes, POOL_STACK_BYTES) == 0);
    /* A new thread inherits the mask: signals are for the main thread alone. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(thread, &attributes, thread_main, start);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (failure == 0)
        return FY_OK;
    free(start);
    return fy_err_set(err, FY_EIO, "start thread %s: %s", name, strerror(failure));
}

/* mutex held. NULL: closing, and nothing is left to do. */
static struct fy_task *take_task(struct fy_pool *pool)
{
    while (pool->first == NULL && !pool->closing) {
        pool->idle_count++;
        FY_ASSERT(pthread_cond_wait(&pool->wake, &pool->mutex) == 0);
        pool->idle_count--;
    }
    struct fy_task *task = pool->first;
    if (task == NULL)
        return NULL;
    pool->first = task->next;
    if (pool->first == NULL)
        pool->last_next = &pool->first;
    pool->queued_count--;
    return task;
}

static void *worker_main(void *arg)
{
    struct fy_pool *pool = arg;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        struct fy_task *task = take_task(pool);
        if (task == NULL)
            break;
        pthread_mutex_unlock(&pool->mutex);
        task->run(task); /* which may free it */
        pthread_mutex_lock(&pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

enum fy_code fy_pool_open(const char *name, uint32_t thread_count, uint32_t queue_max,
                          struct fy_pool **pool, struct fy_err *err)
{
    FY_ASSERT(thread_count >= 1);
    FY_ASSERT(strlen(name) <= POOL_NAME_BYTES);
    struct fy_pool *opened = fy_alloc(sizeof *opened);
    (void)snprintf(opened->name, sizeof opened->name, "%s", name);
    opened->queue_max = queue_max;
    opened->last_next = &opened->first;
    opened->threads = fy_alloc(thread_count * sizeof *opened->threads);
    FY_ASSERT(pthread_mutex_init(&opened->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&opened->wake, NULL) == 0);

    while (opened->thread_count < thread_count) {
        char thread_name[POOL_NAME_BYTES + 12];
        (void)snprintf(thread_name, sizeof thread_name, "%s-%u", opened->name,
                       opened->thread_count);
        if (fy_thread_start(&opened->threads[opened->thread_count], thread_name, worker_main,
                            opened, err) != FY_OK) {
            fy_pool_close(opened);
            return fy_err_add(err, "open pool %s", name);
        }
        opened->thread_count++;
    }
    *pool = opened;
    return FY_OK;
}

/* mutex held. */
static void hang_task(struct fy_pool *pool, struct fy_task *task)
{
    FY_ASSERT(task->run != NULL);
    task->next = NULL;
    *pool->last_next = task;
    pool->last_next = &task->next;
    pool->queued_count++;
    if (pool->idle_count > 0)
        pthread_cond_signal(&pool->wake);
}

bool fy_pool_try(struct fy_pool *pool, struct fy_task *task)
{
    pthread_mutex_lock(&pool->mutex);
    bool taken = !pool->closing && pool->queued_count < pool->queue_max;
    if (taken)
        hang_task(pool, task);
    pthread_mutex_unlock(&pool->mutex);
    return taken;
}

void fy_pool_give(struct fy_pool *pool, struct fy_task *task)
{
    pthread_mutex_lock(&pool->mutex);
    hang_task(pool, task);
    pthread_mutex_unlock(&pool->mutex);
}

void fy_pool_close(struct fy_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        FY_ASSERT(pthread_join(pool->threads[i], NULL) == 0);
    FY_ASSERT(pool->first == NULL); /* given after the last thread had left */
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->threads);
    free(pool);
}
