/* about.c - commands that only speak of Ferry itself: help, version, config show. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

#define TEXT_BYTES_MAX (256 << 10)

static int print(struct fy_buf *buf)
{
    bool good = fputs(buf->bytes != NULL ? buf->bytes : "", stdout) >= 0 && fflush(stdout) == 0;
    fy_buf_done(buf);
    return good ? FY_EXIT_DONE : FY_EXIT_ERROR;
}

int fy_help(const char *first, const char *second)
{
    struct fy_buf buf;
    struct fy_err err = {0};
    fy_buf_init(&buf, TEXT_BYTES_MAX);
    if (fy_command_help(first, second, &buf, &err) == FY_OK)
        return print(&buf);
    fy_buf_done(&buf);
    fprintf(stderr, "ferry: %s\n", err.text);
    return FY_EXIT_USAGE;
}

int fy_command_help_show(const struct fy_command_line *line)
{
    return fy_help(line->word_count > 0 ? line->words[0] : NULL,
                   line->word_count > 1 ? line->words[1] : NULL);
}

int fy_command_version(const struct fy_command_line *line)
{
    struct fy_buf buf;
    fy_buf_init(&buf, TEXT_BYTES_MAX);
    if (line->json) {
        fy_buf_text(&buf, "{");
        fy_buf_json_str(&buf, "version", FY_VERSION);
        fy_buf_text(&buf, "}\n");
    } else {
        fy_buf_printf(&buf, "ferry %s\n", FY_VERSION);
    }
    return print(&buf);
}

int fy_command_config_show(const struct fy_command_line *line)
{
    struct fy_buf buf;
    fy_buf_init(&buf, TEXT_BYTES_MAX);
    fy_config_print(&line->config, line->json, &buf);
    return print(&buf);
}
