/* diff_json_test.c - what other sites answer to a comparison, taken or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/adapters/diff_json.h"
#include "common/core/buf.h"

#define SUM   "0123456789abcdef0123456789abcdef"
#define PART  "{\"until\":\"o1\",\"count\":2,\"sum\":\"" SUM "\"}"
#define END   "{\"until\":null,\"count\":0,\"sum\":\"00000000000000000000000000000000\"}"
#define STAMP "00018f3a5b6c0001@site-a"
#define OBJECT                                                                                     \
    "{\"name\":\"o1\",\"size\":3,\"hash\":\"h\",\"status\":\"READY\",\"stamp\":\"" STAMP "\"}"

static void parts_are_read_to_the_end_of_the_range(void **state)
{
    static const char json[] = "{\"parts\":[" PART "," END "],\"more\":1}";
    struct fy_diff_parts *parts = fy_alloc(sizeof *parts);
    struct fy_err err = {0};
    char text[FY_SUM_DIGITS + 1];
    (void)state;
    assert_int_equal(fy_diff_json_parts(json, sizeof json - 1, parts, &err), FY_OK);
    assert_int_equal(parts->count, 2);
    assert_string_equal(parts->parts[0].until, "o1");
    assert_int_equal(parts->parts[0].count, 2);
    fy_sum_print(&parts->parts[0].sum, text);
    assert_string_equal(text, SUM);
    assert_string_equal(parts->parts[1].until, "");
    free(parts);
}

static void parts_that_are_none_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{\"parts\":[]}",
        "{\"parts\":{}}",
        "{\"parts\":[{}]}",
        "{\"parts\":[" END "," PART "]}",
        "{\"parts\":[{\"until\":\"\",\"count\":2,\"sum\":\"" SUM "\"}]}",
        "{\"parts\":[{\"until\":1,\"count\":2,\"sum\":\"" SUM "\"}]}",
        "{\"parts\":[{\"count\":2,\"sum\":\"" SUM "\"}]}",
        "{\"parts\":[{\"until\":null,\"count\":-1,\"sum\":\"" SUM "\"}]}",
        "{\"parts\":[{\"until\":null,\"count\":1.5,\"sum\":\"" SUM "\"}]}",
        "{\"parts\":[{\"until\":null,\"count\":1,\"sum\":\"" SUM "0\"}]}",
        "{\"parts\":[{\"until\":null,\"count\":1,\"sum\":null}]}",
        "{\"parts\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
    };
    struct fy_diff_parts *parts = fy_alloc(sizeof *parts);
    (void)state;
    for (size_t index = 0; index < FY_COUNT_OF(texts); index++) {
        struct fy_err err = {0};
        assert_int_equal(fy_diff_json_parts(texts[index], strlen(texts[index]), parts, &err),
                         FY_EPEER);
        assert_non_null(strstr(err.text, "the answer is not what a site says"));
    }
    free(parts);
}

static void rows_are_read_with_what_is_known_of_them(void **state)
{
    static const char json[] =
        "{\"objects\":[" OBJECT ",{\"name\":\"o2\",\"size\":0,\"hash\":null,\"status\":\"DELETED\"}"
        "],\"next\":\"o2\"}";
    struct fy_diff_rows *rows = fy_alloc(sizeof *rows);
    struct fy_err err = {0};
    char stamp[FY_STAMP_TEXT_BYTES];
    (void)state;
    assert_int_equal(fy_diff_json_rows(json, sizeof json - 1, rows, &err), FY_OK);
    assert_int_equal(rows->count, 2);
    assert_true(rows->more);
    assert_string_equal(rows->rows[0].name, "o1");
    assert_string_equal(rows->rows[0].hash, "h");
    assert_int_equal(rows->rows[0].size, 3);
    assert_true(rows->rows[0].ready);
    fy_stamp_print(&rows->rows[0].stamp, stamp);
    assert_string_equal(stamp, STAMP);
    assert_false(rows->rows[1].ready);
    assert_string_equal(rows->rows[1].hash, "");
    assert_true(fy_stamp_is_zero(&rows->rows[1].stamp));
    free(rows);
}

static void rows_that_are_none_are_refused(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"objects\":[1]}",
        "{\"objects\":[{\"name\":\"\",\"size\":3,\"status\":\"READY\"}]}",
        "{\"objects\":[{\"name\":\"a\\u0000b\",\"size\":3,\"status\":\"READY\"}]}",
        "{\"objects\":[{\"name\":\"o\",\"size\":-3,\"status\":\"READY\"}]}",
        "{\"objects\":[{\"name\":\"o\",\"size\":3,\"status\":\"READ\"}]}",
        "{\"objects\":[{\"name\":\"o\",\"size\":3}]}",
        "{\"objects\":[{\"name\":\"o\",\"size\":3,\"status\":\"READY\",\"stamp\":\"1@a\"}]}",
        "{\"objects\":[{\"name\":\"o\",\"size\":3,\"status\":\"READY\",\"hash\":1}]}",
    };
    struct fy_diff_rows *rows = fy_alloc(sizeof *rows);
    (void)state;
    for (size_t index = 0; index < FY_COUNT_OF(texts); index++) {
        struct fy_err err = {0};
        assert_int_equal(fy_diff_json_rows(texts[index], strlen(texts[index]), rows, &err),
                         FY_EPEER);
    }
    free(rows);
}

static void more_than_was_asked_for_is_refused(void **state)
{
    struct fy_buf json;
    struct fy_err err = {0};
    struct fy_diff_rows *rows = fy_alloc(sizeof *rows);
    struct fy_diff_parts *parts = fy_alloc(sizeof *parts);
    (void)state;
    fy_buf_init(&json, 1 << 20);
    fy_buf_text(&json, "{\"parts\":[");
    for (int index = 0; index < FY_DIFF_PARTS; index++)
        fy_buf_text(&json, PART ",");
    fy_buf_text(&json, END "],\"objects\":[" OBJECT);
    for (int index = 0; index < FY_DIFF_ROWS; index++)
        fy_buf_text(&json, "," OBJECT);
    fy_buf_text(&json, "]}");
    assert_int_equal(fy_diff_json_parts(json.bytes, json.size_bytes, parts, &err), FY_EPEER);
    assert_int_equal(fy_diff_json_rows(json.bytes, json.size_bytes, rows, &err), FY_EPEER);
    fy_buf_done(&json);
    free(parts);
    free(rows);
}

#define LISTED                                                                                     \
    "{\"id\":\"i\",\"site\":\"site-c\",\"name\":\"dir/o1\",\"hash\":\"h\",\"status\":\"READY\","

static void lines_of_a_ccs_listing_are_read_without_stamps(void **state)
{
    static const char json[] = LISTED "\"creation\":\"2024-02-21T11:27:52Z\",\"size\":7,"
                                      "\"stamp\":\"" STAMP "\",\"metadata\":{}}";
    struct fy_diff_row row;
    struct fy_err err = {0};
    char site[FY_SITE_BYTES_MAX + 1];
    (void)state;
    assert_int_equal(fy_diff_json_listed(json, sizeof json - 1, &row, site, &err), FY_OK);
    assert_string_equal(row.name, "dir/o1");
    assert_string_equal(row.hash, "h");
    assert_string_equal(site, "site-c");
    assert_true(row.ready);
    assert_int_equal(row.size, 7);
    assert_int_equal(row.changed_ms, INT64_C(1708514872000));
    assert_true(fy_stamp_is_zero(&row.stamp));
}

static void lines_that_are_none_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "<html>",
        "{}",
        LISTED "\"creation\":\"yesterday\",\"size\":7}",
        LISTED "\"creation\":null,\"size\":\"7\"}",
        "{\"site\":1,\"name\":\"o\",\"status\":\"READY\",\"size\":7}",
    };
    (void)state;
    for (size_t index = 0; index < FY_COUNT_OF(texts); index++) {
        struct fy_diff_row row;
        struct fy_err err = {0};
        char site[FY_SITE_BYTES_MAX + 1];
        assert_int_equal(fy_diff_json_listed(texts[index], strlen(texts[index]), &row, site, &err),
                         FY_EPEER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_read_to_the_end_of_the_range),
        cmocka_unit_test(parts_that_are_none_are_refused),
        cmocka_unit_test(rows_are_read_with_what_is_known_of_them),
        cmocka_unit_test(rows_that_are_none_are_refused),
        cmocka_unit_test(more_than_was_asked_for_is_refused),
        cmocka_unit_test(lines_of_a_ccs_listing_are_read_without_stamps),
        cmocka_unit_test(lines_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
