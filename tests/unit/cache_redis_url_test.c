/* cache_redis_url_test.c - the engine URL of a Redis, taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/adapters/cache_redis_internal.h"

static void expect(const char *text, const char *host, const char *port, const char *user,
                   const char *password, const char *db)
{
    struct fy_redis_url url;
    struct fy_err err = {0};
    assert_int_equal(fy_redis_url_parse(text, &url, &err), FY_OK);
    assert_string_equal(url.host, host);
    assert_string_equal(url.port, port);
    assert_string_equal(url.user, user);
    assert_string_equal(url.password, password);
    assert_string_equal(url.db, db);
}

static void a_url_names_host_port_database_and_secret(void **state)
{
    (void)state;
    expect("redis://localhost", "localhost", "6379", "", "", "0");
    expect("redis://127.0.0.1:7000/3", "127.0.0.1", "7000", "", "", "3");
    expect("redis://cache.example/", "cache.example", "6379", "", "", "0");
    expect("redis://[::1]:7000/15", "::1", "7000", "", "", "15");
    expect("redis://[::1]", "::1", "6379", "", "", "0");
    expect("redis://:secret@h:1", "h", "1", "", "secret", "0");
    expect("redis://ferry:a%40b%2fc@h", "h", "6379", "ferry", "a@b/c", "0");
    expect("redis://ferry:a@b:c@h", "h", "6379", "ferry", "a@b:c", "0");
}

static void a_url_that_cannot_be_is_refused_without_its_password(void **state)
{
    static const char *const wrong[] = {
        "redis:",
        "redis://",
        "redis://:7000",
        "redis://h:",
        "redis://h:70000",
        "redis://h:7x",
        "redis://h/x",
        "redis://h/99999",
        "redis://[::1",
        "redis://[::1]x",
        "redis://hush@h",
        "redis://u:hush%4@h",
        "redis://u:hush%zz@h",
        "redis://u:hush%00@h",
        "redis://u:hush@",
        "rediss://:hush@h",
        "http://u:hush@h",
    };
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(wrong); i++) {
        struct fy_redis_url url;
        struct fy_err err = {0};
        assert_int_equal(fy_redis_url_parse(wrong[i], &url, &err), FY_EINPUT);
        assert_null(strstr(err.text, "hush"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_names_host_port_database_and_secret),
        cmocka_unit_test(a_url_that_cannot_be_is_refused_without_its_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
