/* catalogue_contract_kept.c - lines of versions, properties and rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/bounds.h"
#include "tests/contract/catalogue_contract_lines.h"

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
    lines_export(c, &got);
    qsort(sorted, count, sizeof sorted[0], lines_compare);
    qsort(got.texts, got.count, sizeof got.texts[0], lines_compare);
    for (size_t i = 0; i < got.count && i < count; i++)
        assert_string_equal(got.texts[i], sorted[i]);
    assert_int_equal(got.count, count);
    lines_done(&got);
}

static void assert_sound(struct contract *c)
{
    struct fy_catalogue_totals counted;
    assert_int_equal(fy_catalogue_audit(c->catalogue, &counted, lines_unsound, NULL, &c->err),
                     FY_OK);
}

static void versions_and_properties_come_back_in_any_order_and_again(void **state)
{
    struct contract *c = *state;
    const size_t count = FY_COUNT_OF(kept_versions);
    for (size_t first = 0; first < count; first++)
        for (size_t i = 0; i < count; i++)
            assert_int_equal(lines_restore_one(c, kept_versions[(first + i) % count]), FY_OK);
    assert_lines(c, kept_versions, count);
    assert_sound(c);
    for (size_t i = count; i > 0; i--)
        assert_int_equal(lines_restore_one(c, kept_versions[i - 1]), FY_OK);
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
        assert_int_equal(lines_restore_one(c, kept_versions[i]), FY_OK);
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < FY_COUNT_OF(gone); i++)
            assert_int_equal(lines_restore_one(c, gone[i]), FY_OK);
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
            assert_int_equal(lines_restore_one(c, line), FY_OK);
        }
    lines_export(c, &got);
    assert_int_equal(got.count, 1 + 3 * 40);
    lines_done(&got);
}

/* A value of many lines, each cut between characters. */
static void long_property_comes_back_whole(void **state)
{
    struct contract *c = *state, *other = contract_other_new(c);
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
        assert_int_equal(lines_restore_one(c, line), FY_OK);
    }
    lines_export(c, &all);
    assert_int_equal(all.count, 1 + 5); /* the bucket; 18,000 bytes, 4,096 a line */
    lines_restore(other, &all);
    lines_restore(other, &all);
    lines_assert_alike(c, other);
    lines_done(&all);
    contract_other_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_kept(void)
{
    const struct CMUnitTest tests[] = {
        TEST(versions_and_properties_come_back_in_any_order_and_again),
        TEST(what_lines_say_is_gone_is_gone),
        TEST(many_versions_of_a_name_are_all_written_down),
        TEST(long_property_comes_back_whole),
    };
    return cmocka_run_group_tests_name("catalogue: lines of versions", tests, NULL, NULL);
}
