/* store_test.c - the simulated store keeps bodies as every store adapter must. */
#include <stdlib.h>

#include "tests/contract/store_contract.h"
#include "tests/sim/sim_store.h"

struct store_place {
    struct sim_disk *disk;
};

static struct store_place *place_new(void)
{
    struct store_place *place = fy_alloc(sizeof(*place));
    place->disk = sim_disk_new();
    return place;
}

static void place_free(struct store_place *place)
{
    sim_disk_free(place->disk);
    free(place);
}

static struct fy_store *open_in(struct store_place *place, const char *boot_id)
{
    return sim_store_open(place->disk, boot_id);
}

/* The other half of the suite kills processes, which a store in memory does not outlive. */
static void run_suite(void *failed)
{
    struct store_contract_adapter adapter = {
        .name = "sim", .place_new = place_new, .place_free = place_free, .open = open_in};
    *(int *)failed = store_contract_body(&adapter);
}

int main(void)
{
    int failed = 0;
    fiber_world_run(1, run_suite, &failed);
    return failed;
}
