/* topology.c - sites in and out of JSON and of the catalogue. */
#include "api/topology.h"

#include <string.h>

#include "common/adapters/json_fields.h"
#include "common/core/names.h"
#include "common/runtime/knowledge.h"

static const struct {
    enum fy_site_status status;
    const char *name;
} statuses[] = {{FY_SITE_UNKNOWN, "UNKNOWN"},
                {FY_SITE_UP, "UP"},
                {FY_SITE_DOWN, "DOWN"},
                {FY_SITE_DELETED, "DELETED"}};

const char *fy_topology_status_name(enum fy_site_status status)
{
    for (size_t i = 0; i < FY_COUNT_OF(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].name;
    return "UNKNOWN";
}

bool fy_topology_status_parse(const char *text, enum fy_site_status *status)
{
    for (size_t i = 0; i < FY_COUNT_OF(statuses); i++)
        if (strcmp(statuses[i].name, text) == 0) {
            *status = statuses[i].status;
            return true;
        }
    return false;
}

struct topology_fields {
    char id[FY_SITE_BYTES_MAX + 1];
    char name[FY_SITE_BYTES_MAX + 1];
    char uri[FY_URI_BYTES_MAX + 1];
    char status[16];
};
#define FIELD(name, kind, required, member)                                                        \
    FY_JSON_FIELD(struct topology_fields, name, kind, required, member)
static const struct fy_json_field fields[] = {
    FIELD("id", FY_JSON_TEXT, true, id),
    FIELD("name", FY_JSON_TEXT, false, name),
    FIELD("uri", FY_JSON_TEXT, true, uri),
    FIELD("status", FY_JSON_WORD, false, status),
};

enum fy_code fy_topology_parse(const char *bytes, size_t size_bytes, struct fy_site_row *row,
                               struct fy_err *err)
{
    struct topology_fields in = {0};
    char uri[FY_URI_BYTES_MAX + 1];
    enum fy_code code =
        fy_json_fields_read(bytes, size_bytes, fields, FY_COUNT_OF(fields), &in, err);
    if (code != FY_OK)
        return code;
    if (!fy_site_is_valid(in.id))
        return fy_err_set(err, FY_EINPUT, "id: not 1-64 of 0-9 A-Z a-z . -");
    if (in.name[0] != '\0' && !fy_ccs_text_is_sane(in.name))
        return fy_err_set(err, FY_EINPUT, "name: holds what a name must not");
    if (fy_uri_normalise(in.uri, uri, err) != FY_OK)
        return fy_err_add(err, "uri");
    *row = (struct fy_site_row){.status = FY_SITE_UNKNOWN};
    if (in.status[0] != '\0' && !fy_topology_status_parse(in.status, &row->status))
        return fy_err_set(err, FY_EINPUT, "status: '%s' is not UP, DOWN, DELETED or UNKNOWN",
                          in.status);
    memcpy(row->id, in.id, sizeof(row->id));
    memcpy(row->name, in.name, sizeof(row->name));
    memcpy(row->uri, in.uri, sizeof(row->uri));
    return FY_OK;
}

void fy_topology_json(const struct fy_site_row *row, struct fy_buf *json)
{
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "id", row->id);
    fy_buf_json_str(json, "name", row->name);
    fy_buf_json_str(json, "uri", row->uri);
    fy_buf_json_str(json, "status", fy_topology_status_name(row->status));
    fy_buf_text(json, "}");
}

enum fy_code fy_topology_write(struct fy_node *node, enum fy_site_action action,
                               struct fy_site_row *row, struct fy_err *err)
{
    struct fy_cat_site op = {.op = {.kind = FY_CAT_SITE}, .action = action, .row = *row};
    enum fy_code code = fy_catalogue_writer_run(node->writer, &op.op, err);
    fy_know_sites_changed(node);
    if (code == FY_OK)
        *row = op.row;
    return code;
}
