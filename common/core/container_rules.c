/* container_rules.c - what a container's rules say. */
#include "common/ports/catalogue_row.h"

enum fy_container_state fy_container_state_at(const struct fy_container_rules *rules,
                                              int64_t now_ms)
{
    bool ended = rules->frozen_until_ms != 0 && rules->frozen_until_ms <= now_ms;
    return rules->state == FY_CONTAINER_FROZEN && ended ? FY_CONTAINER_ENABLED : rules->state;
}
