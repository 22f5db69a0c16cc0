/* replicator_remote.c - /replicator/remote/buckets: what this site itself has (spec 1.2, ops 5-8).
 */
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"

#define MODULE "REPLICATOR"

static void get_bucket(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_container_row row;
    struct fy_err err = {0};
    struct fy_buf json;
    enum fy_code code = fy_ccs_path_key(x, &key, &err);
    if (code == FY_OK)
        code = fy_ccs_bucket_there(fy_node_of(x), key.bucket, &row, &err);
    if (code != FY_OK) {
        fy_answer_error(x, &err);
        return;
    }
    fy_stamp_header(x, &row.reg.stamp);
    fy_buf_init(&json, FY_ACCESSOR_JSON_BYTES_MAX);
    fy_ccs_bucket_json(fy_node_of(x), &row, &json);
    fy_answer_json(x, 200, &json);
}

static void head_bucket(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_container_row row;
    struct fy_err err = {0};
    enum fy_code code = fy_ccs_path_key(x, &key, &err);
    if (code == FY_OK)
        code = fy_ccs_bucket_there(fy_node_of(x), key.bucket, &row, &err);
    if (code == FY_OK)
        fy_answer_type(x, "BUCKET");
    else if (code == FY_EINPUT || code == FY_ENOTFOUND || code == FY_EGONE)
        fy_answer_none(x, err.text);
    else
        fy_answer_error(x, &err);
}

static void get_object(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    if (!fy_accepts(x, "application/octet-stream")) {
        fy_answer_fail(x, FY_ENOTACCEPT, "only application/octet-stream is given here");
        return;
    }
    enum fy_code code = fy_ccs_path_key(x, &key, &err);
    if (code != FY_OK) {
        fy_answer_fail(x, FY_ENOTFOUND, "%s", err.text); /* spec 1.6 F: such an item cannot exist */
        return;
    }
    struct fy_object_row *row = fy_alloc(sizeof(*row));
    code = fy_ccs_object_ready(fy_node_of(x), fy_client(x), &key, FY_EFORBIDDEN, row, &err);
    if (code == FY_OK) {
        fy_ccs_answer_body(x, key.bucket, row);
    } else {
        if (code == FY_ENOTFOUND)
            fy_stamp_header(x, &row->reg.stamp);
        fy_answer_error(x, &err);
    }
    free(row);
}

static void head_object(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    const char *type = NULL;
    enum fy_code code = fy_ccs_path_key(x, &key, &err);
    if (code == FY_OK)
        code = fy_ccs_object_type(fy_node_of(x), fy_client(x), &key, fy_ccs_full_check(x), &type,
                                  &err);
    if (code == FY_OK && type != NULL)
        fy_answer_type(x, type);
    else if (code == FY_OK)
        fy_answer_none(x, "Object not found");
    else if (code == FY_EINPUT || code == FY_ENOTFOUND)
        fy_answer_none(x, err.text);
    else
        fy_answer_error(x, &err);
}

#define BUCKET "/replicator/remote/buckets/{bucket}"
static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("GET", BUCKET, MODULE, get_bucket),
    FY_CLIENT_ROUTE("HEAD", BUCKET, MODULE, head_bucket),
    FY_CLIENT_ROUTE("GET", BUCKET "/{object*}", MODULE, get_object),
    FY_CLIENT_ROUTE("HEAD", BUCKET "/{object*}", MODULE, head_object),
};
const struct fy_route_table fy_routes_remote = {routes, FY_COUNT_OF(routes)};
