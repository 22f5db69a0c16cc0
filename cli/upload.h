/* upload.h - one object on its way up, proven by its hash. */
#ifndef FY_CLI_UPLOAD_H
#define FY_CLI_UPLOAD_H

#include "cli/client.h"
#include "cli/output.h"
#include "cli/words.h"

/* What to upload, and where. All borrowed. */
struct fy_upload {
    const struct fy_command_line *line;
    const struct fy_object_word *place; /* the bucket */
    const char *name;
    const char *path;       /* of the file; NULL: stdin */
    bool follow;            /* path may be a symbolic link: the user wrote it */
    struct fy_tally *tally; /* moved bytes are counted there */
};

/*
 * Uploads it, into a bucket that keeps versions as a new one: a file is hashed first and its hash
 * and size are sent along, so that the site verifies what it gets; stdin is hashed while it is sent
 * and compared with what the site says. Tries again what may heal, FY_CLIENT_TRIES_MAX times at
 * most; stdin only until its first byte. size       on FY_OK the object's unchanged  on FY_OK
 * whether an equal object was there before Errors: FY_EEXISTS another object has the name; FY_EIO
 * the file cannot be read; of the call.
 */
FY_MUST_CHECK enum fy_code fy_upload_run(struct fy_client *client, const struct fy_upload *upload,
                                         int64_t *size, bool *unchanged, struct fy_err *err);

#endif
