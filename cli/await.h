/* await.h - engines that are not there yet when a process starts. */
#ifndef FY_CLI_AWAIT_H
#define FY_CLI_AWAIT_H

#include "common/core/err.h"

/* Opens something, or asks whether it is open. FY_EBUSY: not yet, and the sentence why; nothing
 * stayed open. */
typedef enum fy_code fy_await_fn(void *arg, struct fy_err *err);

/*
 * Tries until it is no longer FY_EBUSY, with growing pauses, and says in the log what is waited
 * for: soon, and then every minute.
 *   what      borrowed; "catalogue"
 *   until_ms  monotonic of the machine (fy_await_until): the last try's error is given then
 * Errors: those of try; FY_ECANCELLED SIGTERM or SIGINT came, which then is spent. Blocks. Thread:
 * main, before it catches signals.
 */
FY_MUST_CHECK enum fy_code fy_await(const char *what, int64_t until_ms, fy_await_fn *try, void *arg,
                                    struct fy_err *err);
int64_t fy_await_until(int64_t wait_ms);

#endif
