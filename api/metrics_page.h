/* metrics_page.h - the gauges with labels, read from the ports when somebody asks. */
#ifndef FY_API_METRICS_PAGE_H
#define FY_API_METRICS_PAGE_H

#include "common/runtime/node.h"

/* Appends lag by partition, what waits and is dead by reason, sites, sizes. What a port cannot tell
 * now is left out, and ferry_scrape_errors counts it. May block on the catalogue and the queue. */
void fy_metrics_page(struct fy_node *node, struct fy_buf *text);

#endif
