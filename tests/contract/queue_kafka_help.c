/* queue_kafka_help.c - the Kafka queue as a factory of the queue's suite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/queue_kafka.h"
#include "tests/contract/queue_kafka_help.h"
#include "tests/support/temp.h"

/* ctest's fixture has started it and says where it wrote its address; by hand:
 * `python3 tests/integration/support/kafka.py start FOLDER`, KAFKA_BOOTSTRAP=FOLDER/bootstrap. */
const char *queue_kafka_brokers(void)
{
    static char brokers[256]; /* of the process */
    const char *path = getenv("KAFKA_BOOTSTRAP");
    if (brokers[0] != '\0')
        return brokers;
    if (path == NULL)
        fail_msg("KAFKA_BOOTSTRAP names no file: run this through ctest");
    FILE *file = fopen(path, "re");
    if (file == NULL)
        fail_msg("no broker was started: %s is not there", path);
    if (fgets(brokers, sizeof(brokers), file) == NULL)
        brokers[0] = '\0';
    (void)fclose(file); /* only read */
    assert_string_not_equal(brokers, "");
    return brokers;
}

enum fy_code queue_kafka_open(const char *brokers, const char *prefix, struct fy_clock *clock,
                              const char *const *properties, struct fy_queue **queue,
                              struct fy_err *err)
{
    size_t count = 0;
    while (properties != NULL && properties[count] != NULL)
        count++;
    const struct fy_queue_kafka_settings settings = {.brokers = brokers,
                                                     .prefix = prefix,
                                                     .client_id = "ferry-tests",
                                                     .clock = clock,
                                                     .partition_count = QUEUE_CONTRACT_PARTITIONS,
                                                     .manage = true,
                                                     .properties = properties,
                                                     .property_count = count};
    return fy_queue_kafka_open(&settings, queue, err);
}

/* "/any/ferry-queue-AbCdEf" is the prefix "ferry-queue-AbCdEf.". */
static void prefix_of(const char *dir, char prefix[static 64])
{
    (void)snprintf(prefix, 64, "%s.", strrchr(dir, '/') + 1);
}

const char *const queue_kafka_brisk[] = {"heartbeat.interval.ms=300", NULL};

static enum fy_code open_shared(const char *dir, struct fy_clock *clock, struct fy_queue **queue,
                                struct fy_err *err)
{
    char prefix[64];
    prefix_of(dir, prefix);
    return queue_kafka_open(queue_kafka_brokers(), prefix, clock, queue_kafka_brisk, queue, err);
}

const struct queue_contract_factory queue_kafka_factory = {"kafka", open_shared, true,
                                                           false,   300,         false};

struct queue_fixture *queue_kafka_fixture_new(void)
{
    struct queue_fixture *f = queue_fixture_new(&queue_kafka_factory);
    queue_fixture_open(f);
    queue_fixture_topic(f, "orders");
    return f;
}

void queue_kafka_name(const struct queue_fixture *fixture, const char *topic, char name[static 128])
{
    char prefix[64];
    prefix_of(fixture->dir, prefix);
    (void)snprintf(name, 128, "%s%s", prefix, topic);
}

rd_kafka_t *queue_kafka_foreign(const struct queue_fixture *fixture)
{
    char text[256];
    char group[128];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    queue_kafka_name(fixture, "worker", group);
    assert_int_equal(
        rd_kafka_conf_set(conf, "bootstrap.servers", queue_kafka_brokers(), text, sizeof(text)),
        RD_KAFKA_CONF_OK);
    assert_int_equal(rd_kafka_conf_set(conf, "group.id", group, text, sizeof(text)),
                     RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    assert_non_null(rk);
    return rk;
}

/* ------------------------------------------------------------------ brokers of a test's own */

__attribute__((format(printf, 1, 2))) static void command(const char *format, ...)
{
    char words[256];
    char line[1024];
    va_list arguments;
    const char *program = getenv("KAFKA_COMMAND");
    if (program == NULL)
        fail_msg("KAFKA_COMMAND is not set: run this through ctest");
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    (void)snprintf(line, sizeof(line), "%s %s", program, words);
    assert_int_equal(system(line), 0);
}

static void read_brokers(struct kafka_cluster *cluster)
{
    char path[TEMP_BYTES + 16];
    (void)snprintf(path, sizeof(path), "%s/bootstrap", cluster->dir);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(cluster->brokers, sizeof(cluster->brokers), file));
    (void)fclose(file); /* only read */
}

struct kafka_cluster *kafka_cluster_new(int count)
{
    struct kafka_cluster *cluster = fy_alloc(sizeof(*cluster));
    temp_folder("kafka", cluster->dir);
    assert_int_equal(rmdir(cluster->dir), 0); /* its name was wanted; start makes it */
    command("start %s %d", cluster->dir, count);
    read_brokers(cluster);
    return cluster;
}

void kafka_cluster_free(struct kafka_cluster *cluster)
{
    if (cluster == NULL)
        return;
    command("stop %s", cluster->dir);
    free(cluster);
}

void kafka_cluster_signal(struct kafka_cluster *cluster, int broker, const char *name)
{
    command("signal %s %d %s", cluster->dir, broker, name);
}

void kafka_cluster_restart(struct kafka_cluster *cluster, int broker)
{
    command("restart %s %d", cluster->dir, broker);
}

int64_t queue_kafka_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
