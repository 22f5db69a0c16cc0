/* backfill_compare.c - only what another site lacks: sums of names first, rows where they differ.
 */
/*
 * A span of our names is summed here and there. While the sums are equal the span doubles, so that
 * a site that has it all is asked a few times for millions; where they are not, the next 256 names
 * are compared by rows. A site that has nothing of them is asked for the sum alone.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/mark_sum.h"
#include "worker/backfill_internal.h"

#define KEPT FY_BACKFILL_STEP /* names compared by rows */

/* Our names of a span. */
struct here {
    size_t wanted, count;
    bool more; /* names follow */
    struct fy_sha256 *hash;
    struct fy_sum sum;
    char last[FY_OBJECT_BYTES_MAX + 1];
    struct fy_object_mark marks[KEPT]; /* the first of them */
};
/* Their rows of it, one page after the other. */
struct there {
    struct fy_diff_rows page;
    size_t index;
    char after[FY_OBJECT_BYTES_MAX + 1]; /* of the page to come */
    bool begun;
};
struct compare {
    struct fy_backfill_turn *turn;
    const char *until; /* of the span */
    size_t index;      /* in here.marks */
    size_t looked;     /* names */
    struct here here;
    struct there there;
};

static void compare_free(struct compare **compare)
{
    fy_sha256_free((*compare)->here.hash);
    free(*compare);
}

/* ------------------------------------------------------------------ sums */

static bool take_mark(void *arg, const struct fy_object_mark *mark)
{
    struct here *here = arg;
    here->more = here->count == here->wanted;
    if (here->more)
        return false;
    if (here->count < KEPT)
        here->marks[here->count] = *mark;
    here->count++;
    fy_mark_sum(&here->sum, here->hash, mark);
    memcpy(here->last, mark->name, sizeof(here->last));
    return true;
}

static enum fy_code read_here(struct compare *compare, struct fy_err *err)
{
    struct here *here = &compare->here;
    const struct fy_backfill_turn *turn = compare->turn;
    here->wanted = turn->span;
    here->hash = fy_sha256_new();
    enum fy_code code = fy_catalogue_object_marks(turn->node->catalogue, turn->row->at.account,
                                                  turn->row->at.bucket, turn->row->prefix,
                                                  turn->row->at.object, take_mark, here, err);
    compare->until = here->more ? here->last : "";
    return code;
}

/* ------------------------------------------------------------------ rows */

static enum fy_code read_page(struct compare *compare, struct fy_err *err)
{
    struct there *there = &compare->there;
    struct fy_diff_rows *page = &there->page;
    const struct fy_diff_range range = {.after = there->after, .until = compare->until};
    there->begun = true;
    there->index = 0;
    if (atomic_load(&compare->turn->node->stopping)) /* a slow site may have many pages */
        return fy_err_set(err, FY_ECANCELLED, "this process is stopping");
    enum fy_code code = fy_backfill_ask_rows(compare->turn, &range, page, err);
    if (code != FY_OK)
        return code;
    if (page->count == 0)
        page->more = false;
    for (size_t i = 0; i < page->count; i++) {
        const char *name = page->rows[i].name;
        bool beyond = compare->until[0] != '\0' && strcmp(name, compare->until) > 0;
        if (beyond || strcmp(name, there->after) <= 0) /* beyond: names of ours would be skipped */
            return fy_err_set(err, FY_EPEER,
                              "%s lists names out of order or outside of their range",
                              compare->turn->site->id);
        memcpy(there->after, page->rows[i].name, sizeof(there->after));
    }
    return FY_OK;
}

/* The row under way, or NULL: there is none any more. */
static enum fy_code there_now(struct compare *compare, const struct fy_diff_row **row,
                              struct fy_err *err)
{
    struct there *there = &compare->there;
    enum fy_code code = FY_OK;
    while (code == FY_OK && there->index == there->page.count &&
           (!there->begun || there->page.more))
        code = read_page(compare, err);
    *row =
        code == FY_OK && there->index < there->page.count ? &there->page.rows[there->index] : NULL;
    return code;
}

static bool same_bytes(const struct fy_object_mark *mark, const struct fy_diff_row *row)
{
    struct fy_digest digest;
    return row->ready && row->size == mark->size &&
           (!mark->has_digest || !fy_digest_parse(row->hash, &digest) ||
            fy_digest_equal(&digest, &mark->digest));
}

/* What we have READY. Their newer change travels, or has travelled, by an order of its own; where
 * one change has two bodies, no order would be looked at: `ferry verify` tells whose is wrong. */
static void decide_here(struct compare *compare, const struct fy_object_mark *mark,
                        const struct fy_diff_row *row)
{
    struct fy_backfill_turn *turn = compare->turn;
    int newer = row != NULL ? fy_stamp_compare(&row->stamp, &mark->stamp) : -1;
    turn->row->looked++;
    if (newer < 0)
        fy_backfill_add_mark(turn, mark);
    else if (newer > 0 || !same_bytes(mark, row))
        turn->row->left++;
}

/* What only they have: gone here by a later delete, which they have not heard of, or not ours to
 * judge. */
static enum fy_code decide_there(struct compare *compare, const struct fy_diff_row *row,
                                 struct fy_err *err)
{
    struct fy_backfill_turn *turn = compare->turn;
    struct fy_object_key key = {.account = ""};
    struct fy_object_row ours;
    if (!row->ready)
        return FY_OK;
    memcpy(key.account, turn->row->at.account, sizeof(key.account));
    memcpy(key.bucket, turn->row->at.bucket, sizeof(key.bucket));
    memcpy(key.object, row->name, sizeof(key.object));
    enum fy_code code = fy_catalogue_object_get(turn->node->catalogue, &key, &ours, err);
    if (code != FY_OK && code != FY_ENOTFOUND)
        return code;
    turn->row->looked++;
    if (code == FY_OK && ours.reg.status == FY_STATUS_DELETED &&
        fy_stamp_compare(&ours.reg.stamp, &row->stamp) > 0)
        fy_backfill_add(turn, &(struct fy_backfill_change){.action = FY_ACTION_DELETE,
                                                           .object = row->name,
                                                           .stamp = &ours.reg.stamp,
                                                           .hash = ours.facts.hash});
    else
        turn->row->left++;
    return FY_OK;
}

/* The next name of either side; *over: there is none. */
static enum fy_code decide_next(struct compare *compare, bool *over, struct fy_err *err)
{
    const struct here *here = &compare->here;
    const struct fy_object_mark *mark =
        compare->index < here->count ? &here->marks[compare->index] : NULL;
    const struct fy_diff_row *row = NULL;
    enum fy_code code = there_now(compare, &row, err);
    *over = mark == NULL && row == NULL;
    if (code != FY_OK || *over)
        return code;
    int order = row == NULL ? -1 : mark == NULL ? 1 : strcmp(mark->name, row->name);
    memcpy(compare->turn->row->at.object, order <= 0 ? mark->name : row->name,
           sizeof(compare->turn->row->at.object));
    if (order <= 0)
        decide_here(compare, mark, order == 0 ? row : NULL);
    else
        code = decide_there(compare, row, err);
    compare->index += order <= 0 ? 1 : 0;
    compare->there.index += order >= 0 ? 1 : 0;
    return code;
}

static enum fy_code decide_all(struct compare *compare, bool *over, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    while (code == FY_OK && !*over && !fy_backfill_turn_full(compare->turn) &&
           compare->looked++ < FY_BACKFILL_LOOKED)
        code = decide_next(compare, over, err);
    return code;
}

/* ------------------------------------------------------------------ one span */

static void go_on_behind(struct compare *compare, bool *over)
{
    struct fy_backfill_row *row = compare->turn->row;
    *over = !compare->here.more;
    if (compare->here.more)
        memcpy(row->at.object, compare->here.last, sizeof(row->at.object));
}

static enum fy_code compare_span(struct compare *compare, bool *over, struct fy_err *err)
{
    struct fy_backfill_turn *turn = compare->turn;
    const struct fy_diff_range range = {.after = compare->there.after, .until = compare->until};
    bool all_seen = false;
    enum fy_backfill_has has = FY_BACKFILL_SOME;
    enum fy_code code = fy_backfill_ask_sum(turn, &range, &compare->here.sum, &has, err);
    if (code == FY_OK && has == FY_BACKFILL_SAME) {
        turn->row->looked += (int64_t)compare->here.count;
        turn->span = 2 * turn->span < FY_BACKFILL_SPAN ? 2 * turn->span : FY_BACKFILL_SPAN;
        go_on_behind(compare, over);
        return FY_OK;
    }
    if (turn->span > KEPT || code != FY_OK) {
        turn->span = KEPT; /* the next step looks closer */
        return code;
    }
    compare->there.begun = has == FY_BACKFILL_NONE; /* tombstones at most */
    code = decide_all(compare, &all_seen, err);
    if (code == FY_OK && all_seen)
        go_on_behind(compare, over);
    return code;
}

enum fy_code fy_backfill_compare(struct fy_backfill_turn *turn, bool *over, struct fy_err *err)
{
    FY_AUTO(compare_free) struct compare *compare = fy_alloc(sizeof(*compare));
    compare->turn = turn;
    memcpy(compare->there.after, turn->row->at.object, sizeof(compare->there.after));
    enum fy_code code = read_here(compare, err);
    return code == FY_OK ? compare_span(compare, over, err) : code;
}
