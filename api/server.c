/* server.c - the life of the HTTP server: socket, libmicrohttpd's threads, the watch, the orderly
 * end. */
/*
 * libmicrohttpd polls (its epoll thread stalls when exactly a multiple of 128 events are ready), in
 * a pool of a few threads. What it cannot do itself is done by the watch: a connection whose
 * request head, or body to be held in memory, does not come in good time is cut, however busily it
 * trickles.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/exchange.h"
#include "common/core/log.h"

#define LISTEN_BACKLOG 1024 /* a burst of clients between two turns of a poll loop */
#define WATCH_MS_MAX   1000 /* between two looks at the deadlines */

/* ------------------------------------------------------------------ the watch */

static void *watch_main(void *arg)
{
    struct fy_server *server = arg;
    int64_t every_ms = server->idle_ms / 4 < WATCH_MS_MAX ? server->idle_ms / 4 + 1 : WATCH_MS_MAX;
    pthread_mutex_lock(&server->mutex);
    while (!server->watch_stop) {
        int64_t until_ms = fy_mono_ms(fy_clock_system()) + every_ms;
        const struct timespec until = fy_mono_timespec(until_ms);
        (void)pthread_cond_timedwait(&server->watch_wake, &server->mutex, &until);
        fy_conns_cut_late(server);
        struct fy_exchange *refused = fy_room_refuse(server, fy_mono_ms(fy_clock_system()));
        pthread_mutex_unlock(&server->mutex);
        fy_room_resume(refused);
        pthread_mutex_lock(&server->mutex);
    }
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

/* ------------------------------------------------------------------ opening */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static enum fy_code parse_port(const char *text, in_port_t *port, struct fy_err *err)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value > UINT16_MAX)
        return fy_err_set(err, FY_EINPUT, "port %s is not a number up to 65535", text);
    *port = htons((uint16_t)value);
    return FY_OK;
}

static bool is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

static enum fy_code parse_listen(const char *listen, union address *address, socklen_t *size,
                                 struct fy_err *err)
{
    char host[64] = "";
    const char *colon = strrchr(listen, ':');
    size_t host_bytes = colon != NULL ? (size_t)(colon - listen) : 0;
    if (host_bytes == 0 || host_bytes >= sizeof host)
        return fy_err_set(err, FY_EINPUT, "%.100s is not HOST:PORT", listen);
    bool bracketed = listen[0] == '[' && listen[host_bytes - 1] == ']';
    memcpy(host, listen + bracketed, host_bytes - (bracketed ? 2 : 0));
    if (strcmp(host, "localhost") == 0)
        memcpy(host, "127.0.0.1", sizeof "127.0.0.1");

    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        *size = sizeof address->v4;
        return parse_port(colon + 1, &address->v4.sin_port, err);
    }
    if (bracketed && inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        *size = sizeof address->v6;
        return parse_port(colon + 1, &address->v6.sin6_port, err);
    }
    return fy_err_set(err, FY_EINPUT, "%s is not an address", host);
}

/* There is no authentication yet: whoever reaches an address beyond loopback may do anything. */
static enum fy_code check_reach(const struct fy_server_settings *settings,
                                const union address *address, struct fy_err *err)
{
    if (is_loopback(address))
        return FY_OK;
    if (!settings->accept_unauthenticated)
        return fy_err_set(err, FY_EINPUT, "%s is not a loopback address; others are not served",
                          settings->listen);
    fy_log(NULL, FY_WARN, "listen.unauthenticated", fy_kv_str("listen", settings->listen),
           fy_kv_str("text", "whoever reaches this address may do anything"));
    return FY_OK;
}

static enum fy_code open_socket(struct fy_server *server, const struct fy_server_settings *settings,
                                struct fy_err *err)
{
    union address address = {.any = {0}};
    socklen_t size = 0;
    const char *where = settings->listen;
    if (parse_listen(where, &address, &size, err) != FY_OK ||
        check_reach(settings, &address, err) != FY_OK)
        return fy_err_add(err, "listen");
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fy_err_set(err, FY_EIO, "listen: %s", strerror(errno));
    server->listen_fd = fd;
    int on = 1; /* a restart must not wait for old connections to be forgotten */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address.any, size) != 0 || listen(fd, LISTEN_BACKLOG) != 0 ||
        getsockname(fd, &address.any, &size) != 0)
        return fy_err_set(err, errno == EADDRINUSE ? FY_EEXISTS : FY_EIO, "listen on %s: %s", where,
                          strerror(errno));
    server->port =
        ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return FY_OK;
}

/* Paths stay as they were sent: we decode them ourselves, once, segment by segment. */
static size_t keep_escaped(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return strlen(text);
}

static enum fy_code open_daemon(struct fy_server *server, const struct fy_server_settings *settings,
                                struct fy_err *err)
{
    unsigned idle_s = (unsigned)((server->idle_ms + 999) / 1000);
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, server->listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)(settings->connections_max + FY_CONNECTIONS_SPARE),
         NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, FY_CONNECTION_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)idle_s, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)fy_exchange_completed, server},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)fy_conn_notify, server},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)fy_exchange_uri, server},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escaped, server},
        /* Last, since a pool of one is no pool. */
        {settings->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END,
         (intptr_t)settings->threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    sigset_t all, before; /* its threads inherit the mask: signals are for the main thread alone */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, fy_exchange_call, server,
                                      MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (server->daemon != NULL)
        return FY_OK;
    server->listen_fd = -1; /* it may have closed it; if not, the process is about to end anyway */
    return fy_err_set(err, FY_EIO, "libmicrohttpd does not start: %s", strerror(errno));
}

static const struct fy_dialect *find_dialect(const struct fy_route_table *const *tables,
                                             size_t table_count)
{
    for (size_t t = 0; t < table_count; t++)
        for (size_t r = 0; r < tables[t]->count; r++)
            if (tables[t]->routes[r].dialect != NULL)
                return tables[t]->routes[r].dialect;
    return NULL;
}

static struct fy_server *server_new(const struct fy_server_settings *settings, struct fy_node *node)
{
    struct fy_server *server = fy_alloc(sizeof *server);
    server->node = node;
    server->tables = settings->tables;
    server->table_count = settings->table_count;
    server->dialect = find_dialect(settings->tables, settings->table_count);
    server->idle_ms = settings->idle_ms != 0 ? settings->idle_ms : FY_IDLE_TIMEOUT_S * 1000;
    server->connections_max = settings->connections_max;
    server->listen_fd = -1;
    server->room_end = &server->room_first;
    FY_ASSERT(pthread_mutex_init(&server->mutex, NULL) == 0);
    pthread_condattr_t monotonic;
    FY_ASSERT(pthread_condattr_init(&monotonic) == 0);
    FY_ASSERT(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    FY_ASSERT(pthread_cond_init(&server->calmer, &monotonic) == 0);
    FY_ASSERT(pthread_cond_init(&server->watch_wake, &monotonic) == 0);
    FY_ASSERT(pthread_cond_init(&server->turn_room, NULL) == 0);
    (void)pthread_condattr_destroy(&monotonic);
    return server;
}

enum fy_code fy_server_open(const struct fy_server_settings *settings, struct fy_node *node,
                            struct fy_server **server, struct fy_err *err)
{
    FY_ASSERT(*server == NULL);
    FY_ASSERT(settings->threads >= 1);
    FY_ASSERT(settings->connections_max >= settings->threads);
    struct fy_server *opened = server_new(settings, node);
    enum fy_code code = open_socket(opened, settings, err);
    if (code == FY_OK)
        code = fy_pool_open("api", settings->pool_threads,
                            settings->connections_max + FY_CONNECTIONS_SPARE, &opened->pool, err);
    if (code == FY_OK)
        code = fy_pool_open("api-turn", FY_TURN_THREADS,
                            settings->connections_max + FY_CONNECTIONS_SPARE, &opened->turns, err);
    if (code == FY_OK)
        code = fy_thread_start(&opened->watch, "api-watch", watch_main, opened, err);
    opened->watch_started = code == FY_OK;
    if (code == FY_OK)
        code = open_daemon(opened, settings, err);
    if (code != FY_OK) {
        fy_server_close(opened, 0);
        return code;
    }
    *server = opened;
    return FY_OK;
}

uint16_t fy_server_port(struct fy_server *server)
{
    return server->port;
}

/* ------------------------------------------------------------------ closing */

/* Requests in hand may end. */
static void drain(struct fy_server *server, int64_t drain_ms)
{
    int64_t until_ms = fy_mono_ms(fy_clock_system()) + drain_ms;
    const struct timespec until = fy_mono_timespec(until_ms);
    pthread_mutex_lock(&server->mutex);
    int failure = 0;
    while (atomic_load(&server->exchange_count) > 0 && failure == 0)
        failure = pthread_cond_timedwait(&server->calmer, &server->mutex, &until);
    pthread_mutex_unlock(&server->mutex);
}

/* libmicrohttpd must not be stopped while a connection is suspended: what waits for our own threads
 * is waited for; each of them has a bound of its own. */
static void let_go(struct fy_server *server)
{
    pthread_mutex_lock(&server->mutex);
    atomic_store(&server->closing, true);
    pthread_mutex_unlock(&server->mutex);
    fy_streams_wake_all(server);
    pthread_mutex_lock(&server->mutex);
    struct fy_exchange *refused = fy_room_refuse(server, INT64_MAX);
    pthread_mutex_unlock(&server->mutex);
    fy_room_resume(refused);
    pthread_mutex_lock(&server->mutex);
    while (server->held_count > 0)
        FY_ASSERT(pthread_cond_wait(&server->calmer, &server->mutex) == 0);
    pthread_mutex_unlock(&server->mutex);
}

static void watch_close(struct fy_server *server)
{
    if (!server->watch_started)
        return;
    pthread_mutex_lock(&server->mutex);
    server->watch_stop = true;
    pthread_cond_signal(&server->watch_wake);
    pthread_mutex_unlock(&server->mutex);
    FY_ASSERT(pthread_join(server->watch, NULL) == 0);
}

void fy_server_close(struct fy_server *server, int64_t drain_ms)
{
    if (server == NULL)
        return;
    if (server->daemon != NULL) {
        /* First: whoever sees that we are closing finds that every answer ends its connection. */
        atomic_store(&server->draining, true);
        (void)MHD_quiesce_daemon(server->daemon); /* gives listen_fd back, which we know */
        /* Refuses new clients; closing it now could hit a thread that is about to accept. */
        (void)shutdown(server->listen_fd, SHUT_RDWR);
        drain(server, drain_ms);
        let_go(server);
        MHD_stop_daemon(server->daemon);
    }
    watch_close(server);
    fy_pool_close(server->turns);
    fy_pool_close(server->pool); /* runs the aborts of uploads that were cut */
    FY_ASSERT(atomic_load(&server->exchange_count) == 0);
    FY_ASSERT(server->conns == NULL);
    FY_ASSERT(atomic_load(&server->room_count) == 0);
    if (server->listen_fd >= 0)
        (void)close(server->listen_fd); /* nothing was written to it */
    pthread_cond_destroy(&server->turn_room);
    pthread_cond_destroy(&server->watch_wake);
    pthread_cond_destroy(&server->calmer);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}
