/* orders.c - the doors for orders: CCS's two, where other sites bring them, and Ferry's own (DESIGN
 * 7). */
#include "api/orders.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/json_cut.h"

#define INLINE_BYTES_MAX (16 << 10) /* a small body is parsed where it is: cheaper than a hop */
#define ANSWER_BYTES_MAX 2048
#define TYPE_JSON        "application/json"
#define TYPE_LINES       "application/x-ndjson"

/* A body of orders being published; the exchange is deferred meanwhile. */
struct posted {
    struct fy_exchange *x;
    struct fy_order_batch *batch;
};

/* ------------------------------------------------------------------ what the doors share */

enum fy_order_door fy_orders_door(struct fy_exchange *x)
{
    return strncmp(fy_path_raw(x), "/ferry/", 7) == 0 ? FY_DOOR_FERRY : FY_DOOR_CCS;
}

void fy_orders_answer_accepted(struct fy_exchange *x, size_t accepted)
{
    if (fy_orders_door(x) == FY_DOOR_CCS) {
        fy_answer_empty(x, 201);
        return;
    }
    struct fy_buf json;
    fy_buf_init(&json, ANSWER_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "opId", fy_op_id(x));
    fy_buf_json_i64(&json, "accepted", (int64_t)accepted);
    fy_buf_text(&json, "}");
    fy_answer_json(x, 201, &json);
}

bool fy_orders_stopping(struct fy_exchange *x, struct fy_err *err)
{
    if (!atomic_load(&fy_node_of(x)->stopping))
        return false;
    (void)fy_err_set(err, FY_ECANCELLED, "this process is stopping");
    return true;
}

/* The queue took only some, or none. Which ones is not known; sending all again is safe. */
static void answer_refused(struct fy_exchange *x, const struct fy_err *err, size_t accepted,
                           size_t orders)
{
    struct fy_buf json;
    fy_buf_init(&json, ANSWER_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "code", fy_code_name(err->code));
    fy_buf_json_str(&json, "error", err->text);
    fy_buf_json_i64(&json, "orders", (int64_t)orders);
    fy_buf_json_i64(&json, "accepted", (int64_t)accepted);
    fy_buf_json_str(&json, "again", "all: an order that was accepted before does nothing");
    fy_buf_text(&json, "}");
    fy_answer_error_json(x, err, &json);
}

/* Called on a thread of the queue. */
static void on_published(void *arg, enum fy_code code, size_t accepted, const struct fy_err *err)
{
    struct posted *posted = arg;
    if (code == FY_OK)
        fy_orders_answer_accepted(posted->x, accepted);
    else
        answer_refused(posted->x, err, accepted, fy_order_batch_count(posted->batch));
}

static void posted_drop(void *state)
{
    struct posted *posted = state;
    fy_order_batch_free(posted->batch);
    free(posted);
}

static struct posted *posted_new(struct fy_exchange *x)
{
    struct posted *posted = fy_alloc(sizeof *posted);
    posted->x = x;
    posted->batch = fy_order_batch_new(fy_node_of(x), fy_op_id(x), fy_orders_door(x));
    fy_state_set(x, posted, posted_drop);
    return posted;
}

/* What becomes of a full batch while its array is read. */
typedef enum fy_code full_fn(void *arg, struct fy_order_batch *batch, struct fy_err *err);

static enum fy_code read_array(struct fy_order_batch *batch, const char *body, size_t body_bytes,
                               full_fn *full, void *arg, struct fy_err *err)
{
    struct fy_json_cut cut;
    fy_json_cut_init(&cut, body, body_bytes);
    for (int64_t index = 0;; index++) {
        if (fy_order_batch_full(batch) && full(arg, batch, err) != FY_OK)
            return err->code;
        const char *element = NULL;
        size_t element_bytes = 0;
        switch (fy_json_cut_next(&cut, &element, &element_bytes, err)) {
        case FY_JSON_CUT_END:
            return FY_OK;
        case FY_JSON_CUT_ERROR:
            return err->code;
        case FY_JSON_CUT_ELEMENT:
            break;
        }
        if (index == FY_ORDERS_PER_REQUEST_MAX)
            return fy_err_set(err, FY_ETOOBIG, "over %d orders in one request",
                              FY_ORDERS_PER_REQUEST_MAX);
        if (fy_order_batch_add(batch, element, element_bytes, index, err) != FY_OK)
            return fy_err_add(err, "order %" PRId64, index);
    }
}

/* The queue has it in hand when this returns, and the exchange is answered by it. */
static void publish(struct posted *posted)
{
    struct fy_exchange *x = posted->x;
    fy_body_drop(x);
    if (fy_order_batch_count(posted->batch) == 0) {
        fy_orders_answer_accepted(x, 0);
        return;
    }
    fy_defer(x);
    fy_order_batch_publish(posted->batch, on_published, posted);
}

/* Whether there is a body and anybody to take it. */
static enum fy_code check_body(struct fy_exchange *x, struct fy_err *err)
{
    size_t body_bytes = 0;
    (void)fy_body(x, &body_bytes);
    if (fy_orders_stopping(x, err))
        return err->code;
    if (body_bytes == 0)
        return fy_err_set(err, FY_EINPUT, "the body is empty");
    return FY_OK;
}

/* ------------------------------------------------------------------ arrays */

/* From here on the array is only checked, and its orders counted. */
static enum fy_code forget(void *arg, struct fy_order_batch *batch, struct fy_err *err)
{
    size_t *forgotten = arg;
    (void)err;
    *forgotten += fy_order_batch_count(batch);
    fy_order_batch_clear(batch);
    return FY_OK;
}

static enum fy_code publish_group(void *arg, struct fy_order_batch *batch, struct fy_err *err)
{
    size_t *accepted = arg;
    return fy_order_batch_publish_wait(batch, accepted, err);
}

/* An array that was good, read once more: a group of its records is in memory at a time. */
static void publish_groups(struct posted *posted, size_t orders)
{
    struct fy_exchange *x = posted->x;
    size_t accepted = 0;
    struct fy_err err;
    size_t body_bytes = 0;
    const char *body = fy_body(x, &body_bytes);
    fy_turn_take(x, FY_ORDERS_GROUP_BYTES);
    fy_order_batch_clear(posted->batch);
    enum fy_code code = read_array(posted->batch, body, body_bytes, publish_group, &accepted, &err);
    if (code == FY_OK && fy_order_batch_count(posted->batch) > 0)
        code = publish_group(&accepted, posted->batch, &err);
    if (code == FY_OK)
        fy_orders_answer_accepted(x, accepted);
    else
        answer_refused(x, &err, accepted, orders);
}

/* All of it is checked before anything is published. */
static void publish_array(struct fy_exchange *x)
{
    struct fy_err err;
    size_t forgotten = 0;
    size_t body_bytes = 0;
    const char *body = fy_body(x, &body_bytes);
    struct posted *posted = posted_new(x);
    enum fy_code code = check_body(x, &err);
    if (code == FY_OK)
        code = read_array(posted->batch, body, body_bytes, forget, &forgotten, &err);
    if (code != FY_OK) {
        fy_answer_error(x, &err);
    } else if (forgotten > 0) {
        publish_groups(posted, forgotten + fy_order_batch_count(posted->batch));
    } else {
        if (body_bytes > INLINE_BYTES_MAX)
            fy_turn_take(x, fy_order_batch_bytes(posted->batch));
        publish(posted);
    }
}

/* ------------------------------------------------------------------ the routes */

static void post_one(struct fy_exchange *x)
{
    struct fy_err err;
    size_t body_bytes = 0;
    const char *body = fy_body(x, &body_bytes);
    struct posted *posted = posted_new(x);
    enum fy_code code = check_body(x, &err);
    if (code == FY_OK)
        code = fy_order_batch_add(posted->batch, body, body_bytes, -1, &err);
    if (code == FY_OK)
        publish(posted);
    else
        fy_answer_error(x, &err);
}

/* Small bodies go through on the connection thread, others in turn. */
static void post_array(struct fy_exchange *x)
{
    size_t body_bytes = 0;
    (void)fy_body(x, &body_bytes);
    if (body_bytes > INLINE_BYTES_MAX)
        fy_go_on_in_turn(x, publish_array);
    else
        publish_array(x);
}

static void post_many(struct fy_exchange *x)
{
    if (fy_content_is(x, TYPE_LINES))
        fy_orders_lines_end(x);
    else
        post_array(x);
}

static void post_ferry(struct fy_exchange *x)
{
    size_t body_bytes = 0;
    const char *body = fy_body(x, &body_bytes);
    if (fy_content_is(x, TYPE_LINES))
        fy_orders_lines_end(x);
    else if (body[strspn(body, " \t\r\n")] == '[')
        post_array(x);
    else
        post_one(x);
}

static enum fy_body_kind choose_json(struct fy_exchange *x)
{
    if (!fy_content_is(x, TYPE_JSON))
        fy_answer_fail(x, FY_EMEDIA, "Content-Type must be " TYPE_JSON);
    return FY_BODY_WHOLE;
}

static enum fy_body_kind choose_json_or_lines(struct fy_exchange *x)
{
    if (fy_content_is(x, TYPE_LINES))
        return FY_BODY_STREAM;
    if (!fy_content_is(x, TYPE_JSON))
        fy_answer_fail(x, FY_EMEDIA, "Content-Type must be " TYPE_JSON " or " TYPE_LINES);
    return FY_BODY_WHOLE;
}

#define LINES                                                                                      \
    .body_choose = choose_json_or_lines, .stream_begin = fy_orders_lines_begin,                    \
    .stream_data = fy_orders_lines_data, .stream_abort = fy_orders_lines_abort

static const struct fy_route routes[] = {
    {.method = "POST",
     .pattern = "/replicator/remote/orders",
     .module = "REPLICATOR",
     .fast = true,
     .body_max = FY_ORDER_JSON_BYTES,
     .body_choose = choose_json,
     .handle = post_one},
    {.method = "POST",
     .pattern = "/replicator/remote/orders/multiple",
     .module = "REPLICATOR",
     .fast = true,
     .body_max = FY_ORDERS_BODY_BYTES_MAX,
     LINES,
     .handle = post_many},
    {.method = "POST",
     .pattern = "/ferry/v1/orders",
     .module = "REPLICATOR",
     .fast = true,
     .body_max = FY_ORDERS_BODY_BYTES_MAX,
     LINES,
     .handle = post_ferry},
    {.method = "GET",
     .pattern = "/ferry/v1/orders/{opId}",
     .module = "REPLICATOR",
     .handle = fy_orders_get},
};
const struct fy_route_table fy_routes_orders = {routes, FY_COUNT_OF(routes)};
