/* cache.h - port: short-lived answers (topology, ownership), shared by the threads of a process
 * and, with Redis, by processes. A dead cache means slower, never wrong, never down (DESIGN 5). */
/* Adapters: cache_local.c (in process), cache_none.c, cache_redis.c. Contract:
 * tests/contract/cache_contract.c */
#ifndef FY_PORTS_CACHE_H
#define FY_PORTS_CACHE_H

#include "common/core/err.h"

#define FY_CACHE_KEY_BYTES_MAX   600
#define FY_CACHE_VALUE_BYTES_MAX 65536
#define FY_CACHE_LIFE_MS         60000 /* topology, ownership */
#define FY_CACHE_NEGATIVE_MS     5000  /* "there is none" */

struct fy_cache;

/* Fills a missing key: writes at most capacity bytes to value, sets *size_bytes and *life_ms (a
 * negative answer is a value like any other, with a short life). Called outside any lock of the
 * cache, at most once at a time for one key (single flight: the others wait for its answer). */
typedef enum fy_code fy_cache_fill_fn(void *arg, const char *key, void *value, size_t capacity,
                                      size_t *size_bytes, int64_t *life_ms, struct fy_err *err);

struct fy_cache_ops {
    const char *name;
    enum fy_code (*get)(struct fy_cache *self, const char *key, void *value, size_t capacity,
                        size_t *size_bytes, fy_cache_fill_fn *fill, void *arg, struct fy_err *err);
    void (*drop)(struct fy_cache *self, const char *key);
    void (*close)(struct fy_cache *self);
};
struct fy_cache {
    const struct fy_cache_ops *ops;
};

/*
 * The value of key, from the cache or from fill.
 *   key    zero-terminated, 1..FY_CACHE_KEY_BYTES_MAX bytes; value: capacity bytes of the caller
 * A drop of the key while a fill runs makes that fill's answer go to its waiters only, not into the
 * cache. Errors: fill's; FY_ETOOBIG the cached value does not fit. Thread: any; may block in fill.
 */
FY_MUST_CHECK static inline enum fy_code fy_cache_get(struct fy_cache *self, const char *key,
                                                      void *value, size_t capacity,
                                                      size_t *size_bytes, fy_cache_fill_fn *fill,
                                                      void *arg, struct fy_err *err)
{
    FY_ASSERT(key[0] != '\0');
    return self->ops->get(self, key, value, capacity, size_bytes, fill, arg, err);
}
/* Forgets the key, here and in every process that shares the cache: what is asked for after it
 * returns is not what was kept before. Never fails; a shared cache that is away may take its time.
 */
static inline void fy_cache_drop(struct fy_cache *self, const char *key)
{
    self->ops->drop(self, key);
}
static inline void fy_cache_close(struct fy_cache *self)
{
    if (self != NULL)
        self->ops->close(self);
}

#endif
