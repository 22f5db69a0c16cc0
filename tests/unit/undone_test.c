/* undone_test.c - rows of uploads that failed with the catalogue are given back when it is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/runtime/undone.h"

/* A catalogue that notes which attempts it was told to end, and is away until the test says so. */
struct fake {
    struct fy_catalogue port; /* first */
    bool away;
    int64_t tokens[FY_UNDONE_MAX + 1];
    size_t token_count;
    size_t asked;
};

static enum fy_code fake_write(struct fy_catalogue *self, struct fy_cat_op *const *ops,
                               size_t count, struct fy_err *err)
{
    struct fake *fake = (struct fake *)self;
    fake->asked++;
    if (fake->away)
        return fy_err_set(err, FY_EBUSY, "away");
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(ops[i]->kind, FY_CAT_UPLOAD_FAIL);
        ops[i]->code = FY_OK;
        fake->tokens[fake->token_count++] = ((struct fy_cat_upload_fail *)(void *)ops[i])->token;
    }
    return FY_OK;
}

static const struct fy_catalogue_ops fake_ops = {.name = "fake", .write = fake_write};

struct fixture {
    struct fake fake;
    struct fy_catalogue_writer *writer;
    struct fy_undone undone;
};

static int setup(void **state)
{
    struct fy_err err = {0};
    struct fixture *f = fy_alloc(sizeof(*f));
    f->fake.port.ops = &fake_ops;
    f->undone = (struct fy_undone)FY_UNDONE_INIT;
    assert_int_equal(fy_catalogue_writer_open(&f->fake.port, &f->writer, &err), FY_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fy_catalogue_writer_close(f->writer);
    fy_undone_done(&f->undone);
    free(f);
    return 0;
}

static void add(struct fixture *f, int64_t token)
{
    struct fy_object_key key = {.account = "client-1", .bucket = "bucket-1"};
    (void)snprintf(key.object, sizeof(key.object), "o-%lld", (long long)token);
    fy_undone_add(&f->undone, &key, token);
}

static void nothing_is_asked_when_nothing_is_undone(void **state)
{
    struct fixture *f = *state;
    fy_undone_retry(&f->undone, f->writer);
    assert_int_equal(f->fake.asked, 0);
}

static void what_fails_again_is_kept_and_given_back_later(void **state)
{
    struct fixture *f = *state;
    f->fake.away = true;
    for (int64_t token = 1; token <= 3; token++)
        add(f, token);
    fy_undone_retry(&f->undone, f->writer);
    assert_int_equal(f->fake.asked, 1); /* one is enough to see that it is away */
    f->fake.away = false;
    fy_undone_retry(&f->undone, f->writer);
    assert_int_equal(f->fake.token_count, 3);
    const int64_t sum = f->fake.tokens[0] + f->fake.tokens[1] + f->fake.tokens[2];
    assert_int_equal(sum, 1 + 2 + 3);
    fy_undone_retry(&f->undone, f->writer);
    assert_int_equal(f->fake.token_count, 3);
}

static void at_most_so_many_are_kept_and_given_back_in_turns(void **state)
{
    struct fixture *f = *state;
    for (int64_t token = 1; token <= FY_UNDONE_MAX + 1; token++)
        add(f, token);
    fy_undone_retry(&f->undone, f->writer);
    assert_int_equal(f->fake.token_count, FY_UNDONE_TURN_MAX);
    for (int turn = 0; turn < FY_UNDONE_MAX / FY_UNDONE_TURN_MAX; turn++)
        fy_undone_retry(&f->undone, f->writer);
    assert_int_equal(f->fake.token_count, FY_UNDONE_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_asked_when_nothing_is_undone),
        TEST(what_fails_again_is_kept_and_given_back_later),
        TEST(at_most_so_many_are_kept_and_given_back_in_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
