/* ferry_undelete.c - /ferry/v1/deleted and /undelete: what was deleted not long ago, brought back.
 */
/*
 * An undelete is a change of the client's, as an upload of the same bytes would be: a new stamp, an
 * order for the other sites. They keep what they delete as well, so that its bytes stay where they
 * are.
 */
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"
#include "api/page.h"
#include "api/query.h"
#include "common/core/filter.h"

#define MODULE         "FERRY"
#define PAGE_BYTES_MAX (FY_LIST_PAGE_BYTES + FY_ACCESSOR_JSON_BYTES_MAX + 8 * FY_OBJECT_BYTES_MAX)

/* ---- list */

struct listing {
    struct fy_node *node;
    const char *bucket;
    struct fy_page page;
    char last[FY_OBJECT_BYTES_MAX + 1];
};

static bool add_object(void *arg, const struct fy_object_row *row)
{
    struct listing *listing = arg;
    struct fy_buf *json = fy_page_row(&listing->page);
    int64_t deleted_ms = row->facts.creation_ms; /* of its last change */
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "bucket", listing->bucket);
    fy_buf_json_str(json, "name", row->name);
    fy_buf_json_i64(json, "size", row->size);
    fy_buf_json_str(json, "hash", row->facts.hash);
    fy_buf_json_instant(json, "deleted", deleted_ms);
    fy_buf_json_instant(json, "until", deleted_ms + listing->node->config->trash_keep_ms);
    fy_buf_text(json, "}");
    memcpy(listing->last, row->name, sizeof(listing->last));
    return fy_page_row_end(&listing->page);
}

static enum fy_code query_filter(struct fy_exchange *x, struct fy_filter *filter,
                                 struct fy_err *err)
{
    const char *prefix;
    const char *since = fy_query(x, "since");
    fy_filter_init(filter);
    filter->statuses = fy_filter_status_bit(FY_STATUS_DELETED);
    filter->kept = true;
    enum fy_code code = fy_query_bound(x, "prefix", &prefix, err);
    if (code != FY_OK)
        return code;
    FY_ASSERT(fy_text_copy(filter->name_prefix, sizeof(filter->name_prefix), prefix));
    if (since != NULL && fy_instant_parse(since, &filter->creation_after_ms) != FY_OK)
        return fy_err_set(err, FY_EINPUT, "since: '%.40s' is no time like 2026-01-31T12:00:00Z",
                          since);
    return FY_OK;
}

static void list_deleted(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    struct listing listing = {.node = fy_node_of(x), .bucket = key.bucket};
    struct fy_filter *filter = fy_alloc(sizeof(*filter));
    const char *after = "";
    uint32_t limit = 0;
    enum fy_code code = fy_query_container(x, &key, &err);
    if (code == FY_OK)
        code = fy_ccs_may_read(x, key.account, key.bucket, &err);
    if (code == FY_OK)
        code = query_filter(x, filter, &err);
    if (code == FY_OK)
        code = fy_query_bound(x, "after", &after, &err);
    if (code == FY_OK)
        code = fy_query_limit(x, &limit, &err);
    fy_page_begin(&listing.page, "deleted", PAGE_BYTES_MAX);
    if (code == FY_OK)
        code = fy_catalogue_object_list(listing.node->catalogue, key.account, key.bucket, filter,
                                        after, limit, add_object, &listing, &err);
    free(filter);
    fy_page_answer_names(x, &listing.page, limit, listing.last, code, &err);
}

/* ---- bring back */

static enum fy_code undelete(struct fy_exchange *x, const struct fy_object_key *key,
                             struct fy_object_row *row, struct fy_err *err)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_cat_undelete op = {.op = {.kind = FY_CAT_UNDELETE}, .key = *key};
    FY_ASSERT(fy_text_copy(op.client, sizeof(op.client), fy_client(x)));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(x)));
    enum fy_code code = fy_catalogue_writer_run(node->writer, &op.op, err);
    if (code != FY_OK)
        return code;
    fy_bell_ring(&node->outbox_bell);
    return fy_catalogue_object_get(node->catalogue, key, row, err);
}

static void post_undelete(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    FY_AUTO(fy_object_row_free) struct fy_object_row *row = fy_alloc(sizeof(*row));
    enum fy_code code = fy_query_object(x, &key, &err);
    if (code == FY_OK)
        code = undelete(x, &key, row, &err);
    if (code == FY_OK)
        fy_ccs_answer_object(x, 200, key.bucket, row);
    else
        fy_answer_error(x, &err);
}

static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("GET", "/ferry/v1/deleted", MODULE, list_deleted),
    FY_CLIENT_ROUTE("POST", "/ferry/v1/undelete", MODULE, post_undelete),
};
const struct fy_route_table fy_routes_undelete = {routes, FY_COUNT_OF(routes)};
