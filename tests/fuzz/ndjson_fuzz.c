/* ndjson_fuzz.c - orders one a line, as they stream in (DESIGN 7). */
/*
 * The first byte of an input says in what pieces the rest arrives, the second which publish the
 * queue refuses. The server and the queue are doubles here; the lines are api/orders_ndjson.c. A
 * reading of the whole body at once says what must be accepted, and which line is at fault.
 */
#include <stdio.h>

#include "api/orders.h"
#include "common/adapters/order_json.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS     1700000000000
#define GROUP      3 /* orders; in Ferry FY_NDJSON_GROUP, which no input of ours would fill */
#define BODY_BYTES (FY_ORDER_JSON_BYTES / 2) /* no line is too long */

/* ------------------------------------------------------------------ the doubles */

struct fy_exchange {
    void *state;
    void (*state_drop)(void *state);
    int answers;
    int http_status;
    long long accepted; /* as the answer says */
    long long line;     /* as the answer says; 0 when it names none */
    unsigned refuse_at; /* the publish that is refused, from 1; 0 none */
    unsigned publishes;
    long long published; /* orders */
    unsigned keeps;
};

struct fy_order_batch {
    struct fy_exchange *x;
    size_t count;
};

static struct fy_exchange *the_exchange; /* fy_order_batch_new is not told whose batch it makes */

struct fy_node *fy_node_of(struct fy_exchange *x)
{
    (void)x;
    return NULL;
}

const char *fy_op_id(struct fy_exchange *x)
{
    (void)x;
    return "op";
}

enum fy_order_door fy_orders_door(struct fy_exchange *x)
{
    (void)x;
    return FY_DOOR_CCS;
}

bool fy_orders_stopping(struct fy_exchange *x, struct fy_err *err)
{
    (void)x;
    (void)err;
    return false;
}

void fy_state_set(struct fy_exchange *x, void *state, void (*drop)(void *state))
{
    x->state = state;
    x->state_drop = drop;
}

void *fy_state(struct fy_exchange *x)
{
    return x->state;
}

static void answer(struct fy_exchange *x, int http_status)
{
    x->answers++;
    x->http_status = http_status;
}

void fy_answer_error_json(struct fy_exchange *x, const struct fy_err *err, struct fy_buf *json)
{
    FY_ASSERT(err->text[0] != '\0');
    FY_ASSERT(!json->overflow);
    int read = sscanf(json->bytes, "{\"accepted\":%lld,\"line\":%lld,", &x->accepted, &x->line);
    FY_ASSERT(read == 2);
    fy_buf_done(json);
    answer(x, fy_code_http_status(err->code));
}

void fy_answer_error(struct fy_exchange *x, const struct fy_err *err)
{
    answer(x, fy_code_http_status(err->code));
}

void fy_answer_fail(struct fy_exchange *x, enum fy_code code, const char *format, ...)
{
    FY_ASSERT(format[0] != '\0');
    answer(x, fy_code_http_status(code));
}

void fy_orders_answer_accepted(struct fy_exchange *x, size_t accepted)
{
    x->accepted = (long long)accepted;
    answer(x, 201);
}

struct fy_order_batch *fy_order_batch_new(struct fy_node *node, const char *op_id,
                                          enum fy_order_door door)
{
    (void)node;
    (void)op_id;
    (void)door;
    struct fy_order_batch *batch = fy_alloc(sizeof(*batch));
    batch->x = the_exchange;
    return batch;
}

void fy_order_batch_free(struct fy_order_batch *batch)
{
    free(batch);
}

size_t fy_order_batch_count(const struct fy_order_batch *batch)
{
    return batch->count;
}

size_t fy_order_batch_bytes(const struct fy_order_batch *batch)
{
    return batch->count;
}

/* There is memory now and then. */
bool fy_body_keep(struct fy_exchange *x, size_t size_bytes)
{
    return size_bytes == 0 || ++x->keeps % 2 == 0;
}

bool fy_order_batch_full(const struct fy_order_batch *batch)
{
    return batch->count == GROUP;
}

static enum fy_code read_order(const char *json, size_t json_bytes, struct fy_err *err)
{
    struct fy_order order;
    if (fy_order_json_parse(json, json_bytes, &order, err) != FY_OK)
        return err->code;
    return fy_order_check(&order, FY_DOOR_CCS, "site-b", NOW_MS, err);
}

enum fy_code fy_order_batch_add(struct fy_order_batch *batch, const char *json, size_t json_bytes,
                                int64_t index, struct fy_err *err)
{
    FY_ASSERT(index >= 0);
    FY_ASSERT(batch->count < GROUP);
    enum fy_code code = read_order(json, json_bytes, err);
    batch->count += code == FY_OK;
    return code;
}

enum fy_code fy_order_batch_publish_wait(struct fy_order_batch *batch, size_t *accepted,
                                         struct fy_err *err)
{
    FY_ASSERT(batch->count > 0);
    if (++batch->x->publishes == batch->x->refuse_at)
        return fy_err_set(err, FY_EFULL, "the queue is full");
    *accepted += batch->count;
    batch->x->published += (long long)batch->count;
    batch->count = 0;
    return FY_OK;
}

/* ------------------------------------------------------------------ the judge */

struct expected {
    long long lines;    /* begun */
    long long orders;   /* good ones before the first bad line */
    long long bad_line; /* 0: none */
};

static struct expected read_whole(const char *body, size_t body_bytes)
{
    struct expected expected = {0};
    struct fy_err err;
    for (size_t at = 0; at < body_bytes && expected.bad_line == 0;) {
        const char *stop = memchr(body + at, '\n', body_bytes - at);
        size_t line_bytes = stop != NULL ? (size_t)(stop - body) - at : body_bytes - at;
        const char *line = body + at;
        at += line_bytes + 1;
        expected.lines++;
        while (line_bytes > 0 && strchr(" \t\r", line[line_bytes - 1]) != NULL &&
               line[line_bytes - 1] != '\0')
            line_bytes--;
        if (line_bytes == 0)
            continue;
        if (read_order(line, line_bytes, &err) == FY_OK)
            expected.orders++;
        else
            expected.bad_line = expected.lines;
    }
    return expected;
}

/* Gives the body in pieces, as the server does; it ends at the first refusal. */
static void stream(struct fy_exchange *x, const uint8_t *body, size_t body_bytes,
                   size_t piece_bytes)
{
    struct fy_err err;
    fy_orders_lines_begin(x);
    for (size_t at = 0; at < body_bytes; at += piece_bytes) {
        size_t left = body_bytes - at;
        size_t piece = left < piece_bytes ? left : piece_bytes;
        uint8_t *copy = fuzz_copy(body + at, piece);
        enum fy_code code = fy_orders_lines_data(x, copy, piece, &err);
        free(copy);
        FY_ASSERT((code == FY_OK) == (x->answers == 0));
        if (code != FY_OK)
            return;
    }
    fy_orders_lines_end(x);
}

static void judge(const struct fy_exchange *x, const struct expected *expected)
{
    FY_ASSERT(x->answers == 1);
    FY_ASSERT(x->accepted <= expected->orders);
    if (x->refuse_at > 0 && x->publishes >= x->refuse_at) {
        FY_ASSERT(x->http_status == 503);
        FY_ASSERT(x->accepted == x->published);
    } else if (expected->bad_line > 0) {
        FY_ASSERT(x->http_status == 400);
        FY_ASSERT(x->accepted == expected->orders);
        FY_ASSERT(x->line == expected->bad_line);
    } else {
        FY_ASSERT(x->http_status == (expected->lines == 0 ? 400 : 201));
        FY_ASSERT(x->accepted == expected->orders);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    size_t piece_bytes = (size_t)fuzz_byte(&data, &size_bytes) + 1;
    unsigned refuse_at = fuzz_byte(&data, &size_bytes) & 3;
    if (size_bytes > BODY_BYTES)
        return 0;
    struct expected expected = read_whole((const char *)data, size_bytes);
    const size_t pieces[] = {piece_bytes, size_bytes + 1};
    for (size_t i = 0; i < FY_COUNT_OF(pieces); i++) {
        struct fy_exchange x = {.refuse_at = refuse_at};
        the_exchange = &x;
        stream(&x, data, size_bytes, pieces[i]);
        judge(&x, &expected);
        x.state_drop(x.state);
    }
    return 0;
}
