/* metadata_json_test.c - metadata has one form, and what is no metadata is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/adapters/metadata_json.h"

static void becomes(const char *text, bool ccs, const char *expected)
{
    char out[FY_METADATA_BYTES_MAX + 1];
    struct fy_err err = {0};
    if (fy_metadata_json_clean(text, ccs, out, &err) != FY_OK)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(out, expected);
    char again[FY_METADATA_BYTES_MAX + 1];
    assert_int_equal(fy_metadata_json_clean(out, ccs, again, NULL), FY_OK);
    assert_string_equal(again, expected);
}

static void refused(const char *text, bool ccs)
{
    char out[FY_METADATA_BYTES_MAX + 1] = "untouched";
    struct fy_err err = {0};
    if (fy_metadata_json_clean(text, ccs, out, &err) != FY_EINPUT)
        fail_msg("%.100s became %s", text, out);
    assert_string_equal(out, "untouched");
    assert_non_null(strstr(err.text, "metadata"));
}

static void metadata_is_compact_and_sorted(void **state)
{
    (void)state;
    becomes("", true, "{}");
    becomes("{}", true, "{}");
    becomes(" { } ", true, "{}");
    becomes("{ \"b\" : \"2\", \"a\":\"1\",\n\"B\":\"3\" }", true,
            "{\"B\":\"3\",\"a\":\"1\",\"b\":\"2\"}");
    becomes("{\"a\":\"\\u00e9\\/\"}", true, "{\"a\":\"\xc3\xa9/\"}");
    becomes("{\"a\":\"\"}", true, "{\"a\":\"\"}");
    becomes("{\"a\":\"say \\\"x\\\"\"}", true, "{\"a\":\"say \\\"x\\\"\"}");
}

static void keys_follow_the_rule_of_ccs_only_when_asked(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a-b\":\"1\"}",      "{\"a.b\":\"1\"}", "{\"9\":\"1\"}",
        "{\"\xc3\xa9\":\"1\"}", "{\"a b\":\"1\"}",
    };
    for (size_t i = 0; i < FY_COUNT_OF(texts); i++) {
        refused(texts[i], true);
        becomes(texts[i], false, texts[i]);
    }
    refused("{\"\":\"1\"}", true);
    refused("{\"\":\"1\"}", false);
    refused("{\"a\\n\":\"1\"}", false);
}

static void values_are_sane_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":1}",           "{\"a\":null}",        "{\"a\":true}",      "{\"a\":{}}",
        "{\"a\":[\"x\"]}",     "{\"a\":\"x;y\"}",     "{\"a\":\"x\\ny\"}", "{\"a\":\"<script>\"}",
        "{\"a\":\"\\u0000\"}", "{\"a\":\"\\u007f\"}", "{\"a\":\"\xff\"}",
    };
    for (size_t i = 0; i < FY_COUNT_OF(texts); i++) {
        refused(texts[i], true);
        refused(texts[i], false);
    }
}

static void other_texts_are_no_metadata(void **state)
{
    (void)state;
    static const char *const texts[] = {
        " ",
        "{",
        "[]",
        "\"a\"",
        "null",
        "1",
        "{\"a\":\"1\"} x",
        "{\"a\":\"1\",\"a\":\"1\"}",
        "{a:1}",
        "{\"a\":[[[[[[[[[[[[[[[[[[[[",
    };
    for (size_t i = 0; i < FY_COUNT_OF(texts); i++)
        refused(texts[i], true);
}

static void metadata_fills_its_bound_and_no_more(void **state)
{
    (void)state;
    char text[6 * FY_METADATA_BYTES_MAX];
    const size_t frame = strlen("{\"a\":\"\"}");
    char value[FY_METADATA_BYTES_MAX + 2];
    memset(value, 'v', sizeof(value));
    value[FY_METADATA_BYTES_MAX - frame] = '\0';
    (void)snprintf(text, sizeof(text), "{\"a\":\"%s\"}", value);
    becomes(text, true, text);
    value[FY_METADATA_BYTES_MAX - frame] = 'v';
    value[FY_METADATA_BYTES_MAX - frame + 1] = '\0';
    (void)snprintf(text, sizeof(text), "{\"a\":\"%s\"}", value);
    refused(text, true);

    /* Longer only by its spaces is fine, within reason. */
    memset(text, ' ', sizeof(text));
    memcpy(text, "{\"a\":\"1\"}", 9);
    text[FY_METADATA_BYTES_MAX * 4] = '\0';
    becomes(text, true, "{\"a\":\"1\"}");
    text[FY_METADATA_BYTES_MAX * 4] = ' ';
    text[FY_METADATA_BYTES_MAX * 4 + 1] = '\0';
    refused(text, true);
}

/* ------------------------------------------------------------------ set */

static enum fy_code set(char *metadata, bool flush, const char *key, const char *value)
{
    const struct fy_property property = {key, value};
    struct fy_err err = {0};
    return fy_metadata_json_set(metadata, flush, &property, key != NULL, &err);
}

static void properties_are_set_and_removed_in_metadata(void **state)
{
    (void)state;
    char metadata[FY_METADATA_BYTES_MAX + 1] = "";
    assert_int_equal(set(metadata, false, "b", "2"), FY_OK);
    assert_int_equal(set(metadata, false, "a", ""), FY_OK);
    assert_string_equal(metadata, "{\"a\":\"\",\"b\":\"2\"}");
    assert_int_equal(set(metadata, false, "b", "3"), FY_OK);
    assert_int_equal(set(metadata, false, "a", NULL), FY_OK);
    assert_int_equal(set(metadata, false, "nothing", NULL), FY_OK);
    assert_string_equal(metadata, "{\"b\":\"3\"}");
    assert_int_equal(set(metadata, true, "c", "4"), FY_OK);
    assert_string_equal(metadata, "{\"c\":\"4\"}");
    assert_int_equal(set(metadata, true, NULL, NULL), FY_OK);
    assert_string_equal(metadata, "{}");
}

static void mime_type_is_no_property(void **state)
{
    (void)state;
    char metadata[FY_METADATA_BYTES_MAX + 1] = "{\"a\":\"1\",\"mime-type\":\"text%2Fplain\"}";
    assert_int_equal(set(metadata, false, "mime-type", "x"), FY_EINPUT);
    assert_int_equal(set(metadata, false, "mime-type", NULL), FY_EINPUT);
    assert_int_equal(set(metadata, true, NULL, NULL), FY_OK);
    assert_string_equal(metadata, "{\"mime-type\":\"text%2Fplain\"}");
}

static void property_that_cannot_be_leaves_metadata_as_it_is(void **state)
{
    (void)state;
    char metadata[FY_METADATA_BYTES_MAX + 1] = "{\"a\":\"1\"}";
    char value[FY_METADATA_BYTES_MAX];
    assert_int_equal(set(metadata, true, "", "x"), FY_EINPUT);
    assert_int_equal(set(metadata, true, "b", ";"), FY_EINPUT);
    assert_int_equal(set(metadata, true, "b", "\xff"), FY_EINPUT);
    assert_int_equal(set(metadata, true, "\xff", "x"), FY_EINPUT);
    memset(value, 'x', sizeof(value));
    const size_t frame = strlen("{\"a\":\"1\",\"b\":\"\"}");
    value[FY_METADATA_BYTES_MAX - frame + 1] = '\0';
    assert_int_equal(set(metadata, false, "b", value), FY_ETOOBIG);
    assert_string_equal(metadata, "{\"a\":\"1\"}");
    value[FY_METADATA_BYTES_MAX - frame] = '\0';
    assert_int_equal(set(metadata, false, "b", value), FY_OK);
    assert_int_equal(strlen(metadata), FY_METADATA_BYTES_MAX);
    memcpy(metadata, "torn", sizeof("torn"));
    assert_int_equal(set(metadata, false, "b", "1"), FY_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_is_compact_and_sorted),
        cmocka_unit_test(keys_follow_the_rule_of_ccs_only_when_asked),
        cmocka_unit_test(values_are_sane_texts),
        cmocka_unit_test(other_texts_are_no_metadata),
        cmocka_unit_test(metadata_fills_its_bound_and_no_more),
        cmocka_unit_test(properties_are_set_and_removed_in_metadata),
        cmocka_unit_test(mime_type_is_no_property),
        cmocka_unit_test(property_that_cannot_be_leaves_metadata_as_it_is),
    };
    return cmocka_run_group_tests_name("metadata_json", tests, NULL, NULL);
}
