/* catalogue_sql_object.c - what clients do here: buckets made and deleted, objects deleted and
 * undeleted. */
/*
 * Each of these takes a new stamp above the row's, changes the row and writes its order to the
 * outbox, in one transaction. All checks come before the first write, so what is refused has
 * changed nothing.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"

void fy_cs_order_begin(struct fy_order *order, enum fy_action action, const struct fy_stamp *stamp,
                       const char *op_id, const char *client, const char *bucket)
{
    memset(order, 0, sizeof *order);
    order->action = action;
    order->stamp = *stamp;
    memcpy(order->op_id, op_id, strlen(op_id) + 1);
    memcpy(order->client, client, strlen(client) + 1);
    memcpy(order->bucket, bucket, strlen(bucket) + 1);
}

/* ------------------------------------------------------------------ buckets */

enum fy_code fy_cs_bucket_create(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_bucket_create *create = (struct fy_cat_bucket_create *)(void *)op;
    struct fy_cs_container container, holder;
    const char *targets = create->targets != NULL ? create->targets : "";
    (void)fy_cs_container_find(self, create->client, create->bucket, &container);
    bool has_ready = container.there && container.row.reg.status != FY_STATUS_READY;
    if (container.hidden)
        return fy_err_set(&op->err, FY_EBUSY, "bucket %s is being made", create->bucket);
    enum fy_code code = fy_rule_local_bucket_create(&container.row.reg, has_ready);
    if (code != FY_OK)
        return fy_err_set(&op->err, code, "bucket %s is there already", create->bucket);
    if (fy_cs_container_fits_ccs(&container) &&
        fy_cs_container_by_name(self->writer, create->bucket, &holder) &&
        holder.id != container.id && holder.there)
        return fy_err_set(&op->err, FY_EEXISTS, "bucket %s is another client's", create->bucket);
    code = fy_cs_targets_known(self, targets, &op->err);
    if (code == FY_OK)
        code = fy_cs_left_check(self, &container, FY_EBUSY, &op->err);
    if (code != FY_OK)
        return code;

    struct fy_stamp stamp = fy_cs_stamp_next(self, &container.row.reg.stamp);
    fy_cs_left_clear(self, &container);
    fy_cs_container_need(self, &container, fy_stamp_ms(&stamp));
    fy_cs_container_register(self, &container, FY_STATUS_READY, &stamp, fy_stamp_ms(&stamp), 0);
    fy_cs_container_settle(self, &container);
    fy_cs_targets_put(self, &container, targets);
    struct fy_order order;
    fy_cs_order_begin(&order, FY_ACTION_CREATE, &stamp, create->op_id, create->client,
                      create->bucket);
    fy_cs_outbox_local(self, &order, create->client);
    create->row = container.row;
    return FY_OK;
}

enum fy_code fy_cs_bucket_delete(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_bucket_delete *delete = (struct fy_cat_bucket_delete *)(void *)op;
    struct fy_cs_container container;
    bool found = fy_cs_container_find(self, delete->account, delete->bucket, &container);
    bool filled = found && fy_cs_container_filled(self->writer, &container);
    enum fy_code code = fy_rule_local_bucket_delete(&container.row.reg, filled);
    if (code == FY_ENOTFOUND || code == FY_EGONE)
        return fy_err_set(&op->err, code, "bucket %s %s", delete->bucket,
                          code == FY_EGONE ? "is deleted already" : "is not here");
    if (strcmp(container.row.account, delete->client) != 0)
        return fy_err_set(&op->err, FY_EFORBIDDEN, "bucket %s is not of client %s", delete->bucket,
                          delete->client);
    if (code != FY_OK)
        return fy_err_set(&op->err, code, "bucket %s is not empty", delete->bucket);
    code = fy_cs_may_go(self, &container, &op->err);
    if (code != FY_OK)
        return code;

    struct fy_stamp stamp = fy_cs_stamp_next(self, &container.row.reg.stamp);
    fy_cs_container_register(self, &container, FY_STATUS_DELETED, &stamp, 0, 0);
    fy_cs_container_settle(self, &container);
    struct fy_order order;
    fy_cs_order_begin(&order, FY_ACTION_DELETE, &stamp, delete->op_id, delete->client,
                      delete->bucket);
    fy_cs_outbox_local(self, &order, container.row.account);
    return FY_OK;
}

/* ------------------------------------------------------------------ deletes */

/* The newest version of the name, which is not its object row. */
static bool find_registered(struct fy_cs *self, const struct fy_cs_name *at,
                            struct fy_object_row *row)
{
    return fy_cs_has_versions(at->container) &&
           fy_cs_version_top(self, self->writer, at->container->id, at->name, row) &&
           fy_cs_is_newer(row, at->object);
}

static void drop(struct fy_cs *self, const struct fy_cs_name *at, const struct fy_object_row *row)
{
    fy_cs_version_drop(self, at, row);
    fy_cs_sum_add(self, at->container->id, 0, 0, 1);
}

/* Leaves a delete marker above what there is. */
static void mark(struct fy_cs *self, struct fy_cat_object_delete *delete,
                 const struct fy_cs_name *at)
{
    const struct fy_register *reg = &at->object->reg;
    struct fy_stamp stamp = fy_cs_stamp_next(self, &reg->stamp);
    delete->gone = fy_cs_name_mark(self, at, &stamp);
    delete->marker = true;
    fy_cs_order_add(self, at, FY_ACTION_DELETE, &stamp, reg->has_digest ? &reg->digest : NULL, 0);
}

/* What the container's rules make of a delete that names no version. */
static enum fy_code delete_newest(struct fy_cs *self, struct fy_cat_object_delete *delete,
                                  const struct fy_cs_name *at)
{
    struct fy_object_row row;
    bool registered = find_registered(self, at, &row);
    delete->already = !registered && at->object->marker;
    delete->gone = registered ? row.version : at->object->number;
    if (delete->already)
        return FY_OK;
    if (!registered && !fy_cs_is_version(at->object)) {
        enum fy_code code =
            fy_rule_local_delete(&at->object->reg, at->container->there, &delete->already);
        if (code != FY_OK)
            return fy_err_set(&delete->op.err, code, "object %s/%.100s is not here",
                              delete->key.bucket, at->name);
        if (delete->already)
            return FY_OK;
    }
    if (fy_cs_keeps_versions(self, at->container))
        mark(self, delete, at);
    else if (registered)
        drop(self, at, &row);
    else
        fy_cs_newest_erase(self, at);
    return FY_OK;
}

static enum fy_code delete_version(struct fy_cs *self, struct fy_cat_object_delete *delete,
                                   const struct fy_cs_name *at)
{
    struct fy_object_row row;
    struct fy_err *err = &delete->op.err;
    delete->gone = delete->version;
    if (at->container->row.rules.versioned && fy_cs_policy(self, at->container) == 0)
        return fy_err_set(err, FY_EINPUT, "in container %s versions are disabled",
                          delete->key.bucket);
    if (fy_cs_is_version(at->object) && at->object->number == delete->version) {
        fy_cs_newest_erase(self, at);
        return FY_OK;
    }
    if (!fy_cs_has_versions(at->container) ||
        !fy_cs_version_find(self, self->writer, at->container->id, at->name, delete->version, &row))
        return fy_err_set(err, FY_ENOTFOUND, "version %lld of object %s/%.100s is not here",
                          (long long)delete->version, delete->key.bucket, at->name);
    drop(self, at, &row);
    return FY_OK;
}

/* Whether what is to be deleted is the newest version as it is now, and goes as such. */
static bool goes_as_newest(struct fy_cs *self, const struct fy_cat_object_delete *delete,
                           const struct fy_cs_name *at)
{
    struct fy_object_row row;
    if (delete->version == 0 || !delete->newest_by_rules)
        return delete->version == 0;
    if (find_registered(self, at, &row))
        return row.version == delete->version;
    return fy_cs_is_version(at->object) && at->object->number == delete->version;
}

/* Whether the next above it is a delete marker: it was the newest when that came, so a delete of
 * the same id, repeated after its answer was lost, erases nothing. */
static bool is_hidden(struct fy_cs *self, const struct fy_cat_object_delete *delete,
                      const struct fy_cs_name *at)
{
    struct fy_object_row above;
    const struct fy_cs_object *object = at->object;
    if (!delete->newest_by_rules || !fy_cs_has_versions(at->container))
        return false;
    bool kept = fy_cs_version_newer(self, self->writer, at->container->id, at->name,
                                    delete->version, &above);
    if (fy_cs_is_version(object) && object->number > delete->version &&
        (!kept || object->number < above.version))
        return object->marker;
    return kept && above.marker;
}

enum fy_code fy_cs_object_delete(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_object_delete *delete = (struct fy_cat_object_delete *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    const struct fy_cs_name at = {.container = &container,
                                  .name = delete->key.object,
                                  .object = &object,
                                  .client = delete->client,
                                  .op_id = delete->op_id};
    delete->already = delete->marker = delete->rights_changed = false;
    enum fy_code code =
        fy_cs_container_for(self, op, &delete->key, delete->client, FY_RIGHT_DELETE, &container);
    if (code != FY_OK)
        return code;
    fy_cs_object_read(self, self->writer, container.id, delete->key.object, &object);
    self->rights_changed = false;
    if (goes_as_newest(self, delete, &at))
        code = delete_newest(self, delete, &at);
    else if (is_hidden(self, delete, &at))
        delete->already = true;
    else
        code = delete_version(self, delete, &at);
    delete->rights_changed = self->rights_changed;
    return code;
}

/* The name is hidden by a delete marker: without it the version behind it is there again. */
static enum fy_code unhide(struct fy_cs *self, struct fy_cat_undelete *undelete,
                           const struct fy_cs_name *at)
{
    struct fy_err *err = &undelete->op.err;
    struct fy_object_row older;
    if (!fy_cs_version_older(self, self->writer, at->container->id, at->name, &older) ||
        older.marker)
        return fy_err_set(err, FY_ENOTFOUND,
                          "behind the delete marker of %s/%.100s there is no object",
                          undelete->key.bucket, at->name);
    if (older.damaged)
        return fy_err_set(err, FY_ENOTFOUND, "what the delete marker of %s/%.100s hides is damaged",
                          undelete->key.bucket, at->name);
    fy_cs_newest_erase(self, at);
    undelete->size = older.size;
    return FY_OK;
}

/* Whether what was kept of the object can be had again. */
static enum fy_code kept_check(struct fy_cs *self, struct fy_cat_undelete *undelete,
                               const struct fy_cs_object *object, struct fy_body_row *body)
{
    struct fy_err *err = &undelete->op.err;
    const struct fy_object_key *key = &undelete->key;
    if (object->kept_body_id == 0 || !fy_cs_body_get(self->writer, object->kept_body_id, body))
        return fy_err_set(err, FY_ENOTFOUND, "nothing is kept of object %s/%.100s", key->bucket,
                          key->object);
    if (body->damaged)
        return fy_err_set(err, FY_ENOTFOUND, "what was kept of object %s/%.100s is damaged",
                          key->bucket, key->object);
    return FY_OK;
}

/* The row as it was before it was deleted. */
static enum fy_code bring_back(struct fy_cs *self, struct fy_cat_undelete *undelete,
                               const struct fy_cs_name *at)
{
    struct fy_body_row body = {.id = 0};
    enum fy_code code = kept_check(self, undelete, at->object, &body);
    if (code != FY_OK)
        return code;
    struct fy_stamp stamp = fy_cs_stamp_next(self, &at->object->reg.stamp);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OBJECT_UNDELETE);
    fy_cs_stamp(&use, &stamp);
    fy_cs_i64(&use, at->container->id);
    fy_cs_text(&use, at->name);
    fy_cs_i64(&use, at->object->number); /* it is the version that it was */
    fy_cs_expect(&use);                  /* read in this transaction, under its lock */
    struct fy_object_row row;
    if (fy_cs_object_row(self, self->writer, at->container->id, at->name, &row)) {
        fy_cs_journal_object(self, at->container, &row);
        fy_cs_tell_version(self, FY_OIO_CONTENT_NEW, at->container, at->name, &row);
    } /* else the failure sticks */
    self->counters.kept_objects--;
    self->counters.kept_bytes -= body.size;
    self->counters.objects++;
    self->counters.bytes += body.size;
    fy_cs_sum_add(self, at->container->id, 1, body.size, 1);
    undelete->size = body.size;
    fy_cs_order_add(self, at, FY_ACTION_CREATE, &stamp, &body.digest, body.size);
    return FY_OK;
}

enum fy_code fy_cs_undelete(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_undelete *undelete = (struct fy_cat_undelete *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    const struct fy_cs_name at = {.container = &container,
                                  .name = undelete->key.object,
                                  .object = &object,
                                  .client = undelete->client,
                                  .op_id = undelete->op_id};
    enum fy_code code =
        fy_cs_upload_check(self, op, &undelete->key, undelete->client, false, &container, &object);
    if (code != FY_OK)
        return code;
    bool hidden = object.marker && object.kept_body_id == 0;
    return hidden ? unhide(self, undelete, &at) : bring_back(self, undelete, &at);
}
