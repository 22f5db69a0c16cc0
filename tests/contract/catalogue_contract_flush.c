/* catalogue_contract_flush.c - containers emptied, and old versions purged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/buf.h"
#include "tests/contract/catalogue_contract_story.h"
#include "tests/support/version_query.h"

/* ------------------------------------------------------------------ containers */

/* Writes the name so often, each time with other bytes. */
static void put(struct contract *c, const char *object, int times)
{
    char bytes[64];
    for (int round = 0; round < times; round++) {
        (void)snprintf(bytes, sizeof bytes, "%s, round %d", object, round);
        assert_int_equal(story_put(c, object, bytes), FY_OK);
    }
}

static void rm(struct contract *c, const char *object)
{
    assert_int_equal(story_rm(c, object, 0), FY_OK);
}

static void add(struct contract *c, const char *object)
{
    assert_int_equal(story_register(c, object, "123", 0).op.code, FY_OK);
}

/* How many versions each name has, markers with "!": "a3 b2! ". */
struct counted {
    struct fy_buf text;
    char name[64];
    int count, markers;
};

static void counted_end(struct counted *counted)
{
    if (counted->count + counted->markers > 0)
        fy_buf_printf(&counted->text, "%s%d%s ", counted->name, counted->count,
                      counted->markers > 0 ? "!" : "");
    counted->count = counted->markers = 0;
}

static bool count_version(void *arg, const struct fy_version_entry *entry)
{
    struct counted *counted = arg;
    if (strcmp(counted->name, entry->row->name) != 0)
        counted_end(counted);
    assert_true(fy_text_copy(counted->name, sizeof counted->name, entry->row->name));
    counted->markers += entry->row->marker;
    counted->count += !entry->row->marker;
    return true;
}

static void expect(struct contract *c, const char *wanted)
{
    const struct fy_version_query query = version_query(STORY_ACCOUNT, STORY_NAME, true, 10000);
    struct counted counted = {.name = ""};
    size_t size = 0;
    fy_buf_init(&counted.text, 1 << 20);
    assert_int_equal(
        fy_catalogue_version_list(c->catalogue, &query, count_version, &counted, &c->err), FY_OK);
    counted_end(&counted);
    char *text = fy_buf_take(&counted.text, &size);
    assert_string_equal(text, wanted);
    free(text);
    fy_buf_done(&counted.text);
}

static size_t deletes(struct contract *c)
{
    size_t found = 0;
    for (size_t index = 0, count = contract_outbox_count(c); index < count; index++) {
        char *json = contract_outbox(c, index);
        found += strstr(json, "\"DELETE\"") != NULL;
        free(json);
    }
    return found;
}

/* ------------------------------------------------------------------ flush */

static struct fy_cat_flush flush(struct contract *c, uint32_t limit)
{
    struct fy_cat_flush op = {.op.kind = FY_CAT_FLUSH,
                              .account = STORY_ACCOUNT,
                              .name = STORY_NAME,
                              .op_id = "op-flush",
                              .limit = limit};
    c->clock.now_ms += 10;
    (void)contract_run(c, &op.op);
    return op;
}

/* All that can be in one: three of a, two of b and its marker, a registered version of each kind.
 */
static void setup_full(struct contract *c)
{
    story_setup(c, "-1");
    put(c, "a", 3);
    put(c, "b", 2);
    rm(c, "b");
    add(c, "a");
    add(c, "r");
    put(c, "z", 1);
    expect(c, "a4 b2! r1 z1 ");
    contract_outbox_clear(c);
}

static void flush_empties_a_container_and_leaves_its_properties(void **state)
{
    struct contract *c = *state;
    setup_full(c);
    story_set(c, "user.k", "v");
    struct fy_cat_flush op = flush(c, 100);
    assert_int_equal(op.op.code, FY_OK);
    assert_int_equal(op.removed, 9);
    assert_false(op.more);
    expect(c, "");
    struct fy_container_info info = contract_info(c, STORY_ACCOUNT, STORY_NAME);
    assert_int_equal(info.objects, 0);
    assert_int_equal(info.bytes, 0);
    assert_int_equal(info.row.rules.policy, -1);
    assert_int_equal(deletes(c), 2); /* a and z; b is deleted there, and nobody knows r */
    assert_int_equal(contract_outbox_count(c), 2);
    contract_forget_deleted(c);
    assert_int_equal(contract_sweep(c), 6);
    contract_sound(c);
    assert_int_equal(contract_totals(c).objects, 0);
}

static void flush_goes_on_where_it_ended(void **state)
{
    struct contract *c = *state;
    setup_full(c);
    uint32_t removed = 0;
    struct fy_cat_flush op;
    do {
        op = flush(c, 2);
        assert_int_equal(op.op.code, FY_OK);
        assert_true(op.removed <= 2);
        removed += op.removed;
        contract_sound(c);
        contract_reopen(c);
    } while (op.more);
    assert_int_equal(removed, 9);
    assert_int_equal(deletes(c), 2);
    expect(c, "");
    op = flush(c, 2);
    assert_int_equal(op.op.code, FY_OK);
    assert_int_equal(op.removed, 0);
}

static void flush_says_whether_anything_is_left(void **state)
{
    struct contract *c = *state;
    story_setup(c, "1");
    put(c, "a", 1);
    put(c, "b", 1);
    put(c, "c", 1);
    assert_true(flush(c, 2).more);
    assert_false(flush(c, 1).more);
    expect(c, "");
}

/* Names that were written many times: more than are read at once, and more names than that. */
static void flush_takes_names_by_the_dozen(void **state)
{
    struct contract *c = *state;
    char name[16];
    story_setup(c, "-1");
    put(c, "many", 40);
    for (int index = 0; index < 50; index++) {
        (void)snprintf(name, sizeof name, "n%d", index);
        if (index % 2 == 0)
            put(c, name, 1);
        else
            add(c, name);
    }
    struct fy_cat_flush op = flush(c, 1000);
    assert_int_equal(op.removed, 90);
    assert_false(op.more);
    expect(c, "");
    contract_sound(c);
}

static void frozen_container_is_flushed_and_a_disabled_one_is_not(void **state)
{
    struct contract *c = *state;
    story_setup(c, "1");
    assert_int_equal(contract_make(c, STORY_ACCOUNT, "other"), FY_OK);
    put(c, "a", 1);
    story_set(c, "sys.status", "4294967294");
    assert_int_equal(flush(c, 9).op.code, FY_EDISABLED);
    story_set(c, "sys.status", "4294967295");
    assert_int_equal(flush(c, 9).op.code, FY_OK);
    expect(c, "");
    assert_int_equal(contract_destroy(c, STORY_ACCOUNT, STORY_NAME), FY_OK);
    assert_int_equal(flush(c, 9).op.code, FY_ENOTFOUND);
}

/* ------------------------------------------------------------------ purge */

/* The whole purge, by so many names a transaction; what it removed. */
static uint32_t purge(struct contract *c, int64_t policy, uint32_t limit)
{
    uint32_t removed = 0;
    struct fy_cat_versions_purge op = {.op.kind = FY_CAT_VERSIONS_PURGE,
                                       .account = STORY_ACCOUNT,
                                       .name = STORY_NAME,
                                       .op_id = "op-purge",
                                       .policy = policy,
                                       .limit = limit};
    do {
        assert_int_equal(contract_run(c, &op.op), FY_OK);
        removed += op.removed;
    } while (op.more);
    return removed;
}

static void purge_keeps_as_many_versions_as_the_policy_says(void **state)
{
    struct contract *c = *state;
    story_setup(c, "3");
    put(c, "a", 5);
    put(c, "b", 2);
    put(c, "c", 4);
    contract_outbox_clear(c);
    assert_int_equal(purge(c, FY_UNSET, 1), 3);
    expect(c, "a3 b2 c3 ");
    assert_int_equal(purge(c, FY_UNSET, 9), 0);
    assert_int_equal(purge(c, -1, 9), 0);
    assert_int_equal(purge(c, 1, 9), 5);
    expect(c, "a1 b1 c1 ");
    assert_int_equal(contract_outbox_count(c), 0); /* the newest ones are what they were */
    assert_int_equal(contract_sweep(c), 8);
    assert_int_equal(contract_info(c, STORY_ACCOUNT, STORY_NAME).objects, 3);
    contract_sound(c);
}

static void purge_leaves_what_is_not_versioned_alone(void **state)
{
    struct contract *c = *state;
    story_setup(c, "0");
    put(c, "a", 3);
    add(c, "b");
    assert_int_equal(purge(c, FY_UNSET, 9), 0);
    expect(c, "a1 b1 ");
}

/* After the delay of the container, or the site's; a negative one keeps them for ever. */
static void names_deleted_long_ago_are_erased(void **state)
{
    struct contract *c = *state;
    story_setup(c, "-1");
    put(c, "a", 2);
    rm(c, "a");
    put(c, "b", 1);
    rm(c, "b");
    add(c, "b"); /* it is not deleted any more */
    story_set(c, "sys.m2.keep_deleted_delay", "60");
    c->clock.now_ms += 59000;
    assert_int_equal(purge(c, FY_UNSET, 9), 0);
    c->clock.now_ms += 2000;
    story_set(c, "sys.m2.keep_deleted_delay", "-1");
    assert_int_equal(purge(c, FY_UNSET, 9), 0);
    story_set(c, "sys.m2.keep_deleted_delay", "60");
    put(c, "fresh", 1);
    rm(c, "fresh");
    contract_outbox_clear(c);
    assert_int_equal(purge(c, FY_UNSET, 9), 3);
    expect(c, "b2! fresh1! ");
    assert_int_equal(contract_outbox_count(c), 0);
    contract_sound(c);
}

static void frozen_container_is_not_purged(void **state)
{
    struct contract *c = *state;
    struct fy_cat_versions_purge op = {.op.kind = FY_CAT_VERSIONS_PURGE,
                                       .account = STORY_ACCOUNT,
                                       .name = STORY_NAME,
                                       .policy = FY_UNSET,
                                       .limit = 9};
    assert_int_equal(contract_run(c, &op.op), FY_ENOTFOUND);
    story_setup(c, "1");
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    story_set(c, "sys.status", "4294967295");
    assert_int_equal(contract_run(c, &op.op), FY_EFROZEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_flush(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flush_empties_a_container_and_leaves_its_properties),
        TEST(flush_goes_on_where_it_ended),
        TEST(flush_says_whether_anything_is_left),
        TEST(flush_takes_names_by_the_dozen),
        TEST(frozen_container_is_flushed_and_a_disabled_one_is_not),
        TEST(purge_keeps_as_many_versions_as_the_policy_says),
        TEST(purge_leaves_what_is_not_versioned_alone),
        TEST(names_deleted_long_ago_are_erased),
        TEST(frozen_container_is_not_purged),
    };
    return cmocka_run_group_tests_name("catalogue flush and purge", tests, NULL, NULL);
}
