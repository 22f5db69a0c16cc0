/* pump.c - outbox rows to request-replication: published first, deleted after the acknowledgement.
 */
/*
 * One thread. A crash between the two publishes a row again: the same order with the same stamp,
 * which is harmless everywhere (DESIGN 3). Rows are read lowest id first and never followed by a
 * cursor, so a transaction that commits late cannot be skipped.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "common/runtime/pool.h"
#include "common/runtime/publish_wait.h"
#include "worker/worker.h"

#define PUMP_ROWS_MAX  500       /* rows of one publish: well under FY_PUBLISH_MAX */
#define PUMP_BYTES_MAX (1 << 20) /* and their bytes */
#define PUMP_IDLE_MS   500 /* looks by itself so often, for a ring that was lost with a process */
#define PUMP_PAUSE_MS  250 /* after a failure: the queue is full or the catalogue away */
/* An API in another process cannot ring. So whoever pumps for several looks this soon after rows
 * came, each time twice as late, up to the longest: what an upload may wait for. Two statements of
 * microseconds; notices would not come through a pooler. */
#define PUMP_POLL_MS     5
#define PUMP_POLL_MS_MAX 40

struct fy_pump {
    struct fy_node *node;
    pthread_t thread;
    struct fy_bell stop_bell; /* wakes nothing itself: outbox_bell is rung beside it */
    _Atomic bool stopping;

    int poll_ms; /* pump thread only: until the next look, when nobody can ring */

    /* Pump thread only: one batch. */
    struct fy_buf bytes; /* keys and orders one after the other */
    size_t count;
    int64_t ids[PUMP_ROWS_MAX];
    struct {
        size_t key_at, key_bytes, json_at, json_bytes;
    } rows[PUMP_ROWS_MAX];
    struct fy_record records[PUMP_ROWS_MAX];
};

static bool gather(void *arg, const struct fy_outbox_row *row)
{
    struct fy_pump *pump = arg;
    if (pump->count > 0 &&
        pump->bytes.size_bytes + row->key_bytes + row->json_bytes > PUMP_BYTES_MAX)
        return false;
    size_t i = pump->count++;
    pump->ids[i] = row->id;
    pump->rows[i].key_at = pump->bytes.size_bytes;
    pump->rows[i].key_bytes = row->key_bytes;
    fy_buf_add(&pump->bytes, row->key, row->key_bytes);
    pump->rows[i].json_at = pump->bytes.size_bytes;
    pump->rows[i].json_bytes = row->json_bytes;
    fy_buf_add(&pump->bytes, row->json, row->json_bytes);
    FY_ASSERT(!pump->bytes.overflow); /* an order is at most FY_ORDER_JSON_BYTES */
    return pump->count < PUMP_ROWS_MAX;
}

static enum fy_code publish(struct fy_pump *pump, struct fy_err *err)
{
    for (size_t i = 0; i < pump->count; i++)
        pump->records[i] = (struct fy_record){
            .topic = FY_TOPIC_REPLICATION,
            .partition = -1,
            .key = pump->bytes.bytes + pump->rows[i].key_at,
            .key_bytes = pump->rows[i].key_bytes,
            .value = pump->bytes.bytes + pump->rows[i].json_at,
            .value_bytes = pump->rows[i].json_bytes,
        };
    return fy_publish_wait(pump->node->queue, pump->records, pump->count, NULL, err);
}

/* One batch; *moved rows. */
static enum fy_code pump_once(struct fy_pump *pump, size_t *moved, struct fy_err *err)
{
    struct fy_node *node = pump->node;
    *moved = 0;
    pump->count = 0;
    fy_buf_clear(&pump->bytes);
    enum fy_code code = fy_catalogue_outbox_read(node->catalogue, PUMP_ROWS_MAX, gather, pump, err);
    if (code == FY_EEXISTS)
        return code; /* another worker pumps */
    if (code != FY_OK)
        return fy_err_add(err, "read the outbox");
    if (pump->count == 0)
        return FY_OK;
    code = publish(pump, err);
    if (code != FY_OK)
        return fy_err_add(err, "publish %zu orders", pump->count);
    struct fy_cat_outbox_done done = {
        .op = {.kind = FY_CAT_OUTBOX_DONE}, .ids = pump->ids, .count = pump->count};
    code = fy_catalogue_writer_run(node->writer, &done.op);
    if (code != FY_OK) {
        *err = done.op.err;
        return fy_err_add(err, "clear the outbox");
    }
    *moved = pump->count;
    fy_metric_add(&node->metrics, FY_M_OUTBOX_PUBLISHED, (int64_t)pump->count);
    return FY_OK;
}

/* Nothing was there. */
static void await_rows(struct fy_pump *pump)
{
    int wait_ms = pump->node->shared ? pump->poll_ms : PUMP_IDLE_MS;
    pump->poll_ms *= pump->poll_ms < PUMP_POLL_MS_MAX ? 2 : 1;
    (void)fy_bell_wait(&pump->node->outbox_bell, pump->stop_bell.event_fd, wait_ms);
}

static void *pump_main(void *arg)
{
    struct fy_pump *pump = arg;
    pump->poll_ms = PUMP_POLL_MS;
    bool failing = false; /* one line when it begins to fail, one when it is well again */
    while (!atomic_load(&pump->stopping)) {
        struct fy_err err = {0};
        size_t moved = 0;
        enum fy_code code = pump_once(pump, &moved, &err);
        if (code == FY_EEXISTS) { /* our own API's rings are not for us */
            (void)fy_bell_wait(&pump->stop_bell, -1, PUMP_IDLE_MS);
            continue;
        }
        if ((code != FY_OK) != failing) {
            failing = code != FY_OK;
            fy_log(NULL, failing ? FY_WARN : FY_INFO, failing ? "outbox.stuck" : "outbox.flows",
                   fy_kv_err(&err));
        }
        if (code != FY_OK)
            (void)fy_bell_wait(&pump->stop_bell, -1, PUMP_PAUSE_MS);
        else if (moved == 0)
            await_rows(pump);
        else
            pump->poll_ms = PUMP_POLL_MS;
    }
    return NULL;
}

enum fy_code fy_pump_open(struct fy_node *node, struct fy_pump **pump, struct fy_err *err)
{
    enum fy_code code = fy_queue_topic_ensure(node->queue, FY_TOPIC_REPLICATION, err);
    if (code != FY_OK)
        return code;
    struct fy_pump *self = fy_alloc(sizeof(*self));
    self->node = node;
    fy_buf_init(&self->bytes, PUMP_BYTES_MAX + 2 * FY_ORDER_JSON_BYTES);
    code = fy_bell_init(&self->stop_bell, err);
    if (code == FY_OK)
        code = fy_thread_start(&self->thread, "pump", pump_main, self, err);
    if (code != FY_OK) {
        fy_bell_done(&self->stop_bell);
        fy_buf_done(&self->bytes);
        free(self);
        return code;
    }
    *pump = self;
    return FY_OK;
}

void fy_pump_close(struct fy_pump *pump)
{
    if (pump == NULL)
        return;
    atomic_store(&pump->stopping, true);
    fy_bell_ring(&pump->stop_bell);
    pthread_join(pump->thread, NULL);
    fy_bell_done(&pump->stop_bell);
    fy_buf_done(&pump->bytes);
    free(pump);
}
