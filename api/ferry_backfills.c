/* ferry_backfills.c - /ferry/v1/backfills: orders for what was here before a site, in the
 * background. */
/*
 * Begun, looked at and cancelled here; a worker does them (worker/backfill.c). Like the topology
 * they are the operator's, and no client's.
 */
#include <stdlib.h>
#include <string.h>

#include "api/page.h"
#include "api/query.h"
#include "common/adapters/json_fields.h"
#include "common/core/names.h"
#include "common/core/targets.h"
#include "common/runtime/backfill_guard.h"

#define MODULE "FERRY"
/* Texts escaped, twice the container; numbers and words. */
#define ROW_BYTES_MAX                                                                              \
    (6 * (2 * (FY_CLIENT_BYTES_MAX + FY_BUCKET_BYTES_MAX + FY_OBJECT_BYTES_MAX) +                  \
          FY_OP_ID_BYTES_MAX + FY_SITE_BYTES_MAX + FY_ERR_TEXT_BYTES) +                            \
     1024)
#define PAGE_BYTES_MAX (FY_LIST_PAGE_BYTES + ROW_BYTES_MAX)
#define RATE_MAX       1000000 /* orders a second: beyond what any site does */

/* ---- rows */

static const char *state_name(enum fy_backfill_state state)
{
    switch (state) {
    case FY_BACKFILL_RUNNING:
        return "running";
    case FY_BACKFILL_DONE:
        return "done";
    case FY_BACKFILL_CANCELLED:
        return "cancelled";
    case FY_BACKFILL_STOPPED:
        return "stopped";
    }
    return "";
}

static void row_json(const struct fy_backfill_row *row, struct fy_buf *json)
{
    fy_buf_text(json, "{");
    fy_buf_json_i64(json, "id", row->id);
    fy_buf_json_str(json, "state", state_name(row->state));
    fy_buf_json_filled(json, "note", row->note);
    fy_buf_json_str(json, "opId", row->op_id);
    fy_buf_json_str(json, "to", row->site);
    fy_buf_json_filled(json, "account", row->account);
    fy_buf_json_filled(json, "bucket", row->bucket);
    fy_buf_json_filled(json, "prefix", row->prefix);
    fy_buf_json_i64(json, "rate", row->rate);
    fy_buf_json_bool(json, "all", row->whole);
    fy_buf_json_bool(json, "force", row->forced);
    fy_buf_json_bool(json, "dryRun", row->dry_run);
    fy_buf_json_instant(json, "begun", row->begun_ms);
    fy_buf_json_instant(json, "changed", row->changed_ms);
    fy_buf_json_i64(json, "looked", row->looked);
    fy_buf_json_i64(json, "ordered", row->ordered);
    fy_buf_json_i64(json, "bytes", row->bytes);
    fy_buf_json_i64(json, "left", row->left);
    fy_buf_json_key(json, "at");
    fy_buf_text(json, "{");
    fy_buf_json_filled(json, "account", row->at.account);
    fy_buf_json_filled(json, "bucket", row->at.bucket);
    fy_buf_json_filled(json, "object", row->at.object);
    fy_buf_text(json, "}}");
}

static void answer_row(struct fy_exchange *x, int http_status, const struct fy_backfill_row *row)
{
    struct fy_buf json;
    fy_buf_init(&json, ROW_BYTES_MAX);
    row_json(row, &json);
    fy_answer_json(x, http_status, &json);
}

static bool copy_row(void *arg, const struct fy_backfill_row *row)
{
    *(struct fy_backfill_row *)arg = *row;
    return false;
}

static enum fy_code find_row(struct fy_exchange *x, int64_t id, struct fy_backfill_row *row,
                             struct fy_err *err)
{
    row->id = 0;
    enum fy_code code =
        fy_catalogue_backfill_list(fy_node_of(x)->catalogue, id - 1, 1, copy_row, row, err);
    if (code == FY_OK && row->id != id)
        return fy_err_set(err, FY_ENOTFOUND, "there is no backfill %lld", (long long)id);
    return code;
}

/* ---- list and one */

struct listing {
    struct fy_page page;
    int64_t last_id;
};

static bool add_row(void *arg, const struct fy_backfill_row *row)
{
    struct listing *listing = arg;
    listing->last_id = row->id;
    row_json(row, fy_page_row(&listing->page));
    return fy_page_row_end(&listing->page);
}

static void list_backfills(struct fy_exchange *x)
{
    struct listing listing = {.last_id = 0};
    struct fy_err err = {0};
    int64_t after = 0;
    uint32_t limit = 0;
    enum fy_code code = fy_query_i64(x, "after", 0, INT64_MAX, &after, &err);
    if (code == FY_OK)
        code = fy_query_limit(x, &limit, &err);
    fy_page_begin(&listing.page, "backfills", PAGE_BYTES_MAX);
    if (code == FY_OK)
        code = fy_catalogue_backfill_list(fy_node_of(x)->catalogue, after, limit, add_row, &listing,
                                          &err);
    fy_page_answer_ids(x, &listing.page, limit, listing.last_id, code, &err);
}

static void get_backfill(struct fy_exchange *x)
{
    struct fy_backfill_row row;
    struct fy_err err = {0};
    int64_t id = 0;
    enum fy_code code = fy_path_id(x, "backfill", &id, &err);
    if (code == FY_OK)
        code = find_row(x, id, &row, &err);
    if (code == FY_OK)
        answer_row(x, 200, &row);
    else
        fy_answer_error(x, &err);
}

/* ---- begin */

static const struct fy_json_field fields[] = {
#define FIELD(name, kind, required, member)                                                        \
    FY_JSON_FIELD(struct fy_backfill_row, name, kind, required, member)
    FIELD("to", FY_JSON_WORD, true, site),        FIELD("account", FY_JSON_WORD, false, account),
    FIELD("bucket", FY_JSON_WORD, false, bucket), FIELD("prefix", FY_JSON_TEXT, false, prefix),
    FIELD("rate", FY_JSON_I64, false, rate),      FIELD("all", FY_JSON_BOOL, false, whole),
    FIELD("force", FY_JSON_BOOL, false, forced),  FIELD("dryRun", FY_JSON_BOOL, false, dry_run),
#undef FIELD
};

static enum fy_code check_words(const struct fy_node *node, const struct fy_backfill_row *row,
                                struct fy_err *err)
{
    if (strcmp(row->site, node->site) == 0)
        return fy_err_set(err, FY_EINPUT, "to: that is this site itself");
    if (row->rate < 0 || row->rate > RATE_MAX)
        return fy_err_set(err, FY_EINPUT, "rate: 0 (any) to %d orders a second", RATE_MAX);
    if (row->bucket[0] == '\0' && (row->account[0] != '\0' || row->prefix[0] != '\0'))
        return fy_err_set(err, FY_EINPUT, "account and prefix are of a bucket, which is missing");
    if (row->bucket[0] != '\0' && !fy_exact_bucket_is_valid(row->bucket, strlen(row->bucket)))
        return fy_err_set(err, FY_EINPUT, "bucket: 1-1023 bytes of UTF-8");
    if (row->account[0] != '\0' && !fy_exact_client_is_valid(row->account, strlen(row->account)))
        return fy_err_set(err, FY_EINPUT, "account: 1-255 bytes of UTF-8");
    if (!fy_utf8_is_valid(row->prefix, strlen(row->prefix)))
        return fy_err_set(err, FY_EINPUT, "prefix: no UTF-8");
    return FY_OK;
}

/* The container that was named: whose it is, and whether its changes go to the site at all. */
static enum fy_code find_container(struct fy_node *node, struct fy_backfill_row *row,
                                   struct fy_err *err)
{
    struct fy_container_row container;
    char targets[FY_TARGETS_BYTES_MAX + 1];
    enum fy_code code =
        fy_catalogue_container_get(node->catalogue, row->account, row->bucket, &container, err);
    if (code != FY_OK)
        return code;
    memcpy(row->account, container.account, sizeof(row->account));
    code = fy_catalogue_targets_get(node->catalogue, row->account, row->bucket, targets, err);
    if (code == FY_OK && !row->forced && !fy_targets_include(targets, row->site))
        return fy_err_set(err, FY_EEXISTS,
                          "bucket %s is replicated to %s only: name %s among its targets, or force",
                          row->bucket, targets, row->site);
    return code;
}

static enum fy_code check(struct fy_node *node, struct fy_backfill_row *row, struct fy_err *err)
{
    struct fy_site_row site;
    enum fy_code code = check_words(node, row, err);
    if (code == FY_OK)
        code = fy_catalogue_site_get(node->catalogue, row->site, &site, err);
    if (code == FY_OK && row->bucket[0] != '\0')
        code = find_container(node, row, err);
    if (code == FY_OK && !row->forced)
        code = fy_backfill_guard(node, row->account, row->bucket, err);
    return code;
}

static void post_backfill(struct fy_exchange *x)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_cat_backfill op = {.op.kind = FY_CAT_BACKFILL, .action = FY_BACKFILL_BEGIN};
    struct fy_err err = {0};
    size_t size_bytes;
    const char *body = fy_body(x, &size_bytes);
    enum fy_code code =
        fy_json_fields_read_only(body, size_bytes, fields, FY_COUNT_OF(fields), &op.row, &err);
    if (code == FY_OK)
        code = check(node, &op.row, &err);
    if (code != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    FY_ASSERT(fy_text_copy(op.row.op_id, sizeof(op.row.op_id), fy_op_id(x)));
    if (fy_catalogue_writer_run(node->writer, &op.op, NULL) == FY_OK)
        answer_row(x, 201, &op.row);
    else
        fy_answer_error(x, &op.op.err);
}

/* ---- cancel */

static void cancel_backfill(struct fy_exchange *x)
{
    struct fy_cat_backfill op = {.op.kind = FY_CAT_BACKFILL, .action = FY_BACKFILL_CANCEL};
    struct fy_backfill_row row;
    struct fy_err err = {0};
    enum fy_code code = fy_path_id(x, "backfill", &op.row.id, &err);
    if (code == FY_OK)
        code = fy_catalogue_writer_run(fy_node_of(x)->writer, &op.op, &err);
    if (code == FY_OK)
        code = find_row(x, op.row.id, &row, &err);
    if (code == FY_OK)
        answer_row(x, 200, &row);
    else
        fy_answer_error(x, &err);
}

#define BACKFILLS "/ferry/v1/backfills"
static const struct fy_route routes[] = {
    FY_ROUTE("GET", BACKFILLS, MODULE, list_backfills),
    FY_JSON_ROUTE("POST", BACKFILLS, MODULE, post_backfill),
    FY_ROUTE("GET", BACKFILLS "/{backfill}", MODULE, get_backfill),
    FY_ROUTE("POST", BACKFILLS "/{backfill}/cancel", MODULE, cancel_backfill),
};
const struct fy_route_table fy_routes_backfills = {routes, FY_COUNT_OF(routes)};
