/* catalogue_sql_row.c - object and body rows: what every change of an object has in common. */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

/* An upload in progress lives as long as the process that began it; a dead one reads as ERR_UPL
 * (DESIGN 7). An engine that is shared gives the boot ids of living processes alone; else there is
 * none but this. */
static bool upload_is_alive(struct fy_cs *self, const char *boot_id)
{
    return boot_id[0] != '\0' && (self->engine->shared || strcmp(boot_id, self->boot_id) == 0);
}

static bool upload_is_ours(struct fy_cs *self, const char *boot_id)
{
    return self->boot_id[0] != '\0' && strcmp(boot_id, self->boot_id) == 0;
}

static enum fy_status status_seen(enum fy_status stored, bool alive)
{
    return stored == FY_STATUS_UPLOAD && !alive ? FY_STATUS_ERR_UPL : stored;
}

/* Rows of older catalogues have no number: there it is their stamp's. */
static int64_t number_of(int64_t stored, const struct fy_stamp *stamp)
{
    return stored != 0 ? stored : fy_stamp_version(stamp);
}

int64_t fy_cs_number_next(int64_t greatest, const struct fy_stamp *stamp)
{
    int64_t number = fy_stamp_version(stamp);
    return number > greatest ? number : greatest + 1;
}

void fy_cs_object_read(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                       const char *name, struct fy_cs_object *object)
{
    memset(object, 0, sizeof *object);
    if (container_id == 0)
        return;
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_OBJECT_REGISTER);
    fy_cs_i64(&use, container_id);
    fy_cs_text(&use, name);
    if (fy_cs_row(&use)) {
        char boot_id[FY_GUID_DIGITS + 1];
        object->exists = true;
        object->stored = (enum fy_status)fy_cs_take_i64(&use);
        fy_cs_take_stamp(&use, &object->reg.stamp);
        object->size = fy_cs_take_i64(&use);
        fy_cs_take_text(&use, object->hash, sizeof object->hash);
        fy_cs_take_text(&use, boot_id, sizeof boot_id);
        object->token = fy_cs_take_i64(&use);
        object->prior = (enum fy_status)fy_cs_take_i64(&use);
        object->body_id = fy_cs_take_i64(&use);
        object->reg.has_digest = fy_cs_take_digest(&use, &object->reg.digest);
        object->kept_body_id = fy_cs_take_i64(&use);
        object->number = number_of(fy_cs_take_i64(&use), &object->reg.stamp);
        object->marker = fy_cs_take_i64(&use) != 0;
        fy_cs_take_text(&use, object->id, sizeof object->id);
        object->ours = object->stored == FY_STATUS_UPLOAD && upload_is_ours(self, boot_id);
        object->reg.upload_alive =
            object->stored == FY_STATUS_UPLOAD && upload_is_alive(self, boot_id);
        object->reg.status = status_seen(object->stored, object->reg.upload_alive);
    }
    fy_cs_end(&use);
}

void fy_cs_take_object_row(struct fy_cs *self, struct fy_cs_use *use, struct fy_object_row *row)
{
    char boot_id[FY_GUID_DIGITS + 1];
    memset(row, 0, sizeof *row);
    fy_cs_take_text(use, row->name, sizeof row->name);
    row->version = fy_cs_take_i64(use);
    row->marker = fy_cs_take_i64(use) != 0;
    fy_cs_take_text(use, row->id, sizeof row->id);
    enum fy_status stored = (enum fy_status)fy_cs_take_i64(use);
    fy_cs_take_stamp(use, &row->reg.stamp);
    row->version = number_of(row->version, &row->reg.stamp);
    row->size = fy_cs_take_i64(use);
    fy_cs_take_text(use, row->facts.hash, sizeof row->facts.hash);
    row->facts.creation_ms = fy_cs_take_i64(use);
    row->facts.expires_ms = fy_cs_take_i64(use);
    fy_cs_take_text(use, row->facts.metadata, sizeof row->facts.metadata);
    row->proof = (enum fy_proof)fy_cs_take_i64(use);
    fy_cs_take_text(use, boot_id, sizeof boot_id);
    row->body_id = fy_cs_take_i64(use);
    row->reg.has_digest = fy_cs_take_digest(use, &row->reg.digest);
    fy_cs_take_text(use, row->blob_ref, sizeof row->blob_ref);
    row->damaged = fy_cs_take_i64(use) != 0;
    row->kept = fy_cs_take_i64(use) != 0 && stored == FY_STATUS_DELETED;
    row->reg.upload_alive = stored == FY_STATUS_UPLOAD && upload_is_alive(self, boot_id);
    row->reg.status = status_seen(stored, row->reg.upload_alive);
    if (row->reg.has_digest && row->facts.hash[0] == '\0')
        fy_digest_print_base32hex(&row->reg.digest, row->facts.hash);
}

bool fy_cs_object_row(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                      const char *name, struct fy_object_row *row)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_OBJECT_GET);
    fy_cs_i64(&use, container_id);
    fy_cs_text(&use, name);
    bool found = fy_cs_row(&use);
    if (found)
        fy_cs_take_object_row(self, &use, row);
    fy_cs_end(&use);
    return found;
}

void fy_cs_kept_let_go(struct fy_cs *self, int64_t body_id, int64_t size)
{
    self->counters.kept_objects--;
    self->counters.kept_bytes -= size;
    fy_cs_body_let_go(self, body_id);
}

/* What became of the old row's body and of the sums, once a change has been written over it. */
static void replaced(struct fy_cs *self, const struct fy_cs_container *container,
                     const struct fy_cs_object *old, int64_t body_id)
{
    if (old->reg.status != FY_STATUS_READY)
        return;
    self->counters.objects--;
    self->counters.bytes -= old->size;
    fy_cs_sum_add(self, container->id, -1, -old->size, 0);
    if (old->body_id != body_id && !old->body_stays)
        fy_cs_body_let_go(self, old->body_id);
}

/* Of the same bytes it is the same version, whatever else is said of it now. */
static void version_name(struct fy_cs *self, const struct fy_cs_object *old,
                         struct fy_cs_ready *ready)
{
    const bool same =
        ready->number == 0 && old->reg.status == FY_STATUS_READY && old->body_id == ready->body_id;
    if (ready->number == 0)
        ready->number = same ? old->number : fy_cs_number_next(old->number, ready->stamp);
    if (same)
        memcpy(ready->id, old->id, sizeof ready->id);
    else if (ready->id[0] == '\0')
        fy_guid_new(self->clock, ready->id);
}

void fy_cs_object_ready(struct fy_cs *self, struct fy_cs_container *container, const char *name,
                        const struct fy_cs_object *old, struct fy_cs_ready *ready)
{
    const struct fy_object_facts *facts = ready->facts;
    version_name(self, old, ready);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OBJECT_READY);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, name);
    fy_cs_text(&use, ready->id);
    fy_cs_stamp(&use, ready->stamp);
    fy_cs_i64(&use, ready->size);
    fy_cs_text(&use, facts->hash);
    fy_cs_i64(&use, facts->creation_ms != 0 ? facts->creation_ms : fy_stamp_ms(ready->stamp));
    fy_cs_i64(&use, facts->expires_ms);
    fy_cs_text(&use, facts->metadata);
    fy_cs_i64(&use, ready->body_id);
    fy_cs_i64(&use, ready->proof);
    fy_cs_i64(&use, ready->number);
    fy_cs_expect(&use); /* the rule was asked before */
    fy_cs_journal_add(self, &(struct fy_export_line){
                                .kind = FY_EXPORT_OBJECT,
                                .status = FY_STATUS_READY,
                                .stamp = *ready->stamp,
                                .account = container->row.account,
                                .bucket = container->row.name,
                                .object = name,
                                .number = ready->number,
                                .id = ready->id,
                                .created_ms = facts->creation_ms,
                                .expires_ms = facts->expires_ms,
                                .size = ready->size,
                                .digest = *ready->digest,
                                .blob_ref = ready->blob_ref,
                                .proof = ready->proof,
                                .hash = facts->hash,
                                .metadata = facts->metadata,
                            });
    replaced(self, container, old, ready->body_id);
    if (old->kept_body_id != 0)
        fy_cs_kept_let_go(self, old->kept_body_id, old->size);
    self->counters.objects++;
    self->counters.bytes += ready->size;
    fy_cs_sum_add(self, container->id, 1, ready->size, 1);
    if (!container->there) /* by this object it is */
        fy_cs_container_settle(self, container);
    fy_cs_tell_written(self, container, name, old, ready);
}

void fy_cs_object_tombstone(struct fy_cs *self, struct fy_cs_container *container, const char *name,
                            const struct fy_cs_object *old, const struct fy_stamp *stamp,
                            int64_t marker)
{
    char id[FY_GUID_DIGITS + 1];
    char hash[FY_HASH_BYTES_MAX + 1];
    /* Of lines nobody knows the bodies. */
    const bool may_keep = self->keeps && !self->restoring && !old->body_stays;
    const bool keeps = may_keep && old->reg.status == FY_STATUS_READY;
    memcpy(hash, old->hash, sizeof hash);
    if (hash[0] == '\0' && old->reg.has_digest) /* the body goes, what it was stays known */
        fy_digest_print_base32hex(&old->reg.digest, hash);
    fy_guid_new(self->clock, id);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OBJECT_TOMBSTONE);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, name);
    fy_cs_text(&use, id);
    fy_cs_stamp(&use, stamp);
    fy_cs_text(&use, hash);
    fy_cs_i64(&use, fy_stamp_ms(stamp));
    fy_cs_i64(&use, may_keep);
    fy_cs_i64(&use, marker != 0 ? marker : old->number); /* what comes next is above it */
    fy_cs_i64(&use, marker != 0);
    fy_cs_expect(&use);
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_OBJECT,
                                                     .status = FY_STATUS_DELETED,
                                                     .stamp = *stamp,
                                                     .account = container->row.account,
                                                     .bucket = container->row.name,
                                                     .object = name,
                                                     .number = marker != 0 ? marker : old->number,
                                                     .flag = marker != 0,
                                                     .hash = hash});
    replaced(self, container, old, keeps ? old->body_id : 0);
    if (old->reg.status == FY_STATUS_READY)
        fy_cs_sum_add(self, container->id, 0, 0, 1);
    fy_cs_tell_deleted(self, container, name, old, marker, stamp);
    self->counters.kept_objects += keeps;
    self->counters.kept_bytes += keeps ? old->size : 0;
    if (container->there && container->row.reg.status != FY_STATUS_READY)
        fy_cs_container_settle(self,
                               container); /* this may have been the last object that held it */
}

/* ------------------------------------------------------------------ bodies */

int64_t fy_cs_body_find(struct fy_cs_conn *conn, const struct fy_digest *digest, int64_t size,
                        bool *damaged)
{
    int64_t id = 0;
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_BODY_FIND);
    fy_cs_blob(&use, digest->bytes, sizeof digest->bytes);
    fy_cs_i64(&use, size);
    if (fy_cs_row(&use)) {
        id = fy_cs_take_i64(&use);
        if (damaged != NULL)
            *damaged = fy_cs_take_i64(&use) != 0;
    }
    fy_cs_end(&use);
    return id;
}

void fy_cs_take_body(struct fy_cs_use *use, struct fy_body_row *row)
{
    row->id = fy_cs_take_i64(use);
    row->size = fy_cs_take_i64(use);
    if (!fy_cs_take_digest(use, &row->digest))
        (void)fy_err_set(&use->conn->err, FY_EIO, "a digest of the catalogue is none");
    fy_cs_take_text(use, row->blob_ref, sizeof row->blob_ref);
    row->damaged = fy_cs_take_i64(use) != 0;
}

bool fy_cs_body_get(struct fy_cs_conn *conn, int64_t id, struct fy_body_row *row)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_BODY_GET);
    fy_cs_i64(&use, id);
    bool found = fy_cs_row(&use);
    if (found)
        fy_cs_take_body(&use, row);
    fy_cs_end(&use);
    return found;
}

/* FNV-1a of 32 bits. Stored: never change it. */
static int64_t ref_hash(const char *blob_ref)
{
    uint32_t hash = 2166136261u;
    for (const char *at = blob_ref; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return (int32_t)hash;
}

bool fy_cs_body_names(struct fy_cs_conn *conn, const char *blob_ref)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_BODY_BY_REF);
    fy_cs_text(&use, blob_ref);
    fy_cs_i64(&use, ref_hash(blob_ref));
    bool named = fy_cs_row(&use);
    fy_cs_end(&use);
    return named;
}

/* Who has read the old place a moment ago may still open it. */
void fy_cs_body_move(struct fy_cs *self, int64_t id, const char *blob_ref, const char *from)
{
    struct fy_body_row older;
    if (!fy_cs_body_get(self->writer, id, &older) || strcmp(older.blob_ref, blob_ref) == 0)
        return;           /* a publisher whose COMMIT was not heard of */
    if (!self->restoring) /* then the older place may be the one that comes again */
        fy_cs_trash_add(self, older.blob_ref, self->now_ms + self->trash_grace_ms);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_BODY_MOVE);
    fy_cs_text(&use, blob_ref);
    fy_cs_i64(&use, ref_hash(blob_ref));
    fy_cs_i64(&use, id);
    fy_cs_send(&use);
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_BODY,
                                                     .digest = older.digest,
                                                     .size = older.size,
                                                     .blob_ref = blob_ref});
    if (older.damaged)
        fy_cs_damage_mended(self, id, from);
}

static int64_t body_insert(struct fy_cs *self, const struct fy_digest *digest, int64_t size,
                           const char *blob_ref)
{
    int64_t id = self->engine->body_id == NULL ? 0 : self->engine->body_id(self);
    struct fy_cs_use use =
        fy_cs_use(self->writer, id == 0 ? FY_CS_BODY_INSERT : FY_CS_BODY_INSERT_AS);
    fy_cs_blob(&use, digest->bytes, sizeof digest->bytes);
    fy_cs_i64(&use, size);
    fy_cs_text(&use, blob_ref);
    fy_cs_i64(&use, ref_hash(blob_ref));
    if (id == 0) {
        id = fy_cs_row(&use) ? fy_cs_take_i64(&use) : 0;
        fy_cs_end(&use);
    } else {
        fy_cs_i64(&use, id);
        fy_cs_expect(&use);
    }
    return id;
}

int64_t fy_cs_body_put(struct fy_cs *self, const struct fy_digest *digest, int64_t size,
                       const char *blob_ref)
{
    int64_t id = fy_cs_body_find(self->writer, digest, size, NULL);
    if (id == 0)
        return body_insert(self, digest, size, blob_ref);
    fy_cs_body_move(self, id, blob_ref, "");
    return id;
}

void fy_cs_trash_add(struct fy_cs *self, const char *blob_ref, int64_t due_ms)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_TRASH_ADD);
    fy_cs_text(&use, blob_ref);
    fy_cs_i64(&use, due_ms);
    fy_cs_send(&use); /* none changed: it is there already */
}

void fy_cs_blob_discard(struct fy_cs *self, const char *blob_ref)
{
    if (blob_ref[0] == '\0')
        return;
    /* A publisher whose COMMIT was not heard of comes again and finds its own success. */
    bool named = fy_cs_body_names(self->writer, blob_ref);
    if (!named)
        fy_cs_trash_add(self, blob_ref, self->now_ms);
}

void fy_cs_body_let_go(struct fy_cs *self, int64_t body_id)
{
    if (body_id == 0)
        return;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_LOOSE_ADD);
    fy_cs_i64(&use, body_id);
    fy_cs_send(&use);
}
