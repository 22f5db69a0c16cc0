/* verify.c - `ferry verify`: a site's stored bodies hashed again, the damaged named and repaired.
 */
/*
 * The site does it, at its own pace (verify.rate), and goes on when this command is gone: started
 * again with the same words, it finds the scan that runs and waits for that.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/output.h"
#include "cli/words.h"

#define LOOK_PAUSE 2 /* of fy_client_pause, between two looks at the scan */

static enum fy_code call_scan(struct fy_client *client, const char *method, struct fy_buf *path,
                              json_t **scan, struct fy_err *err)
{
    json_t *answer = NULL;
    enum fy_code code = fy_client_send_json(client, method, path, NULL, &answer, err);
    json_decref(*scan);
    *scan = answer;
    return code;
}

static enum fy_code get_scan(struct fy_client *client, json_t **scan, struct fy_err *err)
{
    struct fy_buf path;
    fy_path(&path, FY_PATH_VERIFY);
    return call_scan(client, "GET", &path, scan, err);
}

static bool is_running(const json_t *scan)
{
    return strcmp(fy_json_text(scan, "state"), "running") == 0;
}

/* ---- start and wait */

/* scope: NULL is all. */
static enum fy_code start(const struct fy_command_line *line, const struct fy_object_word *scope,
                          struct fy_client *client, json_t **scan, struct fy_err *err)
{
    struct fy_buf path;
    fy_path(&path, FY_PATH_VERIFY);
    if (scope != NULL) {
        fy_place_query(&path, line, scope, NULL);
        fy_path_query(&path, "prefix", scope->name[0] != '\0' ? scope->name : NULL);
    }
    fy_path_query(&path, "repair", fy_option(line, "repair") != NULL ? "true" : "false");
    return call_scan(client, "POST", &path, scan, err);
}

static void draw(const json_t *scan)
{
    char bytes[FY_CELL_BYTES];
    fy_cell_size(fy_json_i64(scan, "bytes"), bytes);
    fprintf(stderr, "\r%" PRId64 " bodies, %s read, %" PRId64 " damaged ",
            fy_json_i64(scan, "bodies"), bytes, fy_json_i64(scan, "damaged"));
}

/* Until it ends. ^C ends the waiting, not the scan. */
static enum fy_code wait_for(struct fy_client *client, json_t **scan, struct fy_err *err)
{
    int64_t number = fy_json_i64(*scan, "scan");
    bool shown = isatty(STDERR_FILENO) != 0;
    while (is_running(*scan)) {
        if (shown)
            draw(*scan);
        fy_client_pause(LOOK_PAUSE);
        if (fy_client_interrupted())
            return fy_err_set(err, FY_ECANCELLED,
                              "the site goes on with it: the same command waits for it again, "
                              "--stop ends it");
        enum fy_code code = get_scan(client, scan, err);
        if (code != FY_OK)
            return code;
        if (fy_json_i64(*scan, "scan") != number)
            return fy_err_set(err, FY_EBUSY, "another scan has been started meanwhile");
    }
    if (shown)
        fputs("\n", stderr);
    return FY_OK;
}

/* ---- what was found */

struct listing {
    bool json;
    int64_t damaged;
};

static void say_objects(const json_t *row, const char *what)
{
    size_t index;
    json_t *object;
    const json_t *objects = json_object_get(row, "objects");
    json_array_foreach(objects, index, object)
    {
        char version[40] = "";
        if (fy_json_i64(object, "version") != 0)
            (void)snprintf(version, sizeof(version), " (version %" PRId64 ")",
                           fy_json_i64(object, "version"));
        fy_say("%s %s/%s%s: %s", fy_json_text(row, "state"), fy_json_text(object, "bucket"),
               fy_json_text(object, "name"), version, what);
    }
    if (index == 0)
        fy_say("%s %s (of no object): %s", fy_json_text(row, "state"), fy_json_text(row, "hash"),
               what);
}

static bool show_damage(void *arg, const json_t *row)
{
    struct listing *listing = arg;
    char what[128];
    if (row == NULL)
        return true;
    bool repaired = strcmp(fy_json_text(row, "state"), "repaired") == 0;
    listing->damaged++;
    if (listing->json) {
        fy_print_json(row);
        return ferror(stdout) == 0;
    }
    (void)snprintf(what, sizeof(what), "%s%s%.64s", fy_json_text(row, "damage"),
                   repaired ? ", from " : "", repaired ? fy_json_text(row, "from") : "");
    say_objects(row, what);
    return ferror(stdout) == 0;
}

static enum fy_code show(const struct fy_command_line *line, struct fy_client *client,
                         const json_t *scan, struct listing *listing, struct fy_err *err)
{
    struct fy_buf path;
    *listing = (struct listing){.json = line->json};
    fy_path(&path, FY_PATH_DAMAGE);
    fy_path_query_i64(&path, "scan", fy_json_i64(scan, "scan"));
    return fy_client_pages(client, &path, "damage", show_damage, listing, err);
}

static void say_scan(const struct fy_command_line *line, const json_t *scan)
{
    char bytes[FY_CELL_BYTES];
    if (line->json) {
        fy_print_json(scan);
        return;
    }
    fy_cell_size(fy_json_i64(scan, "bytes"), bytes);
    fy_say("scan %" PRId64 " %s: %" PRId64 " bodies, %s, %" PRId64 " damaged, %" PRId64 " repaired",
           fy_json_i64(scan, "scan"), fy_json_text(scan, "state"), fy_json_i64(scan, "bodies"),
           bytes, fy_json_i64(scan, "damaged"), fy_json_i64(scan, "repaired"));
}

/* ---- the command */

static int run_stop(const struct fy_command_line *line, struct fy_client *client)
{
    json_auto_t *scan = NULL;
    struct fy_buf path;
    struct fy_err err = {0};
    fy_path(&path, FY_PATH_VERIFY);
    if (call_scan(client, "DELETE", &path, &scan, &err) != FY_OK)
        return fy_fail(&err);
    say_scan(line, scan);
    return fy_output_end(FY_EXIT_DONE);
}

/* Damage is a difference, repaired or not: who asked wants to know of a disk that forgets. */
static int exit_of(const json_t *scan, const struct listing *listing)
{
    if (listing->damaged > 0 || fy_json_i64(scan, "damaged") > 0)
        return FY_EXIT_DIFFERENT;
    return strcmp(fy_json_text(scan, "state"), "done") == 0 ? FY_EXIT_DONE : FY_EXIT_INTERRUPTED;
}

static int run_scan(const struct fy_command_line *line, const struct fy_object_word *scope,
                    struct fy_client *client)
{
    json_auto_t *scan = NULL;
    struct listing listing;
    struct fy_err err = {0};
    bool status = fy_option(line, "status") != NULL;
    enum fy_code code =
        status ? get_scan(client, &scan, &err) : start(line, scope, client, &scan, &err);
    if (code == FY_OK && !status && fy_option(line, "background") == NULL)
        code = wait_for(client, &scan, &err);
    if (code == FY_OK)
        code = show(line, client, scan, &listing, &err);
    if (code != FY_OK)
        return fy_fail(&err);
    say_scan(line, scan);
    if (is_running(scan))
        return fy_output_end(FY_EXIT_DONE);
    return fy_output_end(exit_of(scan, &listing));
}

int fy_command_verify(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_object_word scope;
    struct fy_err err = {0};
    bool scoped = fy_place_given(line);
    enum fy_code code = scoped ? fy_place_word(line, line->words[0], &scope, &err) : FY_OK;
    if (code == FY_OK)
        code = fy_client_open(line, &client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    if (fy_option(line, "stop") != NULL)
        return run_stop(line, client);
    return run_scan(line, scoped ? &scope : NULL, client);
}
