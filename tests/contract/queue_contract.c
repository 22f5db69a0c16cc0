/* queue_contract.c - the suite: publishing, reading, groups, lag and trimming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/order.h"
#include "tests/contract/queue_contract.h"
#include "tests/contract/queue_contract_load.h"
#include "tests/contract/queue_contract_text.h"

#define KEYS_COUNT    7
#define RECORDS_COUNT 700

static struct queue_fixture *fixture_from(void **state)
{
    return *state;
}

static int fixture_setup(void **state)
{
    struct queue_fixture *fixture = queue_fixture_new(*state);
    queue_fixture_open(fixture);
    queue_fixture_topic(fixture, "orders");
    *state = fixture;
    return 0;
}

static int fixture_teardown(void **state)
{
    queue_fixture_free(fixture_from(state));
    return 0;
}

/* Publishing and reading. */

struct key_order {
    long last[KEYS_COUNT];
    bool broken;
};

/* Values are "key number"; the numbers of a key only grow, in the partition Java would choose. */
static bool check_key_order(void *arg, const struct fy_record *record)
{
    struct key_order *order = arg;
    char text[32] = "";
    memcpy(text, record->value, record->value_bytes);
    char *rest = NULL;
    long key = strtol(text, &rest, 10);
    long number = strtol(rest, NULL, 10);
    uint32_t partition =
        fy_murmur2_partition(record->key, record->key_bytes, QUEUE_CONTRACT_PARTITIONS);
    order->broken |= number <= order->last[key] || record->partition != (int32_t)partition;
    order->last[key] = number;
    return true;
}

/* Orders of one object must reach the worker in the order in which they were given. */
static void records_of_one_key_keep_their_order_in_the_partition_of_the_key(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    char keys[RECORDS_COUNT][16];
    char values[RECORDS_COUNT][32];
    struct fy_record records[RECORDS_COUNT];
    for (int i = 0; i < RECORDS_COUNT; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "key-%d", i % KEYS_COUNT);
        (void)snprintf(values[i], sizeof(values[i]), "%d %d", i % KEYS_COUNT, i + 1);
        records[i] = (struct fy_record){.topic = "orders",
                                        .partition = -1,
                                        .key = keys[i],
                                        .key_bytes = strlen(keys[i]),
                                        .value = values[i],
                                        .value_bytes = strlen(values[i])};
    }
    for (size_t i = 0; i < RECORDS_COUNT; i += 100)
        assert_int_equal(queue_publish_wait(f->queue, &records[i], 100), FY_OK);

    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    struct key_order order = {0};
    queue_consumer_read(f, consumer, "orders", RECORDS_COUNT, check_key_order, &order);
    assert_false(order.broken);
    queue_consumer_close(f, consumer);
}

static bool check_whole_record(void *arg, const struct fy_record *record)
{
    bool *seen = arg;
    *seen = true;
    assert_string_equal(record->topic, "orders");
    assert_int_equal(record->partition, 2);
    assert_int_equal(record->offset, 0);
    assert_int_equal(record->timestamp_ms, 12345);
    assert_int_equal(record->key_bytes, 4);
    assert_memory_equal(record->key, "a\0b\xff", 4);
    assert_int_equal(record->value_bytes, 5);
    assert_memory_equal(record->value, "va\0ue", 5);
    assert_int_equal(record->header_count, 3);
    assert_string_equal(record->headers[0].name, "x-ferry-stamp");
    assert_int_equal(record->headers[0].value_bytes, 3);
    assert_memory_equal(record->headers[0].value, "1\0@", 3);
    assert_string_equal(record->headers[1].name, "empty");
    assert_non_null(record->headers[1].value);
    assert_int_equal(record->headers[1].value_bytes, 0);
    assert_string_equal(record->headers[2].name, "absent");
    assert_null(record->headers[2].value);
    return true;
}

static void a_record_comes_back_byte_for_byte_with_its_headers(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    const struct fy_header headers[] = {
        {"x-ferry-stamp", "1\0@", 3}, {"empty", "", 0}, {"absent", NULL, 0}};
    const struct fy_record record = {.topic = "orders",
                                     .partition = 2,
                                     .timestamp_ms = 12345,
                                     .key = "a\0b\xff",
                                     .key_bytes = 4,
                                     .value = "va\0ue",
                                     .value_bytes = 5,
                                     .headers = headers,
                                     .header_count = 3};
    assert_int_equal(queue_publish_wait(f->queue, &record, 1), FY_OK);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    bool seen = false;
    queue_consumer_read(f, consumer, "orders", 1, check_whole_record, &seen);
    assert_true(seen);
    queue_consumer_close(f, consumer);
}

static bool check_bare_record(void *arg, const struct fy_record *record)
{
    const struct queue_fixture *f = arg;
    assert_null(record->key);
    assert_int_equal(record->key_bytes, 0);
    assert_int_equal(record->header_count, 0);
    assert_int_equal(record->timestamp_ms, f->clock.wall_ms);
    assert_int_equal(record->value_bytes, 0);
    if (record->partition == 0)
        assert_null(record->value); /* Kafka's tombstone */
    else
        assert_non_null(record->value);
    return true;
}

static void absent_key_value_and_time_are_told_from_empty_ones(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    const struct fy_record records[] = {{.topic = "orders", .partition = 0},
                                        {.topic = "orders", .partition = 1, .value = ""}};
    assert_int_equal(queue_publish_wait(f->queue, records, 2), FY_OK);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_read(f, consumer, "orders", 2, check_bare_record, f);
    queue_consumer_close(f, consumer);
}

static void records_without_key_are_spread_over_the_partitions(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    for (int i = 0; i < 3 * QUEUE_CONTRACT_PARTITIONS; i++)
        queue_publish_text(f->queue, "orders", -1, NULL, "x");
    for (int32_t i = 0; i < QUEUE_CONTRACT_PARTITIONS; i++)
        assert_int_equal(queue_lag_of(f->queue, "worker", "orders", i).end_offset, 3);
}

static void one_publish_may_name_several_topics(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    queue_fixture_topic(f, "to-b");
    queue_fixture_topic(f, "to-c");
    const struct fy_record records[] = {
        {.topic = "to-b", .partition = 1, .value = "b", .value_bytes = 1},
        {.topic = "to-c", .partition = 1, .value = "c", .value_bytes = 1},
        {.topic = "to-b", .partition = 1, .value = "b", .value_bytes = 1}};
    assert_int_equal(queue_publish_wait(f->queue, records, 3), FY_OK);
    assert_int_equal(queue_lag_of(f->queue, "g", "to-b", 1).end_offset, 2);
    assert_int_equal(queue_lag_of(f->queue, "g", "to-c", 1).end_offset, 1);
    assert_int_equal(queue_lag_of(f->queue, "g", "orders", 1).end_offset, 0);
}

static void the_largest_publish_is_taken_as_one(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    struct fy_record *records = fy_alloc(FY_PUBLISH_MAX * sizeof(*records));
    for (size_t i = 0; i < FY_PUBLISH_MAX; i++)
        records[i] = (struct fy_record){
            .topic = "orders", .partition = 3, .value = "0123456789", .value_bytes = 10};
    assert_int_equal(queue_publish_wait(f->queue, records, FY_PUBLISH_MAX), FY_OK);
    assert_int_equal(queue_lag_of(f->queue, "g", "orders", 3).end_offset, FY_PUBLISH_MAX);
    free(records);
}

static bool check_longest_record(void *arg, const struct fy_record *record)
{
    (void)arg;
    assert_int_equal(record->value_bytes, FY_RECORD_BYTES_MAX);
    return true;
}

static void the_longest_record_is_taken_and_a_longer_one_refused(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    char *bytes = fy_alloc(FY_RECORD_BYTES_MAX + 1);
    const struct fy_header header = {"ferry-dlq-detail", "a copy has headers", 18};
    struct fy_record record = {.topic = "orders",
                               .partition = 0,
                               .value = bytes,
                               .value_bytes = FY_RECORD_BYTES_MAX + 1,
                               .headers = &header,
                               .header_count = 1};
    for (size_t i = 0; i < FY_RECORD_BYTES_MAX; i++)
        bytes[i] = (char)(i * 2654435761u >> 13); /* hardly compressible */
    assert_int_equal(queue_publish_wait(f->queue, &record, 1), FY_ETOOBIG);
    record.value_bytes = FY_RECORD_BYTES_MAX;
    assert_int_equal(queue_publish_wait(f->queue, &record, 1), FY_OK);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_read(f, consumer, "orders", 1, check_longest_record, NULL);
    queue_consumer_close(f, consumer);
    free(bytes);
}

static void a_publish_to_a_topic_that_is_not_there_is_refused_whole(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    const struct fy_record records[] = {{.topic = "orders", .partition = 0},
                                        {.topic = "no-such", .partition = 0}};
    assert_int_equal(queue_publish_wait(f->queue, records, 2), FY_ENOTFOUND);
    assert_int_equal(queue_lag_of(f->queue, "g", "orders", 0).end_offset, 0);
}

static void making_a_topic_again_changes_nothing(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    queue_publish_text(f->queue, "orders", 1, NULL, "x");
    queue_fixture_topic(f, "orders");
    assert_int_equal(queue_lag_of(f->queue, "g", "orders", 1).end_offset, 1);
}

/* close() is asked while publishes wait: each still gets its answer, and what was safe is there. */
static void closing_answers_every_publish_first(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    enum { COUNT = 500 };
    struct queue_outcome *outcomes = fy_alloc(COUNT * sizeof(*outcomes));
    const struct fy_record record = {.topic = "orders", .partition = 0};
    struct fy_err err = {0};
    for (size_t i = 0; i < COUNT; i++) {
        queue_outcome_init(&outcomes[i]);
        assert_int_equal(
            fy_queue_publish(f->queue, &record, 1, queue_outcome_done, &outcomes[i], &err), FY_OK);
    }
    queue_fixture_close(f);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(atomic_load(&outcomes[i].calls_count), 1);
        assert_int_equal(outcomes[i].code, FY_OK);
        (void)sem_destroy(&outcomes[i].done); /* nobody waits */
    }
    free(outcomes);
    queue_fixture_open(f);
    assert_int_equal(queue_lag_of(f->queue, "g", "orders", 0).end_offset, COUNT);
}

/* Consumers. */

struct refusal {
    int64_t stop_at;
    bool refused;
};

static bool refuse_at(void *arg, const struct fy_record *record)
{
    struct refusal *refusal = arg;
    refusal->refused |= record->offset == refusal->stop_at;
    assert_in_range(record->offset, 0, refusal->stop_at);
    return record->offset < refusal->stop_at;
}

static bool want_offset(void *arg, const struct fy_record *record)
{
    int64_t *wanted = arg;
    assert_int_equal(record->offset, *wanted);
    ++*wanted;
    return true;
}

/* The engine has no permits left in the middle of a poll: what it did not take comes again. */
static void a_record_that_visit_refuses_is_given_again(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    struct fy_err err = {0};
    for (int i = 0; i < 10; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    for (int64_t stop_at = 4; stop_at <= 6; stop_at += 2) {
        struct refusal refusal = {.stop_at = stop_at};
        while (!refusal.refused) {
            assert_true(queue_consumer_readable(f->queue, consumer, QUEUE_CONTRACT_WAIT_MS));
            assert_int_equal(
                fy_consumer_poll(f->queue, consumer, "orders", 0, 100, refuse_at, &refusal, &err),
                FY_OK);
        }
        assert_true(queue_consumer_readable(f->queue, consumer, 0));
    }
    int64_t wanted = 6;
    queue_consumer_read(f, consumer, "orders", 4, want_offset, &wanted);
    queue_consumer_close(f, consumer);
}

static void a_poll_gives_no_more_than_was_asked_for(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    struct fy_err err = {0};
    for (int i = 0; i < 10; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    int64_t wanted = 0;
    while (wanted < 10) {
        int64_t before = wanted;
        assert_true(queue_consumer_readable(f->queue, consumer, QUEUE_CONTRACT_WAIT_MS));
        assert_int_equal(
            fy_consumer_poll(f->queue, consumer, "orders", 0, 3, want_offset, &wanted, &err),
            FY_OK);
        assert_in_range(wanted - before, 0, 3);
    }
    queue_consumer_close(f, consumer);
}

static void a_partition_that_is_not_polled_holds_no_other_back(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    for (int i = 0; i < 50; i++)
        queue_publish_text(f->queue, "orders", i % 2, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    int64_t wanted = 0;
    for (int round = 0; round < 3; round++) {
        queue_consumer_read_partition(f, consumer, "orders", 1, round == 0 ? 25 : 1, want_offset,
                                      &wanted);
        queue_publish_text(f->queue, "orders", 1, NULL, "x");
    }
    wanted = 0;
    queue_consumer_read_partition(f, consumer, "orders", 0, 25, want_offset, &wanted);
    queue_consumer_close(f, consumer);
}

/* The worker dies with work in hand: what it had not committed is delivered again. */
static void a_new_consumer_goes_on_at_the_committed_offset(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    for (int i = 0; i < 10; i++)
        queue_publish_text(f->queue, "orders", 2, NULL, "x");
    struct fy_consumer_event event;
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", &event);
    assert_int_equal(event.partitions[2].offset, 0);
    queue_consumer_read(f, consumer, "orders", 10, NULL, NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 2, 7);
    queue_consumer_close(f, consumer);
    queue_fixture_close(f);
    queue_fixture_open(f);

    consumer = queue_consumer_open(f, "worker", "orders", &event);
    assert_string_equal(event.partitions[2].topic, "orders");
    assert_int_equal(event.partitions[2].partition, 2);
    assert_int_equal(event.partitions[2].offset, 7);
    int64_t wanted = 7;
    queue_consumer_read(f, consumer, "orders", 3, want_offset, &wanted);
    queue_consumer_close(f, consumer);
}

static void each_group_reads_for_itself(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    for (int i = 0; i < 5; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *a = queue_consumer_open(f, "a", "orders", NULL);
    struct fy_consumer *b = queue_consumer_open(f, "b", "orders", NULL);
    queue_consumer_read(f, a, "orders", 5, NULL, NULL);
    queue_consumer_commit(f->queue, a, "orders", 0, 5);
    queue_consumer_read(f, b, "orders", 5, NULL, NULL);
    assert_int_equal(queue_lag_of(f->queue, "b", "orders", 0).committed_offset, 0);
    queue_consumer_close(f, a);
    queue_consumer_close(f, b);
}

static void a_consumer_may_read_several_topics(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    queue_fixture_topic(f, "retries");
    const char *topics[] = {"orders", "retries"};
    struct fy_consumer *consumer = NULL;
    struct fy_consumer_event event;
    struct fy_err err = {0};
    assert_int_equal(fy_consumer_open(f->queue, "g", topics, 2, &consumer, &err), FY_OK);
    queue_consumer_await(f, consumer, FY_CONSUMER_ASSIGN, &event);
    assert_int_equal(event.partition_count, 2 * QUEUE_CONTRACT_PARTITIONS);
    queue_publish_text(f->queue, "retries", 1, NULL, "x");
    queue_consumer_read_partition(f, consumer, "retries", 1, 1, NULL, NULL);
    queue_publish_text(f->queue, "orders", 2, NULL, "x");
    queue_consumer_read_partition(f, consumer, "orders", 2, 1, NULL, NULL);
    fy_consumer_close(f->queue, consumer);
}

static void a_consumer_of_a_topic_that_is_not_there_is_refused(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    const char *topics[] = {"orders", "no-such"};
    struct fy_consumer *consumer = NULL;
    struct fy_err err = {0};
    assert_int_equal(fy_consumer_open(f->queue, "g", topics, 2, &consumer, &err), FY_ENOTFOUND);
    assert_null(consumer);
    assert_string_not_equal(err.text, "");
}

static void the_descriptor_is_readable_while_anything_may_wait(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_read(f, consumer, "orders", 0, NULL, NULL);

    queue_publish_text(f->queue, "orders", 0, NULL, "x");
    queue_publish_text(f->queue, "orders", 3, NULL, "x");
    assert_true(queue_consumer_readable(f->queue, consumer, QUEUE_CONTRACT_WAIT_MS));
    queue_consumer_read_partition(f, consumer, "orders", 0, 1, NULL, NULL);
    assert_true(queue_consumer_readable(f->queue, consumer, QUEUE_CONTRACT_WAIT_MS)); /* 3 has */
    queue_consumer_read(f, consumer, "orders", 1, NULL, NULL);
    queue_consumer_close(f, consumer);
}

/* Lag and trimming. */

static void lag_tells_where_a_group_stands_and_since_when(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    int64_t first_ms = f->clock.wall_ms;
    for (int i = 0; i < 5; i++) {
        queue_publish_text(f->queue, "orders", 1, NULL, "x");
        f->clock.wall_ms += 1000;
    }
    struct fy_partition_lag lag = queue_lag_of(f->queue, "worker", "orders", 1);
    assert_int_equal(lag.start_offset, 0);
    assert_int_equal(lag.end_offset, 5);
    assert_int_equal(lag.committed_offset, 0);
    assert_int_equal(lag.oldest_ms, first_ms);

    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 1, 3);
    lag = queue_lag_of(f->queue, "worker", "orders", 1);
    assert_int_equal(lag.committed_offset, 3);
    assert_int_equal(lag.oldest_ms, first_ms + 3000);
    queue_consumer_commit(f->queue, consumer, "orders", 1, 5);
    lag = queue_lag_of(f->queue, "worker", "orders", 1);
    assert_int_equal(lag.committed_offset, 5);
    assert_int_equal(lag.oldest_ms, 0);
    queue_consumer_close(f, consumer);
}

static bool lag_never(void *arg, const struct fy_partition_lag *lag)
{
    (void)arg;
    (void)lag;
    fail();
    return false;
}

static void lag_of_a_topic_that_is_not_there_is_an_error(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    struct fy_err err = {0};
    assert_int_equal(fy_queue_lag(f->queue, "g", "no-such", lag_never, NULL, &err), FY_ENOTFOUND);
}

static void trim(struct queue_fixture *f, int64_t older_than_ms)
{
    struct fy_err err = {0};
    assert_int_equal(fy_queue_trim(f->queue, older_than_ms, &err), FY_OK);
}

static void trimming_removes_what_is_done_and_old_and_nothing_else(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    int64_t first_ms = f->clock.wall_ms;
    for (int i = 0; i < 10; i++) {
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
        queue_publish_text(f->queue, "orders", 1, NULL, "x");
        f->clock.wall_ms += 1000;
    }
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 0, 8);
    trim(f, first_ms + 5000); /* records 0 to 4 are older */
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).start_offset, 5);
    trim(f, first_ms + 1000000);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).start_offset, 8);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).end_offset, 10);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 1).start_offset, 0);
    queue_consumer_close(f, consumer);

    queue_fixture_close(f);
    queue_fixture_open(f);
    assert_int_equal(queue_lag_of(f->queue, "new", "orders", 0).start_offset, 8);
    assert_int_equal(queue_lag_of(f->queue, "new", "orders", 0).committed_offset, 8);
    consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_read(f, consumer, "orders", 12, NULL, NULL);
    queue_consumer_close(f, consumer);
}

static void a_topic_no_group_has_committed_on_is_kept_whole(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    queue_publish_text(f->queue, "orders", 0, NULL, "x");
    trim(f, INT64_MAX - 1);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).start_offset, 0);
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    trim(f, INT64_MAX - 1);
    queue_consumer_read(f, consumer, "orders", 1, NULL, NULL);
    trim(f, INT64_MAX - 1);
    assert_int_equal(queue_lag_of(f->queue, "worker", "orders", 0).start_offset, 0);
    queue_consumer_close(f, consumer);
}

/* The slower of two groups has died; its records must wait for its return. */
static void the_slowest_group_keeps_its_records(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    for (int i = 0; i < 10; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *fast = queue_consumer_open(f, "fast", "orders", NULL);
    struct fy_consumer *slow = queue_consumer_open(f, "slow", "orders", NULL);
    queue_consumer_commit(f->queue, fast, "orders", 0, 10);
    queue_consumer_commit(f->queue, slow, "orders", 0, 2);
    queue_consumer_close(f, slow);
    trim(f, INT64_MAX - 1);
    assert_int_equal(queue_lag_of(f->queue, "slow", "orders", 0).start_offset, 2);
    queue_consumer_close(f, fast);
}

/* All is done and trimmed: the next record still gets the next offset, after a restart too. */
static void offsets_go_on_when_everything_was_trimmed(void **state)
{
    struct queue_fixture *f = fixture_from(state);
    for (int i = 0; i < 3; i++)
        queue_publish_text(f->queue, "orders", 0, NULL, "x");
    struct fy_consumer *consumer = queue_consumer_open(f, "worker", "orders", NULL);
    queue_consumer_commit(f->queue, consumer, "orders", 0, 3);
    queue_consumer_close(f, consumer);
    trim(f, INT64_MAX - 1);
    queue_fixture_close(f);
    queue_fixture_open(f);
    queue_publish_text(f->queue, "orders", 0, NULL, "x");
    consumer = queue_consumer_open(f, "worker", "orders", NULL);
    int64_t wanted = 3;
    queue_consumer_read(f, consumer, "orders", 1, want_offset, &wanted);
    queue_consumer_close(f, consumer);
}

#define CONTRACT_TEST(function)                                                                    \
    {                                                                                              \
#function, function, fixture_setup, fixture_teardown, (void *)(uintptr_t)factory           \
    }

int queue_contract_run(const struct queue_contract_factory *factory)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(records_of_one_key_keep_their_order_in_the_partition_of_the_key),
        CONTRACT_TEST(a_record_comes_back_byte_for_byte_with_its_headers),
        CONTRACT_TEST(absent_key_value_and_time_are_told_from_empty_ones),
        CONTRACT_TEST(records_without_key_are_spread_over_the_partitions),
        CONTRACT_TEST(one_publish_may_name_several_topics),
        CONTRACT_TEST(the_largest_publish_is_taken_as_one),
        CONTRACT_TEST(the_longest_record_is_taken_and_a_longer_one_refused),
        CONTRACT_TEST(a_publish_to_a_topic_that_is_not_there_is_refused_whole),
        CONTRACT_TEST(making_a_topic_again_changes_nothing),
        CONTRACT_TEST(closing_answers_every_publish_first),
        CONTRACT_TEST(a_record_that_visit_refuses_is_given_again),
        CONTRACT_TEST(a_poll_gives_no_more_than_was_asked_for),
        CONTRACT_TEST(a_partition_that_is_not_polled_holds_no_other_back),
        CONTRACT_TEST(a_new_consumer_goes_on_at_the_committed_offset),
        CONTRACT_TEST(each_group_reads_for_itself),
        CONTRACT_TEST(a_consumer_may_read_several_topics),
        CONTRACT_TEST(a_consumer_of_a_topic_that_is_not_there_is_refused),
        CONTRACT_TEST(the_descriptor_is_readable_while_anything_may_wait),
        CONTRACT_TEST(lag_tells_where_a_group_stands_and_since_when),
        CONTRACT_TEST(lag_of_a_topic_that_is_not_there_is_an_error),
        CONTRACT_TEST(what_is_kept_beside_an_offset_is_told_with_the_lag),
        CONTRACT_TEST(what_is_kept_is_never_committed_with_another_offset),
        CONTRACT_TEST(each_publish_is_counted_with_its_outcome),
        CONTRACT_TEST(trimming_removes_what_is_done_and_old_and_nothing_else),
        CONTRACT_TEST(a_topic_no_group_has_committed_on_is_kept_whole),
        CONTRACT_TEST(the_slowest_group_keeps_its_records),
        CONTRACT_TEST(offsets_go_on_when_everything_was_trimmed),
        CONTRACT_TEST(no_wake_up_is_lost_between_publishers_and_a_sleeping_consumer),
        CONTRACT_TEST(many_publishers_a_consumer_trim_and_lag_agree),
        CONTRACT_TEST(what_was_acknowledged_survives_sigkill), /* last: not of a queue in memory */
    };
    size_t count = FY_COUNT_OF(tests) - (factory->in_memory ? 1 : 0);
    return _cmocka_run_group_tests(factory->name, tests, count, NULL, NULL);
}
