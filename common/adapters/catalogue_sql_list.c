/* catalogue_sql_list.c - lists: pages of rows, read before they are visited. */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"
#include "common/adapters/filter_json.h"
#include "common/core/utf8.h"

/* ------------------------------------------------------------------ the runner */

struct page {
    char *rows;
    uint32_t count;
    bool more; /* rows may follow */
};

static enum fy_code page_read(struct fy_cs_list *list, uint32_t rows_wanted, struct page *page,
                              struct fy_err *err)
{
    struct fy_cs_conn *reader = fy_cs_reader_take(list->self);
    struct fy_cs_use use = fy_cs_use(reader, list->sql);
    uint32_t seen = 0;
    page->count = 0;
    list->bind(list, &use, list->self->engine->scan_rows);
    while (page->count < rows_wanted && fy_cs_row(&use)) {
        seen++;
        if (list->take(list, &use, page->rows + page->count * list->row_bytes))
            page->count++;
    }
    fy_cs_end(&use);
    page->more = page->count == rows_wanted || seen == list->self->engine->scan_rows;
    return fy_cs_reader_give(list->self, reader, err);
}

static void page_drop(struct fy_cs_list *list, struct page *page)
{
    for (uint32_t index = 0; list->drop != NULL && index < page->count; index++)
        list->drop(page->rows + index * list->row_bytes);
}

static bool page_visit(struct fy_cs_list *list, const struct page *page)
{
    for (uint32_t index = 0; index < page->count; index++)
        if (!list->visit(list, page->rows + index * list->row_bytes))
            return false;
    return true;
}

enum fy_code fy_cs_list_run(struct fy_cs_list *list, struct fy_err *err)
{
    FY_ASSERT(list->row_bytes > 0);
    const uint32_t capacity = list->limit < FY_CS_PAGE_ROWS ? list->limit : FY_CS_PAGE_ROWS;
    if (capacity == 0)
        return FY_OK;
    struct page page = {.rows = fy_alloc(capacity * list->row_bytes), .more = true};
    enum fy_code code = FY_OK;
    uint32_t left = list->limit;
    bool wanted = true;
    while (code == FY_OK && wanted && page.more && left > 0) {
        code = page_read(list, left < capacity ? left : capacity, &page, err);
        if (code == FY_OK)
            wanted = page_visit(list, &page);
        left -= page.count;
        page_drop(list, &page);
    }
    free(page.rows);
    return code;
}

/* ------------------------------------------------------------------ objects */

struct object_list {
    struct fy_cs_list list;
    int64_t container_id;
    const struct fy_filter *filter;       /* may be NULL */
    const char *given;                    /* where the caller goes on after */
    char prefix[FY_OBJECT_BYTES_MAX + 1]; /* of the filter, in whole characters */
    char after[FY_OBJECT_BYTES_MAX + 1];
    char end[FY_CS_END_BYTES]; /* of the prefix */
    fy_object_visit_fn *visit;
    void *arg;
};

/* The character after the one that begins at text, or 0: it is the last there is. */
static uint32_t character_after(const char *text, size_t step)
{
    static const unsigned char head[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = (unsigned char)text[0] & head[step];
    for (size_t index = 1; index < step; index++)
        code = (code << 6) | ((unsigned char)text[index] & 0x3f);
    if (code == 0x10ffff)
        return 0;
    return code + 1 == 0xd800 ? 0xe000 : code + 1; /* surrogates are none */
}

static size_t character_write(char *text, uint32_t code)
{
    static const unsigned char head[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t step = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t index = step - 1; index > 0; index--, code >>= 6)
        text[index] = (char)(0x80 | (code & 0x3f));
    text[0] = (char)(head[step] | code);
    return step;
}

static_assert((FY_CS_END_BYTES - 1) % 4 == 0, "whole characters of four bytes");

static void fill_above_all(char end[static FY_CS_END_BYTES])
{
    static const char last[] = {'\xf4', '\x8f', '\xbf', '\xbf'};
    for (size_t index = 0; index < FY_CS_END_BYTES - 1; index++)
        end[index] = last[index % sizeof last];
    end[FY_CS_END_BYTES - 1] = '\0';
}

/* The names that a prefix covers end before the least text above all that begin so. Characters
 * sort as their bytes do, and an engine may take nothing but UTF-8. */
void fy_cs_names_end(const char *prefix, char end[static FY_CS_END_BYTES])
{
    size_t size = strlen(prefix);
    memcpy(end, prefix, size + 1);
    while (size > 0) {
        size_t start = size - 1;
        while (start > 0 && ((unsigned char)end[start] & 0xc0) == 0x80)
            start--;
        size_t step = fy_utf8_step(end + start, size - start);
        uint32_t next = step == 0 ? 0 : character_after(end + start, step);
        if (next != 0) {
            end[start + character_write(end + start, next)] = '\0';
            break;
        }
        size = start;
    }
    if (size == 0)
        fill_above_all(end);
}

void fy_cs_prefix_end(struct fy_cs_use *use, const char *prefix, char end[static FY_CS_END_BYTES])
{
    fy_cs_names_end(prefix, end);
    fy_cs_text(use, end);
}

static void object_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    struct object_list *self = (struct object_list *)(void *)list;
    const char *prefix = self->prefix;
    fy_cs_i64(use, self->container_id);
    fy_cs_text(use, strcmp(self->after, prefix) > 0 ? self->after : prefix);
    fy_cs_text(use, self->after);
    fy_cs_prefix_end(use, prefix, self->end);
    fy_cs_i64(use, row_count);
}

static bool object_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct object_list *self = (struct object_list *)(void *)list;
    struct fy_object_row *row = out;
    fy_cs_take_object_row(list->self, use, row);
    memcpy(self->after, row->name, sizeof self->after);
    if (strcmp(row->name, self->given) <= 0)
        return false;
    if (self->filter != NULL && self->filter->kept && !row->kept)
        return false;
    return self->filter == NULL ||
           fy_filter_matches(self->filter, row->reg.status, row->name, row->facts.creation_ms,
                             row->facts.expires_ms, row->size, row->facts.metadata);
}

static bool object_visit(struct fy_cs_list *list, const void *row)
{
    const struct object_list *self = (const struct object_list *)(void *)list;
    return self->visit(self->arg, row);
}

/* Up to where the text is no UTF-8: a cursor or a prefix may be cut within a character. What the
 * statement finds too much by that, object_take leaves out. */
static void copy_characters(char to[static FY_OBJECT_BYTES_MAX + 1], const char *text)
{
    size_t left = strlen(text), size = 0;
    for (size_t step = 1; left > 0 && step > 0; size += step, left -= step)
        step = fy_utf8_step(text + size, left);
    memcpy(to, text, size);
    to[size] = '\0';
}

/* The index that holds the least of what the filter does not want. */
static enum fy_cs_sql object_sql(const struct fy_filter *filter)
{
    unsigned ready = fy_filter_status_bit(FY_STATUS_READY);
    if (filter == NULL || filter->statuses == 0)
        return FY_CS_OBJECT_LIST;
    if (filter->statuses == ready)
        return FY_CS_OBJECT_LIST_READY;
    return (filter->statuses & ready) == 0 ? FY_CS_OBJECT_LIST_REST : FY_CS_OBJECT_LIST;
}

enum fy_code fy_cs_object_list(struct fy_catalogue *port, const char *account, const char *bucket,
                               const struct fy_filter *filter, const char *after, uint32_t limit,
                               fy_object_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct fy_cs *cs = fy_cs_from(port);
    struct fy_cs_container container;
    enum fy_code code = fy_cs_container_look_up(cs, account, bucket, &container, err);
    if (code != FY_OK)
        return code;
    struct object_list self = {
        .list = {.sql = object_sql(filter),
                 .row_bytes = sizeof(struct fy_object_row),
                 .limit = limit,
                 .bind = object_bind,
                 .take = object_take,
                 .visit = object_visit,
                 .self = cs},
        .container_id = container.id,
        .filter = filter,
        .given = after,
        .visit = visit,
        .arg = arg,
    };
    if (strlen(after) >= sizeof self.after)
        return fy_err_set(err, FY_EINPUT, "the name to go on after is too long");
    copy_characters(self.after, after);
    if (filter != NULL)
        copy_characters(self.prefix, filter->name_prefix);
    return fy_cs_list_run(&self.list, err);
}

/* ------------------------------------------------------------------ containers and rights */

struct container_list {
    struct fy_cs_list list;
    const char *account;
    bool ccs_only;
    char after[FY_BUCKET_BYTES_MAX + 1];
    fy_container_visit_fn *visit;
    void *arg;
};

static void container_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct container_list *self = (const struct container_list *)(void *)list;
    fy_cs_text(use, self->account);
    fy_cs_text(use, self->after);
    fy_cs_i64(use, self->ccs_only);
    fy_cs_i64(use, row_count);
}

static bool container_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct container_list *self = (struct container_list *)(void *)list;
    struct fy_cs_container container;
    fy_cs_take_container(use, &container);
    fy_cs_rules_now(list->self, &container.row);
    *(struct fy_container_row *)out = container.row;
    memcpy(self->after, container.row.name, sizeof self->after);
    return true;
}

static bool container_visit(struct fy_cs_list *list, const void *row)
{
    const struct container_list *self = (const struct container_list *)(void *)list;
    return self->visit(self->arg, row);
}

enum fy_code fy_cs_container_list(struct fy_catalogue *port, const char *account, bool ccs_only,
                                  const char *after, uint32_t limit, fy_container_visit_fn *visit,
                                  void *arg, struct fy_err *err)
{
    struct container_list self = {
        .list = {.sql = FY_CS_CONTAINER_LIST,
                 .row_bytes = sizeof(struct fy_container_row),
                 .limit = limit,
                 .bind = container_bind,
                 .take = container_take,
                 .visit = container_visit,
                 .self = fy_cs_from(port)},
        .account = account,
        .ccs_only = ccs_only,
        .visit = visit,
        .arg = arg,
    };
    if (!fy_text_copy(self.after, sizeof self.after, after))
        return fy_err_set(err, FY_EINPUT, "the name to go on after is too long");
    return fy_cs_list_run(&self.list, err);
}

struct container_walk {
    struct fy_cs_list list;
    char account[FY_CLIENT_BYTES_MAX + 1]; /* of the last one */
    char name[FY_BUCKET_BYTES_MAX + 1];
    fy_container_visit_fn *visit;
    void *arg;
};

static void walk_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct container_walk *self = (const struct container_walk *)(void *)list;
    fy_cs_text(use, self->account);
    fy_cs_text(use, self->name);
    fy_cs_i64(use, row_count);
}

static bool walk_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct container_walk *self = (struct container_walk *)(void *)list;
    struct fy_cs_container container;
    fy_cs_take_container(use, &container);
    fy_cs_rules_now(list->self, &container.row);
    *(struct fy_container_row *)out = container.row;
    memcpy(self->account, container.row.account, sizeof self->account);
    memcpy(self->name, container.row.name, sizeof self->name);
    return true;
}

static bool walk_visit(struct fy_cs_list *list, const void *row)
{
    const struct container_walk *self = (const struct container_walk *)(void *)list;
    return self->visit(self->arg, row);
}

enum fy_code fy_cs_container_walk(struct fy_catalogue *port, const char *account, const char *name,
                                  uint32_t limit, fy_container_visit_fn *visit, void *arg,
                                  struct fy_err *err)
{
    struct container_walk self = {
        .list = {.sql = FY_CS_CONTAINER_WALK,
                 .row_bytes = sizeof(struct fy_container_row),
                 .limit = limit,
                 .bind = walk_bind,
                 .take = walk_take,
                 .visit = walk_visit,
                 .self = fy_cs_from(port)},
        .visit = visit,
        .arg = arg,
    };
    if (!fy_text_copy(self.account, sizeof self.account, account) ||
        !fy_text_copy(self.name, sizeof self.name, name))
        return fy_err_set(err, FY_EINPUT, "the container to go on after has too long a name");
    return fy_cs_list_run(&self.list, err);
}

struct right_list {
    struct fy_cs_list list;
    const char *client;
    char after[FY_BUCKET_BYTES_MAX + 1];
    fy_right_visit_fn *visit;
    void *arg;
};

static void right_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct right_list *self = (const struct right_list *)(void *)list;
    fy_cs_text(use, self->client);
    fy_cs_text(use, self->after);
    fy_cs_i64(use, row_count);
}

static bool right_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct right_list *self = (struct right_list *)(void *)list;
    struct fy_right_row *row = out;
    fy_cs_take_text(use, row->client, sizeof row->client);
    fy_cs_take_text(use, row->bucket, sizeof row->bucket);
    row->rights = (unsigned)fy_cs_take_i64(use);
    memcpy(self->after, row->bucket, sizeof self->after);
    return true;
}

static bool right_visit(struct fy_cs_list *list, const void *row)
{
    const struct right_list *self = (const struct right_list *)(void *)list;
    return self->visit(self->arg, row);
}

enum fy_code fy_cs_right_list(struct fy_catalogue *port, const char *client,
                              fy_right_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct right_list self = {
        .list = {.sql = FY_CS_RIGHT_LIST,
                 .row_bytes = sizeof(struct fy_right_row),
                 .limit = UINT32_MAX,
                 .bind = right_bind,
                 .take = right_take,
                 .visit = right_visit,
                 .self = fy_cs_from(port)},
        .client = client,
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

/* ------------------------------------------------------------------ sites and trash */

struct site_list {
    struct fy_cs_list list;
    int64_t after;
    fy_site_visit_fn *visit;
    void *arg;
};

static void site_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    fy_cs_i64(use, ((const struct site_list *)(void *)list)->after);
    fy_cs_i64(use, row_count);
}

static bool site_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    ((struct site_list *)(void *)list)->after = fy_cs_take_site(use, out);
    return true;
}

static bool site_visit(struct fy_cs_list *list, const void *row)
{
    const struct site_list *self = (const struct site_list *)(void *)list;
    return self->visit(self->arg, row);
}

enum fy_code fy_cs_site_list(struct fy_catalogue *port, fy_site_visit_fn *visit, void *arg,
                             struct fy_err *err)
{
    struct site_list self = {
        .list = {.sql = FY_CS_SITE_LIST,
                 .row_bytes = sizeof(struct fy_site_row),
                 .limit = FY_SITES_MAX,
                 .bind = site_bind,
                 .take = site_take,
                 .visit = site_visit,
                 .self = fy_cs_from(port)},
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}

struct trash_row {
    int64_t due_ms;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
};

struct trash_list {
    struct fy_cs_list list;
    int64_t now_ms;
    struct trash_row after;
    fy_blob_visit_fn *visit;
    void *arg;
};

static void trash_bind(struct fy_cs_list *list, struct fy_cs_use *use, int64_t row_count)
{
    const struct trash_list *self = (const struct trash_list *)(void *)list;
    fy_cs_i64(use, self->now_ms);
    fy_cs_i64(use, self->after.due_ms);
    fy_cs_text(use, self->after.blob_ref);
    fy_cs_i64(use, row_count);
}

static bool trash_take(struct fy_cs_list *list, struct fy_cs_use *use, void *out)
{
    struct trash_row *row = out;
    row->due_ms = fy_cs_take_i64(use);
    fy_cs_take_text(use, row->blob_ref, sizeof row->blob_ref);
    ((struct trash_list *)(void *)list)->after = *row;
    return true;
}

static bool trash_visit(struct fy_cs_list *list, const void *row)
{
    const struct trash_list *self = (const struct trash_list *)(void *)list;
    return self->visit(self->arg, ((const struct trash_row *)row)->blob_ref);
}

enum fy_code fy_cs_trash_due(struct fy_catalogue *port, int64_t now_ms, uint32_t limit,
                             fy_blob_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct trash_list self = {
        .list = {.sql = FY_CS_TRASH_DUE,
                 .row_bytes = sizeof(struct trash_row),
                 .limit = limit,
                 .bind = trash_bind,
                 .take = trash_take,
                 .visit = trash_visit,
                 .self = fy_cs_from(port)},
        .now_ms = now_ms,
        .after = {.due_ms = INT64_MIN},
        .visit = visit,
        .arg = arg,
    };
    return fy_cs_list_run(&self.list, err);
}
