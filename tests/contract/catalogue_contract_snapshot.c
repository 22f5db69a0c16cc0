/* catalogue_contract_snapshot.c - containers copied step by step, and whatever ends in between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/buf.h"
#include "tests/contract/catalogue_contract_lines.h"
#include "tests/support/version_query.h"

#define PAGE 3 /* rows of a step: every part takes several */

/* ------------------------------------------------------------------ steps */

static struct fy_cat_snapshot snapshot_of(const char *source, const char *target)
{
    struct fy_cat_snapshot op = {.op.kind = FY_CAT_SNAPSHOT, .limit = PAGE};
    assert_true(fy_text_copy(op.account, sizeof op.account, "client-1"));
    assert_true(fy_text_copy(op.name, sizeof op.name, source));
    assert_true(fy_text_copy(op.to_account, sizeof op.to_account, "client-1"));
    assert_true(fy_text_copy(op.to_name, sizeof op.to_name, target));
    assert_true(fy_text_copy(op.op_id, sizeof op.op_id, "op-snapshot"));
    return op;
}

static enum fy_code step(struct contract *c, struct fy_cat_snapshot *op, enum fy_snapshot_step step)
{
    op->step = step;
    return contract_run(c, &op->op);
}

/* The next step of a snapshot; false: it was the last. */
static bool step_on(struct contract *c, struct fy_cat_snapshot *op, int *stage)
{
    static const enum fy_snapshot_step steps[] = {FY_SNAPSHOT_BEGIN, FY_SNAPSHOT_COPY,
                                                  FY_SNAPSHOT_SHOW, FY_SNAPSHOT_ORDER};
    assert_int_equal(step(c, op, steps[*stage]), FY_OK);
    if (!op->more)
        ++*stage;
    return *stage < (int)FY_COUNT_OF(steps);
}

/* All steps before that one; which there are. */
static int run_to(struct contract *c, struct fy_cat_snapshot *op, int stop_stage)
{
    int stage = 0;
    while (stage < stop_stage && step_on(c, op, &stage))
        continue;
    return stage;
}

static void run_whole(struct contract *c, const char *source, const char *target)
{
    struct fy_cat_snapshot op = snapshot_of(source, target);
    (void)run_to(c, &op, 4);
}

/* What the keeper does for the processes before it; how many steps that took. */
static int clean_up(struct contract *c)
{
    int count = 0;
    struct fy_cat_snapshot op = {.op.kind = FY_CAT_SNAPSHOT, .limit = PAGE};
    assert_true(fy_text_copy(op.op_id, sizeof op.op_id, "op-keeper"));
    while (step(c, &op, FY_SNAPSHOT_UNDO) == FY_OK)
        assert_true(++count < 1000);
    assert_int_equal(op.op.code, FY_ENOTFOUND);
    return count;
}

/* ------------------------------------------------------------------ what there is */

static bool print_entry(void *arg, const struct fy_version_entry *entry)
{
    const struct fy_object_row *row = entry->row;
    fy_buf_printf(arg, "%s@%lld %s %d%d %lld %s %s %s %lld\n", row->name, (long long)row->version,
                  row->id, row->marker, row->registered, (long long)row->size, row->facts.hash,
                  row->facts.metadata, row->blob_ref, (long long)row->facts.creation_ms);
    return true;
}

static bool print_property(void *arg, const struct fy_property *property)
{
    fy_buf_printf(arg, "%s=%s\n", property->key, property->value);
    return true;
}

/* All that is in the container, and what it is but for its name; free(). "" : it is not there. */
static char *content_of(struct contract *c, const char *name)
{
    struct fy_buf text;
    size_t size = 0;
    const struct fy_container_ref ref = {.account = "client-1", .name = name};
    const struct fy_version_query query = version_query("client-1", name, true, 1000);
    struct fy_container_info info;
    fy_buf_init(&text, 1 << 20);
    fy_buf_add(&text, "", 0);
    if (fy_catalogue_container_info(c->catalogue, &ref, &info, print_property, &text, &c->err) ==
        FY_OK) {
        fy_buf_printf(&text, "%lld %lld %lld %lld %d %lld %lld %d\n", (long long)info.objects,
                      (long long)info.bytes, (long long)info.changes,
                      (long long)info.row.creation_ms, info.row.rules.versioned,
                      (long long)info.row.rules.policy, (long long)info.row.rules.quota,
                      info.row.rules.state);
        assert_int_equal(
            fy_catalogue_version_list(c->catalogue, &query, print_entry, &text, &c->err), FY_OK);
    }
    char *content = fy_buf_take(&text, &size);
    fy_buf_done(&text);
    return content;
}

static void assert_same(struct contract *c, const char *one, const char *other)
{
    char *left = content_of(c, one), *right = content_of(c, other);
    assert_string_equal(left, right);
    assert_true(strlen(left) > 0);
    free(left);
    free(right);
}

/* Objects, an older version, a delete marker, ones that are registered, a row of an older schema,
 * and what the container has been given. */
static void setup_source(struct contract *c)
{
    static const char *const more[] = {
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, body_id, proof) SELECT container_id, name, 7, 0, "
        "'id7', 70, 'site-a', size, 'h7', 7, 0, '{\"k\":\"7\"}', body_id, 1 FROM object WHERE name "
        "= 'older'",
        "DELETE FROM object WHERE name = 'older'",
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, proof) SELECT container_id, 'r', 1 + stamp_time % "
        "1000000, 2, 'idr', 70, 'site-a', 11, 'hr', 7, 0, '', 1 FROM object WHERE name < 'o4'",
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, proof, number, marker) SELECT container_id, 'm', "
        "0, 'idm', 204, 90, 'site-a', 0, '', 7, 0, '', 0, 9, 1 FROM object WHERE name = 'o1'",
        "UPDATE object SET number = 0 WHERE name = 'o1'",
        "UPDATE container SET versioned = 1, policy = 3, quota = 1000000 WHERE name = 'source'",
        "INSERT INTO property(container_id, key, value) SELECT id, 'user.k', 'v' FROM container "
        "WHERE name = 'source'",
        "DELETE FROM container_count",
        "INSERT INTO container_count(container_id, objects, bytes, changes) SELECT id, 9, 58, 12 "
        "FROM container WHERE name = 'source'",
        "UPDATE counters SET objects = 0, bytes = 0",
        "UPDATE counters SET objects = 5, bytes = 20 WHERE id = (SELECT min(id) FROM counters)",
    };
    static const char *const names[] = {"o1", "o2", "o3", "o4", "o5"};
    assert_int_equal(contract_mkbucket(c, "client-1", "source"), FY_OK);
    for (size_t index = 0; index < FY_COUNT_OF(names); index++)
        assert_int_equal(contract_put(c, "client-1", "source", names[index],
                                      names[index][1] == '5' ? "five" : "same"),
                         FY_OK);
    assert_int_equal(contract_put(c, "client-1", "source", "older", "older"), FY_OK);
    contract_close(c);
    for (size_t index = 0; index < FY_COUNT_OF(more); index++)
        c->factory->exec(c->place, more[index]);
    contract_open(c);
    contract_outbox_clear(c);
    contract_sound(c);
}

/* ------------------------------------------------------------------ tests */

static void snapshot_has_all_that_its_source_has(void **state)
{
    struct contract *c = *state;
    setup_source(c);
    run_whole(c, "source", "target");
    assert_same(c, "source", "target");
    contract_sound(c);
    assert_int_equal(clean_up(c), 1); /* the row that had the name, with nothing in it */
    assert_same(c, "source", "target");
    contract_sound(c);
    assert_int_equal(contract_right(c, "client-1", "target"), FY_RIGHT_OWNER);
    struct fy_object_row source = contract_object(c, "source", "o2");
    struct fy_object_row target = contract_object(c, "target", "o2");
    assert_int_equal(target.body_id, source.body_id);
    assert_true(fy_stamp_compare(&target.reg.stamp, &source.reg.stamp) > 0);
    contract_reopen(c);
    assert_same(c, "source", "target");
}

static void frozen_container_has_a_frozen_snapshot(void **state)
{
    struct contract *c = *state;
    setup_source(c);
    contract_close(c);
    c->factory->exec(c->place, "UPDATE container SET state = 1 WHERE name = 'source'");
    contract_open(c);
    run_whole(c, "source", "target");
    assert_same(c, "source", "target");
    assert_int_equal(contract_info(c, "client-1", "target").row.rules.state, FY_CONTAINER_FROZEN);
}

static enum fy_code destroy_code(struct contract *c, const char *name)
{
    return contract_rmbucket(c, "client-1", name);
}

static void nobody_sees_a_snapshot_before_it_is_whole(void **state)
{
    struct contract *c = *state;
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    int stage = 0;
    setup_source(c);
    int64_t objects = contract_totals(c).containers;
    while (stage < 2) {
        (void)step_on(c, &op, &stage);
        char *content = content_of(c, "target");
        assert_string_equal(content, "");
        free(content);
        assert_int_equal(contract_container_code(c, "client-1", "target"), FY_ENOTFOUND);
        assert_int_equal(contract_container_code(c, "", "target"), FY_ENOTFOUND);
        assert_int_equal(contract_totals(c).containers, objects);
        assert_int_equal(contract_mkbucket(c, "client-1", "target"), FY_EBUSY);
        assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "target", "o", "1", 9),
                         FY_EFROZEN);
        assert_int_equal(contract_outbox_count(c), 0);
        contract_sound(c);
    }
}

static void source_takes_no_changes_while_it_is_read(void **state)
{
    struct contract *c = *state;
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    int stage = 0;
    setup_source(c);
    char *before = content_of(c, "source");
    while (stage < 2) {
        (void)step_on(c, &op, &stage);
        assert_int_equal(contract_put(c, "client-1", "source", "new", "1"), FY_EBUSY);
        assert_int_equal(contract_rm(c, "client-1", "source", "o1"), FY_EBUSY);
        assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "source", "o1", "1", 9000),
                         FY_EFROZEN);
        assert_int_equal(
            contract_apply(c, FY_ACTION_DELETE, "client-1", "source", "o1", NULL, 9000),
            FY_EFROZEN);
        assert_true(destroy_code(c, "source") != FY_OK);
    }
    assert_int_equal(step(c, &op, FY_SNAPSHOT_SHOW), FY_OK);
    assert_same(c, "source", "target");
    char *after = content_of(c, "target");
    assert_string_equal(before, after);
    free(before);
    free(after);
    assert_int_equal(contract_put(c, "client-1", "source", "new", "1"), FY_OK);
}

static void other_containers_are_written_between_its_steps(void **state)
{
    struct contract *c = *state;
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    int stage = 0, count = 0;
    char name[16];
    setup_source(c);
    assert_int_equal(contract_mkbucket(c, "client-1", "other"), FY_OK);
    do {
        (void)snprintf(name, sizeof name, "o%d", ++count);
        assert_int_equal(contract_put(c, "client-1", "other", name, "bytes"), FY_OK);
        assert_int_equal(contract_rm(c, "client-1", "other", name), FY_OK);
    } while (step_on(c, &op, &stage));
    assert_true(count > 6);
    assert_same(c, "source", "target");
    contract_sound(c);
}

/* What is done to either is nothing to the other, to the last body. */
static void snapshot_and_source_are_nothing_to_each_other(void **state)
{
    static const char *const names[] = {"o1", "o2", "o3", "o4", "o5"};
    struct contract *c = *state;
    setup_source(c);
    run_whole(c, "source", "target");
    char *before = content_of(c, "target");
    for (size_t index = 0; index < FY_COUNT_OF(names); index++)
        assert_int_equal(contract_rm(c, "client-1", "source", names[index]), FY_OK);
    contract_forget_deleted(c);
    (void)clean_up(c);
    assert_int_equal(contract_sweep(c), 0);
    char *after = content_of(c, "target");
    assert_string_equal(before, after);
    contract_sound(c);
    free(before);
    free(after);
}

/* For the target and with that in them. */
static size_t orders_of(struct contract *c, const char *wanted)
{
    size_t found = 0;
    for (size_t index = 0, count = contract_outbox_count(c); index < count; index++) {
        char *json = contract_outbox(c, index);
        assert_non_null(strstr(json, "\"CREATE\""));
        found += strstr(json, "\"target\"") != NULL && strstr(json, wanted) != NULL;
        free(json);
    }
    return found;
}

static void other_sites_are_told_once_it_is_there(void **state)
{
    struct contract *c = *state;
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    setup_source(c);
    assert_int_equal(run_to(c, &op, 3), 3);
    assert_int_equal(contract_outbox_count(c), 1); /* the container's */
    assert_int_equal(orders_of(c, "\"overwrites\":true"), 1);
    int stage = 3;
    while (step_on(c, &op, &stage))
        continue;
    assert_int_equal(contract_outbox_count(c), 6);
    assert_int_equal(orders_of(c, "\"objectName\":\"o3\""), 1);
    assert_int_equal(orders_of(c, "op-snapshot"), 6);
    assert_int_equal(contract_outcome(c, "op-snapshot"), FY_OUTCOME_LOCAL);
    assert_int_equal(step(c, &op, FY_SNAPSHOT_ORDER), FY_OK); /* nothing is left of them */
    assert_false(op.more);
    assert_int_equal(contract_outbox_count(c), 6);
}

/* Runs so many steps and dies. What the next process finds is nothing, or all of it; and it can be
 * done again. true: the snapshot had more steps than that. */
static bool die_after(struct contract *c, int steps)
{
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    int stage = 0, count = 0;
    bool more = true;
    setup_source(c);
    while (more && count < steps) {
        more = step_on(c, &op, &stage);
        count++;
    }
    contract_reopen(c);
    assert_int_equal(contract_put(c, "client-1", "source", "late", "late"), FY_OK);
    (void)clean_up(c);
    contract_sound(c);
    if (stage >= 3) {
        assert_int_equal(contract_status(c, "target", "o5"), FY_STATUS_READY);
        assert_int_equal(orders_of(c, "\"objectName\":\"o"), 5);
    } else {
        assert_int_equal(contract_container_code(c, "client-1", "target"), FY_ENOTFOUND);
        assert_int_equal(contract_sweep(c), 0);
        run_whole(c, "source", "target");
        assert_same(c, "source", "target");
    }
    (void)clean_up(c);
    contract_sound(c);
    return more;
}

static void snapshot_of_a_process_that_dies_is_whole_or_never_was(void **state)
{
    for (int steps = 0; die_after(*state, steps); steps++) {
        (void)contract_teardown(state);
        (void)contract_setup(state);
    }
}

static void snapshot_that_is_given_up_leaves_nothing(void **state)
{
    struct contract *c = *state;
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    setup_source(c);
    struct fy_catalogue_totals before = contract_totals(c);
    assert_int_equal(run_to(c, &op, 2), 2);
    assert_int_equal(contract_totals(c).objects, before.objects + 5);
    do
        assert_int_equal(step(c, &op, FY_SNAPSHOT_UNDO), FY_OK);
    while (op.more);
    assert_int_equal(step(c, &op, FY_SNAPSHOT_UNDO), FY_ENOTFOUND);
    assert_int_equal(contract_totals(c).objects, before.objects);
    assert_int_equal(contract_totals(c).bytes, before.bytes);
    assert_int_equal(contract_put(c, "client-1", "source", "new", "1"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "target"), FY_OK);
    assert_int_equal(clean_up(c), 0);
    assert_int_equal(contract_sweep(c), 0);
    contract_sound(c);
}

static void living_snapshot_is_nobody_elses_to_remove(void **state)
{
    struct contract *c = *state;
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    setup_source(c);
    assert_int_equal(run_to(c, &op, 2), 2);
    assert_int_equal(clean_up(c), 0);
    assert_int_equal(step(c, &op, FY_SNAPSHOT_SHOW), FY_OK);
    assert_same(c, "source", "target");
}

/* What was deleted from a container of that name stays deleted, whatever comes late; and what is
 * copied over it is newer. */
static void tombstones_outlive_a_snapshot_onto_their_container(void **state)
{
    struct contract *c = *state;
    setup_source(c);
    assert_int_equal(contract_mkbucket(c, "client-1", "target"), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "target", "o1", "late", 9000),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "target", "o1", "late", 9500),
                     FY_OK);
    assert_int_equal(contract_put(c, "client-1", "target", "x", "gone"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "target", "x"), FY_OK);
    struct fy_stamp deleted = contract_object(c, "target", "x").reg.stamp;
    struct fy_stamp ahead = contract_object(c, "target", "o1").reg.stamp;
    assert_int_equal(contract_rmbucket(c, "client-1", "target"), FY_OK);
    contract_forget_deleted(c);
    contract_outbox_clear(c);

    run_whole(c, "source", "target");
    (void)clean_up(c);
    assert_same(c, "source", "target");
    contract_sound(c);
    struct fy_object_row copy = contract_object(c, "target", "o1");
    assert_int_equal(copy.reg.status, FY_STATUS_READY);
    assert_true(fy_stamp_compare(&copy.reg.stamp, &ahead) > 0);
    struct fy_object_row gone = contract_object(c, "target", "x");
    assert_int_equal(gone.reg.status, FY_STATUS_DELETED);
    assert_int_equal(fy_stamp_compare(&gone.reg.stamp, &deleted), 0);
    assert_int_equal(orders_of(c, "\"objectName\":\"x\""), 0);
}

/* Of what was deleted there before, bodies may be kept: nobody can have them back any more. */
static void snapshot_lets_go_of_what_was_kept_under_its_name(void **state)
{
    struct contract *c = *state;
    setup_source(c);
    assert_int_equal(contract_mkbucket(c, "client-1", "target"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "target", "x", "kept"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "target", "x"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "target"), FY_OK);
    run_whole(c, "source", "target");
    contract_sound(c);
    assert_int_equal(contract_sweep(c), 0);
    (void)clean_up(c);
    contract_sound(c);
    assert_int_equal(contract_sweep(c), 1);
    contract_sound(c);
}

static void undone_snapshot_leaves_tombstones_as_they_were(void **state)
{
    struct contract *c = *state;
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    setup_source(c);
    assert_int_equal(contract_mkbucket(c, "client-1", "target"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "target", "o1", "gone"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "target", "o1"), FY_OK);
    struct fy_stamp deleted = contract_object(c, "target", "o1").reg.stamp;
    assert_int_equal(contract_rmbucket(c, "client-1", "target"), FY_OK);
    assert_int_equal(run_to(c, &op, 2), 2);
    contract_reopen(c);
    (void)clean_up(c);
    struct fy_object_row row = contract_object(c, "target", "o1");
    assert_int_equal(row.reg.status, FY_STATUS_DELETED);
    assert_int_equal(fy_stamp_compare(&row.reg.stamp, &deleted), 0);
    assert_int_equal(contract_container(c, "client-1", "target").status, FY_STATUS_DELETED);
    contract_sound(c);
}

static void snapshot_needs_a_source_and_a_name_that_is_free(void **state)
{
    struct contract *c = *state;
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    struct fy_cat_snapshot second = snapshot_of("source", "target-2");
    struct fy_cat_snapshot onto = snapshot_of("taken", "target");
    assert_int_equal(step(c, &op, FY_SNAPSHOT_BEGIN), FY_ENOTFOUND);
    assert_int_equal(contract_container_code(c, "client-1", "target"), FY_ENOTFOUND);
    setup_source(c);
    assert_int_equal(contract_mkbucket(c, "client-1", "taken"), FY_OK);
    op = snapshot_of("source", "taken");
    assert_int_equal(step(c, &op, FY_SNAPSHOT_BEGIN), FY_EEXISTS);
    op = snapshot_of("source", "source");
    assert_int_equal(step(c, &op, FY_SNAPSHOT_BEGIN), FY_EEXISTS);
    op = snapshot_of("source", "target");
    assert_int_equal(step(c, &op, FY_SNAPSHOT_COPY), FY_ECANCELLED);
    assert_int_equal(step(c, &op, FY_SNAPSHOT_SHOW), FY_ECANCELLED);
    assert_int_equal(step(c, &op, FY_SNAPSHOT_BEGIN), FY_OK);
    assert_int_equal(step(c, &second, FY_SNAPSHOT_BEGIN), FY_EBUSY);
    assert_int_equal(step(c, &onto, FY_SNAPSHOT_BEGIN), FY_EBUSY);
}

/* ------------------------------------------------------------------ written down */

/* Of the place what it is should the snapshot be given up; of the copy nothing. */
static void what_is_written_down_meanwhile_is_what_there_was_before(void **state)
{
    struct contract *c = *state, *other = contract_other_new(c);
    struct lines before = {.count = 0}, meanwhile = {.count = 0};
    assert_int_equal(contract_mkbucket(c, "client-1", "source"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "source", "o", "12345"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "target"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "target", "gone", "1"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "target", "gone"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "target"), FY_OK);
    lines_export(c, &before);
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    (void)run_to(c, &op, 2);
    lines_export(c, &meanwhile);
    assert_int_equal(meanwhile.count, before.count);
    for (size_t index = 0; index < before.count; index++)
        assert_string_equal(meanwhile.texts[index], before.texts[index]);

    lines_restore(other, &meanwhile);
    do
        assert_int_equal(step(c, &op, FY_SNAPSHOT_UNDO), FY_OK);
    while (op.more);
    lines_assert_alike(c, other);
    contract_other_free(other);
    lines_done(&before);
    lines_done(&meanwhile);
}

/* It is shown with a note that everything is to be written down, so that its rows need no lines. */
static void snapshot_that_is_shown_is_written_down_at_once(void **state)
{
    struct contract *c = *state;
    struct lines lines = {.count = 0};
    assert_int_equal(contract_mkbucket(c, "client-1", "source"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "source", "o", "12345"), FY_OK);
    lines_journal(c, &lines);
    size_t unknown = lines.unknown;
    struct fy_cat_snapshot op = snapshot_of("source", "target");
    (void)run_to(c, &op, 2);
    lines_journal(c, &lines);
    assert_int_equal(lines.unknown, unknown);
    assert_int_equal(step(c, &op, FY_SNAPSHOT_SHOW), FY_OK);
    lines_journal(c, &lines);
    assert_int_equal(lines.unknown, unknown + 1);
    lines_done(&lines);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_snapshot(void)
{
    const struct CMUnitTest tests[] = {
        TEST(snapshot_has_all_that_its_source_has),
        TEST(frozen_container_has_a_frozen_snapshot),
        TEST(nobody_sees_a_snapshot_before_it_is_whole),
        TEST(source_takes_no_changes_while_it_is_read),
        TEST(other_containers_are_written_between_its_steps),
        TEST(snapshot_and_source_are_nothing_to_each_other),
        TEST(other_sites_are_told_once_it_is_there),
        TEST(snapshot_of_a_process_that_dies_is_whole_or_never_was),
        TEST(snapshot_that_is_given_up_leaves_nothing),
        TEST(living_snapshot_is_nobody_elses_to_remove),
        TEST(tombstones_outlive_a_snapshot_onto_their_container),
        TEST(snapshot_lets_go_of_what_was_kept_under_its_name),
        TEST(undone_snapshot_leaves_tombstones_as_they_were),
        TEST(snapshot_needs_a_source_and_a_name_that_is_free),
        TEST(what_is_written_down_meanwhile_is_what_there_was_before),
        TEST(snapshot_that_is_shown_is_written_down_at_once),
    };
    return cmocka_run_group_tests_name("catalogue snapshots", tests, NULL, NULL);
}
