/* turn.c - what requests leave behind in memory until they are answered, counted. */
#include "api/exchange.h"

void fy_turn_take(struct fy_exchange *x, size_t size_bytes)
{
    struct fy_server *server = x->server;
    FY_ASSERT(x->turn_bytes == 0);
    pthread_mutex_lock(&server->mutex);
    while (server->turn_bytes > 0 && server->turn_bytes + size_bytes > FY_TURN_BYTES_MAX)
        FY_ASSERT(pthread_cond_wait(&server->turn_room, &server->mutex) == 0);
    server->turn_bytes += size_bytes;
    pthread_mutex_unlock(&server->mutex);
    x->turn_bytes = size_bytes;
}

void fy_turn_give(struct fy_exchange *x)
{
    struct fy_server *server = x->server;
    if (x->turn_bytes == 0)
        return;
    pthread_mutex_lock(&server->mutex);
    FY_ASSERT(server->turn_bytes >= x->turn_bytes);
    server->turn_bytes -= x->turn_bytes;
    pthread_cond_broadcast(&server->turn_room);
    pthread_mutex_unlock(&server->mutex);
    x->turn_bytes = 0;
}
