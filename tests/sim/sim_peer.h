/* sim_peer.h - the peer port between simulated sites: a network that loses, delays, repeats, cuts
 * and corrupts, and behind it each site's answers as api/ gives them. */
#ifndef FY_TESTS_SIM_SIM_PEER_H
#define FY_TESTS_SIM_SIM_PEER_H

#include "common/runtime/node.h"
#include "tests/sim/fiber.h"

struct sim_peer_faults {
    uint32_t refuse_one_of;  /* calls that find nobody */
    uint32_t lose_one_of;    /* requests, and as many answers, that never arrive */
    uint32_t repeat_one_of;  /* requests that arrive twice */
    uint32_t page_one_of;    /* answers that are another program's 502, 503 or 200 */
    uint32_t cut_one_of;     /* bodies that break off */
    uint32_t corrupt_one_of; /* bodies with a byte changed */
    int64_t delay_us_max;    /* one way */
};

/* A site as the network sees it. */
struct sim_host {
    const char *uri;
    struct fiber_group *group; /* of the process that serves; NULL: nobody does */
    struct fy_node *node;
    uint32_t *busy; /* of that process: requests under way */
    bool cut_off;   /* nothing arrives, nothing leaves */
};
struct sim_net {
    struct sim_host *hosts;
    size_t host_count;
    struct sim_peer_faults faults;
};

/* For the process that the caller's group is, at that host. */
struct fy_peer *sim_peer_open(struct sim_net *net, struct sim_host *from);

/* sim_api.c: what a site answers; on a fiber of its process. */
struct sim_answer {
    struct fy_peer_head head;
    char text[FY_ERR_TEXT_BYTES];
    char *body; /* the asker's to free */
    size_t body_bytes;
};
void sim_api_serve(struct fy_node *node, const struct fy_peer_call *call, const char *body,
                   struct sim_answer *answer);

#endif
