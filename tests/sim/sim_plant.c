/* sim_plant.c - which bug is put in, and their names. */
#include "tests/sim/sim_plant.h"

#include <string.h>

/* Set once, before the world runs. */
static enum sim_plant planted;

static const char *const names[SIM_PLANTS] = {
    [SIM_NO_PLANT] = "none",
    [SIM_LOWER_STAMP_WINS] = "lower-stamp-wins",
    [SIM_NO_FLOOR] = "no-floor",
    [SIM_BUCKET_ALONE] = "bucket-alone",
    [SIM_APPLY_ORDERS] = "apply-orders",
    [SIM_UNPROVEN] = "unproven",
    [SIM_OUTBOX_FORGETS] = "outbox-forgets",
    [SIM_SENDER_FORGETS] = "sender-forgets",
    [SIM_WAITING_FORGETS] = "waiting-forgets",
    [SIM_COMMITS_RECEIVED] = "commits-received",
    [SIM_ANSWERS_EARLY] = "answers-early",
    [SIM_NOT_DURABLE] = "not-durable",
    [SIM_SWEEPS_NAMED] = "sweeps-named",
};

void sim_plant_set(enum sim_plant plant)
{
    planted = plant;
}

bool sim_planted(enum sim_plant plant)
{
    return planted == plant;
}

const char *sim_plant_name(enum sim_plant plant)
{
    return names[plant];
}

enum sim_plant sim_plant_find(const char *name)
{
    for (enum sim_plant plant = SIM_NO_PLANT + 1; plant < SIM_PLANTS; plant++)
        if (strcmp(names[plant], name) == 0)
            return plant;
    return SIM_NO_PLANT;
}
