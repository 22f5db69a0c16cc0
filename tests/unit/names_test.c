/* names_test.c - patterns of names, the CCS sanitiser row by row (spec 2.2), escapes, base URIs
 * (1.7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/unicode_utf8proc.h"
#include <cmocka.h>

static char *repeat(const char *piece, size_t count)
{
    size_t piece_bytes = strlen(piece);
    char *text = fy_alloc(piece_bytes * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * piece_bytes, piece, piece_bytes);
    return text;
}

static void clean_object(const char *in, const char *expected)
{
    char out[FY_OBJECT_BYTES_MAX + 1] = "untouched";
    struct fy_err err = {0};
    enum fy_code code = fy_ccs_clean_object(in, fy_unicode_strip_marks, out, &err);
    if (expected == NULL) {
        if (code != FY_EINPUT)
            fail_msg("object '%s' became '%s'", in, out);
        assert_string_equal(out, "untouched");
        assert_int_equal(err.code, FY_EINPUT);
        assert_string_not_equal(err.text, "");
        return;
    }
    if (code != FY_OK)
        fail_msg("object '%s' refused: %s", in, err.text);
    assert_string_equal(out, expected);
}

static void clean_bucket(const char *in, const char *expected)
{
    char out[FY_OBJECT_BYTES_MAX + 1] = "untouched";
    enum fy_code code = fy_ccs_clean_bucket(in, fy_unicode_strip_marks, out, NULL);
    if (expected == NULL && code != FY_EINPUT)
        fail_msg("bucket '%s' became '%s'", in, out);
    if (expected != NULL && code != FY_OK)
        fail_msg("bucket '%s' refused", in);
    assert_string_equal(out, expected == NULL ? "untouched" : expected);
}

static void object_names_are_cleaned_as_ccs_does(void **state)
{
    (void)state;
    clean_object("dir/testObject", "dir/testObject");
    clean_object("a b", "a_b");
    clean_object("a+b", "a_b");
    clean_object("a%20b", "a_b");
    clean_object("/a//b///c", "a/b//c");
    clean_object("__x__", "x");
    clean_object("-a--b-", "-a-b-");
    clean_object("\xc3\xa9/\xc3\xbc x", "e/u_x");
    clean_object("a@b#c", "abc");
    clean_object("a:b*c", "abc");
    clean_object("../x", "../x");
    clean_object("..", "..");
    clean_object("a;b", NULL);
    clean_object("a%2", NULL);
    clean_object("a\tb", NULL);
    clean_object("\xc5\x93", NULL);
}

static void bucket_names_are_cleaned_as_ccs_does(void **state)
{
    (void)state;
    clean_bucket("bucket-1", "bucket-1");
    clean_bucket("123", "123");
    clean_bucket("my--bucket", "my-bucket");
    clean_bucket("b\xc3\xa9"
                 "b\xc3\xa9",
                 "bebe");
    clean_bucket("--abc", "-abc");
    static const char *const invalid[] = {"Bucket", "b_c", "b.c",       "a b c",
                                          "bu",     "---", "bucket%2Fx"};
    for (size_t i = 0; i < FY_COUNT_OF(invalid); i++)
        clean_bucket(invalid[i], NULL);
}

static void each_step_of_the_sanitiser_does_what_it_says(void **state)
{
    (void)state;
    clean_object("", NULL); /* 1 */
    clean_object("   ", NULL);
    clean_object("a%252Fb", "a2Fb"); /* 2: decoded once here; '%' is no name character */
    clean_object("a%2Fb", "a/b");
    clean_object("a%zzb", NULL);
    clean_object("a%", NULL);
    clean_object("a%00b", NULL);
    clean_object("a%3Bb", "ab"); /* the sanity check comes before the decoding */
    clean_object("a%09b", "a_b");
    clean_object("a\x01", NULL);
    clean_object("a\x7f", NULL);
    clean_object("<script>", NULL);
    clean_object("x&lt;script&gt;", NULL);
    clean_object("<![CDATA[x", NULL);
    clean_object("&lt;![CDATA[x", NULL);
    clean_object("<!ENTITY", NULL);
    clean_object("&lt;!ENTITY", NULL);
    clean_object("<SCRIPT>", "SCRIPT");
    clean_object("a\\b", "a/b"); /* 3 */
    clean_object("a\\\\b", "a/b");
    clean_object("a\\/b", "a/b");
    clean_object("a////b", "a//b");
    clean_object("\xc5\x82\xc5\x81", "lL"); /* 4: barred l */
    clean_object("e\xcc\x81", "e");         /* already decomposed */
    clean_object("\xc3\x85ngstr\xc3\xb6m", "Angstrom");
    clean_object("\xc3\x28", NULL); /* not UTF-8 */
    clean_object("a _ _ b", "a_b"); /* 5 */
    clean_object("a @ b", "a_b");   /* 6, then 7 joins what came together */
    clean_object("a\xc5\x93z", "az");
    clean_object("a-@-b", "a-b");
    clean_object("a- -b", "a-_-b");
    clean_object(" a ", "a"); /* 7 */
    clean_object("/", NULL);  /* 8 and 9 */
    clean_object("//a", "a");
    clean_object("///a", "/a");
    clean_object("a/", "a/");
    clean_object("@@@", NULL);
}

static void a_cleaned_name_keeps_to_its_bounds(void **state)
{
    (void)state;
    char *longest = repeat("a", FY_OBJECT_BYTES_MAX);
    char *too_long = repeat("a", FY_OBJECT_BYTES_MAX + 1);
    char *shrinks = repeat("%C3%A9", FY_OBJECT_BYTES_MAX);
    char *expected = repeat("e", FY_OBJECT_BYTES_MAX);
    char *hostile = repeat("@", FY_PATH_PART_BYTES_MAX + 1);
    char *hangul = repeat("\xea\xb0\x81", 300); /* grows when decomposed */
    clean_object(longest, longest);
    clean_object(too_long, NULL);
    clean_object(shrinks, expected);
    clean_object(hostile, NULL);
    clean_object(hangul, NULL);
    free(longest);
    free(too_long);
    free(shrinks);
    free(expected);
    free(hostile);
    free(hangul);

    char *bucket = repeat("b", 63);
    clean_bucket(bucket, bucket);
    free(bucket);
    bucket = repeat("b", 64);
    clean_bucket(bucket, NULL);
    free(bucket);
}

/* A pattern and texts it takes, then texts it refuses; both lists end with NULL. */
static void check_pattern(bool (*is_valid)(const char *), const char *const *good,
                          const char *const *bad)
{
    for (; *good != NULL; good++)
        if (!is_valid(*good))
            fail_msg("'%s' was refused", *good);
    for (; *bad != NULL; bad++)
        if (is_valid(*bad))
            fail_msg("'%s' was taken", *bad);
}

static void patterns_take_what_they_name_and_nothing_else(void **state)
{
    (void)state;
    char *s64 = repeat("a", 64);
    char *s65 = repeat("a", 65);
    char *s63 = repeat("a", 63);
    char *s1024 = repeat("a", 1024);
    char *s1025 = repeat("a", 1025);
    check_pattern(fy_site_is_valid, (const char *const[]){"a", "Site-1.x", "..", s64, NULL},
                  (const char *const[]){"", "a_b", "a b", "P\xc3\xa9kin", "a\n", s65, NULL});
    check_pattern(fy_ccs_bucket_is_valid, (const char *const[]){"abc", "---", "0-9", s63, NULL},
                  (const char *const[]){"", "ab", "aBc", "a.c", "a_c", "abc\n", s64, NULL});
    check_pattern(fy_ccs_client_is_valid,
                  (const char *const[]){"client-1", "7d444840-9dc0-11d1-b245-5ffdce74fad2", NULL},
                  (const char *const[]){"", "cl", "Client", "cli_ent", s64, NULL});
    check_pattern(fy_ccs_object_is_valid,
                  (const char *const[]){"a", "../x", "/", "A_b-c.d", s1024, NULL},
                  (const char *const[]){"", "a b", "a\\b", "a\xc3\xa9", s1025, NULL});
    check_pattern(fy_ccs_metadata_key_is_valid, (const char *const[]){"a", "_", "aB_9", NULL},
                  (const char *const[]){"", "9a", "a-b", "a.b", "a b", "\xc3\xa9", NULL});
    check_pattern(fy_ccs_text_is_sane,
                  (const char *const[]){"", "any text", "caf\xc3\xa9 <b>", NULL},
                  (const char *const[]){"a;b", "a\nb", "\x7f", "x<script>", "<!ENTITY", NULL});
    free(s64);
    free(s65);
    free(s63);
    free(s1024);
    free(s1025);
}

static void exact_names_take_any_utf8_within_their_bounds(void **state)
{
    (void)state;
    char *longest = repeat("a", 1023);
    assert_true(fy_exact_object_is_valid(longest, 1023));
    assert_true(fy_exact_object_is_valid("a\n\x01;../%2F \xe2\x82\xac", 14));
    assert_true(fy_exact_object_is_valid("\xf0\x9f\x9a\xa2", 4));
    assert_false(fy_exact_object_is_valid("", 0));
    assert_false(fy_exact_object_is_valid("a\0b", 3));
    assert_false(fy_exact_object_is_valid("\xff", 1));
    free(longest);
    longest = repeat("a", 1024);
    assert_true(fy_exact_object_is_valid(longest, 1024)); /* the longest name of CCS */
    longest[7] = '~';
    assert_false(fy_exact_object_is_valid(longest, 1024));
    longest[7] = '\0';
    assert_false(fy_exact_object_is_valid(longest, 1024));
    longest[7] = 'a';
    assert_true(fy_exact_bucket_is_valid(longest, 1023));
    assert_false(fy_exact_bucket_is_valid(longest, 1024));
    assert_true(fy_exact_bucket_is_valid("a/b %2F\n\x01 \xe2\x82\xac", 13));
    assert_false(fy_exact_bucket_is_valid("a\0b", 3));
    assert_false(fy_exact_bucket_is_valid("a\xff", 2));
    assert_false(fy_exact_bucket_is_valid("", 0));
    assert_true(fy_exact_client_is_valid("a/b", 3));
    assert_true(fy_exact_client_is_valid(longest, 255));
    assert_false(fy_exact_client_is_valid(longest, 256));
    free(longest);
}

static void only_utf8_of_rfc_3629_is_valid(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "abc",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
    };
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xe1\x80\x41",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf1\x80\x80",
        "\xff",
        "ok\xfe",
    };
    for (size_t i = 0; i < FY_COUNT_OF(good); i++)
        assert_true(fy_utf8_is_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        if (fy_utf8_is_valid(bad[i], strlen(bad[i])))
            fail_msg("row %zu was taken", i);
    /* The size ends a character, whatever lies behind it. */
    assert_true(fy_utf8_is_valid("\xc3\xa9", 2));
    assert_false(fy_utf8_is_valid("\xc3\xa9", 1));
    assert_false(fy_utf8_is_valid("\xf0\x9f\x9a\xa2", 3));
}

static void decode(const char *in, bool plus_is_space, size_t out_bytes, const char *expected)
{
    char out[64] = "";
    assert_true(out_bytes <= sizeof(out));
    struct fy_err err = {0};
    enum fy_code code = fy_percent_decode(in, strlen(in), plus_is_space, out, out_bytes, &err);
    assert_int_equal(code, expected != NULL ? FY_OK : FY_EINPUT);
    if (expected != NULL)
        assert_string_equal(out, expected);
}

static void escapes_are_decoded_once(void **state)
{
    (void)state;
    decode("a%20b+c", false, 64, "a b+c");
    decode("a%20b+c", true, 64, "a b c");
    decode("%252F%2f%2F", false, 64, "%2F//");
    decode("%C3%A9%ff", false, 64, "\xc3\xa9\xff");
    decode("", false, 1, "");
    decode("abc", false, 4, "abc");
    decode("abc", false, 3, NULL);
    decode("%", false, 64, NULL);
    decode("%4", false, 64, NULL);
    decode("%4g", false, 64, NULL);
    decode("%g4", false, 64, NULL);
    decode("%-1", false, 64, NULL);
    decode("%00", false, 64, NULL);
    char out[8];
    assert_int_equal(fy_percent_decode("a\0b", 3, false, out, sizeof(out), NULL), FY_EINPUT);
    assert_int_equal(fy_percent_decode("%41x", 2, false, out, sizeof(out), NULL), FY_EINPUT);
}

static void all_but_the_unreserved_is_encoded(void **state)
{
    (void)state;
    char out[64];
    assert_true(fy_percent_encode("aZ09-._~", false, out, sizeof(out)));
    assert_string_equal(out, "aZ09-._~");
    assert_true(fy_percent_encode("a/b c+\xc3\xa9%", true, out, sizeof(out)));
    assert_string_equal(out, "a/b%20c%2B%C3%A9%25");
    assert_true(fy_percent_encode("a/b", false, out, sizeof(out)));
    assert_string_equal(out, "a%2Fb");
    assert_true(fy_percent_encode("ab", false, out, 3));
    assert_false(fy_percent_encode("ab", false, out, 2));
    assert_true(fy_percent_encode("/", false, out, 4));
    assert_false(fy_percent_encode("/", false, out, 3));
    assert_true(fy_percent_encode("", false, out, 1));
    assert_string_equal(out, "");
}

static void every_byte_survives_encoding_and_decoding(void **state)
{
    (void)state;
    char all[256];
    for (int i = 1; i < 256; i++)
        all[i - 1] = (char)(unsigned char)i;
    all[255] = '\0';
    char encoded[3 * 255 + 1];
    char back[256];
    assert_true(fy_percent_encode(all, false, encoded, sizeof(encoded)));
    assert_int_equal(fy_percent_decode(encoded, strlen(encoded), true, back, sizeof(back), NULL),
                     FY_OK);
    assert_string_equal(back, all);
}

static void base_uris_get_the_defaults_of_ccs(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"http://site-b:9000", "http://site-b:9000"},
        {"https://site-b:9000/", "https://site-b:9000"},
        {"site-b", "http://site-b:8081"},
        {"site-b:9000", "http://site-b:9000"},
        {"//site-b", "http://site-b:8081"},
        {"http://", "http://127.0.0.1:8081"},
        {"http://:9000", "http://127.0.0.1:9000"},
        {":9000", "http://127.0.0.1:9000"},
        {"/prefix", "http://127.0.0.1:8081/prefix"},
        {"http://h/a/b/", "http://h:8081/a/b"},
        {"http://h:/a//", "http://h:8081/a"},
        {"HTTP://Site-B.Example:1/P", "http://site-b.example:1/P"},
        {"http://[::1]:65535/x%20y", "http://[::1]:65535/x%20y"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        char out[FY_URI_BYTES_MAX + 1];
        struct fy_err err = {0};
        if (fy_uri_normalise(rows[i][0], out, &err) != FY_OK)
            fail_msg("%s", err.text);
        assert_string_equal(out, rows[i][1]);
        char again[FY_URI_BYTES_MAX + 1];
        assert_int_equal(fy_uri_normalise(out, again, NULL), FY_OK);
        assert_string_equal(again, out);
    }
}

static void what_others_connect_to_is_in_a_base_uri(void **state)
{
    (void)state;
    char host[FY_URI_BYTES_MAX + 1] = "as it was";
    assert_false(fy_uri_host("ftp://h", host));
    assert_string_equal(host, "as it was");
    assert_true(fy_uri_host("https://Paris.example:443/ferry/", host));
    assert_string_equal(host, "paris.example:443");
    assert_true(fy_uri_host("[::1]", host));
    assert_string_equal(host, "[::1]:8081");
}

static void other_texts_are_no_base_uris(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "ftp://h",
        "://h",
        "http://h:0",
        "http://h:65536",
        "http://h:123456",
        "http://h:80x",
        "http://u:p@h",
        "http://u@h",
        "http://h?q",
        "http://h/#f",
        "http://h/a b",
        "http://h/\xc3\xa9",
        "http://h/\r\nX: y",
        "http://[::1",
        "http://[]",
        "http://[::1]x",
        "http://a b",
        "http://h\\x",
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        char out[FY_URI_BYTES_MAX + 1];
        if (fy_uri_normalise(rows[i], out, NULL) != FY_EINPUT)
            fail_msg("'%s' became '%s'", rows[i], out);
    }
    char *long_path = repeat("/aaaaaaa", FY_URI_BYTES_MAX / 8);
    char out[FY_URI_BYTES_MAX + 1];
    assert_int_equal(fy_uri_normalise(long_path, out, NULL), FY_EINPUT);
    free(long_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(object_names_are_cleaned_as_ccs_does),
        cmocka_unit_test(bucket_names_are_cleaned_as_ccs_does),
        cmocka_unit_test(each_step_of_the_sanitiser_does_what_it_says),
        cmocka_unit_test(a_cleaned_name_keeps_to_its_bounds),
        cmocka_unit_test(patterns_take_what_they_name_and_nothing_else),
        cmocka_unit_test(exact_names_take_any_utf8_within_their_bounds),
        cmocka_unit_test(only_utf8_of_rfc_3629_is_valid),
        cmocka_unit_test(escapes_are_decoded_once),
        cmocka_unit_test(all_but_the_unreserved_is_encoded),
        cmocka_unit_test(every_byte_survives_encoding_and_decoding),
        cmocka_unit_test(base_uris_get_the_defaults_of_ccs),
        cmocka_unit_test(what_others_connect_to_is_in_a_base_uri),
        cmocka_unit_test(other_texts_are_no_base_uris),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
