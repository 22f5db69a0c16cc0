/* catalogue_sqlite_place.c - folders for the tests of the SQLite catalogue, and a way around the
 * port. */
#include "tests/contract/catalogue_sqlite_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/adapters/catalogue_sqlite.h"
#include "tests/support/temp.h"

void catalogue_sqlite_path(const void *place, const char *file, char path[static PLACE_PATH_BYTES])
{
    int size = snprintf(path, PLACE_PATH_BYTES, "%s/%s", (const char *)place, file);
    assert_true(size > 0 && size < PLACE_PATH_BYTES);
}

static void *place_new(void)
{
    char path[TEMP_BYTES];
    temp_folder("catalogue", path);
    return fy_strdup(path);
}

static void place_free(void *place)
{
    static const char *const files[] = {"c.db", "c.db-wal", "c.db-shm", "c.db.lock"};
    char path[PLACE_PATH_BYTES];
    for (size_t index = 0; index < FY_COUNT_OF(files); index++) {
        catalogue_sqlite_path(place, files[index], path);
        (void)unlink(path); /* which of them there are depends on how the test ended */
    }
    assert_int_equal(rmdir(place), 0); /* and nothing else was left */
    free(place);
}

static enum fy_code place_open(void *place, struct fy_clock *clock, const char *site,
                               struct fy_catalogue **catalogue, struct fy_err *err)
{
    char path[PLACE_PATH_BYTES];
    catalogue_sqlite_path(place, "c.db", path);
    struct fy_catalogue_sqlite_settings settings = {.path = path,
                                                    .common = contract_settings(clock, site)};
    return fy_catalogue_sqlite_open(&settings, catalogue, err);
}

static sqlite3 *raw_open(const void *place)
{
    char path[PLACE_PATH_BYTES];
    sqlite3 *db = NULL;
    catalogue_sqlite_path(place, "c.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

void catalogue_sqlite_exec(const void *place, const char *sql)
{
    sqlite3 *db = raw_open(place);
    char *message = NULL;
    int result = sqlite3_exec(db, sql, NULL, NULL, &message);
    if (result != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int64_t catalogue_sqlite_number(const void *place, const char *sql)
{
    sqlite3 *db = raw_open(place);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return number;
}

const struct catalogue_factory catalogue_sqlite_factory = {
    .name = "sqlite",
    .place_new = place_new,
    .place_free = place_free,
    .exec = catalogue_sqlite_exec,
    .open = place_open,
};
