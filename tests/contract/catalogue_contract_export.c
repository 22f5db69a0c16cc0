/* catalogue_contract_export.c - what is written down of a catalogue makes another one like it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/export_json.h"
#include "tests/contract/catalogue_contract.h"

#define LINES_MAX 4096

struct lines {
    char *texts[LINES_MAX];
    size_t count;
    size_t unknown; /* journal rows that say that anything may have changed */
    int64_t last_id;
};

static void line_add(struct lines *lines, const char *text, size_t size_bytes)
{
    assert_true(lines->count < LINES_MAX);
    char *copy = fy_alloc(size_bytes + 1);
    memcpy(copy, text, size_bytes);
    lines->texts[lines->count++] = copy;
}

static bool lines_step(void *arg, const char *bytes, size_t size_bytes)
{
    for (const char *end; size_bytes > 0; bytes = end + 1) {
        end = memchr(bytes, '\n', size_bytes);
        assert_non_null(end);
        line_add(arg, bytes, (size_t)(end - bytes));
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
    return lines_step(arg, row->lines, row->lines_bytes);
}

static void lines_done(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->texts[i]);
    *lines = (struct lines){.count = 0};
}

static void export_all(struct contract *c, struct lines *lines)
{
    assert_int_equal(fy_catalogue_export_rows(c->catalogue, lines_step, lines, &c->err), FY_OK);
}

static void journal(struct contract *c, struct lines *lines)
{
    assert_int_equal(fy_catalogue_journal_read(c->catalogue, lines->last_id, UINT32_MAX,
                                               journal_step, lines, &c->err),
                     FY_OK);
}

static enum fy_code restore_line(struct contract *c, const char *text)
{
    struct fy_export_room *room = fy_alloc(sizeof *room);
    struct fy_cat_restore op = {.op.kind = FY_CAT_RESTORE};
    if (fy_export_json_read(text, strlen(text), room, &op.line, &c->err) != FY_OK)
        fail_msg("%s: %s", text, c->err.text);
    enum fy_code code = contract_run(c, &op.op);
    free(room);
    return code;
}

static void restore(struct contract *c, const struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        assert_int_equal(restore_line(c, lines->texts[i]), FY_OK);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool unsound(void *arg, const char *check, const char *about, const char *text)
{
    (void)arg;
    fail_msg("%s: %s %s", check, about, text);
    return true;
}

/* Both hold the same, and the second agrees with itself. */
static void assert_alike(struct contract *one, struct contract *two)
{
    struct lines wanted = {.count = 0}, got = {.count = 0};
    struct fy_catalogue_totals counted;
    export_all(one, &wanted);
    export_all(two, &got);
    qsort(wanted.texts, wanted.count, sizeof wanted.texts[0], compare);
    qsort(got.texts, got.count, sizeof got.texts[0], compare);
    for (size_t i = 0; i < wanted.count && i < got.count; i++)
        assert_string_equal(got.texts[i], wanted.texts[i]);
    assert_int_equal(got.count, wanted.count);
    assert_int_equal(fy_catalogue_audit(two->catalogue, &counted, unsound, NULL, &two->err), FY_OK);
    assert_int_equal(contract_totals(two).objects, contract_totals(one).objects);
    assert_int_equal(contract_totals(two).bytes, contract_totals(one).bytes);
    assert_int_equal(contract_totals(two).outbox_orders, 0); /* nobody is told again */
    lines_done(&wanted);
    lines_done(&got);
}

static struct contract *other_new(struct contract *c)
{
    void *state = NULL;
    catalogue_contract_use(c->factory);
    assert_int_equal(contract_setup(&state), 0);
    return state;
}

static void other_free(struct contract *other)
{
    void *state = other;
    assert_int_equal(contract_teardown(&state), 0);
}

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
}

/* ------------------------------------------------------------------ the tests */

static void lines_of_all_rows_make_a_catalogue_alike(void **state)
{
    struct contract *c = *state, *other = other_new(c);
    struct lines all = {.count = 0};
    first_half(c);
    second_half(c);
    export_all(c, &all);
    restore(other, &all);
    assert_alike(c, other);
    restore(other, &all); /* twice is harmless */
    assert_alike(c, other);
    assert_int_equal(contract_right(other, "client-2", "bucket-1"), FY_RIGHT_READ);
    assert_int_equal(contract_container_code(other, "", "bucket-2"), FY_OK);
    assert_string_equal(contract_container(other, "", "bucket-2").account, "client-9");
    lines_done(&all);
    other_free(other);
}

static void journal_from_the_start_makes_a_catalogue_alike(void **state)
{
    struct contract *c = *state, *other = other_new(c);
    struct lines since = {.count = 0};
    first_half(c);
    second_half(c);
    journal(c, &since);
    assert_int_equal(since.unknown, 1); /* it was made, and nobody had written it down */
    restore(other, &since);
    assert_alike(c, other);
    lines_done(&since);
    other_free(other);
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
    lines_step(meanwhile->lines, bytes, size_bytes);
    if (!meanwhile->done && memmem(bytes, size_bytes, "\"object\"", 8) != NULL) {
        meanwhile->done = true;
        second_half(meanwhile->c);
    }
    return true;
}

static void lines_of_a_site_that_goes_on_and_its_journal_make_a_catalogue_alike(void **state)
{
    struct contract *c = *state, *other = other_new(c);
    struct lines all = {.count = 0}, since = {.count = 0};
    struct meanwhile meanwhile = {.c = c, .lines = &all};
    first_half(c);
    journal(c, &since); /* what came before is in the rows */
    lines_done(&since);
    assert_int_equal(fy_catalogue_export_rows(c->catalogue, step_meanwhile, &meanwhile, &c->err),
                     FY_OK);
    assert_true(meanwhile.done);
    journal(c, &since);
    restore(other, &all);
    restore(other, &since);
    assert_alike(c, other);
    lines_done(&all);
    lines_done(&since);
    other_free(other);
}

static void journal_keeps_its_rows_until_they_are_done(void **state)
{
    struct contract *c = *state;
    struct lines lines = {.count = 0};
    journal(c, &lines);
    assert_int_equal(lines.unknown, 1);
    int64_t first = lines.last_id;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    contract_reopen(c);
    lines.unknown = 0;
    journal(c, &lines);
    assert_int_equal(lines.unknown, 0);
    assert_int_equal(lines.count, 4); /* the bucket, its name for CCS, its owner's right, targets */
    int64_t ids[] = {first, lines.last_id};
    struct fy_cat_journal_done done = {
        .op.kind = FY_CAT_JOURNAL_DONE, .ids = ids, .count = 2, .anew = true};
    assert_int_equal(contract_run(c, &done.op), FY_OK);
    lines_done(&lines);
    journal(c, &lines);
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
    journal(c, &lines);
    size_t before = lines.count;
    assert_int_equal(contract_mkbucket(c, "client-2", "bucket-1"), FY_EEXISTS);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "two"), FY_EEXISTS);
    assert_int_equal(
        contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o1", "old", -1000), FY_OK);
    journal(c, &lines);
    assert_int_equal(lines.count, before);
    lines_done(&lines);
}

static void forgotten_object_can_come_again_with_its_stamp(void **state)
{
    struct contract *c = *state;
    struct fy_catalogue_totals counted;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10),
                     FY_OK);
    struct fy_cat_forget forget = {.op.kind = FY_CAT_FORGET,
                                   .key = contract_key("client-1", "bucket-1", "o")};
    assert_int_equal(contract_run(c, &forget.op), FY_OK);
    assert_int_equal(contract_totals(c).objects, 0);
    assert_int_equal(fy_catalogue_audit(c->catalogue, &counted, unsound, NULL, &c->err), FY_OK);
    struct fy_cat_apply again =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10);
    assert_int_equal(contract_run(c, &again.op), FY_OK);
    assert_int_equal(again.verdict, FY_VERDICT_APPLY);
    assert_int_equal(contract_status(c, "bucket-1", "o"), FY_STATUS_READY);
}

/* ------------------------------------------------------------------ versions and properties */

#define STAMP "00000000c3500001@site-a"
#define IN    "\"account\":\"c\",\"bucket\":\"b/\u00e9\""
#define BYTES "\"size\":3,\"sha\":\"g000000000000000000000000000000000000000000000000000\""

/* As a site with versions writes them down. */
static const char *const kept_versions[] = {
    "{\"is\":\"bucket\"," IN ",\"status\":200,\"stamp\":\"" STAMP "\",\"created\":5}",
    "{\"is\":\"rules\"," IN ",\"versioned\":true,\"policy\":-1,\"exceeding\":true,\"keep\":0,"
    "\"quota\":9,\"state\":1,\"until\":99}",
    "{\"is\":\"property\"," IN ",\"key\":\"user.\u00e9\",\"value\":\"v\"}",
    "{\"is\":\"property\"," IN ",\"key\":\"sys.m2.x\",\"value\":\"w\"}",
    "{\"is\":\"object\",\"number\":70," IN ",\"object\":\"o\",\"guid\":\"id-70\",\"status\":200,"
    "\"stamp\":\"" STAMP "\",\"created\":6," BYTES ",\"place\":\"file:x\",\"proof\":1}",
    "{\"is\":\"object\",\"number\":71," IN
    ",\"object\":\"marked\",\"status\":204,\"stamp\":\"" STAMP "\",\"flag\":true}",
    "{\"is\":\"version\",\"number\":60," IN
    ",\"object\":\"o\",\"guid\":\"id-60\",\"stamp\":\"" STAMP
    "\",\"created\":4,\"expires\":8," BYTES
    ",\"place\":\"file:x\",\"proof\":2,\"hash\":\"h\",\"metadata\":\"{}\"}",
    "{\"is\":\"version\",\"number\":50," IN ",\"object\":\"o\",\"kind\":1,\"guid\":\"id-50\","
    "\"stamp\":\"" STAMP "\",\"created\":3}",
    "{\"is\":\"version\",\"number\":80," IN ",\"object\":\"o\",\"kind\":2,\"guid\":\"id-80\","
    "\"created\":7,\"size\":4,\"hash\":\"h\"}",
    "{\"is\":\"version\",\"number\":40," IN
    ",\"object\":\"marked\",\"guid\":\"id-40\",\"stamp\":\"" STAMP "\",\"created\":2," BYTES
    ",\"place\":\"file:x\",\"proof\":1}",
};

static void assert_lines(struct contract *c, const char *const *wanted, size_t count)
{
    struct lines got = {.count = 0};
    const char *sorted[32];
    assert_true(count <= FY_COUNT_OF(sorted));
    memcpy(sorted, wanted, count * sizeof *sorted);
    export_all(c, &got);
    qsort(sorted, count, sizeof sorted[0], compare);
    qsort(got.texts, got.count, sizeof got.texts[0], compare);
    for (size_t i = 0; i < got.count && i < count; i++)
        assert_string_equal(got.texts[i], sorted[i]);
    assert_int_equal(got.count, count);
    lines_done(&got);
}

static void assert_sound(struct contract *c)
{
    struct fy_catalogue_totals counted;
    assert_int_equal(fy_catalogue_audit(c->catalogue, &counted, unsound, NULL, &c->err), FY_OK);
}

static void versions_and_properties_come_back_in_any_order_and_again(void **state)
{
    struct contract *c = *state;
    const size_t count = FY_COUNT_OF(kept_versions);
    for (size_t first = 0; first < count; first++)
        for (size_t i = 0; i < count; i++)
            assert_int_equal(restore_line(c, kept_versions[(first + i) % count]), FY_OK);
    assert_lines(c, kept_versions, count);
    assert_sound(c);
    for (size_t i = count; i > 0; i--)
        assert_int_equal(restore_line(c, kept_versions[i - 1]), FY_OK);
    assert_lines(c, kept_versions, count);
    assert_sound(c); /* what is in the container is counted once */
    assert_int_equal(contract_totals(c).objects, 1);
}

static void what_lines_say_is_gone_is_gone(void **state)
{
    struct contract *c = *state;
    static const char *const gone[] = {
        "{\"is\":\"version\",\"number\":60," IN ",\"object\":\"o\",\"gone\":true}",
        "{\"is\":\"version\",\"number\":50," IN ",\"object\":\"o\",\"gone\":true}",
        "{\"is\":\"version\",\"number\":80," IN ",\"object\":\"o\",\"gone\":true}",
        "{\"is\":\"version\",\"number\":40," IN ",\"object\":\"marked\",\"gone\":true}",
        "{\"is\":\"property\"," IN ",\"key\":\"sys.m2.x\",\"gone\":true}",
        "{\"is\":\"property\"," IN ",\"key\":\"user.\",\"flag\":true,\"gone\":true}",
        "{\"is\":\"rules\"," IN "}",
        /* A delete marker that was erased, under the stamp it had. */
        "{\"is\":\"object\",\"number\":71," IN ",\"object\":\"marked\",\"status\":204,\"stamp\":"
        "\"" STAMP "\"}",
    };
    const char *const left[] = {kept_versions[0], kept_versions[4], gone[7]};
    for (size_t i = 0; i < FY_COUNT_OF(kept_versions); i++)
        assert_int_equal(restore_line(c, kept_versions[i]), FY_OK);
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < FY_COUNT_OF(gone); i++)
            assert_int_equal(restore_line(c, gone[i]), FY_OK);
    assert_lines(c, left, FY_COUNT_OF(left));
    assert_sound(c);
}

/* Names with more versions than a page has rows, and names after them. */
static void many_versions_of_a_name_are_all_written_down(void **state)
{
    struct contract *c = *state;
    struct lines got = {.count = 0};
    char line[512];
    for (int name = 0; name < 3; name++)
        for (int number = 1; number <= 40; number++) {
            (void)snprintf(line, sizeof line,
                           "{\"is\":\"version\",\"number\":%d," IN ",\"object\":\"o%d\",\"kind\":1,"
                           "\"stamp\":\"" STAMP "\"}",
                           number, name);
            assert_int_equal(restore_line(c, line), FY_OK);
        }
    export_all(c, &got);
    assert_int_equal(got.count, 1 + 3 * 40);
    lines_done(&got);
}

/* A value of many lines, each cut between characters. */
static void long_property_comes_back_whole(void **state)
{
    struct contract *c = *state, *other = other_new(c);
    struct lines all = {.count = 0};
    char line[FY_EXPORT_VALUE_BYTES + 256];
    size_t used = 0;
    for (int64_t characters = 0; characters < 9000; characters += 1500) {
        used = (size_t)snprintf(line, sizeof line,
                                "{\"is\":\"property\"," IN ",\"key\":\"user.k\",\"number\":%lld,"
                                "\"value\":\"",
                                (long long)characters);
        for (int i = 0; i < 1500; i++, used += 2)
            memcpy(line + used, "\u00e9", 3);
        memcpy(line + used, "\"}", 3);
        assert_int_equal(restore_line(c, line), FY_OK);
    }
    export_all(c, &all);
    assert_int_equal(all.count, 1 + 5); /* the bucket; 18,000 bytes, 4,096 a line */
    restore(other, &all);
    restore(other, &all);
    assert_alike(c, other);
    lines_done(&all);
    other_free(other);
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
    struct contract *c = *state, *other = other_new(c);
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
    journal(other, &lines);
    assert_true(lines.unknown >= 1);
    lines_done(&lines);
    other_free(other);
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
        TEST(versions_and_properties_come_back_in_any_order_and_again),
        TEST(what_lines_say_is_gone_is_gone),
        TEST(many_versions_of_a_name_are_all_written_down),
        TEST(long_property_comes_back_whole),
        TEST(greatest_number_of_a_file_is_known_and_never_falls),
        TEST(restored_catalogue_is_the_lost_one_and_its_stamps_go_on),
    };
    return cmocka_run_group_tests_name("catalogue: export", tests, NULL, NULL);
}
