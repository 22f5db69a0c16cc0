/* store_dir_shard.c - one folder of bodies. Its fsync is shared: one serves every name that was
 * made before it began, however many threads wait for it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/adapters/store_dir_internal.h"

enum fy_code store_dir_shard_open(struct store_dir_shard *shard, int root_fd, const char *name,
                                  struct fy_err *err)
{
    if (mkdirat(root_fd, name, 0700) != 0 && errno != EEXIST)
        return store_dir_fail(err, errno, "make a shard");
    int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return store_dir_fail(err, errno, "open a shard");

    *shard = (struct store_dir_shard){.fd = fd};
    int failed = pthread_mutex_init(&shard->mutex, NULL) | pthread_cond_init(&shard->ended, NULL);
    FY_ASSERT(failed == 0);
    return FY_OK;
}

void store_dir_shard_close(struct store_dir_shard *shard)
{
    FY_ASSERT(!shard->syncing);
    pthread_cond_destroy(&shard->ended);
    pthread_mutex_destroy(&shard->mutex);
    close(shard->fd);
}

uint64_t store_dir_shard_ticket(struct store_dir_shard *shard)
{
    pthread_mutex_lock(&shard->mutex);
    uint64_t ticket = shard->failed;
    pthread_mutex_unlock(&shard->mutex);
    return ticket;
}

/* Mutex held; it is free during the fsync itself. */
static void sync_once(struct store_dir_shard *shard)
{
    FY_ASSERT(!shard->syncing);
    shard->syncing = true;
    uint64_t number = ++shard->begun;
    pthread_mutex_unlock(&shard->mutex);

    int number_failed = fsync(shard->fd) == 0 ? 0 : errno;

    pthread_mutex_lock(&shard->mutex);
    shard->syncing = false;
    shard->done = number;
    if (number_failed != 0) {
        shard->failed++;
        shard->failed_errno = number_failed;
    }
    pthread_cond_broadcast(&shard->ended);
}

/* The kernel reports a failed write-back of the folder to one fsync only; the next may say that all
 * is well though names were lost. So one failure fails everybody who holds a ticket from before it,
 * also those who come to sync later. */
enum fy_code store_dir_shard_sync(struct store_dir_shard *shard, uint64_t ticket,
                                  struct fy_err *err)
{
    pthread_mutex_lock(&shard->mutex);
    uint64_t needed = shard->begun + 1; /* one that runs already may have missed our names */
    while (shard->done < needed && shard->failed == ticket) {
        if (shard->syncing)
            pthread_cond_wait(&shard->ended, &shard->mutex);
        else
            sync_once(shard);
    }
    int failed_errno = shard->failed == ticket ? 0 : shard->failed_errno;
    pthread_mutex_unlock(&shard->mutex);
    return failed_errno == 0 ? FY_OK : store_dir_fail(err, failed_errno, "sync the folder");
}
