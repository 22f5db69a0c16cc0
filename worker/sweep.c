/* sweep.c - orphans of dead process runs, and bodies that no row references any more. */
#include "worker/sweep.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/core/log.h"

#define SWEEP_ROWS    200     /* of one transaction, and files between two rests */
#define SWEEP_REST_NS 5000000 /* mass deletes make creates three times as dear right afterwards */

static void rest(void)
{
    struct timespec pause = {.tv_nsec = SWEEP_REST_NS};
    (void)nanosleep(&pause, NULL); /* shorter on a signal: harmless */
}

/* ---- orphans */

struct orphans {
    struct fy_node *node;
    const _Atomic bool *stop;
    int64_t removed, bytes;
    enum fy_code code;
    struct fy_err *err;
};

static bool sweep_one(void *arg, const char *blob_ref, const char *boot_id, int64_t size)
{
    struct orphans *orphans = arg;
    struct fy_node *node = orphans->node;
    enum fy_blob_standing standing = FY_BLOB_NAMED;
    if (strcmp(boot_id, node->boot_id) == 0)
        return !atomic_load(orphans->stop); /* our own attempts live */
    orphans->code =
        fy_catalogue_blob_standing(node->catalogue, blob_ref, boot_id, &standing, orphans->err);
    if (orphans->code == FY_OK && standing == FY_BLOB_ORPHAN) {
        orphans->code = fy_store_remove(node->store, blob_ref, orphans->err);
        orphans->removed++;
        orphans->bytes += size;
        if (orphans->removed % SWEEP_ROWS == 0)
            rest();
    }
    return orphans->code == FY_OK && !atomic_load(orphans->stop);
}

enum fy_code fy_sweep_orphans(struct fy_node *node, const _Atomic bool *stop, struct fy_err *err)
{
    struct orphans orphans = {.node = node, .stop = stop, .err = err};
    enum fy_code code = fy_store_list(node->store, sweep_one, &orphans, err);
    if (code == FY_OK)
        code = orphans.code;
    if (orphans.removed > 0) {
        fy_metric_add(&node->metrics, FY_M_BODIES_SWEPT, orphans.removed);
        fy_log(NULL, FY_INFO, "store.orphans_swept", fy_kv_i64("files", orphans.removed),
               fy_kv_i64("bytes", orphans.bytes));
    }
    return code;
}

/* ---- trash */

struct due {
    char refs[SWEEP_ROWS][FY_BLOB_REF_BYTES_MAX + 1];
    const char *pointers[SWEEP_ROWS];
    size_t count;
};

static bool add_due(void *arg, const char *blob_ref)
{
    struct due *due = arg;
    if (!fy_text_copy(due->refs[due->count], sizeof(due->refs[0]), blob_ref))
        return false;
    due->pointers[due->count] = due->refs[due->count];
    due->count++;
    return due->count < SWEEP_ROWS;
}

/* One step: files first, then their rows; a crash between the two removes an absent file again. */
static enum fy_code empty_trash_once(struct fy_node *node, struct due *due, struct fy_err *err)
{
    due->count = 0;
    enum fy_code code = fy_catalogue_trash_due(node->catalogue, fy_wall_ms(node->clock), SWEEP_ROWS,
                                               add_due, due, err);
    for (size_t i = 0; code == FY_OK && i < due->count; i++)
        code = fy_store_remove(node->store, due->refs[i], err);
    if (code != FY_OK || due->count == 0)
        return code;
    struct fy_cat_trash_done done = {
        .op = {.kind = FY_CAT_TRASH_DONE}, .blob_refs = due->pointers, .count = due->count};
    code = fy_catalogue_writer_run(node->writer, &done.op, err);
    if (code == FY_OK)
        fy_metric_add(&node->metrics, FY_M_BODIES_SWEPT, (int64_t)due->count);
    return code;
}

static enum fy_code empty_trash(struct fy_node *node, const _Atomic bool *stop, struct fy_err *err)
{
    struct due *due = fy_alloc(sizeof(*due));
    enum fy_code code;
    do {
        code = empty_trash_once(node, due, err);
        if (due->count == SWEEP_ROWS)
            rest();
    } while (code == FY_OK && due->count == SWEEP_ROWS && !atomic_load(stop));
    free(due);
    return code;
}

enum fy_code fy_sweep_unreferenced(struct fy_node *node, const _Atomic bool *stop,
                                   struct fy_err *err)
{
    struct fy_cat_sweep sweep;
    do {
        sweep = (struct fy_cat_sweep){.op = {.kind = FY_CAT_SWEEP},
                                      .limit = SWEEP_ROWS,
                                      .now_ms = fy_wall_ms(node->clock),
                                      .grace_ms = node->config->trash_grace_ms};
        enum fy_code code = fy_catalogue_writer_run(node->writer, &sweep.op, err);
        if (code != FY_OK)
            return code;
        if (sweep.moved == SWEEP_ROWS)
            rest();
    } while (sweep.moved == SWEEP_ROWS && !atomic_load(stop));
    return empty_trash(node, stop, err);
}
