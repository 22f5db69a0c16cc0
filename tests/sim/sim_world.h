/* sim_world.h - one seed: three sites, their clients, what goes wrong, and who judges. */
#ifndef FY_TESTS_SIM_SIM_WORLD_H
#define FY_TESTS_SIM_SIM_WORLD_H

#include "tests/sim/sim_site.h"

#define SIM_BUCKETS     2
#define SIM_NAMES       3
#define SIM_HISTORY_MAX 4096
#define SIM_POSTED_MAX  1024

/* A change that a client made: what its order says. The oracle knows nothing else. */
struct sim_change {
    int site;
    struct fy_order order;
};
/* An order that a client gave directly and that was accepted. */
struct sim_posted {
    int site;
    char op_id[FY_OP_ID_BYTES_MAX + 1];
};

struct sim_world {
    uint64_t seed;
    uint32_t steps;
    const char *folder, *template_folder;
    struct sim_site sites[SIM_SITES];
    struct sim_host hosts[SIM_SITES];
    struct sim_net net;
    struct sim_change history[SIM_HISTORY_MAX];
    size_t history_count;
    uint64_t local_operations; /* that must each have written one order */
    struct sim_posted posted[SIM_POSTED_MAX];
    size_t posted_count;
    uint64_t values, operations;
    bool failed;
};

/* Says what is wrong, once. */
__attribute__((format(printf, 2, 3))) void sim_fail(struct sim_world *world, const char *format,
                                                    ...);

/* sim_client.c */
void sim_client_see(void *arg, struct fy_cat_op *op); /* arg: struct sim_site */
/* Adds what the outbox has of changes to the history. */
void sim_client_note(struct sim_site *site, struct fy_catalogue *rows);
void sim_client_step(struct sim_world *world);
void sim_client_retry_dead(struct sim_site *site);
struct sim_world *sim_world_of(struct sim_site *site);
/* The bytes that clients store, by number; free()d by the caller. */
char *sim_value(uint32_t value, size_t *size_bytes);
#define SIM_VALUES 6

/* sim_judge.c */
bool sim_is_quiet(struct sim_world *world, char why[static 128]);
void sim_judge(struct sim_world *world);

/* sim_world.c: the main fiber; arg: struct sim_world. */
void sim_world_main(void *arg);

#endif
