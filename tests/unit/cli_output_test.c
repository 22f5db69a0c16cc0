/* cli_output_test.c - tables that line up, names that cannot move the cursor, numbers to read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "common/core/clock.h"
#include <cmocka.h>

static void expect_table(struct fy_table *table, const char *expected)
{
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *file = open_memstream(&text, &size_bytes);
    fy_table_print(table, file);
    fclose(file);
    assert_string_equal(text, expected);
    free(text);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    struct fy_table table;
    FY_TABLE_INIT(&table, "<SITE", ">BYTES", "<NAME");
    FY_TABLE_ROW(&table, "a-long-site", "1", "x");
    FY_TABLE_ROW(&table, "b", "123456789", "a longer name");
    expect_table(&table, "SITE             BYTES  NAME\n"
                         "a-long-site          1  x\n"
                         "b            123456789  a longer name\n");
    fy_table_done(&table);
}

static void a_table_without_rows_prints_nothing(void **state)
{
    (void)state;
    struct fy_table table;
    FY_TABLE_INIT(&table, "<SITE");
    expect_table(&table, "");
    fy_table_done(&table);
}

/* A listing prints page after page: the titles once, and the columns never get narrower. */
static void later_parts_have_no_titles_and_keep_the_columns(void **state)
{
    (void)state;
    struct fy_table table;
    FY_TABLE_INIT(&table, ">BYTES", "<NAME");
    FY_TABLE_ROW(&table, "1234567", "a");
    expect_table(&table, "  BYTES  NAME\n1234567  a\n");
    FY_TABLE_ROW(&table, "1", "b");
    expect_table(&table, "      1  b\n");
    fy_table_done(&table);
}

static void no_line_ends_in_blanks(void **state)
{
    (void)state;
    struct fy_table table;
    FY_TABLE_INIT(&table, "<A", "<B", "<C");
    FY_TABLE_ROW(&table, "1", "22", "333");
    FY_TABLE_ROW(&table, "1", "", "");
    FY_TABLE_ROW(&table, "", "", "");
    expect_table(&table, "A  B   C\n1  22  333\n1\n\n");
    fy_table_done(&table);
}

static void letters_of_several_bytes_are_one_wide(void **state)
{
    (void)state;
    struct fy_table table;
    FY_TABLE_INIT(&table, "<NAME", "<X");
    FY_TABLE_ROW(&table, "\xc3\xa9t\xc3\xa9!", "1");
    FY_TABLE_ROW(&table, "ab", "2");
    expect_table(&table, "NAME  X\n\xc3\xa9t\xc3\xa9!  1\nab    2\n");
    fy_table_done(&table);
}

static void expect_clean(const char *text, const char *expected)
{
    struct fy_buf buf;
    fy_buf_init(&buf, FY_LINE_BYTES_MAX);
    fy_clean(&buf, text);
    assert_string_equal(buf.bytes != NULL ? buf.bytes : "", expected);
    fy_buf_done(&buf);
}

/* An object's name must not clear the screen, begin a line, or pass for another row. */
static void control_bytes_are_written_out(void **state)
{
    (void)state;
    expect_clean("plain \xe2\x82\xac", "plain \xe2\x82\xac");
    expect_clean("a\nb\tc\rd", "a\\nb\\tc\\rd");
    expect_clean("\x1b[2J\x07\x7f", "\\x1b[2J\\x07\\x7f");
    expect_clean("\xc2\x9b"
                 "31m",
                 "\\xc2\\x9b31m");
    expect_clean("bad\xff\xc3", "bad\\xff\\xc3");
    expect_clean("", "");
}

static void sizes_are_short(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0 B"},           {1023, "1023 B"},       {1024, "1.0 KiB"},     {1536, "1.5 KiB"},
        {1048575, "1.0 MiB"}, {5LL << 40, "5.0 TiB"}, {INT64_MAX, "8.0 EiB"}};
    char cell[FY_CELL_BYTES];
    for (size_t i = 0; i < FY_COUNT_OF(sizes); i++) {
        fy_cell_size(sizes[i].bytes, cell);
        assert_string_equal(cell, sizes[i].text);
    }
}

static void times_are_short(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } times[] = {{0, "-"},          {-5, "-"},       {59, "59s"},        {60, "1m 0s"},
                 {3599, "59m 59s"}, {3600, "1h 0m"}, {86399, "23h 59m"}, {90000, "1d 1h"}};
    char cell[FY_CELL_BYTES];
    for (size_t i = 0; i < FY_COUNT_OF(times); i++) {
        fy_cell_seconds(times[i].seconds, cell);
        assert_string_equal(cell, times[i].text);
    }
    fy_cell_age("no instant", cell);
    assert_string_equal(cell, "-");
    char instant[FY_INSTANT_BYTES];
    fy_instant_print(fy_wall_ms(fy_clock_system()) - 7200000, instant);
    fy_cell_age(instant, cell);
    assert_non_null(strstr(cell, "2h 0m"));
}

static char *sum_of(struct fy_tally *tally, bool json, int *exit_status)
{
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *file = open_memstream(&text, &size_bytes);
    *exit_status = fy_tally_sum(tally, json, file);
    fclose(file);
    return text;
}

static void the_sum_counts_what_came_and_what_failed_decides(void **state)
{
    (void)state;
    struct fy_tally tally;
    struct fy_err err = {0};
    int exit_status;
    fy_tally_init(&tally, "put");
    fy_tally_object(&tally, 10, false);
    fy_tally_object(&tally, 32, true);
    char *text = sum_of(&tally, false, &exit_status);
    assert_int_equal(strncmp(text, "2 objects, 42 bytes, ", 21), 0);
    assert_non_null(strstr(text, " objects/s (1 unchanged)\n"));
    assert_int_equal(exit_status, FY_EXIT_DONE);
    free(text);

    (void)fy_err_set(&err, FY_EIO, "it cannot be read");
    fy_tally_fail(&tally, "some file", &err);
    fy_tally_skip(&tally);
    text = sum_of(&tally, true, &exit_status);
    assert_non_null(strstr(text, "{\"objects\":2,\"bytes\":42,\"unchanged\":1,\"failed\":1,"
                                 "\"skipped\":1,\"seconds\":"));
    assert_int_equal(exit_status, FY_EXIT_SOME_FAILED);
    free(text);

    fy_tally_stop(&tally, FY_EBUSY);
    fy_tally_stop(&tally, FY_ENOTFOUND); /* the first reason stays */
    free(sum_of(&tally, false, &exit_status));
    assert_int_equal(exit_status, FY_EXIT_TEMPORARY);
    fy_tally_done(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(a_table_without_rows_prints_nothing),
        cmocka_unit_test(later_parts_have_no_titles_and_keep_the_columns),
        cmocka_unit_test(no_line_ends_in_blanks),
        cmocka_unit_test(letters_of_several_bytes_are_one_wide),
        cmocka_unit_test(control_bytes_are_written_out),
        cmocka_unit_test(sizes_are_short),
        cmocka_unit_test(times_are_short),
        cmocka_unit_test(the_sum_counts_what_came_and_what_failed_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
