/* knowledge_redis_test.c - rights and topology of a site that several processes serve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/cache_redis.h"
#include "common/runtime/knowledge.h"
#include "tests/support/redis_server.h"

#define PROCESSES_COUNT 3

/* The catalogue that all processes share: one right, one site. */
struct catalogue {
    struct fy_catalogue port;
    atomic_uint rights;
    atomic_int status;
    atomic_int asked_count;
};

static enum fy_code right_get(struct fy_catalogue *port, const char *client, const char *bucket,
                              unsigned *rights, struct fy_err *err)
{
    struct catalogue *catalogue = FY_CONTAINER_OF(port, struct catalogue, port);
    (void)client;
    (void)bucket;
    (void)err;
    atomic_fetch_add(&catalogue->asked_count, 1);
    *rights = atomic_load(&catalogue->rights);
    return FY_OK;
}

static enum fy_code site_list(struct fy_catalogue *port, fy_site_visit_fn *visit, void *arg,
                              struct fy_err *err)
{
    struct catalogue *catalogue = FY_CONTAINER_OF(port, struct catalogue, port);
    struct fy_site_row row = {.id = "site-b", .name = "site-b", .uri = "http://127.0.0.1:1"};
    (void)err;
    row.status = (enum fy_site_status)atomic_load(&catalogue->status);
    (void)visit(arg, &row);
    return FY_OK;
}

static const struct fy_catalogue_ops catalogue_ops = {
    .name = "double", .right_get = right_get, .site_list = site_list};

struct fixture {
    struct redis_server server;
    struct catalogue catalogue;
    struct fy_node nodes[PROCESSES_COUNT];
};

static int setup(void **state)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    struct fy_err err = {0};
    f->catalogue.port.ops = &catalogue_ops;
    f->catalogue.status = FY_SITE_UP;
    redis_server_start(&f->server, NULL);
    for (size_t i = 0; i < PROCESSES_COUNT; i++) {
        struct fy_node *node = &f->nodes[i];
        node->clock = fy_clock_system();
        node->catalogue = &f->catalogue.port;
        assert_int_equal(fy_bell_init(&node->sites_bell, &err), FY_OK);
        const struct fy_cache_redis_settings settings = {.url = f->server.url,
                                                         .password_file = "",
                                                         .site = "site-a",
                                                         .timeout_ms = FY_REDIS_TIMEOUT_MS,
                                                         .metrics = &node->metrics};
        assert_int_equal(fy_cache_redis_open(&settings, &node->cache, &err), FY_OK);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < PROCESSES_COUNT; i++) {
        fy_cache_close(f->nodes[i].cache);
        fy_bell_done(&f->nodes[i].sites_bell);
    }
    redis_server_done(&f->server);
    free(f);
    return 0;
}

/* What each of the processes says of the right to read. */
static void expect_all(struct fixture *f, bool may_read)
{
    for (size_t i = 0; i < PROCESSES_COUNT; i++) {
        unsigned rights = 0;
        struct fy_err err = {0};
        assert_int_equal(
            fy_know_rights(&f->nodes[i], "client-1", "bucket", FY_RIGHT_READ, &rights, &err),
            FY_OK);
        assert_int_equal((rights & FY_RIGHT_READ) != 0, may_read);
    }
}

static void administer_by(struct fixture *f, size_t process, unsigned rights)
{
    f->catalogue.rights = rights;
    fy_know_rights_changed(&f->nodes[process], "bucket");
}

static void administer(struct fixture *f, unsigned rights)
{
    administer_by(f, 0, rights);
}

static void a_right_counts_at_once_in_every_process(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 20; round++) {
        administer(f, FY_RIGHT_OWNER);
        expect_all(f, true);
        administer(f, 0);
        expect_all(f, false);
    }
}

static void many_processes_ask_the_catalogue_once(void **state)
{
    struct fixture *f = *state;
    f->catalogue.rights = FY_RIGHT_READ;
    for (int round = 0; round < 100; round++)
        expect_all(f, true);
    assert_in_range(f->catalogue.asked_count, 1, 2); /* two on a machine that lets Redis wait */
}

/* The worst of times to take a right away. */
static void a_right_taken_away_while_redis_hangs_or_dies_is_refused(void **state)
{
    struct fixture *f = *state;
    administer(f, FY_RIGHT_OWNER);
    expect_all(f, true);
    redis_server_freeze(&f->server);
    administer(f, 0);
    expect_all(f, false);
    redis_server_thaw(&f->server);
    expect_all(f, false);

    administer(f, FY_RIGHT_OWNER);
    expect_all(f, true);
    redis_server_freeze(&f->server);
    administer(f, 0);
    redis_server_thaw(&f->server); /* nobody has asked meanwhile */
    expect_all(f, false);

    administer(f, FY_RIGHT_OWNER);
    expect_all(f, true);
    redis_server_kill(&f->server);
    administer(f, 0);
    expect_all(f, false);
    redis_server_restart(&f->server);
    expect_all(f, false);
}

/* Waits until one has found Redis back; gives one that has not, PROCESSES_COUNT: all have. */
static size_t await_one_back(struct fixture *f)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    for (;; (void)nanosleep(&pause, NULL)) {
        size_t away = PROCESSES_COUNT, back = 0;
        for (size_t i = 0; i < PROCESSES_COUNT; i++)
            if (fy_metric_get(&f->nodes[i].metrics, FY_M_CACHE_AWAY) == 0)
                back++;
            else
                away = i;
        if (back > 0)
            return away;
    }
}

/* Redis hangs again when some have found it back, and one that has not takes the right away. */
static void a_right_is_taken_away_by_who_has_not_found_redis_back(void **state)
{
    struct fixture *f = *state;
    int taken = 0;
    for (int round = 0; round < 40 && taken < 3; round++) {
        redis_server_freeze(&f->server);
        administer(f, FY_RIGHT_OWNER);
        expect_all(f, true); /* which each of them sees by itself: all know that it hangs */
        redis_server_thaw(&f->server);
        size_t away = await_one_back(f);
        if (away == PROCESSES_COUNT)
            continue;
        taken++;
        expect_all(f, true);
        redis_server_freeze(&f->server);
        administer_by(f, away, 0);
        redis_server_thaw(&f->server);
        expect_all(f, false);
    }
    assert_int_equal(taken, 3);
}

static void a_site_that_changes_is_seen_by_every_process(void **state)
{
    struct fixture *f = *state;
    static const enum fy_site_status statuses[] = {FY_SITE_UP, FY_SITE_DOWN, FY_SITE_DELETED};
    for (size_t round = 0; round < FY_COUNT_OF(statuses); round++) {
        f->catalogue.status = (int)statuses[round];
        fy_know_sites_changed(&f->nodes[round % PROCESSES_COUNT]);
        for (size_t i = 0; i < PROCESSES_COUNT; i++) {
            struct fy_site_row row;
            struct fy_err err = {0};
            assert_int_equal(fy_know_site(&f->nodes[i], "site-b", &row, &err), FY_OK);
            assert_int_equal(row.status, statuses[round]);
        }
    }
}

/* Another version of Ferry, or another program, has written there: every value of the site. */
static void values_that_are_not_ours_are_read_from_the_catalogue(void **state)
{
    struct fixture *f = *state;
    struct fy_site_row row;
    struct fy_err err = {0};
    f->catalogue.rights = FY_RIGHT_READ;
    expect_all(f, true);
    assert_int_equal(fy_know_site(&f->nodes[0], "site-b", &row, &err), FY_OK);
    redisReply *keys = redis_server_ask(&f->server, "KEYS ferry:1:site-a:=*");
    assert_true(keys->elements >= 3); /* the sites, a mark, a right */
    for (size_t i = 0; i < keys->elements; i++)
        freeReplyObject(
            redis_server_ask(&f->server, "SETRANGE %s 28 ?????", keys->element[i]->str));
    freeReplyObject(keys);
    expect_all(f, true);
    f->catalogue.rights = 0;
    fy_know_rights_changed(&f->nodes[1], "bucket");
    expect_all(f, false);
    assert_int_equal(fy_know_site(&f->nodes[0], "site-b", &row, &err), FY_OK);
    assert_string_equal(row.uri, "http://127.0.0.1:1");
}

int main(void)
{
#define NODES_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        NODES_TEST(a_right_counts_at_once_in_every_process),
        NODES_TEST(many_processes_ask_the_catalogue_once),
        NODES_TEST(a_right_taken_away_while_redis_hangs_or_dies_is_refused),
        NODES_TEST(a_right_is_taken_away_by_who_has_not_found_redis_back),
        NODES_TEST(a_site_that_changes_is_seen_by_every_process),
        NODES_TEST(values_that_are_not_ours_are_read_from_the_catalogue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
