/* rule.h - the one rule: what a change does to a register, decided the same way at every site
 * (DESIGN 3). */
#ifndef FY_CORE_RULE_H
#define FY_CORE_RULE_H

#include "common/core/digest.h"
#include "common/core/order.h"
#include "common/core/stamp.h"

/* Codes are CCS's (spec 3.5) and are stored; never renumber. */
enum fy_status {
    FY_STATUS_UNKNOWN = 0,
    FY_STATUS_UPLOAD = 100,
    FY_STATUS_DELETING = 102,
    FY_STATUS_READY = 200,
    FY_STATUS_DELETED = 204,
    FY_STATUS_ERR_DEL = 404,
    FY_STATUS_ERR_UPL = 500,
};
const char *fy_status_name(enum fy_status status); /* "READY" */
FY_MUST_CHECK bool fy_status_parse(const char *text, enum fy_status *status);

/* What the rule needs to know of a row, object or bucket. A row that is not there is all zero. */
struct fy_register {
    enum fy_status status; /* UNKNOWN when there is no row */
    struct fy_stamp
        stamp; /* of the last change that counted; an upload in progress keeps the old one */
    bool upload_alive; /* status UPLOAD, and its process's lease is alive */
    bool has_digest;   /* of a READY object */
    struct fy_digest digest;
};

/* Applying a change that carries a stamp: greater wins, equal is a duplicate, lower is superseded.
 * Status decides nothing. */
enum fy_verdict { FY_VERDICT_APPLY, FY_VERDICT_DUPLICATE, FY_VERDICT_SUPERSEDED };
enum fy_verdict fy_rule_apply(const struct fy_register *row, const struct fy_stamp *stamp);

/* A conflict: the change replaces or deletes a READY object whose bytes are not those it knew of.
 * A DELETE knows the hash of what it deleted (known NULL: it knew none, no conflict can be told); a
 * CREATE of a CCS object knew of no object; same bytes are never a conflict; under a container's
 * version policy (overwrites) names are written again, and deletes may come before what they
 * deleted: neither is one. Asked only when the verdict is APPLY. */
bool fy_rule_conflicts(const struct fy_register *row, enum fy_action action,
                       const struct fy_digest *known, bool overwrites);

/* A bucket is there while its register says so, or while any READY object is in it. */
bool fy_rule_bucket_there(const struct fy_register *bucket, bool has_ready_object);

/* May a local client do this now? FY_OK or the code of spec 6.1-6.3; the rows are what the
 * catalogue holds inside the transaction. */
FY_MUST_CHECK enum fy_code fy_rule_local_bucket_create(const struct fy_register *bucket,
                                                       bool has_ready_object); /* EEXISTS */
FY_MUST_CHECK enum fy_code
fy_rule_local_bucket_delete(const struct fy_register *bucket,
                            bool has_ready_object); /* ENOTFOUND, EGONE, ENOTACCEPT (not empty) */
FY_MUST_CHECK enum fy_code
fy_rule_local_upload(const struct fy_register *object, bool bucket_there,
                     bool overwrites); /* ENOTFOUND bucket, ENOTACCEPT uploading, EEXISTS */
FY_MUST_CHECK enum fy_code fy_rule_local_delete(const struct fy_register *object, bool bucket_there,
                                                bool *already); /* ENOTFOUND; *already: 204 again */

/* An order that was written too long ago for the tombstones that would defeat it: EXPIRED. */
bool fy_rule_expired(const struct fy_order *order, int64_t now_ms, int64_t tombstone_keep_ms);

/* Every branch of the rule counts its visits, so that the property test can prove it reached all.
 */
enum fy_rule_branch {
    FY_BRANCH_APPLY_NEW, /* no row */
    FY_BRANCH_APPLY_OVER_READY,
    FY_BRANCH_APPLY_OVER_DELETED,
    FY_BRANCH_APPLY_OVER_UPLOAD,
    FY_BRANCH_DUPLICATE,
    FY_BRANCH_SUPERSEDED,
    FY_BRANCH_CONFLICT_CREATE,
    FY_BRANCH_CONFLICT_DELETE,
    FY_BRANCH_SAME_BYTES,
    FY_BRANCH_OVERWRITTEN, /* no conflict: its source's container follows a version policy */
    FY_BRANCH_BUCKET_BY_REGISTER,
    FY_BRANCH_BUCKET_BY_OBJECTS,
    FY_BRANCH_BUCKET_ABSENT,
    FY_BRANCH_LOCAL_REFUSED_EXISTS,
    FY_BRANCH_LOCAL_REFUSED_NOT_EMPTY,
    FY_BRANCH_LOCAL_REFUSED_GONE,
    FY_BRANCH_LOCAL_REFUSED_ABSENT,
    FY_BRANCH_LOCAL_REFUSED_UPLOADING,
    FY_BRANCH_LOCAL_RECREATE, /* over a tombstone */
    FY_BRANCH_LOCAL_DELETE_AGAIN,
    FY_BRANCH_EXPIRED,
    FY_BRANCH_COUNT
};
const char *fy_rule_branch_name(enum fy_rule_branch branch);
uint64_t fy_rule_branch_visits(enum fy_rule_branch branch); /* relaxed atomic counter */

#endif
