/* queue_numbers_test.c - what a queue counts of itself, and how it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/ports/queue.h"

static enum fy_code refuse_publish(struct fy_queue *self, const struct fy_record *records,
                                   size_t count, fy_publish_done_fn *done, void *arg,
                                   struct fy_err *err)
{
    (void)self, (void)records, (void)count, (void)done, (void)arg;
    return fy_err_set(err, FY_EFULL, "full");
}

static enum fy_code refuse_commit(struct fy_consumer *consumer,
                                  const struct fy_topic_partition *offsets, size_t count,
                                  struct fy_err *err)
{
    (void)consumer, (void)offsets, (void)count;
    return fy_err_set(err, FY_EBUSY, "away");
}

static const struct fy_queue_ops refusing = {
    .name = "refusing", .publish = refuse_publish, .consumer_commit = refuse_commit};

static void expect(struct fy_queue_numbers *numbers, const char *line, bool there)
{
    struct fy_buf text;
    fy_buf_init(&text, 8192);
    fy_queue_numbers_print(numbers, &text);
    assert_false(text.overflow);
    if ((strstr(text.bytes, line) != NULL) != there)
        fail_msg("%s%s\n%s", there ? "missing: " : "there: ", line, text.bytes);
    fy_buf_done(&text);
}

static void what_is_refused_is_counted_by_its_code(void **state)
{
    (void)state;
    struct fy_queue queue = {.ops = &refusing};
    const struct fy_record record = {.topic = "orders"};
    const struct fy_topic_partition offset = {.topic = "orders"};
    struct fy_err err = {0};
    expect(&queue.numbers, "ferry_publish_errors_total{", false);
    expect(&queue.numbers, "ferry_commit_errors_total{", false);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fy_queue_publish(&queue, &record, 1, NULL, NULL, &err), FY_EFULL);
    assert_int_equal(fy_consumer_commit(&queue, NULL, &offset, 1, &err), FY_EBUSY);
    expect(&queue.numbers, "\nferry_publish_errors_total{code=\"full\"} 2\n", true);
    expect(&queue.numbers, "\nferry_commit_errors_total{code=\"busy\"} 1\n", true);
    expect(&queue.numbers, "\nferry_publish_seconds_count 0\n", true);
}

static void publishes_are_counted_by_the_time_they_take(void **state)
{
    (void)state;
    struct fy_queue_numbers numbers = {.offset_gaps = 1, .offset_gap_orders = 5};
    int64_t now_us = fy_queue_numbers_now_us();
    fy_queue_published(&numbers, now_us, FY_OK);
    fy_queue_published(&numbers, now_us - 300000, FY_OK);
    fy_queue_published(&numbers, now_us - 3600 * INT64_C(1000000), FY_EBUSY);
    atomic_store(&numbers.publish_permille, 250);
    expect(&numbers, "\nferry_publish_seconds_bucket{le=\"0.1\"} 1\n", true);
    expect(&numbers, "\nferry_publish_seconds_bucket{le=\"10\"} 2\n", true);
    expect(&numbers, "\nferry_publish_seconds_bucket{le=\"+Inf\"} 3\n", true);
    expect(&numbers, "\nferry_publish_seconds_sum 3600.", true);
    expect(&numbers, "\nferry_publish_seconds_count 3\n", true);
    expect(&numbers, "\nferry_publish_errors_total{code=\"busy\"} 1\n", true);
    expect(&numbers, "\nferry_publish_queue_ratio 0.25\n", true);
    expect(&numbers, "\nferry_offset_gap_total 1\n", true);
    expect(&numbers, "\nferry_offset_gap_orders_total 5\n", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused_is_counted_by_its_code),
        cmocka_unit_test(publishes_are_counted_by_the_time_they_take),
    };
    return cmocka_run_group_tests_name("queue_numbers", tests, NULL, NULL);
}
