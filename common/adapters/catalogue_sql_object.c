/* catalogue_sql_object.c - what clients do here: buckets made and deleted, objects uploaded and
 * deleted. */
/*
 * Each of these takes a new stamp above the row's, changes the row and writes its order to the
 * outbox, in one transaction. All checks come before the first write, so what is refused has
 * changed nothing.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

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
    if (code != FY_OK)
        return code;

    struct fy_stamp stamp = fy_cs_stamp_next(self, &container.row.reg.stamp);
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

/* ------------------------------------------------------------------ uploads */

/* The container an object operation is about, there and with the right; the rule counts its
 * absence. */
static enum fy_code container_for(struct fy_cs *self, struct fy_cat_op *op,
                                  const struct fy_object_key *key, const char *client,
                                  unsigned right, struct fy_cs_container *container)
{
    if (!fy_cs_container_find(self, key->account, key->bucket, container) || !container->there)
        return fy_err_set(&op->err, FY_ENOTFOUND, "bucket %s is not here", key->bucket);
    if (!fy_cs_allowed(self->writer, container, client, right))
        return fy_err_set(&op->err, FY_EFORBIDDEN, "client %s may not %s in bucket %s", client,
                          right == FY_RIGHT_DELETE ? "delete" : "write", key->bucket);
    return fy_cs_takes_changes(self, container, &op->err);
}

static void upload_row(struct fy_cs *self, const struct fy_cs_container *container,
                       const char *name, const struct fy_cs_object *object, int64_t token)
{
    struct fy_cs_use use;
    if (object->exists) {
        /* An upload that died has kept what was before it. */
        enum fy_status prior = object->stored == FY_STATUS_UPLOAD ? object->prior : object->stored;
        use = fy_cs_use(self->writer, FY_CS_OBJECT_UPLOAD_OVER);
        fy_cs_text(&use, self->boot_id);
        fy_cs_i64(&use, token);
        fy_cs_i64(&use, prior);
        fy_cs_i64(&use, container->id);
        fy_cs_text(&use, name);
        fy_cs_expect(&use);
        return;
    }
    char id[FY_GUID_DIGITS + 1];
    fy_guid_new(self->clock, id);
    use = fy_cs_use(self->writer, FY_CS_OBJECT_UPLOAD);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, name);
    fy_cs_text(&use, id);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_text(&use, self->boot_id);
    fy_cs_i64(&use, token);
    fy_cs_expect(&use);
}

/* May an upload begin? */
static enum fy_code begin_check(struct fy_cs *self, struct fy_cat_op *op,
                                const struct fy_object_key *key, const char *client,
                                struct fy_cs_container *container, struct fy_cs_object *object)
{
    enum fy_code code = container_for(self, op, key, client, FY_RIGHT_WRITE, container);
    if (code != FY_OK)
        return code;
    fy_cs_object_read(self, self->writer, container->id, key->object, object);
    code = fy_rule_local_upload(&object->reg, container->there, false);
    if (code != FY_OK)
        return fy_err_set(&op->err, code, "object %s/%.100s is %s", key->bucket, key->object,
                          code == FY_ENOTACCEPT ? "being uploaded" : "there");
    if (!self->lease_alive) /* the sweeper may be after the body */
        return fy_err_set(&op->err, FY_ECANCELLED, "this process has no lease any more");
    return FY_OK;
}

enum fy_code fy_cs_upload_begin(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_upload_begin *begin = (struct fy_cat_upload_begin *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    enum fy_code code = begin_check(self, op, &begin->key, begin->client, &container, &object);
    if (code != FY_OK)
        return code;
    begin->token = ++self->last_token;
    upload_row(self, &container, begin->key.object, &object, begin->token);
    return FY_OK;
}

/* May the attempt that has begun publish over what it finds? A tombstone that an order wrote
 * meanwhile: yes. */
static enum fy_code finish_check(struct fy_cs *self, struct fy_cat_upload_finish *finish,
                                 struct fy_cs_container *container, struct fy_cs_object *object)
{
    struct fy_err *err = &finish->op.err;
    if (!fy_cs_container_find(self, finish->key.account, finish->key.bucket, container) ||
        !container->there)
        return fy_err_set(err, FY_ENOTFOUND, "bucket %s is not here any more", finish->key.bucket);
    enum fy_code code = fy_cs_takes_changes(self, container, err);
    if (code != FY_OK)
        return code;
    fy_cs_object_read(self, self->writer, container->id, finish->key.object, object);
    bool own = object->ours && object->token == finish->token;
    if (!own && object->reg.status == FY_STATUS_READY)
        return fy_err_set(err, FY_EEXISTS, "object %.100s arrived from another site meanwhile",
                          finish->key.object);
    if (!own && object->reg.status == FY_STATUS_UPLOAD)
        return fy_err_set(err, FY_EEXISTS, "object %.100s was deleted and is uploaded anew",
                          finish->key.object);
    if (!own && object->reg.status != FY_STATUS_DELETED)
        return fy_err_set(err, FY_ECANCELLED, "the upload of %.100s was given up before",
                          finish->key.object);
    if (!self->lease_alive) /* the sweeper may be after the body */
        return fy_err_set(err, FY_ECANCELLED, "this process has no lease any more");
    return FY_OK;
}

/* The row as a read would give it now, without asking for it again. */
static void finish_row(struct fy_cat_upload_finish *finish, const struct fy_stamp *stamp,
                       const struct fy_cs_ready *ready)
{
    struct fy_object_row *row = &finish->row;
    memset(row, 0, sizeof *row);
    memcpy(row->id, ready->id, sizeof row->id);
    row->version = ready->number;
    memcpy(row->name, finish->key.object, sizeof row->name);
    row->reg = (struct fy_register){
        .status = FY_STATUS_READY, .stamp = *stamp, .has_digest = true, .digest = finish->digest};
    row->size = finish->size;
    row->facts = finish->facts;
    if (row->facts.creation_ms == 0)
        row->facts.creation_ms = fy_stamp_ms(stamp);
    if (row->facts.hash[0] == '\0')
        fy_digest_print_base32hex(&finish->digest, row->facts.hash);
    row->body_id = ready->body_id;
    row->proof = finish->proof;
}

enum fy_code fy_cs_upload_finish(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_upload_finish *finish = (struct fy_cat_upload_finish *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    FY_ASSERT(finish->blob_ref[0] != '\0');
    enum fy_code code = finish->token != 0 ? finish_check(self, finish, &container, &object)
                                           : begin_check(self, op, &finish->key, finish->client,
                                                         &container, &object);
    if (code != FY_OK)
        return code;

    struct fy_stamp stamp = fy_cs_stamp_next(self, &object.reg.stamp);
    struct fy_cs_ready ready = {
        .stamp = &stamp,
        .facts = &finish->facts,
        .body_id = fy_cs_body_put(self, &finish->digest, finish->size, finish->blob_ref),
        .size = finish->size,
        .proof = finish->proof,
        .digest = &finish->digest,
        .blob_ref = finish->blob_ref,
    };
    fy_cs_object_ready(self, &container, finish->key.object, &object, &ready);
    finish_row(finish, &stamp, &ready);
    memcpy(finish->row.blob_ref, finish->blob_ref, sizeof finish->row.blob_ref);

    struct fy_order order;
    fy_cs_order_begin(&order, FY_ACTION_CREATE, &stamp, finish->op_id, finish->client,
                      finish->key.bucket);
    memcpy(order.object, finish->key.object, sizeof order.object);
    fy_digest_print_base32hex(&finish->digest, order.hash);
    order.size = finish->size;
    fy_cs_outbox_local(self, &order, container.row.account);
    return FY_OK;
}

enum fy_code fy_cs_upload_fail(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_upload_fail *fail = (struct fy_cat_upload_fail *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    if (!fy_cs_container_find(self, fail->key.account, fail->key.bucket, &container))
        return FY_OK;
    fy_cs_object_read(self, self->writer, container.id, fail->key.object, &object);
    if (!object.ours || object.token != fail->token)
        return FY_OK; /* it is no longer this attempt's */
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OBJECT_STATUS);
    fy_cs_i64(&use, object.prior == FY_STATUS_DELETED ? FY_STATUS_DELETED : FY_STATUS_ERR_UPL);
    fy_cs_i64(&use, container.id);
    fy_cs_text(&use, fail->key.object);
    fy_cs_send(&use);
    return FY_OK;
}

/* ------------------------------------------------------------------ deletes */

enum fy_code fy_cs_object_delete(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_object_delete *delete = (struct fy_cat_object_delete *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    delete->already = delete->rights_changed = false;
    enum fy_code code =
        container_for(self, op, &delete->key, delete->client, FY_RIGHT_DELETE, &container);
    if (code != FY_OK)
        return code;
    fy_cs_object_read(self, self->writer, container.id, delete->key.object, &object);
    code = fy_rule_local_delete(&object.reg, container.there, &delete->already);
    if (code != FY_OK)
        return fy_err_set(&op->err, code, "object %s/%.100s is not here", delete->key.bucket,
                          delete->key.object);
    if (delete->already)
        return FY_OK;

    struct fy_stamp stamp = fy_cs_stamp_next(self, &object.reg.stamp);
    self->rights_changed = false;
    fy_cs_object_tombstone(self, &container, delete->key.object, &object, &stamp);
    delete->rights_changed = self->rights_changed;

    struct fy_order order;
    fy_cs_order_begin(&order, FY_ACTION_DELETE, &stamp, delete->op_id, delete->client,
                      delete->key.bucket);
    memcpy(order.object, delete->key.object, sizeof order.object);
    if (object.reg.has_digest)
        fy_digest_print_base32hex(&object.reg.digest, order.hash);
    fy_cs_outbox_local(self, &order, container.row.account);
    return FY_OK;
}

/* Whether what was kept of the object can be had again. */
static enum fy_code undelete_check(struct fy_cs *self, struct fy_cat_undelete *undelete,
                                   struct fy_cs_container *container, struct fy_cs_object *object,
                                   struct fy_body_row *body)
{
    struct fy_err *err = &undelete->op.err;
    const struct fy_object_key *key = &undelete->key;
    enum fy_code code = begin_check(self, &undelete->op, key, undelete->client, container, object);
    if (code != FY_OK)
        return code;
    if (object->kept_body_id == 0 || !fy_cs_body_get(self->writer, object->kept_body_id, body))
        return fy_err_set(err, FY_ENOTFOUND, "nothing is kept of object %s/%.100s", key->bucket,
                          key->object);
    if (body->damaged)
        return fy_err_set(err, FY_ENOTFOUND, "what was kept of object %s/%.100s is damaged",
                          key->bucket, key->object);
    return FY_OK;
}

enum fy_code fy_cs_undelete(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_undelete *undelete = (struct fy_cat_undelete *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    struct fy_body_row body = {.id = 0};
    enum fy_code code = undelete_check(self, undelete, &container, &object, &body);
    if (code != FY_OK)
        return code;
    struct fy_stamp stamp = fy_cs_stamp_next(self, &object.reg.stamp);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OBJECT_UNDELETE);
    fy_cs_stamp(&use, &stamp);
    fy_cs_i64(&use, container.id);
    fy_cs_text(&use, undelete->key.object);
    fy_cs_i64(&use, object.number); /* it is the version that it was */
    fy_cs_expect(&use);             /* read in this transaction, under its lock */
    fy_cs_journal_object(self, &container, undelete->key.object);
    self->counters.kept_objects--;
    self->counters.kept_bytes -= body.size;
    self->counters.objects++;
    self->counters.bytes += body.size;
    fy_cs_sum_add(self, container.id, 1, body.size, 1);
    fy_cs_tell_object(self, FY_OIO_CONTENT_NEW, &container, undelete->key.object);
    undelete->size = body.size;

    struct fy_order order;
    fy_cs_order_begin(&order, FY_ACTION_CREATE, &stamp, undelete->op_id, undelete->client,
                      undelete->key.bucket);
    memcpy(order.object, undelete->key.object, sizeof order.object);
    fy_digest_print_base32hex(&body.digest, order.hash);
    order.size = body.size;
    fy_cs_outbox_local(self, &order, container.row.account);
    return FY_OK;
}
