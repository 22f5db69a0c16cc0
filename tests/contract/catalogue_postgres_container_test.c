/* catalogue_postgres_container_test.c - two processes change one container at the same moment, by
 * OpenIO's rules: it ends as if one of them had come first. */
#include <stdio.h>
#include <string.h>

#include "tests/contract/catalogue_postgres_pair.h"
#include "tests/support/version_query.h"

#define ACCOUNT "Account A"

static struct fy_cat_container_make make_of(unsigned round)
{
    struct fy_cat_container_make op = {
        .op.kind = FY_CAT_CONTAINER_MAKE, .account = ACCOUNT, .op_id = "make"};
    (void)snprintf(op.name, sizeof op.name, "c %u", round);
    return op;
}

static struct fy_cat_container_destroy destroy_of(const char *name)
{
    struct fy_cat_container_destroy op = {
        .op.kind = FY_CAT_CONTAINER_DESTROY, .account = ACCOUNT, .op_id = "destroy"};
    (void)snprintf(op.name, sizeof op.name, "%s", name);
    return op;
}

static struct fy_cat_properties set_of(const char *name, const struct fy_property *properties,
                                       size_t count)
{
    struct fy_cat_properties op = {
        .op.kind = FY_CAT_PROPERTIES, .account = ACCOUNT, .properties = properties, .count = count};
    (void)snprintf(op.name, sizeof op.name, "%s", name);
    return op;
}

/* The whole upload in one operation, as of a body that was there first. */
static struct fy_cat_upload_finish upload_of(struct contract *c, const char *name,
                                             const char *object, const char *bytes)
{
    struct fy_cat_upload_begin begin = {.key = contract_key(ACCOUNT, name, object),
                                        .client = ACCOUNT};
    struct fy_cat_upload_finish op = contract_finish(c, &begin, bytes);
    op.by_rules = true;
    return op;
}

static bool is_there(struct contract *c, const char *name)
{
    struct fy_container_info info;
    const struct fy_container_ref ref = {.account = ACCOUNT, .name = name};
    enum fy_code code = fy_catalogue_container_info(c->catalogue, &ref, &info, NULL, NULL, &c->err);
    assert_true(code == FY_OK || code == FY_ENOTFOUND);
    return code == FY_OK;
}

static void check_all(struct contract *c)
{
    pair_check_sums(c);
    (void)contract_sound(c);
}

static void of_two_containers_of_a_name_one_is_made(void **state)
{
    struct pair *pair = pair_of(state);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_container_make a = make_of(round), b = a;
        const struct fy_property ones = {"user.of", "one"}, twos = {"user.of", "two"};
        a.properties = &ones, b.properties = &twos;
        a.count = b.count = 1;
        pair_run(pair, &a.op, &b.op);
        assert_int_equal((a.op.code == FY_OK) + (b.op.code == FY_OK), 1);
        assert_int_equal((a.op.code == FY_EEXISTS) + (b.op.code == FY_EEXISTS), 1);
        assert_int_equal(
            catalogue_postgres_number(pair->one->place,
                                      a.op.code == FY_OK
                                          ? "SELECT count(*) FROM property WHERE value = 'two'"
                                          : "SELECT count(*) FROM property WHERE value = 'one'"),
            0);
        struct fy_cat_container_destroy gone = destroy_of(a.name);
        assert_int_equal(contract_run(pair->one, &gone.op), FY_OK);
    }
    check_all(pair->one);
    pair_end(pair);
}

/* A bucket of CCS and a container of the same account and name are one. */
static void bucket_and_container_of_a_name_are_made_once(void **state)
{
    struct pair *pair = pair_of(state);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_container_make a = {.op.kind = FY_CAT_CONTAINER_MAKE, .account = "client-1"};
        struct fy_cat_bucket_create b = {.op.kind = FY_CAT_BUCKET_CREATE, .client = "client-1"};
        (void)snprintf(a.name, sizeof a.name, "bucket-%u", round);
        (void)snprintf(b.bucket, sizeof b.bucket, "bucket-%u", round);
        pair_run(pair, &a.op, &b.op);
        assert_int_equal((a.op.code == FY_OK) + (b.op.code == FY_OK), 1);
        assert_int_equal((a.op.code == FY_EEXISTS) + (b.op.code == FY_EEXISTS), 1);
        assert_int_equal(contract_info(pair->one, "client-1", a.name).row.rules.versioned,
                         a.op.code == FY_OK);
    }
    check_all(pair->one);
    pair_end(pair);
}

static void container_is_made_before_or_after_it_is_destroyed(void **state)
{
    struct pair *pair = pair_of(state);
    unsigned again = 0;
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_container_make a = make_of(round);
        struct fy_cat_container_destroy b = destroy_of(a.name);
        bool there = round % 4 < 2; /* whoever is late */
        if (there)
            assert_int_equal(contract_make(pair->one, ACCOUNT, a.name), FY_OK);
        pair_run(pair, &a.op, &b.op);
        bool made = a.op.code == FY_OK, destroyed = b.op.code == FY_OK;
        assert_int_equal(a.op.code, made ? FY_OK : FY_EEXISTS);
        assert_int_equal(b.op.code, destroyed ? FY_OK : FY_ENOTFOUND);
        assert_true(there ? destroyed : made);
        /* Where both have done something, the first was the one that could. */
        assert_int_equal(is_there(pair->one, a.name), there ? made : !destroyed);
        again += there && made;
    }
    print_message("%u of %u containers were made again\n", again, PAIR_ROUNDS / 2);
    check_all(pair->one);
    pair_end(pair);
}

static void properties_are_of_a_container_that_is_there_or_of_none(void **state)
{
    struct pair *pair = pair_of(state);
    const struct fy_property properties[] = {{"user.a", "1"}, {"sys.m2.quota", "7"}};
    unsigned late = 0;
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_container_make make = make_of(round);
        assert_int_equal(contract_run(pair->one, &make.op), FY_OK);
        struct fy_cat_properties a = set_of(make.name, properties, 2);
        struct fy_cat_container_destroy b = destroy_of(make.name);
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(b.op.code, FY_OK);
        assert_true(a.op.code == FY_OK || a.op.code == FY_ENOTFOUND);
        late += a.op.code == FY_ENOTFOUND;
        assert_int_equal(
            catalogue_postgres_number(pair->one->place, "SELECT count(*) FROM property"), 0);
        assert_int_equal(contract_run(pair->one, &make.op), FY_OK);
        assert_int_equal(contract_info(pair->one, ACCOUNT, make.name).row.rules.quota, 0);
    }
    print_message("%u of %u containers were destroyed first\n", late, PAIR_ROUNDS);
    check_all(pair->one);
    pair_end(pair);
}

/* Each sets one rule, and the row has all of them. */
static void rules_that_are_set_at_once_are_all_there(void **state)
{
    struct pair *pair = pair_of(state);
    const struct fy_property quota = {"sys.m2.quota", "7"};
    const struct fy_property policy = {"sys.m2.policy.version", "5"};
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_container_make make = make_of(round);
        assert_int_equal(contract_run(pair->one, &make.op), FY_OK);
        struct fy_cat_properties a = set_of(make.name, &quota, 1);
        struct fy_cat_properties b = set_of(make.name, &policy, 1);
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
        struct fy_container_rules rules = contract_info(pair->one, ACCOUNT, make.name).row.rules;
        assert_int_equal(rules.quota, 7);
        assert_int_equal(rules.policy, 5);
    }
    pair_end(pair);
}

static void container_is_destroyed_or_gets_its_object_never_both(void **state)
{
    struct pair *pair = pair_of(state);
    unsigned destroyed = 0;
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_container_make make = make_of(round);
        assert_int_equal(contract_run(pair->one, &make.op), FY_OK);
        struct fy_cat_container_destroy a = destroy_of(make.name);
        struct fy_cat_upload_finish b = upload_of(&pair->two, make.name, "o", "bytes");
        pair_run(pair, &a.op, &b.op);
        bool gone = a.op.code == FY_OK;
        assert_int_equal(a.op.code, gone ? FY_OK : FY_ENOTACCEPT);
        assert_int_equal(b.op.code, gone ? FY_ENOTFOUND : FY_OK);
        assert_int_equal(is_there(pair->one, make.name), !gone);
        destroyed += gone;
    }
    print_message("%u of %u containers were destroyed first\n", destroyed, PAIR_ROUNDS);
    check_all(pair->one);
    pair_end(pair);
}

/* An upload that comes meanwhile is counted once. */
static void sums_are_right_when_they_are_counted_beside_uploads(void **state)
{
    struct pair *pair = pair_of(state);
    struct fy_cat_container_make make = make_of(0);
    assert_int_equal(contract_run(pair->one, &make.op), FY_OK);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        char name[32];
        pair_name(name, round);
        struct fy_cat_touch a = {.op.kind = FY_CAT_TOUCH, .account = ACCOUNT, .recount = true};
        memcpy(a.name, make.name, sizeof a.name);
        if (round % 2 == 0)
            assert_int_equal(fy_catalogue_container_count(pair->one->catalogue, ACCOUNT, a.name,
                                                          &a.count, &pair->one->err),
                             FY_OK);
        struct fy_cat_upload_finish b = upload_of(&pair->two, make.name, name, "12345");
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_false(a.stale);
        assert_int_equal(b.op.code, FY_OK);
        struct fy_container_info info = contract_info(pair->one, ACCOUNT, make.name);
        assert_int_equal(info.objects, round + 1);
        assert_int_equal(info.bytes, 5 * (round + 1));
        assert_int_equal(info.changes, 2 * (round + 1));
    }
    check_all(pair->one);
    pair_end(pair);
}

/* Who has counted hears of what another process has set since. */
static void count_is_stale_when_another_process_has_set_the_sums(void **state)
{
    struct pair *pair = pair_of(state);
    struct fy_cat_container_make make = make_of(0);
    assert_int_equal(contract_run(pair->one, &make.op), FY_OK);
    struct fy_cat_touch touch = {.op.kind = FY_CAT_TOUCH, .account = ACCOUNT, .recount = true};
    memcpy(touch.name, make.name, sizeof touch.name);
    const struct fy_property usage = {"sys.m2.usage", "77"};
    struct fy_cat_properties set = set_of(make.name, &usage, 1);
    assert_int_equal(contract_run(&pair->two, &set.op), FY_OK);
    assert_int_equal(fy_catalogue_container_count(pair->one->catalogue, ACCOUNT, touch.name,
                                                  &touch.count, &pair->one->err),
                     FY_OK);
    struct fy_cat_touch other = touch;
    assert_int_equal(contract_run(&pair->two, &other.op), FY_OK);
    assert_false(other.stale);
    assert_int_equal(contract_run(pair->one, &touch.op), FY_OK);
    assert_true(touch.stale);
    assert_int_equal(contract_info(pair->one, ACCOUNT, make.name).bytes, 0);
    pair_end(pair);
}

static bool count_version(void *arg, const struct fy_version_entry *entry)
{
    (void)entry;
    ++*(unsigned *)arg;
    return true;
}

static unsigned versions_of(struct contract *c, const char *name)
{
    unsigned count = 0;
    const struct fy_version_query query = version_query(ACCOUNT, name, true, 10 * PAIR_ROUNDS);
    assert_int_equal(
        fy_catalogue_version_list(c->catalogue, &query, count_version, &count, &c->err), FY_OK);
    return count;
}

/* Whoever writes, deletes or erases beside it: no version is lost, and none has another's number.
 */
static void what_two_write_under_one_name_are_two_versions(void **state)
{
    struct pair *pair = pair_of(state);
    const struct fy_property all = {"sys.m2.policy.version", "-1"};
    struct fy_cat_container_make make = make_of(0);
    make.properties = &all;
    make.count = 1;
    assert_int_equal(contract_run(pair->one, &make.op), FY_OK);
    for (unsigned round = 0; round < PAIR_ROUNDS; round++) {
        struct fy_cat_upload_finish a = upload_of(pair->one, make.name, "o", "one");
        struct fy_cat_upload_finish b = upload_of(&pair->two, make.name, "o", "two");
        pair_run(pair, &a.op, &b.op);
        assert_int_equal(a.op.code, FY_OK);
        assert_int_equal(b.op.code, FY_OK);
        assert_int_equal(versions_of(pair->one, make.name), 2 + 2 * round);

        struct fy_cat_object_delete mark = {.op.kind = FY_CAT_OBJECT_DELETE,
                                            .key = contract_key(ACCOUNT, make.name, "o"),
                                            .client = ACCOUNT,
                                            .op_id = "rm"};
        struct fy_cat_object_delete erase = mark;
        erase.version = a.row.version > b.row.version ? a.row.version : b.row.version;
        pair_run(pair, &mark.op, &erase.op);
        assert_int_equal(mark.op.code, FY_OK);
        assert_int_equal(erase.op.code, FY_OK);
        assert_int_equal(versions_of(pair->one, make.name), 2 + 2 * round);
    }
    check_all(pair->one);
    pair_end(pair);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_two_containers_of_a_name_one_is_made),
        TEST(what_two_write_under_one_name_are_two_versions),
        TEST(bucket_and_container_of_a_name_are_made_once),
        TEST(container_is_made_before_or_after_it_is_destroyed),
        TEST(properties_are_of_a_container_that_is_there_or_of_none),
        TEST(rules_that_are_set_at_once_are_all_there),
        TEST(container_is_destroyed_or_gets_its_object_never_both),
        TEST(sums_are_right_when_they_are_counted_beside_uploads),
        TEST(count_is_stale_when_another_process_has_set_the_sums),
    };
    (void)catalogue_postgres_begin();
    catalogue_contract_use(&catalogue_postgres_factory);
    int failed =
        cmocka_run_group_tests_name("containers of two processes on PostgreSQL", tests, NULL, NULL);
    catalogue_postgres_end();
    return failed;
}
