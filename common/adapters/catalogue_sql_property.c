/* catalogue_sql_property.c - containers by OpenIO's rules: made, destroyed, properties, sums. */
#include "common/adapters/catalogue_sql_internal.h"

/* Of a text, which lies in the buffer behind those that were taken before. */
static size_t take_into(struct fy_cs_use *use, struct fy_buf *buf)
{
    size_t start = buf->size_bytes, size = 0;
    const void *text = fy_cs_take_blob(use, &size);
    fy_buf_add(buf, text, size);
    fy_buf_add(buf, "", 1);
    return start;
}

/* ------------------------------------------------------------------ what there is */

static bool find_by(struct fy_cs_conn *reader, const struct fy_container_ref *ref,
                    struct fy_cs_container *container)
{
    if (ref->cid == NULL)
        return fy_cs_container_read(reader, ref->account, ref->name, container);
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_CONTAINER_BY_CID);
    fy_cs_blob(&use, ref->cid->bytes, sizeof ref->cid->bytes);
    bool found = fy_cs_row(&use);
    if (found)
        fy_cs_take_container(&use, container);
    fy_cs_end(&use);
    return found;
}

static void visit_properties(struct fy_cs_conn *reader, int64_t container_id,
                             fy_property_visit_fn *visit, void *arg)
{
    struct fy_buf texts;
    bool wanted = true;
    fy_buf_init(&texts, FY_PROPERTIES_BYTES_MAX + 3); /* one with its zero bytes */
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_PROPERTY_LIST);
    fy_cs_i64(&use, container_id);
    fy_cs_i64(&use, FY_PROPERTIES_MAX);
    while (wanted && fy_cs_row(&use)) {
        fy_buf_clear(&texts);
        size_t key = take_into(&use, &texts), value = take_into(&use, &texts);
        FY_ASSERT(!texts.overflow); /* nobody could set it */
        wanted = visit(
            arg, &(struct fy_property){.key = texts.bytes + key, .value = texts.bytes + value});
    }
    fy_cs_end(&use);
    fy_buf_done(&texts);
}

enum fy_code fy_cs_container_info(struct fy_catalogue *port, const struct fy_container_ref *ref,
                                  struct fy_container_info *info, fy_property_visit_fn *visit,
                                  void *arg, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_container container;
    struct fy_cs_sum sum = {.objects = 0};
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    fy_cs_exec(reader, FY_CS_BEGIN_READ);
    bool found = find_by(reader, ref, &container) && container.there && !container.hidden;
    if (found)
        sum = fy_cs_sum_get(self, reader, container.id);
    if (found && visit != NULL)
        visit_properties(reader, container.id, visit, arg);
    fy_cs_exec(reader, FY_CS_COMMIT);
    enum fy_code code = fy_cs_reader_give(self, reader, err);
    if (code != FY_OK)
        return code;
    if (!found)
        return fy_err_set(err, FY_ENOTFOUND, "container %.100s is not here",
                          ref->cid == NULL ? ref->name : "of that id");
    fy_cs_rules_now(self, &container.row);
    *info = (struct fy_container_info){
        .row = container.row, .objects = sum.objects, .bytes = sum.bytes, .changes = sum.changes};
    return FY_OK;
}

/* ------------------------------------------------------------------ what clients do */

enum fy_code fy_cs_container_make(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_container_destroy(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_properties(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_container_state(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}

enum fy_code fy_cs_touch(struct fy_cs *self, struct fy_cat_op *op)
{
    (void)self;
    return fy_err_set(&op->err, FY_EINTERNAL, "not built yet");
}
