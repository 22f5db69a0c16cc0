/* catalogue_sql_journal.c - what transactions changed, as lines of an export. */
/*
 * A transaction notes what it changed as lines, one row a transaction, as it writes down its
 * events. Whoever exports reads them lowest first and removes what is safe elsewhere; no cursor
 * follows the ids, since a transaction may commit later than one with greater ids. That does no
 * harm either: what has a stamp is ordered by it, and of the rest (rights, sites, a bucket's
 * targets, where a body is stored) two transactions that change the same row lock each other out
 * before they draw an id.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

/* ------------------------------------------------------------------ writing */

static void journal_write(struct fy_cs *self, const void *lines, size_t lines_bytes)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_JOURNAL_ADD);
    fy_cs_i64(&use, self->now_ms);
    fy_cs_blob(&use, lines, lines_bytes);
    fy_cs_send(&use);
}

void fy_cs_journal_add(struct fy_cs *self, const struct fy_export_line *record)
{
    if (self->restoring)
        return;
    fy_export_json_write(record, &self->journal);
    if (self->journal.size_bytes >= FY_JOURNAL_ROW_BYTES)
        fy_cs_journal_save(self);
}

void fy_cs_journal_bucket(struct fy_cs *self, const struct fy_cs_container *container)
{
    const struct fy_container_row *row = &container->row;
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_BUCKET,
                                                     .account = row->account,
                                                     .bucket = row->name,
                                                     .status = row->reg.status,
                                                     .stamp = row->reg.stamp,
                                                     .created_ms = container->created_ms,
                                                     .deleted_ms = container->deleted_ms,
                                                     .expires_ms = row->expires_ms,
                                                     .flag = row->ccs_visible});
}

void fy_cs_journal_object(struct fy_cs *self, const struct fy_cs_container *container,
                          const struct fy_object_row *row)
{
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_OBJECT,
                                                     .status = FY_STATUS_READY,
                                                     .stamp = row->reg.stamp,
                                                     .account = container->row.account,
                                                     .bucket = container->row.name,
                                                     .object = row->name,
                                                     .number = row->version,
                                                     .id = row->id,
                                                     .created_ms = row->facts.creation_ms,
                                                     .expires_ms = row->facts.expires_ms,
                                                     .size = row->size,
                                                     .digest = row->reg.digest,
                                                     .blob_ref = row->blob_ref,
                                                     .proof = row->proof,
                                                     .hash = row->facts.hash,
                                                     .metadata = row->facts.metadata});
}

void fy_cs_journal_version(struct fy_cs *self, const struct fy_cs_container *container,
                           const char *name, int64_t number)
{
    struct fy_cs_version_texts texts;
    struct fy_export_line record = {.account = container->row.account,
                                    .bucket = container->row.name};
    if (self->restoring)
        return;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_EXPORT_VERSION);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, name);
    fy_cs_i64(&use, number);
    bool found = fy_cs_row(&use);
    if (found)
        fy_cs_take_version_line(&use, &texts, &record);
    fy_cs_end(&use);
    if (found)
        fy_cs_journal_add(self, &record);
    else
        fy_cs_journal_version_gone(self, container, name, number);
}

void fy_cs_journal_version_gone(struct fy_cs *self, const struct fy_cs_container *container,
                                const char *name, int64_t number)
{
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_VERSION,
                                                     .account = container->row.account,
                                                     .bucket = container->row.name,
                                                     .object = name,
                                                     .number = number,
                                                     .gone = true});
}

void fy_cs_journal_property(struct fy_cs *self, const struct fy_cs_container *container,
                            const char *key, const char *value)
{
    struct fy_export_line record = {.kind = FY_EXPORT_PROPERTY,
                                    .account = container->row.account,
                                    .bucket = container->row.name,
                                    .key = key,
                                    .gone = value == NULL};
    struct fy_cs_property_cut cut = {.rest = value == NULL ? "" : value};
    while (fy_cs_property_next(&cut, &record))
        fy_cs_journal_add(self, &record);
}

void fy_cs_journal_properties_gone(struct fy_cs *self, const struct fy_cs_container *container,
                                   const char *prefix)
{
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_PROPERTY,
                                                     .account = container->row.account,
                                                     .bucket = container->row.name,
                                                     .key = prefix,
                                                     .flag = true,
                                                     .gone = true});
}

void fy_cs_journal_rules(struct fy_cs *self, const struct fy_cs_container *container)
{
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_RULES,
                                                     .account = container->row.account,
                                                     .bucket = container->row.name,
                                                     .rules = container->row.rules});
}

void fy_cs_journal_save(struct fy_cs *self)
{
    if (self->journal.size_bytes == 0)
        return;
    FY_ASSERT(!self->journal.overflow);
    journal_write(self, self->journal.bytes, self->journal.size_bytes);
    fy_buf_clear(&self->journal);
}

void fy_cs_journal_all(struct fy_cs *self)
{
    journal_write(self, "", 0);
}

enum fy_code fy_cs_journal_done(struct fy_cs *self, struct fy_cat_op *op)
{
    const struct fy_cat_journal_done *done = (const struct fy_cat_journal_done *)(void *)op;
    if (!self->lease_alive) /* whoever has taken over is about to write them down */
        return fy_err_set(&op->err, FY_ECANCELLED, "this process has no lease any more");
    for (size_t index = 0; index < done->count; index++) {
        struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_JOURNAL_DELETE);
        fy_cs_i64(&use, done->ids[index]);
        fy_cs_send(&use);
    }
    if (done->anew)
        fy_cs_journal_all(self);
    if (done->exporting != 0) {
        struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_IDENTITY_EXPORTING);
        fy_cs_i64(&use, done->exporting);
        fy_cs_send(&use); /* none changed: a greater one is known */
    }
    return FY_OK;
}

/* ------------------------------------------------------------------ reading */

struct journal_list {
    struct fy_cs_list list;
    int64_t after;
    fy_journal_visit_fn *visit;
    void *arg;
};

static void journal_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    fy_cs_i64(use, ((const struct journal_list *)(void *)list)->after);
    fy_cs_i64(use, row_count);
}

static bool journal_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct fy_journal_row *row = out;
    row->id = fy_cs_take_i64(use);
    row->written_ms = fy_cs_take_i64(use);
    const void *lines = fy_cs_take_blob(use, &row->lines_bytes);
    row->lines = fy_memdup(lines == NULL ? "" : lines, row->lines_bytes);
    ((struct journal_list *)(void *)list)->after = row->id;
    return true;
}

static bool journal_visit(struct fy_cs_list *list, const void *row)
{
    const struct journal_list *self = (const struct journal_list *)(void *)list;
    return self->visit(self->arg, row);
}

static void journal_drop(void *row)
{
    free((void *)(uintptr_t)((struct fy_journal_row *)row)->lines); /* ours; const for visitors */
}

enum fy_code fy_cs_journal_read(struct fy_catalogue *port, int64_t after_id, uint32_t limit,
                                fy_journal_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fy_cs *cs = fy_cs_from(port);
    enum fy_code code = fy_cs_may_pump(cs, err);
    if (code != FY_OK)
        return code;
    struct journal_list self = {
        .list = {.sql = FY_CS_JOURNAL_READ,
                 .row_bytes = sizeof(struct fy_journal_row),
                 .limit = limit,
                 .bind = journal_bind,
                 .take = journal_take,
                 .visit = journal_visit,
                 .drop = journal_drop,
                 .self = cs},
        .after = after_id,
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

/* ------------------------------------------------------------------ whose it is */

void fy_cs_identity_make(struct fy_cs *self)
{
    char id[FY_GUID_DIGITS + 1];
    fy_guid_new(self->clock, id);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_IDENTITY_ADD);
    fy_cs_text(&use, id);
    fy_cs_send(&use);
}

enum fy_code fy_cs_identity(struct fy_catalogue *port, struct fy_identity_row *row,
                            struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_IDENTITY_GET);
    bool found = fy_cs_row(&use);
    if (found) {
        fy_cs_take_text(&use, row->id, sizeof row->id);
        row->exported = fy_cs_take_i64(&use);
        row->blank = fy_cs_take_i64(&use) == 0;
    }
    fy_cs_end(&use);
    enum fy_code code = fy_cs_reader_give(self, reader, err);
    if (code == FY_OK && !found)
        return fy_err_set(err, FY_EIO, "the catalogue has lost its identity");
    return code;
}
