/* cache_local_test.c - the cache in process: the contract of its port, and its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/adapters/cache_local.h"
#include "tests/contract/cache_contract.h"

static struct fy_cache *open_local(struct fy_clock *clock)
{
    return fy_cache_local_new(clock, 4096);
}

static void pass_local(struct cache_contract_clock *clock, int64_t ms)
{
    clock->now_ms += ms;
}

static const struct cache_contract_factory local_factory = {"local", open_local, pass_local};

static enum fy_code fill_one(void *arg, const char *key, void *value, size_t capacity,
                             size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    int *fills_count = arg;
    (void)key;
    (void)capacity;
    (void)err;
    ++*fills_count;
    *(char *)value = 'x';
    *size_bytes = 1;
    *life_ms = FY_CACHE_LIFE_MS;
    return FY_OK;
}

/* Whether asking for the key needed a fill. */
static bool fills(struct fy_cache *cache, const char *key)
{
    char value[8];
    size_t size_bytes = 0;
    int fills_count = 0;
    struct fy_err err = {0};
    assert_int_equal(
        fy_cache_get(cache, key, value, sizeof(value), &size_bytes, fill_one, &fills_count, &err),
        FY_OK);
    return fills_count == 1;
}

static void the_least_recently_used_key_makes_room(void **state)
{
    (void)state;
    struct cache_contract_clock clock;
    cache_contract_clock_init(&clock);
    struct fy_cache *cache = fy_cache_local_new(&clock.port, 3);
    assert_true(fills(cache, "a"));
    assert_true(fills(cache, "b"));
    assert_true(fills(cache, "c"));
    assert_false(fills(cache, "a")); /* b is the oldest now */
    assert_true(fills(cache, "d"));
    assert_false(fills(cache, "a"));
    assert_false(fills(cache, "c"));
    assert_false(fills(cache, "d"));
    assert_true(fills(cache, "b"));
    fy_cache_close(cache);
}

/* A million names asked for once each must not stay. */
static void many_keys_leave_no_more_than_the_bound(void **state)
{
    (void)state;
    struct cache_contract_clock clock;
    cache_contract_clock_init(&clock);
    struct fy_cache *cache = fy_cache_local_new(&clock.port, 100);
    char key[32];
    int kept_count = 0;
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(key, sizeof(key), "key-%d", i);
        assert_true(fills(cache, key));
    }
    for (int i = 1999; i >= 1900; i--) {
        (void)snprintf(key, sizeof(key), "key-%d", i);
        kept_count += !fills(cache, key);
    }
    assert_int_equal(kept_count, 100);
    assert_true(fills(cache, "key-1899"));
    fy_cache_close(cache);
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    fy_cache_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_recently_used_key_makes_room),
        cmocka_unit_test(many_keys_leave_no_more_than_the_bound),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    int failed = cache_contract_run(&local_factory);
    return failed + cmocka_run_group_tests_name("local's own", tests, NULL, NULL);
}
