/* ferry_digests.c - /ferry/v1/digests: sums over ranges of names, for two sites to be compared. */
/*
 * A part is cut behind each name that fy_diff_is_cut says, so that two sites cut alike. Only READY
 * objects count: a tombstone is no object, and the sweeper of one site may have dropped what the
 * other still keeps. Computed as asked: one walk over the range's rows, in short reads.
 */
#include <string.h>

#include "api/ccs.h"
#include "api/query.h"
#include "common/adapters/mark_sum.h"
#include "common/core/diff.h"

#define MODULE      "FERRY"
#define PART_BYTES  (6 * FY_OBJECT_BYTES_MAX + 128) /* a name escaped, count and sum */
#define BYTES_MAX   ((size_t)FY_DIFF_PARTS * PART_BYTES + 64)
#define LOOKED_ROWS 256

struct ask {
    struct fy_object_key key;
    const char *prefix, *after, *until; /* "" : none */
    int64_t older_ms;
    int64_t cut_bits;
    int64_t rows_max;
};

struct summing {
    const struct ask *ask;
    struct fy_clock *clock;
    int64_t until_ms; /* monotonic */
    struct fy_sha256 *hash;
    struct fy_buf json;
    size_t parts;
    int64_t rows;
    bool cut_short; /* the last part written is not to the end of the range */

    /* Since the last cut. */
    struct fy_sum sum;
    int64_t count;
};

/* ---- parts */

static void end_part(struct summing *summing, const char *until)
{
    char text[FY_SUM_DIGITS + 1];
    struct fy_buf *json = &summing->json;
    fy_sum_print(&summing->sum, text);
    fy_buf_json_next(json);
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "until", until);
    fy_buf_json_i64(json, "count", summing->count);
    fy_buf_json_str(json, "sum", text);
    fy_buf_text(json, "}");
    summing->parts++;
    summing->count = 0;
    summing->sum = (struct fy_sum){0};
}

/* The clock is asked now and then: it would cost a tenth of summing a row. */
static bool is_late(const struct summing *summing)
{
    return summing->rows % LOOKED_ROWS == 0 && fy_mono_ms(summing->clock) >= summing->until_ms;
}

static bool take_mark(void *arg, const struct fy_object_mark *mark)
{
    struct summing *summing = arg;
    const struct ask *ask = summing->ask;
    if (ask->until[0] != '\0' && strcmp(mark->name, ask->until) > 0)
        return false;
    if (fy_stamp_ms(&mark->stamp) <= ask->older_ms) {
        fy_mark_sum(&summing->sum, summing->hash, mark);
        summing->count++;
    }
    bool enough = ++summing->rows == ask->rows_max || is_late(summing);
    if (!enough && !fy_diff_is_cut(mark->name, (unsigned)ask->cut_bits))
        return true;
    end_part(summing, mark->name);
    summing->cut_short = enough || summing->parts == FY_DIFF_PARTS - 1;
    return !summing->cut_short;
}

static enum fy_code sum_up(struct fy_exchange *x, struct summing *summing, struct fy_err *err)
{
    const struct ask *ask = summing->ask;
    if (!fy_walk_begin(x, err))
        return err->code;
    summing->clock = fy_node_of(x)->clock;
    summing->until_ms = fy_mono_ms(summing->clock) + FY_DIGEST_MS_MAX;
    summing->hash = fy_sha256_new();
    enum fy_code code =
        fy_catalogue_object_marks(fy_node_of(x)->catalogue, ask->key.account, ask->key.bucket,
                                  ask->prefix, ask->after, take_mark, summing, err);
    fy_sha256_free(summing->hash);
    fy_walk_end(x);
    if (!summing->cut_short)
        end_part(summing, NULL);
    return code;
}

/* ---- the request */

static enum fy_code query_ask(struct fy_exchange *x, struct ask *ask, struct fy_err *err)
{
    *ask = (struct ask){
        .older_ms = INT64_MAX, .cut_bits = FY_DIFF_BITS, .rows_max = FY_DIGEST_ROWS_MAX};
    enum fy_code code = fy_query_container(x, &ask->key, err);
    if (code == FY_OK)
        code = fy_query_bound(x, "prefix", &ask->prefix, err);
    if (code == FY_OK)
        code = fy_query_bound(x, "after", &ask->after, err);
    if (code == FY_OK)
        code = fy_query_bound(x, "until", &ask->until, err);
    if (code == FY_OK)
        code = fy_query_i64(x, "olderThan", 0, INT64_MAX, &ask->older_ms, err);
    if (code == FY_OK)
        code = fy_query_i64(x, "cut", 0, FY_DIFF_BITS, &ask->cut_bits, err);
    if (code == FY_OK)
        code = fy_query_i64(x, "rows", 1, FY_DIGEST_ROWS_MAX, &ask->rows_max, err);
    return code;
}

static void get_digests(struct fy_exchange *x)
{
    struct ask ask;
    struct fy_err err = {0};
    struct summing summing = {.ask = &ask};
    enum fy_code code = query_ask(x, &ask, &err);
    if (code == FY_OK)
        code = fy_ccs_may_read(x, ask.key.account, ask.key.bucket, &err);
    fy_buf_init(&summing.json, BYTES_MAX);
    fy_buf_text(&summing.json, "{\"parts\":[");
    if (code == FY_OK)
        code = sum_up(x, &summing, &err);
    fy_buf_text(&summing.json, "]}");
    fy_answer_result(x, code, &summing.json, &err);
}

static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("GET", "/ferry/v1/digests", MODULE, get_digests),
};
const struct fy_route_table fy_routes_digests = {routes, FY_COUNT_OF(routes)};
