/* publish_wait.h - a publish made and waited for, for threads that may block. */
#ifndef FY_RUNTIME_PUBLISH_WAIT_H
#define FY_RUNTIME_PUBLISH_WAIT_H

#include "common/ports/queue.h"

/* fy_queue_publish, then the wait for its outcome. accepted may be NULL. Errors: those of publish
 * and of its done. Thread: any but the queue's and event loops. */
FY_MUST_CHECK enum fy_code fy_publish_wait(struct fy_queue *queue, const struct fy_record *records,
                                           size_t count, size_t *accepted, struct fy_err *err);

#endif
