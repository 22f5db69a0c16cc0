/* redis_server.h - a real Redis of the test's own, on a free port of 127.0.0.1. */
#ifndef FY_TESTS_REDIS_SERVER_H
#define FY_TESTS_REDIS_SERVER_H

#include <hiredis/hiredis.h>
#include <sys/types.h>

#include "common/core/base.h"
#include "tests/support/temp.h"

struct redis_server {
    pid_t pid; /* 0: not running */
    int port;
    char folder[TEMP_BYTES];
    char url[64];         /* of database 0, without a password */
    const char *password; /* NULL: none is asked for */
};

/* Starts it with nothing in it and waits until it answers; fails the test otherwise. */
void redis_server_start(struct redis_server *server, const char *password);
/* On the same port, with what SAVE has left in its folder. */
void redis_server_restart(struct redis_server *server);
void redis_server_kill(struct redis_server *server);   /* at once, whatever it does */
void redis_server_freeze(struct redis_server *server); /* it hangs, its connections stay */
void redis_server_thaw(struct redis_server *server);
void redis_server_done(struct redis_server *server); /* killed, and its folder removed */
/* One command past the cache; the caller frees the reply (freeReplyObject). */
redisReply *redis_server_ask(const struct redis_server *server, const char *format, ...)
    FY_PRINTF(2, 3);

#endif
