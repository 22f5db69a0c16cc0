/* object.c - `ferry ls|rm|stat`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"
#include "cli/sites.h"
#include "cli/words.h"
#include "common/core/digest.h"

#define STAMP_HEADER "x-ferry-stamp"

/* ---- ls */

struct listing {
    bool json, versions;
    struct fy_table table;
};

static const char *kind_of(const json_t *version)
{
    if (fy_json_bool(version, "marker"))
        return "delete marker";
    return fy_json_bool(version, "registered") ? "no body yet" : "";
}

static void add_object(struct listing *listing, const json_t *row)
{
    char size[FY_CELL_BYTES];
    char version[FY_CELL_BYTES];
    const json_t *object = listing->versions ? json_object_get(row, "object") : row;
    fy_cell_count(fy_json_i64(object, "size"), size);
    fy_cell_count(fy_json_i64(row, "version"), version);
    if (listing->versions && fy_json_bool(row, "marker")) /* its object's size is not its own */
        (void)snprintf(size, sizeof size, "-");
    if (listing->versions)
        FY_TABLE_ROW(&listing->table, version, size, fy_json_text(object, "creation"), kind_of(row),
                     fy_json_text(object, "name"));
    else
        FY_TABLE_ROW(&listing->table, size, fy_json_text(object, "creation"),
                     fy_json_text(object, "name"));
}

static bool show_object(void *arg, const json_t *row)
{
    struct listing *listing = arg;
    if (row == NULL)
        fy_table_print(&listing->table, stdout);
    else if (listing->json)
        fy_print_json(row);
    else
        add_object(listing, row);
    return ferror(stdout) == 0;
}

static enum fy_code list(const struct fy_command_line *line, const struct fy_object_word *source,
                         struct listing *listing, struct fy_client *client, struct fy_err *err)
{
    struct fy_buf path;
    fy_path(&path, FY_PATH_OBJECTS);
    fy_place_query(&path, line, source, NULL);
    fy_path_query(&path, "prefix", source->name[0] != '\0' ? source->name : NULL);
    fy_path_query(&path, "versions", listing->versions ? "1" : NULL);
    return fy_client_pages(client, &path, listing->versions ? "versions" : "objects", show_object,
                           listing, err);
}

int fy_command_ls(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct listing listing = {.json = line->json, .versions = fy_option(line, "versions") != NULL};
    const char *word = line->word_count > 0 ? line->words[0] : NULL;
    struct fy_object_word source;
    struct fy_err err = {0};
    enum fy_code code = fy_place_word(line, word, &source, &err);
    if (code == FY_OK)
        code = fy_client_open(line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    if (listing.versions)
        FY_TABLE_INIT(&listing.table, ">VERSION", ">BYTES", "<CREATED", "<KIND", "<NAME");
    else
        FY_TABLE_INIT(&listing.table, ">BYTES", "<CREATED", "<NAME");
    code = list(line, &source, &listing, client, &err);
    fy_table_done(&listing.table);
    return code == FY_OK ? fy_output_end(FY_EXIT_DONE) : fy_fail(&err);
}

/* ---- rm */

int fy_command_rm(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_object_word object;
    struct fy_buf path;
    struct fy_err err = {0};
    int64_t version = 0;
    enum fy_code code = fy_place_word_whole(line, line->words[0], &object, &err);
    if (code == FY_OK)
        code = fy_version_option(line, &version, &err);
    if (code == FY_OK)
        code = fy_client_open(line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, FY_PATH_CONTENT);
    fy_place_query(&path, line, &object, object.name);
    if (version != 0)
        fy_path_query_i64(&path, "version", version);
    if (fy_client_send(client, "DELETE", &path, NULL, &err) != FY_OK)
        return fy_fail(&err);
    if (line->json)
        fy_print_pair("removed", line->words[0]);
    else if (version != 0)
        fy_say("version %lld of %s is deleted", (long long)version, line->words[0]);
    else
        fy_say("%s is deleted", line->words[0]);
    return fy_output_end(FY_EXIT_DONE);
}

/* ---- stat */

/* What one site says of the object. */
struct view {
    enum { VIEW_UNKNOWN, VIEW_ABSENT, VIEW_DELETED, VIEW_THERE } kind;
    char status[16];
    char size[24];
    char hash[FY_HASH_BYTES_MAX + 1];
    char stamp[FY_STAMP_TEXT_BYTES];
    struct fy_err err; /* of VIEW_UNKNOWN */
};

struct stat_command {
    const struct fy_command_line *line;
    struct fy_object_word object;
    struct fy_site_list list;
    struct view views[FY_SITES_MAX];
};

static void take_header(struct fy_client *client, const char *name, char *field, size_t field_bytes)
{
    const char *value = fy_client_header(client, name);
    if (value == NULL || !fy_text_copy(field, field_bytes, value))
        field[0] = '\0';
}
#define TAKE(client, name, field) take_header((client), (name), (field), sizeof(field))

/* On a job thread; each has its own view. */
static void ask_site(void *arg, struct fy_client *client, size_t index)
{
    struct stat_command *stat = arg;
    struct view *view = &stat->views[index];
    const char *base = fy_site_base(&stat->list.sites[index]);
    struct fy_buf path;
    fy_path(&path, FY_PATH_CONTENT);
    fy_place_query(&path, stat->line, &stat->object, stat->object.name);
    const struct fy_call call = {.method = "HEAD", .base = base, .path = &path};
    enum fy_code code = fy_client_call(client, &call, &view->err);
    fy_buf_done(&path);
    bool is_ferry = fy_client_header(client, "x-ferry-version") != NULL;
    TAKE(client, STAMP_HEADER, view->stamp);
    TAKE(client, "x-clonecloudstore-status", view->status);
    TAKE(client, "x-clonecloudstore-size", view->size);
    TAKE(client, "x-clonecloudstore-hash", view->hash);
    if (code == FY_OK)
        view->kind = VIEW_THERE;
    else if (code == FY_ENOTFOUND && is_ferry)
        view->kind = view->stamp[0] != '\0' ? VIEW_DELETED : VIEW_ABSENT;
    else if (code == FY_ENOTFOUND)
        (void)fy_err_set(&view->err, FY_EPEER, "it is no Ferry: `ferry stat` cannot ask it");
}

static bool same_hash(const char *a, const char *b)
{
    struct fy_digest left;
    struct fy_digest right;
    if (fy_digest_parse(a, &left) && fy_digest_parse(b, &right))
        return fy_digest_equal(&left, &right); /* two texts may be the same hash */
    return strcmp(a, b) == 0;
}

/* To a reader a deleted object and one that never was are the same. */
static bool same_view(const struct view *a, const struct view *b)
{
    if ((a->kind == VIEW_THERE) != (b->kind == VIEW_THERE))
        return false;
    return a->kind != VIEW_THERE || (strcmp(a->size, b->size) == 0 && same_hash(a->hash, b->hash));
}

static int judge(const struct stat_command *stat)
{
    const struct view *first = NULL;
    bool unknown = false;
    for (size_t i = 0; i < stat->list.count; i++) {
        const struct view *view = &stat->views[i];
        if (view->kind == VIEW_UNKNOWN)
            unknown = true;
        else if (first == NULL)
            first = view;
        else if (!same_view(first, view))
            return FY_EXIT_DIFFERENT;
    }
    if (unknown)
        return FY_EXIT_TEMPORARY;
    return first != NULL && first->kind == VIEW_THERE ? FY_EXIT_DONE : FY_EXIT_NOT_FOUND;
}

static const char *view_status(const struct view *view)
{
    switch (view->kind) {
    case VIEW_UNKNOWN:
        return "unknown";
    case VIEW_ABSENT:
        return "absent";
    case VIEW_DELETED:
        return "deleted";
    case VIEW_THERE:
        return view->status;
    }
    FY_UNREACHABLE();
}

static void print_table(const struct stat_command *stat)
{
    struct fy_table table;
    FY_TABLE_INIT(&table, "<SITE", "<STATUS", ">BYTES", "<HASH", "<STAMP");
    for (size_t i = 0; i < stat->list.count; i++) {
        const struct view *view = &stat->views[i];
        FY_TABLE_ROW(&table, stat->list.sites[i].id, view_status(view), view->size, view->hash,
                     view->stamp);
    }
    fy_table_print(&table, stdout);
    fy_table_done(&table);
    for (size_t i = 0; i < stat->list.count; i++)
        if (stat->views[i].kind == VIEW_UNKNOWN)
            fy_say("%s: %s", stat->list.sites[i].id, stat->views[i].err.text);
}

static void print_object(const struct stat_command *stat, bool equal)
{
    struct fy_buf json;
    fy_buf_init(&json, FY_SITES_MAX * 2048 + 4 * FY_OBJECT_BYTES_MAX * 6);
    fy_buf_text(&json, "{");
    fy_buf_json_str(&json, "bucket", stat->object.bucket);
    fy_buf_json_str(&json, "name", stat->object.name);
    fy_buf_json_bool(&json, "equal", equal);
    fy_buf_json_key(&json, "sites");
    fy_buf_text(&json, "[");
    for (size_t i = 0; i < stat->list.count; i++) {
        const struct view *view = &stat->views[i];
        fy_buf_json_next(&json);
        fy_buf_text(&json, "{");
        fy_buf_json_str(&json, "site", stat->list.sites[i].id);
        fy_buf_json_str(&json, "status", view_status(view));
        if (view->kind == VIEW_THERE) {
            fy_buf_json_i64(&json, "size", strtoll(view->size, NULL, 10));
            fy_buf_json_str(&json, "hash", view->hash);
        }
        fy_buf_json_filled(&json, "stamp", view->stamp);
        if (view->kind == VIEW_UNKNOWN)
            fy_buf_json_str(&json, "error", view->err.text);
        fy_buf_text(&json, "}");
    }
    fy_buf_text(&json, "]}");
    fy_print_buf(&json);
    fy_buf_done(&json);
}

static int run_stat(struct stat_command *stat)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_err err = {0};
    enum fy_code code = fy_place_word_whole(stat->line, stat->line->words[0], &stat->object, &err);
    if (code == FY_OK)
        code = fy_client_open(stat->line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    code = fy_site_list_get(client, &stat->list, &err);
    if (code == FY_OK)
        code = fy_sites_ask(stat->line, stat->list.count, ask_site, stat, &err);
    if (code == FY_OK && fy_client_interrupted())
        code = fy_err_set(&err, FY_ECANCELLED, "interrupted");
    /* Without a client-id, or a right, no site says anything: the first to say so speaks. */
    for (size_t i = 0; code == FY_OK && i < stat->list.count; i++)
        if (stat->views[i].err.code == FY_EUNAUTH || stat->views[i].err.code == FY_EFORBIDDEN) {
            err = stat->views[i].err;
            code = err.code;
        }
    if (code != FY_OK)
        return fy_fail(&err);
    int exit_status = judge(stat);
    if (stat->line->json)
        print_object(stat, exit_status == FY_EXIT_DONE || exit_status == FY_EXIT_NOT_FOUND);
    else
        print_table(stat);
    return fy_output_end(exit_status);
}

int fy_command_stat(const struct fy_command_line *line)
{
    struct stat_command *stat = fy_alloc(sizeof(*stat));
    stat->line = line;
    int exit_status = run_stat(stat);
    free(stat);
    return exit_status;
}
