/* fake_store.h - the store port in memory, with faults on demand. */
#ifndef FY_TESTS_FAKE_STORE_H
#define FY_TESTS_FAKE_STORE_H

#include "common/ports/store.h"

struct fake_store;
enum fake_store_step { FAKE_BEGIN, FAKE_APPEND, FAKE_FINISH, FAKE_STORE_STEPS };

struct fake_store *fake_store_new(void);
void fake_store_free(struct fake_store *store); /* no writer is open */
struct fy_store *fake_store_port(struct fake_store *store);
/* The next count calls of the step fail with code; count -1: until told otherwise (0: well again).
 */
void fake_store_fail(struct fake_store *store, enum fake_store_step step, enum fy_code code,
                     int count);
/* No hash goes on while they are held. */
void fake_store_hold_hashes(struct fake_store *store, bool hold);
/* What fy_store_space says. */
void fake_store_full(struct fake_store *store, bool full);
/* A body that is there already. */
void fake_store_place(struct fake_store *store, const char *blob_ref,
                      const struct fy_digest *digest, int64_t size);
size_t fake_store_bodies(struct fake_store *store);
int fake_store_writers(struct fake_store *store); /* open ones */
/* The bytes of a body; false: there is none. */
bool fake_store_has(struct fake_store *store, const char *blob_ref, struct fy_digest *digest);

#endif
