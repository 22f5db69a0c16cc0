/* sites.c - the topology as the client commands see it. */
#include "cli/sites.h"

#include <string.h>

#include "cli/jobs.h"

void fy_site_list_read(const json_t *tree, struct fy_site_list *list)
{
    size_t index;
    json_t *row;
    list->count = 0;
    json_array_foreach(json_object_get(tree, "sites"), index, row)
    {
        struct fy_site_info site = {.paused = fy_json_bool(row, "paused"),
                                    .self = fy_json_bool(row, "self")};
        bool fits = fy_text_copy(site.id, sizeof(site.id), fy_json_text(row, "id")) &&
                    fy_text_copy(site.uri, sizeof(site.uri), fy_json_text(row, "uri")) &&
                    fy_text_copy(site.status, sizeof(site.status), fy_json_text(row, "status"));
        if (fits && strcmp(site.status, "DELETED") != 0 && list->count < FY_SITES_MAX)
            list->sites[list->count++] = site;
    }
}

enum fy_code fy_site_list_get(struct fy_client *client, struct fy_site_list *list,
                              struct fy_err *err)
{
    struct fy_buf path;
    json_t *tree = NULL;
    fy_path(&path, FY_PATH_SITES);
    enum fy_code code = fy_client_get_json(client, &path, &tree, err);
    if (code == FY_OK)
        fy_site_list_read(tree, list);
    json_decref(tree);
    return code;
}

const struct fy_site_info *fy_site_list_find(const struct fy_site_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->sites[i].id, id) == 0)
            return &list->sites[i];
    return NULL;
}

const char *fy_site_base(const struct fy_site_info *site)
{
    return site->self ? NULL : site->uri;
}

/* ---- all at once */

struct asking {
    fy_site_ask_fn *ask;
    void *arg;
};

static void run_job(void *arg, struct fy_client *client, void *job)
{
    const struct asking *asking = arg;
    size_t index;
    memcpy(&index, job, sizeof(index));
    asking->ask(asking->arg, client, index);
}

enum fy_code fy_sites_ask(const struct fy_command_line *line, size_t count, fy_site_ask_fn *ask,
                          void *arg, struct fy_err *err)
{
    struct asking asking = {ask, arg};
    struct fy_jobs *jobs = NULL;
    size_t threads = count < FY_SITES_ASKED_AT_ONCE ? count : FY_SITES_ASKED_AT_ONCE;
    if (count == 0)
        return FY_OK;
    enum fy_code code = fy_jobs_open(line, (int64_t)threads, run_job, &asking, &jobs, err);
    for (size_t i = 0; code == FY_OK && i < count; i++)
        (void)fy_jobs_give(jobs, fy_memdup(&i, sizeof(i))); /* refused after ^C only */
    fy_jobs_close(jobs);
    return code;
}
