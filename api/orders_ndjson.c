/* orders_ndjson.c - any number of orders, one a line, in constant memory (DESIGN 7). */
/*
 * Lines are gathered into groups and each group is published and waited for before the next: what
 * was accepted is known exactly at a bad line, and the queue's pace becomes the client's.
 */
#include <stdlib.h>
#include <string.h>

#include "api/orders.h"

#define ANSWER_BYTES_MAX 2048
#define CARRY_BYTES_FREE 1024 /* of a line: uncounted, most have less */

struct lines {
    struct fy_exchange *x;
    struct fy_order_batch *batch; /* the group */
    struct fy_buf carry;          /* a line that is not whole yet */
    int64_t line;                 /* number of the last one begun, from 1 */
    int64_t order;                /* index of the next order */
    size_t accepted;
};

static void lines_drop(void *state)
{
    struct lines *lines = state;
    fy_order_batch_free(lines->batch);
    fy_buf_done(&lines->carry);
    free(lines);
}

void fy_orders_lines_begin(struct fy_exchange *x)
{
    struct fy_err err;
    if (fy_orders_stopping(x, &err)) {
        fy_answer_error(x, &err);
        return;
    }
    struct lines *lines = fy_alloc(sizeof *lines);
    lines->x = x;
    lines->batch = fy_order_batch_new(fy_node_of(x), fy_op_id(x), fy_orders_door(x));
    fy_buf_init(&lines->carry, FY_ORDER_JSON_BYTES);
    fy_state_set(x, lines, lines_drop);
}

/* The answer that ends it: 400 names the line, 503 says how far it came. */
static void answer_ended(struct lines *lines, const struct fy_err *err)
{
    struct fy_buf json;
    fy_buf_init(&json, ANSWER_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_i64(&json, "accepted", (int64_t)lines->accepted);
    fy_buf_json_i64(&json, "line", lines->line);
    fy_buf_json_str(&json, "error", err->text);
    fy_buf_json_str(&json, "code", fy_code_name(err->code));
    fy_buf_text(&json, "}");
    fy_answer_error_json(lines->x, err, &json);
}

static enum fy_code publish_group(struct lines *lines, struct fy_err *err)
{
    if (fy_order_batch_count(lines->batch) == 0)
        return FY_OK;
    return fy_order_batch_publish_wait(lines->batch, &lines->accepted, err);
}

/* What came before the bad line is accepted first. */
static enum fy_code refuse_line(struct lines *lines, const struct fy_err *why, struct fy_err *err)
{
    if (publish_group(lines, err) == FY_OK)
        *err = *why;
    answer_ended(lines, err);
    return err->code;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static enum fy_code take_line(struct lines *lines, const char *text, size_t text_bytes,
                              struct fy_err *err)
{
    lines->line++;
    while (text_bytes > 0 && is_blank(text[text_bytes - 1]))
        text_bytes--;
    if (text_bytes == 0)
        return FY_OK;
    struct fy_err why;
    if (fy_order_batch_add(lines->batch, text, text_bytes, lines->order, &why) != FY_OK)
        return refuse_line(lines, &why, err);
    lines->order++;
    if (fy_order_batch_count(lines->batch) < FY_NDJSON_GROUP && !fy_order_batch_full(lines->batch))
        return FY_OK;
    if (publish_group(lines, err) == FY_OK)
        return FY_OK;
    answer_ended(lines, err);
    return err->code;
}

/* A line of which the beginning came before. */
static enum fy_code take_carry(struct lines *lines, const char *more, size_t more_bytes, bool whole,
                               struct fy_err *err)
{
    fy_buf_add(&lines->carry, more, more_bytes);
    if (lines->carry.overflow) {
        struct fy_err why;
        (void)fy_err_set(&why, FY_EINPUT, "a line over %d bytes", FY_ORDER_JSON_BYTES);
        lines->line++;
        return refuse_line(lines, &why, err);
    }
    if (!whole)
        return FY_OK;
    enum fy_code code = take_line(lines, lines->carry.bytes, lines->carry.size_bytes, err);
    fy_buf_done(&lines->carry);
    return code;
}

/* The client may take its time with the next bytes: what we have is kept for it when there is
 * memory, else it is published now. */
static enum fy_code keep(struct lines *lines, struct fy_err *err)
{
    size_t carry_bytes = lines->carry.capacity_bytes;
    if (fy_body_keep(lines->x, fy_order_batch_bytes(lines->batch) + carry_bytes))
        return FY_OK;
    enum fy_code code = publish_group(lines, err);
    if (code == FY_OK && carry_bytes > CARRY_BYTES_FREE && !fy_body_keep(lines->x, carry_bytes))
        code = fy_err_set(err, FY_EBUSY, "request bodies fill %d bytes of memory already",
                          FY_BODIES_BYTES_MAX);
    if (code != FY_OK)
        answer_ended(lines, err);
    return code;
}

enum fy_code fy_orders_lines_data(struct fy_exchange *x, const void *bytes, size_t size_bytes,
                                  struct fy_err *err)
{
    struct lines *lines = fy_state(x);
    const char *at = bytes, *end = at + size_bytes;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t piece_bytes = (size_t)((stop != NULL ? stop : end) - at);
        enum fy_code code;
        if (stop == NULL || lines->carry.size_bytes > 0)
            code = take_carry(lines, at, piece_bytes, stop != NULL, err);
        else
            code = take_line(lines, at, piece_bytes, err);
        if (code != FY_OK)
            return code;
        at += piece_bytes + (stop != NULL);
    }
    return keep(lines, err);
}

void fy_orders_lines_abort(struct fy_exchange *x)
{
    (void)x; /* groups that were published stay; the rest was never accepted */
}

void fy_orders_lines_end(struct fy_exchange *x)
{
    struct lines *lines = fy_state(x);
    struct fy_err err;
    if (lines->line == 0 && lines->carry.size_bytes == 0) {
        fy_answer_fail(x, FY_EINPUT, "the body is empty");
        return;
    }
    if (lines->carry.size_bytes > 0 && take_carry(lines, "", 0, true, &err) != FY_OK)
        return; /* answered */
    if (publish_group(lines, &err) != FY_OK)
        answer_ended(lines, &err);
    else
        fy_orders_answer_accepted(x, lines->accepted);
}
