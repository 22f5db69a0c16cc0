/* order_json.h - an order as JSON text: in topics and in POST /replicator/remote/orders (spec 3.1).
 */
#ifndef FY_ADAPTERS_ORDER_JSON_H
#define FY_ADAPTERS_ORDER_JSON_H

#include "common/core/buf.h"
#include "common/core/order.h"

/*
 * Reads one order, whole or not at all.
 *   bytes  one JSON object: the nine keys of spec 3.1 and the optional `stamp` (fy_stamp_print),
 *          `orderedAt` (ISO instant), `account`, `given` and `overwrites` (true or false); other
 * keys are ignored; null = absent order  untouched on failure Errors: FY_EINPUT with a sentence
 * that names the field: over FY_ORDER_JSON_BYTES, deeper than FY_JSON_DEPTH_MAX, not JSON, a key
 * twice, a zero byte in a text, a wrong type, a text over its field, `action` missing or outside
 * the enum, a negative size. What the texts say, a blank bucketName included, is fy_order_check's
 * to judge. Thread: any.
 */
FY_MUST_CHECK enum fy_code fy_order_json_parse(const void *bytes, size_t size_bytes,
                                               struct fy_order *order, struct fy_err *err);

/* Appends the order: the nine keys of spec 3.1 always (null where absent, size a number), then
 * `stamp`, `orderedAt`, `account`, `given` and `overwrites` when they are there. Not over
 * FY_ORDER_JSON_BYTES, whatever the texts hold. Thread: any. */
void fy_order_json_write(const struct fy_order *order, struct fy_buf *buf);

#endif
