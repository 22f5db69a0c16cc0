/* up.c - `ferry up`: a whole site in one process. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/http.h"
#include "cli/command.h"
#include "cli/node_open.h"
#include "common/core/log.h"
#include "worker/worker.h"

/* Each thread's own heap arena would grow to its own high-water mark: two are enough for a process
 * that reuses its memory, and keep it under its 64 MB. */
#define HEAP_ARENAS 2
/* Larger blocks go back to the system when freed. */
#define HEAP_MMAP_BYTES (128 << 10)

struct site {
    struct fy_config config;
    struct fy_node node;
    struct fy_worker *worker;
    struct fy_server *api;
    struct fy_server *admin;
};

/* Signals only ring a bell, or leave a note; one process has one. */
static struct fy_bell *signal_bell;
static struct fy_worker *crash_worker;

/* The signals a process ends itself with, by its own fault. */
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static struct sigaction crash_before[FY_COUNT_OF(crash_signals)];

static void on_signal(int number)
{
    (void)number;
    fy_bell_ring(signal_bell);
}

static void catch_signals(struct fy_bell *bell)
{
    signal_bell = bell;
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL); /* a peer that went away is an error code */
    (void)sigaction(SIGXFSZ, &action, NULL); /* and so is a file that may not grow */
}

/* Leaves the note, then lets happen what would have: the same instruction faults once more. Only a
 * signal that was sent has to be sent again. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    fy_worker_crashed(crash_worker);
    for (size_t i = 0; i < FY_COUNT_OF(crash_signals); i++)
        (void)sigaction(crash_signals[i], &crash_before[i], NULL);
    if (info->si_code <= 0)
        (void)raise(number);
}

static void watch_crashes(struct fy_worker *worker)
{
    crash_worker = worker;
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (size_t i = 0; i < FY_COUNT_OF(crash_signals); i++)
        (void)sigaction(crash_signals[i], &action, &crash_before[i]);
}

/* Before the worker goes. */
static void unwatch_crashes(void)
{
    for (size_t i = 0; crash_worker != NULL && i < FY_COUNT_OF(crash_signals); i++)
        (void)sigaction(crash_signals[i], &crash_before[i], NULL);
}

static void raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE,
                    &files); /* fewer files: fewer connections, said when they are short */
}

static enum fy_log_level log_level(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < FY_COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum fy_log_level)i;
    return FY_INFO;
}

static enum fy_code open_server(struct site *site, const char *listen,
                                const struct fy_route_table *const *tables, size_t table_count,
                                struct fy_server **server, struct fy_err *err)
{
    const struct fy_server_settings settings = {
        .listen = listen,
        .accept_unauthenticated = site->config.accept_unauthenticated,
        .tables = tables,
        .table_count = table_count,
        .threads = site->config.api_threads,
        .pool_threads = site->config.api_pool_threads,
        .connections_max = site->config.api_connections_max};
    return fy_server_open(&settings, &site->node, server, err);
}

/* "HOST:PORT" of listen with the port that was really taken. */
static void own_uri(const struct site *site, char uri[static FY_URI_BYTES_MAX + 1])
{
    const char *colon = strrchr(site->config.listen, ':');
    (void)snprintf(uri, FY_URI_BYTES_MAX + 1, "http://%.*s:%u", (int)(colon - site->config.listen),
                   site->config.listen, (unsigned)fy_server_port(site->api));
}

static enum fy_code open_site(struct site *site, struct fy_err *err)
{
    char uri[FY_URI_BYTES_MAX + 1];
    enum fy_code code = fy_node_open(&site->node, &site->config, fy_clock_system(), err);
    if (code != FY_OK)
        return code;
    catch_signals(&site->node.stop_bell);
    code = fy_worker_open(&site->node, &site->worker, err);
    if (code == FY_OK)
        watch_crashes(site->worker);
    if (code == FY_OK)
        code = open_server(site, site->config.listen, fy_tables_api, fy_tables_api_count,
                           &site->api, err);
    if (code == FY_OK && site->config.admin[0] != '\0')
        code = open_server(site, site->config.admin, fy_tables_admin, fy_tables_admin_count,
                           &site->admin, err);
    if (code == FY_OK) {
        own_uri(site, uri);
        code = fy_node_enter_sites(&site->node, uri, err);
    }
    if (code != FY_OK)
        return code;
    printf("ferry: site %s listening on %s\n", site->config.site, uri);
    (void)fflush(stdout); /* somebody may wait for this line */
    return FY_OK;
}

static void close_site(struct site *site)
{
    /* A second signal asks for what is under way already, and its bell is about to go. */
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    atomic_store(&site->node.stopping, true);
    fy_server_close(site->api, site->config.drain_ms);
    unwatch_crashes();
    fy_worker_close(site->worker, site->config.drain_ms);
    fy_server_close(site->admin, 0);
    fy_node_close(&site->node);
}

int fy_command_up(const struct fy_command_line *line)
{
    struct fy_err err = {0};
    struct site *site = fy_alloc(sizeof(*site));
    site->config = line->config;
    (void)mallopt(M_ARENA_MAX, HEAP_ARENAS);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_MMAP_BYTES);
    raise_file_limit();
    fy_log_level_set(log_level(site->config.log_level));

    enum fy_code code = fy_config_finish(&site->config, &err);
    if (code == FY_OK)
        code = open_site(site, &err);
    if (code == FY_OK) {
        while (!fy_bell_wait(&site->node.stop_bell, -1, -1))
            continue; /* interrupted */
        code = (enum fy_code)atomic_load(&site->node.fatal_code);
    }
    bool fatal = code != FY_OK && site->api != NULL && atomic_load(&site->node.fatal_code) != FY_OK;
    if (code != FY_OK && !fatal)
        fprintf(stderr, "ferry: %s\n", err.text);
    if (site->node.config != NULL)
        close_site(site);
    free(site);
    if (fatal)
        return FY_EXIT_FATAL;
    /* A folder that is another process's is a wrong command line: it names the wrong folder. */
    return code == FY_EEXISTS ? FY_EXIT_USAGE : fy_code_exit_status(code);
}
