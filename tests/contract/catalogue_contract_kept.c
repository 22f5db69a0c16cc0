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
    ",\"object\":\"marked\",\"status\":204,\"stamp\":\"" STAMP "\",\"created\":9,\"flag\":true}",
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

static void versions_and_properties_come_back_in_any_order_and_again(void **state)
{
    struct contract *c = *state;
    const size_t count = FY_COUNT_OF(kept_versions);
    for (size_t first = 0; first < count; first++)
        for (size_t i = 0; i < count; i++)
            assert_int_equal(lines_restore_one(c, kept_versions[(first + i) % count]), FY_OK);
    assert_lines(c, kept_versions, count);
    contract_sound(c);
    for (size_t i = count; i > 0; i--)
        assert_int_equal(lines_restore_one(c, kept_versions[i - 1]), FY_OK);
    assert_lines(c, kept_versions, count);
    contract_sound(c); /* what is in the container is counted once */
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
    contract_sound(c);
}

struct said {
    char text[4096];
};

static bool note(void *arg, const char *check, const char *about, const char *text)
{
    struct said *said = arg;
    size_t used = strlen(said->text);
    (void)snprintf(said->text + used, sizeof said->text - used, "%s %s: %s\n", check, about, text);
    return true;
}

static void assert_said(const struct said *said, const char *wanted)
{
    if (strstr(said->text, wanted) == NULL)
        fail_msg("%snot said: %s", said->text, wanted);
}

/* Each fault that a row of a version can have, planted in a catalogue without any. */
static void audit_says_what_is_wrong_with_versions(void **state)
{
    struct contract *c = *state;
    struct said said = {.text = ""};
    struct fy_catalogue_totals counted;
    for (size_t i = 0; i < FY_COUNT_OF(kept_versions); i++)
        assert_int_equal(lines_restore_one(c, kept_versions[i]), FY_OK);
    contract_close(c);
    c->factory->exec(c->place, "UPDATE version SET kind = 7 WHERE number = 50");
    c->factory->exec(c->place, "UPDATE version SET body_id = (SELECT id FROM body) WHERE number = "
                               "80");
    c->factory->exec(c->place, "UPDATE version SET size = 4, number = 70 WHERE number = 60");
    c->factory->exec(c->place, "UPDATE version SET body_id = NULL WHERE number = 40");
    c->factory->exec(c->place, "UPDATE object SET marker = 1 WHERE name = 'o'");
    contract_open(c);
    assert_int_equal(fy_catalogue_audit(c->catalogue, &counted, note, &said, &c->err), FY_OK);
    assert_said(&said, "version.kind c/b/\u00e9/o: has version 50 of kind 7\n");
    assert_said(&said, "version.body c/b/\u00e9/o: has version 80 without a body, which has one\n");
    assert_said(&said, "version.body c/b/\u00e9/o: has version 70 of 4 bytes, its body 3\n");
    assert_said(&said, "version.number c/b/\u00e9/o: has version 70 twice\n");
    assert_said(&said, "version.body c/b/\u00e9/marked: has version 40, whose body has no row\n");
    assert_said(&said, "object.marker c/b/\u00e9/o: is READY and a delete marker\n");
    assert_said(&said, "bucket.sums c/b/\u00e9: ");
}

struct names {
    char text[256];
};

static bool key_step(void *arg, const struct fy_object_key *key, int64_t version)
{
    struct names *names = arg;
    size_t used = strlen(names->text);
    (void)snprintf(names->text + used, sizeof names->text - used, "%s@%lld ", key->object,
                   (long long)version);
    return true;
}

/* Who looks for what is lost with a body, or for other sites that have its bytes, learns of all
 * that have it. Once none has it, it goes. */
static void body_is_in_use_while_any_version_has_it(void **state)
{
    struct contract *c = *state;
    struct names names = {.text = ""};
    struct fy_object_key o = contract_key("c", "b/\u00e9", "o");
    for (size_t i = 0; i < FY_COUNT_OF(kept_versions); i++)
        assert_int_equal(lines_restore_one(c, kept_versions[i]), FY_OK);
    struct fy_object_row row;
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &o, &row, &c->err), FY_OK);
    assert_int_equal(
        fy_catalogue_body_objects(c->catalogue, row.body_id, 9, key_step, &names, &c->err), FY_OK);
    assert_non_null(strstr(names.text, "o@0 "));
    assert_non_null(strstr(names.text, "o@60 "));
    assert_non_null(strstr(names.text, "marked@40 "));

    struct fy_cat_forget forget[] = {
        {.op.kind = FY_CAT_FORGET, .key = o},
        {.op.kind = FY_CAT_FORGET, .key = o, .version = 60},
        {.op.kind = FY_CAT_FORGET, .key = contract_key("c", "b/\u00e9", "marked"), .version = 40},
    };
    for (size_t i = 0; i < FY_COUNT_OF(forget); i++) {
        struct fy_cat_sweep sweep = {.op.kind = FY_CAT_SWEEP, .limit = 9};
        assert_int_equal(contract_run(c, &sweep.op), FY_OK);
        assert_int_equal(sweep.moved, 0);
        assert_int_equal(contract_run(c, &forget[i].op), FY_OK);
        contract_sound(c);
    }
    struct fy_cat_sweep sweep = {.op.kind = FY_CAT_SWEEP, .limit = 9};
    assert_int_equal(contract_run(c, &sweep.op), FY_OK);
    assert_int_equal(sweep.moved, 1);
    contract_sound(c);
}

static void purge_all(struct contract *c)
{
    struct fy_cat_purge purge = {
        .op.kind = FY_CAT_PURGE, .tombstones_before_ms = INT64_MAX, .limit = 99};
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
}

/* Lists show it, and what is behind it would come back: it does not age as tombstones do. */
static void delete_marker_stays_however_old_it_is(void **state)
{
    struct contract *c = *state;
    for (size_t i = 0; i < FY_COUNT_OF(kept_versions); i++)
        assert_int_equal(lines_restore_one(c, kept_versions[i]), FY_OK);
    assert_int_equal(lines_restore_one(c, "{\"is\":\"object\"," IN ",\"object\":\"erased\","
                                          "\"status\":204,\"stamp\":\"" STAMP "\"}"),
                     FY_OK);
    purge_all(c);
    assert_lines(c, kept_versions, FY_COUNT_OF(kept_versions));
    contract_sound(c);
}

/* Its delete came from another site, which knew of no versions here. */
static void what_is_left_in_a_container_that_is_gone_goes(void **state)
{
    struct contract *c = *state;
    for (size_t i = 5; i < FY_COUNT_OF(kept_versions); i++) /* without its READY object */
        assert_int_equal(lines_restore_one(c, kept_versions[i]), FY_OK);
    assert_int_equal(lines_restore_one(c, "{\"is\":\"bucket\"," IN ",\"status\":204,\"stamp\":"
                                          "\"00000000c3510001@site-b\",\"deleted\":5}"),
                     FY_OK);
    purge_all(c);
    struct lines left = {.count = 0};
    lines_export(c, &left);
    assert_int_equal(left.count, 0);
    struct fy_cat_sweep sweep = {.op.kind = FY_CAT_SWEEP, .limit = 9};
    assert_int_equal(contract_run(c, &sweep.op), FY_OK);
    assert_int_equal(sweep.moved, 1);
    contract_sound(c);
    lines_done(&left);
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
        TEST(audit_says_what_is_wrong_with_versions),
        TEST(delete_marker_stays_however_old_it_is),
        TEST(what_is_left_in_a_container_that_is_gone_goes),
        TEST(body_is_in_use_while_any_version_has_it),
        TEST(long_property_comes_back_whole),
    };
    return cmocka_run_group_tests_name("catalogue: lines of versions", tests, NULL, NULL);
}
