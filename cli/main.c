/* main.c - `ferry`: finds the command and runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

/* --help wins wherever it stands, so that it may be put behind a line that does not work. */
static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return argc == 0;
}

/* The word, unless it is an option or not there. */
static const char *word(int argc, char **argv, int i)
{
    return i < argc && argv[i][0] != '-' ? argv[i] : NULL;
}

int main(int argc, char **argv)
{
    struct fy_err err = {0};
    if (wants_help(argc - 1, argv + 1))
        return fy_help(word(argc, argv, 1), word(argc, argv, 2));
    struct fy_command_line *line = fy_alloc(sizeof(*line));
    int status = FY_EXIT_USAGE;
    enum fy_code code = fy_command_line_parse(argc - 1, argv + 1, line, &err);
    if (code == FY_OK)
        status = line->command->run(line);
    else
        fprintf(stderr, "ferry: %s\n", err.text);
    free(line);
    return status;
}
