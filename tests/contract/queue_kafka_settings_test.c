/* queue_kafka_settings_test.c - properties of the library and secrets; no broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/adapters/queue_kafka_impl.h"
#include "common/core/clock.h"
#include "tests/contract/queue_kafka_help.h"
#include "tests/support/temp.h"

static void expect_property_refused(const char *property, const char *sentence)
{
    const char *const properties[] = {property, NULL};
    struct fy_queue *queue = NULL;
    struct fy_err err = {0};
    assert_int_equal(
        queue_kafka_open("127.0.0.1:1", "", fy_clock_system(), properties, &queue, &err),
        strstr(sentence, "read") != NULL ? FY_EIO : FY_EINPUT);
    assert_null(queue);
    if (strstr(err.text, sentence) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void properties_that_would_break_a_promise_are_refused(void **state)
{
    (void)state;
    expect_property_refused("acks=1", "promises");
    expect_property_refused("enable.auto.commit=true", "promises");
    expect_property_refused("allow.auto.create.topics=true", "promises");
    expect_property_refused("auto.offset.reset=latest", "promises");
    expect_property_refused("topic.auto.offset.reset=latest", "promises");
    expect_property_refused("partition.assignment.strategy=cooperative-sticky", "2.10.1");
    expect_property_refused("group.instance.id=worker-1", "members of one id");
    expect_property_refused("linger.msx=5", "linger.msx");
    expect_property_refused("linger.ms", "NAME=VALUE");
    expect_property_refused("linger.ms=many", "linger.ms");
    expect_property_refused("sasl.password=secret", "sasl.password_file=PATH");
    expect_property_refused("sasl.password_file=/no/such/file", "read /no/such/file");
}

static void what_bounds_a_publish_stays_a_bound(void **state)
{
    (void)state;
    expect_property_refused("queue.buffering.max.messages=0", "no limit");
    expect_property_refused("message.timeout.ms=0", "no limit");
    expect_property_refused("delivery.timeout.ms=0", "no limit");
}

static void a_secret_comes_from_its_file_without_the_newline(void **state)
{
    (void)state;
    char path[TEMP_BYTES];
    char property[TEMP_BYTES + 32];
    struct fy_queue *queue = NULL;
    struct fy_err err = {0};
    int fd = temp_file("secret", path);
    assert_int_equal(write(fd, "hidden\n", 7), 7);
    assert_int_equal(close(fd), 0);
    (void)snprintf(property, sizeof(property), "sasl.password_file=%s", path);
    const char *const properties[] = {"security.protocol=sasl_plaintext", "sasl.mechanism=PLAIN",
                                      "sasl.username=ferry", property, NULL};
    assert_int_equal(
        queue_kafka_open("127.0.0.1:1", "", fy_clock_system(), properties, &queue, &err), FY_OK);
    char password[32];
    size_t password_bytes = sizeof(password);
    assert_int_equal(
        rd_kafka_conf_get(fy_kq_from(queue)->base_conf, "sasl.password", password, &password_bytes),
        RD_KAFKA_CONF_OK);
    assert_string_equal(password, "hidden");
    fy_queue_close(queue);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_that_would_break_a_promise_are_refused),
        cmocka_unit_test(what_bounds_a_publish_stays_a_bound),
        cmocka_unit_test(a_secret_comes_from_its_file_without_the_newline),
    };
    return cmocka_run_group_tests_name("kafka, settings", tests, NULL, NULL);
}
