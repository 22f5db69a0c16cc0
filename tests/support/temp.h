/* temp.h - folders and files of a test's own, under $TMPDIR, else /tmp. */
#ifndef FY_TESTS_TEMP_H
#define FY_TESTS_TEMP_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/core/base.h"

#define TEMP_BYTES 160 /* of a path: a test adds a name or two to it */

/* what: in its name, for whoever finds it. */
static inline void temp_name(const char *what, char path[static TEMP_BYTES])
{
    const char *parent = getenv("TMPDIR");
    int size =
        snprintf(path, TEMP_BYTES, "%s/ferry-%s-XXXXXX", parent == NULL ? "/tmp" : parent, what);
    FY_ASSERT(size > 0 && size < TEMP_BYTES);
}

/* A new folder, empty. */
static inline void temp_folder(const char *what, char path[static TEMP_BYTES])
{
    temp_name(what, path);
    FY_ASSERT(mkdtemp(path) != NULL);
}

/* A new file, empty; gives its descriptor. */
static inline int temp_file(const char *what, char path[static TEMP_BYTES])
{
    temp_name(what, path);
    int fd = mkstemp(path);
    FY_ASSERT(fd >= 0);
    return fd;
}

static inline int temp_remove_one(const char *path, const struct stat *status, int type,
                                  struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

/* With all that is in it. */
static inline void temp_remove(const char *path)
{
    enum { FILES_OPEN = 8 };
    FY_ASSERT(nftw(path, temp_remove_one, FILES_OPEN, FTW_DEPTH | FTW_PHYS) == 0);
}

#endif
