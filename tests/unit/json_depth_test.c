/* json_depth_test.c - JSON of others is refused by its depth before a parser that recurses sees it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/container_json.h"
#include "common/adapters/json_fields.h"
#include "common/core/buf.h"

#define DEEP 2000 /* jansson itself takes 2048; a thread with a small stack does not */

struct thing {
    char name[32];
};
static const struct fy_json_field fields[] = {
    FY_JSON_FIELD(struct thing, "name", FY_JSON_TEXT, true, name)};

/* {"name":"n","x":[[[...]]]} */
static void deep_object(struct fy_buf *json, int depth)
{
    fy_buf_init(json, 64 << 10);
    fy_buf_text(json, "{\"name\":\"n\",\"x\":");
    for (int i = 0; i < depth; i++)
        fy_buf_text(json, "[");
    for (int i = 0; i < depth; i++)
        fy_buf_text(json, "]");
    fy_buf_text(json, "}");
}

static void flat_fields_are_not_read_from_a_deep_body(void **state)
{
    (void)state;
    struct fy_buf json;
    struct fy_err err = {0};
    struct thing thing = {""};
    deep_object(&json, DEEP);
    assert_int_equal(
        fy_json_fields_read(json.bytes, json.size_bytes, fields, FY_COUNT_OF(fields), &thing, &err),
        FY_EINPUT);
    fy_buf_done(&json);
    deep_object(&json, 3);
    assert_int_equal(
        fy_json_fields_read(json.bytes, json.size_bytes, fields, FY_COUNT_OF(fields), &thing, &err),
        FY_OK);
    assert_string_equal(thing.name, "n");
    fy_buf_done(&json);
}

static void a_container_is_not_read_from_a_deep_description(void **state)
{
    (void)state;
    struct fy_buf json;
    struct fy_err err = {0};
    struct fy_container_json row = {0};
    deep_object(&json, DEEP);
    assert_int_equal(fy_container_json_parse(json.bytes, json.size_bytes, &row, &err), FY_EINPUT);
    fy_buf_done(&json);
    deep_object(&json, 3);
    assert_int_equal(fy_container_json_parse(json.bytes, json.size_bytes, &row, &err), FY_OK);
    fy_buf_done(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_fields_are_not_read_from_a_deep_body),
        cmocka_unit_test(a_container_is_not_read_from_a_deep_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
