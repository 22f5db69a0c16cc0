/* ccs_rule_test.c - what a real CCS site can be told, and what it is told next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "worker/ccs_rule.h"

static struct fy_order order_of(const char *account, const char *bucket, const char *object)
{
    struct fy_order order = {.action = FY_ACTION_CREATE, .stamp = {.time = 100, .site = "site-a"}};
    (void)snprintf(order.client, sizeof(order.client), "Acting one");
    (void)snprintf(order.account, sizeof(order.account), "%s", account);
    (void)snprintf(order.bucket, sizeof(order.bucket), "%s", bucket);
    (void)snprintf(order.object, sizeof(order.object), "%s", object);
    return order;
}

static bool can_name(const char *account, const char *bucket, const char *object)
{
    struct fy_order order = order_of(account, bucket, object);
    return fy_ccs_can_name(&order);
}

/* Names must survive CCS's sanitiser as they are: the site cleans the path it pulls by. */
static void only_names_that_ccs_leaves_alone_can_be_sent_to_it(void **state)
{
    (void)state;
    assert_true(can_name("client-1", "bucket-1", ""));
    assert_true(can_name("client-1", "bucket-1", "dir/Object_1.txt"));
    assert_true(can_name("client-1", "bucket-1", "../x"));
    assert_false(can_name("Client 1", "bucket-1", "o"));
    assert_false(can_name("client-1", "Bucket", "o"));
    assert_false(can_name("client-1", "my--bucket", ""));
    static const char *const changed[] = {"a b",  "a--b",     "a//b", "/a",    "_a",
                                          "a__b", "\xc3\xa9", "a;b",  "a%20b", "a+b"};
    for (size_t i = 0; i < FY_COUNT_OF(changed); i++)
        assert_false(can_name("client-1", "bucket-1", changed[i]));
}

static bool moves(enum fy_ccs_step step, enum fy_action want, bool unsure, enum fy_ccs_shows shows,
                  enum fy_ccs_step next, enum fy_action tell)
{
    struct fy_ccs_move move = fy_ccs_next(step, want, unsure, shows);
    return move.step == next && move.tell == tell;
}

#define NONE   FY_ACTION_UNKNOWN
#define CREATE FY_ACTION_CREATE
#define DELETE FY_ACTION_DELETE

static void a_create_is_told_where_nothing_is_and_done_when_it_shows(void **state)
{
    (void)state;
    assert_true(moves(FY_CCS_LOOK, CREATE, false, FY_CCS_NOTHING, FY_CCS_COMING, CREATE));
    assert_true(moves(FY_CCS_COMING, CREATE, false, FY_CCS_NOTHING, FY_CCS_COMING, NONE));
    assert_true(moves(FY_CCS_COMING, CREATE, false, FY_CCS_UNCLEAR, FY_CCS_COMING, NONE));
    assert_true(moves(FY_CCS_COMING, CREATE, false, FY_CCS_PROMISED, FY_CCS_DONE, NONE));
}

/* CCS ignores a CREATE over what it has: room is made first, and waited for. */
static void what_is_in_the_way_is_deleted_and_gone_before_the_create(void **state)
{
    (void)state;
    assert_true(moves(FY_CCS_LOOK, CREATE, false, FY_CCS_OTHER, FY_CCS_GOING, DELETE));
    assert_true(moves(FY_CCS_GOING, CREATE, false, FY_CCS_OTHER, FY_CCS_GOING, NONE));
    assert_true(moves(FY_CCS_GOING, CREATE, false, FY_CCS_PROMISED, FY_CCS_GOING, NONE));
    assert_true(moves(FY_CCS_GOING, CREATE, false, FY_CCS_UNCLEAR, FY_CCS_GOING, NONE));
    assert_true(moves(FY_CCS_GOING, CREATE, false, FY_CCS_NOTHING, FY_CCS_COMING, CREATE));
    /* An older CREATE of ours came true late. */
    assert_true(moves(FY_CCS_COMING, CREATE, true, FY_CCS_OTHER, FY_CCS_GOING, DELETE));
}

/* What is there already is not sent again, unless an older DELETE may still be on its way. */
static void a_promised_object_is_left_alone_only_when_nothing_older_is_on_its_way(void **state)
{
    (void)state;
    assert_true(moves(FY_CCS_LOOK, CREATE, false, FY_CCS_PROMISED, FY_CCS_DONE, NONE));
    assert_true(moves(FY_CCS_LOOK, CREATE, true, FY_CCS_PROMISED, FY_CCS_GOING, DELETE));
    assert_true(moves(FY_CCS_LOOK, CREATE, true, FY_CCS_NOTHING, FY_CCS_COMING, CREATE));
    assert_true(moves(FY_CCS_LOOK, CREATE, false, FY_CCS_UNCLEAR, FY_CCS_LOOK, NONE));
}

/* A CREATE may be on its way there, so that "nothing" is no reason to say nothing. */
static void a_delete_is_always_told(void **state)
{
    (void)state;
    for (int shows = FY_CCS_UNCLEAR; shows <= FY_CCS_OTHER; shows++)
        assert_true(
            moves(FY_CCS_LOOK, DELETE, false, (enum fy_ccs_shows)shows, FY_CCS_GOING, DELETE));
    assert_true(moves(FY_CCS_GOING, DELETE, false, FY_CCS_NOTHING, FY_CCS_DONE, NONE));
}

static void an_order_that_is_over_stays_so(void **state)
{
    (void)state;
    assert_true(moves(FY_CCS_DONE, CREATE, false, FY_CCS_NOTHING, FY_CCS_DONE, NONE));
    assert_true(moves(FY_CCS_ASIDE, CREATE, false, FY_CCS_NOTHING, FY_CCS_ASIDE, NONE));
}

/* Only the owner has rights at a CCS site, and may read here what it pulls. */
static void the_owner_acts_in_what_is_told(void **state)
{
    (void)state;
    struct fy_order order = order_of("client-1", "bucket-1", "o");
    struct fy_order told;
    order.size = 5;
    (void)snprintf(order.hash, sizeof(order.hash), "opaque");
    fy_ccs_tell(&order, CREATE, &told);
    assert_string_equal(told.client, "client-1");
    assert_string_equal(told.account, "client-1");
    assert_int_equal(told.size, 5);
    assert_string_equal(told.hash, "opaque");
    assert_int_equal(told.stamp.time, 100);
    order.account[0] = '\0';
    fy_ccs_tell(&order, CREATE, &told);
    assert_string_equal(told.client, "Acting one");
    assert_string_equal(told.account, "Acting one");
}

/* Should a Ferry answer there by now, the CREATE must win over the DELETE that made room for it. */
static void the_delete_that_makes_room_is_older_than_its_create(void **state)
{
    (void)state;
    struct fy_order order = order_of("client-1", "bucket-1", "o");
    struct fy_order made_room, create;
    fy_ccs_tell(&order, DELETE, &made_room);
    fy_ccs_tell(&order, CREATE, &create);
    assert_true(fy_stamp_compare(&made_room.stamp, &create.stamp) < 0);
    assert_false(fy_stamp_is_zero(&made_room.stamp));
    order.action = DELETE;
    fy_ccs_tell(&order, DELETE, &made_room);
    assert_int_equal(made_room.stamp.time, 100);
}

#define HELLO     "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i0"
#define HELLO_HEX "2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"

static void promises_are_recognised_in_either_form_of_a_hash(void **state)
{
    (void)state;
    struct fy_order order = order_of("client-1", "bucket-1", "o");
    assert_false(fy_ccs_is_promised(&order, HELLO, 5)); /* it promises nothing */
    (void)snprintf(order.hash, sizeof(order.hash), HELLO);
    order.size = 5;
    assert_true(fy_ccs_is_promised(&order, HELLO, 5));
    assert_true(fy_ccs_is_promised(&order, HELLO_HEX, 5));
    assert_true(fy_ccs_is_promised(&order, HELLO, -1));
    assert_false(fy_ccs_is_promised(&order, HELLO, 6));
    assert_false(fy_ccs_is_promised(&order, "", 5));
    assert_false(fy_ccs_is_promised(&order, "opaque", 5));
    (void)snprintf(order.hash, sizeof(order.hash), "opaque");
    assert_true(fy_ccs_is_promised(&order, "opaque", 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_that_ccs_leaves_alone_can_be_sent_to_it),
        cmocka_unit_test(a_create_is_told_where_nothing_is_and_done_when_it_shows),
        cmocka_unit_test(what_is_in_the_way_is_deleted_and_gone_before_the_create),
        cmocka_unit_test(a_promised_object_is_left_alone_only_when_nothing_older_is_on_its_way),
        cmocka_unit_test(a_delete_is_always_told),
        cmocka_unit_test(an_order_that_is_over_stays_so),
        cmocka_unit_test(the_owner_acts_in_what_is_told),
        cmocka_unit_test(the_delete_that_makes_room_is_older_than_its_create),
        cmocka_unit_test(promises_are_recognised_in_either_form_of_a_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
