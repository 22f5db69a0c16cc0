/* catalogue_sql_left.c - what is left in a container that is gone. */
/*
 * Its delete came from another site, which knew of no versions here: orders that deleted its names
 * have left delete markers and older versions by the policy of this site. A container that comes
 * again under the name has none of them; so a purge removes them, or whoever makes it again, if
 * they are few enough for one transaction.
 */
#include "common/adapters/catalogue_sql_version.h"

#include <string.h>

struct left_version {
    char name[FY_OBJECT_BYTES_MAX + 1];
    int64_t number, size, body_id;
    enum fy_version_kind kind;
};

static bool version_in(struct fy_cs *self, const struct fy_cs_container *container,
                       struct left_version *left)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_VERSION_IN);
    fy_cs_i64(&use, container->id);
    fy_cs_i64(&use, 1);
    bool found = fy_cs_row(&use);
    if (found) {
        fy_cs_take_text(&use, left->name, sizeof left->name);
        left->number = fy_cs_take_i64(&use);
        left->kind = (enum fy_version_kind)fy_cs_take_i64(&use);
        left->size = fy_cs_take_i64(&use);
        left->body_id = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    return found;
}

static bool remove_version(struct fy_cs *self, const struct fy_cs_container *container)
{
    struct left_version left;
    if (!version_in(self, container, &left))
        return false;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_VERSION_REMOVE);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, left.name);
    fy_cs_i64(&use, left.number);
    if (fy_cs_run(&use) != 1)
        return false; /* somebody was faster */
    if (left.kind != FY_VERSION_MARKER)
        fy_cs_sum_add(self, container->id, -1, -left.size, 0);
    fy_cs_body_let_go(self, left.body_id);
    fy_cs_journal_version_gone(self, container, left.name, left.number);
    return true;
}

/* The tombstone goes on keeping older orders out. */
static bool remove_marker(struct fy_cs *self, const struct fy_cs_container *container)
{
    char name[FY_OBJECT_BYTES_MAX + 1];
    int64_t number = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_MARKER_IN);
    fy_cs_i64(&use, container->id);
    fy_cs_i64(&use, 1);
    bool found = fy_cs_row(&use);
    if (found) {
        fy_cs_take_text(&use, name, sizeof name);
        number = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    if (!found)
        return false;
    use = fy_cs_use(self->writer, FY_CS_OBJECT_MARKER);
    fy_cs_i64(&use, number);
    fy_cs_i64(&use, 0);
    fy_cs_i64(&use, container->id);
    fy_cs_text(&use, name);
    return fy_cs_run(&use) == 1; /* else somebody was faster */
}

bool fy_cs_left_remove(struct fy_cs *self, const struct fy_cs_container *container)
{
    return remove_version(self, container) || remove_marker(self, container);
}

void fy_cs_left_none(struct fy_cs *self, struct fy_cs_container *container)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_CONTAINER_EMPTIED);
    fy_cs_i64(&use, container->id);
    fy_cs_send(&use);
    container->has_registered = false;
}

static bool are_many(struct fy_cs *self, enum fy_cs_sql sql, int64_t container_id)
{
    int64_t count = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_i64(&use, container_id);
    fy_cs_i64(&use, FY_FLUSH_ROWS_MAX + 1);
    while (fy_cs_row(&use))
        count++;
    fy_cs_end(&use);
    return count > FY_FLUSH_ROWS_MAX;
}

enum fy_code fy_cs_left_check(struct fy_cs *self, const struct fy_cs_container *container,
                              enum fy_code code, struct fy_err *err)
{
    if (container->there || !container->has_registered)
        return FY_OK;
    if (!are_many(self, FY_CS_VERSION_IN, container->id) &&
        !are_many(self, FY_CS_MARKER_IN, container->id))
        return FY_OK;
    return fy_err_set(err, code, "versions of the container %s before this one are being removed",
                      container->row.name);
}

void fy_cs_left_clear(struct fy_cs *self, struct fy_cs_container *container)
{
    if (container->there || !container->has_registered)
        return;
    while (fy_cs_left_remove(self, container))
        continue;
    fy_cs_left_none(self, container);
}
