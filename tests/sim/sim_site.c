/* sim_site.c - a process of a site opened as cli/node_open.c and cli/roles.c do, killed at once. */
#include "tests/sim/sim_site.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/adapters/cache_local.h"
#include "common/adapters/catalogue_sqlite.h"

#define CACHE_ENTRIES 1000
#define READERS       2
#define DRAIN_MS      2000
#define PATH_BYTES    160

static const char *const suffixes[] = {"", "-wal"};

static void path_of(const struct sim_site *site, uint32_t run, const char *suffix,
                    char path[static PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "%s/%s.%u.db%s", site->folder, site->id, run, suffix);
}

/* What the kernel has of a killed process's files: the next one opens a copy, for the dead one's
 * connections are still open in this program. */
static void copy_file(const char *from, const char *to)
{
    struct stat status;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return;
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    FY_ASSERT(out >= 0);
    FY_ASSERT(fstat(in, &status) == 0);
    for (off_t left = status.st_size; left > 0;) {
        ssize_t sent = sendfile(out, in, NULL, (size_t)left);
        FY_ASSERT(sent > 0);
        left -= sent;
    }
    (void)close(in);
    (void)close(out);
}

static void must(enum fy_code code, const struct fy_err *err, const char *what)
{
    if (code != FY_OK)
        (void)fprintf(stderr, "sim: %s: %s\n", what, err->text);
    FY_ASSERT(code == FY_OK);
}

/* ------------------------------------------------------------------ opening */

static void fill_config(struct fy_config *config, const struct sim_site *site)
{
    fy_config_init(config);
    FY_ASSERT(fy_text_copy(config->site, sizeof(config->site), site->id));
    config->retry_memory_ms = 2000; /* so that what fails goes all its ways in a short run */
    config->retry_first_ms = 1000;
    config->retry_second_ms = 2000;
    config->retry_later_ms = 5000;
    config->sync_threads = 2;
    config->sweep_every_ms = 2000;
    config->trash_grace_ms = 5000;
    config->trash_keep_ms = 20000;
}

static void open_node(struct sim_run *run)
{
    struct sim_site *site = run->site;
    struct fy_node *node = &run->node;
    struct fy_err err = {0};
    char path[PATH_BYTES];
    path_of(site, site->runs, "", path);
    const struct fy_catalogue_sqlite_settings settings = {
        .path = path,
        .common.clock = &site->clock.port,
        .common.site = site->id,
        .common.reader_count = READERS,
        .common.keeps = true,
        .common.versions = run->config.oio_versions,
        .common.keep_deleted_ms = run->config.oio_keep_deleted_ms};
    must(fy_catalogue_sqlite_open(&settings, &run->rows, &err), &err, "open the catalogue");
    site->note(site, run->rows);
    *node = (struct fy_node){.config = &run->config,
                             .clock = &site->clock.port,
                             .site = run->config.site,
                             .started_ms = fy_wall_ms(&site->clock.port),
                             .role_mutex = PTHREAD_MUTEX_INITIALIZER};
    fy_guid_new(node->clock, node->boot_id);
    must(fy_bell_init(&node->outbox_bell, &err), &err, "bell");
    must(fy_bell_init(&node->waiting_bell, &err), &err, "bell");
    must(fy_bell_init(&node->sites_bell, &err), &err, "bell");
    must(fy_bell_init(&node->stop_bell, &err), &err, "bell");
    node->catalogue = sim_catalogue_open(run->rows, &site->catalogue_faults, site->see, site);
    node->queue = sim_queue_open(site->broker);
    node->store = sim_store_open(site->disk, node->boot_id);
    node->cache = fy_cache_local_new(node->clock, CACHE_ENTRIES);
    node->peer = sim_peer_open(site->net, site->host);
    uint8_t slot = 0;
    uint64_t start_time = 0;
    must(fy_catalogue_lease_open(node->catalogue, node->boot_id, &slot, &start_time, &err), &err,
         "take a lease");
    fy_hlc_init(&node->hlc, node->clock, node->site, slot, start_time);
    fy_catalogue_attach(node->catalogue, &node->hlc);
    must(fy_catalogue_writer_open(node->catalogue, &node->writer, &err), &err, "writer");
    must(fy_lease_open(node, &node->lease, &err), &err, "lease");
}

/* false: the process ends, as cli/ would end it. */
static bool enter_sites(struct sim_run *run)
{
    const struct sim_net *net = run->site->net;
    for (size_t i = 0; i < net->host_count; i++) {
        struct fy_cat_site insert = {.op = {.kind = FY_CAT_SITE}, .action = FY_SITE_INSERT};
        insert.row.status = FY_SITE_UP;
        (void)snprintf(insert.row.id, sizeof(insert.row.id), "site-%c", (char)('a' + i));
        memcpy(insert.row.name, insert.row.id, sizeof(insert.row.name));
        (void)snprintf(insert.row.uri, sizeof(insert.row.uri), "%s", net->hosts[i].uri);
        enum fy_code code = fy_catalogue_writer_run(run->node.writer, &insert.op, NULL);
        if (code != FY_OK && code != FY_EEXISTS)
            return false;
    }
    return true;
}

/* As cli/ does: what takes requests first, then the worker, then the ports. */
static void close_node(struct sim_run *run)
{
    struct fy_node *node = &run->node;
    atomic_store(&node->stopping, true);
    while (run->busy > 0)
        fiber_sleep_us(1000);
    fy_worker_close(run->worker, DRAIN_MS);
    fy_peer_close(node->peer);
    fy_queue_close(node->queue);
    node->queue = NULL;
    fy_lease_close(node->lease);
    fy_catalogue_writer_close(node->writer);
    fy_catalogue_close(node->catalogue);
    fy_hlc_done(&node->hlc);
    fy_cache_close(node->cache);
    fy_store_close(node->store);
    fiber_trace("closed");
}

/* The process's main thread. */
static void *process_main(void *arg)
{
    struct sim_run *run = arg;
    struct sim_site *site = run->site;
    struct fy_err err = {0};
    open_node(run);
    if (enter_sites(run) && fy_worker_open(&run->node, &run->worker, &err) == FY_OK) {
        run->up = true;
        site->host->node = &run->node;
        site->host->group = &run->group;
        site->host->busy = &run->busy;
        fiber_trace("up: boot %s", run->node.boot_id);
        while (atomic_load(&run->node.fatal_code) == 0 && !run->stops)
            (void)fy_bell_wait(&run->node.stop_bell, -1, -1);
    }
    fiber_trace("exits: %s", err.text);
    run->up = false;
    site->host->group = NULL;
    if (run->stops)
        close_node(run);
    run->ended = true;
    for (;;)
        fiber_sleep_us(1000000);
    return NULL;
}

static void template_of(const char *folder, char path[static PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "%s/template.db", folder);
}

void sim_site_template(const char *folder)
{
    struct fy_catalogue *catalogue = NULL;
    struct fy_err err = {0};
    char path[PATH_BYTES];
    template_of(folder, path);
    const struct fy_catalogue_sqlite_settings settings = {.path = path,
                                                          .common.clock = fy_clock_system(),
                                                          .common.site = "site-a",
                                                          .common.reader_count = 1};
    must(fy_catalogue_sqlite_open(&settings, &catalogue, &err), &err, "make a catalogue");
    fy_catalogue_close(catalogue);
}

void sim_site_start(struct sim_site *site)
{
    FY_ASSERT(site->run == NULL);
    struct sim_run *run = fy_alloc(sizeof(*run));
    run->site = site;
    run->group.name = site->id;
    fill_config(&run->config, site);
    site->run = run;
    if (site->runs == 0) {
        char from[PATH_BYTES];
        char to[PATH_BYTES];
        template_of(site->template_folder, from);
        path_of(site, ++site->runs, "", to);
        copy_file(from, to);
    }
    (void)fiber_start(&run->group, "main", process_main, run, 0);
}

void sim_site_stop(struct sim_site *site)
{
    if (site->run == NULL || !site->run->up)
        return;
    fiber_trace("stop %s", site->id);
    site->run->stops = true;
    fy_bell_ring(&site->run->node.stop_bell);
}

void sim_site_kill(struct sim_site *site)
{
    struct sim_run *run = site->run;
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    if (run == NULL)
        return;
    fiber_trace("kill %s", site->id);
    site->host->group = NULL;
    site->run = NULL;
    fiber_kill(&run->group);
    if (run->node.queue != NULL)
        sim_queue_died(run->node.queue);
    for (size_t i = 0; i < FY_COUNT_OF(suffixes); i++) {
        path_of(site, site->runs, suffixes[i], from);
        path_of(site, site->runs + 1, suffixes[i], to);
        copy_file(from, to);
        (void)unlink(from); /* a catalogue without a WAL has none */
    }
    site->runs++;
}

bool sim_site_lives(const struct sim_site *site)
{
    return site->run != NULL && !site->run->ended;
}
