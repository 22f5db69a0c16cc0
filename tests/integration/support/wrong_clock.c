/* wrong_clock.c - preloaded into a process, its wall clock is wrong by WRONG_CLOCK_S seconds.
 *
 * Whoever asks clock_gettime gets the wrong time. Waits until a moment of the wall clock stay
 * right, for librdkafka takes that moment from timespec_get: with libfaketime, which changes that
 * too but not the wait itself, it spins.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long failed = syscall(SYS_clock_gettime, clock, now);
    const char *wrong = clock == CLOCK_REALTIME ? getenv("WRONG_CLOCK_S") : NULL;
    if (failed == 0 && wrong != NULL)
        now->tv_sec += atol(wrong);
    return (int)failed;
}
