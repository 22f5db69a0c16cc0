/* backfill.c - orders for what was here before a site: which backfills run, and when each goes on.
 */
/*
 * One thread, in every worker; of a site's workers the one that pumps the outbox works on them. A
 * live order must not wait behind millions, so orders are given only while the site has few on
 * their way: in our topic, and not done there. What a turn needs is in the catalogue's row; here is
 * only when it is next.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "common/runtime/pool.h"
#include "worker/backfill_internal.h"
#include "worker/worker.h"

#define TICKS_A_SECOND 10 /* a rate is given out in so many parts */

/* Of a backfill that runs. */
struct slot {
    int64_t id;
    int64_t due_ms; /* monotonic */
    int64_t wait_ms;
    int64_t mean_size; /* of what its last orders promise */
    size_t span;       /* of fy_backfill_turn */
    bool known;        /* the site knows us, from whom it is to pull */
};

struct fy_backfill {
    struct fy_node *node;
    pthread_t thread;
    struct fy_bell stop_bell;
    _Atomic bool stopping;

    /* Backfill thread only. */
    struct slot slots[FY_BACKFILLS_MAX];
    struct fy_backfill_row rows[FY_BACKFILLS_MAX];
    size_t row_count;
    struct fy_backfill_turn turn;
    bool blind; /* the catalogue does not tell which there are */
};

/* ------------------------------------------------------------------ how many, and when */

/* Orders that a live one may wait for: fewer, the larger they are. */
static int64_t ahead_of(const struct slot *slot)
{
    int64_t by_size = FY_BACKFILL_AHEAD_BYTES / (slot->mean_size > 0 ? slot->mean_size : 1);
    if (by_size < FY_BACKFILL_AHEAD_MIN)
        return FY_BACKFILL_AHEAD_MIN;
    return by_size < FY_BACKFILL_AHEAD ? by_size : FY_BACKFILL_AHEAD;
}

static int64_t limit_of(const struct fy_backfill_row *row, int64_t room)
{
    int64_t limit = room < FY_BACKFILL_STEP ? room : FY_BACKFILL_STEP;
    int64_t tick = row->rate / TICKS_A_SECOND > 1 ? row->rate / TICKS_A_SECOND : 1;
    return row->rate > 0 && !row->dry_run && tick < limit ? tick : limit;
}

static void wait_longer(struct fy_backfill *self, struct slot *slot, int64_t longest_ms)
{
    slot->wait_ms = slot->wait_ms == 0 ? FY_BACKFILL_LOOK_MS : 2 * slot->wait_ms;
    if (slot->wait_ms > longest_ms)
        slot->wait_ms = longest_ms;
    slot->due_ms = fy_mono_ms(self->node->clock) + slot->wait_ms;
}

static void go_on(struct fy_backfill *self, struct slot *slot)
{
    const struct fy_backfill_turn *turn = &self->turn;
    int64_t count = (int64_t)turn->count;
    slot->wait_ms = 0;
    if (count > 0)
        slot->mean_size = turn->size / count;
    slot->due_ms = fy_mono_ms(self->node->clock);
    if (turn->row->rate > 0 && !turn->row->dry_run)
        slot->due_ms += 1000 * count / turn->row->rate;
}

/* ------------------------------------------------------------------ one turn of one */

static enum fy_code save(struct fy_backfill *self, const struct fy_backfill_row *row,
                         struct fy_err *err)
{
    struct fy_cat_backfill op = {
        .op.kind = FY_CAT_BACKFILL, .action = FY_BACKFILL_SAVE, .row = *row};
    return fy_catalogue_writer_run(self->node->writer, &op.op, err);
}

/* Why it does not go on, for who looks; once for each reason. false: that is known. */
static bool note(struct fy_backfill *self, const struct fy_backfill_row *row,
                 enum fy_backfill_state state, const char *text)
{
    struct fy_err err = {0};
    if (state == row->state && strcmp(row->note, text) == 0)
        return false;
    struct fy_backfill_row noted = *row;
    noted.state = state;
    FY_ASSERT(fy_text_copy(noted.note, sizeof(noted.note), text));
    return save(self, &noted, &err) == FY_OK; /* else it is tried again as it stood */
}

static void count_turn(struct fy_backfill *self, int64_t looked)
{
    struct fy_metrics *metrics = &self->node->metrics;
    fy_metric_add(metrics, FY_M_BACKFILL_LOOKED, looked);
    if (!self->turn.row->dry_run)
        fy_metric_add(metrics, FY_M_BACKFILL_ORDERED, (int64_t)self->turn.count);
}

/* Gathers, publishes, saves. */
static enum fy_code take_turn(struct fy_backfill *self, struct slot *slot,
                              struct fy_backfill_row *row, struct fy_err *err)
{
    struct fy_backfill_turn *turn = &self->turn;
    int64_t looked_before = row->looked;
    enum fy_code code = fy_backfill_step(turn, err);
    if (code == FY_OK)
        code = fy_backfill_publish(turn, err);
    if (code != FY_OK)
        return code;
    row->note[0] = '\0';
    code = save(self, row, err);
    if (code != FY_OK)
        return code;
    count_turn(self, row->looked - looked_before);
    go_on(self, slot);
    if (row->state == FY_BACKFILL_DONE)
        fy_log(row->op_id, FY_INFO, "backfill.done", fy_kv_i64("backfill", row->id),
               fy_kv_str("site", row->site), fy_kv_i64("looked", row->looked),
               fy_kv_i64("ordered", row->ordered), fy_kv_i64("bytes", row->bytes),
               fy_kv_i64("left", row->left));
    return FY_OK;
}

/* The site takes that many now; *limit 0: it has enough to do. Nearly enough is enough, since each
 * turn looks at a page of names. */
static enum fy_code find_room(struct fy_backfill *self, struct slot *slot,
                              const struct fy_backfill_row *row, const struct fy_site_row *site,
                              struct fy_err *err)
{
    struct fy_backfill_turn *turn = &self->turn;
    int64_t orders = 0;
    int64_t ahead = row->dry_run ? INT64_MAX : ahead_of(slot);
    int64_t least = ahead / 2 < FY_BACKFILL_STEP ? ahead / 2 : FY_BACKFILL_STEP;
    enum fy_code code = fy_backfill_lag(self->node, site, &orders, &turn->ferry, err);
    if (code == FY_OK && turn->ferry && !slot->known)
        code = fy_backfill_ask_known(self->node, site, err);
    slot->known = slot->known || code == FY_OK;
    if (code == FY_OK)
        turn->limit = ahead - orders < least ? 0 : (size_t)limit_of(row, ahead - orders);
    return code;
}

static enum fy_code find_site(struct fy_backfill *self, const struct fy_backfill_row *row,
                              struct fy_site_row *site, struct fy_err *err)
{
    enum fy_code code = fy_catalogue_site_get(self->node->catalogue, row->site, site, err);
    if (code == FY_OK && site->status == FY_SITE_DELETED)
        return fy_err_set(err, FY_ENOTFOUND, "site %s is deleted", row->site);
    return code;
}

/* It is asked again soon, and only noted when that lasts. */
static void rest(struct fy_backfill *self, struct slot *slot, const struct fy_backfill_row *row)
{
    wait_longer(self, slot, FY_BACKFILL_IDLE_MS);
    if (slot->wait_ms == FY_BACKFILL_IDLE_MS)
        (void)note(self, row, FY_BACKFILL_RUNNING, "the site has enough to do");
}

static void fail(struct fy_backfill *self, struct slot *slot, const struct fy_backfill_row *row,
                 bool for_good, const struct fy_err *err)
{
    wait_longer(self, slot, FY_BACKFILL_PAUSE_MS);
    if (err->code == FY_ECANCELLED) /* by a person, or this process is stopping */
        return;
    if (note(self, row, for_good ? FY_BACKFILL_STOPPED : FY_BACKFILL_RUNNING, err->text))
        fy_log(row->op_id, FY_WARN, for_good ? "backfill.stopped" : "backfill.waits",
               fy_kv_i64("backfill", row->id), fy_kv_str("site", row->site), fy_kv_err(err));
}

/* row is what the catalogue says, and stays as it is: what a failed turn has come to is forgotten.
 */
static void run(struct fy_backfill *self, struct slot *slot, const struct fy_backfill_row *row)
{
    struct fy_backfill_row moved = *row;
    struct fy_site_row site;
    struct fy_err err = {0};
    fy_backfill_turn_clear(&self->turn);
    self->turn.row = &moved;
    self->turn.site = &site;
    self->turn.span = slot->span;
    enum fy_code code = find_site(self, row, &site, &err);
    bool for_good = code == FY_ENOTFOUND;
    if (code == FY_OK)
        code = find_room(self, slot, row, &site, &err);
    if (code == FY_OK && self->turn.limit == 0) {
        rest(self, slot, row);
        return;
    }
    if (code == FY_OK)
        code = take_turn(self, slot, &moved, &err);
    slot->span = self->turn.span; /* shorter after a failure: it may have been too long */
    if (code != FY_OK)
        fail(self, slot, row, for_good || code == FY_EEXISTS, &err); /* FY_EEXISTS: the guard */
}

/* ------------------------------------------------------------------ all that run */

static bool add_row(void *arg, const struct fy_backfill_row *row)
{
    struct fy_backfill *self = arg;
    self->rows[self->row_count++] = *row;
    return self->row_count < FY_BACKFILLS_MAX;
}

/* The slots become those of the rows, each as it was if it was there. */
static void match_slots(struct fy_backfill *self)
{
    struct slot matched[FY_BACKFILLS_MAX] = {0};
    for (size_t i = 0; i < self->row_count; i++) {
        matched[i] = (struct slot){.id = self->rows[i].id, .span = FY_BACKFILL_STEP};
        for (size_t s = 0; s < FY_BACKFILLS_MAX; s++)
            if (self->slots[s].id == matched[i].id)
                matched[i] = self->slots[s];
    }
    memcpy(self->slots, matched, sizeof(matched));
}

static void read_rows(struct fy_backfill *self)
{
    struct fy_err err = {0};
    self->row_count = 0;
    enum fy_code code = fy_catalogue_backfill_running(self->node->catalogue, add_row, self, &err);
    bool blind = code != FY_OK && code != FY_EEXISTS;
    if (blind && !self->blind)
        fy_log(NULL, FY_WARN, "backfill.blind", fy_kv_err(&err));
    self->blind = blind;
    fy_metric_set(&self->node->metrics, FY_M_BACKFILLS, (int64_t)self->row_count);
    match_slots(self);
}

/* A turn for each that is due; the time until the next. */
static int64_t run_due(struct fy_backfill *self)
{
    int64_t soonest_ms = FY_BACKFILL_IDLE_MS;
    read_rows(self);
    for (size_t i = 0; i < self->row_count && !atomic_load(&self->stopping); i++) {
        struct slot *slot = &self->slots[i];
        if (slot->due_ms <= fy_mono_ms(self->node->clock))
            run(self, slot, &self->rows[i]);
        int64_t left_ms = slot->due_ms - fy_mono_ms(self->node->clock);
        soonest_ms = left_ms < soonest_ms ? left_ms : soonest_ms;
    }
    return soonest_ms;
}

static void *backfill_main(void *arg)
{
    struct fy_backfill *self = arg;
    while (!atomic_load(&self->stopping)) {
        int64_t wait_ms = run_due(self);
        if (wait_ms > 0)
            (void)fy_bell_wait(&self->stop_bell, -1, (int)wait_ms);
    }
    return NULL;
}

/* ------------------------------------------------------------------ life */

enum fy_code fy_backfill_open(struct fy_node *node, struct fy_backfill **backfill,
                              struct fy_err *err)
{
    struct fy_backfill *self = fy_alloc(sizeof(*self));
    self->node = node;
    fy_backfill_turn_init(&self->turn, node);
    enum fy_code code = fy_bell_init(&self->stop_bell, err);
    if (code == FY_OK)
        code = fy_thread_start(&self->thread, "backfill", backfill_main, self, err);
    if (code != FY_OK) {
        fy_bell_done(&self->stop_bell);
        fy_backfill_turn_done(&self->turn);
        free(self);
        return code;
    }
    *backfill = self;
    return FY_OK;
}

void fy_backfill_close(struct fy_backfill *backfill)
{
    if (backfill == NULL)
        return;
    atomic_store(&backfill->stopping, true);
    fy_bell_ring(&backfill->stop_bell);
    pthread_join(backfill->thread, NULL);
    fy_bell_done(&backfill->stop_bell);
    fy_backfill_turn_done(&backfill->turn);
    free(backfill);
}
