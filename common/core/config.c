/* config.c - the table of settings, and its three readers: text, environment, help. */
#include "common/core/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB (1LL << 10)
#define MIB (1LL << 20)
#define GIB (1LL << 30)
#define TIB (1LL << 40)
#define DAY (24LL * 3600 * 1000)

#define MEMBER(m) offsetof(struct fy_config, m), sizeof(((struct fy_config *)0)->m)
#define TEXT(name, m, fallback, commands, argument, meaning)                                       \
    {                                                                                              \
        name, FY_CONFIG_TEXT, MEMBER(m), fallback, 0, 0, commands, meaning, argument, 0            \
    }
#define LIST(name, m, count, entries_max, argument, meaning)                                       \
    {                                                                                              \
        name, FY_CONFIG_LIST, MEMBER(m), "", 0, entries_max, FY_FOR_SERVER, meaning, argument,     \
            offsetof(struct fy_config, count)                                                      \
    }
#define U32(name, m, fallback, min, max, meaning)                                                  \
    {                                                                                              \
        name, FY_CONFIG_U32, MEMBER(m), fallback, min, max, FY_FOR_SERVER, meaning, "N", 0         \
    }
#define I64(name, m, fallback, min, max, meaning)                                                  \
    {                                                                                              \
        name, FY_CONFIG_I64, MEMBER(m), fallback, min, max, FY_FOR_SERVER, meaning, "N", 0         \
    }
#define SIZE(name, m, fallback, min, max, meaning)                                                 \
    {                                                                                              \
        name, FY_CONFIG_SIZE, MEMBER(m), fallback, min, max, FY_FOR_SERVER, meaning, "SIZE", 0     \
    }
#define TIME(name, m, fallback, min, max, meaning)                                                 \
    {                                                                                              \
        name, FY_CONFIG_TIME, MEMBER(m), fallback, min, max, FY_FOR_SERVER, meaning, "TIME", 0     \
    }
#define BOOL(name, m, fallback, meaning)                                                           \
    {                                                                                              \
        name, FY_CONFIG_BOOL, MEMBER(m), fallback, 0, 1, FY_FOR_SERVER, meaning, "on|off", 0       \
    }

static const struct fy_config_field fields[] = {
    TEXT("site", site, "", FY_FOR_SERVER, "NAME", "this site's id: 1-64 of 0-9 A-Z a-z . -"),
    TEXT("data", data, "", FY_FOR_SERVER, "DIR",
         "folder of the embedded engines, locked by them; workers note there what they do"),
    TEXT("listen", listen, "127.0.0.1:8081", FY_FOR_SERVER, "HOST:PORT",
         "where the API listens; loopback, and port 0 picks one"),
    TEXT("public_url", public_url, "", FY_FOR_SERVER, "URL",
         "under which other sites reach the API, like a load balancer's; default: as it listens"),
    TEXT("admin", admin, "", FY_FOR_SERVER, "HOST:PORT",
         "metrics and health on a port of their own; loopback; of a worker: 127.0.0.1:9464"),
    BOOL("accept_unauthenticated", accept_unauthenticated, "off",
         "listen and admin may be any address: whoever reaches it may do anything"),
    LIST("peer", peers, peer_count, FY_CONFIG_PEERS_MAX, "NAME=URL",
         "another site; added when absent, never changed; may be repeated"),
    TEXT("queue", queue, "", FY_FOR_SERVER, "URL",
         "sqlite:PATH or kafka://HOST:PORT,...; default sqlite:DATA/queue.db"),
    TEXT("cache", cache, "local:", FY_FOR_SERVER, "URL", "local: or redis://HOST[:PORT][/DB]"),
    TEXT("cache.password_file", cache_password_file, "", FY_FOR_SERVER, "PATH",
         "its first line is the password of that Redis"),
    TIME("cache.timeout", cache_timeout_ms, "50ms", 1, 1000,
         "for that Redis to answer, before the catalogue is asked"),
    TEXT("catalogue", catalogue, "", FY_FOR_SERVER, "URL",
         "sqlite:PATH or postgres://USER@HOST:PORT/DATABASE; default DATA/catalogue.db"),
    TEXT("catalogue.password_file", catalogue_password_file, "", FY_FOR_SERVER, "PATH",
         "its first line is the password of that PostgreSQL"),
    TEXT("store", store, "", FY_FOR_SERVER, "URL",
         "dir:PATH, the same folder for all processes of the site; default DATA/store"),
    TIME("start.wait", start_wait_ms, "60s", 0, 3600000,
         "a start waits so long for PostgreSQL and Kafka before it gives up"),
    TEXT("log.level", log_level, "info", FY_FOR_SERVER, "LEVEL", "debug, info, warn or error"),
    TEXT("url", url, "http://127.0.0.1:8081", FY_FOR_CLIENT, "URL", "the site to talk to"),
    TEXT("client", client, "", FY_FOR_CLIENT, "ID", "client-id to act as"),
    U32("api.threads", api_threads, "2", 1, 16, "connection threads"),
    U32("api.pool", api_pool_threads, "32", 1, 64,
        "threads for requests that wait for disk or peers"),
    U32("api.connections", api_connections_max, "1200", 16, 10000, "connections at once"),
    U32("worker.inflight", worker_inflight, "512", 1, FY_LANES_ORDERS_MAX, "transfers at once"),
    SIZE("worker.inflight_bytes", worker_inflight_bytes, "24MiB", MIB, GIB,
         "promised bytes of transfers at once"),
    U32("worker.inflight_site", worker_inflight_site, "256", 1, FY_LANES_ORDERS_MAX,
        "transfers at once from one site"),
    U32("worker.loops", transfer_loops, "2", 1, 8, "transfer loops"),
    U32("worker.sync_threads", sync_threads, "32", 1, 64, "threads that make bodies durable"),
    TIME("worker.drain", drain_ms, "25s", 0, 600000, "how long a stop lets work in hand end"),
    TIME("pull.connect_timeout", pull_connect_timeout_ms, "5s", 100, 60000, "to reach a site"),
    TIME("pull.stall_timeout", pull_stall_timeout_ms, "20s", 100, 600000,
         "without a byte, after which a transfer is STALLED"),
    BOOL("pull.zstd", pull_zstd, "off", "ask sources for zstd: pays on slow lines"),
    TIME("retry.memory", retry_memory_ms, "60s", 0, 600000,
         "tries in memory before an order goes to `waiting`"),
    TIME("retry.max_age", retry_max_age_ms, "24h", 100, 365 * DAY,
         "how long an order whose failure time may heal waits before it is DEAD"),
    TIME("retry.first", retry_first_ms, "1m", 100, DAY, "first pause in `waiting`"),
    TIME("retry.second", retry_second_ms, "10m", 100, DAY, "second pause in `waiting`"),
    TIME("retry.later", retry_later_ms, "1h", 100, DAY, "every later pause in `waiting`"),
    TIME("sender.timeout", sender_timeout_ms, "30s", 100, 600000,
         "for a target site to answer a batch of orders"),
    U32("queue.partitions", queue_partitions, "12", 1, FY_PARTITIONS_MAX,
        "partitions of topics made from now on"),
    SIZE("queue.max_bytes", queue_bytes_max, "4GiB", MIB, 16 * TIB,
         "size at which the embedded queue answers 503"),
    TIME("queue.keep_done", queue_keep_done_ms, "24h", 0, 365 * DAY, "done records are kept"),
    TEXT("queue.prefix", queue_prefix, "", FY_FOR_SERVER, "TEXT",
         "before all topics and groups in Kafka, so that sites can share a cluster"),
    BOOL("topics.manage", topics_manage, "on",
         "make and trim topics in Kafka; off: `ferry topics ensure` prints how"),
    U32("topics.replication", topics_replication, "0", 0, 15,
        "copies of topics made from now on; 0: as the cluster has it"),
    TIME("accept_retention", accept_retention_ms, "0ms", 0, 3650 * DAY,
         "put up with topics in Kafka that delete what is older than this, done or not"),
    LIST("kafka", kafka, kafka_count, FY_KAFKA_PROPERTIES_MAX, "NAME=VALUE",
         "a property of librdkafka; also -X; NAME_file=PATH reads it from a file"),
    TEXT("events", events, "", FY_FOR_SERVER, "on|off",
         "tell what became of orders on topic object-events; default: on with Kafka"),
    BOOL("store.anew", store_anew, "off",
         "start although the store has nothing of what it had: all bodies are lost"),
    TEXT("oio.namespace", oio_namespace, "OPENIO", FY_FOR_SERVER, "NAME",
         "the namespace in the paths of OpenIO's API, and in its events"),
    TEXT("oio.region", oio_region, "", FY_FOR_SERVER, "NAME",
         "what clients of OpenIO's API may ask a new container to be in; default: the site"),
    BOOL("oio.events", oio_events, "on",
         "with Kafka, tell changes of containers on topic oio, as OpenIO does"),
    I64("oio.versions", oio_versions, "1", -1, FY_OIO_VERSIONS_MAX,
        "of a name, for containers that do not say: 1 overwrites, N keeps N, -1 all"),
    TIME("oio.keep_deleted", oio_keep_deleted_ms, "7d", 0, 3650 * DAY,
         "a purge spares deleted names so long, in containers that do not say"),
    SIZE("store.free_floor", store_free_floor_bytes, "256MiB", 0, 16 * TIB,
         "free space under which no body is taken"),
    TIME("trash.grace", trash_grace_ms, "60s", 0, 30 * DAY,
         "files of unreferenced bodies are kept"),
    TIME("trash.keep", trash_keep_ms, "7d", 0, 3650 * DAY,
         "bodies of deleted objects are kept, for `ferry undelete`"),
    TIME("sweep.every", sweep_every_ms, "30s", 50, DAY, "between two sweeps of the store"),
    SIZE("verify.rate", verify_rate_bytes, "32MiB", 64 << 10, TIB,
         "a second, at which `ferry verify` has stored bodies read"),
    TIME("export.every", export_every_ms, "24h", 1000, 30 * DAY,
         "the whole catalogue is written beside the bodies, for ferry fsck --rebuild"),
    TIME("export.changes", export_changes_ms, "30s", 100, DAY,
         "what changed since is: so much a lost catalogue takes with it"),
    TIME("orders.keep", orders_keep_ms, "24h", 1000, 365 * DAY, "outcomes can be asked for"),
    TIME("tombstones.keep", tombstones_keep_ms, "90d", 1000, 3650 * DAY,
         "deletes are remembered; older orders are EXPIRED"),
    TIME("conflicts.keep", conflicts_keep_ms, "7d", 1000, 3650 * DAY,
         "losing bodies of conflicts are kept"),
};

const struct fy_config_field *fy_config_fields(size_t *count)
{
    *count = FY_COUNT_OF(fields);
    return fields;
}

/* ---- texts to numbers */

struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit size_units[] = {{"", 1},      {"B", 1},   {"KiB", KIB}, {"K", KIB},
                                         {"MiB", MIB}, {"M", MIB}, {"GiB", GIB}, {"G", GIB},
                                         {"TiB", TIB}, {"T", TIB}};
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", DAY}};
static const struct unit no_units[] = {{"", 1}};

static bool number_parse(const struct fy_config_field *field, const char *text,
                         const struct unit *units, size_t unit_count, int64_t *number)
{
    if (!isdigit((unsigned char)text[text[0] == '-' && field->kind == FY_CONFIG_I64]))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0)
        return false;
    for (size_t i = 0; i < unit_count; i++)
        if (strcmp(end, units[i].name) == 0)
            return !__builtin_mul_overflow((int64_t)value, units[i].factor, number);
    return false;
}

/* The greatest unit that divides the number, so that what is printed can be read back. */
static void number_print(int64_t number, const struct unit *units, size_t unit_count,
                         struct fy_buf *buf)
{
    const struct unit *best = &units[0];
    for (size_t i = 0; i < unit_count; i++)
        if (units[i].factor > best->factor && number != 0 && number % units[i].factor == 0)
            best = &units[i];
    fy_buf_printf(buf, "%lld%s", (long long)(number / best->factor), best->name);
}

static void field_units(const struct fy_config_field *field, const struct unit **units,
                        size_t *count)
{
    *units = field->kind == FY_CONFIG_SIZE   ? size_units
             : field->kind == FY_CONFIG_TIME ? time_units
                                             : no_units;
    *count = field->kind == FY_CONFIG_SIZE   ? FY_COUNT_OF(size_units)
             : field->kind == FY_CONFIG_TIME ? FY_COUNT_OF(time_units)
                                             : FY_COUNT_OF(no_units);
}

/* ---- setting */

static void *member(const struct fy_config *config, const struct fy_config_field *field)
{
    return (char *)(uintptr_t)config + field->offset;
}

static int64_t number_get(const struct fy_config *config, const struct fy_config_field *field)
{
    if (field->size_bytes == sizeof(uint32_t)) {
        uint32_t value;
        memcpy(&value, member(config, field), sizeof(value));
        return value;
    }
    int64_t value;
    FY_ASSERT(field->size_bytes == sizeof(value));
    memcpy(&value, member(config, field), sizeof(value));
    return value;
}

static void number_set(struct fy_config *config, const struct fy_config_field *field, int64_t value)
{
    uint32_t narrow = (uint32_t)value;
    if (field->size_bytes == sizeof(narrow))
        memcpy(member(config, field), &narrow, sizeof(narrow));
    else
        memcpy(member(config, field), &value, sizeof(value));
}

static enum fy_code set_number(struct fy_config *config, const struct fy_config_field *field,
                               const char *value, struct fy_err *err)
{
    const struct unit *units;
    size_t unit_count;
    int64_t number;
    field_units(field, &units, &unit_count);
    if (!number_parse(field, value, units, unit_count, &number))
        return fy_err_set(err, FY_EINPUT, "%s: '%s' is not a %s", field->name, value,
                          field->kind == FY_CONFIG_SIZE   ? "size like 64MiB"
                          : field->kind == FY_CONFIG_TIME ? "time like 500ms, 10s, 5m, 24h or 7d"
                                                          : "whole number");
    if (number < field->min || number > field->max) {
        struct fy_buf range;
        fy_buf_init(&range, FY_ERR_TEXT_BYTES);
        number_print(field->min, units, unit_count, &range);
        fy_buf_text(&range, " to ");
        number_print(field->max, units, unit_count, &range);
        (void)fy_err_set(err, FY_EINPUT, "%s: '%s' is outside %s", field->name, value, range.bytes);
        fy_buf_done(&range);
        return FY_EINPUT;
    }
    number_set(config, field, number);
    return FY_OK;
}

static enum fy_code set_bool(struct fy_config *config, const struct fy_config_field *field,
                             const char *value, struct fy_err *err)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};
    for (size_t i = 0; i < FY_COUNT_OF(words); i++)
        if (strcmp(value, words[i]) == 0) {
            bool on = i % 2 == 1;
            memcpy(member(config, field), &on, sizeof(on));
            return FY_OK;
        }
    return fy_err_set(err, FY_EINPUT, "%s: '%s' is neither on nor off", field->name, value);
}

static uint32_t *list_count(const struct fy_config *config, const struct fy_config_field *field)
{
    return (uint32_t *)((uintptr_t)config + field->count_offset);
}

static char *list_entry(const struct fy_config *config, const struct fy_config_field *field,
                        uint32_t i)
{
    return (char *)member(config, field) + (size_t)i * FY_CONFIG_TEXT_BYTES;
}

static enum fy_code add_entry(struct fy_config *config, const struct fy_config_field *field,
                              const char *value, struct fy_err *err)
{
    uint32_t *count = list_count(config, field);
    if (*count == (uint32_t)field->max)
        return fy_err_set(err, FY_EINPUT, "%s: more than %d", field->name, (int)field->max);
    if (!fy_text_copy(list_entry(config, field, *count), FY_CONFIG_TEXT_BYTES, value))
        return fy_err_set(err, FY_EINPUT, "%s: longer than %d bytes", field->name,
                          FY_CONFIG_TEXT_BYTES - 1);
    ++*count;
    return FY_OK;
}

static enum fy_code set_field(struct fy_config *config, const struct fy_config_field *field,
                              const char *value, struct fy_err *err)
{
    switch (field->kind) {
    case FY_CONFIG_TEXT:
        if (!fy_text_copy(member(config, field), field->size_bytes, value))
            return fy_err_set(err, FY_EINPUT, "%s: longer than %zu bytes", field->name,
                              field->size_bytes - 1);
        return FY_OK;
    case FY_CONFIG_LIST:
        return add_entry(config, field, value, err);
    case FY_CONFIG_BOOL:
        return set_bool(config, field, value, err);
    case FY_CONFIG_U32:
    case FY_CONFIG_I64:
    case FY_CONFIG_SIZE:
    case FY_CONFIG_TIME:
        return set_number(config, field, value, err);
    }
    return fy_err_set(err, FY_EINTERNAL, "%s: unknown kind", field->name);
}

void fy_config_init(struct fy_config *config)
{
    *config = (struct fy_config){0};
    for (size_t i = 0; i < FY_COUNT_OF(fields); i++)
        if (fields[i].kind != FY_CONFIG_LIST) {
            struct fy_err err = {0};
            enum fy_code code = set_field(config, &fields[i], fields[i].fallback, &err);
            FY_ASSERT(code == FY_OK); /* the table's own fallbacks are good */
        }
}

/* Any property of the library is a setting: kafka.NAME. */
#define KAFKA_SECTION "kafka."

static enum fy_code set_property(struct fy_config *config, const char *property, const char *value,
                                 struct fy_err *err)
{
    char entry[FY_CONFIG_TEXT_BYTES];
    int length = snprintf(entry, sizeof(entry), "%s=%s", property, value);
    if (length < 0 || (size_t)length >= sizeof(entry))
        return fy_err_set(err, FY_EINPUT, "kafka.%.60s: longer than %d bytes", property,
                          FY_CONFIG_TEXT_BYTES - 1);
    return fy_config_set(config, "kafka", entry, err);
}

enum fy_code fy_config_set(struct fy_config *config, const char *name, const char *value,
                           struct fy_err *err)
{
    if (strncmp(name, KAFKA_SECTION, strlen(KAFKA_SECTION)) == 0)
        return set_property(config, name + strlen(KAFKA_SECTION), value, err);
    for (size_t i = 0; i < FY_COUNT_OF(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return set_field(config, &fields[i], value, err);
    return fy_err_set(err, FY_EINPUT, "there is no setting '%s'", name);
}

/* ---- environment: FERRY_RETRY_MAX_AGE is retry.max_age */

static void variable_name(const struct fy_config_field *field, char *name, size_t name_bytes)
{
    (void)snprintf(name, name_bytes, "FERRY_%s", field->name);
    for (char *c = name; *c != '\0'; c++)
        *c = (char)(*c == '.' ? '_' : toupper((unsigned char)*c));
}

/* FERRY_KAFKA_SASL_PASSWORD_FILE is sasl.password_file: no property has an underscore of its own.
 */
#define KAFKA_VARIABLE "FERRY_KAFKA_"

static enum fy_code set_property_variable(struct fy_config *config, const char *variable,
                                          const char *equals, struct fy_err *err)
{
    static const char file[] = "_FILE";
    char property[FY_CONFIG_TEXT_BYTES];
    size_t name_bytes = (size_t)(equals - variable);
    size_t file_bytes = strlen(file);
    if (name_bytes >= sizeof(property))
        return fy_err_set(err, FY_EINPUT, "there is no setting for a variable so long");
    for (size_t i = 0; i < name_bytes; i++)
        property[i] = (char)(variable[i] == '_' ? '.' : tolower((unsigned char)variable[i]));
    property[name_bytes] = '\0';
    if (name_bytes > file_bytes && memcmp(equals - file_bytes, file, file_bytes) == 0)
        property[name_bytes - file_bytes] = '_';
    return set_property(config, property, equals + 1, err);
}

static enum fy_code set_variable(struct fy_config *config, const char *variable, struct fy_err *err)
{
    const char *value = strchr(variable, '=');
    if (value == NULL || strncmp(variable, "FERRY_CONFIG=", 13) == 0) /* names the file itself */
        return FY_OK;
    size_t name_bytes = (size_t)(value - variable);
    for (size_t i = 0; i < FY_COUNT_OF(fields); i++) {
        char name[64];
        variable_name(&fields[i], name, sizeof(name));
        if (strlen(name) == name_bytes && memcmp(name, variable, name_bytes) == 0)
            return set_field(config, &fields[i], value + 1, err);
    }
    if (strncmp(variable, KAFKA_VARIABLE, strlen(KAFKA_VARIABLE)) == 0)
        return set_property_variable(config, variable + strlen(KAFKA_VARIABLE), value, err);
    return fy_err_set(err, FY_EINPUT, "there is no setting for the variable %.*s", (int)name_bytes,
                      variable);
}

enum fy_code fy_config_environment(struct fy_config *config, char **environment, struct fy_err *err)
{
    for (char **variable = environment; *variable != NULL; variable++) {
        if (strncmp(*variable, "FERRY_", 6) != 0)
            continue;
        enum fy_code code = set_variable(config, *variable, err);
        if (code != FY_OK)
            return code;
    }
    return FY_OK;
}

/* ---- printing */

#define MASK "***"
#define SHOWN_BYTES_MAX                                                                            \
    ((size_t)2 * FY_CONFIG_TEXT_BYTES) /* a mask may be longer than what it hides */

/* "?password=..." of a PostgreSQL's URL. */
static void print_masked(const char *text, struct fy_buf *buf)
{
    static const char key[] = "password=";
    const char *found;
    while ((found = strstr(text, key)) != NULL) {
        found += strlen(key);
        fy_buf_add(buf, text, (size_t)(found - text));
        fy_buf_text(buf, MASK);
        text = found + strcspn(found, "&");
    }
    fy_buf_text(buf, text);
}

void fy_config_url_print(const char *text, struct fy_buf *buf)
{
    const char *start = strstr(text, "://");
    const char *at = strrchr(text, '@');
    const char *colon = start != NULL ? strchr(start + 3, ':') : NULL;
    if (at != NULL && colon != NULL && colon < at) {
        fy_buf_add(buf, text, (size_t)(colon + 1 - text));
        fy_buf_text(buf, MASK);
        text = at;
    }
    print_masked(text, buf);
}

static void value_print(const struct fy_config *config, const struct fy_config_field *field,
                        struct fy_buf *buf)
{
    const struct unit *units;
    size_t unit_count;
    bool on;
    switch (field->kind) {
    case FY_CONFIG_TEXT:
        fy_config_url_print(member(config, field), buf);
        return;
    case FY_CONFIG_LIST:
        return; /* one line an entry */
    case FY_CONFIG_BOOL:
        memcpy(&on, member(config, field), sizeof(on));
        fy_buf_text(buf, on ? "on" : "off");
        return;
    case FY_CONFIG_U32:
    case FY_CONFIG_I64:
    case FY_CONFIG_SIZE:
    case FY_CONFIG_TIME:
        field_units(field, &units, &unit_count);
        number_print(number_get(config, field), units, unit_count, buf);
        return;
    }
}

/* Whether the name of "name=value" says that the value is a secret. No server takes it like this,
 * but `config show` shows what was given. */
static bool is_secret(const char *entry)
{
    static const char *const words[] = {"password=", "secret=", "key.pem="};
    for (size_t i = 0; i < FY_COUNT_OF(words); i++) {
        const char *found = strstr(entry, words[i]);
        if (found != NULL && found < strchr(entry, '='))
            return true;
    }
    return false;
}

/* free(). */
static char *entry_text(const char *entry)
{
    struct fy_buf text;
    fy_buf_init(&text, SHOWN_BYTES_MAX);
    if (is_secret(entry))
        fy_buf_printf(&text, "%.*s=" MASK, (int)strcspn(entry, "="), entry);
    else
        fy_config_url_print(entry, &text);
    return fy_buf_take(&text, NULL);
}

/* free(). The same number may be written in two ways, 60s and 1m: this is the shortest. */
static char *value_text(const struct fy_config *config, const struct fy_config_field *field)
{
    struct fy_buf value;
    fy_buf_init(&value, SHOWN_BYTES_MAX);
    value_print(config, field, &value);
    return fy_buf_take(&value, NULL);
}

static void list_print(const struct fy_config *config, const struct fy_config_field *field,
                       bool json, struct fy_buf *buf)
{
    if (json) {
        fy_buf_json_key(buf, field->name);
        fy_buf_text(buf, "[");
    } else if (*list_count(config, field) == 0) {
        fy_buf_printf(buf, "; %s = %s\n", field->name, field->argument);
    }
    for (uint32_t i = 0; i < *list_count(config, field); i++) {
        char *text = entry_text(list_entry(config, field, i));
        if (json) {
            fy_buf_json_next(buf);
            fy_buf_json_text(buf, text);
        } else {
            fy_buf_printf(buf, "%s = %s\n", field->name, text);
        }
        free(text);
    }
    if (json)
        fy_buf_text(buf, "]");
}

static void field_print(const struct fy_config *config, const struct fy_config *defaults,
                        const struct fy_config_field *field, bool json, struct fy_buf *buf)
{
    char *text = value_text(config, field);
    char *fallback = value_text(defaults, field);
    if (json)
        fy_buf_json_str(buf, field->name, text);
    else
        fy_buf_printf(buf, "%s =%s%s%s\n", field->name, text[0] != '\0' ? " " : "", text,
                      strcmp(text, fallback) == 0 ? "   ; default" : "");
    free(text);
    free(fallback);
}

void fy_config_print(const struct fy_config *config, bool json, struct fy_buf *buf)
{
    struct fy_config *defaults = fy_alloc(sizeof(*defaults));
    fy_config_init(defaults);
    if (json)
        fy_buf_text(buf, "{");
    for (size_t i = 0; i < FY_COUNT_OF(fields); i++) {
        if (fields[i].kind == FY_CONFIG_LIST)
            list_print(config, &fields[i], json, buf);
        else
            field_print(config, defaults, &fields[i], json, buf);
    }
    if (json)
        fy_buf_text(buf, "}\n");
    free(defaults);
}

void fy_config_help(unsigned commands, struct fy_buf *buf)
{
    for (size_t i = 0; i < FY_COUNT_OF(fields); i++) {
        if ((fields[i].commands & commands) == 0)
            continue;
        char flag[80];
        (void)snprintf(flag, sizeof(flag), "--%s %s", fields[i].name, fields[i].argument);
        for (char *c = flag; *c != ' ' && *c != '\0'; c++)
            if (*c == '.' || *c == '_')
                *c = '-';
        fy_buf_printf(buf, "  %-34s %s", flag, fields[i].meaning);
        if (fields[i].fallback[0] != '\0')
            fy_buf_printf(buf, " [%s]", fields[i].fallback);
        fy_buf_text(buf, "\n");
    }
}
