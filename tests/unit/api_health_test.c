/* api_health_test.c - alive, ready, counted, described; and what became of an order, on every site.
 */
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

static const struct fy_route_table *const tables[] = {&fy_routes_orders, &fy_routes_health};

static int set_up(void **state)
{
    *state = api_fixture_full(tables, 2, API_SITE);
    return 0;
}

static json_t *get_json(struct api_fixture *f, const char *path, int status)
{
    struct http_answer answer = http_call(f->port, "GET", path, NULL, NULL);
    assert_int_equal(answer.status, status);
    assert_string_equal(http_header(&answer, "Content-Type"), "application/json");
    json_t *tree = json_loads(answer.body, 0, NULL);
    assert_non_null(tree);
    http_answer_free(&answer);
    return tree;
}

static const char *text_of(const json_t *tree, const char *key)
{
    const char *text = json_string_value(json_object_get(tree, key));
    return text != NULL ? text : "";
}

static void add_site(struct api_fixture *f, const char *id, uint16_t port,
                     enum fy_site_status status)
{
    struct fy_cat_site op = {.op.kind = FY_CAT_SITE, .action = FY_SITE_INSERT};
    op.row.status = status;
    assert_true(fy_text_copy(op.row.id, sizeof op.row.id, id));
    assert_true(fy_text_copy(op.row.name, sizeof op.row.name, id));
    (void)snprintf(op.row.uri, sizeof op.row.uri, "http://127.0.0.1:%u", port);
    assert_int_equal(fy_catalogue_writer_run(f->node.writer, &op.op, NULL), FY_OK);
}

static void add_outcome(struct api_fixture *f, const char *op_id, const char *object, uint64_t time)
{
    struct fy_cat_settle op = {.op.kind = FY_CAT_SETTLE};
    op.outcome = FY_OUTCOME_SETTLED;
    op.order.action = FY_ACTION_UPDATE;
    op.order.stamp.time = time;
    assert_true(fy_text_copy(op.order.stamp.site, sizeof op.order.stamp.site, "site-q"));
    assert_true(fy_text_copy(op.order.op_id, sizeof op.order.op_id, op_id));
    assert_true(fy_text_copy(op.order.bucket, sizeof op.order.bucket, "bucket-1"));
    assert_true(fy_text_copy(op.order.object, sizeof op.order.object, object));
    assert_int_equal(fy_catalogue_writer_run(f->node.writer, &op.op, NULL), FY_OK);
}

/* ------------------------------------------------------------------ health */

static void live_is_red_only_when_the_engine_loop_is_stuck(void **state)
{
    struct api_fixture *f = *state;
    json_decref(get_json(f, "/health/live", 200)); /* no engine here */
    int64_t now_ms = fy_mono_ms(f->node.clock);
    atomic_store(&f->node.loop_turn_ms, now_ms - 25000);
    json_decref(get_json(f, "/health/live", 200));
    atomic_store(&f->node.loop_turn_ms, now_ms - 31000);
    json_decref(get_json(f, "/health/live", 503));
}

static void ready_says_what_is_missing(void **state)
{
    struct api_fixture *f = *state;
    json_t *tree = get_json(f, "/health/ready", 200);
    assert_true(json_is_true(json_object_get(tree, "ready")));
    assert_string_equal(text_of(json_object_get(tree, "checks"), "catalogue"), "ok");
    assert_string_equal(text_of(json_object_get(tree, "checks"), "store"), "ok");
    json_decref(tree);

    f->queue.max_bytes = 100;
    f->queue.used_bytes = 100;
    tree = get_json(f, "/health/ready", 503);
    assert_true(json_is_false(json_object_get(tree, "ready")));
    assert_string_equal(text_of(json_object_get(tree, "checks"), "queue"),
                        "full: 100 of 100 bytes");
    assert_string_equal(text_of(json_object_get(tree, "checks"), "running"), "ok");
    json_decref(tree);

    struct http_answer answer = http_call(f->port, "GET", "/metrics", NULL, NULL);
    assert_non_null(strstr(answer.body, "\nferry_ready{check=\"catalogue\"} 1\n"));
    assert_non_null(strstr(answer.body, "\nferry_ready{check=\"queue\"} 0\n"));
    http_answer_free(&answer);

    f->queue.used_bytes = 99;
    json_decref(get_json(f, "/health/ready", 200));
    f->queue.health = FY_EBUSY;
    tree = get_json(f, "/health/ready", 503);
    assert_string_equal(text_of(json_object_get(tree, "checks"), "queue"), "no broker answers");
    json_decref(tree);
    json_decref(get_json(f, "/health/live", 200));
    f->queue.health = FY_OK;
    atomic_store(&f->node.store_fails, true);
    tree = get_json(f, "/health/ready", 503);
    assert_string_equal(text_of(json_object_get(tree, "checks"), "store"),
                        "writes fail: the worker is paused");
    json_decref(tree);
    atomic_store(&f->node.store_fails, false);
    atomic_store(&f->node.stopping, true);
    tree = get_json(f, "/health/ready", 503);
    assert_string_equal(text_of(json_object_get(tree, "checks"), "running"),
                        "the process is stopping");
    json_decref(tree);
}

static void print_nothing(void *role, struct fy_buf *buf)
{
    (void)role;
    (void)buf;
}

static void metrics_have_counters_and_gauges_with_labels(void **state)
{
    struct api_fixture *f = *state;
    fy_node_metrics_set(&f->node, print_nothing, NULL); /* a worker is here */
    add_site(f, "site-b", 1, FY_SITE_UP);
    add_site(f, "site-c", 1, FY_SITE_DOWN);
    fy_metric_add(&f->node.metrics, FY_M_ORDERS_APPLIED, 3);
    fy_metric_set(&f->node.metrics, FY_M_PROGRESS_MS, 1708514872007);
    f->queue.used_bytes = 12;
    f->queue.max_bytes = 34;
    struct http_answer answer = http_call(f->port, "GET", "/metrics", NULL, NULL);
    assert_int_equal(answer.status, 200);
    static const char *const lines[] = {
        "# TYPE ferry_orders_completed_total counter\n",
        "\nferry_orders_completed_total{outcome=\"applied\"} 3\n",
        "\nferry_orders_completed_total{outcome=\"dead\"} 0\n",
        "\nferry_progress_timestamp_seconds 1708514872.007\n",
        "\nferry_http_requests_total 1\n",
        "\nferry_consumer_lag{topic=\"request-action\",partition=\"3\",group=\"ferry-worker\"} 7\n",
        "{topic=\"request-replication\",partition=\"3\",group=\"ferry-router\"} 7\n",
        "\nferry_backlog_orders{topic=\"request-replication.site-b\",partition=\"3\"} 7\n",
        "\nferry_lag_seconds{topic=\"request-replication.site-c\",partition=\"3\"} ",
        "\nferry_site_up{site=\"site-b\"} 1\n",
        "\nferry_site_up{site=\"site-c\"} 0\n",
        "\nferry_site_paused{site=\"site-b\"} 0\n",
        "\nferry_dead_letters 0\n",
        "\nferry_waiting_due_orders 0\n",
        "\nferry_queue_bytes 12\n",
        "\nferry_queue_bytes_max 34\n",
        "\nferry_scrape_errors 0\n",
        "\nferry_publish_seconds_count 0\n",
        "\nferry_offset_gap_total 0\n",
    };
    for (size_t i = 0; i < FY_COUNT_OF(lines); i++)
        if (strstr(answer.body, lines[i]) == NULL)
            fail_msg("missing: %s", lines[i]);
    /* Each name has one TYPE line, before its samples. */
    const char *type = "# TYPE ferry_orders_completed_total";
    const char *first = strstr(answer.body, type);
    assert_null(strstr(first + 1, type));
    http_answer_free(&answer);
}

/* A 0 would say that it is not paused, or that no order may die: who knows. */
static void an_api_alone_tells_nothing_of_a_worker(void **state)
{
    struct api_fixture *f = *state;
    add_site(f, "site-b", 1, FY_SITE_UP);
    struct http_answer answer = http_call(f->port, "GET", "/metrics", NULL, NULL);
    assert_int_equal(answer.status, 200);
    static const char *const absent[] = {"ferry_worker_paused", "ferry_dlq_tokens",
                                         "ferry_progress_timestamp_seconds",
                                         "ferry_orders_completed_total", "ferry_clock_skew_ms"};
    for (size_t i = 0; i < FY_COUNT_OF(absent); i++)
        assert_null(strstr(answer.body, absent[i]));
    /* What the engines know is known to every process. */
    assert_non_null(strstr(answer.body, "\nferry_orders_accepted_total 0\n"));
    assert_non_null(strstr(answer.body, "\nferry_site_up{site=\"site-b\"} 1\n"));
    assert_non_null(strstr(answer.body, "{topic=\"request-action\",partition=\"3\""));
    http_answer_free(&answer);
}

/* Waiting and dead orders are counted by reason, not by site. */
static void waiting_orders_are_gauges_by_reason(void **state)
{
    struct api_fixture *f = *state;
    struct fy_cat_wait op = {.op.kind = FY_CAT_WAIT};
    op.row.direction = FY_IN;
    op.row.state = FY_DEAD;
    op.row.reason = FY_HASH_MISMATCH;
    op.row.order.action = FY_ACTION_CREATE;
    op.row.order.stamp.time = 1 << 20;
    assert_true(fy_text_copy(op.row.order.stamp.site, sizeof op.row.order.stamp.site, "site-b"));
    assert_true(fy_text_copy(op.row.order.from_site, sizeof op.row.order.from_site, "site-b"));
    assert_true(fy_text_copy(op.row.order.bucket, sizeof op.row.order.bucket, "bucket-1"));
    assert_true(fy_text_copy(op.row.order.object, sizeof op.row.order.object, "o"));
    assert_true(fy_text_copy(op.row.order.op_id, sizeof op.row.order.op_id, "dead-one"));
    assert_int_equal(fy_catalogue_writer_run(f->node.writer, &op.op, NULL), FY_OK);
    struct http_answer answer = http_call(f->port, "GET", "/metrics", NULL, NULL);
    assert_non_null(strstr(answer.body,
                           "\nferry_waiting_orders{state=\"dead\",reason=\"HASH_MISMATCH\","
                           "direction=\"in\"} 1\n"));
    assert_non_null(strstr(answer.body, "\nferry_dead_letters 1\n"));
    http_answer_free(&answer);

    json_t *tree = get_json(f, "/ferry/v1/orders/dead-one?here=true", 200);
    const json_t *site = json_array_get(json_object_get(tree, "sites"), 0);
    const json_t *order = json_array_get(json_object_get(site, "orders"), 0);
    assert_string_equal(text_of(order, "outcome"), "dead");
    assert_string_equal(text_of(order, "reason"), "HASH_MISMATCH");
    json_decref(tree);
}

/* Where orders may be deleted by age, it is told how much time they have left. */
static void headroom_is_told_where_retention_is_accepted(void **state)
{
    struct api_fixture *f = *state;
    struct fy_config *config = (struct fy_config *)(uintptr_t)f->node.config;
    struct http_answer answer = http_call(f->port, "GET", "/metrics", NULL, NULL);
    assert_null(strstr(answer.body, "headroom"));
    http_answer_free(&answer);
    config->accept_retention_ms = 3600000;
    answer = http_call(f->port, "GET", "/metrics", NULL, NULL);
    config->accept_retention_ms = 0;
    const char *series = strstr(answer.body, "\nferry_retention_headroom_seconds{topic=");
    assert_non_null(series);
    assert_true(strtod(strstr(series, "} ") + 2, NULL) <= 3600);
    http_answer_free(&answer);
}

/* The file beside this one in the tree, as far as it fits. */
static size_t read_openapi(char *text, size_t capacity)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s", __FILE__);
    char *tests = strstr(path, "tests/unit/");
    assert_non_null(tests);
    (void)snprintf(tests, sizeof path - (size_t)(tests - path), "api/openapi.yaml");
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t size_bytes = fread(text, 1, capacity, file);
    (void)fclose(file);
    return size_bytes;
}

static void openapi_is_served_as_it_is_in_the_tree(void **state)
{
    struct api_fixture *f = *state;
    size_t capacity = 1 << 20;
    char *text = fy_alloc(capacity);
    size_t size_bytes = read_openapi(text, capacity);
    struct http_answer answer = http_call(f->port, "GET", "/openapi.yaml", NULL, NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(http_header(&answer, "Content-Type"), "application/yaml");
    assert_int_equal(answer.body_bytes, size_bytes);
    assert_memory_equal(answer.body, text, size_bytes);
    assert_non_null(strstr(answer.body, "openapi: 3."));
    http_answer_free(&answer);
    free(text);
}

/* ------------------------------------------------------------------ outcomes */

static void outcomes_of_an_op_id_and_its_array_are_listed(void **state)
{
    struct api_fixture *f = *state;
    int64_t before_ms = fy_wall_ms(f->node.clock), at_ms = 0;
    add_outcome(f, "op-1", "a", 1 << 20);
    add_outcome(f, "op-1-0", "b \"q\"", 2 << 20);
    add_outcome(f, "op-1-1", "", 3 << 20);
    add_outcome(f, "op-2", "no", 4 << 20);
    json_t *tree = get_json(f, "/ferry/v1/orders/op-1?here=true", 200);
    assert_string_equal(text_of(tree, "opId"), "op-1");
    json_t *sites = json_object_get(tree, "sites");
    assert_int_equal(json_array_size(sites), 1);
    json_t *site = json_array_get(sites, 0);
    assert_string_equal(text_of(site, "site"), API_SITE);
    assert_true(json_is_true(json_object_get(site, "reachable")));
    assert_int_equal(json_integer_value(json_object_get(site, "total")), 3);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(site, "counts"), "settled")), 3);
    json_t *orders = json_object_get(site, "orders");
    assert_int_equal(json_array_size(orders), 3);
    const json_t *order = json_array_get(orders, 0);
    assert_string_equal(text_of(order, "bucket"), "bucket-1");
    assert_string_equal(text_of(order, "object"), "a");
    assert_string_equal(text_of(order, "action"), "UPDATE");
    assert_string_equal(text_of(order, "outcome"), "settled");
    assert_string_equal(text_of(order, "stamp"), "0000000000100000@site-q");
    assert_int_equal(fy_instant_parse(text_of(order, "at"), &at_ms), FY_OK);
    assert_true(at_ms >= before_ms);
    json_decref(tree);
}

static void all_up_sites_are_asked_and_the_unreachable_named(void **state)
{
    struct api_fixture *f = *state;
    struct api_fixture *other = api_fixture_full(tables, 2, "site-b");
    struct api_fixture *ended = api_fixture_full(tables, 2, "site-c");
    uint16_t dead_port = ended->port;
    api_fixture_free(ended);
    add_site(f, "site-b", other->port, FY_SITE_UP);
    add_site(f, "site-c", dead_port, FY_SITE_UP);
    add_site(f, "site-d", dead_port, FY_SITE_DOWN);
    add_outcome(f, "op x/1", "here", 1 << 20);
    add_outcome(other, "op x/1", "there", 1 << 20);

    json_t *tree = get_json(f, "/ferry/v1/orders/op%20x%2F1", 200);
    json_t *sites = json_object_get(tree, "sites");
    assert_int_equal(json_array_size(sites), 3);
    assert_string_equal(text_of(json_array_get(sites, 0), "site"), API_SITE);
    json_t *b = json_array_get(sites, 1), *c = json_array_get(sites, 2);
    assert_string_equal(text_of(b, "site"), "site-b");
    assert_true(json_is_true(json_object_get(b, "reachable")));
    assert_string_equal(text_of(json_array_get(json_object_get(b, "orders"), 0), "object"),
                        "there");
    assert_string_equal(text_of(c, "site"), "site-c");
    assert_true(json_is_false(json_object_get(c, "reachable")));
    assert_int_equal(json_array_size(json_object_get(c, "orders")), 0);
    assert_true(strlen(text_of(c, "error")) > 0);
    json_decref(tree);
    api_fixture_free(other);
}

static void many_outcomes_are_counted_though_not_all_are_listed(void **state)
{
    struct api_fixture *f = *state;
    for (uint64_t i = 0; i < 1100; i++) {
        char op_id[32];
        (void)snprintf(op_id, sizeof op_id, "big-%u", (unsigned)i);
        add_outcome(f, op_id, op_id, (i + 1) << 20);
    }
    json_t *tree = get_json(f, "/ferry/v1/orders/big?here=true", 200);
    json_t *site = json_array_get(json_object_get(tree, "sites"), 0);
    assert_int_equal(json_integer_value(json_object_get(site, "total")), 1100);
    assert_int_equal(json_array_size(json_object_get(site, "orders")), 1000);
    assert_true(json_is_true(json_object_get(site, "truncated")));
    json_decref(tree);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(live_is_red_only_when_the_engine_loop_is_stuck),
        TEST(ready_says_what_is_missing),
        TEST(metrics_have_counters_and_gauges_with_labels),
        TEST(an_api_alone_tells_nothing_of_a_worker),
        TEST(headroom_is_told_where_retention_is_accepted),
        TEST(waiting_orders_are_gauges_by_reason),
        TEST(openapi_is_served_as_it_is_in_the_tree),
        TEST(outcomes_of_an_op_id_and_its_array_are_listed),
        TEST(all_up_sites_are_asked_and_the_unreachable_named),
        TEST(many_outcomes_are_counted_though_not_all_are_listed),
    };
    return cmocka_run_group_tests_name("api_health", tests, NULL, NULL);
}
