/* catalogue_contract.c - the fixture of the catalogue's suite. */
#include "tests/contract/catalogue_contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ports/sha256.h"

/* cmocka's tests take no argument but their fixture, which is made from this. */
static const struct catalogue_factory *current_factory;

void catalogue_contract_use(const struct catalogue_factory *factory)
{
    current_factory = factory;
}

int catalogue_contract(const struct catalogue_factory *factory)
{
    catalogue_contract_use(factory);
    return catalogue_contract_page() + catalogue_contract_bucket() + catalogue_contract_object() +
           catalogue_contract_upload() + catalogue_contract_apply() + catalogue_contract_waiting() +
           catalogue_contract_wake() + catalogue_contract_key() + catalogue_contract_admin() +
           catalogue_contract_body() + catalogue_contract_conflict() + catalogue_contract_damage() +
           catalogue_contract_undelete() + catalogue_contract_event() + catalogue_contract_audit() +
           catalogue_contract_backfill() + catalogue_contract_export() +
           catalogue_contract_snapshot() + catalogue_contract_flush() + catalogue_contract_sum() +
           catalogue_contract_container() + catalogue_contract_both() + catalogue_contract_name() +
           catalogue_contract_kept() + catalogue_contract_version() + catalogue_contract_oio() +
           catalogue_contract_oio_object() + catalogue_contract_policy() +
           catalogue_contract_registered() + catalogue_contract_policy_order() +
           catalogue_contract_large();
}

/* ------------------------------------------------------------------ fixture */

static int64_t clock_now(struct fy_clock *port)
{
    return FY_CONTAINER_OF(port, struct contract_clock, port)->now_ms;
}

struct fy_catalogue_settings contract_settings(struct fy_clock *clock, const char *site)
{
    return (struct fy_catalogue_settings){.clock = clock,
                                          .site = site,
                                          .reader_count = 2,
                                          .keeps = true,
                                          .versions = CONTRACT_VERSIONS,
                                          .keep_deleted_ms = CONTRACT_KEEP_DELETED_MS,
                                          .trash_grace_ms = CONTRACT_TRASH_GRACE_MS,
                                          .tells = true,
                                          .oio_namespace = "OPENIO"};
}

void contract_open(struct contract *c)
{
    enum fy_code code =
        c->factory->open(c->place, &c->clock.port, CONTRACT_SITE, &c->catalogue, &c->err);
    assert_int_equal(code, FY_OK);
    fy_guid_new(&c->clock.port, c->boot_id);
    code = fy_catalogue_lease_open(c->catalogue, c->boot_id, &c->slot, &c->start_time, &c->err);
    assert_int_equal(code, FY_OK);
    fy_hlc_init(&c->hlc, &c->clock.port, CONTRACT_SITE, c->slot, c->start_time);
    fy_catalogue_attach(c->catalogue, &c->hlc);
}

void contract_close(struct contract *c)
{
    assert_non_null(c->catalogue);
    fy_catalogue_close(c->catalogue);
    c->catalogue = NULL;
    fy_hlc_done(&c->hlc);
}

void contract_reopen(struct contract *c)
{
    contract_close(c);
    contract_open(c);
}

int contract_setup(void **state)
{
    struct contract *c = fy_alloc(sizeof *c);
    c->factory = current_factory;
    c->clock = (struct contract_clock){.port = {.wall_ms = clock_now, .mono_ms = clock_now},
                                       .now_ms = CONTRACT_T0};
    c->place = c->factory->place_new();
    contract_open(c);
    *state = c;
    return 0;
}

int contract_teardown(void **state)
{
    struct contract *c = *state;
    if (c->catalogue != NULL)
        contract_close(c);
    c->factory->place_free(c->place);
    free(c);
    return 0;
}

enum fy_code contract_run(struct contract *c, struct fy_cat_op *op)
{
    enum fy_code code = fy_catalogue_write(c->catalogue, &op, 1, &c->err);
    assert_int_equal(code, FY_OK);
    assert_int_equal(op->code, op->err.code);
    return op->code;
}

/* ------------------------------------------------------------------ operations */

#define TEXT(field, text) assert_true(fy_text_copy(field, sizeof(field), text))

enum fy_code contract_mkbucket(struct contract *c, const char *client, const char *bucket)
{
    struct fy_cat_bucket_create op = {.op.kind = FY_CAT_BUCKET_CREATE};
    TEXT(op.client, client);
    TEXT(op.bucket, bucket);
    TEXT(op.op_id, "mk");
    return contract_run(c, &op.op);
}

enum fy_code contract_rmbucket(struct contract *c, const char *client, const char *bucket)
{
    struct fy_cat_bucket_delete op = {.op.kind = FY_CAT_BUCKET_DELETE};
    TEXT(op.client, client);
    TEXT(op.bucket, bucket);
    TEXT(op.op_id, "rmb");
    return contract_run(c, &op.op);
}

struct fy_object_key contract_key(const char *account, const char *bucket, const char *object)
{
    struct fy_object_key key;
    memset(&key, 0, sizeof key);
    TEXT(key.account, account);
    TEXT(key.bucket, bucket);
    TEXT(key.object, object);
    return key;
}

void contract_digest(const char *bytes, struct fy_digest *digest)
{
    fy_sha256_of(bytes, strlen(bytes), digest);
}

void contract_blob(struct contract *c, char blob_ref[static FY_BLOB_REF_BYTES_MAX + 1])
{
    (void)snprintf(blob_ref, FY_BLOB_REF_BYTES_MAX + 1, "file:00/%s.%u", c->boot_id,
                   ++c->blob_count);
}

struct fy_cat_upload_begin contract_begin(const char *client, const char *bucket,
                                          const char *object)
{
    struct fy_cat_upload_begin op = {.op.kind = FY_CAT_UPLOAD_BEGIN,
                                     .key = contract_key("", bucket, object)};
    TEXT(op.client, client);
    return op;
}

struct fy_cat_upload_finish
contract_finish(struct contract *c, const struct fy_cat_upload_begin *begin, const char *bytes)
{
    struct fy_cat_upload_finish op = {.op.kind = FY_CAT_UPLOAD_FINISH,
                                      .key = begin->key,
                                      .token = begin->token,
                                      .size = (int64_t)strlen(bytes),
                                      .proof = FY_PROOF_PROMISE};
    TEXT(op.client, begin->client);
    TEXT(op.op_id, "put");
    contract_digest(bytes, &op.digest);
    contract_blob(c, op.blob_ref);
    return op;
}

enum fy_code contract_fail(struct contract *c, const struct fy_cat_upload_begin *begin)
{
    struct fy_cat_upload_fail op = {
        .op.kind = FY_CAT_UPLOAD_FAIL, .key = begin->key, .token = begin->token};
    return contract_run(c, &op.op);
}

enum fy_code contract_put(struct contract *c, const char *client, const char *bucket,
                          const char *object, const char *bytes)
{
    struct fy_cat_upload_begin begin = contract_begin(client, bucket, object);
    enum fy_code code = contract_run(c, &begin.op);
    if (code != FY_OK)
        return code;
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, bytes);
    return contract_run(c, &finish.op);
}

enum fy_code contract_make(struct contract *c, const char *account, const char *name)
{
    struct fy_cat_container_make op = {.op.kind = FY_CAT_CONTAINER_MAKE};
    TEXT(op.account, account);
    TEXT(op.name, name);
    TEXT(op.op_id, "make");
    return contract_run(c, &op.op);
}

enum fy_code contract_destroy(struct contract *c, const char *account, const char *name)
{
    struct fy_cat_container_destroy op = {.op.kind = FY_CAT_CONTAINER_DESTROY};
    TEXT(op.account, account);
    TEXT(op.name, name);
    TEXT(op.op_id, "destroy");
    return contract_run(c, &op.op);
}

enum fy_code contract_put_in(struct contract *c, const char *account, const char *name,
                             const char *object, const char *bytes)
{
    struct fy_cat_upload_begin begin = contract_begin(account, name, object);
    begin.key = contract_key(account, name, object);
    begin.by_rules = true;
    enum fy_code code = contract_run(c, &begin.op);
    if (code != FY_OK)
        return code;
    struct fy_cat_upload_finish finish = contract_finish(c, &begin, bytes);
    finish.by_rules = true;
    return contract_run(c, &finish.op);
}

enum fy_code contract_rm_in(struct contract *c, const char *account, const char *name,
                            const char *object)
{
    struct fy_cat_object_delete op = {.op.kind = FY_CAT_OBJECT_DELETE,
                                      .key = contract_key(account, name, object)};
    TEXT(op.client, account);
    TEXT(op.op_id, "rm");
    return contract_run(c, &op.op);
}

void contract_forget_deleted(struct contract *c)
{
    struct fy_cat_purge op = {.op.kind = FY_CAT_PURGE, .kept_before_ms = INT64_MAX, .limit = 999};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

enum fy_code contract_set(struct contract *c, const char *account, const char *name,
                          const char *key, const char *value)
{
    const struct fy_property property = {key, value};
    struct fy_cat_properties op = {
        .op.kind = FY_CAT_PROPERTIES, .properties = &property, .count = 1};
    TEXT(op.account, account);
    TEXT(op.name, name);
    return contract_run(c, &op.op);
}

uint32_t contract_sweep(struct contract *c)
{
    struct fy_cat_sweep op = {.op.kind = FY_CAT_SWEEP, .limit = 99};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
    return op.moved;
}

enum fy_code contract_rm(struct contract *c, const char *client, const char *bucket,
                         const char *object)
{
    struct fy_cat_object_delete op = {.op.kind = FY_CAT_OBJECT_DELETE,
                                      .key = contract_key("", bucket, object)};
    TEXT(op.client, client);
    TEXT(op.op_id, "rm");
    return contract_run(c, &op.op);
}

struct fy_stamp contract_stamp(int64_t offset_ms, const char *site)
{
    struct fy_stamp stamp = {.time = (uint64_t)(CONTRACT_T0 + offset_ms) << 16};
    TEXT(stamp.site, site);
    return stamp;
}

struct fy_cat_apply contract_order(struct contract *c, enum fy_action action, const char *client,
                                   const char *bucket, const char *object, const char *bytes,
                                   int64_t offset_ms)
{
    struct fy_cat_apply op = {.op.kind = FY_CAT_APPLY, .proof = FY_PROOF_PROMISE};
    struct fy_order *order = &op.order;
    order->action = action;
    order->stamp = contract_stamp(offset_ms, CONTRACT_OTHER);
    order->ordered_at_ms = CONTRACT_T0;
    TEXT(order->from_site, CONTRACT_OTHER);
    TEXT(order->client, client);
    TEXT(order->bucket, bucket);
    TEXT(order->object, object);
    TEXT(order->op_id, "order");
    if (bytes == NULL)
        return op;
    struct fy_digest digest;
    contract_digest(bytes, &digest);
    fy_digest_print_base32hex(&digest, order->hash);
    if (action == FY_ACTION_CREATE) {
        op.digest = digest;
        op.size = order->size = (int64_t)strlen(bytes);
        contract_blob(c, op.blob_ref);
    }
    return op;
}

enum fy_code contract_apply(struct contract *c, enum fy_action action, const char *client,
                            const char *bucket, const char *object, const char *bytes,
                            int64_t offset_ms)
{
    struct fy_cat_apply op = contract_order(c, action, client, bucket, object, bytes, offset_ms);
    return contract_run(c, &op.op);
}

/* ------------------------------------------------------------------ rows */

struct fy_object_row contract_object(struct contract *c, const char *bucket, const char *object)
{
    struct fy_object_row row;
    struct fy_object_key key = contract_key("", bucket, object);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    return row;
}

enum fy_status contract_status(struct contract *c, const char *bucket, const char *object)
{
    struct fy_object_row row;
    struct fy_object_key key = contract_key("", bucket, object);
    enum fy_code code = fy_catalogue_object_get(c->catalogue, &key, &row, &c->err);
    if (code == FY_ENOTFOUND)
        return FY_STATUS_UNKNOWN;
    assert_int_equal(code, FY_OK);
    return row.reg.status;
}

enum fy_code contract_container_code(struct contract *c, const char *account, const char *bucket)
{
    struct fy_container_row row;
    return fy_catalogue_container_get(c->catalogue, account, bucket, &row, &c->err);
}

struct fy_container_row contract_container(struct contract *c, const char *account,
                                           const char *bucket)
{
    struct fy_container_row row;
    assert_int_equal(fy_catalogue_container_get(c->catalogue, account, bucket, &row, &c->err),
                     FY_OK);
    return row;
}

struct fy_container_info contract_info(struct contract *c, const char *account, const char *name)
{
    struct fy_container_info info;
    const struct fy_container_ref ref = {.account = account, .name = name};
    assert_int_equal(fy_catalogue_container_info(c->catalogue, &ref, &info, NULL, NULL, &c->err),
                     FY_OK);
    return info;
}

struct fy_catalogue_totals contract_totals(struct contract *c)
{
    struct fy_catalogue_totals totals;
    assert_int_equal(fy_catalogue_totals(c->catalogue, &totals, &c->err), FY_OK);
    return totals;
}

static bool unsound(void *arg, const char *check, const char *about, const char *text)
{
    (void)arg;
    fail_msg("%s %s: %s", check, about, text);
    return false;
}

struct fy_catalogue_totals contract_sound(struct contract *c)
{
    struct fy_catalogue_totals counted;
    assert_int_equal(fy_catalogue_audit(c->catalogue, &counted, unsound, NULL, &c->err), FY_OK);
    return counted;
}

int contract_right(struct contract *c, const char *client, const char *bucket)
{
    unsigned rights = 0;
    enum fy_code code = fy_catalogue_right_get(c->catalogue, client, bucket, &rights, &c->err);
    if (code == FY_ENOTFOUND)
        return -1;
    assert_int_equal(code, FY_OK);
    return (int)rights;
}

struct outbox_walk {
    size_t wanted, count;
    char *json;
    int64_t ids[FY_CAT_BATCH_MAX];
};

static bool outbox_step(void *arg, const struct fy_outbox_row *row)
{
    struct outbox_walk *walk = arg;
    assert_true(walk->count < FY_COUNT_OF(walk->ids));
    assert_int_equal(strlen(row->json), row->json_bytes);
    if (walk->count == walk->wanted)
        walk->json = fy_strdup(row->json);
    walk->ids[walk->count++] = row->id;
    return true;
}

static struct outbox_walk outbox_walk(struct contract *c, size_t wanted)
{
    struct outbox_walk walk = {.wanted = wanted};
    assert_int_equal(
        fy_catalogue_outbox_read(c->catalogue, FY_CAT_BATCH_MAX, outbox_step, &walk, &c->err),
        FY_OK);
    return walk;
}

char *contract_outbox(struct contract *c, size_t index)
{
    return outbox_walk(c, index).json;
}

size_t contract_outbox_count(struct contract *c)
{
    size_t count = outbox_walk(c, SIZE_MAX).count;
    assert_int_equal(contract_totals(c).outbox_orders, count);
    return count;
}

void contract_outbox_clear(struct contract *c)
{
    struct outbox_walk walk = outbox_walk(c, SIZE_MAX);
    struct fy_cat_outbox_done op = {
        .op.kind = FY_CAT_OUTBOX_DONE, .ids = walk.ids, .count = walk.count};
    assert_int_equal(contract_run(c, &op.op), FY_OK);
}

static bool outcome_step(void *arg, const struct fy_outcome_row *row)
{
    *(enum fy_outcome *)arg = row->outcome;
    return true;
}

enum fy_outcome contract_outcome(struct contract *c, const char *op_id)
{
    enum fy_outcome outcome = (enum fy_outcome)0;
    assert_int_equal(
        fy_catalogue_outcome_list(c->catalogue, op_id, outcome_step, &outcome, &c->err), FY_OK);
    return outcome;
}
