/* lookup.c - one CHECK to each site, the first yes wins. */
#include "api/lookup.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime/knowledge.h"

struct question {
    struct fy_peer_call call; /* first: the callbacks come back with it */
    struct fy_site_row site;
    struct questions *all;
    bool started, done, yes, failed;
};

struct questions {
    struct fy_node *node;
    const struct fy_lookup *lookup;
    size_t count;
    struct question *list; /* FY_SITES_MAX of them */

    pthread_mutex_t mutex; /* guards the flags of the questions, and the next */
    pthread_cond_t changed;
    size_t open; /* asked, not done */
    struct question *winner;
};

/* Called on the peer's loop thread. */
static bool on_head(struct fy_peer_call *call, const struct fy_peer_head *head)
{
    struct question *question = call->arg;
    const char *wanted = question->all->lookup->object != NULL ? "OBJECT" : "BUCKET";
    bool good = head->http_status >= 200 && head->http_status < 300;
    pthread_mutex_lock(&question->all->mutex);
    question->yes = good && strcmp(head->type, wanted) == 0;
    /* A plain no, whatever its form: 404, NONE, DIRECTORY; and 410 of a deleted bucket. */
    question->failed = !good && head->http_status != 404 && head->http_status != 410;
    pthread_mutex_unlock(&question->all->mutex);
    return true;
}

/* Called on the peer's loop thread. Signals with the mutex held: the asker may be gone right after.
 */
static void on_done(struct fy_peer_call *call, enum fy_code code, enum fy_reason reason,
                    const struct fy_err *err)
{
    (void)reason;
    (void)err;
    struct question *question = call->arg;
    struct questions *all = question->all;
    pthread_mutex_lock(&all->mutex);
    question->done = true;
    if (code != FY_OK) {
        question->yes = false;
        question->failed = true;
    }
    if (question->yes && all->winner == NULL)
        all->winner = question;
    all->open--;
    pthread_cond_signal(&all->changed);
    pthread_mutex_unlock(&all->mutex);
}

static bool add(void *arg, const struct fy_site_row *row)
{
    struct questions *all = arg;
    const char *target = all->lookup->target;
    if (strcmp(row->id, all->node->site) == 0)
        return true;
    if (target[0] != '\0' ? strcmp(row->id, target) != 0 : row->status != FY_SITE_UP)
        return true;
    if (all->count == FY_SITES_MAX)
        return false;
    struct question *question = &all->list[all->count++];
    question->all = all;
    question->site = *row;
    return true;
}

static void ask(struct questions *all, struct question *question)
{
    const struct fy_lookup *lookup = all->lookup;
    struct fy_peer_call *call = &question->call;
    *call = (struct fy_peer_call){.verb = FY_PEER_CHECK,
                                  .full_check = lookup->full_check,
                                  .deadline_ms = FY_LOOKUP_MS,
                                  .on_head = on_head,
                                  .on_done = on_done,
                                  .arg = question};
    /* Longer texts cannot name anything there; each came through a field of the same size. */
    fy_peer_call_to(call, question->site.id, question->site.uri);
    FY_ASSERT(fy_text_copy(call->client, sizeof(call->client), lookup->client));
    FY_ASSERT(fy_text_copy(call->op_id, sizeof(call->op_id), lookup->op_id));
    FY_ASSERT(fy_text_copy(call->bucket, sizeof(call->bucket), lookup->bucket));
    if (lookup->object != NULL)
        FY_ASSERT(fy_text_copy(call->object, sizeof(call->object), lookup->object));
    pthread_mutex_lock(&all->mutex);
    question->started = true;
    all->open++;
    pthread_mutex_unlock(&all->mutex);
    fy_peer_start(all->node->peer, call);
}

/* Waits for the first yes or for all; then ends what is still open and waits for that. */
static void wait_for(struct questions *all)
{
    pthread_mutex_lock(&all->mutex);
    while (all->open > 0 && all->winner == NULL)
        pthread_cond_wait(&all->changed, &all->mutex);
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].started && !all->list[i].done)
            fy_peer_cancel(all->node->peer, &all->list[i].call);
    while (all->open > 0)
        pthread_cond_wait(&all->changed, &all->mutex);
    pthread_mutex_unlock(&all->mutex);
}

static enum fy_code verdict(const struct questions *all, struct fy_site_row *site,
                            struct fy_err *err)
{
    if (all->winner != NULL) {
        *site = all->winner->site;
        return FY_OK;
    }
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].failed)
            return fy_err_set(err, FY_EPEER, "site %s could not say whether it has it",
                              all->list[i].site.id);
    return fy_err_set(err, FY_ENOTFOUND, "No %s found on any remote replicator",
                      all->lookup->object != NULL ? "object" : "bucket");
}

enum fy_code fy_lookup_site(struct fy_node *node, const struct fy_lookup *lookup,
                            struct fy_site_row *site, struct fy_err *err)
{
    struct questions all = {.node = node,
                            .lookup = lookup,
                            .mutex = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER};
    all.list = fy_alloc(FY_SITES_MAX * sizeof(*all.list));
    enum fy_code code = fy_know_sites(node, add, &all, err);
    if (code == FY_OK) {
        for (size_t i = 0; i < all.count; i++)
            ask(&all, &all.list[i]);
        wait_for(&all);
        code = verdict(&all, site, err);
    }
    free(all.list);
    return code;
}
