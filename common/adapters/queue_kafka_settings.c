/* queue_kafka_settings.c - properties of the library, and its errors as ours. */
#include "common/adapters/queue_kafka_impl.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TEXT_OF(number)   TEXT_OF_2(number)
#define TEXT_OF_2(number) #number

struct property {
    const char *name, *value;
};

/* Of every handle; what a person gives comes over them. */
static const struct property shared[] = {
    {"socket.nagle.disable", "true"},      /* the library's default only since 2.10.0 */
    {"reconnect.backoff.max.ms", "2000"},  /* a broker that is back is used within seconds */
    {"socket.keepalive.enable", "true"},   /* dead peers behind NAT */
    {"allow.auto.create.topics", "false"}, /* a typo must not make a topic of one partition */
    {"log.connection.close", "false"},     /* idle connections are closed all the time */
    {"message.max.bytes", TEXT_OF(FY_KAFKA_MESSAGE_BYTES)}, /* a dead letter adds its headers */
    {"statistics.interval.ms", "0"}, /* lag is asked of the brokers, for any topic */
    {"request.timeout.ms", "5000"},  /* fail over inside message.timeout.ms */
    {"acks", "all"},                 /* 201 is a promise */
    {"enable.idempotence", "true"},  /* no duplicates or reordering on a retry */
    {"message.timeout.ms", TEXT_OF(FY_KAFKA_PUBLISH_MS)},
    {"linger.ms", "1"}, /* many at once, and nothing waits for long */
    {"compression.type", "lz4"},
    {"partitioner", "murmur2_random"}, /* the partition that Java's producers choose */
    {"queue.buffering.max.messages", TEXT_OF(FY_KAFKA_PUBLISH_RECORDS)},
    {"queue.buffering.max.kbytes", TEXT_OF(FY_KAFKA_PUBLISH_KIB)},
    {"enable.auto.commit", "false"}, /* the ledger decides */
    {"enable.auto.offset.store", "false"},
    {"partition.assignment.strategy", "range"}, /* eager: see cooperative_is_sound */
    {"session.timeout.ms", "15000"},            /* kill -9 is noticed so soon */
    {"heartbeat.interval.ms", "3000"},
    {"max.poll.interval.ms", "60000"}, /* we poll every half second */
    {"auto.offset.reset", "earliest"}, /* `latest` would skip what came before the group */
    {"queued.min.messages", "20000"},  /* a low mark makes the library wait a second */
    {"queued.max.messages.kbytes", TEXT_OF(FY_KAFKA_FETCH_KIB)},
    {"fetch.message.max.bytes", TEXT_OF(FY_KAFKA_PACKED_BYTES)},
    {"fetch.wait.max.ms", "100"},
    {"check.crcs", "true"},
};

/* Ferry's promises rest on them. */
static const char *const ours[] = {"acks",
                                   "request.required.acks",
                                   "enable.idempotence",
                                   "allow.auto.create.topics",
                                   "enable.auto.commit",
                                   "auto.commit.enable",
                                   "enable.auto.offset.store",
                                   "auto.offset.reset",
                                   "delivery.report.only.error",
                                   "transactional.id",
                                   "group.id",
                                   "bootstrap.servers",
                                   "metadata.broker.list",
                                   "enable.partition.eof",
                                   "partitioner",
                                   "isolation.level"};

/* They come from files only: a flag shows in every list of processes. */
static const char *const secrets[] = {"sasl.password", "ssl.key.password", "ssl.key.pem",
                                      "ssl.keystore.password", "sasl.oauthbearer.client.secret"};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Cooperative assignors lost their assignment in every second rebalance before 2.10.1. */
static bool cooperative_is_sound(void)
{
    return rd_kafka_version() >= 0x020a01ff;
}

static enum fy_code check(const char *name, const char *value, struct fy_err *err)
{
    if (is_among(name, ours, FY_COUNT_OF(ours)))
        return fy_err_set(err, FY_EINPUT, "property %s is not free: Ferry's promises rest on it",
                          name);
    if (strcmp(name, "group.instance.id") == 0)
        return fy_err_set(err, FY_EINPUT,
                          "property %s: members of one id shut each other out, and a worker is "
                          "several, one for each site it sends to",
                          name);
    if (strcmp(name, "partition.assignment.strategy") == 0 &&
        strstr(value, "cooperative") != NULL && !cooperative_is_sound())
        return fy_err_set(
            err, FY_EINPUT,
            "property %s: librdkafka %s loses its assignment with '%s'; from 2.10.1 on "
            "it does not",
            name, rd_kafka_version_str(), value);
    return FY_OK;
}

/* To the library 0 is no limit; these are of what waits, and of how long. */
static enum fy_code check_limits(const rd_kafka_conf_t *conf, struct fy_err *err)
{
    static const char *const limits[] = {"queue.buffering.max.messages", "message.timeout.ms"};
    for (size_t i = 0; i < FY_COUNT_OF(limits); i++) {
        char text[32] = "";
        size_t text_bytes = sizeof(text);
        rd_kafka_conf_res_t found = rd_kafka_conf_get(conf, limits[i], text, &text_bytes);
        FY_ASSERT(found == RD_KAFKA_CONF_OK);
        if (strcmp(text, "0") == 0)
            return fy_err_set(err, FY_EINPUT, "property %s: 0 is no limit, and there has to be one",
                              limits[i]);
    }
    return FY_OK;
}

static enum fy_code set(rd_kafka_conf_t *conf, const char *name, const char *value,
                        struct fy_err *err)
{
    char text[FY_ERR_TEXT_BYTES];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return fy_err_set(err, FY_EINPUT, "property %s: %s", name, text);
    return FY_OK;
}

/* The file's text without the newline that editors put at its end. */
static enum fy_code read_secret(const char *name, const char *path,
                                char value[static FY_KAFKA_SECRET_BYTES_MAX + 1],
                                struct fy_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, value, FY_KAFKA_SECRET_BYTES_MAX + 1);
    int error = errno;
    if (fd >= 0)
        (void)close(fd); /* only read */
    if (count < 0)
        return fy_err_set(err, FY_EIO, "property %s: read %s: %s", name, path, strerror(error));
    if (count > FY_KAFKA_SECRET_BYTES_MAX)
        return fy_err_set(err, FY_EINPUT, "property %s: %s has over %d bytes", name, path,
                          FY_KAFKA_SECRET_BYTES_MAX);
    while (count > 0 && (value[count - 1] == '\n' || value[count - 1] == '\r'))
        count--;
    value[count] = '\0';
    return FY_OK;
}

static enum fy_code set_from_file(rd_kafka_conf_t *conf, const char *name, const char *path,
                                  struct fy_err *err)
{
    char value[FY_KAFKA_SECRET_BYTES_MAX + 1];
    enum fy_code code = read_secret(name, path, value, err);
    if (code == FY_OK)
        code = set(conf, name, value, err);
    explicit_bzero(value, sizeof(value));
    return code;
}

/* The library takes a property of topics under a second name: "topic.auto.offset.reset". */
static const char *plain_name(const char *name)
{
    static const char prefix[] = "topic.";
    size_t prefix_bytes = sizeof(prefix) - 1;
    return strncmp(name, prefix, prefix_bytes) == 0 ? name + prefix_bytes : name;
}

/* "name=value", or "name_file=path". */
static enum fy_code set_given(rd_kafka_conf_t *conf, const char *property, struct fy_err *err)
{
    char name[FY_CONFIG_TEXT_BYTES];
    const char *equals = strchr(property, '=');
    size_t name_bytes = equals == NULL ? 0 : (size_t)(equals - property);
    if (name_bytes == 0 || name_bytes >= sizeof(name))
        return fy_err_set(err, FY_EINPUT, "property '%.60s' is not NAME=VALUE", property);
    memcpy(name, property, name_bytes);
    name[name_bytes] = '\0';
    bool is_file = name_bytes > 5 && strcasecmp(name + name_bytes - 5, "_file") == 0;
    if (is_file)
        name[name_bytes - 5] = '\0';
    enum fy_code code = check(plain_name(name), equals + 1, err);
    if (code != FY_OK)
        return code;
    if (is_file)
        return set_from_file(conf, name, equals + 1, err);
    if (is_among(name, secrets, FY_COUNT_OF(secrets)))
        return fy_err_set(err, FY_EINPUT, "property %s is a secret: give %s_file=PATH", name, name);
    return set(conf, name, equals + 1, err);
}

enum fy_code fy_kq_conf_base(const struct fy_queue_kafka_settings *settings, rd_kafka_conf_t **conf,
                             struct fy_err *err)
{
    rd_kafka_conf_t *new = rd_kafka_conf_new();
    enum fy_code code = set(new, "bootstrap.servers", settings->brokers, err);
    rd_kafka_conf_set_log_cb(new, fy_kq_on_log);
    if (code == FY_OK)
        code = set(new, "client.id", settings->client_id, err);
    for (size_t i = 0; code == FY_OK && i < FY_COUNT_OF(shared); i++)
        code = set(new, shared[i].name, shared[i].value, err);
    for (size_t i = 0; code == FY_OK && i < settings->property_count; i++)
        code = set_given(new, settings->properties[i], err);
    if (code == FY_OK)
        code = check_limits(new, err);
    if (code != FY_OK) {
        rd_kafka_conf_destroy(new);
        return code;
    }
    *conf = new;
    return FY_OK;
}

/* ------------------------------------------------------------------ handles */

/* Questions take a record or two of a partition, and no more. */
static enum fy_code set_control(rd_kafka_conf_t *conf, struct fy_err *err)
{
    static const struct property own[] = {
        {"queued.min.messages", "1"},
        {"queued.max.messages.kbytes", TEXT_OF(FY_KAFKA_CONTROL_FETCH_KIB)},
        {"fetch.message.max.bytes", "1024"}, /* a record that is larger comes all the same */
        {"fetch.wait.max.ms", "10"},
        {"socket.timeout.ms", "4000"}, /* a broker that hangs: another is asked */
    };
    enum fy_code code = FY_OK;
    for (size_t i = 0; code == FY_OK && i < FY_COUNT_OF(own); i++)
        code = set(conf, own[i].name, own[i].value, err);
    return code;
}

enum fy_code fy_kq_handle_new(struct fy_kafka *self, enum fy_kq_role role, const char *group,
                              int events, rd_kafka_t **rk, struct fy_err *err)
{
    char text[FY_ERR_TEXT_BYTES];
    char own_group[FY_TOPIC_BYTES_MAX + 1];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(self->base_conf);
    enum fy_code code = FY_OK;
    rd_kafka_conf_set_events(conf, events);
    rd_kafka_conf_set_opaque(conf, self);
    if (role == FY_KQ_CONTROL || role == FY_KQ_ASKER)
        code = set_control(conf, err);
    if (role == FY_KQ_ASKER) {
        /* Never joined, nothing committed: library 2.0.2 dies when a broker sends a handle without
         * a group elsewhere for another group's offsets. */
        fy_kq_name(self, "ferry-control", own_group);
        group = own_group;
    }
    if (code == FY_OK && group != NULL)
        code = set(conf, "group.id", group, err);
    if (code != FY_OK) {
        rd_kafka_conf_destroy(conf);
        return code;
    }
    rd_kafka_type_t type = role == FY_KQ_PRODUCER ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER;
    *rk = rd_kafka_new(type, conf, text, sizeof(text)); /* takes conf, unless it fails */
    if (*rk == NULL) {
        rd_kafka_conf_destroy(conf);
        return fy_err_set(err, FY_EINPUT, "%s", text);
    }
    return FY_OK;
}

/* ------------------------------------------------------------------ errors */

static enum fy_code code_of(rd_kafka_resp_err_t error)
{
    switch ((int)error) { /* the library's list grows */
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return FY_ENOTFOUND;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return FY_ETOOBIG;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return FY_EFULL;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return FY_EFORBIDDEN;
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
        return FY_EINPUT;
    default:
        return FY_EBUSY; /* a broker is away, or slow, or changing its role: it comes back */
    }
}

enum fy_code fy_kq_failed(struct fy_err *err, rd_kafka_resp_err_t error, const char *detail,
                          const char *doing)
{
    FY_ASSERT(error != RD_KAFKA_RESP_ERR_NO_ERROR);
    return fy_err_set(err, code_of(error), "%s: %s", doing,
                      detail != NULL ? detail : rd_kafka_err2str(error));
}
