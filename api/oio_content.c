/* oio_content.c - objects by their descriptions: create, show (and locate), delete, get_properties,
 * set_properties, del_properties of OpenIO's content routes. Bodies go by /ferry/v1/content. */
#include <stdlib.h>
#include <string.h>

#include "api/ccs.h"
#include "api/oio_entry.h"
#include "api/oio_make.h"
#include "common/adapters/oio_json.h"
#include "common/runtime/knowledge.h"

/* ------------------------------------------------------------------ create */

static const char *meta_header(struct fy_oio *oio, const char *name)
{
    const char *value = fy_request_header(oio->x, name);
    return value != NULL ? value : "";
}

static enum fy_code read_number(const char *name, const char *text, int64_t *number,
                                struct fy_err *err)
{
    if (text[0] == '\0' || (fy_oio_integer(text, number) && *number >= 0))
        return FY_OK;
    return fy_err_set(err, FY_EINPUT, "%s: '%.40s' is not a number from 0", name, text);
}

/* Newer clients say size, older ones length; one of them has to. */
static enum fy_code read_size(struct fy_oio *oio, int64_t *size, struct fy_err *err)
{
    const char *text = meta_header(oio, "x-oio-content-meta-size");
    if (text[0] == '\0')
        text = meta_header(oio, "x-oio-content-meta-length");
    if (text[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "x-oio-content-meta-size is missing");
    return read_number("x-oio-content-meta-length", text, size, err);
}

static enum fy_code read_id(struct fy_oio *oio, struct fy_cat_register *op, struct fy_err *err)
{
    const char *id = meta_header(oio, "x-oio-content-meta-id");
    const char *hash = meta_header(oio, "x-oio-content-meta-hash");
    if (id[0] != '\0' && !fy_oio_id_parse(id, op->id))
        return fy_err_set(err, FY_EINPUT, "x-oio-content-meta-id: not %d hexadecimal digits",
                          FY_OIO_ID_DIGITS);
    if (hash[0] != '\0' && !fy_oio_hash_is_valid(hash))
        return fy_err_set(err, FY_EINPUT, "x-oio-content-meta-hash: '%.40s' is no hash", hash);
    FY_ASSERT(fy_text_copy(op->facts.hash, sizeof(op->facts.hash), hash));
    return FY_OK;
}

static enum fy_code read_description(struct fy_oio *oio, struct fy_cat_register *op,
                                     struct fy_err *err)
{
    enum fy_code code = read_size(oio, &op->size, err);
    if (code == FY_OK)
        code = read_number("x-oio-content-meta-version",
                           meta_header(oio, "x-oio-content-meta-version"), &op->version, err);
    if (code == FY_OK)
        code = read_id(oio, op, err);
    if (code == FY_OK)
        code = fy_oio_json_content(oio->body, oio->body_bytes,
                                   meta_header(oio, "x-oio-content-meta-mime-type"),
                                   op->facts.metadata, err);
    return code;
}

/* For FY_AUTO: too large for a pool thread's stack. */
static void register_free(struct fy_cat_register **op)
{
    free(*op);
}

static enum fy_code make_container(struct fy_oio *oio, struct fy_err *err)
{
    struct fy_oio_body none = {0};
    enum fy_code code = fy_oio_make(oio, oio->name, &none, err);
    return code == FY_EEXISTS ? FY_OK : code; /* somebody else was faster */
}

static enum fy_code create(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(register_free) struct fy_cat_register *op = fy_alloc(sizeof(*op));
    op->op.kind = FY_CAT_REGISTER;
    op->key = oio->key;
    op->asker = oio->asker;
    memcpy(op->client, oio->account, sizeof(op->client));
    enum fy_code code = read_description(oio, op, err);
    if (code == FY_OK)
        code = fy_oio_write(oio, &op->op, err);
    if (code == FY_ENOTFOUND && fy_oio_flag(oio, "autocreate")) {
        code = make_container(oio, err);
        if (code == FY_OK)
            code = fy_oio_write(oio, &op->op, err);
    }
    return code == FY_OK ? fy_oio_empty(oio, 204) : code;
}

/* ------------------------------------------------------------------ show, get_properties */

/* What is in a disabled container is shown no more than its list. */
static enum fy_code read_row(struct fy_oio *oio, struct fy_object_row *row, struct fy_err *err)
{
    enum fy_code code = fy_ccs_shows(oio->x, oio->account, oio->name, err);
    if (code == FY_OK)
        code = fy_catalogue_version_get(oio->node->catalogue, &oio->key, oio->version, row, err);
    if (code == FY_OK && row->marker && oio->version == 0)
        code = fy_err_set(err, FY_ENOTFOUND, "the object is deleted");
    return code;
}

static enum fy_code show(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_object_row_free) struct fy_object_row *row = fy_alloc(sizeof(*row));
    struct fy_oio_entries entries = {.account = oio->account, .container = oio->name};
    enum fy_code code = read_row(oio, row, err);
    if (code == FY_OK)
        code = fy_oio_site_uri(oio->node, entries.site_uri, err);
    if (code == FY_OK)
        code = fy_oio_entry_headers(oio, row, err);
    if (code != FY_OK)
        return code;
    struct fy_buf json;
    fy_buf_init(&json, FY_OIO_ENTRY_BYTES_MAX);
    fy_oio_entry_chunks(&entries, row, &json);
    return fy_oio_json(oio, 200, &json);
}

static enum fy_code get_properties(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_object_row_free) struct fy_object_row *row = fy_alloc(sizeof(*row));
    char mime_type[FY_METADATA_BYTES_MAX + 1];
    enum fy_code code = fy_oio_body_check(oio, err);
    if (code == FY_OK)
        code = read_row(oio, row, err);
    if (code == FY_OK)
        code = fy_oio_entry_headers(oio, row, err);
    if (code != FY_OK)
        return code;
    struct fy_buf json;
    fy_buf_init(&json, FY_OIO_ENTRY_BYTES_MAX);
    fy_buf_text(&json, "{\"properties\":");
    (void)fy_oio_metadata_print(row->facts.metadata, &json, mime_type, sizeof(mime_type));
    fy_buf_text(&json, "}");
    return fy_oio_json(oio, 200, &json);
}

/* ------------------------------------------------------------------ set_properties, del_properties
 */

static enum fy_code change(struct fy_oio *oio, bool flush, const struct fy_oio_body *body,
                           struct fy_err *err)
{
    struct fy_cat_object_properties op = {.op = {.kind = FY_CAT_OBJECT_PROPERTIES},
                                          .key = oio->key,
                                          .asker = oio->asker,
                                          .version = oio->version,
                                          .flush = flush,
                                          .properties = body->properties,
                                          .count = body->count};
    memcpy(op.client, oio->account, sizeof(op.client));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(oio->x)));
    enum fy_code code = fy_oio_write(oio, &op.op, err);
    if (code != FY_OK)
        return code;
    fy_oio_ordered(oio);
    return fy_oio_empty(oio, 204);
}

static enum fy_code set_properties(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_oio_body_done) struct fy_oio_body body;
    enum fy_code code = fy_oio_json_content_set(oio->body, oio->body_bytes, &body, err);
    return code == FY_OK ? change(oio, fy_oio_flag(oio, "flush"), &body, err) : code;
}

/* An empty array removes all of them, as of a container. */
static enum fy_code del_properties(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_oio_body_done) struct fy_oio_body body;
    enum fy_code code = fy_oio_json_content_del(oio->body, oio->body_bytes, &body, err);
    return code == FY_OK ? change(oio, body.count == 0, &body, err) : code;
}

/* ------------------------------------------------------------------ delete */

static enum fy_code erase(struct fy_oio *oio, struct fy_err *err)
{
    struct fy_cat_object_delete op = {.op = {.kind = FY_CAT_OBJECT_DELETE},
                                      .key = oio->key,
                                      .version = oio->version,
                                      .newest_by_rules = oio->by_id,
                                      .asker = oio->asker};
    memcpy(op.client, oio->account, sizeof(op.client));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(oio->x)));
    enum fy_code code = fy_oio_body_check(oio, err);
    if (code == FY_OK)
        code = fy_oio_write(oio, &op.op, err);
    if (code == FY_OK && op.already)
        code = fy_err_set(err, FY_ENOTFOUND, "the object is deleted");
    if (code != FY_OK)
        return code;
    if (op.rights_changed)
        fy_know_rights_changed(oio->node, op.key.bucket);
    fy_oio_ordered(oio);
    return fy_oio_empty(oio, 204);
}

FY_OIO_TELLING_HANDLER(create, FY_OIO_CONTENT, FY_OIO_BY_PATH)
FY_OIO_HANDLER(show, FY_OIO_CONTENT, FY_OIO_BY_OBJECT)
FY_OIO_TELLING_HANDLER(erase, FY_OIO_CONTENT, FY_OIO_BY_OBJECT)
FY_OIO_HANDLER(get_properties, FY_OIO_CONTENT, FY_OIO_BY_OBJECT)
FY_OIO_TELLING_HANDLER(set_properties, FY_OIO_CONTENT, FY_OIO_BY_OBJECT)
FY_OIO_TELLING_HANDLER(del_properties, FY_OIO_CONTENT, FY_OIO_BY_OBJECT)

static const struct fy_route routes[] = {
    FY_OIO_ROUTE("POST", "content/create", create),
    FY_OIO_ROUTE("GET", "content/show", show),
    FY_OIO_ROUTE("GET", "content/locate", show), /* as clients of today call it */
    FY_OIO_ROUTE("POST", "content/delete", erase),
    FY_OIO_ROUTE("POST", "content/get_properties", get_properties),
    FY_OIO_ROUTE("POST", "content/set_properties", set_properties),
    FY_OIO_ROUTE("POST", "content/del_properties", del_properties),
};
const struct fy_route_table fy_routes_oio_content = {routes, FY_COUNT_OF(routes)};
