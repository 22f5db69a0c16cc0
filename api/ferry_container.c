/* ferry_container.c - /ferry/v1/container and /containers: containers by account and exact name. */
#include <string.h>

#include "api/ccs.h"
#include "api/change.h"
#include "api/page.h"
#include "api/query.h"
#include "common/core/names.h"
#include "common/core/targets.h"

#define MODULE         "FERRY"
#define ROW_BYTES_MAX  (4096 + 8 * FY_BUCKET_BYTES_MAX + 8 * FY_CLIENT_BYTES_MAX)
#define PAGE_BYTES_MAX (FY_LIST_PAGE_BYTES + ROW_BYTES_MAX + 8 * FY_BUCKET_BYTES_MAX)

/* `status` is what a client sees; `present` and `stamp` are the register's own word, which is what
 * another site must apply (DESIGN 3). */
static void container_json(const struct fy_container_row *row, struct fy_buf *json)
{
    char stamp[FY_STAMP_TEXT_BYTES];
    fy_stamp_print(&row->reg.stamp, stamp);
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "account", row->account);
    fy_buf_json_str(json, "name", row->name);
    fy_buf_json_str(json, "status", fy_status_name(row->status));
    fy_buf_json_bool(json, "present", row->reg.status == FY_STATUS_READY);
    fy_buf_json_filled(json, "stamp", stamp);
    fy_buf_json_instant(json, "creation", row->creation_ms);
    fy_buf_json_instant(json, "expires", row->expires_ms);
    fy_buf_json_bool(json, "ccsVisible", row->ccs_visible);
    fy_buf_text(json, "}");
}

static void answer_container(struct fy_exchange *x, int http_status,
                             const struct fy_container_row *row)
{
    struct fy_buf json;
    fy_buf_init(&json, ROW_BYTES_MAX);
    container_json(row, &json);
    fy_stamp_header(x, &row->reg.stamp);
    fy_answer_json(x, http_status, &json);
}

/* In any status: a puller needs the word of a tombstone, too. */
static void get_container(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_container_row row;
    struct fy_err err = {0};
    enum fy_code code = fy_query_container(x, &key, &err);
    if (code == FY_OK)
        code = fy_catalogue_container_get(fy_node_of(x)->catalogue, key.account, key.bucket, &row,
                                          &err);
    if (code == FY_OK)
        answer_container(x, 200, &row);
    else
        fy_answer_error(x, &err);
}

static void post_container(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_container_row row;
    struct fy_err err = {0};
    enum fy_code code = fy_query_container(x, &key, &err);
    if (code == FY_OK && key.account[0] != '\0' && strcmp(key.account, fy_client(x)) != 0)
        code = fy_err_set(&err, FY_EFORBIDDEN, "a client creates containers of its own account");
    const char *targets = fy_query(x, "targets");
    if (code == FY_OK && targets != NULL)
        code = fy_targets_check(targets, &err);
    if (code == FY_OK)
        code = fy_change_bucket_create(x, key.bucket, targets, &row, &err);
    if (code == FY_OK)
        answer_container(x, 201, &row);
    else
        fy_answer_error(x, &err);
}

static void delete_container(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    if (fy_query_container(x, &key, &err) == FY_OK)
        fy_change_bucket_delete(x, key.account, key.bucket);
    else
        fy_answer_error(x, &err);
}

/* ---- its target sites: a setting of this site alone, and of no other's word */

static void answer_targets(struct fy_exchange *x, const char *targets)
{
    struct fy_buf json;
    char site[FY_SITE_BYTES_MAX + 1];
    fy_buf_init(&json, (size_t)2 * FY_TARGETS_BYTES_MAX);
    fy_buf_text(&json, "{\"targets\":[");
    while (fy_targets_next(&targets, site)) {
        fy_buf_json_next(&json);
        fy_buf_printf(&json, "\"%s\"", site); /* letters, digits, dots and dashes */
    }
    fy_buf_text(&json, "]}");
    fy_answer_json(x, 200, &json);
}

static void get_targets(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    char targets[FY_TARGETS_BYTES_MAX + 1];
    enum fy_code code = fy_query_container(x, &key, &err);
    if (code == FY_OK)
        code = fy_catalogue_targets_get(fy_node_of(x)->catalogue, key.account, key.bucket, targets,
                                        &err);
    if (code == FY_OK)
        answer_targets(x, targets);
    else
        fy_answer_error(x, &err);
}

static void put_targets(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    struct fy_cat_targets op = {.op.kind = FY_CAT_TARGETS, .targets = fy_query(x, "targets")};
    if (op.targets == NULL)
        op.targets = "";
    enum fy_code code = fy_query_container(x, &key, &err);
    if (code == FY_OK)
        code = fy_targets_check(op.targets, &err);
    if (code != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    FY_ASSERT(fy_text_copy(op.client, sizeof(op.client), fy_client(x)));
    memcpy(op.account, key.account, sizeof(op.account));
    memcpy(op.bucket, key.bucket, sizeof(op.bucket));
    if (fy_catalogue_writer_run(fy_node_of(x)->writer, &op.op, NULL) == FY_OK)
        answer_targets(x, op.targets);
    else
        fy_answer_error(x, &op.op.err);
}

struct listing {
    struct fy_page page;
    char last[FY_BUCKET_BYTES_MAX + 1];
};

static bool add_container(void *arg, const struct fy_container_row *row)
{
    struct listing *listing = arg;
    container_json(row, fy_page_row(&listing->page));
    memcpy(listing->last, row->name, sizeof(listing->last));
    return fy_page_row_end(&listing->page);
}

static void list_containers(struct fy_exchange *x)
{
    struct listing listing = {0};
    struct fy_err err = {0};
    uint32_t limit = 0;
    const char *account = fy_query(x, "acct");
    const char *after = fy_query(x, "after");
    enum fy_code code = fy_query_limit(x, &limit, &err);
    if (code == FY_OK && account != NULL && account[0] != '\0' &&
        !fy_exact_client_is_valid(account, strlen(account)))
        code = fy_err_set(&err, FY_EINPUT, "acct: 1-255 bytes of UTF-8");
    fy_page_begin(&listing.page, "containers", PAGE_BYTES_MAX);
    if (code == FY_OK)
        code = fy_catalogue_container_list(
            fy_node_of(x)->catalogue,
            account != NULL && account[0] != '\0' ? account : fy_client(x), false,
            after != NULL ? after : "", limit, add_container, &listing, &err);
    fy_page_answer_names(x, &listing.page, limit, listing.last, code, &err);
}

#define CONTAINER "/ferry/v1/container"
static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("GET", CONTAINER, MODULE, get_container),
    FY_CLIENT_ROUTE("POST", CONTAINER, MODULE, post_container),
    FY_CLIENT_ROUTE("DELETE", CONTAINER, MODULE, delete_container),
    FY_CLIENT_ROUTE("GET", CONTAINER "/targets", MODULE, get_targets),
    FY_CLIENT_ROUTE("PUT", CONTAINER "/targets", MODULE, put_targets),
    FY_CLIENT_ROUTE("GET", "/ferry/v1/containers", MODULE, list_containers),
};
const struct fy_route_table fy_routes_containers = {routes, FY_COUNT_OF(routes)};
