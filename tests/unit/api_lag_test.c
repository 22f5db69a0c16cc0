/* api_lag_test.c - GET /ferry/v1/lag, and that /metrics says the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/api_fixture.h"

static const struct fy_route_table *const tables[] = {&fy_routes_lag, &fy_routes_health};

static void add_site(struct api_fixture *f, const char *id)
{
    struct fy_cat_site op = {.op.kind = FY_CAT_SITE, .action = FY_SITE_INSERT};
    op.row.status = FY_SITE_UP;
    assert_true(fy_text_copy(op.row.id, sizeof op.row.id, id));
    assert_true(fy_text_copy(op.row.name, sizeof op.row.name, id));
    assert_true(fy_text_copy(op.row.uri, sizeof op.row.uri, "http://127.0.0.1:1"));
    assert_int_equal(fy_catalogue_writer_run(f->node.writer, &op.op, NULL), FY_OK);
}

static int set_up(void **state)
{
    struct api_fixture *f = api_fixture_full(tables, FY_COUNT_OF(tables), API_SITE);
    add_site(f, "site-b");
    *state = f;
    return 0;
}

static json_int_t number(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static const char *text(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    assert_true(json_is_string(value));
    return json_string_value(value);
}

static json_t *get_lag(struct api_fixture *f)
{
    struct http_answer answer = http_call(f->port, "GET", "/ferry/v1/lag", NULL, NULL);
    assert_int_equal(answer.status, 200);
    json_t *tree = json_loads(answer.body, 0, NULL);
    assert_non_null(tree);
    http_answer_free(&answer);
    return tree;
}

/* The double has seven undone orders in one partition of each topic. */
static void each_partition_is_told_with_its_topic_group_and_site(void **state)
{
    static const char *const topics[] = {"request-replication", "request-action",
                                         "request-action.dead", "request-replication.site-b"};
    static const char *const groups[] = {"ferry-router", "ferry-worker", "ferry-keeper",
                                         "ferry-sender"};
    static const char *const sites[] = {API_SITE, API_SITE, API_SITE, "site-b"};
    json_t *tree = get_lag(*state);
    const json_t *partitions = json_object_get(tree, "partitions");
    assert_int_equal(json_array_size(partitions), FY_COUNT_OF(topics));
    for (size_t i = 0; i < FY_COUNT_OF(topics); i++) {
        const json_t *row = json_array_get(partitions, i);
        assert_string_equal(text(row, "topic"), topics[i]);
        assert_string_equal(text(row, "group"), groups[i]);
        assert_string_equal(text(row, "site"), sites[i]);
        assert_int_equal(number(row, "partition"), 3);
        assert_int_equal(number(row, "committed"), 2);
        assert_int_equal(number(row, "end"), 9);
        assert_int_equal(number(row, "orders"), 7);
        assert_true(number(row, "seconds") > 0);
    }
    assert_string_equal(text(tree, "site"), API_SITE);
    assert_int_equal(number(tree, "orders"), 28);
    assert_true(number(tree, "seconds") > 0);
    json_decref(tree);
}

static double metric(const char *page, const char *name, const json_t *row)
{
    char series[256];
    (void)snprintf(series, sizeof series, "\n%s{topic=\"%s\",partition=\"%d\"", name,
                   text(row, "topic"), (int)number(row, "partition"));
    const char *line = strstr(page, series);
    if (line == NULL)
        fail_msg("no series %s", series);
    return strtod(strstr(line, "} ") + 2, NULL);
}

static void metrics_say_the_same(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer = http_call(f->port, "GET", "/metrics", NULL, NULL);
    json_t *tree = get_lag(f);
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(tree, "partitions"), index, row)
    {
        assert_int_equal((json_int_t)metric(answer.body, "ferry_consumer_lag", row),
                         number(row, "orders"));
        double later_s =
            (double)number(row, "seconds") - metric(answer.body, "ferry_lag_seconds", row);
        assert_true(later_s > -1 && later_s < 60); /* whole seconds, and asked for later */
    }
    assert_int_equal(index, 4);
    json_decref(tree);
    http_answer_free(&answer);
}

static void a_queue_that_does_not_answer_is_503_and_counted_in_metrics(void **state)
{
    struct api_fixture *f = *state;
    f->queue.lag_fails = FY_EBUSY;
    struct http_answer answer = http_call(f->port, "GET", "/ferry/v1/lag", NULL, NULL);
    assert_int_equal(answer.status, 503);
    assert_non_null(http_header(&answer, "Retry-After"));
    http_answer_free(&answer);
    answer = http_call(f->port, "GET", "/metrics", NULL, NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\nferry_scrape_errors 4\n"));
    http_answer_free(&answer);
}

/* As many sites with names as long, and as many partitions, as there may be. */
static void the_largest_topology_is_told_whole(void **state)
{
    struct api_fixture *f = *state;
    for (int i = 2; i < FY_SITES_MAX; i++) { /* our own and site-b are there */
        char id[FY_SITE_BYTES_MAX + 1];
        (void)snprintf(id, sizeof id, "%0*d", FY_SITE_BYTES_MAX, i);
        add_site(f, id);
    }
    f->queue.lag_partitions = FY_PARTITIONS_MAX;
    json_t *tree = get_lag(f);
    assert_int_equal(json_array_size(json_object_get(tree, "partitions")),
                     (3 + FY_SITES_MAX - 1) * FY_PARTITIONS_MAX);
    json_decref(tree);
    struct http_answer answer = http_call(f->port, "GET", "/metrics", NULL, NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\nferry_scrape_errors 0\n"));
    http_answer_free(&answer);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_partition_is_told_with_its_topic_group_and_site),
        TEST(metrics_say_the_same),
        TEST(the_largest_topology_is_told_whole),
        TEST(a_queue_that_does_not_answer_is_503_and_counted_in_metrics),
    };
    return cmocka_run_group_tests_name("api_lag", tests, NULL, NULL);
}
