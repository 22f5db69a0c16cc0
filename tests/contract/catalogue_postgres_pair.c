/* catalogue_postgres_pair.c - two processes on one PostgreSQL catalogue. */
#include "tests/contract/catalogue_postgres_pair.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

/* ------------------------------------------------------------------ at the same moment */

struct side {
    struct contract *c;
    struct fy_cat_op *op;
    pthread_barrier_t *barrier;
    long late_us;
    enum fy_code code;
};

static void *run_side(void *arg)
{
    struct side *side = arg;
    const struct timespec late = {.tv_nsec = side->late_us * 1000L};
    (void)pthread_barrier_wait(side->barrier);
    (void)nanosleep(&late, NULL);
    side->code = fy_catalogue_write(side->c->catalogue, &side->op, 1, &side->c->err);
    return NULL;
}

void pair_run(struct pair *pair, struct fy_cat_op *first, struct fy_cat_op *second)
{
    pthread_barrier_t barrier;
    struct side sides[] = {{.c = pair->one, .op = first, .barrier = &barrier},
                           {.c = &pair->two, .op = second, .barrier = &barrier}};
    pthread_t threads[2];
    unsigned meeting = pair->meetings++;
    sides[meeting % 2].late_us = 500L * (meeting / 2 % 8);
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    for (size_t index = 0; index < 2; index++)
        assert_int_equal(pthread_create(&threads[index], NULL, run_side, &sides[index]), 0);
    for (size_t index = 0; index < 2; index++) {
        assert_int_equal(pthread_join(threads[index], NULL), 0);
        if (sides[index].code != FY_OK)
            fail_msg("side %zu: %s", index, sides[index].c->err.text);
    }
    assert_int_equal(pthread_barrier_destroy(&barrier), 0);
}

void pair_check_sums(struct contract *c)
{
    struct fy_catalogue_totals totals = contract_totals(c);
    assert_int_equal(
        totals.objects,
        catalogue_postgres_number(c->place, "SELECT count(*) FROM object WHERE status = 200"));
    assert_int_equal(
        totals.bytes,
        catalogue_postgres_number(
            c->place, "SELECT coalesce(sum(size), 0)::bigint FROM object WHERE status = 200"));
    assert_int_equal(
        totals.containers,
        catalogue_postgres_number(c->place, "SELECT count(*) FROM container WHERE there = 1"));
    assert_int_equal(totals.kept_objects,
                     catalogue_postgres_number(
                         c->place, "SELECT count(*) FROM object WHERE kept_body IS NOT NULL"));
    assert_int_equal(totals.kept_bytes,
                     catalogue_postgres_number(c->place,
                                               "SELECT coalesce(sum(size), 0)::bigint FROM object "
                                               "WHERE kept_body IS NOT NULL"));
    assert_int_equal(totals.outbox_orders,
                     catalogue_postgres_number(c->place, "SELECT count(*) FROM outbox"));
    /* A container is there while its register says so or an object is in it. */
    assert_int_equal(
        catalogue_postgres_number(
            c->place, "SELECT count(*) FROM container c WHERE there <> (CASE WHEN status = 200 OR "
                      "EXISTS(SELECT 1 FROM object o WHERE o.container_id = c.id AND o.status = "
                      "200) THEN 1 ELSE 0 END)"),
        0);
    assert_int_equal(catalogue_postgres_number(
                         c->place, "SELECT count(*) FROM object WHERE status = 200 AND body_id IS "
                                   "NULL"),
                     0);
}
