/* container_rules_test.c - which properties of a container are more than texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/core/container_rules.h"

static struct fy_container_change unset(void)
{
    struct fy_container_change change = {.objects = 0};
    fy_container_rules_init(&change.rules);
    return change;
}

static enum fy_code set(struct fy_container_change *change, const char *key, const char *value)
{
    return fy_container_change(change, &(struct fy_property){key, value}, 1, false, NULL);
}

static enum fy_code make(struct fy_container_change *change, const char *key, const char *value)
{
    return fy_container_change(change, &(struct fy_property){key, value}, 1, true, NULL);
}

static void rules_are_read_from_their_properties(void **state)
{
    (void)state;
    struct fy_container_change change = unset();
    const struct fy_property properties[] = {
        {"sys.m2.policy.version", "-1"},    {"sys.m2.policy.version.delete_exceeding", "1"},
        {"sys.m2.keep_deleted_delay", "0"}, {"sys.m2.quota", "9223372036854775807"},
        {"sys.status.until", "1700000000"}, {"sys.status", "4294967295"},
        {"user.sys.status", "anything"},
    };
    assert_int_equal(fy_container_change(&change, properties, FY_COUNT_OF(properties), false, NULL),
                     FY_OK);
    assert_true(change.rules.versioned);
    assert_int_equal(change.rules.policy, -1);
    assert_true(change.rules.delete_exceeding);
    assert_int_equal(change.rules.keep_deleted_s, 0);
    assert_true(change.rules.quota == INT64_MAX);
    assert_int_equal(change.rules.state, FY_CONTAINER_FROZEN);
    assert_true(change.rules.frozen_until_ms == 1700000000000); /* whichever comes first */
    assert_true(change.objects == FY_UNSET);
    assert_true(change.bytes == FY_UNSET);
}

static void absent_values_reset_rules(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "sys.m2.policy.version", "sys.m2.policy.version.delete_exceeding",
        "sys.m2.keep_deleted_delay", "sys.m2.quota", "sys.status.until"};
    struct fy_container_change change = unset();
    for (size_t index = 0; index < FY_COUNT_OF(keys); index++) {
        assert_int_equal(set(&change, keys[index], "5"), FY_OK);
        assert_int_equal(set(&change, keys[index], index % 2 == 0 ? "" : NULL), FY_OK);
    }
    assert_int_equal(set(&change, "sys.status", "4294967294"), FY_OK);
    assert_int_equal(change.rules.state, FY_CONTAINER_DISABLED);
    assert_int_equal(set(&change, "sys.status", NULL), FY_OK);
    struct fy_container_rules none = unset().rules;
    none.versioned = true; /* names that were written again stay so */
    assert_true(change.rules.policy == none.policy);
    assert_int_equal(change.rules.versioned, none.versioned);
    assert_int_equal(change.rules.delete_exceeding, none.delete_exceeding);
    assert_true(change.rules.keep_deleted_s == none.keep_deleted_s);
    assert_int_equal(change.rules.quota, 0);
    assert_int_equal(change.rules.state, FY_CONTAINER_ENABLED);
    assert_int_equal(change.rules.frozen_until_ms, 0);
}

static void values_that_a_rule_cannot_have_are_refused(void **state)
{
    (void)state;
    static const struct fy_property bad[] = {
        {"sys.m2.policy.version", "x"},
        {"sys.m2.policy.version", "1 "},
        {"sys.m2.policy.version", " 1"},
        {"sys.m2.policy.version", "+1"},
        {"sys.m2.policy.version", "-"},
        {"sys.m2.policy.version", "0x1"},
        {"sys.m2.policy.version", "9223372036854775808"},
        {"sys.m2.policy.version", "-9223372036854775808"}, /* what stands for none */
        {"sys.m2.policy.version.delete_exceeding", "yes"},
        {"sys.m2.keep_deleted_delay", "1.5"},
        {"sys.m2.quota", "-1"},
        {"sys.status", "1"},
        {"sys.status", "-1"},
        {"sys.status.until", "-5"},
        {"sys.status.until", "9223372036854776"},
        {"sys.m2.objects", "many"},
        {"sys.m2.usage", "-1"},
        {"sys.m2.usage", "72057594037927937"},
        {"sys.m2.objects", "9223372036854775807"},
        {"user.x", "\xff"},
        {"user.\xff", "x"},
        {"", "x"},
    };
    struct fy_container_change change = unset();
    for (size_t index = 0; index < FY_COUNT_OF(bad); index++) {
        const struct fy_property two[] = {{"sys.m2.quota", "7"}, bad[index]};
        assert_int_equal(fy_container_change(&change, two, 2, false, NULL), FY_EINPUT);
        assert_int_equal(change.rules.quota, 0); /* nothing of it was taken */
    }
}

static void counters_may_be_set_and_identity_may_not(void **state)
{
    (void)state;
    static const char *const computed[] = {
        "sys.account",   "sys.user.name",  "sys.name",        "sys.ns",
        "sys.type",      "sys.peers",      "sys.m2.init",     "sys.m2.ctime",
        "sys.m2.shards", "sys.m2.version", "sys.m2.usage.EC", "sys.m2.objects.SINGLE"};
    struct fy_container_change change = unset();
    assert_int_equal(set(&change, "sys.m2.objects", "7"), FY_OK);
    assert_int_equal(change.objects, 7);
    assert_true(change.bytes == FY_UNSET);
    assert_int_equal(set(&change, "sys.m2.usage", ""), FY_OK);
    assert_int_equal(change.bytes, 0);
    assert_true(change.objects == FY_UNSET);
    for (size_t index = 0; index < FY_COUNT_OF(computed); index++) {
        assert_int_equal(fy_property_kind(computed[index]), FY_PROPERTY_COMPUTED);
        assert_int_equal(set(&change, computed[index], "x"), FY_EINPUT);
        assert_int_equal(set(&change, computed[index], NULL), FY_EINPUT);
        assert_int_equal(make(&change, computed[index], "x"), FY_OK);
    }
    assert_int_equal(make(&change, "sys.m2.objects", "many"), FY_OK);
    assert_true(change.objects == FY_UNSET);
}

static void keys_need_a_prefix_once_the_container_is_there(void **state)
{
    (void)state;
    struct fy_container_change change = unset();
    assert_int_equal(make(&change, "quota", "1"), FY_OK);
    assert_int_equal(set(&change, "quota", "1"), FY_EINPUT);
    assert_int_equal(set(&change, "system.x", "1"), FY_EINPUT);
    assert_int_equal(set(&change, "schema_version", "1"), FY_EINPUT);
    assert_int_equal(set(&change, "sys.m2.bucket.name", "b"), FY_OK);
    assert_int_equal(fy_property_kind("sys.m2.bucket.name"), FY_PROPERTY_PLAIN);
    assert_int_equal(fy_property_kind("sys.m2.policy.storage"), FY_PROPERTY_PLAIN);
    assert_int_equal(fy_property_kind("sys.m2.quota"), FY_PROPERTY_RULE);
    assert_int_equal(fy_property_kind("sys.status"), FY_PROPERTY_STATE);
    assert_int_equal(fy_property_kind("version:main.admin"), FY_PROPERTY_COMPUTED);
}

static void freeze_ends_by_itself(void **state)
{
    (void)state;
    struct fy_container_rules rules = {.state = FY_CONTAINER_FROZEN};
    assert_int_equal(fy_container_state_at(&rules, INT64_MAX), FY_CONTAINER_FROZEN);
    rules.frozen_until_ms = 1000;
    assert_int_equal(fy_container_state_at(&rules, 999), FY_CONTAINER_FROZEN);
    assert_int_equal(fy_container_state_at(&rules, 1000), FY_CONTAINER_ENABLED);
    rules.state = FY_CONTAINER_DISABLED;
    assert_int_equal(fy_container_state_at(&rules, 1000), FY_CONTAINER_DISABLED);

    /* The next one does not end when the last one did. */
    struct fy_container_change change = {.rules = rules};
    assert_int_equal(set(&change, "sys.status", fy_container_state_text(FY_CONTAINER_FROZEN)),
                     FY_OK);
    assert_int_equal(fy_container_state_at(&change.rules, 1000), FY_CONTAINER_FROZEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_read_from_their_properties),
        cmocka_unit_test(absent_values_reset_rules),
        cmocka_unit_test(values_that_a_rule_cannot_have_are_refused),
        cmocka_unit_test(counters_may_be_set_and_identity_may_not),
        cmocka_unit_test(keys_need_a_prefix_once_the_container_is_there),
        cmocka_unit_test(freeze_ends_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
