/* suspects.h - how often each order was running when a worker died (ENGINE 1.10). */
/*
 * A file that all workers of a data folder have mapped, so that an order that kills each of them in
 * turn is found out as soon as one that kills the same one again and again. What two processes
 * write in one instant may be lost or, where the file is full, count for another order once.
 */
#ifndef FY_WORKER_SUSPECTS_H
#define FY_WORKER_SUSPECTS_H

#include "common/core/err.h"

struct fy_suspects;

/* Each counts to UINT8_MAX and no further. */
struct fy_deaths {
    uint8_t all;     /* while the order ran or was being read */
    uint8_t crashes; /* of these, the process's own fault */
    uint8_t alone;   /* of these, while nothing else ran */
    uint8_t reading; /* of these, while it was being read */
    uint8_t culprit; /* 1: the last one alone was the process's own fault */
    uint8_t reserved[3];
};

/*
 * Opens the folder's file, making it when absent. One of another version, cut short or full of
 * nonsense is begun anew.
 *   folder  borrowed until it returns
 * Errors: FY_EINPUT the path is too long; FY_EIO; FY_ENOSPACE. Thread of all functions: any, one at
 * a time.
 */
FY_MUST_CHECK enum fy_code fy_suspects_open(const char *folder, struct fy_suspects **suspects,
                                            struct fy_err *err);
void fy_suspects_close(struct fy_suspects *suspects); /* accepts NULL */

/* identity: of an order, never 0. All zero for one that has died of nothing. */
struct fy_deaths fy_suspects_of(struct fy_suspects *suspects, uint64_t identity);
/* One more death: each of its counts is 0 or 1. Where there is no room, of those beside it the one
 * that has died least is forgotten. */
void fy_suspects_add(struct fy_suspects *suspects, uint64_t identity, struct fy_deaths death);
void fy_suspects_forget(struct fy_suspects *suspects, uint64_t identity);
void fy_suspects_clear(struct fy_suspects *suspects);
size_t fy_suspects_count(struct fy_suspects *suspects);

#endif
