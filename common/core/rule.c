/* rule.c - what a change does to a register: pure functions of the row and the change (DESIGN 3).
 */
#include "common/core/rule.h"

#include <stdatomic.h>
#include <string.h>

static const struct status_row {
    enum fy_status status;
    const char *name; /* CCS's word; never renamed */
} status_table[] = {
    {FY_STATUS_UNKNOWN, "UNKNOWN"},   {FY_STATUS_UPLOAD, "UPLOAD"},
    {FY_STATUS_READY, "READY"},       {FY_STATUS_ERR_UPL, "ERR_UPL"},
    {FY_STATUS_DELETING, "DELETING"}, {FY_STATUS_DELETED, "DELETED"},
    {FY_STATUS_ERR_DEL, "ERR_DEL"},
};

const char *fy_status_name(enum fy_status status)
{
    for (size_t i = 0; i < FY_COUNT_OF(status_table); i++)
        if (status_table[i].status == status)
            return status_table[i].name;
    FY_UNREACHABLE();
}

bool fy_status_parse(const char *text, enum fy_status *status)
{
    for (size_t i = 0; i < FY_COUNT_OF(status_table); i++) {
        if (strcmp(status_table[i].name, text) == 0) {
            *status = status_table[i].status;
            return true;
        }
    }
    return false;
}

/* Visits of each branch, by any thread; nothing hangs on their order. */
static _Atomic uint64_t branch_visits[FY_BRANCH_COUNT];

static const char *const branch_names[FY_BRANCH_COUNT] = {
    [FY_BRANCH_APPLY_NEW] = "apply_new",
    [FY_BRANCH_APPLY_OVER_READY] = "apply_over_ready",
    [FY_BRANCH_APPLY_OVER_DELETED] = "apply_over_deleted",
    [FY_BRANCH_APPLY_OVER_UPLOAD] = "apply_over_upload",
    [FY_BRANCH_DUPLICATE] = "duplicate",
    [FY_BRANCH_SUPERSEDED] = "superseded",
    [FY_BRANCH_CONFLICT_CREATE] = "conflict_create",
    [FY_BRANCH_CONFLICT_DELETE] = "conflict_delete",
    [FY_BRANCH_SAME_BYTES] = "same_bytes",
    [FY_BRANCH_OVERWRITTEN] = "overwritten",
    [FY_BRANCH_BUCKET_BY_REGISTER] = "bucket_by_register",
    [FY_BRANCH_BUCKET_BY_OBJECTS] = "bucket_by_objects",
    [FY_BRANCH_BUCKET_ABSENT] = "bucket_absent",
    [FY_BRANCH_LOCAL_REFUSED_EXISTS] = "local_refused_exists",
    [FY_BRANCH_LOCAL_REFUSED_NOT_EMPTY] = "local_refused_not_empty",
    [FY_BRANCH_LOCAL_REFUSED_GONE] = "local_refused_gone",
    [FY_BRANCH_LOCAL_REFUSED_ABSENT] = "local_refused_absent",
    [FY_BRANCH_LOCAL_REFUSED_UPLOADING] = "local_refused_uploading",
    [FY_BRANCH_LOCAL_RECREATE] = "local_recreate",
    [FY_BRANCH_LOCAL_DELETE_AGAIN] = "local_delete_again",
    [FY_BRANCH_EXPIRED] = "expired",
};

static void visit(enum fy_rule_branch branch)
{
    atomic_fetch_add_explicit(&branch_visits[branch], 1, memory_order_relaxed);
}

const char *fy_rule_branch_name(enum fy_rule_branch branch)
{
    FY_ASSERT((unsigned)branch < FY_BRANCH_COUNT);
    return branch_names[branch];
}

uint64_t fy_rule_branch_visits(enum fy_rule_branch branch)
{
    FY_ASSERT((unsigned)branch < FY_BRANCH_COUNT);
    return atomic_load_explicit(&branch_visits[branch], memory_order_relaxed);
}

/* What a change that applies finds in its place; for the counters only, the status decides nothing.
 */
static enum fy_rule_branch apply_branch(enum fy_status status)
{
    switch (status) {
    case FY_STATUS_UNKNOWN:
        return FY_BRANCH_APPLY_NEW;
    case FY_STATUS_READY:
        return FY_BRANCH_APPLY_OVER_READY;
    case FY_STATUS_UPLOAD:
    case FY_STATUS_ERR_UPL:
        return FY_BRANCH_APPLY_OVER_UPLOAD;
    case FY_STATUS_DELETING:
    case FY_STATUS_DELETED:
    case FY_STATUS_ERR_DEL:
        return FY_BRANCH_APPLY_OVER_DELETED;
    }
    FY_UNREACHABLE();
}

enum fy_verdict fy_rule_apply(const struct fy_register *row, const struct fy_stamp *stamp)
{
    FY_ASSERT(!fy_stamp_is_zero(stamp));
    int order = fy_stamp_compare(stamp, &row->stamp);
    if (order < 0) {
        visit(FY_BRANCH_SUPERSEDED);
        return FY_VERDICT_SUPERSEDED;
    }
    if (order == 0) {
        visit(FY_BRANCH_DUPLICATE);
        return FY_VERDICT_DUPLICATE;
    }
    visit(apply_branch(row->status));
    return FY_VERDICT_APPLY;
}

bool fy_rule_conflicts(const struct fy_register *row, enum fy_action action,
                       const struct fy_digest *known, bool overwrites)
{
    bool changes = action == FY_ACTION_CREATE || action == FY_ACTION_DELETE;
    if (!changes || row->status != FY_STATUS_READY || !row->has_digest)
        return false;
    if (known != NULL && fy_digest_equal(known, &row->digest)) {
        visit(FY_BRANCH_SAME_BYTES);
        return false;
    }
    if (overwrites) {
        visit(FY_BRANCH_OVERWRITTEN);
        return false;
    }
    if (action == FY_ACTION_DELETE) {
        if (known == NULL)
            return false;
        visit(FY_BRANCH_CONFLICT_DELETE);
        return true;
    }
    visit(FY_BRANCH_CONFLICT_CREATE);
    return true;
}

bool fy_rule_bucket_there(const struct fy_register *bucket, bool has_ready_object)
{
    if (bucket->status == FY_STATUS_READY) {
        visit(FY_BRANCH_BUCKET_BY_REGISTER);
        return true;
    }
    if (has_ready_object) {
        visit(FY_BRANCH_BUCKET_BY_OBJECTS);
        return true;
    }
    visit(FY_BRANCH_BUCKET_ABSENT);
    return false;
}

static enum fy_code refuse(enum fy_rule_branch branch, enum fy_code code)
{
    visit(branch);
    return code;
}

enum fy_code fy_rule_local_bucket_create(const struct fy_register *bucket, bool has_ready_object)
{
    if (fy_rule_bucket_there(bucket, has_ready_object))
        return refuse(FY_BRANCH_LOCAL_REFUSED_EXISTS, FY_EEXISTS);
    if (bucket->status == FY_STATUS_DELETED)
        visit(FY_BRANCH_LOCAL_RECREATE);
    return FY_OK;
}

enum fy_code fy_rule_local_bucket_delete(const struct fy_register *bucket, bool has_ready_object)
{
    if (!fy_rule_bucket_there(bucket, has_ready_object)) {
        if (bucket->status == FY_STATUS_DELETED)
            return refuse(FY_BRANCH_LOCAL_REFUSED_GONE, FY_EGONE);
        return refuse(FY_BRANCH_LOCAL_REFUSED_ABSENT, FY_ENOTFOUND);
    }
    if (has_ready_object)
        return refuse(FY_BRANCH_LOCAL_REFUSED_NOT_EMPTY, FY_ENOTACCEPT);
    return FY_OK;
}

enum fy_code fy_rule_local_upload(const struct fy_register *object, bool bucket_there,
                                  bool overwrites)
{
    if (!bucket_there)
        return refuse(FY_BRANCH_LOCAL_REFUSED_ABSENT, FY_ENOTFOUND);
    switch (object->status) {
    case FY_STATUS_UNKNOWN:
    case FY_STATUS_ERR_UPL:
        return FY_OK;
    case FY_STATUS_UPLOAD: /* of a dead process it counts as ERR_UPL (DESIGN 7) */
        return object->upload_alive ? refuse(FY_BRANCH_LOCAL_REFUSED_UPLOADING, FY_ENOTACCEPT)
                                    : FY_OK;
    case FY_STATUS_DELETED:
        visit(FY_BRANCH_LOCAL_RECREATE);
        return FY_OK;
    case FY_STATUS_READY:
        return overwrites ? FY_OK : refuse(FY_BRANCH_LOCAL_REFUSED_EXISTS, FY_EEXISTS);
    case FY_STATUS_DELETING: /* Ferry leaves neither: rows brought along from a CCS catalogue */
    case FY_STATUS_ERR_DEL:
        return refuse(FY_BRANCH_LOCAL_REFUSED_EXISTS, FY_EEXISTS);
    }
    FY_UNREACHABLE();
}

enum fy_code fy_rule_local_delete(const struct fy_register *object, bool bucket_there,
                                  bool *already)
{
    if (!bucket_there)
        return refuse(FY_BRANCH_LOCAL_REFUSED_ABSENT, FY_ENOTFOUND);
    switch (object->status) {
    case FY_STATUS_UNKNOWN:
    case FY_STATUS_UPLOAD: /* not there before it is READY, whoever is uploading it */
    case FY_STATUS_ERR_UPL:
        return refuse(FY_BRANCH_LOCAL_REFUSED_ABSENT, FY_ENOTFOUND);
    case FY_STATUS_DELETED:
        visit(FY_BRANCH_LOCAL_DELETE_AGAIN);
        *already = true;
        return FY_OK;
    case FY_STATUS_READY:
    case FY_STATUS_DELETING: /* begun and not ended: deleting again ends it */
    case FY_STATUS_ERR_DEL:
        *already = false;
        return FY_OK;
    }
    FY_UNREACHABLE();
}

bool fy_rule_expired(const struct fy_order *order, int64_t now_ms, int64_t tombstone_keep_ms)
{
    if (order->ordered_at_ms == 0)
        return false;
    if (order->ordered_at_ms >= now_ms - tombstone_keep_ms)
        return false;
    visit(FY_BRANCH_EXPIRED);
    return true;
}
