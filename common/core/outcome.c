/* outcome.c - the words for what became of an order, and for what is wrong with a body. */
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

static const char *const damage_names[] = {
    [FY_DAMAGE_NONE] = "NONE", [FY_DAMAGE_MISSING] = "MISSING",       [FY_DAMAGE_SIZE] = "SIZE",
    [FY_DAMAGE_HASH] = "HASH", [FY_DAMAGE_UNREADABLE] = "UNREADABLE",
};

const char *fy_damage_name(enum fy_damage damage)
{
    FY_ASSERT((unsigned)damage < FY_COUNT_OF(damage_names));
    return damage_names[damage];
}
