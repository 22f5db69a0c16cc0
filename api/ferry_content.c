/* ferry_content.c - /ferry/v1/content and /objects: objects by their exact names, between Ferry
 * sites and for the command. */
/*
 * acct, ref and path in the query name account, container and object, percent-encoded once; any
 * bytes of UTF-8. version names one of the object's versions, where the container keeps several.
 */
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"
#include "api/change.h"
#include "api/page.h"
#include "api/put.h"
#include "api/query.h"
#include "api/versions.h"

#define MODULE         "FERRY"
#define PAGE_BYTES_MAX (FY_LIST_PAGE_BYTES + FY_ACCESSOR_JSON_BYTES_MAX + 8 * FY_OBJECT_BYTES_MAX)
#define CONTENT        "/ferry/v1/content"

/* acct, ref, path, and version: 0 none. */
static enum fy_code read_query(struct fy_exchange *x, struct fy_object_key *key, int64_t *version,
                               struct fy_err *err)
{
    *version = 0;
    enum fy_code code = fy_query_object(x, key, err);
    return code == FY_OK ? fy_query_i64(x, "version", 1, FY_VERSION_MAX, version, err) : code;
}

/* What can be read without a version: the newest that has a body, which is what sites pull. */
static enum fy_code read_newest(struct fy_exchange *x, const struct fy_object_key *key,
                                struct fy_object_row *row, struct fy_err *err)
{
    enum fy_code code = fy_catalogue_object_get(fy_node_of(x)->catalogue, key, row, err);
    if (code != FY_OK || row->reg.status == FY_STATUS_READY)
        return code;
    fy_stamp_header(x, &row->reg.stamp); /* a newer tombstone settles the puller's order */
    return fy_err_set(err, FY_ENOTFOUND, "Object not found: it is %s",
                      fy_status_name(row->reg.status));
}

static enum fy_code read_version(struct fy_exchange *x, struct fy_object_key *key, int64_t version,
                                 struct fy_object_row *row, struct fy_err *err)
{
    enum fy_code code = fy_versions_account(x, key, err);
    if (code == FY_OK)
        code = fy_catalogue_version_get(fy_node_of(x)->catalogue, key, version, row, err);
    if (code == FY_OK && row->marker)
        code = fy_err_set(err, FY_ENOTFOUND, "Object not found: that version is a delete marker");
    if (code == FY_OK && row->registered)
        code = fy_err_set(err, FY_ENOTFOUND, "Object not found: that version has no body yet");
    return code;
}

static void get_content(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    int64_t version = 0;
    FY_AUTO(fy_object_row_free) struct fy_object_row *row = fy_alloc(sizeof(*row));
    enum fy_code code = read_query(x, &key, &version, &err);
    if (code == FY_OK)
        code = fy_ccs_may_read(x, key.account, key.bucket, &err);
    if (code == FY_OK)
        code = version == 0 ? read_newest(x, &key, row, &err)
                            : read_version(x, &key, version, row, &err);
    if (code != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    fy_version_header(x, row);
    if (fy_is_head(x)) {
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
    int64_t version = 0;
    if (read_query(x, &key, &version, &err) == FY_OK)
        fy_put_begin(x, &key, false, version);
    else
        fy_answer_error(x, &err);
}

static void delete_content(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    int64_t version = 0;
    if (read_query(x, &key, &version, &err) == FY_OK)
        fy_change_object_delete(x, &key, version);
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

/* Which names: prefix, after, until. */
static enum fy_code read_bounds(struct fy_exchange *x, struct fy_filter *filter, const char **after,
                                const char **until, struct fy_err *err)
{
    const char *prefix;
    enum fy_code code = fy_query_bound(x, "prefix", &prefix, err);
    if (code == FY_OK)
        code = fy_query_bound(x, "after", after, err);
    if (code == FY_OK)
        code = fy_query_bound(x, "until", until, err);
    if (code == FY_OK)
        FY_ASSERT(fy_text_copy(filter->name_prefix, sizeof(filter->name_prefix), prefix));
    return code;
}

static enum fy_code read_page(struct fy_exchange *x, struct fy_filter *filter, uint32_t *limit,
                              struct fy_err *err)
{
    const char *status = fy_query(x, "status");
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
    struct listing listing = {.node = fy_node_of(x), .until = "", .bucket = key.bucket};
    struct fy_filter *filter = fy_alloc(sizeof(*filter));
    const char *after = "";
    uint32_t limit = 0;
    enum fy_code code = fy_query_container(x, &key, &err);
    if (code == FY_OK)
        code = fy_ccs_may_read(x, key.account, key.bucket, &err);
    fy_filter_init(filter);
    if (code == FY_OK)
        code = read_bounds(x, filter, &after, &listing.until, &err);
    if (code == FY_OK)
        code = read_page(x, filter, &limit, &err);
    fy_page_begin(&listing.page, "objects", PAGE_BYTES_MAX);
    if (code == FY_OK)
        code = fy_catalogue_object_list(listing.node->catalogue, key.account, key.bucket, filter,
                                        after, limit, add_object, &listing, &err);
    free(filter);
    fy_page_answer_names(x, &listing.page, limit, listing.last, code, &err);
}

static void list_either(struct fy_exchange *x)
{
    const char *versions = fy_query(x, "versions");
    if (versions == NULL || strcmp(versions, "0") == 0)
        list_objects(x);
    else if (strcmp(versions, "1") == 0)
        fy_versions_list(x);
    else
        fy_answer_fail(x, FY_EINPUT, "versions: '%.40s' is neither 0 nor 1", versions);
}

static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("GET", CONTENT, MODULE, get_content),
    FY_CLIENT_ROUTE("HEAD", CONTENT, MODULE, get_content),
    FY_CLIENT_ROUTE("DELETE", CONTENT, MODULE, delete_content),
    FY_CLIENT_ROUTE("GET", "/ferry/v1/objects", MODULE, list_either),
    FY_PUT_ROUTE("PUT", CONTENT, MODULE, begin_upload),
};
const struct fy_route_table fy_routes_content = {routes, FY_COUNT_OF(routes)};
