/* catalogue_postgres_place.h - where the tests of the PostgreSQL catalogue keep its tables. */
#ifndef FY_TESTS_CATALOGUE_POSTGRES_PLACE_H
#define FY_TESTS_CATALOGUE_POSTGRES_PLACE_H

#include "tests/contract/catalogue_contract.h"
#include "tests/support/postgres_server.h"

/* A place is a schema of its own on one server. Begin starts it for the whole program. */
extern const struct catalogue_factory catalogue_postgres_factory;
struct postgres_server *catalogue_postgres_begin(void);
void catalogue_postgres_end(void);

#define CATALOGUE_POSTGRES_DEAD_MS 1500 /* how soon a process that is silent counts as dead */
#define PLACE_URL_BYTES            256
void catalogue_postgres_url(const void *place, char url[static PLACE_URL_BYTES]);
/* Runs SQL in the place, or reads one number from it. */
void catalogue_postgres_exec(const void *place, const char *sql);
int64_t catalogue_postgres_number(const void *place, const char *sql);

#endif
