/* catalogue_sql_restore.c - lines of an export taken back into a blank catalogue. */
/*
 * Each operation runs with `restoring` set: what a change would set off besides (journal, trash of
 * the older copy, the CCS name, rights of a bucket that comes or goes) has lines of its own, or
 * must not happen. So the rows become what they were, and lines may come in any order that keeps
 * those of the unstamped rows among themselves.
 */
#include <stdio.h>
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"

static bool container_need(struct fy_cs *self, const struct fy_export_line *record,
                           struct fy_cs_container *container, int64_t created_ms)
{
    if (!fy_cs_container_find(self, record->account, record->bucket, container))
        fy_cs_container_need(self, container, created_ms);
    return !fy_cs_conn_failed(self->writer);
}

/* Of two containers of one name the last line that says so has it. */
static void take_name(struct fy_cs *self, const struct fy_cs_container *container)
{
    struct fy_cs_container holder;
    if (fy_cs_container_by_name(self->writer, container->row.name, &holder)) {
        if (holder.id == container->id)
            return;
        fy_cs_set_visible(self, &holder, false);
    }
    fy_cs_set_visible(self, container, true);
}

static void restore_bucket(struct fy_cs *self, const struct fy_export_line *record)
{
    struct fy_cs_container container;
    if (!container_need(self, record, &container, record->created_ms))
        return;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_RESTORE);
    fy_cs_i64(&use, record->status);
    fy_cs_stamp(&use, &record->stamp);
    fy_cs_i64(&use, record->created_ms);
    fy_cs_i64(&use, record->deleted_ms);
    fy_cs_i64(&use, record->expires_ms);
    fy_cs_i64(&use, container.id);
    fy_cs_send(&use);
    if (record->flag)
        take_name(self, &container);
    fy_cs_containers_forget(self); /* what they hold of it has changed */
    if (fy_cs_container_find(self, record->account, record->bucket, &container))
        fy_cs_container_settle(self, &container);
}

static void restore_targets(struct fy_cs *self, const struct fy_export_line *record)
{
    struct fy_cs_container container;
    if (container_need(self, record, &container, 0))
        fy_cs_targets_put(self, &container, record->targets);
}

static void restore_rules(struct fy_cs *self, const struct fy_export_line *record)
{
    struct fy_cs_container container;
    if (container_need(self, record, &container, 0))
        fy_cs_rules_put(self, &container, &record->rules);
}

static void restore_property(struct fy_cs *self, const struct fy_export_line *record)
{
    struct fy_cs_container container;
    if (!container_need(self, record, &container, 0))
        return;
    enum fy_cs_sql sql = !record->gone  ? FY_CS_PROPERTY_RESTORE
                         : record->flag ? FY_CS_PROPERTY_REMOVE_PREFIX
                                        : FY_CS_PROPERTY_DELETE;
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_i64(&use, container.id);
    fy_cs_text(&use, record->key);
    if (!record->gone) {
        fy_cs_text(&use, record->value);
        fy_cs_i64(&use, record->number);
    }
    fy_cs_send(&use);
}

/* A body of these bytes, if it is here, is stored where the line says. */
static void place_body(struct fy_cs *self, const struct fy_export_line *record)
{
    int64_t id = fy_cs_body_find(self->writer, &record->digest, record->size, NULL);
    if (id != 0)
        fy_cs_body_move(self, id, record->blob_ref, "");
}

static void ready(struct fy_cs *self, const struct fy_export_line *record,
                  struct fy_cs_container *container, const struct fy_cs_object *old)
{
    struct fy_object_facts facts = {.creation_ms = record->created_ms,
                                    .expires_ms = record->expires_ms};
    (void)snprintf(facts.hash, sizeof facts.hash, "%s", record->hash);
    (void)snprintf(facts.metadata, sizeof facts.metadata, "%s", record->metadata);
    struct fy_cs_ready made = {
        .stamp = &record->stamp,
        .facts = &facts,
        .body_id = fy_cs_body_put(self, &record->digest, record->size, record->blob_ref),
        .size = record->size,
        .proof = record->proof,
        .digest = &record->digest,
        .blob_ref = record->blob_ref,
    };
    fy_cs_object_ready(self, container, record->object, old, &made);
}

static void tombstone(struct fy_cs *self, const struct fy_export_line *record,
                      struct fy_cs_container *container, struct fy_cs_object *old)
{
    if (record->hash[0] != '\0')
        (void)snprintf(old->hash, sizeof old->hash, "%s", record->hash);
    fy_cs_object_tombstone(self, container, record->object, old, &record->stamp,
                           record->flag ? record->number : 0);
}

/* Which version of its name the object is. Of lines with one stamp the last one says it: a delete
 * marker may be erased, and its stamp stay. */
static void restore_number(struct fy_cs *self, const struct fy_export_line *record,
                           const struct fy_cs_container *container)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OBJECT_RESTORE);
    fy_cs_i64(&use, record->number);
    fy_cs_i64(&use, record->status == FY_STATUS_DELETED && record->flag);
    fy_cs_text(&use, record->id);
    fy_cs_i64(&use, record->created_ms);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, record->object);
    fy_cs_send(&use);
}

static void restore_object(struct fy_cs *self, const struct fy_export_line *record)
{
    struct fy_cs_container container;
    struct fy_cs_object old;
    if (!container_need(self, record, &container, fy_stamp_ms(&record->stamp)))
        return;
    fy_cs_object_read(self, self->writer, container.id, record->object, &old);
    enum fy_verdict verdict = fy_rule_apply(&old.reg, &record->stamp);
    if (verdict != FY_VERDICT_APPLY && record->status == FY_STATUS_READY)
        place_body(self, record); /* it may have others */
    else if (verdict == FY_VERDICT_APPLY && record->status == FY_STATUS_READY)
        ready(self, record, &container, &old);
    else if (verdict == FY_VERDICT_APPLY)
        tombstone(self, record, &container, &old);
    if (verdict != FY_VERDICT_SUPERSEDED)
        restore_number(self, record, &container);
}

/* What a row of the versions counts for, and the body it holds. */
struct version {
    bool exists;
    enum fy_version_kind kind;
    int64_t size, body_id;
};

static struct version version_read(struct fy_cs *self, const struct fy_cs_container *container,
                                   const struct fy_export_line *record)
{
    struct version version = {.exists = false};
    struct fy_cs_version_texts texts;
    struct fy_export_line found = {.size = 0};
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_EXPORT_VERSION);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, record->object);
    fy_cs_i64(&use, record->number);
    if (fy_cs_row(&use)) {
        fy_cs_take_version_line(&use, &texts, &found);
        version = (struct version){.exists = true,
                                   .kind = found.version_kind,
                                   .size = found.size,
                                   .body_id = fy_cs_take_i64(&use)};
    }
    fy_cs_end(&use);
    return version;
}

static void version_count(struct fy_cs *self, const struct fy_cs_container *container,
                          const struct version *version, int64_t sign)
{
    if (version->exists && version->kind != FY_VERSION_MARKER)
        fy_cs_sum_add(self, container->id, sign, sign * version->size, 0);
}

static void version_remove(struct fy_cs *self, const struct fy_cs_container *container,
                           const struct fy_export_line *record)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_VERSION_REMOVE);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, record->object);
    fy_cs_i64(&use, record->number);
    fy_cs_send(&use);
}

static void version_put(struct fy_cs *self, const struct fy_cs_container *container,
                        const struct fy_export_line *record, int64_t body_id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_VERSION_RESTORE);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, record->object);
    fy_cs_i64(&use, record->number);
    fy_cs_i64(&use, record->version_kind);
    fy_cs_text(&use, record->id);
    fy_cs_stamp(&use, &record->stamp);
    fy_cs_i64(&use, record->size);
    fy_cs_text(&use, record->hash);
    fy_cs_i64(&use, record->created_ms);
    fy_cs_i64(&use, record->expires_ms);
    fy_cs_text(&use, record->metadata);
    fy_cs_i64(&use, body_id);
    fy_cs_i64(&use, record->proof);
    fy_cs_send(&use);
}

/* Versions have no stamp that decides between lines: two transactions that change one lock each
 * other out, so the last line is how it is. */
static void restore_version(struct fy_cs *self, const struct fy_export_line *record)
{
    struct fy_cs_container container;
    if (!container_need(self, record, &container, fy_stamp_ms(&record->stamp)))
        return;
    const struct version old = version_read(self, &container, record);
    struct version made = {
        .exists = !record->gone, .kind = record->version_kind, .size = record->size};
    if (made.exists && made.kind == FY_VERSION_BODY)
        made.body_id = fy_cs_body_put(self, &record->digest, record->size, record->blob_ref);
    if (made.exists)
        fy_cs_container_registered(self, &container);
    if (made.exists)
        version_put(self, &container, record, made.body_id);
    else if (old.exists)
        version_remove(self, &container, record);
    version_count(self, &container, &old, -1);
    version_count(self, &container, &made, 1);
    if (old.body_id != made.body_id)
        fy_cs_body_let_go(self, old.body_id);
}

static void restore_site(struct fy_cs *self, const struct fy_export_line *record)
{
    struct fy_site_row row = {.status = (enum fy_site_status)record->number,
                              .paused = record->flag};
    (void)snprintf(row.id, sizeof row.id, "%s", record->site_id);
    (void)snprintf(row.name, sizeof row.name, "%s", record->site_name);
    (void)snprintf(row.uri, sizeof row.uri, "%s", record->uri);
    if (record->gone)
        fy_cs_site_delete(self, row.id);
    else
        fy_cs_site_put(self, &row);
}

static void restore(struct fy_cs *self, const struct fy_export_line *record)
{
    switch (record->kind) {
    case FY_EXPORT_BUCKET:
        restore_bucket(self, record);
        break;
    case FY_EXPORT_TARGETS:
        restore_targets(self, record);
        break;
    case FY_EXPORT_RULES:
        restore_rules(self, record);
        break;
    case FY_EXPORT_PROPERTY:
        restore_property(self, record);
        break;
    case FY_EXPORT_OBJECT:
        restore_object(self, record);
        break;
    case FY_EXPORT_VERSION:
        restore_version(self, record);
        break;
    case FY_EXPORT_BODY:
        place_body(self, record);
        break;
    case FY_EXPORT_RIGHT:
        if (record->gone)
            fy_cs_right_delete(self, record->client, record->bucket);
        else
            fy_cs_right_put(self, record->client, record->bucket, record->rights, record->flag);
        fy_cs_containers_forget(self); /* they hold their owner's right */
        break;
    case FY_EXPORT_SITE:
        restore_site(self, record);
        break;
    case FY_EXPORT_TRASH:
        fy_cs_trash_add(self, record->blob_ref, record->deleted_ms);
        break;
    case FY_EXPORT_HEAD:
    case FY_EXPORT_END:
    case FY_EXPORT_KIND_COUNT:
        FY_ASSERT(false); /* of files, not of rows */
    }
}

enum fy_code fy_cs_restore(struct fy_cs *self, struct fy_cat_op *op)
{
    self->restoring = true;
    restore(self, &((const struct fy_cat_restore *)(const void *)op)->line);
    self->restoring = false;
    return FY_OK;
}

static void forget_version(struct fy_cs *self, const struct fy_object_key *key, int64_t version)
{
    restore_version(self, &(struct fy_export_line){.kind = FY_EXPORT_VERSION,
                                                   .account = key->account,
                                                   .bucket = key->bucket,
                                                   .object = key->object,
                                                   .number = version,
                                                   .gone = true});
}

static void forget(struct fy_cs *self, const struct fy_object_key *key)
{
    struct fy_cs_container container;
    struct fy_cs_object object;
    if (!fy_cs_container_find(self, key->account, key->bucket, &container))
        return;
    fy_cs_object_read(self, self->writer, container.id, key->object, &object);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OBJECT_DELETE);
    fy_cs_i64(&use, container.id);
    fy_cs_text(&use, key->object);
    fy_cs_i64(&use, 0);
    fy_cs_send(&use);
    if (object.reg.status != FY_STATUS_READY)
        return;
    self->counters.objects--;
    self->counters.bytes -= object.size;
    fy_cs_sum_add(self, container.id, -1, -object.size, 1);
    fy_cs_body_let_go(self, object.body_id);
    fy_cs_container_settle(self, &container);
}

enum fy_code fy_cs_forget(struct fy_cs *self, struct fy_cat_op *op)
{
    const struct fy_cat_forget *row = (const struct fy_cat_forget *)(const void *)op;
    self->restoring = true;
    if (row->version != 0)
        forget_version(self, &row->key, row->version);
    else
        forget(self, &row->key);
    self->restoring = false;
    return FY_OK;
}

/* The slot is one that a process has had, which is dead, with that time in it. */
static void slot_raise(struct fy_cs *self, int64_t slot, uint64_t saved_time)
{
    char boot_id[FY_GUID_DIGITS + 1];
    (void)snprintf(boot_id, sizeof boot_id, "restored-%d", (int)slot);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_LEASE_TAKE);
    fy_cs_i64(&use, slot);
    fy_cs_text(&use, boot_id);
    fy_cs_i64(&use, (int64_t)saved_time);
    fy_cs_send(&use);
    use = fy_cs_use(self->writer, FY_CS_LEASE_RELEASE);
    fy_cs_i64(&use, (int64_t)saved_time);
    fy_cs_i64(&use, slot);
    fy_cs_text(&use, boot_id);
    fy_cs_send(&use);
}

/* Nobody knows how many processes the site had: whichever comes with whichever slot must not give a
 * stamp again that the lost catalogue knew. */
enum fy_code fy_cs_restored(struct fy_cs *self, struct fy_cat_op *op)
{
    const struct fy_cat_restored *restored = (const struct fy_cat_restored *)(const void *)op;
    FY_ASSERT(self->boot_id[0] != '\0'); /* it has a slot of its own */
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_IDENTITY_SET);
    fy_cs_text(&use, restored->identity);
    fy_cs_i64(&use, restored->exported);
    fy_cs_expect(&use);
    use = fy_cs_use(self->writer, FY_CS_LEASE_SAVE);
    fy_cs_i64(&use, (int64_t)restored->saved_time);
    fy_cs_i64(&use, self->slot);
    fy_cs_expect(&use);
    for (int64_t slot = 0; slot < FY_CS_SLOTS; slot++)
        if (slot != self->slot)
            slot_raise(self, slot, restored->saved_time);
    fy_cs_journal_all(self);
    return FY_OK;
}
