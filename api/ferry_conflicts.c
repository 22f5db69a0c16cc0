/* ferry_conflicts.c - /ferry/v1/conflicts: bodies that lost a conflict; a person lists, reads,
 * drops them. */
/*
 * They are kept where they lost, for conflicts.keep. Putting the bytes again is how one is
 * restored: a new change, which wins everywhere.
 */
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"
#include "api/page.h"
#include "api/query.h"
#include "common/adapters/json_fields.h"

#define MODULE "FERRY"
/* The last row is in it whole: its object, and whose it is. */
#define PAGE_BYTES_MAX (FY_LIST_PAGE_BYTES + 2 * FY_ACCESSOR_JSON_BYTES_MAX)
#define DROP_ROWS      FY_LIST_PAGE_MAX /* of one transaction */

/* ---- list */

static enum fy_code query_filter(struct fy_exchange *x, struct fy_conflict_filter *filter,
                                 struct fy_err *err)
{
    *filter = (struct fy_conflict_filter){.id = -1};
    enum fy_code code = fy_query_i64(x, "id", 1, INT64_MAX, &filter->id, err);
    if (code == FY_OK)
        code = fy_query_word(x, "site", filter->site, sizeof(filter->site), err);
    if (code == FY_OK)
        code = fy_query_word(x, "bucket", filter->bucket, sizeof(filter->bucket), err);
    if (code == FY_OK)
        code = fy_query_i64(x, "after", 0, INT64_MAX, &filter->after_id, err);
    if (code == FY_OK)
        code = fy_query_limit(x, &filter->limit, err);
    return code;
}

struct listing {
    struct fy_node *node;
    struct fy_page page;
    int64_t last_id;
};

static bool add_row(void *arg, const struct fy_conflict_row *row)
{
    struct listing *listing = arg;
    struct fy_buf *json = fy_page_row(&listing->page);
    char winner[FY_STAMP_TEXT_BYTES];
    fy_stamp_print(&row->winner, winner);
    listing->last_id = row->id;
    fy_buf_text(json, "{");
    fy_buf_json_i64(json, "id", row->id);
    fy_buf_json_str(json, "reason", fy_reason_name(FY_CONFLICT));
    fy_buf_json_str(json, "account", row->account);
    fy_buf_json_str(json, "winner", winner);
    fy_buf_json_str(json, "action", fy_action_name(row->action));
    fy_buf_json_instant(json, "at", row->at_ms);
    fy_buf_json_instant(json, "until", row->at_ms + listing->node->config->conflicts_keep_ms);
    fy_buf_json_key(json, "loser");
    fy_ccs_object_json(listing->node, row->bucket, &row->loser, json);
    fy_buf_text(json, "}");
    return fy_page_row_end(&listing->page);
}

static void list_conflicts(struct fy_exchange *x)
{
    struct listing listing = {.node = fy_node_of(x)};
    struct fy_conflict_filter filter;
    struct fy_err err = {0};
    enum fy_code code = query_filter(x, &filter, &err);
    fy_page_begin(&listing.page, "conflicts", PAGE_BYTES_MAX);
    if (code == FY_OK)
        code =
            fy_catalogue_conflict_list(listing.node->catalogue, &filter, add_row, &listing, &err);
    fy_page_answer_ids(x, &listing.page, filter.limit, listing.last_id, code, &err);
}

/* ---- the body */

static void row_free(struct fy_conflict_row **row)
{
    free(*row);
}

static bool keep_row(void *arg, const struct fy_conflict_row *row)
{
    *(struct fy_conflict_row *)arg = *row;
    return false;
}

static enum fy_code find_row(struct fy_exchange *x, struct fy_conflict_row *row, struct fy_err *err)
{
    struct fy_conflict_filter filter = {.id = -1, .limit = 1};
    enum fy_code code = fy_path_id(x, "conflict", &filter.id, err);
    if (code == FY_OK)
        code = fy_catalogue_conflict_list(fy_node_of(x)->catalogue, &filter, keep_row, row, err);
    if (code == FY_OK && row->id != filter.id)
        code = fy_err_set(err, FY_ENOTFOUND, "no losing body is kept under id %lld",
                          (long long)filter.id);
    return code;
}

static void get_content(struct fy_exchange *x)
{
    struct fy_err err = {0};
    FY_AUTO(row_free) struct fy_conflict_row *row = fy_alloc(sizeof(*row));
    enum fy_code code = find_row(x, row, &err);
    if (code == FY_OK)
        code = fy_ccs_may_read(x, row->account, row->bucket, &err);
    if (code == FY_OK)
        fy_ccs_answer_body(x, row->bucket, &row->loser);
    else
        fy_answer_error(x, &err);
}

/* ---- drop: the words of the list in a JSON body; an empty one is refused, and so is an unknown
 * key: neither must end in dropping all. */

struct drop_words {
    int64_t id;
    char site[FY_SITE_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    bool dry_run;
};
#define FIELD(name, kind, member) FY_JSON_FIELD(struct drop_words, name, kind, false, member)
static const struct fy_json_field fields[] = {
    FIELD("id", FY_JSON_ID, id),
    FIELD("site", FY_JSON_WORD, site),
    FIELD("bucket", FY_JSON_WORD, bucket),
    FIELD("dryRun", FY_JSON_BOOL, dry_run),
};

static enum fy_code drop_all(struct fy_node *node, const struct drop_words *words, int64_t *matched,
                             struct fy_err *err)
{
    struct fy_cat_conflict_drop drop = {.last_id = 0};
    *matched = 0;
    do {
        int64_t after_id = drop.last_id;
        drop = (struct fy_cat_conflict_drop){
            .op = {.kind = FY_CAT_CONFLICT_DROP},
            .filter = {.id = words->id, .after_id = after_id, .limit = DROP_ROWS},
            .dry_run = words->dry_run,
        };
        memcpy(drop.filter.site, words->site, sizeof(drop.filter.site));
        memcpy(drop.filter.bucket, words->bucket, sizeof(drop.filter.bucket));
        enum fy_code code = fy_catalogue_writer_run(node->writer, &drop.op, err);
        if (code != FY_OK)
            return code;
        *matched += drop.matched;
    } while (drop.matched == DROP_ROWS);
    return FY_OK;
}

static void drop_conflicts(struct fy_exchange *x)
{
    struct drop_words words = {.id = -1};
    struct fy_err err = {0};
    int64_t matched = 0;
    size_t size_bytes;
    const char *body = fy_body(x, &size_bytes);
    enum fy_code code =
        fy_json_fields_read_only(body, size_bytes, fields, FY_COUNT_OF(fields), &words, &err);
    if (code == FY_OK)
        code = drop_all(fy_node_of(x), &words, &matched, &err);
    if (code != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    struct fy_buf json;
    fy_buf_init(&json, 256);
    fy_buf_text(&json, "{");
    fy_buf_json_i64(&json, "matched", matched);
    fy_buf_json_bool(&json, "dryRun", words.dry_run);
    fy_buf_text(&json, "}");
    fy_answer_json(x, 200, &json);
}

static const struct fy_route routes[] = {
    {.method = "GET", .pattern = "/ferry/v1/conflicts", .module = MODULE, .handle = list_conflicts},
    {.method = "GET",
     .pattern = "/ferry/v1/conflicts/{conflict}/content",
     .module = MODULE,
     .client_required = true,
     .handle = get_content},
    {.method = "POST",
     .pattern = "/ferry/v1/conflicts/drop",
     .module = MODULE,
     .body = FY_BODY_WHOLE,
     .body_max = FY_JSON_BODY_BYTES_MAX,
     .handle = drop_conflicts},
};
const struct fy_route_table fy_routes_conflicts = {routes, FY_COUNT_OF(routes)};
