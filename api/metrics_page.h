/* metrics_page.h - the gauges with labels, read from the ports when somebody asks. */
#ifndef FY_API_METRICS_PAGE_H
#define FY_API_METRICS_PAGE_H

#include "common/runtime/lag.h"

/* One line a partition: names of 160 bytes, a number of 20. */
#define FY_METRICS_LAG_BYTES_MAX (1024 + FY_LAG_ROWS_MAX * 220)
#define FY_METRICS_LAGS          4 /* gauges of that kind */

/* Appends lag by partition, what waits and is dead by reason, sites, sizes. What a port cannot tell
 * now is left out, and ferry_scrape_errors counts it. May block on the catalogue and the queue. */
void fy_metrics_page(struct fy_node *node, struct fy_buf *text);

#endif
