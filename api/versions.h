/* versions.h - versions of objects by Ferry's own routes. */
#ifndef FY_API_VERSIONS_H
#define FY_API_VERSIONS_H

#include "api/http.h"

/* Fills the key's account when it is "": that of the container which CCS shows under the name.
 * FY_ENOTFOUND: there is none. Thread: pool. */
FY_MUST_CHECK enum fy_code fy_versions_account(struct fy_exchange *x, struct fy_object_key *key,
                                               struct fy_err *err);
/* GET /ferry/v1/objects?versions=1: a page of a container's versions, by name, newest first.
 * Answers. Thread: pool. */
void fy_versions_list(struct fy_exchange *x);

#endif
