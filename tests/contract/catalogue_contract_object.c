/* catalogue_contract_object.c - lists of objects: order, pages, filters, prefixes. */
#include <stdio.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

struct walk {
    struct contract *c;
    char text[512];
    unsigned count;
    unsigned stop_at; /* 0 never */
    bool read_inside;
};

static bool step(void *arg, const struct fy_object_row *row)
{
    struct walk *walk = arg;
    size_t used = strlen(walk->text);
    (void)snprintf(walk->text + used, sizeof walk->text - used, "%s ", row->name);
    if (walk->read_inside)
        (void)contract_object(walk->c, "bucket-1", row->name); /* asserts that it can */
    return ++walk->count != walk->stop_at;
}

static void list(struct contract *c, const struct fy_filter *filter, const char *after,
                 uint32_t limit, struct walk *walk)
{
    walk->c = c;
    assert_int_equal(fy_catalogue_object_list(c->catalogue, "", "bucket-1", filter, after, limit,
                                              step, walk, &c->err),
                     FY_OK);
}

static void put(struct contract *c, const char *name)
{
    static int64_t offset;
    assert_int_equal(
        contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", name, name, 10 + ++offset),
        FY_OK);
}

static void names_come_in_the_order_of_their_bytes(void **state)
{
    struct contract *c = *state;
    static const char *const names[] = {"b", "a/z", "é",     "a",
                                        "B", "a.",  "a\x01", "\xf0\x9f\x98\x80"};
    for (size_t index = 0; index < FY_COUNT_OF(names); index++)
        put(c, names[index]);
    struct walk walk = {.count = 0}, after = {.count = 0}, page = {.count = 0};
    list(c, NULL, "", 99, &walk);
    assert_string_equal(walk.text, "B a a\x01 a. a/z b é \xf0\x9f\x98\x80 ");
    list(c, NULL, "a.", 99, &after);
    assert_string_equal(after.text, "a/z b é \xf0\x9f\x98\x80 ");
    list(c, NULL, "a", 2, &page);
    assert_string_equal(page.text, "a\x01 a. ");
}

static void filter_counts_towards_the_limit_what_passes(void **state)
{
    struct contract *c = *state;
    struct fy_filter filter;
    static const char *const names[] = {"a", "bbb", "c", "ddd", "eee"};
    for (size_t index = 0; index < FY_COUNT_OF(names); index++)
        put(c, names[index]);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "ddd"), FY_OK);
    fy_filter_init(&filter);
    filter.size_greater = 2; /* a tombstone keeps the facts of what was deleted */
    struct walk sized = {.count = 0}, one = {.count = 0}, rest = {.count = 0}, ready = {.count = 0},
                all = {.count = 0}, both = {.count = 0};
    list(c, &filter, "", 99, &sized);
    assert_string_equal(sized.text, "bbb ddd eee ");
    list(c, &filter, "", 1, &one);
    assert_string_equal(one.text, "bbb ");
    fy_filter_init(&filter);
    list(c, &filter, "", 99, &all);
    assert_string_equal(all.text, "a bbb c ddd eee ");
    filter.statuses = fy_filter_status_bit(FY_STATUS_DELETED);
    list(c, &filter, "", 99, &rest);
    assert_string_equal(rest.text, "ddd ");
    filter.statuses = fy_filter_status_bit(FY_STATUS_READY);
    list(c, &filter, "", 99, &ready);
    assert_string_equal(ready.text, "a bbb c eee ");
    filter.statuses |= fy_filter_status_bit(FY_STATUS_DELETED);
    list(c, &filter, "b", 2, &both);
    assert_string_equal(both.text, "bbb c ");
}

static void prefix_is_bytes_and_meets_pages(void **state)
{
    struct contract *c = *state;
    struct fy_filter filter;
    static const char *const names[] = {"a", "ab", "ab/1", "ab/2", "abc", "ac", "é", "\xc3\xaa"};
    for (size_t index = 0; index < FY_COUNT_OF(names); index++)
        put(c, names[index]);
    fy_filter_init(&filter);
    struct walk walk = {.count = 0}, page = {.count = 0}, bytes = {.count = 0};
    memcpy(filter.name_prefix, "ab", sizeof "ab");
    list(c, &filter, "", 99, &walk);
    assert_string_equal(walk.text, "ab ab/1 ab/2 abc ");
    list(c, &filter, "ab/1", 1, &page);
    assert_string_equal(page.text, "ab/2 ");
    memcpy(filter.name_prefix, "\xc3", sizeof "\xc3"); /* not even a character */
    filter.statuses = fy_filter_status_bit(FY_STATUS_READY);
    list(c, &filter, "", 99, &bytes);
    assert_string_equal(bytes.text, "é \xc3\xaa ");
}

static void long_lists_are_read_in_pages_and_visitors_may_read(void **state)
{
    struct contract *c = *state;
    struct fy_filter filter;
    char name[32];
    for (unsigned index = 0; index < 300; index++) {
        (void)snprintf(name, sizeof name, "o%04u", index);
        put(c, name);
    }
    struct walk walk = {.read_inside = true};
    list(c, NULL, "", UINT32_MAX, &walk);
    assert_int_equal(walk.count, 300);
    fy_filter_init(&filter);
    filter.statuses = fy_filter_status_bit(FY_STATUS_READY);
    struct walk ready = {.count = 0}, stopped = {.stop_at = 40};
    list(c, &filter, "", UINT32_MAX, &ready);
    assert_int_equal(ready.count, 300);
    list(c, NULL, "", UINT32_MAX, &stopped);
    assert_int_equal(stopped.count, 40);
}

static void list_of_no_bucket_is_not_found(void **state)
{
    struct contract *c = *state;
    struct walk walk = {.count = 0};
    assert_int_equal(
        fy_catalogue_object_list(c->catalogue, "", "nope", NULL, "", 9, step, &walk, &c->err),
        FY_ENOTFOUND);
}

struct marks {
    char text[512];
    unsigned count, stop_at;
    struct fy_object_mark last;
};

static bool mark_step(void *arg, const struct fy_object_mark *mark)
{
    struct marks *marks = arg;
    size_t used = strlen(marks->text);
    (void)snprintf(marks->text + used, sizeof marks->text - used, "%s ", mark->name);
    assert_true(strcmp(marks->last.name, mark->name) < 0);
    marks->last = *mark;
    return ++marks->count != marks->stop_at;
}

static void mark(struct contract *c, const char *prefix, const char *after, struct marks *marks)
{
    assert_int_equal(fy_catalogue_object_marks(c->catalogue, "", "bucket-1", prefix, after,
                                               mark_step, marks, &c->err),
                     FY_OK);
}

/* What the walk says of an object is what its row says: sums of two sites compare it. */
static void marks_are_of_ready_objects_with_stamp_and_body(void **state)
{
    struct contract *c = *state;
    static const char *const names[] = {"a", "ab", "ab/1", "ab/2", "b", "é"};
    for (size_t index = 0; index < FY_COUNT_OF(names); index++)
        put(c, names[index]);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "ab/1"), FY_OK);
    struct marks all = {.count = 0}, some = {.count = 0}, first = {.stop_at = 2}, rest = {0};
    mark(c, "", "", &all);
    assert_string_equal(all.text, "a ab ab/2 b é ");
    struct fy_object_row row = contract_object(c, "bucket-1", "é");
    assert_int_equal(fy_stamp_compare(&all.last.stamp, &row.reg.stamp), 0);
    assert_int_equal(all.last.size, row.size);
    assert_true(all.last.has_digest);
    assert_true(fy_digest_equal(&all.last.digest, &row.reg.digest));
    mark(c, "ab", "", &some);
    assert_string_equal(some.text, "ab ab/2 ");
    mark(c, "", "", &first);
    assert_string_equal(first.text, "a ab ");
    mark(c, "a", "ab", &rest);
    assert_string_equal(rest.text, "ab/2 ");
}

static void marks_go_over_pages_and_of_no_bucket_are_not_found(void **state)
{
    struct contract *c = *state;
    char name[32];
    for (unsigned index = 0; index < 600; index++) {
        (void)snprintf(name, sizeof name, "o%04u", index);
        put(c, name);
    }
    struct marks all = {.count = 0}, none = {.count = 0};
    mark(c, "", "", &all);
    assert_int_equal(all.count, 600);
    assert_int_equal(
        fy_catalogue_object_marks(c->catalogue, "", "nope", "", "", mark_step, &none, &c->err),
        FY_ENOTFOUND);
}

static bool has_prefix(struct contract *c, const char *bucket, const char *prefix)
{
    bool found = false;
    struct fy_object_key key = contract_key("", bucket, prefix);
    assert_int_equal(fy_catalogue_prefix_ready(c->catalogue, &key, &found, &c->err), FY_OK);
    return found;
}

static void directory_is_any_ready_name_that_begins_so(void **state)
{
    struct contract *c = *state;
    put(c, "abc");
    put(c, "dir/o1");
    assert_true(has_prefix(c, "bucket-1", "ab"));
    assert_true(has_prefix(c, "bucket-1", "dir/"));
    assert_true(has_prefix(c, "bucket-1", "dir/o1"));
    assert_false(has_prefix(c, "bucket-1", "dir/o2"));
    assert_false(has_prefix(c, "bucket-1", "e"));
    assert_false(has_prefix(c, "nope", "a"));
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "dir/o1"), FY_OK);
    assert_false(has_prefix(c, "bucket-1", "dir/"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_object(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_come_in_the_order_of_their_bytes),
        TEST(filter_counts_towards_the_limit_what_passes),
        TEST(prefix_is_bytes_and_meets_pages),
        TEST(long_lists_are_read_in_pages_and_visitors_may_read),
        TEST(list_of_no_bucket_is_not_found),
        TEST(marks_are_of_ready_objects_with_stamp_and_body),
        TEST(marks_go_over_pages_and_of_no_bucket_are_not_found),
        TEST(directory_is_any_ready_name_that_begins_so),
    };
    return cmocka_run_group_tests_name("catalogue objects", tests, NULL, NULL);
}
