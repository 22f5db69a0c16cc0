/* engine_embedded_test.c - the engine over the real embedded queue, catalogue and store; only the
 * source is a fake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/adapters/order_json.h"
#include "common/core/log.h"
#include "common/runtime/publish_wait.h"
#include "tests/support/embedded.h"
#include "tests/support/fake_peer.h"
#include "tests/support/temp.h"
#include "worker/worker.h"

#define BUCKET "bucket-1"
#define CLIENT "client-1"

struct site {
    char folder[TEMP_BYTES];
    struct fy_config config;
    struct fy_node node;
    struct fy_peer *http; /* the node's own, put back before it closes */
    struct fake_peer *peer;
    struct fy_engine *engine;
    uint64_t stamps;
};

static void site_open(struct site *self)
{
    struct fy_err err = {0};
    embedded_config(&self->config, "site-b", self->folder);
    self->config.peer_count = 1;
    (void)snprintf(self->config.peers[0], sizeof(self->config.peers[0]),
                   "site-a=http://127.0.0.1:1");
    embedded_open(&self->node, &self->config);
    must(fy_node_enter_self(&self->node, "http://127.0.0.1:2", &err), &err);
    must(fy_node_enter_peers(&self->node, &err), &err);
    must(fy_queue_topic_ensure(self->node.queue, FY_TOPIC_ACTION, &err), &err);
    atomic_store(&self->node.store_ok, true);
    self->http = self->node.peer;
    self->peer = fake_peer_new();
    self->node.peer = fake_peer_port(self->peer);
    must(fy_engine_open(&self->node, &self->engine, &err), &err);
}

static void site_close(struct site *self)
{
    fy_engine_close(self->engine, 10000);
    self->engine = NULL;
    fake_peer_free(self->peer);
    self->node.peer = self->http;
    fy_node_close(&self->node);
}

static int setup(void **state)
{
    struct site *self = fy_alloc(sizeof(*self));
    fy_log_level_set(FY_ERROR + 1);
    temp_folder("engine", self->folder);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct site *self = *state;
    temp_remove(self->folder);
    free(self);
    return 0;
}

/* Publishes CREATE orders for objects `prefix`0 .. count-1; each safe when it returns. */
static void give(struct site *self, enum fy_action action, const char *prefix, int count)
{
    struct fy_err err = {0};
    struct fy_buf json;
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    for (int i = 0; i < count; i++) {
        struct fy_order order = {.action = action, .ordered_at_ms = fy_wall_ms(fy_clock_system())};
        char key[FY_KEY_BYTES_MAX + 1];
        struct fy_digest digest;
        order.stamp.time = ((uint64_t)order.ordered_at_ms << 16) + ++self->stamps % 65536;
        (void)snprintf(order.stamp.site, sizeof(order.stamp.site), "site-a");
        (void)snprintf(order.from_site, sizeof(order.from_site), "site-a");
        (void)snprintf(order.client, sizeof(order.client), CLIENT);
        (void)snprintf(order.bucket, sizeof(order.bucket), BUCKET);
        (void)snprintf(order.object, sizeof(order.object), "%s%d", prefix, i);
        (void)snprintf(order.op_id, sizeof(order.op_id), "op-%s%d", prefix, i);
        order.size = fake_content_size(order.object);
        fake_content_digest(order.object, &digest);
        fy_digest_print_base32hex(&digest, order.hash);
        fy_buf_clear(&json);
        fy_order_json_write(&order, &json);
        struct fy_record record = {.topic = FY_TOPIC_ACTION,
                                   .partition = -1,
                                   .key = key,
                                   .key_bytes = fy_order_key(&order, key),
                                   .value = json.bytes,
                                   .value_bytes = json.size_bytes};
        must(fy_publish_wait(self->node.queue, &record, 1, NULL, &err), &err);
    }
    fy_buf_done(&json);
}

static int64_t totals_objects(struct site *self)
{
    struct fy_catalogue_totals totals = {0};
    struct fy_err err = {0};
    must(fy_catalogue_totals(self->node.catalogue, &totals, &err), &err);
    assert_int_equal(totals.dead_orders, 0);
    assert_int_equal(totals.waiting_orders, 0);
    return totals.objects;
}

static bool sum_lag(void *arg, const struct fy_partition_lag *lag)
{
    *(int64_t *)arg += lag->end_offset - lag->committed_offset;
    return true;
}

static int64_t lag_of(struct site *self)
{
    int64_t lag = 0;
    struct fy_err err = {0};
    must(fy_queue_lag(self->node.queue, FY_GROUP_WORKER, FY_TOPIC_ACTION, sum_lag, &lag, &err),
         &err);
    return lag;
}

/* Waits until every order is done and committed. */
static void wait_drained(struct site *self)
{
    for (int i = 0; i < 6000 && lag_of(self) > 0; i++)
        (void)usleep(10000); /* the engine commits once a second: nothing rings when it has */
    assert_int_equal(lag_of(self), 0);
}

static void assert_is_ready(struct site *self, const char *object)
{
    struct fy_object_key key = {.bucket = BUCKET};
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    struct fy_err err = {0};
    struct fy_digest digest;
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    (void)snprintf(key.account, sizeof(key.account), CLIENT);
    (void)snprintf(key.object, sizeof(key.object), "%s", object);
    must(fy_catalogue_object_get(self->node.catalogue, &key, row, &err), &err);
    fake_content_digest(object, &digest);
    assert_int_equal(row->reg.status, FY_STATUS_READY);
    assert_true(fy_digest_equal(&row->reg.digest, &digest));
    must(fy_store_open(self->node.store, row->blob_ref, &reader, &size, &err), &err);
    assert_int_equal(size, fake_content_size(object));
    uint8_t *stored = fy_alloc((size_t)size + 1);
    uint8_t *wanted = fy_alloc((size_t)size + 1);
    size_t got = 0;
    must(fy_store_read(self->node.store, reader, 0, stored, (size_t)size, &got, &err), &err);
    assert_int_equal(got, size);
    fake_content(object, 0, wanted, (size_t)size);
    assert_memory_equal(stored, wanted, (size_t)size);
    fy_store_reader_close(self->node.store, reader);
    free(stored);
    free(wanted);
    free(row);
}

/* ------------------------------------------------------------------ */

static void objects_arrive_in_the_real_catalogue_and_store(void **state)
{
    struct site *self = *state;
    site_open(self);
    give(self, FY_ACTION_CREATE, "dir/o", 200);
    give(self, FY_ACTION_CREATE, "big/size=9000000/", 2);
    give(self, FY_ACTION_CREATE, "empty/size=0/", 2);
    wait_drained(self);
    assert_int_equal(totals_objects(self), 204);
    assert_is_ready(self, "dir/o0");
    assert_is_ready(self, "dir/o199");
    assert_is_ready(self, "big/size=9000000/1");
    assert_is_ready(self, "empty/size=0/1");
    give(self, FY_ACTION_DELETE, "dir/o", 100);
    wait_drained(self);
    assert_int_equal(totals_objects(self), 104);
    assert_is_ready(self, "dir/o100");
    site_close(self);
}

/* Bytes that are here are linked: the second name of the same content moves nothing. */
static void a_deleted_object_comes_back_by_a_link(void **state)
{
    struct site *self = *state;
    site_open(self);
    give(self, FY_ACTION_CREATE, "o", 5);
    wait_drained(self);
    int pulled = fake_peer_calls(self->peer, FY_PEER_PULL);
    give(self, FY_ACTION_DELETE, "o", 5);
    give(self, FY_ACTION_CREATE, "o", 5);
    wait_drained(self);
    assert_int_equal(totals_objects(self), 5);
    assert_is_ready(self, "o3");
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), pulled);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_BODIES_LINKED), 5);
    site_close(self);
}

/* The first half of the store's files goes, the rest loses all but a byte. */
static void break_store(const struct site *self)
{
    char command[TEMP_BYTES + 128];
    (void)snprintf(command, sizeof(command),
                   "cd '%s/data/store' && ls */* | sort > ../files && head -n 2 ../files | xargs rm"
                   " && tail -n 2 ../files | xargs truncate -s 1",
                   self->folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a command of our own */
}

/* Files that somebody deleted, and others cut short: the same bytes, ordered once more, are pulled
 * and not linked. */
static void lost_bytes_come_back_with_the_next_order_for_them(void **state)
{
    struct site *self = *state;
    site_open(self);
    give(self, FY_ACTION_CREATE, "o", 4);
    wait_drained(self);
    int pulled = fake_peer_calls(self->peer, FY_PEER_PULL);
    break_store(self);
    give(self, FY_ACTION_CREATE, "o", 4);
    wait_drained(self);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), pulled + 4);
    assert_int_equal(totals_objects(self), 4);
    for (int i = 0; i < 4; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "o%d", i);
        assert_is_ready(self, name);
    }
    give(self, FY_ACTION_CREATE, "o", 4); /* and now they are linked as ever */
    wait_drained(self);
    assert_int_equal(fake_peer_calls(self->peer, FY_PEER_PULL), pulled + 4);
    site_close(self);
}

/* ------------------------------------------------------------------ kill -9 */

#define KILLS        12
#define KILL_OBJECTS 2000
#define NEWS_MS      20000 /* a busy machine, under ThreadSanitizer, too */

/* What the child last said of itself, in memory that outlives it. */
struct news {
    _Atomic int64_t inflight, applied;
};

static void wait_ms(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Runs the site until it is killed. */
static void child_main(struct site *self, struct news *news)
{
    site_open(self);
    for (;; wait_ms(1)) {
        atomic_store(&news->inflight, fy_metric_get(&self->node.metrics, FY_M_INFLIGHT_ORDERS));
        atomic_store(&news->applied, fy_metric_get(&self->node.metrics, FY_M_ORDERS_APPLIED));
    }
}

/* Pitfall 1, at whatever instruction: everything accepted arrives, nothing is READY that is not
 * whole, nothing is dead. */
static void twelve_kills_lose_nothing(void **state)
{
    struct site *self = *state;
    unsigned seed = 8021974;
    int busy_kills = 0;
    int64_t applied = 0;
    struct news *news =
        mmap(NULL, sizeof(*news), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(news != MAP_FAILED);
    site_open(self);
    fy_engine_close(self->engine, 0); /* only publishing, so that all the work is left */
    self->engine = NULL;
    give(self, FY_ACTION_CREATE, "kill/", KILL_OBJECTS);
    site_close(self);
    for (int i = 0; i < KILLS; i++) {
        atomic_store(&news->inflight, 0);
        atomic_store(&news->applied, 0);
        pid_t child = fork();
        if (child == 0)
            child_main(self, news);
        /* Half of them early, half after something has come: how fast that is depends on who else
         * uses the machine. */
        const _Atomic int64_t *awaited = i % 2 == 0 ? &news->inflight : &news->applied;
        for (int j = 0; j < NEWS_MS && atomic_load(awaited) == 0; j++)
            wait_ms(1);
        wait_ms((unsigned)rand_r(&seed) % 50);
        busy_kills += atomic_load(&news->inflight) > 0 ? 1 : 0;
        applied += atomic_load(&news->applied);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
    assert_true(busy_kills >= KILLS / 2);
    assert_true(applied > 0);
    (void)munmap(news, sizeof(*news));
    site_open(self);
    wait_drained(self);
    assert_int_equal(totals_objects(self), KILL_OBJECTS);
    char name[32];
    for (int i = 0; i < KILL_OBJECTS; i++) {
        (void)snprintf(name, sizeof(name), "kill/%d", i);
        assert_is_ready(self, name);
    }
    site_close(self);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(objects_arrive_in_the_real_catalogue_and_store),
        TEST(a_deleted_object_comes_back_by_a_link),
        TEST(lost_bytes_come_back_with_the_next_order_for_them),
        TEST(twelve_kills_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
