/* arguments.c - argv into a command line; usage out of the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "common/adapters/config_inih.h"

const char *fy_option(const struct fy_command_line *line, const char *name)
{
    for (size_t i = line->option_count; i > 0; i--)
        if (strcmp(line->options[i - 1].name, name) == 0)
            return line->options[i - 1].value;
    return NULL;
}

/* Whether the command's first word is this. */
static bool begins_with(const struct fy_command *command, const char *first)
{
    size_t first_bytes = strlen(first);
    return strncmp(command->name, first, first_bytes) == 0 &&
           (command->name[first_bytes] == ' ' || command->name[first_bytes] == '\0');
}

/* The command of one word, or of both; NULL when there is none. */
static const struct fy_command *find(const char *first, const char *second)
{
    size_t count;
    const struct fy_command *commands = fy_commands(&count);
    for (size_t i = 0; i < count; i++) {
        const char *space = strchr(commands[i].name, ' ');
        if (begins_with(&commands[i], first) &&
            (space == NULL || (second != NULL && strcmp(second, space + 1) == 0)))
            return &commands[i];
    }
    return NULL;
}

/* "site" alone, or with a wrong word behind it, is told what there is. */
static enum fy_code refuse(const char *first, const char *second, struct fy_err *err)
{
    size_t count, found = 0;
    const struct fy_command *commands = fy_commands(&count);
    struct fy_buf names;
    fy_buf_init(&names, FY_ERR_TEXT_BYTES);
    for (size_t i = 0; i < count; i++)
        if (begins_with(&commands[i], first))
            fy_buf_printf(&names, "%s%s", found++ > 0 ? ", " : "", commands[i].name);
    if (found == 0)
        (void)fy_err_set(err, FY_EINPUT, "there is no command '%s'; see ferry help", first);
    else
        (void)fy_err_set(err, FY_EINPUT, "there is no command '%s%s%s'; try %s", first,
                         second != NULL ? " " : "", second != NULL ? second : "", names.bytes);
    fy_buf_done(&names);
    return FY_EINPUT;
}

static const struct fy_option_def *find_own(const struct fy_command *command, const char *name)
{
    for (size_t i = 0; i < FY_COMMAND_OWN_MAX && command->options[i].name != NULL; i++)
        if (strcmp(command->options[i].name, name) == 0)
            return &command->options[i];
    return NULL;
}

/* "retry-max-age" is the setting retry.max_age; -X is --kafka, as Kafka's own tools have it. */
static const struct fy_config_field *find_setting(const struct fy_command *command,
                                                  const char *flag)
{
    size_t count;
    if (strcmp(flag, "X") == 0)
        flag = "kafka";
    const struct fy_config_field *fields = fy_config_fields(&count);
    for (size_t i = 0; i < count; i++) {
        const char *a = fields[i].name;
        const char *b = flag;
        while (*a != '\0' && (*a == *b || (*b == '-' && (*a == '.' || *a == '_')))) {
            a++;
            b++;
        }
        if (*a == '\0' && *b == '\0' && (fields[i].commands & command->settings) != 0)
            return &fields[i];
    }
    return NULL;
}

/* A flag as it was given; settings are applied last, over file and environment. */
struct flag {
    const char *name, *value;
};
struct flags {
    struct flag list[FY_COMMAND_OPTIONS_MAX + FY_CONFIG_PEERS_MAX + FY_KAFKA_PROPERTIES_MAX];
    size_t count;
    const char *config_file;
};

static enum fy_code add_setting(struct flags *flags, const struct fy_config_field *field,
                                const char *value, struct fy_err *err)
{
    if (flags->count == FY_COUNT_OF(flags->list))
        return fy_err_set(err, FY_EINPUT, "too many options");
    flags->list[flags->count++] = (struct flag){field->name, value};
    return FY_OK;
}

static enum fy_code add_own(struct fy_command_line *line, const struct fy_option_def *option,
                            const char *value, struct fy_err *err)
{
    if (line->option_count == FY_COMMAND_OPTIONS_MAX)
        return fy_err_set(err, FY_EINPUT, "too many options");
    line->options[line->option_count++] = (struct fy_option_value){option->name, value};
    return FY_OK;
}

/* argv[*at] is an option; takes its value, in the same word after '=' or in the next. */
static enum fy_code read_option(int argc, char **argv, int *at, struct fy_command_line *line,
                                struct flags *flags, struct fy_err *err)
{
    char name[64] = "";
    const char *word = argv[*at] + (argv[*at][1] == '-' ? 2 : 1);
    const char *equals = strchr(word, '=');
    size_t name_bytes = equals != NULL ? (size_t)(equals - word) : strlen(word);
    if (name_bytes >= sizeof(name))
        return fy_err_set(err, FY_EINPUT, "there is no option %s", argv[*at]);
    memcpy(name, word, name_bytes);
    if (strcmp(name, "json") == 0 && equals == NULL) {
        line->json = true;
        return FY_OK;
    }
    const struct fy_option_def *own = find_own(line->command, name);
    const struct fy_config_field *setting = find_setting(line->command, name);
    bool is_file = strcmp(name, "config") == 0;
    if (own == NULL && setting == NULL && !is_file)
        return fy_err_set(err, FY_EINPUT, "'%s' has no option %s", line->command->name, argv[*at]);
    const char *value = equals != NULL ? equals + 1 : "";
    if (own != NULL && own->argument == NULL && equals != NULL)
        return fy_err_set(err, FY_EINPUT, "--%s takes no value", name);
    if (equals == NULL && (own == NULL || own->argument != NULL)) {
        if (*at + 1 >= argc)
            return fy_err_set(err, FY_EINPUT, "%s needs a value", argv[*at]);
        value = argv[++*at];
    }
    if (own != NULL)
        return add_own(line, own, value, err);
    if (setting != NULL)
        return add_setting(flags, setting, value, err);
    flags->config_file = value;
    return FY_OK;
}

static enum fy_code read_words(int argc, char **argv, struct fy_command_line *line,
                               struct flags *flags, struct fy_err *err)
{
    bool options_end = false;
    for (int i = 0; i < argc; i++) {
        bool is_option = !options_end && argv[i][0] == '-' && argv[i][1] != '\0';
        if (is_option && strcmp(argv[i], "--") == 0) {
            options_end = true;
        } else if (is_option) {
            enum fy_code code = read_option(argc, argv, &i, line, flags, err);
            if (code != FY_OK)
                return code;
        } else if (line->word_count == FY_COMMAND_OPTIONS_MAX) {
            return fy_err_set(err, FY_EINPUT, "too many words");
        } else {
            line->words[line->word_count++] = argv[i];
        }
    }
    const struct fy_command *command = line->command;
    if (line->word_count < command->words_min || line->word_count > command->words_max)
        return fy_err_set(err, FY_EINPUT, "usage: ferry %s%s%s", command->name,
                          command->words[0] != '\0' ? " " : "", command->words);
    return FY_OK;
}

/* Defaults, then the file, then FERRY_*, then flags: each over the one before. */
static enum fy_code apply(const struct flags *flags, struct fy_config *config, struct fy_err *err)
{
    const char *file = flags->config_file != NULL ? flags->config_file : getenv("FERRY_CONFIG");
    enum fy_code code = FY_OK;
    fy_config_init(config);
    if (file != NULL && file[0] != '\0')
        code = fy_config_file(config, file, err);
    if (code == FY_OK)
        code = fy_config_environment(config, environ, err);
    for (size_t i = 0; code == FY_OK && i < flags->count; i++)
        code = fy_config_set(config, flags->list[i].name, flags->list[i].value, err);
    return code;
}

enum fy_code fy_command_line_parse(int argc, char **argv, struct fy_command_line *line,
                                   struct fy_err *err)
{
    struct flags flags = {0};
    const char *first = argc > 0 ? argv[0] : "";
    const char *second = argc > 1 && argv[1][0] != '-' ? argv[1] : NULL;
    if (strcmp(first, "--version") == 0)
        first = "version";
    *line = (struct fy_command_line){.command = find(first, second)};
    if (line->command == NULL)
        return refuse(first, second, err);
    int used = strchr(line->command->name, ' ') != NULL ? 2 : 1;
    enum fy_code code = read_words(argc - used, argv + used, line, &flags, err);
    if (code == FY_OK)
        code = apply(&flags, &line->config, err);
    return code;
}

/* ---- help */

static void help_of(const struct fy_command *command, struct fy_buf *buf)
{
    fy_buf_printf(buf, "usage: ferry %s%s%s [options]\n%s\n\noptions:\n", command->name,
                  command->words[0] != '\0' ? " " : "", command->words, command->meaning);
    for (size_t i = 0; i < FY_COMMAND_OWN_MAX && command->options[i].name != NULL; i++) {
        const struct fy_option_def *option = &command->options[i];
        char flag[64];
        (void)snprintf(flag, sizeof(flag), "%s%s %s", option->name[1] == '\0' ? "-" : "--",
                       option->name, option->argument != NULL ? option->argument : "");
        fy_buf_printf(buf, "  %-34s %s\n", flag, option->meaning);
    }
    fy_config_help(command->settings, buf);
    fy_buf_printf(buf, "  %-34s %s\n  %-34s %s\n", "--config FILE",
                  "settings as an INI file [FERRY_CONFIG]", "--json", "print JSON");
}

/* One line for each command of the group; NULL: for all there are. */
static size_t help_lines(const char *group, struct fy_buf *buf)
{
    size_t count, found = 0;
    const struct fy_command *commands = fy_commands(&count);
    for (size_t i = 0; i < count; i++) {
        char usage[64];
        if (group != NULL && !begins_with(&commands[i], group))
            continue;
        (void)snprintf(usage, sizeof(usage), "%s %s", commands[i].name, commands[i].words);
        fy_buf_printf(buf, "  ferry %-32s %s\n", usage, commands[i].meaning);
        found++;
    }
    return found;
}

enum fy_code fy_command_help(const char *first, const char *second, struct fy_buf *buf,
                             struct fy_err *err)
{
    const struct fy_command *command = first != NULL ? find(first, second) : NULL;
    if (command != NULL) {
        help_of(command, buf);
        return FY_OK;
    }
    if (first != NULL) {
        if (second != NULL || help_lines(first, buf) == 0)
            return refuse(first, second, err);
        fy_buf_printf(buf, "\nferry help %s COMMAND shows a command's options.\n", first);
        return FY_OK;
    }
    fy_buf_text(buf, "ferry: object replication between sites\n\n");
    (void)help_lines(NULL, buf);
    fy_buf_text(buf,
                "\nEvery option is also a variable (--retry-max-age: FERRY_RETRY_MAX_AGE) and a "
                "line of the INI file.\nferry help COMMAND shows a command's options.\n");
    return FY_OK;
}
