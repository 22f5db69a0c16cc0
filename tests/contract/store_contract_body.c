/* store_contract_body.c - the store port: bodies that go in, come back, and are removed. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/contract/store_contract.h"

#define LARGE_BYTES ((20LL << 20) + 4099)
/* Of the first bytes of the pattern, as sha256sum (coreutils) has them. */
#define SHA256_OF_NONE  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA256_OF_1     "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
#define SHA256_OF_LARGE "d9a58408ed6873bb5aec0f8519d5f7f563613700f885bdf9a183c34bea1afb98"

/* ---- bodies come back as they went in ---- */

static void empty_body_is_stored(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    store_put_pattern(f, 0, 1, 0, &stored);
    store_assert_stored(f, &stored, 0, SHA256_OF_NONE);
}

static void one_byte_is_stored(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    store_put_pattern(f, 1, 1, 1, &stored);
    store_assert_stored(f, &stored, 1, SHA256_OF_1);
}

static void size_and_digest_are_those_of_the_bytes_however_they_came(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    store_put_pattern(f, 4096, 4096, 4096, &stored);
    store_assert_stored(f, &stored, 4096, STORE_SHA256_OF_4096);
    store_put_pattern(f, 4096, 1, -1, &stored);
    store_assert_stored(f, &stored, 4096, STORE_SHA256_OF_4096);
}

/* Odd pieces, and chunks as streams bring them. */
static void large_body_is_stored(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    store_put_pattern(f, LARGE_BYTES, 65537, LARGE_BYTES, &stored);
    store_assert_stored(f, &stored, LARGE_BYTES, SHA256_OF_LARGE);
    store_put_pattern(f, LARGE_BYTES, FY_CHUNK_BYTES, -1, &stored);
    store_assert_stored(f, &stored, LARGE_BYTES, SHA256_OF_LARGE);
}

struct half {
    struct fy_store *store;
    struct fy_writer *writer;
    const uint8_t *bytes;
};

static void *hash_in_odd_pieces(void *arg)
{
    const struct half *half = arg;
    for (size_t at = 0; at < LARGE_BYTES; at += 65537) {
        size_t piece = LARGE_BYTES - at < 65537 ? LARGE_BYTES - at : 65537;
        fy_store_hash(half->store, half->writer, half->bytes + at, piece);
    }
    return NULL;
}

/* Neither half waits for the other, and their pieces are not the same. */
static void a_body_may_be_hashed_on_one_thread_and_written_on_another(void **state)
{
    struct store_fixture *f = *state;
    uint8_t *bytes = store_pattern_new(LARGE_BYTES);
    struct half half = {.store = f->store, .bytes = bytes};
    STORE_OK(f, fy_store_begin(f->store, LARGE_BYTES, &half.writer, &f->err));
    pthread_t hasher;
    assert_int_equal(pthread_create(&hasher, NULL, hash_in_odd_pieces, &half), 0);
    for (size_t at = 0; at < LARGE_BYTES; at += FY_CHUNK_BYTES) {
        size_t piece = LARGE_BYTES - at < FY_CHUNK_BYTES ? LARGE_BYTES - at : FY_CHUNK_BYTES;
        STORE_OK(f, fy_store_write(f->store, half.writer, bytes + at, piece, &f->err));
    }
    assert_int_equal(pthread_join(hasher, NULL), 0);
    struct fy_stored stored;
    STORE_OK(f, fy_store_finish(f->store, half.writer, &stored, &f->err));
    store_assert_stored(f, &stored, LARGE_BYTES, SHA256_OF_LARGE);
    free(bytes);
}

/* The hint is a promise of somebody else: what counts is what came. */
static void wrong_size_hint_changes_nothing_but_speed(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    store_put_pattern(f, 4096, 1000, 7, &stored);
    store_assert_stored(f, &stored, 4096, STORE_SHA256_OF_4096);
    store_put_pattern(f, 4096, 1000, 5000000, &stored);
    store_assert_stored(f, &stored, 4096, STORE_SHA256_OF_4096);
    store_put_pattern(f, 1, 1, 0, &stored);
    store_assert_stored(f, &stored, 1, SHA256_OF_1);
}

/* Who was promised other bytes learns it before anything is durable. */
static void sealed_body_tells_its_digest_before_it_is_finished_or_aborted(void **state)
{
    struct store_fixture *f = *state;
    uint8_t *bytes = store_pattern_new(4096);
    for (int finish = 0; finish < 2; finish++) {
        struct fy_writer *writer = NULL;
        struct fy_stored stored;
        char hex[FY_HEX_DIGITS + 1];
        STORE_OK(f, fy_store_begin(f->store, 4096, &writer, &f->err));
        STORE_OK(f, fy_store_append(f->store, writer, bytes, 4096, &f->err));
        fy_store_seal(f->store, writer, &stored);
        fy_digest_print_hex(&stored.digest, false, hex);
        assert_string_equal(hex, STORE_SHA256_OF_4096);
        assert_int_equal(stored.size, 4096);
        assert_string_equal(stored.blob_ref, "");
        if (finish == 0) {
            fy_store_abort(f->store, writer);
            assert_int_equal(store_list(f).count, 0);
            continue;
        }
        STORE_OK(f, fy_store_finish(f->store, writer, &stored, &f->err));
        store_assert_stored(f, &stored, 4096, STORE_SHA256_OF_4096);
    }
    free(bytes);
}

static void body_is_read_from_any_offset(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    store_put_pattern(f, 100000, 4096, -1, &stored);
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    STORE_OK(f, fy_store_open(f->store, stored.blob_ref, &reader, &size, &f->err));

    static const int64_t offsets[] = {99999, 0, 65536, 1};
    for (size_t i = 0; i < FY_COUNT_OF(offsets); i++) {
        uint8_t byte = 0;
        size_t got = 0;
        STORE_OK(f, fy_store_read(f->store, reader, offsets[i], &byte, 1, &got, &f->err));
        assert_int_equal(got, 1);
        assert_int_equal(byte, store_pattern_byte(offsets[i]));
    }
    uint8_t end[8];
    size_t got = 1;
    STORE_OK(f, fy_store_read(f->store, reader, 100000, end, sizeof(end), &got, &f->err));
    assert_int_equal(got, 0);
    fy_store_reader_close(f->store, reader);
}

/* Range requests go out by sendfile where there is a descriptor; it must be of this very body. */
static void descriptor_of_a_reader_gives_the_same_bytes(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    store_put_pattern(f, 4096, 4096, 4096, &stored);
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    STORE_OK(f, fy_store_open(f->store, stored.blob_ref, &reader, &size, &f->err));
    int fd = fy_store_reader_fd(f->store, reader);
    if (fd >= 0) {
        uint8_t bytes[4096];
        assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), 4096);
        for (int i = 0; i < 4096; i++)
            assert_int_equal(bytes[i], store_pattern_byte(i));
    }
    fy_store_reader_close(f->store, reader);
}

static void two_bodies_are_written_side_by_side(void **state)
{
    struct store_fixture *f = *state;
    struct fy_writer *first = NULL;
    struct fy_writer *second = NULL;
    STORE_OK(f, fy_store_begin(f->store, -1, &first, &f->err));
    STORE_OK(f, fy_store_begin(f->store, -1, &second, &f->err));
    uint8_t *bytes = store_pattern_new(4096);
    STORE_OK(f, fy_store_append(f->store, first, bytes, 1000, &f->err));
    STORE_OK(f, fy_store_append(f->store, second, bytes, 1, &f->err));
    STORE_OK(f, fy_store_append(f->store, first, bytes + 1000, 3096, &f->err));
    struct fy_stored stored;
    STORE_OK(f, fy_store_finish(f->store, second, &stored, &f->err));
    store_assert_stored(f, &stored, 1, SHA256_OF_1);
    STORE_OK(f, fy_store_finish(f->store, first, &stored, &f->err));
    store_assert_stored(f, &stored, 4096, STORE_SHA256_OF_4096);
    free(bytes);
}

/* ---- names ---- */

/* Every attempt is a body of its own: nothing is overwritten or shared, so a zombie harms nobody.
 */
static void same_bytes_stored_twice_are_two_bodies(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored first;
    struct fy_stored second;
    store_put_pattern(f, 4096, 4096, 4096, &first);
    store_put_pattern(f, 4096, 4096, 4096, &second);
    assert_string_not_equal(first.blob_ref, second.blob_ref);
    STORE_OK(f, fy_store_remove(f->store, first.blob_ref, &f->err));
    store_assert_absent(f, first.blob_ref);
    store_assert_stored(f, &second, 4096, STORE_SHA256_OF_4096);
}

static void strange_references_are_refused(void **state)
{
    static const char *const strange[] = {
        "",
        "/",
        ".",
        "..",
        "file:",
        "file:/etc/passwd",
        "file:../../etc/passwd",
        "file:00/",
        "file:00/..",
        "file:00/../00/boot1.0123456789abcdefghijklmnop",
        "s3:",
        "\xff\xfe",
        "%2e%2e",
    };
    struct store_fixture *f = *state;
    for (size_t i = 0; i < FY_COUNT_OF(strange); i++) {
        struct fy_reader *reader = NULL;
        int64_t size = 0;
        assert_int_not_equal(fy_store_open(f->store, strange[i], &reader, &size, &f->err), FY_OK);
        assert_null(reader);
        assert_int_not_equal(fy_store_remove(f->store, strange[i], &f->err), FY_OK);
    }
}

/* ---- removing ---- */

static void removed_body_is_gone_and_removing_it_again_is_fine(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    store_put_pattern(f, 4096, 4096, 4096, &stored);
    STORE_OK(f, fy_store_remove(f->store, stored.blob_ref, &f->err));
    store_assert_absent(f, stored.blob_ref);
    STORE_OK(f, fy_store_remove(f->store, stored.blob_ref, &f->err));
    assert_int_equal(store_list(f).count, 0);
}

/* A download goes on while the sweeper takes the body away. */
static void open_reader_survives_the_removal_of_its_body(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    store_put_pattern(f, 300000, 4096, -1, &stored);
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    STORE_OK(f, fy_store_open(f->store, stored.blob_ref, &reader, &size, &f->err));
    STORE_OK(f, fy_store_remove(f->store, stored.blob_ref, &f->err));
    uint8_t byte = 0;
    size_t got = 0;
    STORE_OK(f, fy_store_read(f->store, reader, 299999, &byte, 1, &got, &f->err));
    assert_int_equal(got, 1);
    assert_int_equal(byte, store_pattern_byte(299999));
    fy_store_reader_close(f->store, reader);
}

static void abort_leaves_nothing(void **state)
{
    static const size_t sizes[] = {0, 10, 1 << 20, 9 << 20};
    struct store_fixture *f = *state;
    for (size_t i = 0; i < FY_COUNT_OF(sizes); i++) {
        struct fy_writer *writer = NULL;
        STORE_OK(f, fy_store_begin(f->store, (int64_t)sizes[i], &writer, &f->err));
        uint8_t *bytes = store_pattern_new(sizes[i]);
        STORE_OK(f, fy_store_append(f->store, writer, bytes, sizes[i], &f->err));
        free(bytes);
        fy_store_abort(f->store, writer);
    }
    assert_int_equal(store_list(f).count, 0);
}

int store_contract_body(struct store_contract_adapter *adapter)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(empty_body_is_stored),
        STORE_TEST(one_byte_is_stored),
        STORE_TEST(size_and_digest_are_those_of_the_bytes_however_they_came),
        STORE_TEST(large_body_is_stored),
        STORE_TEST(a_body_may_be_hashed_on_one_thread_and_written_on_another),
        STORE_TEST(wrong_size_hint_changes_nothing_but_speed),
        STORE_TEST(sealed_body_tells_its_digest_before_it_is_finished_or_aborted),
        STORE_TEST(body_is_read_from_any_offset),
        STORE_TEST(descriptor_of_a_reader_gives_the_same_bytes),
        STORE_TEST(two_bodies_are_written_side_by_side),
        STORE_TEST(same_bytes_stored_twice_are_two_bodies),
        STORE_TEST(strange_references_are_refused),
        STORE_TEST(removed_body_is_gone_and_removing_it_again_is_fine),
        STORE_TEST(open_reader_survives_the_removal_of_its_body),
        STORE_TEST(abort_leaves_nothing),
    };
    return _cmocka_run_group_tests(adapter->name, tests, FY_COUNT_OF(tests), NULL, NULL);
}
