/* oio_event_json_test.c - changes of containers and objects as OpenIO's clients read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/adapters/oio_event_json.h"
#include "common/core/digest.h"
#include "common/core/oio.h"

#define CID  "6FB5C3D8E1F4A70B2C9D3E5F6A7B8C9D0E1F2A3B4C5D6E7F8091A2B3C4D5E6F7"
#define GUID "00000000000000000000000000"
#define HEAD                                                                                       \
    "\"when\":1533286343746147,\"url\":{\"ns\":\"OPENIO\",\"account\":\"A\",\"user\":\"c\","       \
    "\"id\":"                                                                                      \
    "\"" CID "\""

static struct fy_oio_event event_of(enum fy_oio_kind kind)
{
    return (struct fy_oio_event){.kind = kind,
                                 .when_us = 1533286343746147,
                                 .ns = "OPENIO",
                                 .account = "A",
                                 .container = "c",
                                 .cid = CID};
}

static struct fy_oio_content content_of(const char *metadata)
{
    return (struct fy_oio_content){.name = "dir/o",
                                   .version = 1533286343746147,
                                   .id = GUID,
                                   .created_ms = 1533286343746,
                                   .changed_ms = 1533286344999,
                                   .size = 5,
                                   .hash = "1ab2",
                                   .metadata = metadata};
}

static void expect(struct fy_buf *buf, const char *expected)
{
    assert_false(buf->overflow);
    assert_string_equal(buf->bytes, expected);
    fy_buf_done(buf);
}

static struct fy_buf new_buf(void)
{
    struct fy_buf buf;
    fy_buf_init(&buf, FY_OIO_EVENT_BYTES_MAX);
    return buf;
}

/* ------------------------------------------------------------------ containers */

static void a_state_has_the_sums_and_where_they_are(void **state)
{
    (void)state;
    struct fy_buf buf = new_buf();
    struct fy_oio_event event = event_of(FY_OIO_CONTAINER_STATE);
    event.request_id = "R1";
    event.origin = "";
    fy_oio_state_write(&event, 1533286343746, 3, 15, &buf);
    expect(&buf, "{\"event\":\"storage.container.state\"," HEAD
                 "},\"request_id\":\"R1\",\"data\":{\"bucket\":null,\"policy\":null,\"ctime\":"
                 "1533286343746000,\"bytes-count\":15,\"bytes-details\":{\"NONE\":15},"
                 "\"object-count\":3,\"objects-details\":{\"NONE\":3}}}");
}

static void a_container_of_a_bucket_says_so(void **state)
{
    (void)state;
    struct fy_buf buf = new_buf();
    struct fy_oio_event event = event_of(FY_OIO_CONTAINER_DELETED);
    event.bucket = "b";
    fy_oio_state_write(&event, 1, 0, 0, &buf);
    expect(&buf, "{\"event\":\"storage.container.deleted\"," HEAD
                 ",\"bucket\":\"b\"},\"data\":{\"bucket\":\"b\",\"policy\":null,\"ctime\":1000,"
                 "\"bytes-count\":0,\"bytes-details\":{\"NONE\":0},\"object-count\":0,"
                 "\"objects-details\":{\"NONE\":0}}}");
}

static void services_are_one_or_none(void **state)
{
    (void)state;
    struct fy_buf buf = new_buf();
    struct fy_oio_event event = event_of(FY_OIO_SERVICES);
    event.origin = "curl";
    fy_oio_services_write(&event, "paris", &buf);
    expect(&buf, "{\"event\":\"account.services\"," HEAD
                 "},\"origin\":\"curl\",\"data\":[{\"type\":\"meta2\",\"host\":\"paris\"}]}");
    buf = new_buf();
    fy_oio_services_write(&event, NULL, &buf);
    expect(&buf, "{\"event\":\"account.services\"," HEAD "},\"origin\":\"curl\",\"data\":[]}");
}

static void properties_are_the_clients_without_prefix_and_the_systems(void **state)
{
    (void)state;
    const struct fy_property properties[] = {
        {"user.a", "1"}, {"sys.m2.quota", "7"}, {"user.b", ""}, {"user.c", NULL}};
    struct fy_oio_event event = event_of(FY_OIO_CONTAINER_UPDATE);
    struct fy_buf buf = new_buf();
    assert_int_equal(fy_oio_properties_write(&event, NULL, properties, 4, 0, &buf), 4);
    expect(&buf, "{\"event\":\"storage.container.update\"," HEAD
                 "},\"data\":{\"system\":{\"sys.m2.quota\":\"7\"},\"properties\":{\"a\":\"1\","
                 "\"b\":\"\",\"c\":null},\"bucket\":null}}");
    event.kind = FY_OIO_CONTAINER_NEW;
    buf = new_buf();
    assert_int_equal(fy_oio_properties_write(&event, "paris", properties, 4, 0, &buf), 4);
    expect(&buf, "{\"event\":\"storage.container.new\"," HEAD
                 "},\"data\":{\"system\":{\"sys.m2.quota\":\"7\"},\"properties\":{\"a\":\"1\"},"
                 "\"peers\":[\"paris\"],"
                 "\"bucket\":null}}");
}

/* A broker would not take it as one record. */
static void properties_that_are_too_many_go_on_in_the_next_event(void **state)
{
    (void)state;
    enum { COUNT = 100, BYTES = 20000 };
    struct fy_property properties[COUNT];
    char keys[COUNT][16];
    char *value = test_malloc(BYTES + 1);
    memset(value, 'x', BYTES);
    value[BYTES] = '\0';
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "user.%zu", i);
        properties[i] = (struct fy_property){keys[i], value};
    }
    struct fy_oio_event event = event_of(FY_OIO_CONTAINER_UPDATE);
    size_t events = 0, seen = 0;
    for (size_t at = 0; at < COUNT; events++) {
        struct fy_buf buf = new_buf();
        size_t next = fy_oio_properties_write(&event, NULL, properties, COUNT, at, &buf);
        assert_true(next > at);
        assert_false(buf.overflow);
        json_t *tree = json_loads(buf.bytes, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(tree);
        seen += json_object_size(json_object_get(json_object_get(tree, "data"), "properties"));
        json_decref(tree);
        fy_buf_done(&buf);
        at = next;
    }
    assert_int_equal(seen, COUNT);
    assert_int_equal(events, 3); /* 2 MB in events of 768 KiB */
    test_free(value);
}

static void a_property_that_fits_no_event_is_left_out(void **state)
{
    (void)state;
    char *value = test_malloc(FY_PROPERTIES_BYTES_MAX + 1);
    memset(value, '\n', FY_PROPERTIES_BYTES_MAX); /* two bytes each in JSON */
    value[FY_PROPERTIES_BYTES_MAX] = '\0';
    const struct fy_property properties[] = {{"user.a", "1"}, {"user.b", value}, {"user.c", "3"}};
    struct fy_oio_event event = event_of(FY_OIO_CONTAINER_UPDATE);
    struct fy_buf buf = new_buf();
    assert_int_equal(fy_oio_properties_write(&event, NULL, properties, 3, 0, &buf), 2);
    assert_non_null(strstr(buf.bytes, "\"properties\":{\"a\":\"1\"}"));
    fy_buf_clear(&buf);
    assert_int_equal(fy_oio_properties_write(&event, NULL, properties, 3, 2, &buf), 3);
    assert_non_null(strstr(buf.bytes, "\"properties\":{\"c\":\"3\"}"));
    fy_buf_done(&buf);
    test_free(value);
}

/* ------------------------------------------------------------------ contents */

static void a_content_is_its_alias_its_header_and_its_properties(void **state)
{
    (void)state;
    struct fy_oio_content content = content_of("{\"k\":\"v\",\"mime-type\":\"text/plain\"}");
    struct fy_oio_event event = event_of(FY_OIO_CONTENT_NEW);
    struct fy_buf buf = new_buf();
    event.content = &content;
    assert_int_equal(fy_oio_content_parts(&content), 1);
    fy_oio_content_write(&event, 0, 1, &buf);
    expect(&buf,
           "{\"event\":\"storage.content.new\"," HEAD
           ",\"path\":\"dir/o\",\"content\":\"00000000000000000000000000000000\",\"version\":"
           "\"1533286343746147\"},\"data\":[{\"type\":\"aliases\",\"name\":\"dir/o\",\"version\":"
           "1533286343746147,\"ctime\":1533286343,\"mtime\":1533286344,\"deleted\":false,"
           "\"header\":\"00000000000000000000000000000000\"},{\"type\":\"contents_headers\",\"id\":"
           "\"00000000000000000000000000000000\",\"hash\":\"1AB2\",\"size\":5,\"policy\":\"NONE\","
           "\"chunk-method\":\"plain/nb_copy=1\",\"mime-type\":\"text/plain\"},{\"type\":"
           "\"properties\",\"alias\":\"dir/o\",\"version\":1533286343746147,\"key\":\"k\","
           "\"value\":\"v\"}],\"part\":0,\"parts\":1}");
}

static void what_is_erased_has_its_chunk(void **state)
{
    (void)state;
    struct fy_oio_content content = content_of("");
    struct fy_oio_event event = event_of(FY_OIO_CONTENT_DELETED);
    struct fy_buf buf = new_buf();
    event.content = &content;
    fy_oio_content_write(&event, 0, 1, &buf);
    assert_non_null(strstr(buf.bytes, "{\"type\":\"chunks\",\"id\":"
                                      "\"00000000000000000000000000000000\",\"pos\":\"0\",\"hash\":"
                                      "\"1AB2\",\"size\":5}]"));
    assert_non_null(strstr(buf.bytes, "\"mime-type\":\"application/octet-stream\""));
    fy_buf_done(&buf);
}

static void a_delete_marker_is_an_alias_alone(void **state)
{
    (void)state;
    struct fy_oio_content content = content_of("{\"k\":\"v\"}");
    struct fy_oio_event event = event_of(FY_OIO_CONTENT_NEW);
    struct fy_buf buf = new_buf();
    content.marker = true;
    event.content = &content;
    fy_oio_content_write(&event, 0, fy_oio_content_parts(&content), &buf);
    assert_non_null(strstr(buf.bytes, "\"content\":\"44454C45544544\""));
    assert_non_null(strstr(buf.bytes, "\"deleted\":true,\"header\":\"44454C45544544\"}],\"part\":0,"
                                      "\"parts\":1}"));
    fy_buf_done(&buf);
}

/* Each property repeats the longest name there is, in the form that takes most. */
static void many_properties_of_an_object_are_told_in_parts(void **state)
{
    (void)state;
    enum { COUNT = 350 };
    char name[FY_OBJECT_BYTES_MAX + 1];
    memset(name, '\x1f', FY_OBJECT_BYTES_MAX);
    name[FY_OBJECT_BYTES_MAX] = '\0';
    struct fy_buf metadata = new_buf();
    fy_buf_text(&metadata, "{");
    for (unsigned i = 0; i < COUNT; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%u", i);
        fy_buf_json_str(&metadata, key, "");
    }
    fy_buf_text(&metadata, "}");
    assert_true(metadata.size_bytes <= FY_METADATA_BYTES_MAX);
    struct fy_oio_content content = content_of(metadata.bytes);
    struct fy_oio_event event = event_of(FY_OIO_CONTENT_UPDATE);
    content.name = name;
    event.content = &content;
    size_t parts = fy_oio_content_parts(&content), items = 0;
    assert_int_equal(parts, 4);
    for (size_t part = 0; part < parts; part++) {
        struct fy_buf buf = new_buf();
        fy_oio_content_write(&event, part, parts, &buf);
        assert_false(buf.overflow);
        json_t *tree = json_loads(buf.bytes, 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(tree, "part")), part);
        items += json_array_size(json_object_get(tree, "data"));
        json_decref(tree);
        fy_buf_done(&buf);
    }
    assert_int_equal(items, COUNT + 2);
    fy_buf_done(&metadata);
}

/* ------------------------------------------------------------------ ids and hashes */

static void an_id_is_its_sixteen_bytes(void **state)
{
    (void)state;
    char text[FY_OIO_ID_DIGITS + 1];
    char guid[FY_GUID_DIGITS + 1];
    const uint8_t bytes[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                               0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    fy_base32hex(bytes, sizeof bytes, guid);
    fy_oio_id_print(guid, text);
    assert_string_equal(text, "00112233445566778899AABBCCDDEEFF");
    fy_oio_id_print("", text);
    assert_string_equal(text, "00000000000000000000000000000000");
}

static void a_hash_is_upper_case_hexadecimal_in_whatever_form_it_came(void **state)
{
    (void)state;
    char text[FY_HASH_BYTES_MAX + 1], form[FY_HASH_BYTES_MAX + 1];
    struct fy_digest digest;
    memset(digest.bytes, 0xab, sizeof digest.bytes);
    fy_digest_print_base32hex(&digest, form);
    fy_oio_hash_print(form, text);
    fy_digest_print_hex(&digest, true, form);
    assert_string_equal(text, form);
    fy_digest_print_hex(&digest, false, form);
    fy_oio_hash_print(form, text);
    fy_digest_print_hex(&digest, true, form);
    assert_string_equal(text, form);
    fy_oio_hash_print("d41d8cd98f00b204e9800998ecf8427e", text);
    assert_string_equal(text, "D41D8CD98F00B204E9800998ECF8427E");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_has_the_sums_and_where_they_are),
        cmocka_unit_test(a_container_of_a_bucket_says_so),
        cmocka_unit_test(services_are_one_or_none),
        cmocka_unit_test(properties_are_the_clients_without_prefix_and_the_systems),
        cmocka_unit_test(properties_that_are_too_many_go_on_in_the_next_event),
        cmocka_unit_test(a_property_that_fits_no_event_is_left_out),
        cmocka_unit_test(a_content_is_its_alias_its_header_and_its_properties),
        cmocka_unit_test(what_is_erased_has_its_chunk),
        cmocka_unit_test(a_delete_marker_is_an_alias_alone),
        cmocka_unit_test(many_properties_of_an_object_are_told_in_parts),
        cmocka_unit_test(an_id_is_its_sixteen_bytes),
        cmocka_unit_test(a_hash_is_upper_case_hexadecimal_in_whatever_form_it_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
