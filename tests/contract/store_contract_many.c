/* store_contract_many.c - the store port: many bodies, many processes, many threads. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ports/sha256.h"
#include "tests/contract/store_contract.h"

/* ---- listing ---- */

static void list_shows_every_body_with_its_boot_id_and_size(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored ours;
    struct fy_stored theirs;
    store_put_pattern(f, 4096, 4096, 4096, &ours);
    struct fy_store *other = f->adapter->open(f->place, STORE_OTHER_BOOT);
    uint8_t byte = 'a';
    STORE_OK(f, store_put(other, &byte, 1, 1, 1, &theirs, &f->err));
    fy_store_close(other);

    struct store_listing listing = store_list(f);
    assert_int_equal(listing.count, 2);
    size_t at = strcmp(listing.body[0].blob_ref, ours.blob_ref) == 0 ? 0 : 1;
    assert_string_equal(listing.body[at].blob_ref, ours.blob_ref);
    assert_string_equal(listing.body[at].boot_id, STORE_BOOT);
    assert_int_equal(listing.body[at].size, 4096);
    assert_string_equal(listing.body[1 - at].blob_ref, theirs.blob_ref);
    assert_string_equal(listing.body[1 - at].boot_id, STORE_OTHER_BOOT);
    assert_int_equal(listing.body[1 - at].size, 1);
}

static void list_ends_when_the_visitor_has_enough(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    for (int i = 0; i < 5; i++)
        store_put_pattern(f, 1, 1, 1, &stored);
    struct store_listing listing = {.stop_at = 2};
    STORE_OK(f, fy_store_list(f->store, store_listing_add, &listing, &f->err));
    assert_int_equal(listing.count, 2);
}

static bool remove_visited(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    struct store_fixture *f = arg;
    (void)boot_id;
    (void)size;
    STORE_OK(f, fy_store_remove(f->store, blob_ref, &f->err));
    return true;
}

static void bodies_are_removed_while_they_are_listed(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    for (int i = 0; i < 20; i++)
        store_put_pattern(f, 1, 1, 1, &stored);
    STORE_OK(f, fy_store_list(f->store, remove_visited, f, &f->err));
    assert_int_equal(store_list(f).count, 0);
}

/* ---- a process dies ---- */

/* Runs work in another process with a store of its own there, and kills it when it has said that it
 * is done: work's report comes back, so no time is guessed. */
static void killed_after(struct store_fixture *f,
                         void (*work)(struct fy_store *, struct fy_stored *),
                         struct fy_stored *report)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fy_stored stored = {.size = -1};
        work(f->adapter->open(f->place, STORE_OTHER_BOOT), &stored);
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
    uint8_t *bytes = store_pattern_new(4096);
    if (store_put(store, bytes, 4096, 1000, 4096, stored, &err) != FY_OK)
        _exit(1);
    free(bytes);
}

static void finished_body_survives_the_death_of_its_process(void **state)
{
    struct store_fixture *f = *state;
    struct fy_stored stored;
    killed_after(f, child_finishes, &stored);
    store_assert_stored(f, &stored, 4096, STORE_SHA256_OF_4096);
    struct store_listing listing = store_list(f);
    assert_int_equal(listing.count, 1);
    assert_string_equal(listing.body[0].boot_id, STORE_OTHER_BOOT);
}

static void child_leaves_writers_unfinished(struct fy_store *store, struct fy_stored *stored)
{
    static const size_t sizes[] = {0, 10, 100000};
    struct fy_err err;
    uint8_t *bytes = store_pattern_new(100000);
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
    struct store_fixture *f = *state;
    struct fy_stored report;
    killed_after(f, child_leaves_writers_unfinished, &report);
    struct store_listing listing = store_list(f);
    for (size_t i = 0; i < listing.count; i++) {
        assert_string_equal(listing.body[i].boot_id, STORE_OTHER_BOOT);
        store_assert_absent(f, listing.body[i].blob_ref);
        STORE_OK(f, fy_store_remove(f->store, listing.body[i].blob_ref, &f->err));
    }
    assert_int_equal(store_list(f).count, 0);
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
        member->code = store_put(member->store, bytes, size_bytes, 10000, (int64_t)size_bytes,
                                 &member->stored[i], &member->err);
        bool above_floor = false;
        int64_t free_bytes = 0;
        if (member->code == FY_OK)
            member->code = fy_store_space(member->store, &free_bytes, &above_floor, &member->err);
    }
    free(bytes);
    return NULL;
}

static void assert_crowd_body(struct store_fixture *f, const struct fy_stored *stored,
                              uint8_t number, int i)
{
    uint8_t *bytes = fy_alloc(50000);
    size_t size_bytes = crowd_body(number, i, bytes);
    struct fy_digest digest;
    fy_sha256_of(bytes, size_bytes, &digest);
    assert_true(fy_digest_equal(&digest, &stored->digest));
    int64_t size = 0;
    uint8_t *read = store_get(f, stored->blob_ref, &size);
    assert_int_equal(size, size_bytes);
    assert_memory_equal(read, bytes, size_bytes);
    free(read);
    free(bytes);
}

static void many_threads_store_at_once(void **state)
{
    struct store_fixture *f = *state;
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
    struct store_fixture *f = *state;
    int64_t free_bytes = -1;
    bool above_floor = false;
    STORE_OK(f, fy_store_space(f->store, &free_bytes, &above_floor, &f->err));
    assert_true(free_bytes > 0);
    assert_true(above_floor);
}

/* ---- kept files ---- */

static enum fy_code keep(struct store_fixture *f, const char *name, const char *text)
{
    struct fy_writer *writer = NULL;
    STORE_OK(f, fy_store_begin(f->store, -1, &writer, &f->err));
    STORE_OK(f, fy_store_append(f->store, writer, text, strlen(text), &f->err));
    return fy_store_keep(f->store, writer, name, &f->err);
}

static void assert_kept(struct store_fixture *f, const char *name, const char *text)
{
    char bytes[64] = "";
    size_t got = 0;
    int64_t size = 0;
    struct fy_reader *reader = NULL;
    STORE_OK(f, fy_store_kept_open(f->store, name, &reader, &size, &f->err));
    assert_int_equal(size, strlen(text));
    STORE_OK(f, fy_store_read(f->store, reader, 0, bytes, sizeof bytes - 1, &got, &f->err));
    fy_store_reader_close(f->store, reader);
    assert_string_equal(bytes, text);
}

struct kept_names {
    char text[256];
    int64_t bytes;
};

static bool note_kept(void *arg, const char *name, int64_t size)
{
    struct kept_names *names = arg;
    strncat(names->text, name, sizeof names->text - strlen(names->text) - 1);
    strncat(names->text, " ", sizeof names->text - strlen(names->text) - 1);
    names->bytes += size;
    return true;
}

static bool refuse_body(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    (void)arg, (void)boot_id, (void)size;
    fail_msg("a kept file is shown as body %s", blob_ref);
    return true;
}

static void kept_file_is_read_by_its_name_and_is_no_body(void **state)
{
    struct store_fixture *f = *state;
    struct kept_names names = {.bytes = 0};
    assert_int_equal(keep(f, "full-1", "a whole export"), FY_OK);
    assert_kept(f, "full-1", "a whole export");
    STORE_OK(f, fy_store_list(f->store, refuse_body, NULL, &f->err));
    STORE_OK(f, fy_store_kept_list(f->store, note_kept, &names, &f->err));
    assert_string_equal(names.text, "full-1 ");
    assert_int_equal(names.bytes, strlen("a whole export"));
    STORE_OK(f, fy_store_kept_remove(f->store, "full-1", &f->err));
    STORE_OK(f, fy_store_kept_remove(f->store, "full-1", &f->err)); /* absent is no failure */
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    assert_int_equal(fy_store_kept_open(f->store, "full-1", &reader, &size, &f->err), FY_ENOTFOUND);
}

/* Two processes that number their files alike: the second must notice. */
static void kept_file_never_takes_the_place_of_another(void **state)
{
    struct store_fixture *f = *state;
    assert_int_equal(keep(f, "changes-7", "first"), FY_OK);
    assert_int_equal(keep(f, "changes-7", "second"), FY_EEXISTS);
    assert_kept(f, "changes-7", "first");
    STORE_OK(f, fy_store_list(f->store, refuse_body, NULL, &f->err)); /* nothing is left over */
}

int store_contract_many(struct store_contract_adapter *adapter)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(list_shows_every_body_with_its_boot_id_and_size),
        STORE_TEST(list_ends_when_the_visitor_has_enough),
        STORE_TEST(bodies_are_removed_while_they_are_listed),
        STORE_TEST(finished_body_survives_the_death_of_its_process),
        STORE_TEST(unfinished_bodies_of_a_dead_process_are_swept_by_what_list_shows),
        STORE_TEST(many_threads_store_at_once),
        STORE_TEST(kept_file_is_read_by_its_name_and_is_no_body),
        STORE_TEST(kept_file_never_takes_the_place_of_another),
        STORE_TEST(space_is_free_and_above_no_floor),
    };
    return _cmocka_run_group_tests(adapter->name, tests, FY_COUNT_OF(tests), NULL, NULL);
}
