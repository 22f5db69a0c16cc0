/* catalogue_contract_oio_object.c - changes of objects and of their versions, told as OpenIO tells
 * them. */
#include "tests/contract/catalogue_contract_told.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ objects */

static void an_object_is_told_with_what_is_known_of_it(void **state)
{
    struct contract *c = *state;
    told_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    char id[FY_OIO_ID_DIGITS + 1], hash[FY_HEX_DIGITS + 1], version[24];
    fy_oio_id_print(row.id, id);
    fy_digest_print_hex(&row.reg.digest, true, hash);
    (void)snprintf(version, sizeof version, "%lld", (long long)row.version);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 1);
    assert_string_equal(told_text(told->events[0], "url", "path"), "o");
    assert_string_equal(told_text(told->events[0], "url", "content"), id);
    assert_string_equal(told_text(told->events[0], "url", "version"), version);
    const json_t *alias = told_item(told, 0, 0), *header = told_item(told, 0, 1);
    assert_string_equal(told_text(alias, NULL, "type"), "aliases");
    assert_int_equal(json_integer_value(json_object_get(alias, "version")), row.version);
    assert_int_equal(json_integer_value(json_object_get(alias, "ctime")),
                     row.facts.creation_ms / 1000);
    assert_string_equal(told_text(header, NULL, "type"), "contents_headers");
    assert_string_equal(told_text(header, NULL, "hash"), hash);
    assert_int_equal(json_integer_value(json_object_get(header, "size")), 5);
    told_free(told);
}

static void an_object_that_is_erased_is_told_as_it_was(void **state)
{
    struct contract *c = *state;
    told_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    struct told *made = told_of(c);
    const char *version = told_text(made->events[0], "url", "version");
    const char *content = told_text(made->events[0], "url", "content");
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK); /* it is gone already */
    told_expect(c, "content.new o, content.deleted o");
    struct told *told = told_of(c);
    assert_string_equal(told_text(told->events[1], "url", "version"), version);
    assert_string_equal(told_text(told->events[1], "url", "content"), content);
    assert_string_equal(told_text(told_item(told, 1, 2), NULL, "type"), "chunks");
    assert_string_equal(told_text(told_item(told, 1, 2), NULL, "hash"),
                        told_text(told_item(told, 0, 1), NULL, "hash"));
    told_free(told);
    told_free(made);
}

static void an_applied_order_that_replaces_an_object_tells_of_both(void **state)
{
    struct contract *c = *state;
    told_bucket(c);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "one", 10),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "other", 20),
                     FY_OK);
    told_expect(c, "content.new o, content.deleted o, content.new o");
    assert_int_equal(/* the same bytes: said anew of the same version */
                     contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "other", 30),
                     FY_OK);
    assert_int_equal(/* older: nothing changes */
                     contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "older", 5),
                     FY_OK);
    told_expect(c, "content.new o, content.deleted o, content.new o, content.update o");
}

static void an_object_that_is_undeleted_is_new(void **state)
{
    struct contract *c = *state;
    told_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    told_forget(c);
    struct fy_cat_undelete undelete = {.op.kind = FY_CAT_UNDELETE,
                                       .key = {"", "bucket-1", "o"},
                                       .client = "client-1",
                                       .op_id = "op-1"};
    assert_int_equal(contract_run(c, &undelete.op), FY_OK);
    told_expect(c, "content.new o");
}

static void a_change_says_which_request_or_order_made_it(void **state)
{
    struct contract *c = *state;
    struct fy_cat_bucket_create create = {.op.kind = FY_CAT_BUCKET_CREATE,
                                          .client = "client-1",
                                          .bucket = "bucket-1",
                                          .op_id = "op-1"};
    assert_int_equal(contract_run(c, &create.op), FY_OK);
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10);
    assert_true(fy_text_copy(apply.order.op_id, sizeof apply.order.op_id, "op-2"));
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    struct fy_cat_object_delete delete = {.op.kind = FY_CAT_OBJECT_DELETE,
                                          .key = {"", "bucket-1", "o"},
                                          .client = "client-1",
                                          .op_id = "op-3",
                                          .asker = {.request_id = "R1", .origin = "curl/7"}};
    assert_int_equal(contract_run(c, &delete.op), FY_OK);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 4);
    assert_string_equal(told_text(told->events[0], NULL, "request_id"), "op-1");
    assert_string_equal(told_text(told->events[1], NULL, "request_id"), "op-1");
    assert_string_equal(told_text(told->events[2], NULL, "request_id"), "op-2");
    assert_string_equal(told_text(told->events[3], NULL, "request_id"), "R1");
    assert_string_equal(told_text(told->events[3], NULL, "origin"), "curl/7");
    assert_null(json_object_get(told->events[2], "origin"));
    told_free(told);
}

/* ------------------------------------------------------------------ versions */

static void versioned(struct contract *c, const char *policy)
{
    told_make(c, &(struct fy_property){"sys.m2.policy.version", policy}, 1);
    told_forget(c);
}

static void put_by_rules(struct contract *c, const char *name, const char *bytes)
{
    c->clock.now_ms++;
    assert_int_equal(contract_put_in(c, TOLD_ACCOUNT, TOLD_NAME, name, bytes), FY_OK);
}

/* Returns which version is gone, or of the marker. */
static int64_t delete_by_rules(struct contract *c, const char *name, int64_t version)
{
    struct fy_cat_object_delete op = {.op.kind = FY_CAT_OBJECT_DELETE,
                                      .key = contract_key(TOLD_ACCOUNT, TOLD_NAME, name),
                                      .client = TOLD_ACCOUNT,
                                      .version = version};
    c->clock.now_ms++;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.gone;
}

static void a_version_that_is_replaced_is_told_and_one_that_stays_is_not(void **state)
{
    struct contract *c = *state;
    versioned(c, "1");
    put_by_rules(c, "o", "one");
    put_by_rules(c, "o", "other");
    told_expect(c, "content.new o, content.deleted o, content.new o");
    told_set(c, &(struct fy_property){"sys.m2.policy.version", "-1"}, 1, false);
    told_forget(c);
    put_by_rules(c, "o", "third");
    told_expect(c, "content.new o");
}

static void a_delete_marker_is_new_and_when_it_goes_what_it_hid_is_not(void **state)
{
    struct contract *c = *state;
    versioned(c, "-1");
    put_by_rules(c, "o", "bytes");
    int64_t marker = delete_by_rules(c, "o", 0);
    told_expect(c, "content.new o, content.new o");
    struct told *told = told_of(c);
    assert_string_equal(told_text(told->events[1], "url", "content"), FY_OIO_MARKER_ID);
    assert_int_equal(told_version(told, 1), marker);
    assert_true(json_is_true(json_object_get(told_item(told, 1, 0), "deleted")));
    told_free(told);
    told_forget(c);
    (void)delete_by_rules(c, "o", marker);
    told_expect(c, "content.deleted o");
    told = told_of(c);
    assert_int_equal(told_version(told, 0), marker);
    told_free(told);
}

static void a_version_that_is_erased_by_its_number_is_told_alone(void **state)
{
    struct contract *c = *state;
    versioned(c, "-1");
    put_by_rules(c, "o", "one");
    put_by_rules(c, "o", "other");
    struct told *told = told_of(c);
    int64_t older = told_version(told, 0), newer = told_version(told, 1);
    told_free(told);
    told_forget(c);
    (void)delete_by_rules(c, "o", newer); /* the older one is seen again */
    (void)delete_by_rules(c, "o", older);
    told_expect(c, "content.deleted o, content.deleted o");
    told = told_of(c);
    assert_int_equal(told_version(told, 0), newer);
    assert_int_equal(told_version(told, 1), older);
    told_free(told);
}

static void what_is_flushed_is_told_version_by_version(void **state)
{
    struct contract *c = *state;
    versioned(c, "-1");
    put_by_rules(c, "a", "one");
    put_by_rules(c, "a", "other");
    put_by_rules(c, "b", "bytes");
    (void)delete_by_rules(c, "b", 0);
    told_forget(c);
    struct fy_cat_flush flush = {.op.kind = FY_CAT_FLUSH,
                                 .account = TOLD_ACCOUNT,
                                 .name = TOLD_NAME,
                                 .asker = told_asker(),
                                 .limit = 100};
    assert_int_equal(contract_run(c, &flush.op), FY_OK);
    assert_false(flush.more);
    struct told *told = told_of(c);
    assert_int_equal(told->count, flush.removed);
    for (size_t index = 0; index < told->count; index++) {
        assert_string_equal(told_text(told->events[index], NULL, "event"),
                            "storage.content.deleted");
        assert_string_equal(told_text(told->events[index], NULL, "request_id"), "R1");
    }
    told_free(told);
    told_forget(c);
    told_states_come(c);
    told = told_of(c);
    assert_int_equal(told->count, 1);
    assert_int_equal(told_number(told, 0, "object-count"), 0);
    told_free(told);
}

/* ------------------------------------------------------------------ containers whole */

static void snapshot_step(struct contract *c, enum fy_snapshot_step step)
{
    struct fy_cat_snapshot op = {.op.kind = FY_CAT_SNAPSHOT,
                                 .step = step,
                                 .account = TOLD_ACCOUNT,
                                 .name = TOLD_NAME,
                                 .to_account = TOLD_ACCOUNT,
                                 .to_name = "copy",
                                 .asker = told_asker(),
                                 .limit = 100};
    do {
        assert_int_equal(contract_run(c, &op.op), FY_OK);
        memcpy(op.after, op.last, sizeof op.after);
        op.after_version = op.last_version;
    } while (op.more);
}

/* Its objects are none that a client wrote: the sums say that they are there. */
static void a_snapshot_is_told_as_a_container_that_comes_once_it_is_whole(void **state)
{
    struct contract *c = *state;
    versioned(c, "-1");
    put_by_rules(c, "a", "bytes");
    told_states_come(c);
    told_forget(c);
    snapshot_step(c, FY_SNAPSHOT_BEGIN);
    snapshot_step(c, FY_SNAPSHOT_COPY);
    told_states_come(c);
    told_expect(c, "");
    snapshot_step(c, FY_SNAPSHOT_SHOW);
    snapshot_step(c, FY_SNAPSHOT_ORDER);
    told_states_come(c);
    told_expect(c, "linked, container.new, container.state");
    struct told *told = told_of(c);
    for (size_t index = 0; index < told->count; index++)
        assert_string_equal(told_text(told->events[index], "url", "user"), "copy");
    assert_int_equal(told_number(told, 2, "object-count"), 1);
    told_free(told);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_oio_object(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_object_is_told_with_what_is_known_of_it),
        TEST(an_object_that_is_erased_is_told_as_it_was),
        TEST(an_applied_order_that_replaces_an_object_tells_of_both),
        TEST(an_object_that_is_undeleted_is_new),
        TEST(a_change_says_which_request_or_order_made_it),
        TEST(a_version_that_is_replaced_is_told_and_one_that_stays_is_not),
        TEST(a_delete_marker_is_new_and_when_it_goes_what_it_hid_is_not),
        TEST(a_version_that_is_erased_by_its_number_is_told_alone),
        TEST(what_is_flushed_is_told_version_by_version),
        TEST(a_snapshot_is_told_as_a_container_that_comes_once_it_is_whole),
    };
    return cmocka_run_group_tests_name("oio objects", tests, NULL, NULL);
}
