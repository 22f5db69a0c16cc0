/* running.h - which orders were running when the process died, and how often (ENGINE 1.10). */
/*
 * An order that kills every worker that touches it would be delivered again and again. So a small
 * file in the data folder, mapped into memory, names the orders that run; what it holds survives
 * the process in the page cache and need not survive the machine. The next process counts a death
 * for each that was running, in a file that all workers of the folder share (suspects.h). After
 * FY_SUSPECT_DEATHS of them that were a process's own fault an order is a suspect and runs alone;
 * if the process crashes meanwhile, the order is the culprit.
 *
 * A process that was killed from outside says little about its orders: then it takes
 * FY_SUSPECT_KILLS deaths for either, since the kernel kills so, too, when memory is short.
 */
#ifndef FY_WORKER_RUNNING_H
#define FY_WORKER_RUNNING_H

#include "common/core/err.h"

struct fy_running;

enum fy_suspicion {
    FY_UNSUSPECTED,
    FY_SUSPECT,            /* to be run alone */
    FY_CULPRIT,            /* dead, but it can be read */
    FY_CULPRIT_UNREADABLE, /* dead: reading it is what kills */
};

/*
 * Opens the first file that no living process has (running, running.1, ...), making it when absent,
 * and counts the deaths of what was running there and in other files that no living process has. A
 * file of another version, cut short or full of nonsense is begun anew.
 *   folder  borrowed until it returns
 * Errors: FY_EBUSY all FY_RUNNING_FILES are in use; FY_EINPUT; FY_EIO; FY_ENOSPACE.
 * All functions below accept NULL and then remember nothing. Thread: one, but for
 * fy_running_crashed.
 */
FY_MUST_CHECK enum fy_code fy_running_open(const char *folder, struct fy_running **running,
                                           struct fy_err *err);
/* clean: the process ends as it should; if no other of the folder lives, nobody is suspected of
 * anything any more. */
void fy_running_close(struct fy_running *running, bool clean);
/* Orders may have come that another worker had: counts the deaths of the folder's dead ones. A few
 * system calls for each. */
void fy_running_look(struct fy_running *running);
/* The process is about to die of its own fault. May be called by a signal handler. */
void fy_running_crashed(struct fy_running *running);

/* What names an order over restarts: the place of its record, or its row and stamp; never 0. */
uint64_t fy_running_identity(uint64_t a, uint64_t b, uint64_t c);
enum fy_suspicion fy_running_ask(const struct fy_running *running, uint64_t identity);
uint32_t fy_running_deaths(const struct fy_running *running, uint64_t identity);
/* Orders with a death to their name, whoever died of them. */
size_t fy_running_suspects(const struct fy_running *running);

/* A record is being read; one at a time. */
void fy_running_read_begin(struct fy_running *running, uint64_t identity);
void fy_running_read_end(struct fy_running *running);
/* An order runs; returns its slot, for the functions below. */
uint32_t fy_running_begin(struct fy_running *running, uint64_t identity, bool alone);
void fy_running_join(struct fy_running *running, uint32_t slot); /* it is not alone any more */
void fy_running_end(struct fy_running *running, uint32_t slot);
/* The order is done with, whatever became of it: its deaths are forgotten. */
void fy_running_forget(struct fy_running *running, uint64_t identity);

#endif
