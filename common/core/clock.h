/* clock.h - time as a port, so that tests and the simulator own it. */
#ifndef FY_CORE_CLOCK_H
#define FY_CORE_CLOCK_H

#include <time.h>

#include "common/core/base.h"
#include "common/core/err.h"

struct fy_clock {
    int64_t (*wall_ms)(struct fy_clock *self); /* ms since 1970 UTC; may jump */
    int64_t (*mono_ms)(struct fy_clock *self); /* ms since some start; never goes back */
};

/* The machine's clocks; static, never freed. Thread: any. */
struct fy_clock *fy_clock_system(void);

static inline int64_t fy_wall_ms(struct fy_clock *clock)
{
    return clock->wall_ms(clock);
}
static inline int64_t fy_mono_ms(struct fy_clock *clock)
{
    return clock->mono_ms(clock);
}
/* A time of fy_mono_ms of the machine's clock, as a condition of CLOCK_MONOTONIC waits for it. */
static inline struct timespec fy_mono_timespec(int64_t mono_ms)
{
    return (struct timespec){.tv_sec = mono_ms / 1000, .tv_nsec = mono_ms % 1000 * 1000000};
}

/* Instants as CCS writes them (spec 1.3): ISO-8601 UTC with Z, milliseconds, fraction omitted when
 * 0. "2024-02-21T11:27:52.867Z" needs FY_INSTANT_BYTES. */
#define FY_INSTANT_BYTES 32
void fy_instant_print(int64_t wall_ms, char text[static FY_INSTANT_BYTES]);
/* Takes 0-9 fraction digits (cut to ms) and Z or +hh:mm; FY_EINPUT otherwise. */
FY_MUST_CHECK enum fy_code fy_instant_parse(const char *text, int64_t *wall_ms);

#endif
