/* catalogue_writer_test.c - what gathers is one transaction, in order; what fails is told to
 * everyone. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/runtime/catalogue_writer.h"

#define BATCHES_MAX 64

/* A catalogue that writes nothing: it notes what it was given, and answers what the test says. */
struct fake {
    struct fy_catalogue port; /* first */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool shut;                         /* write waits until the test opens */
    uint32_t inside;                   /* writes begun */
    enum fy_code answers[BATCHES_MAX]; /* of the n-th write */
    size_t batch_sizes[BATCHES_MAX];
    size_t batch_count;
    struct fy_cat_op *seen[4 * FY_CAT_BATCH_MAX];
    size_t seen_count;
};

static enum fy_code fake_write(struct fy_catalogue *self, struct fy_cat_op *const *ops,
                               size_t count, struct fy_err *err)
{
    struct fake *fake = (struct fake *)self;
    pthread_mutex_lock(&fake->mutex);
    fake->inside++;
    pthread_cond_broadcast(&fake->changed);
    while (fake->shut)
        pthread_cond_wait(&fake->changed, &fake->mutex);
    enum fy_code code = fake->answers[fake->batch_count];
    fake->batch_sizes[fake->batch_count++] = count;
    for (size_t i = 0; i < count; i++) {
        fake->seen[fake->seen_count++] = ops[i];
        ops[i]->code = FY_OK;
    }
    pthread_mutex_unlock(&fake->mutex);
    return code == FY_OK ? FY_OK : fy_err_set(err, code, "says %s", fy_code_name(code));
}

static const struct fy_catalogue_ops fake_ops = {.name = "fake", .write = fake_write};

static void fake_shut(struct fake *fake, bool shut)
{
    pthread_mutex_lock(&fake->mutex);
    fake->shut = shut;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->mutex);
}

static void fake_wait_inside(struct fake *fake, uint32_t writes)
{
    pthread_mutex_lock(&fake->mutex);
    while (fake->inside < writes)
        pthread_cond_wait(&fake->changed, &fake->mutex);
    pthread_mutex_unlock(&fake->mutex);
}

struct fixture {
    struct fake fake;
    struct fy_catalogue_writer *writer;
};

static struct fixture *fixture_new(void)
{
    struct fixture *f = fy_alloc(sizeof *f);
    f->fake.port.ops = &fake_ops;
    assert_int_equal(pthread_mutex_init(&f->fake.mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&f->fake.changed, NULL), 0);
    struct fy_err err = {0};
    assert_int_equal(fy_catalogue_writer_open(&f->fake.port, &f->writer, &err), FY_OK);
    return f;
}

static void fixture_free(struct fixture *f)
{
    fy_catalogue_writer_close(f->writer);
    pthread_cond_destroy(&f->fake.changed);
    pthread_mutex_destroy(&f->fake.mutex);
    free(f);
}

struct tally {
    size_t done;
    enum fy_code codes[4 * FY_CAT_BATCH_MAX];
};

/* Called on the catalogue thread; the test reads the tally after close, which joins it. */
static void note_done(struct fy_cat_op *op)
{
    struct tally *tally = op->arg;
    tally->codes[tally->done++] = op->code;
}

static struct fy_cat_op *submit_many(struct fixture *f, struct tally *tally, size_t count)
{
    struct fy_cat_op *ops = fy_alloc(count * sizeof *ops);
    for (size_t i = 0; i < count; i++) {
        ops[i] = (struct fy_cat_op){.kind = FY_CAT_SETTLE, .done = note_done, .arg = tally};
        fy_catalogue_writer_submit(f->writer, &ops[i]);
    }
    return ops;
}

static void what_gathers_during_a_write_is_one_batch_in_order(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    struct tally tally = {0};
    fake_shut(&f->fake, true);
    struct fy_cat_op *first = submit_many(f, &tally, 1);
    fake_wait_inside(&f->fake, 1); /* the writer is in its first transaction now */
    struct fy_cat_op *rest = submit_many(f, &tally, 100);
    fake_shut(&f->fake, false);
    fy_catalogue_writer_close(f->writer);
    f->writer = NULL;

    assert_int_equal(f->fake.batch_count, 2);
    assert_int_equal(f->fake.batch_sizes[0], 1);
    assert_int_equal(f->fake.batch_sizes[1], 100);
    assert_ptr_equal(f->fake.seen[0], first);
    for (size_t i = 0; i < 100; i++)
        assert_ptr_equal(f->fake.seen[1 + i], &rest[i]);
    assert_int_equal(tally.done, 101);
    free(first);
    free(rest);
    fixture_free(f);
}

static void a_batch_never_exceeds_its_bound(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    struct tally *tally = fy_alloc(sizeof *tally);
    fake_shut(&f->fake, true);
    struct fy_cat_op *first = submit_many(f, tally, 1);
    fake_wait_inside(&f->fake, 1);
    struct fy_cat_op *rest = submit_many(f, tally, 2 * FY_CAT_BATCH_MAX + 1);
    fake_shut(&f->fake, false);
    fy_catalogue_writer_close(f->writer);
    f->writer = NULL;

    assert_int_equal(f->fake.batch_count, 4);
    assert_int_equal(f->fake.batch_sizes[1], FY_CAT_BATCH_MAX);
    assert_int_equal(f->fake.batch_sizes[2], FY_CAT_BATCH_MAX);
    assert_int_equal(f->fake.batch_sizes[3], 1);
    assert_int_equal(tally->done, 2 * FY_CAT_BATCH_MAX + 2);
    free(first);
    free(rest);
    free(tally);
    fixture_free(f);
}

/* The adapter had already written FY_OK into each: none of that is known to have happened. */
static void a_failed_batch_gives_its_code_to_every_operation(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    struct tally tally = {0};
    f->fake.answers[1] = FY_ENOSPACE;
    fake_shut(&f->fake, true);
    struct fy_cat_op *first = submit_many(f, &tally, 1);
    fake_wait_inside(&f->fake, 1);
    struct fy_cat_op *rest = submit_many(f, &tally, 10);
    fake_shut(&f->fake, false);
    fy_catalogue_writer_close(f->writer);
    f->writer = NULL;

    assert_int_equal(tally.done, 11);
    assert_int_equal(tally.codes[0], FY_OK);
    for (size_t i = 1; i < 11; i++)
        assert_int_equal(tally.codes[i], FY_ENOSPACE);
    assert_string_equal(rest[9].err.text, "says no_space");
    free(first);
    free(rest);
    fixture_free(f);
}

static void health_falls_with_a_failed_write_and_returns_with_the_next_good_one(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    f->fake.answers[1] = FY_EBUSY;
    f->fake.answers[2] = FY_ENOSPACE;
    struct fy_cat_op op = {.kind = FY_CAT_LEASE_RENEW, .arg = &op};

    assert_true(fy_catalogue_writer_healthy(f->writer));
    assert_int_equal(fy_catalogue_writer_run(f->writer, &op, NULL), FY_OK);
    assert_true(fy_catalogue_writer_healthy(f->writer));
    struct fy_err err = {0};
    assert_int_equal(fy_catalogue_writer_run(f->writer, &op, &err), FY_EBUSY);
    assert_int_equal(err.code, FY_EBUSY);
    assert_false(fy_catalogue_writer_healthy(f->writer));
    assert_int_equal(fy_catalogue_writer_run(f->writer, &op, NULL), FY_ENOSPACE);
    assert_false(fy_catalogue_writer_healthy(f->writer));
    assert_int_equal(fy_catalogue_writer_run(f->writer, &op, NULL), FY_OK);
    assert_true(fy_catalogue_writer_healthy(f->writer));
    assert_null(op.done); /* the operation is as the caller left it */
    assert_ptr_equal(op.arg, &op);
    fixture_free(f);
}

struct runner {
    struct fy_catalogue_writer *writer;
    size_t good;
};

static void *run_many(void *arg)
{
    struct runner *runner = arg;
    for (size_t i = 0; i < 10; i++) {
        struct fy_cat_op op = {.kind = FY_CAT_SETTLE, .code = FY_EINTERNAL};
        runner->good += fy_catalogue_writer_run(runner->writer, &op, NULL) == FY_OK;
    }
    return NULL;
}

static void many_threads_wait_for_their_own_operation(void **state)
{
    (void)state;
    struct fixture *f = fixture_new();
    pthread_t threads[6];
    struct runner runners[6];
    for (size_t i = 0; i < 6; i++) {
        runners[i] = (struct runner){.writer = f->writer};
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &runners[i]), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(runners[i].good, 10);
    }
    assert_int_equal(f->fake.seen_count, 60);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_gathers_during_a_write_is_one_batch_in_order),
        cmocka_unit_test(a_batch_never_exceeds_its_bound),
        cmocka_unit_test(a_failed_batch_gives_its_code_to_every_operation),
        cmocka_unit_test(health_falls_with_a_failed_write_and_returns_with_the_next_good_one),
        cmocka_unit_test(many_threads_wait_for_their_own_operation),
    };
    return cmocka_run_group_tests_name("catalogue_writer", tests, NULL, NULL);
}
