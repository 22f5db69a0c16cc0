/* catalogue_contract_export.c - what is written down of a catalogue makes another one like it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract_lines.h"

/* ------------------------------------------------------------------ something of everything */

static void site(struct contract *c, enum fy_site_action action, const char *id, bool paused)
{
    struct fy_cat_site op = {.op.kind = FY_CAT_SITE, .action = action};
    (void)snprintf(op.row.id, sizeof op.row.id, "%s", id);
    (void)snprintf(op.row.name, sizeof op.row.name, "the %s", id);
    (void)snprintf(op.row.uri, sizeof op.row.uri, "http://%s:1", id);
    op.row.status = FY_SITE_UP;
    op.row.paused = paused;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static void right(struct contract *c, enum fy_right_action action, const char *client,
                  const char *bucket)
{
    struct fy_cat_right op = {.op.kind = FY_CAT_RIGHT, .action = action};
    (void)snprintf(op.row.client, sizeof op.row.client, "%s", client);
    (void)snprintf(op.row.bucket, sizeof op.row.bucket, "%s", bucket);
    op.row.rights = FY_RIGHT_READ;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static void targets(struct contract *c, const char *bucket, const char *sites)
{
    struct fy_cat_targets op = {.op.kind = FY_CAT_TARGETS, .client = "client-1", .targets = sites};
    (void)snprintf(op.bucket, sizeof op.bucket, "%s", bucket);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static void set_many(struct contract *c, bool flush, const struct fy_property *properties,
                     size_t count)
{
    struct fy_cat_properties op = {.op.kind = FY_CAT_PROPERTIES,
                                   .account = "A",
                                   .name = "b/\u00e9",
                                   .flush = flush,
                                   .properties = properties,
                                   .count = count};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static void set(struct contract *c, const char *key, const char *value)
{
    set_many(c, false, &(struct fy_property){key, value}, 1);
}

/* Containers by OpenIO's rules, one of them frozen, with properties and versions. */
static void first_containers(struct contract *c)
{
    char *value = fy_alloc(20001);
    memset(value, 'v', 20000);
    assert_int_equal(contract_make(c, "A", "b/\u00e9"), FY_OK);
    assert_int_equal(contract_make(c, "A", "gone"), FY_OK);
    set(c, "user.long", value);
    set(c, "user.\u00e9", "1");
    set(c, "sys.x", "2");
    set(c, "sys.m2.policy.version", "-1");
    set(c, "sys.m2.quota", "1000000");
    free(value);
    assert_int_equal(contract_put_in(c, "A", "b/\u00e9", "o", "one"), FY_OK);
    assert_int_equal(contract_put_in(c, "A", "b/\u00e9", "o", "two"), FY_OK);
    assert_int_equal(contract_put_in(c, "A", "b/\u00e9", "p", "one"), FY_OK);
    assert_int_equal(contract_put_in(c, "A", "b/\u00e9", "q", "one"), FY_OK);
    assert_int_equal(contract_rm_in(c, "A", "b/\u00e9", "q"), FY_OK);
}

/* A version that is described only, and other words about one that is there. */
static void describe(struct contract *c, const char *object)
{
    struct fy_cat_register registered = {.op.kind = FY_CAT_REGISTER,
                                         .key = contract_key("A", "b/\u00e9", object),
                                         .client = "A",
                                         .size = 5};
    const struct fy_property property = {"k", "v"};
    struct fy_cat_object_properties words = {.op.kind = FY_CAT_OBJECT_PROPERTIES,
                                             .key = contract_key("A", "b/\u00e9", object),
                                             .client = "A",
                                             .op_id = "set",
                                             .properties = &property,
                                             .count = 1};
    assert_int_equal(contract_run(c, &words.op), FY_OK);
    assert_int_equal(contract_run(c, &registered.op), FY_OK);
    words.version = registered.version;
    assert_int_equal(contract_run(c, &words.op), FY_OK);
}

static void rm_version(struct contract *c, const char *object)
{
    struct fy_object_row row;
    struct fy_cat_object_delete erase = {.op.kind = FY_CAT_OBJECT_DELETE,
                                         .key = contract_key("A", "b/\u00e9", object),
                                         .client = "A",
                                         .op_id = "erase"};
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &erase.key, 0, &row, &c->err), FY_OK);
    erase.version = row.version;
    assert_int_equal(contract_run(c, &erase.op), FY_OK);
}

/* Kept, hidden, brought back, erased, registered. */
static void second_versions(struct contract *c)
{
    assert_int_equal(contract_put_in(c, "A", "b/\u00e9", "o", "three"), FY_OK);
    rm_version(c, "o"); /* the one before comes back */
    describe(c, "p");
    assert_int_equal(contract_rm_in(c, "A", "b/\u00e9", "o"), FY_OK);
    rm_version(c, "q"); /* the marker */
    assert_int_equal(contract_put_in(c, "A", "b/\u00e9", "r", "four"), FY_OK);
    assert_int_equal(contract_rm_in(c, "A", "b/\u00e9", "r"), FY_OK);
    rm_version(c, "r");
    rm_version(c, "r"); /* gone */
}

static void second_containers(struct contract *c)
{
    const struct fy_property other[] = {{"user.a", "3"}, {"user.b", "4"}};
    second_versions(c);
    set_many(c, true, other, FY_COUNT_OF(other));
    set(c, "user.b", NULL);
    set(c, "sys.m2.policy.version", "3");
    set(c, "sys.status", "4294967295");
    assert_int_equal(contract_destroy(c, "A", "gone"), FY_OK);
}

/* Sites, rights, two owners of one name, buckets by their objects alone, deletes, overwrites. */
static void first_half(struct contract *c)
{
    site(c, FY_SITE_INSERT, "site-b", false);
    site(c, FY_SITE_INSERT, "site-c", false);
    site(c, FY_SITE_INSERT, "site-d", false);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-2"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-3"), FY_OK);
    targets(c, "bucket-1", "site-b,site-c");
    right(c, FY_RIGHT_INSERT, "client-2", "bucket-1");
    right(c, FY_RIGHT_INSERT, "client-2", "bucket-2");
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "same"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "same"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "\u00e9/\"o3\"\n", "three"), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-9", "loose-1", "o", "loose", 10),
                     FY_OK);
    struct fy_cat_apply hidden =
        contract_order(c, FY_ACTION_CREATE, "client-9", "bucket-2", "o", "hidden", 10);
    memcpy(hidden.order.account, "client-9", sizeof "client-9");
    assert_int_equal(contract_run(c, &hidden.op), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "never", NULL, 9),
                     FY_OK);
    first_containers(c);
}

/* A body that is repaired has another place, and no row of an object says so. */
static void mend(struct contract *c, const char *bytes)
{
    struct fy_cat_mend op = {.op.kind = FY_CAT_MEND, .size = (int64_t)strlen(bytes)};
    contract_digest(bytes, &op.digest);
    contract_blob(c, op.blob_ref);
    (void)snprintf(op.from, sizeof op.from, "site-b");
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static void second_half(struct contract *c)
{
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o2"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "newer"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-3", "o4", "same"), FY_OK); /* it moves */
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-3", "o5", "five", 99),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-9", "loose-1", "o", NULL, 20),
                     FY_OK);
    struct fy_cat_undelete undelete = {.op.kind = FY_CAT_UNDELETE,
                                       .key = contract_key("", "bucket-1", "o1"),
                                       .client = "client-1",
                                       .op_id = "un"};
    assert_int_equal(contract_run(c, &undelete.op), FY_OK);
    mend(c, "three");
    right(c, FY_RIGHT_FUSE, "client-2", "bucket-1");
    right(c, FY_RIGHT_REMOVE, "client-1", "bucket-1"); /* the owner's: revoked, not forgotten */
    right(c, FY_RIGHT_REMOVE, "client-2", "bucket-2");
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-2"),
                     FY_OK); /* an heir has the name */
    targets(c, "bucket-1", "");
    site(c, FY_SITE_PAUSE, "site-b", true);
    site(c, FY_SITE_REMOVE, "site-d", false);
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-3", "half");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-3", "o4"), FY_OK);
    begin = contract_begin("client-1", "bucket-3", "o4"); /* over a tombstone */
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    second_containers(c);
}

/* ------------------------------------------------------------------ the tests */

static void lines_of_all_rows_make_a_catalogue_alike(void **state)
{
    struct contract *c = *state, *other = contract_other_new(c);
    struct lines all = {.count = 0};
    first_half(c);
    second_half(c);
    lines_export(c, &all);
    lines_restore(other, &all);
    lines_assert_alike(c, other);
    lines_restore(other, &all); /* twice is harmless */
    lines_assert_alike(c, other);
    assert_int_equal(contract_right(other, "client-2", "bucket-1"), FY_RIGHT_READ);
    assert_int_equal(contract_container_code(other, "", "bucket-2"), FY_OK);
    assert_string_equal(contract_container(other, "", "bucket-2").account, "client-9");
    lines_done(&all);
    contract_other_free(other);
}

static void journal_from_the_start_makes_a_catalogue_alike(void **state)
{
    struct contract *c = *state, *other = contract_other_new(c);
    struct lines since = {.count = 0};
    first_half(c);
    second_half(c);
    lines_journal(c, &since);
    assert_int_equal(since.unknown, 1); /* it was made, and nobody had written it down */
    lines_restore(other, &since);
    lines_assert_alike(c, other);
    lines_done(&since);
    contract_other_free(other);
}

struct meanwhile {
    struct contract *c;
    struct lines *lines;
    bool done;
};

/* The site goes on while its rows are written down. */
static bool step_meanwhile(void *arg, const char *bytes, size_t size_bytes)
{
    struct meanwhile *meanwhile = arg;
    lines_add(meanwhile->lines, bytes, size_bytes);
    if (!meanwhile->done && memmem(bytes, size_bytes, "\"object\"", 8) != NULL) {
        meanwhile->done = true;
        second_half(meanwhile->c);
    }
    return true;
}

static void lines_of_a_site_that_goes_on_and_its_journal_make_a_catalogue_alike(void **state)
{
    struct contract *c = *state, *other = contract_other_new(c);
    struct lines all = {.count = 0}, since = {.count = 0};
    struct meanwhile meanwhile = {.c = c, .lines = &all};
    first_half(c);
    lines_journal(c, &since); /* what came before is in the rows */
    lines_done(&since);
    assert_int_equal(fy_catalogue_export_rows(c->catalogue, step_meanwhile, &meanwhile, &c->err),
                     FY_OK);
    assert_true(meanwhile.done);
    lines_journal(c, &since);
    lines_restore(other, &all);
    lines_restore(other, &since);
    lines_assert_alike(c, other);
    lines_done(&all);
    lines_done(&since);
    contract_other_free(other);
}

static void journal_keeps_its_rows_until_they_are_done(void **state)
{
    struct contract *c = *state;
    struct lines lines = {.count = 0};
    lines_journal(c, &lines);
    assert_int_equal(lines.unknown, 1);
    int64_t first = lines.last_id;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    contract_reopen(c);
    lines.unknown = 0;
    lines_journal(c, &lines);
    assert_int_equal(lines.unknown, 0);
    assert_int_equal(lines.count, 4); /* the bucket, its name for CCS, its owner's right, targets */
    int64_t ids[] = {first, lines.last_id};
    struct fy_cat_journal_done done = {
        .op.kind = FY_CAT_JOURNAL_DONE, .ids = ids, .count = 2, .anew = true};
    assert_int_equal(contract_run(c, &done.op), FY_OK);
    lines_done(&lines);
    lines_journal(c, &lines);
    assert_int_equal(lines.count, 0);
    assert_int_equal(lines.unknown, 1);
    lines_done(&lines);
}

/* What is refused or fails leaves no line behind for the next. */
static void refused_changes_are_in_no_journal(void **state)
{
    struct contract *c = *state;
    struct lines lines = {.count = 0};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "one"), FY_OK);
    lines_journal(c, &lines);
    size_t before = lines.count;
    assert_int_equal(contract_mkbucket(c, "client-2", "bucket-1"), FY_EEXISTS);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "two"), FY_EEXISTS);
    assert_int_equal(
        contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o1", "old", -1000), FY_OK);
    lines_journal(c, &lines);
    assert_int_equal(lines.count, before);
    lines_done(&lines);
}

static void forgotten_object_can_come_again_with_its_stamp(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10),
                     FY_OK);
    struct fy_cat_forget forget = {.op.kind = FY_CAT_FORGET,
                                   .key = contract_key("client-1", "bucket-1", "o")};
    assert_int_equal(contract_run(c, &forget.op), FY_OK);
    assert_int_equal(contract_totals(c).objects, 0);
    (void)contract_sound(c);
    struct fy_cat_apply again =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10);
    assert_int_equal(contract_run(c, &again.op), FY_OK);
    assert_int_equal(again.verdict, FY_VERDICT_APPLY);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_READY);
}

/* A file's number is known before the file is: a catalogue that knows of fewer is an old one. */
static void greatest_number_of_a_file_is_known_and_never_falls(void **state)
{
    struct contract *c = *state;
    struct fy_identity_row own;
    static const int64_t numbers[] = {3, 2, 4};
    static const int64_t known[] = {3, 3, 4};
    for (size_t i = 0; i < FY_COUNT_OF(numbers); i++) {
        struct fy_cat_journal_done done = {.op.kind = FY_CAT_JOURNAL_DONE, .exporting = numbers[i]};
        assert_int_equal(contract_run(c, &done.op), FY_OK);
        assert_int_equal(fy_catalogue_identity(c->catalogue, &own, &c->err), FY_OK);
        assert_int_equal(own.exported, known[i]);
    }
}

static void restored_catalogue_is_the_lost_one_and_its_stamps_go_on(void **state)
{
    struct contract *c = *state, *other = contract_other_new(c);
    struct fy_identity_row own, second;
    struct lines lines = {.count = 0};
    assert_int_equal(fy_catalogue_identity(c->catalogue, &own, &c->err), FY_OK);
    assert_true(own.blank);
    assert_int_equal(fy_catalogue_identity(other->catalogue, &second, &c->err), FY_OK);
    assert_string_not_equal(own.id, second.id);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    contract_reopen(c);
    assert_int_equal(fy_catalogue_identity(c->catalogue, &second, &c->err), FY_OK);
    assert_string_equal(own.id, second.id);
    assert_false(second.blank);

    const uint64_t saved = ((uint64_t)CONTRACT_T0 + 1000000) << 16;
    struct fy_cat_restored restored = {
        .op.kind = FY_CAT_RESTORED, .exported = 7, .saved_time = saved};
    memcpy(restored.identity, own.id, sizeof own.id);
    assert_int_equal(contract_run(other, &restored.op), FY_OK);
    contract_reopen(other);
    assert_int_equal(fy_catalogue_identity(other->catalogue, &second, &c->err), FY_OK);
    assert_string_equal(own.id, second.id);
    assert_int_equal(second.exported, 7);
    assert_true(other->start_time > saved);
    lines_journal(other, &lines);
    assert_true(lines.unknown >= 1);
    lines_done(&lines);
    contract_other_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_export(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_of_all_rows_make_a_catalogue_alike),
        TEST(journal_from_the_start_makes_a_catalogue_alike),
        TEST(lines_of_a_site_that_goes_on_and_its_journal_make_a_catalogue_alike),
        TEST(journal_keeps_its_rows_until_they_are_done),
        TEST(refused_changes_are_in_no_journal),
        TEST(forgotten_object_can_come_again_with_its_stamp),
        TEST(greatest_number_of_a_file_is_known_and_never_falls),
        TEST(restored_catalogue_is_the_lost_one_and_its_stamps_go_on),
    };
    return cmocka_run_group_tests_name("catalogue: export", tests, NULL, NULL);
}
