/* oio_find.c - a content by its id alone, as OpenIO's tools that follow chunks ask for it. */
/*
 * Clients name objects, so ids have no index, which every write would pay for: the versions of the
 * container are walked, as for a list by hash.
 */
#include <string.h>

#include "api/ccs.h"
#include "api/oio.h"

struct search {
    struct fy_oio *oio;
    char id[FY_GUID_DIGITS + 1];
    struct fy_version_query query;
    char after[FY_OBJECT_BYTES_MAX + 1]; /* the query's */
    char last[FY_OBJECT_BYTES_MAX + 1];  /* the version visited last; "" none */
    int64_t last_version;
    uint32_t visited; /* of this part */
    bool found;
};

static bool visit(void *arg, const struct fy_version_entry *entry)
{
    struct search *search = arg;
    const struct fy_object_row *row = entry->row;
    FY_ASSERT(row != NULL); /* no delimiter is asked for */
    FY_ASSERT(fy_text_copy(search->last, sizeof(search->last), row->name));
    search->last_version = row->version;
    search->visited++;
    search->found = !row->marker && strcmp(row->id, search->id) == 0;
    return !search->found;
}

static enum fy_code walk(struct search *search, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    search->query.after = search->after;
    for (int64_t seen = 0; code == FY_OK; seen += search->visited) {
        if (seen >= FY_OIO_WALK_ROWS_MAX)
            return fy_err_set(err, FY_EINPUT, "not among the first %d versions: path finds it",
                              FY_OIO_WALK_ROWS_MAX);
        search->visited = 0;
        code = fy_oio_in_time(search->oio, err);
        if (code == FY_OK)
            code = fy_catalogue_version_list(search->oio->node->catalogue, &search->query, visit,
                                             search, err);
        if (search->found || search->visited < search->query.limit)
            break;
        memcpy(search->after, search->last, sizeof(search->after));
        search->query.version_after = search->last_version;
    }
    return code;
}

enum fy_code fy_oio_find(struct fy_oio *oio, const char *id, struct fy_err *err)
{
    struct search search = {.oio = oio,
                            .query = {.account = oio->account,
                                      .bucket = oio->name,
                                      .prefix = "",
                                      .before = "",
                                      .delimiter = "",
                                      .all = true,
                                      .version_after = FY_UNSET,
                                      .version = FY_UNSET,
                                      .limit = FY_OIO_LIST_MAX}};
    if (!fy_oio_id_parse(id, search.id))
        return fy_err_set(err, FY_EINPUT, "content: '%.40s' is no id of a content", id);
    enum fy_code code = fy_ccs_shows(oio->x, oio->account, oio->name, err);
    if (code != FY_OK)
        return code;
    if (!fy_walk_begin(oio->x, err))
        return err->code;
    code = walk(&search, err);
    fy_walk_end(oio->x);
    if (code != FY_OK)
        return code;
    if (!search.found)
        return fy_err_set(err, FY_ENOTFOUND, "no content of the container has that id");
    memcpy(oio->key.object, search.last, sizeof(search.last));
    oio->version = search.last_version;
    oio->by_id = true;
    return FY_OK;
}
