/* store_contract.c - the contract of the store port, for any adapter. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ports/sha256.h"
#include "tests/contract/store_contract.h"

#define OUR_BOOT   "boot1"
#define CHILD_BOOT "boot2"

#define LARGE_BYTES ((20LL << 20) + 4099)
/* Of the first bytes of the pattern, as sha256sum (coreutils) has them. */
#define SHA256_OF_NONE  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA256_OF_1     "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
#define SHA256_OF_4096  "4b45b2059078a0ab0b6e0038a28b1b09403a0a2abb5bae84810c5b613a350bff"
#define SHA256_OF_LARGE "d9a58408ed6873bb5aec0f8519d5f7f563613700f885bdf9a183c34bea1afb98"

struct fixture {
    struct store_contract_adapter *adapter;
    struct store_place *place;
    struct fy_store *store;
    struct fy_err err;
};

static int fixture_setup(void **state)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    f->adapter = *state;
    f->place = f->adapter->place_new();
    f->store = f->adapter->open(f->place, OUR_BOOT);
    *state = f;
    return 0;
}

static int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    fy_store_close(f->store);
    f->adapter->place_free(f->place);
    free(f);
    return 0;
}

#define ASSERT_OK(f, call)                                                                         \
    do {                                                                                           \
        if ((call) != FY_OK)                                                                       \
            fail_msg("%s: %s", #call, (f)->err.text);                                              \
    } while (0)

/* Byte number `at` of the pattern that all test bodies are cut from. */
static uint8_t pattern_byte(int64_t at)
{
    return (uint8_t)(at * 131 + (at >> 8) * 17 + (at >> 16) * 29);
}

static uint8_t *pattern_new(size_t size_bytes)
{
    uint8_t *bytes = fy_alloc(size_bytes + 1);
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = pattern_byte((int64_t)i);
    return bytes;
}

/* Stores bytes in pieces of step; the answer is the first that is not FY_OK. */
static enum fy_code put(struct fy_store *store, const uint8_t *bytes, size_t size_bytes,
                        size_t step, int64_t size_hint, struct fy_stored *stored,
                        struct fy_err *err)
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

static void put_pattern(struct fixture *f, size_t size_bytes, size_t step, int64_t size_hint,
                        struct fy_stored *stored)
{
    uint8_t *bytes = pattern_new(size_bytes);
    ASSERT_OK(f, put(f->store, bytes, size_bytes, step, size_hint, stored, &f->err));
    free(bytes);
}

/* The whole body, read back in pieces that fit no block. */
static uint8_t *get(struct fixture *f, const char *blob_ref, int64_t *size)
{
    struct fy_reader *reader = NULL;
    ASSERT_OK(f, fy_store_open(f->store, blob_ref, &reader, size, &f->err));
    uint8_t *bytes = fy_alloc((size_t)*size + 1);
    int64_t at = 0;
    size_t got = 1;
    while (got > 0) {
        ASSERT_OK(f, fy_store_read(f->store, reader, at, bytes + at,
                                   at + 77777 < *size ? 77777 : (size_t)(*size - at) + 1, &got,
                                   &f->err));
        at += (int64_t)got;
    }
    assert_int_equal(at, *size);
    fy_store_reader_close(f->store, reader);
    return bytes;
}

static void assert_stored(struct fixture *f, const struct fy_stored *stored, int64_t size,
                          const char *sha256)
{
    char hex[FY_HEX_DIGITS + 1];
    fy_digest_print_hex(&stored->digest, false, hex);
    assert_string_equal(hex, sha256);
    assert_int_equal(stored->size, size);

    int64_t size_read = -1;
    uint8_t *bytes = get(f, stored->blob_ref, &size_read);
    assert_int_equal(size_read, size);
    for (int64_t i = 0; i < size; i++) {
        if (bytes[i] != pattern_byte(i))
            fail_msg("byte %lld of %lld came back wrong", (long long)i, (long long)size);
    }
    free(bytes);
}

static void assert_absent(struct fixture *f, const char *blob_ref)
{
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    assert_int_equal(fy_store_open(f->store, blob_ref, &reader, &size, &f->err), FY_ENOTFOUND);
    assert_null(reader);
}

/* ---- what the store shows ---- */

#define LISTED_MAX 64
struct listing {
    size_t count;
    size_t stop_at; /* visit says no more at so many */
    struct {
        char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
        char boot_id[64];
        int64_t size;
    } body[LISTED_MAX];
};

static bool listing_add(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    struct listing *listing = arg;
    assert_true(listing->count < LISTED_MAX);
    assert_true(
        fy_text_copy(listing->body[listing->count].blob_ref, FY_BLOB_REF_BYTES_MAX + 1, blob_ref));
    assert_true(fy_text_copy(listing->body[listing->count].boot_id, 64, boot_id));
    listing->body[listing->count++].size = size;
    return listing->count != listing->stop_at;
}

static struct listing list(struct fixture *f)
{
    struct listing listing = {.stop_at = LISTED_MAX};
    ASSERT_OK(f, fy_store_list(f->store, listing_add, &listing, &f->err));
    return listing;
}

/* ---- bodies come back as they went in ---- */

static void empty_body_is_stored(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    put_pattern(f, 0, 1, 0, &stored);
    assert_stored(f, &stored, 0, SHA256_OF_NONE);
}

static void one_byte_is_stored(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    put_pattern(f, 1, 1, 1, &stored);
    assert_stored(f, &stored, 1, SHA256_OF_1);
}

static void size_and_digest_are_those_of_the_bytes_however_they_came(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    put_pattern(f, 4096, 4096, 4096, &stored);
    assert_stored(f, &stored, 4096, SHA256_OF_4096);
    put_pattern(f, 4096, 1, -1, &stored);
    assert_stored(f, &stored, 4096, SHA256_OF_4096);
}

/* Odd pieces, and chunks as streams bring them. */
static void large_body_is_stored(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    put_pattern(f, LARGE_BYTES, 65537, LARGE_BYTES, &stored);
    assert_stored(f, &stored, LARGE_BYTES, SHA256_OF_LARGE);
    put_pattern(f, LARGE_BYTES, FY_CHUNK_BYTES, -1, &stored);
    assert_stored(f, &stored, LARGE_BYTES, SHA256_OF_LARGE);
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
    struct fixture *f = *state;
    uint8_t *bytes = pattern_new(LARGE_BYTES);
    struct half half = {.store = f->store, .bytes = bytes};
    ASSERT_OK(f, fy_store_begin(f->store, LARGE_BYTES, &half.writer, &f->err));
    pthread_t hasher;
    assert_int_equal(pthread_create(&hasher, NULL, hash_in_odd_pieces, &half), 0);
    for (size_t at = 0; at < LARGE_BYTES; at += FY_CHUNK_BYTES) {
        size_t piece = LARGE_BYTES - at < FY_CHUNK_BYTES ? LARGE_BYTES - at : FY_CHUNK_BYTES;
        ASSERT_OK(f, fy_store_write(f->store, half.writer, bytes + at, piece, &f->err));
    }
    assert_int_equal(pthread_join(hasher, NULL), 0);
    struct fy_stored stored;
    ASSERT_OK(f, fy_store_finish(f->store, half.writer, &stored, &f->err));
    assert_stored(f, &stored, LARGE_BYTES, SHA256_OF_LARGE);
    free(bytes);
}

/* The hint is a promise of somebody else: what counts is what came. */
static void wrong_size_hint_changes_nothing_but_speed(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    put_pattern(f, 4096, 1000, 7, &stored);
    assert_stored(f, &stored, 4096, SHA256_OF_4096);
    put_pattern(f, 4096, 1000, 5000000, &stored);
    assert_stored(f, &stored, 4096, SHA256_OF_4096);
    put_pattern(f, 1, 1, 0, &stored);
    assert_stored(f, &stored, 1, SHA256_OF_1);
}

/* Who was promised other bytes learns it before anything is durable. */
static void sealed_body_tells_its_digest_before_it_is_finished_or_aborted(void **state)
{
    struct fixture *f = *state;
    uint8_t *bytes = pattern_new(4096);
    for (int finish = 0; finish < 2; finish++) {
        struct fy_writer *writer = NULL;
        struct fy_stored stored;
        char hex[FY_HEX_DIGITS + 1];
        ASSERT_OK(f, fy_store_begin(f->store, 4096, &writer, &f->err));
        ASSERT_OK(f, fy_store_append(f->store, writer, bytes, 4096, &f->err));
        fy_store_seal(f->store, writer, &stored);
        fy_digest_print_hex(&stored.digest, false, hex);
        assert_string_equal(hex, SHA256_OF_4096);
        assert_int_equal(stored.size, 4096);
        assert_string_equal(stored.blob_ref, "");
        if (finish == 0) {
            fy_store_abort(f->store, writer);
            assert_int_equal(list(f).count, 0);
            continue;
        }
        ASSERT_OK(f, fy_store_finish(f->store, writer, &stored, &f->err));
        assert_stored(f, &stored, 4096, SHA256_OF_4096);
    }
    free(bytes);
}

static void body_is_read_from_any_offset(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    put_pattern(f, 100000, 4096, -1, &stored);
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    ASSERT_OK(f, fy_store_open(f->store, stored.blob_ref, &reader, &size, &f->err));

    static const int64_t offsets[] = {99999, 0, 65536, 1};
    for (size_t i = 0; i < FY_COUNT_OF(offsets); i++) {
        uint8_t byte = 0;
        size_t got = 0;
        ASSERT_OK(f, fy_store_read(f->store, reader, offsets[i], &byte, 1, &got, &f->err));
        assert_int_equal(got, 1);
        assert_int_equal(byte, pattern_byte(offsets[i]));
    }
    uint8_t end[8];
    size_t got = 1;
    ASSERT_OK(f, fy_store_read(f->store, reader, 100000, end, sizeof(end), &got, &f->err));
    assert_int_equal(got, 0);
    fy_store_reader_close(f->store, reader);
}

/* Range requests go out by sendfile where there is a descriptor; it must be of this very body. */
static void descriptor_of_a_reader_gives_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    put_pattern(f, 4096, 4096, 4096, &stored);
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    ASSERT_OK(f, fy_store_open(f->store, stored.blob_ref, &reader, &size, &f->err));
    int fd = fy_store_reader_fd(f->store, reader);
    if (fd >= 0) {
        uint8_t bytes[4096];
        assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), 4096);
        for (int i = 0; i < 4096; i++)
            assert_int_equal(bytes[i], pattern_byte(i));
    }
    fy_store_reader_close(f->store, reader);
}

static void two_bodies_are_written_side_by_side(void **state)
{
    struct fixture *f = *state;
    struct fy_writer *first = NULL;
    struct fy_writer *second = NULL;
    ASSERT_OK(f, fy_store_begin(f->store, -1, &first, &f->err));
    ASSERT_OK(f, fy_store_begin(f->store, -1, &second, &f->err));
    uint8_t *bytes = pattern_new(4096);
    ASSERT_OK(f, fy_store_append(f->store, first, bytes, 1000, &f->err));
    ASSERT_OK(f, fy_store_append(f->store, second, bytes, 1, &f->err));
    ASSERT_OK(f, fy_store_append(f->store, first, bytes + 1000, 3096, &f->err));
    struct fy_stored stored;
    ASSERT_OK(f, fy_store_finish(f->store, second, &stored, &f->err));
    assert_stored(f, &stored, 1, SHA256_OF_1);
    ASSERT_OK(f, fy_store_finish(f->store, first, &stored, &f->err));
    assert_stored(f, &stored, 4096, SHA256_OF_4096);
    free(bytes);
}

/* ---- names ---- */

/* Every attempt is a body of its own: nothing is overwritten or shared, so a zombie harms nobody.
 */
static void same_bytes_stored_twice_are_two_bodies(void **state)
{
    struct fixture *f = *state;
    struct fy_stored first;
    struct fy_stored second;
    put_pattern(f, 4096, 4096, 4096, &first);
    put_pattern(f, 4096, 4096, 4096, &second);
    assert_string_not_equal(first.blob_ref, second.blob_ref);
    ASSERT_OK(f, fy_store_remove(f->store, first.blob_ref, &f->err));
    assert_absent(f, first.blob_ref);
    assert_stored(f, &second, 4096, SHA256_OF_4096);
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    struct fy_stored stored;
    put_pattern(f, 4096, 4096, 4096, &stored);
    ASSERT_OK(f, fy_store_remove(f->store, stored.blob_ref, &f->err));
    assert_absent(f, stored.blob_ref);
    ASSERT_OK(f, fy_store_remove(f->store, stored.blob_ref, &f->err));
    assert_int_equal(list(f).count, 0);
}

/* A download goes on while the sweeper takes the body away. */
static void open_reader_survives_the_removal_of_its_body(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    put_pattern(f, 300000, 4096, -1, &stored);
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    ASSERT_OK(f, fy_store_open(f->store, stored.blob_ref, &reader, &size, &f->err));
    ASSERT_OK(f, fy_store_remove(f->store, stored.blob_ref, &f->err));
    uint8_t byte = 0;
    size_t got = 0;
    ASSERT_OK(f, fy_store_read(f->store, reader, 299999, &byte, 1, &got, &f->err));
    assert_int_equal(got, 1);
    assert_int_equal(byte, pattern_byte(299999));
    fy_store_reader_close(f->store, reader);
}

static void abort_leaves_nothing(void **state)
{
    static const size_t sizes[] = {0, 10, 1 << 20, 9 << 20};
    struct fixture *f = *state;
    for (size_t i = 0; i < FY_COUNT_OF(sizes); i++) {
        struct fy_writer *writer = NULL;
        ASSERT_OK(f, fy_store_begin(f->store, (int64_t)sizes[i], &writer, &f->err));
        uint8_t *bytes = pattern_new(sizes[i]);
        ASSERT_OK(f, fy_store_append(f->store, writer, bytes, sizes[i], &f->err));
        free(bytes);
        fy_store_abort(f->store, writer);
    }
    assert_int_equal(list(f).count, 0);
}

/* ---- listing ---- */

static void list_shows_every_body_with_its_boot_id_and_size(void **state)
{
    struct fixture *f = *state;
    struct fy_stored ours;
    struct fy_stored theirs;
    put_pattern(f, 4096, 4096, 4096, &ours);
    struct fy_store *other = f->adapter->open(f->place, CHILD_BOOT);
    uint8_t byte = 'a';
    ASSERT_OK(f, put(other, &byte, 1, 1, 1, &theirs, &f->err));
    fy_store_close(other);

    struct listing listing = list(f);
    assert_int_equal(listing.count, 2);
    size_t at = strcmp(listing.body[0].blob_ref, ours.blob_ref) == 0 ? 0 : 1;
    assert_string_equal(listing.body[at].blob_ref, ours.blob_ref);
    assert_string_equal(listing.body[at].boot_id, OUR_BOOT);
    assert_int_equal(listing.body[at].size, 4096);
    assert_string_equal(listing.body[1 - at].blob_ref, theirs.blob_ref);
    assert_string_equal(listing.body[1 - at].boot_id, CHILD_BOOT);
    assert_int_equal(listing.body[1 - at].size, 1);
}

static void list_ends_when_the_visitor_has_enough(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    for (int i = 0; i < 5; i++)
        put_pattern(f, 1, 1, 1, &stored);
    struct listing listing = {.stop_at = 2};
    ASSERT_OK(f, fy_store_list(f->store, listing_add, &listing, &f->err));
    assert_int_equal(listing.count, 2);
}

static bool remove_visited(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    struct fixture *f = arg;
    (void)boot_id;
    (void)size;
    ASSERT_OK(f, fy_store_remove(f->store, blob_ref, &f->err));
    return true;
}

static void bodies_are_removed_while_they_are_listed(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    for (int i = 0; i < 20; i++)
        put_pattern(f, 1, 1, 1, &stored);
    ASSERT_OK(f, fy_store_list(f->store, remove_visited, f, &f->err));
    assert_int_equal(list(f).count, 0);
}

/* ---- a process dies ---- */

/* Runs work in another process with a store of its own there, and kills it when it has said that it
 * is done: work's report comes back, so no time is guessed. */
static void killed_after(struct fixture *f, void (*work)(struct fy_store *, struct fy_stored *),
                         struct fy_stored *report)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fy_stored stored = {.size = -1};
        work(f->adapter->open(f->place, CHILD_BOOT), &stored);
        if (write(ends[1], &stored, sizeof(stored)) != (ssize_t)sizeof(stored))
            _exit(1);
        for (;;)
            pause();
    }
    close(ends[1]); /* so that a child that fails ends the read */
    ssize_t got = read(ends[0], report, sizeof(*report));
    close(ends[0]);
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(got, sizeof(*report));
}

static void child_finishes(struct fy_store *store, struct fy_stored *stored)
{
    struct fy_err err;
    uint8_t *bytes = pattern_new(4096);
    if (put(store, bytes, 4096, 1000, 4096, stored, &err) != FY_OK)
        _exit(1);
    free(bytes);
}

static void finished_body_survives_the_death_of_its_process(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    killed_after(f, child_finishes, &stored);
    assert_stored(f, &stored, 4096, SHA256_OF_4096);
    struct listing listing = list(f);
    assert_int_equal(listing.count, 1);
    assert_string_equal(listing.body[0].boot_id, CHILD_BOOT);
}

static void child_leaves_writers_unfinished(struct fy_store *store, struct fy_stored *stored)
{
    static const size_t sizes[] = {0, 10, 100000};
    struct fy_err err;
    uint8_t *bytes = pattern_new(100000);
    for (size_t i = 0; i < FY_COUNT_OF(sizes); i++) {
        struct fy_writer *writer = NULL;
        if (fy_store_begin(store, -1, &writer, &err) != FY_OK ||
            fy_store_append(store, writer, bytes, sizes[i], &err) != FY_OK)
            _exit(1);
    }
    free(bytes);
    stored->size = 0;
}

/* What a store cannot help leaving, it shows under the dead boot id, nobody can open it, and the
 * sweeper removes it. */
static void unfinished_bodies_of_a_dead_process_are_swept_by_what_list_shows(void **state)
{
    struct fixture *f = *state;
    struct fy_stored report;
    killed_after(f, child_leaves_writers_unfinished, &report);
    struct listing listing = list(f);
    for (size_t i = 0; i < listing.count; i++) {
        assert_string_equal(listing.body[i].boot_id, CHILD_BOOT);
        assert_absent(f, listing.body[i].blob_ref);
        ASSERT_OK(f, fy_store_remove(f->store, listing.body[i].blob_ref, &f->err));
    }
    assert_int_equal(list(f).count, 0);
}

/* ---- many threads ---- */

#define THREADS           16
#define BODIES_PER_THREAD 8

struct crowd_member {
    struct fy_store *store;
    uint8_t number;
    enum fy_code code;
    struct fy_err err;
    struct fy_stored stored[BODIES_PER_THREAD];
};

static size_t crowd_body(uint8_t number, int i, uint8_t *bytes)
{
    size_t size_bytes = i % 2 == 0 ? 4096 : 50000;
    memset(bytes, number * BODIES_PER_THREAD + i, size_bytes);
    return size_bytes;
}

static void *crowd_member_main(void *arg)
{
    struct crowd_member *member = arg;
    uint8_t *bytes = fy_alloc(50000);
    for (int i = 0; i < BODIES_PER_THREAD && member->code == FY_OK; i++) {
        size_t size_bytes = crowd_body(member->number, i, bytes);
        member->code = put(member->store, bytes, size_bytes, 10000, (int64_t)size_bytes,
                           &member->stored[i], &member->err);
        bool above_floor = false;
        int64_t free_bytes = 0;
        if (member->code == FY_OK)
            member->code = fy_store_space(member->store, &free_bytes, &above_floor, &member->err);
    }
    free(bytes);
    return NULL;
}

static void assert_crowd_body(struct fixture *f, const struct fy_stored *stored, uint8_t number,
                              int i)
{
    uint8_t *bytes = fy_alloc(50000);
    size_t size_bytes = crowd_body(number, i, bytes);
    struct fy_digest digest;
    fy_sha256_of(bytes, size_bytes, &digest);
    assert_true(fy_digest_equal(&digest, &stored->digest));
    int64_t size = 0;
    uint8_t *read = get(f, stored->blob_ref, &size);
    assert_int_equal(size, size_bytes);
    assert_memory_equal(read, bytes, size_bytes);
    free(read);
    free(bytes);
}

static void many_threads_store_at_once(void **state)
{
    struct fixture *f = *state;
    static struct crowd_member members[THREADS];
    pthread_t threads[THREADS];
    for (uint8_t i = 0; i < THREADS; i++) {
        members[i] = (struct crowd_member){.store = f->store, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_member_main, &members[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (uint8_t i = 0; i < THREADS; i++) {
        if (members[i].code != FY_OK)
            fail_msg("thread %d: %s", i, members[i].err.text);
        for (int body = 0; body < BODIES_PER_THREAD; body++)
            assert_crowd_body(f, &members[i].stored[body], i, body);
    }
}

/* ---- space ---- */

static void space_is_free_and_above_no_floor(void **state)
{
    struct fixture *f = *state;
    int64_t free_bytes = -1;
    bool above_floor = false;
    ASSERT_OK(f, fy_store_space(f->store, &free_bytes, &above_floor, &f->err));
    assert_true(free_bytes > 0);
    assert_true(above_floor);
}

#define TEST(function)                                                                             \
    cmocka_unit_test_prestate_setup_teardown(function, fixture_setup, fixture_teardown, adapter)

int store_contract_run(struct store_contract_adapter *adapter)
{
    const struct CMUnitTest tests[] = {
        TEST(empty_body_is_stored),
        TEST(one_byte_is_stored),
        TEST(size_and_digest_are_those_of_the_bytes_however_they_came),
        TEST(large_body_is_stored),
        TEST(a_body_may_be_hashed_on_one_thread_and_written_on_another),
        TEST(wrong_size_hint_changes_nothing_but_speed),
        TEST(sealed_body_tells_its_digest_before_it_is_finished_or_aborted),
        TEST(body_is_read_from_any_offset),
        TEST(descriptor_of_a_reader_gives_the_same_bytes),
        TEST(two_bodies_are_written_side_by_side),
        TEST(same_bytes_stored_twice_are_two_bodies),
        TEST(strange_references_are_refused),
        TEST(removed_body_is_gone_and_removing_it_again_is_fine),
        TEST(open_reader_survives_the_removal_of_its_body),
        TEST(abort_leaves_nothing),
        TEST(list_shows_every_body_with_its_boot_id_and_size),
        TEST(list_ends_when_the_visitor_has_enough),
        TEST(bodies_are_removed_while_they_are_listed),
        TEST(finished_body_survives_the_death_of_its_process),
        TEST(unfinished_bodies_of_a_dead_process_are_swept_by_what_list_shows),
        TEST(many_threads_store_at_once),
        TEST(space_is_free_and_above_no_floor),
    };
    return _cmocka_run_group_tests(adapter->name, tests, FY_COUNT_OF(tests), NULL, NULL);
}
