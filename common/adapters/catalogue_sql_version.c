/* catalogue_sql_version.c - rows of `version`: versions of a name beside its object row. */
#include "common/adapters/catalogue_sql_version.h"

#include <string.h>

int64_t fy_cs_policy(const struct fy_cs *self, const struct fy_cs_container *container)
{
    int64_t policy = container->row.rules.policy;
    return policy == FY_UNSET ? self->versions : policy;
}

bool fy_cs_keeps_versions(const struct fy_cs *self, const struct fy_cs_container *container)
{
    int64_t policy = fy_cs_policy(self, container);
    return container->row.rules.versioned && (policy > 1 || policy < 0);
}

/* ------------------------------------------------------------------ reading */

static bool take_row(struct fy_cs *self, struct fy_cs_use *use, struct fy_object_row *row)
{
    bool found = fy_cs_row(use);
    if (found) {
        fy_cs_take_object_row(self, use, row);
        row->registered = fy_cs_take_i64(use) == FY_VERSION_REGISTERED;
    }
    fy_cs_end(use);
    return found && !fy_cs_conn_failed(use->conn);
}

static struct fy_cs_use use_of(struct fy_cs_conn *conn, enum fy_cs_sql sql, int64_t container_id,
                               const char *name)
{
    struct fy_cs_use use = fy_cs_use(conn, sql);
    fy_cs_i64(&use, container_id);
    fy_cs_text(&use, name);
    return use;
}

bool fy_cs_version_find(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                        const char *name, int64_t number, struct fy_object_row *row)
{
    struct fy_cs_use use = use_of(conn, FY_CS_VERSION_GET, container_id, name);
    fy_cs_i64(&use, number);
    return take_row(self, &use, row);
}

bool fy_cs_version_newer(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                         const char *name, int64_t number, struct fy_object_row *row)
{
    struct fy_cs_use use = use_of(conn, FY_CS_VERSION_NEWER, container_id, name);
    fy_cs_i64(&use, number);
    return take_row(self, &use, row);
}

bool fy_cs_version_top(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                       const char *name, struct fy_object_row *row)
{
    struct fy_cs_use use = use_of(conn, FY_CS_VERSION_TOP, container_id, name);
    return take_row(self, &use, row);
}

bool fy_cs_version_older(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                         const char *name, struct fy_object_row *row)
{
    struct fy_cs_use use = use_of(conn, FY_CS_VERSION_OLDER, container_id, name);
    return take_row(self, &use, row);
}

bool fy_cs_version_oldest(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                          const char *name, struct fy_object_row *row)
{
    struct fy_cs_use use = use_of(conn, FY_CS_VERSION_OLDEST, container_id, name);
    return take_row(self, &use, row);
}

bool fy_cs_is_newer(const struct fy_object_row *registered, const struct fy_cs_object *object)
{
    return registered->registered &&
           (!fy_cs_is_version(object) || registered->version > object->number);
}

/* ------------------------------------------------------------------ writing */

static void count(struct fy_cs *self, const struct fy_cs_name *at, const struct fy_object_row *row,
                  int64_t times)
{
    if (!row->marker)
        fy_cs_sum_add(self, at->container->id, times, times * row->size, 0);
}

void fy_cs_version_add(struct fy_cs *self, const struct fy_cs_name *at,
                       const struct fy_object_row *row)
{
    FY_ASSERT(!row->marker); /* those are object rows first */
    const struct fy_object_facts *facts = &row->facts;
    struct fy_cs_use use =
        use_of(self->writer, row->registered ? FY_CS_VERSION_ADD_REGISTERED : FY_CS_VERSION_ADD,
               at->container->id, at->name);
    fy_cs_i64(&use, row->version);
    fy_cs_text(&use, row->id);
    fy_cs_stamp(&use, &row->reg.stamp);
    fy_cs_i64(&use, row->size);
    fy_cs_text(&use, facts->hash);
    fy_cs_i64(&use, facts->creation_ms);
    fy_cs_i64(&use, facts->expires_ms);
    fy_cs_text(&use, facts->metadata);
    if (!row->registered) {
        fy_cs_i64(&use, row->body_id);
        fy_cs_i64(&use, row->proof);
    }
    fy_cs_expect(&use);
    fy_cs_journal_version(self, at->container, at->name, row->version);
    fy_cs_tell_version(self, FY_OIO_CONTENT_NEW, at->container, at->name, row);
    count(self, at, row, 1);
}

void fy_cs_version_keep(struct fy_cs *self, const struct fy_cs_name *at)
{
    struct fy_cs_object *object = at->object;
    FY_ASSERT(fy_cs_is_version(object));
    bool ready = object->reg.status == FY_STATUS_READY;
    struct fy_cs_use use =
        fy_cs_use(self->writer, ready ? FY_CS_VERSION_KEEP : FY_CS_VERSION_KEEP_MARKER);
    fy_cs_i64(&use, object->number);
    fy_cs_i64(&use, at->container->id);
    fy_cs_text(&use, at->name);
    fy_cs_expect(&use); /* the row was read in this transaction */
    fy_cs_journal_version(self, at->container, at->name, object->number);
    object->stays = true;
    if (!ready)
        return;
    fy_cs_sum_add(self, at->container->id, 1, object->size, 0);
    object->body_stays = true;
}

void fy_cs_version_take(struct fy_cs *self, const struct fy_cs_name *at,
                        const struct fy_object_row *row)
{
    struct fy_cs_use use = use_of(self->writer, FY_CS_VERSION_REMOVE, at->container->id, at->name);
    fy_cs_i64(&use, row->version);
    fy_cs_expect(&use); /* read in this transaction */
    fy_cs_journal_version_gone(self, at->container, at->name, row->version);
    count(self, at, row, -1);
}

void fy_cs_version_drop(struct fy_cs *self, const struct fy_cs_name *at,
                        const struct fy_object_row *row)
{
    fy_cs_version_take(self, at, row);
    fy_cs_tell_version(self, FY_OIO_CONTENT_DELETED, at->container, at->name, row);
    fy_cs_body_let_go(self, row->body_id);
}

/* The newest version of the name beyond so many, which are walked over; false: there is none. */
static bool first_beyond(struct fy_cs *self, const struct fy_cs_name *at, int64_t kept,
                         int64_t *number)
{
    struct fy_cs_use use = use_of(self->writer, FY_CS_VERSION_BEYOND, at->container->id, at->name);
    fy_cs_i64(&use, kept);
    bool found = fy_cs_row(&use);
    if (found)
        *number = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return found && !fy_cs_conn_failed(self->writer);
}

uint32_t fy_cs_versions_trim(struct fy_cs *self, const struct fy_cs_name *at, int64_t kept,
                             uint32_t limit)
{
    struct fy_object_row row;
    uint32_t dropped = 0;
    int64_t others = kept - (at->object->reg.status == FY_STATUS_READY ? 1 : 0), number = 0;
    FY_ASSERT(kept >= 1);
    for (bool more = first_beyond(self, at, others, &number); more && dropped < limit; dropped++) {
        struct fy_cs_use use =
            use_of(self->writer, FY_CS_VERSION_UP_TO, at->container->id, at->name);
        fy_cs_i64(&use, number);
        more = take_row(self, &use, &row);
        if (!more)
            break;
        fy_cs_version_drop(self, at, &row);
        number = row.version - 1;
    }
    return dropped;
}

void fy_cs_versions_exceeding(struct fy_cs *self, const struct fy_cs_name *at)
{
    int64_t policy = fy_cs_policy(self, at->container);
    if (at->container->row.rules.delete_exceeding && fy_cs_keeps_versions(self, at->container) &&
        policy > 0)
        (void)fy_cs_versions_trim(self, at, policy, FY_FLUSH_ROWS_MAX);
}

/* ------------------------------------------------------------------ the read of the port */

bool fy_cs_version_object(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                          const char *name, struct fy_object_row *row)
{
    return fy_cs_object_row(self, conn, container_id, name, row) &&
           (row->reg.status == FY_STATUS_READY || row->marker);
}

/* number 0: the newest. */
static bool get_version(struct fy_cs *self, struct fy_cs_conn *reader,
                        const struct fy_cs_container *container, const char *name, int64_t number,
                        struct fy_object_row *row)
{
    struct fy_object_row other;
    bool found = fy_cs_version_object(self, reader, container->id, name, row);
    if (number != 0 && found && row->version == number)
        return true;
    if (!fy_cs_has_versions(container))
        return number == 0 && found;
    if (number != 0)
        return fy_cs_version_find(self, reader, container->id, name, number, row);
    if (fy_cs_version_top(self, reader, container->id, name, &other) && other.registered &&
        (!found || other.version > row->version)) {
        *row = other;
        found = true;
    }
    return found;
}

enum fy_code fy_cs_version_get(struct fy_catalogue *port, const struct fy_object_key *key,
                               int64_t version, struct fy_object_row *row, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_container container;
    struct fy_object_row found;
    enum fy_code code = fy_cs_container_look_up(self, key->account, key->bucket, &container, err);
    if (code != FY_OK)
        return code;
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    fy_cs_exec(reader, FY_CS_BEGIN_READ); /* rows may move from one table to the other */
    bool is_there = container.there && !container.hidden &&
                    get_version(self, reader, &container, key->object, version, &found);
    fy_cs_exec(reader, FY_CS_COMMIT);
    code = fy_cs_reader_give(self, reader, err);
    if (code != FY_OK)
        return code;
    if (!is_there)
        return fy_err_set(err, FY_ENOTFOUND, "no such version of %s/%.100s is here", key->bucket,
                          key->object);
    *row = found;
    return FY_OK;
}
