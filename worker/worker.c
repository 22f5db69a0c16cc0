/* worker.c - the worker role: house-keeping first, then what takes work; closed in reverse. */
#include "worker/worker.h"

#include <stdlib.h>

#include "worker/export.h"

struct fy_worker {
    struct fy_node *node; /* NULL until all is open */
    struct fy_keeper *keeper;
    struct fy_engine *engine;
    struct fy_pump *pump;
    struct fy_pump *events; /* NULL: nobody is told */
    struct fy_pump *oio;    /* likewise */
    struct fy_router *router;
    struct fy_backfill *backfill;
    struct fy_senders *senders;
    struct fy_exporter *exporter;
};

/* Labelled metrics (breakers, sites, ledgers) in Prometheus' text format. Thread: any. */
static void print_metrics(void *role, struct fy_buf *buf)
{
    struct fy_worker *worker = role;
    fy_engine_metrics(worker->engine, buf);
    fy_senders_metrics(worker->senders, buf);
}

enum fy_code fy_worker_open(struct fy_node *node, struct fy_worker **worker, struct fy_err *err)
{
    FY_ASSERT(*worker == NULL);
    struct fy_worker *opened = fy_alloc(sizeof(*opened));
    /* The keeper says whether the store has room before the engine asks for work. */
    enum fy_code code = fy_keeper_open(node, &opened->keeper, err);
    if (code == FY_OK)
        code = fy_engine_open(node, &opened->engine, err);
    if (code == FY_OK)
        code = fy_senders_open(node, &opened->senders, err);
    if (code == FY_OK)
        code = fy_router_open(node, &opened->router, err);
    if (code == FY_OK)
        code = fy_backfill_open(node, &opened->backfill, err);
    if (code == FY_OK)
        code = fy_pump_open(node, FY_PUMP_ORDERS, &opened->pump, err);
    if (code == FY_OK && fy_config_tells(node->config))
        code = fy_pump_open(node, FY_PUMP_EVENTS, &opened->events, err);
    if (code == FY_OK && fy_config_tells_oio(node->config))
        code = fy_pump_open(node, FY_PUMP_OIO, &opened->oio, err);
    if (code == FY_OK)
        code = fy_exporter_open(node, &opened->exporter, err);
    if (code != FY_OK) {
        fy_worker_close(opened, 0);
        return fy_err_add(err, "open the worker");
    }
    fy_node_metrics_set(node, print_metrics, opened);
    opened->node = node;
    *worker = opened;
    return FY_OK;
}

void fy_worker_close(struct fy_worker *worker, int64_t drain_ms)
{
    if (worker == NULL)
        return;
    if (worker->node != NULL)
        fy_node_metrics_set(worker->node, NULL, NULL);
    /* What is on its way out stays safe in its topic or the outbox; only the engine has to drain.
     */
    fy_pump_close(worker->pump);
    fy_backfill_close(worker->backfill);
    fy_router_close(worker->router);
    fy_senders_close(worker->senders);
    fy_engine_close(worker->engine, drain_ms);
    fy_pump_close(worker->oio);
    fy_pump_close(worker->events); /* it has told of some of what was drained */
    fy_keeper_close(worker->keeper);
    fy_exporter_close(worker->exporter); /* last: it writes down what all others have done */
    free(worker);
}

void fy_worker_crashed(struct fy_worker *worker)
{
    fy_engine_crashed(worker->engine);
}
