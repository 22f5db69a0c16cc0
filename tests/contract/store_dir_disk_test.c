/* store_dir_disk_test.c - the folder store on disks that fail or are full: nothing half done stays,
 * and nothing is called durable that is not. */
#include "tests/contract/store_dir_disk.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/adapters/store_dir_internal.h"
#include "common/core/clock.h"

/* ---- failing disks ---- */

/* Not even one is enough: both the file and its folder must be on the disk. */
static void file_and_folder_are_synced_before_finish_returns(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    disk.fsync_count = 0;
    disk.file_fsync_count = 0;
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_OK);
    assert_int_equal(disk.file_fsync_count, 1);
    assert_int_equal(disk.fsync_count, 2);
}

/* Pitfall 17: the kernel reports a failed write once and then forgets it; a second fsync would say
 * that all is well. So there is none, and no name stays. */
static void failed_fsync_fails_finish_and_is_not_repeated(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    for (int no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        disk.no_tmpfile = no_tmpfile == 1;
        fixture_reopen(f, 0);
        disk.fsync_count = 0;
        disk.fsync_fails_at = 1; /* the file's */
        assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_EIO);
        assert_int_equal(disk.fsync_count, 1);
        assert_int_equal(files_in(f->place->path), 0);
        assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_OK);
        assert_int_equal(fy_store_remove(f->store, stored.blob_ref, &f->err), FY_OK);
    }
}

static void failed_fsync_of_the_folder_fails_finish(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    disk.fsync_fails_at = 2;
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_EIO);
    assert_int_equal(files_in(f->place->path), 0);
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_OK);
}

static void failed_write_back_ends_the_writer(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    disk.write_back_fails = true;
    assert_int_equal(put_zeros(f->store, 9 << 20, 9 << 20, &stored, &f->err), FY_EIO);
    assert_false(disk.write_back_fails); /* it was asked for */
    assert_int_equal(files_in(f->place->path), 0);
}

static void exceeded_quota_is_no_space(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    disk.link_errno = EDQUOT;
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_ENOSPACE);
    disk.link_errno = EROFS;
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_EIO);
    assert_int_equal(files_in(f->place->path), 0);
}

/* ---- full disks ---- */

/* Runs check in a process of its own, where it may limit and mount what it likes. */
static void assert_in_child(bool (*check)(struct fixture *), struct fixture *f)
{
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(check(f) ? 0 : 1);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                    \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

static bool limit_of_file_size_is_met(struct fixture *f)
{
    struct rlimit limit = {1 << 20, 1 << 20};
    struct fy_stored stored;
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(put_zeros(f->store, 3 << 20, 3 << 20, &stored, &f->err) == FY_ENOSPACE);
    CHECK(files_in(f->place->path) == 0);
    CHECK(put_zeros(f->store, 1000, 1000, &stored, &f->err) == FY_OK);
    return true;
}

static void body_over_the_limit_of_file_size_finds_no_space(void **state)
{
    assert_in_child(limit_of_file_size_is_met, *state);
}

static bool write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    return file != NULL && fputs(text, file) >= 0 && fclose(file) == 0;
}

/* Root of a user namespace with nothing in it but this user; without root, that is what may mount.
 */
static bool become_root_of_a_namespace(void)
{
    char users[64];
    char groups[64];
    (void)snprintf(users, sizeof(users), "0 %u 1", (unsigned)getuid());
    (void)snprintf(groups, sizeof(groups), "0 %u 1", (unsigned)getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/uid_map", users) &&
           write_text("/proc/self/setgroups", "deny") && write_text("/proc/self/gid_map", groups);
}

/* A disk of 4 MiB at path, for this process only. false when this machine allows none. */
static bool mount_small_disk(const char *path)
{
    return (unshare(CLONE_NEWNS) == 0 || become_root_of_a_namespace()) &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", path, "tmpfs", 0, "size=4m") == 0;
}

/* The body does not fit, nothing of it stays, and what fits is taken right away. */
static bool small_disk_fills_up(struct fixture *f)
{
    struct fy_stored stored;
    struct fy_store *store = NULL;
    struct fy_reader *reader = NULL;
    int64_t size = 0;
    if (!mount_small_disk(f->place->path)) {
        print_message("no file system may be mounted here: the limit of file size stands for it\n");
        return limit_of_file_size_is_met(f);
    }
    store = open_plain(f->place, "boot1");
    CHECK(put_zeros(store, 1000, 1000, &stored, &f->err) == FY_OK);
    for (int no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        struct fy_stored none;
        CHECK(put_zeros(store, 8 << 20, -1, &none, &f->err) == FY_ENOSPACE);
        CHECK(put_zeros(store, 8 << 20, 8 << 20, &none, &f->err) == FY_ENOSPACE);
        CHECK(files_in(f->place->path) == 1);
        disk.no_tmpfile = true;
        fy_store_close(store);
        store = open_plain(f->place, "boot1");
    }
    CHECK(put_zeros(store, 1 << 20, 1 << 20, &stored, &f->err) == FY_OK);
    CHECK(fy_store_open(store, stored.blob_ref, &reader, &size, &f->err) == FY_OK);
    CHECK(size == 1 << 20);
    fy_store_reader_close(store, reader);
    fy_store_close(store);
    return true;
}

static void full_disk_leaves_no_part_of_a_body(void **state)
{
    assert_in_child(small_disk_fills_up, *state);
}

static struct store_dir_space *space_of(struct fixture *f)
{
    return &((struct store_dir *)f->store)->space;
}

/* The store looks at its disk once a second; here it does at once. */
static bool space_becomes(struct fixture *f, int64_t free_bytes)
{
    int64_t seen = -1;
    bool above_floor = false;
    disk.free_bytes = free_bytes;
    store_dir_space_forget(space_of(f));
    assert_int_equal(fy_store_space(f->store, &seen, &above_floor, &f->err), FY_OK);
    assert_int_equal(seen, free_bytes);
    return above_floor;
}

#define FLOOR (100LL << 20)

/* In between nothing changes, so that a worker does not stop and go with every object. */
static void floor_once_passed_holds_until_a_tenth_above_it_is_free(void **state)
{
    struct fixture *f = *state;
    struct fy_stored stored;
    disk.free_is_set = true;
    disk.free_bytes = FLOOR + 100;
    fixture_reopen(f, FLOOR);
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_OK);
    assert_false(space_becomes(f, FLOOR - 1));
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_ENOSPACE);
    assert_int_equal(put_zeros(f->store, 10, -1, &stored, &f->err), FY_ENOSPACE);
    assert_false(space_becomes(f, FLOOR + FLOOR / 10 - 1));
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_ENOSPACE);
    assert_true(space_becomes(f, FLOOR + FLOOR / 10));
    assert_int_equal(put_zeros(f->store, 10, 10, &stored, &f->err), FY_OK);
    assert_true(space_becomes(f, FLOOR)); /* it was not passed since */
}

/* So a worker that stopped goes on by itself. */
static void free_space_is_seen_again_after_a_second(void **state)
{
    struct fixture *f = *state;
    int64_t seen = 0;
    bool above_floor = false;
    disk.free_is_set = true;
    (void)space_becomes(f, 1000);
    disk.free_bytes = 2000;
    int64_t begun_ms = fy_mono_ms(fy_clock_system());
    while (seen != 2000) {
        (void)poll(NULL, 0, 10);
        assert_int_equal(fy_store_space(f->store, &seen, &above_floor, &f->err), FY_OK);
    }
    assert_true(fy_mono_ms(fy_clock_system()) - begun_ms >= FY_STORE_SPACE_MS - 100);
}

/* Nobody writes yet, but what the first was promised is not there for the second. */
static void promises_are_kept_for_those_who_have_them(void **state)
{
    struct fixture *f = *state;
    struct fy_writer *first = NULL;
    struct fy_writer *second = NULL;
    disk.free_is_set = true;
    disk.free_bytes = FLOOR + 1000;
    fixture_reopen(f, FLOOR);
    assert_int_equal(fy_store_begin(f->store, 1001, &first, &f->err), FY_ENOSPACE);
    assert_int_equal(fy_store_begin(f->store, INT64_MAX, &first, &f->err), FY_ENOSPACE);
    assert_int_equal(fy_store_begin(f->store, 600, &first, &f->err), FY_OK);
    assert_int_equal(fy_store_begin(f->store, 401, &second, &f->err), FY_ENOSPACE);
    assert_int_equal(fy_store_begin(f->store, 400, &second, &f->err), FY_OK);
    fy_store_abort(f->store, first);
    fy_store_abort(f->store, second);
    first = NULL;
    assert_int_equal(fy_store_begin(f->store, 1000, &first, &f->err), FY_OK);
    fy_store_abort(f->store, first);
}

/* A body without a promised size may be of any size: it stops at the floor, not at the disk's end.
 */
static void unpromised_bytes_stop_where_promised_ones_go_on(void **state)
{
    static const uint8_t bytes[100000];
    struct fixture *f = *state;
    struct fy_stored stored;
    struct fy_writer *promised = NULL;
    struct fy_writer *unpromised = NULL;
    disk.free_is_set = true;
    disk.free_bytes = 2 * FLOOR;
    fixture_reopen(f, FLOOR);
    assert_int_equal(fy_store_begin(f->store, 200000, &promised, &f->err), FY_OK);
    assert_int_equal(fy_store_begin(f->store, -1, &unpromised, &f->err), FY_OK);
    assert_int_equal(fy_store_append(f->store, unpromised, bytes, 100000, &f->err), FY_OK);

    assert_true(space_becomes(f, FLOOR + 199999)); /* and not even all of that is free */
    assert_int_equal(fy_store_append(f->store, unpromised, bytes, 100000, &f->err), FY_ENOSPACE);
    fy_store_abort(f->store, unpromised);
    assert_int_equal(files_in(f->place->path), 0);

    assert_false(space_becomes(f, FLOOR - 1));
    assert_int_equal(fy_store_append(f->store, promised, bytes, 100000, &f->err), FY_OK);
    assert_int_equal(fy_store_append(f->store, promised, bytes, 100000, &f->err), FY_OK);
    assert_int_equal(fy_store_finish(f->store, promised, &stored, &f->err), FY_OK);
    assert_int_equal(files_in(f->place->path), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(file_and_folder_are_synced_before_finish_returns),
        TEST(failed_fsync_fails_finish_and_is_not_repeated),
        TEST(failed_fsync_of_the_folder_fails_finish),
        TEST(failed_write_back_ends_the_writer),
        TEST(exceeded_quota_is_no_space),
        TEST(body_over_the_limit_of_file_size_finds_no_space),
        TEST(full_disk_leaves_no_part_of_a_body),
        TEST(floor_once_passed_holds_until_a_tenth_above_it_is_free),
        TEST(free_space_is_seen_again_after_a_second),
        TEST(promises_are_kept_for_those_who_have_them),
        TEST(unpromised_bytes_stop_where_promised_ones_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
