/* store_dir_test.c - the folder store: the contract of its port in all its ways of writing, and
 * what only a folder can do wrong. */
#include "tests/contract/store_dir_disk.h"

#include <pthread.h>
#include <sys/resource.h>

#include "common/adapters/store_dir_internal.h"
#include "tests/contract/store_contract.h"

static struct store_place *place_new_without_tmpfile(void)
{
    disk.no_tmpfile = true;
    return place_new();
}

static struct store_place *place_new_without_anything(void)
{
    disk.no_tmpfile = true;
    disk.no_noreplace = true;
    return place_new();
}

static struct store_contract_adapter adapters[] = {
    {"store_dir", place_new, place_free, open_plain},
    {"store_dir without O_TMPFILE", place_new_without_tmpfile, place_free, open_plain},
    {"store_dir without RENAME_NOREPLACE", place_new_without_anything, place_free, open_plain},
};

/* ---- names ---- */

/* A reference comes from the catalogue, so a wrong one is our bug or a tampered row; it must not
 * reach what is not a body. */
static void names_never_leave_the_folder(void **state)
{
    static const char *const strange[] = {
        "file:../victim",
        "file:00/../../victim",
        "file:00/../victim",
        "file:00/victim",
        "file:00//victim",
        "file:00/./boot1.0123456789abcdefghijklmnop",
        "file:0/boot1.0123456789abcdefghijklmnop",
        "file:000/boot1.0123456789abcdefghijklmnop",
        "file:40/boot1.0123456789abcdefghijklmnop", /* 64 shards: 00 to 3f */
        "file:0A/boot1.0123456789abcdefghijklmnop",
        "file:00/boot1.0123456789abcdefghijklmno",   /* 25 digits */
        "file:00/boot1.0123456789abcdefghijklmnopq", /* 27 */
        "file:00/boot1.0123456789ABCDEFGHIJKLMNOP",
        "file:00/boot1.0123456789abcdefghijklmnow",
        "file:00/boot1-0123456789abcdefghijklmnop",
        "file:00/.0123456789abcdefghijklmnop",
        "file:00/boot1.0123456789abcdefghijklmnop/",
        "file:00/boot1.0123456789abcdefghijklmnop\n",
        "file:00/.tmp-.0123456789abcdefghijklmnop",
        "file:00/.tmp-.tmp-boot1.0123456789abcdefghijklmnop",
        "file:00/01234567890123456789012345678901234567890.0123456789abcdefghijklmnop",
        "file:00.boot1.0123456789abcdefghijklmnop",
        "file:00",
        "file:0",
        "File:00/boot1.0123456789abcdefghijklmnop",
        " file:00/boot1.0123456789abcdefghijklmnop",
        "00/boot1.0123456789abcdefghijklmnop",
    };
    static const char *const victims[] = {"victim", "bodies/victim", "bodies/00/victim"};
    struct fixture *f = *state;
    for (size_t i = 0; i < FY_COUNT_OF(victims); i++) {
        char path[300];
        (void)snprintf(path, sizeof(path), "%s/%s", f->place->path, victims[i]);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
    }
    for (size_t i = 0; i < FY_COUNT_OF(strange); i++) {
        struct fy_reader *reader = NULL;
        int64_t size = 0;
        if (fy_store_open(f->store, strange[i], &reader, &size, &f->err) != FY_EINTERNAL ||
            fy_store_remove(f->store, strange[i], &f->err) != FY_EINTERNAL)
            fail_msg("'%s' was taken for a body", strange[i]);
    }
    assert_int_equal(files_in(f->place->path), 3);
}

static void symbolic_link_is_not_followed(void **state)
{
    struct fixture *f = *state;
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/bodies/00/boot1.0123456789abcdefghijklmnop",
                   f->place->path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    assert_int_not_equal(fy_store_open(f->store, "file:00/boot1.0123456789abcdefghijklmnop",
                                       &reader, &size, &f->err),
                         FY_OK);
}

static bool count_visits(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    (void)blob_ref;
    (void)boot_id;
    (void)size;
    ++*(int *)arg;
    return true;
}

static void list_passes_over_what_is_no_body(void **state)
{
    static const char *const folders[] = {"lost+found", "00/lost+found",
                                          "00/boot1.0123456789abcdefghijklmnop"};
    struct fixture *f = *state;
    char path[300];
    for (size_t i = 0; i < FY_COUNT_OF(folders); i++) {
        (void)snprintf(path, sizeof(path), "%s/bodies/%s", f->place->path, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    (void)snprintf(path, sizeof(path), "%s/bodies/00/README", f->place->path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);

    int visits = 0;
    assert_int_equal(fy_store_list(f->store, count_visits, &visits, &f->err), FY_OK);
    assert_int_equal(visits, 0);
}

static void reference_says_shard_and_boot_id(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_OK);
    char *rest = NULL;
    assert_memory_equal(stored.blob_ref, "file:", 5);
    assert_true(strtoul(stored.blob_ref + 5, &rest, 16) < FY_STORE_SHARDS);
    assert_ptr_equal(rest, stored.blob_ref + 7);
    assert_memory_equal(rest, "/boot1.", 7);
    assert_int_equal(strlen(rest + 7), 26);
    assert_int_equal(strspn(rest + 7, "0123456789abcdefghijklmnopqrstuv"), 26);
}

/* Without O_TMPFILE an unfinished body has a name: list shows it to the sweeper, open does not. */
static void unfinished_body_without_tmpfile_is_listed_and_removable(void **state)
{
    struct fixture *f = *state;
    disk.no_tmpfile = true;
    fixture_reopen(f, 0);
    struct fy_writer *writer = NULL;
    static const uint8_t bytes[100000];
    assert_int_equal(fy_store_begin(f->store, -1, &writer, &f->err), FY_OK);
    assert_int_equal(fy_store_append(f->store, writer, bytes, sizeof(bytes), &f->err), FY_OK);

    int visits = 0;
    assert_int_equal(fy_store_list(f->store, count_visits, &visits, &f->err), FY_OK);
    assert_int_equal(visits, 1);
    fy_store_abort(f->store, writer);
    assert_int_equal(files_in(f->place->path), 0);
}

static void unfinished_body_has_no_name_at_all(void **state)
{
    struct fixture *f = *state;
    struct fy_writer *writer = NULL;
    static const uint8_t bytes[100000];
    assert_int_equal(fy_store_begin(f->store, -1, &writer, &f->err), FY_OK);
    assert_int_equal(fy_store_append(f->store, writer, bytes, sizeof(bytes), &f->err), FY_OK);
    assert_int_equal(files_in(f->place->path), 0);
    fy_store_abort(f->store, writer);
}

/* An event loop appends; a thread that may block finishes. */
static void small_body_touches_the_disk_only_in_finish(void **state)
{
    static const uint8_t bytes[4096];
    static const int64_t hints[] = {4096, -1};
    struct fixture *f = *state;
    for (size_t i = 0; i < FY_COUNT_OF(hints); i++) {
        struct fy_writer *writer = NULL;
        struct fy_stored stored;
        disk.creations = 0;
        assert_int_equal(fy_store_begin(f->store, hints[i], &writer, &f->err), FY_OK);
        assert_int_equal(fy_store_append(f->store, writer, bytes, 4000, &f->err), FY_OK);
        assert_int_equal(fy_store_append(f->store, writer, bytes, 96, &f->err), FY_OK);
        assert_int_equal(disk.creations, 0);
        assert_int_equal(fy_store_finish(f->store, writer, &stored, &f->err), FY_OK);
        assert_int_equal(disk.creations, 1);
    }
}

/* ---- the shared fsync of a folder ---- */

static void shard_setup(struct fixture *f, struct store_dir_shard *shard)
{
    int root_fd = open(f->place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root_fd >= 0);
    assert_int_equal(store_dir_shard_open(shard, root_fd, "shard", &f->err), FY_OK);
    close(root_fd);
}

/* The second to ask would get the kernel's "all is well" for names that the first one's failure
 * lost. */
static void one_failed_fsync_fails_all_who_made_names_before_it(void **state)
{
    struct fixture *f = *state;
    struct store_dir_shard shard;
    shard_setup(f, &shard);
    uint64_t first = store_dir_shard_ticket(&shard);
    uint64_t second = store_dir_shard_ticket(&shard);
    disk.fsync_count = 0;
    disk.fsync_fails_at = 1;
    assert_int_equal(store_dir_shard_sync(&shard, first, &f->err), FY_EIO);
    assert_int_equal(store_dir_shard_sync(&shard, second, &f->err), FY_EIO);
    assert_int_equal(disk.fsync_count, 1); /* never repeated for the same names */
    uint64_t third = store_dir_shard_ticket(&shard);
    assert_int_equal(store_dir_shard_sync(&shard, third, &f->err), FY_OK);
    store_dir_shard_close(&shard);
}

#define SYNCERS       16
#define SYNCS_OF_EACH 100

struct syncer {
    struct store_dir_shard *shard;
    bool good;
};

/* After sync, an fsync has ended that began after the call: the two counts under the mutex show it.
 */
static void *syncer_main(void *arg)
{
    struct syncer *syncer = arg;
    struct store_dir_shard *shard = syncer->shard;
    struct fy_err err;
    for (int i = 0; i < SYNCS_OF_EACH && syncer->good; i++) {
        uint64_t ticket = store_dir_shard_ticket(shard);
        pthread_mutex_lock(&shard->mutex);
        uint64_t begun = shard->begun;
        pthread_mutex_unlock(&shard->mutex);
        syncer->good = store_dir_shard_sync(shard, ticket, &err) == FY_OK;
        pthread_mutex_lock(&shard->mutex);
        syncer->good = syncer->good && shard->done > begun;
        pthread_mutex_unlock(&shard->mutex);
    }
    return NULL;
}

static void one_fsync_serves_all_who_wait_for_it(void **state)
{
    struct fixture *f = *state;
    struct store_dir_shard shard;
    struct syncer syncers[SYNCERS];
    pthread_t threads[SYNCERS];
    shard_setup(f, &shard);
    disk.fsync_count = 0;
    for (int i = 0; i < SYNCERS; i++) {
        syncers[i] = (struct syncer){.shard = &shard, .good = true};
        assert_int_equal(pthread_create(&threads[i], NULL, syncer_main, &syncers[i]), 0);
    }
    for (int i = 0; i < SYNCERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(syncers[i].good);
    }
    /* Alone each would have needed one of its own; a running one serves nobody who came after. */
    assert_in_range(disk.fsync_count, SYNCS_OF_EACH, SYNCERS * SYNCS_OF_EACH * 3 / 4);
    store_dir_shard_close(&shard);
}

/* ---- opening ---- */

static void folder_that_cannot_be_is_named_in_the_error(void **state)
{
    struct fixture *f = *state;
    struct fy_store *store = NULL;
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/not/there", f->place->path);
    struct fy_store_dir_settings settings = {.path = path, .boot_id = "boot1"};
    assert_int_equal(fy_store_dir_open(&settings, &store, &f->err), FY_EIO);
    assert_null(store);
    assert_non_null(strstr(f->err.text, path));

    settings.path = "/dev/null";
    assert_int_equal(fy_store_dir_open(&settings, &store, &f->err), FY_EIO);
    assert_null(store);
}

static void new_folder_is_durable_before_it_is_used(void **state)
{
    struct fixture *f = *state;
    struct fy_store *store = NULL;
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/new", f->place->path);
    struct fy_store_dir_settings settings = {.path = path, .boot_id = "boot1"};
    for (int i = 1; i <= 2; i++) { /* the fsync of its parent, and its own */
        disk.fsync_fails_at = i;
        assert_int_equal(fy_store_dir_open(&settings, &store, &f->err), FY_EIO);
        assert_null(store);
    }
    assert_int_equal(fy_store_dir_open(&settings, &store, &f->err), FY_OK);
    fy_store_close(store);
}

/* No body's fault, so nobody may take the body for damaged. */
static void a_body_is_busy_where_no_file_can_be_opened(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored = {0};
    struct fy_reader *reader = NULL;
    struct rlimit files;
    int64_t size = 0;
    assert_int_equal(put_zeros(f->store, 100, 100, &stored, &f->err), FY_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, files.rlim_max}), 0);
    enum fy_code code = fy_store_open(f->store, stored.blob_ref, &reader, &size, &f->err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(code, FY_EBUSY);
    assert_null(reader);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_never_leave_the_folder),
        TEST(symbolic_link_is_not_followed),
        TEST(list_passes_over_what_is_no_body),
        TEST(reference_says_shard_and_boot_id),
        TEST(unfinished_body_without_tmpfile_is_listed_and_removable),
        TEST(unfinished_body_has_no_name_at_all),
        TEST(small_body_touches_the_disk_only_in_finish),
        TEST(one_failed_fsync_fails_all_who_made_names_before_it),
        TEST(one_fsync_serves_all_who_wait_for_it),
        TEST(folder_that_cannot_be_is_named_in_the_error),
        TEST(new_folder_is_durable_before_it_is_used),
        TEST(a_body_is_busy_where_no_file_can_be_opened),
    };
    int failed = 0;
    for (size_t i = 0; i < FY_COUNT_OF(adapters); i++)
        failed += store_contract_run(&adapters[i]);
    failed += cmocka_run_group_tests_name("store_dir only", tests, NULL, NULL);
    return failed;
}
