/* catalogue_contract_backfill.c - backfills, and the walk over all containers. */
#include <stdio.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

struct text {
    char text[4096];
};

static void make_site(struct contract *c, const char *id)
{
    struct fy_cat_site op = {
        .op.kind = FY_CAT_SITE, .action = FY_SITE_INSERT, .row = {.status = FY_SITE_UP}};
    assert_true(fy_text_copy(op.row.id, sizeof op.row.id, id));
    assert_true(fy_text_copy(op.row.uri, sizeof op.row.uri, "http://h"));
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static enum fy_code begin(struct contract *c, const char *site, const char *prefix,
                          struct fy_backfill_row *row)
{
    struct fy_cat_backfill op = {.op.kind = FY_CAT_BACKFILL,
                                 .action = FY_BACKFILL_BEGIN,
                                 .row = {.op_id = "op-1",
                                         .account = "client-1",
                                         .bucket = "bucket-1",
                                         .rate = 50,
                                         .whole = true,
                                         .forced = true}};
    assert_true(fy_text_copy(op.row.site, sizeof op.row.site, site));
    assert_true(fy_text_copy(op.row.prefix, sizeof op.row.prefix, prefix));
    enum fy_code code = contract_run(c, &op.op);
    *row = op.row;
    return code;
}

static enum fy_code save(struct contract *c, const struct fy_backfill_row *row)
{
    struct fy_cat_backfill op = {
        .op.kind = FY_CAT_BACKFILL, .action = FY_BACKFILL_SAVE, .row = *row};
    return contract_run(c, &op.op);
}

static enum fy_code cancel(struct contract *c, int64_t id)
{
    struct fy_cat_backfill op = {
        .op.kind = FY_CAT_BACKFILL, .action = FY_BACKFILL_CANCEL, .row.id = id};
    return contract_run(c, &op.op);
}

static bool copy_row(void *arg, const struct fy_backfill_row *row)
{
    *(struct fy_backfill_row *)arg = *row;
    return false;
}

static struct fy_backfill_row get(struct contract *c, int64_t id)
{
    struct fy_backfill_row row = {.id = 0};
    assert_int_equal(fy_catalogue_backfill_list(c->catalogue, id - 1, 1, copy_row, &row, &c->err),
                     FY_OK);
    assert_int_equal(row.id, id);
    return row;
}

static bool count_row(void *arg, const struct fy_backfill_row *row)
{
    (void)row;
    ++*(int *)arg;
    return true;
}

static int running(struct contract *c)
{
    int count = 0;
    assert_int_equal(fy_catalogue_backfill_running(c->catalogue, count_row, &count, &c->err),
                     FY_OK);
    return count;
}

static int all(struct contract *c)
{
    int count = 0;
    assert_int_equal(fy_catalogue_backfill_list(c->catalogue, 0, 1000, count_row, &count, &c->err),
                     FY_OK);
    return count;
}

/* ------------------------------------------------------------------ one backfill */

static void a_backfill_is_what_it_was_begun_as(void **state)
{
    struct contract *c = *state;
    struct fy_backfill_row begun;
    make_site(c, "lyon");
    assert_int_equal(begin(c, "lyon", "p/", &begun), FY_OK);
    contract_reopen(c);
    struct fy_backfill_row row = get(c, begun.id);
    assert_int_equal(row.state, FY_BACKFILL_RUNNING);
    assert_string_equal(row.op_id, "op-1");
    assert_string_equal(row.site, "lyon");
    assert_string_equal(row.account, "client-1");
    assert_string_equal(row.bucket, "bucket-1");
    assert_string_equal(row.prefix, "p/");
    assert_int_equal(row.rate, 50);
    assert_true(row.whole);
    assert_true(row.forced);
    assert_false(row.dry_run);
    assert_int_equal(row.begun_ms, CONTRACT_T0);
    assert_string_equal(row.at.bucket, "");
    assert_int_equal(row.looked + row.ordered + row.bytes + row.left, 0);
    assert_string_equal(row.note, "");
}

static void how_far_it_is_outlives_the_process(void **state)
{
    struct contract *c = *state;
    struct fy_backfill_row row;
    make_site(c, "lyon");
    assert_int_equal(begin(c, "lyon", "", &row), FY_OK);
    (void)snprintf(row.at.account, sizeof row.at.account, "client-1");
    (void)snprintf(row.at.bucket, sizeof row.at.bucket, "bucket-1");
    (void)snprintf(row.at.object, sizeof row.at.object, "o-17");
    (void)snprintf(row.note, sizeof row.note, "lyon is away");
    row.looked = 20;
    row.ordered = 17;
    row.bytes = 1LL << 40;
    row.left = 3;
    c->clock.now_ms += 5000;
    assert_int_equal(save(c, &row), FY_OK);
    contract_reopen(c);
    struct fy_backfill_row found = get(c, row.id);
    assert_string_equal(found.at.account, "client-1");
    assert_string_equal(found.at.bucket, "bucket-1");
    assert_string_equal(found.at.object, "o-17");
    assert_string_equal(found.note, "lyon is away");
    assert_int_equal(found.looked, 20);
    assert_int_equal(found.ordered, 17);
    assert_int_equal(found.bytes, 1LL << 40);
    assert_int_equal(found.left, 3);
    assert_int_equal(found.changed_ms, CONTRACT_T0 + 5000);
    assert_int_equal(running(c), 1);
}

/* Whoever is in the middle of it hears so with its next step. */
static void one_that_was_cancelled_goes_no_further(void **state)
{
    struct contract *c = *state;
    struct fy_backfill_row row;
    make_site(c, "lyon");
    assert_int_equal(begin(c, "lyon", "", &row), FY_OK);
    assert_int_equal(cancel(c, row.id), FY_OK);
    assert_int_equal(running(c), 0);
    row.ordered = 1;
    assert_int_equal(save(c, &row), FY_ECANCELLED);
    assert_int_equal(get(c, row.id).state, FY_BACKFILL_CANCELLED);
    assert_int_equal(get(c, row.id).ordered, 0);
    assert_int_equal(cancel(c, row.id + 1), FY_ENOTFOUND);
}

static void one_that_is_done_stays_done(void **state)
{
    struct contract *c = *state;
    struct fy_backfill_row row;
    make_site(c, "lyon");
    assert_int_equal(begin(c, "lyon", "", &row), FY_OK);
    row.state = FY_BACKFILL_DONE;
    assert_int_equal(save(c, &row), FY_OK);
    assert_int_equal(cancel(c, row.id), FY_OK);
    assert_int_equal(get(c, row.id).state, FY_BACKFILL_DONE);
    row.state = FY_BACKFILL_RUNNING;
    assert_int_equal(save(c, &row), FY_ECANCELLED);
    assert_int_equal(running(c), 0);
}

/* ------------------------------------------------------------------ many */

static void a_backfill_needs_a_site_that_is_known(void **state)
{
    struct contract *c = *state;
    struct fy_backfill_row row;
    assert_int_equal(begin(c, "lyon", "", &row), FY_ENOTFOUND);
    assert_int_equal(all(c), 0);
}

static void the_same_one_is_not_begun_twice(void **state)
{
    struct contract *c = *state;
    struct fy_backfill_row row, other;
    make_site(c, "lyon");
    assert_int_equal(begin(c, "lyon", "", &row), FY_OK);
    assert_int_equal(begin(c, "lyon", "", &other), FY_EEXISTS);
    assert_int_equal(begin(c, "lyon", "p", &other), FY_OK);
    assert_int_equal(cancel(c, row.id), FY_OK);
    assert_int_equal(begin(c, "lyon", "", &other), FY_OK);
}

static void so_many_run_at_once_and_so_many_are_remembered(void **state)
{
    struct contract *c = *state;
    struct fy_backfill_row row;
    char prefix[16];
    int64_t last = 0;
    make_site(c, "lyon");
    for (int index = 0; index < FY_BACKFILLS_MAX; index++) {
        (void)snprintf(prefix, sizeof prefix, "p%d", index);
        assert_int_equal(begin(c, "lyon", prefix, &row), FY_OK);
    }
    assert_int_equal(begin(c, "lyon", "more", &row), FY_ETOOBIG);
    assert_int_equal(cancel(c, get(c, 1).id), FY_OK);
    for (int index = 0; index < FY_BACKFILLS_KEPT + 5; index++) {
        assert_int_equal(begin(c, "lyon", "more", &row), FY_OK);
        assert_int_equal(cancel(c, row.id), FY_OK);
        assert_true(row.id > last);
        last = row.id;
    }
    assert_int_equal(running(c), FY_BACKFILLS_MAX - 1);
    assert_int_equal(all(c), FY_BACKFILLS_MAX - 1 + FY_BACKFILLS_KEPT + 1);
    assert_int_equal(get(c, last).state, FY_BACKFILL_CANCELLED);
}

/* ------------------------------------------------------------------ all containers */

static bool add_container(void *arg, const struct fy_container_row *row)
{
    struct text *text = arg;
    size_t used = strlen(text->text);
    (void)snprintf(text->text + used, sizeof text->text - used, "%s/%s%s ", row->account, row->name,
                   row->status == FY_STATUS_READY ? "" : "-");
    return true;
}

static struct text walk(struct contract *c, const char *account, const char *name, uint32_t limit)
{
    struct text text = {.text = ""};
    assert_int_equal(fy_catalogue_container_walk(c->catalogue, account, name, limit, add_container,
                                                 &text, &c->err),
                     FY_OK);
    return text;
}

static void containers_of_all_accounts_are_walked_in_their_order(void **state)
{
    struct contract *c = *state;
    assert_string_equal(walk(c, "", "", 100).text, "");
    assert_int_equal(contract_mkbucket(c, "client-2", "bucket-a"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-c"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-b"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-b"), FY_OK);
    assert_string_equal(walk(c, "", "", 100).text,
                        "client-1/bucket-b- client-1/bucket-c client-2/bucket-a ");
    assert_string_equal(walk(c, "client-1", "bucket-b", 1).text, "client-1/bucket-c ");
    assert_string_equal(walk(c, "client-1", "bucket-c", 100).text, "client-2/bucket-a ");
    assert_string_equal(walk(c, "client-2", "bucket-a", 100).text, "");
}

static void a_walk_over_many_containers_has_each_once(void **state)
{
    struct contract *c = *state;
    char bucket[32], expected[2048] = "";
    for (int index = 0; index < 40; index++) { /* more than a page of the list */
        (void)snprintf(bucket, sizeof bucket, "bucket-%02d", index);
        assert_int_equal(contract_mkbucket(c, "client-1", bucket), FY_OK);
        (void)snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
                       "client-1/%s ", bucket);
    }
    assert_string_equal(walk(c, "", "", 100).text, expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_backfill(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_backfill_is_what_it_was_begun_as),
        TEST(how_far_it_is_outlives_the_process),
        TEST(one_that_was_cancelled_goes_no_further),
        TEST(one_that_is_done_stays_done),
        TEST(a_backfill_needs_a_site_that_is_known),
        TEST(the_same_one_is_not_begun_twice),
        TEST(so_many_run_at_once_and_so_many_are_remembered),
        TEST(containers_of_all_accounts_are_walked_in_their_order),
        TEST(a_walk_over_many_containers_has_each_once),
    };
    return cmocka_run_group_tests_name("catalogue: backfills", tests, NULL, NULL);
}
