/* order_json_test.c - one order in and out of JSON (spec 3.1), and every way of refusing one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/order_json.h"
#include <cmocka.h>

static enum fy_code parse(const char *json, struct fy_order *order, struct fy_err *err)
{
    size_t size_bytes = strlen(json);
    char *text = fy_memdup(json, size_bytes); /* no zero byte behind it */
    enum fy_code code = fy_order_json_parse(text, size_bytes, order, err);
    free(text);
    return code;
}

static struct fy_order taken(const char *json)
{
    struct fy_order order;
    struct fy_err err = {0};
    if (parse(json, &order, &err) != FY_OK)
        fail_msg("%s: %s", json, err.text);
    return order;
}

/* The order is refused, and the sentence holds the word. */
static void refused(const char *json, const char *word)
{
    struct fy_order order;
    memset(&order, 0x5a, sizeof(order));
    struct fy_order before = order;
    struct fy_err err = {0};
    if (parse(json, &order, &err) != FY_EINPUT)
        fail_msg("%.200s was taken", json);
    assert_int_equal(err.code, FY_EINPUT);
    if (strstr(err.text, word) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, word);
    assert_memory_equal(&order, &before, sizeof(order));
}

static void the_order_of_the_spec_is_read(void **state)
{
    (void)state;
    struct fy_order order = taken(
        "{\"opId\":\"k5b9\",\"fromSite\":\"site-a\",\"toSite\":\"site-b\",\"clientId\":\"client-"
        "1\","
        "\"bucketName\":\"bucket-1\",\"objectName\":\"dir/o1\",\"size\":120,"
        "\"hash\":\"kjq2aoapt9nr4ep7te65teefn4438tcobsqll1e7hnkf5vnimem0\",\"action\":\"CREATE\"}");
    assert_string_equal(order.op_id, "k5b9");
    assert_string_equal(order.from_site, "site-a");
    assert_string_equal(order.to_site, "site-b");
    assert_string_equal(order.client, "client-1");
    assert_string_equal(order.bucket, "bucket-1");
    assert_string_equal(order.object, "dir/o1");
    assert_int_equal(order.size, 120);
    assert_string_equal(order.hash, "kjq2aoapt9nr4ep7te65teefn4438tcobsqll1e7hnkf5vnimem0");
    assert_int_equal(order.action, FY_ACTION_CREATE);
    assert_true(fy_stamp_is_zero(&order.stamp));
    assert_int_equal(order.ordered_at_ms, 0);
    assert_string_equal(order.account, "");
}

static void ferry_s_own_keys_are_read(void **state)
{
    (void)state;
    struct fy_order order =
        taken("{\"action\":\"DELETE\",\"stamp\":\"00018f3a5b6c0001@site-a\",\"account\":\"owner\","
              "\"orderedAt\":\"2024-02-21T11:27:52.867Z\",\"given\":true,\"overwrites\":true}");
    assert_true(order.given);
    assert_true(order.overwrites);
    assert_int_equal(order.stamp.time, 0x00018f3a5b6c0001);
    assert_string_equal(order.stamp.site, "site-a");
    assert_int_equal(order.ordered_at_ms, 1708514872867);
    assert_string_equal(order.account, "owner");
}

static void null_and_missing_keys_are_absent_and_others_are_ignored(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"action\":\"UPDATE\"}",
        " { \"action\" : \"UPDATE\" } \n",
        "{\"opId\":null,\"fromSite\":null,\"toSite\":null,\"clientId\":null,\"bucketName\":null,"
        "\"objectName\":null,\"size\":null,\"hash\":null,\"action\":\"UPDATE\",\"stamp\":null,"
        "\"orderedAt\":null,\"account\":null,\"given\":null,\"overwrites\":null}",
        "{\"given\":false,\"action\":\"UPDATE\",\"overwrites\":false}",
        "{\"x\":1,\"action\":\"UPDATE\",\"y\":{\"opId\":[\"deep\",{\"size\":-1}]},\"OPID\":7}",
        "{\"opId\":\"\",\"action\":\"UPDATE\",\"size\":0}",
    };
    struct fy_order expected = {.action = FY_ACTION_UPDATE};
    for (size_t i = 0; i < FY_COUNT_OF(texts); i++) {
        struct fy_order order = taken(texts[i]);
        assert_memory_equal(&order, &expected, sizeof(order));
    }
}

static void wrong_types_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const keys[] = {"opId",       "fromSite",   "toSite", "clientId",
                                       "bucketName", "objectName", "hash",   "action",
                                       "stamp",      "orderedAt",  "account"};
    static const char *const values[] = {"1", "1.5", "true", "[]", "{}", "[\"a\"]"};
    for (size_t i = 0; i < FY_COUNT_OF(keys); i++) {
        for (size_t j = 0; j < FY_COUNT_OF(values); j++) {
            char json[200];
            const char *action = strcmp(keys[i], "action") == 0 ? "" : "\"action\":\"CREATE\",";
            (void)snprintf(json, sizeof(json), "{%s\"%s\":%s}", action, keys[i], values[j]);
            refused(json, keys[i]);
        }
    }
    refused("{\"action\":\"CREATE\",\"given\":1}", "given");
    refused("{\"action\":\"CREATE\",\"given\":\"true\"}", "given");
    refused("{\"action\":\"CREATE\",\"overwrites\":0}", "overwrites");
    refused("{\"action\":\"CREATE\",\"size\":\"120\"}", "size");
    refused("{\"action\":\"CREATE\",\"size\":1.0}", "size");
    refused("{\"action\":\"CREATE\",\"size\":true}", "size");
    refused("{\"action\":\"CREATE\",\"size\":-1}", "size");
    refused("{\"action\":\"CREATE\",\"size\":9223372036854775808}", "not JSON");
    assert_int_equal(taken("{\"action\":\"CREATE\",\"size\":9223372036854775807}").size, INT64_MAX);
}

static void actions_outside_the_enum_are_refused(void **state)
{
    (void)state;
    refused("{}", "action is missing");
    refused("{\"action\":null}", "action is missing");
    refused("{\"action\":\"FROB\"}", "FROB");
    refused("{\"action\":\"create\"}", "action");
    refused("{\"action\":\"\"}", "action");
    refused("{\"action\":\"CREATE \"}", "action");
    assert_int_equal(taken("{\"action\":\"UNKNOWN\"}").action, FY_ACTION_UNKNOWN);
}

static void texts_fill_their_field_and_no_more(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t bytes_max;
    } rows[] = {
        {"opId", FY_OP_ID_BYTES_MAX},        {"fromSite", FY_SITE_BYTES_MAX},
        {"toSite", FY_SITE_BYTES_MAX},       {"clientId", FY_CLIENT_BYTES_MAX},
        {"bucketName", FY_BUCKET_BYTES_MAX}, {"objectName", FY_OBJECT_BYTES_MAX},
        {"hash", FY_HASH_BYTES_MAX},         {"account", FY_CLIENT_BYTES_MAX},
    };
    char text[FY_OBJECT_BYTES_MAX + 2];
    char json[FY_OBJECT_BYTES_MAX + 100];
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        memset(text, 'a', sizeof(text));
        text[rows[i].bytes_max] = '\0';
        (void)snprintf(json, sizeof(json), "{\"action\":\"CREATE\",\"%s\":\"%s\"}", rows[i].key,
                       text);
        struct fy_order order = taken(json);
        struct fy_buf buf;
        fy_buf_init(&buf, FY_ORDER_JSON_BYTES);
        fy_order_json_write(&order, &buf);
        assert_non_null(strstr(buf.bytes, text));
        fy_buf_done(&buf);

        text[rows[i].bytes_max] = 'a';
        text[rows[i].bytes_max + 1] = '\0';
        (void)snprintf(json, sizeof(json), "{\"action\":\"CREATE\",\"%s\":\"%s\"}", rows[i].key,
                       text);
        refused(json, rows[i].key);
    }
}

static void texts_that_are_not_one_json_object_are_refused(void **state)
{
    (void)state;
    refused("", "not JSON");
    refused("{", "not JSON");
    refused("{\"action\":\"CREATE\"} x", "not JSON");
    refused("{\"action\":\"CREATE\"}{}", "not JSON");
    refused("{'action':'CREATE'}", "not JSON");
    refused("{\"action\":\"CREATE\",}", "not JSON");
    refused("[{\"action\":\"CREATE\"}]", "object");
    refused("\"CREATE\"", "object");
    refused("null", "object");
    refused("7", "object");
}

static void doubtful_bytes_are_refused(void **state)
{
    (void)state;
    refused("{\"action\":\"CREATE\",\"action\":\"DELETE\"}", "action");
    refused("{\"action\":\"CREATE\",\"x\":1,\"x\":1}", "x");
    refused("{\"action\":\"CREATE\",\"bucketName\":\"a\\u0000b\"}", "u0000");
    refused("{\"action\":\"CREATE\",\"bucketName\":\"\xff\"}", "not JSON");
    refused("{\"action\":\"CREATE\",\"bucketName\":\"\\ud800\"}", "not JSON");
    refused("{\"action\":\"CREATE\",\"stamp\":\"00018F3A5B6C0001@site-a\"}", "stamp");
    refused("{\"action\":\"CREATE\",\"stamp\":\"\"}", "stamp");
    refused("{\"action\":\"CREATE\",\"orderedAt\":\"2024-02-21\"}", "orderedAt");
    refused("{\"action\":\"CREATE\",\"orderedAt\":\"\"}", "orderedAt");

    struct fy_order order;
    const char zero[] = "{\"action\":\"CREATE\",\"bucketName\":\"a\0b\"}";
    assert_int_equal(fy_order_json_parse(zero, sizeof(zero) - 1, &order, NULL), FY_EINPUT);
    const char after[] = "{\"action\":\"CREATE\"}\0";
    assert_int_equal(fy_order_json_parse(after, sizeof(after) - 1, &order, NULL), FY_EINPUT);
}

static void deep_and_huge_texts_are_refused_before_they_are_built(void **state)
{
    (void)state;
    char *json = fy_alloc(FY_ORDER_JSON_BYTES + 64);
    memset(json, '[', FY_ORDER_JSON_BYTES);
    refused(json, "levels");
    json[FY_ORDER_JSON_BYTES] = '[';
    refused(json, "bytes");

    /* Exactly the bound is taken. */
    const char *order = "{\"action\":\"CREATE\"}";
    memset(json, ' ', FY_ORDER_JSON_BYTES);
    memcpy(json, order, strlen(order));
    json[FY_ORDER_JSON_BYTES] = '\0';
    assert_int_equal(taken(json).action, FY_ACTION_CREATE);
    free(json);
}

static void what_is_written_has_all_nine_keys(void **state)
{
    (void)state;
    struct fy_order order = {.action = FY_ACTION_DELETE};
    struct fy_buf buf;
    fy_buf_init(&buf, FY_ORDER_JSON_BYTES);
    fy_buf_text(&buf, "[");
    fy_order_json_write(&order, &buf);
    assert_string_equal(buf.bytes,
                        "[{\"opId\":null,\"fromSite\":null,\"toSite\":null,\"clientId\":null,"
                        "\"bucketName\":null,\"objectName\":null,\"size\":0,\"hash\":null,"
                        "\"action\":\"DELETE\"}");
    fy_buf_clear(&buf);
    order = taken(
        "{\"opId\":\"k5b9\",\"fromSite\":\"site-a\",\"clientId\":\"c-1\",\"bucketName\":\"b-1\","
        "\"size\":5,\"action\":\"CREATE\",\"stamp\":\"00018f3a5b6c0001@site-a\","
        "\"orderedAt\":\"2024-02-21T11:27:52Z\",\"account\":\"own\",\"given\":true,"
        "\"overwrites\":true}");
    fy_order_json_write(&order, &buf);
    assert_string_equal(
        buf.bytes, "{\"opId\":\"k5b9\",\"fromSite\":\"site-a\",\"toSite\":null,"
                   "\"clientId\":\"c-1\",\"bucketName\":\"b-1\",\"objectName\":null,\"size\":5,"
                   "\"hash\":null,\"action\":\"CREATE\",\"stamp\":\"00018f3a5b6c0001@site-a\","
                   "\"orderedAt\":\"2024-02-21T11:27:52Z\",\"account\":\"own\","
                   "\"given\":true,\"overwrites\":true}");
    fy_buf_done(&buf);
}

/* Fills a field with as many of these characters as fit. */
static void fill(char *field, size_t field_bytes, const char *character)
{
    size_t step = strlen(character);
    for (size_t i = 0; i + step < field_bytes; i += step)
        memcpy(field + i, character, step);
}

/* The worst texts: every byte needs an escape, every field is full. */
static void any_order_is_read_as_it_was_written(void **state)
{
    (void)state;
    static const char *const characters[] = {"\x01", "\"",       "\\",
                                             "/",    "\xc3\xa9", "\xf0\x9f\x9a\xa2"};
    for (size_t i = 0; i < FY_COUNT_OF(characters); i++) {
        struct fy_order order = {.action = FY_ACTION_CREATE, .size = INT64_MAX};
        order.ordered_at_ms = 253402300799999;
        order.given = order.overwrites = true;
        order.stamp.time = UINT64_MAX;
        fill(order.stamp.site, sizeof(order.stamp.site), "s");
        fill(order.op_id, sizeof(order.op_id), characters[i]);
        fill(order.from_site, sizeof(order.from_site), characters[i]);
        fill(order.to_site, sizeof(order.to_site), characters[i]);
        fill(order.client, sizeof(order.client), characters[i]);
        fill(order.account, sizeof(order.account), characters[i]);
        fill(order.bucket, sizeof(order.bucket), characters[i]);
        fill(order.object, sizeof(order.object), characters[i]);
        fill(order.hash, sizeof(order.hash), characters[i]);

        struct fy_buf buf;
        fy_buf_init(&buf, FY_ORDER_JSON_BYTES);
        fy_order_json_write(&order, &buf);
        assert_false(buf.overflow);
        struct fy_order back = {0};
        struct fy_err err = {0};
        if (fy_order_json_parse(buf.bytes, buf.size_bytes, &back, &err) != FY_OK)
            fail_msg("%s", err.text);
        assert_memory_equal(&back, &order, sizeof(order));
        fy_buf_done(&buf);
    }
}

/* A key that an order does not have: the whole text goes to the library. */
static enum fy_code parse_by_library(const char *json, struct fy_order *order, struct fy_err *err)
{
    char *text = NULL;
    assert_true(asprintf(&text, "{\"x\":0,%s", json + 1) > 0);
    enum fy_code code = parse(text, order, err);
    free(text);
    return code;
}

static void read_alike(const char *json)
{
    struct fy_err err = {0};
    struct fy_order order = {0};
    struct fy_order same = {0};
    enum fy_code code = parse(json, &order, &err);
    if (code != parse_by_library(json, &same, &err))
        fail_msg("%s is %s, with another key it is not", json, code == FY_OK ? "taken" : "refused");
    assert_memory_equal(&order, &same, sizeof(order));
}

/* One byte of an order is another one, or the order ends there: at every place. */
static void both_readers_take_the_same_and_mean_the_same(void **state)
{
    (void)state;
    static const char order[] =
        "{\"opId\":\"k5\",\"fromSite\":null,\"clientId\":\"c-1\", \"bucketName\":\"b-1\","
        "\"objectName\" : \"o/1\",\"size\":1203,\"action\":\"CREATE\","
        "\"stamp\":\"00018f3a5b6c0001@site-a\",\"orderedAt\":\"2024-02-21T11:27:52Z\",\"account\":"
        "\"own\",\"given\":true,\"overwrites\":true,\"toSite\":\"site-b\"}\n";
    static const char bytes[] = "{}[]:,\"\\/ \t\n\x01\x7f\xc3\xa9-+.0195aEeunlzfrs@TZ";
    read_alike(order);
    char json[sizeof(order) + 1] = {0}; /* also with a byte behind the last one */
    for (size_t at = 1; at < sizeof(order); at++) {
        for (size_t i = 0; i < sizeof(bytes); i++) { /* the last one is the zero byte */
            memcpy(json, order, sizeof(order));
            json[at] = bytes[i];
            read_alike(json);
        }
    }
    static const char *const sizes[] = {"0",
                                        "00",
                                        "-0",
                                        "01",
                                        "1e2",
                                        "1.",
                                        "999999999999999999",
                                        "1000000000000000000",
                                        "9223372036854775808",
                                        "",
                                        "nul"};
    for (size_t i = 0; i < FY_COUNT_OF(sizes); i++) {
        (void)snprintf(json, sizeof(json), "{\"action\":\"CREATE\",\"size\":%s}", sizes[i]);
        read_alike(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_the_spec_is_read),
        cmocka_unit_test(ferry_s_own_keys_are_read),
        cmocka_unit_test(null_and_missing_keys_are_absent_and_others_are_ignored),
        cmocka_unit_test(wrong_types_are_refused_by_name),
        cmocka_unit_test(actions_outside_the_enum_are_refused),
        cmocka_unit_test(texts_fill_their_field_and_no_more),
        cmocka_unit_test(texts_that_are_not_one_json_object_are_refused),
        cmocka_unit_test(doubtful_bytes_are_refused),
        cmocka_unit_test(deep_and_huge_texts_are_refused_before_they_are_built),
        cmocka_unit_test(what_is_written_has_all_nine_keys),
        cmocka_unit_test(any_order_is_read_as_it_was_written),
        cmocka_unit_test(both_readers_take_the_same_and_mean_the_same),
    };
    return cmocka_run_group_tests_name("order_json", tests, NULL, NULL);
}
