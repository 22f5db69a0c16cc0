/* fiber_fd.c - eventfd, epoll and poll among fibers. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/sim/fiber.h"

#define FD_BASE     (1 << 20) /* above every real descriptor */
#define FDS_MAX     16384     /* in one run, dead processes' included */
#define WATCHES_MAX 8
#define WAITERS_MAX 4

struct watch {
    int fd;
    struct epoll_event event;
};

struct node {
    uint64_t count; /* of an eventfd */
    struct watch *watches;
    size_t watch_count;
    struct fiber *waiters[WAITERS_MAX];
};

/* As the world: libc's calls have nowhere to carry it. */
static struct node nodes[FDS_MAX];
static int node_count;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
#define WRAP(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

/* Who polls waits for this; for the fiber itself wait those who join it. */
static const void *key_of(const struct fiber *fiber)
{
    return (const char *)fiber + 1;
}

static bool is_ours(int fd)
{
    return fiber_self() != NULL && fd >= FD_BASE;
}

static struct node *node_of(int fd)
{
    FY_ASSERT(fd >= FD_BASE);
    FY_ASSERT(fd < FD_BASE + node_count);
    return &nodes[fd - FD_BASE];
}

int fiber_fd_new(void)
{
    FY_ASSERT(node_count < FDS_MAX);
    nodes[node_count] = (struct node){0};
    return FD_BASE + node_count++;
}

static void count_set(struct node *node, uint64_t count)
{
    bool rises = node->count == 0 && count > 0;
    node->count = count;
    for (size_t i = 0; rises && i < WAITERS_MAX; i++)
        if (node->waiters[i] != NULL)
            fiber_wake(key_of(node->waiters[i]));
}

void fiber_fd_set(int fd, bool readable)
{
    count_set(node_of(fd), readable ? 1 : 0);
}

void fiber_fd_close(int fd)
{
    struct node *node = node_of(fd);
    free(node->watches);
    *node = (struct node){0};
}

/* ------------------------------------------------------------------ eventfd */

WRAP(int, eventfd, unsigned count, int flags)
{
    if (fiber_self() == NULL)
        return __real_eventfd(count, flags);
    int fd = fiber_fd_new();
    node_of(fd)->count = count;
    return fd;
}

WRAP(ssize_t, read, int fd, void *bytes, size_t size_bytes)
{
    if (!is_ours(fd))
        return __real_read(fd, bytes, size_bytes);
    struct node *node = node_of(fd);
    FY_ASSERT(size_bytes == sizeof(uint64_t));
    if (node->count == 0) {
        errno = EAGAIN;
        return -1;
    }
    *(uint64_t *)bytes = node->count;
    node->count = 0;
    return (ssize_t)sizeof(uint64_t);
}

WRAP(ssize_t, write, int fd, const void *bytes, size_t size_bytes)
{
    if (fiber_self() != NULL && fd == STDERR_FILENO) { /* Ferry's log: a line of the trace */
        fiber_trace("%.*s", (int)size_bytes - 1, (const char *)bytes);
        return (ssize_t)size_bytes;
    }
    if (!is_ours(fd))
        return __real_write(fd, bytes, size_bytes);
    struct node *node = node_of(fd);
    FY_ASSERT(size_bytes == sizeof(uint64_t));
    count_set(node, node->count + *(const uint64_t *)bytes);
    return (ssize_t)sizeof(uint64_t);
}

WRAP(int, close, int fd)
{
    if (!is_ours(fd))
        return __real_close(fd);
    fiber_fd_close(fd);
    return 0;
}

/* ------------------------------------------------------------------ waiting for several */

static void waiter_set(int fd, struct fiber *from, struct fiber *to)
{
    struct node *node = node_of(fd);
    for (size_t i = 0; i < WAITERS_MAX; i++) {
        if (node->waiters[i] == from) {
            node->waiters[i] = to;
            return;
        }
    }
    FY_ASSERT(from != NULL); /* a closed one has forgotten its waiters, but has room for new ones */
}

static int64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? FIBER_FOREVER : fiber_now_us() + (int64_t)timeout_ms * 1000;
}

static int poll_look(struct pollfd *fds, nfds_t count)
{
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        bool rings = fds[i].fd >= 0 && node_of(fds[i].fd)->count > 0;
        fds[i].revents = rings ? POLLIN : 0;
        ready += fds[i].revents != 0;
    }
    return ready;
}

WRAP(int, poll, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (fiber_self() == NULL || (count > 0 && fds[0].fd >= 0 && fds[0].fd < FD_BASE))
        return __real_poll(fds, count, timeout_ms);
    int64_t until_us = deadline_of(timeout_ms);
    fiber_yield();
    for (;;) {
        int ready = poll_look(fds, count);
        if (ready > 0 || fiber_now_us() >= until_us)
            return ready;
        for (nfds_t i = 0; i < count; i++)
            if (fds[i].fd >= 0)
                waiter_set(fds[i].fd, NULL, fiber_self());
        (void)fiber_wait(key_of(fiber_self()), until_us);
        for (nfds_t i = 0; i < count; i++)
            if (fds[i].fd >= 0)
                waiter_set(fds[i].fd, fiber_self(), NULL);
    }
}

/* ------------------------------------------------------------------ epoll, level-triggered */

WRAP(int, epoll_create1, int flags)
{
    if (fiber_self() == NULL)
        return __real_epoll_create1(flags);
    int fd = fiber_fd_new();
    node_of(fd)->watches = fy_alloc(WATCHES_MAX * sizeof(struct watch));
    return fd;
}

WRAP(int, epoll_ctl, int epoll_fd, int what, int fd, struct epoll_event *event)
{
    if (fiber_self() == NULL)
        return __real_epoll_ctl(epoll_fd, what, fd, event);
    struct node *node = node_of(epoll_fd);
    size_t at = 0;
    while (at < node->watch_count && node->watches[at].fd != fd)
        at++;
    FY_ASSERT((what == EPOLL_CTL_ADD) == (at == node->watch_count));
    FY_ASSERT(at < WATCHES_MAX);
    if (what == EPOLL_CTL_DEL) {
        node->watches[at] = node->watches[--node->watch_count];
        return 0;
    }
    if (what == EPOLL_CTL_ADD)
        node->watch_count++;
    node->watches[at] = (struct watch){.fd = fd, .event = *event};
    return 0;
}

static int epoll_look(const struct node *node, struct epoll_event *events, int capacity)
{
    int ready = 0;
    for (size_t i = 0; i < node->watch_count && ready < capacity; i++) {
        const struct watch *watch = &node->watches[i];
        if ((watch->event.events & EPOLLIN) == 0 || node_of(watch->fd)->count == 0)
            continue;
        events[ready] = watch->event;
        events[ready++].events = EPOLLIN;
    }
    return ready;
}

static void epoll_waiters(const struct node *node, struct fiber *from, struct fiber *to)
{
    for (size_t i = 0; i < node->watch_count; i++)
        if ((node->watches[i].event.events & EPOLLIN) != 0)
            waiter_set(node->watches[i].fd, from, to);
}

WRAP(int, epoll_wait, int epoll_fd, struct epoll_event *events, int capacity, int timeout_ms)
{
    if (fiber_self() == NULL)
        return __real_epoll_wait(epoll_fd, events, capacity, timeout_ms);
    const struct node *node = node_of(epoll_fd);
    int64_t until_us = deadline_of(timeout_ms);
    fiber_yield();
    for (;;) {
        int ready = epoll_look(node, events, capacity);
        if (ready > 0 || fiber_now_us() >= until_us)
            return ready;
        epoll_waiters(node, NULL, fiber_self());
        (void)fiber_wait(key_of(fiber_self()), until_us);
        epoll_waiters(node, fiber_self(), NULL);
    }
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
