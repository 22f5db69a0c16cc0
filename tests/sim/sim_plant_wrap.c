/* sim_plant_wrap.c - those of the planted bugs that sit in one function of Ferry's: the linker puts
 * these in front. The others are in the simulated ports. */
#include "api/orders.h"
#include "common/core/rule.h"
#include "common/runtime/publish_wait.h"
#include "tests/sim/sim_plant.h"
#include "worker/verdict.h"

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
#define WRAP(result, name, ...)                                                                    \
    result __real_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__);                                                             \
    result __wrap_##name(__VA_ARGS__)

WRAP(enum fy_verdict, fy_rule_apply, const struct fy_register *row, const struct fy_stamp *stamp)
{
    enum fy_verdict verdict = __real_fy_rule_apply(row, stamp);
    return sim_planted(SIM_LOWER_STAMP_WINS) && verdict == FY_VERDICT_SUPERSEDED ? FY_VERDICT_APPLY
                                                                                 : verdict;
}

WRAP(struct fy_stamp, fy_hlc_next, struct fy_hlc *hlc, const struct fy_stamp *floor)
{
    return __real_fy_hlc_next(hlc, sim_planted(SIM_NO_FLOOR) ? NULL : floor);
}

WRAP(bool, fy_rule_bucket_there, const struct fy_register *bucket, bool has_ready_object)
{
    return __real_fy_rule_bucket_there(bucket, has_ready_object && !sim_planted(SIM_BUCKET_ALONE));
}

WRAP(bool, fy_verdict_stored, const struct fy_promise *promise, int64_t size,
     const struct fy_digest *digest, struct fy_failure *failure)
{
    return sim_planted(SIM_UNPROVEN) || __real_fy_verdict_stored(promise, size, digest, failure);
}

WRAP(enum fy_code, fy_publish_wait, struct fy_queue *queue, const struct fy_record *records,
     size_t count, size_t *accepted, struct fy_err *err)
{
    enum fy_code code = __real_fy_publish_wait(queue, records, count, accepted, err);
    return sim_planted(SIM_OUTBOX_FORGETS) ? FY_OK : code;
}

WRAP(enum fy_code, fy_order_batch_publish_wait, struct fy_order_batch *batch, size_t *accepted,
     struct fy_err *err)
{
    enum fy_code code = __real_fy_order_batch_publish_wait(batch, accepted, err);
    return sim_planted(SIM_ANSWERS_EARLY) ? FY_OK : code;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
