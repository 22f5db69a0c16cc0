/* deadletter.c - DEAD is a row of the catalogue; the topic has a copy of the record. */
#include "worker/deadletter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "common/runtime/publish_wait.h"
#include "worker/verdict.h"

#define HEADER_TEXT_BYTES_MAX (8 << 10)

/* Texts are added as "name\0value\0" runs; offsets become pointers once the buffer has stopped
 * moving. */
static void add(struct fy_buf *texts, size_t *ends, size_t *count, const char *name,
                const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    FY_ASSERT(*count < FY_HEADERS_MAX);
    fy_buf_add(texts, name, strlen(name) + 1);
    fy_buf_add(texts, value, strlen(value) + 1);
    ends[(*count)++] = texts->size_bytes;
}

static void add_i64(struct fy_buf *texts, size_t *ends, size_t *count, const char *name,
                    int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    add(texts, ends, count, name, text);
}

static const char *class_name(enum fy_reason_class class)
{
    switch (class) {
    case FY_CLASS_POISON:
        return "poison";
    case FY_CLASS_ORDER:
        return "order";
    case FY_CLASS_SITE:
        return "site";
    case FY_CLASS_LOCAL:
        return "local";
    }
    return "";
}

size_t fy_dead_letter_headers(const struct fy_node *node, const struct fy_dead_letter *letter,
                              struct fy_header *headers, struct fy_buf *texts)
{
    size_t ends[FY_HEADERS_MAX];
    size_t count = 0;
    char text[FY_TOPIC_BYTES_MAX + 64];
    fy_buf_clear(texts);
    add(texts, ends, &count, "ferry-dlq-v", "1");
    add(texts, ends, &count, "ferry-dlq-class",
        class_name(fy_failure_class(letter->reason, letter->http_status)));
    add(texts, ends, &count, "ferry-dlq-reason", fy_reason_name(letter->reason));
    add(texts, ends, &count, "ferry-dlq-detail", letter->detail);
    add(texts, ends, &count, "ferry-direction", letter->direction == FY_OUT ? "out" : "in");
    (void)snprintf(text, sizeof(text), "%s/%d/%lld/%lld", letter->topic, letter->partition,
                   (long long)letter->offset, (long long)letter->timestamp_ms);
    add(texts, ends, &count, "ferry-origin", text);
    if (letter->order != NULL && !fy_stamp_is_zero(&letter->order->stamp)) {
        char stamp[FY_STAMP_TEXT_BYTES];
        fy_stamp_print(&letter->order->stamp, stamp);
        add(texts, ends, &count, "ferry-stamp", stamp);
    }
    int64_t now_ms = fy_wall_ms(node->clock);
    int64_t first_ms = letter->first_failed_ms != 0 ? letter->first_failed_ms : now_ms;
    add_i64(texts, ends, &count, "ferry-attempts", letter->attempts != 0 ? letter->attempts : 1);
    add_i64(texts, ends, &count, "ferry-first-failed-at", first_ms);
    add_i64(texts, ends, &count, "ferry-dead-at", now_ms);
    if (letter->http_status != 0)
        add_i64(texts, ends, &count, "ferry-http-status", letter->http_status);
    add(texts, ends, &count, "ferry-site", node->site);
    add(texts, ends, &count, "ferry-worker", node->boot_id);
    add(texts, ends, &count, "ferry-version", FY_VERSION);
    FY_ASSERT(!texts->overflow);
    for (size_t i = 0, at = 0; i < count; at = ends[i++]) {
        headers[i].name = texts->bytes + at;
        headers[i].value = headers[i].name + strlen(headers[i].name) + 1;
        headers[i].value_bytes = strlen(headers[i].value);
    }
    return count;
}

void fy_dead_letter_name(struct fy_order *order, const char *topic, int32_t partition,
                         int64_t offset)
{
    (void)snprintf(order->op_id, sizeof(order->op_id), "%s/%d/%lld", topic, partition,
                   (long long)offset);
}

static enum fy_code write_row(struct fy_node *node, const struct fy_dead_letter *letter,
                              struct fy_err *err)
{
    struct fy_cat_wait *wait = fy_alloc(sizeof(*wait));
    int64_t now_ms = fy_wall_ms(node->clock);
    wait->op.kind = FY_CAT_WAIT;
    wait->row.direction = letter->direction;
    wait->row.state = FY_DEAD;
    wait->row.reason = letter->reason;
    if (letter->order != NULL)
        wait->row.order = *letter->order;
    if (wait->row.order.bucket[0] == '\0') { /* written again it must be the same row */
        fy_stamp_of_record(&wait->row.order.stamp, letter->timestamp_ms, letter->offset,
                           node->site);
        if (wait->row.order.op_id[0] == '\0')
            fy_dead_letter_name(&wait->row.order, letter->topic, letter->partition, letter->offset);
    }
    (void)snprintf(wait->row.detail, sizeof(wait->row.detail), "%s", letter->detail);
    wait->row.http_status = letter->http_status;
    wait->row.attempts = letter->attempts != 0 ? letter->attempts : 1;
    wait->row.first_failed_ms = wait->row.last_failed_ms = wait->row.due_ms = now_ms;
    enum fy_code code = fy_catalogue_writer_run(node->writer, &wait->op, err);
    free(wait);
    return code;
}

enum fy_code fy_dead_letter_write(struct fy_node *node, const struct fy_dead_letter *letter,
                                  struct fy_err *err)
{
    struct fy_header headers[FY_HEADERS_MAX];
    struct fy_buf texts;
    fy_buf_init(&texts, HEADER_TEXT_BYTES_MAX);
    struct fy_record record = {
        .topic = FY_TOPIC_DEAD,
        .partition = -1,
        .moves = true,
        .key = letter->key_bytes > 0 ? letter->key : NULL,
        .key_bytes = letter->key_bytes,
        .value = letter->value,
        .value_bytes = letter->value_bytes,
        .headers = headers,
    };
    record.header_count = fy_dead_letter_headers(node, letter, headers, &texts);
    enum fy_code code = fy_publish_wait(node->queue, &record, 1, NULL, err);
    fy_buf_done(&texts);
    if (code == FY_OK)
        code = write_row(node, letter, err);
    if (code != FY_OK)
        return fy_err_add(err, "write a dead letter");
    fy_metric_add(&node->metrics, FY_M_ORDERS_DEAD, 1);
    fy_log(letter->order != NULL ? letter->order->op_id : NULL, FY_ERROR, "order.dead",
           fy_kv_str("direction", letter->direction == FY_OUT ? "out" : "in"),
           fy_kv_str("reason", fy_reason_name(letter->reason)),
           fy_kv_str("bucket", letter->order != NULL ? letter->order->bucket : ""),
           fy_kv_str("object", letter->order != NULL ? letter->order->object : ""),
           fy_kv_str("detail", letter->detail));
    return FY_OK;
}
