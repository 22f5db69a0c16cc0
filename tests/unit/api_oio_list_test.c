/* api_oio_list_test.c - how much OpenIO's answers hold: pages, and heads full of properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/core/names.h"
#include "tests/support/api_fixture.h"

static int set_up(void **state)
{
    struct api_fixture *f = api_fixture_full(fy_tables_api, fy_tables_api_count, API_SITE);
    strcpy(f->config->oio_namespace, "OPENIO");
    f->config->oio_versions = 1;
    *state = f;
    return 0;
}

#define C "/v3.0/OPENIO/container/"

static struct http_answer call(struct api_fixture *f, const char *method, const char *path,
                               const char *body, int status)
{
    struct http_answer answer = http_call(f->port, method, path, NULL, body);
    if (answer.status != status)
        fail_msg("%s %.200s: %d %.300s", method, path, answer.status, answer.body);
    return answer;
}

static json_t *call_json(struct api_fixture *f, const char *method, const char *path,
                         const char *body)
{
    struct http_answer answer = call(f, method, path, body, 200);
    json_t *json = json_loadb(answer.body, answer.body_bytes, 0, NULL);
    assert_non_null(json);
    http_answer_free(&answer);
    return json;
}

static void done(struct http_answer answer)
{
    http_answer_free(&answer);
}

/* ------------------------------------------------------------------ heads */

static void give_properties(struct api_fixture *f, const char *path, int count, size_t value_bytes)
{
    struct fy_buf body;
    char *value = fy_alloc(value_bytes + 1);
    memset(value, 'v', value_bytes);
    fy_buf_init(&body, FY_OIO_BODY_BYTES_MAX);
    fy_buf_text(&body, "{\"properties\":{");
    for (int i = 0; i < count; i++) {
        char key[24];
        (void)snprintf(key, sizeof key, "k%04d", i);
        fy_buf_json_str(&body, key, value);
    }
    fy_buf_text(&body, "}}");
    assert_false(body.overflow);
    done(call(f, "POST", path, body.bytes, 200));
    fy_buf_done(&body);
    free(value);
}

static size_t count_headers(const struct http_answer *answer, const char *prefix)
{
    size_t count = 0;
    for (const char *at = answer->head; (at = strstr(at, prefix)) != NULL; at++)
        count++;
    return count;
}

/* Nobody is told less: the body has them all. */
static void headers_of_users_that_do_not_fit_are_left_out_of_a_list(void **state)
{
    struct api_fixture *f = *state;
    done(call(f, "POST", C "create?acct=A&ref=c", NULL, 201));
    give_properties(f, C "set_properties?acct=A&ref=c", 2000, 100);

    struct http_answer answer = call(f, "GET", C "list?acct=A&ref=c", NULL, 200);
    size_t headers = count_headers(&answer, "\r\nx-oio-container-meta-user-");
    assert_in_range(headers, 1, 200);
    assert_non_null(http_header(&answer, "x-oio-container-meta-sys-m2-usage"));
    assert_null(http_header(&answer, "x-oio-container-meta-x-schema-version"));
    json_t *json = json_loadb(answer.body, answer.body_bytes, 0, NULL);
    assert_int_equal(json_object_size(json_object_get(json, "properties")), 2000);
    json_decref(json);
    http_answer_free(&answer);

    answer = call(f, "GET", C "show?acct=A&ref=c", NULL, 200);
    assert_int_equal(count_headers(&answer, "\r\nx-oio-container-meta-user-"), 0);
    assert_string_equal(http_header(&answer, "x-oio-container-meta-x-schema-version"), "1.8");
    http_answer_free(&answer);
    json = call_json(f, "POST", C "get_properties?acct=A&ref=c", "[]");
    assert_int_equal(json_object_size(json_object_get(json, "properties")), 2000);
    json_decref(json);
}

/* A property that alone is over any head is in the bodies, and hides no other. */
static void one_property_may_be_larger_than_a_head(void **state)
{
    struct api_fixture *f = *state;
    done(call(f, "POST", C "create?acct=A&ref=c", NULL, 201));
    give_properties(f, C "set_properties?acct=A&ref=c", 1, 100000);
    done(call(f, "POST", C "set_properties?acct=A&ref=c", "{\"properties\":{\"small\":\"1\"}}",
              200));
    struct http_answer answer = call(f, "GET", C "list?acct=A&ref=c", NULL, 200);
    assert_null(http_header(&answer, "x-oio-container-meta-user-k0000"));
    assert_string_equal(http_header(&answer, "x-oio-container-meta-user-small"), "1");
    http_answer_free(&answer);
}

/* ------------------------------------------------------------------ pages */

#define NAMES      250
#define NAME_BYTES 1020 /* of a byte that JSON writes as six */

/* In the order of their bytes; percent-encoded. */
static void encoded_name(int number, char out[static 3 * NAME_BYTES + 8])
{
    char name[NAME_BYTES + 8];
    memset(name, 1, NAME_BYTES);
    (void)snprintf(name, 4, "%03d", number);
    name[3] = 1;
    name[NAME_BYTES] = '\0';
    assert_true(fy_percent_encode(name, false, out, 3 * NAME_BYTES + 8));
}

static void fill(struct api_fixture *f)
{
    char name[3 * NAME_BYTES + 8];
    char path[4096];
    for (int i = 0; i < NAMES; i++) {
        encoded_name(i, name);
        (void)snprintf(path, sizeof path, "/ferry/v1/content?acct=A&ref=c&path=%s", name);
        struct http_answer answer =
            http_call(f->port, "PUT", path, "x-clonecloudstore-client-id: A\r\n", "x");
        assert_int_equal(answer.status, 201);
        http_answer_free(&answer);
    }
}

/* Whatever max says: the client follows the marker, and sees each name once. */
static void a_page_ends_at_its_bytes_and_goes_on_after_its_marker(void **state)
{
    struct api_fixture *f = *state;
    char path[8192], marker[4096] = "", name[3 * NAME_BYTES + 8];
    done(call(f, "POST", C "create?acct=A&ref=c", NULL, 201));
    fill(f);
    size_t seen = 0;
    int pages = 0;
    for (bool more = true; more; pages++) {
        (void)snprintf(path, sizeof path, C "list?acct=A&ref=c&max=10000&properties=1&marker=%s",
                       marker);
        struct http_answer answer = call(f, "GET", path, NULL, 200);
        assert_true(answer.body_bytes < (2 << 20));
        more = strcmp(http_header(&answer, "x-oio-list-truncated"), "true") == 0;
        json_t *json = json_loadb(answer.body, answer.body_bytes, 0, NULL);
        seen += json_array_size(json_object_get(json, "objects"));
        json_decref(json);
        if (more) {
            encoded_name((int)seen - 1, name);
            assert_string_equal(http_header(&answer, "x-oio-list-marker"), name);
            (void)snprintf(marker, sizeof marker, "%s", name);
        } else {
            assert_null(http_header(&answer, "x-oio-list-marker"));
        }
        http_answer_free(&answer);
    }
    assert_int_equal(seen, NAMES);
    assert_in_range(pages, 2, 5);
}

/* A request whose head leaves no room for the marker gets an answer, and not a cut connection. */
static void a_list_whose_marker_has_no_room_is_400(void **state)
{
    struct api_fixture *f = *state;
    char name[3 * NAME_BYTES + 8], *path = fy_alloc(32 << 10);
    done(call(f, "POST", C "create?acct=A&ref=c", NULL, 201));
    fill(f);
    encoded_name(7, name);
    (void)snprintf(path, 32 << 10, C "list?acct=A&ref=c&max=1&prefix=0&marker=%s", name);
    done(call(f, "GET", path, NULL, 200));
    (void)snprintf(path, 32 << 10, C "list?acct=A&ref=c&max=1&marker=%s&x=%s%s%s%s", name, name,
                   name, name, name);
    done(call(f, "GET", path, NULL, 400));
    free(path);
}

/* ------------------------------------------------------------------ chosen by hash */

static void a_hash_chooses_objects_with_that_body(void **state)
{
    struct api_fixture *f = *state;
    static const char one[] = /* SHA-256 of "1" */
        "x-oio-list-content-hash: "
        "6B86B273FF34FCE19D6B804EFF5A3F5747ADA4EAA22F1D49C01E52DDB7875B4B\r\n";
    static const char none[] = "x-oio-list-content-hash: d41d8cd98f00b204e9800998ecf8427e\r\n";
    done(call(f, "POST", C "create?acct=A&ref=c", NULL, 201));
    static const char *const puts[][2] = {{"a", "1"}, {"b", "2"}, {"c", "1"}};
    char id[64] = "";
    for (size_t i = 0; i < FY_COUNT_OF(puts); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/ferry/v1/content?acct=A&ref=c&path=%s", puts[i][0]);
        struct http_answer answer =
            http_call(f->port, "PUT", path, "x-clonecloudstore-client-id: A\r\n", puts[i][1]);
        assert_int_equal(answer.status, 201);
        http_answer_free(&answer);
    }
    struct http_answer answer = http_call(f->port, "GET", C "list?acct=A&ref=c", one, NULL);
    assert_int_equal(answer.status, 200);
    json_t *json = json_loadb(answer.body, answer.body_bytes, 0, NULL);
    const json_t *objects = json_object_get(json, "objects");
    assert_int_equal(json_array_size(objects), 2);
    const json_t *last = json_array_get(objects, 1);
    assert_string_equal(json_string_value(json_object_get(last, "name")), "c");
    (void)snprintf(id, sizeof id, "%s", json_string_value(json_object_get(last, "id")));
    json_decref(json);
    http_answer_free(&answer);

    answer = http_call(f->port, "GET", C "list?acct=A&ref=c&max=1", one, NULL);
    assert_string_equal(http_header(&answer, "x-oio-list-truncated"), "true");
    assert_string_equal(http_header(&answer, "x-oio-list-marker"), "a");
    http_answer_free(&answer);

    answer = http_call(f->port, "GET", C "list?acct=A&ref=c", none, NULL);
    assert_int_equal(answer.status, 404);
    assert_non_null(strstr(answer.body, "\"status\":420"));
    http_answer_free(&answer);

    char header[128];
    (void)snprintf(header, sizeof header, "x-oio-list-chunk-id: %s\r\n", id);
    answer = http_call(f->port, "GET", C "list?acct=A&ref=c&chunks=1", header, NULL);
    json = json_loadb(answer.body, answer.body_bytes, 0, NULL);
    objects = json_object_get(json, "objects");
    assert_int_equal(json_array_size(objects), 1);
    const json_t *chunk = json_array_get(json_object_get(json_array_get(objects, 0), "chunks"), 0);
    assert_string_equal(json_string_value(json_object_get(chunk, "pos")), "0");
    assert_non_null(strstr(json_string_value(json_object_get(chunk, "url")),
                           "/ferry/v1/content?acct=A&ref=c&path=c&version="));
    json_decref(json);
    http_answer_free(&answer);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, api_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(headers_of_users_that_do_not_fit_are_left_out_of_a_list),
        TEST(one_property_may_be_larger_than_a_head),
        TEST(a_page_ends_at_its_bytes_and_goes_on_after_its_marker),
        TEST(a_list_whose_marker_has_no_room_is_400),
        TEST(a_hash_chooses_objects_with_that_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
