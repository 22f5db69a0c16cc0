/* accessor_object.c - /cloudclonestore/{bucket}/{object}: a client's objects, and their listing
 * (spec 6.2-6.4). */
#include <stdlib.h>

#include "api/ccs.h"
#include "api/change.h"
#include "api/listing.h"
#include "api/put.h"
#include "common/adapters/filter_json.h"
#include "common/adapters/unicode_utf8proc.h"

#define MODULE "ACCESSOR"

static void head_object(struct fy_exchange *x)
{
    fy_ccs_head_object(x, FY_CCS_CLIENT, false);
}

/* The row in any status, tombstones too. */
static enum fy_code describe(struct fy_exchange *x, const struct fy_object_key *key,
                             struct fy_object_row *row, struct fy_err *err)
{
    struct fy_node *node = fy_node_of(x);
    enum fy_code code = fy_ccs_allowed(node, fy_client(x), key->bucket, FY_RIGHT_READ, err);
    if (code == FY_OK)
        code = fy_ccs_shows(x, "", key->bucket, err);
    if (code == FY_OK)
        code = fy_catalogue_object_get(node->catalogue, key, row, err);
    return code;
}

/* Without the right it is not there (spec 5.3). */
static void answer_failure(struct fy_exchange *x, const struct fy_object_key *key,
                           const struct fy_err *err)
{
    if (err->code == FY_EFORBIDDEN)
        fy_answer_fail(x, FY_ENOTFOUND, "Object not found: %s/%s", key->bucket, key->object);
    else
        fy_answer_error(x, err);
}

static void get_object(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    if (!fy_ccs_key_or_404(x, &key))
        return;
    FY_AUTO(fy_object_row_free) struct fy_object_row *row = fy_alloc(sizeof(*row));
    enum fy_code code;
    bool as_json = fy_accepts(x, "application/json") && !fy_accepts(x, "application/octet-stream");
    if (as_json) {
        code = describe(x, &key, row, &err);
    } else if (!fy_accepts(x, "application/octet-stream")) {
        code = fy_err_set(&err, FY_ENOTACCEPT,
                          "only application/octet-stream and application/json are given here");
    } else {
        code = fy_ccs_object_ready(x, FY_CCS_CLIENT, &key, row, &err);
    }
    if (code != FY_OK)
        answer_failure(x, &key, &err);
    else if (as_json)
        fy_ccs_answer_object(x, 200, key.bucket, row);
    else
        fy_ccs_answer_body(x, key.bucket, row);
}

/* A name that cannot exist is a bad request here, not a 404. */
static void begin_upload(struct fy_exchange *x)
{
    struct fy_object_key key;
    struct fy_err err = {0};
    enum fy_code code = fy_ccs_path_key(x, &key, &err);
    if (code == FY_OK)
        fy_put_begin(x, &key, true, 0);
    else
        fy_answer_error(x, &err);
}

static void delete_object(struct fy_exchange *x)
{
    struct fy_object_key key;
    if (fy_ccs_key_or_404(x, &key))
        fy_change_object_delete(x, &key, 0);
}

/* ---- listing */

struct filter_reading {
    struct fy_filter *filter;
    enum fy_code code;
    struct fy_err err;
};

static void read_header(void *arg, const char *name, const char *value)
{
    struct filter_reading *reading = arg;
    if (reading->code == FY_OK)
        reading->code =
            fy_filter_header(reading->filter, name, value, fy_unicode_strip_marks, &reading->err);
}

static void list_objects(struct fy_exchange *x)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_object_key key;
    struct fy_container_row bucket;
    if (!fy_ccs_key_or_404(x, &key))
        return;
    struct fy_filter *filter = fy_alloc(sizeof(*filter));
    struct filter_reading reading = {.filter = filter};
    fy_filter_init(filter);
    fy_request_headers(x, read_header, &reading);
    /* The right is asked first: who may not read learns nothing of what is there (spec 5.3). */
    if (reading.code == FY_OK)
        reading.code = fy_ccs_allowed(node, fy_client(x), key.bucket, FY_RIGHT_READ, &reading.err);
    if (reading.code == FY_OK)
        reading.code =
            fy_catalogue_container_get(node->catalogue, "", key.bucket, &bucket, &reading.err);
    if (reading.code == FY_OK)
        reading.code = fy_ccs_is_shown(x, &bucket, &reading.err);
    if (reading.code == FY_OK)
        fy_answer_listing(x, "", key.bucket, filter);
    else
        fy_answer_error(x, &reading.err);
    free(filter);
}

#define OBJECT "/cloudclonestore/{bucket}/{object*}"
static const struct fy_route routes[] = {
    FY_CLIENT_ROUTE("HEAD", OBJECT, MODULE, head_object),
    FY_CLIENT_ROUTE("GET", OBJECT, MODULE, get_object),
    FY_CLIENT_ROUTE("DELETE", OBJECT, MODULE, delete_object),
    FY_CLIENT_ROUTE("PUT", "/cloudclonestore/{bucket}", MODULE, list_objects),
    FY_PUT_ROUTE("POST", OBJECT, MODULE, begin_upload),
};
const struct fy_route_table fy_routes_objects = {routes, FY_COUNT_OF(routes)};
