/* oio_json_test.c - which bodies OpenIO's operations take, and what is read from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/oio_json.h"

static const char *value_of(const struct fy_oio_body *body, const char *key)
{
    for (size_t i = 0; i < body->count; i++)
        if (strcmp(body->properties[i].key, key) == 0)
            return body->properties[i].value != NULL ? body->properties[i].value : "(null)";
    return "(absent)";
}

static enum fy_code properties(const char *text, bool checked, struct fy_oio_body *body)
{
    struct fy_err err = {0};
    return fy_oio_json_properties(text, strlen(text), checked, body, &err);
}

static void nothing_and_any_json_pass_the_parser(void **state)
{
    (void)state;
    static const char *const good[] = {"", "null", "[]", "{}", "1", "\"x\"", " {\"a\":[]} "};
    static const char *const bad[] = {"{", "x", "[1,]", "{}{}", " ", "'a'"};
    for (size_t i = 0; i < FY_COUNT_OF(good); i++)
        assert_int_equal(fy_oio_json_check(good[i], strlen(good[i]), NULL), FY_OK);
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_int_equal(fy_oio_json_check(bad[i], strlen(bad[i]), NULL), FY_EINPUT);
}

static void properties_have_two_sections(void **state)
{
    (void)state;
    struct fy_oio_body body;
    assert_int_equal(properties("{\"system\":{\"sys.m2.quota\":\"5\",\"user.x\":\"2\"},"
                                "\"properties\":{\"a\":\"1\",\"b\":null,\"sys.q\":\"\"},\"z\":[1]}",
                                true, &body),
                     FY_OK);
    assert_int_equal(body.count, 5);
    assert_string_equal(value_of(&body, "sys.m2.quota"), "5");
    assert_string_equal(value_of(&body, "user.x"), "2");
    assert_string_equal(value_of(&body, "user.a"), "1");
    assert_string_equal(value_of(&body, "user.b"), "(null)");
    assert_string_equal(value_of(&body, "user.sys.q"), "");
    fy_oio_body_done(&body);
}

static void a_body_of_properties_may_be_nothing(void **state)
{
    (void)state;
    static const char *const none[] = {"", "null", "{}", "{\"system\":null}",
                                       "{\"system\":{},\"properties\":{}}"};
    for (size_t i = 0; i < FY_COUNT_OF(none); i++) {
        struct fy_oio_body body;
        assert_int_equal(properties(none[i], true, &body), FY_OK);
        assert_int_equal(body.count, 0);
        fy_oio_body_done(&body);
    }
}

static void values_are_texts_or_null(void **state)
{
    (void)state;
    static const char *const bad[] = {"[1]",
                                      "{",
                                      "1",
                                      "\"x\"",
                                      "true",
                                      "{\"properties\":[]}",
                                      "{\"system\":\"x\"}",
                                      "{\"properties\":{\"n\":1}}",
                                      "{\"properties\":{\"n\":true}}",
                                      "{\"properties\":{\"n\":[]}}",
                                      "{\"properties\":{\"n\":{}}}",
                                      "{\"system\":{\"sys.n\":1}}",
                                      "{\"properties\":{\"\":\"1\"}}",
                                      "{\"properties\":{\"n\":\"\\u0000\"}}"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        struct fy_oio_body body;
        assert_int_equal(properties(bad[i], false, &body), FY_EINPUT);
        assert_null(body.tree);
        assert_null(body.properties);
    }
}

/* Only when they are set: nobody looks at them when a container is made. */
static void system_keys_have_a_prefix_when_they_are_checked(void **state)
{
    (void)state;
    struct fy_oio_body body;
    assert_int_equal(properties("{\"system\":{\"quota\":\"1\"}}", true, &body), FY_EINPUT);
    assert_int_equal(properties("{\"system\":{\"quota\":\"1\"}}", false, &body), FY_OK);
    assert_string_equal(value_of(&body, "quota"), "1");
    fy_oio_body_done(&body);
}

static void keys_to_remove_are_an_array_of_texts(void **state)
{
    (void)state;
    struct fy_oio_body body;
    static const char text[] = "[\"a\",\"sys.account\"]";
    assert_int_equal(fy_oio_json_keys(text, strlen(text), &body, NULL), FY_OK);
    assert_string_equal(value_of(&body, "user.a"), "(null)");
    assert_string_equal(value_of(&body, "user.sys.account"), "(null)");
    fy_oio_body_done(&body);
    assert_int_equal(fy_oio_json_keys("[]", 2, &body, NULL), FY_OK);
    assert_int_equal(body.count, 0);
    fy_oio_body_done(&body);
    static const char *const bad[] = {"", "null", "{\"a\":1}", "[1]", "[null]", "[\"a\",[]]", "["};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_int_equal(fy_oio_json_keys(bad[i], strlen(bad[i]), &body, NULL), FY_EINPUT);
}

static enum fy_code many_of(const char *text, struct fy_oio_many *many)
{
    struct fy_err err = {0};
    return fy_oio_json_many(text, strlen(text), many, &err);
}

static void several_containers_have_a_name_each(void **state)
{
    (void)state;
    struct fy_oio_many many;
    assert_int_equal(many_of("{\"containers\":[{\"name\":\"x\",\"properties\":{\"a\":\"1\"}},"
                             "{\"name\":\"y\",\"system\":{\"sys.b\":\"2\"}}]}",
                             &many),
                     FY_OK);
    assert_int_equal(many.count, 2);
    assert_string_equal(many.items[0].name, "x");
    assert_string_equal(value_of(&many.items[0].body, "user.a"), "1");
    assert_string_equal(value_of(&many.items[1].body, "sys.b"), "2");
    fy_oio_many_done(&many);
    assert_int_equal(many_of("{\"containers\":[]}", &many), FY_OK);
    assert_int_equal(many.count, 0);
    fy_oio_many_done(&many);
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"containers\":{}}",
        "{\"containers\":[1]}",
        "{\"containers\":[{}]}",
        "{\"containers\":[{\"name\":1}]}",
        "{\"containers\":[{\"name\":\"y\",\"properties\":{\"a\":1}}]}"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_int_equal(many_of(bad[i], &many), FY_EINPUT);
}

static void over_a_hundred_containers_are_too_many(void **state)
{
    (void)state;
    struct fy_buf text;
    struct fy_oio_many many;
    fy_buf_init(&text, 8192);
    fy_buf_text(&text, "{\"containers\":[{\"name\":\"0\"}");
    for (int i = 1; i < FY_OIO_MANY_MAX; i++)
        fy_buf_printf(&text, ",{\"name\":\"%d\"}", i);
    size_t good_bytes = text.size_bytes;
    fy_buf_text(&text, "]}");
    assert_int_equal(many_of(text.bytes, &many), FY_OK);
    assert_int_equal(many.count, FY_OIO_MANY_MAX);
    fy_oio_many_done(&many);
    text.size_bytes = good_bytes;
    fy_buf_text(&text, ",{\"name\":\"one more\"}]}");
    assert_int_equal(many_of(text.bytes, &many), FY_ETOOBIG);
    fy_buf_done(&text);
}

static void a_target_has_two_texts(void **state)
{
    (void)state;
    char account[FY_CLIENT_BYTES_MAX + 1], container[FY_BUCKET_BYTES_MAX + 1];
    static const char good[] = "{\"account\":\"A2\",\"container\":\"c2\",\"seq_num\":1}";
    assert_int_equal(fy_oio_json_target(good, strlen(good), account, container, NULL), FY_OK);
    assert_string_equal(account, "A2");
    assert_string_equal(container, "c2");
    static const char *const bad[] = {"",
                                      "null",
                                      "[]",
                                      "{\"account\":\"A2\"}",
                                      "{\"account\":1,\"container\":\"c2\"}",
                                      "{\"account\":\"A2\",\"container\":null}"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_int_equal(fy_oio_json_target(bad[i], strlen(bad[i]), account, container, NULL),
                         FY_EINPUT);
}

static enum fy_code content(const char *text, const char *mime_type, char *metadata)
{
    return fy_oio_json_content(text, strlen(text), mime_type, metadata, NULL);
}

static void a_description_is_chunks_and_properties(void **state)
{
    (void)state;
    char metadata[FY_METADATA_BYTES_MAX + 1];
    assert_int_equal(content("{\"chunks\":[{\"url\":\"u\"}],\"properties\":{\"b\":\"2\",\"a\":"
                             "\"1\",\"c\":null,\"d\":\"\"}}",
                             "text/plain", metadata),
                     FY_OK);
    assert_string_equal(metadata, "{\"a\":\"1\",\"b\":\"2\",\"mime-type\":\"text/plain\"}");
    assert_int_equal(content("[]", "", metadata), FY_OK);
    assert_string_equal(metadata, "{}");
    assert_int_equal(content("", "", metadata), FY_OK);
    assert_int_equal(content("1", "", metadata), FY_EINPUT);
    assert_int_equal(content("{\"properties\":{\"a\":1}}", "", metadata), FY_EINPUT);
    assert_int_equal(content("{\"properties\":[]}", "", metadata), FY_EINPUT);
}

/* The ';' of a charset may not stand in metadata. */
static void a_mime_type_comes_back_as_it_was_given(void **state)
{
    (void)state;
    char metadata[FY_METADATA_BYTES_MAX + 1], mime_type[64];
    struct fy_buf json;
    fy_buf_init(&json, 256);
    assert_int_equal(
        content("{\"properties\":{\"a\":\"1\"}}", "text/html; charset=\"utf-8\"", metadata), FY_OK);
    assert_true(fy_oio_metadata_print(metadata, &json, mime_type, sizeof(mime_type)));
    assert_string_equal(json.bytes, "{\"a\":\"1\"}");
    assert_string_equal(mime_type, "text/html; charset=\"utf-8\"");
    fy_buf_clear(&json);
    assert_false(
        fy_oio_metadata_print("{\"mime-type\":\"50%\"}", &json, mime_type, sizeof(mime_type)));
    assert_string_equal(json.bytes, "{}");
    assert_string_equal(mime_type, "50%");
    assert_false(fy_oio_metadata_print("", NULL, mime_type, sizeof(mime_type)));
    assert_string_equal(mime_type, "");
    fy_buf_done(&json);
}

static void properties_of_an_object_have_a_bound(void **state)
{
    (void)state;
    char metadata[FY_METADATA_BYTES_MAX + 1];
    struct fy_buf text;
    fy_buf_init(&text, (size_t)2 * FY_METADATA_BYTES_MAX);
    fy_buf_text(&text, "{\"properties\":{\"a\":\"");
    while (text.size_bytes < FY_METADATA_BYTES_MAX + 20)
        fy_buf_text(&text, "x");
    fy_buf_text(&text, "\"}}");
    assert_int_equal(content(text.bytes, "", metadata), FY_ETOOBIG);
    fy_buf_done(&text);
}

static void changes_of_an_objects_properties_name_them_as_they_are(void **state)
{
    (void)state;
    struct fy_oio_body body;
    static const char set[] = "{\"properties\":{\"a\":\"1\",\"b\":null,\"c\":\"\"},\"x\":1}";
    assert_int_equal(fy_oio_json_content_set(set, strlen(set), &body, NULL), FY_OK);
    assert_string_equal(value_of(&body, "a"), "1");
    assert_string_equal(value_of(&body, "b"), "(null)");
    assert_string_equal(value_of(&body, "c"), "(null)");
    fy_oio_body_done(&body);
    static const char *const deletes[] = {"[\"a\"]", "{\"properties\":[\"a\"]}"};
    for (size_t i = 0; i < FY_COUNT_OF(deletes); i++) {
        assert_int_equal(fy_oio_json_content_del(deletes[i], strlen(deletes[i]), &body, NULL),
                         FY_OK);
        assert_int_equal(body.count, 1);
        assert_string_equal(value_of(&body, "a"), "(null)");
        fy_oio_body_done(&body);
    }
    static const char *const bad[] = {"", "1", "{}", "{\"properties\":{}}", "[1]"};
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        assert_int_equal(fy_oio_json_content_del(bad[i], strlen(bad[i]), &body, NULL), FY_EINPUT);
    static const char *const bad_set[] = {"", "[]", "{\"properties\":{\"a\":1}}"};
    for (size_t i = 0; i < FY_COUNT_OF(bad_set); i++)
        assert_int_equal(fy_oio_json_content_set(bad_set[i], strlen(bad_set[i]), &body, NULL),
                         FY_EINPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_and_any_json_pass_the_parser),
        cmocka_unit_test(properties_have_two_sections),
        cmocka_unit_test(a_body_of_properties_may_be_nothing),
        cmocka_unit_test(values_are_texts_or_null),
        cmocka_unit_test(system_keys_have_a_prefix_when_they_are_checked),
        cmocka_unit_test(keys_to_remove_are_an_array_of_texts),
        cmocka_unit_test(several_containers_have_a_name_each),
        cmocka_unit_test(over_a_hundred_containers_are_too_many),
        cmocka_unit_test(a_target_has_two_texts),
        cmocka_unit_test(a_description_is_chunks_and_properties),
        cmocka_unit_test(a_mime_type_comes_back_as_it_was_given),
        cmocka_unit_test(properties_of_an_object_have_a_bound),
        cmocka_unit_test(changes_of_an_objects_properties_name_them_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
