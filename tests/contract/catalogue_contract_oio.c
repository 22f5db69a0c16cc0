/* catalogue_contract_oio.c - changes of containers, told as OpenIO tells them. */
#include "tests/contract/catalogue_contract_told.h"

#include <stdio.h>
#include <string.h>

#include "common/ports/sha256.h"

/* ------------------------------------------------------------------ containers */

static void a_container_is_told_when_it_comes_and_when_it_goes(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    told_expect(c, "linked, container.new");
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_EEXISTS);
    told_expect(c, "linked, container.new");
    told_forget(c);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    told_expect(c, "unlinked, container.deleted");
}

static void an_event_has_the_containers_names_and_its_id_is_the_key(void **state)
{
    struct contract *c = *state;
    struct fy_digest cid;
    char text[FY_HEX_DIGITS + 1];
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    struct fy_sha256 *hash = fy_sha256_new();
    fy_sha256_update(hash, "client-1\0bucket-1", sizeof "client-1\0bucket-1" - 1);
    fy_sha256_final(hash, &cid);
    fy_sha256_free(hash);
    fy_digest_print_hex(&cid, true, text);
    struct told *told = told_of(c);
    for (size_t index = 0; index < told->count; index++) {
        const json_t *event = told->events[index];
        assert_string_equal(told->keys[index], text);
        assert_string_equal(told_text(event, "url", "id"), text);
        assert_string_equal(told_text(event, "url", "ns"), "OPENIO");
        assert_string_equal(told_text(event, "url", "account"), "client-1");
        assert_string_equal(told_text(event, "url", "user"), "bucket-1");
    }
    assert_string_equal(json_string_value(json_object_get(told_item(told, 0, 0), "host")),
                        CONTRACT_SITE);
    told_free(told);
}

static void a_site_that_is_entered_serves_where_others_reach_it(void **state)
{
    struct contract *c = *state;
    struct fy_cat_site op = {.op.kind = FY_CAT_SITE,
                             .action = FY_SITE_INSERT,
                             .row = {.id = CONTRACT_SITE,
                                     .name = CONTRACT_SITE,
                                     .uri = "http://paris.example:9000/ferry",
                                     .status = FY_SITE_UP}};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    told_make(c, NULL, 0);
    struct told *told = told_of(c);
    assert_string_equal(json_string_value(json_object_get(told_item(told, 0, 0), "host")),
                        "paris.example:9000");
    told_expect_data(
        told, 1,
        "{\"bucket\":null,\"peers\":[\"paris.example:9000\"],\"properties\":{},\"system\":{}}");
    told_free(told);
}

/* Consumers drop what is older than what they have. */
static void when_is_microseconds_and_ascends_though_the_clock_stands(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 4);
    for (int64_t index = 0; index < 4; index++)
        assert_int_equal(json_integer_value(json_object_get(told->events[index], "when")),
                         CONTRACT_T0 * 1000 + index);
    told_free(told);
}

static void a_bucket_of_another_site_is_told_as_one_of_ours(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "", "", 10),
                     FY_OK);
    told_expect(c, "linked, container.new");
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "", "", 10),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "", "", 20),
                     FY_OK);
    told_expect(c, "linked, container.new, unlinked, container.deleted");
}

/* A bucket is there while an object is in it: its delete may overtake those of its objects. */
static void a_bucket_that_comes_and_goes_with_its_object_is_told_so(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10),
                     FY_OK);
    told_expect(c, "linked, container.new, content.new o");
    told_forget(c);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", "bytes", 20),
                     FY_OK);
    told_expect(c, "content.deleted o, container.state, unlinked, container.deleted");
}

/* ------------------------------------------------------------------ by OpenIO's rules */

static void a_container_is_made_with_what_was_given(void **state)
{
    struct contract *c = *state;
    const struct fy_property given[] = {
        {"user.a", "1"}, {"sys.m2.policy.version", "3"}, {"user.none", NULL}};
    told_make(c, given, 3);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 2);
    told_expect_data(
        told, 1,
        "{\"bucket\":null,\"peers\":[\"" CONTRACT_SITE
        "\"],\"properties\":{\"a\":\"1\"},\"system\":{\"sys.m2.policy.version\":\"3\"}}");
    assert_string_equal(told_text(told->events[1], NULL, "request_id"), "R1");
    assert_string_equal(told_text(told->events[1], NULL, "origin"), "client/9");
    assert_string_equal(told_text(told->events[1], "url", "account"), TOLD_ACCOUNT);
    told_free(told);
    struct fy_cat_container_destroy destroy = {.op.kind = FY_CAT_CONTAINER_DESTROY,
                                               .account = TOLD_ACCOUNT,
                                               .name = TOLD_NAME,
                                               .op_id = "op-2"};
    told_forget(c);
    assert_int_equal(contract_run(c, &destroy.op), FY_OK);
    told_expect(c, "unlinked, container.deleted");
}

static void changed_properties_are_told_and_no_others(void **state)
{
    struct contract *c = *state;
    const struct fy_property given[] = {{"user.a", "1"}, {"user.b", "2"}, {"user.c", "3"}};
    const struct fy_property changes[] = {{"user.a", "4"}, {"user.b", ""}, {"user.c", NULL}};
    told_make(c, given, 3);
    told_forget(c);
    told_set(c, changes, 3, false);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 1);
    told_expect_data(
        told, 0,
        "{\"bucket\":null,\"properties\":{\"a\":\"4\",\"b\":\"\",\"c\":null},\"system\":{}}");
    assert_string_equal(told_text(told->events[0], NULL, "event"), "storage.container.update");
    told_free(told);
}

static void flushed_properties_are_told_as_deleted(void **state)
{
    struct contract *c = *state;
    const struct fy_property given[] = {{"user.a", "1"}, {"user.b", "2"}, {"sys.m2.quota", "7"}};
    told_make(c, given, 3);
    told_forget(c);
    told_set(c, &(struct fy_property){"user.a", "3"}, 1, true);
    told_set(c, NULL, 0, true);
    told_set(c, NULL, 0, true); /* nothing is left */
    struct told *told = told_of(c);
    assert_int_equal(told->count, 2);
    told_expect_data(told, 0,
                     "{\"bucket\":null,\"properties\":{\"a\":\"3\",\"b\":null},\"system\":{}}");
    told_expect_data(told, 1, "{\"bucket\":null,\"properties\":{\"a\":null},\"system\":{}}");
    told_free(told);
}

static void events_name_the_bucket_that_a_container_belongs_to(void **state)
{
    struct contract *c = *state;
    told_make(c, &(struct fy_property){"sys.m2.bucket.name", "first"}, 1);
    told_set(c, &(struct fy_property){"sys.m2.bucket.name", "second"}, 1, false);
    assert_int_equal(contract_put_in(c, TOLD_ACCOUNT, TOLD_NAME, "o", "bytes"), FY_OK);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 4);
    assert_string_equal(told_text(told->events[1], "url", "bucket"), "first");
    assert_string_equal(told_text(told->events[1], "data", "bucket"), "first");
    assert_string_equal(told_text(told->events[3], "url", "bucket"), "second");
    told_free(told);
}

static void a_touch_tells_the_sums_though_nothing_changed(void **state)
{
    struct contract *c = *state;
    told_make(c, NULL, 0);
    told_forget(c);
    struct fy_cat_touch touch = {
        .op.kind = FY_CAT_TOUCH, .account = TOLD_ACCOUNT, .name = TOLD_NAME, .asker = told_asker()};
    assert_int_equal(contract_run(c, &touch.op), FY_OK);
    assert_int_equal(contract_run(c, &touch.op), FY_OK);
    told_states_come(c);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 1);
    assert_string_equal(told_text(told->events[0], NULL, "event"), "storage.container.state");
    assert_string_equal(told_text(told->events[0], NULL, "request_id"), "R1");
    assert_int_equal(told_number(told, 0, "object-count"), 0);
    told_free(told);
}

/* ------------------------------------------------------------------ sums */

static void sums_are_told_once_a_second_however_many_objects_came(void **state)
{
    struct contract *c = *state;
    told_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "a", "bytes"), FY_OK);
    c->clock.now_ms += FY_OIO_STATE_MS / 2;
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "b", "bytes"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "c", "bytes"), FY_OK);
    c->clock.now_ms += FY_OIO_STATE_MS / 2 - 1;
    assert_int_equal(told_states(c, FY_OIO_STATES_MAX), 0); /* not yet */
    told_forget(c);
    c->clock.now_ms++;
    assert_int_equal(told_states(c, FY_OIO_STATES_MAX), 1);
    assert_int_equal(told_states(c, FY_OIO_STATES_MAX), 0);
    told_expect(c, "container.state");
    struct told *told = told_of(c);
    assert_int_equal(told_number(told, 0, "object-count"), 3);
    assert_int_equal(told_number(told, 0, "bytes-count"), 15);
    assert_int_equal(told_number(told, 0, "ctime"), CONTRACT_T0 * 1000);
    told_free(told);
    told_forget(c);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "a"), FY_OK);
    told_states_come(c);
    told_expect(c, "content.deleted a, container.state");
}

static void each_container_has_its_own_sums_and_a_transaction_tells_a_few(void **state)
{
    struct contract *c = *state;
    for (unsigned index = 0; index < 5; index++) {
        char name[16];
        (void)snprintf(name, sizeof name, "bucket-%u", index);
        assert_int_equal(contract_mkbucket(c, "client-1", name), FY_OK);
        assert_int_equal(contract_put(c, "client-1", name, "o", "bytes"), FY_OK);
    }
    told_forget(c);
    c->clock.now_ms += FY_OIO_STATE_MS;
    assert_int_equal(told_states(c, 2), 2);
    assert_int_equal(told_states(c, 2), 2);
    assert_int_equal(told_states(c, 2), 1);
    assert_int_equal(told_states(c, 2), 0);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 5);
    for (size_t index = 0; index < told->count; index++)
        assert_int_equal(told_number(told, index, "object-count"), 1);
    told_free(told);
}

static void a_bucket_that_goes_tells_its_sums_first_and_no_more_of_them(void **state)
{
    struct contract *c = *state;
    told_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    told_forget(c);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    told_expect(c, "container.state, unlinked, container.deleted");
    told_forget(c);
    told_states_come(c);
    told_expect(c, "");
}

static void what_is_due_is_due_over_a_restart(void **state)
{
    struct contract *c = *state;
    told_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    contract_reopen(c);
    told_states_come(c);
    told_expect(c, "content.new o, container.state");
}

/* ------------------------------------------------------------------ beside the other stream */

static void events_of_orders_and_of_containers_are_apart(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10);
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    assert_int_equal(contract_totals(c).events, 1);
    assert_int_equal(contract_totals(c).oio_events, 3);
    assert_int_equal(contract_totals(c).oio_events_oldest_ms, c->clock.now_ms);
    told_forget(c);
    assert_int_equal(contract_totals(c).events, 1);
    assert_int_equal(contract_totals(c).oio_events_oldest_ms, 0);
}

static void the_oldest_of_a_stream_are_dropped_when_too_many_wait(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "a", "bytes", 10),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "b", "bytes", 10),
                     FY_OK);
    struct fy_cat_events_trim trim = {
        .op.kind = FY_CAT_EVENTS_TRIM, .stream = FY_STREAM_OIO, .events_max = 1, .limit = 10};
    assert_int_equal(contract_run(c, &trim.op), FY_OK);
    assert_int_equal(trim.dropped, 3); /* their rows whole */
    told_expect(c, "content.new b");
    assert_int_equal(contract_totals(c).events, 2);
}

static void a_refused_operation_tells_nothing(void **state)
{
    struct contract *c = *state;
    told_bucket(c);
    assert_int_equal(contract_put(c, "client-2", "bucket-1", "o", "bytes"), FY_EFORBIDDEN);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_ENOTFOUND);
    told_expect(c, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_oio(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_container_is_told_when_it_comes_and_when_it_goes),
        TEST(an_event_has_the_containers_names_and_its_id_is_the_key),
        TEST(when_is_microseconds_and_ascends_though_the_clock_stands),
        TEST(a_bucket_of_another_site_is_told_as_one_of_ours),
        TEST(a_site_that_is_entered_serves_where_others_reach_it),
        TEST(a_bucket_that_comes_and_goes_with_its_object_is_told_so),
        TEST(a_container_is_made_with_what_was_given),
        TEST(changed_properties_are_told_and_no_others),
        TEST(flushed_properties_are_told_as_deleted),
        TEST(events_name_the_bucket_that_a_container_belongs_to),
        TEST(a_touch_tells_the_sums_though_nothing_changed),
        TEST(sums_are_told_once_a_second_however_many_objects_came),
        TEST(each_container_has_its_own_sums_and_a_transaction_tells_a_few),
        TEST(a_bucket_that_goes_tells_its_sums_first_and_no_more_of_them),
        TEST(what_is_due_is_due_over_a_restart),
        TEST(events_of_orders_and_of_containers_are_apart),
        TEST(the_oldest_of_a_stream_are_dropped_when_too_many_wait),
        TEST(a_refused_operation_tells_nothing),
    };
    return cmocka_run_group_tests_name("oio", tests, NULL, NULL);
}
