/* catalogue_sql_export.c - all rows as lines of an export. */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/core/utf8.h"

/* Lines of one row: most has a property, the longest value cut in pieces. */
#define ROW_LINES_BYTES                                                                            \
    ((size_t)(FY_PROPERTIES_BYTES_MAX / (FY_EXPORT_VALUE_BYTES - 3) + 2) * FY_EXPORT_LINE_BYTES)

/* One walk over a table: lines are made as its rows are read, a page of them at once. */
struct export
{
    struct fy_cs_list list;
    struct fy_buf line;
    int64_t container_id, version;        /* where it goes on after; of several tables */
    char bound[FY_OBJECT_BYTES_MAX + 1];  /* the name, while `second` moves on */
    size_t taken;                         /* rows of versions in this run */
    char first[FY_CLIENT_BYTES_MAX + 1];  /* of rights: the client */
    char second[FY_OBJECT_BYTES_MAX + 1]; /* the bucket, or of objects the name */
    fy_line_visit_fn *visit;
    void *arg;
    bool over;
};

struct export_row {
    char *lines;
    size_t lines_bytes;
};

static struct export *export_from(struct fy_cs_list *list)
{
    return (struct export *)(void *)list;
}

static void row_give(struct export *self, struct export_row *row)
{
    FY_ASSERT(!self->line.overflow);
    row->lines_bytes = self->line.size_bytes;
    row->lines = fy_memdup(self->line.bytes, self->line.size_bytes);
    fy_buf_clear(&self->line);
}

static bool export_visit(struct fy_cs_list *list, const void *out)
{
    struct export *self = export_from(list);
    const struct export_row *row = out;
    self->over = !self->visit(self->arg, row->lines, row->lines_bytes);
    return !self->over;
}

static void export_drop(void *row)
{
    free(((struct export_row *)row)->lines);
}

/* Rows that a snapshot has copied are nobody's yet. What is hidden meanwhile has an account, and is
 * as it was should it be given up: its tombstones are missed by all who lose them. */
static bool is_copy(bool hidden, const char *account)
{
    return hidden && account[0] == '\0';
}

static void container_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    fy_cs_i64(use, export_from(list)->container_id);
    fy_cs_i64(use, row_count);
}

static bool has_rules(const struct fy_container_rules *rules)
{
    return rules->versioned || rules->policy != FY_UNSET || rules->delete_exceeding ||
           rules->keep_deleted_s != FY_UNSET || rules->quota != 0 ||
           rules->state != FY_CONTAINER_ENABLED;
}

static bool container_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct export *self = export_from(list);
    struct fy_cs_container container;
    char targets[FY_TARGETS_BYTES_MAX + 1];
    self->container_id = fy_cs_take_i64(use);
    fy_cs_take_text(use, targets, sizeof targets);
    fy_cs_take_container(use, &container);
    if (is_copy(container.hidden, container.row.account))
        return false;
    const struct fy_container_row *row = &container.row;
    fy_export_json_write(&(struct fy_export_line){.kind = FY_EXPORT_BUCKET,
                                                  .account = row->account,
                                                  .bucket = row->name,
                                                  .status = row->reg.status,
                                                  .stamp = row->reg.stamp,
                                                  .created_ms = container.created_ms,
                                                  .deleted_ms = container.deleted_ms,
                                                  .expires_ms = row->expires_ms,
                                                  .flag = row->ccs_visible},
                         &self->line);
    if (targets[0] != '\0')
        fy_export_json_write(&(struct fy_export_line){.kind = FY_EXPORT_TARGETS,
                                                      .account = row->account,
                                                      .bucket = row->name,
                                                      .targets = targets},
                             &self->line);
    if (has_rules(&row->rules))
        fy_export_json_write(&(struct fy_export_line){.kind = FY_EXPORT_RULES,
                                                      .account = row->account,
                                                      .bucket = row->name,
                                                      .rules = row->rules},
                             &self->line);
    row_give(self, out);
    return true;
}

static void object_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct export *self = export_from(list);
    fy_cs_i64(use, self->container_id);
    fy_cs_text(use, self->second);
    fy_cs_i64(use, self->version);
    fy_cs_i64(use, row_count);
}

struct object_texts {
    char account[FY_CLIENT_BYTES_MAX + 1];
    char bucket[FY_BUCKET_BYTES_MAX + 1];
    char id[FY_GUID_DIGITS + 1];
    char hash[FY_HASH_BYTES_MAX + 1];
    char metadata[FY_METADATA_BYTES_MAX + 1];
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
};

/* Of what is not READY its stamp and hash are kept: an upload in progress has those of the
 * tombstone under it. False: its container is a copy that is being made. */
static bool object_record(struct export *self, struct fy_cs_use *use, struct object_texts *texts,
                          struct fy_export_line *record)
{
    self->container_id = fy_cs_take_i64(use);
    bool hidden = fy_cs_take_i64(use) != 0;
    fy_cs_take_text(use, texts->account, sizeof texts->account);
    fy_cs_take_text(use, texts->bucket, sizeof texts->bucket);
    fy_cs_take_text(use, self->second, sizeof self->second);
    self->version = fy_cs_take_i64(use);
    bool ready = fy_cs_take_i64(use) == FY_STATUS_READY;
    record->status = ready ? FY_STATUS_READY : FY_STATUS_DELETED;
    fy_cs_take_stamp(use, &record->stamp);
    record->number = fy_cs_take_i64(use);
    if (record->number == 0)
        record->number = fy_stamp_version(&record->stamp); /* of a row of an older catalogue */
    record->flag = fy_cs_take_i64(use) != 0;
    fy_cs_take_text(use, texts->id, sizeof texts->id);
    int64_t size = fy_cs_take_i64(use);
    fy_cs_take_text(use, texts->hash, sizeof texts->hash);
    int64_t changed_ms = fy_cs_take_i64(use);
    int64_t expires_ms = fy_cs_take_i64(use);
    fy_cs_take_text(use, texts->metadata, sizeof texts->metadata);
    enum fy_proof proof = (enum fy_proof)fy_cs_take_i64(use);
    bool stored = fy_cs_take_digest(use, &record->digest);
    fy_cs_take_text(use, texts->blob_ref, sizeof texts->blob_ref);
    record->hash = texts->hash;
    if (!ready && record->flag && changed_ms != fy_stamp_ms(&record->stamp))
        record->created_ms = changed_ms; /* of a copied delete marker, whose stamp is the copy's */
    if (!ready || !stored)
        return !is_copy(hidden, texts->account);
    record->id = texts->id;
    record->size = size;
    record->created_ms = changed_ms;
    record->expires_ms = expires_ms;
    record->proof = proof;
    record->metadata = texts->metadata;
    record->blob_ref = texts->blob_ref;
    return !is_copy(hidden, texts->account);
}

static bool object_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct export *self = export_from(list);
    struct object_texts texts;
    struct fy_export_line record = {.kind = FY_EXPORT_OBJECT,
                                    .account = texts.account,
                                    .bucket = texts.bucket,
                                    .object = self->second};
    if (!object_record(self, use, &texts, &record) || fy_stamp_is_zero(&record.stamp))
        return false;
    fy_export_json_write(&record, &self->line);
    row_give(self, out);
    return true;
}

/* ------------------------------------------------------------------ versions */

void fy_cs_take_version_line(struct fy_cs_use *use, struct fy_cs_version_texts *texts,
                             struct fy_export_line *record)
{
    record->kind = FY_EXPORT_VERSION;
    fy_cs_take_text(use, texts->name, sizeof texts->name);
    record->number = fy_cs_take_i64(use);
    record->version_kind = (enum fy_version_kind)fy_cs_take_i64(use);
    fy_cs_take_text(use, texts->id, sizeof texts->id);
    fy_cs_take_stamp(use, &record->stamp);
    record->size = fy_cs_take_i64(use);
    fy_cs_take_text(use, texts->hash, sizeof texts->hash);
    record->created_ms = fy_cs_take_i64(use);
    record->expires_ms = fy_cs_take_i64(use);
    fy_cs_take_text(use, texts->metadata, sizeof texts->metadata);
    record->proof = (enum fy_proof)fy_cs_take_i64(use);
    (void)fy_cs_take_digest(use, &record->digest); /* a version without a body has none */
    fy_cs_take_text(use, texts->blob_ref, sizeof texts->blob_ref);
    record->object = texts->name;
    record->id = texts->id;
    record->hash = texts->hash;
    record->metadata = texts->metadata;
    record->blob_ref = texts->blob_ref;
}

static void version_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    struct export *self = export_from(list);
    memcpy(self->bound, self->second, sizeof self->bound);
    fy_cs_i64(use, self->container_id);
    fy_cs_text(use, self->bound);
    if (list->sql == FY_CS_EXPORT_VERSIONS_OF_NAME)
        fy_cs_i64(use, self->version);
    fy_cs_i64(use, row_count);
}

static bool version_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct export *self = export_from(list);
    struct fy_cs_version_texts texts;
    char account[FY_CLIENT_BYTES_MAX + 1], bucket[FY_BUCKET_BYTES_MAX + 1];
    struct fy_export_line record = {.account = account, .bucket = bucket};
    self->container_id = fy_cs_take_i64(use);
    bool hidden = fy_cs_take_i64(use) != 0;
    fy_cs_take_text(use, account, sizeof account);
    fy_cs_take_text(use, bucket, sizeof bucket);
    fy_cs_take_version_line(use, &texts, &record);
    memcpy(self->second, texts.name, sizeof texts.name);
    self->version = record.number;
    self->taken++;
    if (is_copy(hidden, account))
        return false;
    fy_export_json_write(&record, &self->line);
    row_give(self, out);
    return true;
}

static enum fy_code version_run(struct export *self, enum fy_cs_sql sql, uint32_t limit,
                                struct fy_err *err)
{
    self->list.sql = sql;
    self->list.limit = limit;
    self->taken = 0;
    return fy_cs_list_run(&self->list, err);
}

/* A page of whatever names come next, then the rest of the last one's, and so on. */
static enum fy_code walk_versions(struct export *self, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    self->container_id = -1;
    self->second[0] = '\0';
    self->list.bind = version_bind;
    self->list.take = version_take;
    for (bool more = true; code == FY_OK && more && !self->over;) {
        code = version_run(self, FY_CS_EXPORT_VERSIONS, FY_CS_PAGE_ROWS, err);
        more = self->taken > 0;
        if (code == FY_OK && more && !self->over)
            code = version_run(self, FY_CS_EXPORT_VERSIONS_OF_NAME, UINT32_MAX, err);
    }
    return code;
}

/* ------------------------------------------------------------------ properties */

bool fy_cs_property_next(struct fy_cs_property_cut *cut, struct fy_export_line *record)
{
    if (cut->begun && cut->rest[0] == '\0')
        return false;
    size_t size = 0, left = strlen(cut->rest);
    record->number = cut->characters;
    for (size_t step = 1; left > 0 && step > 0; cut->characters++) {
        step = fy_utf8_step(cut->rest + size, left);
        if (step == 0 || size + step > FY_EXPORT_VALUE_BYTES)
            break;
        size += step;
        left -= step;
    }
    FY_ASSERT(size > 0 || left == 0); /* values are UTF-8 */
    memcpy(cut->piece, cut->rest, size);
    cut->piece[size] = '\0';
    cut->rest += size;
    cut->begun = true;
    record->value = cut->piece;
    return true;
}

static void property_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    fy_cs_i64(use, export_from(list)->container_id);
    fy_cs_text(use, export_from(list)->second);
    fy_cs_i64(use, row_count);
}

static bool property_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct export *self = export_from(list);
    char account[FY_CLIENT_BYTES_MAX + 1], bucket[FY_BUCKET_BYTES_MAX + 1];
    struct fy_export_line record = {
        .kind = FY_EXPORT_PROPERTY, .account = account, .bucket = bucket, .key = self->second};
    self->container_id = fy_cs_take_i64(use);
    bool hidden = fy_cs_take_i64(use) != 0;
    fy_cs_take_text(use, account, sizeof account);
    fy_cs_take_text(use, bucket, sizeof bucket);
    fy_cs_take_text(use, self->second, sizeof self->second);
    if (is_copy(hidden, account))
        return false;
    size_t size = 0;
    const char *value = fy_cs_take_blob(use, &size);
    char *copy = fy_alloc(size + 1);
    if (size > 0)
        memcpy(copy, value, size);
    struct fy_cs_property_cut cut = {.rest = copy};
    while (fy_cs_property_next(&cut, &record))
        fy_export_json_write(&record, &self->line);
    free(copy);
    row_give(self, out);
    return true;
}

/* ------------------------------------------------------------------ rights and sites */

static void right_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    fy_cs_text(use, export_from(list)->first);
    fy_cs_text(use, export_from(list)->second);
    fy_cs_i64(use, row_count);
}

static bool right_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct export *self = export_from(list);
    fy_cs_take_text(use, self->first, sizeof self->first);
    fy_cs_take_text(use, self->second, sizeof self->second);
    struct fy_export_line record = {
        .kind = FY_EXPORT_RIGHT, .client = self->first, .bucket = self->second};
    record.rights = (unsigned)fy_cs_take_i64(use);
    record.flag = fy_cs_take_i64(use) != 0;
    fy_export_json_write(&record, &self->line);
    row_give(self, out);
    return true;
}

static void site_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    fy_cs_i64(use, export_from(list)->container_id); /* the last one's place in the order */
    fy_cs_i64(use, row_count);
}

static bool site_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct export *self = export_from(list);
    struct fy_site_row row;
    self->container_id = fy_cs_take_site(use, &row);
    fy_export_json_write(&(struct fy_export_line){.kind = FY_EXPORT_SITE,
                                                  .site_id = row.id,
                                                  .site_name = row.name,
                                                  .uri = row.uri,
                                                  .number = row.status,
                                                  .flag = row.paused},
                         &self->line);
    row_give(self, out);
    return true;
}

static const struct {
    enum fy_cs_sql sql;
    void (*bind)(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count);
    bool (*take)(struct fy_cs_list *list, struct fy_cs_use *use, void *row);
} walks[] = {
    {FY_CS_SITE_LIST, site_bind, site_take},
    {FY_CS_EXPORT_CONTAINERS, container_bind, container_take},
    {FY_CS_EXPORT_PROPERTIES, property_bind, property_take},
    {FY_CS_EXPORT_OBJECTS, object_bind, object_take},
    {FY_CS_EXPORT_RIGHTS, right_bind, right_take},
};

static enum fy_code walk(struct export *self, size_t index, struct fy_err *err)
{
    self->container_id = self->version = -1;
    self->first[0] = self->second[0] = '\0';
    self->list.sql = walks[index].sql;
    self->list.bind = walks[index].bind;
    self->list.take = walks[index].take;
    self->list.limit = UINT32_MAX;
    return fy_cs_list_run(&self->list, err);
}

enum fy_code fy_cs_export_rows(struct fy_catalogue *port, fy_line_visit_fn *visit, void *arg,
                               struct fy_err *err)
{
    struct export *self = fy_alloc(sizeof *self);
    enum fy_code code = FY_OK;
    self->list = (struct fy_cs_list){.row_bytes = sizeof(struct export_row),
                                     .visit = export_visit,
                                     .drop = export_drop,
                                     .self = fy_cs_from(port)};
    self->visit = visit;
    self->arg = arg;
    fy_buf_init(&self->line, ROW_LINES_BYTES);
    for (size_t index = 0; index < FY_COUNT_OF(walks) && code == FY_OK && !self->over; index++)
        code = walk(self, index, err);
    if (code == FY_OK && !self->over)
        code = walk_versions(self, err);
    fy_buf_done(&self->line);
    free(self);
    return code;
}
