/* bell.h - "there may be work": rung by any thread, waited for by one. Rings between waits are one.
 */
#ifndef FY_RUNTIME_BELL_H
#define FY_RUNTIME_BELL_H

#include "common/core/err.h"

struct fy_bell {
    int event_fd;
};

FY_MUST_CHECK enum fy_code fy_bell_init(struct fy_bell *bell, struct fy_err *err);
void fy_bell_done(struct fy_bell *bell);
/* Thread: any; a signal handler too. Never blocks. */
void fy_bell_ring(struct fy_bell *bell);
/* Returns when it was rung, when other_fd (-1 none) is readable, or after timeout_ms; clears the
 * ring. true when it was rung. Thread: the owner. */
bool fy_bell_wait(struct fy_bell *bell, int other_fd, int timeout_ms);

#endif
