/* secret_test.c - secrets in files: one line, and not a word of it in any error. */
#include "common/core/secret.h"
#include "tests/support/temp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECRET_BYTES 8

struct file {
    char path[TEMP_BYTES];
};

static void write_bytes(const struct file *file, const char *bytes)
{
    FILE *stream = fopen(file->path, "w");
    assert_non_null(stream);
    assert_true(fputs(bytes, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

static int setup(void **state)
{
    struct file *file = malloc(sizeof(*file));
    assert_non_null(file);
    (void)close(temp_file("secret", file->path));
    *state = file;
    return 0;
}

static int teardown(void **state)
{
    struct file *file = *state;
    (void)unlink(file->path);
    free(file);
    return 0;
}

static void a_secret_is_the_first_line_without_its_end(void **state)
{
    const struct file *file = *state;
    static const char *const rows[][2] = {
        {"a", "a"},
        {"pass wo\n", "pass wo"},
        {"s\r\nsecond line\n", "s"},
        {"1234567", "1234567"},
        {"1234567\nmore", "1234567"},
        {"1234567\r\n", "1234567"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        char line[SECRET_BYTES];
        struct fy_err err = {0};
        write_bytes(file, rows[i][0]);
        assert_int_equal(fy_secret_read("x.file", file->path, line, sizeof(line), &err), FY_OK);
        assert_string_equal(line, rows[i][1]);
    }
}

static void a_line_that_is_no_secret_is_refused_without_a_word_of_it(void **state)
{
    const struct file *file = *state;
    static const char *const bad[] = {"", "\n", "\nsecond\n", "12345678", "12345678\n"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        char line[SECRET_BYTES] = "before";
        struct fy_err err = {0};
        write_bytes(file, bad[i]);
        assert_int_equal(fy_secret_read("x.file", file->path, line, sizeof(line), &err), FY_EINPUT);
        assert_string_equal(line, "");
        assert_non_null(strstr(err.text, "x.file: "));
        assert_null(strstr(err.text, "123"));
    }
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    const struct file *file = *state;
    static const char *const bad[] = {"/nonexistent/secret", "/tmp"}; /* one is a folder */
    (void)file;
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        char line[SECRET_BYTES];
        struct fy_err err = {0};
        assert_int_equal(fy_secret_read("x.file", bad[i], line, sizeof(line), &err), FY_EIO);
        assert_non_null(strstr(err.text, bad[i]));
        assert_string_equal(line, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_secret_is_the_first_line_without_its_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_line_that_is_no_secret_is_refused_without_a_word_of_it,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_named, setup, teardown),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
