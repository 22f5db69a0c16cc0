/* pump_topics_test.c - orders and events go from a real catalogue to their topics; the queue is a
 * double that takes of each topic what it is told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/adapters/catalogue_sqlite.h"
#include "common/core/log.h"
#include "tests/support/temp.h"
#include "worker/worker.h"

#define WAIT_S      60 /* only a failing test waits so long */
#define RECORDS_MAX 2000

/* ------------------------------------------------------------------ the queue */

struct topic {
    const char *name;
    bool absent;     /* ensuring it fails */
    bool unanswered; /* its records are not acknowledged */
    int tries;       /* publishes that failed so */
    size_t count;    /* records acknowledged */
    struct {
        char value[1024];
        char key[64];
        size_t key_bytes;
        bool has_key;
    } records[RECORDS_MAX];
};

struct queue {
    struct fy_queue port;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct topic orders, events, oio;
};

static struct topic *topic_of(struct queue *queue, const char *name)
{
    if (strcmp(name, FY_TOPIC_OIO) == 0)
        return &queue->oio;
    return strcmp(name, FY_TOPIC_EVENTS) == 0 ? &queue->events : &queue->orders;
}

static enum fy_code topic_ensure(struct fy_queue *port, const char *name, struct fy_err *err)
{
    struct queue *queue = FY_CONTAINER_OF(port, struct queue, port);
    pthread_mutex_lock(&queue->mutex);
    struct topic *topic = topic_of(queue, name);
    bool absent = topic->absent;
    topic->tries += absent ? 1 : 0;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
    return absent ? fy_err_set(err, FY_ENOTFOUND, "topic %s is not there", name) : FY_OK;
}

/* Mutex held. */
static void keep(struct topic *topic, const struct fy_record *record)
{
    FY_ASSERT(topic->count < RECORDS_MAX);
    size_t i = topic->count++;
    FY_ASSERT(record->value_bytes < sizeof(topic->records[i].value));
    FY_ASSERT(record->key_bytes <= sizeof(topic->records[i].key));
    memcpy(topic->records[i].value, record->value, record->value_bytes);
    topic->records[i].value[record->value_bytes] = '\0';
    topic->records[i].has_key = record->key != NULL;
    topic->records[i].key_bytes = record->key_bytes;
    if (record->key != NULL)
        memcpy(topic->records[i].key, record->key, record->key_bytes);
}

static enum fy_code publish(struct fy_queue *port, const struct fy_record *records, size_t count,
                            fy_publish_done_fn *done, void *arg, struct fy_err *err)
{
    (void)err;
    struct queue *queue = FY_CONTAINER_OF(port, struct queue, port);
    struct fy_err failure = {0};
    pthread_mutex_lock(&queue->mutex);
    struct topic *topic = topic_of(queue, records[0].topic);
    if (topic->unanswered) {
        (void)fy_err_set(&failure, FY_EBUSY, "publish: no acknowledgement");
        topic->tries++;
    }
    for (size_t i = 0; !topic->unanswered && i < count; i++)
        keep(topic, &records[i]);
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
    done(arg, failure.code, failure.code == FY_OK ? count : 0, &failure);
    return FY_OK;
}

static const struct fy_queue_ops queue_ops = {
    .name = "double", .topic_ensure = topic_ensure, .publish = publish};

/* ------------------------------------------------------------------ fixture */

struct fixture {
    struct fy_config config;
    struct fy_node node;
    struct queue queue;
    struct fy_pump *orders, *events, *oio;
    char folder[TEMP_BYTES];
    char path[TEMP_BYTES + 8];
};

static int setup(void **state)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    struct fy_node *node = &f->node;
    fy_log_level_set(FY_ERROR + 1);
    fy_config_init(&f->config);
    *node = (struct fy_node){.config = &f->config, .clock = fy_clock_system(), .site = "site-b"};
    f->queue.port.ops = &queue_ops;
    f->queue.orders.name = FY_TOPIC_REPLICATION;
    f->queue.events.name = FY_TOPIC_EVENTS;
    f->queue.oio.name = FY_TOPIC_OIO;
    node->queue = &f->queue.port;
    assert_int_equal(pthread_mutex_init(&f->queue.mutex, NULL), 0);
    assert_int_equal(pthread_cond_init(&f->queue.changed, NULL), 0);
    assert_int_equal(fy_bell_init(&node->outbox_bell, NULL), FY_OK);
    temp_folder("pump", f->folder);
    (void)snprintf(f->path, sizeof(f->path), "%s/c.db", f->folder);
    const struct fy_catalogue_sqlite_settings settings = {.path = f->path,
                                                          .common.clock = node->clock,
                                                          .common.site = node->site,
                                                          .common.reader_count = 2,
                                                          .common.tells = true,
                                                          .common.oio_namespace = "OPENIO"};
    uint8_t slot = 0;
    uint64_t start_time = 0;
    fy_guid_new(node->clock, node->boot_id);
    assert_int_equal(fy_catalogue_sqlite_open(&settings, &node->catalogue, NULL), FY_OK);
    assert_int_equal(
        fy_catalogue_lease_open(node->catalogue, node->boot_id, &slot, &start_time, NULL), FY_OK);
    fy_hlc_init(&node->hlc, node->clock, node->site, slot, start_time);
    fy_catalogue_attach(node->catalogue, &node->hlc);
    assert_int_equal(fy_catalogue_writer_open(node->catalogue, &node->writer, NULL), FY_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fy_pump_close(f->orders);
    fy_pump_close(f->events);
    fy_pump_close(f->oio);
    fy_catalogue_writer_close(f->node.writer);
    fy_catalogue_close(f->node.catalogue);
    fy_hlc_done(&f->node.hlc);
    fy_bell_done(&f->node.outbox_bell);
    temp_remove(f->folder);
    pthread_cond_destroy(&f->queue.changed);
    pthread_mutex_destroy(&f->queue.mutex);
    free(f);
    return 0;
}

static void start(struct fixture *f)
{
    assert_int_equal(fy_pump_open(&f->node, FY_PUMP_ORDERS, &f->orders, NULL), FY_OK);
    assert_int_equal(fy_pump_open(&f->node, FY_PUMP_EVENTS, &f->events, NULL), FY_OK);
    assert_int_equal(fy_pump_open(&f->node, FY_PUMP_OIO, &f->oio, NULL), FY_OK);
}

/* A local change: an order in the outbox. */
static void make_bucket(struct fixture *f, const char *name)
{
    struct fy_cat_bucket_create op = {.op.kind = FY_CAT_BUCKET_CREATE, .client = "client-1"};
    assert_true(fy_text_copy(op.bucket, sizeof(op.bucket), name));
    assert_int_equal(fy_catalogue_writer_run(f->node.writer, &op.op, NULL), FY_OK);
    fy_bell_ring(&f->node.outbox_bell);
}

/* An order that ended: an event. */
static void end_order(struct fixture *f, const char *op_id, const char *bucket)
{
    struct fy_cat_settle op = {.op.kind = FY_CAT_SETTLE, .outcome = FY_OUTCOME_SETTLED};
    assert_true(fy_text_copy(op.order.op_id, sizeof(op.order.op_id), op_id));
    assert_true(fy_text_copy(op.order.bucket, sizeof(op.order.bucket), bucket));
    assert_int_equal(fy_catalogue_writer_run(f->node.writer, &op.op, NULL), FY_OK);
}

/* Until a topic has so many records, or has failed so often. */
static bool await(struct fixture *f, struct topic *topic, size_t count, int tries)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += WAIT_S;
    int waited = 0;
    pthread_mutex_lock(&f->queue.mutex);
    while (waited == 0 && (topic->count < count || topic->tries < tries))
        waited = pthread_cond_timedwait(&f->queue.changed, &f->queue.mutex, &deadline);
    pthread_mutex_unlock(&f->queue.mutex);
    return waited == 0;
}

static void change(struct fixture *f, bool *what, bool value)
{
    pthread_mutex_lock(&f->queue.mutex);
    *what = value;
    pthread_mutex_unlock(&f->queue.mutex);
}

/* Acknowledged rows go a moment later. */
static void await_empty(struct fixture *f)
{
    struct fy_catalogue_totals totals = {0};
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < WAIT_S * 200; i++) {
        assert_int_equal(fy_catalogue_totals(f->node.catalogue, &totals, NULL), FY_OK);
        if (totals.events == 0 && totals.oio_events == 0 && totals.outbox_orders == 0)
            return;
        (void)nanosleep(&pause, NULL);
    }
    fail_msg("%d events and %d orders are left", (int)totals.events, (int)totals.outbox_orders);
}

/* Counted once its rows are gone. */
static void await_count(struct fixture *f, enum fy_metric metric, int64_t count)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < WAIT_S * 200 && fy_metric_get(&f->node.metrics, metric) != count; i++)
        (void)nanosleep(&pause, NULL);
    assert_int_equal(fy_metric_get(&f->node.metrics, metric), count);
}

static void expect_event(const struct fixture *f, size_t i, const char *op_id)
{
    char begin[64];
    (void)snprintf(begin, sizeof(begin), "{\"opId\":\"%s\",", op_id);
    assert_memory_equal(f->queue.events.records[i].value, begin, strlen(begin));
}

/* ------------------------------------------------------------------ tests */

static void orders_and_events_go_to_their_own_topics(void **state)
{
    struct fixture *f = *state;
    make_bucket(f, "bucket-1");
    end_order(f, "op-1", "bucket-1");
    end_order(f, "op-2", ""); /* it could not be read */
    start(f);
    assert_true(await(f, &f->queue.events, 2, 0));
    assert_true(await(f, &f->queue.orders, 1, 0));
    await_empty(f);
    assert_non_null(strstr(f->queue.orders.records[0].value, "\"bucketName\":\"bucket-1\""));
    expect_event(f, 0, "op-1");
    assert_int_equal(f->queue.events.records[0].key_bytes, sizeof("bucket-1"));
    assert_memory_equal(f->queue.events.records[0].key, "bucket-1", sizeof("bucket-1"));
    expect_event(f, 1, "op-2");
    assert_false(f->queue.events.records[1].has_key);
    await_count(f, FY_M_EVENTS_PUBLISHED, 2);
    await_count(f, FY_M_OUTBOX_PUBLISHED, 1);
}

/* Its people make it later; until then what happened waits in the catalogue. */
static void a_missing_topic_of_events_holds_no_order_up(void **state)
{
    struct fixture *f = *state;
    f->queue.events.absent = true;
    end_order(f, "op-1", "bucket-1");
    start(f);
    assert_true(await(f, &f->queue.events, 0, 1));
    make_bucket(f, "bucket-1");
    assert_true(await(f, &f->queue.orders, 1, 0));
    end_order(f, "op-2", "bucket-1");
    assert_int_equal(f->queue.events.count, 0);
    change(f, &f->queue.events.absent, false);
    assert_true(await(f, &f->queue.events, 2, 0));
    await_empty(f);
    expect_event(f, 0, "op-1");
    expect_event(f, 1, "op-2");
}

static void events_that_are_not_acknowledged_are_sent_again_and_orders_flow(void **state)
{
    struct fixture *f = *state;
    f->queue.events.unanswered = true;
    start(f);
    end_order(f, "op-1", "bucket-1");
    assert_true(await(f, &f->queue.events, 0, 1));
    make_bucket(f, "bucket-1");
    assert_true(await(f, &f->queue.orders, 1, 0));
    assert_true(await(f, &f->queue.events, 0, 2));
    change(f, &f->queue.events.unanswered, false);
    assert_true(await(f, &f->queue.events, 1, 0));
    await_empty(f);
    assert_int_equal(f->queue.events.count, 1);
    expect_event(f, 0, "op-1");
}

static void a_topic_of_orders_that_is_missing_is_said_at_once(void **state)
{
    struct fixture *f = *state;
    struct fy_err err = {0};
    f->queue.orders.absent = true;
    assert_int_equal(fy_pump_open(&f->node, FY_PUMP_ORDERS, &f->orders, &err), FY_ENOTFOUND);
    assert_null(f->orders);
}

/* More than fits one publish, in rows of many and of one. */
static void many_events_are_told_in_their_order(void **state)
{
    struct fixture *f = *state;
    const size_t in_one = FY_CAT_BATCH_MAX, count = 3 * in_one + 40;
    struct fy_cat_settle *settles = fy_alloc(in_one * sizeof(*settles));
    struct fy_cat_op *ops[FY_CAT_BATCH_MAX];
    for (size_t done = 0; done < 3 * in_one; done += in_one) {
        for (size_t i = 0; i < in_one; i++) {
            settles[i] =
                (struct fy_cat_settle){.op.kind = FY_CAT_SETTLE, .outcome = FY_OUTCOME_SETTLED};
            (void)snprintf(settles[i].order.op_id, sizeof(settles[i].order.op_id), "op-%zu",
                           done + i);
            ops[i] = &settles[i].op;
        }
        assert_int_equal(fy_catalogue_write(f->node.catalogue, ops, in_one, NULL), FY_OK);
    }
    for (size_t i = 3 * in_one; i < count; i++) {
        char op_id[32];
        (void)snprintf(op_id, sizeof(op_id), "op-%zu", i);
        end_order(f, op_id, "b");
    }
    start(f);
    assert_true(await(f, &f->queue.events, count, 0));
    await_empty(f);
    assert_int_equal(f->queue.events.count, count);
    for (size_t i = 0; i < count; i++) {
        char op_id[32];
        (void)snprintf(op_id, sizeof(op_id), "op-%zu", i);
        expect_event(f, i, op_id);
    }
    free(settles);
}

/* The same key for all of a container, so that they keep their order. */
static void changes_of_containers_go_to_their_own_topic_in_order(void **state)
{
    struct fixture *f = *state;
    make_bucket(f, "bucket-1");
    start(f);
    assert_true(await(f, &f->queue.oio, 2, 0));
    await_empty(f);
    assert_non_null(strstr(f->queue.oio.records[0].value, "\"event\":\"account.services\""));
    assert_non_null(strstr(f->queue.oio.records[1].value, "\"event\":\"storage.container.new\""));
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(f->queue.oio.records[i].key_bytes, FY_OIO_KEY_BYTES);
    assert_memory_equal(f->queue.oio.records[0].key, f->queue.oio.records[1].key, FY_OIO_KEY_BYTES);
    assert_int_equal(f->queue.events.count, 0);
    await_count(f, FY_M_OIO_PUBLISHED, 2);
}

/* The pump itself makes the event, a second after the object came. */
static void sums_of_a_container_follow_its_objects(void **state)
{
    struct fixture *f = *state;
    struct fy_cat_upload_finish finish = {.op.kind = FY_CAT_UPLOAD_FINISH,
                                          .key = {"", "bucket-1", "o"},
                                          .client = "client-1",
                                          .blob_ref = "x",
                                          .size = 5,
                                          .proof = FY_PROOF_TRANSPORT};
    start(f);
    make_bucket(f, "bucket-1");
    assert_int_equal(fy_catalogue_writer_run(f->node.writer, &finish.op, NULL), FY_OK);
    assert_true(await(f, &f->queue.oio, 4, 0));
    await_empty(f);
    assert_non_null(strstr(f->queue.oio.records[2].value, "\"event\":\"storage.content.new\""));
    assert_non_null(strstr(f->queue.oio.records[3].value, "\"event\":\"storage.container.state\""));
    assert_non_null(strstr(f->queue.oio.records[3].value, "\"bytes-count\":5"));
}

static void a_topic_of_containers_that_takes_nothing_holds_no_order_and_no_outcome_up(void **state)
{
    struct fixture *f = *state;
    f->queue.oio.unanswered = true;
    start(f);
    make_bucket(f, "bucket-1");
    assert_true(await(f, &f->queue.oio, 0, 1));
    end_order(f, "op-1", "bucket-1");
    make_bucket(f, "bucket-2");
    assert_true(await(f, &f->queue.orders, 2, 0));
    assert_true(await(f, &f->queue.events, 1, 0));
    change(f, &f->queue.oio.unanswered, false);
    assert_true(await(f, &f->queue.oio, 4, 0));
    await_empty(f);
    assert_int_equal(f->queue.oio.count, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(orders_and_events_go_to_their_own_topics),
        TEST(a_missing_topic_of_events_holds_no_order_up),
        TEST(events_that_are_not_acknowledged_are_sent_again_and_orders_flow),
        TEST(a_topic_of_orders_that_is_missing_is_said_at_once),
        TEST(many_events_are_told_in_their_order),
        TEST(changes_of_containers_go_to_their_own_topic_in_order),
        TEST(sums_of_a_container_follow_its_objects),
        TEST(a_topic_of_containers_that_takes_nothing_holds_no_order_and_no_outcome_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
