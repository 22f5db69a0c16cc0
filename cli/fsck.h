/* fsck.h - what the files of `ferry fsck` share. */
#ifndef FY_CLI_FSCK_H
#define FY_CLI_FSCK_H

#include "cli/command.h"
#include "cli/node_open.h"

#define FY_FSCK_BOOTS 64 /* dead processes whose files are told apart */

struct fy_fsck_left { /* files of a process */
    char boot_id[FY_BOOT_ID_BYTES + 1];
    int64_t files, bytes;
};

struct fy_fsck {
    const struct fy_command_line *line;
    struct fy_node node; /* catalogue and store are open */
    struct fy_catalogue_totals counted;
    int64_t bodies, files, trash_files, living_files;
    struct fy_fsck_left left[FY_FSCK_BOOTS + 1]; /* the last one: of all others */
    size_t left_count;
    int64_t damages;
    enum fy_code code; /* of a question asked by a visitor */
    struct fy_err *err;
};

/* Says what is wrong, on one line, and what mends it. */
void fy_fsck_damage(struct fy_fsck *fsck, const char *check, const char *about, const char *format,
                    ...) FY_PRINTF(4, 5);
/* Whether the file of the body is there in its size: the size, -1 it is missing. Errors: the
 * store's. */
FY_MUST_CHECK enum fy_code fy_fsck_body_size(struct fy_fsck *fsck, const struct fy_body_row *row,
                                             int64_t *size, struct fy_err *err);

/* fsck_rebuild.c: `ferry fsck --rebuild`. Errors: FY_EFORBIDDEN the catalogue is not blank;
 * FY_ENOTFOUND the store has no export; FY_ECORRUPT its full file is damaged; others as the ports
 * say. */
FY_MUST_CHECK enum fy_code fy_fsck_rebuild(struct fy_fsck *fsck, struct fy_err *err);

#endif
