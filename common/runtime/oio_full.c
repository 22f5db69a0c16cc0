/* oio_full.c - the bound that OpenIO's clients meet. */
#include "common/runtime/oio_full.h"

bool fy_oio_is_full(struct fy_node *node)
{
    struct fy_err err = {.code = FY_OK};
    struct fy_catalogue_totals totals;
    if (!fy_config_tells_oio(node->config))
        return false;
    int64_t now_ms = fy_mono_ms(node->clock);
    int64_t due_ms = atomic_load(&node->oio_look_ms);
    /* One of those who ask at once looks; the others take what was seen last. */
    if (now_ms >= due_ms &&
        atomic_compare_exchange_strong(&node->oio_look_ms, &due_ms, now_ms + FY_OIO_LOOK_MS) &&
        fy_catalogue_totals(node->catalogue, &totals, &err) == FY_OK)
        atomic_store(&node->oio_full, totals.oio_events > FY_OIO_WAITING_MAX);
    return atomic_load(&node->oio_full);
}
