/* catalogue_sql_flush.c - versions removed by the thousand: all of a container, or those that are
 * more than it keeps. */
/*
 * A transaction removes FY_FLUSH_ROWS_MAX of them at most, each with what it means to the other
 * sites. Names that a flush has emptied are in no index that it walks, so it begins anew each time;
 * a purge goes on behind a name.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_version.h"

#define NAMES_ROWS 16 /* read at once; a name is 1 KiB */

static enum fy_code find(struct fy_cs *self, const char *account, const char *name,
                         struct fy_cs_container *container, struct fy_err *err)
{
    if (fy_cs_container_find(self, account, name, container) && container->there)
        return FY_OK;
    return fy_err_set(err, FY_ENOTFOUND, "container %.100s is not here", name);
}

/* ------------------------------------------------------------------ flush */

struct names {
    char names[NAMES_ROWS][FY_OBJECT_BYTES_MAX + 1];
    size_t count;
};

/* The next names above `after` of one kind; one that has many versions may be there many times. */
static void names_read(struct fy_cs *self, enum fy_cs_sql sql, int64_t container_id,
                       const char *after, struct names *names)
{
    names->count = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_i64(&use, container_id);
    fy_cs_text(&use, after);
    fy_cs_i64(&use, NAMES_ROWS);
    while (names->count < NAMES_ROWS && fy_cs_row(&use))
        fy_cs_take_text(&use, names->names[names->count++], FY_OBJECT_BYTES_MAX + 1);
    fy_cs_end(&use);
}

static void erase(struct fy_cs *self, struct fy_cat_flush *flush, struct fy_cs_container *container,
                  const char *name)
{
    struct fy_cs_object object;
    const struct fy_cs_name at = {.container = container,
                                  .name = name,
                                  .object = &object,
                                  .client = container->row.account,
                                  .op_id = flush->op_id};
    fy_cs_object_read(self, self->writer, container->id, name, &object);
    flush->removed += fy_cs_name_erase(self, &at, flush->limit - flush->removed);
}

/* All names of one kind, as far as the limit goes. */
static void flush_kind(struct fy_cs *self, struct fy_cat_flush *flush,
                       struct fy_cs_container *container, enum fy_cs_sql sql)
{
    struct names names;
    char after[FY_OBJECT_BYTES_MAX + 1] = "";
    do {
        names_read(self, sql, container->id, after, &names);
        for (size_t index = 0; index < names.count && flush->removed < flush->limit; index++)
            if (strcmp(names.names[index], after) != 0) {
                memcpy(after, names.names[index], sizeof after);
                erase(self, flush, container, after);
            }
    } while (names.count == NAMES_ROWS && flush->removed < flush->limit &&
             !fy_cs_conn_failed(self->writer));
}

enum fy_code fy_cs_flush(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_flush *flush = (struct fy_cat_flush *)(void *)op;
    struct fy_cs_container container;
    FY_ASSERT(flush->limit >= 1);
    FY_ASSERT(flush->limit <= FY_FLUSH_ROWS_MAX);
    flush->removed = 0;
    flush->more = false;
    flush->gone = false;
    enum fy_code code = find(self, flush->account, flush->name, &container, &op->err);
    if (code == FY_OK)
        code = fy_cs_may_go(self, &container, &op->err);
    if (code != FY_OK)
        return code;
    flush_kind(self, flush, &container, FY_CS_FLUSH_READY);
    flush_kind(self, flush, &container, FY_CS_FLUSH_MARKERS);
    flush_kind(self, flush, &container, FY_CS_FLUSH_VERSIONS);
    flush->more =
        flush->removed == flush->limit && fy_cs_container_filled(self->writer, &container);
    flush->gone = !container.there;
    return FY_OK;
}

/* ------------------------------------------------------------------ purge */

struct purge {
    struct fy_cat_versions_purge *op;
    struct fy_cs_container container;
    int64_t kept;             /* versions of a name; negative all of them */
    int64_t deleted_until_ms; /* names deleted before that are erased; INT64_MIN none is */
};

static int64_t deleted_until_ms(struct fy_cs *self, const struct fy_container_rules *rules)
{
    int64_t delay_s = rules->keep_deleted_s, delay_ms = self->keep_deleted_ms;
    if (delay_s != FY_UNSET) /* one that is longer than all time is as good as that */
        delay_ms = delay_s < 0 ? -1 : delay_s > INT64_MAX / 1000 ? INT64_MAX : delay_s * 1000;
    return delay_ms < 0 ? INT64_MIN : self->now_ms - delay_ms;
}

/* The next name above `after` of one kind, if it is below what *next is; "" is none. */
static void next_name(struct fy_cs *self, enum fy_cs_sql sql, int64_t container_id,
                      const char *after, char next[static FY_OBJECT_BYTES_MAX + 1])
{
    char name[FY_OBJECT_BYTES_MAX + 1] = "";
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_i64(&use, container_id);
    fy_cs_text(&use, after);
    fy_cs_i64(&use, 1);
    if (fy_cs_row(&use))
        fy_cs_take_text(&use, name, sizeof name);
    fy_cs_end(&use);
    if (name[0] != '\0' && (next[0] == '\0' || strcmp(name, next) < 0))
        memcpy(next, name, sizeof name);
}

static bool is_deleted_long_since(struct fy_cs *self, const struct purge *purge,
                                  const struct fy_cs_name *at)
{
    struct fy_object_row top;
    return at->object->marker && fy_stamp_ms(&at->object->reg.stamp) < purge->deleted_until_ms &&
           !(fy_cs_version_top(self, self->writer, at->container->id, at->name, &top) &&
             fy_cs_is_newer(&top, at->object));
}

/* false: the transaction is full, and the name may have more. */
static bool purge_name(struct fy_cs *self, struct purge *purge, const char *name)
{
    struct fy_cat_versions_purge *op = purge->op;
    struct fy_cs_object object;
    const struct fy_cs_name at = {.container = &purge->container,
                                  .name = name,
                                  .object = &object,
                                  .client = purge->container.row.account,
                                  .op_id = op->op_id};
    fy_cs_object_read(self, self->writer, purge->container.id, name, &object);
    if (is_deleted_long_since(self, purge, &at))
        op->removed += fy_cs_name_erase(self, &at, FY_FLUSH_ROWS_MAX - op->removed);
    else if (purge->kept >= 0)
        op->removed += fy_cs_versions_trim(self, &at, purge->kept > 0 ? purge->kept : 1,
                                           FY_FLUSH_ROWS_MAX - op->removed);
    return op->removed < FY_FLUSH_ROWS_MAX;
}

/* Names that have but one version, and that a body, are none of its business. */
static bool purge_next(struct fy_cs *self, struct purge *purge)
{
    char name[FY_OBJECT_BYTES_MAX + 1] = "";
    const char *after = purge->op->last;
    next_name(self, FY_CS_FLUSH_MARKERS, purge->container.id, after, name);
    next_name(self, FY_CS_FLUSH_VERSIONS, purge->container.id, after, name);
    purge->op->more = name[0] != '\0';
    if (!purge->op->more || !purge_name(self, purge, name))
        return false;
    memcpy(purge->op->last, name, sizeof name);
    return !fy_cs_conn_failed(self->writer);
}

enum fy_code fy_cs_versions_purge(struct fy_cs *self, struct fy_cat_op *op)
{
    struct purge purge = {.op = (struct fy_cat_versions_purge *)(void *)op};
    FY_ASSERT(purge.op->limit >= 1);
    purge.op->removed = 0;
    purge.op->more = false;
    memcpy(purge.op->last, purge.op->after, sizeof purge.op->last);
    enum fy_code code = find(self, purge.op->account, purge.op->name, &purge.container, &op->err);
    if (code == FY_OK)
        code = fy_cs_takes_changes(self, &purge.container, &op->err);
    if (code != FY_OK)
        return code;
    purge.kept =
        purge.op->policy != FY_UNSET ? purge.op->policy : fy_cs_policy(self, &purge.container);
    purge.deleted_until_ms = deleted_until_ms(self, &purge.container.row.rules);
    for (uint32_t count = 0; count < purge.op->limit && purge_next(self, &purge); count++)
        continue;
    return FY_OK;
}
