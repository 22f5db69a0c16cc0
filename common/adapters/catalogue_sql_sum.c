/* catalogue_sql_sum.c - what is in each container: kept, and counted. */
/*
 * A transaction gathers what it adds, and writes it once for each container at its end. An engine
 * that many processes write to keeps what each of them added, so that they need not wait for each
 * other, and folds it from time to time.
 */
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

#define PAGE_ROWS 10000 /* counted in one statement, which has to end in time */

/* Ends at FY_CS_SUM_MAX, as the statements do. Nothing that is counted comes there (see
 * FY_PROMISED_BYTES_MAX), but clients may set a sum below what is there, again and again. */
static int64_t plus(int64_t sum, int64_t more)
{
    int64_t total = 0;
    if (__builtin_add_overflow(sum, more, &total))
        return more < 0 ? -FY_CS_SUM_MAX : FY_CS_SUM_MAX;
    return total > FY_CS_SUM_MAX ? FY_CS_SUM_MAX : total < -FY_CS_SUM_MAX ? -FY_CS_SUM_MAX : total;
}

static void add(struct fy_cs_sum *sum, int64_t objects, int64_t bytes, int64_t changes)
{
    sum->objects = plus(sum->objects, objects);
    sum->bytes = plus(sum->bytes, bytes);
    sum->changes = plus(sum->changes, changes);
}

void fy_cs_sums_save(struct fy_cs *self)
{
    for (size_t index = 0; index < self->sum_count; index++) {
        const struct fy_cs_sum *sum = &self->sums[index];
        if (sum->objects == 0 && sum->bytes == 0 && sum->changes == 0)
            continue;
        struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SUM_ADD);
        fy_cs_i64(&use, sum->container_id);
        fy_cs_i64(&use, sum->objects);
        fy_cs_i64(&use, sum->bytes);
        fy_cs_i64(&use, sum->changes);
        fy_cs_send(&use);
        fy_cs_tell_state(self, sum->container_id, NULL);
    }
    self->sum_count = 0;
}

/* What the transaction adds to the container; NULL: nothing yet. */
static struct fy_cs_sum *added(struct fy_cs *self, int64_t container_id)
{
    for (size_t index = 0; index < self->sum_count; index++)
        if (self->sums[index].container_id == container_id)
            return &self->sums[index];
    return NULL;
}

void fy_cs_sum_add(struct fy_cs *self, int64_t container_id, int64_t objects, int64_t bytes,
                   int64_t changes)
{
    FY_ASSERT(container_id != 0 || fy_cs_conn_failed(self->writer));
    struct fy_cs_sum *sum = added(self, container_id);
    if (sum == NULL) {
        if (self->sum_count == FY_CS_SUMS_MAX)
            fy_cs_sums_save(self);
        sum = &self->sums[self->sum_count++];
        *sum = (struct fy_cs_sum){.container_id = container_id};
    }
    add(sum, objects, bytes, changes);
}

void fy_cs_sum_correct(struct fy_cs *self, int64_t container_id, int64_t objects, int64_t bytes,
                       int64_t changes)
{
    struct fy_cs_use use = fy_cs_use(self->writer, FY_CS_SUM_CORRECTED);
    fy_cs_i64(&use, container_id);
    fy_cs_send(&use);
    fy_cs_sum_add(self, container_id, objects, bytes, changes);
}

static int64_t corrections(struct fy_cs_conn *conn, int64_t container_id)
{
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_SUM_CORRECTIONS);
    fy_cs_i64(&use, container_id);
    int64_t count = fy_cs_row(&use) ? fy_cs_take_i64(&use) : 0;
    fy_cs_end(&use);
    return count;
}

struct fy_cs_sum fy_cs_sum_get(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id)
{
    struct fy_cs_sum sum = {.container_id = container_id};
    struct fy_cs_use use = fy_cs_use(conn, FY_CS_SUM_GET);
    fy_cs_i64(&use, container_id);
    if (fy_cs_row(&use)) {
        sum.objects = fy_cs_take_i64(&use);
        sum.bytes = fy_cs_take_i64(&use);
        sum.changes = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    const struct fy_cs_sum *more = conn == self->writer ? added(self, container_id) : NULL;
    if (more != NULL)
        add(&sum, more->objects, more->bytes, more->changes);
    return sum;
}

/* ------------------------------------------------------------------ counted */

int64_t fy_cs_sum_page(struct fy_cs_conn *conn, enum fy_cs_sql sql, int64_t row_count,
                       struct fy_cs_cursor *after, struct fy_cs_sum *sum)
{
    int64_t count = 0;
    struct fy_cs_cursor last = *after; /* bound while after moves */
    struct fy_cs_use use = fy_cs_use(conn, sql);
    fy_cs_i64(&use, sum->container_id);
    fy_cs_text(&use, last.name);
    fy_cs_i64(&use, last.number);
    fy_cs_i64(&use, row_count);
    if (fy_cs_row(&use) && (count = fy_cs_take_i64(&use)) > 0) {
        int64_t objects = fy_cs_take_i64(&use);
        add(sum, objects, fy_cs_take_i64(&use), 0);
        fy_cs_take_text(&use, after->name, sizeof after->name);
        after->number = fy_cs_take_i64(&use);
    }
    fy_cs_end(&use);
    return fy_cs_conn_failed(conn) ? 0 : count;
}

struct fy_cs_sum fy_cs_sum_count(struct fy_cs_conn *conn, int64_t container_id)
{
    static const enum fy_cs_sql tables[] = {FY_CS_AUDIT_SUM_OBJECTS, FY_CS_AUDIT_SUM_VERSIONS};
    struct fy_cs_sum sum = {.container_id = container_id};
    for (size_t index = 0; index < FY_COUNT_OF(tables); index++) {
        struct fy_cs_cursor after = {.number = 0};
        while (fy_cs_sum_page(conn, tables[index], PAGE_ROWS, &after, &sum) == PAGE_ROWS)
            continue;
    }
    return sum;
}

/* What the rows have more than the sums. */
static void count_rows(struct fy_cs *self, struct fy_cs_conn *conn, int64_t container_id,
                       struct fy_cat_count *count)
{
    struct fy_cs_sum kept = fy_cs_sum_get(self, conn, container_id);
    struct fy_cs_sum counted = fy_cs_sum_count(conn, container_id);
    *count = (struct fy_cat_count){.container_id = container_id,
                                   .objects = counted.objects - kept.objects,
                                   .bytes = counted.bytes - kept.bytes,
                                   .corrections = corrections(conn, container_id)};
}

enum fy_code fy_cs_container_count(struct fy_catalogue *port, const char *account, const char *name,
                                   struct fy_cat_count *found, struct fy_err *err)
{
    struct fy_cs *self = fy_cs_from(port);
    struct fy_cs_container container;
    struct fy_cat_count counted = {.container_id = 0};
    struct fy_cs_conn *reader = fy_cs_reader_take(self);
    fy_cs_exec(reader, FY_CS_BEGIN_READ);
    bool is_there = fy_cs_container_read(reader, account, name, &container) && container.there &&
                    !container.hidden;
    if (is_there)
        count_rows(self, reader, container.id, &counted);
    fy_cs_exec(reader, FY_CS_COMMIT);
    enum fy_code code = fy_cs_reader_give(self, reader, err);
    if (code != FY_OK)
        return code;
    if (!is_there)
        return fy_err_set(err, FY_ENOTFOUND, "container %.100s is not here", name);
    *found = counted;
    return FY_OK;
}

/* Whoever changes rows adds the same to the sums, so what they differ by stays, until somebody
 * corrects it. */
static bool is_stale(struct fy_cs *self, int64_t container_id, const struct fy_cat_count *count)
{
    return count->container_id != container_id ||
           count->corrections != corrections(self->writer, container_id);
}

enum fy_code fy_cs_touch(struct fy_cs *self, struct fy_cat_op *op)
{
    struct fy_cat_touch *touch = (struct fy_cat_touch *)(void *)op;
    struct fy_cs_container container;
    struct fy_cat_count counted = touch->count;
    touch->stale = false;
    if (!fy_cs_container_find(self, touch->account, touch->name, &container) || !container.there)
        return fy_err_set(&op->err, FY_ENOTFOUND, "container %.100s is not here", touch->name);
    touch->stale =
        touch->recount && counted.container_id != 0 && is_stale(self, container.id, &counted);
    if (touch->stale)
        return FY_OK;
    fy_cs_tell_state(self, container.id, &touch->asker);
    if (!touch->recount)
        return FY_OK;
    if (counted.container_id == 0)
        count_rows(self, self->writer, container.id, &counted);
    if (counted.objects != 0 || counted.bytes != 0)
        fy_cs_sum_correct(self, container.id, counted.objects, counted.bytes, 1);
    else
        fy_cs_sum_add(self, container.id, 0, 0, 1);
    return FY_OK;
}
