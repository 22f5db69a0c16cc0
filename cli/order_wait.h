/* order_wait.h - orders on their way: which sites they are for, and what becomes of them there. */
#ifndef FY_CLI_ORDER_WAIT_H
#define FY_CLI_ORDER_WAIT_H

#include "cli/sites.h"

struct fy_order_watch;

/* list: the sites the orders may be for; borrowed. op_id: that of the request. */
FY_MUST_CHECK struct fy_order_watch *fy_order_watch_new(const struct fy_site_list *list,
                                                        const char *op_id);
void fy_order_watch_free(struct fy_order_watch *watch);
/* Remembers an order as it was written (one JSON object): whom it is for. What is no order is left
 * to the site, which refuses it. false: over FY_ORDER_WATCHES_MAX. */
bool fy_order_watch_add(struct fy_order_watch *watch, const char *json, size_t json_bytes);
/*
 * Asks the site until every order has ended at every site it is for, or timeout_ms have gone by,
 * and prints what became of them. Returns the exit code: 0, FY_EXIT_SOME_FAILED, FY_EXIT_TIMED_OUT,
 * or that of a call that failed.
 */
int fy_order_watch_run(struct fy_order_watch *watch, struct fy_client *client, int64_t timeout_ms,
                       bool json);

#endif
