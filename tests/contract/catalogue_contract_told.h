/* catalogue_contract_told.h - what is told of containers and of what is in them, as OpenIO tells
 * it: read back, and what makes it be told. */
#ifndef FY_TESTS_CATALOGUE_CONTRACT_TOLD_H
#define FY_TESTS_CATALOGUE_CONTRACT_TOLD_H

#include <jansson.h>

#include "common/core/oio.h"
#include "tests/contract/catalogue_contract.h"

#define TOLD_MAX 600

/* ------------------------------------------------------------------ what is told */

/* All that waits to be told of containers, parsed, in order. */
struct told {
    size_t rows, count;
    int64_t ids[TOLD_MAX];
    json_t *events[TOLD_MAX];
    char keys[TOLD_MAX][FY_OIO_KEY_BYTES + 1];
};

/* Owned by the caller, who ends it with told_free. */
struct told *told_of(struct contract *c);
void told_free(struct told *told);
/* As if all of it had been sent. */
void told_forget(struct contract *c);

/* Of the event, or of a section of it; "-" there is no such text. Borrowed. */
const char *told_text(const json_t *event, const char *section, const char *key);
/* Of the data of the event with this index. */
int64_t told_number(const struct told *told, size_t index, const char *key);
const json_t *told_item(const struct told *told, size_t index, size_t item);
/* The version of the object that the event is about. */
int64_t told_version(const struct told *told, size_t index);

/* expected: lines of all, with commas between: of "storage.container.new" it is "container.new", of
 * an object with its name behind. */
void told_expect(struct contract *c, const char *expected);
/* The data of the event, compact and with its keys sorted. */
void told_expect_data(const struct told *told, size_t index, const char *expected);

/* ------------------------------------------------------------------ what happens */

#define TOLD_ACCOUNT "Account 1"
#define TOLD_NAME    "my container"

/* The client that changes the container. */
struct fy_cat_asker told_asker(void);
/* The container by OpenIO's rules. */
void told_make(struct contract *c, const struct fy_property *properties, size_t count);
void told_set(struct contract *c, const struct fy_property *properties, size_t count, bool flush);
/* bucket-1 of client-1, which nothing has been told of. */
void told_bucket(struct contract *c);

/* Tells the sums that are due, of so many containers; how many there were. */
uint32_t told_states(struct contract *c, uint32_t limit);
/* A second later, all that is due then. */
void told_states_come(struct contract *c);

#endif
