/* cache_local.h - the cache port in process memory: at most entries_max, least recently used go
 * first. */
#ifndef FY_ADAPTERS_CACHE_LOCAL_H
#define FY_ADAPTERS_CACHE_LOCAL_H

#include "common/core/clock.h"
#include "common/ports/cache.h"

struct fy_cache *fy_cache_local_new(struct fy_clock *clock, size_t entries_max);

#endif
