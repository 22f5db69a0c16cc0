/* lease.c - renews the lease row every second. */
#include "common/runtime/lease.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/core/log.h"
#include "common/runtime/node.h"
#include "common/runtime/pool.h"

struct fy_lease {
    struct fy_node *node;
    pthread_t thread;
    struct fy_bell stop_bell;
    _Atomic bool stopping;
};

static enum fy_code renew(struct fy_node *node, struct fy_err *err)
{
    struct fy_cat_lease_renew op = {.op = {.kind = FY_CAT_LEASE_RENEW},
                                    .saved_time = fy_hlc_last(&node->hlc),
                                    .bury = fy_node_works(node)};
    enum fy_code code = fy_catalogue_writer_run(node->writer, &op.op, err);
    if (code == FY_OK && op.buried > 0)
        atomic_store(&node->others_died, true);
    return code;
}

static void die(struct fy_node *node, const struct fy_err *err)
{
    fy_log(NULL, FY_ERROR, "lease.dead", fy_kv_err(err));
    atomic_store(&node->fatal_code, (int)FY_ECANCELLED);
    fy_bell_ring(&node->stop_bell);
}

static void *lease_main(void *arg)
{
    struct fy_lease *lease = arg;
    bool failing = false; /* one line when it begins to fail, one when it is well */
    while (!atomic_load(&lease->stopping)) {
        struct fy_err err = {0};
        enum fy_code code = renew(lease->node, &err);
        if (code == FY_ECANCELLED) {
            die(lease->node, &err);
            return NULL;
        }
        if (code == FY_OK)
            fy_undone_retry(&lease->node->undone, lease->node->writer);
        if ((code != FY_OK) != failing) {
            failing = code != FY_OK;
            fy_log(NULL, failing ? FY_WARN : FY_INFO, failing ? "lease.late" : "lease.renewed",
                   fy_kv_err(&err));
        }
        (void)fy_bell_wait(&lease->stop_bell, -1, FY_LEASE_RENEW_MS);
    }
    return NULL;
}

enum fy_code fy_lease_open(struct fy_node *node, struct fy_lease **lease, struct fy_err *err)
{
    FY_ASSERT(*lease == NULL);
    struct fy_lease *opened = fy_alloc(sizeof(*opened));
    opened->node = node;
    enum fy_code code = fy_bell_init(&opened->stop_bell, err);
    if (code == FY_OK)
        code = fy_thread_start(&opened->thread, "lease", lease_main, opened, err);
    if (code != FY_OK) {
        fy_bell_done(&opened->stop_bell);
        free(opened);
        return code;
    }
    *lease = opened;
    return FY_OK;
}

void fy_lease_close(struct fy_lease *lease)
{
    if (lease == NULL)
        return;
    atomic_store(&lease->stopping, true);
    fy_bell_ring(&lease->stop_bell);
    pthread_join(lease->thread, NULL);
    fy_bell_done(&lease->stop_bell);
    free(lease);
}
