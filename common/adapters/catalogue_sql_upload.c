/* catalogue_sql_upload.c - uploads: bodies that clients bring, by the rules of their container. */
/*
 * Where a name is written once, an upload takes its row when it begins, so that a second one is
 * told before it has sent anything. Where names are written again, the object that is there stays
 * visible until the upload has ended, and takes its place then: nothing is written before.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"

enum fy_code fy_cs_container_for(struct fy_cs *self, struct fy_cat_op *op,
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

enum fy_code fy_cs_quota_check(struct fy_cs *self, const struct fy_cs_container *container,
                               int64_t more, struct fy_err *err)
{
    int64_t quota = container->row.rules.quota;
    if (quota == 0 || more <= 0)
        return FY_OK;
    int64_t used = fy_cs_sum_get(self, self->writer, container->id).bytes;
    if (used < 0) /* a client has set the sum, and deleted since */
        used = 0;
    if (used <= quota && more <= quota - used)
        return FY_OK;
    return fy_err_set(err, FY_EQUOTA,
                      "container %s holds %lld of the %lld bytes it may; %lld are too many",
                      container->row.name, (long long)used, (long long)quota, (long long)more);
}

/* ------------------------------------------------------------------ begin */

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

enum fy_code fy_cs_upload_check(struct fy_cs *self, struct fy_cat_op *op,
                                const struct fy_object_key *key, const char *client, bool by_rules,
                                struct fy_cs_container *container, struct fy_cs_object *object)
{
    enum fy_code code = fy_cs_container_for(self, op, key, client, FY_RIGHT_WRITE, container);
    if (code != FY_OK)
        return code;
    fy_cs_object_read(self, self->writer, container->id, key->object, object);
    bool again = by_rules && container->row.rules.versioned;
    code = fy_rule_local_upload(&object->reg, container->there, again);
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
    enum fy_code code = fy_cs_upload_check(self, op, &begin->key, begin->client, begin->by_rules,
                                           &container, &object);
    /* How long it is nobody knows; what it replaces may make room. */
    if (code == FY_OK && object.reg.status != FY_STATUS_READY)
        code = fy_cs_quota_check(self, &container, 1, &op->err);
    if (code != FY_OK)
        return code;
    begin->token = 0;
    if (begin->by_rules && container.row.rules.versioned)
        return FY_OK;
    begin->token = ++self->last_token;
    upload_row(self, &container, begin->key.object, &object, begin->token);
    return FY_OK;
}

/* ------------------------------------------------------------------ finish */

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

static bool is_empty(const char *metadata)
{
    return metadata[0] == '\0' || strcmp(metadata, "{}") == 0;
}

/* The registered version has promised what comes, and says what the upload leaves unsaid. */
static enum fy_code fill_check(struct fy_cat_upload_finish *finish,
                               const struct fy_object_row *registered)
{
    struct fy_digest promised;
    if (registered->size != finish->size)
        return fy_err_set(&finish->op.err, FY_ECORRUPT,
                          "object %.100s was registered with %lld bytes, not %lld",
                          finish->key.object, (long long)registered->size, (long long)finish->size);
    if (fy_digest_parse(registered->facts.hash, &promised) &&
        !fy_digest_equal(&promised, &finish->digest))
        return fy_err_set(&finish->op.err, FY_ECORRUPT,
                          "object %.100s was registered with the hash %s", finish->key.object,
                          registered->facts.hash);
    if (is_empty(finish->facts.metadata))
        memcpy(finish->facts.metadata, registered->facts.metadata, sizeof finish->facts.metadata);
    return FY_OK;
}

/* Where it goes among the versions of its name, and whether there is room for it. */
static enum fy_code finish_seat(struct fy_cs *self, struct fy_cat_upload_finish *finish,
                                const struct fy_cs_name *at, struct fy_cs_seat *seat)
{
    enum fy_code code = fy_cs_seat_find(self, at, finish->version, seat, &finish->op.err);
    if (code == FY_OK && seat->fills)
        code = fill_check(finish, &seat->registered);
    if (code != FY_OK)
        return code;
    int64_t more = finish->size - (seat->fills ? seat->registered.size : 0);
    if (at->object->reg.status == FY_STATUS_READY && !seat->below &&
        !fy_cs_keeps_versions(self, at->container))
        more -= at->object->size;
    return fy_cs_quota_check(self, at->container, more, &finish->op.err);
}

/* The row as a read would give it now, without asking for it again. */
static void finish_row(struct fy_cat_upload_finish *finish, const struct fy_cs_ready *ready)
{
    struct fy_object_row *row = &finish->row;
    memset(row, 0, sizeof *row);
    memcpy(row->id, ready->id, sizeof row->id);
    row->version = ready->number;
    memcpy(row->name, finish->key.object, sizeof row->name);
    row->reg = (struct fy_register){.status = FY_STATUS_READY,
                                    .stamp = *ready->stamp,
                                    .has_digest = true,
                                    .digest = finish->digest};
    row->size = finish->size;
    row->facts = finish->facts;
    if (row->facts.creation_ms == 0)
        row->facts.creation_ms = fy_stamp_ms(ready->stamp);
    if (row->facts.hash[0] == '\0')
        fy_digest_print_base32hex(&finish->digest, row->facts.hash);
    row->body_id = ready->body_id;
    row->proof = finish->proof;
    memcpy(row->blob_ref, finish->blob_ref, sizeof row->blob_ref);
}

/* An older version than what is there: other sites do not hear of it. */
static void finish_below(struct fy_cs *self, struct fy_cat_upload_finish *finish,
                         const struct fy_cs_name *at, const struct fy_cs_seat *seat,
                         struct fy_cs_ready *ready)
{
    ready->number = seat->number;
    if (seat->fills) {
        fy_cs_version_take(self, at, &seat->registered);
        memcpy(ready->id, seat->registered.id, sizeof ready->id);
    } else {
        fy_guid_new(self->clock, ready->id);
    }
    finish_row(finish, ready);
    fy_cs_version_add(self, at, &finish->row);
    fy_cs_sum_add(self, at->container->id, 0, 0, 1);
}

static void finish_newest(struct fy_cs *self, struct fy_cat_upload_finish *finish,
                          const struct fy_cs_name *at, const struct fy_cs_seat *seat,
                          struct fy_cs_ready *ready)
{
    fy_cs_seat_ready(self, at, seat, ready);
    finish_row(finish, ready);
    fy_cs_order_add(self, at, FY_ACTION_CREATE, ready->stamp, &finish->digest, finish->size);
}

enum fy_code fy_cs_upload_finish(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_upload_finish *finish = (struct fy_cat_upload_finish *)(void *)op;
    struct fy_cs_container container;
    struct fy_cs_object object;
    struct fy_cs_seat seat;
    const struct fy_cs_name at = {.container = &container,
                                  .name = finish->key.object,
                                  .object = &object,
                                  .client = finish->client,
                                  .op_id = finish->op_id};
    FY_ASSERT(finish->blob_ref[0] != '\0');
    enum fy_code code = finish->token != 0
                            ? finish_check(self, finish, &container, &object)
                            : fy_cs_upload_check(self, op, &finish->key, finish->client,
                                                 finish->by_rules, &container, &object);
    if (code == FY_OK)
        code = finish_seat(self, finish, &at, &seat);
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
    if (seat.below)
        finish_below(self, finish, &at, &seat, &ready);
    else
        finish_newest(self, finish, &at, &seat, &ready);
    fy_cs_versions_exceeding(self, &at);
    return FY_OK;
}

/* ------------------------------------------------------------------ fail */

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
