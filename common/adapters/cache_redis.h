/* cache_redis.h - the cache port in Redis: what one process forgets, all processes of the site have
 * forgotten. */
#ifndef FY_ADAPTERS_CACHE_REDIS_H
#define FY_ADAPTERS_CACHE_REDIS_H

#include "common/core/metrics.h"
#include "common/ports/cache.h"

struct fy_cache_redis_settings {
    const char *url;           /* redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] */
    const char *password_file; /* its first line is the password; "" the URL's, if any */
    const char *site;          /* part of every key: sites may share a Redis */
    int64_t timeout_ms;        /* for each of its answers, normally FY_REDIS_TIMEOUT_MS */
    struct fy_metrics *metrics;
};

/*
 * Opens the cache and one thread ("cache-redis"). A Redis that is away is no error: look-ups go to
 * their fills until it is there. It needs the commands AUTH, SELECT, MGET, SET, DEL and EVAL.
 *   settings  borrowed for the call; metrics until fy_cache_close
 * Errors: FY_EINPUT a URL or password that cannot be; FY_EIO the password's file, or no thread.
 * Thread: main; may wait for the name of the host.
 */
FY_MUST_CHECK enum fy_code fy_cache_redis_open(const struct fy_cache_redis_settings *settings,
                                               struct fy_cache **cache, struct fy_err *err);
/* Whether these settings would do, as far as can be said without asking anybody. Errors: FY_EINPUT,
 * FY_EIO as above. */
FY_MUST_CHECK enum fy_code fy_cache_redis_check(const struct fy_cache_redis_settings *settings,
                                                struct fy_err *err);

/* How a Redis stands, for `ferry doctor`. */
struct fy_redis_state {
    int64_t answer_ms; /* the slowest of some look-ups */
    char version[32];  /* ""; this user may not ask, and what follows is not known */
    bool replica;
    int64_t memory_max_bytes; /* 0 no limit */
    char policy[32];          /* what happens at that limit */
};
/* Asks it; nothing is changed. settings: of fy_cache_redis_open, but for time-out and metrics.
 * Blocks for FY_REDIS_STATE_MS at most for each answer. Thread: any. Errors: FY_ENET, FY_ETIMEOUT
 * away; FY_EPEER it refuses us; FY_EINPUT, FY_EIO as open. */
FY_MUST_CHECK enum fy_code fy_cache_redis_state(const struct fy_cache_redis_settings *settings,
                                                struct fy_redis_state *state, struct fy_err *err);

#endif
