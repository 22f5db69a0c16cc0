/* breaker.h - when to stop asking a site that fails, and how to know that it is well (ENGINE 1.8).
 */
/* Pure; one thread. It opens at half failures of at least FY_BREAKER_OUTCOMES_MIN outcomes; while
 * it is open one probe at a time decides. */
#ifndef FY_WORKER_BREAKER_H
#define FY_WORKER_BREAKER_H

#include "common/core/err.h"

enum fy_breaker_state { FY_BREAKER_CLOSED, FY_BREAKER_OPEN, FY_BREAKER_HALF_OPEN };

struct fy_breaker {
    enum fy_breaker_state state;
    enum fy_reason reason; /* what opened it, NONE before the first time */
    int64_t probe_at_ms;   /* OPEN: when to probe next */
    int64_t pause_ms;      /* until the next probe; doubled by each that fails */
    int64_t closed_at_ms;
    /* This window and the one before. */
    int64_t window_ms; /* start of the present one */
    uint32_t good[2], bad[2];
};

void fy_breaker_init(struct fy_breaker *breaker);
/* A finished exchange with the site: reason NONE when the site did its part (404 and 403 are
 * answers), else the reason of class SITE. true: this opened it. */
bool fy_breaker_outcome(struct fy_breaker *breaker, enum fy_reason reason, int64_t now_ms);
/* true: probe now (the state is HALF_OPEN from here until fy_breaker_probed). */
bool fy_breaker_probe_due(struct fy_breaker *breaker, int64_t now_ms);
/* How the probe went. true: this closed it. */
bool fy_breaker_probed(struct fy_breaker *breaker, bool healed, int64_t now_ms);
/* The site asked to be left alone for so long: no probe before that. */
void fy_breaker_stay_away(struct fy_breaker *breaker, int64_t until_ms);
static inline bool fy_breaker_is_closed(const struct fy_breaker *breaker)
{
    return breaker->state == FY_BREAKER_CLOSED;
}

#endif
