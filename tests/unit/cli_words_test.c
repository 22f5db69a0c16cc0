/* cli_words_test.c - BUCKET/NAME, numbers, times; and the paths they are asked for under. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cli/paths.h"
#include "cli/words.h"
#include <cmocka.h>

static void a_word_is_cut_at_its_first_slash(void **state)
{
    (void)state;
    struct fy_object_word object;
    assert_int_equal(fy_object_word("b", &object, NULL), FY_OK);
    assert_string_equal(object.bucket, "b");
    assert_string_equal(object.name, "");
    assert_int_equal(fy_object_word("b/", &object, NULL), FY_OK);
    assert_string_equal(object.name, "");
    assert_int_equal(fy_object_word("b/x/../y//", &object, NULL), FY_OK);
    assert_string_equal(object.bucket, "b");
    assert_string_equal(object.name, "x/../y//");
}

static void a_word_without_a_bucket_or_a_name_is_refused(void **state)
{
    (void)state;
    struct fy_object_word object;
    const struct fy_command_line no_options = {0};
    char long_name[2 + 1025 + 1] = "b/";
    memset(long_name + 2, 'x', 1025);
    assert_int_equal(fy_object_word("", &object, NULL), FY_EINPUT);
    assert_int_equal(fy_object_word("/n", &object, NULL), FY_EINPUT);
    assert_int_equal(fy_object_word("\xff/n", &object, NULL), FY_EINPUT);
    assert_int_equal(fy_place_word_whole(&no_options, "b", &object, NULL), FY_EINPUT);
    assert_int_equal(fy_place_word_whole(&no_options, "b/", &object, NULL), FY_EINPUT);
    assert_int_equal(fy_place_word_whole(&no_options, "b/\xff", &object, NULL), FY_EINPUT);
    assert_int_equal(fy_place_word_whole(&no_options, long_name, &object, NULL), FY_EINPUT);
    assert_int_equal(fy_place_word_whole(&no_options, "b/n", &object, NULL), FY_OK);
}

/* With --container a word is a name alone, whatever is in it; --account says whose it is. */
static void a_place_is_named_by_options_exactly(void **state)
{
    (void)state;
    struct fy_object_word object;
    struct fy_command_line line = {
        .options = {{"container", "a/b \xc3\xa9"}, {"account", "AUTH_x/y"}}, .option_count = 2};
    struct fy_buf path;
    assert_int_equal(fy_place_word_whole(&line, "-n/%41?", &object, NULL), FY_OK);
    assert_string_equal(object.bucket, "a/b \xc3\xa9");
    assert_string_equal(object.name, "-n/%41?");
    fy_path(&path, "/x");
    fy_place_query(&path, &line, &object, object.name);
    assert_string_equal(path.bytes, "/x?acct=AUTH_x%2Fy&ref=a%2Fb%20%C3%A9&path=-n%2F%2541%3F");
    fy_buf_done(&path);
    assert_int_equal(fy_place_word(&line, NULL, &object, NULL), FY_OK);
    assert_string_equal(object.name, "");
    assert_int_equal(fy_place_word_whole(&line, "", &object, NULL), FY_EINPUT);
    assert_int_equal(fy_place_word_whole(&line, NULL, &object, NULL), FY_EINPUT);
}

static void a_place_is_given_by_a_word_or_an_option(void **state)
{
    (void)state;
    const struct fy_command_line none = {.options = {{"prefix", ""}}, .option_count = 1};
    const struct fy_command_line word = {.words = {"b"}, .word_count = 1};
    const struct fy_command_line container = {.options = {{"container", "b"}}, .option_count = 1};
    const struct fy_command_line account = {.options = {{"account", "a"}}, .option_count = 1};
    assert_false(fy_place_given(&none));
    assert_true(fy_place_given(&word));
    assert_true(fy_place_given(&container));
    assert_true(fy_place_given(&account));
}

static void a_place_without_them_is_as_ever(void **state)
{
    (void)state;
    struct fy_object_word object;
    struct fy_command_line line = {.config.client = "client-1"};
    static const struct fy_command command = {.name = "ls"};
    struct fy_buf path;
    line.command = &command;
    assert_int_equal(fy_place_word(&line, NULL, &object, NULL), FY_EINPUT);
    assert_int_equal(fy_place_word(&line, "bucket-1/n", &object, NULL), FY_OK);
    fy_path(&path, "/x");
    fy_place_query(&path, &line, &object, object.name);
    assert_string_equal(path.bytes, "/x?ref=bucket-1&path=n");
    fy_buf_done(&path);
    line.options[0] = (struct fy_option_value){"account", "a\nb"};
    line.option_count = 1;
    assert_int_equal(fy_place_word(&line, "bucket-1/n", &object, NULL), FY_EINPUT);
}

static void numbers_keep_to_their_bounds(void **state)
{
    (void)state;
    int64_t value = 7;
    assert_int_equal(fy_count_word("n", NULL, 1, 9, &value, NULL), FY_OK);
    assert_int_equal(value, 7);
    assert_int_equal(fy_count_word("n", "9", 1, 9, &value, NULL), FY_OK);
    assert_int_equal(value, 9);
    static const char *const bad[] = {
        "", "0", "10", "-1", "+1", " 1", "1 ", "1x", "99999999999999999999"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_int_equal(fy_count_word("n", bad[i], 1, 9, &value, NULL), FY_EINPUT);
    assert_int_equal(value, 9);
}

static void times_have_a_unit(void **state)
{
    (void)state;
    int64_t ms = 5;
    assert_int_equal(fy_time_word("t", NULL, &ms, NULL), FY_OK);
    assert_int_equal(ms, 5);
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"500ms", 500}, {"10s", 10000}, {"5m", 300000}, {"24h", 86400000}, {"365d", 31536000000}};
    for (size_t i = 0; i < FY_COUNT_OF(good); i++) {
        assert_int_equal(fy_time_word("t", good[i].text, &ms, NULL), FY_OK);
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const bad[] = {
        "", "0s", "10", "s", "-1s", "1 s", "1w", "366d", "9999999999999999d"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_int_equal(fy_time_word("t", bad[i], &ms, NULL), FY_EINPUT);
}

static void ids_of_losing_bodies_begin_with_c(void **state)
{
    (void)state;
    static const char *const others[] = {"",    "c",   "12",  "C12",  "c0",
                                         "c-1", "c1 ", "c 1", "c12x", "c99999999999999999999"};
    int64_t id = 0;
    assert_true(fy_conflict_word("c12", &id));
    assert_int_equal(id, 12);
    for (size_t i = 0; i < FY_COUNT_OF(others); i++)
        assert_false(fy_conflict_word(others[i], &id));
    assert_int_equal(id, 12);
}

static void check_path(const char *client, const char *bucket, const char *object,
                       const char *expected)
{
    struct fy_buf path;
    fy_path(&path, FY_PATH_CONTENT);
    fy_path_names(&path, client, bucket, object);
    assert_string_equal(path.bytes, expected);
    fy_buf_done(&path);
}

/* A name may hold whatever ends a query, a path or a header elsewhere. */
static void names_travel_percent_encoded(void **state)
{
    (void)state;
    check_path("client-1", "bucket-1", "a&b=c#d?e+f g%2F/\n\xc3\xa9",
               "/ferry/v1/content?ref=bucket-1&path=a%26b%3Dc%23d%3Fe%2Bf%20g%252F%2F%0A%C3%A9");
    check_path("client-1", "bucket-1", NULL, "/ferry/v1/content?ref=bucket-1");
}

/* A bucket that another client owns is found by the CCS rule, a container only in its account. */
static void names_outside_ccs_are_looked_up_in_the_own_account(void **state)
{
    (void)state;
    check_path("client-1", "My Bucket", "n",
               "/ferry/v1/content?acct=client-1&ref=My%20Bucket&path=n");
    check_path("AUTH_demo", "bucket-1", "n",
               "/ferry/v1/content?acct=AUTH_demo&ref=bucket-1&path=n");
}

static void a_path_that_overflows_says_so_and_nothing_is_written_beyond(void **state)
{
    (void)state;
    struct fy_buf path;
    static char word[FY_PATH_BYTES_MAX];
    memset(word, ' ', sizeof(word) - 1);
    fy_path(&path, FY_PATH_WAITING);
    fy_path_query(&path, "site", word);
    fy_path_query(&path, "bucket", "b");
    assert_true(path.overflow);
    fy_buf_done(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_cut_at_its_first_slash),
        cmocka_unit_test(a_word_without_a_bucket_or_a_name_is_refused),
        cmocka_unit_test(a_place_is_named_by_options_exactly),
        cmocka_unit_test(a_place_is_given_by_a_word_or_an_option),
        cmocka_unit_test(a_place_without_them_is_as_ever),
        cmocka_unit_test(numbers_keep_to_their_bounds),
        cmocka_unit_test(times_have_a_unit),
        cmocka_unit_test(ids_of_losing_bodies_begin_with_c),
        cmocka_unit_test(names_travel_percent_encoded),
        cmocka_unit_test(names_outside_ccs_are_looked_up_in_the_own_account),
        cmocka_unit_test(a_path_that_overflows_says_so_and_nothing_is_written_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
