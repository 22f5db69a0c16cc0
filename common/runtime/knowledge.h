/* knowledge.h - who the sites are and who may do what, from the cache, filled from the catalogue.
 */
#ifndef FY_RUNTIME_KNOWLEDGE_H
#define FY_RUNTIME_KNOWLEDGE_H

#include "common/runtime/node.h"

/* Sites by insertion order, own included, from the cache (60 s). visit false stops. May block on
 * the catalogue: pool threads. The router must not use it (DESIGN 4). */
FY_MUST_CHECK enum fy_code fy_know_sites(struct fy_node *node, fy_site_visit_fn *visit, void *arg,
                                         struct fy_err *err);
/* FY_ENOTFOUND for an unknown id. */
FY_MUST_CHECK enum fy_code fy_know_site(struct fy_node *node, const char *id,
                                        struct fy_site_row *row, struct fy_err *err);
/* *rights 0 when there is no row. A refusal is re-read from the catalogue before it counts: needed
 * says which bits the caller wants; the answer is fresh whenever it lacks one of them. */
FY_MUST_CHECK enum fy_code fy_know_rights(struct fy_node *node, const char *client,
                                          const char *bucket, unsigned needed, unsigned *rights,
                                          struct fy_err *err);
/* After a write. rights: of any client on the bucket (an administrative write; a bucket that was
 * made or deleted, here or by an order). Thread: any; while the shared cache hangs, it
 * takes some time-outs of it. */
void fy_know_sites_changed(struct fy_node *node);
void fy_know_rights_changed(struct fy_node *node, const char *bucket);

#endif
