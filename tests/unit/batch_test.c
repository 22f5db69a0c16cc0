/* batch_test.c - what router and senders take out of their topics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/queue_sqlite.h"
#include "common/runtime/publish_wait.h"
#include "tests/support/temp.h"
#include "worker/batch.h"

struct place {
    char folder[TEMP_BYTES];
    struct fy_queue *queue;
    struct fy_batch batch;
};

static int setup(void **state)
{
    struct place *self = fy_alloc(sizeof(*self));
    char path[TEMP_BYTES + 8];
    struct fy_err err = {0};
    temp_folder("batch", self->folder);
    (void)snprintf(path, sizeof(path), "%s/queue", self->folder);
    const struct fy_queue_sqlite_settings settings = {
        .path = path, .clock = fy_clock_system(), .partition_count = 1};
    assert_int_equal(fy_queue_sqlite_open(&settings, &self->queue, &err), FY_OK);
    assert_int_equal(fy_queue_topic_ensure(self->queue, "orders", &err), FY_OK);
    assert_int_equal(fy_batch_open(&self->batch, self->queue, "group", "orders", FY_BATCH_ORDERS,
                                   FY_BATCH_BYTES, &err),
                     FY_OK);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct place *self = *state;
    fy_batch_close(&self->batch);
    fy_queue_close(self->queue);
    temp_remove(self->folder);
    free(self);
    return 0;
}

static void publish(struct place *self, const char *key, const char *value, size_t value_bytes)
{
    struct fy_err err = {0};
    const struct fy_record record = {.topic = "orders",
                                     .key = key,
                                     .key_bytes = strlen(key),
                                     .value = value,
                                     .value_bytes = value_bytes};
    assert_int_equal(fy_publish_wait(self->queue, &record, 1, NULL, &err), FY_OK);
}

static void take(struct place *self, size_t count)
{
    struct fy_err err = {0};
    assert_int_equal(fy_batch_take(&self->batch, &err), FY_OK);
    assert_int_equal(self->batch.count, count);
}

static void assert_record(struct place *self, size_t i, const char *key, const char *value,
                          size_t value_bytes)
{
    assert_int_equal(self->batch.records[i].key_bytes, strlen(key));
    assert_memory_equal(fy_batch_key(&self->batch, i), key, strlen(key));
    assert_int_equal(self->batch.records[i].value_bytes, value_bytes);
    assert_memory_equal(fy_batch_value(&self->batch, i), value, value_bytes);
}

/* Longer than any order: only whole can it become a dead letter that is the record. */
static void a_record_is_taken_whole_however_long(void **state)
{
    struct place *self = *state;
    struct fy_err err = {0};
    char *key = fy_alloc(5001);
    char *value = fy_alloc(FY_RECORD_BYTES_MAX);
    memset(key, 'k', 5000);
    for (size_t i = 0; i < FY_RECORD_BYTES_MAX; i++)
        value[i] = (char)(i % 251);
    publish(self, key, value, FY_RECORD_BYTES_MAX - 5000);
    publish(self, "short", "v", 1);
    take(self, 1); /* alone: with another it would be more than a batch's bytes */
    assert_record(self, 0, key, value, FY_RECORD_BYTES_MAX - 5000);
    assert_int_equal(fy_batch_commit(&self->batch, &err), FY_OK);
    take(self, 1);
    assert_record(self, 0, "short", "v", 1);
    free(key);
    free(value);
}

static void records_share_a_batch_up_to_its_bytes(void **state)
{
    struct place *self = *state;
    struct fy_err err = {0};
    char *value = fy_alloc(FY_BATCH_BYTES / 4);
    memset(value, 'v', FY_BATCH_BYTES / 4);
    for (int i = 0; i < 5; i++)
        publish(self, "k", value, FY_BATCH_BYTES / 4 - 1);
    take(self, 4);
    for (size_t i = 0; i < 4; i++)
        assert_record(self, i, "k", value, FY_BATCH_BYTES / 4 - 1);
    assert_int_equal(fy_batch_commit(&self->batch, &err), FY_OK);
    take(self, 1);
    free(value);
}

/* What only one of a group may do is done by whoever has a certain partition. */
static void a_partition_is_held_while_it_is_assigned(void **state)
{
    struct place *self = *state;
    struct fy_err err = {0};
    assert_false(fy_batch_holds(&self->batch, 0));
    assert_int_equal(fy_batch_idle(&self->batch, &err), FY_OK);
    assert_true(fy_batch_holds(&self->batch, 0));
    assert_false(fy_batch_holds(&self->batch, 1)); /* there is none */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_record_is_taken_whole_however_long),
        TEST(records_share_a_batch_up_to_its_bytes),
        TEST(a_partition_is_held_while_it_is_assigned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
