/* bucket.c - `ferry bucket mk|set|ls|rm`. */
#include <string.h>

#include "cli/client.h"
#include "cli/output.h"
#include "cli/words.h"

/* One call about the bucket of words[0], with its --targets; 0 or the exit code after it was said.
 */
static int call(const struct fy_command_line *line, struct fy_client **client, const char *method,
                const char *route)
{
    struct fy_object_word bucket;
    struct fy_buf path;
    struct fy_err err = {0};
    enum fy_code code = fy_object_word(line->words[0], &bucket, &err);
    if (code == FY_OK && strchr(line->words[0], '/') != NULL)
        code = fy_err_set(&err, FY_EINPUT, "'%.80s' is no bucket: no bucket has a slash",
                          line->words[0]);
    if (code == FY_OK)
        code = fy_client_open(line, client, &err);
    if (code != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, route);
    fy_path_names(&path, line->config.client, bucket.bucket, NULL);
    fy_path_query(&path, "targets", fy_option(line, "targets"));
    if (fy_client_send(*client, method, &path, NULL, &err) != FY_OK)
        return fy_fail(&err);
    return FY_EXIT_DONE;
}

int fy_command_bucket_mk(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_err err = {0};
    int exit_status = call(line, &client, "POST", FY_PATH_CONTAINER);
    if (exit_status != FY_EXIT_DONE)
        return exit_status;
    if (line->json) {
        json_auto_t *tree = fy_client_json(client, &err);
        if (tree == NULL)
            return fy_fail(&err);
        fy_print_json(tree);
    } else {
        fy_say("bucket %s is made", line->words[0]);
    }
    return fy_output_end(FY_EXIT_DONE);
}

static void say_targets(const char *bucket, const json_t *targets)
{
    size_t index;
    const json_t *site;
    struct fy_buf list;
    fy_buf_init(&list, (size_t)2 * FY_TARGETS_BYTES_MAX);
    json_array_foreach(targets, index, site)
        fy_buf_printf(&list, "%s%s", index > 0 ? ", " : "", json_string_value(site));
    if (list.size_bytes > 0)
        fy_say("bucket %s is replicated to %s", bucket, list.bytes);
    else
        fy_say("bucket %s is replicated to every site", bucket);
    fy_buf_done(&list);
}

/* Without --targets it only shows them. */
int fy_command_bucket_set(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_err err = {0};
    const char *method = fy_option(line, "targets") != NULL ? "PUT" : "GET";
    int exit_status = call(line, &client, method, FY_PATH_CONTAINER "/targets");
    if (exit_status != FY_EXIT_DONE)
        return exit_status;
    json_auto_t *tree = fy_client_json(client, &err);
    if (tree == NULL)
        return fy_fail(&err);
    if (line->json)
        fy_print_json(tree);
    else
        say_targets(line->words[0], json_object_get(tree, "targets"));
    return fy_output_end(FY_EXIT_DONE);
}

int fy_command_bucket_rm(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    int exit_status = call(line, &client, "DELETE", FY_PATH_CONTAINER);
    if (exit_status != FY_EXIT_DONE)
        return exit_status;
    if (line->json)
        fy_print_pair("removed", line->words[0]);
    else
        fy_say("bucket %s is deleted", line->words[0]);
    return fy_output_end(FY_EXIT_DONE);
}

struct listing {
    bool json;
    struct fy_table table;
};

static bool show_bucket(void *arg, const json_t *row)
{
    struct listing *listing = arg;
    if (row == NULL)
        fy_table_print(&listing->table, stdout);
    else if (strcmp(fy_json_text(row, "status"), "READY") != 0)
        return true; /* tombstones are for other sites */
    else if (listing->json)
        fy_print_json(row);
    else
        FY_TABLE_ROW(&listing->table, fy_json_text(row, "name"), fy_json_text(row, "creation"));
    return ferror(stdout) == 0;
}

int fy_command_bucket_ls(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct listing listing = {.json = line->json};
    struct fy_buf path;
    struct fy_err err = {0};
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    FY_TABLE_INIT(&listing.table, "<BUCKET", "<CREATED");
    fy_path(&path, FY_PATH_CONTAINERS);
    enum fy_code code = fy_client_pages(client, &path, "containers", show_bucket, &listing, &err);
    fy_table_done(&listing.table);
    return code == FY_OK ? fy_output_end(FY_EXIT_DONE) : fy_fail(&err);
}
