/* config_check.c - `ferry config check`: whether a server would start with these settings. */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/node_open.h"
#include "cli/output.h"

/* Of one role, as `ferry up`, `ferry api` and `ferry worker` would. */
static enum fy_code check(const char *role, struct fy_config *config, struct fy_err *err)
{
    bool alone = strcmp(role, "api") == 0 || strcmp(role, "worker") == 0;
    if (!alone && strcmp(role, "up") != 0)
        return fy_err_set(err, FY_EINPUT, "'%s' is neither up, api nor worker", role);
    enum fy_code code = alone ? fy_node_shareable(config, err) : FY_OK;
    if (code == FY_OK)
        code = fy_config_finish(config, err);
    if (code == FY_OK)
        code = fy_node_check(config, err);
    return code;
}

int fy_command_config_check(const struct fy_command_line *line)
{
    struct fy_err err = {0};
    struct fy_config *config = fy_alloc(sizeof(*config));
    *config = line->config;
    enum fy_code code = check(line->word_count > 0 ? line->words[0] : "up", config, &err);
    free(config);
    return code == FY_OK ? FY_EXIT_DONE : fy_fail_usage(&err);
}
