/* oio_words_test.c - the words of OpenIO's API: queries, numbers, flags, ids, headers, paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/core/oio_words.h"

static void the_first_piece_with_the_name_wins(void **state)
{
    (void)state;
    struct fy_oio_query query;
    assert_int_equal(fy_oio_query_parse("a=1&b=x+y%2Bz&a=2&c=&d&=e&&%61a=3&f%3D4", &query, NULL),
                     FY_OK);
    assert_string_equal(fy_oio_query_get(&query, "a"), "1");
    assert_string_equal(fy_oio_query_get(&query, "b"), "x y+z");
    assert_string_equal(fy_oio_query_get(&query, "c"), "");
    assert_string_equal(fy_oio_query_get(&query, "aa"), "3");
    assert_string_equal(fy_oio_query_get(&query, "f"), "4"); /* decoded first, then cut */
    assert_null(fy_oio_query_get(&query, "d"));              /* without '=' it is not seen */
    assert_null(fy_oio_query_get(&query, "A"));
    fy_oio_query_done(&query);
    assert_int_equal(fy_oio_query_parse("", &query, NULL), FY_OK);
    assert_null(fy_oio_query_get(&query, "a"));
    fy_oio_query_done(&query);
}

/* OpenIO drops such a piece and all behind it, which no client can want. */
static void a_malformed_escape_refuses_the_query(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "properties=False%max=2", "a=%", "a=%4", "a=%zz", "a=%00", "x&%g1=2"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        struct fy_oio_query query;
        struct fy_err err;
        assert_int_equal(fy_oio_query_parse(bad[i], &query, &err), FY_EINPUT);
        assert_null(query.pieces);
    }
}

static void booleans_have_seven_words_for_yes(void **state)
{
    (void)state;
    static const char *const yes[] = {"yes", "TRUE", "On", "enable", "enabled", "1", "yeah"};
    static const char *const no[] = {"", "no", "0", "false", "off", "disable", "nope", "2", "y"};
    for (size_t i = 0; i < FY_COUNT_OF(yes); i++)
        assert_true(fy_oio_bool(yes[i]));
    for (size_t i = 0; i < FY_COUNT_OF(no); i++)
        assert_false(fy_oio_bool(no[i]));
}

static void integers_are_decimal_and_nothing_else(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_true(fy_oio_integer("0", &value));
    assert_true(fy_oio_integer("-12", &value));
    assert_int_equal(value, -12);
    assert_true(fy_oio_integer("9223372036854775807", &value));
    assert_true(value == INT64_MAX);
    static const char *const bad[] = {"",   "-",  "x",   "1x",  " 1",
                                      "1 ", "+1", "0x1", "1.0", "9223372036854775808"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_false(fy_oio_integer(bad[i], &value));
}

static void words_of_a_header_stand_between_commas(void **state)
{
    (void)state;
    assert_true(fy_oio_words_have("autocreate,Force", "force"));
    assert_true(fy_oio_words_have(" force ", "force"));
    assert_true(fy_oio_words_have("keep-alive, Upgrade", "upgrade"));
    assert_false(fy_oio_words_have("forced", "force"));
    assert_false(fy_oio_words_have("for,ce", "force"));
    assert_false(fy_oio_words_have("", "force"));
    assert_false(fy_oio_words_have(NULL, "force"));
}

#define CID "0123456789ABCDEFfedcba98765432100123456789ABCDEFfedcba9876543210"

static void a_cid_may_be_in_either_case_numbered_or_short(void **state)
{
    (void)state;
    struct fy_digest cid, again;
    assert_true(fy_oio_cid_parse(CID, &cid));
    assert_int_equal(cid.bytes[0], 0x01);
    assert_int_equal(cid.bytes[8], 0xfe);
    assert_true(fy_oio_cid_parse(CID ".1", &again));
    assert_true(fy_digest_equal(&cid, &again));
    assert_true(fy_oio_cid_parse("aBc", &cid));
    assert_int_equal(cid.bytes[0], 0xab);
    assert_int_equal(cid.bytes[1], 0xc0);
    assert_int_equal(cid.bytes[2], 0);
    static const char *const bad[] = {"",      "xyz",    "12345", CID "0",
                                      CID ".", CID ".x", "ab.1",  "xyz-not-hex"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_false(fy_oio_cid_parse(bad[i], &cid));
}

/* The same 16 bytes in both forms. */
static void ids_go_both_ways(void **state)
{
    (void)state;
    char text[FY_OIO_ID_DIGITS + 1], guid[FY_GUID_DIGITS + 1], again[FY_GUID_DIGITS + 1];
    assert_true(fy_oio_id_parse("000102030405060708090A0B0C0D0E0F", guid));
    assert_string_equal(guid, "000g40o40k30e209185go38e1s");
    fy_oio_id_print(guid, text);
    assert_string_equal(text, "000102030405060708090A0B0C0D0E0F");
    fy_guid_new(fy_clock_system(), guid);
    fy_oio_id_print(guid, text);
    assert_true(fy_oio_id_parse(text, again));
    assert_string_equal(guid, again);
    assert_false(fy_oio_id_parse("0001", guid));
    assert_false(fy_oio_id_parse("000102030405060708090A0B0C0D0E0g", guid));
}

/* What was kept before, or by others, may hold a '%' of its own; what is no type of ours is none.
 */
static void mime_types_are_kept_encoded(void **state)
{
    (void)state;
    char type[16];
    fy_oio_mime_print("text/html%3Bq%3D1", type, sizeof(type));
    assert_string_equal(type, "text/html;q=1");
    fy_oio_mime_print("50%", type, sizeof(type));
    assert_string_equal(type, "50%");
    fy_oio_mime_print("application/octet-stream", type, sizeof(type));
    assert_string_equal(type, "");
}

static void hashes_have_the_length_of_a_known_digest(void **state)
{
    (void)state;
    assert_true(fy_oio_hash_is_valid("d41d8cd98f00b204e9800998ecf8427e"));
    assert_true(fy_oio_hash_is_valid(CID));
    assert_false(fy_oio_hash_is_valid("d41d8cd98f00b204e9800998ecf8427"));
    assert_false(fy_oio_hash_is_valid("g41d8cd98f00b204e9800998ecf8427e"));
    assert_false(fy_oio_hash_is_valid(""));
}

static void headers_of_properties_are_lower_case_but_for_the_key(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"sys.m2.policy.storage", "x-oio-container-meta-sys-m2-policy-storage"},
        {"user.My key\xc3\xa9", "x-oio-container-meta-user-My-key--"},
        {"version:main.admin", "x-oio-container-meta-x-version-main-admin"},
        {"schema_version", "x-oio-container-meta-x-schema-version"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(pairs); i++) {
        char out[64];
        assert_true(fy_oio_property_header(pairs[i][0], out, sizeof(out)));
        assert_string_equal(out, pairs[i][1]);
        size_t enough = strlen(pairs[i][0]) + FY_OIO_PROPERTY_HEADER_BYTES;
        assert_true(strlen(out) < enough);
        assert_false(fy_oio_property_header(pairs[i][0], out, strlen(pairs[i][1])));
    }
}

static void expect_path(const char *sent, const char *form)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s", sent);
    assert_int_equal(fy_oio_path(path), form != NULL);
    assert_string_equal(path, form != NULL ? form : sent);
}

static void a_path_that_begins_with_a_version_is_openios(void **state)
{
    (void)state;
    expect_path("/v3.0/NS/container/show", "/v3.0/NS/container/show");
    expect_path("///v3.0/NS/container/show/", "/v3.0/NS/container/show");
    expect_path("/v3.0/NS//container/show//", "/v3.0/NS//container/show/");
    expect_path("/v2.0", "/v2.0");
    expect_path("/v10/", "/v10");
    expect_path("/%763.0/x", "/%763.0/x");
    expect_path("/", NULL);
    expect_path("v3.0/x", NULL);
    expect_path("/version/x", NULL);
    expect_path("/v3.0x/y", NULL);
    expect_path("/v/y", NULL);
    expect_path("/ferry/v1/content", NULL);
}

static void a_path_of_over_2048_bytes_matches_nothing(void **state)
{
    (void)state;
    char path[FY_OIO_PATH_BYTES_MAX + 2];
    memset(path, 'x', sizeof(path));
    memcpy(path, "/v3.0/", 6);
    path[FY_OIO_PATH_BYTES_MAX] = '\0';
    assert_true(fy_oio_path(path));
    assert_int_equal(strlen(path), FY_OIO_PATH_BYTES_MAX);
    path[FY_OIO_PATH_BYTES_MAX] = 'x';
    path[FY_OIO_PATH_BYTES_MAX + 1] = '\0';
    assert_true(fy_oio_path(path));
    assert_string_equal(path, "/v3.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_piece_with_the_name_wins),
        cmocka_unit_test(a_malformed_escape_refuses_the_query),
        cmocka_unit_test(booleans_have_seven_words_for_yes),
        cmocka_unit_test(integers_are_decimal_and_nothing_else),
        cmocka_unit_test(words_of_a_header_stand_between_commas),
        cmocka_unit_test(a_cid_may_be_in_either_case_numbered_or_short),
        cmocka_unit_test(ids_go_both_ways),
        cmocka_unit_test(mime_types_are_kept_encoded),
        cmocka_unit_test(hashes_have_the_length_of_a_known_digest),
        cmocka_unit_test(headers_of_properties_are_lower_case_but_for_the_key),
        cmocka_unit_test(a_path_that_begins_with_a_version_is_openios),
        cmocka_unit_test(a_path_of_over_2048_bytes_matches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
