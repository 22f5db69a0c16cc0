/* node.c - small things of the node. */
#include "common/runtime/node.h"

#include <stdio.h>

void fy_topic_of_site(const char *site, char topic[static FY_TOPIC_BYTES_MAX + 1])
{
    int length = snprintf(topic, FY_TOPIC_BYTES_MAX + 1, "%s.%s", FY_TOPIC_REPLICATION, site);
    FY_ASSERT(length > 0);
    FY_ASSERT(length <= FY_TOPIC_BYTES_MAX);
}

void fy_node_metrics_set(struct fy_node *node, fy_node_metrics_fn *metrics, void *role)
{
    pthread_mutex_lock(&node->role_mutex);
    node->role_metrics = metrics;
    node->role = role;
    pthread_mutex_unlock(&node->role_mutex);
}

bool fy_node_works(struct fy_node *node)
{
    pthread_mutex_lock(&node->role_mutex);
    bool works = node->role_metrics != NULL;
    pthread_mutex_unlock(&node->role_mutex);
    return works;
}

void fy_node_metrics_print(struct fy_node *node, struct fy_buf *buf)
{
    pthread_mutex_lock(&node->role_mutex);
    if (node->role_metrics != NULL)
        node->role_metrics(node->role, buf);
    pthread_mutex_unlock(&node->role_mutex);
}
