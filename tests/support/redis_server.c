/* redis_server.c - a real Redis as a child process. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/redis_server.h"

/* Debian's redis-tools has the server's program without its service: it is a server when it is
 * called by that name. */
#define PROGRAM     "/usr/bin/redis-check-rdb"
#define PORTS_FIRST 20000
#define PORTS_COUNT 12000
#define START_TRIES 1000 /* 10 ms apart */
#define ASK_TIMEOUT 10   /* s */

/* Below the ports that the kernel gives to clients: while the server is killed, one of them could
 * else take its place, or a client that looks for it find itself. */
static int free_port(void)
{
    for (int i = 0; i < PORTS_COUNT; i++) {
        int port = PORTS_FIRST + (int)((unsigned)getpid() * 7 + (unsigned)i) % PORTS_COUNT;
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        bool is_free = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        assert_int_equal(close(fd), 0);
        if (is_free)
            return port;
    }
    fail_msg("no free port");
    return 0;
}

/* The child: it ends with the test, however that ends. */
static void run_server(const struct redis_server *server)
{
    char port[8];
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail with a signal's number */
    (void)snprintf(port, sizeof(port), "%d", server->port);
    execl(PROGRAM, "redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", server->folder,
          "--save", "", "--appendonly", "no", "--logfile", "redis.log", "--requirepass",
          server->password != NULL ? server->password : "", (char *)NULL);
    _exit(127);
}

static redisContext *connect_to(const struct redis_server *server)
{
    const struct timeval timeout = {.tv_sec = ASK_TIMEOUT};
    redisContext *context = redisConnectWithTimeout("127.0.0.1", server->port, timeout);
    if (context == NULL || context->err != 0) {
        redisFree(context);
        return NULL;
    }
    assert_int_equal(redisSetTimeout(context, timeout), REDIS_OK);
    if (server->password != NULL)
        freeReplyObject(redisCommand(context, "AUTH %s", server->password));
    return context;
}

static bool answers(const struct redis_server *server)
{
    redisContext *context = connect_to(server);
    if (context == NULL)
        return false;
    redisReply *reply = redisCommand(context, "PING");
    bool answered = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    redisFree(context);
    return answered;
}

void redis_server_restart(struct redis_server *server)
{
    assert_int_equal(server->pid, 0);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0)
        run_server(server);
    for (int i = 0; !answers(server); i++) {
        assert_true(i < START_TRIES);
        (void)usleep(10000); /* there is nothing to wait on before it listens */
    }
}

void redis_server_start(struct redis_server *server, const char *password)
{
    *server = (struct redis_server){.port = free_port(), .password = password};
    temp_folder("redis", server->folder);
    (void)snprintf(server->url, sizeof(server->url), "redis://127.0.0.1:%d/0", server->port);
    redis_server_restart(server);
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid == 0)
        return;
    assert_int_equal(kill(server->pid, SIGKILL), 0);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
    server->pid = 0;
}

void redis_server_freeze(struct redis_server *server)
{
    int status = 0;
    assert_int_equal(kill(server->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(server->pid, &status, WUNTRACED), server->pid);
    assert_true(WIFSTOPPED(status));
}

void redis_server_thaw(struct redis_server *server)
{
    assert_int_equal(kill(server->pid, SIGCONT), 0);
}

void redis_server_done(struct redis_server *server)
{
    redis_server_kill(server);
    temp_remove(server->folder);
}

redisReply *redis_server_ask(const struct redis_server *server, const char *format, ...)
{
    va_list arguments;
    redisContext *context = connect_to(server);
    assert_non_null(context);
    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    assert_non_null(reply);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    redisFree(context);
    return reply;
}
