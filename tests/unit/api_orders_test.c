/* api_orders_test.c - the doors for orders: what is let in, what it becomes, when 201 is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/order_json.h"
#include "common/ports/zstd.h"
#include "tests/support/api_fixture.h"

#define CCS_ONE  "/replicator/remote/orders"
#define CCS_MANY "/replicator/remote/orders/multiple"
#define FERRY    "/ferry/v1/orders"
#define JSON     "Content-Type: application/json\r\n"
#define LINES    "Content-Type: application/x-ndjson\r\n"
#define GOOD                                                                                       \
    "{\"fromSite\":\"site-b\",\"clientId\":\"client-1\",\"bucketName\":\"bucket-1\","              \
    "\"objectName\":\"dir/o1\",\"size\":5,\"action\":\"CREATE\"}"

static const struct fy_route_table *const tables[] = {&fy_routes_orders};

static int set_up(void **state)
{
    *state = api_fixture_new(tables, 1, 0);
    return 0;
}

static int post(struct api_fixture *f, const char *path, const char *headers, const char *body)
{
    struct http_answer answer = http_call(f->port, "POST", path, headers, body);
    int status = answer.status;
    if (status >= 400)
        assert_non_null(http_header(&answer, "x-clonecloudstore-error"));
    if (status == 201 && strncmp(path, "/ferry", 6) != 0)
        assert_int_equal(answer.body_bytes, 0);
    http_answer_free(&answer);
    return status;
}

static struct fy_order published(struct api_fixture *f, size_t index)
{
    struct fy_order order;
    struct fy_err err;
    assert_true(index < f->queue.count);
    const char *value = f->queue.records[index].value;
    assert_int_equal(fy_order_json_parse(value, strlen(value), &order, &err), FY_OK);
    return order;
}

/* "[GOOD,GOOD,...]" or lines (free()). */
static char *many(size_t count, const char *begin, const char *between, const char *end)
{
    struct fy_buf text;
    fy_buf_init(&text, 64 << 20);
    fy_buf_text(&text, begin);
    for (size_t i = 0; i < count; i++)
        fy_buf_printf(&text, "%s%s", i > 0 ? between : "", GOOD);
    fy_buf_text(&text, end);
    size_t size_bytes = 0;
    return fy_buf_take(&text, &size_bytes);
}

/* ------------------------------------------------------------------ one order */

static void an_order_becomes_a_record_with_all_it_lacked(void **state)
{
    struct api_fixture *f = *state;
    int64_t before_ms = fy_wall_ms(f->node.clock);
    assert_int_equal(post(f, CCS_ONE, JSON "x-clonecloudstore-op-id: op-7\r\n", GOOD), 201);
    assert_int_equal(f->queue.count, 1);
    struct api_record *record = &f->queue.records[0];
    assert_string_equal(record->topic, FY_TOPIC_ACTION);
    assert_int_equal(record->key_bytes, 15);
    assert_memory_equal(record->key, "bucket-1\0dir/o1", 15);
    struct fy_order order = published(f, 0);
    assert_string_equal(order.op_id, "op-7");
    assert_string_equal(order.stamp.site, "site-b"); /* the source is the origin */
    assert_int_equal(order.stamp.time & 0xff, 7);    /* and the slot is ours */
    assert_in_range(fy_stamp_ms(&order.stamp), before_ms, before_ms + 60000);
    assert_in_range(order.ordered_at_ms, before_ms, before_ms + 60000);
    assert_true(order.given); /* no change has that stamp */
    assert_int_equal(order.size, 5);
    assert_string_equal(order.to_site, "");
    assert_int_equal(fy_metric_get(&f->node.metrics, FY_M_ORDERS_ACCEPTED), 1);
}

static void what_an_order_says_itself_is_kept(void **state)
{
    struct api_fixture *f = *state;
    const char *body =
        "{\"opId\":\"mine\",\"fromSite\":\"site-b\",\"toSite\":\"site-zz\",\"clientId\":"
        "\"c\xc3\xa9\","
        "\"account\":\"acct\",\"bucketName\":\"B_1\",\"objectName\":\"a b/../\\u0001\",\"size\":0,"
        "\"hash\":\"opaque\",\"action\":\"UPDATE\",\"stamp\":\"00018f3a5b6c0001@site-q\","
        "\"orderedAt\":\"2024-02-21T11:27:52.867Z\",\"x\":1}";
    assert_int_equal(post(f, CCS_ONE, JSON, body), 201);
    struct fy_order order = published(f, 0);
    assert_string_equal(order.op_id, "mine");
    assert_string_equal(order.to_site, "site-zz");
    assert_string_equal(order.client, "c\xc3\xa9");
    assert_string_equal(order.account, "acct");
    assert_string_equal(order.bucket, "B_1");
    assert_string_equal(order.object, "a b/../\x01");
    assert_string_equal(order.hash, "opaque");
    assert_int_equal(order.action, FY_ACTION_UPDATE);
    assert_int_equal(order.stamp.time, 0x00018f3a5b6c0001);
    assert_string_equal(order.stamp.site, "site-q");
    assert_false(order.given);
    assert_int_equal(order.ordered_at_ms, 1708514872867);
}

#define ORDER(from, bucket, object, rest)                                                          \
    "{\"fromSite\":\"" from "\",\"bucketName\":\"" bucket "\",\"objectName\":\"" object "\"" rest  \
    "}"
#define CREATE ",\"action\":\"CREATE\""

static void bad_orders_are_400_and_nothing_is_published(void **state)
{
    struct api_fixture *f = *state;
    static const char *const bad[] = {
        "{",
        "null",
        "7",
        "\"x\"",
        "[]",
        "{}{}",
        GOOD "x",
        ORDER("site-b", "bucket-1", "o", ""),                     /* no action */
        ORDER("site-b", "bucket-1", "o", ",\"action\":\"FROB\""), /* outside the enum */
        ORDER("site-b", "bucket-1", "o", ",\"action\":\"create\""),
        ORDER("site-b", "bucket-1", "o", ",\"action\":7"),
        ORDER("site-b", "", "o", CREATE),
        ORDER("site-b", "  ", "o", CREATE),
        ORDER("site-b", "Bad_Name", "o", CREATE),
        ORDER("site-b", "bu", "o", CREATE),
        ORDER("site-b", "bucket-1", "a b", CREATE), /* unstamped: CCS names */
        ORDER("site-a", "bucket-1", "o", CREATE),   /* from us */
        ORDER("", "bucket-1", "o", CREATE),
        ORDER("a/b", "bucket-1", "o", CREATE),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"size\":-1"),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"size\":\"5\""),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"stamp\":\"junk\""),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"stamp\":\"ffff8f3a5b6c0001@site-b\""),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"orderedAt\":\"yesterday\""),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]"),
        "",
        "   ",
    };
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        if (post(f, CCS_ONE, JSON, bad[i]) != 400)
            fail_msg("not refused: %s", bad[i]);
    }
    assert_int_equal(f->queue.count, 0);
    assert_int_equal(f->queue.publish_count, 0);
}

#define BUCKET_DELETE                                                                              \
    "{\"fromSite\":\"site-b\",\"bucketName\":\"bucket-1\",\"objectName\":null,\"action\":"         \
    "\"DELETE\"}"

static void what_ccs_clients_send_is_taken(void **state)
{
    struct api_fixture *f = *state;
    static const char *const good[] = {
        ORDER("site-b", "bucket-1", "o", ",\"action\":\"UPDATE\""),
        ORDER("site-b", "bucket-1", "o", ",\"action\":\"UNKNOWN\""),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"toSite\":\"elsewhere\""),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"toSite\":null,\"hash\":null,\"opId\":null"),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"hash\":\"anything at all\""),
        ORDER("site-b", "bucket-1", "o", CREATE ",\"x\":{\"y\":[1,2]}"),
        BUCKET_DELETE,
    };
    for (size_t i = 0; i < FY_COUNT_OF(good); i++)
        assert_int_equal(post(f, CCS_ONE, JSON, good[i]), 201);
    assert_int_equal(f->queue.count, FY_COUNT_OF(good));
}

static void the_content_type_must_be_json(void **state)
{
    struct api_fixture *f = *state;
    assert_int_equal(post(f, CCS_ONE, "Content-Type: text/plain\r\n", GOOD), 415);
    assert_int_equal(post(f, CCS_ONE, NULL, GOOD), 415);
    assert_int_equal(post(f, CCS_ONE, LINES, GOOD), 415);
    assert_int_equal(post(f, CCS_MANY, "Content-Type: text/plain\r\n", "[]"), 415);
    assert_int_equal(post(f, CCS_ONE, "Content-Type: application/json; charset=UTF-8\r\n", GOOD),
                     201);
    struct http_answer answer = http_call(f->port, "GET", CCS_ONE, NULL, NULL);
    assert_int_equal(answer.status, 405);
    http_answer_free(&answer);
}

/* 201 means that the queue has it safe: not a moment before. */
static void the_answer_waits_for_the_queue(void **state)
{
    struct api_fixture *f = *state;
    static const char *const paths[] = {CCS_ONE, CCS_MANY, FERRY};
    f->queue.hold = true;
    for (size_t i = 0; i < FY_COUNT_OF(paths); i++) {
        const char *body = i == 1 ? "[" GOOD "]" : GOOD;
        int fd = http_connect(f->port);
        assert_true(
            http_send(fd, "POST %s HTTP/1.1\r\nHost: x\r\n" JSON "Content-Length: %zu\r\n\r\n%s",
                      paths[i], strlen(body), body));
        char byte;
        (void)usleep(20000);
        assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
        api_queue_release(&f->queue);
        struct http_answer answer;
        assert_true(http_read(fd, false, &answer));
        assert_int_equal(answer.status, 201);
        http_answer_free(&answer);
        (void)close(fd);
    }
}

static void a_full_queue_is_503_with_retry_after(void **state)
{
    struct api_fixture *f = *state;
    static const char *const paths[] = {CCS_ONE, CCS_MANY, FERRY};
    for (size_t i = 0; i < 2 * FY_COUNT_OF(paths); i++) {
        const char *path = paths[i % 3];
        f->queue.refuse = i < 3 ? FY_EFULL : FY_OK;
        f->queue.fail = i < 3 ? FY_OK : FY_EFULL; /* a disk that got full */
        struct http_answer answer =
            http_call(f->port, "POST", path, JSON, i % 3 == 1 ? "[" GOOD "]" : GOOD);
        assert_int_equal(answer.status, 503);
        assert_string_equal(http_header(&answer, "Retry-After"), "1");
        assert_non_null(strstr(answer.body, "\"accepted\":0"));
        http_answer_free(&answer);
    }
    assert_int_equal(f->queue.count, 0);
    f->queue.fail = FY_EFULL;
    f->queue.fail_accepted = 1;
    struct http_answer answer =
        http_call(f->port, "POST", CCS_MANY, JSON, "[" GOOD "," GOOD "," GOOD "]");
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "\"orders\":3,\"accepted\":1"));
    http_answer_free(&answer);
    assert_int_equal(fy_metric_get(&f->node.metrics, FY_M_ORDERS_ACCEPTED), 1);
}

static void a_stopping_process_takes_no_order(void **state)
{
    struct api_fixture *f = *state;
    atomic_store(&f->node.stopping, true);
    assert_int_equal(post(f, CCS_ONE, JSON, GOOD), 503);
    assert_int_equal(post(f, CCS_MANY, LINES, GOOD), 503);
    assert_int_equal(f->queue.count, 0);
}

/* ------------------------------------------------------------------ arrays */

static void an_array_is_published_as_one_batch_in_its_order(void **state)
{
    struct api_fixture *f = *state;
    const char *body = "[" ORDER("site-b", "bucket-3", "x", CREATE) " , " ORDER(
        "site-b", "bucket-3", "x",
        ",\"action\":\"DELETE\",\"opId\":\"own\"") ","
                                                   "{\"fromSite\":\"site-b\",\"bucketName\":"
                                                   "\"bucket-3\",\"action\":\"DELETE\"}]\n";
    assert_int_equal(post(f, CCS_MANY, JSON "x-clonecloudstore-op-id: op\r\n", body), 201);
    assert_int_equal(f->queue.publish_count, 1);
    assert_int_equal(f->queue.count, 3);
    struct fy_order first = published(f, 0), second = published(f, 1), third = published(f, 2);
    assert_string_equal(first.op_id, "op-0");
    assert_string_equal(second.op_id, "own");
    assert_string_equal(third.op_id, "op-2");
    assert_true(fy_stamp_compare(&first.stamp, &second.stamp) < 0);
    assert_true(fy_stamp_compare(&second.stamp, &third.stamp) < 0);
    assert_int_equal(f->queue.records[2].key_bytes, 9); /* bucket 0x00 and no object */
}

static void an_empty_array_is_201_and_nothing_happens(void **state)
{
    struct api_fixture *f = *state;
    assert_int_equal(post(f, CCS_MANY, JSON, "[]"), 201);
    assert_int_equal(post(f, CCS_MANY, JSON, " [ ] "), 201);
    assert_int_equal(f->queue.publish_count, 0);
}

static void one_bad_order_in_an_array_refuses_all_and_is_named(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer =
        http_call(f->port, "POST", CCS_MANY, JSON, "[" GOOD "," GOOD ",{\"action\":\"CREATE\"}]");
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body, "order 2: bucketName is blank"));
    http_answer_free(&answer);
    static const char *const bad[] = {GOOD, "[" GOOD, "[" GOOD ",]", "[" GOOD "] x", "[7]",
                                      "{}", ""};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_int_equal(post(f, CCS_MANY, JSON, bad[i]), 400);
    assert_int_equal(f->queue.count, 0);
}

static void ten_thousand_orders_are_taken_and_one_more_is_413(void **state)
{
    struct api_fixture *f = *state;
    char *body = many(FY_ORDERS_PER_REQUEST_MAX, "[", ",", "]");
    assert_int_equal(post(f, CCS_MANY, JSON, body), 201);
    assert_int_equal(f->queue.count, FY_ORDERS_PER_REQUEST_MAX);
    free(body);
    body = many(FY_ORDERS_PER_REQUEST_MAX + 1, "[", ",", "]");
    assert_int_equal(post(f, CCS_MANY, JSON, body), 413);
    free(body);
    body = many(100000, "[", ",", "]"); /* over 8 MiB too */
    assert_true(strlen(body) > FY_ORDERS_BODY_BYTES_MAX);
    assert_int_equal(post(f, CCS_MANY, JSON, body), 413);
    free(body);
    body = fy_alloc(FY_ORDER_JSON_BYTES + 2);
    memset(body, ' ', FY_ORDER_JSON_BYTES + 1);
    assert_int_equal(post(f, CCS_ONE, JSON, body), 413);
    free(body);
    assert_int_equal(f->queue.count, FY_ORDERS_PER_REQUEST_MAX);
}

/* Its records are never in memory all at once; still none is published before all were checked. */
static void a_large_array_is_checked_whole_and_published_in_groups(void **state)
{
    struct api_fixture *f = *state;
    char *body = many(8000, "[", ",", ",{\"action\":\"CREATE\"}]");
    struct http_answer answer = http_call(f->port, "POST", CCS_MANY, JSON, body);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body, "order 8000: bucketName is blank"));
    http_answer_free(&answer);
    free(body);
    assert_int_equal(f->queue.count, 0);

    body = many(8000, "[", ",", "]");
    assert_int_equal(post(f, CCS_MANY, JSON "x-clonecloudstore-op-id: op\r\n", body), 201);
    assert_int_equal(f->queue.count, 8000);
    assert_true(f->queue.publish_count > 1);
    assert_int_equal(fy_metric_get(&f->node.metrics, FY_M_ORDERS_ACCEPTED), 8000);
    for (size_t i = 0; i < 8000; i += 999) {
        char op_id[16];
        (void)snprintf(op_id, sizeof op_id, "op-%zu", i);
        assert_string_equal(published(f, i).op_id, op_id);
    }

    f->queue.refuse_at = f->queue.publish_count + 2;
    answer = http_call(f->port, "POST", CCS_MANY, JSON, body);
    assert_int_equal(answer.status, 503);
    assert_null(strstr(answer.body, "\"accepted\":0,"));
    assert_null(strstr(answer.body, "\"accepted\":8000"));
    assert_non_null(strstr(answer.body, "\"orders\":8000,"));
    http_answer_free(&answer);
    free(body);
}

static void orders_may_come_as_zstd(void **state)
{
    struct api_fixture *f = *state;
    char *body = many(5000, "[", ",", "]");
    size_t body_bytes = strlen(body), packed_bytes = 0;
    uint8_t *packed = fy_alloc(body_bytes + 1000);
    const uint8_t *in = (const uint8_t *)body;
    struct fy_rezstd *rezstd = fy_rezstd_new();
    bool ended = false;
    while (!ended)
        packed_bytes +=
            fy_rezstd_step(rezstd, &in, &body_bytes, true, packed + packed_bytes, 1000, &ended);
    fy_rezstd_free(rezstd);
    int fd = http_connect(f->port);
    assert_true(http_send(fd,
                          "POST " CCS_MANY " HTTP/1.1\r\nHost: x\r\n" JSON
                          "Content-Encoding: zstd\r\nContent-Length: %zu\r\n\r\n",
                          packed_bytes));
    assert_true(http_send_bytes(fd, packed, packed_bytes));
    struct http_answer answer;
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(answer.status, 201);
    http_answer_free(&answer);
    (void)close(fd);
    assert_int_equal(f->queue.count, 5000);
    free(packed);
    free(body);
}

/* ------------------------------------------------------------------ Ferry's own door */

static void ferrys_door_routes_by_to_site(void **state)
{
    struct api_fixture *f = *state;
    static const struct {
        const char *order;
        size_t records;
        const char *topics[2];
        const char *from;
    } rows[] = {
        {"\"fromSite\":\"site-b\",\"toSite\":\"site-a\"", 1, {FY_TOPIC_ACTION}, "site-b"},
        {"\"toSite\":\"site-b\"", 1, {FY_TOPIC_REPLICATION}, "site-a"},
        {"\"fromSite\":\"site-c\",\"toSite\":\"site-b\"", 1, {FY_TOPIC_REPLICATION}, "site-c"},
        {"\"fromSite\":\"site-a\"", 1, {FY_TOPIC_REPLICATION}, "site-a"},
        {"\"fromSite\":null,\"toSite\":null", 1, {FY_TOPIC_REPLICATION}, "site-a"},
        /* From elsewhere to all: we are one of them. */
        {"\"fromSite\":\"site-b\"", 2, {FY_TOPIC_ACTION, FY_TOPIC_REPLICATION}, "site-b"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        size_t before = f->queue.count;
        char body[400];
        (void)snprintf(body, sizeof body, "{%s,\"bucketName\":\"bucket-1\",\"action\":\"CREATE\"}",
                       rows[i].order);
        struct http_answer answer =
            http_call(f->port, "POST", FERRY, JSON "x-clonecloudstore-op-id: me\r\n", body);
        assert_int_equal(answer.status, 201);
        assert_string_equal(answer.body, "{\"opId\":\"me\",\"accepted\":1}");
        http_answer_free(&answer);
        assert_int_equal(f->queue.count, before + rows[i].records);
        for (size_t r = 0; r < rows[i].records; r++) {
            struct fy_order order = published(f, before + r);
            assert_string_equal(f->queue.records[before + r].topic, rows[i].topics[r]);
            assert_string_equal(order.from_site, rows[i].from);
            assert_string_equal(order.stamp.site, rows[i].from);
        }
    }
    assert_int_equal(
        post(f, FERRY, JSON, ORDER("site-a", "bucket-1", "o", CREATE ",\"toSite\":\"site-a\"")),
        400);
    assert_int_equal(
        post(f, FERRY, JSON, ORDER("site-b", "bucket-1", "o", CREATE ",\"toSite\":\"site-b\"")),
        400);
}

static void ferrys_door_takes_arrays_and_lines_too(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer = http_call(
        f->port, "POST", FERRY, JSON "x-clonecloudstore-op-id: a\r\n", " \n[" GOOD "," GOOD "]");
    assert_string_equal(answer.body, "{\"opId\":\"a\",\"accepted\":2}");
    http_answer_free(&answer);
    answer =
        http_call(f->port, "POST", FERRY, LINES "x-clonecloudstore-op-id: b\r\n", GOOD "\n" GOOD);
    assert_string_equal(answer.body, "{\"opId\":\"b\",\"accepted\":2}");
    http_answer_free(&answer);
    assert_string_equal(published(f, f->queue.count - 1).op_id, "b-1");
    /* 10,000 orders that become 20,000 records are more than one publish. */
    char *body = many(FY_ORDERS_PER_REQUEST_MAX, "[", ",", "]");
    size_t before = f->queue.count;
    assert_int_equal(post(f, FERRY, JSON, body), 201);
    assert_int_equal(f->queue.count, before + 2 * FY_ORDERS_PER_REQUEST_MAX);
    free(body);
}

/* ------------------------------------------------------------------ lines */

static void lines_are_published_in_groups(void **state)
{
    struct api_fixture *f = *state;
    char *body = many(2500, "", "\n", "\n");
    assert_int_equal(post(f, CCS_MANY, LINES "x-clonecloudstore-op-id: op\r\n", body), 201);
    free(body);
    assert_int_equal(f->queue.count, 2500);
    assert_int_equal(f->queue.publish_count, 3);
    assert_string_equal(published(f, 2499).op_id, "op-2499");
    /* Blank lines and carriage returns do not count. */
    assert_int_equal(post(f, CCS_MANY, LINES, "\n" GOOD "\r\n  \n" GOOD " \t\n\n"), 201);
    assert_int_equal(f->queue.count, 2502);
    assert_int_equal(post(f, CCS_MANY, LINES, ""), 400);
}

static struct http_answer post_lines(struct api_fixture *f, const char *body)
{
    return http_call(f->port, "POST", CCS_MANY, LINES, body);
}

static void the_first_bad_line_ends_it_and_what_went_before_stays(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer =
        post_lines(f, GOOD "\n\n" GOOD "\n{\"action\":\"FROB\"}\n" GOOD "\n");
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body, "{\"accepted\":2,\"line\":4,\"error\":\"action "));
    http_answer_free(&answer);
    assert_int_equal(f->queue.count, 2);

    /* In the last line, which has no end; and a line over the bound. */
    answer = post_lines(f, GOOD "\n{\"acti");
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body, "{\"accepted\":1,\"line\":2,"));
    http_answer_free(&answer);
    char *body = fy_alloc(3 * FY_ORDER_JSON_BYTES);
    memset(body, 'x', 3 * FY_ORDER_JSON_BYTES - 1);
    memcpy(body, GOOD "\n", strlen(GOOD) + 1);
    answer = post_lines(f, body);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(answer.body, "{\"accepted\":1,\"line\":2,"));
    http_answer_free(&answer);
    free(body);
}

static void a_queue_that_fills_up_midway_says_how_far_it_came(void **state)
{
    struct api_fixture *f = *state;
    f->queue.refuse = FY_EFULL;
    char *body = many(2500, "", "\n", "\n");
    struct http_answer answer = post_lines(f, body);
    assert_int_equal(answer.status, 503);
    assert_string_equal(http_header(&answer, "Retry-After"), "1");
    assert_non_null(strstr(answer.body, "{\"accepted\":0,\"line\":1000,"));
    http_answer_free(&answer);
    free(body);
}

/* Far more than any buffer, on a connection that dribbles: constant memory, every line once. */
static void lines_without_number_stream_through(void **state)
{
    struct api_fixture *f = *state;
    int fd = http_connect(f->port);
    assert_true(http_send(fd, "POST " CCS_MANY " HTTP/1.1\r\nHost: x\r\n" LINES
                              "Transfer-Encoding: chunked\r\n\r\n"));
    char *body = many(100, "", "\n", "\n");
    size_t body_bytes = strlen(body);
    for (int i = 0; i < 300; i++)
        for (size_t at = 0; at < body_bytes; at += 4999) {
            size_t piece = body_bytes - at < 4999 ? body_bytes - at : 4999;
            assert_true(http_send(fd, "%zx\r\n%.*s\r\n", piece, (int)piece, body + at));
        }
    assert_true(http_send(fd, "0\r\n\r\n"));
    struct http_answer answer;
    assert_true(http_read(fd, false, &answer));
    assert_int_equal(answer.status, 201);
    http_answer_free(&answer);
    (void)close(fd);
    free(body);
    assert_int_equal(f->queue.count, 30000);
    assert_true(f->queue.publish_count >= 30);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_order_becomes_a_record_with_all_it_lacked),
        TEST(what_an_order_says_itself_is_kept),
        TEST(bad_orders_are_400_and_nothing_is_published),
        TEST(what_ccs_clients_send_is_taken),
        TEST(the_content_type_must_be_json),
        TEST(the_answer_waits_for_the_queue),
        TEST(a_full_queue_is_503_with_retry_after),
        TEST(a_stopping_process_takes_no_order),
        TEST(an_array_is_published_as_one_batch_in_its_order),
        TEST(an_empty_array_is_201_and_nothing_happens),
        TEST(one_bad_order_in_an_array_refuses_all_and_is_named),
        TEST(ten_thousand_orders_are_taken_and_one_more_is_413),
        TEST(a_large_array_is_checked_whole_and_published_in_groups),
        TEST(orders_may_come_as_zstd),
        TEST(ferrys_door_routes_by_to_site),
        TEST(ferrys_door_takes_arrays_and_lines_too),
        TEST(lines_are_published_in_groups),
        TEST(the_first_bad_line_ends_it_and_what_went_before_stays),
        TEST(a_queue_that_fills_up_midway_says_how_far_it_came),
        TEST(lines_without_number_stream_through),
    };
    return cmocka_run_group_tests_name("api_orders", tests, NULL, NULL);
}
