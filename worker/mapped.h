/* mapped.h - a small file of the data folder as memory: what a process has written there, the next
 * one finds, however the first has ended. It need not survive the machine. */
#ifndef FY_WORKER_MAPPED_H
#define FY_WORKER_MAPPED_H

#include "common/core/err.h"

/*
 * Maps the file's first size_bytes, to be read and written by all who map them.
 *   whole  false: it was shorter, and has zeros where it was; it is never cut, since others may
 * have mapped it Errors: FY_EIO; FY_ENOSPACE. The descriptor may be closed at once; unmapped with
 * munmap.
 */
FY_MUST_CHECK enum fy_code fy_mapped_open(int fd, size_t size_bytes, void **mapped, bool *whole,
                                          struct fy_err *err);

#endif
