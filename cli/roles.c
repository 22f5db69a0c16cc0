/* roles.c - `ferry up`, `ferry api` and `ferry worker`: the processes of a site. */
/*
 * They differ by a row of the table below and by nothing else. `up` is both roles in one process,
 * on any mix of engines; the other two are parts of a site that need the rest of it, so they take
 * only engines that processes can share.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "api/http.h"
#include "cli/command.h"
#include "cli/node_open.h"
#include "cli/signals.h"
#include "common/core/log.h"
#include "worker/worker.h"

/* Each thread's own heap arena would grow to its own high-water mark: two are enough for a process
 * that reuses its memory, and keep it under its 64 MB. */
#define HEAP_ARENAS 2
/* Larger blocks go back to the system when freed. */
#define HEAP_MMAP_BYTES (128 << 10)

static const struct role {
    const char *name; /* of its command */
    bool api, worker;
    bool alone;        /* other processes do the rest of the site's work */
    const char *admin; /* where metrics and health are when nothing is said; "" nowhere */
} roles[] = {
    {.name = "up", .api = true, .worker = true, .admin = ""},
    {.name = "api", .api = true, .alone = true, .admin = ""},
    {.name = "worker", .worker = true, .alone = true, .admin = "127.0.0.1:9464"},
};

struct site {
    struct fy_config config;
    const struct role *role;
    struct fy_node node;
    bool opened; /* all of it: an error from now on is a thread's */
    struct fy_worker *worker;
    struct fy_server *api;
    struct fy_server *admin;
};

/* ---- what the process is given */

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

static const struct role *role_of(const struct fy_command_line *line)
{
    size_t i = 0;
    while (i < FY_COUNT_OF(roles) && strcmp(roles[i].name, line->command->name) != 0)
        i++;
    FY_ASSERT(i < FY_COUNT_OF(roles)); /* commands.c names no other */
    return &roles[i];
}

static enum fy_code prepare(struct site *site, struct fy_err *err)
{
    (void)mallopt(M_ARENA_MAX, HEAP_ARENAS);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_MMAP_BYTES);
    raise_file_limit();
    fy_log_level_set(log_level(site->config.log_level));
    if (site->config.admin[0] == '\0') {
        bool fits = fy_text_copy(site->config.admin, sizeof(site->config.admin), site->role->admin);
        FY_ASSERT(fits);
    }
    enum fy_code code = FY_OK;
    if (site->role->alone)
        code = fy_node_shareable(&site->config, err);
    if (code == FY_OK)
        code = fy_config_finish(&site->config, err);
    if (code != FY_OK && site->role->alone)
        return fy_err_add(err, "%s", site->role->name);
    return code;
}

/* ---- opening, in the order in which work flows back */

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

static enum fy_code open_worker(struct site *site, struct fy_err *err)
{
    enum fy_code code = fy_worker_open(&site->node, &site->worker, err);
    if (code == FY_OK)
        fy_crashes_watch(site->worker);
    return code;
}

/* Where an API puts orders; a worker makes its own topics. */
static enum fy_code open_topics(struct fy_node *node, struct fy_err *err)
{
    enum fy_code code = fy_queue_topic_ensure(node->queue, FY_TOPIC_REPLICATION, err);
    if (code == FY_OK)
        code = fy_queue_topic_ensure(node->queue, FY_TOPIC_ACTION, err);
    return code;
}

static enum fy_code open_servers(struct site *site, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    if (site->role->api)
        code = open_topics(&site->node, err);
    if (code == FY_OK && site->role->api)
        code = open_server(site, site->config.listen, fy_tables_api, fy_tables_api_count,
                           &site->api, err);
    if (code == FY_OK && site->config.admin[0] != '\0')
        code = open_server(site, site->config.admin, fy_tables_admin, fy_tables_admin_count,
                           &site->admin, err);
    return code;
}

/* "http://HOST:PORT" of listen with the port that was really taken. */
static void uri_of(const char *listen, struct fy_server *server,
                   char uri[static FY_URI_BYTES_MAX + 1])
{
    const char *colon = strrchr(listen, ':');
    (void)snprintf(uri, FY_URI_BYTES_MAX + 1, "http://%.*s:%u", (int)(colon - listen), listen,
                   (unsigned)fy_server_port(server));
}

/* Others reach the site where its API listens, unless they are told a better address. A worker has
 * no address of the site to tell. */
static enum fy_code enter_sites(struct site *site, const char *uri, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    const char *given = site->config.public_url;
    if (site->role->api)
        code = fy_node_enter_self(&site->node, given[0] != '\0' ? given : uri, err);
    if (code == FY_OK)
        code = fy_node_enter_peers(&site->node, err);
    return code;
}

static enum fy_code open_site(struct site *site, struct fy_err *err)
{
    char uri[FY_URI_BYTES_MAX + 1];
    enum fy_code code = fy_node_open(&site->node, &site->config, fy_clock_system(), err);
    if (code != FY_OK)
        return code;
    fy_signals_catch(&site->node.stop_bell);
    if (site->role->worker)
        code = open_worker(site, err);
    if (code == FY_OK)
        code = open_servers(site, err);
    if (code != FY_OK)
        return code;
    if (site->api != NULL)
        uri_of(site->config.listen, site->api, uri);
    else
        uri_of(site->config.admin, site->admin, uri);
    code = enter_sites(site, uri, err);
    if (code != FY_OK)
        return code;
    site->opened = true;
    printf("ferry: site %s listening on %s\n", site->config.site, uri);
    (void)fflush(stdout); /* somebody may wait for this line */
    return FY_OK;
}

static void close_site(struct site *site)
{
    fy_signals_ignore();
    atomic_store(&site->node.stopping, true);
    fy_server_close(site->api, site->config.drain_ms);
    fy_crashes_unwatch();
    fy_worker_close(site->worker, site->config.drain_ms);
    fy_server_close(site->admin, 0);
    fy_node_close(&site->node);
}

/* ---- the command */

static enum fy_code run(struct site *site, struct fy_err *err)
{
    enum fy_code code = prepare(site, err);
    if (code == FY_OK)
        code = open_site(site, err);
    if (code != FY_OK)
        return code;
    while (!fy_bell_wait(&site->node.stop_bell, -1, -1))
        continue; /* interrupted */
    return (enum fy_code)atomic_load(&site->node.fatal_code);
}

int fy_command_role(const struct fy_command_line *line)
{
    struct fy_err err = {0};
    struct site *site = fy_alloc(sizeof(*site));
    site->config = line->config;
    site->role = role_of(line);
    enum fy_code code = run(site, &err);
    if (code == FY_ECANCELLED && !site->opened)
        code = FY_OK; /* told to stop while it waited for an engine, it has stopped */
    bool fatal = code != FY_OK && site->opened; /* the thread that saw it has logged it */
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
