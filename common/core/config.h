/* config.h - every setting of Ferry in one table: INI file, FERRY_* and flags fill one struct. */
#ifndef FY_CORE_CONFIG_H
#define FY_CORE_CONFIG_H

#include "common/core/buf.h"
#include "common/core/err.h"

#define FY_CONFIG_TEXT_BYTES 512
#define FY_CONFIG_PEERS_MAX  (FY_SITES_MAX - 1)

/* Filled before any thread starts, constant after. Sizes in bytes, times in ms. */
struct fy_config {
    char site[FY_SITE_BYTES_MAX + 1];
    char data[FY_CONFIG_TEXT_BYTES];       /* folder of the embedded engines */
    char listen[FY_CONFIG_TEXT_BYTES];     /* HOST:PORT of the API */
    char public_url[FY_CONFIG_TEXT_BYTES]; /* under which other sites reach the API; "" as listen */
    char admin[FY_CONFIG_TEXT_BYTES];      /* HOST:PORT of metrics and health alone; "" none */
    char queue[FY_CONFIG_TEXT_BYTES];      /* sqlite:PATH, kafka://HOST:PORT,HOST:PORT */
    char cache[FY_CONFIG_TEXT_BYTES];      /* local:, redis://HOST:PORT/DB */
    char catalogue[FY_CONFIG_TEXT_BYTES];  /* sqlite:PATH or postgres://... */
    char store[FY_CONFIG_TEXT_BYTES];      /* dir:PATH */
    bool accept_unauthenticated;           /* listen and admin may be beyond loopback */
    char log_level[16];
    int64_t start_wait_ms; /* for a catalogue or a queue that is not there yet */
    char peers[FY_CONFIG_PEERS_MAX][FY_CONFIG_TEXT_BYTES]; /* NAME=URL */
    uint32_t peer_count;
    /* catalogue: a PostgreSQL */
    char catalogue_password_file[FY_CONFIG_TEXT_BYTES]; /* "" none */
    /* cache: a Redis */
    char cache_password_file[FY_CONFIG_TEXT_BYTES]; /* "" none */
    int64_t cache_timeout_ms;
    /* client commands */
    char url[FY_CONFIG_TEXT_BYTES];       /* FERRY_URL */
    char client[FY_CLIENT_BYTES_MAX + 1]; /* FERRY_CLIENT */
    /* api */
    uint32_t api_threads;      /* MHD pool */
    uint32_t api_pool_threads; /* handlers that may block */
    uint32_t api_connections_max;
    /* worker */
    uint32_t worker_inflight;
    int64_t worker_inflight_bytes;
    uint32_t worker_inflight_site;
    uint32_t transfer_loops;
    uint32_t sync_threads;
    uint32_t pull_connect_timeout_ms;
    uint32_t pull_stall_timeout_ms;
    bool pull_zstd;
    int64_t retry_memory_ms;  /* a minute of tries in memory */
    int64_t retry_max_age_ms; /* what time may heal waits so long */
    int64_t retry_first_ms;   /* first pause in `waiting` (1 min) */
    int64_t retry_second_ms;  /* second pause (10 min) */
    int64_t retry_later_ms;   /* pauses after that (1 h) */
    uint32_t sender_timeout_ms;
    int64_t drain_ms;
    /* queue */
    uint32_t queue_partitions;
    int64_t queue_bytes_max;
    int64_t queue_keep_done_ms;
    char queue_prefix[FY_KAFKA_PREFIX_BYTES_MAX + 1]; /* of topics and groups in Kafka */
    bool topics_manage;                               /* Kafka topics are made and trimmed by us */
    uint32_t topics_replication;                      /* 0: the cluster's default */
    int64_t accept_retention_ms; /* 0: topics keep records until they are done */
    char kafka[FY_KAFKA_PROPERTIES_MAX]
              [FY_CONFIG_TEXT_BYTES]; /* NAME=VALUE, as librdkafka has it */
    uint32_t kafka_count;
    char events[8]; /* on, off, or "": on with Kafka */
    /* containers by OpenIO's rules */
    char oio_namespace[FY_CONFIG_TEXT_BYTES];
    char oio_region[FY_SITE_BYTES_MAX + 1]; /* "": the site, until finish */
    bool oio_events;                        /* with Kafka only */
    int64_t oio_versions;                   /* sys.m2.policy.version of those that set none */
    int64_t oio_keep_deleted_ms;            /* likewise sys.m2.keep_deleted_delay */
    /* store */
    bool store_anew;
    int64_t store_free_floor_bytes;
    int64_t trash_grace_ms;
    int64_t trash_keep_ms; /* 0: nothing of deleted objects is kept */
    int64_t sweep_every_ms;
    int64_t verify_rate_bytes; /* a second */
    int64_t export_every_ms;   /* all rows of the catalogue, into the store */
    int64_t export_changes_ms; /* what has changed since */
    /* life spans */
    int64_t orders_keep_ms;
    int64_t tombstones_keep_ms;
    int64_t conflicts_keep_ms;
};

enum fy_config_kind {
    FY_CONFIG_TEXT,
    FY_CONFIG_U32,
    FY_CONFIG_I64, /* may be below 0 */
    FY_CONFIG_SIZE,
    FY_CONFIG_TIME,
    FY_CONFIG_BOOL,
    FY_CONFIG_LIST
};
struct fy_config_field {
    const char
        *name; /* "retry.max_age": INI section.key; flag --retry-max-age; FERRY_RETRY_MAX_AGE */
    enum fy_config_kind kind;
    size_t offset, size_bytes; /* of the member */
    const char *fallback;      /* as text, in the field's own syntax: "24h", "64MiB", "on" */
    int64_t min, max;
    unsigned commands;    /* bit set of who takes it: FY_FOR_SERVER, FY_FOR_CLIENT */
    const char *meaning;  /* one line for --help */
    const char *argument; /* "HOST:PORT" */
    size_t count_offset;  /* of a LIST: a uint32_t beside the member, of max entries at most */
};
enum { FY_FOR_SERVER = 1, FY_FOR_CLIENT = 2 };
const struct fy_config_field *fy_config_fields(size_t *count);

/* Every field at its fallback. */
void fy_config_init(struct fy_config *config);
/* Sets one field by its name from text ("10m", "64MiB", "on"); a LIST field gets one more entry.
 * "kafka.NAME" adds the property NAME of librdkafka; whether there is such a one, and that secrets
 * come from files, is seen to when the queue is opened.
 * FY_EINPUT names the field, the value and what is allowed. */
FY_MUST_CHECK enum fy_code fy_config_set(struct fy_config *config, const char *name,
                                         const char *value, struct fy_err *err);
/* All FERRY_* variables of environ; an unknown FERRY_ variable is an error (a typo must not pass).
 */
FY_MUST_CHECK enum fy_code fy_config_environment(struct fy_config *config, char **environment,
                                                 struct fy_err *err);
/* What depends on several fields: site and listen valid, listen on loopback unless told
 * otherwise, data present when an engine URL is "" (then filled with its embedded default), peers
 * well-formed. For servers. */
FY_MUST_CHECK enum fy_code fy_config_finish(struct fy_config *config, struct fy_err *err);
/* Whether outcomes of orders are told to applications, and changes of containers. */
bool fy_config_tells(const struct fy_config *config);
bool fy_config_tells_oio(const struct fy_config *config);
/* "name = value" lines that fy_config_file reads, what is the default marked, passwords masked; or
 * one JSON object.
 */
void fy_config_print(const struct fy_config *config, bool json, struct fy_buf *buf);
/* A text as it may be shown: the password of a URL ("scheme://user:password@host") is "***". */
void fy_config_url_print(const char *text, struct fy_buf *buf);
/* One line for each setting that is a flag of these commands (FY_FOR_...). */
void fy_config_help(unsigned commands, struct fy_buf *buf);

#endif
