/* connections.c - who is connected, who is cut, and who must go when there are too many. */
/*
 * Each connection has a seat, of which there are connections_max. Who comes when all are taken gets
 * the seat of one that only waits: that was never asked anything, or not for long. When all are at
 * work it is one too many: it has no seat, is answered 503 and closed, and of those there are
 * FY_CONNECTIONS_SPARE; beyond them libmicrohttpd accepts nobody, and the kernel queues.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "api/exchange.h"

static int64_t now_ms(void)
{
    return fy_mono_ms(fy_clock_system());
}

/* server mutex held, so that no descriptor is closed, and perhaps given out anew, meanwhile. */
static void cut(struct fy_conn *conn)
{
    (void)shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd sees the end and closes it */
    if (conn->seated)
        conn->server->seats_taken--;
    conn->seated = false;
}

/* server mutex held. How long a connection that may be cut for another has waited; 0: it may not.
 */
static int64_t waited_ms(const struct fy_conn *conn, bool served, int64_t now)
{
    int64_t since_ms = atomic_load(&conn->waits_since_ms);
    int64_t least_ms = served ? FY_SEAT_KEEP_MS : FY_SEAT_SILENT_MS;
    if (!conn->seated || since_ms == 0 || atomic_load(&conn->served) != served)
        return 0;
    return now - since_ms >= least_ms ? now - since_ms : 0;
}

/* server mutex held. Cuts the one that has waited longest; false: there is none. */
static bool free_seat(struct fy_server *server, bool served)
{
    int64_t now = now_ms(), longest_ms = 0;
    struct fy_conn *idlest = NULL;
    for (struct fy_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        int64_t waited = waited_ms(conn, served, now);
        if (waited > longest_ms) {
            longest_ms = waited;
            idlest = conn;
        }
    }
    if (idlest != NULL)
        cut(idlest);
    return idlest != NULL;
}

/* server mutex held. */
static void take_seat(struct fy_conn *conn)
{
    struct fy_server *server = conn->server;
    conn->seated = server->seats_taken < server->connections_max || free_seat(server, false) ||
                   free_seat(server, true);
    server->seats_taken += conn->seated;
    conn->surplus = !conn->seated;
}

static void conn_open(struct fy_server *server, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    FY_ASSERT(info != NULL);
    struct fy_conn *conn = fy_alloc(sizeof *conn);
    conn->server = server;
    conn->fd = info->connect_fd;
    int64_t now = now_ms();
    atomic_store(&conn->waits_since_ms, now);
    pthread_mutex_lock(&server->mutex);
    take_seat(conn);
    atomic_store(&conn->deadline_ms, now + (conn->surplus ? FY_SEAT_SILENT_MS : server->idle_ms));
    conn->next = server->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    server->conns = conn;
    pthread_mutex_unlock(&server->mutex);
    *context = conn;
}

static void conn_close(struct fy_server *server, struct fy_conn *conn)
{
    pthread_mutex_lock(&server->mutex);
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        server->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    server->seats_taken -= conn->seated;
    pthread_mutex_unlock(&server->mutex);
    free(conn);
}

/* Called by libmicrohttpd when a socket is accepted, and before it is closed. */
void fy_conn_notify(void *server, struct MHD_Connection *connection, void **context,
                    enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        conn_open(server, connection, context);
    else
        conn_close(server, *context);
}

void fy_conns_cut_late(struct fy_server *server)
{
    int64_t now = now_ms();
    for (struct fy_conn *conn = server->conns; conn != NULL; conn = conn->next) {
        int64_t deadline_ms = atomic_load(&conn->deadline_ms);
        if (deadline_ms != 0 && now >= deadline_ms)
            cut(conn);
    }
}
