/* mapped.c - a small file as memory. */
#include "worker/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum fy_code fy_mapped_open(int fd, size_t size_bytes, void **mapped, bool *whole,
                            struct fy_err *err)
{
    struct stat seen;
    if (fstat(fd, &seen) != 0)
        return fy_err_set(err, FY_EIO, "%s", strerror(errno));
    /* With its space: a store into a hole would be SIGBUS when the disk is full. */
    int failed = posix_fallocate(fd, 0, (off_t)size_bytes);
    if (failed != 0)
        return fy_err_set(err, failed == ENOSPC ? FY_ENOSPACE : FY_EIO, "%s", strerror(failed));
    void *opened = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (opened == MAP_FAILED)
        return fy_err_set(err, FY_EIO, "%s", strerror(errno));
    *mapped = opened;
    *whole = seen.st_size >= (off_t)size_bytes;
    return FY_OK;
}
