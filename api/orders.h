/* orders.h - what the doors for orders share: a batch that is checked whole, then published as one.
 */
#ifndef FY_API_ORDERS_H
#define FY_API_ORDERS_H

#include "api/http.h"

/* Orders as the records they will be; belongs to one thread at a time. */
struct fy_order_batch;

/* op_id is given to orders that have none; borrowed, as the node. */
struct fy_order_batch *fy_order_batch_new(struct fy_node *node, const char *op_id,
                                          enum fy_order_door door);
void fy_order_batch_free(struct fy_order_batch *batch);  /* accepts NULL; not while publishing */
void fy_order_batch_clear(struct fy_order_batch *batch); /* and gives its memory back */
size_t fy_order_batch_count(const struct fy_order_batch *batch);
size_t fy_order_batch_bytes(const struct fy_order_batch *batch); /* of memory, about */
/* It holds FY_ORDERS_GROUP_BYTES: nothing may be added before it is published or cleared. */
bool fy_order_batch_full(const struct fy_order_batch *batch);
/*
 * Reads one order, checks it, fills in what it lacks (opId, stamp, orderedAt, at the FERRY door
 * also fromSite) and appends the record or records it becomes.
 *   index  position in its array, part of the opId it gets; -1 alone
 * Errors: FY_EINPUT with the field; nothing was appended then.
 */
FY_MUST_CHECK enum fy_code fy_order_batch_add(struct fy_order_batch *batch, const char *json,
                                              size_t json_bytes, int64_t index, struct fy_err *err);

/* accepted: orders that are safe, at least; all of them on FY_OK. On a thread of the queue, or the
 * caller's own. */
typedef void fy_orders_done_fn(void *arg, enum fy_code code, size_t accepted,
                               const struct fy_err *err);
/* Publishes a batch that is not empty, without blocking; done is called exactly once, perhaps
 * before this returns. The batch must stay until then, and may be freed there; its orders are
 * counted still, but their memory is the queue's. */
void fy_order_batch_publish(struct fy_order_batch *batch, fy_orders_done_fn *done, void *arg);
/* The same, waited for, and the batch cleared. Pool threads. *accepted is added to. */
FY_MUST_CHECK enum fy_code fy_order_batch_publish_wait(struct fy_order_batch *batch,
                                                       size_t *accepted, struct fy_err *err);

/* orders_ndjson.c: any number of orders, one a line, in groups. */
void fy_orders_lines_begin(struct fy_exchange *x);
enum fy_code fy_orders_lines_data(struct fy_exchange *x, const void *bytes, size_t size_bytes,
                                  struct fy_err *err);
void fy_orders_lines_abort(struct fy_exchange *x);
void fy_orders_lines_end(struct fy_exchange *x); /* the route's handle for such a body */

/* orders.c: by the route. */
enum fy_order_door fy_orders_door(struct fy_exchange *x);
void fy_orders_answer_accepted(struct fy_exchange *x, size_t accepted); /* 201 */
bool fy_orders_stopping(struct fy_exchange *x, struct fy_err *err);

/* orders_outcome.c: GET /ferry/v1/orders/{opId}. */
void fy_orders_get(struct fy_exchange *x);

#endif
