/* diff_test.c - comparing two sites by sums: what is found, and what it takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/diff.h"
#include "common/core/hash.h"

#define OBJECTS  20000
#define NOW_MS   INT64_C(1700000000000)
#define YOUNG_MS (NOW_MS + 1)

/* Names are their index: "o00007". */
struct object {
    bool absent, deleted;
    int64_t stamp_ms;
    int64_t size;
};

struct site {
    struct object *objects; /* OBJECTS of them */
    int64_t older_ms;
    size_t rows_max; /* looked at for one answer */
    bool backwards;  /* answers nonsense */
    unsigned part_calls, parts, row_calls, rows;
};

struct found {
    char text[512]; /* "<o00001 " */
    unsigned count, stop_at;
};

struct fixture {
    struct site here, there;
    struct found found;
    struct fy_diff diff;
    struct fy_err err;
};

static void name_of(size_t index, char name[static FY_OBJECT_BYTES_MAX + 1])
{
    (void)snprintf(name, FY_OBJECT_BYTES_MAX + 1, "o%05zu", index);
}

/* The first index behind the name, which may be "" and may be that of no object. */
static size_t index_after(const char *name)
{
    return name[0] == '\0' ? 0 : (size_t)strtoul(name + 1, NULL, 10) + 1;
}

static size_t index_end(const char *until)
{
    return until[0] == '\0' ? OBJECTS : index_after(until);
}

static void count_in(struct fy_diff_part *part, size_t index, const struct object *object)
{
    const uint64_t low = fy_hash_bytes(FY_HASH_START, &index, sizeof(index));
    const uint64_t high = fy_hash_bytes(low, &object->size, sizeof(object->size));
    fy_sum_add(
        &part->sum,
        &(struct fy_sum){fy_hash_bytes(high, &object->stamp_ms, sizeof(object->stamp_ms)), low});
    part->count++;
}

static enum fy_code site_parts(void *arg, const struct fy_diff_range *range, unsigned bits,
                               struct fy_diff_parts *parts, struct fy_err *err)
{
    struct site *site = arg;
    size_t seen = 0;
    (void)err;
    site->part_calls++;
    memset(parts, 0, sizeof(*parts));
    for (size_t index = index_after(range->after); index < index_end(range->until); index++) {
        const struct object *object = &site->objects[index];
        struct fy_diff_part *part = &parts->parts[parts->count];
        char name[FY_OBJECT_BYTES_MAX + 1];
        if (object->absent || object->deleted)
            continue;
        if (object->stamp_ms <= site->older_ms)
            count_in(part, index, object);
        name_of(index, name);
        bool enough = ++seen == site->rows_max || parts->count == FY_DIFF_PARTS - 1;
        if (!enough && !fy_diff_is_cut(name, bits))
            continue;
        memcpy(part->until, name, sizeof(name));
        if (site->backwards)
            part->until[0] = 'a';
        parts->count++;
        if (enough)
            break;
    }
    bool ended = seen != site->rows_max && parts->count < FY_DIFF_PARTS;
    parts->count += ended ? 1 : 0;
    site->parts += (unsigned)parts->count;
    return FY_OK;
}

static enum fy_code site_rows(void *arg, const struct fy_diff_range *range,
                              struct fy_diff_rows *rows, struct fy_err *err)
{
    struct site *site = arg;
    (void)err;
    site->row_calls++;
    for (size_t index = index_after(range->after); index < index_end(range->until); index++) {
        const struct object *object = &site->objects[index];
        if (object->absent)
            continue;
        rows->more = rows->count == FY_DIFF_ROWS / 4; /* short pages */
        if (rows->more)
            break;
        struct fy_diff_row *row = &rows->rows[rows->count++];
        *row = (struct fy_diff_row){.ready = !object->deleted, .size = object->size};
        row->stamp = (struct fy_stamp){.time = (uint64_t)object->stamp_ms << 16, .site = "site-a"};
        name_of(index, row->name);
        site->rows++;
    }
    return FY_OK;
}

static bool note(void *arg, enum fy_diff_kind kind, const struct fy_diff_row *here,
                 const struct fy_diff_row *there)
{
    struct found *found = arg;
    size_t used = strlen(found->text);
    assert_int_equal(here == NULL, kind == FY_DIFF_THERE);
    assert_int_equal(there == NULL, kind == FY_DIFF_HERE);
    (void)snprintf(found->text + used, sizeof(found->text) - used, "%c%s ", kind,
                   here != NULL ? here->name : there->name);
    return ++found->count != found->stop_at;
}

static void site_fill(struct site *site)
{
    site->objects = fy_alloc(OBJECTS * sizeof(*site->objects));
    site->older_ms = NOW_MS;
    site->rows_max = SIZE_MAX;
    for (size_t index = 0; index < OBJECTS; index++)
        site->objects[index] =
            (struct object){.stamp_ms = NOW_MS - (int64_t)index, .size = (int64_t)index};
}

static int setup(void **state)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    site_fill(&f->here);
    site_fill(&f->there);
    f->diff = (struct fy_diff){.here = {&f->here, site_parts, site_rows},
                               .there = {&f->there, site_parts, site_rows},
                               .older_ms = NOW_MS,
                               .visit = note,
                               .arg = &f->found};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->here.objects);
    free(f->there.objects);
    free(f);
    return 0;
}

static void compare(struct fixture *f)
{
    assert_int_equal(fy_diff_sums(&f->diff, &(struct fy_diff_range){"", ""}, &f->err), FY_OK);
}

static void equal_sites_are_one_sum_each(void **state)
{
    struct fixture *f = *state;
    compare(f);
    assert_string_equal(f->found.text, "");
    assert_int_equal(f->here.part_calls + f->there.part_calls, 2);
    assert_int_equal(f->here.parts + f->there.parts, 2);
    assert_int_equal(f->here.row_calls + f->there.row_calls, 0);
}

static void change_some(struct fixture *f)
{
    f->there.objects[0].absent = true;
    f->here.objects[77].absent = true;
    f->there.objects[9000].size++;
    f->here.objects[9001].stamp_ms -= 5;
    f->there.objects[15000].deleted = true;
    f->here.objects[19998].deleted = true;
    f->there.objects[OBJECTS - 1].absent = true;
}
#define SOME "<o00000 >o00077 !o09000 !o09001 <o15000 >o19998 <o19999 "

/* A list of all would be 40,000 rows. */
static void differences_are_named_in_order_and_little_is_asked_for(void **state)
{
    struct fixture *f = *state;
    change_some(f);
    compare(f);
    assert_string_equal(f->found.text, SOME);
    assert_true(f->here.rows + f->there.rows < 7 * 2 * FY_DIFF_FEW + 7);
    assert_true(f->here.parts + f->there.parts < 7 * 2 * 3 * FY_DIFF_PARTS);
}

/* Each side ends its answers where it likes. */
static void answers_that_end_anywhere_change_nothing(void **state)
{
    struct fixture *f = *state;
    f->here.rows_max = 1733;
    f->there.rows_max = 3001;
    compare(f);
    assert_string_equal(f->found.text, "");
    assert_int_equal(f->here.row_calls + f->there.row_calls, 0);
    change_some(f);
    compare(f);
    assert_string_equal(f->found.text, SOME);
}

static void what_either_side_changed_lately_is_left_out(void **state)
{
    struct fixture *f = *state;
    f->here.objects[5] = (struct object){.stamp_ms = YOUNG_MS, .size = 1};
    f->there.objects[500] = (struct object){.stamp_ms = YOUNG_MS, .deleted = true};
    f->here.objects[6000] = (struct object){.stamp_ms = YOUNG_MS};
    f->there.objects[6000].absent = true;
    f->there.objects[12000].size = 1;
    compare(f);
    assert_string_equal(f->found.text, "!o12000 ");
}

static void sites_with_nothing_in_common_are_listed_whole(void **state)
{
    struct fixture *f = *state;
    for (size_t index = 0; index < OBJECTS; index++) {
        f->here.objects[index].absent = true;
        f->there.objects[index].absent = index >= 300;
    }
    compare(f);
    assert_int_equal(f->found.count, 300);
    f->found.count = 0;
    f->here.objects[0] = f->there.objects[0];
    f->diff.here.arg = &f->there;
    f->diff.there.arg = &f->here;
    compare(f);
    assert_int_equal(f->found.count, 299);
}

static void range_is_kept_to(void **state)
{
    struct fixture *f = *state;
    change_some(f);
    const struct fy_diff_range range = {"o00077", "o15000"};
    assert_int_equal(fy_diff_sums(&f->diff, &range, &f->err), FY_OK);
    assert_string_equal(f->found.text, "!o09000 !o09001 <o15000 ");
}

static void visitor_that_has_enough_ends_it(void **state)
{
    struct fixture *f = *state;
    change_some(f);
    f->found.stop_at = 3;
    compare(f);
    assert_string_equal(f->found.text, "<o00000 >o00077 !o09000 ");
}

static void answers_out_of_order_end_it(void **state)
{
    struct fixture *f = *state;
    f->there.rows_max = 100;
    f->there.backwards = true;
    const struct fy_diff_range range = {"o00001", ""};
    assert_int_equal(fy_diff_sums(&f->diff, &range, &f->err), FY_EPEER);
}

/* A side without sums is asked for rows alone. */
static void lists_are_merged_and_find_the_same(void **state)
{
    struct fixture *f = *state;
    change_some(f);
    f->diff.there.parts = NULL;
    assert_int_equal(fy_diff_lists(&f->diff, &(struct fy_diff_range){"", ""}, &f->err), FY_OK);
    assert_string_equal(f->found.text, SOME);
    assert_int_equal(f->here.part_calls, 0);
}

static enum fy_code one_row(void *arg, const struct fy_diff_range *range, struct fy_diff_rows *rows,
                            struct fy_err *err)
{
    (void)range, (void)err;
    rows->count = 1;
    rows->rows[0] = *(const struct fy_diff_row *)arg;
    return FY_OK;
}

static unsigned differences(const struct fy_diff_row *here, const struct fy_diff_row *there)
{
    struct fy_diff_row a = *here, b = *there;
    struct found found = {.count = 0};
    struct fy_err err;
    const struct fy_diff diff = {.here = {.arg = &a, .rows = one_row},
                                 .there = {.arg = &b, .rows = one_row},
                                 .older_ms = NOW_MS,
                                 .visit = note,
                                 .arg = &found};
    assert_int_equal(fy_diff_lists(&diff, &(struct fy_diff_range){"", ""}, &err), FY_OK);
    return found.count;
}

/* A site of another kind knows neither stamps nor, perhaps, hashes. */
static void what_one_side_does_not_know_is_no_difference(void **state)
{
    (void)state;
    const struct fy_diff_row here = {.name = "o",
                                     .ready = true,
                                     .stamp = {.time = 1 << 16, .site = "site-a"},
                                     .size = 5,
                                     .hash = "0A"};
    struct fy_diff_row there = here;
    there.stamp = (struct fy_stamp){.time = 2 << 16, .site = "site-a"};
    assert_int_equal(differences(&here, &there), 1);
    there.stamp = (struct fy_stamp){0};
    assert_int_equal(differences(&here, &there), 0);
    there.hash[1] = 'B';
    assert_int_equal(differences(&here, &there), 1);
    there.hash[0] = '\0';
    assert_int_equal(differences(&here, &there), 0);
    there.size = 6;
    assert_int_equal(differences(&here, &there), 1);
    there.changed_ms = YOUNG_MS;
    assert_int_equal(differences(&here, &there), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_sites_are_one_sum_each),
        TEST(differences_are_named_in_order_and_little_is_asked_for),
        TEST(answers_that_end_anywhere_change_nothing),
        TEST(what_either_side_changed_lately_is_left_out),
        TEST(sites_with_nothing_in_common_are_listed_whole),
        TEST(range_is_kept_to),
        TEST(visitor_that_has_enough_ends_it),
        TEST(answers_out_of_order_end_it),
        TEST(lists_are_merged_and_find_the_same),
        TEST(what_one_side_does_not_know_is_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
