/* replicator_remote.c - /replicator/remote/buckets: what this site itself has (spec 1.2, ops 5-8).
 */
#include "api/ccs.h"

#define MODULE "REPLICATOR"

static void get_bucket(struct fy_exchange *x)
{
    fy_ccs_get_bucket(x, true);
}

static void get_object(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    if (!fy_accepts(x, "application/octet-stream")) {
        fy_answer_fail(x, FY_ENOTACCEPT, "only application/octet-stream is given here");
        return;
    }
    if (!fy_ccs_key_or_404(x, &key))
        return;
    FY_AUTO(fy_object_row_free) struct fy_object_row *row = fy_alloc(sizeof(*row));
    enum fy_code code = fy_ccs_object_ready(x, FY_CCS_SITE, &key, row, &err);
    if (code == FY_EFORBIDDEN)
        (void)fy_err_set(&err, code, "no READ right on %s/%s", key.bucket, key.object);
    if (code == FY_OK) {
        fy_ccs_answer_body(x, key.bucket, row);
    } else {
        if (code == FY_ENOTFOUND)
            fy_stamp_header(x, &row->reg.stamp);
        fy_answer_error(x, &err);
    }
}

static void head_object(struct fy_exchange *x)
{
    fy_ccs_head_object(x, FY_CCS_SITE, fy_ccs_full_check(x));
}

#define BUCKET "/replicator/remote/buckets/{bucket}"
static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("GET", BUCKET, MODULE, get_bucket),
    FY_CLIENT_ROUTE("HEAD", BUCKET, MODULE, fy_ccs_head_bucket),
    FY_CLIENT_ROUTE("GET", BUCKET "/{object*}", MODULE, get_object),
    FY_CLIENT_ROUTE("HEAD", BUCKET "/{object*}", MODULE, head_object),
};
const struct fy_route_table fy_routes_remote = {routes, FY_COUNT_OF(routes)};
