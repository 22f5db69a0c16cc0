/* sim_site.h - a site: what survives its processes, and the process that runs now. */
#ifndef FY_TESTS_SIM_SIM_SITE_H
#define FY_TESTS_SIM_SIM_SITE_H

#include "common/runtime/node.h"
#include "tests/sim/sim_catalogue.h"
#include "tests/sim/sim_peer.h"
#include "tests/sim/sim_queue.h"
#include "tests/sim/sim_store.h"
#include "worker/worker.h"

#define SIM_SITES 3

struct sim_clock {
    struct fy_clock port;
    int64_t skew_ms;   /* of the wall */
    int64_t drift_ppm; /* of both */
};

/* One run of the process. Its memory stays when it dies. */
struct sim_run {
    struct fiber_group group;
    struct sim_site *site;
    struct fy_config config;
    struct fy_node node;
    struct fy_catalogue *rows; /* the catalogue without faults */
    struct fy_worker *worker;
    bool up;       /* serves and works */
    bool ended;    /* by itself: it waits to be killed */
    bool stops;    /* it was asked to */
    uint32_t busy; /* requests of clients and of other sites under way */
};

struct sim_site {
    char id[16], uri[32];
    struct sim_clock clock;
    struct sim_broker *broker;
    struct sim_disk *disk;
    struct sim_catalogue_faults catalogue_faults;
    struct sim_net *net;
    struct sim_host *host;
    const char *folder; /* of catalogue files, one for each run */
    const char *template_folder;
    uint32_t runs;
    struct sim_run *run;       /* NULL: none */
    sim_catalogue_see_fn *see; /* told of what is committed, with the site */
    /* Given what was committed before a start: whoever saw it may have been killed at once. */
    void (*note)(struct sim_site *site, struct fy_catalogue *rows);
    struct sim_world *world;
};

/* Makes an empty catalogue in the folder, of which each site's first run gets a copy. Outside of
 * any world. */
void sim_site_template(const char *folder);
void sim_site_start(struct sim_site *site); /* of a site without a process */
/* SIGTERM: no request is taken any more, those under way end, then the worker drains. */
void sim_site_stop(struct sim_site *site);
/* SIGKILL. What runs on is the caller's, who is not of the site. */
void sim_site_kill(struct sim_site *site);
/* Whether its process runs, and has not ended by itself. */
bool sim_site_lives(const struct sim_site *site);

#endif
