/* catalogue_contract_sum.c - what is in each container: its sums, and the rules that its row has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/container_cid.h"
#include "tests/contract/catalogue_contract.h"

static void assert_sums(struct contract *c, const char *account, const char *name, int64_t objects,
                        int64_t bytes, int64_t changes)
{
    struct fy_container_info info = contract_info(c, account, name);
    assert_int_equal(info.objects, objects);
    assert_int_equal(info.bytes, bytes);
    assert_int_equal(info.changes, changes);
}

static void container_counts_what_is_in_it(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-2"), FY_OK);
    assert_sums(c, "client-1", "bucket-1", 0, 0, 0);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "12345"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "1234567"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-2", "o1", "1"), FY_OK);
    assert_sums(c, "client-1", "bucket-1", 2, 12, 2);
    assert_sums(c, "client-1", "bucket-2", 1, 1, 1);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "refused"), FY_EEXISTS);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o1"), FY_OK);
    assert_sums(c, "client-1", "bucket-1", 1, 7, 3);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o1"), FY_OK); /* again: no change */
    assert_sums(c, "client-1", "bucket-1", 1, 7, 3);

    struct fy_cat_undelete back = {.op.kind = FY_CAT_UNDELETE, .client = "client-1"};
    back.key = contract_key("", "bucket-1", "o1");
    assert_int_equal(contract_run(c, &back.op), FY_OK);
    assert_sums(c, "client-1", "bucket-1", 2, 12, 4);
    contract_reopen(c);
    assert_sums(c, "client-1", "bucket-1", 2, 12, 4);
}

static void container_counts_what_other_sites_change_in_it(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "12345", 10),
                     FY_OK);
    assert_sums(c, "client-1", "bucket-1", 1, 5, 1);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "12", 20),
                     FY_OK);
    assert_sums(c, "client-1", "bucket-1", 1, 2, 2);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "old", 15),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "p", NULL, 15),
                     FY_OK); /* of what is not here */
    assert_sums(c, "client-1", "bucket-1", 1, 2, 2);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "p", "1", 30),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", NULL, 30),
                     FY_OK);
    assert_sums(c, "client-1", "bucket-1", 1, 1, 4);
    struct fy_cat_forget forget = {.op.kind = FY_CAT_FORGET};
    forget.key = contract_key("client-1", "bucket-1", "p");
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_EEXISTS);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "", NULL, 40),
                     FY_OK);
    assert_int_equal(contract_run(c, &forget.op), FY_OK);
    assert_sums(c, "client-1", "bucket-1", 0, 0, 5);
}

/* More containers than a transaction gathers, each changed twice in it. */
static void one_transaction_adds_to_many_containers(void **state)
{
    enum { CONTAINERS = 100, OPERATIONS = 2 * CONTAINERS };
    struct contract *c = *state;
    struct fy_cat_apply *applies = fy_alloc(OPERATIONS * sizeof *applies);
    struct fy_cat_op *ops[OPERATIONS];
    char name[32];
    for (int index = 0; index < OPERATIONS; index++) {
        (void)snprintf(name, sizeof name, "bucket-%d", index % CONTAINERS);
        applies[index] = contract_order(c, FY_ACTION_CREATE, "client-1", name,
                                        index < CONTAINERS ? "o1" : "o2", "12345", 10);
        ops[index] = &applies[index].op;
    }
    assert_int_equal(fy_catalogue_write(c->catalogue, ops, OPERATIONS, &c->err), FY_OK);
    for (int index = 0; index < CONTAINERS; index++) {
        (void)snprintf(name, sizeof name, "bucket-%d", index);
        assert_sums(c, "client-1", name, 2, 10, 2);
    }
    free(applies);
}

static void container_is_found_by_its_id(void **state)
{
    struct contract *c = *state;
    struct fy_digest cid, other;
    struct fy_container_info info;
    assert_int_equal(contract_mkbucket(c, "Client One", "Bucket é"), FY_OK);
    assert_int_equal(contract_put(c, "Client One", "Bucket é", "o", "1"), FY_ENOTFOUND);
    fy_container_cid("Client One", "Bucket é", &cid);
    fy_container_cid("Client One", "Bucket", &other);
    struct fy_container_ref ref = {.cid = &cid};
    assert_int_equal(fy_catalogue_container_info(c->catalogue, &ref, &info, NULL, NULL, &c->err),
                     FY_OK);
    assert_string_equal(info.row.account, "Client One");
    assert_string_equal(info.row.name, "Bucket é");
    ref.cid = &other;
    assert_int_equal(fy_catalogue_container_info(c->catalogue, &ref, &info, NULL, NULL, &c->err),
                     FY_ENOTFOUND);
    assert_int_equal(contract_rmbucket(c, "Client One", "Bucket é"), FY_ENOTFOUND);
}

/* ------------------------------------------------------------------ rules */

static void container_of_ccs_has_no_rules(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    struct fy_container_rules rules = contract_container(c, "", "bucket-1").rules;
    assert_false(rules.versioned);
    assert_true(rules.policy == FY_UNSET);
    assert_false(rules.delete_exceeding);
    assert_true(rules.keep_deleted_s == FY_UNSET);
    assert_int_equal(rules.quota, 0);
    assert_int_equal(rules.state, FY_CONTAINER_ENABLED);
    assert_int_equal(rules.frozen_until_ms, 0);
}

/* Runs SQL on the closed place. */
static void change(struct contract *c, const char *sql)
{
    contract_close(c);
    c->factory->exec(c->place, sql);
    contract_open(c);
}

static void frozen_container_takes_no_changes_of_clients_until_it_ends(void **state)
{
    struct contract *c = *state;
    char sql[128];
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "1"), FY_OK);
    (void)snprintf(sql, sizeof sql, "UPDATE container SET state = 1, frozen_until_ms = %lld",
                   CONTRACT_T0 + 5000);
    change(c, sql);
    assert_int_equal(contract_container(c, "", "bucket-1").rules.state, FY_CONTAINER_FROZEN);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "p", "1"), FY_EFROZEN);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_EFROZEN);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "q", "1", 10),
                     FY_OK); /* other sites have changed it, and that is so */
    c->clock.now_ms += 5000;
    assert_int_equal(contract_container(c, "", "bucket-1").rules.state, FY_CONTAINER_ENABLED);
    assert_int_equal(contract_info(c, "client-1", "bucket-1").row.rules.state,
                     FY_CONTAINER_ENABLED);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "p", "1"), FY_OK);
    change(c, "UPDATE container SET state = 2"); /* that never ends by itself */
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_EFROZEN);
}

static void container_that_a_living_snapshot_reads_takes_no_changes(void **state)
{
    struct contract *c = *state;
    char sql[128];
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    contract_reopen(c); /* it has not read the row yet */
    (void)snprintf(sql, sizeof sql, "UPDATE container SET copied_by = '%s'", c->boot_id);
    c->factory->exec(c->place, sql);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "1"), FY_EBUSY);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "1", 10),
                     FY_EFROZEN);
    contract_reopen(c); /* that process has died over it */
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "1"), FY_OK);
}

static bool count_container(void *arg, const struct fy_container_row *row)
{
    (void)row;
    ++*(unsigned *)arg;
    return true;
}

/* Whoever made it lives or not. */
static void container_that_a_snapshot_makes_is_seen_by_nobody(void **state)
{
    struct contract *c = *state;
    unsigned count = 0;
    struct fy_container_info info;
    struct fy_object_row row;
    const struct fy_container_ref ref = {.account = "client-1", .name = "bucket-1"};
    struct fy_object_key key = contract_key("client-1", "bucket-1", "o");
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "1"), FY_OK);
    change(c, "UPDATE container SET hidden_by = 'boot', there = 0, status = 0, ccs_visible = 0");
    assert_int_equal(contract_container_code(c, "client-1", "bucket-1"), FY_ENOTFOUND);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_ENOTFOUND);
    assert_int_equal(fy_catalogue_container_info(c->catalogue, &ref, &info, NULL, NULL, &c->err),
                     FY_ENOTFOUND);
    assert_int_equal(fy_catalogue_container_list(c->catalogue, "client-1", false, "", 9,
                                                 count_container, &count, &c->err),
                     FY_OK);
    assert_int_equal(
        fy_catalogue_container_walk(c->catalogue, "", "", 9, count_container, &count, &c->err),
        FY_OK);
    assert_int_equal(count, 0);

    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "other", -10);
    struct fy_cat_look look = {.order = &apply.order};
    assert_int_equal(fy_catalogue_look(c->catalogue, &look, 1, &c->err), FY_OK);
    assert_false(look.container_known);
    assert_int_equal(look.verdict, FY_VERDICT_APPLY);
    assert_int_equal(contract_run(c, &apply.op), FY_EFROZEN);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_EBUSY);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "p", "1"), FY_ENOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_sum(void)
{
    const struct CMUnitTest tests[] = {
        TEST(container_counts_what_is_in_it),
        TEST(container_counts_what_other_sites_change_in_it),
        TEST(one_transaction_adds_to_many_containers),
        TEST(container_is_found_by_its_id),
        TEST(container_of_ccs_has_no_rules),
        TEST(frozen_container_takes_no_changes_of_clients_until_it_ends),
        TEST(container_that_a_living_snapshot_reads_takes_no_changes),
        TEST(container_that_a_snapshot_makes_is_seen_by_nobody),
    };
    return cmocka_run_group_tests_name("catalogue sums and rules", tests, NULL, NULL);
}
