/* timers.c - a binary heap of jobs by the time they wake. */
#include <stdlib.h>

#include "worker/engine.h"

void fy_timers_init(struct fy_timers *timers, uint32_t capacity)
{
    *timers = (struct fy_timers){
        .heap = fy_alloc((capacity + 1) * sizeof(struct fy_job *)),
        .capacity = capacity,
    };
}

void fy_timers_done(struct fy_timers *timers)
{
    FY_ASSERT(timers->count == 0);
    free(timers->heap);
    *timers = (struct fy_timers){0};
}

static void place(struct fy_timers *timers, uint32_t index, struct fy_job *job)
{
    timers->heap[index] = job;
    job->heap_index = index;
}

static void rise(struct fy_timers *timers, uint32_t index)
{
    struct fy_job *job = timers->heap[index];
    while (index > 1 && timers->heap[index / 2]->wake_ms > job->wake_ms) {
        place(timers, index, timers->heap[index / 2]);
        index /= 2;
    }
    place(timers, index, job);
}

static void sink(struct fy_timers *timers, uint32_t index)
{
    struct fy_job *job = timers->heap[index];
    for (;;) {
        uint32_t child = 2 * index;
        if (child > timers->count)
            break;
        if (child < timers->count &&
            timers->heap[child + 1]->wake_ms < timers->heap[child]->wake_ms)
            child++;
        if (timers->heap[child]->wake_ms >= job->wake_ms)
            break;
        place(timers, index, timers->heap[child]);
        index = child;
    }
    place(timers, index, job);
}

void fy_timers_add(struct fy_timers *timers, struct fy_job *job)
{
    FY_ASSERT(job->heap_index == 0);
    FY_ASSERT(timers->count < timers->capacity);
    timers->count++;
    place(timers, timers->count, job);
    rise(timers, timers->count);
}

void fy_timers_remove(struct fy_timers *timers, struct fy_job *job)
{
    uint32_t index = job->heap_index;
    FY_ASSERT(index != 0);
    FY_ASSERT(timers->heap[index] == job);
    struct fy_job *last = timers->heap[timers->count--];
    job->heap_index = 0;
    if (last == job)
        return;
    place(timers, index, last);
    rise(timers, index);
    sink(timers, last->heap_index);
}

struct fy_job *fy_timers_take(struct fy_timers *timers, int64_t now_ms)
{
    if (timers->count == 0 || timers->heap[1]->wake_ms > now_ms)
        return NULL;
    struct fy_job *job = timers->heap[1];
    fy_timers_remove(timers, job);
    return job;
}

int64_t fy_timers_next(const struct fy_timers *timers)
{
    return timers->count > 0 ? timers->heap[1]->wake_ms : INT64_MAX;
}
