/* store_contract.h - what every store must do (common/ports/store.h). An adapter's test lists its
 * adapter here and gets the whole suite. */
#ifndef FY_TESTS_CONTRACT_STORE_CONTRACT_H
#define FY_TESTS_CONTRACT_STORE_CONTRACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/ports/store.h"

struct store_place; /* the adapter's own: where bodies are kept between two openings */

struct store_contract_adapter {
    const char *name;                       /* of the group of tests */
    struct store_place *(*place_new)(void); /* an empty one */
    void (*place_free)(struct store_place *place);
    /* Opens a store there, without a floor under its free space. Also called in a forked process.
     */
    struct fy_store *(*open)(struct store_place *place, const char *boot_id);
};

/* Runs the suite; returns how many tests failed. */
int store_contract_run(struct store_contract_adapter *adapter);

/* ---- for its files */

int store_contract_body(struct store_contract_adapter *adapter);
int store_contract_many(struct store_contract_adapter *adapter);

#define STORE_BOOT       "boot1" /* of the fixture's store */
#define STORE_OTHER_BOOT "boot2"
/* Of the first bytes of the pattern, as sha256sum (coreutils) has it. */
#define STORE_SHA256_OF_4096 "4b45b2059078a0ab0b6e0038a28b1b09403a0a2abb5bae84810c5b613a350bff"

struct store_fixture {
    struct store_contract_adapter *adapter;
    struct store_place *place;
    struct fy_store *store;
    struct fy_err err;
};
int store_fixture_setup(void **state);
int store_fixture_teardown(void **state);
#define STORE_TEST(function)                                                                       \
    cmocka_unit_test_prestate_setup_teardown(function, store_fixture_setup,                        \
                                             store_fixture_teardown, adapter)
#define STORE_OK(f, call)                                                                          \
    do {                                                                                           \
        if ((call) != FY_OK)                                                                       \
            fail_msg("%s: %s", #call, (f)->err.text);                                              \
    } while (0)

/* Byte number `at` of the pattern that all test bodies are cut from; its beginning, free()d by the
 * caller. */
uint8_t store_pattern_byte(int64_t at);
uint8_t *store_pattern_new(size_t size_bytes);
/* Stores bytes in pieces of step; the answer is the first that is not FY_OK. */
enum fy_code store_put(struct fy_store *store, const uint8_t *bytes, size_t size_bytes, size_t step,
                       int64_t size_hint, struct fy_stored *stored, struct fy_err *err);
void store_put_pattern(struct store_fixture *f, size_t size_bytes, size_t step, int64_t size_hint,
                       struct fy_stored *stored);
/* The whole body, read back in pieces that fit no block; free()d by the caller. */
uint8_t *store_get(struct store_fixture *f, const char *blob_ref, int64_t *size);
/* The store answered so, and the body is there as the pattern has it. */
void store_assert_stored(struct store_fixture *f, const struct fy_stored *stored, int64_t size,
                         const char *sha256);
void store_assert_absent(struct store_fixture *f, const char *blob_ref);

#define STORE_LISTED_MAX 64
struct store_listing {
    size_t count;
    size_t stop_at; /* visit says no more at so many */
    struct {
        char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
        char boot_id[64];
        int64_t size;
    } body[STORE_LISTED_MAX];
};
bool store_listing_add(void *arg, const char *blob_ref, const char *boot_id, int64_t size);
struct store_listing store_list(struct store_fixture *f);

#endif
