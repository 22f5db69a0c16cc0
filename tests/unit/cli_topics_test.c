/* cli_topics_test.c - what is said of topics in Kafka that do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/topics.h"
#include "common/core/config.h"
#include <cmocka.h>

#define DAY_MS (24LL * 3600 * 1000)

struct fixture {
    struct fy_config config;
    struct fy_kafka_topic_state state; /* a good one, to be spoiled */
    const char *topic;
    int64_t oldest_age_ms;
    enum fy_doctor_level worst;
    size_t said_count;
    char said[1024];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    fy_config_init(&f->config);
    f->topic = "request-action";
    f->state = (struct fy_kafka_topic_state){.exists = true,
                                             .partition_count = 12,
                                             .replication = 3,
                                             .min_insync = 2,
                                             .retention_ms = -1,
                                             .retention_bytes = -1};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void say(void *arg, enum fy_doctor_level level, const char *topic, const char *text)
{
    struct fixture *f = arg;
    assert_string_equal(topic, f->topic);
    if (level > f->worst)
        f->worst = level;
    f->said_count++;
    strncat(f->said, text, sizeof(f->said) - strlen(f->said) - 1);
}

static void expect(struct fixture *f, enum fy_doctor_level level, const char *sentence)
{
    f->worst = FY_DOCTOR_OK;
    f->said[0] = '\0';
    f->said_count = 0;
    fy_topic_judge(&f->config, f->topic, &f->state, f->oldest_age_ms, say, f);
    assert_true(f->said_count > 0);
    if (strstr(f->said, sentence) == NULL)
        fail_msg("'%s' does not say '%s'", f->said, sentence);
    assert_int_equal(f->worst, level);
}

static void a_topic_of_three_copies_kept_until_done_fits(void **state)
{
    expect(*state, FY_DOCTOR_OK, "kept until done");
}

static void an_absent_topic_is_said_with_its_cure(void **state)
{
    struct fixture *f = *state;
    f->state.exists = false;
    expect(f, FY_DOCTOR_FAIL, "ferry topics ensure");
}

static void fewer_partitions_than_asked_for_are_doubtful(void **state)
{
    struct fixture *f = *state;
    f->state.partition_count = 1;
    expect(f, FY_DOCTOR_WARN, "has 1 partitions, not 12");
    f->state.partition_count = FY_PARTITIONS_MAX + 1;
    expect(f, FY_DOCTOR_FAIL, "over 256");
}

static void copies_in_sync_decide_what_an_acknowledgement_is_worth(void **state)
{
    struct fixture *f = *state;
    f->state.min_insync = 1;
    expect(f, FY_DOCTOR_WARN, "min.insync.replicas=1");
    f->state.min_insync = 3;
    expect(f, FY_DOCTOR_WARN, "while any one of its brokers is away");
    f->state.min_insync = 4;
    expect(f, FY_DOCTOR_FAIL, "takes no order");
    f->state.min_insync = -1;
    expect(f, FY_DOCTOR_WARN, "may not ask");
    f->state.min_insync = 2;
    f->config.topics_replication = 5;
    expect(f, FY_DOCTOR_WARN, "has 3 copies, not 5");
}

static void retention_by_age_is_refused_unless_accepted_and_then_its_headroom_told(void **state)
{
    struct fixture *f = *state;
    f->state.retention_ms = 7 * DAY_MS;
    expect(f, FY_DOCTOR_FAIL, "retention.ms=604800000");
    f->config.accept_retention_ms = 8 * DAY_MS;
    expect(f, FY_DOCTOR_FAIL, "retention.ms=604800000");
    f->config.accept_retention_ms = 7 * DAY_MS;
    f->oldest_age_ms = DAY_MS;
    expect(f, FY_DOCTOR_WARN, "the oldest undone has 6d");
    f->oldest_age_ms = 5 * DAY_MS;
    expect(f, FY_DOCTOR_FAIL, "the oldest undone has 2d");
    f->oldest_age_ms = 8 * DAY_MS;
    expect(f, FY_DOCTOR_FAIL, "has nothing left");
}

static void retention_by_size_is_never_accepted(void **state)
{
    struct fixture *f = *state;
    f->state.retention_bytes = 1 << 30;
    f->config.accept_retention_ms = 1;
    expect(f, FY_DOCTOR_FAIL, "retention.bytes=1073741824");
}

static void events_end_by_time_alone(void **state)
{
    struct fixture *f = *state;
    f->topic = "object-events";
    expect(f, FY_DOCTOR_WARN, "for ever");
    f->state.retention_ms = 7 * DAY_MS;
    expect(f, FY_DOCTOR_OK, "events kept 7d");
    f->state.exists = false;
    expect(f, FY_DOCTOR_FAIL, "ferry topics ensure");
}

static void a_site_has_its_own_topics_and_one_for_each_other(void **state)
{
    struct fixture *f = *state;
    struct fy_topic_names *names = calloc(1, sizeof(*names));
    struct fy_err err = {0};
    const char *const more[] = {"berlin", "lyon"};
    const char *const bad[] = {"a/b"};
    assert_int_equal(fy_config_set(&f->config, "peer", "lyon=http://h:1", &err), FY_OK);
    assert_int_equal(fy_topic_names(&f->config, true, more, 2, names, &err), FY_OK);
    assert_int_equal(names->count, 5);
    assert_string_equal(names->names[0], "request-replication");
    assert_string_equal(names->names[1], "request-action");
    assert_string_equal(names->names[2], "request-action.dead");
    assert_string_equal(names->names[3], "request-replication.lyon");
    assert_string_equal(names->names[4], "request-replication.berlin");
    assert_int_equal(fy_topic_names(&f->config, false, bad, 1, names, &err), FY_EINPUT);
    assert_int_equal(fy_config_set(&f->config, "queue", "kafka://h:9092", &err), FY_OK);
    assert_int_equal(fy_topic_names(&f->config, false, more, 2, names, &err), FY_OK);
    assert_int_equal(names->count, 7);
    assert_string_equal(names->names[3], "object-events");
    assert_string_equal(names->names[4], "oio");
    assert_string_equal(names->names[5], "request-replication.berlin");
    assert_int_equal(fy_config_set(&f->config, "events", "off", &err), FY_OK);
    assert_int_equal(fy_config_set(&f->config, "oio.events", "off", &err), FY_OK);
    assert_int_equal(fy_topic_names(&f->config, true, NULL, 0, names, &err), FY_OK);
    assert_int_equal(names->count, 4);
    free(names);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_topic_of_three_copies_kept_until_done_fits),
        TEST(an_absent_topic_is_said_with_its_cure),
        TEST(fewer_partitions_than_asked_for_are_doubtful),
        TEST(copies_in_sync_decide_what_an_acknowledgement_is_worth),
        TEST(retention_by_age_is_refused_unless_accepted_and_then_its_headroom_told),
        TEST(retention_by_size_is_never_accepted),
        TEST(events_end_by_time_alone),
        TEST(a_site_has_its_own_topics_and_one_for_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
