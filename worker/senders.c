/* senders.c - the manager: one sender for every other site of the topology. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/log.h"
#include "common/runtime/pool.h"
#include "common/runtime/sites.h"
#include "worker/sender.h"

#define SENDERS_LOOK_MS 1000 /* how soon a new, paused or moved site is noticed */

struct fy_senders {
    struct fy_node *node;
    pthread_t thread;
    struct fy_bell stop_bell;
    _Atomic bool stopping;
    pthread_mutex_t mutex; /* guards the list: the manager changes it, metrics read it */
    struct fy_sender *senders[FY_SITES_MAX];
    size_t count;
};

struct topology {
    struct fy_site_row rows[FY_SITES_MAX];
    size_t count;
};

static struct fy_sender *find(const struct fy_senders *senders, const char *site)
{
    for (size_t i = 0; i < senders->count; i++)
        if (strcmp(fy_sender_site(senders->senders[i]), site) == 0)
            return senders->senders[i];
    return NULL;
}

/* A sender that could not be opened is tried again at the next look. */
static void add(struct fy_senders *senders, const struct fy_site_row *site)
{
    struct fy_sender *sender = NULL;
    struct fy_err err = {0};
    if (fy_sender_open(senders->node, site, &sender, &err) != FY_OK) {
        fy_log(NULL, FY_WARN, "sender.failed", fy_kv_str("site", site->id), fy_kv_err(&err));
        return;
    }
    pthread_mutex_lock(&senders->mutex);
    FY_ASSERT(senders->count < FY_SITES_MAX);
    senders->senders[senders->count++] = sender;
    pthread_mutex_unlock(&senders->mutex);
}

static void remove_gone(struct fy_senders *senders, const struct topology *topology)
{
    for (size_t i = 0; i < senders->count;) {
        struct fy_sender *sender = senders->senders[i];
        if (fy_sites_find(topology->rows, topology->count, fy_sender_site(sender)) != NULL) {
            i++;
            continue;
        }
        pthread_mutex_lock(&senders->mutex);
        senders->senders[i] = senders->senders[--senders->count];
        pthread_mutex_unlock(&senders->mutex);
        fy_sender_close(sender);
    }
}

static void look(struct fy_senders *senders, struct topology *topology)
{
    struct fy_err err = {0};
    if (fy_sites_read(senders->node->catalogue, false, topology->rows, &topology->count, &err) !=
        FY_OK) {
        fy_log(NULL, FY_WARN, "senders.blind", fy_kv_err(&err));
        return;
    }
    remove_gone(senders, topology);
    for (size_t i = 0; i < topology->count; i++) {
        const struct fy_site_row *site = &topology->rows[i];
        if (strcmp(site->id, senders->node->site) == 0)
            continue;
        struct fy_sender *sender = find(senders, site->id);
        if (sender != NULL)
            fy_sender_update(sender, site);
        else if (senders->count < FY_SITES_MAX)
            add(senders, site);
    }
}

static void *senders_main(void *arg)
{
    struct fy_senders *senders = arg;
    struct topology *topology = fy_alloc(sizeof(*topology));
    while (!atomic_load(&senders->stopping)) {
        look(senders, topology);
        (void)fy_bell_wait(&senders->node->sites_bell, senders->stop_bell.event_fd,
                           SENDERS_LOOK_MS);
    }
    free(topology);
    return NULL;
}

enum fy_code fy_senders_open(struct fy_node *node, struct fy_senders **senders, struct fy_err *err)
{
    struct fy_senders *self = fy_alloc(sizeof(*self));
    self->node = node;
    pthread_mutex_init(&self->mutex, NULL);
    self->stop_bell.event_fd = -1;
    enum fy_code code = fy_queue_topic_ensure(node->queue, FY_TOPIC_DEAD, err);
    if (code == FY_OK)
        code = fy_bell_init(&self->stop_bell, err);
    if (code == FY_OK)
        code = fy_thread_start(&self->thread, "senders", senders_main, self, err);
    if (code != FY_OK) {
        fy_bell_done(&self->stop_bell);
        pthread_mutex_destroy(&self->mutex);
        free(self);
        return code;
    }
    *senders = self;
    return FY_OK;
}

void fy_senders_close(struct fy_senders *senders)
{
    if (senders == NULL)
        return;
    atomic_store(&senders->stopping, true);
    fy_bell_ring(&senders->stop_bell);
    pthread_join(senders->thread, NULL);
    /* All are asked before the first is waited for: each may be in the middle of a request. */
    for (size_t i = 0; i < senders->count; i++)
        fy_sender_stop(senders->senders[i]);
    for (size_t i = 0; i < senders->count; i++)
        fy_sender_close(senders->senders[i]);
    fy_bell_done(&senders->stop_bell);
    pthread_mutex_destroy(&senders->mutex);
    free(senders);
}

void fy_senders_metrics(struct fy_senders *senders, struct fy_buf *buf)
{
    fy_buf_text(buf, "# HELP ferry_sender_up Whether the last orders were taken by the site.\n"
                     "# TYPE ferry_sender_up gauge\n");
    pthread_mutex_lock(&senders->mutex);
    for (size_t i = 0; i < senders->count; i++)
        fy_buf_printf(buf, "ferry_sender_up{site=\"%s\"} %d\n", fy_sender_site(senders->senders[i]),
                      fy_sender_up(senders->senders[i]));
    pthread_mutex_unlock(&senders->mutex);
}
