/* queue_numbers.h - what a queue counts of itself, whichever it is, in Prometheus' text format. */
#ifndef FY_CORE_QUEUE_NUMBERS_H
#define FY_CORE_QUEUE_NUMBERS_H

#include <stdatomic.h>

#include "common/core/buf.h"
#include "common/core/err.h"

#define FY_PUBLISH_BUCKETS 8 /* of seconds until a publish is safe */

/* All zero to begin with. Any thread, without a lock. */
struct fy_queue_numbers {
    _Atomic int64_t publish_buckets[FY_PUBLISH_BUCKETS];
    _Atomic int64_t publish_sum_us;
    _Atomic int64_t publish_errors[FY_CODE_COUNT]; /* refused, or failed later */
    _Atomic int64_t publish_permille;              /* of what may wait to be safe */
    _Atomic int64_t commit_errors[FY_CODE_COUNT];
    _Atomic int64_t offset_gaps; /* times; each is orders that nobody has done */
    _Atomic int64_t offset_gap_orders;
};

/* A publish has its outcome. since_us: fy_queue_numbers_now_us when it was taken. */
void fy_queue_published(struct fy_queue_numbers *numbers, int64_t since_us, enum fy_code code);
/* Microseconds of the machine's monotonic clock: the queue's own may stand still in tests. */
int64_t fy_queue_numbers_now_us(void);
/* With # HELP and # TYPE lines; errors only of codes that came. */
void fy_queue_numbers_print(struct fy_queue_numbers *numbers, struct fy_buf *buf);

#endif
