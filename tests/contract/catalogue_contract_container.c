/* catalogue_contract_container.c - containers by OpenIO's rules: made, destroyed, their properties
 * and states. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

#define ACCOUNT "Account A"
#define NAME    "a b/c"

static enum fy_code make_with(struct contract *c, const char *account, const char *name,
                              const struct fy_property *properties, size_t count)
{
    struct fy_cat_container_make op = {.op.kind = FY_CAT_CONTAINER_MAKE,
                                       .op_id = "make",
                                       .properties = properties,
                                       .count = count};
    (void)snprintf(op.account, sizeof op.account, "%s", account);
    (void)snprintf(op.name, sizeof op.name, "%s", name);
    return contract_run(c, &op.op);
}

static enum fy_code set_many(struct contract *c, bool flush, const struct fy_property *properties,
                             size_t count)
{
    struct fy_cat_properties op = {.op.kind = FY_CAT_PROPERTIES,
                                   .account = ACCOUNT,
                                   .name = NAME,
                                   .flush = flush,
                                   .properties = properties,
                                   .count = count};
    return contract_run(c, &op.op);
}

static enum fy_code set(struct contract *c, const char *key, const char *value)
{
    return set_many(c, false, &(struct fy_property){key, value}, 1);
}

static enum fy_code touch(struct contract *c, const char *name, bool recount)
{
    struct fy_cat_touch op = {.op.kind = FY_CAT_TOUCH, .account = ACCOUNT, .recount = recount};
    (void)snprintf(op.name, sizeof op.name, "%s", name);
    return contract_run(c, &op.op);
}

static enum fy_code put_state(struct contract *c, enum fy_container_state state)
{
    struct fy_cat_container_state op = {
        .op.kind = FY_CAT_CONTAINER_STATE, .account = ACCOUNT, .name = NAME, .state = state};
    return contract_run(c, &op.op);
}

static bool note(void *arg, const struct fy_property *property)
{
    char *text = arg;
    size_t used = strlen(text);
    (void)snprintf(text + used, 512 - used, "%s=%s ", property->key, property->value);
    return true;
}

static void assert_properties(struct contract *c, const char *wanted)
{
    char text[512] = "";
    struct fy_container_info info;
    const struct fy_container_ref ref = {.account = ACCOUNT, .name = NAME};
    assert_int_equal(fy_catalogue_container_info(c->catalogue, &ref, &info, note, text, &c->err),
                     FY_OK);
    assert_string_equal(text, wanted);
}

static void assert_outbox(struct contract *c, size_t index, const char *part)
{
    char *json = contract_outbox(c, index);
    assert_non_null(json);
    if (strstr(json, part) == NULL)
        fail_msg("not in %s: %s", json, part);
    free(json);
}

/* ------------------------------------------------------------------ made and destroyed */

static void made_container_is_there_with_its_properties_and_one_order(void **state)
{
    struct contract *c = *state;
    const struct fy_property properties[] = {
        {"user.b", "2"},      {"user.a", "1"},         {"sys.m2.policy.version", "3"},
        {"user.none", ""},    {"user.nothing", NULL},  {"sys.account", "somebody"},
        {"quota", "unknown"}, {"sys.m2.objects", "7"}, {"sys.status", "0"}};
    assert_int_equal(make_with(c, ACCOUNT, NAME, properties, FY_COUNT_OF(properties)), FY_OK);
    assert_properties(c, "quota=unknown sys.m2.policy.version=3 user.a=1 user.b=2 ");
    struct fy_container_info info = contract_info(c, ACCOUNT, NAME);
    assert_int_equal(info.objects, 0);
    assert_int_equal(info.row.status, FY_STATUS_READY);
    assert_int_equal(info.row.creation_ms, CONTRACT_T0);
    assert_true(info.row.rules.versioned);
    assert_int_equal(info.row.rules.policy, 3);
    assert_int_equal(contract_totals(c).containers, 1);
    assert_int_equal(contract_outbox_count(c), 1);
    assert_outbox(c, 0, "\"action\":\"CREATE\"");
    assert_outbox(c, 0, "\"overwrites\":true");
    assert_int_equal(contract_outcome(c, "make"), FY_OUTCOME_LOCAL);
}

static void container_that_is_there_stays_as_it_is(void **state)
{
    struct contract *c = *state;
    assert_int_equal(make_with(c, ACCOUNT, NAME, &(struct fy_property){"user.a", "1"}, 1), FY_OK);
    assert_int_equal(make_with(c, ACCOUNT, NAME, &(struct fy_property){"user.a", "2"}, 1),
                     FY_EEXISTS);
    assert_properties(c, "user.a=1 ");
    assert_int_equal(contract_outbox_count(c), 1);
    assert_int_equal(make_with(c, "Account B", NAME, NULL, 0), FY_OK);
    assert_properties(c, "user.a=1 ");
}

static void container_with_a_property_that_cannot_be_is_not_made(void **state)
{
    struct contract *c = *state;
    const struct fy_property properties[] = {{"user.a", "1"}, {"sys.m2.policy.version", "x"}};
    assert_int_equal(make_with(c, ACCOUNT, NAME, properties, 2), FY_EINPUT);
    assert_int_equal(contract_container_code(c, ACCOUNT, NAME), FY_ENOTFOUND);
    assert_int_equal(contract_outbox_count(c), 0);
}

static void destroyed_container_is_gone_with_all_it_had(void **state)
{
    struct contract *c = *state;
    const struct fy_property properties[] = {{"user.a", "1"}, {"sys.m2.quota", "100"}};
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_ENOTFOUND);
    assert_int_equal(make_with(c, ACCOUNT, NAME, properties, 2), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o", "1"), FY_OK);
    assert_int_equal(contract_rm_in(c, ACCOUNT, NAME, "o"), FY_OK);
    struct fy_container_info before = contract_info(c, ACCOUNT, NAME);
    assert_int_equal(before.changes, 2);
    contract_outbox_clear(c);
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_OK);
    assert_outbox(c, 0, "\"action\":\"DELETE\"");
    assert_int_equal(contract_container(c, ACCOUNT, NAME).status, FY_STATUS_DELETED);
    assert_int_equal(contract_totals(c).containers, 0);
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_ENOTFOUND);
    assert_int_equal(set(c, "user.a", "1"), FY_ENOTFOUND);
    assert_int_equal(touch(c, NAME, true), FY_ENOTFOUND);

    c->clock.now_ms += 1000;
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    struct fy_container_info after = contract_info(c, ACCOUNT, NAME);
    assert_properties(c, "");
    assert_int_equal(after.changes, 0);
    assert_int_equal(after.row.rules.quota, 0);
    assert_int_equal(after.row.creation_ms, CONTRACT_T0 + 1000);
    assert_true(fy_stamp_compare(&after.row.reg.stamp, &before.row.reg.stamp) > 0);
}

/* Delete markers and old versions as well: whoever destroys has to remove them first. */
static void container_with_something_in_it_is_not_destroyed(void **state)
{
    struct contract *c = *state;
    static const char *const rows[] = {
        "UPDATE object SET marker = 1 WHERE name = 'o'",
        "UPDATE object SET marker = 0 WHERE name = 'o'",
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, proof) SELECT container_id, name, 1, 1, 'id', 0, "
        "'', 0, '', 0, 0, '', 0 FROM object WHERE name = 'o'",
        "DELETE FROM version",
    };
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o", "1"), FY_OK);
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_ENOTACCEPT);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "p", "1"), FY_OK); /* it stays usable */
    assert_int_equal(contract_rm_in(c, ACCOUNT, NAME, "p"), FY_OK);
    assert_int_equal(contract_rm_in(c, ACCOUNT, NAME, "o"), FY_OK);
    for (size_t index = 0; index < FY_COUNT_OF(rows); index += 2) {
        contract_close(c);
        c->factory->exec(c->place, rows[index]);
        contract_open(c);
        assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_ENOTACCEPT);
        contract_close(c);
        c->factory->exec(c->place, rows[index + 1]);
        contract_open(c);
    }
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_OK);
}

/* What other sites delete takes the properties as well. */
static void container_that_an_order_deletes_loses_its_properties(void **state)
{
    struct contract *c = *state;
    assert_int_equal(make_with(c, ACCOUNT, NAME, &(struct fy_property){"sys.m2.quota", "1"}, 1),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, ACCOUNT, NAME, "", NULL, 5000), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, ACCOUNT, NAME, "", NULL, 6000), FY_OK);
    assert_properties(c, "");
    assert_int_equal(contract_info(c, ACCOUNT, NAME).row.rules.quota, 0);
}

static void tombstone_of_a_container_is_purged_with_all_it_had(void **state)
{
    struct contract *c = *state;
    assert_int_equal(make_with(c, ACCOUNT, NAME, &(struct fy_property){"user.a", "1"}, 1), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o", "1"), FY_OK);
    assert_int_equal(contract_rm_in(c, ACCOUNT, NAME, "o"), FY_OK);
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_OK);
    struct fy_cat_purge purge = {.op.kind = FY_CAT_PURGE,
                                 .tombstones_before_ms = CONTRACT_T0 + 60000,
                                 .kept_before_ms = CONTRACT_T0 + 60000,
                                 .limit = 99};
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(contract_container_code(c, ACCOUNT, NAME), FY_ENOTFOUND);
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_properties(c, "");
}

/* ------------------------------------------------------------------ properties */

static void properties_are_set_replaced_and_removed(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    contract_outbox_clear(c);
    const struct fy_property two[] = {{"user.a", "1"}, {"user.é", "ü"}};
    assert_int_equal(set_many(c, false, two, 2), FY_OK);
    assert_int_equal(set(c, "user.b", "2"), FY_OK);
    assert_int_equal(set(c, "user.a", "3"), FY_OK);
    assert_int_equal(set(c, "sys.m2.bucket.name", "b"), FY_OK);
    assert_properties(c, "sys.m2.bucket.name=b user.a=3 user.b=2 user.é=ü ");
    assert_int_equal(set(c, "user.a", ""), FY_OK);
    assert_int_equal(set(c, "user.b", NULL), FY_OK);
    assert_int_equal(set(c, "user.never", NULL), FY_OK);
    assert_properties(c, "sys.m2.bucket.name=b user.é=ü ");
    assert_int_equal(set_many(c, true, two, 1), FY_OK);
    assert_properties(c, "sys.m2.bucket.name=b user.a=1 ");
    assert_int_equal(set_many(c, true, NULL, 0), FY_OK);
    assert_properties(c, "sys.m2.bucket.name=b ");
    assert_int_equal(contract_outbox_count(c), 0); /* they stay here */
}

static void properties_that_cannot_be_change_nothing(void **state)
{
    struct contract *c = *state;
    const struct fy_property bad[] = {{"user.a", "1"}, {"sys.m2.quota", "much"}};
    const struct fy_property identity[] = {{"user.a", "1"}, {"sys.account", "me"}};
    assert_int_equal(set(c, "user.a", "1"), FY_ENOTFOUND);
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(set(c, "user.z", "0"), FY_OK);
    assert_int_equal(set_many(c, true, bad, 2), FY_EINPUT);
    assert_int_equal(set_many(c, true, identity, 2), FY_EINPUT);
    assert_int_equal(set(c, "quota", "1"), FY_EINPUT);
    assert_properties(c, "user.z=0 ");
}

static void container_has_so_many_properties_and_no_more(void **state)
{
    enum { HALF = FY_PROPERTIES_MAX / 2 };
    struct contract *c = *state;
    struct fy_property *many = fy_alloc(FY_PROPERTIES_MAX * sizeof *many);
    char *keys = fy_alloc((size_t)FY_PROPERTIES_MAX * 32);
    for (size_t index = 0; index < FY_PROPERTIES_MAX; index++) {
        (void)snprintf(keys + index * 32, 32, "user.%zu", index);
        many[index] = (struct fy_property){keys + index * 32, "v"};
    }
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(set_many(c, false, many, HALF), FY_OK);
    assert_int_equal(set_many(c, false, many, FY_PROPERTIES_MAX), FY_OK); /* half are replaced */
    assert_int_equal(set(c, "user.more", "v"), FY_ETOOBIG);
    const struct fy_property one_for_one[] = {{"user.more", "v"}, {"user.0", ""}};
    assert_int_equal(set_many(c, false, one_for_one, 2), FY_OK);
    assert_int_equal(set_many(c, true, many, 1), FY_OK); /* the others are flushed */
    assert_properties(c, "user.0=v ");
    free(keys);
    free(many);
}

static void key_of_a_property_has_so_many_bytes_and_no_more(void **state)
{
    struct contract *c = *state;
    char key[FY_PROPERTY_KEY_BYTES_MAX + 2] = "user.";
    for (size_t i = strlen(key), seed = 1; i < sizeof key - 1; i++, seed = seed * 75 % 65537)
        key[i] = (char)('!' + seed % 94); /* which no index can press */
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(set(c, key, "v"), FY_ETOOBIG);
    assert_int_equal(set(c, key, NULL), FY_ETOOBIG);
    key[FY_PROPERTY_KEY_BYTES_MAX] = '\0';
    assert_int_equal(set(c, key, "v"), FY_OK);
}

static void container_has_so_many_bytes_of_properties_and_no_more(void **state)
{
    struct contract *c = *state;
    const size_t room = FY_PROPERTIES_BYTES_MAX - strlen("user.a") - strlen("user.b");
    char *value = fy_alloc(room + 2);
    memset(value, 'v', room);
    assert_int_equal(make_with(c, ACCOUNT, NAME, &(struct fy_property){"user.a", value}, 1), FY_OK);
    assert_int_equal(set(c, "user.b", "1"), FY_ETOOBIG);
    assert_int_equal(set(c, "user.a", "1"), FY_OK);
    value[room - 1] = '\0';
    assert_int_equal(set(c, "user.b", value), FY_OK);
    assert_int_equal(set(c, "user.b", NULL), FY_OK);
    assert_properties(c, "user.a=1 ");
    memset(value, 'v', room + 1);
    const struct fy_property two[] = {{"user.a", value}, {"user.b", "1"}};
    assert_int_equal(make_with(c, ACCOUNT, "other", two, 2), FY_ETOOBIG);
    assert_int_equal(contract_container_code(c, ACCOUNT, "other"), FY_ENOTFOUND);
    free(value);
}

static void rules_follow_their_properties(void **state)
{
    struct contract *c = *state;
    const struct fy_property properties[] = {{"sys.m2.policy.version", "-1"},
                                             {"sys.m2.policy.version.delete_exceeding", "1"},
                                             {"sys.m2.keep_deleted_delay", "60"},
                                             {"sys.m2.quota", "1000"}};
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_true(contract_info(c, ACCOUNT, NAME).row.rules.policy == FY_UNSET);
    assert_int_equal(set_many(c, false, properties, FY_COUNT_OF(properties)), FY_OK);
    for (int opened = 0; opened < 2; opened++) {
        struct fy_container_rules rules = contract_info(c, ACCOUNT, NAME).row.rules;
        assert_int_equal(rules.policy, -1);
        assert_true(rules.delete_exceeding);
        assert_int_equal(rules.keep_deleted_s, 60);
        assert_int_equal(rules.quota, 1000);
        contract_reopen(c);
    }
    assert_int_equal(set(c, "sys.m2.policy.version", ""), FY_OK);
    assert_int_equal(set(c, "sys.m2.keep_deleted_delay", NULL), FY_OK);
    struct fy_container_rules rules = contract_info(c, ACCOUNT, NAME).row.rules;
    assert_true(rules.policy == FY_UNSET);
    assert_true(rules.keep_deleted_s == FY_UNSET);
    assert_properties(c, "sys.m2.policy.version.delete_exceeding=1 sys.m2.quota=1000 ");
}

/* A bucket of CCS that is given a policy follows it from then on. */
static void bucket_with_a_policy_is_versioned(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_set(c, "client-1", "bucket-1", "user.a", "1"), FY_OK);
    assert_false(contract_container(c, "", "bucket-1").rules.versioned);
    assert_int_equal(contract_set(c, "client-1", "bucket-1", "sys.m2.policy.version", "2"), FY_OK);
    assert_true(contract_container(c, "", "bucket-1").rules.versioned);
}

/* ------------------------------------------------------------------ states and sums */

static void container_is_frozen_once_and_enabled_once(void **state)
{
    struct contract *c = *state;
    assert_int_equal(put_state(c, FY_CONTAINER_FROZEN), FY_ENOTFOUND);
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(put_state(c, FY_CONTAINER_ENABLED), FY_EEXISTS);
    assert_int_equal(put_state(c, FY_CONTAINER_FROZEN), FY_OK);
    assert_int_equal(put_state(c, FY_CONTAINER_FROZEN), FY_EFROZEN);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o", "1"), FY_EFROZEN);
    assert_int_equal(set(c, "user.a", "1"), FY_OK); /* properties are no objects */
    assert_int_equal(put_state(c, FY_CONTAINER_ENABLED), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o", "1"), FY_OK);
    assert_int_equal(contract_rm_in(c, ACCOUNT, NAME, "o"), FY_OK);
    assert_int_equal(put_state(c, FY_CONTAINER_FROZEN), FY_OK);
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o", "1"), FY_OK);
}

static void state_is_a_property_as_well(void **state)
{
    struct contract *c = *state;
    const struct fy_property frozen[] = {{"sys.status.until", "1700000010"},
                                         {"sys.status", "4294967295"}};
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(set_many(c, false, frozen, 2), FY_OK);
    assert_properties(c, ""); /* what it is now nobody has set */
    assert_int_equal(contract_info(c, ACCOUNT, NAME).row.rules.state, FY_CONTAINER_FROZEN);
    assert_int_equal(put_state(c, FY_CONTAINER_FROZEN), FY_EFROZEN);
    c->clock.now_ms += 10000;
    assert_int_equal(contract_info(c, ACCOUNT, NAME).row.rules.state, FY_CONTAINER_ENABLED);
    assert_int_equal(put_state(c, FY_CONTAINER_ENABLED), FY_EEXISTS);
    assert_int_equal(put_state(c, FY_CONTAINER_FROZEN), FY_OK); /* and this one has no end */
    assert_int_equal(contract_info(c, ACCOUNT, NAME).row.rules.state, FY_CONTAINER_FROZEN);
    assert_int_equal(set(c, "sys.status", "4294967294"), FY_OK);
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_EDISABLED);
    assert_int_equal(set(c, "sys.status", ""), FY_OK);
    assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_OK);
}

static void upload_that_began_before_the_freeze_ends_in_it(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    struct fy_cat_upload_begin begin = contract_begin(ACCOUNT, NAME, "o");
    begin.key = contract_key(ACCOUNT, NAME, "o");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(put_state(c, FY_CONTAINER_FROZEN), FY_OK);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "bytes");
    assert_int_equal(contract_run(c, &finish.op), FY_EFROZEN);
    assert_int_equal(contract_totals(c).objects, 0);
}

static void sums_that_were_set_are_right_again_after_a_recount(void **state)
{
    struct contract *c = *state;
    assert_int_equal(touch(c, NAME, false), FY_ENOTFOUND);
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o", "12345"), FY_OK);
    assert_int_equal(set(c, "sys.m2.objects", "7"), FY_OK);
    assert_int_equal(contract_info(c, ACCOUNT, NAME).objects, 7);
    assert_int_equal(contract_info(c, ACCOUNT, NAME).bytes, 5);
    assert_int_equal(set(c, "sys.m2.usage", "70"), FY_OK);
    assert_int_equal(touch(c, NAME, false), FY_OK);
    assert_int_equal(contract_info(c, ACCOUNT, NAME).bytes, 70);
    assert_int_equal(contract_info(c, ACCOUNT, NAME).changes, 1);
    assert_properties(c, "");
    assert_int_equal(touch(c, NAME, true), FY_OK);
    struct fy_container_info info = contract_info(c, ACCOUNT, NAME);
    assert_int_equal(info.objects, 1);
    assert_int_equal(info.bytes, 5);
    assert_int_equal(info.changes, 2);
}

/* More rows than one statement counts, of both tables, in names that go on over its end. */
static void recount_reads_all_pages(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_make(c, ACCOUNT, NAME), FY_OK);
    contract_close(c);
    c->factory->exec(
        c->place,
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, proof) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
        "SELECT i + 1 FROM n WHERE i < 25000) SELECT c.id, 'o' || n.i, 0, 'id', CASE WHEN n.i % 5 "
        "= 0 THEN 204 ELSE 200 END, 1, 'site-a', 2, '', 1, 0, '', 1 FROM n CROSS JOIN container c");
    c->factory->exec(
        c->place,
        "INSERT INTO version(container_id, name, number, kind, id, stamp_time, stamp_site, size, "
        "hash, changed_ms, expires_ms, metadata, proof) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
        "SELECT i + 1 FROM n WHERE i < 25000) SELECT c.id, 'o' || (n.i / 7000), n.i, n.i % 3, "
        "'id', 1, 'site-a', 1, '', 1, 0, '', 1 FROM n CROSS JOIN container c");
    contract_open(c);
    assert_int_equal(touch(c, NAME, true), FY_OK);
    struct fy_container_info info = contract_info(c, ACCOUNT, NAME);
    assert_int_equal(info.objects, 20000 + 25000 - 25000 / 3 - 1); /* every third is a marker */
    assert_int_equal(info.bytes, 20000 + info.objects);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_container(void)
{
    const struct CMUnitTest tests[] = {
        TEST(made_container_is_there_with_its_properties_and_one_order),
        TEST(container_that_is_there_stays_as_it_is),
        TEST(container_with_a_property_that_cannot_be_is_not_made),
        TEST(destroyed_container_is_gone_with_all_it_had),
        TEST(container_with_something_in_it_is_not_destroyed),
        TEST(container_that_an_order_deletes_loses_its_properties),
        TEST(tombstone_of_a_container_is_purged_with_all_it_had),
        TEST(properties_are_set_replaced_and_removed),
        TEST(properties_that_cannot_be_change_nothing),
        TEST(container_has_so_many_properties_and_no_more),
        TEST(key_of_a_property_has_so_many_bytes_and_no_more),
        TEST(container_has_so_many_bytes_of_properties_and_no_more),
        TEST(rules_follow_their_properties),
        TEST(bucket_with_a_policy_is_versioned),
        TEST(container_is_frozen_once_and_enabled_once),
        TEST(state_is_a_property_as_well),
        TEST(upload_that_began_before_the_freeze_ends_in_it),
        TEST(sums_that_were_set_are_right_again_after_a_recount),
        TEST(recount_reads_all_pages),
    };
    return cmocka_run_group_tests_name("catalogue containers", tests, NULL, NULL);
}
