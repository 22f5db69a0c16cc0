/* catalogue_sqlite_place.h - where the tests of the SQLite catalogue keep its file. */
#ifndef FY_TESTS_CATALOGUE_SQLITE_PLACE_H
#define FY_TESTS_CATALOGUE_SQLITE_PLACE_H

#include "tests/contract/catalogue_contract.h"

/* A place is the path of a folder of its own, as text; the catalogue is the file c.db in it. */
extern const struct catalogue_factory catalogue_sqlite_factory;

#define PLACE_PATH_BYTES 512
/* The path of a file of the place: "c.db", "c.db-wal". */
void catalogue_sqlite_path(const void *place, const char *file, char path[static PLACE_PATH_BYTES]);
/* Runs SQL on the file, which nobody has open, or reads one number from it. */
void catalogue_sqlite_exec(const void *place, const char *sql);
int64_t catalogue_sqlite_number(const void *place, const char *sql);

#endif
