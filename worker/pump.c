/* pump.c - rows of the catalogue to their topics: published first, deleted after the
 * acknowledgement. */
/*
 * Three pumps, one thread each: orders of local changes (the outbox), what became of orders, and
 * changes of containers (events of two streams). They share nothing, so that a topic that takes no
 * events holds no order up. A crash between publishing and deleting publishes a row again: the same
 * order with the same stamp, which is harmless everywhere (DESIGN 3), the same event, which says so
 * itself. Rows are read lowest id first and never followed by a cursor, so a transaction that
 * commits late cannot be skipped.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "common/core/pack.h"
#include "common/runtime/pool.h"
#include "common/runtime/publish_wait.h"
#include "worker/worker.h"

#define PUMP_RECORDS_MAX 500       /* of one publish: well under FY_PUBLISH_MAX */
#define PUMP_BYTES_MAX   (1 << 20) /* and their bytes */
#define PUMP_IDLE_MS     500 /* looks by itself so often, for a ring that was lost with a process */
#define PUMP_PAUSE_MS    250 /* after a failure: the queue is full or the catalogue away */
/* An API in another process cannot ring. So whoever pumps for several looks this soon after rows
 * came, each time twice as late, up to the longest: what an upload may wait for. Two statements of
 * microseconds; notices would not come through a pooler. */
#define PUMP_POLL_MS     5
#define PUMP_POLL_MS_MAX 40
/* Nobody waits for an event as for an order. What gathers meanwhile goes at once, so that telling
 * of an order costs little, however many there are. */
#define EVENTS_EVERY_MS 100
#define EVENTS_PAUSE_MS 1000
#define STATES_EVERY_MS 250 /* whether sums of containers are due: a second after they changed */

/* The longest row of any stream: what makes it long, and a last event. */
#define ROW_BYTES_MAX (FY_EVENTS_ROW_BYTES + 2 * FY_OIO_EVENT_BYTES_MAX)

static_assert(FY_ORDER_JSON_BYTES < FY_OIO_EVENT_BYTES_MAX, "an order is no longer");
static_assert(2 * FY_EVENTS_ROW_MAX <= PUMP_RECORDS_MAX, "a row of events fits, and not alone");

struct fy_pump {
    struct fy_node *node;
    const struct pump_kind *kind;
    pthread_t thread;
    struct fy_bell stop_bell; /* wakes nothing itself: outbox_bell is rung beside it */
    _Atomic bool stopping;

    int poll_ms; /* pump thread only: until the next look, when nobody can ring */

    /* Pump thread only: one batch. */
    bool topic_is_there;
    bool more;           /* rows were left for the next batch */
    int64_t states_ms;   /* monotonic: when sums of containers are looked at next */
    struct fy_buf bytes; /* keys and values one after the other */
    size_t row_count;
    int64_t ids[PUMP_RECORDS_MAX];
    size_t count;
    struct {
        size_t key_at, key_bytes, value_at, value_bytes;
    } places[PUMP_RECORDS_MAX];
    struct fy_record records[PUMP_RECORDS_MAX];
};

/* What is pumped, from where to where. */
struct pump_kind {
    const char *thread;
    const char *topic;
    const char *stuck, *flows; /* as logged */
    enum fy_cat_kind done;
    enum fy_metric published;
    enum fy_code (*gather)(struct fy_pump *pump, struct fy_err *err);
    enum fy_code (*tell)(struct fy_pump *pump, struct fy_err *err); /* makes rows; may be NULL */
    void (*rest)(struct fy_pump *pump, enum fy_code code, size_t moved);
};

/* ------------------------------------------------------------------ one batch */

static void add_record(struct fy_pump *pump, const struct fy_packed *record)
{
    FY_ASSERT(pump->count < PUMP_RECORDS_MAX);
    size_t i = pump->count++;
    pump->places[i].key_at = pump->bytes.size_bytes;
    pump->places[i].key_bytes = record->key_bytes;
    fy_buf_add(&pump->bytes, record->key, record->key_bytes);
    pump->places[i].value_at = pump->bytes.size_bytes;
    pump->places[i].value_bytes = record->value_bytes;
    fy_buf_add(&pump->bytes, record->value, record->value_bytes);
    FY_ASSERT(!pump->bytes.overflow); /* a row is bounded by whoever writes it */
}

static bool take_order(void *arg, const struct fy_outbox_row *row)
{
    struct fy_pump *pump = arg;
    const struct fy_packed order = {.key = row->key,
                                    .key_bytes = row->key_bytes,
                                    .value = row->json,
                                    .value_bytes = row->json_bytes};
    if (pump->count > 0 &&
        pump->bytes.size_bytes + row->key_bytes + row->json_bytes > PUMP_BYTES_MAX)
        return false;
    pump->ids[pump->row_count++] = row->id;
    add_record(pump, &order);
    return pump->count < PUMP_RECORDS_MAX;
}

static enum fy_code gather_orders(struct fy_pump *pump, struct fy_err *err)
{
    return fy_catalogue_outbox_read(pump->node->catalogue, PUMP_RECORDS_MAX, take_order, pump, err);
}

static bool take_events(void *arg, const struct fy_event_row *row)
{
    struct fy_pump *pump = arg;
    struct fy_packed event;
    size_t at = 0;
    pump->more =
        pump->row_count > 0 && (pump->count + row->count > PUMP_RECORDS_MAX ||
                                pump->bytes.size_bytes + row->packed_bytes > PUMP_BYTES_MAX);
    if (pump->more)
        return false;
    pump->ids[pump->row_count++] = row->id;
    while (fy_pack_next(row->packed, row->packed_bytes, &at, &event))
        add_record(pump, &event);
    if (at < row->packed_bytes) /* the rest of it cannot be told; the others can */
        fy_log(NULL, FY_ERROR, "events.broken", fy_kv_i64("row", row->id));
    return true;
}

static enum fy_code gather_events(struct fy_pump *pump, struct fy_err *err)
{
    return fy_catalogue_events_read(pump->node->catalogue, FY_STREAM_ORDERS, FY_EVENTS_PAGE_ROWS,
                                    take_events, pump, err);
}

static enum fy_code gather_oio(struct fy_pump *pump, struct fy_err *err)
{
    return fy_catalogue_events_read(pump->node->catalogue, FY_STREAM_OIO, FY_EVENTS_PAGE_ROWS,
                                    take_events, pump, err);
}

/* Sums of containers that are due become events, which the next batch has. */
static enum fy_code tell_states(struct fy_pump *pump, struct fy_err *err)
{
    struct fy_cat_states_tell tell;
    int64_t now_ms = fy_mono_ms(pump->node->clock);
    if (now_ms < pump->states_ms)
        return FY_OK;
    do {
        tell = (struct fy_cat_states_tell){.op = {.kind = FY_CAT_STATES_TELL},
                                           .limit = FY_OIO_STATES_MAX};
        enum fy_code code = fy_catalogue_writer_run(pump->node->writer, &tell.op, err);
        if (code != FY_OK)
            return code;
        pump->more |= tell.told > 0;
    } while (tell.told > 0 && !atomic_load(&pump->stopping));
    pump->states_ms = now_ms + STATES_EVERY_MS;
    return FY_OK;
}

static enum fy_code publish(struct fy_pump *pump, struct fy_err *err)
{
    if (pump->count == 0)
        return FY_OK;
    for (size_t i = 0; i < pump->count; i++)
        pump->records[i] = (struct fy_record){
            .topic = pump->kind->topic,
            .partition = -1,
            .key =
                pump->places[i].key_bytes == 0 ? NULL : pump->bytes.bytes + pump->places[i].key_at,
            .key_bytes = pump->places[i].key_bytes,
            .value = pump->bytes.bytes + pump->places[i].value_at,
            .value_bytes = pump->places[i].value_bytes,
        };
    return fy_publish_wait(pump->node->queue, pump->records, pump->count, NULL, err);
}

static enum fy_code ensure_topic(struct fy_pump *pump, struct fy_err *err)
{
    if (pump->topic_is_there)
        return FY_OK;
    enum fy_code code = fy_queue_topic_ensure(pump->node->queue, pump->kind->topic, err);
    pump->topic_is_there = code == FY_OK;
    return code;
}

/* One batch; *moved records. */
static enum fy_code pump_once(struct fy_pump *pump, size_t *moved, struct fy_err *err)
{
    struct fy_node *node = pump->node;
    *moved = 0;
    pump->count = pump->row_count = 0;
    pump->more = false;
    fy_buf_clear(&pump->bytes);
    enum fy_code code = ensure_topic(pump, err);
    if (code != FY_OK)
        return code;
    code = pump->kind->gather(pump, err);
    if (code == FY_EEXISTS)
        return code; /* another worker pumps */
    if (code == FY_OK && pump->kind->tell != NULL)
        code = pump->kind->tell(pump, err);
    if (code != FY_OK)
        return fy_err_add(err, "read what goes to %s", pump->kind->topic);
    if (pump->row_count == 0)
        return FY_OK;
    code = publish(pump, err);
    if (code != FY_OK)
        return fy_err_add(err, "publish %zu records to %s", pump->count, pump->kind->topic);
    struct fy_cat_outbox_done done = {
        .op = {.kind = pump->kind->done}, .ids = pump->ids, .count = pump->row_count};
    code = fy_catalogue_writer_run(node->writer, &done.op, err);
    if (code != FY_OK)
        return fy_err_add(err, "clear what went to %s", pump->kind->topic);
    *moved = pump->count;
    fy_metric_add(&node->metrics, pump->kind->published, (int64_t)pump->count);
    return FY_OK;
}

/* ------------------------------------------------------------------ between two */

/* Nothing was there. */
static void await_orders(struct fy_pump *pump)
{
    int wait_ms = pump->node->shared ? pump->poll_ms : PUMP_IDLE_MS;
    pump->poll_ms *= pump->poll_ms < PUMP_POLL_MS_MAX ? 2 : 1;
    (void)fy_bell_wait(&pump->node->outbox_bell, pump->stop_bell.event_fd, wait_ms);
}

static void rest_of_orders(struct fy_pump *pump, enum fy_code code, size_t moved)
{
    if (code != FY_OK)
        (void)fy_bell_wait(&pump->stop_bell, -1, PUMP_PAUSE_MS);
    else if (moved == 0)
        await_orders(pump);
    else
        pump->poll_ms = PUMP_POLL_MS;
}

/* No bell tells of an event: with a catalogue that processes share, another's may be the next. */
static void rest_of_events(struct fy_pump *pump, enum fy_code code, size_t moved)
{
    int idle_ms = pump->kind->tell != NULL ? STATES_EVERY_MS : PUMP_IDLE_MS;
    int pause_ms = code != FY_OK ? EVENTS_PAUSE_MS : moved == 0 ? idle_ms : EVENTS_EVERY_MS;
    if (code != FY_OK || !pump->more)
        (void)fy_bell_wait(&pump->stop_bell, -1, pause_ms);
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
            fy_log(NULL, failing ? FY_WARN : FY_INFO,
                   failing ? pump->kind->stuck : pump->kind->flows, fy_kv_err(&err));
        }
        pump->kind->rest(pump, code, moved);
    }
    return NULL;
}

/* ------------------------------------------------------------------ life */

static const struct pump_kind kinds[] = {
    [FY_PUMP_ORDERS] = {"pump", FY_TOPIC_REPLICATION, "outbox.stuck", "outbox.flows",
                        FY_CAT_OUTBOX_DONE, FY_M_OUTBOX_PUBLISHED, gather_orders, NULL,
                        rest_of_orders},
    [FY_PUMP_EVENTS] = {"pump-events", FY_TOPIC_EVENTS, "events.stuck", "events.flow",
                        FY_CAT_EVENTS_DONE, FY_M_EVENTS_PUBLISHED, gather_events, NULL,
                        rest_of_events},
    [FY_PUMP_OIO] = {"pump-oio", FY_TOPIC_OIO, "oio.stuck", "oio.flows", FY_CAT_EVENTS_DONE,
                     FY_M_OIO_PUBLISHED, gather_oio, tell_states, rest_of_events},
};

enum fy_code fy_pump_open(struct fy_node *node, enum fy_pump_kind kind, struct fy_pump **pump,
                          struct fy_err *err)
{
    struct fy_pump *self = fy_alloc(sizeof(*self));
    self->node = node;
    self->kind = &kinds[kind];
    fy_buf_init(&self->bytes, PUMP_BYTES_MAX + ROW_BYTES_MAX);
    enum fy_code code = fy_bell_init(&self->stop_bell, err);
    if (code == FY_OK && kind == FY_PUMP_ORDERS)
        code = ensure_topic(self, err);
    if (code == FY_OK)
        code = fy_thread_start(&self->thread, self->kind->thread, pump_main, self, err);
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
