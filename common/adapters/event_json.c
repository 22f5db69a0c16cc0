/* event_json.c - outcomes of orders as JSON, written by hand. */
#include "common/adapters/event_json.h"

/* A byte of a text takes at most six ("\u001f") in JSON. */
static_assert(6 * (FY_OP_ID_BYTES_MAX + 3 * FY_SITE_BYTES_MAX + 2 * FY_CLIENT_BYTES_MAX +
                   FY_BUCKET_BYTES_MAX + FY_OBJECT_BYTES_MAX + FY_ERR_TEXT_BYTES) +
                      1024 <
                  FY_ORDER_JSON_BYTES,
              "an event is no longer than an order");

void fy_event_json_write(const struct fy_event *event, struct fy_buf *buf)
{
    const struct fy_order *order = event->order;
    char stamp[FY_STAMP_TEXT_BYTES] = "";
    if (!fy_stamp_is_zero(&order->stamp))
        fy_stamp_print(&order->stamp, stamp);
    fy_buf_text(buf, "{");
    fy_buf_json_filled(buf, "opId", order->op_id);
    fy_buf_json_str(buf, "site", event->site);
    fy_buf_json_str(buf, "direction", event->direction == FY_OUT ? "out" : "in");
    fy_buf_json_str(buf, "outcome", fy_outcome_name(event->outcome));
    fy_buf_json_filled(buf, "reason", fy_reason_name(event->reason));
    fy_buf_json_filled(buf, "detail", event->detail);
    fy_buf_json_filled(buf, "fromSite", order->from_site);
    fy_buf_json_filled(buf, "toSite", order->to_site);
    fy_buf_json_filled(buf, "clientId", order->client);
    fy_buf_json_filled(buf, "bucketName", order->bucket);
    fy_buf_json_filled(buf, "objectName", order->object);
    fy_buf_json_str(buf, "action", fy_action_name(order->action));
    fy_buf_json_filled(buf, "stamp", stamp);
    fy_buf_json_instant(buf, "at", event->at_ms);
    if (order->account[0] != '\0')
        fy_buf_json_str(buf, "account", order->account);
    fy_buf_text(buf, "}");
}
