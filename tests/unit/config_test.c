/* config_test.c - settings as text, from variables and from a file, and what depends on several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/adapters/config_inih.h"
#include "common/core/config.h"
#include "tests/support/temp.h"
#include <cmocka.h>

static int setup(void **state)
{
    struct fy_config *config = calloc(1, sizeof(*config));
    fy_config_init(config);
    *state = config;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void expect_refused(struct fy_config *config, const char *name, const char *value,
                           const char *sentence)
{
    struct fy_err err = {0};
    assert_int_equal(fy_config_set(config, name, value, &err), FY_EINPUT);
    if (strstr(err.text, sentence) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void set(struct fy_config *config, const char *name, const char *value)
{
    struct fy_err err = {0};
    if (fy_config_set(config, name, value, &err) != FY_OK)
        fail_msg("%s = %s: %s", name, value, err.text);
}

static void the_defaults_are_those_of_the_design(void **state)
{
    const struct fy_config *config = *state;
    assert_string_equal(config->listen, "127.0.0.1:8081");
    assert_string_equal(config->url, "http://127.0.0.1:8081");
    assert_int_equal(config->retry_max_age_ms, FY_RETRY_MAX_AGE_MS);
    assert_int_equal(config->tombstones_keep_ms, FY_TOMBSTONE_KEEP_MS);
    assert_int_equal(config->conflicts_keep_ms, FY_CONFLICT_KEEP_MS);
    assert_int_equal(config->trash_keep_ms, FY_TRASH_KEEP_MS);
    assert_int_equal(config->orders_keep_ms, FY_OUTCOME_KEEP_MS);
    assert_int_equal(config->queue_bytes_max, FY_QUEUE_BYTES_DEFAULT);
    assert_int_equal(config->worker_inflight, FY_INFLIGHT_ORDERS_MAX);
    assert_int_equal(config->worker_inflight_bytes, FY_INFLIGHT_BYTES_MAX);
    assert_false(config->pull_zstd);
    assert_int_equal(config->oio_versions, 1);
    assert_int_equal(config->oio_keep_deleted_ms, 7LL * 86400000);
}

/* As OpenIO counts versions: -1 is any number of them. */
static void versions_may_be_any_number(void **state)
{
    struct fy_config *config = *state;
    set(config, "oio.versions", "-1");
    assert_int_equal(config->oio_versions, -1);
    set(config, "oio.versions", "3");
    assert_int_equal(config->oio_versions, 3);
    expect_refused(config, "oio.versions", "-2", "'-2' is outside -1 to 1000000");
    expect_refused(config, "oio.versions", "-", "whole number");
    expect_refused(config, "trash.keep", "-1d", "not a time");
}

static void sizes_and_times_have_units(void **state)
{
    struct fy_config *config = *state;
    set(config, "queue.max_bytes", "64MiB");
    assert_int_equal(config->queue_bytes_max, 64 << 20);
    set(config, "queue.max_bytes", "2G");
    assert_int_equal(config->queue_bytes_max, 2LL << 30);
    set(config, "queue.max_bytes", "1048576");
    assert_int_equal(config->queue_bytes_max, 1 << 20);
    set(config, "retry.max_age", "90s");
    assert_int_equal(config->retry_max_age_ms, 90000);
    set(config, "retry.max_age", "7d");
    assert_int_equal(config->retry_max_age_ms, 7LL * 86400000);
    set(config, "sweep.every", "50ms");
    assert_int_equal(config->sweep_every_ms, 50);
    set(config, "pull.zstd", "on");
    assert_true(config->pull_zstd);
    set(config, "pull.zstd", "no");
    assert_false(config->pull_zstd);
}

static void what_is_no_value_is_refused_and_changes_nothing(void **state)
{
    struct fy_config *config = *state;
    struct fy_config *before = fy_memdup(config, sizeof(*config));
    char long_text[FY_CONFIG_TEXT_BYTES + 1];
    memset(long_text, 'x', sizeof(long_text));
    long_text[FY_CONFIG_TEXT_BYTES] = '\0';
    expect_refused(config, "worker.loops", "0", "'0' is outside 1 to 8");
    expect_refused(config, "worker.loops", "9", "'9' is outside 1 to 8");
    expect_refused(config, "worker.loops", "two", "not a whole number");
    expect_refused(config, "worker.loops", "2s", "not a whole number");
    expect_refused(config, "worker.loops", "", "not a whole number");
    expect_refused(config, "worker.loops", "-1", "not a whole number");
    expect_refused(config, "queue.max_bytes", "1KiB", "outside 1MiB to 16TiB");
    expect_refused(config, "queue.max_bytes", "1 MiB", "not a size like 64MiB");
    expect_refused(config, "queue.max_bytes", "99999999999999999999", "not a size");
    expect_refused(config, "queue.max_bytes", "9223372036854775807TiB", "not a size");
    expect_refused(config, "retry.max_age", "10", "not a time like");
    expect_refused(config, "retry.max_age", "9999d", "outside");
    expect_refused(config, "pull.zstd", "maybe", "neither on nor off");
    expect_refused(config, "site", long_text, "longer than");
    expect_refused(config, "sail.area", "10", "no setting 'sail.area'");
    assert_memory_equal(before, config, sizeof(*config));
    free(before);
}

static void peers_gather(void **state)
{
    struct fy_config *config = *state;
    set(config, "peer", "b=http://h:1");
    set(config, "peer", "c=http://h:2");
    assert_int_equal(config->peer_count, 2);
    assert_string_equal(config->peers[1], "c=http://h:2");
    while (config->peer_count < FY_CONFIG_PEERS_MAX)
        set(config, "peer", "d=http://h:3");
    expect_refused(config, "peer", "e=http://h:4", "more than");
}

static void variables_are_settings_and_a_typo_is_an_error(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    char path[] = "PATH=/bin", age[] = "FERRY_RETRY_MAX_AGE=2h", url[] = "FERRY_URL=http://h:9",
         file[] = "FERRY_CONFIG=/nowhere", typo[] = "FERRY_RETRY_MAXAGE=2h",
         bad[] = "FERRY_WORKER_LOOPS=many";
    char *good[] = {path, age, url, file, NULL};
    char *with_typo[] = {typo, NULL};
    char *with_bad[] = {bad, NULL};
    assert_int_equal(fy_config_environment(config, good, &err), FY_OK);
    assert_int_equal(config->retry_max_age_ms, 2 * 3600 * 1000);
    assert_string_equal(config->url, "http://h:9");
    assert_int_equal(fy_config_environment(config, with_typo, &err), FY_EINPUT);
    assert_non_null(strstr(err.text, "FERRY_RETRY_MAXAGE"));
    assert_int_equal(fy_config_environment(config, with_bad, &err), FY_EINPUT);
    assert_non_null(strstr(err.text, "worker.loops"));
}

/* ---- the file */

static enum fy_code read_file(struct fy_config *config, const char *text, struct fy_err *err)
{
    char path[TEMP_BYTES];
    int fd = temp_file("config", path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    enum fy_code code = fy_config_file(config, path, err);
    unlink(path);
    return code;
}

static void sections_of_a_file_are_the_first_part_of_a_name(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    assert_int_equal(read_file(config,
                               "; of site a\nsite = a\npeer = b=http://h:1\npeer = c=http://h:2\n\n"
                               "[retry]\nmax_age = 3h ; later they are dead\n[worker]\nloops=4\n",
                               &err),
                     FY_OK);
    assert_string_equal(config->site, "a");
    assert_int_equal(config->peer_count, 2);
    assert_int_equal(config->retry_max_age_ms, 3 * 3600 * 1000);
    assert_int_equal(config->transfer_loops, 4);
}

/* Any property of Kafka's library is a setting; which there are, the library knows. */
static void properties_of_kafka_come_from_the_file_and_from_variables(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    char linger[] = "FERRY_KAFKA_LINGER_MS=7",
         secret[] = "FERRY_KAFKA_SASL_PASSWORD_FILE=/run/secrets/kafka",
         whole[] = "FERRY_KAFKA=client.rack=r=1";
    char *variables[] = {linger, secret, whole, NULL};
    assert_int_equal(
        read_file(config, "[kafka]\nsecurity.protocol = ssl\n[queue]\nprefix = a.\n", &err), FY_OK);
    assert_int_equal(fy_config_environment(config, variables, &err), FY_OK);
    assert_int_equal(config->kafka_count, 4);
    assert_string_equal(config->kafka[0], "security.protocol=ssl");
    assert_string_equal(config->kafka[1], "linger.ms=7");
    assert_string_equal(config->kafka[2], "sasl.password_file=/run/secrets/kafka");
    assert_string_equal(config->kafka[3], "client.rack=r=1");
    assert_string_equal(config->queue_prefix, "a.");
    while (config->kafka_count < FY_KAFKA_PROPERTIES_MAX)
        set(config, "kafka", "linger.ms=5");
    expect_refused(config, "kafka.linger.ms", "5", "more than");
}

static void a_bad_line_of_a_file_is_named(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    assert_int_equal(read_file(config, "site = a\n[retry]\nmax_age = soon\n", &err), FY_EINPUT);
    assert_non_null(strstr(err.text, ":3: "));
    assert_non_null(strstr(err.text, "retry.max_age"));
    assert_int_equal(read_file(config, "site = a\nno_such = 1\n", &err), FY_EINPUT);
    assert_non_null(strstr(err.text, ":2: "));
    assert_int_equal(read_file(config, "[retry]\nno sense at all\n", &err), FY_EINPUT);
    assert_non_null(strstr(err.text, ":2: "));
    assert_int_equal(fy_config_file(config, "/nowhere/ferry.ini", &err), FY_ENOTFOUND);
}

/* ---- what depends on several */

static void expect_unfinished(struct fy_config *config, const char *sentence)
{
    struct fy_err err = {0};
    assert_int_equal(fy_config_finish(config, &err), FY_EINPUT);
    if (strstr(err.text, sentence) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

/* Nobody can read a topic of the embedded queue but Ferry itself. */
static void events_are_told_with_kafka_unless_told_otherwise(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    assert_int_equal(fy_config_set(config, "site", "paris", &err), FY_OK);
    assert_int_equal(fy_config_set(config, "data", "/d", &err), FY_OK);
    assert_int_equal(fy_config_finish(config, &err), FY_OK);
    assert_false(fy_config_tells(config));
    assert_int_equal(fy_config_set(config, "events", "on", &err), FY_OK);
    expect_unfinished(config, "events: nobody can read them");
    assert_false(fy_config_tells(config));
    assert_int_equal(fy_config_set(config, "queue", "kafka://h:9092", &err), FY_OK);
    assert_int_equal(fy_config_finish(config, &err), FY_OK);
    assert_true(fy_config_tells(config));
    assert_int_equal(fy_config_set(config, "events", "", &err), FY_OK);
    assert_true(fy_config_tells(config));
    assert_int_equal(fy_config_set(config, "events", "off", &err), FY_OK);
    assert_int_equal(fy_config_finish(config, &err), FY_OK);
    assert_false(fy_config_tells(config));
    assert_int_equal(fy_config_set(config, "events", "yes", &err), FY_OK);
    expect_unfinished(config, "'yes' is neither on nor off");
}

/* The default does no harm to a site whose queue nobody can read. */
static void changes_of_containers_are_told_with_kafka_unless_told_otherwise(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    assert_int_equal(fy_config_set(config, "site", "paris", &err), FY_OK);
    assert_int_equal(fy_config_set(config, "data", "/d", &err), FY_OK);
    assert_int_equal(fy_config_finish(config, &err), FY_OK);
    assert_false(fy_config_tells_oio(config));
    assert_int_equal(fy_config_set(config, "queue", "kafka://h:9092", &err), FY_OK);
    assert_true(fy_config_tells_oio(config));
    assert_int_equal(fy_config_set(config, "oio.events", "off", &err), FY_OK);
    assert_false(fy_config_tells_oio(config));
}

static void a_namespace_is_one_segment_of_a_path(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    static const char *const bad[] = {
        "", "a/b", "a b", "\xc3\xa9",
        "0123456789012345678901234567890123456789012345678901234567890123"};
    assert_int_equal(fy_config_set(config, "site", "paris", &err), FY_OK);
    assert_int_equal(fy_config_set(config, "data", "/d", &err), FY_OK);
    assert_int_equal(fy_config_finish(config, &err), FY_OK);
    assert_string_equal(config->oio_namespace, "OPENIO");
    assert_string_equal(config->oio_region, config->site);
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        assert_int_equal(fy_config_set(config, "oio.namespace", bad[i], &err), FY_OK);
        expect_unfinished(config, "oio.namespace");
    }
}

static void the_embedded_engines_live_in_the_data_folder(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    expect_unfinished(config, "site: needed");
    set(config, "site", "a b");
    expect_unfinished(config, "site: 'a b' is not");
    set(config, "site", "a");
    expect_unfinished(config, "data: needed");
    set(config, "data", "/d");
    set(config, "store", "dir:/elsewhere");
    assert_int_equal(fy_config_finish(config, &err), FY_OK);
    assert_string_equal(config->queue, "sqlite:/d/queue.db");
    assert_string_equal(config->catalogue, "sqlite:/d/catalogue.db");
    assert_string_equal(config->store, "dir:/elsewhere");
}

/* There is no authentication yet: nothing may be heard from outside. */
static void only_loopback_is_listened_on(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    static const char *const good[] = {"127.0.0.1:0", "127.0.0.9:8081", "localhost:80", "[::1]:1"};
    static const char *const bad[] = {"0.0.0.0:8081",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      "10.0.0.1:8081",
                                      "127.0.0.1:99999",
                                      "example.org:80",
                                      "127.evil.org:80",
                                      "[::]:80",
                                      "",
                                      ":8081"};
    set(config, "site", "a");
    set(config, "data", "/d");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        set(config, "listen", good[i]);
        assert_int_equal(fy_config_finish(config, &err), FY_OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        set(config, "listen", bad[i]);
        expect_unfinished(config, "listen: ");
    }
    set(config, "listen", good[0]);
    set(config, "admin", "0.0.0.0:9464");
    expect_unfinished(config, "admin: ");
}

/* Whoever says so is taken at their word, for addresses and nothing else. */
static void other_addresses_are_listened_on_where_that_is_accepted(void **state)
{
    struct fy_config *config = *state;
    struct fy_err err = {0};
    static const char *const good[] = {"0.0.0.0:8081", "10.0.0.1:80", "[::]:80", "[2001:db8::1]:1",
                                       "127.0.0.1:0"};
    static const char *const bad[] = {"example.org:80", "0.0.0.0",       "::1:80", "[::1:80",
                                      "[]:80",          "0.0.0.0:65536", ":8081"};
    set(config, "site", "a");
    set(config, "data", "/d");
    set(config, "accept_unauthenticated", "on");
    set(config, "listen", good[0]);
    expect_unfinished(config, "public_url: needed"); /* that is no address to reach us at */
    set(config, "public_url", "http://a.example:8081");
    for (size_t i = 0; i < FY_COUNT_OF(good); i++) {
        set(config, "accept_unauthenticated", "on");
        set(config, "listen", good[i]);
        set(config, "admin", good[i]);
        assert_int_equal(fy_config_finish(config, &err), FY_OK);
        set(config, "accept_unauthenticated", "off");
        if (strstr(good[i], "127.") == NULL)
            expect_unfinished(config, "accept_unauthenticated");
    }
    set(config, "accept_unauthenticated", "on");
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        set(config, "listen", bad[i]);
        expect_unfinished(config, "listen: ");
    }
}

static void sites_and_peers_have_good_names(void **state)
{
    struct fy_config *config = *state;
    set(config, "data", "/d");
    expect_unfinished(config, "site: ");
    set(config, "site", "a b");
    expect_unfinished(config, "site: ");
    set(config, "site", "a");
    static const char *const bad[][2] = {{"b", "not NAME=URL"},
                                         {"=http://h:1", "not NAME=URL"},
                                         {"b c=http://h:1", "not NAME=URL"},
                                         {"a=http://h:1", "this site itself"},
                                         {"b=ftp://h", "peer b: "}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        config->peer_count = 0;
        set(config, "peer", bad[i][0]);
        expect_unfinished(config, bad[i][1]);
    }
    config->peer_count = 0;
    set(config, "public_url", "ftp://h");
    expect_unfinished(config, "public_url: ");
    struct fy_err err = {0};
    set(config, "public_url", "balancer:80/ferry");
    assert_int_equal(fy_config_finish(config, &err), FY_OK);
}

/* ---- printing */

/* What `config show` prints, `--config` can read. */
static void what_is_printed_can_be_read_back(void **state)
{
    struct fy_config *config = *state;
    struct fy_config *again = fy_alloc(sizeof(*again));
    struct fy_err err = {0};
    struct fy_buf text;
    set(config, "site", "a");
    set(config, "retry.max_age", "90s");
    set(config, "queue.max_bytes", "1536MiB");
    set(config, "pull.zstd", "on");
    set(config, "kafka.linger.ms", "5");
    fy_buf_init(&text, 1 << 16);
    for (unsigned peers = 0; peers <= 2; peers++) {
        fy_buf_clear(&text);
        fy_config_print(config, false, &text);
        fy_config_init(again);
        if (read_file(again, text.bytes, &err) != FY_OK)
            fail_msg("%s in:\n%s", err.text, text.bytes);
        assert_memory_equal(config, again, sizeof(*config));
        set(config, "peer", peers == 0 ? "b=http://h:1" : "c=http://h:2");
    }
    fy_buf_done(&text);
    free(again);
}

/* 60s in the table of defaults is printed as 1m. */
static void what_is_the_default_is_marked_however_it_is_written(void **state)
{
    struct fy_config *config = *state;
    struct fy_buf text;
    fy_buf_init(&text, 1 << 16);
    fy_config_print(config, false, &text);
    for (char *line = strtok(text.bytes, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (line[0] != ';' && strstr(line, "   ; default") == NULL)
            fail_msg("not marked: %s", line);
    fy_buf_clear(&text);
    set(config, "retry.memory", "61s");
    fy_config_print(config, false, &text);
    assert_non_null(strstr(text.bytes, "\nretry.memory = 61s\n"));
    fy_buf_done(&text);
}

static void a_secret_is_not_shown(void **state)
{
    static const struct {
        const char *name, *given, *shown;
    } rows[] = {
        {"cache", "redis://:hush@127.0.0.1:6379/0", "redis://:***@127.0.0.1:6379/0"},
        {"cache", "redis://ferry:hu:s@h@127.0.0.1", "redis://ferry:***@127.0.0.1"},
        {"cache", "redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"},
        {"cache", "local:", "local:"},
        {"catalogue", "postgres://u@h/d?password=hush&a=b", "u@h/d?password=***&a=b"},
        {"kafka", "sasl.password=hush", "sasl.password=***"},
        {"kafka", "sasl.oauthbearer.client.secret=hush", "client.secret=***"},
        {"kafka", "ssl.key.pem=hush", "ssl.key.pem=***"},
        {"kafka", "sasl.password_file=/run/secret", "sasl.password_file=/run/secret"},
        {"kafka", "client.rack=password=b", "client.rack=password=***"},
        {"peer", "b=http://u:hush@h:1", "b=http://u:***@h:1"},
    };
    (void)state;
    for (size_t i = 0; i < 2 * FY_COUNT_OF(rows); i++) {
        struct fy_config *config = fy_alloc(sizeof(*config));
        struct fy_buf text;
        bool json = i % 2 == 1;
        fy_config_init(config);
        set(config, rows[i / 2].name, rows[i / 2].given);
        fy_buf_init(&text, 1 << 16);
        fy_config_print(config, json, &text);
        assert_non_null(strstr(text.bytes, rows[i / 2].shown));
        assert_null(strstr(text.bytes, "hush"));
        fy_buf_done(&text);
        free(config);
    }
}

static void help_shows_the_settings_of_the_role_only(void **state)
{
    (void)state;
    struct fy_buf client;
    struct fy_buf server;
    fy_buf_init(&client, 1 << 16);
    fy_buf_init(&server, 1 << 16);
    fy_config_help(FY_FOR_CLIENT, &client);
    fy_config_help(FY_FOR_SERVER, &server);
    assert_non_null(strstr(client.bytes, "--url URL"));
    assert_null(strstr(client.bytes, "--retry-max-age"));
    assert_non_null(strstr(server.bytes, "--retry-max-age TIME"));
    assert_null(strstr(server.bytes, "--client "));
    fy_buf_done(&client);
    fy_buf_done(&server);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_defaults_are_those_of_the_design),
        TEST(sizes_and_times_have_units),
        TEST(versions_may_be_any_number),
        TEST(what_is_no_value_is_refused_and_changes_nothing),
        TEST(peers_gather),
        TEST(variables_are_settings_and_a_typo_is_an_error),
        TEST(sections_of_a_file_are_the_first_part_of_a_name),
        TEST(properties_of_kafka_come_from_the_file_and_from_variables),
        TEST(a_bad_line_of_a_file_is_named),
        TEST(events_are_told_with_kafka_unless_told_otherwise),
        TEST(changes_of_containers_are_told_with_kafka_unless_told_otherwise),
        TEST(a_namespace_is_one_segment_of_a_path),
        TEST(the_embedded_engines_live_in_the_data_folder),
        TEST(only_loopback_is_listened_on),
        TEST(other_addresses_are_listened_on_where_that_is_accepted),
        TEST(sites_and_peers_have_good_names),
        TEST(what_is_printed_can_be_read_back),
        TEST(what_is_the_default_is_marked_however_it_is_written),
        TEST(a_secret_is_not_shown),
        TEST(help_shows_the_settings_of_the_role_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
