/* order_test.c - which orders each door lets in, the key of an order and its partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/order.h"
#include <cmocka.h>

#define NOW_MS 1708514872867

static void set(char *field, size_t field_bytes, const char *text)
{
    assert_true(fy_text_copy(field, field_bytes, text));
}
#define SET(field, text) set((field), sizeof(field), (text))

/* What a CCS site would send us: no stamp, names by the CCS rule. */
static struct fy_order ccs_order(void)
{
    struct fy_order order = {.action = FY_ACTION_CREATE, .size = 120};
    SET(order.op_id, "k5b9");
    SET(order.from_site, "site-b");
    SET(order.to_site, "site-a");
    SET(order.client, "client-1");
    SET(order.bucket, "bucket-1");
    SET(order.object, "dir/o1");
    SET(order.hash, "kjq2aoapt9nr4ep7te65teefn4438tcobsqll1e7hnkf5vnimem0");
    return order;
}

/* What a Ferry site sends: a stamp, and exact names. */
static struct fy_order ferry_order(void)
{
    struct fy_order order = ccs_order();
    order.stamp.time = (uint64_t)NOW_MS << 16 | 1;
    SET(order.stamp.site, "site-b");
    SET(order.client, "AUTH_demo");
    SET(order.account, "R\xc3\xa9mi");
    SET(order.bucket, "My Bucket;");
    SET(order.object, "../a b\n\xe2\x82\xac//");
    return order;
}

static void check(const struct fy_order *order, enum fy_order_door door, const char *field)
{
    struct fy_err err = {0};
    enum fy_code code = fy_order_check(order, door, "site-a", NOW_MS, &err);
    if (field == NULL) {
        if (code != FY_OK)
            fail_msg("refused: %s", err.text);
        return;
    }
    if (code != FY_EINPUT)
        fail_msg("taken, although there is something about %s", field);
    if (strstr(err.text, field) == NULL)
        fail_msg("'%s' does not name %s", err.text, field);
}

static void orders_of_both_kinds_are_let_in_at_every_door(void **state)
{
    (void)state;
    struct fy_order ccs = ccs_order();
    struct fy_order ferry = ferry_order();
    for (int door = FY_DOOR_CCS; door <= FY_DOOR_QUEUE; door++) {
        check(&ccs, (enum fy_order_door)door, NULL);
        check(&ferry, (enum fy_order_door)door, NULL);
    }
    SET(ccs.object, ""); /* a bucket's order */
    SET(ccs.to_site, "");
    SET(ccs.op_id, "");
    SET(ccs.hash, "any opaque text");
    check(&ccs, FY_DOOR_CCS, NULL);
    SET(ccs.to_site, "somewhere else"); /* a foreign target ends as a dead letter, not as 400 */
    ccs.action = FY_ACTION_UPDATE;
    check(&ccs, FY_DOOR_CCS, NULL);
    SET(ccs.client, ""); /* has no right here: the worker's to say */
    check(&ccs, FY_DOOR_CCS, NULL);
}

static void an_unstamped_order_names_things_by_the_ccs_rule(void **state)
{
    (void)state;
    struct fy_order order = ccs_order();
    SET(order.bucket, "Bucket");
    check(&order, FY_DOOR_CCS, "bucketName");
    order = ccs_order();
    SET(order.object, "a b");
    check(&order, FY_DOOR_CCS, "objectName");
    order = ccs_order();
    SET(order.client, "Client 1");
    check(&order, FY_DOOR_QUEUE, "clientId");
    order = ccs_order();
    SET(order.account, "Owner 1");
    check(&order, FY_DOOR_FERRY, "account");
}

static void a_stamped_order_names_things_exactly(void **state)
{
    (void)state;
    struct fy_order order = ferry_order();
    memset(order.bucket, '/', FY_BUCKET_BYTES_MAX);
    check(&order, FY_DOOR_CCS, NULL);
    SET(order.bucket, "a\xff");
    check(&order, FY_DOOR_CCS, "bucketName");
    order = ferry_order();
    memset(order.object, ' ',
           FY_OBJECT_BYTES_MAX); /* 1024: only the longest CCS names have so many */
    check(&order, FY_DOOR_CCS, "objectName");
    order.object[FY_OBJECT_BYTES_MAX - 1] = '\0';
    check(&order, FY_DOOR_CCS, NULL);
    memset(order.object, 'a', FY_OBJECT_BYTES_MAX);
    check(&order, FY_DOOR_CCS, NULL);
    order = ferry_order();
    SET(order.client, "\xc3");
    check(&order, FY_DOOR_CCS, "clientId");
    order = ferry_order();
    SET(order.account, "\xc3");
    check(&order, FY_DOOR_CCS, "account");
}

static void a_blank_bucket_is_refused_without_a_stamp_and_an_empty_one_with(void **state)
{
    (void)state;
    static const char *const blank[] = {"", " ", " \t\n"};
    for (size_t i = 0; i < FY_COUNT_OF(blank); i++) {
        struct fy_order order = ccs_order();
        SET(order.bucket, blank[i]);
        check(&order, FY_DOOR_CCS, "bucketName is blank");
        order = ferry_order();
        SET(order.bucket, blank[i]);
        check(&order, FY_DOOR_QUEUE, blank[i][0] == '\0' ? "bucketName is blank" : NULL);
    }
}

static void an_order_from_this_site_is_welcome_only_at_ferry_s_own_door(void **state)
{
    (void)state;
    struct fy_order order = ccs_order();
    SET(order.from_site, "site-a");
    check(&order, FY_DOOR_CCS, "fromSite");
    check(&order, FY_DOOR_QUEUE, "fromSite");
    check(&order, FY_DOOR_FERRY, NULL);
    SET(order.from_site, "");
    check(&order, FY_DOOR_CCS, "fromSite");
    check(&order, FY_DOOR_QUEUE, "fromSite");
    check(&order, FY_DOOR_FERRY, NULL);
    SET(order.from_site, "P\xc3\xa9kin");
    check(&order, FY_DOOR_CCS, "fromSite");
    check(&order, FY_DOOR_FERRY, "fromSite");
}

static void a_stamp_may_be_ten_minutes_ahead_and_not_more(void **state)
{
    (void)state;
    struct fy_order order = ferry_order();
    order.stamp.time = (uint64_t)(NOW_MS + FY_STAMP_AHEAD_MS_MAX) << 16 | 0xffff;
    check(&order, FY_DOOR_CCS, NULL);
    order.stamp.time = (uint64_t)(NOW_MS + FY_STAMP_AHEAD_MS_MAX + 1) << 16;
    check(&order, FY_DOOR_CCS, "stamp");
    order.stamp.time = UINT64_MAX;
    check(&order, FY_DOOR_QUEUE, "stamp");
    order.stamp.time = 1; /* however old: the register decides, and orderedAt */
    check(&order, FY_DOOR_CCS, NULL);
    SET(order.stamp.site, "");
    check(&order, FY_DOOR_CCS, "stamp");
}

static void an_order_that_its_record_stamps_is_a_given_one(void **state)
{
    (void)state;
    struct fy_order order = ccs_order();
    fy_order_stamp_of_record(&order, NOW_MS, 7);
    assert_true(order.given);
    assert_int_equal(fy_stamp_ms(&order.stamp), NOW_MS);
    assert_string_equal(order.stamp.site, order.from_site);
}

static void an_op_id_that_would_break_a_header_is_refused(void **state)
{
    (void)state;
    struct fy_order order = ccs_order();
    SET(order.op_id, "x\r\nHost: y");
    check(&order, FY_DOOR_CCS, "opId");
    SET(order.op_id, "any text \xc3\xa9;");
    check(&order, FY_DOOR_CCS, NULL);
}

static void a_key_is_bucket_zero_object(void **state)
{
    (void)state;
    struct fy_order order = ccs_order();
    char key[FY_KEY_BYTES_MAX + 1];
    assert_int_equal(fy_order_key(&order, key), 15);
    assert_memory_equal(key, "bucket-1\0dir/o1", 16);
    SET(order.object, "");
    assert_int_equal(fy_order_key(&order, key), 9);
    assert_memory_equal(key, "bucket-1\0", 10);
    memset(order.bucket, 'b', FY_BUCKET_BYTES_MAX);
    memset(order.object, 'o', FY_OBJECT_BYTES_MAX);
    assert_int_equal(fy_order_key(&order, key), FY_KEY_BYTES_MAX);
}

static void the_owner_is_the_account_or_else_the_client(void **state)
{
    (void)state;
    struct fy_order order = ccs_order();
    assert_string_equal(fy_order_account(&order), "client-1");
    SET(order.account, "owner-1");
    assert_string_equal(fy_order_account(&order), "owner-1");
}

static void a_promise_is_a_hash_that_is_a_digest(void **state)
{
    (void)state;
    struct fy_order order = ccs_order();
    struct fy_digest digest;
    assert_true(fy_order_digest(&order, &digest));
    SET(order.hash, "opaque");
    assert_false(fy_order_digest(&order, &digest));
    SET(order.hash, "");
    assert_false(fy_order_digest(&order, &digest));
}

static void actions_are_exact_upper_case_words(void **state)
{
    (void)state;
    enum fy_action action = FY_ACTION_DELETE;
    static const enum fy_action actions[] = {FY_ACTION_UNKNOWN, FY_ACTION_CREATE, FY_ACTION_UPDATE,
                                             FY_ACTION_DELETE};
    static const char *const words[] = {"UNKNOWN", "CREATE", "UPDATE", "DELETE"};
    for (size_t i = 0; i < FY_COUNT_OF(words); i++) {
        assert_string_equal(fy_action_name(actions[i]), words[i]);
        assert_true(fy_action_parse(words[i], &action));
        assert_int_equal(action, actions[i]);
    }
    assert_false(fy_action_parse("create", &action));
    assert_false(fy_action_parse("FROB", &action));
    assert_false(fy_action_parse("", &action));
    assert_int_equal(action, FY_ACTION_DELETE);
}

/* Values of the Java client's own tests; 2^31 partitions leave the positive hash as it is. */
static void partitions_are_those_of_java_s_default_partitioner(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        int32_t murmur2;
    } rows[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        uint32_t positive = (uint32_t)rows[i].murmur2 & INT32_MAX;
        size_t key_bytes = strlen(rows[i].key);
        assert_int_equal(fy_murmur2_partition(rows[i].key, key_bytes, UINT32_C(1) << 31), positive);
        assert_int_equal(fy_murmur2_partition(rows[i].key, key_bytes, 12), positive % 12);
        assert_int_equal(fy_murmur2_partition(rows[i].key, key_bytes, 1), 0);
    }
    assert_int_equal(fy_murmur2_partition("", 0, UINT32_C(1) << 31), 275646681);
}

static void keys_spread_over_all_partitions(void **state)
{
    (void)state;
    uint32_t hits[FY_PARTITIONS_DEFAULT] = {0};
    struct fy_order order = ccs_order();
    for (int i = 0; i < 12000; i++) {
        char key[FY_KEY_BYTES_MAX + 1];
        (void)snprintf(order.object, sizeof(order.object), "dir/object-%d", i);
        size_t key_bytes = fy_order_key(&order, key);
        hits[fy_murmur2_partition(key, key_bytes, FY_PARTITIONS_DEFAULT)]++;
    }
    for (size_t i = 0; i < FY_PARTITIONS_DEFAULT; i++)
        assert_in_range(hits[i], 800, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_of_both_kinds_are_let_in_at_every_door),
        cmocka_unit_test(an_unstamped_order_names_things_by_the_ccs_rule),
        cmocka_unit_test(a_stamped_order_names_things_exactly),
        cmocka_unit_test(a_blank_bucket_is_refused_without_a_stamp_and_an_empty_one_with),
        cmocka_unit_test(an_order_from_this_site_is_welcome_only_at_ferry_s_own_door),
        cmocka_unit_test(a_stamp_may_be_ten_minutes_ahead_and_not_more),
        cmocka_unit_test(an_order_that_its_record_stamps_is_a_given_one),
        cmocka_unit_test(an_op_id_that_would_break_a_header_is_refused),
        cmocka_unit_test(a_key_is_bucket_zero_object),
        cmocka_unit_test(the_owner_is_the_account_or_else_the_client),
        cmocka_unit_test(a_promise_is_a_hash_that_is_a_digest),
        cmocka_unit_test(actions_are_exact_upper_case_words),
        cmocka_unit_test(partitions_are_those_of_java_s_default_partitioner),
        cmocka_unit_test(keys_spread_over_all_partitions),
    };
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
