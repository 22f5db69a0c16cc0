/* cli_arguments_test.c - what a command line becomes, and what is said of a wrong one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "tests/support/temp.h"
#include <cmocka.h>

#define WORDS_MAX 64

/* The words of a command line, and what came of them. */
struct fixture {
    char *argv[WORDS_MAX];
    int argc;
    struct fy_command_line line;
    struct fy_err err;
};

static enum fy_code parse(struct fixture *f, ...)
{
    va_list words;
    va_start(words, f);
    f->argc = 0;
    for (const char *word = va_arg(words, const char *); word != NULL;
         word = va_arg(words, const char *)) {
        assert_true(f->argc < WORDS_MAX);
        f->argv[f->argc++] = (char *)(uintptr_t)word;
    }
    va_end(words);
    return fy_command_line_parse(f->argc, f->argv, &f->line, &f->err);
}
#define PARSE(f, ...) parse((f), __VA_ARGS__, (const char *)NULL)

#define REFUSED(f, sentence, ...)                                                                  \
    do {                                                                                           \
        assert_int_equal(PARSE((f), __VA_ARGS__), FY_EINPUT);                                      \
        if (strstr((f)->err.text, (sentence)) == NULL)                                             \
            fail_msg("'%s' does not say '%s'", (f)->err.text, (sentence));                         \
    } while (0)

static int setup(void **state)
{
    unsetenv("FERRY_URL");
    unsetenv("FERRY_CLIENT");
    unsetenv("FERRY_CONFIG");
    *state = calloc(1, sizeof(struct fixture));
    return *state == NULL;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void the_longest_command_is_found_and_its_words_follow(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(f, "site", "add", "b", "http://h:1"), FY_OK);
    assert_string_equal(f->line.command->name, "site add");
    assert_int_equal(f->line.word_count, 2);
    assert_string_equal(f->line.words[0], "b");
    assert_string_equal(f->line.words[1], "http://h:1");
}

static void options_may_stand_anywhere_with_or_without_an_equals_sign(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        PARSE(f, "put", "--jobs", "3", "a", "--client=c-1", "b/n", "--url", "http://h:2", "--json"),
        FY_OK);
    assert_int_equal(f->line.word_count, 2);
    assert_string_equal(fy_option(&f->line, "jobs"), "3");
    assert_string_equal(f->line.config.client, "c-1");
    assert_string_equal(f->line.config.url, "http://h:2");
    assert_true(f->line.json);
}

static void the_last_value_of_an_option_counts(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(f, "put", "a", "b", "--jobs", "3", "--jobs=4"), FY_OK);
    assert_string_equal(fy_option(&f->line, "jobs"), "4");
    assert_null(fy_option(&f->line, "prefix"));
}

static void properties_of_kafka_have_a_short_flag_of_their_own(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(f, "up", "-X", "linger.ms=5", "--kafka=client.rack=r=1"), FY_OK);
    assert_int_equal(f->line.config.kafka_count, 2);
    assert_string_equal(f->line.config.kafka[0], "linger.ms=5");
    assert_string_equal(f->line.config.kafka[1], "client.rack=r=1");
    REFUSED(f, "no option -X", "put", "-X", "linger.ms=5", "a", "b");
}

static void a_switch_takes_no_value(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(f, "order", "--wait", "b/o"), FY_OK);
    assert_string_equal(fy_option(&f->line, "wait"), "");
    assert_string_equal(f->line.words[0], "b/o");
    REFUSED(f, "--wait takes no value", "order", "--wait=yes", "b/o");
}

static void a_lone_dash_is_a_word_and_two_end_the_options(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(f, "put", "-", "b/n"), FY_OK);
    assert_string_equal(f->line.words[0], "-");
    assert_int_equal(PARSE(f, "put", "--", "--jobs", "b/n"), FY_OK);
    assert_string_equal(f->line.words[0], "--jobs");
    assert_int_equal(PARSE(f, "order", "-f", "-"), FY_OK);
    assert_string_equal(fy_option(&f->line, "f"), "-");
}

static void wrong_lines_are_refused_with_the_word_that_is_wrong(void **state)
{
    struct fixture *f = *state;
    REFUSED(f, "no command 'sail'", "sail");
    REFUSED(f, "no command 'site'; try site add, site ls, ", "site");
    REFUSED(f, "no command 'site'; try site add, site ls, ", "site", "--json");
    REFUSED(f, "no command 'site sink'; try site add, site ls, ", "site", "sink");
    REFUSED(f, "no command 'sit'; see ferry help", "sit", "add");
    REFUSED(f, "no command ''; see ferry help", "");
    REFUSED(f, "no option --jib", "put", "--jib", "a", "b");
    REFUSED(f, "--jobs needs a value", "put", "a", "b", "--jobs");
    REFUSED(f, "usage: ferry put SOURCE BUCKET[/NAME]", "put");
    REFUSED(f, "usage: ferry put SOURCE BUCKET[/NAME]", "put", "a", "b", "c");
    REFUSED(f, "no option --worker-loops", "put", "a", "b", "--worker-loops", "2");
    REFUSED(f, "worker.loops: 'many'", "up", "--worker-loops", "many");
}

static void a_flag_wins_over_the_environment_and_that_over_the_file(void **state)
{
    struct fixture *f = *state;
    char path[TEMP_BYTES];
    int fd = temp_file("arguments", path);
    static const char text[] = "url = http://file:1\nclient = of-file\n[retry]\nmax_age = 2h\n";
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);

    assert_int_equal(PARSE(f, "ls", "b", "--config", path), FY_OK);
    assert_string_equal(f->line.config.url, "http://file:1");
    assert_int_equal(f->line.config.retry_max_age_ms, 2 * 3600 * 1000);
    setenv("FERRY_URL", "http://env:1", 1);
    assert_int_equal(PARSE(f, "ls", "b", "--config", path), FY_OK);
    assert_string_equal(f->line.config.url, "http://env:1");
    assert_int_equal(PARSE(f, "ls", "b", "--url=http://flag:1", "--config", path), FY_OK);
    assert_string_equal(f->line.config.url, "http://flag:1");
    assert_string_equal(f->line.config.client, "of-file");
    unsetenv("FERRY_URL");

    setenv("FERRY_CONFIG", path, 1);
    assert_int_equal(PARSE(f, "ls", "b"), FY_OK);
    assert_string_equal(f->line.config.client, "of-file");
    unsetenv("FERRY_CONFIG");
    unlink(path);
    assert_int_equal(PARSE(f, "ls", "b", "--config", path), FY_ENOTFOUND);
}

static void every_command_has_a_meaning_and_its_help_names_its_options(void **state)
{
    (void)state;
    size_t count;
    const struct fy_command *commands = fy_commands(&count);
    struct fy_buf all;
    fy_buf_init(&all, 1 << 18);
    assert_int_equal(fy_command_help(NULL, NULL, &all, NULL), FY_OK);
    for (size_t i = 0; i < count; i++) {
        struct fy_buf help;
        fy_buf_init(&help, 1 << 18);
        char name[64];
        assert_true(fy_text_copy(name, sizeof(name), commands[i].name));
        char *second = strchr(name, ' ');
        if (second != NULL)
            *second++ = '\0';
        assert_int_equal(fy_command_help(name, second, &help, NULL), FY_OK);
        assert_non_null(strstr(help.bytes, commands[i].meaning));
        for (size_t o = 0; o < FY_COMMAND_OWN_MAX && commands[i].options[o].name != NULL; o++)
            assert_non_null(strstr(help.bytes, commands[i].options[o].meaning));
        assert_non_null(strstr(all.bytes, commands[i].name));
        assert_non_null(commands[i].run);
        fy_buf_done(&help);
    }
    fy_buf_done(&all);
}

static void help_of_a_group_is_its_commands(void **state)
{
    struct fixture *f = *state;
    struct fy_buf help;
    fy_buf_init(&help, 1 << 18);
    assert_int_equal(fy_command_help("site", NULL, &help, &f->err), FY_OK);
    assert_non_null(strstr(help.bytes, "ferry site pause NAME"));
    assert_null(strstr(help.bytes, "ferry bucket mk"));
    assert_int_equal(fy_command_help("site", "sink", &help, &f->err), FY_EINPUT);
    assert_non_null(strstr(f->err.text, "'site sink'"));
    assert_int_equal(fy_command_help("sail", NULL, &help, &f->err), FY_EINPUT);
    fy_buf_done(&help);
}

static void the_list_of_commands_fits_a_terminal(void **state)
{
    (void)state;
    struct fy_buf help;
    fy_buf_init(&help, 1 << 18);
    assert_int_equal(fy_command_help(NULL, NULL, &help, NULL), FY_OK);
    for (const char *line = help.bytes; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") > 110)
            fail_msg("too long: %.200s", line);
    fy_buf_done(&help);
}

static void the_version_is_a_command_and_an_option(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(PARSE(f, "version"), FY_OK);
    assert_int_equal(PARSE(f, "--version", "--json"), FY_OK);
    assert_string_equal(f->line.command->name, "version");
    assert_true(f->line.json);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_longest_command_is_found_and_its_words_follow),
        TEST(options_may_stand_anywhere_with_or_without_an_equals_sign),
        TEST(the_last_value_of_an_option_counts),
        TEST(properties_of_kafka_have_a_short_flag_of_their_own),
        TEST(a_switch_takes_no_value),
        TEST(a_lone_dash_is_a_word_and_two_end_the_options),
        TEST(wrong_lines_are_refused_with_the_word_that_is_wrong),
        TEST(a_flag_wins_over_the_environment_and_that_over_the_file),
        TEST(every_command_has_a_meaning_and_its_help_names_its_options),
        TEST(help_of_a_group_is_its_commands),
        TEST(the_list_of_commands_fits_a_terminal),
        TEST(the_version_is_a_command_and_an_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
