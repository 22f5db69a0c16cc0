/* cli_target_test.c - which object names become files, and that none leaves its folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/target.h"
#include "tests/support/temp.h"
#include <cmocka.h>

/* A folder with a folder `root` in it, where downloads go; what appears beside root has escaped. */
struct fixture {
    char outer[TEMP_BYTES];
    int outer_fd, root_fd;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    temp_folder("target", f->outer);
    f->outer_fd = open(f->outer, O_RDONLY | O_DIRECTORY);
    assert_int_equal(mkdirat(f->outer_fd, "root", 0700), 0);
    f->root_fd = openat(f->outer_fd, "root", O_RDONLY | O_DIRECTORY);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close(f->root_fd);
    close(f->outer_fd);
    temp_remove(f->outer);
    free(f);
    return 0;
}

/* Names in the folder, each with a blank behind it; "" when it is empty. */
static void list(int folder_fd, const char *name, char *names, size_t names_bytes)
{
    int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY);
    DIR *folder = fdopendir(fd);
    struct dirent *entry;
    size_t filled = 0;
    names[0] = '\0';
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            assert_true(filled + sizeof(entry->d_name) + 2 < names_bytes);
            filled += (size_t)sprintf(names + filled, "%s ", entry->d_name);
        }
    closedir(folder);
}

static void expect_entries(int folder_fd, const char *name, const char *expected)
{
    char names[4096];
    list(folder_fd, name, names, sizeof(names));
    assert_string_equal(names, expected);
}

static enum fy_code fetch(struct fixture *f, const char *name, const char *text)
{
    struct fy_target target;
    struct fy_err err = {0};
    enum fy_code code = fy_target_open_below(f->root_fd, name, strlen(name), &target, &err);
    if (code != FY_OK)
        return code;
    assert_int_equal(write(target.fd, text, strlen(text)), strlen(text));
    return fy_target_commit(&target, &err);
}

static void expect_file(int folder_fd, const char *name, const char *text)
{
    char bytes[64] = "";
    int fd = openat(folder_fd, name, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read(fd, bytes, sizeof(bytes) - 1) >= 0);
    close(fd);
    assert_string_equal(bytes, text);
}

static void good_names_become_files_in_folders(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a",        "b/c/d",     "..c",      "...",
                                        "x..y/z",   "new\nline", "a\\..\\b", "sp ace",
                                        "\xc3\xa9", "-f",        "~"};
    for (size_t i = 0; i < FY_COUNT_OF(names); i++) {
        assert_int_equal(fetch(f, names[i], names[i]), FY_OK);
        expect_file(f->root_fd, names[i], names[i]);
    }
}

static void names_that_would_leave_the_folder_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {
        "..", "../x", "a/../x",    "a/..",           "a/../../x",
        "/x", "//x",  "../root/x", "a/b/../../../x", "/etc/ferry-test"};
    for (size_t i = 0; i < FY_COUNT_OF(names); i++) {
        struct fy_err err = {0};
        assert_int_equal(fy_target_name_check(names[i], strlen(names[i]), &err), FY_EINPUT);
        assert_non_null(strstr(err.text, "leave the folder"));
        assert_int_equal(fetch(f, names[i], "x"), FY_EINPUT);
    }
    expect_entries(f->outer_fd, ".", "root ");
    expect_entries(f->root_fd, ".", "");
}

/* "a//b" and "a/./b" would both be the file of the object "a/b". */
static void names_that_two_objects_would_share_as_a_file_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"",     ".",  "./a",  "a/.",  "a/./b",
                                        "a//b", "a/", "a/b/", "a/b//"};
    for (size_t i = 0; i < FY_COUNT_OF(names); i++)
        assert_int_equal(fetch(f, names[i], "x"), FY_EINPUT);
    expect_entries(f->root_fd, ".", "");
}

static void names_that_no_file_can_have_are_refused(void **state)
{
    (void)state;
    struct fy_err err = {0};
    char name[FY_OBJECT_BYTES_MAX + 2];
    assert_int_equal(fy_target_name_check("a\0b", 3, &err), FY_EINPUT);
    assert_non_null(strstr(err.text, "zero byte"));
    memset(name, 'x', sizeof(name));
    name[NAME_MAX] = '\0';
    assert_int_equal(fy_target_name_check(name, NAME_MAX, &err), FY_OK);
    name[NAME_MAX] = 'x';
    name[NAME_MAX + 1] = '\0';
    assert_int_equal(fy_target_name_check(name, NAME_MAX + 1, &err), FY_EINPUT);
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 2 == 0 ? 'x' : '/';
    name[FY_OBJECT_BYTES_MAX + 1] = '\0';
    assert_int_equal(fy_target_name_check(name, FY_OBJECT_BYTES_MAX + 1, &err), FY_EINPUT);
}

/* A link in the folder may lead anywhere: `get` writes below the folder or not at all. */
static void symbolic_links_on_the_way_are_not_followed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdirat(f->outer_fd, "elsewhere", 0700), 0);
    assert_int_equal(symlinkat("../elsewhere", f->root_fd, "link"), 0);
    assert_int_equal(fetch(f, "link/x", "x"), FY_EIO);
    expect_entries(f->outer_fd, "elsewhere", "");
    /* A link in the file's own place is replaced, not written through. */
    assert_int_equal(symlinkat("../elsewhere/y", f->root_fd, "y"), 0);
    assert_int_equal(fetch(f, "y", "new"), FY_OK);
    expect_entries(f->outer_fd, "elsewhere", "");
    expect_file(f->root_fd, "y", "new");
}

static void a_file_in_the_way_of_a_folder_is_left_alone(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fetch(f, "a", "file"), FY_OK);
    assert_int_equal(fetch(f, "a/b", "x"), FY_EIO);
    expect_file(f->root_fd, "a", "file");
    assert_int_equal(fetch(f, "d/e", "x"), FY_OK);
    assert_int_equal(fetch(f, "d", "x"), FY_EIO); /* d is a folder */
    expect_entries(f->root_fd, "d", "e ");
    char names[4096];
    list(f->root_fd, ".", names, sizeof(names));
    assert_null(strstr(names, ".ferry-"));
}

static void a_file_appears_whole_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    struct fy_target target;
    struct fy_err err = {0};
    assert_int_equal(fetch(f, "a", "old"), FY_OK);
    assert_int_equal(fy_target_open_below(f->root_fd, "a", 1, &target, &err), FY_OK);
    assert_int_equal(write(target.fd, "ne", 2), 2);
    expect_file(f->root_fd, "a", "old");
    fy_target_abort(&target);
    expect_file(f->root_fd, "a", "old");
    expect_entries(f->root_fd, ".", "a ");
}

static void a_restarted_file_begins_anew(void **state)
{
    struct fixture *f = *state;
    struct fy_target target;
    struct fy_err err = {0};
    assert_int_equal(fy_target_open_below(f->root_fd, "a", 1, &target, &err), FY_OK);
    assert_int_equal(write(target.fd, "half of it", 10), 10);
    assert_int_equal(fy_target_restart(&target, &err), FY_OK);
    assert_int_equal(write(target.fd, "all", 3), 3);
    assert_int_equal(fy_target_commit(&target, &err), FY_OK);
    expect_file(f->root_fd, "a", "all");
}

static void a_path_of_the_user_goes_where_it_says(void **state)
{
    struct fixture *f = *state;
    struct fy_target target;
    struct fy_err err = {0};
    char path[TEMP_BYTES + 16];
    (void)snprintf(path, sizeof(path), "%s/root/../b", f->outer);
    assert_int_equal(fy_target_open_path(path, &target, &err), FY_OK);
    assert_int_equal(fy_target_commit(&target, &err), FY_OK);
    expect_file(f->outer_fd, "b", "");
    (void)snprintf(path, sizeof(path), "%s/nowhere/b", f->outer);
    assert_int_equal(fy_target_open_path(path, &target, &err), FY_EIO);
    assert_int_equal(fy_target_open_path("x/", &target, &err), FY_EINPUT);
    assert_int_equal(fy_target_open_path("", &target, &err), FY_EINPUT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(good_names_become_files_in_folders),
        TEST(names_that_would_leave_the_folder_are_refused),
        TEST(names_that_two_objects_would_share_as_a_file_are_refused),
        TEST(names_that_no_file_can_have_are_refused),
        TEST(symbolic_links_on_the_way_are_not_followed),
        TEST(a_file_in_the_way_of_a_folder_is_left_alone),
        TEST(a_file_appears_whole_or_not_at_all),
        TEST(a_restarted_file_begins_anew),
        TEST(a_path_of_the_user_goes_where_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
