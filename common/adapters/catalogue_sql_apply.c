/* catalogue_sql_apply.c - orders of other sites: what look says of them, and how they are
 * applied. */
/*
 * Applying never writes an order, whatever it changes: that is the loop prevention (DESIGN 3). The
 * rule decides inside the transaction, and the statement that writes is guarded by the stamp once
 * more.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"

/* ------------------------------------------------------------------ look */

/* A damaged one is as good as none: its bytes are pulled, which mends it. */
static void look_for_body(struct fy_cs_conn *conn, const struct fy_digest *promised,
                          struct fy_cat_look *look)
{
    struct fy_body_row body;
    bool damaged = false;
    int64_t id = fy_cs_body_find(conn, promised, look->order->size, &damaged);
    if (id == 0 || damaged || !fy_cs_body_get(conn, id, &body))
        return;
    look->body_id = id;
    memcpy(look->blob_ref, body.blob_ref, sizeof look->blob_ref);
}

static void look_one(struct fy_cs *self, struct fy_cs_conn *conn, struct fy_cat_look *look)
{
    const struct fy_order *order = look->order;
    struct fy_cs_container container;
    struct fy_cs_object object;
    fy_cs_container_of_order(self, conn, order, &container, &look->invisible);
    if (container.hidden) { /* to be pulled, and tried again until it can be applied */
        container.id = 0;
        container.row.reg = (struct fy_register){.status = FY_STATUS_UNKNOWN};
    }
    look->container_known = fy_cs_container_known(&container);
    look->allowed = fy_cs_order_allowed(conn, &container, order);
    memcpy(look->account, container.row.account, sizeof look->account);
    look->body_id = 0;
    look->blob_ref[0] = '\0';
    if (order->object[0] == '\0') {
        look->verdict = fy_rule_apply(&container.row.reg, &order->stamp);
        return;
    }
    fy_cs_object_read(self, conn, container.id, order->object, &object);
    look->verdict = fy_rule_apply(&object.reg, &order->stamp);
    struct fy_digest promised;
    if (look->verdict == FY_VERDICT_APPLY && order->action == FY_ACTION_CREATE &&
        fy_order_digest(order, &promised))
        look_for_body(conn, &promised, look);
}

enum fy_code fy_cs_look(struct fy_catalogue *port, struct fy_cat_look *looks, size_t count,
                        struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    fy_cs_exec(reader, FY_CS_BEGIN_READ); /* one snapshot, and one look at the WAL's end */
    if (self->engine->look_ahead != NULL)
        self->engine->look_ahead(self, reader, looks, count);
    for (size_t index = 0; index < count && !fy_cs_conn_failed(reader); index++)
        look_one(self, reader, &looks[index]);
    fy_cs_exec(reader, FY_CS_COMMIT);
    return fy_cs_reader_give(self, reader, err);
}

/* ------------------------------------------------------------------ apply */

static const enum fy_outcome outcome_of_verdict[] = {
    [FY_VERDICT_APPLY] = FY_OUTCOME_APPLIED,
    [FY_VERDICT_DUPLICATE] = FY_OUTCOME_DUPLICATE,
    [FY_VERDICT_SUPERSEDED] = FY_OUTCOME_SUPERSEDED,
};

/* What became of it, under the stamp by which it was known while it waited: an order that takes the
 * stamp of the change it copies has a lower one now, and outcomes of lower stamps are old news. */
static void outcome_add(struct fy_cs *self, const struct fy_cat_apply *apply)
{
    struct fy_waiting_row row;
    struct fy_order order = apply->order;
    if (apply->waiting_id != 0 && fy_cs_waiting_get(self->writer, apply->waiting_id, &row) &&
        fy_stamp_compare(&row.order.stamp, &order.stamp) > 0)
        order.stamp = row.order.stamp;
    fy_cs_outcome_put(self, &(struct fy_cs_end){.order = &order,
                                                .direction = FY_IN,
                                                .outcome = outcome_of_verdict[apply->verdict]});
}

/* The order is done, whatever it changed. */
static enum fy_code apply_end(struct fy_cs *self, struct fy_cat_apply *apply)
{
    fy_cs_waiting_supersede(self, &apply->order);
    outcome_add(self, apply);
    if (apply->waiting_id != 0)
        fy_cs_waiting_remove(self, apply->waiting_id);
    if (apply->verdict != FY_VERDICT_APPLY)
        fy_cs_blob_discard(self, apply->blob_ref);
    return FY_OK;
}

/* At the order's source the container follows a version policy: here, too, from now on. */
static void follow_policy(struct fy_cs *self, struct fy_cs_container *container,
                          const struct fy_order *order)
{
    struct fy_container_rules rules = container->row.rules;
    if (!order->overwrites || rules.versioned)
        return;
    rules.versioned = true;
    fy_cs_rules_put(self, container, &rules);
}

/* What the source said of the bucket, beside an object that came before it. The bucket's own order
 * will be a duplicate of that: what it would say of the rules, the object's says. */
static void apply_description(struct fy_cs *self, struct fy_cs_container *container,
                              const struct fy_cat_apply *apply)
{
    const struct fy_bucket_facts *facts = &apply->bucket;
    if (!facts->known)
        return;
    bool first = fy_stamp_is_zero(&container->row.reg.stamp);
    if (fy_stamp_is_zero(&facts->stamp)
            ? !first || facts->creation_ms == 0
            : fy_rule_apply(&container->row.reg, &facts->stamp) != FY_VERDICT_APPLY)
        return;
    int64_t created_ms = facts->creation_ms != 0 ? facts->creation_ms : fy_stamp_ms(&facts->stamp);
    bool ready = facts->present || fy_stamp_is_zero(&facts->stamp);
    fy_cs_container_register(self, container, ready ? FY_STATUS_READY : FY_STATUS_DELETED,
                             &facts->stamp, created_ms, facts->expires_ms);
    if (ready)
        follow_policy(self, container, &apply->order);
    fy_cs_container_settle(self, container);
}

static enum fy_code apply_bucket(struct fy_cs *self, struct fy_cat_apply *apply,
                                 struct fy_cs_container *container)
{
    const struct fy_order *order = &apply->order;
    apply->verdict = fy_rule_apply(&container->row.reg, &order->stamp);
    if (apply->verdict != FY_VERDICT_APPLY)
        return apply_end(self, apply);
    if (!fy_cs_order_allowed(self->writer, container, order))
        return fy_err_set(&apply->op.err, FY_EFORBIDDEN, "bucket %s is not of client %s",
                          order->bucket, order->client);

    bool create = order->action == FY_ACTION_CREATE;
    enum fy_code code =
        create ? fy_cs_left_check(self, container, FY_EFROZEN, &apply->op.err) : FY_OK;
    if (code != FY_OK)
        return code;
    int64_t created_ms = fy_stamp_ms(&order->stamp);
    if (apply->bucket.known && apply->bucket.creation_ms != 0)
        created_ms = apply->bucket.creation_ms;
    fy_cs_container_need(self, container, created_ms);
    if (create)
        fy_cs_left_clear(self, container);
    if (create)
        follow_policy(self, container, order);
    fy_cs_container_register(self, container, create ? FY_STATUS_READY : FY_STATUS_DELETED,
                             &order->stamp, created_ms,
                             apply->bucket.known ? apply->bucket.expires_ms : 0);
    fy_cs_container_settle(self, container);
    return apply_end(self, apply);
}

/* Whether the body can be published; size and digest of a linked one are taken from its row. */
static enum fy_code apply_check_body(struct fy_cs *self, struct fy_cat_apply *apply)
{
    struct fy_err *err = &apply->op.err;
    bool has_body = apply->blob_ref[0] != '\0';
    FY_ASSERT(apply->link_body_id == 0 || !has_body);
    /* Who looked saw a row that settles the order, and brought no body; the row is gone since: it
     * looks again. */
    if (apply->link_body_id == 0 && !has_body)
        return fy_err_set(err, FY_EINTERNAL, "what had settled the order was purged meanwhile");
    if (apply->link_body_id == 0) {
        if (!self->lease_alive) /* the sweeper may be after the body */
            return fy_err_set(err, FY_ECANCELLED, "this process has no lease any more");
        return FY_OK;
    }
    struct fy_body_row body;
    if (!fy_cs_body_get(self->writer, apply->link_body_id, &body) || body.damaged)
        return fy_err_set(err, FY_ENOTFOUND,
                          "the body to link to was swept or found damaged meanwhile");
    apply->size = body.size;
    apply->digest = body.digest;
    memcpy(self->linked_ref, body.blob_ref, sizeof self->linked_ref);
    return FY_OK;
}

static enum fy_code apply_check(struct fy_cs *self, struct fy_cat_apply *apply,
                                const struct fy_cs_container *container, bool invisible)
{
    const struct fy_order *order = &apply->order;
    if (invisible)
        return fy_err_set(&apply->op.err, FY_EEXISTS,
                          "bucket name %s belongs to another client here", order->bucket);
    if (!fy_cs_order_allowed(self->writer, container, order))
        return fy_err_set(&apply->op.err, FY_EFORBIDDEN, "client %s may not %s in bucket %s",
                          order->client, order->action == FY_ACTION_DELETE ? "delete" : "write",
                          order->bucket);
    if (order->action == FY_ACTION_CREATE)
        return apply_check_body(self, apply);
    return FY_OK;
}

/* The body of the registered version, as far as that says? Else it is a newer version. */
static void seat_of(const struct fy_cat_apply *apply, struct fy_cs_seat *seat)
{
    const struct fy_object_row *registered = &seat->registered;
    struct fy_digest promised;
    if (!seat->fills ||
        (registered->size == apply->size && (!fy_digest_parse(registered->facts.hash, &promised) ||
                                             fy_digest_equal(&promised, &apply->digest))))
        return;
    seat->fills = false;
    seat->number = 0;
    if (registered->version > seat->greatest)
        seat->greatest = registered->version;
}

/* A version more, or one that is there with something else said of it. */
static void write_version(struct fy_cs *self, const struct fy_cat_apply *apply,
                          const struct fy_cs_name *at, struct fy_cs_ready *ready)
{
    struct fy_cs_seat seat;
    struct fy_err never;
    if (!fy_cs_has_versions(at->container) ||
        (at->object->reg.status == FY_STATUS_READY && at->object->body_id == ready->body_id)) {
        fy_cs_object_ready(self, at->container, at->name, at->object, ready);
        return;
    }
    enum fy_code code = fy_cs_seat_find(self, at, 0, &seat, &never);
    FY_ASSERT(code == FY_OK); /* any seat will do */
    seat_of(apply, &seat);
    fy_cs_seat_ready(self, at, &seat, ready);
    fy_cs_versions_exceeding(self, at);
}

static void write_object(struct fy_cs *self, struct fy_cat_apply *apply,
                         const struct fy_cs_name *at)
{
    const struct fy_order *order = &apply->order;
    if (order->action == FY_ACTION_DELETE) {
        fy_cs_name_delete(self, at, &order->stamp);
        return;
    }
    struct fy_cs_ready ready = {
        .stamp = &order->stamp,
        .facts = &apply->facts,
        .body_id = apply->link_body_id,
        .size = apply->size,
        .proof = apply->proof,
        .digest = &apply->digest,
        .blob_ref = apply->link_body_id != 0 ? self->linked_ref : apply->blob_ref,
    };
    if (ready.body_id == 0)
        ready.body_id = fy_cs_body_put(self, &apply->digest, apply->size, apply->blob_ref);
    write_version(self, apply, at, &ready);
}

static enum fy_code apply_object(struct fy_cs *self, struct fy_cat_apply *apply,
                                 struct fy_cs_container *container, bool invisible)
{
    const struct fy_order *order = &apply->order;
    struct fy_cs_object old;
    fy_cs_object_read(self, self->writer, container->id, order->object, &old);
    apply->verdict = fy_rule_apply(&old.reg, &order->stamp);
    if (apply->verdict != FY_VERDICT_APPLY)
        return apply_end(self, apply);
    enum fy_code code = apply_check(self, apply, container, invisible);
    bool create = order->action == FY_ACTION_CREATE;
    if (code == FY_OK && create)
        code = fy_cs_left_check(self, container, FY_EFROZEN, &apply->op.err);
    if (code != FY_OK)
        return code;

    if (create && !container->there) { /* it comes again with this object */
        fy_cs_left_clear(self, container);
        old.marker = false;
    }
    fy_cs_container_need(self, container, fy_stamp_ms(&order->stamp));
    apply_description(self, container, apply);
    struct fy_digest deleted;
    const struct fy_digest *known = &apply->digest;
    if (order->action == FY_ACTION_DELETE)
        known = fy_order_digest(order, &deleted) ? &deleted : NULL;
    /* What stays as an older version is not lost. */
    apply->conflict = !fy_cs_keeps_versions(self, container) &&
                      fy_rule_conflicts(&old.reg, order->action, known, order->overwrites);
    if (apply->conflict)
        fy_cs_conflict_add(self, container, order);
    write_object(
        self, apply,
        &(struct fy_cs_name){.container = container, .name = order->object, .object = &old});
    return apply_end(self, apply);
}

enum fy_code fy_cs_apply(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_apply *apply = (struct fy_cat_apply *)(void *)op;
    const struct fy_order *order = &apply->order;
    apply->conflict = false;
    apply->verdict = FY_VERDICT_SUPERSEDED; /* of a refused one: nothing was changed */
    if (fy_stamp_is_zero(&order->stamp) || order->stamp.time > INT64_MAX ||
        apply->bucket.stamp.time > INT64_MAX)
        return fy_err_set(&op->err, FY_EINPUT, "a stamp of the order is absent or out of range");
    if (order->action != FY_ACTION_CREATE && order->action != FY_ACTION_DELETE)
        return fy_err_set(&op->err, FY_EINPUT, "action %s changes nothing",
                          fy_action_name(order->action));
    struct fy_cs_container container;
    bool invisible = false;
    fy_cs_container_of_order(self, self->writer, order, &container, &invisible);
    self->rights_changed = false;
    enum fy_code code = fy_cs_takes_orders(&container, &op->err);
    if (code == FY_OK)
        code = order->object[0] == '\0' ? apply_bucket(self, apply, &container)
                                        : apply_object(self, apply, &container, invisible);
    apply->rights_changed = self->rights_changed;
    return code;
}
