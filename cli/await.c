/* await.c - engines that are not there yet when a process starts. */
#include "cli/await.h"

#include <signal.h>
#include <time.h>

#include "common/core/clock.h"
#include "common/core/log.h"

#define PAUSE_MS      50   /* first; doubled each time: a broker that is there answers in less */
#define PAUSE_MS_MAX  1000 /* longest: how late we may notice */
#define SAID_AFTER_MS 1000 /* what takes less is no news */
#define SAID_EVERY_MS 60000

static int64_t now_ms(void)
{
    return fy_mono_ms(fy_clock_system());
}

int64_t fy_await_until(int64_t wait_ms)
{
    return now_ms() + wait_ms;
}

/* true: a signal of the set came. Interrupted by another it only ends sooner. */
static bool pause_or_signal(const sigset_t *stops, int64_t pause_ms)
{
    const struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000};
    return sigtimedwait(stops, NULL, &pause) > 0;
}

struct waiting {
    const char *what;
    int64_t since_ms, said_ms; /* 0: not said yet */
};

static void say(struct waiting *waiting, int64_t until_ms, const struct fy_err *err)
{
    int64_t now = now_ms();
    bool due = waiting->said_ms == 0 ? now - waiting->since_ms >= SAID_AFTER_MS
                                     : now - waiting->said_ms >= SAID_EVERY_MS;
    if (!due)
        return;
    waiting->said_ms = now;
    fy_log(NULL, FY_WARN, "engine.awaited", fy_kv_str("engine", waiting->what),
           fy_kv_i64("left_ms", until_ms - now), fy_kv_err(err));
}

/* The signals are blocked: one that comes during a try is taken in the pause after it, and process
 * 1 of a container does not ignore them. */
static enum fy_code try_until(const sigset_t *stops, const char *what, int64_t until_ms,
                              fy_await_fn *try, void *arg, struct fy_err *err)
{
    struct waiting waiting = {.what = what, .since_ms = now_ms()};
    for (int64_t pause_ms = PAUSE_MS;; pause_ms = 2 * pause_ms) {
        struct fy_err failure = {0};
        enum fy_code code = try(arg, &failure);
        if (code == FY_OK && waiting.said_ms != 0)
            fy_log(NULL, FY_INFO, "engine.there", fy_kv_str("engine", what),
                   fy_kv_i64("waited_ms", now_ms() - waiting.since_ms));
        if (code == FY_OK)
            return FY_OK;
        if (code != FY_EBUSY || now_ms() >= until_ms)
            return fy_err_set(err, code, "%s", failure.text);
        say(&waiting, until_ms, &failure);
        if (pause_ms > PAUSE_MS_MAX)
            pause_ms = PAUSE_MS_MAX;
        if (pause_or_signal(stops, pause_ms))
            return fy_err_set(err, FY_ECANCELLED, "stopped while it waited for the %s: %s", what,
                              failure.text);
    }
}

enum fy_code fy_await(const char *what, int64_t until_ms, fy_await_fn *try, void *arg,
                      struct fy_err *err)
{
    sigset_t stops, before;
    (void)sigemptyset(&stops); /* none of these can fail with these arguments */
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &stops, &before);
    enum fy_code code = try_until(&stops, what, until_ms, try, arg, err);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}
