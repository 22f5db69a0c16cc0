/* worker.h - orders in, objects moved: the parts of the worker role and how they start and stop. */
/* Each part is one thread (or a few) over struct fy_node; open starts it, close stops and joins it.
 */
#ifndef FY_WORKER_WORKER_H
#define FY_WORKER_WORKER_H

#include "common/runtime/node.h"

/* The whole role: opens the parts below in order and closes them in reverse. */
struct fy_worker;
FY_MUST_CHECK enum fy_code fy_worker_open(struct fy_node *node, struct fy_worker **worker,
                                          struct fy_err *err);
/* SIGTERM's path: stops taking, lets what is in hand end for drain_ms, commits, joins. Accepts
 * NULL. */
void fy_worker_close(struct fy_worker *worker, int64_t drain_ms);
/* The process is about to die of its own fault: the next one shall know. For signal handlers. */
void fy_worker_crashed(struct fy_worker *worker);

/* engine.c: consumes request-action; ledgers, lanes, permits, dispatch, retries, commits (ENGINE
 * 1). */
struct fy_engine;
FY_MUST_CHECK enum fy_code fy_engine_open(struct fy_node *node, struct fy_engine **engine,
                                          struct fy_err *err);
void fy_engine_close(struct fy_engine *engine, int64_t drain_ms);
void fy_engine_crashed(struct fy_engine *engine); /* for signal handlers */
void fy_engine_metrics(struct fy_engine *engine, struct fy_buf *buf);

/* pump.c: rows of the outbox to request-replication, of events to object-events and oio; lowest
 * first, deleted after the acknowledgement. A topic of events may come later: they wait for it. */
struct fy_pump;
enum fy_pump_kind { FY_PUMP_ORDERS, FY_PUMP_EVENTS, FY_PUMP_OIO };
FY_MUST_CHECK enum fy_code fy_pump_open(struct fy_node *node, enum fy_pump_kind kind,
                                        struct fy_pump **pump, struct fy_err *err);
void fy_pump_close(struct fy_pump *pump);

/* router.c: request-replication to request-replication.<site>, one copy per target. */
struct fy_router;
FY_MUST_CHECK enum fy_code fy_router_open(struct fy_node *node, struct fy_router **router,
                                          struct fy_err *err);
void fy_router_close(struct fy_router *router);

/* sender.c: one thread per target site: batches to its POST /replicator/remote/orders[/multiple].
 */
struct fy_senders;
FY_MUST_CHECK enum fy_code fy_senders_open(struct fy_node *node, struct fy_senders **senders,
                                           struct fy_err *err);
void fy_senders_close(struct fy_senders *senders);
void fy_senders_metrics(struct fy_senders *senders, struct fy_buf *buf);

/* backfill.c: orders for what was here before a site, as the catalogue's backfills say. */
struct fy_backfill;
FY_MUST_CHECK enum fy_code fy_backfill_open(struct fy_node *node, struct fy_backfill **backfill,
                                            struct fy_err *err);
void fy_backfill_close(struct fy_backfill *backfill);

/* keeper.c: free space, trim of done records, sweeper, purge, clock skew, scans of stored bodies.
 */
struct fy_keeper;
FY_MUST_CHECK enum fy_code fy_keeper_open(struct fy_node *node, struct fy_keeper **keeper,
                                          struct fy_err *err);
void fy_keeper_close(struct fy_keeper *keeper);

#endif
