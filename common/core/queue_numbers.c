/* queue_numbers.c - the names of a queue's numbers, and how they are printed. */
#include "common/core/queue_numbers.h"

#include <inttypes.h>
#include <time.h>

/* Upper bounds in microseconds; the last bucket takes the rest. */
static const int64_t bucket_us[FY_PUBLISH_BUCKETS - 1] = {1000,   5000,    20000,   100000,
                                                          500000, 2500000, 10000000};

int64_t fy_queue_numbers_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

void fy_queue_published(struct fy_queue_numbers *numbers, int64_t since_us, enum fy_code code)
{
    int64_t us = fy_queue_numbers_now_us() - since_us;
    size_t bucket = 0;
    while (bucket < FY_COUNT_OF(bucket_us) && us > bucket_us[bucket])
        bucket++;
    atomic_fetch_add_explicit(&numbers->publish_buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&numbers->publish_sum_us, us, memory_order_relaxed);
    if (code != FY_OK)
        atomic_fetch_add_explicit(&numbers->publish_errors[code], 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------ printing */

static void head(struct fy_buf *buf, const char *name, const char *type, const char *help)
{
    fy_buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_seconds(struct fy_queue_numbers *numbers, struct fy_buf *buf)
{
    int64_t count = 0;
    head(buf, "ferry_publish_seconds", "histogram",
         "Time until what was published is safe, or has failed.");
    for (size_t i = 0; i < FY_PUBLISH_BUCKETS; i++) {
        count += atomic_load_explicit(&numbers->publish_buckets[i], memory_order_relaxed);
        if (i < FY_COUNT_OF(bucket_us))
            fy_buf_printf(buf, "ferry_publish_seconds_bucket{le=\"%g\"} %" PRId64 "\n",
                          (double)bucket_us[i] / 1e6, count);
    }
    fy_buf_printf(buf, "ferry_publish_seconds_bucket{le=\"+Inf\"} %" PRId64 "\n", count);
    fy_buf_printf(buf, "ferry_publish_seconds_sum %g\n",
                  (double)atomic_load_explicit(&numbers->publish_sum_us, memory_order_relaxed) /
                      1e6);
    fy_buf_printf(buf, "ferry_publish_seconds_count %" PRId64 "\n", count);
}

static void print_errors(_Atomic int64_t errors[static FY_CODE_COUNT], struct fy_buf *buf,
                         const char *name, const char *help)
{
    head(buf, name, "counter", help);
    for (int code = 1; code < FY_CODE_COUNT; code++) {
        int64_t count = atomic_load_explicit(&errors[code], memory_order_relaxed);
        if (count > 0)
            fy_buf_printf(buf, "%s{code=\"%s\"} %" PRId64 "\n", name,
                          fy_code_name((enum fy_code)code), count);
    }
}

static void print_count(_Atomic int64_t *count, struct fy_buf *buf, const char *name,
                        const char *help)
{
    head(buf, name, "counter", help);
    fy_buf_printf(buf, "%s %" PRId64 "\n", name, atomic_load_explicit(count, memory_order_relaxed));
}

void fy_queue_numbers_print(struct fy_queue_numbers *numbers, struct fy_buf *buf)
{
    print_seconds(numbers, buf);
    head(buf, "ferry_publish_queue_ratio", "gauge",
         "How much waits to be safe, of what may; at 1 orders are refused.");
    fy_buf_printf(buf, "ferry_publish_queue_ratio %g\n",
                  (double)atomic_load_explicit(&numbers->publish_permille, memory_order_relaxed) /
                      1000);
    print_errors(numbers->publish_errors, buf, "ferry_publish_errors_total",
                 "What was published and refused, or not safe in time.");
    print_errors(numbers->commit_errors, buf, "ferry_commit_errors_total",
                 "Commits of offsets that failed; they are repeated.");
    print_count(&numbers->offset_gaps, buf, "ferry_offset_gap_total",
                "Times that orders were gone before they were read; an alarm.");
    print_count(&numbers->offset_gap_orders, buf, "ferry_offset_gap_orders_total",
                "Offsets in those gaps.");
}
