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

#include "cli/command.h"
#include "cli/node_open.h"
#include "cli/output.h"

#define LOST_NAMED    100 /* objects of a body, one line each */
#define BOOTS_COUNTED 64  /* dead processes whose files are told apart */

struct left { /* files of a process */
    char boot_id[FY_BOOT_ID_BYTES + 1];
    int64_t files, bytes;
};

struct fsck {
    const struct fy_command_line *line;
    struct fy_node node;
    struct fy_catalogue_totals counted;
    int64_t bodies, files, trash_files, living_files;
    struct left left[BOOTS_COUNTED + 1]; /* the last one: of all others */
    size_t left_count;
    int64_t damages;
    enum fy_code code; /* of a question asked by a visitor */
    struct fy_err *err;
};

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
        {"object.lost", "it cannot be read until its body is back"},
    };
    for (size_t i = 0; i < FY_COUNT_OF(cures); i++)
        if (strcmp(cures[i].check, check) == 0)
            return cures[i].cure;
    return "the catalogue is damaged: restore it";
}

FY_PRINTF(4, 5)
static void damage(struct fsck *fsck, const char *check, const char *about, const char *format, ...)
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
    damage(arg, check, about, "%s", text);
    return true;
}

/* ---- a file for each body row */

static bool object_lost(void *arg, const struct fy_object_key *key)
{
    char about[sizeof(*key)];
    (void)snprintf(about, sizeof(about), "%s/%s/%s", key->account, key->bucket, key->object);
    damage(arg, "object.lost", about, "is READY, and the file of its bytes is not whole");
    return true;
}

/* Whether the row still says so: the sweep may have taken both, or a repair have moved the body. */
static bool is_named(struct fsck *fsck, const struct fy_body_row *row)
{
    enum fy_blob_standing standing = FY_BLOB_NAMED;
    fsck->code =
        fy_catalogue_blob_standing(fsck->node.catalogue, row->blob_ref, "", &standing, fsck->err);
    return fsck->code == FY_OK && standing == FY_BLOB_NAMED;
}

static void body_damage(struct fsck *fsck, const struct fy_body_row *row, int64_t size)
{
    if (!is_named(fsck, row))
        return;
    if (size < 0)
        damage(fsck, "file.missing", row->blob_ref, "is not there; a body of %" PRId64 " bytes",
               row->size);
    else
        damage(fsck, "file.size", row->blob_ref, "has %" PRId64 " bytes, its body %" PRId64, size,
               row->size);
    fsck->code = fy_catalogue_body_objects(fsck->node.catalogue, row->id, LOST_NAMED, object_lost,
                                           fsck, fsck->err);
}

static bool look_at_body(void *arg, const struct fy_body_row *row)
{
    struct fsck *fsck = arg;
    struct fy_reader *reader = NULL;
    int64_t size = -1;
    enum fy_code code = fy_store_open(fsck->node.store, row->blob_ref, &reader, &size, fsck->err);
    fy_store_reader_close(fsck->node.store, reader);
    fsck->bodies++;
    if (code != FY_OK && code != FY_ENOTFOUND && code != FY_EINTERNAL)
        fsck->code = code; /* the store itself fails; EINTERNAL: it cannot be a file of it */
    else if (size != row->size)
        body_damage(fsck, row, size);
    return fsck->code == FY_OK;
}

/* ---- a row for each file */

static struct left *left_of(struct fsck *fsck, const char *boot_id)
{
    for (size_t i = 0; i < fsck->left_count; i++)
        if (strcmp(fsck->left[i].boot_id, boot_id) == 0)
            return &fsck->left[i];
    if (fsck->left_count == BOOTS_COUNTED ||
        !fy_text_copy(fsck->left[fsck->left_count].boot_id, FY_BOOT_ID_BYTES + 1, boot_id))
        return &fsck->left[BOOTS_COUNTED];
    return &fsck->left[fsck->left_count++];
}

static bool look_at_file(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    struct fsck *fsck = arg;
    enum fy_blob_standing standing = FY_BLOB_NAMED;
    fsck->code =
        fy_catalogue_blob_standing(fsck->node.catalogue, blob_ref, boot_id, &standing, fsck->err);
    if (fsck->code != FY_OK)
        return false;
    fsck->files++;
    fsck->trash_files += standing == FY_BLOB_TRASH;
    fsck->living_files += standing == FY_BLOB_LIVING;
    if (standing == FY_BLOB_ORPHAN) {
        struct left *left = left_of(fsck, boot_id);
        left->files++;
        left->bytes += size;
    }
    return true;
}

/* ---- the sum of it */

static void print_left(const struct left *left, bool others)
{
    char size[FY_CELL_BYTES];
    if (left->files == 0)
        return;
    fy_cell_size(left->bytes, size);
    fy_say("left over: %" PRId64 " files, %s, of %s, which ended (the next sweep removes them)",
           left->files, size, others ? "other processes" : left->boot_id);
}

static void print_text(const struct fsck *fsck)
{
    for (size_t i = 0; i < fsck->left_count; i++)
        print_left(&fsck->left[i], false);
    print_left(&fsck->left[BOOTS_COUNTED], true);
    char size[FY_CELL_BYTES];
    fy_cell_size(fsck->counted.bytes, size);
    fy_say("%" PRId64 " buckets, %" PRId64 " objects, %s, %" PRId64 " bodies, %" PRId64
           " files: %" PRId64 " in trash, %" PRId64 " on their way; %s",
           fsck->counted.containers, fsck->counted.objects, size, fsck->bodies, fsck->files,
           fsck->trash_files, fsck->living_files, fsck->damages == 0 ? "all agree" : "DAMAGED");
}

static void print_json(const struct fsck *fsck)
{
    FY_AUTO(fy_buf_done) struct fy_buf json;
    struct left all = {.files = 0};
    for (size_t i = 0; i <= BOOTS_COUNTED; i++) {
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

static enum fy_code look(struct fsck *fsck)
{
    struct fy_node *node = &fsck->node;
    enum fy_code code =
        fy_catalogue_audit(node->catalogue, &fsck->counted, row_damage, fsck, fsck->err);
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
    return code == FY_EINPUT || code == FY_EEXISTS ? fy_fail_usage(err) : fy_fail(err);
}

int fy_command_fsck(const struct fy_command_line *line)
{
    struct fy_err err = {0};
    struct fy_config *config = fy_alloc(sizeof(*config));
    struct fsck *fsck = fy_alloc(sizeof(*fsck));
    fsck->line = line;
    fsck->err = &err;
    *config = line->config;
    enum fy_code code = fy_config_finish(config, &err);
    if (code == FY_OK)
        code = fy_node_open_to_look(&fsck->node, config, fy_clock_system(), &err);
    if (code == FY_OK) {
        code = look(fsck);
        fy_node_close(&fsck->node);
    }
    if (code == FY_OK)
        line->json ? print_json(fsck) : print_text(fsck);
    int exit_status = code != FY_OK       ? fail(code, &err)
                      : fsck->damages > 0 ? FY_EXIT_DIFFERENT
                                          : FY_EXIT_DONE;
    free(fsck);
    free(config);
    return fy_output_end(exit_status);
}
