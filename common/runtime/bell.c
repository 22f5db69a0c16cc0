/* bell.c - an eventfd with manners. */
#include "common/runtime/bell.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum fy_code fy_bell_init(struct fy_bell *bell, struct fy_err *err)
{
    bell->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell->event_fd < 0)
        return fy_err_set(err, FY_EINTERNAL, "eventfd: %s", strerror(errno));
    return FY_OK;
}

void fy_bell_done(struct fy_bell *bell)
{
    if (bell->event_fd >= 0)
        (void)close(bell->event_fd); /* an eventfd has nothing to flush */
    bell->event_fd = -1;
}

void fy_bell_ring(struct fy_bell *bell)
{
    const uint64_t one = 1;
    (void)!write(bell->event_fd, &one, sizeof(one)); /* EAGAIN: it rings already */
}

bool fy_bell_wait(struct fy_bell *bell, int other_fd, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = bell->event_fd, .events = POLLIN},
                            {.fd = other_fd, .events = POLLIN}};
    (void)poll(fds, other_fd >= 0 ? 2 : 1, timeout_ms); /* EINTR: the caller loops */
    uint64_t rings;
    return read(bell->event_fd, &rings, sizeof(rings)) == sizeof(rings);
}
