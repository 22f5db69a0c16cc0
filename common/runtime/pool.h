/* pool.h - a bounded pool of threads for what may block. */
#ifndef FY_RUNTIME_POOL_H
#define FY_RUNTIME_POOL_H

#include "common/core/err.h"

struct fy_pool;
struct fy_task { /* embedded in the caller's structure; must stay until run returns */
    void (*run)(struct fy_task *task);
    struct fy_task *next;
};

/* name: at most 11 bytes, thread names get "-n" behind it. Stack 256 KiB a thread. */
FY_MUST_CHECK enum fy_code fy_pool_open(const char *name, uint32_t thread_count, uint32_t queue_max,
                                        struct fy_pool **pool, struct fy_err *err);
/* false: queue_max tasks wait already, or the pool is closing; nothing was taken. Thread: any. */
FY_MUST_CHECK bool fy_pool_try(struct fy_pool *pool, struct fy_task *task);
/* As try, but the caller's permits are the bound: never refused. */
void fy_pool_give(struct fy_pool *pool, struct fy_task *task);
/* Runs what waits, then joins. Accepts NULL. */
void fy_pool_close(struct fy_pool *pool);

/* Starts a joinable named thread (name cut to 15 bytes) with all signals blocked. */
#include <pthread.h>
FY_MUST_CHECK enum fy_code fy_thread_start(pthread_t *thread, const char *name,
                                           void *(*main)(void *), void *arg, struct fy_err *err);

#endif
