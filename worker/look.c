/* look.c - one thread that asks the catalogue about many orders in one read, before anything moves.
 */
/* It also runs the engine's errands: what else may block on the catalogue. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime/knowledge.h"
#include "worker/engine.h"

struct fy_look {
    struct fy_engine *engine;
    pthread_t thread;
    struct fy_mailbox box;
    _Atomic bool closing;
    struct fy_letter last; /* wakes the thread for closing */

    /* Look thread only. */
    struct fy_job *jobs[FY_LOOK_BATCH];
    struct fy_cat_look looks[FY_LOOK_BATCH];
    struct fy_site_row site; /* the last one asked for in this batch */
    enum fy_code site_code;
    struct fy_err site_err;
};

/* The source's row of the topology, once a batch for a run of orders from the same site. */
static enum fy_code find_site(struct fy_look *look, const char *id, struct fy_err *err)
{
    if (strcmp(look->site.id, id) != 0) {
        struct fy_site_row row = {0};
        look->site_err = (struct fy_err){0};
        look->site_code = fy_know_site(look->engine->node, id, &row, &look->site_err);
        look->site = row;
        FY_ASSERT(fy_text_copy(look->site.id, sizeof(look->site.id), id));
    }
    *err = look->site_err;
    return look->site_code;
}

/* false: the job has failed. */
static bool resolve_source(struct fy_look *look, struct fy_job *job)
{
    struct fy_flight *flight = job->flight;
    struct fy_err err = {0};
    enum fy_code code = find_site(look, job->order.from_site, &err);
    if (code == FY_OK && look->site.status != FY_SITE_DELETED && look->site.uri[0] != '\0') {
        memcpy(flight->call.uri, look->site.uri, sizeof(flight->call.uri));
        return true;
    }
    if (code == FY_OK || code == FY_ENOTFOUND)
        fy_failure_set(&flight->failure, FY_TOPOLOGY_UNKNOWN,
                       "site %s is not in this site's topology", job->order.from_site);
    else
        fy_failure_set(&flight->failure, FY_CATALOGUE_ERROR, "%s", err.text);
    return false;
}

static void decide(struct fy_look *look, struct fy_job *job, const struct fy_cat_look *seen)
{
    struct fy_flight *flight = job->flight;
    flight->look = *seen;
    if (seen->verdict != FY_VERDICT_APPLY) {
        fy_job_become(job, FY_JOB_RECORD); /* history: only its outcome is written */
        return;
    }
    if (seen->invisible)
        fy_failure_set(&flight->failure, FY_CONFLICT,
                       "bucket name %s belongs to another client here", job->order.bucket);
    else if (!seen->allowed)
        fy_failure_set(&flight->failure, FY_RIGHTS,
                       "client %s has no right to write in bucket %s here", job->order.client,
                       job->order.bucket);
    else if (resolve_source(look, job)) {
        fy_promise_of_order(&flight->promise, &job->order);
        flight->link = seen->body_id != 0;
        fy_transfer_begin(job);
        return;
    }
    fy_job_fail(job);
}

static void look_batch(struct fy_look *look, size_t count)
{
    for (size_t i = 0; i < count; i++)
        look->looks[i] = (struct fy_cat_look){.order = &look->jobs[i]->order};
    look->site = (struct fy_site_row){0};
    struct fy_err err = {0};
    enum fy_code code = fy_catalogue_look(look->engine->node->catalogue, look->looks, count, &err);
    for (size_t i = 0; i < count; i++) {
        if (code == FY_OK) {
            decide(look, look->jobs[i], &look->looks[i]);
            continue;
        }
        fy_failure_set(&look->jobs[i]->flight->failure, FY_CATALOGUE_ERROR, "%s", err.text);
        fy_job_fail(look->jobs[i]);
    }
}

static void look_all(struct fy_look *look, struct fy_mail *mail)
{
    size_t count = 0;
    while (mail != NULL) {
        struct fy_mail *next = mail->next;
        struct fy_letter *letter = (struct fy_letter *)(void *)mail;
        if (letter->open == NULL)
            look->jobs[count++] = (struct fy_job *)(void *)letter;
        else
            letter->open(look->engine, letter);
        mail = next;
        if (count == FY_LOOK_BATCH || (mail == NULL && count > 0)) {
            look_batch(look, count);
            count = 0;
        }
    }
}

static void *look_main(void *arg)
{
    struct fy_look *look = arg;
    while (!atomic_load(&look->closing)) {
        struct pollfd fd = {.fd = fy_mailbox_fd(&look->box), .events = POLLIN};
        (void)poll(&fd, 1,
                   -1); /* EINTR cannot be (signals are blocked); a spurious turn is harmless */
        look_all(look, fy_mailbox_take(&look->box));
    }
    return NULL;
}

void fy_enter_look(struct fy_job *job)
{
    job->letter.open = NULL; /* which no errand is without */
    fy_mailbox_put(&job->engine->look->box, &job->letter.mail);
}

void fy_look_errand(struct fy_engine *engine, struct fy_letter *letter)
{
    FY_ASSERT(letter->open != NULL);
    fy_mailbox_put(&engine->look->box, &letter->mail);
}

static void wake_only(struct fy_engine *engine, struct fy_letter *letter)
{
    (void)engine;
    (void)letter; /* closing is set: the loop sees it */
}

enum fy_code fy_look_open(struct fy_engine *engine, struct fy_look **look, struct fy_err *err)
{
    struct fy_look *opened = fy_alloc(sizeof(*opened));
    opened->engine = engine;
    if (fy_mailbox_init(&opened->box, err) != FY_OK) {
        free(opened);
        return err->code;
    }
    if (fy_thread_start(&opened->thread, "look", look_main, opened, err) != FY_OK) {
        fy_mailbox_done(&opened->box);
        free(opened);
        return err->code;
    }
    *look = opened;
    return FY_OK;
}

void fy_look_close(struct fy_look *look)
{
    if (look == NULL)
        return;
    atomic_store(&look->closing, true);
    look->last.open = wake_only;
    fy_mailbox_put(&look->box, &look->last.mail);
    FY_ASSERT(pthread_join(look->thread, NULL) == 0);
    (void)fy_mailbox_take(&look->box); /* nothing but the letter that woke it */
    fy_mailbox_done(&look->box);
    free(look);
}
