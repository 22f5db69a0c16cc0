/* catalogue_contract_lines.c - lines of an export, and catalogues held against each other by them.
 */
#include "tests/contract/catalogue_contract_lines.h"

#include <stdlib.h>
#include <string.h>

#include "common/adapters/export_json.h"

static void one_add(struct lines *lines, const char *text, size_t size_bytes)
{
    assert_true(lines->count < LINES_MAX);
    char *copy = fy_alloc(size_bytes + 1);
    memcpy(copy, text, size_bytes);
    lines->texts[lines->count++] = copy;
}

bool lines_add(void *arg, const char *bytes, size_t size_bytes)
{
    for (const char *end; size_bytes > 0; bytes = end + 1) {
        end = memchr(bytes, '\n', size_bytes);
        assert_non_null(end);
        one_add(arg, bytes, (size_t)(end - bytes));
        size_bytes -= (size_t)(end - bytes) + 1;
    }
    return true;
}

static bool journal_step(void *arg, const struct fy_journal_row *row)
{
    struct lines *lines = arg;
    assert_true(row->id > lines->last_id);
    lines->last_id = row->id;
    lines->unknown += row->lines_bytes == 0;
    return lines_add(arg, row->lines, row->lines_bytes);
}

void lines_done(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->texts[i]);
    *lines = (struct lines){.count = 0};
}

void lines_export(struct contract *c, struct lines *lines)
{
    assert_int_equal(fy_catalogue_export_rows(c->catalogue, lines_add, lines, &c->err), FY_OK);
}

void lines_journal(struct contract *c, struct lines *lines)
{
    assert_int_equal(fy_catalogue_journal_read(c->catalogue, lines->last_id, UINT32_MAX,
                                               journal_step, lines, &c->err),
                     FY_OK);
}

enum fy_code lines_restore_one(struct contract *c, const char *text)
{
    struct fy_export_room *room = fy_alloc(sizeof *room);
    struct fy_cat_restore op = {.op.kind = FY_CAT_RESTORE};
    if (fy_export_json_read(text, strlen(text), room, &op.line, &c->err) != FY_OK)
        fail_msg("%s: %s", text, c->err.text);
    enum fy_code code = contract_run(c, &op.op);
    free(room);
    return code;
}

void lines_restore(struct contract *c, const struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        assert_int_equal(lines_restore_one(c, lines->texts[i]), FY_OK);
}

int lines_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void lines_assert_alike(struct contract *one, struct contract *two)
{
    struct lines wanted = {.count = 0}, got = {.count = 0};
    lines_export(one, &wanted);
    lines_export(two, &got);
    qsort(wanted.texts, wanted.count, sizeof wanted.texts[0], lines_compare);
    qsort(got.texts, got.count, sizeof got.texts[0], lines_compare);
    for (size_t i = 0; i < wanted.count && i < got.count; i++)
        assert_string_equal(got.texts[i], wanted.texts[i]);
    assert_int_equal(got.count, wanted.count);
    (void)contract_sound(two);
    assert_int_equal(contract_totals(two).objects, contract_totals(one).objects);
    assert_int_equal(contract_totals(two).bytes, contract_totals(one).bytes);
    assert_int_equal(contract_totals(two).outbox_orders, 0); /* nobody is told again */
    lines_done(&wanted);
    lines_done(&got);
}

struct contract *contract_other_new(struct contract *c)
{
    void *state = NULL;
    catalogue_contract_use(c->factory);
    assert_int_equal(contract_setup(&state), 0);
    return state;
}

void contract_other_free(struct contract *other)
{
    void *state = other;
    assert_int_equal(contract_teardown(&state), 0);
}
