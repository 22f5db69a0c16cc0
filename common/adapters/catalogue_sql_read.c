/* catalogue_sql_read.c - reads of one row, and sums. */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/core/names.h"

enum fy_code fy_cs_container_look_up(struct fy_cs *self, const char *account, const char *name,
                                     struct fy_cs_container *container, struct fy_err *err)
{
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    bool found = account[0] == '\0' ? fy_cs_container_by_name(reader, name, container)
                                    : fy_cs_container_read(reader, account, name, container);
    enum fy_code code = fy_cs_reader_give(self, reader, err);
    if (code == FY_OK && (!found || container->hidden))
        return fy_err_set(err, FY_ENOTFOUND, "bucket %s is not here", name);
    fy_cs_rules_now(self, &container->row);
    return code;
}

enum fy_code fy_cs_container_get(struct fy_catalogue *port, const char *account, const char *name,
                                 struct fy_container_row *row, struct fy_err *err)
{
    struct fy_cs_container container;
    enum fy_code code = fy_cs_container_look_up(fy_cs_from(port), account, name, &container, err);
    if (code != FY_OK)
        return code;
    if (!fy_cs_container_known(&container))
        return fy_err_set(err, FY_ENOTFOUND, "bucket %s is not here", name);
    *row = container.row;
    return FY_OK;
}

enum fy_code fy_cs_targets_get(struct fy_catalogue *port, const char *account, const char *name,
                               char targets[static FY_TARGETS_BYTES_MAX + 1], struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_container container;
    enum fy_code code = fy_cs_container_look_up(self, account, name, &container, err);
    if (code != FY_OK)
        return code;
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_CONTAINER_TARGETS);
    fy_cs_i64(&use, container.id);
    bool found = fy_cs_row(&use);
    if (found)
        fy_cs_take_text(&use, targets, FY_TARGETS_BYTES_MAX + 1);
    fy_cs_end(&use);
    code = fy_cs_reader_give(self, reader, err);
    if (code == FY_OK && !found) /* purged between the two reads */
        return fy_err_set(err, FY_ENOTFOUND, "bucket %s is not here", name);
    return code;
}

enum fy_code fy_cs_object_get(struct fy_catalogue *port, const struct fy_object_key *key,
                              struct fy_object_row *row, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_container container;
    enum fy_code code = fy_cs_container_look_up(self, key->account, key->bucket, &container, err);
    if (code != FY_OK)
        return code;
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    bool found = fy_cs_object_row(self, reader, container.id, key->object, row);
    code = fy_cs_reader_give(self, reader, err);
    if (code == FY_OK && !found)
        return fy_err_set(err, FY_ENOTFOUND, "object %s/%.100s is not here", key->bucket,
                          key->object);
    return code;
}

enum fy_code fy_cs_prefix_ready(struct fy_catalogue *port, const struct fy_object_key *prefix,
                                bool *found, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_container container;
    char end[FY_CS_END_BYTES];
    struct fy_err absent;
    *found = false;
    if (!fy_utf8_is_valid(prefix->object, strlen(prefix->object)))
        return FY_OK; /* names are */
    enum fy_code code =
        fy_cs_container_look_up(self, prefix->account, prefix->bucket, &container, &absent);
    if (code == FY_ENOTFOUND)
        return FY_OK;
    if (code != FY_OK)
        return fy_err_set(err, code, "%s", absent.text);
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_OBJECT_PREFIX_READY);
    fy_cs_i64(&use, container.id);
    fy_cs_text(&use, prefix->object);
    fy_cs_prefix_end(&use, prefix->object, end);
    *found = fy_cs_row(&use);
    fy_cs_end(&use);
    return fy_cs_reader_give(self, reader, err);
}

int64_t fy_cs_take_site(struct fy_cs_use *use, struct fy_site_row *row)
{
    int64_t seq = fy_cs_take_i64(use);
    fy_cs_take_text(use, row->id, sizeof row->id);
    fy_cs_take_text(use, row->name, sizeof row->name);
    fy_cs_take_text(use, row->uri, sizeof row->uri);
    row->status = (enum fy_site_status)fy_cs_take_i64(use);
    row->paused = fy_cs_take_i64(use) != 0;
    return seq;
}

enum fy_code fy_cs_site_get(struct fy_catalogue *port, const char *id, struct fy_site_row *row,
                            struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_SITE_GET);
    fy_cs_text(&use, id);
    bool found = fy_cs_row(&use);
    if (found)
        (void)fy_cs_take_site(&use, row);
    fy_cs_end(&use);
    enum fy_code code = fy_cs_reader_give(self, reader, err);
    if (code == FY_OK && !found)
        return fy_err_set(err, FY_ENOTFOUND, "site %s is not known", id);
    return code;
}

enum fy_code fy_cs_right_get(struct fy_catalogue *port, const char *client, const char *bucket,
                             unsigned *rights, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_RIGHT_GET);
    fy_cs_text(&use, client);
    fy_cs_text(&use, bucket);
    bool found = fy_cs_row(&use);
    unsigned stored = found ? (unsigned)fy_cs_take_i64(&use) : 0;
    found = found && fy_cs_take_i64(&use) == 0; /* revoked reads as absent */
    fy_cs_end(&use);
    enum fy_code code = fy_cs_reader_give(self, reader, err);
    if (code == FY_OK && !found)
        return fy_err_set(err, FY_ENOTFOUND, "client %s has no rights on bucket %s", client,
                          bucket);
    if (code == FY_OK)
        *rights = stored;
    return code;
}

static bool trash_names(struct fy_cs_conn *conn, const char *blob_ref)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_TRASH_GET);
    fy_cs_text(&use, blob_ref);
    bool named = fy_cs_row(&use);
    fy_cs_end(&use);
    return named;
}

bool fy_cs_lease_lives(struct fy_cs_conn *conn, const char *boot_id)
{
    if (boot_id[0] == '\0')
        return false;
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_LEASE_ALIVE);
    fy_cs_text(&use, boot_id);
    bool lives = fy_cs_row(&use) && fy_cs_take_i64(&use) > 0;
    fy_cs_end(&use);
    return lives;
}

enum fy_code fy_cs_blob_standing(struct fy_catalogue *port, const char *blob_ref,
                                 const char *boot_id, enum fy_blob_standing *standing,
                                 struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    fy_cs_exec(reader, FY_CS_BEGIN_READ); /* a body may move from one table to the other */
    enum fy_blob_standing found = fy_cs_body_names(reader, blob_ref)   ? FY_BLOB_NAMED
                                  : trash_names(reader, blob_ref)      ? FY_BLOB_TRASH
                                  : fy_cs_lease_lives(reader, boot_id) ? FY_BLOB_LIVING
                                                                       : FY_BLOB_ORPHAN;
    /* An empty catalogue in the place of a lost one calls every body nobody's. */
    bool known = found != FY_BLOB_ORPHAN || self->boot_id[0] == '\0' ||
                 fy_cs_lease_lives(reader, self->boot_id);
    fy_cs_exec(reader, FY_CS_COMMIT);
    enum fy_code code = fy_cs_reader_give(self, reader, err);
    if (code != FY_OK)
        return code;
    if (!known)
        return fy_err_set(err, FY_ECANCELLED, "this process has no lease any more");
    *standing = found;
    return FY_OK;
}

/* ------------------------------------------------------------------ sums */

static void take_counters(struct fy_cs_use *use, struct fy_catalogue_totals *totals)
{
    totals->containers = fy_cs_take_i64(use);
    totals->objects = fy_cs_take_i64(use);
    totals->bytes = fy_cs_take_i64(use);
    totals->outbox_orders = fy_cs_take_i64(use);
    totals->conflicts = fy_cs_take_i64(use);
    totals->events = fy_cs_take_i64(use);
    totals->oio_events = fy_cs_take_i64(use);
    totals->kept_objects = fy_cs_take_i64(use);
    totals->kept_bytes = fy_cs_take_i64(use);
}

void fy_cs_sums_kept(struct fy_cs_conn *conn, struct fy_catalogue_totals *totals)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_COUNTERS_GET);
    if (fy_cs_row(&use))
        take_counters(&use, totals);
    fy_cs_end(&use);
    use = fy_cs_use(conn, FY_CS_WAITING_TOTALS);
    while (fy_cs_row(&use)) {
        bool dead = fy_cs_take_i64(&use) == FY_DEAD;
        int64_t orders = fy_cs_take_i64(&use);
        int64_t bytes = fy_cs_take_i64(&use);
        if (dead) {
            totals->dead_orders = orders;
        } else {
            totals->waiting_orders = orders;
            totals->waiting_bytes = bytes;
        }
    }
    fy_cs_end(&use);
}

/* 0: none waits. */
static int64_t event_oldest(struct fy_cs_conn *reader, enum fy_event_stream stream)
{
    int64_t written_ms = 0;
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_EVENT_OLDEST);
    fy_cs_i64(&use, stream);
    if (fy_cs_row(&use)) {
        (void)fy_cs_take_i64(&use); /* its id */
        written_ms = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    return written_ms;
}

static int64_t due_total(struct fy_cs *self, struct fy_cs_conn *reader)
{
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_WAITING_DUE_COUNT);
    fy_cs_i64(&use, fy_wall_ms(self->clock));
    fy_cs_i64(&use, FY_DUE_COUNTED);
    int64_t count = fy_cs_row(&use) ? fy_cs_take_i64(&use) : 0;
    fy_cs_end(&use);
    return count;
}

enum fy_code fy_cs_totals(struct fy_catalogue *port, struct fy_catalogue_totals *totals,
                          struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_catalogue_totals sums = {.containers = 0};
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    fy_cs_exec(reader, FY_CS_BEGIN_READ);
    fy_cs_sums_kept(reader, &sums);
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_OUTBOX_OLDEST);
    if (fy_cs_row(&use))
        sums.outbox_oldest_ms = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    sums.events_oldest_ms = event_oldest(reader, FY_STREAM_ORDERS);
    sums.oio_events_oldest_ms = event_oldest(reader, FY_STREAM_OIO);
    use = fy_cs_use(reader, FY_CS_DAMAGE_COUNT);
    if (fy_cs_row(&use))
        sums.damaged_bodies = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    sums.due_orders = due_total(self, reader);
    fy_cs_exec(reader, FY_CS_COMMIT);
    enum fy_code code = fy_cs_reader_give(self, reader, err);
    if (code == FY_OK)
        *totals = sums;
    return code;
}
