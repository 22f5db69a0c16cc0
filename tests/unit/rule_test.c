/* rule_test.c - the one rule, case by case; what it does to histories is the property test's to
 * say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/rule.h"
#include <cmocka.h>

static struct fy_register row_of(enum fy_status status, uint64_t time, const char *site)
{
    struct fy_register row = {.status = status, .stamp.time = time};
    assert_true(fy_text_copy(row.stamp.site, sizeof(row.stamp.site), site));
    return row;
}

static struct fy_register ready_object(uint8_t content)
{
    struct fy_register row = row_of(FY_STATUS_READY, 10, "site-a");
    row.has_digest = true;
    row.digest.bytes[0] = content;
    return row;
}

static struct fy_stamp stamp_of(uint64_t time, const char *site)
{
    return row_of(FY_STATUS_UNKNOWN, time, site).stamp;
}

/* Each visit is counted: run EXPRESSION and see exactly one more of BRANCH. */
#define VISITS(branch, expression)                                                                 \
    do {                                                                                           \
        uint64_t before_ = fy_rule_branch_visits(branch);                                          \
        expression;                                                                                \
        assert_int_equal(fy_rule_branch_visits(branch), before_ + 1);                              \
    } while (0)

static const enum fy_status all_statuses[] = {
    FY_STATUS_UNKNOWN,  FY_STATUS_UPLOAD,  FY_STATUS_READY,   FY_STATUS_ERR_UPL,
    FY_STATUS_DELETING, FY_STATUS_DELETED, FY_STATUS_ERR_DEL,
};

static void the_greater_stamp_wins_whatever_the_status(void **state)
{
    (void)state;
    struct fy_stamp lower = stamp_of(9, "site-z");
    struct fy_stamp tie_lower = stamp_of(10, "site-a");
    struct fy_stamp equal = stamp_of(10, "site-b");
    struct fy_stamp tie_greater = stamp_of(10, "site-c");
    struct fy_stamp greater = stamp_of(11, "a");
    for (size_t i = 0; i < FY_COUNT_OF(all_statuses); i++) {
        struct fy_register row = row_of(all_statuses[i], 10, "site-b");
        assert_int_equal(fy_rule_apply(&row, &lower), FY_VERDICT_SUPERSEDED);
        assert_int_equal(fy_rule_apply(&row, &tie_lower), FY_VERDICT_SUPERSEDED);
        assert_int_equal(fy_rule_apply(&row, &equal), FY_VERDICT_DUPLICATE);
        assert_int_equal(fy_rule_apply(&row, &tie_greater), FY_VERDICT_APPLY);
        assert_int_equal(fy_rule_apply(&row, &greater), FY_VERDICT_APPLY);
    }
    struct fy_register absent = {0};
    assert_int_equal(fy_rule_apply(&absent, &lower), FY_VERDICT_APPLY);
}

static void applying_counts_what_it_found(void **state)
{
    (void)state;
    static const struct {
        enum fy_status status;
        enum fy_rule_branch branch;
    } rows[] = {
        {FY_STATUS_UNKNOWN, FY_BRANCH_APPLY_NEW},
        {FY_STATUS_READY, FY_BRANCH_APPLY_OVER_READY},
        {FY_STATUS_UPLOAD, FY_BRANCH_APPLY_OVER_UPLOAD},
        {FY_STATUS_ERR_UPL, FY_BRANCH_APPLY_OVER_UPLOAD},
        {FY_STATUS_DELETED, FY_BRANCH_APPLY_OVER_DELETED},
        {FY_STATUS_DELETING, FY_BRANCH_APPLY_OVER_DELETED},
        {FY_STATUS_ERR_DEL, FY_BRANCH_APPLY_OVER_DELETED},
    };
    struct fy_stamp stamp = stamp_of(20, "site-b");
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        struct fy_register row = row_of(rows[i].status, 10, "site-b");
        VISITS(rows[i].branch, (void)fy_rule_apply(&row, &stamp));
    }
    struct fy_register row = row_of(FY_STATUS_READY, 20, "site-b");
    VISITS(FY_BRANCH_DUPLICATE, (void)fy_rule_apply(&row, &stamp));
    row.stamp.time = 21;
    VISITS(FY_BRANCH_SUPERSEDED, (void)fy_rule_apply(&row, &stamp));
}

static void replacing_bytes_one_did_not_know_is_a_conflict(void **state)
{
    (void)state;
    struct fy_register row = ready_object(1);
    struct fy_digest same = row.digest;
    struct fy_digest other = {{2}};

    VISITS(FY_BRANCH_CONFLICT_CREATE,
           assert_true(fy_rule_conflicts(&row, FY_ACTION_CREATE, &other, false)));
    VISITS(FY_BRANCH_CONFLICT_CREATE,
           assert_true(fy_rule_conflicts(&row, FY_ACTION_CREATE, NULL, false)));
    VISITS(FY_BRANCH_SAME_BYTES,
           assert_false(fy_rule_conflicts(&row, FY_ACTION_CREATE, &same, false)));
    VISITS(FY_BRANCH_OVERWRITTEN, /* version policy */
           assert_false(fy_rule_conflicts(&row, FY_ACTION_CREATE, &other, true)));

    VISITS(FY_BRANCH_CONFLICT_DELETE,
           assert_true(fy_rule_conflicts(&row, FY_ACTION_DELETE, &other, false)));
    VISITS(FY_BRANCH_OVERWRITTEN, /* it may have come before what it deleted */
           assert_false(fy_rule_conflicts(&row, FY_ACTION_DELETE, &other, true)));
    VISITS(FY_BRANCH_SAME_BYTES,
           assert_false(fy_rule_conflicts(&row, FY_ACTION_DELETE, &same, false)));
    assert_false(fy_rule_conflicts(&row, FY_ACTION_DELETE, NULL, false));
}

static void without_ready_bytes_there_is_nothing_to_conflict_with(void **state)
{
    (void)state;
    struct fy_digest other = {{2}};
    for (size_t i = 0; i < FY_COUNT_OF(all_statuses); i++) {
        struct fy_register row = ready_object(1);
        row.status = all_statuses[i];
        bool is_ready = row.status == FY_STATUS_READY;
        assert_int_equal(fy_rule_conflicts(&row, FY_ACTION_CREATE, &other, false), is_ready);
        assert_int_equal(fy_rule_conflicts(&row, FY_ACTION_DELETE, &other, false), is_ready);
        row.has_digest = false;
        assert_false(fy_rule_conflicts(&row, FY_ACTION_CREATE, &other, false));
    }
    struct fy_register row = ready_object(1);
    assert_false(fy_rule_conflicts(&row, FY_ACTION_UPDATE, &other, false));
    assert_false(fy_rule_conflicts(&row, FY_ACTION_UNKNOWN, &other, false));
}

static void a_bucket_is_there_by_its_register_or_by_its_objects(void **state)
{
    (void)state;
    struct fy_register there = row_of(FY_STATUS_READY, 10, "a");
    struct fy_register deleted = row_of(FY_STATUS_DELETED, 10, "a");
    struct fy_register absent = {0};
    VISITS(FY_BRANCH_BUCKET_BY_REGISTER, assert_true(fy_rule_bucket_there(&there, false)));
    VISITS(FY_BRANCH_BUCKET_BY_REGISTER, assert_true(fy_rule_bucket_there(&there, true)));
    VISITS(FY_BRANCH_BUCKET_BY_OBJECTS, assert_true(fy_rule_bucket_there(&deleted, true)));
    VISITS(FY_BRANCH_BUCKET_BY_OBJECTS, assert_true(fy_rule_bucket_there(&absent, true)));
    VISITS(FY_BRANCH_BUCKET_ABSENT, assert_false(fy_rule_bucket_there(&deleted, false)));
    VISITS(FY_BRANCH_BUCKET_ABSENT, assert_false(fy_rule_bucket_there(&absent, false)));
}

static void a_bucket_is_created_where_none_is_there(void **state)
{
    (void)state;
    struct fy_register there = row_of(FY_STATUS_READY, 10, "a");
    struct fy_register deleted = row_of(FY_STATUS_DELETED, 10, "a");
    struct fy_register absent = {0};
    assert_int_equal(fy_rule_local_bucket_create(&absent, false), FY_OK);
    VISITS(FY_BRANCH_LOCAL_RECREATE,
           assert_int_equal(fy_rule_local_bucket_create(&deleted, false), FY_OK));
    VISITS(FY_BRANCH_LOCAL_REFUSED_EXISTS,
           assert_int_equal(fy_rule_local_bucket_create(&there, false), FY_EEXISTS));
    VISITS(FY_BRANCH_LOCAL_REFUSED_EXISTS,
           assert_int_equal(fy_rule_local_bucket_create(&deleted, true), FY_EEXISTS));
    assert_int_equal(fy_rule_local_bucket_create(&absent, true), FY_EEXISTS);
}

static void a_bucket_is_deleted_only_when_nothing_ready_is_in_it(void **state)
{
    (void)state;
    struct fy_register there = row_of(FY_STATUS_READY, 10, "a");
    struct fy_register deleted = row_of(FY_STATUS_DELETED, 10, "a");
    struct fy_register absent = {0};
    assert_int_equal(fy_rule_local_bucket_delete(&there, false), FY_OK);
    VISITS(FY_BRANCH_LOCAL_REFUSED_NOT_EMPTY,
           assert_int_equal(fy_rule_local_bucket_delete(&there, true), FY_ENOTACCEPT));
    VISITS(FY_BRANCH_LOCAL_REFUSED_NOT_EMPTY,
           assert_int_equal(fy_rule_local_bucket_delete(&deleted, true), FY_ENOTACCEPT));
    VISITS(FY_BRANCH_LOCAL_REFUSED_GONE,
           assert_int_equal(fy_rule_local_bucket_delete(&deleted, false), FY_EGONE));
    VISITS(FY_BRANCH_LOCAL_REFUSED_ABSENT,
           assert_int_equal(fy_rule_local_bucket_delete(&absent, false), FY_ENOTFOUND));
}

static void an_upload_needs_its_bucket_and_a_free_name(void **state)
{
    (void)state;
    static const struct {
        enum fy_status status;
        bool upload_alive;
        bool overwrites;
        enum fy_code code;
    } rows[] = {
        {FY_STATUS_UNKNOWN, false, false, FY_OK},
        {FY_STATUS_DELETED, false, false, FY_OK},
        {FY_STATUS_ERR_UPL, false, false, FY_OK},
        {FY_STATUS_UPLOAD, false, false, FY_OK}, /* its process is dead */
        {FY_STATUS_UPLOAD, true, false, FY_ENOTACCEPT},
        {FY_STATUS_UPLOAD, true, true, FY_ENOTACCEPT},
        {FY_STATUS_READY, false, false, FY_EEXISTS},
        {FY_STATUS_READY, false, true, FY_OK},
        {FY_STATUS_DELETING, false, false, FY_EEXISTS},
        {FY_STATUS_ERR_DEL, false, false, FY_EEXISTS},
    };
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        struct fy_register row = row_of(rows[i].status, 10, "a");
        row.upload_alive = rows[i].upload_alive;
        assert_int_equal(fy_rule_local_upload(&row, true, rows[i].overwrites), rows[i].code);
        assert_int_equal(fy_rule_local_upload(&row, false, rows[i].overwrites), FY_ENOTFOUND);
    }
    struct fy_register row = row_of(FY_STATUS_DELETED, 10, "a");
    VISITS(FY_BRANCH_LOCAL_RECREATE,
           assert_int_equal(fy_rule_local_upload(&row, true, false), FY_OK));
    VISITS(FY_BRANCH_LOCAL_REFUSED_ABSENT,
           assert_int_equal(fy_rule_local_upload(&row, false, false), FY_ENOTFOUND));
    row.status = FY_STATUS_READY;
    VISITS(FY_BRANCH_LOCAL_REFUSED_EXISTS,
           assert_int_equal(fy_rule_local_upload(&row, true, false), FY_EEXISTS));
    row.status = FY_STATUS_UPLOAD;
    row.upload_alive = true;
    VISITS(FY_BRANCH_LOCAL_REFUSED_UPLOADING,
           assert_int_equal(fy_rule_local_upload(&row, true, false), FY_ENOTACCEPT));
}

static void deleting_again_is_success_and_deleting_nothing_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(all_statuses); i++) {
        enum fy_status status = all_statuses[i];
        struct fy_register row = row_of(status, 10, "a");
        bool present = status == FY_STATUS_READY || status == FY_STATUS_DELETED ||
                       status == FY_STATUS_DELETING || status == FY_STATUS_ERR_DEL;
        bool already = status != FY_STATUS_DELETED;
        enum fy_code code = fy_rule_local_delete(&row, true, &already);
        assert_int_equal(code, present ? FY_OK : FY_ENOTFOUND);
        if (present)
            assert_int_equal(already, status == FY_STATUS_DELETED);
        already = true;
        assert_int_equal(fy_rule_local_delete(&row, false, &already), FY_ENOTFOUND);
        assert_true(already); /* left alone */
    }
    bool already;
    struct fy_register row = row_of(FY_STATUS_DELETED, 10, "a");
    VISITS(FY_BRANCH_LOCAL_DELETE_AGAIN,
           assert_int_equal(fy_rule_local_delete(&row, true, &already), FY_OK));
    row.status = FY_STATUS_UNKNOWN;
    VISITS(FY_BRANCH_LOCAL_REFUSED_ABSENT,
           assert_int_equal(fy_rule_local_delete(&row, true, &already), FY_ENOTFOUND));
}

static void an_order_expires_by_when_it_was_written_not_by_its_stamp(void **state)
{
    (void)state;
    const int64_t now_ms = 1708514872867;
    struct fy_order order = {.stamp.time = 1};
    assert_false(fy_rule_expired(&order, now_ms, FY_TOMBSTONE_KEEP_MS)); /* it does not say */
    order.ordered_at_ms = now_ms - FY_TOMBSTONE_KEEP_MS;
    assert_false(fy_rule_expired(&order, now_ms, FY_TOMBSTONE_KEEP_MS));
    order.ordered_at_ms--;
    VISITS(FY_BRANCH_EXPIRED, assert_true(fy_rule_expired(&order, now_ms, FY_TOMBSTONE_KEEP_MS)));
    order.ordered_at_ms = now_ms + 1000;
    assert_false(fy_rule_expired(&order, now_ms, FY_TOMBSTONE_KEEP_MS));
}

static void statuses_have_the_words_and_codes_of_ccs(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        int code;
    } rows[] = {
        {"UNKNOWN", 0},    {"UPLOAD", 100},  {"READY", 200},   {"ERR_UPL", 500},
        {"DELETING", 102}, {"DELETED", 204}, {"ERR_DEL", 404},
    };
    enum fy_status status = FY_STATUS_READY;
    for (size_t i = 0; i < FY_COUNT_OF(rows); i++) {
        assert_true(fy_status_parse(rows[i].word, &status));
        assert_int_equal(status, rows[i].code);
        assert_string_equal(fy_status_name(status), rows[i].word);
    }
    status = FY_STATUS_READY;
    assert_false(fy_status_parse("ready", &status));
    assert_false(fy_status_parse("", &status));
    assert_int_equal(status, FY_STATUS_READY);
}

static void every_branch_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < FY_BRANCH_COUNT; i++) {
        assert_non_null(fy_rule_branch_name((enum fy_rule_branch)i));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(fy_rule_branch_name((enum fy_rule_branch)i),
                                    fy_rule_branch_name((enum fy_rule_branch)j));
    }
}

/* Runs last: what the other tests did must have reached all of the rule. */
static void no_branch_was_left_out_by_these_tests(void **state)
{
    (void)state;
    for (int i = 0; i < FY_BRANCH_COUNT; i++)
        if (fy_rule_branch_visits((enum fy_rule_branch)i) == 0)
            fail_msg("%s was never visited", fy_rule_branch_name((enum fy_rule_branch)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_greater_stamp_wins_whatever_the_status),
        cmocka_unit_test(applying_counts_what_it_found),
        cmocka_unit_test(replacing_bytes_one_did_not_know_is_a_conflict),
        cmocka_unit_test(without_ready_bytes_there_is_nothing_to_conflict_with),
        cmocka_unit_test(a_bucket_is_there_by_its_register_or_by_its_objects),
        cmocka_unit_test(a_bucket_is_created_where_none_is_there),
        cmocka_unit_test(a_bucket_is_deleted_only_when_nothing_ready_is_in_it),
        cmocka_unit_test(an_upload_needs_its_bucket_and_a_free_name),
        cmocka_unit_test(deleting_again_is_success_and_deleting_nothing_is_not),
        cmocka_unit_test(an_order_expires_by_when_it_was_written_not_by_its_stamp),
        cmocka_unit_test(statuses_have_the_words_and_codes_of_ccs),
        cmocka_unit_test(every_branch_has_a_name_of_its_own),
        cmocka_unit_test(no_branch_was_left_out_by_these_tests),
    };
    return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
