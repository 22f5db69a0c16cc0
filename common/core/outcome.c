/* outcome.c - the words for what became of an order. */
#include "common/ports/catalogue.h"

static const char *const outcome_names[] = {
    [FY_OUTCOME_APPLIED] = "applied",       [FY_OUTCOME_DUPLICATE] = "duplicate",
    [FY_OUTCOME_SUPERSEDED] = "superseded", [FY_OUTCOME_SETTLED] = "settled",
    [FY_OUTCOME_WAITING] = "waiting",       [FY_OUTCOME_DEAD] = "dead",
    [FY_OUTCOME_DROPPED] = "dropped",       [FY_OUTCOME_LOCAL] = "local",
};

const char *fy_outcome_name(enum fy_outcome outcome)
{
    FY_ASSERT((unsigned)outcome < FY_COUNT_OF(outcome_names));
    FY_ASSERT(outcome_names[outcome] != NULL);
    return outcome_names[outcome];
}
