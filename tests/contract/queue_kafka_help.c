/* queue_kafka_help.c - the Kafka queue as a factory of the queue's suite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/adapters/queue_kafka.h"
#include "tests/contract/queue_kafka_help.h"

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

/* "/tmp/ferry-queue-AbCdEf" is the prefix "ferry-queue-AbCdEf.". */
static void prefix_of(const char *dir, char prefix[static 64])
{
    (void)snprintf(prefix, 64, "%s.", strrchr(dir, '/') + 1);
}

static enum fy_code open_shared(const char *dir, struct fy_clock *clock, struct fy_queue **queue,
                                struct fy_err *err)
{
    char prefix[64];
    prefix_of(dir, prefix);
    return queue_kafka_open(queue_kafka_brokers(), prefix, clock, NULL, queue, err);
}

const struct queue_contract_factory queue_kafka_factory = {"kafka", open_shared, false, 300};

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
