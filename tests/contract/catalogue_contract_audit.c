/* catalogue_contract_audit.c - all rows held against each other; bodies, for who looks at files. */
#include <stdio.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

/* What an audit says, one after the other. */
struct said {
    char text[1024];
    unsigned count;
    unsigned wanted; /* 0: all */
};

static bool note(void *arg, const char *check, const char *about, const char *text)
{
    struct said *said = arg;
    size_t used = strlen(said->text);
    (void)snprintf(said->text + used, sizeof said->text - used, "%s %s: %s\n", check, about, text);
    said->count++;
    return said->count != said->wanted;
}

/* An audit that must find nothing; what there is. */
static struct fy_catalogue_totals sound(struct contract *c)
{
    struct said said = {.count = 0};
    struct fy_catalogue_totals counted = {.containers = -1};
    assert_int_equal(fy_catalogue_audit(c->catalogue, &counted, note, &said, &c->err), FY_OK);
    assert_string_equal(said.text, "");
    return counted;
}

static void wait_for(struct contract *c, const char *object, enum fy_wait_state state)
{
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", object, "bytes", 10);
    struct fy_cat_wait wait = {.op.kind = FY_CAT_WAIT,
                               .row = {.direction = FY_IN,
                                       .state = state,
                                       .reason = FY_SRC_NOT_FOUND,
                                       .order = apply.order,
                                       .due_ms = CONTRACT_T0 + 1000}};
    assert_int_equal(contract_run(c, &wait.op), FY_OK);
}

static void rows_of_all_that_a_site_does_agree(void **state)
{
    struct contract *c = *state;
    assert_int_equal(sound(c).containers, 0);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-2"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "same"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "same"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o3", "other"), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o3"), FY_OK);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-2"), FY_OK);
    /* An object in a bucket that nobody made, a conflict, orders that wait, an upload. */
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-3", "o", "bytes", 10),
                     FY_OK);
    assert_int_equal(
        contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o2", "newer", 60000), FY_OK);
    wait_for(c, "o8", FY_WAITING);
    wait_for(c, "o9", FY_DEAD);
    struct fy_cat_upload_begin begin = contract_begin("client-1", "bucket-1", "o4");
    assert_int_equal(contract_run(c, &begin.op), FY_OK);

    struct fy_catalogue_totals totals = contract_totals(c);
    struct fy_catalogue_totals counted = sound(c);
    assert_int_equal(counted.containers, 2);
    assert_int_equal(counted.objects, 3);
    assert_int_equal(counted.bytes, strlen("same") + strlen("newer") + strlen("bytes"));
    assert_int_equal(counted.outbox_orders, totals.outbox_orders);
    assert_int_equal(counted.events, totals.events);
    assert_int_equal(counted.conflicts, 1);
    assert_int_equal(counted.waiting_orders, 1);
    assert_int_equal(counted.dead_orders, 1);
    assert_int_equal(counted.kept_objects, 1);
    assert_int_equal(counted.kept_bytes, totals.kept_bytes);

    contract_forget_deleted(c);
    assert_int_equal(contract_sweep(c), 1);
    contract_outbox_clear(c);
    assert_int_equal(sound(c).outbox_orders, 0);
}

/* More rows than fit on a page of each walk. */
static void audit_reads_all_pages(void **state)
{
    enum { OBJECTS = 700 };
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    for (int i = 0; i < OBJECTS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "o%d", i);
        assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", name, name, 1),
                         FY_OK);
    }
    assert_int_equal(sound(c).objects, OBJECTS);
}

static void audit_says_what_does_not_agree(void **state)
{
    struct contract *c = *state;
    struct said said = {.count = 0};
    struct fy_catalogue_totals counted;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "one"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "three"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o3", "unnamed"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o4", "emptied"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-2"), FY_OK);
    contract_close(c);
    c->factory->exec(c->place, "UPDATE object SET size = 7 WHERE name = 'o1'");
    c->factory->exec(c->place, "UPDATE object SET status = 204 WHERE name = 'o2'");
    c->factory->exec(c->place, "DELETE FROM object WHERE name = 'o3'");
    c->factory->exec(c->place, "UPDATE object SET body_id = NULL WHERE name = 'o4'");
    c->factory->exec(c->place, "UPDATE container SET there = 0 WHERE name = 'bucket-2'");
    c->factory->exec(c->place, "INSERT INTO trash SELECT blob_ref, 1 FROM body WHERE size = 3");
    contract_open(c);
    assert_int_equal(fy_catalogue_audit(c->catalogue, &counted, note, &said, &c->err), FY_OK);
    static const char *const wanted[] = {
        "object.body client-1/bucket-1/o1: has 7 bytes, its body 3\n",
        "object.body client-1/bucket-1/o2: is not READY and holds a body\n",
        "object.body client-1/bucket-1/o4: is READY and its body has no row\n",
        "bucket.there client-1/bucket-2: is said to be gone, which it is not\n",
        ": is in trash, and a body row names it\n",
        ": is referenced by nothing, and the sweep does not know of it\n",
        "bucket.sums client-1/bucket-1: counts 4 objects of 22 bytes, and its rows make 2 of 14\n",
        "sum buckets: is 2, and its rows make 1\n",
        "sum objects: is 4, and its rows make 2\n",
        "sum bytes: is 22, and its rows make 14\n",
    };
    for (size_t i = 0; i < FY_COUNT_OF(wanted); i++)
        if (strstr(said.text, wanted[i]) == NULL)
            fail_msg("%snot said: %s", said.text, wanted[i]);
    assert_int_equal(said.count, FY_COUNT_OF(wanted) + 1); /* two bodies are forgotten */

    said = (struct said){.wanted = 2};
    assert_int_equal(fy_catalogue_audit(c->catalogue, &counted, note, &said, &c->err), FY_OK);
    assert_int_equal(said.count, 2); /* and the audit ended there */
}

struct bodies {
    struct fy_body_row rows[8];
    size_t count;
};

static bool body_step(void *arg, const struct fy_body_row *row)
{
    struct bodies *bodies = arg;
    bodies->rows[bodies->count++] = *row;
    return bodies->count < 8;
}

static void bodies_are_listed_by_id(void **state)
{
    struct contract *c = *state;
    struct bodies bodies = {.count = 0};
    struct fy_digest digest;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "one"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "three"), FY_OK);
    assert_int_equal(
        fy_catalogue_body_list(c->catalogue, 0, UINT32_MAX, body_step, &bodies, &c->err), FY_OK);
    assert_int_equal(bodies.count, 2);
    assert_true(bodies.rows[0].id < bodies.rows[1].id);
    struct fy_object_row row = contract_object(c, "bucket-1", "o2");
    const struct fy_body_row *last = &bodies.rows[row.body_id == bodies.rows[1].id];
    assert_int_equal(last->size, strlen("three"));
    contract_digest("three", &digest);
    assert_memory_equal(&last->digest, &digest, sizeof digest);
    assert_string_equal(last->blob_ref, row.blob_ref);

    int64_t first_id = bodies.rows[0].id;
    bodies.count = 0;
    assert_int_equal(fy_catalogue_body_list(c->catalogue, first_id, 1, body_step, &bodies, &c->err),
                     FY_OK);
    assert_int_equal(bodies.count, 1);
    assert_true(bodies.rows[0].id > first_id);
}

static bool key_step(void *arg, const struct fy_object_key *key, int64_t version)
{
    struct said *said = arg;
    char name[64];
    (void)snprintf(name, sizeof name, version == 0 ? "%s" : "%s@%lld", key->object,
                   (long long)version);
    return note(said, key->account, key->bucket, name);
}

static void body_knows_its_objects(void **state)
{
    struct contract *c = *state;
    struct said said = {.count = 0};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "same"), FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o2", "same", 10),
                     FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o3", "other"), FY_OK);
    int64_t id = contract_object(c, "bucket-1", "o1").body_id;
    assert_int_equal(fy_catalogue_body_objects(c->catalogue, id, 9, key_step, &said, &c->err),
                     FY_OK);
    assert_int_equal(said.count, 2);
    assert_non_null(strstr(said.text, "client-1 bucket-1: o1\n"));
    assert_non_null(strstr(said.text, "client-1 bucket-1: o2\n"));
    said = (struct said){.count = 0};
    assert_int_equal(fy_catalogue_body_objects(c->catalogue, id, 1, key_step, &said, &c->err),
                     FY_OK);
    assert_int_equal(said.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_audit(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_of_all_that_a_site_does_agree),
        TEST(audit_reads_all_pages),
        TEST(audit_says_what_does_not_agree),
        TEST(bodies_are_listed_by_id),
        TEST(body_knows_its_objects),
    };
    return cmocka_run_group_tests_name("catalogue: audit", tests, NULL, NULL);
}
