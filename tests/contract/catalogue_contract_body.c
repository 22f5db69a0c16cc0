/* catalogue_contract_body.c - bodies: linked, let go, swept; what ages out. */
#include <stdio.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

struct blobs {
    char text[512];
    unsigned count;
};

static bool blob_step(void *arg, const char *blob_ref)
{
    struct blobs *blobs = arg;
    size_t used = strlen(blobs->text);
    (void)snprintf(blobs->text + used, sizeof blobs->text - used, "%s ", strrchr(blob_ref, '.'));
    blobs->count++;
    return true;
}

static struct blobs trash(struct contract *c, int64_t now_ms)
{
    struct blobs blobs = {.count = 0};
    assert_int_equal(fy_catalogue_trash_due(c->catalogue, now_ms, 99, blob_step, &blobs, &c->err),
                     FY_OK);
    return blobs;
}

static uint32_t sweep(struct contract *c)
{
    struct fy_cat_sweep op = {
        .op.kind = FY_CAT_SWEEP, .limit = 99, .now_ms = c->clock.now_ms, .grace_ms = 100};
    contract_forget_deleted(c);
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.moved;
}

static enum fy_blob_standing standing_of(struct contract *c, const char *blob_ref,
                                         const char *boot_id)
{
    enum fy_blob_standing standing = FY_BLOB_ORPHAN;
    assert_int_equal(
        fy_catalogue_blob_standing(c->catalogue, blob_ref, boot_id, &standing, &c->err), FY_OK);
    return standing;
}

static bool is_orphan(struct contract *c, const char *blob_ref, const char *boot_id)
{
    return standing_of(c, blob_ref, boot_id) == FY_BLOB_ORPHAN;
}

static void same_bytes_share_one_body_and_the_older_copy_is_trash(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "same"), FY_OK); /* .1 */
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "same"), FY_OK); /* .2 */
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o3", "same", 10),
                     FY_OK); /* .3 */
    struct fy_object_row first = contract_object(c, "bucket-1", "o1");
    struct fy_object_row second = contract_object(c, "bucket-1", "o2");
    assert_int_equal(second.body_id, first.body_id);
    assert_string_equal(contract_object(c, "bucket-1", "o3").blob_ref, first.blob_ref);
    assert_string_equal(second.blob_ref, first.blob_ref);
    assert_string_equal(strrchr(first.blob_ref, '.'), ".3");
    assert_false(is_orphan(c, first.blob_ref, "a boot that is dead"));
    assert_int_equal(trash(c, c->clock.now_ms + CONTRACT_TRASH_GRACE_MS - 1).count,
                     0); /* who has just read .1 may still open it */
    assert_string_equal(trash(c, c->clock.now_ms + CONTRACT_TRASH_GRACE_MS).text, ".1 .2 ");
    /* The same digest of another size is another body. */
    struct fy_cat_apply other =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o4", "same", 10);
    other.size = 99;
    assert_int_equal(contract_run(c, &other.op), FY_OK);
    assert_int_not_equal(contract_object(c, "bucket-1", "o4").body_id, first.body_id);
}

static void body_is_swept_when_its_last_object_goes(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "same"), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o1");
    struct fy_cat_apply link =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o2", NULL, 10);
    link.link_body_id = row.body_id;
    assert_int_equal(contract_run(c, &link.op), FY_OK);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o1"), FY_OK);
    assert_int_equal(sweep(c), 0);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o2"), FY_OK);
    assert_false(is_orphan(c, row.blob_ref, "a boot that is dead"));
    assert_int_equal(sweep(c), 1);
    assert_int_equal(sweep(c), 0);
    assert_int_equal(trash(c, c->clock.now_ms).count, 0); /* grace */
    assert_string_equal(trash(c, c->clock.now_ms + 100).text, ".1 ");
    assert_false(is_orphan(c, row.blob_ref, "a boot that is dead")); /* trash sees to it */

    const char *const done[] = {row.blob_ref};
    struct fy_cat_trash_done op = {.op.kind = FY_CAT_TRASH_DONE, .blob_refs = done, .count = 1};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    assert_int_equal(trash(c, INT64_MAX).count, 0);
}

static void linked_object_has_the_bodys_size_and_digest(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o1", "hello", 10),
                     FY_OK);
    struct fy_cat_apply link =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o2", NULL, 10);
    link.link_body_id = contract_object(c, "bucket-1", "o1").body_id;
    assert_int_equal(contract_run(c, &link.op), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o2");
    assert_int_equal(row.size, 5);
    assert_string_equal(row.facts.hash, "5jp4reivm2hgs9n87clcbef2jodhc7is3ujk4njj0gpm54sbj0i0");
}

/* Who looks learns where the body should be, so as to see whether it is. */
static void look_tells_where_the_promised_bytes_are(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o1", "hello", 10),
                     FY_OK);
    struct fy_cat_apply order =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o2", "hello", 10);
    struct fy_cat_look look = {.order = &order.order};
    assert_int_equal(fy_catalogue_look(c->catalogue, &look, 1, &c->err), FY_OK);
    struct fy_object_row row = contract_object(c, "bucket-1", "o1");
    assert_int_equal(look.body_id, row.body_id);
    assert_string_equal(look.blob_ref, row.blob_ref);
    order = contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o2", "other", 10);
    look.order = &order.order;
    assert_int_equal(fy_catalogue_look(c->catalogue, &look, 1, &c->err), FY_OK);
    assert_int_equal(look.body_id, 0);
    assert_string_equal(look.blob_ref, "");
}

/* The body was swept between the look and the apply: the linker loses and pulls. */
static void linker_that_comes_after_the_sweep_loses(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o1", "hello", 10),
                     FY_OK);
    struct fy_cat_apply link =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o2", "hello", 10);
    struct fy_cat_look look = {.order = &link.order};
    assert_int_equal(fy_catalogue_look(c->catalogue, &look, 1, &c->err), FY_OK);
    assert_true(look.body_id > 0);
    link.link_body_id = look.body_id;
    link.blob_ref[0] = '\0';
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o1", "hello", 20),
                     FY_OK);
    assert_int_equal(sweep(c), 1);
    assert_int_equal(contract_run(c, &link.op), FY_ENOTFOUND);
    assert_int_equal(contract_status(c, "bucket-1", "o2"), FY_STATUS_UNKNOWN);
    /* Another body never gets the id that the look gave out. */
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o3", "new", 30),
                     FY_OK);
    assert_int_not_equal(contract_object(c, "bucket-1", "o3").body_id, look.body_id);
    assert_int_equal(contract_run(c, &link.op), FY_ENOTFOUND);
}

static void linker_that_comes_before_the_sweep_keeps_the_body(void **state)
{
    struct contract *c = *state;
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o1", "hello", 10),
                     FY_OK);
    int64_t body_id = contract_object(c, "bucket-1", "o1").body_id;
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o1", "hello", 20),
                     FY_OK);
    struct fy_cat_apply link =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o2", NULL, 10);
    link.link_body_id = body_id;
    assert_int_equal(contract_run(c, &link.op), FY_OK);
    assert_int_equal(sweep(c), 0);
    assert_int_equal(contract_object(c, "bucket-1", "o2").body_id, body_id);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o2", "hello", 30),
                     FY_OK);
    assert_int_equal(sweep(c), 1);
}

static void overwritten_body_is_let_go(void **state)
{
    struct contract *c = *state;
    struct fy_cat_purge purge = {
        .op.kind = FY_CAT_PURGE, .conflicts_before_ms = INT64_MAX, .limit = 99};
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "1", 10),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "2", 20),
                     FY_OK);
    assert_int_equal(sweep(c), 0); /* kept as the loser of a conflict */
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(sweep(c), 1);
    assert_int_equal(contract_totals(c).objects, 1);
    assert_int_equal(contract_totals(c).bytes, 1);
}

/* An unknown COMMIT: the publisher comes again with the same body and must not lose its own
 * success. */
static void publisher_that_comes_again_keeps_its_body(void **state)
{
    struct contract *c = *state;
    struct fy_cat_apply apply =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "hello", 10);
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    assert_int_equal(contract_run(c, &apply.op), FY_OK);
    assert_int_equal(apply.verdict, FY_VERDICT_DUPLICATE);
    assert_int_equal(trash(c, INT64_MAX).count, 0);
    /* The loser of a race is trash at once. */
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "late", 5),
                     FY_OK);
    assert_string_equal(trash(c, INT64_MAX).text, ".2 ");
}

static void file_of_a_dead_process_that_no_row_names_is_an_orphan(void **state)
{
    struct contract *c = *state;
    char named[FY_BLOB_REF_BYTES_MAX + 1], boot_id[FY_GUID_DIGITS + 1];
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "hello", 10),
                     FY_OK);
    memcpy(named, contract_object(c, "bucket-1", "o").blob_ref, sizeof named);
    memcpy(boot_id, c->boot_id, sizeof boot_id);
    assert_false(is_orphan(c, "file:00/x.9", boot_id)); /* it may be about to be named */
    contract_reopen(c);
    assert_true(is_orphan(c, "file:00/x.9", boot_id));
    assert_false(is_orphan(c, named, boot_id));
    assert_false(is_orphan(c, "file:00/x.9", c->boot_id));
}

static void tombstones_age_out_and_let_their_bucket_go(void **state)
{
    struct contract *c = *state;
    struct fy_cat_purge purge = {
        .op.kind = FY_CAT_PURGE, .tombstones_before_ms = CONTRACT_T0 + 25, .limit = 1};
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "", NULL, 5),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o1", NULL, 10),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o2", NULL, 20),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-2", "o3", NULL, 30),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-2", "", NULL, 30),
                     FY_OK);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-3", "o4", "x", 1),
                     FY_OK);
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(purge.purged, 1);
    purge.limit = 99;
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(purge.purged, 2); /* o2 and bucket-1 */
    assert_int_equal(contract_run(c, &purge.op), FY_OK);
    assert_int_equal(purge.purged, 0);
    assert_int_equal(contract_container_code(c, "", "bucket-1"), FY_ENOTFOUND);
    assert_int_equal(contract_container_code(c, "", "bucket-2"), FY_OK);
    assert_int_equal(contract_status(c, "bucket-3", "o4"), FY_STATUS_READY);
    struct fy_object_key key = contract_key("client-1", "bucket-2", "o3");
    struct fy_object_row row;
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_body(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_bytes_share_one_body_and_the_older_copy_is_trash),
        TEST(body_is_swept_when_its_last_object_goes),
        TEST(linked_object_has_the_bodys_size_and_digest),
        TEST(look_tells_where_the_promised_bytes_are),
        TEST(linker_that_comes_after_the_sweep_loses),
        TEST(linker_that_comes_before_the_sweep_keeps_the_body),
        TEST(overwritten_body_is_let_go),
        TEST(publisher_that_comes_again_keeps_its_body),
        TEST(file_of_a_dead_process_that_no_row_names_is_an_orphan),
        TEST(tombstones_age_out_and_let_their_bucket_go),
    };
    return cmocka_run_group_tests_name("catalogue bodies", tests, NULL, NULL);
}
