/* api_oio_find_test.c - contents that are found by their id in containers of more versions than one
 * read gives. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/core/oio_words.h"
#include "tests/support/api_fixture.h"

#define CREATE "/v3.0/OPENIO/container/create?acct=A&ref=c"
#define SHOW   "/v3.0/OPENIO/content/show?acct=A&ref=c"
#define DELETE "/v3.0/OPENIO/content/delete?acct=A&ref=c"

/* Names before the one whose versions two reads share. */
#define FIRST_NAMES 10
#define VERSIONS    (FY_OIO_LIST_MAX + 5)

static int set_up(void **state)
{
    struct api_fixture *f = api_fixture_full(fy_tables_api, fy_tables_api_count, API_SITE);
    strcpy(f->config->oio_namespace, "OPENIO");
    f->config->oio_versions = 1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    api_fixture_free(*state);
    return 0;
}

/* ------------------------------------------------------------------ many versions */

/* The id of a version is its number. */
static void id_of(int64_t version, char hex[static 33])
{
    (void)snprintf(hex, 33, "%032llx", (long long)version);
}

static void describe(struct fy_cat_register *op, const char *path, int64_t version)
{
    char hex[33];
    *op = (struct fy_cat_register){.op = {.kind = FY_CAT_REGISTER}, .version = version};
    strcpy(op->key.account, "A");
    strcpy(op->key.bucket, "c");
    strcpy(op->client, "A");
    FY_ASSERT(fy_text_copy(op->key.object, sizeof op->key.object, path));
    id_of(version, hex);
    assert_true(fy_oio_id_parse(hex, op->id));
}

static void is_written(struct fy_cat_op *op)
{
    (void)sem_post(op->arg);
}

/* A transaction's worth at once, which is not waited for one by one. */
static void add_versions(struct api_fixture *f, const char *path, int64_t first, int64_t count)
{
    sem_t written;
    struct fy_cat_register *ops = fy_alloc(FY_CAT_BATCH_MAX * sizeof(*ops));
    assert_int_equal(sem_init(&written, 0, 0), 0);
    while (count > 0) {
        int64_t part = count < FY_CAT_BATCH_MAX ? count : FY_CAT_BATCH_MAX;
        for (int64_t i = 0; i < part; i++) {
            describe(&ops[i], path, first + i);
            ops[i].op.done = is_written;
            ops[i].op.arg = &written;
            fy_catalogue_writer_submit(f->node.writer, &ops[i].op);
        }
        for (int64_t i = 0; i < part; i++)
            while (sem_wait(&written) != 0)
                ;
        for (int64_t i = 0; i < part; i++)
            assert_int_equal(ops[i].op.code, FY_OK);
        first += part;
        count -= part;
    }
    (void)sem_destroy(&written);
    free(ops);
}

/* ------------------------------------------------------------------ what is found */

static void expect(struct api_fixture *f, int64_t version, int http_status, const char *name)
{
    char path[256], hex[33], number[32];
    id_of(version, hex);
    (void)snprintf(path, sizeof path, SHOW "&content=%s", hex);
    struct http_answer answer = http_call(f->port, "GET", path, NULL, NULL);
    assert_int_equal(answer.status, http_status);
    if (name != NULL) {
        (void)snprintf(number, sizeof number, "%lld", (long long)version);
        assert_string_equal(http_header(&answer, "x-oio-content-meta-name"), name);
        assert_string_equal(http_header(&answer, "x-oio-content-meta-version"), number);
    }
    http_answer_free(&answer);
}

/* One read ends in the middle of a name's versions; the next goes on there, not behind the name. */
static void each_version_is_found_whichever_read_has_it(void **state)
{
    struct api_fixture *f = *state;
    struct http_answer answer =
        http_call(f->port, "POST", CREATE, NULL, "{\"system\":{\"sys.m2.policy.version\":\"-1\"}}");
    assert_int_equal(answer.status, 201);
    http_answer_free(&answer);
    for (int64_t i = 1; i <= FIRST_NAMES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "a%02lld", (long long)i);
        add_versions(f, name, i, 1);
    }
    add_versions(f, "many", 1001, VERSIONS);
    add_versions(f, "z", 100001, 1);

    expect(f, 1, 200, "a01");
    expect(f, 1000 + VERSIONS, 200, "many"); /* the newest */
    expect(f, 1001, 200, "many");            /* the oldest, by the second read */
    int64_t cut = 1000 + VERSIONS - (FY_OIO_LIST_MAX - FIRST_NAMES);
    expect(f, cut + 1, 200, "many"); /* the last of the first read */
    expect(f, cut, 200, "many");     /* the first of the second */
    expect(f, 100001, 200, "z");
    expect(f, 100002, 404, NULL);
}

/* ------------------------------------------------------------------ what comes between */

/* The fixture's catalogue, in which somebody writes a name once its versions were listed. */
struct between {
    struct fy_catalogue_ops ops; /* first: the catalogue's, from now on */
    const struct fy_catalogue_ops *real;
    struct api_fixture *f;
    int64_t *id; /* of the content that is written, numbered by the site; then 0: no more */
};

static void write_content(struct api_fixture *f, int64_t id)
{
    struct fy_err err = {0};
    struct fy_cat_register *op = fy_alloc(sizeof(*op));
    describe(op, "a", id);
    op->version = 0;
    assert_int_equal(fy_catalogue_writer_run(f->node.writer, &op->op, &err), FY_OK);
    free(op);
}

static enum fy_code list_then_write(struct fy_catalogue *port, const struct fy_version_query *query,
                                    fy_version_visit_fn *visit, void *arg, struct fy_err *err)
{
    const struct between *between = (const void *)port->ops;
    enum fy_code code = between->real->version_list(port, query, visit, arg, err);
    if (*between->id != 0)
        write_content(between->f, *between->id);
    *between->id = 0;
    return code;
}

static int call(struct api_fixture *f, const char *method, const char *path, const char *body)
{
    struct http_answer answer = http_call(f->port, method, path, NULL, body);
    int status = answer.status;
    http_answer_free(&answer);
    return status;
}

static int by_id(struct api_fixture *f, const char *method, const char *path, int64_t id)
{
    char whole[256], hex[33];
    id_of(id, hex);
    (void)snprintf(whole, sizeof whole, "%s&content=%s", path, hex);
    return call(f, method, whole, NULL);
}

/* written: the content that comes between; 0 none. */
static int delete_while(struct api_fixture *f, int64_t id, int64_t written)
{
    struct fy_catalogue *port = f->node.catalogue;
    struct between between = {.ops = *port->ops, .real = port->ops, .f = f, .id = &written};
    between.ops.version_list = list_then_write;
    port->ops = &between.ops;
    int status = by_id(f, "POST", DELETE, id);
    port->ops = between.real;
    return status;
}

static void a_content_replaced_while_it_is_looked_for_takes_no_other_with_it(void **state)
{
    struct api_fixture *f = *state;
    assert_int_equal(call(f, "POST", CREATE, "{\"system\":{\"sys.m2.policy.version\":\"1\"}}"),
                     201);
    write_content(f, 1);
    assert_int_equal(delete_while(f, 1, 2), 404);
    assert_int_equal(by_id(f, "GET", SHOW, 2), 200);
    assert_int_equal(delete_while(f, 2, 0), 204);
    assert_int_equal(by_id(f, "GET", SHOW, 2), 404);
}

static void a_content_above_which_another_comes_while_it_is_looked_for_goes_alone(void **state)
{
    struct api_fixture *f = *state;
    assert_int_equal(call(f, "POST", CREATE, "{\"system\":{\"sys.m2.policy.version\":\"-1\"}}"),
                     201);
    write_content(f, 1);
    assert_int_equal(delete_while(f, 1, 2), 204);
    assert_int_equal(by_id(f, "GET", SHOW, 1), 404);
    assert_int_equal(call(f, "GET", SHOW "&path=a", NULL), 200); /* no delete marker hides it */
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_version_is_found_whichever_read_has_it),
        TEST(a_content_replaced_while_it_is_looked_for_takes_no_other_with_it),
        TEST(a_content_above_which_another_comes_while_it_is_looked_for_goes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
