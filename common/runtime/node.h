/* node.h - what the parts of one process share: who we are, and the ports. Built by cli/,
 * borrowed by api/ and worker/. */
#ifndef FY_RUNTIME_NODE_H
#define FY_RUNTIME_NODE_H

#include <pthread.h>

#include "common/core/config.h"
#include "common/core/metrics.h"
#include "common/ports/cache.h"
#include "common/ports/catalogue.h"
#include "common/ports/peer.h"
#include "common/ports/queue.h"
#include "common/ports/store.h"
#include "common/runtime/bell.h"
#include "common/runtime/catalogue_writer.h"
#include "common/runtime/lease.h"
#include "common/runtime/undone.h"

#define FY_TOPIC_REPLICATION "request-replication"
#define FY_TOPIC_ACTION      "request-action"
#define FY_TOPIC_DEAD        "request-action.dead"
#define FY_TOPIC_EVENTS      "object-events" /* for applications: no group of ours reads it */
#define FY_TOPIC_OIO         "oio" /* nor this: changes of containers, as OpenIO tells them */
#define FY_GROUP_ROUTER      "ferry-router"
#define FY_GROUP_SENDER      "ferry-sender"
#define FY_GROUP_WORKER      "ferry-worker"
#define FY_GROUP_KEEPER      "ferry-keeper"

/* FY_VERSION comes from CMakeLists.txt, the one place that has it. */

/* Appends a role's labelled metrics in Prometheus' text format. Thread: any. */
typedef void fy_node_metrics_fn(void *role, struct fy_buf *buf);

struct fy_node {
    /* Constant once built. */
    const struct fy_config *config;
    struct fy_clock *clock;
    const char *site; /* config->site */
    char boot_id[FY_BOOT_ID_BYTES + 1];
    struct fy_catalogue *catalogue;
    struct fy_catalogue_writer *writer;
    struct fy_queue *queue;
    struct fy_cache *cache;
    struct fy_store *store;
    struct fy_peer *peer;
    struct fy_lease *lease;
    int64_t started_ms;
    bool shared; /* other processes may write to the catalogue, and ring none of our bells */

    /* Guard themselves. */
    struct fy_hlc hlc;
    struct fy_metrics metrics;
    struct fy_undone undone;     /* uploads whose rows the lease's thread gives back */
    struct fy_bell outbox_bell;  /* a local operation wrote an order: the pump wakes */
    struct fy_bell waiting_bell; /* a person retried something: the engine looks for due rows */
    struct fy_bell sites_bell;   /* the topology changed: the senders look again */
    struct fy_bell stop_bell;    /* main waits for it: signals, and fatal errors of any thread */
    _Atomic int fatal_code;      /* enum fy_code; not FY_OK: the process must end (exit 7) */
    _Atomic bool stopping;       /* readiness is red, nothing new is taken */
    _Atomic int64_t oio_look_ms; /* monotonic: when runtime/oio_full.c looks next */
    _Atomic bool oio_full;       /* what it saw last */
    _Atomic bool others_died;    /* a process of the site whose bodies nobody has looked after yet
                                    (told by the lease, taken by the sweeper) */
    _Atomic bool store_ok;    /* free space above the floor (kept by the worker's house-keeper) */
    _Atomic bool store_fails; /* the worker's writes fail, whatever space there is: nothing is
                                 pulled, or one write has yet to succeed (kept by the engine) */
    _Atomic int64_t loop_turn_ms; /* monotonic: when the engine loop last turned (liveness) */

    /* Mutex held. A page may be asked for while the role comes or goes. */
    pthread_mutex_t role_mutex;
    fy_node_metrics_fn *role_metrics; /* NULL: no worker runs in this process */
    void *role;
};

/* Who appends to /metrics from now on; NULL ends it, and no call is under way any more. Thread:
 * any. */
void fy_node_metrics_set(struct fy_node *node, fy_node_metrics_fn *metrics, void *role);
/* Whether a worker runs in this process. Thread: any. */
bool fy_node_works(struct fy_node *node);
void fy_node_metrics_print(struct fy_node *node, struct fy_buf *buf);

/* "request-replication.<site>" */
void fy_topic_of_site(const char *site, char topic[static FY_TOPIC_BYTES_MAX + 1]);

#endif
