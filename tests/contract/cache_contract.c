/* cache_contract.c - the suite: lives, negative answers, single flight, dropping. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/contract/cache_contract.h"

#define WAIT_S        30 /* longest a test waits before it fails */
#define CALLERS_COUNT 1000

static int64_t clock_now_ms(struct fy_clock *port)
{
    return FY_CONTAINER_OF(port, struct cache_contract_clock, port)->now_ms;
}

void cache_contract_clock_init(struct cache_contract_clock *clock)
{
    clock->port.wall_ms = clock_now_ms;
    clock->port.mono_ms = clock_now_ms;
    clock->now_ms = 1000000;
}

struct fixture {
    const struct cache_contract_factory *factory;
    struct cache_contract_clock clock;
    struct fy_cache *cache;
};

static int setup(void **state)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    f->factory = *state;
    cache_contract_clock_init(&f->clock);
    f->cache = f->factory->open(&f->clock.port);
    assert_non_null(f->cache);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fy_cache_close(f->cache);
    free(f);
    return 0;
}

/* Where answers come from: a text that changes with every fill, "<key> <number of the fill>". */
struct source {
    atomic_int fills_count;
    atomic_int running_count;
    atomic_bool overlapped; /* two fills of this source ran at once */
    int64_t life_ms;
    enum fy_code code;
    sem_t *started; /* posted when a fill begins; NULL: not */
    sem_t *release; /* waited for before it answers; NULL: not */
};

static enum fy_code source_fill(void *arg, const char *key, void *value, size_t capacity,
                                size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    struct source *source = arg;
    int number = atomic_fetch_add(&source->fills_count, 1) + 1;
    if (atomic_fetch_add(&source->running_count, 1) > 0)
        atomic_store(&source->overlapped, true);
    if (source->started != NULL)
        (void)sem_post(source->started); /* fails only at INT_MAX */
    if (source->release != NULL)
        (void)sem_wait(source->release); /* not interrupted: no handlers here */
    atomic_fetch_sub(&source->running_count, 1);
    if (source->code != FY_OK)
        return fy_err_set(err, source->code, "no answer for %s", key);
    int size = snprintf(value, capacity, "%s %d", key, number);
    *size_bytes = (size_t)size + 1;
    *life_ms = source->life_ms;
    return FY_OK;
}

/* The text for key; asserts FY_OK. */
static void expect_answer(struct fixture *f, const char *key, struct source *source,
                          const char *answer)
{
    char text[64] = "";
    size_t size_bytes = 0;
    struct fy_err err = {0};
    assert_int_equal(
        fy_cache_get(f->cache, key, text, sizeof(text), &size_bytes, source_fill, source, &err),
        FY_OK);
    assert_string_equal(text, answer);
    assert_int_equal(size_bytes, strlen(answer) + 1);
}

static void wait_for(sem_t *semaphore)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_REALTIME, &deadline); /* cannot fail */
    deadline.tv_sec += WAIT_S;
    assert_int_equal(sem_timedwait(semaphore, &deadline), 0);
}

static void an_answer_is_filled_once_and_kept_for_its_life(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = FY_CACHE_LIFE_MS};
    expect_answer(f, "bucket", &source, "bucket 1");
    f->factory->pass(&f->clock, FY_CACHE_LIFE_MS - 1);
    expect_answer(f, "bucket", &source, "bucket 1");
    f->factory->pass(&f->clock, 1);
    expect_answer(f, "bucket", &source, "bucket 2");
    expect_answer(f, "bucket", &source, "bucket 2");
}

static void keys_do_not_mix(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = FY_CACHE_LIFE_MS};
    char longest[FY_CACHE_KEY_BYTES_MAX + 1];
    char almost[FY_CACHE_KEY_BYTES_MAX + 1];
    char value[FY_CACHE_KEY_BYTES_MAX + 16];
    size_t size_bytes = 0;
    struct fy_err err = {0};
    memset(longest, 'k', FY_CACHE_KEY_BYTES_MAX);
    longest[FY_CACHE_KEY_BYTES_MAX] = '\0';
    memcpy(almost, longest, sizeof(almost));
    almost[FY_CACHE_KEY_BYTES_MAX - 1] = '\0';
    for (int round = 0; round < 2; round++) {
        expect_answer(f, "a", &source, "a 1");
        expect_answer(f, "b", &source, "b 2");
        assert_int_equal(fy_cache_get(f->cache, longest, value, sizeof(value), &size_bytes,
                                      source_fill, &source, &err),
                         FY_OK);
        assert_int_equal(size_bytes, FY_CACHE_KEY_BYTES_MAX + 3);
        assert_int_equal(fy_cache_get(f->cache, almost, value, sizeof(value), &size_bytes,
                                      source_fill, &source, &err),
                         FY_OK);
        assert_int_equal(size_bytes, FY_CACHE_KEY_BYTES_MAX + 2);
    }
    assert_int_equal(atomic_load(&source.fills_count), 4);
}

/* "There is no such bucket" is an answer of no bytes with a short life of its own. */
static enum fy_code fill_nothing(void *arg, const char *key, void *value, size_t capacity,
                                 size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    int *fills_count = arg;
    (void)key;
    (void)value;
    (void)capacity;
    (void)err;
    ++*fills_count;
    *size_bytes = 0;
    *life_ms = FY_CACHE_NEGATIVE_MS;
    return FY_OK;
}

static void expect_nothing(struct fixture *f, int *fills_count)
{
    char value[8];
    size_t size_bytes = 99;
    struct fy_err err = {0};
    assert_int_equal(fy_cache_get(f->cache, "absent", value, sizeof(value), &size_bytes,
                                  fill_nothing, fills_count, &err),
                     FY_OK);
    assert_int_equal(size_bytes, 0);
}

static void a_negative_answer_is_kept_for_its_short_life(void **state)
{
    struct fixture *f = *state;
    int fills_count = 0;
    expect_nothing(f, &fills_count);
    f->factory->pass(&f->clock, FY_CACHE_NEGATIVE_MS - 1);
    expect_nothing(f, &fills_count);
    assert_int_equal(fills_count, 1);
    f->factory->pass(&f->clock, 1);
    expect_nothing(f, &fills_count);
    assert_int_equal(fills_count, 2);
}

static void an_answer_without_life_is_not_kept(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = 0};
    expect_answer(f, "bucket", &source, "bucket 1");
    expect_answer(f, "bucket", &source, "bucket 2");
}

static void a_failed_fill_is_told_and_not_kept(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = FY_CACHE_LIFE_MS, .code = FY_EBUSY};
    char text[64] = "untouched";
    size_t size_bytes = 7;
    struct fy_err err = {0};
    assert_int_equal(fy_cache_get(f->cache, "bucket", text, sizeof(text), &size_bytes, source_fill,
                                  &source, &err),
                     FY_EBUSY);
    assert_int_equal(err.code, FY_EBUSY);
    assert_string_equal(err.text, "no answer for bucket");
    assert_string_equal(text, "untouched");
    assert_int_equal(size_bytes, 7);
    source.code = FY_OK;
    expect_answer(f, "bucket", &source, "bucket 2");
}

static void a_value_that_does_not_fit_is_too_big(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = FY_CACHE_LIFE_MS};
    char text[4];
    size_t size_bytes = 0;
    struct fy_err err = {0};
    for (int round = 0; round < 2; round++)
        assert_int_equal(fy_cache_get(f->cache, "bucket", text, sizeof(text), &size_bytes,
                                      source_fill, &source, &err),
                         FY_ETOOBIG);
    expect_answer(f, "bucket", &source, "bucket 1"); /* it was kept for those with room */
}

static enum fy_code fill_largest(void *arg, const char *key, void *value, size_t capacity,
                                 size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    int *fills_count = arg;
    (void)key;
    (void)err;
    ++*fills_count;
    memset(value, 'v', capacity);
    *size_bytes = capacity;
    *life_ms = FY_CACHE_LIFE_MS;
    return FY_OK;
}

static void the_largest_value_is_kept_whole(void **state)
{
    struct fixture *f = *state;
    int fills_count = 0;
    char *value = fy_alloc(FY_CACHE_VALUE_BYTES_MAX);
    size_t size_bytes = 0;
    struct fy_err err = {0};
    for (int round = 0; round < 2; round++) {
        memset(value, 0, FY_CACHE_VALUE_BYTES_MAX);
        assert_int_equal(fy_cache_get(f->cache, "big", value, FY_CACHE_VALUE_BYTES_MAX, &size_bytes,
                                      fill_largest, &fills_count, &err),
                         FY_OK);
        assert_int_equal(size_bytes, FY_CACHE_VALUE_BYTES_MAX);
        assert_int_equal(value[0], 'v');
        assert_int_equal(value[FY_CACHE_VALUE_BYTES_MAX - 1], 'v');
    }
    assert_int_equal(fills_count, 1);
    free(value);
}

static void a_dropped_key_is_filled_again(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = FY_CACHE_LIFE_MS};
    expect_answer(f, "a", &source, "a 1");
    expect_answer(f, "b", &source, "b 2");
    fy_cache_drop(f->cache, "a");
    fy_cache_drop(f->cache, "never seen");
    expect_answer(f, "b", &source, "b 2");
    expect_answer(f, "a", &source, "a 3");
}

/* A thread that asks once. It must not assert, since cmocka jumps. */
struct caller {
    struct fixture *f;
    struct source *source;
    sem_t *begun; /* posted before it asks */
    enum fy_code code;
    char text[64];
    struct fy_err err;
};

static void *caller_main(void *arg)
{
    struct caller *self = arg;
    size_t size_bytes = 0;
    (void)sem_post(self->begun); /* fails only at INT_MAX */
    self->code = fy_cache_get(self->f->cache, "bucket", self->text, sizeof(self->text), &size_bytes,
                              source_fill, self->source, &self->err);
    return NULL;
}

static void callers_start(struct caller *callers, pthread_t *threads, size_t count)
{
    pthread_attr_t small;
    assert_int_equal(pthread_attr_init(&small), 0);
    assert_int_equal(pthread_attr_setstacksize(&small, 256 * 1024), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], &small, caller_main, &callers[i]), 0);
    assert_int_equal(pthread_attr_destroy(&small), 0);
}

/* Starts callers whose fill waits; returns when one is in it and all are at least about to ask. */
static void callers_hold(struct caller *callers, pthread_t *threads, size_t count,
                         const struct caller *model)
{
    for (size_t i = 0; i < count; i++)
        callers[i] = *model;
    callers_start(callers, threads, count);
    wait_for(model->source->started);
    for (size_t i = 0; i < count; i++)
        wait_for(model->begun);
}

static void callers_expect(const struct caller *callers, const pthread_t *threads, size_t count,
                           enum fy_code code, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(callers[i].code, code);
        assert_string_equal(code == FY_OK ? callers[i].text : callers[i].err.text, text);
    }
}

/* The three semaphores of a held fill. */
struct held {
    sem_t started;
    sem_t release;
    sem_t begun;
};

static void held_init(struct held *held, struct source *source)
{
    assert_int_equal(sem_init(&held->started, 0, 0), 0);
    assert_int_equal(sem_init(&held->release, 0, 0), 0);
    assert_int_equal(sem_init(&held->begun, 0, 0), 0);
    source->started = &held->started;
    source->release = &held->release;
}

/* A cold start under load: the catalogue is asked once, not a thousand times. */
static void a_thousand_callers_make_one_fill(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = FY_CACHE_LIFE_MS};
    struct held held;
    struct caller *callers = fy_alloc(CALLERS_COUNT * sizeof(*callers));
    pthread_t *threads = fy_alloc(CALLERS_COUNT * sizeof(*threads));
    held_init(&held, &source);
    const struct caller model = {.f = f, .source = &source, .begun = &held.begun};
    callers_hold(callers, threads, CALLERS_COUNT, &model);
    assert_int_equal(sem_post(&held.release), 0);
    callers_expect(callers, threads, CALLERS_COUNT, FY_OK, "bucket 1");
    assert_int_equal(atomic_load(&source.fills_count), 1);
    free(callers);
    free(threads);
}

/* An answer without life is for those who wait together, and nobody runs beside anybody. */
static void fills_of_one_key_never_run_at_once(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = 0};
    struct held held;
    struct caller callers[16];
    pthread_t threads[16];
    held_init(&held, &source);
    const struct caller model = {.f = f, .source = &source, .begun = &held.begun};
    callers_hold(callers, threads, 16, &model);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(sem_post(&held.release), 0); /* enough for one fill each */
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(callers[i].code, FY_OK);
    }
    assert_false(atomic_load(&source.overlapped));
}

static void those_who_waited_for_a_failed_fill_get_its_error_or_their_own(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = FY_CACHE_LIFE_MS, .code = FY_EIO};
    struct held held;
    struct caller callers[8];
    pthread_t threads[8];
    held_init(&held, &source);
    const struct caller model = {.f = f, .source = &source, .begun = &held.begun};
    callers_hold(callers, threads, 8, &model);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(sem_post(&held.release), 0); /* whoever came late fills again */
    callers_expect(callers, threads, 8, FY_EIO, "no answer for bucket");
}

/* One site's look-up hangs; the others' must not wait for it. */
static void a_fill_that_hangs_holds_no_other_key_up(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = FY_CACHE_LIFE_MS};
    struct source other = {.life_ms = FY_CACHE_LIFE_MS};
    struct held held;
    struct caller caller;
    pthread_t thread;
    held_init(&held, &source);
    const struct caller model = {.f = f, .source = &source, .begun = &held.begun};
    callers_hold(&caller, &thread, 1, &model);
    expect_answer(f, "other", &other, "other 1");
    fy_cache_drop(f->cache, "other");
    expect_answer(f, "other", &other, "other 2");
    assert_int_equal(sem_post(&held.release), 0);
    callers_expect(&caller, &thread, 1, FY_OK, "bucket 1");
}

/* Ownership changes while its old state is being read: who asked before may get the old answer, who
 * asks after the drop must not. */
static void a_drop_during_a_fill_keeps_its_answer_out_of_the_cache(void **state)
{
    struct fixture *f = *state;
    struct source source = {.life_ms = FY_CACHE_LIFE_MS};
    struct held held;
    struct caller before;
    struct caller after;
    pthread_t before_thread;
    pthread_t after_thread;
    held_init(&held, &source);
    const struct caller model = {.f = f, .source = &source, .begun = &held.begun};
    callers_hold(&before, &before_thread, 1, &model);
    fy_cache_drop(f->cache, "bucket");
    after = model;
    callers_start(&after, &after_thread, 1);
    wait_for(&held.begun);
    assert_int_equal(sem_post(&held.release), 0);
    callers_expect(&before, &before_thread, 1, FY_OK, "bucket 1");
    wait_for(&held.started); /* a second fill, for the one who asked after the drop */
    assert_int_equal(sem_post(&held.release), 0);
    callers_expect(&after, &after_thread, 1, FY_OK, "bucket 2");
    assert_false(atomic_load(&source.overlapped));
    expect_answer(f, "bucket", &source, "bucket 2");
}

#define CONTRACT_TEST(function)                                                                    \
    {                                                                                              \
#function, function, setup, teardown, (void *)(uintptr_t)factory                           \
    }

int cache_contract_run(const struct cache_contract_factory *factory)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(an_answer_is_filled_once_and_kept_for_its_life),
        CONTRACT_TEST(keys_do_not_mix),
        CONTRACT_TEST(a_negative_answer_is_kept_for_its_short_life),
        CONTRACT_TEST(an_answer_without_life_is_not_kept),
        CONTRACT_TEST(a_failed_fill_is_told_and_not_kept),
        CONTRACT_TEST(a_value_that_does_not_fit_is_too_big),
        CONTRACT_TEST(the_largest_value_is_kept_whole),
        CONTRACT_TEST(a_dropped_key_is_filled_again),
        CONTRACT_TEST(a_thousand_callers_make_one_fill),
        CONTRACT_TEST(fills_of_one_key_never_run_at_once),
        CONTRACT_TEST(those_who_waited_for_a_failed_fill_get_its_error_or_their_own),
        CONTRACT_TEST(a_fill_that_hangs_holds_no_other_key_up),
        CONTRACT_TEST(a_drop_during_a_fill_keeps_its_answer_out_of_the_cache),
    };
    return cmocka_run_group_tests_name(factory->name, tests, NULL, NULL);
}
