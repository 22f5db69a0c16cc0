/* sim_main.c - ferry-sim: a seed, or a range of them, each in a process of its own. */
#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/core/log.h"
#include "tests/sim/sim_plant.h"
#include "tests/sim/sim_world.h"

#define JOBS_MAX      64
#define STEPS_DEFAULT 40
#define WATCHDOG_S    120 /* a seed takes some ten milliseconds of processor time */

struct options {
    uint64_t seed, count;
    uint32_t steps, jobs;
    const char *template_folder;
    bool trace, hash, until_failure, list_bugs;
};

static const char usage[] =
    "ferry-sim [--seed N] [--count N] [--steps M] [--jobs N] [--trace] [--hash]\n"
    "          [--plant NAME] [--find] [--bugs]\n"
    "  --seed N   the first seed (1)\n"
    "  --count N  so many seeds (1); ends with 1 when any fails\n"
    "  --steps M  steps of a seed (40)\n"
    "  --jobs N   seeds at once (1)\n"
    "  --trace    prints every event; Ferry's own log, too\n"
    "  --plant NAME  with a bug of Ferry's put in\n"
    "  --bugs     lists their names, and does nothing else\n"
    "  --find     ends with 0 at the first seed that fails, with 1 when none does\n"
    "  --hash     prints the hash of each seed's events: two runs of a seed have the same\n";

static void on_signal(int number)
{
    void *frames[64];
    /* NOLINTBEGIN(bugprone-signal-handler,cert-sig30-c): it dies anyway; better a tail than none */
    fiber_trace_tail();
    backtrace_symbols_fd(frames, backtrace(frames, FY_COUNT_OF(frames)), STDERR_FILENO);
    /* NOLINTEND(bugprone-signal-handler,cert-sig30-c) */
    _exit(128 + number);
}

static void make_folder(uint64_t seed, char path[static 96])
{
    struct stat status;
    const char *base = stat("/dev/shm", &status) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(path, 96, "%s/ferry-sim-%llu-%d", base, (unsigned long long)seed, (int)getpid());
    FY_ASSERT(mkdir(path, 0700) == 0);
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    FY_ASSERT(folder != NULL);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(folder), entry->d_name, 0); /* rmdir tells */
    (void)closedir(folder);
    FY_ASSERT(rmdir(path) == 0);
}

/* In the child. */
static int run_seed(const struct options *options, uint64_t seed, const char *folder)
{
    static struct sim_world world;
    world = (struct sim_world){.seed = seed,
                               .steps = options->steps,
                               .folder = folder,
                               .template_folder = options->template_folder};
    (void)signal(SIGABRT, on_signal);
    (void)signal(SIGSEGV, on_signal);
    (void)signal(SIGALRM, on_signal);
    (void)alarm(WATCHDOG_S);
    fy_log_level_set(FY_INFO); /* always: a line more would be another interleaving */
    fiber_trace_to_stderr(options->trace);
    fiber_world_run(seed, sim_world_main, &world);
    if (options->hash)
        (void)printf("seed %llu: %016llx, %llu switches, %.1f s, %zu changes\n",
                     (unsigned long long)seed, (unsigned long long)fiber_trace_hash(),
                     (unsigned long long)fiber_switches(), (double)fiber_now_us() / 1e6,
                     world.history_count);
    if (world.failed && !options->trace)
        fiber_trace_tail();
    (void)fflush(stdout);
    return world.failed ? 1 : 0;
}

struct job {
    pid_t pid;
    uint64_t seed;
    char folder[96];
};

static void start(const struct options *options, struct job *job, uint64_t seed)
{
    job->seed = seed;
    make_folder(seed, job->folder);
    job->pid = fork();
    FY_ASSERT(job->pid >= 0);
    if (job->pid == 0)
        _exit(run_seed(options, seed, job->folder));
}

/* true: the seed held. */
static bool finish(const struct options *options, struct job *jobs, uint32_t *running)
{
    int status = 0;
    pid_t pid = wait(&status);
    FY_ASSERT(pid > 0);
    uint32_t at = 0;
    while (jobs[at].pid != pid)
        at++;
    remove_folder(jobs[at].folder);
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!well)
        (void)fprintf(stderr,
                      "seed %llu FAILED (%d); again: ferry-sim --seed %llu --steps %u --trace\n",
                      (unsigned long long)jobs[at].seed,
                      WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
                      (unsigned long long)jobs[at].seed, options->steps);
    jobs[at] = jobs[--*running];
    return well;
}

static int run_all(struct options *options)
{
    char template_folder[96];
    make_folder(0, template_folder);
    sim_site_template(template_folder);
    options->template_folder = template_folder;
    struct job jobs[JOBS_MAX];
    uint32_t running = 0;
    uint64_t failed = 0;
    for (uint64_t i = 0; i < options->count && (failed == 0 || !options->until_failure); i++) {
        if (running == options->jobs)
            failed += !finish(options, jobs, &running);
        start(options, &jobs[running++], options->seed + i);
    }
    while (running > 0)
        failed += !finish(options, jobs, &running);
    remove_folder(template_folder);
    options->template_folder = NULL;
    (void)printf("%llu seeds, %llu failed\n", (unsigned long long)options->count,
                 (unsigned long long)failed);
    return (failed > 0) == options->until_failure ? 0 : 1;
}

static bool parse(int count, char **arguments, struct options *options)
{
    static const struct option longs[] = {
        {"seed", required_argument, NULL, 's'},  {"count", required_argument, NULL, 'c'},
        {"steps", required_argument, NULL, 'm'}, {"jobs", required_argument, NULL, 'j'},
        {"trace", no_argument, NULL, 't'},       {"hash", no_argument, NULL, 'h'},
        {"plant", required_argument, NULL, 'p'}, {"bugs", no_argument, NULL, 'b'},
        {"find", no_argument, NULL, 'f'},        {NULL, 0, NULL, 0}};
    int choice;
    while ((choice = getopt_long(count, arguments, "", longs, NULL)) != -1) {
        switch (choice) {
        case 's':
            options->seed = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            options->count = strtoull(optarg, NULL, 10);
            break;
        case 'm':
            options->steps = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'j':
            options->jobs = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 't':
            options->trace = true;
            break;
        case 'p':
            sim_plant_set(sim_plant_find(optarg));
            if (sim_planted(SIM_NO_PLANT))
                return false;
            break;
        case 'b':
            options->list_bugs = true;
            break;
        case 'f':
            options->until_failure = true;
            break;
        case 'h':
            options->hash = true;
            break;
        default:
            return false;
        }
    }
    return optind == count && options->jobs >= 1 && options->jobs <= JOBS_MAX;
}

int main(int count, char **arguments)
{
    struct options options = {.seed = 1, .count = 1, .steps = STEPS_DEFAULT, .jobs = 1};
    if (!parse(count, arguments, &options)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (options.list_bugs) {
        for (enum sim_plant plant = SIM_NO_PLANT + 1; plant < SIM_PLANTS; plant++)
            (void)puts(sim_plant_name(plant));
        return 0;
    }
    return run_all(&options);
}
