/* cache_none.h - the cache port that keeps nothing: each look-up asks the catalogue. */
/* For a process that shares its catalogue with others but no cache: what one of them changes, no
 * other could be told. */
#ifndef FY_ADAPTERS_CACHE_NONE_H
#define FY_ADAPTERS_CACHE_NONE_H

#include "common/ports/cache.h"

struct fy_cache *fy_cache_none_new(void);

#endif
