/* ferry_content.c - /ferry/v1/content and /objects: objects by their exact names, between Ferry
 * sites and for the command. */
/*
 * acct, ref and path in the query name account, container and object, percent-encoded once; any
 * bytes of UTF-8.
 */
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"
#include "api/change.h"
#include "api/page.h"
#include "api/put.h"
#include "api/query.h"
#include "common/core/names.h"

#define MODULE         "FERRY"
#define PAGE_BYTES_MAX (FY_LIST_PAGE_BYTES + FY_ACCESSOR_JSON_BYTES_MAX + 8 * FY_OBJECT_BYTES_MAX)
#define CONTENT        "/ferry/v1/content"

static enum fy_code read_key(struct fy_exchange *x, struct fy_object_key *key, struct fy_err *err)
{
    const char *path = fy_query(x, "path");
    enum fy_code code = fy_query_container(x, key, err);
    if (code != FY_OK)
        return code;
    if (path == NULL || !fy_exact_object_is_valid(path, strlen(path)))
        return fy_err_set(err, FY_EINPUT, "path: 1-1023 bytes of UTF-8");
    FY_ASSERT(fy_text_copy(key->object, sizeof(key->object), path));
    return FY_OK;
}

static void get_content(struct fy_exchange *x)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_object_key key;
    struct fy_err err = {0};
    FY_AUTO(fy_object_row_free) struct fy_object_row *row = fy_alloc(sizeof(*row));
    enum fy_code code = read_key(x, &key, &err);
    if (code == FY_OK)
        code = fy_ccs_may_read(x, key.account, key.bucket, &err);
    if (code == FY_OK)
        code = fy_catalogue_object_get(node->catalogue, &key, row, &err);
    if (code == FY_OK && row->reg.status != FY_STATUS_READY) {
        fy_stamp_header(x, &row->reg.stamp); /* a newer tombstone settles the puller's order */
        code = fy_err_set(&err, FY_ENOTFOUND, "Object not found: it is %s",
                          fy_status_name(row->reg.status));
    }
    if (code != FY_OK)
        fy_answer_error(x, &err);
    else if (fy_is_head(x)) {
        fy_ccs_object_headers(x, key.bucket, row);
        fy_answer_empty(x, 200);
    } else {
        fy_ccs_answer_body(x, key.bucket, row);
    }
}

static void begin_upload(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    if (read_key(x, &key, &err) == FY_OK)
        fy_put_begin(x, &key, false);
    else
        fy_answer_error(x, &err);
}

static void delete_content(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    if (read_key(x, &key, &err) == FY_OK)
        fy_change_object_delete(x, &key);
    else
        fy_answer_error(x, &err);
}

/* ---- listing, a page at a time */

struct listing {
    struct fy_node *node;
    const char *bucket;
    const char *until; /* "" : to the end */
    struct fy_page page;
    char last[FY_OBJECT_BYTES_MAX + 1];
};

static bool add_object(void *arg, const struct fy_object_row *row)
{
    struct listing *listing = arg;
    if (listing->until[0] != '\0' && strcmp(row->name, listing->until) > 0)
        return false;
    fy_ccs_object_json(listing->node, listing->bucket, row, fy_page_row(&listing->page));
    memcpy(listing->last, row->name, sizeof(listing->last));
    return fy_page_row_end(&listing->page);
}

static enum fy_code read_page(struct fy_exchange *x, struct fy_filter *filter, uint32_t *limit,
                              struct fy_err *err)
{
    const char *prefix = fy_query(x, "prefix");
    const char *after = fy_query(x, "after");
    const char *status = fy_query(x, "status");
    fy_filter_init(filter);
    if (prefix != NULL && !fy_text_copy(filter->name_prefix, sizeof(filter->name_prefix), prefix))
        return fy_err_set(err, FY_EINPUT, "prefix: too long");
    if (after != NULL && strlen(after) > FY_OBJECT_BYTES_MAX)
        return fy_err_set(err, FY_EINPUT, "after: too long");
    enum fy_status wanted = FY_STATUS_READY;
    if (status != NULL && strcmp(status, "ANY") != 0 && !fy_status_parse(status, &wanted))
        return fy_err_set(err, FY_EINPUT, "status: '%.40s' is neither ANY nor a status like READY",
                          status);
    if (status == NULL || strcmp(status, "ANY") != 0)
        filter->statuses = fy_filter_status_bit(wanted);
    return fy_query_limit(x, limit, err);
}

static void list_objects(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    struct listing listing = {.node = fy_node_of(x), .until = ""};
    struct fy_filter *filter = fy_alloc(sizeof(*filter));
    uint32_t limit = 0;
    enum fy_code code = fy_query_container(x, &key, &err);
    if (code == FY_OK)
        code = fy_ccs_may_read(x, key.account, key.bucket, &err);
    if (code == FY_OK)
        code = read_page(x, filter, &limit, &err);
    listing.bucket = key.bucket;
    if (fy_query(x, "until") != NULL)
        listing.until = fy_query(x, "until");
    fy_page_begin(&listing.page, "objects", PAGE_BYTES_MAX);
    if (code == FY_OK) {
        const char *after = fy_query(x, "after");
        code =
            fy_catalogue_object_list(listing.node->catalogue, key.account, key.bucket, filter,
                                     after != NULL ? after : "", limit, add_object, &listing, &err);
    }
    free(filter);
    fy_page_answer_names(x, &listing.page, limit, listing.last, code, &err);
}

static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("GET", CONTENT, MODULE, get_content),
    FY_CLIENT_ROUTE("HEAD", CONTENT, MODULE, get_content),
    FY_CLIENT_ROUTE("DELETE", CONTENT, MODULE, delete_content),
    FY_CLIENT_ROUTE("GET", "/ferry/v1/objects", MODULE, list_objects),
    FY_PUT_ROUTE("PUT", CONTENT, MODULE, begin_upload),
};
const struct fy_route_table fy_routes_content = {routes, FY_COUNT_OF(routes)};
