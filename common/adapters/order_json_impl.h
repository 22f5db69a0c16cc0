/* order_json_impl.h - what the two readers of orders share. */
#ifndef FY_ADAPTERS_ORDER_JSON_IMPL_H
#define FY_ADAPTERS_ORDER_JSON_IMPL_H

#include "common/core/order.h"

#define FY_ORDER_TEXT_KEYS 8

/* The keys whose texts are copied as they are. */
struct fy_order_text_key {
    const char *key;
    size_t key_bytes;
    size_t offset;
    size_t field_bytes; /* with the zero byte */
};
extern const struct fy_order_text_key fy_order_text_keys[FY_ORDER_TEXT_KEYS];

/*
 * Reads an order of the plain sort, as nearly all are: one flat object of keys that an order has,
 * each once, texts of printable ASCII without escapes, a size of up to 18 digits. What it takes it
 * reads as the library would.
 *   order  untouched unless taken
 * false: not of that sort, or wrong in any way, which the library has the words for. Thread: any.
 */
FY_MUST_CHECK bool fy_order_json_plain(const char *bytes, size_t size_bytes,
                                       struct fy_order *order);

#endif
