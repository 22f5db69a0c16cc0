/* secret.c - the first line of a file. */
#include "common/core/secret.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Whether the line that was read ended there; the next byte says so when there was just room. */
static bool line_is_whole(FILE *file, const char *line)
{
    if (strpbrk(line, "\r\n") != NULL)
        return true;
    int next = fgetc(file);
    return next == EOF || next == '\n' || next == '\r';
}

static enum fy_code read_line(FILE *file, const char *setting, const char *path, char *line,
                              size_t line_bytes, struct fy_err *err)
{
    errno = 0;
    if (fgets(line, (int)line_bytes, file) == NULL) {
        line[0] = '\0'; /* an error leaves it as it was, or worse */
        if (ferror(file))
            return fy_err_set(err, FY_EIO, "%s: %s: %s", setting, path, strerror(errno));
    }
    if (!line_is_whole(file, line))
        return fy_err_set(err, FY_EINPUT, "%s: over %zu bytes in the first line of %s", setting,
                          line_bytes - 1, path);
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0')
        return fy_err_set(err, FY_EINPUT, "%s: nothing in the first line of %s", setting, path);
    return FY_OK;
}

enum fy_code fy_secret_read(const char *setting, const char *path, char *line, size_t line_bytes,
                            struct fy_err *err)
{
    FY_ASSERT(line_bytes >= 2);
    line[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fy_err_set(err, FY_EIO, "%s: %s: %s", setting, path, strerror(errno));
    enum fy_code code = read_line(file, setting, path, line, line_bytes, err);
    (void)fclose(file); /* it was only read */
    if (code != FY_OK)
        explicit_bzero(line, line_bytes);
    return code;
}
