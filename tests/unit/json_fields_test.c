/* json_fields_test.c - what a flat object fills in, and what it is refused for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/adapters/json_fields.h"

struct values {
    char name[8];
    char word[8];
    int64_t count;
    int64_t id;
    bool flag;
};
#define FIELD(name, kind, required, member)                                                        \
    FY_JSON_FIELD(struct values, name, kind, required, member)
static const struct fy_json_field fields[] = {
    FIELD("name", FY_JSON_TEXT, true, name),   FIELD("word", FY_JSON_WORD, false, word),
    FIELD("count", FY_JSON_I64, false, count), FIELD("id", FY_JSON_ID, false, id),
    FIELD("flag", FY_JSON_BOOL, false, flag),
};

static enum fy_code read_values(const char *text, bool only, struct values *out, struct fy_err *err)
{
    *out = (struct values){.word = "before", .id = -1};
    return only
               ? fy_json_fields_read_only(text, strlen(text), fields, FY_COUNT_OF(fields), out, err)
               : fy_json_fields_read(text, strlen(text), fields, FY_COUNT_OF(fields), out, err);
}

static void refused(const char *text, bool only, const char *why)
{
    struct values values;
    struct fy_err err = {0};
    if (read_values(text, only, &values, &err) != FY_EINPUT)
        fail_msg("taken: %s", text);
    if (strstr(err.text, why) == NULL)
        fail_msg("%s: '%s' does not say '%s'", text, err.text, why);
}

static void what_is_given_is_filled_in_and_the_rest_is_left(void **state)
{
    (void)state;
    struct values values;
    assert_int_equal(
        read_values("{\"name\":\"a\",\"word\":\"b\",\"count\":-2,\"id\":1,\"flag\":true}", true,
                    &values, NULL),
        FY_OK);
    assert_string_equal(values.name, "a");
    assert_string_equal(values.word, "b");
    assert_int_equal(values.count, -2);
    assert_int_equal(values.id, 1);
    assert_true(values.flag);

    assert_int_equal(read_values("{\"name\":\"a\",\"word\":null,\"id\":null}", true, &values, NULL),
                     FY_OK);
    assert_string_equal(values.word, "before");
    assert_int_equal(values.id, -1);
}

static void wrong_types_and_lengths_are_refused_by_name(void **state)
{
    (void)state;
    refused("", false, "not JSON");
    refused("[]", false, "not a JSON object");
    refused("{}", false, "name: missing");
    refused("{\"name\":null}", false, "name: missing");
    refused("{\"name\":\"\"}", false, "name: blank");
    refused("{\"name\":1}", false, "name: not a text");
    refused("{\"name\":\"12345678\"}", false, "name: over 7 bytes");
    refused("{\"name\":\"a\",\"count\":1.5}", false, "count: not a whole number");
    refused("{\"name\":\"a\",\"flag\":1}", false, "flag: neither true nor false");
}

/* In a choice, an empty word or an id of 0 would mean "all". */
static void a_choice_that_says_nothing_is_refused(void **state)
{
    (void)state;
    refused("{\"name\":\"a\",\"word\":\"\"}", false, "word: blank");
    refused("{\"name\":\"a\",\"id\":0}", false, "id: below 1");
    refused("{\"name\":\"a\",\"id\":-1}", false, "id: below 1");
}

static void an_unknown_key_is_refused_only_where_that_is_asked_for(void **state)
{
    (void)state;
    struct values values;
    assert_int_equal(read_values("{\"name\":\"a\",\"wrod\":\"x\"}", false, &values, NULL), FY_OK);
    assert_string_equal(values.word, "before");
    refused("{\"name\":\"a\",\"wrod\":\"x\"}", true, "'wrod' is no key of this");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_is_filled_in_and_the_rest_is_left),
        cmocka_unit_test(wrong_types_and_lengths_are_refused_by_name),
        cmocka_unit_test(a_choice_that_says_nothing_is_refused),
        cmocka_unit_test(an_unknown_key_is_refused_only_where_that_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
