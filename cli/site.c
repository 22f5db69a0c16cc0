/* site.c - `ferry site add|ls|rm|pause|resume`. */
#include <stdio.h>

#include "cli/client.h"
#include "cli/output.h"
#include "common/core/names.h"

#define BODY_BYTES_MAX (8 << 10)

static int say_site(struct fy_client *client, const struct fy_command_line *line, const char *what)
{
    struct fy_err err = {0};
    if (!line->json) {
        fy_say("site %s %s", line->words[0], what);
        return fy_output_end(FY_EXIT_DONE);
    }
    json_auto_t *tree = fy_client_json(client, &err);
    if (tree == NULL)
        return fy_fail(&err);
    fy_print_json(tree);
    return fy_output_end(FY_EXIT_DONE);
}

int fy_command_site_add(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    FY_AUTO(fy_buf_done) struct fy_buf body = {0};
    struct fy_buf path;
    struct fy_err err = {0};
    char uri[FY_URI_BYTES_MAX + 1];
    char what[FY_URI_BYTES_MAX + 64];
    if (fy_uri_normalise(line->words[1], uri, &err) != FY_OK)
        return fy_fail_usage(&err);
    fy_buf_init(&body, BODY_BYTES_MAX);
    fy_buf_text(&body, "{");
    fy_buf_json_str(&body, "id", line->words[0]);
    fy_buf_json_str(&body, "name", line->words[0]);
    fy_buf_json_str(&body, "uri", uri);
    fy_buf_json_str(&body, "status", "UP");
    fy_buf_text(&body, "}");
    if (body.overflow) {
        (void)fy_err_set(&err, FY_EINPUT, "the name is too long");
        return fy_fail_usage(&err);
    }
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, FY_PATH_SITES);
    if (fy_client_send(client, "POST", &path, &body, &err) != FY_OK)
        return fy_fail(&err);
    (void)snprintf(what, sizeof(what), "is known now, at %s", uri);
    return say_site(client, line, what);
}

int fy_command_site_ls(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_table table;
    struct fy_buf path;
    struct fy_err err = {0};
    json_t *tree = NULL;
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, FY_PATH_SITES);
    if (fy_client_get_json(client, &path, &tree, &err) != FY_OK)
        return fy_fail(&err);
    FY_TABLE_INIT(&table, "<SITE", "<STATE", "<URL");
    size_t index;
    json_t *site;
    json_array_foreach(json_object_get(tree, "sites"), index, site)
    {
        const char *state = fy_json_bool(site, "self")     ? "this one"
                            : fy_json_bool(site, "paused") ? "paused"
                                                           : fy_json_text(site, "status");
        if (line->json)
            fy_print_json(site);
        else
            FY_TABLE_ROW(&table, fy_json_text(site, "id"), state, fy_json_text(site, "uri"));
    }
    fy_table_print(&table, stdout);
    fy_table_done(&table);
    json_decref(tree);
    return fy_output_end(FY_EXIT_DONE);
}

int fy_command_site_rm(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_buf path;
    struct fy_err err = {0};
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, FY_PATH_SITES);
    fy_path_segment(&path, line->words[0]);
    if (fy_client_send(client, "DELETE", &path, NULL, &err) != FY_OK)
        return fy_fail(&err);
    if (line->json)
        fy_print_pair("removed", line->words[0]);
    else
        fy_say("site %s is forgotten", line->words[0]);
    return fy_output_end(FY_EXIT_DONE);
}

static int change(const struct fy_command_line *line, const char *verb, const char *what)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_buf path;
    struct fy_err err = {0};
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, FY_PATH_SITES);
    fy_path_segment(&path, line->words[0]);
    fy_path_segment(&path, verb);
    if (fy_client_send(client, "POST", &path, NULL, &err) != FY_OK)
        return fy_fail(&err);
    return say_site(client, line, what);
}

int fy_command_site_pause(const struct fy_command_line *line)
{
    return change(line, "pause", "is paused: its orders gather");
}

int fy_command_site_resume(const struct fy_command_line *line)
{
    return change(line, "resume", "gets its orders again");
}
