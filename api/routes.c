/* routes.c - all that Ferry serves, as tables: one per resource. */
#include "api/http.h"

const struct fy_route_table *const fy_tables_api[] = {
    &fy_routes_remote,       &fy_routes_local,      &fy_routes_orders,
    &fy_routes_buckets,      &fy_routes_objects,    &fy_routes_administration,
    &fy_routes_content,      &fy_routes_containers, &fy_routes_sites,
    &fy_routes_waiting,      &fy_routes_conflicts,  &fy_routes_lag,
    &fy_routes_digests,      &fy_routes_verify,     &fy_routes_undelete,
    &fy_routes_backfills,    &fy_routes_health,     &fy_routes_oio_container,
    &fy_routes_oio_property, &fy_routes_oio_list,   &fy_routes_oio_snapshot,
    &fy_routes_oio_content,
};
const size_t fy_tables_api_count = FY_COUNT_OF(fy_tables_api);

const struct fy_route_table *const fy_tables_admin[] = {
    &fy_routes_lag,
    &fy_routes_health,
};
const size_t fy_tables_admin_count = FY_COUNT_OF(fy_tables_admin);
