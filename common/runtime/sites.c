/* sites.c - the topology as an array. */
#include "common/runtime/sites.h"

#include <string.h>

struct reading {
    bool deleted_too;
    struct fy_site_row *rows;
    size_t count;
};

static bool add_site(void *arg, const struct fy_site_row *row)
{
    struct reading *reading = arg;
    if (row->status == FY_SITE_DELETED && !reading->deleted_too)
        return true;
    FY_ASSERT(reading->count < FY_SITES_MAX); /* the catalogue takes no more */
    reading->rows[reading->count++] = *row;
    return true;
}

enum fy_code fy_sites_read(struct fy_catalogue *catalogue, bool deleted_too,
                           struct fy_site_row *rows, size_t *count, struct fy_err *err)
{
    struct reading reading = {.deleted_too = deleted_too, .rows = rows};
    enum fy_code code = fy_catalogue_site_list(catalogue, add_site, &reading, err);
    if (code == FY_OK)
        *count = reading.count;
    return code;
}

const struct fy_site_row *fy_sites_find(const struct fy_site_row *rows, size_t count,
                                        const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].id, id) == 0)
            return &rows[i];
    return NULL;
}
