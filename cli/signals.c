/* signals.c - signals only ring a bell, or leave a note. */
#include "cli/signals.h"

#include <signal.h>

/* One process has one of each: a handler gets no argument of ours. */
static struct fy_bell *signal_bell;
static struct fy_worker *crash_worker;

/* The signals a process ends itself with, by its own fault. */
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static struct sigaction crash_before[FY_COUNT_OF(crash_signals)];

static void on_signal(int number)
{
    (void)number;
    fy_bell_ring(signal_bell);
}

void fy_signals_catch(struct fy_bell *bell)
{
    signal_bell = bell;
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL); /* a peer that went away is an error code */
    (void)sigaction(SIGXFSZ, &action, NULL); /* and so is a file that may not grow */
}

void fy_signals_ignore(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
}

/* Leaves the note, then lets happen what would have: the same instruction faults once more. Only a
 * signal that was sent has to be sent again. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    fy_worker_crashed(crash_worker);
    for (size_t i = 0; i < FY_COUNT_OF(crash_signals); i++)
        (void)sigaction(crash_signals[i], &crash_before[i], NULL);
    if (info->si_code <= 0)
        (void)raise(number);
}

void fy_crashes_watch(struct fy_worker *worker)
{
    crash_worker = worker;
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (size_t i = 0; i < FY_COUNT_OF(crash_signals); i++)
        (void)sigaction(crash_signals[i], &action, &crash_before[i]);
}

void fy_crashes_unwatch(void)
{
    for (size_t i = 0; crash_worker != NULL && i < FY_COUNT_OF(crash_signals); i++)
        (void)sigaction(crash_signals[i], &crash_before[i], NULL);
    crash_worker = NULL;
}
