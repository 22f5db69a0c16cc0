/* catalogue_contract_damage.c - damaged bodies: marked, shunned, mended; the scan that looks for
 * them. */
#include <string.h>

#include "tests/contract/catalogue_contract.h"

/* What who has hashed the object's body found. */
static struct fy_cat_damage found(struct contract *c, const char *object, enum fy_damage damage)
{
    struct fy_object_row row = contract_object(c, "bucket-1", object);
    struct fy_cat_damage op = {.op.kind = FY_CAT_DAMAGE, .damage = damage};
    op.body.id = row.body_id;
    op.body.digest = row.reg.digest;
    memcpy(op.body.blob_ref, row.blob_ref, sizeof op.body.blob_ref);
    return op;
}

static bool mark(struct contract *c, const char *object, enum fy_damage damage, int64_t scan)
{
    struct fy_cat_damage op = found(c, object, damage);
    op.scan = scan;
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.news;
}

static enum fy_code mend(struct contract *c, const char *bytes, const char *from,
                         char blob_ref[static FY_BLOB_REF_BYTES_MAX + 1])
{
    struct fy_cat_mend op = {.op.kind = FY_CAT_MEND, .size = (int64_t)strlen(bytes)};
    contract_digest(bytes, &op.digest);
    contract_blob(c, op.blob_ref);
    assert_true(fy_text_copy(op.from, sizeof op.from, from));
    memcpy(blob_ref, op.blob_ref, sizeof op.blob_ref);
    return contract_run(c, &op.op);
}

struct damages {
    size_t count;
    struct fy_damage_row row[4]; /* the first of them */
};

static bool damage_step(void *arg, const struct fy_damage_row *row)
{
    struct damages *damages = arg;
    if (damages->count < FY_COUNT_OF(damages->row))
        damages->row[damages->count] = *row;
    damages->count++;
    return true;
}

static struct damages damages_of(struct contract *c, int64_t scan)
{
    struct damages damages = {.count = 0};
    const struct fy_damage_filter filter = {.scan = scan, .limit = 99};
    assert_int_equal(
        fy_catalogue_damage_list(c->catalogue, &filter, damage_step, &damages, &c->err), FY_OK);
    return damages;
}

static int64_t body_that_look_gives(struct contract *c, const char *bytes)
{
    struct fy_cat_apply order =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "other", bytes, 10);
    struct fy_cat_look look = {.order = &order.order};
    assert_int_equal(fy_catalogue_look(c->catalogue, &look, 1, &c->err), FY_OK);
    return look.body_id;
}

static void setup_objects(struct contract *c)
{
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o1", "same"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o2", "same"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o3", "well"), FY_OK);
}

static void damaged_body_is_known_by_all_its_objects_and_linked_to_by_none(void **state)
{
    struct contract *c = *state;
    setup_objects(c);
    int64_t body_id = contract_object(c, "bucket-1", "o1").body_id;
    assert_int_equal(body_that_look_gives(c, "same"), body_id);
    assert_true(mark(c, "o1", FY_DAMAGE_HASH, 0));
    assert_true(contract_object(c, "bucket-1", "o1").damaged);
    assert_true(contract_object(c, "bucket-1", "o2").damaged);
    assert_false(contract_object(c, "bucket-1", "o3").damaged);
    assert_int_equal(contract_totals(c).damaged_bodies, 1);
    assert_int_equal(body_that_look_gives(c, "same"), 0);
    struct fy_cat_apply link =
        contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o4", NULL, 10);
    link.link_body_id = body_id; /* it looked before */
    assert_int_equal(contract_run(c, &link.op), FY_ENOTFOUND);
}

static void what_was_found_is_told_once_as_news_and_stays_listed(void **state)
{
    struct contract *c = *state;
    setup_objects(c);
    assert_true(mark(c, "o1", FY_DAMAGE_SIZE, 0));
    c->clock.now_ms += 5;
    assert_false(mark(c, "o1", FY_DAMAGE_MISSING, 7)); /* a scan meets it as well */
    assert_true(mark(c, "o3", FY_DAMAGE_HASH, 7));
    assert_false(mark(c, "o3", FY_DAMAGE_HASH, 0)); /* a reader after it does not claim it */
    struct damages damages = damages_of(c, 7);
    assert_int_equal(damages.count, 2);
    assert_true(damages.row[0].body.id < damages.row[1].body.id);
    /* Ids are given in no order. */
    int64_t body_id = contract_object(c, "bucket-1", "o1").body_id;
    const struct fy_damage_row *o1 = &damages.row[damages.row[0].body.id == body_id ? 0 : 1];
    assert_int_equal(o1->body.id, body_id);
    assert_int_equal(o1->damage, FY_DAMAGE_MISSING);
    assert_int_equal(o1->found_ms, CONTRACT_T0);
    assert_int_equal(o1->mended_ms, 0);
    assert_int_equal(o1->body.size, 4);
    assert_int_equal(damages_of(c, 8).count, 0);
    assert_int_equal(damages_of(c, -1).count, 2);
}

/* The copy that was looked at has given way to another: nobody has looked at that one. */
static void mark_of_an_older_copy_says_nothing_of_the_newer(void **state)
{
    struct contract *c = *state;
    setup_objects(c);
    struct fy_cat_damage late = found(c, "o1", FY_DAMAGE_HASH);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o5", "same"), FY_OK);
    assert_int_equal(contract_run(c, &late.op), FY_OK);
    assert_true(late.stale);
    assert_false(late.news);
    assert_false(contract_object(c, "bucket-1", "o1").damaged);
    assert_int_equal(damages_of(c, -1).count, 0);
}

static void mended_body_has_the_new_copy_for_all_its_objects(void **state)
{
    struct contract *c = *state;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    setup_objects(c);
    struct fy_object_row before = contract_object(c, "bucket-1", "o1");
    (void)mark(c, "o1", FY_DAMAGE_HASH, 3);
    size_t orders = contract_outbox_count(c);
    c->clock.now_ms += 5;
    assert_int_equal(mend(c, "same", CONTRACT_OTHER, blob_ref), FY_OK);
    struct fy_object_row after = contract_object(c, "bucket-1", "o2");
    assert_string_equal(after.blob_ref, blob_ref);
    assert_int_equal(after.body_id, before.body_id);
    assert_false(after.damaged);
    assert_int_equal(contract_outbox_count(c), orders);
    assert_int_equal(contract_object(c, "bucket-1", "o1").reg.stamp.time, before.reg.stamp.time);
    assert_int_equal(contract_totals(c).damaged_bodies, 0);
    struct damages damages = damages_of(c, 3);
    assert_int_equal(damages.count, 1);
    assert_int_equal(damages.row[0].mended_ms, c->clock.now_ms);
    assert_string_equal(damages.row[0].from, CONTRACT_OTHER);
    assert_int_equal(body_that_look_gives(c, "same"), before.body_id);
}

static void bytes_that_are_uploaded_again_mend_as_well(void **state)
{
    struct contract *c = *state;
    setup_objects(c);
    (void)mark(c, "o1", FY_DAMAGE_MISSING, 3);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o9", "same"), FY_OK);
    assert_false(contract_object(c, "bucket-1", "o1").damaged);
    struct damages damages = damages_of(c, -1);
    assert_int_not_equal(damages.row[0].mended_ms, 0);
    assert_string_equal(damages.row[0].from, "");
}

static void body_that_is_found_well_is_no_longer_damaged(void **state)
{
    struct contract *c = *state;
    setup_objects(c);
    (void)mark(c, "o1", FY_DAMAGE_MISSING, 3);
    assert_false(mark(c, "o1", FY_DAMAGE_NONE, 4));
    assert_false(contract_object(c, "bucket-1", "o1").damaged);
    assert_true(mark(c, "o1", FY_DAMAGE_HASH, 5)); /* news again */
}

/* Nobody has the body any more when its copy arrives. */
static void copy_that_nobody_needs_is_trash(void **state)
{
    struct contract *c = *state;
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    enum fy_blob_standing standing = FY_BLOB_ORPHAN;
    assert_int_equal(mend(c, "gone", CONTRACT_OTHER, blob_ref), FY_ENOTFOUND);
    assert_int_equal(fy_catalogue_blob_standing(c->catalogue, blob_ref, "a boot that is dead",
                                                &standing, &c->err),
                     FY_OK);
    assert_int_equal(standing, FY_BLOB_TRASH);
}

static void swept_body_takes_what_was_found_with_it(void **state)
{
    struct contract *c = *state;
    setup_objects(c);
    (void)mark(c, "o3", FY_DAMAGE_HASH, 3);
    assert_int_equal(contract_rm(c, "client-1", "bucket-1", "o3"), FY_OK);
    contract_forget_deleted(c);
    assert_int_equal(contract_sweep(c), 1);
    assert_int_equal(damages_of(c, -1).count, 0);
    assert_int_equal(contract_totals(c).damaged_bodies, 0);
}

/* ------------------------------------------------------------------ bodies */

struct bodies {
    size_t count;
    struct fy_body_row row[4];
};

static bool body_step(void *arg, const struct fy_body_row *row)
{
    struct bodies *bodies = arg;
    assert_true(bodies->count < FY_COUNT_OF(bodies->row));
    bodies->row[bodies->count++] = *row;
    return true;
}

static bool key_step(void *arg, const struct fy_object_key *key, int64_t version)
{
    assert_int_equal(version, 0);
    size_t *count = arg;
    assert_string_equal(key->account, "client-1");
    assert_string_equal(key->bucket, "bucket-1");
    assert_true(strcmp(key->object, "o1") == 0 || strcmp(key->object, "o2") == 0);
    (*count)++;
    return true;
}

static void bodies_are_listed_by_id_with_the_objects_that_have_them(void **state)
{
    struct contract *c = *state;
    struct bodies bodies = {.count = 0};
    size_t names = 0;
    setup_objects(c);
    assert_int_equal(fy_catalogue_body_list(c->catalogue, 0, 99, body_step, &bodies, &c->err),
                     FY_OK);
    assert_int_equal(bodies.count, 2);
    assert_true(bodies.row[0].id < bodies.row[1].id);
    struct fy_object_row object = contract_object(c, "bucket-1", "o1");
    const struct fy_body_row *body = &bodies.row[bodies.row[0].id == object.body_id ? 0 : 1];
    assert_string_equal(body->blob_ref, object.blob_ref);
    assert_true(fy_digest_equal(&body->digest, &object.reg.digest));
    assert_int_equal(
        fy_catalogue_body_objects(c->catalogue, body->id, 9, key_step, &names, &c->err), FY_OK);
    assert_int_equal(names, 2);
    names = 0;
    assert_int_equal(
        fy_catalogue_body_objects(c->catalogue, body->id, 1, key_step, &names, &c->err), FY_OK);
    assert_int_equal(names, 1);
    int64_t after_id = bodies.row[0].id;
    bodies.count = 0;
    assert_int_equal(
        fy_catalogue_body_list(c->catalogue, after_id, 99, body_step, &bodies, &c->err), FY_OK);
    assert_int_equal(bodies.count, 1);
}

/* ------------------------------------------------------------------ the scan */

static struct fy_cat_scan scan_of(enum fy_scan_action action, const char *bucket, bool mends)
{
    struct fy_cat_scan scan = {.op.kind = FY_CAT_SCAN, .action = action, .row.mends = mends};
    assert_true(fy_text_copy(scan.row.bucket, sizeof scan.row.bucket, bucket));
    return scan;
}

static struct fy_scan_row scan_now(struct contract *c)
{
    struct fy_scan_row row;
    assert_int_equal(fy_catalogue_scan_get(c->catalogue, &row, &c->err), FY_OK);
    return row;
}

static void one_scan_runs_at_a_time(void **state)
{
    struct contract *c = *state;
    assert_int_equal(scan_now(c).number, 0);
    struct fy_cat_scan take = scan_of(FY_SCAN_TAKE, "", false);
    assert_int_equal(contract_run(c, &take.op), FY_ENOTFOUND);
    struct fy_cat_scan first = scan_of(FY_SCAN_START, "bucket-1", true);
    assert_int_equal(contract_run(c, &first.op), FY_OK);
    assert_int_equal(first.row.number, 1);
    struct fy_cat_scan again = scan_of(FY_SCAN_START, "bucket-1", true);
    assert_int_equal(contract_run(c, &again.op), FY_OK);
    assert_int_equal(again.row.number, 1); /* it is the one that runs */
    struct fy_cat_scan other = scan_of(FY_SCAN_START, "bucket-1", false);
    assert_int_equal(contract_run(c, &other.op), FY_EEXISTS);
    struct fy_cat_scan stop = scan_of(FY_SCAN_STOP, "", false);
    assert_int_equal(contract_run(c, &stop.op), FY_OK);
    assert_int_equal(contract_run(c, &stop.op), FY_ENOTFOUND);
    assert_int_equal(scan_now(c).state, FY_SCAN_STOPPED);
    assert_int_equal(contract_run(c, &other.op), FY_OK);
    assert_int_equal(other.row.number, 2);
}

static void scan_goes_on_where_it_was_in_another_process(void **state)
{
    struct contract *c = *state;
    struct fy_cat_scan scan = scan_of(FY_SCAN_START, "", true);
    assert_int_equal(contract_run(c, &scan.op), FY_OK);
    scan.action = FY_SCAN_TAKE;
    assert_int_equal(contract_run(c, &scan.op), FY_OK);
    scan.action = FY_SCAN_SAVE;
    scan.row.after_id = 77;
    scan.row.bodies = 5;
    scan.row.damaged = 2;
    assert_int_equal(contract_run(c, &scan.op), FY_OK);
    contract_reopen(c);
    assert_int_equal(contract_run(c, &scan.op), FY_ECANCELLED); /* not this process's */
    struct fy_cat_scan taken = scan_of(FY_SCAN_TAKE, "", false);
    assert_int_equal(contract_run(c, &taken.op), FY_OK);
    assert_int_equal(taken.row.after_id, 77);
    assert_int_equal(taken.row.bodies, 5);
    assert_true(taken.row.mends);
    taken.action = FY_SCAN_SAVE;
    taken.row.state = FY_SCAN_DONE;
    assert_int_equal(contract_run(c, &taken.op), FY_OK);
    assert_int_equal(scan_now(c).state, FY_SCAN_DONE);
    assert_int_equal(scan_now(c).ended_ms, c->clock.now_ms);
    assert_int_equal(scan_now(c).damaged, 2);
}

/* Whoever does it learns that with what it saves next, and does not save it. */
static void stopped_scan_is_not_gone_on_with(void **state)
{
    struct contract *c = *state;
    struct fy_cat_scan scan = scan_of(FY_SCAN_START, "", true);
    assert_int_equal(contract_run(c, &scan.op), FY_OK);
    scan.action = FY_SCAN_TAKE;
    assert_int_equal(contract_run(c, &scan.op), FY_OK);
    struct fy_cat_scan stop = scan_of(FY_SCAN_STOP, "", false);
    assert_int_equal(contract_run(c, &stop.op), FY_OK);
    scan.action = FY_SCAN_SAVE;
    scan.row.bodies = 9;
    assert_int_equal(contract_run(c, &scan.op), FY_ECANCELLED);
    assert_int_equal(scan_now(c).bodies, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_damage(void)
{
    const struct CMUnitTest tests[] = {
        TEST(damaged_body_is_known_by_all_its_objects_and_linked_to_by_none),
        TEST(what_was_found_is_told_once_as_news_and_stays_listed),
        TEST(mark_of_an_older_copy_says_nothing_of_the_newer),
        TEST(mended_body_has_the_new_copy_for_all_its_objects),
        TEST(bytes_that_are_uploaded_again_mend_as_well),
        TEST(body_that_is_found_well_is_no_longer_damaged),
        TEST(copy_that_nobody_needs_is_trash),
        TEST(swept_body_takes_what_was_found_with_it),
        TEST(bodies_are_listed_by_id_with_the_objects_that_have_them),
        TEST(one_scan_runs_at_a_time),
        TEST(scan_goes_on_where_it_was_in_another_process),
        TEST(stopped_scan_is_not_gone_on_with),
    };
    return cmocka_run_group_tests_name("catalogue damage", tests, NULL, NULL);
}
