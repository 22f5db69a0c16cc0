/* node_open.c - the only file that knows which adapter serves which engine URL. */
#include "cli/node_open.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/await.h"
#include "common/adapters/cache_local.h"
#include "common/adapters/cache_none.h"
#include "common/adapters/cache_redis.h"
#include "common/adapters/catalogue_postgres.h"
#include "common/adapters/catalogue_sqlite.h"
#include "common/adapters/peer_http.h"
#include "common/adapters/queue_kafka.h"
#include "common/adapters/queue_sqlite.h"
#include "common/adapters/store_dir.h"
#include "common/core/guid.h"
#include "common/core/names.h"
#include "common/runtime/export_name.h"
#include "common/runtime/knowledge.h"

/* What each port is served by, as it is told to whoever names something else. */
#define QUEUES     "sqlite:PATH or kafka://HOST:PORT,..."
#define CATALOGUES "sqlite:PATH, postgres://..."
#define STORES     "dir:PATH"
#define CACHES     "local: and redis://HOST[:PORT][/DB]"

#define CACHE_ENTRIES_MAX    10000
#define PEER_CONNECTIONS_MAX 256 /* per loop and host */

/* The rest of url after "scheme:", or NULL. */
static const char *after_scheme(const char *url, const char *scheme)
{
    size_t scheme_bytes = strlen(scheme);
    if (strncmp(url, scheme, scheme_bytes) != 0 || url[scheme_bytes] != ':')
        return NULL;
    return url + scheme_bytes + 1;
}

static enum fy_code unserved(const char *port, const char *url, const char *served,
                             struct fy_err *err)
{
    struct fy_buf shown;
    fy_buf_init(&shown, FY_CONFIG_TEXT_BYTES);
    fy_config_url_print(url, &shown);
    enum fy_code code =
        fy_err_set(err, FY_EINPUT, "%s: '%s' is not an engine of this build; it serves %s", port,
                   shown.bytes != NULL ? shown.bytes : "", served);
    fy_buf_done(&shown);
    return code;
}

static enum fy_code make_folder(const char *path, struct fy_err *err)
{
    if (path[0] == '\0' || mkdir(path, 0700) == 0 || errno == EEXIST)
        return FY_OK;
    return fy_err_set(err, FY_EIO, "make folder %s: %s", path, strerror(errno));
}

bool fy_catalogue_is_postgres(const struct fy_config *config)
{
    return after_scheme(config->catalogue, "postgres") != NULL ||
           after_scheme(config->catalogue, "postgresql") != NULL;
}

static enum fy_code open_catalogue(struct fy_node *node, struct fy_err *err)
{
    const struct fy_config *config = node->config;
    const struct fy_catalogue_settings common = {
        .clock = node->clock,
        .site = node->site,
        .reader_count = FY_CATALOGUE_READERS,
        .keeps = config->trash_keep_ms > 0,
        .trash_grace_ms = config->trash_grace_ms,
        .tells = fy_config_tells(config),
        .oio_namespace = fy_config_tells_oio(config) ? config->oio_namespace : NULL,
        .versions = config->oio_versions,
        .keep_deleted_ms = config->oio_keep_deleted_ms};
    const struct fy_catalogue_postgres_settings shared = {.url = config->catalogue,
                                                          .password_file =
                                                              config->catalogue_password_file,
                                                          .common = common,
                                                          .dead_ms = FY_LEASE_DEAD_MS};
    const struct fy_catalogue_sqlite_settings embedded = {
        .path = after_scheme(config->catalogue, "sqlite"), .common = common};
    if (fy_catalogue_is_postgres(config))
        return fy_catalogue_postgres_open(&shared, &node->catalogue, err);
    if (embedded.path == NULL)
        return unserved("catalogue", config->catalogue, CATALOGUES, err);
    return fy_catalogue_sqlite_open(&embedded, &node->catalogue, err);
}

/* "": the embedded one. */
static bool is_embedded(const char *url)
{
    return url[0] == '\0' || after_scheme(url, "sqlite") != NULL;
}

enum fy_code fy_node_shareable(const struct fy_config *config, struct fy_err *err)
{
    if (is_embedded(config->queue))
        return fy_err_set(err, FY_EINPUT,
                          "the queue must be one that processes share: --queue "
                          "kafka://HOST:PORT (`ferry up` runs a site in one process on sqlite:)");
    if (is_embedded(config->catalogue))
        return fy_err_set(err, FY_EINPUT,
                          "the catalogue must be one that processes share: --catalogue "
                          "postgres://... (`ferry up` runs a site in one process on sqlite:)");
    return FY_OK;
}

bool fy_queue_is_kafka(const struct fy_config *config)
{
    return after_scheme(config->queue, "kafka") != NULL;
}

/* The settings with what they borrow. */
struct kafka_settings {
    const char *properties[FY_KAFKA_PROPERTIES_MAX];
    const char *told[FY_KAFKA_TOLD_MAX];
    char client_id[sizeof("ferry-") + FY_SITE_BYTES_MAX];
    struct fy_queue_kafka_settings settings;
};

static enum fy_code kafka_settings(const struct fy_config *config, struct fy_clock *clock,
                                   struct kafka_settings *kafka, struct fy_err *err)
{
    const char *brokers = after_scheme(config->queue, "kafka");
    if (brokers == NULL || strncmp(brokers, "//", 2) != 0 || brokers[2] == '\0')
        return unserved("queue", config->queue, "kafka://HOST:PORT,HOST:PORT", err);
    for (uint32_t i = 0; i < config->kafka_count; i++)
        kafka->properties[i] = config->kafka[i];
    kafka->told[0] = FY_TOPIC_EVENTS;
    kafka->told[1] = FY_TOPIC_OIO;
    (void)snprintf(kafka->client_id, sizeof(kafka->client_id), "ferry-%s", config->site);
    kafka->settings =
        (struct fy_queue_kafka_settings){.brokers = brokers + 2,
                                         .prefix = config->queue_prefix,
                                         .client_id = kafka->client_id,
                                         .clock = clock,
                                         .partition_count = config->queue_partitions,
                                         .replication = config->topics_replication,
                                         .manage = config->topics_manage,
                                         .accept_retention_ms = config->accept_retention_ms,
                                         .properties = kafka->properties,
                                         .property_count = config->kafka_count,
                                         .told_topics = kafka->told,
                                         .told_count = FY_COUNT_OF(kafka->told),
                                         .told_keep_ms = FY_EVENTS_KEEP_MS};
    return FY_OK;
}

enum fy_code fy_queue_open_kafka(const struct fy_config *config, struct fy_clock *clock,
                                 struct fy_queue **queue, struct fy_err *err)
{
    struct kafka_settings kafka;
    enum fy_code code = kafka_settings(config, clock, &kafka, err);
    return code == FY_OK ? fy_queue_kafka_open(&kafka.settings, queue, err) : code;
}

static enum fy_code open_queue(struct fy_node *node, struct fy_err *err)
{
    if (fy_queue_is_kafka(node->config))
        return fy_queue_open_kafka(node->config, node->clock, &node->queue, err);
    const char *path = after_scheme(node->config->queue, "sqlite");
    if (path == NULL)
        return unserved("queue", node->config->queue, QUEUES, err);
    const struct fy_queue_sqlite_settings settings = {.path = path,
                                                      .clock = node->clock,
                                                      .partition_count =
                                                          node->config->queue_partitions,
                                                      .bytes_max = node->config->queue_bytes_max};
    return fy_queue_sqlite_open(&settings, &node->queue, err);
}

static enum fy_code try_catalogue(void *arg, struct fy_err *err)
{
    return open_catalogue(arg, err);
}

/* Open it is; but nothing can be done before brokers answer and make topics. */
static enum fy_code try_queue(void *arg, struct fy_err *err)
{
    struct fy_node *node = arg;
    enum fy_code code = fy_queue_health(node->queue, err);
    return code == FY_OK ? fy_queue_topic_ensure(node->queue, FY_TOPIC_REPLICATION, err) : code;
}

static enum fy_code open_store(struct fy_node *node, struct fy_err *err)
{
    const char *path = after_scheme(node->config->store, "dir");
    if (path == NULL)
        return unserved("store", node->config->store, STORES, err);
    const struct fy_store_dir_settings settings = {.path = path,
                                                   .boot_id = node->boot_id,
                                                   .free_floor_bytes =
                                                       node->config->store_free_floor_bytes};
    return fy_store_dir_open(&settings, &node->store, err);
}

/* rediss:, too: the adapter says what to do. */
bool fy_cache_is_redis(const struct fy_config *config)
{
    return strncmp(config->cache, "redis", strlen("redis")) == 0;
}

static enum fy_code open_cache(struct fy_node *node, struct fy_err *err)
{
    const struct fy_cache_redis_settings redis = {.url = node->config->cache,
                                                  .password_file =
                                                      node->config->cache_password_file,
                                                  .site = node->site,
                                                  .timeout_ms = node->config->cache_timeout_ms,
                                                  .metrics = &node->metrics};
    if (fy_cache_is_redis(node->config))
        return fy_cache_redis_open(&redis, &node->cache, err);
    if (after_scheme(redis.url, "local") == NULL)
        return unserved("cache", redis.url, CACHES, err);
    node->cache =
        node->shared ? fy_cache_none_new() : fy_cache_local_new(node->clock, CACHE_ENTRIES_MAX);
    return FY_OK;
}

static enum fy_code open_peer(struct fy_node *node, struct fy_err *err)
{
    const struct fy_peer_http_settings settings = {
        .site = node->site,
        .loop_count = node->config->transfer_loops,
        .connections_max = PEER_CONNECTIONS_MAX,
        .connect_timeout_ms = node->config->pull_connect_timeout_ms,
        .stall_timeout_ms = node->config->pull_stall_timeout_ms};
    return fy_peer_http_open(&settings, &node->peer, err);
}

/* ---- settings alone: the same questions, and nothing is opened */

static enum fy_code check_queue(const struct fy_config *config, struct fy_err *err)
{
    struct kafka_settings kafka;
    if (after_scheme(config->queue, "sqlite") != NULL)
        return FY_OK;
    if (!fy_queue_is_kafka(config))
        return unserved("queue", config->queue, QUEUES, err);
    enum fy_code code = kafka_settings(config, fy_clock_system(), &kafka, err);
    return code == FY_OK ? fy_queue_kafka_check(&kafka.settings, err) : code;
}

static enum fy_code check_catalogue(const struct fy_config *config, struct fy_err *err)
{
    const struct fy_catalogue_postgres_settings shared = {
        .url = config->catalogue, .password_file = config->catalogue_password_file};
    if (fy_catalogue_is_postgres(config))
        return fy_catalogue_postgres_check(&shared, err);
    if (after_scheme(shared.url, "sqlite") == NULL)
        return unserved("catalogue", shared.url, CATALOGUES, err);
    return FY_OK;
}

static enum fy_code check_cache(const struct fy_config *config, struct fy_err *err)
{
    const struct fy_cache_redis_settings redis = {.url = config->cache,
                                                  .password_file = config->cache_password_file};
    if (fy_cache_is_redis(config))
        return fy_cache_redis_check(&redis, err);
    if (after_scheme(redis.url, "local") == NULL)
        return unserved("cache", redis.url, CACHES, err);
    return FY_OK;
}

enum fy_code fy_node_check(const struct fy_config *config, struct fy_err *err)
{
    enum fy_code code = check_queue(config, err);
    if (code == FY_OK)
        code = check_catalogue(config, err);
    if (code == FY_OK && after_scheme(config->store, "dir") == NULL)
        code = unserved("store", config->store, STORES, err);
    if (code == FY_OK)
        code = check_cache(config, err);
    return code;
}

/* ---- opening */

static enum fy_code check_owner(const struct fy_node *node, const struct fy_export_list *list,
                                const struct fy_identity_row *own, struct fy_err *err)
{
    /* A number is given before its file is there, and the second one after the first file is. */
    if (list->count == 0 && own->exported > 1 && !node->config->store_anew)
        return fy_err_set(err, FY_EINPUT,
                          "the store is empty, and the catalogue has written into it: is it "
                          "mounted? If it is lost, start once with store.anew, then ferry verify "
                          "--repair fetches bodies from other sites");
    if (fy_export_list_stranger(list, own->id) != NULL)
        return fy_err_set(err, FY_EINPUT,
                          "the store has the export of another catalogue than this%s: if that one "
                          "is lost, ferry fsck --rebuild restores it; to begin anew, give the site "
                          "an empty store",
                          own->blank ? ", which is new" : "");
    if (!fy_export_list_is_ahead(list, own))
        return FY_OK;
    return fy_err_set(err, FY_EINPUT,
                      "the catalogue is older than what the store has of it (export %" PRId64
                      ", it knows up to %" PRId64 "): it was put back to an earlier state, and "
                      "would take newer bodies for nobody's; ferry fsck --rebuild restores it into "
                      "an empty one",
                      list->names[list->count - 1].number, own->exported);
}

/* On a catalogue that is not the store's, or that has been put back, the sweep would take bodies
 * for nobody's. The files are read first: a living process may add one at any time, and tells the
 * catalogue before. */
static enum fy_code try_owner(void *arg, struct fy_err *err)
{
    struct fy_node *node = arg;
    struct fy_identity_row own;
    struct fy_export_list list = {0};
    enum fy_code code = fy_export_list_read(node->store, &list, err);
    if (code == FY_OK)
        code = fy_catalogue_identity(node->catalogue, &own, err);
    if (code == FY_OK)
        code = check_owner(node, &list, &own, err);
    fy_export_list_done(&list);
    return code;
}

/* By another boot id each time: the one before may have its lease, and nobody heard. */
static enum fy_code try_lease(void *arg, struct fy_err *err)
{
    struct fy_node *node = arg;
    uint8_t slot = 0;
    uint64_t start_time = 0;
    fy_guid_new(node->clock, node->boot_id);
    enum fy_code code =
        fy_catalogue_lease_open(node->catalogue, node->boot_id, &slot, &start_time, err);
    if (code == FY_OK)
        fy_hlc_init(&node->hlc, node->clock, node->site, slot, start_time);
    return code;
}

static enum fy_code open_writer(struct fy_node *node, struct fy_err *err)
{
    fy_catalogue_attach(node->catalogue, &node->hlc);
    enum fy_code code = fy_catalogue_writer_open(node->catalogue, &node->writer, err);
    if (code == FY_OK)
        code = fy_lease_open(node, &node->lease, err);
    return code;
}

static enum fy_code open_bells(struct fy_node *node, struct fy_err *err)
{
    enum fy_code code = fy_bell_init(&node->outbox_bell, err);
    if (code == FY_OK)
        code = fy_bell_init(&node->waiting_bell, err);
    if (code == FY_OK)
        code = fy_bell_init(&node->sites_bell, err);
    if (code == FY_OK)
        code = fy_bell_init(&node->stop_bell, err);
    return code;
}

static void init(struct fy_node *node, const struct fy_config *config, struct fy_clock *clock)
{
    *node = (struct fy_node){.config = config,
                             .clock = clock,
                             .site = config->site,
                             .started_ms = fy_wall_ms(clock),
                             .shared = fy_catalogue_is_postgres(config),
                             .outbox_bell = {.event_fd = -1},
                             .waiting_bell = {.event_fd = -1},
                             .sites_bell = {.event_fd = -1},
                             .stop_bell = {.event_fd = -1},
                             .undone = FY_UNDONE_INIT,
                             .role_mutex = PTHREAD_MUTEX_INITIALIZER};
}

enum fy_code fy_node_open_to_look(struct fy_node *node, const struct fy_config *config,
                                  struct fy_clock *clock, struct fy_err *err)
{
    init(node, config, clock);
    fy_guid_new(clock, node->boot_id); /* it writes nothing by that name */
    enum fy_code code = open_catalogue(node, err);
    if (code == FY_OK)
        code = open_store(node, err);
    if (code != FY_OK)
        fy_node_close(node);
    return code;
}

enum fy_code fy_node_open(struct fy_node *node, const struct fy_config *config,
                          struct fy_clock *clock, struct fy_err *err)
{
    init(node, config, clock);
    int64_t await_until_ms = fy_await_until(config->start_wait_ms);
    enum fy_code code = open_bells(node, err);
    if (code == FY_OK)
        code = make_folder(config->data, err);
    /* The catalogue first: its lock says whose folder this is. */
    if (code == FY_OK)
        code = fy_await("catalogue", await_until_ms, try_catalogue, node, err);
    if (code == FY_OK)
        code = fy_await("catalogue", await_until_ms, try_lease, node, err);
    if (code == FY_OK)
        code = open_writer(node, err);
    if (code == FY_OK)
        code = open_queue(node, err);
    if (code == FY_OK)
        code = fy_await("queue", await_until_ms, try_queue, node, err);
    if (code == FY_OK)
        code = open_store(node, err);
    if (code == FY_OK)
        code = fy_await("catalogue", await_until_ms, try_owner, node, err);
    if (code == FY_OK)
        code = open_cache(node, err);
    if (code == FY_OK)
        code = open_peer(node, err);
    if (code != FY_OK)
        fy_node_close(node);
    return code;
}

struct entering {
    struct fy_node *node;
    struct fy_cat_site *insert;
};

static enum fy_code try_insert(void *arg, struct fy_err *err)
{
    const struct entering *entering = arg;
    enum fy_code code = fy_catalogue_writer_run(entering->node->writer, &entering->insert->op, err);
    return code == FY_EEXISTS ? FY_OK : code;
}

static enum fy_code enter_site(struct fy_node *node, const char *id, const char *uri,
                               struct fy_err *err)
{
    struct fy_cat_site insert = {.op = {.kind = FY_CAT_SITE}, .action = FY_SITE_INSERT};
    insert.row.status = FY_SITE_UP;
    if (!fy_text_copy(insert.row.id, sizeof(insert.row.id), id) ||
        !fy_text_copy(insert.row.name, sizeof(insert.row.name), id))
        return fy_err_set(err, FY_EINPUT, "site '%s': its id is too long", id);
    enum fy_code code = fy_uri_normalise(uri, insert.row.uri, err);
    if (code != FY_OK)
        return fy_err_add(err, "site '%s'", id);
    struct entering entering = {.node = node, .insert = &insert};
    code = fy_await("catalogue", fy_await_until(node->config->start_wait_ms), try_insert, &entering,
                    err);
    return code == FY_OK ? FY_OK : fy_err_add(err, "enter site '%s'", id);
}

enum fy_code fy_node_enter_self(struct fy_node *node, const char *uri, struct fy_err *err)
{
    enum fy_code code = enter_site(node, node->site, uri, err);
    fy_know_sites_changed(node);
    return code;
}

enum fy_code fy_node_enter_peers(struct fy_node *node, struct fy_err *err)
{
    enum fy_code code = FY_OK;
    for (uint32_t i = 0; code == FY_OK && i < node->config->peer_count; i++) {
        const char *peer = node->config->peers[i];
        const char *equals = strchr(peer, '=');
        char id[FY_SITE_BYTES_MAX + 1] = "";
        FY_ASSERT(equals != NULL); /* fy_config_finish has looked */
        memcpy(id, peer, (size_t)(equals - peer));
        code = enter_site(node, id, equals + 1, err);
    }
    fy_know_sites_changed(node);
    return code;
}

void fy_node_close(struct fy_node *node)
{
    fy_peer_close(node->peer);
    fy_queue_close(node->queue); /* its last acknowledgements still meet a catalogue */
    fy_lease_close(node->lease);
    fy_catalogue_writer_close(node->writer);
    fy_catalogue_close(node->catalogue); /* saves the last stamp in its lease row */
    if (node->writer != NULL)
        fy_hlc_done(&node->hlc);
    fy_cache_close(node->cache);
    fy_store_close(node->store);
    fy_undone_done(&node->undone);
    fy_bell_done(&node->outbox_bell);
    fy_bell_done(&node->waiting_bell);
    fy_bell_done(&node->sites_bell);
    fy_bell_done(&node->stop_bell);
    *node = (struct fy_node){0};
}
