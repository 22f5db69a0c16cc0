/* queue_sqlite.h - the queue port on one SQLite file (ENGINE 5). */
#ifndef FY_ADAPTERS_QUEUE_SQLITE_H
#define FY_ADAPTERS_QUEUE_SQLITE_H

#include "common/core/clock.h"
#include "common/ports/queue.h"

struct fy_queue_sqlite_settings {
    const char *path;
    struct fy_clock *clock;
    uint32_t partition_count; /* of topics made from now on; 1..FY_PARTITIONS_MAX */
    int64_t bytes_max;        /* file bytes; at it publish answers FY_EFULL. 0 = 4 GiB */
};
/*
 * Opens the queue's file, making it when absent. Beside it lie PATH.lock, held until close or
 * death, and SQLite's PATH-wal and PATH-shm. Starts the writer, the thread that calls done.
 *   path   borrowed; the clock outlives the queue
 *   queue  on FY_OK owned by the caller, who ends it with fy_queue_close; else left alone
 * Errors: FY_EEXISTS another process has the file; FY_EFULL no space to open it; FY_EBUSY another
 * program holds it; FY_EIO; FY_EINTERNAL schema too new. Thread: any.
 */
FY_MUST_CHECK enum fy_code fy_queue_sqlite_open(const struct fy_queue_sqlite_settings *settings,
                                                struct fy_queue **queue, struct fy_err *err);

#endif
