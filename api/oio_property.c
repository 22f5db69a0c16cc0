/* oio_property.c - show, get_properties, set_properties, del_properties. */
#include "api/oio_facts.h"

#include <string.h>

#include "common/adapters/oio_json.h"

static enum fy_code show(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_oio_facts_free) struct fy_oio_facts *facts = fy_alloc(sizeof(*facts));
    enum fy_code code = fy_oio_facts_read(oio, facts, err);
    if (code != FY_OK)
        return code;
    struct fy_buf json;
    fy_buf_init(&json, FY_OIO_FACTS_BYTES_MAX);
    fy_buf_text(&json, "{\"properties\":");
    fy_oio_facts_user_json(facts, &json);
    fy_buf_text(&json, "}");
    fy_oio_facts_headers(oio, facts, false);
    return fy_oio_json(oio, 200, &json);
}

static enum fy_code get_properties(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_oio_facts_free) struct fy_oio_facts *facts = fy_alloc(sizeof(*facts));
    enum fy_code code = fy_oio_body_check(oio, err);
    if (code == FY_OK)
        code = fy_oio_facts_read(oio, facts, err);
    if (code != FY_OK)
        return code;
    struct fy_buf json;
    fy_buf_init(&json, (size_t)2 * FY_OIO_FACTS_BYTES_MAX);
    fy_buf_text(&json, "{\"properties\":");
    fy_oio_facts_user_json(facts, &json);
    fy_buf_text(&json, ",\"system\":");
    fy_oio_facts_system_json(oio, facts, true, &json);
    fy_buf_text(&json, "}");
    return fy_oio_json(oio, 200, &json);
}

/* ---- changes */

static enum fy_code change(struct fy_oio *oio, bool flush, const struct fy_oio_body *body,
                           struct fy_err *err)
{
    struct fy_cat_properties op = {.op = {.kind = FY_CAT_PROPERTIES},
                                   .asker = oio->asker,
                                   .flush = flush,
                                   .properties = body->properties,
                                   .count = body->count};
    memcpy(op.account, oio->account, sizeof(op.account));
    memcpy(op.name, oio->name, sizeof(op.name));
    enum fy_code code = fy_oio_write(oio, &op.op, err);
    return code == FY_OK ? fy_oio_nothing(oio) : code;
}

static enum fy_code set_properties(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_oio_body_done) struct fy_oio_body body;
    enum fy_code code = fy_oio_json_properties(oio->body, oio->body_bytes, true, &body, err);
    if (code == FY_OK && body.count == 0)
        code = fy_err_set(err, FY_EINPUT, "no property is given");
    return code == FY_OK ? change(oio, fy_oio_flag(oio, "flush"), &body, err) : code;
}

/* An empty array removes all of them. */
static enum fy_code del_properties(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_oio_body_done) struct fy_oio_body body;
    enum fy_code code = fy_oio_json_keys(oio->body, oio->body_bytes, &body, err);
    return code == FY_OK ? change(oio, body.count == 0, &body, err) : code;
}

FY_OIO_HANDLER(show, FY_OIO_CONTAINER, FY_OIO_BY_CONTAINER)
FY_OIO_HANDLER(get_properties, FY_OIO_CONTAINER, FY_OIO_BY_CONTAINER)
FY_OIO_HANDLER(set_properties, FY_OIO_CONTAINER, FY_OIO_BY_CONTAINER)
FY_OIO_HANDLER(del_properties, FY_OIO_CONTAINER, FY_OIO_BY_CONTAINER)

static const struct fy_route routes[] = {
    FY_OIO_ROUTE("GET", "container/show", show),
    FY_OIO_ROUTE("POST", "container/get_properties", get_properties),
    FY_OIO_ROUTE("POST", "container/set_properties", set_properties),
    FY_OIO_ROUTE("POST", "container/del_properties", del_properties),
};
const struct fy_route_table fy_routes_oio_property = {routes, FY_COUNT_OF(routes)};
