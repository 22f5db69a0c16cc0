/* lag_test.c - how far behind a site is: every topic with its group, one computation for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/runtime/lag.h"

#define NOW_MS   INT64_C(1700000000000)
#define ROWS_MAX 64

struct fixture {
    struct fy_node node;
    struct fy_queue queue;
    struct fy_clock clock;
    int64_t mono_ms;
    int64_t ask_ms;                                   /* a look takes so long */
    struct fy_site_row sites[3];                      /* the rows that are kept point here */
    const char *fails;                                /* topic */
    enum fy_code code;                                /* what it fails with */
    char asked[ROWS_MAX][2 * FY_TOPIC_BYTES_MAX + 2]; /* "group topic" */
    size_t asked_count;

    struct fy_lag_row rows[ROWS_MAX];
    char topics[ROWS_MAX][FY_TOPIC_BYTES_MAX + 1];
    size_t row_count;
    enum fy_code codes[ROWS_MAX]; /* of the topics, in order */
    size_t code_count;
};

static int64_t mono_ms(struct fy_clock *clock)
{
    return FY_CONTAINER_OF(clock, struct fixture, clock)->mono_ms;
}

static int64_t wall_ms(struct fy_clock *clock)
{
    (void)clock;
    return NOW_MS;
}

/* Two partitions: ten records of which four are done, the oldest a minute old; and nothing to do.
 */
static enum fy_code lag(struct fy_queue *port, const char *group, const char *topic,
                        fy_lag_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fixture *f = FY_CONTAINER_OF(port, struct fixture, queue);
    struct fy_partition_lag behind = {
        .end_offset = 10, .committed_offset = 4, .oldest_ms = NOW_MS - 60000, .text = ""};
    struct fy_partition_lag done = {
        .partition = 1, .end_offset = 7, .committed_offset = 7, .text = ""};
    (void)snprintf(f->asked[f->asked_count++], sizeof(f->asked[0]), "%s %s", group, topic);
    f->mono_ms += f->ask_ms;
    if (f->fails != NULL && strcmp(topic, f->fails) == 0)
        return fy_err_set(err, f->code, "%s does not answer", topic);
    assert_true(fy_text_copy(behind.topic, sizeof(behind.topic), topic));
    assert_true(fy_text_copy(done.topic, sizeof(done.topic), topic));
    assert_true(visit(arg, &behind));
    assert_true(visit(arg, &done));
    return FY_OK;
}

static const struct fy_queue_ops queue_ops = {.name = "fake", .lag = lag};

static void keep_row(void *arg, const struct fy_lag_row *row)
{
    struct fixture *f = arg;
    assert_true(f->row_count < ROWS_MAX);
    assert_true(fy_text_copy(f->topics[f->row_count], sizeof(f->topics[0]), row->topic));
    f->rows[f->row_count++] = *row;
}

static void keep_code(void *arg, const char *topic, enum fy_code code)
{
    struct fixture *f = arg;
    (void)topic;
    f->codes[f->code_count++] = code;
}

static enum fy_code look(struct fixture *f, struct fy_err *err)
{
    struct fy_site_row *sites = f->sites;
    assert_true(fy_text_copy(sites[0].id, sizeof(sites[0].id), "paris"));
    assert_true(fy_text_copy(sites[1].id, sizeof(sites[1].id), "lyon"));
    assert_true(fy_text_copy(sites[2].id, sizeof(sites[2].id), "nice"));
    return fy_lag_all(&f->node, sites, FY_COUNT_OF(f->sites), keep_row, keep_code, f, err);
}

static int set_up(void **state)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    f->clock = (struct fy_clock){.wall_ms = wall_ms, .mono_ms = mono_ms};
    f->queue.ops = &queue_ops;
    f->node = (struct fy_node){.site = "paris", .clock = &f->clock, .queue = &f->queue};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void every_topic_of_the_site_is_asked_for_with_the_group_that_reads_it(void **state)
{
    static const char *const wanted[] = {
        "ferry-router request-replication",      "ferry-worker request-action",
        "ferry-keeper request-action.dead",      "ferry-sender request-replication.lyon",
        "ferry-sender request-replication.nice",
    };
    struct fixture *f = *state;
    struct fy_err err = {0};
    assert_int_equal(look(f, &err), FY_OK);
    assert_int_equal(f->asked_count, FY_COUNT_OF(wanted));
    for (size_t i = 0; i < FY_COUNT_OF(wanted); i++)
        assert_string_equal(f->asked[i], wanted[i]);
}

static void a_row_tells_orders_and_the_age_of_the_oldest(void **state)
{
    struct fixture *f = *state;
    struct fy_err err = {0};
    struct fy_lag_sum sum = {0};
    assert_int_equal(look(f, &err), FY_OK);
    assert_int_equal(f->row_count, 10);
    const struct fy_lag_row *behind = &f->rows[6];
    assert_string_equal(f->topics[6], "request-replication.lyon");
    assert_string_equal(behind->site, "lyon");
    assert_string_equal(f->rows[0].site, "paris");
    assert_int_equal(behind->partition, 0);
    assert_int_equal(behind->committed, 4);
    assert_int_equal(behind->end, 10);
    assert_int_equal(behind->orders, 6);
    assert_int_equal(behind->oldest_ms, 60000);
    assert_int_equal(f->rows[7].partition, 1);
    assert_int_equal(f->rows[7].orders, 0);
    assert_int_equal(f->rows[7].oldest_ms, 0);
    for (size_t i = 0; i < f->row_count; i++)
        fy_lag_add(&sum, &f->rows[i]);
    assert_int_equal(sum.orders, 30);
    assert_int_equal(sum.oldest_ms, 60000);
}

static void a_topic_that_is_not_there_yet_is_not_behind(void **state)
{
    struct fixture *f = *state;
    struct fy_err err = {0};
    f->fails = "request-action.dead";
    f->code = FY_ENOTFOUND;
    assert_int_equal(look(f, &err), FY_OK);
    assert_int_equal(err.code, FY_OK);
    assert_int_equal(f->row_count, 8);
    for (size_t i = 0; i < f->code_count; i++)
        assert_int_equal(f->codes[i], FY_OK);
}

static void one_topic_that_fails_leaves_the_others(void **state)
{
    struct fixture *f = *state;
    struct fy_err err = {0};
    f->fails = "request-action";
    f->code = FY_EFORBIDDEN;
    assert_int_equal(look(f, &err), FY_EFORBIDDEN);
    assert_string_equal(err.text, "request-action does not answer");
    assert_int_equal(f->asked_count, 5);
    assert_int_equal(f->row_count, 8);
    assert_int_equal(f->codes[0], FY_OK);
    assert_int_equal(f->codes[1], FY_EFORBIDDEN);
    assert_int_equal(f->codes[4], FY_OK);
}

static void a_queue_that_does_not_answer_is_not_asked_again(void **state)
{
    struct fixture *f = *state;
    struct fy_err err = {0};
    f->fails = "request-action";
    f->code = FY_EBUSY;
    assert_int_equal(look(f, &err), FY_EBUSY);
    assert_int_equal(f->asked_count, 2);
    assert_int_equal(f->code_count, 5);
    for (size_t i = 1; i < f->code_count; i++)
        assert_int_equal(f->codes[i], FY_EBUSY);
}

static void a_slow_queue_is_asked_no_longer_than_the_bound(void **state)
{
    struct fixture *f = *state;
    struct fy_err err = {0};
    f->ask_ms = FY_LAG_ALL_MS / 2;
    assert_int_equal(look(f, &err), FY_EBUSY);
    assert_non_null(strstr(err.text, "takes over"));
    assert_int_equal(f->asked_count, 2);
    assert_int_equal(f->row_count, 4);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_topic_of_the_site_is_asked_for_with_the_group_that_reads_it),
        TEST(a_row_tells_orders_and_the_age_of_the_oldest),
        TEST(a_topic_that_is_not_there_yet_is_not_behind),
        TEST(one_topic_that_fails_leaves_the_others),
        TEST(a_queue_that_does_not_answer_is_not_asked_again),
        TEST(a_slow_queue_is_asked_no_longer_than_the_bound),
    };
    return cmocka_run_group_tests_name("lag", tests, NULL, NULL);
}
