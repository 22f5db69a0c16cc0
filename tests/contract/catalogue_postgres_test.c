/* catalogue_postgres_test.c - the PostgreSQL catalogue on a real server: the contract. */
#include "tests/contract/catalogue_postgres_place.h"

int main(void)
{
    (void)catalogue_postgres_begin();
    int failed = catalogue_contract(&catalogue_postgres_factory);
    catalogue_postgres_end();
    return failed;
}
