/* sender_test.c - a sender over the real embedded queue and catalogue; only its target is a fake,
 * which does what it was told when the test says so. */
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

#include "cli/node_open.h"
#include "common/adapters/order_json.h"
#include "common/core/json_cut.h"
#include "common/core/log.h"
#include "common/runtime/publish_wait.h"
#include "tests/support/temp.h"
#include "worker/sender.h"

#define TARGET     "site-b"
#define WAIT_S     20
#define NAME_BYTES 80
#define NAMES_MAX  128

/* ------------------------------------------------------------------ the target */

struct target {
    struct fy_peer port;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool entered;     /* the test's thread has the mutex */
    bool ferry;       /* HEADs say so */
    bool post_ferry;  /* POSTs say so */
    int check_status; /* 0: by what is there */
    int post_status;  /* 0: 201 */
    int checks, requests;
    struct told {
        enum fy_action action;
        char name[NAME_BYTES]; /* bucket or bucket/object */
    } told[NAMES_MAX];
    size_t told_count, applied_count;
    char there[NAMES_MAX][NAME_BYTES];
    size_t there_count;
};

static void print_name(char name[static NAME_BYTES], const char *bucket, const char *object)
{
    (void)snprintf(name, NAME_BYTES, "%.30s%s%.40s", bucket, object[0] != '\0' ? "/" : "", object);
}

/* Mutex held. Where the name is in there; there_count: nowhere. */
static size_t find(const struct target *target, const char *name)
{
    size_t i = 0;
    while (i < target->there_count && strcmp(target->there[i], name) != 0)
        i++;
    return i;
}

/* Mutex held. On the sender's thread, where cmocka's asserts cannot be used. */
static void keep_told(struct target *target, const char *bytes, size_t size_bytes)
{
    struct fy_order order;
    FY_ASSERT(fy_order_json_parse(bytes, size_bytes, &order, NULL) == FY_OK);
    FY_ASSERT(target->told_count < NAMES_MAX);
    struct told *told = &target->told[target->told_count++];
    told->action = order.action;
    print_name(told->name, order.bucket, order.object);
}

/* Mutex held. */
static void take_orders(struct target *target, const struct fy_peer_call *call)
{
    struct fy_json_cut cut;
    const char *element = NULL;
    size_t element_bytes = 0;
    target->requests++;
    if (call->body[0] == '{') {
        keep_told(target, call->body, call->body_bytes);
        return;
    }
    fy_json_cut_init(&cut, call->body, call->body_bytes);
    while (fy_json_cut_next(&cut, &element, &element_bytes, NULL) == FY_JSON_CUT_ELEMENT)
        keep_told(target, element, element_bytes);
}

/* Mutex held. CHECK and FACTS; what is there is never what an order promises. */
static void show(struct target *target, const struct fy_peer_call *call, struct fy_peer_head *head)
{
    char name[NAME_BYTES];
    print_name(name, call->bucket, call->object);
    bool there = find(target, name) < target->there_count;
    target->checks += call->verb == FY_PEER_CHECK;
    head->http_status = there ? 204 : 404;
    head->type = !there ? "NONE" : call->object[0] != '\0' ? "OBJECT" : "BUCKET";
    if (target->check_status != 0) {
        head->http_status = target->check_status;
        head->type = "";
    }
    head->ferry = target->ferry;
}

/* All is answered before start returns: no thread is needed. */
static void target_start(struct fy_peer *port, struct fy_peer_call *call)
{
    struct target *target = FY_CONTAINER_OF(port, struct target, port);
    struct fy_peer_head head = {.size = -1, .type = "", .target = "", .error = ""};
    pthread_mutex_lock(&target->mutex);
    if (call->verb == FY_PEER_ORDERS) {
        take_orders(target, call);
        head.http_status = target->post_status != 0 ? target->post_status : 201;
        head.ferry = target->post_ferry;
    } else {
        show(target, call, &head);
    }
    pthread_cond_broadcast(&target->changed);
    pthread_mutex_unlock(&target->mutex);
    (void)call->on_head(call, &head); /* a sender never ends a call by it */
    call->on_done(call, FY_OK, FY_REASON_NONE, NULL);
}

static void target_cancel(struct fy_peer *port, struct fy_peer_call *call)
{
    (void)port;
    (void)call;
}

static const struct fy_peer_ops target_ops = {
    .name = "target", .start = target_start, .cancel = target_cancel};

/* Mutex held. It does all that it was told so far. */
static void apply(struct target *target)
{
    for (; target->applied_count < target->told_count; target->applied_count++) {
        const struct told *told = &target->told[target->applied_count];
        size_t at = find(target, told->name);
        if (told->action == FY_ACTION_CREATE && at == target->there_count)
            memcpy(target->there[target->there_count++], told->name, NAME_BYTES);
        else if (told->action == FY_ACTION_DELETE && at < target->there_count)
            memcpy(target->there[at], target->there[--target->there_count], NAME_BYTES);
    }
}

/* The test looks at the target, which stands still meanwhile. */
static void enter(struct target *target)
{
    pthread_mutex_lock(&target->mutex);
    target->entered = true;
}

static void leave(struct target *target)
{
    target->entered = false;
    pthread_mutex_unlock(&target->mutex);
}

/* ------------------------------------------------------------------ the site under test */

struct site {
    char folder[TEMP_BYTES];
    struct fy_config config;
    struct fy_node node;
    struct fy_peer *http; /* the node's own, put back before it closes */
    struct target target;
    struct fy_sender *sender;
    uint64_t stamps;
};

static void must(enum fy_code code, const struct fy_err *err)
{
    if (code != FY_OK)
        (void)fprintf(stderr, "%s\n", err->text);
    assert_int_equal(code, FY_OK);
}

static void node_open(struct site *self)
{
    struct fy_err err = {0};
    fy_config_init(&self->config);
    (void)snprintf(self->config.site, sizeof(self->config.site), "site-a");
    (void)snprintf(self->config.data, sizeof(self->config.data), "%s/data", self->folder);
    (void)snprintf(self->config.listen, sizeof(self->config.listen), "127.0.0.1:0");
    must(fy_config_finish(&self->config, &err), &err);
    must(fy_node_open(&self->node, &self->config, fy_clock_system(), &err), &err);
    must(fy_queue_topic_ensure(self->node.queue, FY_TOPIC_DEAD, &err), &err);
    must(fy_queue_topic_ensure(self->node.queue, "request-replication." TARGET, &err), &err);
    self->http = self->node.peer;
    self->node.peer = &self->target.port;
}

static int setup(void **state)
{
    struct site *self = fy_alloc(sizeof(*self));
    fy_log_level_set(FY_ERROR + 1);
    temp_folder("sender", self->folder);
    self->target.port.ops = &target_ops;
    FY_ASSERT(pthread_mutex_init(&self->target.mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&self->target.changed, NULL) == 0);
    node_open(self);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct site *self = *state;
    if (self->target.entered) /* the test has failed in there */
        leave(&self->target);
    if (self->sender != NULL)
        fy_sender_close(self->sender);
    self->node.peer = self->http;
    fy_node_close(&self->node);
    pthread_cond_destroy(&self->target.changed);
    pthread_mutex_destroy(&self->target.mutex);
    temp_remove(self->folder);
    free(self);
    return 0;
}

static void sender_open(struct site *self)
{
    struct fy_site_row row = {.id = TARGET, .uri = "http://127.0.0.1:1", .status = FY_SITE_UP};
    struct fy_err err = {0};
    must(fy_sender_open(&self->node, &row, &self->sender, &err), &err);
}

/* A change of this site's, later than those before. */
static void order_make(struct site *self, enum fy_action action, const char *object,
                       struct fy_order *order)
{
    *order = (struct fy_order){.action = action, .ordered_at_ms = fy_wall_ms(fy_clock_system())};
    order->stamp.time = ((uint64_t)order->ordered_at_ms << 16) + ++self->stamps;
    (void)snprintf(order->stamp.site, sizeof(order->stamp.site), "site-a");
    (void)snprintf(order->from_site, sizeof(order->from_site), "site-a");
    (void)snprintf(order->to_site, sizeof(order->to_site), TARGET);
    (void)snprintf(order->client, sizeof(order->client), "client-1");
    (void)snprintf(order->bucket, sizeof(order->bucket), "bucket-1");
    (void)snprintf(order->object, sizeof(order->object), "%s", object);
}

/* An order in the target's topic, as the router writes it. */
static void give(struct site *self, enum fy_action action, const char *object)
{
    struct fy_order order;
    char key[FY_KEY_BYTES_MAX + 1];
    struct fy_buf json;
    struct fy_err err = {0};
    order_make(self, action, object, &order);
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    fy_order_json_write(&order, &json);
    struct fy_record record = {.topic = "request-replication." TARGET,
                               .partition = -1,
                               .key = key,
                               .key_bytes = fy_order_key(&order, key),
                               .value = json.bytes,
                               .value_bytes = json.size_bytes};
    must(fy_publish_wait(self->node.queue, &record, 1, NULL, &err), &err);
    fy_buf_done(&json);
}

/* An order that was set aside for the target, and is due. */
static void set_aside(struct site *self, enum fy_action action, const char *object)
{
    struct fy_cat_wait *wait = fy_alloc(sizeof(*wait));
    wait->op.kind = FY_CAT_WAIT;
    wait->row.direction = FY_OUT;
    wait->row.state = FY_WAITING;
    wait->row.reason = FY_NOT_APPLIED;
    order_make(self, action, object, &wait->row.order);
    must(fy_catalogue_writer_run(self->node.writer, &wait->op, NULL), &wait->op.err);
    free(wait);
}

/* A change of this site's, in its catalogue. */
static void change_here(struct site *self, enum fy_action action, const char *object)
{
    struct fy_cat_apply *apply = fy_alloc(sizeof(*apply));
    apply->op.kind = FY_CAT_APPLY;
    order_make(self, action, object, &apply->order);
    must(fy_catalogue_writer_run(self->node.writer, &apply->op, NULL), &apply->op.err);
    assert_int_equal(apply->verdict, FY_VERDICT_APPLY);
    free(apply);
}

/* ------------------------------------------------------------------ waiting */

static bool sum_lag(void *arg, const struct fy_partition_lag *lag)
{
    *(int64_t *)arg += lag->end_offset - lag->committed_offset;
    return true;
}

static int64_t lag_of(struct site *self)
{
    int64_t lag = 0;
    struct fy_err err = {0};
    must(fy_queue_lag(self->node.queue, FY_GROUP_SENDER, "request-replication." TARGET, sum_lag,
                      &lag, &err),
         &err);
    return lag;
}

static void wait_sent(struct site *self)
{
    for (int i = 0; i < WAIT_S * 100 && lag_of(self) > 0; i++)
        (void)usleep(10000); /* nothing rings when an offset is committed */
    assert_int_equal(lag_of(self), 0);
}

/* Mutex held. Waits until a number of the target's has reached least. */
#define WAIT_FOR(target, number, least)                                                            \
    do {                                                                                           \
        __typeof__((target)->number) enough = (least); /* as it is now */                          \
        struct timespec until;                                                                     \
        (void)clock_gettime(CLOCK_REALTIME, &until);                                               \
        until.tv_sec += WAIT_S;                                                                    \
        while ((target)->number < enough)                                                          \
            assert_int_equal(pthread_cond_timedwait(&(target)->changed, &(target)->mutex, &until), \
                             0);                                                                   \
    } while (0)

/* Mutex held. The n-th thing it was told. */
static void expect_told(const struct target *target, size_t n, enum fy_action action,
                        const char *name)
{
    assert_true(n < target->told_count);
    assert_int_equal(target->told[n].action, action);
    assert_string_equal(target->told[n].name, name);
}

/* Mutex held. The target is looked at, and told nothing. */
static void expect_patience(struct target *target)
{
    size_t told_count = target->told_count;
    WAIT_FOR(target, checks, target->checks + 3);
    assert_int_equal(target->told_count, told_count);
}

/* ------------------------------------------------------------------ CCS targets */

/* CCS drops an object whose bucket is not there; its bucket's order may come later, or never. */
static void an_object_is_told_when_its_bucket_shows(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    give(self, FY_ACTION_CREATE, "o");
    sender_open(self);
    enter(target);
    WAIT_FOR(target, told_count, 1);
    expect_told(target, 0, FY_ACTION_CREATE, "bucket-1");
    expect_patience(target);
    apply(target);
    WAIT_FOR(target, told_count, 2);
    expect_told(target, 1, FY_ACTION_CREATE, "bucket-1/o");
    expect_patience(target);
    apply(target);
    leave(target);
    wait_sent(self);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_SENT), 1);
}

/* CCS ignores a CREATE over what it has. */
static void a_create_over_something_else_follows_when_that_is_gone(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    print_name(target->there[target->there_count++], "bucket-1", "");
    print_name(target->there[target->there_count++], "bucket-1", "o");
    give(self, FY_ACTION_CREATE, "o");
    sender_open(self);
    enter(target);
    WAIT_FOR(target, told_count, 1);
    expect_told(target, 0, FY_ACTION_DELETE, "bucket-1/o");
    expect_patience(target);
    apply(target);
    WAIT_FOR(target, told_count, 2);
    expect_told(target, 1, FY_ACTION_CREATE, "bucket-1/o");
    apply(target);
    leave(target);
    wait_sent(self);
}

/* One batch in flight: its 201 says nothing, so the rest stays where it is safe. */
static void the_next_orders_wait_until_the_site_shows_the_last(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    char object[16];
    print_name(target->there[target->there_count++], "bucket-1", "");
    for (int i = 0; i < FY_CCS_SLICE_ORDERS + 8; i++) {
        (void)snprintf(object, sizeof(object), "o-%d", i);
        give(self, FY_ACTION_CREATE, object);
    }
    sender_open(self);
    enter(target);
    WAIT_FOR(target, told_count, FY_CCS_SLICE_ORDERS);
    expect_patience(target);
    assert_int_equal(target->requests, 1);
    assert_int_equal(lag_of(self), FY_CCS_SLICE_ORDERS + 8);
    apply(target);
    WAIT_FOR(target, told_count, FY_CCS_SLICE_ORDERS + 8);
    apply(target);
    leave(target);
    wait_sent(self);
}

/* Of several orders of a name the newest counts; the bucket goes when its objects are gone. */
static void a_bucket_is_deleted_after_its_objects(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    print_name(target->there[target->there_count++], "bucket-1", "");
    print_name(target->there[target->there_count++], "bucket-1", "o");
    give(self, FY_ACTION_CREATE, "o");
    give(self, FY_ACTION_DELETE, "o");
    give(self, FY_ACTION_DELETE, "");
    sender_open(self);
    enter(target);
    WAIT_FOR(target, told_count, 1);
    expect_told(target, 0, FY_ACTION_DELETE, "bucket-1/o");
    expect_patience(target);
    apply(target);
    WAIT_FOR(target, told_count, 2);
    expect_told(target, 1, FY_ACTION_DELETE, "bucket-1");
    apply(target);
    leave(target);
    wait_sent(self);
    assert_int_equal(target->there_count, 0);
}

/* Left out, counted, committed: not a dead letter, not a word to the site. */
static void a_name_that_ccs_cannot_have_is_left_out(void **state)
{
    struct site *self = *state;
    give(self, FY_ACTION_CREATE, "with space");
    give(self, FY_ACTION_UPDATE, "o");
    sender_open(self);
    wait_sent(self);
    assert_int_equal(self->target.told_count, 0);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_NOT_FOR_CCS), 1);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_ORDERS_DEAD), 0);
}

static bool count_row(void *arg, const struct fy_waiting_row *row)
{
    ((int *)arg)[row->state]++;
    return true;
}

/* Its row is dead, though what it came to was a newer change: no other is left that waits. */
static void what_was_set_aside_and_is_refused_is_dead_once(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    const struct fy_waiting_filter all = {.id = -1, .state = -1, .direction = -1, .limit = 10};
    int counts[] = {[FY_WAITING] = 0, [FY_DEAD] = 0};
    struct fy_err err = {0};
    print_name(target->there[target->there_count++], "bucket-1", "o");
    target->post_status = 400;
    set_aside(self, FY_ACTION_CREATE, "o");
    change_here(self, FY_ACTION_CREATE, "");
    change_here(self, FY_ACTION_DELETE, "o");
    sender_open(self);
    pthread_mutex_lock(&target->mutex);
    WAIT_FOR(target, told_count, 1);
    expect_told(target, 0, FY_ACTION_DELETE, "bucket-1/o");
    pthread_mutex_unlock(&target->mutex);
    for (int i = 0; i < WAIT_S * 100 && fy_metric_get(&self->node.metrics, FY_M_ORDERS_DEAD) == 0;
         i++)
        (void)usleep(10000);
    must(fy_catalogue_waiting_list(self->node.catalogue, &all, count_row, counts, &err), &err);
    assert_int_equal(counts[FY_DEAD], 1);
    assert_int_equal(counts[FY_WAITING], 0);
}

/* ------------------------------------------------------------------ what a target is */

static void a_ferry_is_told_all_at_once(void **state)
{
    struct site *self = *state;
    self->target.ferry = self->target.post_ferry = true;
    give(self, FY_ACTION_CREATE, "with space");
    give(self, FY_ACTION_CREATE, "");
    sender_open(self);
    wait_sent(self);
    assert_int_equal(self->target.told_count, 2);
    assert_int_equal(self->target.checks, 1);
}

/* It was a Ferry when it was asked, and CCS when it got the orders, whose 201 is no promise. */
static void a_201_that_no_ferry_gave_is_none(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    target->ferry = true;
    give(self, FY_ACTION_CREATE, "o");
    sender_open(self);
    enter(target);
    WAIT_FOR(target, requests, 2);
    assert_int_equal(lag_of(self), 1);
    assert_true(target->checks >= target->requests); /* asked anew each time */
    target->post_ferry = true;
    leave(target);
    wait_sent(self);
}

/* Another program at a Ferry's port refuses all it does not know; that says nothing of the orders.
 */
static void no_order_dies_of_a_400_that_no_ferry_gave(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    target->ferry = true;
    target->post_status = 400;
    give(self, FY_ACTION_CREATE, "o");
    give(self, FY_ACTION_CREATE, "p");
    sender_open(self);
    pthread_mutex_lock(&target->mutex);
    WAIT_FOR(target, requests, 4); /* both together, then the first alone; and once more */
    assert_int_equal(lag_of(self), 2);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_ORDERS_DEAD), 0);
    target->post_status = 0;
    target->post_ferry = true;
    pthread_mutex_unlock(&target->mutex);
    wait_sent(self);
}

/* A CCS site is a Ferry when it is looked at next: all of the batch goes to it, as to a Ferry. */
static void what_was_left_out_goes_to_a_site_that_turns_out_to_be_a_ferry(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    give(self, FY_ACTION_CREATE, "o");
    give(self, FY_ACTION_CREATE, "with space");
    sender_open(self);
    enter(target);
    WAIT_FOR(target, told_count, 1);
    expect_told(target, 0, FY_ACTION_CREATE, "bucket-1");
    target->ferry = target->post_ferry = true;
    WAIT_FOR(target, told_count, 3);
    leave(target);
    wait_sent(self);
    assert_int_equal(fy_metric_get(&self->node.metrics, FY_M_NOT_FOR_CCS), 0);
}

/* A proxy's page without any word of CCS or Ferry. */
static void nothing_is_told_to_what_is_neither(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    target->check_status = 404;
    give(self, FY_ACTION_CREATE, "o");
    sender_open(self);
    enter(target);
    WAIT_FOR(target, checks, 2);
    assert_int_equal(target->told_count, 0);
    leave(target);
    assert_int_equal(lag_of(self), 1);
}

static int64_t now_ms(void)
{
    return fy_mono_ms(fy_clock_system());
}

/* However fast it fails: 0.2 s, then 0.4 s. */
static void a_failing_target_is_given_time(void **state)
{
    struct site *self = *state;
    struct target *target = &self->target;
    target->ferry = true;
    target->post_status = 503;
    give(self, FY_ACTION_CREATE, "o");
    pthread_mutex_lock(&target->mutex);
    sender_open(self);
    WAIT_FOR(target, requests, 1);
    int64_t first_ms = now_ms();
    WAIT_FOR(target, requests, 3);
    pthread_mutex_unlock(&target->mutex);
    assert_true(now_ms() - first_ms >= 500); /* this thread may have seen the first late */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_object_is_told_when_its_bucket_shows),
        TEST(a_create_over_something_else_follows_when_that_is_gone),
        TEST(the_next_orders_wait_until_the_site_shows_the_last),
        TEST(a_bucket_is_deleted_after_its_objects),
        TEST(a_name_that_ccs_cannot_have_is_left_out),
        TEST(what_was_set_aside_and_is_refused_is_dead_once),
        TEST(a_ferry_is_told_all_at_once),
        TEST(a_201_that_no_ferry_gave_is_none),
        TEST(no_order_dies_of_a_400_that_no_ferry_gave),
        TEST(what_was_left_out_goes_to_a_site_that_turns_out_to_be_a_ferry),
        TEST(nothing_is_told_to_what_is_neither),
        TEST(a_failing_target_is_given_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
