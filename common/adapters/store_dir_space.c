/* store_dir_space.c - free space: measured at most once a second, less what running writers have
 * been promised, held against a floor that keeps room for the catalogue on the same disk. */
#include <errno.h>
#include <sys/statvfs.h>

#include "common/adapters/store_dir_internal.h"
#include "common/core/clock.h"

#define NEVER_MS INT64_MIN
/* More is not told apart: 2 PiB, so that the promises of all writers add up without overflow. */
#define FREE_BYTES_MAX (INT64_MAX / 4096)

void store_dir_space_init(struct store_dir_space *space, int root_fd, int64_t floor_bytes)
{
    FY_ASSERT(floor_bytes >= 0);
    FY_ASSERT(floor_bytes <= FREE_BYTES_MAX);
    *space = (struct store_dir_space){
        .root_fd = root_fd, .floor_bytes = floor_bytes, .measured_ms = NEVER_MS};
    int failed = pthread_mutex_init(&space->mutex, NULL);
    FY_ASSERT(failed == 0);
}

void store_dir_space_done(struct store_dir_space *space)
{
    FY_ASSERT(space->promised_bytes == 0);
    pthread_mutex_destroy(&space->mutex);
}

static bool is_fresh(struct store_dir_space *space, int64_t now_ms)
{
    int64_t measured_ms = space->measured_ms;
    return measured_ms != NEVER_MS && now_ms - measured_ms < FY_STORE_SPACE_MS;
}

/* Mutex held. */
static enum fy_code measure(struct store_dir_space *space, int64_t now_ms, struct fy_err *err)
{
    struct statvfs disk;
    if (fstatvfs(space->root_fd, &disk) != 0)
        return store_dir_fail(err, errno, "measure free space");
    int64_t free_bytes = FREE_BYTES_MAX;
    if (disk.f_bavail < (uint64_t)free_bytes / disk.f_frsize)
        free_bytes = (int64_t)(disk.f_bavail * disk.f_frsize);

    space->free_bytes = free_bytes;
    if (free_bytes < space->floor_bytes)
        space->below = true;
    else if (free_bytes >= space->floor_bytes + space->floor_bytes / 10)
        space->below = false;
    space->measured_ms = now_ms; /* last: a reader who finds it fresh finds the others too */
    return FY_OK;
}

static enum fy_code look(struct store_dir_space *space, struct fy_err *err)
{
    int64_t now_ms = fy_mono_ms(fy_clock_system());
    if (is_fresh(space, now_ms))
        return FY_OK;
    enum fy_code code = FY_OK;
    pthread_mutex_lock(&space->mutex);
    if (!is_fresh(space, now_ms)) /* another thread may have measured while we waited */
        code = measure(space, now_ms, err);
    pthread_mutex_unlock(&space->mutex);
    return code;
}

enum fy_code store_dir_space_get(struct store_dir_space *space, int64_t *free_bytes,
                                 bool *above_floor, struct fy_err *err)
{
    enum fy_code code = look(space, err);
    if (code != FY_OK)
        return code;
    *free_bytes = space->free_bytes;
    *above_floor = !space->below;
    return FY_OK;
}

static enum fy_code refuse(struct store_dir_space *space, int64_t size, struct fy_err *err)
{
    return fy_err_set(err, FY_ENOSPACE,
                      "store: %lld bytes free (%lld of them promised to running writers), floor "
                      "%lld, so no room for %lld more",
                      (long long)space->free_bytes, (long long)space->promised_bytes,
                      (long long)space->floor_bytes, (long long)size);
}

enum fy_code store_dir_space_take(struct store_dir_space *space, int64_t promise_bytes,
                                  struct fy_err *err)
{
    FY_ASSERT(promise_bytes >= 0);
    enum fy_code code = look(space, err);
    if (code != FY_OK)
        return code;
    /* Compared first: the promise comes from outside, and their sum must not overflow. */
    if (space->below || promise_bytes > space->free_bytes)
        return refuse(space, promise_bytes, err);
    /* Added before it is checked: two writers may then both be refused, never both be let in. */
    int64_t promised_bytes =
        atomic_fetch_add(&space->promised_bytes, promise_bytes) + promise_bytes;
    if (space->free_bytes - promised_bytes >= space->floor_bytes)
        return FY_OK;
    store_dir_space_give(space, promise_bytes);
    return refuse(space, promise_bytes, err);
}

void store_dir_space_give(struct store_dir_space *space, int64_t bytes)
{
    int64_t before = atomic_fetch_sub(&space->promised_bytes, bytes);
    FY_ASSERT(before >= bytes);
}

/* A running writer may go down to the floor itself: below says only who may begin. */
enum fy_code store_dir_space_unpromised(struct store_dir_space *space, struct fy_err *err)
{
    enum fy_code code = look(space, err);
    if (code != FY_OK)
        return code;
    if (space->free_bytes - space->promised_bytes < space->floor_bytes)
        return refuse(space, 0, err);
    return FY_OK;
}

void store_dir_space_forget(struct store_dir_space *space)
{
    space->measured_ms = NEVER_MS;
}
