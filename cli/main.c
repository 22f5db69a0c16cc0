/* main.c - `ferry`: finds the command and runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

int main(int argc, char **argv)
{
    struct fy_err err = {0};
    struct fy_command_line *line = fy_alloc(sizeof(*line));
    int status = FY_EXIT_USAGE;
    static char help[] = "help";
    static char *help_argv[] = {help, NULL};
    bool wants_help = argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    enum fy_code code = wants_help ? fy_command_line_parse(1, help_argv, line, &err)
                                   : fy_command_line_parse(argc - 1, argv + 1, line, &err);
    if (code == FY_OK)
        status = line->command->run(line);
    else
        fprintf(stderr, "ferry: %s\n", err.text);
    free(line);
    return status;
}
