/* sender.h - one target site's sender, as senders.c starts and stops it. */
#ifndef FY_WORKER_SENDER_H
#define FY_WORKER_SENDER_H

#include "worker/worker.h"

struct fy_sender;
/* Joins ferry-sender on the site's topic and starts its thread. */
FY_MUST_CHECK enum fy_code fy_sender_open(struct fy_node *node, const struct fy_site_row *site,
                                          struct fy_sender **sender, struct fy_err *err);
/* The topology's present word on the site: its URI, whether it is to be sent to. Thread: the
 * manager, and the sender's own. */
void fy_sender_update(struct fy_sender *sender, const struct fy_site_row *site);
const char *fy_sender_site(const struct fy_sender *sender);
/* Whether the last request was answered. */
bool fy_sender_up(struct fy_sender *sender);
/* Asks it to end; close waits for it. */
void fy_sender_stop(struct fy_sender *sender);
void fy_sender_close(struct fy_sender *sender);

#endif
