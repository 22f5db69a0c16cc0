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

/* A line stands alone: a text that ends, and a place in time. */
static enum fy_code read_line(const char *bytes, size_t size_bytes, struct fy_err *err)
{
    struct fy_diff_row row;
    char site[FY_SITE_BYTES_MAX + 1];
    enum fy_code code = fy_diff_json_listed(bytes, size_bytes, &row, site, err);
    if (code == FY_OK) {
        FY_ASSERT(row.name[0] != '\0');
        FY_ASSERT(strlen(row.name) <= FY_OBJECT_BYTES_MAX);
        FY_ASSERT(strlen(row.hash) <= FY_HASH_BYTES_MAX);
        FY_ASSERT(strlen(site) <= FY_SITE_BYTES_MAX);
        FY_ASSERT(row.size >= 0);
        FY_ASSERT(fy_stamp_is_zero(&row.stamp));
    }
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    const unsigned kind = fuzz_byte(&data, &size_bytes) % 3;
    uint8_t *copy = fuzz_copy(data, size_bytes);
    const char *bytes = (const char *)copy;
    struct side *side = fy_alloc(sizeof(*side));
    struct fy_err err = {0};
    enum fy_code code = kind == 0   ? fy_diff_json_parts(bytes, size_bytes, &side->parts, &err)
                        : kind == 1 ? fy_diff_json_rows(bytes, size_bytes, &side->rows, &err)
                                    : read_line(bytes, size_bytes, &err);
    if (code == FY_OK && kind < 2) {
        compare(side, kind == 1);
    } else if (code != FY_OK) {
        FY_ASSERT(code == FY_EPEER);
        FY_ASSERT(err.text[0] != '\0');
    }
    free(side);
    free(copy);
    return 0;
}
