/* catalogue_sql_mark.c - READY objects by name, many and light: what sums of a range are made of.
 */
#include <stdlib.h>
#include <string.h>

#include "common/adapters/catalogue_sql_internal.h"

struct marks {
    struct fy_cs *self;
    int64_t container_id;
    const char *prefix;
    char after[FY_OBJECT_BYTES_MAX + 1];
    struct fy_object_mark *page; /* FY_CS_MARKS_ROWS of them */
};

static void take_mark(struct fy_cs_use *use, struct fy_object_mark *mark)
{
    fy_cs_take_text(use, mark->name, sizeof mark->name);
    fy_cs_take_stamp(use, &mark->stamp);
    mark->size = fy_cs_take_i64(use);
    mark->has_digest = fy_cs_take_digest(use, &mark->digest);
}

/* One short read. The connection is back before the rows are visited. */
static enum fy_code read_page(struct marks *marks, size_t *count, struct fy_err *err)
{
    char end[FY_CS_END_BYTES];
    struct fy_cs_conn *reader = fy_cs_reader_take(marks->self);
    struct fy_cs_use use = fy_cs_use(reader, FY_CS_OBJECT_MARKS);
    fy_cs_i64(&use, marks->container_id);
    fy_cs_text(&use, strcmp(marks->after, marks->prefix) > 0 ? marks->after : marks->prefix);
    fy_cs_text(&use, marks->after);
    fy_cs_prefix_end(&use, marks->prefix, end);
    fy_cs_i64(&use, FY_CS_MARKS_ROWS);
    *count = 0;
    while (*count < FY_CS_MARKS_ROWS && fy_cs_row(&use))
        take_mark(&use, &marks->page[(*count)++]);
    fy_cs_end(&use);
    return fy_cs_reader_give(marks->self, reader, err);
}

static enum fy_code walk(struct marks *marks, fy_mark_visit_fn *visit, void *arg,
                         struct fy_err *err)
{
    size_t count;
    do {
        enum fy_code code = read_page(marks, &count, err);
        if (code != FY_OK)
            return code;
        for (size_t index = 0; index < count; index++)
            if (!visit(arg, &marks->page[index]))
                return FY_OK;
        if (count > 0)
            memcpy(marks->after, marks->page[count - 1].name, sizeof marks->after);
    } while (count == FY_CS_MARKS_ROWS);
    return FY_OK;
}

enum fy_code fy_cs_object_marks(struct fy_catalogue *port, const char *account, const char *bucket,
                                const char *prefix, const char *after, fy_mark_visit_fn *visit,
                                void *arg, struct fy_err *err)
{
    struct marks marks = {.self = fy_cs_from(port), .prefix = prefix};
    struct fy_cs_container container;
    enum fy_code code = fy_cs_container_look_up(marks.self, account, bucket, &container, err);
    if (code != FY_OK)
        return code;
    if (strlen(prefix) > FY_OBJECT_BYTES_MAX ||
        !fy_text_copy(marks.after, sizeof marks.after, after))
        return fy_err_set(err, FY_EINPUT, "the prefix or the name to go on after is too long");
    marks.container_id = container.id;
    marks.page = fy_alloc(FY_CS_MARKS_ROWS * sizeof *marks.page);
    code = walk(&marks, visit, arg, err);
    free(marks.page);
    return code;
}
