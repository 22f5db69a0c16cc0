/* cache_redis.c - the cache port in Redis. */
/*
 * One key of Redis for each of ours, and one for the site's epoch:
 *
 *   ferry:1:SITE:epoch   a token; whoever connects anew deletes it, and with it all that was cached
 *   ferry:1:SITE:=KEY    '1' EPOCH 'V' value    an answer, or
 *                        '1' EPOCH 'L' token    a lease: somebody fills, and may put the answer
 * here
 *
 * A drop deletes the key, lease or answer. So an answer is kept only when nothing was dropped since
 * before its fill began, by any process, and however often Redis was restarted: a lease that is not
 * there any more is not honoured. Nothing is kept in this process, so there is nothing to be told:
 * every look-up asks Redis or the fill.
 */
#include "common/adapters/cache_redis_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/guid.h"

#define FORMAT       '1' /* of what is stored; another is not read */
#define KIND_VALUE   'V'
#define KIND_LEASE   'L'
#define TOKEN_BYTES  FY_GUID_DIGITS
#define HEAD_BYTES   (1 + TOKEN_BYTES + 1)
#define LEASE_BYTES  (HEAD_BYTES + TOKEN_BYTES)
#define KEY_BYTES    (33 + FY_SITE_BYTES_MAX + FY_CACHE_KEY_BYTES_MAX)
#define NUMBER_BYTES 24

/* KEYS: epoch, key. ARGV: a new token, life of an epoch, life of a lease. Gives what the key holds,
 * which is a lease for the caller when there is no answer. */
static const char script_lease[] =
    "local e = redis.call('GET', KEYS[1])\n"
    "if not e then\n"
    "  e = ARGV[1]\n"
    "  redis.call('SET', KEYS[1], e, 'PX', ARGV[2])\n"
    "end\n"
    "local r = redis.call('GET', KEYS[2])\n"
    "if r then\n"
    "  local kind = string.sub(r, #e + 2, #e + 2)\n"
    "  if string.sub(r, 1, #e + 1) == '1' .. e and (kind == 'V' or kind == 'L') then return r end\n"
    "end\n"
    "r = '1' .. e .. 'L' .. ARGV[1]\n"
    "redis.call('SET', KEYS[2], r, 'PX', ARGV[3])\n"
    "return r\n";

/* KEYS: epoch, key. ARGV: the lease, the answer, its life. Gives 1 when the lease still held. */
static const char script_store[] =
    "local e = redis.call('GET', KEYS[1])\n"
    "if not e or string.sub(ARGV[1], 2, #e + 1) ~= e then return 0 end\n"
    "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end\n"
    "redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])\n"
    "return 1\n";

struct cache_redis {
    struct fy_cache port; /* first, so that a struct fy_cache * converts back */

    /* Written once by fy_cache_redis_open. */
    char prefix[32 + FY_SITE_BYTES_MAX];
    char epoch_key[32 + FY_SITE_BYTES_MAX];
    struct fy_metrics *metrics;

    /* Guard themselves. */
    struct fy_redis_link *link;
    struct fy_redis_flights flights;
};

static struct cache_redis *cache_from(struct fy_cache *port)
{
    return FY_CONTAINER_OF(port, struct cache_redis, port);
}

static void reply_free(redisReply **reply)
{
    if (*reply != NULL)
        freeReplyObject(*reply);
}

static struct fy_redis_word full_key(const struct cache_redis *self, const char *key,
                                     char text[static KEY_BYTES])
{
    FY_ASSERT(strlen(key) <= FY_CACHE_KEY_BYTES_MAX);
    (void)snprintf(text, KEY_BYTES, "%s=%s", self->prefix, key);
    return fy_redis_text(text);
}

static struct fy_redis_word number(int64_t value, char text[static NUMBER_BYTES])
{
    (void)snprintf(text, NUMBER_BYTES, "%lld", (long long)value);
    return fy_redis_text(text);
}

/* A reply that is a record of that kind, whatever another program may have put there. */
static bool is_record(const redisReply *reply, char kind)
{
    return reply->type == REDIS_REPLY_STRING && reply->len >= HEAD_BYTES &&
           reply->str[0] == FORMAT && reply->str[HEAD_BYTES - 1] == kind &&
           reply->len <= HEAD_BYTES + FY_CACHE_VALUE_BYTES_MAX;
}

/* A record of the site's epoch as it is now. */
static bool is_current(const redisReply *record, const redisReply *epoch)
{
    return epoch->type == REDIS_REPLY_STRING && epoch->len == TOKEN_BYTES &&
           memcmp(record->str + 1, epoch->str, TOKEN_BYTES) == 0;
}

/* ---- look-up */

/* The answer that Redis has, of this epoch. */
static bool look_up(struct cache_redis *self, const char *key, redisReply **reply)
{
    char text[KEY_BYTES];
    const struct fy_redis_word words[] = {fy_redis_text("MGET"), fy_redis_text(self->epoch_key),
                                          full_key(self, key, text)};
    if (!fy_redis_link_run(self->link, words, FY_COUNT_OF(words), reply))
        return false;
    const redisReply *both = *reply;
    return both->type == REDIS_REPLY_ARRAY && both->elements == 2 &&
           is_record(both->element[1], KIND_VALUE) &&
           is_current(both->element[1], both->element[0]);
}

/* ---- fill */

struct filling {
    struct cache_redis *self;
    fy_cache_fill_fn *fill;
    void *arg;
};

/* An answer that another process has put there meanwhile, or the lease to put one. */
static bool take_lease(struct cache_redis *self, const char *key, redisReply **reply)
{
    char text[KEY_BYTES];
    char token[TOKEN_BYTES + 1];
    char epoch_ms[NUMBER_BYTES];
    char lease_ms[NUMBER_BYTES];
    fy_guid_new(fy_clock_system(), token);
    const struct fy_redis_word words[] = {fy_redis_text("EVAL"),
                                          fy_redis_text(script_lease),
                                          fy_redis_text("2"),
                                          fy_redis_text(self->epoch_key),
                                          full_key(self, key, text),
                                          fy_redis_text(token),
                                          number(FY_REDIS_EPOCH_MS, epoch_ms),
                                          number(FY_REDIS_LEASE_MS, lease_ms)};
    return fy_redis_link_run(self->link, words, FY_COUNT_OF(words), reply);
}

/* Puts the answer where the lease is, if it still is. */
static void store(struct cache_redis *self, const char *key, const redisReply *lease,
                  const struct fy_redis_answer *answer, int64_t life_ms)
{
    char text[KEY_BYTES];
    char life[NUMBER_BYTES];
    FY_AUTO(reply_free) redisReply *reply = NULL;
    size_t record_bytes = HEAD_BYTES + answer->value_bytes;
    char *record = fy_alloc(record_bytes);
    memcpy(record, lease->str, HEAD_BYTES);
    record[HEAD_BYTES - 1] = KIND_VALUE;
    memcpy(record + HEAD_BYTES, answer->value, answer->value_bytes);
    const struct fy_redis_word words[] = {fy_redis_text("EVAL"),     fy_redis_text(script_store),
                                          fy_redis_text("2"),        fy_redis_text(self->epoch_key),
                                          full_key(self, key, text), {lease->str, lease->len},
                                          {record, record_bytes},    number(life_ms, life)};
    bool told = fy_redis_link_run(self->link, words, FY_COUNT_OF(words), &reply);
    (void)told; /* else it is not kept */
    free(record);
}

static void fill_answer(const struct filling *filling, const char *key,
                        struct fy_redis_answer *answer, int64_t *life_ms)
{
    char *value = fy_alloc(FY_CACHE_VALUE_BYTES_MAX);
    answer->code = filling->fill(filling->arg, key, value, FY_CACHE_VALUE_BYTES_MAX,
                                 &answer->value_bytes, life_ms, &answer->err);
    FY_ASSERT(answer->value_bytes <= FY_CACHE_VALUE_BYTES_MAX);
    if (answer->code == FY_OK) /* callers wait with it: no more memory than it needs */
        answer->value = fy_memdup(value, answer->value_bytes);
    free(value);
}

/* Called by the flights, for one key once at a time. */
static void fly(void *arg, const char *key, struct fy_redis_answer *answer)
{
    const struct filling *filling = arg;
    struct cache_redis *self = filling->self;
    int64_t life_ms = 0;
    FY_AUTO(reply_free) redisReply *reply = NULL;
    bool asked = take_lease(self, key, &reply);
    if (asked && is_record(reply, KIND_VALUE)) {
        fy_metric_add(self->metrics, FY_M_CACHE_HITS, 1);
        answer->value_bytes = reply->len - HEAD_BYTES;
        answer->value = fy_memdup(reply->str + HEAD_BYTES, answer->value_bytes);
        return;
    }
    fy_metric_add(self->metrics, FY_M_CACHE_MISSES, 1);
    fill_answer(filling, key, answer, &life_ms);
    bool leased = asked && is_record(reply, KIND_LEASE) && reply->len == LEASE_BYTES;
    if (leased && answer->code == FY_OK && life_ms > 0)
        store(self, key, reply, answer, life_ms);
}

/* ---- the port */

static enum fy_code cache_get(struct fy_cache *port, const char *key, void *value, size_t capacity,
                              size_t *size_bytes, fy_cache_fill_fn *fill, void *arg,
                              struct fy_err *err)
{
    struct cache_redis *self = cache_from(port);
    FY_AUTO(reply_free) redisReply *reply = NULL;
    if (!fy_redis_flights_busy(&self->flights, key) && look_up(self, key, &reply)) {
        const redisReply *record = reply->element[1];
        fy_metric_add(self->metrics, FY_M_CACHE_HITS, 1);
        return fy_redis_copy_out(record->str + HEAD_BYTES, record->len - HEAD_BYTES, value,
                                 capacity, size_bytes, err);
    }
    struct filling filling = {.self = self, .fill = fill, .arg = arg};
    return fy_redis_flights_get(&self->flights, key, value, capacity, size_bytes, fly, &filling,
                                err);
}

static void cache_drop(struct fy_cache *port, const char *key)
{
    struct cache_redis *self = cache_from(port);
    char text[KEY_BYTES];
    FY_AUTO(reply_free) redisReply *reply = NULL;
    const struct fy_redis_word words[] = {fy_redis_text("DEL"), full_key(self, key, text)};
    if (!fy_redis_link_run(self->link, words, FY_COUNT_OF(words), &reply))
        fy_redis_link_renew(self->link);
}

static void cache_close(struct fy_cache *port)
{
    struct cache_redis *self = cache_from(port);
    fy_redis_link_close(self->link);
    fy_redis_flights_done(&self->flights);
    free(self);
}

static const struct fy_cache_ops cache_ops = {"redis", cache_get, cache_drop, cache_close};

enum fy_code fy_cache_redis_check(const struct fy_cache_redis_settings *settings,
                                  struct fy_err *err)
{
    struct fy_redis_url url;
    enum fy_code code = fy_redis_settings_read(settings, &url, err);
    explicit_bzero(&url, sizeof(url));
    return code;
}

enum fy_code fy_cache_redis_open(const struct fy_cache_redis_settings *settings,
                                 struct fy_cache **cache, struct fy_err *err)
{
    struct fy_redis_url url;
    enum fy_code code = fy_redis_settings_read(settings, &url, err);
    if (code != FY_OK)
        return code;
    url.timeout_ms = settings->timeout_ms;
    struct cache_redis *self = fy_alloc(sizeof(*self));
    self->port.ops = &cache_ops;
    self->metrics = settings->metrics;
    (void)snprintf(self->prefix, sizeof(self->prefix), "ferry:%c:%s:", FORMAT, settings->site);
    (void)snprintf(self->epoch_key, sizeof(self->epoch_key), "ferry:%c:%s:epoch", FORMAT,
                   settings->site);
    fy_redis_flights_init(&self->flights);
    code = fy_redis_link_open(&url, self->epoch_key, self->metrics, &self->link, err);
    if (code == FY_OK) {
        *cache = &self->port;
        return FY_OK;
    }
    fy_redis_flights_done(&self->flights);
    free(self);
    return code;
}
