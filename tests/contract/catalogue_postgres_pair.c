/* catalogue_postgres_pair.c - two processes on one PostgreSQL catalogue. */
#include "tests/contract/catalogue_postgres_pair.h"

#include <stdio.h>
#include <stdlib.h>

struct pair *pair_of(void **state)
{
    struct pair *pair = fy_alloc(sizeof *pair);
    pair->one = *state;
    pair->two = (struct contract){
        .factory = pair->one->factory, .place = pair->one->place, .clock = pair->one->clock};
    contract_open(&pair->two);
    assert_int_not_equal(pair->one->slot, pair->two.slot);
    return pair;
}

void pair_end(struct pair *pair)
{
    contract_close(&pair->two);
    free(pair);
}

enum fy_code pair_renew(struct contract *c)
{
    struct fy_cat_lease_renew op = {.op.kind = FY_CAT_LEASE_RENEW};
    return contract_run(c, &op.op);
}

void pair_name(char name[static 32], unsigned round)
{
    (void)snprintf(name, 32, "o%u", round);
}

void pair_wait_many(struct contract *c, unsigned count)
{
    for (unsigned index = 0; index < count; index++) {
        char name[32];
        pair_name(name, index);
        struct fy_cat_wait wait = {.op.kind = FY_CAT_WAIT,
                                   .row = {.state = FY_WAITING, .reason = FY_SRC_UNREACHABLE}};
        wait.row.order =
            contract_order(c, FY_ACTION_CREATE, "client-1", "bucket-1", name, name, 10).order;
        wait.row.due_ms = CONTRACT_T0;
        assert_int_equal(contract_run(c, &wait.op), FY_OK);
    }
}
