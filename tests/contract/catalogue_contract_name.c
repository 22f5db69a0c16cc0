/* catalogue_contract_name.c - the longest names, of which no index can make less. */
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

/* Text of any printable character, in which nothing is there twice: PostgreSQL refuses a row of an
 * index that it cannot press below a third of a page. */
static void fill(char *text, size_t size_bytes, uint32_t seed)
{
    for (size_t i = 0; i < size_bytes; i++) {
        seed = seed * 1664525u + 1013904223u;
        text[i] = (char)('!' + (seed >> 16) % ('~' - '!' + 1));
    }
    text[size_bytes] = '\0';
}

static struct {
    char account[FY_CLIENT_BYTES_MAX + 1], bucket[FY_BUCKET_BYTES_MAX + 1];
    char object[FY_OBJECT_BYTES_MAX + 1], op_id[FY_OP_ID_BYTES_MAX + 1];
    char site[FY_SITE_BYTES_MAX + 1];
} longest;

static struct fy_object_key longest_key(void)
{
    fill(longest.account, FY_CLIENT_BYTES_MAX, 1);
    fill(longest.bucket, FY_BUCKET_BYTES_MAX, 2);
    fill(longest.object, FY_OBJECT_BYTES_MAX, 3);
    fill(longest.op_id, FY_OP_ID_BYTES_MAX, 4);
    fill(longest.site, FY_SITE_BYTES_MAX, 5);
    return contract_key(longest.account, longest.bucket, longest.object);
}

static struct fy_cat_apply longest_order(struct contract *c, enum fy_action action,
                                         int64_t offset_ms)
{
    struct fy_cat_apply apply = contract_order(c, action, longest.account, longest.bucket,
                                               longest.object, "other bytes", offset_ms);
    struct fy_order *order = &apply.order;
    memcpy(order->op_id, longest.op_id, sizeof longest.op_id);
    memcpy(order->from_site, longest.site, sizeof longest.site);
    memcpy(order->to_site, longest.site, sizeof longest.site);
    memcpy(order->stamp.site, longest.site, sizeof longest.site);
    return apply;
}

static void longest_names_go_through_a_whole_life(void **state)
{
    struct contract *c = *state;
    struct fy_object_key key = longest_key();
    assert_int_equal(contract_mkbucket(c, longest.account, longest.bucket), FY_OK);
    struct fy_cat_upload_begin begin = {.op.kind = FY_CAT_UPLOAD_BEGIN, .key = key};
    memcpy(begin.client, longest.account, sizeof begin.client);
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "bytes");
    memcpy(finish.op_id, longest.op_id, sizeof finish.op_id);
    assert_int_equal(contract_run(c, &finish.op), FY_OK);

    struct fy_object_row row;
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    assert_string_equal(row.name, longest.object);
    struct fy_container_row container = contract_container(c, longest.account, longest.bucket);
    assert_string_equal(container.name, longest.bucket);

    struct fy_cat_apply apply = longest_order(c, FY_ACTION_DELETE, 1000);
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    assert_int_equal(apply.verdict, FY_VERDICT_APPLY);
    assert_true(apply.conflict);
    assert_int_equal(contract_outcome(c, longest.op_id), FY_OUTCOME_APPLIED);
    struct fy_cat_bucket_delete gone = {.op.kind = FY_CAT_BUCKET_DELETE};
    memcpy(gone.client, longest.account, sizeof gone.client);
    memcpy(gone.account, longest.account, sizeof gone.account);
    memcpy(gone.bucket, longest.bucket, sizeof gone.bucket);
    assert_int_equal(contract_run(c, &gone.op), FY_OK);
    assert_int_equal(contract_container(c, longest.account, longest.bucket).status,
                     FY_STATUS_DELETED);
}

static void orders_of_the_longest_names_wait_and_die(void **state)
{
    struct contract *c = *state;
    (void)longest_key();
    for (enum fy_wait_state to = FY_WAITING; to <= FY_DEAD; to++)
        for (enum fy_direction direction = FY_IN; direction <= FY_OUT; direction++) {
            struct fy_cat_wait wait = {.op.kind = FY_CAT_WAIT,
                                       .row = {.direction = direction,
                                               .state = to,
                                               .reason = FY_SRC_NOT_FOUND,
                                               .attempts = 1}};
            wait.row.order = longest_order(c, FY_ACTION_CREATE, 10 + (int64_t)to).order;
            assert_int_equal(contract_run(c, &wait.op), FY_OK);
            assert_false(wait.superseded);
        }
    struct fy_catalogue_totals totals = contract_totals(c);
    assert_int_equal(totals.dead_orders, 2);
    assert_int_equal(totals.waiting_orders, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_name(void)
{
    const struct CMUnitTest tests[] = {
        TEST(longest_names_go_through_a_whole_life),
        TEST(orders_of_the_longest_names_wait_and_die),
    };
    return cmocka_run_group_tests_name("catalogue longest names", tests, NULL, NULL);
}
