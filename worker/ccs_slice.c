/* ccs_slice.c - rounds over the orders of a slice: look, tell, look again. */
#include "worker/ccs_slice.h"

#include <string.h>

#include "common/adapters/order_json.h"

/* What a round has found to be told, as one request. */
struct telling {
    size_t count;
    size_t items[2 * FY_CCS_SLICE_ORDERS];
    enum fy_action actions[2 * FY_CCS_SLICE_ORDERS];
};

static bool is_over(const struct fy_ccs_item *item)
{
    return item->step == FY_CCS_DONE || item->step == FY_CCS_ASIDE;
}

static bool is_of_object(const struct fy_ccs_item *item)
{
    return item->want.object[0] != '\0';
}

static bool same_bucket(const struct fy_ccs_item *a, const struct fy_ccs_item *b)
{
    return strcmp(a->want.bucket, b->want.bucket) == 0 &&
           strcmp(fy_order_account(&a->want), fy_order_account(&b->want)) == 0;
}

/* ------------------------------------------------------------------ what may go */

static bool has_open_objects(const struct fy_ccs_slice *slice, const struct fy_ccs_item *bucket)
{
    for (size_t i = 0; i < slice->count; i++) {
        const struct fy_ccs_item *item = &slice->items[i];
        if (is_of_object(item) && !is_over(item) && same_bucket(item, bucket))
            return true;
    }
    return false;
}

/* CCS drops an object's CREATE when its bucket is not there, and a bucket's DELETE while objects
 * are in it. */
static bool may_go(const struct fy_ccs_slice *slice, struct fy_ccs_item *item)
{
    if (item->step != FY_CCS_LOOK)
        return true;
    bool creates = item->want.action == FY_ACTION_CREATE;
    if (!is_of_object(item))
        return creates || !has_open_objects(slice, item);
    if (!creates)
        return true;
    const struct fy_ccs_item *bucket = &slice->items[item->bucket];
    if (bucket->step == FY_CCS_ASIDE) {
        item->step = FY_CCS_ASIDE;
        item->failure = bucket->failure;
    }
    return bucket->step == FY_CCS_DONE;
}

/* ------------------------------------------------------------------ looking */

/* An answer that says nothing of the order, but that the site cannot answer now. */
static bool is_away(int http_status)
{
    return http_status == 401 || http_status == 429 || (http_status > 500 && http_status < 600);
}

/* It was upgraded in the middle of this: all is sent again, as to a Ferry. */
static enum fy_code now_ferry(const struct fy_sender *sender, struct fy_err *err)
{
    return fy_err_set(err, FY_EPEER, "site '%s' is a Ferry now", sender->site);
}

static enum fy_code ask(struct fy_sender *sender, enum fy_peer_verb verb,
                        const struct fy_ccs_item *item, struct fy_err *err)
{
    struct fy_order about;
    fy_ccs_tell(&item->want, item->want.action, &about);
    enum fy_code code = fy_sender_ask(sender, verb, &about, err);
    if (code != FY_OK)
        return code;
    const struct fy_sender_answer *answer = &sender->answer;
    if (sender->is_ferry)
        return now_ferry(sender, err);
    if (is_away(answer->http_status))
        return fy_err_set(err, FY_EPEER, "site '%s' answered %d: %s", sender->site,
                          answer->http_status, answer->error);
    return FY_OK;
}

/* Whether what is there must be told from what was there before: a CREATE that followed on nothing
 * can only have come true. */
static bool must_compare(const struct fy_ccs_item *item)
{
    bool told_before = item->unsure || item->waiting_id != 0;
    return is_of_object(item) && item->want.action == FY_ACTION_CREATE &&
           (item->step == FY_CCS_LOOK || (item->step == FY_CCS_COMING && told_before));
}

static enum fy_code compare(struct fy_sender *sender, const struct fy_ccs_item *item,
                            enum fy_ccs_shows *shows, struct fy_err *err)
{
    enum fy_code code = ask(sender, FY_PEER_FACTS, item, err);
    if (code != FY_OK)
        return code;
    const struct fy_sender_answer *answer = &sender->answer;
    if (answer->http_status == 404)
        *shows = FY_CCS_NOTHING;
    else if (answer->http_status / 100 == 2)
        *shows = fy_ccs_is_promised(&item->want, answer->hash, answer->size) ? FY_CCS_PROMISED
                                                                             : FY_CCS_OTHER;
    return FY_OK;
}

static enum fy_code look(struct fy_sender *sender, struct fy_ccs_item *item,
                         enum fy_ccs_shows *shows, struct fy_err *err)
{
    *shows = FY_CCS_UNCLEAR;
    if (item->step == FY_CCS_LOOK && item->want.action == FY_ACTION_DELETE)
        return FY_OK; /* told whatever it shows */
    enum fy_code code = ask(sender, FY_PEER_CHECK, item, err);
    if (code != FY_OK)
        return code;
    const struct fy_sender_answer *answer = &sender->answer;
    item->failure.http_status = answer->http_status;
    const char *type = is_of_object(item) ? "OBJECT" : "BUCKET";
    bool good = answer->http_status / 100 == 2;
    /* DIRECTORY: longer names begin like it. */
    if (answer->http_status == 404 || (good && strcmp(answer->type, "DIRECTORY") == 0))
        *shows = FY_CCS_NOTHING;
    else if (good && strcmp(answer->type, type) == 0)
        *shows = FY_CCS_PROMISED;
    if (*shows == FY_CCS_PROMISED && must_compare(item))
        return compare(sender, item, shows, err);
    return FY_OK;
}

/* ------------------------------------------------------------------ telling */

static void add_order(struct fy_buf *body, const struct fy_ccs_item *item, enum fy_action action)
{
    struct fy_order told;
    fy_ccs_tell(&item->want, action, &told);
    fy_order_json_write(&told, body);
}

static void refuse(struct fy_sender *sender, struct fy_ccs_item *item)
{
    item->step = FY_CCS_ASIDE;
    fy_failure_set(&item->failure, FY_BAD_ORDER, "site '%s' refused it with %d: %.200s",
                   sender->site, sender->answer.http_status, sender->answer.error);
    item->failure.http_status = sender->answer.http_status;
}

/* Orders first to first + count of the telling as one request; refused ones stand alone in the
 * end. */
static enum fy_code tell(struct fy_sender *sender, struct fy_ccs_slice *slice,
                         const struct telling *telling, size_t first, size_t count,
                         struct fy_err *err)
{
    fy_buf_clear(&sender->body);
    if (count > 1)
        fy_buf_text(&sender->body, "[");
    for (size_t i = first; i < first + count; i++) {
        if (i > first)
            fy_buf_text(&sender->body, ",");
        add_order(&sender->body, &slice->items[telling->items[i]], telling->actions[i]);
    }
    if (count > 1)
        fy_buf_text(&sender->body, "]");
    enum fy_code code = fy_sender_post(sender, err);
    if (code != FY_OK)
        return code;
    int status = sender->answer.http_status;
    if (sender->is_ferry)
        return now_ferry(sender, err);
    if (status == 201)
        return FY_OK;
    if (status != 400 && status != 413)
        return fy_err_set(err, FY_EPEER, "site '%s' answered %d: %s", sender->site, status,
                          sender->answer.error);
    if (count == 1) {
        refuse(sender, &slice->items[telling->items[first]]);
        return FY_OK;
    }
    code = tell(sender, slice, telling, first, count / 2, err);
    if (code != FY_OK)
        return code;
    return tell(sender, slice, telling, first + count / 2, count - count / 2, err);
}

/* ------------------------------------------------------------------ rounds */

static void step(struct fy_ccs_slice *slice, size_t i, enum fy_ccs_shows shows, bool *moved,
                 struct telling *telling)
{
    struct fy_ccs_item *item = &slice->items[i];
    struct fy_ccs_move move = fy_ccs_next(item->step, item->want.action, item->unsure, shows);
    if (move.step == item->step)
        return;
    if (move.tell != FY_ACTION_UNKNOWN) {
        if (item->told == FY_CCS_TELLS_MAX)
            return; /* somebody else writes that name there: its time runs out */
        item->told++;
        telling->items[telling->count] = i;
        telling->actions[telling->count++] = move.tell;
    }
    item->step = move.step;
    *moved = true;
}

/* *moved: an item took a step, so the others get their time anew. */
static enum fy_code round_over(struct fy_sender *sender, struct fy_ccs_slice *slice, bool *moved,
                               struct fy_err *err)
{
    struct telling telling = {0};
    for (size_t i = 0; i < slice->count; i++) {
        struct fy_ccs_item *item = &slice->items[i];
        if (is_over(item) || !may_go(slice, item))
            continue;
        enum fy_ccs_shows shows;
        enum fy_code code = look(sender, item, &shows, err);
        if (code != FY_OK)
            return code;
        step(slice, i, shows, moved, &telling);
    }
    return telling.count > 0 ? tell(sender, slice, &telling, 0, telling.count, err) : FY_OK;
}

static bool all_over(const struct fy_ccs_slice *slice)
{
    for (size_t i = 0; i < slice->count; i++)
        if (!is_over(&slice->items[i]))
            return false;
    return true;
}

/* The batch may be taken from us meanwhile. */
static enum fy_code pause_between(struct fy_sender *sender, int64_t pause_ms, struct fy_err *err)
{
    bool had_batch = sender->batch.count > 0;
    int64_t until_ms = fy_mono_ms(sender->node->clock) + pause_ms;
    for (;;) {
        enum fy_code code = fy_batch_idle(&sender->batch, err);
        if (code != FY_OK)
            return code;
        if (atomic_load(&sender->stopping) || (had_batch && sender->batch.count == 0))
            return fy_err_set(err, FY_ECANCELLED, "the sender stops, or the batch is another's");
        int64_t left_ms = until_ms - fy_mono_ms(sender->node->clock);
        if (left_ms <= 0)
            return FY_OK;
        (void)fy_bell_wait(&sender->bell, -1,
                           (int)left_ms); /* may be rung by a call that is over */
    }
}

/* ------------------------------------------------------------------ out of time */

static void set_aside(const struct fy_sender *sender, const struct fy_ccs_slice *slice,
                      struct fy_ccs_item *item)
{
    const char *site = sender->site;
    const char *what = is_of_object(item) ? "object" : "bucket";
    struct fy_failure *failure = &item->failure;
    int status = failure->http_status;
    if (item->step == FY_CCS_GOING)
        fy_failure_set(failure, FY_NOT_APPLIED, "site '%s' took the DELETE and still has the %s",
                       site, what);
    else if (item->step == FY_CCS_COMING)
        fy_failure_set(failure, FY_NOT_APPLIED,
                       "site '%s' took the CREATE and does not have the %s", site, what);
    else if (item->want.action == FY_ACTION_DELETE)
        fy_failure_set(failure, FY_NOT_APPLIED, "objects in the bucket are not deleted yet");
    else if (is_of_object(item) && slice->items[item->bucket].step != FY_CCS_DONE)
        *failure = slice->items[item->bucket].failure;
    else
        fy_failure_set(failure, FY_NOT_APPLIED, "site '%s' answered %d when asked for the %s", site,
                       status, what);
    failure->http_status = status;
    item->step = FY_CCS_ASIDE;
}

/* Buckets first: their objects have their reason. */
static void set_rest_aside(const struct fy_sender *sender, struct fy_ccs_slice *slice)
{
    for (int objects = 0; objects <= 1; objects++)
        for (size_t i = 0; i < slice->count; i++) {
            struct fy_ccs_item *item = &slice->items[i];
            if (!is_over(item) && is_of_object(item) == (objects == 1))
                set_aside(sender, slice, item);
        }
}

enum fy_code fy_ccs_slice_run(struct fy_sender *sender, struct fy_ccs_slice *slice,
                              struct fy_err *err)
{
    struct fy_clock *clock = sender->node->clock;
    int64_t pause_ms = FY_CCS_LOOK_MS;
    int64_t until_ms = fy_mono_ms(clock) + FY_CCS_HOLD_MS;
    while (!all_over(slice)) {
        bool moved = false;
        enum fy_code code = round_over(sender, slice, &moved, err);
        if (code != FY_OK)
            return code;
        if (moved) {
            pause_ms = FY_CCS_LOOK_MS;
            until_ms = fy_mono_ms(clock) + FY_CCS_HOLD_MS;
        } else if (fy_mono_ms(clock) >= until_ms) {
            break;
        }
        if (all_over(slice))
            break;
        code = pause_between(sender, pause_ms, err);
        if (code != FY_OK)
            return code;
        pause_ms = pause_ms * 2 < FY_CCS_LOOK_MS_MAX ? pause_ms * 2 : FY_CCS_LOOK_MS_MAX;
    }
    set_rest_aside(sender, slice);
    return FY_OK;
}
