/* change.h - what a client changes here besides uploads: buckets made and deleted, objects deleted.
 */
/*
 * Each is one catalogue operation in the name of the exchange's client and op-id, which also writes
 * the order for the other sites; then those are woken who have to know. Thread: pool.
 */
#ifndef FY_API_CHANGE_H
#define FY_API_CHANGE_H

#include "api/http.h"

/* targets: fy_targets_check has passed it; NULL all sites. *row on FY_OK. Errors: those of struct
 * fy_cat_bucket_create; nothing is answered. */
FY_MUST_CHECK enum fy_code fy_change_bucket_create(struct fy_exchange *x, const char *bucket,
                                                   const char *targets,
                                                   struct fy_container_row *row,
                                                   struct fy_err *err);
/* Answers 204 or the error. account "": the bucket that the CCS API shows under that name. */
void fy_change_bucket_delete(struct fy_exchange *x, const char *account, const char *bucket);
/* version: only this one; 0: the newest by the container's rules. */
void fy_change_object_delete(struct fy_exchange *x, const struct fy_object_key *key,
                             int64_t version);
/* Who asks, for the events that tell of a change; borrows of the exchange. */
struct fy_cat_asker fy_change_asker(struct fy_exchange *x);

#endif
