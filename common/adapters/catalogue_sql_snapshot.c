/* catalogue_sql_snapshot.c - containers copied: begun, copied page by page, shown. */
/*
 * BEGIN makes a container without an account, whose rows nobody sees: the copy. Whatever row has
 * the target's name is hidden meanwhile, the place: no order changes it, nobody takes its name. So
 * what a snapshot that is given up leaves behind is rows of the copy alone, which go with it, and a
 * place that is as it was. The source takes no changes while it is read (copied_by), so its pages
 * are of one moment.
 *
 * The copy gets the source's objects, with stamps above those that the place has for their names;
 * then the place's tombstones of other names, since the copy is what orders will meet; then the
 * source's other versions. Bodies are shared by id.
 *
 * SHOW exchanges the names of copy and place. What is left of the place is removed as what dead
 * processes leave is, and the orders of the objects are owed (catalogue_sql_snapshot_end.c).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"
#include "common/adapters/container_cid.h"

/* ------------------------------------------------------------------ begin */

/* Whether the source may be read and the target be made. */
static enum fy_code begin_check(struct fy_cs *self, struct fy_cat_snapshot *snapshot,
                                struct fy_cs_container *source, struct fy_cs_container *place)
{
    struct fy_err *err = &snapshot->op.err;
    if (!self->lease_alive) /* somebody may be about to remove what we make */
        return fy_err_set(err, FY_ECANCELLED, "this process has no lease any more");
    if (!fy_cs_container_find(self, snapshot->account, snapshot->name, source) || !source->there)
        return fy_err_set(err, FY_ENOTFOUND, "container %s is not here", snapshot->name);
    (void)fy_cs_container_find(self, snapshot->to_account, snapshot->to_name, place);
    if (place->there)
        return fy_err_set(err, FY_EEXISTS, "container %s is there already", snapshot->to_name);
    if (source->copied || place->hidden)
        return fy_err_set(err, FY_EBUSY, "another snapshot of container %s, or onto %s, is made",
                          snapshot->name, snapshot->to_name);
    return fy_cs_left_check(self, place, FY_EBUSY, err);
}

/* boot_id "": nobody does any more. */
static void run_with_boot(struct fy_cs *self, enum fy_cs_sql sql, const char *boot_id, int64_t id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_text(&use, boot_id);
    fy_cs_i64(&use, id);
    fy_cs_expect(&use);
}

void fy_cs_snapshot_name(int64_t place_id, char name[static FY_CS_COPY_NAME_BYTES])
{
    (void)snprintf(name, FY_CS_COPY_NAME_BYTES, "%" PRId64, place_id);
}

static enum fy_code begin(struct fy_cs *self, struct fy_cat_snapshot *snapshot)
{
    struct fy_cs_container source = {.id = 0}, place = {.id = 0}, copy = {.id = 0};
    char name[FY_CS_COPY_NAME_BYTES];
    snapshot->copy_id = 0;
    enum fy_code code = begin_check(self, snapshot, &source, &place);
    if (code != FY_OK)
        return code;
    fy_cs_left_clear(self, &place);
    fy_cs_container_need(self, &place, self->now_ms);
    fy_cs_snapshot_name(place.id, name);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_MAKE);
    fy_cs_i64(&use, source.id);
    fy_cs_text(&use, name);
    fy_cs_text(&use, self->boot_id);
    fy_cs_expect(&use);
    (void)fy_cs_container_read(self->writer, "", name, &copy); /* made just now */
    /* Where nobody shares the rows a commit is heard of, and ids of what failed are given again. */
    snapshot->copy_id = self->engine->shared ? copy.id : 0;
    use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_PROPERTIES);
    fy_cs_i64(&use, copy.id);
    fy_cs_i64(&use, source.id);
    fy_cs_send(&use);
    run_with_boot(self, FY_CS_SNAPSHOT_HIDDEN, self->boot_id, place.id);
    run_with_boot(self, FY_CS_SNAPSHOT_COPIED, self->boot_id, source.id);
    fy_cs_containers_forget(self);
    return FY_OK;
}

/* ------------------------------------------------------------------ copy */

/* A snapshot under way, by this process. */
struct held {
    int64_t source_id, place_id, copy_id;
};

static enum fy_code held_find(struct fy_cs *self, struct fy_cat_snapshot *snapshot,
                              struct held *held)
{
    bool found = false;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_HELD);
    fy_cs_text(&use, snapshot->account);
    fy_cs_text(&use, snapshot->name);
    fy_cs_text(&use, snapshot->to_account);
    fy_cs_text(&use, snapshot->to_name);
    fy_cs_text(&use, self->boot_id);
    if (fy_cs_row(&use)) {
        found = true;
        held->source_id = fy_cs_take_i64(&use);
        held->place_id = fy_cs_take_i64(&use);
        held->copy_id = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    if (found && self->lease_alive)
        return FY_OK;
    return fy_err_set(&snapshot->op.err, FY_ECANCELLED, "no snapshot onto %s is being made here",
                      snapshot->to_name);
}

/* Names of a page are in a container behind one and up to another. */
static void bind_names(struct fy_cs_use *use, int64_t container_id, const char *after,
                       const char *last)
{
    fy_cs_i64(use, container_id);
    fy_cs_text(use, after);
    fy_cs_text(use, last);
}

/* Above all that the place says of the names of the page. */
static struct fy_stamp stamp_for(struct fy_cs *self, const struct held *held, const char *after,
                                 const char *last)
{
    struct fy_stamp floor = {.time = 0};
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_FLOOR);
    bind_names(&use, held->source_id, after, last);
    fy_cs_i64(&use, held->place_id);
    if (fy_cs_row(&use))
        floor.time = (uint64_t)fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return fy_cs_stamp_next(self, &floor);
}

/* Each copies a page and moves the place in the source on; how many rows it looked at. */
static int64_t copy_objects(struct fy_cs *self, const struct held *held,
                            struct fy_cat_snapshot *snapshot)
{
    struct fy_cs_cursor last = {.number = 0};
    struct fy_cs_sum sum = {.container_id = held->source_id};
    memcpy(last.name, snapshot->last, sizeof last.name);
    int64_t count =
        fy_cs_sum_page(self->writer, FY_CS_AUDIT_SUM_OBJECTS, snapshot->limit, &last, &sum);
    if (count == 0)
        return 0;
    struct fy_stamp stamp = stamp_for(self, held, snapshot->last, last.name);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_OBJECTS);
    bind_names(&use, held->source_id, snapshot->last, last.name);
    fy_cs_i64(&use, held->copy_id);
    fy_cs_stamp(&use, &stamp);
    fy_cs_send(&use);
    fy_cs_sum_add(self, held->copy_id, sum.objects, sum.bytes, 0);
    self->counters.objects += sum.objects;
    self->counters.bytes += sum.bytes;
    memcpy(snapshot->last, last.name, sizeof snapshot->last);
    return count;
}

static int64_t copy_tombstones(struct fy_cs *self, const struct held *held,
                               struct fy_cat_snapshot *snapshot)
{
    struct fy_cs_cursor last = {.number = 0};
    struct fy_cs_sum sum = {.container_id = held->place_id};
    memcpy(last.name, snapshot->last, sizeof last.name);
    int64_t count =
        fy_cs_sum_page(self->writer, FY_CS_AUDIT_SUM_OBJECTS, snapshot->limit, &last, &sum);
    if (count == 0)
        return 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_TOMBSTONES);
    bind_names(&use, held->place_id, snapshot->last, last.name);
    fy_cs_i64(&use, held->copy_id);
    fy_cs_send(&use);
    memcpy(snapshot->last, last.name, sizeof snapshot->last);
    return count;
}

static int64_t copy_versions(struct fy_cs *self, const struct held *held,
                             struct fy_cat_snapshot *snapshot)
{
    struct fy_cs_cursor last = {.number = snapshot->last_version};
    struct fy_cs_sum sum = {.container_id = held->source_id};
    memcpy(last.name, snapshot->last, sizeof last.name);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_VERSIONS);
    fy_cs_i64(&use, held->source_id);
    fy_cs_text(&use, snapshot->last);
    fy_cs_i64(&use, snapshot->last_version);
    fy_cs_i64(&use, snapshot->limit);
    fy_cs_i64(&use, held->copy_id);
    fy_cs_send(&use);
    int64_t count =
        fy_cs_sum_page(self->writer, FY_CS_AUDIT_SUM_VERSIONS, snapshot->limit, &last, &sum);
    fy_cs_sum_add(self, held->copy_id, sum.objects, sum.bytes, 0);
    memcpy(snapshot->last, last.name, sizeof snapshot->last);
    snapshot->last_version = last.number;
    return count;
}

/* What is copied, one after the other; last_version tells, and is a number in the last alone. */
static const struct {
    int64_t begins; /* no version has this number */
    int64_t (*copy)(struct fy_cs *self, const struct held *held, struct fy_cat_snapshot *snapshot);
} parts[] = {{0, copy_objects}, {FY_UNSET, copy_tombstones}, {INT64_MAX, copy_versions}};

static enum fy_code copy(struct fy_cs *self, struct fy_cat_snapshot *snapshot)
{
    struct held held = {.copy_id = 0};
    enum fy_code code = held_find(self, snapshot, &held);
    if (code != FY_OK)
        return code;
    size_t part = snapshot->last_version == 0 ? 0 : snapshot->last_version == FY_UNSET ? 1 : 2;
    snapshot->more = true;
    if (parts[part].copy(self, &held, snapshot) == snapshot->limit)
        return FY_OK;
    snapshot->more = part + 1 < FY_COUNT_OF(parts);
    if (snapshot->more) {
        snapshot->last[0] = '\0';
        snapshot->last_version = parts[part + 1].begins;
    }
    return FY_OK;
}

/* ------------------------------------------------------------------ show */

/* The place has no account any more and is nobody's; the copy has its name, and owes its orders. */
static void exchange(struct fy_cs *self, struct fy_cat_snapshot *snapshot, const struct held *held)
{
    struct fy_digest cid;
    char name[FY_CS_COPY_NAME_BYTES + 1] = "-";
    fy_cs_snapshot_name(held->place_id, name + 1);
    fy_container_cid(snapshot->to_account, snapshot->to_name, &cid);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_HIDES);
    fy_cs_text(&use, name);
    fy_cs_i64(&use, held->place_id);
    fy_cs_expect(&use);
    use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_RENAME);
    fy_cs_text(&use, snapshot->to_account);
    fy_cs_text(&use, snapshot->to_name);
    fy_cs_blob(&use, cid.bytes, sizeof cid.bytes);
    fy_cs_text(&use, self->boot_id);
    fy_cs_i64(&use, held->copy_id);
    fy_cs_expect(&use);
    run_with_boot(self, FY_CS_SNAPSHOT_COPIED, "", held->source_id);
    fy_cs_containers_forget(self);
}

static enum fy_code show(struct fy_cs *self, struct fy_cat_snapshot *snapshot)
{
    struct held held = {.copy_id = 0};
    struct fy_cs_container place, target;
    enum fy_code code = held_find(self, snapshot, &held);
    if (code != FY_OK)
        return code;
    (void)fy_cs_container_find(self, snapshot->to_account, snapshot->to_name, &place);
    exchange(self, snapshot, &held);
    (void)fy_cs_container_find(self, snapshot->to_account, snapshot->to_name, &target);
    struct fy_stamp stamp = fy_cs_stamp_next(self, &place.row.reg.stamp);
    fy_cs_container_register(self, &target, FY_STATUS_READY, &stamp, target.created_ms,
                             target.row.expires_ms);
    fy_cs_container_settle(self, &target);
    fy_cs_sum_add(self, held.copy_id, 0, 0,
                  fy_cs_sum_get(self, self->writer, held.source_id).changes);

    struct fy_order order;
    fy_cs_order_begin(&order, FY_ACTION_CREATE, &stamp, snapshot->op_id, snapshot->to_account,
                      snapshot->to_name);
    order.overwrites = target.row.rules.versioned;
    fy_cs_outbox_local(self, &order, snapshot->to_account);
    fy_cs_journal_all(self); /* its rows were copied without lines */
    return FY_OK;
}

enum fy_code fy_cs_snapshot(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_snapshot *snapshot = (struct fy_cat_snapshot *)(void *)op;
    FY_ASSERT(snapshot->limit >= 1 || snapshot->step == FY_SNAPSHOT_BEGIN ||
              snapshot->step == FY_SNAPSHOT_SHOW);
    snapshot->more = false;
    memcpy(snapshot->last, snapshot->after, sizeof snapshot->last);
    snapshot->last_version = snapshot->after_version;
    switch (snapshot->step) {
    case FY_SNAPSHOT_BEGIN:
        return begin(self, snapshot);
    case FY_SNAPSHOT_COPY:
        return copy(self, snapshot);
    case FY_SNAPSHOT_SHOW:
        return show(self, snapshot);
    case FY_SNAPSHOT_ORDER:
        return fy_cs_snapshot_order(self, snapshot);
    case FY_SNAPSHOT_UNDO:
        return fy_cs_snapshot_undo(self, snapshot);
    }
    FY_UNREACHABLE();
}
