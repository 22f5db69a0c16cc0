/* queue_sqlite_help.h - the SQLite queue as a factory of the queue's suite, and a look into its
 * file. */
#ifndef FY_TESTS_CONTRACT_QUEUE_SQLITE_HELP_H
#define FY_TESTS_CONTRACT_QUEUE_SQLITE_HELP_H

#include "tests/contract/queue_contract.h"

#define QUEUE_SQLITE_SMALL_BYTES (4 << 20)

extern const struct queue_contract_factory queue_sqlite_factory;
extern const struct queue_contract_factory queue_sqlite_small_factory; /* a file of at most 4 MiB */

/* An open queue with the topic "orders". */
struct queue_fixture *queue_sqlite_fixture_new(const struct queue_contract_factory *factory);
/* The first column of the first row, asked of the file behind the queue's back. */
void queue_sqlite_ask(const char *dir, const char *sql, char answer[static 64]);

#endif
