/* event_json.h - what became of an order, as JSON for applications (broker-schemas,
 * object-event.v1). */
#ifndef FY_ADAPTERS_EVENT_JSON_H
#define FY_ADAPTERS_EVENT_JSON_H

#include "common/core/buf.h"
#include "common/ports/catalogue_row.h"

struct fy_event {
    const char *site; /* whose outcome it is */
    const struct fy_order *order;
    enum fy_direction direction; /* FY_OUT: this site could not give it to another */
    enum fy_outcome outcome;
    enum fy_reason reason; /* FY_REASON_NONE: it did not fail */
    const char *detail;    /* of that failure, for a person; "" none */
    int64_t at_ms;
};

/* Appends the event; at most FY_ORDER_JSON_BYTES. */
void fy_event_json_write(const struct fy_event *event, struct fy_buf *buf);

#endif
