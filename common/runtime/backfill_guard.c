/* backfill_guard.c - deletes that came too late. */
#include "common/runtime/backfill_guard.h"

#include <string.h>

struct guard {
    const char *account; /* "" any */
    int64_t now_ms, keep_ms;
    int64_t last_id;
    uint32_t seen; /* rows of the page */
    int64_t found; /* the row's id, 0 none */
};

static bool look(void *arg, const struct fy_waiting_row *row)
{
    struct guard *guard = arg;
    const struct fy_order *order = &row->order;
    guard->last_id = row->id;
    guard->seen++;
    bool late = row->reason == FY_EXPIRED || fy_rule_expired(order, guard->now_ms, guard->keep_ms);
    bool meant = guard->account[0] == '\0' || strcmp(fy_order_account(order), guard->account) == 0;
    if (order->action == FY_ACTION_DELETE && late && meant)
        guard->found = row->id;
    return guard->found == 0;
}

enum fy_code fy_backfill_guard(struct fy_node *node, const char *account, const char *bucket,
                               struct fy_err *err)
{
    struct fy_waiting_filter filter = {
        .id = -1, .state = FY_DEAD, .direction = FY_IN, .limit = FY_LIST_PAGE_MAX};
    struct guard guard = {.account = account,
                          .now_ms = fy_wall_ms(node->clock),
                          .keep_ms = node->config->tombstones_keep_ms};
    FY_ASSERT(fy_text_copy(filter.bucket, sizeof(filter.bucket), bucket));
    do {
        guard.seen = 0;
        filter.after_id = guard.last_id;
        enum fy_code code = fy_catalogue_waiting_list(node->catalogue, &filter, look, &guard, err);
        if (code != FY_OK)
            return code;
    } while (guard.found == 0 && guard.seen == FY_LIST_PAGE_MAX);
    if (guard.found == 0)
        return FY_OK;
    return fy_err_set(err, FY_EEXISTS,
                      "a delete came too late to be applied (ferry failed show %lld): what it was "
                      "about would come back elsewhere; delete it here or drop the order, or force",
                      (long long)guard.found);
}
