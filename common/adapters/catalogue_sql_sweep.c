/* catalogue_sql_sweep.c - bodies nobody names, their files' names in trash, and what ages out.
 */
/*
 * A body may be unreferenced only after a row let go of it, and each letting go is noted in `loose`
 * in the same transaction. So the sweep looks at those alone, however many bodies there are.
 * Deleting a body row that somebody linked to meanwhile is impossible: links and sweeps are
 * transactions of one writer, and the foreign key would refuse it.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"

/* ------------------------------------------------------------------ bodies */

static int64_t next_loose(struct fy_cs *self)
{
    int64_t id = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_LOOSE_LIST);
    fy_cs_i64(&use, 1);
    if (fy_cs_row(&use))
        id = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return id;
}

static void run_with_id(struct fy_cs *self, enum fy_cs_sql sql, int64_t id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_i64(&use, id);
    fy_cs_send(&use);
}

static bool body_is_used(struct fy_cs *self, int64_t id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_BODY_USED);
    fy_cs_i64(&use, id);
    bool used = fy_cs_row(&use) && fy_cs_take_i64(&use) != 0;
    fy_cs_end(&use);
    return used;
}

enum fy_code fy_cs_sweep(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_sweep *sweep = (struct fy_cat_sweep *)(void *)op;
    struct fy_body_row body;
    sweep->moved = 0;
    while (sweep->moved < sweep->limit && !fy_cs_conn_failed(self->writer)) {
        int64_t id = next_loose(self);
        if (id == 0)
            break;
        run_with_id(self, FY_CS_LOOSE_DELETE, id);
        if (body_is_used(self, id))
            continue; /* linked to again, or kept by a conflict: whoever lets go says so again */
        if (!fy_cs_body_get(self->writer, id, &body))
            continue; /* swept before, and let go of twice */
        run_with_id(self, FY_CS_BODY_DELETE, id);
        fy_cs_trash_add(self, body.blob_ref, sweep->now_ms + sweep->grace_ms);
        sweep->moved++;
    }
    return FY_OK;
}

enum fy_code fy_cs_trash_done(struct fy_cs *self, struct fy_cat_op *op)
{
    const struct fy_cat_trash_done *done = (const struct fy_cat_trash_done *)(void *)op;
    for (size_t index = 0; index < done->count; index++) {
        struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_TRASH_DELETE);
        fy_cs_text(&use, done->blob_refs[index]);
        fy_cs_send(&use);
    }
    return FY_OK;
}

/* ------------------------------------------------------------------ what ages out */

/* A row of the object table that is old enough, and what it keeps. */
struct aged {
    char name[FY_OBJECT_BYTES_MAX + 1];
    int64_t container_id, version, kept_body_id, size;
};

static bool aged_find(struct fy_cs *self, enum fy_cs_sql sql, int64_t before_ms, struct aged *aged)
{
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_i64(&use, before_ms);
    fy_cs_i64(&use, 1);
    bool found = fy_cs_row(&use);
    if (found) {
        aged->container_id = fy_cs_take_i64(&use);
        fy_cs_take_text(&use, aged->name, sizeof aged->name);
        aged->version = fy_cs_take_i64(&use);
        aged->kept_body_id = fy_cs_take_i64(&use);
        aged->size = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    return found;
}

/* Runs a statement on that row, after which it keeps nothing; false: somebody was faster. */
static bool aged_run(struct fy_cs *self, enum fy_cs_sql sql, const struct aged *aged)
{
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_i64(&use, aged->container_id);
    fy_cs_text(&use, aged->name);
    fy_cs_i64(&use, aged->version);
    if (fy_cs_run(&use) != 1)
        return false;
    if (aged->kept_body_id != 0)
        fy_cs_kept_let_go(self, aged->kept_body_id, aged->size);
    return true;
}

static bool purge_tombstone(struct fy_cs *self, int64_t before_ms)
{
    struct aged aged;
    return aged_find(self, FY_CS_OBJECT_AGED, before_ms, &aged) &&
           aged_run(self, FY_CS_OBJECT_DELETE, &aged);
}

/* What is left in a container that is gone: at once, the next one of its name shall not have it. */
static bool purge_left(struct fy_cs *self, int64_t before_ms)
{
    struct fy_cs_container container;
    (void)before_ms;
    memset(&container, 0, sizeof container);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_LEFT);
    fy_cs_i64(&use, 1);
    if (fy_cs_row(&use)) {
        container.id = fy_cs_take_i64(&use);
        fy_cs_take_text(&use, container.row.account, sizeof container.row.account);
        fy_cs_take_text(&use, container.row.name, sizeof container.row.name);
    }
    fy_cs_end(&use);
    if (container.id == 0)
        return false;
    if (!fy_cs_left_remove(self, &container)) {
        fy_cs_containers_forget(self);
        fy_cs_left_none(self, &container);
    }
    return true;
}

static bool purge_kept(struct fy_cs *self, int64_t before_ms)
{
    struct aged aged;
    return aged_find(self, FY_CS_OBJECT_KEPT_AGED, before_ms, &aged) &&
           aged_run(self, FY_CS_OBJECT_LET_GO, &aged);
}

static bool purge_container(struct fy_cs *self, int64_t before_ms)
{
    int64_t id = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_AGED);
    fy_cs_i64(&use, before_ms);
    fy_cs_i64(&use, 1);
    if (fy_cs_row(&use))
        id = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    if (id == 0)
        return false;
    fy_cs_containers_forget(self);
    run_with_id(self, FY_CS_PROPERTY_DELETE_ALL, id);
    run_with_id(self, FY_CS_SUM_DELETE, id);
    run_with_id(self, FY_CS_CONTAINER_DELETE, id);
    return true;
}

static void purge_each(struct fy_cs *self, struct fy_cat_purge *purge, int64_t before_ms,
                       bool (*purge_one)(struct fy_cs *self, int64_t before_ms))
{
    while (purge->purged < purge->limit && !fy_cs_conn_failed(self->writer) &&
           purge_one(self, before_ms))
        purge->purged++;
}

enum fy_code fy_cs_purge(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_purge *purge = (struct fy_cat_purge *)(void *)op;
    purge->purged = 0;
    purge_each(self, purge, 0, purge_left);
    purge_each(self, purge, purge->tombstones_before_ms, purge_tombstone);
    purge_each(self, purge, purge->tombstones_before_ms, purge_container);
    purge_each(self, purge, purge->conflicts_before_ms, fy_cs_conflict_purge);
    purge_each(self, purge, purge->kept_before_ms, purge_kept);
    if (purge->purged < purge->limit) {
        struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OUTCOME_PURGE);
        fy_cs_i64(&use, purge->outcomes_before_ms);
        fy_cs_i64(&use, purge->limit - purge->purged);
        purge->purged += (uint32_t)fy_cs_run(&use);
    }
    return FY_OK;
}
