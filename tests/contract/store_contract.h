/* store_contract.h - what every store must do (common/ports/store.h). An adapter's test lists its
 * adapter here and gets the whole suite. */
#ifndef FY_TESTS_CONTRACT_STORE_CONTRACT_H
#define FY_TESTS_CONTRACT_STORE_CONTRACT_H

#include "common/ports/store.h"

struct store_place; /* the adapter's own: where bodies are kept between two openings */

struct store_contract_adapter {
    const char *name;                       /* of the group of tests */
    struct store_place *(*place_new)(void); /* an empty one */
    void (*place_free)(struct store_place *place);
    /* Opens a store there, without a floor under its free space. Also called in a forked process.
     */
    struct fy_store *(*open)(struct store_place *place, const char *boot_id);
};

/* Runs the suite; returns how many tests failed. */
int store_contract_run(struct store_contract_adapter *adapter);

#endif
