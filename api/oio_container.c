/* oio_container.c - containers made and unmade, emptied and closed: create, create_many, destroy,
 * touch, dedup, purge, flush, and admin's freeze and enable. */
#include <string.h>
#include <strings.h>

#include "api/oio_facts.h"
#include "api/oio_make.h"
#include "common/adapters/oio_json.h"
#include "common/core/container_rules.h"
#include "common/core/names.h"

/* ------------------------------------------------------------------ create */

static enum fy_code create(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_oio_body_done) struct fy_oio_body body;
    enum fy_code code = fy_oio_json_properties(oio->body, oio->body_bytes, false, &body, err);
    if (code == FY_OK)
        code = fy_oio_make_check(oio, &body, err);
    if (code == FY_OK)
        code = fy_oio_make(oio, oio->name, &body, err);
    if (code == FY_OK)
        return fy_oio_empty(oio, 201);
    return code == FY_EEXISTS ? fy_oio_empty(oio, 204) : code;
}

/* ------------------------------------------------------------------ create_many */

#define ITEM_BYTES_MAX (6 * FY_BUCKET_BYTES_MAX + 6 * FY_ERR_TEXT_BYTES + 128)

/* Nothing is made of a request in which anything is wrong. */
static enum fy_code items_check(struct fy_oio *oio, const struct fy_oio_many *many,
                                struct fy_err *err)
{
    for (size_t i = 0; i < many->count; i++) {
        const struct fy_oio_item *item = &many->items[i];
        if (!fy_exact_bucket_is_valid(item->name, strlen(item->name)))
            return fy_err_set(err, FY_EINPUT, "container %zu: name: 1-%d bytes of UTF-8", i,
                              FY_BUCKET_BYTES_MAX);
        enum fy_code code = fy_oio_make_check(oio, &item->body, err);
        if (code != FY_OK)
            return fy_err_add(err, "container %zu", i);
    }
    return FY_OK;
}

static void make_item(struct fy_oio *oio, const struct fy_oio_item *item, struct fy_buf *json)
{
    struct fy_err err = {0};
    enum fy_code code = fy_oio_in_time(oio, &err);
    if (code == FY_OK)
        code = fy_oio_make(oio, item->name, &item->body, &err);
    fy_buf_json_next(json);
    fy_buf_text(json, "{");
    fy_buf_json_str(json, "name", item->name);
    fy_buf_json_i64(json, "status",
                    code == FY_OK ? FY_OIO_CODE_OK : fy_oio_error(FY_OIO_CONTAINER, code).code);
    fy_buf_json_str(json, "message", code == FY_OK ? "ok" : err.text);
    fy_buf_text(json, "}");
}

static enum fy_code create_many(struct fy_oio *oio, struct fy_err *err)
{
    FY_AUTO(fy_oio_many_done) struct fy_oio_many many;
    enum fy_code code = fy_oio_json_many(oio->body, oio->body_bytes, &many, err);
    if (code == FY_OK)
        code = items_check(oio, &many, err);
    if (code != FY_OK)
        return code;
    struct fy_buf json;
    fy_buf_init(&json, (size_t)FY_OIO_MANY_MAX * ITEM_BYTES_MAX);
    fy_buf_text(&json, "{\"containers\":[");
    for (size_t i = 0; i < many.count; i++)
        make_item(oio, &many.items[i], &json);
    fy_buf_text(&json, "]}");
    return fy_oio_json(oio, 200, &json);
}

/* ------------------------------------------------------------------ flush, destroy */

static enum fy_code flush_some(struct fy_oio *oio, uint32_t limit, struct fy_cat_flush *op,
                               struct fy_err *err)
{
    *op = (struct fy_cat_flush){.op = {.kind = FY_CAT_FLUSH}, .asker = oio->asker, .limit = limit};
    memcpy(op->account, oio->account, sizeof(op->account));
    memcpy(op->name, oio->name, sizeof(op->name));
    FY_ASSERT(fy_text_copy(op->op_id, sizeof(op->op_id), fy_op_id(oio->x)));
    enum fy_code code = fy_oio_write(oio, &op->op, err);
    if (code == FY_OK && op->removed > 0)
        fy_oio_ordered(oio);
    return code;
}

static enum fy_code flush(struct fy_oio *oio, struct fy_err *err)
{
    int64_t limit = 0;
    struct fy_cat_flush op;
    enum fy_code code = fy_oio_body_check(oio, err);
    if (code == FY_OK)
        code = fy_oio_param_i64(oio, "limit", &limit, err);
    if (limit <= 0 || limit > FY_FLUSH_ROWS_MAX)
        limit = FY_FLUSH_ROWS_MAX;
    if (code == FY_OK)
        code = flush_some(oio, (uint32_t)limit, &op, err);
    if (code != FY_OK)
        return code;
    fy_answer_header(oio->x, "x-oio-truncated", op.more ? "true" : "false");
    return fy_oio_empty(oio, 204);
}

static enum fy_code flush_all(struct fy_oio *oio, bool *gone, struct fy_err *err)
{
    struct fy_cat_flush op = {.more = true};
    enum fy_code code = FY_OK;
    while (code == FY_OK && op.more) {
        code = fy_oio_in_time(oio, err);
        if (code == FY_OK)
            code = flush_some(oio, FY_FLUSH_ROWS_MAX, &op, err);
    }
    *gone = op.gone;
    return code;
}

static enum fy_code unmake(struct fy_oio *oio, struct fy_err *err)
{
    struct fy_cat_container_destroy op = {.op = {.kind = FY_CAT_CONTAINER_DESTROY},
                                          .asker = oio->asker};
    memcpy(op.account, oio->account, sizeof(op.account));
    memcpy(op.name, oio->name, sizeof(op.name));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(oio->x)));
    return fy_oio_write(oio, &op.op, err);
}

/* Clients may write into it meanwhile: then it is emptied again, so often. */
#define DESTROY_ROUNDS_MAX 16

static enum fy_code unmake_by_force(struct fy_oio *oio, struct fy_err *err)
{
    bool gone = false; /* with its objects: it was deleted before, and they had kept it */
    enum fy_code code = FY_ENOTACCEPT;
    for (int round = 0; code == FY_ENOTACCEPT && round < DESTROY_ROUNDS_MAX; round++) {
        code = flush_all(oio, &gone, err);
        if (code == FY_OK && !gone)
            code = unmake(oio, err);
    }
    if (code == FY_ENOTACCEPT)
        return fy_err_set(err, FY_EBUSY, "the container is written to again and again");
    return code;
}

static enum fy_code destroy(struct fy_oio *oio, struct fy_err *err)
{
    enum fy_code code = fy_oio_flag(oio, "force") ? unmake_by_force(oio, err) : unmake(oio, err);
    if (code != FY_OK)
        return code;
    fy_oio_container_changed(oio, oio->name);
    return fy_oio_empty(oio, 204);
}

/* ------------------------------------------------------------------ purge, dedup, touch */

static enum fy_code purge_all(struct fy_oio *oio, int64_t policy, struct fy_err *err)
{
    struct fy_cat_versions_purge op = {.op = {.kind = FY_CAT_VERSIONS_PURGE},
                                       .asker = oio->asker,
                                       .policy = policy,
                                       .limit = FY_FLUSH_ROWS_MAX,
                                       .more = true};
    memcpy(op.account, oio->account, sizeof(op.account));
    memcpy(op.name, oio->name, sizeof(op.name));
    FY_ASSERT(fy_text_copy(op.op_id, sizeof(op.op_id), fy_op_id(oio->x)));
    enum fy_code code = FY_OK;
    while (code == FY_OK && op.more) {
        code = fy_oio_in_time(oio, err);
        if (code == FY_OK)
            code = fy_oio_write(oio, &op.op, err);
        if (code == FY_OK && op.removed > 0)
            fy_oio_ordered(oio);
    }
    return code;
}

static enum fy_code purge(struct fy_oio *oio, struct fy_err *err)
{
    int64_t policy = FY_UNSET;
    enum fy_code code = fy_oio_body_check(oio, err);
    if (code == FY_OK)
        code = fy_oio_param_i64(oio, "maxvers", &policy, err);
    if (code == FY_OK)
        code = purge_all(oio, policy, err);
    return code == FY_OK ? fy_oio_empty(oio, 204) : code;
}

/* Equal bodies are one already: it is only said of a container that takes changes. */
static enum fy_code dedup(struct fy_oio *oio, struct fy_err *err)
{
    struct fy_container_ref ref = {.account = oio->account, .name = oio->name};
    struct fy_container_info info;
    enum fy_code code = fy_oio_body_check(oio, err);
    if (code == FY_OK)
        code = fy_catalogue_container_info(oio->node->catalogue, &ref, &info, NULL, NULL, err);
    enum fy_container_state state =
        code == FY_OK ? fy_oio_state(oio, &info.row.rules) : FY_CONTAINER_ENABLED;
    if (state != FY_CONTAINER_ENABLED)
        code = fy_container_refuses(&info.row, state, FY_EFROZEN, err);
    return code == FY_OK ? fy_oio_empty(oio, 204) : code;
}

/* Counted before, so that writers do not wait for it, unless somebody else corrects the sums. */
static enum fy_code count_and_write(struct fy_oio *oio, struct fy_cat_touch *op, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    op->recount = true;
    op->stale = true;
    for (unsigned attempt = 0; code == FY_OK && op->stale && attempt <= FY_RECOUNTS_MAX;
         attempt++) {
        op->count = (struct fy_cat_count){.container_id = 0};
        code = fy_oio_in_time(oio, err);
        if (code == FY_OK && attempt < FY_RECOUNTS_MAX)
            code = fy_catalogue_container_count(oio->node->catalogue, op->account, op->name,
                                                &op->count, err);
        if (code == FY_OK)
            code = fy_oio_write(oio, &op->op, err);
    }
    return code;
}

/* Each has one of the connections that everybody reads by for as long as it counts. */
static enum fy_code recount(struct fy_oio *oio, struct fy_cat_touch *op, struct fy_err *err)
{
    if (!fy_walk_begin(oio->x, err))
        return err->code;
    enum fy_code code = count_and_write(oio, op, err);
    fy_walk_end(oio->x);
    return code;
}

static enum fy_code touch(struct fy_oio *oio, struct fy_err *err)
{
    const char *recompute = fy_oio_param(oio, "recompute");
    struct fy_cat_touch op = {.op = {.kind = FY_CAT_TOUCH}, .asker = oio->asker};
    memcpy(op.account, oio->account, sizeof(op.account));
    memcpy(op.name, oio->name, sizeof(op.name));
    enum fy_code code = fy_oio_body_check(oio, err);
    if (code == FY_OK && recompute != NULL && fy_oio_bool(recompute))
        code = recount(oio, &op, err);
    else if (code == FY_OK)
        code = fy_oio_write(oio, &op.op, err);
    return code == FY_OK ? fy_oio_empty(oio, 204) : code;
}

/* ------------------------------------------------------------------ admin */

static enum fy_code set_state(struct fy_oio *oio, enum fy_container_state state, struct fy_err *err)
{
    struct fy_cat_container_state op = {
        .op = {.kind = FY_CAT_CONTAINER_STATE}, .asker = oio->asker, .state = state};
    memcpy(op.account, oio->account, sizeof(op.account));
    memcpy(op.name, oio->name, sizeof(op.name));
    enum fy_code code = fy_oio_write(oio, &op.op, err);
    return code == FY_OK ? fy_oio_nothing(oio) : code;
}

static enum fy_code freeze(struct fy_oio *oio, struct fy_err *err)
{
    return set_state(oio, FY_CONTAINER_FROZEN, err);
}

static enum fy_code enable(struct fy_oio *oio, struct fy_err *err)
{
    return set_state(oio, FY_CONTAINER_ENABLED, err);
}

FY_OIO_TELLING_HANDLER(create, FY_OIO_CONTAINER, FY_OIO_BY_NAMES)
FY_OIO_TELLING_HANDLER(create_many, FY_OIO_CONTAINER, FY_OIO_BY_ACCOUNT)
FY_OIO_TELLING_HANDLER(destroy, FY_OIO_DESTROY, FY_OIO_BY_CONTAINER)
FY_OIO_TELLING_HANDLER(flush, FY_OIO_CONTAINER, FY_OIO_BY_CONTAINER)
FY_OIO_TELLING_HANDLER(purge, FY_OIO_CONTAINER, FY_OIO_BY_CONTAINER)
FY_OIO_HANDLER(dedup, FY_OIO_CONTAINER, FY_OIO_BY_CONTAINER)
FY_OIO_TELLING_HANDLER(touch, FY_OIO_TOUCH, FY_OIO_BY_CONTAINER)
FY_OIO_HANDLER(freeze, FY_OIO_STATE, FY_OIO_BY_CONTAINER)
FY_OIO_HANDLER(enable, FY_OIO_STATE, FY_OIO_BY_CONTAINER)

static const struct fy_route routes[] = {
    FY_OIO_ROUTE("POST", "container/create", create),
    FY_OIO_ROUTE("POST", "container/create_many", create_many),
    FY_OIO_ROUTE("POST", "container/destroy", destroy),
    FY_OIO_ROUTE("POST", "container/flush", flush),
    FY_OIO_ROUTE("POST", "container/purge", purge),
    FY_OIO_ROUTE("POST", "container/dedup", dedup),
    FY_OIO_ROUTE("POST", "container/touch", touch),
    FY_OIO_ROUTE("POST", "admin/freeze", freeze),
    FY_OIO_ROUTE("POST", "admin/enable", enable),
};
const struct fy_route_table fy_routes_oio_container = {routes, FY_COUNT_OF(routes)};
