/* catalogue_sql_newest.c - which version of a name is the newest: a new one takes its place, it is
 * erased, an older one comes back. */
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"

/* ------------------------------------------------------------------ orders */

void fy_cs_order_add(struct fy_cs *self, const struct fy_cs_name *at, enum fy_action action,
                     const struct fy_stamp *stamp, const struct fy_digest *digest, int64_t size)
{
    struct fy_order order;
    fy_cs_order_begin(&order, action, stamp, at->op_id, at->client, at->container->row.name);
    memcpy(order.object, at->name, strlen(at->name) + 1);
    order.size = size;
    order.overwrites = at->container->row.rules.versioned;
    if (digest != NULL)
        fy_digest_print_base32hex(digest, order.hash);
    fy_cs_outbox_local(self, &order, at->container->row.account);
}

/* ------------------------------------------------------------------ a new version */

static enum fy_code is_there(const struct fy_cs_name *at, int64_t number, const char *which,
                             struct fy_err *err)
{
    return fy_err_set(err, FY_EEXISTS, "version %lld of object %s/%.100s %s", (long long)number,
                      at->container->row.name, at->name, which);
}

/* The version of that number is not there, or registered; and where it is among the others. */
static enum fy_code seat_at(struct fy_cs *self, const struct fy_cs_name *at, int64_t asked,
                            struct fy_cs_seat *seat, struct fy_err *err)
{
    const struct fy_cs_object *object = at->object;
    seat->number = asked;
    if (asked > FY_VERSION_MAX)
        return fy_err_set(err, FY_EINPUT, "a version's number is at most %lld",
                          (long long)FY_VERSION_MAX);
    if (fy_cs_is_version(object) && object->number == asked)
        return is_there(at, asked, "is there", err);
    if (fy_cs_has_versions(at->container) &&
        fy_cs_version_find(self, self->writer, at->container->id, at->name, asked,
                           &seat->registered)) {
        if (!seat->registered.registered)
            return is_there(at, asked, "is there", err);
        seat->fills = true;
    }
    seat->below = fy_cs_is_version(object) && asked < object->number;
    if (seat->below && !seat->fills && !fy_cs_keeps_versions(self, at->container))
        return is_there(at, asked, "would be older than what is there", err);
    return FY_OK;
}

enum fy_code fy_cs_seat_find(struct fy_cs *self, const struct fy_cs_name *at, int64_t asked,
                             struct fy_cs_seat *seat, struct fy_err *err)
{
    struct fy_object_row *top = &seat->registered;
    seat->greatest = at->object->number;
    seat->number = 0;
    seat->below = seat->fills = false;
    if (asked != 0)
        return seat_at(self, at, asked, seat, err);
    if (!fy_cs_has_versions(at->container) ||
        !fy_cs_version_top(self, self->writer, at->container->id, at->name, top))
        return FY_OK;
    if (fy_cs_is_newer(top, at->object)) {
        seat->fills = true;
        seat->number = top->version;
    } else if (top->version > seat->greatest) {
        seat->greatest = top->version;
    }
    return FY_OK;
}

int64_t fy_cs_seat_number(const struct fy_cs_seat *seat, const struct fy_stamp *stamp)
{
    return seat->number != 0 ? seat->number : fy_cs_number_next(seat->greatest, stamp);
}

void fy_cs_seat_ready(struct fy_cs *self, const struct fy_cs_name *at,
                      const struct fy_cs_seat *seat, struct fy_cs_ready *ready)
{
    FY_ASSERT(!seat->below);
    if (seat->fills) {
        fy_cs_version_take(self, at, &seat->registered);
        memcpy(ready->id, seat->registered.id, sizeof ready->id);
    }
    ready->number = fy_cs_seat_number(seat, ready->stamp);
    if (fy_cs_is_version(at->object) && fy_cs_keeps_versions(self, at->container))
        fy_cs_version_keep(self, at);
    fy_cs_object_ready(self, at->container, at->name, at->object, ready);
    at->object->reg.status = FY_STATUS_READY;
    at->object->marker = false;
    at->object->number = ready->number;
}

/* ------------------------------------------------------------------ deleted, erased */

static int64_t greatest_of(struct fy_cs *self, const struct fy_cs_name *at)
{
    struct fy_object_row top;
    int64_t number = at->object->number;
    bool found = fy_cs_version_top(self, self->writer, at->container->id, at->name, &top);
    return found && top.version > number ? top.version : number;
}

int64_t fy_cs_name_mark(struct fy_cs *self, const struct fy_cs_name *at,
                        const struct fy_stamp *stamp)
{
    int64_t number = greatest_of(self, at) + 1;
    if (fy_cs_is_version(at->object))
        fy_cs_version_keep(self, at);
    if (at->object->reg.status != FY_STATUS_READY) /* else that is counted with it */
        fy_cs_sum_add(self, at->container->id, 0, 0, 1);
    fy_cs_object_tombstone(self, at->container, at->name, at->object, stamp, number);
    return number;
}

void fy_cs_name_delete(struct fy_cs *self, const struct fy_cs_name *at,
                       const struct fy_stamp *stamp)
{
    struct fy_cs_object *object = at->object;
    struct fy_object_row older;
    bool ready = object->reg.status == FY_STATUS_READY;
    int64_t marker = object->marker ? object->number : 0; /* it is one already */
    if (ready && fy_cs_keeps_versions(self, at->container)) {
        (void)fy_cs_name_mark(self, at, stamp);
        return;
    }
    if (ready && fy_cs_has_versions(at->container) &&
        fy_cs_version_older(self, self->writer, at->container->id, at->name, &older))
        marker = greatest_of(self, at) + 1;
    fy_cs_object_tombstone(self, at->container, at->name, object, stamp, marker);
}

/* The older version is the object row again. */
static void bring_back(struct fy_cs *self, const struct fy_cs_name *at,
                       const struct fy_object_row *older)
{
    struct fy_stamp stamp = fy_cs_stamp_next(self, &at->object->reg.stamp);
    struct fy_cs_ready ready = {.stamp = &stamp,
                                .facts = &older->facts,
                                .body_id = older->body_id,
                                .size = older->size,
                                .proof = older->proof,
                                .digest = &older->reg.digest,
                                .blob_ref = older->blob_ref,
                                .number = older->version};
    memcpy(ready.id, older->id, sizeof ready.id);
    fy_cs_version_take(self, at, older);
    fy_cs_object_ready(self, at->container, at->name, at->object, &ready);
    fy_cs_order_add(self, at, FY_ACTION_CREATE, &stamp, ready.digest, ready.size);
}

/* marker: of the delete marker that is the newest version then; 0 the name is gone. */
static void bury(struct fy_cs *self, const struct fy_cs_name *at, int64_t marker)
{
    const struct fy_register *reg = &at->object->reg;
    struct fy_stamp stamp = fy_cs_stamp_next(self, &reg->stamp);
    fy_cs_object_tombstone(self, at->container, at->name, at->object, &stamp, marker);
    fy_cs_order_add(self, at, FY_ACTION_DELETE, &stamp, reg->has_digest ? &reg->digest : NULL, 0);
}

/* To other sites the name was deleted before, and is. */
static void marker_replace(struct fy_cs *self, const struct fy_cs_name *at, int64_t marker)
{
    const struct fy_cs_object *object = at->object;
    int64_t number = marker != 0 ? marker : object->number;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OBJECT_MARKER);
    fy_cs_i64(&use, number);
    fy_cs_i64(&use, marker != 0);
    fy_cs_i64(&use, at->container->id);
    fy_cs_text(&use, at->name);
    fy_cs_expect(&use); /* the row was read in this transaction */
    fy_cs_journal_add(self, &(struct fy_export_line){.kind = FY_EXPORT_OBJECT,
                                                     .status = FY_STATUS_DELETED,
                                                     .stamp = object->reg.stamp,
                                                     .account = at->container->row.account,
                                                     .bucket = at->container->row.name,
                                                     .object = at->name,
                                                     .number = number,
                                                     .flag = marker != 0,
                                                     .hash = object->hash});
    fy_cs_tell_erased(self, at->container, at->name, object);
    fy_cs_sum_add(self, at->container->id, 0, 0, 1);
}

void fy_cs_newest_erase(struct fy_cs *self, const struct fy_cs_name *at)
{
    struct fy_object_row older;
    bool found = fy_cs_has_versions(at->container) &&
                 fy_cs_version_older(self, self->writer, at->container->id, at->name, &older);
    if (found && !older.marker) {
        bring_back(self, at, &older);
        return;
    }
    if (found)
        fy_cs_version_take(self, at, &older);
    if (at->object->marker)
        marker_replace(self, at, found ? older.version : 0);
    else
        bury(self, at, found ? older.version : 0);
}

uint32_t fy_cs_name_erase(struct fy_cs *self, const struct fy_cs_name *at, uint32_t limit)
{
    struct fy_object_row row;
    uint32_t erased = 0;
    while (erased < limit && fy_cs_has_versions(at->container) &&
           fy_cs_version_oldest(self, self->writer, at->container->id, at->name, &row)) {
        fy_cs_version_drop(self, at, &row);
        fy_cs_sum_add(self, at->container->id, 0, 0, 1);
        erased++;
    }
    if (erased == limit || !fy_cs_is_version(at->object))
        return erased;
    if (at->object->reg.status == FY_STATUS_READY)
        bury(self, at, 0);
    else
        marker_replace(self, at, 0);
    return erased + 1;
}
