/* targets_test.c - the list of sites a bucket is replicated to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/core/targets.h"

static void good_lists_are_site_ids_with_commas_between(void **state)
{
    (void)state;
    assert_int_equal(fy_targets_check("", NULL), FY_OK);
    assert_int_equal(fy_targets_check("lyon", NULL), FY_OK);
    assert_int_equal(fy_targets_check("lyon,oslo,oslo-2,O.slo", NULL), FY_OK);
    static const char *const bad[] = {",",          "lyon,", ",lyon",         "lyon,,oslo",
                                      "lyon, oslo", "l/yon", "lyon,oslo,lyon"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_int_equal(fy_targets_check(bad[i], NULL), FY_EINPUT);
}

/* A list that is good fits its field, whatever the ids. */
static void a_list_has_as_many_sites_as_a_topology(void **state)
{
    (void)state;
    char list[FY_TARGETS_BYTES_MAX + 2 * FY_SITE_BYTES_MAX] = "";
    for (int i = 0; i < FY_SITES_MAX; i++)
        (void)snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%064d",
                       i > 0 ? "," : "", i);
    assert_int_equal(fy_targets_check(list, NULL), FY_OK);
    assert_true(strlen(list) <= FY_TARGETS_BYTES_MAX);
    (void)snprintf(list + strlen(list), sizeof(list) - strlen(list), ",x");
    assert_int_equal(fy_targets_check(list, NULL), FY_EINPUT);
    assert_int_equal(
        fy_targets_check("00000000000000000000000000000000000000000000000000000000000000065", NULL),
        FY_EINPUT);
}

static void a_list_is_walked_in_its_order(void **state)
{
    (void)state;
    const char *at = "lyon,oslo";
    char site[FY_SITE_BYTES_MAX + 1];
    assert_true(fy_targets_next(&at, site));
    assert_string_equal(site, "lyon");
    assert_true(fy_targets_next(&at, site));
    assert_string_equal(site, "oslo");
    assert_false(fy_targets_next(&at, site));
}

static void no_list_includes_every_site_and_a_list_its_own(void **state)
{
    (void)state;
    assert_true(fy_targets_include("", "lyon"));
    assert_true(fy_targets_include("lyon,oslo", "lyon"));
    assert_true(fy_targets_include("lyon,oslo", "oslo"));
    assert_false(fy_targets_include("lyon,oslo", "osl"));
    assert_false(fy_targets_include("lyon,oslo", "oslo-2"));
    assert_false(fy_targets_include("lyon,oslo", "yon"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lists_are_site_ids_with_commas_between),
        cmocka_unit_test(a_list_has_as_many_sites_as_a_topology),
        cmocka_unit_test(a_list_is_walked_in_its_order),
        cmocka_unit_test(no_list_includes_every_site_and_a_list_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
