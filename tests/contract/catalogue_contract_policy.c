/* catalogue_contract_policy.c - names that are written again: what becomes of their versions, by
 * the rules of their container. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

#define ACCOUNT "Account A"
#define NAME    "c"

/* A container with that policy of versions; "" it sets none. */
static void setup(struct contract *c, const char *policy)
{
    const struct fy_property property = {"sys.m2.policy.version", policy};
    struct fy_cat_container_make op = {.op.kind = FY_CAT_CONTAINER_MAKE,
                                       .account = ACCOUNT,
                                       .name = NAME,
                                       .op_id = "make",
                                       .properties = &property,
                                       .count = policy[0] != '\0'};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    contract_outbox_clear(c);
}

static void set(struct contract *c, const char *key, const char *value)
{
    const struct fy_property property = {key, value};
    struct fy_cat_properties op = {.op.kind = FY_CAT_PROPERTIES,
                                   .account = ACCOUNT,
                                   .name = NAME,
                                   .properties = &property,
                                   .count = 1};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static struct fy_object_key key_of(const char *object)
{
    return contract_key(ACCOUNT, NAME, object);
}

/* An upload by the rules, as OpenIO's clients do it. */
static struct fy_cat_upload_finish upload(struct contract *c, const char *object, const char *bytes,
                                          int64_t version)
{
    struct fy_cat_upload_begin begin = {
        .op.kind = FY_CAT_UPLOAD_BEGIN, .key = key_of(object), .client = ACCOUNT, .by_rules = true};
    struct fy_cat_upload_finish finish = {.op.code = FY_OK};
    c->clock.now_ms += 10;
    finish.op.code = contract_run(c, &begin.op);
    if (finish.op.code != FY_OK)
        return finish;
    finish = contract_finish(c, &begin, bytes);
    finish.by_rules = true;
    finish.version = version;
    (void)contract_run(c, &finish.op);
    return finish;
}

static enum fy_code put(struct contract *c, const char *object, const char *bytes)
{
    return upload(c, object, bytes, 0).op.code;
}

/* As the routes of CCS do it. */
static enum fy_code put_as_ccs(struct contract *c, const char *object, const char *bytes)
{
    struct fy_cat_upload_begin begin = {
        .op.kind = FY_CAT_UPLOAD_BEGIN, .key = key_of(object), .client = ACCOUNT};
    enum fy_code code = contract_run(c, &begin.op);
    if (code != FY_OK)
        return code;
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, bytes);
    code = contract_run(c, &finish.op);
    if (code != FY_OK)
        (void)contract_fail(c, &begin);
    return code;
}

static struct fy_cat_object_delete delete_of(struct contract *c, const char *object,
                                             int64_t version)
{
    struct fy_cat_object_delete op = {.op.kind = FY_CAT_OBJECT_DELETE,
                                      .key = key_of(object),
                                      .client = ACCOUNT,
                                      .op_id = "rm",
                                      .version = version};
    c->clock.now_ms += 10;
    (void)contract_run(c, &op.op);
    return op;
}

static enum fy_code rm(struct contract *c, const char *object, int64_t version)
{
    return delete_of(c, object, version).op.code;
}

static struct fy_cat_register registered(struct contract *c, const char *object, const char *bytes,
                                         int64_t version)
{
    struct fy_cat_register op = {.op.kind = FY_CAT_REGISTER,
                                 .key = key_of(object),
                                 .client = ACCOUNT,
                                 .version = version,
                                 .size = (int64_t)strlen(bytes),
                                 .facts.metadata = "{\"color\":\"red\"}"};
    struct fy_digest digest;
    contract_digest(bytes, &digest);
    fy_digest_print_hex(&digest, true, op.facts.hash);
    c->clock.now_ms += 10;
    (void)contract_run(c, &op.op);
    return op;
}

static struct fy_cat_apply order_of(struct contract *c, enum fy_action action, const char *bytes)
{
    struct fy_cat_apply op = contract_order(c, action, ACCOUNT, NAME, "o", bytes, 0);
    c->clock.now_ms += 10;
    op.order.stamp = contract_stamp(c->clock.now_ms - CONTRACT_T0, CONTRACT_OTHER);
    assert_true(fy_text_copy(op.order.account, sizeof op.order.account, ACCOUNT));
    return op;
}

static void apply(struct contract *c, enum fy_action action, const char *bytes)
{
    struct fy_cat_apply op = order_of(c, action, bytes);
    op.order.overwrites = true;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_int_equal(op.verdict, FY_VERDICT_APPLY);
    assert_false(op.conflict);
}

/* ------------------------------------------------------------------ what is there */

struct story {
    char text[256];
    int64_t numbers[16];
    size_t count;
};

static bool tell(void *arg, const struct fy_version_entry *entry)
{
    struct story *story = arg;
    const struct fy_object_row *row = entry->row;
    size_t used = strlen(story->text);
    (void)snprintf(story->text + used, sizeof story->text - used, "%s%s", used == 0 ? "" : " ",
                   row->marker       ? "M"
                   : row->registered ? "R"
                                     : "B");
    used = strlen(story->text);
    if (!row->marker)
        (void)snprintf(story->text + used, sizeof story->text - used, "%lld", (long long)row->size);
    assert_true(story->count < FY_COUNT_OF(story->numbers));
    story->numbers[story->count++] = row->version;
    return true;
}

/* All versions, newest first: a body by its size, a marker, a registered one by its size. */
static struct story story_of(struct contract *c)
{
    struct story story = {.count = 0};
    const struct fy_version_query query = {.account = ACCOUNT,
                                           .bucket = NAME,
                                           .prefix = "",
                                           .after = "",
                                           .version_after = FY_UNSET,
                                           .before = "",
                                           .delimiter = "",
                                           .all = true,
                                           .version = FY_UNSET,
                                           .limit = 99};
    assert_int_equal(fy_catalogue_version_list(c->catalogue, &query, tell, &story, &c->err), FY_OK);
    for (size_t index = 1; index < story.count; index++)
        assert_true(story.numbers[index] < story.numbers[index - 1]);
    return story;
}

/* What is listed, and that the sums of the container are those of its rows. */
static void expect(struct contract *c, const char *story)
{
    assert_string_equal(story_of(c).text, story);
    const struct fy_container_info kept = contract_info(c, ACCOUNT, NAME);
    struct fy_cat_touch touch = {
        .op.kind = FY_CAT_TOUCH, .account = ACCOUNT, .name = NAME, .recount = true};
    assert_int_equal(contract_run(c, &touch.op), FY_OK);
    const struct fy_container_info counted = contract_info(c, ACCOUNT, NAME);
    assert_int_equal(kept.objects, counted.objects);
    assert_int_equal(kept.bytes, counted.bytes);
}

/* What other sites and CCS see: the size of the READY object, -1 there is none. */
static int64_t seen(struct contract *c, const char *object)
{
    struct fy_object_row row;
    struct fy_object_key key = key_of(object);
    enum fy_code code = fy_catalogue_object_get(c->catalogue, &key, &row, &c->err);
    if (code == FY_ENOTFOUND)
        return -1;
    assert_int_equal(code, FY_OK);
    return row.reg.status == FY_STATUS_READY ? row.size : -1;
}

/* The orders written since the last time: "CREATE3 DELETE", by the size they promise. */
static void expect_orders(struct contract *c, const char *expected)
{
    char text[256] = "";
    for (size_t index = 0; index < contract_outbox_count(c); index++) {
        char *json = contract_outbox(c, index);
        size_t used = strlen(text);
        const char *size = strstr(json, "\"size\":");
        assert_non_null(strstr(json, "\"overwrites\":true"));
        if (strstr(json, "\"DELETE\"") != NULL)
            (void)snprintf(text + used, sizeof text - used, "%sDELETE", used == 0 ? "" : " ");
        else
            (void)snprintf(text + used, sizeof text - used, "%sCREATE%ld", used == 0 ? "" : " ",
                           strtol(size + strlen("\"size\":"), NULL, 10));
        free(json);
    }
    assert_string_equal(text, expected);
    contract_outbox_clear(c);
}

static uint32_t swept(struct contract *c)
{
    struct fy_cat_sweep op = {.op.kind = FY_CAT_SWEEP, .limit = 99};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.moved;
}

/* ------------------------------------------------------------------ writing */

static void name_is_written_again_and_one_version_is_there(void **state)
{
    struct contract *c = *state;
    setup(c, "");
    assert_int_equal(put(c, "o", "1"), FY_OK);
    struct fy_object_key key = key_of("o");
    struct fy_object_row first, second;
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &first, &c->err), FY_OK);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &second, &c->err), FY_OK);
    assert_true(second.version > first.version);
    assert_string_not_equal(second.id, first.id);
    expect(c, "B2");
    expect_orders(c, "CREATE1 CREATE2");
    assert_int_equal(swept(c), 1);
    assert_int_equal(contract_info(c, ACCOUNT, NAME).changes, 2 + 1 /* the recount */);
}

/* Its readers never miss it: the upload takes no row before it has ended. */
static void object_is_seen_while_it_is_written_again(void **state)
{
    struct contract *c = *state;
    setup(c, "");
    assert_int_equal(put(c, "o", "1"), FY_OK);
    struct fy_cat_upload_begin begin = {
        .op.kind = FY_CAT_UPLOAD_BEGIN, .key = key_of("o"), .client = ACCOUNT, .by_rules = true};
    assert_int_equal(contract_run(c, &begin.op), FY_OK);
    assert_int_equal(begin.token, 0);
    assert_int_equal(seen(c, "o"), 1);
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, "22");
    finish.by_rules = true;
    assert_int_equal(contract_run(c, &finish.op), FY_OK);
    assert_int_equal(seen(c, "o"), 2);
}

static void ccs_never_writes_a_name_again(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    assert_int_equal(put(c, "o", "1"), FY_OK);
    assert_int_equal(put_as_ccs(c, "o", "22"), FY_EEXISTS);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    assert_int_equal(put_as_ccs(c, "o", "22"), FY_OK);
    expect(c, "B2 M B1");
}

static void bucket_of_ccs_is_written_once_by_rules_too(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(put(c, "o", "1"), FY_OK);
    assert_int_equal(put(c, "o", "22"), FY_EEXISTS);
    set(c, "sys.m2.policy.version", "1");
    assert_int_equal(put(c, "o", "22"), FY_OK);
    expect(c, "B2");
}

static void versions_are_kept_with_all_that_is_known_of_them(void **state)
{
    struct contract *c = *state;
    struct fy_object_row row;
    struct fy_object_key key = key_of("o");
    setup(c, "-1");
    struct fy_cat_upload_finish first = upload(c, "o", "1", 0);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    assert_int_equal(put(c, "o", "333"), FY_OK);
    expect(c, "B3 B2 B1");
    expect_orders(c, "CREATE1 CREATE2 CREATE3");
    assert_int_equal(swept(c), 0);
    assert_int_equal(contract_totals(c).objects, 1);
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, first.row.version, &row, &c->err),
                     FY_OK);
    assert_memory_equal(&row, &first.row, sizeof row);
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, 0, &row, &c->err), FY_OK);
    assert_int_equal(row.size, 3);
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, 7, &row, &c->err), FY_ENOTFOUND);
}

static void number_that_is_given_is_the_versions(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    assert_int_equal(upload(c, "o", "1", 1000).op.code, FY_OK);
    assert_int_equal(upload(c, "o", "22", 1000).op.code, FY_EEXISTS);
    assert_int_equal(upload(c, "o", "22", 3000).op.code, FY_OK);
    expect_orders(c, "CREATE1 CREATE2");
    assert_int_equal(upload(c, "o", "22", 1000).op.code, FY_EEXISTS);
    /* An older one is nobody's news. */
    assert_int_equal(upload(c, "o", "333", 2000).op.code, FY_OK);
    expect(c, "B2 B3 B1");
    expect_orders(c, "");
    assert_int_equal(seen(c, "o"), 2);
    assert_int_equal(story_of(c).numbers[1], 2000);
    set(c, "sys.m2.policy.version", "1");
    assert_int_equal(upload(c, "o", "55555", 1500).op.code, FY_EEXISTS);
    assert_int_equal(put(c, "o", "4444"), FY_OK);
    expect(c, "B4 B3 B1");
}

static void number_is_above_one_that_lies_in_the_future(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    assert_int_equal(upload(c, "o", "1", INT64_C(9000000000000000)).op.code, FY_OK);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    assert_int_equal(story_of(c).numbers[0], INT64_C(9000000000000001));
    assert_int_equal(rm(c, "o", 0), FY_OK);
    assert_int_equal(story_of(c).numbers[0], INT64_C(9000000000000002));
}

static void what_exceeds_the_policy_goes_when_the_container_says_so(void **state)
{
    struct contract *c = *state;
    setup(c, "2");
    for (unsigned count = 1; count <= 3; count++)
        assert_int_equal(put(c, "o", &"7777777"[7 - count]), FY_OK);
    expect(c, "B3 B2 B1");
    set(c, "sys.m2.policy.version.delete_exceeding", "1");
    assert_int_equal(rm(c, "o", 0), FY_OK);
    assert_int_equal(put(c, "o", "4444"), FY_OK);
    expect(c, "B4 M B3");
    assert_int_equal(swept(c), 2);
}

/* ------------------------------------------------------------------ deleting */

static void delete_leaves_a_marker_where_versions_are_kept(void **state)
{
    struct contract *c = *state;
    struct fy_object_row row;
    struct fy_object_key key = key_of("o");
    setup(c, "3");
    struct fy_cat_upload_finish first = upload(c, "o", "1", 0);
    struct fy_cat_object_delete gone = delete_of(c, "o", 0);
    assert_int_equal(gone.op.code, FY_OK);
    assert_true(gone.marker);
    assert_int_equal(gone.gone, first.row.version + 1);
    assert_int_equal(seen(c, "o"), -1);
    expect(c, "M B1");
    expect_orders(c, "CREATE1 DELETE");
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, 0, &row, &c->err), FY_OK);
    assert_true(row.marker);
    assert_int_equal(swept(c), 0);
    assert_int_equal(contract_totals(c).kept_objects, 0);

    gone = delete_of(c, "o", 0);
    assert_int_equal(gone.op.code, FY_OK);
    assert_true(gone.already);
    expect_orders(c, "");
    assert_int_equal(put(c, "o", "22"), FY_OK);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    expect(c, "M B2 M B1");
    /* CCS deletes go by the rules, too. */
    assert_int_equal(put(c, "o", "333"), FY_OK);
    expect_orders(c, "CREATE2 DELETE CREATE3");
}

static void erased_newest_version_gives_way_to_the_next_older_one(void **state)
{
    struct contract *c = *state;
    struct fy_object_row before, after;
    struct fy_object_key key = key_of("o");
    setup(c, "-1");
    struct fy_cat_upload_finish first = upload(c, "o", "1", 0);
    struct fy_cat_upload_finish second = upload(c, "o", "22", 0);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &before, &c->err), FY_OK);
    contract_outbox_clear(c);
    assert_int_equal(rm(c, "o", second.row.version), FY_OK);
    expect(c, "B1");
    expect_orders(c, "CREATE1");
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &after, &c->err), FY_OK);
    assert_true(fy_stamp_compare(&after.reg.stamp, &before.reg.stamp) > 0);
    assert_int_equal(after.version, first.row.version);
    assert_string_equal(after.id, first.row.id);
    assert_int_equal(after.body_id, first.row.body_id);
    assert_int_equal(swept(c), 1);

    assert_int_equal(rm(c, "o", first.row.version), FY_OK);
    expect(c, "");
    expect_orders(c, "DELETE");
    assert_int_equal(rm(c, "o", first.row.version), FY_ENOTFOUND);
}

static void erased_older_version_is_nobodys_news(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    struct fy_cat_upload_finish first = upload(c, "o", "1", 0);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    contract_outbox_clear(c);
    struct fy_cat_object_delete gone = delete_of(c, "o", first.row.version);
    assert_int_equal(gone.op.code, FY_OK);
    assert_int_equal(gone.gone, first.row.version);
    expect(c, "B2");
    expect_orders(c, "");
    assert_int_equal(swept(c), 1);
}

static void erased_marker_shows_what_it_deleted(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    assert_int_equal(put(c, "o", "1"), FY_OK);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    assert_int_equal(rm(c, "o", story_of(c).numbers[0]), FY_OK);
    expect(c, "B1");
    expect_orders(c, "CREATE1 DELETE CREATE1");

    /* Under a marker that is the newest there may be another. */
    assert_int_equal(rm(c, "o", 0), FY_OK);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    expect(c, "M B2 M B1");
    expect_orders(c, "DELETE CREATE2 DELETE");
    struct story story = story_of(c);
    assert_int_equal(rm(c, "o", story.numbers[1]), FY_OK);
    expect_orders(c, "");
    assert_int_equal(rm(c, "o", story.numbers[0]), FY_OK);
    expect(c, "M B1");
    expect_orders(c, "");
    assert_int_equal(rm(c, "o", story.numbers[3]), FY_OK);
    assert_int_equal(rm(c, "o", story.numbers[2]), FY_OK);
    expect(c, "");
    expect_orders(c, "");
    assert_int_equal(rm(c, "o", 0), FY_OK); /* it was deleted before */
}

static void delete_erases_where_no_version_is_kept(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    assert_int_equal(put(c, "o", "1"), FY_OK);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    set(c, "sys.m2.policy.version", "1");
    contract_outbox_clear(c);
    struct fy_cat_object_delete gone = delete_of(c, "o", 0);
    assert_int_equal(gone.op.code, FY_OK);
    assert_false(gone.marker);
    expect(c, "B1");
    assert_int_equal(rm(c, "o", 0), FY_OK);
    expect(c, "");
    expect_orders(c, "CREATE1 DELETE");
    assert_int_equal(contract_totals(c).kept_objects, 1);
}

static void where_versions_are_disabled_none_can_be_named(void **state)
{
    struct contract *c = *state;
    setup(c, "0");
    struct fy_cat_upload_finish first = upload(c, "o", "1", 0);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    expect(c, "B2");
    assert_int_equal(rm(c, "o", first.row.version), FY_EINPUT);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    expect(c, "");
}

/* ------------------------------------------------------------------ registered versions */

static void registered_version_is_listed_and_what_was_there_is_read(void **state)
{
    struct contract *c = *state;
    struct fy_object_row row;
    struct fy_object_key key = key_of("o");
    setup(c, "1");
    assert_int_equal(put(c, "o", "1"), FY_OK);
    contract_outbox_clear(c);
    struct fy_cat_register op = registered(c, "o", "22", 0);
    assert_int_equal(op.op.code, FY_OK);
    assert_string_not_equal(op.id, "");
    expect(c, "R2 B1");
    expect_orders(c, "");
    assert_int_equal(seen(c, "o"), 1);
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, 0, &row, &c->err), FY_OK);
    assert_true(row.registered);
    assert_int_equal(row.version, op.version);
    assert_string_equal(row.id, op.id);

    /* Where one version is there, the next description takes its place. */
    assert_int_equal(registered(c, "o", "333", 0).op.code, FY_OK);
    expect(c, "R3 B1");
    assert_int_equal(registered(c, "o", "333", 1).op.code, FY_EEXISTS);
}

static void body_fills_the_version_that_was_registered(void **state)
{
    struct contract *c = *state;
    setup(c, "1");
    assert_int_equal(put(c, "o", "1"), FY_OK);
    struct fy_cat_register op = registered(c, "o", "22", 0);
    contract_outbox_clear(c);
    assert_int_equal(put(c, "o", "333"), FY_ECORRUPT);
    assert_int_equal(put(c, "o", "2x"), FY_ECORRUPT);
    struct fy_cat_upload_finish finish = upload(c, "o", "22", 0);
    assert_int_equal(finish.op.code, FY_OK);
    assert_int_equal(finish.row.version, op.version);
    assert_string_equal(finish.row.id, op.id);
    assert_string_equal(finish.row.facts.metadata, "{\"color\":\"red\"}");
    expect(c, "B2");
    expect_orders(c, "CREATE2");

    set(c, "sys.m2.policy.version", "-1");
    assert_int_equal(registered(c, "o", "4444", 0).op.code, FY_OK);
    assert_int_equal(put(c, "o", "4444"), FY_OK);
    expect(c, "B4 B2");
}

static void name_may_be_registered_before_anything_is_there(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, ACCOUNT, NAME), FY_OK);
    assert_int_equal(registered(c, "o", "22", 5).op.code, FY_OK);
    assert_int_equal(registered(c, "o", "22", 0).op.code, FY_EEXISTS);
    expect(c, "R2");
    assert_int_equal(seen(c, "o"), -1);
    assert_int_equal(put_as_ccs(c, "o", "333"), FY_ECORRUPT);
    assert_int_equal(put_as_ccs(c, "o", "22"), FY_OK);
    expect(c, "B2");
    assert_int_equal(story_of(c).numbers[0], 5);
    assert_int_equal(registered(c, "o", "22", 0).op.code, FY_EEXISTS);

    assert_int_equal(registered(c, "p", "1", 0).op.code, FY_OK);
    assert_int_equal(rm(c, "p", 0), FY_OK);
    expect(c, "B2");
}

static void older_version_may_be_registered_and_filled(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    assert_int_equal(put(c, "o", "1"), FY_OK);
    contract_outbox_clear(c);
    assert_int_equal(registered(c, "o", "22", 1000).op.code, FY_OK);
    expect(c, "B1 R2");
    assert_int_equal(upload(c, "o", "333", 1000).op.code, FY_ECORRUPT);
    assert_int_equal(upload(c, "o", "22", 1000).op.code, FY_OK);
    expect(c, "B1 B2");
    expect_orders(c, "");
}

static void delete_of_a_registered_version_follows_the_rules(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    assert_int_equal(registered(c, "o", "22", 0).op.code, FY_OK);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    expect(c, "M R2");
    expect_orders(c, "DELETE");
    assert_int_equal(registered(c, "o", "333", 0).op.code, FY_OK);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    expect(c, "M R3 M R2");
    set(c, "sys.m2.policy.version", "1");
    assert_int_equal(registered(c, "o", "4444", 0).op.code, FY_OK);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    expect(c, "M R3 M R2");
}

/* ------------------------------------------------------------------ bounds and states */

static void quota_bounds_what_comes_and_not_what_replaces(void **state)
{
    struct contract *c = *state;
    setup(c, "1");
    set(c, "sys.m2.quota", "5");
    assert_int_equal(put(c, "o", "123"), FY_OK);
    assert_int_equal(put(c, "p", "123"), FY_EQUOTA);
    assert_int_equal(registered(c, "p", "123", 0).op.code, FY_EQUOTA);
    assert_int_equal(put(c, "p", "12"), FY_OK);
    assert_int_equal(put(c, "q", ""), FY_EQUOTA); /* there is no room for a byte */
    assert_int_equal(put(c, "o", "abc"), FY_OK);
    assert_int_equal(put(c, "o", "abcd"), FY_EQUOTA);
    set(c, "sys.m2.policy.version", "-1");
    assert_int_equal(put(c, "o", "x"), FY_EQUOTA);
    assert_int_equal(rm(c, "p", 0), FY_OK); /* a version of it is there still */
    assert_int_equal(put(c, "o", "x"), FY_EQUOTA);
    assert_int_equal(contract_info(c, ACCOUNT, NAME).bytes, 5);
    /* What other sites have is had here. */
    apply(c, FY_ACTION_CREATE, "abcdefgh");
    assert_int_equal(contract_info(c, ACCOUNT, NAME).bytes, 13);
}

static void frozen_container_takes_orders_and_no_changes(void **state)
{
    struct contract *c = *state;
    setup(c, "1");
    assert_int_equal(put(c, "o", "1"), FY_OK);
    set(c, "sys.status", "4294967295");
    assert_int_equal(put(c, "o", "22"), FY_EFROZEN);
    assert_int_equal(rm(c, "o", 0), FY_EFROZEN);
    assert_int_equal(registered(c, "o", "22", 0).op.code, FY_EFROZEN);
    apply(c, FY_ACTION_CREATE, "333");
    assert_int_equal(seen(c, "o"), 3);
}

/* ------------------------------------------------------------------ properties */

static enum fy_code say(struct contract *c, int64_t version, bool flush, const char *key,
                        const char *value)
{
    const struct fy_property property = {key, value};
    struct fy_cat_object_properties op = {.op.kind = FY_CAT_OBJECT_PROPERTIES,
                                          .key = key_of("o"),
                                          .client = ACCOUNT,
                                          .op_id = "say",
                                          .version = version,
                                          .flush = flush,
                                          .properties = &property,
                                          .count = key[0] != '\0'};
    c->clock.now_ms += 10;
    return contract_run(c, &op.op);
}

static void properties_of_the_newest_version_travel_and_it_stays_the_same(void **state)
{
    struct contract *c = *state;
    struct fy_object_row before, row;
    struct fy_object_key key = key_of("o");
    setup(c, "-1");
    assert_int_equal(say(c, 0, false, "a", "1"), FY_ENOTFOUND);
    assert_int_equal(put(c, "o", "1"), FY_OK);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &before, &c->err), FY_OK);
    contract_outbox_clear(c);
    assert_int_equal(say(c, 0, false, "a", "1"), FY_OK);
    assert_int_equal(say(c, before.version, false, "b", "2"), FY_OK);
    expect(c, "B1");
    expect_orders(c, "CREATE1 CREATE1");
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    assert_string_equal(row.facts.metadata, "{\"a\":\"1\",\"b\":\"2\"}");
    assert_int_equal(row.version, before.version);
    assert_string_equal(row.id, before.id);
    assert_int_equal(row.body_id, before.body_id);
    assert_int_equal(row.facts.creation_ms, before.facts.creation_ms);
    assert_true(fy_stamp_compare(&row.reg.stamp, &before.reg.stamp) > 0);
    assert_int_equal(say(c, 0, false, "a", NULL), FY_OK);
    assert_int_equal(say(c, 0, true, "", NULL), FY_OK);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    assert_string_equal(row.facts.metadata, "{}");
    assert_int_equal(say(c, 0, false, "", "x"), FY_OK); /* nothing to say */
    assert_int_equal(say(c, 0, false, "a\n", "x"), FY_EINPUT);
}

static void properties_of_other_versions_stay_here(void **state)
{
    struct contract *c = *state;
    struct fy_object_row row;
    struct fy_object_key key = key_of("o");
    setup(c, "-1");
    struct fy_cat_upload_finish first = upload(c, "o", "1", 0);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    contract_outbox_clear(c);
    assert_int_equal(say(c, first.row.version, false, "a", "1"), FY_OK);
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, first.row.version, &row, &c->err),
                     FY_OK);
    assert_string_equal(row.facts.metadata, "{\"a\":\"1\"}");
    struct fy_cat_register op = registered(c, "o", "333", 0);
    assert_int_equal(say(c, 0, false, "a", "1"), FY_OK);
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, op.version, &row, &c->err),
                     FY_OK);
    assert_string_equal(row.facts.metadata, "{\"a\":\"1\",\"color\":\"red\"}");
    expect_orders(c, "");
    assert_int_equal(rm(c, "o", 0), FY_OK);
    assert_int_equal(say(c, 0, false, "a", "1"), FY_ENOTFOUND); /* a delete marker has none */
}

/* ------------------------------------------------------------------ orders */

static void orders_keep_versions_where_the_container_does(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    apply(c, FY_ACTION_CREATE, "1");
    apply(c, FY_ACTION_CREATE, "22");
    apply(c, FY_ACTION_DELETE, "22");
    expect(c, "M B2 B1");
    int64_t number = story_of(c).numbers[0];
    apply(c, FY_ACTION_DELETE, "22");
    assert_int_equal(story_of(c).numbers[0], number);
    apply(c, FY_ACTION_CREATE, "333");
    expect(c, "B3 M B2 B1");
    apply(c, FY_ACTION_CREATE, "333"); /* only what is said of it is new */
    expect(c, "B3 M B2 B1");
    expect_orders(c, "");
    assert_int_equal(swept(c), 0);
    assert_int_equal(contract_totals(c).conflicts, 0);

    /* Older versions do not come to light under another policy. */
    set(c, "sys.m2.policy.version", "1");
    apply(c, FY_ACTION_DELETE, "333");
    expect(c, "M M B2 B1");
    assert_int_equal(seen(c, "o"), -1);
}

static void orders_replace_without_a_conflict_where_names_are_written_again(void **state)
{
    struct contract *c = *state;
    setup(c, "1");
    apply(c, FY_ACTION_CREATE, "1");
    apply(c, FY_ACTION_CREATE, "22");
    apply(c, FY_ACTION_DELETE, "333"); /* it overtook what it deletes */
    expect(c, "");
    assert_int_equal(contract_totals(c).conflicts, 0);

    struct fy_cat_apply first = order_of(c, FY_ACTION_CREATE, "1");
    struct fy_cat_apply other = order_of(c, FY_ACTION_CREATE, "22");
    assert_int_equal(contract_run(c, &first.op), FY_OK);
    assert_int_equal(contract_run(c, &other.op), FY_OK);
    assert_true(other.conflict); /* their source does not say so */
}

static void order_of_a_container_says_that_names_are_written_again(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply op = contract_order(c, FY_ACTION_CREATE, ACCOUNT, NAME, "", NULL, 10);
    op.order.overwrites = true;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_true(contract_container(c, ACCOUNT, NAME).rules.versioned);
    assert_int_equal(put(c, "o", "1"), FY_OK);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    expect(c, "B2");
}

/* What comes next is above it, and fits. */
static void number_that_leaves_no_room_is_refused(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    assert_int_equal(upload(c, "o", "1", FY_VERSION_MAX + 1).op.code, FY_EINPUT);
    assert_int_equal(registered(c, "o", "1", INT64_MAX).op.code, FY_EINPUT);
    assert_int_equal(upload(c, "o", "1", FY_VERSION_MAX).op.code, FY_OK);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    expect(c, "M B2 B1");
    assert_true(story_of(c).numbers[0] == FY_VERSION_MAX + 2);
}

static void registered_version_is_no_longer_than_a_body_can_be(void **state)
{
    struct contract *c = *state;
    struct fy_cat_register op = {.op.kind = FY_CAT_REGISTER,
                                 .key = key_of("o"),
                                 .client = ACCOUNT,
                                 .size = FY_OBJECT_SIZE_MAX + 1};
    setup(c, "-1");
    assert_int_equal(contract_run(c, &op.op), FY_ETOOBIG);
    op.size = FY_OBJECT_SIZE_MAX;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_int_equal(contract_info(c, ACCOUNT, NAME).bytes, FY_OBJECT_SIZE_MAX);
}

/* The description came with an object, and then the container's own order is a duplicate. */
static void order_of_an_object_may_be_the_first_to_say_so(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply first = contract_order(c, FY_ACTION_CREATE, ACCOUNT, NAME, "o", "1", 20);
    struct fy_cat_apply own = contract_order(c, FY_ACTION_CREATE, ACCOUNT, NAME, "", NULL, 10);
    first.order.overwrites = own.order.overwrites = true;
    first.bucket = (struct fy_bucket_facts){
        .known = true, .present = true, .stamp = own.order.stamp, .creation_ms = CONTRACT_T0 + 10};
    assert_int_equal(contract_run(c, &first.op), FY_OK);
    assert_int_equal(contract_run(c, &own.op), FY_OK);
    assert_int_equal(own.verdict, FY_VERDICT_DUPLICATE);
    assert_true(contract_container(c, ACCOUNT, NAME).rules.versioned);
    assert_int_equal(put(c, "o", "22"), FY_OK);
    expect(c, "B2");
}

/* A container with two versions and a delete marker in it, which another site's delete takes away,
 * that knew of none of them. */
static void setup_gone(struct contract *c)
{
    setup(c, "-1");
    apply(c, FY_ACTION_CREATE, "1");
    apply(c, FY_ACTION_CREATE, "22");
    apply(c, FY_ACTION_DELETE, "22");
    struct fy_cat_apply gone = order_of(c, FY_ACTION_DELETE, NULL);
    gone.order.object[0] = '\0';
    assert_int_equal(contract_run(c, &gone.op), FY_OK);
    assert_int_equal(contract_container(c, ACCOUNT, NAME).status, FY_STATUS_DELETED);
    c->clock.now_ms += 10;
}

static enum fy_code make_again(struct contract *c)
{
    return contract_make(c, ACCOUNT, NAME);
}
static enum fy_code make_bucket_again(struct contract *c)
{
    return contract_mkbucket(c, ACCOUNT, NAME);
}
static enum fy_code order_again(struct contract *c)
{
    struct fy_cat_apply again = order_of(c, FY_ACTION_CREATE, NULL);
    again.order.object[0] = '\0';
    again.order.overwrites = true;
    return contract_run(c, &again.op);
}

/* Whoever makes it again. */
static void container_that_comes_again_has_nothing_of_the_one_before(void **state)
{
    struct contract *c = *state;
    static enum fy_code (*const ways[])(struct contract *) = {make_again, make_bucket_again,
                                                              order_again};
    for (size_t way = 0; way < FY_COUNT_OF(ways); way++) {
        setup_gone(c);
        assert_int_equal(ways[way](c), FY_OK);
        expect(c, "");
        assert_int_equal(swept(c), 2);
        assert_int_equal(put(c, "p", "333"), FY_OK);
        expect(c, "B3");
        assert_int_equal(rm(c, "p", 0), FY_OK);
        expect(c, "");
        assert_int_equal(contract_destroy(c, ACCOUNT, NAME), FY_OK);
    }
}

/* An object written elsewhere brings it back, too. */
static void container_that_an_object_brings_back_has_nothing_of_the_one_before(void **state)
{
    struct contract *c = *state;
    setup_gone(c);
    apply(c, FY_ACTION_CREATE, "333");
    expect(c, "B3");
    assert_int_equal(swept(c), 2);
}

static void what_a_container_left_is_purged_at_once(void **state)
{
    struct contract *c = *state;
    setup_gone(c);
    struct fy_cat_purge purge = {.op.kind = FY_CAT_PURGE, .limit = 99};
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(purge.purged, 2 + 1 + 1); /* bodies, the marker, and that nothing is left */
    assert_int_equal(swept(c), 2);
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(purge.purged, 0);
    c->clock.now_ms += 10;
    struct fy_cat_apply late = order_of(c, FY_ACTION_CREATE, "22");
    late.order.stamp = contract_stamp(0, CONTRACT_OTHER);
    assert_int_equal(contract_run(c, &late.op), FY_OK);
    assert_int_equal(late.verdict, FY_VERDICT_SUPERSEDED); /* the tombstone is there */
    assert_int_equal(contract_mkbucket(c, ACCOUNT, NAME), FY_OK);
    expect(c, "");
    assert_int_equal(put_as_ccs(c, "o", "333"), FY_OK);
    assert_int_equal(rm(c, "o", 0), FY_OK);
    expect(c, "");
}

static void order_fills_the_version_that_was_registered(void **state)
{
    struct contract *c = *state;
    setup(c, "-1");
    struct fy_cat_register op = registered(c, "o", "22", 0);
    apply(c, FY_ACTION_CREATE, "22");
    expect(c, "B2");
    assert_int_equal(story_of(c).numbers[0], op.version);
    assert_int_equal(registered(c, "o", "333", 0).op.code, FY_OK);
    apply(c, FY_ACTION_CREATE, "4444");
    expect(c, "B4 R3 B2");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_policy(void)
{
    const struct CMUnitTest tests[] = {
        TEST(name_is_written_again_and_one_version_is_there),
        TEST(object_is_seen_while_it_is_written_again),
        TEST(ccs_never_writes_a_name_again),
        TEST(bucket_of_ccs_is_written_once_by_rules_too),
        TEST(versions_are_kept_with_all_that_is_known_of_them),
        TEST(number_that_is_given_is_the_versions),
        TEST(number_is_above_one_that_lies_in_the_future),
        TEST(number_that_leaves_no_room_is_refused),
        TEST(registered_version_is_no_longer_than_a_body_can_be),
        TEST(what_exceeds_the_policy_goes_when_the_container_says_so),
        TEST(delete_leaves_a_marker_where_versions_are_kept),
        TEST(erased_newest_version_gives_way_to_the_next_older_one),
        TEST(erased_older_version_is_nobodys_news),
        TEST(erased_marker_shows_what_it_deleted),
        TEST(delete_erases_where_no_version_is_kept),
        TEST(where_versions_are_disabled_none_can_be_named),
        TEST(registered_version_is_listed_and_what_was_there_is_read),
        TEST(body_fills_the_version_that_was_registered),
        TEST(name_may_be_registered_before_anything_is_there),
        TEST(older_version_may_be_registered_and_filled),
        TEST(delete_of_a_registered_version_follows_the_rules),
        TEST(quota_bounds_what_comes_and_not_what_replaces),
        TEST(frozen_container_takes_orders_and_no_changes),
        TEST(properties_of_the_newest_version_travel_and_it_stays_the_same),
        TEST(properties_of_other_versions_stay_here),
        TEST(orders_keep_versions_where_the_container_does),
        TEST(orders_replace_without_a_conflict_where_names_are_written_again),
        TEST(order_of_a_container_says_that_names_are_written_again),
        TEST(order_of_an_object_may_be_the_first_to_say_so),
        TEST(container_that_comes_again_has_nothing_of_the_one_before),
        TEST(container_that_an_object_brings_back_has_nothing_of_the_one_before),
        TEST(what_a_container_left_is_purged_at_once),
        TEST(order_fills_the_version_that_was_registered),
    };
    return cmocka_run_group_tests_name("catalogue policy", tests, NULL, NULL);
}
