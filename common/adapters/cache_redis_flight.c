/* cache_redis_flight.c - single flight: one fill of a key at a time in this process. */
#include "common/adapters/cache_redis_internal.h"

#include <stdlib.h>
#include <string.h>

/* A key that is being looked up; the last caller to leave frees it. */
struct fy_redis_flight {
    UT_hash_handle hh; /* by key */
    size_t callers_count;
    uint64_t begun_count; /* flies so far: the last one has this number */
    uint64_t landed_count;
    struct fy_redis_answer answer; /* of the last one that landed; it may be older than a caller */
    char key[];
};

enum fy_code fy_redis_copy_out(const void *from, size_t from_bytes, void *value, size_t capacity,
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
static struct fy_redis_flight *flight_join(struct fy_redis_flights *flights, const char *key)
{
    struct fy_redis_flight *flight = NULL;
    HASH_FIND_STR(flights->by_key, key, flight);
    if (flight == NULL) {
        size_t key_bytes = strlen(key) + 1;
        flight = fy_alloc(sizeof(*flight) + key_bytes);
        memcpy(flight->key, key, key_bytes);
        HASH_ADD_STR(flights->by_key, key, flight);
    }
    flight->callers_count++;
    return flight;
}

/* Mutex held. */
static void flight_leave(struct fy_redis_flights *flights, struct fy_redis_flight *flight)
{
    if (--flight->callers_count > 0)
        return;
    /* The macro reads the new head only when another entry is left.
     * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    HASH_DEL(flights->by_key, flight);
    free(flight->answer.value);
    free(flight);
}

/* Mutex held, let go while it flies. */
static void flight_fly(struct fy_redis_flights *flights, struct fy_redis_flight *flight,
                       fy_redis_fly_fn *fly, void *arg)
{
    struct fy_redis_answer answer = {0};
    flight->begun_count++;
    pthread_mutex_unlock(&flights->mutex);
    fly(arg, flight->key, &answer);
    pthread_mutex_lock(&flights->mutex);
    free(flight->answer.value);
    flight->answer = answer;
    flight->landed_count = flight->begun_count;
    pthread_cond_broadcast(&flights->landed);
}

/* What was read before a caller came may have been dropped since, perhaps by another process: only
 * an answer counts whose look began later. The next look finds in Redis what this one put there, so
 * however many wait, the catalogue is asked once. That Redis has taken an answer says nothing: it
 * may have been dropped between that moment and the one in which we hear of it. A failure is no
 * fact that could be old. Mutex held. */
static bool answer_counts(const struct fy_redis_flight *flight, uint64_t begun_before,
                          uint64_t landed_before)
{
    if (flight->landed_count > begun_before)
        return true;
    return flight->landed_count != landed_before && flight->answer.code != FY_OK;
}

enum fy_code fy_redis_flights_get(struct fy_redis_flights *flights, const char *key, void *value,
                                  size_t capacity, size_t *size_bytes, fy_redis_fly_fn *fly,
                                  void *arg, struct fy_err *err)
{
    pthread_mutex_lock(&flights->mutex);
    struct fy_redis_flight *flight = flight_join(flights, key);
    uint64_t begun_before = flight->begun_count;
    uint64_t landed_before = flight->landed_count;
    while (!answer_counts(flight, begun_before, landed_before))
        if (flight->begun_count == flight->landed_count)
            flight_fly(flights, flight, fly, arg);
        else
            pthread_cond_wait(&flights->landed, &flights->mutex);

    const struct fy_redis_answer *answer = &flight->answer;
    enum fy_code code = answer->code;
    if (code == FY_OK)
        code =
            fy_redis_copy_out(answer->value, answer->value_bytes, value, capacity, size_bytes, err);
    else if (err != NULL)
        *err = answer->err;
    flight_leave(flights, flight);
    pthread_mutex_unlock(&flights->mutex);
    return code;
}

bool fy_redis_flights_busy(struct fy_redis_flights *flights, const char *key)
{
    struct fy_redis_flight *flight = NULL;
    pthread_mutex_lock(&flights->mutex);
    HASH_FIND_STR(flights->by_key, key, flight);
    pthread_mutex_unlock(&flights->mutex);
    return flight != NULL;
}

void fy_redis_flights_init(struct fy_redis_flights *flights)
{
    pthread_mutex_init(&flights->mutex, NULL); /* neither fails on Linux with plain attributes */
    pthread_cond_init(&flights->landed, NULL);
}

void fy_redis_flights_done(struct fy_redis_flights *flights)
{
    FY_ASSERT(flights->by_key == NULL); /* nobody is inside get */
    pthread_cond_destroy(&flights->landed);
    pthread_mutex_destroy(&flights->mutex);
}
