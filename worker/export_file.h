/* export_file.h - one file of an export on its way into the store: lines in, zstd out. */
#ifndef FY_WORKER_EXPORT_FILE_H
#define FY_WORKER_EXPORT_FILE_H

#include "common/core/buf.h"
#include "common/ports/zstd.h"
#include "common/runtime/export_name.h"

#define FY_EXPORT_CHUNK_BYTES (64 << 10)

/* The caller's memory, zero before open. One thread. */
struct fy_export_file {
    struct fy_store *store;
    struct fy_export_name name;
    struct fy_writer *writer; /* NULL: not open */
    struct fy_rezstd *zstd;
    int64_t count; /* lines between the first and the last */
    uint8_t chunk[FY_EXPORT_CHUNK_BYTES];
};

/* Begins it with its head. Errors: the store's; then nothing is open. */
FY_MUST_CHECK enum fy_code fy_export_file_open(struct fy_export_file *file, struct fy_store *store,
                                               const struct fy_export_name *name, const char *site,
                                               int64_t at_ms, struct fy_err *err);
/* Whole lines, each with its newline. After a failure only abort may follow. */
FY_MUST_CHECK enum fy_code fy_export_file_add(struct fy_export_file *file, const char *lines,
                                              size_t lines_bytes, struct fy_err *err);
/* Ends it and gives it its name; then it is closed, whatever the answer. FY_EEXISTS: another
 * process has given that number. */
FY_MUST_CHECK enum fy_code fy_export_file_keep(struct fy_export_file *file, struct fy_err *err);
/* Drops it; one that is not open is let be. */
void fy_export_file_abort(struct fy_export_file *file);

#endif
