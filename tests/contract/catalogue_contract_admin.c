/* catalogue_contract_admin.c - sites, rights, leases, outbox. */
#include <stdio.h>
#include <string.h>

#include "tests/contract/catalogue_contract.h"

/* ------------------------------------------------------------------ sites */

static enum fy_code site(struct contract *c, enum fy_site_action action, const char *id,
                         const char *uri, enum fy_site_status status, bool paused)
{
    struct fy_cat_site op = {
        .op.kind = FY_CAT_SITE, .action = action, .row = {.status = status, .paused = paused}};
    assert_true(fy_text_copy(op.row.id, sizeof op.row.id, id));
    assert_true(fy_text_copy(op.row.name, sizeof op.row.name, id));
    assert_true(fy_text_copy(op.row.uri, sizeof op.row.uri, uri));
    return contract_run(c, &op.op);
}

struct text {
    char text[2048];
};

static bool site_step(void *arg, const struct fy_site_row *row)
{
    struct text *text = arg;
    size_t used = strlen(text->text);
    (void)snprintf(text->text + used, sizeof text->text - used, "%s=%s,%d%s ", row->id, row->uri,
                   row->status, row->paused ? ",paused" : "");
    return true;
}

static struct text sites(struct contract *c)
{
    struct text text = {.text = ""};
    assert_int_equal(fy_catalogue_site_list(c->catalogue, site_step, &text, &c->err), FY_OK);
    return text;
}

static void sites_are_listed_in_the_order_they_came(void **state)
{
    struct contract *c = *state;
    assert_int_equal(site(c, FY_SITE_INSERT, "z", "http://z", FY_SITE_UP, false), FY_OK);
    assert_int_equal(site(c, FY_SITE_INSERT, "a", "http://a", FY_SITE_DOWN, true), FY_OK);
    assert_int_equal(site(c, FY_SITE_INSERT, "a", "http://b", FY_SITE_UP, false), FY_EEXISTS);
    assert_string_equal(sites(c).text, "z=http://z,100 a=http://a,200,paused ");
    assert_int_equal(site(c, FY_SITE_UPDATE, "a", "http://n", FY_SITE_UP, false), FY_OK);
    assert_int_equal(site(c, FY_SITE_PAUSE, "z", "", FY_SITE_UNKNOWN, true), FY_OK);
    assert_string_equal(sites(c).text, "z=http://z,100,paused a=http://n,100,paused ");
    assert_int_equal(site(c, FY_SITE_REMOVE, "z", "", FY_SITE_UNKNOWN, false), FY_OK);
    assert_string_equal(sites(c).text, "a=http://n,100,paused ");
    assert_int_equal(site(c, FY_SITE_INSERT, "z", "http://z", FY_SITE_UP, false), FY_OK);
    assert_string_equal(sites(c).text, "a=http://n,100,paused z=http://z,100 ");
}

static void unknown_sites_are_not_found(void **state)
{
    struct contract *c = *state;
    struct fy_site_row row;
    assert_int_equal(site(c, FY_SITE_UPDATE, "z", "http://z", FY_SITE_UP, false), FY_ENOTFOUND);
    assert_int_equal(site(c, FY_SITE_REMOVE, "z", "", FY_SITE_UP, false), FY_ENOTFOUND);
    assert_int_equal(site(c, FY_SITE_PAUSE, "z", "", FY_SITE_UP, true), FY_ENOTFOUND);
    assert_int_equal(fy_catalogue_site_get(c->catalogue, "z", &row, &c->err), FY_ENOTFOUND);
    assert_int_equal(site(c, FY_SITE_INSERT, "z", "http://z", FY_SITE_UP, false), FY_OK);
    assert_int_equal(fy_catalogue_site_get(c->catalogue, "z", &row, &c->err), FY_OK);
    assert_string_equal(row.uri, "http://z");
}

static void there_is_a_last_site(void **state)
{
    struct contract *c = *state;
    char id[16];
    for (int index = 0; index < FY_SITES_MAX; index++) {
        (void)snprintf(id, sizeof id, "s%d", index);
        assert_int_equal(site(c, FY_SITE_INSERT, id, "http://h", FY_SITE_UP, false), FY_OK);
    }
    assert_int_equal(site(c, FY_SITE_INSERT, "more", "http://h", FY_SITE_UP, false), FY_ETOOBIG);
}

/* ------------------------------------------------------------------ target sites */

static enum fy_code set_targets(struct contract *c, const char *client, const char *bucket,
                                const char *targets)
{
    struct fy_cat_targets op = {.op.kind = FY_CAT_TARGETS, .targets = targets};
    assert_true(fy_text_copy(op.client, sizeof op.client, client));
    assert_true(fy_text_copy(op.bucket, sizeof op.bucket, bucket));
    return contract_run(c, &op.op);
}

static void expect_targets(struct contract *c, const char *bucket, const char *targets)
{
    char found[FY_TARGETS_BYTES_MAX + 1];
    assert_int_equal(fy_catalogue_targets_get(c->catalogue, "client-1", bucket, found, &c->err),
                     FY_OK);
    assert_string_equal(found, targets);
    assert_int_equal(fy_catalogue_targets_get(c->catalogue, "", bucket, found, &c->err), FY_OK);
    assert_string_equal(found, targets);
}

static void a_bucket_goes_to_all_sites_until_it_names_some(void **state)
{
    struct contract *c = *state;
    char found[FY_TARGETS_BYTES_MAX + 1] = "as it was";
    assert_int_equal(site(c, FY_SITE_INSERT, "lyon", "http://l", FY_SITE_UP, false), FY_OK);
    assert_int_equal(site(c, FY_SITE_INSERT, "oslo", "http://o", FY_SITE_UP, false), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    contract_outbox_clear(c);
    expect_targets(c, "bucket-1", "");
    assert_int_equal(set_targets(c, "client-1", "bucket-1", "lyon,oslo"), FY_OK);
    expect_targets(c, "bucket-1", "lyon,oslo");
    contract_reopen(c);
    expect_targets(c, "bucket-1", "lyon,oslo");
    assert_int_equal(set_targets(c, "client-1", "bucket-1", ""), FY_OK);
    expect_targets(c, "bucket-1", "");
    assert_int_equal(contract_outbox_count(c), 0); /* nobody else gets to know */
    assert_int_equal(fy_catalogue_targets_get(c->catalogue, "client-2", "bucket-1", found, &c->err),
                     FY_ENOTFOUND);
    assert_string_equal(found, "as it was");
}

static void targets_are_the_owners_and_known_sites(void **state)
{
    struct contract *c = *state;
    assert_int_equal(site(c, FY_SITE_INSERT, "lyon", "http://l", FY_SITE_UP, false), FY_OK);
    assert_int_equal(set_targets(c, "client-1", "bucket-1", "lyon"), FY_ENOTFOUND);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(set_targets(c, "client-2", "bucket-1", "lyon"), FY_EFORBIDDEN);
    assert_int_equal(set_targets(c, "client-1", "bucket-1", "lyon,oslo"), FY_ENOTFOUND);
    expect_targets(c, "bucket-1", "");
}

/* Its DELETE goes where its CREATE went; the next bucket of that name begins anew. */
static void a_deleted_bucket_keeps_its_targets_and_a_new_one_has_its_own(void **state)
{
    struct contract *c = *state;
    struct fy_cat_bucket_create make = {.op.kind = FY_CAT_BUCKET_CREATE,
                                        .client = "client-1",
                                        .bucket = "bucket-1",
                                        .op_id = "mk",
                                        .targets = "oslo"};
    assert_int_equal(site(c, FY_SITE_INSERT, "lyon", "http://l", FY_SITE_UP, false), FY_OK);
    assert_int_equal(contract_run(c, &make.op), FY_ENOTFOUND);
    assert_int_equal(contract_container_code(c, "client-1", "bucket-1"), FY_ENOTFOUND);
    make.targets = "lyon";
    assert_int_equal(contract_run(c, &make.op), FY_OK);
    expect_targets(c, "bucket-1", "lyon");
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    expect_targets(c, "bucket-1", "lyon");
    assert_int_equal(set_targets(c, "client-1", "bucket-1", ""), FY_ENOTFOUND);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    expect_targets(c, "bucket-1", "");
}

/* ------------------------------------------------------------------ rights */

static enum fy_code right(struct contract *c, enum fy_right_action action, const char *client,
                          const char *bucket, unsigned *rights)
{
    struct fy_cat_right op = {
        .op.kind = FY_CAT_RIGHT, .action = action, .row = {.rights = *rights}};
    assert_true(fy_text_copy(op.row.client, sizeof op.row.client, client));
    assert_true(fy_text_copy(op.row.bucket, sizeof op.row.bucket, bucket));
    enum fy_code code = contract_run(c, &op.op);
    *rights = op.row.rights;
    return code;
}

static bool right_step(void *arg, const struct fy_right_row *row)
{
    struct text *text = arg;
    size_t used = strlen(text->text);
    (void)snprintf(text->text + used, sizeof text->text - used, "%s/%s=%u ", row->client,
                   row->bucket, row->rights);
    return true;
}

static void rights_are_inserted_fused_and_removed(void **state)
{
    struct contract *c = *state;
    struct text text = {.text = ""};
    unsigned rights = FY_RIGHT_WRITE;
    assert_int_equal(right(c, FY_RIGHT_FUSE, "c", "b", &rights), FY_ENOTFOUND);
    assert_int_equal(right(c, FY_RIGHT_REMOVE, "c", "b", &rights), FY_ENOTFOUND);
    assert_int_equal(right(c, FY_RIGHT_REMOVE_BUCKET, "", "b", &rights), FY_ENOTFOUND);
    assert_int_equal(right(c, FY_RIGHT_INSERT, "c", "b", &rights), FY_OK);
    assert_int_equal(right(c, FY_RIGHT_INSERT, "c", "b", &rights), FY_EEXISTS);
    rights = FY_RIGHT_READ;
    assert_int_equal(right(c, FY_RIGHT_FUSE, "c", "b", &rights), FY_OK);
    assert_int_equal(rights, FY_RIGHT_READ | FY_RIGHT_WRITE);
    assert_int_equal(contract_right(c, "c", "b"), FY_RIGHT_READ | FY_RIGHT_WRITE);
    rights = FY_RIGHT_DELETE;
    assert_int_equal(right(c, FY_RIGHT_INSERT, "c", "a", &rights), FY_OK);
    assert_int_equal(right(c, FY_RIGHT_INSERT, "d", "b", &rights), FY_OK);
    assert_int_equal(fy_catalogue_right_list(c->catalogue, "c", right_step, &text, &c->err), FY_OK);
    assert_string_equal(text.text, "c/a=4 c/b=3 ");
    assert_int_equal(right(c, FY_RIGHT_REMOVE_BUCKET, "", "b", &rights), FY_OK);
    assert_int_equal(contract_right(c, "c", "b"), -1);
    assert_int_equal(contract_right(c, "d", "b"), -1);
    assert_int_equal(right(c, FY_RIGHT_REMOVE, "c", "a", &rights), FY_OK);
    assert_int_equal(contract_right(c, "c", "a"), -1);
}

static void removing_all_rights_of_a_bucket_revokes_its_owner(void **state)
{
    struct contract *c = *state;
    unsigned rights = 0;
    struct text text = {.text = ""};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(right(c, FY_RIGHT_REMOVE_BUCKET, "", "bucket-1", &rights), FY_OK);
    assert_int_equal(right(c, FY_RIGHT_REMOVE_BUCKET, "", "bucket-1", &rights), FY_ENOTFOUND);
    assert_int_equal(fy_catalogue_right_list(c->catalogue, "client-1", right_step, &text, &c->err),
                     FY_OK);
    assert_string_equal(text.text, "");
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "x"), FY_EFORBIDDEN);
    /* Gone and made again, the bucket has its owner back. */
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(contract_put(c, "client-1", "bucket-1", "o", "x"), FY_OK);
}

/* ------------------------------------------------------------------ lease and outbox */

static void lease_reuses_the_slot_and_starts_above_what_was_saved(void **state)
{
    struct contract *c = *state;
    struct fy_cat_lease_renew renew = {.op.kind = FY_CAT_LEASE_RENEW};
    uint8_t slot = c->slot;
    renew.saved_time = contract_stamp((int64_t)3600 * 1000, "").time;
    assert_int_equal(c->start_time, 0);
    assert_int_equal(contract_run(c, &renew.op), FY_OK);
    contract_reopen(c);
    assert_int_equal(c->slot, slot);
    assert_int_equal(c->start_time, contract_stamp(3600 * 1000 + 1000, "").time);
    /* A lower time never lowers it. */
    renew.saved_time = 1;
    assert_int_equal(contract_run(c, &renew.op), FY_OK);
    contract_reopen(c);
    assert_true(c->start_time >= contract_stamp(3600 * 1000 + 1000, "").time);
}

static void nothing_is_published_without_a_lease(void **state)
{
    struct contract *c = *state;
    struct fy_cat_lease_renew renew = {.op.kind = FY_CAT_LEASE_RENEW};
    contract_close(c);
    assert_int_equal(
        c->factory->open(c->place, &c->clock.port, CONTRACT_SITE, &c->catalogue, &c->err), FY_OK);
    fy_hlc_init(&c->hlc, &c->clock.port, CONTRACT_SITE, 0, 0);
    fy_catalogue_attach(c->catalogue, &c->hlc);
    assert_int_equal(contract_apply(c, FY_ACTION_CREATE, "client-1", "bucket-1", "o", "x", 10),
                     FY_ECANCELLED);
    assert_int_equal(contract_run(c, &renew.op), FY_ECANCELLED);
    assert_int_equal(contract_totals(c).objects, 0);
    assert_int_equal(contract_apply(c, FY_ACTION_DELETE, "client-1", "bucket-1", "o", NULL, 10),
                     FY_OK);
}

static bool take_id(void *arg, const struct fy_outbox_row *row)
{
    *(int64_t *)arg = row->id;
    assert_int_equal(row->key_bytes, sizeof "bucket-1");
    assert_memory_equal(row->key, "bucket-1\0", sizeof "bucket-1");
    assert_int_equal(row->written_ms, CONTRACT_T0);
    return false;
}

static void outbox_rows_stay_until_they_are_done_and_ids_never_return(void **state)
{
    struct contract *c = *state;
    int64_t first = 0, second = 0;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(fy_catalogue_outbox_read(c->catalogue, 9, take_id, &first, &c->err), FY_OK);
    assert_int_equal(contract_totals(c).outbox_oldest_ms, CONTRACT_T0);
    contract_reopen(c);
    assert_int_equal(contract_outbox_count(c), 1);
    contract_outbox_clear(c);
    assert_int_equal(contract_outbox_count(c), 0);
    assert_int_equal(contract_totals(c).outbox_oldest_ms, 0);
    contract_reopen(c);
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(fy_catalogue_outbox_read(c->catalogue, 9, take_id, &second, &c->err), FY_OK);
    assert_true(second > first);
    struct fy_cat_outbox_done again = {.op.kind = FY_CAT_OUTBOX_DONE, .ids = &first, .count = 1};
    assert_int_equal(contract_run(c, &again.op), FY_OK);
    assert_int_equal(contract_outbox_count(c), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_admin(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sites_are_listed_in_the_order_they_came),
        TEST(unknown_sites_are_not_found),
        TEST(there_is_a_last_site),
        TEST(a_bucket_goes_to_all_sites_until_it_names_some),
        TEST(targets_are_the_owners_and_known_sites),
        TEST(a_deleted_bucket_keeps_its_targets_and_a_new_one_has_its_own),
        TEST(rights_are_inserted_fused_and_removed),
        TEST(removing_all_rights_of_a_bucket_revokes_its_owner),
        TEST(lease_reuses_the_slot_and_starts_above_what_was_saved),
        TEST(nothing_is_published_without_a_lease),
        TEST(outbox_rows_stay_until_they_are_done_and_ids_never_return),
    };
    return cmocka_run_group_tests_name("catalogue administration", tests, NULL, NULL);
}
