/* export_name_test.c - names of the files of an export, and which of them there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/runtime/export_name.h"

#define OURS   "0123456789abcdefghijklmnop"
#define OTHERS "zyxwvu9876543210abcdefghij"
#define THEIRS "vvvvvvvvvvvvvvvvvvvvvvvvvv"

static void names_are_read_as_they_were_printed(void **state)
{
    static const char *const names[] = {
        "full-000000000007-1700000000000-" OURS ".ndjson.zst",
        "changes-000000000008-" OURS ".ndjson.zst",
        "changes-999999999999-" OURS ".ndjson.zst",
    };
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(names); i++) {
        struct fy_export_name name;
        char text[FY_KEPT_NAME_BYTES_MAX + 1];
        assert_true(fy_kept_name_is_valid(names[i]));
        assert_true(fy_export_name_parse(names[i], &name));
        assert_int_equal(name.full, i == 0);
        assert_string_equal(name.catalogue, OURS);
        fy_export_name_print(&name, text);
        assert_string_equal(text, names[i]);
    }
}

static void other_names_are_none_of_an_export(void **state)
{
    static const char *const names[] = {
        "",
        "full-",
        "notes.txt",
        "full-000000000007-" OURS ".ndjson.zst",
        "full-000000000000-1700000000000-" OURS ".ndjson.zst",
        "changes-00000000000x-" OURS ".ndjson.zst",
        "changes-0000000000081-" OURS ".ndjson.zst",
        "changes-000000000008-" OURS "0.ndjson.zst",
        "changes-000000000008-" OTHERS ".ndjson.zst",
        "changes-000000000008-" OURS ".ndjson.zst2",
        ("changes-000000000008-" OURS),
    };
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(names); i++) {
        struct fy_export_name name;
        if (fy_export_name_parse(names[i], &name))
            fail_msg("taken: %s", names[i]);
    }
}

/* A store that has these kept files and nothing else. */
struct shelf {
    struct fy_store port;
    const char *const *names;
};

static enum fy_code shelf_list(struct fy_store *port, fy_store_kept_fn *visit, void *arg,
                               struct fy_err *err)
{
    (void)err;
    for (const char *const *name = FY_CONTAINER_OF(port, struct shelf, port)->names; *name != NULL;
         name++)
        if (!visit(arg, *name, 1))
            break;
    return FY_OK;
}

static const struct fy_store_ops shelf_ops = {.name = "shelf", .kept_list = shelf_list};

static void files_are_listed_in_the_order_they_are_read(void **state)
{
    static const char *const names[] = {
        "changes-000000000009-" OURS ".ndjson.zst",
        "changes-000000000007-" OURS ".ndjson.zst",
        "somebody-elses",
        "full-000000000007-1700000000000-" OURS ".ndjson.zst",
        "full-000000000003-1700000000000-" OURS ".ndjson.zst",
        NULL,
    };
    struct shelf shelf = {.port = {.ops = &shelf_ops}, .names = names};
    struct fy_export_list list = {0};
    struct fy_err err = {.code = FY_OK};
    (void)state;
    assert_int_equal(fy_export_list_read(&shelf.port, &list, &err), FY_OK);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.names[0].number, 3);
    assert_true(list.names[1].full);
    assert_int_equal(list.names[1].number, 7);
    assert_false(list.names[2].full);
    assert_int_equal(list.names[3].number, 9);
    assert_ptr_equal(fy_export_list_full(&list, OURS), &list.names[1]);
    assert_null(fy_export_list_full(&list, THEIRS));
    assert_null(fy_export_list_stranger(&list, OURS));
    assert_ptr_equal(fy_export_list_stranger(&list, THEIRS), &list.names[0]);
    fy_export_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_as_they_were_printed),
        cmocka_unit_test(other_names_are_none_of_an_export),
        cmocka_unit_test(files_are_listed_in_the_order_they_are_read),
    };
    return cmocka_run_group_tests_name("names of an export", tests, NULL, NULL);
}
