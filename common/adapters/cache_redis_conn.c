/* cache_redis_conn.c - one connection: commands out, replies in, a deadline on all of it. */
/* hiredis writes the commands and reads the replies; the socket is ours, because the library's own
 * time-out is for each read, so that a server that drips could hold a caller for ever. */
#include "common/adapters/cache_redis_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/buf.h"
#include "common/core/clock.h"

#define ELEMENTS_MAX       4 /* of an array reply: ours have two */
#define COMMAND_BYTES_MAX  (FY_CACHE_VALUE_BYTES_MAX + (8 << 10))
#define INTRODUCTION_MAX   3          /* AUTH, SELECT, DEL */
#define WORDS_MAX          8          /* of a command */
#define RECEIVE_STEP_BYTES (16 << 10) /* most look-ups have one of these */

struct fy_redis_conn {
    int fd;
    int64_t timeout_ms;
    redisReader *reader;
    redisReplyObjectFunctions made;        /* the library's, but for the bound on arrays */
    const redisReplyObjectFunctions *base; /* the library's */
};

int64_t fy_redis_now_ms(void)
{
    return fy_mono_ms(fy_clock_system());
}

static void reply_free(redisReply **reply)
{
    if (*reply != NULL)
        freeReplyObject(*reply);
}

/* The library makes room for as many elements as the other side says there will be. */
static void *make_array(const redisReadTask *task, int elements)
{
    const struct fy_redis_conn *conn = task->privdata;
    return elements > ELEMENTS_MAX ? NULL : conn->base->createArray(task, elements);
}

static struct fy_redis_conn *conn_new(int fd, int64_t timeout_ms)
{
    struct fy_redis_conn *conn = fy_alloc(sizeof(*conn));
    conn->fd = fd;
    conn->timeout_ms = timeout_ms;
    conn->reader = redisReaderCreate();
    FY_ASSERT(conn->reader != NULL); /* as fy_alloc */
    conn->base = conn->reader->fn;
    conn->made = *conn->base;
    conn->made.createArray = make_array;
    conn->reader->fn = &conn->made;
    conn->reader->privdata = conn;
    return conn;
}

void fy_redis_conn_close(struct fy_redis_conn *conn)
{
    if (conn == NULL)
        return;
    redisReaderFree(conn->reader);
    (void)close(conn->fd); /* nothing of it is owed to anybody */
    free(conn);
}

/* ---- bytes */

/* What is there at the deadline is taken: on a busy machine it may be us who are late. */
static enum fy_code wait_ready(int fd, short events, int64_t deadline_ms, struct fy_err *err)
{
    struct pollfd wait = {.fd = fd, .events = events};
    for (;;) {
        int64_t left_ms = deadline_ms - fy_redis_now_ms();
        int ready = poll(&wait, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready > 0)
            return FY_OK;
        if (ready < 0 && errno != EINTR)
            return fy_err_set(err, FY_ENET, "poll: %s", strerror(errno));
        if (left_ms <= 0)
            return fy_err_set(err, FY_ETIMEOUT, "no answer in time");
    }
}

static enum fy_code conn_write(struct fy_redis_conn *conn, const char *bytes, size_t size_bytes,
                               int64_t deadline_ms, struct fy_err *err)
{
    while (size_bytes > 0) {
        ssize_t sent = send(conn->fd, bytes, size_bytes, MSG_NOSIGNAL);
        if (sent >= 0) {
            bytes += sent;
            size_bytes -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EINTR) {
            enum fy_code code = wait_ready(conn->fd, POLLOUT, deadline_ms, err);
            if (code != FY_OK)
                return code;
        } else {
            return fy_err_set(err, FY_ENET, "send: %s", strerror(errno));
        }
    }
    return FY_OK;
}

/* Feeds the reader what comes next; *received_bytes counts. */
static enum fy_code conn_feed(struct fy_redis_conn *conn, int64_t deadline_ms,
                              size_t *received_bytes, struct fy_err *err)
{
    char bytes[RECEIVE_STEP_BYTES];
    enum fy_code code = wait_ready(conn->fd, POLLIN, deadline_ms, err);
    if (code != FY_OK)
        return code;
    ssize_t size = recv(conn->fd, bytes, sizeof(bytes), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return FY_OK;
    if (size < 0)
        return fy_err_set(err, FY_ENET, "receive: %s", strerror(errno));
    if (size == 0)
        return fy_err_set(err, FY_ENET, "it closed the connection");
    *received_bytes += (size_t)size;
    if (*received_bytes > FY_REDIS_REPLY_BYTES_MAX)
        return fy_err_set(err, FY_EPEER, "a reply of over %d bytes", FY_REDIS_REPLY_BYTES_MAX);
    if (redisReaderFeed(conn->reader, bytes, (size_t)size) != REDIS_OK)
        return fy_err_set(err, FY_EPEER, "%s", conn->reader->errstr);
    return FY_OK;
}

/* ---- commands and replies */

static void command_add(struct fy_buf *commands, const struct fy_redis_word *words, size_t count)
{
    const char *bytes[WORDS_MAX];
    size_t sizes[WORDS_MAX];
    char *command = NULL;
    FY_ASSERT(count <= WORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = words[i].bytes;
        sizes[i] = words[i].size_bytes;
    }
    int size = redisFormatCommandArgv(&command, (int)count, bytes, sizes);
    FY_ASSERT(size > 0); /* as fy_alloc */
    fy_buf_add(commands, command, (size_t)size);
    redisFreeCommand(command);
}

static enum fy_code reply_read(struct fy_redis_conn *conn, int64_t deadline_ms, redisReply **reply,
                               struct fy_err *err)
{
    size_t received_bytes = 0;
    for (;;) {
        void *made = NULL;
        if (redisReaderGetReply(conn->reader, &made) != REDIS_OK)
            return fy_err_set(err, FY_EPEER, "what it says is not Redis: %s", conn->reader->errstr);
        if (made != NULL) {
            *reply = made;
            return FY_OK;
        }
        enum fy_code code = conn_feed(conn, deadline_ms, &received_bytes, err);
        if (code != FY_OK)
            return code;
    }
}

/* Sends the commands together and reads a reply to each; the last one is the caller's. */
static enum fy_code conn_ask(struct fy_redis_conn *conn, const struct fy_buf *commands,
                             size_t reply_count, int64_t deadline_ms, redisReply **last,
                             struct fy_err *err)
{
    FY_ASSERT(!commands->overflow);
    enum fy_code code = conn_write(conn, commands->bytes, commands->size_bytes, deadline_ms, err);
    for (size_t i = 0; code == FY_OK && i < reply_count; i++) {
        FY_AUTO(reply_free) redisReply *reply = NULL;
        code = reply_read(conn, deadline_ms, &reply, err);
        FY_ASSERT((code == FY_OK) == (reply != NULL));
        if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
            code = fy_err_set(err, FY_EPEER, "%s", reply->str);
        if (code == FY_OK && i + 1 == reply_count) {
            *last = reply;
            reply = NULL;
        }
    }
    if (code != FY_OK || conn->reader->pos == conn->reader->len)
        return code;
    freeReplyObject(*last);
    *last = NULL;
    return fy_err_set(err, FY_EPEER, "it answers more than it was asked");
}

enum fy_code fy_redis_conn_run(struct fy_redis_conn *conn, const struct fy_redis_word *words,
                               size_t word_count, redisReply **reply, struct fy_err *err)
{
    FY_ASSERT(*reply == NULL);
    FY_AUTO(fy_buf_done) struct fy_buf command;
    fy_buf_init(&command, COMMAND_BYTES_MAX);
    command_add(&command, words, word_count);
    int64_t deadline_ms = fy_redis_now_ms() + conn->timeout_ms;
    return conn_ask(conn, &command, 1, deadline_ms, reply, err);
}

/* ---- connecting */

static size_t introduction(const struct fy_redis_url *url, const char *forget, struct fy_buf *buf)
{
    size_t count = 1;
    if (url->password[0] != '\0') {
        struct fy_redis_word auth[3] = {fy_redis_text("AUTH"), fy_redis_text(url->user),
                                        fy_redis_text(url->password)};
        if (url->user[0] == '\0') { /* Redis before 6 knows no users */
            auth[1] = auth[2];
            command_add(buf, auth, 2);
        } else {
            command_add(buf, auth, 3);
        }
        count++;
    }
    command_add(buf, (struct fy_redis_word[]){fy_redis_text("SELECT"), fy_redis_text(url->db)}, 2);
    if (forget != NULL) {
        command_add(buf, (struct fy_redis_word[]){fy_redis_text("DEL"), fy_redis_text(forget)}, 2);
        count++;
    }
    FY_ASSERT(count <= INTRODUCTION_MAX);
    return count;
}

static enum fy_code conn_introduce(struct fy_redis_conn *conn, const struct fy_redis_url *url,
                                   const char *forget, int64_t deadline_ms, struct fy_err *err)
{
    FY_AUTO(reply_free) redisReply *reply = NULL;
    FY_AUTO(fy_buf_done) struct fy_buf commands;
    fy_buf_init(&commands, COMMAND_BYTES_MAX);
    size_t count = introduction(url, forget, &commands);
    return conn_ask(conn, &commands, count, deadline_ms, &reply, err);
}

static enum fy_code socket_connect(const struct addrinfo *address, int64_t deadline_ms, int *fd,
                                   struct fy_err *err)
{
    static const int on = 1;
    *fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return fy_err_set(err, FY_ENET, "socket: %s", strerror(errno));
    (void)setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only slower without */
    if (connect(*fd, address->ai_addr, address->ai_addrlen) == 0)
        return FY_OK;
    if (errno != EINPROGRESS)
        return fy_err_set(err, FY_ENET, "connect: %s", strerror(errno));
    enum fy_code code = wait_ready(*fd, POLLOUT, deadline_ms, err);
    int failure = 0;
    socklen_t failure_bytes = sizeof(failure);
    if (code == FY_OK && getsockopt(*fd, SOL_SOCKET, SO_ERROR, &failure, &failure_bytes) == 0 &&
        failure != 0)
        code = fy_err_set(err, FY_ENET, "connect: %s", strerror(failure));
    return code;
}

/* To the first of the host's addresses that takes the connection. */
static enum fy_code host_connect(const struct fy_redis_url *url, int64_t *deadline_ms, int *fd,
                                 struct fy_err *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    enum fy_code code = FY_ENET;
    int failure = getaddrinfo(url->host, url->port, &hints, &addresses);
    if (failure != 0)
        return fy_err_set(err, FY_ENET, "%s", gai_strerror(failure));
    *deadline_ms = fy_redis_now_ms() + url->timeout_ms;
    for (const struct addrinfo *a = addresses; code != FY_OK && a != NULL; a = a->ai_next) {
        code = socket_connect(a, *deadline_ms, fd, err);
        if (code != FY_OK && *fd >= 0)
            (void)close(*fd); /* it never was a connection */
    }
    freeaddrinfo(addresses);
    return code;
}

enum fy_code fy_redis_conn_open(const struct fy_redis_url *url, const char *forget,
                                struct fy_redis_conn **conn, struct fy_err *err)
{
    int64_t deadline_ms = 0;
    int fd = -1;
    enum fy_code code = host_connect(url, &deadline_ms, &fd, err);
    if (code == FY_OK) {
        struct fy_redis_conn *made = conn_new(fd, url->timeout_ms);
        code = conn_introduce(made, url, forget, deadline_ms, err);
        if (code == FY_OK)
            *conn = made;
        else
            fy_redis_conn_close(made);
    }
    return code == FY_OK ? FY_OK : fy_err_add(err, "Redis at %s:%s", url->host, url->port);
}
