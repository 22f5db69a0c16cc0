/* queue_sqlite_help.c - the SQLite queue as a factory of the queue's suite. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/adapters/queue_sqlite.h"
#include "tests/contract/queue_sqlite_help.h"

static void path_in(const char *dir, char path[static 96])
{
    (void)snprintf(path, 96, "%s/queue.db", dir);
}

static enum fy_code open_with(const char *dir, int64_t bytes_max, struct fy_clock *clock,
                              struct fy_queue **queue, struct fy_err *err)
{
    char path[96];
    path_in(dir, path);
    const struct fy_queue_sqlite_settings settings = {.path = path,
                                                      .clock = clock,
                                                      .partition_count = QUEUE_CONTRACT_PARTITIONS,
                                                      .bytes_max = bytes_max};
    return fy_queue_sqlite_open(&settings, queue, err);
}

static enum fy_code open_plain(const char *dir, struct fy_clock *clock, struct fy_queue **queue,
                               struct fy_err *err)
{
    return open_with(dir, 0, clock, queue, err);
}

static enum fy_code open_small(const char *dir, struct fy_clock *clock, struct fy_queue **queue,
                               struct fy_err *err)
{
    return open_with(dir, QUEUE_SQLITE_SMALL_BYTES, clock, queue, err);
}

const struct queue_contract_factory queue_sqlite_factory = {"sqlite", open_plain, false,
                                                            true,     0,          false};
const struct queue_contract_factory queue_sqlite_small_factory = {
    "sqlite, small", open_small, false, true, 0, false};

struct queue_fixture *queue_sqlite_fixture_new(const struct queue_contract_factory *factory)
{
    struct queue_fixture *f = queue_fixture_new(factory);
    queue_fixture_open(f);
    queue_fixture_topic(f, "orders");
    return f;
}

void queue_sqlite_ask(const char *dir, const char *sql, char answer[static 64])
{
    char path[96];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    path_in(dir, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    int step = sqlite3_step(statement);
    assert_true(step == SQLITE_ROW || step == SQLITE_DONE);
    const char *text = step == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : "";
    (void)snprintf(answer, 64, "%s", text == NULL ? "" : text);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}
