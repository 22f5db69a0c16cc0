/* fsck_rebuild.c - `ferry fsck --rebuild`: a blank catalogue restored from the store's export. */
/*
 * The full file first, then all changes since, in the order of their numbers. Lines are taken as
 * orders are: the greater stamp wins. Then each body is looked for. An object whose file is gone is
 * left out as if it had never been here: so its order, which a backfill gives with the same stamp,
 * applies. Files that nobody names are not removed at once, as a sweep would: they may be all there
 * is of what came after the last line.
 *
 * The last step gives the catalogue the identity of the lost one: until then no process of the site
 * starts on it, so that a rebuild that was cut off is seen.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fsck.h"
#include "cli/output.h"
#include "common/adapters/export_json_stream.h"
#include "common/core/names.h"
#include "common/runtime/export_name.h"

#define BATCH       128 /* lines of a transaction; each takes about 17 KiB here */
#define CHUNK_BYTES (64 << 10)
#define LOST_PAGE   100 /* objects of one body */
#define SWEPT_ROWS  200 /* of one transaction */

struct rebuild {
    struct fy_fsck *fsck;
    struct fy_export_list list;
    const struct fy_export_name *full;
    int64_t at_ms;       /* when the newest file that was read was written */
    uint64_t saved_time; /* no stamp of ours was above it */
    int64_t lines, files, torn, lost, unnamed;
    size_t count; /* in the batch */
    struct fy_cat_restore ops[BATCH];
    struct fy_cat_op *pointers[BATCH];
    struct fy_export_room *rooms; /* BATCH of them */
    struct fy_object_key *lost_keys;
    int64_t lost_versions[LOST_PAGE]; /* theirs */
    size_t lost_count;
};

/* ---- lines into rows */

static enum fy_code write_one(struct rebuild *self, struct fy_cat_op *op, struct fy_err *err)
{
    enum fy_code code = fy_catalogue_write(self->fsck->node.catalogue, &op, 1, err);
    if (code != FY_OK || op->code == FY_OK)
        return code;
    *err = op->err;
    return op->code;
}

static enum fy_code flush(struct rebuild *self, struct fy_err *err)
{
    size_t count = self->count;
    self->count = 0;
    if (count == 0)
        return FY_OK;
    enum fy_code code = fy_catalogue_write(self->fsck->node.catalogue, self->pointers, count, err);
    for (size_t i = 0; code == FY_OK && i < count; i++)
        if (self->ops[i].op.code != FY_OK)
            code = fy_err_set(err, self->ops[i].op.code, "%s", self->ops[i].op.err.text);
    return code;
}

/* The line's texts are the stream's: they go with it into a room of ours. */
static void copy_line(struct rebuild *self, const struct fy_export_line *line)
{
    struct fy_export_room *room = &self->rooms[self->count];
    struct fy_export_line *copy = &self->ops[self->count].line;
    *copy = *line;
#define OWN(member)                                                                                \
    do {                                                                                           \
        (void)snprintf(room->member, sizeof(room->member), "%s", line->member);                    \
        copy->member = room->member;                                                               \
    } while (0)
    OWN(account);
    OWN(client);
    OWN(bucket);
    OWN(object);
    OWN(targets);
    OWN(blob_ref);
    OWN(hash);
    OWN(metadata);
    OWN(key);
    OWN(value);
    OWN(site_id);
    OWN(site_name);
    OWN(uri);
#undef OWN
    memcpy(room->guid, line->id, sizeof(room->guid));
    copy->id = room->guid;
}

static enum fy_code take_line(void *arg, const struct fy_export_line *line, struct fy_err *err)
{
    struct rebuild *self = arg;
    if (line->stamp.time > self->saved_time && strcmp(line->stamp.site, self->fsck->node.site) == 0)
        self->saved_time = line->stamp.time;
    self->ops[self->count].op = (struct fy_cat_op){.kind = FY_CAT_RESTORE};
    copy_line(self, line);
    self->pointers[self->count] = &self->ops[self->count].op;
    self->lines++;
    return ++self->count == BATCH ? flush(self, err) : FY_OK;
}

static enum fy_code pass_over(void *arg, const struct fy_export_line *line, struct fy_err *err)
{
    (void)arg, (void)line, (void)err;
    return FY_OK;
}

/* ---- files */

static enum fy_code feed_all(struct rebuild *self, struct fy_reader *reader,
                             struct fy_export_stream *stream, struct fy_err *err)
{
    struct fy_store *store = self->fsck->node.store;
    char *chunk = fy_alloc(CHUNK_BYTES);
    size_t got = 1;
    enum fy_code code = FY_OK;
    for (int64_t at = 0; code == FY_OK && got > 0; at += (int64_t)got) {
        code = fy_store_read(store, reader, at, chunk, CHUNK_BYTES, &got, err);
        if (code == FY_OK && got > 0)
            code = fy_export_stream_feed(stream, chunk, got, err);
    }
    free(chunk);
    return code == FY_OK ? fy_export_stream_end(stream, err) : code;
}

/* Another site's, or of another store that was mixed in by hand. */
static enum fy_code check_head(const struct rebuild *self, const struct fy_export_name *name,
                               const struct fy_export_line *head, struct fy_err *err)
{
    if (strcmp(head->catalogue, name->catalogue) != 0 || head->number != name->number ||
        head->full != name->full)
        return fy_err_set(err, FY_ECORRUPT, "its head is that of another file");
    if (strcmp(head->site_id, self->fsck->node.site) != 0)
        return fy_err_set(err, FY_EINPUT, "the export is of site '%s', this is '%s'", head->site_id,
                          self->fsck->node.site);
    return FY_OK;
}

/* Lines in front of the damage have been taken. */
static enum fy_code read_file(struct rebuild *self, const struct fy_export_name *name,
                              fy_export_take_fn *take, struct fy_err *err)
{
    char text[FY_KEPT_NAME_BYTES_MAX + 1];
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    fy_export_name_print(name, text);
    enum fy_code code = fy_store_kept_open(self->fsck->node.store, text, &reader, &size, err);
    if (code != FY_OK)
        return code;
    struct fy_export_stream *stream = fy_export_stream_new(take, self);
    code = feed_all(self, reader, stream, err);
    const struct fy_export_line *head = fy_export_stream_head(stream);
    if (head != NULL) {
        enum fy_code fits = check_head(self, name, head, err);
        code = fits == FY_OK ? code : fits;
        if (head->at_ms > self->at_ms)
            self->at_ms = head->at_ms;
    }
    fy_export_stream_free(stream);
    fy_store_reader_close(self->fsck->node.store, reader);
    return code == FY_OK ? FY_OK : fy_err_add(err, "%s", text);
}

/* A damaged file costs what is behind the damage; what other sites have, a backfill brings. */
static enum fy_code read_changes(struct rebuild *self, const struct fy_export_name *name,
                                 struct fy_err *err)
{
    enum fy_code code = read_file(self, name, take_line, err);
    self->files++;
    if (code != FY_ECORRUPT && code != FY_ENOTFOUND)
        return code;
    self->torn++;
    fy_fsck_damage(self->fsck, "export.damaged", "", "%s", err->text);
    return FY_OK;
}

static bool has_changes(const struct rebuild *self, int64_t number)
{
    for (size_t i = 0; i < self->list.count; i++)
        if (!self->list.names[i].full && self->list.names[i].number == number)
            return true;
    return false;
}

static enum fy_code read_all_changes(struct rebuild *self, struct fy_err *err)
{
    int64_t expected = self->full->number;
    enum fy_code code = FY_OK;
    for (size_t i = 0; code == FY_OK && i < self->list.count; i++) {
        const struct fy_export_name *name = &self->list.names[i];
        if (name->number < self->full->number)
            continue;
        if (name->full) { /* the first changes beside it may have its number */
            expected += name->number == expected && !has_changes(self, name->number);
            continue;
        }
        if (name->number > expected) {
            self->torn++;
            fy_fsck_damage(self->fsck, "export.missing", "",
                           "changes number %" PRId64 " to %" PRId64 " are missing", expected,
                           name->number - 1);
        }
        expected = name->number + 1;
        code = read_changes(self, name, err);
    }
    return code;
}

/* The newest that is whole: the one before it is kept for this. err: what is wrong with the last.
 */
static enum fy_code find_whole(struct rebuild *self, struct fy_err *err)
{
    enum fy_code code = FY_ENOTFOUND;
    for (size_t i = self->list.count; code != FY_OK && i > 0; i--) {
        if (!self->list.names[i - 1].full)
            continue;
        self->full = &self->list.names[i - 1];
        self->at_ms = 0; /* of files that are taken */
        *err = (struct fy_err){.code = FY_OK};
        code = read_file(self, self->full, pass_over, err);
        if (code == FY_ECORRUPT)
            fy_fsck_damage(self->fsck, "export.damaged", "", "%s", err->text);
        else if (code != FY_OK)
            return code;
    }
    return code;
}

/* The full file is read twice: a catalogue is not begun that cannot be ended. */
static enum fy_code read_export(struct rebuild *self, struct fy_err *err)
{
    FY_ASSERT(self->full != NULL);
    enum fy_code code = find_whole(self, err);
    if (code == FY_OK)
        code = read_file(self, self->full, take_line, err);
    if (code == FY_OK)
        code = read_all_changes(self, err);
    return code == FY_OK ? flush(self, err) : code;
}

/* ---- bodies that are not there */

static bool note_lost(void *arg, const struct fy_object_key *key, int64_t version)
{
    struct rebuild *self = arg;
    self->lost_versions[self->lost_count] = version;
    self->lost_keys[self->lost_count++] = *key;
    return self->lost_count < LOST_PAGE;
}

static enum fy_code forget(struct rebuild *self, const struct fy_object_key *key, int64_t version,
                           struct fy_err *err)
{
    struct fy_cat_forget op = {.op = {.kind = FY_CAT_FORGET}, .key = *key, .version = version};
    char about[sizeof(*key)];
    (void)snprintf(about, sizeof(about), "%s/%s/%s", key->account, key->bucket, key->object);
    if (version == 0)
        fy_fsck_damage(self->fsck, "object.left_out", about, "is left out: its file is not whole");
    else
        fy_fsck_damage(self->fsck, "version.left_out", about,
                       "is left out with version %" PRId64 ": its file is not whole", version);
    self->lost++;
    return write_one(self, &op.op, err);
}

static enum fy_code forget_objects(struct rebuild *self, int64_t body_id, struct fy_err *err)
{
    enum fy_code code;
    do {
        self->lost_count = 0;
        code = fy_catalogue_body_objects(self->fsck->node.catalogue, body_id, LOST_PAGE, note_lost,
                                         self, err);
        for (size_t i = 0; code == FY_OK && i < self->lost_count; i++)
            code = forget(self, &self->lost_keys[i], self->lost_versions[i], err);
    } while (code == FY_OK && self->lost_count == LOST_PAGE);
    return code;
}

static bool look_at_body(void *arg, const struct fy_body_row *row)
{
    struct rebuild *self = arg;
    struct fy_fsck *fsck = self->fsck;
    int64_t size = -1;
    fsck->bodies++;
    fsck->code = fy_fsck_body_size(fsck, row, &size, fsck->err);
    if (fsck->code == FY_OK && size != row->size)
        fsck->code = forget_objects(self, row->id, fsck->err);
    return fsck->code == FY_OK;
}

/* ---- files that nobody names */

static bool look_at_file(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    struct rebuild *self = arg;
    struct fy_fsck *fsck = self->fsck;
    enum fy_blob_standing standing = FY_BLOB_NAMED;
    (void)size;
    fsck->code =
        fy_catalogue_blob_standing(fsck->node.catalogue, blob_ref, boot_id, &standing, fsck->err);
    if (fsck->code != FY_OK || standing != FY_BLOB_ORPHAN)
        return fsck->code == FY_OK;
    struct fy_cat_restore op = {.op = {.kind = FY_CAT_RESTORE},
                                .line = {.kind = FY_EXPORT_TRASH,
                                         .blob_ref = blob_ref,
                                         .deleted_ms = fy_wall_ms(fsck->node.clock) +
                                                       fsck->node.config->conflicts_keep_ms}};
    fsck->code = write_one(self, &op.op, fsck->err);
    self->unnamed++;
    return fsck->code == FY_OK;
}

/* Bodies of objects that were overwritten or deleted later, or are left out: nothing names them. */
static enum fy_code sweep(struct rebuild *self, struct fy_err *err)
{
    const struct fy_node *node = &self->fsck->node;
    enum fy_code code;
    struct fy_cat_sweep op;
    do {
        op = (struct fy_cat_sweep){.op = {.kind = FY_CAT_SWEEP},
                                   .limit = SWEPT_ROWS,
                                   .now_ms = fy_wall_ms(node->clock),
                                   .grace_ms = node->config->conflicts_keep_ms};
        code = write_one(self, &op.op, err);
    } while (code == FY_OK && op.moved == SWEPT_ROWS);
    return code;
}

static enum fy_code look_at_store(struct rebuild *self, struct fy_err *err)
{
    struct fy_fsck *fsck = self->fsck;
    enum fy_code code =
        fy_catalogue_body_list(fsck->node.catalogue, 0, UINT32_MAX, look_at_body, self, err);
    if (code == FY_OK)
        code = fsck->code;
    if (code == FY_OK)
        code = sweep(self, err);
    if (code == FY_OK)
        code = fy_store_list(fsck->node.store, look_at_file, self, err);
    return code == FY_OK ? fsck->code : code;
}

/* ---- begin and end */

static enum fy_code find_export(struct rebuild *self, struct fy_err *err)
{
    struct fy_identity_row own;
    const struct fy_export_list *list = &self->list;
    enum fy_code code = fy_catalogue_identity(self->fsck->node.catalogue, &own, err);
    if (code == FY_OK && !own.blank)
        return fy_err_set(err, FY_EFORBIDDEN,
                          "the catalogue is not empty: only a new one is rebuilt");
    if (code == FY_OK)
        code = fy_export_list_read(self->fsck->node.store, &self->list, err);
    if (code != FY_OK)
        return code;
    if (list->count == 0)
        return fy_err_set(err, FY_ENOTFOUND, "the store has no export");
    const char *catalogue = list->names[list->count - 1].catalogue;
    const struct fy_export_name *stranger = fy_export_list_stranger(list, catalogue);
    if (stranger != NULL)
        return fy_err_set(err, FY_EINPUT, "the store has exports of two catalogues, %s and %s",
                          catalogue, stranger->catalogue);
    self->full = fy_export_list_full(list, catalogue);
    if (self->full == NULL)
        return fy_err_set(err, FY_ENOTFOUND, "the store has no full export, only changes");
    return FY_OK;
}

/* Stamps go on above all that may have been given: those of the lines, and those of the last moment
 * that was written down. What came later was given by clocks that have gone on since. */
static enum fy_code finish(struct rebuild *self, struct fy_err *err)
{
    struct fy_cat_restored op = {.op = {.kind = FY_CAT_RESTORED}};
    uint64_t at = (uint64_t)self->at_ms << 16;
    op.saved_time = at > self->saved_time ? at : self->saved_time;
    op.exported = self->list.names[self->list.count - 1].number;
    memcpy(op.identity, self->full->catalogue, sizeof(op.identity));
    return write_one(self, &op.op, err);
}

static enum fy_code take_lease(struct fy_node *node, struct fy_err *err)
{
    uint8_t slot = 0;
    uint64_t start_time = 0;
    return fy_catalogue_lease_open(node->catalogue, node->boot_id, &slot, &start_time, err);
}

static void say(const struct rebuild *self)
{
    const struct fy_fsck *fsck = self->fsck;
    char at[FY_INSTANT_BYTES];
    fy_instant_print(self->at_ms, at);
    if (!fsck->line->json) {
        fy_say("rebuilt as of %s: %" PRId64 " lines of a full export and %" PRId64
               " files of changes, %" PRId64 " of them damaged or missing",
               at, self->lines, self->files, self->torn);
        fy_say("%" PRId64 " bodies; %" PRId64 " objects left out; %" PRId64
               " files that nobody names are in trash for now",
               fsck->bodies, self->lost, self->unnamed);
        fy_say("what came later is at other sites: start this one, then compare it with them");
        return;
    }
    FY_AUTO(fy_buf_done) struct fy_buf json;
    fy_buf_init(&json, FY_LINE_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "check", "rebuilt");
    fy_buf_json_str(&json, "asOf", at);
    fy_buf_json_i64(&json, "lines", self->lines);
    fy_buf_json_i64(&json, "changeFiles", self->files);
    fy_buf_json_i64(&json, "damagedFiles", self->torn);
    fy_buf_json_i64(&json, "bodies", fsck->bodies);
    fy_buf_json_i64(&json, "leftOut", self->lost);
    fy_buf_json_i64(&json, "unnamedFiles", self->unnamed);
    fy_buf_text(&json, "}");
    fy_print_buf(&json);
}

static enum fy_code run(struct rebuild *self, struct fy_err *err)
{
    enum fy_code code = find_export(self, err);
    if (code == FY_OK)
        code = take_lease(&self->fsck->node, err);
    if (code == FY_OK)
        code = read_export(self, err);
    if (code == FY_OK)
        code = look_at_store(self, err);
    if (code == FY_OK)
        code = finish(self, err);
    if (code == FY_OK)
        say(self);
    return code;
}

enum fy_code fy_fsck_rebuild(struct fy_fsck *fsck, struct fy_err *err)
{
    struct rebuild *self = fy_alloc(sizeof(*self));
    self->fsck = fsck;
    self->rooms = fy_alloc(BATCH * sizeof(*self->rooms));
    self->lost_keys = fy_alloc(LOST_PAGE * sizeof(*self->lost_keys));
    enum fy_code code = run(self, err);
    fy_export_list_done(&self->list);
    free(self->lost_keys);
    free(self->rooms);
    free(self);
    return code;
}
