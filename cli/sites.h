/* sites.h - the sites that a site knows, and asking all of them at once. */
#ifndef FY_CLI_SITES_H
#define FY_CLI_SITES_H

#include "cli/client.h"

struct fy_site_info {
    char id[FY_SITE_BYTES_MAX + 1];
    char uri[FY_URI_BYTES_MAX + 1];
    char status[16];
    bool paused;
    bool self; /* the site that was asked: it is reached by --url, whatever it calls itself */
};
struct fy_site_list {
    size_t count;
    struct fy_site_info sites[FY_SITES_MAX];
};

/* Reads {"sites":[...]} of tree; those DELETED are left out, as are more than FY_SITES_MAX. */
void fy_site_list_read(const json_t *tree, struct fy_site_list *list);
/* What the site of --url knows. */
FY_MUST_CHECK enum fy_code fy_site_list_get(struct fy_client *client, struct fy_site_list *list,
                                            struct fy_err *err);
/* The one with that id, or NULL. */
const struct fy_site_info *fy_site_list_find(const struct fy_site_list *list, const char *id);
/* The base for fy_call: NULL for the site itself. */
const char *fy_site_base(const struct fy_site_info *site);

/* Calls ask for each index below count, on several threads, and returns when all are done. */
typedef void fy_site_ask_fn(void *arg, struct fy_client *client, size_t index);
FY_MUST_CHECK enum fy_code fy_sites_ask(const struct fy_command_line *line, size_t count,
                                        fy_site_ask_fn *ask, void *arg, struct fy_err *err);

#endif
