/* cache_contract.h - what every cache adapter must do; an adapter lists itself and runs it. */
#ifndef FY_TESTS_CONTRACT_CACHE_CONTRACT_H
#define FY_TESTS_CONTRACT_CACHE_CONTRACT_H

#include "common/core/clock.h"
#include "common/ports/cache.h"

/* A clock that stands still until it is moved. */
struct cache_contract_clock {
    struct fy_clock port;
    _Atomic int64_t now_ms;
};
void cache_contract_clock_init(struct cache_contract_clock *clock);

struct cache_contract_factory {
    const char *name;
    /* An empty cache with room for a few thousand small values. */
    struct fy_cache *(*open)(struct fy_clock *clock);
    /* Lets time pass for the cache: moves the clock, or waits. */
    void (*pass)(struct cache_contract_clock *clock, int64_t ms);
};

/* Runs the suite; returns how many tests failed. */
int cache_contract_run(const struct cache_contract_factory *factory);

#endif
