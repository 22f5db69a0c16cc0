/* catalogue_sql_snapshot_end.c - copies removed, and ordered from the other sites. */
/*
 * Both go page by page, and whoever is next goes on where one died: what is hidden and has no
 * account is rows to be removed, and then the places that they were hidden for are free again;
 * what is shown keeps the name behind which its orders are owed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

#define ORDER_ROWS 32 /* read at once; a row is 6 KiB */

/* ------------------------------------------------------------------ removed */

/* A page of rows that goes, and the bodies that they let go of. */
struct page {
    int64_t *bodies;
    size_t body_count;
    int64_t count;
    struct fy_cs_cursor last;
};

static void page_let_go(struct page *page, int64_t body_id)
{
    if (body_id != 0)
        page->bodies[page->body_count++] = body_id;
}

static void page_end(struct fy_cs *self, struct page *page)
{
    for (size_t index = 0; index < page->body_count; index++)
        fy_cs_body_let_go(self, page->bodies[index]);
    free(page->bodies);
}

/* Each removes up to limit rows of a container; how many there were. */
static int64_t remove_objects(struct fy_cs *self, int64_t container_id, int64_t limit)
{
    struct page page = {.bodies = fy_alloc((size_t)limit * sizeof(int64_t))};
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_ROWS);
    fy_cs_i64(&use, container_id);
    fy_cs_i64(&use, limit);
    while (page.count < limit && fy_cs_row(&use)) {
        fy_cs_take_text(&use, page.last.name, sizeof page.last.name);
        bool ready = fy_cs_take_i64(&use) == FY_STATUS_READY;
        int64_t size = fy_cs_take_i64(&use), body_id = fy_cs_take_i64(&use);
        int64_t kept_id = fy_cs_take_i64(&use);
        self->counters.objects -= ready;
        self->counters.bytes -= ready ? size : 0;
        self->counters.kept_objects -= kept_id != 0;
        self->counters.kept_bytes -= kept_id != 0 ? size : 0;
        page_let_go(&page, body_id != 0 ? body_id : kept_id); /* a row has one of them at most */
        page.count++;
    }
    fy_cs_end(&use);
    use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_ROWS_DELETE);
    fy_cs_i64(&use, container_id);
    fy_cs_text(&use, page.last.name);
    fy_cs_send(&use);
    page_end(self, &page);
    return page.count;
}

static int64_t remove_versions(struct fy_cs *self, int64_t container_id, int64_t limit)
{
    struct page page = {.bodies = fy_alloc((size_t)limit * sizeof(int64_t))};
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_ROWS_OF_VERSION);
    fy_cs_i64(&use, container_id);
    fy_cs_i64(&use, limit);
    while (page.count < limit && fy_cs_row(&use)) {
        fy_cs_take_text(&use, page.last.name, sizeof page.last.name);
        page.last.number = fy_cs_take_i64(&use);
        page_let_go(&page, fy_cs_take_i64(&use));
        page.count++;
    }
    fy_cs_end(&use);
    use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_VERSIONS_DELETE);
    fy_cs_i64(&use, container_id);
    fy_cs_text(&use, page.last.name);
    fy_cs_i64(&use, page.last.number);
    fy_cs_send(&use);
    page_end(self, &page);
    return page.count;
}

static void run_with_id(struct fy_cs *self, enum fy_cs_sql sql, int64_t id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, sql);
    fy_cs_i64(&use, id);
    fy_cs_send(&use);
}

/* Removes rows of a hidden container, and it with the last; false: there are more. */
static bool remove_page(struct fy_cs *self, int64_t container_id, int64_t limit)
{
    if (remove_objects(self, container_id, limit) == limit ||
        remove_versions(self, container_id, limit) == limit)
        return false;
    run_with_id(self, FY_CS_PROPERTY_DELETE_ALL, container_id);
    run_with_id(self, FY_CS_SUM_DELETE, container_id);
    run_with_id(self, FY_CS_CONTAINER_DELETE, container_id);
    return true;
}

static void unhide(struct fy_cs *self, int64_t container_id)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_HIDDEN);
    fy_cs_text(&use, "");
    fy_cs_i64(&use, container_id);
    fy_cs_expect(&use);
    fy_cs_containers_forget(self);
}

/* 0: this process makes no snapshot onto that name. */
static int64_t place_of(struct fy_cs *self, const struct fy_cat_snapshot *snapshot)
{
    int64_t id = 0;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_PLACE);
    fy_cs_text(&use, snapshot->to_account);
    fy_cs_text(&use, snapshot->to_name);
    fy_cs_text(&use, self->boot_id);
    if (fy_cs_row(&use))
        id = fy_cs_take_i64(&use);
    fy_cs_end(&use);
    return id;
}

static enum fy_code undo_own(struct fy_cs *self, struct fy_cat_snapshot *snapshot)
{
    struct fy_cs_container copy;
    char name[FY_CS_COPY_NAME_BYTES];
    bool copied = false;
    int64_t place_id = place_of(self, snapshot);
    fy_cs_snapshot_name(place_id, name);
    if (place_id != 0)
        copied = fy_cs_container_read(self->writer, "", name, &copy);
    bool another = copied && snapshot->copy_id != 0 && copy.id != snapshot->copy_id;
    if (place_id == 0 || another)
        return fy_err_set(&snapshot->op.err, FY_ENOTFOUND, "no snapshot onto %s is being made here",
                          snapshot->to_name);
    snapshot->more = copied && !remove_page(self, copy.id, snapshot->limit);
    if (snapshot->more)
        return FY_OK;
    unhide(self, place_id);
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_LEAVE);
    fy_cs_text(&use, snapshot->account);
    fy_cs_text(&use, snapshot->name);
    fy_cs_text(&use, self->boot_id);
    fy_cs_send(&use); /* none changed: the source is gone */
    return FY_OK;
}

/* ------------------------------------------------------------------ ordered */

/* A container whose orders are owed, and behind which name. */
struct owed {
    struct fy_cs_container container;
    char after[FY_OBJECT_BYTES_MAX + 1];
};

static bool owed_take(struct fy_cs_use *use, struct owed *owed)
{
    bool found = fy_cs_row(use);
    if (found) {
        fy_cs_take_container(use, &owed->container);
        fy_cs_take_text(use, owed->after, sizeof owed->after);
    }
    fy_cs_end(use);
    return found;
}

static void order_add(struct fy_cs *self, const struct owed *owed, const char *op_id,
                      const struct fy_object_row *row)
{
    const struct fy_container_row *container = &owed->container.row;
    struct fy_order order;
    if (strcmp(row->reg.stamp.site, self->site) != 0)
        return; /* another site's change came since, and is its to order */
    fy_cs_order_begin(&order, FY_ACTION_CREATE, &row->reg.stamp, op_id, container->account,
                      container->name);
    memcpy(order.object, row->name, sizeof order.object);
    fy_digest_print_base32hex(&row->reg.digest, order.hash);
    order.size = row->size;
    order.overwrites = container->rules.versioned;
    fy_cs_outbox_local(self, &order, container->account);
}

/* The next READY objects behind the name; how many there are. */
static uint32_t read_objects(struct fy_cs *self, const struct owed *owed, uint32_t limit,
                             struct fy_object_row *rows)
{
    uint32_t count = 0;
    char end[FY_CS_END_BYTES];
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_OBJECT_LIST_READY);
    fy_cs_i64(&use, owed->container.id);
    fy_cs_text(&use, owed->after);
    fy_cs_text(&use, owed->after);
    fy_cs_prefix_end(&use, "", end);
    fy_cs_i64(&use, limit);
    while (count < limit && fy_cs_row(&use))
        fy_cs_take_object_row(self, &use, &rows[count++]);
    fy_cs_end(&use);
    return count;
}

/* Up to limit orders; what is owed then goes into the row. */
static bool order_page(struct fy_cs *self, struct owed *owed, const char *op_id, uint32_t limit)
{
    struct fy_object_row *rows = fy_alloc(ORDER_ROWS * sizeof *rows);
    uint32_t wanted = 0, count = 0;
    do {
        wanted = limit < ORDER_ROWS ? limit : ORDER_ROWS;
        count = read_objects(self, owed, wanted, rows);
        for (uint32_t index = 0; index < count; index++)
            order_add(self, owed, op_id, &rows[index]);
        if (count > 0)
            memcpy(owed->after, rows[count - 1].name, sizeof owed->after);
        limit -= count;
    } while (count == wanted && limit > 0);
    free(rows);
    bool more = count == wanted;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_OWES);
    fy_cs_text(&use, more ? self->boot_id : "");
    fy_cs_text(&use, owed->after);
    fy_cs_i64(&use, owed->container.id);
    fy_cs_expect(&use);
    return more;
}

enum fy_code fy_cs_snapshot_order(struct fy_cs *self, struct fy_cat_snapshot *snapshot)
{
    struct owed owed;
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_OWED);
    fy_cs_text(&use, snapshot->to_account);
    fy_cs_text(&use, snapshot->to_name);
    fy_cs_text(&use, self->boot_id);
    if (owed_take(&use, &owed))
        snapshot->more = order_page(self, &owed, snapshot->op_id, snapshot->limit);
    return FY_OK;
}

/* ------------------------------------------------------------------ of the dead */

/* Something that no living process hides; those without an account first, since places hide for
 * them. */
static bool find_hidden(struct fy_cs *self, int64_t *id, bool *is_place)
{
    char account[FY_CLIENT_BYTES_MAX + 1];
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_DEAD);
    bool found = fy_cs_row(&use);
    if (found) {
        *id = fy_cs_take_i64(&use);
        fy_cs_take_text(&use, account, sizeof account);
        *is_place = account[0] != '\0';
    }
    fy_cs_end(&use);
    return found;
}

static enum fy_code undo_dead(struct fy_cs *self, struct fy_cat_snapshot *snapshot)
{
    int64_t id = 0;
    bool is_place = false;
    struct owed owed;
    snapshot->more = true; /* who asks again hears of the end */
    if (find_hidden(self, &id, &is_place)) {
        if (is_place)
            unhide(self, id);
        else
            (void)remove_page(self, id, snapshot->limit); /* the next look sees what is left */
        return FY_OK;
    }
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SNAPSHOT_OWED_ANY);
    fy_cs_text(&use, self->boot_id);
    if (owed_take(&use, &owed)) {
        (void)order_page(self, &owed, snapshot->op_id, snapshot->limit); /* likewise */
        return FY_OK;
    }
    snapshot->more = false;
    return fy_err_set(&snapshot->op.err, FY_ENOTFOUND, "no dead process has left a snapshot");
}

enum fy_code fy_cs_snapshot_undo(struct fy_cs *self, struct fy_cat_snapshot *snapshot)
{
    return snapshot->to_name[0] == '\0' ? undo_dead(self, snapshot) : undo_own(self, snapshot);
}
