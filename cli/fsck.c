/* fsck.c - `ferry fsck`: whether a site's rows, bodies and files agree. */
/*
 * It opens the catalogue and the store as a process of the site does, and only looks. A site on
 * PostgreSQL may run meanwhile: rows are read as of one moment, a file that is missing is asked for
 * again, and a file that nobody names is asked of the leases, as the sweep does. The embedded
 * catalogue is one process's, so that such a site has to be stopped.
 *
 * Damage is what nothing will mend by itself. What a sweep will remove is none: a process that is
 * killed leaves such files.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/fsck.h"
#include "cli/output.h"
#include "common/runtime/export_name.h"

#define LOST_NAMED 100 /* objects of a body, one line each */

/* ---- saying it */

/* What mends it. */
static const char *cure_of(const char *check)
{
    static const struct {
        const char *check, *cure;
    } cures[] = {
        {"file.missing",
         "ferry verify brings it from another site; so does an upload of its bytes"},
        {"file.size", "ferry verify brings it from another site; so does an upload of its bytes"},
        {"store.stranger", "name the catalogue that belongs to it, or ferry fsck --rebuild"},
        {"export.damaged", "what other sites have, ferry backfill brings"},
        {"export.missing", "what other sites have, ferry backfill brings"},
        {"object.left_out", "ferry backfill brings it from another site"},
        {"object.lost", "it cannot be read until its body is back"},
        {"version.lost",
         "it cannot be read until its body is back, which other sites may not have"},
        {"version.left_out", "other sites may have it; versions are not replicated"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(cures); i++)
        if (strcmp(cures[i].check, check) == 0)
            return cures[i].cure;
    return "the catalogue is damaged: ferry fsck --rebuild makes a new one of the store's export";
}

void fy_fsck_damage(struct fy_fsck *fsck, const char *check, const char *about, const char *format,
                    ...)
{
    char text[FY_ERR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments); /* a long one is cut */
    va_end(arguments);
    fsck->damages++;
    if (!fsck->line->json) {
        fy_say("%s: %s%s%s (%s)", check, about, about[0] != '\0' ? " " : "", text, cure_of(check));
        return;
    }
    FY_AUTO(fy_buf_done) struct fy_buf json;
    fy_buf_init(&json, FY_LINE_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "check", check);
    fy_buf_json_str(&json, "about", about);
    fy_buf_json_str(&json, "text", text);
    fy_buf_json_str(&json, "cure", cure_of(check));
    fy_buf_text(&json, "}");
    fy_print_buf(&json);
}

/* ---- rows among themselves */

static bool row_damage(void *arg, const char *check, const char *about, const char *text)
{
    fy_fsck_damage(arg, check, about, "%s", text);
    return true;
}

/* ---- a file for each body row */

static bool object_lost(void *arg, const struct fy_object_key *key, int64_t version)
{
    char about[sizeof(*key)];
    (void)snprintf(about, sizeof(about), "%s/%s/%s", key->account, key->bucket, key->object);
    if (version == 0)
        fy_fsck_damage(arg, "object.lost", about,
                       "is READY, and the file of its bytes is not whole");
    else
        fy_fsck_damage(arg, "version.lost", about,
                       "has version %" PRId64 ", and the file of its bytes is not whole", version);
    return true;
}

/* Whether the row still says so: the sweep may have taken both, or a repair have moved the body. */
static bool is_named(struct fy_fsck *fsck, const struct fy_body_row *row)
{
    enum fy_blob_standing standing = FY_BLOB_NAMED;
    fsck->code =
        fy_catalogue_blob_standing(fsck->node.catalogue, row->blob_ref, "", &standing, fsck->err);
    return fsck->code == FY_OK && standing == FY_BLOB_NAMED;
}

static void body_damage(struct fy_fsck *fsck, const struct fy_body_row *row, int64_t size)
{
    if (!is_named(fsck, row))
        return;
    if (size < 0)
        fy_fsck_damage(fsck, "file.missing", row->blob_ref,
                       "is not there; a body of %" PRId64 " bytes", row->size);
    else
        fy_fsck_damage(fsck, "file.size", row->blob_ref, "has %" PRId64 " bytes, its body %" PRId64,
                       size, row->size);
    fsck->code = fy_catalogue_body_objects(fsck->node.catalogue, row->id, LOST_NAMED, object_lost,
                                           fsck, fsck->err);
}

enum fy_code fy_fsck_body_size(struct fy_fsck *fsck, const struct fy_body_row *row, int64_t *size,
                               struct fy_err *err)
{
    struct fy_reader *reader = NULL;
    enum fy_code code = fy_store_open(fsck->node.store, row->blob_ref, &reader, size, err);
    fy_store_reader_close(fsck->node.store, reader);
    if (code != FY_ENOTFOUND && code != FY_EINTERNAL) /* that it cannot be a file of this store */
        return code;
    *size = -1;
    return FY_OK;
}

static bool look_at_body(void *arg, const struct fy_body_row *row)
{
    struct fy_fsck *fsck = arg;
    int64_t size = -1;
    fsck->bodies++;
    fsck->code = fy_fsck_body_size(fsck, row, &size, fsck->err);
    if (fsck->code == FY_OK && size != row->size)
        body_damage(fsck, row, size);
    return fsck->code == FY_OK;
}

/* ---- a row for each file */

static struct fy_fsck_left *left_of(struct fy_fsck *fsck, const char *boot_id)
{
    for (size_t i = 0; i < fsck->left_count; i++)
        if (strcmp(fsck->left[i].boot_id, boot_id) == 0)
            return &fsck->left[i];
    if (fsck->left_count == FY_FSCK_BOOTS ||
        !fy_text_copy(fsck->left[fsck->left_count].boot_id, FY_BOOT_ID_BYTES + 1, boot_id))
        return &fsck->left[FY_FSCK_BOOTS];
    return &fsck->left[fsck->left_count++];
}

static bool look_at_file(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    struct fy_fsck *fsck = arg;
    enum fy_blob_standing standing = FY_BLOB_NAMED;
    fsck->code =
        fy_catalogue_blob_standing(fsck->node.catalogue, blob_ref, boot_id, &standing, fsck->err);
    if (fsck->code != FY_OK)
        return false;
    fsck->files++;
    fsck->trash_files += standing == FY_BLOB_TRASH;
    fsck->living_files += standing == FY_BLOB_LIVING;
    if (standing == FY_BLOB_ORPHAN) {
        struct fy_fsck_left *left = left_of(fsck, boot_id);
        left->files++;
        left->bytes += size;
    }
    return true;
}

/* ---- the sum of it */

static void print_left(const struct fy_fsck_left *left, bool others)
{
    char size[FY_CELL_BYTES];
    if (left->files == 0)
        return;
    fy_cell_size(left->bytes, size);
    fy_say("left over: %" PRId64 " files, %s, of %s, which ended (the next sweep removes them)",
           left->files, size, others ? "other processes" : left->boot_id);
}

static void print_text(const struct fy_fsck *fsck)
{
    for (size_t i = 0; i < fsck->left_count; i++)
        print_left(&fsck->left[i], false);
    print_left(&fsck->left[FY_FSCK_BOOTS], true);
    char size[FY_CELL_BYTES];
    fy_cell_size(fsck->counted.bytes, size);
    fy_say("%" PRId64 " buckets, %" PRId64 " objects, %s, %" PRId64 " bodies, %" PRId64
           " files: %" PRId64 " in trash, %" PRId64 " on their way; %s",
           fsck->counted.containers, fsck->counted.objects, size, fsck->bodies, fsck->files,
           fsck->trash_files, fsck->living_files, fsck->damages == 0 ? "all agree" : "DAMAGED");
}

static void print_json(const struct fy_fsck *fsck)
{
    FY_AUTO(fy_buf_done) struct fy_buf json;
    struct fy_fsck_left all = {.files = 0};
    for (size_t i = 0; i <= FY_FSCK_BOOTS; i++) {
        all.files += fsck->left[i].files;
        all.bytes += fsck->left[i].bytes;
    }
    fy_buf_init(&json, FY_LINE_BYTES_MAX);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "check", "all");
    fy_buf_json_i64(&json, "buckets", fsck->counted.containers);
    fy_buf_json_i64(&json, "objects", fsck->counted.objects);
    fy_buf_json_i64(&json, "bytes", fsck->counted.bytes);
    fy_buf_json_i64(&json, "bodies", fsck->bodies);
    fy_buf_json_i64(&json, "files", fsck->files);
    fy_buf_json_i64(&json, "trashFiles", fsck->trash_files);
    fy_buf_json_i64(&json, "livingFiles", fsck->living_files);
    fy_buf_json_i64(&json, "leftFiles", all.files);
    fy_buf_json_i64(&json, "leftBytes", all.bytes);
    fy_buf_json_i64(&json, "damages", fsck->damages);
    fy_buf_text(&json, "}");
    fy_print_buf(&json);
}

/* A sweep of this catalogue would take the store's bodies for nobody's. */
static enum fy_code look_at_owner(struct fy_fsck *fsck)
{
    struct fy_identity_row own;
    struct fy_export_list list = {0};
    enum fy_code code = fy_export_list_read(fsck->node.store, &list, fsck->err);
    if (code == FY_OK)
        code = fy_catalogue_identity(fsck->node.catalogue, &own, fsck->err);
    if (code == FY_OK && fy_export_list_stranger(&list, own.id) != NULL)
        fy_fsck_damage(fsck, "store.stranger", fy_export_list_stranger(&list, own.id)->catalogue,
                       "is the catalogue that the store belongs to, this one is %s", own.id);
    else if (code == FY_OK && fy_export_list_is_ahead(&list, &own))
        fy_fsck_damage(fsck, "catalogue.older", own.id,
                       "knows its export up to number %" PRId64 ", the store has %" PRId64,
                       own.exported, list.names[list.count - 1].number);
    fy_export_list_done(&list);
    return code;
}

static enum fy_code look(struct fy_fsck *fsck)
{
    struct fy_node *node = &fsck->node;
    enum fy_code code = look_at_owner(fsck);
    if (code == FY_OK)
        code = fy_catalogue_audit(node->catalogue, &fsck->counted, row_damage, fsck, fsck->err);
    if (code == FY_OK)
        code =
            fy_catalogue_body_list(node->catalogue, 0, UINT32_MAX, look_at_body, fsck, fsck->err);
    if (code == FY_OK)
        code = fsck->code;
    if (code == FY_OK)
        code = fy_store_list(node->store, look_at_file, fsck, fsck->err);
    return code == FY_OK ? fsck->code : code;
}

/* Another process's folder is a site that runs: it has to be stopped first. */
static int fail(enum fy_code code, const struct fy_err *err)
{
    if (code == FY_EFORBIDDEN) {
        (void)fy_fail(err);
        return FY_EXIT_REFUSED;
    }
    return code == FY_EINPUT || code == FY_EEXISTS ? fy_fail_usage(err) : fy_fail(err);
}

static enum fy_code look_and_print(struct fy_fsck *fsck)
{
    enum fy_code code = look(fsck);
    if (code != FY_OK)
        return code;
    if (fsck->line->json)
        print_json(fsck);
    else
        print_text(fsck);
    return FY_OK;
}

int fy_command_fsck(const struct fy_command_line *line)
{
    struct fy_err err = {0};
    struct fy_config *config = fy_alloc(sizeof(*config));
    struct fy_fsck *fsck = fy_alloc(sizeof(*fsck));
    fsck->line = line;
    fsck->err = &err;
    *config = line->config;
    enum fy_code code = fy_config_finish(config, &err);
    if (code == FY_OK)
        code = fy_node_open_to_look(&fsck->node, config, fy_clock_system(), &err);
    if (code == FY_OK) {
        code =
            fy_option(line, "rebuild") != NULL ? fy_fsck_rebuild(fsck, &err) : look_and_print(fsck);
        fy_node_close(&fsck->node);
    }
    int exit_status = code != FY_OK       ? fail(code, &err)
                      : fsck->damages > 0 ? FY_EXIT_DIFFERENT
                                          : FY_EXIT_DONE;
    free(fsck);
    free(config);
    return fy_output_end(exit_status);
}
