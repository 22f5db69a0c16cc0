/* jobs.c - a bounded line of jobs and the threads that take from it. */
#include "cli/jobs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/runtime/pool.h"

struct fy_jobs {
    fy_job_fn *run;
    void *arg;
    size_t thread_count;
    pthread_t threads[FY_JOBS_THREADS_MAX];
    struct fy_client *clients[FY_JOBS_THREADS_MAX];
    _Atomic size_t thread_next; /* each thread takes a client */
    atomic_bool stopped;

    /* mutex held */
    pthread_mutex_t mutex;
    pthread_cond_t more_cond; /* a job was given, or no more will be */
    pthread_cond_t room_cond; /* a job was taken */
    void *queue[FY_JOBS_QUEUE_MAX];
    size_t first, count;
    bool ended;
};

/* NULL: no more. */
static void *take(struct fy_jobs *jobs)
{
    void *job = NULL;
    pthread_mutex_lock(&jobs->mutex);
    while (jobs->count == 0 && !jobs->ended)
        FY_ASSERT(pthread_cond_wait(&jobs->more_cond, &jobs->mutex) == 0);
    if (jobs->count > 0) {
        job = jobs->queue[jobs->first];
        jobs->first = (jobs->first + 1) % FY_JOBS_QUEUE_MAX;
        jobs->count--;
        pthread_cond_signal(&jobs->room_cond);
    }
    pthread_mutex_unlock(&jobs->mutex);
    return job;
}

static void *thread_main(void *arg)
{
    struct fy_jobs *jobs = arg;
    struct fy_client *client = jobs->clients[atomic_fetch_add(&jobs->thread_next, 1)];
    for (void *job = take(jobs); job != NULL; job = take(jobs)) {
        if (!fy_jobs_stopped(jobs))
            jobs->run(jobs->arg, client, job);
        free(job);
    }
    return NULL;
}

enum fy_code fy_jobs_open(const struct fy_command_line *line, int64_t thread_count, fy_job_fn *run,
                          void *arg, struct fy_jobs **jobs, struct fy_err *err)
{
    FY_ASSERT(thread_count >= 1);
    FY_ASSERT(thread_count <= FY_JOBS_THREADS_MAX);
    struct fy_jobs *self = fy_alloc(sizeof(*self));
    *self = (struct fy_jobs){.run = run, .arg = arg};
    FY_ASSERT(pthread_mutex_init(&self->mutex, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&self->more_cond, NULL) == 0);
    FY_ASSERT(pthread_cond_init(&self->room_cond, NULL) == 0);
    enum fy_code code = FY_OK;
    for (int64_t i = 0; code == FY_OK && i < thread_count; i++) {
        code = fy_client_open(line, &self->clients[i], err);
        if (code == FY_OK)
            code = fy_thread_start(&self->threads[i], "job", thread_main, self, err);
        self->thread_count += code == FY_OK;
    }
    if (code != FY_OK) {
        fy_jobs_close(self);
        return code;
    }
    *jobs = self;
    return FY_OK;
}

bool fy_jobs_give(struct fy_jobs *jobs, void *job)
{
    pthread_mutex_lock(&jobs->mutex);
    FY_ASSERT(!jobs->ended);
    while (jobs->count == FY_JOBS_QUEUE_MAX)
        FY_ASSERT(pthread_cond_wait(&jobs->room_cond, &jobs->mutex) == 0);
    bool stopped = fy_jobs_stopped(jobs);
    if (!stopped) {
        jobs->queue[(jobs->first + jobs->count++) % FY_JOBS_QUEUE_MAX] = job;
        pthread_cond_signal(&jobs->more_cond);
    }
    pthread_mutex_unlock(&jobs->mutex);
    if (stopped)
        free(job);
    return !stopped;
}

void fy_jobs_stop(struct fy_jobs *jobs)
{
    atomic_store(&jobs->stopped, true);
}

bool fy_jobs_stopped(struct fy_jobs *jobs)
{
    return atomic_load(&jobs->stopped) || fy_client_interrupted();
}

void fy_jobs_close(struct fy_jobs *jobs)
{
    if (jobs == NULL)
        return;
    pthread_mutex_lock(&jobs->mutex);
    jobs->ended = true;
    pthread_cond_broadcast(&jobs->more_cond);
    pthread_mutex_unlock(&jobs->mutex);
    for (size_t i = 0; i < jobs->thread_count; i++)
        FY_ASSERT(pthread_join(jobs->threads[i], NULL) == 0);
    for (size_t i = 0; i < FY_JOBS_THREADS_MAX; i++)
        fy_client_close(jobs->clients[i]);
    pthread_cond_destroy(&jobs->room_cond);
    pthread_cond_destroy(&jobs->more_cond);
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs);
}
