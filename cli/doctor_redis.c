/* doctor_redis.c - what `ferry doctor` says of a cache in Redis. */
#include <inttypes.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/node_open.h"
#include "cli/output.h"
#include "common/adapters/cache_redis.h"

static void judge_speed(struct fy_doctor_judge *judge, const struct fy_redis_state *state,
                        int64_t timeout_ms)
{
    if (state->answer_ms > timeout_ms)
        fy_doctor_say(judge, FY_DOCTOR_FAIL,
                      "cache: takes %" PRId64 " ms to answer, over cache.timeout (%" PRId64
                      " ms): it will count as away",
                      state->answer_ms, timeout_ms);
    else if (2 * state->answer_ms > timeout_ms)
        fy_doctor_say(judge, FY_DOCTOR_WARN,
                      "cache: takes %" PRId64 " ms to answer, near cache.timeout (%" PRId64 " ms)",
                      state->answer_ms, timeout_ms);
}

/* Which keys go when it is full is all the same to Ferry, as long as some do. */
static void judge_memory(struct fy_doctor_judge *judge, const struct fy_redis_state *state)
{
    char limit[FY_CELL_BYTES];
    if (state->memory_max_bytes == 0 || strcmp(state->policy, "noeviction") != 0)
        return;
    fy_cell_size(state->memory_max_bytes, limit);
    fy_doctor_say(
        judge, FY_DOCTOR_WARN,
        "cache: full at %s it takes nothing new and counts as away: set maxmemory-policy to "
        "allkeys-lru, not noeviction",
        limit);
}

void fy_redis_judge(const struct fy_redis_state *state, int64_t timeout_ms, fy_doctor_find_fn *find,
                    void *arg)
{
    struct fy_doctor_judge judge = {.find = find, .arg = arg};
    judge_speed(&judge, state, timeout_ms);
    if (state->replica)
        fy_doctor_say(&judge, FY_DOCTOR_FAIL,
                      "cache: is a replica and takes no writes: name the primary");
    judge_memory(&judge, state);
    if (judge.spoke)
        return;
    if (state->version[0] == '\0')
        fy_doctor_say(&judge, FY_DOCTOR_OK,
                      "cache: answers in %" PRId64 " ms; this user may not ask more",
                      state->answer_ms);
    else
        fy_doctor_say(&judge, FY_DOCTOR_OK, "cache: Redis %s answers in %" PRId64 " ms%s",
                      state->version, state->answer_ms,
                      state->memory_max_bytes == 0 ? ", without a limit of memory" : "");
}

void fy_doctor_redis(const struct fy_config *config, fy_doctor_find_fn *find, void *arg)
{
    struct fy_doctor_judge judge = {.find = find, .arg = arg};
    struct fy_redis_state state;
    struct fy_err err = {0};
    if (!fy_cache_is_redis(config))
        return;
    const struct fy_cache_redis_settings settings = {
        .url = config->cache, .password_file = config->cache_password_file, .site = config->site};
    if (fy_cache_redis_state(&settings, &state, &err) == FY_OK)
        fy_redis_judge(&state, config->cache_timeout_ms, find, arg);
    else
        fy_doctor_say(&judge, FY_DOCTOR_FAIL, "cache: look-ups go to the catalogue: %s", err.text);
}
