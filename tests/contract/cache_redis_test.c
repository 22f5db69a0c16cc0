/* cache_redis_test.c - the contract on a real Redis, and Redis killed, hung, restarted, shared. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/cache_redis.h"
#include "common/core/clock.h"
#include "tests/contract/cache_contract.h"
#include "tests/support/redis_server.h"

#define SITE          "site-a"
#define KEY           "bucket"
#define FULL_KEY      "ferry:1:" SITE ":=" KEY
#define CALLERS_COUNT 1000
#define PATIENT_MS    20000 /* a time-out that no busy machine reaches */
#define BACK_MS_MAX   10000 /* for a healed Redis to be found; it takes a second */

static struct fy_cache *cache_open(const struct redis_server *server, int64_t timeout_ms,
                                   struct fy_metrics *metrics)
{
    struct fy_cache *cache = NULL;
    struct fy_err err = {0};
    const struct fy_cache_redis_settings settings = {.url = server->url,
                                                     .password_file = "",
                                                     .site = SITE,
                                                     .timeout_ms = timeout_ms,
                                                     .metrics = metrics};
    assert_int_equal(fy_cache_redis_open(&settings, &cache, &err), FY_OK);
    return cache;
}

/* ---- the contract */

static struct redis_server contract_server; /* the suite's open has no argument for it */
static struct fy_metrics contract_metrics;

static struct fy_cache *contract_open(struct fy_clock *clock)
{
    (void)clock; /* lives are Redis's own */
    freeReplyObject(redis_server_ask(&contract_server, "FLUSHALL"));
    return cache_open(&contract_server, PATIENT_MS, &contract_metrics);
}

/* A server cannot be told what time it is, so the suite's time is kept in the keys' lives: from the
 * first pass on, a ms that is left of one stands for SLOWED ms of the server. */
#define SLOWED 1000000

static void key_pass(const char *key, int64_t ms)
{
    redisReply *reply = redis_server_ask(&contract_server, "PTTL %s", key);
    int64_t left_ms = reply->integer;
    freeReplyObject(reply);
    if (left_ms > 2 * FY_CACHE_LIFE_MS)
        left_ms = (left_ms + SLOWED - 1) / SLOWED;
    else
        left_ms = (left_ms + 999) / 1000 * 1000; /* lives are whole seconds; the test took some */
    if (left_ms <= ms)
        reply = redis_server_ask(&contract_server, "DEL %s", key);
    else
        reply = redis_server_ask(&contract_server, "PEXPIRE %s %lld", key,
                                 (long long)(left_ms - ms) * SLOWED);
    freeReplyObject(reply);
}

static void contract_pass(struct cache_contract_clock *clock, int64_t ms)
{
    clock->now_ms += ms;
    redisReply *keys = redis_server_ask(&contract_server, "KEYS ferry:1:" SITE ":=*");
    for (size_t i = 0; i < keys->elements; i++)
        key_pass(keys->element[i]->str, ms);
    freeReplyObject(keys);
}

static const struct cache_contract_factory redis_factory = {"redis", contract_open, contract_pass};

/* ---- what is Redis's own */

/* Two processes of a site on one Redis. */
struct fixture {
    int64_t timeout_ms;
    struct redis_server server;
    struct fy_metrics metrics[2];
    struct fy_cache *cache[2];
};

static int setup_timeout(void **state, int64_t timeout_ms)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    f->timeout_ms = timeout_ms;
    redis_server_start(&f->server, NULL);
    for (size_t i = 0; i < 2; i++)
        f->cache[i] = cache_open(&f->server, f->timeout_ms, &f->metrics[i]);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    return setup_timeout(state, PATIENT_MS);
}

/* For the tests that let it run out. */
static int setup_short(void **state)
{
    return setup_timeout(state, FY_REDIS_TIMEOUT_MS);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < 2; i++)
        fy_cache_close(f->cache[i]);
    redis_server_done(&f->server);
    free(f);
    return 0;
}

/* The catalogue: what it says now, and how often it was asked. */
struct catalogue {
    atomic_int answer;
    atomic_int asked_count;
    void (*meanwhile)(void *arg); /* happens after the catalogue was read; NULL: nothing */
    void *arg;
};

static enum fy_code catalogue_fill(void *arg, const char *key, void *value, size_t capacity,
                                   size_t *size_bytes, int64_t *life_ms, struct fy_err *err)
{
    struct catalogue *catalogue = arg;
    (void)key;
    (void)capacity;
    (void)err;
    int answer = atomic_load(&catalogue->answer);
    atomic_fetch_add(&catalogue->asked_count, 1);
    if (catalogue->meanwhile != NULL)
        catalogue->meanwhile(catalogue->arg);
    memcpy(value, &answer, sizeof(answer));
    *size_bytes = sizeof(answer);
    *life_ms = FY_CACHE_LIFE_MS;
    return FY_OK;
}

static int look(struct fy_cache *cache, struct catalogue *catalogue)
{
    int answer = -1;
    size_t size_bytes = 0;
    struct fy_err err = {0};
    if (fy_cache_get(cache, KEY, &answer, sizeof(answer), &size_bytes, catalogue_fill, catalogue,
                     &err) != FY_OK)
        return -1;
    return answer;
}

static int64_t now_ms(void)
{
    return fy_mono_ms(fy_clock_system());
}

static void wait_away(struct fy_metrics *metrics, int64_t away)
{
    int64_t begun_ms = now_ms();
    while (fy_metric_get(metrics, FY_M_CACHE_AWAY) != away) {
        assert_true(now_ms() - begun_ms < BACK_MS_MAX);
        (void)usleep(1000); /* a gauge rings no bell */
    }
}

static void what_one_process_filled_serves_the_other(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1};
    assert_int_equal(look(f->cache[0], &catalogue), 1);
    assert_int_equal(look(f->cache[1], &catalogue), 1);
    assert_int_equal(look(f->cache[0], &catalogue), 1);
    assert_int_equal(catalogue.asked_count, 1);
    assert_int_equal(fy_metric_get(&f->metrics[0], FY_M_CACHE_MISSES), 1);
    assert_int_equal(fy_metric_get(&f->metrics[0], FY_M_CACHE_HITS), 1);
    assert_int_equal(fy_metric_get(&f->metrics[1], FY_M_CACHE_HITS), 1);
}

static void what_is_kept_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1};
    assert_int_equal(look(f->cache[0], &catalogue), 1);
    redisReply *life = redis_server_ask(&f->server, "PTTL " FULL_KEY);
    assert_in_range(life->integer, 1, FY_CACHE_LIFE_MS);
    freeReplyObject(life);
}

static void what_one_process_drops_the_other_has_forgotten(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1};
    assert_int_equal(look(f->cache[0], &catalogue), 1);
    assert_int_equal(look(f->cache[1], &catalogue), 1);
    catalogue.answer = 2;
    fy_cache_drop(f->cache[0], KEY);
    assert_int_equal(look(f->cache[1], &catalogue), 2);
    assert_int_equal(look(f->cache[0], &catalogue), 2);
    assert_int_equal(catalogue.asked_count, 2);
}

/* The administration takes a right away while another process reads it: the old answer is for who
 * asked before, and stays nowhere. */
struct change {
    struct fixture *f;
    struct catalogue *catalogue;
    bool restart;
};

static void change_meanwhile(void *arg)
{
    struct change *change = arg;
    change->catalogue->meanwhile = NULL;
    change->catalogue->answer = 2;
    if (change->restart) {
        redis_server_kill(&change->f->server);
        redis_server_restart(&change->f->server);
    } else {
        fy_cache_drop(change->f->cache[0], KEY);
    }
}

static void a_drop_during_a_fill_of_another_process_keeps_it_out(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1, .meanwhile = change_meanwhile};
    struct change change = {.f = f, .catalogue = &catalogue};
    catalogue.arg = &change;
    assert_int_equal(look(f->cache[1], &catalogue), 1);
    assert_int_equal(look(f->cache[1], &catalogue), 2);
    assert_int_equal(look(f->cache[0], &catalogue), 2);
    assert_int_equal(catalogue.asked_count, 2);
}

/* Then nobody knows what was dropped. */
static void a_fill_over_a_restart_is_not_kept(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1, .meanwhile = change_meanwhile};
    struct change change = {.f = f, .catalogue = &catalogue, .restart = true};
    catalogue.arg = &change;
    assert_int_equal(look(f->cache[1], &catalogue), 1);
    redisReply *kept = redis_server_ask(&f->server, "EXISTS " FULL_KEY);
    assert_int_equal(kept->integer, 0);
    freeReplyObject(kept);
    assert_int_equal(look(f->cache[1], &catalogue), 2);
    assert_int_equal(look(f->cache[0], &catalogue), 2);
}

/* ---- away */

/* However many ask: a time-out for those who asked when it happened, nothing for the others. */
static void a_redis_that_hangs_holds_nobody_up(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1};
    assert_int_equal(look(f->cache[0], &catalogue), 1);
    redis_server_freeze(&f->server);
    catalogue.answer = 2;
    int64_t begun_ms = now_ms();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(look(f->cache[0], &catalogue), 2);
    assert_true(now_ms() - begun_ms < 20 * FY_REDIS_TIMEOUT_MS);
    assert_int_equal(fy_metric_get(&f->metrics[0], FY_M_CACHE_FAILURES), 1);
    redis_server_thaw(&f->server);
    wait_away(&f->metrics[0], 0);
    assert_int_equal(look(f->cache[0], &catalogue), 2);
    int asked_count = catalogue.asked_count;
    assert_int_equal(look(f->cache[0], &catalogue), 2);
    assert_int_equal(catalogue.asked_count, asked_count); /* it serves again */
}

/* The drop did not reach Redis while it hung, and the other process has asked nothing meanwhile. */
static void a_drop_while_redis_hangs_counts_when_it_goes_on(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1};
    assert_int_equal(look(f->cache[1], &catalogue), 1);
    redis_server_freeze(&f->server);
    catalogue.answer = 2;
    fy_cache_drop(f->cache[0], KEY);
    redis_server_thaw(&f->server);
    assert_int_equal(look(f->cache[1], &catalogue), 2);
    wait_away(&f->metrics[0], 0);
    assert_int_equal(look(f->cache[0], &catalogue), 2);
}

/* This one cannot even be sent. */
static void a_drop_while_redis_is_known_to_be_away_counts_too(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1};
    assert_int_equal(look(f->cache[1], &catalogue), 1);
    redis_server_freeze(&f->server);
    assert_int_equal(look(f->cache[0], &catalogue), 1);
    catalogue.answer = 2;
    fy_cache_drop(f->cache[0], KEY);
    redis_server_thaw(&f->server);
    assert_int_equal(look(f->cache[1], &catalogue), 2);
    wait_away(&f->metrics[1], 0);
    assert_int_equal(look(f->cache[1], &catalogue), 2);
}

static void a_redis_that_was_killed_and_comes_back_empty_serves_again(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1};
    assert_int_equal(look(f->cache[0], &catalogue), 1);
    redis_server_kill(&f->server);
    catalogue.answer = 2;
    assert_int_equal(look(f->cache[0], &catalogue), 2);
    fy_cache_drop(f->cache[0], KEY);
    assert_int_equal(look(f->cache[0], &catalogue), 2);
    redis_server_restart(&f->server);
    wait_away(&f->metrics[0], 0);
    assert_int_equal(look(f->cache[0], &catalogue), 2);
    assert_int_equal(look(f->cache[1], &catalogue), 2);
}

/* An administrator's Redis saves now and then: what it has saved was dropped since. */
static void an_old_dump_that_comes_back_counts_for_nothing(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 1};
    assert_int_equal(look(f->cache[1], &catalogue), 1);
    freeReplyObject(redis_server_ask(&f->server, "SAVE"));
    catalogue.answer = 2;
    fy_cache_drop(f->cache[0], KEY);
    redis_server_kill(&f->server);
    redis_server_restart(&f->server);
    redisReply *kept = redis_server_ask(&f->server, "EXISTS " FULL_KEY);
    assert_int_equal(kept->integer, 1);
    freeReplyObject(kept);
    assert_int_equal(look(f->cache[1], &catalogue), 2);
    wait_away(&f->metrics[1], 0);
    assert_int_equal(look(f->cache[1], &catalogue), 2);
    assert_int_equal(look(f->cache[0], &catalogue), 2);
}

/* ---- many */

struct caller {
    struct fy_cache *cache;
    struct catalogue *catalogue;
    pthread_barrier_t *start;
    pthread_t thread;
    int answer;
};

static void *caller_main(void *arg)
{
    struct caller *self = arg;
    (void)pthread_barrier_wait(self->start); /* nobody cares who is the last */
    self->answer = look(self->cache, self->catalogue);
    return NULL;
}

/* callers_count at once, on the first caches_count caches in turn; all have to see answer. */
static void many_look(struct fixture *f, size_t callers_count, size_t caches_count,
                      struct catalogue *catalogue, int answer)
{
    struct caller *callers = fy_alloc(callers_count * sizeof(*callers));
    pthread_barrier_t start;
    pthread_attr_t small;
    assert_int_equal(pthread_barrier_init(&start, NULL, (unsigned)callers_count), 0);
    assert_int_equal(pthread_attr_init(&small), 0);
    assert_int_equal(pthread_attr_setstacksize(&small, 256 << 10), 0);
    for (size_t i = 0; i < callers_count; i++) {
        callers[i] = (struct caller){
            .cache = f->cache[i % caches_count], .catalogue = catalogue, .start = &start};
        assert_int_equal(pthread_create(&callers[i].thread, &small, caller_main, &callers[i]), 0);
    }
    for (size_t i = 0; i < callers_count; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        assert_int_equal(callers[i].answer, answer);
    }
    assert_int_equal(pthread_attr_destroy(&small), 0);
    assert_int_equal(pthread_barrier_destroy(&start), 0);
    free(callers);
}

/* While the first of them asks the catalogue, the others come. */
static void a_while(void *arg)
{
    (void)arg;
    (void)usleep(300000);
}

static void a_thousand_look_ups_of_two_processes_ask_once_each_at_most(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 7, .meanwhile = a_while};
    many_look(f, CALLERS_COUNT, 2, &catalogue, 7);
    assert_in_range(catalogue.asked_count, 1, 2);
}

/* Without Redis a fill that began before somebody came may be too old for him, so a second serves
 * all who came meanwhile. */
static void a_thousand_look_ups_without_redis_do_not_storm_the_catalogue(void **state)
{
    struct fixture *f = *state;
    struct catalogue catalogue = {.answer = 7, .meanwhile = a_while};
    redis_server_kill(&f->server);
    assert_int_equal(look(f->cache[0], &catalogue), 7);
    wait_away(&f->metrics[0], 1);
    catalogue.asked_count = 0;
    many_look(f, CALLERS_COUNT, 1, &catalogue, 7);
    assert_in_range(catalogue.asked_count, 1, 4);
}

/* ---- settings */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void the_password_comes_from_its_file(void **state)
{
    struct redis_server server;
    struct fy_metrics metrics = {0};
    struct fy_cache *cache = NULL;
    struct catalogue catalogue = {.answer = 1};
    struct fy_err err = {0};
    char path[TEMP_BYTES + 16];
    (void)state;
    redis_server_start(&server, "open sesame");
    (void)snprintf(path, sizeof(path), "%s/password", server.folder);
    const struct fy_cache_redis_settings settings = {.url = server.url,
                                                     .password_file = path,
                                                     .site = SITE,
                                                     .timeout_ms = PATIENT_MS,
                                                     .metrics = &metrics};
    assert_int_equal(fy_cache_redis_open(&settings, &cache, &err), FY_EIO);
    write_file(path, "open sesame\n");
    assert_int_equal(fy_cache_redis_open(&settings, &cache, &err), FY_OK);
    assert_int_equal(look(cache, &catalogue), 1);
    assert_int_equal(look(cache, &catalogue), 1);
    assert_int_equal(catalogue.asked_count, 1);
    fy_cache_close(cache);
    assert_int_equal(unlink(path), 0);
    redis_server_done(&server);
}

static void a_wrong_password_is_a_redis_that_is_away(void **state)
{
    struct redis_server server;
    struct fy_metrics metrics = {0};
    struct catalogue catalogue = {.answer = 1};
    (void)state;
    redis_server_start(&server, "open sesame");
    struct fy_cache *cache = cache_open(&server, PATIENT_MS, &metrics);
    assert_int_equal(fy_metric_get(&metrics, FY_M_CACHE_AWAY), 1);
    assert_int_equal(look(cache, &catalogue), 1);
    fy_cache_close(cache);
    redis_server_done(&server);
}

int main(void)
{
#define REDIS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define SHORT_TEST(function) cmocka_unit_test_setup_teardown(function, setup_short, teardown)
    const struct CMUnitTest tests[] = {
        REDIS_TEST(what_one_process_filled_serves_the_other),
        REDIS_TEST(what_is_kept_ends_by_itself),
        REDIS_TEST(what_one_process_drops_the_other_has_forgotten),
        REDIS_TEST(a_drop_during_a_fill_of_another_process_keeps_it_out),
        REDIS_TEST(a_fill_over_a_restart_is_not_kept),
        SHORT_TEST(a_redis_that_hangs_holds_nobody_up),
        SHORT_TEST(a_drop_while_redis_hangs_counts_when_it_goes_on),
        SHORT_TEST(a_drop_while_redis_is_known_to_be_away_counts_too),
        SHORT_TEST(a_redis_that_was_killed_and_comes_back_empty_serves_again),
        REDIS_TEST(an_old_dump_that_comes_back_counts_for_nothing),
        REDIS_TEST(a_thousand_look_ups_of_two_processes_ask_once_each_at_most),
        REDIS_TEST(a_thousand_look_ups_without_redis_do_not_storm_the_catalogue),
        cmocka_unit_test(the_password_comes_from_its_file),
        cmocka_unit_test(a_wrong_password_is_a_redis_that_is_away),
    };
    redis_server_start(&contract_server, NULL);
    int failed = cache_contract_run(&redis_factory);
    redis_server_done(&contract_server);
    return failed + cmocka_run_group_tests_name("redis's own", tests, NULL, NULL);
}
