/* sim_catalogue.h - the catalogue port over a real one, with faults and delays between. */
#ifndef FY_TESTS_SIM_SIM_CATALOGUE_H
#define FY_TESTS_SIM_SIM_CATALOGUE_H

#include "common/ports/catalogue.h"
#include "tests/sim/fiber.h"

struct sim_catalogue_faults {
    uint32_t before_one_of; /* writes that fail and have done nothing */
    uint32_t after_one_of;  /* writes that are committed, but nobody hears of it */
    uint32_t read_one_of;   /* reads that fail */
    int64_t delay_us_max;   /* of a write */
};

/* Told of each operation that was committed, whatever its submitter hears. */
typedef void sim_catalogue_see_fn(void *arg, struct fy_cat_op *op);
/* faults is read at every call; borrowed. see may be NULL. */
struct fy_catalogue *sim_catalogue_open(struct fy_catalogue *inner,
                                        const struct sim_catalogue_faults *faults,
                                        sim_catalogue_see_fn *see, void *arg);

#endif
