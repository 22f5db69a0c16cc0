/* health.c - `ferry health`: whether one process is ready, for whoever starts and watches it. */
#include <string.h>

#include "cli/client.h"
#include "cli/output.h"

/* What keeps it from being ready, a line each. */
static void print(json_t *checks)
{
    const char *check;
    json_t *said;
    json_object_foreach(checks, check, said)
    {
        const char *text = fy_json_text(checks, check);
        if (strcmp(text, "ok") != 0)
            fy_say("%s: %s", check, text);
    }
}

int fy_command_health(const struct fy_command_line *line)
{
    FY_AUTO(fy_client_end) struct fy_client *client = NULL;
    struct fy_buf path;
    struct fy_err err = {0};
    if (fy_client_open(line, &client, &err) != FY_OK)
        return fy_fail_usage(&err);
    fy_path(&path, FY_PATH_READY);
    const struct fy_call call = {.method = "GET", .path = &path};
    enum fy_code code = fy_client_call(client, &call, &err);
    fy_buf_done(&path);
    /* Who is not ready says so with 503, and why. */
    if (code != FY_OK && fy_client_status(client) != 503)
        return fy_fail(&err);
    json_auto_t *ready = fy_client_json(client, &err);
    if (ready == NULL)
        return fy_fail(&err);
    if (line->json)
        fy_print_json(ready);
    else
        print(json_object_get(ready, "checks"));
    return fy_output_end(fy_json_bool(ready, "ready") ? FY_EXIT_DONE : FY_EXIT_TEMPORARY);
}
