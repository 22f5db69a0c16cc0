/* site_table.h - what the engine knows of each source site: is it a Ferry, does it answer, how much
 * is being asked of it. */
/* Engine thread, but for `known`, which stages read, and the CHECK's look-up (calling). An entry
 * lives as long as jobs point to it. */
#ifndef FY_WORKER_SITE_TABLE_H
#define FY_WORKER_SITE_TABLE_H

#include <stdatomic.h>

#include "worker/breaker.h"
#include "worker/job.h"

/* A first-in-first-out list of jobs, through job->next. */
struct fy_jobs {
    struct fy_job *first, *last;
    size_t count;
};
void fy_jobs_push(struct fy_jobs *jobs, struct fy_job *job);
void fy_jobs_push_front(struct fy_jobs *jobs, struct fy_job *job);
struct fy_job *fy_jobs_pop(struct fy_jobs *jobs);              /* NULL when empty */
void fy_jobs_remove(struct fy_jobs *jobs, struct fy_job *job); /* it must be in there */

enum fy_site_kind { FY_KIND_UNKNOWN = 0, FY_KIND_FERRY, FY_KIND_CCS };

struct fy_site {
    char id[FY_SITE_BYTES_MAX + 1];
    struct fy_engine *engine;
    struct fy_site *next; /* in the table */

    /* Hash of the URI that was probed, and what was found there. Any thread reads it. */
    _Atomic uint64_t known;

    uint32_t job_count; /* jobs that point here */
    uint32_t inflight;
    int64_t inflight_bytes;
    int64_t used_ms; /* last time a job pointed here: the least recent idle one is forgotten */
    struct fy_breaker breaker;
    struct fy_jobs ready, ready_big; /* wait for permits */

    /* One call at a time: HELLO for the jobs in asking, or the breaker's CHECK. */
    struct fy_letter letter;
    struct fy_peer_call call;
    bool calling;
    pthread_mutex_t mutex; /* guards call_live */
    bool call_live;        /* it may be cancelled */
    bool answered;         /* the call got a head */
    struct {
        int http_status;
        bool ferry;
        int64_t retry_after_s;
    } head;
    struct fy_failure failure;
    int64_t asked_ms; /* monotonic: last HELLO */
    struct fy_jobs asking;
    char check_client[FY_CLIENT_BYTES_MAX + 1]; /* of the last failure: what a probe asks for */
    char check_bucket[FY_BUCKET_BYTES_MAX + 1];
    char uri[FY_URI_BYTES_MAX + 1];       /* as last used */
    char found_uri[FY_URI_BYTES_MAX + 1]; /* by the look thread, before a CHECK; "" nowhere */

    /* After its breaker has closed: rows of `waiting` made due, a page at a time. */
    struct fy_letter wake_letter;
    struct fy_cat_wait_edit wake;
    bool waking;
};

/* The entry of a site id; NULL: FY_SITE_TABLE_MAX sites have jobs in memory (back-pressure). */
struct fy_site *fy_site_get(struct fy_engine *engine, const char *id);
void fy_sites_free(struct fy_engine *engine); /* none is calling */
/* What is known of the site at this URI. Thread: any. */
enum fy_site_kind fy_site_kind(const struct fy_site *site, const char *uri);
/* An exchange with the job's source has ended; NONE: it answered. Feeds the breaker, in which an
 * order that is tried again in memory counts once. */
void fy_site_outcome(struct fy_job *job, enum fy_reason reason);
/* Asks its call to end, if one runs. */
void fy_site_cancel(struct fy_site *site);
/* Probes that are due. Returns when the next one is, or INT64_MAX. */
int64_t fy_sites_turn(struct fy_engine *engine, int64_t now_ms);

#endif
