/* catalogue_contract_story.c - what is done in one container, and what is there after it. */
#include "tests/contract/catalogue_contract_story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/version_query.h"
/* ------------------------------------------------------------------ what is done */

void story_setup(struct contract *c, const char *policy)
{
    const struct fy_property property = {"sys.m2.policy.version", policy};
    struct fy_cat_container_make op = {.op.kind = FY_CAT_CONTAINER_MAKE,
                                       .account = STORY_ACCOUNT,
                                       .name = STORY_NAME,
                                       .op_id = "make",
                                       .properties = &property,
                                       .count = policy[0] != '\0'};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    contract_outbox_clear(c);
}

void story_set(struct contract *c, const char *key, const char *value)
{
    assert_int_equal(contract_set(c, STORY_ACCOUNT, STORY_NAME, key, value), FY_OK);
}

struct fy_object_key story_key(const char *object)
{
    return contract_key(STORY_ACCOUNT, STORY_NAME, object);
}

struct fy_cat_upload_finish story_upload(struct contract *c, const char *object, const char *bytes,
                                         int64_t version)
{
    struct fy_cat_upload_begin begin = {.op.kind = FY_CAT_UPLOAD_BEGIN,
                                        .key = story_key(object),
                                        .client = STORY_ACCOUNT,
                                        .by_rules = true};
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

enum fy_code story_put(struct contract *c, const char *object, const char *bytes)
{
    return story_upload(c, object, bytes, 0).op.code;
}

enum fy_code story_put_as_ccs(struct contract *c, const char *object, const char *bytes)
{
    struct fy_cat_upload_begin begin = {
        .op.kind = FY_CAT_UPLOAD_BEGIN, .key = story_key(object), .client = STORY_ACCOUNT};
    enum fy_code code = contract_run(c, &begin.op);
    if (code != FY_OK)
        return code;
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, bytes);
    code = contract_run(c, &finish.op);
    if (code != FY_OK)
        (void)contract_fail(c, &begin);
    return code;
}

struct fy_cat_object_delete story_delete(struct contract *c, const char *object, int64_t version)
{
    struct fy_cat_object_delete op = {.op.kind = FY_CAT_OBJECT_DELETE,
                                      .key = story_key(object),
                                      .client = STORY_ACCOUNT,
                                      .op_id = "rm",
                                      .version = version};
    c->clock.now_ms += 10;
    (void)contract_run(c, &op.op);
    return op;
}

enum fy_code story_rm(struct contract *c, const char *object, int64_t version)
{
    return story_delete(c, object, version).op.code;
}

struct fy_cat_register story_register(struct contract *c, const char *object, const char *bytes,
                                      int64_t version)
{
    struct fy_cat_register op = {.op.kind = FY_CAT_REGISTER,
                                 .key = story_key(object),
                                 .client = STORY_ACCOUNT,
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

struct fy_cat_apply story_order(struct contract *c, enum fy_action action, const char *bytes)
{
    struct fy_cat_apply op = contract_order(c, action, STORY_ACCOUNT, STORY_NAME, "o", bytes, 0);
    c->clock.now_ms += 10;
    op.order.stamp = contract_stamp(c->clock.now_ms - CONTRACT_T0, CONTRACT_OTHER);
    assert_true(fy_text_copy(op.order.account, sizeof op.order.account, STORY_ACCOUNT));
    return op;
}

void story_apply(struct contract *c, enum fy_action action, const char *bytes)
{
    struct fy_cat_apply op = story_order(c, action, bytes);
    op.order.overwrites = true;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_int_equal(op.verdict, FY_VERDICT_APPLY);
    assert_false(op.conflict);
}

/* ------------------------------------------------------------------ what is there */

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

struct story story_of(struct contract *c)
{
    struct story story = {.count = 0};
    const struct fy_version_query query = version_query(STORY_ACCOUNT, STORY_NAME, true, 99);
    assert_int_equal(fy_catalogue_version_list(c->catalogue, &query, tell, &story, &c->err), FY_OK);
    for (size_t index = 1; index < story.count; index++)
        assert_true(story.numbers[index] < story.numbers[index - 1]);
    return story;
}

void story_expect(struct contract *c, const char *story)
{
    assert_string_equal(story_of(c).text, story);
    const struct fy_container_info kept = contract_info(c, STORY_ACCOUNT, STORY_NAME);
    struct fy_cat_touch touch = {
        .op.kind = FY_CAT_TOUCH, .account = STORY_ACCOUNT, .name = STORY_NAME, .recount = true};
    assert_int_equal(contract_run(c, &touch.op), FY_OK);
    const struct fy_container_info counted = contract_info(c, STORY_ACCOUNT, STORY_NAME);
    assert_int_equal(kept.objects, counted.objects);
    assert_int_equal(kept.bytes, counted.bytes);
}

struct fy_object_row story_object(struct contract *c, const char *object)
{
    struct fy_object_row row;
    struct fy_object_key key = story_key(object);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    return row;
}

struct fy_object_row story_version(struct contract *c, const char *object, int64_t version)
{
    struct fy_object_row row;
    struct fy_object_key key = story_key(object);
    assert_int_equal(fy_catalogue_version_get(c->catalogue, &key, version, &row, &c->err), FY_OK);
    return row;
}

int64_t story_seen(struct contract *c, const char *object)
{
    struct fy_object_row row;
    struct fy_object_key key = story_key(object);
    enum fy_code code = fy_catalogue_object_get(c->catalogue, &key, &row, &c->err);
    if (code == FY_ENOTFOUND)
        return -1;
    assert_int_equal(code, FY_OK);
    return row.reg.status == FY_STATUS_READY ? row.size : -1;
}

void story_expect_orders(struct contract *c, const char *expected)
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
