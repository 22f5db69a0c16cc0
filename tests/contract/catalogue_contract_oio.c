/* catalogue_contract_oio.c - changes of containers and of what is in them, written down to be told
 * as OpenIO tells them. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/oio.h"
#include "common/core/pack.h"
#include "common/ports/sha256.h"
#include "tests/contract/catalogue_contract.h"

#define EVENTS_MAX 600

/* All that waits to be told of containers, parsed, in order. */
struct told {
    size_t rows, count;
    int64_t ids[EVENTS_MAX];
    json_t *events[EVENTS_MAX];
    char keys[EVENTS_MAX][FY_OIO_KEY_BYTES + 1];
};

static bool take_row(void *arg, const struct fy_event_row *row)
{
    struct told *told = arg;
    struct fy_packed event;
    size_t at = 0, before = told->count;
    while (fy_pack_next(row->packed, row->packed_bytes, &at, &event)) {
        json_t *tree = json_loadb(event.value, event.value_bytes, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(tree);
        assert_true(told->count < EVENTS_MAX);
        assert_int_equal(event.key_bytes, FY_OIO_KEY_BYTES);
        memcpy(told->keys[told->count], event.key, event.key_bytes);
        told->events[told->count++] = tree;
    }
    assert_int_equal(at, row->packed_bytes);
    assert_int_equal(told->count - before, row->count);
    told->ids[told->rows++] = row->id;
    return true;
}

static struct told *told_of(struct contract *c)
{
    struct told *told = test_calloc(1, sizeof *told);
    assert_int_equal(
        fy_catalogue_events_read(c->catalogue, FY_STREAM_OIO, EVENTS_MAX, take_row, told, &c->err),
        FY_OK);
    assert_int_equal(contract_totals(c).oio_events, told->count);
    return told;
}

static void told_free(struct told *told)
{
    for (size_t index = 0; index < told->count; index++)
        json_decref(told->events[index]);
    test_free(told);
}

static void forget(struct contract *c)
{
    struct told *told = told_of(c);
    struct fy_cat_outbox_done op = {
        .op.kind = FY_CAT_EVENTS_DONE, .ids = told->ids, .count = told->rows};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    told_free(told);
    assert_int_equal(contract_totals(c).oio_events, 0);
}

static const char *text_of(const json_t *event, const char *section, const char *key)
{
    const json_t *in = section == NULL ? event : json_object_get(event, section);
    const json_t *value = json_object_get(in, key);
    return json_is_string(value) ? json_string_value(value) : "-";
}

/* Of "storage.container.new": "container.new"; of an object with its name. */
static void line_of(const json_t *event, char line[static 96])
{
    static const char prefix[] = "storage.";
    const char *kind = text_of(event, NULL, "event");
    const char *path = text_of(event, "url", "path");
    if (strncmp(kind, prefix, sizeof prefix - 1) == 0)
        kind += sizeof prefix - 1;
    if (strcmp(kind, "account.services") == 0)
        kind = json_array_size(json_object_get(event, "data")) == 0 ? "unlinked" : "linked";
    (void)snprintf(line, 96, "%.40s%s%.40s", kind, path[0] == '-' ? "" : " ",
                   path[0] == '-' ? "" : path);
}

/* expected: lines of all, with commas between. */
static void expect_told(struct contract *c, const char *expected)
{
    struct told *told = told_of(c);
    char all[2048] = "";
    for (size_t index = 0; index < told->count; index++) {
        char line[96];
        line_of(told->events[index], line);
        size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", index == 0 ? "" : ", ", line);
    }
    told_free(told);
    assert_string_equal(all, expected);
}

static uint32_t tell_states(struct contract *c, uint32_t limit)
{
    struct fy_cat_states_tell op = {.op.kind = FY_CAT_STATES_TELL, .limit = limit};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.told;
}

/* A second later, all that is due then. */
static void states_come(struct contract *c)
{
    c->clock.now_ms += FY_OIO_STATE_MS;
    while (tell_states(c, FY_OIO_STATES_MAX) > 0)
        continue;
}

static void a_bucket(struct contract *c)
{
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    forget(c);
}

static int64_t number_of(const struct told *told, size_t index, const char *key)
{
    const json_t *data = json_object_get(told->events[index], "data");
    return json_integer_value(json_object_get(data, key));
}

static const json_t *item_of(const struct told *told, size_t index, size_t item)
{
    return json_array_get(json_object_get(told->events[index], "data"), item);
}

/* ------------------------------------------------------------------ containers */

static void a_container_is_told_when_it_comes_and_when_it_goes(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    expect_told(c, "linked, container.new");
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_EEXISTS);
    expect_told(c, "linked, container.new");
    forget(c);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    expect_told(c, "unlinked, container.deleted");
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
        assert_string_equal(text_of(event, "url", "id"), text);
        assert_string_equal(text_of(event, "url", "ns"), "OPENIO");
        assert_string_equal(text_of(event, "url", "account"), "client-1");
        assert_string_equal(text_of(event, "url", "user"), "bucket-1");
    }
    assert_string_equal(json_string_value(json_object_get(item_of(told, 0, 0), "host")),
                        CONTRACT_SITE);
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
    expect_told(c, "linked, container.new");
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "", "", 10),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "", "", 20),
                     FY_OK);
    expect_told(c, "linked, container.new, unlinked, container.deleted");
}

/* A bucket is there while an object is in it: its delete may overtake those of its objects. */
static void a_bucket_that_comes_and_goes_with_its_object_is_told_so(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "bytes", 10),
                     FY_OK);
    expect_told(c, "linked, container.new, content.new o");
    forget(c);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", "bytes", 20),
                     FY_OK);
    expect_told(c, "content.deleted o, container.state, unlinked, container.deleted");
}

/* ------------------------------------------------------------------ by OpenIO's rules */

#define ACCOUNT "Account 1"
#define NAME    "my container"
static const struct fy_cat_asker asker = {.request_id = "R1", .origin = "client/9"};

static void make(struct contract *c, const struct fy_property *properties, size_t count)
{
    struct fy_cat_container_make op = {.op.kind = FY_CAT_CONTAINER_MAKE,
                                       .account = ACCOUNT,
                                       .name = NAME,
                                       .op_id = "op-1",
                                       .asker = asker,
                                       .properties = properties,
                                       .count = count};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static void set(struct contract *c, const struct fy_property *properties, size_t count, bool flush)
{
    struct fy_cat_properties op = {.op.kind = FY_CAT_PROPERTIES,
                                   .account = ACCOUNT,
                                   .name = NAME,
                                   .asker = asker,
                                   .flush = flush,
                                   .properties = properties,
                                   .count = count};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

/* The data of the event, compact and with its keys sorted. */
static void expect_data(const struct told *told, size_t index, const char *expected)
{
    char *text = json_dumps(json_object_get(told->events[index], "data"),
                            JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    assert_string_equal(text, expected);
    free(text);
}

static void a_container_is_made_with_what_was_given(void **state)
{
    struct contract *c = *state;
    const struct fy_property given[] = {
        {"user.a", "1"}, {"sys.m2.policy.version", "3"}, {"user.none", NULL}};
    make(c, given, 3);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 2);
    expect_data(told, 1,
                "{\"bucket\":null,\"peers\":[\"" CONTRACT_SITE
                "\"],\"properties\":{\"a\":\"1\"},\"system\":{\"sys.m2.policy.version\":\"3\"}}");
    assert_string_equal(text_of(told->events[1], NULL, "request_id"), "R1");
    assert_string_equal(text_of(told->events[1], NULL, "origin"), "client/9");
    assert_string_equal(text_of(told->events[1], "url", "account"), ACCOUNT);
    told_free(told);
    struct fy_cat_container_destroy destroy = {
        .op.kind = FY_CAT_CONTAINER_DESTROY, .account = ACCOUNT, .name = NAME, .op_id = "op-2"};
    forget(c);
    assert_int_equal(contract_run(c, &destroy.op), FY_OK);
    expect_told(c, "unlinked, container.deleted");
}

static void changed_properties_are_told_and_no_others(void **state)
{
    struct contract *c = *state;
    const struct fy_property given[] = {{"user.a", "1"}, {"user.b", "2"}, {"user.c", "3"}};
    const struct fy_property changes[] = {{"user.a", "4"}, {"user.b", ""}, {"user.c", NULL}};
    make(c, given, 3);
    forget(c);
    set(c, changes, 3, false);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 1);
    expect_data(
        told, 0,
        "{\"bucket\":null,\"properties\":{\"a\":\"4\",\"b\":\"\",\"c\":null},\"system\":{}}");
    assert_string_equal(text_of(told->events[0], NULL, "event"), "storage.container.update");
    told_free(told);
}

static void flushed_properties_are_told_as_deleted(void **state)
{
    struct contract *c = *state;
    const struct fy_property given[] = {{"user.a", "1"}, {"user.b", "2"}, {"sys.m2.quota", "7"}};
    make(c, given, 3);
    forget(c);
    set(c, &(struct fy_property){"user.a", "3"}, 1, true);
    set(c, NULL, 0, true);
    set(c, NULL, 0, true); /* nothing is left */
    struct told *told = told_of(c);
    assert_int_equal(told->count, 2);
    expect_data(told, 0, "{\"bucket\":null,\"properties\":{\"a\":\"3\",\"b\":null},\"system\":{}}");
    expect_data(told, 1, "{\"bucket\":null,\"properties\":{\"a\":null},\"system\":{}}");
    told_free(told);
}

static void events_name_the_bucket_that_a_container_belongs_to(void **state)
{
    struct contract *c = *state;
    make(c, &(struct fy_property){"sys.m2.bucket.name", "first"}, 1);
    set(c, &(struct fy_property){"sys.m2.bucket.name", "second"}, 1, false);
    assert_int_equal(contract_put_in(c, ACCOUNT, NAME, "o", "bytes"), FY_OK);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 4);
    assert_string_equal(text_of(told->events[1], "url", "bucket"), "first");
    assert_string_equal(text_of(told->events[1], "data", "bucket"), "first");
    assert_string_equal(text_of(told->events[3], "url", "bucket"), "second");
    told_free(told);
}

static void a_touch_tells_the_sums_though_nothing_changed(void **state)
{
    struct contract *c = *state;
    make(c, NULL, 0);
    forget(c);
    struct fy_cat_touch touch = {
        .op.kind = FY_CAT_TOUCH, .account = ACCOUNT, .name = NAME, .asker = asker};
    assert_int_equal(contract_run(c, &touch.op), FY_OK);
    assert_int_equal(contract_run(c, &touch.op), FY_OK);
    states_come(c);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 1);
    assert_string_equal(text_of(told->events[0], NULL, "event"), "storage.container.state");
    assert_string_equal(text_of(told->events[0], NULL, "request_id"), "R1");
    assert_int_equal(number_of(told, 0, "object-count"), 0);
    told_free(told);
}

/* ------------------------------------------------------------------ objects */

static void an_object_is_told_with_what_is_known_of_it(void **state)
{
    struct contract *c = *state;
    a_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o");
    char id[FY_OIO_ID_DIGITS + 1], hash[FY_HEX_DIGITS + 1], version[24];
    fy_oio_id_print(row.id, id);
    fy_digest_print_hex(&row.reg.digest, true, hash);
    (void)snprintf(version, sizeof version, "%lld", (long long)row.version);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 1);
    assert_string_equal(text_of(told->events[0], "url", "path"), "o");
    assert_string_equal(text_of(told->events[0], "url", "content"), id);
    assert_string_equal(text_of(told->events[0], "url", "version"), version);
    const json_t *alias = item_of(told, 0, 0), *header = item_of(told, 0, 1);
    assert_string_equal(text_of(alias, NULL, "type"), "aliases");
    assert_int_equal(json_integer_value(json_object_get(alias, "version")), row.version);
    assert_int_equal(json_integer_value(json_object_get(alias, "ctime")),
                     row.facts.creation_ms / 1000);
    assert_string_equal(text_of(header, NULL, "type"), "contents_headers");
    assert_string_equal(text_of(header, NULL, "hash"), hash);
    assert_int_equal(json_integer_value(json_object_get(header, "size")), 5);
    told_free(told);
}

static void an_object_that_is_erased_is_told_as_it_was(void **state)
{
    struct contract *c = *state;
    a_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    struct told *made = told_of(c);
    const char *version = text_of(made->events[0], "url", "version");
    const char *content = text_of(made->events[0], "url", "content");
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK); /* it is gone already */
    expect_told(c, "content.new o, content.deleted o");
    struct told *told = told_of(c);
    assert_string_equal(text_of(told->events[1], "url", "version"), version);
    assert_string_equal(text_of(told->events[1], "url", "content"), content);
    assert_string_equal(text_of(item_of(told, 1, 2), NULL, "type"), "chunks");
    assert_string_equal(text_of(item_of(told, 1, 2), NULL, "hash"),
                        text_of(item_of(told, 0, 1), NULL, "hash"));
    told_free(told);
    told_free(made);
}

static void an_applied_order_that_replaces_an_object_tells_of_both(void **state)
{
    struct contract *c = *state;
    a_bucket(c);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "one", 10),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "other", 20),
                     FY_OK);
    expect_told(c, "content.new o, content.deleted o, content.new o");
    assert_int_equal(/* the same bytes: said anew of the same version */
                     contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "other", 30),
                     FY_OK);
    assert_int_equal(/* older: nothing changes */
                     contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "older", 5),
                     FY_OK);
    expect_told(c, "content.new o, content.deleted o, content.new o, content.update o");
}

static void an_object_that_is_undeleted_is_new(void **state)
{
    struct contract *c = *state;
    a_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    forget(c);
    struct fy_cat_undelete undelete = {.op.kind = FY_CAT_UNDELETE,
                                       .key = {"", "bucket-1", "o"},
                                       .client = "client-1",
                                       .op_id = "op-1"};
    assert_int_equal(contract_run(c, &undelete.op), FY_OK);
    expect_told(c, "content.new o");
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
    assert_string_equal(text_of(told->events[0], NULL, "request_id"), "op-1");
    assert_string_equal(text_of(told->events[1], NULL, "request_id"), "op-1");
    assert_string_equal(text_of(told->events[2], NULL, "request_id"), "op-2");
    assert_string_equal(text_of(told->events[3], NULL, "request_id"), "R1");
    assert_string_equal(text_of(told->events[3], NULL, "origin"), "curl/7");
    assert_null(json_object_get(told->events[2], "origin"));
    told_free(told);
}

/* ------------------------------------------------------------------ versions */

static void versioned(struct contract *c, const char *policy)
{
    make(c, &(struct fy_property){"sys.m2.policy.version", policy}, 1);
    forget(c);
}

static void put_by_rules(struct contract *c, const char *name, const char *bytes)
{
    struct fy_cat_upload_finish finish = {.op.kind = FY_CAT_UPLOAD_FINISH,
                                          .key = {ACCOUNT, NAME, ""},
                                          .client = ACCOUNT,
                                          .by_rules = true,
                                          .size = (int64_t)strlen(bytes),
                                          .proof = FY_PROOF_PROMISE};
    struct fy_sha256 *hash = fy_sha256_new();
    fy_sha256_update(hash, bytes, strlen(bytes));
    fy_sha256_final(hash, &finish.digest);
    fy_sha256_free(hash);
    assert_true(fy_text_copy(finish.key.object, sizeof finish.key.object, name));
    (void)snprintf(finish.blob_ref, sizeof finish.blob_ref, "%s-%s", name, bytes);
    c->clock.now_ms++;
    assert_int_equal(contract_run(c, &finish.op), FY_OK);
}

/* Returns which version is gone, or of the marker. */
static int64_t delete_by_rules(struct contract *c, const char *name, int64_t version)
{
    struct fy_cat_object_delete op = {.op.kind = FY_CAT_OBJECT_DELETE,
                                      .key = {ACCOUNT, NAME, ""},
                                      .client = ACCOUNT,
                                      .version = version};
    assert_true(fy_text_copy(op.key.object, sizeof op.key.object, name));
    c->clock.now_ms++;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.gone;
}

static int64_t version_of(const struct told *told, size_t index)
{
    return strtoll(text_of(told->events[index], "url", "version"), NULL, 10);
}

static void a_version_that_is_replaced_is_told_and_one_that_stays_is_not(void **state)
{
    struct contract *c = *state;
    versioned(c, "1");
    put_by_rules(c, "o", "one");
    put_by_rules(c, "o", "other");
    expect_told(c, "content.new o, content.deleted o, content.new o");
    set(c, &(struct fy_property){"sys.m2.policy.version", "-1"}, 1, false);
    forget(c);
    put_by_rules(c, "o", "third");
    expect_told(c, "content.new o");
}

static void a_delete_marker_is_new_and_when_it_goes_what_it_hid_is_not(void **state)
{
    struct contract *c = *state;
    versioned(c, "-1");
    put_by_rules(c, "o", "bytes");
    int64_t marker = delete_by_rules(c, "o", 0);
    expect_told(c, "content.new o, content.new o");
    struct told *told = told_of(c);
    assert_string_equal(text_of(told->events[1], "url", "content"), FY_OIO_MARKER_ID);
    assert_int_equal(version_of(told, 1), marker);
    assert_true(json_is_true(json_object_get(item_of(told, 1, 0), "deleted")));
    told_free(told);
    forget(c);
    (void)delete_by_rules(c, "o", marker);
    expect_told(c, "content.deleted o");
    told = told_of(c);
    assert_int_equal(version_of(told, 0), marker);
    told_free(told);
}

static void a_version_that_is_erased_by_its_number_is_told_alone(void **state)
{
    struct contract *c = *state;
    versioned(c, "-1");
    put_by_rules(c, "o", "one");
    put_by_rules(c, "o", "other");
    struct told *told = told_of(c);
    int64_t older = version_of(told, 0), newer = version_of(told, 1);
    told_free(told);
    forget(c);
    (void)delete_by_rules(c, "o", newer); /* the older one is seen again */
    (void)delete_by_rules(c, "o", older);
    expect_told(c, "content.deleted o, content.deleted o");
    told = told_of(c);
    assert_int_equal(version_of(told, 0), newer);
    assert_int_equal(version_of(told, 1), older);
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
    forget(c);
    struct fy_cat_flush flush = {
        .op.kind = FY_CAT_FLUSH, .account = ACCOUNT, .name = NAME, .asker = asker, .limit = 100};
    assert_int_equal(contract_run(c, &flush.op), FY_OK);
    assert_false(flush.more);
    struct told *told = told_of(c);
    assert_int_equal(told->count, flush.removed);
    for (size_t index = 0; index < told->count; index++) {
        assert_string_equal(text_of(told->events[index], NULL, "event"), "storage.content.deleted");
        assert_string_equal(text_of(told->events[index], NULL, "request_id"), "R1");
    }
    told_free(told);
    forget(c);
    states_come(c);
    told = told_of(c);
    assert_int_equal(told->count, 1);
    assert_int_equal(number_of(told, 0, "object-count"), 0);
    told_free(told);
}

static void snapshot_step(struct contract *c, enum fy_snapshot_step step)
{
    struct fy_cat_snapshot op = {.op.kind = FY_CAT_SNAPSHOT,
                                 .step = step,
                                 .account = ACCOUNT,
                                 .name = NAME,
                                 .to_account = ACCOUNT,
                                 .to_name = "copy",
                                 .asker = asker,
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
    states_come(c);
    forget(c);
    snapshot_step(c, FY_SNAPSHOT_BEGIN);
    snapshot_step(c, FY_SNAPSHOT_COPY);
    states_come(c);
    expect_told(c, "");
    snapshot_step(c, FY_SNAPSHOT_SHOW);
    snapshot_step(c, FY_SNAPSHOT_ORDER);
    states_come(c);
    expect_told(c, "linked, container.new, container.state");
    struct told *told = told_of(c);
    for (size_t index = 0; index < told->count; index++)
        assert_string_equal(text_of(told->events[index], "url", "user"), "copy");
    assert_int_equal(number_of(told, 2, "object-count"), 1);
    told_free(told);
}

/* ------------------------------------------------------------------ sums */

static void sums_are_told_once_a_second_however_many_objects_came(void **state)
{
    struct contract *c = *state;
    a_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "a", "bytes"), FY_OK);
    c->clock.now_ms += FY_OIO_STATE_MS / 2;
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "b", "bytes"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "c", "bytes"), FY_OK);
    c->clock.now_ms += FY_OIO_STATE_MS / 2 - 1;
    assert_int_equal(tell_states(c, FY_OIO_STATES_MAX), 0); /* not yet */
    forget(c);
    c->clock.now_ms++;
    assert_int_equal(tell_states(c, FY_OIO_STATES_MAX), 1);
    assert_int_equal(tell_states(c, FY_OIO_STATES_MAX), 0);
    expect_told(c, "container.state");
    struct told *told = told_of(c);
    assert_int_equal(number_of(told, 0, "object-count"), 3);
    assert_int_equal(number_of(told, 0, "bytes-count"), 15);
    assert_int_equal(number_of(told, 0, "ctime"), CONTRACT_T0 * 1000);
    told_free(told);
    forget(c);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "a"), FY_OK);
    states_come(c);
    expect_told(c, "content.deleted a, container.state");
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
    forget(c);
    c->clock.now_ms += FY_OIO_STATE_MS;
    assert_int_equal(tell_states(c, 2), 2);
    assert_int_equal(tell_states(c, 2), 2);
    assert_int_equal(tell_states(c, 2), 1);
    assert_int_equal(tell_states(c, 2), 0);
    struct told *told = told_of(c);
    assert_int_equal(told->count, 5);
    for (size_t index = 0; index < told->count; index++)
        assert_int_equal(number_of(told, index, "object-count"), 1);
    told_free(told);
}

static void a_bucket_that_goes_tells_its_sums_first_and_no_more_of_them(void **state)
{
    struct contract *c = *state;
    a_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_OK);
    forget(c);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    expect_told(c, "container.state, unlinked, container.deleted");
    forget(c);
    states_come(c);
    expect_told(c, "");
}

static void what_is_due_is_due_over_a_restart(void **state)
{
    struct contract *c = *state;
    a_bucket(c);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "bytes"), FY_OK);
    contract_reopen(c);
    states_come(c);
    expect_told(c, "content.new o, container.state");
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
    forget(c);
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
    expect_told(c, "content.new b");
    assert_int_equal(contract_totals(c).events, 2);
}

static void a_refused_operation_tells_nothing(void **state)
{
    struct contract *c = *state;
    a_bucket(c);
    assert_int_equal(contract_put(c, "client-2", "bucket-1", "o", "bytes"), FY_EFORBIDDEN);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o"), FY_ENOTFOUND);
    expect_told(c, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_oio(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_container_is_told_when_it_comes_and_when_it_goes),
        TEST(an_event_has_the_containers_names_and_its_id_is_the_key),
        TEST(when_is_microseconds_and_ascends_though_the_clock_stands),
        TEST(a_bucket_of_another_site_is_told_as_one_of_ours),
        TEST(a_bucket_that_comes_and_goes_with_its_object_is_told_so),
        TEST(a_container_is_made_with_what_was_given),
        TEST(changed_properties_are_told_and_no_others),
        TEST(flushed_properties_are_told_as_deleted),
        TEST(events_name_the_bucket_that_a_container_belongs_to),
        TEST(a_touch_tells_the_sums_though_nothing_changed),
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
