/* cache_redis_internal.h - what the files of the Redis cache share. */
/*
 *   cache_redis.c         the port: look up, lease, fill, store, drop
 *   cache_redis_flight.c  single flight: one fill of a key at a time in this process
 *   cache_redis_link.c    the pool of connections, its breaker, and the thread that mends it
 *   cache_redis_conn.c    one connection: commands out, replies in, a deadline on all of it
 *   cache_redis_state.c   how the Redis stands, for people
 *   cache_redis_url.c     the engine URL and the password's file
 */
#ifndef FY_ADAPTERS_CACHE_REDIS_INTERNAL_H
#define FY_ADAPTERS_CACHE_REDIS_INTERNAL_H

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <uthash.h>

#include "common/adapters/cache_redis.h"

/* ---- cache_redis_url.c */

#define FY_REDIS_HOST_BYTES   256
#define FY_REDIS_SECRET_BYTES 512

struct fy_redis_url {
    char host[FY_REDIS_HOST_BYTES]; /* without the brackets of IPv6 */
    char port[6];
    char user[FY_REDIS_SECRET_BYTES]; /* "" the default user */
    char password[FY_REDIS_SECRET_BYTES];
    char db[6];
    int64_t timeout_ms; /* of the settings: to connect, and for each command */
};

/* Takes the URL apart; user and password are percent-decoded. FY_EINPUT says what is wrong, and
 * never holds the password. Thread: any. */
FY_MUST_CHECK enum fy_code fy_redis_url_parse(const char *text, struct fy_redis_url *url,
                                              struct fy_err *err);
/* Puts the first line of the file into url->password. FY_EIO; FY_EINPUT empty, too long, or the URL
 * has one, too. */
FY_MUST_CHECK enum fy_code fy_redis_password_read(const char *path, struct fy_redis_url *url,
                                                  struct fy_err *err);

/* Both, as the settings say; but for the time-out. */
FY_MUST_CHECK enum fy_code fy_redis_settings_read(const struct fy_cache_redis_settings *settings,
                                                  struct fy_redis_url *url, struct fy_err *err);

/* ---- cache_redis_conn.c */

struct fy_redis_conn;

/* One word of a command. */
struct fy_redis_word {
    const void *bytes;
    size_t size_bytes;
};
static inline struct fy_redis_word fy_redis_text(const char *text)
{
    return (struct fy_redis_word){text, strlen(text)};
}

/* Monotonic, of the machine: a deadline on real I/O is no business of a test's clock. */
int64_t fy_redis_now_ms(void);

/*
 * Connects and introduces itself: AUTH, SELECT, and DEL of forget (NULL: not), sent together, so
 * that a Redis that hangs now still forgets first when it goes on. Blocks for the host's name, then
 * the time-out at most. Errors: FY_ENET, FY_ETIMEOUT, FY_EPEER it refuses.
 */
FY_MUST_CHECK enum fy_code fy_redis_conn_open(const struct fy_redis_url *url, const char *forget,
                                              struct fy_redis_conn **conn, struct fy_err *err);
/*
 * Sends one command and waits for its reply.
 *   reply        on FY_OK the caller's (freeReplyObject); never an error reply: that is FY_EPEER
 * After an error the connection is good for nothing but to be closed: a late reply would be taken
 * for the next command's. Thread: one at a time.
 */
FY_MUST_CHECK enum fy_code fy_redis_conn_run(struct fy_redis_conn *conn,
                                             const struct fy_redis_word *words, size_t word_count,
                                             redisReply **reply, struct fy_err *err);
void fy_redis_conn_close(struct fy_redis_conn *conn); /* accepts NULL */

/* ---- cache_redis_link.c */

struct fy_redis_link;

/* Tries to connect once, then starts the thread that mends. forget: borrowed until close; a key
 * that is deleted whenever this process connects anew. Errors: FY_EIO no thread. */
FY_MUST_CHECK enum fy_code fy_redis_link_open(const struct fy_redis_url *url, const char *forget,
                                              struct fy_metrics *metrics,
                                              struct fy_redis_link **link, struct fy_err *err);
/* Runs one command on a connection of the pool; false when Redis is not to be asked (at once), no
 * connection came free in the time-out, or no answer came in another: the caller goes on without.
 * Thread: any. */
FY_MUST_CHECK bool fy_redis_link_run(struct fy_redis_link *link, const struct fy_redis_word *words,
                                     size_t word_count, redisReply **reply);
/* Something that Redis had to hear did not reach it, so connect anew, which makes it forget all.
 * Returns when it has, when it refuses us, or when every process must have noticed that it hangs:
 * FY_REDIS_PULSE_MS and three time-outs later. */
void fy_redis_link_renew(struct fy_redis_link *link);
void fy_redis_link_close(struct fy_redis_link *link);

/* ---- cache_redis_flight.c */

struct fy_redis_answer {
    enum fy_code code;
    struct fy_err err;
    void *value; /* free() */
    size_t value_bytes;
};
/* Finds the answer for key; called without a lock, for one key once at a time. */
typedef void fy_redis_fly_fn(void *arg, const char *key, struct fy_redis_answer *answer);

struct fy_redis_flight;
struct fy_redis_flights {
    pthread_mutex_t mutex;
    pthread_cond_t landed;
    struct fy_redis_flight *by_key;
};
void fy_redis_flights_init(struct fy_redis_flights *flights);
void fy_redis_flights_done(struct fy_redis_flights *flights);
/* As fy_cache_get, with fly for fill: an answer that somebody else's fly gives counts when it began
 * after this call. */
FY_MUST_CHECK enum fy_code fy_redis_flights_get(struct fy_redis_flights *flights, const char *key,
                                                void *value, size_t capacity, size_t *size_bytes,
                                                fy_redis_fly_fn *fly, void *arg,
                                                struct fy_err *err);
/* Whether somebody's fly for key is under way: who comes waits for it rather than asking Redis. */
FY_MUST_CHECK bool fy_redis_flights_busy(struct fy_redis_flights *flights, const char *key);
/* Copies out of the cache what fits; FY_ETOOBIG otherwise. */
FY_MUST_CHECK enum fy_code fy_redis_copy_out(const void *from, size_t from_bytes, void *value,
                                             size_t capacity, size_t *size_bytes,
                                             struct fy_err *err);

#endif
