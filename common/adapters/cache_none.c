/* cache_none.c - the cache port that keeps nothing. */
#include "common/adapters/cache_none.h"

#include <stdlib.h>
#include <string.h>

/* Not even one answer for all who ask at the same time: who asks after a change would get what was
 * read before it. A fill gets the room it may count on, whatever the caller has. */
static enum fy_code cache_get(struct fy_cache *port, const char *key, void *value, size_t capacity,
                              size_t *size_bytes, fy_cache_fill_fn *fill, void *arg,
                              struct fy_err *err)
{
    (void)port;
    void *answer = fy_alloc(FY_CACHE_VALUE_BYTES_MAX);
    size_t answer_bytes = 0;
    int64_t life_ms = 0;
    enum fy_code code =
        fill(arg, key, answer, FY_CACHE_VALUE_BYTES_MAX, &answer_bytes, &life_ms, err);
    FY_ASSERT(answer_bytes <= FY_CACHE_VALUE_BYTES_MAX);
    if (code == FY_OK && answer_bytes > capacity)
        code = fy_err_set(err, FY_ETOOBIG, "the value has %zu bytes, room is for %zu", answer_bytes,
                          capacity);
    if (code == FY_OK) {
        memcpy(value, answer, answer_bytes);
        *size_bytes = answer_bytes;
    }
    free(answer);
    return code;
}

static void cache_drop(struct fy_cache *port, const char *key)
{
    (void)port;
    (void)key;
}

static void cache_close(struct fy_cache *port)
{
    free(port);
}

static const struct fy_cache_ops cache_ops = {"none", cache_get, cache_drop, cache_close};

struct fy_cache *fy_cache_none_new(void)
{
    struct fy_cache *self = fy_alloc(sizeof(*self));
    self->ops = &cache_ops;
    return self;
}
