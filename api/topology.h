/* topology.h - sites as CCS's Topology (spec 3.6): parse, print, write. For /administration and
 * /ferry/v1. */
#ifndef FY_API_TOPOLOGY_H
#define FY_API_TOPOLOGY_H

#include "api/http.h"

const char *fy_topology_status_name(enum fy_site_status status); /* "UP" */
FY_MUST_CHECK bool fy_topology_status_parse(const char *text, enum fy_site_status *status);
/* id, name, uri and status are checked: the id by fy_site_is_valid, the uri must parse; a missing
 * status is UNKNOWN, a missing name "". Errors: FY_EINPUT. */
FY_MUST_CHECK enum fy_code fy_topology_parse(const char *bytes, size_t size_bytes,
                                             struct fy_site_row *row, struct fy_err *err);
void fy_topology_json(const struct fy_site_row *row, struct fy_buf *json);
/* One FY_CAT_SITE operation; the cache forgets the topology. */
FY_MUST_CHECK enum fy_code fy_topology_write(struct fy_node *node, enum fy_site_action action,
                                             struct fy_site_row *row, struct fy_err *err);

#endif
