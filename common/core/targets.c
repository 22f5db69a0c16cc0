/* targets.c - lists of site ids. */
#include "common/core/targets.h"

#include <string.h>

#include "common/core/names.h"

bool fy_targets_next(const char **at, char site[static FY_SITE_BYTES_MAX + 1])
{
    if (**at == '\0')
        return false;
    size_t size_bytes = strcspn(*at, ",");
    FY_ASSERT(size_bytes <= FY_SITE_BYTES_MAX);
    memcpy(site, *at, size_bytes);
    site[size_bytes] = '\0';
    *at += size_bytes;
    if (**at == ',')
        (*at)++;
    return true;
}

/* Whether the id of size_bytes stands in the list before `end`. */
static bool stands_before(const char *targets, const char *end, const char *id, size_t size_bytes)
{
    while (targets < end) {
        size_t other_bytes = strcspn(targets, ",");
        if (other_bytes == size_bytes && memcmp(targets, id, size_bytes) == 0)
            return true;
        targets += other_bytes + 1;
    }
    return false;
}

static enum fy_code check_one(const char *targets, const char *at, size_t size_bytes,
                              struct fy_err *err)
{
    char site[FY_SITE_BYTES_MAX + 1];
    if (size_bytes <= FY_SITE_BYTES_MAX) {
        memcpy(site, at, size_bytes);
        site[size_bytes] = '\0';
    }
    if (size_bytes > FY_SITE_BYTES_MAX || !fy_site_is_valid(site))
        return fy_err_set(err, FY_EINPUT, "targets: '%.80s' does not begin with a site's name", at);
    if (stands_before(targets, at, at, size_bytes))
        return fy_err_set(err, FY_EINPUT, "targets: '%s' is named twice", site);
    return FY_OK;
}

enum fy_code fy_targets_check(const char *targets, struct fy_err *err)
{
    if (targets[0] == '\0')
        return FY_OK;
    const char *at = targets;
    for (int count = 1;; count++) {
        size_t size_bytes = strcspn(at, ",");
        enum fy_code code = check_one(targets, at, size_bytes, err);
        if (code != FY_OK)
            return code;
        if (count > FY_SITES_MAX)
            return fy_err_set(err, FY_EINPUT, "targets: more than %d sites", FY_SITES_MAX);
        if (at[size_bytes] == '\0')
            return FY_OK;
        at += size_bytes + 1;
    }
}

bool fy_targets_include(const char *targets, const char *site)
{
    char target[FY_SITE_BYTES_MAX + 1];
    bool found = targets[0] == '\0';
    while (!found && fy_targets_next(&targets, target))
        found = strcmp(target, site) == 0;
    return found;
}
