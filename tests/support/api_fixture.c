/* api_fixture.c - a node and a server around it, in a folder of their own. */
#include "tests/support/api_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/adapters/cache_local.h"
#include "common/adapters/catalogue_sqlite.h"
#include "common/adapters/peer_http.h"
#include "common/adapters/store_dir.h"

#define SAY_BYTES_MAX (128 << 10)

/* ------------------------------------------------------------------ the queue's double */

static struct api_queue *fake_of(struct fy_queue *port)
{
    return FY_CONTAINER_OF(port, struct api_queue, port);
}

static void keep(struct api_queue *self, const struct fy_record *record)
{
    bool power_of_two = (self->count & (self->count - 1)) == 0;
    if (power_of_two) { /* full, or nothing yet: doubled, since a sanitizer copies at every growth
                         */
        size_t capacity = self->count == 0 ? 1 : 2 * self->count;
        self->records = fy_realloc(self->records, capacity * sizeof *self->records);
    }
    struct api_record *kept = &self->records[self->count++];
    kept->topic = fy_strdup(record->topic);
    kept->key = fy_memdup(record->key, record->key_bytes);
    kept->key_bytes = record->key_bytes;
    kept->value = fy_alloc(record->value_bytes + 1);
    memcpy(kept->value, record->value, record->value_bytes);
}

static enum fy_code fake_publish(struct fy_queue *port, const struct fy_record *records,
                                 size_t count, fy_publish_done_fn *done, void *arg,
                                 struct fy_err *err)
{
    struct api_queue *self = fake_of(port);
    pthread_mutex_lock(&self->mutex);
    self->publish_count++;
    enum fy_code refuse = self->refuse, fail = self->fail;
    if (self->publish_count == self->refuse_at)
        refuse = FY_EFULL;
    bool hold = self->hold;
    size_t accepted = fail != FY_OK ? self->fail_accepted : count;
    for (size_t i = 0; refuse == FY_OK && i < accepted; i++)
        keep(self, &records[i]);
    if (refuse == FY_OK && hold) {
        FY_ASSERT(self->held_done == NULL);
        self->held_done = done;
        self->held_arg = arg;
        self->held_count = count;
    }
    pthread_mutex_unlock(&self->mutex);
    if (refuse != FY_OK)
        return fy_err_set(err, refuse, "the double refuses");
    struct fy_err why = {.code = fail, .text = "the double fails"};
    if (!hold)
        done(arg, fail, accepted, &why);
    return FY_OK;
}

void api_queue_release(struct api_queue *self)
{
    fy_publish_done_fn *done = NULL;
    while (done == NULL) {
        pthread_mutex_lock(&self->mutex);
        done = self->held_done;
        self->held_done = NULL;
        pthread_mutex_unlock(&self->mutex);
        if (done == NULL)
            (void)usleep(1000);
    }
    done(self->held_arg, FY_OK, self->held_count, NULL);
}

static void fake_fill(struct fy_queue *port, int64_t *used_bytes, int64_t *max_bytes)
{
    struct api_queue *self = fake_of(port);
    pthread_mutex_lock(&self->mutex);
    *used_bytes = self->used_bytes;
    *max_bytes = self->max_bytes;
    pthread_mutex_unlock(&self->mutex);
}

static enum fy_code fake_health(struct fy_queue *port, struct fy_err *err)
{
    struct api_queue *self = fake_of(port);
    pthread_mutex_lock(&self->mutex);
    enum fy_code code = self->health;
    pthread_mutex_unlock(&self->mutex);
    return code == FY_OK ? FY_OK : fy_err_set(err, code, "no broker answers");
}

/* One partition, everything undone since a second before 1970 plus two. */
static enum fy_code fake_lag(struct fy_queue *port, const char *group, const char *topic,
                             fy_lag_visit_fn *visit, void *arg, struct fy_err *err)
{
    struct api_queue *self = fake_of(port);
    (void)group;
    if (self->lag_fails != FY_OK)
        return fy_err_set(err, self->lag_fails, "the double does not tell");
    struct fy_partition_lag lag = {
        .partition = 3, .end_offset = 9, .committed_offset = 2, .oldest_ms = 1000, .text = ""};
    FY_ASSERT(fy_text_copy(lag.topic, sizeof lag.topic, topic));
    bool more = self->lag_partitions > 0 || !visit(arg, &lag);
    for (lag.partition = 0; more && lag.partition < self->lag_partitions; lag.partition++)
        more = visit(arg, &lag);
    return FY_OK;
}

static const struct fy_queue_ops fake_ops = {
    .name = "fake",
    .publish = fake_publish,
    .lag = fake_lag,
    .fill = fake_fill,
    .health = fake_health,
};

static void api_queue_done(struct api_queue *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->records[i].topic);
        free(self->records[i].key);
        free(self->records[i].value);
    }
    free(self->records);
    pthread_mutex_destroy(&self->mutex);
}

/* ------------------------------------------------------------------ the fixture */

static void open_server(struct api_fixture *f, const struct fy_route_table *const *tables,
                        size_t table_count, uint32_t idle_ms)
{
    struct fy_err err;
    struct fy_server_settings settings = {
        .listen = "127.0.0.1:0",
        .tables = tables,
        .table_count = table_count,
        .threads = 2,
        .pool_threads = 4,
        .connections_max = FY_CONNECTIONS_MAX,
        .idle_ms = idle_ms,
    };
    FY_ASSERT(fy_server_open(&settings, &f->node, &f->server, &err) == FY_OK);
    f->port = fy_server_port(f->server);
    FY_ASSERT(f->port != 0);
}

static struct api_fixture *node_new(const char *site)
{
    struct api_fixture *f = fy_alloc(sizeof *f);
    struct fy_err err;
    temp_folder("api", f->dir);
    FY_ASSERT(pthread_mutex_init(&f->queue.mutex, NULL) == 0);
    f->queue.port.ops = &fake_ops;
    f->config = fy_alloc(sizeof *f->config);
    FY_ASSERT(fy_text_copy(f->config->site, sizeof f->config->site, site));
    f->node.config = f->config;
    f->node.site = f->config->site;
    f->node.clock = fy_clock_system();
    f->node.queue = &f->queue.port;
    fy_guid_new(f->node.clock, f->node.boot_id);
    fy_hlc_init(&f->node.hlc, f->node.clock, site, 7, 0);
    char path[TEMP_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/store", f->dir);
    struct fy_store_dir_settings store = {.path = path, .boot_id = f->node.boot_id};
    FY_ASSERT(fy_store_dir_open(&store, &f->node.store, &err) == FY_OK);
    return f;
}

struct api_fixture *api_fixture_new(const struct fy_route_table *const *tables, size_t table_count,
                                    uint32_t idle_ms)
{
    struct api_fixture *f = node_new(API_SITE);
    open_server(f, tables, table_count, idle_ms);
    return f;
}

struct api_fixture *api_fixture_full(const struct fy_route_table *const *tables, size_t table_count,
                                     const char *site)
{
    struct api_fixture *f = node_new(site);
    struct fy_node *node = &f->node;
    struct fy_err err;
    char path[TEMP_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/catalogue.db", f->dir);
    struct fy_catalogue_sqlite_settings catalogue = {
        .path = path, .common.clock = node->clock, .common.site = site, .common.reader_count = 4};
    FY_ASSERT(fy_catalogue_sqlite_open(&catalogue, &node->catalogue, &err) == FY_OK);
    uint8_t slot = 0;
    uint64_t start_time = 0;
    FY_ASSERT(fy_catalogue_lease_open(node->catalogue, node->boot_id, &slot, &start_time, &err) ==
              FY_OK);
    fy_catalogue_attach(node->catalogue, &node->hlc);
    FY_ASSERT(fy_catalogue_writer_open(node->catalogue, &node->writer, &err) == FY_OK);
    node->cache = fy_cache_local_new(node->clock, 100);
    struct fy_peer_http_settings peer = {.site = site,
                                         .loop_count = 1,
                                         .connections_max = 8,
                                         .connect_timeout_ms = 1000,
                                         .stall_timeout_ms = 5000};
    FY_ASSERT(fy_peer_http_open(&peer, &node->peer, &err) == FY_OK);
    open_server(f, tables, table_count, 0);
    return f;
}

void api_fixture_free(struct api_fixture *f)
{
    fy_server_close(f->server, 2000);
    fy_peer_close(f->node.peer);
    fy_cache_close(f->node.cache);
    fy_catalogue_writer_close(f->node.writer);
    fy_catalogue_close(f->node.catalogue);
    fy_store_close(f->node.store);
    fy_hlc_done(&f->node.hlc);
    api_queue_done(&f->queue);
    temp_remove(f->dir);
    free(f->config);
    free(f);
}

int api_fixture_tear_down(void **state)
{
    api_fixture_free(*state);
    return 0;
}

char *api_fixture_store(struct api_fixture *f, const void *bytes, size_t size_bytes)
{
    struct fy_err err;
    struct fy_writer *writer = NULL;
    struct fy_stored stored;
    FY_ASSERT(fy_store_begin(f->node.store, (int64_t)size_bytes, &writer, &err) == FY_OK);
    FY_ASSERT(fy_store_append(f->node.store, writer, bytes, size_bytes, &err) == FY_OK);
    FY_ASSERT(fy_store_finish(f->node.store, writer, &stored, &err) == FY_OK);
    return fy_strdup(stored.blob_ref);
}

/* ------------------------------------------------------------------ handlers */

void api_say(struct fy_exchange *x, const char *text)
{
    struct fy_buf body;
    fy_buf_init(&body, SAY_BYTES_MAX);
    fy_buf_text(&body, text);
    fy_answer_bytes(x, 200, "text/plain", &body);
}

void api_echo(struct fy_exchange *x)
{
    size_t size_bytes = 0;
    const char *body = fy_body(x, &size_bytes);
    FY_ASSERT(strlen(body) == size_bytes);
    api_say(x, body);
}
