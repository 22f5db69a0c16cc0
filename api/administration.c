/* administration.c - /administration/topologies and /administration/ownerships (spec 5.1, 5.2). */
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"
#include "api/topology.h"
#include "common/core/names.h"
#include "common/runtime/knowledge.h"

#define MODULE             "ADMINISTRATION"
#define RIGHTS_BYTES_MAX   (16 << 20) /* CCS answers all rights of a client at once */
#define TOPOLOGY_BYTES_MAX ((size_t)FY_SITES_MAX * 4096)

/* ---- topologies */

struct site_list {
    struct fy_buf json;
    enum fy_site_status wanted; /* UNKNOWN: all */
};

static bool add_site(void *arg, const struct fy_site_row *row)
{
    struct site_list *list = arg;
    if (list->wanted != FY_SITE_UNKNOWN && row->status != list->wanted)
        return true;
    fy_buf_json_next(&list->json);
    fy_topology_json(row, &list->json);
    return true;
}

static void list_sites(struct fy_exchange *x)
{
    struct site_list list = {.wanted = FY_SITE_UNKNOWN};
    struct fy_err err = {0};
    const char *status = fy_query(x, "status");
    if (status != NULL && !fy_topology_status_parse(status, &list.wanted)) {
        fy_answer_fail(x, FY_EINPUT, "status: '%.40s' is not UP, DOWN, DELETED or UNKNOWN", status);
        return;
    }
    fy_buf_init(&list.json, TOPOLOGY_BYTES_MAX);
    fy_buf_text(&list.json, "[");
    enum fy_code code = fy_catalogue_site_list(fy_node_of(x)->catalogue, add_site, &list, &err);
    fy_buf_text(&list.json, "]");
    fy_answer_result(x, code, &list.json, &err);
}

static void answer_site(struct fy_exchange *x, int http_status, const struct fy_site_row *row)
{
    struct fy_buf json;
    fy_buf_init(&json, TOPOLOGY_BYTES_MAX);
    fy_topology_json(row, &json);
    fy_answer_json(x, http_status, &json);
}

static void get_site(struct fy_exchange *x)
{
    struct fy_site_row row;
    struct fy_err err = {0};
    if (fy_catalogue_site_get(fy_node_of(x)->catalogue, fy_path_value(x, "site"), &row, &err) ==
        FY_OK)
        answer_site(x, 200, &row);
    else
        fy_answer_error(x, &err);
}

static void write_site(struct fy_exchange *x, enum fy_site_action action, int http_status)
{
    struct fy_site_row row = {0};
    struct fy_err err = {0};
    size_t size_bytes;
    const char *body = fy_body(x, &size_bytes);
    enum fy_code code = fy_topology_parse(body, size_bytes, &row, &err);
    if (code == FY_OK && row.name[0] == '\0')
        code = fy_err_set(&err, FY_EINPUT, "name: missing");
    if (code == FY_OK)
        code = fy_topology_write(fy_node_of(x), action, &row, &err);
    if (code == FY_OK)
        answer_site(x, http_status, &row);
    else
        fy_answer_error(x, &err);
}

static void post_site(struct fy_exchange *x)
{
    write_site(x, FY_SITE_INSERT, 201);
}

static void put_site(struct fy_exchange *x)
{
    write_site(x, FY_SITE_UPDATE, 202);
}

static void delete_site(struct fy_exchange *x)
{
    struct fy_site_row row = {0};
    struct fy_err err = {0};
    enum fy_code code = FY_OK;
    if (!fy_text_copy(row.id, sizeof(row.id), fy_path_value(x, "site")))
        code = fy_err_set(&err, FY_ENOTFOUND, "no such site");
    if (code == FY_OK)
        code = fy_topology_write(fy_node_of(x), FY_SITE_REMOVE, &row, &err);
    if (code == FY_OK)
        fy_answer_empty(x, 204);
    else
        fy_answer_error(x, &err);
}

/* ---- ownerships */

static const char *const right_names[] = {"UNKNOWN", "READ",        "WRITE",        "READ_WRITE",
                                          "DELETE",  "DELETE_READ", "DELETE_WRITE", "OWNER"};

static bool rights_parse(const char *text, unsigned *rights)
{
    for (unsigned i = 0; i < FY_COUNT_OF(right_names); i++)
        if (strcmp(text, right_names[i]) == 0) {
            *rights = i;
            return true;
        }
    return false;
}

struct right_list {
    struct fy_buf json;
    unsigned wanted; /* 0: all */
};

static bool add_right(void *arg, const struct fy_right_row *row)
{
    struct right_list *list = arg;
    if ((row->rights & list->wanted) != list->wanted)
        return true;
    fy_buf_json_next(&list->json);
    fy_buf_text(&list->json, "{");
    fy_buf_json_str(&list->json, "client", row->client);
    fy_buf_json_str(&list->json, "bucket", row->bucket);
    fy_buf_json_str(&list->json, "ownership", right_names[row->rights]);
    fy_buf_text(&list->json, "}");
    return true;
}

static void list_rights(struct fy_exchange *x)
{
    struct right_list list = {0};
    struct fy_err err = {0};
    const char *ownership = fy_query(x, "ownership");
    if (ownership != NULL && !rights_parse(ownership, &list.wanted)) {
        fy_answer_fail(x, FY_EINPUT, "ownership: '%.40s' is not one like READ_WRITE", ownership);
        return;
    }
    fy_buf_init(&list.json, RIGHTS_BYTES_MAX);
    fy_buf_text(&list.json, "[");
    enum fy_code code = fy_catalogue_right_list(fy_node_of(x)->catalogue,
                                                fy_path_value(x, "client"), add_right, &list, &err);
    fy_buf_text(&list.json, "]");
    if (code == FY_OK && list.json.overflow)
        code = fy_err_set(&err, FY_ETOOBIG, "too many rights for one answer");
    fy_answer_result(x, code, &list.json, &err);
}

static void answer_right(struct fy_exchange *x, int http_status, unsigned rights)
{
    struct fy_buf json;
    fy_buf_init(&json, 64);
    fy_buf_json_text(&json, right_names[rights & FY_RIGHT_OWNER]);
    fy_answer_json(x, http_status, &json);
}

static void get_right(struct fy_exchange *x)
{
    unsigned rights = 0;
    struct fy_err err = {0};
    if (fy_catalogue_right_get(fy_node_of(x)->catalogue, fy_path_value(x, "client"),
                               fy_path_value(x, "bucket"), &rights, &err) == FY_OK)
        answer_right(x, 200, rights);
    else
        fy_answer_error(x, &err);
}

static enum fy_code write_right(struct fy_exchange *x, enum fy_right_action action,
                                unsigned *rights, struct fy_err *err)
{
    struct fy_node *node = fy_node_of(x);
    struct fy_cat_right op = {
        .op = {.kind = FY_CAT_RIGHT}, .action = action, .row = {.rights = *rights}};
    const char *client = fy_path_value(x, "client");
    const char *bucket = fy_path_value(x, "bucket");
    /* REMOVE_BUCKET names its bucket in the place of the client: one segment, two meanings. */
    if (action == FY_RIGHT_REMOVE_BUCKET) {
        bucket = client;
        client = "";
    } else if (!fy_exact_client_is_valid(client, strlen(client)) || !fy_ccs_text_is_sane(client) ||
               !fy_ccs_bucket_is_valid(bucket)) {
        return fy_err_set(err, FY_EINPUT, "client or bucket is no good name");
    }
    if (!fy_text_copy(op.row.client, sizeof(op.row.client), client) ||
        !fy_text_copy(op.row.bucket, sizeof(op.row.bucket), bucket))
        return fy_err_set(err, FY_EINPUT, "client or bucket is too long");
    enum fy_code code = fy_catalogue_writer_run(node->writer, &op.op, err);
    *rights = op.row.rights;
    fy_know_rights_changed(node, op.row.bucket);
    return code;
}

static void give_right(struct fy_exchange *x, enum fy_right_action action, int http_status)
{
    unsigned rights = 0;
    struct fy_err err = {0};
    enum fy_code code = FY_OK;
    if (!rights_parse(fy_path_value(x, "ownership"), &rights))
        code = fy_err_set(&err, FY_EINPUT, "ownership: '%.40s' is not one like READ_WRITE",
                          fy_path_value(x, "ownership"));
    if (code == FY_OK)
        code = write_right(x, action, &rights, &err);
    if (code == FY_OK)
        answer_right(x, http_status, rights);
    else
        fy_answer_error(x, &err);
}

static void post_right(struct fy_exchange *x)
{
    give_right(x, FY_RIGHT_INSERT, 201);
}

static void put_right(struct fy_exchange *x)
{
    give_right(x, FY_RIGHT_FUSE, 202);
}

static void take_right(struct fy_exchange *x, enum fy_right_action action)
{
    unsigned rights = 0;
    struct fy_err err = {0};
    if (write_right(x, action, &rights, &err) == FY_OK)
        fy_answer_empty(x, 204);
    else
        fy_answer_error(x, &err);
}

static void delete_right(struct fy_exchange *x)
{
    take_right(x, FY_RIGHT_REMOVE);
}

static void delete_bucket_rights(struct fy_exchange *x)
{
    take_right(x, FY_RIGHT_REMOVE_BUCKET);
}

static const struct fy_route routes[] = {
    FY_ROUTE("GET", "/administration/topologies", MODULE, list_sites),
    FY_ROUTE("GET", "/administration/topologies/{site}", MODULE, get_site),
    FY_JSON_ROUTE("POST", "/administration/topologies", MODULE, post_site),
    FY_JSON_ROUTE("PUT", "/administration/topologies", MODULE, put_site),
    FY_ROUTE("DELETE", "/administration/topologies/{site}", MODULE, delete_site),
    FY_ROUTE("GET", "/administration/ownerships/{client}", MODULE, list_rights),
    FY_ROUTE("GET", "/administration/ownerships/{client}/{bucket}", MODULE, get_right),
    FY_ROUTE("POST", "/administration/ownerships/{client}/{bucket}/{ownership}", MODULE,
             post_right),
    FY_ROUTE("PUT", "/administration/ownerships/{client}/{bucket}/{ownership}", MODULE, put_right),
    FY_ROUTE("DELETE", "/administration/ownerships/{client}/{bucket}", MODULE, delete_right),
    FY_ROUTE("DELETE", "/administration/ownerships/{client}", MODULE, delete_bucket_rights),
};
const struct fy_route_table fy_routes_administration = {routes, FY_COUNT_OF(routes)};
