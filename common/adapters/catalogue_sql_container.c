/* catalogue_sql_container.c - containers: register, presence, the name that CCS sees, rights. */
/*
 * Presence. A container is there while its register says so or while a READY object is in it
 * (fy_rule_bucket_there). The answer is kept in the row by fy_cs_container_settle, in the
 * transaction of the change that moved it, and so are its consequences: coming, the owner gets
 * OWNER; going, all rights on the name end. Both for the container that holds the CCS name alone,
 * since rights are kept by (client, bucket name).
 *
 * The CCS name. CCS knows buckets by name alone; containers are (account, name). Of the containers
 * whose account and name fit CCS's patterns, the first of a name to be there is visible to CCS.
 * When it goes the name passes on to the oldest that is there; so it does not matter whether one
 * owner's delete or the next one's create is applied first. When none is there it stays visible as
 * a tombstone (its GET is 410), until a container of that name comes and takes the name.
 *
 * Whose container an order means. An order that names an account means that account's. Else it
 * means its client's container of that name, if there is one; else the one visible by that name,
 * since CCS clients act on buckets of others; else its client's, about to be made. Two exceptions:
 * CREATE of a bucket always means the client's own; and an order for an object that names no
 * account, and whose client's container is hidden by another owner's of the same name that is
 * there, is a CONFLICT (`invisible`). Orders for the bucket itself apply whatever its visibility.
 *
 * Rights. The owner needs none, unless a row says otherwise: the administration's removal of the
 * owner's right leaves a row marked revoked. Others need a row for (client, name), which speaks of
 * the visible container. Creating and deleting a bucket is its owner's alone.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"
#include "common/adapters/container_cid.h"
#include "common/core/names.h"

#define HEIRS_MAX 1000 /* containers of one name that are looked at: most accounts are CCS's */

/* ------------------------------------------------------------------ reading */

void fy_cs_take_container(struct fy_cs_use *use, struct fy_cs_container *container)
{
    struct fy_container_row *row = &container->row;
    container->id = fy_cs_take_i64(use);
    fy_cs_take_text(use, row->account, sizeof row->account);
    fy_cs_take_text(use, row->name, sizeof row->name);
    row->reg = (struct fy_register){.status = (enum fy_status)fy_cs_take_i64(use)};
    fy_cs_take_stamp(use, &row->reg.stamp);
    container->created_ms = fy_cs_take_i64(use);
    container->deleted_ms = fy_cs_take_i64(use);
    row->expires_ms = fy_cs_take_i64(use);
    container->there = fy_cs_take_i64(use) != 0;
    row->ccs_visible = fy_cs_take_i64(use) != 0;
    container->has_owner_right = !fy_cs_take_null(use);
    container->owner_rights = container->has_owner_right ? (unsigned)fy_cs_take_i64(use) : 0;
    fy_cs_take_rules(use, container);
    row->status = container->there ? FY_STATUS_READY : FY_STATUS_DELETED;
    row->creation_ms = container->there ? container->created_ms : container->deleted_ms;
}

bool fy_cs_container_read(struct fy_cs_conn *conn, const char *account, const char *name,
                          struct fy_cs_container *container)
{
    FY_ASSERT(account != container->row.account); /* which is emptied first */
    *container = (struct fy_cs_container){.id = 0};
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_CONTAINER_BY_KEY);
    fy_cs_text(&use, account);
    fy_cs_text(&use, name);
    bool found = fy_cs_row(&use);
    if (found) {
        fy_cs_take_container(&use, container);
    } else {
        bool fits = fy_text_copy(container->row.account, sizeof container->row.account, account) &&
                    fy_text_copy(container->row.name, sizeof container->row.name, name);
        FY_ASSERT(fits); /* both come from fields of the same size */
    }
    fy_cs_end(&use);
    return found;
}

bool fy_cs_container_by_name(struct fy_cs_conn *conn, const char *name,
                             struct fy_cs_container *container)
{
    *container = (struct fy_cs_container){.id = 0};
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_CONTAINER_BY_CCS_NAME);
    fy_cs_text(&use, name);
    bool found = fy_cs_row(&use);
    if (found)
        fy_cs_take_container(&use, container);
    fy_cs_end(&use);
    return found;
}

/* Whether anybody ever said that it exists: a row that only holds tombstones of objects is not one
 * that a client may see, nor one whose description we have. */
bool fy_cs_container_known(const struct fy_cs_container *container)
{
    return container->id != 0 && (container->there || !fy_stamp_is_zero(&container->row.reg.stamp));
}

bool fy_cs_container_has_ready(struct fy_cs_conn *conn, const struct fy_cs_container *container)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_CONTAINER_HAS_READY);
    fy_cs_i64(&use, container->id);
    bool found = fy_cs_row(&use);
    fy_cs_end(&use);
    return found;
}

bool fy_cs_container_filled(struct fy_cs_conn *conn, const struct fy_cs_container *container)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_CONTAINER_FILLED);
    fy_cs_i64(&use, container->id);
    bool filled = fy_cs_row(&use) && fy_cs_take_i64(&use) != 0;
    fy_cs_end(&use);
    return filled;
}

bool fy_cs_container_fits_ccs(const struct fy_cs_container *container)
{
    return fy_ccs_bucket_is_valid(container->row.name) &&
           fy_ccs_client_is_valid(container->row.account);
}

/* ------------------------------------------------------------------ the writer's kept rows */

static struct fy_cs_container *kept_place(struct fy_cs *self, const char *account, const char *name)
{
    uint32_t hash = 5381;
    for (const char *at = account; *at != '\0'; at++)
        hash = hash * 33 + (unsigned char)*at;
    for (const char *at = name; *at != '\0'; at++)
        hash = hash * 33 + (unsigned char)*at;
    return &self->kept[hash % FY_CS_CONTAINERS_KEPT];
}

void fy_cs_container_keep(struct fy_cs *self, const struct fy_cs_container *container)
{
    *kept_place(self, container->row.account, container->row.name) = *container;
}

void fy_cs_containers_forget(struct fy_cs *self)
{
    for (size_t index = 0; index < FY_COUNT_OF(self->kept); index++)
        self->kept[index].id = 0;
}

static bool find_visible(struct fy_cs *self, const char *name, struct fy_cs_container *container)
{
    for (size_t index = 0; index < FY_COUNT_OF(self->kept); index++) {
        const struct fy_cs_container *kept = &self->kept[index];
        if (kept->id == 0 || !kept->row.ccs_visible || strcmp(kept->row.name, name) != 0)
            continue;
        *container = *kept;
        return true;
    }
    if (!fy_cs_container_by_name(self->writer, name, container))
        return false;
    fy_cs_container_keep(self, container);
    return true;
}

bool fy_cs_container_find(struct fy_cs *self, const char *account, const char *name,
                          struct fy_cs_container *container)
{
    if (account[0] == '\0')
        return find_visible(self, name, container);
    const struct fy_cs_container *kept = kept_place(self, account, name);
    if (kept->id != 0 && strcmp(kept->row.account, account) == 0 &&
        strcmp(kept->row.name, name) == 0) {
        *container = *kept;
        return true;
    }
    if (!fy_cs_container_read(self->writer, account, name, container))
        return false;
    fy_cs_container_keep(self, container);
    return true;
}

/* ------------------------------------------------------------------ writing */

/* Whatever changes a container, its name or the rights on it first makes sure of this; what only
 * changes its objects does not. */
static bool own_name(struct fy_cs *self, const struct fy_cs_container *container)
{
    return self->engine->own_name == NULL || self->engine->own_name(self, container->row.name);
}

void fy_cs_container_need(struct fy_cs *self, struct fy_cs_container *container, int64_t created_ms)
{
    if (container->id != 0 || !own_name(self, container))
        return;
    struct fy_digest cid;
    fy_container_cid(container->row.account, container->row.name, &cid);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_INSERT);
    fy_cs_text(&use, container->row.account);
    fy_cs_text(&use, container->row.name);
    fy_cs_i64(&use, created_ms);
    fy_cs_blob(&use, cid.bytes, sizeof cid.bytes);
    fy_cs_send(&use); /* a failure sticks */
    struct fy_cs_container made;
    if (!fy_cs_container_read(self->writer, container->row.account, container->row.name, &made))
        return;
    *container = made;
    fy_cs_container_keep(self, container);
}

void fy_cs_container_registered(struct fy_cs *self, struct fy_cs_container *container)
{
    if (container->has_registered || !own_name(self, container))
        return;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_REGISTERED);
    fy_cs_i64(&use, container->id);
    fy_cs_send(&use);
    container->has_registered = true;
    fy_cs_container_keep(self, container);
}

static void describe(struct fy_cs *self, const struct fy_cs_container *container)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_DESCRIBE);
    fy_cs_i64(&use, container->created_ms);
    fy_cs_i64(&use, container->row.expires_ms);
    fy_cs_i64(&use, container->id);
    fy_cs_send(&use);
}

void fy_cs_container_register(struct fy_cs *self, struct fy_cs_container *container,
                              enum fy_status status, const struct fy_stamp *stamp,
                              int64_t created_ms, int64_t expires_ms)
{
    FY_ASSERT(container->id != 0 || fy_cs_conn_failed(self->writer));
    struct fy_container_row *row = &container->row;
    if (!own_name(self, container))
        return;
    if (status == FY_STATUS_READY) {
        container->created_ms = created_ms;
        row->expires_ms = expires_ms;
    } else {
        container->deleted_ms =
            fy_stamp_ms(stamp); /* the rest of a tombstone describes as before */
    }
    if (fy_stamp_is_zero(stamp)) { /* a description of a source that stamps nothing */
        describe(self, container);
        fy_cs_container_keep(self, container);
        fy_cs_journal_bucket(self, container);
        return;
    }
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_REGISTER);
    fy_cs_i64(&use, status);
    fy_cs_stamp(&use, stamp);
    fy_cs_i64(&use, container->created_ms);
    fy_cs_i64(&use, container->deleted_ms);
    fy_cs_i64(&use, row->expires_ms);
    fy_cs_i64(&use, container->id);
    fy_cs_expect(&use); /* the rule was asked before */
    row->reg.status = status;
    row->reg.stamp = *stamp;
    fy_cs_container_keep(self, container);
    fy_cs_journal_bucket(self, container);
}

/* Of the one that gets the name; that the other lost it goes without saying. */
void fy_cs_set_visible(struct fy_cs *self, const struct fy_cs_container *container, bool visible)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_VISIBLE);
    fy_cs_i64(&use, visible);
    fy_cs_i64(&use, container->id);
    fy_cs_send(&use);
}

/* Takes the CCS name if it fits and is free, or held by a container that is no longer there. */
static bool claim_name(struct fy_cs *self, struct fy_cs_container *container)
{
    if (container->row.ccs_visible || !fy_cs_container_known(container) ||
        !fy_cs_container_fits_ccs(container))
        return false;
    struct fy_cs_container holder;
    if (fy_cs_container_by_name(self->writer, container->row.name, &holder)) {
        if (holder.there || !container->there)
            return false;
        fy_cs_set_visible(self, &holder, false);
        fy_cs_containers_forget(self); /* the holder may be among them */
    }
    fy_cs_set_visible(self, container, true);
    container->row.ccs_visible = true;
    fy_cs_journal_bucket(self, container);
    return true;
}

static void rights_of_presence(struct fy_cs *self, struct fy_cs_container *container)
{
    if (!container->row.ccs_visible)
        return;
    self->rights_changed = true;
    if (container->there)
        fy_cs_right_put(self, container->row.account, container->row.name, FY_RIGHT_OWNER, false);
    else
        fy_cs_right_delete(self, "", container->row.name);
    container->has_owner_right = container->there;
    container->owner_rights = container->there ? FY_RIGHT_OWNER : 0;
}

/* The oldest container of the name that is there and CCS may see; not that one itself. */
static bool find_heir(struct fy_cs *self, const char *name, struct fy_cs_container *heir)
{
    bool found = false;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_HEIRS);
    fy_cs_text(&use, name);
    fy_cs_i64(&use, HEIRS_MAX);
    while (!found && fy_cs_row(&use)) {
        fy_cs_take_container(&use, heir);
        found = fy_cs_container_fits_ccs(heir);
    }
    fy_cs_end(&use);
    return found;
}

static void pass_name_on(struct fy_cs *self, struct fy_cs_container *gone)
{
    struct fy_cs_container heir;
    if (!gone->row.ccs_visible || !find_heir(self, gone->row.name, &heir))
        return;
    fy_cs_set_visible(self, gone, false);
    gone->row.ccs_visible = false;
    fy_cs_set_visible(self, &heir, true);
    heir.row.ccs_visible = true;
    fy_cs_journal_bucket(self, &heir);
    fy_cs_containers_forget(self); /* the heir may be among them */
    rights_of_presence(self, &heir);
}

static void set_there(struct fy_cs *self, struct fy_cs_container *container, bool there)
{
    container->there = there;
    /* Gone with its last object, and no register says since when. */
    if (!there && container->row.reg.status != FY_STATUS_DELETED)
        container->deleted_ms = self->now_ms;
    container->row.status = there ? FY_STATUS_READY : FY_STATUS_DELETED;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_THERE);
    fy_cs_i64(&use, there);
    fy_cs_i64(&use, container->deleted_ms);
    fy_cs_i64(&use, container->id);
    fy_cs_send(&use);
    self->counters.containers += there ? 1 : -1;
    if (there)
        fy_cs_tell_container_made(self, container, self->given, self->given_count);
    else
        fy_cs_tell_container_gone(self, container);
    if (there)
        return;
    if (container->row.rules.versioned) /* other sites know of no versions that are left */
        fy_cs_container_registered(self, container);
    if (!self->restoring) /* then they have lines of their own */
        fy_cs_properties_drop(self, container);
    fy_cs_journal_bucket(self, container);
}

void fy_cs_container_settle(struct fy_cs *self, struct fy_cs_container *container)
{
    if (!own_name(self, container))
        return;
    bool has_ready = container->row.reg.status != FY_STATUS_READY &&
                     fy_cs_container_has_ready(self->writer, container);
    bool there = fy_rule_bucket_there(&container->row.reg, has_ready);
    bool changed = there != container->there;
    if (changed)
        set_there(self, container, there);
    if (!self->restoring) { /* then name and rights come back by themselves */
        bool claimed = claim_name(self, container);
        if (changed || claimed)
            rights_of_presence(self, container);
        if (changed && !there)
            pass_name_on(self, container);
    }
    container->row.creation_ms = there ? container->created_ms : container->deleted_ms;
    fy_cs_container_keep(self, container);
}

/* ------------------------------------------------------------------ orders and rights */

/* The writer reads through the rows it keeps, a reader from its snapshot. */
static bool read_by(struct fy_cs *self, struct fy_cs_conn *conn, const char *account,
                    const char *name, struct fy_cs_container *container)
{
    if (conn == self->writer)
        return fy_cs_container_find(self, account, name, container);
    return fy_cs_container_read(conn, account, name, container);
}

void fy_cs_container_of_order(struct fy_cs *self, struct fy_cs_conn *conn,
                              const struct fy_order *order, struct fy_cs_container *container,
                              bool *invisible)
{
    *invisible = false;
    bool of_object = order->object[0] != '\0';
    bool found = read_by(self, conn, fy_order_account(order), order->bucket, container);
    if (order->account[0] != '\0')
        return;
    if (found && (container->row.ccs_visible || !of_object))
        return;
    if (!found && !of_object && order->action == FY_ACTION_CREATE)
        return;
    struct fy_cs_container holder;
    if (!fy_cs_container_by_name(conn, order->bucket, &holder))
        return;
    if (!found)
        *container = holder;
    else
        *invisible = holder.there && fy_cs_container_fits_ccs(container);
}

static bool right_includes(struct fy_cs_conn *conn, const char *client, const char *bucket,
                           unsigned right)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_RIGHT_GET);
    fy_cs_text(&use, client);
    fy_cs_text(&use, bucket);
    bool includes = fy_cs_row(&use) && ((unsigned)fy_cs_take_i64(&use) & right) == right;
    fy_cs_end(&use);
    return includes;
}

bool fy_cs_allowed(struct fy_cs_conn *conn, const struct fy_cs_container *container,
                   const char *client, unsigned right)
{
    bool rows_speak_of_it = container->row.ccs_visible || container->id == 0;
    if (strcmp(client, container->row.account) == 0)
        return !rows_speak_of_it || !container->has_owner_right ||
               (container->owner_rights & right) == right;
    return rows_speak_of_it && right_includes(conn, client, container->row.name, right);
}

bool fy_cs_order_allowed(struct fy_cs_conn *conn, const struct fy_cs_container *container,
                         const struct fy_order *order)
{
    if (order->client[0] == '\0')
        return false; /* nobody owns anything */
    if (order->object[0] == '\0')
        return strcmp(order->client, container->row.account) == 0;
    return fy_cs_allowed(conn, container, order->client,
                         order->action == FY_ACTION_DELETE ? FY_RIGHT_DELETE : FY_RIGHT_WRITE);
}
