/* catalogue_sql_event.c - what became of orders, and other events, written down to be told. */
/*
 * An event belongs to the transaction that made the outcome, and stays until somebody says that it
 * has been told: as the outbox does it, so none is lost and none is told of what did not happen.
 * The events of a transaction are one row, packed, of each stream: a row for each would cost an
 * order as much again as its outcome does.
 *
 * A mark on the outcome's row would not do: an order without opId has none, and a later outcome of
 * the same order takes its place.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/core/pack.h"

static_assert(FY_EVENTS_ROW_BYTES + 2 * FY_ORDER_JSON_BYTES >
                  FY_EVENTS_ROW_BYTES + FY_KEY_BYTES_MAX + FY_ORDER_JSON_BYTES,
              "an event more than makes a row long fits");
static_assert(FY_EVENTS_ROW_BYTES + 2 * FY_OIO_EVENT_BYTES_MAX >
                  FY_EVENTS_ROW_BYTES + FY_OIO_KEY_BYTES + FY_OIO_EVENT_BYTES_MAX + 8,
              "and one of a container");

/* ------------------------------------------------------------------ writing */

/* What waits has its end still to come, and the acceptance of a client's own operation is none. */
static bool is_final(enum fy_outcome outcome)
{
    return outcome != FY_OUTCOME_WAITING && outcome != FY_OUTCOME_LOCAL;
}

/* Given up, by us or by a person. Whatever else an order came to, an earlier failure is no matter.
 */
static bool is_failure(enum fy_outcome outcome)
{
    return outcome == FY_OUTCOME_DEAD || outcome == FY_OUTCOME_DROPPED;
}

void fy_cs_event_add(struct fy_cs *self, const struct fy_cs_end *end)
{
    char key[FY_KEY_BYTES_MAX + 1];
    if (!self->tells || !is_final(end->outcome))
        return;
    bool failed = is_failure(end->outcome);
    const struct fy_event event = {.site = self->site,
                                   .order = end->order,
                                   .direction = end->direction,
                                   .outcome = end->outcome,
                                   .reason = failed ? end->reason : FY_REASON_NONE,
                                   .detail = failed && end->detail != NULL ? end->detail : "",
                                   .at_ms = self->now_ms};
    /* What could not be read is about no object. */
    size_t key_bytes = end->order->bucket[0] == '\0' ? 0 : fy_order_key(end->order, key);
    size_t record;
    struct fy_buf *json = fy_cs_event_begin(self, FY_STREAM_ORDERS, key, key_bytes, &record);
    fy_event_json_write(&event, json);
    fy_cs_event_end(self, FY_STREAM_ORDERS, record);
}

static void save(struct fy_cs *self, enum fy_event_stream stream)
{
    struct fy_cs_told *told = &self->told[stream];
    if (told->count == 0)
        return;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_EVENT_ADD);
    fy_cs_i64(&use, stream);
    fy_cs_i64(&use, (int64_t)told->count);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_blob(&use, told->packed.bytes, told->packed.size_bytes);
    fy_cs_send(&use);
    self->counters.events[stream] += (int64_t)told->count;
    told->count = 0;
    fy_buf_clear(&told->packed);
}

struct fy_buf *fy_cs_event_begin(struct fy_cs *self, enum fy_event_stream stream, const void *key,
                                 size_t key_bytes, size_t *record)
{
    struct fy_cs_told *told = &self->told[stream];
    *record = fy_pack_begin(&told->packed, key, key_bytes);
    return &told->packed;
}

void fy_cs_event_end(struct fy_cs *self, enum fy_event_stream stream, size_t record)
{
    struct fy_cs_told *told = &self->told[stream];
    fy_pack_end(&told->packed, record);
    FY_ASSERT(!told->packed.overflow); /* an event is bounded by whoever writes it */
    told->count++;
    if (told->count == FY_EVENTS_ROW_MAX || told->packed.size_bytes >= FY_EVENTS_ROW_BYTES)
        save(self, stream);
}

void fy_cs_events_save(struct fy_cs *self)
{
    for (enum fy_event_stream stream = 0; stream < FY_STREAM_COUNT; stream++)
        save(self, stream);
}

/* ------------------------------------------------------------------ reading */

struct event_list {
    struct fy_cs_list list;
    enum fy_event_stream stream;
    int64_t after;
    fy_event_visit_fn *visit;
    void *arg;
};

static void event_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct event_list *self = (const struct event_list *)(void *)list;
    fy_cs_i64(use, self->stream);
    fy_cs_i64(use, self->after);
    fy_cs_i64(use, row_count);
}

static bool event_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct fy_event_row *row = out;
    row->id = fy_cs_take_i64(use);
    row->count = (size_t)fy_cs_take_i64(use);
    row->written_ms = fy_cs_take_i64(use);
    const void *packed = fy_cs_take_blob(use, &row->packed_bytes);
    row->packed = fy_memdup(packed == NULL ? "" : packed, row->packed_bytes);
    ((struct event_list *)(void *)list)->after = row->id;
    return true;
}

static bool event_visit(struct fy_cs_list *list, const void *row)
{
    const struct event_list *self = (const struct event_list *)(void *)list;
    return self->visit(self->arg, row);
}

static void event_drop(void *row)
{
    free((void *)(uintptr_t)((struct fy_event_row *)row)->packed); /* ours; const for visitors */
}

enum fy_code fy_cs_events_read(struct fy_catalogue *port, enum fy_event_stream stream,
                               uint32_t limit, fy_event_visit_fn *visit, void *arg,
                               struct fy_err *err)
{
    struct fy_cs *cs = fy_cs_from(port);
    enum fy_code code = fy_cs_may_pump(cs, err);
    if (code != FY_OK)
        return code;
    struct event_list self = {
        .list = {.sql = FY_CS_EVENT_READ,
                 .row_bytes = sizeof(struct fy_event_row),
                 .limit = limit,
                 .bind = event_bind,
                 .take = event_take,
                 .visit = event_visit,
                 .drop = event_drop,
                 .self = cs},
        .stream = stream,
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

/* ------------------------------------------------------------------ removing */

/* How many events the row had; 0: it is gone. */
static int64_t row_delete(struct fy_cs *self, int64_t id)
{
    int64_t events = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_EVENT_DELETE);
    fy_cs_i64(&use, id);
    if (fy_cs_row(&use)) {
        events = fy_cs_take_i64(&use);
        int64_t stream = fy_cs_take_i64(&use);
        FY_ASSERT(stream >= 0 && stream < FY_STREAM_COUNT); /* a newer schema is refused at open */
        self->counters.events[stream] -= events;
    }
    fy_cs_end(&use);
    return events;
}

enum fy_code fy_cs_events_done(struct fy_cs *self, struct fy_cat_op *op)
{
    const struct fy_cat_outbox_done *done = (const struct fy_cat_outbox_done *)(void *)op;
    for (size_t index = 0; index < done->count; index++)
        (void)row_delete(self, done->ids[index]); /* 0: told twice, and acknowledged before */
    return FY_OK;
}

/* How many of the stream wait; the columns are in the streams' order. */
static int64_t count_of(struct fy_cs *self, enum fy_event_stream wanted)
{
    int64_t count = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_EVENT_COUNT);
    if (fy_cs_row(&use))
        for (enum fy_event_stream stream = 0; stream <= wanted; stream++)
            count = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return count;
}

static int64_t oldest_of(struct fy_cs *self, enum fy_event_stream stream)
{
    int64_t id = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_EVENT_OLDEST);
    fy_cs_i64(&use, stream);
    if (fy_cs_row(&use))
        id = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return id;
}

enum fy_code fy_cs_events_trim(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_events_trim *trim = (struct fy_cat_events_trim *)(void *)op;
    int64_t over = count_of(self, trim->stream) - trim->events_max;
    trim->dropped = 0;
    for (uint32_t rows = 0; rows < trim->limit && trim->dropped < over; rows++) {
        int64_t events = row_delete(self, oldest_of(self, trim->stream));
        if (events == 0)
            break; /* another process has removed it */
        trim->dropped += events;
    }
    return FY_OK;
}
