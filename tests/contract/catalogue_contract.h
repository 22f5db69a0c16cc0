/* catalogue_contract.h - what every adapter of the catalogue port must do. */
/*
 * An adapter is tested by one catalogue_X_test.c: it gives a factory to catalogue_contract and adds
 * what is particular to it. The suite is split by subject; what the parts share is below.
 */
#ifndef FY_TESTS_CATALOGUE_CONTRACT_H
#define FY_TESTS_CATALOGUE_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/adapters/catalogue_settings.h"
#include "common/ports/catalogue.h"

/* How an adapter is opened: a place is a database of its own, new and empty. */
struct catalogue_factory {
    const char *name;
    void *(*place_new)(void);
    void (*place_free)(void *place);                  /* removes it */
    void (*exec)(const void *place, const char *sql); /* runs SQL on it while it is closed */
    enum fy_code (*open)(void *place, struct fy_clock *clock, const char *site,
                         struct fy_catalogue **catalogue, struct fy_err *err);
};

/* Runs the whole suite; the number of tests that failed. */
int catalogue_contract(const struct catalogue_factory *factory);
/* For an adapter's own tests: the fixture is made from this factory. */
void catalogue_contract_use(const struct catalogue_factory *factory);

/* ------------------------------------------------------------------ parts */

int catalogue_contract_page(void);
int catalogue_contract_snapshot(void);
int catalogue_contract_flush(void);
int catalogue_contract_bucket(void);
int catalogue_contract_object(void);
int catalogue_contract_upload(void);
int catalogue_contract_apply(void);
int catalogue_contract_waiting(void);
int catalogue_contract_wake(void);
int catalogue_contract_admin(void);
int catalogue_contract_body(void);
int catalogue_contract_conflict(void);
int catalogue_contract_damage(void);
int catalogue_contract_undelete(void);
int catalogue_contract_key(void);
int catalogue_contract_event(void);
int catalogue_contract_oio(void);
int catalogue_contract_oio_object(void);
int catalogue_contract_audit(void);
int catalogue_contract_backfill(void);
int catalogue_contract_export(void);
int catalogue_contract_sum(void);
int catalogue_contract_container(void);
int catalogue_contract_both(void);
int catalogue_contract_name(void);
int catalogue_contract_kept(void);
int catalogue_contract_version(void);
int catalogue_contract_policy(void);
int catalogue_contract_registered(void);
int catalogue_contract_policy_order(void);
int catalogue_contract_large(void);

/* ------------------------------------------------------------------ fixture */

#define CONTRACT_SITE            "site-a" /* the site under test */
#define CONTRACT_OTHER           "site-b"
#define CONTRACT_T0              1700000000000LL /* where the clock starts */
#define CONTRACT_TRASH_GRACE_MS  7000
#define CONTRACT_VERSIONS        1 /* oio.versions */
#define CONTRACT_KEEP_DELETED_MS 50000

/* Time that only tests move. */
struct contract_clock {
    struct fy_clock port;
    int64_t now_ms;
};

struct contract {
    const struct catalogue_factory *factory;
    void *place;
    struct contract_clock clock;
    struct fy_catalogue *catalogue;
    struct fy_hlc hlc;
    char boot_id[FY_GUID_DIGITS + 1];
    uint8_t slot;
    uint64_t start_time;
    unsigned blob_count; /* blob_refs given out */
    struct fy_err err;
};

/* What an adapter's place is opened with. */
struct fy_catalogue_settings contract_settings(struct fy_clock *clock, const char *site);
/* cmocka's setup and teardown: a new place, opened, with its lease. */
int contract_setup(void **state);
int contract_teardown(void **state);
/* Closes and opens again: another process run on the same place. */
void contract_reopen(struct contract *c);
void contract_open(struct contract *c);
void contract_close(struct contract *c);

/* Runs one operation in a batch of its own; its code. */
enum fy_code contract_run(struct contract *c, struct fy_cat_op *op);

/* Short forms of the operations; all give the operation's code. */
enum fy_code contract_mkbucket(struct contract *c, const char *client, const char *bucket);
enum fy_code contract_rmbucket(struct contract *c, const char *client, const char *bucket);
/* The whole upload of an object with these bytes; the order's opId is op_id. */
enum fy_code contract_put(struct contract *c, const char *client, const char *bucket,
                          const char *object, const char *bytes);
enum fy_code contract_rm(struct contract *c, const char *client, const char *bucket,
                         const char *object);
/* By OpenIO's rules and by exact names: containers, and objects as their account's. */
enum fy_code contract_make(struct contract *c, const char *account, const char *name);
enum fy_code contract_destroy(struct contract *c, const char *account, const char *name);
enum fy_code contract_put_in(struct contract *c, const char *account, const char *name,
                             const char *object, const char *bytes);
enum fy_code contract_rm_in(struct contract *c, const char *account, const char *name,
                            const char *object);
/* Sets one property of a container; value NULL: none. */
enum fy_code contract_set(struct contract *c, const char *account, const char *name,
                          const char *key, const char *value);
/* What is kept of deleted objects is let go of: they are gone as if they had never been kept. */
void contract_forget_deleted(struct contract *c);
/* How many bodies nothing refers to any more were given to be removed. */
uint32_t contract_sweep(struct contract *c);

/* Keys: account "" is the one that CCS sees. */
struct fy_object_key contract_key(const char *account, const char *bucket, const char *object);
void contract_digest(const char *bytes, struct fy_digest *digest);
/* A name no other body has, as a store of this boot would give. */
void contract_blob(struct contract *c, char blob_ref[static FY_BLOB_REF_BYTES_MAX + 1]);

/* Upload in steps. */
struct fy_cat_upload_begin contract_begin(const char *client, const char *bucket,
                                          const char *object);
struct fy_cat_upload_finish
contract_finish(struct contract *c, const struct fy_cat_upload_begin *begin, const char *bytes);
enum fy_code contract_fail(struct contract *c, const struct fy_cat_upload_begin *begin);

/* Orders from site-b. Stamps: at ms CONTRACT_T0 + offset, counter 0. object "" for the bucket. */
struct fy_stamp contract_stamp(int64_t offset_ms, const char *site);
struct fy_cat_apply contract_order(struct contract *c, enum fy_action action, const char *client,
                                   const char *bucket, const char *object, const char *bytes,
                                   int64_t offset_ms);
/* Applies one; its code. */
enum fy_code contract_apply(struct contract *c, enum fy_action action, const char *client,
                            const char *bucket, const char *object, const char *bytes,
                            int64_t offset_ms);

/* Rows, asserted to be there. */
struct fy_object_row contract_object(struct contract *c, const char *bucket, const char *object);
struct fy_container_row contract_container(struct contract *c, const char *account,
                                           const char *bucket);
/* A container that is there, by its exact names. */
struct fy_container_info contract_info(struct contract *c, const char *account, const char *name);
enum fy_code contract_container_code(struct contract *c, const char *account, const char *bucket);
enum fy_status contract_status(struct contract *c, const char *bucket, const char *object);
struct fy_catalogue_totals contract_totals(struct contract *c);
/* Rows, sums and bodies agree: an audit finds nothing; what it counted. */
struct fy_catalogue_totals contract_sound(struct contract *c);
/* Rights of a row, -1 when there is none. */
int contract_right(struct contract *c, const char *client, const char *bucket);
/* The JSON of the outbox row with this index, copied; free(). NULL when there are fewer. */
char *contract_outbox(struct contract *c, size_t index);
size_t contract_outbox_count(struct contract *c);
void contract_outbox_clear(struct contract *c);
/* The outcome of an opId; 0 when there is none. */
enum fy_outcome contract_outcome(struct contract *c, const char *op_id);

#endif
