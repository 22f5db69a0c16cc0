/* oio_find.c - a content by its id alone, as OpenIO's tools that follow chunks ask for it. */
#include <string.h>

#include "api/ccs.h"
#include "api/oio.h"

struct search {
    struct fy_oio *oio;
    char id[FY_GUID_DIGITS + 1];
    bool found;
};

static bool visit(void *arg, const struct fy_version_entry *entry)
{
    struct search *search = arg;
    struct fy_oio *oio = search->oio;
    search->found = !entry->row->marker && strcmp(entry->row->id, search->id) == 0;
    if (!search->found)
        return true;
    FY_ASSERT(fy_text_copy(oio->key.object, sizeof(oio->key.object), entry->row->name));
    oio->version = entry->row->version;
    return false;
}

enum fy_code fy_oio_find(struct fy_oio *oio, const char *id, struct fy_err *err)
{
    bool bounded = false;
    struct search search = {.oio = oio};
    const struct fy_version_query query = {.account = oio->account,
                                           .bucket = oio->name,
                                           .prefix = "",
                                           .after = "",
                                           .before = "",
                                           .delimiter = "",
                                           .all = true,
                                           .version_after = FY_UNSET,
                                           .version = FY_UNSET};
    if (!fy_oio_id_parse(id, search.id))
        return fy_err_set(err, FY_EINPUT, "content: '%.40s' is no id of a content", id);
    enum fy_code code = fy_ccs_shows(oio->x, oio->account, oio->name, err);
    if (code == FY_OK)
        code = fy_oio_walk(oio, &query, visit, &search, &bounded, err);
    if (code != FY_OK)
        return code;
    if (bounded)
        return fy_err_set(err, FY_EINPUT, "not among the first %d versions: path finds it",
                          FY_OIO_WALK_ROWS_MAX);
    if (!search.found)
        return fy_err_set(err, FY_ENOTFOUND, "no content of the container has that id");
    oio->by_id = true;
    return FY_OK;
}
