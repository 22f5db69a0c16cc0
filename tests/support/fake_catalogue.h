/* fake_catalogue.h - the catalogue port in memory: what the engine uses of it, with faults. */
#ifndef FY_TESTS_FAKE_CATALOGUE_H
#define FY_TESTS_FAKE_CATALOGUE_H

#include "common/ports/catalogue.h"

struct fake_catalogue;
struct fake_catalogue *fake_catalogue_new(void);
void fake_catalogue_free(struct fake_catalogue *catalogue);
struct fy_catalogue *fake_catalogue_port(struct fake_catalogue *catalogue);

/* A site of the topology; uri "" makes its row useless. */
void fake_catalogue_site(struct fake_catalogue *catalogue, const char *id, const char *uri);
#define FAKE_BODY_REF "here:%lld" /* where the store has it, by its id */
/* A body that is known already. Returns its id. */
int64_t fake_catalogue_body(struct fake_catalogue *catalogue, const struct fy_digest *digest,
                            int64_t size);
/* The body is swept: links to it are refused from now on, while look still finds it. */
void fake_catalogue_sweep(struct fake_catalogue *catalogue, int64_t body_id);
/* Clients and buckets that are refused ("" none). */
void fake_catalogue_forbid(struct fake_catalogue *catalogue, const char *client);
/* Its right is taken away between look and write. */
void fake_catalogue_forbid_late(struct fake_catalogue *catalogue, const char *client);
void fake_catalogue_hide(struct fake_catalogue *catalogue, const char *bucket);
/* Orders for that bucket are refused as long as it is that one. */
void fake_catalogue_freeze(struct fake_catalogue *catalogue, const char *bucket);
/* The containers are known from now on, or not: then orders need a description. */
void fake_catalogue_know_containers(struct fake_catalogue *catalogue, bool known);

/* Faults. The next count transactions fail (-1: until told otherwise); happened: they take effect
 * all the same, only their answer is lost. */
void fake_catalogue_fail_writes(struct fake_catalogue *catalogue, enum fy_code code, int count,
                                bool happened);
void fake_catalogue_fail_looks(struct fake_catalogue *catalogue, enum fy_code code, int count);

/* What is there. */
struct fake_object {
    bool exists;
    enum fy_status status;
    struct fy_stamp stamp;
    struct fy_digest digest;
    int64_t size;
    enum fy_proof proof;
    bool linked;
    bool described; /* the container's description came with it */
    char blob_ref[FY_BLOB_REF_BYTES_MAX + 1];
    int applied; /* times its row was written */
};
struct fake_object fake_catalogue_object(struct fake_catalogue *catalogue, const char *object);
size_t fake_catalogue_ready(struct fake_catalogue *catalogue); /* READY objects */
/* Rows of `waiting` in a state, and one of them by its object (false: none). */
size_t fake_catalogue_waiting(struct fake_catalogue *catalogue, enum fy_wait_state state);
bool fake_catalogue_waiting_row(struct fake_catalogue *catalogue, const char *object,
                                struct fy_waiting_row *row);
/* A person's retry. */
void fake_catalogue_retry(struct fake_catalogue *catalogue, const char *object);
/* The order that waits or is dead was written then. */
void fake_catalogue_age(struct fake_catalogue *catalogue, const char *object,
                        int64_t ordered_at_ms);
size_t fake_catalogue_outcomes(struct fake_catalogue *catalogue, enum fy_outcome outcome);
size_t fake_catalogue_wakes(struct fake_catalogue *catalogue); /* WAKE edits */

/* Waits until the condition holds, looked at after every transaction; false after a minute. */
bool fake_catalogue_wait(struct fake_catalogue *catalogue, bool (*holds)(void *arg), void *arg);

#endif
