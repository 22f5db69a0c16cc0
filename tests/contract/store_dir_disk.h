/* store_dir_disk.h - a folder for tests of the folder store, on a disk that fails when it is told
 * to.
 *
 * It defines functions of libc, which come before those of libc because the store is linked
 * statically. So exactly one file of a program includes it, before anything else. */
#ifndef FY_TESTS_CONTRACT_STORE_DIR_DISK_H
#define FY_TESTS_CONTRACT_STORE_DIR_DISK_H

/* What is defined here must not be a macro or inline. */
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/store_dir.h"
#include "tests/support/temp.h"

/* ---- the disk, as the test wants it ---- */

static struct {
    atomic_bool no_tmpfile;    /* O_TMPFILE is not supported */
    atomic_int creations;      /* files opened to be written */
    atomic_bool no_noreplace;  /* nor is RENAME_NOREPLACE */
    atomic_int fsync_fails_at; /* so many more fsyncs until one fails with EIO; 0: none will */
    atomic_int fsync_count;
    atomic_int file_fsync_count;  /* of them, of files, not folders */
    atomic_bool write_back_fails; /* the next sync_file_range fails with EIO */
    atomic_int link_errno;        /* the next linkat fails with it */
    atomic_bool free_is_set;      /* fstatvfs answers free_bytes */
    atomic_llong free_bytes;
} disk;

static void disk_reset(void)
{
    memset(&disk, 0, sizeof(disk));
}

int fsync(int fd)
{
    struct stat status;
    disk.fsync_count++;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        disk.file_fsync_count++;
    if (disk.fsync_fails_at > 0 && --disk.fsync_fails_at == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
    bool fails = true;
    if (atomic_compare_exchange_strong(&disk.write_back_fails, &fails, false)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_sync_file_range, fd, offset, size, flags);
}

int openat(int folder_fd, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    if ((flags & O_TMPFILE) == O_TMPFILE && disk.no_tmpfile) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if ((flags & O_WRONLY) != 0)
        disk.creations++;
    return (int)syscall(SYS_openat, folder_fd, path, flags, mode);
}

int renameat2(int old_fd, const char *old_path, int new_fd, const char *new_path, unsigned flags)
{
    if (disk.no_noreplace) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_renameat2, old_fd, old_path, new_fd, new_path, flags);
}

int linkat(int old_fd, const char *old_path, int new_fd, const char *new_path, int flags)
{
    int number = atomic_exchange(&disk.link_errno, 0);
    if (number != 0) {
        errno = number;
        return -1;
    }
    return (int)syscall(SYS_linkat, old_fd, old_path, new_fd, new_path, flags);
}

int fstatvfs(int fd, struct statvfs *out)
{
    char path[64];
    if (disk.free_is_set) {
        *out = (struct statvfs){.f_frsize = 1, .f_bavail = (fsblkcnt_t)disk.free_bytes};
        return 0;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return statvfs(path, out);
}

/* ---- a folder ---- */

struct store_place {
    char path[TEMP_BYTES];
};

static struct store_place *place_new(void)
{
    struct store_place *place = fy_alloc(sizeof(*place));
    temp_folder("store", place->path);
    return place;
}

static void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char below[512];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        if (unlink(below) != 0)
            remove_tree(below);
    }
    if (folder != NULL)
        closedir(folder);
    rmdir(path);
}

static void place_free(struct store_place *place)
{
    disk_reset();
    remove_tree(place->path);
    free(place);
}

/* Inside a folder of the test's, so that the store makes its own. */
static struct fy_store *open_with(const struct store_place *place, const char *boot_id,
                                  int64_t floor_bytes)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/bodies", place->path);
    struct fy_store_dir_settings settings = {
        .path = path, .boot_id = boot_id, .free_floor_bytes = floor_bytes};
    struct fy_store *store = NULL;
    struct fy_err err;
    if (fy_store_dir_open(&settings, &store, &err) != FY_OK)
        fail_msg("%s", err.text);
    return store;
}

static struct fy_store *open_plain(struct store_place *place, const char *boot_id)
{
    return open_with(place, boot_id, 0);
}

struct fixture {
    struct store_place *place;
    struct fy_store *store;
    struct fy_err err;
};

static int fixture_setup(void **state)
{
    struct fixture *f = fy_alloc(sizeof(*f));
    disk_reset();
    f->place = place_new();
    f->store = open_plain(f->place, "boot1");
    *state = f;
    return 0;
}

static int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    fy_store_close(f->store);
    place_free(f->place);
    free(f);
    return 0;
}

/* The same store, opened anew on the disk as it is by now. */
static void fixture_reopen(struct fixture *f, int64_t floor_bytes)
{
    fy_store_close(f->store);
    f->store = open_with(f->place, "boot1", floor_bytes);
}

static enum fy_code put_zeros(struct fy_store *store, size_t size_bytes, int64_t size_hint,
                              struct fy_stored *stored, struct fy_err *err)
{
    static const uint8_t zeros[1 << 20];
    struct fy_writer *writer = NULL;
    enum fy_code code = fy_store_begin(store, size_hint, &writer, err);
    for (size_t at = 0; code == FY_OK && at < size_bytes; at += sizeof(zeros)) {
        size_t piece = size_bytes - at < sizeof(zeros) ? size_bytes - at : sizeof(zeros);
        code = fy_store_append(store, writer, zeros, piece, err);
    }
    if (code == FY_OK)
        return fy_store_finish(store, writer, stored, err);
    fy_store_abort(store, writer);
    return code;
}

/* All regular files under the folder, whatever they are called. */
static int files_in(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char below[512];
        (void)snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_REG)
            count++;
        else if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            count += files_in(below);
    }
    closedir(folder);
    return count;
}

#endif
