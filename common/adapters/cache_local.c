/* cache_local.c - the cache port in process memory. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "common/adapters/cache_local.h"

/* An answer that is kept. */
struct entry {
    UT_hash_handle hh;  /* by key */
    struct entry *prev; /* by use, least recently used first */
    struct entry *next;
    void *value;
    size_t value_bytes;
    int64_t ends_ms; /* on the monotonic clock */
    char key[];
};

/* A fill that runs. Whoever asks for its key meanwhile waits for it, and the last to leave frees
 * it. */
struct flight {
    UT_hash_handle hh; /* by key */
    size_t waiters_count;
    bool dropped; /* the key was dropped: the answer is for those who already wait, no one else */
    bool landed;
    enum fy_code code;
    struct fy_err err;
    void *value;
    size_t value_bytes;
    char key[];
};

struct cache_local {
    struct fy_cache port; /* first, so that a struct fy_cache * converts back */

    /* Written once by fy_cache_local_new. */
    struct fy_clock *clock;
    size_t entries_max;

    /* Any thread, mutex held. */
    pthread_mutex_t mutex;
    pthread_cond_t landed;
    struct entry *entries;
    struct entry *by_use;
    struct flight *flights;
};

static struct cache_local *cache_from(struct fy_cache *port)
{
    return FY_CONTAINER_OF(port, struct cache_local, port);
}

static enum fy_code copy_out(const void *from, size_t from_bytes, void *value, size_t capacity,
                             size_t *size_bytes, struct fy_err *err)
{
    if (from_bytes > capacity)
        return fy_err_set(err, FY_ETOOBIG, "the cached value has %zu bytes, room is for %zu",
                          from_bytes, capacity);
    if (from_bytes > 0)
        memcpy(value, from, from_bytes);
    *size_bytes = from_bytes;
    return FY_OK;
}

/* Mutex held. */
static void entry_forget(struct cache_local *self, struct entry *entry)
{
    /* The macro reads the new head only when another entry is left.
     * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    HASH_DEL(self->entries, entry);
    DL_DELETE(self->by_use, entry);
    free(entry->value);
    free(entry);
}

/* Mutex held. NULL when there is none, or its life is over. */
static struct entry *entry_find(struct cache_local *self, const char *key)
{
    struct entry *entry = NULL;
    HASH_FIND_STR(self->entries, key, entry);
    if (entry == NULL)
        return NULL;
    if (entry->ends_ms <= fy_mono_ms(self->clock)) {
        entry_forget(self, entry);
        return NULL;
    }
    DL_DELETE(self->by_use, entry);
    DL_APPEND(self->by_use, entry);
    return entry;
}

/* Mutex held. */
static void entry_keep(struct cache_local *self, const struct flight *flight, int64_t life_ms)
{
    struct entry *entry = entry_find(self, flight->key);
    FY_ASSERT(entry == NULL); /* its flight is the only one that could have made it */
    while (HASH_COUNT(self->entries) >= self->entries_max)
        entry_forget(self, self->by_use);
    size_t key_bytes = strlen(flight->key) + 1;
    entry = fy_alloc(sizeof(*entry) + key_bytes);
    memcpy(entry->key, flight->key, key_bytes);
    entry->value = fy_memdup(flight->value, flight->value_bytes);
    entry->value_bytes = flight->value_bytes;
    entry->ends_ms = fy_mono_ms(self->clock) + life_ms;
    HASH_ADD_STR(self->entries, key, entry);
    DL_APPEND(self->by_use, entry);
}

/* Mutex held. */
static struct flight *flight_begin(struct cache_local *self, const char *key)
{
    size_t key_bytes = strlen(key) + 1;
    struct flight *flight = fy_alloc(sizeof(*flight) + key_bytes);
    memcpy(flight->key, key, key_bytes);
    HASH_ADD_STR(self->flights, key, flight);
    return flight;
}

/* Mutex held. */
static void flight_leave(struct flight *flight)
{
    if (flight->waiters_count > 0 || !flight->landed)
        return;
    free(flight->value);
    free(flight);
}

/* Fills, without the mutex, into room of our own: those who wait may have more than the first. */
static enum fy_code flight_fly(struct flight *flight, fy_cache_fill_fn *fill, void *arg,
                               int64_t *life_ms)
{
    flight->value = fy_alloc(FY_CACHE_VALUE_BYTES_MAX);
    enum fy_code code = fill(arg, flight->key, flight->value, FY_CACHE_VALUE_BYTES_MAX,
                             &flight->value_bytes, life_ms, &flight->err);
    FY_ASSERT(flight->value_bytes <= FY_CACHE_VALUE_BYTES_MAX);
    return code;
}

/* Runs the fill for everybody. Mutex held, let go while it runs. */
static enum fy_code fill_key(struct cache_local *self, const char *key, void *value,
                             size_t capacity, size_t *size_bytes, fy_cache_fill_fn *fill, void *arg,
                             struct fy_err *err)
{
    int64_t life_ms = 0;
    struct flight *flight = flight_begin(self, key);
    pthread_mutex_unlock(&self->mutex);
    enum fy_code code = flight_fly(flight, fill, arg, &life_ms);
    pthread_mutex_lock(&self->mutex);

    flight->code = code;
    flight->landed = true;
    HASH_DEL(self->flights, flight);
    pthread_cond_broadcast(&self->landed);
    if (code == FY_OK && life_ms > 0 && !flight->dropped)
        entry_keep(self, flight, life_ms);
    if (code == FY_OK)
        code = copy_out(flight->value, flight->value_bytes, value, capacity, size_bytes, err);
    else if (err != NULL)
        *err = flight->err;
    flight_leave(flight);
    return code;
}

/* The answer of somebody else's fill. Mutex held, let go while waiting. */
static enum fy_code wait_landed(struct cache_local *self, struct flight *flight, void *value,
                                size_t capacity, size_t *size_bytes, struct fy_err *err)
{
    flight->waiters_count++;
    while (!flight->landed)
        pthread_cond_wait(&self->landed, &self->mutex);
    flight->waiters_count--;
    enum fy_code code = flight->code;
    if (code == FY_OK)
        code = copy_out(flight->value, flight->value_bytes, value, capacity, size_bytes, err);
    else if (err != NULL)
        *err = flight->err;
    flight_leave(flight);
    return code;
}

/* The fill that runs for the key. One that began before a drop must not answer who asks after it,
 * and two must not run at once: so that one is waited for and forgotten. Mutex held. */
static struct flight *flight_find(struct cache_local *self, const char *key)
{
    struct flight *flight = NULL;
    HASH_FIND_STR(self->flights, key, flight);
    while (flight != NULL && flight->dropped) {
        pthread_cond_wait(&self->landed, &self->mutex);
        HASH_FIND_STR(self->flights, key, flight);
    }
    return flight;
}

static enum fy_code cache_get(struct fy_cache *port, const char *key, void *value, size_t capacity,
                              size_t *size_bytes, fy_cache_fill_fn *fill, void *arg,
                              struct fy_err *err)
{
    struct cache_local *self = cache_from(port);
    enum fy_code code = FY_OK;
    FY_ASSERT(strlen(key) <= FY_CACHE_KEY_BYTES_MAX);

    pthread_mutex_lock(&self->mutex);
    struct flight *flight = flight_find(self, key);
    const struct entry *entry = flight == NULL ? entry_find(self, key) : NULL;
    if (entry != NULL)
        code = copy_out(entry->value, entry->value_bytes, value, capacity, size_bytes, err);
    else if (flight != NULL)
        code = wait_landed(self, flight, value, capacity, size_bytes, err);
    else
        code = fill_key(self, key, value, capacity, size_bytes, fill, arg, err);
    pthread_mutex_unlock(&self->mutex);
    return code;
}

static void cache_drop(struct fy_cache *port, const char *key)
{
    struct cache_local *self = cache_from(port);
    struct entry *entry = NULL;
    struct flight *flight = NULL;
    pthread_mutex_lock(&self->mutex);
    HASH_FIND_STR(self->entries, key, entry);
    if (entry != NULL)
        entry_forget(self, entry);
    HASH_FIND_STR(self->flights, key, flight);
    if (flight != NULL)
        flight->dropped = true;
    pthread_mutex_unlock(&self->mutex);
}

static void cache_close(struct fy_cache *port)
{
    struct cache_local *self = cache_from(port);
    FY_ASSERT(self->flights == NULL); /* nobody is inside get */
    while (self->by_use != NULL)
        entry_forget(self, self->by_use);
    pthread_cond_destroy(&self->landed);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

static const struct fy_cache_ops cache_ops = {"local", cache_get, cache_drop, cache_close};

struct fy_cache *fy_cache_local_new(struct fy_clock *clock, size_t entries_max)
{
    FY_ASSERT(entries_max >= 1);
    struct cache_local *self = fy_alloc(sizeof(*self));
    self->port.ops = &cache_ops;
    self->clock = clock;
    self->entries_max = entries_max;
    pthread_mutex_init(&self->mutex, NULL); /* neither fails on Linux with plain attributes */
    pthread_cond_init(&self->landed, NULL);
    return &self->port;
}
