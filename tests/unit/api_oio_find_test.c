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

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_version_is_found_whichever_read_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
