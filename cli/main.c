/* main.c - `ferry`: finds the command and runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

#define HELP_BYTES_MAX (256 << 10)

/* --help wins wherever it stands, so that it may be put behind a line that does not work. */
static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return argc == 0;
}

static int help(int argc, char **argv)
{
    int used;
    struct fy_buf buf;
    fy_buf_init(&buf, HELP_BYTES_MAX);
    fy_command_help(fy_command_find(argc, argv, &used), &buf);
    bool good = fputs(buf.bytes, stdout) >= 0 && fflush(stdout) == 0;
    fy_buf_done(&buf);
    return good ? FY_EXIT_DONE : FY_EXIT_ERROR;
}

int main(int argc, char **argv)
{
    struct fy_err err = {0};
    if (wants_help(argc - 1, argv + 1))
        return help(argc - 1, argv + 1);
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
