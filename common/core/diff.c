/* diff.c - a descent over two sides' sums, and a merge of their rows where the sums differ. */
#include "common/core/diff.h"

#include <stdlib.h>
#include <string.h>

#include "common/core/hash.h"

bool fy_diff_is_cut(const char *name, unsigned bits)
{
    FY_ASSERT(bits <= FY_DIFF_BITS);
    return (fy_hash_text(FY_HASH_START, name) & ((UINT64_C(1) << bits) - 1)) == 0;
}

static void free_memory(void *memory)
{
    free(*(void **)memory);
}

/* "" as the end of a range is above every name. */
static int compare_ends(const char *a, const char *b)
{
    if (a[0] == '\0' || b[0] == '\0')
        return (a[0] == '\0') - (b[0] == '\0');
    return strcmp(a, b);
}

static enum fy_code out_of_order(struct fy_err *err)
{
    return fy_err_set(err, FY_EPEER, "a site answers names out of order or outside of their range");
}

/* ------------------------------------------------------------------ rows */

struct row_cursor {
    const struct fy_diff_side *side;
    struct fy_diff_range range; /* after: the last name taken */
    struct fy_diff_rows *page;
    size_t index;
    char last[FY_OBJECT_BYTES_MAX + 1];
};

static const struct fy_diff_row *row_now(const struct row_cursor *cursor)
{
    return cursor->index < cursor->page->count ? &cursor->page->rows[cursor->index] : NULL;
}

static enum fy_code check_rows(const struct row_cursor *cursor, struct fy_err *err)
{
    const char *after = cursor->range.after;
    const struct fy_diff_rows *page = cursor->page;
    for (size_t index = 0; index < page->count; after = page->rows[index++].name)
        if (strcmp(page->rows[index].name, after) <= 0 ||
            compare_ends(page->rows[index].name, cursor->range.until) > 0)
            return out_of_order(err);
    return page->count == 0 && page->more ? out_of_order(err) : FY_OK;
}

static enum fy_code read_rows(struct row_cursor *cursor, struct fy_err *err)
{
    cursor->index = cursor->page->count = 0;
    cursor->page->more = false;
    enum fy_code code = cursor->side->rows(cursor->side->arg, &cursor->range, cursor->page, err);
    return code == FY_OK ? check_rows(cursor, err) : code;
}

/* The next row becomes the one that row_now tells. */
static enum fy_code row_step(struct row_cursor *cursor, struct fy_err *err)
{
    if (++cursor->index < cursor->page->count || !cursor->page->more)
        return FY_OK;
    memcpy(cursor->last, cursor->page->rows[cursor->page->count - 1].name, sizeof(cursor->last));
    cursor->range.after = cursor->last;
    return read_rows(cursor, err);
}

static bool same_body(const struct fy_diff_row *here, const struct fy_diff_row *there)
{
    struct fy_digest a, b;
    if (here->size != there->size)
        return false;
    if (here->hash[0] == '\0' || there->hash[0] == '\0')
        return true;
    if (fy_digest_parse(here->hash, &a) && fy_digest_parse(there->hash, &b))
        return fy_digest_equal(&a, &b); /* two texts may be the same hash */
    return strcmp(here->hash, there->hash) == 0;
}

static bool same(const struct fy_diff_row *here, const struct fy_diff_row *there)
{
    bool stamped = !fy_stamp_is_zero(&here->stamp) && !fy_stamp_is_zero(&there->stamp);
    return same_body(here, there) &&
           (!stamped || fy_stamp_compare(&here->stamp, &there->stamp) == 0);
}

/* A side that changed it just now may be ahead of the other by right, a deletion too. */
static bool is_young(const struct fy_diff *diff, const struct fy_diff_row *row)
{
    return row != NULL &&
           (fy_stamp_ms(&row->stamp) > diff->older_ms || row->changed_ms > diff->older_ms);
}

/* Of one name, what each side says or NULL. */
static bool judge(const struct fy_diff *diff, const struct fy_diff_row *here,
                  const struct fy_diff_row *there)
{
    if (is_young(diff, here) || is_young(diff, there))
        return true;
    here = here != NULL && here->ready ? here : NULL;
    there = there != NULL && there->ready ? there : NULL;
    if (here != NULL && there != NULL)
        return same(here, there) || diff->visit(diff->arg, FY_DIFF_CHANGED, here, there);
    if (here != NULL)
        return diff->visit(diff->arg, FY_DIFF_HERE, here, NULL);
    return there == NULL || diff->visit(diff->arg, FY_DIFF_THERE, NULL, there);
}

static enum fy_code merge_rows(const struct fy_diff *diff, struct row_cursor *here,
                               struct row_cursor *there, bool *go_on, struct fy_err *err)
{
    enum fy_code code = read_rows(here, err);
    if (code == FY_OK)
        code = read_rows(there, err);
    while (code == FY_OK && *go_on) {
        const struct fy_diff_row *a = row_now(here), *b = row_now(there);
        if (a == NULL && b == NULL)
            break;
        int order = a == NULL ? 1 : b == NULL ? -1 : strcmp(a->name, b->name);
        *go_on = judge(diff, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
        if (order <= 0)
            code = row_step(here, err);
        if (code == FY_OK && order >= 0)
            code = row_step(there, err);
    }
    return code;
}

static enum fy_code diff_rows(const struct fy_diff *diff, const struct fy_diff_range *range,
                              bool *go_on, struct fy_err *err)
{
    FY_AUTO(free_memory) struct fy_diff_rows *pages = fy_alloc(2 * sizeof(*pages));
    struct row_cursor here = {.side = &diff->here, .range = *range, .page = &pages[0]};
    struct row_cursor there = {.side = &diff->there, .range = *range, .page = &pages[1]};
    return merge_rows(diff, &here, &there, go_on, err);
}

/* ------------------------------------------------------------------ sums */

struct part_cursor {
    const struct fy_diff_side *side;
    struct fy_diff_range range;
    unsigned bits;
    struct fy_diff_parts *page;
    size_t index;
    char last[FY_OBJECT_BYTES_MAX + 1];
    struct fy_sum sum; /* since both sides were last cut at the same name */
    int64_t count;
};

static const struct fy_diff_part *part_now(const struct part_cursor *cursor)
{
    return &cursor->page->parts[cursor->index];
}

/* Every part ends behind the one before, within the range; only the last may be `to the end`. */
static enum fy_code check_parts(const struct part_cursor *cursor, struct fy_err *err)
{
    const struct fy_diff_parts *page = cursor->page;
    const char *after = cursor->range.after;
    if (page->count < 1 || page->count > FY_DIFF_PARTS)
        return out_of_order(err);
    for (size_t index = 0; index < page->count; after = page->parts[index++].until) {
        const char *until = page->parts[index].until;
        bool is_end = until[0] == '\0';
        if (page->parts[index].count < 0 || (is_end && index + 1 < page->count) ||
            (!is_end && strcmp(until, after) <= 0) ||
            (!is_end && compare_ends(until, cursor->range.until) > 0))
            return out_of_order(err);
    }
    return FY_OK;
}

static enum fy_code read_parts(struct part_cursor *cursor, struct fy_err *err)
{
    cursor->index = cursor->page->count = 0;
    enum fy_code code =
        cursor->side->parts(cursor->side->arg, &cursor->range, cursor->bits, cursor->page, err);
    return code == FY_OK ? check_parts(cursor, err) : code;
}

/* Counts the part that ends here, and goes to the next. */
static enum fy_code part_step(struct part_cursor *cursor, struct fy_err *err)
{
    const struct fy_diff_part *part = part_now(cursor);
    if (__builtin_add_overflow(cursor->count, part->count, &cursor->count))
        return fy_err_set(err, FY_EPEER, "a site answers more objects than there can be");
    fy_sum_add(&cursor->sum, &part->sum);
    if (part->until[0] == '\0' || ++cursor->index < cursor->page->count)
        return FY_OK;
    memcpy(cursor->last, part->until, sizeof(cursor->last));
    cursor->range.after = cursor->last;
    return read_parts(cursor, err);
}

static unsigned bits_for(int64_t count, unsigned below)
{
    unsigned bits = 0;
    while (bits < FY_DIFF_BITS && count >> (bits + 4) > 1)
        bits++;
    return bits < below ? bits : below - 1;
}

/* Of the range that differs: cut finer, or read. */
static enum fy_code descend(const struct fy_diff *diff, const struct fy_diff_range *range,
                            int64_t count, unsigned bits, bool *go_on, struct fy_err *err);

/* Both sides up to the next name where both are cut; it is left in until. */
static enum fy_code next_span(struct part_cursor *here, struct part_cursor *there,
                              char until[static FY_OBJECT_BYTES_MAX + 1], struct fy_err *err)
{
    int order;
    enum fy_code code = FY_OK;
    here->count = there->count = 0;
    here->sum = there->sum = (struct fy_sum){0};
    do {
        order = compare_ends(part_now(here)->until, part_now(there)->until);
        memcpy(until, part_now(order <= 0 ? here : there)->until, FY_OBJECT_BYTES_MAX + 1);
        if (order <= 0)
            code = part_step(here, err);
        if (code == FY_OK && order >= 0)
            code = part_step(there, err);
    } while (code == FY_OK && order != 0);
    return code;
}

static enum fy_code diff_parts(const struct fy_diff *diff, const struct fy_diff_range *range,
                               unsigned bits, bool *go_on, struct fy_err *err)
{
    FY_AUTO(free_memory) struct fy_diff_parts *pages = fy_alloc(2 * sizeof(*pages));
    struct part_cursor here = {&diff->here, *range, bits, .page = &pages[0]};
    struct part_cursor there = {&diff->there, *range, bits, .page = &pages[1]};
    char after[FY_OBJECT_BYTES_MAX + 1];
    char until[FY_OBJECT_BYTES_MAX + 1] = "";
    if (!fy_text_copy(after, sizeof(after), range->after))
        return fy_err_set(err, FY_EINPUT, "the name to go on after is too long");
    enum fy_code code = read_parts(&here, err);
    if (code == FY_OK)
        code = read_parts(&there, err);
    while (code == FY_OK && *go_on) {
        code = next_span(&here, &there, until, err);
        if (code != FY_OK)
            return code;
        const bool is_end = until[0] == '\0';
        const struct fy_diff_range span = {after, is_end ? range->until : until};
        const int64_t count = here.count > there.count ? here.count : there.count;
        if (here.count != there.count || !fy_sum_equal(&here.sum, &there.sum))
            code = descend(diff, &span, count, bits, go_on, err);
        if (is_end)
            return code;
        memcpy(after, until, sizeof(after));
    }
    return code;
}

/* Each level is cut at fewer bits than the one before, so that there are at most FY_DIFF_BITS. */
static enum fy_code descend(const struct fy_diff *diff, const struct fy_diff_range *range,
                            int64_t count, unsigned bits, bool *go_on, struct fy_err *err)
{
    if (count <= FY_DIFF_FEW || bits == 0)
        return diff_rows(diff, range, go_on, err);
    return diff_parts(diff, range, bits_for(count, bits), go_on, err);
}

enum fy_code fy_diff_sums(const struct fy_diff *diff, const struct fy_diff_range *range,
                          struct fy_err *err)
{
    bool go_on = true;
    return diff_parts(diff, range, FY_DIFF_BITS, &go_on, err);
}

enum fy_code fy_diff_lists(const struct fy_diff *diff, const struct fy_diff_range *range,
                           struct fy_err *err)
{
    bool go_on = true;
    return diff_rows(diff, range, &go_on, err);
}
