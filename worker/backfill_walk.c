/* backfill_walk.c - one container after the other, and all that is in one. */
#include <string.h>

#include "common/core/targets.h"
#include "common/runtime/backfill_guard.h"
#include "worker/backfill_internal.h"

/* ------------------------------------------------------------------ the objects of one */

struct marks {
    struct fy_backfill_turn *turn;
    bool more;
};

static bool add_object(void *arg, const struct fy_object_mark *mark)
{
    struct marks *marks = arg;
    marks->more = fy_backfill_turn_full(marks->turn);
    if (marks->more)
        return false;
    struct fy_backfill_row *row = marks->turn->row;
    fy_backfill_add_mark(marks->turn, mark);
    row->looked++;
    memcpy(row->at.object, mark->name, sizeof(row->at.object));
    return true;
}

static enum fy_code walk_objects(struct fy_backfill_turn *turn, bool *over, struct fy_err *err)
{
    struct marks marks = {.turn = turn};
    const struct fy_backfill_row *row = turn->row;
    char after[FY_OBJECT_BYTES_MAX + 1]; /* the row's moves meanwhile */
    memcpy(after, row->at.object, sizeof(after));
    enum fy_code code =
        fy_catalogue_object_marks(turn->node->catalogue, row->at.account, row->at.bucket,
                                  row->prefix, after, add_object, &marks, err);
    *over = code == FY_OK && !marks.more;
    return code;
}

/* ------------------------------------------------------------------ the container itself */

/* Whether its changes go to the site at all; a person may force it for the one that was named. */
static enum fy_code is_meant(struct fy_backfill_turn *turn,
                             const struct fy_container_row *container, bool *meant,
                             struct fy_err *err)
{
    char targets[FY_TARGETS_BYTES_MAX + 1];
    enum fy_code code = fy_catalogue_targets_get(turn->node->catalogue, container->account,
                                                 container->name, targets, err);
    bool named = turn->row->bucket[0] != '\0';
    *meant = (named && turn->row->forced) || fy_targets_include(targets, turn->site->id);
    if (!turn->ferry && !container->ccs_visible)
        *meant = false;
    return code;
}

/* The site fetches the description itself, with any object; this is for a container without, and
 * for one that was deleted here. */
static enum fy_code add_container(struct fy_backfill_turn *turn,
                                  const struct fy_container_row *container, struct fy_err *err)
{
    struct fy_stamp there = {0};
    bool present = container->reg.status == FY_STATUS_READY;
    bool compared = turn->ferry && !turn->row->whole;
    if (fy_stamp_is_zero(&container->reg.stamp))
        return FY_OK;
    if (compared) {
        enum fy_code code = fy_backfill_ask_container(turn, &there, err);
        if (code != FY_OK)
            return code;
    }
    if (!present && fy_stamp_is_zero(&there))
        return FY_OK;
    if (fy_stamp_compare(&there, &container->reg.stamp) < 0)
        fy_backfill_add(turn, &(struct fy_backfill_change){.action = present ? FY_ACTION_CREATE
                                                                             : FY_ACTION_DELETE,
                                                           .object = "",
                                                           .stamp = &container->reg.stamp,
                                                           .hash = ""});
    return FY_OK;
}

/* The row stands in the container from now on. *meant false: it is not for the site. */
static enum fy_code enter(struct fy_backfill_turn *turn, const struct fy_container_row *container,
                          bool *meant, struct fy_err *err)
{
    struct fy_backfill_row *row = turn->row;
    enum fy_code code = is_meant(turn, container, meant, err);
    if (code == FY_OK && *meant && !row->forced)
        code = fy_backfill_guard(turn->node, container->account, container->name, err);
    memcpy(row->at.account, container->account, sizeof(row->at.account));
    memcpy(row->at.bucket, container->name, sizeof(row->at.bucket));
    row->at.object[0] = '\0';
    turn->overwrites = container->rules.versioned;
    if (code == FY_OK && *meant)
        code = add_container(turn, container, err);
    return code;
}

/* ------------------------------------------------------------------ the next one */

static bool copy_container(void *arg, const struct fy_container_row *row)
{
    *(struct fy_container_row *)arg = *row;
    return false;
}

/* The one that was named, or of all the next one. FY_ENOTFOUND: there is none. */
static enum fy_code find_next(const struct fy_backfill_turn *turn, struct fy_container_row *next,
                              struct fy_err *err)
{
    struct fy_catalogue *catalogue = turn->node->catalogue;
    const struct fy_backfill_row *row = turn->row;
    next->name[0] = '\0';
    if (row->bucket[0] != '\0' && row->at.bucket[0] != '\0')
        return FY_ENOTFOUND;
    if (row->bucket[0] != '\0')
        return fy_catalogue_container_get(catalogue, row->account, row->bucket, next, err);
    enum fy_code code = fy_catalogue_container_walk(catalogue, row->at.account, row->at.bucket, 1,
                                                    copy_container, next, err);
    return code == FY_OK && next->name[0] == '\0' ? FY_ENOTFOUND : code;
}

static enum fy_code begin_next(struct fy_backfill_turn *turn, struct fy_err *err)
{
    struct fy_container_row next;
    enum fy_code code;
    bool meant = false;
    do {
        code = find_next(turn, &next, err);
        if (code == FY_ENOTFOUND) {
            turn->row->state = FY_BACKFILL_DONE;
            return FY_OK;
        }
        if (code == FY_OK)
            code = enter(turn, &next, &meant, err);
        if (code == FY_OK && atomic_load(&turn->node->stopping))
            code = fy_err_set(err, FY_ECANCELLED, "this process is stopping");
    } while (code == FY_OK && !meant);
    return code;
}

/* The container that the row stands in may have been entered by a process that is dead. */
static enum fy_code look_around(struct fy_backfill_turn *turn, struct fy_err *err)
{
    struct fy_container_row container;
    const struct fy_backfill_row *row = turn->row;
    enum fy_code code = fy_catalogue_container_get(turn->node->catalogue, row->at.account,
                                                   row->at.bucket, &container, err);
    if (code == FY_OK)
        turn->overwrites = container.rules.versioned;
    return code;
}

enum fy_code fy_backfill_step(struct fy_backfill_turn *turn, struct fy_err *err)
{
    const struct fy_backfill_row *row = turn->row;
    bool over = row->at.bucket[0] == '\0';
    enum fy_code code = over ? FY_OK : look_around(turn, err);
    if (!over && code == FY_OK && turn->ferry && !row->whole)
        code = fy_backfill_compare(turn, &over, err);
    else if (!over && code == FY_OK)
        code = walk_objects(turn, &over, err);
    if (code == FY_ENOTFOUND) { /* purged meanwhile, with all that was in it */
        code = FY_OK;
        over = true;
    }
    if (code == FY_OK && over)
        code = begin_next(turn, err);
    return code;
}
