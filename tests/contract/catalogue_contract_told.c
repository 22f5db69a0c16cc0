/* catalogue_contract_told.c - what is told of containers, read back from where it waits. */
#include "tests/contract/catalogue_contract_told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/pack.h"

/* ------------------------------------------------------------------ what is told */

static bool take_row(void *arg, const struct fy_event_row *row)
{
    struct told *told = arg;
    struct fy_packed event;
    size_t at = 0, before = told->count;
    while (fy_pack_next(row->packed, row->packed_bytes, &at, &event)) {
        json_t *tree = json_loadb(event.value, event.value_bytes, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(tree);
        assert_true(told->count < TOLD_MAX);
        assert_int_equal(event.key_bytes, FY_OIO_KEY_BYTES);
        memcpy(told->keys[told->count], event.key, event.key_bytes);
        told->events[told->count++] = tree;
    }
    assert_int_equal(at, row->packed_bytes);
    assert_int_equal(told->count - before, row->count);
    told->ids[told->rows++] = row->id;
    return true;
}

struct told *told_of(struct contract *c)
{
    struct told *told = test_calloc(1, sizeof *told);
    assert_int_equal(
        fy_catalogue_events_read(c->catalogue, FY_STREAM_OIO, TOLD_MAX, take_row, told, &c->err),
        FY_OK);
    assert_int_equal(contract_totals(c).oio_events, told->count);
    return told;
}

void told_free(struct told *told)
{
    for (size_t index = 0; index < told->count; index++)
        json_decref(told->events[index]);
    test_free(told);
}

void told_forget(struct contract *c)
{
    struct told *told = told_of(c);
    struct fy_cat_outbox_done op = {
        .op.kind = FY_CAT_EVENTS_DONE, .ids = told->ids, .count = told->rows};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    told_free(told);
    assert_int_equal(contract_totals(c).oio_events, 0);
}

const char *told_text(const json_t *event, const char *section, const char *key)
{
    const json_t *in = section == NULL ? event : json_object_get(event, section);
    const json_t *value = json_object_get(in, key);
    return json_is_string(value) ? json_string_value(value) : "-";
}

int64_t told_number(const struct told *told, size_t index, const char *key)
{
    const json_t *data = json_object_get(told->events[index], "data");
    return json_integer_value(json_object_get(data, key));
}

int64_t told_version(const struct told *told, size_t index)
{
    return strtoll(told_text(told->events[index], "url", "version"), NULL, 10);
}

const json_t *told_item(const struct told *told, size_t index, size_t item)
{
    return json_array_get(json_object_get(told->events[index], "data"), item);
}

/* Of "storage.container.new": "container.new"; of an object with its name. */
static void line_of(const json_t *event, char line[static 96])
{
    static const char prefix[] = "storage.";
    const char *kind = told_text(event, NULL, "event");
    const char *path = told_text(event, "url", "path");
    if (strncmp(kind, prefix, sizeof prefix - 1) == 0)
        kind += sizeof prefix - 1;
    if (strcmp(kind, "account.services") == 0)
        kind = json_array_size(json_object_get(event, "data")) == 0 ? "unlinked" : "linked";
    (void)snprintf(line, 96, "%.40s%s%.40s", kind, path[0] == '-' ? "" : " ",
                   path[0] == '-' ? "" : path);
}

void told_expect(struct contract *c, const char *expected)
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

void told_expect_data(const struct told *told, size_t index, const char *expected)
{
    char *text = json_dumps(json_object_get(told->events[index], "data"),
                            JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    assert_string_equal(text, expected);
    free(text);
}

/* ------------------------------------------------------------------ what happens */

struct fy_cat_asker told_asker(void)
{
    return (struct fy_cat_asker){.request_id = "R1", .origin = "client/9"};
}

void told_make(struct contract *c, const struct fy_property *properties, size_t count)
{
    struct fy_cat_container_make op = {.op.kind = FY_CAT_CONTAINER_MAKE,
                                       .account = TOLD_ACCOUNT,
                                       .name = TOLD_NAME,
                                       .op_id = "op-1",
                                       .asker = told_asker(),
                                       .properties = properties,
                                       .count = count};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

void told_set(struct contract *c, const struct fy_property *properties, size_t count, bool flush)
{
    struct fy_cat_properties op = {.op.kind = FY_CAT_PROPERTIES,
                                   .account = TOLD_ACCOUNT,
                                   .name = TOLD_NAME,
                                   .asker = told_asker(),
                                   .flush = flush,
                                   .properties = properties,
                                   .count = count};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

void told_bucket(struct contract *c)
{
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    told_forget(c);
}

uint32_t told_states(struct contract *c, uint32_t limit)
{
    struct fy_cat_states_tell op = {.op.kind = FY_CAT_STATES_TELL, .limit = limit};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.told;
}

void told_states_come(struct contract *c)
{
    c->clock.now_ms += FY_OIO_STATE_MS;
    while (told_states(c, FY_OIO_STATES_MAX) > 0)
        continue;
}
