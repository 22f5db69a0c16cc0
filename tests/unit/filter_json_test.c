/* filter_json_test.c - listing filters out of headers (spec 3.4), and what they let pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>

#include "common/adapters/filter_json.h"
#include "common/adapters/unicode_utf8proc.h"

static struct fy_filter fresh(void)
{
    struct fy_filter filter;
    fy_filter_init(&filter);
    return filter;
}

static enum fy_code take(struct fy_filter *filter, const char *name, const char *value,
                         struct fy_err *err)
{
    char header[100];
    (void)snprintf(header, sizeof(header), "x-clonecloudstore-%s", name);
    return fy_filter_header(filter, header, value, fy_unicode_strip_marks, err);
}

/* A filter of one header. */
static struct fy_filter of(const char *name, const char *value)
{
    struct fy_filter filter = fresh();
    struct fy_err err = {0};
    if (take(&filter, name, value, &err) != FY_OK)
        fail_msg("%s", err.text);
    return filter;
}

static void refused(const char *name, const char *value)
{
    struct fy_filter filter = fresh();
    struct fy_err err = {0};
    if (take(&filter, name, value, &err) != FY_EINPUT)
        fail_msg("%s: %s was taken", name, value);
    if (strstr(err.text, name) == NULL)
        fail_msg("'%s' does not name %s", err.text, name);
}

/* An object: READY, created at 1000 s, expires at 2000 s, 100 bytes, metadata {"a":"1","b":"2"}. */
static bool passes(const struct fy_filter *filter)
{
    return fy_filter_matches(filter, FY_STATUS_READY, "dir/o1", 1000000, 2000000, 100,
                             "{\"a\":\"1\",\"b\":\"2\"}");
}

static void a_fresh_filter_lets_everything_pass(void **state)
{
    (void)state;
    struct fy_filter filter = fresh();
    assert_true(passes(&filter));
    assert_true(fy_filter_matches(&filter, FY_STATUS_UNKNOWN, "", 0, 0, 0, ""));
    assert_true(fy_filter_matches(&filter, FY_STATUS_DELETED, "x", -5, 0, INT64_MAX, "no JSON"));
}

static void other_headers_and_blank_values_are_ignored(void **state)
{
    (void)state;
    struct fy_filter filter = fresh();
    struct fy_filter before = filter;
    assert_int_equal(fy_filter_header(&filter, "Host", "x", fy_unicode_strip_marks, NULL), FY_OK);
    assert_int_equal(fy_filter_header(&filter, "namePrefix", "x", fy_unicode_strip_marks, NULL),
                     FY_OK);
    assert_int_equal(take(&filter, "client-id", "c", NULL), FY_OK);
    assert_int_equal(take(&filter, "namePrefixes", "c", NULL), FY_OK);
    assert_int_equal(take(&filter, "sizeLT", "", NULL), FY_OK);
    assert_int_equal(take(&filter, "statuses", "  ", NULL), FY_OK);
    assert_memory_equal(&filter, &before, sizeof(filter));
}

static void header_names_have_no_case(void **state)
{
    (void)state;
    struct fy_filter filter = fresh();
    assert_int_equal(fy_filter_header(&filter, "X-CloneCloudStore-NAMEPREFIX", "dir",
                                      fy_unicode_strip_marks, NULL),
                     FY_OK);
    assert_string_equal(filter.name_prefix, "dir");
}

static void a_prefix_is_cleaned_like_a_name(void **state)
{
    (void)state;
    struct fy_filter filter = of("namePrefix", "/d\xc3\xaer/");
    assert_string_equal(filter.name_prefix, "dir/");
    assert_true(passes(&filter));
    filter = of("namePrefix", "dir/o1");
    assert_true(passes(&filter));
    filter = of("namePrefix", "dir/o11");
    assert_false(passes(&filter));
    filter = of("namePrefix", "ir/");
    assert_false(passes(&filter));
    refused("namePrefix", "a;b");
    refused("namePrefix", "\xc5\x93");
}

static void statuses_are_a_set(void **state)
{
    (void)state;
    struct fy_filter filter = of("statuses", "[\"READY\"]");
    assert_true(passes(&filter));
    filter = of("statuses", " [ \"DELETED\" , \"READY\" ] ");
    assert_true(passes(&filter));
    filter = of("statuses", "[\"DELETED\",\"UPLOAD\"]");
    assert_false(passes(&filter));
    filter = of("statuses", "[]");
    assert_true(passes(&filter));
    filter =
        of("statuses", "[\"UNKNOWN\",\"UPLOAD\",\"READY\",\"ERR_UPL\",\"DELETING\",\"DELETED\","
                       "\"ERR_DEL\"]");
    assert_int_equal(filter.statuses, 127);
    refused("statuses", "[\"ready\"]");
    refused("statuses", "[200]");
    refused("statuses", "\"READY\"");
    refused("statuses", "{\"READY\":1}");
    refused("statuses", "READY");
    refused("statuses", "[\"READY\"");
    refused("statuses", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"READY\"]");
}

static void times_are_bounds_that_include_themselves(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        bool passes;
    } rows[] = {
        {"creationBefore", "1970-01-01T00:16:40Z", true},
        {"creationBefore", "1970-01-01T00:16:39.999Z", false},
        {"creationAfter", "1970-01-01T00:16:40Z", true},
        {"creationAfter", "1970-01-01T00:16:40.001Z", false},
        {"expiresBefore", "1970-01-01T00:33:20Z", true},
        {"expiresBefore", "1970-01-01T00:33:19.999Z", false},
        {"expiresAfter", "1970-01-01T00:33:20Z", true},
        {"expiresAfter", "1970-01-01T00:33:20.001Z", false},
        {"creationBefore", "1970-01-01T00:00:00Z", false}, /* 0 is a bound like any other */
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        struct fy_filter filter = of(rows[i].name, rows[i].value);
        if (passes(&filter) != rows[i].passes)
            fail_msg("row %zu", i);
    }
    refused("creationBefore", "yesterday");
    refused("creationAfter", "2024-02-21");
    refused("expiresBefore", "1708514872867");
    refused("expiresAfter", "2024-02-21T11:27:52");
}

static void what_has_no_time_passes_no_bound_of_it(void **state)
{
    (void)state;
    struct fy_filter filter = of("expiresBefore", "2999-01-01T00:00:00Z");
    assert_false(fy_filter_matches(&filter, FY_STATUS_READY, "o", 1, 0, 1, ""));
    filter = of("expiresAfter", "1960-01-01T00:00:00Z");
    assert_false(fy_filter_matches(&filter, FY_STATUS_READY, "o", 1, 0, 1, ""));
    filter = of("creationAfter", "1960-01-01T00:00:00Z");
    assert_true(fy_filter_matches(&filter, FY_STATUS_READY, "o", 1, 0, 1, ""));
    assert_false(fy_filter_matches(&filter, FY_STATUS_READY, "o", 0, 0, 1, ""));
}

static void sizes_are_bounds_that_include_themselves_and_zero_is_none(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        bool passes;
    } rows[] = {
        {"sizeLT", "100", true},
        {"sizeLT", "99", false},
        {"sizeLT", "0", true},
        {"sizeGT", "100", true},
        {"sizeGT", "101", false},
        {"sizeGT", "0", true},
        {"sizeLT", "9223372036854775807", true},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        struct fy_filter filter = of(rows[i].name, rows[i].value);
        if (passes(&filter) != rows[i].passes)
            fail_msg("row %zu", i);
    }
    refused("sizeLT", "-1");
    refused("sizeLT", "+1");
    refused("sizeLT", "0x10");
    refused("sizeGT", "1k");
    refused("sizeGT", "1.0");
    refused("sizeGT", " 1");
    refused("sizeGT", "9223372036854775808");
}

static void every_metadata_pair_must_be_equal(void **state)
{
    (void)state;
    struct fy_filter filter = of("metadataEq", "{\"a\":\"1\"}");
    assert_true(passes(&filter));
    filter = of("metadataEq", "{\"b\":\"2\",\"a\":\"1\"}");
    assert_true(passes(&filter));
    assert_false(fy_filter_matches(&filter, FY_STATUS_READY, "o", 1, 0, 1, "{\"a\":\"1\"}"));
    assert_false(fy_filter_matches(&filter, FY_STATUS_READY, "o", 1, 0, 1, ""));
    assert_false(fy_filter_matches(&filter, FY_STATUS_READY, "o", 1, 0, 1, "{}"));
    assert_false(fy_filter_matches(&filter, FY_STATUS_READY, "o", 1, 0, 1, "no JSON"));
    assert_false(fy_filter_matches(&filter, FY_STATUS_READY, "o", 1, 0, 1, "{\"a\":1,\"b\":2}"));
    filter = of("metadataEq", "{\"a\":\"2\"}");
    assert_false(passes(&filter));
    filter = of("metadataEq", "{\"c\":\"1\"}");
    assert_false(passes(&filter));
    filter = of("metadataEq", "{}");
    assert_true(passes(&filter));
    refused("metadataEq", "[]");
    refused("metadataEq", "{\"a\":1}");
    refused("metadataEq", "{\"a\":null}");
    refused("metadataEq", "{\"a\":\"1\",\"a\":\"2\"}");
    refused("metadataEq", "{");
}

static void pairs_are_bounded_in_number_and_in_bytes(void **state)
{
    (void)state;
    struct fy_filter filter = fresh();
    char key[16];
    for (int i = 0; i < FY_FILTER_PAIRS_MAX; i++) {
        (void)snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(fy_filter_pair_add(&filter, key, key + 3, NULL), FY_OK);
    }
    assert_int_equal(fy_filter_pair_add(&filter, "one", "more", NULL), FY_EINPUT);
    struct fy_filter copy = filter; /* nothing in it points into itself */
    memset(&filter, 0, sizeof(filter));
    assert_string_equal(fy_filter_pair_key(&copy, 31), "key31");
    assert_string_equal(fy_filter_pair_value(&copy, 31), "31");
    assert_string_equal(fy_filter_pair_key(&copy, 0), "key0");

    char *big = fy_alloc(FY_METADATA_BYTES_MAX);
    memset(big, 'v', FY_METADATA_BYTES_MAX - 1);
    filter = fresh();
    assert_int_equal(fy_filter_pair_add(&filter, "k", big, NULL), FY_EINPUT);
    assert_int_equal(fy_filter_pair_add(&filter, "k", big + 1, NULL), FY_EINPUT);
    assert_int_equal(filter.pair_count, 0);
    assert_int_equal(fy_filter_pair_add(&filter, "k", big + 2, NULL), FY_OK);
    assert_int_equal(fy_filter_pair_add(&filter, "", "", NULL), FY_EINPUT);
    free(big);
}

static void conditions_add_up(void **state)
{
    (void)state;
    struct fy_filter filter = of("namePrefix", "dir/");
    assert_int_equal(take(&filter, "statuses", "[\"READY\"]", NULL), FY_OK);
    assert_int_equal(take(&filter, "sizeGT", "50", NULL), FY_OK);
    assert_int_equal(take(&filter, "creationAfter", "1970-01-01T00:00:01Z", NULL), FY_OK);
    assert_int_equal(take(&filter, "metadataEq", "{\"a\":\"1\"}", NULL), FY_OK);
    assert_true(passes(&filter));
    assert_int_equal(take(&filter, "sizeLT", "60", NULL), FY_OK);
    assert_false(passes(&filter));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_filter_lets_everything_pass),
        cmocka_unit_test(other_headers_and_blank_values_are_ignored),
        cmocka_unit_test(header_names_have_no_case),
        cmocka_unit_test(a_prefix_is_cleaned_like_a_name),
        cmocka_unit_test(statuses_are_a_set),
        cmocka_unit_test(times_are_bounds_that_include_themselves),
        cmocka_unit_test(what_has_no_time_passes_no_bound_of_it),
        cmocka_unit_test(sizes_are_bounds_that_include_themselves_and_zero_is_none),
        cmocka_unit_test(every_metadata_pair_must_be_equal),
        cmocka_unit_test(pairs_are_bounded_in_number_and_in_bytes),
        cmocka_unit_test(conditions_add_up),
    };
    return cmocka_run_group_tests_name("filter_json", tests, NULL, NULL);
}
