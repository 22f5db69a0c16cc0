/* accessor_bucket.c - /cloudclonestore and /cloudclonestore/{bucket}: a client's buckets
 * (spec 6.1). */
#include <string.h>

#include "api/ccs.h"
#include "api/change.h"
#include "common/core/names.h"

#define MODULE            "ACCESSOR"
#define BUCKETS_PAGE      500
#define BUCKETS_BYTES_MAX (64 << 20) /* CCS answers all of a client's buckets at once */

struct bucket_list {
    struct fy_node *node;
    struct fy_buf json;
    char after[FY_BUCKET_BYTES_MAX + 1];
    uint32_t rows;
};

static bool add_bucket(void *arg, const struct fy_container_row *row)
{
    struct bucket_list *list = arg;
    fy_buf_json_next(&list->json);
    fy_ccs_bucket_json(list->node, row, &list->json);
    memcpy(list->after, row->name, sizeof(list->after));
    list->rows++;
    return true;
}

static void list_buckets(struct fy_exchange *x)
{
    struct bucket_list list = {.node = fy_node_of(x)};
    struct fy_err err = {0};
    enum fy_code code;
    fy_buf_init(&list.json, BUCKETS_BYTES_MAX);
    fy_buf_text(&list.json, "[");
    do {
        list.rows = 0;
        code = fy_catalogue_container_list(list.node->catalogue, fy_client(x), true, list.after,
                                           BUCKETS_PAGE, add_bucket, &list, &err);
    } while (code == FY_OK && list.rows == BUCKETS_PAGE && !list.json.overflow);
    fy_buf_text(&list.json, "]");
    if (code == FY_OK && list.json.overflow)
        code = fy_err_set(&err, FY_ETOOBIG, "too many buckets for one answer");
    fy_answer_result(x, code, &list.json, &err);
}

static void get_bucket(struct fy_exchange *x)
{
    fy_ccs_get_bucket(x, false);
}

static enum fy_code create(struct fy_exchange *x, const char *bucket, struct fy_container_row *row,
                           struct fy_err *err)
{
    /* A bad client-id is refused before it blocks the bucket's name (spec 2.4, 8). */
    if (!fy_ccs_client_is_valid(fy_client(x)))
        return fy_err_set(err, FY_EINPUT, "client-id: 3-63 of 0-9 a-z -");
    return fy_change_bucket_create(x, bucket, NULL, row, err);
}

static void post_bucket(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_container_row row;
    struct fy_err err = {0};
    enum fy_code code = fy_ccs_path_key(x, &key, &err);
    if (code == FY_OK)
        code = create(x, key.bucket, &row, &err);
    if (code != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    fy_ccs_answer_bucket(x, 201, &row);
}

static void delete_bucket(struct fy_exchange *x)
{
    struct fy_object_key key;
    if (fy_ccs_key_or_404(x, &key))
        fy_change_bucket_delete(x, "", key.bucket);
}

static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("GET", "/cloudclonestore", MODULE, list_buckets),
    FY_CLIENT_ROUTE("GET", "/cloudclonestore/", MODULE, list_buckets),
    FY_CLIENT_ROUTE("GET", "/cloudclonestore/{bucket}", MODULE, get_bucket),
    FY_CLIENT_ROUTE("HEAD", "/cloudclonestore/{bucket}", MODULE, fy_ccs_head_bucket),
    FY_CLIENT_ROUTE("POST", "/cloudclonestore/{bucket}", MODULE, post_bucket),
    FY_CLIENT_ROUTE("DELETE", "/cloudclonestore/{bucket}", MODULE, delete_bucket),
};
const struct fy_route_table fy_routes_buckets = {routes, FY_COUNT_OF(routes)};
