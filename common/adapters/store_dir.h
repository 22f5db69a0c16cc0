/* store_dir.h - the store port in a folder (ENGINE 6). */
#ifndef FY_ADAPTERS_STORE_DIR_H
#define FY_ADAPTERS_STORE_DIR_H

#include "common/ports/store.h"

#define FY_STORE_DIR_BOOT_BYTES_MAX 40

struct fy_store_dir_settings {
    const char *path;         /* made when absent, its parent must be there; private to this user */
    const char *boot_id;      /* part of every name this process writes; 1-40 of [0-9a-v] */
    int64_t free_floor_bytes; /* begin refuses under it; 0 or more */
};

/*
 * Opens the folder, and makes its FY_STORE_SHARDS shards when they are absent.
 *   settings  borrowed for the call
 *   store     on FY_OK owned by the caller, who ends it with fy_store_close; else left alone
 * A body is "<shard>/<boot id>.<random>" there and "file:" and that as blob_ref. An unfinished one
 * has no name, or, where the file system cannot do that (no O_TMPFILE), "<shard>/.tmp-<boot
 * id>.<random>": fy_store_list shows those too, fy_store_remove takes them, fy_store_open does not.
 * Several stores, of several processes, may be open on one folder as long as their boot ids differ.
 * Errors: FY_EIO; FY_ENOSPACE.
 */
FY_MUST_CHECK enum fy_code fy_store_dir_open(const struct fy_store_dir_settings *settings,
                                             struct fy_store **store, struct fy_err *err);

#endif
