/* sender_site.c - a site whose sender is tested, and its fake target. */
#include "tests/support/sender_site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/adapters/order_json.h"
#include "common/core/json_cut.h"
#include "common/core/log.h"
#include "common/runtime/publish_wait.h"

/* ------------------------------------------------------------------ the target */

void target_name(char name[static TARGET_NAME_BYTES], const char *bucket, const char *object)
{
    (void)snprintf(name, TARGET_NAME_BYTES, "%.30s%s%.40s", bucket, object[0] != '\0' ? "/" : "",
                   object);
}

/* Mutex held. Where the name is in there; there_count: nowhere. */
static size_t target_find(const struct sender_target *target, const char *name)
{
    size_t i = 0;
    while (i < target->there_count && strcmp(target->there[i], name) != 0)
        i++;
    return i;
}

/* Mutex held. On the sender's thread, where cmocka's asserts cannot be used. */
static void keep_told(struct sender_target *target, const char *bytes, size_t size_bytes)
{
    struct fy_order order;
    FY_ASSERT(fy_order_json_parse(bytes, size_bytes, &order, NULL) == FY_OK);
    FY_ASSERT(target->told_count < TARGET_NAMES_MAX);
    struct target_told *told = &target->told[target->told_count++];
    told->action = order.action;
    target_name(told->name, order.bucket, order.object);
}

/* Mutex held. */
static void take_orders(struct sender_target *target, const struct fy_peer_call *call)
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
static void show(struct sender_target *target, const struct fy_peer_call *call,
                 struct fy_peer_head *head)
{
    char name[TARGET_NAME_BYTES];
    target_name(name, call->bucket, call->object);
    bool there = target_find(target, name) < target->there_count;
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
    struct sender_target *target = FY_CONTAINER_OF(port, struct sender_target, port);
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

void target_apply(struct sender_target *target)
{
    for (; target->applied_count < target->told_count; target->applied_count++) {
        const struct target_told *told = &target->told[target->applied_count];
        size_t at = target_find(target, told->name);
        if (told->action == FY_ACTION_CREATE && at == target->there_count)
            memcpy(target->there[target->there_count++], told->name, TARGET_NAME_BYTES);
        else if (told->action == FY_ACTION_DELETE && at < target->there_count)
            memcpy(target->there[at], target->there[--target->there_count], TARGET_NAME_BYTES);
    }
}

void target_enter(struct sender_target *target)
{
    pthread_mutex_lock(&target->mutex);
    target->entered = true;
}

void target_leave(struct sender_target *target)
{
    target->entered = false;
    pthread_mutex_unlock(&target->mutex);
}

/* ------------------------------------------------------------------ the site under test */

void sender_must(enum fy_code code, const struct fy_err *err)
{
    if (code != FY_OK)
        (void)fprintf(stderr, "%s\n", err->text);
    assert_int_equal(code, FY_OK);
}

static void node_open(struct sender_site *self)
{
    struct fy_err err = {0};
    fy_config_init(&self->config);
    (void)snprintf(self->config.site, sizeof(self->config.site), "site-a");
    (void)snprintf(self->config.data, sizeof(self->config.data), "%s/data", self->folder);
    (void)snprintf(self->config.listen, sizeof(self->config.listen), "127.0.0.1:0");
    sender_must(fy_config_finish(&self->config, &err), &err);
    sender_must(fy_node_open(&self->node, &self->config, fy_clock_system(), &err), &err);
    sender_must(fy_queue_topic_ensure(self->node.queue, FY_TOPIC_DEAD, &err), &err);
    sender_must(fy_queue_topic_ensure(self->node.queue, "request-replication." SENDER_TARGET, &err),
                &err);
    self->http = self->node.peer;
    self->node.peer = &self->target.port;
}

int sender_setup(void **state)
{
    struct sender_site *self = fy_alloc(sizeof(*self));
    fy_log_level_set(FY_ERROR + 1);
    temp_folder("sender", self->folder);
    self->target.port.ops = &target_ops;
    FY_ASSERT(pthread_mutex_init(&self->target.mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&self->target.changed, NULL) == 0);
    node_open(self);
    *state = self;
    return 0;
}

int sender_teardown(void **state)
{
    struct sender_site *self = *state;
    if (self->target.entered) /* the test has failed in there */
        target_leave(&self->target);
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

void sender_topology(struct sender_site *self, enum fy_site_action action, bool paused)
{
    struct fy_cat_site site = {.op.kind = FY_CAT_SITE, .action = action};
    site.row = (struct fy_site_row){
        .id = SENDER_TARGET, .uri = SENDER_URI, .status = FY_SITE_UP, .paused = paused};
    sender_must(fy_catalogue_writer_run(self->node.writer, &site.op, NULL), &site.op.err);
}

void sender_start(struct sender_site *self)
{
    struct fy_site_row row = {.id = SENDER_TARGET, .uri = SENDER_URI, .status = FY_SITE_UP};
    struct fy_err err = {0};
    sender_topology(self, FY_SITE_INSERT, false);
    sender_must(fy_sender_open(&self->node, &row, &self->sender, &err), &err);
}

/* A change of this site's, later than those before. */
static void order_make(struct sender_site *self, enum fy_action action, const char *object,
                       struct fy_order *order)
{
    *order = (struct fy_order){.action = action, .ordered_at_ms = fy_wall_ms(fy_clock_system())};
    order->stamp.time = ((uint64_t)order->ordered_at_ms << 16) + ++self->stamps;
    (void)snprintf(order->stamp.site, sizeof(order->stamp.site), "site-a");
    (void)snprintf(order->from_site, sizeof(order->from_site), "site-a");
    (void)snprintf(order->to_site, sizeof(order->to_site), SENDER_TARGET);
    (void)snprintf(order->client, sizeof(order->client), "client-1");
    (void)snprintf(order->bucket, sizeof(order->bucket), "bucket-1");
    (void)snprintf(order->object, sizeof(order->object), "%s", object);
}

void sender_give(struct sender_site *self, enum fy_action action, const char *object)
{
    struct fy_order order;
    char key[FY_KEY_BYTES_MAX + 1];
    struct fy_buf json;
    struct fy_err err = {0};
    order_make(self, action, object, &order);
    fy_buf_init(&json, FY_ORDER_JSON_BYTES);
    fy_order_json_write(&order, &json);
    struct fy_record record = {.topic = "request-replication." SENDER_TARGET,
                               .partition = -1,
                               .key = key,
                               .key_bytes = fy_order_key(&order, key),
                               .value = json.bytes,
                               .value_bytes = json.size_bytes};
    sender_must(fy_publish_wait(self->node.queue, &record, 1, NULL, &err), &err);
    fy_buf_done(&json);
}

void sender_set_aside(struct sender_site *self, enum fy_action action, const char *object)
{
    struct fy_cat_wait *wait = fy_alloc(sizeof(*wait));
    wait->op.kind = FY_CAT_WAIT;
    wait->row.direction = FY_OUT;
    wait->row.state = FY_WAITING;
    wait->row.reason = FY_NOT_APPLIED;
    order_make(self, action, object, &wait->row.order);
    sender_must(fy_catalogue_writer_run(self->node.writer, &wait->op, NULL), &wait->op.err);
    free(wait);
}

void sender_change_here(struct sender_site *self, enum fy_action action, const char *object)
{
    struct fy_cat_apply *target_apply = fy_alloc(sizeof(*target_apply));
    target_apply->op.kind = FY_CAT_APPLY;
    order_make(self, action, object, &target_apply->order);
    sender_must(fy_catalogue_writer_run(self->node.writer, &target_apply->op, NULL),
                &target_apply->op.err);
    assert_int_equal(target_apply->verdict, FY_VERDICT_APPLY);
    free(target_apply);
}

/* ------------------------------------------------------------------ waiting */

static bool sum_lag(void *arg, const struct fy_partition_lag *lag)
{
    *(int64_t *)arg += lag->end_offset - lag->committed_offset;
    return true;
}

int64_t sender_lag(struct sender_site *self)
{
    int64_t lag = 0;
    struct fy_err err = {0};
    sender_must(fy_queue_lag(self->node.queue, FY_GROUP_SENDER,
                             "request-replication." SENDER_TARGET, sum_lag, &lag, &err),
                &err);
    return lag;
}

void sender_wait_sent(struct sender_site *self)
{
    for (int i = 0; i < SENDER_WAIT_S * 100 && sender_lag(self) > 0; i++)
        (void)usleep(10000); /* nothing rings when an offset is committed */
    assert_int_equal(sender_lag(self), 0);
}

void target_expect_told(const struct sender_target *target, size_t n, enum fy_action action,
                        const char *name)
{
    assert_true(n < target->told_count);
    assert_int_equal(target->told[n].action, action);
    assert_string_equal(target->told[n].name, name);
}

void target_expect_patience(struct sender_target *target)
{
    size_t told_count = target->told_count;
    WAIT_FOR(target, checks, target->checks + 3);
    assert_int_equal(target->told_count, told_count);
}
