/* target.h - the file that a download becomes: beside its place first, then there at once. */
#ifndef FY_CLI_TARGET_H
#define FY_CLI_TARGET_H

#include <limits.h>

#include "common/core/err.h"

/*
 * Whether an object's name may become a path below a folder: FY_EINPUT with the reason when it
 * would leave the folder ('..', a leading '/'), when two names would become one file (empty and '.'
 * segments), or when no file can have it (a zero byte, too long, a closing '/').
 *   name  size_bytes bytes and a zero byte behind them
 */
FY_MUST_CHECK enum fy_code fy_target_name_check(const char *name, size_t size_bytes,
                                                struct fy_err *err);

struct fy_target {
    int folder_fd; /* of the folder the file will be in */
    int fd;        /* of the file under its temporary name */
    char temporary[64];
    char leaf[NAME_MAX + 1];
};

/* Opens a temporary file for the object name below root_fd, making the folders it needs; symbolic
 * links on the way are not followed. Errors: as above; FY_EIO. */
FY_MUST_CHECK enum fy_code fy_target_open_below(int root_fd, const char *name, size_t size_bytes,
                                                struct fy_target *target, struct fy_err *err);
/* The same for a path as a user wrote it. */
FY_MUST_CHECK enum fy_code fy_target_open_path(const char *path, struct fy_target *target,
                                               struct fy_err *err);
/* Empties it, for another try. */
FY_MUST_CHECK enum fy_code fy_target_restart(struct fy_target *target, struct fy_err *err);
/* Gives the file its name, over one that was there. Ends the target on failure too. */
FY_MUST_CHECK enum fy_code fy_target_commit(struct fy_target *target, struct fy_err *err);
/* Nothing of it stays. */
void fy_target_abort(struct fy_target *target);

#endif
