/* sim_plant.h - bugs that are put in on purpose, from outside of Ferry's code: the simulator must
 * find each. */
#ifndef FY_TESTS_SIM_SIM_PLANT_H
#define FY_TESTS_SIM_SIM_PLANT_H

#include <stdbool.h>

enum sim_plant {
    SIM_NO_PLANT,
    SIM_LOWER_STAMP_WINS, /* an order changes a row whatever their stamps (DESIGN 3) */
    SIM_NO_FLOOR,         /* a local change does not look at the stamp of what it changes (3) */
    SIM_BUCKET_ALONE,     /* a bucket is there by its register's word alone (3) */
    SIM_APPLY_ORDERS,     /* applying an order writes an order (3) */
    SIM_UNPROVEN,         /* what was pulled is not compared with the promise (3) */
    SIM_OUTBOX_FORGETS,   /* rows of the outbox go before the queue has acknowledged them (4) */
    SIM_SENDER_FORGETS,   /* a batch is done, whatever the site answered (4) */
    SIM_WAITING_FORGETS,  /* an order that failed gets no row in waiting (4) */
    SIM_COMMITS_RECEIVED, /* the offset committed is that of what was received (1, 4) */
    SIM_ANSWERS_EARLY,    /* 201 before the queue has acknowledged (1) */
    SIM_NOT_DURABLE,      /* a row may come before its body is durable (5) */
    SIM_SWEEPS_NAMED,     /* what a dead process left is swept although rows name it (5) */
    SIM_PLANTS
};

/* Before a world runs. */
void sim_plant_set(enum sim_plant plant);
bool sim_planted(enum sim_plant plant);
const char *sim_plant_name(enum sim_plant plant);
enum sim_plant sim_plant_find(const char *name); /* SIM_NO_PLANT: there is none of that name */

#endif
