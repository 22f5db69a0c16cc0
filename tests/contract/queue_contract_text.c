/* queue_contract_text.c - a text beside each committed offset: kept, told, and never taken along.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/contract/queue_contract.h"
#include "tests/contract/queue_contract_text.h"

static void commit(struct queue_fixture *f, struct fy_consumer *consumer, int32_t partition,
                   int64_t offset, const char *text)
{
    struct fy_topic_partition next = {.partition = partition, .offset = offset, .text = text};
    struct fy_err err = {0};
    assert_true(fy_text_copy(next.topic, sizeof(next.topic), "orders"));
    assert_int_equal(fy_consumer_commit(f->queue, consumer, &next, 1, &err), FY_OK);
}

struct wanted {
    int32_t partition;
    int64_t offset;
    const char *text;
    bool seen;
};

static bool want_text(void *arg, const struct fy_partition_lag *lag)
{
    struct wanted *wanted = arg;
    if (lag->partition != wanted->partition)
        return true;
    wanted->seen = true;
    assert_int_equal(lag->committed_offset, wanted->offset);
    assert_string_equal(lag->text, wanted->text);
    return true;
}

static void want(struct queue_fixture *f, const char *group, int32_t partition, int64_t offset,
                 const char *text)
{
    struct wanted wanted = {.partition = partition, .offset = offset, .text = text};
    struct fy_err err = {0};
    assert_int_equal(fy_queue_lag(f->queue, group, "orders", want_text, &wanted, &err), FY_OK);
    assert_true(wanted.seen);
}

static void publish(struct queue_fixture *f)
{
    for (int i = 0; i < 5; i++)
        for (int32_t partition = 0; partition < 3; partition++)
            queue_publish_text(f->queue, "orders", partition, NULL, "x");
}

void what_is_kept_beside_an_offset_is_told_with_the_lag(void **state)
{
    struct queue_fixture *f = *state;
    char longest[FY_COMMIT_TEXT_BYTES_MAX + 1] = "";
    memset(longest, 'x', FY_COMMIT_TEXT_BYTES_MAX);
    publish(f);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    commit(f, consumer, 0, 2, "F1.-_09azAZ");
    commit(f, consumer, 1, 3, longest);
    commit(f, consumer, 2, 4, NULL);
    want(f, "worker", 0, 2, "F1.-_09azAZ");
    want(f, "worker", 1, 3, longest);
    want(f, "worker", 2, 4, "");
    want(f, "another", 0, 0, "");

    commit(f, consumer, 0, 2, "another of the same offset");
    want(f, "worker", 0, 2, "another of the same offset");
    commit(f, consumer, 1, 5, NULL);
    want(f, "worker", 1, 5, "");
    queue_consumer_close(f, consumer);

    queue_fixture_close(f);
    queue_fixture_open(f);
    want(f, "worker", 0, 2, "another of the same offset");
    want(f, "worker", 1, 5, "");
}

/* A map of one offset beside another would say that undone orders are done. */
void what_is_kept_is_never_committed_with_another_offset(void **state)
{
    struct queue_fixture *f = *state;
    struct fy_consumer_event event;
    publish(f);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    commit(f, consumer, 0, 2, "of two");
    queue_consumer_close(f, consumer);

    consumer = queue_consumer_open(f, "worker", "orders", &event);
    for (size_t i = 0; i < event.partition_count; i++)
        assert_null(event.partitions[i].text);
    want(f, "worker", 0, 2, "of two"); /* joining again leaves it where it was */
    commit(f, consumer, 1, 1, "of one");
    commit(f, consumer, 0, 4, NULL);
    want(f, "worker", 0, 4, "");
    queue_consumer_close(f, consumer); /* nor does leaving commit anything */
    want(f, "worker", 0, 4, "");
    want(f, "worker", 1, 1, "of one");
}

void each_publish_is_counted_with_its_outcome(void **state)
{
    struct queue_fixture *f = *state;
    struct fy_queue_numbers *numbers = &f->queue->numbers;
    const struct fy_record lost = {.topic = "no-such", .partition = -1};
    int64_t count = 0;
    publish(f);
    assert_int_equal(queue_publish_wait(f->queue, &lost, 1), FY_ENOTFOUND);
    assert_int_equal(atomic_load(&numbers->publish_errors[FY_ENOTFOUND]), 1);
    for (size_t i = 0; i < FY_PUBLISH_BUCKETS; i++)
        count += atomic_load(&numbers->publish_buckets[i]);
    assert_int_equal(count, 15); /* those that were taken */
    assert_true(atomic_load(&numbers->publish_sum_us) > 0);
    for (enum fy_code code = FY_OK; code < FY_CODE_COUNT; code++)
        assert_int_equal(atomic_load(&numbers->publish_errors[code]), code == FY_ENOTFOUND);
}
