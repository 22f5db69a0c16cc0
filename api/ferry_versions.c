/* ferry_versions.c - versions of objects: which account's, and a page of them. */
#include <string.h>

#include "api/ccs.h"
#include "api/page.h"
#include "api/query.h"
#include "api/versions.h"

#define PAGE_BYTES_MAX (FY_LIST_PAGE_BYTES + FY_ACCESSOR_JSON_BYTES_MAX + 8 * FY_OBJECT_BYTES_MAX)

enum fy_code fy_versions_account(struct fy_exchange *x, struct fy_object_key *key,
                                 struct fy_err *err)
{
    struct fy_container_row row;
    if (key->account[0] != '\0')
        return FY_OK;
    enum fy_code code =
        fy_catalogue_container_get(fy_node_of(x)->catalogue, "", key->bucket, &row, err);
    if (code == FY_OK)
        memcpy(key->account, row.account, sizeof(key->account));
    return code;
}

struct versions {
    struct fy_node *node;
    const char *bucket;
    struct fy_page page;
    char last[FY_OBJECT_BYTES_MAX + 1];
    int64_t last_version;
};

static bool add_version(void *arg, const struct fy_version_entry *entry)
{
    struct versions *versions = arg;
    const struct fy_object_row *row = entry->row;
    struct fy_buf *json = fy_page_row(&versions->page);
    FY_ASSERT(row != NULL); /* no delimiter is asked for */
    fy_buf_text(json, "{");
    fy_buf_json_i64(json, "version", row->version);
    fy_buf_json_bool(json, "marker", row->marker);
    fy_buf_json_bool(json, "registered", row->registered);
    fy_buf_json_key(json, "object");
    fy_ccs_object_json(versions->node, versions->bucket, row, json);
    fy_buf_text(json, "}");
    memcpy(versions->last, row->name, sizeof(versions->last));
    versions->last_version = row->version;
    return fy_page_row_end(&versions->page);
}

static enum fy_code read_versions(struct fy_exchange *x, struct fy_version_query *query,
                                  struct fy_err *err)
{
    *query = (struct fy_version_query){
        .before = "", .delimiter = "", .all = true, .version_after = FY_UNSET, .version = FY_UNSET};
    enum fy_code code = fy_query_bound(x, "prefix", &query->prefix, err);
    if (code == FY_OK)
        code = fy_query_bound(x, "after", &query->after, err);
    if (code == FY_OK)
        code = fy_query_i64(x, "afterVersion", 1, INT64_MAX, &query->version_after, err);
    return code == FY_OK ? fy_query_limit(x, &query->limit, err) : code;
}

void fy_versions_list(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    struct fy_version_query query;
    struct versions versions = {.node = fy_node_of(x), .bucket = key.bucket};
    enum fy_code code = fy_query_container(x, &key, &err);
    if (code == FY_OK)
        code = fy_ccs_may_read(x, key.account, key.bucket, &err);
    if (code == FY_OK)
        code = fy_versions_account(x, &key, &err);
    if (code == FY_OK)
        code = read_versions(x, &query, &err);
    fy_page_begin(&versions.page, "versions", PAGE_BYTES_MAX);
    if (code == FY_OK) {
        query.account = key.account;
        query.bucket = key.bucket;
        code = fy_catalogue_version_list(versions.node->catalogue, &query, add_version, &versions,
                                         &err);
    }
    fy_page_answer_versions(x, &versions.page, code == FY_OK ? query.limit : 0, versions.last,
                            versions.last_version, code, &err);
}
