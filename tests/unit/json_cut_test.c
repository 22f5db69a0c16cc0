/* json_cut_test.c - an array is cut at its commas, whatever its elements hold, and errors have a
 * place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/json_cut.h"
#include <cmocka.h>

#define NOWHERE SIZE_MAX

/* Cuts text, which ends where its memory ends, so that a byte read beyond it is seen. Expects the
 * elements joined by '|', then an error at error_offset, or a good end. */
static void cut_bytes(const char *bytes, size_t size_bytes, const char *expected,
                      size_t error_offset)
{
    char *text = fy_memdup(bytes, size_bytes);
    char found[512] = "";
    struct fy_json_cut cut;
    fy_json_cut_init(&cut, text, size_bytes);
    struct fy_err err = {0};
    const char *element;
    size_t element_bytes;
    enum fy_json_cut_step step;
    while ((step = fy_json_cut_next(&cut, &element, &element_bytes, &err)) == FY_JSON_CUT_ELEMENT) {
        if (cut.count > 1)
            strcat(found, "|");
        strncat(found, element, element_bytes);
    }
    if (strcmp(found, expected) != 0)
        fail_msg("%.*s: '%s' instead of '%s'", (int)size_bytes, bytes, found, expected);
    if (error_offset == NOWHERE) {
        if (step != FY_JSON_CUT_END)
            fail_msg("%.*s: %s", (int)size_bytes, bytes, err.text);
    } else {
        if (step != FY_JSON_CUT_ERROR || cut.offset != error_offset)
            fail_msg("%.*s: step %d at %zu", (int)size_bytes, bytes, (int)step, cut.offset);
        assert_int_equal(err.code, FY_EINPUT);
    }
    /* Asking again changes nothing. */
    assert_int_equal(fy_json_cut_next(&cut, &element, &element_bytes, &err), step);
    free(text);
}

static void cut(const char *text, const char *expected, size_t error_offset)
{
    cut_bytes(text, strlen(text), expected, error_offset);
}

static void elements_come_one_by_one_without_space_around(void **state)
{
    (void)state;
    cut("[]", "", NOWHERE);
    cut(" \t\r\n[ \n] \n", "", NOWHERE);
    cut("[1]", "1", NOWHERE);
    cut("[1,2,3]", "1|2|3", NOWHERE);
    cut(" [ {\"a\" : 1} , [ 2 ] ,\n\"x\" , -1.5e+3 , true,null ] ",
        "{\"a\" : 1}|[ 2 ]|\"x\"|-1.5e+3|true|null", NOWHERE);
    cut("[[[]],{},[{}]]", "[[]]|{}|[{}]", NOWHERE);
}

static void strings_hide_what_they_hold(void **state)
{
    (void)state;
    cut("[\"a,]}\",\"\\\"],\",\"\\\\\",{\"[\":\"{\\\"\"}]",
        "\"a,]}\"|\"\\\"],\"|\"\\\\\"|{\"[\":\"{\\\"\"}", NOWHERE);
    cut("[\"caf\xc3\xa9 \xff\"]", "\"caf\xc3\xa9 \xff\"", NOWHERE); /* UTF-8 is the parser's */
    cut("[\"a", "", 3);
    cut("[\"a\\", "", 4);
    cut("[\"a\\\"]", "", 6);
    cut("[\"a\nb\"]", "", 3);
    cut("[{\"a\":\"\x01\"}]", "", 7);
}

static void what_is_wrong_between_elements_is_found(void **state)
{
    (void)state;
    cut("", "", 0);
    cut("  ", "", 2);
    cut("{}", "", 0);
    cut("1", "", 0);
    cut("\xef\xbb\xbf[]", "", 0);
    cut("[", "", 1);
    cut("[ ", "", 2);
    cut("[1", "1", 2);
    cut("[1 ", "1", 3);
    cut("[1,", "1", 3);
    cut("[1,]", "1", 3);
    cut("[,1]", "", 1);
    cut("[1,,2]", "1", 3);
    cut("[1 2]", "1", 3);
    cut("[1}", "1", 2);
    cut("[{}{}]", "{}", 3);
    cut("[\"a\"\"b\"]", "\"a\"", 4);
    cut("[1]]", "1", 3);
    cut("[1] x", "1", 4);
    cut("[] []", "", 3);
    cut("[1;2]", "1", 2);
    cut("['a']", "", 1);
    cut("[/**/1]", "", 1);
}

static void brackets_of_elements_pair_up(void **state)
{
    (void)state;
    cut("[{]", "", 2);
    cut("[[}", "", 2);
    cut("[{\"a\":[}]]", "", 7);
    cut("[[1]", "[1]", 4);
    cut("[{\"a\":1", "", 7);
    cut("[1,{\"a\":[1,2}]", "1", 12);
    cut("[{},[", "{}", 5);
}

static void zero_bytes_are_no_end(void **state)
{
    (void)state;
    cut_bytes("[1]\0", 4, "1", 3);
    cut_bytes("[1\0]", 4, "1", 2);
    cut_bytes("[{\0}]", 5, "", 2);
    cut_bytes("\0[]", 3, "", 0);
    cut_bytes("[\"a\0\"]", 6, "", 3);
}

static void nest(char *text, size_t depth)
{
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
}

static void elements_may_nest_up_to_the_bound(void **state)
{
    (void)state;
    char element[2 * FY_JSON_DEPTH_MAX + 3];
    char text[2 * FY_JSON_DEPTH_MAX + 5];
    nest(element, FY_JSON_DEPTH_MAX);
    nest(text, FY_JSON_DEPTH_MAX + 1);
    cut(text, element, NOWHERE);
    assert_int_equal(fy_json_depth_check(element, strlen(element), NULL), FY_OK);
    nest(text, FY_JSON_DEPTH_MAX + 2);
    cut(text, "", FY_JSON_DEPTH_MAX + 1);

    nest(element, FY_JSON_DEPTH_MAX + 1);
    struct fy_err err = {0};
    assert_int_equal(fy_json_depth_check(element, strlen(element), &err), FY_EINPUT);
    assert_non_null(strstr(err.text, "at byte 16"));
}

static void brackets_in_strings_are_not_deep(void **state)
{
    (void)state;
    const char *text = "{\"[[[[[[[[[[[[[[[[[[[[[[\":\"\\\"{{{{{{{{{{{{{{{{{{{{{{\"}";
    assert_int_equal(fy_json_depth_check(text, strlen(text), NULL), FY_OK);
    assert_int_equal(fy_json_depth_check("", 0, NULL), FY_OK);
    assert_int_equal(fy_json_depth_check("]]]]", 4, NULL), FY_OK);
    assert_int_equal(fy_json_depth_check("\"a\\", 3, NULL), FY_OK);
    /* Many side by side are flat. */
    char *flat = fy_alloc(200000);
    for (size_t i = 0; i < 200000; i += 2)
        memcpy(flat + i, "[]", 2);
    assert_int_equal(fy_json_depth_check(flat, 200000, NULL), FY_OK);
    free(flat);
}

/* A hostile body is walked in one pass: 8 MiB of the worst ends as fast as 8 MiB of orders. */
static void a_big_array_is_cut_in_one_pass(void **state)
{
    (void)state;
    const size_t count = FY_ORDERS_BODY_BYTES_MAX / 4;
    char *text = fy_alloc(count * 4 + 2);
    text[0] = '[';
    for (size_t i = 0; i < count; i++)
        memcpy(text + 1 + i * 4, i + 1 < count ? "[1]," : "[1]]", 4);
    struct fy_json_cut cut;
    fy_json_cut_init(&cut, text, count * 4 + 1);
    const char *element;
    size_t element_bytes;
    while (fy_json_cut_next(&cut, &element, &element_bytes, NULL) == FY_JSON_CUT_ELEMENT)
        assert_int_equal(element_bytes, 3);
    assert_int_equal(cut.count, count);
    assert_false(cut.failed);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_one_by_one_without_space_around),
        cmocka_unit_test(strings_hide_what_they_hold),
        cmocka_unit_test(what_is_wrong_between_elements_is_found),
        cmocka_unit_test(brackets_of_elements_pair_up),
        cmocka_unit_test(zero_bytes_are_no_end),
        cmocka_unit_test(elements_may_nest_up_to_the_bound),
        cmocka_unit_test(brackets_in_strings_are_not_deep),
        cmocka_unit_test(a_big_array_is_cut_in_one_pass),
    };
    return cmocka_run_group_tests_name("json_cut", tests, NULL, NULL);
}
