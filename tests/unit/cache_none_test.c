/* cache_none_test.c - the cache that keeps nothing: every answer is as the catalogue has it now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "common/adapters/cache_none.h"

struct truth {
    const char *text; /* NULL: the catalogue is away */
    unsigned asked_count;
};

static enum fy_code fill(void *arg, const char *key, void *value, size_t capacity,
                         size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    struct truth *truth = arg;
    assert_string_equal(key, "key");
    assert_int_equal(capacity, FY_CACHE_VALUE_BYTES_MAX); /* whatever the caller has room for */
    truth->asked_count++;
    if (truth->text == NULL)
        return fy_err_set(err, FY_EBUSY, "away");
    *size_bytes = strlen(truth->text);
    memcpy(value, truth->text, *size_bytes);
    *life_ms = FY_CACHE_LIFE_MS;
    return FY_OK;
}

static enum fy_code ask(struct fy_cache *cache, struct truth *truth, char value[static 4])
{
    size_t size_bytes = 0;
    struct fy_err err = {0};
    enum fy_code code = fy_cache_get(cache, "key", value, 3, &size_bytes, fill, truth, &err);
    if (code == FY_OK)
        value[size_bytes] = '\0';
    return code;
}

static void what_another_process_changed_is_seen_at_once(void **state)
{
    (void)state;
    struct fy_cache *cache = fy_cache_none_new();
    struct truth truth = {.text = "yes"};
    char value[4];
    assert_int_equal(ask(cache, &truth, value), FY_OK);
    assert_string_equal(value, "yes");
    truth.text = "no"; /* nobody drops the key */
    assert_int_equal(ask(cache, &truth, value), FY_OK);
    assert_string_equal(value, "no");
    fy_cache_drop(cache, "key");
    assert_int_equal(truth.asked_count, 2);
    fy_cache_close(cache);
}

static void a_failure_is_the_callers(void **state)
{
    (void)state;
    struct fy_cache *cache = fy_cache_none_new();
    struct truth truth = {.text = NULL};
    char value[4] = "old";
    assert_int_equal(ask(cache, &truth, value), FY_EBUSY);
    truth.text = "more than three";
    assert_int_equal(ask(cache, &truth, value), FY_ETOOBIG);
    assert_string_equal(value, "old");
    fy_cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_another_process_changed_is_seen_at_once),
        cmocka_unit_test(a_failure_is_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
