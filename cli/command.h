/* command.h - the subcommands of `ferry`: what each gets, and the exit codes (DESIGN 10). */
#ifndef FY_CLI_COMMAND_H
#define FY_CLI_COMMAND_H

#include "common/core/config.h"

enum {
    FY_EXIT_DONE = 0,
    FY_EXIT_ERROR = 1,
    FY_EXIT_USAGE = 2,
    FY_EXIT_SOME_FAILED = 3,
    FY_EXIT_NOT_FOUND = 4,
    FY_EXIT_TEMPORARY = 5,
    FY_EXIT_REFUSED = 6,
    FY_EXIT_FATAL = 7,
    FY_EXIT_LIMIT = 8,
    FY_EXIT_NOTHING = 9,
    FY_EXIT_TIMED_OUT = 10,
    FY_EXIT_DIFFERENT = 11,
    FY_EXIT_INTERRUPTED = 130,
};

#define FY_COMMAND_OPTIONS_MAX 32 /* given on one command line */
#define FY_COMMAND_OWN_MAX     12 /* options of one command */

/* An option of the command's own, beside the settings it takes. */
struct fy_option_def {
    const char *name;     /* "wait": --wait; one letter: -f */
    const char *argument; /* "FILE"; NULL: a switch */
    const char *meaning;
};
struct fy_option_value {
    const char *name;
    const char *value; /* "" for a switch */
};

struct fy_command_line;
struct fy_command {
    const char *name;  /* "site add": one or two words */
    const char *words; /* "NAME URL" for the usage line */
    int words_min, words_max;
    unsigned settings; /* FY_FOR_SERVER or FY_FOR_CLIENT: which settings are flags of it */
    int (*run)(const struct fy_command_line *line); /* returns the exit code */
    const char *meaning;                            /* one line */
    struct fy_option_def options[FY_COMMAND_OWN_MAX];
};

/* A parsed command line. All borrowed from main. */
struct fy_command_line {
    const struct fy_command *command;
    struct fy_config config;
    bool json;
    int word_count;
    const char *words[FY_COMMAND_OPTIONS_MAX];
    struct fy_option_value options[FY_COMMAND_OPTIONS_MAX];
    size_t option_count;
};

/* The last value given to the command's own option ("" for a switch), or NULL. */
const char *fy_option(const struct fy_command_line *line, const char *name);

const struct fy_command *fy_commands(size_t *count); /* commands.c: the table */
/* Reads argv behind the program's name. Errors: FY_EINPUT with a sentence. In arguments.c. */
FY_MUST_CHECK enum fy_code fy_command_line_parse(int argc, char **argv,
                                                 struct fy_command_line *line, struct fy_err *err);
/* Usage into buf: of the command that the words name ("site", "add"), of all that begin with first,
 * or of all there are. Either word may be NULL. Errors: FY_EINPUT there is no such. In arguments.c.
 */
FY_MUST_CHECK enum fy_code fy_command_help(const char *first, const char *second,
                                           struct fy_buf *buf, struct fy_err *err);

/* The commands. roles.c, about.c: */
int fy_command_role(const struct fy_command_line *line); /* up, api, worker */
int fy_command_config_show(const struct fy_command_line *line);
int fy_command_config_check(const struct fy_command_line *line); /* config_check.c */
int fy_command_version(const struct fy_command_line *line);
int fy_command_help_show(const struct fy_command_line *line);
/* Prints fy_command_help; the exit code. In about.c. */
int fy_help(const char *first, const char *second);
/* client commands, one file a noun: */
int fy_command_site_add(const struct fy_command_line *line);
int fy_command_site_ls(const struct fy_command_line *line);
int fy_command_site_rm(const struct fy_command_line *line);
int fy_command_site_pause(const struct fy_command_line *line);
int fy_command_site_resume(const struct fy_command_line *line);
int fy_command_bucket_mk(const struct fy_command_line *line);
int fy_command_bucket_set(const struct fy_command_line *line);
int fy_command_bucket_ls(const struct fy_command_line *line);
int fy_command_bucket_rm(const struct fy_command_line *line);
int fy_command_put(const struct fy_command_line *line);
int fy_command_get(const struct fy_command_line *line);
int fy_command_ls(const struct fy_command_line *line);
int fy_command_rm(const struct fy_command_line *line);
int fy_command_stat(const struct fy_command_line *line);
int fy_command_diff(const struct fy_command_line *line);
int fy_command_order(const struct fy_command_line *line);
int fy_command_backfill(const struct fy_command_line *line);
int fy_command_status(const struct fy_command_line *line);
int fy_command_lag(const struct fy_command_line *line);
int fy_command_failed_ls(const struct fy_command_line *line);
int fy_command_failed_show(const struct fy_command_line *line);
int fy_command_failed_retry(const struct fy_command_line *line);
int fy_command_failed_drop(const struct fy_command_line *line);
int fy_command_verify(const struct fy_command_line *line);
int fy_command_undelete(const struct fy_command_line *line);
int fy_command_doctor(const struct fy_command_line *line);
int fy_command_health(const struct fy_command_line *line);
int fy_command_topics_ensure(const struct fy_command_line *line);
int fy_command_fsck(const struct fy_command_line *line);

#endif
