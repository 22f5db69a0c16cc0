/* oio_walk.c - the versions of a container one after the other, within the bounds of a request. */
/*
 * For what has no index, which every write would pay for: few such walks run at once, and each has
 * a bound, for its rows and for its time.
 */
#include <string.h>

#include "api/oio.h"

struct walk {
    struct fy_version_query query;       /* of the part that comes */
    char after[FY_OBJECT_BYTES_MAX + 1]; /* where it begins, but for the first */
    fy_version_visit_fn *visit;
    void *arg;
    char last[FY_OBJECT_BYTES_MAX + 1]; /* the version visited last */
    int64_t last_version;
    uint32_t visited; /* of this part */
    bool stopped;
};

static bool take(void *arg, const struct fy_version_entry *entry)
{
    struct walk *walk = arg;
    FY_ASSERT(entry->row != NULL); /* no delimiter is asked for */
    FY_ASSERT(fy_text_copy(walk->last, sizeof(walk->last), entry->row->name));
    walk->last_version = entry->row->version;
    walk->visited++;
    walk->stopped = !walk->visit(walk->arg, entry);
    return !walk->stopped;
}

static enum fy_code go(struct fy_oio *oio, struct walk *walk, bool *bounded, struct fy_err *err)
{
    struct fy_version_query *query = &walk->query;
    for (int64_t seen = 0; seen < FY_OIO_WALK_ROWS_MAX; seen += walk->visited) {
        walk->visited = 0;
        enum fy_code code = fy_oio_in_time(oio, err);
        if (code == FY_OK)
            code = fy_catalogue_version_list(oio->node->catalogue, query, take, walk, err);
        if (code != FY_OK || walk->stopped || walk->visited < query->limit)
            return code;
        memcpy(walk->after, walk->last, sizeof(walk->after)); /* which the next part writes */
        query->after = walk->after;
        query->version_after = query->all ? walk->last_version : FY_UNSET;
    }
    *bounded = true;
    return FY_OK;
}

enum fy_code fy_oio_walk(struct fy_oio *oio, const struct fy_version_query *from,
                         fy_version_visit_fn *visit, void *arg, bool *bounded, struct fy_err *err)
{
    struct walk walk = {.query = *from, .visit = visit, .arg = arg};
    walk.query.limit = FY_OIO_LIST_MAX;
    *bounded = false;
    if (!fy_walk_begin(oio->x, err))
        return err->code;
    enum fy_code code = go(oio, &walk, bounded, err);
    fy_walk_end(oio->x);
    return code;
}
