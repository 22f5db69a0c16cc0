/* fiber.h - Ferry's threads as fibers of one real thread, and simulated time. */
/*
 * fiber_wrap.c and fiber_fd.c take the place of the few calls of libc with which Ferry's threads
 * are made and wait (the linker's --wrap, of the simulator alone). Which fiber goes on is drawn at
 * each of these calls and wherever a simulated port says fiber_yield, so that one seed is one
 * interleaving. Between two such points a fiber runs alone: races on single words of memory are not
 * seen here (ThreadSanitizer looks for those).
 *
 * A fiber belongs to a group: a run of a process of some site, or none. A killed group's fibers
 * never run again, and nothing of theirs is undone, as after a SIGKILL. Their memory stays until
 * the program ends, which lives for one seed.
 */
#ifndef FY_TESTS_SIM_FIBER_H
#define FY_TESTS_SIM_FIBER_H

#include "common/core/base.h"

#define FIBER_FOREVER INT64_MAX

struct fiber;
struct fiber_group {
    bool dead;
    const char *name; /* for traces; borrowed */
};

/* How hostile the scheduler is; a chance is "one of so many", 0 never. */
struct fiber_mood {
    uint32_t stall_one_of;    /* wake-ups after which the fiber is held up all the same */
    int64_t stall_us_max;     /* longest of these */
    uint32_t yield_one_of;    /* locks of a mutex before which another fiber runs */
    uint32_t spurious_one_of; /* waits for a condition that return for no reason */
};

/* Runs main as the first fiber, without a group, until it returns. The world has one run. */
void fiber_world_run(uint64_t seed, void (*main)(void *arg), void *arg);
void fiber_mood_set(const struct fiber_mood *mood);
const struct fiber_mood *fiber_mood(void);

/* Draws of the seed. */
uint64_t fiber_random(void);
uint32_t fiber_below(uint32_t bound); /* bound 1 or more */
bool fiber_chance(uint32_t one_of);   /* 0: never */
/* 1..max, small ones as probable as large ones: its size is drawn first. */
int64_t fiber_some(int64_t max);

/* A fiber of the group (NULL: none). Its stack is stack_bytes long, 0 for the default. */
struct fiber *fiber_start(struct fiber_group *group, const char *name, void *(*main)(void *arg),
                          void *arg, size_t stack_bytes);
void fiber_join(struct fiber *fiber, void **result);
struct fiber *fiber_self(void); /* NULL: the world does not run */
struct fiber_group *fiber_group_here(void);
const char *fiber_name(const struct fiber *fiber);
void fiber_rename(struct fiber *fiber, const char *name);
/* All of the group ends here, at once; does not return when the caller belongs to it. */
void fiber_kill(struct fiber_group *group);

int64_t fiber_now_us(void);
void fiber_yield(void); /* another may run first */
void fiber_sleep_us(int64_t us);
/* Until somebody wakes that key, or the time has come; true: woken. */
bool fiber_wait(const void *key, int64_t until_us);
void fiber_wake(const void *key); /* all who wait for it */
void fiber_wake_one(const void *key);
uint64_t fiber_switches(void);

/* What happened, for the hash that two runs of a seed must have in common, and for people. */
void fiber_trace_to_stderr(bool on);
__attribute__((format(printf, 1, 2))) void fiber_trace(const char *format, ...);
uint64_t fiber_trace_hash(void);
void fiber_trace_tail(void); /* the last lines, to stderr */

/* fiber_fd.c: a descriptor that polls readable while it is set. */
int fiber_fd_new(void);
void fiber_fd_set(int fd, bool readable);
void fiber_fd_close(int fd);

#endif
