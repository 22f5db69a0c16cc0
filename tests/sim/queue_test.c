/* queue_test.c - the simulated queue does what every queue adapter must do. */
#include <string.h>

#include "tests/contract/queue_contract.h"
#include "tests/sim/sim_queue.h"

#define BROKERS_MAX 64 /* one for each test of the suite */

/* What a folder is to the others: who opens the same finds what was left there. */
static struct {
    char dir[64];
    struct sim_broker *broker;
} places[BROKERS_MAX];

static enum fy_code open_in(const char *dir, struct fy_clock *clock, struct fy_queue **queue,
                            struct fy_err *err)
{
    size_t at = 0;
    (void)err;
    while (places[at].broker != NULL && strcmp(places[at].dir, dir) != 0)
        at++;
    FY_ASSERT(at + 1 < BROKERS_MAX);
    if (places[at].broker == NULL) {
        FY_ASSERT(fy_text_copy(places[at].dir, sizeof(places[at].dir), dir));
        places[at].broker = sim_broker_new(clock, QUEUE_CONTRACT_PARTITIONS);
    }
    *queue = sim_queue_open(places[at].broker);
    return FY_OK;
}

static void run_suite(void *failed)
{
    const struct queue_contract_factory factory = {
        .name = "sim", .open = open_in, .in_memory = true, .whole = true};
    *(int *)failed = queue_contract_run(&factory);
}

int main(void)
{
    int failed = 0;
    fiber_world_run(1, run_suite, &failed);
    return failed;
}
