/* buf_test.c - text that grows to its bound and not beyond, and JSON that any reader takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/core/buf.h"

static void text_grows_piece_by_piece(void **state)
{
    (void)state;
    struct fy_buf buf;
    fy_buf_init(&buf, 100000);
    for (int i = 0; i < 5000; i++)
        fy_buf_printf(&buf, "%d,", i % 10);
    fy_buf_add(&buf, "a\0b", 3);
    assert_int_equal(buf.size_bytes, 10003);
    assert_memory_equal(buf.bytes, "0,1,2,3,4,5,", 12);
    assert_int_equal(buf.bytes[buf.size_bytes], '\0');
    assert_false(buf.overflow);
    assert_true(buf.capacity_bytes <= 100001);
    fy_buf_clear(&buf);
    assert_int_equal(buf.size_bytes, 0);
    fy_buf_text(&buf, "again");
    assert_string_equal(buf.bytes, "again");
    fy_buf_done(&buf);
    fy_buf_text(&buf, "usable");
    assert_string_equal(buf.bytes, "usable");
    fy_buf_done(&buf);
    fy_buf_done(&buf);
}

static void what_does_not_fit_is_dropped_and_said(void **state)
{
    (void)state;
    struct fy_buf buf;
    fy_buf_init(&buf, 5);
    fy_buf_text(&buf, "12345"); /* exactly the bound */
    assert_false(buf.overflow);
    fy_buf_text(&buf, "");
    assert_false(buf.overflow);
    fy_buf_text(&buf, "6");
    assert_true(buf.overflow);
    assert_string_equal(buf.bytes, "12345");
    fy_buf_clear(&buf);
    assert_false(buf.overflow);
    fy_buf_printf(&buf, "%d", 123456);
    assert_true(buf.overflow);
    fy_buf_text(&buf, "1"); /* would fit, but the text would have a hole */
    assert_int_equal(buf.size_bytes, 0);
    fy_buf_done(&buf);
}

static void taken_bytes_are_the_caller_s_and_never_null(void **state)
{
    (void)state;
    struct fy_buf buf;
    fy_buf_init(&buf, 100);
    size_t size_bytes = 9;
    char *bytes = fy_buf_take(&buf, &size_bytes);
    assert_string_equal(bytes, "");
    assert_int_equal(size_bytes, 0);
    free(bytes);
    fy_buf_text(&buf, "moved");
    bytes = fy_buf_take(&buf, NULL);
    assert_string_equal(bytes, "moved");
    assert_null(buf.bytes);
    free(bytes);
    fy_buf_done(&buf);
}

static void json_text(const char *text, const char *expected)
{
    struct fy_buf buf;
    fy_buf_init(&buf, 1000);
    fy_buf_json_text(&buf, text);
    assert_string_equal(buf.bytes, expected);
    fy_buf_done(&buf);
}

static void json_texts_are_escaped_and_made_utf8(void **state)
{
    (void)state;
    json_text(NULL, "null");
    json_text("", "\"\"");
    json_text("plain", "\"plain\"");
    json_text("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
    json_text("\b\t\n\f\r\x01\x1f\x7f", "\"\\u0008\\t\\n\\u000c\\r\\u0001\\u001f\x7f\"");
    json_text("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\xa2",
              "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9a\xa2\"");
    json_text("a\xff"
              "b",
              "\"a\xef\xbf\xbd"
              "b\"");
    json_text("\xc3", "\"\xef\xbf\xbd\"");
    json_text("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    json_text("\xe2\x82"
              "x\n",
              "\"\xef\xbf\xbd\xef\xbf\xbdx\\n\"");
}

static void arrays_get_their_commas(void **state)
{
    (void)state;
    struct fy_buf buf;
    fy_buf_init(&buf, 1000);
    fy_buf_text(&buf, "[");
    for (int i = 0; i < 3; i++) {
        fy_buf_json_next(&buf);
        fy_buf_text(&buf, "{");
        fy_buf_json_str(&buf, "a", "[");
        fy_buf_text(&buf, "}");
    }
    fy_buf_json_next(&buf);
    fy_buf_json_text(&buf, "[");
    fy_buf_json_next(&buf);
    fy_buf_text(&buf, "[]]");
    assert_string_equal(buf.bytes, "[{\"a\":\"[\"},{\"a\":\"[\"},{\"a\":\"[\"},\"[\",[]]");
    fy_buf_done(&buf);
}

static void objects_get_their_commas(void **state)
{
    (void)state;
    struct fy_buf buf;
    fy_buf_init(&buf, 1000);
    fy_buf_text(&buf, "[{");
    fy_buf_json_str(&buf, "a", "x{");
    fy_buf_json_str(&buf, "b", NULL);
    fy_buf_json_i64(&buf, "c", INT64_MIN);
    fy_buf_json_bool(&buf, "d", true);
    fy_buf_json_bool(&buf, "e", false);
    fy_buf_json_instant(&buf, "f", 1708514872867);
    fy_buf_json_instant(&buf, "g", 0);
    fy_buf_json_key(&buf, "h");
    fy_buf_text(&buf, "{");
    fy_buf_json_i64(&buf, "i", 1);
    fy_buf_text(&buf, "}}]");
    assert_string_equal(buf.bytes,
                        "[{\"a\":\"x{\",\"b\":null,\"c\":-9223372036854775808,\"d\":true,"
                        "\"e\":false,\"f\":\"2024-02-21T11:27:52.867Z\",\"g\":null,"
                        "\"h\":{\"i\":1}}]");
    fy_buf_done(&buf);
}

/* Any bytes at all: what is written is JSON, and valid UTF-8 comes back as it went in. */
static void whatever_goes_in_another_reader_understands(void **state)
{
    (void)state;
    unsigned seed = 20240221;
    for (int round = 0; round < 2000; round++) {
        char text[40];
        size_t size_bytes = (size_t)rand_r(&seed) % (sizeof(text) - 1);
        for (size_t i = 0; i < size_bytes; i++)
            text[i] = (char)(unsigned char)(rand_r(&seed) % 255 + 1);
        text[size_bytes] = '\0';
        struct fy_buf buf;
        fy_buf_init(&buf, 1000);
        fy_buf_json_text(&buf, text);
        json_t *value = json_loadb(buf.bytes, buf.size_bytes, JSON_DECODE_ANY, NULL);
        if (value == NULL)
            fail_msg("round %d: %s", round, buf.bytes);
        json_t *same = json_string(text);
        if (same != NULL)
            assert_string_equal(json_string_value(value), text);
        json_decref(same);
        json_decref(value);
        fy_buf_done(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_piece_by_piece),
        cmocka_unit_test(what_does_not_fit_is_dropped_and_said),
        cmocka_unit_test(taken_bytes_are_the_caller_s_and_never_null),
        cmocka_unit_test(json_texts_are_escaped_and_made_utf8),
        cmocka_unit_test(arrays_get_their_commas),
        cmocka_unit_test(objects_get_their_commas),
        cmocka_unit_test(whatever_goes_in_another_reader_understands),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
