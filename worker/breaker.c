/* breaker.c - two counting windows and one clock. */
#include "worker/breaker.h"

void fy_breaker_init(struct fy_breaker *breaker)
{
    *breaker = (struct fy_breaker){.state = FY_BREAKER_CLOSED, .pause_ms = FY_BREAKER_PROBE_MS};
}

static void forget(struct fy_breaker *breaker, int64_t now_ms)
{
    breaker->window_ms = now_ms;
    for (int i = 0; i < 2; i++)
        breaker->good[i] = breaker->bad[i] = 0;
}

/* Two windows, so that a burst over their border still counts together. */
static void turn_window(struct fy_breaker *breaker, int64_t now_ms)
{
    int64_t age_ms = now_ms - breaker->window_ms;
    if (age_ms < FY_BREAKER_WINDOW_MS)
        return;
    uint32_t good = breaker->good[0];
    uint32_t bad = breaker->bad[0];
    forget(breaker, now_ms);
    if (age_ms < 2LL * FY_BREAKER_WINDOW_MS) {
        breaker->good[1] = good;
        breaker->bad[1] = bad;
    }
}

bool fy_breaker_outcome(struct fy_breaker *breaker, enum fy_reason reason, int64_t now_ms)
{
    if (breaker->state != FY_BREAKER_CLOSED)
        return false; /* late news of calls that began before it opened; only the probe counts */
    turn_window(breaker, now_ms);
    if (reason == FY_REASON_NONE) {
        breaker->good[0]++;
        return false;
    }
    FY_ASSERT(fy_reason_class(reason) == FY_CLASS_SITE);
    breaker->bad[0]++;
    uint32_t good = breaker->good[0] + breaker->good[1];
    uint32_t bad = breaker->bad[0] + breaker->bad[1];
    if (good + bad < FY_BREAKER_OUTCOMES_MIN || bad < good)
        return false;
    /* A site that failed again right after it had healed is asked less and less often. */
    if (now_ms - breaker->closed_at_ms > FY_BREAKER_PROBE_MS_MAX)
        breaker->pause_ms = FY_BREAKER_PROBE_MS;
    breaker->state = FY_BREAKER_OPEN;
    breaker->reason = reason;
    breaker->probe_at_ms = now_ms + breaker->pause_ms;
    return true;
}

bool fy_breaker_probe_due(struct fy_breaker *breaker, int64_t now_ms)
{
    if (breaker->state != FY_BREAKER_OPEN || now_ms < breaker->probe_at_ms)
        return false;
    breaker->state = FY_BREAKER_HALF_OPEN;
    return true;
}

bool fy_breaker_probed(struct fy_breaker *breaker, bool healed, int64_t now_ms)
{
    FY_ASSERT(breaker->state == FY_BREAKER_HALF_OPEN);
    breaker->pause_ms *= 2;
    if (breaker->pause_ms > FY_BREAKER_PROBE_MS_MAX)
        breaker->pause_ms = FY_BREAKER_PROBE_MS_MAX;
    if (!healed) {
        breaker->state = FY_BREAKER_OPEN;
        breaker->probe_at_ms = now_ms + breaker->pause_ms;
        return false;
    }
    breaker->state = FY_BREAKER_CLOSED;
    breaker->closed_at_ms = now_ms;
    forget(breaker, now_ms);
    return true;
}

void fy_breaker_stay_away(struct fy_breaker *breaker, int64_t until_ms)
{
    if (breaker->state == FY_BREAKER_OPEN && breaker->probe_at_ms < until_ms)
        breaker->probe_at_ms = until_ms;
}
