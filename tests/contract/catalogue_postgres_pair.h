/* catalogue_postgres_pair.h - two processes on one PostgreSQL catalogue. */
#ifndef FY_TESTS_CONTRACT_CATALOGUE_POSTGRES_PAIR_H
#define FY_TESTS_CONTRACT_CATALOGUE_POSTGRES_PAIR_H

#include "tests/contract/catalogue_postgres_place.h"

/* A second process on the place of the first: a catalogue of its own, a lease of its own. */
struct pair {
    struct contract *one;
    struct contract two;
    unsigned meetings; /* how often the two were let run at once */
};

/* Opens the second process beside the one that is the test's state; ends with pair_end. */
struct pair *pair_of(void **state);
void pair_end(struct pair *pair);

#define PAIR_ROUNDS 20 /* meetings of a test, some of which are at the same moment */

/* Runs both, each on its own connection, and now the one, now the other a little later, so that
 * they meet at different places. Whoever comes first: the test holds. */
void pair_run(struct pair *pair, struct fy_cat_op *first, struct fy_cat_op *second);
/* What is derived agrees with what it is derived from. */
void pair_check_sums(struct contract *c);

/* Renews the process's lease. */
enum fy_code pair_renew(struct contract *c);

/* Sets `count` orders aside that are due at once, named by pair_name. */
void pair_wait_many(struct contract *c, unsigned count);
void pair_name(char name[static 32], unsigned round);

#endif
