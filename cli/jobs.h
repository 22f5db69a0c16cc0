/* jobs.h - many objects at once: threads with a connection each, and a short line of work. */
#ifndef FY_CLI_JOBS_H
#define FY_CLI_JOBS_H

#include "cli/client.h"

struct fy_jobs;

/* On a job thread, with its own client. job is freed (free) afterwards. */
typedef void fy_job_fn(void *arg, struct fy_client *client, void *job);

/* Errors: FY_EINPUT as fy_client_open; FY_EINTERNAL no thread. line and arg are borrowed. */
FY_MUST_CHECK enum fy_code fy_jobs_open(const struct fy_command_line *line, int64_t thread_count,
                                        fy_job_fn *run, void *arg, struct fy_jobs **jobs,
                                        struct fy_err *err);
/* Takes a block of heap memory; waits while the line is full. false: stopped or interrupted, and
 * the job is freed. Thread: the one that opened. */
bool fy_jobs_give(struct fy_jobs *jobs, void *job);
/* Nothing more is begun; what waits is dropped. Thread: any. */
void fy_jobs_stop(struct fy_jobs *jobs);
bool fy_jobs_stopped(struct fy_jobs *jobs);
/* Waits until all is done. Accepts NULL. */
void fy_jobs_close(struct fy_jobs *jobs);

#endif
