/* catalogue_sql_property.c - properties of containers: read, set, removed. */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/core/container_rules.h"

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

/* ------------------------------------------------------------------ how many fit */

/* Keys of the properties that are there, and what each takes. */
struct sizes {
    struct fy_buf keys; /* each with its zero byte */
    size_t count;
    struct size {
        size_t key; /* where it begins in keys */
        int64_t bytes;
    } * sizes; /* by key */
    int64_t bytes;
};

static bool is_users(const char *key)
{
    return strncmp(key, "user.", strlen("user.")) == 0;
}

static void sizes_read(struct fy_cs *self, int64_t container_id, bool flush, struct sizes *sizes)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_PROPERTY_SIZES);
    fy_cs_i64(&use, container_id);
    fy_cs_i64(&use, FY_PROPERTIES_MAX);
    while (fy_cs_row(&use)) {
        size_t key = take_into(&use, &sizes->keys);
        int64_t bytes = fy_cs_take_i64(&use);
        FY_ASSERT(!sizes->keys.overflow);
        if (flush && is_users(sizes->keys.bytes + key))
            continue;
        bytes += (int64_t)strlen(sizes->keys.bytes + key);
        sizes->sizes[sizes->count++] = (struct size){.key = key, .bytes = bytes};
        sizes->bytes += bytes;
    }
    fy_cs_end(&use);
}

/* What the property of that key takes now; 0: it is not there. */
static int64_t size_of(const struct sizes *sizes, const char *key)
{
    for (size_t low = 0, high = sizes->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(key, sizes->keys.bytes + sizes->sizes[middle].key);
        if (order == 0)
            return sizes->sizes[middle].bytes;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

static bool is_text(const struct fy_property *property)
{
    enum fy_property_kind kind = fy_property_kind(property->key);
    return kind == FY_PROPERTY_PLAIN || kind == FY_PROPERTY_RULE;
}

/* Of two properties of one key in a call, which the API does not make, both are counted. */
static bool fit(const struct sizes *sizes, const struct fy_property *properties, size_t count)
{
    int64_t left = (int64_t)sizes->count, bytes = sizes->bytes;
    for (size_t index = 0; index < count; index++) {
        const struct fy_property *property = &properties[index];
        if (!is_text(property))
            continue;
        int64_t old = size_of(sizes, property->key);
        left -= old > 0;
        bytes -= old;
        if (fy_property_is_absent(property))
            continue;
        left++;
        bytes += (int64_t)(strlen(property->key) + strlen(property->value));
    }
    return left <= FY_PROPERTIES_MAX && bytes <= FY_PROPERTIES_BYTES_MAX;
}

enum fy_code fy_cs_properties_fit(struct fy_cs *self, int64_t container_id,
                                  const struct fy_property *properties, size_t count, bool flush,
                                  struct fy_err *err)
{
    for (size_t index = 0; index < count; index++)
        if (strlen(properties[index].key) > FY_PROPERTY_KEY_BYTES_MAX)
            return fy_err_set(err, FY_ETOOBIG, "a property's key has at most %d bytes",
                              FY_PROPERTY_KEY_BYTES_MAX);
    struct sizes sizes = {.sizes = fy_alloc(FY_PROPERTIES_MAX * sizeof *sizes.sizes)};
    fy_buf_init(&sizes.keys, FY_PROPERTIES_BYTES_MAX + FY_PROPERTIES_MAX);
    if (container_id != 0)
        sizes_read(self, container_id, flush, &sizes);
    bool fits = fit(&sizes, properties, count);
    fy_buf_done(&sizes.keys);
    free(sizes.sizes);
    if (fits)
        return FY_OK;
    return fy_err_set(err, FY_ETOOBIG, "a container has at most %d properties of %d bytes",
                      FY_PROPERTIES_MAX, FY_PROPERTIES_BYTES_MAX);
}

/* ------------------------------------------------------------------ written */

void fy_cs_properties_put(struct fy_cs *self, const struct fy_cs_container *container,
                          const struct fy_property *properties, size_t count)
{
    for (size_t index = 0; index < count; index++) {
        const struct fy_property *property = &properties[index];
        bool absent = fy_property_is_absent(property);
        if (!is_text(property))
            continue;
        struct fy_cs_use use =
            fy_cs_use(self->writer, absent ? FY_CS_PROPERTY_DELETE : FY_CS_PROPERTY_PUT);
        fy_cs_i64(&use, container->id);
        fy_cs_text(&use, property->key);
        if (!absent)
            fy_cs_text(&use, property->value);
        fy_cs_send(&use);
        fy_cs_journal_property(self, container, property->key, absent ? NULL : property->value);
    }
}

static void delete_many(struct fy_cs *self, enum fy_cs_sql sql, int64_t container_id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_i64(&use, container_id);
    fy_cs_send(&use);
}

void fy_cs_properties_drop(struct fy_cs *self, struct fy_cs_container *container)
{
    struct fy_container_rules none;
    fy_container_rules_init(&none);
    delete_many(self, FY_CS_PROPERTY_DELETE_ALL, container->id);
    fy_cs_journal_properties_gone(self, container, "");
    fy_cs_rules_put(self, container, &none);
    struct fy_cs_sum sum = fy_cs_sum_get(self, self->writer, container->id);
    fy_cs_sum_add(self, container->id, 0, 0, -sum.changes); /* what is in it is so by its rows */
}

/* What the counters are set to, until a recount. */
static void set_sums(struct fy_cs *self, int64_t container_id,
                     const struct fy_container_change *change)
{
    if (change->objects == FY_UNSET && change->bytes == FY_UNSET)
        return;
    struct fy_cs_sum sum = fy_cs_sum_get(self, self->writer, container_id);
    fy_cs_sum_correct(self, container_id,
                      change->objects == FY_UNSET ? 0 : change->objects - sum.objects,
                      change->bytes == FY_UNSET ? 0 : change->bytes - sum.bytes, 0);
}

enum fy_code fy_cs_properties(struct fy_cs *self, struct fy_cat_op *op)
{
    const struct fy_cat_properties *set = (const struct fy_cat_properties *)(void *)op;
    struct fy_cs_container container;
    if (!fy_cs_container_find(self, set->account, set->name, &container) || !container.there)
        return fy_err_set(&op->err, FY_ENOTFOUND, "container %.100s is not here", set->name);
    struct fy_container_change change = {.rules = container.row.rules};
    enum fy_code code = fy_container_change(&change, set->properties, set->count, false, &op->err);
    if (code == FY_OK)
        code = fy_cs_properties_fit(self, container.id, set->properties, set->count, set->flush,
                                    &op->err);
    if (code != FY_OK)
        return code;
    fy_cs_tell_container_changes(self, &container, set->properties, set->count, set->flush);
    if (set->flush) {
        delete_many(self, FY_CS_PROPERTY_DELETE_USER, container.id);
        fy_cs_journal_properties_gone(self, &container, "user.");
    }
    fy_cs_properties_put(self, &container, set->properties, set->count);
    fy_cs_rules_put(self, &container, &change.rules);
    set_sums(self, container.id, &change);
    fy_cs_containers_forget(self); /* the bucket it belongs to is in its row */
    return FY_OK;
}
