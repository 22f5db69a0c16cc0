/* diff_json_fuzz.c - what another site answers to a comparison, up to the merge of both sides. */
/* The first byte chooses what is read. What is taken is compared with itself: that names are in
 * order is core/diff's to see, and no difference may be found. */
#include "common/adapters/diff_json.h"
#include "tests/fuzz/fuzz.h"

struct side {
    struct fy_diff_parts parts;
    struct fy_diff_rows rows;
    unsigned asked;
};

static enum fy_code give_parts(void *arg, const struct fy_diff_range *range, unsigned bits,
                               struct fy_diff_parts *parts, struct fy_err *err)
{
    struct side *side = arg;
    (void)range, (void)bits;
    if (++side->asked > 100) /* an answer that never ends is the asker's to bear */
        return fy_err_set(err, FY_EBUSY, "enough");
    *parts = side->parts;
    return FY_OK;
}

static enum fy_code give_rows(void *arg, const struct fy_diff_range *range,
                              struct fy_diff_rows *rows, struct fy_err *err)
{
    struct side *side = arg;
    (void)range;
    if (++side->asked > 100)
        return fy_err_set(err, FY_EBUSY, "enough");
    *rows = side->rows;
    return FY_OK;
}

/* Sums that differ, so that rows are read. */
static enum fy_code give_one(void *arg, const struct fy_diff_range *range, unsigned bits,
                             struct fy_diff_parts *parts, struct fy_err *err)
{
    (void)arg, (void)range, (void)bits, (void)err;
    parts->count = 1;
    parts->parts[0] = (struct fy_diff_part){.count = 1};
    return FY_OK;
}

static enum fy_code give_none(void *arg, const struct fy_diff_range *range, unsigned bits,
                              struct fy_diff_parts *parts, struct fy_err *err)
{
    (void)give_one(arg, range, bits, parts, err);
    parts->parts[0].count = 0;
    return FY_OK;
}

static bool found(void *arg, enum fy_diff_kind kind, const struct fy_diff_row *here,
                  const struct fy_diff_row *there)
{
    unsigned *count = arg;
    FY_ASSERT((here == NULL) == (kind == FY_DIFF_THERE));
    FY_ASSERT((there == NULL) == (kind == FY_DIFF_HERE));
    (*count)++;
    return true;
}

/* The site with itself. */
static void compare(struct side *side, bool by_rows)
{
    unsigned count = 0;
    struct fy_err err = {0};
    struct fy_diff diff = {.here = {side, by_rows ? give_one : give_parts, give_rows},
                           .there = {side, by_rows ? give_none : give_parts, give_rows},
                           .older_ms = INT64_MAX,
                           .visit = found,
                           .arg = &count};
    enum fy_code code =
        fy_diff_sums(&diff, &(struct fy_diff_range){.after = "", .until = ""}, &err);
    bool named = code == FY_OK || code == FY_EPEER || code == FY_EBUSY;
    FY_ASSERT(named);
    FY_ASSERT(count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    bool by_rows = fuzz_byte(&data, &size_bytes) % 2 == 1;
    uint8_t *bytes = fuzz_copy(data, size_bytes);
    struct side *side = fy_alloc(sizeof(*side));
    struct fy_err err = {0};
    enum fy_code code =
        by_rows ? fy_diff_json_rows((const char *)bytes, size_bytes, &side->rows, &err)
                : fy_diff_json_parts((const char *)bytes, size_bytes, &side->parts, &err);
    if (code == FY_OK) {
        compare(side, by_rows);
    } else {
        FY_ASSERT(code == FY_EPEER);
        FY_ASSERT(err.text[0] != '\0');
    }
    free(side);
    free(bytes);
    return 0;
}
