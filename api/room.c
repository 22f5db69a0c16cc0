/* room.c - who finds no memory for its body waits in line for it. */
/*
 * Bodies that are held whole share FY_BODIES_BYTES_MAX. A request that wants more than is left is
 * suspended with what it has, and TCP holds its client back. Since each could have half a body and
 * wait for all the others, one at a time is favoured: it may go on over the bound, to the end of
 * its body. While anybody waits, somebody is favoured, so that the line moves; still, nobody waits
 * longer than FY_ROOM_WAIT_PARTS says.
 */
#include "api/exchange.h"

#define STEP_BYTES (256 << 10) /* of its body, who had to wait gets at least: most need no more */

static bool count_more(struct fy_server *server, size_t more_bytes)
{
    if (atomic_fetch_add(&server->body_bytes, more_bytes) + more_bytes <= FY_BODIES_BYTES_MAX)
        return true;
    atomic_fetch_sub(&server->body_bytes, more_bytes);
    return false;
}

/* ------------------------------------------------------------------ the line */

/* server mutex held. */
static void link_last(struct fy_server *server, struct fy_exchange *x)
{
    x->room_next = NULL;
    *server->room_end = x;
    server->room_end = &x->room_next;
    atomic_fetch_add(&server->room_count, 1);
}

/* server mutex held; at is where the line points to x. */
static struct fy_exchange *unlink_at(struct fy_server *server, struct fy_exchange **at)
{
    struct fy_exchange *x = *at;
    *at = x->room_next;
    if (server->room_end == &x->room_next)
        server->room_end = at;
    atomic_fetch_sub(&server->room_count, 1);
    return x;
}

/* server mutex held. Takes whoever may go on out of the line; a list by room_next. */
static struct fy_exchange *admit(struct fy_server *server)
{
    struct fy_exchange *admitted = NULL;
    while (server->room_first != NULL) {
        struct fy_exchange *x = server->room_first;
        if (server->favoured == NULL) {
            server->favoured = x;
            atomic_fetch_add(&server->room_count, 1);
            atomic_fetch_add(&server->body_bytes, x->room_bytes);
        } else if (!count_more(server, x->room_bytes)) {
            break;
        }
        (void)unlink_at(server, &server->room_first);
        x->room_given = true;
        x->room_next = admitted;
        admitted = x;
    }
    return admitted;
}

void fy_room_resume(struct fy_exchange *list)
{
    while (list != NULL) {
        struct fy_exchange *x = list;
        list = x->room_next; /* x may be gone when it is resumed */
        fy_exchange_resume(x);
    }
}

/* ------------------------------------------------------------------ one body */

/* What its body will take in all is known mostly, and no more is needed. */
static size_t whole_bytes(const struct fy_exchange *x)
{
    bool known = x->body_promised > 0 && x->body_promised < (int64_t)x->route->body_max;
    return known ? (size_t)x->body_promised : x->route->body_max;
}

/* server mutex held. */
static void stand_last(struct fy_exchange *x, size_t more_bytes)
{
    struct fy_server *server = x->server;
    x->room_bytes = more_bytes;
    if (x->room_until_ms == 0)
        x->room_until_ms = fy_mono_ms(fy_clock_system()) + server->idle_ms / FY_ROOM_WAIT_PARTS;
    link_last(server, x);
    fy_exchange_suspend(x);
}

/* Connection thread. The favoured one goes on, as does the first who finds no room. */
static enum fy_room wait_in_line(struct fy_exchange *x, size_t more_bytes)
{
    struct fy_server *server = x->server;
    if (!fy_server_hold(server))
        return FY_ROOM_CLOSED;
    pthread_mutex_lock(&server->mutex);
    if (server->favoured == NULL) {
        FY_ASSERT(server->room_first == NULL);
        server->favoured = x;
        atomic_fetch_add(&server->room_count, 1);
    }
    enum fy_room room = FY_ROOM_LATER;
    if (server->favoured == x)
        room = FY_ROOM_GIVEN;
    else if (atomic_load(&server->closing)) /* the line has been let go, perhaps just before us */
        room = FY_ROOM_CLOSED;
    if (room == FY_ROOM_GIVEN)
        atomic_fetch_add(&server->body_bytes, more_bytes);
    else if (room == FY_ROOM_LATER)
        stand_last(x, more_bytes);
    pthread_mutex_unlock(&server->mutex);
    if (room == FY_ROOM_LATER)
        return room;
    fy_server_release(server);
    if (room == FY_ROOM_GIVEN)
        fy_gather_grow(&x->body, x->body.capacity + more_bytes);
    return room;
}

enum fy_room fy_room_for(struct fy_exchange *x, size_t size_bytes)
{
    struct fy_gather *body = &x->body;
    if (x->room_given) {
        x->room_given = false;
        fy_gather_grow(body, body->capacity + x->room_bytes);
    }
    size_t whole = whole_bytes(x);
    size_t capacity = fy_gather_capacity(body, body->size + size_bytes, whole);
    if (capacity == body->capacity)
        return FY_ROOM_GIVEN;
    if (capacity <= FY_BODY_SMALL_BYTES) {
        atomic_fetch_add(&x->server->body_bytes, capacity - body->capacity);
        fy_gather_grow(body, capacity);
        return FY_ROOM_GIVEN;
    }
    bool line = atomic_load(&x->server->room_count) > 0;
    if (!line && count_more(x->server, capacity - body->capacity)) {
        fy_gather_grow(body, capacity);
        return FY_ROOM_GIVEN;
    }
    if (x->room_refused)
        return FY_ROOM_NONE;
    if (capacity - body->capacity < STEP_BYTES)
        capacity = whole - body->capacity < STEP_BYTES ? whole : body->capacity + STEP_BYTES;
    return wait_in_line(x, capacity - body->capacity);
}

bool fy_room_favour(struct fy_exchange *x)
{
    struct fy_server *server = x->server;
    pthread_mutex_lock(&server->mutex);
    if (server->favoured == NULL) {
        server->favoured = x;
        atomic_fetch_add(&server->room_count, 1);
    }
    bool favoured = server->favoured == x;
    pthread_mutex_unlock(&server->mutex);
    return favoured;
}

void fy_room_freed(struct fy_exchange *x)
{
    struct fy_server *server = x->server;
    if (x->room_given) { /* and never came to use it */
        x->room_given = false;
        atomic_fetch_sub(&server->body_bytes, x->room_bytes);
    }
    if (atomic_load(&server->room_count) == 0)
        return;
    pthread_mutex_lock(&server->mutex);
    if (server->favoured == x) {
        server->favoured = NULL;
        atomic_fetch_sub(&server->room_count, 1);
    }
    struct fy_exchange *admitted = admit(server);
    pthread_mutex_unlock(&server->mutex);
    fy_room_resume(admitted);
}

/* ------------------------------------------------------------------ who waited enough */

struct fy_exchange *fy_room_refuse(struct fy_server *server, int64_t now_ms)
{
    struct fy_exchange *refused = NULL;
    for (struct fy_exchange **at = &server->room_first; *at != NULL;) {
        if ((*at)->room_until_ms > now_ms) {
            at = &(*at)->room_next;
            continue;
        }
        struct fy_exchange *x = unlink_at(server, at);
        x->room_refused = true;
        x->room_next = refused;
        refused = x;
    }
    return refused;
}
