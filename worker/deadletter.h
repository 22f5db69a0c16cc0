/* deadletter.h - an outgoing order that cannot be sent: one DEAD row with its reason, a copy for
 * Kafka's tools. */
#ifndef FY_WORKER_DEADLETTER_H
#define FY_WORKER_DEADLETTER_H

#include "common/runtime/node.h"

struct fy_dead_letter {
    enum fy_direction direction;
    enum fy_reason reason;
    const struct fy_order *order; /* what could be read of it; NULL nothing */
    const void *key, *value;      /* the record, byte for byte */
    size_t key_bytes, value_bytes;
    const char *topic; /* where it was */
    int32_t partition;
    int64_t offset, timestamp_ms;
    int http_status;
    uint32_t attempts;       /* 0: one, just now */
    int64_t first_failed_ms; /* 0: now */
    const char *detail;
};

/* Names an order of which nothing could be read by its record's place, as its opId: its row is told
 * apart by it, and people can ask for it. */
void fy_dead_letter_name(struct fy_order *order, const char *topic, int32_t partition,
                         int64_t offset);
/* Publishes the copy to request-action.dead (headers of ENGINE 1.10) and writes the row; both are
 * safe when it returns FY_OK. Twice is harmless: one row per order. Thread: any that may block. */
FY_MUST_CHECK enum fy_code
fy_dead_letter_write(struct fy_node *node, const struct fy_dead_letter *letter, struct fy_err *err);
/* Only the headers and the record of it, for a publish of one's own. headers: FY_HEADERS_MAX;
 * texts: scratch the headers point into. Returns the count of headers. */
size_t fy_dead_letter_headers(const struct fy_node *node, const struct fy_dead_letter *letter,
                              struct fy_header *headers, struct fy_buf *texts);

#endif
