/* cli_doctor_test.c - what is said of a PostgreSQL and a Redis that do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/doctor.h"
#include "common/adapters/cache_redis.h"
#include "common/adapters/catalogue_postgres.h"

#define NOW_MS INT64_C(1708514872867)

struct said {
    size_t counts[FY_DOCTOR_LEVELS];
    char text[2048];
};

static void hear(void *arg, enum fy_doctor_level level, const char *text)
{
    struct said *said = arg;
    size_t length = strlen(said->text);
    said->counts[level]++;
    (void)snprintf(said->text + length, sizeof(said->text) - length, "%s\n", text);
}

static const struct fy_postgres_state good_postgres = {.version = "15.8",
                                                       .encoding = "UTF8",
                                                       .fsync = true,
                                                       .full_page_writes = true,
                                                       .schema = 2,
                                                       .schema_known = 2,
                                                       .connections_max = 97,
                                                       .connections_used = 5,
                                                       .locks_max = 6400,
                                                       .now_ms = NOW_MS};

static void judge_postgres(const struct fy_postgres_state *state, struct said *said)
{
    *said = (struct said){0};
    fy_postgres_judge(state, NOW_MS, hear, said);
}

/* The state brings just this one sentence, of this level. */
static void expect_one(const struct said *said, enum fy_doctor_level level, const char *part)
{
    if (strstr(said->text, part) == NULL)
        fail_msg("'%s' is not said: %s", part, said->text);
    for (int i = 0; i < FY_DOCTOR_LEVELS; i++)
        assert_int_equal(said->counts[i], i == (int)level ? 1 : 0);
}

static void a_good_postgresql_is_one_line(void **state)
{
    struct said said;
    struct fy_postgres_state fresh = good_postgres;
    (void)state;
    judge_postgres(&good_postgres, &said);
    expect_one(&said, FY_DOCTOR_OK, "catalogue: PostgreSQL 15.8, schema 2");
    fresh.schema = -1;
    judge_postgres(&fresh, &said);
    expect_one(&said, FY_DOCTOR_OK, "the first start makes its tables");
}

static void each_thing_wrong_with_postgresql_is_a_line_with_what_to_do(void **state)
{
    struct said said;
    struct fy_postgres_state one;
    (void)state;
#define EXPECT_WRONG(change, level, part)                                                          \
    do {                                                                                           \
        one = good_postgres;                                                                       \
        change;                                                                                    \
        judge_postgres(&one, &said);                                                               \
        expect_one(&said, level, part);                                                            \
    } while (0)
    EXPECT_WRONG(one.too_old = true, FY_DOCTOR_FAIL, "13 is the oldest");
    EXPECT_WRONG(one.encoding[0] = 'L', FY_DOCTOR_FAIL, "ENCODING 'UTF8'");
    EXPECT_WRONG(one.standby = true, FY_DOCTOR_FAIL, "name the primary");
    EXPECT_WRONG(one.fsync = false, FY_DOCTOR_FAIL, "fsync is off");
    EXPECT_WRONG(one.full_page_writes = false, FY_DOCTOR_FAIL, "full_page_writes is off");
    EXPECT_WRONG(one.schema = 3, FY_DOCTOR_FAIL, "use the newer program");
    EXPECT_WRONG(one.schema = 1, FY_DOCTOR_WARN, "the next start makes it 2");
    EXPECT_WRONG(one.connections_used = 90, FY_DOCTOR_WARN, "7 of 97 connections are left");
    EXPECT_WRONG(one.locks_max = 5000, FY_DOCTOR_WARN, "with more than 3 processes");
    EXPECT_WRONG(one.now_ms += 6000, FY_DOCTOR_WARN, "6000 ms ahead of");
    EXPECT_WRONG(one.now_ms -= 61000, FY_DOCTOR_FAIL, "61000 ms behind");
#undef EXPECT_WRONG
}

static void a_pooler_is_noticed_and_said(void **state)
{
    struct said said;
    struct fy_postgres_state pooled = good_postgres;
    (void)state;
    pooled.pooled = true;
    judge_postgres(&pooled, &said);
    assert_int_equal(said.counts[FY_DOCTOR_OK], 2);
    assert_non_null(strstr(said.text, "behind a pooler"));
}

static void what_is_said_of_redis(void **state)
{
    static const struct {
        struct fy_redis_state state;
        enum fy_doctor_level level;
        const char *part;
    } rows[] = {
        {{.answer_ms = 1, .version = "7.0.15"}, FY_DOCTOR_OK, "without a limit of memory"},
        {{.answer_ms = 1}, FY_DOCTOR_OK, "this user may not ask more"},
        {{.answer_ms = 30, .version = "7.0.15"}, FY_DOCTOR_WARN, "near cache.timeout (50 ms)"},
        {{.answer_ms = 51, .version = "7.0.15"}, FY_DOCTOR_FAIL, "over cache.timeout (50 ms)"},
        {{.answer_ms = 1, .version = "7.0.15", .replica = true}, FY_DOCTOR_FAIL, "is a replica"},
        {{.version = "7.0.15", .memory_max_bytes = 1 << 20, .policy = "noeviction"},
         FY_DOCTOR_WARN,
         "full at 1.0 MiB"},
        {{.version = "7.0.15", .memory_max_bytes = 1 << 20, .policy = "volatile-ttl"},
         FY_DOCTOR_OK,
         "cache: Redis 7.0.15 answers in 0 ms"},
    };
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        struct said said = {0};
        fy_redis_judge(&rows[i].state, 50, hear, &said);
        expect_one(&said, rows[i].level, rows[i].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_postgresql_is_one_line),
        cmocka_unit_test(each_thing_wrong_with_postgresql_is_a_line_with_what_to_do),
        cmocka_unit_test(a_pooler_is_noticed_and_said),
        cmocka_unit_test(what_is_said_of_redis),
    };
    return cmocka_run_group_tests_name("cli, doctor", tests, NULL, NULL);
}
