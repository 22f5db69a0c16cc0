/* peer_server.c - an HTTP server that does exactly what a test says, byte by byte, good or hostile.
 */
#include "tests/contract/peer_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 512

struct note {
    char *head;
    char *body;
};

struct connection {
    struct peer_server *server;
    pthread_t thread;
    int descriptor; /* mutex held */
    unsigned number;
    struct connection *next;
};

struct peer_server {
    peer_play_fn *play;
    void *arg;
    int listener;
    pthread_t thread;
    char uri[64];

    pthread_mutex_t mutex; /* guards the rest */
    struct connection *connections;
    unsigned connection_count;
    unsigned request_count;
    struct note notes[PEER_SERVER_NOTES_MAX];
};

/* ------------------------------------------------------------------ gates */

void peer_gate_init(struct peer_gate *gate)
{
    *gate =
        (struct peer_gate){.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
}

void peer_gate_open(struct peer_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

void peer_gate_wait(struct peer_gate *gate)
{
    pthread_mutex_lock(&gate->mutex);
    gate->waiting++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

void peer_gate_await(struct peer_gate *gate, uint32_t waiting)
{
    pthread_mutex_lock(&gate->mutex);
    while (gate->waiting < waiting)
        pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

/* ------------------------------------------------------------------ requests */

/* Reads up to and with the blank line, and not a byte further. */
static bool read_head(int descriptor, char head[static PEER_SERVER_HEAD_BYTES_MAX])
{
    size_t filled = 0;
    while (filled + 1 < PEER_SERVER_HEAD_BYTES_MAX) {
        /* Looks first, so that what follows the head stays in the socket. */
        ssize_t seen =
            recv(descriptor, head + filled, PEER_SERVER_HEAD_BYTES_MAX - 1 - filled, MSG_PEEK);
        if (seen <= 0)
            return false;
        head[filled + (size_t)seen] = '\0';
        size_t from = filled > 3 ? filled - 3 : 0;
        char *end = strstr(head + from, "\r\n\r\n");
        size_t take = end != NULL ? (size_t)(end + 4 - head) - filled : (size_t)seen;
        if (recv(descriptor, head + filled, take, 0) != (ssize_t)take)
            return false;
        filled += take;
        head[filled] = '\0';
        if (end != NULL)
            return true;
    }
    return false;
}

static size_t content_length(const char *head)
{
    const char *line = strcasestr(head, "\r\nContent-Length:");
    return line != NULL ? (size_t)strtoul(line + sizeof("\r\nContent-Length:") - 1, NULL, 10) : 0;
}

static char *read_body(int descriptor, size_t size_bytes)
{
    char *body = fy_alloc(size_bytes + 1);
    size_t filled = 0;
    while (filled < size_bytes) {
        ssize_t got = recv(descriptor, body + filled, size_bytes - filled, 0);
        if (got <= 0)
            break;
        filled += (size_t)got;
    }
    return body;
}

static void note_request(struct peer_server *server, const char *head, const char *body)
{
    pthread_mutex_lock(&server->mutex);
    if (server->request_count < PEER_SERVER_NOTES_MAX) {
        server->notes[server->request_count].head = fy_strdup(head);
        server->notes[server->request_count].body = fy_strdup(body);
    }
    server->request_count++;
    pthread_mutex_unlock(&server->mutex);
}

static bool serve_request(struct connection *connection, struct peer_exchange *x, char *head)
{
    if (!read_head(x->descriptor, head))
        return false;
    x->head = head;
    x->body_bytes = content_length(head);
    char *body = read_body(x->descriptor, x->body_bytes);
    x->body = body;
    note_request(connection->server, head, body);
    bool keep = connection->server->play(x, connection->server->arg);
    x->request++;
    free(body);
    return keep && x->descriptor >= 0;
}

static void *connection_main(void *arg)
{
    struct connection *connection = arg;
    struct peer_exchange x = {.server = connection->server,
                              .descriptor = connection->descriptor,
                              .connection = connection->number};
    char *head = fy_alloc(PEER_SERVER_HEAD_BYTES_MAX);
    while (serve_request(connection, &x, head))
        ;
    free(head);
    pthread_mutex_lock(&connection->server->mutex);
    connection->descriptor = -1;
    pthread_mutex_unlock(&connection->server->mutex);
    if (x.descriptor >= 0)
        (void)close(x.descriptor);
    return NULL;
}

/* ------------------------------------------------------------------ the server */

static void accept_one(struct peer_server *server, int descriptor)
{
    struct connection *connection = fy_alloc(sizeof(*connection));
    int one = 1;
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    connection->server = server;
    connection->descriptor = descriptor;
    pthread_mutex_lock(&server->mutex);
    connection->number = server->connection_count++;
    connection->next = server->connections;
    server->connections = connection;
    FY_ASSERT(pthread_create(&connection->thread, NULL, connection_main, connection) == 0);
    pthread_mutex_unlock(&server->mutex);
}

static void *listener_main(void *arg)
{
    struct peer_server *server = arg;
    int descriptor;
    while ((descriptor = accept(server->listener, NULL, NULL)) >= 0)
        accept_one(server, descriptor);
    return NULL; /* the listener was shut down */
}

struct peer_server *peer_server_open(peer_play_fn *play, void *arg)
{
    struct peer_server *server = fy_alloc(sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t address_bytes = sizeof(address);
    server->play = play;
    server->arg = arg;
    FY_ASSERT(pthread_mutex_init(&server->mutex, NULL) == 0);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FY_ASSERT(bind(server->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    FY_ASSERT(listen(server->listener, LISTEN_BACKLOG) == 0);
    FY_ASSERT(getsockname(server->listener, (struct sockaddr *)&address, &address_bytes) == 0);
    (void)snprintf(server->uri, sizeof(server->uri), "http://127.0.0.1:%u",
                   (unsigned)ntohs(address.sin_port));
    FY_ASSERT(pthread_create(&server->thread, NULL, listener_main, server) == 0);
    return server;
}

void peer_server_close(struct peer_server *server)
{
    (void)shutdown(server->listener, SHUT_RDWR);
    FY_ASSERT(pthread_join(server->thread, NULL) == 0);
    pthread_mutex_lock(&server->mutex);
    for (struct connection *c = server->connections; c != NULL; c = c->next) {
        if (c->descriptor >= 0)
            (void)shutdown(c->descriptor, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->mutex);
    while (server->connections != NULL) {
        struct connection *connection = server->connections;
        server->connections = connection->next;
        FY_ASSERT(pthread_join(connection->thread, NULL) == 0);
        free(connection);
    }
    for (size_t i = 0; i < PEER_SERVER_NOTES_MAX; i++) {
        free(server->notes[i].head);
        free(server->notes[i].body);
    }
    (void)close(server->listener);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

const char *peer_server_uri(const struct peer_server *server)
{
    return server->uri;
}

unsigned peer_server_connections(struct peer_server *server)
{
    pthread_mutex_lock(&server->mutex);
    unsigned count = server->connection_count;
    pthread_mutex_unlock(&server->mutex);
    return count;
}

unsigned peer_server_requests(struct peer_server *server)
{
    pthread_mutex_lock(&server->mutex);
    unsigned count = server->request_count;
    pthread_mutex_unlock(&server->mutex);
    return count;
}

const char *peer_server_head(struct peer_server *server, unsigned index)
{
    pthread_mutex_lock(&server->mutex);
    const char *head = index < PEER_SERVER_NOTES_MAX ? server->notes[index].head : NULL;
    pthread_mutex_unlock(&server->mutex);
    return head != NULL ? head : "";
}

const char *peer_server_body(struct peer_server *server, unsigned index)
{
    pthread_mutex_lock(&server->mutex);
    const char *body = index < PEER_SERVER_NOTES_MAX ? server->notes[index].body : NULL;
    pthread_mutex_unlock(&server->mutex);
    return body != NULL ? body : "";
}

/* ------------------------------------------------------------------ for plays */

void peer_say_bytes(struct peer_exchange *x, const void *bytes, size_t size_bytes)
{
    const char *at = bytes;
    while (size_bytes > 0 && x->descriptor >= 0) {
        ssize_t sent = send(x->descriptor, at, size_bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += sent;
        size_bytes -= (size_t)sent;
    }
}

void peer_say(struct peer_exchange *x, const char *text)
{
    peer_say_bytes(x, text, strlen(text));
}

void peer_say_format(struct peer_exchange *x, const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    peer_say(x, text);
}

void peer_reset(struct peer_exchange *x)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct peer_server *server = x->server;
    (void)setsockopt(x->descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    pthread_mutex_lock(&server->mutex);
    for (struct connection *c = server->connections; c != NULL; c = c->next) {
        if (c->descriptor == x->descriptor)
            c->descriptor = -1; /* peer_server_close must not shut down a stranger of this number */
    }
    pthread_mutex_unlock(&server->mutex);
    (void)close(x->descriptor);
    x->descriptor = -1;
}

void peer_await_hangup(struct peer_exchange *x)
{
    char byte;
    while (recv(x->descriptor, &byte, 1, 0) > 0)
        ;
}
