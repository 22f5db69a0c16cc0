/* ferry_verify.c - /ferry/v1/verify and /damage: stored bodies hashed again, and what was found. */
/*
 * A scan is done by a worker of the site; here a person starts it, looks how far it is, stops it. A
 * site runs one at a time.
 */
#include <string.h>

#include "api/ccs.h"
#include "api/page.h"
#include "api/query.h"

#define MODULE     "FERRY"
#define VERIFY     "/ferry/v1/verify"
#define NAMES_MAX  FY_MEND_NAMES /* objects of a body that are told */
#define NAME_BYTES (6 * (FY_CLIENT_BYTES_MAX + FY_BUCKET_BYTES_MAX + FY_OBJECT_BYTES_MAX) + 64)
#define SCAN_BYTES (NAME_BYTES + 1024)
/* The last row is in it whole: its objects, with every byte of a name escaped. */
#define PAGE_BYTES_MAX (FY_LIST_PAGE_BYTES + NAMES_MAX * NAME_BYTES + 1024)

/* ---- the scan */

static const char *state_name(enum fy_scan_state state)
{
    switch (state) {
    case FY_SCAN_NONE:
        return "none";
    case FY_SCAN_RUNNING:
        return "running";
    case FY_SCAN_DONE:
        return "done";
    case FY_SCAN_STOPPED:
        return "stopped";
    }
    FY_UNREACHABLE();
}

static void answer_scan(struct fy_exchange *x, const struct fy_scan_row *row)
{
    struct fy_buf json;
    fy_buf_init(&json, SCAN_BYTES);
    fy_buf_text(&json, "{");
    fy_buf_json_i64(&json, "scan", row->number);
    fy_buf_json_str(&json, "state", state_name(row->state));
    fy_buf_json_bool(&json, "repair", row->mends);
    fy_buf_json_str(&json, "account", row->account);
    fy_buf_json_str(&json, "bucket", row->bucket);
    fy_buf_json_str(&json, "prefix", row->prefix);
    fy_buf_json_i64(&json, "bodies", row->bodies);
    fy_buf_json_i64(&json, "bytes", row->bytes);
    fy_buf_json_i64(&json, "damaged", row->damaged);
    fy_buf_json_i64(&json, "repaired", row->mended);
    fy_buf_json_instant(&json, "started", row->started_ms);
    fy_buf_json_instant(&json, "ended", row->ended_ms);
    fy_buf_text(&json, "}");
    fy_answer_json(x, 200, &json);
}

static void get_scan(struct fy_exchange *x)
{
    struct fy_scan_row row;
    struct fy_err err = {0};
    if (fy_catalogue_scan_get(fy_node_of(x)->catalogue, &row, &err) == FY_OK)
        answer_scan(x, &row);
    else
        fy_answer_error(x, &err);
}

/* What the query says is to be looked at. Without ref: everything. */
static enum fy_code query_scope(struct fy_exchange *x, struct fy_scan_row *row, struct fy_err *err)
{
    struct fy_object_key key = {0};
    struct fy_container_row container;
    const char *prefix = "";
    const char *repair = fy_query(x, "repair");
    row->mends = repair != NULL && strcmp(repair, "true") == 0;
    if (repair != NULL && !row->mends && strcmp(repair, "false") != 0)
        return fy_err_set(err, FY_EINPUT, "repair: '%.20s' is neither true nor false", repair);
    if (fy_query(x, "ref") == NULL) {
        if (fy_query(x, "prefix") != NULL || fy_query(x, "acct") != NULL)
            return fy_err_set(err, FY_EINPUT, "prefix and acct need ref, the bucket");
        return FY_OK;
    }
    enum fy_code code = fy_query_container(x, &key, err);
    if (code == FY_OK)
        code = fy_query_bound(x, "prefix", &prefix, err);
    if (code != FY_OK)
        return code;
    FY_ASSERT(fy_text_copy(row->prefix, sizeof(row->prefix), prefix));
    memcpy(row->account, key.account, sizeof(row->account));
    memcpy(row->bucket, key.bucket, sizeof(row->bucket));
    return fy_catalogue_container_get(fy_node_of(x)->catalogue, key.account, key.bucket, &container,
                                      err);
}

static void change_scan(struct fy_exchange *x, struct fy_cat_scan *scan)
{
    scan->op.kind = FY_CAT_SCAN;
    if (fy_catalogue_writer_run(fy_node_of(x)->writer, &scan->op, NULL) == FY_OK)
        answer_scan(x, &scan->row);
    else
        fy_answer_error(x, &scan->op.err);
}

static void start_scan(struct fy_exchange *x)
{
    struct fy_cat_scan scan = {.action = FY_SCAN_START};
    struct fy_err err = {0};
    if (query_scope(x, &scan.row, &err) == FY_OK)
        change_scan(x, &scan);
    else
        fy_answer_error(x, &err);
}

static void stop_scan(struct fy_exchange *x)
{
    struct fy_cat_scan scan = {.action = FY_SCAN_STOP};
    change_scan(x, &scan);
}

/* ---- what was found */

struct listing {
    struct fy_node *node;
    struct fy_page page;
    int64_t last_id;
    enum fy_code code; /* of a look for names */
    struct fy_err *err;
};

static bool add_name(void *arg, const struct fy_object_key *key, int64_t version)
{
    struct fy_buf *json = arg;
    fy_buf_json_next(json);
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "account", key->account);
    fy_buf_json_str(json, "bucket", key->bucket);
    fy_buf_json_str(json, "name", key->object);
    if (version != 0)
        fy_buf_json_i64(json, "version", version);
    fy_buf_text(json, "}");
    return true;
}

static bool add_row(void *arg, const struct fy_damage_row *row)
{
    struct listing *listing = arg;
    struct fy_buf *json = fy_page_row(&listing->page);
    char hash[FY_BASE32HEX_DIGITS + 1];
    fy_digest_print_base32hex(&row->body.digest, hash);
    listing->last_id = row->body.id;
    fy_buf_text(json, "{");
    fy_buf_json_i64(json, "id", row->body.id);
    fy_buf_json_str(json, "damage", fy_damage_name(row->damage));
    fy_buf_json_str(json, "state", row->mended_ms != 0 ? "repaired" : "damaged");
    fy_buf_json_i64(json, "scan", row->scan);
    fy_buf_json_instant(json, "found", row->found_ms);
    fy_buf_json_instant(json, "repaired", row->mended_ms);
    fy_buf_json_str(json, "from", row->from);
    fy_buf_json_str(json, "hash", hash);
    fy_buf_json_i64(json, "size", row->body.size);
    fy_buf_json_str(json, "blob", row->body.blob_ref);
    fy_buf_json_key(json, "objects");
    fy_buf_text(json, "[");
    listing->code = fy_catalogue_body_objects(listing->node->catalogue, row->body.id, NAMES_MAX,
                                              add_name, json, listing->err);
    fy_buf_text(json, "]}");
    return listing->code == FY_OK && fy_page_row_end(&listing->page);
}

static void list_damage(struct fy_exchange *x)
{
    struct fy_err err = {0};
    struct listing listing = {.node = fy_node_of(x), .err = &err};
    struct fy_damage_filter filter = {.scan = -1};
    enum fy_code code = fy_query_i64(x, "scan", 0, INT64_MAX, &filter.scan, &err);
    if (code == FY_OK)
        code = fy_query_i64(x, "after", 0, INT64_MAX, &filter.after_id, &err);
    if (code == FY_OK)
        code = fy_query_limit(x, &filter.limit, &err);
    fy_page_begin(&listing.page, "damage", PAGE_BYTES_MAX);
    if (code == FY_OK)
        code = fy_catalogue_damage_list(listing.node->catalogue, &filter, add_row, &listing, &err);
    if (code == FY_OK)
        code = listing.code;
    fy_page_answer_ids(x, &listing.page, filter.limit, listing.last_id, code, &err);
}

static const struct fy_route routes[] = {
    FY_ROUTE("GET", VERIFY, MODULE, get_scan),
    FY_ROUTE("POST", VERIFY, MODULE, start_scan),
    FY_ROUTE("DELETE", VERIFY, MODULE, stop_scan),
    FY_ROUTE("GET", "/ferry/v1/damage", MODULE, list_damage),
};
const struct fy_route_table fy_routes_verify = {routes, FY_COUNT_OF(routes)};
