/* fiber.c - the scheduler: who runs next, and when time goes on. */
#include "tests/sim/fiber.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifdef FIBER_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_BYTES (512 << 10) /* touched only as far as it is used */
#define STEP_US_MAX 20          /* of simulated time between two switches */
#define FIBERS_MAX  4096        /* alive at once */
#define TRACE_BYTES 256
#define TRACE_LINES 64 /* remembered for whoever asks why */
#define FNV_PRIME   1099511628211ULL
#define FNV_BASIS   14695981039346656037ULL

enum state { READY, WAITING, SLEEPING, OVER };

struct fiber {
    struct fiber_group *group;
    char name[24];
    uint32_t number; /* in the order of starts: what traces and draws see, never an address */
    enum state state;
    size_t ready_at; /* READY: place in world.ready */
    size_t alive_at; /* place in world.alive */
    const void *key; /* WAITING */
    int64_t until_us;
    bool woken;
    void *(*main)(void *arg);
    void *arg;
    void *result;
    int saved_errno;
    ucontext_t context;
    char *stack;
    size_t stack_bytes;
#ifdef FIBER_ASAN
    void *fake_stack;
#endif
};

/* The one world of the program: libc's calls have nowhere to carry it. */
static struct {
    struct fiber *current;
    struct fiber first; /* the real thread's own stack */
    struct fiber *ready[FIBERS_MAX];
    struct fiber *alive[FIBERS_MAX];
    size_t ready_count, alive_count;
    uint32_t started;
    int64_t now_us;
    int64_t soonest_us; /* no sleeper is due before */
    uint64_t random;
    uint64_t switches;
    uint64_t trace_hash;
    bool trace_on;
    char trace[TRACE_LINES][TRACE_BYTES];
    uint64_t trace_count;
    struct fiber_mood mood;
} world;

/* ------------------------------------------------------------------ draws */

uint64_t fiber_random(void)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 7;
    world.random ^= world.random << 17;
    return world.random * 2685821657736338717ULL;
}

uint32_t fiber_below(uint32_t bound)
{
    FY_ASSERT(bound > 0);
    return (uint32_t)((fiber_random() >> 32) % bound);
}

bool fiber_chance(uint32_t one_of)
{
    return one_of != 0 && fiber_below(one_of) == 0;
}

int64_t fiber_some(int64_t max)
{
    FY_ASSERT(max >= 1);
    int64_t size = 1;
    for (uint32_t doublings = fiber_below(40); doublings > 0 && size < max; doublings--)
        size *= 2;
    if (size > max)
        size = max;
    return 1 + (int64_t)(fiber_random() % (uint64_t)size);
}

/* ------------------------------------------------------------------ sets */

static void ready_add(struct fiber *fiber)
{
    fiber->state = READY;
    fiber->ready_at = world.ready_count;
    world.ready[world.ready_count++] = fiber;
}

static void ready_remove(struct fiber *fiber)
{
    struct fiber *last = world.ready[--world.ready_count];
    world.ready[fiber->ready_at] = last;
    last->ready_at = fiber->ready_at;
}

static void alive_add(struct fiber *fiber)
{
    FY_ASSERT(world.alive_count < FIBERS_MAX);
    fiber->alive_at = world.alive_count;
    world.alive[world.alive_count++] = fiber;
}

static void alive_remove(struct fiber *fiber)
{
    struct fiber *last = world.alive[--world.alive_count];
    world.alive[fiber->alive_at] = last;
    last->alive_at = fiber->alive_at;
}

static void until(struct fiber *fiber, int64_t until_us)
{
    fiber->until_us = until_us;
    if (until_us < world.soonest_us)
        world.soonest_us = until_us;
}

/* It may run; or a slow machine holds it up. */
static void release(struct fiber *fiber)
{
    if (fiber->group != NULL && fiber_chance(world.mood.stall_one_of)) {
        fiber->state = SLEEPING;
        until(fiber, world.now_us + fiber_some(world.mood.stall_us_max));
        return;
    }
    ready_add(fiber);
}

/* ------------------------------------------------------------------ who is next */

/* Whose time has come is ready. */
static void ring_timers(void)
{
    int64_t soonest_us = FIBER_FOREVER;
    for (size_t i = 0; i < world.alive_count; i++) {
        struct fiber *fiber = world.alive[i];
        if (fiber->state != WAITING && fiber->state != SLEEPING)
            continue;
        if (fiber->until_us <= world.now_us)
            ready_add(fiber);
        else if (fiber->until_us < soonest_us)
            soonest_us = fiber->until_us;
    }
    world.soonest_us = soonest_us;
}

static struct fiber *choose(void)
{
    world.now_us += fiber_below(STEP_US_MAX);
    if (world.soonest_us <= world.now_us)
        ring_timers();
    while (world.ready_count == 0) {
        if (world.soonest_us == FIBER_FOREVER) {
            (void)fprintf(stderr, "sim: all %zu threads wait for ever\n", world.alive_count);
            for (size_t i = 0; i < world.alive_count; i++)
                (void)fprintf(stderr, "  %s of %s\n", world.alive[i]->name,
                              world.alive[i]->group == NULL ? "-" : world.alive[i]->group->name);
            abort();
        }
        world.now_us = world.soonest_us;
        ring_timers(); /* a time that was woken before it came is no longer there */
    }
    struct fiber *chosen = world.ready[fiber_below((uint32_t)world.ready_count)];
    ready_remove(chosen);
    return chosen;
}

static void arrived(struct fiber *self)
{
#ifdef FIBER_ASAN
    const void *bottom = NULL;
    size_t size_bytes = 0;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &size_bytes);
    if (world.first.stack == NULL) { /* the first to be left: nobody else knows its stack */
        world.first.stack = (char *)(uintptr_t)bottom; /* NOLINT(performance-no-int-to-ptr) */
        world.first.stack_bytes = size_bytes;
    }
#endif
    errno = self->saved_errno;
}

/* The caller's state is set; returns when it is chosen again. */
static void switch_away(void)
{
    struct fiber *self = world.current;
    struct fiber *chosen = choose();
    if (chosen == self)
        return;
    world.switches++;
    world.current = chosen;
    self->saved_errno = errno;
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(self->state == OVER ? NULL : &self->fake_stack, chosen->stack,
                                   chosen->stack_bytes);
#endif
    (void)swapcontext(&self->context, &chosen->context);
    arrived(self);
}

void fiber_yield(void)
{
    if (world.current == NULL)
        return;
    ready_add(world.current);
    switch_away();
}

void fiber_sleep_us(int64_t us)
{
    world.current->state = SLEEPING;
    until(world.current, world.now_us + us);
    switch_away();
}

bool fiber_wait(const void *key, int64_t until_us)
{
    struct fiber *self = world.current;
    self->state = WAITING;
    self->key = key;
    self->woken = false;
    until(self, until_us);
    switch_away();
    self->key = NULL;
    return self->woken;
}

static void wake(struct fiber *fiber)
{
    fiber->woken = true;
    fiber->key = NULL;
    release(fiber);
}

void fiber_wake(const void *key)
{
    for (size_t i = 0; i < world.alive_count; i++)
        if (world.alive[i]->state == WAITING && world.alive[i]->key == key)
            wake(world.alive[i]);
}

void fiber_wake_one(const void *key)
{
    struct fiber *chosen = NULL;
    uint32_t seen = 0;
    for (size_t i = 0; i < world.alive_count; i++)
        if (world.alive[i]->state == WAITING && world.alive[i]->key == key &&
            fiber_below(++seen) == 0)
            chosen = world.alive[i];
    if (chosen != NULL)
        wake(chosen);
}

/* ------------------------------------------------------------------ life */

static char *stack_new(size_t size_bytes)
{
    char *stack = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    FY_ASSERT(stack != MAP_FAILED);
    return stack;
}

static void fiber_main(void)
{
    struct fiber *self = world.current;
    arrived(self);
    self->result = self->main(self->arg);
    self->state = OVER;
    alive_remove(self);
    fiber_wake(self);
    switch_away();
    FY_UNREACHABLE();
}

struct fiber *fiber_start(struct fiber_group *group, const char *name, void *(*main)(void *arg),
                          void *arg, size_t stack_bytes)
{
    struct fiber *fiber = fy_alloc(sizeof(*fiber));
    fiber->group = group;
    fiber->number = ++world.started;
    (void)snprintf(fiber->name, sizeof(fiber->name), "%s", name);
    fiber->main = main;
    fiber->arg = arg;
    fiber->stack_bytes = stack_bytes != 0 ? stack_bytes : STACK_BYTES;
    fiber->stack = stack_new(fiber->stack_bytes);
    int got = getcontext(&fiber->context);
    FY_ASSERT(got == 0);
    fiber->context.uc_stack.ss_sp = fiber->stack;
    fiber->context.uc_stack.ss_size = fiber->stack_bytes;
    makecontext(&fiber->context, fiber_main, 0);
    alive_add(fiber);
    release(fiber);
    return fiber;
}

void fiber_join(struct fiber *fiber, void **result)
{
    while (fiber->state != OVER)
        (void)fiber_wait(fiber, FIBER_FOREVER);
    if (result != NULL)
        *result = fiber->result;
    (void)munmap(fiber->stack, fiber->stack_bytes);
    fiber->stack = NULL;
    free(fiber);
}

struct fiber *fiber_self(void)
{
    return world.current;
}

struct fiber_group *fiber_group_here(void)
{
    return world.current->group;
}

const char *fiber_name(const struct fiber *fiber)
{
    return fiber->name;
}

void fiber_rename(struct fiber *fiber, const char *name)
{
    (void)snprintf(fiber->name, sizeof(fiber->name), "%s", name);
}

void fiber_kill(struct fiber_group *group)
{
    FY_ASSERT(group != NULL);
    group->dead = true;
    bool mine = world.current->group == group;
    for (size_t i = world.alive_count; i-- > 0;) {
        struct fiber *fiber = world.alive[i];
        if (fiber->group != group)
            continue;
        if (fiber->state == READY && fiber != world.current)
            ready_remove(fiber);
        fiber->state = OVER;
        alive_remove(fiber);
    }
    if (mine) {
        switch_away();
        FY_UNREACHABLE();
    }
}

int64_t fiber_now_us(void)
{
    return world.now_us;
}

uint64_t fiber_switches(void)
{
    return world.switches;
}

void fiber_mood_set(const struct fiber_mood *mood)
{
    world.mood = *mood;
}

const struct fiber_mood *fiber_mood(void)
{
    return &world.mood;
}

void fiber_world_run(uint64_t seed, void (*main)(void *arg), void *arg)
{
    FY_ASSERT(world.current == NULL);
    world.random = (seed + 1) * 0x9E3779B97F4A7C15ULL;
    world.random ^= world.random >> 29;
    if (world.random == 0)
        world.random = 1;
    world.trace_hash = FNV_BASIS;
    world.soonest_us = FIBER_FOREVER;
    struct fiber *first = &world.first;
    (void)snprintf(first->name, sizeof(first->name), "world");
    alive_add(first);
    world.current = first;
    main(arg);
    world.current = NULL;
}

/* ------------------------------------------------------------------ traces */

void fiber_trace_to_stderr(bool on)
{
    world.trace_on = on;
}

void fiber_trace(const char *format, ...)
{
    char *line = world.trace[world.trace_count++ % TRACE_LINES];
    const struct fiber *self = world.current;
    int used = snprintf(line, TRACE_BYTES, "%11.6f %-10s %-10s ", (double)world.now_us / 1e6,
                        self->group == NULL ? "-" : self->group->name, self->name);
    FY_ASSERT(used > 0);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line + used, TRACE_BYTES - (size_t)used, format, args);
    va_end(args);
    for (const char *at = line; *at != '\0'; at++)
        world.trace_hash = (world.trace_hash ^ (unsigned char)*at) * FNV_PRIME;
    if (world.trace_on)
        (void)fprintf(stderr, "%s\n", line);
}

uint64_t fiber_trace_hash(void)
{
    return world.trace_hash;
}

void fiber_trace_tail(void)
{
    uint64_t first = world.trace_count > TRACE_LINES ? world.trace_count - TRACE_LINES : 0;
    for (uint64_t i = first; i < world.trace_count; i++)
        (void)fprintf(stderr, "%s\n", world.trace[i % TRACE_LINES]);
}
