/* signals.h - what a process of Ferry does when it is told to stop, or dies of its own fault. */
#ifndef FY_CLI_SIGNALS_H
#define FY_CLI_SIGNALS_H

#include "common/runtime/bell.h"
#include "worker/worker.h"

/* SIGTERM and SIGINT ring the bell from now on; what a peer that went away or a file that may not
 * grow sends is an error code. bell is borrowed until fy_signals_ignore. Thread: main. */
void fy_signals_catch(struct fy_bell *bell);
/* A second signal asks for what is under way already, and its bell is about to go. */
void fy_signals_ignore(void);

/* When the process dies of its own fault the worker leaves a note; before it goes, unwatch. */
void fy_crashes_watch(struct fy_worker *worker);
void fy_crashes_unwatch(void);

#endif
