/* node_open.h - a process's ports opened in order, and closed in reverse. */
#ifndef FY_CLI_NODE_OPEN_H
#define FY_CLI_NODE_OPEN_H

#include "common/runtime/node.h"

/* Whether more than one process can use the queue and the catalogue that the configuration names.
 * FY_EINPUT: the sentence says what to do. */
FY_MUST_CHECK enum fy_code fy_node_shareable(const struct fy_config *config, struct fy_err *err);
/* Opens what the engine URLs of the configuration name, takes a lease and keeps it. node is the
 * caller's memory; on failure nothing
 * stays open. Errors: FY_EINPUT an engine URL that this binary cannot serve; FY_EEXISTS the folder
 * is another process's; others as the ports say. Thread: main. */
FY_MUST_CHECK enum fy_code fy_node_open(struct fy_node *node, const struct fy_config *config,
                                        struct fy_clock *clock, struct fy_err *err);
/* The catalogue and the store alone, for a command that looks at them: no lease is taken and
 * nothing runs. Errors, and how it ends, as fy_node_open. */
FY_MUST_CHECK enum fy_code fy_node_open_to_look(struct fy_node *node,
                                                const struct fy_config *config,
                                                struct fy_clock *clock, struct fy_err *err);
/* Adds this site to the topology when that lacks it; uri as others will reach us. A site that is
 * there keeps its URI: a person may have changed it. */
FY_MUST_CHECK enum fy_code fy_node_enter_self(struct fy_node *node, const char *uri,
                                              struct fy_err *err);
/* Adds the peers of the configuration that the topology lacks. */
FY_MUST_CHECK enum fy_code fy_node_enter_peers(struct fy_node *node, struct fy_err *err);
void fy_node_close(struct fy_node *node);
/* Whether the engines of the configuration, which is finished, could be opened, as far as can be
 * said without asking anybody. Errors: FY_EINPUT, FY_EIO what is wrong. */
FY_MUST_CHECK enum fy_code fy_node_check(const struct fy_config *config, struct fy_err *err);

#define FY_CATALOGUE_READERS                                                                       \
    8 /* connections of a process that read, beside the one that writes                            \
       */
bool fy_catalogue_is_postgres(const struct fy_config *config);
bool fy_cache_is_redis(const struct fy_config *config);
/* true: orders wait in Kafka. */
bool fy_queue_is_kafka(const struct fy_config *config);
/* Opens the queue of such a configuration alone. Errors: as fy_queue_kafka_open. */
FY_MUST_CHECK enum fy_code fy_queue_open_kafka(const struct fy_config *config,
                                               struct fy_clock *clock, struct fy_queue **queue,
                                               struct fy_err *err);

#endif
