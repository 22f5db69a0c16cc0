/* store_contract.c - what the tests of the store port share. */
#include "tests/contract/store_contract.h"

#include <stdlib.h>
#include <string.h>

int store_fixture_setup(void **state)
{
    struct store_fixture *f = fy_alloc(sizeof(*f));
    f->adapter = *state;
    f->place = f->adapter->place_new();
    f->store = f->adapter->open(f->place, STORE_BOOT);
    *state = f;
    return 0;
}

int store_fixture_teardown(void **state)
{
    struct store_fixture *f = *state;
    fy_store_close(f->store);
    f->adapter->place_free(f->place);
    free(f);
    return 0;
}

uint8_t store_pattern_byte(int64_t at)
{
    return (uint8_t)(at * 131 + (at >> 8) * 17 + (at >> 16) * 29);
}

uint8_t *store_pattern_new(size_t size_bytes)
{
    uint8_t *bytes = fy_alloc(size_bytes + 1);
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = store_pattern_byte((int64_t)i);
    return bytes;
}

enum fy_code store_put(struct fy_store *store, const uint8_t *bytes, size_t size_bytes, size_t step,
                       int64_t size_hint, struct fy_stored *stored, struct fy_err *err)
{
    struct fy_writer *writer = NULL;
    enum fy_code code = fy_store_begin(store, size_hint, &writer, err);
    for (size_t at = 0; code == FY_OK && at < size_bytes; at += step) {
        size_t piece = size_bytes - at < step ? size_bytes - at : step;
        code = fy_store_append(store, writer, bytes + at, piece, err);
    }
    if (code == FY_OK)
        return fy_store_finish(store, writer, stored, err);
    fy_store_abort(store, writer);
    return code;
}

void store_put_pattern(struct store_fixture *f, size_t size_bytes, size_t step, int64_t size_hint,
                       struct fy_stored *stored)
{
    uint8_t *bytes = store_pattern_new(size_bytes);
    STORE_OK(f, store_put(f->store, bytes, size_bytes, step, size_hint, stored, &f->err));
    free(bytes);
}

uint8_t *store_get(struct store_fixture *f, const char *blob_ref, int64_t *size)
{
    struct fy_reader *reader = NULL;
    STORE_OK(f, fy_store_open(f->store, blob_ref, &reader, size, &f->err));
    uint8_t *bytes = fy_alloc((size_t)*size + 1);
    int64_t at = 0;
    size_t got = 1;
    while (got > 0) {
        STORE_OK(f, fy_store_read(f->store, reader, at, bytes + at,
                                  at + 77777 < *size ? 77777 : (size_t)(*size - at) + 1, &got,
                                  &f->err));
        at += (int64_t)got;
    }
    assert_int_equal(at, *size);
    fy_store_reader_close(f->store, reader);
    return bytes;
}

void store_assert_stored(struct store_fixture *f, const struct fy_stored *stored, int64_t size,
                         const char *sha256)
{
    char hex[FY_HEX_DIGITS + 1];
    fy_digest_print_hex(&stored->digest, false, hex);
    assert_string_equal(hex, sha256);
    assert_int_equal(stored->size, size);

    int64_t size_read = -1;
    uint8_t *bytes = store_get(f, stored->blob_ref, &size_read);
    assert_int_equal(size_read, size);
    for (int64_t i = 0; i < size; i++) {
        if (bytes[i] != store_pattern_byte(i))
            fail_msg("byte %lld of %lld came back wrong", (long long)i, (long long)size);
    }
    free(bytes);
}

void store_assert_absent(struct store_fixture *f, const char *blob_ref)
{
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    assert_int_equal(fy_store_open(f->store, blob_ref, &reader, &size, &f->err), FY_ENOTFOUND);
    assert_null(reader);
}

bool store_listing_add(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    struct store_listing *listing = arg;
    assert_true(listing->count < STORE_LISTED_MAX);
    assert_true(
        fy_text_copy(listing->body[listing->count].blob_ref, FY_BLOB_REF_BYTES_MAX + 1, blob_ref));
    assert_true(fy_text_copy(listing->body[listing->count].boot_id, 64, boot_id));
    listing->body[listing->count++].size = size;
    return listing->count != listing->stop_at;
}

struct store_listing store_list(struct store_fixture *f)
{
    struct store_listing listing = {.stop_at = STORE_LISTED_MAX};
    STORE_OK(f, fy_store_list(f->store, store_listing_add, &listing, &f->err));
    return listing;
}

int store_contract_run(struct store_contract_adapter *adapter)
{
    return store_contract_body(adapter) + store_contract_many(adapter);
}
