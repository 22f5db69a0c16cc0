/* undelete.c - `ferry undelete`: what was deleted less than trash.keep ago, listed or brought back.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/output.h"
#include "cli/words.h"
#include "common/core/clock.h"

struct undelete {
    const struct fy_command_line *line;
    struct fy_object_word source;
    bool only_show; /* --list, --dry-run */
    struct fy_client *client;
    struct fy_table table;
    int64_t done, failed;
    enum fy_code stopped; /* the rest was not tried: it would have failed alike */
};

/* ---- one object */

static enum fy_code bring_back(struct undelete *undelete, const char *name, struct fy_err *err)
{
    const struct fy_command_line *line = undelete->line;
    json_auto_t *row = NULL;
    struct fy_buf path;
    fy_path(&path, FY_PATH_UNDELETE);
    fy_place_query(&path, line, &undelete->source, name);
    enum fy_code code = fy_client_send_json(undelete->client, "POST", &path, NULL, &row, err);
    if (code != FY_OK)
        return code;
    undelete->done++;
    if (line->json)
        fy_print_json(row);
    else
        fy_say("%s/%s is back", undelete->source.bucket, name);
    return FY_OK;
}

/* ---- many */

static void show(struct undelete *undelete, const json_t *row)
{
    char size[FY_CELL_BYTES];
    undelete->done++;
    if (undelete->line->json) {
        fy_print_json(row);
        return;
    }
    fy_cell_count(fy_json_i64(row, "size"), size);
    FY_TABLE_ROW(&undelete->table, size, fy_json_text(row, "deleted"), fy_json_text(row, "until"),
                 fy_json_text(row, "name"));
}

/* An object that fails is told of, and the others are tried; a site that is away fails them all. */
static bool visit(void *arg, const json_t *row)
{
    struct undelete *undelete = arg;
    struct fy_err err = {0};
    if (row == NULL) {
        fy_table_print(&undelete->table, stdout);
        return ferror(stdout) == 0;
    }
    if (undelete->only_show) {
        show(undelete, row);
        return true;
    }
    enum fy_code code = bring_back(undelete, fy_json_text(row, "name"), &err);
    if (code == FY_OK || code == FY_EEXISTS || code == FY_ENOTFOUND)
        return true; /* somebody was faster, or it has grown too old */
    (void)fy_fail(&err);
    undelete->failed++;
    if (fy_client_is_temporary(code) || code == FY_ECANCELLED || code == FY_EFORBIDDEN)
        undelete->stopped = code;
    return undelete->stopped == FY_OK;
}

static enum fy_code walk(struct undelete *undelete, int64_t within_ms, struct fy_err *err)
{
    FY_AUTO(fy_client_end) struct fy_client *pages = NULL; /* the other one brings back meanwhile */
    char since[FY_INSTANT_BYTES];
    struct fy_buf path;
    enum fy_code code = fy_client_open(undelete->line, &pages, err);
    if (code != FY_OK)
        return code;
    fy_path(&path, FY_PATH_DELETED);
    fy_place_query(&path, undelete->line, &undelete->source, NULL);
    fy_path_query(&path, "prefix", undelete->source.name[0] != '\0' ? undelete->source.name : NULL);
    if (within_ms > 0) {
        fy_instant_print(fy_wall_ms(fy_clock_system()) - within_ms, since);
        fy_path_query(&path, "since", since);
    }
    FY_TABLE_INIT(&undelete->table, ">BYTES", "<DELETED", "<KEPT UNTIL", "<NAME");
    code = fy_client_pages(pages, &path, "deleted", visit, undelete, err);
    fy_table_done(&undelete->table);
    return code;
}

static int run_many(struct undelete *undelete, int64_t within_ms)
{
    struct fy_err err = {0};
    if (walk(undelete, within_ms, &err) != FY_OK)
        return fy_fail(&err);
    if (undelete->stopped != FY_OK)
        return fy_output_end(fy_client_exit(undelete->stopped));
    if (undelete->failed > 0)
        return fy_output_end(FY_EXIT_SOME_FAILED);
    return fy_output_end(undelete->done > 0 ? FY_EXIT_DONE : FY_EXIT_NOTHING);
}

static int run_single(struct undelete *undelete)
{
    struct fy_err err = {0};
    if (bring_back(undelete, undelete->source.name, &err) != FY_OK)
        return fy_fail(&err);
    return fy_output_end(FY_EXIT_DONE);
}

/* ---- the command */

int fy_command_undelete(const struct fy_command_line *line)
{
    struct undelete undelete = {.line = line};
    struct fy_err err = {0};
    int64_t within_ms = 0;
    undelete.only_show = fy_option(line, "list") != NULL || fy_option(line, "dry-run") != NULL;
    bool many = undelete.only_show || fy_option(line, "prefix") != NULL;
    enum fy_code code = many ? fy_place_word(line, line->words[0], &undelete.source, &err)
                             : fy_place_word_whole(line, line->words[0], &undelete.source, &err);
    if (code == FY_OK)
        code = fy_time_word("deleted-since", fy_option(line, "deleted-since"), &within_ms, &err);
    if (code == FY_OK && within_ms > 0 && !many)
        code =
            fy_err_set(&err, FY_EINPUT, "undelete: --deleted-since goes with --prefix or --list");
    if (code == FY_OK)
        code = fy_client_open(line, &undelete.client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    int exit_status = many ? run_many(&undelete, within_ms) : run_single(&undelete);
    fy_client_close(undelete.client);
    return exit_status;
}
